"""The words that dashboards are defined in: which numbers, by what, narrowed to what.

Nothing here knows how Kibana stores a panel (`dashboards.lens`, `dashboards.saved_objects`), and nothing what our dashboards
show (`dashboards.pages`). Fields are those of `index.elasticsearch_mapping`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from diembao.engine import IRRELEVANT
from diembao.taxonomy import Name

Form = Literal["number", "bars", "lines", "horizontal_bars", "table"]
Time = Literal["published_at", "first_seen_at"]

RED, GREY, GREEN, PALE, BLUE, ORANGE = "#c0392b", "#98a2b3", "#2e8b57", "#d0d5dd", "#1f5fa8", "#b54708"


@dataclass(frozen=True)
class Condition:
    """Which articles: all of its parts must hold; no part means every article. Parts are joined by `&`.

    Attributes:
        values: fields, each with the values of which it must have one.
        missing: fields that must have no value.
        unlike: fields, each with a value that it must not have.
        since: moments (of a field) in Kibana's date arithmetic, at or after which the article must be.
    """

    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    missing: tuple[str, ...] = ()
    since: tuple[tuple[str, str], ...] = ()
    unlike: tuple[tuple[str, str], ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition(self.values + other.values, self.missing + other.missing, self.since + other.since, self.unlike + other.unlike)

    @property
    def kql(self) -> str:
        """The condition in Kibana's query language; empty for every article."""
        parts = []
        for name, values in self.values:
            quoted = [_quoted(value) for value in values]
            parts.append(f"{name} : {quoted[0]}" if len(quoted) == 1 else f"{name} : ({' or '.join(quoted)})")
        parts += [f"not {name} : *" for name in self.missing]
        parts += [f"not {name} : {_quoted(value)}" for name, value in self.unlike]
        parts += [f'{name} >= "{moment}"' for name, moment in self.since]
        return " and ".join(parts)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


EVERY_ARTICLE = Condition()
RELEVANT = Condition(unlike=(("key.topic", IRRELEVANT),))
"""The articles that staff did not mark as not relevant; every dashboard is about these, as the search page is."""


def one_of(name: str, values: Iterable[str]) -> Condition:
    r"""The articles whose field `name` has one of `values`.

    >>> one_of("topic", ["security", "traffic"]).kql
    'topic : ("security" or "traffic")'
    >>> one_of("source", ['a "b"']).kql
    'source : "a \\"b\\""'
    """
    return Condition(values=((name, tuple(values)),))


def without(name: str) -> Condition:
    """The articles whose field `name` is empty."""
    return Condition(missing=(name,))


def since(name: str, moment: str) -> Condition:
    """The articles whose date `name` is at or after `moment` ("now-24h")."""
    return Condition(since=((name, moment),))


@dataclass(frozen=True)
class Count:
    """How many articles of those that the panel is about are also `where`."""

    label: Name
    where: Condition = EVERY_ARTICLE
    colour: str = ""


@dataclass(frozen=True)
class Distinct:
    """How many different values of `field`. Elasticsearch estimates it above 3,000."""

    label: Name
    field: str


@dataclass(frozen=True)
class Share:
    """The share of the articles that are `where`, 0 to 1, shown as per cent."""

    label: Name
    where: Condition
    colour: str = ""


@dataclass(frozen=True)
class Latest:
    """The latest moment of the date `field`."""

    label: Name
    field: str


@dataclass(frozen=True)
class Days:
    """One group per day of the dashboard's time, in the time zone that Kibana is set to; days without articles too."""

    label: Name


@dataclass(frozen=True)
class Groups:
    """Named groups, each with its condition, in this order; an article may be in several."""

    label: Name
    groups: tuple[tuple[Name, Condition], ...]


@dataclass(frozen=True)
class Values:
    """One group per value of `field`: the `size` most frequent ones."""

    label: Name
    field: str
    size: int


Metric = Count | Distinct | Share | Latest
Grouping = Days | Groups | Values


@dataclass(frozen=True)
class Place:
    """Where a panel stands: Kibana's grid has 48 columns; a row is about 20 pixels high."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Panel:
    """One panel: `metrics` by `by`, over the articles that are `where`; a table is `sorted_by` one of its metrics, by number."""

    key: str
    title: Name
    form: Form
    place: Place
    metrics: tuple[Metric, ...]
    by: Grouping | None = None
    where: Condition = EVERY_ARTICLE
    sorted_by: tuple[int, Literal["asc", "desc"]] = (0, "desc")


@dataclass(frozen=True)
class ArticleList:
    """The newest articles that are `where`, with `columns`."""

    key: str
    title: Name
    place: Place
    columns: tuple[str, ...]
    where: Condition


@dataclass(frozen=True)
class Note:
    """A text for the reader, in Markdown."""

    key: str
    text: Name
    place: Place


@dataclass(frozen=True)
class Dashboard:
    """A page of panels.

    Attributes:
        key: the stable part of its id.
        since: beginning of the time that it opens with, in Kibana's date arithmetic; the end is now.
        controls: fields that the reader can choose values of, with their names.
        time: the date that the reader's time range is about: when articles were published, or when we found them.
        links: what the note offers on our search page.
    """

    key: str
    title: Name
    description: Name
    since: str
    panels: tuple[Panel, ...]
    lists: tuple[ArticleList, ...] = ()
    notes: tuple[Note, ...] = ()
    controls: tuple[tuple[str, Name], ...] = field(default=())
    time: Time = "published_at"
    links: tuple[tuple[Name, Condition], ...] = ()
