"""The pages of users and of the audit log."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from diembao.audit import record
from tests.browser.press import NOW
from tests.unit.accounts_desk import PASSWORD, Office, office_with_users
from web.accounts.users import find_user

HOSTILE = "<script>window.hacked=1</script>"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def test_an_admin_adds_a_user_with_a_first_password(office: Office) -> None:
    admin = office.of("admin")
    page = admin.post("/admin/users", {"name": "Minh.Tam", "role": "editor"}, of="/admin/users")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    password = BeautifulSoup(page.text, "lxml").select_one(".once code")
    assert password is not None
    assert password.get_text() not in admin.get("/admin/users").text
    visitor = office.visitor()
    assert visitor.log_in("minh.tam", password.get_text()).status_code == 303
    assert visitor.get("/").headers["location"] == "/account"
    entry = office.log("user.add")[-1]
    assert (entry.who, entry.subject, entry.after) == ("admin", "minh.tam", {"role": "editor"})
    assert password.get_text() not in str(office.log())


@pytest.mark.parametrize("name", ["", "reader", "a b", "<b>", "../x", "x" * 65, "đặng", "a\r\nb", "-a"])
def test_a_name_that_cannot_be_is_told(office: Office, name: str) -> None:
    answer = office.of("admin").post("/admin/users", {"name": name, "role": "reader"}, of="/admin/users")
    assert answer.status_code == 422
    assert BeautifulSoup(answer.text, "lxml").select_one(".problem") is not None
    assert "<b>" not in answer.text.split('role="alert"')[1].split("</p>")[0]
    assert len(office.log("user.add")) == 3


def test_roles_are_changed_and_users_shut_out_and_let_in(office: Office) -> None:
    admin = office.of("admin")

    def do(name: str, what: str, **fields: str) -> int:
        return admin.post(f"/admin/users/{name}", {"do": what, **fields}, of="/admin/users").status_code

    assert do("reader", "role", role="editor") == 303
    assert find_user(office.state, "reader").role == "editor"
    assert do("reader", "role", role="king") == 422
    assert do("reader", "disable") == 303
    assert find_user(office.state, "reader").disabled_at == NOW
    assert office.visitor().log_in("reader").status_code == 401
    assert do("reader", "enable") == 303
    assert office.visitor().log_in("reader").status_code == 303
    assert do("reader", "sessions") == 303
    assert do("reader", "delete") == 422
    assert do("nobody", "disable") == 422
    told = [(entry.who, entry.action, entry.subject, entry.before, entry.after) for entry in office.log("user") if entry.who == "admin"]
    assert told == [
        ("admin", "user.role", "reader", "reader", "editor"),
        ("admin", "user.disable", "reader", None, None),
        ("admin", "user.enable", "reader", None, None),
        ("admin", "user.sessions", "reader", 1, 0),
    ]


def test_the_last_admin_cannot_be_lost(office: Office) -> None:
    admin = office.of("admin")
    for fields in ({"do": "disable"}, {"do": "role", "role": "reader"}):
        assert admin.post("/admin/users/admin", fields, of="/admin/users").status_code == 422
    assert admin.get("/admin/users").status_code == 200
    assert find_user(office.state, "admin").disabled_at is None


def fill(office: Office, count: int) -> None:
    with office.state.session() as session:
        for number in range(count):
            record(
                session,
                NOW + timedelta(minutes=number),
                f"user{number % 3}",
                "rule.save",
                f"rule-{number}",
                {"n": number},
                {"n": number + 1},
            )


def rows(page: str) -> list[list[str]]:
    return [[cell.get_text(" ", strip=True) for cell in row.select("td")] for row in BeautifulSoup(page, "lxml").select(".log tbody tr")]


def test_the_log_is_read_page_by_page_and_filtered(office: Office) -> None:
    fill(office, 120)
    admin = office.of("admin")
    seen: list[str] = []
    address = "/admin/audit?action=rule"
    for _ in range(10):
        page = admin.get(address).text
        seen += [row[3] for row in rows(page)]
        older = BeautifulSoup(page, "lxml").select_one("a.next")
        if older is None:
            break
        address = str(older["href"])
    assert seen == [f"rule-{number}" for number in reversed(range(120))]
    assert [row[3] for row in rows(admin.get("/admin/audit?who=user1&subject=rule-11").text)] == ["rule-118", "rule-115", "rule-112"]
    assert rows(admin.get("/admin/audit?action=rule.save&since=2026-11-21").text) == []
    assert len(rows(admin.get("/admin/audit?action=user&until=2026-11-20").text)) == 3
    office.visitor().log_in("reader")
    assert "đăng nhập: thành công" not in [row[2] for row in rows(admin.get("/admin/audit").text)]
    for asking in ("logins=1", "action=login", "action=login.done"):
        assert rows(admin.get(f"/admin/audit?{asking}").text)[0][1:4] == ["reader", "đăng nhập: thành công", "reader"]
    assert admin.get("/admin/audit?since=yesterday").status_code == 422
    assert admin.get("/admin/audit?until=9999-12-31").status_code in (200, 422)
    assert admin.get("/admin/audit?below=9999999999999999999999").status_code == 200
    assert rows(admin.get("/admin/audit?subject=%25").text) == []  # no pattern, a text


def test_what_the_log_shows_is_only_text(office: Office) -> None:
    with office.state.session() as session:
        record(session, NOW, HOSTILE, "rule.save", HOSTILE, HOSTILE, {"x": HOSTILE, "phone": "gọi 0912 345 678"})
    admin = office.of("admin")
    page = admin.get("/admin/audit", params={"who": HOSTILE, "subject": HOSTILE})
    assert HOSTILE not in page.text
    assert "&lt;script&gt;" in page.text
    assert "0912 345 678" not in admin.get("/admin/audit").text


def test_the_csv_holds_everything_and_no_formula(office: Office) -> None:
    fill(office, 1_100)
    with office.state.session() as session:
        record(session, NOW, "=1+1", "rule.save", "@SUM(A1)", "+cmd|' /C calc'!A0", "\t=1+1")
        record(session, NOW, "a", "rule.save", 'dấu " phẩy, xuống\ndòng', {"vi": "tiếng Việt"}, None)
    answer = office.of("admin").get("/admin/audit.csv?action=rule")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.content.startswith("\ufeff".encode())
    found = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert found[0] == ["number", "at", "who", "action", "subject", "before", "after"]
    assert len(found) == 1 + 1_102
    assert found[1][4] == 'dấu " phẩy, xuống\ndòng'
    assert found[1][5] == '{"vi": "tiếng Việt"}'
    for row in found[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert found[2][2] == "'=1+1"


def test_the_account_page_never_shows_a_session_id(office: Office) -> None:
    reader = office.of("reader")
    page = reader.get("/account")
    assert reader.session_id not in page.text
    assert "Phiên này" in page.text
    assert page.headers["cache-control"] == "no-store"


def test_what_a_browser_calls_itself_is_only_text(office: Office) -> None:
    visitor = office.visitor()
    visitor.client.headers["user-agent"] = HOSTILE + "\x1b[31m" + "x" * 5_000
    assert visitor.log_in("reader", PASSWORD).status_code == 303
    page = visitor.get("/account").text
    assert HOSTILE not in page
    assert "\x1b" not in page
    assert "x" * 400 not in page


@pytest.mark.parametrize("path", ["/login", "/account", "/admin/users", "/admin/keys", "/admin/audit"])
def test_every_page_speaks_english_too(office: Office, path: str) -> None:
    admin = office.visitor() if path == "/login" else office.of("admin")
    page = admin.get(path, params={"lang": "en"})
    assert page.status_code == 200
    main = BeautifulSoup(page.text, "lxml").select_one("main")
    assert main is not None
    assert not set("ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ") & set(main.get_text().lower())
