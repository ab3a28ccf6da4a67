"""The map of a search: the 34 provinces coloured by what is found there, and the wards of one of them as a table."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from diembao.errors import QueryError
from web.articles.marking import mistake_in
from web.desk import desk_of
from web.searching.addresses import SearchAddress
from web.searching.geography import COLOURED_BY, FEWEST, By, picture, regions, wards

router = APIRouter(include_in_schema=False)


@router.get("/map")
def show(request: Request) -> HTMLResponse:
    """The map of the search that the address says; with a province among its places, its wards too."""
    desk = desk_of(request)
    address, problems = SearchAddress.parse(request.query_params)
    by: By = "negative" if request.query_params.get("by") == "negative" else "count"
    texts = desk.texts(request)
    context: dict[str, Any] = {"address": address, "problems": problems, "by": by, "ways": COLOURED_BY, "fewest": FEWEST}
    try:
        found, steps, total = regions(desk.engine, address, by)
        chosen = next((region for region in found if region.chosen), None)
        table = wards(desk.engine, address, chosen.name) if chosen else None
    except QueryError as error:
        context |= {
            "regions": [],
            "query_problem": error.message_en if texts.language == "en" else error.message_vi,
            "mistake": mistake_in(address.q, error.position),
        }
        return desk.page(request, "map.html", 422, **context)
    context |= {
        "picture": picture(),
        "regions": found,
        "steps": steps,
        "total": total,
        "chosen": chosen,
        "table": table,
        "placed": sum(region.total for region in found),
        "ways": [(way, _coloured(address, way)) for way in COLOURED_BY],
        "search_href": address.href(),
    }
    return desk.page(request, "map.html", 422 if problems else 200, **context)


def _coloured(address: SearchAddress, way: By) -> str:
    href = address.href("/map")
    return href if way == "count" else f"{href}{'&' if '?' in href else '?'}by=negative"
