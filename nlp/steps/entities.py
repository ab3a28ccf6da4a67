"""People, organisations and locations that the body names."""

from __future__ import annotations

from collections.abc import Sequence

from diembao.article import Entity, EntityType
from nlp.step import Step
from nlp.words import TaggedWord

_TYPES: dict[str, EntityType] = {"PER": "PER", "ORG": "ORG", "LOC": "LOC"}


def entities(
    body: str, body_start: int, tagged: Sequence[Sequence[TaggedWord]], token_spans: Sequence[Sequence[tuple[int, int]]]
) -> list[Entity]:
    """The names that underthesea's model labels in the body, in the order of the text.

    A name reaches from its first to its last word as the body writes it, so `body[start:end] == text` always.
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
                found.append(_entity(body, kind, begin - body_start, end - body_start))
                kind = None
            if kind is None and label in ("B", "I") and name in _TYPES:
                kind, begin = _TYPES[name], start
            end = stop
        if kind is not None:
            found.append(_entity(body, kind, begin - body_start, end - body_start))
    return found


def _entity(body: str, kind: EntityType, start: int, end: int) -> Entity:
    return Entity(text=body[start:end], type=kind, start=start, end=end)


STEP = Step(entities, version=1, writes="entities")
