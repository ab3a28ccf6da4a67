"""What users see and change of their own account: password, open sessions, feed address."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web.accounts.feeds import feed_token
from web.accounts.login import TooManyTriesError, proved_user
from web.accounts.problems import AccountError
from web.accounts.sessions import begin_session, browser_name, end_session_of, key_of_id, sessions_of, user_of_session
from web.accounts.users import User, end_sessions, set_password
from web.desk import desk_of
from web.security import client_address

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=2_000)]


@router.get("/account")
def account(request: Request) -> HTMLResponse:
    """The account of whoever is logged in."""
    return _page(request)


@router.post("/account/password")
def change(request: Request, old: Text = "", new: Text = "", again: Text = "") -> Response:
    """A new password: every other session ends, and this one goes on with a new id."""
    desk, user = desk_of(request), _user(request)
    address = client_address(request, desk.settings.office.web.proxies)
    if new != again:
        return _page(request, "account.differ")
    try:
        if proved_user(desk.state, desk.passwords, user.name, old, address, desk.clock()) is None:
            return _page(request, "account.wrong")
        if new == old:
            return _page(request, "account.same")
        set_password(desk.state, desk.passwords, user.name, new, desk.clock(), user.name)
    except TooManyTriesError as error:
        return _page(request, "login.wait", seconds=error.seconds)
    except AccountError as error:
        return _page(request, f"wrong.{error.key}")
    agent = request.headers.get("user-agent", "")
    answer = RedirectResponse("/account?done=password", 303)
    desk.set_cookie(answer, "session", begin_session(desk.state, user, desk.clock(), address, agent))
    return answer


@router.post("/account/sessions")
def leave_elsewhere(request: Request, key: Text = "") -> Response:
    """End one other session; without a key log out everywhere, here too, and make feed addresses void."""
    desk = desk_of(request)
    if key:
        end_session_of(desk.state, _user(request).name, key)
        return RedirectResponse("/account", 303)
    end_sessions(desk.state, _user(request).name, desk.clock(), _user(request).name)
    answer = RedirectResponse("/login", 303)
    desk.set_cookie(answer, "session", "")
    return answer


def _user(request: Request) -> User:
    desk = desk_of(request)
    user = user_of_session(desk.state, request.cookies.get(desk.cookie("session"), ""), desk.clock())
    if user is None:  # nobody has to log in, or the session ended a moment ago
        raise HTTPException(404)
    return user


def _page(request: Request, problem: str = "", seconds: int = 0) -> HTMLResponse:
    desk, user = desk_of(request), _user(request)
    base = desk.settings.office.base_url.rstrip("/")
    page = desk.page(
        request,
        "account.html",
        422 if problem else 200,
        user=user,
        sessions=sessions_of(desk.state, user.name, desk.clock()),
        browser_name=browser_name,
        here=key_of_id(request.cookies.get(desk.cookie("session"), "")),
        feed=f"{base}/alerts.atom?token={feed_token(desk.state, user)}",
        problem=problem,
        seconds=seconds,
        is_done=request.query_params.get("done") == "password",
    )
    page.headers["Cache-Control"] = "no-store"
    return page
