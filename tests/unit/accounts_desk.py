"""A desk with users for the tests: the composed press, one user of each role, a clock that can be set, quick password hashes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from bs4 import BeautifulSoup
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from diembao.audit import Entry, Wanted, entries
from diembao.state import State
from tests.browser.press import NOW, press
from web.accounts.passwords import Passwords
from web.accounts.sessions import begin_session
from web.accounts.users import ROLES, Role, add_user, find_user
from web.app import create_app

PASSWORD = "bốn từ không liên quan"
QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
COOKIE = "diembao-session"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, gone: timedelta) -> None:
        self.now += gone


class Visitor:
    """A browser: keeps cookies, follows no redirect by itself, finds the token of the first form."""

    def __init__(self, app: FastAPI, address: str = "http://127.0.0.1", peer: str = "testclient") -> None:
        self.client = TestClient(app, base_url=address, raise_server_exceptions=False, follow_redirects=False, client=(peer, 50000))

    def get(self, path: str, **options: Any) -> Response:
        return self.client.get(path, **options)

    def soup(self, path: str) -> BeautifulSoup:
        return BeautifulSoup(self.get(path).text, "lxml")

    def token(self, path: str) -> str:
        field = self.soup(path).select_one("input[name=token]")
        return str(field["value"]) if field else ""

    def post(self, path: str, data: dict[str, Any] | None = None, *, of: str, **options: Any) -> Response:
        """Send the form that stands on the page `of`."""
        return self.client.post(path, data={"token": self.token(of), **(data or {})}, **options)

    def log_in(self, name: str, password: str = PASSWORD, **fields: str) -> Response:
        return self.post("/login", {"name": name, "password": password, **fields}, of="/login")

    @property
    def session_id(self) -> str:
        return self.client.cookies.get(COOKIE, "")


class Office:
    """The application, its database, and browsers that are logged in."""

    def __init__(self, app: FastAPI, state: State, clock: Clock) -> None:
        self.app, self.state, self.clock = app, state, clock

    @property
    def file(self) -> Path:
        """The office's file."""
        path: Path = self.app.state.desk.settings.office_file
        return path

    def visitor(self, **options: Any) -> Visitor:
        return Visitor(self.app, **options)

    def of(self, role: str) -> Visitor:
        """A browser in which the user of this role is logged in."""
        visitor = self.visitor()
        user = find_user(self.state, role)
        visitor.client.cookies.set(COOKIE, begin_session(self.state, user, self.clock(), "127.0.0.1", "test"), domain="127.0.0.1")
        return visitor

    def log(self, action: str = "") -> list[Entry]:
        """The audit log, the oldest first."""
        return list(reversed(entries(self.state, Wanted(action=action), 1000)))


@contextmanager
def empty_office(folder: Path) -> Iterator[Office]:
    """A desk without users."""
    clock = Clock()
    with press(folder) as (app, engine, state):
        yield Office(create_app(app.state.desk.settings, engine, state, clock, QUICK), state, clock)


@contextmanager
def office_with_users(folder: Path) -> Iterator[Office]:
    """A desk with the users `reader`, `editor` and `admin`, named like their roles."""
    with empty_office(folder) as office:
        roles: list[Role] = list(reversed(ROLES))
        for role in roles:
            add_user(office.state, QUICK, role, role, PASSWORD, NOW, "command:test")
        yield office
