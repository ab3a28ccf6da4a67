"""The flow `partition`: one part of the sources crawled, tagged and indexed by whichever Prefect worker takes it up.

Where one machine is too small, the sources are in N parts, by site, and each part is a deployment in the work pool POOL. Prefect's server
says when a part is due, and gives it to a worker that is free; a lease in the shared database keeps two workers from the same part, and
from indexing the same run. A worker that is killed holds nothing for longer than a minute: the next turn of its part goes to another.
Alerts, mails and everything else stay with `diembao schedule`, once.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectAlreadyExists
from prefect.runtime import flow_run
from prefect.schedules import Interval
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from diembao.clock import utc_now
from diembao.errors import UsageError
from diembao.settings import read_settings
from diembao.state import Progress, State
from flows import leases
from flows.monitor import run_round, told
from flows.running import among_others, is_scheduled, tell_why
from flows.stages import AlertsReport

POOL = "diembao"
"""Name of the work pool; of Prefect's type `process`."""
_TAG = "diembao-partition"


@flow(name="partition", description="crawl → tag → link → index, one part of the sources", on_failure=[tell_why], on_crashed=[tell_why])
def partition(part: str) -> dict[str, Any]:
    """One round over one part of the sources.

    Args:
        part: such as "1/4".

    Returns:
        As `monitor`, without alerts; `left_out` says why nothing was done, when nothing was.

    Raises:
        DiembaoError: when a stage failed also after its retries.
    """
    settings, now = read_settings(), utc_now()
    state = State(settings.database)
    try:
        held = leases.take(state, f"partition:{part}")
        if held is None:
            return _nothing(f"another worker is busy with {part}")
        try:
            if (planned := _planned()) is not None and (begun := _last_begun(state, part)) is not None and begun >= planned:
                return _nothing(f"a later turn of {part} did the work of this one")
            _begins(state, part, now)
            with among_others(settings, "partition"):
                return run_round(settings, state, [], now, part=part, must_end=lambda: held.is_lost)
        finally:
            held.release()
    finally:
        state.close()


def _nothing(why: str) -> dict[str, Any]:
    return told([], [why], AlertsReport([], 0, 0, 0))


def _planned() -> datetime | None:
    """When this run was due; None for one that a command started. Turns pile up while no worker is there; one of them is enough."""
    return flow_run.scheduled_start_time if is_scheduled() else None


def _last_begun(state: State, part: str) -> datetime | None:
    with state.session() as session:
        row = session.get(Progress, f"partition:{part}")
        return None if row is None else row.updated_at


def _begins(state: State, part: str, now: datetime) -> None:
    with state.session() as session:
        session.merge(Progress(work=f"partition:{part}", target="", cursor={}, updated_at=now))


def partitions(every: timedelta, parts: int) -> list[RunnerDeployment]:
    """The deployments of all parts, for workers of POOL.

    Args:
        every: time between two turns of one part.
        parts: how many; two to four times the number of workers shares the work evenly, and it stays when workers come and go.
    """
    return [
        RunnerDeployment.from_flow(
            partition,
            f"{number}-of-{parts}",
            schedule=Interval(every),
            parameters={"part": f"{number}/{parts}"},
            tags=[_TAG],
            work_pool_name=POOL,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for number in range(1, parts + 1)
    ]


def deploy(made: list[RunnerDeployment]) -> None:
    """Tell Prefect's server of these parts, and take away those of another number of parts."""
    with get_client(sync_client=True) as client:
        if made:
            template = ProcessWorker.get_default_base_job_template()
            with suppress(ObjectAlreadyExists):
                client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
        kept = {one.apply() for one in made}
        ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[_TAG]))
        for known in client.read_deployments(deployment_filter=ours):
            if known.id not in kept:
                client.delete_deployment(known.id)


def worker_command(name: str | None, limit: int) -> list[str]:
    """Prefect's own command that takes up parts from POOL, `limit` at a time.

    Raises:
        UsageError: when no Prefect server is named.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError("no Prefect server is named", "Set PREFECT_API_URL, such as http://10.0.0.5:4200/api (docs/scaling.md)")
    command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--limit", str(limit)]
    return [*command, *(["--name", name] if name else [])]
