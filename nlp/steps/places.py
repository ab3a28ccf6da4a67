"""The administrative units that title, lead and body name."""

from __future__ import annotations

from datetime import datetime

from diembao.article import Place
from diembao.clock import vietnam_day
from nlp.gazetteer import gazetteer
from nlp.step import Step
from nlp.toponyms import find_places


def places(text: str, published_at: datetime | None, office_province: str | None, outlet_province: str | None = None) -> list[Place]:
    """Each unit once, in the order in which they are first named."""
    day = vietnam_day(published_at) if published_at else None
    known = gazetteer()
    found: dict[str, Place] = {}
    for mention in find_places(text, office_province, day, outlet_province):
        unit = mention.unit
        found.setdefault(unit.code, known.place(unit))
    return list(found.values())


STEP = Step(places, version=4, writes="places")
