"""Both engines, each filled with the corpus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from diembao.engine import SearchEngine
from index.abbreviations import Abbreviations
from index.elasticsearch_engine import ElasticsearchEngine
from index.sqlite_engine import SqliteEngine
from tests.conformance.corpus import ARTICLES
from tests.conformance.queries import ABBREVIATIONS, SYNONYMS

BOTH = ["sqlite", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)]


@pytest.fixture(scope="module", params=BOTH)
def empty_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    """An engine with nothing in it."""
    abbreviations = Abbreviations(ABBREVIATIONS, SYNONYMS)
    made: SearchEngine
    if request.param == "sqlite":
        made = SqliteEngine(tmp_path_factory.mktemp("engine") / "index.sqlite", abbreviations)
    else:
        made = ElasticsearchEngine(request.getfixturevalue("elasticsearch_index"), abbreviations)
    made.prepare()
    yield made
    made.close()


@pytest.fixture(scope="module")
def engine(empty_engine: SearchEngine) -> SearchEngine:
    """An engine that holds the corpus."""
    assert empty_engine.upsert(ARTICLES) == {}
    return empty_engine
