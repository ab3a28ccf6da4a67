"""Negative share: among the articles of one series, more are negative than its own past lets expect, however many there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from math import exp, lgamma
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import betabinom

from alerts.coverage import HOUR, Coverage, Hourly, alert_id, negative_sentences
from alerts.rule import Rule, query_of
from alerts.series import series_of
from alerts.wording import number
from diembao.alert import Alert
from diembao.engine import CountBucket

_TESTS_A_WINDOW = 3.0
"""Overlapping windows, looked at each hour, surprise by chance as often as so many separate ones in the length of one window."""
_CALM = 0.05
_LEAST_SPREAD, _PRIOR_SPREAD, _PRIOR_WINDOWS = 0.005, 0.03, 10.0
_LEARNED_WINDOWS = 7
_CLIP = 6.0
_SURELY = 2.0
"""Rounding does not make a probability so many times as large."""


class NegativeShare(Rule):
    """The rule, as its TOML table says it."""

    kind: Literal["negative_share"]
    by: Literal["field", "topic", "nothing"] = Field(default="field", description="one series per field or topic of the taxonomy, or one")
    window_hours: int = Field(default=24, ge=6, le=168, description="the share is that of the last so many hours")
    minimum: int = Field(default=10, ge=3, le=100000, description="fewest articles in the window, of any tone")
    share: float = Field(default=0.0, ge=0, le=1, description="a smaller share is never an alert, e.g. 0.5")
    copies: bool = Field(default=False, description="true: reprints count too")
    false_alerts_per_year: float = Field(default=4.0, gt=0, le=1000, description="accepted by chance, over all series of this rule")
    history_days: int = Field(default=90, ge=14, le=1000, description="days that the usual share is learned from")

    @property
    def budget(self) -> float | None:
        """Accepted false alerts a year."""
        return self.false_alerts_per_year

    @property
    def reach(self) -> timedelta:
        """The usual share is learned from the past."""
        return timedelta(days=self.history_days)


MODEL = NegativeShare


def counted(rule: NegativeShare, coverage: Coverage, since: datetime) -> tuple[datetime, list[Hourly]]:
    """What the rule counts, and from when on."""
    series = series_of(rule, rule.by, coverage.taxonomy)
    return _begin(rule, coverage, since), [Hourly(one.query, one.filters, fold=not rule.copies) for one in series]


def evaluate(rule: NegativeShare, coverage: Coverage, since: datetime) -> list[Alert]:
    """The stretches with too large a share that were open at any time in [since, now). Without articles there is no share."""
    watched = series_of(rule, rule.by, coverage.taxonomy)
    begin = _begin(rule, coverage, since)
    found = []
    for series in watched:
        hours = coverage.hours(series.query, series.filters, begin, fold=not rule.copies)
        # What the answer depends on: everything of the rule but how it is called.
        same = rule.model_copy(update={"name": "same", "label": ""}), series.query, series.filters, begin, since
        for first, last, is_open, share, probability in coverage.keep(same, partial(shares, rule, hours, len(watched), since)):
            start, end = hours[first].start, min(hours[last].start + HOUR, coverage.now)
            total = sum(bucket.total for bucket in hours[first : last + 1])
            negative = sum(bucket.negative for bucket in hours[first : last + 1])
            narrowed = replace(series.filters, sentiments=("negative",))
            found.append(
                Alert(
                    id=alert_id(rule.name, series.code, start),
                    rule=rule.name,
                    kind=rule.kind,
                    series=series.code,
                    title=f"{series.name}: {negative} trong {total} tin là tiêu cực ({percent(negative / total)}), "
                    f"bình thường {percent(share)}",
                    title_en=f"{series.name_en}: {negative} of {total} articles are negative ({negative / total:.0%}), usually {share:.0%}",
                    query=query_of(rule.query, series.filters, "sentiment:negative"),
                    state="open" if is_open else "closed",
                    window_start=start,
                    window_end=end,
                    evaluated_at=coverage.now,
                    observed=negative,
                    expected=round(share * total, 4),
                    probability=probability,
                    unit="tin tiêu cực",
                    unit_en="negative articles",
                    reason=f"{percent(negative / total)} trong {total} tin là tiêu cực; bình thường {percent(share)}, "
                    f"tức khoảng {number(share * total)} tin.",
                    reason_en=f"{negative} of {total} articles are negative; usually about {share:.0%}.",
                    evidence=coverage.evidence(series.query, narrowed, start, end, negative_sentences),
                    ends_when=f"Khi tỷ lệ tin tiêu cực của {rule.window_hours} giờ gần nhất trở lại bình thường.",
                    ends_when_en=f"When the negative share of the last {rule.window_hours} hours is usual again.",
                )
            )
    return found


def _begin(rule: NegativeShare, coverage: Coverage, since: datetime) -> datetime:
    return coverage.collecting_since(coverage.first_day(since - rule.reach))


def percent(share: float) -> str:
    """A share as Vietnamese texts print it.

    >>> percent(0.256)
    '26 %'
    """
    return f"{100 * share:.0f} %"


def shares(
    rule: NegativeShare, hours: list[CountBucket], series: int, since: datetime | None = None
) -> list[tuple[int, int, bool, float, float]]:
    """Where the share was too large in one series of consecutive hours, oldest first.

    The negative articles of a window are compared with a beta-binomial distribution whose share and spread are learned from the
    windows before it; articles of one event come together, so the spread is wider than that of independent articles.

    Args:
        rule: the rule.
        hours: consecutive hours since collecting began; the last may be incomplete.
        series: how many series share the budget.
        since: only stretches that were open at this moment or later; None: all.

    Returns:
        (first row, last row, still open, usual share, probability of the most telling window).
    """
    width = rule.window_hours
    total = np.array([bucket.total for bucket in hours], float)
    negative = np.array([bucket.negative for bucket in hours], float)
    n, k = _rolling(total, width), _rolling(negative, width)
    limit = rule.false_alerts_per_year / max(series, 1) / (8766.0 / width * _TESTS_A_WINDOW)
    begin = 0 if since is None else max(0, int((since - hours[0].start) / HOUR) - 10 * width) if hours else 0
    found: list[tuple[int, int, bool, float, float]] = []
    opened: tuple[int, float, float] | None = None
    for row in range(max(begin, (_LEARNED_WINDOWS + 1) * width), len(hours)):
        known = n[row] >= (1 if opened else rule.minimum)
        # Of an open stretch nothing is learned.
        past = opened[0] if opened else row - width + 1
        probability, usual = 1.0, opened[1] if opened else 0.0
        if known and (opened or k[row] >= max(1.0, rule.share * n[row])):
            totals, negatives = _windows(n, k, past - 1, width, rule.history_days * 24)
            mean = usual = float((negatives.sum() + 1.0) / (totals.sum() + 5.0))
            if k[row] > mean * n[row]:
                spread = _spread(totals, negatives, mean)
                a, b = mean * (1 - spread) / spread, (1 - mean) * (1 - spread) / spread
                # Just so many is no likelier than so many or more: most windows need no sum.
                if opened or exp(_log_probability(k[row], n[row], a, b)) < _SURELY * limit:
                    probability = float(betabinom.sf(k[row] - 1, n[row], a, b))
        if opened is None:
            if known and probability < limit and k[row] >= rule.share * n[row]:
                inside = np.flatnonzero(negative[row - width + 1 : row + 1])
                opened = row - width + 1 + int(inside[0]), usual, probability
        elif known and probability > _CALM:
            found.append((opened[0], max(row - width // 2, opened[0]), False, opened[1], opened[2]))
            opened = None
        else:
            opened = opened[0], opened[1], min(opened[2], probability)
    if opened:
        found.append((opened[0], len(hours) - 1, True, opened[1], opened[2]))
    return [one for one in found if since is None or one[2] or hours[one[1]].start + HOUR > since]


def _log_probability(k: float, n: float, a: float, b: float) -> float:
    """Logarithm of the beta-binomial probability of `k` of `n`."""
    choices = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return choices + lgamma(k + a) + lgamma(n - k + b) - lgamma(n + a + b) - lgamma(a) - lgamma(b) + lgamma(a + b)


def _rolling(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """For each row the sum of it and the `width` - 1 rows before."""
    sums = np.concatenate([np.zeros(1), np.cumsum(values)])
    low = np.maximum(np.arange(len(values)) + 1 - width, 0)
    return np.asarray(sums[1:] - sums[low])


def _windows(
    n: NDArray[np.float64], k: NDArray[np.float64], last: int, width: int, longest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Articles and negative ones of the separate windows that end at `last` and before."""
    end = max(last - longest, width - 2)
    if last <= end:
        return n[:0], k[:0]
    return n[last:end:-width], k[last:end:-width]


def _spread(totals: NDArray[np.float64], negatives: NDArray[np.float64], mean: float) -> float:
    """The usual spread (correlation within a window) of windows whose usual share is `mean`."""
    counted = totals >= 2
    # Moments of the beta-binomial: E (k - n p)² = n p (1 - p) (1 + (n - 1) spread).
    independent = (totals * mean * (1 - mean))[counted]
    # What was an alert itself, or nearly, must not teach that such days are usual.
    widest = _CLIP * independent * (1.0 + (totals[counted] - 1.0) * _PRIOR_SPREAD)
    deviation = np.minimum((negatives - totals * mean)[counted] ** 2, widest) - independent
    scale = (totals * (totals - 1) * mean * (1 - mean))[counted]
    weight = scale.sum() / max(float(scale.mean()), 1e-9) if counted.any() else 0.0
    learned = float(deviation.sum() / scale.sum()) if scale.sum() > 0 else _PRIOR_SPREAD
    spread = (max(learned, 0.0) * weight + _PRIOR_SPREAD * _PRIOR_WINDOWS) / (weight + _PRIOR_WINDOWS)
    # What is not known of the share itself widens the distribution too.
    doubt = 1.0 / (totals.sum() + 5.0)
    return float(np.clip(spread + doubt, _LEAST_SPREAD, 0.9))
