"""Logging in and out."""

from __future__ import annotations

import logging
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from diembao.audit import record
from diembao.errors import DiembaoError
from web.accounts.actor import actor_of
from web.accounts.login import TooManyTriesError, log_in
from web.accounts.passwords import LONGEST
from web.accounts.sessions import begin_session, end_session
from web.accounts.users import User, user_by_openid
from web.desk import desk_of
from web.security import client_address, safe_next

_log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=2_000)]


@router.get("/login")
def ask(request: Request, next: str = "") -> Response:  # noqa: A002 - the name that stands in the address
    """The form; whoever is logged in goes on."""
    if actor_of(request).via == "session":
        return RedirectResponse(_location(next), 303)
    return _form(request, next)


@router.post("/login")
def enter(request: Request, name: Text = "", password: Text = "", next: Text = "") -> Response:  # noqa: A002
    """Begin a session, always with a new id. A wrong name and a wrong password look the same."""
    desk = desk_of(request)
    if actor_of(request).via == "open":
        return _form(request, next, status=409)
    address = client_address(request, desk.settings.office.web.proxies)
    try:
        user = log_in(desk.state, desk.passwords, name, password if len(password) <= LONGEST else "", address, desk.clock())
    except TooManyTriesError as error:
        page = _form(request, next, "login.wait", error.seconds, name, status=429)
        page.headers["Retry-After"] = str(error.seconds)
        return page
    if user is None:
        return _form(request, next, "login.wrong", name=name, status=401)
    return _let_in(request, user, next)


@router.get("/login/openid")
def go(request: Request, next: str = "") -> Response:  # noqa: A002
    """To the provider of OpenID Connect."""
    desk, actor = desk_of(request), actor_of(request)
    if desk.openid is None:
        raise HTTPException(404)
    if actor.via != "nobody":
        return RedirectResponse(_location(next), 303)
    from web.accounts.openid import OpenIdError

    try:
        return RedirectResponse(desk.openid.address(actor.binding, safe_next(next)), 303)
    except OpenIdError as error:
        return _failed(request, error, 503)


@router.get("/login/openid/back")
def come_back(request: Request, state: str = "", code: str = "") -> Response:
    """From the provider: begin a session of the user that it names."""
    desk, actor = desk_of(request), actor_of(request)
    if desk.openid is None:
        raise HTTPException(404)
    if actor.via != "nobody":
        return RedirectResponse("/", 303)
    from web.accounts.openid import OpenIdError

    settings, now = desk.settings.office.web.openid, desk.clock()
    try:
        identity, wanted = desk.openid.identity(actor.binding, state, code, now)
    except OpenIdError as error:
        return _failed(request, error, 403)
    user = user_by_openid(desk.state, identity.subject, identity.name, settings.new_users if settings else "", now)
    if user is None:
        return _form(request, wanted, "login.not_here", status=403)
    address = client_address(request, desk.settings.office.web.proxies)
    with desk.state.session() as session:
        record(session, now, user.name, "login.done", user.name, after={"address": address, "openid": identity.subject})
    return _let_in(request, user, wanted)


@router.post("/logout")
def leave(request: Request) -> Response:
    """End the session of this browser, and take what it keeps of the pages."""
    desk = desk_of(request)
    end_session(desk.state, request.cookies.get(desk.cookie("session"), ""))
    answer = RedirectResponse("/login", 303)
    desk.set_cookie(answer, "session", "")
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def _let_in(request: Request, user: User, wanted: str) -> Response:
    """Begin a session with a new id; the one that the browser brought ends, and so does its login page."""
    desk = desk_of(request)
    address = client_address(request, desk.settings.office.web.proxies)
    before, agent = request.cookies.get(desk.cookie("session"), ""), request.headers.get("user-agent", "")
    answer = RedirectResponse(_location(wanted), 303)
    desk.set_cookie(answer, "session", begin_session(desk.state, user, desk.clock(), address, agent, instead_of=before))
    desk.set_cookie(answer, "visit", "")
    return answer


def _failed(request: Request, error: DiembaoError, status: int) -> Response:
    _log.warning("%s", error)
    return _form(request, "", "login.provider", status=status)


def _location(wanted: str) -> str:
    return quote(safe_next(wanted), safe="/?&=%:,;+@!$'()*~-._[]")


def _form(request: Request, wanted: str, problem: str = "", seconds: int = 0, name: str = "", status: int = 200) -> HTMLResponse:
    page = desk_of(request).page(
        request,
        "login.html",
        status,
        wanted=safe_next(wanted),
        problem=problem,
        seconds=seconds,
        name=name[:200],
        provider=desk_of(request).settings.office.web.openid,
    )
    page.headers["Cache-Control"] = "no-store"
    return page
