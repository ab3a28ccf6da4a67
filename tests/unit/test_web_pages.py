"""The pages and the JSON over the real embedded engine, without a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from starlette.datastructures import QueryParams

from diembao.engine import EngineStatus, SearchRequest, SearchResult
from diembao.errors import EngineError, StateError
from index.counting import next_start
from index.coverage import coverage
from tests.browser.press import HOSTILE_ID, LANDSLIDE, LANDSLIDE_BLAME, LANDSLIDE_ID, LANDSLIDE_TONE, alert, articles, press
from web.searching.addresses import FILTERS, SearchAddress
from web.security import SECURITY_HEADERS


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with press(tmp_path_factory.mktemp("press")) as (app, _, _):
        yield app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def soup(response: Response) -> BeautifulSoup:
    return BeautifulSoup(response.text, "lxml")


def titles(response: Response) -> list[str]:
    return [link.get_text() for link in soup(response).select(".hits h3 a")]


def test_a_query_finds_and_marks(client: TestClient) -> None:
    response = client.get("/search", params={"q": "sạt lở"})
    assert response.status_code == 200
    assert LANDSLIDE in titles(response)
    assert "sạt" in [mark.get_text().lower() for mark in soup(response).select(".hits h3 mark")] or "sạt lở" in response.text.lower()
    assert soup(response).select(".hits h3 mark")


def test_copies_are_folded_and_shown_when_asked_for(client: TestClient) -> None:
    folded = client.get("/search", params={"q": '"nuốt thêm ba căn nhà"'})
    assert titles(folded) == [LANDSLIDE]
    assert "2 bản sao" in folded.text
    assert titles(client.get("/search", params={"q": '"nuốt thêm ba căn nhà"', "copies": "1"})) == [LANDSLIDE] * 3


@pytest.mark.parametrize(
    ("params", "holds"),
    [
        ({"topic": "environment"}, lambda a: any(t.code == "environment" for t in a.topics)),
        ({"sentiment": ["negative", "positive"]}, lambda a: a.sentiment.label in ("negative", "positive")),
        ({"critical_of": "authority"}, lambda a: a.critical_of is not None and a.critical_of.label == "authority"),
        ({"place": "Cần Thơ"}, lambda a: any(p.province == "Cần Thơ" for p in a.places)),
        ({"place": "82-cu"}, lambda a: any(p.code == "82-cu" for p in a.places)),
        ({"source": "songtien"}, lambda a: a.source == "songtien"),
        ({"kind": "portal"}, lambda a: a.kind == "portal"),
        ({"story": "story-landslide"}, lambda a: a.story_id == "story-landslide"),
        (
            {"topic": "environment", "sentiment": "negative", "source": "songtien"},
            lambda a: a.source == "songtien" and a.topics[0].code == "environment",
        ),
    ],
)  # fmt: skip
def test_a_filter_shows_what_it_says(client: TestClient, params: dict[str, str], holds: object) -> None:
    assert callable(holds)
    expected = {article.id for article in articles() if article.sentiment and article.copy_of is None and holds(article)}
    found = client.get("/api/search", params={**params, "limit": 100}).json()
    assert {hit["id"] for hit in found["hits"]} == expected
    assert found["total"] == len(expected)
    assert len(titles(client.get("/search", params=params))) == min(20, len(expected))


def test_every_facet_link_leads_to_as_many_articles_as_it_says(client: TestClient) -> None:
    page = soup(client.get("/search", params={"q": "tỉnh"}))
    links = page.select("#filters .facet a")
    assert len(links) > 10
    for link in links:
        count = link.select_one(".count")
        assert count is not None
        heading = soup(client.get(str(link["href"]))).select_one("#results h2")
        assert heading is not None
        found = int(heading.get_text().removesuffix(" bài"))
        # An outlet that only reprinted a text is found by its own name, while the counts of folded groups name the origin's outlet.
        assert found >= int(count.get_text()) if "source=" in str(link["href"]) else found == int(count.get_text())


def test_each_bar_of_the_chart_leads_to_its_articles(client: TestClient) -> None:
    page = soup(client.get("/search", params={"from": "2026-11-07", "to": "2026-11-20"}))
    bars = page.select("svg.bars a")
    assert len(bars) >= 10
    total = 0
    for bar in bars:
        count = int(bar["aria-label"].split(": ")[1].split(" ")[0])
        heading = soup(client.get(str(bar["href"]))).select_one("#results h2")
        assert heading is not None
        assert heading.get_text() == f"{count} bài"
        total += count
    rows = page.select(".numbers tbody tr")
    assert len(rows) == 14
    assert sum(int(row.select("td")[0].get_text()) for row in rows) == total
    legend = page.select_one(".key.total b")
    assert legend is not None
    assert int(legend.get_text()) == total


def test_pages_follow_each_other_without_gap_or_double(client: TestClient) -> None:
    first = client.get("/search", params={"sort": "time", "copies": "1"})
    following = soup(first).select_one(".pager .next")
    assert following is not None
    second = client.get(str(following["href"]))
    links = [link["href"] for page in (first, second) for link in soup(page).select(".hits h3 a")]
    assert len(links) == len(set(links)) == len(articles())
    assert soup(second).select_one(".pager .next") is None


def test_a_page_that_is_gone_shows_the_first_and_says_so(client: TestClient) -> None:
    response = client.get("/search", params={"after": "not-a-cursor"})
    assert response.status_code == 422
    assert "trang này không còn" in response.text
    assert len(titles(response)) == 20


def test_a_query_mistake_is_shown_at_its_place_in_the_language_of_the_page(client: TestClient) -> None:
    query = 'lũ (bão "chưa đóng'
    response = client.get("/search", params={"q": query})
    assert response.status_code == 422
    shown = soup(response).select_one("#query-problem .query")
    assert shown is not None
    assert shown.get_text().strip() == query
    wrong = shown.select_one(".wrong")
    assert wrong is not None
    problem = client.get("/api/search", params={"q": query}).json()["error"]["problems"]["q"]
    if problem["position"] is not None and problem["position"] < len(query):
        assert wrong.get_text() == query[problem["position"]]
    assert problem["message_vi"] in soup(response).get_text()
    english = client.get("/search", params={"q": query, "lang": "en"})
    assert problem["message_en"] in soup(english).get_text()
    box = soup(response).select_one("#q")
    assert box is not None
    assert box["value"] == query
    assert box["aria-invalid"] == "true"


@pytest.mark.parametrize("params", [{"from": "gestern"}, {"sentiment": "angry"}, {"q": "x" * 1001}])
def test_a_wrong_parameter_gets_a_line_and_the_page_still_works(client: TestClient, params: dict[str, str]) -> None:
    response = client.get("/search", params=params)
    assert response.status_code == 422
    assert soup(response).select("#query-problem .problem")
    assert titles(response)
    assert client.get("/api/search", params=params).json()["error"]["problems"].keys() == params.keys()


def test_nothing_found_offers_what_to_try(client: TestClient) -> None:
    response = client.get("/search", params={"q": "sạt lỡ", "source": "baodongthap", "lang": "vi"})
    assert response.status_code == 200
    assert "Không có bài nào khớp" in response.text
    offered = soup(response).select(".nothing a")
    assert offered
    for link in offered:
        assert client.get(str(link["href"])).status_code == 200


def test_the_article_shows_reasons_copies_revisions_and_evidence(client: TestClient) -> None:
    page = soup(client.get(f"/articles/{LANDSLIDE_ID}"))
    assert [mark.get_text() for mark in page.select(".body mark.tone")] == [LANDSLIDE_TONE]
    assert [mark.get_text() for mark in page.select(".body mark.blame")] == [LANDSLIDE_BLAME]
    members = page.select("#copies li")
    assert len(members) == 3
    assert "đăng đầu tiên" in members[0].get_text()
    assert "Sông Tiền (soạn)" in members[0].get_text()
    assert "97" in members[1].get_text()
    assert len(page.select("#revisions li")) == 2
    assert "hai căn nhà bị cuốn trôi" in page.select("#revisions li")[1].get_text()
    text = page.get_text()
    for part in ("2026-11/songtien.warc.gz", "1048576", "nay thuộc Đồng Tháp", "hợp nhất từ", "Hỗ trợ khẩn cấp các hộ"):
        assert part in text
    original = page.select_one("a.original")
    assert original is not None
    assert original["href"] == "https://songtien.example/moi-truong/sat-lo.html"
    assert set(original["rel"]) == {"noopener", "noreferrer", "nofollow"}


def test_a_copy_names_who_published_first(client: TestClient) -> None:
    page = soup(client.get("/articles/copy-2"))
    note = page.select_one(".note a")
    assert note is not None
    assert note["href"] == f"/articles/{LANDSLIDE_ID}"
    assert len(page.select("#copies li")) == 3


@pytest.mark.parametrize(
    "path", ["/", "/search?copies=1&q=b%E1%BB%87nh", f"/articles/{HOSTILE_ID}", "/search?q=%3Cscript%3Ealert(1)%3C/script%3E"]
)
def test_hostile_text_is_text(client: TestClient, path: str) -> None:
    page = soup(client.get(path))
    assert {str(script.get("src")).rpartition("/")[0] for script in page.select("script")} == {"/static"}
    assert not [script for script in page.select("script") if script.get_text()]
    assert not page.select("iframe, object, embed, style, base, img, .article b, .article i, [style]")
    for element in page.find_all(True):
        for name, value in element.attrs.items():
            assert not name.startswith("on")
            if name in ("href", "src", "action"):
                assert str(value).startswith(("/", "#", "https://", "http://"))
                assert not str(value).startswith("//")
    assert "49" not in {paragraph.get_text() for paragraph in page.select(".body p")}


def test_alerts_with_their_numbers_and_links(client: TestClient) -> None:
    assert "Tin tiêu cực về tài nguyên và môi trường ở Đồng Tháp tăng vọt" in client.get("/").text
    page = soup(client.get("/alerts"))
    states = [item.get_text() for item in page.select(".alert .state")]
    assert states == ["Đang diễn ra", "Đã kết thúc"]
    one = client.get("/alerts/a1b2c3")
    assert "0,7" in one.text
    assert "1 lần trong 25.000 khoảng như vậy" in one.text
    link = soup(one).select_one("a.original")
    assert link is not None
    behind = titles(client.get(str(link["href"])))
    assert LANDSLIDE in behind
    assert len(behind) == alert().observed


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/search?q=l%C5%A9",
        f"/articles/{LANDSLIDE_ID}",
        "/alerts",
        "/alerts/a1b2c3",
        "/nowhere",
        "/health",
        "/api/search",
        "/static/desk.css",
    ],
)
def test_every_answer_has_the_security_headers_and_no_foreign_address(client: TestClient, path: str) -> None:
    response = client.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert response.headers[name] == value
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "set-cookie" not in response.headers
    if not response.headers["Content-Type"].startswith("text/html"):
        return
    for element in soup(response).select("script[src], link[href], img[src], form[action]"):
        assert str(element.get("src") or element.get("href") or element.get("action")).startswith("/")


@pytest.mark.parametrize("path", ["/", "/search", f"/articles/{LANDSLIDE_ID}", "/alerts", "/alerts/a1b2c3", "/nowhere"])
def test_every_page_in_both_languages(client: TestClient, path: str) -> None:
    for language in ("vi", "en"):
        page = soup(client.get(path, params={"lang": language}))
        assert page.html is not None
        assert page.html["lang"] == language
        assert page.title is not None
        assert page.title.get_text().strip()
        assert len(page.select("h1")) == 1
        labels = {str(label["for"]) for label in page.select("label[for]")}
        for field in page.select("input:not([type=hidden])"):
            assert field.get("id") in labels or field.find_parent("label")
        assert page.select_one("main#main")
        assert page.select_one("a.skip")


def test_the_language_is_kept_in_a_cookie_that_scripts_cannot_read(client: TestClient) -> None:
    response = client.get("/alerts", params={"lang": "en"})
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("lang=en;")
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert '<html lang="en">' in client.get("/alerts").text
    assert "set-cookie" not in client.get("/alerts", params={"lang": "de<script>"}).headers


def test_switching_the_language_never_leaves_the_host(client: TestClient) -> None:
    page = soup(client.get("http://127.0.0.1//evil.example/%5Cevil"))
    link = page.select_one("a.language")
    assert link is not None
    assert str(link["href"]).startswith("/evil.example/")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "a b", "[::1", "localhost.evil.example:80"])
def test_a_foreign_host_is_refused(client: TestClient, host: str) -> None:
    response = client.get("/", headers={"Host": host})
    assert response.status_code == 421
    assert "base_url" in response.text


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost", "LOCALHOST:80", "[::1]:8000", "192.168.1.20"])
def test_own_hosts_are_served(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_giant_addresses_are_refused(client: TestClient) -> None:
    assert client.get("/search?q=" + "a" * 20_000).status_code == 414


@pytest.mark.parametrize("path", ["/nowhere", "/articles/unknown", "/articles/" + "x" * 500, "/alerts/unknown", "/articles/..%2f..%2fetc"])
def test_what_is_not_there_is_a_friendly_404(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "Không tìm thấy" in response.text


def test_only_reading_is_possible(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE"):
        response = client.request(method, "/search")
        assert response.status_code == 405
        assert "Yêu cầu không được chấp nhận" in response.text


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/nothing.css"])
def test_static_files_end_at_their_folder(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_articles_with_some_of_the_words_stand_apart_and_are_not_counted(client: TestClient) -> None:
    page = soup(client.get("/search", params={"q": "sạt lở xyzzy"}))
    part = page.select_one(".apart")
    assert part is not None
    assert part.select_one("h2").get_text() == "Chỉ có một vài từ"  # type: ignore[union-attr]
    link = part.select_one("p a")
    assert link is not None
    same = soup(client.get(str(link["href"])))
    shown = [title.get_text() for title in part.select(".hits h3 a")]
    assert shown
    assert shown == [title.get_text() for title in same.select(".hits h3 a")][: len(shown)]
    assert "không có bài" in page.select_one(".nothing").get_text().lower()  # type: ignore[union-attr]
    for params in ({"q": '"sạt lở"'}, {"q": "sạt"}, {"q": ""}, {"q": "sạt AND xyzzy"}):
        assert soup(client.get("/search", params=params)).select_one(".apart") is None


def test_the_json_of_search_article_and_coverage(client: TestClient) -> None:
    found = client.get("/api/search", params={"q": "sạt lở", "limit": 1}).json()
    assert set(found) == {"total", "took_ms", "facets", "hits", "cursor", "suggestions"}
    assert len(found["hits"]) == 1
    assert found["total"] == 2
    following = client.get("/api/search", params={"q": "sạt lở", "limit": 1, "after": found["cursor"]}).json()
    assert following["hits"][0]["id"] != found["hits"][0]["id"]
    one = client.get(f"/api/articles/{LANDSLIDE_ID}").json()
    assert one == json.loads(json.dumps(next(a for a in articles() if a.id == LANDSLIDE_ID).to_record()))
    coverage = client.get("/api/coverage", params={"from": "2026-11-14", "to": "2026-11-20", "copies": "1"}).json()
    assert coverage["interval"] == "day"
    assert len(coverage["buckets"]) == 7
    assert coverage["buckets"][0]["start"] == "2026-11-13T17:00:00Z"
    total = client.get("/api/search", params={"from": "2026-11-14", "to": "2026-11-20", "copies": "1", "limit": 0}).json()["total"]
    assert sum(bucket["total"] for bucket in coverage["buckets"]) == total > 0


@pytest.mark.parametrize("params", [{}, {"q": "sạt lở", "interval": "week"}, {"from": "2026-11-18", "to": "2026-11-20", "unit": "outlets"}])
def test_coverage_stands_beside_what_was_published(app: FastAPI, client: TestClient, params: dict[str, str]) -> None:
    """As from the function behind `diembao coverage`, whatever interval the page chooses."""
    answer = client.get("/api/coverage", params=params).json()
    asked = SearchAddress.parse(QueryParams(params))[0]
    buckets = answer["buckets"]
    end = next_start(datetime.fromisoformat(buckets[-1]["start"]), answer["interval"])
    filters = asked.filters()
    filters = replace(
        filters,
        published_from=filters.published_from or datetime.fromisoformat(buckets[0]["start"]),
        published_to=filters.published_to or end,
    )
    desk = app.state.desk
    wanted = coverage(desk.engine, asked.q, filters, answer["interval"], answer["unit"], desk.clock(), fold_copies=True)
    assert buckets == [bucket.to_record() for bucket in wanted]
    assert set(buckets[0]) == {"start", "total", "negative", "published", "share", "negative_share", "missing_sources"}
    assert any(bucket["share"] for bucket in buckets)


def test_coverage_by_distinct_stories_and_hours(client: TestClient) -> None:
    params = {"story": "story-landslide", "copies": "1", "interval": "month"}
    by_articles = client.get("/api/coverage", params=params).json()["buckets"]
    by_stories = client.get("/api/coverage", params={**params, "unit": "stories"}).json()["buckets"]
    assert sum(bucket["total"] for bucket in by_articles) == 4
    assert sum(bucket["total"] for bucket in by_stories) == 1


def test_a_count_of_a_hundred_years_of_hours_is_refused(client: TestClient) -> None:
    response = client.get("/api/coverage", params={"from": "1926-01-01", "to": "2026-01-01", "interval": "hour"})
    assert response.status_code == 422
    assert "interval" in response.json()["error"]["problems"]


@pytest.mark.parametrize(
    "path", ["/api/search?limit=100000", "/api/coverage?interval=minute", "/api/search?limit=abc", "/api/search?after=xyz"]
)
def test_a_wrong_call_of_the_api_is_422_json(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 422
    assert response.json()["error"]["hint"]


def test_the_description_of_the_api_names_every_parameter_of_the_page(client: TestClient) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    described = {parameter["name"] for parameter in paths["/api/search"]["get"]["parameters"]}
    assert described == {*FILTERS, "q", "from", "to", "story", "sort", "copies", "group", "after", "limit"}
    assert set(paths) >= {"/api/search", "/api/articles/{article_id}", "/api/coverage", "/api/alerts", "/api/feedback", "/health"}


def test_a_chosen_place_is_shown_by_its_name(client: TestClient) -> None:
    chip = soup(client.get("/search", params={"place": "82-cu"})).select_one(".chips a")
    assert chip is not None
    assert chip.get_text().strip().startswith("Tỉnh Tiền Giang")


def test_a_new_source_is_named_without_a_restart(tmp_path: Path) -> None:
    with press(tmp_path) as (app, _, _), TestClient(app, base_url="http://127.0.0.1") as client:
        folder = app.state.desk.settings.sources_folder
        (folder / "songtien.toml").unlink()
        assert "Sông Tiền (soạn)" not in client.get("/search").text
        (folder / "songtien.toml").write_text('name = "Sông Tiền mới"\ndomain = "songtien.example"\nenabled = false\n', encoding="utf-8")
        assert "Sông Tiền mới" in client.get("/search").text


def test_health_says_what_works(client: TestClient) -> None:
    body = client.get("/health").json()
    assert body["status"] == "ok"
    assert body["engine"]["articles"] == len(articles())


def test_a_failing_engine_is_a_503_that_says_what_to_do(app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> SearchResult:
        raise EngineError("the node is <away>", "Start it")

    monkeypatch.setattr(app.state.desk.engine, "search", fail)
    response = client.get("/search")
    assert response.status_code == 503
    assert "diembao doctor" in response.text
    assert "the node is &lt;away&gt;" in response.text
    assert response.headers["Retry-After"] == "30"
    assert client.get("/api/search").json()["error"]["detail"].startswith("the node is <away>")


def test_health_is_503_when_the_engine_is_away(app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.state.desk.engine, "status", lambda: EngineStatus("sqlite", "", 0, "damaged"))
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json()["problems"] == ["damaged"]


def test_a_failing_database_is_a_503(app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> object:
        raise StateError("the database is locked")

    monkeypatch.setattr(app.state.desk.state, "session", fail)
    response = client.get("/alerts")
    assert response.status_code == 503
    assert "Cơ sở dữ liệu chưa trả lời" in response.text


def test_a_defect_of_ours_is_a_500_without_inner_details(app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: SearchRequest) -> SearchResult:
        raise RuntimeError("secret inner detail")

    monkeypatch.setattr(app.state.desk.engine, "search", fail)
    response = client.get("/search")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Trang gặp lỗi" in response.text
    assert response.headers["Content-Security-Policy"] == SECURITY_HEADERS["Content-Security-Policy"]


def test_a_broken_source_file_costs_only_its_name(tmp_path: Path) -> None:
    with press(tmp_path) as (app, _, _):
        (app.state.desk.settings.sources_folder / "songtien.toml").write_text("name = ", encoding="utf-8")
        with TestClient(app, base_url="http://127.0.0.1") as client:
            text = client.get("/search").text
    assert "songtien" in text
    assert "Báo Đồng Tháp (soạn)" in text


def test_an_empty_index_says_how_to_fill_it(tmp_path: Path) -> None:
    with press(tmp_path) as (app, engine, _):
        engine.delete([article.id for article in articles()])
        with TestClient(app, base_url="http://127.0.0.1") as client:
            assert client.get("/").status_code == 200
            assert "diembao monitor --once" in client.get("/search").text


def test_the_first_load_is_light(client: TestClient) -> None:
    page = client.get("/search", params={"copies": "1"})
    files = [client.get(path) for path in ("/static/desk.css", "/static/desk.js", "/static/icon.svg")]
    assert sum(len(response.content) for response in (page, *files)) < 200_000
