"""Corrections by staff: they win at once, stay over everything that writes an article, can be taken back, and go along with groups."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.corrections import corrections
from diembao.article import Article
from diembao.corrections import FIELDS, Correction, as_text, checked, corrected, read_value, uncorrected
from diembao.engine import Filters, SearchRequest
from diembao.errors import DiembaoError, EngineError, InputError, UsageError
from diembao.settings import PROJECT, Settings
from diembao.state import CorrectionRecord, State
from diembao.taxonomy import read_taxonomy
from index.corrections import correct, forget, history, undo
from index.ingest import ingest
from index.sqlite_engine import SqliteEngine
from nlp.place_lookup import place_named

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")


def article(name: str, body: str = "Mưa lớn.", **fields: Any) -> Article:
    given = {
        "id": name,
        "url": f"https://bao.example/{name}",
        "title": f"Lũ {name}",
        "body": body,
        "fetched_at": NOW,
        "topics": [{"code": "environment", "score": 0.8}],
        "sentiment": {"label": "neutral", "scores": {"negative": 0.3, "neutral": 0.7}, "sentences": ["Mưa lớn."]},
        "critical_of": {"label": "none"},
        "story_id": name,
    }
    return Article.model_validate(given | fields)


class Office:
    """An engine and a state, and the shortest way to correct."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home, PROJECT / "config", "sqlite", f"sqlite:///{home / 'state.sqlite'}")
        self.engine = SqliteEngine(home / "index.sqlite")
        self.state = State(self.settings.database)
        self.minutes = 0

    def give(self, name: str, field: str, text: str) -> Correction:
        self.minutes += 1
        value = read_value(field, text, TAXONOMY, place_named)
        return correct(self.state, self.engine, name, field, value, NOW + timedelta(minutes=self.minutes), "Lan")

    def undo(self, given: Correction) -> Correction:
        return undo(self.state, self.engine, given.key, NOW + timedelta(days=1), "Lan")

    def get(self, name: str) -> Article:
        found = self.engine.get(name)
        assert found is not None
        return found

    def ingest(self, *articles: Article) -> dict[str, int]:
        return ingest(self.engine, self.state, articles).counts()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    made.ingest(article("a"), article("b"), article("c"))
    yield made
    made.engine.close()
    made.state.close()


CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("topics", "health,traffic", {"topics": [{"code": "health", "score": 1.0}, {"code": "traffic", "score": 1.0}]}),
    ("topics", "none", {"topics": []}),
    ("sentiment", "negative", {"sentiment": {"label": "negative", "scores": {}, "confident": True, "sentences": []}}),
    ("sentiment", "neutral", {"sentiment": {"label": "neutral", "scores": {}, "confident": True, "sentences": ["Mưa lớn."]}}),
    ("critical_of", "authority", {"critical_of": {"label": "authority", "scores": {}, "confident": True, "sentences": []}}),
    ("places", "Tiền Giang; 82", {"places": [place_named(name).model_dump(mode="json") for name in ("Tiền Giang", "82")]}),
    ("copy_of", "b", {"copy_of": "b", "similarity": None, "story_id": "b"}),
    ("story_id", "b", {"story_id": "b"}),
    ("story_id", "apart", {"story_id": "a-apart"}),
    ("relevant", "no", {"relevant": False}),
]


@pytest.mark.parametrize(("field", "text", "expected"), CASES)
def test_a_correction_wins_at_once_stays_and_can_be_taken_back(office: Office, field: str, text: str, expected: dict[str, Any]) -> None:
    machine = office.get("a")
    given = office.give("a", field, text)
    assert given.in_force
    after = office.get("a")
    record = after.to_record()
    assert {name: record[name] for name in expected} == expected
    assert after.corrected == [field]
    assert after.uncorrected == {name: machine.to_record()[name] for name in expected}

    assert office.ingest(article("a", fetched_at=NOW + timedelta(hours=1)))["unchanged"] == 1
    assert office.get("a") == after
    assert office.ingest(article("a", "Mưa rất lớn.", fetched_at=NOW + timedelta(hours=2)))["revised"] == 1
    revised = office.get("a")
    assert (revised.revision, revised.body, revised.corrected) == (2, "Mưa rất lớn.", [field])
    assert {name: revised.to_record()[name] for name in expected} == expected

    office.undo(given)
    plain = office.get("a")
    assert (plain.corrected, plain.uncorrected) == ([], {})
    assert {name: plain.to_record()[name] for name in expected} == {name: machine.to_record()[name] for name in expected}
    assert [row.undoes for row in _history(office)] == [None, given.key]


def _history(office: Office, name: str | None = None) -> list[Correction]:
    with office.state.session() as session:
        return history(session, name)


def test_search_follows_at_once(office: Office) -> None:
    office.give("a", "sentiment", "negative")
    office.give("b", "relevant", "no")

    def ids(filters: Filters) -> set[str]:
        return {hit.article.id for hit in office.engine.search(SearchRequest("lũ", filters)).hits}

    assert ids(Filters(sentiments=("negative",))) == {"a"}
    assert ids(Filters()) == {"a", "c"}
    assert ids(Filters(topics=("irrelevant",))) == {"b"}


def test_undoing_gives_back_what_the_newest_model_says(office: Office) -> None:
    given = office.give("a", "sentiment", "negative")
    office.ingest(article("a", sentiment={"label": "positive"}))
    assert (label := office.get("a").sentiment) is not None
    assert label.label == "negative"
    office.undo(given)
    assert (label := office.get("a").sentiment) is not None
    assert label.label == "positive"


def test_the_same_again_is_one_row_unless_it_was_taken_back(office: Office) -> None:
    def give() -> Correction:
        return correct(office.state, office.engine, "a", "sentiment", "negative", NOW, "Lan")

    first = give()
    assert give() == first
    assert len(_history(office)) == 1
    office.undo(first)
    assert give().in_force
    assert office.get("a").corrected == ["sentiment"]
    assert len(_history(office)) == 3


def test_the_last_correction_that_was_not_taken_back_counts(office: Office) -> None:
    first, second = office.give("a", "topics", "health"), office.give("a", "topics", "sport")
    assert [topic.code for topic in office.get("a").topics] == ["sport"]
    office.undo(second)
    assert [topic.code for topic in office.get("a").topics] == ["health"]
    with pytest.raises(UsageError, match="taken back before"):
        office.undo(second)
    office.undo(first)
    assert [topic.code for topic in office.get("a").topics] == ["environment"]
    assert [row.in_force for row in _history(office)] == [False] * 4


def test_no_copy_of_one_may_be_a_copy_of_another(office: Office) -> None:
    office.ingest(article("a", copy_of="b", similarity=0.9, story_id="b"))
    given = office.give("a", "copy_of", "not:b")
    assert (office.get("a").copy_of, office.get("a").similarity) == (None, None)
    office.ingest(article("a", copy_of="c", similarity=0.7))
    assert (office.get("a").copy_of, office.get("a").similarity) == ("c", 0.7)
    office.ingest(article("a", copy_of="b", similarity=0.9))
    assert office.get("a").copy_of is None
    office.undo(given)
    assert office.get("a").copy_of == "b"


def test_a_correction_of_a_copy_goes_along_when_the_origin_gets_an_earlier_one(office: Office) -> None:
    office.give("a", "copy_of", "b")
    office.ingest(article("b", copy_of="c", similarity=0.8, story_id="c"))
    assert (office.get("a").copy_of, office.get("a").story_id) == ("c", "c")
    office.ingest(article("b"))
    assert office.get("a").copy_of == "b"


def test_copies_of_what_becomes_a_copy_follow_and_come_back(office: Office) -> None:
    office.ingest(article("d", copy_of="a", similarity=0.9, story_id="a"))
    given = office.give("a", "copy_of", "b")
    assert office.get("d").copy_of == "b"
    office.ingest(article("d", copy_of="a", similarity=0.9, story_id="a"), article("e", copy_of="a", similarity=0.9, story_id="a"))
    assert [office.get(name).copy_of for name in "de"] == ["b", "b"]
    office.undo(given)
    assert [office.get(name).copy_of for name in "ade"] == [None, "a", "a"]
    assert [office.get(name).corrected for name in "ade"] == [[], [], []]


def test_a_correction_of_a_story_goes_along_when_the_story_gets_another_name(office: Office) -> None:
    office.give("a", "story_id", "b")
    office.ingest(article("b", story_id="c"))
    assert office.get("a").story_id == "c"


def test_what_linking_finds_of_an_indexed_article_does_not_undo_its_correction(office: Office) -> None:
    given = office.give("a", "copy_of", "none")
    indexed = office.get("a")
    office.ingest(indexed.with_fields(copy_of="b", similarity=0.9))  # as `nlp.linking` gives it: taken from the engine, repointed
    assert office.get("a").copy_of is None
    office.undo(given)
    assert (office.get("a").copy_of, office.get("a").similarity) == ("b", 0.9)


def test_a_story_is_named_by_any_of_its_articles_or_by_its_own_id(office: Office) -> None:
    office.ingest(article("d", story_id="gone"))
    office.give("a", "story_id", "gone")
    assert office.get("a").story_id == "gone"
    assert _history(office)[0].value == {"with": "d"}


@pytest.mark.parametrize(
    ("name", "field", "text", "message"),
    [
        ("x", "sentiment", "negative", "there is no article 'x'"),
        ("a", "sentiment", "bad", "'bad' is no value of sentiment. Values: negative, neutral, positive"),
        ("a", "critical_of", "me", "'me' is no value of critical_of"),
        ("a", "topics", "health,money", "'money' is no topic. Topics: security"),
        ("a", "places", "Atlantis", "there is no place 'Atlantis'"),
        ("a", "places", "Tân Phú", "places are called 'Tân Phú'"),
        ("a", "copy_of", "x", "there is no article 'x'"),
        ("a", "copy_of", "a", "names the article itself"),
        ("a", "story_id", "x", "there is no article 'x'"),
        ("a", "copy_of", "", "needs the id of another article"),
        ("a", "relevant", "maybe", "Write yes or no"),
        ("a", "title", "Nắng", "'title' cannot be corrected. Fields: topics"),
    ],
)
def test_a_wrong_correction_is_one_clear_error_and_changes_nothing(office: Office, name: str, field: str, text: str, message: str) -> None:
    before = office.engine.get(name)
    with pytest.raises(UsageError, match=message):
        office.give(name, field, text)
    assert _history(office) == []
    assert office.engine.get(name) == before


def test_two_corrections_that_name_each_other_are_refused(office: Office) -> None:
    office.give("a", "story_id", "b")
    office.give("b", "story_id", "c")
    with pytest.raises(UsageError, match="names this article already"):
        office.give("c", "story_id", "a")


def test_nothing_is_kept_when_the_engine_fails(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_articles: object) -> dict[str, str]:
        raise EngineError("the engine is away")

    monkeypatch.setattr(office.engine, "upsert", away)
    with pytest.raises(EngineError):
        office.give("a", "sentiment", "negative")
    assert _history(office) == []


def test_a_correction_given_while_the_article_is_being_written_wins(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    write = office.engine.upsert

    def meanwhile(articles: Iterable[Article]) -> dict[str, str]:
        monkeypatch.setattr(office.engine, "upsert", write)
        office.give("a", "sentiment", "negative")
        return write(articles)  # the article as it was before the correction, over it

    monkeypatch.setattr(office.engine, "upsert", meanwhile)
    office.ingest(article("a", "Mưa rất lớn.", fetched_at=NOW + timedelta(hours=1)))
    assert (office.get("a").body, office.get("a").corrected) == ("Mưa rất lớn.", ["sentiment"])


def test_erasing_takes_the_corrections_along(office: Office) -> None:
    office.give("a", "sentiment", "negative")
    office.give("b", "story_id", "a")
    office.give("c", "sentiment", "negative")
    with office.state.session() as session:
        assert forget(session, ["a"]) == 2
    assert [row.article_id for row in _history(office)] == ["c"]


def test_numbers_of_persons_in_a_note_are_masked(office: Office) -> None:
    correct(office.state, office.engine, "a", "relevant", False, NOW, "Lan", "anh A, 0912.345.678, gọi đến")
    assert _history(office)[0].note == "anh A, 091x.xxx.xxx, gọi đến"


def test_a_copy_of_the_index_has_the_corrections_of_its_own_office(office: Office, tmp_path: Path) -> None:
    office.give("a", "sentiment", "negative")
    other = Office(tmp_path / "other") if (tmp_path / "other").mkdir() is None else office
    other.ingest(*office.engine.scan())
    assert other.get("a") == uncorrected(office.get("a")).with_fields(first_seen_at=other.get("a").first_seen_at)
    other.engine.close()
    other.state.close()


def test_correcting_is_pure_and_twice_is_once() -> None:
    plain = article("a")
    values = {
        field: checked(field, value, TAXONOMY) for field, value in [("sentiment", "negative"), ("relevant", False), ("story_id", None)]
    }
    once = corrected(plain, values, lambda _: None)
    assert corrected(once, values, lambda _: None) == once
    assert uncorrected(once) == plain
    assert corrected(plain, {}, lambda _: None) is plain
    assert Article.from_record(json.loads(json.dumps(once.to_record()))) == once


@pytest.mark.parametrize("field", FIELDS)
def test_what_is_shown_can_be_read_again(field: str) -> None:
    texts = {"topics": "health,sport", "places": "82", "copy_of": "not:b", "story_id": "b", "relevant": "no", "sentiment": "negative"}
    value = read_value(field, texts.get(field, "authority"), TAXONOMY, place_named)
    assert read_value(field, as_text(field, value), TAXONOMY, place_named) == value


# -- the command ------------------------------------------------------------------------------------------------------------------


def run(office: Office, *arguments: str) -> Result:
    return CliRunner().invoke(corrections, list(arguments), obj=office.settings)


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_commands_add_list_and_undo(office: Office) -> None:
    (added,) = rows(run(office, "add", "a", "--field", "sentiment", "--value", "negative", "--by", "Lan", "--note", "sai", "--json"))
    assert (added["value"], added["old_value"], added["given_by"], added["note"], added["in_force"]) == (
        "negative", "neutral", "Lan", "sai", True,
    )  # fmt: skip
    assert "sentiment: neutral → negative" in run(office, "list").stdout
    rows(run(office, "undo", added["key"], "--json"))
    assert run(office, "list").stdout == ""
    assert len(rows(run(office, "list", "--all", "--json"))) == 2
    assert rows(run(office, "list", "--all", "--article", "b", "--json")) == []
    wrong = run(office, "undo", "nothing")
    assert isinstance(wrong.exception, UsageError)
    assert "corrections list" in str(wrong.exception)


def test_a_history_moves_to_another_installation_and_waits_for_its_articles(office: Office, tmp_path: Path) -> None:
    office.give("a", "sentiment", "negative")
    office.undo(office.give("a", "topics", "health"))
    office.give("b", "story_id", "a")
    file = tmp_path / "corrections.jsonl"
    assert rows(run(office, "export", "-o", str(file), "--json"))[0]["corrections"] == 4
    (tmp_path / "other").mkdir()
    other = Office(tmp_path / "other")
    assert rows(run(other, "import", str(file), "--json")) == [{"rows": 4, "new": 4, "articles": 0}]
    other.ingest(article("b"), article("a"))
    assert (other.get("a").corrected, other.get("b").corrected, other.get("b").story_id) == (["sentiment"], ["story_id"], "a")
    assert rows(run(other, "import", str(file), "--json")) == [{"rows": 4, "new": 0, "articles": 0}]
    assert rows(run(other, "export")) == rows(run(office, "export"))
    assert rows(run(office, "import", str(file), "--json"))[0]["new"] == 0
    other.engine.close()
    other.state.close()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ('{"field": "sentiment"}', "line 2: article_id"),
        ('{"article_id": "a", "field": "sentiment", "value": "bad", "given_at": "2026-11-20"}', "line 2: 'bad' is no value"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_brought_in(office: Office, tmp_path: Path, line: str, message: str) -> None:
    good = {"article_id": "a", "field": "sentiment", "value": "negative", "given_at": "2026-11-20T08:00:00+07:00"}
    file = tmp_path / "corrections.jsonl"
    file.write_text(json.dumps(good) + "\n" + line + "\n", encoding="utf-8")
    result = run(office, "import", str(file))
    assert isinstance(result.exception, InputError)
    assert isinstance(result.exception, DiembaoError)
    assert message in str(result.exception)
    with office.state.session() as session:
        assert session.query(CorrectionRecord).count() == 0
