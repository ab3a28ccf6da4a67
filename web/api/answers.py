"""How the API answers: JSON with a tag by which a program need not fetch twice what did not change; refusals in one shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from diembao.errors import QueryError
from web.desk import desk_of


def tagged(request: Request, body: Mapping[str, Any]) -> Response:
    """`body` as JSON with an ETag; 304 when the request names it."""
    content = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
    # Weak: packing on the way changes the bytes.
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag.removeprefix("W/") in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def refusal(request: Request, problems: Mapping[str, object], status: int = 422, kind: str = "parameters") -> JSONResponse:
    """A refusal that names what is wrong, by parameter; `kind` of the texts `api.KIND`."""
    texts = desk_of(request).texts(request)
    message = texts("api.missing") if kind == "missing" else texts("api.parameters")
    return JSONResponse({"error": {"message": message, "hint": texts("api.hint"), "detail": "", "problems": dict(problems)}}, status)


def query_refusal(request: Request, error: QueryError) -> JSONResponse:
    """The refusal of a query that cannot be understood."""
    problem = {"message_vi": error.message_vi, "message_en": error.message_en, "position": error.position}
    return refusal(request, {"q": problem})


def missing(request: Request) -> JSONResponse:
    """There is nothing with this id."""
    return refusal(request, {}, 404, "missing")
