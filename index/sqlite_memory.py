"""What the readers of one file remember between searches: the columns, and where the words of earlier queries stand.

All of it is true of one moment of the file, the transaction that is named with it. A search on a later moment keeps what it finds
here and reads again only what was written since; a search on an earlier one (its transaction began before another
thread's) reads for itself. So a memory is never wrong, only empty: another process may write, and a kill loses nothing.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import columns
from index.columns import Columns

ROOM = 64 * 1024 * 1024
"""Bytes of the lists that are kept; the columns take another 64 to 130 for each article."""
_GAP = 64
"""Rows that were written since with fewer others between them are read again together."""
_MANY_RANGES = 48
"""When there are more such stretches of rows, a list is read anew as a whole."""
LAST = 2**62
"""Above the number of every row."""


@dataclass(frozen=True)
class Postings:
    """The articles in which something stands.

    Attributes:
        numbers: of their rows, ascending.
        counts: how often it stands in each, weighed by field; None: not asked for.
    """

    numbers: NDArray[np.int32]
    counts: NDArray[np.float32] | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.numbers.nbytes + (0 if self.counts is None else self.counts.nbytes) + 200


Find = Callable[[int, int], Postings]
"""Reads the postings of rows first to last, both inclusive."""


class Memory:
    """Shared by all threads that read one file.

    Attributes:
        size: bytes of the lists that are kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = ""
        self._columns: Columns | None = None
        self._lists: OrderedDict[Hashable, tuple[int, Postings]] = OrderedDict()
        self.size = 0

    def snapshot(self, connection: sqlite3.Connection) -> Snapshot:
        """What is known of the moment that `connection` sees; it must have a transaction begun."""
        # A rebuilt file counts its transactions anew, and says so by another name.
        epoch = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0]
        with self._lock:
            known = self._columns if epoch == self._epoch else None
        written = columns.last_written(connection)
        if known is not None and known.written > written:
            known = None
        found = columns.read(connection, known)
        with self._lock:
            if epoch != self._epoch:
                self._epoch = epoch
                self._columns = None
                self._lists.clear()
                self.size = 0
            if self._columns is None or self._columns.written < found.written:
                self._columns = found
        return Snapshot(self, connection, epoch, found)

    def known(self, epoch: str, key: Hashable) -> tuple[int, Postings] | None:
        """The list that is kept for `key` and the transaction of which it is true."""
        with self._lock:
            if epoch != self._epoch or key not in self._lists:
                return None
            self._lists.move_to_end(key)
            return self._lists[key]

    def keep(self, epoch: str, key: Hashable, written: int, postings: Postings) -> None:
        """Keep a list unless a later one is kept; what was not used for longest makes room."""
        if postings.size > ROOM // 4:
            return
        with self._lock:
            if epoch != self._epoch:
                return
            before = self._lists.get(key)
            if before is not None:
                if before[0] > written:
                    return
                self.size -= before[1].size
            self._lists[key] = (written, postings)
            self._lists.move_to_end(key)
            self.size += postings.size
            while self.size > ROOM:
                _, (_, least) = self._lists.popitem(last=False)
                self.size -= least.size


class Snapshot:
    """One moment of the file.

    Attributes:
        columns: of every article.
    """

    def __init__(self, memory: Memory, connection: sqlite3.Connection, epoch: str, found: Columns) -> None:
        self._memory = memory
        self._connection = connection
        self._epoch = epoch
        self.columns = found

    def postings(self, key: Hashable, find: Find) -> Postings:
        """The list that `find` reads, remembered under `key`."""
        written = self.columns.written
        known = self._memory.known(self._epoch, key)
        if known is not None and known[0] == written:
            return known[1]
        found = find(0, LAST) if known is None or known[0] > written else self._renewed(known[0], known[1], find)
        if known is None or known[0] < written:
            self._memory.keep(self._epoch, key, written, found)
        return found

    def is_known(self, key: Hashable) -> bool:
        """Whether a list is kept for `key`, perhaps of an earlier moment."""
        return self._memory.known(self._epoch, key) is not None

    def _renewed(self, since: int, before: Postings, find: Find) -> Postings:
        rows = self.columns.written_since(since)
        ranges = [(int(part[0]), int(part[-1])) for part in np.split(rows, np.flatnonzero(np.diff(rows) > _GAP) + 1) if len(part)]
        if len(ranges) > _MANY_RANGES:
            return find(0, LAST)
        bounds = np.searchsorted(before.numbers, [edge for first, last in ranges for edge in (first, last + 1)])
        # What stands between two stretches is kept, and each stretch is read again.
        kept = np.split(np.arange(len(before.numbers)), bounds)[::2]
        pieces = [Postings(before.numbers[places], None if before.counts is None else before.counts[places]) for places in kept]
        for number, (first, last) in enumerate(ranges):
            pieces.insert(2 * number + 1, find(first, last))
        numbers = np.concatenate([piece.numbers for piece in pieces])
        if before.counts is None:
            return Postings(numbers)
        return Postings(numbers, np.concatenate([piece.counts for piece in pieces if piece.counts is not None]))
