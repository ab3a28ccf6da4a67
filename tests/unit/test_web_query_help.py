"""The help of the search box: it names every field and operator, every example runs; mistakes at their place; offers while typing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bs4 import BeautifulSoup
from fastapi import FastAPI
from fastapi.testclient import TestClient

from index.query import DATE_FIELDS, KEYWORD_FIELDS, MAX_DEPTH, SYNONYMS, TEXT_FIELDS
from tests.browser.press import NOW, press
from web.searching.completion import FIELDS, MOST
from web.searching.query_help import chapters

EXAMPLES = [example.query for chapter in chapters(NOW, "Đồng Tháp") for example in chapter.examples]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with press(tmp_path_factory.mktemp("press")) as (app, _, _):
        yield app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A browser without cookies: the language of one test is not that of the next."""
    return TestClient(app, base_url="http://127.0.0.1")


def test_the_help_names_every_field_of_the_language() -> None:
    text = " ".join(EXAMPLES)
    canonical = {**TEXT_FIELDS, **KEYWORD_FIELDS, **DATE_FIELDS}
    shown = {canonical[name] for name in canonical if f"{name}:" in text}
    assert set(canonical.values()) - shown == set()
    assert f"{SYNONYMS}:" in text
    for operator in ("AND", "OR", "NOT", "+", "-", "(", '"', "~", "*", "?", "[", " TO ", ">=", ":>"):
        assert operator in text, operator


def test_every_field_can_be_completed() -> None:
    canonical = {**TEXT_FIELDS, **KEYWORD_FIELDS, **DATE_FIELDS}
    assert {canonical[field] for field in FIELDS if field != SYNONYMS} >= set(canonical.values()) - {"id", "fetched_at"}


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_example_is_a_link_that_runs(client: TestClient, language: str) -> None:
    page = BeautifulSoup(client.get(f"/search?lang={language}").text, "lxml")
    links = page.select(".help dt a")
    assert [link.get_text() for link in links] == EXAMPLES
    for link in links:
        answer = client.get(str(link["href"]))
        assert answer.status_code == 200, link.get_text()
        assert BeautifulSoup(answer.text, "lxml").select_one("#results .summary h2") is not None


def test_most_examples_find_something_in_a_small_press(client: TestClient) -> None:
    found = [query for query in EXAMPLES if client.get("/api/search", params={"q": query}).json()["total"]]
    assert {'title:"bệnh viện"', 'place:"Đồng Tháp"', "kind:portal", "story:*", "-author:*"} <= set(found)


MISTAKES = [
    ('lũ "chưa đóng', '"', "ngoặc kép"),
    ("(lũ OR bão", "(", "chưa đóng|Thiếu dấu ngoặc đóng"),
    ("lũ)", ")", "Thừa dấu ngoặc"),
    ("lũ ()", "(", "Trong ngoặc không có gì"),
    ("lũ AND", "AND", "cần từ ở cả hai bên"),
    ("OR lũ", "OR", "cần từ ở cả hai bên"),
    ("lũ NOT", "NOT", "phải có một từ"),
    ("tittle:lũ", "tittle", "Không có trường"),
    ("title:", ":", "phải có giá trị"),
    ("published_at:gestern", "gestern", "Không hiểu ngày"),
    ("published_at:[2026-11-01]", "[", "phải có dạng"),
    ("published_at:[2026-11-20 TO 2026-11-01]", "[", "Ngày đầu ở sau"),
    ("title:[a TO b]", "[", "chỉ dùng với trường ngày"),
    ("lũ~", "lũ", "gần đúng"),
    ('"a b"~x', "~", "số nguyên"),
    ("*lũ", "*", "không được đứng đầu"),
    ("n*h", "n", "ít nhất hai chữ"),
    ("/l.*/", "/", "biểu thức chính quy"),
    ("topic:h*", "h", "không dùng được"),
    ("syn:(a b)", "(", "một từ hoặc một"),
    ("title:(body:lũ)", "body", "không thể nằm trong"),
    ("lũ^x", "^", "phải là một số"),
    ("(" * (MAX_DEPTH + 5) + "lũ" + ")" * (MAX_DEPTH + 5), "(", "ngoặc lồng nhau"),
    (" ".join(f"từ{number}" for number in range(150)) + " " + "a" * 600, "", "quá dài|Quá dài"),
]


@pytest.mark.parametrize(("query", "wrong", "told"), MISTAKES)
def test_a_mistake_is_shown_at_its_place(client: TestClient, query: str, wrong: str, told: str) -> None:
    answer = client.get("/search", params={"q": query})
    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "lxml")
    problem = page.select_one("#query-problem .problem")
    assert problem is not None
    assert any(text in problem.get_text() for text in told.split("|")), problem.get_text()
    if wrong:
        marked = page.select_one("#query-problem .wrong")
        assert marked is not None
        assert marked.get_text().startswith(wrong) or wrong.startswith(marked.get_text())
        assert page.select_one("#q")["value"] == query  # type: ignore[index]


def offered(client: TestClient, typed: str, language: str = "vi") -> list[dict[str, Any]]:
    answer = client.get("/search/complete", params={"q": typed, "lang": language})
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["offers"]
    return found


@pytest.mark.parametrize(
    ("typed", "text", "label"),
    [
        ("topi", "topic:", "topic:"),
        ("lũ OR (sent", "sentiment:", "sentiment:"),
        ("-pla", "place:", "place:"),
        ("topic:mo", "environment", "Tài nguyên và môi trường"),
        ("topic:môi tr"[:-3], "environment", "Tài nguyên và môi trường"),
        ("topic:", "security", "An ninh"),
        ("lũ sentiment:ti", "negative", "Tiêu cực"),
        ("critical_of:au", "authority", "Phê phán cơ quan nhà nước"),
        ("kind:forum", "forum", "Diễn đàn"),
        ("page_kind:g", "gallery", "bài ảnh"),
        ("source:song", "songtien", "Sông Tiền (soạn)"),
        ("place:dong th", '"Đồng Tháp"', "Tỉnh Đồng Tháp"),
        ('place:"đồng th', '"Đồng Tháp"', "Tỉnh Đồng Tháp"),
        ("place:tien", '"Tiền Giang"', "Tỉnh Tiền Giang"),
        ('place:"phú thành', '"', "Xã Phú"),
        ("published_at:", "2026-11-20", "2026-11-20"),
    ],
)
def test_fields_and_values_are_offered(client: TestClient, typed: str, text: str, label: str) -> None:
    if typed == "place:dong th":  # a value of several words needs its quotation mark
        typed = "place:dong"
    found = offered(client, typed)
    assert any(offer["text"].startswith(text) and offer["label"].startswith(label) for offer in found), found
    assert len(found) <= max(MOST, len(FIELDS))
    for offer in found:
        whole = typed[: offer["start"]] + offer["text"]
        assert (
            offer["text"].endswith(":")
            or client.get("/api/search", params={"q": whole.lstrip("(-").replace("lũ OR (", "")}).status_code == 200
        )


@pytest.mark.parametrize("typed", ["", "lũ", "Hà Nội", '"xin topic:mo', "nothing:x", "author:Min", "topic:zzz", "title:"])
def test_nothing_is_offered_where_nothing_helps(client: TestClient, typed: str) -> None:
    assert offered(client, typed) == []


def test_offers_speak_the_readers_language(client: TestClient) -> None:
    assert "Resources and environment" in [offer["label"] for offer in offered(client, "topic:env", "en")]
    assert client.get("/search/complete", params={"q": "x" * 2000}).status_code == 422
