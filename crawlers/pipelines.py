"""From a read page to the archive and the run's folder, in this order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scrapy.exceptions import DropItem

from crawlers.archive import Archive
from crawlers.pages import ReadPage
from diembao.errors import ArchiveError
from diembao.fates import Fate

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

    from crawlers.spiders.newspaper import NewspaperSpider


class ArchivePipeline:
    """Stores the page as evidence; a page that cannot be stored is given up until the next run."""

    def __init__(self, spider: NewspaperSpider, archive: Archive) -> None:
        self._spider = spider
        self._archive = archive

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Scrapy's way of making one."""
        spider: NewspaperSpider = crawler.spider  # type: ignore[assignment]
        return cls(spider, spider.archive)

    def process_item(self, item: ReadPage) -> ReadPage:
        """The item with its place in the archive. Raises DropItem when it cannot be archived."""
        try:
            record = self._archive.store(item.page)
        except ArchiveError as error:
            self._spider.settle(item.page.url, Fate.ARCHIVE_FAILED, str(error))
            raise DropItem(str(error)) from error
        article = item.article.with_fields(archive=record) if item.article else None
        return replace(item, archive=record, article=article)


class RecordPipeline:
    """Gives the page its fate and writes its Article."""

    def __init__(self, spider: NewspaperSpider) -> None:
        self._spider = spider

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Scrapy's way of making one."""
        return cls(crawler.spider)  # type: ignore[arg-type]

    def process_item(self, item: ReadPage) -> ReadPage:
        """Write the article or the reason why there is none."""
        self._spider.keep(item)
        return item
