"""Where coverage is about: counts for the map of the 34 provinces, and for the wards of one of them under their old and new names."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from diembao.article import Article
from diembao.engine import SearchEngine, SearchRequest
from index.analysis import strip_accents
from nlp.gazetteer import FORMER, Unit, gazetteer
from web.searching.addresses import MOST_VALUES, SearchAddress

By = Literal["count", "negative"]
COLOURED_BY: tuple[By, ...] = ("count", "negative")
_SHARES = (0.1, 0.2, 0.3, 0.5)
"""Bounds between the colours of the negative share."""
FEWEST = 5
"""A share of fewer articles says nothing, and is not coloured."""
MOST_READ = 1_000
"""Articles of a province that are read for the numbers of its wards."""


@dataclass(frozen=True)
class Outline:
    """How a province is drawn: its path in tenths of a unit, and its islands as centres of circles."""

    path: str
    islands: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Picture:
    """The map without numbers: size, outlines by code, names of archipelagos as (province, x, y, text), and whose work it is."""

    width: int
    height: int
    outlines: Mapping[str, Outline]
    labels: tuple[tuple[str, float, float, str], ...]
    credit: str


@cache
def picture() -> Picture:
    """The map that the package brings."""
    data = json.loads((Path(__file__).parent / "data" / "provinces.json").read_text(encoding="utf-8"))
    outlines = {code: Outline(path, tuple((x, y) for x, y in data["islands"].get(code, []))) for code, path in data["paths"].items()}
    return Picture(
        data["width"], data["height"], outlines, tuple((code, x, y, text) for code, x, y, text in data["labels"]), data["credit"]
    )


@dataclass(frozen=True)
class Region:
    """A province on the map.

    Attributes:
        code, name: "82", "Đồng Tháp".
        total, negative: articles that the search finds there.
        colour: 0 (nothing to show) to 5.
        href: the search narrowed to it.
        wards_href: the map with the table of its wards.
        chosen: whether that is shown.
    """

    code: str
    name: str
    total: int
    negative: int
    colour: int
    href: str
    wards_href: str
    chosen: bool


@dataclass(frozen=True)
class Step:
    """A colour of the legend and the range that it means: from `low` (inclusive) to `high` (inclusive for counts); None: open."""

    colour: int
    low: float
    high: float | None


def regions(engine: SearchEngine, address: SearchAddress, by: By) -> tuple[list[Region], list[Step], int]:
    """The provinces, most articles first; the legend; and how many articles the search finds wherever they are.

    The search is taken without its places: each province has its own number, whichever is chosen.

    Raises:
        QueryError: for a query that cannot be understood.
        EngineError: when the engine fails.
    """
    anywhere = address.changed(place=())
    everything = engine.search(_counting(anywhere))
    totals = _places(everything.facets)
    may_be_negative = not address.sentiment or "negative" in address.sentiment
    negative = _places(engine.search(_counting(anywhere.changed(sentiment=("negative",)))).facets) if may_be_negative else {}
    provinces = gazetteer().provinces
    steps = share_steps() if by == "negative" else count_steps(list(totals.values()))
    found = []
    for code in picture().outlines:
        name = provinces[code].short
        total, bad = totals.get(name, 0), negative.get(name, 0)
        value = (bad / total if total >= FEWEST else None) if by == "negative" else total or None
        narrowed = anywhere.changed(place=(name,))
        wards = narrowed.changed(sort="").href("/map")
        found.append(
            Region(
                code,
                name,
                total,
                bad,
                0 if value is None else colour_of(value, steps),
                narrowed.href(),
                wards + ("&by=negative" if by == "negative" else "") + "#wards",
                name in address.place,
            )
        )
    return sorted(found, key=lambda region: (-region.total, strip_accents(region.name), region.name)), steps, everything.total


def _counting(address: SearchAddress) -> SearchRequest:
    return SearchRequest(address.q, address.filters(), fold_copies=not address.copies, limit=0, highlight=False)


def _places(facets: Mapping[str, Sequence[object]]) -> dict[str, int]:
    return {str(getattr(count, "value", "")): int(getattr(count, "count", 0)) for count in facets.get("place", ())}


def count_steps(counts: Sequence[int]) -> list[Step]:
    """Up to five ranges of counts, each about as many times the last as the next: coverage differs by powers of ten.

    >>> [(step.low, step.high) for step in count_steps([1, 900, 30])]
    [(1, 4), (5, 15), (16, 59), (60, 231), (232, 900)]
    """
    highest = max(counts, default=0)
    if highest <= 5:
        return [Step(number, number, number) for number in range(1, highest + 1)]
    uppers = [max(number, round(highest ** (number / 5))) for number in range(1, 5)]
    bounds = [0, *uppers, highest]
    return [Step(number, low + 1, high) for number, (low, high) in enumerate(pairwise(bounds), start=1) if low < high]


def share_steps() -> list[Step]:
    """The ranges of the negative share; the same for every search, so that two maps can be compared."""
    bounds = [0.0, *_SHARES]
    return [Step(number, low, high) for number, (low, high) in enumerate(zip(bounds, [*_SHARES, None], strict=True), start=1)]


def colour_of(value: float, steps: Sequence[Step]) -> int:
    """The colour of `value`: of the last step that begins at or below it."""
    return max((step.colour for step in steps if step.low <= value), default=1)


@dataclass(frozen=True)
class WardRow:
    """A unit inside a province, in the table.

    Attributes:
        name: today's name; of a former unit without a successor of its own (a district) its name then.
        former: names of the units that were merged into it.
        is_former: it ended with the merger.
        total, negative: articles that name it, under any of its names.
        href: the search for them.
    """

    name: str
    former: tuple[str, ...]
    is_former: bool
    total: int
    negative: int
    href: str


@dataclass(frozen=True)
class WardTable:
    """The units of a province: how many articles were read for the numbers, of how many; the rows, most articles first; units not named."""

    province: str
    read: int
    total: int
    rows: list[WardRow]
    unnamed: list[WardRow]


def wards(engine: SearchEngine, address: SearchAddress, province: str) -> WardTable:
    """The wards of a province with their numbers; a former commune counts for the ward that it became part of.

    Read from at most MOST_READ articles, a fair choice of all; with fewer than that each number is exactly what its link finds.

    Raises:
        QueryError, EngineError: as the search.
        KeyError: when there is no such province.
    """
    units = units_of(province)
    inside = address.changed(place=(province,))
    # Copies one by one: a copy may name a place that its origin does not, and each number is to be that of its link.
    total, articles = engine.sample(address.q, inside.filters(), MOST_READ, fold_copies=False)
    counts, negative = _named(articles, units.belongs)
    rows = []
    for unit in [*units.today, *units.districts]:
        codes = units.codes[unit.code]
        narrowed = address.changed(place=codes[:MOST_VALUES], copies=True)
        rows.append(WardRow(unit.name, unit.former, unit.valid_to is not None, counts[unit.code], negative[unit.code], narrowed.href()))
    rows.sort(key=lambda row: (-row.total, row.is_former, strip_accents(row.name), row.name))
    return WardTable(
        province,
        len(articles),
        total,
        [row for row in rows if row.total],
        [row for row in rows if not row.total and not row.is_former],
    )


@dataclass(frozen=True)
class Units:
    """The units of a province.

    Attributes:
        today: its wards of today.
        districts: its former districts.
        belongs: by code of a unit the codes under which it counts.
        codes: by code of a row all codes that count for it.
    """

    today: tuple[Unit, ...]
    districts: tuple[Unit, ...]
    belongs: Mapping[str, str]
    codes: Mapping[str, tuple[str, ...]]


@cache
def units_of(province: str) -> Units:
    """The units of today's province called `province`. Raises KeyError when there is none."""
    places = gazetteer()
    code = next((code for code, unit in places.provinces.items() if unit.short == province), None)
    if code is None:
        raise KeyError(province)
    units = {unit.code: unit for found in places.by_key.values() for unit in found if unit.province == code}
    today = sorted((unit for unit in units.values() if unit.level == "ward" and unit.valid_to is None), key=lambda unit: unit.name)
    districts = sorted((unit for unit in units.values() if unit.level == "district"), key=lambda unit: unit.name)
    successor = {former: unit.code for unit in today for former in unit.former}
    belongs = {unit.code: unit.code for unit in (*today, *districts)}
    for unit in units.values():
        if unit.level == "ward" and unit.valid_to is not None and unit.inside and unit.inside[0] in units:
            district = units[unit.inside[0]]
            belongs[unit.code] = successor.get(f"{unit.name}, {district.name}", district.code)
    codes: dict[str, list[str]] = defaultdict(list)
    for own, row in belongs.items():
        if own == row:
            codes[row].insert(0, own)
        else:
            codes[row].append(own)
    return Units(tuple(today), tuple(districts), belongs, {row: tuple(own) for row, own in codes.items()})


def _named(articles: Sequence[Article], belongs: Mapping[str, str]) -> tuple[Counter[str], Counter[str]]:
    counts: Counter[str] = Counter()
    negative: Counter[str] = Counter()
    for article in articles:
        rows = {belongs[place.code] for place in article.places if place.code in belongs}
        counts.update(rows)
        if article.sentiment is not None and article.sentiment.label == "negative":
            negative.update(rows)
    return counts, negative


@cache
def unit_name(code: str) -> str | None:
    """The name of the unit with this code, with today's province behind it unless it is one; None: there is none."""
    for found in gazetteer().by_key.values():
        for unit in found:
            if unit.code == code:
                if unit.level == "province":
                    return unit.short + (" (cũ)" if code.endswith(FORMER) else "")
                return f"{unit.name}, {gazetteer().province_name(unit.province)}"
    return None
