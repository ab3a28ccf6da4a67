"""Every scheduled flow, served by one process: `diembao schedule`."""

from __future__ import annotations

from datetime import timedelta

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval

from flows.briefing import morning_briefing
from flows.monitor import monitor

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
"""A round that is due while the last one is going on is left out, not queued: the next one does its work."""


def deployments(every: timedelta) -> list[RunnerDeployment]:
    """The deployments: `monitor` every so often, the morning briefing at 06:30 Vietnam time."""
    return [
        monitor.to_deployment("monitor", schedule=Interval(every), concurrency_limit=ONE_AT_A_TIME),
        morning_briefing.to_deployment("digest", schedule=Cron("30 6 * * *", timezone="Asia/Ho_Chi_Minh"), concurrency_limit=ONE_AT_A_TIME),
    ]


def serve_all(every: timedelta) -> None:
    """Serve the deployments until interrupted."""
    serve(*deployments(every))


def serve_monitor(every: timedelta, sources: list[str]) -> None:
    """Serve only `monitor`, for the chosen sources, until interrupted."""
    serve(
        monitor.to_deployment("monitor", schedule=Interval(every), concurrency_limit=ONE_AT_A_TIME, parameters={"sources": sources or None})
    )
