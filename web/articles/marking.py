"""From text of the web to safe HTML with marks: always escaped first, marked afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from diembao.engine import MARK_END, MARK_START

_MARKS = re.compile(f"[{MARK_START}{MARK_END}]")
_OPEN, _CLOSE = Markup("<mark>"), Markup("</mark>")


def marked(text: str) -> Markup:
    r"""A highlight of the engine as HTML: escaped, its matches in `<mark>`; marks without their partner are dropped.

    >>> marked("a < \ue000b\ue001")
    Markup('a &lt; <mark>b</mark>')
    """
    parts: list[Markup] = []
    opened = False
    for part in re.split(f"([{MARK_START}{MARK_END}])", text):
        if part == MARK_START:
            if not opened:
                parts.append(_OPEN)
            opened = True
        elif part == MARK_END:
            if opened:
                parts.append(_CLOSE)
            opened = False
        else:
            parts.append(escape(part))
    if opened:
        parts.append(_CLOSE)
    return Markup().join(parts)


def unmarked(text: str) -> str:
    """`text` without the engine's marks."""
    return _MARKS.sub("", text)


@dataclass(frozen=True)
class Reasons:
    """An article's text with the sentences that decided its labels marked.

    Attributes:
        title, lead: HTML.
        paragraphs: the body's paragraphs as HTML.
        missing: by kind, the sentences that do not stand in the text.
    """

    title: Markup
    lead: Markup
    paragraphs: list[Markup]
    missing: dict[str, list[str]]


def mark_reasons(title: str, lead: str, body: str, reasons: Mapping[str, Sequence[str]]) -> Reasons:
    """Mark the deciding sentences in an article's text.

    Args:
        title: plain text.
        lead: plain text.
        body: plain text, paragraphs joined by line feeds.
        reasons: by kind (a CSS class: "tone", "blame"), the sentences; white space in them matches any white space.
    """
    patterns = {
        kind: [(sentence, re.compile(r"\s+".join(map(re.escape, sentence.split())))) for sentence in sentences if sentence.split()]
        for kind, sentences in reasons.items()
    }
    found: set[tuple[str, str]] = set()

    def mark(text: str) -> Markup:
        spans: list[tuple[int, int, str]] = []
        for kind, sentences in patterns.items():
            for sentence, pattern in sentences:
                for match in pattern.finditer(text):
                    spans.append((*match.span(), kind))
                    found.add((kind, sentence))
        return _with_spans(text, spans)

    paragraphs = [mark(paragraph) for paragraph in body.split("\n") if paragraph.strip()]
    marked_title, marked_lead = mark(title), mark(lead)
    missing = {
        kind: [sentence for sentence, _ in sentences if (kind, sentence) not in found]
        for kind, sentences in patterns.items()
        if any((kind, sentence) not in found for sentence, _ in sentences)
    }
    return Reasons(marked_title, marked_lead, paragraphs, missing)


def mark_stretches(text: str, stretches: Sequence[tuple[int, int]], kind: str) -> Markup:
    """`text` escaped, with a `<mark>` of the CSS class `kind` around each stretch (start, end).

    >>> mark_stretches("a < b", [(4, 5)], "weight")
    Markup('a &lt; <mark class="weight">b</mark>')
    """
    return _with_spans(text, [(start, end, kind) for start, end in stretches])


def _with_spans(text: str, spans: list[tuple[int, int, str]]) -> Markup:
    """`text` escaped, with a `<mark>` around each stretch that one set of kinds covers."""
    cuts = sorted({0, len(text), *(edge for start, end, _ in spans for edge in (start, end))})
    parts: list[Markup] = []
    for start, end in pairwise(cuts):
        kinds = sorted({kind for first, last, kind in spans if first <= start and end <= last})
        part = escape(text[start:end])
        parts.append(Markup('<mark class="{}">{}</mark>').format(" ".join(kinds), part) if kinds else part)
    return Markup().join(parts)


@dataclass(frozen=True)
class QueryMistake:
    """Where a query is wrong: the text before the wrong character, that character (a space at the end), the text behind it."""

    before: str
    wrong: str
    behind: str


def mistake_in(query: str, position: int | None) -> QueryMistake:
    """The query split at the place of the mistake; None and places outside of it mean its end."""
    if position is None or not 0 <= position < len(query):
        return QueryMistake(query, " ", "")
    return QueryMistake(query[:position], query[position], query[position + 1 :])


def web_link(url: str) -> str | None:
    """`url` when it is an absolute http(s) address that may become a link, else None.

    >>> web_link("javascript:alert(1)") is None
    True
    """
    try:
        parts = urlsplit(url)
        port_is_readable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    safe = parts.scheme in ("http", "https") and bool(parts.hostname) and port_is_readable
    return url if safe and url.isprintable() and not any(letter.isspace() for letter in url) else None
