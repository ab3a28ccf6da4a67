"""What is kept of each source: what was seen of it by hour, its last runs, and the verdict on it.

Counters of a `SourceDay`, each by hour of Vietnam's clock: `new` by the hour of publication; of runs, by the hour in which they began:
`polls`, `refused`, `failed`, `unchanged`, `pages`, `unread`, `walls`, `articles`, and `lacks:FIELD` of the watched fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from alerts.health.verdict import Finding, Health, judge
from alerts.health.watching import HOURS, Flags, Floats, Hour, Watch
from diembao.clock import VIETNAM, vietnam_day
from diembao.source import Source
from diembao.source_round import WATCHED, SourceRound
from diembao.state import FetchState, SourceDay, SourceStatus, State

HISTORY = timedelta(days=120)
"""What is older is forgotten."""
LAST_ROUNDS = 20
SHOWN_DAYS = 14
_BETWEEN_POLLS = 12
"""Hours between two polls over which what was published is still known: a feed names some dozens of articles."""
_COUNTERS = ("new", "polls", "refused", "failed", "pages", "unread", "walls", "articles")
_PARTLY = 3
"""Failures in a row after which one of several ways in is told of."""


# --- what was seen ---


def note(session: Session, rounds: Iterable[SourceRound]) -> None:
    """Add what a run saw; to be called once for each run, in the transaction that marks it as done."""
    for seen in rounds:
        hour = str(seen.at.astimezone(VIETNAM).hour)
        counts: dict[date, dict[str, dict[str, int]]] = {}

        def add(day: date, name: str, at: str, number: int, counts: dict[date, dict[str, dict[str, int]]] = counts) -> None:
            if number:
                by_hour = counts.setdefault(day, {}).setdefault(name, {})
                by_hour[at] = by_hour.get(at, 0) + number

        today = vietnam_day(seen.at)
        for name in ("polls", "refused", "failed", "unchanged", "pages", "unread", "walls", "articles"):
            add(today, name, hour, getattr(seen, name))
        for name, number in seen.lacking.items():
            add(today, f"lacks:{name}", hour, number)
        for moment in seen.new:
            add(vietnam_day(moment), "new", str(moment.astimezone(VIETNAM).hour), 1)
        for day, found in counts.items():
            _add_to_day(session, seen.source, day, found)
        _add_to_status(session, seen)


def _add_to_day(session: Session, source: str, day: date, found: dict[str, dict[str, int]]) -> None:
    row = session.get(SourceDay, (source, day.isoformat()), with_for_update=True)
    if row is None:
        session.add(SourceDay(source=source, day=day.isoformat(), counts=found))
        session.flush()
        return
    merged = {name: dict(by_hour) for name, by_hour in row.counts.items()}
    for name, by_hour in found.items():
        mine = merged.setdefault(name, {})
        for hour, number in by_hour.items():
            mine[hour] = mine.get(hour, 0) + number
    row.counts = merged


def status_of(session: Session, source: str) -> SourceStatus:
    """The row of a source; a new one where there is none."""
    row = session.get(SourceStatus, source)
    if row is None:
        row = SourceStatus(source=source, error="", rounds=[], health={}, paused={})
        session.add(row)
    return row


def _add_to_status(session: Session, seen: SourceRound) -> None:
    row = status_of(session, seen.source)
    row.asked_at = max(seen.at, row.asked_at or seen.at)
    if seen.polls > seen.refused + seen.failed:
        row.answered_at = max(seen.at, row.answered_at or seen.at)
    if seen.new:
        row.article_at = max([*seen.new, *([row.article_at] if row.article_at else [])])
    if seen.problem:
        row.error, row.error_at = seen.problem[:600], seen.at
    if seen.fates or seen.problem:
        told = {"run": seen.run, "at": seen.at.isoformat(), "fates": seen.fates, "new": len(seen.new), "problem": seen.problem[:300]}
        row.rounds = sorted([told, *row.rounds], key=lambda one: one["at"], reverse=True)[:LAST_ROUNDS]


# --- the verdict ---


def judge_all(state: State, sources: Sequence[Source], now: datetime) -> dict[str, Health]:
    """Judge every source of `sources` that was ever asked, keep and return the verdicts by id.

    Those that are not among `sources` (switched off, taken away) lose theirs. What is older than HISTORY is deleted.

    Args:
        state: what was seen.
        sources: those that are crawled.
        now: aware UTC.

    Raises:
        StateError: when the database fails.
    """
    first = vietnam_day(now - HISTORY)
    with state.session() as session:
        session.execute(delete(SourceDay).where(SourceDay.day < first.isoformat()))
        rows = session.execute(select(SourceDay.source, SourceDay.day, SourceDay.counts)).tuples().all()
        failing = _failing_entrances(session)
    asked = {source for source, _, _ in rows}
    judged = [source for source in sources if source.id in asked]
    found = _judge(judged, rows, failing, now) if judged else {}
    with state.session() as session:
        for row in session.scalars(select(SourceStatus)):
            if row.source not in found and row.health:
                row.health, row.judged_at = {}, None
        for source, health in found.items():
            row = status_of(session, source)
            row.health, row.judged_at = health.to_record(), now
    return found


def _failing_entrances(session: Session) -> dict[str, tuple[int, int, int, datetime | None]]:
    """For each source: how many feeds, sitemaps and listings it has, how many fail, most failures in a row, when those were asked."""
    query = select(FetchState.source, FetchState.failures, FetchState.fetched_at).where(FetchState.role.in_(("feed", "sitemap", "listing")))
    found: dict[str, tuple[int, int, int, datetime | None]] = {}
    for source, failures, at in session.execute(query).tuples():
        count, bad, most, last = found.get(source, (0, 0, 0, None))
        found[source] = (count + 1, bad + (failures >= _PARTLY), max(most, failures), at if failures else last)
    return found


@dataclass
class _Seen:
    """The counters as arrays (hours, sources), `lacking` (hours, fields, sources)."""

    start: int
    of: dict[str, Floats]
    lacking: Floats


def _judge(
    sources: list[Source],
    rows: Iterable[tuple[str, str, dict[str, Any]]],
    failing: dict[str, tuple[int, int, int, datetime | None]],
    now: datetime,
) -> dict[str, Health]:
    last = _hour_of(now)
    seen = _arrays(sources, rows, last)
    watch = Watch(
        np.array([source.articles_per_day[0] if source.articles_per_day else np.nan for source in sources]),
        np.array([[1 - source.coverage.get(name, 0.6) for source in sources] for name in WATCHED]),
    )
    flags = _watched(watch, seen, last)
    day = last // HOURS
    today = slice(day * HOURS - seen.start, last - seen.start)
    expected = watch.expected_by_hour(day)[: last - day * HOURS].sum(axis=0) if last > day * HOURS else np.zeros(len(sources))
    found = {}
    for number, source in enumerate(sources):
        knows = bool(np.isfinite(watch.usual_a_day[number]))
        findings = _findings(source, number, flags, watch, seen, failing.get(source.id)) if flags is not None else []
        found[source.id] = judge(
            findings,
            knows_volume=knows,
            usual=round(float(watch.usual_a_day[number]), 2) if knows else None,
            by_now=round(float(expected[number]), 2) if knows and np.isfinite(expected[number]) else None,
            today=int(seen.of["new"][today, number].sum()),
        )
    return found


def _arrays(sources: list[Source], rows: Iterable[tuple[str, str, dict[str, Any]]], last: int) -> _Seen:
    index = {source.id: number for number, source in enumerate(sources)}
    mine = [row for row in rows if row[0] in index]
    start = min(_first_hour(day) for _, day, _ in mine)
    length = max(last + 1 - start, 1)
    whole = max(length, *(_first_hour(day) + HOURS - start for _, day, _ in mine))
    of = {name: np.zeros((whole, len(sources))) for name in _COUNTERS}
    lacking = np.zeros((whole, len(WATCHED), len(sources)))
    for source, day, counts in mine:
        first, column = _first_hour(day) - start, index[source]
        for name, by_hour in counts.items():
            if name in of:
                into = of[name][:, column]
            elif name.startswith("lacks:") and name[6:] in WATCHED:
                into = lacking[:, WATCHED.index(name[6:]), column]
            else:
                continue
            into[[first + int(hour) for hour in by_hour]] = list(by_hour.values())
    return _Seen(start, {name: values[:length] for name, values in of.items()}, lacking[:length])


def _watched(watch: Watch, seen: _Seen, last: int) -> Flags | None:
    """Walk through the full hours; the flags of the last one. The hour that goes on tells what is known of the one before it."""
    known = _known(seen.of["polls"] - seen.of["refused"] - seen.of["failed"] > 0)
    flags = None
    for number in range(last - seen.start):
        of = {name: values[number] for name, values in seen.of.items()}
        flags = watch.update(Hour(seen.start + number, seen=known[number], lacking=seen.lacking[number], **of))
    return flags


def _known(answered: Any) -> Any:
    """Whether what was published in an hour is known: a poll was answered after it, not too long after the one before."""
    length, count = answered.shape
    known = np.zeros(answered.shape, bool)
    following = np.full(count, 1 << 30)
    before = np.full((length, count), -(1 << 30))
    latest = np.full(count, -(1 << 30))
    for number in range(length):
        latest = np.where(answered[number], number, latest)
        before[number] = latest
    for number in range(length - 1, -1, -1):
        known[number] = (following - before[number] <= _BETWEEN_POLLS) & (following > number)
        following = np.where(answered[number], number, following)
    return known


def _findings(
    source: Source, number: int, flags: Flags, watch: Watch, seen: _Seen, failing: tuple[int, int, int, datetime | None] | None
) -> list[Finding]:
    found: list[Finding] = []

    def since(name: str, *rest: int) -> datetime | None:
        hour = int(flags.since[name][(*rest, number)])
        return _moment(hour) if hour >= 0 else None

    def lately(bad: Floats, of: Floats, begin: datetime | None) -> float:
        first = _hour_of(begin) - seen.start if begin else 0
        return float(bad[first:].sum() / max(of[first:].sum(), 1.0))

    if flags.refused[number]:
        begin = since("refused")
        refusals = seen.of["refused"] + seen.of["walls"]
        asked = seen.of["polls"] + seen.of["pages"] + seen.of["walls"]
        found.append(Finding("blocked", begin, lately(refusals[:, number], asked[:, number], begin)))
    if flags.unreachable[number]:
        found.append(Finding("broken", since("unreachable")))
    if flags.unread[number]:
        begin = since("unread")
        share = lately(seen.of["unread"][:, number], seen.of["pages"][:, number], begin)
        found.append(Finding("layout", begin, share, float(watch.usual_unread[number])))
    if flags.silent[number]:
        found.append(Finding("silent", since("silent"), 0.0, round(float(watch.silence[number]), 1)))
    if flags.fewer[number]:
        begin = since("fewer")
        first = _hour_of(begin) - seen.start if begin else 0
        days = max((len(seen.of["new"]) - first) / HOURS, 1.0)
        a_day = float(seen.of["new"][first:, number].sum()) / days
        found.append(Finding("fewer", begin, round(a_day, 1), round(float(watch.usual_a_day[number]), 1)))
    for place, name in enumerate(WATCHED):
        if flags.lacking[place, number]:
            begin = since("lacking", place)
            share = 1 - lately(seen.lacking[:, place, number], seen.of["articles"][:, number], begin)
            found.append(Finding("field", begin, share, 1 - float(watch.usual_lacking[place, number]), name))
    if failing and 0 < failing[1] < failing[0]:
        found.append(Finding("partly", None, failing[1], failing[0]))
    return found


def _hour_of(moment: datetime) -> int:
    """Hours of Vietnam's time since 1970."""
    local = moment.astimezone(VIETNAM)
    return (local.date().toordinal() - 719163) * HOURS + local.hour


def _first_hour(day: str) -> int:
    return (date.fromisoformat(day).toordinal() - 719163) * HOURS


def _moment(hour: int) -> datetime:
    day, rest = divmod(hour, HOURS)
    return datetime.combine(date.fromordinal(day + 719163), datetime.min.time(), tzinfo=VIETNAM).replace(hour=rest).astimezone(UTC)


# --- reading ---


@dataclass(frozen=True)
class Day:
    """One day of a source: new articles; `is_gap`: no poll was answered on it, so nothing is known of it."""

    day: date
    articles: int
    is_gap: bool


@dataclass(frozen=True)
class Kept:
    """What is kept of one source.

    Attributes:
        source: its id.
        health: the last verdict; None: not judged.
        judged_at: when.
        asked_at, answered_at, article_at: last run, last answered poll, newest article; None: never.
        error: the last problem of a feed, sitemap or listing; `error_at`: when.
        rounds: the last runs, newest first: `{"run", "at", "fates", "new", "problem"}`.
        paused: `{"who", "at", "why"}`; empty: nobody paused it on the desk.
        days: the last SHOWN_DAYS, today last.
        polls, unchanged: in the last seven days.
    """

    source: str
    health: Health | None = None
    judged_at: datetime | None = None
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    article_at: datetime | None = None
    error: str = ""
    error_at: datetime | None = None
    rounds: tuple[dict[str, Any], ...] = ()
    paused: dict[str, str] = field(default_factory=dict)
    days: tuple[Day, ...] = ()
    polls: int = 0
    unchanged: int = 0


def read_kept(state: State, now: datetime, source: str | None = None) -> dict[str, Kept]:
    """What is kept of every source that was ever asked or paused, or of one, by id. Raises StateError."""
    today = vietnam_day(now)
    days = [today - timedelta(days=back) for back in range(SHOWN_DAYS - 1, -1, -1)]
    with state.session() as session:
        wanted = select(SourceDay.source, SourceDay.day, SourceDay.counts).where(SourceDay.day >= days[0].isoformat())
        statuses = select(SourceStatus)
        if source is not None:
            wanted, statuses = wanted.where(SourceDay.source == source), statuses.where(SourceStatus.source == source)
        counts: dict[str, dict[str, dict[str, Any]]] = {}
        for name, day, found in session.execute(wanted).tuples():
            counts.setdefault(name, {})[day] = found
        rows = list(session.scalars(statuses))
        session.expunge_all()
        firsts: dict[str, str] = dict(
            session.execute(select(SourceDay.source, func.min(SourceDay.day)).group_by(SourceDay.source)).tuples().all()
        )
    return {row.source: _kept(row, counts.get(row.source, {}), days, firsts.get(row.source, "")) for row in rows}


def _kept(row: SourceStatus, counts: dict[str, dict[str, Any]], days: list[date], first: str) -> Kept:
    def total(day: date, *names: str) -> int:
        return sum(sum(counts.get(day.isoformat(), {}).get(name, {}).values()) for name in names)

    def is_gap(day: date) -> bool:
        return "" < first <= day.isoformat() and total(day, "polls") <= total(day, "refused", "failed")

    shown = tuple(Day(day, total(day, "new"), is_gap(day)) for day in days)
    week = days[-7:]
    return Kept(
        source=row.source,
        health=Health.from_record(row.health) if row.health else None,
        judged_at=row.judged_at,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
        article_at=row.article_at,
        error=row.error,
        error_at=row.error_at,
        rounds=tuple(row.rounds),
        paused=row.paused,
        days=shown,
        polls=sum(total(day, "polls") for day in week),
        unchanged=sum(total(day, "unchanged") for day in week),
    )
