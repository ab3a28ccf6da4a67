"""Does the memory of the processes that live long stay bounded? A week of rounds, one after the other without the pauses between them.

    python -m benchmarks.memory ARTICLES.jsonl[.gz] [--rounds 5040] [--articles 8] [--kept 20000] [--tagged 2]

5,040 rounds are a week at one every two minutes. Each round writes `--articles` new articles through linking and ingest (this process) and
takes as many old ones away, so the index stays at `--kept` and what grows is a leak; the articles are mixed of the file's sentences
and carry the dates of the last seven days. `diembao serve` answers four requests a round (overview, search with facets, an article, another
page); a process with the tagger tags `--tagged` articles of the file a round; Prefect's server gets a flow run a round with its states.

For each process: resident memory by block of rounds, and a straight line through the blocks after the first quarter (caches fill in it):
growth a week with its 95 % confidence interval. Crawls and rounds themselves are processes that end (flows/stages.py, Prefect's runner).
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import math
import os
import platform
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue

import httpx

from benchmarks.search import QUERIES, article_of, sentences
from diembao.article import Article
from diembao.settings import PROJECT, Settings, read_settings
from diembao.state import State
from flows import local_prefect
from flows.leases import WRITING, alone
from index import open_engine
from index.ingest import ingest
from nlp.linking import link
from nlp.tagging import Tagger

ROUNDS_A_WEEK = 7 * 24 * 30
BLOCKS = 20
PAGES = ["/alerts", "/sources", "/", "/api/search?q=giao+th%C3%B4ng", "/briefing", "/search?q=UBND&group=story"]


def resident(process: int) -> float:
    """Megabytes of memory that a process and all below it have."""
    total = 0.0
    for number in _tree(process):
        try:
            status = Path(f"/proc/{number}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if match := re.search(r"VmRSS:\s+(\d+) kB", status):
            total += int(match[1]) / 1024
    return total


def _tree(process: int) -> list[int]:
    below: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            below += [int(child) for child in thread.read_text().split()]
        except OSError:
            continue
    return [process, *(number for child in below for number in _tree(child))]


def growth(values: list[float]) -> tuple[float, float]:
    """(growth from the first to the last value, half of its 95 % confidence interval), by a straight line through all of them."""
    count = len(values)
    xs = [place / (count - 1) for place in range(count)]
    middle, mean = statistics.fmean(xs), statistics.fmean(values)
    spread = sum((x - middle) ** 2 for x in xs)
    slope = sum((x - middle) * (value - mean) for x, value in zip(xs, values, strict=True)) / spread
    rest = sum((value - mean - slope * (x - middle)) ** 2 for x, value in zip(xs, values, strict=True))
    student = 2.145  # 14 degrees of freedom: 16 blocks or so
    return slope, student * math.sqrt(rest / (count - 2) / spread)


class Visitors:
    """Asks the page in a thread of its own; a round puts how many requests it wants."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: dict[int, int] = {}
        self.wanted: Queue[list[str]] = Queue(maxsize=4)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for the last answers."""
        self.wanted.put([])
        self._thread.join()

    def _work(self) -> None:
        with httpx.Client(base_url=self.address, timeout=60, follow_redirects=True) as client:
            while paths := self.wanted.get():
                for path in paths:
                    status = client.get(path).status_code
                    self.answers[status] = self.answers.get(status, 0) + 1


def records(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record.get("body"):
                yield {name: record.get(name) or "" for name in ("title", "lead", "body")}


def tag_forever(path: Path) -> None:
    """Tag as many articles as each line of stdin says."""
    tagger, source = Tagger.of(read_settings()), itertools.cycle(records(path))
    for line in sys.stdin:
        for _ in range(int(line)):
            tagger.tag(Article(id="a", **next(source)))
        print("done", flush=True)


def told(api: httpx.Client, path: str, record: dict[str, object]) -> dict[str, str]:
    """What Prefect's server answers; asked again when its database is busy, as Prefect's own client does."""
    while (answer := api.post(path, json=record)).status_code >= 500:
        time.sleep(0.5)
    answer.raise_for_status()
    found: dict[str, str] = answer.json()
    return found


def made(number: int, parts: list[str], at: datetime) -> Article:
    return article_of(number, parts).with_fields(
        published_at=at, fetched_at=at, first_seen_at=at, published_precision="minute", copy_of=None, similarity=None
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS_A_WEEK)
    parser.add_argument("--articles", type=int, default=8)
    parser.add_argument("--kept", type=int, default=20_000)
    parser.add_argument("--tagged", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=600, help="end after so long, and say how many rounds it were")
    parser.add_argument("--tag", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tag:
        tag_forever(options.file)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        shutil.copytree(PROJECT / "config", folder / "config")
        settings = read_settings({"DIEMBAO_HOME": f"{folder}/home", "DIEMBAO_CONFIG": f"{folder}/config"})
        run(options, settings, stack)


def run(options: argparse.Namespace, settings: Settings, stack: ExitStack) -> None:
    parts = sentences(options.file)
    state, engine = State(settings.database), open_engine(settings)
    engine.prepare()
    begin = datetime.now(UTC) - timedelta(days=7)
    numbers = itertools.count()
    for _ in range(options.kept // 1000):
        engine.upsert([made(next(numbers), parts, begin - timedelta(hours=1)) for _ in range(1000)])
    environment = settings.environment
    command = [sys.executable, "-m", "cli", "serve", "--port", "0", "--json"]
    web = subprocess.Popen(command, env=environment, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    stack.callback(web.terminate)
    command = [sys.executable, "-m", "benchmarks.memory", str(options.file), "--tag"]
    nlp = subprocess.Popen(command, env=environment, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.callback(nlp.kill)
    assert web.stdout is not None
    assert nlp.stdin is not None
    assert nlp.stdout is not None
    visitors = Visitors(json.loads(web.stdout.readline())["url"])
    address = stack.enter_context(local_prefect.server(settings.home, _free_port()))
    api = httpx.Client(base_url=f"{address}/api", timeout=60)
    server = next(child for child in _tree(os.getpid()) if "prefect" in _command(child) and "server" in _command(child))
    flow = api.post("/flows/", json={"name": "monitor"}).json()["id"]
    processes = {"web (diembao serve)": web.pid, "nlp (tagger)": nlp.pid, "Prefect server": server, "link and ingest": os.getpid()}
    own = {"link and ingest"}
    seen: dict[str, list[float]] = {name: [] for name in processes}
    chance = random.Random(7)
    started = time.monotonic()
    for number in range(options.rounds):
        at = begin + timedelta(days=7) * number / options.rounds
        nlp.stdin.write(f"{options.tagged}\n")
        nlp.stdin.flush()
        fresh = [made(next(numbers), parts, at) for _ in range(options.articles)]
        with alone(state, WRITING):
            ingest(engine, state, link(fresh, engine))
        last = int(fresh[-1].id, 16)
        engine.delete([f"{one:032x}" for one in range(last - options.kept - options.articles + 1, last - options.kept + 1) if one >= 0])
        query = chance.choice(QUERIES)
        visitors.wanted.put(["/", str(httpx.URL("/search", params={"q": query})), f"/articles/{fresh[0].id}", chance.choice(PAGES)])
        made_run = told(api, "/flow_runs/", {"flow_id": flow, "state": {"type": "PENDING"}})["id"]
        for kind in ("RUNNING", "COMPLETED"):
            told(api, f"/flow_runs/{made_run}/set_state", {"state": {"type": kind}})
        nlp.stdout.readline()
        if number % 10 == 0:
            for name, process in processes.items():
                seen[name].append(_own_resident(process) if name in own else resident(process))
        if time.monotonic() - started > 60 * options.minutes:
            options.rounds = number + 1
            break
        if number % 500 == 0:
            print(f"round {number} after {time.monotonic() - started:.0f} s: "
                  + ", ".join(f"{name} {values[-1]:.0f} MB" for name, values in seen.items()), flush=True)  # fmt: skip
    visitors.close()
    tell(options, seen, visitors, engine.status().articles, time.monotonic() - started)
    engine.close()
    state.close()


def tell(options: argparse.Namespace, seen: dict[str, list[float]], visitors: Visitors, kept: int, seconds: float) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}; {options.rounds} rounds in {seconds:.0f} s, {options.rounds * options.articles} articles written, {kept} kept,")
    print(f"{options.rounds * options.tagged} tagged; answers of the page by status: {dict(sorted(visitors.answers.items()))}")
    for name, values in seen.items():
        size = max(1, len(values) // BLOCKS)
        blocks = [statistics.fmean(values[start : start + size]) for start in range(0, size * BLOCKS, size) if values[start : start + size]]
        kept_blocks = blocks[len(blocks) // 4 :]
        gain, half = growth(kept_blocks)
        share = gain / (len(kept_blocks) / len(blocks)) * ROUNDS_A_WEEK / options.rounds
        error = half / (len(kept_blocks) / len(blocks)) * ROUNDS_A_WEEK / options.rounds
        line = " ".join(f"{block:.0f}" for block in blocks)
        print(f"{name}: {values[0]:.0f} MB at first, highest {max(values):.0f}; growth {share:+.1f} ± {error:.1f} MB a week: {line}")


def _own_resident(process: int) -> float:
    """As `resident`, without the processes below."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace"))
    return int(match[1]) / 1024 if match else 0.0


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
