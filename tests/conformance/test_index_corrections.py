"""Corrections by staff over both engines: at once in searches, through a new revision and a rebuild, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diembao.article import Article
from diembao.engine import Filters, SearchRequest
from diembao.state import State
from index.corrections import correct, undo
from index.ingest import ingest
from index.opening import RebuildableEngine
from tests.conformance.engines import empty_engine

__all__ = ["empty_engine"]

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


def article(name: str, hour: int = 0, body: str = "Nước sông lên nhanh.", **fields: object) -> Article:
    given = {"id": name, "title": f"Lũ ở {name}", "body": body, "sentiment": {"label": "neutral"}, "story_id": name}
    return Article.model_validate(given | {"published_at": NOW, "fetched_at": NOW + timedelta(hours=hour)} | fields)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield made
    made.close()


def test_a_correction_holds_in_both_engines(empty_engine: RebuildableEngine, state: State) -> None:
    def found(filters: Filters, fold: bool = False) -> set[str]:
        request = SearchRequest("lũ", filters, fold_copies=fold, limit=100)
        return {hit.article.id for hit in empty_engine.search(request).hits}

    ingest(empty_engine, state, [article("a"), article("b"), article("c"), article("d", copy_of="a", similarity=0.9, story_id="a")])
    rows = [
        correct(state, empty_engine, name, field, value, NOW + timedelta(minutes=place))
        for place, (name, field, value) in enumerate(
            [("b", "sentiment", "negative"), ("a", "copy_of", {"is": "b"}), ("c", "story_id", {"with": "a"}), ("c", "relevant", False)]
        )
    ]

    def as_corrected() -> None:
        assert found(Filters(sentiments=("negative",))) == {"b"}
        assert found(Filters(copy_of="b")) == {"a", "d"}
        assert found(Filters(), fold=True) == {"b"}
        assert found(Filters(story_id="b", irrelevant=True)) >= {"a", "b", "c"}
        assert found(Filters()) == {"a", "b", "d"}

    as_corrected()
    ingest(empty_engine, state, [article("b", 1, "Nước sông lên rất nhanh."), article("d", 1, copy_of="a", similarity=0.9, story_id="a")])
    as_corrected()
    assert empty_engine.rebuild() == 4
    as_corrected()

    for row in reversed(rows):
        undo(state, empty_engine, row.key, NOW + timedelta(days=1))
    assert found(Filters(sentiments=("negative",))) == set()
    assert found(Filters(copy_of="a")) == {"d"}
    assert found(Filters()) == {"a", "b", "c", "d"}
    assert {one.id: (one.story_id, one.corrected) for one in empty_engine.scan()} == {
        "a": ("a", []), "b": ("b", []), "c": ("c", []), "d": ("a", []),
    }  # fmt: skip
