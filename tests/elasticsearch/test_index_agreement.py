"""Random texts and phrases: Lucene, SQLite and our own definition of a phrase agree. And Lucene folds as we fold."""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diembao.article import Article
from diembao.engine import Filters, SearchEngine, SearchRequest
from index import elasticsearch_search
from index.analysis import analyse, fold_letter, forms
from index.document import fold_words
from index.elasticsearch_engine import ElasticsearchEngine
from index.proximity import within_slop
from index.query import fold_token, has_accents
from index.sqlite_engine import SqliteEngine

pytestmark = pytest.mark.elasticsearch

WORDS = ["an", "án", "ăn", "bà", "ba", "cô", "co", "đi", "di"]
TEXTS = {f"t{number}": random.Random(number).choices(WORDS, k=random.Random(number).randint(1, 12)) for number in range(250)}


@pytest.fixture(scope="module")
def elastic(elasticsearch_index: str) -> Iterator[ElasticsearchEngine]:
    engine = ElasticsearchEngine(elasticsearch_index)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def engines(elastic: ElasticsearchEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[SearchEngine]]:
    embedded = SqliteEngine(tmp_path_factory.mktemp("agreement") / "index.sqlite")
    both: list[SearchEngine] = [embedded, elastic]
    for engine in both:
        assert engine.upsert(Article(id=name, title="x", body=" ".join(words)) for name, words in TEXTS.items()) == {}
    yield both
    embedded.close()


@pytest.mark.parametrize("seed", range(60))
def test_sloppy_phrases_mean_the_same(engines: list[SearchEngine], seed: int) -> None:
    chance = random.Random(1000 + seed)
    # Two words that fold to the same stand on one position in Lucene, so a phrase takes each folded word once.
    choice = {fold_token(word): word for word in chance.sample(WORDS, k=len(WORDS))}
    phrase = chance.sample(sorted(choice.values()), k=chance.randint(2, 4))
    slop = chance.randint(0, 5)
    expected = {
        name
        for name, words in TEXTS.items()
        if within_slop(words, fold_words(" ".join(words)).split(), phrase, [has_accents(word) for word in phrase], slop)
    }
    for engine in engines:
        found = engine.search(SearchRequest(f'body:"{" ".join(phrase)}"~{slop}', limit=1000, facets=False))
        assert {hit.article.id for hit in found.hits} == expected


def test_the_server_folds_every_token_as_we_do(elastic: ElasticsearchEngine) -> None:
    elastic.prepare()
    letters = [chr(code) for code in range(0x20, 0x3000) if unicodedata.category(chr(code))[0] in "LN"]
    words = sorted({forms(f"a{letter}b")[0] for letter in letters} | {forms(f"x{letter}")[0] for letter in letters})
    for start in range(0, len(words), 500):
        batch = words[start : start + 500]
        answer = elastic.client.indices.analyze(index=elastic.read_alias, analyzer="article_words", text=" ".join(batch))
        by_position: dict[int, set[str]] = {}
        for token in answer["tokens"]:
            by_position.setdefault(token["position"], set()).add(token["token"])
        assert [by_position[position] for position in sorted(by_position)] == [{word, fold_token(word)} for word in batch]


@pytest.mark.parametrize("text", ["TP.HCM 24/7 a_b c'd", "北京 Москва ÅØÆ ß ﬁ Ⅳ ²", "กรุงเทพ हिन्दी عربى", "🌊 1.500 2,5% x²", "Ð ð Ɖ ŉ ǆ"])
def test_the_server_keeps_our_tokens_whole(elastic: ElasticsearchEngine, text: str) -> None:
    elastic.prepare()
    expected = [token.exact for token in analyse(text)]
    answer = elastic.client.indices.analyze(index=elastic.read_alias, analyzer="query_words", text=" ".join(expected))
    assert [token["token"] for token in answer["tokens"]] == expected
    assert all(fold_letter(letter).isascii() for token in expected for letter in token)


# -- folding ----------------------------------------------------------------------------------------------------------------------


def reprints(seed: int) -> list[Article]:
    """Originals, copies of them, and copies of what is not there; each with words, labels and days of its own."""
    chance = random.Random(seed)
    made: list[Article] = []
    for number in range(120):
        # Copies of one origin, which may be missing: one in five is.
        origin = f"r{chance.randrange(number)}" if number and chance.random() < 0.5 else None
        if origin is not None and any(one.id == origin and one.copy_of for one in made):
            origin = None
        if origin is None and chance.random() < 0.1:
            origin = f"gone{chance.randrange(4)}"
        province = chance.choice(["Lào Cai", "Huế", "Cà Mau"])
        topics = chance.sample(["traffic", "health", "sport"], k=chance.randint(0, 2))
        made.append(
            Article.model_validate(
                {
                    "id": f"r{number}", "url": f"https://bao.example/r{number}", "title": "x", "body": " ".join(chance.choices(WORDS, k=3)),
                    "source": chance.choice("abc"), "copy_of": origin,
                    "topics": [{"code": code, "score": 0.9} for code in topics],
                    "sentiment": {"label": chance.choice(["negative", "positive"])},
                    "places": [{"code": "1", "name": province, "level": "province", "province": province}],
                    "published_at": f"2026-11-{chance.randint(1, 9):02}T02:00:00Z",
                    "first_seen_at": f"2026-11-{chance.randint(1, 9):02}T03:00:00Z" if chance.random() < 0.9 else None,
                }
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("seed", range(4))
def test_folding_means_the_same(elasticsearch_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(elasticsearch_search, "_BEST", 12)  # of 120, so the best texts are often not enough
    embedded = SqliteEngine(tmp_path / "index.sqlite")
    elastic = ElasticsearchEngine(f"{elasticsearch_address}/test-fold-{uuid.uuid4().hex[:12]}")
    try:
        written = reprints(seed)
        for engine in (embedded, elastic):
            assert engine.upsert(written) == {}
        chance = random.Random(seed)
        for _ in range(25):
            query = " OR ".join(chance.sample([f"body:{word}" for word in WORDS], k=chance.randint(0, 3)))
            filters = Filters(
                sources=tuple(chance.sample("abc", k=chance.choice([0, 0, 1, 2]))),
                topics=("traffic",) if chance.random() < 0.3 else (),
                published_from=datetime(2026, 11, chance.randint(1, 5), tzinfo=UTC) if chance.random() < 0.3 else None,
            )
            request = SearchRequest(query, filters, sort="time", limit=chance.choice([3, 200]))
            one, other = embedded.search(request), elastic.search(request)
            assert (one.total, one.facets) == (other.total, other.facets), request
            assert [hit.article.id for hit in one.hits] == [hit.article.id for hit in other.hits], request
            for facet in other.facets["source"] if not filters.sources else ():
                chosen = replace(request, filters=replace(filters, sources=(facet.value,)), limit=0)
                assert elastic.search(chosen).total == facet.count
            by_relevance = replace(request, query=query or "body:ba", sort="relevance", now=datetime(2026, 11, 12, tzinfo=UTC), limit=4)
            short, long = elastic.search(by_relevance), elastic.search(replace(by_relevance, limit=150))  # the long way
            assert [hit.article.id for hit in short.hits] == [hit.article.id for hit in long.hits[:4]], by_relevance
            if short.cursor:
                behind = elastic.search(replace(by_relevance, after=short.cursor))
                assert [hit.article.id for hit in behind.hits] == [hit.article.id for hit in long.hits[4:8]], by_relevance
            assert embedded.count(query, filters, "day", fold_copies=True) == elastic.count(query, filters, "day", fold_copies=True)
            assert embedded.sample(query, filters, 30) == elastic.sample(query, filters, 30)
    finally:
        embedded.close()
        names = list(elastic.client.indices.get(index=f"{elastic.prefix}-*", allow_no_indices=True))
        elastic.client.indices.delete(index=names)
        elastic.client.indices.delete_index_template(name=f"{elastic.prefix}-articles")
        elastic.close()
