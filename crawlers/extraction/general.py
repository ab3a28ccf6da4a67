"""The general extractor: where the article stands on a page that nobody has described.

Every element is a candidate. It gains what its running text has, and loses what its links, its short snippets and parts
with telling names (related, comments, sharing) have; the element with the best balance is the article. This is the maximum
subsequence idea (Pasternack and Roth, "Extracting article text from the web with maximum subsequence segmentation", 2009)
on the tree instead of the token row. What it finds is read like any other body; trafilatura is asked when that is little.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import trafilatura

from crawlers.extraction.body import Body, read_body
from crawlers.extraction.dates import has_day
from crawlers.extraction.page import Element, Page, cues, fold, text_of
from crawlers.extraction.wording import BOILERPLATE, CLOSING

_INLINE = frozenset(
    {
        "a", "abbr", "acronym", "b", "big", "br", "cite", "code", "em", "font", "i", "img", "ins", "label", "mark", "q", "s", "small",
        "span", "strike", "strong", "sub", "sup", "tt", "u", "time", "wbr", "o:p", "st1:place", "st1:city",
        "st1:country-region", "del", "var", "kbd", "dfn", "bdo", "bdi",
    }
)  # fmt: skip
_COMMENTS = re.compile(
    r"(?:^|[\s_-])(?:\w*comment\w*|binh-?luan\w*|phan-?hoi\w*|y-?kien\w*|ykien\w*|disqus\w*|"
    r"reply|replies|feedback\w*|noi-dung-ph|\w*phanhoi\w*)(?=$|[\s_-])"
)
_ARTICLE = re.compile(
    r"(?:^|[\s_-])(?:article\w*|content\w*|detail\w*|news-?\w*|noi-?dung\w*|noidung\w*|body\w*|bai-?viet\w*|"
    r"baiviet\w*|entry\w*|post\w*|story\w*|"
    r"chi-?tiet\w*|chitiet\w*|text\w*|fck\w*|main\w*)(?=$|[\s_-])"
)
_SHORT = 45
"""A block of fewer characters is a snippet (a menu entry, a heading, a name), not running text."""


def find_body(page: Page, title: Element | None) -> list[Element]:
    """The element that holds the article, or none.

    Args:
        page: the page.
        title: the element of the headline, which the article follows; None when unknown.
    """
    gains = _gains(page, title)
    best: Element | None = None
    best_gain = 120.0
    for element, gain in gains.items():
        if gain > best_gain or (gain == best_gain and best is not None and page.position[element] > page.position[best]):
            best, best_gain = element, gain
    if best is None:
        return []
    return [_first_post(_core(_narrow(best, gains, best_gain), gains, page, title))]


def _core(element: Element, gains: dict[Element, float], page: Page, title: Element | None) -> Element:
    """Below an element that also holds the headline: the part with the text, when just one block (the lead) stands above it."""
    if title is None or not _holds(title, element):
        return element
    core = element
    while True:
        children = [
            child for child in core if isinstance(child.tag, str) and gains.get(child, 0) > 0 and child.tag not in ("p", "tr", "li")
        ]
        big = max(children, key=lambda child: gains[child], default=None)
        if big is None or gains[big] < 0.6 * gains.get(core, 0):
            break
        core = big
    if core is element:
        return element
    first, end = page.position[core], page.position[core] + sum(1 for _ in core.iter())
    last = page.position[element] + sum(1 for _ in element.iter())
    above = [node for node in page.elements[page.position[title] + 1 : first] if _is_paragraph(node, gains) and not _holds(title, node)]
    stop = next((place for place in range(end, last) if _closes(page.elements[place])), last)
    below = [node for node in page.elements[end:stop] if _is_paragraph(node, gains)]
    return core if len(above) <= 1 and not below else element


def _closes(node: Element) -> bool:
    return len(node) < 3 and CLOSING.match(text := text_of(node)) is not None and len(text) < 60


def _is_paragraph(node: Element, gains: dict[Element, float]) -> bool:
    """Whether `node` itself (not a part of it) holds running text."""
    if has_day(text := text_of(node)) and len(text) < 90:
        return False
    return gains.get(node, 0) > _SHORT and not any(gains.get(child, 0) > 0 for child in node if isinstance(child.tag, str))


_POST = re.compile(r"^(?:post|comment|msg|message|reply|entry)[-_]?\d+", re.IGNORECASE)


def _first_post(element: Element) -> Element:
    """Of a thread only the first post is the article: numbered posts one after the other are a thread."""
    parts = [node for node in element.iter("li", "div", "article", "table", "tr") if _POST.match(node.get("id") or "")]
    if len(parts) < 2 or element in parts:
        return element
    first = parts[0]
    contents = [
        node
        for node in first.iter("article", "blockquote", "div", "td")
        if re.search(r"content|text|body|message", cues(node)) and len(text_of(node)) > 80
    ]
    return min(contents, key=lambda node: len(text_of(node)), default=first)


def _narrow(element: Element, gains: dict[Element, float], gain: float) -> Element:
    """Down to the child that holds nearly everything: wrappers bring in tools and captions."""
    while True:
        children = [
            child for child in element if isinstance(child.tag, str) and gains.get(child, 0) >= 0.97 * gain and child.tag not in _INLINE
        ]
        if len(children) != 1 or children[0].tag in ("p", "tr", "li"):
            return element
        element = children[0]


def _gains(page: Page, title: Element | None) -> dict[Element, float]:
    """The balance of each block element: running text minus links, snippets and telling names."""
    gains: dict[Element, float] = {}
    links: dict[Element, int] = {}
    own: dict[Element, int] = {}
    title_place = page.position.get(title, -1) if title is not None else -1
    outside = _outside(page)
    whole = _length(" ".join(text for element in page.elements if element.tag == "p" for text in (element.text, element.tail) if text))
    for element in reversed(page.elements):
        if element in page.cards:
            size = _length("".join(str(text) for text in element.itertext()))
            linked = (
                size if element.tag == "a" else sum(_length("".join(str(text) for text in link.itertext())) for link in element.iter("a"))
            )
            gains[element] = -1.2 * linked - 0.5 * (size - linked)
            continue
        if element in outside or element.tag in ("head", "meta", "link", "title"):
            continue
        if element.tag == "a":
            own[element] = links[element] = _length("".join(str(text) for text in element.itertext()))
            continue
        inline_text = _length(element.text)
        inline_links = 0
        total = 0.0
        for child in element:
            inline_text += _length(child.tail)
            if not isinstance(child.tag, str) or child in outside:
                continue
            if child.tag in _INLINE and child not in gains:
                inline_text += own.get(child, 0)
                inline_links += own.get(child, 0) if child.tag == "a" else links.get(child, 0)
            else:
                total += gains.get(child, 0.0)
        if element.tag in _INLINE and not total:
            own[element] = inline_text
            links[element] = inline_text if element.tag == "a" else inline_links
            continue
        total += _value(inline_text, inline_links, element)
        if title_place >= 0 and page.position[element] < title_place and total > 0 and title is not None and not _holds(title, element):
            total *= 0.4
        words = cues(element)
        if words.strip() and _COMMENTS.search(words) and total > 0:
            total *= 0.1
        elif words.strip() and 0 < total < 0.5 * whole and BOILERPLATE.search(words) and not _ARTICLE.search(words):
            total *= 0.3
        gains[element] = total
    return gains


def _outside(page: Page) -> set[Element]:
    hidden: set[Element] = set()
    for element in page.elements:
        parent = element.getparent()
        style = (element.get("style") or "").replace(" ", "").lower()
        if (parent is not None and parent in hidden) or "display:none" in style or element.tag in ("nav", "input", "footer"):
            hidden.add(element)
    return hidden


def _holds(inner: Element, outer: Element) -> bool:
    node: Element | None = inner
    while node is not None:
        if node is outer:
            return True
        node = node.getparent()
    return False


def _length(text: str | None) -> int:
    return len(" ".join(text.split())) if text and not text.isspace() else 0


def _value(size: int, linked: int, element: Element) -> float:
    """What a row of inline text is worth: its length when it is running text, a loss when it is links or a snippet."""
    if not size:
        return 0.0
    free = size - linked
    if linked * 2 > size:
        return -1.2 * linked
    if size < _SHORT:
        return -4.0 if element.tag != "p" else -1.0
    return free - linked


def by_trafilatura(page: Page) -> str:
    """What trafilatura takes for the text, from the tree that is already there; empty when it finds nothing or fails.

    It changes the tree that it gets, so it gets a copy, and that without the teasers of other articles.
    """
    tree = copy.deepcopy(page.root)
    cards = {page.position[card] for card in page.cards}
    for card in [node for place, node in enumerate(node for node in tree.iter() if isinstance(node.tag, str)) if place in cards]:
        if (parent := card.getparent()) is not None:
            parent.remove(card)
    try:
        found: Any = trafilatura.bare_extraction(
            tree, url=page.url, include_comments=False, include_tables=True, with_metadata=False, as_dict=False
        )
    except Exception:  # noqa: BLE001 - a defect of the library on a hostile page is no reason to lose the page
        return ""
    text = getattr(found, "text", None) or ""
    return "\n".join(line for line in (fold(line) for line in text.splitlines()) if line)


def read_generally(page: Page, *, title_element: Element | None, title: str, lead: str, site: str) -> tuple[Body, list[Element]]:
    """The body of a page of unknown design, and the elements that it was read from (none when it is trafilatura's)."""
    elements = find_body(page, title_element)
    body = (
        read_body(elements, title=title, lead=lead, site=site, without=page.cards, descriptions=page.descriptions) if elements else Body()
    )
    if len(body.text) >= 250:
        return body, elements
    other = by_trafilatura(page)
    if len(other) > 2 * len(body.text) + 100:
        return Body(paragraphs=other.split("\n"), lead="", images=body.images), []
    return body, elements
