"""The map of a search: every number is what its link finds, old names count for the wards of today, both archipelagos are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup, Tag
from fastapi.testclient import TestClient

from diembao.article import Article, Place, Sentiment
from nlp.gazetteer import Unit, gazetteer
from tests.browser.press import HOSTILE_TITLE, NOW, press
from web.searching.geography import FEWEST, colour_of, count_steps, picture, share_steps, units_of


def unit(code: str) -> Unit:
    return next(unit for found in gazetteer().by_key.values() for unit in found if unit.code == code)


NEW, OLD = "30034", "87cu/huyen-tam-nong/xa-phu-thanh-a"
"""Xã Phú Thọ of today, and a commune that was merged into it."""
DISTRICT = "87cu/huyen-tam-nong"


def article(number: int, *codes: str, tone: str = "neutral", copy_of: str | None = None) -> Article:
    places: list[Place] = [gazetteer().place(unit(code)) for code in codes]
    return Article(
        id=f"ward{number}",
        url=f"https://songtien.example/xa/{number}",
        source="songtien",
        title=f"Chuyện làng số {number}",
        body="Một bài về xã. " * 5,
        published_at=NOW - timedelta(hours=number),
        first_seen_at=NOW - timedelta(hours=number),
        sentiment=Sentiment.model_validate({"label": tone, "scores": {}}),
        places=places,
        copy_of=copy_of,
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with press(tmp_path_factory.mktemp("press")) as (app, engine, _):
        refused = engine.upsert(
            [
                article(1, NEW, tone="negative"),
                article(2, OLD),
                article(3, NEW, OLD, tone="negative"),
                article(4, DISTRICT),
                article(5, NEW, copy_of="ward1"),
                *(article(number, "48" if number % 2 else "56", tone="negative") for number in range(10, 22)),
            ]
        )
        assert refused == {}
        yield TestClient(app, base_url="http://127.0.0.1")


def soup(client: TestClient, path: str) -> BeautifulSoup:
    answer = client.get(path)
    assert answer.status_code == 200
    return BeautifulSoup(answer.text, "lxml")


def found(client: TestClient, href: str) -> int:
    heading = soup(client, href).select_one(".summary h2")
    assert heading is not None
    number = re.match(r"[\d.]+", heading.get_text())
    return int(number.group().replace(".", "")) if number else 0


def number(cell: Tag) -> int:
    return int(cell.get_text(strip=True).replace(".", ""))


def test_every_province_is_drawn_and_both_archipelagos() -> None:
    assert set(picture().outlines) == set(gazetteer().provinces)
    assert len(picture().outlines) == 34
    assert {code: text for code, _, _, text in picture().labels} == {"48": "Quần đảo Hoàng Sa", "56": "Quần đảo Trường Sa"}
    # Hoàng Sa lies east of Đà Nẵng, Trường Sa far to the south-east of Khánh Hòa, both inside the picture.
    for code, least in (("48", 10), ("56", 20)):
        islands = picture().outlines[code].islands
        assert len(islands) >= least
        assert all(0 < x < picture().width and 0 < y < picture().height for x, y in islands)
        assert min(x for x, _ in islands) > picture().width / 2
    assert "Natural Earth" in picture().credit
    assert all(re.fullmatch(r"(M\d+ \d+l[-\d ]+z)+", outline.path) for outline in picture().outlines.values())


def test_the_page_names_the_archipelagos_and_their_provinces(client: TestClient) -> None:
    page = soup(client, "/map")
    drawing = page.select_one(".map svg")
    assert drawing is not None
    assert "Hoàng Sa" in str(drawing["aria-label"])
    assert "Trường Sa" in str(drawing["aria-label"])
    assert [text.get_text() for text in drawing.select("text")] == ["Quần đảo Hoàng Sa", "Quần đảo Trường Sa"]
    of_da_nang = next(link for link in drawing.select("a") if str(link["aria-label"]).startswith("Đà Nẵng:"))
    assert len(of_da_nang.select("circle")) >= 10
    assert "c0" not in of_da_nang["class"]  # coloured like the province


@pytest.mark.parametrize(
    "search",
    [
        "",
        "q=s%E1%BA%A1t+l%E1%BB%9F",
        "sentiment=negative",
        "copies=1",
        "source=songtien&from=2026-11-10",
        "sentiment=positive",
        "place=C%E1%BA%A7n+Th%C6%A1",
    ],
)
def test_each_number_is_what_its_link_finds(client: TestClient, search: str) -> None:
    page = soup(client, f"/map?{search}")
    rows = page.select(".provinces tbody tr")
    assert len(rows) == 34
    for row in rows[:4]:
        link, cells = row.select_one("th a"), row.select("td")
        assert link is not None
        assert number(cells[0]) == found(client, str(link["href"]))
        if number(cells[1]):
            assert number(cells[1]) == found(client, str(link["href"]).replace("&sentiment=negative", "") + "&sentiment=negative")
    drawn = {str(link["href"]): str(link["aria-label"]) for link in page.select(".map svg a")}
    assert len(drawn) == 34
    assert all(str(row.select_one("th a")["href"]) in drawn for row in rows)  # type: ignore[index]


def test_a_chosen_province_leaves_the_numbers_of_the_others(client: TestClient) -> None:
    def numbers(path: str) -> list[list[str]]:
        return [
            [cell.get_text(strip=True) for cell in row.select("th, td")[:4]] for row in soup(client, path).select(".provinces tbody tr")
        ]

    assert numbers("/map?place=C%E1%BA%A7n+Th%C6%A1") == numbers("/map")


def test_wards_count_under_old_and_new_names(client: TestClient) -> None:
    page = soup(client, "/map?place=%C4%90%E1%BB%93ng+Th%C3%A1p")
    rows = {row.select_one("a").get_text(): row for row in page.select(".wards tbody tr")}  # type: ignore[union-attr]
    ward = rows["Xã Phú Thọ"]
    assert "Xã Phú Thành A, Huyện Tam Nông" in ward.select("td")[0].get_text()
    assert [number(cell) for cell in ward.select("td")[1:]] == [4, 2]
    assert found(client, str(ward.select_one("a")["href"])) == 4  # type: ignore[index]
    assert "30/6/2025" in rows["Huyện Tam Nông"].get_text()
    assert number(rows["Huyện Tam Nông"].select("td")[1]) == 1
    unnamed = [entry.get_text() for entry in page.select(".unnamed li")]
    assert len(unnamed) == 101
    assert not any(entry.startswith("Xã Phú Thọ") for entry in unnamed)


def test_every_former_commune_counts_for_one_row() -> None:
    for province in gazetteer().provinces.values():
        units = units_of(province.short)
        rows = {one.code for one in (*units.today, *units.districts)}
        assert set(units.belongs.values()) <= rows
        assert len(units.today) > 10
        merged = sum(1 for row in units.codes.values() if len(row) > 1)
        assert merged > 0, province.name
    with pytest.raises(KeyError):
        units_of("Tiền Giang")


def test_a_province_that_there_is_not_shows_no_wards(client: TestClient) -> None:
    assert not soup(client, "/map?place=Atlantis").select("#wards")
    assert not soup(client, "/map?place=82").select("#wards")


def test_a_mistake_in_the_query_is_shown_at_its_place(client: TestClient) -> None:
    answer = client.get('/map?q="a')
    assert answer.status_code == 422
    assert "ngoặc kép" in answer.text
    assert client.get("/map?from=gestern").status_code == 422


def test_what_people_type_is_escaped(client: TestClient) -> None:
    text = client.get("/map", params={"q": HOSTILE_TITLE.replace('"', ""), "place": "<script>x</script>"}).text
    assert "<script>window" not in text
    assert "<script>x" not in text


def test_colours() -> None:
    assert [(step.low, step.high) for step in count_steps([3, 1])] == [(1, 1), (2, 2), (3, 3)]
    assert count_steps([]) == []
    steps = count_steps([10_000, 3])
    assert [step.low for step in steps[1:]] == [int(step.high or 0) + 1 for step in steps[:-1]]
    assert (colour_of(1, steps), colour_of(10_000, steps)) == (1, 5)
    assert [colour_of(share, share_steps()) for share in (0, 0.1, 0.29, 0.5, 1)] == [1, 2, 3, 5, 5]


def test_a_share_of_few_articles_has_no_colour(client: TestClient) -> None:
    page = soup(client, "/map?by=negative")
    for link in page.select(".map svg a"):
        total = int(re.search(r": ([\d.]+) bài", str(link["aria-label"])).group(1).replace(".", ""))  # type: ignore[union-attr]
        assert ("c0" in link["class"]) == (total < FEWEST)
