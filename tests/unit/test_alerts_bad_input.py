"""What arrives at rules of every kind that should not: wrong clocks, wrong dates, old news, floods and broken queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from alerts.evaluation import evaluate
from alerts.log import record
from alerts.rule import Rule
from alerts.rules_file import kinds
from diembao.alert import Alert
from diembao.article import Article, CriticalOf, Entity
from diembao.engine import SearchEngine
from diembao.settings import PROJECT, Mail, Office
from diembao.state import AlertRecord, OutboxMessage, State
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import NOW, OUTLETS, article, polluted_river, quiet_weeks

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
OFFICE = Office(name="Văn phòng", province="Đồng Tháp", mail=Mail(recipients=("a@example.vn",)))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES: dict[str, dict[str, Any]] = {
    "negative_spike": {}, "negative_share": {"minimum": 5}, "new_match": {"query": "sông"}, "first_criticism": {"quiet_days": 10},
    "story_reach": {"outlets": 4}, "silent_source": {}, "story_growth": {"within_hours": 6}, "new_name": {"stories": 1, "words": True},
}  # fmt: skip


def rules() -> list[Rule]:
    return [kinds()[kind].MODEL.model_validate({"kind": kind, "name": kind, **keys}) for kind, keys in RULES.items()]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    opened = SqliteEngine(tmp_path / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    opened.prepare()
    opened.upsert(quiet_weeks(days=50))
    yield opened
    opened.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def find(engine: SearchEngine, now: datetime = NOW) -> dict[str, Alert]:
    return {alert.id: alert for alert in evaluate(rules(), engine, now, TAXONOMY)}


def loud(number: int, at: datetime, outlet: str, story: str = "loud") -> Article:
    """An article that every kind of rule would speak of."""
    name = "Công ty Sao Băng"
    return article(number, "environment", "negative", at, outlet, "Sông Ba Rài chết", story=story).model_copy(
        update={
            "body": f"{name} xả thải.",
            "entities": [Entity(text=name, type="ORG", start=0, end=len(name))],
            "critical_of": CriticalOf(label="authority", scores={"authority": 0.9}, confident=True, sentences=["Xã không trả lời."]),
        }
    )


def test_every_kind_is_here_and_speaks_when_it_should(engine: SearchEngine) -> None:
    assert set(RULES) == set(kinds())
    engine.upsert(loud(90000 + i, NOW - (9 - i) * HOUR / 2, OUTLETS[i % 5]) for i in range(9))
    assert set(RULES) - {"silent_source"} <= {alert.kind for alert in find(engine).values()}


def test_articles_from_the_future_change_nothing(engine: SearchEngine) -> None:
    before = find(engine)
    engine.upsert(loud(90000 + i, NOW + timedelta(minutes=1) + i * HOUR, OUTLETS[i % 5]) for i in range(12))
    engine.upsert(loud(91000 + i, NOW + 400 * DAY + i * HOUR, OUTLETS[i % 5]) for i in range(12))
    assert find(engine) == before


def test_an_archive_that_is_published_again_is_no_news(engine: SearchEngine) -> None:
    before = find(engine)
    engine.upsert(
        loud(90000 + i, NOW - 40 * DAY + i * HOUR, OUTLETS[0], f"old-{i}").model_copy(
            update={"first_seen_at": NOW - HOUR, "fetched_at": NOW}
        )
        for i in range(200)
    )
    new = {key: alert for key, alert in find(engine).items() if key not in before}
    assert {alert.kind for alert in new.values()} <= set()


def test_ten_thousand_articles_in_one_minute_are_a_few_alerts(engine: SearchEngine, state: State) -> None:
    engine.upsert(loud(100000 + i, NOW - timedelta(seconds=600 - i % 60), OUTLETS[i % 5], f"flood-{i % 40}") for i in range(10_000))
    found = find(engine)
    by_kind = {kind: [alert for alert in found.values() if alert.kind == kind] for kind in RULES}
    assert {kind: len(alerts) for kind, alerts in by_kind.items() if len(alerts) > 45} == {}
    assert by_kind["negative_spike"][0].observed == 10_000
    assert all(len(alert.evidence) <= 10 for alert in found.values())
    record(state, list(found.values()), OFFICE, TAXONOMY, NOW)
    with state.session() as session:
        assert len(list(session.scalars(select(OutboxMessage.key).where(OutboxMessage.status == "waiting")))) == 1


@pytest.mark.parametrize("jump", [-400 * DAY, -26 * HOUR, -10 * timedelta(minutes=1), 3 * HOUR, 400 * DAY])
def test_a_clock_that_jumps_and_comes_back_mails_nothing_twice(engine: SearchEngine, state: State, jump: timedelta) -> None:
    engine.upsert(polluted_river(8))
    for now in (NOW, NOW + jump, NOW + timedelta(minutes=5), NOW + jump, NOW + timedelta(minutes=10)):
        record(state, evaluate(rules(), engine, now, TAXONOMY), OFFICE, TAXONOMY, now)
    with state.session() as session:
        keys = list(session.scalars(select(OutboxMessage.key)))
        spikes = list(session.scalars(select(AlertRecord).where(AlertRecord.rule == "negative_spike")))
    assert len(keys) == len(set(keys))
    assert len(spikes) == 1


def test_late_articles_join_the_alert_they_belong_to(engine: SearchEngine, state: State) -> None:
    engine.upsert(loud(90000 + i, NOW - (9 - i) * HOUR / 2, OUTLETS[i % 5]) for i in range(9))
    record(state, list(find(engine).values()), OFFICE, TAXONOMY, NOW)
    engine.upsert(loud(91000 + i, NOW - 5 * HOUR - i * HOUR / 3, OUTLETS[i % 5]) for i in range(4))
    record(state, list(find(engine).values()), OFFICE, TAXONOMY, NOW + timedelta(minutes=5))
    with state.session() as session:
        rules_of = [
            one.rule for one in session.scalars(select(AlertRecord)) if one.rule in ("negative_spike", "story_reach", "story_growth")
        ]
    assert sorted(rules_of) == ["negative_spike", "story_growth", "story_reach"]


def test_a_broken_query_of_any_kind_costs_that_rule_only(engine: SearchEngine) -> None:
    engine.upsert(polluted_river(8))
    broken = [one.model_copy(update={"name": f"broken-{one.kind}", "query": "(sông AND"}) for one in rules()]
    problems: dict[str, str] = {}
    found = evaluate([*broken, *rules()], engine, NOW, TAXONOMY, problems=problems)
    assert set(problems) == {one.name for one in broken}
    assert {alert.id: alert for alert in found} == find(engine)
