"""Logging in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web.accounts.actor import actor_of
from web.accounts.login import TooManyTriesError, log_in
from web.accounts.passwords import LONGEST
from web.accounts.sessions import begin_session, end_session
from web.desk import desk_of
from web.security import client_address, safe_next

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
    before = request.cookies.get(desk.cookie("session"), "")
    agent = request.headers.get("user-agent", "")
    session_id = begin_session(desk.state, user, desk.clock(), address, agent, instead_of=before)
    answer = RedirectResponse(_location(next), 303)
    desk.set_cookie(answer, "session", session_id)
    desk.set_cookie(answer, "visit", "")
    return answer


@router.post("/logout")
def leave(request: Request) -> Response:
    """End the session of this browser, and take what it keeps of the pages."""
    desk = desk_of(request)
    end_session(desk.state, request.cookies.get(desk.cookie("session"), ""))
    answer = RedirectResponse("/login", 303)
    desk.set_cookie(answer, "session", "")
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


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
    )
    page.headers["Cache-Control"] = "no-store"
    return page
