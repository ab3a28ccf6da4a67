"""What only a real node can show: refusals, a read-only index, a rebuild under load."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from diembao.article import Article
from diembao.engine import Filters, SearchRequest
from diembao.errors import EngineError
from index.elasticsearch_engine import ElasticsearchEngine
from index.elasticsearch_folding import Folder
from index.elasticsearch_mapping import MAPPING
from index.elasticsearch_rebuild import Rebuild

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def engine(elasticsearch_index: str) -> Iterator[ElasticsearchEngine]:
    """An engine with names of its own under the module's prefix."""
    made = ElasticsearchEngine(f"{elasticsearch_index}-{uuid.uuid4().hex[:6]}")
    yield made
    made.close()


def some(count: int, start: int = 0, title: str = "Lũ") -> list[Article]:
    return [Article(id=f"a{number:05}", title=f"{title} {number}", body="Mưa lớn.") for number in range(start, start + count)]


def test_preparing_twice_changes_nothing(engine: ElasticsearchEngine) -> None:
    engine.prepare()
    engine.upsert(some(3))
    engine.prepare()
    assert list(engine.client.indices.get_alias(name=engine.read_alias)) == [f"{engine.prefix}-articles-v3-000001"]
    assert engine.search(SearchRequest("lũ")).total == 3


def test_the_template_is_what_a_new_index_gets(engine: ElasticsearchEngine) -> None:
    engine.prepare()
    name = f"{engine.prefix}-articles-v3-000077"
    engine.client.indices.create(index=name)
    mapping = engine.client.indices.get_mapping(index=name)[name]["mappings"]
    assert mapping["_meta"] == MAPPING["_meta"]
    assert mapping["properties"].keys() == MAPPING["properties"].keys()


@pytest.mark.parametrize(
    "fields",
    [
        {"published_at": "1970-01-01T00:00:00Z"},
        {"published_at": "2099-12-31T00:00:00Z"},
        {"published_at": "0001-01-01T00:00:00Z"},
        {"published_at": "9999-12-31T23:59:59Z"},
        {"body": "lũ " * 350_000},
        {"tags": [f"nhãn {number}" for number in range(10_000)]},
        {"title": "\ud800 lũ \udfff", "tags": ["\ud800"], "authors": ["\udc00"], "source": "x\ud800"},
        {"title": "\x00\x01 lũ \ue000\ue001 \u202e"},
        {"title": "_" * 500, "body": "a" * 100_000, "source": "s" * 40_000},
        {"body": "🌊" * 1000 + " َُ \u0300\u0301"},
    ],
    ids=range(10),
)
def test_absurd_articles_are_kept_or_refused_by_name(engine: ElasticsearchEngine, fields: dict[str, object]) -> None:
    odd = Article.model_validate({"id": "odd", "title": "x", **fields})
    refused = engine.upsert([*some(2), odd])
    assert refused.keys() <= {"odd"}
    assert engine.search(SearchRequest()).total == 3 - len(refused)
    assert (engine.get("odd") is None) == bool(refused)


def test_a_copy_in_a_thousand_provinces_is_folded_and_counted(engine: ElasticsearchEngine) -> None:
    places = [{"code": f"p{number}", "name": f"Tỉnh {number}", "level": "province", "province": f"Tỉnh {number}"} for number in range(990)]
    origin, *_ = some(3)
    wide = Article.model_validate({"id": "wide", "title": "lũ", "copy_of": origin.id, "places": places})
    assert engine.upsert([*some(3), wide]) == {}
    found = engine.search(SearchRequest())
    assert found.total == 3
    assert {entry.count for entry in found.facets["place"]} == {1}
    assert len(found.facets["place"]) == len(places)
    assert engine.search(SearchRequest(filters=Filters(places=("Tỉnh 7",)))).total == 1


@pytest.mark.parametrize("sort", ["time", "relevance"])
def test_a_folded_search_is_of_one_moment(engine: ElasticsearchEngine, monkeypatch: pytest.MonkeyPatch, sort: Any) -> None:
    origin, *others = some(6)
    before = [origin, *(one.with_fields(copy_of=origin.id, source=f"bao{number}") for number, one in enumerate(others))]
    assert engine.upsert(before) == {}
    whole = Folder.copies

    def changing(*given: Any) -> Any:
        engine.upsert(one.with_fields(source="khac", copy_of=None) for one in before)
        return whole(*given)

    monkeypatch.setattr(Folder, "copies", changing)
    found = engine.search(SearchRequest("lũ", sort=sort))
    assert found.total == 1
    assert {entry.value for entry in found.facets["source"]} == {f"bao{number}" for number in range(5)}
    monkeypatch.setattr(Folder, "copies", whole)
    assert engine.search(SearchRequest("lũ", sort=sort)).total == 6


def test_a_read_only_index_is_one_readable_line(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(1))
    engine.client.indices.put_settings(index=engine.read_alias, settings={"index.blocks.write": True})
    with pytest.raises(EngineError, match="takes no writes") as caught:
        engine.upsert(some(3))
    assert "\n" not in str(caught.value)
    assert engine.search(SearchRequest("lũ")).total == 1


def test_an_index_of_another_version_asks_for_reindex_and_reindex_mends_it(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(5))
    engine.client.indices.put_mapping(index=engine.read_alias, meta={"schema": 0, "analyser": 0})
    later = ElasticsearchEngine(f"{engine.address}/{engine.prefix}")
    with pytest.raises(EngineError, match="diembao reindex"):
        later.search(SearchRequest("lũ"))
    assert later.rebuild() == 5
    assert later.search(SearchRequest("lũ")).total == 5
    assert list(engine.client.indices.get_alias(name=engine.read_alias)) == [f"{engine.prefix}-articles-v3-000002"]
    later.close()


def test_a_rebuild_loses_and_doubles_nothing_while_others_write(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(1500))
    stop = threading.Event()
    failures: list[BaseException] = []
    written: set[str] = set()
    erased: set[str] = set()
    unanswered: list[int] = []

    def write() -> None:
        number = 1500
        try:
            while not stop.is_set():
                assert engine.upsert(some(10, number)) == {}
                written.update(article.id for article in some(10, number))
                assert engine.upsert(some(1, number - 1000, "Bão")) == {}
                gone = f"a{number - 1500:05}"
                engine.delete([gone])
                erased.add(gone)
                number += 10
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    def read() -> None:
        try:
            while not stop.is_set():
                if engine.search(SearchRequest("mưa", limit=0, facets=False)).total < 1000:
                    unanswered.append(1)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    count = engine.rebuild()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert unanswered == []
    assert count >= 1000
    found = [article.id for article in engine.scan()]
    assert len(found) == len(set(found))
    assert set(found) == ({article.id for article in some(1500)} | written) - erased
    assert list(engine.client.indices.get_alias(name=engine.write_alias)) == [f"{engine.prefix}-articles-v3-000002"]


def test_a_rebuild_takes_over_what_is_erased_while_it_catches_up(engine: ElasticsearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.upsert(some(300))
    erased: list[str] = []
    catch_up = Rebuild._catch_up

    def erased_before(rebuild: Rebuild) -> None:
        erased.append(f"a{len(erased):05}")
        assert engine.delete(erased[-1:]) == 1
        catch_up(rebuild)

    monkeypatch.setattr(Rebuild, "_catch_up", erased_before)
    engine.rebuild()
    assert len(erased) == 2
    assert {article.id for article in engine.scan()} == {article.id for article in some(300)} - set(erased)


def test_pages_of_a_scan_are_of_one_moment(engine: ElasticsearchEngine) -> None:
    base = [article.with_fields(first_seen_at=datetime(2026, 1, 1, tzinfo=UTC)) for article in some(1200)]
    engine.upsert(base)
    scan = engine.scan()
    first = next(scan)
    engine.delete(["a01100"])
    engine.upsert(some(5, 5000))
    assert [first.id, *(article.id for article in scan)] == [article.id for article in base]
