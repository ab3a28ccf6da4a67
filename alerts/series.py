"""The series of rules that watch one for each field or topic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from alerts.rule import Rule
from diembao.engine import Filters
from diembao.taxonomy import Name, Taxonomy


@dataclass(frozen=True)
class WatchedSeries:
    """One series of a rule: its code (stable), its name for people in Vietnamese and in English, and what is counted."""

    code: str
    name: str
    name_en: str
    query: str
    filters: Filters


def series_of(rule: Rule, by: Literal["field", "topic", "nothing"], taxonomy: Taxonomy) -> list[WatchedSeries]:
    """The series of a rule that watches one per field or topic, or one alone."""

    def of(code: str, name: Name, topics: tuple[str, ...]) -> WatchedSeries:
        filters = replace(rule.filters, topics=topics)
        vi, en = (" × ".join([rule.label or one, *rule.places]) for one in (name.vi, name.en))
        return WatchedSeries(" × ".join([code, *rule.places]), vi, en, rule.query, filters)

    if by == "field":
        fields = {code: tuple(t for t in field.topics if not rule.topics or t in rule.topics) for code, field in taxonomy.fields.items()}
        return [of(code, taxonomy.fields[code].name, topics) for code, topics in fields.items() if topics]
    if by == "topic":
        names = taxonomy.topics
        return [of(code, names.get(code, Name(vi=code, en=code)), (code,)) for code in rule.topics or tuple(names)]
    return [of(rule.name, Name(vi=rule.name, en=rule.name), rule.topics)]
