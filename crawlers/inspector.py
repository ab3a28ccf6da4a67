"""Looks at outlets on the network: `python -m crawlers.inspector --source NAME…`, or `--url URL` for one that has no entry yet.

Prints an `Inspection` as one JSON line for each. It fetches as a crawl does (robots.txt, delays, sizes, no private addresses), one
page after the other per outlet, all outlets at the same time, and stops at a time that is given.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar
from urllib.parse import urldefrag, urljoin, urlsplit

import click
from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess
from scrapy.http.request import NO_CALLBACK

from crawlers.__main__ import project_settings
from crawlers.apart import TookTooMuch, read_apart
from crawlers.compression import BadCompression, TooMuch
from crawlers.entrances import EntranceError, Link, Role, candidates, read_entrance
from crawlers.extraction import Extracted, extract
from crawlers.extraction.page import Page, UnreadablePageError, fold
from crawlers.inspection import SAMPLE, Entrance, Inspection, Sample, names_province
from crawlers.memory import ADDRESS_MAX
from crawlers.outcomes import fate_of_failure, fate_of_status
from crawlers.registry import choose, outlet_at
from crawlers.sites import is_on_site
from crawlers.voices.look import look
from diembao.clock import utc_now, vietnam_day
from diembao.errors import DiembaoError
from diembao.fates import Fate
from diembao.settings import Settings, read_settings
from diembao.source import Source

if TYPE_CHECKING:
    from scrapy.http import Response

logger = logging.getLogger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")

FEED_PATHS = (
    "/rss",
    "/rss.html",
    "/rss.htm",
    "/rss/home.rss",
    "/rss/tin-moi-nhat.rss",
    "/rss/trang-chu.rss",
    "/rss.xml",
    "/feed",
    "/index.rss",
)
"""Where Vietnamese outlets commonly keep their main feed, or the page that lists their feeds; tried until one gives a feed."""

SITEMAP_PATHS = (
    "/news-sitemap.xml",
    "/sitemap-news.xml",
    "/sitemap_news.xml",
    "/google-news-sitemap.xml",
    "/sitemap.xml",
    "/sitemap_index.xml",
)
"""Where sitemaps commonly are; tried when robots.txt names none, until one is there."""

_FEED_TYPES = ("application/rss+xml", "application/atom+xml")
_MAXSIZE: dict[Role, int] = {"feed": 5 << 20, "listing": 5 << 20, "sitemap": 20 << 20}
_PAGE_MAXSIZE = 8 << 20
_AT_ONCE = 256 << 10
"""Bytes that are read in this process; more, in one of its own that may be stopped."""
_READ_SECONDS = 20.0
_MOST_REQUESTS = 60
_MOST_NAMED = 6
"""Feeds and sitemaps that are tried of those that a page or robots.txt names."""
_MOST_LISTINGS = 8
_FRONT_LINKS = 300
_SLUG_WORDS = 4


class _Answer(NamedTuple):
    url: str
    body: bytes
    content_type: str


class _Refused(Exception):  # noqa: N818 - the host's or our own refusal
    """An address that gave nothing: why."""

    def __init__(self, fate: Fate, detail: str) -> None:
        super().__init__(f"{fate}: {detail}" if detail else str(fate))
        self.fate = fate
        self.detail = detail


class InspectionSpider(Spider):
    """Looks at several outlets at the same time.

    Args:
        sources: what to look at; one without feeds, sitemaps and listings needs its homepage.
        seconds: time for each.
        done: gets each inspection when it is finished.
        asks: gets each address before it is asked for.
    """

    name = "inspection"

    def __init__(
        self,
        sources: list[Source],
        seconds: float,
        done: Callable[[Inspection], None],
        asks: Callable[[str], None] = lambda _: None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.asks = asks
        self.sources = sources
        self.seconds = seconds
        self.done = done
        self._requests: dict[str, int] = {}

    async def start(self) -> AsyncIterator[Request]:
        """Look at all of them; nothing is left to Scrapy's scheduler."""
        await asyncio.gather(*(self._inspect(source) for source in self.sources))
        nothing: list[Request] = []
        for request in nothing:
            yield request

    async def _inspect(self, source: Source) -> None:
        seen = Inspection(source.id)
        try:
            async with asyncio.timeout(self.seconds):
                await self._look(source, seen)
        except TimeoutError:
            seen.problems.append(f"stopped after {self.seconds:g} s; what was seen until then counts")
        except Exception as error:  # a hostile outlet must not end the inspection of the others
            logger.exception("inspecting %s", source.id)
            seen.problems.append(f"{type(error).__name__}: {error}"[:300])
        self.done(seen)

    async def _look(self, source: Source, seen: Inspection) -> None:
        if source.voice is not None:
            await look(self.crawler, source, seen, os.environ, utc_now())
            return
        pools: list[list[Link]] = []
        named = await self._front_page(source, seen)
        if seen.moved_to:
            return
        for role, address, links in _known(source):
            pools.append(await self._try(source, seen, role, address, links, known=True))
        if not any(entrance.works and entrance.role == "feed" for entrance in seen.entrances):
            pools += await self._find_feeds(source, seen, named)
        if not any(entrance.works and entrance.role == "sitemap" for entrance in seen.entrances):
            pools += await self._find_sitemaps(source, seen)
        pools.append([Link(url) for url in sorted(seen.front_links, key=_slug_words, reverse=True) if _slug_words(url) >= _SLUG_WORDS])
        for link in _mixed(pools, SAMPLE):
            seen.samples.append(await self._sample(source, link.url))

    async def _front_page(self, source: Source, seen: Inspection) -> list[str]:
        """What the outlet calls itself and where its front page leads; the feeds that it names."""
        home = _home(source)
        try:
            answer = await self._get(source, home, "listing", _MAXSIZE["listing"])
            name, named, links = await self._read(len(answer.body), _read_front_page, answer.body, answer.url)
        except _Refused as refusal:
            if refusal.fate is Fate.LEFT_SITE:
                seen.moved_to = refusal.detail.removeprefix("redirected to ")
            else:
                seen.problems.append(f"{urlsplit(home).netloc}: {refusal}")
            return []
        except TookTooMuch as error:
            seen.problems.append(f"the front page cannot be read: {error}")
            return []
        seen.name = name
        seen.front_links = [link.url for link in candidates(links, source)][:_FRONT_LINKS]
        return [url for url in named if is_on_site(url, source.domain)][:_MOST_NAMED]

    async def _find_feeds(self, source: Source, seen: Inspection, named: list[str]) -> list[list[Link]]:
        """Those that the front page names, else the first of the usual places that is a feed or a page of feeds."""
        asked = {entrance.url for entrance in seen.entrances}
        pools = [await self._try(source, seen, "feed", url, "", known=False) for url in named if url not in asked]
        home = _home(source)
        for path in FEED_PATHS:
            if any(entrance.works and entrance.role == "feed" for entrance in seen.entrances):
                break
            url = urljoin(home, path)
            if url in asked:
                continue
            try:
                answer = await self._get(source, url, "feed", _MAXSIZE["feed"])
                listed = await self._read(len(answer.body), _listed_feeds, answer.body, answer.url)
            except (_Refused, TookTooMuch):
                continue
            if listed:  # the page "Các kênh RSS"
                wanted = [feed for feed in listed if is_on_site(feed, source.domain)]
                wanted = sorted(wanted, key=_main_feed_first)[:_MOST_NAMED]
                pools.extend([await self._try(source, seen, "feed", feed, "", known=False) for feed in wanted])
            else:
                pools.append(await self._take(source, seen, Entrance("feed", answer.url, known=False), answer, "", guessed=True))
        return pools

    async def _find_sitemaps(self, source: Source, seen: Inspection) -> list[list[Link]]:
        """Those that robots.txt names, else the first of the usual places."""
        home = _home(source)
        named: list[str] = []
        try:
            answer = await self._get(source, urljoin(home, "/robots.txt"), "robots", 1 << 20)
            lines = answer.body[:500_000].decode("utf-8", "replace").splitlines()
            said = [line.partition(":")[2].strip() for line in lines if line.strip().lower().startswith("sitemap:")]
            named = [url for url in dict.fromkeys(urljoin(answer.url, url) for url in said) if is_on_site(url, source.domain)]
        except (_Refused, ValueError):
            pass
        named.sort(key=lambda url: "news" not in url.lower())
        pools = [await self._try(source, seen, "sitemap", url, "", known=False) for url in named[:_MOST_NAMED]]
        for url in (urljoin(home, path) for path in SITEMAP_PATHS):
            if any(entrance.works and entrance.role == "sitemap" for entrance in seen.entrances):
                break
            if url not in named:
                pools.append(await self._try(source, seen, "sitemap", url, "", known=False, guessed=True))
        return pools

    async def _try(
        self, source: Source, seen: Inspection, role: Role, url: str, links: str, *, known: bool, guessed: bool = False
    ) -> list[Link]:
        """Ask for a feed, sitemap or listing, note what it is worth, and return the articles that it leads to, newest first.

        A guess that is wrong says nothing about the outlet and is not noted.
        """
        entrance = Entrance(role, url, known)
        try:
            answer = await self._get(source, url, role, _MAXSIZE[role])
        except _Refused as refusal:
            entrance.problem = str(refusal)[:300]
            if not guessed:
                seen.entrances.append(entrance)
            return []
        return await self._take(source, seen, entrance, answer, links, guessed=guessed)

    async def _take(
        self, source: Source, seen: Inspection, entrance: Entrance, answer: _Answer, links: str, *, guessed: bool
    ) -> list[Link]:
        limit = _MAXSIZE[entrance.role]
        wanted: list[Link] = []
        try:
            found = await self._read(
                len(answer.body), read_entrance, entrance.role, answer.body, answer.url, answer.content_type, links, limit
            )
        except (EntranceError, TooMuch, BadCompression, TookTooMuch) as error:
            entrance.problem = f"cannot be read: {error}"[:300]
        else:
            wanted = candidates(found.pages, source)
            below = [link for link in found.sitemaps if is_on_site(link.url, source.domain)]
            entrance.links = len(wanted) or len(below)
            if below and not wanted:
                wanted = await self._below(source, below)
            if not entrance.links:
                count = len(found.pages)
                entrance.problem = f"has {count} links, none of them an article of {source.domain}" if count else "is empty"
            if wanted and wanted[0].moment:
                entrance.newest = vietnam_day(min(wanted[0].moment, utc_now())).isoformat()
        if entrance.works or not guessed:
            seen.entrances.append(entrance)
        return wanted

    async def _below(self, source: Source, sitemaps: list[Link]) -> list[Link]:
        """The articles of the newest sitemap of an index, one level down."""
        limit = _MAXSIZE["sitemap"]
        for link in sitemaps[:2]:
            try:
                answer = await self._get(source, link.url, "sitemap", limit)
                found = await self._read(
                    len(answer.body), read_entrance, "sitemap", answer.body, answer.url, answer.content_type, "", limit
                )
            except (_Refused, EntranceError, TooMuch, BadCompression, TookTooMuch):
                continue
            if wanted := candidates(found.pages, source):
                return wanted
        return []

    async def _sample(self, source: Source, url: str) -> Sample:
        """One page as a crawl would read it."""
        try:
            answer = await self._get(source, url, "article", _PAGE_MAXSIZE)
            found = await self._read(len(answer.body), extract, answer.body, answer.url, source, answer.content_type or None, now=utc_now())
        except _Refused as refusal:
            return Sample(url, str(refusal.fate), refusal.detail[:200])
        except TookTooMuch as error:
            return Sample(url, str(Fate.PARSE_ERROR), str(error)[:200])
        return describe(answer.url, found, source)

    async def _get(self, source: Source, url: str, role: str, maxsize: int) -> _Answer:
        """One answer with status 200.

        Raises:
            _Refused: with the fate that a page would have.
        """
        self._requests[source.id] = self._requests.get(source.id, 0) + 1
        if self._requests[source.id] > _MOST_REQUESTS:
            raise _Refused(Fate.THROTTLED, f"{_MOST_REQUESTS} requests are enough for a look")
        self.asks(url)
        engine = self.crawler.engine
        assert engine is not None
        request = Request(url, callback=NO_CALLBACK, dont_filter=True, meta={"role": role, "source": source, "download_maxsize": maxsize})
        try:
            response: Response = await engine.download_async(request)
        except Exception as error:  # every way in which a download fails has its fate
            raise _Refused(*fate_of_failure(error)) from error
        if fate := fate_of_status(response.status):
            raise _Refused(fate, f"HTTP {response.status}")
        kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
        return _Answer(response.url, response.body, kind)

    async def _read(self, size: int, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """Call `function`; in a process of its own when its input is large. Raises TookTooMuch."""
        if size <= _AT_ONCE:
            return function(*args, **kwargs)
        return await asyncio.to_thread(lambda: read_apart(_READ_SECONDS, function, *args, **kwargs))


def describe(url: str, found: Extracted, source: Source) -> Sample:
    """What an inspection says of one extracted page."""
    article = found.article
    names = ("title", "lead", "body", "authors", "section", "tags", "images", "published_at")
    detail = found.detail
    family = next((part.removeprefix("family ") for part in detail.split("; ") if part.startswith("family ")), "")
    return Sample(
        url,
        str(found.problem) if found.problem else "",
        detail if found.problem else "",
        [name for name in names if getattr(article, name)],
        article.published_at.isoformat() if article.published_at else "",
        len(article.body),
        article.extractor,
        family,
        found.article.page_kind,
        names_province(f"{article.title} {article.lead} {article.body} {article.section}", (source.province, source.former_province)),
        article.title[:200],
    )


def _home(source: Source) -> str:
    """The front page: as the entry says, else at the root of its first feed, sitemap or listing."""
    if source.homepage:
        return str(source.homepage)
    known = [str(url) for url in (*source.feeds, *source.sitemaps, *(listing.url for listing in source.listings))]
    own = next((url for url in known if is_on_site(url, source.domain)), f"https://{source.domain}/")
    return urljoin(own, "/")


def _known(source: Source) -> list[tuple[Role, str, str]]:
    feeds: list[tuple[Role, str, str]] = [("feed", str(url), "") for url in source.feeds[:_MOST_LISTINGS]]
    sitemaps: list[tuple[Role, str, str]] = [("sitemap", str(url), "") for url in source.sitemaps[:_MOST_LISTINGS]]
    return feeds + sitemaps + [("listing", str(one.url), one.links) for one in source.listings[:_MOST_LISTINGS]]


def _read_front_page(body: bytes, url: str) -> tuple[str, list[str], list[Link]]:
    """The outlet's name, the feeds that it names, and its links."""
    try:
        page = Page(body, url)
    except UnreadablePageError:
        return "", [], []
    name = page.metadata.first("og:site_name", "application-name")
    if not name:
        title = next((fold(element.text) for element in page.root.iter("title") if element.text), "")
        # "Báo Mẫu - Tin tức 24h": the name stands first, what the outlet promises behind it.
        name = next((part for part in title.replace("|", " - ").split(" - ") if part.strip()), "")
    feeds = [
        page.absolute(link.get("href") or "")
        for link in page.root.iter("link")
        if "alternate" in (link.get("rel") or "").lower().split() and (link.get("type") or "").lower() in _FEED_TYPES
    ]
    return name.strip()[:100], list(dict.fromkeys(feed for feed in feeds if feed)), _links(page)


def _links(page: Page) -> list[Link]:
    addresses = (page.absolute(anchor.get("href") or "") for anchor in page.root.iter("a"))
    return [Link(url) for url in dict.fromkeys(urldefrag(address)[0] for address in addresses if address) if len(url) <= ADDRESS_MAX]


def _listed_feeds(body: bytes, url: str) -> list[str]:
    """The feeds that a page lists ("Các kênh RSS"); none when it is a feed itself, or no such page."""
    if body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<?xml", b"<rss", b"<feed", b"<rdf")):
        return []
    try:
        links = [link.url for link in _links(Page(body, url))]
    except UnreadablePageError:
        return []
    return [link for link in links if urlsplit(link).path.endswith((".rss", ".xml", "/rss")) or "/rss/" in urlsplit(link).path][:60]


def _main_feed_first(url: str) -> tuple[bool, int, str]:
    return (not any(word in url for word in ("tin-moi", "home", "trang-chu", "thoi-su")), len(url), url)


def _slug_words(url: str) -> int:
    return urlsplit(url).path.rstrip("/").rpartition("/")[2].count("-")


def _mixed(pools: list[list[Link]], count: int) -> list[Link]:
    """The first of each pool in turn, each address once."""
    chosen: dict[str, Link] = {}
    depth = 0
    while len(chosen) < count and any(len(pool) > depth for pool in pools):
        for pool in pools:
            if len(pool) > depth and len(chosen) < count:
                chosen.setdefault(pool[depth].url, pool[depth])
        depth += 1
    return list(chosen.values())


def inspect(
    settings: Settings,
    sources: list[Source],
    seconds: float,
    done: Callable[[Inspection], None],
    pairs: dict[str, str],
    asks: Callable[[str], None] = lambda _: None,
) -> None:
    """Look at `sources`; blocks, once per process (a reactor starts once).

    Raises:
        DiembaoError: when it could not start.
    """
    overrides = {"LOG_LEVEL": "ERROR", "RETRY_TIMES": "1", **pairs}
    process = CrawlerProcess(project_settings(settings, overrides))
    crawler = process.create_crawler(InspectionSpider)
    process.crawl(crawler, sources=sources, seconds=seconds, done=done, asks=asks)
    process.start()
    if crawler.spider is None:
        raise DiembaoError("the inspection did not start", "Run it again with --set LOG_LEVEL=DEBUG")


@click.command()
@click.option("--source", "names", multiple=True, help="This entry of the registry; may be given again.")
@click.option("--url", help="An outlet that has no entry yet.")
@click.option("--delay", type=click.FloatRange(0, 120), default=1.0, help="With --url: seconds between two requests.")
@click.option("--province", help="With --url: the province that its articles should name.")
@click.option("--seconds", type=click.FloatRange(1), default=180.0, help="Time for each outlet.")
@click.option("--progress", is_flag=True, help="Each address on stderr before it is asked for.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Override a Scrapy setting.")
def main(
    names: tuple[str, ...], url: str | None, delay: float, province: str | None, seconds: float, progress: bool, pairs: tuple[str, ...]
) -> None:
    """Look at outlets; one JSON line each."""
    settings = read_settings()
    if url:
        sources = [outlet_at(url, delay).model_copy(update={"province": province})]
    else:
        sources, _ = choose(settings.sources_folder, list(names))
    overrides = dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def told(seen: Inspection) -> None:
        click.echo(json.dumps(seen.to_record(), ensure_ascii=False))

    def asks(address: str) -> None:
        if progress:
            click.echo(address, err=True)

    inspect(settings, sources, seconds, told, overrides, asks)


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except DiembaoError as error:
        click.echo(f"inspector: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
