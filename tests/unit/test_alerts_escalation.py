"""Who is told next when nobody answers, and how many messages an hour anybody gets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.grading import grade, mute, take_on, ticket_for, unmute
from alerts.log import record
from diembao.alert import Alert
from diembao.errors import ConfigError
from diembao.settings import PROJECT, Escalation, Mail, Office, Person, Service, Webhook, read_office
from diembao.state import OutboxMessage, State
from diembao.taxonomy import read_taxonomy
from tests.mail.landscape import NOW

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DUTY, CHIEF, BOSS, DESK = "duty@example.vn", "chief@example.vn", "boss@example.vn", "desk@example.vn"
CHAIN = Escalation(chain=(DUTY, CHIEF, BOSS), after_minutes=20)


def office_of(*people: Person, chain: Escalation | None = CHAIN, recipients: tuple[str, ...] = (), **more: object) -> Office:
    mail = Mail(sender="d@example.vn", recipients=recipients)
    return Office(name="Văn phòng", mail=mail, people=people, escalation=(chain,) if chain else (), **more)  # type: ignore[arg-type]


def alert(number: int = 1, observed: int = 7, **changes: object) -> Alert:
    values: dict[str, object] = {
        "id": f"{number:024x}", "rule": "river", "kind": "negative_spike", "series": f"s{number}",
        "title": f"Môi trường {number}: {observed} tin tiêu cực trong 6 giờ, bình thường 0,3",
        "window_start": NOW - 6 * HOUR, "window_end": NOW, "evaluated_at": NOW, "observed": observed, "expected": 0.31, "probability": 1e-6,
    }  # fmt: skip
    return Alert.model_validate({**values, **changes})


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def put(state: State, office: Office, now: datetime, *alerts: Alert) -> list[tuple[str, str]]:
    """(recipient, cause) of what waits newly after one evaluation that found `alerts`."""
    before = {key for key, row in rows(state).items() if row.status == "waiting"}
    record(state, alerts, office, TAXONOMY, now)
    new = [row for key, row in rows(state).items() if key not in before and row.status == "waiting"]
    return sorted((row.recipient, cause_of(row)) for row in new)


def cause_of(row: OutboxMessage) -> str:
    key = row.key.split(":")
    return key[2] if key[0] == "alert" else key[4] if key[:3:2] == ["service", "alert"] else key[1] if key[0] == "webhook" else key[0]


def rows(state: State) -> dict[str, OutboxMessage]:
    with state.session() as session:
        found = {row.key: row for row in session.scalars(select(OutboxMessage))}
        session.expunge_all()
        return found


def deliver(state: State, status: str = "sent") -> None:
    with state.session() as session:
        for row in session.scalars(select(OutboxMessage).where(OutboxMessage.status == "waiting")):
            row.status = status


def text_of(row: OutboxMessage) -> str:
    body = message_from_bytes(row.message, policy=policy.default).get_body(("plain",))  # type: ignore[attr-defined]
    return str(body.get_content())


# -- escalation ----------------------------------------------------------------------------------------------------------------------


def test_the_next_one_is_told_when_nobody_answered_in_time_and_each_only_once(state: State) -> None:
    office = office_of(recipients=(DESK,))
    assert put(state, office, NOW, alert()) == [(DESK, "new"), (DUTY, "new")]
    assert put(state, office, NOW + 19 * MINUTE, alert()) == []
    assert put(state, office, NOW + 20 * MINUTE, alert()) == [(CHIEF, "escalated")]
    assert put(state, office, NOW + 39 * MINUTE, alert()) == []
    assert put(state, office, NOW + 40 * MINUTE, alert()) == [(BOSS, "escalated")]
    assert put(state, office, NOW + 5 * HOUR, alert()) == []


def test_the_message_says_what_happens_next_and_that_nobody_answered(state: State) -> None:
    office = office_of()
    put(state, office, NOW, alert())
    [first] = rows(state).values()
    assert "Nếu 20 phút nữa chưa ai trả lời, cảnh báo được chuyển cho người tiếp theo." in text_of(first)
    put(state, office, NOW + HOUR, alert())
    passed = next(row for row in rows(state).values() if row.recipient == CHIEF)
    assert "Chưa ai trả lời cảnh báo" in str(message_from_bytes(passed.message, policy=policy.default)["Subject"])
    put(state, office, NOW + 2 * HOUR, alert())
    last = next(row for row in rows(state).values() if row.recipient == BOSS)
    assert "người tiếp theo" not in text_of(last)


def test_several_at_once_say_what_happens_next_too(state: State) -> None:
    assert put(state, office_of(), NOW, alert(1), alert(2)) == [(DUTY, "alerts")]
    row = next(row for row in rows(state).values() if row.status == "waiting")
    assert text_of(row).count("Nếu 20 phút nữa chưa ai trả lời, cảnh báo được chuyển cho người tiếp theo.") == 1


@pytest.mark.parametrize("answer", ["useful", "noise", "mute", "taken"])
def test_any_answer_ends_it(state: State, answer: str) -> None:
    office = office_of()
    put(state, office, NOW, alert())
    ticket = ticket_for(alert(), DUTY, NOW)
    if answer == "mute":
        mute(state, ticket, NOW)
    elif answer == "taken":
        take_on(state, ticket, NOW)
    else:
        grade(state, ticket, answer, NOW)  # type: ignore[arg-type]
    assert put(state, office, NOW + HOUR, alert()) == []


def test_a_doubled_alert_is_passed_on_at_once_and_those_who_know_it_hear_of_it(state: State) -> None:
    office = office_of()
    put(state, office, NOW, alert())
    assert put(state, office, NOW + 5 * MINUTE, alert(observed=14)) == [(CHIEF, "escalated"), (DUTY, "grown")]
    assert put(state, office, NOW + 10 * MINUTE, alert(observed=28)) == [(BOSS, "escalated"), (CHIEF, "grown"), (DUTY, "grown")]


def test_the_all_clear_goes_to_those_who_were_told_and_ends_it(state: State) -> None:
    office = office_of()
    put(state, office, NOW, alert())
    put(state, office, NOW + 20 * MINUTE, alert())
    over = alert(state="closed")
    assert put(state, office, NOW + 30 * MINUTE, over) == [(CHIEF, "ended"), (DUTY, "ended")]
    assert put(state, office, NOW + HOUR, over) == []


def test_what_is_over_as_soon_as_it_is_found_is_passed_on_for_a_day(state: State) -> None:
    office = office_of()
    match = alert(kind="new_match", state="closed", has_expectation=False, reason="Tin mới.")
    assert put(state, office, NOW, match) == [(DUTY, "new")]
    assert put(state, office, NOW + 20 * MINUTE, match) == [(CHIEF, "escalated")]
    assert put(state, office, NOW + 30 * HOUR, match) == []


def test_an_alert_does_not_wait_for_somebody_who_muted_it_or_whose_address_is_dead(state: State) -> None:
    office = office_of()
    ticket = ticket_for(alert(), DUTY, NOW)
    mute(state, ticket, NOW, whole_rule=True)
    assert put(state, office, NOW, alert(2)) == [(CHIEF, "new")]
    unmute(state, ticket)
    assert put(state, office, NOW, alert(2), alert(3)) == [(DUTY, "new")]
    deliver(state, "failed")
    assert (CHIEF, "escalated") in put(state, office, NOW + 5 * MINUTE, alert(2), alert(3))


def test_an_escalation_holds_for_its_rules_and_leaves_subscriptions_of_others_alone(state: State) -> None:
    sea = Escalation(chain=(DUTY, CHIEF), after_minutes=20, rules=("sea",))
    office = office_of(chain=sea, recipients=(CHIEF,))
    assert put(state, office, NOW, alert()) == [(CHIEF, "new")]
    at_sea = alert(2, rule="sea")
    assert put(state, office, NOW, alert(), at_sea) == [(DUTY, "new")]
    assert put(state, office, NOW + 20 * MINUTE, alert(), at_sea) == [(CHIEF, "escalated")]


def test_a_service_may_stand_in_the_chain(state: State) -> None:
    chain = Escalation(chain=("duty-phone", BOSS), after_minutes=20)
    office = office_of(chain=chain, services=(Service(name="duty-phone", url_env="DUTY", rules=("other",)),))
    assert put(state, office, NOW, alert()) == [("duty-phone", "new")]
    assert put(state, office, NOW + 20 * MINUTE, alert()) == [(BOSS, "escalated")]


def test_the_quiet_hours_of_the_next_one_are_kept_unless_they_want_to_be_woken(state: State) -> None:
    night = NOW + 8 * HOUR  # 01:00 in Vietnam
    for number, (wakes, told) in enumerate(((True, [(CHIEF, "escalated")]), (False, [])), start=1):
        office = office_of(Person(address=CHIEF, quiet="22:00-06:00", escalations=wakes))
        one = alert(number, window_start=night, window_end=night)
        put(state, office, night, one)
        assert put(state, office, night + 20 * MINUTE, one) == told
    assert put(state, office, night + 6 * HOUR, one)[-1][0] == CHIEF  # in the morning


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[escalation]]\nchain = ["a@b.vn"]', "escalation.0.chain"),
        ('[[escalation]]\nchain = ["a@b.vn", "a@b.vn"]', "name each one once"),
        ('[[escalation]]\nchain = ["a@b.vn", "phone"]', "'phone' is neither a mail address nor the name of a service"),
        ('[[escalation]]\nchain = ["a@b.vn", "c@d.vn"]\nafter_minutes = 1', "after_minutes"),
        ('[[people]]\naddress = "a@b.vn"\nmost_per_hour = 0', "most_per_hour"),
        ('[[people]]\naddress = "a@b.vn"\n[[people]]\naddress = "a@b.vn"', "'a@b.vn' stands there twice"),
        ('[[services]]\nname = "x"\nurl = "tgram://secret"', "services.0"),
        ('[[services]]\nname = "x"\nurl_env = "tgram://secret"', "url_env"),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "office.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_office(tmp_path / "office.toml")
    assert "\n" not in str(caught.value)


def test_the_example_in_the_offices_file_is_right_when_it_is_switched_on(tmp_path: Path) -> None:
    text = (PROJECT / "config" / "office.toml").read_text(encoding="utf-8")
    lines = [line.removeprefix("#:").removeprefix(" ") if line.startswith("#:") else line for line in text.splitlines()]
    (tmp_path / "office.toml").write_text("\n".join(lines), encoding="utf-8")
    office = read_office(tmp_path / "office.toml")
    assert office.people
    assert office.services
    assert office.webhooks
    assert office.escalation


# -- limit ---------------------------------------------------------------------------------------------------------------------------


def test_above_the_limit_of_an_hour_what_comes_is_gathered_and_none_is_lost(state: State) -> None:
    office = office_of(Person(address=DESK, most_per_hour=3), chain=None)
    open_now: list[Alert] = []
    waiting = []
    for number in range(1, 9):
        open_now.append(alert(number))
        waiting.append(put(state, office, NOW + 5 * number * MINUTE, *open_now))
        deliver(state)
    assert [len(one) for one in waiting] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert put(state, office, NOW + 64 * MINUTE, *open_now) == []
    assert put(state, office, NOW + 65 * MINUTE, *open_now) == [(DESK, "alerts")]
    last = max(rows(state).values(), key=lambda row: row.created_at if row.status == "waiting" else NOW)
    text = text_of(last)
    assert all(f"Môi trường {number}:" in text for number in range(4, 9))
    assert "Môi trường 3:" not in text
    assert {row.status for row in rows(state).values()} == {"sent", "waiting", "grouped"}


def test_a_held_alert_that_ended_meanwhile_is_told_in_its_last_state(state: State) -> None:
    office = office_of(Person(address=DESK, most_per_hour=1), chain=None)
    put(state, office, NOW, alert(1))
    deliver(state)
    assert put(state, office, NOW + 5 * MINUTE, alert(1), alert(2)) == []
    assert put(state, office, NOW + 30 * MINUTE, alert(1), alert(2, state="closed")) == []
    assert put(state, office, NOW + 61 * MINUTE, alert(1), alert(2, state="closed")) == [(DESK, "ended")]


def test_while_a_server_is_away_there_is_one_mail_and_the_rest_is_one_more(state: State) -> None:
    office = office_of(recipients=(DESK,), chain=None)
    put(state, office, NOW, alert(1))
    with state.session() as session:  # the server could not be reached
        for row in session.scalars(select(OutboxMessage)):
            row.attempts, row.next_attempt_at = 1, NOW + MINUTE
    open_now = [alert(1)]
    for number in range(2, 40):
        open_now.append(alert(number))
        assert put(state, office, NOW + 5 * number * MINUTE, *open_now) == []
    deliver(state)
    assert put(state, office, NOW + 4 * HOUR, *open_now) == [(DESK, "alerts")]
    last = next(row for row in rows(state).values() if row.status == "waiting")
    text = text_of(last)
    for number in range(2, 40):  # twelve at length, of the others a line with a link
        assert f"Môi trường {number}:" in text
        assert f"/alerts/{number:024x}" in text
    assert text.count("/alerts/answer/") == 12


def test_a_clock_that_was_ahead_does_not_silence_anybody(state: State) -> None:
    office = office_of(Person(address=DESK, most_per_hour=1), chain=None)
    put(state, office, NOW + 400 * 24 * HOUR, alert(1))
    deliver(state)
    assert put(state, office, NOW, alert(1), alert(2)) == [(DESK, "new")]


# -- the rule's own people -----------------------------------------------------------------------------------------------------------


def test_a_rule_may_name_its_own_people(state: State) -> None:
    hook = Webhook(name="all", url="https://x.vn/h", secret_env="S")
    office = office_of(Person(address=CHIEF, rules=("other",)), recipients=(DESK,), chain=None, webhooks=(hook,))
    own = alert(recipients=[CHIEF, "else@example.vn"])
    assert put(state, office, NOW, own) == [("all", "all"), (CHIEF, "new"), ("else@example.vn", "new")]
    hooked = next(row for row in rows(state).values() if row.recipient == "all")
    assert b"else@example.vn" not in hooked.message
    over = alert(state="closed", recipients=[CHIEF, "else@example.vn"])
    assert [who for who, _ in put(state, office, NOW + HOUR, over)] == ["all", CHIEF, "else@example.vn"]
