"""Webhooks against a real HTTP server: signed, delivered once, refused, away, hanging, killed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.log import record
from alerts.outbox import CLAIM, PAUSES, SendReport, send_due
from diembao.alert import Alert
from diembao.settings import PROJECT, Mail, Office, Webhook
from diembao.state import OutboxMessage, State
from diembao.taxonomy import read_taxonomy

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
SECRET = "a long random value"
ENVIRONMENT = {"HOOK_SECRET": SECRET}


class Receiver(ThreadingHTTPServer):
    """Keeps what it takes; answers as `status` says; `behave` does something before the answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.pause, self.drip, self.location = 200, 0.0, False, ""
        self.taken: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?office=1"

    def ids(self) -> Counter[str]:
        return Counter(headers["webhook-id"] for headers, _ in self.taken)

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(({name.lower(): value for name, value in self.headers.items()} | {"path": self.path}, body))
        time.sleep(self.server.pause)
        if self.server.drip:
            for _ in range(200):
                self.wfile.write(b"H")
                self.wfile.flush()
                time.sleep(0.05)
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield opened
    opened.shutdown()
    thread.join()
    opened.server_close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def alert(number: int = 1, **changes: object) -> Alert:
    values: dict[str, object] = {
        "id": f"{number:024x}", "rule": "river", "kind": "negative_spike", "series": f"s{number}", "title": "Môi trường: 7 tin tiêu cực",
        "window_start": NOW - timedelta(hours=6), "window_end": NOW, "evaluated_at": NOW, "observed": 7, "expected": 0.3,
        "probability": 1e-6,
    }  # fmt: skip
    return Alert.model_validate({**values, **changes})


def hook(url: str, name: str = "hook", private: bool = True, env: str = "HOOK_SECRET") -> Webhook:
    return Webhook(name=name, url=url, secret_env=env, allow_private_addresses=private)


def put(state: State, *hooks: Webhook, alerts: int = 1) -> int:
    office = Office(webhooks=hooks, base_url="https://d.example.vn")
    return record(state, [alert(number + 1) for number in range(alerts)], office, TAXONOMY, NOW)


def send(state: State, now: datetime = NOW, timeout: float = 5.0) -> SendReport:
    return send_due(state, Mail(), now, timeout=timeout, environment=ENVIRONMENT)


def statuses(state: State) -> list[tuple[str, str]]:
    with state.session() as session:
        return [(m.recipient, m.status) for m in session.scalars(select(OutboxMessage).order_by(OutboxMessage.key))]


@contextmanager
def nobody() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def test_it_is_delivered_once_and_the_receiver_can_check_it(state: State, receiver: Receiver) -> None:
    assert put(state, hook(receiver.url)) == 1
    assert (send(state).sent, send(state).sent) == (1, 0)
    [(headers, body)] = receiver.taken
    told = json.loads(body)
    assert (told["type"], told["data"]["alert"]["title"]) == ("alert.new", "Môi trường: 7 tin tiêu cực")
    assert told["data"]["page"] == f"https://d.example.vn/alerts/{1:024x}"
    assert headers["path"] == "/hook?office=1"
    assert headers["host"] == receiver.url.split("/")[2]
    assert int(headers["webhook-timestamp"]) == int(NOW.timestamp())
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_receiver_that_cannot_now_is_tried_again_with_the_same_id(state: State, receiver: Receiver, status: int) -> None:
    put(state, hook(receiver.url))
    receiver.status = status
    report = send(state)
    assert (report.sent, report.waiting, report.unknown) == (0, 1, 0)
    assert "tried again" in report.problems[0]
    assert send(state, NOW + PAUSES[0] - timedelta(seconds=1)).problems == []
    receiver.status = 204
    assert send(state, NOW + PAUSES[0]).sent == 1
    assert set(receiver.ids().values()) == {2}
    assert receiver.taken[0][0]["webhook-signature"] != receiver.taken[1][0]["webhook-signature"]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
def test_a_refusal_and_a_redirection_fail_that_message_alone(state: State, receiver: Receiver, status: int) -> None:
    receiver.status, receiver.location = status, "http://169.254.169.254/latest/meta-data/"
    put(state, hook(receiver.url))
    report = send(state)
    assert (report.failed, report.waiting) == (1, 0)
    assert str(status) in report.problems[0]
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("drips", [False, True])
def test_a_receiver_that_takes_it_and_hangs_leaves_it_unknown_and_holds_up_nobody(state: State, receiver: Receiver, drips: bool) -> None:
    receiver.pause, receiver.drip = (0.0, True) if drips else (3.0, False)
    with nobody() as away:
        put(state, hook(receiver.url, "a-hangs"), hook(away, "b-away"), alerts=2)
        report = send(state, timeout=0.5)
        # The second message to each is left for the next time.
        assert sorted(statuses(state)) == [("a-hangs", "unknown"), ("a-hangs", "waiting"), ("b-away", "waiting"), ("b-away", "waiting")]
        assert len(report.problems) == 2
    receiver.pause, receiver.drip = 0.0, False
    assert send(state, NOW + timedelta(days=3)).unknown == 0
    assert set(receiver.ids().values()) == {1}


def test_a_mail_server_that_is_away_does_not_hold_up_webhooks(state: State, receiver: Receiver) -> None:
    with nobody() as away:
        office = Office(
            mail=Mail(port=int(away.rstrip("/").rpartition(":")[2]), recipients=("a@example.vn",)), webhooks=(hook(receiver.url),)
        )
        record(state, [alert()], office, TAXONOMY, NOW)
        report = send_due(state, office.mail, NOW, timeout=2.0, environment=ENVIRONMENT)
    assert (report.sent, report.waiting) == (1, 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_private_addresses_are_refused_however_they_are_written(state: State, receiver: Receiver, host: str) -> None:
    put(state, hook(f"http://{host}:{receiver.server_address[1]}/", private=False))
    report = send(state)
    assert receiver.taken == []
    assert (report.sent, report.waiting) == (0, 1)
    assert "private address" in report.problems[0] or "::" in host


def test_without_its_secret_nothing_is_sent_and_nothing_is_lost(state: State, receiver: Receiver) -> None:
    put(state, hook(receiver.url, env="NOT_SET"))
    report = send(state)
    assert receiver.taken == []
    assert "NOT_SET is not set" in report.problems[0]
    assert report.waiting == 1


SENDER = """
    import sys
    from datetime import datetime
    from alerts.outbox import send_due
    from diembao.settings import Mail
    from diembao.state import State
    state = State(sys.argv[1])
    print("ready", flush=True)
    send_due(state, Mail(), datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_point_nothing_is_sent_twice_and_nothing_is_lost(state: State, receiver: Receiver, seed: int) -> None:
    receiver.pause = 0.01
    put(state, hook(receiver.url), alerts=30)
    rng = random.Random(seed)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SENDER), state.url, NOW.isoformat()],
            cwd=PROJECT, stdout=subprocess.PIPE, env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(PROJECT)},
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    send(state, NOW + CLAIM)
    assert set(receiver.ids().values()) == {1}
    ends = [status for _, status in statuses(state)]
    assert len(ends) == 30
    assert set(ends) <= {"sent", "unknown"}
    assert ends.count("sent") <= len(receiver.taken)
    assert ends.count("unknown") <= 3


RECORDER = """
    import sys
    from datetime import datetime
    from alerts.log import record
    from alerts.outbox import send_due
    from diembao.settings import PROJECT, Mail, Office
    from diembao.state import State
    from diembao.taxonomy import read_taxonomy
    from tests.mail.test_alerts_webhook import alert, hook
    state, now = State(sys.argv[1]), datetime.fromisoformat(sys.argv[3])
    office = Office(webhooks=(hook(sys.argv[2]),))
    taxonomy = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
    print("ready", flush=True)
    for number in range(int(sys.argv[4]), 60):
        record(state, [alert(one + 1) for one in range(number + 1)], office, taxonomy, now)
        send_due(state, Mail(), now)
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_between_finding_logging_and_sending_each_alert_is_told_once(state: State, receiver: Receiver, seed: int) -> None:
    """Each round finds one alert more; the process is killed somewhere in a round and another one goes on."""
    rng = random.Random(seed)
    begin = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(RECORDER), state.url, receiver.url, NOW.isoformat(), str(begin)],
            cwd=PROJECT, stdout=subprocess.PIPE, env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(PROJECT)},
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        begin = len(statuses(state))
    put(state, hook(receiver.url), alerts=60)
    send(state, NOW + CLAIM)
    assert len(statuses(state)) == 60
    assert set(receiver.ids().values()) == {1}
    assert [status for _, status in statuses(state)].count("unknown") <= 3
    assert len(receiver.taken) >= 57
