"""A page, parsed once: its tree, its metadata and the indexes that finding things in it needs."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import lxml.html
from cssselect import GenericTranslator, SelectorError
from lxml import etree

from crawlers.extraction.decoding import decode

Element = etree._Element

_DROPPED = ("script", "style", "noscript", "template", "iframe", "svg", "object", "embed", "select", "textarea", "button", "canvas")
_BREAKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "br", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section",
        "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
_CARD_TAGS = frozenset({"div", "li", "article", "td", "tr", "section", "a", "dl"})
_CARD_PARENTS = frozenset({"div", "ul", "ol", "section", "td", "aside", "main", "article", "table", "tbody", "tr", "body"})
_LARGEST_CARD = 700
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200c\u200d\u2060\ufeff\u00ad]")
_NO_WORD = re.compile(r"[\W_]+")
_TRAILING_COMMA = re.compile(r",\s*([}\]])")


class UnreadablePageError(ValueError):
    """There is nothing in the bytes that could be read as HTML."""


def fold(text: str) -> str:
    r"""`text` in NFC on one line, runs of white space as one blank, without invisible characters.

    >>> fold("  Ha\u0300  Nội\u200b ")
    'Hà Nội'
    """
    text = unicodedata.normalize("NFC", text)
    if _ODD.search(text):
        text = _CONTROL.sub(" ", _INVISIBLE.sub("", text))
    return " ".join(text.split())


@lru_cache(maxsize=2048)
def squeeze(text: str) -> str:
    """Letters and digits of `text` alone, in lower case: what is the same however it is set.

    >>> squeeze("Lũ lớn – ở miền Tây!")
    'lũlớnởmiềntây'
    """
    return _NO_WORD.sub("", text).lower()


def text_of(element: Element) -> str:
    """What a reader sees of `element`, on one line; block elements and `br` separate words."""
    pieces: list[str] = []
    for event, node in etree.iterwalk(element, events=("start", "end", "comment", "pi")):
        if event == "start":
            if node.tag in _BREAKS:
                pieces.append(" ")
            if node.text:
                pieces.append(node.text)
        else:
            if event == "end" and node.tag in _BREAKS:
                pieces.append(" ")
            if node is not element and node.tail:
                pieces.append(node.tail)
    return fold("".join(pieces))


def cues(element: Any) -> str:
    """Class and id of `element` in lower case, blank-separated: where designers say what a part is."""
    return f"{element.get('class') or ''} {element.get('id') or ''}".lower()


def _is_card(element: Element) -> bool:
    """Whether `element` is short, and begins with a link that is a line of its own and says as much as a headline does."""
    size = sum(len(text) for text in element.itertext())
    if not 20 <= size <= _LARGEST_CARD:
        return False
    for link in [element] if element.tag == "a" else element.iter("a"):
        title = text_of(link)
        if len(title) < 15:
            continue
        return element.tag == "a" or (_is_own_line(link, element) and title in text_of(element)[: len(title) + 40])
    return False


def _teasers(parent: Element) -> list[Element]:
    """Children that take turns: a line that is a link, a few words about it, the next link; empty unless there are three such pairs."""
    children = [child for child in parent if child.tag in _BREAKS and child.tag != "br"]
    if not 6 <= len(children) <= 160 or sum(child.find(".//a") is not None for child in children) < 3:
        return []
    children = [child for child in children if text_of(child)]
    if len(children) < 6:
        return []
    links = []
    for child in children:
        found = child.find(".//a")
        links.append(found is not None and text_of(found) == text_of(child) and len(text_of(child)) >= 15)
    pairs = [
        place
        for place in range(0, len(children) - 1, 2)
        if links[place] and not links[place + 1] and len(text_of(children[place + 1])) < 450
    ]
    return children if links[0] and len(pairs) >= 3 and len(pairs) * 2 >= len(children) - 1 else []


def _is_own_line(link: Element, within: Element) -> bool:
    """Whether nothing stands beside `link` between the blocks or line breaks around it."""
    node = link
    while node is not within:
        if any(child.tag in _BREAKS for child in node.iter() if child is not node):
            return True
        parent = node.getparent()
        if parent is None:
            return True
        for before in node.itersiblings(preceding=True):
            if (before.tail or "").strip():
                return False
            if before.tag in _BREAKS:
                break
            if text_of(before):
                return False
        else:
            if (parent.text or "").strip():
                return False
        if (node.tail or "").strip():
            return False
        for after in node.itersiblings():
            if after.tag in _BREAKS:
                break
            if text_of(after) or (after.tail or "").strip():
                return False
        if parent.tag in _BREAKS:
            return True
        node = parent
    return True


@lru_cache(maxsize=2048)
def _compiled(selector: str) -> etree.XPath:
    return etree.XPath(GenericTranslator().css_to_xpath(selector))


def matching(root: Element, selectors: Sequence[str]) -> list[Element]:
    """The elements in `root` that any of `selectors` matches; one that cannot be read is passed over."""
    try:
        found = _compiled(", ".join(selectors))(root)
    except (SelectorError, etree.XPathError, SyntaxError):
        return [element for selector in selectors for element in matching(root, [selector])] if len(selectors) > 1 else []
    return [item for item in found if isinstance(item, lxml.html.HtmlElement)] if isinstance(found, list) else []


@dataclass(frozen=True)
class Metadata:
    """What the head of the page says: `meta` by name in lower case (first value wins), and the JSON-LD objects."""

    meta: dict[str, list[str]]
    objects: list[dict[str, Any]]

    def first(self, *names: str) -> str:
        """The first non-empty value of the first of `names` that has one; empty when none has."""
        for name in names:
            for value in self.meta.get(name, ()):
                if value:
                    return value
        return ""

    def article_object(self) -> dict[str, Any]:
        """The JSON-LD object that describes the article; empty when there is none."""
        for item in self.objects:
            kinds = item.get("@type")
            names = [str(kind).lower() for kind in (kinds if isinstance(kinds, list) else [kinds])]
            if any(name.endswith(("article", "blogposting", "newsarticle", "discussionforumposting", "reportage")) for name in names):
                return item
        return {}


class Page:
    """The parsed page.

    Args:
        html: the page's bytes.
        url: the address it was fetched from.
        content_type: the HTTP header; None when unknown.

    Attributes:
        source: the decoded page.
        players: films that it shows.
        amp: it says of itself that it is an AMP page.

    Raises:
        UnreadablePageError: when there is no element in it.
    """

    def __init__(self, html: bytes, url: str, content_type: str | None = None) -> None:
        self.url = url
        self.source = text = decode(html, content_type)
        # huge_tree: libxml2 otherwise stops at a depth of 256, and hostile or broken pages go deeper.
        parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
        try:
            root = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
        except (etree.LxmlError, ValueError, AssertionError) as error:
            raise UnreadablePageError("no HTML in it") from error
        self.root: Element = root
        self.metadata = Metadata(_read_meta(root), list(_read_json_ld(root)))
        self.players = _count_players(root)
        self.amp = root.get("amp") is not None or root.get("\u26a1") is not None
        etree.strip_elements(root, *_DROPPED, with_tail=False)
        self.elements: list[Element] = [element for element in root.iter() if isinstance(element.tag, str)]
        self.position: dict[Element, int] = {element: place for place, element in enumerate(self.elements)}

    @cached_property
    def marks(self) -> dict[str, list[Element]]:
        """Elements by `.class`, `#id` and `@itemprop`, in document order."""
        index: dict[str, list[Element]] = {}
        for element in self.elements:
            for name in (element.get("class") or "").split():
                index.setdefault("." + name, []).append(element)
            if identity := element.get("id"):
                index.setdefault("#" + identity, []).append(element)
            if prop := element.get("itemprop"):
                index.setdefault("@" + prop, []).append(element)
        return index

    @cached_property
    def descriptions(self) -> list[str]:
        """What the head of the page gives as its description."""
        return [text for name in ("og:description", "description") for text in self.metadata.meta.get(name, ()) if len(text) > 30]

    @cached_property
    def cards(self) -> set[Element]:
        """Elements that advertise other articles: a linked title on a line of its own and a few words below it, one card beside another."""
        found: set[Element] = set()
        for element in self.elements:
            if element.tag not in _CARD_PARENTS or len(element) < 2:
                continue
            cards = [child for child in element if child.tag in _CARD_TAGS and _is_card(child)]
            if len(cards) >= 2:
                found.update(cards)
            found.update(_teasers(element))
        return found

    def select(self, selector: str) -> list[Element]:
        """The elements that a CSS selector matches, in document order; none for a selector that cannot be read."""
        return matching(self.root, [selector])

    def check_selector(self, selector: str) -> None:
        """Raise when `selector` cannot be read; `select` passes such a one over.

        Raises:
            ValueError: with what is wrong.
        """
        try:
            _compiled(selector)
        except (SelectorError, etree.XPathError, SyntaxError) as error:
            raise ValueError(f"the selector {selector!r} cannot be read: {error}") from error

    def absolute(self, link: str) -> str:
        """`link` as an absolute http(s) address; empty when it is not one, or empty itself (which would lead to this page)."""
        if not link.strip():
            return ""
        try:
            address = urljoin(self.base, link.strip())
            parts = urlsplit(address)
        except ValueError:
            return ""
        return address if parts.scheme in ("http", "https") and parts.netloc else ""

    @cached_property
    def base(self) -> str:
        """What relative addresses start from."""
        for element in self.root.iter("base"):
            if href := element.get("href"):
                try:
                    return urljoin(self.url, href)
                except ValueError:
                    break
        return self.url


_PLAYER = re.compile(r"youtube|vimeo|dailymotion|/embed|player|video|\.m3u8|\.mp4", re.IGNORECASE)


def _count_players(root: Element) -> int:
    """Films on the page: `video` elements and frames that play one (those of advertisements are none)."""
    frames = sum(1 for frame in root.iter("iframe", "amp-iframe") if _PLAYER.search(frame.get("src") or frame.get("data-src") or ""))
    return frames + sum(1 for _ in root.iter("video", "amp-video", "amp-youtube"))


def _read_meta(root: Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        content = fold(element.get("content") or "")
        if not content:
            continue
        for attribute in ("property", "name", "itemprop"):
            if key := element.get(attribute):
                found.setdefault(key.lower().strip(), []).append(content)
    return found


def _read_json_ld(root: Element) -> Iterator[dict[str, Any]]:
    """Every object of every JSON-LD script, those inside lists and `@graph` too; broken JSON is mended or passed over."""
    for script in root.iter("script"):
        if "ld+json" not in (script.get("type") or "").lower() or not script.text:
            continue
        waiting = [_loads(script.text)]
        steps = 0
        while waiting and steps < 500:
            steps += 1
            item = waiting.pop(0)
            if isinstance(item, list):
                waiting.extend(item)
            elif isinstance(item, dict):
                yield item
                waiting.extend(item[key] for key in ("@graph", "mainEntity") if key in item)


def _loads(text: str) -> Any:
    """JSON as pages write it: comments around it, raw line breaks in strings, a comma too many."""
    text = (
        text.strip().removeprefix("<!--").removesuffix("-->").strip().removeprefix("//<![CDATA[").removesuffix("//]]>").strip().rstrip(";")
    )
    for attempt in (text, _TRAILING_COMMA.sub(r"\1", text)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None
