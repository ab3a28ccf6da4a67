"""Whether the page can do its work, for the office's monitoring."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text

from diembao import __version__
from diembao.errors import StateError
from web.desk import desk_of

router = APIRouter()


@router.get("/health")
def health(request: Request) -> JSONResponse:
    """200 when engine and database answer, else 503 with what is wrong."""
    desk = desk_of(request)
    status = desk.engine.status()
    problems = [status.problem] if status.problem else []
    try:
        with desk.state.session() as session:
            session.execute(text("SELECT 1"))
    except StateError as error:
        problems.append(str(error))
    body = {
        "status": "failing" if problems else "ok",
        "version": __version__,
        "engine": {"name": status.name, "version": status.version, "articles": status.articles},
        "problems": problems,
    }
    return JSONResponse(body, 503 if problems else 200, {"Cache-Control": "no-store"})
