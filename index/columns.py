"""What counting needs of every article, packed a thousand articles to a blob in the embedded engine's own file.

A search that matches half of the articles counts facets and days over all of them. Read row by row that is most of its time;
read as arrays it is little. As the blobs stand in the same file, a reader's snapshot holds for them as for everything else.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.document import FACETS

SCHEMA = """
CREATE TABLE IF NOT EXISTS packed (part INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS facet_value (code INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE)
"""
TABLES = ("packed", "facet_value")
UNDATED = -(2**63)
"""The publication of an article without one."""
IRRELEVANT_FLAG = 1
NEGATIVE_FLAG = 2

_PART = 1024
_ENTRY = np.dtype(
    [("published", "<i8"), ("own", "<i8"), ("origin", "<i8"), ("subject", "<i8"), ("values", "<i4", (len(FACETS),)), ("flags", "<i4")]
)

Numbers = NDArray[np.int64]


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
    """

    published: int | None
    article_id: str
    copy_of: str | None
    subject: str
    values: Sequence[str]
    irrelevant: bool
    negative: bool


def write(connection: sqlite3.Connection, entries: Mapping[int, Entry]) -> None:
    """Keep `entries`, by the number of their row, instead of what was kept for these before."""
    codes = _codes(connection, {value for entry in entries.values() for value in entry.values})
    parts: dict[int, dict[int, Entry]] = defaultdict(dict)
    for number, entry in entries.items():
        parts[number // _PART][number % _PART] = entry
    for part, changed in parts.items():
        known = connection.execute("SELECT entries FROM packed WHERE part = ?", (part,)).fetchone()
        table = np.frombuffer(known[0], _ENTRY).copy() if known else np.zeros(_PART, _ENTRY)
        for place, entry in changed.items():
            table[place] = (
                UNDATED if entry.published is None else entry.published, _hash(entry.article_id), _hash(entry.copy_of),
                _hash(entry.subject), tuple(codes[value] for value in entry.values),
                IRRELEVANT_FLAG * entry.irrelevant + NEGATIVE_FLAG * entry.negative,
            )  # fmt: skip
        connection.execute("INSERT OR REPLACE INTO packed (part, entries) VALUES (?, ?)", (part, table.tobytes()))


def forget(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Erase what is kept of articles."""
    for number in numbers:
        known = connection.execute("SELECT entries FROM packed WHERE part = ?", (number // _PART,)).fetchone()
        table = np.frombuffer(known[0], _ENTRY).copy()
        table[number % _PART] = np.zeros((), _ENTRY)
        connection.execute("UPDATE packed SET entries = ? WHERE part = ?", (table.tobytes(), number // _PART))


def _codes(connection: sqlite3.Connection, values: set[str]) -> dict[str, int]:
    connection.executemany("INSERT OR IGNORE INTO facet_value (value) VALUES (?)", [(value,) for value in values])
    return {value: connection.execute("SELECT code FROM facet_value WHERE value = ?", (value,)).fetchone()[0] for value in values}


def _hash(text: str | None) -> int:
    """64 bits that stand for an id; 0 for None. Two of a million ids share them once in 37 million indexes."""
    if text is None:
        return 0
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little", signed=True) or 1


def read(connection: sqlite3.Connection, numbers: Numbers) -> NDArray[Any]:
    """The entries of `numbers` (ascending), in that order."""
    found = np.empty(len(numbers), _ENTRY)
    if not len(numbers):
        return found
    parts = numbers // _PART
    starts = np.flatnonzero(np.diff(parts, prepend=-1))
    ends = np.append(starts[1:], len(numbers))
    wanted = parts[starts].tolist()
    rows = connection.execute(
        "SELECT entries FROM packed WHERE part IN (SELECT value FROM json_each(?)) ORDER BY part", (json.dumps(wanted),)
    )
    for (entries,), start, end, part in zip(rows, starts, ends, wanted, strict=True):
        found[start:end] = np.frombuffer(entries, _ENTRY)[numbers[start:end] - part * _PART]
    return found


def values_of(connection: sqlite3.Connection, codes: Sequence[int]) -> dict[int, str]:
    """What the codes in `values` stand for."""
    wanted = json.dumps(codes)
    return dict(connection.execute("SELECT code, value FROM facet_value WHERE code IN (SELECT value FROM json_each(?))", (wanted,)))
