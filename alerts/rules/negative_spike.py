"""Negative coverage jumps: more negative articles (outlets, stories) of one series than its own past lets expect."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from pydantic import Field, field_validator
from scipy.stats import nbinom

from alerts.coverage import HOUR, Coverage, alert_id, negative_sentences
from alerts.rule import Rule, query_of
from alerts.series import WatchedSeries, series_of
from alerts.statistics import WINDOWS, Detector, Integers, Judgement
from alerts.wording import count_words, hours_between, number
from diembao.alert import Alert, SeriesPoint
from diembao.clock import VIETNAM
from diembao.engine import CountBucket, Filters, Unit

_HOURS_A_YEAR = 8766.0
_CHART_HOURS = 6
_CHART_BARS = 28


class NegativeSpike(Rule):
    """The rule, as its TOML table says it."""

    kind: Literal["negative_spike"]
    by: Literal["field", "topic", "nothing"] = Field(default="field", description="one series per field or topic of the taxonomy, or one")
    unit: Unit = Field(default="articles", description="count articles, distinct outlets or distinct stories")
    copies: bool = Field(default=False, description="true: reprints count too")
    window: timedelta = Field(default=timedelta(hours=24), description="longest stretch that is looked at: '6h' to '24h'")
    minimum: int = Field(default=4, ge=1, le=10000, description="fewest negative articles in the window")
    false_alerts_per_year: float = Field(default=4.0, gt=0, le=1000, description="accepted by chance, over all series of this rule")
    history_days: int = Field(default=180, ge=14, le=1000, description="days that the expectation is learned from")

    @field_validator("window", mode="before")
    @classmethod
    def _read_window(cls, value: object) -> object:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"(\d{1,2})\s*h", str(value).strip())
        if not match or int(match[1]) not in WINDOWS:
            raise ValueError(f"write hours as one of {', '.join(f'{w}h' for w in WINDOWS)}")
        return timedelta(hours=int(match[1]))

    @property
    def budget(self) -> float | None:
        """Accepted false alerts a year."""
        return self.false_alerts_per_year

    @property
    def reach(self) -> timedelta:
        """The expectation is learned from the past."""
        return timedelta(days=self.history_days)


MODEL = NegativeSpike


@dataclass(frozen=True)
class Finding:
    """A jump in one series.

    Attributes:
        start: beginning of the first interval of the window that gave the alert, aware UTC.
        end: end of the last counted hour, or the end of the alert when it is over.
        is_open: still going on at the end of the counts.
        observed: negative articles in [start, end).
        expected: what was to be expected there.
        probability: corrected probability of the most telling window.
        years: after how many years such a window is to be met by chance in this series.
        calm_below: a sum over 24 hours at or below this is ordinary and ends the alert.
        points: the last week in intervals of 6 hours.
    """

    start: datetime
    end: datetime
    is_open: bool
    observed: int
    expected: float
    probability: float
    years: float
    calm_below: int
    points: tuple[SeriesPoint, ...]


def evaluate(rule: NegativeSpike, coverage: Coverage, since: datetime) -> list[Alert]:
    """The jumps that were open at any time in [since, now).

    Hours in which nothing was collected are missing, not silent; and what only sources tell that were silent for days before
    (broken, or new) is their return and no jump.
    """
    watched = series_of(rule, rule.by, coverage.taxonomy)
    begin = coverage.first_day(min(coverage.now - rule.reach, since - timedelta(days=30)))
    begin = coverage.collecting_since(begin)
    outages = coverage.outages(begin)
    found: list[Alert] = []
    for series in watched:
        buckets = _buckets(rule, series, series.filters, coverage, begin)
        for finding in jumps(rule, buckets, len(watched), since, outages):
            returned = coverage.newcomers(finding.start, min(finding.end, coverage.now), begin)
            if returned and not _stands(rule, series, coverage, begin, finding, returned, len(watched), outages):
                continue
            found.append(_alert(rule, series, finding, coverage))
    return found


def _buckets(rule: NegativeSpike, series: WatchedSeries, filters: Filters, coverage: Coverage, begin: datetime) -> list[CountBucket]:
    if rule.unit == "articles":
        return coverage.hours(series.query, filters, begin, fold=not rule.copies)
    return coverage.hours(series.query, replace(filters, sentiments=("negative",)), begin, unit=rule.unit)


def _stands(
    rule: NegativeSpike,
    series: WatchedSeries,
    coverage: Coverage,
    begin: datetime,
    finding: Finding,
    returned: frozenset[str],
    count: int,
    outages: frozenset[datetime],
) -> bool:
    """Whether the jump is one without what the returned sources say."""
    others = tuple(sorted(set(coverage.sources(begin, coverage.now)) - returned))
    if not others:
        return True
    buckets = _buckets(rule, series, replace(series.filters, sources=others), coverage, begin)
    again = jumps(rule, buckets, count, finding.start, outages)
    return any(one.start < finding.end and finding.start < one.end for one in again)


def _alert(rule: NegativeSpike, series: WatchedSeries, finding: Finding, coverage: Coverage) -> Alert:
    end = min(finding.end, coverage.now)
    hours = hours_between(finding.start, end)
    observed = count_words(finding.observed, rule.unit)
    negative = replace(series.filters, sentiments=("negative",))
    return Alert(
        id=alert_id(rule.name, series.code, finding.start),
        rule=rule.name,
        kind=rule.kind,
        series=series.code,
        title=f"{series.name}: {observed} trong {hours} giờ, bình thường {number(finding.expected)}",
        query=query_of(rule.query, series.filters, "sentiment:negative"),
        state="open" if finding.is_open else "closed",
        window_start=finding.start,
        window_end=end,
        evaluated_at=coverage.now,
        observed=finding.observed,
        expected=round(finding.expected, 4),
        probability=finding.probability,
        points=list(finding.points),
        evidence=coverage.evidence(series.query, negative, finding.start, end, negative_sentences),
        ends_when="Khi sáu giờ liên tiếp không còn bất thường "
        f"(bình thường: tối đa {count_words(finding.calm_below, rule.unit)} trong 24 giờ).",
    )


def jumps(
    rule: NegativeSpike,
    buckets: list[CountBucket],
    series: int,
    since: datetime | None = None,
    missing: frozenset[datetime] = frozenset(),
) -> list[Finding]:
    """The jumps in one series of hourly counts, oldest first.

    Args:
        rule: the rule.
        buckets: consecutive hours, oldest first, beginning when collecting began; the last one may be incomplete.
        series: how many series share the rule's budget.
        since: only jumps that were still open at this moment (aware UTC); None: all.
        missing: hours in which nothing was collected; they are neither judged nor learned from.
    """
    if len(buckets) < 2:
        return []
    counts = np.array([bucket.negative for bucket in buckets], float)
    starts: Integers = np.array([_local_seconds(bucket.start) for bucket in buckets], np.int64)
    longest = int(rule.window / HOUR)
    detector = Detector(3600, 1, rule.false_alerts_per_year / max(series, 1), minimum=rule.minimum, longest=longest)
    known = np.array([bucket.start not in missing for bucket in buckets])
    judged = detector.update(starts, np.where(known, counts, np.nan)[:, None])
    findings = []
    begins = np.flatnonzero(judged.alert[:, 0])
    for begin in begins.tolist():
        closed = np.flatnonzero(~judged.open[begin:, 0])
        end = begin + int(closed[0]) if len(closed) else len(buckets)
        if since is not None and buckets[end - 1].start + HOUR <= since:
            continue
        findings.append(_finding(buckets, counts, judged, begin, end, end == len(buckets)))
    return findings


def _finding(buckets: list[CountBucket], counts: np.ndarray, judged: Judgement, begin: int, end: int, is_open: bool) -> Finding:
    reach = max(0, begin - int(judged.window[begin, 0]) + 1)
    first = reach + int(np.flatnonzero(counts[reach : begin + 1])[0])
    busy = begin + int(np.flatnonzero(counts[begin:end])[-1]) + 1 if counts[begin:end].any() else end
    last = end if is_open else max(busy, begin + 1)
    expected = float(np.nansum(judged.expected[first:last, 0]))
    probability = float(judged.probability[begin:end, 0].min())
    day = float(np.nansum(judged.expected[max(0, end - 24) : end, 0]))
    return Finding(
        start=buckets[first].start,
        end=buckets[last - 1].start + HOUR,
        is_open=is_open,
        observed=int(counts[first:last].sum()),
        expected=expected,
        probability=probability,
        years=1.0 / max(probability * _HOURS_A_YEAR, 1e-9),
        calm_below=int(_upper(day, float(judged.dispersion[end - 1, 0]), np.exp(-3.0))),
        points=_points(buckets, counts, judged, last),
    )


def _points(buckets: list[CountBucket], counts: np.ndarray, judged: Judgement, last: int) -> tuple[SeriesPoint, ...]:
    """The last week as bars of six hours that begin at 0, 6, 12 and 18 o'clock in Vietnam."""
    groups: dict[datetime, list[int]] = {}
    for index in range(max(0, last - (_CHART_BARS + 1) * _CHART_HOURS), last):
        local = buckets[index].start.astimezone(VIETNAM)
        groups.setdefault(local.replace(hour=local.hour // _CHART_HOURS * _CHART_HOURS).astimezone(UTC), []).append(index)
    points = []
    for start, rows in list(groups.items())[-_CHART_BARS:]:
        expectation = judged.expected[rows, 0]
        known = bool(np.isfinite(expectation).all())
        whole = float(expectation.sum()) * _CHART_HOURS / len(rows) if known else 0.0
        upper = _upper(whole, float(judged.dispersion[rows[-1], 0]), 1e-3) if known else None
        points.append(SeriesPoint(start=start, observed=int(counts[rows].sum()), expected=round(whole, 3) if known else None, upper=upper))
    return tuple(points)


def _upper(expected: float, dispersion: float, probability: float) -> float:
    """The count that is exceeded with `probability` only."""
    size = 1.0 / dispersion
    return float(nbinom.isf(probability, size, size / (size + max(expected, 1e-9))))


def _local_seconds(moment: datetime) -> int:
    local = moment.astimezone(VIETNAM)
    return int(moment.timestamp() + (local.utcoffset() or timedelta()).total_seconds())
