"""How well tagging tells which administrative units a headline and its lead name (`tests/data/places/README.md`).

    python -m benchmarks.places                                       the labelled items whose texts are in the repository
    python -m benchmarks.places --texts train.jsonl.gz --wrong        the others too, their texts by id; and what went wrong

    python -m benchmarks.places --provinces [--texts train.jsonl.gz]  today's provinces of 757 headlines of 2017-2026, by year

Prints, for the development and the test part: the share of labelled units that are found as exactly that unit, the share of found
units that are right, and precision and recall of today's provinces per item. With --provinces: these alone, with 95 % intervals
(Wilson), of items that are tagged as `diembao tag` gets them: title and lead, without day and address.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

from diembao.article import Article, Place
from nlp.gazetteer import Unit, gazetteer, name_key, split_kind
from nlp.step import discover
from nlp.tagging import Tagger

PROJECT = Path(__file__).parent.parent
LABELS = PROJECT / "tests" / "data" / "places" / "mentions.jsonl"
PROVINCE_LABELS = PROJECT / "tests" / "data" / "places" / "headline_provinces.jsonl"

_LEAD = 330
"""Leads of the items of PROVINCE_LABELS were read and are tagged up to so many code points."""


@dataclass
class Score:
    """Counts of units and of provinces per item."""

    units: int = 0
    found: int = 0
    reported: int = 0
    reported_right: int = 0
    provinces: int = 0
    provinces_reported: int = 0
    provinces_right: int = 0
    items: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Share of the labelled units that are found as exactly that unit."""
        return self.found / self.units

    @property
    def unit_precision(self) -> float:
        """Share of the reported units that are labelled."""
        return self.reported_right / self.reported

    @property
    def precision(self) -> float:
        """Of today's provinces per item."""
        return self.provinces_right / self.provinces_reported

    @property
    def recall(self) -> float:
        """Of today's provinces per item."""
        return self.provinces_right / self.provinces

    def __str__(self) -> str:
        return (
            f"{self.items} items: {self.found} of {self.units} units found ({self.accuracy:.3f}), {self.reported_right} of "
            f"{self.reported} reported right ({self.unit_precision:.3f}); provinces P {self.precision:.3f} R {self.recall:.3f} "
            f"({self.provinces_right} right, {self.provinces_reported} reported, {self.provinces} labelled)"
        )


def is_unit(place: Place, label: str) -> bool:
    """Whether `place` is the unit that `label` writes (see the README of the labels)."""
    today = "@" in label
    parts = [part.strip() for part in label.lstrip("?").replace("@", "<@").split("<")]
    if label.lstrip("?").startswith("@"):
        parts = [parts[-1]]
    unit = _units()[place.code]
    if len(parts) == 1:
        short = parts[0].lstrip("@")
        if unit.level != "province" or name_key(unit.short) != name_key(short):
            return False
        return unit.valid_to is None if today else unit.valid_to is not None or not unit.former
    kind, short = split_kind(parts[0])
    if unit.level == "province" or name_key(unit.short) != name_key(short):
        return False
    if today:
        return unit.valid_to is None and unit.kind == kind and unit.province == gazetteer().province_code(parts[-1].lstrip("@"))
    if unit.valid_to is None or unit.level != ("district" if len(parts) == 2 else "ward"):
        return False
    if not any(found.level == "province" and name_key(found.short) == name_key(parts[-1]) for found in _above(unit)):
        return False
    namesakes = [
        other for other in gazetteer().by_key[name_key(unit.short)] if other.level == unit.level and other.inside[-1:] == unit.inside[-1:]
    ]
    if unit.kind != kind and any(other.kind == kind and other.inside == unit.inside for other in namesakes):
        return False  # "thị xã Kỳ Anh" and "huyện Kỳ Anh" are two; without such a pair the rank has only changed
    inside = [
        other for other in namesakes if len(parts) == 2 or any(name_key(found.short) == name_key(parts[1]) for found in _above(other))
    ]
    return unit in inside or (not inside and len(namesakes) == 1)  # the data know it in another district of the province


@cache
def _above(unit: Unit) -> list[Unit]:
    """The former units that it lay in."""
    return [found for code, found in _units().items() if code in unit.inside]


@cache
def _units() -> dict[str, Unit]:
    return {unit.code: unit for units in gazetteer().by_key.values() for unit in units}


def province_of(label: str) -> str:
    """Today's province of a labelled unit, by its name."""
    known = gazetteer()
    code = known.province_code(label.lstrip("?").replace("@", "<").split("<")[-1].strip())
    if code is None:
        raise ValueError(f"{label!r} ends with no province")
    return known.province_name(code)


def measure(records: Iterable[Mapping[str, Any]]) -> Score:
    """The score on labelled items with `title`, `lead`, `url`, `published` and `units`."""
    tagger = Tagger(PROJECT / "config", steps=[step for step in discover() if step.name == "places"])
    score = Score()
    for record in records:
        day = datetime.fromisoformat(record["published"]).replace(hour=5, tzinfo=UTC)
        article = Article(title=record["title"], lead=record["lead"], url=record["url"], published_at=day)
        places = tagger.tag(article).places
        wanted = [label for label in record["units"] if not label.startswith("?")]
        score.items += 1
        for label in wanted:
            hit = any(is_unit(place, label) for place in places)
            score.units += 1
            score.found += hit
            if not hit:
                score.errors.append(f"missed {label!r}: {article.title} | {article.lead}")
        for place in places:
            matching = [label for label in record["units"] if is_unit(place, label)]
            if matching and all(label.startswith("?") for label in matching):
                continue
            score.reported += 1
            score.reported_right += bool(matching)
            if not matching:
                score.errors.append(f"reported {place.name} ({place.province}, {place.code}): {article.title} | {article.lead}")
        expected = {province_of(label) for label in wanted}
        open_ones = {province_of(label) for label in record["units"]} - expected
        found = {place.province for place in places} - open_ones
        score.provinces += len(expected)
        score.provinces_reported += len(found)
        score.provinces_right += len(found & expected)
    return score


@dataclass
class ProvinceScore:
    """Counts of today's provinces per item."""

    items: int = 0
    labelled: int = 0
    reported: int = 0
    right: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the reported provinces that are labelled; 1 when none is reported."""
        return self.right / self.reported if self.reported else 1.0

    @property
    def recall(self) -> float:
        """Share of the labelled provinces that are reported; 1 when none is labelled."""
        return self.right / self.labelled if self.labelled else 1.0

    def __str__(self) -> str:
        return (
            f"{self.items} items, {self.labelled} provinces: P {self.precision:.3f} {_interval(self.right, self.reported)}"
            f" R {self.recall:.3f} {_interval(self.right, self.labelled)} ({self.reported - self.right} wrong,"
            f" {self.labelled - self.right} missed)"
        )


def _interval(hits: int, count: int) -> str:
    """The 95 % interval of a share by Wilson's score."""
    if not count:
        return "[-]"
    share, z = hits / count, 1.96
    middle, width = share + z * z / (2 * count), z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return f"[{(middle - width) / (1 + z * z / count):.3f}, {min(1.0, (middle + width) / (1 + z * z / count)):.3f}]"


def measure_provinces(records: Iterable[Mapping[str, Any]]) -> ProvinceScore:
    """The score on items with `title`, `lead`, `provinces` and, where the reader left some open, `open`."""
    tagger = Tagger(PROJECT / "config", steps=[step for step in discover() if step.name == "places"])
    score = ProvinceScore()
    for record in records:
        places = tagger.tag(Article(title=record["title"], lead=record["lead"])).places
        expected = set(record["provinces"])
        found = {place.province for place in places} - (set(record.get("open", ())) - expected)
        score.items += 1
        score.labelled += len(expected)
        score.reported += len(found)
        score.right += len(found & expected)
        for kind, names in (("missed", expected - found), ("reported", found - expected)):
            if names:
                score.errors.append(f"{kind} {', '.join(sorted(names))}: {record['title']} | {record['lead']}")
    return score


def province_records(texts: Path | None = None) -> list[dict[str, Any]]:
    """The items of PROVINCE_LABELS whose text is in the repository, and those that `texts` has."""
    by_id = _texts(texts)
    records = [json.loads(line) for line in PROVINCE_LABELS.read_text(encoding="utf-8").splitlines()]
    found = [by_id.get(str(record["id"]), {}) | record for record in records]
    return [record | {"lead": record["lead"][:_LEAD]} for record in found if "title" in record]


def _texts(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None:
        return {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        items = map(json.loads, lines)
        return {str(item["id"]): {"title": item["title"], "lead": item["lead"] or "", "url": item["url"] or ""} for item in items}


def records_of(part: str, texts: Path | None = None) -> list[dict[str, Any]]:
    """The labelled items of a part ("development", "test"); those without text only when `texts` has them."""
    by_id = _texts(texts)
    found = []
    for line in LABELS.read_text(encoding="utf-8").splitlines():
        record = by_id.get(str(json.loads(line)["id"]), {}) | json.loads(line)
        if record["part"] == part and "title" in record:
            found.append(record)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="JSON lines (gzip) with id, title, lead, url of the items without text")
    parser.add_argument("--part", choices=["development", "test"], action="append")
    parser.add_argument("--provinces", action="store_true", help="today's provinces of headlines of 2017-2026")
    parser.add_argument("--wrong", action="store_true", help="list what went wrong")
    arguments = parser.parse_args()
    for part in arguments.part or ("development", "test"):
        if arguments.provinces:
            _print_provinces([record for record in province_records(arguments.texts) if record["part"] == part], part, arguments.wrong)
            continue
        score = measure(records_of(part, arguments.texts))
        print(f"{part}: {score}")
        if arguments.wrong:
            print("\n".join(f"  {error}" for error in score.errors))


def _print_provinces(records: list[dict[str, Any]], part: str, wrong: bool) -> None:
    groups = {f"{part}, {name}": [record for record in records if record["set"] == name] for name in ("natural", "named")}
    for name, group in {f"{part}, all": records, **groups}.items():
        score = measure_provinces(group)
        print(f"{name}: {score}")
    for year in sorted({record["year"] for record in records}):
        print(f"{part}, {year}: {measure_provinces(record for record in records if record['year'] == year)}")
    if wrong:
        print("\n".join(f"  {error}" for error in measure_provinces(records).errors))


if __name__ == "__main__":
    main()
