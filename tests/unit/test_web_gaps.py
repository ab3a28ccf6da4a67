"""Gaps on the time line: a source that normally publishes and did not is shaded and named; a quiet search is not a gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from fastapi.testclient import TestClient

from diembao.article import Article
from diembao.clock import start_of_day, vietnam_day
from diembao.engine import CountBucket, Filters, SearchEngine
from tests.browser.press import NOW, press
from web.searching.chart import MOST_BARS, draw
from web.searching.gaps import FRESH, Gaps
from web.texts import Texts

AWAY = (4, 5, 6)
"""Days before today on which the source delivered nothing."""


def daily() -> Iterator[Article]:
    """A source with two articles each day for nine weeks, except on the days of AWAY."""
    for day in range(63):
        for number in range(2):
            published = NOW - timedelta(days=day, hours=number)
            if day not in AWAY:
                yield Article(
                    id=f"daily{day}x{number}", url=f"https://d.example/{day}/{number}", source="chepbai", title=f"Tin ngày {day}",
                    body="Hạn mặn." if day % 9 == 0 else "Tin thường.", published_at=published, first_seen_at=published,
                )  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with press(tmp_path_factory.mktemp("press")) as (app, engine, _):
        assert engine.upsert(daily()) == {}
        yield TestClient(app, base_url="http://127.0.0.1")


def page(client: TestClient, path: str) -> BeautifulSoup:
    answer = client.get(path)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "lxml")


def shaded(found: BeautifulSoup) -> list[str]:
    """The days whose row in the table names a source that is missing."""
    heads = [cell.get_text() for cell in found.select(".numbers thead th")]
    if "Nguồn vắng" not in heads:
        return []
    column = heads.index("Nguồn vắng")
    rows = [row.select("th, td") for row in found.select(".numbers tbody tr")]
    return [cells[0].get_text() for cells in rows if cells[column].get_text()]


def days_of_away() -> list[str]:
    return [f"{vietnam_day(NOW - timedelta(days=day)):%d/%m/%Y}" for day in AWAY]


def test_days_without_a_regular_source_are_shaded_and_named(client: TestClient) -> None:
    found = page(client, "/search?from=2026-10-25&to=2026-11-20&source=chepbai")
    assert shaded(found) == days_of_away()
    assert len(found.select("svg.bars rect.gap")) == len(AWAY)
    assert found.select_one("svg.bars pattern#gap") is not None
    assert found.select_one(".key.gap").get_text() == "Thiếu tin: nguồn vắng"  # type: ignore[union-attr]
    named = [cell.get_text() for cell in found.select(".numbers td") if "Chép Bài" in cell.get_text()]
    assert len(named) == len(AWAY)


def test_a_quiet_search_is_no_gap_but_shows_those_of_its_sources(client: TestClient) -> None:
    found = page(client, "/search?q=h%E1%BA%A1n+m%E1%BA%B7n&from=2026-10-25&to=2026-11-20")
    assert shaded(found) == days_of_away()
    other = page(client, "/search?from=2026-10-25&to=2026-11-20&source=songtien")
    assert shaded(other) == []
    assert other.select_one(".key.gap") is None


def test_hours_show_the_gap_of_their_day(client: TestClient) -> None:
    day = vietnam_day(NOW - timedelta(days=5)).isoformat()
    found = page(client, f"/search?from={day}&to={vietnam_day(NOW - timedelta(days=4)).isoformat()}")
    assert len(found.select("svg.bars rect.gap")) == 48


def test_a_bar_says_its_gap_to_who_cannot_see(client: TestClient) -> None:
    found = page(client, "/search?from=2026-11-01&to=2026-11-20")
    said = [str(mark.get("aria-label") or mark.get_text()) for mark in found.select("svg.bars a, svg.bars title")]
    assert any("vắng 1 nguồn: Chép Bài (soạn)" in text for text in said)


class Counting:
    """Counts how often it is asked what sources published."""

    def __init__(self) -> None:
        self.asked = 0

    def published_by_source(self, filters: Filters, interval: str) -> Mapping[str, Mapping[datetime, int]]:
        self.asked += 1
        return {}


def test_gaps_are_asked_for_once_in_a_while() -> None:
    engine: Any = Counting()
    gaps = Gaps()
    day = start_of_day(vietnam_day(NOW))
    buckets = [CountBucket(day - timedelta(days=number), 1, 0) for number in range(5, 0, -1)]

    def ask(now: datetime, found: Sequence[CountBucket] = buckets, filters: Filters | None = None) -> None:
        searching: SearchEngine = engine
        gaps.of(searching, found, "day", filters or Filters(), now)

    ask(NOW)
    ask(NOW + timedelta(minutes=4), filters=Filters(topics=("health",), published_from=day))  # topic and dates change nothing
    assert engine.asked == 1
    ask(NOW + FRESH)
    assert engine.asked == 2
    ask(NOW + FRESH, filters=Filters(sources=("a",)))
    ask(NOW + FRESH, buckets[1:])
    assert engine.asked == 4
    ask(NOW, [])
    assert engine.asked == 4


def test_a_chart_without_articles_is_drawn_where_it_has_a_gap() -> None:
    start = start_of_day(vietnam_day(NOW))
    texts = Texts("vi", NOW)
    empty = [CountBucket(start, 0, 0)]
    assert draw("day", empty, None, texts) is None
    chart = draw("day", empty, None, texts, {start: ("Báo A",)})
    assert chart is not None
    assert chart.has_gaps
    assert chart.bars[0].missing == ("Báo A",)
    assert MOST_BARS > 1
