"""Roll-over, policies where they are offered, snapshots, and a rebuild that is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from elasticsearch import ApiError, NotFoundError

from diembao.article import Article
from diembao.engine import SearchRequest
from diembao.errors import EngineError
from index.elasticsearch_engine import ElasticsearchEngine
from index.elasticsearch_mapping import ROLLOVER, document_of, template
from index.elasticsearch_rebuild import Rebuild
from index.elasticsearch_writing import BulkWriter, Item, Patience, encode
from tests.elasticsearch.life_cycle_proxy import LifeCycleProxy

pytestmark = pytest.mark.elasticsearch


def opened(address: str, **options: object) -> ElasticsearchEngine:
    return ElasticsearchEngine(address, rollover={"max_docs": "10"}, **options)  # type: ignore[arg-type]


@pytest.fixture
def address(elasticsearch_index: str) -> str:
    return f"{elasticsearch_index}-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def engine(address: str) -> Iterator[ElasticsearchEngine]:
    """An engine that rolls over at ten articles."""
    made = opened(address)
    yield made
    made.close()


def some(count: int, start: int = 0, title: str = "Lũ") -> list[Article]:
    return [Article(id=f"a{number:05}", title=f"{title} {number}", body="Mưa lớn.") for number in range(start, start + count)]


def where(engine: ElasticsearchEngine) -> dict[str, list[int]]:
    """By id: the numbers of the physical indices that hold it."""
    found: dict[str, list[int]] = {}
    engine.client.indices.refresh(index=f"{engine.prefix}-articles-v*")
    for name in engine.cluster.layout().read:
        for hit in engine.client.search(index=name, size=10_000, source=False)["hits"]["hits"]:
            found.setdefault(hit["_id"], []).append(int(name[-6:]))
    return found


# -- roll-over --------------------------------------------------------------------------------------------------------------------


def test_an_article_stays_one_document_across_a_roll_over(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(10))
    engine.maintain()
    engine.upsert([*some(1, 3, "Bão"), *some(2, 10)])
    engine.maintain()
    assert where(engine) == {**{f"a{n:05}": [1] for n in range(10)}, "a00010": [2], "a00011": [2]}
    assert engine.search(SearchRequest("bão")).total == 1
    assert engine.search(SearchRequest("mưa", limit=0)).total == 12
    assert engine.stored(["a00003", "a00011"]).keys() == {"a00003", "a00011"}
    assert engine.delete(["a00000", "a00010", "nobody"]) == 2
    assert [article.id for article in engine.scan()] == ["a00001", *[f"a{n:05}" for n in range(2, 10)], "a00011"]


def test_nothing_rolls_over_before_it_is_due(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(9))
    engine.maintain()
    engine.maintain()
    assert len(engine.cluster.layout().read) == 1


def test_writers_of_the_same_new_articles_leave_one_of_each_however_often_it_rolls_over(address: str) -> None:
    engines = [opened(address) for _ in range(3)]
    engines[0].prepare()
    failures: list[BaseException] = []
    stop = threading.Event()

    def write(engine: ElasticsearchEngine, name: str) -> None:
        try:
            for start in range(0, 300, 10):
                assert engine.upsert(some(10, start, name)) == {}
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    def roll() -> None:
        while not stop.is_set():
            engines[2].client.indices.rollover(alias=engines[2].write_alias, conditions={"max_docs": 1})
            time.sleep(0.05)

    writers = [threading.Thread(target=write, args=(engine, name)) for engine, name in zip(engines, ("Lũ", "Bão"), strict=False)]
    roller = threading.Thread(target=roll)
    for thread in (roller, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    roller.join()
    assert failures == []
    found = where(engines[0])
    assert len(engines[0].cluster.layout().read) > 2
    assert found.keys() == {article.id for article in some(300)}
    assert {article_id: numbers for article_id, numbers in found.items() if len(numbers) > 1} == {}
    for engine in engines:
        engine.close()


def test_a_rebuild_keeps_the_parts(engine: ElasticsearchEngine) -> None:
    for start in (0, 10, 20):
        engine.upsert(some(10, start))
        engine.maintain()
    assert engine.rebuild() == 30
    assert where(engine) == {f"a{n:05}": [5 + n // 10] for n in range(30)}
    assert [int(name[-6:]) for name in engine.cluster.layout().read] == [5, 6, 7, 8]
    engine.upsert(some(31))
    assert where(engine)["a00030"] == [8]
    assert engine.cluster.layout().leaving == ()


def test_a_write_to_an_index_that_is_gone_does_not_bring_it_back(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(1))
    with pytest.raises(NotFoundError):
        engine.client.index(index=engine.cluster.physical(9), id="x", document={"id": "x"})


# -- what the cluster offers ------------------------------------------------------------------------------------------------------


def test_a_cluster_without_ilm_is_told_so(engine: ElasticsearchEngine) -> None:
    engine.maintain()
    conditions = {condition.name: condition for condition in engine.conditions()}
    assert "this cluster has no ILM" in conditions["indices"].message
    assert "this cluster has no SLM" in conditions["snapshots"].message
    assert {condition.state for condition in conditions.values()} == {"ok"}
    engine.client.snapshot.delete_repository(name=engine.prefix)


@pytest.fixture
def offering(elasticsearch_address: str) -> Iterator[LifeCycleProxy]:
    proxy = LifeCycleProxy(elasticsearch_address)
    yield proxy
    proxy.close()


def test_ilm_and_slm_are_used_where_they_are_offered(offering: LifeCycleProxy, address: str) -> None:
    prefix = address.rpartition("/")[2]
    engine = opened(f"{offering.address}/{prefix}")
    engine.upsert(some(20))
    engine.maintain()
    assert offering.policies[f"/_ilm/policy/{prefix}-articles"]["policy"]["phases"]["hot"]["actions"]["rollover"] == {"max_docs": "10"}
    assert "delete" not in offering.policies[f"/_ilm/policy/{prefix}-articles"]["policy"]["phases"]
    assert offering.policies[f"/_slm/policy/{prefix}"]["repository"] == prefix
    expected = {"name": f"{prefix}-articles", "rollover_alias": f"{prefix}-articles-write"}
    assert offering.lifecycle[f"/_index_template/{prefix}-articles"] == {"index.lifecycle": expected}
    assert offering.rollovers == 0, "the cluster does it itself"
    conditions = {condition.name: condition for condition in engine.conditions()}
    assert conditions["indices"].state == conditions["snapshots"].state == "ok"
    assert "by ILM, running" in conditions["indices"].message
    assert "nightly by SLM" in conditions["snapshots"].message
    assert engine.rebuild() == 20
    assert any("index.lifecycle.indexing_complete" in settings for settings in offering.lifecycle.values())

    offering.status["_ilm"] = "STOPPED"
    assert [condition.state for condition in engine.conditions() if condition.name == "indices"] == ["warning"]
    offering.status |= {"_ilm": 403, "_slm": 403}
    engine.maintain()
    (indices,) = [condition for condition in engine.conditions() if condition.name == "indices"]
    assert (indices.state, "manage_ilm" in indices.hint) == ("warning", True)
    engine.client.snapshot.delete_repository(name=prefix)
    engine.close()


def test_the_template_asks_for_ilm_only_where_it_is() -> None:
    assert "index.lifecycle" not in template("x", life_cycle=False)["template"]["settings"]
    assert template("x", life_cycle=True)["template"]["settings"]["index.lifecycle"]["name"] == "x-articles"
    assert ROLLOVER.keys() == {"max_primary_shard_size", "max_age"}


def test_a_snapshot_brings_everything_back(engine: ElasticsearchEngine, tmp_path: Path) -> None:
    engine.upsert(some(12))
    engine.maintain()
    engine.upsert(some(3, 12))
    place = engine.backup(tmp_path, datetime(2026, 11, 20, tzinfo=UTC))
    assert place == f"snapshot {engine.prefix}/{engine.prefix}-20261120-000000"
    engine.client.indices.delete(index=list(engine.cluster.layout().read))
    engine.client.snapshot.restore(
        repository=engine.prefix, snapshot=f"{engine.prefix}-20261120-000000", wait_for_completion=True, include_aliases=True
    )
    again = ElasticsearchEngine(f"{engine.address}/{engine.prefix}")
    assert [article.id for article in again.scan()] == [article.id for article in some(15)]
    assert again.upsert(some(16)) == {}
    assert len(where(again)) == 16
    again.close()
    engine.client.snapshot.delete(repository=engine.prefix, snapshot="*")
    engine.client.snapshot.delete_repository(name=engine.prefix)


# -- a rebuild that is killed -----------------------------------------------------------------------------------------------------


def _rebuild(address: str, killed_at: str) -> None:
    """Rebuild until the named step, then die without a word."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if killed_at:
        setattr(Rebuild, killed_at, die)
    engine = ElasticsearchEngine(address)
    engine.rebuild()


@pytest.mark.parametrize("step", ["_write", "_compare", "_exchange", "_dismiss"])
def test_a_killed_rebuild_leaves_an_index_that_is_searched_and_written(engine: ElasticsearchEngine, address: str, step: str) -> None:
    engine.upsert(some(50))
    process = get_context("spawn").Process(target=_rebuild, args=(address, step))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert engine.search(SearchRequest("lũ", limit=0)).total == 50
    if step != "_dismiss":
        assert engine.cluster.layout().building
        assert any(condition.name == "reindex" and condition.state == "warning" for condition in engine.conditions())
    assert engine.upsert(some(51)) == {}, "a writer that was there before the kill"
    later = opened(address)
    assert later.upsert(some(52)) == {}
    assert later.cluster.layout().building == ()
    assert later.rebuild() == 52
    assert later.cluster.layout().leaving == ()
    assert {article.id for article in later.scan()} == {article.id for article in some(52)}
    later.close()


def test_a_rebuild_killed_at_any_moment_under_load_loses_nothing(engine: ElasticsearchEngine, address: str) -> None:
    engine.upsert(some(1500))
    number = 1500
    for round_ in range(4):
        process = get_context("spawn").Process(target=_rebuild, args=(address, ""))
        process.start()
        while process.is_alive() and not engine.cluster.layout().building:
            time.sleep(0.02)
        end = time.monotonic() + 0.4 * (round_ + 1)
        while time.monotonic() < end:
            assert engine.upsert(some(10, number)) == {}
            number += 10
        with suppress(ProcessLookupError):
            os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        assert engine.upsert(some(1, number)) == {}
        number += 1
        found = [article.id for article in engine.scan()]
        assert len(found) == len(set(found)) == number
    assert engine.rebuild() == number


@pytest.mark.parametrize("knew", ["before", "while it was built"])
def test_a_writer_that_knows_only_the_indices_of_before_the_exchange_goes_on_in_the_new_ones(
    engine: ElasticsearchEngine, knew: str
) -> None:
    engine.upsert(some(50))
    before = engine.cluster.layout()
    rebuild = Rebuild(engine.cluster, engine.life_cycle, Patience())
    rebuild._carry_over()
    during = engine.cluster.layout()
    rebuild._block()
    rebuild._carry_over()
    rebuild._exchange()
    writer = BulkWriter(engine.cluster, Patience(busy=30))
    writer._known = (time.monotonic() + 3600, before if knew == "before" else during)
    assert writer.write([Item("a00050", encode(document_of(some(1, 50)[0], 1))), Item("a00001", None)]) == {}
    engine.cluster.abandon(during)
    engine.client.indices.refresh(index=engine.read_alias)
    assert {article.id for article in engine.scan()} == {article.id for article in some(51)} - {"a00001"}
    assert engine.cluster.layout().read == during.building


def test_a_rebuild_that_somebody_took_for_dead_changes_nothing(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(50))
    rebuild = Rebuild(engine.cluster, engine.life_cycle, Patience())
    rebuild._carry_over()
    rebuild._block()
    rebuild._carry_over()
    engine.cluster.abandon(engine.cluster.layout())
    assert engine.upsert(some(1, 50)) == {}
    with pytest.raises(ApiError):
        rebuild._exchange()
    assert {article.id for article in engine.scan()} == {article.id for article in some(51)}


def test_a_second_rebuild_waits_for_the_first(engine: ElasticsearchEngine, address: str) -> None:
    engine.upsert(some(1))
    first = Rebuild(engine.cluster, engine.life_cycle, Patience())
    first._carry_over()
    with pytest.raises(EngineError, match=r"another reindex is at work \(process"):
        engine.rebuild()
    assert opened(address).search(SearchRequest("lũ")).total == 1
    assert engine.cluster.layout().building, "nobody takes away what somebody is filling"
    engine.cluster.abandon(engine.cluster.layout())


def test_two_rebuilds_at_the_same_moment_do_not_take_away_each_others_index(engine: ElasticsearchEngine, address: str) -> None:
    engine.upsert(some(30))
    engines = [opened(address) for _ in range(3)]
    counts: list[int] = []
    refused: list[str] = []

    def rebuild(one: ElasticsearchEngine) -> None:
        try:
            counts.append(one.rebuild())
        except EngineError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=rebuild, args=(one,)) for one in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) + len(refused) == 3
    assert set(counts) <= {30}
    assert engine.search(SearchRequest("lũ", limit=0)).total == 30
    assert engine.rebuild() == 30
    assert (engine.cluster.layout().building, engine.cluster.layout().leaving, engine.cluster.layout().unused) == ((), (), ())
    for one in engines:
        one.close()


def test_a_rebuild_that_an_article_does_not_fit_leaves_the_old_index(engine: ElasticsearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.upsert(some(5))
    monkeypatch.setattr("index.elasticsearch_rebuild.document_of", lambda article, _: {"id": article.id, "unknown": 1})
    with pytest.raises(EngineError, match="the new index refuses a0000"):
        engine.rebuild()
    assert engine.cluster.layout().building == ()
    assert engine.upsert(some(6)) == {}
    with suppress(ApiError):
        assert engine.search(SearchRequest("lũ")).total == 6
