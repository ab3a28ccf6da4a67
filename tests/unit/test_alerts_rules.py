"""Rules from TOML, their evaluation against the embedded engine, and the alert log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.evaluation import evaluate, replay
from alerts.log import record
from alerts.rules.negative_spike import NegativeSpike
from alerts.rules_file import choose_rule, read_rule, read_rules
from diembao.alert import Alert
from diembao.engine import SearchEngine
from diembao.errors import ConfigError, QueryError, UsageError
from diembao.settings import PROJECT, Mail, Office
from diembao.state import AlertRecord, OutboxMessage, State
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import NOW, OUTLETS, SENTENCE, article, polluted_river, quiet_weeks

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
RULE = NegativeSpike(kind="negative_spike", name="negative-by-field")
OFFICE = Office(name="Văn phòng", province="Đồng Tháp", mail=Mail(recipients=("a@example.vn", "b@example.vn")))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    opened = SqliteEngine(tmp_path / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    opened.prepare()
    opened.upsert(quiet_weeks())
    yield opened
    opened.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def find(engine: SearchEngine, now: datetime = NOW, rule: NegativeSpike = RULE) -> list[Alert]:
    return evaluate([rule], engine, now, TAXONOMY)


def mails(state: State) -> list[str]:
    with state.session() as session:
        return sorted(session.scalars(select(OutboxMessage.key)))


def logged(state: State) -> list[tuple[str, str, int]]:
    with state.session() as session:
        return [(r.id, r.state, r.alert["observed"]) for r in session.scalars(select(AlertRecord).order_by(AlertRecord.started_at))]


def test_the_shipped_rules_can_be_read() -> None:
    assert [rule.name for rule in read_rules(PROJECT / "config" / "alerts")] == ["negative-by-field"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "negative_spike"\nthreshhold = 3', r"rule\.toml: threshhold: there is no such key"),
        ('kind = "spike"', r"rule\.toml: kind: 'spike' is not a kind of rule"),
        ("", r"rule\.toml: kind: None"),
        ('kind = "negative_spike"\nwindow = "5h"', r"rule\.toml: window: write hours as one of"),
        ('kind = "negative_spike"\nminimum = 0', r"rule\.toml: minimum: "),
        ('kind = "negative_spike"\nunit = "words"', r"rule\.toml: unit: "),
        ('kind = "negative_spike"\nfalse_alerts_per_year = 0', r"rule\.toml: false_alerts_per_year: "),
        ('kind = "negative_spike"\nname = "A b\\nc"', r"rule\.toml: name: "),
        ("kind = ", r"rule\.toml: Invalid value"),
        (b"kind = \xff", r"rule\.toml: "),
    ],
)
def test_a_wrong_rule_is_one_line_with_file_and_key(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "rule.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=message) as error:
        read_rule(path)
    assert "\n" not in error.value.message


def test_two_rules_cannot_have_one_name_and_a_disabled_one_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('kind = "negative_spike"\nenabled = false', encoding="utf-8")
    assert read_rules(tmp_path) == []
    (tmp_path / "b.toml").write_text('kind = "negative_spike"\nname = "a"', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'a' is also the name of a\.toml"):
        read_rules(tmp_path)
    with pytest.raises(UsageError, match="unknown rule: c"):
        choose_rule([RULE], "c")
    assert read_rules(tmp_path / "nowhere") == []


def test_three_quiet_weeks_give_no_alert(engine: SearchEngine) -> None:
    assert find(engine) == []
    assert replay(RULE, engine, NOW, TAXONOMY, NOW - timedelta(days=20)) == []


@pytest.mark.parametrize("count", [6, 7, 8])
def test_a_polluted_river_is_an_alert_of_its_field_only(engine: SearchEngine, count: int) -> None:
    river = polluted_river(count)
    engine.upsert(river)
    [alert] = find(engine)
    assert alert.series == "environment"
    assert alert.state == "open"
    assert alert.observed == count
    assert alert.expected < 1
    assert alert.probability < 1e-5
    assert alert.window_start <= river[0].published_at < alert.window_end == NOW  # type: ignore[operator]
    assert alert.title.startswith(f"Tài nguyên và môi trường: {count} tin tiêu cực trong ")
    assert sum(point.observed for point in alert.points[-2:]) == count
    [story] = alert.evidence
    assert (story.title, story.source, story.sentences[0]) == (river[0].title, OUTLETS[0], SENTENCE)
    assert (story.copies, len(story.outlets)) == (count, 5)


def test_it_is_found_on_the_night_of_the_second_day_of_history(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "young.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    engine.prepare()
    engine.upsert(quiet_weeks(days=4))
    assert find(engine) == []
    engine.upsert(polluted_river(8))
    assert [alert.series for alert in find(engine)] == ["environment"]
    engine.close()


def test_an_old_article_does_not_make_a_year_of_silence(engine: SearchEngine) -> None:
    before = find(engine)
    engine.upsert([article(80000, "environment", "negative", NOW - timedelta(days=150), "doc-bao")])
    engine.upsert(polluted_river(7))
    with_old = find(engine)
    assert before == []
    assert with_old[0].expected > 0.02


def test_articles_with_a_future_date_are_left_out(engine: SearchEngine) -> None:
    engine.upsert(polluted_river(8, begin=NOW + timedelta(hours=1)))
    assert find(engine) == []


def test_outlets_stories_and_places_are_other_series(engine: SearchEngine) -> None:
    engine.upsert(polluted_river(8))
    by_story = RULE.model_copy(update={"unit": "stories", "minimum": 2})
    assert find(engine, rule=by_story) == []
    by_outlet = RULE.model_copy(update={"unit": "outlets"})
    assert "báo đưa tin tiêu cực" in find(engine, rule=by_outlet)[0].title
    here = RULE.model_copy(update={"by": "nothing", "query": "sông", "places": ("Đồng Tháp",), "label": "Sông"})
    [alert] = find(engine, rule=here)
    assert alert.title.startswith("Sông × Đồng Tháp: ")
    assert alert.query == '(sông) AND (place:"Đồng Tháp") AND sentiment:negative'


def test_a_rule_with_a_broken_query_says_so(engine: SearchEngine) -> None:
    with pytest.raises(QueryError):
        find(engine, rule=RULE.model_copy(update={"query": "(sông"}))


def test_evaluating_twice_is_one_alert_and_one_mail_each(engine: SearchEngine, state: State) -> None:
    engine.upsert(polluted_river(6))
    assert record(state, find(engine), OFFICE, TAXONOMY, NOW) == 2
    later = NOW + timedelta(minutes=5)
    assert record(state, find(engine, later), OFFICE, TAXONOMY, later) == 0
    assert len(logged(state)) == 1
    assert len(mails(state)) == 2


def test_an_alert_grows_in_place_even_when_its_beginning_moves_and_ends_once(engine: SearchEngine, state: State) -> None:
    engine.upsert(polluted_river(6))
    record(state, find(engine), OFFICE, TAXONOMY, NOW)
    [(first, _, _)] = logged(state)
    # A late article moves the beginning; three more are no doubling.
    engine.upsert([article(91000 + i, "environment", "negative", NOW - timedelta(hours=8 - i), "doc-bao") for i in range(3)])
    assert record(state, find(engine), OFFICE, TAXONOMY, NOW) == 0
    assert logged(state) == [(first, "open", 9)]
    engine.upsert([article(92000 + i, "environment", "negative", NOW - timedelta(minutes=5 + i), "doc-bao") for i in range(6)])
    later = NOW + timedelta(minutes=5)
    assert record(state, find(engine, later), OFFICE, TAXONOMY, later) == 2
    assert logged(state) == [(first, "open", 15)]
    over = NOW + timedelta(days=3)
    # Three days without any article are no calm: nothing was collected.
    assert record(state, find(engine, over), OFFICE, TAXONOMY, over) == 0
    assert logged(state)[0][1] == "open"
    engine.upsert([article(93000 + i, "culture", "neutral", NOW + timedelta(hours=i), "doc-bao") for i in range(72)])
    assert record(state, find(engine, over), OFFICE, TAXONOMY, over) == 2
    assert record(state, find(engine, over), OFFICE, TAXONOMY, over) == 0
    assert logged(state)[0][1] == "closed"
    assert {key.split(":")[2] for key in mails(state)} == {"new", "grown", "ended"}


def test_an_alert_that_was_over_long_ago_is_logged_without_a_mail(engine: SearchEngine, state: State) -> None:
    engine.upsert(polluted_river(8, begin=NOW - timedelta(days=4)))
    assert record(state, find(engine), OFFICE, TAXONOMY, NOW) == 0
    assert [entry[1] for entry in logged(state)] == ["closed"]


def test_the_log_closes_what_is_not_reported_any_more(engine: SearchEngine, state: State) -> None:
    engine.upsert(polluted_river(8))
    record(state, find(engine), OFFICE, TAXONOMY, NOW)
    assert record(state, [], OFFICE, TAXONOMY, NOW + timedelta(hours=1)) == 2
    assert logged(state)[0][1] == "closed"


def test_an_address_with_line_breaks_is_kept_as_failed_and_holds_up_nobody(engine: SearchEngine, state: State) -> None:
    engine.upsert(polluted_river(8))
    office = OFFICE.model_copy(update={"mail": Mail(recipients=("a@b.vn\r\nBcc: spy@x.vn", "ok@example.vn"))})
    assert record(state, find(engine), office, TAXONOMY, NOW) == 1
    with state.session() as session:
        found = {m.recipient: (m.status, b"spy@x.vn" in m.message) for m in session.scalars(select(OutboxMessage))}
    assert found == {"a@b.vn\r\nBcc: spy@x.vn": ("failed", False), "ok@example.vn": ("waiting", False)}


def test_replay_says_how_often_a_rule_would_have_fired(engine: SearchEngine) -> None:
    for days in (6, 2):
        for index in range(8):
            at = NOW - timedelta(days=days, minutes=30 * index)
            engine.upsert([article(95000 + 100 * days + index, "environment", "negative", at, OUTLETS[index % 5])])
    assert len(replay(RULE, engine, NOW, TAXONOMY, NOW - timedelta(days=90))) == 2
    assert len(replay(RULE, engine, NOW, TAXONOMY, NOW - timedelta(days=4))) == 1
