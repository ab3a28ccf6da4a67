"""What could stand next in a query, as JSON for the script of the search box. Without the script the filters do the same."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from web.desk import Names, desk_of
from web.searching.addresses import LONGEST_QUERY
from web.searching.completion import complete

router = APIRouter(include_in_schema=False)


@router.get("/search/complete")
def offers(request: Request, q: Annotated[str, Query(max_length=LONGEST_QUERY)] = "") -> JSONResponse:
    """Offers for the end of `q`: where the text begins that each replaces, the text, its name and a note."""
    desk = desk_of(request)
    texts = desk.texts(request)
    names = Names(desk.settings.taxonomy, desk.source_names, {}, texts)
    found = [{"start": offer.start, "text": offer.text, "label": offer.label, "note": offer.note} for offer in complete(q, texts, names)]
    return JSONResponse({"offers": found}, headers={"Cache-Control": "private, max-age=60"})
