"""Leases: one process does a piece of work at a time, a killed one holds up nobody. On SQLite and on a real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from diembao.errors import DiembaoError
from diembao.settings import PROJECT, Settings
from diembao.state import Lease, State
from flows import leases
from flows.running import among_others, none_of
from tests.postgres_server import postgres


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('state')}/state.sqlite"
        return
    with postgres() as address:
        yield address


@pytest.fixture
def state(url: str) -> Iterator[State]:
    opened = State(url)
    yield opened
    with opened.session() as session:
        session.query(Lease).delete()
    opened.close()


def test_one_at_a_time(state: State) -> None:
    first = leases.take(state, "partition:1/2")
    assert first is not None
    assert leases.take(state, "partition:1/2") is None
    other = leases.take(state, "partition:2/2")
    assert other is not None
    first.release()
    again = leases.take(state, "partition:1/2")
    assert again is not None
    assert not leases.is_killed(state, "partition:1/2")
    for held in (again, other):
        held.release()
    assert not leases.is_killed(state, "partition:1/2"), "it was ended, not killed"


def test_of_many_that_want_it_at_once_one_gets_it(state: State) -> None:
    with ThreadPoolExecutor(8) as threads:
        for work in ("new", "old"):
            if work == "old":
                with state.session() as session:
                    session.add(Lease(work=work, holder="elsewhere 1 1 x", until=datetime.now(UTC) - timedelta(seconds=1)))
            got = [held for held in threads.map(lambda _, work=work: leases.take(state, work), range(8)) if held]
            assert len(got) == 1
            got[0].release()


def test_who_is_killed_on_this_machine_holds_up_nobody(state: State, url: str) -> None:
    program = f"""
import sys; from diembao.state import State; from flows import leases
from flows.running import among_others, none_of
assert leases.take(State({url!r}), "work"); print("has it", flush=True); sys.stdin.readline()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"has it\n"
        assert leases.take(state, "work") is None
        process.kill()
    assert leases.is_killed(state, "work")
    mine = leases.take(state, "work")
    assert mine is not None
    mine.release()


def test_who_is_silent_on_another_machine_is_replaced_after_the_span(state: State) -> None:
    now = datetime.now(UTC)
    with state.session() as session:
        session.add(Lease(work="work", holder="elsewhere/0/0 1 1 abc", until=now + timedelta(seconds=30)))
    assert leases.take(state, "work") is None
    assert not leases.is_killed(state, "work")
    later = leases.take(state, "work", clock=lambda: now + timedelta(seconds=31))
    assert later is not None
    later.release()


def test_a_holder_says_that_it_is_at_work_and_notices_when_it_is_replaced(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "SPAN", timedelta(seconds=0.8))
    held = leases.take(state, "work")
    assert held is not None
    time.sleep(1.6)
    assert not held.is_lost
    assert leases.take(state, "work") is None, "it was renewed"
    with state.session() as session:
        session.get_one(Lease, "work").holder = "somebody else"
    time.sleep(0.5)
    assert held.is_lost
    with pytest.raises(leases.LostLeaseError, match="Another one does the work"):
        held.check()
    held.release()
    with state.session() as session:
        assert session.get_one(Lease, "work").holder == "somebody else", "what another one holds is not given away"


def test_waiting_has_an_end(state: State) -> None:
    with leases.alone(state, "work"), pytest.raises(DiembaoError, match="busy with work"), leases.alone(state, "work", wait_seconds=0.3):
        pass
    with leases.alone(state, "work", wait_seconds=0.0):
        pass


def test_a_dead_process_whose_number_was_given_again_is_dead(tmp_path: Path) -> None:
    mine = leases._new_holder()
    assert leases._dead_here(mine) == []
    machine, process, started, rest = mine.split(" ")
    again = f"{machine} {process} {int(started) - 1} {rest}"
    assert leases._dead_here(again) == [again]
    assert leases._dead_here(f"other {process} 1 {rest}") == []


def test_turns_of_parts_go_on_together_but_not_while_something_is_erased(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path, "sqlite", "sqlite://")
    with (
        among_others(settings, "partition"),
        among_others(settings, "partition"),
        pytest.raises(DiembaoError, match="a run of partition is still going on"),
        none_of(settings, "partition", 0.3),
    ):
        pass
    begun: list[str] = []

    def turn() -> None:
        with among_others(settings, "partition"):
            begun.append("turn")

    with ThreadPoolExecutor(1) as threads:
        with FileLock(tmp_path / "monitor.lock"), none_of(settings, "partition", 0.3):
            future = threads.submit(turn)
            time.sleep(0.3)
            assert begun == []
        future.result(10)
    assert begun == ["turn"]
