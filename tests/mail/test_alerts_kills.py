"""The benchmark of kills in small: evaluated, logged and sent by processes that are killed somewhere in between."""

from __future__ import annotations

import pytest

from benchmarks.kills import measure


@pytest.mark.slow
def test_killed_anywhere_between_evaluating_and_sending_nothing_is_lost_or_double() -> None:
    found = measure(4, 1, steps=(8, 12, 16))
    assert found["kills"] == 4
    assert found["messages"] >= 10 * found["days"]
    assert found["double"] == 0
    assert found["lost"] == found["lost_and_told"] <= found["unknown"] <= found["kills"]  # in doubt, told, and not sent again
    assert found["strange"] == found["other_rows"] == 0  # the same is told as if nobody had killed anything
