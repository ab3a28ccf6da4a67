"""Every scheduled flow, served by one process: `diembao schedule`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect import Flow, serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, StateType
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from diembao.settings import Office
from flows.briefing import briefing_draft, morning_briefing
from flows.catch_up import REPORT_TIMES, catch_up
from flows.erasing import retention
from flows.monitor import monitor
from flows.partition import deploy, partitions
from flows.report import monthly_report, weekly_report
from flows.retag import retag
from flows.retrain import retrain
from flows.saved_digest import saved_digest
from flows.source_health import source_health

CATCH_UP = timedelta(minutes=15)
SAVED_DIGEST = timedelta(minutes=5)
"""How late the mail of a saved search may be."""
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
"""A round that is due while the last one is going on is left out, not queued: the next one does its work."""


_ZONE = "Asia/Ho_Chi_Minh"


def deployments(every: timedelta, office: Office, crawls: bool = True) -> list[RunnerDeployment]:
    """The deployments: `monitor` every so often, the others by Vietnam's clock; `catch-up` looks for what was missed.

    Args:
        every: time between two rounds of `monitor`.
        office: has the times of the briefing.
        crawls: False where workers crawl (`flows.partition`).
    """
    times = office.briefing
    days = ",".join(str(day % 7) for day in times.days) if len(times.days) < 7 else "*"  # cron's Sunday is 0
    return [
        deployment(monitor, "monitor", Interval(every), {"crawls": crawls}),
        deployment(briefing_draft, "digest-draft", _daily(times.draft_at, days)),
        deployment(morning_briefing, "digest", _daily(times.at, days)),
        deployment(weekly_report, "weekly-report", _daily(f"{REPORT_TIMES['weekly']:%H:%M}", "1")),
        deployment(monthly_report, "monthly-report", _daily(f"{REPORT_TIMES['monthly']:%H:%M}", "*", "1")),
        deployment(source_health, "source-health", Cron("25 * * * *", timezone=_ZONE)),
        deployment(retrain, "retrain", _daily("02:00", "0")),
        deployment(retag, "retag", _daily("01:00", "*")),
        deployment(retention, "retention", _daily("03:30", "*")),
        deployment(saved_digest, "saved-digest", Interval(SAVED_DIGEST)),
        deployment(catch_up, "catch-up", Interval(CATCH_UP)),
    ]


def _daily(at: str, weekdays: str, day_of_month: str = "*") -> Schedule:
    hour, minute = at.split(":")
    return Cron(f"{int(minute)} {int(hour)} {day_of_month} * {weekdays}", timezone=_ZONE)


def schedule_in_words(made: RunnerDeployment) -> str:
    """When a deployment runs: "every 300 s", or its cron line with the time zone."""
    schedule = made.schedules[0].schedule if made.schedules else None
    if isinstance(schedule, IntervalSchedule):
        return f"every {schedule.interval.total_seconds():.0f} s"
    return f"{schedule.cron} ({schedule.timezone})" if isinstance(schedule, CronSchedule) else "when asked"


def deployment(flow: Flow[..., Any], name: str, schedule: Schedule, parameters: dict[str, Any] | None = None) -> RunnerDeployment:
    """A deployment of `flow` that never runs twice at a time."""
    return RunnerDeployment.from_flow(
        flow, name, schedule=schedule, concurrency_limit=ONE_AT_A_TIME, parameters=parameters, entrypoint_type=EntrypointType.MODULE_PATH
    )


def serve_all(every: timedelta, office: Office, parts: int = 0) -> None:
    """Serve the deployments until interrupted.

    Args:
        every: time between two rounds.
        office: has the times of the briefing.
        parts: into how many parts the sources are divided for workers; 0: they are crawled here.
    """
    made = deployments(every, office, crawls=not parts)
    deploy(partitions(every, parts))
    close_dead_runs([one.name for one in made])
    serve(*made, print_starting_message=False)


def serve_monitor(every: timedelta, sources: list[str]) -> None:
    """Serve only `monitor`, for the chosen sources, until interrupted."""
    close_dead_runs(["monitor"])
    serve(deployment(monitor, "monitor", Interval(every), {"sources": sources or None}), print_starting_message=False)


def close_dead_runs(names: list[str]) -> int:
    """Mark as crashed what a process that was killed left as pending or running; returns how many runs.

    Only one process serves these deployments, so whatever is going on when it starts is dead. Without this such a run would hold its
    deployment's only slot for good: the server keeps who holds it in memory, and a new one does not know when to let go.
    """
    going_on = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[
        StateType.PENDING, StateType.RUNNING, StateType.CANCELLING,
    ])))  # fmt: skip
    ours = DeploymentFilter(name=DeploymentFilterName(any_=names))
    with get_client(sync_client=True) as client:
        dead = client.read_flow_runs(deployment_filter=ours, flow_run_filter=going_on)
        for run in dead:
            client.set_flow_run_state(run.id, Crashed(message="the process that ran it ended before it did"), force=True)
    return len(dead)
