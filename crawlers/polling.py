"""When each feed, sitemap and listing is asked: applies crawlers.pace to what is remembered of it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from crawlers.entrances import Link
from crawlers.memory import FetchMemory
from crawlers.pace import Bounds, Habit, after_failure, learn, next_poll
from diembao.source import Source
from diembao.state import FetchState

_EARLY = timedelta(minutes=1)
"""An entrance that is due so soon is asked now: the next round may come minutes later."""


class Polling:
    """Which entrances are due, and what their polls teach.

    Args:
        memory: keeps it.
        minutes: the shortest and longest time between two polls where a source does not say it; None: in every run.
        is_paced: False asks every entrance now.
    """

    def __init__(self, memory: FetchMemory, minutes: tuple[float, float] | None, is_paced: bool) -> None:
        self._memory = memory
        self._minutes = minutes
        self._is_paced = is_paced

    def is_due(self, entry: FetchState, source: Source, now: datetime) -> bool:
        """Whether `entry` is to be asked in a run that begins `now`."""
        return self._bounds(source) is None or entry.next_fetch_at is None or entry.next_fetch_at <= now + _EARLY

    def answered(self, entry: FetchState, source: Source, new: int, links: list[Link] | None, now: datetime) -> bool:
        """Learn from a poll and set when `entry` is asked again.

        Args:
            entry: the entrance.
            source: its source.
            new: links that were unknown.
            links: all its links; None: the answer was the same as the last.
            now: when.

        Returns:
            Whether its links are those of the last time.
        """
        pace = self._memory.pace_of(entry.url)
        before = pace.links_hash
        if links is not None:
            pace.links_hash = hashlib.sha256("\n".join(sorted(link.url for link in links)).encode()).hexdigest()
        seen_at = pace.habit.get("seen_at")
        unknown = Habit.unknown()
        habit = Habit(
            pace.habit.get("found", unknown.found),
            pace.habit.get("watched", unknown.watched),
            datetime.fromisoformat(seen_at) if seen_at else None,
        )
        learn(habit, new, sorted((link.moment for link in links or [] if link.moment is not None), reverse=True), now)
        pace.habit = {"found": habit.found, "watched": habit.watched, "seen_at": now.isoformat()}
        self._memory.remember_pace(pace)
        if bounds := self._bounds(source):
            entry.next_fetch_at = next_poll(habit, now, bounds)
        return links is None or before == pace.links_hash

    def failed(self, entry: FetchState, source: Source, now: datetime) -> None:
        """Set when an entrance that could not be had is asked again."""
        if bounds := self._bounds(source):
            entry.next_fetch_at = after_failure(entry.failures, now, bounds)

    def _bounds(self, source: Source) -> Bounds | None:
        minutes = (source.poll_minutes or self._minutes) if self._is_paced else None
        return Bounds(timedelta(minutes=minutes[0]), timedelta(minutes=minutes[1])) if minutes else None
