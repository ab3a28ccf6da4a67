"""Services by apprise against a real HTTP server on loopback: delivered once, refused, away, hanging, killed."""

from __future__ import annotations

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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.log import record
from alerts.outbox import CLAIM, PAUSES, SendReport, send_due
from alerts.service import service_message
from diembao.alert import Alert, Evidence
from diembao.settings import PROJECT, Mail, Office, Service
from diembao.state import OutboxMessage, State
from diembao.taxonomy import read_taxonomy

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")


class Receiver(ThreadingHTTPServer):
    """Keeps what it takes, by path; answers as `status` says after `pause` seconds."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.pause, self.location = 200, 0.0, ""
        self.taken: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.taken.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        time.sleep(self.server.pause)
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.server.taken.append(("GET " + self.path, {}, b""))
        self.send_response(200)
        self.end_headers()

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
    story = Evidence(
        article_id="a1", title="@everyone [bấm](http://x.vn) Cá chết trắng sông Ba Rài", url="https://bao.vn/1", source="bao-mot",
        published_at=NOW - timedelta(hours=5), outlets=["bao-mot", "bao-hai"],
    )  # fmt: skip
    values: dict[str, object] = {
        "id": f"{number:024x}", "rule": "river", "kind": "negative_spike", "series": f"s{number}",
        "title": "Môi trường: 7 tin tiêu cực trong 6 giờ", "window_start": NOW - timedelta(hours=6), "window_end": NOW,
        "evaluated_at": NOW, "observed": 7, "expected": 0.3, "probability": 1e-6, "evidence": [story],
    }  # fmt: skip
    return Alert.model_validate({**values, **changes})


def service(name: str = "phone", **wishes: object) -> Service:
    return Service.model_validate({"name": name, "url_env": f"URL_{name.upper()}", **wishes})


def put(state: State, *services: Service, alerts: int = 1, now: datetime = NOW) -> int:
    office = Office(name="Văn phòng", services=services, base_url="https://d.example.vn")
    return record(state, [alert(number + 1) for number in range(alerts)], office, TAXONOMY, now)


def send(state: State, urls: dict[str, str], now: datetime = NOW, timeout: float = 20.0) -> SendReport:
    return send_due(state, Mail(), now, timeout=timeout, environment={f"URL_{name.upper()}": url for name, url in urls.items()})


def statuses(state: State) -> dict[str, str]:
    with state.session() as session:
        return {m.recipient: m.status for m in session.scalars(select(OutboxMessage)) if m.status != "grouped"}


def test_it_is_delivered_once_in_the_form_of_each_service(state: State, receiver: Receiver) -> None:
    urls = {
        "json": f"json://127.0.0.1:{receiver.port}/json", "ntfy": f"ntfy://127.0.0.1:{receiver.port}/canh-bao",
        "gotify": f"gotify://127.0.0.1:{receiver.port}/AbCdEfGhIjKlMnO",
    }  # fmt: skip
    assert put(state, *(service(name) for name in urls)) == 3
    first = send(state, urls)
    assert (first.sent, first.problems) == (3, [])
    assert send(state, urls, NOW + timedelta(days=3)).sent == 0
    by_path = {path.partition("?")[0]: json.loads(body) for path, _, body in receiver.taken}
    assert len(receiver.taken) == 3
    generic = by_path["/json"]
    assert generic["title"] == "Cảnh báo: Môi trường – 7 tin tiêu cực trong 6 giờ (bình thường 0,3)"
    for wanted in ("7 tin tiêu cực trong 6 giờ; mức bình thường 0,3", "khoảng 1 lần trong", "Cá chết trắng", "thêm 1 báo",
                   "Xem: https://d.example.vn/alerts/", "Trả lời: https://d.example.vn/alerts/answer/"):  # fmt: skip
        assert wanted in generic["message"], wanted
    assert "＠everyone (bấm)(http://x.vn)" in generic["message"]
    assert any("Môi trường" in json.dumps(message, ensure_ascii=False) for path, message in by_path.items() if path == "/message")


def test_several_alerts_at_once_and_those_of_the_night_are_one_message(state: State, receiver: Receiver) -> None:
    phone = service(quiet="16:00-18:00")  # NOW is 17:00 in Vietnam
    assert put(state, phone, alerts=7) == 0
    assert put(state, phone, alerts=7, now=NOW + timedelta(hours=1)) == 1
    url = {"phone": f"json://127.0.0.1:{receiver.port}/"}
    assert send(state, url, NOW + timedelta(hours=1)).sent == 1
    [(_, _, body)] = receiver.taken
    message = json.loads(body)
    assert message["title"] == "7 cảnh báo: Văn phòng"
    assert message["message"].count("Trả lời:") == 5
    assert "và 2 cảnh báo khác: https://d.example.vn/alerts" in message["message"]


@pytest.mark.parametrize(("status", "becomes"), [(503, "waiting"), (429, "waiting"), (401, "failed"), (404, "failed"), (502, "unknown")])
def test_a_refusal_is_told_and_tried_again_only_when_that_is_safe(state: State, receiver: Receiver, status: int, becomes: str) -> None:
    receiver.status = status
    put(state, service())
    url = {"phone": f"json://127.0.0.1:{receiver.port}/"}
    report = send(state, url)
    assert statuses(state) == {"phone": becomes}
    assert report.sent == 0
    assert len(report.problems) == 1
    receiver.status = 200
    assert send(state, url, NOW + PAUSES[0]).sent == (1 if becomes == "waiting" else 0)
    assert len(receiver.taken) == (2 if becomes == "waiting" else 1)


def test_redirections_are_not_followed(state: State, receiver: Receiver) -> None:
    receiver.status, receiver.location = 302, f"http://127.0.0.1:{receiver.port}/inside"
    put(state, service())
    send(state, {"phone": f"json://127.0.0.1:{receiver.port}/"})
    assert [path for path, _, _ in receiver.taken] == ["/"]
    assert statuses(state) == {"phone": "failed"}


def test_one_that_is_away_waits_and_one_that_hangs_is_cut_off_and_neither_holds_up_another(state: State, receiver: Receiver) -> None:
    hanging, away = Receiver(), socket.socket()
    away.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
    thread = threading.Thread(target=hanging.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hanging.pause = 60
    try:
        put(state, service("away"), service("hangs"), service("fine"))
        urls = {"away": f"json://127.0.0.1:{away.getsockname()[1]}/", "hangs": f"json://127.0.0.1:{hanging.server_address[1]}/?rto=50",
                "fine": f"json://127.0.0.1:{receiver.port}/"}  # fmt: skip
        report = send(state, urls, timeout=4.0)
        assert statuses(state) == {"away": "waiting", "hangs": "unknown", "fine": "sent"}
        assert (report.sent, report.unknown, report.waiting) == (1, 1, 1)
        send(state, urls, NOW + timedelta(days=30), timeout=4.0)
        assert len(hanging.taken) == 1
    finally:
        hanging.shutdown()
        thread.join()
        hanging.server_close()
        away.close()


@pytest.mark.parametrize(
    ("url", "words"), [("", "URL_PHONE is not set"), ("nonsense://x", "URL_PHONE holds no address that apprise knows")]
)
def test_a_wrong_address_is_told_without_showing_it_and_loses_nothing(state: State, receiver: Receiver, url: str, words: str) -> None:
    put(state, service())
    report = send(state, {"phone": url})
    assert words in report.problems[0]
    assert "nonsense" not in report.problems[0]
    assert send(state, {"phone": f"json://127.0.0.1:{receiver.port}/"}, NOW + PAUSES[0]).sent == 1


def test_the_secret_address_is_kept_nowhere(state: State, receiver: Receiver) -> None:
    put(state, service())
    receiver.status = 401
    secret = f"json://user:GEHEIM@127.0.0.1:{receiver.port}/GEHEIM"
    report = send(state, {"phone": secret})
    assert "GEHEIM" not in " ".join(report.problems)
    with state.session() as session:
        [row] = session.scalars(select(OutboxMessage))
        assert b"GEHEIM" not in row.message
        assert "GEHEIM" not in (row.error or "")


def test_the_text_is_short_however_long_the_headlines_are() -> None:
    long = alert(reason="x " * 5000, title="dài " * 500)
    content = json.loads(service_message(service(), [(long, "new", "t.x")] * 5, Office(), TAXONOMY, {}))
    assert len(content["body"]) <= 3000
    assert len(content["title"]) <= 200


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


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_point_nothing_is_sent_twice_and_nothing_is_lost(state: State, receiver: Receiver, seed: int) -> None:
    names = [f"s{number}" for number in range(3)]
    put(state, *(service(name) for name in names))
    urls = {name: f"json://127.0.0.1:{receiver.port}/{name}" for name in names}
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), **{f"URL_{name.upper()}": url for name, url in urls.items()}}
    rng = random.Random(seed)
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SENDER), state.url, NOW.isoformat()],
            cwd=PROJECT, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 2.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    time.sleep(1.0)  # a service's process whose sender was killed may be sending yet
    send(state, urls, NOW + CLAIM)
    paths = [path for path, _, _ in receiver.taken]
    assert len(paths) == len(set(paths))
    ends = statuses(state)
    assert set(ends.values()) <= {"sent", "unknown"}
    assert {f"/{name}" for name, status in ends.items() if status == "sent"} <= set(paths)
