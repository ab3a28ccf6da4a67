"""How far the lists of a voice were read, and what was spent of an API's quota: the tables behind `VoiceMark` and `ApiUnits`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from crawlers.voices.voice import Mark
from diembao.errors import StateError
from diembao.state import ApiUnits, State, VoiceMark

WALK_MAX = 300
"""Characters that the name of a walk may have."""


class Marks:
    """The marks of one source, with writes collected until `save`.

    Args:
        state: has the table.
        source: id of the source.
    """

    def __init__(self, state: State, source: str) -> None:
        self._state = state
        self._source = source
        self._changed: dict[str, tuple[Mark, bool]] = {}

    def get(self, walk: str) -> Mark:
        """The mark of `walk`; empty when there is none. Raises StateError."""
        return self._row(walk)[0]

    def is_open(self, walk: str) -> bool:
        """Whether `walk` has more to read. Raises StateError."""
        return self._row(walk)[1]

    def _row(self, walk: str) -> tuple[Mark, bool]:
        if walk in self._changed:
            mark, is_open = self._changed[walk]
            return dict(mark), is_open
        with self._state.session() as session:
            row = session.get(VoiceMark, (self._source, walk))
            return (dict(row.mark), row.is_open) if row else ({}, False)

    def put(self, walk: str, mark: Mark, *, is_open: bool) -> None:
        """Keep `mark` with the next `save`."""
        self._changed[walk] = (mark, is_open)

    def open_walks(self, limit: int, without: Collection[str]) -> list[tuple[str, Mark]]:
        """Up to `limit` walks that have more to read, those that were touched last first: they are the news. `save` comes before.

        Args:
            limit: how many.
            without: walks that were tried already.

        Raises:
            StateError: when the database fails.
        """
        query = (
            select(VoiceMark)
            .where(VoiceMark.source == self._source, VoiceMark.is_open)
            .order_by(VoiceMark.updated_at.desc(), VoiceMark.walk)
        )
        found: list[tuple[str, Mark]] = []
        with self._state.session() as session:
            for row in session.scalars(query.execution_options(yield_per=200)):
                if row.walk not in without:
                    found.append((row.walk, dict(row.mark)))
                if len(found) >= limit:
                    break
        return found

    def save(self, now: datetime) -> None:
        """Write what was kept. Called when the Articles up to here are safe. Raises StateError."""
        if not self._changed:
            return
        with self._state.session() as session:
            for walk, (mark, is_open) in self._changed.items():
                session.merge(VoiceMark(source=self._source, walk=walk, is_open=is_open, mark=mark, updated_at=now))
        self._changed.clear()


class Units:
    """What may be spent of one budget a day; counted before each call, so that no kill makes it forget one.

    Args:
        state: has the table.
        budget: `key NAME` or `source ID`.
        per_day: units a day.
    """

    def __init__(self, state: State, budget: str, per_day: int) -> None:
        self._state = state
        self.budget = budget
        self.per_day = per_day

    def spent(self, day: str) -> int:
        """Units of `day`. Raises StateError."""
        with self._state.session() as session:
            row = session.get(ApiUnits, (self.budget, day))
            return row.units if row else 0

    def spend(self, day: str, units: int, *, anyway: bool = False) -> bool:
        """Take `units` of `day`; False, and nothing is taken, when they are more than what is left.

        Args:
            day: as the API counts days.
            units: how many.
            anyway: they were spent already (a call that was repeated): taken also beyond the budget.

        Raises:
            StateError: when the database fails.
        """
        for _ in range(2):
            change = update(ApiUnits).where(ApiUnits.budget == self.budget, ApiUnits.day == day)
            if not anyway:
                change = change.where(ApiUnits.units + units <= self.per_day)
            with self._state.session() as session:
                # One statement: crawls at the same time share the key.
                if session.execute(change.values(units=ApiUnits.units + units)).rowcount:  # type: ignore[attr-defined]
                    return True
                if session.get(ApiUnits, (self.budget, day)) is not None:
                    return False
            try:
                with self._state.session() as session:
                    session.add(ApiUnits(budget=self.budget, day=day, units=0))
            except StateError as error:
                if not isinstance(error.__cause__, IntegrityError):
                    raise
        return False
