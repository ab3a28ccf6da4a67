"""Marks in the original text what a query matched. The same code for both engines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import translate

from diembao.article import Article
from diembao.engine import MARK_END, MARK_START
from index.analysis import places_of, word_forms
from index.proximity import phrase_occurs
from index.query import Node, Pattern, Phrase, Prefix, Term, has_accents, leaves

EXCERPT = 280
"""Code points of the excerpt of a body."""
_LEAD_IN = 60
_FIELDS = ("title", "lead", "body")


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
            case Phrase(slop=0) if leaf.tokens:
                wanted.phrases.append(leaf)
            case Phrase():
                wanted.tokens.update(leaf.tokens)

    def of(self, article: Article) -> dict[str, str]:
        """The highlights of `article` by field; a field without a match is left out, the body is cut to an excerpt."""
        found: dict[str, str] = {}
        for name in _FIELDS:
            text = str(getattr(article, name)).replace(MARK_START, "").replace(MARK_END, "")
            if not text or self._wanted[name].nothing():
                continue
            spans = _spans(text, self._matching(word_forms(text), self._wanted[name]))
            if spans:
                found[name] = _excerpt(text, spans) if name == "body" else _marked(text, spans, 0, len(text))
        return found

    def _matching(self, words: Sequence[tuple[str, str]], wanted: _Wanted) -> list[bool]:
        distinct = set(words)
        matching = {pair for pair in distinct if not wanted.tokens.isdisjoint(pair)}
        if wanted.prefixes or wanted.patterns:
            prefixes = tuple(wanted.prefixes)
            matching |= {
                pair
                for pair in distinct
                if any(form.startswith(prefixes) or any(pattern.match(form) for pattern in wanted.patterns) for form in pair)
            }
        hit = [pair in matching for pair in words] if matching else [False] * len(words)
        if not wanted.phrases:
            return hit
        exact = [pair[0] for pair in words]
        folded = [pair[1] for pair in words]
        for phrase in wanted.phrases:
            accented = [has_accents(token) for token in phrase.tokens]
            size = len(phrase.tokens)
            first = phrase.tokens[0]
            for start in range(len(words) - size + 1):
                if not (phrase.prefix and size == 1) and (exact if accented[0] else folded)[start] != first:
                    continue
                if phrase_occurs(exact[start : start + size], folded[start : start + size], phrase.tokens, accented, prefix=phrase.prefix):
                    hit[start : start + size] = [True] * size
        return hit


def _spans(text: str, hit: Sequence[bool]) -> list[tuple[int, int]]:
    """Where the marked words stand; neighbours with nothing but spaces between them are one span."""
    spans: list[tuple[int, int]] = []
    for start, end in places_of(text, hit) if any(hit) else ():
        if spans and text[spans[-1][1] : start].isspace():
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
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
