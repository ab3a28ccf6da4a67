"""What another site, another session or a script without the form's token sends changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from httpx import Response

from index.corrections import history
from tests.browser.press import LANDSLIDE_ID
from tests.unit.accounts_desk import Office, Visitor, empty_office, office_with_users
from web.accounts.sessions import form_token, is_form_token

PAGE = f"/articles/{LANDSLIDE_ID}"
FORM = f"{PAGE}/corrections"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office_with_users(tmp_path_factory.mktemp("forms")) as office:
        yield office


def correct(visitor: Visitor, **options: Any) -> Response:
    fields = {"sentiment": "neutral", "seen": ["sentiment=negative", "topics=none", "relevant=yes"]} | options.pop("data", {})
    return visitor.client.post(FORM, data=fields, **options)


def kept(office: Office) -> int:
    with office.state.session() as session:
        return len(history(session, LANDSLIDE_ID))


def test_a_form_is_taken_from_its_own_session_only(office: Office) -> None:
    editor, other = office.of("editor"), office.of("editor")
    before = kept(office)
    own = editor.token("/account")
    altered = own[:-1] + ("1" if own.endswith("0") else "0")
    for token in ("", "forged", "a.b", "." * 300, other.token(PAGE), altered, form_token("")):
        assert correct(editor, data={"token": token}).status_code == 403
    assert correct(editor).status_code == 403
    assert kept(office) == before
    assert correct(editor, data={"token": editor.token(PAGE), "sentiment": "positive"}).status_code == 303
    assert kept(office) == before + 1
    # A script of ours sends the same value in a header.
    assert correct(editor, headers={"X-Form-Token": editor.token(PAGE)}).status_code == 303


def test_a_token_ends_with_its_session(office: Office) -> None:
    editor = office.of("editor")
    token = editor.token(PAGE)
    assert editor.client.post("/logout", data={"token": token}).status_code == 303
    assert correct(editor, data={"token": token}).status_code == 401
    again = office.of("editor")
    assert correct(again, data={"token": token}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"}, {"Origin": "http://127.0.0.1:9"}, {"Origin": "http://[::1"},
    ],
)  # fmt: skip
def test_another_site_is_refused_even_with_the_right_token(office: Office, headers: dict[str, str]) -> None:
    editor = office.of("editor")
    before = kept(office)
    assert correct(editor, data={"token": editor.token(PAGE)}, headers=headers).status_code == 403
    assert kept(office) == before


def test_the_login_form_is_bound_to_the_browser_that_got_it(office: Office) -> None:
    """Another site cannot log a reader in as somebody else: it would read what the reader then searches."""
    attacker, victim = office.visitor(), office.visitor()
    fields = {"name": "reader", "password": "bốn từ không liên quan", "token": attacker.token("/login")}
    victim.get("/login")
    assert victim.client.post("/login", data=fields).status_code == 403
    assert office.visitor().client.post("/login", data=fields).status_code == 403
    assert attacker.client.post("/login", data=fields).status_code == 303


def test_tokens_of_one_page_are_never_the_same(office: Office) -> None:
    editor = office.of("editor")
    assert len({editor.token(PAGE) for _ in range(5)}) == 5
    assert is_form_token(editor.token(PAGE), editor.session_id)
    assert not is_form_token(form_token("a"), "b")
    assert not is_form_token(form_token(""), "")


def test_the_open_desk_protects_its_forms_too(tmp_path: Path) -> None:
    with empty_office(tmp_path) as office:
        visitor = office.visitor()
        assert correct(visitor, data={"token": "forged"}).status_code == 403
        assert correct(visitor, data={"token": visitor.token(PAGE), "by": "Lan"}).status_code == 303
        assert [entry.who for entry in office.log("correction.give")] == ["Lan"]


def test_giant_and_broken_bodies_are_refused_before_anything_reads_them(office: Office) -> None:
    editor = office.of("editor")
    token = editor.token(PAGE)
    assert correct(editor, data={"token": token, "note": "x" * 70_000}).status_code == 413

    def parts() -> Iterator[bytes]:
        yield b"token=" + token.encode() + b"&note="
        for _ in range(100):
            yield b"x" * 10_000

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert editor.client.post(FORM, content=parts(), headers=form).status_code == 413  # no Content-Length says so
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    for content in (
        b"--x\r\nno",
        b"",
        b"\xff\xfe",
        b'--x\r\nContent-Disposition: form-data; name="token"; filename="a"\r\n\r\nb\r\n--x--\r\n',
    ):
        assert editor.client.post(FORM, content=content, headers=broken).status_code == 403
    many = "&".join(f"a{number}=" for number in range(5_000))
    assert editor.client.post(FORM, content=many, headers=form).status_code == 403
    assert editor.client.post(FORM, content=b"token=" + token.encode(), headers={"Content-Type": "text/plain"}).status_code == 403
    assert office.visitor().client.post("/login", data={"name": "x" * 70_000}).status_code == 413


def test_corrections_carry_the_name_of_who_is_logged_in(office: Office) -> None:
    editor = office.of("editor")
    page = editor.soup(PAGE)
    assert page.select_one("form.correct") is not None
    assert page.select_one("form.correct input[name=by]") is None
    correct(editor, data={"token": editor.token(PAGE), "sentiment": "positive", "by": "somebody else"})
    with office.state.session() as session:
        assert history(session, LANDSLIDE_ID)[-1].given_by == "editor"
    entry = office.log("correction.give")[-1]
    assert (entry.who, entry.subject, entry.after) == ("editor", LANDSLIDE_ID, {"sentiment": "positive"})
    reader = office.of("reader")
    assert reader.soup(PAGE).select_one("form.correct") is None
    assert reader.soup(PAGE).select_one("form[action$='/undo']") is None
    assert correct(reader, data={"token": reader.token(PAGE)}).status_code == 403


def test_an_ended_session_says_that_nothing_was_kept(office: Office) -> None:
    editor = office.of("editor")
    token, before = editor.token(PAGE), kept(office)
    editor.client.cookies.clear()
    answer = correct(editor, data={"token": token})
    assert answer.status_code == 401
    assert "Chưa có gì được lưu" in answer.text
    assert kept(office) == before


def test_what_somebody_wrote_is_not_lost_with_the_session(office: Office) -> None:
    note = "Ghi chú dài <b>của biên tập viên</b>, viết trong nửa giờ"
    editor = office.of("editor")
    token = editor.token(PAGE)
    for lost in ({"token": "forged", "note": note}, {"token": token, "note": note}):
        if lost["token"] == token:
            editor.client.cookies.clear()
        page = BeautifulSoup(correct(editor, data=lost).text, "lxml")
        kept_text = page.select_one("textarea[readonly]")
        assert kept_text is not None
        assert kept_text.get_text().strip() == note
    # Not for another site, and never a password.
    foreign = correct(editor, data={"token": "x", "note": note}, headers={"Sec-Fetch-Site": "cross-site"})
    assert "nửa giờ" not in foreign.text
    secret = "một mật khẩu dài hơn hai mươi lăm ký tự"
    fields = {"token": "x", "password": secret, "old": secret, "new": secret, "again": secret}
    assert secret not in editor.client.post("/login", data=fields).text
    assert secret not in office.of("editor").client.post("/account/password", data=fields).text


def test_who_may_not_is_still_greeted_by_name(office: Office) -> None:
    page = office.of("reader").soup("/admin/users")
    bar = page.select_one(".account-bar")
    assert bar is not None
    assert "reader" in bar.get_text()
