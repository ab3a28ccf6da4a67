"""Two searches side by side: figures against the engine, statistics against published values, an address that keeps everything."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from fastapi.testclient import TestClient
from starlette.datastructures import QueryParams

from diembao.article import Article, Sentiment, TopicScore
from diembao.engine import SearchEngine
from tests.browser.press import NOW, press
from web.searching.addresses import SearchAddress
from web.searching.comparison import compare, difference_of, period_before, ratio_of, words_of
from web.texts import Texts

TEXTS = Texts("vi", NOW)


def flood(number: int, days: float, tone: str = "neutral", topic: str = "environment", words: str = "triều cường") -> Article:
    published = NOW - timedelta(days=days, minutes=number)
    return Article(
        id=f"flood{number}", url=f"https://l.example/{number}", source="songtien" if number % 2 else "baodongthap",
        title=f"Tin {words} số {number}", body="Nước lên.", published_at=published, first_seen_at=published,
        topics=[TopicScore(code=topic, score=0.9)], sentiment=Sentiment.model_validate({"label": tone, "scores": {}}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, SearchEngine]]:
    with press(tmp_path_factory.mktemp("press")) as (app, engine, _):
        this_week = [flood(number, 1 + number % 5, "negative" if number % 4 else "neutral") for number in range(40)]
        before = [flood(100 + number, 8 + number % 5, "neutral" if number % 4 else "negative", "culture") for number in range(20)]
        other = [flood(200 + number, 2, words="lễ hội đèn") for number in range(6)]
        assert engine.upsert([*this_week, *before, *other]) == {}
        yield TestClient(app, base_url="http://127.0.0.1"), engine


def soup(client: TestClient, path: str, status: int = 200) -> BeautifulSoup:
    answer = client.get(path)
    assert answer.status_code == status
    return BeautifulSoup(answer.text, "lxml")


def found(client: TestClient, href: str) -> str:
    heading = soup(client, href).select_one(".summary h2")
    assert heading is not None
    return heading.get_text().split()[0]


WEEKS = "a.q=tri%E1%BB%81u&a.from=2026-11-14&a.to=2026-11-20&b.q=tri%E1%BB%81u&b.from=2026-11-07&b.to=2026-11-13"


def test_every_number_is_what_its_link_finds(desk: tuple[TestClient, SearchEngine]) -> None:
    client, _ = desk
    page = soup(client, f"/compare?{WEEKS}")
    links = [link for link in page.select(".totals td a, .differences td a") if link.get_text()]
    assert len(links) > 10
    for link in links:
        assert link.get_text() == found(client, str(link["href"])), link["href"]
    for link in page.select("svg.pairs a"):
        assert f": {found(client, str(link['href']) + '&copies=1')} bài" in str(link["aria-label"])


def test_two_weeks_of_one_query(desk: tuple[TestClient, SearchEngine]) -> None:
    _, engine = desk
    this = SearchAddress(q="triều", from_="2026-11-14", to="2026-11-20")
    week = compare(engine, *period_before(this, NOW), TEXTS)
    one, other = week.sides
    assert (one.total, other.total) == (40, 20)
    assert (one.negative, other.negative) == (30, 5)
    assert (other.address.from_, other.address.to) == ("2026-11-07", "2026-11-13")
    assert other.days == 7
    assert 6 < one.days < 7  # today is not over
    assert week.both == 0
    assert not week.by_calendar
    assert [sum(slot.counts[side] for slot in week.slots) for side in (0, 1)] == [40, 20]
    assert len(week.slots) == 7
    assert week.ratio.word == "clear"
    assert week.negative is not None
    assert week.negative.word == "clear"
    assert {line.value: line.word for line in week.lines["topic"]} == {"environment": "clear", "culture": "clear"}
    assert {line.word for line in week.lines["source"]} == {"unclear"}


def test_two_queries_of_one_time(desk: tuple[TestClient, SearchEngine]) -> None:
    _, engine = desk
    week = SearchAddress(from_="2026-11-14", to="2026-11-20")
    two = compare(engine, week.changed(q="triều"), week.changed(q="triều OR đèn"), TEXTS)
    assert two.by_calendar
    assert two.both == 40
    assert [side.total for side in two.sides] == [40, 46]
    assert two.slots[0].names[0] == two.slots[0].names[1]


def test_open_ends_are_looked_at_for_as_long_on_both_sides(desk: tuple[TestClient, SearchEngine]) -> None:
    _, engine = desk
    two = compare(engine, SearchAddress(q="triều"), SearchAddress(q="đèn"), TEXTS)
    assert two.sides[0].begin == two.sides[1].begin
    assert two.sides[0].end == two.sides[1].end == NOW


def test_a_side_without_articles(desk: tuple[TestClient, SearchEngine]) -> None:
    client, engine = desk
    two = compare(engine, SearchAddress(q="triều"), SearchAddress(q="khôngcótừnày"), TEXTS)
    assert two.ratio.value is None
    assert two.negative is None
    assert "không tính được tỷ số" in soup(client, "/compare?a.q=tri%E1%BB%81u&b.q=kh%C3%B4ngc%C3%B3").get_text()
    assert "không có bài nào" in soup(client, "/compare?a.q=xyzxyz&b.q=zyxzyx").get_text()


def test_the_address_keeps_the_comparison(desk: tuple[TestClient, SearchEngine]) -> None:
    one = SearchAddress(q="a b", from_="2026-11-01", to="2026-11-02", topic=("health", "trade"), copies=True, sort="time", after="x")
    other = SearchAddress(q="c", place=("Đồng Tháp",), story="s")
    params = QueryParams(one.compare_href(other).partition("?")[2])
    assert SearchAddress.parse_side(params, "a") == (one.changed(sort=""), {})
    assert SearchAddress.parse_side(params, "b") == (other, {})


def test_the_form_keeps_filters_and_offers_the_period_before(desk: tuple[TestClient, SearchEngine]) -> None:
    client, _ = desk
    page = soup(client, "/compare?a.q=tri%E1%BB%81u&a.topic=environment&a.from=2026-11-14&a.to=2026-11-20")
    assert page.select_one(".compared") is None
    assert page.select_one('input[name="a.topic"]')["value"] == "environment"  # type: ignore[index]
    before = next(link for link in page.select(".actions a") if "kỳ liền trước" in link.get_text())
    assert "b.from=2026-11-07&b.to=2026-11-13" in str(before["href"])
    assert "b.topic=environment" in str(before["href"])
    assert soup(client, str(before["href"])).select_one(".compared") is not None
    undated = soup(client, "/compare?a.q=tri%E1%BB%81u")
    href = next(str(link["href"]) for link in undated.select(".actions a"))
    assert "a.from=2026-11-14&a.to=2026-11-20" in href
    assert "b.from=2026-11-07&b.to=2026-11-13" in href


@pytest.mark.parametrize(("side", "more"), [("a", 'a.q="l&b.q=b'), ("b", 'a.q=b&b.q="l')], ids=["a", "b"])
def test_a_mistake_is_shown_on_its_side(desk: tuple[TestClient, SearchEngine], side: str, more: str) -> None:
    page = soup(desk[0], f"/compare?{more}", 422)
    assert page.select_one(f"#mistake-{side} .wrong").get_text() == '"'  # type: ignore[union-attr]
    assert len(page.select("[id^=mistake-]")) == 1
    assert "không phải ngày" in soup(desk[0], "/compare?a.q=x&b.from=gestern", 422).get_text()


def test_what_people_type_is_escaped(desk: tuple[TestClient, SearchEngine]) -> None:
    text = desk[0].get("/compare", params={"a.q": "<script>x</script>", "b.q": "<img src=x onerror=x>", "b.place": "<b>"}).text
    assert "<script>x" not in text
    assert "<img" not in text


def test_intervals_are_those_of_the_literature() -> None:
    # Newcombe (1998), tables II a and e: 56/70 - 48/80 and 5/56 - 0/29, method 10.
    one, other = difference_of((56, 70), (48, 80)), difference_of((5, 56), (0, 29))
    assert one is not None
    assert other is not None
    assert [round(value, 4) for value in (one.value, one.low, one.high)] == [0.2, 0.0524, 0.3339]
    assert [round(value, 4) for value in (other.value, other.low, other.high)] == [0.0893, -0.0381, 0.1926]
    assert difference_of((0, 0), (1, 2)) is None
    found = ratio_of((41, 28010 / 1000), (15, 19017 / 1000))  # Rothman & Greenland: breast cancer after fluoroscopy, 1.86 (1.03-3.36 mid-P)
    assert round(found.value or 0, 2) == 1.86
    assert 0.95 < found.low < 1.06
    assert 3.3 < (found.high or 0) < 3.7
    assert ratio_of((0, 1.0), (0, 1.0)).word == "few"
    assert ratio_of((9, 1.0), (0, 1.0)).high is None


def test_chance_alone_is_seldom_called_clear() -> None:
    rng = random.Random(7)
    called = 0
    for _ in range(200):
        # both sides drawn from the same press: no difference is real
        counts = [tuple(sum(rng.random() < rate for _ in range(100)) for _ in (0, 1)) for rate in (0.05, 0.1, 0.2, 0.3, 0.5)]
        called += "clear" in words_of([(one, other) for one, other in counts], (100, 100))
    assert called <= 20  # 5 % of 200, with room for luck
    assert words_of([(80, 20), (3, 1)], (100, 100)) == ["clear", "few"]
    assert words_of([(8000, 2000), (3000, 3050)], (10_000, 10_000)) == ["clear", "unclear"]
    assert words_of([(5, 5)], (5, 0)) == ["few"]
