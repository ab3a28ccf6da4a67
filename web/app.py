"""The application: pages, JSON, static files, and what is shown when something fails."""

from __future__ import annotations

import logging
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from diembao import __version__
from diembao.clock import Clock
from diembao.engine import SearchEngine
from diembao.errors import DiembaoError, EngineError, QueryError, UsageError
from diembao.settings import Settings
from diembao.state import State
from web.accounts.gate import Gate
from web.accounts.passwords import Passwords
from web.api.answers import refusal
from web.desk import Desk, desk_of
from web.feedback.drafts import Drafts
from web.pages import (
    account,
    admin,
    alerts,
    api,
    article,
    atlas,
    audit,
    briefing,
    bulk,
    compare,
    completion,
    corrections,
    exchange,
    export,
    feedback,
    health,
    login,
    notes,
    office,
    overview,
    rules,
    saved,
    search,
    sources,
    story,
)
from web.security import SECURITY_HEADERS, Guard

_log = logging.getLogger(__name__)


def create_app(settings: Settings, engine: SearchEngine, state: State, clock: Clock, passwords: Passwords | None = None) -> FastAPI:
    """The staff page and its API.

    Args:
        settings: names of the office, topics and sources; where it is served.
        engine: a prepared engine; it is used from several threads at once.
        state: revisions and the alert log.
        clock: the present moment, aware UTC.
        passwords: hashes and checks them; None: with today's parameters.

    Raises:
        ConfigError: when office.toml or taxonomy.toml cannot be read, or the secret of the login provider is missing.
    """
    # The documentation pages of FastAPI load scripts from outside, so only the description itself is served.
    app = FastAPI(
        title="Điểm Báo",
        version=__version__,
        description="Press monitoring of a province for other systems; docs/api.md has examples.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    desk = app.state.desk = Desk(settings, engine, state, clock, passwords=passwords or Passwords())
    _ = settings.taxonomy, desk.openid
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=6)
    app.mount("/static", _Static(directory=Path(__file__).parent / "static"), name="static")
    app.state.routes = list(app.routes)
    for page in (
        overview,
        search,
        completion,
        story,
        sources,
        compare,
        export,
        saved,
        atlas,
        article,
        corrections,
        notes,
        bulk,
        rules,
        alerts,
        briefing,
        api,
        exchange,
        feedback,
        health,
        login,
        account,
        admin,
        office,
        audit,
    ):
        app.state.routes += page.router.routes
        app.include_router(page.router)
    app.state.feedback_drafts = Drafts()
    exchange.describe_webhooks(app)
    app.add_middleware(Gate, desk=desk, routes=app.state.routes, refuse=_show, fail=_known_failure)
    app.add_middleware(Guard, office=settings.office)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(DiembaoError, _known_failure)
    app.add_exception_handler(Exception, _defect)
    return app


class _Static(StaticFiles):
    """Files of the package; asked for again only after an hour."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        if response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=3600"
        return response


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/") or "authorization" in request.headers


def _show(request: Request, status: int, kind: str, detail: str = "") -> Response:
    desk = desk_of(request)
    if _wants_json(request):
        texts = desk.texts(request)
        body = {"error": {"message": texts(f"error.{kind}.title"), "hint": texts(f"error.{kind}.hint"), "detail": detail}}
        return JSONResponse(body, status, dict(SECURITY_HEADERS))
    return desk.page(request, "error.html", status, kind=kind, detail=detail, unsent=getattr(request.state, "unsent", []))


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("not an HTTPException")
    kind = "missing" if error.status_code == 404 else "refused"
    response = _show(request, error.status_code, kind, str(error.status_code) if kind == "refused" else "")
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    if not _wants_json(request) or not isinstance(error, RequestValidationError):
        return _show(request, 422, "invalid")
    problems = {".".join(map(str, one["loc"][1:])) or str(one["loc"][0]): str(one["msg"]) for one in error.errors()[:20]}
    return refusal(request, problems)


async def _known_failure(request: Request, error: Exception) -> Response:
    if isinstance(error, QueryError | UsageError):
        return _show(request, 422, "invalid", str(error))
    _log.error("%s %s: %s", request.method, request.url.path, error)
    kind = "engine" if isinstance(error, EngineError) else "state"
    response = _show(request, 503, kind, str(error))
    response.headers["Retry-After"] = "30"
    return response


async def _defect(request: Request, error: Exception) -> Response:
    # Starlette raises it again for the server's log after this answer.
    try:
        return _show(request, 500, "defect", type(error).__name__)
    except Exception:  # noqa: BLE001 - whatever broke the page may break its error page too
        _log.exception("the error page itself failed")
        return HTMLResponse("<!doctype html><title>500</title><h1>Lỗi / Error 500</h1>", 500, dict(SECURITY_HEADERS))
