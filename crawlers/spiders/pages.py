"""From the addresses of pages to Articles: queued, fetched, kept at once, read, and decided about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from scrapy import Request

from crawlers.apart import TookTooMuch
from crawlers.entrances import Link
from crawlers.extraction.parts import numbered
from crawlers.memory import EXTRACTED, new_entry
from crawlers.outcomes import ABSENT, NO_ANSWER, TRANSIENT, PageFailure, fate_of_failure, fate_of_status
from crawlers.pages import FetchedPage, without_personal_numbers
from crawlers.reading import Reading, Wanted
from crawlers.sites import host_of, is_front_page, is_on_site
from crawlers.spiders.bookkeeping import RunSpider
from crawlers.visits import LongArticle, SourceCrawl, Visit, conditions, validator
from diembao.article import ArchiveRecord, Article
from diembao.errors import ArchiveError, DiembaoError
from diembao.fates import Fate
from diembao.state import FetchState
from diembao.urls import article_id, normalise_url

if TYPE_CHECKING:
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)


_GRACE = 60.0
"""Seconds after the time of a source in which the pages of an article that was begun are still asked for."""
_PATIENCE = 3
"""Attempts in a row for which a known article on several pages waits for one of them."""
_HAS_THE_ARTICLE = frozenset({None, Fate.UNCHANGED, Fate.DUPLICATE_URL, Fate.JOINED})


class PageSpider(RunSpider):
    """Fetches pages and has them read; new ones first, as many of a source at a time as it may."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set_aside: dict[str, Visit] = {}
        """Later pages of articles that were fetched before their first one, by the id of the address that was asked for."""

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
            if entry is not None and entry.role == "part":
                crawl.known += 1  # it is asked for with the first page of its article
                continue
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
            yield self._page_request(crawl, visit)

    def _page_request(self, crawl: SourceCrawl, visit: Visit) -> Request:
        return Request(
            visit.entry.address,
            callback=self.parse_page,
            errback=self.page_failed,
            headers=conditions(visit.entry),
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
            requests = await self._done(crawl, visit)
        else:
            try:
                requests = await self._keep_and_read(response, crawl, visit)
            except Exception as error:  # a page must have its fate, whatever it does to us
                logger.exception("reading %s", response.url)
                self._settle(visit, Fate.PARSE_ERROR, f"{type(error).__name__}: {error}")
                requests = await self._done(crawl, visit)
        for request in requests:
            yield request

    async def _keep_and_read(self, response: Response, crawl: SourceCrawl, visit: Visit) -> list[Request]:
        if self._arrive(response, visit):
            page = self._page(response, visit)
            try:
                visit.spooled = self.spool.store(visit.entry.url, page)
            except ArchiveError as error:
                self._settle(visit, Fate.ARCHIVE_FAILED, str(error))
            else:
                return await self._read(crawl, visit, replace(page, payload=b""))
        return await self._done(crawl, visit)

    async def page_failed(self, failure: Failure) -> AsyncIterator[Request]:
        """A page that could not be had."""
        arguments = failure.request.cb_kwargs  # type: ignore[attr-defined]
        crawl: SourceCrawl = arguments["crawl"]
        fate, detail = fate_of_failure(failure.value)
        crawl.failures = crawl.failures + 1 if fate in NO_ANSWER else 0
        response = failure.value.answer if isinstance(failure.value, PageFailure) else None
        answer = self._keep_answer(response, arguments["visit"]) if response is not None and fate in ABSENT else None
        self._settle(arguments["visit"], fate, detail, answer)
        for request in await self._done(crawl, arguments["visit"]):
            yield request

    async def _done(self, crawl: SourceCrawl, visit: Visit) -> list[Request]:
        """What is asked for when a page is done: others of its source, and the next page of the article that waited for it."""
        requests = list(self._page_done(crawl))
        long = visit.wanted_by
        if long is None:
            return requests
        if visit.entry.fate in TRANSIENT:
            long.pending.append((Fate(str(visit.entry.fate)), f"{visit.url}: {visit.entry.fate}"))
        return [*requests, *await self._continue(long)]

    def _page_done(self, crawl: SourceCrawl) -> Iterator[Request]:
        crawl.in_flight -= 1
        yield from self._next_pages(crawl)

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

    async def _read(self, crawl: SourceCrawl, visit: Visit, page: FetchedPage) -> list[Request]:
        """Have a page read that waits in the spool and settle it after the pages of its source that came before, or have others asked for.

        Args:
            crawl: of its source.
            visit: the page.
            page: the same, as it was fetched, without its payload.
        """
        assert visit.spooled is not None
        before, mine = crawl.last, asyncio.get_running_loop().create_future()
        crawl.last = mine
        long: LongArticle | None = None
        try:
            outcome = await self._outcome(Wanted((visit.spooled,), visit.source.id, visit.entry.content_hash))
            if before is not None:
                await before
            if not isinstance(outcome, Reading):
                self._unread(crawl, visit, outcome)
            elif visit.wanted_by is not None:
                self._belongs(visit.wanted_by, visit, outcome)
            elif outcome.first and article_id(outcome.first) != visit.page:
                self._set_aside_for(crawl, visit, outcome.first)
            elif self._is_variant(visit, outcome):
                return [*self._leave_to_canonical(crawl, visit, page, outcome), *await self._done(crawl, visit)]
            elif outcome.further:
                long = LongArticle(crawl, visit, page)
                long.learn(outcome)
                visit.waits = True
            else:
                self._decide(visit, page, outcome)
        finally:
            # An article of several pages has its turn when they are there; the others do not wait for it.
            if not mine.done():
                mine.set_result(None)
        return await (self._done(crawl, visit) if long is None else self._continue(long))

    async def _outcome(self, wanted: Wanted) -> Reading | DiembaoError | TookTooMuch:
        try:
            return await self._readers.read(wanted)
        except (TookTooMuch, DiembaoError) as error:
            return error

    def _unread(self, crawl: SourceCrawl, visit: Visit, error: DiembaoError | TookTooMuch) -> None:
        """What becomes of a page that could not be read."""
        if isinstance(error, TookTooMuch):
            # A source that sends such pages one after the other is left until the next run.
            crawl.failures += 1
            self._settle(visit, Fate.PARSE_ERROR, str(error))
        elif isinstance(error, ArchiveError):
            self._settle(visit, Fate.ARCHIVE_FAILED, str(error))
        else:
            self._stop(error)

    def _decide(self, visit: Visit, page: FetchedPage, reading: Reading) -> None:
        """What becomes of a page that was read."""
        article, entry = reading.article, visit.entry
        if reading.problem is Fate.NOT_HTML:
            self._settle(visit, Fate.NOT_HTML, reading.detail)
            return
        if reading.problem is None and article is not None:
            # Of several pages each may change for itself: all of them are asked for, and none conditionally.
            is_long = bool(article.missing_pages) or any(fate is None for fate, _ in reading.parts)
            entry.etag = None if is_long else validator(page.header("ETag"), 500)
            entry.last_modified = None if is_long else validator(page.header("Last-Modified"), 100)
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
        missing = ", ".join(map(str, article.missing_pages))
        self._settle(visit, None, f"without its pages {missing}" if missing else "", published=article.published_at)

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

    # --- articles on several pages ---

    async def _continue(self, long: LongArticle) -> list[Request]:
        """Ask for the next page of an article; when there is none, put together what is there."""
        while (following := long.next_page()) is not None:
            number, address = following
            page = article_id(address)
            if page in self._set_aside:
                part = self._set_aside.pop(page)
                if not part.settled:
                    self._take(part, part.page)
                await self._read_part(long, part)
                continue
            if page in self._taken:
                waited_for = next((visit for visit in self._open.values() if visit.page == page), None)
                if waited_for is not None and not waited_for.waits and waited_for.wanted_by is None:
                    waited_for.wanted_by = long
                    return []
                continue
            if not self._may_follow(long.crawl):
                long.pending.append((Fate.TIMEOUT, f"no time for page {number}"))
                break
            return [self._part_request(long, number, address)]
        await self._finish(long)
        return await self._done(long.crawl, long.visit)

    def _may_follow(self, crawl: SourceCrawl) -> bool:
        """What was begun is brought to its end, but not for ever."""
        return self.fatal is None and crawl.failures < self._failures_max and monotonic() < crawl.deadline + _GRACE

    def _part_request(self, long: LongArticle, number: int, address: str) -> Request:
        entry = self._part_entry(long.visit, address)
        visit = Visit(long.visit.source, entry, article_id(address), address)
        self._take(visit, visit.page)
        return Request(
            address,
            callback=self.parse_part,
            errback=self.part_failed,
            dont_filter=True,
            priority=5,
            meta={"role": "article", "source": long.visit.source},
            cb_kwargs={"long": long, "visit": visit, "number": number},
        )

    def _part_entry(self, first: Visit, address: str) -> FetchState:
        """What is remembered of a later page: that it is one, so that no feed or sitemap makes an article of it."""
        normal = normalise_url(address)
        entry = self.memory.look_up([normal]).get(normal) or new_entry(address, first.source.id, "part", self.clock())
        entry.role = "part"
        return entry

    async def parse_part(self, response: Response, long: LongArticle, visit: Visit, number: int) -> AsyncIterator[Request]:
        """Keep a later page of an article and have it read."""
        fate = fate_of_status(response.status)
        long.crawl.failures = long.crawl.failures + 1 if fate in NO_ANSWER else 0
        try:
            if fate is not None:
                self._miss(long, visit, number, fate, f"HTTP {response.status}")
            elif self._is_that_page(response, long, visit, number):
                page = replace(self._page(response, visit), part_of=long.page.url, part=number)
                visit.spooled = self.spool.store(visit.entry.url, page)
                await self._read_part(long, visit)
        except ArchiveError as error:
            self._miss(long, visit, number, Fate.ARCHIVE_FAILED, str(error))
        except Exception as error:  # a page must have its fate, whatever it does to us
            logger.exception("reading %s", response.url)
            self._settle(visit, Fate.PARSE_ERROR, f"{type(error).__name__}: {error}")
        for request in await self._continue(long):
            yield request

    async def part_failed(self, failure: Failure) -> AsyncIterator[Request]:
        """A later page of an article that could not be had."""
        arguments = failure.request.cb_kwargs  # type: ignore[attr-defined]
        long: LongArticle = arguments["long"]
        fate, detail = fate_of_failure(failure.value)
        long.crawl.failures = long.crawl.failures + 1 if fate in NO_ANSWER else 0
        self._miss(long, arguments["visit"], arguments["number"], fate, detail)
        for request in await self._continue(long):
            yield request

    def _miss(self, long: LongArticle, visit: Visit, number: int, fate: Fate, detail: str) -> None:
        """A later page is not there: the article has what is there, or waits where that passes."""
        if fate in TRANSIENT:
            long.pending.append((fate, f"page {number}: {detail}"))
        self._settle(visit, fate, f"{detail}; page {number} of {long.visit.url}")

    def _is_that_page(self, response: Response, long: LongArticle, visit: Visit, number: int) -> bool:
        """Whether a redirect still led to the page that was asked for: outlets send readers of a page too many to the first one."""
        url, page = response.url, article_id(response.url)
        if page == visit.page:
            return True
        if page in self._taken:
            self._settle(visit, Fate.DUPLICATE_URL, f"leads to {url}")
        elif numbered(url)[1] != number or host_of(url) != host_of(visit.url):
            self._settle(visit, Fate.NOT_ARTICLE, f"page {number} of {long.visit.url} leads to {url}")
        else:
            visit.page, visit.url = page, url
            self._taken.add(page)
            return True
        return False

    async def _read_part(self, long: LongArticle, visit: Visit) -> None:
        assert visit.spooled is not None
        outcome = await self._outcome(Wanted((visit.spooled,), visit.source.id))
        if isinstance(outcome, Reading):
            self._belongs(long, visit, outcome)
        elif visit.settled:
            self.spool.done(visit.spooled)
        else:
            self._unread(long.crawl, visit, outcome)

    def _belongs(self, long: LongArticle, visit: Visit, reading: Reading) -> None:
        """A later page has come; it has its fate when its article is put together."""
        visit.entry.role = "part"
        visit.waits = True
        if reading.problem is Fate.NOT_HTML and not visit.settled:
            self._settle(visit, Fate.NOT_HTML, reading.detail)
            return
        long.learn(reading)
        long.parts.append(visit)

    async def _finish(self, long: LongArticle) -> None:
        """Read the pages of an article together and decide about them."""
        first, entry = long.visit, long.visit.entry
        pages = tuple(visit.spooled for visit in [first, *long.parts] if visit.spooled is not None)
        outcome = await self._outcome(Wanted(pages, first.source.id, entry.content_hash, whole=True))
        if not isinstance(outcome, Reading):
            self._unread(long.crawl, first, outcome)
            parts: Sequence[tuple[Fate | None, str]] = [(None, "")] * len(long.parts)
        else:
            is_known = outcome.article is not None and outcome.article.content_hash == entry.content_hash
            if long.pending and entry.content_hash is not None and not is_known and entry.failures < _PATIENCE:
                # A revision that only lacks what we could not fetch would look like an edit of the outlet's.
                fate, detail = long.pending[0]
                self._settle(first, fate, f"{detail}; what is known of the article stays until it can be had")
            else:
                self._decide(first, long.page, outcome)
            parts = outcome.parts
        if not first.settled:
            return  # the crawl ends
        whole = None if entry.fate == EXTRACTED else Fate(str(entry.fate))
        for visit, (reason, detail) in zip(long.parts, parts, strict=True):
            if visit.settled:
                assert visit.spooled is not None
                self.spool.done(visit.spooled)
                continue
            visit.entry.article_id = entry.article_id
            self._settle(visit, reason or whole or Fate.JOINED, detail or f"a page of {first.url}")

    def _set_aside_for(self, crawl: SourceCrawl, visit: Visit, address: str) -> None:
        """A later page that was found by itself waits for its article, whose first page is asked for if it is not known."""
        spooled, visit.spooled = visit.spooled, None
        self._settle(visit, Fate.DUPLICATE_URL, f"a page of {address}")
        if not is_on_site(address, crawl.source.domain) or article_id(address) in self._taken:
            known = True
        else:
            self._queue(crawl, [Link(address)])
            known = normalise_url(address) not in crawl.queued
        if spooled is not None and known:
            self.spool.done(spooled)
        elif spooled is not None:
            visit.spooled = spooled
            self._set_aside[article_id(visit.entry.address)] = visit

    # --- AMP and mobile pages ---

    def _is_variant(self, visit: Visit, reading: Reading) -> bool:
        """Whether the page is an AMP or mobile one of an article that has an address of its own on the same site."""
        if not reading.variant or reading.article is None or reading.problem not in (None, Fate.TOO_SHORT) or visit.is_canonical:
            return False
        address = reading.article.canonical_url
        return is_on_site(address, visit.source.domain) and article_id(address) != visit.page and not is_front_page(address)

    def _leave_to_canonical(self, crawl: SourceCrawl, visit: Visit, page: FetchedPage, reading: Reading) -> list[Request]:
        """Ask for the article at its own address, and decide about the variant by what becomes of that: one article, not two."""
        assert reading.article is not None
        address = reading.article.canonical_url
        identity, normal = article_id(address), normalise_url(address)
        entry = self.memory.look_up([normal]).get(normal)
        on_its_way = next((other for other in self._open.values() if other.page == identity), None)
        if on_its_way is not None:
            visit.waits = True
            on_its_way.stands_for.append((visit, page, reading))
        elif entry is not None and entry.fetched_at is not None:
            known = entry.article_id is not None or entry.fate in (None, EXTRACTED)
            self._settle_variant(visit, page, reading, None if known else Fate(str(entry.fate)))
        elif identity in self._taken or not self._may_follow(crawl):
            self._queue(crawl, [Link(address)])
            self._settle_variant(visit, page, reading, None)
        else:
            visit.waits = True
            entry = entry or new_entry(address, crawl.source.id, "article", self.clock())
            canonical = Visit(crawl.source, entry, identity, address, stands_for=[(visit, page, reading)], is_canonical=True)
            self._take(canonical, identity)
            crawl.in_flight += 1
            crawl.taken += 1
            return [self._page_request(crawl, canonical)]
        return []

    def _settle_variant(self, visit: Visit, page: FetchedPage, reading: Reading, canonical: Fate | None) -> None:
        """Decide about an AMP or mobile page, `canonical` being the fate of the page that it stands for (None: it is an article)."""
        if canonical in _HAS_THE_ARTICLE or canonical in TRANSIENT - {Fate.BLOCKED_BY_ROBOTS}:
            address = reading.article.canonical_url if reading.article else ""
            self._settle(visit, Fate.DUPLICATE_URL, f"the {reading.variant} page of {address}")
        else:
            self._decide(visit, page, reading)

    def _settle(
        self,
        visit: Visit,
        fate: Fate | None,
        detail: str = "",
        answer: ArchiveRecord | None = None,
        published: datetime | None = None,
    ) -> None:
        super()._settle(visit, fate, detail, answer, published)
        waiting, visit.stands_for = visit.stands_for, []
        for variant, page, reading in waiting:
            self._settle_variant(variant, page, reading, fate)

    def closed(self, reason: str) -> None:
        """Let go of pages that were set aside for articles which never came; then as every crawl."""
        for visit in self._set_aside.values():
            if visit.spooled is not None:
                self.spool.done(visit.spooled)
        super().closed(reason)


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values)
