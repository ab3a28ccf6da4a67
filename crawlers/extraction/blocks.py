"""From elements to a row of blocks: paragraphs, lines, table rows and images, each with what its markup says of it.

The page is parsed once, by lxml. The chosen elements are handed over to BeautifulSoup without writing and reading them again
(building BeautifulSoup's tree for the whole page would cost ten times the parsing) and cut there with the layout's `remove`
selectors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from soupsieve.util import SelectorSyntaxError

from crawlers.extraction.page import Element, fold
from crawlers.extraction.wording import BOILERPLATE, CAPTION

_BLOCK_TAGS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol", "p", "pre", "section",
        "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "details", "summary", "caption", "legend",
    }
)  # fmt: skip
_NEVER = frozenset(
    {
        "script", "style", "noscript", "iframe", "select", "button", "textarea", "input", "label", "nav", "head", "title",
        # What AMP puts around an article: https://amp.dev/documentation/components
        "amp-sidebar", "amp-list", "amp-social-share", "amp-ad", "amp-embed", "amp-sticky-ad", "amp-consent", "amp-user-notification",
    }
)  # fmt: skip
_DEEPEST = 200
_MOST_NODES = 60_000
"""Nodes taken over at most: a 10 MB page is cut, not waited for."""


@dataclass
class Block:
    """A paragraph, a line, a table row, or an image (`text` is empty then).

    `link`, `bold` and `italic` are the numbers of characters that are linked, bold or italic.
    """

    text: str
    tag: str
    cues: str
    align: str = ""
    caption: bool = False
    boilerplate: bool = False
    bold: int = 0
    italic: int = 0
    link: int = 0
    styled: bool = False
    image: str = ""
    table: int = 0
    in_list: bool = False
    href: str = ""
    part: int = 0
    images_before: int = 0


def read_blocks(elements: Sequence[Element], *, remove: Sequence[str] = (), without: Collection[Element] = ()) -> list[Block]:
    """The blocks of `elements`, one after the other, without what the selectors of `remove` match and without the elements `without`."""
    root = graft(elements, without)
    for tag in _matching(root, remove):
        tag.decompose()
    return list(_blocks(root))


def graft(elements: Sequence[Element], without: Collection[Element] = ()) -> Tag:
    """BeautifulSoup's tree of lxml elements, one after the other under one `div`; very deep parts are flattened.

    Args:
        elements: what is taken over.
        without: elements in them that are left out.
    """
    soup = BeautifulSoup("", "lxml")
    root = soup.new_tag("div")
    soup.append(root)
    count = 0
    # A depth-first walk that keeps document order: what follows waits on the stack.
    waiting: list[tuple[Element | str, Tag, int]] = [(element, root, 0) for element in reversed(elements)]
    while waiting and count < _MOST_NODES:
        item, parent, depth = waiting.pop()
        count += 1
        if isinstance(item, str):
            parent.append(NavigableString(item))
            continue
        if not isinstance(item.tag, str) or item.tag in _NEVER or item in without:
            continue
        while (
            len(item) == 1
            and not item.attrib
            and not (item.text or "").strip()
            and not (item[0].tail or "").strip()
            and item[0].tag in _BLOCK_TAGS
        ):
            item = item[0]  # a wrapper without a meaning of its own
        if depth < _DEEPEST:
            tag = soup.new_tag(item.tag, attrs={str(key): str(value) for key, value in item.attrib.items()})
            parent.append(tag)
        else:
            tag = parent
        children: list[tuple[Element | str, Tag, int]] = []
        if item.text:
            children.append((item.text, tag, depth))
        for child in item:
            children.append((child, tag, depth + 1))
            if child.tail:
                children.append((child.tail, tag, depth))
        waiting.extend(reversed(children))
    return root


def _matching(root: Tag, selectors: Sequence[str]) -> list[Tag]:
    """The elements that any of `selectors` matches; all at once, which is quicker, unless one of them cannot be read."""
    if not selectors:
        return []
    try:
        return list(root.select(", ".join(selectors)))
    except (SelectorSyntaxError, NotImplementedError):
        return [tag for selector in selectors for tag in _matching(root, [selector])] if len(selectors) > 1 else []


@dataclass
class _Context:
    tag: str = "div"
    cues: str = ""
    align: str = ""
    caption: bool = False
    boilerplate: bool = False
    bold: bool = False
    italic: bool = False
    href: str = ""
    styled: bool = False
    table: int = 0
    in_list: bool = False
    part: int = 0


class _Reader:
    """Collects inline text into blocks."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.blocks: list[Block] = []
        self.pieces: list[tuple[str, _Context]] = []
        self.tables = 0
        self.parts = 0
        self.images = 0

    def flush(self) -> None:
        pieces, self.pieces = self.pieces, []
        text = fold("".join(piece for piece, _ in pieces))
        if not text:
            return
        solid = [(len(piece.strip()), context) for piece, context in pieces if piece.strip()]
        first = max(solid, key=lambda item: item[0])[1]
        self.blocks.append(
            Block(
                text=text,
                tag=first.tag,
                cues=first.cues,
                align=first.align,
                caption=all(context.caption for _, context in solid),
                boilerplate=all(context.boilerplate for _, context in solid),
                bold=sum(size for size, context in solid if context.bold),
                italic=sum(size for size, context in solid if context.italic),
                link=sum(size for size, context in solid if context.href),
                styled=all(context.styled for _, context in solid),
                table=first.table,
                in_list=first.in_list,
                href=next((context.href for _, context in solid if context.href), ""),
                part=first.part,
                images_before=self.images,
            )
        )
        self.images = 0

    def image(self, source: str, context: _Context) -> None:
        self.flush()
        self.images += 1
        self.blocks.append(
            Block("", "img", context.cues, image=source, table=context.table, boilerplate=context.boilerplate, part=context.part)
        )


def _blocks(root: Tag) -> Iterator[Block]:
    reader = _Reader(len(root.get_text()))
    _walk(root, _Context(), reader, 0)
    reader.flush()
    yield from reader.blocks


def _style(tag: Tag) -> str:
    return str(tag.get("style") or "").lower().replace(" ", "")


def _walk(tag: Tag, context: _Context, reader: _Reader, depth: int) -> None:
    for child in tag.children:
        if isinstance(child, NavigableString):
            if type(child) is NavigableString:
                reader.pieces.append((str(child), context))
            continue
        if not isinstance(child, Tag):
            continue
        name = child.name
        if name == "br":
            reader.flush()
            continue
        if name in ("img", "amp-img", "figure-img"):
            source = image_source(child)
            if source:
                reader.image(source, context)
            continue
        if name in _NEVER or child.has_attr("hidden"):
            continue
        style = _style(child)
        if "display:none" in style or "visibility:hidden" in style:
            continue
        inner = _inside(child, context, style, reader)
        block = name in _BLOCK_TAGS
        if block and not (name in ("td", "th") and _is_data_row(child)):
            reader.flush()
        elif block and reader.pieces:
            reader.pieces.append((" | ", context))
        _walk(child, inner, reader, depth + 1)
        if block and not (name in ("td", "th") and _is_data_row(child)):
            reader.flush()


def _is_data_row(cell: Tag) -> bool:
    """Whether `cell` belongs to a table of data: its row becomes one line. A table of layout or pictures does not."""
    table = cell.find_parent("table")
    row = cell.find_parent("tr")
    if table is None or row is None or table.find(["img", "table", "ul", "div"]) is not None:
        return False
    return (
        len(row.find_all(["td", "th"])) > 1
        and len(table.find_all("tr")) > 1
        and all(len(c.find_all("p")) < 3 for c in row.find_all(["td", "th"]))
    )


def _inside(child: Tag, context: _Context, style: str, reader: _Reader) -> _Context:
    name = child.name
    classes = child.get("class")
    words = f"{' '.join(classes) if isinstance(classes, list) else classes or ''} {child.get('id') or ''}".lower().strip()
    inner = _Context(**vars(context))
    if name in _BLOCK_TAGS:
        inner.tag = name
        reader.parts += 1
        inner.part = reader.parts
    if words:
        inner.cues = f"{context.cues} {words}"[-300:]
        if not context.boilerplate and BOILERPLATE.search(words) and len(child.get_text()) * 2 < reader.total:
            inner.boilerplate = True
        if not context.caption and CAPTION.search(words) and len(child.get_text()) < 700:
            inner.caption = True
    if name in ("figure", "figcaption", "caption") or (name == "div" and _is_picture_box(child)):
        inner.caption = True
    elif name in ("aside", "footer") and len(child.get_text()) * 2 < reader.total:
        inner.boilerplate = True
    align = str(child.get("align") or "").lower()
    if "text-align:" in style:
        align = style.split("text-align:", 1)[1].split(";")[0].split("!")[0]
    if name == "center":
        align = "center"
    if align in ("left", "right", "center", "justify", "start", "end", "middle"):
        inner.align = {"start": "left", "end": "right", "middle": "center"}.get(align, align)
    if name in ("b", "strong") or "font-weight:bold" in style or re.search(r"font-weight:[6-9]00", style):
        inner.bold = True
    if name in ("i", "em", "cite") or "font-style:italic" in style:
        inner.italic = True
    if name == "a" and child.get("href"):
        inner.href = str(child.get("href"))
    if name in ("font", "span", "small", "p", "div", "em", "i", "td") and re.search(
        r"(?:^|;)color:|font-size:(?:[0-9]|1[01])(?:\.\d+)?(?:pt|px)", style
    ):
        inner.styled = True
    if name == "small":
        inner.styled = True
    if name == "table":
        reader.tables += 1
        inner.table = reader.tables
        if (
            child.find(["img", "amp-img"]) is not None
            and len(child.get_text()) < 600 * max(1, len(child.find_all("img")))
            and not _is_wrapper(child, reader)
        ):
            inner.caption = True
    if name in ("ul", "ol"):
        inner.in_list = True
    return inner


def _is_picture_box(box: Tag) -> bool:
    """A picture and below it, in an element of its own, one short text."""
    if len(box.get_text()) > 260 or box.find(["img", "amp-img"]) is None:
        return False
    parts = [part for part in box.children if isinstance(part, Tag) or str(part).strip()]
    if not 2 <= len(parts) <= 4 or not all(isinstance(part, Tag) for part in parts):
        return False
    first, rest = parts[0], [part for part in parts[1:] if part.get_text(strip=True)]
    return (
        isinstance(first, Tag)
        and not first.get_text(strip=True)
        and len(rest) == 1
        and (first.name in ("img", "amp-img") or first.find("img") is not None)
    )


def _is_wrapper(table: Tag, reader: _Reader) -> bool:
    """Whether this table is the frame of the text rather than of a picture."""
    return len(table.get_text()) * 2 > reader.total and len(table.get_text()) > 1200


def image_source(tag: Tag) -> str:
    """The address of an image: the attribute of a lazy loader before `src`; empty for icons, data and counting pixels."""
    for size in (tag.get("width"), tag.get("height")):
        if isinstance(size, str) and size.strip().rstrip("px").isdigit() and int(size.strip().rstrip("px")) < 40:
            return ""
    for attribute in ("data-src", "data-original", "data-lazy-src", "data-srcset", "src", "srcset"):
        value = str(tag.get(attribute) or "").strip()
        if value and not value.startswith("data:"):
            return value.split(",")[0].split()[0] if attribute.endswith("srcset") else value
    return ""
