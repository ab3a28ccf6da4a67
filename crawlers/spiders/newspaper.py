"""The spider of newspapers and portals: what their feeds, sitemaps and listings name."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from scrapy import Request

from crawlers.apart import TookTooMuch, read_apart
from crawlers.compression import BadCompression, TooMuch
from crawlers.entrances import EntranceError, Link, Role, Sitemap, candidates, read_entrance
from crawlers.memory import new_entry
from crawlers.middlewares import hosts_of
from crawlers.outcomes import fate_of_failure, fate_of_status
from crawlers.sites import is_on_site
from crawlers.spiders.resuming import ResumingSpider
from crawlers.visits import SourceCrawl, conditions, entrances, validator
from diembao.errors import DiembaoError
from diembao.fates import Fate
from diembao.state import FetchState
from diembao.urls import normalise_url

if TYPE_CHECKING:
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")

_SITEMAP_DEPTH = 3
_SITEMAPS_IN_ALL = 9
"""Times DIEMBAO_SITEMAPS_MAX: what a source may have asked for in a run, since an index may name further indexes."""


class NewspaperSpider(ResumingSpider):
    """Asks the feeds, sitemaps and listings of all its sources, and fetches what they name."""

    name = "newspaper"

    def configure(self, settings: BaseSettings) -> None:
        """Take the limits from the settings."""
        super().configure(settings)
        self._links_max = settings.getint("DIEMBAO_LINKS_MAX")
        self._sitemaps_max = settings.getint("DIEMBAO_SITEMAPS_MAX")
        entrance = settings.getint("DIEMBAO_ENTRANCE_MAXSIZE")
        self._maxsize = {"feed": entrance, "listing": entrance, "sitemap": settings.getint("DIEMBAO_SITEMAP_MAXSIZE")}
        self._at_once = settings.getint("DIEMBAO_ENTRANCE_AT_ONCE")
        self._entrance_readers = asyncio.Semaphore(settings.getint("DIEMBAO_ENTRANCE_READERS"))

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
        async for request in self._read_left_over(files):
            yield request
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
            newer = self._further(sitemaps)[: max(0, _SITEMAPS_IN_ALL * self._sitemaps_max - len(crawl.entrances))]
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


def _header(response: Response, name: str, longest: int) -> str | None:
    return validator((response.headers.get(name) or b"").decode("latin-1"), longest)
