"""The administrative unit that a person names."""

from __future__ import annotations

from functools import cache

from diembao.article import Place
from diembao.errors import UsageError
from nlp.gazetteer import Unit, gazetteer, name_key, split_kind

_SHOWN = 6


def place_named(text: str) -> Place:
    """The place with this code or name.

    A name may have its rank before it and a unit in which it lies behind it: "Tân Phú", "Xã Tân Phú", "Xã Tân Phú, Đồng Tháp". Of
    several the one that exists today counts, a province before a ward.

    Raises:
        UsageError: when no unit, or more than one, has the name; names the first of several with their codes.

    >>> place_named("dong thap").code, place_named("Tỉnh Tiền Giang").province, place_named("82").name
    ('82', 'Đồng Tháp', 'Tỉnh Đồng Tháp')
    """
    places = gazetteer()
    given = text.strip()
    if given in _by_code():
        return places.place(_newest(_by_code()[given]))
    name, *inside = (part.strip() for part in given.split(","))
    kind, _ = split_kind(name)
    found = [unit for unit in places.by_key.get(name_key(name), ()) if not kind or unit.kind == kind]
    for outer in inside:
        codes = {unit.code for unit in places.by_key.get(name_key(outer), ())}
        found = [unit for unit in found if unit.province in codes or codes.intersection(unit.inside)]
    for narrower in (lambda unit: unit.level == "province", lambda unit: unit.valid_to is None):
        if len(found) > 1 and (some := [unit for unit in found if narrower(unit)]):
            found = some
    if not found:
        raise UsageError(f"there is no place {given!r}", "Write its name or code: Đồng Tháp; Xã Tân Phú, Đồng Tháp; 82")
    if len(found) > 1:
        choices = ", ".join(f"{unit.code} ({unit.name}, {places.province_name(unit.province)})" for unit in found[:_SHOWN])
        raise UsageError(f"{len(found)} places are called {given!r}", f"Write the code: {choices}{', …' if len(found) > _SHOWN else ''}")
    return places.place(found[0])


@cache
def _by_code() -> dict[str, list[Unit]]:
    found: dict[str, list[Unit]] = {}
    for units in gazetteer().by_key.values():
        for unit in units:
            if unit not in found.setdefault(unit.code, []):
                found[unit.code].append(unit)
    return found


def _newest(units: list[Unit]) -> Unit:
    return next((unit for unit in units if unit.valid_to is None), units[0])
