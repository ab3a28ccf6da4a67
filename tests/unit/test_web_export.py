"""Files and feeds of a search: opened again by programs that read such files; limits; nothing of the web is a formula, a field or a tag."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from bs4 import BeautifulSoup
from docx import Document
from fastapi.testclient import TestClient

from alerts.listing import by_field, listing
from diembao.article import Article, TopicScore
from diembao.engine import SearchEngine
from diembao.errors import ConfigError
from diembao.settings import PROJECT
from diembao.settings import Office as Settings
from diembao.taxonomy import read_taxonomy
from index.export import COLUMNS
from tests.browser.press import HOSTILE_ID, LANDSLIDE, NOW, press
from tests.unit.accounts_desk import office_with_users
from web.pages import export

ATOM = "{http://www.w3.org/2005/Atom}"
FORMULA = '=HYPERLINK("https://evil.example","Bấm")'


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, SearchEngine]]:
    with press(tmp_path_factory.mktemp("press")) as (app, engine, _):
        record = {
            "id": "formula", "url": "https://songtien.example/f", "source": "songtien", "title": FORMULA,
            "lead": "@SUM(A1)\x0b {{ 7*7 }} {%p if %}",
            "body": "Lún.", "published_at": NOW - timedelta(hours=1), "first_seen_at": NOW - timedelta(hours=1),
        }  # fmt: skip
        assert engine.upsert([Article.model_validate(record)]) == {}
        yield TestClient(app, base_url="http://127.0.0.1"), engine


@pytest.fixture
def client(desk: tuple[TestClient, SearchEngine]) -> TestClient:
    return desk[0]


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, BeautifulSoup(answer.text, "lxml").get_text()
    return answer


def rows_of(client: TestClient, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(get(client, path).content.decode("utf-8-sig"), newline="")))


def test_csv_holds_what_the_search_found_in_its_order(client: TestClient) -> None:
    answer = get(client, "/export.csv?q=s%E1%BA%A1t+l%E1%BB%9F&sort=time")
    assert answer.headers["content-disposition"].startswith('attachment; filename="diem-bao-2026')
    assert answer.headers["cache-control"] == "private, no-store"
    rows = rows_of(client, "/export.csv?q=s%E1%BA%A1t+l%E1%BB%9F&sort=time")
    page = BeautifulSoup(get(client, "/search?q=s%E1%BA%A1t+l%E1%BB%9F&sort=time").text, "lxml")
    assert [row["title"] for row in rows] == [link.get_text() for link in page.select(".hits h3 a")]
    assert tuple(rows[0]) == COLUMNS
    assert any("Rạng sáng 19/11" in row["body"] for row in rows)


def test_filters_copies_and_pages_hold(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_PAGE", 3)
    everything = rows_of(client, "/export.csv")
    unfolded = rows_of(client, "/export.csv?copies=1")
    assert len(unfolded) == len(everything) + 2
    assert len({row["id"] for row in unfolded}) == len(unfolded)
    assert {row["source"] for row in rows_of(client, "/export.csv?source=songtien&source=chepbai")} == {"songtien", "chepbai"}
    assert len(rows_of(client, "/export.csv?group=story")) == len(everything)


def test_no_cell_is_a_formula(client: TestClient) -> None:
    (row,) = rows_of(client, "/export.csv?q=id:formula")
    assert row["title"] == f"'{FORMULA}"
    book = openpyxl.load_workbook(io.BytesIO(get(client, "/export.xlsx?q=id:formula").content))
    sheet = book.active
    cells = dict(zip(COLUMNS, sheet[2], strict=True))
    assert cells["title"].data_type == "s"
    assert str(cells["title"].value).endswith(FORMULA)
    assert cells["title"].hyperlink is None


def test_a_workbook_has_the_rows_of_the_table(client: TestClient) -> None:
    book = openpyxl.load_workbook(io.BytesIO(get(client, "/export.xlsx?sentiment=negative").content), read_only=True)
    rows = list(book.active.iter_rows(values_only=True))
    assert rows[0] == COLUMNS
    assert [row[0] for row in rows[1:]] == [row["id"] for row in rows_of(client, "/export.csv?sentiment=negative")]


def test_a_document_has_headlines_leads_and_links_by_field_under_the_offices_name(client: TestClient) -> None:
    document = Document(io.BytesIO(get(client, "/export.docx?q=s%E1%BA%A1t+OR+l%E1%BA%A1+OR+id:formula&topic=&from=2026-11-01").content))
    texts = [paragraph.text for paragraph in document.paragraphs]
    whole = "\n".join(texts)
    assert texts[0] == "Văn phòng UBND tỉnh Đồng Tháp"
    assert "Tổng hợp tin bài" in texts
    assert "Thời gian: 2026-11-01 – …" in whole
    headings = [paragraph.text for paragraph in document.paragraphs if paragraph.style and paragraph.style.name == "Heading 1"]
    assert headings[-1] == "Lĩnh vực khác"
    assert LANDSLIDE in whole
    assert "Sông Tiền (soạn)" in whole
    links = {relation.target_ref for relation in document.part.rels.values() if relation.reltype.endswith("/hyperlink")}
    assert "https://songtien.example/moi-truong/sat-lo.html" in links
    assert all(link.startswith(("http://", "https://")) for link in links)  # the hostile article's address is javascript:
    assert "{{ 7*7 }}" in whole
    assert FORMULA in whole
    assert "<script>" in whole  # as text


def test_a_document_in_english(client: TestClient) -> None:
    document = Document(io.BytesIO(get(client, "/export.docx?q=id:formula&lang=en").content))
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert "Articles found" in texts
    assert "Other fields" in texts


def test_each_article_stands_once_in_the_offices_order() -> None:
    taxonomy = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
    articles = [
        Article(
            url=f"https://x.example/{number}", source="x", title=str(number), topics=[TopicScore(code=code, score=0.9) for code in codes]
        )
        for number, codes in enumerate((["sport"], ["world"], ["security", "sport"], [], ["world", "environment"]))
    ]
    sections = by_field(articles, taxonomy, "vi")
    order = [entry.name.vi for entry in taxonomy.fields.values()]
    names = [section.name for section in sections]
    assert names == [name for name in order if name in names] + ["Lĩnh vực khác"]
    assert sorted(article.title for section in sections for article in section.articles) == ["0", "1", "2", "3", "4"]


def test_an_office_brings_its_own_template(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("Mẫu của tỉnh: {{ office }} ({{ sections|length }})")
    document.save(str(tmp_path / "listing.docx"))
    taxonomy = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
    made = listing([], "x", Settings(name="Sở <TT>"), taxonomy, {}, NOW, "vi", tmp_path)
    assert Document(io.BytesIO(made)).paragraphs[0].text == "Mẫu của tỉnh: Sở <TT> (0)"
    (tmp_path / "listing.docx").write_bytes(b"no document")
    with pytest.raises(ConfigError, match=r"listing\.docx"):
        listing([], "x", Settings(), taxonomy, {}, NOW, "vi", tmp_path)


@pytest.mark.parametrize("form", ["csv", "xlsx", "docx"])
def test_more_than_a_file_holds_is_said_and_not_cut(client: TestClient, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setitem(export.MOST, form, 3)
    answer = get(client, f"/export.{form}", 422)
    assert "text/html" in answer.headers["content-type"]
    told = BeautifulSoup(answer.text, "lxml").select_one(".problem[role=alert]")
    assert told is not None
    assert "chỉ chứa 3" in told.get_text()
    page = BeautifulSoup(get(client, "/export").text, "lxml")
    assert page.select_one(f'a.file[href="/export.{form}"]') is None
    narrower = page.select(".ranges a")
    assert [link.get_text() for link in narrower] == ["Hôm nay", "7 ngày", "30 ngày"]
    assert get(client, str(narrower[0]["href"])).status_code == 200
    assert get(client, f"/export.{form}?q=id:formula").status_code == 200


def test_the_page_offers_what_works(client: TestClient) -> None:
    page = BeautifulSoup(get(client, "/export?q=s%E1%BA%A1t&place=82").text, "lxml")
    for link in page.select("a.file"):
        assert get(client, str(link["href"])).content
    for box in page.select("input.copy"):
        assert get(client, str(box["value"]).removeprefix("http://127.0.0.1:8000")).content
    assert "Đồng Tháp" in page.select_one(".export .tag").get_text()  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["/export", "/export.csv", "/export.xlsx", "/export.docx"])
def test_a_mistake_is_shown_at_its_place(client: TestClient, path: str) -> None:
    assert "ngoặc kép" in get(client, path + '?q="a', 422).text
    assert "không phải ngày" in get(client, path + "?from=x", 422).text
    assert client.get("/feed.atom?from=x").status_code == 422
    assert client.get('/feed.atom?q="a').status_code == 422


def test_a_feed_is_read_by_a_parser_and_hostile_text_is_text(client: TestClient) -> None:
    feed = ET.fromstring(get(client, "/feed.atom").content)
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == len(rows_of(client, "/export.csv"))
    times = [entry.findtext(f"{ATOM}published") or "" for entry in entries]
    assert times == sorted(times, reverse=True)
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    hrefs = {link.get("href", "") for link in feed.iter(f"{ATOM}link")}
    assert all(href.startswith(("http://", "https://")) for href in hrefs)
    hostile = next(entry for entry in entries if (entry.findtext(f"{ATOM}id") or "").endswith(f"articles/{HOSTILE_ID}"))
    assert (hostile.findtext(f"{ATOM}title") or "").startswith("<script>")
    content = BeautifulSoup(hostile.findtext(f"{ATOM}content") or "", "lxml")
    assert not content.select("script, [onclick]")
    assert [link.get_text() for link in content.select("a")] == ["Điểm Báo"]


def test_rss_says_the_same(client: TestClient) -> None:
    channel = ET.fromstring(get(client, "/feed.rss?q=s%E1%BA%A1t+l%E1%BB%9F").content).find("channel")
    assert channel is not None
    assert channel.findtext("title") == "sạt lở"
    items = channel.findall("item")
    assert LANDSLIDE in [item.findtext("title") for item in items]
    assert all(parsedate_to_datetime(item.findtext("pubDate") or "").tzinfo for item in items)


def test_an_unchanged_feed_is_not_sent_again(client: TestClient) -> None:
    first = get(client, "/feed.atom?q=s%E1%BA%A1t")
    assert client.get("/feed.atom?q=s%E1%BA%A1t", headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_feed_addresses_open_feeds_and_nothing_else(tmp_path: Path) -> None:
    with office_with_users(tmp_path) as office:
        page = office.of("reader").soup("/export?q=s%E1%BA%A1t+l%E1%BB%9F")
        address = str(page.select("input.copy")[0]["value"]).removeprefix("http://127.0.0.1:8000")
        program = office.visitor()
        assert LANDSLIDE in program.get(address).text
        assert program.get(address.replace("token=", "token=x")).status_code == 303
        token = address.partition("token=")[2]
        for path in ("/export", "/export.csv", "/search", "/saved", "/map"):
            assert program.get(f"{path}?token={token}").status_code == 303
