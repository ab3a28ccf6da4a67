"""Coverage over time, by Vietnam's hours, days, weeks (from Monday) and months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from diembao.engine import CountBucket, Interval
from diembao.errors import UsageError
from index.document import milliseconds, moment

VIETNAM_OFFSET = timezone(timedelta(hours=7))
"""Vietnam's clock since 1975, without summer time; older zones are of no use for charts."""
MAX_BUCKETS = 20_000
"""Intervals of one answer: two years of hours, 54 years of days."""
_SECONDS = {"hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000}


def start_of(at: datetime, interval: Interval) -> datetime:
    """The beginning of the interval that holds `at` (aware), aware UTC.

    >>> start_of(datetime(2026, 11, 22, 18, 30, tzinfo=UTC), "week").isoformat()
    '2026-11-22T17:00:00+00:00'
    """
    local = at.astimezone(VIETNAM_OFFSET).replace(minute=0, second=0, microsecond=0)
    if interval != "hour":
        local = local.replace(hour=0)
    if interval == "week":
        local -= timedelta(days=local.weekday())
    elif interval == "month":
        local = local.replace(day=1)
    return local.astimezone(UTC)


def next_start(start: datetime, interval: Interval) -> datetime:
    """The beginning of the interval behind the one that begins at `start`."""
    if interval == "month":
        return start_of(start + timedelta(days=32), "month")
    return start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[interval]


def check_span(interval: Interval, since: datetime | None, until: datetime | None) -> None:
    """Refuse what nobody could read: one article dated 1970 or 2099 would make a million hours. An open range is not judged.

    Raises:
        UsageError: when [since, until) has more than MAX_BUCKETS intervals; says which longer interval would do.
    """
    if since is None or until is None:
        return
    span = (until - since).total_seconds()
    if span / _SECONDS[interval] <= MAX_BUCKETS:
        return
    longer = next((name for name, seconds in _SECONDS.items() if span / seconds <= MAX_BUCKETS), None)
    raise UsageError(
        f"more than {MAX_BUCKETS} intervals between {_day(since)} and {_day(until)}, counted by {interval}",
        "Name a shorter time" + (f", or count by {longer}" if longer else ""),
    )


def _day(at: datetime) -> str:
    return at.astimezone(VIETNAM_OFFSET).date().isoformat()


def spread(interval: Interval, since: datetime, until: datetime) -> list[datetime]:
    """The beginnings of all intervals that touch [since, until), oldest first.

    Raises:
        UsageError: see check_span.
    """
    check_span(interval, since, until)
    starts = []
    start = start_of(since, interval)
    while start < until:
        starts.append(start)
        start = next_start(start, interval)
    return starts


def buckets(
    published: NDArray[np.int64],
    subjects: NDArray[np.int64] | None,
    negative: NDArray[np.bool_],
    interval: Interval,
    since: datetime | None,
    until: datetime | None,
) -> list[CountBucket]:
    """Coverage of articles.

    Args:
        published: publication of each in milliseconds.
        subjects: what is counted once per interval; None: each article.
        negative: whether it is.
        interval: length of the intervals.
        since: beginning of the first interval; None: the first article.
        until: end of the last one, exclusive; None: behind the last article.
    """
    if not len(published) and (since is None or until is None):
        return []
    first = since or moment(int(published.min()))
    last = until or moment(int(published.max()) + 1)
    assert first is not None
    assert last is not None
    starts = spread(interval, first, last)
    if not starts:
        return []
    places = np.searchsorted(np.array([milliseconds(start) for start in starts]), published, "right") - 1
    total = _distinct(places, subjects, len(starts))
    of_them = _distinct(places[negative], None if subjects is None else subjects[negative], len(starts))
    return [CountBucket(start, *numbers) for start, *numbers in zip(starts, total, of_them, strict=True)]


def _distinct(places: NDArray[np.int64], subjects: NDArray[np.int64] | None, count: int) -> list[int]:
    """How many different subjects stand at each of `count` places; None: all are different."""
    if subjects is None:
        return np.bincount(places, minlength=count).tolist()  # type: ignore[no-any-return]
    order = np.lexsort((subjects, places))
    places, subjects = places[order], subjects[order]
    new = np.ones(len(places), bool)
    new[1:] = (places[1:] != places[:-1]) | (subjects[1:] != subjects[:-1])
    return np.bincount(places[new], minlength=count).tolist()  # type: ignore[no-any-return]
