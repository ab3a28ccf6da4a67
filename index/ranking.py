"""How the age of an article weighs, and what there is to be relevant to. One definition for both engines.

The score of the text (BM25; a match in the headline counts four times, in the lead twice) is multiplied by `recency`: 1.0 for an
article of this moment, 0.84 after a month, FLOOR after a year and for ever. So age decides between articles that fit about equally
well, and an old article that fits much better still stands first. It is made of straight lines, because both SQLite and
Elasticsearch (the `linear` decay of `function_score`) compute those by themselves.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diembao.engine import SearchRequest, Sort
from index.document import milliseconds
from index.query import Node, Pattern, Phrase, Prefix, Term, leaves

FLOOR = 0.75
"""The weight of what is a year old or older, of what has no date, and of what claims a day of next year or later (2099)."""
RAMPS = ((0.15, timedelta(days=30)), (0.10, timedelta(days=365)))
"""(weight, length): what is added for now, and how long it takes to fall to nothing."""
_SATURATION = 1.2
_LENGTH = 0.75
"""BM25's k1 and b, with the values that Lucene and SQLite use."""


def recency(published: datetime | None, now: datetime) -> float:
    """The weight of an article published at `published`; both times aware. A day in the future weighs as much as one in the past.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 22, tzinfo=UTC)
    >>> [round(recency(now - timedelta(days=days), now), 3) for days in (0, 30, 365, 4000)]
    [1.0, 0.842, 0.75, 0.75]
    >>> recency(None, now), recency(datetime(2099, 1, 1, tzinfo=UTC), now)
    (0.75, 0.75)
    """
    if published is None:
        return FLOOR
    age = abs((now - published).total_seconds())
    return FLOOR + sum(weight * max(0.0, 1 - age / length.total_seconds()) for weight, length in RAMPS)


def recencies(published: NDArray[np.int64], undated: int, now: int) -> NDArray[np.float64]:
    """`recency` of times in milliseconds since 1970; `undated` stands for none."""
    age = np.abs(published - float(now))
    weights = FLOOR + sum(weight * np.maximum(0.0, 1.0 - age / (length.total_seconds() * 1000)) for weight, length in RAMPS)
    return np.where(published == undated, FLOOR, weights)


def text_scores(counts: NDArray[np.float32], lengths: NDArray[np.float64], articles: int) -> NDArray[np.float64]:
    """BM25 of one word or phrase in each article where it stands (as Lucene computes it).

    Args:
        counts: how often it stands there, weighed by field.
        lengths: length of each of these articles, in mean lengths.
        articles: how many there are in all.

    >>> text_scores(np.array([1, 4], np.float32), np.array([1.0, 1.0]), 100).round(2).tolist()
    [3.7, 6.26]
    """
    rarity = np.log1p((articles - len(counts) + 0.5) / (len(counts) + 0.5))
    return rarity * counts * (_SATURATION + 1) / (counts + _SATURATION * (1 - _LENGTH + _LENGTH * lengths))  # type: ignore[no-any-return]


def weighed_by_recency(query: dict[str, Any], now: int) -> dict[str, Any]:
    """Elasticsearch's `query` with its score multiplied by `recency`; `now` in milliseconds since 1970."""
    dated = {"exists": {"field": "published_at"}}
    functions: list[dict[str, Any]] = [{"weight": FLOOR}]
    for weight, length in RAMPS:
        # A line that is at one half at half of its length is at nothing at its length.
        line = {"published_at": {"origin": str(now), "scale": f"{int(length.total_seconds() / 2)}s", "decay": 0.5}}
        functions.append({"filter": dated, "weight": weight, "linear": line})
    return {"function_score": {"query": query, "functions": functions, "score_mode": "sum", "boost_mode": "multiply"}}


def order_of(request: SearchRequest, query: Node) -> Sort:
    """The order in which `request` is answered: without a word in the query nothing is more relevant, so the newest come first."""
    scored = any(isinstance(leaf, Term | Prefix | Pattern | Phrase) and not negated for leaf, negated in leaves(query))
    return request.sort if scored else "time"


def as_of(request: SearchRequest) -> int | None:
    """The moment from which age counts, in milliseconds since 1970; None where it does not."""
    return milliseconds(request.now)
