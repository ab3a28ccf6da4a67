"""An article on several pages: which address goes on, and how the parts become one. And the page's other addresses (AMP, mobile)."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from crawlers.extraction.page import Element, Page, cues, text_of

Variant = Literal["", "amp", "mobile"]

MOST_PAGES = 20
"""Pages of one article at most: a "next" that never ends is a trap."""

_NUMBER_IN_PATH = re.compile(
    r"(?:/(?:page|trang|p)[/-]?|[-_.](?:trang|page|p)-?)(?P<number>\d{1,2})(?P<ending>\.\w{3,5})?/?$", re.IGNORECASE
)
_BARE_NUMBER = re.compile(r"(?<=\w)/(?P<number>\d{1,2})/?$")
_SLUG = re.compile(r"[^/]*(?:-[^/]*){3,}$|\.\w{3,5}$")
"""What a number alone may follow (`/lu-lut-o-mien-trung/2`): the words of a headline; `/tin/12` is an article's own number."""

_NUMBER_IN_QUERY = frozenset({"page", "p", "trang", "pg", "pageindex", "paged", "part", "phan"})
_NEXT_TEXT = re.compile(
    r"^\W*(?:(?:trang|phần)\s*(?P<number>\d{1,2})|(?P<bare>\d{1,2})|trang (?:sau|tiếp|kế)(?: theo)?|xem tiếp trang (?P<other>\d{1,2})|"
    r"đọc tiếp|xem tiếp|tiếp(?: theo)?|sau|next(?: page)?|›|»|>)\W*$",
    re.IGNORECASE,
)
_FIRST_TEXT = re.compile(r"^\W*(?:(?:trang|phần)?\s*1|(?:trang|phần) (?:đầu|trước)|trước|prev(?:ious)?|first|‹|«|<)\W*$", re.IGNORECASE)
_MAY_BE_NEXT = re.compile(r"[?&][a-z]{1,9}=\d{1,2}(?:&|#|$)|(?<!\d)\d{1,2}(?:\.\w{3,5})?/?(?:[?#].*)?$", re.IGNORECASE)
"""Addresses that end in a small number or ask for one; all others are passed over at once."""

_COMMENTS = re.compile(r"comment|binh-?luan|phan-?hoi|y-?kien|cpage|reply", re.IGNORECASE)
_MOBILE_HOST = re.compile(r"^(?:m|mobile|wap|mob|touch)\.(?=[^.]+\.)")


def numbered(url: str) -> tuple[str, int]:
    """The address of an article without the number of its page, and that number (1 when it has none).

    >>> numbered("https://bao.vn/lu-lut-123.html?page=2")
    ('https://bao.vn/lu-lut-123.html', 2)
    >>> numbered("https://bao.vn/lu-lut-123/trang-3.html"), numbered("https://bao.vn/lu-lut-12.html")[1]
    (('https://bao.vn/lu-lut-123.html', 3), 1)
    >>> numbered("https://bao.vn/lu-lut-o-mien-trung/2/"), numbered("https://bao.vn/tin/12")[1]
    (('https://bao.vn/lu-lut-o-mien-trung', 2), 1)
    """
    parts = urlsplit(url)
    number = 1
    kept = []
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key.lower() in _NUMBER_IN_QUERY and value.isdigit() and 0 < int(value) < 100:
            number = int(value)
        else:
            kept.append((key, value))
    path = parts.path
    if number == 1 and (match := _NUMBER_IN_PATH.search(path)):
        path, number = path[: match.start()] + (match["ending"] or ""), int(match["number"])
    elif number == 1 and (match := _BARE_NUMBER.search(path)) and _SLUG.search(path[: match.start()]):
        path, number = path[: match.start()], int(match["number"])
    return urlunsplit((parts.scheme, parts.netloc, path.rstrip("/") or "/", urlencode(kept), "")), number


def _kin(one: str, other: str) -> bool:
    """Whether two addresses without their numbers are pages of one article: the same but for the ending (`…-123.html`, `…-123/2`)."""
    a, b = urlsplit(one), urlsplit(other)
    if a.netloc != b.netloc or a.query != b.query:
        return False
    first, second = (re.sub(r"\.(?:html?|aspx|php|\w{3})$", "", part.path).rstrip("/") for part in (a, b))
    return first == second and len(first.strip("/")) > 5


def further_pages(page: Page) -> tuple[str, ...]:
    """The addresses of the later pages of the same article that this one names; empty when it is the last or only one.

    The first of them has the number that follows this page's, and the rest of each must be this page's own address: a "next" that leads
    to another article, to the next page of the comments or of a section is none.
    """
    here, number = numbered(page.url)
    canonical: tuple[str, int] | None = None
    if number >= MOST_PAGES or urlsplit(page.url).path.strip("/") == "":
        return ()
    found: dict[int, str] = {}
    for element in page.root.iter("link", "a"):
        href = element.get("href") or ""
        if not _MAY_BE_NEXT.search(href) or href.startswith(("#", "javascript:")):
            continue
        relation = (element.get("rel") or "").lower().split()
        text = text_of(element) if element.tag == "a" and "next" not in relation else ""
        said = _NEXT_TEXT.match(text) if text and len(text) < 25 else None
        if "next" not in relation and not said:
            continue
        address = page.absolute(href)
        rest, following = numbered(address) if address else ("", 0)
        if following != number + 1 and not (said and number < following <= MOST_PAGES and str(following) in said.groups()):
            continue
        if not _kin(here, rest):
            canonical = canonical or numbered(canonical_address(page) or page.url)
            if canonical[1] != number or not _kin(canonical[0], rest):
                continue
        if _COMMENTS.search(address) or (element.tag == "a" and _in_comments(element)):
            continue
        found.setdefault(following, address)
    return tuple(found[one] for one in sorted(found)) if number + 1 in found else ()


def first_page(page: Page) -> str:
    """The address at which the article begins whose later page this is; empty when this is its first page, or it does not say."""
    here, number = numbered(page.url)
    if number == 1:
        return ""
    declared = canonical_address(page)
    if declared and numbered(declared)[1] == 1 and _kin(here, numbered(declared)[0]):
        return declared
    for element in page.root.iter("link", "a"):
        relation = (element.get("rel") or "").lower().split()
        if {"prev", "first"} & set(relation) or (element.tag == "a" and _FIRST_TEXT.match(text_of(element)[:25])):
            address = page.absolute(element.get("href") or "")
            rest, said = numbered(address) if address else ("", 0)
            if said == 1 and _kin(here, rest) and not (element.tag == "a" and _in_comments(element)):
                # "?page=1" is the address without it, under which feeds and other pages know the article.
                return rest if urlsplit(rest).path == urlsplit(address).path.rstrip("/") else address
    return ""


def _in_comments(element: Element) -> bool:
    node: Element | None = element
    while node is not None and node.tag not in ("body", "html"):
        if _COMMENTS.search(cues(node)):
            return True
        node = node.getparent()
    return False


def canonical_address(page: Page) -> str:
    """The address that the page declares as its own (`link rel=canonical`, else `og:url`); empty when it declares none.

    One that leads to the front page is a mistake of the outlet's template and not believed.
    """
    declared = [link.get("href") or "" for link in page.root.iter("link") if "canonical" in (link.get("rel") or "").lower().split()]
    for href in [*declared, page.metadata.first("og:url")]:
        address = page.absolute(href) if href else ""
        if address and not (
            urlsplit(address).path in ("", "/") and not urlsplit(address).query and urlsplit(page.url).path not in ("", "/")
        ):
            return address
    return ""


def variant(page: Page) -> Variant:
    """Whether this is the AMP or the mobile page of an article that has another address."""
    if page.amp:
        return "amp"
    return "mobile" if _MOBILE_HOST.match(urlsplit(page.url).netloc.lower()) else ""


def article_address(page: Page) -> str:
    """The address of the article itself: the canonical one; of an AMP or mobile page that declares none, its own without the mark.

    Empty when the page declares none and is neither.
    """
    declared = canonical_address(page)
    kind = variant(page)
    if kind == "" or (declared and declared != page.url):
        return declared
    parts = urlsplit(page.url)
    host = _MOBILE_HOST.sub("", parts.netloc) if kind == "mobile" else re.sub(r"^amp\.(?=[^.]+\.)", "", parts.netloc)
    path = re.sub(r"^/amp(?=/)|/amp(?=/?$)|[-.]amp(?=\.html?$|$)", "", parts.path) if kind == "amp" else parts.path
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key.lower() not in ("amp", "outputtype")])
    return urlunsplit((parts.scheme, host, path, query, ""))
