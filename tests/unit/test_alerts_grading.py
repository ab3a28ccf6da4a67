"""Links in mails by which recipients grade and mute; what becomes of the grades; the feed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from xml.etree import ElementTree as ET

import feedparser
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from alerts.delivery import quiet_until
from alerts.grading import (
    LEAST_GRADES,
    PAUSE,
    VALID,
    Ticket,
    grade,
    mute,
    precision_by_rule,
    read_token,
    said_so_far,
    signing_key,
    ticket_for,
    unmute,
    write_token,
)
from alerts.log import record
from diembao.alert import Alert, Evidence
from diembao.errors import ConfigError, UsageError
from diembao.settings import PROJECT, Mail, Office, Person, Settings, Webhook, read_office
from diembao.state import AlertGrade, AlertRecord, OutboxMessage, State
from diembao.taxonomy import read_taxonomy
from index import open_engine
from tests.mail.landscape import NOW
from web.app import create_app

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
OFFICE = Office(name="Văn phòng", base_url="https://diembao.example.vn", mail=Mail(sender="d@example.vn", recipients=("a@example.vn",)))
KEY = b"k" * 32
TICKET = Ticket("a" * 24, "river", "environment × Đồng Tháp", "a@example.vn", NOW + VALID)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def alert(number: int = 1, observed: int = 7, **changes: object) -> Alert:
    story = Evidence(
        article_id="a1", title="<b>Cá chết</b> \x07trắng sông", url="https://bao.vn/1", source="bao-mot", published_at=NOW - 5 * HOUR,
        sentences=["Nước thải & <script>alert(1)</script> đen ngòm."], outlets=["bao-mot"],
    )  # fmt: skip
    values: dict[str, object] = {
        "id": f"{number:024x}", "rule": "river", "kind": "negative_spike", "series": f"s{number}",
        "title": f"Môi trường {number}: {observed} tin tiêu cực trong 6 giờ, bình thường 0,3", "query": "sông",
        "window_start": NOW - 6 * HOUR, "window_end": NOW, "evaluated_at": NOW, "observed": observed, "expected": 0.31,
        "probability": 1e-6, "evidence": [story], "ends_when": "Khi hết.",
    }  # fmt: skip
    return Alert.model_validate({**values, **changes})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def put(state: State, *alerts: Alert, office: Office = OFFICE, now: datetime = NOW) -> int:
    return record(state, alerts, office, TAXONOMY, now)


def outbox(state: State) -> dict[str, OutboxMessage]:
    with state.session() as session:
        rows = {row.key: row for row in session.scalars(select(OutboxMessage))}
        session.expunge_all()
        return rows


def texts(state: State, status: str = "waiting") -> list[str]:
    found = []
    for row in outbox(state).values():
        if row.status == status:
            body = message_from_bytes(row.message, policy=policy.default).get_body(("plain",))  # type: ignore[attr-defined]
            found.append(body.get_content())
    return found


# -- tickets -------------------------------------------------------------------------------------------------------------------------


def test_a_ticket_comes_back_and_an_altered_foreign_or_old_one_does_not() -> None:
    token = write_token(KEY, TICKET)
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}", token)
    assert read_token(KEY, token, NOW) == TICKET
    body, _, signature = token.partition(".")
    other = write_token(KEY, Ticket("b" * 24, "river", "x", "a@example.vn", NOW + VALID)).partition(".")[0]
    for wrong in (f"{other}.{signature}", body, f"{body}.", "", "ă.b", token + "x", token[1:], "x" * 5000):
        with pytest.raises(UsageError, match="not one of ours"):
            read_token(KEY, wrong, NOW)
    with pytest.raises(UsageError, match="not one of ours"):
        read_token(b"o" * 32, token, NOW)
    with pytest.raises(UsageError, match="expired"):
        read_token(KEY, token, NOW + VALID)


def test_the_key_is_made_once_for_an_installation(state: State, tmp_path: Path) -> None:
    key = signing_key(state)
    assert len(key) == 32
    assert signing_key(State(state.url)) == key
    assert signing_key(State(f"sqlite:///{tmp_path / 'other.sqlite'}")) != key


# -- grades --------------------------------------------------------------------------------------------------------------------------


def test_the_last_word_of_a_recipient_counts_once(state: State) -> None:
    for verdict in ("noise", "noise", "useful"):
        grade(state, TICKET, verdict, NOW)  # type: ignore[arg-type]
    with state.session() as session:
        assert [row.verdict for row in session.scalars(select(AlertGrade))] == ["useful"]
    of_rule = precision_by_rule(state)["river"]
    assert (of_rule.useful, of_rule.noise, of_rule.share, of_rule.proposal) == (1, 0, 1.0, None)
    assert of_rule.weeks == {"2026-11-16": (1, 0)}


def graded(state: State, useful: list[int], noise: list[int], kind: str = "negative_spike") -> None:
    with state.session() as session:
        for number, observed in enumerate([*useful, *noise]):
            one = alert(number, observed, kind=kind)
            session.add(
                AlertRecord(id=one.id, rule="river", series=one.series, state="closed", started_at=NOW, updated_at=NOW, ended_at=NOW,
                            mailed=1, alert=one.model_dump(mode="json"))
            )  # fmt: skip
    for number in range(len(useful) + len(noise)):
        ticket = ticket_for(alert(number), "a@example.vn", NOW)
        grade(state, ticket, "useful" if number < len(useful) else "noise", NOW)


def test_a_rule_that_is_mostly_noise_carries_a_proposal_that_keeps_what_was_useful(state: State) -> None:
    graded(state, [12, 9], [4, 5, 5, 10])
    proposal = precision_by_rule(state)["river"].proposal
    assert proposal is not None
    assert proposal[1] == "minimum = 9: would have left out 3 of 4 noisy alerts and none of the useful ones"


def test_where_no_threshold_helps_something_else_is_proposed(state: State) -> None:
    graded(state, [4], [8, 9, 10, 11])
    proposal = precision_by_rule(state)["river"].proposal
    assert proposal is not None
    assert "halve false_alerts_per_year" in proposal[1]


@pytest.mark.parametrize(("useful", "noise"), [(0, LEAST_GRADES - 1), (3, 3), (5, 0)])
def test_few_or_good_grades_give_no_proposal(state: State, useful: int, noise: int) -> None:
    graded(state, [9] * useful, [4] * noise)
    assert precision_by_rule(state)["river"].proposal is None


def test_what_is_muted_is_logged_and_not_mailed_until_it_is_over(state: State) -> None:
    first = alert(1)
    put(state, first)
    ticket = ticket_for(first, "a@example.vn", NOW)
    mute(state, ticket, NOW)
    assert said_so_far(state, ticket, NOW).muted
    grown = first.model_copy(update={"observed": 20})
    both = OFFICE.model_copy(update={"mail": Mail(sender="d@example.vn", recipients=("a@example.vn", "b@example.vn"))})
    assert put(state, grown, office=both) == 1
    assert put(state, grown, alert(2), office=both) == 2  # another series of the rule
    later = NOW + PAUSE + HOUR
    far_greater = first.model_copy(update={"observed": 50, "window_end": later})
    assert put(state, far_greater, alert(2), now=later) == 1
    mute(state, ticket, later, whole_rule=True)
    assert put(state, far_greater, alert(2), alert(3, window_end=later + PAUSE), now=later + PAUSE) == 0
    unmute(state, ticket)
    assert put(state, far_greater, alert(2), alert(4, window_end=later + PAUSE), now=later + PAUSE) == 1


# -- quiet hours, groups, subscriptions -----------------------------------------------------------------------------------------------


def office_of(*people: Person, **more: object) -> Office:
    return OFFICE.model_copy(update={"mail": Mail(sender="d@example.vn"), "people": people, **more})


NIGHT = datetime.fromisoformat("2026-11-21T23:00:00+07:00")
MORNING = datetime.fromisoformat("2026-11-22T06:00:00+07:00")
SLEEPER = Person(address="s@example.vn", quiet="22:00-06:00")


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        ("22:00-06:00", "23:00", "06:00"), ("22:00-06:00", "05:59", "06:00"), ("22:00-06:00", "06:00", None),
        ("22:00-06:00", "21:59", None),
        ("12:00-13:30", "12:00", "13:30"), ("12:00-13:30", "13:30", None), ("", "03:00", None), ("00:00-23:59", "23:58", "23:59"),
    ],
)  # fmt: skip
def test_quiet_hours_are_vietnams_and_go_over_midnight(quiet: str, now: str, until: str | None) -> None:
    ends = quiet_until(Person(address="a@b.vn", quiet=quiet), datetime.fromisoformat(f"2026-11-21T{now}:00+07:00"))
    assert (None if ends is None else f"{ends:%H:%M}") == until


def test_what_comes_in_the_night_is_one_mail_in_the_morning(state: State) -> None:
    office = office_of(SLEEPER, Person(address="awake@example.vn"))
    moved = {"window_start": NIGHT - HOUR, "window_end": NIGHT}
    assert put(state, alert(1, **moved), office=office, now=NIGHT) == 1
    later = NIGHT + 2 * HOUR
    assert put(state, alert(1, **moved), alert(2, **moved), office=office, now=later) == 1
    # The first one is over before the night is; the sleeper hears of its end only.
    assert put(state, alert(2, **moved), office=office, now=later + HOUR) == 1
    assert sum(row.recipient == "s@example.vn" and row.status == "held" for row in outbox(state).values()) == 3
    assert put(state, alert(2, **moved), office=office, now=MORNING - timedelta(minutes=1)) == 0
    assert put(state, alert(2, **moved), office=office, now=MORNING) == 1
    assert put(state, alert(2, **moved), office=office, now=MORNING + HOUR) == 0
    mine = {key: row for key, row in outbox(state).items() if row.recipient == "s@example.vn"}
    [group] = [row for row in mine.values() if row.status == "waiting"]
    assert sorted(row.status for row in mine.values()) == ["grouped", "grouped", "grouped", "waiting"]
    assert {row.message_id for row in mine.values()} == {group.message_id}
    message = message_from_bytes(group.message, policy=policy.default)
    assert message["Subject"] == "1 cảnh báo, 1 đã hết: Môi trường 2; Môi trường 1"
    # A later mail about the second answers the group.
    assert put(state, alert(2, 20, **moved), office=office, now=MORNING + HOUR) == 2
    answers = [message_from_bytes(row.message)["In-Reply-To"] for row in outbox(state).values()
               if row.recipient == "s@example.vn" and ":grown:" in row.key]  # fmt: skip
    assert answers == [group.message_id]


@pytest.mark.parametrize(("passes", "queued"), [(True, 1), (False, 0)])
def test_an_escalation_may_pass_the_quiet_hours(state: State, passes: bool, queued: int) -> None:
    office = office_of(SLEEPER.model_copy(update={"escalations": passes}))
    put(state, alert(1), office=office, now=NOW)
    assert put(state, alert(1, 20, window_end=NIGHT), office=office, now=NIGHT) == queued


def test_who_left_or_muted_in_the_night_gets_nothing_in_the_morning(state: State) -> None:
    office = office_of(SLEEPER, SLEEPER.model_copy(update={"address": "gone@example.vn"}))
    moved = alert(1, window_start=NIGHT - HOUR, window_end=NIGHT)
    put(state, moved, office=office, now=NIGHT)
    mute(state, ticket_for(moved, "s@example.vn", NIGHT), NIGHT)
    assert put(state, moved, office=office_of(SLEEPER), now=MORNING) == 0
    assert {row.recipient: row.status for row in outbox(state).values()} == {"gone@example.vn": "failed"}


def test_several_alerts_at_once_are_one_mail_with_a_link_for_each(state: State) -> None:
    assert put(state, alert(1), alert(2), alert(3)) == 1
    assert put(state, alert(1), alert(2), alert(3)) == 0
    [text] = texts(state)
    assert text.count("7 tin tiêu cực trong 6 giờ; mức bình thường: 0,3") == 3
    links = re.findall(r"https://diembao\.example\.vn/alerts/answer/(\S+)", text)
    assert len({read_token(signing_key(state), token, NOW).alert_id for token in links}) == 3
    html = next(iter(row.message for row in outbox(state).values() if row.status == "waiting"))
    page = message_from_bytes(html, policy=policy.default).get_body(("html",)).get_content()  # type: ignore[attr-defined]
    assert "<script" not in page
    assert page.count('class="button"') == 3
    assert page.count("mức bình thường 0,3") == 3


def test_people_get_the_rules_they_want_and_programs_theirs(state: State) -> None:
    every = Webhook(name="all", url="https://x.vn/h", secret_env="S")
    sea = Webhook(name="sea", url="https://x.vn/h", secret_env="S", rules=("sea",))
    wishes = (Person(address="river@example.vn", rules=("river",)), Person(address="sea@example.vn", rules=("sea",)))
    office = office_of(*wishes, webhooks=(every, sea))
    assert put(state, alert(1), office=office) == 2
    assert sorted(row.recipient for row in outbox(state).values()) == ["all", "river@example.vn"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[people]]\naddress = "a@b.vn"\nquiet = "22h"', "quiet"),
        ('[[people]]\naddress = "a@b.vn"\nquiet = "06:00-06:00"', "quiet"),
        ('[[webhooks]]\nname = "x"\nurl = "ftp://x"\nsecret_env = "S"', "url"),
        ('[[webhooks]]\nname = "x"\nurl = "https://u:p@x.vn/"\nsecret_env = "S"', "without user name"),
        ('[[webhooks]]\nname = "x"\nurl = "https://x.vn/\\r\\nA: b"\nsecret_env = "S"', "url"),
        ('[[webhooks]]\nname = "x"\nurl = "https://x.vn:99999/"\nsecret_env = "S"', "url"),
        ('[[webhooks]]\nname = "x"\nurl = "https://x.vn/"', "secret_env"),
    ],
)
def test_a_wrong_subscription_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "office.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_office(tmp_path / "office.toml")


# -- headers -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["https://diembao.example.vn", "http://127.0.0.1:8000"])
def test_mails_can_be_unsubscribed_from_by_the_mail_program(state: State, base: str) -> None:
    put(state, alert(1, series="Tài nguyên và môi trường × Đồng Tháp"), office=OFFICE.model_copy(update={"base_url": base}))
    [row] = outbox(state).values()
    # Read as a mail program reads it: the address stands on one line and in no encoded word.
    [line] = [line for line in row.message.decode("ascii").split("\r\n") if line.startswith("List-Unsubscribe:")]
    assert re.fullmatch(rf"List-Unsubscribe: <{re.escape(base)}/alerts/answer/[A-Za-z0-9_.-]+/unsubscribe>", line)
    assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in row.message.decode("ascii")


def test_an_address_too_long_for_a_header_is_left_out_and_the_mail_is_whole(state: State) -> None:
    office = OFFICE.model_copy(update={"base_url": f"https://{'x' * 900}.example.vn"})
    put(state, alert(1), office=office)
    [row] = outbox(state).values()
    assert max(len(line) for line in row.message.split(b"\r\n\r\n", 1)[0].split(b"\r\n")) <= 998
    assert "/alerts/answer/" in texts(state)[0]


# -- pages ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path, state: State) -> Settings:
    config = tmp_path / "config"
    config.mkdir()
    (config / "taxonomy.toml").write_bytes((PROJECT / "config" / "taxonomy.toml").read_bytes())
    return Settings(tmp_path, config, "sqlite", state.url)


@pytest.fixture
def client(settings: Settings, state: State) -> Iterator[TestClient]:
    engine = open_engine(settings)
    engine.prepare()
    with TestClient(create_app(settings, engine, state, lambda: NOW), base_url="http://127.0.0.1") as opened:
        yield opened
    engine.close()


def test_opening_the_link_changes_nothing_and_the_button_does_once(client: TestClient, state: State) -> None:
    put(state, alert(1))
    token = write_token(signing_key(state), ticket_for(alert(1), "a@example.vn", NOW))
    for path in ("", "?v=noise", "?v=mute", "/unsubscribe"):
        for _ in range(2):
            assert client.get(f"/alerts/answer/{token}{path}").status_code == 200
            client.head(f"/alerts/answer/{token}{path}")
    assert precision_by_rule(state) == {}
    assert not said_so_far(state, TICKET, NOW).muted
    for _ in range(2):
        page = client.post(f"/alerts/answer/{token}", data={"say": "noise"})
        assert "Đã ghi: thừa." in page.text
        assert page.headers["cache-control"] == "no-store"
    assert precision_by_rule(state)["river"].noise == 1
    assert "Đã ghi: hữu ích." in client.post(f"/alerts/answer/{token}", data={"say": "useful"}).text
    assert "Thư đang tắt." in client.post(f"/alerts/answer/{token}", data={"say": "mute"}).text
    assert "Thư đang tắt." not in client.post(f"/alerts/answer/{token}", data={"say": "unmute"}).text
    assert client.post(f"/alerts/answer/{token}", data={"say": "drop table"}).status_code == 422
    assert client.post(f"/alerts/answer/{token}", data={"say": "x" * 1000}).status_code == 422


def test_who_takes_it_on_is_shown_to_everybody_and_the_first_one_stays(client: TestClient, state: State) -> None:
    put(state, alert(1))
    first, second = (write_token(signing_key(state), ticket_for(alert(1), who, NOW)) for who in ("a@example.vn", "b@example.vn"))
    for _ in range(2):  # opening is no answer
        assert "Đã trả lời" not in client.get(f"/alerts/answer/{first}?v=taken").text
    assert "Đã trả lời: a@example.vn." in client.post(f"/alerts/answer/{first}", data={"say": "taken"}).text
    assert "Đã trả lời: a@example.vn." in client.post(f"/alerts/answer/{second}", data={"say": "useful"}).text
    assert "a@example.vn" in client.get(f"/alerts/{1:024x}").text


def test_one_click_unsubscribes_from_the_rule(client: TestClient, state: State) -> None:
    put(state, alert(1))
    token = write_token(signing_key(state), ticket_for(alert(1), "a@example.vn", NOW))
    assert client.post(f"/alerts/answer/{token}/unsubscribe", data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert put(state, alert(1), alert(2)) == 0


@pytest.mark.parametrize("path", ["", "/unsubscribe"])
def test_a_forged_or_old_link_is_told_and_does_nothing(client: TestClient, state: State, path: str) -> None:
    old = write_token(signing_key(state), ticket_for(alert(1), "a@example.vn", NOW - VALID))
    forged = write_token(KEY, ticket_for(alert(1), "a@example.vn", NOW))
    for token in (old, forged, "x", "%3Cscript%3E.x"):
        for answer in (client.get(f"/alerts/answer/{token}{path}"), client.post(f"/alerts/answer/{token}{path}", data={"say": "noise"})):
            assert answer.status_code == 410
            assert "<script>." not in answer.text
    assert precision_by_rule(state) == {}


def test_the_page_shows_precision_and_proposal(client: TestClient, state: State) -> None:
    graded(state, [12], [4, 5, 5, 10])
    page = client.get("/alerts?lang=en").text
    assert "minimum = 12" in page
    assert "20" in re.sub(r"<[^>]+>", " ", page[page.index('class="precision"') :])


def test_a_kind_that_compares_nothing_shows_its_reason(client: TestClient, state: State) -> None:
    put(state, alert(1, title="Sông: bài mới", has_expectation=False, reason="Tin mới khớp.", reason_en="New match.", unit="tin khớp"))
    for path in ("/alerts", f"/alerts/{1:024x}"):
        assert "Tin mới khớp." in client.get(path).text
        assert "New match." in client.get(f"{path}?lang=en").text
        client.cookies.clear()
    assert "Mức bình thường" not in client.get(f"/alerts/{1:024x}").text
    [text] = texts(state)
    assert "bình thường" not in text


def test_the_feed_is_atom_escaped_and_asked_for_once(client: TestClient, state: State) -> None:
    put(state, alert(1), alert(2, state="closed"))
    answer = client.get("/alerts.atom")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    ET.fromstring(answer.content)
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    assert parsed.version == "atom10"
    assert {entry.title.partition(": ")[0] for entry in parsed.entries} == {"Môi trường 1", "Đã hết"}
    assert len({entry.id for entry in parsed.entries}) == 2
    raw = ET.fromstring(answer.content)
    content = next(raw.iter("{http://www.w3.org/2005/Atom}content"))
    assert content.get("type") == "html"
    assert content.text is not None
    assert "&lt;script&gt;" in content.text
    assert "<script" not in content.text
    again = client.get("/alerts.atom", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_feed_of_an_empty_log_is_a_feed(client: TestClient) -> None:
    assert feedparser.parse(client.get("/alerts.atom").content).version == "atom10"
