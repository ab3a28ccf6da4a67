"""The one spider: from the feeds, sitemaps and listings of its sources to read pages, each with one fate."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from scrapy import Request, Spider

from crawlers.apart import TookTooMuch, read_apart
from crawlers.archive import Archive
from crawlers.compression import BadCompression, TooMuch
from crawlers.entrances import EntranceError, Link, Role, Sitemap, candidates, read_entrance
from crawlers.locks import is_at_work
from crawlers.memory import EXTRACTED, FetchMemory, new_entry, schedule
from crawlers.middlewares import hosts_of
from crawlers.outcomes import ABSENT, NO_ANSWER, fate_of_failure, fate_of_status
from crawlers.pages import FetchedPage, without_personal_numbers
from crawlers.polling import Polling
from crawlers.reading import Readers, Reading
from crawlers.runs import PageFate, RunWriter, read_run
from crawlers.sites import is_front_page, is_on_site
from crawlers.spool import Spool, Spooled, left_over, waiting_pages
from crawlers.visits import LeftOver, SourceCrawl, Visit, conditions, entrances
from diembao.article import ArchiveRecord, Article
from diembao.clock import Clock
from diembao.errors import ArchiveError, DiembaoError
from diembao.fates import Fate
from diembao.source import Source
from diembao.state import FetchState
from diembao.urls import article_id, normalise_url

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")

_CHECKPOINT_PAGES = 500
_CHECKPOINT_SECONDS = 5.0
"""Pages or seconds between two moments at which everything written so far is made safe."""

_PROGRESS_SECONDS = 10.0

_SITEMAP_DEPTH = 3


class NewspaperSpider(Spider):
    """Crawls all its sources at once, each at its own pace.

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

    name = "newspaper"

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
        self._in_flight = settings.getint("DIEMBAO_IN_FLIGHT")
        self._failures_max = settings.getint("DIEMBAO_FAILURES_MAX")
        self._links_max = settings.getint("DIEMBAO_LINKS_MAX")
        self._sitemaps_max = settings.getint("DIEMBAO_SITEMAPS_MAX")
        entrance = settings.getint("DIEMBAO_ENTRANCE_MAXSIZE")
        self._maxsize = {"feed": entrance, "listing": entrance, "sitemap": settings.getint("DIEMBAO_SITEMAP_MAXSIZE")}
        self._queue_max = settings.getint("DIEMBAO_QUEUE_MAX")
        self._at_once = settings.getint("DIEMBAO_ENTRANCE_AT_ONCE")
        self._read_seconds = settings.getfloat("DIEMBAO_READ_SECONDS")
        self._entrance_readers = asyncio.Semaphore(settings.getint("DIEMBAO_ENTRANCE_READERS"))
        self._readers = Readers(self.sources, settings.getint("DIEMBAO_READERS"), self._read_seconds)
        if self.minutes is None:
            self.minutes = settings.getfloat("DIEMBAO_MINUTES")

    async def start(self) -> AsyncIterator[Request]:
        """The entrances of every source, then the pages that are due."""
        for host, seconds in self.memory.closed_hosts(self.clock()).items():
            hosts_of(self.crawler).close(host, seconds)
        self.crawls = [SourceCrawl(source, monotonic() + 60 * (self.minutes or 0.0)) for source in self.sources]
        files = self._find_left_over()
        self._make_safe()  # what is due is asked of the database
        for crawl in self.crawls:
            most = min(self._links_max, self._queue_max)
            for entry in self.memory.due(crawl.source.id, self.clock(), most):
                if entry.url not in crawl.queued:
                    crawl.due.append(entry)
                    crawl.queued.add(entry.url)
            crawl.overflowed = most == self._queue_max == len(crawl.due)
            for request in self._ways_in(crawl):
                yield request
        await self._read_left_over(files)
        for crawl in self.crawls:
            for request in self._next_pages(crawl):
                yield request

    # --- feeds, sitemaps, listings ---

    def _ways_in(self, crawl: SourceCrawl) -> Iterator[Request]:
        """The first requests for feeds, sitemaps and listings."""
        for role, address, links in entrances(crawl.source):
            if self.polling.is_due(self._known_entrance(crawl, role, address), crawl.source, self.clock()):
                yield self._entrance_request(crawl, role, address, links, depth=0)
            else:
                crawl.not_due += 1

    def _known_entrance(self, crawl: SourceCrawl, role: Role, address: str) -> FetchState:
        """What is remembered of a feed, sitemap or listing."""
        normal = normalise_url(address)
        entry = self.memory.look_up([normal]).get(normal)
        return entry if entry is not None and entry.role == role else new_entry(address, crawl.source.id, role, self.clock())

    def _remember_entrance(self, entry: FetchState) -> None:
        self.memory.remember(entry)

    def _wanted(self, crawl: SourceCrawl, pages: list[Link]) -> list[Link]:
        """The links of a feed, sitemap or listing that are taken up, in the order in which they are fetched."""
        return candidates(pages, crawl.source)[: self._links_max]

    def _further(self, sitemaps: list[Link]) -> list[Link]:
        """The sitemaps of an index that are asked for."""
        return [link for link in sitemaps[: self._sitemaps_max] if self._is_newer(link)]

    def _taken_up(self, crawl: SourceCrawl, address: str, wanted: list[Link]) -> list[Request]:
        """What else is asked for when the links of `address` are taken up."""
        return []

    def _entrance_request(self, crawl: SourceCrawl, role: Role, address: str, links: str, depth: int) -> Request:
        entry = self._known_entrance(crawl, role, address)
        report: dict[str, Any] = {"url": address, "role": role, "outcome": "", "links": 0, "new": 0}
        crawl.entrances.append(report)
        return Request(
            address,
            callback=self.parse_entrance,
            errback=self.entrance_failed,
            headers=conditions(entry),
            dont_filter=True,
            priority=10,
            meta={"role": role, "source": crawl.source, "download_maxsize": self._maxsize[role]},
            cb_kwargs={"crawl": crawl, "entry": entry, "report": report, "links": links, "depth": depth},
        )

    async def parse_entrance(
        self, response: Response, crawl: SourceCrawl, entry: FetchState, report: dict[str, Any], links: str, depth: int
    ) -> AsyncIterator[Request]:
        """Take up the articles that a feed, sitemap or listing names."""
        role: Role = response.meta["role"]
        fate = fate_of_status(response.status)
        further: list[Request] = []
        try:
            digest = hashlib.sha256(response.body).hexdigest()
            if fate is Fate.UNCHANGED or (fate is None and digest == entry.content_hash):
                report["outcome"] = "unchanged"
                entry.fetched_at, entry.failures = self.clock(), 0
                self.polling.answered(entry, crawl.source, 0, None, self.clock())
                self._remember_entrance(entry)
            elif fate is not None:
                self._entrance_problem(crawl, entry, report, f"the {role} answers HTTP {response.status}")
            else:
                kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
                arguments = (role, response.body, response.url, kind, links, self._maxsize[role])
                found = await self._apart(len(response.body) > self._at_once, read_entrance, *arguments)
                further = self._take_up(response, crawl, entry, report, depth, digest, found)
        except (EntranceError, TooMuch, BadCompression, TookTooMuch) as error:
            self._entrance_problem(crawl, entry, report, f"the {role} cannot be read: {error}")
        except DiembaoError as error:
            self._stop(error)
        except Exception as error:  # a hostile feed must not end the crawl of the other sources
            logger.exception("reading %s", response.url)
            self._entrance_problem(crawl, entry, report, f"the {role} cannot be read: {type(error).__name__}: {error}"[:300])
        for request in [*further, *self._next_pages(crawl)]:
            yield request

    async def _apart(self, apart: bool, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Call `function`; in a process of its own when its input is large. Raises TookTooMuch."""
        if not apart:
            return function(*args, **kwargs)
        async with self._entrance_readers:
            return await asyncio.to_thread(lambda: read_apart(self._read_seconds, function, *args, **kwargs))

    def _take_up(
        self, response: Response, crawl: SourceCrawl, entry: FetchState, report: dict[str, Any], depth: int, digest: str, found: Sitemap
    ) -> list[Request]:
        """Queue the articles that were found; the requests for further sitemaps."""
        role: Role = response.meta["role"]
        further: list[Request] = []
        sitemaps = [link for link in found.sitemaps if is_on_site(link.url, crawl.source.domain)]
        wanted = self._wanted(crawl, found.pages)
        report["outcome"], report["links"] = "read", len(wanted)
        report["new"] = self._queue(crawl, wanted)
        entry.fetched_at = self.clock()
        if self.polling.answered(entry, crawl.source, report["new"], wanted, entry.fetched_at):
            report["outcome"] = "same links"
        if sitemaps and depth < _SITEMAP_DEPTH:
            # An index is never asked for conditionally: it may stay the same while its sitemaps change.
            newer = self._further(sitemaps)
            report["sitemaps"] = len(newer)
            further = [self._entrance_request(crawl, "sitemap", link.url, "", depth + 1) for link in newer]
        elif not wanted and (found.pages or not crawl.source.may_be_empty):
            self._nothing_found(crawl, entry, report, role, len(found.pages))
        else:
            entry.failures = 0
            entry.etag = _header(response, "ETag", 500)
            entry.last_modified = _header(response, "Last-Modified", 100)
            entry.content_hash = digest
        self._remember_entrance(entry)
        return further + self._taken_up(crawl, report["url"], wanted)

    def _nothing_found(self, crawl: SourceCrawl, entry: FetchState, report: dict[str, Any], role: Role, links: int) -> None:
        """No result is a problem, never silence."""
        what = f"has {links} links, none of them an article of {crawl.source.domain}" if links else "is empty"
        self._entrance_problem(crawl, entry, report, f"the {role} {what}")

    def _is_newer(self, sitemap: Link) -> bool:
        """Whether a sitemap changed since it was read; one without a date may have."""
        normal = normalise_url(sitemap.url)
        known = self.memory.look_up([normal]).get(normal)
        return sitemap.moment is None or known is None or known.fetched_at is None or sitemap.moment > known.fetched_at

    def entrance_failed(self, failure: Failure) -> Iterator[Request]:
        """A feed, sitemap or listing that could not be had."""
        arguments = failure.request.cb_kwargs  # type: ignore[attr-defined]
        _, detail = fate_of_failure(failure.value)
        role = failure.request.meta["role"]  # type: ignore[attr-defined]
        self._entrance_problem(arguments["crawl"], arguments["entry"], arguments["report"], f"the {role} cannot be had: {detail}")
        yield from self._next_pages(arguments["crawl"])

    def _entrance_problem(self, crawl: SourceCrawl, entry: FetchState, report: dict[str, Any], problem: str) -> None:
        report["outcome"] = "problem"
        crawl.report(report["url"], problem)
        entry.fetched_at = self.clock()
        entry.failures += 1
        entry.etag = entry.last_modified = entry.content_hash = None
        self.polling.failed(entry, crawl.source, entry.fetched_at)
        self._remember_entrance(entry)

    def _queue(self, crawl: SourceCrawl, links: list[Link]) -> int:
        """Queue the links that are unknown or due; the number of unknown ones."""
        now = self.clock()
        by_url = {normalise_url(link.url): link for link in links}
        known = self.memory.look_up(by_url)
        new = 0
        for normal, link in by_url.items():
            if normal in crawl.queued:
                continue
            entry = known.get(normal)
            if entry is None or entry.role != "article":
                entry = new_entry(link.url, crawl.source.id, "article", now)
                # Remembered before it is fetched: a feed that says 304 next time must not make us lose it.
                self.memory.remember(entry)
                new += 1
            elif entry.next_fetch_at is None or entry.next_fetch_at > now:
                crawl.known += 1
                continue
            if len(crawl.fresh) < self._queue_max:
                crawl.queued.add(normal)
                crawl.fresh.append(entry)
            else:
                # Its turn comes from the memory, when those before it are fetched.
                crawl.overflowed = True
        if crawl.overflowed:
            self._make_safe()
        return new

    def _refill(self, crawl: SourceCrawl) -> None:
        """Queue pages that were found when the queue was full."""
        crawl.overflowed = False
        self._make_safe()
        for entry in self.memory.due(crawl.source.id, self.clock(), self._queue_max + len(crawl.queued)):
            if entry.url not in crawl.queued and len(crawl.due) < self._queue_max:
                crawl.queued.add(entry.url)
                crawl.due.append(entry)
        crawl.overflowed = len(crawl.due) >= self._queue_max

    # --- pages ---

    def _next_pages(self, crawl: SourceCrawl) -> Iterator[Request]:
        """As many page requests as may be on their way, new pages first."""
        if crawl.overflowed and not crawl.fresh and not crawl.due:
            self._refill(crawl)
        while (crawl.fresh or crawl.due) and crawl.in_flight < self._in_flight and self._goes_on(crawl):
            entry = crawl.fresh.popleft() if crawl.fresh else crawl.due.popleft()
            page = article_id(entry.address)
            if page in self._taken:
                continue
            visit = Visit(crawl.source, entry, page, entry.address)
            self._take(visit, page)
            crawl.in_flight += 1
            crawl.taken += 1
            yield Request(
                entry.address,
                callback=self.parse_page,
                errback=self.page_failed,
                headers=conditions(entry),
                dont_filter=True,
                meta={"role": "article", "source": crawl.source},
                cb_kwargs={"crawl": crawl, "visit": visit},
            )

    def _take(self, visit: Visit, *pages: str) -> None:
        """Note that `pages` are on their way in this run."""
        self._taken.update(pages)
        self._open[id(visit)] = visit

    def _goes_on(self, crawl: SourceCrawl) -> bool:
        if self.fatal is not None or (self.page_limit is not None and crawl.taken >= self.page_limit):
            return False
        return crawl.failures < self._failures_max and monotonic() < crawl.deadline

    async def parse_page(self, response: Response, crawl: SourceCrawl, visit: Visit) -> AsyncIterator[Request]:
        """Keep one page and have it read; what becomes of it is decided when its turn among the pages of its source has come."""
        fate = fate_of_status(response.status)
        crawl.failures = crawl.failures + 1 if fate in NO_ANSWER else 0
        if fate is not None:
            answer = self._keep_answer(response, visit) if fate in ABSENT else None
            self._settle(visit, fate, "" if fate is Fate.UNCHANGED else f"HTTP {response.status}", answer)
        else:
            try:
                await self._keep_and_read(response, crawl, visit)
            except Exception as error:  # a page must have its fate, whatever it does to us
                logger.exception("reading %s", response.url)
                self._settle(visit, Fate.PARSE_ERROR, f"{type(error).__name__}: {error}")
        for request in self._page_done(crawl):
            yield request

    async def _keep_and_read(self, response: Response, crawl: SourceCrawl, visit: Visit) -> None:
        if not self._arrive(response, visit):
            return
        page = self._page(response, visit)
        try:
            spooled = self.spool.store(visit.entry.url, page)
        except ArchiveError as error:
            self._settle(visit, Fate.ARCHIVE_FAILED, str(error))
            return
        await self._read(crawl, visit, replace(page, payload=b""), spooled)

    def _page(self, response: Response, visit: Visit) -> FetchedPage:
        now = self.clock()
        page = FetchedPage(
            url=response.url,
            status=response.status,
            headers=_pairs(response.meta["payload_headers"]),
            payload=response.meta["payload"],
            fetched_at=now,
            first_seen_at=visit.entry.first_seen_at if visit.entry.content_hash else now,
            source=visit.source.id,
            request_headers=_pairs(response.request.headers) if response.request else (),
            ip=str(response.ip_address or ""),
        )
        return without_personal_numbers(page, visit.source, response.body)[0]

    def _keep_answer(self, response: Response, visit: Visit) -> ArchiveRecord | None:
        """Archive the answer that says that an article which we have is not there any more."""
        if not visit.entry.content_hash:
            return None
        try:
            return self.archive.store(self._page(response, visit))
        except ArchiveError as error:
            logger.warning("%s is away, and the answer cannot be kept: %s", visit.url, error)
            return None

    async def _read(self, crawl: SourceCrawl, visit: Visit, page: FetchedPage, spooled: Spooled) -> None:
        """Have the page at `spooled` read and settle it after the pages of its source that came before. `page`: without its payload."""
        before, mine = crawl.last, asyncio.get_running_loop().create_future()
        crawl.last = mine
        outcome: Reading | DiembaoError | TookTooMuch
        try:
            try:
                outcome = await self._readers.read(spooled, visit.source.id, visit.entry.content_hash)
            except (TookTooMuch, DiembaoError) as error:
                outcome = error
            if before is not None:
                await before
            if isinstance(outcome, Reading):
                self._decide(visit, page, outcome)
            elif isinstance(outcome, TookTooMuch):
                # A source that sends such pages one after the other is left until the next run.
                crawl.failures += 1
                self._settle(visit, Fate.PARSE_ERROR, str(outcome))
            elif isinstance(outcome, ArchiveError):
                self._settle(visit, Fate.ARCHIVE_FAILED, str(outcome))
            else:
                self._stop(outcome)
        finally:
            if visit.settled:
                self.spool.done(spooled)
            if not mine.done():
                mine.set_result(None)

    def _decide(self, visit: Visit, page: FetchedPage, reading: Reading) -> None:
        """What becomes of a page that was read."""
        article, entry = reading.article, visit.entry
        if reading.problem is Fate.NOT_HTML:
            self._settle(visit, Fate.NOT_HTML, reading.detail)
            return
        if reading.problem is None and article is not None:
            entry.etag = _validator(page.header("ETag"), 500)
            entry.last_modified = _validator(page.header("Last-Modified"), 100)
            if article.content_hash == entry.content_hash:
                self._settle(visit, Fate.UNCHANGED)
                return
            if self._is_duplicate(article):
                self._settle(visit, Fate.DUPLICATE_URL, f"the same article as {article.canonical_url or 'another page'}")
                return
        try:
            # Evidence first: an Article is written only when its page is in the archive.
            record = self.archive.append(reading.record)
            if reading.problem is not None or article is None:
                self._settle(visit, reading.problem or Fate.PARSE_ERROR, reading.detail, record)
                return
            self.run.write_article(article.with_fields(archive=record))
        except ArchiveError as error:
            self._settle(visit, Fate.ARCHIVE_FAILED, str(error))
            return
        except OSError as error:
            self._settle(visit, Fate.ARCHIVE_FAILED, f"the article cannot be written: {error.strerror}")
            return
        if entry.content_hash is None:
            entry.first_seen_at = page.first_seen_at
        entry.content_hash = article.content_hash
        entry.article_id = article.id
        self._settle(visit, None, published=article.published_at)

    def _find_left_over(self) -> list[LeftOver]:
        """The pages that killed crawls fetched and could not read any more."""
        by_source = {crawl.source.id: crawl for crawl in self.crawls}
        found = []
        for path in left_over(self.spool.folder):
            run = self.run.folder.parent / path.name.rpartition("-")[0]
            if is_at_work(self.spool.folder, run.name):
                continue
            settled = {fate.page: fate.fate for fate in read_run(run).fates()} if run.is_dir() else {}
            articles = {article.id: article for article in read_run(run).articles()} if run.is_dir() else {}
            file = LeftOver(path)
            for spooled, asked, page in waiting_pages(path):
                entry = self.memory.look_up([asked]).get(asked) or new_entry(page.url, page.source, "article", page.first_seen_at)
                if entry.fetched_at is not None and entry.fetched_at >= page.fetched_at:
                    continue
                crawl = by_source.get(page.source)
                if crawl is None:
                    file.is_needed = True
                    continue
                if (identity := article_id(page.url)) in settled:
                    # The kill came between the page's fate and the memory of it.
                    published = None
                    if (article := articles.get(identity)) is not None:
                        entry.content_hash, entry.article_id, published = article.content_hash, article.id, article.published_at
                    self._remember(entry, crawl.source, settled[identity], page.fetched_at, published)
                    continue
                visit = Visit(crawl.source, entry, article_id(page.url), page.url)
                if visit.page not in self._taken:
                    self._take(visit, visit.page, article_id(entry.address))
                    crawl.queued.add(asked)
                    crawl.taken += 1
                    file.pages.append((crawl, visit, replace(page, payload=b""), spooled))
            found.append(file)
        return found

    async def _read_left_over(self, files: list[LeftOver]) -> None:
        for file in files:
            await asyncio.gather(*(self._read(*page) for page in file.pages))
            if self.fatal is None and not file.is_needed:
                self.checkpoint()
                file.path.unlink(missing_ok=True)

    def _arrive(self, response: Response, visit: Visit) -> bool:
        """Follow a page to where it was redirected; False when that page is already in this run."""
        url = response.url
        page = article_id(url)
        if page == visit.page:
            return True
        if page in self._taken:
            self._settle(visit, Fate.DUPLICATE_URL, f"leads to {url}")
            return False
        if is_front_page(url):
            self._settle(visit, Fate.NOT_ARTICLE, "leads to the front page", self._keep_answer(response, visit))
            return False
        visit.page, visit.url = page, url
        self._taken.add(page)
        return True

    def _is_duplicate(self, article: Article) -> bool:
        """Whether another page of this run is the same article: same canonical address and same headline."""
        keys = {article.id}
        canonical = article.canonical_url
        if canonical and not is_front_page(canonical):
            keys.add(article_id(canonical))
        title = hash(article.title)
        if any(self._titles.get(key) == title for key in keys):
            return True
        self._titles.update(dict.fromkeys(keys, title))
        return False

    def page_failed(self, failure: Failure) -> Iterator[Request]:
        """A page that could not be had."""
        arguments = failure.request.cb_kwargs  # type: ignore[attr-defined]
        crawl: SourceCrawl = arguments["crawl"]
        fate, detail = fate_of_failure(failure.value)
        crawl.failures = crawl.failures + 1 if fate in NO_ANSWER else 0
        self._settle(arguments["visit"], fate, detail)
        yield from self._page_done(crawl)

    def _page_done(self, crawl: SourceCrawl) -> Iterator[Request]:
        crawl.in_flight -= 1
        yield from self._next_pages(crawl)

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
        if entry.article_id is not None and fate in ABSENT:
            self.memory.is_away(entry, fate, detail, answer, now)
        elif entry.article_id is not None and fate in (None, Fate.UNCHANGED) and entry.fate in ABSENT:
            self.memory.is_back(entry.article_id, now)
        try:
            self.run.write_fate(PageFate(visit.page, visit.url, visit.source.id, fate, detail))
            self._remember(entry, visit.source, fate, now, published)
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


def _header(response: Response, name: str, longest: int) -> str | None:
    return _validator((response.headers.get(name) or b"").decode("latin-1"), longest)


def _validator(value: str, longest: int) -> str | None:
    return value.strip() if 0 < len(value.strip()) <= longest else None


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values)
