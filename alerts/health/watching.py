"""Which source is in trouble? The sequential statistics behind the health of sources. Pure: counts by hour in, flags out.

Four things are watched, hour by hour, each against the source's own past, which leans on the past of all sources:

*Silence.* The expectation of an hour is level × weekday × hour of the day (workdays and weekends apart) × holiday, and falls with what
all sources together publish today. Time is measured in expected articles (time rescaling: Brown et al. 2002, Neural Computation 14), so
that nights, Sundays and Tết pass slowly. The silences of a source so measured have a tail that is fitted above a threshold (peaks over
threshold: Coles 2001, chapter 4, with the shape 0), and the present one is a flag when one as long is expected less often than a budget
allows. Articles that come in bunches make that tail long, which is how a bursty source is not believed too early.

*Fewer articles.* Whole days, negative binomial with a variance learned for each source; a CUSUM (Page 1954) of the likelihood of a half
against the usual.

*Pages that cannot be read*, *refusals*, *lost fields*. Shares of attempts; a CUSUM of the likelihood of a share that jumps against the
usual share. What comes within one hour counts as little more than one attempt: pages of one hour resemble each other.

What is flagged teaches nothing for `TEACHES_AFTER`; what lasts longer is the new normal, but silence never becomes normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from alerts.holidays import is_holiday, is_tet

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Integers = NDArray[np.int64]

HOURS = 24
TEACHES_AFTER: Final = 14 * HOURS
"""Hours after which what is flagged, silence apart, is learned as the new normal."""

# Chosen with `python -m benchmarks.source_health --seeds tune`; judged on other seeds.
MOST, LEAST, SMALL = 0.5, 0.02, 0.04
"""Silences as long as the flagged ones that chance may bring to one source a year: at most, at least, and to a source with fewer than
ENOUGH articles a day, which is not told within hours at any price."""
ENOUGH = 18.0
WITHIN = 4.5
"""Busy hours of a source within which a silence shall be told: between LEAST and MOST it is as sure as that allows."""

_LEVEL_HALF_LIFE, _PROFILE_HALF_LIFE, _TAIL_HALF_LIFE = 18.0, 60.0, 90.0
_SHARE_HALF_LIFE = 30.0
"""In days."""
_LEAST_DAYS, _LEAST_ARTICLES = 7.0, 14.0
"""A source without an expectation of its own is judged by its silence after so many days with so many articles."""
_PRIOR_DAYS = 3.0
"""Days that the expectation of the entry weighs."""
_PRIOR_HOUR, _PRIOR_DAY = 40.0, 40.0
"""Articles for which the hours and the kinds of day of a source lean on those of all."""
_POOLED_PRIOR, _POOLED_DAY = 300.0, 60.0
"""Articles for which what all have in common leans on what is believed before anything was seen."""
_OF_DAY_BEFORE = np.array([1.05, 1.08, 1.08, 1.08, 1.05, 0.88, 0.78, 0.6, 0.35])
"""Of Monday to Sunday, a public holiday, a day around Tết."""
_HOURS_BEFORE = np.array(
    [0.1, 0.05, 0.05, 0.05, 0.1, 0.4, 1.0, 1.7, 2.0, 2.1, 2.0, 1.6, 1.0, 1.1, 1.8, 2.1, 2.0, 1.6, 1.1, 0.9, 0.7, 0.4, 0.3, 0.2]
)
_TOGETHER_LEAST, _TOGETHER_HOURS, _TOGETHER_PRIOR = 8, 6.0, 30.0
"""What all publish counts where there are so many sources, over so many hours, leaning on 1 by so many articles."""
_TAIL_FROM = 1.5
"""Expected articles from which a silence belongs to the tail."""
_TAIL_SCALE, _TAIL_WEIGHT = 1.25, 12.0
_TAIL_RATE, _TAIL_RATE_WEIGHT = 0.22, 120.0
_AGAIN = 2
"""Articles that end a silence: a single one may be left over."""
_SHORTEST_SILENCE = 3.0
"""Hours; a shorter silence is never a flag."""

_DAY_DISPERSION, _DAY_DISPERSION_WEIGHT = 0.06, 25.0
_FEWER_FROM, _FEWER_TO, _FEWER_LIMIT = 0.85, 0.5, 5.0
_FEWER_DOUBT = 2.5
"""From here on a day teaches nothing: it may be one of those with fewer articles."""
_FEWER_LEAST = 5.0
"""Expected articles that a day must have before it says something of fewer ones."""
_DAY_MOST = 3.0
"""Likelihood that one day may add: a single odd day proves nothing."""

_SHARE_WEIGHT = 40.0
"""Attempts for which a source's usual share leans on its prior."""
_SHARE_FLOOR = 0.03
_SHARE_LIMIT, _UNREAD_LIMIT = 8.5, 8.0
"""Likelihood, in nats, at which a share that jumped is a flag."""
_ODD_DAYS = 0.15
"""So much of the pages beyond the usual share may be films and galleries on some days."""
_SHARE_HOUR_MOST = 3.5
_SHARE_BUNCH = 1.6
"""Attempts of one hour beyond the first count for 1 in so many."""
_LATELY = 6.0
"""Attempts that the present share is taken over."""

_UNREACHABLE_HOURS, _REFUSED_HOURS, _FAILED_LEAST = 5.0, 3.0, 3
"""Hours without an answer, or with refusals only, and failed polls, after which that is a flag."""


@dataclass(frozen=True)
class Hour:
    """What was observed of all sources in one hour; every array has one number a source.

    Attributes:
        start: of the hour, in hours of Vietnam's time since 1970.
        new: articles published in it.
        seen: whether what was published in it is known; False: `new` says nothing.
        polls: answers of feeds, sitemaps and listings.
        refused: polls that were refused (401, 403, 429, robots.txt, a wall).
        failed: polls that failed otherwise.
        pages: pages fetched as articles that were answered.
        unread: those without a headline or enough of a body.
        walls: pages that were refused.
        articles: articles that were read.
        lacking: for each watched field, articles that lack it; shape (fields, sources).
    """

    start: int
    new: Floats
    seen: Booleans
    polls: Floats
    refused: Floats
    failed: Floats
    pages: Floats
    unread: Floats
    walls: Floats
    articles: Floats
    lacking: Floats


@dataclass(frozen=True)
class Flags:
    """What is flagged at the end of an hour; True where it is, and since which hour (the same clock as Hour.start; -1: not flagged)."""

    silent: Booleans
    fewer: Booleans
    unread: Booleans
    refused: Booleans
    unreachable: Booleans
    lacking: Booleans
    since: dict[str, Integers]
    expected: Floats
    """Articles that this hour should bring; NaN while too little is known."""


class _Share:
    """A share of attempts that may jump: its usual value and the CUSUM. One for each (row, source).

    Args:
        before: the share before anything was seen.
        tolerated: so much of the rest beyond the usual share is not held against it.
        limit: sum of the likelihood at which it is flagged.
    """

    def __init__(self, before: Floats, tolerated: float, limit: float) -> None:
        self.before, self.tolerated, self.limit = before, tolerated, limit
        self._bad, self._all = before * 0.0, before * 0.0
        self.sum = before * 0.0
        self.lately = before.copy()
        self.began = np.full(before.shape, -1, np.int64)
        self.flagged = np.zeros(before.shape, bool)
        self.flagged_hours = np.zeros(before.shape)

    @property
    def usual(self) -> Floats:
        """The usual share, at least _SHARE_FLOOR."""
        share = (self._bad + _SHARE_WEIGHT * self.before) / (self._all + _SHARE_WEIGHT)
        return np.clip(share, _SHARE_FLOOR, 0.97)

    def update(self, start: int, attempts: Floats, bad: Floats) -> None:
        usual = self.usual
        jump, usual = usual + 0.9 * (1 - usual), usual + self.tolerated * (1 - usual)
        weight = np.where(attempts > 0, (1 + (attempts - 1) / _SHARE_BUNCH) / np.maximum(attempts, 1), 0.0)
        gain = weight * (bad * np.log(jump / usual) + (attempts - bad) * np.log((1 - jump) / (1 - usual)))
        before = self.sum
        self.sum = np.clip(before + np.minimum(gain, _SHARE_HOUR_MOST), 0.0, 2 * self.limit)
        self.began = np.where(self.sum <= 0, -1, np.where((before <= 0) & (self.sum > 0), start, self.began))
        fade = np.exp(-attempts / _LATELY)
        self.lately = np.where(attempts > 0, self.lately * fade + (1 - fade) * bad / np.maximum(attempts, 1), self.lately)
        watched = usual < 0.75
        over = (self.sum >= self.limit) & watched
        well = self.lately < (usual + jump) / 2 - 0.1
        ends = self.flagged & well
        self.flagged = (self.flagged | over) & ~ends & watched
        self.sum = np.where(ends, 0.0, self.sum)
        self.flagged_hours = np.where(self.flagged, self.flagged_hours + 1, 0.0)
        teaches = ~self.flagged | (self.flagged_hours > TEACHES_AFTER)
        self._bad += np.where(teaches, bad, 0.0)
        self._all += np.where(teaches, attempts, 0.0)

    def end_of_day(self) -> None:
        fade = 0.5 ** (1 / _SHARE_HALF_LIFE)
        self._bad *= fade
        self._all *= fade


class Watch:
    """Watches sources hour by hour. What is said of an hour depends on it and earlier ones only.

    Args:
        least_a_day: for each source the least articles a day that its entry expects; NaN: it says nothing.
        lacking_before: for each watched field and source the share of articles that is expected to lack it, shape (fields, sources).
    """

    def __init__(self, least_a_day: Floats, lacking_before: Floats) -> None:
        count = len(least_a_day)
        self.count = count
        self._prior = least_a_day
        self._by_hour = np.zeros((2, HOURS, count))  # articles of workdays and weekends
        self._by_day = np.zeros((2, 9, count))  # articles, and what an average day would bring: weekdays, holidays, Tết
        self._level_found, self._level_days = np.zeros(count), np.zeros(count)
        self._found_ever = np.zeros(count)
        self._days = np.zeros(count)
        self._today: list[tuple[int, int, Floats, Booleans]] = []
        self._day: int | None = None
        self._level = np.full(count, np.nan)
        self._hours = np.tile((_HOURS_BEFORE / _HOURS_BEFORE.sum())[:, None], (2, 1, count)).reshape(2, HOURS, count)
        self._of_day = np.tile(_OF_DAY_BEFORE[:, None], (1, count))
        self._came = np.zeros(count)
        self._busy = _busy(self._hours[0])
        self._together = np.zeros((2, count))
        self._silence, self._silent_hours = np.zeros(count), np.zeros(count)
        self._heard = np.full(count, -1, np.int64)
        self._tail, self._tail_sum, self._tail_time = np.zeros(count), np.zeros(count), np.zeros(count)
        self._silent = np.zeros(count, bool)
        self._silent_since = np.full(count, -1, np.int64)
        self._fewer = np.zeros(count, bool)
        self._fewer_since, self._fewer_sum = np.full(count, -1, np.int64), np.zeros(count)
        self._fewer_days, self._well_days = np.zeros(count), np.zeros(count)
        self._dispersion, self._dispersion_weight = np.zeros(count), np.zeros(count)
        self._day_found, self._day_expected = np.zeros(count), np.zeros(count)
        self._unread = _Share(np.full(count, 0.08), _ODD_DAYS, _UNREAD_LIMIT)
        self._walls = _Share(np.full(count, 0.03), 0.0, _SHARE_LIMIT)
        self._lacking = _Share(np.clip(lacking_before, _SHARE_FLOOR, 0.97), 0.0, _SHARE_LIMIT)
        self._down_since, self._refused_since = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
        self._down_polls = np.zeros(count)

    def update(self, hour: Hour) -> Flags:
        """Judge one hour; hours come in order, each once."""
        day = hour.start // HOURS
        if self._day is not None and day != self._day:
            self._learn(self._day)
        self._day = day
        self._update_polls(hour)
        self._unread.update(hour.start, hour.pages, hour.unread)
        self._walls.update(hour.start, hour.pages + hour.walls, hour.walls)
        self._lacking.update(hour.start, np.broadcast_to(hour.articles, hour.lacking.shape), hour.lacking)
        expected = self._listen(hour)
        self._today.append((hour.start, _kind_of_day(day), hour.new, hour.seen))
        refused_alone = (
            (self._refused_since >= 0) & (hour.start + 1 - self._refused_since >= _REFUSED_HOURS) & (self._down_polls >= _FAILED_LEAST)
        )
        down = (self._down_since >= 0) & (hour.start + 1 - self._down_since >= _UNREACHABLE_HOURS) & (self._down_polls >= _FAILED_LEAST)
        unreachable = down & (self._refused_since < 0)
        refused = refused_alone | self._walls.flagged
        since = {
            "silent": np.where(self._silent, self._silent_since, -1),
            "fewer": np.where(self._fewer, self._fewer_since, -1),
            "unread": np.where(self._unread.flagged, self._unread.began, -1),
            "refused": np.where(refused_alone, self._refused_since, np.where(self._walls.flagged, self._walls.began, -1)),
            "unreachable": np.where(unreachable, self._down_since, -1),
            "lacking": np.where(self._lacking.flagged, self._lacking.began, -1),
        }
        lacking = self._lacking.flagged.copy()
        return Flags(self._silent.copy(), self._fewer.copy(), self._unread.flagged.copy(), refused, unreachable, lacking, since, expected)

    @property
    def usual_a_day(self) -> Floats:
        """Articles that an ordinary day brings; NaN while nothing is known."""
        return self._level.copy()

    @property
    def silence(self) -> Floats:
        """Articles that were to be expected since each source was last heard."""
        return self._silence.copy()

    @property
    def usual_unread(self) -> Floats:
        """The usual share of pages that cannot be read."""
        return self._unread.usual

    @property
    def usual_lacking(self) -> Floats:
        """The usual share of articles that lack each field, shape (fields, sources)."""
        return self._lacking.usual

    def expected_by_hour(self, day: int) -> Floats:
        """Articles expected in each hour of `day` (days since 1970), shape (24, sources); NaN while nothing is known."""
        return np.stack([self._expectation(day * HOURS + hour) for hour in range(HOURS)])

    # --- silence ---

    def _expectation(self, start: int) -> Floats:
        kind, hour = _kind_of_day(start // HOURS), start % HOURS
        return np.asarray(self._level * self._hours[int(kind >= 5), hour] * self._of_day[kind])

    def _listen(self, hour: Hour) -> Floats:
        """Count the silence of each source on; flag what is longer than chance explains. What this hour should bring."""
        expected = self._expectation(hour.start)
        known = hour.seen & np.isfinite(expected)
        common = self._common(hour, expected, known)
        # What is little known is expected to be less than it seems: a level learned of few articles may be too high.
        sure = 1 / (1 + 1.5 / np.sqrt(np.maximum(self._found_ever + np.where(np.isnan(self._prior), 0, 20), 1)))
        bring = np.where(known, expected * common * sure, 0.0)
        spoke = hour.seen & (hour.new > 0)
        # The articles of an hour lie anywhere in it: before the first and after the last, this much was expected.
        edge = bring / (np.where(spoke, hour.new, 0.0) + 1)
        longest = self._silence + edge
        in_tail = spoke & (longest > _TAIL_FROM) & ~self._silent
        self._tail += in_tail
        self._tail_sum += np.where(in_tail, longest - _TAIL_FROM, 0.0)
        self._tail_time += np.where(self._silent, 0.0, bring)
        self._came = np.where(self._silent, self._came + np.where(hour.seen, hour.new, 0.0), 0.0)
        ends = self._silent & (self._came >= _AGAIN)
        self._silent &= ~ends
        resets = spoke & (~self._silent | ends)
        self._silence = np.where(resets, edge, self._silence + bring)
        self._silent_hours = np.where(resets, 0.0, self._silent_hours + hour.seen)
        self._heard = np.where(spoke & ~self._silent, hour.start, self._heard)
        judged = (self._days >= _LEAST_DAYS) & (self._found_ever >= _LEAST_ARTICLES) | ~np.isnan(self._prior)
        over = known & judged & (self._silence > self.limit()) & (self._silent_hours >= _SHORTEST_SILENCE)
        self._silent_since = np.where(over & ~self._silent, self._heard + 1, self._silent_since)
        self._silent |= over
        self._day_found += np.where(known, hour.new, 0.0)
        self._day_expected += np.where(known, expected * common, 0.0)
        return np.where(np.isfinite(expected), expected * common, np.nan)

    def limit(self) -> Floats:
        """Expected articles without one after which a source is called silent."""
        scale = (self._tail_sum + _TAIL_WEIGHT * _TAIL_SCALE) / (self._tail + _TAIL_WEIGHT)
        rate = (self._tail + _TAIL_RATE * _TAIL_RATE_WEIGHT) / (self._tail_time + _TAIL_RATE_WEIGHT)
        level = np.maximum(np.nan_to_num(self._level, nan=1.0), 0.1)

        def at(budget: Floats | float) -> Floats:
            return np.asarray(_TAIL_FROM + scale * np.log(np.maximum(rate * level * 365 / budget, 1.0)))

        wanted = WITHIN * level * self._busy
        return np.asarray(np.clip(wanted, at(np.where(level < ENOUGH, SMALL, MOST)), np.maximum(at(LEAST), at(SMALL))))

    def _common(self, hour: Hour, expected: Floats, known: Booleans) -> Floats:
        """What all the others publish just now, as a share of what is usual; never more than 1."""
        fade = 1 - 1 / _TOGETHER_HOURS
        good = known & ~self._silent
        # One source with a wild day is not "all".
        self._together[0] = self._together[0] * fade + np.where(good, np.minimum(hour.new, 2 * expected + 1), 0.0)
        self._together[1] = self._together[1] * fade + np.where(good, np.nan_to_num(expected), 0.0)
        if int(good.sum()) < _TOGETHER_LEAST:
            return np.ones(self.count)
        # Large sources speak for themselves; each source's weight is bounded.
        cap = _TOGETHER_PRIOR / 2
        weight = np.minimum(1.0, cap / np.maximum(self._together[1], 1e-9))
        found, wanted = self._together[0] * weight, self._together[1] * weight
        others = (found.sum() - found + _TOGETHER_PRIOR) / (wanted.sum() - wanted + _TOGETHER_PRIOR)
        return np.asarray(np.clip(others, 0.2, 1.0))

    # --- polls ---

    def _update_polls(self, hour: Hour) -> None:
        good = (hour.polls - hour.refused - hour.failed) > 0
        bad = ~good & (hour.refused + hour.failed > 0)
        refused = ~good & (hour.refused > 0) & (hour.failed == 0)
        begins = bad & (self._down_since < 0)
        self._down_since = np.where(good, -1, np.where(begins, hour.start, self._down_since))
        self._refused_since = np.where(
            good | (bad & ~refused), -1, np.where(refused & (self._refused_since < 0), hour.start, self._refused_since)
        )
        self._down_polls = np.where(good, 0.0, self._down_polls + np.where(bad, hour.refused + hour.failed, 0.0))

    # --- the end of a day ---

    def _learn(self, day: int) -> None:
        self._judge_day(day)
        kind = _kind_of_day(day)
        weekend = int(kind >= 5)
        self._unread.end_of_day()
        self._walls.end_of_day()
        self._lacking.end_of_day()
        teaches = (
            ~self._silent & (self._fewer | (self._fewer_sum < _FEWER_DOUBT)) & (~self._fewer | (self._fewer_days * HOURS > TEACHES_AFTER))
        )
        for sums in (self._by_hour, self._by_day):
            sums *= 0.5 ** (1 / _PROFILE_HALF_LIFE)
        for tail in (self._tail, self._tail_sum, self._tail_time):
            tail *= 0.5 ** (1 / _TAIL_HALF_LIFE)
        fade = 0.5 ** (1 / _LEVEL_HALF_LIFE)
        level = np.nan_to_num(self._level)
        found, share = np.zeros(self.count), np.zeros(self.count)
        for start, _, new, seen in self._today:
            counts = seen & teaches
            came = np.where(counts, new, 0.0)
            self._by_hour[weekend, start % HOURS] += came
            found += came
            share += np.where(counts, self._hours[weekend, start % HOURS], 0.0)
        self._by_day[0, kind] += np.where(level > 0, found, 0.0)
        self._by_day[1, kind] += level * share
        self._level_found = self._level_found * np.where(teaches, fade, 1.0) + found
        self._level_days = self._level_days * np.where(teaches, fade, 1.0) + share * self._of_day[kind]
        self._found_ever = np.minimum(self._found_ever + found, 1e6)
        self._days += share > 0.3
        self._today.clear()
        self._fix()

    def _fix(self) -> None:
        """What the next day is expected by."""
        prior = np.where(np.isnan(self._prior), 0.0, _PRIOR_DAYS)
        days = self._level_days + prior
        with np.errstate(invalid="ignore", divide="ignore"):
            self._level = np.where(days > 0, (self._level_found + prior * np.nan_to_num(self._prior)) / days, np.nan)
        before = _HOURS_BEFORE / _HOURS_BEFORE.sum()
        for weekend in (0, 1):
            own = self._by_hour[weekend]
            # A large outlet's habits are not everybody's: each counts as a hundred articles at most.
            each = own * np.minimum(1.0, 100 / np.maximum(own.sum(axis=0), 1.0))
            pooled = (each.sum(axis=1) + _POOLED_PRIOR * before) / (each.sum() + _POOLED_PRIOR)
            self._hours[weekend] = (own + _PRIOR_HOUR * pooled[:, None]) / (own.sum(axis=0) + _PRIOR_HOUR)
        self._busy = _busy(self._hours[0])
        found, average = self._by_day
        weight = np.minimum(1.0, 100 / np.maximum(average.sum(axis=0), 1.0))
        pooled = ((found * weight).sum(axis=1) + _POOLED_DAY * _OF_DAY_BEFORE) / ((average * weight).sum(axis=1) + _POOLED_DAY)
        self._of_day = (found + _PRIOR_DAY * pooled[:, None]) / (average + _PRIOR_DAY)
        self._of_day[:7] /= self._of_day[:7].mean(axis=0)

    # --- fewer articles ---

    def _judge_day(self, day: int) -> None:
        found, expected = self._day_found, self._day_expected
        self._day_found, self._day_expected = np.zeros(self.count), np.zeros(self.count)
        judged = (expected >= _FEWER_LEAST) & (self._days >= 2 * _LEAST_DAYS) & ~self._silent
        dispersion = (self._dispersion + _DAY_DISPERSION_WEIGHT * _DAY_DISPERSION) / (self._dispersion_weight + _DAY_DISPERSION_WEIGHT)
        size = 1 / np.maximum(dispersion, 0.005)
        usual, half = _FEWER_FROM * expected, _FEWER_TO * expected
        gain = np.where(judged, _negative_binomial(found, half, size) - _negative_binomial(found, usual, size), 0.0)
        before = self._fewer_sum
        self._fewer_sum = np.clip(before + np.clip(gain, -2 * _DAY_MOST, _DAY_MOST), 0.0, 1.5 * _FEWER_LIMIT)
        self._fewer_since = np.where((before <= 0) & (self._fewer_sum > 0), day * HOURS, self._fewer_since)
        self._fewer |= self._fewer_sum >= _FEWER_LIMIT
        self._well_days = np.where(
            self._fewer & judged & (found > 0.75 * expected), self._well_days + 1, np.where(judged, 0.0, self._well_days)
        )
        ends = self._fewer & ((self._well_days >= 2) | (self._fewer_days * HOURS > 2 * TEACHES_AFTER))
        self._fewer &= ~ends
        self._fewer_sum = np.where(ends, 0.0, self._fewer_sum)
        self._fewer_days = np.where(self._fewer, self._fewer_days + 1, 0.0)
        fade = 0.5 ** (1 / _PROFILE_HALF_LIFE)
        with np.errstate(invalid="ignore", divide="ignore"):
            beyond = np.clip(((found - expected) ** 2 - expected) / expected**2, -0.2, 0.6)
        learns = judged & ~self._fewer
        self._dispersion = np.maximum(
            self._dispersion * fade + np.where(learns, beyond, 0.0), -_DAY_DISPERSION_WEIGHT * _DAY_DISPERSION * 0.7
        )
        self._dispersion_weight = self._dispersion_weight * fade + learns


def _busy(hours: Floats) -> Floats:
    """Share of a day's articles that one of the hours brings that bring at least the average."""
    is_busy = hours >= 1 / HOURS
    return np.asarray((hours * is_busy).sum(axis=0) / np.maximum(is_busy.sum(axis=0), 1))


def _negative_binomial(found: Floats, mean: Floats, size: Floats) -> Floats:
    """Logarithm of the probability of `found`, without what does not depend on the mean."""
    mean = np.maximum(mean, 1e-9)
    constant = gammaln(found + size) - gammaln(size)
    return np.asarray(constant + size * np.log(size / (size + mean)) + found * np.log(mean / (size + mean)))


@lru_cache(maxsize=4096)
def _kind_of_day(day: int) -> int:
    """0 (Monday) to 6 (Sunday), 7 a public holiday, 8 around Tết; `day` since 1970."""
    on = date.fromordinal(day + 719163)
    if is_tet(on):
        return 8
    return 7 if is_holiday(on) else on.weekday()
