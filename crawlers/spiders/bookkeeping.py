"""What every crawl of ours keeps: its sources, one fate for each page, moments at which all is safe, and the run in figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from scrapy import Spider

from crawlers.archive import Archive
from crawlers.memory import EXTRACTED, FetchMemory, schedule
from crawlers.middlewares import hosts_of
from crawlers.outcomes import ABSENT
from crawlers.polling import Polling
from crawlers.reading import Readers
from crawlers.runs import PageFate, RunWriter
from crawlers.spool import Spool
from crawlers.switches import Switches
from crawlers.visits import SourceCrawl, Visit
from diembao.article import ArchiveRecord
from diembao.clock import Clock
from diembao.errors import DiembaoError
from diembao.fates import Fate
from diembao.source import Source
from diembao.state import FetchState

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

_CHECKPOINT_PAGES = 500
_CHECKPOINT_SECONDS = 5.0
"""Pages or seconds between two moments at which everything written so far is made safe."""

_PROGRESS_SECONDS = 10.0


class RunSpider(Spider):
    """The run of a crawl over all its sources at once, each at its own pace.

    Args:
        sources: what to crawl.
        memory: what earlier runs know.
        run: where this run is written.
        archive: where pages are kept.
        spool: where fetched pages wait to be read.
        clock: the present moment.
        problems: what is wrong with sources that cannot be crawled, for the summary.
        progress: gets a line for a person now and then.
        page_limit: pages per source, for a trial; None: no limit but the time.
        minutes: time per source; None: the setting.
        polling: which entrances are asked; None: all.
    """

    def __init__(
        self,
        sources: list[Source],
        memory: FetchMemory,
        run: RunWriter,
        archive: Archive,
        spool: Spool,
        clock: Clock,
        problems: list[dict[str, str]],
        progress: Callable[[str], None],
        page_limit: int | None = None,
        minutes: float | None = None,
        polling: Polling | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sources = sources
        self.memory = memory
        self.run = run
        self.archive = archive
        self.spool = spool
        self.clock = clock
        self.problems = problems
        self.progress = progress
        self.page_limit = page_limit
        self.minutes = minutes
        self.polling = polling or Polling(memory, None, is_paced=False)
        self.fatal: Exception | None = None
        self.crawls: list[SourceCrawl] = []
        self.started_at = clock()
        # Of pages that have their fate only this stays, so that a crawl of a year's pages needs little memory.
        self._taken: set[str] = set()
        self._titles: dict[str, int] = {}
        self._open: dict[int, Visit] = {}
        self._settled = 0
        self._safe_at = self._told_at = monotonic()
        self.result: dict[str, Any] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Scrapy's way of making one."""
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.configure(crawler.settings)
        return spider

    def configure(self, settings: BaseSettings) -> None:
        """Take the limits from the settings."""
        self._failures_max = settings.getint("DIEMBAO_FAILURES_MAX")
        self._read_seconds = settings.getfloat("DIEMBAO_READ_SECONDS")
        folder = settings.get("DIEMBAO_SOURCES")
        self._switches = Switches(Path(folder) if folder else None)
        self._readers = Readers(self.sources, settings.getint("DIEMBAO_READERS"), self._read_seconds)
        if self.minutes is None:
            self.minutes = settings.getfloat("DIEMBAO_MINUTES")

    # --- one fate for each page ---

    def _take(self, visit: Visit, *pages: str) -> None:
        """Note that `pages` are on their way in this run."""
        self._taken.update(pages)
        self._open[id(visit)] = visit

    def _goes_on(self, crawl: SourceCrawl) -> bool:
        if self.fatal is not None or (self.page_limit is not None and crawl.taken >= self.page_limit):
            return False
        return crawl.failures < self._failures_max and monotonic() < crawl.deadline and not self._switches.is_off(crawl.source)

    def _settle(
        self,
        visit: Visit,
        fate: Fate | None,
        detail: str = "",
        answer: ArchiveRecord | None = None,
        published: datetime | None = None,
    ) -> None:
        """Give a page its fate.

        Args:
            visit: the page.
            fate: what became of it; None: its Article is in the run.
            detail: a line about it.
            answer: where the answer is archived that did not hold the article any more.
            published: when its Article says that it was published.
        """
        if visit.settled:
            self._stop(DiembaoError(f"a second fate ({fate}) for {visit.url}", "This is a defect; please report it"))
            return
        visit.settled = True
        self._open.pop(id(visit), None)
        now = self.clock()
        entry = visit.entry
        detail = " ".join(detail.split())[:300]
        if entry.article_id is not None and entry.role == "article" and fate in ABSENT:
            self.memory.is_away(entry, fate, detail, answer, now)
        elif entry.article_id is not None and fate in (None, Fate.UNCHANGED) and entry.fate in ABSENT:
            self.memory.is_back(entry.article_id, now)
        try:
            self.run.write_fate(PageFate(visit.page, visit.url, visit.source.id, fate, detail))
            self._remember(entry, visit.source, fate, now, published)
            if visit.spooled is not None:
                self.spool.done(visit.spooled)
            self._settled += 1
            if self._settled >= _CHECKPOINT_PAGES or monotonic() - self._safe_at > _CHECKPOINT_SECONDS:
                self.checkpoint()
            if monotonic() - self._told_at > _PROGRESS_SECONDS:
                self._told_at = monotonic()
                self.progress(self._said())
        except (OSError, DiembaoError) as error:
            self._stop(error)

    def _remember(self, entry: FetchState, source: Source, fate: Fate | None, at: datetime, published: datetime | None) -> None:
        """Remember what became of the page of `entry`, and when it is due again."""
        plan = schedule(entry, fate, source.recrawl_hours, at, published)
        if entry.role == "part":
            plan = replace(plan, next_fetch_at=None)  # it is asked for with the first page of its article
        entry.fate = str(fate) if fate is not None else EXTRACTED
        entry.fetched_at, entry.next_fetch_at, entry.failures = at, plan.next_fetch_at, plan.failures
        self.memory.remember(entry)

    def _said(self) -> str:
        """How far the crawl has come, for a person."""
        counts = self.run.counts()
        return f"{counts['fetched']} pages, {counts['extracted']} articles so far"

    def checkpoint(self) -> None:
        """Make everything so far safe: first the pages and articles, then the memory of having fetched them."""
        self.spool.sync()
        self.archive.sync()
        self.run.sync()
        self.memory.commit()
        self.spool.tidy()
        self._settled, self._safe_at = 0, monotonic()

    def _make_safe(self) -> None:
        """A checkpoint; where it fails, the crawl ends."""
        try:
            self.checkpoint()
        except (OSError, DiembaoError) as error:
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        """End the crawl: what it writes cannot be written any more."""
        if self.fatal is None:
            self.fatal = error
            engine = self.crawler.engine
            if engine is not None:
                engine.close_spider(self, "failed")

    # --- the end ---

    def closed(self, reason: str) -> None:
        """Write the summary; with `reason` "finished" every page must have its fate."""
        try:
            for host, seconds in hosts_of(self.crawler).closed().items():
                self.memory.close_host(host, seconds, self.clock())
            self.checkpoint()
            open_pages = [visit.url for visit in self._open.values()]
            if reason == "finished" and open_pages:
                raise DiembaoError(
                    f"{len(open_pages)} pages have no fate, the first is {open_pages[0]}", "This is a defect; please report it"
                )
            self.result = self.summary(self.clock(), interrupted=reason != "finished")
            self.run.finish(self.result)
        except (OSError, DiembaoError) as error:
            self.fatal = self.fatal or error
        finally:
            self._readers.close()
            self.archive.close()
            self.spool.close()
            self.memory.close()

    def summary(self, now: datetime, interrupted: bool) -> dict[str, Any]:
        """The run in figures: in all and per source, with the problems."""
        for crawl in self.crawls:
            if crawl.failures >= self._failures_max:
                crawl.report(str(crawl.source.homepage or crawl.source.domain), f"{crawl.failures} pages in a row without an answer")
        return {
            "run": self.run.folder.name,
            "started_at": self.started_at.isoformat(),
            "ended_at": now.isoformat(),
            "interrupted": interrupted,
            **self.run.counts(),
            "sources": {
                crawl.source.id: {
                    **self.run.counts(crawl.source.id),
                    "known": crawl.known,
                    "not_due": crawl.not_due,
                    "waiting": len(crawl.fresh) + len(crawl.due),
                    "entrances": crawl.entrances,
                }
                for crawl in self.crawls
            },
            "problems": [*self.problems, *(problem for crawl in self.crawls for problem in crawl.problems)],
        }
