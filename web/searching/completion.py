"""Names of fields and of their values, offered while somebody types a query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import islice

from index.analysis import strip_accents
from index.query import DATE_FIELDS, KEYWORD_FIELDS, SYNONYMS, TEXT_FIELDS
from nlp.gazetteer import gazetteer
from web.desk import Names
from web.searching.addresses import CRITICAL_OF, KINDS, SENTIMENTS, day_parameter
from web.texts import Texts

MOST = 10
PAGE_KINDS = ("article", "gallery", "video", "live", "teaser")
_VALUE = re.compile(r'(?:^|[\s(+-])([A-Za-z_]+):("[^"]*|[^\s"()]*)$')
_NAME = re.compile(r"(?:^|[\s(+-])([A-Za-z_]{2,})$")
FIELDS = (
    "title", "lead", "body", "author", "section", "tag", "place", "topic", "sentiment", "critical_of", "source", "kind", "page_kind",
    "story", "copy_of", "url", "published_at", "modified_at", "first_seen_at", SYNONYMS,
)  # fmt: skip
"""The names that are offered; other spellings of the same field are not."""


@dataclass(frozen=True)
class Offer:
    """What can stand in the query from `start` to where the reader is: the text that is put there, and how people call it."""

    start: int
    text: str
    label: str
    note: str = ""


def complete(typed: str, texts: Texts, names: Names) -> list[Offer]:
    """Offers for the end of `typed`, the query up to where the reader is; empty when there is nothing to offer.

    Behind `field:` values of that field, by their code or any word of their name, with or without accents; elsewhere names of fields.
    """
    is_inside_quotes = typed.count('"') % 2 == 1
    if found := _VALUE.search(typed):
        field, begun, start = found.group(1).lower(), found.group(2), found.start(2)
        if is_inside_quotes and not begun.startswith('"'):
            return []
        values = _values(field, begun.removeprefix('"'), texts, names)
        return [Offer(start, text, label, note) for text, label, note in islice(values, MOST)]
    if not is_inside_quotes and (name := _NAME.search(typed)):
        begun = name.group(1).lower()
        return [Offer(name.start(1), f"{field}:", f"{field}:", texts(f"complete.{field}")) for field in FIELDS if field.startswith(begun)]
    return []


def _values(field: str, begun: str, texts: Texts, names: Names) -> Iterator[tuple[str, str, str]]:
    """(text, label, note) of the values that begin so."""
    kind = TEXT_FIELDS.get(field) or KEYWORD_FIELDS.get(field)
    closed = {"sentiment": SENTIMENTS, "critical_of": CRITICAL_OF, "kind": KINDS}
    if kind == "topic":
        coded = [(code, names("topic", code)) for code in names.taxonomy.topics]
    elif kind in closed:
        coded = [(code, texts(f"{kind}.{code}")) for code in closed[kind]]
    elif kind == "page_kind":
        coded = [(code, texts(f"complete.page_kind.{code}")) for code in PAGE_KINDS]
    elif kind == "source":
        coded = sorted(names.sources.items(), key=lambda one: _plain(one[1]))
    elif kind == "place":
        yield from _places(begun)
        return
    elif field in DATE_FIELDS:
        today = day_parameter(texts.now)
        coded = [
            (today, texts("complete.today")),
            (f">={day_parameter(texts.now - timedelta(days=7))}", texts("complete.week")),
            (f"[{day_parameter(texts.now - timedelta(days=30))} TO {today}]", texts("complete.days")),
        ]
        yield from ((code, code, label) for code, label in coded if code.startswith(begun))
        return
    else:
        return
    wanted = _plain(begun)
    for code, label in coded:
        if code.lower().startswith(wanted) or any(part.startswith(wanted) for part in _beginnings(label)):
            yield (code if re.fullmatch(r"[\w-]+", code) else f'"{code}"'), label, code


def _plain(text: str) -> str:
    return strip_accents(text).lower()


def _beginnings(label: str) -> list[str]:
    """The name from each of its words on."""
    words = _plain(label).split()
    return [" ".join(words[at:]) for at in range(len(words))]


@cache
def _units() -> list[tuple[str, str, str, str]]:
    """(comparable name, text of the query, label, note) of all units of today and the former provinces; provinces first."""
    places = gazetteer()
    units = {unit.code: unit for found in places.by_key.values() for unit in found}
    rows = []
    for unit in units.values():
        if unit.level == "province":
            note = "" if unit.valid_to is None else f"→ {places.province_name(unit.province)}"
            rows.append((0 if unit.valid_to is None else 1, _plain(unit.short), f'"{unit.short}"', unit.name, note))
        elif unit.valid_to is None:
            rows.append((2, _plain(unit.short), f'"{unit.code}"', f"{unit.name}, {places.province_name(unit.province)}", ""))
    return [(name, text, label, note) for _, name, text, label, note in sorted(rows)]


def _places(begun: str) -> Iterator[tuple[str, str, str]]:
    wanted = _plain(begun.strip())
    given = set()
    for name, text, label, note in _units():
        if (name.startswith(wanted) or _plain(label).startswith(wanted)) and text not in given:
            given.add(text)
            yield text, label, note
