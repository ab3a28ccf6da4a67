"""What the embedded engine packs for counting follows every write: across parts, over changes, and after erasing."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from diembao.article import Article
from diembao.engine import Filters, SearchRequest
from index import columns
from index.sqlite_engine import SqliteEngine

_NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _article(number: int, source: str) -> Article:
    return Article.model_validate(
        {"id": f"a{number}", "url": f"https://bao.example/{number}", "title": "lũ", "source": source, "published_at": _NOW}
    )


def test_entries_come_back_in_the_order_asked_for_across_parts() -> None:
    connection = sqlite3.connect(":memory:")
    for statement in columns.SCHEMA.split(";\n"):
        connection.execute(statement)
    numbers = [1, 5, 1023, 1024, 5000]
    values = ("", "negative", "", "Hà Nội\nHuế", "bao", "newspaper")
    columns.write(connection, {at: columns.Entry(at, f"a{at}", None, f"a{at}", values, at == 5, False) for at in numbers})
    found = columns.read(connection, np.array(numbers))
    assert found["published"].tolist() == numbers
    assert found["flags"].tolist() == [0, columns.IRRELEVANT_FLAG, 0, 0, 0]
    codes = found["values"][4].tolist()
    assert [columns.values_of(connection, codes)[code] for code in codes] == list(values)
    columns.forget(connection, [5])
    assert columns.read(connection, np.array([1, 5]))["published"].tolist() == [1, 0]


def test_facets_follow_changes_and_erasure(tmp_path: Path) -> None:
    chance = random.Random(3)
    engine = SqliteEngine(tmp_path / "index.sqlite")
    sources = {number: f"bao{chance.randrange(5)}" for number in range(2500)}
    engine.upsert(_article(number, source) for number, source in sources.items())
    changed = dict.fromkeys(chance.sample(range(2500), 40), "other")
    engine.upsert(_article(number, source) for number, source in changed.items())
    erased = chance.sample(range(2500), 30)
    engine.delete([f"a{number}" for number in erased])
    left = {number: source for number, source in (sources | changed).items() if number not in erased}
    for _ in range(2):
        result = engine.search(SearchRequest("lũ"))
        assert {entry.value: entry.count for entry in result.facets["source"]} == Counter(left.values())
        assert sum(bucket.total for bucket in engine.count("lũ", Filters(), "day")) == len(left)
        engine.rebuild()
    engine.close()
