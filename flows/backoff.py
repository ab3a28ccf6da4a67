"""A part that fails again and again is tried less often, so that it holds up the others less; kept over restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.wording import local
from diembao.errors import ConfigError, UsageError
from diembao.state import Progress, State

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (0, 10, 20, 40, 60))
"""Waits after the first, second, … failure in a row; the last one holds for all further ones."""
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Waiting:
    """A part that is left alone until `until` (aware UTC), after so many failures in a row, and why the last one failed."""

    part: str
    failures: int
    until: datetime
    why: str

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.part} is left out until {local(self.until, '%H:%M')} after {self.failures} failures in a row: {self.why}"


def waiting(state: State, part: str, now: datetime) -> Waiting | None:
    """Whether `part` is to be left alone at `now`. Raises StateError."""
    with state.session() as session:
        row = session.get(Progress, f"backoff:{part}")
        if row is None:
            return None
        until = datetime.fromisoformat(row.cursor["until"])
        return Waiting(part, row.cursor["failures"], until, row.cursor["why"]) if now < until else None


def failed(state: State, part: str, now: datetime, error: Exception) -> None:
    """Note that `part` failed; a wrong configuration is no reason to wait, because a person mends it. Raises StateError."""
    if isinstance(error, ConfigError | UsageError):
        return
    why = " ".join((str(error) or type(error).__name__).split())[:_LONGEST_REASON]
    with state.session() as session:
        row = session.get(Progress, f"backoff:{part}")
        failures = (row.cursor["failures"] if row else 0) + 1
        until = now + PAUSES[min(failures, len(PAUSES)) - 1]
        cursor = {"failures": failures, "until": until.isoformat(), "why": why}
        session.merge(Progress(work=f"backoff:{part}", target="", cursor=cursor, updated_at=now))


def worked(state: State, part: str) -> None:
    """Note that `part` worked. Raises StateError."""
    with state.session() as session:
        row = session.get(Progress, f"backoff:{part}")
        if row is not None:
            session.delete(row)
