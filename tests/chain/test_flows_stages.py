"""The stages between crawl and alert: every page a fate, failures quarantined and retried, runs taken up after a kill."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawlers.runs import PageFate, RunWriter
from crawlers.spool import SPOOL
from diembao.article import Article
from diembao.engine import SearchEngine
from diembao.errors import ConfigError, DiembaoError, EngineError, InputError, UsageError
from diembao.fates import Fate
from diembao.settings import PROJECT, Settings
from diembao.state import Run, State
from flows import stages
from flows.quarantine import read_quarantine
from index import open_engine
from index.sqlite_engine import SqliteEngine
from nlp.tagging import Tagger

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
TEXT = "Sáng nay mưa lớn khiến nhiều tuyến đường ngập sâu, giao thông ùn tắc kéo dài và nhiều xe chết máy giữa đường. "


def article(name: str, seen: float = 0) -> Article:
    return Article(
        id=name,
        url=f"https://bao.example/{name}",
        source="bao",
        title=f"Mưa lớn gây ngập ở phường {name}",
        body=TEXT + f" Riêng {name} có đặc điểm {name * 3} không nơi nào có." * 8,
        published_at=NOW - timedelta(hours=5),
        published_precision="minute",
        fetched_at=NOW,
        first_seen_at=NOW + timedelta(seconds=seen),
    )


class Office:
    """A home with an engine and a database, and runs written as a crawl writes them."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home, PROJECT / "config", "sqlite", f"sqlite:///{home}/state.sqlite")
        self.state = State(self.settings.database)
        self.engine: SearchEngine = open_engine(self.settings)
        self.engine.prepare()
        self.tagger = Tagger(self.settings.config)

    def crawled(self, run: str, articles: Iterable[Article], dropped: dict[str, Fate] | None = None, ended: bool = True) -> None:
        writer = RunWriter(self.settings.runs_folder / run)
        for one in articles:
            writer.write_article(one)
            writer.write_fate(PageFate(one.id, one.url, one.source, None))
        for page, fate in (dropped or {}).items():
            writer.write_fate(PageFate(page, f"https://bao.example/{page}", "bao", fate))
        problem = {"source": "bao", "url": "https://bao.example/rss", "problem": "empty"}
        writer.finish({"started_at": NOW.isoformat(), "problems": [problem]})
        if not ended:  # killed: no summary
            (writer.folder / "summary.json").unlink()

    def index(self, run: str, tagger: Any = None, engine: Any = None) -> stages.IndexedRun:
        return stages.index_run(self.settings, self.state, engine or self.engine, tagger or self.tagger, run, NOW)

    def ids(self) -> set[str]:
        return {found.id for found in self.engine.scan()}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    yield opened
    opened.engine.close()
    opened.state.close()


class FailsOn:
    """A tagger with a step that fails on one article."""

    def __init__(self, tagger: Tagger, name: str) -> None:
        self.tagger, self.name = tagger, name

    def tag(self, one: Article) -> Article:
        if one.id == self.name:
            raise DiembaoError(f"step 'topics' failed on article {one.id!r}")
        return self.tagger.tag(one)


def test_fates_of_a_run_add_up_and_are_remembered(office: Office) -> None:
    office.crawled("r1", [article("an"), article("binh")], {"x": Fate.TIMEOUT, "y": Fate.NOT_FOUND, "z": Fate.UNCHANGED})
    done = office.index("r1")
    assert done.fates == {"fetched": 5, "indexed": 2, "unchanged": 1, "dropped": {"not_found": 1, "timeout": 1}}
    assert done.problems == ["bao: empty (https://bao.example/rss)"]
    assert office.ids() == {"an", "binh"}
    with office.state.session() as session:
        assert session.get_one(Run, "r1").fates == done.fates


def test_indexing_a_run_again_changes_nothing(office: Office) -> None:
    office.crawled("r1", [article("an"), article("binh")])
    office.index("r1")
    before = list(office.engine.scan())
    again = office.index("r1")
    assert again.fates == {"fetched": 2, "indexed": 0, "unchanged": 2, "dropped": {}}
    assert list(office.engine.scan()) == before


def test_a_lost_index_comes_back_from_the_runs(office: Office) -> None:
    first, reprint = article("an"), article("binh")
    copy = reprint.with_fields(title=first.title, body=first.body, published_at=NOW - timedelta(hours=2))
    office.crawled("r1", [first])
    office.index("r1")
    office.crawled("r2", [copy, first.with_fields(body=first.body + " Cập nhật: nước đã rút.", fetched_at=NOW + timedelta(hours=1))])
    office.index("r2")
    before = list(office.engine.scan())
    assert [(found.id, found.revision, found.copy_of) for found in before] == [("an", 2, None), ("binh", 1, "an")]

    office.engine.close()
    for path in office.settings.home.glob("index.sqlite*"):
        path.unlink()
    office.engine = open_engine(office.settings)
    office.engine.prepare()
    assert list(office.engine.scan()) == []
    assert stages.replay_runs(office.settings, office.state, office.engine, office.tagger) == 3
    assert list(office.engine.scan()) == before


def test_what_is_brought_in_is_a_run(office: Office) -> None:
    done = stages.bring_in(office.settings, office.state, office.engine, office.tagger, [article("an").with_fields(kind="feedback")], NOW)
    assert done.fates == {"fetched": 1, "indexed": 1, "unchanged": 0, "dropped": {}}
    assert (office.settings.runs_folder / done.run / "articles.jsonl").exists()
    assert stages.waiting_runs(office.settings, office.state, NOW) == []


def test_an_article_that_cannot_be_tagged_waits_and_is_retried(office: Office) -> None:
    office.crawled("r1", [article("an"), article("binh")])
    done = office.index("r1", tagger=FailsOn(office.tagger, "an"))
    assert done.fates == {"fetched": 2, "indexed": 1, "unchanged": 0, "dropped": {"tag_failed": 1}}
    assert office.ids() == {"binh"}
    assert stages.quarantined_runs(office.settings) == ["r1"]
    (entry,) = read_quarantine(office.settings.runs_folder / "r1")
    assert (entry.article.id, entry.fate) == ("an", Fate.TAG_FAILED)
    assert "topics" in entry.reason

    still = stages.retry_quarantine(office.settings, office.state, office.engine, FailsOn(office.tagger, "an"), "r1")  # type: ignore[arg-type]
    assert still.quarantined == 1

    healed = stages.retry_quarantine(office.settings, office.state, office.engine, office.tagger, "r1")
    assert healed.fates == {"fetched": 2, "indexed": 2, "unchanged": 0, "dropped": {}}
    assert office.ids() == {"an", "binh"}
    assert stages.quarantined_runs(office.settings) == []
    with office.state.session() as session:
        assert session.get_one(Run, "r1").fates == healed.fates


def test_a_run_waits_until_it_is_indexed(office: Office) -> None:
    office.crawled("r1", [article("an")])
    office.crawled("r2", [article("binh")])
    assert stages.waiting_runs(office.settings, office.state, NOW) == ["r1", "r2"]
    office.index("r1")
    assert stages.waiting_runs(office.settings, office.state, NOW) == ["r2"]


def test_an_engine_that_fails_leaves_the_run_waiting(office: Office) -> None:
    class Away:
        """The real engine, with writing broken."""

        def __getattr__(self, name: str) -> Any:
            return getattr(office.engine, name)

        def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
            raise EngineError("the engine is away", "Start it")

    office.crawled("r1", [article("an")])
    with pytest.raises(EngineError, match="away"):
        office.index("r1", engine=Away())
    assert stages.waiting_runs(office.settings, office.state, NOW) == ["r1"]
    assert office.index("r1").fates["indexed"] == 1


def test_a_crawl_at_work_is_left_alone_and_a_killed_one_taken_up(office: Office) -> None:
    office.crawled("r1", [article("an")], ended=False)
    written = datetime.now(UTC)
    assert stages.waiting_runs(office.settings, office.state, written) == []
    assert stages.waiting_runs(office.settings, office.state, written + stages.ABANDONED + timedelta(minutes=1)) == ["r1"]
    assert office.index("r1").fates["indexed"] == 1


def test_what_is_crawled_is_searchable_while_the_crawl_goes_on(office: Office) -> None:
    following = stages.Following(office.settings, office.state)
    following.begins("r1")
    assert following.advance(office.state, office.engine, office.tagger) == 0, "the crawl has not made its folder yet"
    writer = RunWriter(office.settings.runs_folder / "r1")
    for name in ("an", "binh"):
        one = article(name)
        writer.write_article(one)
        writer.write_fate(PageFate(one.id, one.url, one.source, None))
    with (writer.folder / "articles.jsonl").open("ab") as stream:
        stream.write(b'{"id": "cut')
    assert following.advance(office.state, office.engine, FailsOn(office.tagger, "binh")) == 2  # type: ignore[arg-type]
    assert office.ids() == {"an"}
    assert following.advance(office.state, office.engine, office.tagger) == 0
    with (writer.folder / "articles.jsonl").open("r+b") as stream:
        stream.truncate((writer.folder / "articles.jsonl").stat().st_size - len(b'{"id": "cut'))
    last = article("chi")
    writer.write_article(last)
    writer.write_fate(PageFate(last.id, last.url, last.source, None))
    writer.write_fate(PageFate("x", "https://bao.example/x", "bao", Fate.TIMEOUT))
    writer.finish({"started_at": NOW.isoformat(), "problems": []})
    done = stages.index_run(office.settings, office.state, office.engine, office.tagger, "r1", NOW, following.take("r1"))
    assert done.fates == {"fetched": 4, "indexed": 2, "unchanged": 0, "dropped": {"tag_failed": 1, "timeout": 1}}
    assert office.ids() == {"an", "chi"}
    assert [entry.article.id for entry in read_quarantine(writer.folder)] == ["binh"]
    assert following.advance(office.state, office.engine, office.tagger) == 0, "it is followed no longer"


def test_a_replay_takes_the_same_parts_and_gives_the_same_groups(office: Office, tmp_path: Path) -> None:
    following = stages.Following(office.settings, office.state)
    following.begins("r1")
    writer = RunWriter(office.settings.runs_folder / "r1")
    body = "\n".join(
        f"Đoạn {number}: người dân xã Tân Hòa kể lại trận lũ đêm {number} tháng mười, nước dâng nhanh." for number in range(30)
    )
    for hours, name in ((1, "reprint"), (4, "original")):  # the reprint is read first
        published = NOW - timedelta(hours=hours)
        one = article(name).with_fields(title="Lũ lớn ở Tân Hòa", body=body, source=name, published_at=published, first_seen_at=NOW)
        writer.write_article(one)
        writer.write_fate(PageFate(one.id, one.url, one.source, None))
        if name == "reprint":
            following.advance(office.state, office.engine, office.tagger)
    writer.finish({"started_at": NOW.isoformat(), "problems": []})
    stages.index_run(office.settings, office.state, office.engine, office.tagger, "r1", NOW, following.take("r1"))
    before = {one.id: (one.copy_of, one.story_id) for one in office.engine.scan()}
    assert before["reprint"][0] == "original"
    engine = SqliteEngine(tmp_path / "again.sqlite")
    engine.prepare()
    assert stages.replay_runs(office.settings, office.state, engine, office.tagger) == 2
    assert {one.id: (one.copy_of, one.story_id) for one in engine.scan()} == before
    engine.close()


def test_what_failed_while_the_crawl_went_on_is_taken_up_at_its_end(office: Office) -> None:
    class Away:
        """The real engine, with writing broken."""

        def __getattr__(self, name: str) -> Any:
            return getattr(office.engine, name)

        def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
            raise EngineError("the engine is away", "Start it")

    following = stages.Following(office.settings, office.state)
    following.begins("r1")
    office.crawled("r1", [article("an"), article("binh")])
    with pytest.raises(EngineError, match="away"):
        following.advance(office.state, Away(), office.tagger)
    done = stages.index_run(office.settings, office.state, office.engine, office.tagger, "r1", NOW, following.take("r1"))
    assert done.fates == {"fetched": 2, "indexed": 2, "unchanged": 0, "dropped": {}}


def test_a_crawl_that_says_nothing_for_long_is_not_taken_for_a_killed_one(office: Office) -> None:
    office.crawled("r1", [article("an")], ended=False)
    later = datetime.now(UTC) + stages.ABANDONED + timedelta(minutes=1)
    program = f"""
import sys; from pathlib import Path; from crawlers.locks import at_work
with at_work(Path({str(office.settings.home / SPOOL)!r}), "r1"):
    print("at work", flush=True); sys.stdin.readline()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert stages.waiting_runs(office.settings, office.state, later) == []
        process.kill()
    assert stages.waiting_runs(office.settings, office.state, later) == ["r1"]


def test_what_a_kill_cut_off_is_not_lost_nor_counted_twice(office: Office) -> None:
    office.crawled("r1", [article("an"), article("binh")], {"x": Fate.TIMEOUT}, ended=False)
    folder = office.settings.runs_folder / "r1"
    with (folder / "articles.jsonl").open("ab") as stream:
        stream.write(json.dumps(article("cut").to_record()).encode()[:100])
    # The fate of the last article was not written any more.
    lines = (folder / "fates.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "fates.jsonl").write_bytes(lines[0] + lines[2] + b'{"page":"y"')
    done = office.index("r1")
    assert done.fates == {"fetched": 3, "indexed": 2, "unchanged": 0, "dropped": {"timeout": 1}}


def test_a_damaged_quarantine_is_named_and_kept(office: Office) -> None:
    office.crawled("r1", [article("an")])
    office.index("r1", tagger=FailsOn(office.tagger, "an"))
    path = office.settings.runs_folder / "r1" / "quarantine.jsonl"
    path.write_text('{"reason": "?"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"quarantine\.jsonl: line 1"):
        stages.retry_quarantine(office.settings, office.state, office.engine, office.tagger, "r1")
    assert path.exists()


def test_sums_of_several_runs() -> None:
    runs = [
        stages.IndexedRun("a", {"fetched": 3, "indexed": 1, "unchanged": 1, "dropped": {"gone": 1}}),
        stages.IndexedRun("b", {"fetched": 2, "indexed": 0, "unchanged": 0, "dropped": {"gone": 1, "timeout": 1}}),
    ]
    assert stages.total_fates(runs) == {"fetched": 5, "indexed": 1, "unchanged": 1, "dropped": {"gone": 2, "timeout": 1}}


def test_a_crawl_of_nothing_or_of_the_unknown_says_what_to_do(tmp_path: Path) -> None:
    config = tmp_path / "config"
    (config / "sources").mkdir(parents=True)
    settings = Settings(tmp_path, config, "sqlite", "sqlite://")
    with pytest.raises(ConfigError, match="sources add"):
        stages.crawl(settings, [], NOW)
    with pytest.raises(UsageError, match="unknown source: bao"):
        stages.crawl(settings, ["bao"], NOW)


def test_a_crawl_process_that_fails_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "config"
    (config / "sources").mkdir(parents=True)
    entry = 'name = "B"\ndomain = "bao.example"\nfeeds = ["https://bao.example/rss"]\n'
    (config / "sources" / "bao.toml").write_text(entry, encoding="utf-8")
    (config / "office.toml").write_text("nonsense = 1\n", encoding="utf-8")
    settings = Settings(tmp_path, config, "sqlite", f"sqlite:///{tmp_path}/state.sqlite")
    with pytest.raises(DiembaoError, match=r"office\.toml: nonsense"):
        stages.crawl(settings, [], NOW)


def test_a_round_on_a_damaged_database_ends_at_once_with_one_line_and_leaves_the_file(tmp_path: Path) -> None:
    damaged = b"this is no database, " * 500
    (tmp_path / "state.sqlite").write_bytes(damaged)
    (tmp_path / "config").mkdir()
    environment = {**os.environ, "DIEMBAO_HOME": str(tmp_path), "DIEMBAO_CONFIG": str(tmp_path / "config")}
    command = [sys.executable, "-m", "cli", "monitor", "--once", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "file is not a database" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert (tmp_path / "state.sqlite").read_bytes() == damaged
    assert not (tmp_path / "runs").exists()


def test_a_round_on_a_damaged_index_is_one_line_without_another_try_and_says_what_waits(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.crawled("r1", [article("an"), article("binh")])
    office.engine.close()
    office.state.close()
    for path in tmp_path.glob("index.sqlite*"):
        path.unlink()
    damaged = b"this is no database, " * 500
    (tmp_path / "index.sqlite").write_bytes(damaged)
    (tmp_path / "config").mkdir()
    environment = {**os.environ, "DIEMBAO_HOME": str(tmp_path), "DIEMBAO_CONFIG": str(tmp_path / "config")}
    command = [sys.executable, "-m", "cli", "monitor", "--once", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert "is damaged" in last
    assert "2 articles of 1 runs wait on disk" in last
    assert "Traceback" not in done.stderr
    assert (tmp_path / "index.sqlite").read_bytes() == damaged
    runs = sqlite3.connect(next(tmp_path.rglob("prefect.db"))).execute("SELECT run_count FROM task_run WHERE name LIKE 'tag-link-index%'")
    assert runs.fetchall() == [(1,)]


def test_another_process_gets_the_same_settings(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path / "c", "http://127.0.0.1:9200", "sqlite:///x")
    environment = settings.environment
    assert environment["DIEMBAO_HOME"] == str(tmp_path)
    assert environment["DIEMBAO_INDEX"] == "http://127.0.0.1:9200"
    assert environment["PATH"] == os.environ["PATH"]
