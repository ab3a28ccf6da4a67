"""Two searches side by side: how many articles, which tone, topics, outlets and places, and which differences are more than chance.

Chance means here: as if each article were written independently of the others. Articles on one event are not, so a difference that is
called clear may still be one event; the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import sqrt
from typing import Literal

import numpy as np
from scipy.stats import binomtest, chi2, false_discovery_control, fisher_exact

from diembao.engine import CountBucket, Interval, SearchEngine, SearchResult
from web.searching.addresses import FilterName, SearchAddress, day_parameter
from web.searching.chart import MOST_BARS, choose_interval, count_coverage, interval_end, name_of, narrowed, pixels
from web.texts import Texts

COMPARED: tuple[FilterName, ...] = ("sentiment", "topic", "place", "source")
_ROWS = 12
"""Values of one kind that are compared: those with the most articles on both sides together."""
CLEAR = 0.05
"""False discoveries that are accepted among the differences called clear."""
_LARGE = 30.0
"""Expected articles in each cell from which on the chi-square distribution is as good as the exact one."""
Word = Literal["clear", "unclear", "few"]
_FEWEST = 5
"""With fewer articles than this on both sides together nothing can be said."""


@dataclass(frozen=True)
class Side:
    """One of the two searches.

    Attributes:
        address: as asked for.
        total, negative: articles, copies folded unless the address unfolds them.
        days: length of its time, in days.
        begin, end: its time, aware UTC; what it leaves open is the first and the last match.
        facets: by filter and value, how many articles.
    """

    address: SearchAddress
    total: int
    negative: int
    days: float
    begin: datetime
    end: datetime
    facets: Mapping[str, Mapping[str, int]]

    @property
    def last(self) -> datetime:
        """The last second of its time."""
        return self.end - timedelta(seconds=1)

    @property
    def per_day(self) -> float:
        """Articles a day."""
        return self.total / self.days


@dataclass(frozen=True)
class Ratio:
    """How many times as many articles a day the first has as the second, with its 95 % interval; None: cannot be said.

    Attributes:
        value: the ratio; None when the second has none.
        low, high: the exact interval of two Poisson counts; `high` None: open.
        word: whether it differs from 1.
    """

    value: float | None
    low: float
    high: float | None
    word: Word


@dataclass(frozen=True)
class Difference:
    """Difference of two shares, in the unit of shares, with its 95 % interval (Newcombe's, from Wilson's)."""

    value: float
    low: float
    high: float
    word: Word


@dataclass(frozen=True)
class Line:
    """One value on both sides: counts, shares of each side's articles, where a click leads, whether the difference is clear."""

    value: str
    counts: tuple[int, int]
    shares: tuple[float, float]
    hrefs: tuple[str, str]
    word: Word

    @property
    def difference(self) -> float:
        """Share of the first less that of the second."""
        return self.shares[0] - self.shares[1]


@dataclass(frozen=True)
class Slot:
    """One interval of the chart: its names, counts, heights in pixels and searches of both sides; None: the side has no such interval."""

    names: tuple[str | None, str | None]
    counts: tuple[int, int]
    heights: tuple[int, int]
    hrefs: tuple[str | None, str | None]


@dataclass(frozen=True)
class Comparison:
    """Both sides and what differs.

    Attributes:
        sides: the two searches.
        ratio: articles a day.
        negative: share of negative articles.
        lines: by filter, the values.
        slots: the intervals, aligned at their beginnings.
        interval: their length.
        by_calendar: both have the same time, so a slot is the same day on both sides.
        cut: not all intervals are drawn.
        both: articles that both searches found; None: not counted.
    """

    sides: tuple[Side, Side]
    ratio: Ratio
    negative: Difference | None
    lines: Mapping[FilterName, Sequence[Line]]
    slots: Sequence[Slot]
    interval: Interval
    by_calendar: bool
    cut: bool
    both: int | None

    @property
    def highest(self) -> int:
        """The highest count of an interval."""
        return max((count for slot in self.slots for count in slot.counts), default=0)


def compare(engine: SearchEngine, first: SearchAddress, second: SearchAddress, texts: Texts) -> Comparison:
    """Compare two searches.

    Raises:
        QueryError: for a query that cannot be understood.
        EngineError: when the engine fails.
    """
    spans = [_span(engine, address, texts.now) for address in (first, second)]
    opening = min(begin for begin, _ in spans)  # where a search is open both are looked at for as long
    one, other = (
        _side(engine, address, address.filters().published_from or opening, end, texts.now)
        for address, (_, end) in zip((first, second), spans, strict=True)
    )
    sides = (one, other)
    lines = _lines(sides)
    longest = max(side.end - side.begin for side in sides)
    interval = choose_interval(texts.now - longest, texts.now)
    counted = [_counted(engine, side, interval) for side in sides]
    by_calendar = (sides[0].begin, sides[0].end) == (sides[1].begin, sides[1].end)
    shown = [buckets[:MOST_BARS] for buckets in counted]
    return Comparison(
        sides,
        ratio_of((sides[0].total, sides[0].days), (sides[1].total, sides[1].days)),
        difference_of((sides[0].negative, sides[0].total), (sides[1].negative, sides[1].total)),
        lines,
        _slots(sides, shown, interval, texts),
        interval,
        by_calendar,
        any(len(buckets) > MOST_BARS for buckets in counted),
        _both(engine, sides, texts.now),
    )


def period_before(address: SearchAddress, now: datetime, days: int = 7) -> tuple[SearchAddress, SearchAddress]:
    """The search in its time and in the equally long time before; without dates, the last `days` and those before."""
    filters = address.filters()
    end = filters.published_to or now
    begin = filters.published_from or end - timedelta(days=days)
    if not (address.from_ and address.to):
        address = address.changed(
            from_=day_parameter(begin + (timedelta(days=1) if not address.from_ else timedelta())), to=day_parameter(now)
        )
        filters = address.filters()
        begin, end = filters.published_from or begin, filters.published_to or end
    whole_days = max(1, -(-(end - begin) // timedelta(days=1)))
    before = begin - timedelta(days=whole_days)
    return address, address.changed(from_=day_parameter(before), to=day_parameter(begin - timedelta(seconds=1)))


def _span(engine: SearchEngine, address: SearchAddress, now: datetime) -> tuple[datetime, datetime]:
    """The time of a search; what it leaves open is the first match, and now or the last match."""
    filters = address.filters()
    begin, end = filters.published_from, filters.published_to
    if begin is None or end is None:
        interval, buckets = count_coverage(engine, address, now)
        filled = [bucket.start for bucket in buckets if bucket.total]
        begin = begin or (filled[0] if filled else now - timedelta(days=1))
        end = end or max([now, *(interval_end(start, interval) for start in filled[-1:])])
    return begin, max(end, begin + timedelta(hours=1))


def _side(engine: SearchEngine, address: SearchAddress, begin: datetime, end: datetime, now: datetime) -> Side:
    result: SearchResult = engine.search(replace(address.request(0, now), highlight=False, group_by=None))
    facets = {name: {count.value: count.count for count in counts} for name, counts in result.facets.items()}
    gone = min(end, now) if begin < now else end  # of a time that is not over only what is gone counts
    days = max(gone - begin, timedelta(hours=1)) / timedelta(days=1)
    return Side(address, result.total, facets.get("sentiment", {}).get("negative", 0), days, begin, end, facets)


def _counted(engine: SearchEngine, side: Side, interval: Interval) -> list[CountBucket]:
    filters = replace(side.address.filters(), published_from=side.begin, published_to=side.end)
    return engine.count(side.address.q, filters, interval, "articles", not side.address.copies)


def _slots(sides: tuple[Side, Side], shown: Sequence[Sequence[CountBucket]], interval: Interval, texts: Texts) -> list[Slot]:
    highest = max((bucket.total for buckets in shown for bucket in buckets), default=0)
    slots = []
    for number in range(max(map(len, shown), default=0)):
        here = [buckets[number] if number < len(buckets) else None for buckets in shown]
        counts = tuple(bucket.total if bucket else 0 for bucket in here)
        slots.append(
            Slot(
                names=_pair([name_of(bucket.start, interval, texts) if bucket else None for bucket in here]),
                counts=(counts[0], counts[1]),
                heights=(pixels(counts[0], highest), pixels(counts[1], highest)),
                hrefs=_pair(
                    [
                        narrowed(side.address, bucket.start, interval).href() if bucket and bucket.total else None
                        for side, bucket in zip(sides, here, strict=True)
                    ]
                ),
            )
        )
    return slots


def _pair(values: Sequence[str | None]) -> tuple[str | None, str | None]:
    return values[0], values[1]


def _lines(sides: tuple[Side, Side]) -> dict[FilterName, list[Line]]:
    asked: list[tuple[FilterName, str, tuple[int, int]]] = []
    for name in COMPARED:
        one, other = (side.facets.get(name, {}) for side in sides)
        together = {value: one.get(value, 0) + other.get(value, 0) for value in {**one, **other}}
        values = sorted(together, key=lambda value: (-together[value], value))[:_ROWS]
        asked += [(name, value, (one.get(value, 0), other.get(value, 0))) for value in values]
    words = words_of([counts for _, _, counts in asked], (sides[0].total, sides[1].total))
    found: dict[FilterName, list[Line]] = {name: [] for name in COMPARED}
    for (name, value, counts), word in zip(asked, words, strict=True):
        shares = (_share(counts[0], sides[0].total), _share(counts[1], sides[1].total))
        hrefs = (sides[0].address.with_value(name, value).href(), sides[1].address.with_value(name, value).href())
        found[name].append(Line(value, counts, shares, hrefs, word))
    return found


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def words_of(counts: Sequence[tuple[int, int]], totals: tuple[int, int]) -> list[Word]:
    """For each value whether its share differs clearly; false discoveries of all of them are held at CLEAR (Benjamini, Hochberg).

    Args:
        counts: articles with the value on both sides.
        totals: articles of both sides.
    """
    asked = [number for number, both in enumerate(counts) if sum(both) >= _FEWEST and min(totals) > 0]
    if not asked:
        return ["few"] * len(counts)
    chances = []
    for number in asked:
        one, other = counts[number]
        chances.append(_chance((one, totals[0]), (other, totals[1])))
    clear = {number for number, chance in zip(asked, false_discovery_control(chances), strict=True) if chance < CLEAR}
    return ["clear" if number in clear else "unclear" if number in asked else "few" for number in range(len(counts))]


def _chance(first: tuple[int, int], second: tuple[int, int]) -> float:
    """How likely so large a difference of two shares, each (part, whole), is by chance: exactly where counts are small, else by chi-square.

    The exact test of large counts takes milliseconds and says the same.
    """
    (a, all_a), (b, all_b) = first, second
    rate = (a + b) / (all_a + all_b)
    expected = min(whole * share for whole in (all_a, all_b) for share in (rate, 1 - rate))
    if expected < _LARGE:
        return min(1.0, float(fisher_exact(np.array([[a, all_a - a], [b, all_b - b]])).pvalue))
    distance = (a / all_a - b / all_b) ** 2 / (rate * (1 - rate) * (1 / all_a + 1 / all_b))
    return float(chi2.sf(distance, 1))


def ratio_of(first: tuple[int, float], second: tuple[int, float]) -> Ratio:
    """The ratio of two rates, each (articles, days): exact, by the binomial share of the first in both together.

    >>> found = ratio_of((30, 10), (10, 10))
    >>> found.value, round(found.low, 2), round(found.high or 0, 2), found.word
    (3.0, 1.43, 6.88, 'clear')
    """
    (a, days_a), (b, days_b) = first, second
    value = (a / days_a) / (b / days_b) if b else None
    if a + b == 0:
        return Ratio(None, 0.0, None, "few")
    test = binomtest(a, a + b, days_a / (days_a + days_b))
    interval = test.proportion_ci(0.95, method="exact")
    low, high = (share / (1 - share) * days_b / days_a if share < 1 else None for share in (interval.low, interval.high))
    word: Word = "few" if a + b < _FEWEST else "clear" if test.pvalue < CLEAR else "unclear"
    return Ratio(value, low or 0.0, high, word)


def difference_of(first: tuple[int, int], second: tuple[int, int]) -> Difference | None:
    """The difference of two shares, each (part, whole), with Newcombe's interval; None when a side has nothing.

    >>> found = difference_of((56, 70), (48, 80))
    >>> found and (round(found.value, 2), round(found.low, 4), round(found.high, 4))
    (0.2, 0.0524, 0.3339)
    """
    (a, all_a), (b, all_b) = first, second
    if not all_a or not all_b:
        return None
    one, other = (binomtest(part, whole).proportion_ci(0.95, method="wilson") for part, whole in (first, second))
    p, q = a / all_a, b / all_b
    low = p - q - sqrt((p - one.low) ** 2 + (other.high - q) ** 2)
    high = p - q + sqrt((one.high - p) ** 2 + (q - other.low) ** 2)
    chance = _chance(first, second)
    word: Word = "few" if min(all_a, all_b) < _FEWEST else "clear" if chance < CLEAR else "unclear"
    return Difference(p - q, low, high, word)


def _both(engine: SearchEngine, sides: tuple[Side, Side], now: datetime) -> int | None:
    """How many articles both found, where one search can tell."""
    one, other = (side.address for side in sides)
    if one.filters() == other.filters() and one.copies == other.copies:
        parts = [f"({address.q})" for address in (one, other) if address.q]
        together = one.changed(q=" AND ".join(dict.fromkeys(parts)))
        return engine.search(replace(together.request(0, now, facets=False), highlight=False, group_by=None)).total
    if sides[0].end <= sides[1].begin or sides[1].end <= sides[0].begin:
        return 0
    return None
