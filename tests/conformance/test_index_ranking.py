"""Order, groups, facets and pages: what staff rely on when they click, the same from both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from diembao.article import Article
from diembao.engine import Filters, Hit, SearchEngine, SearchRequest
from diembao.errors import UsageError
from index.some_words import some_of_the_words
from tests.conformance.engines import empty_engine, engine

__all__ = ["empty_engine", "engine"]

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)

FACET_QUERIES = [
    "", "lũ", "lũ OR bệnh OR họp", "topic:environment", "-topic:environment", "đường OR công", '"lũ quét"', "nguồn gỡ",
    "published_at:[2026-11-10 TO *]", "kind:newspaper sentiment:*",
]  # fmt: skip
FIELDS = {
    "topic": "topics", "sentiment": "sentiments", "critical_of": "critical_of", "place": "places", "source": "sources", "kind": "kinds",
}  # fmt: skip


def made(article_id: str, title: str = "Lũ ở xã", body: str = "Nước lên.", **fields: Any) -> Article:
    return Article.model_validate(
        {"id": article_id, "url": f"https://bao.example/{article_id}", "title": title, "body": body, "source": "bao", **fields}
    )


def search(engine: SearchEngine, query: str = "", **options: Any) -> list[str]:
    return [hit.article.id for hit in engine.search(SearchRequest(query, limit=1000, **options)).hits]


# -- facets -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["folded", "copies", "stories"])
@pytest.mark.parametrize("query", FACET_QUERIES)
def test_choosing_a_value_of_a_facet_finds_exactly_as_many_as_it_says(engine: SearchEngine, query: str, way: str) -> None:
    request = SearchRequest(query, limit=0, fold_copies=way != "copies", group_by="story" if way == "stories" else None)
    facets = engine.search(request).facets
    assert set(facets) == set(FIELDS)
    assert any(facets.values())
    for name, counts in facets.items():
        for part in counts:
            narrowed = SearchRequest(
                query, Filters(**{FIELDS[name]: (part.value,)}), limit=0, fold_copies=request.fold_copies, group_by=request.group_by
            )
            assert engine.search(narrowed).total == part.count, (name, part)


# -- order ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dated(engine: SearchEngine) -> Iterator[SearchEngine]:
    """Articles of one text and several ages, and one old article that is more to the point."""
    ages = {"today": 0.1, "yesterday": 1, "week": 7, "month": 30, "halfyear": 180, "year": 400}
    articles = [made(f"age-{name}", "Đê vỡ", published_at=NOW - timedelta(days=days)) for name, days in ages.items()]
    articles += [
        made("age-none", "Đê vỡ"),
        made("age-1970", "Đê vỡ", published_at="1970-01-01T00:00:00Z"),
        made("age-2099", "Đê vỡ", published_at="2099-06-01T00:00:00Z"),
        made("age-better", "Đê vỡ chìm làng", "Chìm trong nước.", published_at=NOW - timedelta(days=3000)),
        made("age-minute", "Đê vỡ", published_at=NOW - timedelta(days=7, minutes=1)),
    ]
    assert engine.upsert(articles) == {}
    yield engine
    engine.delete([article.id for article in articles])


def test_of_articles_that_fit_alike_the_newer_stands_first(dated: SearchEngine) -> None:
    order = ["today", "yesterday", "week", "minute", "month", "halfyear", "2099", "year", "1970", "none"]
    found = [name.removeprefix("age-") for name in search(dated, "vỡ", now=NOW)]
    assert [name for name in found if name != "better"] == order
    assert search(dated, "vỡ OR chìm", now=NOW)[0] == "age-better"  # age is a mild advantage: eight years do not outweigh a word


def test_absurd_and_missing_dates_neither_win_nor_lose_the_article(dated: SearchEngine) -> None:
    scores = {hit.article.id: hit.score for hit in dated.search(SearchRequest("vỡ", now=NOW)).hits}
    assert scores["age-none"] == scores["age-1970"] == scores["age-2099"] == pytest.approx(scores["age-today"] * 0.75, rel=0.01)


def test_without_a_moment_age_does_not_count(dated: SearchEngine) -> None:
    scores = {hit.article.id: hit.score for hit in dated.search(SearchRequest("vỡ")).hits}
    del scores["age-better"]
    assert len(set(scores.values())) == 1


def test_a_query_without_a_word_is_answered_newest_first(dated: SearchEngine) -> None:
    for query in ("", "source:bao", "-lũ", "published_at:[2026-01-01 TO *]"):
        assert search(dated, query, now=NOW) == search(dated, query, sort="time")


def test_headline_before_lead_before_body(engine: SearchEngine) -> None:
    articles = [
        made("w-body", "Tin trong ngày", "Cơ quan báo hạn mặn nặng.", lead="Tin ghi nhanh sáng nay."),
        made("w-lead", "Tin trong ngày", "Tin ghi nhanh sáng nay.", lead="Cơ quan báo hạn mặn nặng."),
        made("w-title", "Cơ quan báo hạn mặn nặng.", "Tin ghi nhanh sáng nay.", lead="Tin trong ngày"),
    ]
    engine.upsert(articles)
    try:
        assert search(engine, "hạn mặn") == ["w-title", "w-lead", "w-body"]
    finally:
        engine.delete([article.id for article in articles])


# -- some of the words ------------------------------------------------------------------------------------------------------------


def test_where_few_have_all_words_those_with_some_stand_apart(engine: SearchEngine) -> None:
    articles = [
        made("all", "Cá chết hồ Tây", "Tin nhanh."), made("three", "Cá chết ở hồ", "Tin nhanh."),
        made("two", "Hồ cạn, cá nổi", "Tin nhanh."), made("one", "Ngắm hoa ở hồ", "Tin nhanh."),
        made("copy", "Cá chết ở hồ", "Tin nhanh.", copy_of="three"),
    ]  # fmt: skip
    engine.upsert(articles)
    try:
        request = SearchRequest("cá chết hồ tây", now=NOW)
        found = engine.search(request)
        assert ([hit.article.id for hit in found.hits], found.total) == (["all"], 1)
        apart = some_of_the_words(engine, request, found)
        assert apart is not None
        assert search(engine, apart.query, now=NOW)[:9] == [hit.article.id for hit in apart.result.hits]
        shown = [hit.article.id for hit in apart.result.hits]
        assert shown[0] == "three"
        assert shown.index("two") < shown.index("one")
        assert {"all", "copy"}.isdisjoint(shown)
        assert apart.result.cursor is None
        narrowed = SearchRequest("cá chết hồ tây", Filters(sources=("khac",)), now=NOW)
        assert some_of_the_words(engine, narrowed, engine.search(narrowed)) is None
    finally:
        engine.delete([article.id for article in articles])


@pytest.mark.parametrize("query", ["lũ", "lũ AND sông", '"lũ quét"', "lũ -sông", "title:lũ sông", "lũ* sông", "", "xyzt xyzu"])
def test_only_several_plain_words_have_a_second_part(engine: SearchEngine, query: str) -> None:
    request = SearchRequest(query, Filters(sources=("none",)))
    assert some_of_the_words(engine, request, engine.search(request)) is None


def test_a_full_page_and_a_later_page_have_no_second_part(engine: SearchEngine) -> None:
    articles = [made(f"full-{number:02}", "Nhà máy giấy cháy") for number in range(12)] + [made("part", "Nhà máy bia")]
    engine.upsert(articles)
    try:
        for options in ({}, {"limit": 5}, {"limit": 0}):
            request = SearchRequest("nhà máy giấy", **options)  # type: ignore[arg-type]
            found = engine.search(request)
            assert found.total == 12
            assert some_of_the_words(engine, request, found) is None
        few = SearchRequest("nhà máy bia")
        found = engine.search(few)
        assert found.total == 1
        part = some_of_the_words(engine, few, found)
        assert part is not None
        assert len(part.result.hits) == 9
        assert some_of_the_words(engine, SearchRequest("nhà máy bia", after="x"), found) is None
    finally:
        engine.delete([article.id for article in articles])


# -- stories ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stories(engine: SearchEngine) -> Iterator[SearchEngine]:
    def of(article_id: str, day: int, source: str, story: str | None, **fields: Any) -> Article:
        published = f"2025-03-{day:02}T02:00:00Z"
        return made(article_id, "Sập cầu treo", published_at=published, first_seen_at=published, source=source, story_id=story, **fields)

    articles = [
        of("s1-first", 1, "a", "s1"), of("s1-copy", 2, "b", "s1", copy_of="s1-first"), of("s1-next", 3, "b", "s1"),
        of("s2-one", 4, "a", "s2"), of("s2-two", 5, "c", "s2"), of("single", 6, "d", None), of("pair", 7, "d", None),
        of("pair-copy", 8, "e", None, copy_of="pair"),
    ]  # fmt: skip
    assert engine.upsert(articles) == {}
    yield engine
    engine.delete([article.id for article in articles])


def sizes(hits: Any) -> dict[str, tuple[int, int]]:
    return {hit.article.story_id or hit.article.copy_of or hit.article.id: (hit.articles, hit.outlets) for hit in hits}


@pytest.mark.parametrize("sort", ["time", "relevance"])
def test_a_story_is_one_hit_with_its_articles_and_outlets(stories: SearchEngine, sort: str) -> None:
    result = stories.search(SearchRequest("cầu treo", group_by="story", sort=sort))  # type: ignore[arg-type]
    assert result.total == len(result.hits) == 4
    assert sizes(result.hits) == {"s1": (3, 2), "s2": (2, 2), "single": (1, 1), "pair": (2, 2)}
    narrowed = stories.search(SearchRequest("cầu treo source:b", group_by="story"))
    assert sizes(narrowed.hits) == {"s1": (2, 1)}


def test_stories_by_time_show_their_latest_article(stories: SearchEngine) -> None:
    assert search(stories, "cầu treo", group_by="story", sort="time") == ["pair-copy", "single", "s2-two", "s1-next"]


def test_stories_by_relevance_show_the_origin_instead_of_its_reprint(stories: SearchEngine) -> None:
    found = search(stories, "cầu treo", group_by="story", now=datetime(2025, 3, 9, tzinfo=UTC))
    assert found == ["pair", "single", "s2-two", "s1-next"]


# -- pages ------------------------------------------------------------------------------------------------------------------------


def pages(engine: SearchEngine, request: SearchRequest, meanwhile: Any) -> list[Hit]:
    """All pages of a search; `meanwhile` is called with the number of each page before the next one is asked for."""
    hits: list[Hit] = []
    cursor, number = None, 0
    while True:
        result = engine.search(SearchRequest(**{**vars(request), "after": cursor}))
        hits += result.hits
        cursor = result.cursor
        if cursor is None:
            return hits
        number += 1
        meanwhile(number)


@pytest.mark.parametrize("group_by", [None, "story"])
@pytest.mark.parametrize("sort", ["relevance", "time"])
@pytest.mark.parametrize("now", [None, NOW])
def test_pages_stay_whole_while_articles_are_written_and_erased(
    engine: SearchEngine, sort: Any, now: datetime | None, group_by: Any
) -> None:
    start = datetime(2026, 10, 1, tzinfo=UTC)
    texts = ["lở núi", "lở núi lở núi", "núi lở xuống đường", "núi, lở", "lở"]
    first = [
        made(f"p{number:02}", "Lở núi", f"{texts[number % 5]} " * (1 + number % 7), published_at=start + timedelta(hours=7 * (number % 23)))
        for number in range(40)
    ]
    engine.upsert(first)
    written: list[str] = []

    def meanwhile(page: int) -> None:
        if page > 5:
            return
        more = [
            made(
                f"q{page}-{number}",
                "Lở núi lở núi" if number % 2 else "Trời nắng",
                "núi lở " * number,
                published_at=NOW - timedelta(days=page),
            )
            for number in range(12)
        ]
        engine.upsert(more)
        written.extend(article.id for article in more)
        engine.delete([f"p{39 - page:02}", f"q{page}-0"])

    try:
        request = SearchRequest("núi lở", limit=6, sort=sort, now=now, group_by=group_by)
        shown = [hit.article.id for hit in pages(engine, request, meanwhile)]
        assert len(shown) == len(set(shown))
        erased = {f"p{39 - page:02}" for page in range(1, 6)}
        assert {article.id for article in first} - erased <= set(shown)
    finally:
        engine.delete([article.id for article in first] + written)


@pytest.mark.parametrize("options", [{"query": "lũ"}, {"sort": "time"}, {"group_by": "story"}, {"query": "lũ", "group_by": "story"}])
def test_a_cursor_that_was_tampered_with_is_refused(engine: SearchEngine, options: dict[str, Any]) -> None:
    import base64
    import json
    import zlib

    cursor = engine.search(SearchRequest(**{"limit": 1, **options})).cursor
    assert cursor is not None
    content = json.loads(zlib.decompress(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
    for wrong in ("x", [1], {}, [None, 5], [[10**30], 1, "a"], [["a"], 1, "a"], {"pit": "no", "after": [1.0, 5, "a", 1]}, [1.5, "a"]):
        packed = base64.urlsafe_b64encode(zlib.compress(json.dumps([*content[:3], wrong]).encode())).decode()
        with pytest.raises(UsageError):
            engine.search(SearchRequest(**{"limit": 1, **options, "after": packed}))
