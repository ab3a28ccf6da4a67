"""Marks in the original text what a query matched. The same code for both engines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import translate

from diembao.article import Article
from diembao.engine import MARK_END, MARK_START
from index.analysis import Token, analyse
from index.proximity import phrase_occurs
from index.query import Node, Pattern, Phrase, Prefix, Term, has_accents, leaves

EXCERPT = 280
"""Code points of the excerpt of a body."""
_LEAD_IN = 60
_FIELDS = ("title", "lead", "body")
_MARKS = str.maketrans("", "", MARK_START + MARK_END)


@dataclass
class _Wanted:
    tokens: set[str] = field(default_factory=set)
    prefixes: list[str] = field(default_factory=list)
    patterns: list[re.Pattern[str]] = field(default_factory=list)
    phrases: list[Phrase] = field(default_factory=list)

    def nothing(self) -> bool:
        return not (self.tokens or self.prefixes or self.patterns or self.phrases)


class Highlighter:
    """Marks the matches of one query.

    Args:
        query: the tree of the query; what stands under NOT is not marked.
    """

    def __init__(self, query: Node) -> None:
        self._wanted = {name: _Wanted() for name in _FIELDS}
        for leaf, negated in leaves(query):
            if negated or not isinstance(leaf, Term | Prefix | Pattern | Phrase):
                continue
            for name in leaf.fields:
                if name in self._wanted:
                    self._want(self._wanted[name], leaf)

    def _want(self, wanted: _Wanted, leaf: Term | Prefix | Pattern | Phrase) -> None:
        match leaf:
            case Term():
                wanted.tokens.add(leaf.token)
            case Prefix():
                wanted.prefixes.append(leaf.token)
            case Pattern():
                wanted.patterns.append(re.compile(translate(leaf.pattern)))
            case Phrase(slop=0):
                wanted.phrases.append(leaf)
            case Phrase():
                wanted.tokens.update(leaf.tokens)

    def of(self, article: Article) -> dict[str, str]:
        """The highlights of `article` by field; a field without a match is left out, the body is cut to an excerpt."""
        found: dict[str, str] = {}
        for name in _FIELDS:
            text = str(getattr(article, name)).translate(_MARKS)
            if not text or self._wanted[name].nothing():
                continue
            tokens = analyse(text)
            spans = _spans(text, tokens, self._matching(tokens, self._wanted[name]))
            if spans:
                found[name] = _excerpt(text, spans) if name == "body" else _marked(text, spans, 0, len(text))
        return found

    def _matching(self, tokens: Sequence[Token], wanted: _Wanted) -> list[bool]:
        hit = [token.exact in wanted.tokens or token.folded in wanted.tokens for token in tokens]
        if wanted.prefixes or wanted.patterns:
            prefixes = tuple(wanted.prefixes)
            for place, token in enumerate(tokens):
                hit[place] = hit[place] or any(
                    form.startswith(prefixes) or any(pattern.match(form) for pattern in wanted.patterns) for form in token[:2]
                )
        if not wanted.phrases:
            return hit
        exact = [token.exact for token in tokens]
        folded = [token.folded for token in tokens]
        for phrase in wanted.phrases:
            accented = [has_accents(token) for token in phrase.tokens]
            size = len(phrase.tokens)
            first = phrase.tokens[0]
            for start in range(len(tokens) - size + 1):
                if not (phrase.prefix and size == 1) and (exact if accented[0] else folded)[start] != first:
                    continue
                if phrase_occurs(exact[start : start + size], folded[start : start + size], phrase.tokens, accented, prefix=phrase.prefix):
                    hit[start : start + size] = [True] * size
        return hit


def _spans(text: str, tokens: Sequence[Token], hit: Sequence[bool]) -> list[tuple[int, int]]:
    """Where the marked words stand; neighbours with nothing but spaces between them are one span."""
    spans: list[tuple[int, int]] = []
    for token, marked in zip(tokens, hit, strict=True):
        if not marked:
            continue
        if spans and text[spans[-1][1] : token.start].isspace():
            spans[-1] = (spans[-1][0], token.end)
        else:
            spans.append((token.start, token.end))
    return spans


def _marked(text: str, spans: Sequence[tuple[int, int]], start: int, end: int) -> str:
    parts: list[str] = []
    position = start
    for begin, finish in spans:
        if begin < start or finish > end:
            continue
        parts += [text[position:begin], MARK_START, text[begin:finish], MARK_END]
        position = finish
    return "".join([*parts, text[position:end]])


def _excerpt(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The stretch of `text` with the most matches, cut between words."""
    if len(text) <= EXCERPT:
        return _marked(text, spans, 0, len(text))
    room = EXCERPT - _LEAD_IN
    best = max(spans, key=lambda span: (sum(1 for other in spans if span[0] <= other[0] and other[1] <= span[0] + room), -span[0]))
    start = max(0, min(best[0] - _LEAD_IN, len(text) - EXCERPT))
    if start:
        space = text.find(" ", start, best[0])
        start = space + 1 if space >= 0 else start
    end = max(min(len(text), start + EXCERPT), best[1])
    if end < len(text):
        space = text.rfind(" ", best[1], end)
        end = space if space >= 0 else end
    return ("… " if start else "") + _marked(text, spans, start, end) + (" …" if end < len(text) else "")
