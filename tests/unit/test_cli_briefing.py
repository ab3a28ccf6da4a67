"""`diembao digest` and `diembao report` as commands: files, one line for what is wrong, once per period."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import docx
import pytest
from click.testing import CliRunner, Result

from alerts.briefing import kept
from cli.briefing import digest, report
from diembao.clock import utc_now, vietnam_day
from diembao.errors import ConfigError, UsageError
from diembao.settings import PROJECT, Settings
from diembao.state import State
from index import open_engine
from tests.mail.landscape import polluted_river, quiet_weeks


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An office whose mail server is away, seven weeks of coverage and a polluted river in the last hours."""
    config = tmp_path / "config"
    (config / "alerts").mkdir(parents=True)
    (config / "sources").mkdir()
    for name in ("taxonomy.toml", "abbreviations_search.toml", "abbreviations.toml", "synonyms.toml"):
        shutil.copy(PROJECT / "config" / name, config / name)
    (config / "office.toml").write_text('name = "Văn phòng"\n[mail]\nport = 9\nrecipients = ["a@example.vn"]\n', encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    made = Settings(home, config, "sqlite", f"sqlite:///{home}/state.sqlite")
    engine = open_engine(made)
    engine.prepare()
    now = utc_now()
    engine.upsert(quiet_weeks(days=49, until=now))
    engine.upsert(polluted_river(6, begin=now - timedelta(hours=5)))
    engine.close()
    return made


def run(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(report if words[0] in ("weekly", "monthly") else digest, list(words), obj=settings)


def answer(settings: Settings, *words: str) -> dict[str, object]:
    result = run(settings, *words, "--json")
    assert result.exception is None or result.stdout, result.exception
    return dict(json.loads(result.stdout))


def test_what_is_previewed_is_what_staff_left(settings: Settings, tmp_path: Path) -> None:
    made = answer(settings, "draft")
    assert (made["edited"], made["sent"], made["page"]) == (False, False, f"http://127.0.0.1:8000/briefing/{made['day']}")
    state = State(settings.database)
    kept.save_note(state, date.fromisoformat(str(made["day"])), 1, "Lời đầu của Lan", "Lan", utc_now())
    state.close()
    for form in ("html", "docx", "xlsx"):
        assert run(settings, "preview", "--format", form, "--out", str(tmp_path / f"b.{form}")).exit_code == 0
    assert "Lời đầu của Lan" in (tmp_path / "b.html").read_text(encoding="utf-8")
    document = docx.Document(BytesIO((tmp_path / "b.docx").read_bytes()))
    assert "Lời đầu của Lan" in [paragraph.text for paragraph in document.paragraphs]
    assert run(settings, "preview", "--language", "en", "--out", "-").stdout.count("Press briefing of") >= 1
    assert answer(settings, "draft")["edited"] is True


@pytest.mark.parametrize("suffix", ["html", "docx", "txt"])
def test_a_report_is_written(settings: Settings, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"report.{suffix}"
    found = answer(settings, "weekly", "--output", str(path))
    assert found["period"] == (vietnam_day(utc_now()) - timedelta(days=7)).strftime("%G-W%V")
    assert path.stat().st_size > 1000
    rows = {row["field"]: row for row in found["fields"]}  # type: ignore[attr-defined]
    assert rows["*"]["total"] > 20
    assert len(rows["*"]["before"]) == 4


def test_a_report_is_mailed_once(settings: Settings) -> None:
    first, second = answer(settings, "monthly", "--send"), answer(settings, "monthly", "--send")
    assert (first["queued"], second["queued"], first["file"]) == (1, 0, None)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("weekly", "--output", "report.pdf"), "neither .html nor .docx"),
        (("weekly", "--date", "2090-01-01"), "has not begun"),
        (("weekly", "--output", "no/such/folder.html"), "cannot be written"),
        (("preview", "--date", "2020-01-01"), "no briefing of 2020-01-01 was kept"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = run(settings, *words).exception
    assert isinstance(error, UsageError)
    assert says in str(error)
    assert "\n" not in str(error)


def test_a_week_that_goes_on_is_not_mailed(settings: Settings) -> None:
    error = run(settings, "weekly", "--date", vietnam_day(utc_now()).isoformat(), "--send").exception
    assert isinstance(error, UsageError)
    assert "is not over" in str(error)


def test_a_broken_template_is_named(settings: Settings, tmp_path: Path) -> None:
    (settings.alerts_folder / "report.docx").write_bytes(b"?")
    assert isinstance(run(settings, "weekly", "--output", str(tmp_path / "r.docx")).exception, ConfigError)
