"""How much coverage is usual: the expectation of the alerts' detector, hour by hour, of everything and of any part of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alerts.coverage import HOUR, Coverage
from alerts.statistics import Detector
from diembao.clock import VIETNAM
from diembao.engine import Filters

Verdict = Literal["higher", "lower", "usual", "unknown"]

HISTORY = timedelta(days=63)
"""What is learned from: nine of each weekday."""
ENOUGH = timedelta(days=7)
"""As long as collecting has not gone on for so long before a stretch, nothing is usual."""
_SURE = 2.6
"""Standard deviations: what one stretch in a hundred exceeds by chance."""
_FEWEST = 3.0
"""Articles more or fewer than usual that are worth a word at all."""
_BUDGET = 4.0
AHEAD = 6
"""Hours after the present one of which something is expected too, so that an answer can be used for a while."""


@dataclass(frozen=True)
class Part:
    """A part of the coverage: a query and what it is narrowed to."""

    query: str
    filters: Filters


@dataclass(frozen=True)
class Expectation:
    """What was to be expected of one stretch.

    Attributes:
        expected: articles.
        spread: standard deviation of what is ordinary.
    """

    expected: float
    spread: float

    def verdict(self, observed: float) -> Verdict:
        """Whether `observed` is beyond what is ordinary."""
        off = observed - self.expected
        if abs(off) < max(_SURE * self.spread, _FEWEST):
            return "usual"
        return "higher" if off > 0 else "lower"


@dataclass(frozen=True)
class Usual:
    """The expectations of consecutive hours.

    Attributes:
        since: when regular collecting began, as far back as was looked; aware UTC.
        starts: the hours, oldest first.
        parts: names of the parts, in the order of the columns.
        total, negative: expected articles and negative ones, shape (hours, parts); NaN where nothing was to be expected yet.
        total_spread, negative_spread: squared variation beyond that of counting, of the same shape.
    """

    since: datetime
    starts: tuple[datetime, ...]
    parts: tuple[str, ...]
    total: NDArray[np.float64]
    negative: NDArray[np.float64]
    total_spread: NDArray[np.float64]
    negative_spread: NDArray[np.float64]

    def of(self, part: str, begin: datetime, end: datetime, *, negative: bool = False) -> Expectation | None:
        """What was to be expected of `part` in [begin, end); of an hour that lies only partly in it that share. None: not known.

        Args:
            part: one of `parts`.
            begin: aware UTC; not before the first hour that is known.
            end: aware UTC.
            negative: of negative articles.
        """
        if not self.starts or begin - self.since < ENOUGH or begin < self.starts[0] or end > self.starts[-1] + HOUR:
            return None
        column = self.parts.index(part)
        values, spreads = (self.negative, self.negative_spread) if negative else (self.total, self.total_spread)
        shares = np.array([max(0.0, (min(end, start + HOUR) - max(begin, start)) / HOUR) for start in self.starts])
        inside = shares > 0
        if not inside.any() or not np.isfinite(values[inside, column]).all():
            return None
        expected = float((shares[inside] * values[inside, column]).sum())
        variance = expected + expected**2 * float(spreads[inside, column][-1])
        return Expectation(expected, math.sqrt(variance))


def usual_coverage(coverage: Coverage, parts: Mapping[str, Part], reach: timedelta) -> Usual:
    """Learn what is usual from the hours before each, as the alerts do; holidays and hours without any collecting teach nothing wrong.

    Args:
        coverage: up to now.
        parts: by name; copies count.
        reach: for so long before now the hours are kept.

    Raises:
        EngineError: when the engine fails.
        QueryError: when a part's query cannot be understood.
    """
    begin = coverage.first_day(coverage.now - reach - HISTORY)
    since = coverage.collecting_since(begin)
    everything = coverage.hours("", Filters(), since, fold=False)
    if not everything or not any(bucket.total for bucket in everything):
        empty = np.zeros((0, len(parts)))
        return Usual(coverage.now, (), tuple(parts), empty, empty, empty, empty)
    missing = coverage.outages(since)
    counted = [coverage.hours(part.query, part.filters, since, fold=False) for part in parts.values()]
    columns = [[float(bucket.total) for bucket in hours] for hours in counted]
    columns += [[float(bucket.negative) for bucket in hours] for hours in counted]
    # The hours of the day and the weekdays of everything are what a part of few articles is believed to have at first.
    columns.append([float(bucket.total) for bucket in everything])
    values = np.array(columns).T
    values[[bucket.start in missing for bucket in everything]] = np.nan
    ahead = [everything[-1].start + HOUR * number for number in range(1, AHEAD + 1)]
    starts = [*(bucket.start for bucket in everything), *ahead]
    values = np.concatenate([values, np.full((AHEAD, values.shape[1]), np.nan)])
    local = [start.astimezone(VIETNAM) for start in starts]
    seconds = np.array([int(at.timestamp() + (at.utcoffset() or timedelta()).total_seconds()) for at in local], np.int64)
    judged = Detector(3600, 2 * len(parts), _BUDGET, references=1).update(seconds, values)
    first = max(0, len(everything) - int(reach / HOUR) - 24)
    middle = len(parts)
    return Usual(
        since,
        tuple(starts[first:]),
        tuple(parts),
        judged.expected[first:, :middle],
        judged.expected[first:, middle:],
        judged.dispersion[first:, :middle],
        judged.dispersion[first:, middle:],
    )
