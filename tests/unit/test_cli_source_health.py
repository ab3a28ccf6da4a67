"""The health of sources on the command line: `sources list --json` and `doctor` say what the page and the mail say."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner

from alerts.health.kept import judge_all, note
from cli.health import _source_health
from cli.sources import sources
from diembao.clock import utc_now
from diembao.settings import Settings, read_settings
from diembao.source import read_sources
from diembao.source_round import SourceRound
from diembao.state import Run, State


def office(folder: Path) -> Settings:
    (folder / "config" / "sources").mkdir(parents=True)
    for name in ("chan", "khoe"):
        text = f"name = 'Báo {name}'\ndomain = '{name}.vn'\nfeeds = ['https://{name}.vn/rss']\n"
        (folder / "config" / "sources" / f"{name}.toml").write_text(text, encoding="utf-8")
    settings = read_settings({"DIEMBAO_HOME": str(folder / "home"), "DIEMBAO_CONFIG": str(folder / "config")})
    state, now = State(settings.database), utc_now()
    with state.session() as session:
        session.add(Run(id="r", started_at=now, ended_at=now, fates={}))
        for hour in range(6, -1, -1):
            at = now - timedelta(hours=hour)
            note(
                session,
                [SourceRound("chan", f"r{hour}", at, polls=2, refused=2, problem="the feed answers HTTP 403 (https://chan.vn/rss)")],
            )
            note(session, [SourceRound("khoe", f"r{hour}", at, polls=2, unchanged=1, articles=1, pages=1, new=[at])])
    judge_all(state, list(read_sources(settings.sources_folder).values()), now)
    state.close()
    return settings


def test_the_list_has_the_verdict_and_doctor_the_advice(tmp_path: Path) -> None:
    settings = office(tmp_path)
    done = CliRunner().invoke(sources, ["list", "--json"], obj=settings, catch_exceptions=False)
    found = {row["id"]: row["health"] for row in map(json.loads, done.stdout.splitlines())}
    assert (found["chan"]["level"], [one["kind"] for one in found["chan"]["findings"]]) == ("broken", ["blocked"])
    assert (found["khoe"]["level"], found["khoe"]["polls"], found["khoe"]["unchanged_polls"]) == ("learning", 14, 7)
    (check,) = _source_health(settings)
    assert check.state == "warning"
    assert check.message.startswith("Báo chan: refuses us since ")
    assert "Do not work around it" in check.hint
