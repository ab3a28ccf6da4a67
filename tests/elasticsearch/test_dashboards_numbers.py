"""Each panel of the file, asked of the real node: the numbers that thirty composed articles must give, counted by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from dashboards.saved_objects import LANGUAGES, saved_objects
from diembao.article import Article
from diembao.taxonomy import read_taxonomy
from index.elasticsearch_engine import ElasticsearchEngine
from tests.elasticsearch.lens_reading import fields_named, kql_query, lens_panels, request_of, table_of

pytestmark = pytest.mark.elasticsearch

TAXONOMY = read_taxonomy(Path(__file__).parents[2] / "config" / "taxonomy.toml")
SINCE, UNTIL, ZONE = "2026-11-15T00:00:00+07:00", "2026-11-21T00:00:00+07:00", "+07:00"
VIETNAM = timezone(timedelta(hours=7))
DT, AG, VL = "Đồng Tháp", "An Giang", "Vĩnh Long"

# id, published (Vietnam's time), source, topics, sentiment, critical of, places, story, copy of
TABLE: list[tuple[str, str | None, str, str, str | None, str | None, list[str], str | None, str | None]] = [
    # nothing on the 15th, where the time looked at begins
    ("a01", "2026-11-16T08:00", "baotinh", "environment", "negative", "authority", [DT], "s1", None),
    ("a02", "2026-11-16T09:00", "tinnhanh", "environment", "negative", "authority", [DT], "s1", "a01"),
    ("a03", "2026-11-16T10:00", "baotinh", "culture", "positive", "none", [DT], None, None),
    ("a04", "2026-11-16T23:30", "congtt", "traffic", "neutral", "none", [AG], None, None),
    ("a05", "2026-11-16T00:00", "diendan", "traffic urban", "negative", "organisation", [AG], None, None),
    ("a06", "2026-11-17T00:30", "baotinh", "traffic security", "negative", "none", [DT, AG], "s2", None),
    ("a07", "2026-11-17T07:00", "congtt", "trade", "neutral", "none", [DT], None, None),
    ("a08", "2026-11-17T12:00", "congtt", "culture sport", "positive", "none", [], None, None),
    ("a09", "2026-11-17T18:00", "tinnhanh", "sport", "neutral", "none", [AG], None, None),
    # nothing on the 18th
    ("a10", "2026-11-19T06:00", "baotinh", "environment", "negative", "authority", [DT], "s3", None),
    ("a11", "2026-11-19T06:30", "tinnhanh", "environment", "negative", "authority", [DT], "s3", "a10"),
    ("a12", "2026-11-19T07:00", "diendan", "environment health", "negative", "authority", [DT], "s3", None),
    ("a13", "2026-11-19T08:00", "congtt", "environment", "neutral", "none", [DT], "s3", None),
    ("a14", "2026-11-19T09:00", "baotinh", "digital", "positive", "none", [VL], None, None),
    ("a15", "2026-11-19T10:00", "baotinh", "health", None, None, [DT], None, None),
    ("a16", "2026-11-19T11:00", "diendan", "politics", "negative", "organisation", [AG], None, None),
    ("a17", "2026-11-19T23:59", "tinnhanh", "trade", "neutral", "none", [VL], None, None),
    ("a18", "2026-11-20T00:01", "baotinh", "security", "negative", "none", [DT], "s4", None),
    ("a19", "2026-11-20T05:00", "tinnhanh", "security", "negative", "none", [DT], "s4", None),
    ("a20", "2026-11-20T06:00", "congtt", "security", "neutral", "none", [DT], "s4", None),
    ("a21", "2026-11-20T07:00", "baotinh", "education", "positive", "none", [AG], None, None),
    ("a22", "2026-11-20T08:00", "baotinh", "education", "neutral", "none", [DT], None, None),
    ("a23", "2026-11-20T09:00", "diendan", "health social", "negative", "authority", [VL], "s5", None),
    ("a24", "2026-11-20T10:00", "diendan", "health", "neutral", "organisation", [VL], "s5", None),
    ("a25", "2026-11-20T11:00", "congtt", "agriculture", "positive", "none", [DT], None, None),
    ("a26", "2026-11-20T12:00", "tinnhanh", "", "neutral", "none", [], None, None),
    ("a27", "2026-11-20T13:00", "baotinh", "digital science", None, None, [DT], None, None),
    # outside of the time looked at, and without a date
    ("a28", "2026-11-14T23:59", "baotinh", "environment", "negative", "authority", [DT], None, None),
    ("a29", "2026-11-21T00:00", "baotinh", "environment", "negative", "authority", [DT], None, None),
    ("a30", None, "baotinh", "environment", "negative", "authority", [DT], None, None),
    # staff marked it as not relevant: it is nowhere
    ("a31", "2026-11-19T12:00", "baotinh", "security", "negative", "authority", [DT], None, None),
]

TOPICS = {code: [0, 0, 0, 0] for code in TAXONOMY.topics} | {
    "security": [3, 1, 0, 0],
    "traffic": [2, 1, 0, 0],
    "digital": [0, 0, 1, 1],
    "environment": [5, 1, 0, 0],
    "trade": [0, 2, 0, 0],
    "culture": [0, 0, 2, 0],
    "sport": [0, 1, 1, 0],
    "politics": [1, 0, 0, 0],
    "health": [2, 1, 0, 1],
    "education": [0, 1, 1, 0],
    "agriculture": [0, 0, 1, 0],
    "urban": [1, 0, 0, 0],
    "social": [1, 0, 0, 0],
    "science": [0, 0, 0, 1],
}
FIELDS = {
    "security": [4, 2, 0, 0],  # a06 is of security and of traffic, and counts once
    "digital": [0, 0, 1, 1],
    "environment": [5, 1, 0, 0],
    "trade": [0, 2, 0, 0],
    "culture": [0, 1, 2, 0],
}


def expected(language: str) -> dict[str, dict[str, list[float | None]]]:
    """By panel what it must show; groups and numbers in the order in which they are drawn."""
    topic_names = {code: name.in_language(language) for code, name in TAXONOMY.topics.items()}
    field_names = {code: field.name.in_language(language) for code, field in TAXONOMY.fields.items()}
    return {
        "articles": {"": [27]},
        "stories": {"": [20]},  # five stories of twelve articles, and fifteen articles that stand alone
        "negative": {"": [11]},
        "share": {"": [11 / 27]},
        "critical": {"": [6]},
        "coverage": {  # negative, neutral, positive, not rated
            "2026-11-15 00:00": [0, 0, 0, 0],
            "2026-11-16 00:00": [3, 1, 1, 0],
            "2026-11-17 00:00": [1, 2, 1, 0],
            "2026-11-18 00:00": [0, 0, 0, 0],
            "2026-11-19 00:00": [4, 2, 1, 1],
            "2026-11-20 00:00": [3, 4, 2, 1],
        },
        "share-over-time": {
            "2026-11-15 00:00": [None],
            "2026-11-16 00:00": [3 / 5],
            "2026-11-17 00:00": [1 / 4],
            "2026-11-18 00:00": [None],
            "2026-11-19 00:00": [4 / 8],
            "2026-11-20 00:00": [3 / 10],
        },
        "fields": {field_names[code]: list(FIELDS[code]) for code in TAXONOMY.fields},
        "topics": {topic_names[code]: list(TOPICS[code]) for code in TAXONOMY.topics},
        "sources": {  # articles, negative, share, stories
            "baotinh": [10, 4, 0.4, 10],
            "congtt": [6, 0, 0, 6],
            "tinnhanh": [6, 3, 0.5, 6],
            "diendan": [5, 4, 0.8, 4],
        },
        "places": {DT: [16, 8, 0.5, 10], AG: [6, 3, 0.5, 6], VL: [4, 1, 0.25, 3]},
        "critical-per-day": {  # of an authority, of another organisation
            "2026-11-15 00:00": [0, 0],
            "2026-11-16 00:00": [2, 1],
            "2026-11-17 00:00": [0, 0],
            "2026-11-18 00:00": [0, 0],
            "2026-11-19 00:00": [3, 1],
            "2026-11-20 00:00": [1, 1],
        },
        "critical-fields": {field_names[code]: [{"environment": 5}.get(code, 0)] for code in TAXONOMY.fields},
    }


def _article(row: tuple[Any, ...]) -> Article:
    name, published, source, topics, sentiment, critical_of, places, story, copy_of = row
    return Article.model_validate(
        {
            "id": name,
            "url": f"https://{source}.example/{name}",
            "title": f"Bài {name}",
            "lead": "Một sapo" if name == "a10" else "",
            "relevant": name != "a31",
            "source": source,
            "published_at": f"{published}:00+07:00" if published else None,
            "first_seen_at": f"{published or '2026-11-19T00:00'}:00+07:00",
            "topics": [{"code": code, "score": 0.9} for code in topics.split()],
            "sentiment": sentiment and {"label": sentiment},
            "critical_of": critical_of and {"label": critical_of},
            "places": [{"code": place, "name": f"Tỉnh {place}", "level": "province", "province": place} for place in places],
            "story_id": story,
            "copy_of": copy_of,
        }
    )


@pytest.fixture(scope="module")
def engine(elasticsearch_index: str) -> Iterator[ElasticsearchEngine]:
    made = ElasticsearchEngine(elasticsearch_index)
    assert made.upsert(_article(row) for row in TABLE) == {}
    yield made
    made.close()


@pytest.fixture(scope="module")
def node(engine: ElasticsearchEngine) -> Elasticsearch:
    return engine.client


@pytest.fixture(scope="module")
def objects(engine: ElasticsearchEngine) -> dict[str, dict[str, Any]]:
    return {entry["id"].removeprefix(f"{engine.read_alias}"): entry for entry in saved_objects(engine.read_alias, TAXONOMY)}


def expected_of_security(language: str) -> dict[str, dict[str, list[float | None]]]:
    """The same for the field of public order and traffic safety: a04, a05, a06, a18, a19, a20."""
    names = {code: TAXONOMY.topics[code].in_language(language) for code in ("security", "traffic")}
    nothing: list[float | None] = [0, 0, 0, 0]
    return {
        "articles": {"": [6]},
        "stories": {"": [4]},  # a04, a05, s2 of a06, s4 of a18 to a20
        "negative": {"": [4]},
        "share": {"": [4 / 6]},
        "critical": {"": [0]},
        "coverage": {
            "2026-11-15 00:00": nothing,
            "2026-11-16 00:00": [1, 1, 0, 0],
            "2026-11-17 00:00": [1, 0, 0, 0],
            "2026-11-18 00:00": nothing,
            "2026-11-19 00:00": nothing,
            "2026-11-20 00:00": [2, 1, 0, 0],
        },
        "share-over-time": {
            "2026-11-15 00:00": [None],
            "2026-11-16 00:00": [1 / 2],
            "2026-11-17 00:00": [1],
            "2026-11-18 00:00": [None],
            "2026-11-19 00:00": [None],
            "2026-11-20 00:00": [2 / 3],
        },
        "topics": {names["security"]: [3, 1, 0, 0], names["traffic"]: [2, 1, 0, 0]},
        "critical-per-day": {
            "2026-11-15 00:00": [0, 0],
            "2026-11-16 00:00": [0, 1],
            **{f"2026-11-{day} 00:00": [0, 0] for day in (17, 18, 19, 20)},
        },
        "sources": {"baotinh": [2, 2, 1, 2], "congtt": [2, 0, 0, 2], "diendan": [1, 1, 1, 1], "tinnhanh": [1, 1, 1, 1]},
        "places": {DT: [4, 3, 0.75, 2], AG: [3, 2, 2 / 3, 3]},
    }


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(f"{moment}:00+07:00").timestamp() * 1000)


def expected_of_collecting() -> dict[str, dict[str, list[float | None]]]:
    """By the day on which articles were found: the 27 of above, and a30, which has no date of its own and was found on the 19th."""
    return {
        "found": {"": [28]},
        "delivering": {"": [4]},
        "undated": {"": [1 / 28]},
        "leadless": {"": [27 / 28]},  # only a10 has one
        "found-per-day": {f"2026-11-{day} 00:00": [number] for day, number in ((15, 0), (16, 5), (17, 4), (18, 0), (19, 9), (20, 10))},
        "sources-health": {  # found, last 24 hours, last 7 days (both by the clock of the node), latest, without date, lead, author
            "baotinh": [11, 0, 0, _milliseconds("2026-11-20T13:00"), 1 / 11, 10 / 11, 1],
            "congtt": [6, 0, 0, _milliseconds("2026-11-20T11:00"), 0, 1, 1],
            "tinnhanh": [6, 0, 0, _milliseconds("2026-11-20T12:00"), 0, 1, 1],
            "diendan": [5, 0, 0, _milliseconds("2026-11-20T10:00"), 0, 1, 1],
        },
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", ["daily", "field-security", "collecting"])
def test_panels_show_what_was_counted_by_hand(node: Elasticsearch, objects: dict[str, dict[str, Any]], key: str, language: str) -> None:
    view = objects["-collected" if key == "collecting" else ""]["attributes"]
    shown = {}
    for panel in lens_panels(objects[f"-{key}-{language}"]):
        request = request_of(panel, view["timeFieldName"], SINCE, UNTIL, ZONE)
        shown[panel.index] = table_of(panel, node.search(index=view["title"], **request).body, VIETNAM)
    wanted = {"daily": expected, "field-security": expected_of_security}.get(key, lambda _: expected_of_collecting())(language)
    assert shown.keys() == wanted.keys()
    for index, table in shown.items():
        assert list(table) == list(wanted[index]), index
        for group, numbers in table.items():
            if index == "sources-health":
                # Kibana's "now" is today's: how many are of the last day and week depends on when the test runs.
                numbers, wanted[index][group] = [[*row[:1], *row[3:]] for row in (numbers, wanted[index][group])]
            assert numbers == pytest.approx(wanted[index][group]), (index, group)


def test_what_was_found_lately_is_told_by_the_clock(
    node: Elasticsearch, objects: dict[str, dict[str, Any]], elasticsearch_index: str
) -> None:
    """Two articles found an hour and three days ago, among the old ones."""
    now = datetime.now(UTC)
    engine = ElasticsearchEngine(f"{elasticsearch_index}-lately")
    ages = {"hour": timedelta(hours=1), "days": timedelta(days=3), "month": timedelta(days=29)}
    articles = [
        Article.model_validate({"id": name, "url": f"https://a.example/{name}", "title": name, "source": "a", "first_seen_at": now - age})
        for name, age in ages.items()
    ]
    try:
        assert engine.upsert(articles) == {}
        (panel,) = (panel for panel in lens_panels(objects["-collecting-vi"]) if panel.index == "sources-health")
        request = request_of(panel, "first_seen_at", (now - timedelta(days=40)).isoformat(), now.isoformat(), ZONE)
        table = table_of(panel, node.search(index=engine.read_alias, **request).body, VIETNAM)
        assert table["a"][:3] == [3, 1, 2]
    finally:
        node.indices.delete(index=list(node.indices.get_alias(name=engine.read_alias)))
        engine.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_list_shows_the_newest_negative_articles_with_their_titles(
    node: Elasticsearch, objects: dict[str, dict[str, Any]], language: str
) -> None:
    view = objects[""]["attributes"]
    search = objects[f"-negative-{language}"]["attributes"]
    source = json.loads(search["kibanaSavedObjectMeta"]["searchSourceJSON"])
    (order,) = search["sort"]
    answer = node.search(
        index=view["title"],
        size=500,
        query={
            "bool": {
                "filter": [
                    {"range": {view["timeFieldName"]: {"gte": SINCE, "lt": UNTIL}}},
                    kql_query(source["query"]["query"]),
                ]
            }
        },
        sort=[{order[0]: order[1]}],
        fields=[{"field": "*", "include_unmapped": True}],
        runtime_mappings=json.loads(view["runtimeFieldMap"]),
        source=False,
    )
    hits = [hit["fields"] for hit in answer["hits"]["hits"]]
    assert [hit["id"][0] for hit in hits] == ["a23", "a19", "a18", "a16", "a12", "a11", "a10", "a06", "a02", "a01", "a05"]
    assert hits[0]["record.title"] == ["Bài a23"]
    assert hits[0]["record.url"] == ["https://diendan.example/a23"]
    assert all(column in hits[0] for column in search["columns"])
    assert not [hit for hit in hits if not hit.get("record.title")]


def test_elasticsearch_itself_says_that_every_field_can_be_counted(
    node: Elasticsearch, engine: ElasticsearchEngine, objects: dict[str, dict[str, Any]]
) -> None:
    dashboards = [entry for entry in objects.values() if entry["type"] == "dashboard"]
    panels = [panel for dashboard in dashboards for panel in lens_panels(dashboard)]
    named = set().union(*(fields_named(panel) for panel in panels))
    texts = {name for name in named if name.startswith("words.")}  # only whether there is one is asked
    assert {"published_at", "sentiment", "topic", "source", "place", "critical_of", "subject"} <= named
    known = node.field_caps(index=engine.read_alias, fields=sorted(named))["fields"]
    assert all(entry["searchable"] for text in texts for entry in known[text].values())
    for field in named - texts:
        assert all(entry["aggregatable"] and entry["searchable"] for entry in known[field].values()), field
