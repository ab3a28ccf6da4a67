"""People, organisations and locations that the body names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from diembao.article import Entity, EntityType
from nlp.step import Step
from nlp.words import TaggedWord

_TYPES: dict[str, EntityType] = {"PER": "PER", "ORG": "ORG", "LOC": "LOC"}


def entities(
    body: str,
    body_start: int,
    tagged: Sequence[Sequence[TaggedWord]],
    token_spans: Sequence[Sequence[tuple[int, int]]],
    abbreviations: Mapping[str, str],
) -> list[Entity]:
    """The names that underthesea's model labels in the body, in the order of the text.

    A name reaches from its first to its last word as the body writes it, so `body[start:end] == text` always; what its
    abbreviations stand for is in `full`.
    """
    found: list[Entity] = []
    for words, spans in zip(tagged, token_spans, strict=True):
        if not spans or spans[-1][1] <= body_start:
            continue
        kind: EntityType | None = None
        begin = end = 0
        for word, (start, stop) in zip(words, spans, strict=True):
            label, _, name = word.ner.partition("-")
            if kind is not None and (label != "I" or _TYPES.get(name) != kind):
                found.append(_entity(body, kind, begin - body_start, end - body_start, abbreviations))
                kind = None
            if kind is None and label in ("B", "I") and name in _TYPES:
                kind, begin = _TYPES[name], start
            end = stop
        if kind is not None:
            found.append(_entity(body, kind, begin - body_start, end - body_start, abbreviations))
    return found


def _entity(body: str, kind: EntityType, start: int, end: int, abbreviations: Mapping[str, str]) -> Entity:
    text = body[start:end]
    return Entity(text=text, type=kind, start=start, end=end, full=written_out(text, abbreviations))


_SHORT = re.compile(r"[^\W\d_]+(?:[.&-][^\W\d_]+)*\.?")


def written_out(name: str, abbreviations: Mapping[str, str]) -> str | None:
    """`name` with its abbreviations written out, or None when it has none that the table knows.

    >>> table = {"UBND": "Ủy ban nhân dân", "TP": "Thành phố", "TT&TT": "Thông tin và Truyền thông", "TPHCM": "Thành phố Hồ Chí Minh"}
    >>> written_out("UBND TP Cao Lãnh", table), written_out("Sở TT&TT", table), written_out("UBND TP.HCM", table), written_out("Huế", table)
    ('Ủy ban nhân dân Thành phố Cao Lãnh', 'Sở Thông tin và Truyền thông', 'Ủy ban nhân dân Thành phố Hồ Chí Minh', None)
    """

    def write(match: re.Match[str]) -> str:
        word = match.group()
        for spelling in (word, word.rstrip("."), word.replace(".", "")):
            if spelling in abbreviations:
                return abbreviations[spelling]
        first, dot, rest = word.partition(".")
        return f"{abbreviations[first]} {rest}".rstrip() if dot and rest and first in abbreviations else word

    full = _SHORT.sub(write, name)
    return full if full != name else None


STEP = Step(entities, version=2, writes="entities")
