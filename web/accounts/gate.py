"""The gate before every route: who asks, whether the route is open to them, and whether a form came from a page of ours.

Stands before the application, so nothing of a request is read or done before it is let in, and no page can forget to ask.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diembao.errors import DiembaoError
from web.accounts.actor import NOBODY, Actor
from web.accounts.feeds import user_of_feed
from web.accounts.keys import Rates, find_key
from web.accounts.needs import BEFORE_A_NEW_PASSWORD, GIVES_A_VISIT, LONGEST_FORM, Need, need_of
from web.accounts.sessions import is_form_token, user_of_session
from web.accounts.users import has_users
from web.desk import Desk

TOKEN_FIELD: Final = "token"  # noqa: S105 - the name of a field
TOKEN_HEADER: Final = "x-form-token"  # noqa: S105
_SAFE = frozenset({"GET", "HEAD"})
_NEVER_SHOWN = frozenset({TOKEN_FIELD, "password", "old", "new", "again", "next"})
_WORTH_KEEPING = 25
"""Characters; a choice or a number is quickly given again."""
_log = logging.getLogger(__name__)

Refuse = Callable[[Request, int, str, str], Response]
"""Shows an error page, or JSON below /api/: request, status, kind of the texts `error.KIND.…`, detail."""
Fail = Callable[[Request, Exception], Awaitable[Response]]
"""Shows that database or engine failed."""


@dataclass(frozen=True)
class _Refusal:
    """Why a request is not let in: an error page of a kind, or the address where it has to go first."""

    status: int
    kind: str = ""
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str = ""


class Gate:
    """Lets a request through to the application, or answers it.

    Args:
        app: the application behind.
        desk: its state, clock and settings.
        routes: every route that the application has; what matches none of them is answered here, so none can be forgotten.
        refuse: shows a refusal.
        fail: shows a failure of the database.
    """

    def __init__(self, app: ASGIApp, desk: Desk, routes: Sequence[BaseRoute], refuse: Refuse, fail: Fail) -> None:
        self.app = app
        self.desk = desk
        self.routes = routes
        self.refuse = refuse
        self.fail = fail
        self.rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route, allowed = self._route(scope)
        if isinstance(route, Mount):  # a file of the package
            await self.app(scope, receive, send)
            return
        path = str(getattr(route, "path", ""))
        request = Request(scope, receive)
        need = need_of(path, request.method)
        try:
            actor, refusal = await run_in_threadpool(self._asks, request, path, need)
        except DiembaoError as error:
            await (await self.fail(request, error))(scope, receive, send)
            return
        request.state.actor = actor
        if refusal is None and route is None:
            refusal = _Refusal(405, "refused", "405", {"Allow": ", ".join(sorted(allowed))}) if allowed else _Refusal(404, "missing")
        if request.method not in _SAFE and (refusal is None or refusal.kind == "ended"):
            body = await _read(request, need.longest if need else LONGEST_FORM)
            if body is None:
                refusal = _Refusal(413, "refused", "413")
            else:
                receive = _again(body, receive)
                sent = Request(scope, _again(body, request.receive))
                refusal = refusal or (None if await self._is_ours(sent, actor, need) else _Refusal(403, "form"))
                if refusal is not None and _is_of_this_site(request):
                    request.state.unsent = await _texts(Request(scope, _again(body, request.receive)))
        if refusal is not None:
            await self._answer(request, refusal)(scope, receive, send)
        elif path in GIVES_A_VISIT and actor.via == "nobody":
            await self.app(scope, receive, self._with_visit(request, actor, send))
        else:
            await self.app(scope, receive, send)

    def _answer(self, request: Request, refusal: _Refusal) -> Response:
        if refusal.location:
            return RedirectResponse(refusal.location, 303)
        response = self.refuse(request, refusal.status, refusal.kind, refusal.detail)
        response.headers.update(refusal.headers)
        return response

    def _route(self, scope: Scope) -> tuple[BaseRoute | None, set[str]]:
        """The route that will answer; where there is none, the methods that the address has."""
        allowed: set[str] = set()
        for route in self.routes:
            match, _ = route.matches(scope)
            if match is Match.FULL:
                return route, set()
            if match is Match.PARTIAL:
                allowed |= set(getattr(route, "methods", None) or ())
        return None, allowed

    def _asks(self, request: Request, path: str, need: Need | None) -> tuple[Actor, _Refusal | None]:
        """Who asks, and the refusal when the route is not open to them."""
        desk, now = self.desk, self.desk.clock()
        if authorization := request.headers.get("authorization", ""):
            return self._asks_with_key(request, path, authorization, need)
        if not has_users(desk.state):
            return self._asks_open_desk(request, need)
        if session_id := request.cookies.get(desk.cookie("session"), ""):
            user = user_of_session(desk.state, session_id, now)
            if user is not None:
                actor = Actor("session", user.name, user.role, binding=session_id, must_change=user.must_change)
                return actor, self._of_user(request, path, need, actor)
        if need is not None and need.feed and (token := request.query_params.get(TOKEN_FIELD, "")):
            feed_user = user_of_feed(desk.state, token)
            if feed_user is not None:
                return Actor("feed", feed_user.name, "reader"), None
        if need is not None and need.role is None:
            visit = request.cookies.get(desk.cookie("visit"), "")[:100] or (secrets.token_urlsafe(24) if path in GIVES_A_VISIT else "")
            return Actor("nobody", binding=visit), None
        return NOBODY, self._asks_to_log_in(request)

    def _asks_with_key(self, request: Request, path: str, authorization: str, need: Need | None) -> tuple[Actor, _Refusal | None]:
        scheme, _, text = authorization.partition(" ")
        now = self.desk.clock()
        key = find_key(self.desk.state, text.strip(), now) if scheme.lower() == "bearer" else None
        if key is None:
            return NOBODY, _Refusal(401, "key", headers={"WWW-Authenticate": 'Bearer realm="diembao", error="invalid_token"'})
        actor = Actor("key", key.id, scopes=frozenset(key.scopes))
        if wait := self.rates.wait(key, now):
            return actor, _Refusal(429, "rate", str(key.per_minute), {"Retry-After": str(wait)})
        if need is None:
            return actor, self._undeclared(request, path) if path else None
        is_public = need.role is None and (need.ticket or request.method in _SAFE)
        if not is_public and need.scope not in key.scopes:
            return actor, _Refusal(403, "scope", need.scope)
        return actor, None

    def _asks_open_desk(self, request: Request, need: Need | None) -> tuple[Actor, _Refusal | None]:
        if not _is_this_machine(request):
            return NOBODY, _Refusal(403, "open")
        actor = Actor("open", role="editor", binding=self.desk.form_secret)
        if need is not None and need.role == "admin":
            return actor, _Refusal(403, "no_users")
        return actor, None

    def _of_user(self, request: Request, path: str, need: Need | None, actor: Actor) -> _Refusal | None:
        if actor.must_change and path not in BEFORE_A_NEW_PASSWORD:
            if request.url.path.startswith("/api/"):
                return _Refusal(403, "new_password")
            return _Refusal(303, location="/account")
        if need is None:  # nothing there, which the application says, or forgotten in the table
            return self._undeclared(request, path) if path else None
        if need.role is not None and not actor.can(need.role):
            return _Refusal(403, "role", need.role)
        return None

    def _undeclared(self, request: Request, path: str) -> _Refusal:
        _log.error("%s %s is not declared in web/accounts/needs.py", request.method, path)
        return _Refusal(403, "refused", "needs.py")

    def _asks_to_log_in(self, request: Request) -> _Refusal:
        if request.url.path.startswith("/api/"):
            return _Refusal(401, "login", headers={"WWW-Authenticate": 'Bearer realm="diembao"'})
        if request.method not in _SAFE:
            return _Refusal(401, "ended")
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return _Refusal(303, location="/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}")

    async def _is_ours(self, request: Request, actor: Actor, need: Need | None) -> bool:
        """Whether what is sent comes from a page of ours that was made for this actor, or cannot come from a browser unasked."""
        if actor.via == "key" or (need is not None and need.ticket):
            return True
        if not _is_of_this_site(request):
            return False
        token = request.headers.get(TOKEN_HEADER, "")
        if not token:
            token = (await _fields(request)).get(TOKEN_FIELD, "")
        return is_form_token(token, actor.binding)

    def _with_visit(self, request: Request, actor: Actor, send: Send) -> Send:
        """Give the browser the cookie that the form of the login page is bound to."""
        if request.cookies.get(self.desk.cookie("visit")) == actor.binding:
            return send

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = Response()
                self.desk.set_cookie(cookie, "visit", actor.binding)
                MutableHeaders(scope=message).append("set-cookie", cookie.headers["set-cookie"])
            await send(message)

        return send_with_cookie


def _is_this_machine(request: Request) -> bool:
    """Whether the connection comes from this machine; a test or a socket file has no network address."""
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return True


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _is_of_this_site(request: Request) -> bool:
    """Whether the browser says that a page of ours sent it; a program that is no browser says nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin", "null")  # "null": our pages name no referrer
    return origin == "null" or _host_of(origin) == request.headers.get("host")


async def _fields(request: Request) -> dict[str, str]:
    """The fields of the form that is sent, files left out; none when it cannot be read."""
    try:
        form = await request.form(max_files=20, max_fields=2000)
    except HTTPException:
        return {}
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    await form.close()
    return fields


async def _texts(request: Request) -> list[str]:
    """What somebody typed into a form that cannot be taken, so that it can be copied; no passwords and nothing short."""
    fields = await _fields(request)
    return [text for name, text in fields.items() if len(text) >= _WORTH_KEEPING and name not in _NEVER_SHOWN]


async def _read(request: Request, longest: int) -> bytes | None:
    """What is sent, or None when it is longer than allowed, whatever Content-Length says."""
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length[:12]) > longest:
        return None
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > longest:
            return None
    return bytes(read)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives `body` once more, then what `receive` gives."""
    given = False

    async def once_more() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more
