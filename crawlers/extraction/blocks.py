"""From elements to a row of blocks: paragraphs, lines, table rows and images, each with what its markup says of it.

The page's own tree is read, none is built or changed: what the layout's `remove` selectors match is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from copy import copy
from dataclasses import dataclass

from crawlers.extraction.page import Element, fold, matching
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
_TABLE_TAGS = frozenset({"table", "tbody", "thead", "tfoot", "tr", "td", "th"})
_DEEPEST = 200
"""Elements around a piece of text whose names count; what lies deeper is read as a part of the last of them."""
_MOST_NODES = 60_000
"""Nodes read at most: a 10 MB page is cut, not waited for."""


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
    removed = {found for element in elements for found in matching(element, remove)} if remove else set()
    reader = _Reader(elements, removed.union(without))
    for element in elements:
        reader.walk(element)
    reader.flush()
    return reader.blocks


@dataclass
class _Context:
    """What the elements around a piece of text say of it. `depth` counts them; wrappers that say nothing are left out."""

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
    depth: int = 0
    table_element: Element | None = None
    row_element: Element | None = None
    in_data: bool = False


class _Reader:
    """Reads elements in document order and collects inline text into blocks.

    Args:
        elements: what is read.
        without: elements in them that are passed over.
    """

    def __init__(self, elements: Sequence[Element], without: Collection[Element]) -> None:
        self.without = without
        self.blocks: list[Block] = []
        self.pieces: list[tuple[str, _Context]] = []
        self.tables = 0
        self.parts = 0
        self.images = 0
        self._left = _MOST_NODES
        self._sizes = self._measure(elements)
        self.total = sum(self._sizes.get(element, 0) for element in elements)

    def _measure(self, elements: Sequence[Element]) -> dict[Element, int]:
        """Characters of text in each element, without what is passed over."""
        sizes: dict[Element, int] = {}
        for root in elements:
            for element in reversed([node for node in root.iter() if isinstance(node.tag, str)]):
                if self.is_outside(element):
                    continue
                size = len(element.text) if element.text else 0
                for child in element:
                    size += sizes.get(child, 0) + (len(child.tail) if child.tail else 0)
                sizes[element] = size
        return sizes

    def is_outside(self, element: Element) -> bool:
        """Whether `element` is passed over."""
        return not isinstance(element.tag, str) or element.tag in _NEVER or element in self.without

    def size(self, element: Element) -> int:
        """Characters of text in `element`."""
        return self._sizes.get(element, 0)

    def within(self, element: Element, *tags: str) -> Iterator[Element]:
        """The elements of these kinds below `element`."""
        return (node for node in element.iter(*tags) if node is not element and node in self._sizes)

    def is_blank(self, element: Element) -> bool:
        """Whether nothing can be read in `element`."""
        for node in element.iter():
            if node in self._sizes and node.text and not node.text.isspace():
                return False
            if node is not element and node.tail and not node.tail.isspace():
                return False
        return True

    def walk(self, root: Element) -> None:
        """Read `root`. What waits to be read stands on a stack: however deep a page is, it costs no recursion."""
        # An element to be read, a piece of text, or the end of a block (None).
        waiting: list[tuple[Element | str | None, _Context]] = [(root, _Context())]
        while waiting and self._left > 0:
            item, context = waiting.pop()
            self._left -= 1
            if item is None:
                self.flush()
            elif isinstance(item, str):
                self.pieces.append((item, context))
            elif not self.is_outside(item):
                self._open(item, context, waiting)

    def _open(self, element: Element, context: _Context, waiting: list[tuple[Element | str | None, _Context]]) -> None:
        while (
            len(element) == 1
            and not element.attrib
            and not (element.text or "").strip()
            and not (element[0].tail or "").strip()
            and element[0].tag in _BLOCK_TAGS
            and element.tag not in _TABLE_TAGS
            and not self.is_outside(element[0])
        ):
            element = element[0]  # a wrapper without a meaning of its own
        name = element.tag
        if name == "br":
            self.flush()
            return
        if name in ("img", "amp-img", "figure-img"):
            if source := image_source(element):
                self.image(source, context)
            return
        if element.get("hidden") is not None:
            return
        style = (element.get("style") or "").lower().replace(" ", "")
        if "display:none" in style or "visibility:hidden" in style:
            return
        inner, ends = context, False
        if context.depth < _DEEPEST:
            inner = self._inside(element, context, style)
            block = name in _BLOCK_TAGS
            if block and name in ("td", "th") and self._is_data_row(inner):
                inner.in_data = True
                if self.pieces:
                    self.pieces.append((" | ", context))
            elif block and inner.in_data and name not in ("tr", "table"):
                self.pieces.append((" ", context))
            elif block:
                self.flush()
                ends = True
        if ends:
            waiting.append((None, context))
        children: list[tuple[Element | str | None, _Context]] = [(element.text, inner)] if element.text else []
        for child in element:
            children.append((child, inner))
            if child.tail:
                children.append((child.tail, inner))
        waiting.extend(reversed(children))

    def _is_data_row(self, context: _Context) -> bool:
        """Whether a cell belongs to a table of data: its row becomes one line. A table of layout or pictures does not."""
        table, row = context.table_element, context.row_element
        if table is None or row is None or next(self.within(table, "img", "table", "ul", "div"), None) is not None:
            return False
        cells = list(self.within(row, "td", "th"))
        return (
            len(cells) > 1 and sum(1 for _ in self.within(table, "tr")) > 1 and all(sum(1 for _ in self.within(c, "p")) < 3 for c in cells)
        )

    def _inside(self, child: Element, context: _Context, style: str) -> _Context:
        name = child.tag
        words = f"{child.get('class') or ''} {child.get('id') or ''}".lower().strip()
        inner = copy(context)
        inner.depth += 1
        if name in _BLOCK_TAGS:
            inner.tag = name
            self.parts += 1
            inner.part = self.parts
        if words:
            words = " ".join(words.split())
            inner.cues = f"{context.cues} {words}"[-300:]
            if not context.boilerplate and BOILERPLATE.search(words) and self.size(child) * 2 < self.total:
                inner.boilerplate = True
            if not context.caption and CAPTION.search(words) and self.size(child) < 700:
                inner.caption = True
        if name in ("figure", "figcaption", "caption") or (name == "div" and self._is_picture_box(child)):
            inner.caption = True
        elif name in ("aside", "footer") and self.size(child) * 2 < self.total:
            inner.boilerplate = True
        align = (child.get("align") or "").lower()
        if "text-align:" in style:
            align = style.split("text-align:", 1)[1].split(";")[0].split("!")[0]
        if name == "center":
            align = "center"
        if align in ("left", "right", "center", "justify", "start", "end", "middle"):
            inner.align = {"start": "left", "end": "right", "middle": "center"}.get(align, align)
        if name in ("b", "strong") or "font-weight:bold" in style or (style and re.search(r"font-weight:[6-9]00", style)):
            inner.bold = True
        if name in ("i", "em", "cite") or "font-style:italic" in style:
            inner.italic = True
        if name == "a" and child.get("href"):
            inner.href = child.get("href") or ""
        if (
            style
            and name in ("font", "span", "small", "p", "div", "em", "i", "td")
            and re.search(r"(?:^|;)color:|font-size:(?:[0-9]|1[01])(?:\.\d+)?(?:pt|px)", style)
        ):
            inner.styled = True
        if name == "small":
            inner.styled = True
        if name == "table":
            self.tables += 1
            inner.table = self.tables
            inner.table_element = child
            inner.in_data = False
            pictures = sum(1 for _ in self.within(child, "img", "amp-img"))
            if pictures and self.size(child) < 600 * pictures and not self._is_frame(child):
                inner.caption = True
        elif name == "tr":
            inner.row_element = child
            inner.in_data = False
        elif name in ("ul", "ol"):
            inner.in_list = True
        return inner

    def _is_picture_box(self, box: Element) -> bool:
        """A picture and below it, in an element of its own, one short text."""
        if self.size(box) > 260 or not 2 <= len(box) <= 4 or next(self.within(box, "img", "amp-img"), None) is None:
            return False
        if (box.text or "").strip() or any((child.tail or "").strip() for child in box):
            return False
        parts = [part for part in box if part in self._sizes]
        if not 2 <= len(parts) <= 4:
            return False
        first, rest = parts[0], [part for part in parts[1:] if not self.is_blank(part)]
        shown = first.tag in ("img", "amp-img") or next(self.within(first, "img"), None) is not None
        return shown and self.is_blank(first) and len(rest) == 1

    def _is_frame(self, table: Element) -> bool:
        """Whether this table is the frame of the text rather than of a picture."""
        return self.size(table) * 2 > self.total and self.size(table) > 1200

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


def image_source(tag: Element) -> str:
    """The address of an image: the attribute of a lazy loader before `src`; empty for icons, data and counting pixels."""
    for size in (tag.get("width"), tag.get("height")):
        if isinstance(size, str) and size.strip().rstrip("px").isdigit() and int(size.strip().rstrip("px")) < 40:
            return ""
    for attribute in ("data-src", "data-original", "data-lazy-src", "data-srcset", "src", "srcset"):
        value = str(tag.get(attribute) or "").strip()
        if value and not value.startswith("data:"):
            return value.split(",")[0].split()[0] if attribute.endswith("srcset") else value
    return ""
