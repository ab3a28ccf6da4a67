"""The same searches as JSON, with the parameters of the search page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from diembao.engine import MARK_END, MARK_START, Hit, Interval, Unit
from diembao.errors import QueryError
from index.coverage import compared
from web.accounts.key_header import Key
from web.addresses import LONGEST_QUERY, SearchAddress
from web.chart import MOST_BUCKETS, count_by, count_coverage
from web.desk import desk_of

router = APIRouter(prefix="/api", tags=["search"], dependencies=[Key])


_Values = Annotated[list[str] | None, Query(description="may be repeated: any of them")]


def wanted(
    request: Request,
    q: Annotated[str, Query(description=f"query, up to {LONGEST_QUERY} characters")] = "",
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


def _refusal(status: int, problems: Mapping[str, object]) -> JSONResponse:
    return JSONResponse({"error": {"message": "the address cannot be understood", "problems": problems}}, status)


def _query_refusal(error: QueryError) -> JSONResponse:
    problem = {"message_vi": error.message_vi, "message_en": error.message_en, "position": error.position}
    return _refusal(422, {"q": problem})


@router.get("/search")
def search(request: Request, asked: Wanted, limit: Annotated[int, Query(ge=0, le=1000)] = 20) -> JSONResponse:
    """Find articles: total, facets, hits, and the cursor of the next page. `from` and `to` are days or moments in Vietnam."""
    desk = desk_of(request)
    address, problems = asked
    if problems:
        texts = desk.texts(request)
        return _refusal(422, {name: texts(key) for name, key in problems.items()})
    try:
        result = desk.engine.search(address.request(limit, desk.clock()))
    except QueryError as error:
        return _query_refusal(error)
    return JSONResponse(
        {
            "total": result.total,
            "took_ms": round(result.took_ms, 3),
            "facets": {name: [{"value": count.value, "count": count.count} for count in counts] for name, counts in result.facets.items()},
            "hits": [hit_record(hit) for hit in result.hits],
            "cursor": result.cursor,
            "suggestions": list(result.suggestions),
        }
    )


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


@router.get("/articles/{article_id}")
def article(request: Request, article_id: str) -> JSONResponse:
    """One article with all its fields, or 404."""
    found = desk_of(request).engine.get(article_id) if len(article_id) <= 64 else None
    if found is None:
        return JSONResponse({"error": {"message": "no article has this id"}}, 404)
    return JSONResponse(found.to_record())


@router.get("/coverage")
def coverage(
    request: Request,
    asked: Wanted,
    interval: Annotated[Interval | None, Query(description="none: one that suits the range")] = None,
    unit: Unit = "articles",
) -> JSONResponse:
    """Coverage over time of what the search finds, oldest first, empty intervals included, as `diembao coverage` prints it.

    Beside each count stands what the same sources published in all, and which of them are missing.
    """
    desk = desk_of(request)
    address, problems = asked
    if problems:
        texts = desk.texts(request)
        return _refusal(422, {name: texts(key) for name, key in problems.items()})
    try:
        if interval is None:
            interval, buckets = count_coverage(desk.engine, address, desk.clock(), unit)
        else:
            counted = count_by(desk.engine, address, interval, unit)
            if counted is None:
                return _refusal(422, {"interval": desk.texts(request)("problem.range", n=MOST_BUCKETS)})
            buckets = counted
    except QueryError as error:
        return _query_refusal(error)
    beside = compared(desk.engine, buckets, address.filters(), interval, unit, desk.clock(), fold_copies=not address.copies)
    return JSONResponse({"interval": interval, "unit": unit, "buckets": [bucket.to_record() for bucket in beside]})
