"""What feeds, sitemaps and listing pages say: the addresses of articles. Pure functions of the bytes."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urldefrag, urljoin, urlsplit

import feedparser
from bs4 import BeautifulSoup
from lxml import etree
from soupsieve import SelectorSyntaxError

from crawlers.compression import gunzip
from crawlers.memory import ADDRESS_MAX
from crawlers.sites import is_front_page, is_on_site
from diembao.clock import to_utc
from diembao.source import Source

Role = Literal["feed", "sitemap", "listing"]

_NOT_A_PAGE = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|json|xml|rss|pdf|docx?|xlsx?|pptx?|zip|rar|7z|mp3|mp4|m3u8|avi|mov|wmv|apk|exe)$",
    re.IGNORECASE,
)
_OLDEST = datetime.min.replace(tzinfo=UTC)


class EntranceError(Exception):
    """A feed, sitemap or listing that cannot be read; the text says why."""


@dataclass(frozen=True)
class Link:
    """One entry of a feed, sitemap or listing.

    Attributes:
        url: absolute address, without fragment.
        moment: when the entry says it was published or changed, aware UTC; None when it does not.
    """

    url: str
    moment: datetime | None = None


@dataclass(frozen=True)
class Sitemap:
    """What a sitemap holds: pages, or further sitemaps. Newest first; entries without a date last, in their order."""

    pages: list[Link]
    sitemaps: list[Link]


def read_entrance(role: Role, body: bytes, url: str, content_type: str, links: str, limit: int) -> Sitemap:
    """What a feed, sitemap or listing holds; gzipped ones are decompressed.

    Args:
        role: which of the three it is.
        body: its bytes.
        url: its address.
        content_type: the header; empty when there was none.
        links: the selector of a listing.
        limit: bytes after decompression.

    Raises:
        EntranceError: when it cannot be read.
        TooMuch: when it is larger than `limit` after decompression.
        BadCompression: when it is gzipped and broken.
    """
    if body[:2] == b"\x1f\x8b":
        body = gunzip(body, limit)
    if role == "feed":
        return Sitemap(read_feed(body, url, content_type or None), [])
    if role == "listing":
        return Sitemap(read_listing(body, url, links), [])
    return read_sitemap(body, url)


def read_feed(body: bytes, url: str, content_type: str | None = None) -> list[Link]:
    """The entries of an RSS or Atom feed, newest first.

    Raises:
        EntranceError: when it is no feed at all (an empty feed is a feed).
    """
    parsed = feedparser.parse(body, response_headers={"content-location": url, **({"content-type": content_type} if content_type else {})})
    if not parsed.get("version") and not parsed.entries:
        reason = parsed.get("bozo_exception")
        raise EntranceError(f"not a feed{f' ({type(reason).__name__}: {reason})' if reason else ''}"[:200])
    addresses = ((_absolute(url, entry.get("link") or _permalink(entry)), entry) for entry in parsed.entries)
    return _newest_first([Link(address, _feed_moment(entry)) for address, entry in addresses if address])


def _permalink(entry: Any) -> str:
    identity = str(entry.get("id") or "")
    return identity if identity.startswith(("http://", "https://")) else ""


def _feed_moment(entry: Any) -> datetime | None:
    # Not entry.get: feedparser lets `updated` fall back on `published`, with a warning.
    parsed = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def read_sitemap(body: bytes, url: str) -> Sitemap:
    """The entries of a sitemap (news sitemaps and indexes too), already decompressed.

    Raises:
        EntranceError: when it is no sitemap.
    """
    pages: list[Link] = []
    sitemaps: list[Link] = []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(body.lstrip(b"\xef\xbb\xbf \t\r\n"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise EntranceError(f"not XML: {error}"[:200]) from error
    if root is None or _name(root) not in ("urlset", "sitemapindex"):
        raise EntranceError("not a sitemap" if root is None else f"not a sitemap but <{_name(root)[:40]}>")
    for element in root:
        address = _absolute(url, _first_text(element, "loc"))
        if not address:
            continue
        moment = _sitemap_moment(_first_text(element, "publication_date") or _first_text(element, "lastmod"))
        if _name(element) == "sitemap":
            sitemaps.append(Link(address, moment))
        elif _name(element) == "url":
            pages.append(Link(address, moment))
    return Sitemap(_newest_first(pages), _newest_first(sitemaps))


def _name(element: Any) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _first_text(element: Any, name: str) -> str:
    for found in element.iter():
        if _name(found) == name and found.text:
            return str(found.text).strip()
    return ""


def _sitemap_moment(text: str) -> datetime | None:
    try:
        return to_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def read_listing(body: bytes, url: str, links: str) -> list[Link]:
    """The links of a listing page that `links` (a CSS selector of `a` elements, or of elements that hold them) chooses.

    Raises:
        EntranceError: when the selector is wrong.
    """
    soup = BeautifulSoup(body, "lxml")
    base = soup.find("base", href=True)
    root = urljoin(url, str(base["href"])) if base else url
    try:
        chosen = soup.select(links)
    except SelectorSyntaxError as error:
        raise EntranceError(f"the selector {links!r} is wrong: {' '.join(str(error).split())}"[:200]) from error
    found: dict[str, None] = {}
    for element in chosen:
        anchors = [element] if element.name == "a" else element.find_all("a", href=True)
        for anchor in anchors:
            if address := _absolute(root, str(anchor.get("href") or "")):
                found.setdefault(address)
    return [Link(address) for address in found]


def _absolute(base: str, href: str) -> str:
    """`href` as an absolute http(s) address without fragment; empty when it is none or too long."""
    try:
        address = urldefrag(urljoin(base, href.strip()))[0] if href.strip() else ""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            return ""
        _ = parts.port
    except ValueError:
        return ""
    return address if len(address) <= ADDRESS_MAX else ""


def _newest_first(links: list[Link]) -> list[Link]:
    return sorted(links, key=lambda link: link.moment or _OLDEST, reverse=True)


def candidates(links: Iterable[Link], source: Source) -> list[Link]:
    """The links that may be articles of `source`: on its site, matching its pattern, no front page, no file."""
    pattern = re.compile(source.article_pattern) if source.article_pattern else None
    chosen: dict[str, Link] = {}
    for link in links:
        path = urlsplit(link.url).path
        if not is_on_site(link.url, source.domain) or is_front_page(link.url) or _NOT_A_PAGE.search(path):
            continue
        if pattern is None or pattern.search(path):
            chosen.setdefault(link.url, link)
    return list(chosen.values())
