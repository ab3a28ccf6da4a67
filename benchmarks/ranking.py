"""How good the first ten results are, against plain BM25 and plain FTS5, and whether a query without accents finds as much.

    python -m benchmarks.ranking [--elasticsearch http://127.0.0.1:9200] [--pool]

The texts are the 771 headlines and leads of tests/data/stories/danes-2021-10.jsonl; the queries and the judgments stand in
tests/data/ranking/ with how they were made. nDCG@10 with gains 2^grade - 1, the ideal over everything that was judged; an item
that was not judged counts as not relevant and is counted in the last column. The texts have no dates: the line "random dates"
gives each article one of the last sixty days by chance, which is the most that weighing by age can spoil where age says nothing.

"Both parts" is the page where few articles have all the words: those, and below them the ones with some (index/some_words.py).
The column "second half" is over every second query: a change of the ranking may be chosen on the others only.

Accents: 300 pairs of neighbouring words of the headlines, typed with and without accents; recall is the share of what the
accented query finds that the plain one finds too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import sqlite3
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from diembao.article import Article
from diembao.engine import SearchEngine, SearchRequest
from index.abbreviations import read_abbreviations
from index.analysis import analyse
from index.elasticsearch_engine import ElasticsearchEngine
from index.some_words import some_of_the_words
from index.sqlite_engine import SqliteEngine
from index.suggestions import without_accents

ROOT = Path(__file__).parent.parent
TEXTS = ROOT / "tests/data/stories/danes-2021-10.jsonl"
JUDGMENTS = ROOT / "tests/data/ranking/judgments.jsonl"
NOW = datetime(2021, 11, 1, tzinfo=UTC)
DEPTH = 10
PAIRS = 300

System = Callable[[str], list[str]]


def read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def ndcg(found: Sequence[str], grades: Mapping[str, int]) -> float:
    """nDCG@10 of a list of ids; grades by id."""

    def gained(values: Iterable[int]) -> float:
        return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(list(values)[:DEPTH]))

    ideal = gained(sorted(grades.values(), reverse=True))
    return gained(grades.get(article_id, 0) for article_id in found) / ideal


def through(engine: SearchEngine, now: datetime | None) -> System:
    def search(query: str) -> list[str]:
        return [hit.article.id for hit in engine.search(SearchRequest(query, limit=DEPTH, facets=False, now=now)).hits]

    return search


def with_some_words(engine: SearchEngine, now: datetime | None) -> System:
    """What stands on the page: first what has all the words, below it, marked as such, what has some of them."""

    def search(query: str) -> list[str]:
        request = SearchRequest(query, limit=DEPTH, facets=False, now=now)
        found = engine.search(request)
        apart = some_of_the_words(engine, request, found)
        return [hit.article.id for hit in (*found.hits, *(apart.result.hits if apart else ()))]

    return search


def any_word(system: System) -> System:
    """The same with OR between the words: what the ranking alone is worth, beside a baseline that takes any word too."""
    return lambda query: system(" OR ".join(query.split()))


def plain_bm25(texts: Sequence[Mapping[str, Any]]) -> System:
    """BM25 (k1 1.2, b 0.75) over headline and lead as one text; any word of the query counts."""
    words = {item["id"]: [token.exact for token in analyse(f"{item['title']} {item['lead']}")] for item in texts}
    counts = {article_id: Counter(found) for article_id, found in words.items()}
    mean = statistics.mean(map(len, words.values()))
    documents = Counter(word for found in counts.values() for word in found)

    def search(query: str) -> list[str]:
        asked = {token.exact for token in analyse(query)}
        scores: dict[str, float] = {}
        for article_id, count in counts.items():
            score = 0.0
            for word in asked & count.keys():
                rarity = math.log(1 + (len(counts) - documents[word] + 0.5) / (documents[word] + 0.5))
                score += rarity * count[word] * 2.2 / (count[word] + 1.2 * (0.25 + 0.75 * len(words[article_id]) / mean))
            if score:
                scores[article_id] = score
        return sorted(scores, key=lambda article_id: (-scores[article_id], article_id))[:DEPTH]

    return search


def plain_fts5(texts: Sequence[Mapping[str, Any]]) -> System:
    """FTS5 as it comes: its own words, its own ranking, all words of the query."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE plain USING fts5 (id UNINDEXED, title, lead)")
    connection.executemany("INSERT INTO plain VALUES (?, ?, ?)", [(item["id"], item["title"], item["lead"]) for item in texts])

    def search(query: str) -> list[str]:
        words = " ".join(f'"{query[token.start : token.end]}"' for token in analyse(query))
        rows = connection.execute("SELECT id FROM plain WHERE plain MATCH ? ORDER BY rank, id LIMIT ?", (words, DEPTH))
        return [row[0] for row in rows]

    return search


def articles(texts: Sequence[Mapping[str, Any]], *, dated: bool) -> list[Article]:
    chance = random.Random(7)
    return [
        Article(
            id=item["id"],
            title=item["title"],
            lead=item["lead"],
            source="danes",
            published_at=NOW - timedelta(minutes=chance.randrange(60 * 24 * 60)) if dated else None,
        )
        for item in texts
    ]


def accents(engine: SearchEngine, texts: Sequence[Mapping[str, Any]]) -> str:
    chance = random.Random(11)
    titles = [analyse(item["title"]) for item in texts]
    pairs = {
        f"{first.exact} {second.exact}"
        for tokens in titles
        for first, second in itertools.pairwise(tokens)
        if first.exact != first.folded and second.exact != second.folded
    }
    chosen = chance.sample(sorted(pairs), PAIRS)
    kept = whole = complete = 0
    for query in chosen:
        accented, plain = (
            {hit.article.id for hit in engine.search(SearchRequest(asked, limit=1000, facets=False, highlight=False)).hits}
            for asked in (query, without_accents(query))
        )
        kept += len(accented & plain)
        whole += len(accented)
        complete += accented <= plain
    return f"{kept / whole:.4f} of {whole} articles; complete for {complete} of {PAIRS} queries"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--elasticsearch", help="address; a random index prefix is used and erased")
    options.add_argument("--pool", action="store_true", help="print what all systems find and nobody has judged yet")
    chosen = options.parse_args()
    texts = read(TEXTS)
    by_id = {item["id"]: item for item in texts}
    topics = read(JUDGMENTS)
    abbreviations = read_abbreviations(ROOT / "config/abbreviations_search.toml")
    with tempfile.TemporaryDirectory() as name:
        engines: list[tuple[str, SearchEngine]] = [("embedded", SqliteEngine(Path(name) / "undated.sqlite", abbreviations))]
        dated = SqliteEngine(Path(name) / "dated.sqlite", abbreviations)
        if chosen.elasticsearch:
            address = f"{chosen.elasticsearch}/bench-{random.SystemRandom().randrange(10**9)}"
            engines.append(("elasticsearch", ElasticsearchEngine(address, abbreviations)))
        for _, engine in engines:
            engine.upsert(articles(texts, dated=False))
        dated.upsert(articles(texts, dated=True))
        systems = {title: through(engine, NOW) for title, engine in engines}
        systems |= {f"{title}, both parts": with_some_words(engine, NOW) for title, engine in engines}
        systems["embedded, random dates"] = through(dated, NOW)
        systems["embedded, any word"] = any_word(systems["embedded"])
        systems["plain BM25 (any word)"] = plain_bm25(texts)
        systems["plain FTS5"] = plain_fts5(texts)
        if chosen.pool:
            pool(topics, systems, by_id)
        else:
            report(topics, systems)
            for title, engine in engines:
                print(f"accents, {title}: recall of the query without accents {accents(engine, texts)}")
        if chosen.elasticsearch:
            elastic = engines[-1][1]
            assert isinstance(elastic, ElasticsearchEngine)
            for index in list(elastic.client.indices.get_alias(name=elastic.read_alias)):
                elastic.client.indices.delete(index=index)
            elastic.client.indices.delete_index_template(name=f"{elastic.prefix}-articles")
        for _, engine in [*engines, ("dated", dated)]:
            engine.close()


def pool(topics: Sequence[Mapping[str, Any]], systems: Mapping[str, System], by_id: Mapping[str, Mapping[str, Any]]) -> None:
    for topic in topics:
        found = {article_id for system in systems.values() for article_id in system(topic["query"])}
        print(f"# {topic['query']} — {topic['need']}")
        for article_id in sorted(found - topic["grades"].keys()):
            print(f"{article_id}  {by_id[article_id]['title']} | {by_id[article_id]['lead'][:110]}")


def report(topics: Sequence[Mapping[str, Any]], systems: Mapping[str, System]) -> None:
    print(f"{len(topics)} queries, {sum(len(topic['grades']) for topic in topics)} judgments, 771 texts")
    print(f"{'':26} nDCG@10  second half  found nothing  not judged")
    chance = random.Random(3)
    figures: dict[str, list[float]] = {}
    for title, system in systems.items():
        lists = [system(topic["query"]) for topic in topics]
        figures[title] = [ndcg(found, topic["grades"]) for found, topic in zip(lists, topics, strict=True)]
        unjudged = sum(article_id not in topic["grades"] for found, topic in zip(lists, topics, strict=True) for article_id in found)
        mean, half = statistics.mean(figures[title]), statistics.mean(figures[title][1::2])
        print(f"{title:26} {mean:7.3f} {half:12.3f} {sum(not found for found in lists):14} {unjudged:11}")
    ours = figures["embedded"]
    for title, values in figures.items():
        if title != "embedded":
            differences = [a - b for a, b in zip(ours, values, strict=True)]
            means = sorted(statistics.mean(chance.choices(differences, k=len(differences))) for _ in range(5000))
            print(f"embedded less {title}: {statistics.mean(differences):+.3f} (95 % of resampled: {means[125]:+.3f} … {means[-126]:+.3f})")


if __name__ == "__main__":
    main()
