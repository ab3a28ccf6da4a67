"""How long the overview, the list of stories and a story's page take on N articles in the embedded engine.

    python -m benchmarks.overview --articles 100000 [--corpus FILE.jsonl.gz] [--folder FOLDER]

The articles are those of benchmarks/search.py, moved so that the last of them is new, in stories whose sizes fall as a power: most have
one article, one has 500. The pages are asked for one after another through the application itself, without a network; the figures are
median and 95th percentile after one request that warms up, which is told apart; in parentheses the time of the processor alone, which
does not depend on what else the machine does. A folder that holds such an index already is used.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from benchmarks.search import article_of, quantiles, sentences
from diembao.article import Article
from diembao.engine import Filters
from diembao.settings import PROJECT, read_settings
from diembao.state import State
from index.opening import open_engine
from web.app import create_app

NOW = datetime(2026, 11, 20, 8, 20, tzinfo=UTC)
_DAYS = 90
_BATCH = 500


def articles(count: int, parts: list[str]) -> Iterator[Article]:
    """The articles: each in a story, those of one story within three days."""
    chance = random.Random(8)
    number, first = 0, True
    while number < count:
        size = 500 if first else min(200, int(chance.paretovariate(1.1)))
        begun = NOW - timedelta(days=2) if first else NOW - timedelta(minutes=chance.randrange(60 * 24 * _DAYS))
        story, first = f"{number:032x}", False
        for place in range(min(size, count - number)):
            at = min(begun + timedelta(minutes=chance.randrange(60 * 24 * 3)) * (place > 0), NOW - timedelta(minutes=1))
            made = article_of(number, parts)
            blame = {"label": "authority"} if chance.random() < 0.03 else {"label": "none"}
            yield Article.model_validate(
                {**made.to_record(), "published_at": at, "first_seen_at": at, "fetched_at": at, "story_id": story, "critical_of": blame,
                 "copy_of": story if place % 5 == 4 else None}
            )  # fmt: skip
            number += 1


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--articles", type=int, default=100_000)
    options.add_argument("--corpus", type=Path)
    options.add_argument("--folder", type=Path)
    options.add_argument("--rounds", type=int, default=40)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name)
        settings = read_settings({"DIEMBAO_HOME": str(folder), "DIEMBAO_CONFIG": str(PROJECT / "config")})
        engine, state = open_engine(settings), State(settings.database)
        engine.prepare()
        if engine.status().articles < chosen.articles:
            batch: list[Article] = []
            for article in articles(chosen.articles, sentences(chosen.corpus)):
                batch.append(article)
                if len(batch) == _BATCH:
                    engine.upsert(batch)
                    batch = []
            engine.upsert(batch)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {engine.status().articles} articles")
        with TestClient(create_app(settings, engine, state, lambda: NOW), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
            largest = engine.story_sizes("", Filters(), NOW - timedelta(days=1), limit=1)[0]
            for path in ("/", "/?since=2026-11-14T07:00", "/stories", "/stories?sort=negative&days=30", f"/stories/{largest.story}"):
                times, work = [], []
                for _ in range(chosen.rounds + 1):
                    began, worked = time.perf_counter(), time.process_time()
                    answer = client.get(path)
                    times.append(time.perf_counter() - began)
                    work.append(time.process_time() - worked)
                    assert answer.status_code == 200, f"{path}: {answer.status_code}"
                size = len(answer.content) / 1000
                wall, processor = quantiles(times[1:]), quantiles(work[1:])
                print(f"{path[:40]:42} first {times[0] * 1000:.0f} ms, then {wall} (processor: {processor}), {size:.0f} kB unpacked")
        engine.close()
        state.close()


if __name__ == "__main__":
    main()
