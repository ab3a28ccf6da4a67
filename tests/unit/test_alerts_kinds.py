"""Each kind of rule against the embedded engine, and what they ask of it together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.coverage import silent_hours
from alerts.evaluation import evaluate, replay
from alerts.rule import Rule
from alerts.rules import new_match
from alerts.rules.negative_share import NegativeShare, shares
from alerts.rules.negative_spike import NegativeSpike, jumps
from alerts.rules_file import kinds, read_rule
from diembao.alert import Alert
from diembao.article import Article, CriticalOf, Place
from diembao.engine import CountBucket, SearchEngine
from diembao.errors import ConfigError, QueryError
from diembao.settings import PROJECT
from diembao.state import FetchState, Run, State
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import NOW, OUTLETS, article, polluted_river, quiet_weeks

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CA_MAU = Place(code="96", name="Tỉnh Cà Mau", level="province", province="Cà Mau")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    opened = SqliteEngine(tmp_path / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def rule(kind: str, **keys: Any) -> Rule:
    made: Rule = kinds()[kind].MODEL.model_validate({"kind": kind, "name": kind, **keys})
    return made


def find(engine: SearchEngine, watched: Rule, now: datetime = NOW, state: State | None = None) -> list[Alert]:
    return said_in_both(evaluate([watched], engine, now, TAXONOMY, state))


def said_in_both(found: list[Alert]) -> list[Alert]:
    """The alerts; each says in English what it says in Vietnamese."""
    for one in found:
        assert [bool(text) for text in (one.title, one.unit, one.reason, one.ends_when)] == [
            bool(text) for text in (one.title_en, one.unit_en, one.reason_en, one.ends_when_en)
        ]
        assert one.title_en != one.title or one.kind == "new_match"
    return found


def critical(number: int, at: datetime, place: Place, confident: bool = True) -> Article:
    label = CriticalOf(label="authority", scores={"authority": 0.9}, confident=confident, sentences=["Xã nhận đơn nhưng không trả lời."])
    return article(number, "politics", "negative", at, OUTLETS[number % 5]).model_copy(update={"critical_of": label, "places": [place]})


def steady(days: int, sources: Sequence[str] = OUTLETS, until: datetime = NOW, each: int = 6, first: int = 1) -> list[Article]:
    """Each source publishes `each` articles between 6 and 18 o'clock of every day."""
    rng = random.Random(days)
    begin = until.replace(hour=0, minute=0) - timedelta(days=days)
    made = []
    for day in range(days + 1):
        for source in sources:
            for _ in range(each):
                at = begin + timedelta(days=day, minutes=rng.randint(0, 12 * 60))
                if at < until:
                    made.append(article(first + len(made), "culture", "neutral", at, source))
    return made


class Counting:
    """Passes everything on to an engine and counts what it is asked."""

    def __init__(self, engine: SearchEngine) -> None:
        self.engine, self.calls = engine, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self.engine, name)


# -- rules as tables ---------------------------------------------------------------------------------------------------------------


def test_every_kind_is_a_file_with_a_model_and_an_evaluation() -> None:
    assert set(kinds()) >= {
        "first_criticism",
        "negative_share",
        "negative_spike",
        "new_match",
        "silent_source",
        "story_reach",
        "story_growth",
        "new_name",
    }
    for name, module in kinds().items():
        assert issubclass(module.MODEL, Rule), name
        assert module.MODEL.model_fields["kind"].annotation.__args__ == (name,)


def test_each_kind_has_an_example_that_can_be_read() -> None:
    shipped = [read_rule(path) for path in sorted((PROJECT / "config" / "alerts").glob("*.toml"))]
    assert {one.kind for one in shipped} == set(kinds())
    assert [one.kind for one in shipped if one.enabled] == ["negative_spike"]


def test_the_documentation_names_every_key_of_every_kind() -> None:
    text = (PROJECT / "docs" / "alerts.md").read_text(encoding="utf-8")
    for name, module in kinds().items():
        assert f"`{name}`" in text
        assert [key for key in module.MODEL.model_fields if f"`{key}`" not in text] == [], name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "new_match"', "query: write what is looked for"),
        ('kind = "new_match"\nquery = "x"\neach = "line"', "each: "),
        ('kind = "story_reach"\noutlet = 5', "outlet: there is no such key; did you mean outlets"),
        ('kind = "story_reach"\noutlets = 1', "outlets: "),
        ('kind = "silent_source"\nquiet_hours = 1', "quiet_hours: "),
        ('kind = "negative_share"\nshare = 40', "share: "),
        ('kind = "first_criticism"\nlevel = "street"', "level: "),
    ],
)
def test_a_wrong_table_names_its_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "rule.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_rule(tmp_path / "rule.toml")


def test_a_rule_with_a_broken_query_costs_its_own_alerts_only(engine: SearchEngine) -> None:
    engine.upsert(polluted_river(3))
    broken, sound = rule("new_match", name="broken", query="(sông"), rule("new_match", name="sound", query="sông")
    problems: dict[str, str] = {}
    found = evaluate([broken, sound], engine, NOW, TAXONOMY, problems=problems)
    assert {alert.rule for alert in found} == {"sound"}
    assert list(problems) == ["broken"]
    with pytest.raises(QueryError, match="rule broken: "):
        evaluate([broken, sound], engine, NOW, TAXONOMY)


# -- a saved query at once -----------------------------------------------------------------------------------------------------------


def test_each_new_match_is_an_alert_once_with_its_evidence(engine: SearchEngine) -> None:
    engine.upsert(polluted_river(4))
    engine.upsert([article(5, "culture", "neutral", NOW - HOUR, "doc-bao", "Lễ hội mở cửa")])
    found = find(engine, rule("new_match", query="sông", label="Sông"))
    assert len(found) == 4  # the fifth is a reprint of the first
    assert [len({alert.id for alert in found}), {alert.state for alert in found}] == [4, {"closed"}]
    assert found[0].title == "Sông: Cá chết trắng sông Ba Rài, người dân lo nước thải nhà máy"
    assert found[0].evidence[0].sentences == ["Nước thải đen ngòm khiến cá chết trắng trên nhiều đoạn sông."]
    assert engine.search(request_of(found[0])).total == 1
    by_story = find(engine, rule("new_match", query="sông", each="story"))
    assert [(alert.series, alert.observed) for alert in by_story] == [("river", 5)]


def request_of(alert: Alert) -> Any:
    from diembao.engine import Filters, SearchRequest

    return SearchRequest(alert.query, Filters(published_from=alert.window_start, published_to=alert.window_end), fold_copies=False)


def test_an_archive_that_is_published_again_is_no_news_and_a_late_find_is(engine: SearchEngine) -> None:
    old = article(1, "environment", "negative", NOW - 30 * DAY, "doc-bao", "Sông cũ").model_copy(update={"first_seen_at": NOW - HOUR})
    late = article(2, "environment", "negative", NOW - 3 * DAY, "doc-bao", "Sông muộn").model_copy(update={"first_seen_at": NOW - HOUR})
    future = article(3, "environment", "negative", NOW + DAY, "doc-bao", "Sông mai")
    engine.upsert([old, late, future])
    [alert] = find(engine, rule("new_match", query="sông"))
    assert alert.title.endswith("Sông muộn")
    assert alert.window_end > NOW - 2 * HOUR


@pytest.mark.parametrize("each", ["article", "story"])
def test_what_is_new_is_the_same_whether_all_or_only_the_latest_is_read(
    engine: SearchEngine, each: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = 0
    for seed in range(12):
        rng = random.Random(seed)
        made = []
        for number in range(30):
            published = NOW - timedelta(hours=rng.randint(0, 24 * 8))
            seen = None if rng.random() < 0.1 else published + timedelta(hours=rng.randint(-30 if seed % 2 else 0, 72))
            fields = {"first_seen_at": seen, "story_id": rng.choice([None, "s1", "s2"])}
            fields["copy_of"] = rng.choice([None, f"group-{rng.randint(0, 3)}"])
            made.append(article(number, "environment", "negative", published, OUTLETS[number % 5], "Sông").model_copy(update=fields))
        engine.upsert(made)
        watched = rule("new_match", query="sông", each=each)
        got = find(engine, watched)
        with monkeypatch.context() as whole:
            whole.setattr(new_match, "_first_of_news", lambda rule, coverage, span, _: coverage.articles(rule.query, span))
            assert got == find(engine, watched), seed
        found += len(got)
        engine.delete([one.id for one in made])
    assert found >= 12


def test_a_flood_of_matches_is_told_together(engine: SearchEngine) -> None:
    engine.upsert(
        [article(i, "urban", "negative", NOW - timedelta(seconds=600 - i // 2), OUTLETS[i % 5], f"Ngập số {i}") for i in range(1000)]
    )
    watched = rule("new_match", query="ngập", most_per_day=10)
    found = find(engine, watched)
    assert len(found) == 11
    [rest] = [alert for alert in found if alert.series.startswith("more ")]
    assert (rest.observed, len(rest.evidence)) == (990, 10)
    engine.upsert([article(2000, "urban", "negative", NOW - timedelta(minutes=1), "doc-bao", "Ngập nữa")])
    again = find(engine, watched)
    assert {alert.id for alert in again} == {alert.id for alert in found}


# -- first criticism -----------------------------------------------------------------------------------------------------------------


def test_the_first_criticism_of_a_place_is_told_and_the_next_is_not(engine: SearchEngine) -> None:
    engine.upsert(steady(45))
    engine.upsert([critical(90000, NOW - 10 * DAY, CA_MAU), critical(90001, NOW - 2 * HOUR, CA_MAU)])
    dong_thap = Place(code="82", name="Tỉnh Đồng Tháp", level="province", province="Đồng Tháp")
    engine.upsert([critical(90002 + i, NOW - (3 - i) * HOUR, dong_thap) for i in range(3)])
    [alert] = find(engine, rule("first_criticism"))
    assert (alert.series, alert.state, alert.observed) == ("Đồng Tháp", "open", 3)
    assert alert.evidence[0].article_id == "a90002"
    assert alert.evidence[0].sentences == ["Xã nhận đơn nhưng không trả lời."]
    assert engine.search(request_of(alert)).total == 3
    assert [one.series for one in find(engine, rule("first_criticism", places=["Cà Mau"], quiet_days=5))] == ["Cà Mau"]
    assert [one.series for one in find(engine, rule("first_criticism", level="unit", places=["Đồng Tháp"]))] == ["82"]


def test_an_unsure_label_and_an_unknown_past_are_no_first_criticism(engine: SearchEngine) -> None:
    engine.upsert(steady(20))  # twenty days of collecting cannot say that thirty were quiet
    engine.upsert([critical(90000, NOW - HOUR, CA_MAU), critical(90001, NOW - HOUR, CA_MAU, confident=False)])
    assert find(engine, rule("first_criticism")) == []
    assert len(find(engine, rule("first_criticism", quiet_days=10))) == 1
    engine.delete(["a90000"])
    assert find(engine, rule("first_criticism", quiet_days=10)) == []


def test_days_without_collecting_are_no_quiet_days(engine: SearchEngine) -> None:
    broken = [one for one in steady(25) if not NOW - 12 * DAY < one.published_at < NOW - 3 * DAY]  # type: ignore[operator]
    engine.upsert(broken)
    engine.upsert([critical(90000, NOW - 14 * DAY, CA_MAU), critical(90001, NOW - HOUR, CA_MAU)])
    assert find(engine, rule("first_criticism", quiet_days=12)) == []
    engine.upsert(steady(25))
    assert len(find(engine, rule("first_criticism", quiet_days=12))) == 1


# -- story reach ---------------------------------------------------------------------------------------------------------------------


def story(outlets: int, step: timedelta, begin: datetime, name: str = "river") -> list[Article]:
    return [
        article(70000 + i, "environment", "negative", begin + i * step, f"bao-{i}", f"Sông Ba Rài bài {i}", story=name)
        for i in range(outlets)
    ]


def test_a_story_that_passes_n_outlets_is_one_alert_that_grows(engine: SearchEngine) -> None:
    watched = rule("story_reach", outlets=5)
    engine.upsert(story(4, HOUR, NOW - 10 * HOUR))
    engine.upsert(story(1, HOUR, NOW - 9 * HOUR))
    assert find(engine, watched) == []
    engine.upsert(story(6, HOUR, NOW - 10 * HOUR))
    [alert] = find(engine, watched)
    assert (alert.observed, alert.state, alert.series) == (6, "open", "river")
    assert alert.evidence[0].outlets == [f"bao-{i}" for i in range(6)]
    assert engine.search(request_of(alert)).total == 6
    engine.upsert(story(9, HOUR, NOW - 10 * HOUR))
    [grown] = find(engine, watched)
    assert (grown.id, grown.observed) == (alert.id, 9)
    assert find(engine, watched, NOW + 2 * DAY)[0].state == "closed"
    assert find(engine, watched, NOW + 4 * DAY) == []
    assert [one.id for one in replay(watched, engine, NOW + 30 * DAY, TAXONOMY, NOW - 30 * DAY)] == [alert.id]


def test_outlets_that_come_one_a_day_do_not_pass(engine: SearchEngine) -> None:
    engine.upsert(story(8, DAY, NOW - 8 * DAY))
    assert replay(rule("story_reach", outlets=5, within_hours=48), engine, NOW, TAXONOMY, NOW - 20 * DAY) == []
    assert len(replay(rule("story_reach", outlets=5, within_hours=100), engine, NOW, TAXONOMY, NOW - 20 * DAY)) == 1


# -- silent source -------------------------------------------------------------------------------------------------------------------


def put_health(state: State, source: str, failures: int, fetched: datetime = NOW, last_run: datetime = NOW) -> None:
    with state.session() as session:
        session.merge(
            FetchState(
                url=f"https://{source}/feed",
                source=source,
                role="feed",
                first_seen_at=NOW - 30 * DAY,
                fetched_at=fetched,
                failures=failures,
            )
        )
        session.merge(Run(id=f"run-{last_run:%d%H}", started_at=last_run, ended_at=last_run, indexed_at=last_run, fates={}))


def test_a_source_that_stops_is_told_and_its_nights_and_the_others_are_not(engine: SearchEngine, state: State) -> None:
    silent = OUTLETS[0]
    engine.upsert(one for one in steady(30) if one.source != silent or one.published_at < NOW - 2 * DAY)  # type: ignore[operator]
    watched = rule("silent_source")
    [alert] = find(engine, watched)
    assert (alert.series, alert.state, alert.observed) == (silent, "open", 0)
    assert alert.expected > 5
    assert "sources check" in alert.reason
    put_health(state, silent, failures=0)
    assert "vẫn đọc được" in find(engine, watched, state=state)[0].reason
    put_health(state, silent, failures=7)
    [broken] = find(engine, watched, state=state)
    assert "không đọc được" in broken.title
    assert "7 lần liên tiếp" in broken.reason
    put_health(state, silent, failures=0, fetched=NOW - 5 * DAY)  # switched off: nobody asks it
    assert find(engine, watched, state=state) == []
    assert find(engine, rule("silent_source", sources=[OUTLETS[1]])) == []


def test_when_collecting_stops_no_source_is_called_silent(engine: SearchEngine, state: State) -> None:
    engine.upsert(steady(30, until=NOW - 2 * DAY))
    [alert] = find(engine, rule("silent_source"))
    assert (alert.series, alert.evidence) == ("collecting", [])
    put_health(state, OUTLETS[0], failures=0, last_run=NOW - 2 * DAY)
    engine.upsert(steady(30, sources=OUTLETS[:3]))
    [alert] = find(engine, rule("silent_source"), state=state)
    assert "lần thu thập cuối" in alert.title


def test_a_source_that_never_publishes_on_sundays_is_not_silent_then(engine: SearchEngine) -> None:
    weekly = [one for one in steady(40) if one.source != OUTLETS[0] or one.published_at.weekday() < 5]  # type: ignore[union-attr]
    engine.upsert(weekly)
    sunday = NOW + DAY
    engine.upsert(steady(2, sources=OUTLETS[1:], until=sunday, first=50000))
    assert find(engine, rule("silent_source"), sunday) == []


# -- negative share ------------------------------------------------------------------------------------------------------------------


def test_a_share_that_turns_is_found_while_the_volume_stays(engine: SearchEngine) -> None:
    rng = random.Random(3)
    for number in range(40 * 24):
        at = NOW - timedelta(hours=40 * 24 - number, minutes=-5)
        chance = 0.8 if at > NOW - 20 * HOUR else 0.15
        tone = "negative" if rng.random() < chance else "neutral"
        engine.upsert([article(number, "environment", tone, at, OUTLETS[number % 5])])
    [alert] = find(engine, rule("negative_share"))
    assert (alert.series, alert.state) == ("environment", "open")
    assert alert.observed > 2.5 * alert.expected
    assert alert.evidence
    assert find(engine, rule("negative_share", share=0.95)) == []
    assert find(engine, rule("negative_share", minimum=100)) == []


def test_the_share_keeps_its_budget_over_simulated_years() -> None:
    """Over-dispersed tone (events), a share of 20 %, 15 articles a day: at most twice the accepted false alerts, most jumps found."""
    watched = NegativeShare(kind="negative_share", name="share", false_alerts_per_year=4)
    rng = random.Random(11)
    false, found, injected = 0, 0, 0
    for _year in range(4):
        hours, today = [], 0.2
        for row in range(365 * 24):
            if row % 24 == 0:
                today = rng.betavariate(0.2 * 24, 0.8 * 24)  # spread 0.04
            is_jump = (row // 24) % 60 == 45
            total = sum(rng.random() < 0.125 for _ in range(10)) if 5 <= row % 24 <= 17 else 0
            negative = sum(rng.random() < (0.75 if is_jump else today) for _ in range(total))
            hours.append(CountBucket(NOW - timedelta(hours=365 * 24 - row), total, negative))
        stretches = shares(watched, hours, 1)
        days = [45 + 60 * n for n in range(6)]
        hit = {day for day in days for first, last, *_ in stretches if first // 24 <= day + 1 and last // 24 >= day}
        injected += len(days)
        found += len(hit)
        false += sum(not any(first // 24 <= day + 1 and last // 24 >= day for day in days) for first, last, *_ in stretches)
    assert false <= 2 * 4 * 4, false
    assert found >= 0.6 * injected, (found, injected, false)


# -- what is missing -----------------------------------------------------------------------------------------------------------------


def test_a_source_that_comes_back_is_no_spike_and_the_same_from_known_sources_is(engine: SearchEngine) -> None:
    engine.upsert(quiet_weeks())
    back = [article(90000 + i, "environment", "negative", NOW - timedelta(minutes=40 * i), "tro-lai", f"Sông {i}") for i in range(8)]
    engine.upsert(back)
    spike = rule("negative_spike")
    assert find(engine, spike) == []
    engine.upsert(one.model_copy(update={"source": OUTLETS[i % 5]}) for i, one in enumerate(back))
    assert [alert.series for alert in find(engine, spike)] == ["environment"]


def test_a_real_spike_stands_beside_a_source_that_comes_back(engine: SearchEngine) -> None:
    engine.upsert(quiet_weeks())
    engine.upsert(polluted_river(8))
    engine.upsert(
        [article(95000 + i, "environment", "negative", NOW - timedelta(minutes=40 * i), "tro-lai", f"Sông {i}") for i in range(8)]
    )
    assert [alert.series for alert in find(engine, rule("negative_spike"))] == ["environment"]


def test_an_outage_is_missing_and_a_night_or_a_quiet_sunday_is_not() -> None:
    begin = NOW.replace(hour=17) - timedelta(days=30)  # midnight in Vietnam
    hours = [CountBucket(begin + HOUR * row, 6 if 6 <= row % 24 <= 20 and (row // 24) % 7 != 0 else 0, 0) for row in range(30 * 24)]
    assert silent_hours(hours) == []
    out = [one if not 300 <= row < 340 else CountBucket(one.start, 0, 0) for row, one in enumerate(hours)]
    missing = silent_hours(out)
    assert set(range(300, 340)) <= set(missing)
    assert max(missing) < 366  # the night and the quiet Sunday that follow at once cannot be told from the outage
    assert silent_hours([CountBucket(one.start, 0, 0) for one in hours]) == []


# -- many rules ----------------------------------------------------------------------------------------------------------------------


def test_rules_that_count_the_same_share_the_counts(engine: SearchEngine) -> None:
    engine.upsert(quiet_weeks())
    counting = Counting(engine)
    queries = ["sông", "đường", "bệnh viện", ""]
    made: list[Rule] = []
    for index in range(200):
        kind = "negative_spike" if index % 2 else "negative_share"
        made.append(
            rule(kind, name=f"r{index}", query=queries[index % 4], by="nothing", minimum=4 + index % 7, history_days=30 + index % 50)
        )
    evaluate(made, counting, NOW, TAXONOMY)  # type: ignore[arg-type]
    # Four queries; one count of everything, copies too, for the outages and the beginning, which begins again a little earlier.
    assert sum(counting.calls.values()) <= len(queries) + 2, counting.calls
    print(f"{len(made)} rules, {sum(counting.calls.values())} calls of the engine: {dict(counting.calls)}")  # noqa: T201
    one_by_one = Counting(engine)
    for each in made[:20]:
        evaluate([each], one_by_one, NOW, TAXONOMY)  # type: ignore[arg-type]
    assert one_by_one.calls["count"] >= 40


@pytest.mark.parametrize("seed", range(4))
def test_what_is_passed_over_as_calm_is_what_the_detector_finds_calm(seed: int) -> None:
    watched = NegativeSpike(kind="negative_spike", name="calm", minimum=4, false_alerts_per_year=200)
    rng = random.Random(seed)
    total = 40 * 24
    counts = [int(rng.random() < 0.03) for _ in range(total)]
    bursts = [rng.randrange(15 * 24, total - 60) for _ in range(5)]
    for begin in bursts:
        for _ in range(rng.randint(4, 6)):
            counts[begin + rng.randrange(8)] += 1
    start = NOW - timedelta(hours=total)
    hours = [CountBucket(start + HOUR * row, count, count) for row, count in enumerate(counts)]
    missing = frozenset(one.start for one in hours[bursts[0] + 8 : bursts[0] + 20])
    found = 0
    for begin in bursts:
        for end in (begin + 9, begin + 16, begin + 30, begin + 45):
            until, since = hours[:end], start + HOUR * (end - rng.randint(4, 20))
            wanted = [one for one in jumps(watched, until, 1, None, missing) if one.is_open or one.end > since]
            found += len(wanted)
            got = jumps(watched, until, 1, since, missing)
            assert {one.start for one in wanted} <= {one.start for one in got}
    assert found >= 5


def test_together_or_alone_a_rule_says_the_same(engine: SearchEngine) -> None:
    engine.upsert(quiet_weeks(days=60))
    engine.upsert(polluted_river(8))
    made = [
        rule("negative_spike", name="short", history_days=20), rule("negative_spike", name="long", history_days=60),
        rule("negative_spike", name="topics", by="topic", query="sông OR cá"),
        rule("negative_spike", name="all", by="nothing", copies=True),
        rule("negative_spike", name="stories", by="nothing", unit="stories", minimum=1, false_alerts_per_year=300),
        rule("negative_share", name="share", by="nothing", minimum=5), rule("new_match", query="sông"),
        rule("story_reach", outlets=3), rule("silent_source"), rule("first_criticism"),
    ]  # fmt: skip
    together = {alert.id: alert for alert in evaluate(made, engine, NOW, TAXONOMY)}
    alone = {alert.id: alert for each in made for alert in evaluate([each], engine, NOW, TAXONOMY)}
    assert together == alone
    assert {"short", "long", "new_match", "story_reach"} <= {alert.rule for alert in together.values()}
