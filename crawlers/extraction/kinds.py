"""What kind of page it is: an article, or a gallery, video, live blog, the free beginning of a paid article, a listing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from crawlers.extraction.body import Body
from crawlers.extraction.page import Page, cues, text_of
from crawlers.extraction.wording import BOILERPLATE, PAYWALL
from diembao.article import Article


class PageKind(StrEnum):
    """How a page tells its story. LISTING is no story at all."""

    ARTICLE = "article"
    """Running text."""
    GALLERY = "gallery"
    """Pictures with a line or two below each; the captions are the text."""
    VIDEO = "video"
    """A film with a few words about it."""
    LIVE = "live"
    """Entries under their times, written while it happens; grows for hours."""
    TEASER = "teaser"
    """The beginning of an article that only subscribers read to its end."""
    LISTING = "listing"
    """A section, topic, tag or search page: headlines of other pages."""


_LIVE_TITLE = re.compile(
    r"^\W*(?:(?:tường thuật\s+)?trực tiếp|tường thuật|live|cập nhật liên tục|\[live\])\b|\btường thuật trực tiếp\b", re.IGNORECASE
)
_LIVE_CUE = re.compile(
    r"(?:^|[\s_-])(?:live-?blog\w*|live-?feed|live-?(?:post|item|entry|content)\w*|tuong-?thuat\w*|truc-?tiep\w*)(?=$|[\s_-])"
)
_LIVE_STAMP = re.compile(r"^\W{0,3}(?:lúc\s+)?(?:[01]?\d|2[0-3])\s?(?:[:hg]|giờ\s?)\s?[0-5]?\d?(?:['’]|p|phút)?(?=\W|$)", re.IGNORECASE)
_LIVE_ENTRIES = 3
"""Entries with a time of day in front that a page of this name must have; a text that mentions two times is none."""

_PAID = (
    "đăng nhập", "đăng ký", "trả phí", "thu phí", "miễn phí", "thành viên", "hội viên", "thuê bao", "mua gói", "mua báo", "mua quyền",
    "nâng cấp", "premium", "subscri", "sign in", "log in", "paywall", "content-lock", "isaccessibleforfree", "content_tier",
)  # fmt: skip
"""Without any of these words somewhere in it, no page is looked through for an invitation to pay."""

_PAYWALL_CUE = re.compile(r"(?:^|[\s_-])(?:\w*paywall\w*|premium-?(?:content|box|lock)\w*|subscriber-?only|content-?lock\w*)(?=$|[\s_-])")
_ASKS = re.compile(r"để|dành|hết|còn|thuộc|subscribe|sign|log", re.IGNORECASE)
"""What each of the invitations has in it; quicker than they are."""

_TEASER_LONGEST = 2500
"""Characters of a body that may be a beginning; whoever gives more gives the article, whatever the page asks for."""

_VIDEO_PATH = re.compile(r"(?:^|/)(?:video|videos|clip|truyen-hinh|short-video|xem-video|video-clip|media/video)(?:/|-|$)", re.IGNORECASE)
_GALLERY_PATH = re.compile(r"(?:^|/)(?:anh|photo|photos|gallery|albumphoto|phong-su-anh|photostory|bao-anh|image)(?:/|$)", re.IGNORECASE)
_VIDEO_LONGEST = 900
_GALLERY_IMAGES = 5
_GALLERY_CHARACTERS_PER_IMAGE = 260
"""Of a page with so many pictures: fewer characters of text to each, and the pictures are the story."""

_LIST_TYPES = frozenset({"collectionpage", "itemlist", "searchresultspage", "profilepage"})
_LISTING_CARDS = 8
_LISTING_LONGEST = 600
"""Characters that the introduction of a section may have."""


def page_kind(page: Page, article: Article, body: Body, proper: bool) -> PageKind:
    """The kind of `page`.

    Args:
        page: the page.
        article: what was read from it.
        body: its body.
        proper: whether there is a headline and a body at all.
    """
    types = set(_types(page.metadata.objects))
    if is_listing(page, article, types, proper):
        return PageKind.LISTING
    if _is_live(page, article, body, types):
        return PageKind.LIVE
    if _is_teaser(page, article):
        return PageKind.TEASER
    size = len(article.body)
    path = urlsplit(page.url).path
    declared = page.metadata.first("og:type").lower()
    filmed = "videoobject" in types or declared.startswith("video") or _VIDEO_PATH.search(path) is not None
    if size < _VIDEO_LONGEST and filmed and (page.players or not _ARTICLE_TYPES & types):
        return PageKind.VIDEO
    images = len(body.images)
    captioned = images >= _GALLERY_IMAGES and size < _GALLERY_CHARACTERS_PER_IMAGE * images
    if body.gallery or (captioned and ("imagegallery" in types or _GALLERY_PATH.search(path))):
        return PageKind.GALLERY
    if page.players and size < _VIDEO_LONGEST // 3 and not images:
        return PageKind.VIDEO
    return PageKind.ARTICLE


_ARTICLE_TYPES = frozenset({"newsarticle", "article", "reportagenewsarticle", "blogposting", "report"})


def _types(objects: Iterable[dict[str, Any]]) -> Iterable[str]:
    for item in objects:
        kinds = item.get("@type")
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if isinstance(kind, str):
                yield kind.lower()


def is_listing(page: Page, article: Article, types: set[str], proper: bool) -> bool:
    """Whether the page announces other pages: it says so itself, or it has nothing but their headlines."""
    if _ARTICLE_TYPES & types or (article.published_precision == "minute" and proper and len(article.body) > 600):
        return False
    if _LIST_TYPES & types and (not proper or article.published_at is None or len(article.body) < 600):
        return True
    # A notice without a date beside a column of headlines is still a notice.
    if proper and (article.published_at is not None or article.lead or len(article.body) >= _LISTING_LONGEST):
        return False
    if page.metadata.first("og:type").lower() == "article" or len(page.cards) < _LISTING_CARDS:
        return False
    return not proper or sum(len(text_of(card)) for card in page.cards) > 3 * len(article.body)


def _is_live(page: Page, article: Article, body: Body, types: set[str]) -> bool:
    if "liveblogposting" in types:
        return True
    entries = sum(1 for paragraph in body.paragraphs if _LIVE_STAMP.match(paragraph))
    if entries < _LIVE_ENTRIES:
        return False
    return _LIVE_TITLE.search(article.title) is not None or any(_LIVE_CUE.search(mark[1:].lower()) for mark in page.marks)


def _is_teaser(page: Page, article: Article) -> bool:
    if not article.body or len(article.body) > _TEASER_LONGEST:
        return False
    source = page.source.lower()
    if not any(word in source for word in _PAID):
        return False
    paid = any(str(item.get("isAccessibleForFree", "")).lower() in ("false", "http://schema.org/false") for item in page.metadata.objects)
    tier = page.metadata.first("article:content_tier").lower() in ("locked", "metered")
    if paid or tier:
        return True
    walls = (elements for mark, elements in page.marks.items() if _PAYWALL_CUE.search(mark[1:].lower()))
    if any(text_of(element) for elements in walls for element in elements):
        return True
    for element in page.elements:
        own = element.text
        if own and 12 < len(own) < 400 and _ASKS.search(own) and PAYWALL.search(own) and not _is_menu(element):
            return True
    return False


def _is_menu(element: Any) -> bool:
    """Whether it belongs to the comments, the head or the foot of the page, where a log-in is asked for other things."""
    node = element
    while node is not None and node.tag not in ("body", "html"):
        words = cues(node)
        if node.tag in ("nav", "header", "footer", "form", "aside") or re.search(
            r"comment|binh-?luan|login|popup|modal|header|footer", words
        ):
            return True
        if BOILERPLATE.search(words) and not _PAYWALL_CUE.search(words):
            return True
        node = node.getparent()
    return False
