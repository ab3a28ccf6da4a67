"""Let every rule look at the coverage and collect the alerts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from sqlalchemy import select

from alerts.coverage import Collecting, Coverage, Hourly, SourceHealth, oldest_first
from alerts.rule import Rule
from alerts.rules_file import kinds
from diembao.alert import Alert
from diembao.engine import SearchEngine
from diembao.errors import QueryError
from diembao.state import FetchState, Run, State
from diembao.taxonomy import Taxonomy

_AT_ONCE = 4
"""Questions to the engine at a time: a server answers them side by side."""


def evaluate(
    rules: Sequence[Rule],
    engine: SearchEngine,
    now: datetime,
    taxonomy: Taxonomy,
    state: State | None = None,
    problems: dict[str, str] | None = None,
) -> list[Alert]:
    """The alerts of `rules` that are open at `now` or ended recently, in the order of the rules, oldest first.

    Rules that count the same share the counts.

    Args:
        rules: see alerts.rules_file.read_rules.
        engine: read only.
        now: the present moment, aware UTC; articles dated later are left out.
        taxonomy: names of topics and fields.
        state: where the crawler notes how the sources are; without it a broken source cannot be told from a silent one.
        problems: takes by name of a rule why it could not be evaluated; without it such a rule is an error.

    Raises:
        EngineError: when the engine fails.
        QueryError: when a rule's query cannot be understood and `problems` is None; names the rule.
    """
    coverage = Coverage(engine, now, taxonomy, None if state is None else read_collecting(state))
    # Who reads furthest back goes first: what others want of the same series is then a part of it.
    ordered = sorted(rules, key=lambda rule: rule.reach + rule.recent, reverse=True)
    with ThreadPoolExecutor(_AT_ONCE, "alerts") as threads:
        try:
            return _by_threads(rules, ordered, coverage, problems, threads)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _by_threads(
    rules: Sequence[Rule], ordered: Sequence[Rule], coverage: Coverage, problems: dict[str, str] | None, threads: ThreadPoolExecutor
) -> list[Alert]:
    """Ask the engine several things at a time. What rules count is asked first, for each series as far back as any rule reads it."""
    counted: dict[Hourly, datetime] = {}
    for rule in ordered:
        if (of_kind := kinds()[rule.kind]) and hasattr(of_kind, "counted"):
            begin, series = of_kind.counted(rule, coverage, coverage.now - rule.recent)
            for one in series:
                counted[one] = min(begin, counted.get(one, begin))
    counts = [threads.submit(_count, coverage, one, begin) for one, begin in counted.items()]
    alone = [rule for rule in ordered if not hasattr(kinds()[rule.kind], "prepare")]
    looks = {rule.name: threads.submit(_alerts, rule, coverage, coverage.now - rule.recent) for rule in alone}
    for count in counts:
        count.result()
    for name, kind in kinds().items():
        if hasattr(kind, "prepare"):
            of_it = [rule for rule in ordered if rule.kind == name]
            kind.prepare(of_it, coverage, coverage.now - kind.MODEL.recent)
            looks |= {rule.name: threads.submit(_alerts, rule, coverage, coverage.now - rule.recent) for rule in of_it}
    found: dict[str, list[Alert]] = {}
    for rule in ordered:
        try:
            found[rule.name] = looks[rule.name].result()
        except QueryError as error:
            if problems is None:
                vietnamese, english = f"quy tắc {rule.name}: {error.message_vi}", f"rule {rule.name}: {error.message_en}"
                raise QueryError(vietnamese, english, error.position) from error
            problems[rule.name] = str(error)
    return [alert for rule in rules for alert in found.get(rule.name, [])]


def _count(coverage: Coverage, series: Hourly, begin: datetime) -> None:
    with suppress(QueryError):  # the evaluation of the rule tells it
        coverage.hours(series.query, series.filters, begin, unit=series.unit, fold=series.fold)


def replay(rule: Rule, engine: SearchEngine, now: datetime, taxonomy: Taxonomy, since: datetime, state: State | None = None) -> list[Alert]:
    """The alerts of one rule that were open at any time in [since, now), oldest first.

    Every moment is judged on itself and earlier ones only, so this is also what the rule would have said at the time.
    """
    return _alerts(rule, Coverage(engine, now, taxonomy, None if state is None else read_collecting(state)), since)


def _alerts(rule: Rule, coverage: Coverage, since: datetime) -> list[Alert]:
    found: list[Alert] = kinds()[rule.kind].evaluate(rule, coverage, since)
    if rule.people:
        found = [alert.model_copy(update={"recipients": list(rule.people)}) for alert in found]
    return oldest_first(found)


def read_collecting(state: State) -> Collecting:
    """When a crawl last ended, and how the feeds, sitemaps and listings of each source are. Raises StateError."""
    with state.session() as session:
        last = session.scalar(select(Run.ended_at).where(Run.ended_at.is_not(None)).order_by(Run.ended_at.desc()).limit(1))
        rows = session.execute(
            select(FetchState.source, FetchState.failures, FetchState.fetched_at).where(FetchState.role.in_(("feed", "sitemap", "listing")))
        ).all()
    health: dict[str, SourceHealth] = {}
    for source, failures, fetched_at in rows:
        known = health.get(source)
        moments = [moment for moment in (fetched_at, known.fetched_at if known else None) if moment is not None]
        health[source] = SourceHealth(min(failures, known.failures) if known else failures, max(moments, default=None))
    return Collecting(last, health)
