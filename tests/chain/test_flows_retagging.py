"""Raising a version tags exactly what is old, also over a kill; corrections stay, and links unless what tells them changed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.retagging import retag as command
from diembao.article import Article, Sentiment, SentimentLabel
from diembao.engine import SearchEngine
from diembao.errors import DiembaoError, UsageError
from diembao.settings import PROJECT, Settings
from diembao.state import Progress, Revision, State
from flows import retagging
from flows.retag import retag as flow
from flows.retagging import Retagged, retag
from index import open_engine
from index.corrections import correct, undo
from index.ingest import ingest
from nlp.linking import link
from nlp.step import Step, discover
from nlp.tagging import Tagger

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


class Office:
    """An engine with articles that a tagger with one counted step has tagged."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home, PROJECT / "config", "sqlite", f"sqlite:///{home}/state.sqlite")
        self.state = State(self.settings.database)
        self.engine: SearchEngine = open_engine(self.settings)
        self.engine.prepare()
        self.ran: Counter[str] = Counter()

    def tagger(self, version: int, fails_on: str = "") -> Tagger:
        def section(id: str, title: str) -> str:  # noqa: A002 - the Article's field
            self.ran[id] += 1
            if id == fails_on:
                raise ValueError("không đọc được")
            return f"{version} {title}"

        return Tagger(self.settings.config, steps=[Step(section, version, "section", "section"), Step(tags, 1, "tags", "tags")])

    def fill(self, version: int, names: list[str], **fields: Any) -> None:
        tagger = self.tagger(version)
        ingest(self.engine, self.state, [tagger.tag(article(name, **fields)) for name in names])
        self.ran.clear()

    def retag(self, version: int, **options: Any) -> Retagged:
        tagger = options.pop("tagger", None) or self.tagger(version)
        return retag(self.state, self.engine, tagger, lambda: NOW, **options)

    def get(self, name: str) -> Article:
        found = self.engine.get(name)
        assert found is not None
        return found


def tags(title: str) -> list[str]:
    return title.split()


def article(name: str, **fields: Any) -> Article:
    number = int("".join(letter for letter in name if letter.isdigit()) or 0)
    given = {"id": name, "title": f"Bài {name}", "first_seen_at": NOW + timedelta(minutes=number), "fetched_at": NOW}
    return Article.model_validate(given | fields)


def named(prefix: str, many: int) -> list[str]:
    return [f"{prefix}{number:03}" for number in range(many)]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(retagging, "BATCH", 10)
    made = Office(tmp_path)
    yield made
    made.engine.close()
    made.state.close()


def test_exactly_what_is_old_is_tagged_anew(office: Office) -> None:
    office.fill(1, named("cu", 25))
    office.fill(2, named("moi", 18))
    before = {name: office.get(name) for name in named("moi", 18)}
    done = office.retag(2)
    assert (done.seen, done.retagged, done.relinked, done.failed, done.complete) == (43, 25, 0, {}, True)
    assert office.ran == Counter(named("cu", 25))
    assert office.get("cu007").section == "2 Bài cu007"
    assert office.get("cu007").steps == office.tagger(2).versions
    assert {name: office.get(name) for name in before} == before
    office.ran.clear()
    assert office.retag(2).retagged == 0
    assert office.ran == Counter()


def test_looked_through_once_is_enough_for_the_nightly_run(office: Office) -> None:
    office.fill(1, named("cu", 3))
    assert office.retag(2, again=False).seen == 3
    assert office.retag(2, again=False) == Retagged(complete=True)
    assert office.retag(3, again=False).retagged == 3


def test_a_limit_ends_a_call_and_the_next_one_goes_on(office: Office) -> None:
    office.fill(1, named("cu", 25))
    assert (office.retag(2, limit=7).retagged, sum(office.ran.values())) == (7, 7)
    assert (office.retag(2, limit=7).retagged, sum(office.ran.values())) == (7, 14)
    last = office.retag(2)
    assert (last.seen, last.retagged, last.complete) == (11, 11, True)
    assert office.ran == Counter(named("cu", 25))


KILLED = """
import os, signal, sys
from pathlib import Path
from flows import retagging
from tests.chain.test_flows_retagging import Office
from nlp.step import Step
from nlp.tagging import Tagger

retagging.BATCH = 10
office = Office(Path(sys.argv[1]))
ran = []

def section(id, title):
    ran.append(id)
    if len(ran) == 34:
        os.kill(os.getpid(), signal.SIGKILL)
    return "2 " + title

from tests.chain.test_flows_retagging import tags
tagger = Tagger(office.settings.config, steps=[Step(section, 2, "section", "section"), Step(tags, 1, "tags", "tags")])
office.retag(2, tagger=tagger)
"""


def test_a_kill_in_the_middle_loses_nothing_and_repeats_at_most_one_batch(office: Office) -> None:
    office.fill(1, named("cu", 60))
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(office.settings.home)], env=environment, cwd=PROJECT, check=False)
    assert killed.returncode == -signal.SIGKILL
    new = [name for name in named("cu", 60) if office.get(name).section.startswith("2 ")]
    assert new == named("cu", 60)[:30]
    with office.state.session() as session:
        progress = session.get(Progress, "retag")
        assert progress is not None
        assert progress.cursor["id"] == "cu029"
    done = office.retag(2)
    assert (done.seen, done.retagged, done.complete) == (30, 30, True)
    assert office.ran == Counter(named("cu", 60)[30:])
    assert all(office.get(name).section == f"2 Bài {name}" for name in named("cu", 60))


def test_an_article_that_cannot_be_tagged_stays_and_holds_up_no_other(office: Office) -> None:
    office.fill(1, named("cu", 12))
    done = office.retag(2, tagger=office.tagger(2, fails_on="cu004"))
    assert (done.retagged, list(done.failed), done.complete) == (11, ["cu004"], True)
    assert "không đọc được" in done.failed["cu004"]
    assert office.get("cu004").steps["section"] == 1
    assert office.retag(2).retagged == 1


def test_only_one_step(office: Office) -> None:
    office.fill(1, named("cu", 3))
    both = Tagger(
        office.settings.config,
        steps=[Step(lambda title: "2", 2, "section", "section"), Step(lambda title: ["2"], 2, "tags", "tags")],
    )
    assert office.retag(2, tagger=both, step="tags").retagged == 3
    assert (office.get("cu001").section, office.get("cu001").tags) == ("1 Bài cu001", ["2"])
    assert office.retag(2, tagger=both, step="tags").retagged == 0
    assert office.retag(2, tagger=both).retagged == 3
    assert (office.get("cu001").section, office.get("cu001").steps) == ("2", both.versions)
    with pytest.raises(UsageError, match=r"no step 'tone'. Steps: repair, section, tags"):
        office.retag(2, step="tone")


def test_corrections_stay_and_what_is_under_them_is_renewed(office: Office) -> None:
    def tone(version: int, label: SentimentLabel) -> Tagger:
        return Tagger(office.settings.config, steps=[Step(lambda title: Sentiment(label=label), version, "sentiment", "sentiment")])

    ingest(office.engine, office.state, [tone(1, "neutral").tag(article("a1"))])
    given = correct(office.state, office.engine, "a1", "sentiment", "negative", NOW)
    relevant = correct(office.state, office.engine, "a1", "relevant", False, NOW)
    newer = tone(2, "positive")
    assert office.retag(2, tagger=newer).retagged == 1
    found = office.get("a1")
    assert found.sentiment is not None
    assert (found.sentiment.label, found.relevant, found.corrected) == ("negative", False, ["sentiment", "relevant"])
    undo(office.state, office.engine, given.key, NOW)
    undo(office.state, office.engine, relevant.key, NOW)
    found = office.get("a1")
    assert found.sentiment is not None
    assert (found.sentiment.label, found.relevant, found.corrected) == ("positive", True, [])


def test_links_stay_unless_what_tells_them_changed(office: Office) -> None:
    office.fill(1, ["a1", "a2"], copy_of="x", similarity=0.5, story_id="s", copy_keys=["k"])
    assert office.retag(2).relinked == 0
    assert (office.get("a1").copy_of, office.get("a1").story_id) == ("x", "s")
    keys = Tagger(office.settings.config, steps=[Step(lambda title: ["new"], 1, "copy_keys", "copies")])
    assert office.retag(3, tagger=keys).relinked == 2
    assert office.get("a1").copy_keys == ["new"]
    assert office.get("a1").copy_of is None


def test_copies_and_stories_of_the_real_steps_are_found_again(office: Office) -> None:
    text = "Sáng nay mưa lớn khiến nhiều tuyến đường ngập sâu, giao thông ùn tắc kéo dài và nhiều xe chết máy giữa đường. " * 6
    steps = [step for step in discover() if step.name in ("copies", "stories")]
    fields = {"title": "Mưa lớn gây ngập nhiều phường", "body": text, "published_at": NOW, "published_precision": "minute"}
    tagger = Tagger(office.settings.config, steps=steps)
    articles = [tagger.tag(article(name, **fields)) for name in ("a1", "a2")]
    ingest(office.engine, office.state, link(articles, office.engine))
    assert office.get("a2").copy_of == "a1"
    stale = [one.with_fields(copy_keys=[f"old-{one.id}"], steps=one.steps | {"copies": 0}) for one in office.engine.scan()]
    ingest(office.engine, office.state, stale)
    before = office.get("a2")
    done = office.retag(1, tagger=tagger)
    assert (done.retagged, done.relinked) == (2, 2)
    assert (office.get("a2").copy_of, office.get("a2").story_id) == ("a1", before.story_id)


def test_another_repair_is_no_revision_of_the_page(office: Office) -> None:
    disguised = article("a1", title="Chính quyềɴ số", steps={"repair": 0, "section": 1, "tags": 1})
    ingest(office.engine, office.state, [disguised])
    assert office.retag(1).retagged == 1
    found = office.get("a1")
    assert (found.title, found.revision) == ("Chính quyền số", 1)
    with office.state.session() as session:
        assert session.get_one(Revision, ("a1", 1)).title == "Chính quyền số"
        assert session.query(Revision).count() == 1
    again = Tagger(office.settings.config, steps=[]).tag(article("a1", title="Chính quyềɴ số"))
    assert ingest(office.engine, office.state, [again]).unchanged == 1


def test_what_another_process_changed_meanwhile_is_not_undone(office: Office) -> None:
    office.fill(1, named("cu", 3))
    plain = office.tagger(2)
    edited = office.tagger(2).tag(article("cu001", body="Sửa", fetched_at=NOW + timedelta(hours=1)))

    class Slow:
        """A tagger during whose work a round of monitor brings a new revision and joins stories."""

        versions, is_current = plain.versions, plain.is_current

        def retag(self, one: Article, step: str | None) -> Article:
            if one.id == "cu002" and office.get("cu001").body == "":
                ingest(office.engine, office.state, [edited])
                office.engine.upsert([office.get("cu000").with_fields(story_id="joined")])
            return plain.retag(one, step)

    assert office.retag(2, tagger=Slow()).retagged == 2
    assert (office.get("cu001").body, office.get("cu001").revision, office.get("cu001").section) == ("Sửa", 2, "2 Bài cu001")
    assert (office.get("cu000").story_id, office.get("cu000").section) == ("joined", "2 Bài cu000")


def test_a_new_step_is_one_file_and_reaches_what_is_indexed(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "more_steps"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, field in (("given", "section"), ("added", "tags")):
        value = "title.upper()" if field == "section" else "[title, section]"
        reads = "title" if field == "section" else "title, section"
        if name == "added":
            office.fill(1, ["a1"])
            first = Tagger(office.settings.config, steps=discover("more_steps"))
            assert office.retag(1, tagger=first).retagged == 1
        code = f"from nlp.step import Step\n\n\ndef {name}({reads}):\n    return {value}\n\n\n"
        (package / f"{name}.py").write_text(code + f"STEP = Step({name}, version=1, writes='{field}')\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
    for loaded in [name for name in sys.modules if name.startswith("more_steps")]:
        del sys.modules[loaded]
    second = Tagger(office.settings.config, steps=discover("more_steps"))
    assert second.versions.keys() == {"repair", "given", "added"}
    assert office.retag(1, tagger=second).retagged == 1
    assert (office.get("a1").section, office.get("a1").tags) == ("BÀI A1", ["Bài a1", "BÀI A1"])
    assert office.retag(1, tagger=second).retagged == 0


# -- the command and the flow -----------------------------------------------------------------------------------------------------


@pytest.fixture
def installation(tmp_path: Path) -> Settings:
    """Two articles tagged with the shipped topics, and a topic added since."""
    config = tmp_path / "config"
    shutil.copytree(PROJECT / "config", config, ignore=shutil.ignore_patterns("sources"))
    (config / "sources").mkdir()
    settings = Settings(tmp_path, config, "sqlite", f"sqlite:///{tmp_path}/state.sqlite")
    engine, state, tagger = open_engine(settings), State(settings.database), Tagger.of(settings)
    articles = [article("a1", title="Du lịch Đồng Tháp khởi sắc"), article("a2", title="Khởi tố ba cán bộ địa chính xã")]
    ingest(engine, state, link([tagger.tag(one) for one in articles], engine))
    engine.close()
    state.close()
    taxonomy = config / "taxonomy.toml"
    entry = 'tourism = { vi = "Du lịch", en = "Tourism", words = ["du lịch"] }\n'
    taxonomy.write_text(taxonomy.read_text(encoding="utf-8").replace("[topics]\n", "[topics]\n" + entry), encoding="utf-8")
    return Settings(settings.home, config, settings.index, settings.database)


def test_the_command_brings_a_new_topic_to_indexed_articles(installation: Settings) -> None:
    result = CliRunner().invoke(command, ["--json"], obj=installation)
    assert result.exception is None, result.exception
    done = json.loads(result.stdout)
    assert (done["seen"], done["retagged"], done["relinked"], done["complete"]) == (2, 2, 0, True)
    engine = open_engine(installation)
    assert [[topic.code for topic in one.topics].count("tourism") for one in engine.scan()] == [1, 0]
    engine.close()
    assert "2 articles looked at, 0 tagged anew, 0 linked anew" in CliRunner().invoke(command, [], obj=installation).stderr
    wrong = CliRunner().invoke(command, ["--step", "nothing"], obj=installation)
    assert isinstance(wrong.exception, UsageError)


def test_the_flow_does_the_same(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIEMBAO_HOME", str(installation.home))
    monkeypatch.setenv("DIEMBAO_CONFIG", str(installation.config))
    assert flow.fn()["retagged"] == 2
    assert flow.fn() == {"seen": 0, "retagged": 0, "relinked": 0, "failed": {}, "complete": True}


def test_articles_that_could_not_be_tagged_are_a_failure_of_the_command(installation: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> Retagged:
        return Retagged(seen=1, failed={"a1": "step 'topics' failed"}, complete=True)

    monkeypatch.setattr(retagging, "retag", failing)
    result = CliRunner().invoke(command, [], obj=installation)
    assert isinstance(result.exception, DiembaoError)
    assert "1 articles could not be tagged" in str(result.exception)
