"""A fetched page, and the Article read from it: the same function in a crawl and in a replay from the archive."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from crawlers.compression import BadCompression, TooMuch, decompress
from crawlers.extraction import extract
from diembao.article import ArchiveRecord, Article
from diembao.fates import Fate
from diembao.privacy import VOICES_OF_PERSONS, mask_personal_numbers, masked
from diembao.source import Source
from diembao.urls import article_id

PAGE_MAXSIZE = 64 * 1024 * 1024
"""Bytes that a page from the archive may have after decompression; the crawl's own limit is far lower."""


@dataclass(frozen=True)
class FetchedPage:
    """One answer of a server, as it came.

    Attributes:
        url: address that answered (after redirects).
        status: HTTP status.
        headers: the answer's headers, in their order.
        payload: the body as sent, still compressed.
        fetched_at: aware UTC.
        first_seen_at: aware UTC, when the address was first fetched.
        source: id of the source.
        request_headers: what we sent.
        ip: the server's address; empty when it is not known.
        ask: what it answers, when it is the answer to another voice (crawlers.voices.voice.Ask, JSON in ASCII); empty for a page.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    payload: bytes
    fetched_at: datetime
    first_seen_at: datetime
    source: str
    request_headers: tuple[tuple[str, str], ...] = ()
    ip: str = ""
    ask: str = ""

    def header(self, name: str) -> str:
        """The value of a header; several are joined by commas; empty when there is none."""
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())

    @property
    def content_type(self) -> str | None:
        """The Content-Type header; None when there is none."""
        return self.header("Content-Type") or None

    def body(self) -> bytes:
        """The body decompressed. Raises TooMuch or BadCompression."""
        encodings = self.header("Content-Encoding")
        return decompress(self.payload, encodings, PAGE_MAXSIZE) if encodings else self.payload


@dataclass(frozen=True)
class ReadPage:
    """What was read from a page.

    Attributes:
        page: the page.
        article: the Article as far as it could be filled; None when the page could not be read at all.
        problem: why it is no article that is kept; None when it is one.
        detail: a line about the problem.
    """

    page: FetchedPage
    article: Article | None
    problem: Fate | None = None
    detail: str = ""
    archive: ArchiveRecord | None = field(default=None)


def read_page(page: FetchedPage, source: Source | None, body: bytes | None = None) -> ReadPage:
    """The Article of `page`, with source, kind and times filled in and private persons' numbers masked.

    Pure: the same page and source give the same Article.

    Args:
        page: what was fetched.
        source: its source; None reads it without a profile.
        body: the decompressed body where it is at hand.
    """
    try:
        html = page.body() if body is None else body
    except TooMuch as error:
        return ReadPage(page, None, Fate.TOO_LARGE, str(error))
    except BadCompression as error:
        return ReadPage(page, None, Fate.PARSE_ERROR, str(error))
    if not _is_html(page.content_type, html):
        return ReadPage(page, None, Fate.NOT_HTML, (page.content_type or "no content type")[:100])
    try:
        extracted = extract(html, page.url, source, page.content_type, now=page.fetched_at)
    except Exception as error:  # noqa: BLE001 - a hostile page must not end the crawl; the fate names it
        return ReadPage(page, None, Fate.PARSE_ERROR, f"{type(error).__name__}: {error}"[:300])
    article = extracted.article.with_fields(
        id=article_id(page.url),
        source=page.source,
        kind=source.kind if source else extracted.article.kind,
        fetched_at=page.fetched_at,
        first_seen_at=page.first_seen_at,
    )
    return ReadPage(page, masked(article), extracted.problem, extracted.detail if extracted.problem else "")


def without_personal_numbers(page: FetchedPage, source: Source, body: bytes) -> tuple[FetchedPage, bytes]:
    """The page as it may be stored, and its body: where private persons write, their numbers are masked in the page itself.

    Such a page is kept decompressed; everything but the digits stays as it was sent, so also the length.
    """
    if source.kind not in VOICES_OF_PERSONS:
        return page, body
    # Bytes that are not UTF-8 pass through unchanged.
    masked = mask_personal_numbers(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    headers = tuple((name, value) for name, value in page.headers if name.lower() not in ("content-encoding", "content-length"))
    return replace(page, payload=masked, headers=headers), masked


def _is_html(content_type: str | None, body: bytes) -> bool:
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        return True
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    looks = start.startswith((b"<!doctype html", b"<html"))
    return looks and kind in ("", "text/plain", "application/octet-stream", "text/xml", "application/xml")
