"""What a real mail server gets of alerts and briefings: headers that mail programs can use, hostile text, dead and slow mailboxes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi.testclient import TestClient
from sqlalchemy import select

from alerts.briefing.sending import RULE, Content, people, queue_for
from alerts.grading import precision_by_rule, signing_key
from alerts.log import record
from alerts.outbox import PAUSES, send_due
from diembao.alert import Alert, Evidence
from diembao.settings import PROJECT, Mail, Office, Person, Settings
from diembao.state import OutboxMessage, State
from diembao.taxonomy import read_taxonomy
from index import open_engine
from tests.mail.landscape import NOW
from tests.mail.test_alerts_outbox import Catcher, serving
from web.app import create_app

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
HOSTILE = '<script>alert("x")</script>\r\nBcc: spy@example.vn\r\n\r\n.\r\nQUIT\u202e'


class Noting(Catcher):
    """Keeps the recipients of each mail too; is slow where the address says so."""

    def __init__(self) -> None:
        super().__init__()
        self.recipients: list[list[str]] = []

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if address.startswith("slow"):
            await asyncio.sleep(2)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.recipients.append(list(envelope.rcpt_tos))
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def client(tmp_path: Path, state: State) -> Iterator[TestClient]:
    config = tmp_path / "config"
    config.mkdir()
    (config / "taxonomy.toml").write_bytes((PROJECT / "config" / "taxonomy.toml").read_bytes())
    settings = Settings(tmp_path, config, "sqlite", state.url)
    engine = open_engine(settings)
    engine.prepare()
    with TestClient(create_app(settings, engine, state, lambda: NOW), base_url="http://127.0.0.1") as opened:
        yield opened
    engine.close()


def office(*addresses: str) -> Office:
    mail = Mail(sender="d@example.vn", recipients=addresses)
    return Office(name=f"Văn phòng {HOSTILE}", base_url="http://127.0.0.1:8000", mail=mail)


def alert(number: int = 1, text: str = "Cá chết") -> Alert:
    story = Evidence(article_id="a1", title=text, url="javascript:alert(1)", source=text, published_at=NOW, sentences=[text], places=[text])
    return Alert(
        id=f"{number:024x}", rule="river", kind="negative_spike", series="Tài nguyên × Đồng Tháp", title=f"{text}: 7 tin", query="sông",
        window_start=NOW - timedelta(hours=6), window_end=NOW, evaluated_at=NOW, observed=7, expected=0.3, probability=1e-6,
        evidence=[story], ends_when=text,
    )  # fmt: skip


def delivered(state: State, catcher: Catcher, *addresses: str, **changes: str) -> list[EmailMessage]:
    record(state, [alert(1, **changes)], office(*addresses), TAXONOMY, NOW)
    with serving(catcher) as mail:
        send_due(state, mail, NOW, timeout=1.0)
    return [message_from_bytes(mail, policy=policy.default) for mail in catcher.mails]  # type: ignore[misc]


def link_to_unsubscribe(raw: bytes) -> str:
    """As a mail program finds it: on one line, in plain letters."""
    [line] = [line for line in raw.split(b"\r\n\r\n", 1)[0].split(b"\r\n") if line.lower().startswith(b"list-unsubscribe:")]
    found = re.fullmatch(r"List-Unsubscribe: <http://127\.0\.0\.1:8000(/alerts/answer/[A-Za-z0-9_.-]+/unsubscribe)>", line.decode("ascii"))
    assert found is not None
    return found[1]


def test_one_click_in_the_mail_program_ends_an_alerts_mails_and_opening_ends_nothing(state: State, client: TestClient) -> None:
    catcher = Catcher()
    [message] = delivered(state, catcher, "a@example.vn")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = link_to_unsubscribe(catcher.mails[0])
    for _ in range(3):  # scanners open every link, some twice
        assert client.get(link).status_code == 200
        client.head(link)
    assert record(state, [alert(1), alert(2)], office("a@example.vn"), TAXONOMY, NOW) == 1
    # What a mail program sends: no cookie, no referrer, from no page of ours.
    sent = client.post(
        link, data={"List-Unsubscribe": "One-Click"}, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.example"}
    )
    assert sent.status_code == 200
    assert record(state, [alert(3)], office("a@example.vn"), TAXONOMY, NOW) == 0
    assert precision_by_rule(state) == {}


def test_one_click_ends_the_briefing_and_nothing_else(state: State, client: TestClient) -> None:
    def queue(day: str) -> int:
        one = office("a@example.vn", "b@example.vn")
        with state.session() as session:
            return queue_for(session, people(one), f"digest:{day}", RULE, lambda _: Content("Điểm báo", "x", "<p>x</p>"), one, NOW, key)

    catcher, key = Catcher(), signing_key(state)
    assert queue("2026-11-21") == 2
    with serving(catcher) as mail:
        assert send_due(state, mail, NOW).sent == 2
    assert all(b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in one for one in catcher.mails)
    link = link_to_unsubscribe(next(one for one in catcher.mails if b"\r\nTo: a@example.vn" in one))
    page = client.get(link)
    assert "Điểm báo" in page.text
    assert "Hữu ích" not in page.text
    assert queue("2026-11-22") == 2
    assert client.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert queue("2026-11-23") == 1
    assert record(state, [alert()], office("a@example.vn"), TAXONOMY, NOW) == 1


def test_each_reads_in_the_own_language(state: State) -> None:
    one = office("a@example.vn").model_copy(update={"people": (Person(address="en@example.vn", language="en"),)})
    record(state, [alert()], one, TAXONOMY, NOW)
    catcher = Catcher()
    with serving(catcher) as mail:
        assert send_due(state, mail, NOW).sent == 2
    subjects = {str(got["To"]): str(got["Subject"]) for got in (message_from_bytes(raw, policy=policy.default) for raw in catcher.mails)}
    assert subjects["a@example.vn"].startswith("Cảnh báo: ")
    assert subjects["en@example.vn"].startswith("Alert: ")


def test_hostile_headlines_reach_the_mailbox_as_text_and_nobody_else(state: State) -> None:
    catcher = Noting()
    [message] = delivered(state, catcher, "a@example.vn", text=HOSTILE)
    assert catcher.recipients == [["a@example.vn"]]
    assert message["Bcc"] is None
    assert message["To"] == "a@example.vn"
    html, text = (message.get_body((kind,)).get_content() for kind in ("html", "plain"))  # type: ignore[union-attr]
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "javascript:" not in html
    assert "\u202e" not in html + text
    assert '<script>alert("x")</script> Bcc: spy@example.vn . QUIT' in text  # the whole text arrived, on one line


@pytest.mark.parametrize(
    "address", ["a@example.vn\r\nBcc: spy@example.vn", "a@example.vn>\r\nRCPT TO:<spy@example.vn", "a@b.vn,spy@example.vn"]
)
def test_an_address_with_line_breaks_is_kept_as_failed_and_holds_up_nobody(state: State, address: str) -> None:
    catcher = Noting()
    messages = delivered(state, catcher, address, "b@example.vn")
    assert [message["To"] for message in messages] == ["b@example.vn"]
    assert catcher.recipients == [["b@example.vn"]]
    with state.session() as session:
        assert {row.recipient: row.status for row in session.scalars(select(OutboxMessage))} == {address: "failed", "b@example.vn": "sent"}


def test_dead_full_and_slow_mailboxes_hold_up_nobody(state: State) -> None:
    catcher = Noting()
    slow = [f"slow{number}@example.vn" for number in range(4)]
    everyone = office("nobody@example.vn", "full@example.vn", *slow, "fine@example.vn", "last@example.vn")
    record(state, [alert()], everyone, TAXONOMY, NOW)
    with serving(catcher) as mail:
        first = send_due(state, mail, NOW, timeout=0.3)
        second = send_due(state, mail, NOW + PAUSES[0] / 2, timeout=0.3)
    arrived = [recipient for recipients in catcher.recipients for recipient in recipients]
    assert sorted(arrived) == ["fine@example.vn", "last@example.vn"]
    assert first.sent + second.sent == 2
    with state.session() as session:
        ends = {row.recipient: row.status for row in session.scalars(select(OutboxMessage))}
    assert ends["nobody@example.vn"] == "failed"
    assert {ends[name] for name in (*slow, "full@example.vn")} == {"waiting"}


def test_a_person_who_gets_too_many_gets_one_more_about_the_rest(state: State) -> None:
    catcher = Catcher()
    one = office().model_copy(update={"people": (Person(address="a@example.vn", most_per_hour=2),)})
    found: list[Alert] = []
    with serving(catcher) as mail:
        for number in range(1, 9):
            found.append(alert(number).model_copy(update={"series": f"s{number}", "title": f"Việc {number}: 7 tin"}))
            now = NOW + timedelta(minutes=5 * number)
            record(state, found, one, TAXONOMY, now)
            send_due(state, mail, now)
        later = NOW + timedelta(minutes=66)
        record(state, found, one, TAXONOMY, later)
        send_due(state, mail, later)
    texts = [message_from_bytes(raw, policy=policy.default).get_body(("plain",)).get_content() for raw in catcher.mails]  # type: ignore[attr-defined]
    assert len(texts) == 3
    assert all(sum(f"Việc {number}" in text for text in texts) == 1 for number in range(1, 9))
