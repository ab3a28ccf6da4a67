"""Each correction as one click: what a button does, what two people do to each other, and how it is taken back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from httpx import Response

from diembao.engine import SearchEngine
from index.corrections import history
from index.corrections_together import Together, Wish, correct_together
from tests.browser.press import HOSTILE_ID, HOSTILE_TITLE, LANDSLIDE_ID
from tests.unit.accounts_desk import Office, Visitor, office_with_users

PATH = f"/articles/{LANDSLIDE_ID}"
JSON = {"Accept": "application/json"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def engine_of(office: Office) -> SearchEngine:
    engine: SearchEngine = office.app.state.desk.engine
    return engine


def press_button(
    visitor: Visitor, wish: str, article: str = LANDSLIDE_ID, headers: dict[str, str] | None = None, **fields: Any
) -> Response:
    """Press the button with this value in the menu of the article, as it stands there."""
    page = visitor.soup(f"/articles/{article}/fix")
    form = page.select_one(f'form[action="/articles/{article}/fix"]')
    assert form is not None
    assert [button for button in form.select("button[name=set]") if button["value"] == wish], f"no button {wish}"
    sent = {
        "token": str(form.select_one("input[name=token]")["value"]),  # type: ignore[index]
        "was": [str(one["value"]) for one in form.select("input[name=was]")],
        "set": wish,
    }
    return visitor.client.post(f"/articles/{article}/fix", data=sent | fields, headers=headers or {})


def undo_at(visitor: Visitor, location: str) -> Response:
    page = visitor.soup(location)
    form = page.select_one('form[action$="/undo"]')
    assert isinstance(form, Tag)
    fields = {str(one["name"]): str(one.get("value", "")) for one in form.select("input")}
    return visitor.client.post(str(form["action"]), data=fields)


@pytest.mark.parametrize(
    ("wish", "field", "expected"),
    [
        ("sentiment=neutral", "sentiment", "neutral"),
        ("critical_of=none", "critical_of", "none"),
        ("topics=+traffic", "topics", ["environment", "urban", "traffic"]),
        ("topics=-urban", "topics", ["environment"]),
        ("places=-82-cu", "places", ["82"]),
        ("relevant=no", "relevant", False),
        ("story_id=apart", "story_id", f"{LANDSLIDE_ID}-apart"),
    ],
)
def test_each_button_is_one_correction_and_its_undo_brings_back_what_was(office: Office, wish: str, field: str, expected: Any) -> None:
    editor, engine = office.of("editor"), engine_of(office)
    before = engine.get(LANDSLIDE_ID)
    answer = press_button(editor, wish, next="/search?q=s%E1%BA%A1t")
    assert answer.status_code == 303
    article = engine.get(LANDSLIDE_ID)
    assert article is not None
    value: Any = getattr(article, field)
    if field in ("sentiment", "critical_of"):
        value = value.label
    elif field in ("topics", "places"):
        value = [one.code for one in value]
    assert value == expected
    told = editor.soup(answer.headers["location"])
    assert told.select_one('a[href="/search?q=s%E1%BA%A1t"]') is not None
    given = office.log("correction.give")[-1]
    assert (given.who, given.subject, list(given.after)) == ("editor", LANDSLIDE_ID, [field])
    assert undo_at(editor, answer.headers["location"]).status_code == 303
    assert engine.get(LANDSLIDE_ID) == before
    assert office.log("correction.undo")[-1].who == "editor"
    assert "Đã hoàn tác." in editor.get(answer.headers["location"]).text


def test_a_copy_is_none_and_another_article_is_one(office: Office) -> None:
    editor, engine = office.of("editor"), engine_of(office)
    assert press_button(editor, f"copy_of=not:{LANDSLIDE_ID}", "copy-2").status_code == 303
    copy = engine.get("copy-2")
    assert copy is not None
    assert copy.copy_of is None
    assert press_button(editor, "copy_of={other}", "landslide-later", other=LANDSLIDE_ID).status_code == 303
    later = engine.get("landslide-later")
    assert later is not None
    assert later.copy_of == LANDSLIDE_ID


def test_a_place_is_added_by_its_name(office: Office) -> None:
    assert press_button(office.of("editor"), "places=+{place}", place="Cần Thơ").status_code == 303
    article = engine_of(office).get(LANDSLIDE_ID)
    assert article is not None
    assert [place.code for place in article.places] == ["82", "82-cu", "92"]
    answer = press_button(office.of("editor"), "places=+{place}", place="Atlantis")
    assert answer.status_code == 422
    assert "Atlantis" in answer.text


def test_the_second_of_two_is_told_and_both_words_are_kept(office: Office) -> None:
    first, second = office.of("admin"), office.of("editor")
    page = second.soup(f"{PATH}/fix")
    was = [str(one["value"]) for one in page.select("input[name=was]")]
    assert press_button(first, "sentiment=positive").status_code == 303
    late = {"token": second.token(f"{PATH}/fix"), "was": was, "set": "sentiment=neutral"}
    told = second.client.post(f"{PATH}/fix", data=late)
    assert told.status_code == 409
    problem = BeautifulSoup(told.text, "lxml").select_one(".problem")
    assert problem is not None
    for part in ("admin", "Tích cực", "Trung tính", "15:00 20/11/2026"):
        assert part in problem.get_text()
    article = engine_of(office).get(LANDSLIDE_ID)
    assert article is not None
    assert article.sentiment is not None
    assert article.sentiment.label == "positive"
    script = second.client.post(f"{PATH}/fix", data=late, headers=JSON)
    assert script.status_code == 409
    assert "admin" in script.json()["problem"]
    assert script.json()["was"]["sentiment"] == "positive"
    # Who has seen it may still decide otherwise, and the history has both.
    button = problem.select_one("button[name=set]")
    assert isinstance(button, Tag)
    assert second.client.post(f"{PATH}/fix", data={"token": late["token"], "set": button["value"]}).status_code == 303
    with office.state.session() as session:
        assert [(row.value, row.given_by) for row in history(session, LANDSLIDE_ID)] == [("positive", "admin"), ("neutral", "editor")]
    # The same word twice is no conflict and no second row.
    assert second.client.post(f"{PATH}/fix", data=late, headers=JSON).json()["text"] == "Nhãn đã như vậy rồi."


def test_the_long_form_does_not_write_over_others_either(office: Office) -> None:
    first, second = office.of("admin"), office.of("editor")
    form = second.soup(PATH).select_one("form.correct:not(.note-form)")
    assert form is not None
    fields: dict[str, Any] = {"token": second.token(PATH)}
    for name in ("seen", "was"):
        fields[name] = [str(one["value"]) for one in form.select(f"input[name={name}]")]
    fields |= {"sentiment": "neutral", "critical_of": "none", "topics": ["environment", "urban"]}
    fields |= {"places": "82; 82-cu", "story_id": "story-landslide"}
    assert press_button(first, "sentiment=positive").status_code == 303
    answer = second.client.post(f"{PATH}/corrections", data=fields)
    assert answer.status_code == 409
    assert "Tích cực" in BeautifulSoup(answer.text, "lxml").select_one("#corrections .problem").get_text()  # type: ignore[union-attr]
    with office.state.session() as session:
        rows = history(session, LANDSLIDE_ID)
    # What nobody else had changed was kept.
    assert [(row.field, row.given_by) for row in rows] == [("sentiment", "admin"), ("critical_of", "editor")]


def test_of_many_at_the_same_moment_one_wins_and_the_others_are_told(office: Office) -> None:
    engine, results = engine_of(office), []

    def tell(_session: object, _found: Together) -> None:
        return None

    start = threading.Barrier(6)

    def give(number: int) -> None:
        start.wait()
        value = ("neutral", "positive")[number % 2]
        wish = Wish(LANDSLIDE_ID, "sentiment", value, "negative")
        results.append((value, correct_together(office.state, engine, [wish], office.clock(), f"p{number}", "", tell)))

    threads = [threading.Thread(target=give, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with office.state.session() as session:
        rows = history(session, LANDSLIDE_ID)
    assert len(rows) == 1
    won = rows[0].value
    assert sorted(len(found.conflicts) for value, found in results if value != won) == [1, 1, 1]
    assert sum(len(found.fresh) for _, found in results) == 1
    assert all(found.given[0].value == won for value, found in results if value == won)


def test_scripts_get_the_tags_as_they_are_now_without_hostile_parts(office: Office) -> None:
    editor = office.of("editor")
    answer = press_button(editor, "sentiment=positive", HOSTILE_ID, JSON, next="/search?topic=health")
    body = answer.json()
    assert body["text"] == "Sắc thái: Tích cực"
    tags = BeautifulSoup(body["tags"], "lxml")
    assert "Tích cực" in tags.get_text()
    assert {str(link["href"]).partition("?")[0] for link in tags.select("a")} == {"/search"}
    assert (body["was"]["sentiment"], body["relevant"]) == ("positive", True)
    undone = editor.client.post(f"/deeds/{body['deed']}/undo", data={"token": editor.token(PATH)}, headers=JSON)
    assert undone.json() == {"text": "Đã hoàn tác.", "articles": [HOSTILE_ID], "failed": 0}
    again = editor.client.post(f"/deeds/{body['deed']}/undo", data={"token": editor.token(PATH)}, headers=JSON)
    assert again.status_code == 422


def test_the_menu_shows_hostile_headlines_as_text(office: Office) -> None:
    page = office.of("editor").soup(f"/articles/{HOSTILE_ID}/fix")
    link = page.select_one(".fix-what a")
    assert link is not None
    assert link.get_text() == HOSTILE_TITLE
    assert not page.select("main script, main img, main [onclick]")


@pytest.mark.parametrize("wish", ["", "title=x", "sentiment=angry", "topics=+money", "copy_of=nowhere", "story_id=", "relevant=maybe", "="])
def test_what_no_button_sends_is_refused_and_keeps_nothing(office: Office, wish: str) -> None:
    editor = office.of("editor")
    answer = editor.client.post(f"{PATH}/fix", data={"token": editor.token(PATH), "set": wish})
    assert answer.status_code == 422
    with office.state.session() as session:
        assert history(session, LANDSLIDE_ID) == []


@pytest.mark.parametrize("evil", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/login"])
def test_the_way_back_stays_on_the_desk(office: Office, evil: str) -> None:
    editor = office.of("editor")
    answer = press_button(editor, "sentiment=neutral", next=evil)
    deed = answer.headers["location"].partition("?")[0]
    token = editor.token(PATH)
    problem = editor.client.post("/bulk", data={"token": token, "do": "irrelevant", "next": evil})
    already = editor.client.post(f"{PATH}/fix", data={"token": token, "set": "sentiment=neutral", "next": evil})
    undone = editor.client.post(f"{deed}/undo", data={"token": token, "next": evil})
    assert [already.headers["location"], undone.headers["location"]] in ([PATH, deed], ["/", f"{deed}?next=%2F"])
    pages = [editor.get(deed, params={"next": evil}), editor.get(f"{PATH}/fix", params={"next": evil}), problem]
    for page in (BeautifulSoup(one.text, "lxml") for one in pages):
        links = [str(link["href"]) for link in page.select("main a")] + [str(one["value"]) for one in page.select("main input[name=next]")]
        assert all(link == "" or (link.startswith("/") and not link.startswith(("//", "/\\", "/login"))) for link in links), links


def test_unknown_articles_and_deeds_are_not_there(office: Office) -> None:
    editor = office.of("editor")
    assert editor.get("/articles/unknown/fix").status_code == 404
    assert editor.client.post("/articles/unknown/fix", data={"token": editor.token(PATH), "set": "relevant=no"}).status_code == 404
    for deed in ("forged", "x" * 100, "..%2f..%2fetc", "%00"):
        assert editor.get(f"/deeds/{deed}").status_code in (404, 422)
        assert editor.client.post(f"/deeds/{deed}/undo", data={"token": editor.token(PATH)}).status_code in (404, 405, 422)


def test_readers_get_no_menu_no_boxes_and_no_script_for_it(office: Office) -> None:
    reader = office.of("reader")
    assert reader.get(f"{PATH}/fix").status_code == 403
    page = reader.soup("/search")
    assert not page.select(".pick, .fix-open, #bulk, script[src*=bulk]")
    assert page.select(".hits > li[data-article]")
    assert "sửa" not in reader.soup("/keys").get_text().lower()
    assert office.of("editor").soup("/search").select_one(".pick") is not None


def test_likely_origins_and_stories_are_offered(office: Office) -> None:
    engine = engine_of(office)
    one, other = engine.get(HOSTILE_ID), engine.get("disguised")
    assert one is not None
    assert other is not None
    keys = {"copy_keys": ["a1", "b2", "c3"], "story_keys": ["bệnh viện", "trực tiếp", "chính quyền"]}
    engine.upsert([one.with_fields(**keys), other.with_fields(**keys)])
    page = office.of("editor").soup("/articles/disguised/fix")
    offered = {str(button["value"]): button.get_text() for button in page.select("button[name=set]")}
    for wish in (f"copy_of={HOSTILE_ID}", f"story_id={HOSTILE_ID}"):
        assert "<script>" in offered[wish]  # its headline, as text
    assert press_button(office.of("editor"), f"story_id={HOSTILE_ID}", "disguised").status_code == 303
    found = engine.get("disguised")
    assert found is not None
    assert found.story_id == HOSTILE_ID
