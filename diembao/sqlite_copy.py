"""A consistent copy of a SQLite file that is in use: SQLite's online backup, checked, whole or not at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

_PAGES = 2000
"""Pages copied between two looks at who else wants to write."""


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy the database of `source` to `target`, also while others write to it; an existing `target` is replaced at the end.

    Raises:
        sqlite3.Error: when the source cannot be read, or the copy is not in order; `target` stays as it was then.
        OSError: when the folder of `target` cannot be written.
    """
    draft = target.with_name(target.name + ".tmp")
    draft.unlink(missing_ok=True)
    draft.open("xb").close()  # SQLite would not say which folder cannot be written
    try:
        # One connection that has not begun a transaction: a writer's commit makes the copy begin again, so it is of one moment.
        with closing(sqlite3.connect(draft)) as copy:
            source.backup(copy, pages=_PAGES, sleep=0.05)
            copy.execute("PRAGMA journal_mode = DELETE")
            verdict = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok":
                raise sqlite3.DatabaseError(f"the copy is malformed: {' '.join(verdict.split())}")
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
