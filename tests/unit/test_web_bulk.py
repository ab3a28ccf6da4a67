"""Several articles at once: one deed, one row of the audit log, partial failures named, one undo."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from bs4 import BeautifulSoup
from httpx import Response
from sqlalchemy import select

from diembao.article import Article
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.state import ArticleNote, BriefingItem, BriefingRecord
from index.corrections import history
from tests.browser.press import HOSTILE_ID, LANDSLIDE_ID, NOW
from tests.unit.accounts_desk import Office, Visitor, office_with_users
from web.pages.bulk import MOST

JSON = {"Accept": "application/json"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def engine_of(office: Office) -> SearchEngine:
    engine: SearchEngine = office.app.state.desk.engine
    return engine


def ids_of(office: Office, source: str) -> list[str]:
    return sorted(article.id for article in engine_of(office).scan() if article.source == source)


def found(office: Office, article_id: str) -> Article:
    article = engine_of(office).get(article_id)
    assert article is not None
    return article


def bulk(
    visitor: Visitor, do: str, articles: list[str], path: str = "/bulk", headers: dict[str, str] | None = None, **fields: Any
) -> Response:
    form = visitor.soup("/search").select_one("#bulk")
    assert form is not None
    token = str(form.select_one("input[name=token]")["value"])  # type: ignore[index]
    return visitor.client.post(path, data={"token": token, "do": do, "article": articles, **fields}, headers=headers or {})


def undo(visitor: Visitor, deed: str) -> Response:
    return visitor.client.post(f"/deeds/{deed}/undo", data={"token": visitor.token("/account")}, headers=JSON)


def test_not_relevant_is_one_deed_one_row_and_one_undo(office: Office) -> None:
    editor, ids = office.of("editor"), ids_of(office, "congdongthap")
    before = [found(office, one) for one in ids]
    answer = bulk(editor, "irrelevant", [*ids, "gone-article"], headers=JSON).json()
    assert answer["text"] == f"Liên quan: không liên quan · {len(ids)} bài · 1 bài không làm được"
    assert sorted(answer["hidden"]) == ids
    assert not any(found(office, one).relevant for one in ids)
    told = office.log("bulk")
    assert [(entry.action, entry.who) for entry in told] == [("bulk.correct", "editor")]
    assert (told[0].after["articles"], told[0].after["failed"].keys()) == (len(ids), {"gone-article"})
    assert office.log("correction") == []
    page = editor.soup(answer["href"])
    assert "gone-article" in page.select_one(".failed").get_text()  # type: ignore[union-attr]
    assert undo(editor, answer["deed"]).json() == {"text": "Đã hoàn tác.", "articles": ids, "failed": 0}
    assert [found(office, one) for one in ids] == before
    assert [entry.action for entry in office.log("bulk")] == ["bulk.correct", "bulk.undo"]
    assert undo(editor, answer["deed"]).status_code == 422
    with office.state.session() as session:
        assert len(history(session)) == 2 * len(ids)


def test_tone_and_topic_of_many(office: Office) -> None:
    editor, ids = office.of("editor"), [LANDSLIDE_ID, HOSTILE_ID]
    assert bulk(editor, "tone", ids, tone="neutral").status_code == 303
    assert {found(office, one).sentiment.label for one in ids} == {"neutral"}  # type: ignore[union-attr]
    assert bulk(editor, "topic_too", ids, topic="traffic").status_code == 303
    assert [[topic.code for topic in found(office, one).topics] for one in ids] == [
        ["environment", "urban", "traffic"],
        ["health", "traffic"],
    ]
    assert bulk(editor, "topic", ids, topic="traffic").status_code == 303
    assert [[topic.code for topic in found(office, one).topics] for one in ids] == [["traffic"], ["traffic"]]


def test_an_undo_of_many_leaves_what_somebody_took_back_or_changed_since(office: Office) -> None:
    editor, ids = office.of("editor"), ids_of(office, "songtien")[:3]
    first = bulk(editor, "tone", ids, tone="neutral", headers=JSON).json()["deed"]
    assert bulk(office.of("admin"), "tone", [ids[0]], tone="positive").status_code == 303
    assert undo(editor, first).json()["failed"] == 0
    assert found(office, ids[0]).sentiment.label == "positive"  # type: ignore[union-attr]
    assert "sentiment" not in found(office, ids[1]).corrected


def test_notes_on_many_are_taken_back_together(office: Office) -> None:
    editor, ids = office.of("editor"), [LANDSLIDE_ID, HOSTILE_ID]
    deed = bulk(editor, "note", ids, note="Gọi <b>0912345678</b> hỏi lại", headers=JSON).json()["deed"]
    page = editor.soup(f"/articles/{LANDSLIDE_ID}")
    text = page.select_one(".note-text")
    assert text is not None
    assert text.get_text().startswith("Gọi <b>")
    assert "0912345678" not in text.get_text()
    assert undo(editor, deed).status_code == 200
    with office.state.session() as session:
        assert list(session.scalars(select(ArticleNote))) == []
    assert bulk(editor, "note", ids, note="   ", headers=JSON).status_code == 422


def test_articles_go_into_todays_briefing_and_out_again(office: Office) -> None:
    editor = office.of("editor")
    old = min((article for article in engine_of(office).scan() if article.published_at), key=lambda one: one.published_at or NOW).id
    answer = bulk(editor, "briefing", [LANDSLIDE_ID, "copy-2", old], headers=JSON)
    assert answer.status_code == 200, answer.text
    page = BeautifulSoup(editor.get("/briefing/2026-11-20").text, "lxml")
    assert found(office, old).title in page.get_text()
    with office.state.session() as session:
        rows = {row.story: row.included for row in session.scalars(select(BriefingItem))}
    assert rows["story-landslide"] is True
    assert rows[found(office, old).story_id or old] is True
    assert undo(editor, answer.json()["deed"]).status_code == 200
    with office.state.session() as session:
        rows = {row.story: row.included for row in session.scalars(select(BriefingItem))}
    assert rows[found(office, old).story_id or old] is False
    assert [entry.action for entry in office.log("bulk")] == ["bulk.briefing", "bulk.undo"]


def test_nothing_goes_into_a_briefing_that_was_sent(office: Office) -> None:
    editor = office.of("editor")
    assert bulk(editor, "briefing", [LANDSLIDE_ID], headers=JSON).status_code == 200
    with office.state.session() as session:
        session.get_one(BriefingRecord, "2026-11-20").sent_at = NOW
    answer = bulk(editor, "briefing", [HOSTILE_ID], headers=JSON)
    assert answer.status_code == 422
    assert "đã gửi" in answer.json()["problem"]


def test_articles_become_one_story(office: Office) -> None:
    editor, ids = office.of("editor"), ids_of(office, "songtien")[:3]
    before = [found(office, one) for one in ids]
    deed = bulk(editor, "merge", ids, headers=JSON).json()["deed"]
    assert len({found(office, one).story_id or one for one in ids}) == 1
    assert undo(editor, deed).status_code == 200
    assert [found(office, one) for one in ids] == before
    assert bulk(editor, "merge", ids[:1]).status_code == 422


def test_copies_go_where_their_origin_goes(office: Office) -> None:
    editor = office.of("editor")
    engine = office.app.state.desk.engine
    copies = [hit.article.id for hit in engine.search(SearchRequest(filters=Filters(copy_of=LANDSLIDE_ID), fold_copies=False)).hits]
    assert copies
    other = next(one for one in ids_of(office, "songtien") if one != LANDSLIDE_ID and one not in copies)
    deed = bulk(editor, "merge", [LANDSLIDE_ID, other], headers=JSON).json()["deed"]
    assert len({found(office, one).story_id or one for one in (LANDSLIDE_ID, other, *copies)}) == 1
    assert undo(editor, deed).status_code == 200


def test_all_that_a_search_finds(office: Office) -> None:
    editor, ids = office.of("editor"), ids_of(office, "congdongthap")
    answer = bulk(editor, "irrelevant", [], headers=JSON, every="1", next="/search?source=congdongthap&copies=1").json()
    assert sorted(answer["hidden"]) == ids
    none = bulk(editor, "irrelevant", [], headers=JSON, every="1", next="/search?q=kh%C3%B4ng-c%C3%B3-g%C3%AC")
    assert none.status_code == 422


def test_more_than_can_be_done_at_once_is_refused_whole(office: Office) -> None:
    engine = engine_of(office)
    engine.upsert([Article(id=f"many-{number}", title=f"Bài {number} về cầu", first_seen_at=NOW) for number in range(MOST + 5)])
    editor = office.of("editor")
    for fields in (
        {"article": [f"many-{number}" for number in range(MOST + 1)]},
        {"article": [], "every": "1", "next": "/search?q=c%E1%BA%A7u"},
    ):
        answer = bulk(editor, "irrelevant", headers=JSON, articles=fields.pop("article"), **fields)  # type: ignore[arg-type]
        assert answer.status_code == 422
        assert str(MOST) in answer.json()["problem"]
    assert found(office, "many-1").relevant
    most = [f"many-{number}" for number in range(MOST)]
    assert len(bulk(editor, "irrelevant", most, headers=JSON).json()["hidden"]) == MOST


def test_the_selection_as_a_table_without_formulas(office: Office) -> None:
    engine_of(office).upsert([Article(id="formula", title='=HYPERLINK("http://evil.example")', first_seen_at=NOW)])
    editor = office.of("editor")
    csv = bulk(editor, "csv", ["formula", LANDSLIDE_ID, "gone"], "/bulk/export")
    assert csv.headers["content-disposition"] == 'attachment; filename="tin-bai-2026-11-20.csv"'
    assert "'=HYPERLINK" in csv.text
    sheet = openpyxl.load_workbook(io.BytesIO(bulk(editor, "xlsx", ["formula"], "/bulk/export").content)).active
    assert sheet is not None
    cells = [str(cell.value) for row in sheet.iter_rows() for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    assert bulk(editor, "exe", [LANDSLIDE_ID], "/bulk/export").status_code == 422


@pytest.mark.parametrize("do", ["", "delete", "irrelevant; DROP", "../x"])
def test_unknown_deeds_do_nothing(office: Office, do: str) -> None:
    assert bulk(office.of("editor"), do, [LANDSLIDE_ID], headers=JSON).status_code == 422
    assert office.log("bulk") == []


def test_nothing_chosen_and_wrong_values_are_told(office: Office) -> None:
    editor = office.of("editor")
    assert "Chưa chọn bài nào" in bulk(editor, "irrelevant", []).text
    assert bulk(editor, "tone", [LANDSLIDE_ID], tone="angry").status_code == 422
    assert bulk(editor, "topic", [LANDSLIDE_ID], topic="money").status_code == 422
    assert bulk(editor, "irrelevant", ["gone"]).status_code == 422


def test_only_editors_with_the_forms_token(office: Office) -> None:
    editor, reader = office.of("editor"), office.of("reader")
    deed = bulk(editor, "irrelevant", [LANDSLIDE_ID], headers=JSON).json()["deed"]
    for path in ("/bulk", "/bulk/export", f"/deeds/{deed}/undo"):
        assert (
            reader.client.post(path, data={"token": reader.token("/account"), "do": "irrelevant", "article": [HOSTILE_ID]}).status_code
            == 403
        )
        assert editor.client.post(path, data={"do": "irrelevant", "article": [HOSTILE_ID]}).status_code == 403
        other = {"Origin": "https://evil.example"}
        assert editor.client.post(path, data={"token": editor.token("/account"), "do": "irrelevant"}, headers=other).status_code == 403
    assert reader.get(f"/deeds/{deed}").status_code == 403
    assert not found(office, LANDSLIDE_ID).relevant
    assert found(office, HOSTILE_ID).relevant


def test_what_somebody_corrected_since_the_list_was_shown_is_left_and_named(office: Office) -> None:
    editor, admin = office.of("editor"), office.of("admin")
    shown = str(editor.soup("/search").select_one("#bulk input[name=since]")["value"])  # type: ignore[index]
    office.clock.move(timedelta(minutes=2))
    assert bulk(admin, "tone", [LANDSLIDE_ID], tone="positive").status_code == 303
    answer = bulk(editor, "tone", [LANDSLIDE_ID, HOSTILE_ID], headers=JSON, tone="neutral", since=shown).json()
    assert answer["failed"] == 1
    assert [found(office, one).sentiment.label for one in (LANDSLIDE_ID, HOSTILE_ID)] == ["positive", "neutral"]  # type: ignore[union-attr]
    assert "admin đã sửa lúc 15:02 20/11/2026" in editor.soup(answer["href"]).select_one(".failed").get_text()  # type: ignore[union-attr]
    alone = bulk(editor, "tone", [LANDSLIDE_ID], headers=JSON, tone="neutral", since=shown)
    assert alone.status_code == 422
    assert "admin đã sửa" in alone.json()["problem"]
    # Whoever has seen it may, and so may who gave it.
    seen = str(editor.soup("/search").select_one("#bulk input[name=since]")["value"])  # type: ignore[index]
    assert bulk(admin, "tone", [LANDSLIDE_ID], tone="negative", since=shown).status_code == 303
    assert bulk(editor, "tone", [LANDSLIDE_ID], tone="neutral", since=seen).status_code == 303
    for broken, tone in (("x", "positive"), ("2026-11-20T15:00:00", "negative"), ("9" * 100, "positive")):
        assert bulk(editor, "tone", [LANDSLIDE_ID], tone=tone, since=broken).status_code == 303
