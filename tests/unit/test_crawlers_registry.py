"""Entries of the registry: how they are changed, and what an inspection makes of them."""

from __future__ import annotations

import tomllib
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.entries import with_listing, without_listings, write_entry
from crawlers.inspection import Completion, Entrance, Inspection, Sample, completion, guess_pattern, names_province, problems_of
from crawlers.registry import complete, new_entry, outlet_at
from diembao.config_file import with_values
from diembao.errors import ConfigError, DiembaoError
from diembao.source import Source, read_source

TODAY = date(2026, 11, 23)
NOW = "2026-11-22T07:00:00+00:00"

TEXT = """# Đầu tệp, có [ngoặc] và = dấu bằng
name = "Báo # Mẫu"  # tên
domain = "bao.vn"
feeds = [
    "https://bao.vn/cu.rss",   # bỏ được
]
note = '''
nhiều dòng
enabled = true
'''

# trước bảng
[[listings]]
url = "https://bao.vn/mot"  # mục một

[[listings]]
url = "https://bao.vn/hai"

[[layout]]
body = "div[data-x='listings']"
"""


def test_a_value_is_exchanged_and_everything_else_stays() -> None:
    changed = with_values(TEXT, {"feeds": ["https://bao.vn/moi.rss"], "enabled": True, "checked": TODAY})
    assert tomllib.loads(changed) == {**tomllib.loads(TEXT), "feeds": ["https://bao.vn/moi.rss"], "enabled": True, "checked": TODAY}
    gone = set(TEXT.splitlines()) - set(changed.splitlines())
    assert gone == {'    "https://bao.vn/cu.rss",   # bỏ được'}
    assert changed.index("checked") < changed.index("[[listings]]")


@pytest.mark.parametrize("text", ["", "a = 1", "a = 1\n\n\n", "# nur\n", "[t]\nb = 2\n", "\n[t]\n", "a = 1 # x\n[t.u]\nb = [\n1,\n]\n"])
def test_a_value_is_added_wherever_there_is_room(text: str) -> None:
    assert tomllib.loads(with_values(text, {"checked": TODAY})) == {**tomllib.loads(text), "checked": TODAY}


def test_listings_are_taken_out_and_added() -> None:
    without = without_listings(TEXT, {"https://bao.vn/mot"})
    assert [listing["url"] for listing in tomllib.loads(without)["listings"]] == ["https://bao.vn/hai"]
    assert "# trước bảng" in without
    assert tomllib.loads(without)["layout"] == tomllib.loads(TEXT)["layout"]
    both = with_listing(without, "https://bao.vn/ba")
    assert [listing["url"] for listing in tomllib.loads(both)["listings"]] == ["https://bao.vn/hai", "https://bao.vn/ba"]


def test_what_is_no_toml_is_not_touched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be changed"):
        with_values("name = ", {"enabled": True})
    path = tmp_path / "bao.toml"
    path.write_text('name = "x"\n')
    with pytest.raises(ConfigError):
        write_entry(path, 'name = "y"\n')
    assert path.read_text() == 'name = "x"\n'
    assert [file.name for file in tmp_path.iterdir()] == ["bao.toml"]


VALUES = st.one_of(
    st.booleans(), st.integers(-9, 9), st.text(max_size=20), st.lists(st.text(max_size=9), max_size=3), st.dates(date(2000, 1, 1))
)
KEYS = st.text(alphabet="abcdefgh_", min_size=1, max_size=6)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5), st.dictionaries(KEYS, VALUES, max_size=3), st.booleans())
def test_any_entry_can_be_changed(before: dict[str, Any], values: dict[str, Any], table: bool) -> None:
    import tomli_w

    text = "# đầu\n" + tomli_w.dumps(before) + ("\n[[zz]]\nx = 1\n" if table else "")
    assert tomllib.loads(with_values(text, values)) == {**tomllib.loads(text), **values}


def source(**fields: Any) -> Source:
    return Source.model_validate(
        {"id": "bao", "name": "Báo", "domain": "bao.vn", "homepage": "https://bao.vn/", "enabled": False, **fields}
    )


def sample(number: int = 1, **fields: Any) -> Sample:
    values: dict[str, Any] = {
        "url": f"https://bao.vn/lu-a{number}.html",
        "filled": ["title", "body"],
        "published": NOW,
        "body": 900,
        "local": True,
    }
    return Sample(**(values | fields))


def feed(url: str = "https://bao.vn/tin.rss", **fields: Any) -> Entrance:
    values: dict[str, Any] = {"known": False, "links": 9, "newest": "2026-11-22"}
    return Entrance("feed", url, **(values | fields))


def seen(*entrances: Entrance, samples: int = 4, **fields: Any) -> Inspection:
    return Inspection("bao", entrances=list(entrances), samples=[sample(number) for number in range(samples)], **fields)


def test_an_outlet_that_works_has_no_problem() -> None:
    assert problems_of(source(province="Đồng Tháp", coverage={"title": 1.0}), seen(feed()), TODAY) == []


@pytest.mark.parametrize(
    ("entry", "found", "problem"),
    [
        ({}, seen(), "nothing leads to articles: no feed"),
        ({}, seen(feed(problem="not_found: HTTP 404", links=0, known=True)), "feed https://bao.vn/tin.rss: not_found"),
        ({}, seen(feed(), samples=0), "0 of 0 pages could be read"),
        ({}, Inspection("bao", entrances=[feed()], samples=[sample(), *[sample(n, problem="too_short") for n in (2, 3)]]), "1 of 3 pages"),
        ({}, Inspection("bao", entrances=[feed()], samples=[sample(n, published="") for n in range(4)]), "0 of 4 articles have a date"),
        ({"coverage": {"authors": 0.5}}, seen(feed()), "authors is filled in 0% of 4 articles, expected 50%"),
        (
            {"checked": TODAY},
            seen(feed(), feed("https://bao.vn/x.rss", known=True, problem="timeout", links=0)),
            "x.rss worked on 2026-11-23",
        ),
        ({}, seen(feed(), moved_to="https://khac.vn/"), "another site now: https://khac.vn/"),
    ],
)
def test_what_is_wrong_is_said(entry: dict[str, Any], found: Inspection, problem: str) -> None:
    told = problems_of(source(**entry), found, TODAY)
    assert len(told) == 1
    assert problem in told[0]


def test_what_is_wrong_with_the_whole_host_is_said_once() -> None:
    dead = [feed(f"https://bao.vn/{n}.rss", known=True, links=0, problem="network_error: no such host") for n in range(3)]
    (told,) = problems_of(source(), Inspection("bao", entrances=dead, problems=["bao.vn: network_error: no such host"]), TODAY)
    assert told == "nothing leads to articles: bao.vn: network_error: no such host"
    (told,) = problems_of(source(), Inspection("bao", entrances=dead), TODAY)
    assert told == "nothing leads to articles: feed https://bao.vn/0.rss and 2 more: network_error: no such host"


def test_a_provincial_outlet_names_its_province_old_or_new() -> None:
    foreign = Inspection("bao", entrances=[feed()], samples=[sample(n, local=False) for n in range(4)])
    (told,) = problems_of(source(province="Đồng Tháp", former_province="Tiền Giang"), foreign, TODAY)
    assert "none of 4 articles names Đồng Tháp or Tiền Giang" in told
    assert problems_of(source(), foreign, TODAY) == []
    few = Inspection("bao", entrances=[feed()], samples=[sample(n, local=False) for n in range(2)])
    assert problems_of(source(province="Đồng Tháp"), few, TODAY) == []


def test_a_silent_outlet_is_asked_about() -> None:
    old = Inspection(
        "bao", entrances=[feed(newest="2026-10-01")], samples=[sample(n, published="2026-10-01T00:00:00+00:00") for n in range(3)]
    )
    assert "nothing newer than 2026-10-01" in problems_of(source(), old, TODAY)[0]
    undated = Inspection("bao", entrances=[feed(newest="")], samples=[sample(n) for n in range(3)])
    assert problems_of(source(), undated, TODAY) == []


@pytest.mark.parametrize(
    ("text", "names", "named"),
    [
        ("Tin từ Thanh Hoá", ["Thanh Hóa"], True),
        ("TỈNH ĐỒNG THÁP", ["Đồng Tháp"], True),
        (unicodedata.normalize("NFD", "Ở Đà Nẵng"), ["Đà Nẵng"], True),
        ("Giá thuê nhà", ["Huế"], False),
        ("hoa huệ", [None], False),
    ],
)
def test_the_name_of_a_province_in_any_spelling(text: str, names: list[str | None], named: bool) -> None:
    assert names_province(text, names) is named


def test_the_form_of_addresses_is_guessed_from_articles_that_share_one() -> None:
    articles = [f"https://bao.vn/xa-hoi/lu-so-{number}-post{number}00.html" for number in range(1, 5)]
    assert guess_pattern(articles) == r"-post\d+\.\w{3,4}$"
    assert guess_pattern(articles[:2]) == ""
    assert guess_pattern([*articles, "https://bao.vn/lien-he"]) == ""
    assert guess_pattern(articles, [f"https://bao.vn/muc-post{n}.html" for n in range(3)]) == ""


def test_what_an_entry_gets() -> None:
    pages = [
        feed("https://bao.vn/a.rss", links=3),
        feed("https://bao.vn/b.rss", links=30),
        feed("https://bao.vn/c.rss", links=0, problem="is empty"),
    ]
    found = seen(
        *pages, Entrance("sitemap", "https://bao.vn/sitemap.xml", False, 500), Entrance("sitemap", "https://bao.vn/news.xml", False, 9)
    )
    done = completion(source(), found, TODAY)
    assert done.values == {
        "feeds": ["https://bao.vn/b.rss", "https://bao.vn/a.rss"],
        "sitemaps": ["https://bao.vn/news.xml"],
        "article_pattern": r"-a\d+\.html?$",
        "checked": TODAY,
    }
    listed = seen(front_links=[f"https://bao.vn/tin-a{n}.html" for n in range(9)])
    assert completion(source(), listed, TODAY).listing == "https://bao.vn/"
    assert problems_of(source(), listed, TODAY) == []


def test_what_a_person_wrote_stays_once_it_worked() -> None:
    mine = source(feeds=["https://bao.vn/tin.rss", "https://bao.vn/hai.rss"], article_pattern="x", checked=TODAY)
    found = seen(
        feed(known=True), feed("https://bao.vn/hai.rss", known=True, problem="timeout", links=0), feed("https://bao.vn/nhieu.rss", links=99)
    )
    assert completion(mine, found, TODAY) == Completion({"checked": TODAY})
    never = mine.model_copy(update={"checked": None})
    assert completion(never, found, TODAY).values["feeds"] == ["https://bao.vn/tin.rss"]


def test_an_entry_is_completed_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "bao.toml"
    path.write_text('name = "Báo"  # giữ lại\ndomain = "bao.vn"\nenabled = false\n\n[[layout]]\nbody = "div.noi-dung"\n', encoding="utf-8")
    told = complete(path, read_source(path), seen(feed()), TODAY, enable=True)
    assert told == ["feeds: https://bao.vn/tin.rss", r"article_pattern: -a\d+\.html?$", "switched on"]
    after = read_source(path)
    assert (after.enabled, after.checked, after.layout[0].body) == (True, TODAY, "div.noi-dung")
    assert "# giữ lại" in path.read_text(encoding="utf-8")


def test_a_new_entry_never_overwrites(tmp_path: Path) -> None:
    outlet = outlet_at("https://www.bao.vn/x", 2.0).model_copy(update={"province": "Đồng Tháp"})
    path = new_entry(tmp_path, outlet, seen(feed(), name='Báo "Mẫu"'), "bao", TODAY)
    made = read_source(path)
    assert (made.name, made.domain, made.delay, made.province, made.enabled) == ('Báo "Mẫu"', "bao.vn", 2.0, "Đồng Tháp", True)
    with pytest.raises(DiembaoError, match="is there already"):
        new_entry(tmp_path, outlet, seen(feed()), "bao", TODAY)


def test_an_inspection_goes_through_json() -> None:
    found = seen(feed(), name="Báo", problems=["chậm"])
    assert Inspection.from_record(found.to_record()) == found
