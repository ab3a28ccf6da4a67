"""How the crawler behaves towards a server: robots.txt, pauses, redirects, sizes.

Scrapy's own middlewares for these are switched off in the settings, with the reason beside each.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from protego import Protego
from scrapy import Request, signals
from scrapy.downloadermiddlewares.retry import get_retry_request
from scrapy.exceptions import CannotResolveHostError
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.misc import load_object
from w3lib.url import safe_url_string

from crawlers.addresses import GuardedResolver
from crawlers.compression import BadCompression, TooMuch, decompress
from crawlers.outcomes import PageFailure, fate_of_failure
from crawlers.sites import host_of, is_on_site
from diembao.fates import Fate
from diembao.source import Source

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT_ENCODING = b"gzip, deflate, br"
_HOSTS = "diembao_hosts"
_SITEMAPS_NAMED = 100
"""Sitemaps that are taken from one robots.txt."""
LEFT_ALONE = "the host asked to be left alone (Retry-After)"


@dataclass(frozen=True)
class _Rules:
    """What robots.txt of one host says; `parser` None: everything is allowed, `refusal` set: nothing is fetched."""

    parser: Any = None
    refusal: PageFailure | None = None


class RobotsMiddleware:
    """Obeys robots.txt and its Crawl-delay. Unreachable means wait: the page gets blocked_by_robots until the next run.

    RFC 9309: a 4xx answer means that there are no rules; 5xx, 429, time-outs and broken connections mean "unreachable".
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        hosts_of(crawler).robots = self
        self._rules: dict[str, asyncio.Future[_Rules]] = {}
        self._name: str = crawler.settings["ROBOTSTXT_USER_AGENT"]
        self._maxsize = crawler.settings.getint("DIEMBAO_ROBOTS_MAXSIZE")
        self._longest = crawler.settings.getfloat("DIEMBAO_CRAWL_DELAY_MAX")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Scrapy's way of making one."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Wait for robots.txt of the host, then let the request pass or raise PageFailure."""
        # An official API answers to a key and its own terms; robots.txt speaks of pages for readers.
        if request.meta.get("role") in ("robots", "api"):
            return
        root = f"{urlsplit(request.url).scheme}://{host_of(request.url)}"
        if root not in self._rules:
            self._rules[root] = asyncio.get_running_loop().create_future()
            self._rules[root].set_result(await self._read(root, request))
        rules = await self._rules[root]
        if rules.refusal is not None:
            raise PageFailure(rules.refusal.fate, rules.refusal.detail)
        if rules.parser is not None and not rules.parser.can_fetch(request.url, self._name):
            raise PageFailure(Fate.BLOCKED_BY_ROBOTS, "robots.txt forbids it")

    async def _read(self, root: str, cause: Request) -> _Rules:
        """The rules of `root`; never raises."""
        request = Request(
            f"{root}/robots.txt",
            callback=NO_CALLBACK,
            dont_filter=True,
            priority=1000,
            meta={"role": "robots", "source": cause.meta.get("source"), "download_maxsize": self._maxsize},
        )
        try:
            engine = self._crawler.engine
            assert engine is not None
            response = await engine.download_async(request)
            if 400 <= response.status < 500 and response.status != 429:
                return _Rules()
            if response.status != 200:
                return _unreachable(f"HTTP {response.status}")
            parser = Protego.parse(response.body.decode("utf-8", "replace"))
        except Exception as error:  # noqa: BLE001 - whatever happens, "unreachable" is the safe answer
            fate, detail = fate_of_failure(error)
            if fate is Fate.PRIVATE_ADDRESS:
                return _Rules(refusal=PageFailure(fate, detail))
            return _unreachable(detail)
        hosts_of(self._crawler).sitemaps[host_of(root)] = list(parser.sitemaps)[:_SITEMAPS_NAMED]
        delay = parser.crawl_delay(self._name)
        if delay and delay > self._longest:
            detail = f"robots.txt asks for {delay:g} s between requests, more than {self._longest:g} s"
            return _Rules(refusal=PageFailure(Fate.BLOCKED_BY_ROBOTS, detail))
        if delay:
            hosts_of(self._crawler).ask_for(host_of(root), float(delay))
        return _Rules(parser)


def _unreachable(reason: str) -> _Rules:
    return _Rules(refusal=PageFailure(Fate.BLOCKED_BY_ROBOTS, f"robots.txt unreachable: {reason}"))


class Hosts:
    """Delays and pauses of the hosts of one crawl, applied to Scrapy's download slots."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._delays: dict[str, float] = {}
        self._closed: dict[str, float] = {}
        self.sitemaps: dict[str, list[str]] = {}
        """What robots.txt of each host names."""
        self.robots: RobotsMiddleware | None = None
        self._concurrency = crawler.settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN")

    def ask_for(self, host: str, delay: float, *, by_robots: bool = True) -> None:
        """At least `delay` seconds between two requests to `host`; one at a time where robots.txt asks."""
        engine = self._crawler.engine
        assert engine is not None
        downloader = engine.downloader
        known = downloader.per_slot_settings.get(host, {})
        entry = {
            # Never none: Scrapy starts whatever waits at once when there is no delay, before it counts what is on its way.
            "delay": max(delay, known.get("delay", 0.0), 0.001),
            "concurrency": 1 if by_robots else known.get("concurrency", self._concurrency),
            "jitter": 0.0,
        }
        if entry == known:
            return
        downloader.per_slot_settings[host] = entry
        if slot := downloader.slots.get(host):
            slot.delay, slot.concurrency = entry["delay"], int(entry["concurrency"])

    def pause(self, host: str, seconds: float) -> None:
        """No request to `host` for `seconds`; those that wait stay in its queue."""
        engine = self._crawler.engine
        assert engine is not None
        slot = engine.downloader.slots.get(host)
        if slot is not None:
            # Scrapy asks: is `delay` over since `lastseen`?
            slot.lastseen = max(slot.lastseen, monotonic() + seconds - slot.delay)

    def close(self, host: str, seconds: float) -> None:
        """No request to `host` for `seconds`; those that come, and those that wait in its queue, are given up."""
        self._closed[host] = monotonic() + seconds
        engine = self._crawler.engine
        assert engine is not None
        slot = engine.downloader.slots.get(host)
        while slot is not None and slot.queue:
            _, waiting = slot.queue.popleft()
            waiting.errback(PageFailure(Fate.THROTTLED, LEFT_ALONE))

    def closed(self) -> dict[str, float]:
        """The hosts that are left alone, with the seconds that are left."""
        now = monotonic()
        return {host: until - now for host, until in self._closed.items() if until > now}

    def is_closed(self, host: str) -> bool:
        """Whether `host` asked to be left alone for longer than a run waits."""
        return self._closed.get(host, 0.0) > monotonic()


def hosts_of(crawler: Crawler) -> Hosts:
    """The hosts of this crawl, shared by the middlewares."""
    hosts: Hosts | None = getattr(crawler, _HOSTS, None)
    if hosts is None:
        hosts = Hosts(crawler)
        setattr(crawler, _HOSTS, hosts)
    return hosts


class PolitenessMiddleware:
    """One queue per host and port, with the source's delay; refuses hosts that asked to be left alone or are private."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Scrapy's way of making one."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Put the request into its host's queue."""
        host = host_of(request.url)
        hosts = hosts_of(self._crawler)
        if hosts.is_closed(host):
            raise PageFailure(Fate.THROTTLED, LEFT_ALONE)
        source: Source | None = request.meta.get("source")
        hosts.ask_for(host, source.delay if source else self._crawler.settings.getfloat("DOWNLOAD_DELAY"), by_robots=False)
        request.meta["download_slot"] = host

    def process_exception(self, request: Request, exception: Exception) -> None:
        """A name without addresses is a private one when the resolver refused it."""
        from twisted.internet import reactor

        resolver = getattr(reactor, "nameResolver", None)
        host = urlsplit(request.url).hostname or ""
        if isinstance(exception, CannotResolveHostError) and isinstance(resolver, GuardedResolver) and host in resolver.refused:
            detail = f"{host} is {resolver.refused[host]}, an address inside a network; crawl.allow_private_addresses is false"
            raise PageFailure(Fate.PRIVATE_ADDRESS, detail) from exception


class BackOffMiddleware:
    """Retries with growing pauses. 429 and 503 pause the whole host, as long as Retry-After says."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._statuses = {int(status) for status in crawler.settings.getlist("RETRY_HTTP_CODES")}
        self._exceptions = tuple(load_object(name) for name in crawler.settings.getlist("RETRY_EXCEPTIONS"))
        self._first = crawler.settings.getfloat("DIEMBAO_BACK_OFF")
        self._longest = crawler.settings.getfloat("DIEMBAO_RETRY_AFTER_MAX")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Scrapy's way of making one."""
        middleware = cls(crawler)
        crawler.signals.connect(middleware.slow_down, signal=signals.response_downloaded)
        return middleware

    def slow_down(self, response: Response, request: Request) -> None:
        """Pause or leave the host, before Scrapy sends it the next request of its queue."""
        if response.status not in (429, 503):
            return
        host = host_of(request.url)
        asked = retry_after(response.headers.get("Retry-After"), datetime.now(UTC)) or 0.0
        if (says := request.meta.get("wait_in")) is not None:
            asked = max(asked, says(response) or 0.0)
        if asked > self._longest:
            hosts_of(self._crawler).close(host, asked)
        else:
            hosts_of(self._crawler).pause(host, max(self._pause(request), asked))

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """The response, or the same request again after a pause."""
        if response.status not in self._statuses or hosts_of(self._crawler).is_closed(host_of(request.url)):
            return response
        again = self._again(request, f"HTTP {response.status}")
        if again is None:
            return response
        if response.status not in (429, 503):
            await asyncio.sleep(self._pause(request))
        return again

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """The same request again after a pause, or None when it was the last attempt."""
        if not isinstance(exception, self._exceptions):
            return None
        again = self._again(request, exception)
        if again is not None:
            await asyncio.sleep(self._pause(request))
        return again

    def _pause(self, request: Request) -> float:
        return float(self._first * 2 ** request.meta.get("retry_times", 0))

    def _again(self, request: Request, reason: str | Exception) -> Request | None:
        assert self._crawler.spider is not None
        return get_retry_request(request, spider=self._crawler.spider, reason=reason)


def retry_after(header: bytes | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header (seconds or a date) asks for; None when it says nothing that can be read.

    >>> retry_after(b"120", datetime(2026, 11, 20, tzinfo=UTC))
    120.0
    >>> retry_after(b"Fri, 20 Nov 2026 00:01:00 GMT", datetime(2026, 11, 20, tzinfo=UTC))
    60.0
    """
    text = (header or b"").decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())


class StayOnSiteMiddleware:
    """Follows redirects within the source's site, up to REDIRECT_MAX_TIMES of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Scrapy's way of making one."""
        return cls(crawler.settings.getint("REDIRECT_MAX_TIMES"))

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """The response, or a request for where it leads. Raises PageFailure for a loop or another site."""
        location = response.headers.get("Location")
        if response.status not in _REDIRECTS or location is None:
            return response
        target = urljoin(request.url, safe_url_string(location.decode("latin-1")))
        if urlsplit(target).scheme not in ("http", "https"):
            raise PageFailure(Fate.LEFT_SITE, f"redirected to {target[:200]}")
        if request.meta.get("role") == "api":
            raise PageFailure(Fate.LEFT_SITE, "the API leads elsewhere; a key is sent nowhere else")
        times = request.meta.get("redirect_times", 0) + 1
        if times > self._limit:
            raise PageFailure(Fate.REDIRECT_LOOP, f"more than {self._limit} redirects, the last to {target[:200]}")
        source: Source | None = request.meta.get("source")
        if request.meta.get("role") != "robots" and source is not None and not is_on_site(target, source.domain):
            response.request = request
            raise PageFailure(Fate.LEFT_SITE, f"redirected to {target[:200]}", response)
        again = request.replace(url=target, dont_filter=True)
        again.meta["redirect_times"] = times
        again.meta["retry_times"] = 0
        # The validators belong to the address that was asked first.
        again.headers.pop("If-None-Match", None)
        again.headers.pop("If-Modified-Since", None)
        return again


class DecompressionMiddleware:
    """Decompresses up to the maximum size and keeps the bytes as sent (`meta["payload"]`) for the archive."""

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Scrapy's way of making one."""
        return cls(crawler.settings.getint("DOWNLOAD_MAXSIZE"))

    def process_request(self, request: Request) -> None:
        """Say what we can read."""
        request.headers.setdefault("Accept-Encoding", _ACCEPT_ENCODING)

    def process_response(self, request: Request, response: Response) -> Response:
        """The response with its body decompressed. Raises PageFailure when it is too large or broken."""
        request.meta["payload"] = response.body
        request.meta["payload_headers"] = response.headers.copy()
        encodings = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1")
        if not encodings.strip() or not response.body:
            return response
        try:
            body = decompress(response.body, encodings, request.meta.get("download_maxsize", self._maxsize))
        except TooMuch as error:
            raise PageFailure(Fate.TOO_LARGE, str(error)) from error
        except BadCompression as error:
            raise PageFailure(Fate.PARSE_ERROR, str(error)) from error
        headers = response.headers.copy()
        headers.pop("Content-Encoding", None)
        return response.replace(body=body, headers=headers)
