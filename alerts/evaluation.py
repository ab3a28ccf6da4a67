"""Let every rule look at the coverage and collect the alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from alerts.coverage import Collecting, Coverage, SourceHealth, oldest_first
from alerts.rule import Rule
from alerts.rules_file import kinds
from diembao.alert import Alert
from diembao.engine import SearchEngine
from diembao.errors import QueryError
from diembao.state import FetchState, Run, State
from diembao.taxonomy import Taxonomy


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
    found: dict[str, list[Alert]] = {}
    # Who reads furthest back goes first: what others want of the same series is then a part of it.
    ordered = sorted(rules, key=lambda rule: rule.reach + rule.recent, reverse=True)
    for name, kind in kinds().items():
        if hasattr(kind, "prepare"):
            kind.prepare([rule for rule in ordered if rule.kind == name], coverage, now - kind.MODEL.recent)
    for rule in ordered:
        try:
            found[rule.name] = _alerts(rule, coverage, now - rule.recent)
        except QueryError as error:
            if problems is None:
                vietnamese, english = f"quy tắc {rule.name}: {error.message_vi}", f"rule {rule.name}: {error.message_en}"
                raise QueryError(vietnamese, english, error.position) from error
            problems[rule.name] = str(error)
    return [alert for rule in rules for alert in found.get(rule.name, [])]


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
