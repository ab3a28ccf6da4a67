"""What a search, a count, a scan and linking answer besides the ids: the same from both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from diembao.article import Article
from diembao.clock import start_of_day
from diembao.engine import MARK_END, MARK_START, FacetCount, Filters, SearchEngine, SearchRequest
from diembao.errors import QueryError, UsageError
from tests.conformance.corpus import ARTICLES
from tests.conformance.engines import empty_engine, engine

__all__ = ["empty_engine", "engine"]


def ids(engine: SearchEngine, query: str = "", **options: object) -> list[str]:
    request = SearchRequest(query, limit=1000, **options)  # type: ignore[arg-type]
    return [hit.article.id for hit in engine.search(request).hits]


def counts(facet: list[FacetCount]) -> list[tuple[str, int]]:
    return [(part.value, part.count) for part in facet]


def day(number: int, month: int = 11) -> datetime:
    return start_of_day(date(2026, month, number))


# -- folding ----------------------------------------------------------------------------------------------------------------------


def test_copies_are_folded_into_their_origin(engine: SearchEngine) -> None:
    result = engine.search(SearchRequest('"lũ quét"'))
    assert [hit.article.id for hit in result.hits] == ["flood"]
    assert result.total == 1
    assert result.hits[0].copies == 2
    # What only a copy has counts too: whoever chooses it finds the group, through that copy.
    assert counts(result.facets["source"]) == [("baolaocai", 1), ("tin24", 1), ("tinnhanh", 1)]
    assert counts(result.facets["sentiment"]) == [("negative", 1), ("neutral", 1)]


def test_where_the_origin_does_not_match_its_earliest_matching_copy_stands_for_the_group(engine: SearchEngine) -> None:
    assert ids(engine, "lũ quét source:(tinnhanh OR tin24)") == ["flood-copy2"]
    assert ids(engine, "lũ quét", filters=Filters(sources=("tinnhanh",))) == ["flood-copy"]
    assert ids(engine, "body:theo") == ["flood-copy"]


def test_copies_of_an_erased_origin_are_one_group(engine: SearchEngine) -> None:
    assert ids(engine, "nguồn gỡ") == ["orphan-copy"]
    assert ids(engine, "nguồn gỡ", sort="time", fold_copies=False) == ["orphan-copy2", "orphan-copy"]


def test_the_total_counts_groups(engine: SearchEngine) -> None:
    assert engine.search(SearchRequest()).total == len(ARTICLES) - 3
    assert engine.search(SearchRequest(fold_copies=False)).total == len(ARTICLES)


# -- filters, facets --------------------------------------------------------------------------------------------------------------


FILTERS: list[tuple[Filters, set[str]]] = [
    (Filters(topics=("health",)), {"nfd", "covid", "covid-apart"}),
    (Filters(topics=("health", "traffic")), {"nfd", "covid", "covid-apart", "hanoi"}),
    (Filters(topics=("trade",), sentiments=("positive",)), {"danang", "ca"}),
    (Filters(topics=("trade",), kinds=("portal",)), {"ca"}),
    (Filters(critical_of=("authority",)), {"nfd", "hcm-long", "feedback"}),
    (Filters(places=("Đồng Tháp",)), {"hdnd", "tiengiang"}),
    (Filters(places=("dong thap",)), {"hdnd", "tiengiang"}),
    (Filters(places=("82",)), {"tiengiang"}),
    (Filters(places=("Tỉnh Hòa Bình",)), {"hoabinh-old", "hoabinh-new"}),
    (Filters(places=("Tháp",)), set()),
    (Filters(places=("Tiền Giang",)), {"tiengiang"}),
    (Filters(places=("tinh yen bai",)), {"flood-copy"}),
    (Filters(places=("Yên Bái",)), {"flood-copy"}),
    (Filters(places=("Mậu A",)), set()),  # a commune may be called like a province that it is not in
    (Filters(sources=("tuoitre", "skds")), {"hcm", "hcm-long", "covid", "covid-apart"}),
    (Filters(story_id="story-flood"), {"flood", "flood-copy", "flood-copy2"}),
    (Filters(copy_of="flood"), {"flood-copy", "flood-copy2"}),
    (Filters(published_from=day(20), published_to=day(21)), {"flood", "midnight"}),
    (Filters(published_from=day(21)), {"flood-copy", "flood-copy2"}),
    (Filters(published_to=day(2)), {"foreign", "absurd"}),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=range(len(FILTERS)))
def test_filters(engine: SearchEngine, filters: Filters, expected: set[str]) -> None:
    assert set(ids(engine, filters=filters, fold_copies=False)) == expected


def test_facets_count_what_is_found(engine: SearchEngine) -> None:
    facets = engine.search(SearchRequest("topic:(health OR trade OR agriculture)", limit=0)).facets
    assert counts(facets["topic"]) == [("health", 3), ("agriculture", 2), ("trade", 2)]
    assert counts(facets["sentiment"]) == [("positive", 3), ("negative", 1)]
    assert counts(facets["critical_of"]) == [("authority", 1)]
    assert counts(facets["place"]) == [("Cần Thơ", 1), ("Đà Nẵng", 1), ("Đồng Tháp", 1)]
    assert counts(facets["source"]) == [("baocantho", 2), ("skds", 2), ("baodongthap", 1), ("vnx", 1)]
    assert counts(facets["kind"]) == [("newspaper", 5), ("portal", 1)]
    assert engine.search(SearchRequest("topic:health", facets=False)).facets == {}


# -- order, pages -----------------------------------------------------------------------------------------------------------------


def test_newest_first_and_undated_last(engine: SearchEngine) -> None:
    found = ids(engine, sort="time", fold_copies=False)
    dated = sorted((a for a in ARTICLES if a.published_at), key=lambda a: a.published_at or datetime.max, reverse=True)
    assert found == [article.id for article in dated] + ["undated"]


def test_a_word_in_the_headline_counts_more_than_one_in_the_body(engine: SearchEngine) -> None:
    found = ids(engine, "bệnh OR phấn")
    assert set(found) == {"nfd", "ca"}
    assert ids(engine, "title:tháp OR lead:phấn OR body:quyết")[0] == "hdnd"


@pytest.mark.parametrize("sort", ["relevance", "time"])
@pytest.mark.parametrize("query", ["", "đường OR lũ OR năm OR bệnh OR công", "-lũ"])
def test_pages_hold_each_article_once(engine: SearchEngine, sort: str, query: str) -> None:
    whole = ids(engine, query, sort=sort)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = engine.search(SearchRequest(query, sort=sort, limit=3, after=cursor))  # type: ignore[arg-type]
        assert page.total == len(whole)
        seen += [hit.article.id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
        assert len(page.hits) == 3
    assert seen == whole


def test_a_foreign_cursor_is_refused(engine: SearchEngine) -> None:
    page = engine.search(SearchRequest(sort="time", limit=1))
    for cursor in ("x", "bnVsbA", page.cursor or ""):
        with pytest.raises(UsageError, match="cursor"):
            engine.search(SearchRequest(sort="relevance", after=cursor))


# -- hits -------------------------------------------------------------------------------------------------------------------------


def test_a_hit_carries_the_article_as_it_was_indexed(engine: SearchEngine) -> None:
    known = {article.id: article for article in ARTICLES}
    for hit in engine.search(SearchRequest(fold_copies=False, limit=1000)).hits:
        assert hit.article == known[hit.article.id]


def test_matches_are_marked_in_the_original_text(engine: SearchEngine) -> None:
    hit = engine.search(SearchRequest('"lũ quét" OR "cong an" -"hà nội"')).hits[0]
    assert hit.highlights["title"] == f"{MARK_START}Lũ quét{MARK_END} ở Lào Cai làm ba người chết"
    assert hit.highlights["lead"] == f"Mưa lớn kéo dài gây {MARK_START}lũ quét{MARK_END} trong đêm."
    assert hit.highlights["body"].startswith(f"{MARK_START}Công an{MARK_END} xã")
    plain = engine.search(SearchRequest("lũ", highlight=False)).hits[0]
    assert plain.highlights == {}
    decomposed = engine.search(SearchRequest("bệnh")).hits[0]
    assert decomposed.highlights["title"].replace(MARK_START, "").replace(MARK_END, "") == decomposed.article.title


def test_nothing_found_offers_the_query_without_accents(engine: SearchEngine) -> None:
    result = engine.search(SearchRequest("lú quét"))
    assert result.total == 0
    assert "lu quet" in result.suggestions
    assert engine.search(SearchRequest("không-có-gì-xyz")).suggestions == []


@pytest.mark.parametrize(
    ("query", "offered"),
    [("bệhn", "bệnh"), ("bệnhh", "bệnh"), ("title:thểm OR Bệhn", "title:thểm OR bệnh"), ("thien nhein", "thien nhien")],
)
def test_a_slip_of_the_finger_is_offered_mended_and_not_mended_silently(engine: SearchEngine, query: str, offered: str) -> None:
    result = engine.search(SearchRequest(query))
    assert result.total == 0
    assert offered in result.suggestions
    assert engine.search(SearchRequest(offered)).total > 0


def test_where_little_is_found_what_finds_more_is_offered(engine: SearchEngine) -> None:
    result = engine.search(SearchRequest("nhà thương quá tải"))
    assert result.total == 0
    assert 'syn:"nhà thương" quá tải' in result.suggestions
    assert "nhà OR thương OR quá OR tải" in result.suggestions
    few = engine.search(SearchRequest("sạt lở"))
    assert (few.total, few.suggestions) == (1, ['syn:"sạt lở"'])  # "sạt OR lở" finds no more than that
    assert engine.search(SearchRequest('"sạt lở"')).suggestions == []  # only plain words are widened


def test_nothing_is_offered_where_nothing_is_near(engine: SearchEngine) -> None:
    assert engine.search(SearchRequest("quttt")).suggestions == []


def test_a_bad_query_is_refused_before_anything_is_asked(engine: SearchEngine) -> None:
    for wrong in ("(lũ", "lũ AND", "foo:bar", "*lũ"):
        with pytest.raises(QueryError):
            engine.search(SearchRequest(wrong))
        with pytest.raises(QueryError):
            engine.count(wrong, Filters(), "day")
        with pytest.raises(QueryError):
            list(engine.scan(wrong))


# -- counts -----------------------------------------------------------------------------------------------------------------------


def test_counts_by_day_begin_at_vietnams_midnight_and_hold_empty_days(engine: SearchEngine) -> None:
    found = engine.count("topic:environment", Filters(published_from=day(14), published_to=day(22)), "day")
    assert [(bucket.start, bucket.total, bucket.negative) for bucket in found] == [
        (day(14), 0, 0), (day(15), 2, 0), (day(16), 0, 0), (day(17), 0, 0), (day(18), 0, 0),
        (day(19), 1, 1), (day(20), 1, 1), (day(21), 2, 1),
    ]  # fmt: skip


def test_counts_without_a_range_reach_from_the_first_to_the_last_match(engine: SearchEngine) -> None:
    found = engine.count("topic:health", Filters(), "day")
    assert [(bucket.start, bucket.total) for bucket in found] == [
        (day(6), 1), (day(7), 1), (day(8), 0), (day(9), 0), (day(10), 0), (day(11), 0), (day(12), 0), (day(13), 1),
    ]  # fmt: skip
    assert engine.count("xyzxyz", Filters(), "day") == []


def test_counts_by_outlet_story_and_folded(engine: SearchEngine) -> None:
    narrow = Filters(published_from=day(20), published_to=day(22))
    assert [bucket.total for bucket in engine.count("lũ", narrow, "week", "articles")] == [3]
    assert [bucket.total for bucket in engine.count("lũ", narrow, "week", "outlets")] == [3]
    assert [bucket.total for bucket in engine.count("lũ", narrow, "week", "stories")] == [1]
    assert [bucket.negative for bucket in engine.count("lũ", narrow, "week", "outlets")] == [2]
    assert [(bucket.total, bucket.negative) for bucket in engine.count("lũ", narrow, "day", fold_copies=True)] == [(1, 1), (0, 0)]


def test_counts_by_hour_week_and_month(engine: SearchEngine) -> None:
    hours = engine.count("id:flood", Filters(), "hour")
    assert [bucket.start for bucket in hours] == [datetime(2026, 11, 20, 16, tzinfo=UTC)]
    weeks = engine.count("source:skds", Filters(), "week")
    assert [(bucket.start, bucket.total) for bucket in weeks] == [(day(2), 2)]
    months = engine.count("topic:health", Filters(published_from=day(15, 10), published_to=day(2, 12)), "month")
    assert [(bucket.start, bucket.total) for bucket in months] == [(day(1, 10), 0), (day(1), 3), (day(1, 12), 0)]


def test_too_many_intervals_are_refused(engine: SearchEngine) -> None:
    with pytest.raises(UsageError, match="intervals"):
        engine.count("", Filters(), "hour")


# -- scanning, single articles ----------------------------------------------------------------------------------------------------


def test_scan_gives_everything_in_the_order_of_first_sight(engine: SearchEngine) -> None:
    expected = sorted(ARTICLES, key=lambda a: (a.first_seen_at is not None, a.first_seen_at or datetime.min, a.id))
    assert list(engine.scan()) == expected
    assert [article.id for article in engine.scan("lũ", Filters(sentiments=("negative",)))] == ["flood", "flood-copy"]


def test_a_scan_goes_on_behind_any_article(engine: SearchEngine) -> None:
    order = [article.id for article in engine.scan()]
    for place, article in enumerate(engine.scan()):
        assert [other.id for other in engine.scan(after=(article.first_seen_at, article.id))] == order[place + 1 :]
    assert [article.id for article in engine.scan("lũ", Filters(sentiments=("negative",)), after=(None, ""))] == ["flood", "flood-copy"]


def test_what_staff_marked_as_not_relevant_is_passed_over_and_not_lost(engine: SearchEngine) -> None:
    flood = next(article for article in ARTICLES if article.id == "flood")
    before = engine.search(SearchRequest("lũ quét", fold_copies=False))
    engine.upsert([flood.with_fields(relevant=False)])
    try:
        found = engine.search(SearchRequest("lũ quét", fold_copies=False))
        assert {hit.article.id for hit in before.hits} - {hit.article.id for hit in found.hits} == {"flood"}
        assert found.total == before.total - 1
        assert "flood" not in ids(engine)
        assert ids(engine, filters=Filters(topics=("irrelevant",))) == ["flood"]
        assert all(part.value != "irrelevant" for part in engine.search(SearchRequest(filters=Filters(irrelevant=True))).facets["topic"])
        assert "flood" not in [article.id for article in engine.scan()]
        assert len(list(engine.scan(filters=Filters(irrelevant=True)))) == len(ARTICLES)
        assert sum(bucket.total for bucket in engine.count("lũ quét", Filters(), "day")) == before.total - 1
        assert engine.get("flood") == flood.with_fields(relevant=False)
    finally:
        engine.upsert([flood])
    assert engine.search(SearchRequest("lũ quét", fold_copies=False)).total == before.total


def test_single_articles(engine: SearchEngine) -> None:
    flood = next(article for article in ARTICLES if article.id == "flood")
    assert engine.get("flood") == flood
    assert engine.get("nothing") is None
    stored = engine.stored(["flood", "nothing", "undated"])
    assert set(stored) == {"flood", "undated"}
    assert stored["flood"].content_hash == flood.content_hash
    assert stored["flood"].first_seen_at == flood.first_seen_at
    assert stored["undated"].fetched_at is None


def test_status(engine: SearchEngine) -> None:
    status = engine.status()
    assert status.articles == len(ARTICLES)
    assert status.problem is None


# -- linking ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linked(engine: SearchEngine) -> SearchEngine:
    base = {"topics": [], "kind": "newspaper"}
    engine.upsert(
        Article.model_validate(
            {
                **base, "id": f"link-{name}", "title": "x", "copy_keys": copies, "story_keys": stories,
                "first_seen_at": seen, "published_at": seen,
            }
        )
        for name, copies, stories, seen in [
            ("a", ["1", "2"], ["p", "q", "r"], "2025-01-03T00:00:00Z"),
            ("b", ["2", "3"], ["p", "q"], "2025-01-02T00:00:00Z"),
            ("c", ["4"], ["r", "s"], "2025-01-01T00:00:00Z"),
            ("d", ["1"], ["p", "q", "r"], "2025-02-01T00:00:00Z"),
        ]
    )  # fmt: skip
    return engine


def test_candidates_for_linking(linked: SearchEngine) -> None:
    new = Article.model_validate({"id": "link-a", "title": "x", "copy_keys": ["1", "2", "9"], "story_keys": ["p", "q", "r"]})
    assert [article.id for article in linked.copy_candidates(new)] == ["link-b", "link-d"]
    assert [article.id for article in linked.copy_candidates(new, limit=1)] == ["link-b"]
    since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    assert [article.id for article in linked.story_candidates(new, since, until)] == ["link-b", "link-c"]
    assert linked.copy_candidates(new.with_fields(copy_keys=[])) == []
