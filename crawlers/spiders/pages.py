"""From the addresses of pages to Articles: queued, fetched, kept at once, read, and decided about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scrapy import Request

from crawlers.apart import TookTooMuch
from crawlers.entrances import Link
from crawlers.locks import is_at_work
from crawlers.memory import new_entry
from crawlers.outcomes import ABSENT, NO_ANSWER, fate_of_failure, fate_of_status
from crawlers.pages import FetchedPage, without_personal_numbers
from crawlers.reading import Reading
from crawlers.runs import read_run
from crawlers.sites import is_front_page
from crawlers.spiders.bookkeeping import RunSpider
from crawlers.spool import Spooled, left_over, waiting_pages
from crawlers.visits import LeftOver, SourceCrawl, Visit, conditions, validator
from diembao.article import ArchiveRecord, Article
from diembao.errors import ArchiveError, DiembaoError
from diembao.fates import Fate
from diembao.urls import article_id, normalise_url

if TYPE_CHECKING:
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)


class PageSpider(RunSpider):
    """Fetches pages and has them read; new ones first, as many of a source at a time as it may."""

    def configure(self, settings: BaseSettings) -> None:
        """Take the limits from the settings."""
        super().configure(settings)
        self._in_flight = settings.getint("DIEMBAO_IN_FLIGHT")
        self._queue_max = settings.getint("DIEMBAO_QUEUE_MAX")

    # --- what waits to be fetched ---

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

    # --- fetching and reading ---

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
            entry.etag = validator(page.header("ETag"), 500)
            entry.last_modified = validator(page.header("Last-Modified"), 100)
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

    # --- what a killed crawl left ---

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


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values)
