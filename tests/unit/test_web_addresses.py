from __future__ import annotations

from datetime import UTC, datetime

import pytest
from starlette.datastructures import QueryParams

from web.searching.addresses import LONGEST_QUERY, MOST_VALUES, SearchAddress

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def parse(text: str) -> tuple[SearchAddress, dict[str, str]]:
    return SearchAddress.parse(QueryParams(text))


def test_an_address_comes_back_from_its_own_href() -> None:
    text = "q=l%C5%A9+AND+%28b%C3%A3o%29&from=2026-11-01&to=2026-11-20&topic=health&topic=urban&sentiment=negative&critical_of=authority"
    text += "&place=%C4%90%E1%BB%93ng+Th%C3%A1p&source=vnexpress&kind=portal&story=s1&sort=time&copies=1&after=abc"
    address, problems = parse(text)
    assert problems == {}
    again, _ = parse(address.href().partition("?")[2])
    assert again == address
    assert address.q == "lũ AND (bão)"
    assert address.topic == ("health", "urban")


def test_days_are_whole_days_in_vietnam() -> None:
    filters = parse("from=2026-11-01&to=2026-11-02")[0].filters()
    assert filters.published_from == datetime(2026, 10, 31, 17, tzinfo=UTC)
    assert filters.published_to == datetime(2026, 11, 2, 17, tzinfo=UTC)


def test_moments_are_exact_and_the_end_is_exclusive() -> None:
    filters = parse("from=2026-11-01T07:00&to=2026-11-01T08:30")[0].filters()
    assert filters.published_from == datetime(2026, 11, 1, 0, tzinfo=UTC)
    assert filters.published_to == datetime(2026, 11, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "parameter", "problem"),
    [
        ("from=hôm qua", "from", "problem.date"),
        ("to=9999-12-31", "to", "problem.date"),
        ("from=0001-01-01", "from", "problem.date"),
        ("from=2026-02-30", "from", "problem.date"),
        ("from=2026-11-20&to=2026-11-01", "to", "problem.order"),
        ("sentiment=angry", "sentiment", "problem.value"),
        ("critical_of=me", "critical_of", "problem.value"),
        ("kind=blog", "kind", "problem.value"),
        ("sort=best", "sort", "problem.value"),
        ("q=" + "a" * (LONGEST_QUERY + 1), "q", "problem.long"),
        ("place=" + "a" * 201, "place", "problem.many"),
        ("&".join(f"topic=t{n}" for n in range(MOST_VALUES + 1)), "topic", "problem.many"),
    ],
)
def test_a_wrong_parameter_is_named_and_left_out(text: str, parameter: str, problem: str) -> None:
    address, problems = parse(text)
    assert problems == {parameter: problem}
    assert parameter not in dict(address.pairs())


def test_the_longest_query_passes() -> None:
    assert parse("q=" + "a" * LONGEST_QUERY)[1] == {}


def test_a_filter_is_added_once_removed_alone_and_starts_at_the_first_page() -> None:
    address, _ = parse("q=x&topic=health&after=cursor")
    both = address.with_value("topic", "urban").with_value("topic", "urban")
    assert both.topic == ("health", "urban")
    assert both.after == ""
    assert both.without_value("topic", "health").topic == ("urban",)
    assert both.cleared() == SearchAddress(q="x")


def test_a_query_is_sorted_by_relevance_and_no_query_by_time() -> None:
    assert parse("q=x")[0].order == "relevance"
    assert parse("")[0].order == "time"
    assert parse("q=x&sort=time")[0].request(5, NOW).sort == "time"


def test_copies_are_folded_unless_asked_for() -> None:
    assert parse("")[0].request(5, NOW).fold_copies is True
    assert parse("copies=1")[0].request(5, NOW).fold_copies is False


def test_a_null_letter_never_reaches_the_engine() -> None:
    address, _ = parse("q=a%00b&source=x%00")
    assert (address.q, address.source) == ("ab", ("x",))


def test_grouping_by_story() -> None:
    assert parse("group=story")[0].request(5, NOW).group_by == "story"
    assert parse("q=x")[0].request(5, NOW).group_by is None
    assert parse("group=weather")[1] == {"group": "problem.value"}
    assert parse("group=story&after=x")[0].href() == "/search?group=story&after=x"
