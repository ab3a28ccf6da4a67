"""`diembao alerts` and `diembao digest` as commands, on the embedded engine and a mail server that is away."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alerts.grading import grade, ticket_for
from cli.alerting import alerts
from cli.briefing import digest
from diembao.alert import Alert
from diembao.clock import utc_now
from diembao.errors import ConfigError, DeliveryError, UsageError
from diembao.settings import PROJECT, Settings
from diembao.state import State
from index import open_engine
from tests.mail.landscape import polluted_river, quiet_weeks


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """An office whose mail server is away, three quiet weeks and a polluted river in the last hours."""
    config, home = tmp_path / "config", tmp_path / "home"
    shutil.copytree(PROJECT / "config" / "alerts", config / "alerts")
    shutil.copy(PROJECT / "config" / "taxonomy.toml", config / "taxonomy.toml")
    home.mkdir()
    now = utc_now()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        mail = f'[mail]\nhost = "127.0.0.1"\nport = {taken.getsockname()[1]}\nsender = "d@example.vn"\nrecipients = ["a@example.vn"]\n'
        (config / "office.toml").write_text(mail, encoding="utf-8")
        made = Settings(home, config, "sqlite", f"sqlite:///{home / 'state.sqlite'}")
        engine = open_engine(made)
        engine.prepare()
        engine.upsert(quiet_weeks(until=now))
        engine.upsert(polluted_river(8, begin=now - timedelta(hours=6)))
        engine.close()
        yield made


def run(settings: Settings, *words: str) -> Result:
    group = alerts if words[0] == "alerts" else digest
    return CliRunner().invoke(group, list(words[1:]), obj=settings)


def test_evaluate_logs_and_keeps_the_mail_when_the_server_is_away(settings: Settings) -> None:
    result = run(settings, "alerts", "evaluate", "--json")
    answer = json.loads(result.stdout)
    assert [alert["series"] for alert in answer["alerts"]] == ["environment"]
    assert (answer["queued"], answer["sent"], answer["waiting"]) == (1, 0, 1)
    assert isinstance(result.exception, DeliveryError)
    assert "1 messages wait and are kept" in str(result.exception)
    again = json.loads(run(settings, "alerts", "evaluate", "--json").stdout)
    assert (again["queued"], again["waiting"]) == (0, 1)
    listed = json.loads(run(settings, "alerts", "list", "--json").stdout)
    assert [rule["name"] for rule in listed["rules"]] == ["negative-by-field"]
    assert [alert["state"] for alert in listed["alerts"]] == ["open"]


def test_a_broken_query_is_one_line_and_the_other_rules_are_evaluated(settings: Settings) -> None:
    (settings.alerts_folder / "broken.toml").write_text('kind = "new_match"\nquery = "(sông"', encoding="utf-8")
    result = run(settings, "alerts", "evaluate", "--json")
    assert [alert["series"] for alert in json.loads(result.stdout)["alerts"]] == ["environment"]
    assert isinstance(result.exception, ConfigError)
    assert "rule broken was not evaluated" in str(result.exception)
    assert "\n" not in str(result.exception)


def test_an_open_alert_stays_open_while_its_rule_is_broken(settings: Settings) -> None:
    run(settings, "alerts", "evaluate")
    path = settings.alerts_folder / "negative-by-field.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\nquery = "(sông"\n', encoding="utf-8")
    assert isinstance(run(settings, "alerts", "evaluate").exception, ConfigError)
    assert [alert["state"] for alert in json.loads(run(settings, "alerts", "list", "--json").stdout)["alerts"]] == ["open"]


def test_the_list_tells_how_a_rule_was_graded(settings: Settings) -> None:
    run(settings, "alerts", "evaluate")
    [logged] = json.loads(run(settings, "alerts", "list", "--json").stdout)["alerts"]
    state = State(settings.database)
    for number in range(5):
        ticket = ticket_for(Alert.model_validate(logged), f"p{number}@example.vn", utc_now())
        grade(state, ticket, "useful" if number == 0 else "noise", utc_now())
    state.close()
    [rule] = json.loads(run(settings, "alerts", "list", "--json").stdout)["rules"]
    graded = rule["graded"]
    assert (graded["useful"], graded["noise"], graded["precision"]) == (1, 4, 0.2)
    assert sum(sum(week) for week in graded["weeks"].values()) == 5
    assert graded["proposal"]
    assert "1/5 hữu ích" in run(settings, "alerts", "list").stdout


def test_try_tells_how_often_and_on_what(settings: Settings) -> None:
    answer = json.loads(run(settings, "alerts", "try", "negative-by-field", "--since", "30d", "--json").stdout)
    assert (answer["fired"], answer["days"]) == (1, 30)
    assert "Ba Rài" in answer["alerts"][0]["evidence"][0]["title"]
    text = run(settings, "alerts", "try", str(settings.alerts_folder / "negative-by-field.toml"))
    assert "1 lần trong 90 ngày" in text.stderr
    assert json.loads(run(settings, "alerts", "list", "--json").stdout)["alerts"] == []


def test_wrong_words_are_one_line(settings: Settings, tmp_path: Path) -> None:
    for words, kind in (
        (("alerts", "try", "nothing-like-it"), UsageError),
        (("alerts", "try", "negative-by-field", "--since", "soon"), UsageError),
        (("alerts", "try", str(tmp_path / "none.toml")), ConfigError),
        (("digest", "preview", "--out", str(tmp_path / "no" / "folder.html")), UsageError),
    ):
        assert isinstance(run(settings, *words).exception, kind), words


@pytest.mark.parametrize(("form", "magic"), [("html", b"<!DOCTYPE html>"), ("docx", b"PK"), ("xlsx", b"PK")])
def test_preview_writes_the_file(settings: Settings, tmp_path: Path, form: str, magic: bytes) -> None:
    path = tmp_path / f"out.{form}"
    answer = json.loads(run(settings, "digest", "preview", "--format", form, "--out", str(path), "--json").stdout)
    assert path.read_bytes().startswith(magic)
    assert answer["negative"] >= 1


def test_send_queues_once_a_day(settings: Settings) -> None:
    first, second = (json.loads(run(settings, "digest", "send", "--json").stdout) for _ in range(2))
    assert (first["queued"], second["queued"], second["waiting"]) == (1, 0, 1)


def test_nobody_to_send_to_is_said(settings: Settings) -> None:
    (settings.config / "office.toml").unlink()
    fresh = Settings(settings.home, settings.config, settings.index, settings.database)
    assert isinstance(run(fresh, "digest", "send").exception, UsageError)
