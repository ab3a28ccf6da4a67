"""First criticism: an article critical of an authority in a place where none had been for long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from alerts.coverage import HOUR, Coverage, alert_id, critical_sentences
from alerts.rule import Rule, query_of
from alerts.wording import local
from diembao.alert import Alert
from diembao.article import Article


class FirstCriticism(Rule):
    """The rule, as its TOML table says it."""

    recent: ClassVar[timedelta] = timedelta(days=2)

    kind: Literal["first_criticism"]
    critical_of: tuple[Literal["authority", "organisation"], ...] = ("authority",)
    level: Literal["province", "unit"] = Field(default="province", description="a place is a province, or every district and ward too")
    quiet_days: int = Field(default=30, ge=3, le=365, description="days without criticism after which the next one is a first one")
    lasts_hours: int = Field(default=24, ge=1, le=168, description="how long articles that follow belong to the same alert")

    @property
    def reach(self) -> timedelta:
        """The quiet time before the first moment that is judged."""
        return timedelta(days=self.quiet_days)


MODEL = FirstCriticism


def evaluate(rule: FirstCriticism, coverage: Coverage, since: datetime) -> list[Alert]:
    """The first criticisms whose alert was open at any time in [since, now).

    That nobody criticised can only be said of days that were collected: there is no alert before `quiet_days` of regular
    collecting, and days in which nothing was collected do not count as quiet ones.
    """
    lasts = timedelta(hours=rule.lasts_hours)
    begin = coverage.first_day(since - lasts - rule.reach)
    collected = coverage.collecting_since(begin)
    outages = coverage.outages(collected)
    span = replace(rule.filters, published_from=begin, published_to=coverage.now)
    by_place: dict[str, list[Article]] = {}
    names: dict[str, str] = {}
    for article in coverage.articles(rule.query, span):
        if article.critical_of is not None and article.critical_of.confident:
            for place, name in _places(rule, article).items():
                names[place] = name
                by_place.setdefault(place, []).append(article)
    found = []
    for place, articles in by_place.items():
        articles.sort(key=_when)
        last: datetime | None = None
        begun: datetime | None = None
        for article in articles:
            at = _when(article)
            quiet_from = last or collected
            quiet = at - quiet_from - HOUR * sum(quiet_from <= hour < at for hour in outages)
            last = at
            if begun is not None and at - begun <= lasts:
                continue
            begun = at if quiet >= rule.reach else None
            if begun is not None and begun + lasts > since:
                group = [one for one in articles if begun <= _when(one) <= begun + lasts]
                found.append(_alert(rule, coverage, place, names[place], begun, group, lasts))
    return found


def _when(article: Article) -> datetime:
    if article.published_at is None:
        raise ValueError(f"{article.id} has no date")  # the filter on dates leaves none
    return article.published_at


def _places(rule: FirstCriticism, article: Article) -> dict[str, str]:
    """The places of the article that the rule watches: how the engine narrows to it (province or code), and its name."""
    watched = [place for place in article.places if not rule.places or {place.province, place.name, place.code} & set(rule.places)]
    if rule.level == "province":
        return {place.province: place.province for place in watched if place.province}
    return {place.code: place.name for place in watched}


def _alert(
    rule: FirstCriticism, coverage: Coverage, code: str, place: str, start: datetime, group: list[Article], lasts: timedelta
) -> Alert:
    end = min(start + lasts, coverage.now)
    narrowed = replace(rule.filters, places=(code,))
    whom, whom_en = ("cơ quan nhà nước", "an authority") if "authority" in rule.critical_of else ("tổ chức", "an organisation")
    return Alert(
        id=alert_id(rule.name, code, start),
        rule=rule.name,
        kind=rule.kind,
        series=code,
        title=f"{rule.label or place}{f' × {place}' if rule.label else ''}: tin đầu tiên phê phán {whom} sau {rule.quiet_days} ngày",
        title_en=f"{rule.label or place}{f' × {place}' if rule.label else ''}: "
        f"first article critical of {whom_en} in {rule.quiet_days} days",
        query=query_of(rule.query, narrowed),
        state="open" if start + lasts > coverage.now else "closed",
        window_start=start,
        window_end=max(end, start + timedelta(minutes=1)),
        evaluated_at=coverage.now,
        observed=len(group),
        expected=0.0,
        probability=1.0,
        has_expectation=False,
        unit=f"tin phê phán {whom}",
        unit_en=f"articles critical of {whom_en}",
        reason=f"Trước {local(start)} ít nhất {rule.quiet_days} ngày không có tin nào phê phán {whom} tại {place}.",
        reason_en=f"No article was critical of {whom_en} in {place} for {rule.quiet_days} days or more before {local(start)} (Vietnam).",
        evidence=coverage.evidence(rule.query, narrowed, start, start + lasts, critical_sentences),
        ends_when=f"Sau {rule.lasts_hours} giờ kể từ tin đầu tiên.",
        ends_when_en=f"{rule.lasts_hours} hours after the first article.",
    )
