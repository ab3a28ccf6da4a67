"""The Prefect flow `monitor`: crawl → tag, link and index → alerts. The work itself is in `flows.stages`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from filelock import FileLock, Timeout
from prefect import flow, task
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.objects import State as RunState
from prefect.flows import Flow
from prefect.tasks import Task

from diembao.clock import utc_now
from diembao.errors import ConfigError, DiembaoError, EngineError, EngineUnusableError, UsageError
from diembao.settings import Settings, read_settings
from diembao.state import State
from flows import stages
from index import open_engine
from nlp.tagging import Tagger

_WAIT = 20
"""Seconds: the same lock is held for moments while other work writes the engine (`flows.retagging`)."""


async def worth_a_retry(_task: Task[Any, Any], _run: TaskRun, state: RunState[Any]) -> bool:
    """False where the next try must fail in the same way: a wrong configuration or call, a damaged index."""
    outcome = await state.aresult(raise_on_failure=False)
    return not isinstance(outcome, ConfigError | UsageError | EngineUnusableError)


def tell_why(flow: Flow[..., Any], flow_run: FlowRun, state: RunState[Any]) -> None:
    """One line on stderr for a scheduled run that failed; one that a command started is told by the command."""
    if flow_run.deployment_id is None:
        return
    print(f"{flow.name} {flow_run.name}: {' '.join((state.message or 'failed').split())}", file=sys.stderr, flush=True)  # noqa: T201


@task(name="crawl", retries=2, retry_delay_seconds=[5, 30], retry_condition_fn=worth_a_retry)
def crawl(settings: Settings, sources: list[str]) -> str:
    """One crawl in a process of its own; the id of its run, by the real time also where the round's moment stands still."""
    return stages.crawl(settings, sources, utc_now())


@task(name="tag-link-index", retries=3, retry_delay_seconds=[2, 15, 60], retry_condition_fn=worth_a_retry)
def index_runs(settings: Settings, now: datetime) -> list[stages.IndexedRun]:
    """Tag, link and index every run that waits: this one, what earlier ones left behind, and what is in quarantine."""
    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.maintain()
        waiting, quarantined = stages.waiting_runs(settings, state, now), stages.quarantined_runs(settings)
        if not waiting and not quarantined:
            return []
        tagger = Tagger.of(settings)
        for run in quarantined:
            stages.retry_quarantine(settings, state, engine, tagger, run)
        return [stages.index_run(settings, state, engine, tagger, run, now) for run in waiting]
    finally:
        engine.close()
        state.close()


@task(name="alerts", retries=2, retry_delay_seconds=[2, 15], retry_condition_fn=worth_a_retry)
def alert(settings: Settings, now: datetime) -> stages.AlertsReport:
    """Evaluate the rules, log alerts, send mail."""
    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.prepare()
        return stages.alert(settings, state, engine, now)
    finally:
        engine.close()
        state.close()


@flow(name="monitor", description="crawl → tag → link → index → alerts", on_failure=[tell_why])
def monitor(sources: list[str] | None = None, at: datetime | None = None) -> dict[str, Any]:
    """One round over the chosen sources (default: every enabled one).

    Settings come from the environment, as for every command. A crawl that fails does not keep what earlier crawls left from
    being indexed, nor alerts from being evaluated; the flow then fails at its end, with the crawl's line.

    Args:
        sources: ids of sources.
        at: the moment of the round, aware; default: now. The demo's press day stands still.

    Returns:
        `{"fates", "revised", "quarantined", "problems", "alerts", "queued", "sent", "waiting"}`.

    Raises:
        DiembaoError: when a stage failed also after its retries, or another round is still going on.
    """
    settings, now = read_settings(), at or utc_now()
    try:
        with FileLock(settings.home / "monitor.lock", timeout=_WAIT):
            State(settings.database).close()  # every stage needs it: a damaged one fails now, not after the retries of each
            return _round(settings, sources or [], now)
    except Timeout as error:
        raise DiembaoError("another round of monitor is still going on", "Wait until it has ended") from error


def _round(settings: Settings, sources: list[str], now: datetime) -> dict[str, Any]:
    crawled = crawl(settings, sources, return_state=True)
    try:
        runs = index_runs(settings, now)
    except EngineError as error:
        raise type(error)(f"{error.message}; {_waiting(settings, now)}", error.hint) from error
    alerts = alert(settings, now)
    crawled.result(raise_on_failure=True)
    return {
        "fates": stages.total_fates(runs),
        "revised": sum(run.revised for run in runs),
        "quarantined": sum(run.quarantined for run in runs),
        "problems": [problem for run in runs for problem in run.problems],
        **asdict(alerts),
    }


def _waiting(settings: Settings, now: datetime) -> stages.Backlog:
    state = State(settings.database)
    try:
        return stages.backlog(settings, state, now)
    finally:
        state.close()
