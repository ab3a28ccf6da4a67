"""An alert: a rule that fired, with everything a reader needs to check it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from diembao.article import Moment


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeriesPoint(_Value):
    """One interval of the series that a rule watches.

    Attributes:
        start: beginning of the interval, aware UTC.
        observed: what was counted.
        expected: what was to be expected; None where there was not enough history.
        upper: the count that is exceeded with the rule's probability only; None where expected is None.
    """

    start: Moment
    observed: int
    expected: float | None = None
    upper: float | None = None


class Evidence(_Value):
    """One story behind an alert: its first article, and how far it spread."""

    article_id: str
    title: str
    url: str
    source: str
    published_at: Moment | None
    sentences: list[str] = Field(default_factory=list, description="the sentences that made it negative")
    copies: int = 0
    outlets: list[str] = Field(default_factory=list, description="source ids that carry the story, the first publisher first")
    places: list[str] = Field(default_factory=list)


class Alert(_Value):
    """What a rule found.

    `id` is a hash of rule, series and the beginning, so evaluating the same window twice is one alert.
    """

    id: str
    rule: str = Field(description="name of the rule")
    kind: str = Field(description="kind of rule (module in alerts/rules/)")
    series: str = Field(description="which series fired, e.g. 'environment' or 'environment × Đồng Tháp'")
    title: str = Field(description="one sentence in Vietnamese that says what happened")
    query: str = Field(default="", description="query that shows the articles, in the query language")
    state: Literal["open", "closed"] = "open"
    window_start: Moment
    window_end: Moment
    evaluated_at: Moment
    observed: int
    expected: float
    probability: float = Field(description="of at least `observed` if nothing had changed, 0 to 1")
    points: list[SeriesPoint] = Field(default_factory=list, description="the series up to window_end, oldest first")
    evidence: list[Evidence] = Field(default_factory=list, description="the stories behind it, most important first")
    title_en: str = Field(default="", description="the title in English; empty (an alert of an older version): there is only `title`")
    ends_when: str = Field(default="", description="what would end the alert, in Vietnamese")
    ends_when_en: str = Field(default="", description="the same in English")
    unit: str = Field(default="", description="what `observed` counts, in Vietnamese; empty: told by the title")
    unit_en: str = Field(default="", description="the same in English")
    reason: str = Field(default="", description="why the rule fired, one or two sentences in Vietnamese; empty: observed against expected")
    reason_en: str = Field(default="", description="the same in English")
    recipients: list[str] = Field(default_factory=list, description="the rule's own people: only they are told; empty: who subscribed")
    has_expectation: bool = Field(default=True, description="false: `expected` and `probability` say nothing (kinds that compare nothing)")

    def title_in(self, language: str) -> str:
        """The title in "en" where there is one, else in Vietnamese."""
        return (language == "en" and self.title_en) or self.title

    def reason_in(self, language: str) -> str:
        """Why the rule fired, as `title_in`."""
        return (language == "en" and self.reason_en) or self.reason

    def ends_when_in(self, language: str) -> str:
        """What would end the alert, as `title_in`."""
        return (language == "en" and self.ends_when_en) or self.ends_when

    def unit_in(self, language: str) -> str:
        """What `observed` counts, as `title_in`."""
        return (language == "en" and self.unit_en) or self.unit
