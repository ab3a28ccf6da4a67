"""Who is told of what and when: subscriptions, quiet hours, several alerts in one mail, webhooks. Everything goes to the outbox."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from alerts.grading import is_muted, ticket_for, write_token
from alerts.mail import Cause, Composed, compose_alert, compose_group, message_id
from alerts.webhook import PREFIX, envelope
from diembao.alert import Alert
from diembao.clock import VIETNAM
from diembao.errors import DeliveryError
from diembao.settings import Office, Person
from diembao.state import AlertRecord, OutboxMessage
from diembao.taxonomy import Taxonomy

_WEIGHT: dict[Cause, int] = {"new": 0, "grown": 1, "ended": 2}


@dataclass(frozen=True)
class News:
    """One state of an alert that recipients are to be told."""

    alert: Alert
    cause: Cause

    @property
    def stem(self) -> str:
        """What is unique for this state of the alert; with the recipient behind it, the key of the message."""
        more = f":{self.alert.observed}" if self.cause == "grown" else ""
        return f"alert:{self.alert.id}:{self.cause}{more}"


def people(office: Office) -> list[Person]:
    """Everyone who gets mail, each address once; who stands in `people` gets it in their own way."""
    own = {person.address: person for person in office.people}
    addresses = dict.fromkeys([*office.mail.recipients, *own])
    return [own.get(address) or Person(address=address) for address in addresses]


def quiet_until(person: Person, now: datetime) -> datetime | None:
    """When the quiet hours of `person` that hold at `now` end, aware UTC; None: it is not quiet.

    >>> from datetime import UTC
    >>> str(quiet_until(Person(address="a@b.vn", quiet="22:00-06:30"), datetime(2026, 11, 21, 16, 0, tzinfo=UTC)))
    '2026-11-21 23:30:00+00:00'
    """
    if not person.quiet:
        return None
    local = now.astimezone(VIETNAM)
    begin, end = (local.replace(hour=int(t[:2]), minute=int(t[3:]), second=0, microsecond=0) for t in person.quiet.split("-"))
    if begin > end:  # over midnight
        if local >= begin:
            end += timedelta(days=1)
        elif local >= end:
            return None
    elif not begin <= local < end:
        return None
    return end.astimezone(now.tzinfo)


def queue(
    session: Session,
    news: Sequence[News],
    office: Office,
    taxonomy: Taxonomy,
    now: datetime,
    key: bytes,
    names: Mapping[str, str] | None = None,
) -> int:
    """Queue what recipients and webhooks are to be told, within the caller's transaction; returns how many messages wait newly.

    A recipient gets at most one message for each state of an alert. In quiet hours a state is only noted; when they are over, what is
    due is told in one mail. An address that is none is kept as failed, so that it is seen and holds up nobody.
    """
    queued = 0
    everyone = people(office)
    for person in everyone:
        queued += _tell(session, person, news, office, taxonomy, now, key, names or {})
    for left in session.scalars(_held(now).where(OutboxMessage.recipient.not_in([person.address for person in everyone]))):
        left.status, left.error = "failed", "no longer a recipient (office.toml)"
    for hook in office.webhooks:
        for one in news:
            hook_key = f"{PREFIX}{hook.name}:{one.stem}"[:200]
            wanted = not hook.rules or one.alert.rule in hook.rules
            if wanted and session.get(OutboxMessage, hook_key) is None:
                content = envelope(hook, hook_key, one.alert, one.cause, office, now)
                queued += _put(session, hook_key, hook.name, Composed(hook_key, content), now)
    return queued


def _tell(
    session: Session,
    person: Person,
    news: Sequence[News],
    office: Office,
    taxonomy: Taxonomy,
    now: datetime,
    key: bytes,
    names: Mapping[str, str],
) -> int:
    address = person.address
    until = quiet_until(person, now)
    due: dict[str, News] = {}
    for one in news:
        own_key = f"{one.stem}:{address}"[:200]
        unwanted = (person.rules and one.alert.rule not in person.rules) or is_muted(
            session, address, one.alert.rule, one.alert.series, now
        )
        if unwanted or session.get(OutboxMessage, own_key) is not None:
            continue
        if until is not None and not (one.cause == "grown" and person.escalations):
            waits = OutboxMessage(key=own_key, recipient=address[:320], message_id="", message=b"", status="held", created_at=now)
            waits.next_attempt_at, waits.attempts = until, 0
            session.add(waits)
        else:
            due[own_key] = one
    held: dict[str, OutboxMessage] = {}
    if until is None:
        for row in session.scalars(_held(now).where(OutboxMessage.recipient == address[:320])):
            one_held = _news_of(session, row.key)
            if one_held is None or is_muted(session, address, one_held.alert.rule, one_held.alert.series, now):
                session.delete(row)
                continue
            held[row.key] = row
            due[row.key] = one_held
    if not due:
        return 0
    # Of one alert only the last state is told; the others count as told with it.
    latest: dict[str, str] = {}
    for own_key, one in due.items():
        known = latest.get(one.alert.id)
        if known is None or _WEIGHT[one.cause] >= _WEIGHT[due[known].cause]:
            latest[one.alert.id] = own_key
    chosen = list(latest.values())
    main_key = (
        chosen[0] if len(chosen) == 1 else f"alerts:{hashlib.sha256(' '.join(sorted(due)).encode()).hexdigest()[:24]}:{address}"[:200]
    )
    try:
        mail = _compose(session, person, [due[own_key] for own_key in chosen], main_key, office, taxonomy, now, key, names)
    except DeliveryError as error:
        for own_key in due:
            if own_key in held:
                session.delete(held[own_key])
                session.flush()
            _put(session, own_key, address, Composed(message_id(own_key, office.mail.sender)[:200], b""), now, "failed", str(error))
        return 0
    for own_key in due:
        if own_key in held:
            session.delete(held[own_key])
            session.flush()
        if own_key != main_key:
            _put(session, own_key, address, Composed(mail.message_id, b""), now, "grouped")
    return _put(session, main_key, address, mail, now)


def _compose(
    session: Session,
    person: Person,
    told: Sequence[News],
    main_key: str,
    office: Office,
    taxonomy: Taxonomy,
    now: datetime,
    key: bytes,
    names: Mapping[str, str],
) -> Composed:
    tokens = [write_token(key, ticket_for(one.alert, person.address, now)) for one in told]
    if len(told) > 1:
        return compose_group([(one.alert, one.cause, token) for one, token in zip(told, tokens, strict=True)], office, taxonomy,
                             person.address, main_key, now, names=names)  # fmt: skip
    [one] = told
    first = session.get(OutboxMessage, f"alert:{one.alert.id}:new:{person.address}"[:200]) if one.cause != "new" else None
    return compose_alert(
        one.alert,
        office,
        taxonomy,
        person.address,
        main_key,
        now,
        cause=one.cause,
        reply_to=(first.message_id or None) if first is not None else None,
        names=names,
        token=tokens[0],
    )


def _held(now: datetime) -> Select[tuple[OutboxMessage]]:
    return (
        select(OutboxMessage)
        .where(OutboxMessage.status == "held", OutboxMessage.next_attempt_at <= now)
        .order_by(OutboxMessage.created_at, OutboxMessage.key)
    )


def _news_of(session: Session, key: str) -> News | None:
    """What a held key stands for, with the alert as it is now; None when the log has no such alert any more."""
    _, alert_id, cause, *_ = key.split(":")
    record = session.get(AlertRecord, alert_id)
    if record is None or cause not in _WEIGHT:
        return None
    return News(Alert.model_validate({**record.alert, "state": record.state}), cause)


def _put(
    session: Session, key: str, recipient: str, mail: Composed, now: datetime, status: str = "waiting", error: str | None = None
) -> int:
    session.add(
        OutboxMessage(
            key=key,
            recipient=recipient[:320],
            message_id=mail.message_id[:200],
            message=mail.content,
            status=status,
            attempts=0,
            created_at=now,
            next_attempt_at=now,
            error=error,
        )
    )
    return int(status == "waiting")
