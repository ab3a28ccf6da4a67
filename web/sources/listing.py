"""The sources as the desk shows them: the registry, what was seen of each, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts.health.kept import Day, Kept, read_kept
from alerts.source_trouble import Trouble, trouble_of
from crawlers.registry import read_each
from diembao.settings import Settings
from diembao.source import Source
from diembao.state import State

STATES = ("broken", "file", "watch", "new", "learning", "healthy", "paused", "off")
"""What the desk says of a source, what needs somebody first. `file`: its file cannot be read; `new`: never asked so far."""
AWAKE = ("broken", "file", "watch", "new", "learning", "healthy", "paused")


@dataclass(frozen=True)
class Row:
    """One source.

    Attributes:
        id: its id.
        source: its entry; None: the file cannot be read.
        state: one of STATES.
        since: when the state began; None: unknown, or does not matter.
        kept: what is kept of it.
        troubles: what is wrong, the weightiest first.
        problem: why its file cannot be read.
    """

    id: str
    source: Source | None
    state: str
    since: datetime | None
    kept: Kept
    troubles: tuple[Trouble, ...] = ()
    problem: str = ""

    @property
    def name(self) -> str:
        """As readers know it; the id where the file cannot be read."""
        return self.source.name if self.source else self.id

    @property
    def unchanged_share(self) -> float | None:
        """Share of the polls of a week that brought the same as the last time; None without polls."""
        return self.kept.unchanged / self.kept.polls if self.kept.polls else None


def read_rows(settings: Settings, state: State, now: datetime) -> list[Row]:
    """Every source of the registry: what needs somebody first, then by name. Raises StateError."""
    known, wrong = read_each(settings.sources_folder)
    kept = read_kept(state, now)
    rows = [_row(source, kept.get(source.id) or Kept(source.id)) for source in known.values()]
    rows += [Row(one.source, None, "file", None, kept.get(one.source) or Kept(one.source), problem=one.reasons[0]) for one in wrong]
    return sorted(rows, key=lambda row: (STATES.index(row.state), row.name.casefold()))


def find_row(settings: Settings, state: State, now: datetime, source: str) -> Row | None:
    """One source of the registry; None when there is no such entry. Raises StateError."""
    known, wrong = read_each(settings.sources_folder)
    kept = read_kept(state, now, source).get(source) or Kept(source)
    if source in known:
        return _row(known[source], kept)
    return next((Row(source, None, "file", None, kept, problem=one.reasons[0]) for one in wrong if one.source == source), None)


def _row(source: Source, kept: Kept) -> Row:
    if not source.enabled:
        since = datetime.fromisoformat(kept.paused["at"]) if kept.paused else None
        return Row(source.id, source, "paused" if kept.paused else "off", since, kept)
    if kept.health is None:
        return Row(source.id, source, "learning" if kept.asked_at else "new", None, kept)
    troubles = tuple(trouble_of(source.id, source.name, finding, error=kept.error) for finding in kept.health.findings)
    return Row(source.id, source, kept.health.level, kept.health.since, kept, troubles)


@dataclass(frozen=True)
class Bar:
    """One day of the small chart: where its bar stands, and what it says."""

    x: float
    height: float
    day: Day
    is_today: bool


BAR_WIDTH, BAR_HEIGHT = 6.0, 24.0


def bars(kept: Kept) -> list[Bar]:
    """The last days as bars of at most BAR_HEIGHT; one article is seen."""
    most = max((day.articles for day in kept.days), default=0)
    return [
        Bar(
            number * (BAR_WIDTH + 2), max(2.0, BAR_HEIGHT * day.articles / most) if day.articles else 0.0, day, number == len(kept.days) - 1
        )
        for number, day in enumerate(kept.days)
    ]


@dataclass(frozen=True)
class Wanted:
    """Which sources are shown; an empty text asks for all, of `state`: for all that are not switched off."""

    state: str = ""
    kind: str = ""
    province: str = ""
    q: str = ""

    def has(self, row: Row) -> bool:
        """Whether `row` is among them."""
        source = row.source
        if self.state and self.state != "all" and row.state != self.state:
            return False
        if not self.state and row.state not in AWAKE:
            return False
        if self.kind and (source is None or kind_of(source) != self.kind):
            return False
        if self.province and (source is None or (source.province or "-") != self.province):
            return False
        text = f"{row.id} {row.name} {source.domain if source else ''}".casefold()
        return all(word in text for word in self.q.casefold().split())


def kind_of(source: Source) -> str:
    """What the outlet is, for people: its medium, else its kind."""
    return source.medium or source.kind


def counts(rows: list[Row]) -> Mapping[str, int]:
    """How many sources are in each state, in the order of STATES."""
    found = {state: sum(row.state == state for row in rows) for state in STATES}
    return {state: count for state, count in found.items() if count}
