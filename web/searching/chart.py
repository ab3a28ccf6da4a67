"""Coverage over time as bars: which intervals, how high, what each bar says. Drawn by `templates/_chart.html`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diembao.clock import VIETNAM, start_of_day, vietnam_day
from diembao.engine import CountBucket, Filters, Interval, SearchEngine, Unit
from web.searching.addresses import SearchAddress
from web.texts import Texts

MOST_BARS = 62
"""A month and its neighbours in days; more bars cannot be told apart at 360 pixels."""
HEIGHT = 112
"""Pixels of the highest bar."""
NUMBERED = 16
"""Up to so many bars carry their number on a telephone too; beyond, the table has it."""
NUMBERED_WIDE = 35
"""Up to so many bars carry their number on a wide screen."""


@dataclass(frozen=True)
class Bar:
    """One interval of the chart.

    Attributes:
        label: the interval, short ("20/11").
        name: the interval in full, for the table and the pointer.
        total, negative: counts.
        height, negative_height: pixels; a count above zero has at least 2.
        expected_height: pixels of the expectation's mark; None where there is none.
        expected: the expectation, for the table.
        href: the search of this interval, or None.
        marked: the bar belongs to what the chart is about (an alert's window).
        missing: names of sources that normally publish in such an interval and of which nothing came.
    """

    label: str
    name: str
    total: int
    negative: int
    height: int
    negative_height: int
    expected: float | None = None
    expected_height: int | None = None
    href: str | None = None
    marked: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """Bars, oldest first, and what they add up to.

    Attributes:
        bars: the intervals.
        interval: their length.
        total, negative: sums over the bars.
        highest: the highest count.
        cut: whether older intervals were left out.
        height: pixels of the drawing.
        every: every which bar shows its label.
    """

    bars: Sequence[Bar]
    interval: Interval
    total: int
    negative: int
    highest: int
    cut: bool = False
    height: int = HEIGHT

    @property
    def has_gaps(self) -> bool:
        """Whether a source is missing anywhere."""
        return any(bar.missing for bar in self.bars)

    @property
    def numbered(self) -> bool:
        """Whether there is room for a number above each bar on every screen."""
        return len(self.bars) <= NUMBERED

    @property
    def numbered_wide(self) -> bool:
        """Whether there is room for a number above each bar on a wide screen."""
        return len(self.bars) <= NUMBERED_WIDE

    @property
    def every(self) -> int:
        """Every which bar shows its label: about seven labels, whole weeks for days."""
        count = len(self.bars)
        if count <= 8:
            return 1
        return -(-count // 7)


def choose_interval(begin: datetime, end: datetime) -> Interval:
    """The interval that shows [begin, end) in at most about fifty bars.

    >>> from datetime import UTC
    >>> choose_interval(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
    'day'
    """
    span = end - begin
    if span <= timedelta(days=2):
        return "hour"
    if span <= timedelta(days=46):
        return "day"
    return "week" if span <= timedelta(weeks=52) else "month"


def count_coverage(
    engine: SearchEngine, address: SearchAddress, now: datetime, unit: Unit = "articles"
) -> tuple[Interval, list[CountBucket]]:
    """Coverage over time of what the search finds, with an interval that suits its range.

    An open end is now, or the last match when that is later; an open beginning is the first match.

    Raises:
        QueryError: for a query that cannot be understood.
        EngineError: when the engine fails.
    """
    filters = address.filters()
    fold = not address.copies
    begin, end = filters.published_from, filters.published_to
    if begin is None or end is None:
        months = engine.count(address.q, filters, "month", unit, fold)
        filled = [bucket.start for bucket in months if bucket.total]
        if not filled:
            return "day", []
        if len(filled) > 14:
            return "month", months
        counted_from = (begin or filled[0]) - timedelta(days=7)
        counted_to = end or _next_month(filled[-1])
        days = engine.count(address.q, _between(filters, begin or counted_from, counted_to), "day", unit, fold)
        found = [bucket.start for bucket in days if bucket.total]
        if not found:
            return "day", []
        end = end or max(start_of_day(vietnam_day(found[-1]) + timedelta(days=1)), min(now, found[-1] + timedelta(days=14)))
        # Hours are for a range that was asked for; two articles of one morning are better seen in their week.
        begin = begin or min(found[0], end - timedelta(days=7))
        if choose_interval(begin, end) == "day" and end <= counted_to:
            return "day", [bucket for bucket in days if begin <= bucket.start < end]
    interval = choose_interval(begin, end)
    return interval, engine.count(address.q, _between(filters, begin, end), interval, unit, fold)


MOST_BUCKETS = 5000
"""Intervals that one answer counts at most: a year of hours fits easily."""


def count_by(engine: SearchEngine, address: SearchAddress, interval: Interval, unit: Unit) -> list[CountBucket] | None:
    """Coverage over time by a given interval; None when the range has more than MOST_BUCKETS of them.

    Raises:
        QueryError: for a query that cannot be understood.
        EngineError: when the engine fails.
    """
    filters = address.filters()
    begin, end = filters.published_from, filters.published_to
    if begin is None or end is None:
        months = [bucket.start for bucket in engine.count(address.q, filters, "month", unit, not address.copies) if bucket.total]
        if not months:
            return []
        begin, end = begin or months[0], end or _next_month(months[-1])
    shortest = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=28)}[interval]
    if (end - begin) / shortest > MOST_BUCKETS:
        return None
    return engine.count(address.q, filters, interval, unit, not address.copies)


def _between(filters: Filters, begin: datetime, end: datetime) -> Filters:
    return replace(filters, published_from=begin, published_to=end)


def _next_month(start: datetime) -> datetime:
    day = vietnam_day(start)
    return start_of_day((day.replace(day=1) + timedelta(days=32)).replace(day=1))


def draw(
    interval: Interval,
    buckets: Sequence[CountBucket],
    address: SearchAddress | None,
    texts: Texts,
    missing: Mapping[datetime, Sequence[str]] | None = None,
) -> Chart | None:
    """The chart of `buckets`; None when they are empty.

    Args:
        interval: length of a bucket.
        buckets: oldest first.
        address: the search that was counted; each bar links to its part of it. None: no links.
        texts: for the labels.
        missing: by the beginning of an interval the names of the sources that are missing in it.
    """
    shown = list(buckets)[-MOST_BARS:]
    gaps = missing or {}
    if not any(bucket.total or gaps.get(bucket.start) for bucket in shown):
        return None
    highest = max(bucket.total for bucket in shown)
    bars = [
        Bar(
            label=_label(bucket.start, interval),
            name=name_of(bucket.start, interval, texts),
            total=bucket.total,
            negative=bucket.negative,
            height=pixels(bucket.total, highest),
            negative_height=pixels(bucket.negative, highest),
            href=narrowed(address, bucket.start, interval).href() if address and bucket.total else None,
            missing=tuple(gaps.get(bucket.start, ())),
        )
        for bucket in shown
    ]
    return Chart(bars, interval, sum(bar.total for bar in bars), sum(bar.negative for bar in bars), highest, cut=len(shown) < len(buckets))


def pixels(count: float, highest: float, height: int = HEIGHT) -> int:
    """The height of a bar; what is not zero can be seen."""
    return max(2, round(height * count / highest)) if count and highest else 0


def interval_end(start: datetime, interval: Interval) -> datetime:
    """The end of the interval that begins at `start`, on Vietnam's calendar (which has no summer time)."""
    if interval == "month":
        return _next_month(start)
    return start + {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[interval]


def narrowed(address: SearchAddress, start: datetime, interval: Interval) -> SearchAddress:
    """The search of one interval."""
    end = interval_end(start, interval)
    if interval == "hour":
        return address.changed(from_=local_time(start), to=local_time(end))
    return address.changed(from_=vietnam_day(start).isoformat(), to=vietnam_day(end - timedelta(seconds=1)).isoformat())


def local_time(moment: datetime) -> str:
    """The moment on Vietnam's clock, as an address has it: "2026-11-20T07:00"."""
    return moment.astimezone(VIETNAM).strftime("%Y-%m-%dT%H:%M")


def _label(start: datetime, interval: Interval) -> str:
    local = start.astimezone(VIETNAM)
    if interval == "hour":
        return f"{local.hour}h"
    return f"{local.month:02}/{local:%y}" if interval == "month" else f"{local.day}/{local.month}"


def name_of(start: datetime, interval: Interval, texts: Texts) -> str:
    """The interval in full: "20/11/2026", "07:00–08:00 20/11/2026", "16/11–22/11/2026", "11/2026"."""
    local = start.astimezone(VIETNAM)
    end = interval_end(start, interval)
    if interval == "hour":
        return f"{local:%H:%M}–{end.astimezone(VIETNAM):%H:%M} {texts.day(start)}"
    if interval == "month":
        return f"{local.month:02}/{local.year}"
    if interval == "week":
        return f"{local.day:02}/{local.month:02}–{texts.day(end - timedelta(seconds=1))}"
    return texts.day(start)
