"""The embedded engine under use: one process writes N articles and is killed again and again, another one searches all the while.

    python -m benchmarks.embedded --articles 200000 [--corpus FILE.jsonl.gz] [--kills 5]

The articles and the ten queries are those of benchmarks/search.py. The writer says what it has written after each 500 articles; when
it is killed (SIGKILL, at moments drawn by chance), the next one goes on behind that. At half of the way the file is backed up while
the writer writes. In the end nothing that the writer said may be missing, nothing may be there twice, the file and its copy must be
whole, and the process that searched all the while must answer as one that has just been started.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.search import NOW, QUERIES, article_of, quantiles, sentences
from diembao.engine import Filters, SearchRequest
from index.sqlite_engine import SqliteEngine

_BATCH = 500


def write(path: Path, said: Path, corpus: Path | None, count: int) -> None:
    """Go on behind what `said` says was written."""
    parts = sentences(corpus)
    engine = SqliteEngine(path)
    done = written(said)
    while done < count:
        upto = min(done + _BATCH, count)
        engine.upsert(article_of(number, parts) for number in range(done, upto))
        done = upto
        with said.open("a") as lines:
            lines.write(f"{done}\n")
    engine.close()


def written(said: Path) -> int:
    lines = said.read_text().splitlines() if said.exists() else []
    return int(lines[-1]) if lines else 0


class Reader(threading.Thread):
    """Searches until it is told to stop; several times a second, as an office does, not as fast as it can."""

    def __init__(self, engine: SqliteEngine) -> None:
        super().__init__(daemon=True)
        self.engine = engine
        self.times: list[float] = []
        self.failures: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        """Search, and note how long it took and what went wrong."""
        last = 0
        while not self.stop.wait(0.1):
            query = QUERIES[len(self.times) % len(QUERIES)]
            try:
                began = time.perf_counter()
                self.engine.search(SearchRequest(query, now=NOW))
                self.engine.count(query, Filters(), "day")
                self.times.append(time.perf_counter() - began)
                total = self.engine.search(SearchRequest(limit=0, fold_copies=False, facets=False)).total
            except Exception as error:  # noqa: BLE001 - counted
                self.failures.append(f"{type(error).__name__}: {error}")
                continue
            if total < last:
                self.failures.append(f"{last} articles became {total}")
            last = total


def back_up(engine: SqliteEngine, folder: Path) -> str:
    began = time.perf_counter()
    copy = Path(engine.backup(folder, NOW))
    seconds = time.perf_counter() - began
    restored = SqliteEngine(copy)
    found = restored.search(SearchRequest(limit=0, fold_copies=False, facets=False)).total
    restored.close()
    return f"{seconds:.1f} s, {copy.stat().st_size / 1e6:.0f} MB, {found} articles found in the copy"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--articles", type=int, default=200_000)
    options.add_argument("--kills", type=int, default=5)
    options.add_argument("--corpus", type=Path)
    options.add_argument("--folder", type=Path, help="where the file stands meanwhile")
    chosen = options.parse_args()
    chance = random.Random(4)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        path, said = folder / "index.sqlite", folder / "said"
        (folder / "copy").mkdir()
        engine = SqliteEngine(path)
        engine.prepare()
        reader = Reader(engine)
        reader.start()
        kills = sorted(chance.randrange(chosen.articles) for _ in range(chosen.kills))
        backups: list[threading.Thread] = []
        began = time.perf_counter()
        largest_log = 0
        while written(said) < chosen.articles:
            writer = multiprocessing.get_context("spawn").Process(target=write, args=(path, said, chosen.corpus, chosen.articles))
            writer.start()
            while writer.is_alive():
                writer.join(0.05)
                with contextlib.suppress(OSError):
                    largest_log = max(largest_log, path.with_name("index.sqlite-wal").stat().st_size)
                if kills and written(said) > kills[0] and writer.pid is not None:
                    kills.pop(0)
                    time.sleep(chance.random())
                    os.kill(writer.pid, signal.SIGKILL)
                if not backups and written(said) > chosen.articles // 2:
                    backups.append(threading.Thread(target=lambda: print(f"backup while writing: {back_up(engine, folder / 'copy')}")))
                    backups[0].start()
            if writer.exitcode not in (0, -signal.SIGKILL):
                raise SystemExit(f"the writer ended with {writer.exitcode}")
        seconds = time.perf_counter() - began
        for thread in backups:
            thread.join()
        reader.stop.set()
        reader.join()
        print(f"{chosen.articles} articles in {seconds:.0f} s ({chosen.articles / seconds:.0f}/s with making them), {chosen.kills} kills")
        print(f"searches with facets and histogram while writing: {len(reader.times)}, {quantiles(reader.times)}")
        print(f"searches that failed, or found less than before: {len(reader.failures)} {reader.failures[:3]}")
        check(engine, path, chosen.articles)
        print(f"{path.stat().st_size / chosen.articles:.0f} bytes/article; write-ahead log up to {largest_log / 1e6:.0f} MB")
        print(f"searching process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")
        engine.close()


def check(engine: SqliteEngine, path: Path, count: int) -> None:
    """What must hold in the end."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
        rows = [row[0] for row in connection.execute("SELECT id FROM article")]
    wanted = {f"{number:032x}" for number in range(count)}
    print(f"integrity {verdict}; lost {len(wanted - set(rows))}, double {len(rows) - len(set(rows))}, strange {len(set(rows) - wanted)}")
    fresh = SqliteEngine(path)
    times: list[float] = []
    different = []
    for query in QUERIES * 3:
        began = time.perf_counter()
        old = engine.search(SearchRequest(query, now=NOW))
        times.append(time.perf_counter() - began)
        new = fresh.search(SearchRequest(query, now=NOW))
        same = [(hit.article.id, hit.score) for hit in old.hits] == [(hit.article.id, hit.score) for hit in new.hits]
        if not same or (old.total, old.facets) != (new.total, new.facets):
            different.append(query)
    fresh.close()
    print(f"afterwards: search with facets {quantiles(times)}; answers unlike those of a new process: {len(different)} {different[:3]}")


if __name__ == "__main__":
    main()
