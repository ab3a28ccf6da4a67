"""The alert log: each alert once, growing and ending in place, with its mails queued in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.delivery import News, queue
from alerts.grading import signing_key
from alerts.mail import Cause
from diembao.alert import Alert
from diembao.settings import Office
from diembao.state import AlertRecord, State
from diembao.taxonomy import Taxonomy

SAME = timedelta(hours=24)
"""An alert of the same series that begins less than this apart from a logged one is that one: late articles move its beginning."""
FRESH = timedelta(hours=12)
"""An alert that was over for longer than this when it was first seen is logged without a mail."""


def record(
    state: State,
    alerts: Sequence[Alert],
    office: Office,
    taxonomy: Taxonomy,
    now: datetime,
    names: Mapping[str, str] | None = None,
    unevaluated: Collection[str] = (),
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
        unevaluated: names of rules that could not be evaluated; their open alerts stay open.

    Returns:
        How many messages to people and programs were queued.

    Raises:
        StateError: when the database fails; then nothing was written.
    """
    key = signing_key(state)
    with state.session() as session:
        news: list[News] = []
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
                news.append(News(current, cause))
                known.mailed = max(current.observed, 1)
        for left in session.scalars(select(AlertRecord).where(AlertRecord.state == "open")):
            if left.id not in handled and left.rule not in unevaluated:
                last = Alert.model_validate(left.alert).model_copy(update={"state": "closed", "evaluated_at": now})
                _bring_up_to_date(left, last, now)
                if left.mailed:
                    news.append(News(last, "ended"))
        session.flush()
        return queue(session, news, office, taxonomy, now, key, names)


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
