"""Rebuilding an index while others write, erase and search: what is lost, what is doubled, and how long no search was answered.

    python -m benchmarks.reindex --elasticsearch http://127.0.0.1:9200 [--articles 100000] [--corpus FILE.jsonl.gz]

Two ways in the same run, each on an index of its own with the same articles and the same writers: `diembao reindex`, and the
plain way: scan and bulk by the official client's helpers (what `_reindex` does; the node of deploy/elasticsearch-node has no
`_reindex`, and `helpers.reindex` asks for data streams, which it does not have either), then the aliases exchanged in one step
and the old index deleted. The writers add new articles, change known ones and erase some; each writes down what it was told is
done. Afterwards every document of the index is compared with that. One searcher asks again and again; a search that fails or
counts fewer articles than there ever were is no answer.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from elasticsearch import helpers

from benchmarks.search import articles, sentences
from diembao.article import Article
from diembao.engine import SearchRequest
from diembao.errors import DiembaoError
from index.elasticsearch_engine import ElasticsearchEngine

_WRITERS = 2
_BATCH = 20


@dataclass
class Truth:
    """What the writers were told is done: the title of each article that must be there, and what must be gone."""

    titles: dict[str, str] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    operations: int = 0
    longest_wait: float = 0.0


@dataclass
class Answers:
    """What the searcher saw: seconds between two answers, searches without one."""

    count: int = 0
    longest_gap: float = 0.0
    slowest: float = 0.0
    refused: int = 0
    too_few: int = 0


def write(engine: ElasticsearchEngine, truth: Truth, own: list[str], name: str, stop: threading.Event) -> None:
    """Write until `stop`: new articles, changes of `own` ones, and erasures of `own` ones."""
    chance = random.Random(name)
    numbers = itertools.count()
    while not stop.is_set():
        fresh = [Article(id=f"{name}{next(numbers):08}", title=f"Tin mới {name}", body="Mưa lớn kéo dài.") for _ in range(_BATCH)]
        changed = [Article(id=one, title=f"Sửa {truth.operations}", body="Nước đã rút.") for one in chance.sample(own, _BATCH // 2)]
        gone = own.pop(chance.randrange(len(own)))
        began = time.perf_counter()
        try:
            engine.upsert([*fresh, *changed])
            engine.delete([gone])
        except DiembaoError as error:
            truth.failures.append(str(error))
            return
        truth.longest_wait = max(truth.longest_wait, time.perf_counter() - began)
        truth.titles |= {one.id: one.title for one in (*fresh, *changed)}
        truth.titles.pop(gone, None)
        truth.erased.add(gone)
        truth.operations += 1


def ask(engine: ElasticsearchEngine, at_least: int, answers: Answers, stop: threading.Event) -> None:
    last = time.perf_counter()
    while not stop.is_set():
        began = time.perf_counter()
        try:
            total = engine.search(SearchRequest("", limit=1, facets=False, fold_copies=False)).total
        except DiembaoError:
            answers.refused += 1
            continue
        if total < at_least:
            answers.too_few += 1
            continue
        now = time.perf_counter()
        answers.count += 1
        answers.slowest = max(answers.slowest, now - began)
        answers.longest_gap = max(answers.longest_gap, now - last)
        last = now


def plainly(engine: ElasticsearchEngine) -> None:
    """What anyone would write first: copy, exchange the aliases, delete."""
    client, old = engine.client, engine.cluster.layout().read[0]
    new = engine.cluster.physical(engine.cluster.layout().next_number)
    client.indices.create(index=new)
    found = helpers.scan(client, index=old, size=1000)
    for _ in helpers.streaming_bulk(client, ({"_index": new, "_id": hit["_id"], "_source": hit["_source"]} for hit in found)):
        pass
    client.indices.refresh(index=new)
    client.indices.update_aliases(
        actions=[
            {"add": {"index": new, "alias": engine.read_alias}},
            {"add": {"index": new, "alias": engine.write_alias, "is_write_index": True}},
            {"remove_index": {"index": old}},
        ]
    )


def measure(name: str, address: str, count: int, parts: list[str], rebuild: Callable[[ElasticsearchEngine], object]) -> None:
    prefix = f"bench-{random.SystemRandom().randrange(10**9)}"
    engine = ElasticsearchEngine(f"{address}/{prefix}")
    stop = threading.Event()
    try:
        truth = Truth()
        batch: list[Article] = []
        for article in articles(count, parts):
            truth.titles[article.id] = article.title
            batch.append(article)
            if len(batch) == 2000:
                engine.upsert(batch)
                batch = []
        engine.upsert(batch)
        ids = sorted(truth.titles)
        truths = [Truth() for _ in range(_WRITERS)]
        answers = Answers()
        # Writers erase far fewer than a tenth, so that a count below nine tenths is no answer of the whole.
        threads = [threading.Thread(target=ask, args=(engine, count * 9 // 10, answers, stop))]
        threads += [
            threading.Thread(target=write, args=(engine, mine, ids[number::_WRITERS], f"writer{number}x", stop))
            for number, mine in enumerate(truths)
        ]
        for thread in threads:
            thread.start()
        time.sleep(2)
        began = time.perf_counter()
        rebuild(engine)
        seconds = time.perf_counter() - began
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()
        erased = set().union(*(mine.erased for mine in truths))
        for mine in truths:
            truth.titles |= mine.titles
        for one in erased:
            truth.titles.pop(one, None)
        engine.client.indices.refresh(index=engine.read_alias)
        found: Counter[str] = Counter()
        stale = 0
        for hit in helpers.scan(engine.client, index=engine.read_alias, size=2000, _source=["record.title"]):
            found[hit["_id"]] += 1
            expected = truth.titles.get(hit["_id"])
            stale += expected is not None and hit["_source"]["record"]["title"] != expected
        lost = len(truth.titles.keys() - found.keys())
        back = len(erased & found.keys())
        doubled = sum(number > 1 for number in found.values())
        writes = sum(mine.operations for mine in truths)
        failed = sum(bool(mine.failures) for mine in truths)
        longest_wait = max(mine.longest_wait for mine in truths)
        print(f"{name}: {seconds:.1f} s; meanwhile {writes} times {_BATCH * 3 // 2} writes and an erasure, writers that failed {failed}")
        print(f"    of {len(truth.titles)} articles lost {lost}, old text {stale}, erased ones back {back}, doubled {doubled}")
        print(f"    {answers.count} searches answered, refused {answers.refused}, with too few articles {answers.too_few}")
        print(f"    slowest search {answers.slowest * 1000:.0f} ms")
        print(f"    longest moment without an answer {answers.longest_gap * 1000:.0f} ms; longest wait of a writer {longest_wait:.1f} s")
        for failure in {line for mine in truths for line in mine.failures}:
            print(f"    {failure}")
    finally:
        stop.set()
        if names := list(engine.client.indices.get(index=f"{prefix}-*", allow_no_indices=True)):
            engine.client.indices.delete(index=names)
        engine.client.indices.delete_index_template(name=f"{prefix}-articles")
        engine.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--elasticsearch", required=True, help="address; random index prefixes are used and erased")
    options.add_argument("--articles", type=int, default=100_000)
    options.add_argument("--corpus", type=Path)
    chosen = options.parse_args()
    parts = sentences(chosen.corpus)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {chosen.articles} articles, {_WRITERS} writers")
    measure("diembao reindex", chosen.elasticsearch, chosen.articles, parts, lambda engine: engine.rebuild())
    measure("plain reindex", chosen.elasticsearch, chosen.articles, parts, plainly)


if __name__ == "__main__":
    main()
