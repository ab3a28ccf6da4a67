"""The form of corrections: what is kept, what is shown, and that no other site can send it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from fastapi.testclient import TestClient
from httpx import Response

from diembao.audit import Wanted, entries
from diembao.corrections import Correction
from diembao.engine import SearchEngine
from diembao.state import State
from index.corrections import history
from tests.browser.press import LANDSLIDE_ID, press

PATH = f"/articles/{LANDSLIDE_ID}"


class Desk:
    """A reader at the page of one article."""

    def __init__(self, client: TestClient, engine: SearchEngine, state: State) -> None:
        self.client, self.engine, self.state = client, engine, state

    def form(self) -> dict[str, Any]:
        """What a browser would send when nothing is touched."""
        page = BeautifulSoup(self.client.get(PATH).text, "lxml").select_one("form.correct:not(.note-form)")
        assert page is not None
        sent: dict[str, Any] = {}
        for control in page.select("input, select"):
            name = str(control.get("name"))
            if control.name == "select":
                chosen = control.select_one("option[selected]") or control.select_one("option")
                assert chosen is not None
                sent[name] = chosen["value"]
            elif control.get("type") != "checkbox" or control.has_attr("checked"):
                sent.setdefault(name, []).append(control.get("value", ""))
        return sent

    def send(self, headers: dict[str, str] | None = None, path: str = f"{PATH}/corrections", **changes: Any) -> Response:
        return self.client.post(path, data=self.form() | changes, headers=headers or {}, follow_redirects=False)

    def rows(self) -> list[Correction]:
        with self.state.session() as session:
            return history(session, LANDSLIDE_ID)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with press(tmp_path) as (app, engine, state), TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield Desk(client, engine, state)


def test_only_what_was_changed_is_kept_and_seen_at_once(desk: Desk) -> None:
    answer = desk.send(sentiment="neutral", topics=["traffic", "environment"], by="Lan", note="<b>đọc lại</b>")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}#corrections")
    assert [(row.field, row.value, row.given_by) for row in desk.rows()] == [
        ("sentiment", "neutral", "Lan"), ("topics", ["traffic", "environment"], "Lan"),
    ]  # fmt: skip
    found = desk.engine.get(LANDSLIDE_ID)
    assert found is not None
    assert found.corrected == ["topics", "sentiment"]
    page = desk.client.get(PATH).text
    assert "cán bộ sửa" in page
    assert "<b>đọc lại</b>" not in page
    assert "&lt;b&gt;đọc lại" in page
    assert "Trung tính" in page
    hit = BeautifulSoup(desk.client.get("/search", params={"q": '"nuốt thêm ba căn nhà"'}).text, "lxml").select_one(".hits > *")
    assert hit is not None
    assert "cán bộ sửa" in hit.get_text()
    assert "corrected" in desk.client.get(PATH, params={"lang": "en"}).text


def test_sending_the_form_untouched_keeps_nothing(desk: Desk) -> None:
    assert desk.send().status_code == 303
    assert desk.rows() == []


def test_confirming_says_that_the_labels_are_right(desk: Desk) -> None:
    assert desk.send(confirm="1").status_code == 303
    rows = desk.rows()
    assert {row.field for row in rows} == {"sentiment", "critical_of", "topics"}
    assert all(row.value == row.old_value for row in rows)
    assert desk.send(confirm="1").status_code == 303
    assert len(desk.rows()) == 3


def test_a_correction_can_be_taken_back_on_the_page(desk: Desk) -> None:
    before = desk.engine.get(LANDSLIDE_ID)
    link = f'href="/articles/{LANDSLIDE_ID}"'
    assert link in desk.client.get("/search", params={"q": "sạt lở"}).text
    desk.send(irrelevant="1")
    assert link not in desk.client.get("/search", params={"q": "sạt lở"}).text
    hidden = desk.client.get("/search", params={"q": "sạt lở", "topic": "irrelevant"}).text
    assert link in hidden
    assert "Không liên quan (đã ẩn)" in hidden
    page = BeautifulSoup(desk.client.get(PATH).text, "lxml")
    assert "không liên quan" in page.get_text()
    button = page.select_one('form[action$="/undo"] input[name=key]')
    assert isinstance(button, Tag)
    assert desk.send(path=f"{PATH}/corrections/undo", key=str(button["value"])).status_code == 303
    assert desk.engine.get(LANDSLIDE_ID) == before
    assert desk.send(path=f"{PATH}/corrections/undo", key=str(button["value"])).status_code == 422


def test_the_audit_log_tells_of_a_correction_and_of_taking_it_back(desk: Desk) -> None:
    desk.send(sentiment="neutral", by="Lan")
    desk.send(path=f"{PATH}/corrections/undo", key=desk.rows()[0].key, by="Minh")
    told = [(entry.who, entry.action, entry.subject, entry.before, entry.after) for entry in entries(desk.state, Wanted(), 10)]
    assert told == [
        ("Minh", "correction.undo", LANDSLIDE_ID, {"sentiment": "neutral"}, {"sentiment": None}),
        ("Lan", "correction.give", LANDSLIDE_ID, {"sentiment": "negative"}, {"sentiment": "neutral"}),
    ]


def test_places_copies_and_stories(desk: Desk) -> None:
    others = [article.id for article in desk.engine.scan() if article.id != LANDSLIDE_ID and not article.copy_of]
    assert desk.send(places="Cần Thơ; 82", story_id=others[0]).status_code == 303
    found = desk.engine.get(LANDSLIDE_ID)
    assert found is not None
    assert [place.code for place in found.places] == ["92", "82"]
    assert desk.send(story_id="", places="").status_code == 303
    assert [row.value for row in desk.rows()][2:] == [[], None]
    assert desk.send(copy_of=others[0]).status_code == 303
    found = desk.engine.get(LANDSLIDE_ID)
    assert found is not None
    assert found.copy_of == others[0]


def test_a_wrong_answer_is_told_beside_the_form_and_changes_nothing(desk: Desk) -> None:
    for wrong, message in (
        ({"places": "Atlantis"}, "no place 'Atlantis'"),
        ({"copy_of": "x"}, "no article 'x'"),
        ({"topics": ["money"]}, "money"),
    ):
        answer = desk.send(**wrong)
        assert answer.status_code == 422
        problem = BeautifulSoup(answer.text, "lxml").select_one("#corrections .problem")
        assert problem is not None
        assert "Chưa lưu được" in problem.get_text()
        assert message in problem.get_text()
    assert desk.rows() == []


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ({}, {"token": ""}),
        ({}, {"token": "guessed"}),
        ({"Sec-Fetch-Site": "cross-site"}, {}),
        ({"Sec-Fetch-Site": "same-site"}, {}),
        ({"Origin": "https://evil.example"}, {}),
        ({"Origin": "http://127.0.0.1:9"}, {}),
    ],
)
def test_what_another_site_sends_is_refused(desk: Desk, headers: dict[str, str], changes: dict[str, str]) -> None:
    answer = desk.send(headers, sentiment="neutral", **changes)
    assert answer.status_code == 403
    assert "Biểu mẫu đã cũ" in answer.text
    assert desk.send(headers, f"{PATH}/corrections/undo", key="a", **changes).status_code == 403
    assert desk.rows() == []


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1"}])
def test_what_our_own_page_sends_is_taken(desk: Desk, headers: dict[str, str]) -> None:
    assert desk.send(headers, sentiment="neutral").status_code == 303


def test_giant_forms_and_unknown_articles_are_refused(desk: Desk) -> None:
    assert desk.send(note="x" * 70_000).status_code == 413
    assert desk.send(note="x" * 3_000).status_code == 422
    assert desk.send(path="/articles/unknown/corrections").status_code == 404
    assert desk.client.get(f"{PATH}/corrections").status_code == 405
    assert desk.rows() == []
