"""Reading the alert log of the state."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import func, select

from alerts.feed import Entry
from diembao.alert import Alert
from diembao.state import AlertAnswer, AlertRecord, State
from web.searching.addresses import SearchAddress
from web.searching.chart import local_time

_log = logging.getLogger(__name__)
MOST_ALERTS = 200


def open_alerts(state: State, limit: int = 3) -> list[Alert]:
    """The open alerts, newest first. Raises StateError."""
    query = select(AlertRecord).where(AlertRecord.state == "open").order_by(AlertRecord.started_at.desc(), AlertRecord.id).limit(limit)
    with state.session() as session:
        return list(_readable(session.scalars(query)))


def all_alerts(state: State, limit: int = MOST_ALERTS) -> list[Alert]:
    """The alerts of the log: open ones first, then newest first. Raises StateError."""
    query = select(AlertRecord).order_by((AlertRecord.state == "open").desc(), AlertRecord.started_at.desc(), AlertRecord.id).limit(limit)
    with state.session() as session:
        return list(_readable(session.scalars(query)))


def find_alert(state: State, alert_id: str) -> Alert | None:
    """The alert with this id, or None. Raises StateError."""
    with state.session() as session:
        record = session.get(AlertRecord, alert_id)
        return next(iter(_readable([record])), None) if record else None


def answer_to(state: State, alert_id: str) -> tuple[str, datetime] | None:
    """Who answered the alert first, and when (aware UTC); None: nobody so far. Raises StateError."""
    with state.session() as session:
        answer = session.get(AlertAnswer, alert_id)
        return (answer.recipient, answer.answered_at) if answer else None


def feed_entries(state: State, limit: int = 50) -> list[Entry]:
    """The alerts that began or ended last, newest first, for the feed. Raises StateError."""
    when = func.coalesce(AlertRecord.ended_at, AlertRecord.started_at)
    with state.session() as session:
        records = list(session.scalars(select(AlertRecord).order_by(when.desc(), AlertRecord.id).limit(limit)))
        return [Entry(alert, record.ended_at or record.started_at) for record in records for alert in _readable([record])]


def search_of(alert: Alert) -> SearchAddress:
    """The search that shows the articles of the alert's window."""
    return SearchAddress(q=alert.query, from_=local_time(alert.window_start), to=local_time(alert.window_end), sort="time")


def _readable(records: Iterable[AlertRecord]) -> Iterable[Alert]:
    for record in records:
        try:
            # The log's own state is newer than the one inside the alert.
            yield Alert.model_validate({**record.alert, "state": record.state})
        except ValidationError as error:
            _log.warning("alert %s cannot be read: %s", record.id, error.errors()[0]["msg"])
