"""A million articles in Elasticsearch: how large the index is, and how quickly it answers.

    python -m benchmarks.million --elasticsearch http://127.0.0.1:9200 --corpus FILE.jsonl.gz [--articles 1000000] [--minutes 60]

The articles are those of benchmarks.search: real sentences mixed anew, each article with its own id, date, tags and copies. To be
able to make a million in an hour, each sentence is split into words once and not in every article (checked against the real way
on a sample), so the writing rate here says nothing; benchmarks.bulk measures that. Writing stops after `--minutes`, and the
figures are of as many articles as there are then. `--merge` asks again after the segments were merged into one.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import index.document
from benchmarks.search import articles, ask, sentences
from index.analysis import exact_words
from index.elasticsearch_engine import ElasticsearchEngine
from index.elasticsearch_mapping import document_of
from index.elasticsearch_writing import BulkWriter, Item, encode

_CHECKED = 200
_once = lru_cache(maxsize=400_000)(exact_words)


def words_by_line(text: str) -> str:
    """What `exact_words` gives, with each line split once in a lifetime."""
    return " ".join(filter(None, map(_once, text.split("\n"))))


def items(count: int, parts: list[str], until: float) -> Iterator[Item]:
    for article in articles(count, parts):
        if time.monotonic() > until:
            return
        yield Item(article.id, encode(document_of(article, int(time.time() * 1000))))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--elasticsearch", required=True, help="address; a random index prefix is used and erased")
    options.add_argument("--corpus", type=Path)
    options.add_argument("--articles", type=int, default=1_000_000)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--merge", action="store_true", help="ask again after merging the index into one segment")
    chosen = options.parse_args()
    parts = sentences(chosen.corpus)
    sample = list(islice(articles(_CHECKED, parts), _CHECKED))
    for article in sample:
        assert words_by_line(article.body) == exact_words(article.body)
    index.document.exact_words = words_by_line  # type: ignore[attr-defined]
    engine = ElasticsearchEngine(f"{chosen.elasticsearch}/bench-{random.SystemRandom().randrange(10**9)}")
    try:
        engine.prepare()
        began = time.monotonic()
        refused = BulkWriter(engine.cluster).write(items(chosen.articles, parts, began + chosen.minutes * 60))
        assert not refused, next(iter(refused.items()))
        engine.client.indices.refresh(index=engine.read_alias)
        found = engine.status().articles
        print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {found} articles of {len(parts)} sentences")
        print(f"written in {time.monotonic() - began:.0f} s")
        report(engine, found, chosen.rounds)
        if chosen.merge:
            engine.client.options(request_timeout=3600).indices.forcemerge(index=engine.read_alias, max_num_segments=1)
            engine.client.indices.refresh(index=engine.read_alias)
            report(engine, found, chosen.rounds)
    finally:
        engine.client.indices.delete(index=list(engine.cluster.layout().read))
        engine.client.indices.delete_index_template(name=f"{engine.prefix}-articles")
        engine.close()


def report(engine: ElasticsearchEngine, found: int, rounds: int) -> None:
    total = engine.client.indices.stats(index=engine.read_alias)["_all"]["primaries"]
    size = total["store"]["size_in_bytes"]
    print(
        f"{size / 1024**3:.2f} GB, {size / found:.0f} bytes/article, {total['segments']['count']} segments, load {os.getloadavg()[0]:.1f}"
    )
    ask("elasticsearch", engine, rounds)


if __name__ == "__main__":
    main()
