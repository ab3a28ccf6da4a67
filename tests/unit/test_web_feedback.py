"""The page that takes in a file of citizens' feedback: what it keeps, whom it shows it to, and what it refuses."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import Response

from crawlers.runs import read_run
from diembao.article import Article
from tests.unit.accounts_desk import Office, Visitor, office_with_users
from tests.unit.test_index_feedback import SECRETS, every_byte, workbook
from web.accounts.needs import LONGEST_FILE
from web.feedback.drafts import LIFE, MOST

HEADINGS = ["Mã phiếu", "Họ và tên", "Số điện thoại", "Nội dung", "Ngày gửi", "Lĩnh vực", "Trạng thái"]
NAME = "Trần Thị Giấu Kín"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def row(number: int, text: str = "Đường ngập nước") -> list[str]:
    return [f"PA-{number}", NAME, "0909111222", text, "19/11/2026 07:30", "Giao thông", "Mới"]


def upload(visitor: Visitor, content: bytes, name: str = "a.xlsx", **fields: str) -> Response:
    return visitor.post("/feedback", {"source": "app", **fields}, of="/feedback", files={"file": (name, content)})


def take(visitor: Visitor, address: str, **columns: str) -> Response:
    page = visitor.soup(address)
    chosen = {
        str(field["name"]): str(option["value"]) for field in page.select("select") if (option := field.select_one("option[selected]"))
    }
    return visitor.post(address, {**chosen, **columns}, of=address)


def folder(office: Office) -> Path:
    home: Path = office.app.state.desk.settings.home
    return home


def articles(office: Office) -> list[Article]:
    return [one for run in sorted(office.app.state.desk.settings.runs_folder.glob("*")) for one in read_run(run).articles()]


def test_nothing_of_the_sender_is_stored_nor_shown(office: Office) -> None:
    editor = office.of("editor")
    rows = [row(number, f"Việc {number}, liên hệ {secret} ngay") for number, secret in enumerate(SECRETS)]
    sent = upload(editor, workbook(HEADINGS, *rows, [*row(99, "x, gọi 0933444555")[:4], "ngày 0933444555", "", ""]))
    assert sent.status_code == 303
    address = sent.headers["location"]
    shown = editor.get(address).text
    assert NAME not in shown
    assert not [secret for secret in SECRETS if secret in shown]
    before = every_byte(folder(office))
    done = take(editor, address)
    result = editor.get(done.headers["location"]).text
    rejected = editor.get(f"{address}/rejected.csv").text
    kept = every_byte(folder(office))
    for secret in [*SECRETS, NAME, "0909111222", "0933444555"]:
        assert secret.encode() not in kept, secret
        assert secret.encode() not in before
        assert secret not in result + rejected
    assert len(articles(office)) == len(SECRETS)
    assert office.log("feedback.take")[0].who == "editor"


def test_a_file_belongs_to_who_sent_it_and_not_for_long(office: Office) -> None:
    editor = office.of("editor")
    address = upload(editor, workbook(HEADINGS, row(1))).headers["location"]
    assert editor.get(address).status_code == 200
    assert office.of("admin").get(address).status_code == 404
    assert office.of("reader").get(address).status_code == 403
    assert office.of("admin").get(f"{address}/rejected.csv").status_code == 404
    office.clock.move(LIFE + timedelta(seconds=1))
    assert office.of("editor").get(address).status_code == 404


def test_only_so_many_files_wait_at_a_time(office: Office) -> None:
    editor = office.of("editor")
    addresses = []
    for number in range(MOST + 1):
        addresses.append(upload(editor, workbook(HEADINGS, row(number))).headers["location"])
        office.clock.move(timedelta(seconds=1))
    assert [editor.get(address).status_code for address in addresses] == [404] + [200] * MOST


def test_twice_taken_is_once_and_columns_are_remembered(office: Office) -> None:
    editor = office.of("editor")
    content = workbook(["Mã", "Chuyện gì", "Khi nào"], ["1", "Đường ngập", "19/11/2026"])
    address = upload(editor, content).headers["location"]
    refused = take(editor, address)
    assert refused.status_code == 422
    assert "chứa nội dung" in refused.text
    done = take(editor, address, body="Chuyện gì", date="Khi nào")
    assert done.headers["location"] == f"{address}/result"
    assert editor.get(address).headers["location"] == f"{address}/result"
    assert editor.post(address, {}, of="/feedback").headers["location"] == f"{address}/result"
    again = upload(editor, content).headers["location"]
    page = editor.soup(again)
    assert [str(one["value"]) for one in page.select("#field-body option[selected], #field-date option[selected]")] == [
        "Chuyện gì",
        "Khi nào",
    ]
    assert "Không có nội dung nào mới" in editor.get(take(editor, again).headers["location"]).text
    assert len(articles(office)) == 1


def test_what_a_file_says_cannot_become_part_of_the_page(office: Office) -> None:
    editor = office.of("editor")
    evil = "<script>window.hacked=1</script>"
    headings = ["Mã", "Nội dung", f"{evil} {{{{7*7}}}}", "Ngày"]
    rows = [[f'"><img src=x onerror=1>{number}', f"=cmd|calc {evil}", evil, "hôm qua"] for number in range(3)]
    address = upload(editor, workbook(headings, *rows), name=f"{evil}.xlsx").headers["location"]
    done = take(editor, address)
    for path in (address, done.headers["location"]):
        page = editor.soup(path)
        assert evil not in str(page.select_one("main"))
        assert not page.select("img, main script")
    download = editor.get(f"{address}/rejected.csv")
    assert download.headers["content-disposition"].startswith("attachment")
    assert all(
        not cell.startswith(("=", "+", "-", "@")) for line in csv.reader(io.StringIO(download.text.lstrip("\ufeff"))) for cell in line
    )


@pytest.mark.parametrize(
    ("name", "content", "fields", "reason"),
    [
        ("a.xls", b"x", {}, ".xlsx"), ("a.csv", b"", {}, "không có bản ghi"), ("a.xlsx", b"PK\x03\x04x", {}, "giải nén"),
        ("a.json", b"{", {}, "JSON"), ("a.csv", b"M\xe3,N\xf4\x81\n1,\x81\x8d\x9d\n", {}, "bảng mã"),
        ("../../etc/passwd", b"x", {}, "ending"),
        ("a.csv", "Mã,Nội dung\n1,x\n".encode(), {"source": "../x"}, "chữ thường"),
        ("a.csv", "Mã,Nội dung\n1,x\n".encode(), {"heading_row": "9"}, "line 9"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(office: Office, name: str, content: bytes, fields: dict[str, str], reason: str) -> None:
    editor = office.of("editor")
    answer = upload(editor, content, name, **fields)
    assert answer.status_code == 422
    assert reason in answer.text
    assert articles(office) == []


def test_too_much_is_refused_and_no_token_is_no_way_in(office: Office) -> None:
    editor = office.of("editor")
    assert upload(editor, b"x" * (LONGEST_FILE + 1), "a.csv").status_code == 413
    assert editor.client.post("/feedback", data={"token": "forged"}, files={"file": ("a.csv", b"x")}).status_code == 403
    assert editor.post("/feedback", {"source": "app"}, of="/feedback").status_code == 422
    address = upload(editor, workbook(HEADINGS, row(1))).headers["location"]
    assert editor.client.post(address, data={"body": "Nội dung"}).status_code == 403
    for path in (address, "/feedback/unknown"):
        assert editor.get(f"{path}/result").status_code == 404
        assert editor.get(f"{path}/rejected.csv").status_code == 404


def test_a_record_shows_what_its_system_says(office: Office) -> None:
    editor = office.of("editor")
    take(editor, upload(editor, workbook(HEADINGS, row(1))).headers["location"])
    (article,) = articles(office)
    office.app.state.desk.engine.upsert([article])
    page = editor.soup(f"/articles/{article.id}")
    facts = page.select_one("#feedback")
    assert facts is not None
    assert "PA-1" in facts.text
    assert "Mới" in facts.text
    assert editor.soup("/articles/landslide").select_one("#feedback") is None
