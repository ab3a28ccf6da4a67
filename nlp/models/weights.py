"""Which words of a sentence weighed most in what the model says of it: each is left out once, and the model reads the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from nlp.models.labels import CRITICAL_OF, SENTIMENTS
from nlp.models.model import HeadlineModel, headline
from nlp.models.office import model_in_use, office_path

Labelled = Literal["sentiment", "critical_of"]

MOST_WORDS = 5
LEAST = 0.005
"""What changes the probability by less than this weighed nothing worth telling."""
_LONGEST = 600
"""Code points of a sentence that are read, as when articles are read (`nlp.models.reading`)."""
_SYLLABLE = re.compile(r"[^\W_]+(?:[.,/-][^\W_]+)*")


@dataclass(frozen=True)
class Weight:
    """One or two neighbouring syllables of a sentence.

    Attributes:
        start, end: where they stand in the sentence, code points.
        loss: by how much the probability of the label falls when the model reads the sentence without them.
    """

    start: int
    end: int
    loss: float


@dataclass(frozen=True)
class SentenceWeights:
    """What the model says of one sentence by itself.

    Attributes:
        probability: that it has the label.
        words: what speaks for the label, the weightiest first; none overlaps another.
    """

    probability: float
    words: list[Weight]


def weigh(model: HeadlineModel, sentence: str, field: Labelled, label: str) -> SentenceWeights:
    """How much each word of `sentence` speaks for `label`.

    Measured on the model itself, by leaving out one syllable or two neighbouring ones and reading the rest, so it is no opinion about
    the model. A word may weigh nothing because another one says the same: then neither alone is missed.

    Args:
        model: what reads.
        sentence: plain text; of a very long one the beginning.
        field: which of the model's answers.
        label: of that field.

    Raises:
        ValueError: when the field has no such label.
    """
    sentence = sentence[:_LONGEST]
    place = (SENTIMENTS if field == "sentiment" else CRITICAL_OF).index(label)
    spans = [match.span() for match in _SYLLABLE.finditer(sentence)]
    stretches = spans + [(one[0], other[1]) for one, other in pairwise(spans)]
    without = [f"{sentence[:start]} {sentence[end:]}" for start, end in stretches]
    _, scores = model.read(headline(sentence), [sentence, *without], [False] * (len(without) + 1))
    found = (scores.sentiment if field == "sentiment" else scores.critical_of)[:, place]
    whole = float(found[0])
    losses = {span: whole - float(score) for span, score in zip(stretches, found[1:], strict=True)}
    return SentenceWeights(round(whole, 4), _weightiest(losses, spans))


def model_of_office(home: Path) -> HeadlineModel:
    """The model that tags the office's articles, kept in memory until its file changes."""
    path = office_path(home)
    return _kept(home, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=1)
def _kept(home: Path, _changed: int) -> HeadlineModel:
    return model_in_use(home).model


def _weightiest(losses: dict[tuple[int, int], float], single: Sequence[tuple[int, int]]) -> list[Weight]:
    """The stretches of the greatest loss; two neighbours stand together only where they lose more than both by themselves."""
    alone = set(single)
    chosen: list[Weight] = []
    for (start, end), loss in sorted(losses.items(), key=lambda one: (-one[1], one[0])):
        if loss < LEAST or len(chosen) == MOST_WORDS:
            break
        parts = [losses[span] for span in single if start <= span[0] and span[1] <= end]
        if (start, end) not in alone and loss <= sum(max(part, 0) for part in parts):
            continue
        if all(end <= one.start or one.end <= start for one in chosen):
            chosen.append(Weight(start, end, round(loss, 4)))
    return chosen
