"""Splits of labelled headlines in which no outlet stands on both sides."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlp.models.labels import LabelledHeadline
from nlp.models.ngrams import words

_SPLIT_SHARE = 0.1
"""An outlet (or aggregator) with more than this share of the headlines is itself split, by headline."""

_FIRST_WORDS = 5
"""Headlines of one large outlet that begin with the same words stay together: they may be one article twice."""


def outlet_folds(headlines: Sequence[LabelledHeadline], folds: int) -> NDArray[np.intp]:
    """The fold, 0 to `folds` - 1, of each headline.

    All headlines of an outlet share a fold. An aggregator that holds a great part of all headlines stands for many outlets
    that its items do not name; it is split by the headlines' first words.
    """
    counts: dict[str, int] = {}
    for item in headlines:
        counts[item.site] = counts.get(item.site, 0) + 1
    large = {site for site, count in counts.items() if count > _SPLIT_SHARE * len(headlines)}
    groups = (f"{item.site} {' '.join(words(item.title)[:_FIRST_WORDS])}" if item.site in large else item.site for item in headlines)
    return np.array([zlib.crc32(group.encode("utf-8", "replace")) % folds for group in groups], np.intp)
