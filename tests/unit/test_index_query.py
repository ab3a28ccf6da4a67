"""What a query means, and how a bad one is refused."""

from __future__ import annotations

import pytest

from diembao.errors import QueryError
from index.query import MAX_LEAVES, MAX_LENGTH, parse_query

REFUSED = [
    ("(lũ", 0, "not closed"),
    ("lũ)", 2, "without an opening"),
    ("()", 0, "nothing in the parentheses"),
    ("lũ AND", 3, "both sides"),
    ("OR lũ", 0, "both sides"),
    ("lũ AND OR bệnh", 3, "both sides"),
    ("lũ NOT", 3, "needs a word"),
    ("lũ -(", None, "missing"),
    ('lũ "quét', 3, "not closed"),
    ("lũ “quét", 3, "not closed"),
    ("*nh", 0, "cannot begin"),
    ("?nh", 0, "cannot begin"),
    ("lũ *ét", 3, "cannot begin"),
    ("lũ~", 0, "Fuzzy"),
    ("quét lũ~1", 5, "Fuzzy"),
    ('"lũ quét"~x', 9, "whole number"),
    ('"lũ quét"~1.5', 9, "whole number"),
    ('"lũ quét"~100000', 9, "whole number"),
    ("lũ^", 2, "needs a number"),
    ("lũ^1.2.3", 2, "needs a number"),
    ("foo:bar", 0, "no field 'foo'"),
    ("lũ Nội: mưa", 3, "no field"),
    ("title:", 5, "needs a value"),
    ("title:(topic:health)", 7, "inside another field"),
    ("topic:hea*", 6, "does not take"),
    ("published_at:hôm-qua", 13, "not a date"),
    ("published_at:2026-13-01", 13, "not a date"),
    ("published_at:2026-02-30", 13, "not a date"),
    ("published_at:[2026-11-20 TO 2026-11-01]", 13, "behind the last"),
    ("published_at:[2026-11-20]", 13, "[from TO to]"),
    ("published_at:[2026-11-20 TO", 13, "[from TO to]"),
    ("title:[a TO b]", 6, "date field only"),
    ("[a TO b]", 0, "date field only"),
    ("/b[ae]nh/", 0, "Regular expressions"),
    ("!!!", 0, "no word"),
    ("~5", 0, "cannot be understood"),
    ("(" * 60 + "lũ" + ")" * 60, None, "parentheses inside"),
    ("lũ " * MAX_LENGTH, MAX_LENGTH, "longer than"),
    ("lũ " * (MAX_LEAVES + 1), None, "more than"),
    ("NOT " * 100 + "lũ", None, "inside each other"),
    ("(lũ OR (mưa AND " * 15 + "bão" + "))" * 15, None, "inside each other"),
]


@pytest.mark.parametrize(("query", "position", "reason"), REFUSED, ids=[query[:30] for query, _, _ in REFUSED])
def test_a_bad_query_says_where_and_why(query: str, position: int | None, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    if position is not None:
        assert caught.value.position == position
    assert reason in caught.value.message_en
    assert caught.value.message_vi
    assert caught.value.message_vi != caught.value.message_en
    assert caught.value.exit_code == 2


SAME = [
    ("lũ quét OR mưa bão", "(lũ AND quét) OR (mưa AND bão)"),
    ("lũ quét AND mưa OR bão", "((lũ AND quét) AND mưa) OR bão"),
    ("lũ -quét mưa", "lũ AND (NOT quét) AND mưa"),
    ("lũ +quét mưa", "lũ AND quét AND mưa"),
    ('lũ -"quét mưa" bão', 'lũ AND (NOT "quét mưa") AND bão'),
    ("lũ NOT mưa bão", "lũ AND NOT (mưa AND bão)"),
    ("lũ NOT mưa -bão", "lũ AND (NOT mưa) AND (NOT bão)"),
    ("NOT mưa topic:health", "(NOT mưa) AND topic:health"),
    ("title:lũ quét", "(title:lũ) AND quét"),
    ("title:(lũ quét OR mưa)", "title:((lũ AND quét) OR mưa)"),
    ("lũ – quét", "lũ quét"),
    ("lũ - quét", "lũ quét"),
    ("lũ^3 quét", "lũ quét"),
    ("  lũ\n\tquét ", "lũ quét"),
    ("lũ\u00a0quét", "lũ quét"),
    ("Lũ AND Quét", "lũ AND quét"),
    ("lũ && quét || bão", "lũ AND quét OR bão"),
    ("published:2026", "published_at:[2026-01-01 TO 2026-12-31]"),
    ("published_at:2026-02", "published_at:[2026-02-01 TO 2026-02-28]"),
    ("published_at:>=2026-11-01", "published_at:[2026-11-01 TO *]"),
    ("published_at:<2026-11-01", "published_at:[* TO 2026-11-01}"),
    ("mưa 'lớn", "mưa lớn"),
    ("lũ? quét!", "lũ quét"),
    ("topic:health", 'topic:"HEALTH"'),
    ("tags:x", "tag:x"),
    ("lũ TO quét", "lũ to quét"),
]


@pytest.mark.parametrize(("query", "meaning"), SAME)
def test_two_ways_to_say_one_thing(query: str, meaning: str) -> None:
    assert parse_query(query) == parse_query(meaning)


def test_parsing_in_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    queries = [query for query, _ in SAME] * 20
    alone = [parse_query(query) for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(parse_query, queries)) == alone
