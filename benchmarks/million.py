"""A million articles in Elasticsearch: how large the index is, and how quickly it answers.

    python -m benchmarks.million --elasticsearch http://127.0.0.1:9200 --corpus FILE.jsonl.gz [--articles 1000000] [--minutes 60]

The articles are those of benchmarks.search: real sentences mixed anew, each article with its own id, date, tags and copies. To be
able to make a million in an hour, each sentence is split into words once and not in every article (checked against the real way
on a sample), so the writing rate here says nothing; benchmarks.bulk measures that. Writing stops after `--minutes`, and the
figures are of as many articles as there are then. `--keep NAME` leaves the index under this prefix, and takes it up again when it
is there already: then nothing is written. `--merge N` asks after the segments were merged into N.

What is reported
- new: the process has asked nothing before, and the server's caches are emptied before each search: once each.
- first: what nobody asked before: the server's caches are emptied before each search.
- again: the same queries, as staff turn pages and dashboards renew themselves.
- histogram: the count by day that stands beside the results, a request of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import time
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import index.document
from benchmarks.search import NOW, QUERIES, articles, quantiles, sentences
from diembao.engine import Filters, SearchRequest
from index.analysis import exact_words
from index.elasticsearch_engine import ElasticsearchEngine
from index.elasticsearch_mapping import document_of
from index.elasticsearch_writing import BulkWriter, Item, encode

_CHECKED = 200
_once = lru_cache(maxsize=700_000)(exact_words)


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
    options.add_argument("--merge", type=int, help="merge the index into so many segments first")
    options.add_argument("--keep", metavar="NAME", help="prefix of an index that stays, and is used again")
    chosen = options.parse_args()
    prefix = chosen.keep or f"bench-{random.SystemRandom().randrange(10**9)}"
    engine = ElasticsearchEngine(f"{chosen.elasticsearch}/{prefix}")
    try:
        engine.prepare()
        if engine.status().articles < chosen.articles:
            fill(engine, chosen.articles, sentences(chosen.corpus), chosen.minutes * 60)
        if chosen.merge:
            engine.client.options(request_timeout=3600).indices.forcemerge(index=engine.read_alias, max_num_segments=chosen.merge)
            engine.client.indices.refresh(index=engine.read_alias)
        report(engine, chosen.rounds)
    finally:
        if not chosen.keep:
            engine.client.indices.delete(index=list(engine.cluster.layout().read))
            engine.client.indices.delete_index_template(name=f"{engine.prefix}-articles")
        engine.close()


def fill(engine: ElasticsearchEngine, count: int, parts: list[str], seconds: float) -> None:
    for article in islice(articles(_CHECKED, parts), _CHECKED):
        assert words_by_line(article.body) == exact_words(article.body)
    index.document.exact_words = words_by_line  # type: ignore[attr-defined]
    began = time.monotonic()
    refused = BulkWriter(engine.cluster).write(items(count, parts, began + seconds))
    assert not refused, next(iter(refused.items()))
    engine.client.indices.refresh(index=engine.read_alias)
    print(f"written in {time.monotonic() - began:.0f} s, of {len(parts)} sentences")


def report(engine: ElasticsearchEngine, rounds: int) -> None:
    found = engine.status().articles
    total = engine.client.indices.stats(index=engine.read_alias)["_all"]["primaries"]
    size = total["store"]["size_in_bytes"]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {found} articles")
    print(f"{size / 1024**3:.2f} GB, {size / found:.0f} bytes/article, {total['segments']['count']} segments")
    for name, cold, turns in (("new", True, 1), ("first", True, rounds), ("again", False, rounds)):
        searching: dict[str, list[float]] = {query: [] for query in QUERIES}
        counting: list[float] = []
        totals = {}
        for query in QUERIES * turns:
            if cold:
                engine.client.indices.clear_cache(index=engine.read_alias)
            began = time.perf_counter()
            totals[query] = engine.search(SearchRequest(query, now=NOW)).total
            middle = time.perf_counter()
            engine.count(query, Filters(), "day")
            searching[query].append(middle - began)
            counting.append(time.perf_counter() - middle)
        times = [one for found in searching.values() for one in found]
        print(f"{name}: search with facets {quantiles(times)}; histogram {quantiles(counting)}; load {os.getloadavg()[0]:.1f}")
        for query, one in searching.items():
            print(f"    {statistics.median(one) * 1000:6.0f} ms, at most {max(one) * 1000:6.0f}  {totals[query]:7}  {query}")


if __name__ == "__main__":
    main()
