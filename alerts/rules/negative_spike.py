"""Negative coverage jumps: more negative articles (outlets, stories) of one series than its own past lets expect."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import numpy as np
from pydantic import Field, field_validator
from scipy.stats import nbinom

from alerts.coverage import HOUR, Coverage, Hourly, alert_id, negative_sentences
from alerts.rule import Rule, query_of
from alerts.series import WatchedSeries, series_of
from alerts.statistics import WINDOWS, Detector, Integers, Judgement
from alerts.wording import count_words, hours_between, number, unit_words
from diembao.alert import Alert, SeriesPoint
from diembao.clock import VIETNAM
from diembao.engine import CountBucket, Filters, Unit
from diembao.errors import QueryError

_HOURS_A_YEAR = 8766.0
_CHART_HOURS = 6
_CHART_BARS = 28
_CALM_ROWS = 6
"""So many calm hours end an alert (alerts/statistics.py)."""


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


_AT_ONCE = 64
"""Series that one detector judges together: bounds the memory."""


def counted(rule: NegativeSpike, coverage: Coverage, since: datetime) -> tuple[datetime, list[Hourly]]:
    """What the rule counts, and from when on."""
    series = series_of(rule, rule.by, coverage.taxonomy)
    return _begin(rule, coverage, since), [_hourly(rule, one, one.filters) for one in series]


def prepare(rules: Sequence[NegativeSpike], coverage: Coverage, since: datetime) -> None:
    """Judge the series of all `rules` together where they ask alike: many series at once cost little more than one."""
    groups: dict[tuple[datetime, float, int, int], dict[_Question, list[CountBucket]]] = {}
    for rule in rules:
        watched = series_of(rule, rule.by, coverage.taxonomy)
        begin = _begin(rule, coverage, since)
        for series in watched:
            question = _question(rule, series, series.filters, begin, len(watched))
            try:
                buckets = _buckets(rule, series, series.filters, coverage, begin)
            except QueryError:
                break  # the evaluation of this rule tells it
            known = _known(buckets, coverage.outages(begin))
            if len(buckets) >= 2 and not _must_be_calm(_negative(buckets), known, _row(buckets, since), question.longest, question.minimum):
                groups.setdefault((begin, question.budget, question.minimum, question.longest), {})[question] = buckets
    for (begin, *_), asked in groups.items():
        every = list(asked.items())
        for first in range(0, len(every), _AT_ONCE):
            some = every[first : first + _AT_ONCE]
            everything = coverage.hours("", Filters(), begin, fold=False)
            judged = _judge(some[0][0], [buckets for _, buckets in some], coverage.outages(begin), everything)
            for column, (question, _) in enumerate(some):
                coverage.keep(question, partial(_column, judged, column))


def evaluate(rule: NegativeSpike, coverage: Coverage, since: datetime) -> list[Alert]:
    """The jumps that were open at any time in [since, now).

    Hours in which nothing was collected are missing, not silent; and what only sources tell that were silent for days before
    (broken, or new) is their return and no jump.
    """
    watched = series_of(rule, rule.by, coverage.taxonomy)
    begin = _begin(rule, coverage, since)
    found: list[Alert] = []
    for series in watched:
        for finding in _jumps_in(rule, series, series.filters, coverage, begin, len(watched), since):
            returned = coverage.newcomers(finding.start, min(finding.end, coverage.now), begin)
            if returned and not _stands(rule, series, coverage, begin, finding, returned, len(watched)):
                continue
            found.append(_alert(rule, series, finding, coverage))
    return found


@dataclass(frozen=True)
class _Question:
    """What the detector's answer depends on."""

    query: str
    filters: Filters
    unit: Unit
    copies: bool
    begin: datetime
    budget: float
    minimum: int
    longest: int


def _question(rule: NegativeSpike, series: WatchedSeries, filters: Filters, begin: datetime, count: int) -> _Question:
    budget = rule.false_alerts_per_year / max(count, 1)
    return _Question(series.query, filters, rule.unit, rule.copies, begin, budget, rule.minimum, int(rule.window / HOUR))


def _begin(rule: NegativeSpike, coverage: Coverage, since: datetime) -> datetime:
    return coverage.collecting_since(coverage.first_day(min(coverage.now - rule.reach, since - timedelta(days=30))))


def _jumps_in(
    rule: NegativeSpike, series: WatchedSeries, filters: Filters, coverage: Coverage, begin: datetime, count: int, since: datetime
) -> list[Finding]:
    question = _question(rule, series, filters, begin, count)
    outages = coverage.outages(begin)
    buckets = _buckets(rule, series, filters, coverage, begin)

    def judge() -> Judgement:
        everything = coverage.hours("", Filters(), begin, fold=False)
        return coverage.keep(question, lambda: _judge(question, [buckets], outages, everything))

    return _findings(buckets, question, since, outages, judge)


def _buckets(rule: NegativeSpike, series: WatchedSeries, filters: Filters, coverage: Coverage, begin: datetime) -> list[CountBucket]:
    counted = _hourly(rule, series, filters)
    return coverage.hours(counted.query, counted.filters, begin, unit=counted.unit, fold=counted.fold)


def _hourly(rule: NegativeSpike, series: WatchedSeries, filters: Filters) -> Hourly:
    if rule.unit == "articles":
        return Hourly(series.query, filters, fold=not rule.copies)
    return Hourly(series.query, replace(filters, sentiments=("negative",)), rule.unit)


def _stands(
    rule: NegativeSpike, series: WatchedSeries, coverage: Coverage, begin: datetime, finding: Finding, returned: frozenset[str], count: int
) -> bool:
    """Whether the jump is one without what the returned sources say."""
    others = tuple(sorted(set(coverage.sources(begin, coverage.now)) - returned))
    if not others:
        return True
    again = _jumps_in(rule, series, replace(series.filters, sources=others), coverage, begin, count, finding.start)
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
        title_en=f"{series.name_en}: {count_words(finding.observed, rule.unit, 'en')} "
        f"in {hours} hours, usually {number(finding.expected, 'en')}",
        query=query_of(rule.query, series.filters, "sentiment:negative"),
        state="open" if finding.is_open else "closed",
        window_start=finding.start,
        window_end=end,
        evaluated_at=coverage.now,
        observed=finding.observed,
        expected=round(finding.expected, 4),
        probability=finding.probability,
        unit=unit_words(rule.unit),
        unit_en=unit_words(rule.unit, "en"),
        points=list(finding.points),
        evidence=coverage.evidence(series.query, negative, finding.start, end, negative_sentences),
        ends_when="Khi sáu giờ liên tiếp không còn bất thường "
        f"(bình thường: tối đa {count_words(finding.calm_below, rule.unit)} trong 24 giờ).",
        ends_when_en="When six hours in a row are usual again "
        f"(usual: at most {count_words(finding.calm_below, rule.unit, 'en')} in 24 hours).",
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
    if not buckets:
        return []
    question = _question(rule, WatchedSeries("", "", "", "", rule.filters), rule.filters, buckets[0].start, series)
    return _findings(buckets, question, since, missing, lambda: _judge(question, [buckets], missing))


def _judge(
    question: _Question, many: Sequence[list[CountBucket]], missing: frozenset[datetime], coverage: Sequence[CountBucket] = ()
) -> Judgement:
    """Judge several series of the same hours by one detector.

    `coverage`: the same hours of everything that was published. Its hours of the day, weekdays and holidays are what a series of few
    articles is believed to have until its own are known.
    """
    starts: Integers = np.array([_local_seconds(bucket.start) for bucket in many[0]], np.int64)
    values = np.stack([_negative(buckets) for buckets in many], axis=1)
    if coverage:
        values = np.concatenate([values, np.array([[float(bucket.total)] for bucket in coverage])], axis=1)
    values[~_known(many[0], missing)] = np.nan
    detector = Detector(
        3600, len(many), question.budget, minimum=question.minimum, longest=question.longest, references=1 if coverage else 0
    )
    return detector.update(starts, values)


def _column(judged: Judgement, column: int) -> Judgement:
    return Judgement(**{field.name: getattr(judged, field.name)[:, column : column + 1] for field in fields(judged)})


def _findings(
    buckets: list[CountBucket], question: _Question, since: datetime | None, missing: frozenset[datetime], judge: Callable[[], Judgement]
) -> list[Finding]:
    if len(buckets) < 2:
        return []
    counts = _negative(buckets)
    known = _known(buckets, missing)
    if since is not None and _must_be_calm(counts, known, _row(buckets, since), question.longest, question.minimum):
        return []
    judged = judge()
    findings = []
    for begin in np.flatnonzero(judged.alert[:, 0]).tolist():
        closed = np.flatnonzero(~judged.open[begin:, 0])
        end = begin + int(closed[0]) if len(closed) else len(buckets)
        if since is not None and buckets[end - 1].start + HOUR <= since:
            continue
        if judged.window_observed[begin, 0] <= judged.window_expected[begin, 0]:
            continue  # of large volumes the detector tells a fall too
        findings.append(_finding(buckets, counts, judged, begin, end, end == len(buckets)))
    return findings


def _negative(buckets: Sequence[CountBucket]) -> np.ndarray:
    return np.fromiter((bucket.negative for bucket in buckets), float, len(buckets))


def _known(buckets: Sequence[CountBucket], missing: frozenset[datetime]) -> np.ndarray:
    return np.fromiter((bucket.start not in missing for bucket in buckets), bool, len(buckets))


def _row(buckets: Sequence[CountBucket], moment: datetime) -> int:
    return int((moment - buckets[0].start) / HOUR)


def _must_be_calm(counts: np.ndarray, known: np.ndarray, first: int, longest: int, minimum: int) -> bool:
    """Whether no window that ends in the row `first` or later can be an alert, and none that began before can still be open there.

    A window with fewer than `minimum` is calm by the detector's definition, and so many calm rows end an alert. Most series of most
    rules are like that most of the time, and learning their past would be in vain.
    """
    before = np.flatnonzero(known[: max(first, 0)])
    if len(before) < _CALM_ROWS:
        return False
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, counts, 0.0))])
    ends = np.arange(int(before[-_CALM_ROWS]), len(counts)) + 1
    return bool((sums[ends] - sums[np.maximum(ends - longest, 0)]).max() < minimum)


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
