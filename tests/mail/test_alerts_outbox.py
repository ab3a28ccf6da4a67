"""The outbox against real SMTP servers: delivered once, refused, away, hanging, killed."""

from __future__ import annotations

import asyncio
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
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from alerts.mail import compose
from alerts.outbox import CLAIM, PAUSES, send_due
from diembao.errors import DeliveryError
from diembao.settings import PROJECT, Mail, Office
from diembao.state import OutboxMessage, State

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
OFFICE = Office(name="Văn phòng UBND", mail=Mail(sender="diembao@example.vn"))


class Catcher:
    """Takes mail; refuses, puts off, drops or hangs where its address says so."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.pause = 0.0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("full"):
            return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if envelope.rcpt_tos[0].startswith("spam"):
            return "554 5.7.1 looks like spam"
        self.mails.append(envelope.original_content or b"")
        await asyncio.sleep(self.pause)
        if envelope.rcpt_tos[0].startswith("hang"):
            await asyncio.sleep(3)
        return "250 OK"

    def ids(self) -> Counter[str]:
        return Counter(str(message_from_bytes(mail, policy=policy.default)["Message-ID"]) for mail in self.mails)


class OwnPort(Controller):
    """A controller on a port that the system chose."""

    def __init__(self, handler: Catcher) -> None:
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        super().__init__(handler, hostname="127.0.0.1", port=self.listening.getsockname()[1])

    def _create_server(self):  # type: ignore[no-untyped-def]
        return self.loop.create_server(self._factory_invoker, sock=self.listening)


@contextmanager
def serving(catcher: Catcher) -> Iterator[Mail]:
    controller = OwnPort(catcher)
    controller.start()
    try:
        yield Mail(host="127.0.0.1", port=controller.port, sender="diembao@example.vn")
    finally:
        controller.stop()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def put(state: State, *recipients: str) -> None:
    with state.session() as session:
        for number, recipient in enumerate(recipients):
            mail = compose(OFFICE, recipient, f"test:{recipient}", NOW, "Điểm báo: cá chết", "Xin chào", "<p>Xin chào</p>")
            session.add(
                OutboxMessage(
                    key=f"test:{recipient}", recipient=recipient, message_id=mail.message_id, message=mail.content,
                    created_at=NOW + timedelta(seconds=number), next_attempt_at=NOW,
                )
            )  # fmt: skip


def statuses(state: State) -> dict[str, str]:
    with state.session() as session:
        return {m.recipient: m.status for m in session.scalars(select(OutboxMessage))}


def test_what_is_due_is_delivered_once(state: State) -> None:
    catcher = Catcher()
    put(state, "a@example.vn", "b@example.vn")
    with serving(catcher) as mail:
        first, second = send_due(state, mail, NOW), send_due(state, mail, NOW)
    assert (first.sent, first.waiting, first.problems) == (2, 0, [])
    assert second.sent == 0
    assert set(catcher.ids().values()) == {1}
    message = message_from_bytes(catcher.mails[0], policy=policy.default)
    assert message["Subject"] == "Điểm báo: cá chết"
    assert "Xin chào" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_refused_address_fails_alone_and_a_full_one_waits(state: State) -> None:
    catcher = Catcher()
    put(state, "nobody@example.vn", "full@example.vn", "spam@example.vn", "fine@example.vn")
    with serving(catcher) as mail:
        report = send_due(state, mail, NOW)
        assert (report.sent, report.failed, report.waiting) == (1, 2, 1)
        assert send_due(state, mail, NOW + PAUSES[0] - timedelta(seconds=1)).problems == []
        assert len(send_due(state, mail, NOW + PAUSES[0]).problems) == 1
    assert statuses(state) == {
        "nobody@example.vn": "failed", "full@example.vn": "waiting", "spam@example.vn": "failed", "fine@example.vn": "sent"
    }  # fmt: skip
    assert any("no such mailbox" in problem for problem in report.problems)


def test_a_server_that_is_away_keeps_everything_and_is_tried_again(state: State) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        mail = Mail(host="127.0.0.1", port=taken.getsockname()[1], sender="diembao@example.vn")
        put(state, "a@example.vn", "b@example.vn")
        report = send_due(state, mail, NOW)
        assert (report.sent, report.waiting, len(report.problems)) == (0, 2, 1)
        with pytest.raises(DeliveryError, match=r"cannot be used: .*check \[mail\] in office.toml.*2 messages wait"):
            report.raise_problems()
        moment = NOW
        for pause in PAUSES:
            moment += pause
            send_due(state, mail, moment)
    assert set(statuses(state).values()) == {"failed"}


def test_it_is_sent_when_the_server_is_back(state: State) -> None:
    catcher = Catcher()
    put(state, "a@example.vn")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        send_due(state, Mail(port=taken.getsockname()[1]), NOW)
    with serving(catcher) as mail:
        assert send_due(state, mail, NOW + PAUSES[0]).sent == 1
    assert len(catcher.mails) == 1


def test_a_server_that_takes_the_text_and_hangs_leaves_it_unknown_and_unsent(state: State) -> None:
    catcher = Catcher()
    put(state, "hang@example.vn", "b@example.vn")
    with serving(catcher) as mail:
        report = send_due(state, mail, NOW, timeout=0.5)
        assert (report.sent, report.unknown) == (1, 1)
        assert send_due(state, mail, NOW + timedelta(days=30), timeout=0.5).sent == 0
    assert statuses(state) == {"hang@example.vn": "unknown", "b@example.vn": "sent"}
    assert set(catcher.ids().values()) == {1}
    assert "it is not sent again" in report.problems[0]


def test_a_server_that_never_greets_is_no_loss(state: State) -> None:
    put(state, "a@example.vn")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        report = send_due(state, Mail(port=silent.getsockname()[1]), NOW, timeout=0.3)
    assert (report.waiting, report.unknown) == (1, 0)
    assert "timed out" in report.problems[0]


def test_a_claim_of_a_dead_process_is_explained_and_not_sent_again(state: State) -> None:
    catcher = Catcher()
    put(state, "a@example.vn")
    with state.session() as session:
        message = session.get(OutboxMessage, "test:a@example.vn")
        assert message is not None
        message.status, message.next_attempt_at = "sending", NOW + CLAIM
    with serving(catcher) as mail:
        assert send_due(state, mail, NOW).unknown == 0  # it may still be at work
        report = send_due(state, mail, NOW + CLAIM)
    assert (report.unknown, report.sent, catcher.mails) == (1, 0, [])
    with pytest.raises(DeliveryError, match="may have arrived"):
        report.raise_problems()


def test_two_processes_at_once_send_each_message_once(state: State) -> None:
    catcher = Catcher()
    catcher.pause = 0.01
    put(state, *(f"p{number}@example.vn" for number in range(20)))
    with serving(catcher) as mail:
        threads = [threading.Thread(target=send_due, args=(State(state.url), mail, NOW)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(catcher.ids().values()) == {1}
    assert len(catcher.mails) == 20


SENDER = """
    import sys
    from datetime import datetime
    from alerts.outbox import send_due
    from diembao.settings import Mail
    from diembao.state import State
    state = State(sys.argv[1])
    print("ready", flush=True)
    send_due(state, Mail(port=int(sys.argv[2]), sender="diembao@example.vn"), datetime.fromisoformat(sys.argv[3]))
"""


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_point_nothing_is_sent_twice_and_nothing_is_lost(state: State, seed: int) -> None:
    catcher = Catcher()
    catcher.pause = 0.01
    recipients = [f"k{number}@example.vn" for number in range(30)]
    put(state, *recipients)
    rng = random.Random(seed)
    with serving(catcher) as mail:
        for _ in range(3):
            process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(SENDER), state.url, str(mail.port), NOW.isoformat()],
                cwd=PROJECT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(PROJECT)},
            )  # fmt: skip
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.25))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        send_due(state, mail, NOW + CLAIM)
    arrived = {message_from_bytes(m, policy=policy.default)["To"] for m in catcher.mails}
    assert set(catcher.ids().values()) == {1}
    ends = statuses(state)
    assert set(ends.values()) <= {"sent", "unknown"}
    assert {recipient for recipient, status in ends.items() if status == "sent"} <= arrived
    assert list(ends.values()).count("unknown") <= 3
