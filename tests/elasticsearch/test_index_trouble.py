"""A node of its own that is killed, runs full, asks for a password and takes little at a time: nothing is lost, one line each."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.health import examine
from crawlers.runs import PageFate, RunWriter
from diembao.article import Article
from diembao.engine import Filters, SearchRequest
from diembao.errors import EngineError, EngineUnusableError, UsageError
from diembao.settings import PROJECT, Settings
from diembao.state import State
from flows import stages
from index.elasticsearch_engine import ElasticsearchEngine
from index.elasticsearch_writing import BulkWriter, Item, Patience, encode
from index.opening import open_engine
from nlp.tagging import Tagger
from tests.elasticsearch_node import Node

pytestmark = pytest.mark.elasticsearch
NODE_VARIABLES = {
    "ES_NODE_PASSWORD": "mat khau:1",
    "ES_NODE_SETTINGS": "indexing_pressure.memory.limit=1mb;http.max_content_length=3mb;cluster.info.update.interval=10s",
}
PASSWORD = "mat%20khau:1"
NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
PATIENT = Patience(busy=120, away=120, first=0.1, longest=2)
IMPATIENT = Patience(busy=0.2, away=0.2, first=0.1, longest=0.1)


@pytest.fixture
def address(own_node: Node) -> str:
    return f"http://elastic:{PASSWORD}@127.0.0.1:{own_node.port}/t{uuid.uuid4().hex[:8]}"


@pytest.fixture
def engine(address: str) -> Iterator[ElasticsearchEngine]:
    made = ElasticsearchEngine(address, patience=PATIENT)
    yield made
    made.close()


def some(count: int, start: int = 0, size: int = 1) -> list[Article]:
    return [Article(id=f"a{number:05}", title=f"Lũ {number}", body="Mưa lớn. " * size) for number in range(start, start + count)]


def one_line(error: Exception) -> str:
    message = str(error)
    assert "\n" not in message
    assert message != "1"
    assert "mat khau" not in message
    assert PASSWORD not in message
    return message


# -- back-pressure ----------------------------------------------------------------------------------------------------------------


def test_a_server_that_takes_little_at_a_time_gets_everything(engine: ElasticsearchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[int] = []
    whole = BulkWriter._smaller
    monkeypatch.setattr(BulkWriter, "_smaller", lambda writer, limit: (answers.append(limit), whole(writer, limit))[1])
    articles = some(600, size=800)  # some ten megabytes, where the server holds one
    assert engine.upsert(articles) == {}
    assert answers, "the server refused nothing, so this shows nothing"
    assert [article.id for article in engine.scan()] == [article.id for article in articles]


def test_a_server_that_stays_busy_is_one_line(address: str) -> None:
    impatient = ElasticsearchEngine(address, patience=IMPATIENT)
    impatient.prepare()
    impatient.client.cluster.put_settings(transient={"indices.breaker.total.limit": "1%"})  # its breaker refuses every request
    try:
        with pytest.raises(EngineError, match="too much to do") as caught:
            impatient.upsert(some(1))
    finally:
        impatient.client.cluster.put_settings(transient={"indices.breaker.total.limit": None})
    assert "waits on disk" in one_line(caught.value)
    assert impatient.upsert(some(1)) == {}
    impatient.close()


def test_what_is_larger_than_the_server_takes_is_refused_by_name(engine: ElasticsearchEngine) -> None:
    refused = engine.upsert([*some(2), Article(id="huge", title="x", images=["i" * 4_000_000]), *some(2, 2)])
    assert refused.keys() == {"huge"}
    assert "larger than the server takes" in refused["huge"]
    assert engine.search(SearchRequest("lũ")).total == 4


def test_what_does_not_fit_the_mapping_is_refused_by_name_and_the_others_stay(engine: ElasticsearchEngine) -> None:
    engine.prepare()
    writer = BulkWriter(engine.cluster, PATIENT)
    fitting = {"id": "good", "indexed_at": 1, "record": {"title": "x"}}
    refused = writer.write(
        [
            Item("conflict", encode({"id": "conflict", "published_at": "hôm qua"})),
            Item("unknown", encode({"id": "unknown", "something": 1})),
            Item("surrogate", b'{"id":"surrogate","story_id":"\\ud800"}'),
            Item("cut", b'{"id":"cut","story_id":"\\ud8'),
            Item("good", encode(fitting)),
        ]
    )
    assert {"conflict", "unknown", "cut"} <= refused.keys() <= {"conflict", "unknown", "cut", "surrogate"}
    assert "published_at" in refused["conflict"]
    assert "something" in refused["unknown"]
    assert engine.client.exists(index=engine.write_alias, id="good")


def test_more_intervals_than_the_server_counts_are_one_line(engine: ElasticsearchEngine) -> None:
    engine.upsert(Article(id=f"a{hour}", title="lũ", published_at=NOW + timedelta(hours=hour)) for hour in range(12))
    engine.client.cluster.put_settings(transient={"search.max_buckets": 5})
    try:
        with pytest.raises(UsageError, match="intervals") as caught:
            engine.count("lũ", Filters(), "hour")
        one_line(caught.value)
    finally:
        engine.client.cluster.put_settings(transient={"search.max_buckets": None})
    assert len(engine.count("lũ", Filters(), "hour")) == 12


# -- passwords --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["elastic:wrong@", "nobody:1@", ""])
def test_a_wrong_password_is_one_line_and_no_try_more(own_node: Node, user: str) -> None:
    engine = ElasticsearchEngine(f"http://{user}127.0.0.1:{own_node.port}")
    with pytest.raises(EngineUnusableError, match="refuses the user or the password") as caught:
        engine.upsert(some(1))
    one_line(caught.value)
    assert engine.status().problem
    engine.close()


def test_a_user_who_may_only_read_reads_and_is_told(engine: ElasticsearchEngine, own_node: Node) -> None:
    engine.upsert(some(3))
    reader = ElasticsearchEngine(f"http://reader:{PASSWORD}@127.0.0.1:{own_node.port}/{engine.prefix}")
    assert reader.search(SearchRequest("lũ")).total == 3
    with pytest.raises(EngineUnusableError, match="does not allow this user"):
        reader.upsert(some(4))
    with pytest.raises(EngineUnusableError, match="does not allow this user"):
        reader.rebuild()
    assert engine.search(SearchRequest("lũ")).total == 3
    reader.close()


# -- blocks -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["write", "read_only"])
def test_an_index_that_takes_no_writes_is_one_line_and_shown_by_doctor(engine: ElasticsearchEngine, block: str) -> None:
    engine.upsert(some(3))
    engine.client.indices.put_settings(index=engine.read_alias, settings={f"index.blocks.{block}": True})
    with pytest.raises(EngineError, match="takes no writes: the index is read-only") as caught:
        engine.upsert(some(4))
    one_line(caught.value)
    with pytest.raises(EngineError, match="takes no writes"):
        engine.delete(["a00001"])
    assert engine.search(SearchRequest("lũ")).total == 3
    assert [condition.state for condition in engine.conditions() if condition.name == "writing"] == ["broken"]
    engine.client.indices.put_settings(index=engine.read_alias, settings={f"index.blocks.{block}": None})
    assert engine.upsert(some(4)) == {}


def test_a_full_disk_of_the_server_is_one_line_and_goes_on_by_itself(engine: ElasticsearchEngine) -> None:
    engine.upsert(some(3))
    marks = "cluster.routing.allocation.disk"
    full = dict.fromkeys(("watermark.low", "watermark.high", "watermark.flood_stage"), "999999gb")
    try:
        engine.client.cluster.put_settings(transient={f"{marks}.threshold_enabled": True, **{f"{marks}.{k}": v for k, v in full.items()}})
        until(lambda: blocked(engine))
        with pytest.raises(EngineError, match="disk is nearly full") as caught:
            engine.upsert(some(4))
        assert "flood-stage watermark" in one_line(caught.value)
        assert engine.search(SearchRequest("lũ")).total == 3
        assert any("read_only_allow_delete" in condition.message for condition in engine.conditions())
    finally:
        free = dict.fromkeys(("watermark.low", "watermark.high", "watermark.flood_stage"), "1mb")
        engine.client.cluster.put_settings(transient={f"{marks}.{k}": v for k, v in free.items()})
    until(lambda: not blocked(engine))
    assert engine.upsert(some(4)) == {}
    assert engine.search(SearchRequest("lũ")).total == 4


def blocked(engine: ElasticsearchEngine) -> bool:
    found = engine.client.indices.get_settings(index=engine.read_alias, name="index.blocks.*", flat_settings=True)
    return any("index.blocks.read_only_allow_delete" in entry["settings"] for entry in found.values())


def until(holds: Any) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


# -- the node goes away -----------------------------------------------------------------------------------------------------------


def test_a_node_that_is_killed_while_articles_arrive_has_all_of_them_once(engine: ElasticsearchEngine, own_node: Node) -> None:
    engine.prepare()
    failures: list[BaseException] = []
    going, done = threading.Event(), threading.Event()

    def write() -> None:
        try:
            for start in range(0, 4000, 40):
                assert engine.upsert(some(40, start, size=20)) == {}
                if start >= 400:
                    going.set()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)
        going.set()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert going.wait(120)
    own_node.kill()
    assert own_node.start(), own_node.log()[-2000:]
    writer.join()
    assert failures == []
    assert [article.id for article in engine.scan()] == [article.id for article in some(4000)]


def test_what_is_crawled_while_the_node_is_away_waits_and_arrives_once_in_order(
    address: str, own_node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(tmp_path, PROJECT / "config", address, f"sqlite:///{tmp_path}/state.sqlite")
    state, tagger = State(settings.database), Tagger.of(settings)
    engine = open_engine(settings)
    engine.prepare()
    own_node.kill()
    for number, run in enumerate(("20261120T010000Z-a", "20261120T020000Z-b", "20261120T030000Z-c")):
        writer = RunWriter(settings.runs_folder / run)
        # The same article in every run, with another text: the last one must stay, as the third revision.
        edited = Article(id="edited", url="https://bao.example/e", title=f"Lũ lần {number}", fetched_at=NOW.replace(hour=number + 1))
        for article in (*some(5, number * 5), edited):
            writer.write_article(article)
            writer.write_fate(PageFate(article.id, article.url, article.source, None))
        writer.finish({"started_at": NOW.isoformat(), "problems": []})
    monkeypatch.setattr(engine, "_patience", IMPATIENT)
    with pytest.raises(EngineError, match="cannot be reached"):
        stages.index_run(settings, state, engine, tagger, "20261120T010000Z-a", NOW)
    waiting = stages.backlog(settings, state, NOW)
    assert (waiting.runs, waiting.articles, waiting.oldest) == (3, 18, "20261120T010000Z-a")
    checks = {check.name: check for check in examine(settings)}
    assert checks["engine"].state == "broken"
    assert (checks["backlog"].state, "18 articles of 3 runs" in checks["backlog"].message) == ("warning", True)

    assert own_node.start(), own_node.log()[-2000:]
    for run in stages.waiting_runs(settings, state, NOW):
        assert stages.index_run(settings, state, engine, tagger, run, NOW).quarantined == 0
    assert stages.backlog(settings, state, NOW).runs == 0
    found = {article.id: article for article in engine.scan()}
    assert found.keys() == {article.id for article in some(15)} | {"edited"}
    assert (found["edited"].title, found["edited"].revision) == ("Lũ lần 2", 3)
    assert engine.search(SearchRequest("", limit=0, fold_copies=False)).total == 16
    engine.close()
    state.close()
