"""Feedback files between the upload and the import, while staff look at the columns: in memory only, since they are not masked yet."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from index.feedback import Rejected
from index.feedback_columns import is_personal
from index.feedback_file import Table

LIFE = timedelta(minutes=30)
MOST = 8
"""Files that are kept at a time; the oldest goes first."""


@dataclass(frozen=True)
class Draft:
    """One file.

    Attributes:
        id: names it in addresses.
        who: who sent it; nobody else sees it.
        made_at: aware UTC.
        name: of the file.
        source: id of the source.
        table: without the columns that say who sent a record; None: it was taken in.
        passed_over: the headings of those columns.
        counts: what became of the records; None: not taken in yet.
        run: what the next round of `monitor` indexes; empty: nothing.
        rejected: the records that were not taken, masked.
        columns: field → column, as they were read.
    """

    id: str
    who: str
    made_at: datetime
    name: str
    source: str
    table: Table | None
    passed_over: tuple[str, ...] = ()
    counts: Mapping[str, int] | None = None
    run: str = ""
    rejected: tuple[Rejected, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


class Drafts:
    """The files of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Draft] = {}

    def add(self, who: str, name: str, source: str, table: Table, now: datetime) -> Draft:
        """Keep a file for a while."""
        passed_over = tuple(heading for heading in table.headings if is_personal(heading))
        left = replace(
            table,
            headings=tuple(heading for heading in table.headings if heading not in passed_over),
            rows=tuple(
                replace(row, cells={heading: cell for heading, cell in row.cells.items() if heading not in passed_over})
                for row in table.rows
            ),
        )
        draft = Draft(secrets.token_urlsafe(12), who, now, name[:200], source, left, passed_over)
        with self._lock:
            self._forget_old(now)
            while len(self._kept) >= MOST:
                del self._kept[min(self._kept, key=lambda one: self._kept[one].made_at)]
            self._kept[draft.id] = draft
        return draft

    def get(self, draft_id: str, who: str, now: datetime) -> Draft | None:
        """The file with this id, when `who` sent it and it is not too old."""
        with self._lock:
            self._forget_old(now)
            draft = self._kept.get(draft_id)
        return draft if draft is not None and draft.who == who else None

    def keep(self, draft: Draft) -> None:
        """Exchange a file for what became of it."""
        with self._lock:
            if draft.id in self._kept:
                self._kept[draft.id] = draft

    def _forget_old(self, now: datetime) -> None:
        for one in [draft.id for draft in self._kept.values() if now - draft.made_at > LIFE]:
            del self._kept[one]
