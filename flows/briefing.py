"""The Prefect flows `digest-draft` and `digest`: the morning briefing is compiled for staff, and sent as they left it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from diembao.clock import utc_now
from diembao.settings import read_settings
from flows import stages
from flows.running import alone, opened, show, tell_why


@flow(
    name="digest-draft",
    description="soạn điểm báo để cán bộ biên tập",
    retries=1,
    retry_delay_seconds=60,
    on_failure=[tell_why],
    on_crashed=[tell_why],
)
def briefing_draft(at: datetime | None = None) -> dict[str, Any]:
    """Compile today's briefing, so that staff can edit it before it goes out. Edits stay.

    Args:
        at: the moment of the briefing, aware; default: now.

    Returns:
        `{"day", "chosen", "kept", "edited"}`.
    """
    settings, now = read_settings(), at or utc_now()
    with alone(settings, "digest"), opened(settings) as (state, engine):
        made = stages.draft(settings, state, engine, now)
    show("digest-draft", f"{made['day']}: {made['chosen']} stories chosen of {made['kept']}")
    return made


@flow(name="digest", description="điểm báo buổi sáng", retries=2, retry_delay_seconds=120, on_failure=[tell_why], on_crashed=[tell_why])
def morning_briefing(at: datetime | None = None) -> dict[str, Any]:
    """Send today's briefing, as staff left it, to everybody who wants it; the second time on a day sends nothing.

    Args:
        at: the moment of the briefing, aware; default: now.

    Returns:
        `{"queued", "sent", "waiting"}`, counts of mails.
    """
    settings, now = read_settings(), at or utc_now()
    with alone(settings, "digest"), opened(settings) as (state, engine):
        done = stages.brief(settings, state, engine, now)
    show("digest", f"{done['queued']} mails new, {done['sent']} sent, {done['waiting']} wait")
    return done
