"""What would cost the engines too much is refused at its place, or answered; nothing hangs and nothing breaks."""

from __future__ import annotations

import pytest

from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.errors import QueryError
from index.query import MAX_LEAVES, MAX_LENGTH
from tests.conformance.engines import empty_engine, engine

__all__ = ["empty_engine", "engine"]

REFUSED = [
    ("leading star", "lũ *nh", 3),
    ("leading mark", "lũ ?nh", 3),
    ("leading star in a field", "title:*nh", 6),
    ("one letter and a star", "lũ n*h", 3),
    ("regular expression", "lũ /b.*/", 3),
    ("fuzzy", "lũ benh~2", 3),
    ("a hundred kilobytes", "lũ " * 34_000, MAX_LENGTH),
    ("one word of a hundred kilobytes", "l" * 100_000, MAX_LENGTH),
    ("thousands of words", "lũ " * 3000, MAX_LEAVES * 3),
    ("a thousand parentheses", "(" * 1000 + "lũ" + ")" * 1000, 41),
    ("a thousand negations", "-" * 1000 + "lũ", 41),
    ("a thousand fields", "title:(" * 1000 + "lũ" + ")" * 1000, 146),
    ("a range of words", "title:[a TO z]", 6),
    ("a slop beyond all measure", '"lũ quét"~99999', 9),
    ("many abbreviations", '"' + "CA TP UBND " * 20 + '"', 0),
]

ANSWERED = [
    "published_at:[1000-01-01 TO 9998-12-31]", "published_at:[* TO *]", "b* OR c* OR d* OR t*", '"lũ quét"~1000',
    "-(" * 12 + "lũ" + ")" * 12, " OR ".join(f"từ{number}" for number in range(400)),
    " ".join(f"tin{number}*" for number in range(100)), "id:" + "x" * 9000, "l" * 9000,
    'url:"' + "/" * 5000 + '"', '"' + "lũ " * 200 + '"', "lũ " * 150 + "OR bão", "tr?????*n",
]  # fmt: skip


@pytest.mark.parametrize(("query", "position"), [entry[1:] for entry in REFUSED], ids=[entry[0] for entry in REFUSED])
def test_a_costly_query_is_refused_at_its_place(engine: SearchEngine, query: str, position: int) -> None:
    with pytest.raises(QueryError) as caught:
        engine.search(SearchRequest(query))
    assert caught.value.position == position
    assert caught.value.message_vi != caught.value.message_en
    with pytest.raises(QueryError):
        engine.count(query, Filters(), "day")


@pytest.mark.parametrize("query", ANSWERED, ids=[query[:24] for query in ANSWERED])
@pytest.mark.parametrize("group_by", [None, "story"])
def test_a_strange_query_is_answered(engine: SearchEngine, query: str, group_by: None) -> None:
    result = engine.search(SearchRequest(query, group_by=group_by))
    assert len(result.hits) == min(result.total, 20)
