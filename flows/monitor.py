"""The Prefect flow `monitor`: crawl → tag, link and index → alerts. The work itself is in `flows.stages`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture

from diembao.clock import utc_now
from diembao.errors import DiembaoError, EngineError
from diembao.settings import Settings, read_settings
from diembao.state import State
from flows import backoff, stages
from flows.running import alone, is_scheduled, opened, show, tell_why, worth_a_retry
from index import open_engine
from nlp.tagging import Tagger

Done = TypeVar("Done")


FOLLOW_SECONDS = 5.0
"""Between two looks at what a crawl at work has written: each write makes searching processes read anew what changed."""


@task(name="crawl", retries=2, retry_delay_seconds=[5, 30], retry_condition_fn=worth_a_retry, cache_policy=NO_CACHE)
def crawl(
    settings: Settings,
    sources: list[str],
    following: stages.Following,
    part: str | None = None,
    must_end: Callable[[], bool] = lambda: False,
) -> str:
    """One crawl in a process of its own; the id of its run, by the real time also where the round's moment stands still."""
    return stages.crawl(settings, sources, utc_now(), part, following.begins, must_end)


@task(name="tag-link-index", retries=3, retry_delay_seconds=[2, 15, 60], retry_condition_fn=worth_a_retry, cache_policy=NO_CACHE)
def index_runs(
    settings: Settings, now: datetime, following: stages.Following, wait: Callable[[float], bool] = lambda _: True
) -> list[stages.IndexedRun]:
    """Tag, link and index every run that waits: what earlier ones left behind, what is in quarantine, and what is being crawled.

    Args:
        settings: of the installation.
        now: the moment of the round.
        following: indexes what the crawl of this round writes.
        wait: waits so many seconds at most for the end of that crawl and tells whether it has ended.
    """
    state, engine = State(settings.database), open_engine(settings)
    tagger = Tagger.of(settings)

    def index_waiting() -> list[stages.IndexedRun]:
        done = []
        for run in stages.waiting_runs(settings, state, now):
            # Another worker with this home may just have indexed it.
            if following.is_ours(run) and not stages.is_indexed(state, run):
                done.append(stages.index_run(settings, state, engine, tagger, run, now, following.take(run)))
            following.done(run)
        return done

    try:
        engine.maintain()
        for run in stages.quarantined_runs(settings):
            if following.is_ours(run):
                stages.retry_quarantine(settings, state, engine, tagger, run)
            following.done(run)
        done = index_waiting()
        while not wait(FOLLOW_SECONDS):
            following.advance(state, engine, tagger)
        return done + index_waiting()
    finally:
        engine.close()
        state.close()


@task(name="alerts", retries=2, retry_delay_seconds=[2, 15], retry_condition_fn=worth_a_retry)
def alert(settings: Settings, now: datetime) -> stages.AlertsReport:
    """Evaluate the rules, log alerts, send mail."""
    with opened(settings) as (state, engine):
        return stages.alert(settings, state, engine, now)


@flow(name="monitor", description="crawl → tag → link → index → alerts", on_failure=[tell_why], on_crashed=[tell_why])
def monitor(sources: list[str] | None = None, at: datetime | None = None, crawls: bool = True) -> dict[str, Any]:
    """One round over the chosen sources (default: every enabled one).

    Settings come from the environment, as for every command. A crawl that fails does not keep what earlier crawls left from
    being indexed, nor alerts from being evaluated; the flow then fails at its end, with the crawl's line.

    A part of a scheduled round that fails again and again is left out for a while (`flows.backoff`); what a command starts is always
    tried.

    Args:
        sources: ids of sources.
        at: the moment of the round, aware; default: now. The demo's press day stands still.
        crawls: False where other workers crawl and index (`flows.partition`): what waits here is indexed, and alerts are evaluated.

    Returns:
        `{"fates", "revised", "quarantined", "problems", "left_out", "alerts", "queued", "sent", "waiting"}`.

    Raises:
        DiembaoError: when a stage failed also after its retries, or another round is still going on.
    """
    settings, now = read_settings(), at or utc_now()
    with alone(settings, "monitor"):  # the same lock is held for moments while other work writes the engine (`flows.retagging`)
        state = State(settings.database)  # every stage needs it: a damaged one fails now, not after the retries of each
        try:
            return run_round(settings, state, sources or [], now, crawls=crawls)
        finally:
            state.close()


def _has_ended(crawling: PrefectFuture[str] | None, seconds: float) -> bool:
    """Wait for `seconds` at most; whether the crawl has ended, well or not."""
    try:
        if crawling is not None:
            crawling.result(timeout=seconds, raise_on_failure=False)
    except TimeoutError:
        return False
    return True


def run_round(
    settings: Settings,
    state: State,
    sources: list[str],
    now: datetime,
    *,
    crawls: bool = True,
    part: str | None = None,
    must_end: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """What `monitor` does, for all sources, or without alerts for a part of them.

    Args:
        settings: of the installation.
        state: its database.
        sources: ids; none: every enabled one.
        now: the moment of the round.
        crawls: whether anything is fetched.
        part: only this part of the sources; alerts are left to `monitor`.
        must_end: whether the crawl has to be interrupted.

    Returns:
        As `monitor`.

    Raises:
        DiembaoError: as `monitor`.
    """
    following = stages.Following(settings, state)
    try:
        return _parts(settings, state, sources, now, following, crawls=crawls, part_of_sources=part, must_end=must_end)
    finally:
        following.close()


def _parts(
    settings: Settings,
    state: State,
    sources: list[str],
    now: datetime,
    following: stages.Following,
    *,
    crawls: bool,
    part_of_sources: str | None,
    must_end: Callable[[], bool],
) -> dict[str, Any]:
    is_patient = is_scheduled()
    left_out: list[str] = []
    problems: list[DiembaoError] = []

    def is_left_out(name: str) -> bool:
        wait = backoff.waiting(state, name, now) if is_patient else None
        if wait:
            left_out.append(str(wait))
        return wait is not None

    def part(name: str, work: Callable[[], Done], instead: Done) -> Done:
        """What `work` gives; `instead`, when it failed. Whatever fails keeps the other parts from nothing."""
        try:
            done = work()
        except DiembaoError as error:
            backoff.failed(state, name, now, error)
            if isinstance(error, EngineError):
                error = type(error)(f"{error.message}; {stages.backlog(settings, state, now)}", error.hint)
            problems.append(error)
            return instead
        backoff.worked(state, name)
        return done

    crawl_name = "crawl" if part_of_sources is None else f"crawl {part_of_sources}"
    crawling = None
    if crawls and not is_left_out(crawl_name):
        crawling = crawl.submit(settings, sources, following, part_of_sources, must_end)
    runs: list[stages.IndexedRun] = []
    if not is_left_out("index"):
        runs = part("index", lambda: index_runs(settings, now, following, partial(_has_ended, crawling)), runs)
    if crawling is not None:
        part(crawl_name, crawling.result, "")
    if trouble := next((problem for problem in problems if isinstance(problem, EngineError)), None):
        raise trouble  # alerts would ask the same engine
    alerts = stages.AlertsReport([], 0, 0, 0)
    if part_of_sources is None and not is_left_out("alerts"):
        alerts = part("alerts", lambda: alert(settings, now), alerts)
    fates = stages.total_fates(runs)
    kept = f"{fates['fetched']} pages, {fates['indexed']} indexed, {len(alerts.alerts)} alerts, {alerts.waiting} mails wait"
    show(
        "monitor" if part_of_sources is None else "partition",
        "; ".join([kept, *left_out, *(f"failed: {problem.message}" for problem in problems)]),
    )
    if problems:
        raise problems[0]
    return told(runs, left_out, alerts)


def told(runs: list[stages.IndexedRun], left_out: list[str], alerts: stages.AlertsReport) -> dict[str, Any]:
    """What a round gives to who started it."""
    return {
        "fates": stages.total_fates(runs),
        "revised": sum(run.revised for run in runs),
        "quarantined": sum(run.quarantined for run in runs),
        "problems": [problem for run in runs for problem in run.problems],
        "left_out": left_out,
        **asdict(alerts),
    }
