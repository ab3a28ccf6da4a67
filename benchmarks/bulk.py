"""Bringing N articles into Elasticsearch: ours against plain `helpers.parallel_bulk` of the same documents, in the same run.

    python -m benchmarks.bulk --elasticsearch http://127.0.0.1:9200 [--articles 20000] [--corpus FILE.jsonl.gz] [--turns 3]

What is compared
- documents: both send the same finished documents (bytes and dicts are made before the clock starts), so this is the price of
  back-pressure, chunks by bytes, looking up where an id is and reading each item's answer.
- articles: both begin with Articles and make the documents themselves while they send.
- ingest: the whole way of `diembao index` (which texts are known, the history of revisions, searchable after each batch).
Turns alternate, each on a new index with the mapping of ours; the figures are medians. Each ends with a refresh.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from elasticsearch import helpers

from benchmarks.search import articles, sentences
from diembao.article import Article
from diembao.state import State
from index.elasticsearch_engine import ElasticsearchEngine
from index.elasticsearch_mapping import document_of
from index.elasticsearch_writing import BulkWriter, Item, encode
from index.ingest import ingest

Way = Callable[[ElasticsearchEngine], None]


def plain(engine: ElasticsearchEngine, documents: Iterable[dict[str, Any]]) -> None:
    actions = ({"_index": engine.write_alias, "_id": document["id"], "_source": document} for document in documents)
    deque(helpers.parallel_bulk(engine.client, actions), maxlen=0)
    engine.client.indices.refresh(index=engine.read_alias)


def ours(engine: ElasticsearchEngine, documents: Iterable[dict[str, Any]]) -> None:
    BulkWriter(engine.cluster).write(Item(document["id"], encode(document)) for document in documents)
    engine.client.indices.refresh(index=engine.read_alias)


def ingested(engine: ElasticsearchEngine, found: list[Article]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = State(f"sqlite:///{folder}/state.sqlite")
        ingest(engine, state, found)
        state.close()


def seconds(address: str, way: Way, count: int) -> float:
    engine = ElasticsearchEngine(f"{address}/bench-{random.SystemRandom().randrange(10**9)}")
    try:
        engine.prepare()
        began = time.perf_counter()
        way(engine)
        taken = time.perf_counter() - began
        assert engine.client.count(index=engine.read_alias)["count"] == count
        return taken
    finally:
        engine.client.indices.delete(index=list(engine.cluster.layout().read))
        engine.client.indices.delete_index_template(name=f"{engine.prefix}-articles")
        engine.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--elasticsearch", required=True, help="address; random index prefixes are used and erased")
    options.add_argument("--articles", type=int, default=20_000)
    options.add_argument("--corpus", type=Path)
    options.add_argument("--turns", type=int, default=3)
    chosen = options.parse_args()
    found = list(articles(chosen.articles, sentences(chosen.corpus)))
    documents = [document_of(article, 1) for article in found]
    size = sum(len(encode(document)) for document in documents[:500]) / min(500, len(documents))
    ways: dict[str, Way] = {
        "parallel_bulk of the documents": lambda engine: plain(engine, documents),
        "ours, of the documents": lambda engine: ours(engine, documents),
        "parallel_bulk of the articles": lambda engine: plain(engine, (document_of(article, 1) for article in found)),
        "ours, of the articles": lambda engine: engine.upsert(found) and None,
        "diembao index (ingest)": lambda engine: ingested(engine, found),
    }
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {len(found)} documents of {size:.0f} bytes")
    taken: dict[str, list[float]] = {name: [] for name in ways}
    seconds(chosen.elasticsearch, ways["parallel_bulk of the documents"], len(found))  # warms the server up
    for _ in range(chosen.turns):
        for name, way in ways.items():
            taken[name].append(seconds(chosen.elasticsearch, way, len(found)))
    rates = {name: len(found) / statistics.median(times) for name, times in taken.items()}
    for name, rate in rates.items():
        print(f"{name}: {rate:.0f} articles/s (turns: {', '.join(f'{len(found) / t:.0f}' for t in taken[name])})")
    for kind in ("documents", "articles"):
        ratio = rates[f"ours, of the {kind}"] / rates[f"parallel_bulk of the {kind}"]
        print(f"ratio of the {kind}: {ratio:.2f}")
    whole = rates["diembao index (ingest)"] / rates["parallel_bulk of the documents"]
    print(f"ratio of the whole of ingest to parallel_bulk of the documents: {whole:.2f}")


if __name__ == "__main__":
    main()
