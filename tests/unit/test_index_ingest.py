"""New, known, changed, stale, refused: what becomes of an article that comes in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from diembao.article import Article
from diembao.engine import SearchRequest
from diembao.errors import EngineError
from diembao.fates import Fate
from diembao.state import Revision, State
from index.ingest import ingest
from index.sqlite_engine import SqliteEngine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    made = SqliteEngine(tmp_path / "index.sqlite")
    yield made
    made.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield made
    made.close()


def article(hour: int = 0, body: str = "Mưa lớn.", **fields: object) -> Article:
    given = {"url": "https://bao.example/a", "title": "Lũ", "body": body, "fetched_at": datetime(2026, 11, 20, hour, tzinfo=UTC), **fields}
    return Article.model_validate(given)


def revisions(state: State) -> list[tuple[int, str]]:
    with state.session() as session:
        return [(row.revision, row.body) for row in session.scalars(select(Revision).order_by(Revision.revision))]


def test_a_new_article_is_indexed_and_its_text_kept(engine: SqliteEngine, state: State) -> None:
    new = article(3)
    report = ingest(engine, state, [new])
    assert report.counts() == {"indexed": 1, "unchanged": 0, "revised": 0, "rejected": 0}
    assert report.outcomes == {new.id: Fate.INDEXED}
    stored = engine.get(new.id)
    assert stored is not None
    assert stored.first_seen_at == new.fetched_at
    assert revisions(state) == [(1, "Mưa lớn.")]


def test_a_second_time_changes_nothing(engine: SqliteEngine, state: State) -> None:
    ingest(engine, state, [article(3)])
    before = engine.get(article().id)
    report = ingest(engine, state, [article(5)])
    assert report.counts() == {"indexed": 0, "unchanged": 1, "revised": 0, "rejected": 0}
    assert report.outcomes == {article().id: Fate.UNCHANGED}
    assert engine.get(article().id) == before
    assert len(revisions(state)) == 1


def test_tags_and_links_of_a_known_text_are_renewed(engine: SqliteEngine, state: State) -> None:
    ingest(engine, state, [article(3)])
    report = ingest(engine, state, [article(5, topics=[{"code": "environment", "score": 0.8}], story_id="s")])
    assert report.unchanged == 1
    assert engine.search(SearchRequest("topic:environment story:s")).total == 1
    stored = engine.get(article().id)
    assert stored is not None
    assert (stored.revision, stored.first_seen_at) == (1, article(3).fetched_at)


def test_a_changed_text_is_a_revision(engine: SqliteEngine, state: State) -> None:
    ingest(engine, state, [article(3)])
    report = ingest(engine, state, [article(5, "Mưa rất lớn.")])
    assert report.counts() == {"indexed": 0, "unchanged": 0, "revised": 1, "rejected": 0}
    stored = engine.get(article().id)
    assert stored is not None
    assert (stored.revision, stored.first_seen_at, stored.fetched_at) == (2, article(3).fetched_at, article(5).fetched_at)
    assert revisions(state) == [(1, "Mưa lớn."), (2, "Mưa rất lớn.")]
    assert engine.search(SearchRequest("rất")).total == 1


def test_an_old_fetch_does_not_undo_a_revision(engine: SqliteEngine, state: State) -> None:
    ingest(engine, state, [article(3), article(5, "Mưa rất lớn.")])
    report = ingest(engine, state, [article(3)])
    assert report.counts() == {"indexed": 0, "unchanged": 1, "revised": 0, "rejected": 0}
    stored = engine.get(article().id)
    assert stored is not None
    assert stored.body == "Mưa rất lớn."


def test_one_id_several_times_in_a_batch(engine: SqliteEngine, state: State) -> None:
    report = ingest(engine, state, [article(3), article(4), article(5, "Mưa rất lớn."), article(6, "Mưa rất lớn.")])
    assert report.counts() == {"indexed": 1, "unchanged": 2, "revised": 1, "rejected": 0}
    assert report.outcomes == {article().id: Fate.INDEXED}
    assert revisions(state) == [(1, "Mưa lớn."), (2, "Mưa rất lớn.")]
    stored = engine.get(article().id)
    assert stored is not None
    assert stored.revision == 2


def test_replaying_everything_gives_the_same_numbers(engine: SqliteEngine, state: State) -> None:
    history = [article(3), article(5, "B"), article(7, "C")]
    ingest(engine, state, history)
    before = (engine.get(article().id), revisions(state))
    report = ingest(engine, state, history)
    assert report.counts() == {"indexed": 0, "unchanged": 3, "revised": 0, "rejected": 0}
    assert (engine.get(article().id), revisions(state)) == before


def test_a_text_that_comes_back_is_a_revision_of_its_own(engine: SqliteEngine, state: State) -> None:
    ingest(engine, state, [article(3, "A"), article(4, "B")])
    report = ingest(engine, state, [article(5, "A")])
    assert report.revised == 1
    stored = engine.get(article().id)
    assert stored is not None
    assert (stored.revision, stored.body) == (3, "A")


class Interrupted(SqliteEngine):
    """Dies between the state and the engine."""

    def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
        raise EngineError("the lights went out")


def test_an_interruption_between_state_and_engine_ends_in_the_same_revision(engine: SqliteEngine, state: State, tmp_path: Path) -> None:
    ingest(engine, state, [article(3, "A")])
    dying = Interrupted(tmp_path / "index.sqlite")
    with pytest.raises(EngineError):
        ingest(dying, state, [article(5, "B")])
    dying.close()
    report = ingest(engine, state, [article(5, "B")])
    assert report.revised == 1
    stored = engine.get(article().id)
    assert stored is not None
    assert stored.revision == 2
    assert revisions(state) == [(1, "A"), (2, "B")]


class Choosy(SqliteEngine):
    """Refuses one id."""

    def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
        kept = [entry for entry in articles if entry.id != "bad"]
        return super().upsert(kept) | {"bad": "mapper_parsing_exception: no"}


def test_a_refused_article_is_named_and_leaves_no_text_behind(state: State, tmp_path: Path) -> None:
    engine = Choosy(tmp_path / "choosy.sqlite")
    nameless = Article.model_validate({"title": "x"})
    report = ingest(engine, state, [article(3), article(3, id="bad", url=""), nameless])
    engine.close()
    assert report.counts() == {"indexed": 1, "unchanged": 0, "revised": 0, "rejected": 2}
    assert report.outcomes["bad"] is Fate.REJECTED
    assert "mapper" in report.reasons["bad"]
    assert "neither an id nor a url" in report.reasons[""]
    assert len(revisions(state)) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"published_at": "1970-01-01T00:00:00Z"},
        {"published_at": "2099-12-31T00:00:00Z"},
        {"published_at": "0001-01-01T00:00:00Z"},
        {"published_at": "9999-12-31T23:59:59Z"},
        {"published_at": None, "fetched_at": None},
        {"body": "lũ " * 350_000},
        {"tags": [f"nhãn {number}" for number in range(10_000)]},
        {"title": "\ud800 lũ \udfff", "tags": ["\ud800"], "authors": ["\udc00"]},
        {"title": "\x00\x01 lũ \ue000\ue001 \u202e"},
        {"title": "_" * 500, "body": "a" * 100_000},
        {"body": "🌊" * 1000 + " َُ \u0300\u0301"},
    ],
    ids=range(11),
)
def test_absurd_articles_are_kept_and_found(engine: SqliteEngine, state: State, fields: dict[str, object]) -> None:
    assert ingest(engine, state, [article(3, **fields)]).indexed == 1
    assert engine.search(SearchRequest("")).total == 1
    assert len(list(engine.scan())) == 1
