"""One language, two engines, the same ids."""

from __future__ import annotations

import pytest

from diembao.engine import SearchEngine, SearchRequest
from tests.conformance.engines import empty_engine, engine
from tests.conformance.queries import CASES

__all__ = ["empty_engine", "engine"]


@pytest.mark.parametrize(("query", "expected"), CASES, ids=[query or "(empty)" for query, _ in CASES])
def test_finds_what_the_language_says(engine: SearchEngine, query: str, expected: set[str]) -> None:
    result = engine.search(SearchRequest(query, fold_copies=False, limit=1000))
    assert {hit.article.id for hit in result.hits} == expected
    assert result.total == len(expected)


def test_a_query_typed_without_accents_finds_all_that_the_accented_one_finds(engine: SearchEngine) -> None:
    from index.suggestions import without_accents

    for query, expected in CASES:
        plain = without_accents(query)
        if plain == query or "-" in query or "NOT" in query:
            continue
        found = {hit.article.id for hit in engine.search(SearchRequest(plain, fold_copies=False, limit=1000)).hits}
        assert found >= expected, plain
