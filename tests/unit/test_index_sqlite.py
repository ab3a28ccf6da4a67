"""The embedded engine under trouble: damage, another version, readers while writing, a kill in the middle."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from diembao.article import Article
from diembao.engine import Filters, SearchRequest
from diembao.errors import EngineError
from index.sqlite_engine import SqliteEngine


def some(count: int, start: int = 0) -> list[Article]:
    return [Article(id=f"a{number:05}", title=f"Lũ số {number}", body="Mưa lớn ở Hà Nội. " * 5) for number in range(start, start + count)]


@pytest.mark.parametrize("damage", ["garbage", "header", "page"])
def test_a_damaged_file_is_one_readable_error_and_stays_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "index.sqlite"
    engine = SqliteEngine(path)
    engine.upsert(some(300))
    engine.close()
    content = bytearray(path.read_bytes())
    if damage == "garbage":
        content = bytearray(b"this is no database at all" * 400)
    elif damage == "header":
        content[:16] = b"\0" * 16
    else:
        content[4096 * 2 : -4096] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(bytes(content))
    broken = SqliteEngine(path)
    with pytest.raises(EngineError, match=r"damaged.*[Pp]ut the file aside"):
        broken.upsert(some(10))
        broken.search(SearchRequest("lũ"))
    problem = broken.status().problem
    assert problem is not None
    assert "\n" not in problem
    broken.close()
    assert path.read_bytes() == bytes(content)


def test_an_index_of_another_version_asks_for_reindex_and_reindex_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    engine = SqliteEngine(path)
    engine.upsert(some(20))
    engine.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '0' WHERE name = 'analyser'")
        connection.execute("DELETE FROM label")
    connection.close()
    engine = SqliteEngine(path)
    with pytest.raises(EngineError, match="diembao reindex"):
        engine.search(SearchRequest("lũ"))
    assert engine.rebuild() == 20
    assert engine.search(SearchRequest("lũ kind:newspaper")).total == 20
    assert [article.id for article in engine.scan()] == [article.id for article in some(20)]
    engine.close()


def test_rebuilding_changes_no_answer(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "index.sqlite")
    assert engine.rebuild() == 0
    engine.upsert(some(30))
    engine.delete(["a00003"])
    before = [engine.search(SearchRequest(query, limit=100)).hits for query in ("lũ", '"ha noi"', "số*")]
    assert engine.rebuild() == 29
    assert [engine.search(SearchRequest(query, limit=100)).hits for query in ("lũ", '"ha noi"', "số*")] == before
    engine.close()


def test_readers_go_on_while_another_thread_writes(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "index.sqlite")
    engine.upsert(some(10))
    done = threading.Event()
    totals: list[int] = []
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not done.is_set():
                result = engine.search(SearchRequest("lũ", limit=5))
                totals.append(result.total)
                assert len(result.hits) == 5
                engine.count("lũ", Filters(), "day")
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(10, 210, 20):
        engine.upsert(some(20, start))
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert engine.search(SearchRequest("lũ")).total == 210
    engine.close()


def _write_for_ever(path: str) -> None:
    engine = SqliteEngine(Path(path))
    number = 0
    while True:
        engine.upsert(some(7, number % 50))
        engine.delete([f"a{number % 60:05}"])
        number += 7


def test_a_kill_while_writing_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    kept = SqliteEngine(path)
    kept.upsert([Article(id="kept", title="Bão số chín")])
    kept.close()
    for round_ in range(5):
        writer = multiprocessing.get_context("spawn").Process(target=_write_for_ever, args=(str(path),))
        writer.start()
        assert writer.pid is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not path.with_name("index.sqlite-wal").exists():
            time.sleep(0.02)
        time.sleep(0.15 * (round_ + 1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        engine = SqliteEngine(path)
        assert engine.search(SearchRequest("bão")).total == 1
        stored = {article.id for article in engine.scan()} - {"kept"}
        assert engine.search(SearchRequest("title:lũ", limit=0)).total == len(stored)
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        engine.close()


def _close_under_readers(path: str, rounds: int) -> None:
    """Threads read while the engine is closed again and again; ends with 0 unless the process crashes."""
    engine = SqliteEngine(Path(path))
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                for _ in engine.scan():
                    pass
                engine.search(SearchRequest("lũ"))
            except EngineError:
                pass  # closed in the middle: an error is fine, a crash is not

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(rounds):
        time.sleep(0.01)
        engine.close()
    stop.set()
    for reader in readers:
        reader.join()


def test_closing_under_threads_that_read_ends_no_process(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    engine = SqliteEngine(path)
    engine.upsert(some(300))
    engine.close()
    process = multiprocessing.get_context("spawn").Process(target=_close_under_readers, args=(str(path), 60))
    process.start()
    process.join(120)
    assert process.exitcode == 0, "crashed" if process.exitcode else "hangs"


def test_an_empty_index_answers_every_query(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "index.sqlite")
    engine.prepare()
    queries = [
        "",
        "lũ",
        '"lũ quét"',
        '"công an"',
        '"lũ xa"~3',
        "b*",
        "tr?n",
        "topic:x",
        "-lũ",
        "lead:*",
        "fetched_at:*",
        "id:a",
        "lũ quét Huế",
    ]
    for turn in range(2):
        for query in queries:
            result = engine.search(SearchRequest(query))
            assert (result.total, list(result.hits)) == (0, []), (turn, query)
            assert engine.count(query, Filters(), "day") == []
        assert engine.published_by_source(Filters(), "day") == {}
        engine.upsert(some(3))
        engine.delete(["a00000", "a00001", "a00002"])
    engine.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    engine = SqliteEngine(tmp_path / "file" / "index.sqlite")
    with pytest.raises(EngineError, match="cannot be made"):
        engine.prepare()
    assert engine.status().problem


def test_erasing_leaves_nothing(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "index.sqlite")
    engine.upsert([Article(id="a", title="Bí mật", copy_keys=["k"], story_keys=["s"], kind="feedback")])
    assert engine.delete(["a", "b", "a"]) == 1
    assert engine.search(SearchRequest("bí mật OR kind:feedback")).total == 0
    engine.close()
    connection = sqlite3.connect(tmp_path / "index.sqlite")
    for table in ("article", "document", "label", "link_key", "vocabulary"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.close()
