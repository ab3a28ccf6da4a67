"""From publication to the search page: 300 simulated outlets at 20,000 articles a day, the whole chain at work, in compressed time.

    python -m benchmarks.pace ARTICLES.jsonl[.gz]... [--outlets 300] [--articles 20000] [--hours 2] [--speed 6] [--parts 1]

A process of its own publishes the articles of the file (title, lead, body) on loopback, one port per outlet, each with a feed of its
thirty newest (some with ETag, some with Last-Modified, some with neither): the busiest hours of a day whose volume and hours are those
of benchmarks.polling. Rounds as `diembao monitor` makes them follow one another, at least five minutes of simulated time apart: crawl
(`--parts` processes at once), then tag, link and index. An article counts as searchable when its round has written it.

Time runs `--speed` times faster, and so do delays, polls and rounds; the work does not. A second of work therefore weighs six seconds
here: the figures are upper bounds of what the same machine would need in real time. The backlog of the first round is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import email.utils
import gzip
import itertools
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chain import page_around
from benchmarks.polling import BY_HOUR, volumes
from crawlers.__main__ import crawl
from crawlers.locks import part_of
from crawlers.registry import choose
from crawlers.runs import read_run
from diembao.clock import VIETNAM, Clock
from diembao.settings import read_settings
from diembao.state import State
from flows.stages import index_run
from index import open_engine
from nlp.tagging import Tagger
from tests.chain.crawlers_press import PROJECT, Office

START = datetime(2026, 11, 17, 8, tzinfo=VIETNAM)
ROUND = timedelta(minutes=5)
BACKLOG = timedelta(minutes=20)
"""What was published before the first round and stands in the feeds."""


def clock_of(begun: float, speed: float) -> Clock:
    """Simulated time: START at the moment `begun` (Unix time), `speed` times faster."""
    return lambda: (START + timedelta(seconds=(time.time() - begun) * speed)).astimezone(UTC)


def published(outlets: int, articles: int, hours: float) -> list[list[datetime]]:
    """When each outlet publishes."""
    chance = random.Random(20261117)
    moments: list[list[datetime]] = []
    for volume in volumes(outlets, articles, chance):
        mine, at = [], START - BACKLOG
        while at < START + timedelta(hours=hours):
            an_hour = volume * BY_HOUR[at.hour] / sum(BY_HOUR)
            at += timedelta(hours=chance.expovariate(an_hour))
            mine.append(at)
        moments.append([moment for moment in mine if moment < START + timedelta(hours=hours)])
    return moments


async def serve(options: argparse.Namespace) -> None:
    """Publish: print the ports, read the moment at which simulated time begins, answer until killed."""
    records = itertools.cycle(_records(options.files))
    outlets = [[(moment, next(records)) for moment in moments] for moments in published(options.outlets, options.articles, options.hours)]
    clock: list[Clock] = []
    asked = Counter[str]()

    def answer(number: int, port: int, path: str, headers: dict[str, str]) -> tuple[str, bytes, dict[str, str]]:
        now = clock[0]()
        out = [(place, moment, record) for place, (moment, record) in enumerate(outlets[number]) if moment <= now]
        if path == "/robots.txt":
            return "404 Not Found", b"", {}
        if path == "/rss":
            asked["polls"] += 1
            newest = out[-30:]
            tag = f'"{len(out)}"'
            date = email.utils.format_datetime((newest[-1][1] if newest else START - BACKLOG).astimezone(UTC), usegmt=True)
            given = ({"ETag": tag}, {"Last-Modified": date}, {})[number % 3]
            if headers.get("if-none-match") == tag or headers.get("if-modified-since") == date:
                asked["304"] += 1
                return "304 Not Modified", b"", given
            items = "".join(
                f"<item><title>t</title><link>http://127.0.0.1:{port}/bai-{place}.html</link>"
                f"<pubDate>{email.utils.format_datetime(moment)}</pubDate></item>"
                for place, moment, _ in reversed(newest)
            )
            return "200 OK", f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode(), given
        asked["pages"] += 1
        place = int(path.partition("-")[2].partition(".")[0])
        moment, record = outlets[number][place]
        page = page_around(record).replace(b"2026-11-19T08:00:00+07:00", f"{moment:%Y-%m-%dT%H:%M:%S+07:00}".encode())
        return "200 OK", page, {}

    async def handle(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = request.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                status, body, given = answer(number, port, first.split(" ")[1], headers)
                kind = "application/rss+xml" if first.split(" ")[1] == "/rss" else "text/html; charset=utf-8"
                head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    servers = [await asyncio.start_server(partial(handle, number), "127.0.0.1", 0) for number in range(options.outlets)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    clock.append(clock_of(float(await asyncio.to_thread(sys.stdin.readline)), options.speed))
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps(asked), flush=True)


def _records(files: list[Path]) -> Iterator[dict[str, str]]:
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if record.get("body"):
                    yield {name: record.get(name) or "" for name in ("title", "lead", "body")}


def crawl_part(run: str, part: str, begun: float, speed: float) -> None:
    """One crawl in simulated time; once per process."""
    settings = read_settings()
    sources = part_of(choose(settings.sources_folder, [])[0], part)
    overrides = {"DIEMBAO_MINUTES": str(3 / speed), "LOG_LEVEL": "WARNING"}
    crawl(settings, run, sources, overrides=overrides, clock=clock_of(begun, speed))


def run_rounds(options: argparse.Namespace, office: Office, begun: float) -> dict[str, Any]:
    """Rounds until the last article was published and one more; what they took."""
    settings = read_settings(office.environment)
    state, engine, tagger = State(settings.database), open_engine(settings), Tagger.of(settings)
    engine.prepare()
    clock = clock_of(begun, options.speed)
    searchable: dict[str, datetime] = {}
    moments: dict[str, datetime] = {}
    seconds: dict[str, list[float]] = {"crawl": [], "index": []}
    entrances = Counter[str]()
    last = START + timedelta(hours=options.hours)
    number = 0
    while True:
        round_began = clock()
        started = time.monotonic()
        runs = [f"round-{number:04d}-{part}" for part in range(1, options.parts + 1)]
        command = [sys.executable, "-m", "benchmarks.pace", *map(str, options.files), "--speed", str(options.speed), "--begun", repr(begun)]
        crawls = [
            subprocess.Popen([*command, "--crawl", run, "--part", f"{part}/{options.parts}"], env=office.environment, cwd=PROJECT)
            for part, run in enumerate(runs, start=1)
        ]
        if any(process.wait() for process in crawls):
            raise SystemExit("a crawl failed")
        crawled = time.monotonic()
        for run in runs:
            folder = read_run(settings.runs_folder / run)
            index_run(settings, state, engine, tagger, run, clock())
            now = clock()
            for article in folder.articles():
                if article.published_at is not None:
                    searchable[article.id], moments[article.id] = now, article.published_at
            for counts in folder.summary["sources"].values():
                # The first poll of a feed cannot know whether it changed.
                for entrance in counts["entrances"] if number else ():
                    entrances["brought something" if entrance["new"] else entrance["outcome"]] += 1
        seconds["crawl"].append(crawled - started)
        seconds["index"].append(time.monotonic() - crawled)
        number += 1
        if round_began > last:
            break
        time.sleep(max(0.0, (round_began + ROUND - clock()).total_seconds() / options.speed))
    articles = engine.status().articles
    engine.close()
    state.close()
    waits = [(searchable[key] - moment) / timedelta(minutes=1) for key, moment in moments.items() if moment >= START]
    return {"waits": waits, "rounds": number, "seconds": seconds, "entrances": entrances, "articles": articles}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--outlets", type=int, default=300)
    parser.add_argument("--articles", type=int, default=20_000, help="a day, of all outlets")
    parser.add_argument("--hours", type=float, default=2)
    parser.add_argument("--speed", type=float, default=6)
    parser.add_argument("--parts", type=int, default=1, help="crawl processes that share the outlets")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--crawl", help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options))
        return
    if options.crawl:
        crawl_part(options.crawl, options.part, options.begun, options.speed)
        return
    command = [sys.executable, "-m", "benchmarks.pace", *map(str, options.files), "--serve", "--outlets", str(options.outlets)]
    command += ["--articles", str(options.articles), "--hours", str(options.hours), "--speed", str(options.speed)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            ports = json.loads(server.stdout.readline())
            office = Office(Path(folder))
            for port in ports:
                office.source(
                    f"s{port}",
                    f"127.0.0.1:{port}",
                    feeds=[f"http://127.0.0.1:{port}/rss"],
                    delay=1 / options.speed,
                    recrawl_hours=6.0,
                    poll_minutes=[5, 20],
                    may_be_empty=True,
                )
            begun = time.time()
            server.stdin.write(f"{begun!r}\n")
            server.stdin.flush()
            done = run_rounds(options, office, begun)
            server.stdin.write("\n")
            server.stdin.flush()
            asked = json.loads(server.stdout.readline())
        finally:
            server.kill()
    expected = sum(moment >= START for moments in published(options.outlets, options.articles, options.hours) for moment in moments)
    waits = done["waits"]
    cuts = statistics.quantiles(waits, n=100)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    day = f"the {options.hours:g} busiest hours of a day of {options.articles} articles of {options.outlets} outlets"
    print(f"{machine}; {day}, {options.speed:g} times faster; {options.parts} crawl(s) at once, {done['rounds']} rounds")
    print(f"published in these hours {expected}, searchable {len(waits)}; {done['articles']} in the index")
    print(f"published to searchable: median {statistics.median(waits):.1f} min, p95 {cuts[94]:.1f}, longest {max(waits):.1f} (simulated)")
    for stage, seconds in done["seconds"].items():
        print(f"  {stage}: {statistics.median(seconds):.1f} s a round (median), {max(seconds):.1f} s (longest), real time")
    entrances = done["entrances"]
    idle = entrances["unchanged"] + entrances["same links"] + entrances["read"]
    known = 1 - entrances["read"] / max(idle, 1)
    print(f"{asked['polls']} polls, {asked['304']} ended in 304; of {idle} that brought nothing {known:.1%} were known as unchanged")
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(f"peak memory of a process: {peak:.0f} MB; {dict(entrances)}")


if __name__ == "__main__":
    main()
