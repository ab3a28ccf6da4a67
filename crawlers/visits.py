"""What one crawl keeps in mind while it runs: pages on their way, and how each source is doing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawlers.entrances import Role
from crawlers.pages import FetchedPage
from crawlers.spool import Spooled
from diembao.source import Source
from diembao.state import FetchState


@dataclass
class Visit:
    """One page on its way."""

    source: Source
    entry: FetchState
    page: str
    url: str
    settled: bool = False


@dataclass
class LeftOver:
    """A file of pages that a killed crawl left; `is_needed`: also pages of sources that this crawl does not have."""

    path: Path
    pages: list[tuple[SourceCrawl, Visit, FetchedPage, Spooled]] = field(default_factory=list)
    is_needed: bool = False


@dataclass
class SourceCrawl:
    """What happens to one source in this run."""

    source: Source
    deadline: float
    fresh: deque[FetchState] = field(default_factory=deque)
    due: deque[FetchState] = field(default_factory=deque)
    queued: set[str] = field(default_factory=set)
    in_flight: int = 0
    taken: int = 0
    known: int = 0
    not_due: int = 0
    overflowed: bool = False
    failures: int = 0
    last: asyncio.Future[None] | None = None
    entrances: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    def report(self, url: str, problem: str) -> None:
        """Note something that a person should look at."""
        self.problems.append({"source": self.source.id, "url": url, "problem": problem})


def entrances(source: Source) -> Iterator[tuple[Role, str, str]]:
    """(role, address, selector of a listing's links) of each way into a source."""
    for feed in source.feeds:
        yield "feed", str(feed), ""
    for sitemap in source.sitemaps:
        yield "sitemap", str(sitemap), ""
    for listing in source.listings:
        yield "listing", str(listing.url), listing.links


def conditions(entry: FetchState) -> dict[str, str]:
    """The headers that ask "only if it changed"; none when we do not have what would be unchanged."""
    if not entry.content_hash:
        return {}
    conditions = {"If-None-Match": entry.etag, "If-Modified-Since": entry.last_modified}
    return {name: value for name, value in conditions.items() if value}


def validator(value: str, longest: int) -> str | None:
    """An ETag or Last-Modified header as it is remembered; None for one that is empty or too long."""
    return value.strip() if 0 < len(value.strip()) <= longest else None
