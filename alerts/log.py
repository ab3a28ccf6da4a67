"""The alert log: each alert once, growing and ending in place, with its mails queued in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.mail import Cause, compose_alert, message_id
from diembao.alert import Alert
from diembao.errors import DeliveryError
from diembao.settings import Office
from diembao.state import AlertRecord, OutboxMessage, State
from diembao.taxonomy import Taxonomy

SAME = timedelta(hours=24)
"""An alert of the same series that begins less than this apart from a logged one is that one: late articles move its beginning."""
FRESH = timedelta(hours=12)
"""An alert that was over for longer than this when it was first seen is logged without a mail."""


def record(
    state: State, alerts: Sequence[Alert], office: Office, taxonomy: Taxonomy, now: datetime, names: Mapping[str, str] | None = None
) -> int:
    """Write `alerts` into the log and queue their mails, in one transaction.

    A new alert is mailed; one that is known is brought up to date, and mailed again when it has doubled since the last mail or
    has ended. An open alert of the log that is missing in `alerts` has ended too, if its rule would have reported it.

    Args:
        state: the database.
        alerts: what `alerts.evaluation.evaluate` found.
        office: who gets mail.
        taxonomy: names for the mails.
        now: aware UTC.
        names: names of the sources by id.

    Returns:
        How many messages were queued.

    Raises:
        StateError: when the database fails; then nothing was written.
    """
    with state.session() as session:
        queued = 0
        handled: set[str] = set()
        for alert in sorted(alerts, key=lambda one: one.window_start):
            known = _find(session, alert, handled)
            current = alert if known is None else alert.model_copy(update={"id": known.id})
            handled.add(current.id)
            cause = _cause(known, current, now)
            if known is None:
                known = AlertRecord(
                    id=current.id, rule=current.rule, series=current.series, state=current.state, started_at=current.window_start,
                    updated_at=now, ended_at=None, mailed=0, alert={},
                )  # fmt: skip
                session.add(known)
            _bring_up_to_date(known, current, now)
            if cause:
                queued += _queue(session, known, current, cause, office, taxonomy, now, names)
        for left in session.scalars(select(AlertRecord).where(AlertRecord.state == "open")):
            if left.id not in handled:
                last = Alert.model_validate(left.alert).model_copy(update={"state": "closed", "evaluated_at": now})
                _bring_up_to_date(left, last, now)
                if left.mailed:
                    queued += _queue(session, left, last, "ended", office, taxonomy, now, names)
        return queued


def _find(session: Session, alert: Alert, handled: set[str]) -> AlertRecord | None:
    """The log's record of `alert`: by its id, or by a beginning of the same series nearby."""
    known = session.get(AlertRecord, alert.id)
    if known is not None:
        return known
    near = select(AlertRecord).where(
        AlertRecord.rule == alert.rule,
        AlertRecord.series == alert.series,
        AlertRecord.started_at > alert.window_start - SAME,
        AlertRecord.started_at < alert.window_start + SAME,
    )
    return next((one for one in session.scalars(near.order_by(AlertRecord.started_at)) if one.id not in handled), None)


def _cause(known: AlertRecord | None, alert: Alert, now: datetime) -> Cause | None:
    if known is None:
        return "new" if alert.state == "open" or now - alert.window_end <= FRESH else None
    if known.state == "open" and alert.state == "closed":
        return "ended" if known.mailed else None
    if alert.state == "open" and known.mailed and alert.observed >= 2 * known.mailed:
        return "grown"
    return None


def _bring_up_to_date(known: AlertRecord, alert: Alert, now: datetime) -> None:
    known.state = alert.state
    known.updated_at = now
    known.ended_at = (known.ended_at or alert.window_end) if alert.state == "closed" else None
    known.alert = alert.model_dump(mode="json")


def _queue(
    session: Session,
    known: AlertRecord,
    alert: Alert,
    cause: Cause,
    office: Office,
    taxonomy: Taxonomy,
    now: datetime,
    names: Mapping[str, str] | None,
) -> int:
    """One message per recipient; an address that is none is kept as failed, so that it is seen and holds up nobody."""
    queued = 0
    first = f"alert:{alert.id}:new"
    stem = first if cause == "new" else f"alert:{alert.id}:{cause}:{alert.observed}" if cause == "grown" else f"alert:{alert.id}:ended"
    for recipient in dict.fromkeys(office.mail.recipients):
        key = f"{stem}:{recipient}"[:200]
        if session.get(OutboxMessage, key) is not None:
            continue
        try:
            reply_to = None if cause == "new" else f"{first}:{recipient}"[:200]
            mail = compose_alert(alert, office, taxonomy, recipient, key, now, cause=cause, reply_to=reply_to, names=names)
        except DeliveryError as error:
            failed = {"message_id": message_id(key, office.mail.sender)[:200], "message": b"", "status": "failed", "error": str(error)}
            session.add(OutboxMessage(key=key, recipient=recipient[:320], created_at=now, next_attempt_at=now, attempts=0, **failed))
            continue
        session.add(
            OutboxMessage(
                key=key, recipient=recipient, message_id=mail.message_id, message=mail.content, created_at=now, next_attempt_at=now
            )
        )
        queued += 1
    known.mailed = alert.observed
    return queued
