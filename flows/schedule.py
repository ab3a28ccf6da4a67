"""Every scheduled flow, served by one process: `diembao schedule`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.briefing import morning_briefing
from flows.monitor import monitor
from flows.retag import retag

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
"""A round that is due while the last one is going on is left out, not queued: the next one does its work."""


def deployments(every: timedelta) -> list[RunnerDeployment]:
    """The deployments: `monitor` every so often, and by Vietnam's clock the morning briefing at 06:30 and `retag` at 01:00."""
    return [
        deployment(monitor, "monitor", Interval(every)),
        deployment(morning_briefing, "digest", Cron("30 6 * * *", timezone="Asia/Ho_Chi_Minh")),
        deployment(retag, "retag", Cron("0 1 * * *", timezone="Asia/Ho_Chi_Minh")),
    ]


def schedule_in_words(made: RunnerDeployment) -> str:
    """When a deployment runs: "every 300 s", or its cron line with the time zone."""
    schedule = made.schedules[0].schedule if made.schedules else None
    if isinstance(schedule, IntervalSchedule):
        return f"every {schedule.interval.total_seconds():.0f} s"
    return f"{schedule.cron} ({schedule.timezone})" if isinstance(schedule, CronSchedule) else "when asked"


def deployment(flow: Flow[..., Any], name: str, schedule: Schedule, parameters: dict[str, Any] | None = None) -> RunnerDeployment:
    """A deployment of `flow` that never runs twice at a time."""
    made = flow.to_deployment(
        name, schedule=schedule, concurrency_limit=ONE_AT_A_TIME, parameters=parameters, entrypoint_type=EntrypointType.MODULE_PATH
    )
    return cast(RunnerDeployment, made)  # a coroutine only inside an event loop


def serve_all(every: timedelta) -> None:
    """Serve the deployments until interrupted."""
    serve(*deployments(every), print_starting_message=False)


def serve_monitor(every: timedelta, sources: list[str]) -> None:
    """Serve only `monitor`, for the chosen sources, until interrupted."""
    serve(deployment(monitor, "monitor", Interval(every), {"sources": sources or None}), print_starting_message=False)
