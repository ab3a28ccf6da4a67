"""Shares, gaps of sources and significant words: the same from both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from diembao.article import Article
from diembao.clock import start_of_day
from diembao.engine import Filters, SearchEngine, StorySize
from diembao.errors import UsageError
from index.coverage import coverage
from index.significance import significant_words
from tests.conformance.engines import empty_engine

__all__ = ["empty_engine"]

FIRST = date(2026, 8, 3)
"""A Monday."""
NOW = start_of_day(date(2026, 11, 1))


def day(number: int) -> datetime:
    """The beginning of a day, counted from FIRST."""
    return start_of_day(FIRST + timedelta(days=number))


def made(number: int, source: str, at: datetime, title: str = "Tin trong ngày", **fields: Any) -> Article:
    return Article.model_validate({"id": f"{source}-{number}", "title": title, "source": source, "published_at": at, **fields})


def press() -> Iterator[Article]:
    """Ninety days of four sources: one daily, one on working days, one rarely, and one daily that stops for six days."""
    number = 0
    for at in range(90):
        for hour in (1, 9, 14):
            number += 1
            negative = {"sentiment": {"label": "negative"}} if hour == 9 else {}
            title = "Lũ về" if hour == 1 and at % 2 == 0 else "Tin trong ngày"
            yield made(number, "hangngay", day(at) + timedelta(hours=hour), title, **negative)
        if (FIRST + timedelta(days=at)).weekday() < 5:
            yield made(at, "ngaylam", day(at) + timedelta(hours=10))
        if at % 6 == 0:
            yield made(at, "thinhthoang", day(at) + timedelta(hours=10), "Lũ về", sentiment={"label": "negative"})
        if not 70 <= at < 76:
            yield made(at, "mat", day(at) + timedelta(hours=5))
            yield made(at + 1000, "mat", day(at) + timedelta(hours=6), copy_of=f"mat-{at}")


@pytest.fixture(scope="module")
def engine(empty_engine: SearchEngine) -> SearchEngine:
    assert empty_engine.upsert(press()) == {}
    return empty_engine


def days(first: int, behind: int, **fields: Any) -> Filters:
    return Filters(published_from=day(first), published_to=day(behind), **fields)


def test_each_interval_stands_beside_what_the_same_sources_published(engine: SearchEngine) -> None:
    found = coverage(engine, "lũ", days(60, 63), "day", "articles", NOW)
    assert [(bucket.start, bucket.total, bucket.published) for bucket in found] == [
        (day(60), 2, 7), (day(61), 0, 5), (day(62), 1, 5),
    ]  # fmt: skip
    assert found[0].share == pytest.approx(2 / 7)
    assert (found[0].negative_share, found[1].negative_share) == (0.5, None)
    narrowed = coverage(engine, "lũ", days(60, 63, sources=("hangngay",)), "day", "articles", NOW)
    assert [(bucket.total, bucket.published) for bucket in narrowed] == [(1, 3), (0, 3), (1, 3)]
    folded = coverage(engine, "lũ", days(60, 63), "day", "articles", NOW, fold_copies=True)
    assert [(bucket.total, bucket.published) for bucket in folded] == [(2, 6), (0, 4), (1, 4)]
    outlets = coverage(engine, "lũ", days(60, 63), "day", "outlets", NOW)
    assert [(bucket.total, bucket.published) for bucket in outlets] == [(2, 4), (0, 2), (1, 2)]


def test_a_source_that_normally_publishes_and_delivers_nothing_is_missing(engine: SearchEngine) -> None:
    found = coverage(engine, "lũ", days(60, 90), "day", "articles", NOW)
    missing = {(bucket.start - day(0)).days: bucket.missing for bucket in found if bucket.missing}
    # Not the one that rests on weekends, nor the one that publishes every sixth day.
    assert missing == dict.fromkeys(range(70, 76), ("mat",))
    only = coverage(engine, "", days(60, 90, sources=("hangngay",)), "day", "articles", NOW)
    assert not any(bucket.missing for bucket in only)


def test_gaps_by_hour_and_by_week(engine: SearchEngine) -> None:
    hours = coverage(engine, "", days(70, 72), "hour", "articles", NOW)
    missing = {(bucket.start - day(70)) // timedelta(hours=1): bucket.missing for bucket in hours if bucket.missing}
    assert missing == dict.fromkeys((5, 6, 29, 30), ("mat",))
    weeks = coverage(engine, "", days(63, 84), "week", "articles", NOW)
    assert [bucket.missing for bucket in weeks] == [(), (), ()]  # on one day of the week it did publish


def test_an_interval_that_is_not_over_is_not_missing(engine: SearchEngine) -> None:
    during = day(72) + timedelta(hours=12)
    found = coverage(engine, "", days(68, 80), "day", "articles", during)
    assert [(bucket.start - day(0)).days for bucket in found if bucket.missing] == [70, 71]


def test_coverage_of_nothing_and_of_too_much(engine: SearchEngine) -> None:
    assert coverage(engine, "xyzxyz", Filters(), "day", "articles", NOW) == []
    with pytest.raises(UsageError, match="intervals"):
        coverage(engine, "", Filters(published_from=day(-900), published_to=day(0)), "hour", "articles", NOW)


@pytest.mark.parametrize("unit", ["articles", "stories"])
def test_absurd_dates_do_not_make_a_million_intervals(engine: SearchEngine, unit: Any) -> None:
    absurd = [made(1, "loi", datetime(1970, 1, 1, 2, tzinfo=UTC)), made(2, "loi", datetime(2099, 12, 31, 2, tzinfo=UTC))]
    engine.upsert(absurd)
    wide = Filters(published_from=absurd[0].published_at, published_to=datetime(2099, 12, 31, 17, tzinfo=UTC))
    try:
        for filters in (Filters(), wide):
            for interval in ("hour", "day"):
                with pytest.raises(UsageError, match="1970-01-01.*by " + interval) as caught:
                    engine.count("", filters, interval, unit)
                assert "count by week" in caught.value.hint
            months = engine.count("", filters, "month", unit)
            assert (len(months), months[0].total, months[-1].total) == (130 * 12, 1, 1)
    finally:
        engine.delete(["loi-1", "loi-2"])


def test_months_and_years_long_ago_are_counted_at_their_place(engine: SearchEngine) -> None:
    old = [made(1, "co", datetime(1969, 12, 31, 16, 59, tzinfo=UTC)), made(2, "co", datetime(1969, 12, 31, 17, tzinfo=UTC))]
    engine.upsert(old)
    try:
        found = engine.published_by_source(Filters(sources=("co",)), "day")
        assert found == {"co": {datetime(1969, 12, 30, 17, tzinfo=UTC): 1, datetime(1969, 12, 31, 17, tzinfo=UTC): 1}}
        months = engine.published_by_source(Filters(sources=("hangngay",)), "month")
        assert [count for _, count in sorted(months["hangngay"].items())] == [29 * 3, 30 * 3, 31 * 3]
    finally:
        engine.delete(["co-1", "co-2"])


def test_when_the_outlets_of_a_story_first_wrote(engine: SearchEngine) -> None:
    def told(number: int, source: str, hours: float, story: str | None, **fields: Any) -> Article:
        return made(number, source, day(20) + timedelta(hours=hours), "Cháy chợ", story_id=story, **fields)

    new = [
        told(1, "a1", 0, "chay"), told(2, "a2", 3, "chay"), told(3, "a2", 1, "chay", copy_of="a1-1"), told(4, "a3", 5, "chay"),
        told(5, "a1", 0, "hai"), told(6, "a2", 1, "hai"), told(7, "a1", 2, "mot"), told(8, "a1", 3, "mot"), told(9, "a1", 4, "mot"),
        told(10, "a3", 0, None), told(11, "a4", 1, "chay").model_copy(update={"published_at": None}),
    ]  # fmt: skip
    engine.upsert(new)
    try:
        period = days(20, 21)
        chay = {"a1": day(20), "a2": day(20) + timedelta(hours=1), "a3": day(20) + timedelta(hours=5)}
        hai = {"a1": day(20), "a2": day(20) + timedelta(hours=1)}
        assert engine.story_outlets("", period, 2) == {"chay": chay, "hai": hai}
        assert list(engine.story_outlets("", Filters(), 3)) == ["chay"]
        assert engine.story_outlets("", period, 2, limit=1) == {"chay": chay}
        assert engine.story_outlets("cháy", Filters(sources=("a2", "a3")), 2) == {"chay": {"a2": chay["a2"], "a3": chay["a3"]}}
        assert engine.story_outlets("", days(21, 22), 1) == {}
    finally:
        engine.delete([article.id for article in new])


def test_how_much_of_a_story_lies_before_and_behind_a_moment(engine: SearchEngine) -> None:
    def told(number: int, source: str, hours: float, story: str | None, tone: str = "neutral", **fields: Any) -> Article:
        at = day(20) + timedelta(hours=hours)
        return made(number, source, at, "Vỡ đê", story_id=story, sentiment={"label": tone}, **fields)

    new = [
        told(1, "d1", 0, "lon", "negative"), told(2, "d2", 1, "lon"), told(3, "d2", 2, "lon", copy_of="d1-1"),
        told(4, "d3", 5, "lon", "negative"),
        told(5, "", 6, "lon", "negative"), told(6, "d1", 4, "moi"), told(7, "d2", 5, "moi"), told(8, "d3", 7, "moi"),
        told(9, "d1", 0, "mot"), told(10, "d1", 0, None), told(11, "d4", 1, "lon").model_copy(update={"published_at": None}),
        told(12, "d9", 30, "lon"), told(13, "d1", 4, "lan", "negative"), told(14, "d1", 5, "lan", "negative"),
        # What carries the id of a story without being in it.
        made(15, "d5", day(20), "Vỡ đê").model_copy(update={"id": "moi"}),
    ]  # fmt: skip
    engine.upsert(new)
    try:
        period, since = days(20, 21), day(20) + timedelta(hours=4)

        def at(hours: float) -> datetime:
            return day(20) + timedelta(hours=hours)

        large = StorySize("lon", 5, 3, 3, 2, 2, 1, 1, at(0), at(6))
        fresh = StorySize("moi", 3, 0, 3, 3, 0, 3, 3, at(4), at(7))
        same = StorySize("lan", 2, 2, 1, 2, 2, 1, 1, at(4), at(5))
        assert engine.story_sizes("", period, since) == [large, fresh, same]
        assert engine.story_sizes("", period, since, by="recent") == [fresh, same, large]
        assert engine.story_sizes("", period, since, by="recent", limit=2) == [fresh, same]
        assert engine.story_sizes("", period, since, limit=1) == [large]
        assert engine.story_sizes("", period, since, least=3) == [large, fresh]
        assert [size.story for size in engine.story_sizes("đê", period, since, least=1)] == ["lon", "moi", "lan", "mot"]
        assert engine.story_sizes("", Filters(sources=("d2",), published_from=day(20), published_to=day(21)), since, least=1) == [
            StorySize("lon", 2, 0, 1, 0, 0, 0, 0, at(1), at(2)), StorySize("moi", 1, 0, 1, 1, 0, 1, 1, at(5), at(5)),
        ]  # fmt: skip
        assert engine.story_sizes("", days(22, 23), since) == []
    finally:
        engine.delete([article.id for article in new])


def test_when_outlets_stories_and_articles_appeared(engine: SearchEngine) -> None:
    at = day(20) + timedelta(hours=3, milliseconds=7)
    new = [
        made(1, "b1", at, "Cháy chợ", story_id="chay", sentiment={"label": "negative"}),
        made(2, "b1", at, "Cháy chợ", copy_of="b1-1", sentiment={"label": "neutral"}),
        made(3, "b1", at, "Cháy chợ", copy_of="b1-1", sentiment={"label": "positive"}),
        made(4, "b1", at, "Cháy chợ", copy_of="b1-1"),
        made(5, "b2", at - timedelta(hours=1), "Cháy chợ", story_id="chay"),
        made(6, "", at + timedelta(hours=1), "Cháy chợ"),
    ]
    undated = Article.model_validate({"id": "b3", "title": "Cháy chợ", "source": "b3"})
    engine.upsert([*new, undated])
    try:

        def appeared(unit: Any, filters: Filters = Filters()) -> list[tuple[datetime, str, bool]]:  # noqa: B008 - frozen
            return [(one.at, one.key, one.negative) for one in engine.appearances("cháy chợ", filters, unit)]

        before, after = at - timedelta(hours=1), at + timedelta(hours=1)
        assert appeared("outlets") == [(before, "b2", False), (at, "b1", False), (at, "b1", True), (after, "", False)]
        assert appeared("stories") == [(before, "chay", False), (at, "b1-1", False), (at, "chay", True), (after, "-6", False)]
        assert len(appeared("articles")) == 6
        assert appeared("outlets", Filters(sentiments=("negative",))) == [(at, "b1", True)]
        assert appeared("outlets", days(21, 22)) == []
    finally:
        engine.delete([article.id for article in [*new, undated]])


def test_which_groups_were_seen_before(engine: SearchEngine) -> None:
    at = day(20)
    new = [
        made(1, "c", at, "Sập cầu", first_seen_at=at + timedelta(hours=2), story_id="cau"),
        made(2, "c", at, "Sập cầu", first_seen_at=at + timedelta(hours=1), copy_of="c-1"),
        made(3, "c", at, "Sập cầu"),
        made(4, "c", at, "Sập cầu", first_seen_at=at, copy_of="c-3", story_id="khac"),
    ]
    engine.upsert(new)
    try:
        keys = ["c-1", "c-2", "c-3", "c-4", "cau", "khac", "không có"]

        def known(hours: int, group: Any, query: str = "sập cầu") -> set[str]:
            return engine.seen_before(query, days(20, 21), at + timedelta(hours=hours), keys, group)

        assert known(0, "copies") == known(0, "stories") == {"c-3"}, "what was never seen stands first, and the moment is not before itself"
        assert known(1, "stories") == {"c-3", "khac"}
        assert known(2, "copies") == {"c-3", "c-1"}
        assert known(3, "stories") == {"c-3", "khac", "c-1", "cau"}
        assert known(3, "stories", "cháy") == set()
        assert engine.seen_before("", Filters(), at, [], "copies") == set()
    finally:
        engine.delete([article.id for article in new])


def test_words_that_a_period_has_and_the_period_before_had_not(engine: SearchEngine) -> None:
    new = [
        made(at, "moi", day(50) + timedelta(hours=at), f"Sạt lở đèo Prenn, xe số {at}", body="Đèo Prenn tắc. Mưa lớn, xe dừng.")
        for at in range(12)
    ]
    old = [made(at, "cu", day(40) + timedelta(hours=at), f"Lễ hội hoa, xe số {at}", body="Mưa lớn, xe dừng.") for at in range(12)]
    engine.upsert(new + old)
    try:
        period = days(48, 56, sources=("moi", "cu"))
        found = significant_words(engine, "", period, NOW)
        assert (found.articles, found.articles_before, found.read, found.read_before) == (12, 12, 12, 12)
        assert found.before == day(40)
        words = {word.text: (word.articles, word.before) for word in found.words}
        assert words["sạt lở đèo"] == words["lở đèo prenn"] == (12, 0)
        # What both periods have is not significant, and neither are the parts of a group that always stands whole.
        assert words.keys().isdisjoint({"mưa lớn", "xe", "đèo", "lở", "sạt lở", "hoa"})
        assert significant_words(engine, "lễ", period, NOW).words == ()
    finally:
        engine.delete([article.id for article in new + old])


def test_a_period_without_a_beginning_is_refused(engine: SearchEngine) -> None:
    for filters in (Filters(), Filters(published_from=NOW, published_to=NOW), Filters(published_to=NOW)):
        with pytest.raises(UsageError, match="beginning"):
            significant_words(engine, "", filters, NOW)


def test_the_sample_is_the_same_whatever_the_order_of_writing(engine: SearchEngine) -> None:
    total, articles = engine.sample("tin", Filters(), 5)
    ids = sorted(article.id for article in press() if "Tin" in article.title and article.copy_of is None)
    assert (total, [article.id for article in articles]) == (len(ids), ids[:5])
