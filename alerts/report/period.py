"""Weeks and months in Vietnam's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from diembao.clock import start_of_day, vietnam_day

Kind = Literal["weekly", "monthly"]
KINDS: tuple[Kind, ...] = ("weekly", "monthly")
BEFORE: dict[Kind, int] = {"weekly": 4, "monthly": 3}
"""With so many periods before it a period is compared."""


@dataclass(frozen=True)
class Period:
    """A week from Monday, or a calendar month.

    Attributes:
        kind: which of them.
        first: its first day in Vietnam.
        after: the day behind its last one.
    """

    kind: Kind
    first: date
    after: date

    @property
    def start(self) -> datetime:
        """Its beginning, aware UTC."""
        return start_of_day(self.first)

    @property
    def end(self) -> datetime:
        """Its end, exclusive, aware UTC."""
        return start_of_day(self.after)

    @property
    def key(self) -> str:
        """What it is called in keys and file names.

        >>> period_of("weekly", date(2026, 11, 21)).key, period_of("monthly", date(2026, 2, 28)).key
        ('2026-W47', '2026-02')
        """
        if self.kind == "weekly":
            year, week, _ = self.first.isocalendar()
            return f"{year}-W{week:02}"
        return f"{self.first:%Y-%m}"

    @property
    def before(self) -> Period:
        """The period before."""
        return period_of(self.kind, self.first - timedelta(days=1))

    @property
    def days(self) -> list[date]:
        """Its days."""
        return [self.first + timedelta(days=number) for number in range((self.after - self.first).days)]


def period_of(kind: Kind, day: date) -> Period:
    """The week or month that `day` lies in.

    >>> period_of("monthly", date(2026, 12, 31)).after
    datetime.date(2027, 1, 1)
    """
    if kind == "weekly":
        monday = day - timedelta(days=day.weekday())
        return Period(kind, monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return Period(kind, first, (first + timedelta(days=31)).replace(day=1))


def last_complete(kind: Kind, now: datetime) -> Period:
    """The last week or month that is over at `now` (aware)."""
    return period_of(kind, vietnam_day(now)).before
