"""What one crawl keeps in mind while it runs: pages on their way, and how each source is doing."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    failures: int = 0
    last: asyncio.Future[None] | None = None
    entrances: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    def report(self, url: str, problem: str) -> None:
        """Note something that a person should look at."""
        self.problems.append({"source": self.source.id, "url": url, "problem": problem})
