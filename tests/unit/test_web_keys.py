"""API keys: shown once, hashed, with scopes, an end and a rate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import Response
from sqlalchemy import select

from diembao.errors import UsageError
from diembao.state import ApiKey
from tests.unit.accounts_desk import Office, empty_office, office_with_users
from web.accounts.keys import LONGEST_LIFE, add_key, all_keys, revoke_key


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def asked(office: Office, text: str, path: str = "/api/search", scheme: str = "Bearer") -> Response:
    return office.visitor().get(path, headers={"Authorization": f"{scheme} {text}"})


def made(office: Office, *scopes: str, life: timedelta = timedelta(days=30), per_minute: int = 120) -> tuple[str, str]:
    key, text = add_key(office.state, "IOC", scopes or ("search",), life, office.clock(), "admin", per_minute)
    return key.id, text


def test_an_admin_makes_a_key_on_the_page_and_sees_it_once(office: Office) -> None:
    admin = office.of("admin")
    fields = {"name": "Trung tâm điều hành", "scope": ["search", "alerts"], "days": "30", "per_minute": "60"}
    page = admin.post("/admin/keys", fields, of="/admin/keys")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    text = page.text.split('<code class="wrap">')[1].split("<")[0]
    answer = asked(office, text)
    assert answer.status_code == 200
    assert answer.json()["total"] > 0
    assert asked(office, text, "/alerts.atom").status_code == 200
    later = admin.get("/admin/keys").text
    assert text not in later
    assert "Trung tâm điều hành" in later
    with office.state.session() as session:
        row = session.scalars(select(ApiKey)).one()
        assert text.rpartition("_")[2] not in (row.key_hash, row.id, row.name)
    entry = office.log("key.add")[0]
    assert (entry.who, entry.after["scopes"]) == ("admin", ["search", "alerts"])
    assert text.rpartition("_")[2] not in str(entry)


def test_a_revoked_an_expired_and_a_forged_key_are_refused_as_json(office: Office) -> None:
    revoked, text = made(office)
    assert asked(office, text).status_code == 200
    revoke_key(office.state, revoked, office.clock(), "admin")
    _, short = made(office, life=timedelta(hours=1))
    assert asked(office, short).status_code == 200
    office.clock.move(timedelta(hours=1))
    _, good = made(office)
    for wrong in (text, short, good[:-1] + ("0" if good[-1] != "0" else "1"), good.upper(), "", "diembao_", "x" * 10_000, "diembao_a_b"):
        answer = asked(office, wrong)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "hint" in answer.json()["error"]
    assert asked(office, good, scheme="Basic").status_code == 401
    assert asked(office, good, scheme="bearer").status_code == 200
    assert office.log("key.revoke")[0].subject == revoked


def test_a_wrong_key_is_refused_even_beside_a_good_session_and_on_an_open_desk(office: Office, tmp_path: Path) -> None:
    admin = office.of("admin")
    assert admin.get("/api/search", headers={"Authorization": "Bearer x"}).status_code == 401
    with empty_office(tmp_path / "empty") as empty:
        assert empty.visitor().get("/api/search").status_code == 200
        assert asked(empty, "x").status_code == 401


def test_a_key_is_no_login(office: Office) -> None:
    _, text = made(office, "search", "alerts", "feedback", "admin")
    assert asked(office, text, "/admin/audit.csv").status_code == 200
    for path in ("/", "/account", "/admin/users", "/admin/keys"):
        assert asked(office, text, path).status_code == 403
    posted = office.visitor().client.post("/admin/users/reader", data={"do": "disable"}, headers={"Authorization": f"Bearer {text}"})
    assert posted.status_code == 403


def test_a_session_may_ask_the_api_and_may_not_change_with_a_key_in_the_address(office: Office) -> None:
    _, text = made(office)
    assert office.of("reader").get("/api/search").status_code == 200
    assert office.visitor().get("/api/search", params={"token": text}).status_code == 401


def test_each_key_has_its_own_rate(office: Office) -> None:
    (_, slow), (_, quick) = made(office, per_minute=3), made(office)
    office.clock.move(timedelta(seconds=60 - office.clock().second + 20))
    assert [asked(office, slow).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = asked(office, slow)
    assert refused.headers["retry-after"] == "40"
    assert refused.json()["error"]["hint"]
    assert asked(office, quick).status_code == 200
    office.clock.move(timedelta(seconds=40))
    assert asked(office, slow).status_code == 200


def test_the_last_use_is_kept_to_a_minute(office: Office) -> None:
    _, text = made(office)
    assert all_keys(office.state)[0].last_used_at is None
    first = office.clock()
    asked(office, text)
    office.clock.move(timedelta(seconds=30))
    asked(office, text)
    assert all_keys(office.state)[0].last_used_at == first
    office.clock.move(timedelta(seconds=31))
    asked(office, text)
    assert all_keys(office.state)[0].last_used_at == office.clock()


@pytest.mark.parametrize(
    ("name", "scopes", "life", "rate"),
    [
        ("", ["search"], timedelta(days=1), 1), (" \n ", ["search"], timedelta(days=1), 1), ("a", [], timedelta(days=1), 1),
        ("a", ["everything"], timedelta(days=1), 1), ("a", ["search"], timedelta(), 1), ("a", ["search"], LONGEST_LIFE * 2, 1),
        ("a", ["search"], timedelta(days=1), 0), ("a", ["search"], timedelta(days=1), 10**9),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_is_not_made(office: Office, name: str, scopes: list[str], life: timedelta, rate: int) -> None:
    with pytest.raises(UsageError):
        add_key(office.state, name, scopes, life, office.clock(), "admin", rate)
    assert all_keys(office.state) == []
    fields = {"name": name, "scope": scopes, "days": str(life.days), "per_minute": str(rate)}
    answer = office.of("admin").post("/admin/keys", fields, of="/admin/keys")
    assert answer.status_code == 422
