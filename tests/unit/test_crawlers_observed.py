"""What a run says of its sources, read from its folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crawlers.observed import observe
from crawlers.runs import PageFate, RunWriter, read_run
from diembao.article import Article
from diembao.fates import Fate
from diembao.source_round import SourceRound

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def article(number: int, **fields: Any) -> Article:
    whole: dict[str, Any] = {
        "url": f"https://bao.vn/{number}", "source": "bao", "title": "Tin", "body": "Bài", "fetched_at": AT, "first_seen_at": AT,
        "published_at": AT - timedelta(hours=1), "published_precision": "minute", "authors": ["An"], "lead": "Sapo", "section": "Xã hội",
        "extractor": "profile",
    }  # fmt: skip
    return Article(**{**whole, **fields})


def seen(folder: Path, articles: list[Article], fates: list[tuple[Fate, str]], **summary: Any) -> list[SourceRound]:
    writer = RunWriter(folder / "run")
    for one in articles:
        writer.write_article(one)
        writer.write_fate(PageFate(one.id, one.url, "bao", None))
    for number, (fate, detail) in enumerate(fates):
        writer.write_fate(PageFate(f"p{number}", f"https://bao.vn/p{number}", "bao", fate, detail))
    entrances = summary.pop("entrances", [])
    writer.finish({"started_at": AT.isoformat(), "problems": [], "sources": {"bao": {"entrances": entrances}}, **summary})
    return observe(read_run(folder / "run"))


def entrance(outcome: str, number: int = 1) -> dict[str, Any]:
    return {"url": f"https://bao.vn/rss{number}", "role": "feed", "outcome": outcome, "links": 1, "new": 1}


def test_polls_are_answered_refused_or_failed(tmp_path: Path) -> None:
    problems = [
        {"source": "bao", "url": "https://bao.vn/rss3", "problem": "the feed answers HTTP 403"},
        {"source": "bao", "url": "https://bao.vn/rss4", "problem": "the feed cannot be had: robots.txt forbids it"},
        {"source": "bao", "url": "https://bao.vn/rss5", "problem": "the feed answers HTTP 500"},
    ]
    polls = [entrance("read"), entrance("unchanged", 2), entrance("same links", 6), entrance("", 7)]
    polls += [entrance("problem", number) for number in (3, 4, 5)]
    (one,) = seen(tmp_path, [], [], entrances=polls, problems=problems)
    assert (one.polls, one.unchanged, one.refused, one.failed) == (6, 2, 2, 1)
    assert one.problem == "the feed answers HTTP 403 (https://bao.vn/rss3)"


def test_pages_are_read_unreadable_or_refused(tmp_path: Path) -> None:
    fates = [
        (Fate.NOT_ARTICLE, ""), (Fate.TOO_SHORT, "a video page"), (Fate.HTTP_ERROR, "HTTP 403"), (Fate.THROTTLED, "HTTP 429"),
        (Fate.BLOCKED_BY_ROBOTS, "robots.txt forbids it"), (Fate.NOT_FOUND, "HTTP 404"), (Fate.UNCHANGED, ""),
        (Fate.SERVER_ERROR, "HTTP 502"), (Fate.NOT_ARTICLE, "a cookie wall instead of the page"),
    ]  # fmt: skip
    (one,) = seen(tmp_path, [article(1)], fates)
    assert (one.pages, one.unread, one.walls, one.articles) == (3, 2, 4, 1)
    assert one.fates["extracted"] == 1
    assert sum(one.fates.values()) == 10


def test_what_articles_lack_and_when_they_appeared(tmp_path: Path) -> None:
    known = article(5, first_seen_at=AT - timedelta(days=1))
    (one,) = seen(
        tmp_path,
        [
            article(1),
            article(2, authors=[], extractor="general"),
            article(3, published_at=None, published_precision=None),
            article(4, published_at=AT - timedelta(days=9)),
            article(6, published_at=AT + timedelta(days=400)),
            article(7, published_at=AT - timedelta(hours=20), published_precision="day"),
            known,
        ],
        [],
    )
    assert one.lacking == {"authors": 1, "profile": 1, "minute": 2}
    assert sorted(one.new) == [AT - timedelta(hours=1)] * 2 + [AT] * 3, "neither the old one nor the one that was known"


def test_a_backfill_a_killed_run_and_a_source_that_was_not_asked_say_nothing(tmp_path: Path) -> None:
    assert seen(tmp_path / "a", [article(1)], [], backfill={"since": "2026-01-01"}) == []
    assert seen(tmp_path / "b", [], []) == []
    writer = RunWriter(tmp_path / "killed")
    writer.write_article(article(1))
    writer.close()
    assert observe(read_run(tmp_path / "killed")) == []
