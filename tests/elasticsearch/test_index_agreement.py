"""Random texts and phrases: Lucene, SQLite and our own definition of a phrase agree. And Lucene folds as we fold."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator

import pytest

from diembao.article import Article
from diembao.engine import SearchEngine, SearchRequest
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
