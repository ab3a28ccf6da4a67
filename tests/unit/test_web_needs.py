"""Every route of the application is declared, and opens to whom its declaration says and to nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from tests.browser.press import LANDSLIDE_ID
from tests.unit.accounts_desk import Office, office_with_users
from web.accounts.keys import SCOPES, add_key
from web.accounts.needs import NEEDS, need_of
from web.accounts.users import ROLES

VALUES = {"article_id": LANDSLIDE_ID, "alert_id": "a1b2c3", "token": "forged", "day": "2026-11-20", "name": "reader", "key_id": "0"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office_with_users(tmp_path_factory.mktemp("needs")) as office:
        yield office


def routes_of(app: FastAPI) -> list[BaseRoute]:
    """Every route that FastAPI itself would ask, found without the list that the gate uses."""
    found: list[BaseRoute] = []

    def walk(routes: Any) -> None:
        for route in routes:
            inner = getattr(route, "original_router", None)
            if inner is not None:
                walk(inner.routes)
            else:
                found.append(route)

    walk(app.router.routes)
    return found


def addresses(app: FastAPI) -> set[tuple[str, str]]:
    return {
        (route.path, method)
        for route in routes_of(app)
        if not isinstance(route, Mount)
        for method in route.methods - {"HEAD"}  # type: ignore[attr-defined]
    }


def as_address(path: str) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: VALUES.get(match[1], "x"), path)


def test_every_route_is_declared_and_no_declaration_is_left_over(office: Office) -> None:
    declared = {(path, method) for path, methods in NEEDS.items() for method in methods}
    assert addresses(office.app) == declared, "declare who may use each route in web/accounts/needs.py"


def test_the_gate_knows_every_route(office: Office) -> None:
    assert routes_of(office.app) == office.app.state.routes
    assert [route.path for route in routes_of(office.app) if isinstance(route, Mount)] == ["/static"]


def test_what_changes_something_is_open_to_nobody_and_to_no_reader_unless_it_is_their_own() -> None:
    own = {"/login", "/logout", "/account/password", "/account/sessions"}
    own |= {"/saved", "/saved/{saved_id}/remove", "/saved/{saved_id}/restore"}  # shared ones: tests/unit/test_web_saved.py
    for path, methods in NEEDS.items():
        for method, need in methods.items():
            if method != "GET" and path not in own and not need.ticket:
                assert need.role in ("editor", "admin"), f"{method} {path}"
            assert not (need.ticket and not path.startswith("/alerts/answer/")), f"{method} {path}: who checks its ticket?"


def test_without_a_login_only_what_needs_none_opens(office: Office) -> None:
    for path, method in sorted(addresses(office.app)):
        need = need_of(path, method)
        assert need is not None
        answer = office.visitor().client.request(method, as_address(path))
        if need.role is not None:
            expected = 401 if path.startswith("/api/") or method != "GET" else 303
            assert answer.status_code == expected, f"{method} {path}"
            if expected == 303:
                assert answer.headers["location"].startswith("/login")
            assert "Sạt lở" not in answer.text
        else:
            assert "/login?" not in answer.headers.get("location", ""), f"{method} {path}"
            assert answer.status_code != 401, f"{method} {path}"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_it_may_and_nothing_else(office: Office, role: str) -> None:
    for path, method in sorted(addresses(office.app)):
        need = need_of(path, method)
        assert need is not None
        visitor = office.of(role)
        answer = visitor.client.request(method, as_address(path))
        is_refused = need.role is not None and ROLES.index(need.role) > ROLES.index(role)  # type: ignore[arg-type]
        told = "Không đủ quyền" in answer.text
        assert told == (is_refused and answer.status_code == 403), f"{role} {method} {path}: {answer.status_code}"
        if is_refused:
            assert answer.status_code == 403, f"{role} {method} {path}"
        elif method == "GET":
            assert answer.status_code in (200, 303, 304, 307, 404, 410), f"{role} {method} {path}: {answer.status_code}"


@pytest.mark.parametrize("role", ["reader", "admin"])
def test_nothing_is_changed_without_the_token_of_a_form(office: Office, role: str) -> None:
    for path, method in sorted(addresses(office.app)):
        need = need_of(path, method)
        assert need is not None
        if method == "GET" or need.ticket:
            continue
        answer = office.of(role).client.request(method, as_address(path), data={"token": "forged", "do": "disable"})
        assert answer.status_code == 403, f"{method} {path}"


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_what_its_scope_says_and_nothing_else(office: Office, scope: str) -> None:
    _, text = add_key(office.state, "test", [scope], timedelta(days=1), office.clock(), "admin", per_minute=6000)
    for path, method in sorted(addresses(office.app)):
        need = need_of(path, method)
        assert need is not None
        answer = office.visitor().client.request(method, as_address(path), headers={"Authorization": f"Bearer {text}"})
        if need.scope != scope and (need.role is not None or (path == "/login" and method == "POST")):
            assert answer.status_code == 403, f"{method} {path}"
            assert answer.json()["error"]["hint"]
        else:
            assert answer.status_code not in (401, 403), f"{method} {path}"


def test_a_route_that_is_not_declared_is_shut_once_there_are_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(NEEDS, "/search")
    with office_with_users(tmp_path) as office:
        assert office.visitor().get("/search").status_code == 303
        assert office.of("admin").get("/search").status_code == 403
        assert office.of("admin").get("/alerts").status_code == 200


def test_what_does_not_exist_is_told_only_to_users(office: Office) -> None:
    assert office.visitor().get("/nothing").status_code == 303
    assert office.visitor().get("/api/nothing").status_code == 401
    assert office.of("reader").get("/nothing").status_code == 404
    answer = office.of("reader").client.post("/search")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_static_files_and_health_need_no_login(office: Office) -> None:
    assert office.visitor().get("/static/desk.css").status_code == 200
    assert office.visitor().get("/static/../web/app.py").status_code in (303, 404)
    assert office.visitor().get("/static/%2e%2e/app.py").status_code in (303, 404)
    assert office.visitor().get("/health").status_code == 200
