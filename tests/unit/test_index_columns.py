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
from index.document import TEXT_COLUMNS
from index.sqlite_engine import SqliteEngine

_NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _article(number: int, source: str) -> Article:
    return Article.model_validate(
        {"id": f"a{number}", "url": f"https://bao.example/{number}", "title": "lũ", "source": source, "published_at": _NOW}
    )


def _packed() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for statement in columns.SCHEMA.split(";\n"):
        connection.execute(statement)
    return connection


def _entry(at: int, copy_of: str | None = None) -> columns.Entry:
    values = ("", "negative", "", "Hà Nội\nHuế", "bao", "newspaper")
    words = dict.fromkeys(TEXT_COLUMNS, 0) | {"title": at, "tag": 3}
    return columns.Entry(at, f"a{at}", copy_of, f"a{at}", values, at == 5, False, words)


def test_entries_stand_at_the_numbers_of_their_rows_across_parts() -> None:
    connection = _packed()
    numbers = [1, 5, 1023, 1024, 5000]
    columns.write(connection, {at: _entry(at, "a5" if at == 1024 else "elsewhere" if at == 1 else None) for at in numbers})
    found = columns.read(connection)
    assert np.flatnonzero(found.live).tolist() == numbers
    assert found.published[numbers].tolist() == found.words[numbers].tolist() == numbers
    assert np.flatnonzero(found.irrelevant).tolist() == [5]
    assert np.flatnonzero(found.has_text("tag")).tolist() == numbers
    assert not found.has_text("body").any()
    assert {at: found.origin_rows[at] for at in numbers if found.origin_rows[at] >= 0} == {1024: 5}
    codes = found.values[:, 1024].tolist()
    assert [columns.values_of(connection, codes)[code] for code in codes] == list(_entry(1).values)


def test_reading_again_gives_what_was_written_since_and_leaves_the_earlier_moment_as_it_was() -> None:
    connection = _packed()
    columns.write(connection, {at: _entry(at) for at in (1, 3000)})
    before = columns.read(connection)
    assert columns.read(connection, before) is before
    columns.forget(connection, [1])
    columns.write(connection, {7000: _entry(7000)})
    after = columns.read(connection, before)
    assert np.flatnonzero(after.live).tolist() == [3000, 7000]
    assert np.flatnonzero(before.live).tolist() == [1, 3000]
    assert after.written_since(before.written).tolist() == [1, 7000]
    whole = columns.read(connection)
    assert (whole.published == after.published).all()


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
