"""Who is told of what and when: subscriptions, quiet hours, limits, escalation, several alerts in one message, webhooks.

Everything goes to the outbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from alerts.alert_words import AlertLabels, Language
from alerts.grading import is_muted, ticket_for, write_token
from alerts.mail import Cause, Composed, compose_alert, compose_group, message_id
from alerts.service import SERVICE, service_message
from alerts.webhook import PREFIX, envelope
from diembao.alert import Alert
from diembao.clock import VIETNAM
from diembao.errors import DeliveryError
from diembao.settings import Escalation, Office, Person, Service, Subscriber
from diembao.state import AlertAnswer, AlertRecord, OutboxMessage
from diembao.taxonomy import Taxonomy

_WEIGHT: dict[Cause, int] = {"new": 0, "escalated": 1, "grown": 2, "ended": 3}
_URGENT: tuple[Cause, ...] = ("grown", "escalated")
_HOUR = timedelta(hours=1)
_TOLD_FIRST: tuple[Cause, ...] = ("new", "escalated")
_PASSED_ON_FOR = timedelta(hours=24)
"""An alert that is over as soon as it is found (a new match) is passed on for so long."""


@dataclass(frozen=True)
class News:
    """One state of an alert that recipients are to be told."""

    alert: Alert
    cause: Cause

    @property
    def stem(self) -> str:
        """What is unique for this state of the alert; with the recipient beside it, the key of the message."""
        more = f":{self.alert.observed}" if self.cause == "grown" else ""
        return f"alert:{self.alert.id}:{self.cause}{more}"


@dataclass(frozen=True)
class Receiver:
    """Somebody who is told: a mailbox, or a service.

    Attributes:
        name: mail address, or name of the service; the recipient in the outbox.
        wishes: which alerts, and when.
        service: None for a mailbox.
        is_subscribed: gets alerts by its own wishes, not only as one of an escalation or of a rule's own people.
    """

    name: str
    wishes: Subscriber
    service: Service | None = None
    is_subscribed: bool = True

    def key(self, stem: str) -> str:
        """Key in the outbox of the message about `stem`."""
        return (f"{SERVICE}{self.name}:{stem}" if self.service else f"{stem}:{self.name}")[:200]


def receivers(office: Office, others: Iterable[str] = ()) -> dict[str, Receiver]:
    """Everyone who may be told, by name: who subscribed, who stands in an escalation, and `others` (addresses)."""
    found = {address: Receiver(address, Person(address=address)) for address in office.mail.recipients}
    found |= {person.address: Receiver(person.address, person) for person in office.people}
    found |= {service.name: Receiver(service.name, service, service) for service in office.services}
    for name in [*(name for chain in office.escalation for name in chain.chain), *others]:
        if name not in found and "@" in name:
            found[name] = Receiver(name, Person(address=name), is_subscribed=False)
    return found


def strange_names(office: Office, rules: Mapping[str, Sequence[str]]) -> list[str]:
    """What in office.toml names a rule that there is not, and which rules name nobody who can be told: one line each.

    Args:
        office: who gets what.
        rules: by name of a rule its own people; rules that are switched off too.
    """
    wishes = [(f"people {person.address}", person.rules) for person in office.people]
    wishes += [(f"services {service.name}", service.rules) for service in office.services]
    wishes += [(f"webhooks {hook.name}", hook.rules) for hook in office.webhooks]
    wishes += [(f"escalation {chain.chain[0]}", chain.rules) for chain in office.escalation]
    found = [f"office.toml: {who}: there is no rule {name!r}" for who, names in wishes for name in names if name not in rules]
    known = receivers(office)
    return found + [
        f"rule {rule}: people: {name!r} is neither a mail address nor the name of a service"
        for rule, own in rules.items()
        for name in own
        if "@" not in name and name not in known
    ]


def quiet_until(person: Subscriber, now: datetime) -> datetime | None:
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
    """Queue what recipients, services and webhooks are to be told, within the caller's transaction; returns how many messages wait newly.

    Each gets at most one message for each state of an alert. In quiet hours, and above a recipient's limit, a state is only noted;
    afterwards what is due is told in one message. An alert of an escalation that nobody answered goes to the next one. An address
    that is none is kept as failed, so that it is seen and holds up nobody.
    """
    queued = 0
    held_for_others = [
        row for row in session.scalars(_held(now)) if (one := _news_of(session, row)) and row.recipient in one.alert.recipients
    ]
    everyone = receivers(office, [*(name for one in news for name in one.alert.recipients), *(row.recipient for row in held_for_others)])
    passed_on = _passed_on(session, news, office, now)
    for receiver in everyone.values():
        mine = [one for one in news if _is_for(session, receiver, one, office, now)] + passed_on.get(receiver.name, [])
        queued += _Telling(session, receiver, office, taxonomy, now, key, names or {}).tell(mine)
    for left in session.scalars(_held(now).where(OutboxMessage.recipient.not_in([name[:320] for name in everyone]))):
        left.status, left.error = "failed", "no longer a recipient (office.toml)"
    for hook in office.webhooks:
        for one in news:
            hook_key = f"{PREFIX}{hook.name}:{one.stem}"[:200]
            wanted = not hook.rules or one.alert.rule in hook.rules
            if wanted and session.get(OutboxMessage, hook_key) is None:
                content = envelope(hook, hook_key, one.alert, one.cause, office, now)
                queued += _put(session, hook_key, hook.name, Composed(hook_key, content), now)
    return queued


def _is_for(session: Session, receiver: Receiver, one: News, office: Office, now: datetime) -> bool:
    alert = one.alert
    chains = _chains(office, alert)
    if any(_active(session, chain, alert, now)[:1] == [receiver.name] for chain in chains):
        return True
    if any(receiver.name in chain.chain for chain in chains):
        return one.cause != "new" and _first_told(session, receiver.key, alert) is not None
    if alert.recipients:
        return receiver.name in alert.recipients
    return receiver.is_subscribed and (not receiver.wishes.rules or alert.rule in receiver.wishes.rules)


def _chains(office: Office, alert: Alert) -> list[Escalation]:
    return [chain for chain in office.escalation if not chain.rules or alert.rule in chain.rules]


def _active(session: Session, chain: Escalation, alert: Alert, now: datetime) -> list[str]:
    """The chain without those who muted the rule: an alert does not wait for somebody who is not told."""
    return [name for name in chain.chain if not is_muted(session, name, alert.rule, alert.series, now)]


def _first_told(session: Session, key: Callable[[str], str], alert: Alert) -> OutboxMessage | None:
    rows = (session.get(OutboxMessage, key(News(alert, cause).stem)) for cause in _TOLD_FIRST)
    return next((row for row in rows if row is not None), None)


def _passed_on(session: Session, news: Sequence[News], office: Office, now: datetime) -> dict[str, list[News]]:
    """By receiver the alerts that the ones before it in an escalation did not answer in time, or whose count has doubled."""
    found: dict[str, list[News]] = {}
    if not office.escalation:
        return found
    known = receivers(office)
    grown = {one.alert.id for one in news if one.cause == "grown"}
    recent = (AlertRecord.state == "open") | (AlertRecord.updated_at > now - 2 * _PASSED_ON_FOR)
    answered = select(AlertAnswer.alert_id)
    for record in session.scalars(select(AlertRecord).where(AlertRecord.mailed > 0, recent, AlertRecord.id.not_in(answered))):
        alert = _alert_of(record)
        for chain in _chains(office, alert):
            active = _active(session, chain, alert, now)
            told = [_first_told(session, known[name].key, alert) for name in active]
            last = max((index for index, row in enumerate(told) if row is not None), default=None)
            if last is None or last + 1 == len(active):
                continue
            row = told[last]
            if row is None or (alert.state == "closed" and (alert.has_expectation or row.created_at <= now - _PASSED_ON_FOR)):
                continue
            waited = row.created_at + timedelta(minutes=chain.after_minutes) <= now
            if waited or row.status == "failed" or alert.id in grown:
                found.setdefault(active[last + 1], []).append(News(alert, "escalated"))
    return found


def _alert_of(record: AlertRecord) -> Alert:
    return Alert.model_validate({**record.alert, "state": record.state})


def limited_until(session: Session, receiver: Receiver, now: datetime) -> datetime | None:
    """When `receiver` may have the next message about alerts, aware UTC; None: now.

    What could not be delivered yet counts too: while one message waits for a server or a mailbox that cannot take it, what comes
    meanwhile is gathered instead of waiting as a heap.
    """
    of_alerts = OutboxMessage.key.like("alert%") | OutboxMessage.key.like(f"{SERVICE}%")
    mine = select(OutboxMessage).where(OutboxMessage.recipient == receiver.name[:320], of_alerts)
    if session.scalars(mine.where(OutboxMessage.status == "waiting", OutboxMessage.attempts > 0).limit(1)).first():
        return now
    gone = OutboxMessage.status.in_(("waiting", "sending", "sent", "unknown"))
    # No attempt is planned before its message is made; said so, the index of due messages serves an outbox of years.
    fresh = OutboxMessage.next_attempt_at > now - _HOUR
    lately = mine.where(gone, fresh, OutboxMessage.created_at > now - _HOUR, OutboxMessage.created_at <= now)
    moments = sorted(row.created_at for row in session.scalars(lately))
    most = receiver.wishes.most_per_hour
    return moments[-most] + _HOUR if len(moments) >= most else None


@dataclass(frozen=True)
class _Telling:
    """One receiver is told within the caller's transaction."""

    session: Session
    receiver: Receiver
    office: Office
    taxonomy: Taxonomy
    now: datetime
    key: bytes
    names: Mapping[str, str]

    @property
    def language(self) -> Language:
        """Of what the receiver reads: a person's own, else the office's."""
        wishes = self.receiver.wishes
        return (wishes.language if isinstance(wishes, Person) else None) or self.office.language

    def tell(self, news: Sequence[News]) -> int:
        """Queue one message about `news` and what was held until now; returns 1, or 0 when nothing is due."""
        quiet = quiet_until(self.receiver.wishes, self.now)
        limited = limited_until(self.session, self.receiver, self.now)
        due: dict[str, News] = {}
        for one in news:
            own_key = self.receiver.key(one.stem)
            if self._is_muted(one) or self.session.get(OutboxMessage, own_key) is not None:
                continue
            passes = one.cause in _URGENT and self.receiver.wishes.escalations
            waits = [moment for moment in (limited, None if passes else quiet) if moment is not None]
            if waits:
                _put(self.session, own_key, self.receiver.name, Composed("", b""), self.now, "held", until=max(waits))
            else:
                due[own_key] = one
        held: dict[str, OutboxMessage] = {}
        if quiet is None and limited is None:
            self.session.flush()
            for row in self.session.scalars(_held(self.now).where(OutboxMessage.recipient == self.receiver.name[:320])):
                one_held = _news_of(self.session, row)
                if one_held is None or self._is_muted(one_held):
                    self.session.delete(row)
                    continue
                held[row.key] = row
                due[row.key] = one_held
        return self._queue(due, held) if due else 0

    def _is_muted(self, one: News) -> bool:
        return is_muted(self.session, self.receiver.name, one.alert.rule, one.alert.series, self.now)

    def _queue(self, due: Mapping[str, News], held: Mapping[str, OutboxMessage]) -> int:
        # Of one alert only the last state is told; the others count as told with it.
        latest: dict[str, str] = {}
        for own_key, one in due.items():
            known = latest.get(one.alert.id)
            if known is None or _WEIGHT[one.cause] >= _WEIGHT[due[known].cause]:
                latest[one.alert.id] = own_key
        chosen = list(latest.values())
        group = f"alerts:{hashlib.sha256(' '.join(sorted(due)).encode()).hexdigest()[:24]}"
        main_key = chosen[0] if len(chosen) == 1 else self.receiver.key(group)
        for row in held.values():
            self.session.delete(row)
        self.session.flush()
        recipient = self.receiver.name
        try:
            message = self._compose([due[own_key] for own_key in chosen], main_key)
        except DeliveryError as error:
            for own_key in due:
                nothing = Composed(message_id(own_key, self.office.mail.sender)[:200], b"")
                _put(self.session, own_key, recipient, nothing, self.now, "failed", str(error))
            return 0
        for own_key in due:
            if own_key != main_key:
                _put(self.session, own_key, recipient, Composed(message.message_id, b""), self.now, "grouped")
        return _put(self.session, main_key, recipient, message, self.now)

    def _compose(self, told: Sequence[News], main_key: str) -> Composed:
        tokens = [write_token(self.key, ticket_for(one.alert, self.receiver.name, self.now)) for one in told]
        states = [(one.alert, one.cause, token) for one, token in zip(told, tokens, strict=True)]
        if self.receiver.service is not None:
            content = service_message(self.receiver.service, states, self.office, self.taxonomy, self.names, self._next_step(told))
            return Composed(main_key, content)
        if len(told) > 1:
            return compose_group(
                states,
                self.office,
                self.taxonomy,
                self.receiver.name,
                main_key,
                self.now,
                names=self.names,
                next_step=self._next_step(told),
                language=self.language,
            )
        [one] = told
        first = None if one.cause in _TOLD_FIRST else _first_told(self.session, self.receiver.key, one.alert)
        return compose_alert(
            one.alert,
            self.office,
            self.taxonomy,
            self.receiver.name,
            main_key,
            self.now,
            cause=one.cause,
            reply_to=(first.message_id or None) if first is not None else None,
            names=self.names,
            token=tokens[0],
            next_step=self._next_step(told),
            language=self.language,
        )

    def _next_step(self, told: Sequence[News]) -> str:
        """What happens when the receiver does not answer; empty: nothing."""
        for one in told:
            for chain in _chains(self.office, one.alert):
                active = _active(self.session, chain, one.alert, self.now)
                if one.cause != "ended" and self.receiver.name in active[:-1]:
                    return AlertLabels(self.language)("next", minutes=chain.after_minutes)
        return ""


def _held(now: datetime) -> Select[tuple[OutboxMessage]]:
    return (
        select(OutboxMessage)
        .where(OutboxMessage.status == "held", OutboxMessage.next_attempt_at <= now)
        .order_by(OutboxMessage.created_at, OutboxMessage.key)
    )


def _news_of(session: Session, row: OutboxMessage) -> News | None:
    """What a held row stands for, with the alert as it is now; None when the log has no such alert any more."""
    _, alert_id, cause, *_ = row.key.removeprefix(f"{SERVICE}{row.recipient}:").split(":")
    record = session.get(AlertRecord, alert_id)
    if record is None or cause not in _WEIGHT:
        return None
    return News(_alert_of(record), cause)


def _put(
    session: Session,
    key: str,
    recipient: str,
    mail: Composed,
    now: datetime,
    status: str = "waiting",
    error: str | None = None,
    until: datetime | None = None,
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
            next_attempt_at=until or now,
            error=error,
        )
    )
    return int(status == "waiting")
