"""Alerts killed at random while they are evaluated, logged and sent: what is lost, what arrives twice.

Usage: python -m benchmarks.kills [--kills 100] [--seed 1]

A day with a jump (new alerts, doubled ones, the all-clear, a rule that tells every match) is evaluated every half hour, each time by a
process of its own over the embedded engine, a SQLite state, a real SMTP server and a real HTTP server. First without kills: that is
what has to arrive. Then the process of each half hour is ended by SIGKILL at a random moment and started again, until there were
enough kills: half of them anywhere in its time, half of them after the evaluation, while it writes the log and sends, and more often
where there is something to send. Every message that is to arrive and did not is lost; every one that arrived more than once is double.
Time is the simulated day's, so a claim of a dead process is given up ten simulated minutes later, as in an office.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import tomli_w
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import func, select

from alerts.evaluation import evaluate
from alerts.log import record
from alerts.outbox import send_due
from alerts.rules_file import read_rules
from diembao.settings import PROJECT, Settings
from diembao.state import OutboxMessage, State
from index import open_engine
from tests.mail.landscape import NOW, polluted_river, quiet_weeks

STEP = timedelta(minutes=30)
BEGIN = NOW - timedelta(hours=6, minutes=30)
STEPS = 30
_PEOPLE = ("an@example.vn", "binh@example.vn", "chi@example.vn", "dung@example.vn", "nobody@example.vn")
_RULES = {
    "negative-by-field": 'kind = "negative_spike"\n',
    "river": 'kind = "new_match"\nquery = "sông"\n',
    "wide": 'kind = "story_reach"\noutlets = 4\n',
}


@dataclass
class Arrivals:
    """What the servers took: Message-IDs of mails with their recipient, and ids of webhooks."""

    taken: list[str] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        """Refuse the address that nobody has."""
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take the mail."""
        self.taken.append(str(message_from_bytes(envelope.original_content or b"")["Message-ID"]))
        return "250 OK"


class _Controller(Controller):
    def __init__(self, handler: Arrivals) -> None:
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        super().__init__(handler, hostname="127.0.0.1", port=self.listening.getsockname()[1])

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self.listening)


@contextmanager
def servers(arrivals: Arrivals) -> Iterator[tuple[int, int]]:
    """A mail server and a receiver of webhooks that note what they take; gives their ports."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrivals.taken.append(str(self.headers["webhook-id"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that was killed is no news."""

    mail, hooks = _Controller(arrivals), Server(("127.0.0.1", 0), Receiver)
    mail.start()
    thread = threading.Thread(target=hooks.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mail.port, int(hooks.server_address[1])
    finally:
        mail.stop()
        hooks.shutdown()
        thread.join()
        hooks.server_close()


def make_office(folder: Path, mail: int, hooks: int) -> Settings:
    """An office with three rules, five mailboxes (one dead), a limit, an escalation and a webhook; its index holds the whole day."""
    config, home = folder / "config", folder / "home"
    (config / "alerts").mkdir(parents=True)
    home.mkdir()
    (config / "taxonomy.toml").write_bytes((PROJECT / "config" / "taxonomy.toml").read_bytes())
    for name, text in _RULES.items():
        (config / "alerts" / f"{name}.toml").write_text(text, encoding="utf-8")
    office = {
        "mail": {"host": "127.0.0.1", "port": mail, "sender": "d@example.vn", "recipients": list(_PEOPLE)},
        "people": [{"address": "binh@example.vn", "most_per_hour": 1}, {"address": "chi@example.vn", "quiet": "18:00-20:00"}],
        "webhooks": [{"name": "hook", "url": f"http://127.0.0.1:{hooks}/", "secret_env": "HOOK_SECRET", "allow_private_addresses": True}],
        "escalation": [{"chain": ["an@example.vn", "truong@example.vn"], "after_minutes": 60, "rules": ["negative-by-field"]}],
    }
    (config / "office.toml").write_text(tomli_w.dumps(office), encoding="utf-8")
    settings = Settings(home, config, "sqlite", f"sqlite:///{home / 'state.sqlite'}")
    engine = open_engine(settings)
    engine.prepare()
    engine.upsert(quiet_weeks())
    engine.upsert(polluted_river(18, begin=NOW - timedelta(hours=6), minutes=20))
    engine.close()
    State(settings.database).close()
    return settings


def one_round(settings: Settings, now: datetime) -> None:
    """What `monitor` does at `now` for the alerts; says on stdout where it is. A process of its own calls this."""
    state, engine = State(settings.database), open_engine(settings)
    print("ready", flush=True)
    begun = time.perf_counter()
    found = evaluate(read_rules(settings.alerts_folder), engine, now, settings.taxonomy, state)
    evaluated = time.perf_counter()
    print("found", flush=True)
    record(state, found, settings.office, settings.taxonomy, now)
    send_due(state, settings.office.mail, now)
    print(f"done {evaluated - begun:.3f} {time.perf_counter() - evaluated:.3f}", flush=True)


def start_round(settings: Settings, now: datetime) -> subprocess.Popen[str]:
    """The process of one half hour, from the moment on when it has imported everything."""
    command = [sys.executable, "-m", "benchmarks.kills", "--round", str(settings.config.parent), now.isoformat()]
    environment = {**os.environ, "HOOK_SECRET": "a long random value", "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, env=environment)
    wait_for(process, "ready")
    return process


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Until the process says the word."""
    if process.stdout is None or process.stdout.readline().strip() != word:
        raise RuntimeError("the round did not get on; see its message above")


@dataclass
class Outcome:
    """One simulated day.

    Attributes:
        arrived: how often each message was taken.
        rows: status and Message-ID of each row of the outbox.
        usual: of each half hour how long evaluating and the rest took (seconds), and how many messages were taken.
        kills: how often a process was killed before it had ended.
        phases: what the killed ones had done.
    """

    arrived: Counter[str]
    rows: dict[str, tuple[str, str]]
    usual: list[tuple[float, float, int]]
    kills: int = 0
    phases: Counter[str] = field(default_factory=Counter)


def run_day(
    folder: Path, kills: int, usual: Sequence[tuple[float, float, int]], rng: random.Random, steps: Sequence[int] = range(STEPS)
) -> Outcome:
    """Some half hours of the day with at most so many kills; `usual`: see Outcome, of the day without kills."""
    arrivals = Arrivals()
    took: list[tuple[float, float, int]] = []
    killed, phases = 0, Counter[str]()
    with servers(arrivals) as (mail, hooks):
        settings = make_office(folder, mail, hooks)
        for number, step in enumerate(steps):
            now = BEGIN + step * STEP
            most = (rng.randint(2, 6) if usual[number][2] else rng.randint(0, 1)) if kills else 0
            for _ in range(most):
                if killed >= kills:
                    break
                before = progress(settings)
                process = start_round(settings, now)
                evaluating, rest_of_it, _ = usual[number]
                if rng.random() < 0.5:
                    wait_for(process, "found")
                    time.sleep(rng.uniform(0.0, rest_of_it))
                else:
                    time.sleep(rng.uniform(0.0, evaluating + rest_of_it))
                process.kill()
                rest = process.communicate()[0]
                if process.returncode == -9 and "done" not in rest:
                    killed += 1
                    phases[phase(before, progress(settings))] += 1
            taken = len(arrivals.taken)
            process = start_round(settings, now)
            answer = process.communicate()[0].split()
            if process.returncode != 0 or answer[1:2] != ["done"]:
                raise RuntimeError(f"the round of {now} failed; see its message above")
            took.append((float(answer[2]), float(answer[3]), len(arrivals.taken) - taken))
        time.sleep(0.2)
    state = State(settings.database)
    with state.session() as session:
        rows = {row.key: (row.status, row.message_id) for row in session.scalars(select(OutboxMessage))}
    state.close()
    return Outcome(Counter(arrivals.taken), rows, took, killed, phases)


def progress(settings: Settings) -> tuple[int, int]:
    """(messages in the outbox, those of them that are no longer waiting)."""
    state = State(settings.database)
    with state.session() as session:
        every = session.scalar(select(func.count()).select_from(OutboxMessage)) or 0
        gone = session.scalar(select(func.count()).select_from(OutboxMessage).where(OutboxMessage.status != "waiting")) or 0
    state.close()
    return every, gone


def phase(before: tuple[int, int], after: tuple[int, int]) -> str:
    """What a killed process had done: nothing that stays, written the outbox, or begun to send."""
    if after == before:
        return "while evaluating"
    return "after sending began" if after[1] > before[1] else "after logging"


def measure(kills: int, seed: int, steps: Sequence[int] = range(STEPS)) -> dict[str, Any]:
    """Kill `kills` times; see the module."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        plain = run_day(Path(folder) / "plain", 0, [], rng, steps)
        expected = set(plain.arrived)
        total = Counter[str]()
        phases, day = Counter[str](), 0
        while total["kills"] < kills:
            day += 1
            outcome = run_day(Path(folder) / str(day), kills - total["kills"], plain.usual, rng, steps)
            missing = expected - set(outcome.arrived)
            doubtful = {identity for status, identity in outcome.rows.values() if status == "unknown"}
            total.update(
                days=1, kills=outcome.kills, messages=len(expected), lost=len(missing), lost_and_told=len(missing & doubtful),
                double=sum(count - 1 for count in outcome.arrived.values()), strange=len(set(outcome.arrived) - expected),
                unknown=len([1 for status, _ in outcome.rows.values() if status == "unknown"]),
                other_rows=len(set(outcome.rows) ^ set(plain.rows)),
            )  # fmt: skip
            phases.update(outcome.phases)
    states = Counter(key.split(":")[2] for key in plain.rows if key.startswith("alert:"))
    named = ("kills", "days", "messages", "lost", "lost_and_told", "double", "strange", "unknown", "other_rows")
    return {
        **{name: total[name] for name in named},
        "killed": dict(phases),
        "states": dict(states),
        "seconds": round(sum(one + other for one, other, _ in plain.usual), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", nargs=2, metavar=("FOLDER", "MOMENT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.round:
        folder = Path(arguments.round[0])
        home = folder / "home"
        one_round(
            Settings(home, folder / "config", "sqlite", f"sqlite:///{home / 'state.sqlite'}"), datetime.fromisoformat(arguments.round[1])
        )
        return
    print(json.dumps(measure(arguments.kills, arguments.seed), ensure_ascii=False))


if __name__ == "__main__":
    main()
