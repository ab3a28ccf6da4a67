"""The search page: what the address asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from diembao.engine import SearchResult
from diembao.errors import QueryError, UsageError
from index.some_words import some_of_the_words
from web.articles.marking import mistake_in
from web.desk import desk_of
from web.searching.addresses import FILTERS, FilterName, SearchAddress, day_parameter
from web.searching.chart import count_coverage, draw
from web.searching.geography import unit_name
from web.searching.query_help import chapters
from web.texts import Texts

HITS_PER_PAGE = 20

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Choice:
    """One value of a filter: its name, how many articles have it, whether it is chosen, and where a click leads."""

    value: str
    count: int | None
    chosen: bool
    href: str


@router.get("/search")
def search(request: Request) -> HTMLResponse:
    """What the address asks for."""
    address, problems = SearchAddress.parse(request.query_params)
    desk = desk_of(request)
    texts = desk.texts(request)
    context: dict[str, Any] = {
        "address": address,
        "problems": problems,
        "ranges": _ranges(address, texts),
        "span_of_time": _span_of_time(address, texts),
        "help": chapters(texts.now, desk.settings.office.province or "Hà Nội"),
    }
    try:
        try:
            wanted = address.request(HITS_PER_PAGE, texts.now)
            result = desk.engine.search(wanted)
        except UsageError:
            if not address.after:
                raise
            problems["after"] = "problem.cursor"
            address = context["address"] = address.changed()
            wanted = address.request(HITS_PER_PAGE, texts.now)
            result = desk.engine.search(wanted)
        some_words = some_of_the_words(desk.engine, wanted, result)
        # Bars count every article, copies too: a text and its reprint of the next day are folded in a search over both days, but
        # not in a search of one of them, so only so does each bar lead to exactly as many articles as it says.
        counted = address.changed(copies=True)
        interval, buckets = count_coverage(desk.engine, counted, texts.now)
        missing = desk.gaps.of(desk.engine, buckets, interval, counted.filters(), texts.now)
    except QueryError as error:
        context |= {
            "result": None,
            "chart": None,
            "facets": {},
            "query_problem": error.message_en if texts.language == "en" else error.message_vi,
            "mistake": mistake_in(address.q, error.position),
        }
        return desk.page(request, "search.html", 422, **context)
    context |= {
        "result": result,
        "some_words": some_words,
        "chart": draw(interval, buckets, counted, texts, _named(missing, desk.source_names)),
        "facets": {name: _choices(address, name, result) for name in FILTERS},
        "next_href": address.changed(after=result.cursor).href() if result.cursor else None,
        "suggestions": [(suggestion, address.changed(q=suggestion).href()) for suggestion in result.suggestions],
    }
    hits = [*result.hits, *(some_words.result.hits if some_words else ())]
    place_names = {code: unit_name(code) or code for code in address.place}
    place_names |= {place.code: place.name for hit in hits for place in hit.article.places}
    return desk.page(request, "search.html", 422 if problems else 200, place_names=place_names, **context)


def _named(missing: Mapping[datetime, Sequence[str]], names: Mapping[str, str]) -> dict[datetime, tuple[str, ...]]:
    return {start: tuple(names.get(source, source) for source in sources) for start, sources in missing.items()}


def _choices(address: SearchAddress, name: FilterName, result: SearchResult) -> list[Choice]:
    """The values of one filter: the chosen ones first, then what was found, most frequent first."""
    counts = {facet.value: facet.count for facet in result.facets.get(name, [])}
    chosen = address.values(name)
    return [Choice(value, counts.get(value), True, address.without_value(name, value).href()) for value in chosen] + [
        Choice(value, count, False, address.with_value(name, value).href()) for value, count in counts.items() if value not in chosen
    ]


def _span_of_time(address: SearchAddress, texts: Texts) -> str:
    """The chosen range as people write it: "05/11/2026 – 20/11/2026"; an open end is "…"."""
    filters = address.filters()
    ends = []
    for value, moment, backwards in ((address.from_, filters.published_from, 0), (address.to, filters.published_to, 1)):
        if moment is None:
            ends.append("…")
        elif "T" in value:
            ends.append(texts.time(moment))
        else:
            # The filter's end is exclusive: the last second still belongs to the last day.
            ends.append(texts.day(moment - timedelta(seconds=backwards)))
    return ends[0] if ends[0] == ends[1] else " – ".join(ends)


def _ranges(address: SearchAddress, texts: Texts) -> list[tuple[str, str, bool]]:
    """Quick ranges of time: text, address, whether it is the present one."""
    today = day_parameter(texts.now)
    found = []
    for days in (1, 7, 30, 90):
        begin = day_parameter(texts.now - timedelta(days=days - 1))
        key = "range.today" if days == 1 else "range.days"
        is_present = (address.from_, address.to) == (begin, today)
        found.append((texts(key, n=days), address.changed(from_=begin, to=today).href(), is_present))
    return [*found, (texts("range.all"), address.changed(from_="", to="").href(), not address.from_ and not address.to)]
