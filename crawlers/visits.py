"""What one crawl keeps in mind while it runs: pages on their way, and how each source is doing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawlers.entrances import Role
from crawlers.extraction.parts import numbered
from crawlers.pages import FetchedPage
from crawlers.reading import Reading
from crawlers.sites import host_of
from crawlers.spool import Spooled
from diembao.fates import Fate
from diembao.source import Source
from diembao.state import FetchState


@dataclass
class Visit:
    """One page on its way.

    Attributes:
        source: its source.
        entry: what is remembered of the address that is asked for.
        page: its id in the run; of the address that answered.
        url: that address.
        settled: whether it has its fate.
        spooled: where it waits until it has.
        wanted_by: the article that it turned out to be a later page of, while it was on its way for itself.
        stands_for: AMP and mobile pages of the same article, which wait for what becomes of this one.
        is_canonical: it was asked for because an AMP or mobile page named it.
        waits: it has come, and its fate hangs on other pages.
    """

    source: Source
    entry: FetchState
    page: str
    url: str
    settled: bool = False
    spooled: Spooled | None = None
    wanted_by: LongArticle | None = None
    stands_for: list[tuple[Visit, FetchedPage, Reading]] = field(default_factory=list)
    is_canonical: bool = False
    waits: bool = False


@dataclass
class LongArticle:
    """An article on several pages, on its way: the pages that name each other are fetched one after the other.

    Attributes:
        crawl: of its source.
        visit: its first page.
        page: the same, as it was fetched, without its payload.
        parts: its later pages that were fetched, as they came.
        pending: fates of later pages that could not be had for a passing reason, or that there was no time for, each with a line about it.
    """

    crawl: SourceCrawl
    visit: Visit
    page: FetchedPage
    parts: list[Visit] = field(default_factory=list)
    pending: list[tuple[Fate, str]] = field(default_factory=list)
    _named: dict[int, str] = field(default_factory=dict)
    _texts: set[str] = field(default_factory=set)
    _asked: int = 1

    def learn(self, reading: Reading) -> None:
        """Take up what a page of it says: its text, and where others are. One that repeats a text before it is the end."""
        text = reading.article.body if reading.article else ""
        if reading.problem not in (None, Fate.TOO_SHORT):
            return
        if text in self._texts:
            self._named.clear()
            return
        self._texts.add(text)
        for address in reading.further:
            if _plain_host(address) == _plain_host(self.visit.url):
                self._named.setdefault(numbered(address)[1], address)

    def next_page(self) -> tuple[int, str] | None:
        """(number, address) of the page that comes next; None when no further one is known."""
        number = min((number for number in self._named if number > self._asked), default=None)
        if number is None:
            return None
        self._asked = number
        return number, self._named[number]


def _plain_host(url: str) -> str:
    return host_of(url).removeprefix("www.")


@dataclass
class LeftOver:
    """A file that a killed crawl left: its pages that are read now, how many wait, and whether sources need it that are not crawled."""

    path: Path
    pages: list[tuple[SourceCrawl, Visit, FetchedPage]] = field(default_factory=list)
    waiting: int = 0
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
