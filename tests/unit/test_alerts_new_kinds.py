"""New names and words, and stories that grow faster than stories do, against the embedded engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from alerts.evaluation import evaluate, replay
from alerts.rule import Rule
from alerts.rules.story_growth import StoryGrowth, fastest, passing, usual
from alerts.rules_file import kinds
from diembao.alert import Alert
from diembao.article import Article, Entity
from diembao.engine import SearchEngine, SearchRequest
from diembao.settings import PROJECT
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import NOW, OUTLETS, article
from tests.unit.test_alerts_kinds import said_in_both

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    opened = SqliteEngine(tmp_path / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    opened.prepare()
    opened.upsert(everyday(45))
    yield opened
    opened.close()


def everyday(days: int) -> Iterator[Article]:
    """Four articles a day and outlet, in which Trần Văn Cũ and Sông Tiền always stand; each tenth is a story of two or three outlets."""
    rng = random.Random(days)
    number = 0
    for day in range(days, 0, -1):
        for outlet in OUTLETS:
            for _ in range(4):
                number += 1
                at = NOW - timedelta(days=day) + timedelta(minutes=rng.randint(0, 10 * 60))
                yield naming(number, at, outlet, "Trần Văn Cũ", "Sông Tiền")
        for index in range(2):
            begin = NOW - timedelta(days=day) + timedelta(minutes=rng.randint(0, 8 * 60))
            for outlet in rng.sample(OUTLETS, rng.choice((2, 2, 3))):
                number += 1
                at = begin + timedelta(minutes=rng.randint(0, 300))
                yield article(number, "culture", "neutral", at, outlet, f"Chuyện {day} {index}", story=f"old-{day}-{index}")


def naming(number: int, at: Any, outlet: str, *names: str, title: str = "", story: str | None = None) -> Article:
    body = ". ".join(f"Ông {name} nói" for name in names)
    entities = []
    for name in names:
        start = body.index(name)
        entities.append(Entity(text=name, type="LOC" if name.startswith("Sông") else "PER", start=start, end=start + len(name)))
    return article(number, "culture", "neutral", at, outlet, title, story=story).model_copy(update={"body": body, "entities": entities})


def rule(kind: str, **keys: Any) -> Rule:
    made: Rule = kinds()[kind].MODEL.model_validate({"kind": kind, "name": kind, **keys})
    return made


def find(engine: SearchEngine, watched: Rule, now: Any = NOW) -> list[Alert]:
    return said_in_both(evaluate([watched], engine, now, TAXONOMY))


def spread_name(name: str, count: int, begin: Any, first: int = 80000, **more: Any) -> list[Article]:
    return [naming(first + i, begin + i * HOUR, OUTLETS[i % 5], name, "Trần Văn Cũ", **more) for i in range(count)]


# -- new name ------------------------------------------------------------------------------------------------------------------------


def test_a_name_that_nobody_wrote_before_is_told_once_it_is_in_enough_outlets(engine: SearchEngine) -> None:
    watched = rule("new_name")
    assert find(engine, watched) == []
    engine.upsert(spread_name("Lê Thị Mới", 3, NOW - 10 * HOUR))
    assert find(engine, watched) == []
    engine.upsert(spread_name("Lê Thị Mới", 6, NOW - 10 * HOUR))
    [alert] = find(engine, watched)
    assert (alert.series, alert.state, alert.observed) == ("lê thị mới", "open", 6)
    assert "“Lê Thị Mới”" in alert.title
    assert alert.evidence[0].article_id == "a80000"
    assert engine.search(SearchRequest(alert.query, fold_copies=False)).total == 6
    # The same alert while it grows, over after the hours of the rule, and no longer told later.
    engine.upsert(spread_name("Lê Thị Mới", 9, NOW - 10 * HOUR))
    assert [(one.id, one.observed) for one in find(engine, watched)] == [(alert.id, 9)]
    assert [(one.id, one.state) for one in find(engine, watched, NOW + 2 * DAY)] == [(alert.id, "closed")]
    assert find(engine, watched, NOW + 6 * DAY) == []
    assert [one.id for one in replay(watched, engine, NOW + 6 * DAY, TAXONOMY, NOW - 9 * DAY)] == [alert.id]


def test_a_name_that_stood_anywhere_in_the_weeks_before_is_not_new(engine: SearchEngine) -> None:
    engine.upsert(spread_name("Lê Thị Mới", 6, NOW - 10 * HOUR))
    # Not as a recognised name, and in one outlet only: the engine finds the words.
    engine.upsert([article(85000, "culture", "neutral", NOW - 20 * DAY, OUTLETS[0], "Gặp bà Lê Thị Mới ở chợ")])
    assert find(engine, rule("new_name")) == []
    assert [one.series for one in find(engine, rule("new_name", quiet_days=14))] == ["lê thị mới"]


def test_one_story_or_one_kind_of_name_is_left_out_when_the_rule_says_so(engine: SearchEngine) -> None:
    engine.upsert(spread_name("Lê Thị Mới", 6, NOW - 10 * HOUR, story="one"))
    assert find(engine, rule("new_name")) == []
    assert len(find(engine, rule("new_name", stories=1))) == 1
    assert find(engine, rule("new_name", stories=1, names=["place", "organisation"])) == []
    engine.upsert(spread_name("Sông Lạ", 6, NOW - 10 * HOUR, first=81000))
    assert [one.series for one in find(engine, rule("new_name", names=["place"]))] == ["sông lạ"]


def test_nothing_is_new_before_so_many_days_were_collected(engine: SearchEngine) -> None:
    engine.upsert(spread_name("Lê Thị Mới", 6, NOW - 10 * HOUR))
    assert find(engine, rule("new_name", quiet_days=60)) == []
    assert len(find(engine, rule("new_name", quiet_days=40))) == 1


def test_new_words_of_headlines_are_told_as_their_longest_group(engine: SearchEngine) -> None:
    engine.upsert(
        article(82000 + i, "health", "negative", NOW - (8 - i) * HOUR, OUTLETS[i % 5], f"Virus Zeta lạ lan tới xã {i}") for i in range(6)
    )
    assert find(engine, rule("new_name")) == []
    found = find(engine, rule("new_name", words=True))
    assert [(one.series, one.observed) for one in found] == [("virus zeta lạ lan", 6)]


def test_many_new_names_of_one_day_are_told_together(engine: SearchEngine) -> None:
    for index in range(9):
        name = f"Phạm {'ABCDEFGHI'[index]}ung {'QRSTUVXYZ'[index]}a"
        engine.upsert(spread_name(name, 5, NOW - (10 * HOUR) + index * MINUTE, first=83000 + 10 * index))
    found = find(engine, rule("new_name", most_per_day=3))
    assert len(found) == 4
    [rest] = [one for one in found if one.series.startswith("more ")]
    assert rest.title.count("Phạm") == 6


def test_names_with_signs_of_the_query_language_do_no_harm(engine: SearchEngine) -> None:
    engine.upsert(spread_name('Công ty "X:Y" (Z) AND \\', 6, NOW - 10 * HOUR))
    assert [one.series for one in find(engine, rule("new_name"))] == ["công ty x y z and"]


# -- story growth --------------------------------------------------------------------------------------------------------------------


def story(outlets: int, step: timedelta, begin: Any, name: str = "river") -> list[Article]:
    return [
        article(70000 + i, "environment", "negative", begin + i * step, f"bao-{i}", f"Sông Ba Rài bài {i}", story=name)
        for i in range(outlets)
    ]


def test_a_story_that_many_outlets_take_up_at_once_is_one_alert_that_grows(engine: SearchEngine) -> None:
    watched = rule("story_growth")
    assert find(engine, watched) == []
    engine.upsert(story(4, 20 * MINUTE, NOW - 5 * HOUR))
    assert find(engine, watched) == []  # three within three hours are ordinary here, and four are not rare enough yet
    engine.upsert(story(8, 20 * MINUTE, NOW - 5 * HOUR))
    [alert] = find(engine, watched)
    assert (alert.series, alert.state, alert.observed) == ("river", "open", 8)
    assert alert.window_start == NOW - 5 * HOUR
    assert engine.search(SearchRequest(alert.query, fold_copies=False)).total == 8
    assert alert.evidence[0].outlets == [f"bao-{i}" for i in range(8)]
    engine.upsert(story(14, 20 * MINUTE, NOW - 5 * HOUR))
    assert [(one.id, one.observed) for one in find(engine, watched)] == [(alert.id, 14)]
    assert [one.state for one in find(engine, watched, NOW + 36 * HOUR)] == ["closed"]
    assert find(engine, watched, NOW + 8 * DAY) == []
    assert [one.id for one in replay(watched, engine, NOW + 8 * DAY, TAXONOMY, NOW - 20 * DAY)] == [alert.id]


def test_a_story_that_grows_slowly_or_goes_on_for_long_is_none(engine: SearchEngine) -> None:
    engine.upsert(story(12, 2 * HOUR, NOW - 25 * HOUR))
    # All outlets write again on the same morning: nobody takes it up anew.
    engine.upsert(
        article(
            78000 + i, "environment", "negative", NOW - 90 * MINUTE + i * MINUTE, f"bao-{i}", f"Sông Ba Rài, ngày hai {i}", story="river"
        )
        for i in range(12)
    )
    assert find(engine, rule("story_growth")) == []
    assert len(find(engine, rule("story_growth", within_hours=24))) == 1


def test_without_a_week_of_past_no_story_is_unusual(tmp_path: Path) -> None:
    young = SqliteEngine(tmp_path / "young.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    young.prepare()
    young.upsert(everyday(4))
    young.upsert(story(12, 5 * MINUTE, NOW - 3 * HOUR))
    assert find(young, rule("story_growth")) == []
    young.close()


def test_the_fastest_and_the_first_growth() -> None:
    times = [NOW + hours * HOUR for hours in (0, 1, 10, 10.5, 11, 30)]
    best = fastest(times, 3 * HOUR)
    assert best is not None
    assert (best.outlets, best.start, best.passed) == (3, times[2], times[4])
    first = passing(times, 3 * HOUR, 2)
    assert first is not None
    assert (first.start, first.passed) == (times[0], times[1])
    assert passing(times, 3 * HOUR, 4) is None
    assert fastest([], HOUR) is None


@pytest.mark.parametrize("fall", [1.5, 2.5])
def test_the_limit_keeps_about_so_many_alerts_a_year(fall: float) -> None:
    """Ten years of stories whose speeds fall off as a power; the limit of each two months is used on the next two."""
    rng = random.Random(int(fall * 10))
    watched = StoryGrowth(kind="story_growth", name="growth", alerts_per_year=12)
    month = [[int(rng.paretovariate(fall)) for _ in range(1500)] for _ in range(60)]
    alerts = sum(sum(speed >= usual(watched, before, timedelta(days=60)) for speed in after) for before, after in pairwise(month))
    years = 59 * 60 / 365.25
    assert 4 <= alerts / years <= 24
