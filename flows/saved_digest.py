"""The Prefect flow `saved-digest`: each saved search mails what it newly found, at the time its owner chose."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from alerts.outbox import send_due
from alerts.saved import queue_digests
from diembao.clock import utc_now
from diembao.engine import SearchEngine
from diembao.settings import Settings, read_settings
from diembao.source import source_names
from diembao.state import State
from flows.running import alone, opened, show, tell_why


@flow(
    name="saved-digest",
    description="thư của tìm kiếm đã lưu",
    retries=1,
    retry_delay_seconds=60,
    on_failure=[tell_why],
    on_crashed=[tell_why],
)
def saved_digest(at: datetime | None = None) -> dict[str, Any]:
    """Mail what is due; looking again tells nothing twice.

    Args:
        at: the moment, aware; default: now.

    Returns:
        `{"due", "queued", "sent", "waiting", "problems"}`.
    """
    settings, now = read_settings(), at or utc_now()
    with alone(settings, "saved-digest"), opened(settings) as (state, engine):
        done = mail_saved_searches(settings, state, engine, now)
    told = f"{done['due']} saved searches due, {done['queued']} mails new, {done['sent']} sent, {done['waiting']} wait"
    show("saved-digest", "; ".join([told, *done["problems"]]))
    return done


def mail_saved_searches(settings: Settings, state: State, engine: SearchEngine, now: datetime) -> dict[str, Any]:
    """The same without Prefect: queue what is due, hand it to the mail server. A search that cannot be asked is a line in `problems`.

    Raises:
        DeliveryError: when the mail server fails; the mails wait in the outbox.
        StateError, EngineError: when database or engine fails.
    """
    found = queue_digests(state, engine, settings.office, source_names(settings.sources_folder), now)
    report = send_due(state, settings.office.mail, now)
    report.raise_problems()
    return {"due": found.due, "queued": found.queued, "sent": report.sent, "waiting": report.waiting, "problems": list(found.problems)}
