"""When is a value of a volume (requests, percent, seconds) more than chance? For series that are no small counts.

Such series have tails of every kind, so nothing is believed of their distribution: a row is as surprising as it is rare among the
peaks of the series' own past. Deviations are logarithmic and taken from two expectations at once, what the time of day and week lets
expect and what the last hours were; only what both do not explain counts, on the same side. So a shift of level surprises once, where
it happens. Single rows and means of a few are judged apart. Beyond the largest of the past the tail is taken to fall off as a power
(B. M. Hill, A simple general approach to inference about the tail of a distribution, Annals of Statistics 3(5), 1975).
"""

from __future__ import annotations

from bisect import insort
from math import log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MEAN_OF = 6
"""Rows whose mean and middle are judged beside the single row; a middle is not moved by one wild row."""
_SLOW_DAYS, _SCALE_DAYS = 3.0, 3.0
"""Memories of the level that is left, and of how much the series varies."""
_FAST_SECONDS = 3 * 3600
_BLOCK_SECONDS = 3 * 3600
_FEWEST_ROWS, _MOST_ROWS = 6, 72
"""Bounds of both in rows."""
_OFFSET = 0.2
"""Share of the level that is added before the logarithm: below it differences do not matter, and zero has one."""
_TOP = 30
_FALL, _FALL_WEIGHT = 0.2, 10.0
"""1 / exponent of the tail before any peak is known, and so many peaks' worth of belief in it."""
_CLIP = 3.0
_GROWTH = 1.3


class Peaks:
    """The largest deviations of a series' past, and how rare one would be among them.

    Attributes:
        least: the smallest of the peaks that are kept.
        rarity: -ln of how often a block of rows has a deviation that is larger than `least`.
        slope: by how much that grows with the logarithm of the deviation beyond it.
    """

    def __init__(self) -> None:
        self._top: list[float] = []
        self._blocks = 0
        self.least, self.slope, self.rarity = 1.0, 1.0 / _FALL, 0.0

    def add(self, peak: float) -> None:
        """Note the largest deviation of a block of rows; a real anomaly must not teach that such ones are usual."""
        self._blocks += 1
        top = self._top
        if len(top) >= 5:
            peak = min(peak, _GROWTH * top[-1])
        insort(top, peak)
        if len(top) > _TOP + 1:
            del top[0]
        told = top[-max(3, min(_TOP, self._blocks // 6)) :]
        least = max(told[0], 1e-9)
        fall = (sum(log(max(one, 1e-9) / least) for one in told) + _FALL * _FALL_WEIGHT) / (len(told) - 1 + _FALL_WEIGHT)
        self.least, self.slope, self.rarity = least, 1.0 / max(fall, 0.02), log(max(self._blocks / len(told), 1.0))


class _Statistic:
    """One way to look at the last rows: how much its deviations vary, and the peaks of its past."""

    def __init__(self, rate: float) -> None:
        self.peaks = Peaks()
        self._rate, self._scale, self._peak, self._rows = rate, 0.0, 0.0, 0

    def judge(self, deviation: float) -> float:
        """The surprise of a deviation (0 and above) by the blocks before; it is then noted."""
        scale = self._scale
        self._rows += 1
        rows, rate = self._rows, self._rate
        if rows * rate < 1.0:
            rate = 1.0 / rows
        if scale <= 0.0:
            self._scale = rate * deviation
            return 0.0
        ratio = deviation / scale
        self._scale = scale + rate * ((deviation if ratio < _CLIP or rows <= _MOST_ROWS else _CLIP * scale) - scale)
        if ratio > self._peak:
            self._peak = ratio
        peaks = self.peaks
        if ratio <= peaks.least:
            return peaks.rarity * ratio / peaks.least
        return peaks.rarity + peaks.slope * log(ratio / peaks.least)

    def end_block(self) -> None:
        """Note the largest deviation of the block of rows that has ended."""
        self.peaks.add(self._peak)
        self._peak = 0.0


class Volume:
    """Judges one volume row by row.

    Args:
        step: length of a step in seconds.
    """

    def __init__(self, step: int) -> None:
        a_day = 86400 / step
        self._fast_rate = 1.0 / min(max(_FAST_SECONDS / step, _FEWEST_ROWS), _MOST_ROWS)
        self._slow_rate = 1.0 / max(_SLOW_DAYS * a_day, 4 * _MOST_ROWS)
        self._block = int(min(max(_BLOCK_SECONDS / step, _FEWEST_ROWS), _MOST_ROWS))
        self._single, self._mean, self._middle = (_Statistic(1.0 / max(_SCALE_DAYS * a_day, 4 * _MOST_ROWS)) for _ in range(3))
        # A block has so many rows, and there are three statistics: each may surprise.
        self._many = log(self._block) - log(3.0)
        self._row, self._first = 0, 1.0
        self._has_expectation = False
        self._base = self._slow = self._fast = self._variation = 0.0
        self._rests: list[float] = []
        self._levels: list[tuple[float, float]] = []

    def judge(self, values: Floats, expected: Floats, level: float) -> Floats:
        """The surprise of each row: -ln of the probability of a deviation like it, or like those it ends, by the series' own past.

        Args:
            values: the rows, NaN where nothing is known, shape (rows,).
            expected: what was to be expected, NaN where that is not known, shape (rows,).
            level: the mean of the series so far, NaN where that is not known.
        """
        known = np.isfinite(values)
        if not known.any():
            return np.zeros(len(values))
        if self._row == 0:
            self._first = max(float(values[known][0]), 1e-12)
        offset = _OFFSET * (level if level > 0 else self._first)
        logs = np.log(np.maximum(values[known], 0.0) + offset)
        has = bool(np.isfinite(expected[known]).all())
        if has is not self._has_expectation or self._row == 0:
            # Another yardstick: what is left of the level begins anew.
            self._has_expectation, self._base = has, 0.0 if has else float(logs[0])
            self._rests, self._levels = [], []
            self._slow = self._fast = 0.0
            if has:
                self._slow = self._fast = float(logs[0] - log(max(expected[known][0], 0.0) + offset))
        rests = logs - (np.log(np.maximum(expected[known], 0.0) + offset) if has else self._base)
        out = np.zeros(len(values))
        out[known] = self._follow(rests)
        return out

    def _follow(self, rests: Floats) -> list[float]:
        """The surprises of consecutive rows, of which what was to be expected was taken away."""
        before = len(self._rests)
        joined = np.concatenate([self._rests, rests])
        self._rests = joined[-(_MEAN_OF - 1) :].tolist()
        together = np.sort(np.lib.stride_tricks.sliding_window_view(joined, _MEAN_OF), axis=1) if len(joined) >= _MEAN_OF else None
        means = [] if together is None else together.mean(axis=1).tolist()
        middles = [] if together is None else together[:, _MEAN_OF // 2].tolist()
        fast_rate, slow_rate, block, many = self._fast_rate, self._slow_rate, self._block, self._many
        single, mean_of, middle_of = self._single.judge, self._mean.judge, self._middle.judge
        levels, slow, fast, variation, row = self._levels, self._slow, self._fast, self._variation, self._row
        out = []
        for place, rest in enumerate(rests.tolist(), before - _MEAN_OF + 1):
            row += 1
            levels.append((slow, fast))
            found = single(_both(rest - slow, rest - fast))
            if place >= 0:
                earlier, lately = levels[place]
                middle, mean = middles[place], means[place]
                other = mean_of(_both(mean - earlier, mean - lately))
                if other > found:
                    found = other
                other = middle_of(_both(middle - earlier, middle - lately))
                if other > found:
                    found = other
            out.append(found + many if row > 2 * block and found > 0.0 else 0.0)
            if not row % block:
                for statistic in (self._single, self._mean, self._middle):
                    statistic.end_block()
            # What stays changes the level soon, what passes does not: a far row moves it by no more than a near one.
            change = rest - slow
            size, rate = abs(change), slow_rate
            if row * rate < 1.0:
                rate = 1.0 / row
            if row > _MOST_ROWS and size > _CLIP * variation:
                change *= _CLIP * variation / size
                size = _CLIP * variation
            variation += rate * (size - variation)
            slow += rate * change
            fast += fast_rate * (rest - fast)
        self._levels = levels[-(_MEAN_OF - 1) :]
        self._slow, self._fast, self._variation, self._row = slow, fast, variation, row
        return out


def _both(first: float, second: float) -> float:
    """The smaller of two deviations on the same side; 0 when they are on different ones."""
    if first > 0.0 < second:
        return min(second, first)
    if first < 0.0 > second:
        return -first if first > second else -second
    return 0.0
