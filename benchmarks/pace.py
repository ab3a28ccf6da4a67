"""From publication to the search page, in real time: 300 outlets at 20,000 articles a day, and `diembao schedule` as an office runs it.

    python -m benchmarks.pace ARTICLES.jsonl[.gz]... [--outlets 300] [--articles 20000] [--hours 1] [--every 120]

A process of its own publishes the articles of the file (title, lead, body) on loopback, one port per outlet, each with a feed of its
thirty newest (some with ETag, some with Last-Modified, some with neither): the busiest hours of a day whose volume and hours are those
of benchmarks.polling. `diembao schedule` with its Prefect server crawls, tags, links, indexes and evaluates the shipped alert rules; one
second between two requests to a host. Another process asks the engine every two seconds which of the published articles are there.

Nothing is accelerated. How much each feed brings by hour was learnt beforehand by benchmarks.polling's simulation of three days
(--unlearnt: nothing is known, and every feed is asked in every round). The backlog of the first round is not counted, nor what is published
in the last fifteen minutes: what is counted and is not searchable at the end counts as infinitely late.
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
import shutil
import signal
import socket
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
from crawlers.pace import Bounds, Habit, learn, next_poll
from crawlers.runs import read_run
from diembao.clock import VIETNAM
from diembao.settings import Settings, read_settings
from diembao.state import EntrancePace, Run, State
from diembao.urls import article_id, normalise_url
from index import open_engine
from tests.chain.crawlers_press import PROJECT, Office

START = datetime(2026, 11, 17, 8, tzinfo=VIETNAM)
"""The hour of the simulated day; the articles carry the real time."""
BACKLOG = timedelta(minutes=20)
"""What was published before the measurement and stands in the feeds."""
WARM_UP = timedelta(minutes=4)
"""Between the first round and the first article that is counted."""
BOUNDS = Bounds(timedelta(minutes=2), timedelta(minutes=15))
SECOND = timedelta(seconds=1)
LAST = timedelta(minutes=15)
"""What is published in so much time before the end is not counted."""


def published(outlets: int, articles: int, hours: float) -> list[list[timedelta]]:
    """When each outlet publishes, from the first counted moment on (negative: before it)."""
    chance = random.Random(20261117)
    moments: list[list[timedelta]] = []
    end = timedelta(hours=hours)
    for volume in volumes(outlets, articles, chance):
        mine: list[timedelta] = []
        at = -BACKLOG - WARM_UP
        while at < end:
            an_hour = volume * BY_HOUR[(START + at).hour] / sum(BY_HOUR)
            at += timedelta(hours=chance.expovariate(an_hour))
            mine.append(at)
        moments.append([moment for moment in mine if moment < end])
    return moments


async def serve(options: argparse.Namespace) -> None:
    """Publish: print the ports, read the first counted moment, answer until a line comes."""
    records = itertools.cycle(_records(options.files))
    outlets = [[(moment, next(records)) for moment in moments] for moments in published(options.outlets, options.articles, options.hours)]
    begins: list[datetime] = []
    asked = Counter[str]()

    def answer(number: int, port: int, path: str, headers: dict[str, str]) -> tuple[str, bytes, dict[str, str]]:
        now = datetime.now(UTC)
        out = [(place, begins[0] + moment, record) for place, (moment, record) in enumerate(outlets[number]) if begins[0] + moment <= now]
        if path == "/robots.txt":
            return "404 Not Found", b"", {}
        if path == "/rss":
            asked["polls"] += 1
            newest = out[-30:]
            tag = f'"{len(out)}"'
            date = email.utils.format_datetime(newest[-1][1] if newest else begins[0] - BACKLOG - WARM_UP, usegmt=True)
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
        _, moment, record = out[int(path.partition("-")[2].partition(".")[0])]
        page = page_around(record).replace(b"2026-11-19T08:00:00+07:00", f"{moment.astimezone(VIETNAM):%Y-%m-%dT%H:%M:%S+07:00}".encode())
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
    begins.append(datetime.fromisoformat((await asyncio.to_thread(sys.stdin.readline)).strip()))
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps(asked), flush=True)


def _records(files: list[Path]) -> Iterator[dict[str, str]]:
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                if record.get("body"):
                    yield {name: record.get(name) or "" for name in ("title", "lead", "body")}


def learnt(volume: float, chance: random.Random, until: datetime) -> Habit:
    """What three days of polling teach of an outlet that publishes so many articles a day."""
    habit = Habit.unknown()
    now = due = until - timedelta(days=3)
    shift = START.hour - until.astimezone(VIETNAM).hour
    pending: list[datetime] = []
    at = now
    while now < until:
        while at <= now:
            an_hour = volume * BY_HOUR[(at.astimezone(VIETNAM).hour + shift) % 24] / sum(BY_HOUR)
            at += timedelta(hours=chance.expovariate(an_hour))
            pending.append(at)
        if due <= now:
            new = [moment for moment in pending if moment <= now]
            pending = [moment for moment in pending if moment > now]
            learn(habit, len(new), new, now)
            due = next_poll(habit, now, BOUNDS)
        now += timedelta(minutes=2)
    return habit


def teach(settings: Settings, ports: list[int], options: argparse.Namespace) -> None:
    """Give the office's database what it would have learnt of its feeds."""
    chance = random.Random(1)
    state = State(settings.database)
    with state.session() as session:
        for port, volume in zip(ports, volumes(options.outlets, options.articles, random.Random(20261117)), strict=True):
            habit = learnt(volume, chance, datetime.now(UTC))
            seen_at = habit.seen_at.isoformat() if habit.seen_at else None
            habits = {"found": habit.found, "watched": habit.watched, "seen_at": seen_at}
            session.add(EntrancePace(url=normalise_url(f"http://127.0.0.1:{port}/rss"), links_hash=None, habit=habits))
    state.close()


def watch(settings: Settings, moments: dict[str, datetime], until: datetime) -> tuple[dict[str, datetime], list[float]]:
    """When each article was found in the engine, and the machine's load, until `until`."""
    engine = open_engine(settings)
    found: dict[str, datetime] = {}
    loads: list[float] = []
    while (now := datetime.now(UTC)) < until:
        out = [key for key, moment in moments.items() if moment <= now and key not in found]
        there = [key for start in range(0, len(out), 500) for key in engine.stored(out[start : start + 500])]
        found |= dict.fromkeys(there, datetime.now(UTC))
        loads.append(os.getloadavg()[0])
        time.sleep(2)
    engine.close()
    return found, loads


def start_schedule(office: Office, every: int) -> subprocess.Popen[bytes]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "cli", "schedule", "--every", str(every), "--prefect-port", str(port)]
    return subprocess.Popen(command, env=office.environment, cwd=PROJECT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--outlets", type=int, default=300)
    parser.add_argument("--articles", type=int, default=20_000, help="a day, of all outlets")
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--every", type=int, default=120, help="seconds between two rounds")
    parser.add_argument("--unlearnt", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options))
        return
    command = [sys.executable, "-m", "benchmarks.pace", *map(str, options.files), "--serve", "--outlets", str(options.outlets)]
    command += ["--articles", str(options.articles), "--hours", str(options.hours)]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            ports = json.loads(server.stdout.readline())
            office = made_office(Path(folder), ports)
            settings = read_settings(office.environment)
            engine = open_engine(settings)
            engine.prepare()
            engine.close()
            if not options.unlearnt:
                teach(settings, ports, options)
            begins = datetime.now(UTC) + WARM_UP + 30 * SECOND
            server.stdin.write(f"{begins.isoformat()}\n")
            server.stdin.flush()
            moments = {
                article_id(f"http://127.0.0.1:{port}/bai-{place}.html"): begins + moment
                for port, mine in zip(ports, published(options.outlets, options.articles, options.hours), strict=True)
                for place, moment in enumerate(mine)
                if timedelta() <= moment < timedelta(hours=options.hours) - min(LAST, timedelta(hours=options.hours / 4))
            }
            schedule = start_schedule(office, options.every)
            try:
                found, loads = watch(settings, moments, begins + timedelta(hours=options.hours))
            finally:
                schedule.send_signal(signal.SIGINT)
                schedule.wait(60)
            server.stdin.write("\n")
            server.stdin.flush()
            asked = json.loads(server.stdout.readline())
            tell(options, settings, moments, found, loads, asked)
        finally:
            server.kill()


def made_office(folder: Path, ports: list[int]) -> Office:
    """An installation with the outlets, the shipped topics and the shipped alert rules; no mail is sent."""
    office = Office(folder)
    for port in ports:
        feed = f"http://127.0.0.1:{port}/rss"
        office.source(f"s{port}", f"127.0.0.1:{port}", feeds=[feed], delay=1.0, recrawl_hours=6.0, may_be_empty=True)
    with (office.config / "office.toml").open("a") as file:
        shortest, longest = (bound / timedelta(minutes=1) for bound in (BOUNDS.shortest, BOUNDS.longest))
        file.write(f"poll_minutes = [{shortest:g}, {longest:g}]\n[mail]\nrecipients = []\n")
    for name in ("taxonomy.toml", "abbreviations.toml", "abbreviations_search.toml", "synonyms.toml"):
        shutil.copy(PROJECT / "config" / name, office.config / name)
    shutil.copytree(PROJECT / "config/alerts", office.config / "alerts")
    return office


def tell(
    options: argparse.Namespace,
    settings: Settings,
    moments: dict[str, datetime],
    found: dict[str, datetime],
    loads: list[float],
    asked: dict[str, int],
) -> None:
    engine = open_engine(settings)
    fetched = {article.id: article.fetched_at for article in engine.scan() if article.id in moments and article.fetched_at}
    print(f"{engine.status().articles} articles in the index")
    engine.close()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {statistics.median(loads):.1f} (median), {max(loads):.1f} (highest)"
    print(f"{machine}; {options.hours:g} h at the pace of {options.articles} articles a day of {options.outlets} outlets, real time")
    print(f"published {len(moments)}, searchable {len(found)}")
    steps: dict[str, list[timedelta]] = {
        "published to searchable": [found.get(key, datetime.max.replace(tzinfo=UTC)) - moments[key] for key in moments],
        "  published to fetched": [fetched[key] - moments[key] for key in found if key in fetched],
        "  fetched to searchable": [found[key] - fetched[key] for key in found if key in fetched],
    }
    for name, spans in steps.items():
        minutes = [span / timedelta(minutes=1) for span in spans]
        cuts = statistics.quantiles(minutes, n=100)
        print(f"{name}: median {statistics.median(minutes):.2f} min, p95 {cuts[94]:.2f}, p99 {cuts[98]:.2f}, longest {max(minutes):.2f}")
    state = State(settings.database)
    with state.session() as session:
        rounds = {run.id: run for run in session.query(Run)}
    state.close()
    entrances = Counter[str]()
    crawls: list[float] = []
    for number, run in enumerate(sorted(rounds)):
        summary: dict[str, Any] = read_run(settings.runs_folder / run).summary
        if summary:
            crawls.append((datetime.fromisoformat(summary["ended_at"]) - datetime.fromisoformat(summary["started_at"])).total_seconds())
            for counts in summary["sources"].values():
                # The first poll of a feed cannot know whether it changed.
                for entrance in counts["entrances"] if number else ():
                    entrances["brought something" if entrance["new"] else entrance["outcome"]] += 1
    print(f"{len(rounds)} rounds; a crawl took {statistics.median(crawls):.1f} s (median), {max(crawls):.1f} s (longest)")
    idle = entrances["unchanged"] + entrances["same links"] + entrances["read"]
    known = 1 - entrances["read"] / max(idle, 1)
    print(f"{asked['polls']} polls, {asked['304']} ended in 304; of {idle} that brought nothing {known:.1%} were known as unchanged")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime
    print(f"processor time of the chain and the publisher: {seconds:.0f} s; {dict(entrances)}")


if __name__ == "__main__":
    main()
