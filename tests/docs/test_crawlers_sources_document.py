"""docs/sources.md and the shipped entries say the same as the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from crawlers import settings
from diembao.source import Source, choose_sources, predecessors, read_sources
from nlp.gazetteer import gazetteer, name_key

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = (PROJECT / "docs" / "sources.md").read_text(encoding="utf-8")
SHIPPED = read_sources(PROJECT / "config" / "sources")


@pytest.mark.parametrize("field", sorted(set(Source.model_fields) - {"id", "layout", "listings"}))
def test_every_field_of_an_entry_is_explained(field: str) -> None:
    assert re.search(rf"^\|[^|]*`{field}`", DOCUMENT, re.MULTILINE)


def test_the_example_is_an_entry() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    source = Source.model_validate({**tomllib.loads(example), "id": "mau"})
    assert source.enabled
    assert len(example.splitlines()) == 6


def test_the_limits_are_those_of_the_settings() -> None:
    said = [
        f"{settings.DOWNLOAD_TIMEOUT} s and {settings.DOWNLOAD_MAXSIZE >> 20} MB a page",
        f"{settings.DIEMBAO_ENTRANCE_MAXSIZE >> 20} MB a feed, {settings.DIEMBAO_SITEMAP_MAXSIZE >> 20} MB a sitemap",
        f"{settings.REDIRECT_MAX_TIMES} redirects",
        f"{settings.DIEMBAO_LINKS_MAX:,} links",
        f"up to {settings.DIEMBAO_CRAWL_DELAY_MAX:g} s",
    ]
    assert [limit for limit in said if limit not in DOCUMENT] == []


def test_as_shipped_nothing_is_crawled_and_every_entry_says_where_it_comes_from() -> None:
    assert len(SHIPPED) >= 60
    assert choose_sources(SHIPPED, []) == []
    assert [source.id for source in SHIPPED.values() if not source.evidence or not source.homepage or not source.medium] == []
    assert [source.id for source in SHIPPED.values() if source.checked] == []


def test_no_two_entries_are_the_same_outlet() -> None:
    domains = [source.domain for source in SHIPPED.values()]
    assert len(set(domains)) == len(domains)


def test_every_entry_lies_in_a_province_of_today_and_every_province_has_an_outlet_of_its_own() -> None:
    today = {unit.short for unit in gazetteer().provinces.values()}
    assert len(today) == 34
    assert {source.province for source in SHIPPED.values() if source.province} <= today
    lasting = {source.province for source in SHIPPED.values() if source.medium == "newspaper and broadcaster" and not source.became}
    # Hồ Chí Minh keeps its newspapers apart from its broadcaster.
    assert today - lasting == {"Hồ Chí Minh"}
    assert SHIPPED["sggp"].province == "Hồ Chí Minh"


@pytest.mark.parametrize("source", [source for source in SHIPPED.values() if source.former_province], ids=lambda source: source.id)
def test_a_former_province_is_part_of_the_one_of_today(source: Source) -> None:
    units = gazetteer().by_key[name_key(source.former_province or "")]
    codes = {unit.province for unit in units if unit.level == "province"}
    assert source.province in {gazetteer().province_name(code) for code in codes}
    assert source.former_province != source.province


def test_what_became_of_an_outlet_is_an_entry_that_goes_on() -> None:
    for source in SHIPPED.values():
        if source.became:
            assert source.became in SHIPPED, source.id
            assert SHIPPED[source.became].became == "", source.id
            assert source.became_on is None or source.became_on.year >= 2025
    assert predecessors(SHIPPED)["baodongthap"] == ["baoapbac", "thtg"]
    assert len(predecessors(SHIPPED)["baovinhlong"]) == 2
