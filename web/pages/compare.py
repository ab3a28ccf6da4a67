"""Two queries, or two periods of one, side by side under an address that can be shared."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from diembao.errors import QueryError
from web.articles.marking import mistake_in
from web.desk import desk_of
from web.searching.addresses import SearchAddress
from web.searching.comparison import COMPARED, compare, period_before
from web.searching.geography import unit_name

router = APIRouter(include_in_schema=False)
SIDES = ("a", "b")


@router.get("/compare")
def show(request: Request) -> HTMLResponse:
    """Both searches; as long as there is only one, ways to choose the other."""
    desk = desk_of(request)
    texts = desk.texts(request)
    params = request.query_params
    (first, problems), (second, more) = (SearchAddress.parse_side(params, side) for side in SIDES)
    is_asked = any(name.startswith("b.") and value for name, value in params.multi_items())
    context: dict[str, Any] = {
        "address": first,
        "sides": list(zip(SIDES, (first, second), strict=True)),
        "problems": problems | {name: key for name, key in more.items() if name not in problems},
        "before": first.compare_href(period_before(first, texts.now)[1]) if first.from_ and first.to else _last_week(first, texts.now),
        "found": None,
        "compared": COMPARED,
        "place_names": {code: unit_name(code) or code for code in (*first.place, *second.place)},
        "mistakes": {},
    }
    if is_asked:
        try:
            context["found"] = compare(desk.engine, first, second, texts)
        except QueryError:
            for side, address in context["sides"]:
                try:
                    desk.engine.search(address.request(0, texts.now, facets=False))
                except QueryError as error:
                    message = error.message_en if texts.language == "en" else error.message_vi
                    context["mistakes"][side] = (message, mistake_in(address.q, error.position))
    return desk.page(request, "compare.html", 422 if context["problems"] or context["mistakes"] else 200, **context)


def _last_week(address: SearchAddress, now: Any) -> str:
    this, before = period_before(address, now)
    return this.compare_href(before)
