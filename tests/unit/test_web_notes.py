"""Notes of staff: who may write, change and delete them, and that nobody outside gets to see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import Tag

from diembao.erasing import Traces, erase_in_state
from tests.browser.press import HOSTILE_ID, LANDSLIDE_ID
from tests.unit.accounts_desk import PASSWORD, QUICK, Office, Visitor, office_with_users
from web.accounts.users import add_user
from web.articles.notes import LONGEST_NOTE, notes_of

PAGE = f"/articles/{LANDSLIDE_ID}"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def write(visitor: Visitor, text: str, page: str = PAGE) -> int:
    return visitor.post(f"{page}/notes", {"text": text}, of=page).status_code


def test_a_note_is_told_by_whom_and_when_and_stays_text(office: Office) -> None:
    editor = office.of("editor")
    hostile = '<script>window.hacked=1</script>\n"><img src=x onerror=alert(1)> {{ 7*7 }}'
    assert write(editor, hostile) == 303
    page = office.of("reader").soup(PAGE)
    note = page.select_one("#notes li")
    assert isinstance(note, Tag)
    assert note.select_one(".note-text").get_text() == hostile  # type: ignore[union-attr]
    assert "editor" in note.get_text()
    assert "15:00 20/11/2026" in note.get_text()
    assert not page.select("main script, main img, #notes form")
    entry = office.log("note.add")[0]
    assert (entry.who, entry.subject, entry.after) == ("editor", LANDSLIDE_ID, hostile)


def test_only_its_writer_changes_a_note_and_an_admin_may_delete_it(office: Office) -> None:
    add_user(office.state, QUICK, "editor.two", "editor", PASSWORD, office.clock(), "command:test")
    editor, two, admin, reader = office.of("editor"), office.of("editor.two"), office.of("admin"), office.of("reader")
    assert write(editor, "Một") == 303
    number = notes_of(office.state, LANDSLIDE_ID)[0].number
    path = f"{PAGE}/notes/{number}"
    for visitor in (two, admin):
        assert visitor.post(path, {"text": "Hai", "version": 1}, of="/account").status_code == 403
    for visitor in (two, reader):
        assert visitor.post(path, {"do": "delete"}, of="/account").status_code == 403
    assert editor.post(path, {"text": "Hai", "version": 1}, of="/account").status_code == 303
    assert [(note.text, note.by, note.version) for note in notes_of(office.state, LANDSLIDE_ID)] == [("Hai", "editor", 2)]
    # A second tab of the same person has not seen the change: what it wrote stands in the form, nothing is lost.
    late = editor.post(path, {"text": "Ba", "version": 1}, of="/account")
    assert late.status_code == 409
    assert "Ba</textarea>" in late.text
    assert notes_of(office.state, LANDSLIDE_ID)[0].text == "Hai"
    assert admin.post(path, {"do": "delete"}, of="/account").status_code == 303
    assert notes_of(office.state, LANDSLIDE_ID) == []
    assert [(entry.action, entry.who, entry.before, entry.after) for entry in office.log("note")] == [
        ("note.add", "editor", None, "Một"), ("note.edit", "editor", "Một", "Hai"), ("note.delete", "admin", "Hai", None),
    ]  # fmt: skip


def test_a_note_of_another_article_is_not_reached_by_its_number(office: Office) -> None:
    editor = office.of("editor")
    assert write(editor, "Một") == 303
    number = notes_of(office.state, LANDSLIDE_ID)[0].number
    for path in (f"/articles/{HOSTILE_ID}/notes/{number}", f"{PAGE}/notes/{number + 1}", f"/articles/unknown/notes/{number}"):
        assert editor.post(path, {"do": "delete"}, of="/account").status_code == 404
    assert editor.post(f"{PAGE}/notes/x", {"do": "delete"}, of="/account").status_code == 422
    assert len(notes_of(office.state, LANDSLIDE_ID)) == 1


@pytest.mark.parametrize("text", ["", "  \n ", "x" * (LONGEST_NOTE + 1)])
def test_empty_and_giant_notes_are_told_and_not_lost(office: Office, text: str) -> None:
    editor = office.of("editor")
    answer = editor.post(f"{PAGE}/notes", {"text": text}, of=PAGE)
    assert answer.status_code == 422
    assert text in answer.text
    assert notes_of(office.state, LANDSLIDE_ID) == []


def test_readers_strangers_and_other_sites_write_nothing(office: Office) -> None:
    editor, reader, stranger = office.of("editor"), office.of("reader"), office.visitor()
    assert reader.post(f"{PAGE}/notes", {"text": "a"}, of="/account").status_code == 403
    assert stranger.client.post(f"{PAGE}/notes", data={"text": "a"}).status_code == 401
    assert editor.client.post(f"{PAGE}/notes", data={"text": "a"}).status_code == 403
    assert editor.client.post(f"{PAGE}/notes", data={"text": "a", "token": "forged"}).status_code == 403
    assert notes_of(office.state, LANDSLIDE_ID) == []


def test_no_note_leaves_the_office(office: Office) -> None:
    editor = office.of("editor")
    assert write(editor, "chuyện nội bộ") == 303
    for path in (
        f"/api/articles/{LANDSLIDE_ID}",
        "/api/search?q=s%E1%BA%A1t+l%E1%BB%9F",
        "/search?q=%22chuy%E1%BB%87n+n%E1%BB%99i+b%E1%BB%99%22",
    ):
        answer = editor.get(path)
        assert answer.status_code == 200
        assert "chuyện nội bộ" not in answer.text.replace("&#34;chuyện nội bộ&#34;", "").replace('value="&#34;', "")
    table = editor.client.post("/bulk/export", data={"token": editor.token(PAGE), "do": "csv", "article": [LANDSLIDE_ID]})
    assert LANDSLIDE_ID in table.text
    assert "chuyện nội bộ" not in table.text


def test_with_an_article_its_notes_are_erased_and_deeds_forget_it(office: Office) -> None:
    editor = office.of("editor")
    assert write(editor, "chuyện của bài này") == 303
    both = {"token": editor.token(PAGE), "article": [LANDSLIDE_ID, HOSTILE_ID], "do": "irrelevant"}
    answer = editor.client.post("/bulk", data=both, headers={"Accept": "application/json"}).json()
    with office.state.session() as session:
        erase_in_state(session, Traces(frozenset({LANDSLIDE_ID})))
    assert notes_of(office.state, LANDSLIDE_ID) == []
    page = editor.get(f"/deeds/{answer['deed']}")
    assert page.status_code == 200
    assert f"/articles/{HOSTILE_ID}" in page.text
    assert f"/articles/{LANDSLIDE_ID}" not in page.text
    # What is left of the deed can still be taken back.
    assert editor.client.post(f"/deeds/{answer['deed']}/undo", data={"token": editor.token(PAGE)}).status_code == 303
    found = office.app.state.desk.engine.get(HOSTILE_ID)
    assert found.relevant
