"""Finds the feeds and sitemaps of an outlet from its address: what `diembao sources add` writes down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from scrapy import Request, Spider

from crawlers.compression import BadCompression, TooMuch, gunzip
from crawlers.entrances import EntranceError, candidates, read_feed, read_sitemap
from crawlers.outcomes import fate_of_failure
from crawlers.sites import is_on_site
from diembao.source import Source

if TYPE_CHECKING:
    from scrapy.http import Response
    from twisted.python.failure import Failure

FEED_PATHS = ("/rss", "/rss/home.rss", "/rss/tin-moi-nhat.rss", "/rss/trang-chu.rss", "/rss.xml", "/feed", "/atom.xml", "/index.rss")
"""Where Vietnamese outlets commonly keep their main feed; tried after what the front page itself names."""

SITEMAP_PATHS = (
    "/news-sitemap.xml",
    "/sitemap-news.xml",
    "/sitemap_news.xml",
    "/google-news-sitemap.xml",
    "/sitemap.xml",
    "/sitemap_index.xml",
)
"""Where sitemaps commonly are; tried after what robots.txt names."""

_FEED_TYPES = ("application/rss+xml", "application/atom+xml")
_MOST = 10


class DiscoverySpider(Spider):
    """Looks at the front page, robots.txt and the usual places of one outlet.

    Args:
        source: the outlet, as far as it is known: homepage and domain.

    Attributes:
        found: `{"name", "feeds": {url: links}, "sitemaps": {url: entries}, "problems": […]}`; filled while it runs.
    """

    name = "discovery"

    def __init__(self, source: Source, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.found: dict[str, Any] = {"name": "", "feeds": {}, "sitemaps": {}, "problems": []}
        self._asked: set[str] = set()

    async def start(self) -> AsyncIterator[Request]:
        """The front page and robots.txt."""
        home = str(self.source.homepage)
        yield self._request(home, self.parse_home, "listing", errback=self.home_failed)
        yield self._request(urljoin(home, "/robots.txt"), self.parse_robots, "robots")

    def _request(self, url: str, callback: Any, role: str, errback: Any = None) -> Request:
        self._asked.add(url)
        return Request(
            url, callback=callback, errback=errback or self.nothing_there, dont_filter=True, meta={"role": role, "source": self.source}
        )

    def parse_home(self, response: Response) -> Iterator[Request]:
        """What the front page says of itself, and the usual places."""
        if response.status != 200:
            self.found["problems"].append(f"{response.url} answers HTTP {response.status}")
            return
        soup = BeautifulSoup(response.body, "lxml")
        name = soup.find("meta", attrs={"property": "og:site_name"})
        title = soup.find("title")
        self.found["name"] = " ".join((str(name.get("content") or "") if name else (title.get_text() if title else "")).split())[:100]
        named = [
            urljoin(response.url, str(link["href"]))
            for link in soup.find_all("link", href=True)
            if "alternate" in (link.get("rel") or []) and str(link.get("type") or "").lower() in _FEED_TYPES
        ]
        for url in [*named[:_MOST], *(urljoin(response.url, path) for path in FEED_PATHS)]:
            if url not in self._asked and is_on_site(url, self.source.domain):
                yield self._request(url, self.parse_feed, "feed")
        for url in (urljoin(response.url, path) for path in SITEMAP_PATHS):
            if url not in self._asked:
                yield self._request(url, self.parse_sitemap, "sitemap")

    def parse_robots(self, response: Response) -> Iterator[Request]:
        """The sitemaps that robots.txt names."""
        if response.status != 200:
            return
        lines = response.body[:500_000].decode("utf-8", "replace").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.strip().lower().startswith("sitemap:")]
        for url in named[:_MOST]:
            address = urljoin(response.url, url)
            if address not in self._asked and is_on_site(address, self.source.domain):
                yield self._request(address, self.parse_sitemap, "sitemap")

    def parse_feed(self, response: Response) -> None:
        """Keep it when it is a feed with articles of the outlet."""
        try:
            links = candidates(read_feed(response.body, response.url), self.source) if response.status == 200 else []
        except EntranceError:
            return
        if links:
            self.found["feeds"][response.url] = len(links)

    def parse_sitemap(self, response: Response) -> None:
        """Keep it when it is a sitemap with pages of the outlet, or an index."""
        if response.status != 200:
            return
        try:
            body = gunzip(response.body, 50_000_000) if response.body[:2] == b"\x1f\x8b" else response.body
            sitemap = read_sitemap(body, response.url)
        except (EntranceError, TooMuch, BadCompression):
            return
        entries = len(candidates(sitemap.pages, self.source)) or len(sitemap.sitemaps)
        if entries:
            self.found["sitemaps"][response.url] = entries

    def home_failed(self, failure: Failure) -> None:
        """Without a front page there is nothing to find."""
        fate, detail = fate_of_failure(failure.value)
        self.found["problems"].append(f"{urlsplit(str(self.source.homepage)).netloc}: {fate}: {detail}")

    def nothing_there(self, failure: Failure) -> None:
        """One of the usual places is empty: that is usual."""
