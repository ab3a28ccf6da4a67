"""The overview: each number is that of the articles behind it, what is usual is learned from the past, and silence is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from fastapi.testclient import TestClient
from httpx import Response

from diembao.article import Article
from diembao.clock import VIETNAM
from diembao.engine import SearchEngine
from diembao.state import FetchState, Run, State
from index import open_engine
from tests.browser.press import DONG_THAP, NOW, alert, fill_state, office, press
from web.app import create_app
from web.pages.overview import read_window

Ask = Callable[..., Response]
FIELDS = ("security", "digital", "environment", "trade", "culture", "health", None)


def soup(response: Response) -> BeautifulSoup:
    assert response.status_code == 200, response.text
    return BeautifulSoup(response.text, "lxml")


def landscape() -> Iterator[Article]:
    """Four weeks of six outlets with a daily rhythm, then a story that all take up, with copies, and criticism of authorities."""
    number = 0
    for back in range(28 * 24):
        hour = NOW - timedelta(hours=back + 1, minutes=13)
        if 6 <= hour.astimezone(VIETNAM).hour < 22:
            for outlet in range(2):
                number += 1
                topic = FIELDS[number % len(FIELDS)]
                yield Article.model_validate(
                    {
                        "id": f"a{number}", "title": f"Tin số {number}", "source": f"bao{(number + outlet) % 6}",
                        "url": f"https://x.example/{number}",
                        "published_at": hour, "first_seen_at": hour,
                        "topics": [{"code": topic, "score": 0.9}] if topic else [],
                        "sentiment": {"label": "negative" if number % 5 == 0 else "neutral"}, "story_id": f"s{number // 3}",
                        "critical_of": {"label": "authority"} if number % 29 == 0 else None,
                        "places": [DONG_THAP.model_dump()] if number % 2 else [],
                    }
                )  # fmt: skip
    for place in range(14):
        at = NOW - timedelta(hours=30) + timedelta(hours=2 * place, minutes=7)
        yield Article.model_validate(
            {
                "id": f"flood{place}", "title": "Vỡ đê ở Hồng Ngự" if place else "Đê Hồng Ngự vỡ trong đêm",
                "source": f"bao{place % 6}",
                "published_at": at, "first_seen_at": at,
                "topics": [{"code": "environment", "score": 0.9}, {"code": "traffic", "score": 0.6}],
                "sentiment": {"label": "negative"}, "critical_of": {"label": "authority"} if place > 5 else {"label": "none"},
                "story_id": "flood0", "copy_of": "flood0" if place in (3, 4, 9) else None,
            }
        )  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, SearchEngine]]:
    """The desk over the landscape, on each engine."""
    settings = office(tmp_path_factory.mktemp("office"))
    if request.param == "elasticsearch":
        from index.elasticsearch_engine import ElasticsearchEngine

        engine: SearchEngine = ElasticsearchEngine(request.getfixturevalue("elasticsearch_index"))
    else:
        engine = open_engine(settings)
    state = State(settings.database)
    engine.prepare()
    assert engine.upsert(landscape()) == {}
    fill_state(state)
    with TestClient(create_app(settings, engine, state, lambda: NOW), base_url="http://127.0.0.1") as client:
        yield client, engine
    engine.close()
    state.close()


def behind(client: TestClient, href: str) -> int:
    """How many articles the search of a link finds, by its heading."""
    heading = soup(client.get(href)).select_one("#results h2")
    assert heading is not None
    return int(heading.get_text().split()[0].replace(".", ""))


def shown(link: Tag) -> int:
    number = link.select_one("b")
    assert number is not None
    return int(number.get_text().replace(".", ""))


@pytest.mark.parametrize("query", ["", "?since=today", "?since=2026-11-15T06:40", "?since=yesterday&here=1"])
def test_each_number_leads_to_exactly_so_many_articles(desk: tuple[TestClient, SearchEngine], query: str) -> None:
    client, _ = desk
    page = soup(client.get(f"/{query}"))
    links = [link for link in page.select("main a.n") if link.get("data-counts") != "alerts"]
    assert len(links) > 16
    assert sum(shown(link) for link in links) > 40
    for link in links:
        assert behind(client, str(link["href"])) == shown(link), link
    for bar in page.select("svg.bars a"):
        assert behind(client, str(bar["href"])) == int(str(bar["aria-label"]).split(": ")[1].split(" ")[0].replace(".", ""))


def test_every_number_in_the_tables_and_lists_is_a_link(desk: tuple[TestClient, SearchEngine]) -> None:
    page = soup(desk[0].get("/"))
    for bold in page.select("main .overview-grid b"):
        assert bold.find_parent("a") is not None


def test_the_rows_add_up(desk: tuple[TestClient, SearchEngine]) -> None:
    client, _ = desk
    page = soup(client.get("/"))
    rows = {row.select_one("th").get_text(): [shown(link) for link in row.select("a.n")] for row in page.select(".field-table tbody tr")}  # type: ignore[union-attr]
    assert list(rows) == [
        "Tất cả", "An ninh trật tự và an toàn giao thông", "Thông tin và truyền thông", "Tài nguyên và môi trường", "Công thương",
        "Văn hóa, thể thao và du lịch", "Ngoài các lĩnh vực trên",
    ]  # fmt: skip
    day = [article for article in landscape() if article.published_at and NOW - timedelta(days=1) <= article.published_at < NOW]
    assert rows["Tất cả"] == [len(day), sum(article.sentiment.label == "negative" for article in day if article.sentiment)]
    topics = {"security", "traffic", "digital", "environment", "trade", "culture", "sport"}
    rest = [article for article in day if not topics & {topic.code for topic in article.topics}]
    assert rows["Ngoài các lĩnh vực trên"][0] == len(rest) > 3
    # The story is in two fields, and in each of them once.
    assert sum(total for total, _ in list(rows.values())[1:]) > rows["Tất cả"][0]


def test_what_is_usual_is_that_of_the_same_hours(desk: tuple[TestClient, SearchEngine]) -> None:
    """In the landscape two articles come in each of sixteen hours; the flood comes on top of that."""
    page = soup(desk[0].get("/"))
    row = page.select_one(".field-table .sum")
    assert row is not None
    usual = row.select_one(".usual")
    assert usual is not None
    assert 28 <= int(usual.get_text().split()[-1]) <= 36
    # Six hours of the night are quiet in the same landscape.
    begin = NOW.astimezone(VIETNAM).replace(hour=0, minute=0)
    night = soup(desk[0].get("/", params={"since": begin.strftime("%Y-%m-%dT%H:%M")}))
    today = night.select_one(".field-table .sum .usual")
    assert today is not None
    assert float(today.get_text().split()[-1].replace(",", ".")) < 22
    environment = next(row for row in page.select(".field-table tr") if "môi trường" in row.get_text())
    assert "nhiều hơn hẳn" in environment.get_text()
    trade = next(row for row in page.select(".field-table tr") if "Công thương" in row.get_text())
    assert "hẳn" not in trade.get_text()


def test_a_growing_story_with_its_first_publisher(desk: tuple[TestClient, SearchEngine]) -> None:
    client, _ = desk
    story = soup(client.get("/")).select_one('section[aria-labelledby="growing"] li')
    assert story is not None
    assert story.select_one("a.strong").get_text() == "Đê Hồng Ngự vỡ trong đêm"  # type: ignore[union-attr]
    assert [shown(link) for link in story.select("a.n")] == [11, 3]
    assert "của 6 báo" in story.get_text()
    assert "Đăng đầu tiên: bao0, 09:07 19/11/2026" in story.get_text()
    found = client.get(
        "/api/search", params={"story": "flood0", "copies": "1", "limit": 100, "from": "2026-11-19T15:00", "to": "2026-11-20T15:00"}
    )
    assert len({hit["source"] for hit in found.json()["hits"]}) == 6


def test_criticism_is_new_where_there_was_none_before(desk: tuple[TestClient, SearchEngine]) -> None:
    client, _ = desk
    day = soup(client.get("/")).select('section[aria-labelledby="blame"] li')
    flood = next(item for item in day if "Hồng Ngự" in item.get_text())
    assert flood.select_one(".badge") is not None
    later = soup(client.get("/?since=2026-11-20T08:30")).select('section[aria-labelledby="blame"] li')
    flood = next(item for item in later if "Hồng Ngự" in item.get_text())
    assert flood.select_one(".badge") is None


def test_open_alerts_as_many_as_the_page_of_alerts_has(desk: tuple[TestClient, SearchEngine]) -> None:
    client, _ = desk
    page = soup(client.get("/"))
    link = page.select_one('[data-counts="alerts"]')
    assert link is not None
    assert shown(link) == len(soup(client.get(str(link["href"]))).select(".alert.open")) == 1
    assert alert().title in page.get_text()


@pytest.mark.parametrize(
    ("since", "kind", "hours", "problem"),
    [
        ("", "day", 24, ""),
        ("today", "today", 15, ""),
        ("yesterday", "yesterday", 39, ""),
        ("2026-11-20T12:30", "moment", 2.5, ""),
        ("2026-11-20", "moment", 15, ""),
        ("2026-11-20T12:30:59+07:00", "moment", 2.5, ""),
        ("2020-01-01T00:00", "moment", 14 * 24, "overview.problem.longest"),
        ("2026-11-20T15:00", "day", 24, "overview.problem.later"),
        ("2030-01-01", "day", 24, "overview.problem.later"),
        ("hôm qua", "day", 24, "overview.problem.moment"),
        ("0001-01-01T00:00", "day", 24, "overview.problem.moment"),
        ("<script>", "day", 24, "overview.problem.moment"),
    ],
)
def test_the_window(since: str, kind: str, hours: float, problem: str) -> None:
    window = read_window(since, NOW + timedelta(seconds=42))
    assert (window.kind, window.end - window.begin, window.problem) == (kind, timedelta(hours=hours), problem)
    assert window.end == NOW


def test_at_midnight_today_has_not_begun() -> None:
    midnight = datetime(2026, 11, 19, 17, 0, 30, tzinfo=UTC)
    assert read_window("today", midnight).kind == "day"


def test_a_wrong_moment_is_told_and_nothing_of_it_is_shown(desk: tuple[TestClient, SearchEngine]) -> None:
    response = desk[0].get("/", params={"since": "<script>alert(1)</script>", "here": "<b>"})
    assert "Không đọc được thời điểm" in response.text
    assert "alert(1)" not in response.text.replace("%3Cscript%3Ealert%281%29%3C%2Fscript%3E", "")


def ask_for(tmp_path: Path, articles: list[dict[str, Any]], **state_rows: Any) -> BeautifulSoup:
    settings = office(tmp_path)
    engine, state = open_engine(settings), State(settings.database)
    try:
        engine.prepare()
        assert engine.upsert(Article.model_validate(record) for record in articles) == {}
        with state.session() as session:
            for row in state_rows.get("rows", []):
                session.add(row)
        with TestClient(create_app(settings, engine, state, lambda: NOW), base_url="http://127.0.0.1") as client:
            return soup(client.get("/"))
    finally:
        engine.close()
        state.close()


def test_without_any_article_the_page_says_what_to_do(tmp_path: Path) -> None:
    page = ask_for(tmp_path, [])
    notice = page.select_one(".notice")
    assert notice is not None
    assert "diembao monitor --once" in notice.get_text()
    assert page.select_one(".field-table") is None


def test_on_the_first_days_nothing_is_called_usual(tmp_path: Path) -> None:
    articles = [
        {"title": f"Tin {back}", "url": f"https://x.example/{back}", "source": "a", "published_at": NOW - timedelta(hours=back, minutes=5)}
        for back in range(60)
    ]
    page = ask_for(tmp_path, articles)
    text = page.get_text()
    assert "cần ít nhất 7 ngày" in text
    assert "18/11/2026" in text
    assert not page.select(".usual")
    assert not page.select(".verdict")


def test_when_all_feeds_are_silent_zero_is_not_called_silence(tmp_path: Path) -> None:
    long_ago = NOW - timedelta(days=3)
    articles = [
        {"title": f"Tin {back}", "url": f"https://x.example/{back}", "source": "a", "published_at": long_ago - timedelta(hours=back)}
        for back in range(24 * 20)
    ]
    page = ask_for(tmp_path, articles, rows=[Run(id="r1", started_at=long_ago, ended_at=long_ago, fates={})])
    notice = page.select_one(".notice.bad")
    assert notice is not None
    assert "không có nghĩa là báo chí im lặng" in notice.get_text()
    assert "từ 15:00 17/11/2026" in notice.get_text()
    assert "diembao doctor" in notice.get_text()
    row = page.select_one(".field-table .sum")
    assert row is not None
    assert row.select_one("b").get_text() == "0"  # type: ignore[union-attr]
    assert "ít hơn hẳn" in row.get_text()


def test_a_broken_source_is_named_with_the_way_to_all_of_them(tmp_path: Path) -> None:
    failing = FetchState(url="https://songtien.example/rss", source="songtien", role="feed", failures=7, first_seen_at=NOW)
    page = ask_for(tmp_path, [{"title": "Tin", "url": "https://x.example/1", "published_at": NOW}], rows=[failing])
    section = page.select_one('section[aria-labelledby="troubles"]')
    assert section is not None
    assert "Sông Tiền (soạn): không đọc được, 7 lần liên tiếp" in section.get_text()
    assert section.select_one('a[href="/sources"]') is not None


def test_the_page_is_small_and_reads_in_english_too(desk: tuple[TestClient, SearchEngine]) -> None:
    response = desk[0].get("/", params={"lang": "en"})
    assert len(response.content) < 100_000
    assert "Growing stories" in response.text
    assert not re.search(r"\b(bài|báo|bình thường)\b", BeautifulSoup(response.text, "lxml").select_one("main .field-table").get_text())  # type: ignore[union-attr]


def test_the_composed_press_has_its_two_numbers_of_criticism(tmp_path: Path) -> None:
    with press(tmp_path) as (app, _, _), TestClient(app, base_url="http://127.0.0.1") as client:
        page = soup(client.get("/"))
        pill = page.select_one("#blame .n")
        assert pill is not None
        assert shown(pill) == behind(client, str(pill["href"])) == 2
