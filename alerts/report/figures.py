"""What a report says, as numbers and stories; no text of ours and no charts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Literal

from sqlalchemy import select

from alerts.briefing.content import Story, compile_stories
from alerts.coverage import Coverage
from alerts.evaluation import read_collecting
from alerts.mail import one_line
from alerts.report.period import BEFORE, Period
from alerts.source_trouble import Trouble, read_troubles
from diembao.clock import vietnam_day
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.settings import Office
from diembao.state import AlertGrade, AlertRecord, BriefingItem, BriefingRecord, State, StoryResponse
from diembao.taxonomy import Taxonomy

Verdict = Literal["higher", "lower", "usual", "unknown"]

MOST_STORIES = 10
MOST_OUTLETS = 15
MOST_OPEN = 10
FEWEST = 20
"""With fewer articles a share is not compared."""
_CLUMPED = 3.0
"""Articles on one event come together, so a share varies more than chance alone says: so many times the variance."""
_SURE = 2.6
"""Standard deviations: what one in a hundred periods exceeds by chance."""
_PERIODS_TO_COMPARE = 2


@dataclass(frozen=True)
class FieldRow:
    """The coverage of one field, or of all together.

    Attributes:
        code: of the field; "" is what is in none, "*" is all.
        total, negative: articles of the period, reprints too.
        before: the same of the periods before, oldest first; only those in which anything was collected.
    """

    code: str
    total: int
    negative: int
    before: tuple[tuple[int, int], ...]

    @property
    def share(self) -> float | None:
        """Share of negative articles; None without any article."""
        return self.negative / self.total if self.total else None

    @property
    def usual(self) -> float | None:
        """How many articles a period before had on average; None when there was none."""
        return sum(total for total, _ in self.before) / len(self.before) if self.before else None

    @property
    def usual_share(self) -> float | None:
        """Share of negative articles over the periods before."""
        total = sum(total for total, _ in self.before)
        return sum(negative for _, negative in self.before) / total if total else None

    @property
    def range(self) -> tuple[float, float] | None:
        """Smallest and largest share of the periods before that had enough articles."""
        shares = [negative / total for total, negative in self.before if total >= FEWEST]
        return (min(shares), max(shares)) if shares else None

    @property
    def verdict(self) -> Verdict:
        """Whether the share is out of the range of the periods before, beyond what chance explains."""
        share, usual, span = self.share, self.usual_share, self.range
        compared = sum(total >= FEWEST for total, _ in self.before)
        if share is None or usual is None or span is None or self.total < FEWEST or compared < _PERIODS_TO_COMPARE:
            return "unknown"
        before = sum(total for total, _ in self.before)
        both = (self.negative + sum(negative for _, negative in self.before)) / (self.total + before)
        spread = math.sqrt(_CLUMPED * both * (1 - both) * (1 / self.total + 1 / before))
        if span[0] <= share <= span[1] or spread == 0 or abs(share - usual) < _SURE * spread:
            return "usual"
        return "higher" if share > usual else "lower"


@dataclass(frozen=True)
class OutletRow:
    """How much one outlet had: articles, negative ones, and stories that it published first."""

    name: str
    total: int
    negative: int
    first: int


@dataclass(frozen=True)
class RuleRow:
    """The alerts of one rule that began in the period, and how recipients graded them."""

    rule: str
    alerts: int
    useful: int
    noise: int

    @property
    def precision(self) -> float | None:
        """Share of useful grades; None without any."""
        graded = self.useful + self.noise
        return self.useful / graded if graded else None


@dataclass(frozen=True)
class DepartmentRow:
    """What one department was asked and answered.

    Attributes:
        name: of the department; empty: nobody was named.
        briefed: stories of the period's briefings that were its.
        answered: of those, how many are answered.
        open: of those, how many were assigned and are not answered.
        hours: median hours from the briefing to the answer; None without any.
    """

    name: str
    briefed: int
    answered: int
    open: int
    hours: float | None


@dataclass(frozen=True)
class OpenRow:
    """A story that was assigned and is not answered yet."""

    title: str
    department: str
    since: datetime
    day: str


@dataclass(frozen=True)
class Day:
    """Coverage of one day in Vietnam, and how many of its hours nothing was collected in."""

    day: date
    total: int
    negative: int
    missing_hours: int = 0


@dataclass(frozen=True)
class Report:
    """Everything a report says.

    Attributes:
        period: what it is about.
        until: end of what was read: the period's end, or now while it goes on.
        everything: all fields together.
        fields: each field in the taxonomy's order, then what is in none.
        days: each day of the period.
        stories: how many there were.
        biggest: the stories with the most articles, at least two.
        critical: the most important stories that criticise an authority in the office's province; all where no province is set.
        critical_count: how many there were.
        outlets: those with the most articles.
        rules: alerts by rule.
        departments: responses by department.
        open: what was assigned and is not answered, the oldest first.
        open_count: how many there are.
        briefings: how many morning briefings went out.
        hours: median hours from the briefing to the answer, over what was answered in the period.
        answered: how many stories were answered in the period.
        missing_hours: hours of the period in which nothing was collected.
        troubles: sources that are silent or broken now.
    """

    period: Period
    until: datetime
    everything: FieldRow
    fields: tuple[FieldRow, ...]
    days: tuple[Day, ...]
    stories: int
    biggest: tuple[Story, ...]
    critical: tuple[Story, ...]
    critical_count: int
    outlets: tuple[OutletRow, ...]
    rules: tuple[RuleRow, ...]
    departments: tuple[DepartmentRow, ...]
    open: tuple[OpenRow, ...]
    open_count: int
    briefings: int
    hours: float | None
    answered: int
    missing_hours: int
    troubles: tuple[Trouble, ...] = field(default_factory=tuple)

    @property
    def is_over(self) -> bool:
        """Whether the period was over when the report was written."""
        return self.until >= self.period.end


def read_report(
    engine: SearchEngine,
    state: State,
    office: Office,
    taxonomy: Taxonomy,
    period: Period,
    now: datetime,
    names: Mapping[str, str] | None = None,
) -> Report:
    """Read what the report of `period` says.

    Args:
        engine: read only.
        state: alerts, grades, responses, what was fetched.
        office: its province.
        taxonomy: fields and their topics.
        period: see alerts.report.period.
        now: aware UTC; what is dated later is left out.
        names: names of the sources by id.

    Raises:
        EngineError: when the engine fails.
        StateError: when the database fails.
    """
    names = names or {}
    until = min(period.end, now)
    span = Filters(published_from=period.start, published_to=until)
    periods = _periods(period)
    in_a_field = {topic for entry in taxonomy.fields.values() for topic in entry.topics}
    others = tuple(code for code in taxonomy.topics if code not in in_a_field)
    everything = _row(engine, "*", (), periods, until, None)
    collected = [index for index, (total, _) in enumerate(everything.before) if total]
    fields = [_row(engine, code, entry.topics, periods, until, collected) for code, entry in taxonomy.fields.items()]
    if others:
        fields.append(_row(engine, "", others, periods, until, collected))
    everything = _only(everything, collected)
    compiled = compile_stories(engine, office, taxonomy, period.start, until, names, late=timedelta())
    here = [story for story in compiled.stories if story.critical == "authority" and _is_here(story, office)]
    missing = _missing_hours(engine, state, taxonomy, periods[0].start, until)
    rules, departments, opened = _rules(state, period, until), _departments(state, period, until), _open(state, until)
    answered = _answer_hours(state, period, until)
    days = {bucket.start: bucket for bucket in engine.count("", span, "day")}
    return Report(
        period=period,
        until=until,
        everything=everything,
        fields=tuple(fields),
        days=tuple(
            Day(vietnam_day(start), days[start].total, days[start].negative, missing[vietnam_day(start)])
            if start in days
            else Day(vietnam_day(start), 0, 0, missing[vietnam_day(start)])
            for start in (period.start + timedelta(days=number) for number in range(len(period.days)))
        ),
        stories=len(compiled.stories),
        biggest=tuple(_biggest(compiled.stories)[:MOST_STORIES]),
        critical=tuple(here[:MOST_STORIES]),
        critical_count=len(here),
        outlets=_outlets(engine, span, compiled.stories, names),
        rules=rules,
        departments=departments,
        open=tuple(opened[:MOST_OPEN]),
        open_count=len(opened),
        briefings=_briefings(state, period),
        hours=median(answered) if answered else None,
        answered=len(answered),
        missing_hours=sum(count for day, count in missing.items() if period.first <= day < period.after),
        troubles=read_troubles(state, until, names) if now - until < timedelta(days=3) else (),
    )


def _periods(period: Period) -> list[Period]:
    """The period and those before it, oldest first."""
    found = [period]
    for _ in range(BEFORE[period.kind]):
        found.insert(0, found[0].before)
    return found


def _row(
    engine: SearchEngine, code: str, topics: Sequence[str], periods: Sequence[Period], until: datetime, collected: list[int] | None
) -> FieldRow:
    filters = Filters(published_from=periods[0].start, published_to=until, topics=tuple(topics))
    interval: Literal["week", "month"] = "week" if periods[-1].kind == "weekly" else "month"
    buckets = {bucket.start: bucket for bucket in engine.count("", filters, interval)}
    counts = [(buckets[one.start].total, buckets[one.start].negative) if one.start in buckets else (0, 0) for one in periods]
    row = FieldRow(code, *counts[-1], tuple(counts[:-1]))
    return row if collected is None else _only(row, collected)


def _only(row: FieldRow, collected: list[int]) -> FieldRow:
    """Without the periods in which nothing at all was collected: they were not quiet."""
    return FieldRow(row.code, row.total, row.negative, tuple(row.before[index] for index in collected))


def _biggest(stories: Sequence[Story]) -> list[Story]:
    """The stories with more than one article, the largest first."""
    large = [story for story in stories if story.articles > 1]
    return sorted(large, key=lambda story: (-story.articles, -len(story.outlets), -story.weight, story.story))


def _is_here(story: Story, office: Office) -> bool:
    return office.province is None or any(reason.code == "here" for reason in story.reasons)


def _missing_hours(engine: SearchEngine, state: State, taxonomy: Taxonomy, begin: datetime, until: datetime) -> Counter[date]:
    coverage = Coverage(engine, until, taxonomy, read_collecting(state))
    return Counter(vietnam_day(hour) for hour in coverage.outages(coverage.collecting_since(begin)))


def _outlets(engine: SearchEngine, span: Filters, stories: Sequence[Story], names: Mapping[str, str]) -> tuple[OutletRow, ...]:
    def by_source(filters: Filters) -> dict[str, int]:
        found = engine.search(SearchRequest(filters=filters, fold_copies=False, limit=0, highlight=False))
        return {facet.value: facet.count for facet in found.facets.get("source", [])}

    totals = by_source(span)
    negative = by_source(Filters(published_from=span.published_from, published_to=span.published_to, sentiments=("negative",)))
    first = Counter(story.outlets[0] for story in stories if story.outlets)
    rows = []
    for source, total in sorted(totals.items(), key=lambda entry: (-entry[1], entry[0]))[:MOST_OUTLETS]:
        name = one_line(names.get(source, source), 60)
        rows.append(OutletRow(name, total, negative.get(source, 0), first[name]))
    return tuple(rows)


def _rules(state: State, period: Period, until: datetime) -> tuple[RuleRow, ...]:
    with state.session() as session:
        begun = select(AlertRecord.rule).where(AlertRecord.started_at >= period.start, AlertRecord.started_at < until)
        alerts = Counter(session.scalars(begun))
        graded = (
            select(AlertGrade.rule, AlertGrade.verdict)
            .join(AlertRecord, AlertRecord.id == AlertGrade.alert_id)
            .where(AlertRecord.started_at >= period.start, AlertRecord.started_at < until)
        )
        grades = Counter(session.execute(graded).tuples())
    return tuple(
        RuleRow(rule, count, grades[rule, "useful"], grades[rule, "noise"])
        for rule, count in sorted(alerts.items(), key=lambda entry: (-entry[1], entry[0]))
    )


def _departments(state: State, period: Period, until: datetime) -> tuple[DepartmentRow, ...]:
    rows: dict[str, list[StoryResponse]] = {}
    proposed = _proposed(state, period)
    with state.session() as session:
        briefed = select(StoryResponse).where(StoryResponse.briefed_at >= period.start, StoryResponse.briefed_at < until)
        for response in session.scalars(briefed):
            if response.status != "not_needed":
                rows.setdefault(response.department or proposed.get(response.story, ""), []).append(response)
        found = [
            DepartmentRow(
                name,
                len(mine),
                sum(one.status == "answered" for one in mine),
                sum(one.status == "assigned" for one in mine),
                median(hours) if (hours := [_hours(one) for one in mine if one.answered_at is not None]) else None,
            )
            for name, mine in rows.items()
        ]
    return tuple(sorted(found, key=lambda row: (not row.name, -row.briefed, row.name)))


def _proposed(state: State, period: Period) -> dict[str, str]:
    """The department that the last briefing of each story proposed."""
    with state.session() as session:
        items = session.execute(_of_period(period)).tuples()
        return {story: str(compiled.get("department", "")) for story, compiled in items}


def _of_period(period: Period) -> Any:
    since = select(BriefingItem.story, BriefingItem.compiled).where(BriefingItem.day >= period.first.isoformat())
    return since.order_by(BriefingItem.day)


def _open(state: State, until: datetime) -> list[OpenRow]:
    with state.session() as session:
        waiting = select(StoryResponse).where(StoryResponse.status == "assigned", StoryResponse.assigned_at < until)
        responses = list(session.scalars(waiting.order_by(StoryResponse.assigned_at, StoryResponse.story)))
        titles: dict[str, tuple[str, str, str]] = {}
        last = select(BriefingItem).where(BriefingItem.story.in_([one.story for one in responses])).order_by(BriefingItem.day)
        for item in session.scalars(last):
            titles[item.story] = item.title or str(item.compiled.get("title", "")), str(item.compiled.get("department", "")), item.day
        found = []
        for one in responses:
            title, proposed, day = titles.get(one.story, (one.story, "", ""))
            found.append(OpenRow(one_line(title), one.department or proposed, one.assigned_at or one.briefed_at, day))
        return found


def _answer_hours(state: State, period: Period, until: datetime) -> list[float]:
    with state.session() as session:
        answered = select(StoryResponse).where(StoryResponse.answered_at >= period.start, StoryResponse.answered_at < until)
        return [_hours(one) for one in session.scalars(answered)]


def _hours(response: StoryResponse) -> float:
    if response.answered_at is None:
        raise ValueError(f"{response.story} is not answered")
    return max(0.0, (response.answered_at - response.briefed_at) / timedelta(hours=1))


def _briefings(state: State, period: Period) -> int:
    with state.session() as session:
        sent = select(BriefingRecord.day).where(BriefingRecord.sent_at.is_not(None))
        return sum(period.first <= date.fromisoformat(day) < period.after for day in session.scalars(sent))
