"""What every flow does alike: open what it works with, one at a time, and say in one line why it failed."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.objects import State as RunState
from prefect.flows import Flow
from prefect.runtime import deployment
from prefect.tasks import Task

from diembao.engine import SearchEngine
from diembao.errors import ConfigError, DiembaoError, EngineUnusableError, UsageError
from diembao.settings import Settings
from diembao.state import State
from index import open_engine


async def worth_a_retry(_task: Task[Any, Any], _run: TaskRun, state: RunState[Any]) -> bool:
    """False where the next try must fail in the same way: a wrong configuration or call, a damaged index."""
    outcome = await state.aresult(raise_on_failure=False)
    return not isinstance(outcome, ConfigError | UsageError | EngineUnusableError)


def tell_why(flow: Flow[..., Any], flow_run: FlowRun, state: RunState[Any]) -> None:
    """One line on stderr for a scheduled run that failed or was killed; one that a command started is told by the command."""
    if flow_run.deployment_id is None:
        return
    print(f"{flow.name} {flow_run.name}: {' '.join((state.message or 'failed').split())}", file=sys.stderr, flush=True)  # noqa: T201


def is_scheduled() -> bool:
    """Whether this run was started by a schedule (or from Prefect's page), not by a command."""
    return bool(deployment.id)


def show(flow: str, line: str) -> None:
    """Show what a scheduled run did on the page "Artifacts" of Prefect, one line under the name of its flow."""
    if is_scheduled():
        create_markdown_artifact(markdown=line, key=flow, description="what the last run did")


@contextmanager
def alone(settings: Settings, what: str, wait_seconds: float = 20.0) -> Iterator[None]:
    """No other run of `what` on this machine goes on while the block runs.

    Raises:
        DiembaoError: when another one still goes on after `wait_seconds`.
    """
    lock = FileLock(settings.home / f"{what}.lock", timeout=wait_seconds)
    try:
        lock.acquire()
    except Timeout as error:
        raise DiembaoError(f"another run of {what} is still going on", "Wait until it has ended") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def among_others(settings: Settings, what: str, wait_seconds: float = 660.0) -> Iterator[None]:
    """Several runs of `what` with this home may go on at a time, but none while somebody holds `none_of` it.

    Raises:
        DiembaoError: when somebody still does after `wait_seconds`.
    """
    with (settings.home / f"{what}s.lock").open("a") as file:
        with alone(settings, "monitor", wait_seconds):  # who waits for the end of all runs keeps further ones from beginning
            fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def none_of(settings: Settings, what: str, wait_seconds: float) -> Iterator[None]:
    """No run of `what` with this home goes on while the block runs; called where `monitor` is held (`alone`).

    Raises:
        DiembaoError: when one still goes on after `wait_seconds`.
    """
    end = time.monotonic() + wait_seconds
    with (settings.home / f"{what}s.lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise DiembaoError(f"a run of {what} is still going on", "Wait until it has ended") from error
                time.sleep(0.2)
        yield


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[State, SearchEngine]]:
    """The state and the engine, prepared, while the block runs."""
    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.prepare()
        yield state, engine
    finally:
        engine.close()
        state.close()
