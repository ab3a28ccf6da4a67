"""What a run saw of each source, from its folder. Pure but for reading the folder."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from crawlers.runs import CrawlRun, PageFate
from diembao.article import Article
from diembao.fates import Fate
from diembao.source_round import WATCHED, SourceRound

_REFUSED = re.compile(r"\bHTTP (401|403|407|429|451)\b|robots\.txt|captcha|challenge|cookie", re.IGNORECASE)
"""What the reason of a refusal says; of a page too, when it was answered with another status."""
_UNREAD = frozenset({Fate.NOT_ARTICLE, Fate.TOO_SHORT, Fate.PARSE_ERROR, Fate.NOT_HTML})
_SAME = frozenset({"unchanged", "same links"})
_OLD = timedelta(days=2)
"""What was published so long before it was found is no news of today: a new entry's feed, a sitemap that was read for the first time."""


def observe(run: CrawlRun) -> list[SourceRound]:
    """What `run` saw of each source that it asked; nothing of a backfill, which reads other days.

    Raises:
        InputError: when the run's files are damaged.
    """
    started = run.started_at
    if started is None or run.summary.get("backfill"):
        return []
    rounds: dict[str, SourceRound] = {}
    for name, counts in run.summary.get("sources", {}).items():
        rounds[name] = SourceRound(name, run.id, started)
        problems = {problem["url"]: problem["problem"] for problem in run.summary.get("problems", []) if problem["source"] == name}
        _polls(rounds[name], counts.get("entrances", []), problems)
    for fate in run.fates():
        if fate.source in rounds:
            _page(rounds[fate.source], fate)
    for article in run.articles():
        if article.source in rounds:
            _article(rounds[article.source], article)
    return [seen for seen in rounds.values() if seen.did_something]


def _polls(seen: SourceRound, entrances: list[dict[str, Any]], problems: dict[str, str]) -> None:
    for entrance in entrances:
        if not entrance["outcome"]:
            continue  # the time was over before it was answered
        seen.polls += 1
        seen.unchanged += entrance["outcome"] in _SAME
        if entrance["outcome"] == "problem":
            why = problems.get(entrance["url"], "")
            seen.problem = seen.problem or f"{why} ({entrance['url']})"
            if _REFUSED.search(why):
                seen.refused += 1
            else:
                seen.failed += 1


def _page(seen: SourceRound, page: PageFate) -> None:
    name = str(page.fate) if page.fate is not None else "extracted"
    seen.fates[name] = seen.fates.get(name, 0) + 1
    if page.fate is None:
        seen.pages += 1
    elif page.fate is Fate.BLOCKED_BY_ROBOTS or (page.fate not in (Fate.UNCHANGED, Fate.DUPLICATE_URL) and _REFUSED.search(page.detail)):
        seen.walls += 1
    elif page.fate in _UNREAD:
        seen.pages += 1
        seen.unread += 1


def _article(seen: SourceRound, article: Article) -> None:
    seen.articles += 1
    has = {
        "authors": bool(article.authors),
        "lead": bool(article.lead),
        "minute": article.published_precision == "minute",
        "section": bool(article.section),
        "profile": article.extractor == "profile",
    }
    for name in WATCHED:
        if not has[name]:
            seen.lacking[name] = seen.lacking.get(name, 0) + 1
    found = article.fetched_at or seen.at
    is_new = article.first_seen_at is None or found - article.first_seen_at < timedelta(minutes=1)
    if is_new and (moment := _published(article, found)) is not None:
        seen.new.append(moment)


def _published(article: Article, found: datetime) -> datetime | None:
    """When it appeared; None: too long ago to be news."""
    published = article.published_at
    if published is None or published > found:
        return found
    if found - published > _OLD:
        return None
    # A day without a time says little of the hour.
    return published if article.published_precision == "minute" else found
