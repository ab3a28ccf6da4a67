"""What rules read: counts, articles and sources of the engine, each asked for once however many rules want it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from alerts.holidays import is_holiday
from diembao.alert import Alert, Evidence
from diembao.article import Article
from diembao.clock import VIETNAM, start_of_day, vietnam_day
from diembao.engine import Appearance, CountBucket, Filters, SearchEngine, SearchRequest, Unit
from diembao.taxonomy import Taxonomy

HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
MOST_EVIDENCE = 10
READ_FOR_EVIDENCE = 500
OUTAGE = 12.0
"""Hours without any article in which so many were to be expected were not silence: nothing was collected."""
_PAGE = 500

_ALL = Filters()

Worked = TypeVar("Worked")

Said = Callable[[Article], Sequence[str]]


@dataclass(frozen=True)
class SourceHealth:
    """What the crawler knows of one source.

    Attributes:
        failures: failed fetches of its feeds and listings in a row; 0 when one of them works.
        fetched_at: when one of them was last fetched, or None.
    """

    failures: int
    fetched_at: datetime | None


@dataclass(frozen=True)
class Collecting:
    """What is known of the collecting itself: when a crawl last ended, and how the sources are."""

    last_run: datetime | None
    sources: dict[str, SourceHealth]


@dataclass(frozen=True)
class Hourly:
    """What is counted by the hour; see Coverage.hours."""

    query: str
    filters: Filters
    unit: Unit = "articles"
    fold: bool = True


class Coverage:
    """The coverage up to one moment, as rules read it. What was read once is kept until the object goes; several threads may read.

    Args:
        engine: read only.
        now: the present moment, aware UTC; articles dated later are left out.
        taxonomy: names of topics and fields.
        collecting: what the crawler knows; None: nothing.
    """

    def __init__(self, engine: SearchEngine, now: datetime, taxonomy: Taxonomy, collecting: Collecting | None = None) -> None:
        self.engine, self.now, self.taxonomy, self.collecting = engine, now, taxonomy, collecting
        self._counts: dict[tuple[str, Filters, Unit, bool], tuple[datetime, list[CountBucket]]] = {}
        self._outages: tuple[datetime, frozenset[datetime]] | None = None
        self._kept: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def keep(self, key: Hashable, work_out: Callable[[], Worked]) -> Worked:
        """What `work_out` gives, worked out once for each `key`: rules that ask the same question share the answer."""
        with self._alone(key):
            if key not in self._kept:
                self._kept[key] = work_out()
            return cast(Worked, self._kept[key])

    def _alone(self, key: Hashable) -> threading.Lock:
        """What keeps several threads from working out the same at once; who works something out may ask for what it depends on."""
        with self._lock:
            return self._locks.setdefault(key, threading.Lock())

    def first_day(self, since: datetime) -> datetime:
        """Beginning of the day of `since` in Vietnam."""
        return start_of_day(vietnam_day(since))

    def hours(self, query: str, filters: Filters, begin: datetime, *, unit: Unit = "articles", fold: bool = True) -> list[CountBucket]:
        """Every hour of [begin, now), oldest first; `begin` is the beginning of an hour. `fold`: a group of copies counts once.

        For `unit` "outlets" and "stories" an hour counts those that did not appear in the 24 hours before: a sum of what is distinct
        within each hour would tell one story of ten hours ten times.
        """
        key = query, filters, unit, fold
        with self._alone(("hours", *key)):
            known = self._counts.get(key)
            if known is None or known[0] > begin:
                span = replace(filters, published_from=begin, published_to=self.now)
                if unit == "articles":
                    buckets = self.engine.count(query, span, "hour", fold_copies=fold)
                else:
                    buckets = new_in_hours(self.engine.appearances(query, span, unit))
                known = self._counts[key] = begin, hours_of(buckets, begin, self.now)
        return known[1][int((begin - known[0]) / HOUR) :]

    def articles(self, query: str, filters: Filters) -> tuple[Article, ...]:
        """Every matching article, in the order in which they were first seen."""
        return self.keep(("articles", query, filters), lambda: tuple(self.engine.scan(query, filters)))

    def sources(self, begin: datetime, end: datetime, query: str = "", filters: Filters = _ALL) -> dict[str, int]:
        """How many articles each source published in [begin, end); only sources with any."""
        span = replace(filters, published_from=begin, published_to=end)

        def ask() -> dict[str, int]:
            found = self.engine.search(SearchRequest(query, span, fold_copies=False, limit=0, highlight=False))
            return {facet.value: facet.count for facet in found.facets.get("source", [])}

        return self.keep(("sources", query, span), ask)

    def collecting_since(self, begin: datetime) -> datetime:
        """The first day at or after `begin` from which articles came regularly: what lies before was not silence but no collecting.

        A single old article does not count: of the week that begins with the day, three days must have articles, or all that there are.
        """
        return self.keep(("collecting since", begin), lambda: self._first_regular_day(begin))

    def _first_regular_day(self, begin: datetime) -> datetime:
        hours = self.hours("", _ALL, begin, fold=False)
        filled: dict[datetime, bool] = {}
        for bucket in hours:
            day = max(begin, start_of_day(vietnam_day(bucket.start)))
            filled[day] = filled.get(day, False) or bucket.total > 0
        days, has = list(filled), list(filled.values())
        for index, day in enumerate(days):
            week = has[index : index + 7]
            if has[index] and sum(week) >= min(3, len(week)):
                return day
        return begin

    def outages(self, begin: datetime) -> frozenset[datetime]:
        """The hours since `begin` in which nothing was collected: no source had anything while OUTAGE articles were to be expected.

        Nights, Sundays and holidays are quieter, so what is to be expected is learned for each hour of the week.
        """
        with self._alone("outages"):
            known = self._outages
            if known is None or known[0] > begin:
                hours = self.hours("", _ALL, begin, fold=False)
                known = self._outages = begin, frozenset(hours[index].start for index in silent_hours(hours))
        return frozenset(hour for hour in known[1] if hour >= begin)

    @cached_property
    def has_collected(self) -> bool:
        """Whether a crawl ended within the last day, as far as that is known."""
        return self.collecting is None or self.collecting.last_run is None or self.now - self.collecting.last_run < timedelta(days=1)

    def newcomers(self, start: datetime, end: datetime, begin: datetime) -> frozenset[str]:
        """Sources that published at least three articles in [start, end) and none in the three days before.

        Such a source was broken, or is new: that its articles arrive says nothing about the news. What the three days before should
        have held is unknown when collecting began only then; nobody is a newcomer in that case.
        """
        if start - timedelta(days=1) < begin:
            return frozenset()
        before = self.sources(max(begin, start - timedelta(days=3)), start)
        return frozenset(source for source, count in self.sources(start, end).items() if count >= 3 and source not in before)

    def evidence(self, query: str, filters: Filters, start: datetime, end: datetime, said: Said) -> list[Evidence]:
        """The stories of the matching articles of [start, end), the widest first, at most MOST_EVIDENCE."""
        span = replace(filters, published_from=start, published_to=end)
        found: list[Article] = []
        cursor: str | None = None
        while len(found) < READ_FOR_EVIDENCE:
            result = self.engine.search(
                SearchRequest(query, span, fold_copies=False, sort="time", limit=_PAGE, after=cursor, facets=False, highlight=False)
            )
            found.extend(hit.article for hit in result.hits)
            cursor = result.cursor
            if cursor is None or not result.hits:
                break
        return stories_of(found, said)


def silent_hours(hours: Sequence[CountBucket]) -> list[int]:
    """Rows of unbroken runs without any article in which at least OUTAGE were to be expected for their hours of the week."""
    totals = np.array([bucket.total for bucket in hours], float)
    if not totals.any():
        return []
    local = [bucket.start.astimezone(VIETNAM) for bucket in hours]
    slots = np.array([moment.weekday() * 24 + moment.hour for moment in local])
    clock = slots % 24
    first, last = int(np.flatnonzero(totals)[0]), len(totals)
    # Two levels: an hour of the week is known from few weeks only, so it leans on the hour of the day.
    by_hour = np.bincount(clock[first:last], totals[first:last], 24) / np.maximum(np.bincount(clock[first:last], minlength=24), 1)
    sums, seen = np.bincount(slots[first:last], totals[first:last], 168), np.bincount(slots[first:last], minlength=168)
    usual = (sums + 0.5 * by_hour[np.arange(168) % 24]) / (seen + 0.5)
    expected = usual[slots]
    free = np.array([is_holiday(moment.date()) for moment in local])
    expected[free] = 0.0
    rows: list[int] = []
    begin = 0
    for row in range(first, last + 1):
        if row == last or totals[row] > 0:
            if row > begin and begin >= first and expected[begin:row].sum() >= OUTAGE:
                rows.extend(range(begin, row))
            begin = row + 1
    return rows


def new_in_hours(appearances: Sequence[Appearance]) -> list[CountBucket]:
    """Hours with how many outlets or stories appeared in them that had not appeared in the 24 hours before, and how many negatively.

    `appearances`: oldest first.
    """
    total = _new_by_hour(appearances)
    negative = [one for one in appearances if one.negative]
    of_them = total if len(negative) == len(appearances) else _new_by_hour(negative)
    return [CountBucket(hour, total.get(hour, 0), of_them.get(hour, 0)) for hour in sorted(total.keys() | of_them.keys())]


def _new_by_hour(appearances: Sequence[Appearance]) -> dict[datetime, int]:
    found: dict[datetime, int] = {}
    last: dict[str, datetime] = {}
    hour = following = datetime.min.replace(tzinfo=UTC)
    for at, key, _ in appearances:
        before = last.get(key)
        if before is None or at - before >= _DAY:
            last[key] = at
            if at >= following:
                hour = at.replace(minute=0, second=0, microsecond=0)
                following = hour + HOUR
                found[hour] = 0
            found[hour] += 1
    return found


def hours_of(buckets: Iterable[CountBucket], begin: datetime, now: datetime) -> list[CountBucket]:
    """Every hour of [begin, now), those without a bucket as zero."""
    hours = int((now - begin) / HOUR) + 1
    given = list(buckets)
    if (
        given
        and given[0].start == begin
        and given[-1].start < now <= given[-1].start + HOUR
        and len(given) == int((now - begin - _INSTANT) / HOUR) + 1
    ):
        return given
    known = {bucket.start: bucket for bucket in given}
    starts = (begin + timedelta(hours=index) for index in range(hours))
    return [known.get(start) or CountBucket(start, 0, 0) for start in starts if start < now]


def is_negative(article: Article) -> bool:
    """Whether the article's tone is negative."""
    return article.sentiment is not None and article.sentiment.label == "negative"


def story_key(article: Article) -> str:
    """What articles on one event share."""
    return article.story_id or article.copy_of or article.id


def negative_sentences(article: Article) -> Sequence[str]:
    """The sentences that made it negative."""
    return article.sentiment.sentences if article.sentiment else ()


def critical_sentences(article: Article) -> Sequence[str]:
    """The sentences that criticise somebody."""
    return article.critical_of.sentences if article.critical_of else ()


def telling_sentences(article: Article) -> Sequence[str]:
    """What criticises, else what is negative, else the lead."""
    if article.critical_of and article.critical_of.label != "none" and article.critical_of.sentences:
        return article.critical_of.sentences
    if is_negative(article) and negative_sentences(article):
        return negative_sentences(article)
    return [article.lead] if article.lead else ()


def stories_of(articles: Iterable[Article], said: Said) -> list[Evidence]:
    """The stories of `articles`, the widest first, at most MOST_EVIDENCE. `said`: the sentences of an article that count here."""
    stories: dict[str, list[Article]] = {}
    for article in articles:
        stories.setdefault(story_key(article), []).append(article)
    evidence = [_story(group, said) for group in stories.values()]
    undated = datetime.max.replace(tzinfo=UTC)
    evidence.sort(key=lambda story: (-(story.copies + len(story.outlets)), story.published_at or undated, story.article_id))
    return evidence[:MOST_EVIDENCE]


def _story(group: list[Article], said: Said) -> Evidence:
    """One story: its first article speaks for it."""
    ordered = sorted(
        group,
        key=lambda article: (article.published_at or datetime.max.replace(tzinfo=UTC), article.copy_of is not None, article.id),
    )
    first = ordered[0]
    told = [sentence for article in ordered for sentence in said(article)[:1]]
    places = dict.fromkeys(place.name for article in ordered for place in article.places)
    return Evidence(
        article_id=first.id,
        title=first.title,
        url=first.url,
        source=first.source,
        published_at=first.published_at,
        sentences=list(dict.fromkeys(told))[:3],
        copies=len(group) - 1,
        outlets=list(dict.fromkeys(article.source for article in ordered if article.source)),
        places=list(places)[:6],
    )


def alert_id(rule: str, series: str, start: datetime) -> str:
    """The id of an alert: 24 hex digits of a hash of rule, series and beginning."""
    return hashlib.sha256(f"{rule}\x1f{series}\x1f{start.isoformat()}".encode()).hexdigest()[:24]


def oldest_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts by their beginning, then id."""
    return sorted(alerts, key=lambda alert: (alert.window_start, alert.id))
