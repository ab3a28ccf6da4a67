"""The spider that fetches what was published on some days in the past, through sitemaps and archives; resumable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crawlers.backfill import BackfillProgress, Span, Walk, walks
from crawlers.entrances import Link, Role, candidates
from crawlers.memory import new_entry
from crawlers.middlewares import hosts_of
from crawlers.sites import host_of, is_on_site
from crawlers.spiders.newspaper import NewspaperSpider
from diembao.article import ArchiveRecord
from diembao.fates import Fate
from diembao.source import Source
from diembao.state import FetchState
from diembao.urls import normalise_url

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response
    from scrapy.settings import BaseSettings

    from crawlers.visits import SourceCrawl, Visit

_AT_ONCE = 2
"""Walks through archives of one source that are made at the same time."""

_NOT_FOR_ARTICLES = re.compile(r"(?:image|video|categor|tag|author|topic)[^/]*\.xml", re.IGNORECASE)


class BackfillSpider(NewspaperSpider):
    """As NewspaperSpider, from sitemaps and archives instead of feeds and listings.

    Args:
        *args: as NewspaperSpider.
        span: the days.
        progress_of: how far the backfill of each source has come.
        **kwargs: as NewspaperSpider.
    """

    name = "backfill"

    def __init__(self, *args: Any, span: Span, progress_of: dict[str, BackfillProgress], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.span = span
        self.progress_of = progress_of
        self._walks: dict[str, list[Walk]] = {}
        self._making: dict[str, dict[str, Walk]] = {}
        self._asked: set[str] = set()
        self._guessed: set[str] = set()
        self._walk_of: dict[str, Walk] = {}

    def configure(self, settings: BaseSettings) -> None:
        """Take the limits from the settings: those of a backfill."""
        super().configure(settings)
        self._links_max = settings.getint("DIEMBAO_BACKFILL_LINKS_MAX")
        self._sitemaps_max = settings.getint("DIEMBAO_BACKFILL_SITEMAPS_MAX")
        self._pages_max = settings.getint("DIEMBAO_BACKFILL_PAGES_MAX")

    def summary(self, now: datetime, interrupted: bool) -> dict[str, Any]:
        """As NewspaperSpider, with the days: what was found says nothing of how the sources do today."""
        days = {"since": self.span.since.isoformat(), "until": self.span.until.isoformat()}
        return {**super().summary(now, interrupted), "backfill": days}

    # --- where it looks ---

    def _ways_in(self, crawl: SourceCrawl) -> Iterator[Request]:
        source = crawl.source
        progress = self.progress_of[source.id]
        self._walks[source.id] = [walk for walk in walks(source, self.span) if walk.name not in progress.done]
        self._making[source.id] = {}
        for walk in self._walks[source.id]:
            walk.page = progress.pages.get(walk.name, walk.page)
        sitemaps = [str(sitemap) for sitemap in source.sitemaps]
        if not sitemaps and not source.archives:
            # The usual place; those that robots.txt names are added when it has been read.
            root = source.homepage or f"https://{source.domain}/"
            sitemaps = [f"{str(root).rstrip('/')}/sitemap.xml"]
            self._guessed.update(sitemaps)
        for sitemap in sitemaps:
            yield from self._sitemap(crawl, sitemap)
        yield from self._go_on(crawl)

    def _sitemap(self, crawl: SourceCrawl, address: str, depth: int = 0) -> Iterator[Request]:
        normal = normalise_url(address)
        if normal not in self._asked and normal not in self.progress_of[crawl.source.id].done:
            self._asked.add(normal)
            yield self._entrance_request(crawl, "sitemap", address, "", depth)

    def _go_on(self, crawl: SourceCrawl) -> Iterator[Request]:
        """The next page of each walk whose last page is done, and further walks."""
        making = self._making[crawl.source.id]
        while len(making) < _AT_ONCE and self._walks[crawl.source.id] and self._goes_on(crawl):
            walk = self._walks[crawl.source.id].pop(0)
            yield self._next_of(crawl, walk)

    def _next_of(self, crawl: SourceCrawl, walk: Walk) -> Request:
        address = walk.address()
        self._making[crawl.source.id][address] = walk
        walk.dated = []
        return self._entrance_request(crawl, "listing", address, walk.archive.links, 0)

    def _known_entrance(self, crawl: SourceCrawl, role: Role, address: str) -> FetchState:
        # Not what the daily crawl remembers: a sitemap that is the same as yesterday is read, and its state stays as it is.
        return new_entry(address, crawl.source.id, role, self.clock())

    def _remember_entrance(self, entry: FetchState) -> None:
        pass

    def _further(self, sitemaps: list[Link]) -> list[Link]:
        wanted = [link for link in self.span.sitemaps(sitemaps) if not _NOT_FOR_ARTICLES.search(urlsplit(link.url).path)]
        new = [link for link in wanted if normalise_url(link.url) not in self._asked]
        self._asked.update(normalise_url(link.url) for link in new)
        done = set().union(*(progress.done for progress in self.progress_of.values()))
        return [link for link in new if normalise_url(link.url) not in done][: self._sitemaps_max]

    def _wanted(self, crawl: SourceCrawl, pages: list[Link]) -> list[Link]:
        return self.span.pages(candidates(pages, crawl.source))[: self._links_max]

    # --- what it finds ---

    def _nothing_found(self, crawl: SourceCrawl, entry: FetchState, report: dict[str, Any], role: Role, links: int) -> None:
        """A sitemap of another time, or a page behind the last one, has nothing, and that is no problem."""

    def _taken_up(self, crawl: SourceCrawl, address: str, wanted: list[Link]) -> list[Request]:
        progress = self.progress_of[crawl.source.id]
        walk = self._making[crawl.source.id].pop(address, None)
        further: list[Request] = []
        if walk is None:
            if not self._is_index(crawl, address):
                progress.done.add(normalise_url(address))
        else:
            further += self._walked(crawl, walk, [normalise_url(link.url) for link in wanted])
        return further

    def _is_index(self, crawl: SourceCrawl, address: str) -> bool:
        return any(report["url"] == address and "sitemaps" in report for report in crawl.entrances)

    def _walked(self, crawl: SourceCrawl, walk: Walk, links: list[str]) -> list[Request]:
        """What comes after a page of an archive: the next one when its articles are fetched; the end when it says nothing new."""
        new = [link for link in links if link not in walk.seen]
        walk.seen.update(links)
        walk.page += 1
        if not new or not walk.paged or walk.page - walk.archive.first_page >= self._pages_max:
            self._end(crawl.source, walk)
            return []
        self.progress_of[crawl.source.id].pages[walk.name] = walk.page
        # The walk goes on when those are fetched that this page brought: their dates say whether it has come far enough.
        queued = {entry.url for entry in crawl.fresh}
        walk.waiting = {link for link in new if link in queued}
        for link in walk.waiting:
            self._walk_of[link] = walk
        if walk.waiting:
            self._making[crawl.source.id][f"waiting {walk.name}"] = walk
            return []
        return [self._next_of(crawl, walk)]

    def _end(self, source: Source, walk: Walk) -> None:
        progress = self.progress_of[source.id]
        progress.done.add(walk.name)
        progress.pages.pop(walk.name, None)

    def _entrance_problem(self, crawl: SourceCrawl, entry: FetchState, report: dict[str, Any], problem: str) -> None:
        if report["url"] in self._guessed and hosts_of(self.crawler).sitemaps.get(host_of(report["url"])):
            report["outcome"] = "not there"  # robots.txt names others
            return
        super()._entrance_problem(crawl, entry, report, problem)
        # Not done: the next call asks for it again.
        self._making[crawl.source.id].pop(report["url"], None)

    def _settle(
        self,
        visit: Visit,
        fate: Fate | None,
        detail: str = "",
        answer: ArchiveRecord | None = None,
        published: datetime | None = None,
    ) -> None:
        super()._settle(visit, fate, detail, answer, published)
        walk = self._walk_of.pop(visit.entry.url, None)
        if walk is not None:
            walk.waiting.discard(visit.entry.url)
            if published is not None:
                walk.dated.append(published < self.span.begins)

    def _page_done(self, crawl: SourceCrawl) -> Iterator[Request]:
        yield from super()._page_done(crawl)
        making = self._making[crawl.source.id]
        for name, walk in list(making.items()):
            if name.startswith("waiting ") and not walk.waiting:
                del making[name]
                if walk.is_past():
                    self._end(crawl.source, walk)
                elif self._goes_on(crawl):
                    yield self._next_of(crawl, walk)
        yield from self._go_on(crawl)

    def entrance_failed(self, failure: Any) -> Iterator[Request]:
        """A sitemap or an archive page that could not be had; robots.txt may name others."""
        yield from super().entrance_failed(failure)
        crawl: SourceCrawl = failure.request.cb_kwargs["crawl"]
        yield from self._named_by_robots(crawl, failure.request.url)
        yield from self._go_on(crawl)

    async def parse_entrance(self, response: Response, crawl: SourceCrawl, *args: Any, **kwargs: Any) -> Any:
        """Take up what a sitemap or an archive page names."""
        async for request in super().parse_entrance(response, crawl, *args, **kwargs):
            yield request
        for request in [*self._named_by_robots(crawl, response.url), *self._go_on(crawl)]:
            yield request

    def _named_by_robots(self, crawl: SourceCrawl, address: str) -> Iterator[Request]:
        for named in hosts_of(self.crawler).sitemaps.get(host_of(address), []):
            if is_on_site(named, crawl.source.domain):
                yield from self._sitemap(crawl, named)

    # --- how far it has come ---

    def checkpoint(self) -> None:
        """Make everything so far safe; then how far it has come."""
        super().checkpoint()
        for progress in self.progress_of.values():
            progress.save()

    def _said(self) -> str:
        ways = [report for crawl in self.crawls for report in crawl.entrances]
        left = sum(len(crawl.fresh) + len(crawl.due) for crawl in self.crawls) + sum(len(walks) for walks in self._walks.values())
        read = sum(report["outcome"] == "read" for report in ways)
        return f"{super()._said()}; {read} of {len(ways)} sitemaps and archive pages read, {left} pages and days wait"
