"""What searching and counting need of every article: packed a thousand to a blob in the embedded engine's own file, and in memory.

A search that matches half of the articles orders, folds and counts all of them. Read row by row that is most of its time; as arrays
it is little. The blobs stand in the same file and are written in the same transaction as everything else, so a kill or a rollback
leaves them right. Each blob, and each entry in it, carries the number of the transaction that wrote it: a process that has read all
of them once reads only those again that were written since, by itself or by another process.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.document import FACETS, TEXT_COLUMNS
from index.query import DEFAULT_FIELDS

SCHEMA = """
CREATE TABLE IF NOT EXISTS packed (part INTEGER PRIMARY KEY, written INTEGER NOT NULL, entries BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS packed_written ON packed (written);
CREATE TABLE IF NOT EXISTS facet_value (code INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE)
"""
TABLES = ("packed", "facet_value")
UNDATED = -(2**63)
"""The publication of an article without one."""
PART = 1024
"""Articles of a blob: those whose row has the number PART * part or one of the next."""

_IRRELEVANT, _NEGATIVE, _LIVE = 1, 2, 4
_TEXT = {field: 8 << place for place, field in enumerate(TEXT_COLUMNS)}
_ENTRY = np.dtype(
    [("published", "<i8"), ("own", "<i8"), ("origin", "<i8"), ("subject", "<i8"), ("values", "<i4", (len(FACETS),)), ("words", "<i4"),
     ("flags", "<i4"), ("written", "<i4")]
)  # fmt: skip

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Entry:
    """One article.

    Attributes:
        published: milliseconds since 1970, or None.
        article_id: its id.
        copy_of: the id of its origin, or None.
        subject: what coverage counts it as.
        values: its facets in the order of FACETS, each as its column holds it.
        irrelevant: whether it is passed over unless asked for.
        negative: whether its tone is.
        words: by text field, how many it has.
    """

    published: int | None
    article_id: str
    copy_of: str | None
    subject: str
    values: Sequence[str]
    irrelevant: bool
    negative: bool
    words: Mapping[str, int]


def write(connection: sqlite3.Connection, entries: Mapping[int, Entry]) -> None:
    """Keep `entries`, by the number of their row, instead of what was kept for these before."""
    codes = _codes(connection, {value for entry in entries.values() for value in entry.values})
    _change(
        connection,
        {
            number: (
                UNDATED if entry.published is None else entry.published, _hash(entry.article_id), _hash(entry.copy_of),
                _hash(entry.subject), tuple(codes[value] for value in entry.values), sum(entry.words[field] for field in DEFAULT_FIELDS),
                _LIVE + _IRRELEVANT * entry.irrelevant + _NEGATIVE * entry.negative
                + sum(_TEXT[field] for field, count in entry.words.items() if count), 0,
            )
            for number, entry in entries.items()
        },
    )  # fmt: skip


def forget(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Erase what is kept of articles."""
    _change(connection, dict.fromkeys(numbers, np.zeros((), _ENTRY)))


def _change(connection: sqlite3.Connection, entries: Mapping[int, Any]) -> None:
    parts: dict[int, list[int]] = defaultdict(list)
    for number in entries:
        parts[number // PART].append(number)
    written = last_written(connection) + 1
    for part, numbers in parts.items():
        known = connection.execute("SELECT entries FROM packed WHERE part = ?", (part,)).fetchone()
        table = np.frombuffer(known[0], _ENTRY).copy() if known else np.zeros(PART, _ENTRY)
        for number in numbers:
            table[number % PART] = entries[number]
            table[number % PART]["written"] = written
        connection.execute("INSERT OR REPLACE INTO packed (part, written, entries) VALUES (?, ?, ?)", (part, written, table.tobytes()))


def last_written(connection: sqlite3.Connection) -> int:
    """The number of the last transaction that wrote; parts are never taken away, so it never falls."""
    return connection.execute("SELECT coalesce(max(written), 0) FROM packed").fetchone()[0]  # type: ignore[no-any-return]


def _codes(connection: sqlite3.Connection, values: set[str]) -> dict[str, int]:
    connection.executemany("INSERT OR IGNORE INTO facet_value (value) VALUES (?)", [(value,) for value in values])
    return {value: connection.execute("SELECT code FROM facet_value WHERE value = ?", (value,)).fetchone()[0] for value in values}


def _hash(text: str | None) -> int:
    """64 bits that stand for an id; 0 for None. Two of a million ids share them once in 37 million indexes."""
    if text is None:
        return 0
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little", signed=True) or 1


class Columns:
    """The entries of every article at one moment; the place in each array is the number of the row. Nothing of it changes.

    Attributes:
        written: number of the last transaction whose work is in it.
    """

    def __init__(self, written: int, entries: NDArray[Any]) -> None:
        self.written = written
        self._entries = entries

    def __len__(self) -> int:
        """The room of each array: rows that hold no article are counted."""
        return len(self._entries)

    def _column(self, name: str) -> NDArray[Any]:
        return np.ascontiguousarray(self._entries[name])

    @cached_property
    def published(self) -> Numbers:
        """Publication in milliseconds since 1970, or UNDATED."""
        return self._column("published")

    @cached_property
    def subject(self) -> Numbers:
        """A number for what coverage counts the article as: its story, or its group of copies."""
        return self._column("subject")

    @cached_property
    def story(self) -> Numbers:
        """`subject` numbered from 0."""
        _, numbered = np.unique(self.subject, return_inverse=True)
        return numbered.astype(np.int64)

    def stories_of(self, numbers: Numbers) -> int:
        """How many stories the articles of these rows make."""
        there = np.zeros(int(self.story.max(initial=0)) + 1, bool)
        there[self.story[numbers]] = True
        return int(there.sum())

    @cached_property
    def origin(self) -> Numbers:
        """A number for what it is a copy of; 0: it is none."""
        return self._column("origin")

    @cached_property
    def words(self) -> NDArray[np.int32]:
        """How many words headline, lead and body have."""
        return self._column("words")

    @cached_property
    def values(self) -> NDArray[np.int32]:
        """A row for each of FACETS: the codes of its values; see `values_of`."""
        return np.ascontiguousarray(self._entries["values"].T)

    def _flagged(self, flag: int) -> Mask:
        found: Mask = (self._entries["flags"] & flag) != 0
        return found

    @cached_property
    def live(self) -> Mask:
        """Where there is an article."""
        return self._flagged(_LIVE)

    @cached_property
    def articles(self) -> int:
        """How many there are."""
        return int(self.live.sum())

    @cached_property
    def mean_words(self) -> float:
        """Words of an article on average; 1 at least."""
        return max(1.0, float(self.words[self.live].mean())) if self.articles else 1.0

    @cached_property
    def irrelevant(self) -> Mask:
        """What is passed over unless asked for."""
        return self._flagged(_IRRELEVANT)

    @cached_property
    def negative(self) -> Mask:
        """Whose tone is negative."""
        return self._flagged(_NEGATIVE)

    def written_since(self, transaction: int) -> Numbers:
        """The rows that were written, or whose article was erased, after that transaction."""
        return np.flatnonzero(self._entries["written"] > transaction)

    def has_text(self, field: str) -> Mask:
        """Where the text field has any word."""
        return self._flagged(_TEXT[field])

    @cached_property
    def origin_rows(self) -> Numbers:
        """The row of the article that it is a copy of; -1: it is no copy, or that one is not there."""
        rows = np.full(len(self), -1, np.int64)
        copies = np.flatnonzero(self.origin)
        if len(copies):
            there = np.flatnonzero(self.live)
            own = self._entries["own"][there]
            order = np.argsort(own, kind="stable")
            places = order[np.minimum(np.searchsorted(own, self.origin[copies], sorter=order), len(own) - 1)]
            found = own[places] == self.origin[copies]
            rows[copies[found]] = there[places[found]]
        return rows


def read(connection: sqlite3.Connection, before: Columns | None = None) -> Columns:
    """The entries of all articles as the connection sees them.

    Args:
        connection: with a transaction begun.
        before: what was read before from the same file, at this or an earlier moment; only what was written since is read.
    """
    written = last_written(connection)
    if before is not None and before.written == written:
        return before
    last = connection.execute("SELECT coalesce(max(part), -1) FROM packed").fetchone()[0]
    entries = np.zeros((last + 1) * PART, _ENTRY)
    since = 0
    if before is not None:
        entries[: len(before)] = before._entries
        since = before.written
    for part, packed in connection.execute("SELECT part, entries FROM packed WHERE written > ?", (since,)):
        entries[part * PART : (part + 1) * PART] = np.frombuffer(packed, _ENTRY)
    return Columns(written, entries)


def values_of(connection: sqlite3.Connection, codes: Sequence[int]) -> dict[int, str]:
    """What the codes in `values` stand for."""
    wanted = json.dumps(codes)
    return dict(connection.execute("SELECT code, value FROM facet_value WHERE code IN (SELECT value FROM json_each(?))", (wanted,)))
