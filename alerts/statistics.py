"""When is a count more than chance? The detector behind spike rules and `diembao alerts backtest`.

The expectation of a step is level × time of day × day of week × holiday × hour of the week, each learned from the rows of earlier days
and shrunk towards 1 by how little is known. The level follows the trend; outliers are clipped before they teach anything.
Around the expectation a count is negative binomial: its variance beyond Poisson's is learned per window length, a part that grows with
the mean, because the articles of one event come together, and one that grows with its square, because a busy day makes all its hours
busy. The uncertainty of the level is added to it, which is what makes few days of history cautious. Series of one kind lean on each
other. Values that are not small counts (requests, bytes, percent) are judged by alerts.volumes, and may also fall too low.

Every row is judged by the sums of the last 1, 2, 3, 6, 12, 18 and 24 steps that end with it. The smallest of the probabilities is the row's
surprise, corrected by how heavy the tail of past surprises was, so that a series that is wilder than the model is not believed.
A row may use nothing but itself and earlier rows; the result does not depend on how a series is cut into calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from alerts.holidays import is_holiday, is_tet
from alerts.volumes import Volume

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

WINDOWS = (1, 2, 3, 6, 12, 18, 24)
"""Lengths of the sums that are judged, in steps; spikes of negative coverage last 6 to 24 hours."""
DAY = 86400
YEAR = 365.25 * DAY

_LONGEST = max(WINDOWS)
_COUNT_LIMIT, _COUNT_LIMIT_SHORT, _SHORT_STEP = 30.0, 3.0, 1800
"""Above this level per step a series is a volume: its variation is not that of counting. Steps below half an hour follow each other
so closely that it is reached earlier."""
_LEVEL_MEMORY_COUNT, _LEVEL_MEMORY_VOLUME = 200.0, 50.0
_PROFILE_MEMORY_COUNT, _PROFILE_MEMORY_VOLUME = 300.0, 120.0
_MODEL_MEMORY = 120.0
"""Memories in days: the age at which a day's weight has fallen to 1/e."""
_PRIOR_HOUR, _PRIOR_WEEKDAY, _PRIOR_HOLIDAY, _PRIOR_WEEK = 3.0, 25.0, 8.0, 25.0
"""Precisions (1 / variance) of the factors before any data: the larger, the nearer to 1 they stay."""
_PRIOR_DISPERSION_COUNT = {1: 0.40, 2: 0.36, 3: 0.32, 6: 0.26, 12: 0.22, 18: 0.20, 24: 0.18}
_PRIOR_DISPERSION_VOLUME = 0.10
"""Squared coefficient of variation, beyond counting, before any data; short windows are burstier."""
_PRIOR_DISPERSION_WEIGHT = 6.0
_PRIOR_CLUSTER, _PRIOR_CLUSTER_WEIGHT = 0.05, 25.0
_HOLIDAY, _TET = 7, 8
"""Kinds of day beside the weekdays 0 to 6."""
_TET_COUNT = 0.7
"""What counts are believed to fall to around Tết before they were seen there; the press is half as busy."""
_TAIL_FROM = 2.5
"""Surprise (in nats) from which the tail of past surprises is fitted."""
_TAIL_CLIP = 5.0
_TAIL_PRIOR = 30.0
_NULL_SHARE = 0.16
"""Share of rows whose smallest probability is below exp(-_TAIL_FROM) by chance, given the windows' overlap (simulated)."""
_TAIL_TOLERANCE, _SHARE_TOLERANCE = 1.0, 2.5
"""How much wilder than the model past surprises may be before they are corrected."""
_TOLERATED_RISE = 1.15
"""A count is tested against so many times its expectation: what is a little busier than learned is no news."""
_MAXIMA_DAYS = 90
_MAXIMA_PRIOR = 60.0
"""Days of daily maxima that are remembered, and how many days the belief in the model weighs against them."""
_QUIET = 3.0
"""An alert ends after _CALM steps whose surprise stays below this."""
_CALM = 6
_BASELINE_AFTER_DAYS = 3.0
"""Rows of an open alert teach nothing for this long; what lasts longer is the new normal."""


@dataclass(frozen=True)
class Judgement:
    """What the detector says about consecutive rows; every array has the shape (rows, series).

    Attributes:
        expected: expectation of the row; NaN before there was any history.
        score: 0 to 1, how surprising it is that something begins in this row: s / (s + 5), where s is -log10 of the corrected probability
            of the row's most telling sum; 0.5 means 1 in 100,000. Rows that are no more surprising than recent ones stay low.
        alert: True on the row where a new alert begins, nowhere else.
        open: True while an alert lasts, its first row included.
        probability: corrected probability of the most telling sum, if nothing had changed.
        window: length of that sum in steps.
        window_observed: that sum.
        window_expected: its expectation.
        dispersion: squared coefficient of variation beyond counting of a sum of six steps, as the row was judged with.
        is_count: judged as a small count (negative binomial), not as a volume (gamma).
    """

    expected: Floats
    score: Floats
    alert: Booleans
    open: Booleans
    probability: Floats
    window: Integers
    window_observed: Floats
    window_expected: Floats
    dispersion: Floats
    is_count: Booleans


class Detector:
    """Judges series of one step length as they arrive.

    Args:
        step: length of a step in seconds.
        series: how many series the columns of the values are.
        budget: false alerts a year allowed to each series.
        minimum: smallest window sum of a count that may be an alert; ignored for volumes.
        holidays: treat Vietnam's public holidays as such.
        longest: longest of WINDOWS that is judged, in steps.
        pool: the series are of one kind: what little is known of one (hours of the day, days of the week, holidays, how articles
            cluster) leans on all of them; else the result for one does not depend on the others.
        references: so many further series tell the usual hours, weekdays and holidays; they are learned from and not judged.
    """

    def __init__(
        self,
        step: int,
        series: int,
        budget: float,
        *,
        minimum: float = 4.0,
        holidays: bool = True,
        longest: int = _LONGEST,
        pool: bool = False,
        references: int = 0,
    ) -> None:
        if step <= 0 or series <= 0 or budget <= 0:
            raise ValueError("step, series and budget must be positive")
        self.judged = series
        self._pool = slice(series, series + references) if references else slice(0, series) if pool else None
        self._together_clusters = pool
        series += references
        self.step, self.series, self.budget, self.minimum, self.holidays = step, series, budget, minimum, holidays
        self.windows = np.array([window for window in WINDOWS if window <= longest], np.int64)
        per_day = max(1, round(DAY / step))
        self.bins = min(per_day, 24)
        self.block = max(DAY, step)
        self.threshold = float(np.log(max(YEAR / step / budget, 10.0)))
        self.horizon = max(_LONGEST, min(per_day, 288))
        shape = (series,)
        self._day: int | None = None
        self._level_observed, self._level_base = np.zeros(shape), np.zeros(shape)
        self._level_information = np.zeros(shape)
        self._hour = _Factor(self.bins, series, _PRIOR_HOUR, smooth=True)
        self._weekday = _Factor(7, series, _PRIOR_WEEKDAY)
        self._holiday = _Factor(3, series, _PRIOR_HOLIDAY)
        self._week = _Factor(7 * self.bins, series, _PRIOR_WEEK)
        kinds = len(self.windows)
        self._excess, self._square = (np.zeros((kinds, series)) for _ in range(2))
        self._moments, self._cluster = np.zeros((5, kinds, series)), np.full((kinds, series), _PRIOR_CLUSTER)
        self._prior_dispersion = np.array([[_PRIOR_DISPERSION_COUNT[window]] for window in self.windows.tolist()])
        self._dispersion = np.tile(self._prior_dispersion, (1, series))
        self._tail_sum, self._tail_rows, self._rows = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._maxima, self._days_kept = np.zeros((_MAXIMA_DAYS, series)), 0
        self._whole = np.ones(shape, bool)
        self._spread_past = np.zeros((_LONGEST, 2 * series))
        self._waiting, self._together = 0, 4 if step >= 1800 else 1
        self._past = np.zeros((_LONGEST, 2 * series))
        self._unlearned: list[tuple[Integers, Floats, Floats, Floats, Floats, Booleans]] = []
        self._peak = np.full(shape, -np.inf)
        self._is_open, self._calm, self._open_rows = np.zeros(shape, bool), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._volumes = [Volume(step) for _ in range(self.judged)]
        self._prepare()

    def update(self, starts: Integers, values: Floats) -> Judgement:
        """Judge the next rows.

        Args:
            starts: beginnings of the steps in seconds of local time (as if it were UTC) since 1970, increasing, shape (rows,).
            values: what was counted, shape (rows, series + references); NaN where nothing is known, which is never read as zero.
        """
        days = starts // self.block
        cuts = np.flatnonzero(np.diff(days)) + 1
        parts = []
        begin = 0
        for first in [0, *cuts.tolist()] if len(starts) else []:
            day = int(days[first])
            if day == self._day:
                continue
            ended, self._day = self._day is not None, day
            self._waiting += ended
            if ended and self._is_time():
                if first > begin:
                    parts.append(self._judge(starts[begin:first], values[begin:first]))
                    begin = first
                self._learn()
        if begin < len(starts):
            parts.append(self._judge(starts[begin:], values[begin:]))
        return _join(parts, self.judged)

    def _is_time(self) -> bool:
        """Whether the days that have ended are to be learned from now: each at once at first, and where a day has many rows.

        Later several together, which is quicker and changes little beside what is known by then; but what Tết is like is known by few.
        """
        assert self._day is not None
        near = [date.fromordinal(min(max((self._day - n) * self.block // DAY + 719163, 1), 3652059)) for n in (0, 1)]
        return self._days_kept < 28 or self._waiting >= self._together or (self.holidays and any(is_holiday(day) for day in near))

    def _prepare(self) -> None:
        """Fix what the next rows are judged by."""
        known = self._level_base > 0
        self._level = np.where(known, self._level_observed / np.where(known, self._level_base, 1.0), np.nan)
        # A series that was always silent may still speak: half an event is assumed where counts are judged.
        floor = 0.5 / np.maximum(self._level_base, 1.0)
        self._is_count = self._whole & ~(self._level > (_COUNT_LIMIT if self.step >= _SHORT_STEP else _COUNT_LIMIT_SHORT))
        self._level = np.where(known, np.where(self._is_count, np.maximum(self._level, floor), np.maximum(self._level, 1e-12)), np.nan)
        self._doubt = 1.0 / (self._level_information + 1.0)
        scale = np.where(self._tail_rows > 0, (self._tail_sum + _TAIL_PRIOR) / (self._tail_rows + _TAIL_PRIOR), 1.0)
        self._tail_scale = np.maximum(scale - _TAIL_TOLERANCE, 1.0)
        share = (self._tail_rows + _NULL_SHARE * 500) / (self._rows + 500)
        self._tail_shift = np.log(np.maximum(share / (_NULL_SHARE * _SHARE_TOLERANCE), 1.0))
        if self._days_kept < 14 or self._days_kept % 4 == 0:
            self._day_location, self._day_scale = self._daily_tail()

    def _daily_tail(self) -> tuple[Floats, Floats]:
        """Location and scale of the Gumbel distribution of a day's largest surprise, at least those that the model implies.

        From the median and the 80 % quantile, so that a few real spikes do not teach that spikes are ordinary.
        """
        rows = max(1.0, DAY / self.step)
        location = np.full(self.series, np.log(rows))
        scale = np.ones(self.series)
        kept = min(self._days_kept, _MAXIMA_DAYS)
        if kept < 2:
            return location, scale
        days = float(kept)
        ordered = np.sort(self._maxima[:kept], axis=0)
        middle, high = ordered[kept // 2], ordered[int(0.8 * (kept - 1) + 0.5)]
        told_scale = (high - middle) / 1.1332
        told_location = middle - 0.3665 * told_scale
        scale = (days * told_scale + _MAXIMA_PRIOR * scale) / (days + _MAXIMA_PRIOR)
        told = (days * told_location + _MAXIMA_PRIOR * location) / (days + _MAXIMA_PRIOR)
        # Small counts follow the model closely: only a clear departure is believed.
        return np.maximum(location, told - 1.5), np.maximum(1.0, scale - 0.6)

    def _judge(self, starts: Integers, values: Floats) -> Judgement:
        rows = len(starts)
        bins = (starts % DAY) * self.bins // DAY if self.step < DAY else np.zeros(rows, np.int64)
        kinds = self._kinds_of_day(starts)
        base = self._base(starts, bins, kinds)
        expected = base * self._level
        known = np.isfinite(values) & np.isfinite(expected)
        x = np.where(known, np.maximum(values, 0.0), 0.0)
        e = np.where(known, expected, 0.0)
        both = np.concatenate([self._past, np.concatenate([x, e], axis=1)])
        self._past = both[-_LONGEST:]
        sums_x, sums_e = np.split(_window_sums(both, rows, self.windows), 2, axis=2)
        surprise = np.zeros((len(self.windows), rows, self.series))
        for column in np.flatnonzero(self._is_count).tolist():
            one_x, one_e = sums_x[:, :, column], sums_e[:, :, column] * _TOLERATED_RISE
            inverse = self._dispersion[:, column, None] + self._doubt[column]
            inverse = inverse + self._cluster[:, column, None] / np.maximum(one_e, 1e-9)
            found = _count_surprise(one_x, one_e, np.broadcast_to(inverse, one_x.shape))
            surprise[:, :, column] = np.where(one_x >= self.minimum, found, np.minimum(found, _TAIL_FROM))
        best = surprise.argmax(axis=0)
        pick = (best, np.arange(rows)[:, None], np.arange(self.series)[None, :])
        raw = np.where(known, surprise[pick], 0.0)
        corrected = np.where(raw > _TAIL_FROM, _TAIL_FROM + np.maximum((raw - _TAIL_FROM) / self._tail_scale - self._tail_shift, 0.0), raw)
        by_day = (raw - self._day_location) / self._day_scale + np.log(max(1.0, DAY / self.step))
        corrected = np.where(raw > _TAIL_FROM, np.minimum(corrected, np.maximum(by_day, min(_TAIL_FROM, 2.0))), corrected)
        for column in np.flatnonzero(~self._is_count[: self.judged]).tolist():
            corrected[:, column] = self._volumes[column].judge(values[:, column], expected[:, column], float(self._level[column]))
        alert, is_open = self._follow(corrected, known)
        score = self._novelty(corrected)
        self._unlearned.append((starts, np.where(known, x, np.nan), base, e, raw, is_open))
        # First-day rows have no expectation but teach the level.
        if not known.all():
            seen = np.isfinite(values)
            x, e = np.where(seen, np.maximum(values, 0.0), np.nan), np.where(seen, expected, np.nan)
            self._unlearned[-1] = (starts, x, base, e, raw, is_open)
        self._whole &= ~np.any(np.isfinite(values) & (values != np.floor(np.where(np.isfinite(values), values, 0.0))), axis=0)
        return Judgement(
            **{
                name: found[:, : self.judged]
                for name, found in {
                    "expected": expected, "score": score, "alert": alert, "open": is_open, "probability": np.exp(-corrected),
                    "window": self.windows[best], "window_observed": sums_x[pick], "window_expected": sums_e[pick],
                    "dispersion": np.broadcast_to(self._dispersion[min(3, len(self.windows) - 1)] + self._doubt, expected.shape),
                    "is_count": np.broadcast_to(self._is_count, expected.shape),
                }.items()
            }
        )  # fmt: skip

    def _kinds_of_day(self, starts: Integers) -> Integers:
        """For each row 0 (Monday) to 6 (Sunday), _HOLIDAY, or _TET around the lunar new year."""
        days = starts // self.block * self.block // DAY
        kinds = (days + 3) % 7
        if self.holidays:
            for day in np.unique(days).tolist():
                on = date.fromordinal(min(max(day + 719163, 1), 3652059))
                if is_holiday(on):
                    kinds[days == day] = _TET if is_tet(on) else _HOLIDAY
        return np.asarray(kinds)

    def _base(self, starts: Integers, bins: Integers, kinds: Integers) -> Floats:
        """The product of the factors for each row. A holiday is a Sunday with a factor of its own."""
        rows = np.minimum(kinds, 6)
        of_day = self._weekday.values[rows] * self._holiday.values[np.maximum(kinds - 6, 0)]
        if self.bins == rows_a_day(self.step):
            return np.asarray(self._hour.values[bins] * self._week.values[rows * self.bins + bins] * of_day)
        # Steps shorter than a bin: between the middles of the bins.
        place = ((starts % DAY) + self.step / 2) / DAY * self.bins - 0.5
        low = np.floor(place).astype(np.int64)
        share = (place - low)[:, None]
        low, high = low % self.bins, (low + 1) % self.bins
        left = self._hour.values[low] * self._week.values[rows * self.bins + low]
        right = self._hour.values[high] * self._week.values[rows * self.bins + high]
        return np.asarray((left * (1 - share) + right * share) * of_day)

    def _follow(self, surprise: Floats, known: Booleans) -> tuple[Booleans, Booleans]:
        """Where alerts begin, and while which rows they last."""
        alert, is_open = np.zeros(surprise.shape, bool), np.zeros(surprise.shape, bool)
        for column in range(self.series):
            over = surprise[:, column] > self.threshold
            if not self._is_open[column] and not over.any():
                continue
            for row in range(len(surprise)):
                if self._is_open[column]:
                    self._open_rows[column] += 1
                    if known[row, column]:
                        self._calm[column] = self._calm[column] + 1 if surprise[row, column] < _QUIET else 0
                    self._is_open[column] = self._calm[column] < _CALM
                elif over[row]:
                    alert[row, column] = self._is_open[column] = True
                    self._calm[column] = self._open_rows[column] = 0
                is_open[row, column] = self._is_open[column]
        return alert, is_open

    def _novelty(self, surprise: Floats) -> Floats:
        """The score: surprise kept where it exceeds what was seen in the last day (fading), reduced elsewhere."""
        rows = len(surprise)
        fade = 12.0 / self.horizon
        steps = np.arange(rows + 1, dtype=float)[:, None] * fade
        history = np.concatenate([self._peak[None, :], surprise]) + steps
        peaks = np.maximum.accumulate(history, axis=0)
        before = peaks[:-1] - steps[1:]
        self._peak = peaks[-1] - steps[-1]
        nats = np.where(surprise > before + 1.0, surprise, np.minimum(surprise, 0.3 * surprise + 0.1))
        decimal = nats / np.log(10)
        return np.asarray(decimal / (decimal + 5.0))

    def _learn(self) -> None:
        """Learn from the days that have ended, and prepare the next."""
        starts, x, base, e, raw, is_open = (np.concatenate([part[i] for part in self._unlearned]) for i in range(6))
        self._unlearned, self._waiting = [], 0
        bins = (starts % DAY) * self.bins // DAY if self.step < DAY else np.zeros(len(starts), np.int64)
        new = ~np.isfinite(self._level)
        present = np.isfinite(x)
        if new.any():
            base_sum = np.where(present, base, 0.0).sum(axis=0)
            first = np.where(base_sum > 0, np.nansum(x, axis=0) / np.where(base_sum > 0, base_sum, 1.0), np.nan)
            e = np.where(new & np.isfinite(first), base * np.maximum(first, 1e-12), e)
        e = np.where(present & np.isfinite(e), e, 0.0)
        long_open = self._open_rows * self.step > _BASELINE_AFTER_DAYS * DAY
        use = present & (e > 0) & (~is_open | long_open)
        variance = np.where(self._is_count, e, 0.0) + e * e * (self._dispersion[0] + self._doubt)
        reach = 4.0 * np.sqrt(variance) + np.where(self._is_count, 1.0, 0.0)
        clipped = np.where(use, np.clip(np.where(present, x, 0.0), np.maximum(e - reach, 0.0), e + reach), 0.0)
        if new.any():
            clipped = np.where(new, np.where(use, x, 0.0), clipped)
        e_used, base_used = np.where(use, e, 0.0), np.where(use, base, 0.0)
        information = np.where(use, e * e / np.maximum(variance, 1e-300), 0.0)
        kinds = self._kinds_of_day(starts)
        cuts = [0, *(np.flatnonzero(np.diff(starts // self.block)) + 1).tolist(), len(starts)]
        for begin, end in pairwise(cuts):
            day = slice(begin, end)
            self._learn_day(int(kinds[begin]), bins[day], clipped[day], e_used[day], base_used[day], information[day], bool(new.any()))
            if not new.all() and kinds[begin] < _HOLIDAY:
                self._maxima[self._days_kept % _MAXIMA_DAYS] = np.where(present[day], raw[day], 0.0).max(axis=0)
                self._days_kept += 1
        ordinary = kinds < _HOLIDAY
        if not new.all() and ordinary.any():
            count = len(np.unique((starts // self.block)[ordinary]))
            self._learn_spread(clipped[ordinary], e_used[ordinary], raw[ordinary], (use & ~new)[ordinary], count)
        for factor in (self._hour, self._week, self._weekday):
            factor.settle(self._pool)
        self._holiday.settle(self._pool, np.where(self._is_count, np.array([[1.0], [1.0], [_TET_COUNT]]), 1.0))
        self._prepare()

    def _learn_day(self, kind: int, bins: Integers, x: Floats, e: Floats, base: Floats, information: Floats, is_first: bool) -> None:
        """Add one day to what is known of level and factors. Holidays do not teach the level: the return of the press is no spike."""
        observed, total = x.sum(axis=0), e.sum(axis=0)
        day_variance = np.where(self._is_count, total, 0.0) + total**2 * self._dispersion[-1]
        day_information = np.where(total > 0, total**2 / np.maximum(day_variance, 1e-300), 0.0)
        if kind < _HOLIDAY or is_first:
            fade = np.exp(-1.0 / np.where(self._is_count, _LEVEL_MEMORY_COUNT, _LEVEL_MEMORY_VOLUME))
            self._level_observed = self._level_observed * fade + observed
            self._level_base = self._level_base * fade + base.sum(axis=0)
            self._level_information = self._level_information * fade + day_information
        if kind >= _HOLIDAY:
            self._holiday.add(slice(kind - 6, kind - 5), observed[None], total[None], day_information[None], 0.999)
            return
        fade = np.exp(-1.0 / np.where(self._is_count, _PROFILE_MEMORY_COUNT, _PROFILE_MEMORY_VOLUME))
        if self.bins > 1:
            by_bin = [_sum_by(bins, values, self.bins) for values in (x, e, information)]
            self._hour.add(slice(0, self.bins), by_bin[0], by_bin[1], by_bin[2], fade)
            # What the hours of the day explain must not be learned as a Monday's own.
            if self._days_kept >= 7:
                self._week.add(slice(kind * self.bins, (kind + 1) * self.bins), by_bin[0], by_bin[1], by_bin[2], fade**7)
        if self.step <= DAY:
            self._weekday.add(slice(kind, kind + 1), observed[None], total[None], day_information[None], fade**7)

    def _learn_spread(self, x: Floats, e: Floats, raw: Floats, use: Booleans, days: int) -> None:
        """Learn the dispersion of window sums and the tail of surprises from the rows of `days` days."""
        x, e = np.where(use, x, 0.0), np.where(use, e, 0.0)
        rows = len(x)
        both = np.concatenate([self._spread_past, np.concatenate([x, e], axis=1)])
        self._spread_past = both[-_LONGEST:]
        sums_x, sums_e = np.split(_window_sums(both, rows, self.windows), 2, axis=2)
        dispersion = self._dispersion[:, None, :] + self._doubt
        counting = np.where(self._is_count, sums_e * (1.0 + self._cluster[:, None]), 0.0)
        expected_square = counting + sums_e**2 * dispersion
        deviation = np.minimum((sums_x - sums_e) ** 2, 16.0 * expected_square + np.where(self._is_count, 4.0, 0.0))
        fade = np.exp(-days / _MODEL_MEMORY)
        lengths = self.windows[:, None]
        if self._is_count.any():
            self._learn_clusters(sums_e, deviation, expected_square, fade)
        if not self._is_count.all():
            self._excess = self._excess * fade + deviation.sum(axis=1) / lengths
            self._square = self._square * fade + (sums_e**2).sum(axis=1) / lengths
            estimate = self._excess / np.maximum(self._square, 1e-300)
            weight = np.minimum(self._square * 1e9, 1e9)
            blended = (weight * estimate + _PRIOR_DISPERSION_VOLUME) / (weight + 1.0)
            self._dispersion = np.where(self._is_count, self._dispersion, np.clip(blended, 1e-8, 20.0))
        tail = np.where(use, np.clip(raw - _TAIL_FROM, 0.0, None), 0.0)
        over = use & (raw > _TAIL_FROM)
        self._tail_sum = self._tail_sum * fade + np.minimum(tail, _TAIL_CLIP).sum(axis=0)
        self._tail_rows = self._tail_rows * fade + over.sum(axis=0)
        self._rows = self._rows * fade + use.sum(axis=0)

    def _learn_clusters(self, e: Floats, deviation: Floats, variance: Floats, fade: float) -> None:
        """Learn how counts vary beyond Poisson's: variance = e + cluster · e + dispersion · e².

        The first part is that of articles that come in groups (an event brings several), the second of busy and quiet times.
        Weighted least squares; `cluster` is shared by series that are judged together, `dispersion` leans on theirs.

        Args:
            e: expected window sums, shape (windows, rows, series).
            deviation: squared deviations from them.
            variance: what they were to be.
            fade: what is left of what was known.
        """
        weight = np.where(e > 0, 1.0 / np.maximum(2.0 * variance**2 + variance, 1e-300), 0.0) / self.windows[:, None, None]
        beyond = deviation - e
        self._moments *= fade
        for index, term in enumerate((e**2, e**3, e**4, beyond * e, beyond * e**2)):
            self._moments[index] += (weight * term).sum(axis=1)
        ee, eee, eeee, be, bee = self._moments
        prior_c, prior_d = _PRIOR_CLUSTER_WEIGHT, _PRIOR_DISPERSION_WEIGHT / self._prior_dispersion[:, 0] ** 2
        told = [moment.sum(axis=1) if self._together_clusters else moment.T for moment in (ee, eee, eeee, be, bee)]
        a, b, c = told[0] + prior_c, told[1], told[2] + prior_d
        right_c, right_d = told[3] + prior_c * _PRIOR_CLUSTER, told[4] + prior_d * self._prior_dispersion[:, 0]
        cluster = np.clip((c * right_c - b * right_d) / (a * c - b * b), 0.0, 5.0)
        common = np.clip((right_d - b * cluster) / c, 0.02, 5.0)
        self._cluster = np.broadcast_to(cluster[:, None] if self._together_clusters else cluster.T, self._cluster.shape)
        usual = common[:, None] if self._together_clusters else self._prior_dispersion
        own = (bee - eee * self._cluster + prior_d[:, None] * usual) / (eeee + prior_d[:, None])
        self._dispersion = np.where(self._is_count, np.clip(own, 0.02, 20.0), self._dispersion)


def rows_a_day(step: int) -> int:
    """How many steps a day has; at least 1."""
    return max(1, round(DAY / step))


class _Factor:
    """Multiplicative factors around 1, shrunk by what is known about each.

    Args:
        size: how many factors.
        series: of how many series.
        prior: precision (1 / variance) of the factors before any data.
        smooth: the factors stand on a clock and resemble their neighbours.
    """

    def __init__(self, size: int, series: int, prior: float, *, smooth: bool = False) -> None:
        self.prior, self.smooth = prior, smooth and size >= 12
        self.values = np.ones((size, series))
        self._sums = np.zeros((3, size, series))

    def add(self, part: slice, observed: Floats, expected: Floats, information: Floats, fade: float | Floats) -> None:
        """Add a day to what is known of the factors of `part`.

        Args:
            part: which factors the day tells about.
            observed: sums of what was seen, per factor.
            expected: sums of what was to be expected, the present factor included.
            information: 1 / squared relative error of their ratio.
            fade: what is left of the older days of these factors.
        """
        self._sums[:, part] *= fade
        self._sums[0, part] += observed
        self._sums[1, part] += expected / self.values[part]
        self._sums[2, part] += information

    def settle(self, pool: slice | None = None, prior_mean: Floats | None = None) -> None:
        """Compute the factors anew from what was added.

        Args:
            pool: the series that tell what is usual, and towards which the others are shrunk; None: towards 1.
            prior_mean: what the factors are believed to be before any data, shape (size, series); None: 1.
        """
        observed, expected, information = self._sums
        ratio = np.divide(observed, expected, out=np.ones_like(observed), where=expected > 0)
        believed = np.ones_like(ratio) if prior_mean is None else prior_mean
        ratio = np.where(information > 0, ratio / believed, 1.0)
        usual = np.ones((len(ratio), 1))
        if pool is not None:
            # Series differ from each other, so one that is well known does not speak for all.
            weight = information[:, pool] / (1.0 + information[:, pool] / self.prior)
            usual = (weight * ratio[:, pool]).sum(axis=1, keepdims=True) + self.prior / 4
            usual = np.clip(usual / (weight.sum(axis=1, keepdims=True) + self.prior / 4), 0.02, 50.0)
            ratio = ratio / usual
        if self.smooth:
            matrix = _neighbours(len(ratio))
            near, told = matrix @ information, matrix @ (information * ratio)
            centre = (told + self.prior) / (near + self.prior)
            values = (information * ratio + 4 * self.prior * centre) / (information + 4 * self.prior)
        else:
            # How far the factors really differ from 1 is told by how far they differ beyond their own noise.
            known = information > 0
            beyond = np.where(known, (ratio - 1.0) ** 2 - 1.0 / np.where(known, information, 1.0), 0.0)
            spread = beyond.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            prior = np.maximum(self.prior, 1.0 / np.maximum(spread, 1e-6))
            values = (information * ratio + prior) / (information + prior)
        self.values = np.minimum(np.maximum(values * usual * believed, 0.02), 50.0)


@lru_cache(maxsize=8)
def _neighbours(size: int) -> Floats:
    """Matrix that adds to each of `size` values on a clock its neighbours two to the left and right."""
    near = np.zeros(size)
    near[[0, 1, 2, -1, -2]] = 1.0, 1.0, 0.5, 1.0, 0.5
    return np.stack([np.roll(near, shift) for shift in range(size)])


def _window_sums(values: Floats, rows: int, windows: Integers) -> Floats:
    """Sums of the last `windows` steps for each of the last `rows` rows: shape (windows, rows, series)."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    ends = np.arange(len(values) - rows + 1, len(values) + 1)
    starts = ends[None, :] - windows[:, None]
    return np.asarray(np.maximum(total[ends][None] - total[starts], 0.0))


def _sum_by(bins: Integers, values: Floats, size: int) -> Floats:
    if len(values) == size and np.array_equal(bins, np.arange(size)):
        return values
    out = np.zeros((size, values.shape[1]))
    np.add.at(out, bins, values)
    return out


def _count_surprise(x: Floats, e: Floats, inverse: Floats) -> Floats:
    """-ln P(X >= x) for a negative binomial X with mean e and variance e + inverse·e²; 0 where x is ordinary."""
    out = np.zeros(x.shape)
    high = (x > e + 0.7 * np.sqrt(e + inverse * e * e)) & (x > 0) & (e > 0)
    if high.any():
        k = 1.0 / inverse[high]
        out[high] = -np.log(np.maximum(betainc(np.ceil(x[high]), k, e[high] / (e[high] + k)), 1e-300))
    return out


def _join(parts: Sequence[Judgement], series: int) -> Judgement:
    if len(parts) == 1:
        return parts[0]
    empty = np.zeros((0, series))
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) if parts else empty for name in Judgement.__dataclass_fields__
    }
    return Judgement(**joined)
