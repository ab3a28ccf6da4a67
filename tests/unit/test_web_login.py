"""Logging in and out: sessions that cannot be forged, fixed or kept for ever, and guessing that gets slower."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from diembao.state import LoginFailure, State, UserRecord, UserSession
from tests.browser.press import NOW
from tests.unit.accounts_desk import COOKIE, PASSWORD, QUICK, Office, Visitor, empty_office, office_with_users
from web.accounts.login import TooManyTriesError, log_in
from web.accounts.passwords import Passwords
from web.accounts.sessions import sessions_of
from web.accounts.users import add_user, set_disabled, set_password, set_role
from web.app import create_app
from web.security import client_address


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/alerts").status_code == 200


def test_from_the_first_user_on_everybody_has_to_log_in(tmp_path: Path) -> None:
    with empty_office(tmp_path) as office:
        visitor = office.visitor()
        page = visitor.get("/")
        assert page.status_code == 200
        assert "Chưa bật đăng nhập" in page.text
        assert visitor.get("/login").status_code == 200
        assert visitor.get("/admin/users").status_code == 403
        add_user(office.state, QUICK, "lan", "admin", PASSWORD, NOW, "command:test")
        assert visitor.get("/").headers["location"] == "/login"
        assert visitor.get("/api/search").status_code == 401
        set_answer = visitor.log_in("lan")
        assert (set_answer.status_code, set_answer.headers["location"]) == (303, "/")
        assert "Chưa bật đăng nhập" not in visitor.get("/").text


def test_an_open_desk_answers_this_machine_only(tmp_path: Path) -> None:
    with empty_office(tmp_path) as office:
        assert office.visitor(peer="127.0.0.1").get("/").status_code == 200
        assert office.visitor(peer="::1").get("/").status_code == 200
        refused = office.visitor(peer="192.168.1.20").get("/")
        assert refused.status_code == 403
        assert "diembao users add" in refused.text
        assert office.visitor(peer="192.168.1.20").get("/api/search").status_code == 403


def test_the_reader_gets_back_to_the_wanted_page_after_login(office: Office) -> None:
    visitor = office.visitor()
    wanted = "/search?q=s%E1%BA%A1t+l%E1%BB%9F&topic=environment"
    asked = visitor.get(wanted).headers["location"]
    answer = visitor.log_in("reader", next=str(visitor.soup(asked).select_one("input[name=next]")["value"]))  # type: ignore[index]
    assert answer.headers["location"] == wanted
    assert visitor.get(wanted).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/\t/evil.example",
        "/%0d%0aSet-Cookie:a=b\r\nX: y", "//evil.example/%2e%2e", "evil.example", "/login", "/logout", "", "http:evil.example",
        "/\n/evil.example", "///evil.example", "/" + "a" * 20_000,
    ],
)  # fmt: skip
def test_no_login_leads_to_another_host(office: Office, wanted: str) -> None:
    visitor = office.visitor()
    field = visitor.get("/login", params={"next": wanted})
    if field.status_code == 200:
        assert 'name="next" value="/"' in field.text
    answer = visitor.log_in("reader", next=wanted)
    if answer.status_code == 303:
        assert answer.headers["location"] == "/"
        assert "x" not in answer.headers
        assert visitor.client.cookies.get("a") is None
    else:
        assert answer.status_code == 422


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(office: Office) -> None:
    cookies = office.visitor().log_in("reader").headers.get_list("set-cookie")
    session = next(cookie for cookie in cookies if cookie.startswith(f"{COOKIE}="))
    attributes = {part.strip().lower() for part in session.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert not any(part.startswith(("domain", "max-age", "expires")) for part in attributes)


def test_under_https_the_cookie_is_bound_to_the_host(office: Office, tmp_path: Path) -> None:
    desk = office.app.state.desk
    settings = desk.settings.__class__(desk.settings.home, tmp_path / "https", "sqlite", desk.settings.database)
    settings.config.mkdir()
    (settings.config / "office.toml").write_text('base_url = "https://diembao.example"\n', encoding="utf-8")
    (settings.config / "taxonomy.toml").write_text((desk.settings.config / "taxonomy.toml").read_text(encoding="utf-8"), encoding="utf-8")
    visitor = Visitor(create_app(settings, desk.engine, office.state, office.clock, QUICK), "https://diembao.example")
    answer = visitor.log_in("reader")
    cookie = next(cookie for cookie in answer.headers.get_list("set-cookie") if "session" in cookie)
    assert cookie.startswith("__Host-diembao-session=")
    assert "secure" in cookie.lower()
    assert "max-age" in answer.headers["strict-transport-security"]
    assert is_in(visitor)
    visitor.client.cookies.clear()
    visitor.client.cookies.set(COOKIE, "anything")
    assert not is_in(visitor)


def test_a_session_that_the_browser_brought_is_never_used(office: Office) -> None:
    """Session fixation: an id that somebody else knows does not become a session, and an old session ends at login."""
    visitor = office.visitor()
    visitor.client.cookies.set(COOKIE, "chosen-by-somebody-else")
    assert visitor.log_in("reader").status_code == 303
    first = office.visitor()
    first.client.cookies.set(COOKIE, "chosen-by-somebody-else")
    assert not is_in(first)

    again = office.visitor()
    assert again.log_in("reader").status_code == 303
    before = again.session_id
    again.client.post("/login", data={"name": "editor", "password": PASSWORD, "token": again.token("/account")})
    assert again.session_id != before
    old = office.visitor()
    old.client.cookies.set(COOKIE, before)
    assert not is_in(old)


@pytest.mark.parametrize("forged", ["", "a", "0" * 64, "'; DROP TABLE users; --", "x" * 10_000, "..", "%00"])
def test_a_forged_session_opens_nothing(office: Office, forged: str) -> None:
    visitor = office.visitor()
    assert visitor.get("/alerts", headers={"Cookie": f"{COOKIE}={forged}"}).status_code == 303


def test_what_the_database_holds_opens_nothing(office: Office) -> None:
    session_id = office.of("admin").session_id
    with office.state.session() as session:
        row = session.scalars(select(UserSession)).one()
        assert session_id not in (row.id_hash, row.user)
        kept = row.id_hash
    visitor = office.visitor()
    visitor.client.cookies.set(COOKIE, kept)
    assert not is_in(visitor)


def test_a_session_ends_when_nothing_is_asked_for_and_at_last_in_any_case(office: Office) -> None:
    idle, busy = office.of("reader"), office.of("reader")
    for _ in range(7 * 24 // 7 - 1):
        office.clock.move(timedelta(hours=7))
        assert is_in(busy)
    assert not is_in(idle)
    office.clock.move(timedelta(hours=7))
    assert not is_in(busy)


def test_logging_out_ends_the_session_on_the_server(office: Office) -> None:
    visitor = office.of("reader")
    stolen = visitor.session_id
    answer = visitor.post("/logout", of="/alerts")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert answer.headers["clear-site-data"] == '"cache"'
    thief = office.visitor()
    thief.client.cookies.set(COOKIE, stolen)
    assert not is_in(thief)


def test_logging_out_everywhere_ends_every_session_and_the_feed_address(office: Office) -> None:
    here, there = office.of("reader"), office.of("reader")
    feed = str(here.soup("/account").select_one("#feed")["value"]).removeprefix("http://127.0.0.1:8000")  # type: ignore[index]
    assert office.visitor().get(feed).status_code == 200
    assert here.post("/account/sessions", of="/account").status_code == 303
    assert not is_in(here)
    assert not is_in(there)
    assert office.visitor().get(feed).status_code == 303
    assert office.log("user.sessions")[0].before == 2


def test_one_other_session_is_ended_and_nobody_elses(office: Office) -> None:
    here, there, other = office.of("reader"), office.of("reader"), office.of("editor")
    keys = [str(button["value"]) for button in here.soup("/account").select("button[name=key]")]
    (foreign,) = [one.key for one in sessions_of(office.state, "editor", office.clock())]
    assert len(keys) == 1
    for key in ("0", foreign, "%"):
        assert here.post("/account/sessions", {"key": key}, of="/account").status_code == 303
    assert is_in(other)
    assert is_in(there)
    assert here.post("/account/sessions", {"key": keys[0]}, of="/account").headers["location"] == "/account"
    assert is_in(here)
    assert not is_in(there)


@pytest.mark.parametrize("change", ["role", "disable", "password"])
def test_who_is_changed_by_an_admin_has_to_log_in_anew(office: Office, change: str) -> None:
    visitor = office.of("editor")
    assert is_in(visitor)
    if change == "role":
        set_role(office.state, "editor", "reader", NOW, "admin")
    elif change == "disable":
        set_disabled(office.state, "editor", True, NOW, "admin")
    else:
        set_password(office.state, QUICK, "editor", "một mật khẩu khác hẳn", NOW, "admin")
    assert not is_in(visitor)
    assert visitor.log_in("editor").status_code == (303 if change == "role" else 401)


def test_an_own_new_password_ends_the_other_sessions_and_changes_this_one(office: Office) -> None:
    here, there = office.of("reader"), office.of("reader")
    before = here.session_id
    fields = {"old": PASSWORD, "new": "năm từ mới tinh tươm", "again": "năm từ mới tinh tươm"}
    for wrong in ({"old": "sai"}, {"again": "khác"}, {"new": "ngắn", "again": "ngắn"}, {"new": PASSWORD, "again": PASSWORD}):
        assert here.post("/account/password", fields | wrong, of="/account").status_code == 422
    assert here.post("/account/password", fields, of="/account").status_code == 303
    assert is_in(here)
    assert here.session_id != before
    assert not is_in(there)
    assert office.visitor().log_in("reader").status_code == 401
    assert office.visitor().log_in("reader", fields["new"]).status_code == 303


def test_unknown_disabled_and_wrong_look_the_same_and_take_the_same_work(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    set_disabled(office.state, "editor", True, NOW, "admin")
    checked: list[str] = []
    verify = PasswordHasher.verify

    def counted(self: PasswordHasher, hashed: str, password: str) -> Any:
        checked.append(hashed.split("$")[3])
        return verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    pages = []
    for name, password in (
        ("nobody", PASSWORD),
        ("editor", PASSWORD),
        ("reader", "sai hoàn toàn rồi"),
        ("' OR 1=1 --", PASSWORD),
        ("", ""),
    ):
        answer = office.visitor().log_in(name, password)
        assert answer.status_code == 401
        pages.append(answer.text.split('id="login-problem">')[1].split("<")[0])
    assert len(set(pages)) == 1
    # One check each, with the same parameters: none is quicker.
    assert len(checked) == 5
    assert len(set(checked)) == 1


def test_guessing_at_a_name_gets_slower_and_survives_a_restart(office: Office) -> None:
    visitor = office.visitor()
    assert [visitor.log_in("reader", "sai").status_code for _ in range(6)] == [401] * 5 + [429]
    blocked = visitor.log_in("reader")  # the right password does not help while the wait lasts
    assert blocked.status_code == 429
    assert blocked.headers["retry-after"] == "5"
    restarted = Visitor(create_app(office.app.state.desk.settings, office.app.state.desk.engine, office.state, office.clock, QUICK))
    assert restarted.log_in("reader").status_code == 429
    waits = []
    for _ in range(10):
        office.clock.move(timedelta(seconds=int(visitor.log_in("reader", "sai").headers["retry-after"])))
        assert visitor.log_in("reader", "sai").status_code == 401
        waits.append(int(visitor.log_in("reader", "sai").headers["retry-after"]))
    assert waits[:5] == [10, 20, 40, 80, 160]
    assert waits[-1] == 900
    office.clock.move(timedelta(seconds=900))
    assert visitor.log_in("reader").status_code == 303
    assert [office.visitor().log_in("reader", "sai").status_code for _ in range(5)] == [401] * 5  # counted from the beginning
    assert office.log("login.blocked")[0].subject == "reader"


def test_an_unknown_name_has_to_wait_as_well_and_is_kept_nowhere(office: Office) -> None:
    visitor = office.visitor()
    typed = "Mật-Khẩu-gõ-nhầm-ô"
    assert [visitor.log_in(typed, "sai").status_code for _ in range(6)] == [401] * 5 + [429]
    assert [entry.subject for entry in office.log("login.blocked")] == ["?"]
    with office.state.session() as session:
        assert all(len(key) == 64 for key in session.scalars(select(LoginFailure.key)))


def test_one_address_that_tries_many_names_has_to_wait(office: Office) -> None:
    visitor = office.visitor(peer="203.0.113.7")
    answers = [visitor.log_in(f"name{number}", "sai").status_code for number in range(31)]
    assert answers == [401] * 30 + [429]
    assert visitor.log_in("reader").status_code == 429
    assert office.visitor(peer="203.0.113.8").log_in("reader").status_code == 303
    office.clock.move(timedelta(days=2))
    assert visitor.log_in("reader", "sai").status_code == 401
    with office.state.session() as session:
        assert len(session.scalars(select(LoginFailure)).all()) == 2  # the forgotten ones are gone


def test_guesses_at_the_same_moment_do_not_slip_through_together(office: Office) -> None:
    def guess(number: int) -> bool:
        try:
            log_in(office.state, QUICK, "reader", f"sai {number}", f"203.0.113.{number}", NOW)
        except TooManyTriesError:
            return False
        return True

    with ThreadPoolExecutor(16) as guessing:
        assert sum(guessing.map(guess, range(40))) == 5


def test_a_hash_with_older_parameters_is_renewed_at_login(office: Office) -> None:
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))

    def kept(state: State) -> str:
        with state.session() as session:
            return str(session.get_one(UserRecord, "reader").password_hash)

    before = kept(office.state)
    assert log_in(office.state, QUICK, "reader", PASSWORD, "", NOW) is not None
    assert kept(office.state) == before
    assert log_in(office.state, stronger, "reader", PASSWORD, "", NOW) is not None
    assert "m=16,t=2" in kept(office.state)
    assert log_in(office.state, stronger, "reader", PASSWORD, "", NOW) is not None


def test_the_default_parameters_are_those_of_rfc_9106_for_little_memory() -> None:
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in Passwords().hash(PASSWORD)


def test_a_password_typed_in_another_unicode_form_is_the_same() -> None:
    import unicodedata

    hashed = QUICK.hash(unicodedata.normalize("NFC", PASSWORD))
    assert QUICK.check(unicodedata.normalize("NFD", PASSWORD), hashed).is_right
    assert not QUICK.check(PASSWORD + "x" * 1000, hashed).is_right
    assert not QUICK.check("\ud800", hashed).is_right


def test_a_first_password_has_to_be_changed_before_anything_else(office: Office) -> None:
    set_password(office.state, QUICK, "editor", "tạm thời thôi nhé bạn", NOW, "admin", must_change=True)
    visitor = office.visitor()
    assert visitor.log_in("editor", "tạm thời thôi nhé bạn").status_code == 303
    assert visitor.get("/").headers["location"] == "/account"
    assert visitor.get("/api/search").status_code == 403
    fields = {"old": "tạm thời thôi nhé bạn", "new": "một câu của riêng tôi", "again": "một câu của riêng tôi"}
    assert visitor.post("/account/password", fields, of="/account").status_code == 303
    assert visitor.get("/").status_code == 200


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "10.1.1.1", "203.0.113.9"),  # nobody's word but the proxy's own counts
        ("127.0.0.1", "10.1.1.1", "10.1.1.1"),
        ("127.0.0.1", "6.6.6.6, 10.1.1.1", "10.1.1.1"),
        ("127.0.0.1", "6.6.6.6, 10.1.1.1, 10.0.0.2", "10.1.1.1"),
        ("127.0.0.1", "rubbish", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_only_the_proxys_word_on_addresses_is_believed(peer: str, forwarded: str, expected: str) -> None:
    from fastapi import Request

    scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())] if forwarded else []}
    assert client_address(Request(scope), ("127.0.0.1", "10.0.0.2")) == expected
