"""The interface of the search engine: what every room may ask of it. `index/` implements it twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from diembao.article import Article

Sort = Literal["relevance", "time"]
Interval = Literal["hour", "day", "week", "month"]
Unit = Literal["articles", "outlets", "stories"]
Group = Literal["story"]
Grouping = Literal["copies", "stories"]
StoryOrder = Literal["articles", "recent"]


IRRELEVANT = "irrelevant"
"""The topic code under which the engines keep what staff marked as not relevant, instead of its topics."""


@dataclass(frozen=True)
class Filters:
    """What a search is narrowed to besides its query. Several values of one filter mean OR, several filters AND.

    Attributes:
        published_from: earliest publication, aware UTC, inclusive.
        published_to: latest publication, aware UTC, exclusive.
        topics: topic codes.
        sentiments: sentiment labels.
        critical_of: critical_of labels.
        places: today's provinces by name ("Đồng Tháp") or codes of units.
        sources: source ids.
        kinds: kinds of source.
        story_id: only this story.
        copy_of: only the copies of this article.
        irrelevant: also what staff marked as not relevant, which is otherwise passed over; the topic IRRELEVANT finds that alone.
    """

    published_from: datetime | None = None
    published_to: datetime | None = None
    topics: tuple[str, ...] = ()
    sentiments: tuple[str, ...] = ()
    critical_of: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    story_id: str | None = None
    copy_of: str | None = None
    irrelevant: bool = False

    @property
    def hides_irrelevant(self) -> bool:
        """Whether what staff marked as not relevant is passed over."""
        return not self.irrelevant and IRRELEVANT not in self.topics


@dataclass(frozen=True)
class SearchRequest:
    """One search.

    Attributes:
        query: in the query language (docs/query-language.md); empty finds everything.
        filters: see Filters.
        fold_copies: count and show a group of copies once, as its origin.
        sort: by relevance (BM25, weighed by `recency` where `now` is given) or newest first; ties newest first, then by id. A query
            without any word, for which nothing can be more relevant, is answered newest first.
        limit: hits wanted, 0 to 1000.
        after: cursor of the page before (`SearchResult.cursor`), or None for the first page.
        facets: count the facets too.
        highlight: mark the matching words.
        group_by: "story": one hit for each story, the first of it in the order; `total` and the facets count stories.
        now: the moment from which the age of articles counts, aware; None: age does not matter. A cursor keeps that of its first page.
    """

    query: str = ""
    filters: Filters = Filters()
    fold_copies: bool = True
    sort: Sort = "relevance"
    limit: int = 20
    after: str | None = None
    facets: bool = True
    highlight: bool = True
    group_by: Group | None = None
    now: datetime | None = None


@dataclass(frozen=True)
class Hit:
    """One found article.

    Attributes:
        article: as indexed.
        score: relevance, higher is better; comparable within one result only.
        highlights: by field (`title`, `lead`, `body`): plain text where MARK_START and MARK_END surround matches; `body` is
            an excerpt. Not HTML: whoever shows it escapes first and then turns the marks into tags.
        copies: how many copies of it are indexed (0 for most).
        articles: of a search that is grouped by story, how many articles of the story were found, copies too; else 1.
        outlets: of such a search, how many sources they are from; else 1.
    """

    article: Article
    score: float
    highlights: dict[str, str] = field(default_factory=dict)
    copies: int = 0
    articles: int = 1
    outlets: int = 1


MARK_START = "\ue000"
MARK_END = "\ue001"
"""Private-use characters that surround a match in a highlight."""


@dataclass(frozen=True)
class FacetCount:
    """How many found articles have `value`: exactly the total of the same search narrowed to it."""

    value: str
    count: int


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        total: matching articles (groups of copies when folded, stories when grouped), exact.
        took_ms: milliseconds inside the engine.
        hits: this page of them.
        facets: by name: topic, sentiment, critical_of, place, source, kind; most frequent first.
        cursor: for the next page; None when this was the last.
        suggestions: other queries worth trying when nothing or little was found; never applied silently.
    """

    total: int
    took_ms: float
    hits: Sequence[Hit]
    facets: dict[str, list[FacetCount]] = field(default_factory=dict)
    cursor: str | None = None
    suggestions: Sequence[str] = ()


@dataclass(frozen=True)
class CountBucket:
    """Coverage in one interval.

    Attributes:
        start: beginning of the interval, aware UTC; intervals begin on Vietnam's hours, days, Mondays and months.
        total: articles, distinct outlets or distinct stories published in it.
        negative: the same of those with negative sentiment.
    """

    start: datetime
    total: int
    negative: int


class StorySize(NamedTuple):
    """How much of one story was found.

    Attributes:
        story: its id.
        articles, negative: articles, and those of negative tone; copies count.
        outlets: how many sources they are from.
        recent, recent_negative, recent_outlets: the same of those published at or after the moment that was asked for.
        joined: sources of which nothing was published before that moment.
        first, last: when the first and the last of them were published, aware UTC.
    """

    story: str
    articles: int
    negative: int
    outlets: int
    recent: int
    recent_negative: int
    recent_outlets: int
    joined: int
    first: datetime
    last: datetime


class Appearance(NamedTuple):
    """An outlet (story, article) published something.

    Attributes:
        at: when, aware UTC, in milliseconds.
        key: the source ("" where it is unknown), the story or group of copies, or the article.
        negative: whether its tone is negative.
    """

    at: datetime
    key: str
    negative: bool


@dataclass(frozen=True)
class StoredVersion:
    """What the engine has of one article: enough to decide whether to write."""

    content_hash: str
    revision: int
    first_seen_at: datetime | None
    fetched_at: datetime | None


@dataclass(frozen=True)
class EngineStatus:
    """How the engine is: its name and version, the number of articles, and what is wrong (None: nothing)."""

    name: str
    version: str
    articles: int
    problem: str | None = None


class CandidateFinder(Protocol):
    """What linking asks for: the indexed articles that may be copies of one, or on the same event."""

    def copy_candidates(self, article: Article, limit: int = 50) -> list[Article]:
        """Articles that share a copy key with `article`, without itself; earliest seen first."""
        ...

    def story_candidates(self, article: Article, since: datetime, until: datetime, limit: int = 100) -> list[Article]:
        """Articles published in [since, until) that share story keys with `article`, without itself; most shared first."""
        ...


class SearchEngine(CandidateFinder, Protocol):
    """Keeps, finds and counts Articles. Every method raises EngineError when the engine fails."""

    def prepare(self) -> None:
        """Create what is missing (tables, templates, indices, aliases); changes nothing the second time."""
        ...

    def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
        """Write articles as they are, one document per id; what was written is searchable when this returns.

        Returns:
            The reason by id for each article that was refused; empty when all were written.
        """
        ...

    def stored(self, ids: Sequence[str]) -> dict[str, StoredVersion]:
        """The stored version of those of `ids` that are indexed."""
        ...

    def get(self, article_id: str) -> Article | None:
        """The article, or None."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Erase articles; returns how many there were."""
        ...

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles. Raises QueryError for a query that cannot be understood."""
        ...

    def count(
        self, query: str, filters: Filters, interval: Interval, unit: Unit = "articles", fold_copies: bool = False
    ) -> list[CountBucket]:
        """Coverage over time, oldest first, empty intervals included, from the filter's range or the first to the last match.

        Raises QueryError for a query that cannot be understood.
        """
        ...

    def published_by_source(self, filters: Filters, interval: Interval) -> dict[str, dict[datetime, int]]:
        """How many articles each source published in each interval: by source, by the beginning of the interval (aware UTC).

        Intervals in which a source published nothing are left out, and so are articles without a date. Copies count: they are output.
        """
        ...

    def story_outlets(self, query: str, filters: Filters, least: int, limit: int = 500) -> dict[str, dict[str, datetime]]:
        """The stories of the matching articles that have at least `least` outlets among these: when each outlet wrote first.

        At most `limit` stories, those with the most articles. Articles without a date, a source or a story are left out; copies count.

        Raises QueryError for a query that cannot be understood.
        """
        ...

    def story_sizes(
        self, query: str, filters: Filters, since: datetime, by: StoryOrder = "articles", least: int = 2, limit: int = 500
    ) -> list[StorySize]:
        """The stories of the matching articles and how much of each lies before and behind a moment, the largest first.

        Args:
            query: in the query language.
            filters: see Filters. Articles without a date or a story are left out; copies count.
            since: the moment, aware.
            by: what makes a story large: its articles, or those since the moment. Ties by id.
            least: fewer of these make no story.
            limit: at most so many stories.

        Raises QueryError for a query that cannot be understood.
        """
        ...

    def appearances(self, query: str, filters: Filters, unit: Unit) -> list[Appearance]:
        """When each outlet (story) published a matching article, oldest first; for the unit "articles" when each of them appeared.

        Articles without a date are left out. What one outlet (story) published in one millisecond in the same tone is told once.

        Raises QueryError for a query that cannot be understood.
        """
        ...

    def seen_before(self, query: str, filters: Filters, before: datetime, keys: Sequence[str], group: Grouping) -> set[str]:
        """Those of `keys` of whose group a matching article was first seen before `before`, or never.

        Args:
            query: in the query language.
            filters: see Filters.
            before: aware.
            keys: of copies the id of the origin, of a story its id (of an article that is in none, that of its copies).
            group: which of both they are.

        Raises QueryError for a query that cannot be understood.
        """
        ...

    def sample(self, query: str, filters: Filters, limit: int, fold_copies: bool = True) -> tuple[int, list[Article]]:
        """How many articles match, and at most `limit` (to 10,000) of them: those with the smallest ids.

        So every engine gives the same ones, and since an id is a hash they are a fair choice.

        Raises QueryError for a query that cannot be understood.
        """
        ...

    def scan(self, query: str = "", filters: Filters = Filters(), after: tuple[datetime | None, str] | None = None) -> Iterator[Article]:
        """Every matching article in order of first_seen_at, then id, in bounded memory.

        Args:
            query: in the query language.
            filters: see Filters.
            after: (first_seen_at, id) of the article behind which to go on; those that were never seen stand first.
        """
        ...

    def status(self) -> EngineStatus:
        """How the engine is; does not raise when it cannot be reached."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
