"""Texts of posts and comments: from HTML to paragraphs, without what others said and without names of private persons."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from typing import Any

from lxml import html
from lxml.etree import ParserError

from diembao.privacy import mask_personal_numbers

OPENING = 120
"""Characters of the opening words that serve as the headline of a text without one."""

_BLOCKS = frozenset({
    "p", "div", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "tr", "article", "section",
})  # fmt: skip
_HANDLE = re.compile(r"(?<![\w/.@])@[\w][\w.\-]{1,60}(?<![.\-])")
_DEPTH = 200


class VoiceError(Exception):
    """An answer that cannot be read as what was asked for; the text says why."""


def without_handles(text: str) -> str:
    """`text` without the account names of those whom it answers.

    >>> without_handles("@nguyen.van-a cảm ơn bạn, gửi về bao@dongthap.vn")
    '@… cảm ơn bạn, gửi về bao@dongthap.vn'
    """
    return _HANDLE.sub("@…", text)


def tidy(text: str) -> str:
    """NFC, one line feed between paragraphs, single spaces within."""
    lines = (" ".join(line.split()) for line in unicodedata.normalize("NFC", text).splitlines())
    return "\n".join(line for line in lines if line)


def opening(text: str) -> str:
    r"""The opening words of `text`, at most OPENING characters, cut between words.

    >>> opening("Đường hư lâu rồi.\nKhông ai sửa.")
    'Đường hư lâu rồi.'
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    if len(first) <= OPENING:
        return first
    cut = first[: OPENING - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:-") + "…"


def html_text(markup: str, drop: str = "") -> str:
    """The text of a piece of HTML, paragraph by paragraph; empty when there is none.

    Args:
        markup: HTML.
        drop: XPath of elements that are left out (quotations, signatures).
    """
    if not markup.strip():
        return ""
    try:
        root = html.fragment_fromstring(markup, create_parent="div")
    except (ParserError, ValueError):
        return ""
    return element_text(root, drop)


def element_text(root: Any, drop: str = "") -> str:
    """As `html_text`, of a parsed element, which is changed."""
    if drop:
        for element in root.xpath(drop):
            if element is not root and element.getparent() is not None:
                element.drop_tree()
    parts: list[str] = []
    _collect(root, parts, 0)
    return tidy("".join(parts))


def _collect(element: Any, parts: list[str], depth: int) -> None:
    if not isinstance(element.tag, str) or element.tag in ("script", "style", "noscript", "template") or depth > _DEPTH:
        return
    is_block = element.tag in _BLOCKS
    parts.append("\n" if is_block or element.tag == "br" else "")
    parts.append(_flat(element.text))
    for child in element:
        _collect(child, parts, depth + 1)
        parts.append(_flat(child.tail))
    parts.append("\n" if is_block else " " if element.tag == "td" else "")


def _flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")


def json_of(body: bytes) -> Any:
    """The object in `body`. Raises VoiceError when it is no JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise VoiceError(f"not JSON: {error}"[:200]) from error
    if not isinstance(value, dict):
        raise VoiceError("not a JSON object")
    return value


def kept_json(body: bytes, names: Collection[str], texts: Collection[str]) -> bytes:
    """`body` (JSON) with the keys `names` only; numbers of private persons and account names in the `texts` among them are masked.

    What is not named is not stored: who wrote something, pictures of people, addresses with tokens in them.

    Raises:
        VoiceError: when it is no JSON object.
    """
    return json.dumps(_pruned(json_of(body), frozenset(names), frozenset(texts)), ensure_ascii=False).encode("utf-8", "replace")


def _pruned(value: Any, names: frozenset[str], texts: frozenset[str], depth: int = 0) -> Any:
    if depth > _DEPTH:
        raise VoiceError("nested too deeply")
    if isinstance(value, dict):
        return {
            name: masked_text(inner) if name in texts and isinstance(inner, str) else _pruned(inner, names, texts, depth + 1)
            for name, inner in value.items()
            if name in names
        }
    return [_pruned(inner, names, texts, depth + 1) for inner in value] if isinstance(value, list) else value


def masked_text(text: str) -> str:
    """`text` as it may be stored where private persons write."""
    return without_handles(mask_personal_numbers(text))
