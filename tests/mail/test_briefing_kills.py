"""The briefing while the process that compiles and sends it is killed anywhere: everybody gets it once, as staff left it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.briefing import kept
from alerts.outbox import CLAIM, send_due
from diembao.settings import PROJECT, Settings
from diembao.state import BriefingRecord, OutboxMessage, State
from flows import stages
from index import open_engine
from tests.mail.landscape import NOW, polluted_river
from tests.mail.test_alerts_outbox import Catcher, serving

RECIPIENTS = [f"k{number}@example.vn" for number in range(6)]
ROUND = """
    import sys
    from datetime import datetime
    from diembao.settings import read_settings
    from diembao.state import State
    from flows import stages
    from index import open_engine

    settings, now = read_settings(), datetime.fromisoformat(sys.argv[1])
    state, engine = State(settings.database), open_engine(settings)
    engine.prepare()
    print("ready", flush=True)
    stages.brief(settings, state, engine, now)
    print("done", flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_anywhere_everybody_gets_it_once(tmp_path: Path, seed: int) -> None:
    config, home = tmp_path / "config", tmp_path / "home"
    (config / "sources").mkdir(parents=True)
    (config / "alerts").mkdir()
    home.mkdir()
    for name in ("taxonomy.toml", "abbreviations_search.toml", "abbreviations.toml", "synonyms.toml"):
        shutil.copy(PROJECT / "config" / name, config / name)
    catcher, rng = Catcher(), random.Random(seed)
    with serving(catcher) as mail:
        addresses = ", ".join(f'"{address}"' for address in RECIPIENTS)
        (config / "office.toml").write_text(
            f'[mail]\nport = {mail.port}\nsender = "{mail.sender}"\nrecipients = [{addresses}]\n', encoding="utf-8"
        )
        settings = Settings(home, config, "sqlite", f"sqlite:///{home}/state.sqlite")
        state, engine = State(settings.database), open_engine(settings)
        engine.prepare()
        engine.upsert(polluted_river(6))
        draft = stages.draft(settings, state, engine, NOW - timedelta(hours=1))
        kept.save_note(state, NOW.date(), 1, "Lời đầu của Lan", "Lan", NOW)
        for _ in range(4):
            process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(ROUND), NOW.isoformat()],
                cwd=PROJECT,
                stdout=subprocess.PIPE,
                env={**settings.environment, "PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"]},
            )
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 1.2))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            with state.session() as session:
                is_closed = session.get_one(BriefingRecord, str(draft["day"])).sent_at is not None
                queued = len(list(session.scalars(select(OutboxMessage.key))))
            assert queued == (len(RECIPIENTS) if is_closed else 0), "closing it and queueing its mails are one"
        stages.brief(settings, state, engine, NOW)
        send_due(state, settings.office.mail, NOW + CLAIM)
        with state.session() as session:
            ends = {row.recipient: row.status for row in session.scalars(select(OutboxMessage))}
        engine.close()
        state.close()
    arrived = [message_from_bytes(content, policy=policy.default) for content in catcher.mails]
    assert len({str(one["To"]) for one in arrived}) == len(arrived), "nobody got it twice"
    assert set(ends) == set(RECIPIENTS)
    assert {recipient for recipient, status in ends.items() if status == "sent"} <= {str(one["To"]) for one in arrived}
    assert set(ends.values()) <= {"sent", "unknown"}
    assert list(ends.values()).count("unknown") <= 4
    assert all("Lời đầu của Lan" in one.get_body(("plain",)).get_content() for one in arrived)  # type: ignore[attr-defined]
