"""Ask the engine what a rule needs to know, let the rule decide, and collect the evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.rules.negative_spike import Finding, WatchedSeries, watched_series
from alerts.rules.negative_spike import evaluate as find_jumps
from alerts.rules_file import Rule
from alerts.wording import count_words, hours_between, number
from diembao.alert import Alert, Evidence
from diembao.article import Article
from diembao.clock import start_of_day, vietnam_day
from diembao.engine import CountBucket, Filters, Hit, SearchEngine, SearchRequest, Unit
from diembao.taxonomy import Taxonomy

RECENT = timedelta(days=7)
"""Alerts that ended longer ago than this are not reported again."""
_MOST_EVIDENCE = 10
_READ_FOR_EVIDENCE = 500


def evaluate(rules: Sequence[Rule], engine: SearchEngine, now: datetime, taxonomy: Taxonomy) -> list[Alert]:
    """The alerts of `rules` that are open at `now` or ended within the last week, oldest first.

    Args:
        rules: see alerts.rules_file.read_rules.
        engine: read only.
        now: the present moment, aware UTC; articles dated later are left out.
        taxonomy: names of topics and fields.

    Raises:
        EngineError: when the engine fails.
        QueryError: when a rule's query cannot be understood.
    """
    return [alert for rule in rules for alert in replay(rule, engine, now, taxonomy, since=now - RECENT)]


def replay(rule: Rule, engine: SearchEngine, now: datetime, taxonomy: Taxonomy, since: datetime) -> list[Alert]:
    """The alerts of one rule that were open at any time in [since, now), oldest first.

    Every hour is judged on itself and earlier ones only, so this is also what the rule would have said at the time.
    """
    watched = watched_series(rule, taxonomy)
    begin = start_of_day(vietnam_day(min(now - timedelta(days=rule.history_days), since - timedelta(days=30))))
    begin = collecting_since(engine, begin, now)
    found: list[Alert] = []
    for series in watched:
        span = replace(series.filters, published_from=begin, published_to=now)
        if rule.unit == "articles":
            counts = engine.count(series.query, span, "hour", fold_copies=not rule.copies)
        else:
            counts = distinct_by_hour(engine, series.query, replace(span, sentiments=("negative",)), rule.unit)
        buckets = hours_of(counts, begin, now)
        found.extend(_alert(rule, series, finding, engine, now) for finding in find_jumps(rule, buckets, len(watched), since))
    return sorted(found, key=lambda alert: (alert.window_start, alert.id))


def collecting_since(engine: SearchEngine, begin: datetime, now: datetime) -> datetime:
    """The first day at or after `begin` from which articles came regularly: what lies before was not silence but no collecting.

    A single old article does not count: of the week that begins with the day, three days must have articles, or all that there are.
    """
    days = engine.count("", Filters(published_from=begin, published_to=now), "day")
    filled = [bucket.total > 0 for bucket in days]
    for index, bucket in enumerate(days):
        week = filled[index : index + 7]
        if filled[index] and sum(week) >= min(3, len(week)):
            return max(begin, bucket.start)
    return begin


def distinct_by_hour(engine: SearchEngine, query: str, filters: Filters, unit: Unit) -> list[CountBucket]:
    """Hours with how many outlets or stories appeared in them that had not appeared in the 24 hours before.

    The engine counts what is distinct within one hour; a sum of such counts would tell one story of ten hours ten times.
    """
    seen = [
        (article.published_at, article.source if unit == "outlets" else _story_of(article))
        for article in engine.scan(query, filters)
        if article.published_at is not None
    ]
    counts: dict[datetime, int] = {}
    last: dict[str, datetime] = {}
    for at, key in sorted(seen):
        if key not in last or at - last[key] >= timedelta(hours=24):
            last[key] = at
            hour = at.replace(minute=0, second=0, microsecond=0)
            counts[hour] = counts.get(hour, 0) + 1
    return [CountBucket(hour, count, count) for hour, count in sorted(counts.items())]


def hours_of(buckets: Sequence[CountBucket], begin: datetime, now: datetime) -> list[CountBucket]:
    """Every hour of [begin, now), those without a bucket as zero."""
    known = {bucket.start: bucket for bucket in buckets}
    hours = int((now - begin) / timedelta(hours=1)) + 1
    starts = (begin + timedelta(hours=index) for index in range(hours))
    return [known.get(start) or CountBucket(start, 0, 0) for start in starts if start < now]


def query_of(rule: Rule, series: WatchedSeries) -> str:
    """The query that shows the articles of `series`, in the query language."""
    parts = [f"({rule.query})"] if rule.query else []
    for field, values in (("topic", series.filters.topics), ("critical_of", series.filters.critical_of)):
        if values:
            parts.append(f"{field}:{values[0]}" if len(values) == 1 else f"{field}:({' OR '.join(values)})")
    if series.filters.places:
        parts.append("(" + " OR ".join(f'place:"{place}"' for place in series.filters.places) + ")")
    return " AND ".join([*parts, "sentiment:negative"])


def _alert(rule: Rule, series: WatchedSeries, finding: Finding, engine: SearchEngine, now: datetime) -> Alert:
    end = min(finding.end, now)
    hours = hours_between(finding.start, end)
    observed = count_words(finding.observed, rule.unit)
    return Alert(
        id=alert_id(rule.name, series.code, finding.start),
        rule=rule.name,
        kind=rule.kind,
        series=series.code,
        title=f"{series.name}: {observed} trong {hours} giờ, bình thường {number(finding.expected)}",
        query=query_of(rule, series),
        state="open" if finding.is_open else "closed",
        window_start=finding.start,
        window_end=end,
        evaluated_at=now,
        observed=finding.observed,
        expected=round(finding.expected, 4),
        probability=finding.probability,
        points=list(finding.points),
        evidence=_evidence(rule, series, engine, finding.start, end),
        ends_when="Khi sáu giờ liên tiếp không còn bất thường "
        f"(bình thường: tối đa {count_words(finding.calm_below, rule.unit)} trong 24 giờ).",
    )


def alert_id(rule: str, series: str, start: datetime) -> str:
    """The id of an alert: 24 hex digits of a hash of rule, series and beginning."""
    return hashlib.sha256(f"{rule}\x1f{series}\x1f{start.isoformat()}".encode()).hexdigest()[:24]


def _evidence(rule: Rule, series: WatchedSeries, engine: SearchEngine, start: datetime, end: datetime) -> list[Evidence]:
    filters = replace(series.filters, published_from=start, published_to=end, sentiments=("negative",))
    articles: list[Hit] = []
    cursor: str | None = None
    while len(articles) < _READ_FOR_EVIDENCE:
        result = engine.search(
            SearchRequest(
                query=series.query, filters=filters, fold_copies=False, sort="time", limit=200, after=cursor, facets=False, highlight=False
            )
        )
        articles.extend(result.hits)
        cursor = result.cursor
        if cursor is None or not result.hits:
            break
    stories: dict[str, list[Article]] = {}
    for hit in articles:
        stories.setdefault(_story_of(hit.article), []).append(hit.article)
    evidence = [_story(group) for group in stories.values()]
    evidence.sort(key=lambda story: (-(story.copies + len(story.outlets)), story.published_at or start, story.article_id))
    return evidence[:_MOST_EVIDENCE]


def _story_of(article: Article) -> str:
    return article.story_id or article.copy_of or article.id


def _story(group: list[Article]) -> Evidence:
    """One story: its first article speaks for it."""
    ordered = sorted(
        group, key=lambda article: (article.published_at is None, article.published_at, article.copy_of is not None, article.id)
    )
    first = ordered[0]
    told = [article.sentiment.sentences[0] for article in ordered if article.sentiment and article.sentiment.sentences]
    own = first.sentiment.sentences[:1] if first.sentiment else []
    sentences = list(dict.fromkeys([*own, *told]))
    places = dict.fromkeys(place.name for article in ordered for place in article.places)
    return Evidence(
        article_id=first.id,
        title=first.title,
        url=first.url,
        source=first.source,
        published_at=first.published_at,
        sentences=sentences[:3],
        copies=len(group) - 1,
        outlets=list(dict.fromkeys(article.source for article in ordered if article.source)),
        places=list(places)[:6],
    )
