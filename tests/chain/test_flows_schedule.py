"""The scheduled flows: when they run, what happens late, what backs off, and that nothing goes out twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.objects import State as RunState
from prefect.schedules import Interval
from prefect.states import Pending, Scheduled
from prefect.testing.utilities import prefect_test_harness
from sqlalchemy import select

from alerts.briefing import kept
from alerts.health.kept import note
from diembao.corrections import Correction
from diembao.engine import SearchEngine
from diembao.errors import ConfigError, DiembaoError, EngineError
from diembao.settings import PROJECT, Settings, read_office
from diembao.source_round import SourceRound
from diembao.state import BriefingRecord, CorrectionRecord, FetchState, OutboxMessage, Progress, Run, State
from flows import backoff, monitor, retrain, stages
from flows.briefing import briefing_draft, morning_briefing
from flows.catch_up import catch_up, missed
from flows.report import weekly_report
from flows.running import alone, tell_why
from flows.schedule import ONE_AT_A_TIME, close_dead_runs, deployment, deployments, schedule_in_words
from flows.source_health import source_health
from index import open_engine
from tests.mail.landscape import polluted_river, quiet_weeks

TODAY = datetime(2026, 11, 21, 17, tzinfo=UTC) - timedelta(days=1)  # midnight of Saturday 21 November in Vietnam
HALF_PAST_SIX = TODAY + timedelta(hours=6, minutes=30)


@pytest.fixture(scope="session")
def prefect() -> Iterator[None]:
    """Prefect's own test server, once for all tests."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


class Office:
    """An installation with three weeks of coverage whose mail server is away."""

    def __init__(self, folder: Path) -> None:
        config = folder / "config"
        (config / "alerts").mkdir(parents=True)
        (config / "sources").mkdir()
        for name in ("taxonomy.toml", "abbreviations_search.toml", "abbreviations.toml", "synonyms.toml"):
            shutil.copy(PROJECT / "config" / name, config / name)
        mail = '[mail]\nport = 9\nrecipients = ["a@example.vn"]\noperators = ["it@example.vn"]\n'
        (config / "office.toml").write_text(
            f'name = "Văn phòng"\nprovince = "Đồng Tháp"\n{mail}[retrain]\ncorrections = 2\n', encoding="utf-8"
        )
        home = folder / "home"
        home.mkdir()
        self.settings = Settings(home, config, "sqlite", f"sqlite:///{home}/state.sqlite")
        self.state = State(self.settings.database)
        self.engine: SearchEngine = open_engine(self.settings)
        self.engine.prepare()
        self.engine.upsert(quiet_weeks())
        self.engine.upsert(polluted_river(6, begin=TODAY - timedelta(hours=6)))
        with self.state.session() as session:
            began = TODAY - timedelta(days=20)
            session.add(Run(id="r0", started_at=began, ended_at=began, indexed_at=began, fates={}))
            session.add(Run(id="r1", started_at=TODAY, ended_at=TODAY, indexed_at=TODAY, fates={}))

    def mails(self) -> list[str]:
        with self.state.session() as session:
            return sorted(session.scalars(select(OutboxMessage.key)))

    def record(self) -> BriefingRecord | None:
        with self.state.session() as session:
            found = session.get(BriefingRecord, "2026-11-21")
            session.expunge_all()
            return found


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    made = Office(tmp_path)
    for name, value in made.settings.environment.items():
        if name.startswith("DIEMBAO_"):
            monkeypatch.setenv(name, value)
    yield made
    made.engine.close()
    made.state.close()


def test_every_flow_has_a_time_and_never_runs_twice_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    path.write_text('[briefing]\nat = "07:05"\ndraft_at = "05:00"\ndays = [7, 1, 2]\n', encoding="utf-8")
    made = {one.name: one for one in deployments(timedelta(minutes=5), read_office(path))}
    assert {name: schedule_in_words(one) for name, one in made.items()} == {
        "monitor": "every 300 s",
        "digest-draft": "0 5 * * 1,2,0 (Asia/Ho_Chi_Minh)",
        "digest": "5 7 * * 1,2,0 (Asia/Ho_Chi_Minh)",
        "weekly-report": "0 7 * * 1 (Asia/Ho_Chi_Minh)",
        "monthly-report": "15 7 1 * * (Asia/Ho_Chi_Minh)",
        "source-health": "25 * * * * (Asia/Ho_Chi_Minh)",
        "retrain": "0 2 * * 0 (Asia/Ho_Chi_Minh)",
        "retag": "0 1 * * * (Asia/Ho_Chi_Minh)",
        "retention": "30 3 * * * (Asia/Ho_Chi_Minh)",
        "saved-digest": "every 300 s",
        "catch-up": "every 900 s",
    }
    assert ONE_AT_A_TIME.limit == 1
    for one in made.values():
        assert one.concurrency_limit == 1
        assert one.concurrency_options.collision_strategy == ONE_AT_A_TIME.collision_strategy  # type: ignore[union-attr]


def test_a_draft_is_edited_and_sent_once(office: Office, prefect: None) -> None:
    drafted = briefing_draft(at=HALF_PAST_SIX - timedelta(hours=1))
    assert (drafted["day"], drafted["edited"]) == ("2026-11-21", False)
    kept.save_note(office.state, TODAY.date() + timedelta(days=1), 1, "Lời đầu", "Lan", HALF_PAST_SIX - timedelta(minutes=5))
    first, second = morning_briefing(at=HALF_PAST_SIX), morning_briefing(at=HALF_PAST_SIX + timedelta(minutes=1))
    assert (first["queued"], second["queued"]) == (1, 0)
    assert office.mails() == ["digest:2026-11-21:a@example.vn"]
    record = office.record()
    assert record is not None
    assert (record.note, record.sent_at) == ("Lời đầu", HALF_PAST_SIX)


def test_a_missed_briefing_goes_out_late_once(office: Office, prefect: None) -> None:
    at = HALF_PAST_SIX + timedelta(hours=2)
    assert catch_up(at=HALF_PAST_SIX + timedelta(minutes=14))["missed"] == []
    assert "digest" in catch_up(at=at)["missed"]
    again = catch_up(at=at + timedelta(minutes=15))
    assert "digest" not in again["missed"]
    morning_briefing(at=at + timedelta(minutes=20))
    assert [key for key in office.mails() if key.startswith("digest")] == ["digest:2026-11-21:a@example.vn"]


def test_a_killed_run_does_not_hold_its_slot_for_good(prefect: None) -> None:
    made = deployment(briefing_draft, "killed", Interval(timedelta(days=300)))
    identity = made.apply()
    with get_client(sync_client=True) as client:

        def start() -> tuple[UUID, str]:
            run = client.create_flow_run_from_deployment(identity, state=Scheduled())
            answer = client.set_flow_run_state(run.id, Pending())
            return run.id, answer.state.name if answer.state else ""

        first, name = start()
        assert name == "Pending"
        _, name = start()
        assert name == "Cancelled", "its slot is taken"
        assert close_dead_runs(["killed"]) == 1
        assert close_dead_runs(["killed"]) == 0
        state = client.read_flow_run(first).state
        assert state is not None
        assert (state.type, state.message) == ("CRASHED", "the process that ran it ended before it did")
        assert start()[1] == "Pending"
        close_dead_runs(["killed"])
        client.delete_deployment(identity)


def names(office: Office, now: datetime) -> list[str]:
    return [one.flow for one in missed(office.settings, office.state, now)]


def test_what_counts_as_missed(office: Office) -> None:
    assert names(office, HALF_PAST_SIX - timedelta(hours=1)) == []
    assert names(office, HALF_PAST_SIX + timedelta(minutes=16)) == ["digest"]
    assert names(office, HALF_PAST_SIX + timedelta(hours=11)) == [], "the next one tells it"
    monday = TODAY + timedelta(days=2, hours=7)
    assert names(office, monday + timedelta(minutes=16)) == ["digest", "weekly-report"]
    stages.report(office.settings, office.state, office.engine, "weekly", monday)
    assert names(office, monday + timedelta(minutes=16)) == ["digest"]
    first_of_december = TODAY + timedelta(days=10, hours=12)
    assert "monthly-report" in names(office, first_of_december)


def test_a_new_installation_missed_nothing(office: Office) -> None:
    with office.state.session() as session:
        for run in session.scalars(select(Run)):
            session.delete(run)
    assert names(office, HALF_PAST_SIX + timedelta(hours=1)) == []
    with office.state.session() as session:
        session.add(Run(id="r", started_at=HALF_PAST_SIX + timedelta(minutes=1), fates={}))
    assert names(office, HALF_PAST_SIX + timedelta(hours=1)) == []


def test_what_keeps_failing_is_tried_less_often(office: Office) -> None:
    now = HALF_PAST_SIX
    tried = 0
    for minute in range(0, 240, 5):
        at = now + timedelta(minutes=minute)
        if backoff.waiting(office.state, "crawl", at) is None:
            tried += 1
            backoff.failed(office.state, "crawl", at, DiembaoError("the crawl failed"))
    assert tried == 7, "at 0:00, 0:05, 0:15, 0:35, 1:15, 2:15 and 3:15"
    wait = backoff.waiting(office.state, "crawl", now + timedelta(minutes=240))
    assert wait is None or "the crawl failed" in str(wait)
    backoff.worked(office.state, "crawl")
    assert backoff.waiting(office.state, "crawl", now) is None
    backoff.failed(office.state, "crawl", now, ConfigError("a wrong file"))
    backoff.failed(office.state, "crawl", now, ConfigError("a wrong file"))
    assert backoff.waiting(office.state, "crawl", now) is None, "a person mends it and need not wait"


def test_a_part_that_fails_keeps_no_other_from_working(office: Office, prefect: None, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    clock = HALF_PAST_SIX

    def crawl(*_: Any, **__: Any) -> str:
        done.append("crawl")
        raise DiembaoError("the crawl failed with exit code 1: no network")

    monkeypatch.setattr(stages, "crawl", crawl)
    monkeypatch.setattr(stages, "quarantined_runs", lambda *_: done.append("index") or [])
    monkeypatch.setattr(stages, "alert", lambda *_: done.append("alerts") or stages.AlertsReport([], 0, 0, 0))
    monkeypatch.setattr(monitor.crawl, "retries", 0)
    with pytest.raises(DiembaoError, match="no network"):
        monitor.monitor(at=clock)
    assert (sorted(done[:2]), done[2:]) == (["crawl", "index"], ["alerts"])
    backoff.failed(office.state, "crawl", clock, DiembaoError("no network"))
    monkeypatch.setattr(monitor, "is_scheduled", lambda: True)
    shown: list[str] = []
    monkeypatch.setattr(monitor, "show", lambda flow, line: shown.append(f"{flow}: {line}"))
    done.clear()
    result = monitor.monitor(at=clock + timedelta(minutes=5))
    assert done == ["index", "alerts"]
    assert result["left_out"] == ["crawl is left out until 06:40 after 2 failures in a row: no network"]
    assert shown == [f"monitor: 0 pages, 0 indexed, 0 alerts, 0 mails wait; {result['left_out'][0]}"]


def test_an_engine_that_is_away_is_asked_once(office: Office, prefect: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise EngineError("Elasticsearch cannot be reached", "Start it")

    asked: list[int] = []
    monkeypatch.setattr(stages, "crawl", lambda *_, **__: "r")
    monkeypatch.setattr(stages, "waiting_runs", away)
    monkeypatch.setattr(stages, "backlog", lambda *_: "3 articles of 1 runs wait")
    monkeypatch.setattr(stages, "alert", lambda *_: asked.append(1))
    monkeypatch.setattr(monitor.index_runs, "retries", 0)
    with pytest.raises(EngineError, match="cannot be reached; 3 articles of 1 runs wait"):
        monitor.monitor(at=HALF_PAST_SIX)
    assert asked == []


def test_a_failed_run_says_why_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    flow: Any = SimpleNamespace(name="digest")
    state = RunState(type="FAILED", message="Flow run encountered an exception: ConfigError:\n config/office.toml: wrong")  # type: ignore[arg-type]
    run = FlowRun.model_construct(name="amber-fox", deployment_id="x")
    tell_why(flow, run, state)
    assert capsys.readouterr().err == ("digest amber-fox: Flow run encountered an exception: ConfigError: config/office.toml: wrong\n")
    tell_why(flow, FlowRun.model_construct(name="amber-fox", deployment_id=None), state)
    assert capsys.readouterr().err == ""


def test_two_runs_of_one_flow_do_not_overlap(office: Office) -> None:
    with alone(office.settings, "digest"):
        with pytest.raises(DiembaoError, match="still going on"), alone(office.settings, "digest", 0.1):
            pass
        with alone(office.settings, "report", 0.1):
            pass


def test_the_weekly_report_is_mailed_once(office: Office, prefect: None) -> None:
    monday = TODAY + timedelta(days=2, hours=7)
    first, second = weekly_report(at=monday), weekly_report(at=monday + timedelta(hours=5))
    assert (first["period"], first["queued"], second["queued"]) == ("2026-W47", 1, 0)
    assert office.mails() == ["report:weekly:2026-W47:a@example.vn"]


def test_a_week_without_articles_is_not_mailed_and_not_missed(office: Office) -> None:
    later = TODAY + timedelta(days=300)
    result = stages.report(office.settings, office.state, office.engine, "weekly", later)
    assert (result["articles"], result["queued"]) == (0, 0)
    assert "weekly-report" not in names(office, later)


def trouble(office: Office, source: str, failures: int) -> None:
    with office.state.session() as session:
        session.merge(
            FetchState(url=f"https://{source}/rss", source=source, role="feed", first_seen_at=TODAY, fetched_at=TODAY, failures=failures)
        )


def test_source_health_tells_what_changed(office: Office, prefect: None) -> None:
    now = HALF_PAST_SIX
    refused = SourceRound("bao-a", "r1", TODAY, polls=1, failed=1, problem="the feed cannot be had: 404 (u)")
    with office.state.session() as session:
        note(session, [refused])
    assert source_health(at=now)["queued"] == 0
    trouble(office, "bao-a", 3)
    first = source_health(at=now + timedelta(hours=1))
    assert (first["new"], first["queued"]) == (["bao-a"], 1)
    assert "the feed cannot be had: 404" in first["troubles"][0]
    trouble(office, "bao-a", 9)
    assert source_health(at=now + timedelta(hours=2))["queued"] == 0, "nothing is new"
    trouble(office, "bao-b", 1)
    assert source_health(at=now + timedelta(hours=3))["new"] == ["bao-b"]
    trouble(office, "bao-a", 0)
    assert source_health(at=now + timedelta(hours=4))["over"] == ["bao-a"]
    assert all(key.endswith(":it@example.vn") for key in office.mails())
    with office.state.session() as session:
        texts = [row.message.decode() for row in session.scalars(select(OutboxMessage).order_by(OutboxMessage.created_at))]
    assert len(texts) == 3
    assert "diembao sources check bao-a" in texts[0]
    with office.state.session() as session:
        session.add(Run(id="r9", started_at=now, ended_at=now + timedelta(days=7), fates={}))
    assert source_health(at=now + timedelta(days=7, hours=4))["queued"] == 1, "what stays is told again after a week"


def correct(office: Office, number: int, at: datetime, field: str = "sentiment") -> None:
    row = Correction(article_id=f"a{number}", field=field, value="neutral", given_at=at)
    with office.state.session() as session:
        session.add(CorrectionRecord(key=f"k{number}", article_id=row.article_id, field=field, old_value="negative", value="neutral",
                                     given_by="", given_at=at, note=""))  # fmt: skip


def test_retrain_waits_for_corrections_and_never_decides_itself(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [{"promoted": False, "why": "it is not better on held-out corrections"}, {"promoted": True, "why": "better"}]
    asked: list[int] = []
    monkeypatch.setattr(retrain, "train", lambda _: asked.append(1) or answers.pop(0))
    correct(office, 1, TODAY)
    correct(office, 2, TODAY, field="places")
    result = retrain.learn_if_worth_it(office.settings, office.state, HALF_PAST_SIX)
    assert (result["new"], result["trained"], asked) == (1, False, [])
    correct(office, 3, TODAY)
    result = retrain.learn_if_worth_it(office.settings, office.state, HALF_PAST_SIX)
    assert (result["trained"], result["promoted"]) == (True, False)
    assert "the present model stays: it is not better on held-out corrections" in result["told"]
    assert retrain.learn_if_worth_it(office.settings, office.state, HALF_PAST_SIX + timedelta(days=7))["trained"] is False
    for number in (4, 5):
        correct(office, number, HALF_PAST_SIX + timedelta(days=8))
    assert retrain.learn_if_worth_it(office.settings, office.state, HALF_PAST_SIX + timedelta(days=14))["promoted"] is True
    assert len([key for key in office.mails() if key.startswith("retrain:")]) == 2


def test_training_that_fails_says_why_and_is_tried_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIEMBAO_HOME", str(office.settings.home))
    for number in (1, 2):
        correct(office, number, TODAY)
    broken = Settings(office.settings.home, office.settings.config / "missing", "sqlite", office.settings.database)
    with pytest.raises(DiembaoError, match="training failed with exit code 1: .*not a folder"):
        retrain.train(broken)
    with office.state.session() as session:
        assert session.get(Progress, retrain.WORK) is None
