"""How often an entrance is asked, and who crawls what."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.locks import alone, at_work, is_at_work, part_of
from crawlers.pace import EXPECTED, HOURS, Bounds, Habit, after_failure, learn, next_poll, rate
from diembao.clock import VIETNAM
from diembao.errors import DiembaoError, UsageError
from diembao.source import Source

BOUNDS = Bounds(timedelta(minutes=5), timedelta(minutes=60))
MONDAY = datetime(2026, 11, 16, tzinfo=VIETNAM)


def _watched(an_hour: dict[int, float], days: int, every: timedelta = timedelta(minutes=10), begin: datetime = MONDAY) -> Habit:
    """The habit of an entrance that brings so many links in each hour of the day, evenly, asked at fixed times."""
    habit = Habit.unknown()
    now, owed = begin, 0.0
    while now < begin + timedelta(days=days):
        owed += an_hour.get(now.hour, 0.0) * (every / timedelta(hours=1))
        new, owed = int(owed), owed - int(owed)
        learn(habit, new, [], now.astimezone(UTC))
        now += every
    return habit


def test_a_steady_feed_is_asked_when_something_is_to_be_expected() -> None:
    habit = _watched(dict.fromkeys(range(HOURS), 1.2), 3)
    for hour in (2, 9, 17):
        assert rate(habit, hour) == pytest.approx(1.2, rel=0.1)
    now = MONDAY + timedelta(days=4)
    assert (next_poll(habit, now, BOUNDS) - now) / timedelta(minutes=1) == pytest.approx(60 * EXPECTED / 1.2, rel=0.1)


def test_a_feed_is_asked_often_by_day_and_seldom_by_night() -> None:
    habit = _watched(dict.fromkeys(range(7, 20), 6.0), 7)
    night, noon, dawn = (MONDAY + timedelta(days=8, hours=hour) for hour in (1, 12, 6.75))
    assert next_poll(habit, night, BOUNDS) - night > timedelta(minutes=25)
    assert next_poll(habit, noon, BOUNDS) - noon == BOUNDS.shortest
    # Before the morning begins it is not asked as seldom as by night.
    assert next_poll(habit, dawn, BOUNDS) - dawn < timedelta(minutes=20)


def test_what_an_entrance_says_of_its_hours_counts() -> None:
    asked_daily = Habit.unknown()
    for day in range(1, 15):
        now = MONDAY + timedelta(days=day, hours=23, minutes=30)
        learn(asked_daily, 4, [MONDAY + timedelta(days=day, hours=8, minutes=10 * n) for n in range(4)], now)
    assert rate(asked_daily, 8) > 5 * rate(asked_daily, 16)


def test_a_habit_that_changes_is_learnt_anew() -> None:
    habit = _watched(dict.fromkeys(range(HOURS), 6.0), 20)
    begin = MONDAY + timedelta(days=20)
    for step in range(6 * HOURS * 20):
        learn(habit, 0, [], begin + step * timedelta(minutes=10))
    assert rate(habit, 12) < 2.5


def test_little_is_known_so_it_is_asked_soon() -> None:
    assert next_poll(Habit.unknown(), MONDAY, BOUNDS) == MONDAY + BOUNDS.shortest


def test_failures_are_waited_for_longer_each_time() -> None:
    waits = [(after_failure(failures, MONDAY, BOUNDS) - MONDAY) / timedelta(minutes=1) for failures in (1, 2, 3, 4, 5, 50)]
    assert waits == [5, 10, 20, 40, 60, 60]


@given(
    polls=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 60 * 72), st.integers(-5000, 5000)), max_size=20),
    later=st.integers(0, 3000),
)
def test_the_bounds_hold_and_nothing_is_negative(polls: list[tuple[int, int, int]], later: int) -> None:
    habit, now = Habit.unknown(), MONDAY.astimezone(UTC)
    for new, minutes, offset in polls:
        now += timedelta(minutes=minutes)
        learn(habit, new, [now + timedelta(minutes=offset)] * min(new, 3), now)
    assert all(value >= 0 for value in [*habit.found, *habit.watched])
    moment = now + timedelta(minutes=later)
    assert moment + BOUNDS.shortest <= next_poll(habit, moment, BOUNDS) <= moment + BOUNDS.longest


def _sources(count: int) -> list[Source]:
    return [Source.model_validate({"id": f"s{n}", "name": "s", "domain": f"bao{n}.vn", "enabled": False}) for n in range(count)]


def test_every_source_is_in_exactly_one_part() -> None:
    sources = _sources(300)
    parts = [part_of(sources, f"{number}/3") for number in (1, 2, 3)]
    assert sorted(source.id for part in parts for source in part) == sorted(source.id for source in sources)
    assert all(70 <= len(part) <= 130 for part in parts)
    assert part_of(list(reversed(sources)), "2/3") == list(reversed(parts[1]))
    assert part_of(sources, "1/1") == sources


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "a/b", "-1/2", "1/2/3"])
def test_a_part_that_is_none_is_refused(part: str) -> None:
    with pytest.raises(UsageError, match="is not a part"):
        part_of(_sources(2), part)


def test_two_crawls_share_no_source_and_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from crawlers.locks import alone, at_work; from diembao.source import Source\n"
        "source = Source.model_validate({'id': 's0', 'name': 's', 'domain': 'bao0.vn', 'enabled': False})\n"
        "home = Path(sys.argv[1])\n"
        "with alone(home, [source]), at_work(home / 'spool', 'run-1'):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "locked\n"
    first, second = _sources(2)
    with pytest.raises(DiembaoError, match="another crawl is at work on s0"), alone(tmp_path, [second, first]):
        pass
    with alone(tmp_path, [second]):
        assert is_at_work(tmp_path / "spool", "run-1")
    other.kill()
    other.communicate()
    with alone(tmp_path, [first, second]):
        assert not is_at_work(tmp_path / "spool", "run-1")
    with at_work(tmp_path / "spool", "run-2"):
        assert (tmp_path / "spool" / "run-2.lock").exists()
    assert not is_at_work(tmp_path / "spool", "run-2")
