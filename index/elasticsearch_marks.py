"""One number for what folding has to know of an article, and what each such number stands for.

Counting groups of copies, by facets too, means looking at every copy that matches and at its origin. Elasticsearch gives a list of
whole numbers ten times as quickly as the same list of names, so each document holds

- `row`: its id, the id of its origin, and its labels, as JSON;
- `mark`: 64 bits of a hash of `row`;
- `own` and `origin`: 64 bits of a hash of the two ids.

A mark is a hash of what it stands for, so what was learnt about it once (`Marks`) holds for ever: an article that changes gets
another mark. Two of a million articles share one once in 37 million indexes.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.document import FACETS

LONGEST_ROW = 8000
"""Letters of a row that is stored; a longer one (an article of a thousand provinces) is put together from its parts."""
_MOST = 2_000_000
"""Marks that are remembered; beyond, learning begins anew."""

Numbers = NDArray[np.int64]


def hash_of(text: str) -> int:
    """64 bits that stand for `text`, signed.

    >>> hash_of("a") == hash_of("a") != hash_of("b")
    True
    """
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little", signed=True)


def row_of(article_id: str, copy_of: str | None, labels: Mapping[str, Iterable[str]]) -> str:
    """What folding has to know of an article; `labels` by facet, their order does not matter."""
    return json.dumps([article_id, copy_of, *(sorted(set(labels[name])) for name in FACETS)], ensure_ascii=False, separators=(",", ":"))


def fields_of(article_id: str, copy_of: str | None, labels: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """`row`, `mark`, `own` and `origin` of a document."""
    row = row_of(article_id, copy_of, labels)
    return {"row": row, "mark": hash_of(row), "own": hash_of(article_id), "origin": None if copy_of is None else hash_of(copy_of)}


@dataclass(frozen=True)
class Table:
    """What was learnt, one place of each array for each mark; never changed.

    Attributes:
        marks: ascending.
        own: hash of the id.
        origin: hash of the origin's id; what it is of an article without one says nothing.
        codes: for each facet the number of each article's combination of labels.
        labels: for each facet the combination of each number; more may be behind them.
    """

    marks: Numbers
    own: Numbers
    origin: Numbers
    codes: NDArray[np.int32]
    labels: Sequence[Sequence[tuple[str, ...]]]


class Marks:
    """What marks stand for, as far as it was learnt. Several threads may ask and teach."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        none = np.zeros(0, np.int64)
        self._numbers: tuple[dict[tuple[str, ...], int], ...] = tuple({} for _ in FACETS)
        self._labels: tuple[list[tuple[str, ...]], ...] = tuple([] for _ in FACETS)
        self._table = Table(none, none, none, np.zeros((len(FACETS), 0), np.int32), self._labels)

    def unknown(self, marks: Numbers) -> Numbers:
        """Those of `marks` that nobody taught yet."""
        with self._lock:
            if len(self._table.marks) > _MOST:
                self._forget()
            known = self._table.marks
        if not len(known):
            return marks
        there: NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, marks), len(known) - 1)] == marks
        return marks[~there]

    def learn(self, rows: Sequence[str]) -> None:
        """Keep what `rows` say."""
        with self._lock:
            marks, own, origin, codes = [], [], [], []
            for row in rows:
                article_id, copy_of, *labels = json.loads(row)
                marks.append(hash_of(row))
                own.append(hash_of(article_id))
                origin.append(0 if copy_of is None else hash_of(copy_of))
                codes.append([self._number(facet, tuple(values)) for facet, values in enumerate(labels)])
            old = self._table
            merged, first = np.unique(np.concatenate([old.marks, np.array(marks, np.int64)]), return_index=True)
            self._table = Table(
                merged,
                np.concatenate([old.own, np.array(own, np.int64)])[first],
                np.concatenate([old.origin, np.array(origin, np.int64)])[first],
                np.concatenate([old.codes, np.array(codes, np.int32).reshape(-1, len(FACETS)).T], axis=1)[:, first],
                self._labels,
            )

    def _number(self, facet: int, labels: tuple[str, ...]) -> int:
        numbers = self._numbers[facet]
        if labels not in numbers:
            self._labels[facet].append(labels)
            numbers[labels] = len(numbers)
        return numbers[labels]

    def look_up(self, marks: Numbers) -> tuple[Table, Numbers] | None:
        """A table that holds `marks`, and their places in it, in their order; None: some are unknown."""
        with self._lock:
            table = self._table
        if not len(marks):
            return table, marks
        if not len(table.marks):
            return None
        places = np.minimum(np.searchsorted(table.marks, marks), len(table.marks) - 1)
        return (table, places) if (table.marks[places] == marks).all() else None
