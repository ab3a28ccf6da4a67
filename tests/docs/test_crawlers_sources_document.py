"""docs/sources.md and the shipped entries say the same as the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from crawlers import settings
from diembao.source import Source, choose_sources, read_sources

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
    assert len(SHIPPED) >= 11
    assert choose_sources(SHIPPED, []) == []
    assert [source.id for source in SHIPPED.values() if not source.evidence] == []


def test_no_two_entries_are_the_same_outlet() -> None:
    domains = [source.domain for source in SHIPPED.values()]
    assert len(set(domains)) == len(domains)
