"""The Prefect flow `digest`: the morning briefing is written and sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from diembao.clock import utc_now
from diembao.settings import read_settings
from diembao.state import State
from flows import stages
from index import open_engine


@flow(name="digest", description="điểm báo buổi sáng", retries=2, retry_delay_seconds=60)
def morning_briefing(at: datetime | None = None) -> dict[str, Any]:
    """Write the briefing of the last day and send it to the office's recipients; the second time on a day sends nothing.

    Args:
        at: the moment of the briefing, aware; default: now.

    Returns:
        `{"queued", "sent", "waiting"}`, counts of mails.
    """
    settings, now = read_settings(), at or utc_now()
    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.prepare()
        return stages.brief(settings, state, engine, now)
    finally:
        engine.close()
        state.close()
