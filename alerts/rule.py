"""What the rules of every kind have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from diembao.engine import Filters

RECENT = timedelta(days=7)
"""Alerts that ended longer ago than this are not reported again, unless a kind says a shorter time."""


class Rule(BaseModel):
    """The keys that every rule may have; a kind adds its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recent: ClassVar[timedelta] = RECENT
    """How far an evaluation looks back for alerts that ended meanwhile."""

    kind: str
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$", description="id of the rule: small letters, digits, - and _")]
    label: str = Field(default="", max_length=200, description="how mails call it; empty: the name of the series")
    enabled: bool = True
    query: str = Field(default="", max_length=4000, description="only articles that match, in the query language; empty: all")
    topics: tuple[str, ...] = Field(default=(), description="only these topics")
    places: tuple[str, ...] = Field(default=(), description="only these provinces or units")
    critical_of: tuple[Literal["authority", "organisation"], ...] = Field(default=(), description="only what criticises these")
    people: tuple[str, ...] = Field(default=(), max_length=50, description="only these mail addresses and services; empty: who subscribed")

    @property
    def title(self) -> str:
        """How people call the rule."""
        return self.label or self.name

    @property
    def budget(self) -> float | None:
        """Alerts a year that are accepted by chance; None for a kind that leaves nothing to chance."""
        return None

    @property
    def reach(self) -> timedelta:
        """How much of the past an evaluation reads before the first moment that it judges."""
        return timedelta(0)

    @property
    def filters(self) -> Filters:
        """What the rule's articles are narrowed to."""
        return Filters(topics=self.topics, places=self.places, critical_of=self.critical_of)

    @property
    def is_narrowed(self) -> bool:
        """Whether the rule says anything about the articles."""
        return bool(self.query.strip() or self.topics or self.places or self.critical_of)


def query_of(query: str, filters: Filters, *more: str) -> str:
    """The query that shows the articles of `query` and `filters`, in the query language.

    >>> query_of("sông OR kênh", Filters(topics=("environment", "urban"), places=("Đồng Tháp",)), "sentiment:negative")
    '(sông OR kênh) AND topic:(environment OR urban) AND (place:"Đồng Tháp") AND sentiment:negative'
    """
    parts = [f"({query})"] if query else []
    for field, values in (("topic", filters.topics), ("critical_of", filters.critical_of)):
        if values:
            parts.append(f"{field}:{values[0]}" if len(values) == 1 else f"{field}:({' OR '.join(values)})")
    if filters.places:
        parts.append("(" + " OR ".join(f'place:"{place}"' for place in filters.places) + ")")
    return " AND ".join([*parts, *more])
