"""The health of sources: what is flagged and what is not, what explains what, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.health.kept import judge_all, note, read_kept
from alerts.health.verdict import Finding, Health, judge
from alerts.health.watching import HOURS, Flags, Hour, Watch
from alerts.holidays import is_tet
from alerts.source_trouble import read_troubles, trouble_of
from diembao.clock import VIETNAM
from diembao.source import Source
from diembao.source_round import SourceRound
from diembao.state import Run, SourceDay, State

BEGIN = date(2026, 8, 3).toordinal() - 719163
"""A Monday."""
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=VIETNAM).astimezone(UTC)
BY_DAY = np.array([0, 0, 0, 0, 0, 1, 3, 5, 5, 5, 4, 3, 2, 2, 4, 5, 4, 3, 2, 2, 1, 1, 0, 0]) / 52


class Stream:
    """Hours of `levels` sources, articles a day each, that publish by day only."""

    def __init__(self, levels: list[float], seed: int = 1) -> None:
        self.levels, self.random = np.array(levels), np.random.default_rng(seed)
        self.watch = Watch(np.full(len(levels), np.nan), np.full((1, len(levels)), 0.3))
        self.start = BEGIN * HOURS
        self.flags: list[Flags] = []

    def hours(self, count: int, **changes: Any) -> list[Flags]:
        """Go on for `count` hours; `changes` by name: a function of the hour's fields, or a value."""
        found = []
        for _ in range(count):
            sources = len(self.levels)
            new = self.random.poisson(self.levels * BY_DAY[self.start % HOURS] * changes.get("share", 1.0)).astype(float)
            unread = self.random.binomial(new.astype(int), changes.get("unread", 0.05)).astype(float)
            read = new - unread
            lacking = self.random.binomial(read.astype(int), changes.get("lacking", 0.1)).astype(float)
            zero, polls = np.zeros(sources), np.full(sources, 4.0)
            hour = Hour(
                self.start, read, np.full(sources, changes.get("seen", True)), polls, zero, zero, new, unread, zero, read, lacking[None]
            )  # fmt: skip
            if changes.get("refused"):
                hour = replace(hour, refused=polls, new=zero, pages=zero, unread=zero, articles=zero, lacking=zero[None], seen=zero > 0)
            if changes.get("failed"):
                hour = replace(hour, failed=polls, new=zero, pages=zero, unread=zero, articles=zero, lacking=zero[None], seen=zero > 0)
            found.append(self.watch.update(hour))
            self.start += 1
        self.flags += found
        return found

    def days(self, count: int, **changes: Any) -> list[Flags]:
        return self.hours(count * HOURS, **changes)


def first(flags: list[Flags], name: str, source: int = 0) -> int | None:
    """After how many hours it is flagged; None: not at all."""
    return next((number for number, one in enumerate(flags, 1) if np.atleast_2d(getattr(one, name)).any(axis=0)[source]), None)


LEVELS = [120.0, 50.0, 30.0, 12.0, 3.0, 60.0, 40.0, 25.0]


@pytest.fixture(scope="module")
def two_months() -> Stream:
    stream = Stream(LEVELS)
    stream.days(60)
    stream.hours(8)  # until eight in the morning
    return stream


def copied(stream: Stream) -> Stream:
    import copy

    return copy.deepcopy(stream)


def test_nothing_is_flagged_while_nothing_happens(two_months: Stream) -> None:
    flagged = {name for flags in two_months.flags for name, since in flags.since.items() if (np.atleast_2d(since) >= 0).any()} - {"lacking"}
    assert flagged == set()
    assert not any(flags.lacking.any() for flags in two_months.flags)


@pytest.mark.parametrize(("source", "within"), [(0, 4), (5, 6), (1, 7)])
def test_a_silent_source_is_flagged_within_hours_since_its_last_article(two_months: Stream, source: int, within: int) -> None:
    stream = copied(two_months)
    begin = stream.start
    silent = stream.hours(24, share=np.where(np.arange(len(LEVELS)) == source, 0.0, 1.0))
    after = first(silent, "silent", source)
    assert after is not None
    assert 3 <= after <= within
    since = int(silent[after - 1].since["silent"][source])
    assert begin - 3 <= since <= begin, "it began when the last article came"
    assert not any(first(silent, "silent", other) for other in range(len(LEVELS)) if other != source)
    for flags in stream.hours(24):  # it publishes again
        if not flags.silent[source]:
            break
    else:
        raise AssertionError("the silence does not end")


def test_nights_and_a_crawler_that_is_off_are_no_silence(two_months: Stream) -> None:
    stream = copied(two_months)
    stream.hours(14)
    assert not any(first(stream.hours(9), "silent", source) for source in range(len(LEVELS))), "the night"
    assert not any(first(stream.days(3, seen=False, share=0.0), name) for name in ("silent", "fewer"))


def test_what_befalls_all_is_no_silence_of_one(two_months: Stream) -> None:
    stream = copied(two_months)
    quiet = stream.days(6, share=0.4)
    assert sum(first(quiet, "silent", source) is not None for source in range(len(LEVELS))) == 0


def test_half_the_articles_are_noticed_within_two_weeks_and_told_as_fewer(two_months: Stream) -> None:
    stream = copied(two_months)
    half = stream.days(14, share=np.where(np.arange(len(LEVELS)) == 0, 0.45, 1.0))
    assert first(half, "fewer", 0) is not None
    assert first(half, "silent", 0) is None
    assert not any(first(half, "fewer", other) for other in range(1, len(LEVELS)))


def test_a_new_layout_a_lost_field_and_refusals_are_told_apart(two_months: Stream) -> None:
    layout = copied(two_months).hours(10, unread=1.0)
    assert (first(layout, "unread") or 99) <= 4
    assert first(layout, "lacking") is None
    field = copied(two_months).hours(10, lacking=1.0)
    assert (first(field, "lacking") or 99) <= 4
    assert first(field, "unread") is None
    refused = copied(two_months).hours(10, refused=True)
    assert (first(refused, "refused"), first(refused, "unreachable")) == (3, None)
    failed = copied(two_months).hours(10, failed=True)
    assert (first(failed, "refused"), first(failed, "unreachable")) == (None, 5)
    back = copied(two_months)
    back.hours(2, refused=True)
    assert first(back.hours(10), "refused") is None, "a short refusal is no flag"


def test_an_hour_is_judged_by_itself_and_earlier_ones_only() -> None:
    one, other = Stream(LEVELS, seed=7), Stream(LEVELS, seed=7)
    one.days(20)
    other.days(20)
    one.hours(48, share=0.0)
    other.hours(48, unread=1.0)
    for left, right in zip(one.flags[: 20 * HOURS], other.flags[: 20 * HOURS], strict=True):
        assert np.array_equal(left.expected, right.expected, equal_nan=True)
        assert np.array_equal(left.silent, right.silent)


def test_a_new_source_is_judged_by_its_entry_at_once_and_by_itself_after_a_week() -> None:
    told, untold = Stream([60.0]), Stream([60.0])
    told.watch = Watch(np.array([50.0]), np.full((1, 1), 0.3))
    for stream in (told, untold):
        stream.days(2)
        stream.hours(8)
    assert (first(told.hours(24, share=0.0), "silent") or 99) <= 8
    assert first(untold.hours(24, share=0.0), "silent") is None, "nothing is known of it"


def test_what_explains_something_else_stands_for_it() -> None:
    silent, layout = Finding("silent", NOW), Finding("layout", NOW, 0.9, 0.05)
    blocked, field = Finding("blocked", NOW), Finding("field", NOW, 0.1, 0.9, "authors")
    health = judge([silent, field, layout], knows_volume=True, usual=30.0, by_now=12.0, today=0)
    assert ([one.kind for one in health.findings], health.level, health.since) == (["layout"], "broken", NOW)
    assert [one.kind for one in judge([layout, blocked], knows_volume=True, usual=1, by_now=1, today=0).findings] == ["blocked"]
    assert judge([field], knows_volume=True, usual=1, by_now=1, today=0).level == "watch"
    assert judge([], knows_volume=False, usual=None, by_now=None, today=0).level == "learning"
    assert Health.from_record(health.to_record()) == health


def test_every_finding_has_words_and_advice_in_both_languages() -> None:
    for finding in (
        Finding("broken", NOW), Finding("blocked", NOW, 1.0), Finding("layout", NOW, 0.9, 0.05), Finding("silent", NOW, 0, 14.2),
        Finding("fewer", NOW, 11, 30), Finding("field", NOW, 0.04, 0.9, "minute"), Finding("partly", None, 1, 3),
    ):  # fmt: skip
        trouble = trouble_of("bao", "Báo Mẫu", finding, 3, "HTTP 403")
        for language in ("vi", "en"):
            text = trouble.line(language) + trouble.advice(language)  # type: ignore[arg-type]
            assert "{" not in text
            assert "Báo Mẫu" in text
    assert "4%" in trouble_of("bao", "Báo", Finding("field", NOW, 0.04, 0.9, "minute")).line("en")
    assert "about 14 articles" in trouble_of("bao", "Báo", Finding("silent", NOW, 0, 14.2)).line("en")


# --- what is kept ---


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield state
    state.close()


def entry(name: str, **fields: Any) -> Source:
    return Source.model_validate({"id": name, "name": name, "domain": f"{name}.vn", "feeds": [f"https://{name}.vn/rss"], **fields})


def rounds(state: State, source: str, begin: datetime, hours: int, **changes: Any) -> None:
    """A round each hour; articles at eight in the morning to eight in the evening."""
    with state.session() as session:
        for number in range(hours):
            at = begin + timedelta(hours=number)
            is_day = 8 <= at.astimezone(VIETNAM).hour <= 20
            new = changes.get("new", 3) if is_day else 0
            seen = SourceRound(source, f"{source}{at:%m%d%H}", at, polls=4, unchanged=3, pages=new, articles=new, new=[at] * new)
            seen.fates = {"extracted": new} if new else {}
            note(session, [replace(seen, **{name: value for name, value in changes.items() if name != "new"})])


def test_verdicts_come_from_what_runs_saw_and_go_with_the_source(state: State) -> None:
    begin = NOW - timedelta(days=30)
    rounds(state, "khoe", begin, 30 * 24 + 1)
    rounds(state, "im", begin, 30 * 24 - 30)
    rounds(state, "im", NOW - timedelta(hours=30), 31, new=0)
    rounds(state, "chan", begin, 30 * 24 - 6)
    rounds(
        state, "chan", NOW - timedelta(hours=6), 7, new=0, refused=4, unchanged=0, problem="the feed answers HTTP 403 (https://chan.vn/rss)"
    )
    sources = [entry("khoe"), entry("im"), entry("chan"), entry("chua-hoi")]
    found = judge_all(state, sources, NOW)
    assert {name: (health.level, [one.kind for one in health.findings]) for name, health in found.items()} == {
        "khoe": ("healthy", []),
        "im": ("broken", ["silent"]),
        "chan": ("broken", ["blocked"]),
    }
    assert found["im"].since == datetime(2026, 11, 19, 9, tzinfo=VIETNAM)
    assert found["chan"].since == datetime(2026, 11, 20, 9, tzinfo=VIETNAM)
    health = found["khoe"]
    assert (health.usual_a_day, health.today) == (pytest.approx(39, abs=4), 21)
    assert health.by_now == pytest.approx(21, abs=3)
    kept = read_kept(state, NOW)["khoe"]
    assert [day.articles for day in kept.days] == [39] * 13 + [24]
    assert (kept.polls, kept.unchanged) == (7 * 24 * 4 - 32, (7 * 24 * 4 - 32) * 3 // 4)
    assert kept.article_at == NOW
    assert len(kept.rounds) == 20
    with state.session() as session:
        session.add(Run(id="r", started_at=NOW, ended_at=NOW, fates={}))
    told = {one.source: one for one in read_troubles(state, NOW, {"im": "Báo Im"})}
    assert {name: one.kind for name, one in told.items()} == {"im": "silent", "chan": "blocked"}
    assert told["im"].line().startswith("Báo Im: im lặng từ 09:00 19/11/2026 (lẽ ra đã có khoảng ")
    assert "HTTP 403" in told["chan"].line("en")
    assert set(judge_all(state, [entry("khoe")], NOW)) == {"khoe"}
    assert read_troubles(state, NOW) == (), "of what is switched off nothing is said"


def test_what_is_old_is_forgotten_and_rounds_add_up(state: State) -> None:
    rounds(state, "bao", NOW - timedelta(days=140), 24)
    rounds(state, "bao", NOW - timedelta(hours=2), 1)
    rounds(state, "bao", NOW - timedelta(hours=2), 1)
    judge_all(state, [entry("bao")], NOW)
    with state.session() as session:
        (row,) = session.query(SourceDay).all()
        assert (row.day, row.counts["new"], row.counts["polls"]) == ("2026-11-20", {"13": 6}, {"13": 8})


def test_articles_count_for_the_hour_in_which_they_were_published(state: State) -> None:
    with state.session() as session:
        yesterday = datetime(2026, 11, 19, 23, 50, tzinfo=VIETNAM)
        note(session, [SourceRound("bao", "r", NOW, polls=1, new=[yesterday, NOW])])
    days = {day.day: day.articles for day in read_kept(state, NOW)["bao"].days}
    assert (days[date(2026, 11, 19)], days[date(2026, 11, 20)]) == (1, 1)


def test_tet_is_quiet_without_anybody_being_silent() -> None:
    stream = Stream([40.0, 30.0, 60.0])
    stream.start = (date(2026, 12, 1).toordinal() - 719163) * HOURS
    while not is_tet(date.fromordinal(stream.start // HOURS + 719163)):
        stream.days(1)
    tet = stream.days(9, share=0.35)
    assert not any(first(tet, "silent", source) for source in range(3))
