"""Time: aware UTC inside, Vietnam's clock for people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

Clock = Callable[[], datetime]
"""Gives the present moment as aware UTC; tests and the demo pass one that stands still."""


def utc_now() -> datetime:
    """The present moment, aware UTC. Pure code takes a time as an argument instead of calling this."""
    return datetime.now(UTC)


def to_utc(moment: datetime) -> datetime:
    """`moment` as aware UTC; a naive one is Vietnam's local time, as Vietnamese pages print it.

    >>> to_utc(datetime(2026, 11, 20, 7, 30)).isoformat()
    '2026-11-20T00:30:00+00:00'
    """
    return (moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)).astimezone(UTC)


def start_of_day(day: date) -> datetime:
    """Midnight of `day` in Vietnam, as aware UTC.

    >>> start_of_day(date(2026, 11, 20)).isoformat()
    '2026-11-19T17:00:00+00:00'
    """
    return datetime.combine(day, time(), tzinfo=VIETNAM).astimezone(UTC)


def vietnam_day(moment: datetime) -> date:
    """The calendar day in Vietnam at `moment` (aware)."""
    return moment.astimezone(VIETNAM).date()
