"""Saved pages: each field of each case is one test."""

from __future__ import annotations

import gzip
import json
import unicodedata
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from crawlers.extraction import Extracted, extract
from diembao.clock import to_utc

FOLDER = Path(__file__).parent
CASES = sorted(path.parent for path in FOLDER.glob("*/*/case.json"))
FIELDS = (
    "title", "lead", "body", "not_body", "authors", "published_at", "published_precision", "modified_at", "credited_source",
    "section", "images", "canonical_url", "kind", "extractor",
)  # fmt: skip


@lru_cache
def read_case(folder: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return case


@lru_cache
def run(folder: Path) -> Extracted:
    return extract(gzip.decompress((folder / "page.html.gz").read_bytes()), read_case(folder)["url"])


def name(folder: Path) -> str:
    return folder.relative_to(FOLDER).as_posix()


EXPECTED = [(folder, field) for folder in CASES for field in FIELDS if field in read_case(folder)]


def test_there_are_cases() -> None:
    assert len(CASES) >= 15


@pytest.mark.parametrize("folder", CASES, ids=name)
def test_case_says_why_and_was_reviewed(folder: Path) -> None:
    assert read_case(folder)["why"]
    assert read_case(folder)["reviewed"]


@pytest.mark.parametrize("folder", CASES, ids=name)
def test_problem(folder: Path) -> None:
    found = run(folder)
    assert (str(found.problem) if found.problem else None) == read_case(folder)["problem"], found.detail


@pytest.mark.parametrize(("folder", "field"), EXPECTED, ids=[f"{name(folder)}-{field}" for folder, field in EXPECTED])
def test_field(folder: Path, field: str) -> None:
    case, article = read_case(folder), run(folder).article
    expected = case[field]
    if field == "not_body":
        assert [sentence for sentence in expected if sentence in article.body] == []
        return
    if case["problem"] == "not_article" and expected is None:
        return
    found: Any = getattr(article, field)
    if field in ("published_at", "modified_at"):
        moment = to_utc(datetime.fromisoformat(expected)) if expected else None
        found = found.replace(second=0) if found else None
        assert found == moment
    elif field == "credited_source":
        assert (found.name if found else None) == expected
    elif field == "kind" and expected is None:
        assert found == "newspaper"
    else:
        assert found == expected


@pytest.mark.parametrize("folder", CASES, ids=name)
def test_text_is_nfc_and_folded(folder: Path) -> None:
    article = run(folder).article
    for text in (article.title, article.lead, article.body, *article.authors, article.section):
        assert unicodedata.is_normalized("NFC", text)
        assert not any(line != " ".join(line.split()) for line in text.split("\n"))
