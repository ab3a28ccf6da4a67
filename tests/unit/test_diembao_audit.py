"""The audit log is only added to."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from diembao.audit import LONGEST_TEXT, Wanted, all_entries, entries, record
from diembao.errors import StateError
from diembao.state import AuditRecord, State
from tests.browser.press import NOW


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(f"sqlite:///{tmp_path / 'state.sqlite'}")


def test_a_row_is_kept_with_its_change_or_not_at_all(state: State) -> None:
    with pytest.raises(RuntimeError), state.session() as session:
        record(session, NOW, "lan", "rule.save", "r", 1, 2)
        raise RuntimeError
    assert entries(state, Wanted(), 10) == []


@pytest.mark.parametrize("statement", [delete(AuditRecord), update(AuditRecord).values(who="x"), text("DELETE FROM audit_log WHERE 1")])
def test_the_database_refuses_to_change_or_delete_a_row(state: State, statement: object) -> None:
    with state.session() as session:
        record(session, NOW, "lan", "rule.save", "r", None, {"a": [1, "hai"]})
    with pytest.raises(StateError, match="only added to"), state.session() as session:
        session.execute(statement)  # type: ignore[call-overload]
    again = State(state.url)  # the refusal is part of the file
    with pytest.raises(StateError, match="only added to"), again.session() as session:
        session.execute(statement)  # type: ignore[call-overload]
    (entry,) = entries(state, Wanted(), 10)
    assert (entry.number, entry.at, entry.who, entry.before, entry.after) == (1, NOW, "lan", None, {"a": [1, "hai"]})
    again.close()


def test_giant_texts_are_cut_and_private_numbers_masked(state: State) -> None:
    with state.session() as session:
        record(session, NOW, "x" * 500, "rule.save", "s" * 5_000, "y" * 100_000, {"note": ["gọi 0912 345 678"]})
    (entry,) = entries(state, Wanted(), 10)
    assert (len(entry.who), len(entry.subject), len(entry.before)) == (200, 600, LONGEST_TEXT)
    assert "0912 345 678" not in str(entry.after)


def test_all_rows_are_read_in_portions(state: State) -> None:
    with state.session() as session:
        for number in range(1_201):
            record(session, NOW, "lan" if number % 2 else "", "user.role", str(number))
    assert [entry.subject for entry in all_entries(state, Wanted())] == [str(number) for number in reversed(range(1_201))]
    assert len(list(all_entries(state, Wanted(who="lan")))) == 600
