"""Story reach: one story is carried by so many outlets."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from alerts.coverage import Coverage, alert_id, stories_of, story_key, telling_sentences
from alerts.rule import Rule, query_of
from alerts.wording import hours_between
from diembao.alert import Alert
from diembao.article import Article

_STORIES = 2000
"""Stories that one evaluation looks at, the largest."""


class StoryReach(Rule):
    """The rule, as its TOML table says it."""

    recent: ClassVar[timedelta] = timedelta(days=2)

    kind: Literal["story_reach"]
    outlets: int = Field(default=8, ge=2, le=1000, description="so many different outlets make the alert")
    within_hours: int = Field(default=48, ge=1, le=168, description="the outlets are counted over so many hours")
    negative: bool = Field(default=False, description="true: only articles of negative tone count")

    @property
    def reach(self) -> timedelta:
        """What was published within the window before the first moment that is judged."""
        return timedelta(hours=self.within_hours)


MODEL = StoryReach


def evaluate(rule: StoryReach, coverage: Coverage, since: datetime) -> list[Alert]:
    """The stories that had so many outlets within the window at any time in [since, now)."""
    span = replace(rule.filters, published_from=since - rule.reach, published_to=coverage.now)
    if rule.negative:
        span = replace(span, sentiments=("negative",))
    found = []
    for story in coverage.engine.story_outlets(rule.query, span, rule.outlets, _STORIES):
        articles = sorted(coverage.articles(rule.query, replace(span, story_id=story)), key=_when)
        passed = _passed(articles, rule.outlets, rule.reach)
        if passed is None:
            continue
        first, at = passed
        # It stays one alert while new articles come.
        last = max(_when(article) for article in articles)
        if max(last, at) + timedelta(hours=24) > since:
            found.append(_alert(rule, coverage, story, articles, _when(first), last))
    return found


def _passed(articles: list[Article], outlets: int, within: timedelta) -> tuple[Article, datetime] | None:
    """The first article of the window in which so many outlets came together, and when; None: they never did."""
    begin = 0
    for end, article in enumerate(articles):
        while _when(article) - _when(articles[begin]) > within:
            begin += 1
        if len({one.source for one in articles[begin : end + 1]}) >= outlets:
            return articles[begin], _when(article)
    return None


def _when(article: Article) -> datetime:
    if article.published_at is None:
        raise ValueError(f"{article.id} has no date")  # the filter on dates leaves none
    return article.published_at


def _alert(rule: StoryReach, coverage: Coverage, story: str, articles: list[Article], start: datetime, last: datetime) -> Alert:
    counted = [article for article in articles if _when(article) >= start]
    reached = len({article.source for article in counted})
    is_open = last + timedelta(hours=24) > coverage.now
    end = min(last + timedelta(minutes=1), coverage.now)
    hours = hours_between(start, end)
    lead = next((article for article in counted if story_key(article) == article.id), counted[0])
    return Alert(
        id=alert_id(rule.name, story, start),
        rule=rule.name,
        kind=rule.kind,
        series=story,
        title=f"{rule.label or 'Lan rộng'}: {reached} báo đưa “{lead.title}”",
        title_en=f"{rule.label or 'Spreads widely'}: {reached} outlets carry “{lead.title}”",
        query=query_of(rule.query, rule.filters, f'story:"{story}"'),
        state="open" if is_open else "closed",
        window_start=start,
        window_end=max(end, start + timedelta(minutes=1)),
        evaluated_at=coverage.now,
        observed=reached,
        expected=0.0,
        probability=1.0,
        has_expectation=False,
        unit="báo cùng đưa một sự việc",
        unit_en="outlets with one story",
        reason=f"{reached} báo trong {hours} giờ, quy tắc báo từ {rule.outlets} báo trong {rule.within_hours} giờ.",
        reason_en=f"{reached} outlets in {hours} hours; the rule speaks from {rule.outlets} outlets in {rule.within_hours} hours on.",
        evidence=stories_of(counted, telling_sentences),
        ends_when="Khi 24 giờ liền không có thêm bài về sự việc này.",
        ends_when_en="When nothing more has been written on it for 24 hours.",
    )
