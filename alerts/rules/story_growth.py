"""Story growth: outlets take up one story faster than stories do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp, log
from typing import ClassVar, Literal

from pydantic import Field

from alerts.coverage import Coverage, alert_id, stories_of, story_key, telling_sentences
from alerts.rule import Rule, query_of
from alerts.wording import hours_between, number
from diembao.alert import Alert
from diembao.engine import Filters

_YEAR = timedelta(days=365.25)
_LEAST = 2
"""Stories of fewer outlets did not grow; they are not read."""
_STORIES = 2000
"""Stories of the past that are read, the largest: the slower ones tell nothing of the fastest."""
_KNOWN = 20
"""So many of the fastest stories of the past tell how the numbers fall off."""
_CALM = timedelta(hours=24)
_LONGEST = timedelta(days=14)
"""An outlet that wrote on a story within so much time before does not take it up."""


class StoryGrowth(Rule):
    """The rule, as its TOML table says it."""

    recent: ClassVar[timedelta] = timedelta(days=2)

    kind: Literal["story_growth"]
    within_hours: int = Field(default=3, ge=1, le=48, description="growth is that of so many hours")
    outlets: int = Field(default=4, ge=2, le=1000, description="fewer outlets that take it up in these hours are never an alert")
    alerts_per_year: float = Field(default=12.0, gt=0, le=1000, description="so fast a story is met about so often in a year")
    history_days: int = Field(default=60, ge=7, le=400, description="days that tell how fast stories usually are")
    negative: bool = Field(default=False, description="true: only articles of negative tone count")

    @property
    def budget(self) -> float | None:
        """How many alerts a year are wanted."""
        return self.alerts_per_year

    @property
    def reach(self) -> timedelta:
        """Usual stories are those of the past."""
        return timedelta(days=self.history_days)


MODEL = StoryGrowth


@dataclass(frozen=True)
class Growth:
    """The fastest growth of one story.

    Attributes:
        outlets: how many outlets took it up within the hours of the rule.
        start: when the first of them wrote.
        passed: when the one wrote that made them so many.
    """

    outlets: int
    start: datetime
    passed: datetime


def evaluate(rule: StoryGrowth, coverage: Coverage, since: datetime) -> list[Alert]:
    """The stories that grew faster than usual and were still written about in [since, now).

    Each day is judged by the stories of the days before it. As long as less than a week is known, no story is unusual.
    """
    filters = replace(rule.filters, sentiments=("negative",)) if rule.negative else rule.filters
    within = timedelta(hours=rule.within_hours)
    first = coverage.first_day(since - _CALM)
    begin = coverage.collecting_since(coverage.first_day(first - rule.reach))
    past = _stories(coverage, rule.query, replace(filters, published_from=begin, published_to=first), _LEAST)
    now = _stories(coverage, rule.query, replace(filters, published_from=first - _LONGEST, published_to=coverage.now), rule.outlets)
    speeds = [(growth.passed, growth.outlets) for times in past.values() if (growth := fastest(times.values(), within))]
    fast = {story: growth for story, times in now.items() if (growth := fastest(times.values(), within)) and growth.passed >= first}
    speeds.extend((growth.passed, growth.outlets) for growth in fast.values())
    found = []
    for story, growth in fast.items():
        day = coverage.first_day(growth.passed)
        known = max(begin, day - rule.reach)
        ordinary = usual(rule, [outlets for at, outlets in speeds if known <= at < day], day - known)
        grown = passing(now[story].values(), within, max(ordinary, float(rule.outlets)))
        if grown is not None and grown.passed >= first and max(now[story].values()) + _CALM > since:
            found.append(_alert(rule, coverage, story, grown, ordinary, now[story]))
    return found


def _stories(coverage: Coverage, query: str, filters: Filters, least: int) -> dict[str, dict[str, datetime]]:
    key = "story_outlets", query, filters, least
    return coverage.keep(key, lambda: coverage.engine.story_outlets(query, filters, least, _STORIES))


def fastest(times: Iterable[datetime], within: timedelta) -> Growth | None:
    """The fastest growth: most outlets within `within`, the earliest of equals; None without any.

    Args:
        times: when each outlet first wrote.
        within: the length of time.
    """
    best: Growth | None = None
    ordered = sorted(times)
    begin = 0
    for end, at in enumerate(ordered):
        while at - ordered[begin] > within:
            begin += 1
        if best is None or end - begin + 1 > best.outlets:
            best = Growth(end - begin + 1, ordered[begin], at)
    return best


def passing(times: Iterable[datetime], within: timedelta, limit: float) -> Growth | None:
    """The first moment at which `limit` or more outlets had taken the story up within `within`; None: never."""
    ordered = sorted(times)
    begin = 0
    for end, at in enumerate(ordered):
        while at - ordered[begin] > within:
            begin += 1
        if end - begin + 1 >= limit:
            return Growth(end - begin + 1, ordered[begin], at)
    return None


def usual(rule: StoryGrowth, speeds: Sequence[int], known: timedelta) -> float:
    """From how many outlets on a story is faster than `alerts_per_year` stories a year.

    The fastest stories of the past tell how the numbers fall off; beyond what was seen the fall is taken to go on as a power, which
    is how the sizes of stories are distributed (A. Clauset et al., Power-law distributions in empirical data, SIAM Review 51(4), 2009,
    equation 3.7). Infinite while less than a week is known.

    Args:
        rule: the rule.
        speeds: the fastest growth of each story of the past.
        known: how long that past is.
    """
    if known < timedelta(days=7):
        return float("inf")
    allowed = rule.alerts_per_year * (known / _YEAR)
    ordered = sorted((speed for speed in speeds if speed >= _LEAST), reverse=True)
    if len(ordered) <= allowed:
        return float(_LEAST)
    if allowed >= _KNOWN:
        return float(ordered[int(allowed)] + 1)
    least = ordered[min(_KNOWN, len(ordered)) - 1]
    top = [speed for speed in ordered if speed >= least]
    # Half an outlet less is where a count of whole outlets begins.
    fall = sum(log(speed / (least - 0.5)) for speed in top) / len(top)
    return (least - 0.5) * exp(fall * max(log(len(top) / allowed), 0.0)) + 0.5


def _alert(rule: StoryGrowth, coverage: Coverage, story: str, grown: Growth, ordinary: float, times: dict[str, datetime]) -> Alert:
    filters = replace(rule.filters, published_from=grown.start, published_to=coverage.now, story_id=story)
    if rule.negative:
        filters = replace(filters, sentiments=("negative",))
    articles = list(coverage.articles(rule.query, filters))
    lead = next((article for article in articles if story_key(article) == article.id), articles[0] if articles else None)
    last = max(times.values())
    end = min(last + timedelta(minutes=1), coverage.now)
    reached = sum(at >= grown.start for at in times.values())
    return Alert(
        id=alert_id(rule.name, story, grown.start),
        rule=rule.name,
        kind=rule.kind,
        series=story,
        title=f"{rule.label or 'Lan nhanh'}: {grown.outlets} báo trong {rule.within_hours} giờ đưa “{lead.title if lead else story}”",
        title_en=f"{rule.label or 'Spreads fast'}: {grown.outlets} outlets in {rule.within_hours} hours "
        f"carry “{lead.title if lead else story}”",
        query=query_of(rule.query, rule.filters, f'story:"{story}"', *(["sentiment:negative"] if rule.negative else [])),
        state="open" if last + _CALM > coverage.now else "closed",
        window_start=grown.start,
        window_end=max(end, grown.start + timedelta(minutes=1)),
        evaluated_at=coverage.now,
        observed=reached,
        expected=0.0,
        probability=1.0,
        has_expectation=False,
        unit="báo cùng đưa một sự việc",
        unit_en="outlets with one story",
        reason=f"{grown.outlets} báo trong {rule.within_hours} giờ; lan nhanh từ {number(ordinary)} báo trở lên "
        f"chỉ gặp khoảng {number(rule.alerts_per_year)} lần mỗi năm. Đến nay: {reached} báo trong {hours_between(grown.start, end)} giờ.",
        reason_en=f"{grown.outlets} outlets in {rule.within_hours} hours; {ordinary:.1f} or more are met about "
        f"{rule.alerts_per_year:g} times a year. By now {reached} outlets in {hours_between(grown.start, end)} hours.",
        evidence=stories_of(articles, telling_sentences),
        ends_when="Khi 24 giờ liền không có thêm báo nào đưa sự việc này.",
        ends_when_en="When no further outlet has taken it up for 24 hours.",
    )
