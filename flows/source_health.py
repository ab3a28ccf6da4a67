"""The Prefect flow `source-health`: who runs the system is told which source is silent or broken, since when, and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from diembao.clock import utc_now
from diembao.settings import read_settings
from diembao.state import State
from flows import stages
from flows.running import alone, show, tell_why


@flow(
    name="source-health",
    description="nguồn im lặng, nguồn hỏng",
    retries=1,
    retry_delay_seconds=300,
    on_failure=[tell_why],
    on_crashed=[tell_why],
)
def source_health(at: datetime | None = None) -> dict[str, Any]:
    """Mail what changed since the last mail; what stays as it is, is told again after a week.

    Args:
        at: the moment, aware; default: now.

    Returns:
        `{"troubles", "new", "over", "queued", "sent", "waiting"}`.
    """
    settings, now = read_settings(), at or utc_now()
    with alone(settings, "source-health"):
        state = State(settings.database)
        try:
            done = stages.source_health(settings, state, now)
        finally:
            state.close()
    show("source-health", "; ".join(done["troubles"]) or "no source is silent or broken")
    return done
