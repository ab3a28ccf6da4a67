"""How often a feed, sitemap or listing is asked: as often as it brings something, hour by hour, within bounds. Pure functions.

An outlet that brings three articles an hour by day and none at night is asked every few minutes by day and seldom at night. What is
learnt is kept per entrance (`diembao.state.EntrancePace`) and fades within weeks, so a habit that changes is learnt anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from diembao.clock import VIETNAM

HOURS = 24
EXPECTED = 0.2
"""Articles that may be waiting, by expectation, when an entrance is asked: one time in five or six it brings something."""
_HALF_LIFE = timedelta(days=10)
_PRIOR = 0.5
"""An hour of the day leans on the average of all as if that had been seen in it for so many hours."""
_LONGEST = timedelta(days=1)
"""A longer time without watching says nothing of single hours."""


@dataclass(frozen=True)
class Bounds:
    """The shortest and the longest time between two polls of one entrance."""

    shortest: timedelta
    longest: timedelta


@dataclass
class Habit:
    """How much an entrance brought, by hour of the day in Vietnam.

    Attributes:
        found: new links, faded with time.
        watched: hours of watching, faded likewise.
        seen_at: until when it was watched; None: never.
    """

    found: list[float]
    watched: list[float]
    seen_at: datetime | None = None

    @classmethod
    def unknown(cls) -> Habit:
        """Nothing is known yet."""
        return cls([0.0] * HOURS, [0.0] * HOURS)


def learn(habit: Habit, new: int, moments: Iterable[datetime], now: datetime) -> None:
    """Add what a poll `now` found.

    Args:
        habit: is changed.
        new: links that were unknown.
        moments: when those were published, as far as the entrance says it; the others may have come at any time since the last poll.
        now: when (aware).
    """
    since, habit.seen_at = habit.seen_at, now
    if since is None or now <= since:
        return
    fade: float = 0.5 ** ((now - since) / _HALF_LIFE)
    habit.found = [value * fade for value in habit.found]
    habit.watched = [value * fade for value in habit.watched]
    if now - since > _LONGEST:
        since, new = now - _LONGEST, round(new * (_LONGEST / (now - since)))
    pieces = list(_by_hour(since, now))
    for hour, length in pieces:
        habit.watched[hour] += length
    dated = [moment for moment in moments if since < moment <= now][:new]
    for moment in dated:
        habit.found[moment.astimezone(VIETNAM).hour] += 1
    total = sum(length for _, length in pieces)
    for hour, length in pieces:
        habit.found[hour] += (new - len(dated)) * length / total


def rate(habit: Habit, hour: int) -> float:
    """New links that are expected in one hour of time, at `hour` of the day: its own and its neighbours', leaning on the average."""
    watched = sum(habit.watched)
    average = sum(habit.found) / watched if watched else 0.0
    near = [(hour - 1) % HOURS, hour, hour, (hour + 1) % HOURS]
    return (sum(habit.found[one] for one in near) / 4 + _PRIOR * average) / (sum(habit.watched[one] for one in near) / 4 + _PRIOR)


def next_poll(habit: Habit, now: datetime, bounds: Bounds) -> datetime:
    """When to ask again: when EXPECTED new links are to be expected, within `bounds`; soon where little is known."""
    if sum(habit.watched) < 1.0:
        return now + bounds.shortest
    expected = passed = 0.0
    for hour, length in _by_hour(now, now + bounds.longest):
        gain = rate(habit, hour)
        if gain * length >= EXPECTED - expected:
            passed += (EXPECTED - expected) / gain
            return now + min(max(timedelta(hours=passed), bounds.shortest), bounds.longest)
        expected += gain * length
        passed += length
    return now + bounds.longest


def after_failure(failures: int, now: datetime, bounds: Bounds) -> datetime:
    """When to ask again after `failures` in a row (at least 1)."""
    wait: timedelta = bounds.shortest * 2 ** min(failures - 1, 20)
    return now + min(wait, bounds.longest)


def _by_hour(begin: datetime, end: datetime) -> Iterator[tuple[int, float]]:
    """(hour of the day in Vietnam, hours) of the time from `begin` to `end`."""
    at = begin.astimezone(VIETNAM)
    last = end.astimezone(VIETNAM)
    while at < last:
        following = min(at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1), last)
        yield at.hour, (following - at) / timedelta(hours=1)
        at = following
