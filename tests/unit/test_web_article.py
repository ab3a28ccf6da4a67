"""The page of an article: changed words, revisions, take-downs, the response, the evidence."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from diembao.state import BriefingItem, Removal, StoryResponse
from tests.browser.press import HOSTILE_ID, LANDSLIDE_BLAME, LANDSLIDE_ID, LANDSLIDE_TONE, NOW
from tests.unit.accounts_desk import Office, office_with_users

PAGE = f"/articles/{LANDSLIDE_ID}"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def pieces(page: BeautifulSoup, tag: str) -> list[str]:
    return [one.get_text() for one in page.select(f".words {tag}")]


def test_a_reprint_shows_the_words_that_it_changed(office: Office) -> None:
    engine = office.app.state.desk.engine
    copy = engine.get("copy-2")
    changed = copy.with_fields(
        title="<i>Sạt lở</i> bờ sông Tiền nuốt thêm ba căn nhà trong đêm",
        body=copy.body.replace("gần 80 mét", "gần 100 mét").replace("\n", " ") + " Tin từ <b>bạn đọc</b>.",
    )
    engine.upsert([changed])
    reader = office.of("reader")
    page = reader.soup("/articles/copy-2/changes")
    assert pieces(page, "del") == ["80"]
    assert pieces(page, "ins") == ["<i>", "</i>", "100", "Tin từ <b>bạn đọc</b>."]
    assert not page.select(".words b, .words i")
    assert "giữ nguyên 9" in page.get_text()
    assert pieces(reader.soup(f"/articles/copy-2/changes?with={LANDSLIDE_ID}"), "del") == ["80"]
    # The page of each of the group leads there.
    links = {str(link["href"]) for link in reader.soup("/articles/copy-2").select("#copies a")}
    assert f"/articles/copy-2/changes?with={LANDSLIDE_ID}" in links
    assert "/articles/copy-2/changes?with=landslide" in {str(link["href"]) for link in reader.soup(PAGE).select("#copies a")}


def test_a_revision_shows_what_it_changed_of_the_one_before(office: Office) -> None:
    page = office.of("reader").soup(f"{PAGE}/changes?revision=2")
    assert [words.split() for words in pieces(page, "del")][-1] == ["hai"]
    assert [words.split() for words in pieces(page, "ins")][-1] == ["ba"]
    assert "cuốn" in " ".join(pieces(page, "del"))
    assert f"{PAGE}/changes?revision=2" in {str(link["href"]) for link in office.of("reader").soup(PAGE).select("#revisions a")}


@pytest.mark.parametrize(
    "query",
    ["?revision=1", "?revision=3", "?revision=x", "?revision=-1", "?with=unknown", f"?with={LANDSLIDE_ID}", "", "?with=" + "x" * 500],
)
def test_what_cannot_be_compared_is_not_there(office: Office, query: str) -> None:
    assert office.of("reader").get(f"{PAGE}/changes{query}").status_code == 404


def test_a_removed_article_says_since_when(office: Office) -> None:
    with office.state.session() as session:
        session.add(
            Removal(
                article_id=LANDSLIDE_ID,
                found_at=NOW - timedelta(hours=2),
                url="https://songtien.example/x",
                source="songtien",
                fate="not_found",
                detail="HTTP 404 <b>x</b>",
                last_seen_at=NOW - timedelta(hours=5),
                checked_at=NOW,
                checks=3,
            )
        )
    note = office.of("reader").soup(PAGE).select_one(".note.removed")
    assert note is not None
    for part in ("Đã gỡ: phát hiện lúc 13:00 20/11/2026", "HTTP 404 <b>x</b>", "còn thấy lúc 10:00 20/11/2026", "kiểm tra 3 lần"):
        assert part in note.get_text()
    with office.state.session() as session:
        session.get_one(Removal, (LANDSLIDE_ID, NOW - timedelta(hours=2))).restored_at = NOW - timedelta(hours=1)
    page = office.of("reader").soup(PAGE)
    assert page.select_one(".note.removed") is None
    assert "có lại lúc 14:00 20/11/2026" in page.get_text()


def test_what_the_office_did_about_the_story_stands_beside_it(office: Office) -> None:
    with office.state.session() as session:
        session.add(
            StoryResponse(
                story="story-landslide",
                status="answered",
                department="Sở <b>Nông nghiệp</b>",
                link="javascript:alert(1)",
                note="Đã trả lời.",
                briefed_at=NOW,
                updated_at=NOW,
                updated_by="lan",
            )
        )
        session.add(
            BriefingItem(day="2026-11-19", key="k", story="story-landslide", section="", rank=0.0, compiled={}, late=False, edited_by="")
        )
    section = office.of("reader").soup("/articles/landslide-later").select_one("#answer")
    assert section is not None
    for part in ("Sở <b>Nông nghiệp</b>", "Đã trả lời.", "lan", "19/11/2026"):
        assert part in section.get_text()
    assert [str(link["href"]) for link in section.select("a")] == ["/briefing/2026-11-19"]
    assert office.of("reader").soup(f"/articles/{HOSTILE_ID}").select_one("#answer") is None


def test_editors_take_the_evidence_and_the_log_says_so(office: Office) -> None:
    editor, reader = office.of("editor"), office.of("reader")
    answer = editor.post(f"{PAGE}/evidence", of=PAGE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert 'filename="chung-cu-landslide.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert {"SHA256SUMS", "timeline.json", "ban-01/text.txt", "ban-02/text.txt"} <= set(bundle.namelist())
    entry = office.log("evidence.pack")[0]
    assert (entry.who, entry.subject) == ("editor", LANDSLIDE_ID)
    assert reader.post(f"{PAGE}/evidence", of="/account").status_code == 403
    assert editor.client.post(f"{PAGE}/evidence").status_code == 403
    assert editor.get(f"{PAGE}/evidence").status_code == 405
    assert editor.post(f"/articles/{HOSTILE_ID}/evidence", of=PAGE).status_code == 404  # nothing was crawled
    assert len(office.log("evidence")) == 1


def test_an_id_becomes_no_path_and_no_header(office: Office) -> None:
    engine = office.app.state.desk.engine
    wild = 'a"b\n../ữ;x'
    engine.upsert([engine.get(HOSTILE_ID).model_copy(update={"id": wild})])
    editor = office.of("editor")
    assert editor.post("/articles/a%22b%0A..%2F%E1%BB%AF;x/evidence", of=PAGE).status_code == 404
    assert editor.get("/articles/..%2F..%2Fetc%2Fpasswd/changes?revision=1").status_code == 404


def test_the_words_that_weighed_most_stand_marked_in_the_deciding_sentences(office: Office) -> None:
    reader = office.of("reader")
    page = reader.soup(f"{PAGE}/why")
    sentences = [one.get_text() for one in page.select(".reason > p:first-child")]
    assert sentences == [LANDSLIDE_TONE, LANDSLIDE_BLAME]
    marked = [mark.get_text() for mark in page.select(".reason mark.weight")]
    assert marked
    assert all(any(words in sentence for sentence in sentences) for words in marked)
    assert sorted(one.get_text() for one in page.select(".reason b")) == sorted(marked)
    assert f"{PAGE}/why" in {str(link["href"]) for link in reader.soup(PAGE).select("a")}
    assert reader.get("/articles/unknown/why").status_code == 404


def test_what_staff_said_has_no_reasons_of_the_model(office: Office) -> None:
    engine = office.app.state.desk.engine
    found = engine.get(HOSTILE_ID)
    evil = "<img src=x onerror=alert(1)> Bãi rác quá tải, mùi hôi bủa vây khu dân cư."
    said = found.sentiment.model_copy(update={"sentences": [evil]})
    engine.upsert([found.model_copy(update={"sentiment": said})])
    page = office.of("reader").soup(f"/articles/{HOSTILE_ID}/why")
    assert page.select_one(".reason p").get_text() == evil  # type: ignore[union-attr]
    assert not page.select("main img")
    engine.upsert([found.model_copy(update={"sentiment": said, "corrected": ["sentiment"]})])
    assert not office.of("reader").soup(f"/articles/{HOSTILE_ID}/why").select(".reason")
    assert "/why" not in str(office.of("reader").soup(f"/articles/{HOSTILE_ID}").select_one("main"))


@pytest.mark.parametrize(
    ("kind", "told"), [("gallery", "Bài ảnh"), ("video", "Phim"), ("live", "trực tiếp"), ("teaser", "trả phí"), ("article", "")]
)
def test_what_kind_of_page_it_is_is_said(office: Office, kind: str, told: str) -> None:
    engine = office.app.state.desk.engine
    engine.upsert([engine.get(HOSTILE_ID).model_copy(update={"page_kind": kind, "missing_pages": [2, 3] if kind == "live" else []})])
    page = office.of("reader").soup(f"/articles/{HOSTILE_ID}")
    note = page.select_one(".page-kind")
    assert (told in note.get_text()) if note else not told
    assert ("không tải được trang 2, 3" in page.get_text()) is (kind == "live")
