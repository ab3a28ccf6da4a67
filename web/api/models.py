"""What the API answers, in words: the description of the API is made from these, and the tests hold every answer against it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from diembao.alert import Alert
from diembao.article import CriticalOf, Kind, Moment, Place, Sentiment, TopicScore
from diembao.engine import Interval, Unit


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QueryProblem(_Answer):
    """What is wrong with a query, and where."""

    message_vi: str
    message_en: str
    position: int | None = Field(description="index of the first wrong character (code points, from 0); null: the end")


class Error(_Answer):
    """Why a request is not answered."""

    message: str = Field(description="one line for a person, in the language of `lang=` (vi or en) or of the office")
    hint: str = Field(default="", description="what to do")
    detail: str = Field(default="", description="details for a programmer")
    problems: dict[str, str | QueryProblem] = Field(default_factory=dict, description="by parameter or field: what is wrong with it")


class ErrorAnswer(_Answer):
    """The one shape of every refusal and failure."""

    error: Error


class Hit(_Answer):
    """One found article."""

    id: str
    title: str
    lead: str
    url: str
    source: str = Field(description="id of the source")
    kind: Kind
    published_at: Moment | None = Field(description="ISO 8601, UTC")
    published_precision: Literal["minute", "day"] | None
    topics: list[TopicScore]
    sentiment: Sentiment | None
    critical_of: CriticalOf | None
    places: list[Place]
    story_id: str | None = Field(description="articles on the same event have the same")
    copy_of: str | None = Field(description="id of the earliest article with the same text")
    similarity: float | None = Field(description="share of common text with `copy_of`")
    revision: int = Field(ge=1)
    copies: int = Field(ge=0, description="copies of it that are indexed")
    articles: int = Field(ge=1, description="in a search grouped by story: its articles that were found")
    outlets: int = Field(ge=1, description="in a search grouped by story: their sources")
    score: float = Field(description="relevance, comparable within one answer")
    highlights: dict[str, str] = Field(description="by field: text with matches between two asterisks each")


class FacetCount(_Answer):
    """A value, and how many found articles have it."""

    value: str
    count: int = Field(ge=0)


class SearchAnswer(_Answer):
    """What a search found."""

    total: int = Field(ge=0, description="matching articles, groups of copies counted once unless `copies=1`")
    took_ms: float
    facets: dict[str, list[FacetCount]] = Field(description="topic, sentiment, critical_of, place, source, kind; most frequent first")
    hits: list[Hit]
    cursor: str | None = Field(description="`after=` of the next page; null: this was the last")
    suggestions: list[str] = Field(description="other queries worth trying")


class Count(_Answer):
    """How many found articles have one value."""

    value: str = Field(description="code or id")
    name: str = Field(description="as people call it")
    count: int = Field(ge=0)
    negative: int = Field(ge=0, description="of them with negative tone")


class CountsAnswer(_Answer):
    """Counts by one property of what a search finds."""

    by: str
    total: int = Field(ge=0, description="what the search finds in all; an article may have several values, or none")
    counts: list[Count] = Field(description="most frequent first; fields in the order of the office")


class Bucket(_Answer):
    """Coverage in one interval."""

    start: Moment = Field(description="beginning, UTC; Vietnam's hours, days, Mondays and months")
    total: int = Field(ge=0)
    negative: int = Field(ge=0)
    published: int = Field(ge=0, description="everything that the same sources published")
    share: float | None = Field(description="`total` of `published`; null where nothing was published")
    negative_share: float | None = Field(description="`negative` of `total`")
    missing_sources: list[str] = Field(description="sources that normally publish in such an interval and of which nothing is indexed")


class CoverageAnswer(_Answer):
    """Coverage over time."""

    interval: Interval
    unit: Unit
    buckets: list[Bucket] = Field(description="oldest first, empty intervals included")


class Story(_Answer):
    """One event, and how far it went."""

    id: str
    articles: int = Field(ge=1)
    outlets: int = Field(ge=1)
    article: Hit = Field(description="the one that stands for it in this search")


class StoriesAnswer(_Answer):
    """The stories of what a search finds."""

    total: int = Field(ge=0)
    stories: list[Story]
    cursor: str | None


class StoryAnswer(_Answer):
    """The articles of one story, newest first, copies too."""

    id: str
    total: int = Field(ge=1)
    first: str = Field(description="id of the source that published first; empty: unknown")
    articles: list[Hit]
    cursor: str | None = Field(description="`after=` of the next page; null: this was the last")


class ApiAlert(Alert):
    """An alert with what was observed and expected, and the articles behind it."""

    link: str = Field(description="its page on the desk")


class AlertsAnswer(_Answer):
    """Alerts, open ones first, then newest first."""

    alerts: list[ApiAlert]
    cursor: str | None


class Feedback(BaseModel):
    """Records of the citizens' feedback line.

    Attributes:
        source: id of the source that the records are kept under.
        records: objects with the columns that `diembao import` knows; every other column, such as the sender's name, is passed over.
        columns: field → name in the records, where the names are not the usual ones.
    """

    model_config = ConfigDict(extra="forbid")

    source: str = Field(default="hotline", pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$", description="id of the source")
    records: list[dict[str, Any]] = Field(min_length=1, max_length=1000, description="objects; docs/feedback.md names the columns")
    columns: dict[str, str] = Field(default_factory=dict, description="field → name in the records, where it is not a usual one")


class RejectedRecord(_Answer):
    """A record that was not taken."""

    record: int = Field(ge=1, description="its place in `records`, from 1")
    problem: str


class FeedbackAnswer(_Answer):
    """What became of the records: `accepted` = `new` + `changed` + `updated` + `unchanged`."""

    accepted: int = Field(ge=0)
    new: int = Field(ge=0, description="never taken before")
    changed: int = Field(ge=0, description="with another text: a revision")
    updated: int = Field(ge=0, description="with another status, answer or field")
    unchanged: int = Field(ge=0)
    rejected: list[RejectedRecord]
    run: str = Field(description="what the next round of `monitor` indexes; empty: no text is new")


class WebhookBody(_Answer):
    """What is posted to the addresses of `[[webhooks]]`."""

    type: Literal["alert.new", "alert.grown", "alert.escalated", "alert.ended"]
    timestamp: str = Field(description="when it was written, ISO 8601")
    data: dict[str, Any] = Field(description="`alert` as in GET /api/alerts/{alert_id}, `page` and `search`: addresses on the desk")


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorAnswer, "description": "no key, or one that is not valid"},
    403: {"model": ErrorAnswer, "description": "the key has not this scope"},
    422: {"model": ErrorAnswer, "description": "something in the request cannot be understood"},
    429: {"model": ErrorAnswer, "description": "more requests a minute than the key may send; Retry-After says how many seconds to wait"},
    503: {"model": ErrorAnswer, "description": "engine or database do not answer; Retry-After says when to try again"},
}
"""What every route of the API may answer besides."""
MISSING: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "there is nothing with this id"}}
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "If-None-Match names what would be answered"}}
