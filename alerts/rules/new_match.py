"""A saved query at once: every new article that matches is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from alerts.coverage import Coverage, alert_id, stories_of, story_key, telling_sentences
from alerts.rule import Rule, query_of
from alerts.wording import local
from diembao.alert import Alert
from diembao.article import Article
from diembao.clock import vietnam_day

LATE = timedelta(days=7)
"""An article that was published longer than this before it was found is no news: a source may bring its archive in again."""
_MINUTE = timedelta(minutes=1)


class NewMatch(Rule):
    """The rule, as its TOML table says it."""

    recent: ClassVar[timedelta] = timedelta(days=2)

    kind: Literal["new_match"]
    each: Literal["article", "story"] = Field(default="article", description="one alert for each article (reprints aside), or each story")
    negative: bool = Field(default=False, description="true: only articles of negative tone")
    most_per_day: int = Field(default=20, ge=1, le=500, description="more on one day are told together in one alert")

    @model_validator(mode="after")
    def _is_a_choice(self) -> Self:
        if not self.is_narrowed:
            raise ValueError("query: write what is looked for, or every article would be an alert")
        return self


MODEL = NewMatch


def evaluate(rule: NewMatch, coverage: Coverage, since: datetime) -> list[Alert]:
    """One alert for each article (story) that was first seen in [since, now), in the order in which they were seen.

    What comes after the first `most_per_day` of a day in Vietnam is one alert that grows. Articles without a date are left out.
    """
    span = replace(rule.filters, published_from=since - LATE, published_to=coverage.now)
    if rule.negative:
        span = replace(span, sentiments=("negative",))
    groups: dict[str, list[Article]] = {}
    for article in coverage.articles(rule.query, span):
        key = story_key(article) if rule.each == "story" else article.copy_of or article.id
        groups.setdefault(key, []).append(article)
    by_day: dict[object, list[tuple[str, list[Article]]]] = {}
    for key, group in groups.items():
        seen = _seen(group[0])
        if since <= seen <= coverage.now and seen - _published(group[0]) <= LATE:
            by_day.setdefault(vietnam_day(seen), []).append((key, group))
    found: list[Alert] = []
    for day, matches in by_day.items():
        found.extend(
            _alert(rule, coverage, key, group[:1] if rule.each == "article" else group) for key, group in matches[: rule.most_per_day]
        )
        if rest := [article for _, group in matches[rule.most_per_day :] for article in group]:
            found.append(_alert(rule, coverage, f"more {day}", rest, len(matches) - rule.most_per_day))
    return found


def _seen(article: Article) -> datetime:
    published = _published(article)
    return max(article.first_seen_at or published, published)


def _published(article: Article) -> datetime:
    if article.published_at is None:
        raise ValueError(f"{article.id} has no date")  # the filter on dates leaves none
    return article.published_at


def _alert(rule: NewMatch, coverage: Coverage, series: str, group: list[Article], more: int = 0) -> Alert:
    first = min(group, key=lambda article: (_published(article), article.id))
    start = first_of_day = _published(first)
    if more:
        first_of_day = min(_seen(article) for article in group)
    end = max(_seen(article) for article in group) + _MINUTE
    what = f"và {more} tin khác trong ngày" if more else first.title
    one = f'id:"{first.id}"' if len(group) == 1 else f'story:"{series}"' if not more and first.story_id == series else ""
    return Alert(
        # The collected rest of a day is one alert, whichever article of it was published first.
        id=alert_id(rule.name, series, coverage.first_day(first_of_day) if more else start),
        rule=rule.name,
        kind=rule.kind,
        series=series,
        title=f"{rule.title}: {what}",
        query=one or query_of(rule.query, rule.filters, *(["sentiment:negative"] if rule.negative else [])),
        state="closed",
        window_start=start,
        window_end=end,
        evaluated_at=coverage.now,
        observed=len(group),
        expected=0.0,
        probability=1.0,
        has_expectation=False,
        unit="tin khớp câu tìm",
        reason=f"Tin mới khớp câu tìm đã lưu, tìm thấy lúc {local(end - _MINUTE)}.",
        reason_en=f"New match of the saved query, found at {local(end - _MINUTE)} (Vietnam).",
        evidence=stories_of(group, telling_sentences),
        ends_when="Mỗi tin được báo một lần.",
    )
