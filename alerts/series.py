"""The series of rules that watch one for each field or topic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from alerts.rule import Rule
from diembao.engine import Filters
from diembao.taxonomy import Taxonomy


@dataclass(frozen=True)
class WatchedSeries:
    """One series of a rule: its code (stable), its name for people, and what is counted."""

    code: str
    name: str
    query: str
    filters: Filters


def series_of(rule: Rule, by: Literal["field", "topic", "nothing"], taxonomy: Taxonomy) -> list[WatchedSeries]:
    """The series of a rule that watches one per field or topic, or one alone."""

    def of(code: str, name: str, topics: tuple[str, ...]) -> WatchedSeries:
        filters = replace(rule.filters, topics=topics)
        return WatchedSeries(" × ".join([code, *rule.places]), " × ".join([rule.label or name, *rule.places]), rule.query, filters)

    if by == "field":
        fields = {code: tuple(t for t in field.topics if not rule.topics or t in rule.topics) for code, field in taxonomy.fields.items()}
        return [of(code, taxonomy.fields[code].name.vi, topics) for code, topics in fields.items() if topics]
    if by == "topic":
        return [of(code, taxonomy.topic_name(code), (code,)) for code in rule.topics or tuple(taxonomy.topics)]
    return [of(rule.name, rule.label or rule.name, rule.topics)]
