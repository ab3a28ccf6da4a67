"""The state of a search as its address: what is in the address is what the page shows, so every state can be shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Literal, Self, cast
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from diembao.clock import start_of_day, to_utc, vietnam_day
from diembao.engine import Filters, SearchRequest, Sort

LONGEST_QUERY = 1000
"""Characters of a query. A saved search of an office is well below; more is refused with a message."""
LONGEST_VALUE = 200
MOST_VALUES = 20
LONGEST_CURSOR = 16_000
"""Characters of a cursor: those of thousands of hits that were shown, and half of what a server takes in an address."""
YEARS = range(1900, 2200)
"""Days outside of these years are mistakes; a chart over ten thousand years would be one too."""

SENTIMENTS = ("negative", "neutral", "positive")
CRITICAL_OF = ("authority", "organisation", "none")
KINDS = ("newspaper", "portal", "forum", "social", "video", "feedback")

FilterName = Literal["topic", "sentiment", "critical_of", "place", "source", "kind"]
FILTERS: tuple[FilterName, ...] = ("topic", "sentiment", "critical_of", "place", "source", "kind")
"""The filters that take several values, by their name in the address; also the names of the engine's facets."""
_COMPARED = ("q", "from", "to", "story", "copies", *FILTERS)
"""What of a search can be compared; order, grouping and page say nothing about what is found."""
_CLOSED: Mapping[str, tuple[str, ...]] = {"sentiment": SENTIMENTS, "critical_of": CRITICAL_OF, "kind": KINDS}


@dataclass(frozen=True)
class SearchAddress:
    """What an address of the search page says.

    Attributes:
        q: the query as typed.
        from_, to: first and last day ("2026-11-20", Vietnam), or moments ("2026-11-20T07:00", Vietnam; `to` exclusive); empty: open.
        topic, sentiment, critical_of, place, source, kind: wanted values, several mean OR.
        story: only this story.
        sort: "relevance", "time", or empty: by relevance where there is a query, else newest first.
        copies: show copies one by one instead of folded into their origin.
        group: "story": one hit for each story; or empty.
        after: cursor of the page before.
    """

    q: str = ""
    from_: str = ""
    to: str = ""
    topic: tuple[str, ...] = ()
    sentiment: tuple[str, ...] = ()
    critical_of: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    story: str = ""
    sort: str = ""
    copies: bool = False
    group: str = ""
    after: str = ""

    @classmethod
    def parse(cls, params: QueryParams) -> tuple[Self, dict[str, str]]:
        """The address of `params`, and by parameter the key of the text that says what is wrong with it.

        A wrong parameter is left out of the address, so the page can still show the rest. Unknown parameters are ignored.
        """
        problems: dict[str, str] = {}

        def one(name: str, longest: int = LONGEST_VALUE) -> str:
            value = (params.get(name) or "").strip().replace("\x00", "")
            if len(value) > longest:
                problems[name] = "problem.long"
                return ""
            return value

        def day(name: str) -> str:
            value = one(name)
            if value and _moment(value, end=name == "to") is None:
                problems[name] = "problem.date"
                return ""
            return value

        def several(name: str) -> tuple[str, ...]:
            values = tuple(dict.fromkeys(value.strip().replace("\x00", "") for value in params.getlist(name) if value.strip()))
            known = _CLOSED.get(name)
            if len(values) > MOST_VALUES or any(len(value) > LONGEST_VALUE for value in values):
                problems[name] = "problem.many"
                return ()
            if known and set(values) - set(known):
                problems[name] = "problem.value"
                return ()
            return values

        sort = one("sort")
        if sort not in ("", "relevance", "time"):
            problems["sort"] = "problem.value"
            sort = ""
        group = one("group")
        if group not in ("", "story"):
            problems["group"] = "problem.value"
            group = ""
        address = cls(
            q=one("q", LONGEST_QUERY),
            from_=day("from"),
            to=day("to"),
            story=one("story"),
            sort=sort,
            copies=one("copies") in ("1", "true", "on", "yes"),
            group=group,
            after=one("after", LONGEST_CURSOR),
            **{name: several(name) for name in FILTERS},
        )
        lower, upper = address.filters().published_from, address.filters().published_to
        if lower and upper and lower >= upper:
            problems["to"] = "problem.order"
            address = replace(address, to="")
        return address, problems

    @property
    def order(self) -> Sort:
        """The order that applies."""
        return cast(Sort, self.sort) if self.sort else ("relevance" if self.q else "time")

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the query narrows the search."""
        return bool(self.from_ or self.to or self.story or any(self.values(name) for name in FILTERS))

    def values(self, name: FilterName) -> tuple[str, ...]:
        """The chosen values of one filter."""
        return cast(tuple[str, ...], getattr(self, name))

    def filters(self) -> Filters:
        """The filters for the engine."""
        return Filters(
            published_from=_moment(self.from_),
            published_to=_moment(self.to, end=True),
            topics=self.topic,
            sentiments=self.sentiment,
            critical_of=self.critical_of,
            places=self.place,
            sources=self.source,
            kinds=self.kind,
            story_id=self.story or None,
        )

    def request(self, limit: int, now: datetime, facets: bool = True) -> SearchRequest:
        """The search for the engine; `now`, aware, is the moment from which the age of articles counts."""
        return SearchRequest(
            query=self.q,
            filters=self.filters(),
            fold_copies=not self.copies,
            sort=self.order,
            limit=limit,
            after=self.after or None,
            facets=facets,
            group_by="story" if self.group else None,
            now=now,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the address that are set, in a fixed order."""
        found: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            name = field.name.rstrip("_")
            if isinstance(value, tuple):
                found += [(name, part) for part in value]
            elif value:
                found.append((name, "1" if value is True else value))
        return found

    def href(self, path: str = "/search") -> str:
        """The address below `path`, relative to the host.

        >>> SearchAddress(q="lũ", topic=("health",)).href()
        '/search?q=l%C5%A9&topic=health'
        """
        query = urlencode(self.pairs())
        return f"{path}?{query}" if query else path

    def changed(self, **changes: object) -> Self:
        """The same search with `changes`, from its first page."""
        return replace(self, **{"after": "", **changes})  # type: ignore[arg-type]

    def with_value(self, name: FilterName, value: str) -> Self:
        """The same search narrowed to `value` too."""
        return self.changed(**{name: (*(v for v in self.values(name) if v != value), value)})

    def without_value(self, name: FilterName, value: str) -> Self:
        """The same search without `value` in the filter."""
        return self.changed(**{name: tuple(v for v in self.values(name) if v != value)})

    def compare_href(self, other: SearchAddress | None = None, path: str = "/compare") -> str:
        """The address that compares this search with `other`, or asks what with.

        >>> SearchAddress(q="lũ").compare_href(SearchAddress(q="hạn"))
        '/compare?a.q=l%C5%A9&b.q=h%E1%BA%A1n'
        """
        sides = [("a", self), *([("b", other)] if other is not None else [])]
        pairs = [(f"{side}.{name}", value) for side, one in sides for name, value in one.pairs() if name in _COMPARED]
        query = urlencode(pairs)
        return f"{path}?{query}" if query else path

    @classmethod
    def parse_side(cls, params: QueryParams, side: str) -> tuple[Self, dict[str, str]]:
        """One of the two searches of a comparison: its parameters begin with "a." or "b.". Else as `parse`."""
        own = [(name[2:], value) for name, value in params.multi_items() if name.startswith(f"{side}.")]
        return cls.parse(QueryParams([(name, value) for name, value in own if name in _COMPARED]))

    def to_record(self) -> dict[str, str | list[str]]:
        """What a saved search keeps: everything but the order and the page."""
        found: dict[str, str | list[str]] = {}
        for name, value in self.pairs():
            if name in FILTERS:
                known = found.setdefault(name, [])
                if isinstance(known, list):
                    known.append(value)
            elif name in ("q", "from", "to", "story"):
                found[name] = value
        return found

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Self:
        """The address of a saved search; what cannot be read any more is left out."""
        return cls.from_pairs(
            [(name, str(one)) for name, value in record.items() for one in (value if isinstance(value, list) else [value])]
        )

    @classmethod
    def from_pairs(cls, pairs: Sequence[tuple[str, str]]) -> Self:
        """The address of these parameters, without order, grouping and page; what is wrong or no parameter of a search is left out."""
        return cls.parse(QueryParams([pair for pair in pairs if pair[0] in ("q", "from", "to", "story", *FILTERS)]))[0]

    def cleared(self) -> Self:
        """Only the query of this search."""
        return type(self)(q=self.q)


def _moment(value: str, *, end: bool = False) -> datetime | None:
    """The moment that a date or a local date and time means; with `end`, a date means the end of its day."""
    if not value:
        return None
    try:
        day = date.fromisoformat(value[:10])
        if day.year not in YEARS:
            return None
        if "T" in value:
            return to_utc(datetime.fromisoformat(value))
        return start_of_day(date.fromisoformat(value) + timedelta(days=1) if end else date.fromisoformat(value))
    except (ValueError, OverflowError):
        return None


def day_parameter(moment: datetime) -> str:
    """The day of `moment` in Vietnam as an address has it."""
    return vietnam_day(moment).isoformat()
