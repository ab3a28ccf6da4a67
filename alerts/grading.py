"""What recipients say of alerts: useful, noise, or no more of it. By a signed link in the mail, without a login.

A link carries a ticket: which alert, to whom, until when. Opening it changes nothing, because mail scanners open every link;
the page that it shows has buttons, and only those change something.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.mail import one_line
from diembao.alert import Alert
from diembao.clock import vietnam_day
from diembao.errors import UsageError
from diembao.state import AlertAnswer, AlertGrade, AlertMute, AlertRecord, State

Verdict = Literal["useful", "noise"]
VERDICTS: Mapping[str, Verdict] = {"useful": "useful", "noise": "noise"}

VALID = timedelta(days=30)
"""How long the links of a mail work."""
PAUSE = timedelta(days=7)
"""How long a series is muted."""
LEAST_GRADES = 5
LEAST_SHARE = 0.5
"""A rule with at least so many grades and a smaller share of useful ones gets a proposal."""
_KEY_NAME = "alert-links"
_LONGEST = 2000


@dataclass(frozen=True)
class Ticket:
    """What a link stands for: one alert as one recipient got it, until `expires` (aware UTC)."""

    alert_id: str
    rule: str
    series: str
    recipient: str
    expires: datetime

    @property
    def is_of_alert(self) -> bool:
        """False for a briefing or a report: it can only be unsubscribed from."""
        return ":" not in self.alert_id


@dataclass(frozen=True)
class Precision:
    """How recipients graded the alerts of one rule.

    Attributes:
        useful, noise: grades.
        weeks: the same by week of the grade: {Monday in Vietnam: (useful, noise)}, newest first.
        proposal: what to change when the rule is mostly noise, in Vietnamese and English; empty: nothing.
    """

    useful: int
    noise: int
    weeks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    proposal: tuple[str, str] | None = None

    @property
    def share(self) -> float | None:
        """Share of useful grades, or None without any."""
        total = self.useful + self.noise
        return self.useful / total if total else None


def signing_key(state: State) -> bytes:
    """The key of this installation's links; made the first time. Raises StateError."""
    return state.secret(_KEY_NAME)


def write_token(key: bytes, ticket: Ticket) -> str:
    """The ticket as a part of an address: letters, digits, -, _ and one dot."""
    fields = [ticket.alert_id, ticket.rule, ticket.series, ticket.recipient, int(ticket.expires.timestamp())]
    body = base64.urlsafe_b64encode(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()).rstrip(b"=")
    return f"{body.decode()}.{_sign(key, body)}"


def read_token(key: bytes, token: str, now: datetime) -> Ticket:
    """The ticket of a link.

    Raises:
        UsageError: when it was not made with `key`, was altered, or has expired.
    """
    body, _, signature = token.partition(".")
    genuine = len(token) <= _LONGEST and hmac.compare_digest(_sign(key, body.encode("utf-8", "replace")).encode(), signature.encode())
    if not genuine:
        raise UsageError("this link is not one of ours, or a part of it is missing", "Open it from the mail again")
    try:
        alert_id, rule, series, recipient, expires = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error) as error:  # signed, so an older version of ours
        raise UsageError("this link is of another version", "Open the alert's page") from error
    ticket = Ticket(alert_id, rule, series, recipient, datetime.fromtimestamp(expires, UTC))
    if ticket.expires <= now:
        raise UsageError("this link has expired", "Open the alert's page")
    return ticket


def _sign(key: bytes, body: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, b"alert-link\x1f" + body, hashlib.sha256)).rstrip(b"=").decode()


def grade(state: State, ticket: Ticket, verdict: Verdict, now: datetime) -> None:
    """Keep what the recipient says of the alert; said twice it is one grade, and the last word counts."""
    with state.session() as session:
        record = session.get(AlertRecord, ticket.alert_id)
        observed = int(record.alert.get("observed", 0)) if record else 0
        session.merge(
            AlertGrade(
                alert_id=ticket.alert_id,
                recipient=ticket.recipient,
                rule=ticket.rule,
                verdict=verdict,
                observed=observed,
                graded_at=now,
            )
        )
        _note_answer(session, ticket, now)


def take_on(state: State, ticket: Ticket, now: datetime) -> None:
    """The recipient deals with the alert: it is passed on to nobody else. The first one stays."""
    with state.session() as session:
        _note_answer(session, ticket, now)


def _note_answer(session: Session, ticket: Ticket, now: datetime) -> None:
    if ticket.alert_id and ticket.is_of_alert and session.get(AlertAnswer, ticket.alert_id) is None:
        session.add(AlertAnswer(alert_id=ticket.alert_id, recipient=ticket.recipient, answered_at=now))


def mute(state: State, ticket: Ticket, now: datetime, *, whole_rule: bool = False) -> None:
    """No more messages to this recipient: of the alert's series for PAUSE, or of the whole rule for good."""
    until = None if whole_rule else now + PAUSE
    with state.session() as session:
        series = "" if whole_rule else ticket.series
        session.merge(AlertMute(recipient=ticket.recipient, rule=ticket.rule, series=series, until=until, muted_at=now))
        _note_answer(session, ticket, now)


def unmute(state: State, ticket: Ticket) -> None:
    """Messages of the rule come again, of all its series."""
    with state.session() as session:
        for row in session.scalars(select(AlertMute).where(AlertMute.recipient == ticket.recipient, AlertMute.rule == ticket.rule)):
            session.delete(row)


def mutes_by_rule(state: State, now: datetime) -> dict[str, list[str]]:
    """By rule who gets none of its messages at `now`, each once. Raises StateError."""
    found: dict[str, list[str]] = {}
    with state.session() as session:
        for row in session.scalars(select(AlertMute).where(AlertMute.series == "").order_by(AlertMute.rule, AlertMute.recipient)):
            if row.until is None or row.until > now:
                found.setdefault(row.rule, []).append(row.recipient)
    return found


def is_muted(session: Session, recipient: str, rule: str, series: str, now: datetime) -> bool:
    """Whether the recipient wants no messages of this series at `now`."""
    rows = session.scalars(select(AlertMute).where(AlertMute.recipient == recipient, AlertMute.rule == rule))
    return any(row.series in ("", series) and (row.until is None or row.until > now) for row in rows)


@dataclass(frozen=True)
class Said:
    """What one recipient has said so far of an alert and its rule, and who answered the alert first."""

    verdict: str | None
    muted: bool
    taken_by: str | None


def said_so_far(state: State, ticket: Ticket, now: datetime) -> Said:
    """For the page of the link."""
    with state.session() as session:
        known = session.get(AlertGrade, (ticket.alert_id, ticket.recipient))
        answer = session.get(AlertAnswer, ticket.alert_id)
        return Said(
            known.verdict if known else None,
            is_muted(session, ticket.recipient, ticket.rule, ticket.series, now),
            answer.recipient if answer else None,
        )


def precision_by_rule(state: State) -> dict[str, Precision]:
    """How the alerts of each rule were graded; only rules with a grade. Raises StateError."""
    with state.session() as session:
        rows = session.execute(
            select(AlertGrade.rule, AlertGrade.verdict, AlertGrade.observed, AlertGrade.graded_at, AlertRecord.alert)
            .outerjoin(AlertRecord, AlertRecord.id == AlertGrade.alert_id)
            .order_by(AlertGrade.graded_at.desc())
        ).all()
    found: dict[str, Precision] = {}
    for rule in dict.fromkeys(row.rule for row in rows):
        mine = [row for row in rows if row.rule == rule]
        useful = sum(row.verdict == "useful" for row in mine)
        noise = len(mine) - useful
        weeks: dict[str, tuple[int, int]] = {}
        for row in mine:
            day = vietnam_day(row.graded_at)
            monday = (day - timedelta(days=day.weekday())).isoformat()
            before = weeks.get(monday, (0, 0))
            weeks[monday] = before[0] + (row.verdict == "useful"), before[1] + (row.verdict != "useful")
        kind = next((str(row.alert.get("kind", "")) for row in mine if row.alert), "")
        proposal = None
        if len(mine) >= LEAST_GRADES and useful / len(mine) < LEAST_SHARE:
            proposal = _propose(kind, [row.observed for row in mine if row.verdict == "useful"], [
                row.observed for row in mine if row.verdict != "useful"
            ])  # fmt: skip
        found[rule] = Precision(useful, noise, weeks, proposal)
    return found


_THRESHOLDS = {"negative_spike": "minimum", "story_reach": "outlets"}
"""The key of each kind that `observed` is compared with."""


def _propose(kind: str, useful: list[int], noise: list[int]) -> tuple[str, str]:
    """What would have left out most of the noise and nothing that was useful; else, to ask for less."""
    key = _THRESHOLDS.get(kind)
    if key:
        limit = min(useful) if useful else max(noise) + 1
        spared = sum(observed < limit for observed in noise)
        if spared >= max(1, len(noise) / 3):
            return (
                f"{key} = {limit}: bỏ được {spared} trong {len(noise)} cảnh báo thừa, giữ mọi cảnh báo hữu ích",
                f"{key} = {limit}: would have left out {spared} of {len(noise)} noisy alerts and none of the useful ones",
            )
    if kind in ("negative_spike", "negative_share"):
        return (
            "giảm một nửa false_alerts_per_year, hoặc thêm query, places để chỉ theo dõi điều cần",
            "halve false_alerts_per_year, or narrow the rule by query or places",
        )
    return "thu hẹp quy tắc bằng query, topics hoặc places, hoặc tắt: enabled = false", (
        "narrow the rule by query, topics or places, or switch it off: enabled = false"
    )


def ticket_for(alert: Alert, recipient: str, now: datetime) -> Ticket:
    """The ticket that a mail about `alert` carries."""
    return Ticket(alert.id, alert.rule, one_line(alert.series, 200), recipient, now + VALID)
