"""Pages that are made by JavaScript, for sources that say `javascript = true`: opened in Chromium, whose requests all pass through here.

The browser itself reaches no network. What a page asks for is fetched by Scrapy's own handler, so private addresses are refused, robots.txt
is obeyed, sizes and times are limited, and no cookie outlives its page.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.exceptions import DownloadCancelledError, DownloadTimeoutError

from crawlers.browsing import BROWSER_VARIABLE, launch_options
from crawlers.compression import BadCompression, TooMuch, decompress
from crawlers.middlewares import hosts_of
from crawlers.outcomes import PageFailure
from diembao.errors import ConfigError
from diembao.fates import Fate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from diembao.source import Source

logger = logging.getLogger(__name__)

RENDERED = "X-Diembao-Rendered"
"""Header of a page in the archive that is the browser's document, not the bytes of the server."""

_KINDS = frozenset({"document", "script", "xhr", "fetch"})
_REDIRECTS_MAX = 3


def needs_browser(sources: Iterable[Source]) -> None:
    """Raise ConfigError when one of `sources` wants a browser and Playwright is not installed."""
    wanting = [source.id for source in sources if source.javascript]
    if wanting and importlib.util.find_spec("playwright") is None:
        raise ConfigError(f"{wanting[0]} wants a browser (javascript = true)", "pip install playwright, and Chromium from your system")


class RenderingHandler(HTTP11DownloadHandler):
    """Scrapy's handler; articles and listings of sources with `javascript` are given as the browser shows them."""

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._ours = crawler
        self._playwright: Any = None
        self._browser: Any = None
        self._opening = asyncio.Lock()
        self._tabs = asyncio.Semaphore(crawler.settings.getint("DIEMBAO_BROWSER_TABS"))
        self._seconds = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._maxsize = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        self._requests_max = crawler.settings.getint("DIEMBAO_BROWSER_REQUESTS")

    async def download_request(self, request: Request) -> Response:
        """The answer; rendered where the source wants it and it is a page."""
        response = await super().download_request(request)
        source: Source | None = request.meta.get("source")
        kind = (response.headers.get("Content-Type") or b"").lower()
        if source is None or not source.javascript or request.meta.get("role") not in ("article", "listing"):
            return response
        if response.status != 200 or b"html" not in kind:
            return response
        async with self._tabs:
            try:
                return await asyncio.wait_for(self._rendered(request, response), 2 * self._seconds)
            except TimeoutError as error:
                raise DownloadTimeoutError(f"the browser took longer than {2 * self._seconds:g} seconds") from error

    async def close(self) -> None:
        """End the browser too."""
        if self._browser is not None:
            await self._browser.close()
            await self._playwright.stop()
        await super().close()

    async def _open(self) -> Any:
        from playwright.async_api import Error, async_playwright

        async with self._opening:
            if self._browser is None or not self._browser.is_connected():
                self._playwright = self._playwright or await async_playwright().start()
                try:
                    self._browser = await self._playwright.chromium.launch(**launch_options())
                except Error as error:
                    detail = f"the browser cannot be started ({BROWSER_VARIABLE} names it): {str(error).splitlines()[0]}"
                    raise PageFailure(Fate.NETWORK_ERROR, detail) from error
        return self._browser

    async def _rendered(self, request: Request, response: Response) -> Response:
        from playwright.async_api import Error

        browser = await self._open()
        context = await browser.new_context(user_agent=self._ours.settings["USER_AGENT"], locale="vi-VN", service_workers="block")
        try:
            tab = await context.new_page()
            page = _Page(self, request, response, self._requests_max)
            await tab.route("**/*", page.answer)
            await tab.route_web_socket("**/*", lambda socket: socket.close())
            try:
                await tab.goto(request.url, wait_until="load", timeout=self._seconds * 1000)
                await tab.wait_for_load_state("networkidle", timeout=self._seconds * 1000)
            except Error as error:
                # What is there by then is taken: an advertisement that never ends must not cost the article.
                logger.info("rendering %s: %s", request.url, str(error).splitlines()[0])
            body = (await tab.content()).encode("utf-8", "replace")
        except Error as error:
            raise PageFailure(Fate.NETWORK_ERROR, f"the browser failed: {str(error).splitlines()[0]}") from error
        finally:
            await context.close()
        if len(body) > self._maxsize:
            raise DownloadCancelledError(f"{len(body)} bytes after rendering")
        headers = response.headers.copy()
        for name in ("Content-Encoding", "Content-Length"):
            headers.pop(name, None)
        headers["Content-Type"] = "text/html; charset=utf-8"
        headers[RENDERED] = f"Chromium {browser.version}"
        return response.replace(body=body, headers=headers)

    async def fetch(self, request: Request) -> Response:
        """What a page asks for, as Scrapy's handler fetches it."""
        robots = hosts_of(self._ours).robots
        if robots is not None:
            await robots.process_request(request)
        return await super().download_request(request)


class _Page:
    """The requests of one page in the browser."""

    def __init__(self, handler: RenderingHandler, request: Request, response: Response, requests_max: int) -> None:
        self._handler = handler
        self._request = request
        self._response = response
        self._left = requests_max
        self._bytes_left = 4 * handler._maxsize
        self._document_given = False
        self._at_once = asyncio.Semaphore(2)

    async def answer(self, route: Any) -> None:
        """Fulfil or abort one request; never raises."""
        from playwright.async_api import Error

        try:
            wanted = route.request
            if wanted.is_navigation_request():
                if self._document_given or wanted.frame.parent_frame is not None:
                    await route.abort()
                    return
                self._document_given = True
                await self._fulfil(route, self._response)
                return
            fit = wanted.method == "GET" and wanted.resource_type in _KINDS and urlsplit(wanted.url).scheme in ("http", "https")
            if not fit or self._left <= 0 or self._bytes_left <= 0:
                await route.abort()
                return
            self._left -= 1
            async with self._at_once:
                response = await self._fetched(wanted.url)
            self._bytes_left -= len(response.body)
            await self._fulfil(route, response)
        except Error:
            return  # the page is closed
        except Exception as error:  # noqa: BLE001 - whatever happens to it, one request is refused and the page goes on
            logger.debug("%s for %s: %s", route.request.url, self._request.url, error)
            try:
                await route.abort()
            except Error:
                return

    async def _fetched(self, url: str) -> Response:
        for _ in range(_REDIRECTS_MAX + 1):
            headers = {
                name: self._request.headers.get(name) for name in ("User-Agent", "Accept-Language") if self._request.headers.get(name)
            }
            meta = {"role": "resource", "download_timeout": self._handler._seconds, "download_maxsize": self._handler._maxsize}
            response = await self._handler.fetch(Request(url, headers={**headers, "Accept-Encoding": "gzip, deflate, br"}, meta=meta))
            location = response.headers.get("Location")
            if not (300 <= response.status < 400 and location):
                return response
            url = urljoin(url, location.decode("latin-1"))
        raise PageFailure(Fate.REDIRECT_LOOP, url)

    async def _fulfil(self, route: Any, response: Response) -> None:
        body = response.body
        encodings = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1")
        if encodings.strip() and body:
            try:
                body = decompress(body, encodings, self._handler._maxsize)
            except (TooMuch, BadCompression):
                await route.abort()
                return
        kind = (response.headers.get("Content-Type") or b"text/plain").decode("latin-1")
        # Another host's script may be read by the page that asked for it; cookies and policies are not passed on.
        await route.fulfill(status=response.status, body=body, headers={"Content-Type": kind, "Access-Control-Allow-Origin": "*"})
