"""Coverage over time beside what the same sources published in all, and where one of them is missing.

Two things look alike on a chart: nothing bad was written, and nothing was fetched. So each interval says how many articles the
same sources published (the share that the search found does not jump when one more newspaper is crawled), and which sources
delivered nothing although they normally do. Both come from what is indexed; a source that was never indexed is not missed here.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diembao.clock import VIETNAM
from diembao.engine import CountBucket, Filters, Interval, SearchEngine, Unit
from diembao.errors import UsageError
from index.counting import next_start, spread

REGULAR = 0.9
"""Share of the comparable earlier intervals with an article from which on a source is expected in this one."""
MAX_INTERVALS = 10_000
_REMEMBERED: Mapping[Interval, int] = {"hour": 40, "day": 40, "week": 12, "month": 12}
"""Comparable earlier intervals that are looked at."""
_ENOUGH: Mapping[Interval, int] = {"hour": 8, "day": 8, "week": 6, "month": 4}
"""Fewer of them say nothing."""
_LOOK_BACK: Mapping[Interval, timedelta] = {
    "hour": timedelta(days=56), "day": timedelta(days=56), "week": timedelta(days=100), "month": timedelta(days=400),
}  # fmt: skip


@dataclass(frozen=True)
class CoverageBucket:
    """Coverage in one interval.

    Attributes:
        start: beginning of the interval, aware UTC; Vietnam's hours, days, Mondays and months.
        total: articles, distinct outlets or distinct stories that the search found.
        negative: those with negative sentiment.
        published: the same count of everything that the same sources published.
        missing: sources that normally publish in such an interval and of which nothing is indexed.
    """

    start: datetime
    total: int
    negative: int
    published: int
    missing: tuple[str, ...]

    @property
    def share(self) -> float | None:
        """What the search found of what was published; None where nothing was."""
        return self.total / self.published if self.published else None

    @property
    def negative_share(self) -> float | None:
        """What of the found is negative; None where nothing was found."""
        return self.negative / self.total if self.total else None

    def to_record(self) -> dict[str, object]:
        """As JSON, the same from the command and from the API; shares to six decimals, null where there is nothing to share."""
        return {
            "start": self.start.isoformat().replace("+00:00", "Z"),
            "total": self.total,
            "negative": self.negative,
            "published": self.published,
            "share": _rounded(self.share),
            "negative_share": _rounded(self.negative_share),
            "missing_sources": list(self.missing),
        }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def coverage(
    engine: SearchEngine, query: str, filters: Filters, interval: Interval, unit: Unit, now: datetime, *, fold_copies: bool = False
) -> list[CoverageBucket]:
    """Coverage of `query` over time, oldest first, empty intervals included.

    "The same sources" are all that `filters` let through by source and kind; topic, sentiment, place and query narrow what is found,
    not what it is compared with.

    Args:
        engine: what is asked.
        query: in the query language.
        filters: see Filters.
        interval: length of the intervals.
        unit: what is counted.
        now: aware; an interval that is not over is not called missing.
        fold_copies: count a group of copies once.

    Raises:
        QueryError: for a query that cannot be understood.
        UsageError: when there are too many intervals.
    """
    return compared(
        engine, engine.count(query, filters, interval, unit, fold_copies), filters, interval, unit, now, fold_copies=fold_copies
    )


def compared(
    engine: SearchEngine,
    found: Sequence[CountBucket],
    filters: Filters,
    interval: Interval,
    unit: Unit,
    now: datetime,
    *,
    fold_copies: bool,
) -> list[CoverageBucket]:
    """What `coverage` says, of a search that was counted already.

    Args:
        engine: what is asked.
        found: what it counted by `interval` and `unit`: intervals that follow one another, oldest first.
        filters: with which it was counted; where they leave the range open, that of `found` is meant.
        interval: see coverage.
        unit: see coverage.
        now: see coverage.
        fold_copies: see coverage.

    Raises:
        UsageError: when there are too many intervals.
    """
    if not found:
        return []
    if len(found) > MAX_INTERVALS:
        raise UsageError(f"{len(found)} intervals are more than {MAX_INTERVALS}", "Name a shorter time or a longer interval")
    begin, end = found[0].start, next_start(found[-1].start, interval)
    same = Filters(sources=filters.sources, kinds=filters.kinds, irrelevant=filters.irrelevant)
    within = replace(same, published_from=filters.published_from or begin, published_to=filters.published_to or end)
    everything = engine.count("", within, interval, unit, fold_copies)
    published = {bucket.start: bucket.total for bucket in everything}
    missing = missing_between(engine, begin, end, filters, interval, now)
    return [
        CoverageBucket(bucket.start, bucket.total, bucket.negative, published.get(bucket.start, 0), tuple(missing.get(bucket.start, ())))
        for bucket in found
    ]


def missing_between(
    engine: SearchEngine, begin: datetime, end: datetime, filters: Filters, interval: Interval, now: datetime
) -> dict[datetime, list[str]]:
    """By interval of [begin, end) the sources that delivered nothing although they normally do; see `missing_sources`.

    Only what `filters` say of sources and kinds counts.
    """
    same = Filters(sources=filters.sources, kinds=filters.kinds, irrelevant=filters.irrelevant)
    earlier = begin - _LOOK_BACK[interval]
    output = engine.published_by_source(replace(same, published_from=earlier, published_to=end), interval)
    return missing_sources(output, spread(interval, earlier, end), interval, now)


def missing_sources(
    output: Mapping[str, Mapping[datetime, int]], starts: Sequence[datetime], interval: Interval, now: datetime
) -> dict[datetime, list[str]]:
    """By interval, which sources delivered nothing although they published in nearly all comparable intervals before it.

    Comparable are the same hours of working days or of weekends, working days, days of weekends, weeks, months. A gap does not
    count as a comparable interval itself, so a long one is reported until its end; a source that stays away for as many
    intervals as are remembered has ceased to publish and is not missed any more.

    Args:
        output: by source, the articles of each interval that has any.
        starts: all intervals, oldest first; the earlier ones are only learnt from.
        interval: their length.
        now: aware; later intervals are not judged.
    """
    missing: dict[datetime, list[str]] = defaultdict(list)
    over = [start for start in starts if next_start(start, interval) <= now]
    classes = [_class_of(start, interval) for start in over]
    for source in sorted(output):
        for start in _gaps(output[source], zip(over, classes, strict=True), interval):
            missing[start].append(source)
    return dict(missing)


def _gaps(published: Mapping[datetime, int], intervals: Iterable[tuple[datetime, object]], interval: Interval) -> list[datetime]:
    first = min(published)
    remembered = _REMEMBERED[interval]
    before: dict[object, deque[bool]] = defaultdict(lambda: deque(maxlen=remembered))
    away: dict[object, int] = defaultdict(int)
    found = []
    for start, kind in intervals:
        if start < first:
            continue
        delivered = published.get(start, 0) > 0
        history = before[kind]
        if not delivered and len(history) >= _ENOUGH[interval] and sum(history) >= REGULAR * len(history):
            found.append(start)
            away[kind] += 1
            if away[kind] >= remembered:
                history.clear()
            continue
        away[kind] = 0
        history.append(delivered)
    return found


def _class_of(start: datetime, interval: Interval) -> object:
    """What intervals are compared by."""
    local = start.astimezone(VIETNAM)
    weekend = local.weekday() >= 5
    return (local.hour, weekend) if interval == "hour" else weekend if interval == "day" else None
