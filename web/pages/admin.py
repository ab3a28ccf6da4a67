"""Users and API keys, for admins."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web.accounts.actor import actor_of
from web.accounts.keys import LONGEST_LIFE, MOST_PER_MINUTE, SCOPES, add_key, all_keys, revoke_key
from web.accounts.problems import AccountError
from web.accounts.users import ROLES, add_user, all_users, as_role, checked_name, end_sessions, set_disabled, set_password, set_role
from web.desk import desk_of

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=2_000)]


@router.get("/admin/users")
def users(request: Request) -> HTMLResponse:
    """Every user, with the forms to change and to add one."""
    return _users(request)


@router.post("/admin/users")
def add(request: Request, name: Text = "", role: Text = "", openid: Text = "") -> Response:
    """A new user with a first password that is shown once, or with none, who logs in by OpenID Connect."""
    desk = desk_of(request)
    password = None if openid and desk.settings.office.web.openid else first_password()
    try:
        user = add_user(
            desk.state, desk.passwords, name, as_role(role), password, desk.clock(), actor_of(request).who, must_change=password is not None
        )
    except AccountError as error:
        return _users(request, error.key)
    if password is None:
        return RedirectResponse("/admin/users", 303)
    return _users(request, shown=(user.name, password))


@router.post("/admin/users/{name}")
def change(
    request: Request,
    name: str,
    do: Annotated[Literal["role", "disable", "enable", "password", "sessions"], Form()],
    role: Text = "",
) -> Response:
    """Another role, shut out, let in, a new first password, or out of all sessions."""
    desk, by = desk_of(request), actor_of(request).who
    now = desk.clock()
    try:
        if do == "password":
            password = first_password()
            set_password(desk.state, desk.passwords, name, password, now, by, must_change=True)
            return _users(request, shown=(checked_name(name), password))
        if do == "role":
            set_role(desk.state, name, as_role(role), now, by)
        elif do == "sessions":
            end_sessions(desk.state, name, now, by)
        else:
            set_disabled(desk.state, name, do == "disable", now, by)
    except AccountError as error:
        return _users(request, error.key)
    return RedirectResponse("/admin/users", 303)


@router.get("/admin/keys")
def keys(request: Request) -> HTMLResponse:
    """Every API key, with the forms to revoke and to make one."""
    return _keys(request)


@router.post("/admin/keys")
def make(
    request: Request,
    name: Text = "",
    scope: Annotated[list[Text] | None, Form()] = None,
    days: Annotated[int, Form(ge=0, le=100_000)] = 365,
    per_minute: Annotated[int, Form(ge=0, le=100_000)] = 120,
) -> Response:
    """A new key, shown this once."""
    desk = desk_of(request)
    try:
        key, text = add_key(desk.state, name, scope or [], timedelta(days=days), desk.clock(), actor_of(request).who, per_minute)
    except AccountError as error:
        return _keys(request, error.key)
    return _keys(request, shown=(key.name, text))


@router.post("/admin/keys/{key_id}/revoke")
def revoke(request: Request, key_id: str) -> Response:
    """Refuse a key from now on."""
    desk = desk_of(request)
    try:
        revoke_key(desk.state, key_id, desk.clock(), actor_of(request).who)
    except AccountError as error:
        return _keys(request, error.key)
    return RedirectResponse("/admin/keys", 303)


def first_password() -> str:
    """A password to hand over: about 80 bits, in groups that can be read aloud, without letters that look alike."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _users(request: Request, problem: str = "", shown: tuple[str, str] | None = None) -> HTMLResponse:
    desk = desk_of(request)
    provider = desk.settings.office.web.openid
    return _page(request, "admin_users.html", problem, shown, users=all_users(desk.state), roles=ROLES, provider=provider)


def _keys(request: Request, problem: str = "", shown: tuple[str, str] | None = None) -> HTMLResponse:
    desk = desk_of(request)
    return _page(
        request,
        "admin_keys.html",
        problem,
        shown,
        keys=all_keys(desk.state),
        scopes=SCOPES,
        now=desk.clock(),
        most_days=LONGEST_LIFE.days,
        most_per_minute=MOST_PER_MINUTE,
    )


def _page(request: Request, template: str, problem: str, shown: tuple[str, str] | None, **context: Any) -> HTMLResponse:
    page = desk_of(request).page(request, template, 422 if problem else 200, problem=problem, shown=shown, **context)
    # A password or key stands on some of these pages.
    page.headers["Cache-Control"] = "no-store"
    return page
