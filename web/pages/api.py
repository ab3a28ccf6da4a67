"""The same searches as JSON, with the parameters of the search page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from diembao.article import Article
from diembao.engine import MARK_END, MARK_START, Filters, Hit, Interval, SearchRequest, Unit
from diembao.errors import QueryError, UsageError
from index.coverage import compared
from web.accounts.key_header import Key
from web.api.answers import missing, query_refusal, refusal, tagged
from web.api.models import MISSING, REFUSALS, UNCHANGED, CountsAnswer, CoverageAnswer, SearchAnswer, StoriesAnswer, StoryAnswer
from web.desk import Desk, Names, desk_of
from web.searching.addresses import LONGEST_CURSOR, LONGEST_QUERY, SearchAddress
from web.searching.chart import MOST_BUCKETS, count_by, count_coverage

router = APIRouter(prefix="/api", tags=["search"], dependencies=[Key], responses=REFUSALS)

By = Literal["topic", "field", "sentiment", "critical_of", "place", "source", "kind"]
"""What counts are by: the engine's facets, and the office's fields, which group topics."""
MOST_OF_STORY = 200
LONGEST_ID = 512

_Values = Annotated[list[str] | None, Query(description="may be repeated: any of them")]


def wanted(
    request: Request,
    q: Annotated[str, Query(description=f"query (docs/query-language.md), up to {LONGEST_QUERY} characters")] = "",
    from_: Annotated[str, Query(alias="from", description="first day (2026-11-20) or moment (2026-11-20T07:00) in Vietnam")] = "",
    to: Annotated[str, Query(description="last day, or the moment behind the last one")] = "",
    topic: _Values = None,
    sentiment: _Values = None,
    critical_of: _Values = None,
    place: _Values = None,
    source: _Values = None,
    kind: _Values = None,
    story: Annotated[str, Query(description="id of a story")] = "",
    sort: Annotated[str, Query(description="relevance or time")] = "",
    copies: Annotated[str, Query(description="1: copies one by one instead of folded")] = "",
    group: Annotated[str, Query(description="story: one hit for each story")] = "",
    after: Annotated[str, Query(description="cursor of the page before")] = "",
) -> tuple[SearchAddress, dict[str, str]]:
    """What an address asks for, and what is wrong with it; the arguments stand here for the description of the API."""
    return SearchAddress.parse(request.query_params)


Wanted = Annotated[tuple[SearchAddress, dict[str, str]], Depends(wanted)]


def _understood(
    request: Request, asked: tuple[SearchAddress, dict[str, str]], answer: Callable[[Desk, SearchAddress], Response]
) -> Response:
    """`answer`, or the refusal of an address or query that cannot be understood."""
    desk = desk_of(request)
    address, problems = asked
    if problems:
        texts = desk.texts(request)
        return refusal(request, {name: texts(key) for name, key in problems.items()})
    try:
        return answer(desk, address)
    except QueryError as error:
        return query_refusal(request, error)
    except UsageError as error:  # a cursor that is none, or of another search
        return refusal(request, {"after": str(error)})


@router.get("/search", response_model=SearchAnswer)
def search(request: Request, asked: Wanted, limit: Annotated[int, Query(ge=0, le=1000)] = 20) -> Response:
    """Find articles: total, facets, hits, and the cursor of the next page. `from` and `to` are days or moments in Vietnam."""

    def answer(desk: Desk, address: SearchAddress) -> Response:
        result = desk.engine.search(address.request(limit, desk.clock()))
        return JSONResponse(
            {
                "total": result.total,
                "took_ms": round(result.took_ms, 3),
                "facets": {name: [{"value": one.value, "count": one.count} for one in counts] for name, counts in result.facets.items()},
                "hits": [hit_record(hit) for hit in result.hits],
                "cursor": result.cursor,
                "suggestions": list(result.suggestions),
            }
        )

    return _understood(request, asked, answer)


_HIT_FIELDS = (
    "id", "title", "lead", "url", "source", "kind", "published_at", "published_precision", "topics", "sentiment", "critical_of",
    "places", "story_id", "copy_of", "similarity", "revision",
)  # fmt: skip


def hit_record(hit: Hit) -> dict[str, Any]:
    """A hit as JSON, as `diembao search --json` prints it: matches in `highlights` stand between two asterisks each."""
    record = hit.article.to_record()
    highlights = {field: text.replace(MARK_START, "**").replace(MARK_END, "**") for field, text in hit.highlights.items()}
    return {
        **{name: record[name] for name in _HIT_FIELDS},
        "copies": hit.copies,
        "articles": hit.articles,
        "outlets": hit.outlets,
        "score": hit.score,
        "highlights": highlights,
    }


@router.get("/articles/{article_id}", response_model=Article, responses={**MISSING, **UNCHANGED})
def article(request: Request, article_id: Annotated[str, Path(max_length=LONGEST_ID)]) -> Response:
    """One article with all its fields (docs/fields.md), or 404."""
    found = desk_of(request).engine.get(article_id)
    return missing(request) if found is None else tagged(request, found.to_record())


@router.get("/counts", response_model=CountsAnswer, responses=UNCHANGED)
def counts(request: Request, asked: Wanted, by: Annotated[By, Query(description="what to count by")] = "topic") -> Response:
    """How many articles a search finds by topic, field of the office, tone, place, source or kind, and how many of them are negative."""

    def answer(desk: Desk, address: SearchAddress) -> Response:
        everything = desk.engine.search(replace(address.request(0, desk.clock()), after=None))
        if by == "field":
            found = _by_field(desk, address)
        else:
            negative = _facets(desk, address.changed(sentiment=("negative",)), by) if _may_be_negative(address) else {}
            found = {one.value: (one.count, negative.get(one.value, 0)) for one in everything.facets.get(by, ())}
        names = _names(desk, request)
        named = [{"value": value, "name": names(value), "count": count, "negative": bad} for value, (count, bad) in found.items()]
        return tagged(request, {"by": by, "total": everything.total, "counts": named})

    def _names(desk: Desk, request: Request) -> Callable[[str], str]:
        texts = desk.texts(request)
        if by == "field":
            fields = desk.settings.taxonomy.fields
            return lambda code: fields[code].name.in_language(texts.language)
        names = Names(desk.settings.taxonomy, desk.source_names, {}, texts)
        return lambda value: names(by, value)

    return _understood(request, asked, answer)


def _may_be_negative(address: SearchAddress) -> bool:
    return not address.sentiment or "negative" in address.sentiment


def _facets(desk: Desk, address: SearchAddress, by: str) -> dict[str, int]:
    result = desk.engine.search(replace(address.request(0, desk.clock()), after=None))
    return {one.value: one.count for one in result.facets.get(by, ())}


def _by_field(desk: Desk, address: SearchAddress) -> dict[str, tuple[int, int]]:
    """(found, negative) of each field; an article with several topics of a field counts once."""

    def total(narrowed: SearchAddress) -> int:
        return desk.engine.search(replace(narrowed.request(0, desk.clock(), facets=False), after=None)).total

    found = {}
    for code, field in desk.settings.taxonomy.fields.items():
        topics = tuple(topic for topic in field.topics if not address.topic or topic in address.topic)
        narrowed = address.changed(topic=topics)
        bad = total(narrowed.changed(sentiment=("negative",))) if topics and _may_be_negative(address) else 0
        found[code] = (total(narrowed) if topics else 0, bad)
    return found


@router.get("/coverage", response_model=CoverageAnswer, responses=UNCHANGED)
def coverage(
    request: Request,
    asked: Wanted,
    interval: Annotated[Interval | None, Query(description="none: one that suits the range")] = None,
    unit: Annotated[Unit, Query(description="what is counted")] = "articles",
) -> Response:
    """Coverage over time of what the search finds, oldest first, empty intervals included, as `diembao coverage` prints it.

    Beside each count stands what the same sources published in all, and which of them are missing.
    """

    def answer(desk: Desk, address: SearchAddress) -> Response:
        chosen = interval
        if chosen is None:
            chosen, buckets = count_coverage(desk.engine, address, desk.clock(), unit)
        else:
            counted = count_by(desk.engine, address, chosen, unit)
            if counted is None:
                return refusal(request, {"interval": desk.texts(request)("problem.range", n=MOST_BUCKETS)})
            buckets = counted
        beside = compared(desk.engine, buckets, address.filters(), chosen, unit, desk.clock(), fold_copies=not address.copies)
        return tagged(request, {"interval": chosen, "unit": unit, "buckets": [bucket.to_record() for bucket in beside]})

    return _understood(request, asked, answer)


@router.get("/stories", response_model=StoriesAnswer, responses=UNCHANGED)
def stories(request: Request, asked: Wanted, limit: Annotated[int, Query(ge=1, le=200)] = 20) -> Response:
    """The events behind what a search finds: each with its articles and outlets, those of the search alone."""

    def answer(desk: Desk, address: SearchAddress) -> Response:
        grouped = replace(address, group="story")
        result = desk.engine.search(grouped.request(limit, desk.clock(), facets=False))
        found = [
            {"id": hit.article.story_id or hit.article.id, "articles": hit.articles, "outlets": hit.outlets, "article": hit_record(hit)}
            for hit in result.hits
        ]
        return tagged(request, {"total": result.total, "stories": found, "cursor": result.cursor})

    return _understood(request, asked, answer)


@router.get("/stories/{story_id}", response_model=StoryAnswer, responses={**MISSING, **UNCHANGED})
def story(
    request: Request,
    story_id: Annotated[str, Path(max_length=LONGEST_ID)],
    after: Annotated[str, Query(max_length=LONGEST_CURSOR, description="cursor of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_OF_STORY)] = MOST_OF_STORY,
) -> Response:
    """The articles of one story, newest first, copies too, and who published first; 404 when there is none."""
    desk = desk_of(request)
    filters = Filters(story_id=story_id)
    asked = SearchRequest(filters=filters, fold_copies=False, sort="time", limit=limit, after=after or None, facets=False, highlight=False)
    try:
        result = desk.engine.search(asked)
    except UsageError as error:
        return refusal(request, {"after": str(error)})
    if not result.total:
        single = desk.engine.get(story_id)
        if single is None or single.story_id or not single.relevant:
            return missing(request)
        return tagged(request, _story(story_id, 1, single.source, [Hit(single, 0.0)], None))
    first = min(desk.engine.story_outlets("", filters, 1, 1).get(story_id, {}).items(), key=lambda one: (one[1], one[0]), default=("",))[0]
    return tagged(request, _story(story_id, result.total, first, result.hits, result.cursor))


def _story(story_id: str, total: int, first: str, hits: Sequence[Hit], cursor: str | None) -> Mapping[str, Any]:
    return {"id": story_id, "total": total, "first": first, "articles": [hit_record(hit) for hit in hits], "cursor": cursor}
