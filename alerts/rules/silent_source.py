"""Silent source: an outlet that published steadily has nothing any more; told apart from one that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from alerts.coverage import HOUR, Collecting, Coverage, alert_id
from alerts.holidays import is_holiday
from alerts.rule import Rule
from alerts.wording import local, number
from diembao.alert import Alert
from diembao.clock import VIETNAM
from diembao.engine import CountBucket, Filters

COLLECTING = "collecting"
"""The series of the alert that says that nothing was collected at all."""


class SilentSource(Rule):
    """The rule, as its TOML table says it."""

    recent: ClassVar[timedelta] = timedelta(days=1)

    kind: Literal["silent_source"]
    sources: tuple[str, ...] = Field(default=(), description="only these sources; empty: all that are steady enough")
    quiet_hours: int = Field(default=24, ge=6, le=720, description="a shorter silence is never an alert")
    factor: float = Field(default=1.5, ge=1, le=10, description="so many times the longest silence of the past")
    minimum: int = Field(default=14, ge=5, le=10000, description="articles that a source must have had in the past to be watched")
    history_days: int = Field(default=60, ge=14, le=365, description="days that the usual silences are learned from")

    @property
    def reach(self) -> timedelta:
        """The past that a silence is compared with."""
        return timedelta(days=self.history_days)


MODEL = SilentSource


def evaluate(rule: SilentSource, coverage: Coverage, since: datetime) -> list[Alert]:
    """The silences that lasted at any time in [since, now); of those that ended, only when `since` is further back than a day.

    When no crawl ended for a day, or most steady sources fell silent together, it is the collecting that failed: one alert says so, and
    no source is called silent. A source whose feeds cannot be fetched is called broken, not silent; of one that is not asked any more
    nothing is said.
    """
    filters = rule.filters
    begin = coverage.collecting_since(coverage.first_day(since - rule.reach))
    outages = coverage.outages(begin)

    def hours_of(source: str) -> list[CountBucket]:
        return coverage.hours(rule.query, replace(filters, sources=(source,)), begin, fold=False)

    if coverage.now - since <= rule.recent:
        heard = set(coverage.sources(coverage.now - timedelta(hours=rule.quiet_hours), coverage.now, rule.query, filters))
        # Who is asked is known from the crawler; to count everybody over the whole past would be the dearest question of all.
        known = set(coverage.collecting.sources) if coverage.collecting else set()
        watched = _wanted(rule, known or set(coverage.sources(begin, coverage.now, rule.query, filters)))
        suspects = {source for source in watched - heard if sum(bucket.total for bucket in hours_of(source)) >= rule.minimum}
        steady = len(suspects) + len(watched & heard)
        if not coverage.has_collected or (steady >= 3 and len(suspects) > steady / 2):
            return [_not_collected(rule, coverage, len(suspects), steady)]
    else:
        counts = coverage.sources(begin, coverage.now, rule.query, filters)
        suspects = _wanted(rule, {source for source, count in counts.items() if count >= rule.minimum})
    found = []
    for source in sorted(suspects):
        for silence in silences(rule, hours_of(source), outages):
            start, end, is_open, usual, rate = silence
            if end <= since and not is_open:
                continue
            words = _words(coverage.collecting, source, start, coverage.now) if is_open else _SILENT
            if words is not None:
                found.append(_alert(rule, coverage, source, start, end, is_open, usual, rate, words))
    return found


def _wanted(rule: SilentSource, sources: set[str]) -> set[str]:
    return sources & set(rule.sources) if rule.sources else sources


def silences(
    rule: SilentSource, hours: Sequence[CountBucket], outages: frozenset[datetime] = frozenset()
) -> list[tuple[datetime, datetime, bool, float, float]]:
    """The silences in the hours of one source that were longer than its past explains, oldest first.

    Hours of public holidays and hours in which nothing was collected do not count as silent; so a source is compared with its own
    nights and weekends, and Tết is no silence.

    Returns:
        (end of the last hour with an article, end, still silent, longest usual silence in hours, articles to be expected) each.
    """
    totals = np.array([bucket.total for bucket in hours], float)
    spoken: list[int] = np.flatnonzero(totals).tolist()
    if not spoken:
        return []
    holidays: dict[object, bool] = {}

    def counts(start: datetime) -> bool:
        day = start.astimezone(VIETNAM).date()
        if day not in holidays:
            holidays[day] = is_holiday(day)
        return not holidays[day] and start not in outages

    open_hours = np.concatenate([[0], np.cumsum([counts(bucket.start) for bucket in hours])])
    published = np.concatenate([[0.0], np.cumsum(totals)])
    found = []
    usual = 0.0
    for here, there in zip(spoken, [*spoken[1:], len(hours)], strict=True):
        length = float(open_hours[there] - open_hours[here + 1])
        known_days = (hours[here].start - hours[0].start) / timedelta(days=1)
        is_open = there == len(hours)
        if length > max(rule.quiet_hours, rule.factor * usual) and published[here + 1] >= rule.minimum and known_days >= 10:
            end = hours[-1].start + HOUR if is_open else hours[there].start
            rate = published[here + 1] / max(float(open_hours[here + 1]), 1.0)
            found.append((hours[here].start + HOUR, end, is_open, usual, rate * length))
        usual = max(usual, length)
    return found


_SILENT = (
    "im lặng",
    "Nguồn vẫn đọc được nhưng không có bài mới.",
    "The source can be read and has nothing new.",
)
_UNKNOWN = (
    "im lặng",
    "Chưa rõ nguồn im lặng hay hỏng; hãy kiểm tra: diembao sources check.",
    "It is not known whether the source is silent or broken; run: diembao sources check.",
)


def _words(collecting: Collecting | None, source: str, start: datetime, now: datetime) -> tuple[str, str, str] | None:
    """What to call the silence, why, and that in English; None: nobody asked the source, so nothing can be said."""
    health = None if collecting is None else collecting.sources.get(source)
    if health is None:
        return _UNKNOWN
    if health.failures:
        return (
            "không đọc được",
            f"Nguồn hỏng hoặc chặn: {health.failures} lần liên tiếp không tải được. Không có tin không có nghĩa là báo im lặng.",
            f"The source is broken or blocks us: {health.failures} failed fetches in a row. No news does not mean silence.",
        )
    if health.fetched_at is None or health.fetched_at < min(now - timedelta(days=1), start):
        return None
    return _SILENT


def _alert(
    rule: SilentSource,
    coverage: Coverage,
    source: str,
    start: datetime,
    end: datetime,
    is_open: bool,
    usual: float,
    rate: float,
    words: tuple[str, str, str],
) -> Alert:
    end = min(end, coverage.now)
    hours = max(1, round((end - start) / HOUR))
    what, reason, english = words
    what_en = "silent" if what == _SILENT[0] else "not readable"
    return Alert(
        id=alert_id(rule.name, source, start),
        rule=rule.name,
        kind=rule.kind,
        series=source,
        title=f"{rule.label + ': ' if rule.label else ''}{source}: {what} {hours} giờ, bình thường có khoảng {number(rate)} tin",
        title_en=f"{rule.label + ': ' if rule.label else ''}{source}: {what_en} for {hours} hours, "
        f"usually about {number(rate, 'en')} articles",
        query=f'source:"{source}"',
        state="open" if is_open else "closed",
        window_start=start,
        window_end=end,
        evaluated_at=coverage.now,
        observed=0,
        expected=round(rate, 4),
        probability=1.0,
        has_expectation=False,
        unit="tin",
        unit_en="articles",
        reason=f"Tin cuối cùng trước {local(start)}; im lặng dài nhất trước đây: {number(usual)} giờ. {reason}",
        reason_en=f"Nothing from {source} for {hours} hours; the longest silence before was {usual:.0f} hours. {english}",
        evidence=coverage.evidence(
            "", Filters(sources=(source,)), start - timedelta(days=2), start, lambda article: [article.lead] if article.lead else ()
        )[:1],
        ends_when="Khi nguồn có tin mới.",
        ends_when_en="When the source has something new.",
    )


def _not_collected(rule: SilentSource, coverage: Coverage, silent: int, steady: int) -> Alert:
    last = coverage.collecting.last_run if coverage.collecting else None
    since = last or coverage.now - timedelta(hours=rule.quiet_hours)
    told = f"lần thu thập cuối kết thúc lúc {local(last)}" if last else f"{silent} trong {steady} nguồn đều đặn cùng im lặng"
    told_en = f"the last crawl ended at {local(last)}" if last else f"{silent} of {steady} steady sources are silent"
    return Alert(
        id=alert_id(rule.name, COLLECTING, since),
        rule=rule.name,
        kind=rule.kind,
        series=COLLECTING,
        title=f"Thu thập tin: có vẻ đã dừng, {told}",
        title_en=f"Collecting seems to have stopped: {told_en}",
        state="open",
        window_start=since,
        window_end=coverage.now,
        evaluated_at=coverage.now,
        observed=0,
        expected=0.0,
        probability=1.0,
        has_expectation=False,
        unit="tin",
        unit_en="articles",
        reason=f"{silent} trong {steady} nguồn đều đặn không có tin trong {rule.quiet_hours} giờ: thu thập hỏng, báo chí không im lặng.",
        reason_en=f"{silent} of {steady} steady sources had nothing for {rule.quiet_hours} hours: collecting failed, not the press.",
        ends_when="Khi có tin mới từ các nguồn; kiểm tra: diembao doctor.",
        ends_when_en="When the sources have something new; to check: diembao doctor.",
    )
