"""What crawls that were killed fetched and could not read any more: read now, so that nothing is fetched twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from crawlers.locks import is_at_work
from crawlers.memory import new_entry
from crawlers.pages import FetchedPage
from crawlers.runs import read_run
from crawlers.spiders.pages import PageSpider
from crawlers.spool import left_over, waiting_pages
from crawlers.visits import LeftOver, Visit
from diembao.fates import Fate
from diembao.urls import article_id

if TYPE_CHECKING:
    from scrapy import Request


class ResumingSpider(PageSpider):
    """Goes on where a kill ended."""

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
                role = "part" if page.part_of else "article"
                entry = self.memory.look_up([asked]).get(asked) or new_entry(page.url, page.source, role, page.first_seen_at)
                if entry.fetched_at is not None and entry.fetched_at >= page.fetched_at:
                    continue
                crawl = by_source.get(page.source)
                if crawl is None:
                    file.is_needed = True
                    continue
                entry.role = role
                visit = Visit(crawl.source, entry, article_id(page.url), page.url, spooled=spooled)
                if visit.page in settled:
                    # The kill came between the page's fate and the memory of it.
                    published = None
                    if (article := articles.get(visit.page)) is not None:
                        entry.content_hash, entry.article_id, published = article.content_hash, article.id, article.published_at
                    self._remember(entry, crawl.source, settled[visit.page], page.fetched_at, published)
                    if settled[visit.page] is Fate.DUPLICATE_URL:
                        visit.settled = True  # it may have been set aside for its article
                        self._set_aside[article_id(asked)] = visit
                        file.waiting += 1
                elif page.part_of:
                    self._left_part(file, visit, asked, page, settled)
                elif visit.page not in self._taken:
                    self._take(visit, visit.page, article_id(entry.address))
                    crawl.queued.add(asked)
                    crawl.taken += 1
                    crawl.in_flight += 1
                    file.waiting += 1
                    file.pages.append((crawl, visit, replace(page, payload=b"")))
            self.spool.adopt(path, file.waiting + file.is_needed)
            found.append(file)
        return found

    def _left_part(self, file: LeftOver, visit: Visit, asked: str, page: FetchedPage, settled: Mapping[str, Fate | None]) -> None:
        """A later page of an article waits for its first one, unless the kill came between the fates of the two."""
        first = article_id(page.part_of)
        if first in settled:
            visit.entry.article_id, visit.spooled = first, None
            self._take(visit, visit.page)
            self._settle(visit, settled[first] or Fate.JOINED, f"a page of {page.part_of}")
        else:
            self._set_aside[article_id(asked)] = visit
            file.waiting += 1

    async def _read_left_over(self, files: list[LeftOver]) -> AsyncIterator[Request]:
        for file in files:
            for requests in await asyncio.gather(*(self._read(*page) for page in file.pages)):
                for request in requests:
                    yield request
            if self.fatal is None:
                self._make_safe()
