"""A saved query at once: every new article that matches is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from alerts.coverage import Coverage, alert_id, stories_of, story_key, telling_sentences
from alerts.rule import Rule, query_of
from alerts.wording import local
from diembao.alert import Alert
from diembao.article import Article
from diembao.clock import vietnam_day
from diembao.engine import Filters

LATE = timedelta(days=7)
"""An article that was published longer than this before it was found is no news: a source may bring its archive in again."""
_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(milliseconds=1)
"""What engines tell apart."""
_NEVER = datetime.min.replace(tzinfo=UTC)


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
    for article in _first_of_news(rule, coverage, span, since):
        groups.setdefault(_key(rule, article), []).append(article)
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


def _key(rule: NewMatch, article: Article) -> str:
    return story_key(article) if rule.each == "story" else article.copy_of or article.id


def _first_of_news(rule: NewMatch, coverage: Coverage, span: Filters, since: datetime) -> Iterable[Article]:
    """The matching articles of `span` whose group can be new, in the order in which they were first seen.

    Only those that were published or first seen since `since` are read, a few days' less than `span` holds; of the others the engine
    says only which groups they make old.
    """
    before = since - _INSTANT
    earlier = replace(span, published_to=since)
    late = coverage.keep(("late", rule.query, earlier), lambda: list(coverage.engine.scan(rule.query, earlier, after=(before, ""))))
    found = sorted([*coverage.articles(rule.query, replace(span, published_from=since)), *late], key=_order)
    firsts: dict[str, Article] = {}
    for article in found:
        firsts.setdefault(_key(rule, article), article)
    known = coverage.engine.seen_before(rule.query, earlier, before, list(firsts), "stories" if rule.each == "story" else "copies")
    if any(_order(firsts[key]) < _order_at(before) for key in known):
        # It was seen before it was published, and something of its group too: only all of them tell which was first.
        return coverage.articles(rule.query, span)
    return [article for article in found if _key(rule, article) not in known]


def _order(article: Article) -> tuple[bool, datetime, str]:
    return article.first_seen_at is not None, article.first_seen_at or _NEVER, article.id


def _order_at(moment: datetime) -> tuple[bool, datetime, str]:
    return True, moment, ""


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
        title_en=f"{rule.title}: {f'and {more} more of the day' if more else first.title}",
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
        unit_en="articles that match",
        reason=f"Tin mới khớp câu tìm đã lưu, tìm thấy lúc {local(end - _MINUTE)}.",
        reason_en=f"New match of the saved query, found at {local(end - _MINUTE)} (Vietnam).",
        evidence=stories_of(group, telling_sentences),
        ends_when="Mỗi tin được báo một lần.",
        ends_when_en="Each article is told once.",
    )
