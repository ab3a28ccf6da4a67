"""A new name or word: nobody wrote it in the weeks before, and now it stands in several outlets and stories."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from alerts.coverage import Coverage, alert_id, stories_of, story_key, telling_sentences
from alerts.rule import Rule, query_of
from alerts.wording import hours_between, local
from diembao.alert import Alert
from diembao.article import Article
from diembao.clock import vietnam_day
from diembao.engine import Filters, SearchRequest
from diembao.errors import QueryError

_TYPES = {"person": "PER", "organisation": "ORG", "place": "LOC"}
_READ = 5000
"""Articles read of a day; of more, a fair choice."""
_KNOWN = 1000
"""Articles of the weeks before whose words are known at once, without asking for each."""
_ASKED = 300
"""Names and words that one evaluation asks the engine about, the most widespread first."""
_WORDS = 4
"""Syllables of the longest word group."""
_NEARLY = 0.8
_MORE = "more "
_TOKEN = re.compile(r"[^\W_]+")
_PUNCTUATION = re.compile(r"[^\w\s]")


class NewName(Rule):
    """The rule, as its TOML table says it."""

    recent: ClassVar[timedelta] = timedelta(days=2)

    kind: Literal["new_name"]
    names: tuple[Literal["person", "organisation", "place"], ...] = Field(
        default=("person", "organisation", "place"), description="which names"
    )
    words: bool = Field(default=False, description="true: new words and word groups of headlines and leads too")
    outlets: int = Field(default=4, ge=2, le=1000, description="so many different outlets make the alert")
    stories: int = Field(default=2, ge=1, le=1000, description="and so many different stories")
    within_hours: int = Field(default=48, ge=1, le=168, description="outlets and stories are counted over so many hours from the first on")
    quiet_days: int = Field(default=28, ge=7, le=365, description="nobody wrote it in so many days before")
    most_per_day: int = Field(default=5, ge=1, le=100, description="more on one day are told together in one alert")

    @property
    def reach(self) -> timedelta:
        """Whether it is new depends on the weeks before."""
        return timedelta(days=self.quiet_days)


MODEL = NewName


@dataclass(frozen=True)
class _New:
    """A name or word that is new: as written, its articles oldest first, and when the outlets and stories were enough."""

    text: str
    articles: list[Article]
    passed: datetime


def evaluate(rule: NewName, coverage: Coverage, since: datetime) -> list[Alert]:
    """The names and words that became known at any time in [since - within_hours, now), each an alert from its first article on.

    New means that no article of any source had it in the `quiet_days` before its first one. Before so many days were collected
    nothing is known to be new.
    """
    within = timedelta(hours=rule.within_hours)
    first = coverage.first_day(since - within)
    if coverage.collecting_since(coverage.first_day(first - rule.reach)) > coverage.now - rule.reach:
        return []
    begin = coverage.collecting_since(coverage.first_day(first - rule.reach))
    articles = [article for article in _read(rule, coverage, first) if article.published_at is not None]
    known = _texts_before(rule, coverage, first)
    found: list[_New] = []
    for text, mentions in _candidates(rule, articles, known)[:_ASKED]:
        one = _is_new(rule, coverage, text, mentions, begin)
        if one is not None and _published(one.articles[0]) + within > since:
            found.append(one)
    return _alerts(rule, coverage, _told_apart(found))


def _read(rule: NewName, coverage: Coverage, first: datetime) -> list[Article]:
    """The articles of the rule since `first`, oldest first, at most _READ of a day."""
    read: list[Article] = []
    day = first
    while day < coverage.now:
        span = replace(rule.filters, published_from=day, published_to=min(day + timedelta(days=1), coverage.now))
        key = "new_name", rule.query, span
        read.extend(coverage.keep(key, lambda span=span: coverage.engine.sample(rule.query, span, _READ, fold_copies=False)[1]))  # type: ignore[misc]
        day += timedelta(days=1)
    return sorted(read, key=lambda article: (_published(article), article.id))


def _texts_before(rule: NewName, coverage: Coverage, first: datetime) -> str:
    """The words of a fair choice of all articles of the weeks before, folded; what stands there need not be asked for."""
    span = Filters(published_from=first - rule.reach, published_to=first)
    articles = coverage.keep(("new_name", "", span), lambda: coverage.engine.sample("", span, _KNOWN)[1])
    return " " + " | ".join(" ".join(_words(f"{one.title} . {one.lead} . {one.body}")) for one in articles) + " "


def _candidates(rule: NewName, articles: list[Article], known: str) -> list[tuple[str, list[Article]]]:
    """Names and words that stand in enough outlets and stories, the most widespread first."""
    mentions: dict[str, dict[str, Article]] = defaultdict(dict)
    written: dict[str, Counter[str]] = defaultdict(Counter)
    types = {_TYPES[name] for name in rule.names}
    for article in articles:
        texts = {entity.text for entity in article.entities if entity.type in types}
        if rule.words:
            texts.update(_groups(article.title))
            texts.update(_groups(article.lead))
        for text in texts:
            key = " ".join(_words(text))
            if len(key) >= 3:
                mentions[key][article.id] = article
                written[key][" ".join(text.split())] += 1
    found = []
    for key, by_id in mentions.items():
        of = list(by_id.values())
        if (
            len({one.source for one in of}) >= rule.outlets
            and len({story_key(one) for one in of}) >= rule.stories
            and f" {key} " not in known
        ):
            text = max(written[key].items(), key=lambda item: (item[1], item[0]))[0]
            found.append((text, of))
    found.sort(key=lambda item: (-len({one.source for one in item[1]}), -len(item[1]), item[0]))
    return found


def _is_new(rule: NewName, coverage: Coverage, text: str, mentions: list[Article], begin: datetime) -> _New | None:
    """The name when it was enough within the hours of the rule from its first article on, and nobody wrote it before; else None."""
    within = timedelta(hours=rule.within_hours)
    start = _published(mentions[0])
    if start - rule.reach < begin:
        return None
    passed = None
    outlets: set[str] = set()
    stories: set[str] = set()
    for article in mentions:
        if _published(article) - start > within:
            break
        outlets.add(article.source)
        stories.add(story_key(article))
        if len(outlets) >= rule.outlets and len(stories) >= rule.stories:
            passed = _published(article)
            break
    if passed is None or _stood_before(coverage, text, start, rule.reach):
        return None
    return _New(text, [one for one in mentions if _published(one) - start <= within], passed)


def _stood_before(coverage: Coverage, text: str, start: datetime, reach: timedelta) -> bool:
    query = phrase(text)
    span = Filters(published_from=start - reach, published_to=start)

    def ask() -> bool:
        try:
            return coverage.engine.search(SearchRequest(query, span, fold_copies=False, limit=0, facets=False, highlight=False)).total > 0
        except QueryError:
            return True  # what cannot be looked for cannot be called new

    return coverage.keep(("new_name", query, span), ask)


def phrase(text: str) -> str:
    """The query that finds `text` as it stands.

    >>> phrase('Công ty "Sao Mai"')
    '"Công ty Sao Mai"'
    """
    return '"' + " ".join(re.sub(r'["\\\\]', " ", text).split()) + '"'


def _told_apart(found: list[_New]) -> list[_New]:
    """`found` without what stands in nearly the same articles as a longer one that it overlaps ("Nguyễn Văn Bình", not "Văn Bình")."""
    kept: list[_New] = []
    longer: list[tuple[set[str], set[str]]] = []
    for one in sorted(found, key=lambda new: (-len(new.text), new.text)):
        words, ids = set(_words(one.text)), {article.id for article in one.articles}
        if not any(words & others and len(ids & of_them) >= _NEARLY * len(ids) for others, of_them in longer):
            kept.append(one)
        longer.append((words, ids))
    return sorted(kept, key=lambda new: (_published(new.articles[0]), new.text))


def _alerts(rule: NewName, coverage: Coverage, found: Iterable[_New]) -> list[Alert]:
    by_day: dict[object, list[_New]] = defaultdict(list)
    for one in found:
        by_day[vietnam_day(one.passed)].append(one)
    alerts: list[Alert] = []
    for day, news in by_day.items():
        news.sort(key=lambda new: (new.passed, new.text))
        alerts.extend(_alert(rule, coverage, " ".join(_words(new.text)), [new]) for new in news[: rule.most_per_day])
        if rest := news[rule.most_per_day :]:
            alerts.append(_alert(rule, coverage, f"{_MORE}{day}", rest))
    return alerts


def _alert(rule: NewName, coverage: Coverage, series: str, news: list[_New]) -> Alert:
    articles = list({article.id: article for new in news for article in new.articles}.values())
    start = min(_published(new.articles[0]) for new in news)
    last = max(map(_published, articles))
    within = timedelta(hours=rule.within_hours)
    outlets = len({article.source for article in articles})
    stories = len({story_key(article) for article in articles})
    is_open = start + within > coverage.now
    names = ", ".join(f"“{new.text}”" for new in news[:10])
    end = max(min(last + timedelta(minutes=1), coverage.now), start + timedelta(minutes=1))
    hours = hours_between(start, end)
    return Alert(
        # What one day brought beyond the first few is one alert, whichever of it was first.
        id=alert_id(rule.name, series, coverage.first_day(news[0].passed) if series.startswith(_MORE) else start),
        rule=rule.name,
        kind=rule.kind,
        series=series,
        title=f"{rule.label or 'Tên mới'}: {names} trong tin của {outlets} báo",
        title_en=f"{rule.label or 'New name'}: {names} in articles of {outlets} outlets",
        query=query_of(rule.query, rule.filters, "(" + " OR ".join(phrase(new.text) for new in news[:10]) + ")"),
        state="open" if is_open else "closed",
        window_start=start,
        window_end=end,
        evaluated_at=coverage.now,
        observed=len(articles),
        expected=0.0,
        probability=1.0,
        has_expectation=False,
        unit="tin nhắc tới tên hoặc từ mới",
        unit_en="articles with the new name or word",
        reason=f"Trong {rule.quiet_days} ngày trước {local(start)} không báo nào nhắc tới; {hours} giờ sau đó: {outlets} báo, "
        f"{stories} sự việc (quy tắc: {rule.outlets} báo, {rule.stories} sự việc).",
        reason_en=f"Nobody wrote it in the {rule.quiet_days} days before {local(start)} (Vietnam); {outlets} outlets and {stories} stories "
        f"did in {hours} hours.",
        evidence=stories_of(articles, telling_sentences),
        ends_when=f"Sau {rule.within_hours} giờ kể từ tin đầu tiên.",
        ends_when_en=f"{rule.within_hours} hours after the first article.",
    )


def _published(article: Article) -> datetime:
    if article.published_at is None:
        raise ValueError(f"{article.id} has no date")  # the filter on dates leaves none
    return article.published_at


def _words(text: str) -> list[str]:
    """The words of `text` in small letters, without punctuation."""
    return [word.casefold() for word in _TOKEN.findall(unicodedata.normalize("NFC", text))]


def _groups(text: str) -> Iterator[str]:
    """Words and word groups of `text` as written; a group stands within one stretch without punctuation."""
    for stretch in _PUNCTUATION.split(unicodedata.normalize("NFC", text)):
        words = stretch.split()
        for size in range(1, _WORDS + 1):
            for at in range(len(words) - size + 1):
                group = " ".join(words[at : at + size])
                if not any(sign.isdigit() for sign in group):
                    yield group
