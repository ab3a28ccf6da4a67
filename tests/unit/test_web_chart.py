from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from diembao.article import Article
from diembao.clock import start_of_day, vietnam_day
from diembao.engine import CountBucket, SearchEngine
from index import open_engine
from tests.browser.press import NOW, office
from web.searching.addresses import SearchAddress
from web.searching.chart import HEIGHT, MOST_BARS, choose_interval, count_by, count_coverage, draw, interval_end, pixels
from web.texts import Texts

VI = Texts("vi", NOW)


def written(engine: SearchEngine, moments: list[datetime]) -> None:
    refused = engine.upsert(
        Article(id=f"a{number}", title="lũ", published_at=moment, first_seen_at=moment) for number, moment in enumerate(moments)
    )
    assert refused == {}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    engine = open_engine(office(tmp_path))
    engine.prepare()
    yield engine
    engine.close()


@pytest.mark.parametrize(
    ("span", "interval"),
    [
        (timedelta(hours=1), "hour"), (timedelta(days=2), "hour"), (timedelta(days=3), "day"), (timedelta(days=46), "day"),
        (timedelta(days=47), "week"), (timedelta(weeks=52), "week"), (timedelta(days=400), "month"), (timedelta(days=3000), "month"),
    ],
)  # fmt: skip
def test_an_interval_suits_its_range_and_leaves_few_bars(span: timedelta, interval: str) -> None:
    assert choose_interval(NOW - span, NOW) == interval


@pytest.mark.parametrize(
    ("ages", "interval"),
    [([0.1], "day"), ([0.1, 1, 30], "day"), ([1, 100], "week"), ([1, 900], "month"), ([5, 6], "day"), ([200, 201], "day")],
)  # fmt: skip
def test_an_open_range_shows_every_match_in_its_interval(engine: SearchEngine, ages: list[float], interval: str) -> None:
    written(engine, [NOW - timedelta(days=age) for age in ages])
    found, buckets = count_coverage(engine, SearchAddress(q="lũ"), NOW)
    assert found == interval
    assert sum(bucket.total for bucket in buckets) == len(ages)
    assert 7 <= len(buckets) <= MOST_BARS
    starts = [bucket.start for bucket in buckets]
    assert starts == sorted(set(starts))
    assert all(interval_end(one, found) == other for one, other in pairwise(starts))


@pytest.mark.parametrize(
    "address",
    [
        SearchAddress(from_="2026-11-01"), SearchAddress(to="2026-11-30"), SearchAddress(from_="2026-11-19", to="2026-11-20"),
        SearchAddress(from_="2026-11-20T00:00", to="2026-11-20T23:00"),
    ],
)  # fmt: skip
def test_half_open_and_closed_ranges_count_what_lies_in_them(engine: SearchEngine, address: SearchAddress) -> None:
    written(engine, [NOW - timedelta(hours=1), NOW - timedelta(hours=2)])
    _, buckets = count_coverage(engine, address, NOW)
    assert sum(bucket.total for bucket in buckets) == 2


def test_nothing_found_has_no_chart(engine: SearchEngine) -> None:
    interval, buckets = count_coverage(engine, SearchAddress(q="lũ"), NOW)
    assert draw(interval, buckets, None, VI) is None
    assert count_by(engine, SearchAddress(q="lũ"), "hour", "articles") == []


def test_hours_over_decades_are_refused_also_for_an_open_range(engine: SearchEngine) -> None:
    written(engine, [NOW, NOW - timedelta(days=9000)])
    assert count_by(engine, SearchAddress(), "hour", "articles") is None
    months = count_by(engine, SearchAddress(), "month", "articles")
    assert months is not None
    assert sum(bucket.total for bucket in months) == 2


def test_bars_keep_their_proportions_and_their_sums() -> None:
    start = start_of_day(date(2026, 11, 1))
    buckets = [
        CountBucket(start + timedelta(days=number), total, negative)
        for number, (total, negative) in enumerate([(0, 0), (200, 1), (100, 100)])
    ]
    chart = draw("day", buckets, SearchAddress(q="lũ"), VI)
    assert chart is not None
    assert [bar.height for bar in chart.bars] == [0, HEIGHT, HEIGHT // 2]
    assert [bar.negative_height for bar in chart.bars] == [0, 2, HEIGHT // 2]
    assert (chart.total, chart.negative, chart.highest) == (300, 101, 200)
    assert chart.bars[0].href is None
    assert chart.bars[2].href == "/search?q=l%C5%A9&from=2026-11-03&to=2026-11-03"


def test_too_many_intervals_are_cut_at_the_old_end_and_said_so() -> None:
    start = datetime(2020, 1, 1, tzinfo=UTC)
    buckets = [CountBucket(start + timedelta(days=30 * number), 1, 0) for number in range(MOST_BARS + 5)]
    chart = draw("month", buckets, None, VI)
    assert chart is not None
    assert chart.cut
    assert len(chart.bars) == chart.total == MOST_BARS


def test_months_end_where_the_next_begins() -> None:
    start = start_of_day(date(2026, 12, 1))
    assert vietnam_day(interval_end(start, "month")) == date(2027, 1, 1)


def test_a_small_count_beside_a_large_one_can_be_seen() -> None:
    assert pixels(1, 100_000) == 2
    assert pixels(0, 100_000) == 0
    assert pixels(0, 0) == 0
