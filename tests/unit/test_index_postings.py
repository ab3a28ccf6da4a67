"""What the embedded engine remembers of words: the right articles, how often the words stand there, and never what is no longer true."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from diembao.article import Article, Sentiment
from diembao.engine import Filters, SearchRequest
from index.document import WEIGHTS, fold_words, words_of
from index.proximity import phrase_occurs, within_slop
from index.query import Phrase, Prefix, Term, has_accents, parse_query
from index.sqlite_engine import SqliteEngine
from index.sqlite_memory import Memory, Postings
from index.sqlite_query import Evaluator, Words

SYLLABLES = ["an", "ăn", "ấn", "công", "cống", "cong", "toàn", "toan", "đèo", "deo", "lũ", "giao", "thông"]


def written(count: int, words: int, seed: int) -> list[Article]:
    """Articles of few different words, so that every pair of them stands somewhere."""
    chance = random.Random(seed)

    def text(size: int) -> str:
        return " ".join(chance.choices(SYLLABLES, k=size))

    return [
        Article(id=f"a{number:04}", title=text(3), lead=text(chance.randrange(4)), body=text(chance.randrange(words)), tags=[text(1)] * 2)
        for number in range(count)
    ]


@contextmanager
def evaluating(path: Path, memory: Memory) -> Iterator[tuple[Evaluator, dict[int, str]]]:
    """An evaluator on the newest moment of the file, and the id of each row."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    try:
        yield Evaluator(connection, memory.snapshot(connection)), dict(connection.execute("SELECT number, id FROM article"))
    finally:
        connection.close()


def occurrences(article: Article, leaf: Words) -> float:
    """How often `leaf` stands in the article, weighed by field, counted on its words."""
    found = 0.0
    for field in leaf.fields:
        for value in words_of(article)[field]:
            exact, folded = value.split(), fold_words(value).split()
            tokens = leaf.tokens if isinstance(leaf, Phrase) else (leaf.token,)  # type: ignore[union-attr]
            accented = [has_accents(token) for token in tokens]
            prefix = isinstance(leaf, Prefix)
            size = len(tokens)
            starts = range(len(exact) - size + 1)
            found += WEIGHTS[field] * sum(
                phrase_occurs(exact[at : at + size], folded[at : at + size], tokens, accented, prefix=prefix) for at in starts
            )
    return found


LEAVES = ["an", "ấn", "cong", "công", '"cong an"', '"công toàn"', '"ăn ấn"', "toa*", "tag:an", "title:đèo", "vắng"]


@pytest.mark.parametrize("words", [1, 5, 9, 12, 60, 400])
def test_frequencies_are_those_that_one_counts(tmp_path: Path, words: int) -> None:
    """Also where bm25() would divide by next to nothing: articles of some twenty words."""
    engine = SqliteEngine(tmp_path / "index.sqlite")
    articles = written(150, words, words)
    engine.upsert(articles)
    engine.delete(["a0003"])
    with evaluating(tmp_path / "index.sqlite", Memory()) as (evaluator, ids):
        for query in LEAVES:
            leaf = parse_query(query)
            assert isinstance(leaf, Term | Prefix | Phrase)
            postings = evaluator.frequencies(leaf)
            assert postings.counts is not None
            found = {ids[number]: count for number, count in zip(postings.numbers.tolist(), postings.counts.tolist(), strict=True)}
            wanted = {article.id: occurrences(article, leaf) for article in articles if article.id != "a0003"}
            assert found == {article_id: count for article_id, count in wanted.items() if count}, query
    engine.close()


PHRASES = [
    '"công an"',
    '"an cống"',
    '"đèo an toan"',
    '"lũ an"~2',
    '"công an"~1',
    '"cong an"~3',
    '"công ấn lũ"~4',
    '"ấn công"~1',
    '"giao thông"~0',
]


def test_phrases_stand_where_the_definition_says(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "index.sqlite")
    articles = written(300, 40, 7)
    engine.upsert(articles)
    for query in PHRASES:
        leaf = parse_query(query)
        assert isinstance(leaf, Phrase)
        accented = [has_accents(token) for token in leaf.tokens]
        wanted = set()
        for article in articles:
            for field in leaf.fields:
                exact = " ".join(words_of(article)[field])
                folded = fold_words(exact).split()
                if leaf.slop:
                    stands = within_slop(exact.split(), folded, leaf.tokens, accented, leaf.slop)
                else:
                    stands = phrase_occurs(exact.split(), folded, leaf.tokens, accented, prefix=False)
                if stands:
                    wanted.add(article.id)
        assert 0 < len(wanted) < len(articles), query
        found = {hit.article.id for hit in engine.search(SearchRequest(query, limit=1000)).hits}
        assert found == wanted, query
    engine.close()


QUERIES = ["an", '"công an"', '"lũ an"~2', "a* -lũ", "title:đèo OR tag:ấn", "sentiment:negative", "id:a0007", "lead:*", "fetched_at:*", ""]


def test_what_is_remembered_follows_what_others_write(tmp_path: Path) -> None:
    """One engine searches again and again while another one on the same file writes, changes, erases and rebuilds."""
    chance = random.Random(5)
    path = tmp_path / "index.sqlite"
    reader, writer = SqliteEngine(path), SqliteEngine(path)
    writer.upsert(written(1100, 30, 1))
    for turn in range(6):
        if turn == 4:
            writer.rebuild()
        else:
            for article in written(15, 30, 100 + turn):
                tone = Sentiment(label=chance.choice(("negative", "neutral")))
                writer.upsert([article.model_copy(update={"id": f"a{chance.randrange(2500):04}", "sentiment": tone})])
            writer.delete([f"a{chance.randrange(1500):04}" for _ in range(20)])
        fresh = SqliteEngine(path)
        for query in QUERIES:
            request = SearchRequest(query, limit=100, highlight=False)
            assert [(hit.article.id, hit.score) for hit in reader.search(request).hits] == [
                (hit.article.id, hit.score) for hit in fresh.search(request).hits
            ], (turn, query)
            assert reader.search(request).facets == fresh.search(request).facets
            assert reader.count(query, Filters(), "month") == fresh.count(query, Filters(), "month")
        fresh.close()
    reader.close()
    writer.close()


def test_an_earlier_moment_is_answered_as_it_was(tmp_path: Path) -> None:
    """A transaction that began before a write must not see what a later one left in the memory."""
    path = tmp_path / "index.sqlite"
    engine = SqliteEngine(path)
    engine.upsert(written(50, 30, 1))
    memory = Memory()
    term = parse_query("công")
    assert isinstance(term, Term)
    with evaluating(path, memory) as (early, ids):
        engine.upsert([Article(id="new", title="Công trình")])
        engine.delete(["a0001"])
        with evaluating(path, memory) as (late, later_ids):
            assert "new" in {later_ids[number] for number in late.frequencies(term).numbers.tolist()}
        found = [ids[number] for number in early.frequencies(term).numbers.tolist()]
        assert found == [ids[number] for number in np.flatnonzero(early.mask(term)).tolist()]
        assert "new" not in found
        assert sum(early.mask(parse_query(""))) == 50
        with evaluating(path, memory) as (again, later_ids):
            assert "new" in {later_ids[number] for number in again.frequencies(term).numbers.tolist()}
    engine.close()


def test_the_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.sqlite_memory.ROOM", 4000)
    path = tmp_path / "index.sqlite"
    engine = SqliteEngine(path)
    engine.upsert(written(20, 30, 1))
    memory = Memory()
    with evaluating(path, memory) as (evaluator, _):
        for number in range(50):
            evaluator.mask(parse_query(f"id:a{number:04} OR an"))
        assert memory.size <= 4000
        assert not evaluator.mask(parse_query("id:none")).any()
    big = Postings(np.arange(1000, dtype=np.int32))
    memory.keep("", "big", 1, big)
    assert memory.size <= 4000
    engine.close()
