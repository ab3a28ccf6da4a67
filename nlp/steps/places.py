"""The administrative units that title, lead and body name."""

from __future__ import annotations

from datetime import date, datetime

from diembao.article import Place
from diembao.clock import vietnam_day
from nlp.gazetteer import gazetteer
from nlp.step import Step
from nlp.toponyms import find_places


def places(text: str, published_at: datetime | None, office_province: str | None, outlet_province: str | None = None) -> list[Place]:
    """Each unit once, in the order in which they are first named."""
    day = _day(published_at)
    known = gazetteer()
    found: dict[str, Place] = {}
    for mention in find_places(text, office_province, day, outlet_province):
        unit = mention.unit
        found.setdefault(unit.code, known.place(unit))
    return list(found.values())


def _day(moment: datetime | None) -> date | None:
    """The day in Vietnam; None without one, and for the last hours of the year 9999, which have none there."""
    try:
        return vietnam_day(moment) if moment else None
    except OverflowError:
        return None


STEP = Step(places, version=6, writes="places")
