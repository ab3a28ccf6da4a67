"""The page of a story and the list of them; joining and splitting, which nothing undoes but a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import tomli_w
from bs4 import BeautifulSoup
from fastapi.testclient import TestClient
from sqlalchemy import select

from alerts.briefing import kept
from alerts.briefing.kept import Answer, ConflictError
from alerts.evaluation import evaluate
from alerts.rules_file import rule_of
from diembao.article import Article
from diembao.corrections import apart
from diembao.engine import SearchEngine, StorySize
from diembao.errors import UsageError
from diembao.settings import PROJECT
from diembao.state import AuditRecord, State, StoryResponse
from diembao.taxonomy import read_taxonomy
from flows.retagging import retag
from index import open_engine
from index.ingest import ingest
from nlp.linking import link
from nlp.step import discover
from nlp.steps.stories import find_story_keys
from nlp.tagging import Tagger
from tests.browser.press import LANDSLIDE, LANDSLIDE_ID, NOW, fill_state, office
from tests.browser.press import articles as press_articles
from web.app import create_app
from web.pages.story import ranked_by
from web.rules.form import form_of_search
from web.searching.addresses import SearchAddress
from web.stories.changes import named_in, wishes_to_split
from web.stories.view import DRAWN, view_of
from web.texts import Texts

BODY = (
    "Ông Lê Văn Tám, chủ tịch xã, cho biết: “Chúng tôi đã di dời mười hai hộ trong đêm và sẽ hỗ trợ tiền cho bà con”. "
    "“Tiếng đất đổ nghe như sấm, cả nhà chạy ra đường trong đêm”, bà Út kể."
)


def told(name: str, hours: float, source: str, story: str = "s", **fields: Any) -> Article:
    at = NOW - timedelta(hours=40) + timedelta(hours=hours)
    given = {
        "id": name, "url": f"https://{source}.example/{name}", "title": f"Tin {name} về cầu sập", "body": BODY, "source": source,
        "published_at": at, "first_seen_at": at, "fetched_at": at, "story_id": story, "sentiment": {"label": "neutral"},
    }  # fmt: skip
    return Article.model_validate(given | fields)


class Desk:
    """The desk over two stories, and the shortest way to ask it."""

    def __init__(self, folder: Path, engine: SearchEngine | None = None) -> None:
        settings = office(folder)
        self.engine = engine or open_engine(settings)
        self.state = State(settings.database)
        self.engine.prepare()
        self.ingest(
            told("a", 0, "songtien"), told("a2", 2, "baodongthap"), told("a3", 3, "chepbai", copy_of="a", similarity=0.9),
            told("b", 5, "congdongthap", "b"), told("b2", 8, "tienphong-mau", "b"),
            told("b3", 9, "chepbai", "b", copy_of="b", similarity=0.8),
            told("c", 9, "songtien", "c"),
        )  # fmt: skip
        # The story of a, a2 and a3 carries the id of its first article.
        self.ingest(*(self.get(name).with_fields(story_id="a") for name in ("a", "a2", "a3")))
        app = create_app(settings, self.engine, self.state, lambda: NOW)
        self.client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    def close(self) -> None:
        self.client.close()
        self.engine.close()
        self.state.close()

    def ingest(self, *articles: Article) -> None:
        ingest(self.engine, self.state, articles)

    def get(self, name: str) -> Article:
        found = self.engine.get(name)
        assert found is not None
        return found

    def stories(self) -> dict[str, str | None]:
        return {name: self.get(name).story_id for name in ("a", "a2", "a3", "b", "b2", "b3", "c")}

    def page(self, path: str, status: int = 200) -> BeautifulSoup:
        response = self.client.get(path)
        assert response.status_code == status, response.text
        return BeautifulSoup(response.text, "lxml")

    def post(self, path: str, page: str, status: int = 303, **data: Any) -> BeautifulSoup | str:
        token = self.page(page).select_one("main input[name=token]")
        assert token is not None
        response = self.client.post(path, data={"token": token["value"], **data}, follow_redirects=False)
        assert response.status_code == status, response.text
        return response.headers["location"] if status == 303 else BeautifulSoup(response.text, "lxml")

    def undo_last(self, page: str) -> None:
        form = self.page(page).select_one('section[aria-labelledby="changes"] form')
        assert form is not None
        self.post(str(form["action"]), page, next=page)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """The desk on each engine."""
    engine: SearchEngine | None = None
    if request.param == "elasticsearch":
        from index.elasticsearch_engine import ElasticsearchEngine

        engine = ElasticsearchEngine(request.getfixturevalue("elasticsearch_index"))
    made = Desk(tmp_path, engine)
    yield made
    made.close()


BEFORE = {"a": "a", "a2": "a", "a3": "a", "b": "b", "b2": "b", "b3": "b", "c": "c"}
JOINED = BEFORE | {"b": "a", "b2": "a", "b3": "a"}


def test_joining_moves_every_article_and_can_be_taken_back(either: Desk) -> None:
    where = either.post("/stories/a/merge", "/stories/a", other="https://desk.example/stories/b?lang=en")
    assert either.stories() == JOINED
    page = either.page(str(where))
    assert "Đã gộp 3 bài" in page.get_text()
    assert len(page.select(".texts > li")) == 4
    # The old address leads to the joined story.
    moved = either.client.get("/stories/b", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "/stories/a")
    with either.state.session() as session:
        row = session.scalars(select(AuditRecord).where(AuditRecord.action.startswith("bulk."))).one()
        assert sorted(row.after["values"]) == ["b", "b2", "b3"]
    either.undo_last("/stories/a")
    assert either.stories() == BEFORE
    assert "đã hoàn tác" in either.page("/stories/a").get_text()


def test_what_was_joined_stays_so_over_linking_tagging_rebuilding_and_new_articles(desk: Desk) -> None:
    desk.post("/stories/a/merge", "/stories/a", other="b2")
    # Linked and tagged anew: the articles come again as the models and linking say, in their old stories.
    desk.ingest(*(desk.get(name).with_fields(story_id="b", corrected=[], uncorrected={}) for name in ("b", "b2", "b3")))
    assert desk.stories() == JOINED
    # A revision of the page is taken up.
    desk.ingest(told("b2", 8, "tienphong-mau", "b", body=BODY + " Tin cập nhật.", fetched_at=NOW))
    assert desk.get("b2").revision == 2
    assert desk.stories() == JOINED
    # Rebuilt from nothing: every article as it was crawled.
    for name in JOINED:
        desk.engine.delete([name])
    again = [
        told("a", 0, "songtien", "a"),
        told("a2", 2, "baodongthap", "a"),
        told("a3", 3, "chepbai", "a", copy_of="a"),
        told("c", 9, "songtien", "c"),
    ]
    desk.ingest(told("b2", 8, "tienphong-mau", "b"), told("b", 5, "congdongthap", "b"), told("b3", 9, "chepbai", "b", copy_of="b"))
    desk.ingest(*again)
    assert desk.stories() == JOINED
    # The story that it was joined to gets another name: it goes along.
    desk.ingest(*(desk.get(name).with_fields(story_id="older") for name in ("a", "a2", "a3")))
    assert set(desk.stories().values()) == {"older", "c"}


def test_what_was_split_off_stays_so_when_everything_is_tagged_and_linked_anew(desk: Desk) -> None:
    desk.post("/stories/a/split", "/stories/a", article=["a2"])
    steps = [step for step in discover() if step.name == "stories"]
    done = retag(desk.state, desk.engine, Tagger(PROJECT / "config", steps=steps), lambda: NOW)
    assert done.relinked >= 6
    # Their headlines are nearly the same, so linking itself would have them on one event.
    assert desk.get("a2").uncorrected["story_id"] == desk.get("a").story_id
    assert desk.get("a2").story_id == apart("a2")
    desk.undo_last(f"/stories/{apart('a2')}")
    assert desk.get("a2").story_id == desk.get("a").story_id


def test_a_new_article_is_linked_to_the_joined_story(desk: Desk) -> None:
    text = "Cầu Rạch Miễu tạm bị sập nhịp giữa lúc 3 giờ sáng, một xe tải rơi xuống sông, hai người được cứu lên bờ an toàn."
    first = told("n1", 1, "songtien", title="Sập nhịp cầu Rạch Miễu tạm lúc rạng sáng", lead=text, story_id=None)
    later = told(
        "n2", 9, "tienphong-mau", title="Sập nhịp cầu Rạch Miễu tạm, xe tải rơi xuống sông lúc rạng sáng", lead=text, story_id=None
    )
    keys = [one.with_fields(story_keys=find_story_keys(one.title, one.lead, one.body)) for one in (first, later)]
    desk.ingest(*link(keys[:1], desk.engine))
    assert desk.get("n1").story_id == "n1"
    desk.post("/stories/a/merge", "/stories/a", other="n1")
    assert desk.get("n1").story_id == "a"
    desk.ingest(*link(keys[1:], desk.engine))
    assert desk.get("n2").story_id == "a"


def test_splitting_takes_copies_along_and_can_be_taken_back(either: Desk) -> None:
    either.post("/stories/a/merge", "/stories/a", other="b")
    where = either.post("/stories/a/split", "/stories/a", article=["b", "c"][:1])
    assert either.stories() == JOINED | {"b": "b-apart", "b3": "b-apart"}
    page = either.page(str(where))
    assert "Đã tách 2 bài" in page.get_text()
    link_there = page.select_one(".done a")
    assert link_there is not None
    there = either.page(str(link_there["href"]))
    assert len(there.select(".texts > li")) == 1
    assert "Tách 2 bài" in there.get_text()
    either.undo_last("/stories/a")
    assert either.stories() == JOINED


def test_the_first_article_can_be_split_off_and_the_others_keep_their_story(desk: Desk) -> None:
    desk.post("/stories/a/merge", "/stories/a", other="b")  # b, b2 and b3 now name "a"
    desk.post("/stories/a/split", "/stories/a", article=["a"])
    found = desk.stories()
    assert found["a"] == found["a3"] == apart("a")
    assert found["a2"] == found["b"] == found["b2"] == found["b3"] == "a"
    assert desk.page("/stories/a").select_one("h1").get_text() == "Tin a2 về cầu sập"  # type: ignore[union-attr]
    desk.undo_last("/stories/a")
    assert desk.stories() == JOINED


def test_when_everything_that_stays_hangs_on_what_goes(desk: Desk) -> None:
    desk.post("/stories/c/merge", "/stories/c", other="b")
    desk.post("/stories/c/split", "/stories/c", article=["c"])
    found = desk.stories()
    assert found["c"] == apart("c")
    assert found["b"] == found["b2"] == found["b3"] == apart("b")


def test_joining_there_and_back_makes_no_circle(desk: Desk) -> None:
    desk.post("/stories/a/merge", "/stories/a", other="b")
    desk.post("/stories/a/split", "/stories/a", article=["a", "a2"])  # a, a3, a2 go
    assert desk.stories()["a2"] == apart("a")
    home = desk.stories()["b"]
    desk.post(f"/stories/{apart('a')}/merge", f"/stories/{apart('a')}", other=str(home))
    assert {story for name, story in desk.stories().items() if name != "c"} == {apart("a")}
    desk.post(f"/stories/{apart('a')}/merge", f"/stories/{apart('a')}", other="c")
    assert set(desk.stories().values()) == {apart("a")}


@pytest.mark.parametrize(
    ("other", "says"),
    [("", "Không có sự việc"), ("nowhere", "Không có sự việc"), ("a2", "chính là sự việc này"), ("/stories/a", "chính là sự việc này"),
     ("x" * 3000, "Không có sự việc"), ("<script>alert(1)</script>", "Không có sự việc")],
)  # fmt: skip
def test_what_cannot_be_joined_is_told_and_nothing_changes(desk: Desk, other: str, says: str) -> None:
    page = desk.post("/stories/a/merge", "/stories/a", 422, other=other)
    assert isinstance(page, BeautifulSoup)
    assert says in page.select_one("[role=alert]").get_text()  # type: ignore[union-attr]
    assert desk.stories() == BEFORE


@pytest.mark.parametrize(("chosen", "status"), [([], 422), (["a", "a2"], 422), (["a", "a2", "a3"], 422), (["b"], 409), (["nowhere"], 409)])
def test_what_cannot_be_split_is_told_and_nothing_changes(desk: Desk, chosen: list[str], status: int) -> None:
    page = desk.post("/stories/a/split", "/stories/a", status, article=chosen)
    assert isinstance(page, BeautifulSoup)
    assert page.select_one("[role=alert]") is not None
    assert desk.stories() == BEFORE


def test_two_people_at_the_same_story(desk: Desk) -> None:
    """Somebody has the page open while the story is joined into another one: nothing is done to what they do not see."""
    desk.page("/stories/b")
    desk.post("/stories/a/merge", "/stories/a", other="b")
    token = desk.page("/stories/a").select_one("main input[name=token]")["value"]  # type: ignore[index]
    for path, data in (
        ("/stories/b/split", {"article": "b"}),
        ("/stories/b/merge", {"other": "c"}),
        ("/stories/b/response", {"version": "0"}),
    ):
        response = desk.client.post(path, data={"token": token, **data}, follow_redirects=False)
        assert response.status_code == 409, path
        assert "vừa được gộp" in response.text
    assert desk.stories() == JOINED


def test_the_response_is_the_briefings_and_is_not_written_over(desk: Desk) -> None:
    def fields(page: str) -> dict[str, str]:
        form = desk.page(page).select_one("#response form")
        assert form is not None
        return {str(field["name"]): str(field.get("value", "")) for field in form.select("input")}

    first = fields("/stories/a")
    desk.client.post("/stories/a/response", data={**first, "status": "assigned", "department": "Sở Xây dựng", "note": "Gọi\r\nxã"})
    page = desk.page("/stories/a").select_one("#response")
    assert page is not None
    assert "Đã giao" in page.get_text()
    assert "Sở Xây dựng" in page.get_text()
    with desk.state.session() as session:
        row = session.get_one(StoryResponse, "a")
        assert (row.status, row.department, row.note, row.assigned_at) == ("assigned", "Sở Xây dựng", "Gọi\nxã", NOW)
        assert session.scalar(select(AuditRecord.action).where(AuditRecord.subject == "a")) == "briefing.answer"
    # Who still has the first form open gets what the other one wrote beside their own.
    late = desk.client.post("/stories/a/response", data={**first, "status": "answered", "note": "Của tôi"})
    assert late.status_code == 409
    assert "Sở Xây dựng" in late.text
    assert "Của tôi" in late.text
    bad = desk.client.post("/stories/a/response", data={**fields("/stories/a"), "status": "answered", "link": "javascript:alert(1)"})
    assert bad.status_code == 422
    with desk.state.session() as session:
        assert session.get_one(StoryResponse, "a").status == "assigned"


def test_the_response_of_a_joined_story_is_seen(desk: Desk) -> None:
    kept.save_answer(desk.state, "b", (Answer("answered", "Sở Y tế", "", ""), "", 0), "Lan", NOW)
    desk.post("/stories/a/merge", "/stories/a", other="b")
    section = desk.page("/stories/a").select_one("#response")
    assert section is not None
    assert "Sở Y tế" in section.get_text()
    assert "đã gộp vào đây" in section.get_text()
    assert kept.answer_to(desk.state, ["a"]) is None


def test_saving_a_response_over_a_newer_one_is_refused(desk: Desk) -> None:
    kept.save_answer(desk.state, "a", (Answer("assigned"), "", 0), "Lan", NOW)
    with pytest.raises(ConflictError):
        kept.save_answer(desk.state, "a", (Answer("answered"), "", 0), "Mai", NOW)
    with pytest.raises(UsageError, match="https"):
        kept.save_answer(desk.state, "a", (Answer("answered", link="ftp://x"), "", 1), "Mai", NOW)


@pytest.mark.parametrize(
    "path", ["/stories/nowhere", "/stories/" + "x" * 600, "/stories/%00", "/stories/..%2Fetc", "/stories/nowhere-apart"]
)
def test_an_unknown_story_is_not_found(desk: Desk, path: str) -> None:
    desk.page(path, 404)


def test_an_article_without_a_story_is_one_of_its_own(desk: Desk) -> None:
    desk.ingest(told("alone", 1, "songtien", story_id=None))
    page = desk.page("/stories/alone")
    assert page.select_one("h1").get_text() == "Tin alone về cầu sập"  # type: ignore[union-attr]
    assert page.select_one(".outlet-lines") is None
    assert not page.select(".texts input")


def test_a_story_of_which_all_is_irrelevant_is_still_there(desk: Desk) -> None:
    from index.corrections import correct

    correct(desk.state, desk.engine, "c", "relevant", False, NOW)
    assert desk.page("/stories/c").select_one("h1") is not None


def test_a_story_of_very_many_articles(desk: Desk) -> None:
    many = [
        told(f"m{n}", n / 20, f"bao{n % 150}", "many", body=f"{BODY} Bài {n}.", copy_of="m0" if n % 3 == 2 else None) for n in range(500)
    ]
    desk.ingest(*many)
    response = desk.client.get("/stories/many")
    page = BeautifulSoup(response.text, "lxml")
    assert "500" in page.select_one(".story-counts b").get_text()  # type: ignore[union-attr]
    assert len(page.select(".outlet-table tbody tr")) == 150
    assert len(page.select(".outlet-lines .name")) == DRAWN
    assert f"Thêm {150 - DRAWN} báo" in page.get_text()
    assert len(page.select(".texts > li")) == 334
    assert page.select_one(".more-texts") is not None
    desk.post("/stories/a/merge", "/stories/a", other="many")
    assert {desk.get(f"m{n}").story_id for n in (0, 2, 250, 499)} == {"a"}
    desk.undo_last("/stories/a")
    assert {desk.get(f"m{n}").story_id for n in (0, 2, 250, 499)} == {"many"}


def test_every_number_of_the_page_leads_to_as_many_articles(desk: Desk) -> None:
    desk.engine.upsert(press_articles())
    page = desk.page("/stories/story-landslide")
    links = page.select(".story-counts a.n, .spread a.n, .outlet-table a.n, .story-head .tag, svg.bars a")
    assert len(links) > 12
    for found in links:
        label = str(found.get("aria-label", "")).partition(": ")[2] or found.get_text()
        number = next(
            int(word)
            for word in label.replace(",", " ").split()[:: 1 if "aria-label" in found.attrs or "n" in found["class"] else -1]
            if word.isdigit()
        )
        heading = desk.page(str(found["href"])).select_one("#results h2")
        assert heading is not None
        assert int(heading.get_text().split()[0]) == number, found


def test_the_story_of_the_press_tells_who_was_first_and_how_it_spread(desk: Desk) -> None:
    desk.engine.upsert(press_articles())
    fill_state(desk.state)
    page = desk.page("/stories/story-landslide")
    assert page.select_one("h1").get_text() == LANDSLIDE  # type: ignore[union-attr]
    assert "Đăng đầu tiên: Sông Tiền (soạn), 13:00 19/11/2026" in " ".join(page.get_text().split())
    assert [item.get_text() for item in page.select(".spread b")] == ["1", "2", "3"]
    rows = [[cell.get_text(" ", strip=True) for cell in row.select("th, td")] for row in page.select(".outlet-table tbody tr")]
    assert [row[2] for row in rows] == ["đăng đầu tiên", "2 giờ 0 phút", "14 giờ 0 phút", "1 ngày 0 giờ"]
    assert "chỉ đăng lại" in rows[1][0]
    assert "Tin tiêu cực về tài nguyên" in page.select_one('section[aria-labelledby="story-alerts"]').get_text()  # type: ignore[union-attr]
    assert desk.client.get(f"/stories/{LANDSLIDE_ID}", follow_redirects=False).headers["location"] == "/stories/story-landslide"
    follow = next(link for link in page.select("a") if "Theo dõi" in link.get_text())
    assert parse_qs(urlsplit(str(follow["href"])).query)["story"] == ["story-landslide"]
    form = desk.page(str(follow["href"]))
    assert 'story:"story-landslide"' in str(form)


def test_following_a_story_tells_of_each_new_article_of_it(desk: Desk) -> None:
    form = form_of_search(SearchAddress(story="a", sort="time"))
    table = replace(form, label="Cầu sập").table("cau-sap", Texts("vi", NOW), ())
    rule = rule_of(tomli_w.dumps({key: value for key, value in table.items() if value is not None}), Path("cau-sap.toml"))
    desk.ingest(told("a9", 39, "baodongthap", "a"), told("c9", 39, "baodongthap", "c"))
    alerts = evaluate([rule], desk.engine, NOW, read_taxonomy(PROJECT / "config" / "taxonomy.toml"))
    latest = max(alerts, key=lambda alert: alert.window_start)
    assert [story.article_id for story in latest.evidence] == ["a9"]


def test_quotations_stand_as_in_the_text_with_their_speaker(desk: Desk) -> None:
    page = desk.page("/stories/a")
    said = {quote.select_one("blockquote").get_text(): quote.get_text() for quote in page.select(".said")}  # type: ignore[union-attr]
    assert len(said) == 2
    for words, around in said.items():
        assert words.strip("“”") in BODY
        assert "và 2 báo khác" in around
    assert any("Ông Lê Văn Tám, chủ tịch xã" in around for around in said.values())


def test_hostile_text_is_text(desk: Desk) -> None:
    evil = '<script>window.hacked=1</script>"><img src=x onerror=alert(1)>'
    desk.ingest(
        told(
            "e'\"1",
            1,
            "songtien",
            'h"><b>',
            title=evil,
            body=f"Ông Lê <b>Tám</b> nói: “{evil} là sáu từ trở lên đấy nhé”.",
            url="javascript:1",
        ),
        told("e2", 2, "chepbai", 'h"><b>', title=evil, body=evil),
    )
    for path in ("/stories/h%22%3E%3Cb%3E", "/stories?days=7", "/"):
        page = desk.page(path)
        assert not page.select("main img, main script, main b > b, [onerror]")
        assert all(str(tag.get("href") or tag.get("action")).startswith(("/", "#", "https://")) for tag in page.select("main a, main form"))
    desk.post("/stories/h%22%3E%3Cb%3E/split", "/stories/h%22%3E%3Cb%3E", article=["e'\"1"])
    assert desk.get("e'\"1").story_id == apart("e'\"1")


# -- the list ----------------------------------------------------------------------------------------------------------------------


def test_the_list_in_its_orders_with_numbers_that_lead_to_their_articles(desk: Desk) -> None:
    desk.ingest(
        *(told(f"g{n}", 30 + n, f"bao{n}", "grows") for n in range(5)),
        *(told(f"w{n}", 0.5 * n, "songtien", "worse", sentiment={"label": "negative"}) for n in range(4)),
    )
    for order, first in (("growth", "Tin g0"), ("size", "Tin g0"), ("negative", "Tin w0")):
        page = desk.page(f"/stories?sort={order}&days=3")
        rows = page.select(".story-list > li")
        assert rows[0].select_one("h2").get_text().startswith(first), order  # type: ignore[union-attr]
        for link_to in page.select(".story-list a.n"):
            heading = desk.page(str(link_to["href"])).select_one("#results h2")
            assert heading is not None
            assert heading.get_text().split()[0] == link_to.select_one("b").get_text()  # type: ignore[union-attr]
    assert desk.page("/stories?sort=negative&days=1").select_one(".nothing") is not None


@pytest.mark.parametrize("query", ["sort=<b>&days=x&page=-1&here=1", "page=99999999999999999999", "page=²", "days=3&days=7", "sort="])
def test_a_wrong_list_address_shows_the_usual_list(desk: Desk, query: str) -> None:
    assert desk.page(f"/stories?{query}").select_one("h1") is not None


def test_pages_of_the_list_follow_each_other(desk: Desk) -> None:
    desk.ingest(*(told(f"p{n}-{part}", 1 + 30 * part, f"bao{part}", f"p{n}-0") for n in range(40) for part in range(2)))
    first = desk.page("/stories")
    following = first.select_one(".pager .next")
    assert following is not None
    second = desk.page(str(following["href"]))
    links = [link["href"] for page in (first, second) for link in page.select(".story-list h2 a")]
    assert len(links) == len(set(links)) == 40
    assert second.select_one('.pager [rel="prev"]')["href"] == "/stories?sort=growth&days=3"  # type: ignore[index]


def test_a_share_needs_three_articles() -> None:
    def size(story: str, articles: int, negative: int) -> StorySize:
        return StorySize(story, articles, negative, 1, 0, 0, 0, 0, NOW, NOW)

    found = ranked_by("negative", [size("two", 2, 2), size("half", 4, 2), size("all", 3, 3), size("none", 9, 0), size("more", 8, 4)])
    assert [one.story for one in found] == ["all", "more", "half"]


# -- what the page is put together from -----------------------------------------------------------------------------------------------


def test_an_article_that_prints_only_its_day_is_ordered_by_when_it_was_seen() -> None:
    day = datetime(2026, 11, 19, 17, tzinfo=UTC)
    seen = day + timedelta(hours=9)
    coarse = told("x", 0, "songtien", published_at=day, published_precision="day", first_seen_at=seen)
    exact = told("y", 0, "chepbai", published_at=day + timedelta(hours=5))
    view = view_of("s", [coarse, exact])
    assert [one.id for one in view.articles] == ["y", "x"]
    assert view.is_sure_who
    late = coarse.with_fields(first_seen_at=day + timedelta(days=3))
    view = view_of("s", [late, exact])
    assert [one.id for one in view.articles] == ["x", "y"]
    assert not view.is_sure_who


def test_copies_stand_under_their_text_also_when_that_is_not_in_the_story() -> None:
    view = view_of(
        "s", [told("o", 1, "a"), told("k", 2, "b", copy_of="o"), told("f2", 4, "c", copy_of="far"), told("f1", 3, "d", copy_of="far")]
    )
    assert [(text.first.id, [copy.id for copy in text.copies]) for text in view.texts] == [("o", ["k"]), ("f1", ["f2"])]


def test_the_drawing_stays_inside_and_has_a_dot_for_each_dated_article() -> None:
    articles = [told(f"d{n}", n * 3.7, f"bao{n % 4}") for n in range(30)] + [told("u", 0, "u", published_at=None, first_seen_at=None)]
    view = view_of("s", articles)
    assert view.drawing is not None
    assert len(view.drawing.dots) == 30
    assert all(0 <= dot.x <= 100 and 0 <= dot.y <= view.drawing.height for dot in view.drawing.dots)
    assert 2 <= len(view.drawing.ticks) <= 7
    assert all(0 <= x <= 100 for x, _ in view.drawing.ticks)
    one = view_of("s", [told("d", 0, "bao")])
    assert one.drawing is not None
    assert one.spread[0].articles == 1
    years = view_of("s", [told("d", 0, "bao"), told("e", 24 * 365 * 3, "bao")])
    assert years.drawing is not None
    assert len(years.drawing.ticks) <= 8


def test_undated_articles_make_a_story_too() -> None:
    view = view_of("s", [told("u", 0, "", published_at=None, first_seen_at=None)])
    assert (view.begin, view.drawing, view.spread, view.is_sure_who) == (None, None, (), False)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("abc", "abc"), (" abc ", "abc"), ("/stories/ab%2Fc", "ab/c"), ("https://x.vn/articles/abc/?q=1#f", "abc"), ("", ""), ("/", ""),
        ("http://[::1", "[::1"),
    ],
)  # fmt: skip
def test_the_id_in_what_was_pasted(text: str, named: str) -> None:
    assert named_in(text) == named


def test_a_split_needs_something_to_stay(desk: Desk) -> None:
    members = [desk.get(name) for name in ("a", "a2", "a3")]
    with pytest.raises(UsageError):
        wishes_to_split(desk.state, members, {"a", "a2"})
    assert json.dumps([wish.value for wish in wishes_to_split(desk.state, members, {"a2"})]) == "[null]"
