"""`diembao backup` copies what is in use; `diembao quarantine` shows and retries; doctor shows what waits."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.health import examine
from cli.keeping import backup, quarantine
from crawlers.runs import PageFate, RunWriter
from diembao.article import Article
from diembao.engine import SearchRequest
from diembao.errors import DiembaoError, EngineUnusableError, StateError, UsageError
from diembao.fates import Fate
from diembao.settings import PROJECT, Settings
from diembao.state import Run, State
from flows.quarantine import Quarantined, write_quarantine
from flows.stages import backlog
from index import open_engine
from index.ingest import ingest
from index.sqlite_engine import SqliteEngine

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    return Settings(home, PROJECT / "config", "sqlite", f"sqlite:///{home / 'state.sqlite'}")


def some(count: int, start: int = 0) -> list[Article]:
    return [Article(id=f"a{number:05}", title=f"Lũ {number}", body="Mưa lớn.") for number in range(start, start + count)]


def fill(settings: Settings, articles: list[Article]) -> None:
    state, engine = State(settings.database), open_engine(settings)
    ingest(engine, state, articles)
    engine.close()
    state.close()


def run(command: Any, settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), obj=settings)


def refusal(result: Result, kind: type[DiembaoError]) -> str:
    assert isinstance(result.exception, kind), result.exception
    return str(result.exception)


def test_a_backup_taken_while_others_write_is_whole_and_can_be_put_back(settings: Settings, tmp_path: Path) -> None:
    fill(settings, some(1500))
    stop, began = threading.Event(), threading.Event()

    def write() -> None:
        engine = open_engine(settings)
        start = 1500
        while not stop.is_set():
            engine.upsert(some(20, start))
            start += 20
            began.set()
        engine.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert began.wait(30)
    result = run(backup, settings, str(tmp_path / "copy"), "--json")
    stop.set()
    writer.join()
    assert result.exception is None, result.exception
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["backup.json", "index.sqlite", "state.sqlite"]

    restored = Settings(tmp_path / "again", settings.config, "sqlite", f"sqlite:///{tmp_path}/again/state.sqlite")
    shutil.copytree(tmp_path / "copy", restored.home)
    engine = SqliteEngine(restored.home / "index.sqlite")
    found = [article.id for article in engine.scan()]
    assert engine.search(SearchRequest("lũ", limit=0)).total == len(found) >= 1520
    # Each write is of twenty: a copy that held a part of one would be of two moments.
    assert set(found) == {article.id for article in some(len(found))}
    assert len(found) % 20 == 0
    engine.close()
    state = State(restored.database)
    assert ingest(SqliteEngine(restored.home / "index.sqlite"), state, some(1500)).counts()["unchanged"] == 1500
    state.close()


def test_a_backup_is_renewed_whole_and_never_put_among_other_files(settings: Settings, tmp_path: Path) -> None:
    fill(settings, some(3))
    assert run(backup, settings, str(tmp_path / "copy")).exception is None
    fill(settings, some(5))
    assert json.loads(run(backup, settings, str(tmp_path / "copy"), "--json").stdout)["articles"] == 5
    with sqlite3.connect(tmp_path / "copy" / "index.sqlite") as copy:
        assert copy.execute("SELECT count(*) FROM article").fetchone() == (5,)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "index.sqlite").write_text("mine")
    assert "not empty" in refusal(run(backup, settings, str(tmp_path / "letters")), UsageError)
    assert (tmp_path / "letters" / "index.sqlite").read_text() == "mine"


@pytest.mark.parametrize(("name", "kind"), [("index.sqlite", EngineUnusableError), ("state.sqlite", StateError)])
def test_a_damaged_file_is_not_taken_for_a_backup(settings: Settings, tmp_path: Path, name: str, kind: type[DiembaoError]) -> None:
    fill(settings, some(2000))
    assert run(backup, settings, str(tmp_path / "copy")).exception is None
    good = (tmp_path / "copy" / name).read_bytes()
    path = settings.home / name
    for suffix in ("-wal", "-shm"):
        path.with_name(name + suffix).unlink(missing_ok=True)
    damaged = bytearray(path.read_bytes())
    damaged[8192 : 8192 + 40 * 4096] = b"\xff" * (40 * 4096)
    path.write_bytes(bytes(damaged))
    message = refusal(run(backup, settings, str(tmp_path / "copy")), kind)
    assert "malformed" in message
    assert "\n" not in message
    assert (tmp_path / "copy" / name).read_bytes() == good
    assert not list((tmp_path / "copy").glob("*.tmp"))


def quarantined(settings: Settings, run_id: str, *articles: Article) -> None:
    writer = RunWriter(settings.runs_folder / run_id)
    for article in articles:
        writer.write_article(article)
        writer.write_fate(PageFate(article.id, article.url, article.source, None))
    writer.finish({"started_at": NOW.isoformat(), "problems": []})
    write_quarantine(writer.folder, [Quarantined(article, Fate.REJECTED, "mapper: strict") for article in articles])
    state = State(settings.database)
    with state.session() as session:
        fates = {"fetched": len(articles), "indexed": 0, "unchanged": 0, "dropped": {"rejected": len(articles)}}
        session.add(Run(id=run_id, started_at=NOW, ended_at=NOW, indexed_at=NOW, fates=fates))
    state.close()


def test_what_is_in_quarantine_is_shown_and_tried_again(settings: Settings) -> None:
    quarantined(settings, "r1", *some(2))
    shown = [json.loads(line) for line in run(quarantine, settings, "list", "--json").stdout.splitlines()]
    assert [(entry["run"], entry["id"], entry["reason"]) for entry in shown] == [("r1", f"a0000{n}", "mapper: strict") for n in (0, 1)]
    assert any(check.name == "quarantine" and "2 articles of 1 runs" in check.message for check in examine(settings))
    assert "nothing of the run r9" in refusal(run(quarantine, settings, "retry", "--run", "r9"), UsageError)
    assert json.loads(run(quarantine, settings, "retry", "--json").stdout) == {"released": 2, "waiting": 0}
    assert run(quarantine, settings, "list", "--json").stdout == ""
    engine = open_engine(settings)
    assert engine.search(SearchRequest("lũ")).total == 2
    engine.close()


def test_what_waits_for_the_engine_is_counted(settings: Settings) -> None:
    for run_id, articles in (("r2", some(2)), ("r1", some(3, 10))):
        writer = RunWriter(settings.runs_folder / run_id)
        for article in articles:
            writer.write_article(article)
        writer.finish({"started_at": NOW.isoformat(), "problems": []})
    state = State(settings.database)
    waiting = backlog(settings, state, NOW)
    state.close()
    assert (waiting.runs, waiting.articles, waiting.oldest) == (2, 5, "r1")
    assert any(check.name == "backlog" and "5 articles of 2 runs" in check.message for check in examine(settings))
