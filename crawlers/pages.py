"""A fetched page, and the Article read from it: the same function in a crawl and in a replay from the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from crawlers.compression import BadCompression, TooMuch, decompress
from crawlers.extraction import MIN_BODY, Extracted, extract, join
from crawlers.extraction.parts import Variant, numbered
from crawlers.walls import wall
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
        part_of: of a later page of an article: the address of its first one; empty otherwise.
        part: its number; 1 for every other page.
        ask: what it answers, when it is the answer to another voice (crawlers.voices.voice.Ask, JSON in ASCII); empty for a page.
        posts: ids of the posts in such an answer, so that erasing one finds it; not read back from the archive.
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
    part_of: str = ""
    part: int = 1
    ask: str = ""
    posts: tuple[str, ...] = ()

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
        archive: where the page lies, once it is in the archive.
        further: addresses of later pages that this page, or the article's pages that were read, name.
        first: the address of the article's first page, when this is a later one.
        variant: "amp" or "mobile" when the article has another address, which is `article.canonical_url`.
        parts: of each further page that was given: why its text is not in the article (None: it is), and a line about it.
    """

    page: FetchedPage
    article: Article | None
    problem: Fate | None = None
    detail: str = ""
    archive: ArchiveRecord | None = field(default=None)
    further: tuple[str, ...] = ()
    first: str = ""
    variant: Variant = ""
    parts: tuple[tuple[Fate | None, str], ...] = ()


class _Unreadable(Exception):  # noqa: N818
    def __init__(self, fate: Fate, detail: str) -> None:
        super().__init__(detail)
        self.fate = fate
        self.detail = detail


def read_page(page: FetchedPage, source: Source | None, further: Sequence[FetchedPage] = ()) -> ReadPage:
    """The Article of `page`, with source, kind and times filled in and private persons' numbers masked.

    Pure: the same pages and source give the same Article.

    Args:
        page: what was fetched.
        source: its source; None reads it without a profile.
        further: the later pages of the same article, as far as they could be had, in their order; their text is joined. One that is no
            article, or that says what a page before it said, adds nothing.
    """
    try:
        first = _extracted(page, source)
    except _Unreadable as error:
        return ReadPage(page, None, error.fate, error.detail)
    extracted, parts, named = _with_further(first, further, source)
    article = extracted.article.with_fields(
        missing_pages=sorted(set(named) - {other.part for other, part in zip(further, parts, strict=True) if part[0] is None}),
        id=article_id(page.url),
        source=page.source,
        kind=source.kind if source else extracted.article.kind,
        fetched_at=page.fetched_at,
        first_seen_at=page.first_seen_at,
    )
    return ReadPage(
        page,
        masked(article),
        extracted.problem,
        (_wall(page, extracted.problem) or extracted.detail) if extracted.problem else "",
        further=tuple(named.values()),
        first=extracted.first_page,
        variant=extracted.variant,
        parts=tuple(parts),
    )


def _wall(page: FetchedPage, problem: Fate) -> str:
    """What kind of wall stands where an article was expected; empty: none."""
    return wall(page.body()) if problem in (Fate.NOT_ARTICLE, Fate.TOO_SHORT) else ""


def _extracted(page: FetchedPage, source: Source | None) -> Extracted:
    try:
        html = page.body()
    except TooMuch as error:
        raise _Unreadable(Fate.TOO_LARGE, str(error)) from error
    except BadCompression as error:
        raise _Unreadable(Fate.PARSE_ERROR, str(error)) from error
    if not _is_html(page.content_type, html):
        raise _Unreadable(Fate.NOT_HTML, (page.content_type or "no content type")[:100])
    try:
        return extract(html, page.url, source, page.content_type, now=page.fetched_at)
    except Exception as error:  # a hostile page must not end the crawl; the fate names it
        raise _Unreadable(Fate.PARSE_ERROR, f"{type(error).__name__}: {error}"[:300]) from error


def _with_further(
    first: Extracted, further: Sequence[FetchedPage], source: Source | None
) -> tuple[Extracted, list[tuple[Fate | None, str]], dict[int, str]]:
    """The joined article, what became of each further page, and the further pages by number that the pages name."""
    named = {numbered(address)[1]: address for address in first.further_pages}
    joined: list[Extracted] = []
    parts: list[tuple[Fate | None, str]] = []
    texts = {first.article.body}
    for page in further:
        try:
            part = _extracted(page, source)
        except _Unreadable as error:
            parts.append((error.fate, error.detail))
            continue
        if part.problem not in (None, Fate.TOO_SHORT):
            parts.append((part.problem, part.detail))
        elif part.article.body in texts:
            # Whoever answers every number with the same text has no such pages.
            parts.append((Fate.DUPLICATE_URL, "the text of a page before it"))
            named = {number: address for number, address in named.items() if number < page.part}
        else:
            parts.append((None, ""))
            texts.add(part.article.body)
            joined.append(part)
            named |= {number: address for address in part.further_pages if (number := numbered(address)[1]) not in named}
    return join(first, joined, source.min_body if source else MIN_BODY) if joined else first, parts, named


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
