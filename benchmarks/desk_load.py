"""Fifty staff at the desk at once for five minutes, over 100,000 articles in the embedded engine.

    python -m benchmarks.desk_load [CORPUS.jsonl.gz] --home FOLDER [--articles 100000] [--staff 50] [--minutes 5] [--alone 200]

The office is made in FOLDER (and kept there for the next call): articles mixed of the corpus' sentences over the last 320 days, one in ten
a reprint, stories, alerts, 150 sources, staff with passwords. `diembao serve` answers in its own process with one database connection pool,
as in an office. Each of the staff logs in as a person does (form, token, argon2, session cookie), then works: overview, typing into the
search box (offers asked while typing), choosing facets, next page, opening what was found and its story, map, alerts, briefing, sources;
between two deeds 2 to 14 seconds of reading. Every answer that is no 200 is an error. Times are from the request to the last byte, on
loopback, and hold what the machine does besides.

Before that, one person alone: `--alone` searches with facets, none like another, for the server's own time. Every page is compressed
as browsers ask for it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import tomli_w
from bs4 import BeautifulSoup

from benchmarks.search import NOW, SOURCES, article_of, sentences
from diembao.clock import utc_now
from diembao.settings import PROJECT, Settings, read_settings
from diembao.state import State
from index import open_engine
from web.accounts.passwords import Passwords
from web.accounts.users import Role, add_user

PASSWORD = "bốn từ không liên quan"
WORDS = [
    "lũ lụt", "Hà Nội", '"công an"', "giao thong", "an toàn giao thông", "ô nhiễm", "dự án", "UBND", "bệnh viện", "giáo dục",
    "tai nạn", "trường học", "giá vàng", "bóng đá", "du lịch", "xuất khẩu", "đất đai", "nông dân", "thuế", "điện", "cháy", "ma túy",
    "ngân hàng", "học sinh", "bão số", "cầu vượt", "khu công nghiệp", "môi trường", "người dân", "doanh nghiệp",
]  # fmt: skip
READING = (2.0, 14.0)


def make_office(home: Path, count: int, corpus: Path | None, staff: int) -> Settings:
    """The installation in `home`; made when it is not there."""
    is_ready = (home / "ready").exists()
    if not is_ready:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(PROJECT / "config", home / "config", ignore=shutil.ignore_patterns("sources"))
        (home / "config/sources").mkdir()
        for name in SOURCES:
            entry = {"name": f"Báo {name}", "domain": f"{name}.example", "feeds": [f"https://{name}.example/rss"]}
            (home / f"config/sources/{name}.toml").write_text(tomli_w.dumps(entry), encoding="utf-8")
    settings = read_settings({"DIEMBAO_HOME": str(home), "DIEMBAO_CONFIG": str(home / "config")})
    if not is_ready:
        engine, parts = open_engine(settings), sentences(corpus)
        engine.prepare()
        shift = utc_now() - NOW
        for start in range(0, count, 1000):
            batch = []
            for number in range(start, min(start + 1000, count)):
                one = article_of(number, parts)
                at = (one.published_at or NOW) + shift
                story = f"story{number // 5 % 4000}" if number % 5 < 3 else None
                batch.append(one.with_fields(published_at=at, fetched_at=at, first_seen_at=at, story_id=story))
            engine.upsert(batch)
        engine.close()
        state = State(settings.database)
        for number in range(staff):
            role: Role = "admin" if number == 0 else "editor" if number % 3 == 0 else "reader"
            name = f"staff{number}"
            add_user(state, Passwords(), name, role, PASSWORD, utc_now(), "command:benchmark")
        state.close()
        (home / "ready").touch()
    return settings


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """`diembao serve` in its own process while the block runs."""
    command = [sys.executable, "-m", "cli", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        command, env=settings.environment, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


class Staff:
    """One person at the desk.

    Args:
        address: of the desk.
        name: whose password is PASSWORD.
        seed: what this person does.
    """

    times: dict[str, list[float]] = defaultdict(list)
    errors: Counter[str] = Counter()

    def __init__(self, address: str, name: str, seed: int) -> None:
        self.name = name
        self.chance = random.Random(seed)
        self.client = httpx.AsyncClient(base_url=address, timeout=60, headers={"Accept-Encoding": "gzip"})
        self.page = BeautifulSoup("", "lxml")

    async def get(self, kind: str, path: str) -> str:
        """The page at `path`, timed as `kind`; empty when it is no 200."""
        begun = time.perf_counter()
        try:
            answer = await self.client.get(path, follow_redirects=True)
        except httpx.HTTPError as error:
            self.errors[f"{kind}: {type(error).__name__}"] += 1
            return ""
        self.times[kind].append(time.perf_counter() - begun)
        if answer.status_code != 200 or (answer.url.path == "/login") != (kind == "login page"):
            self.errors[f"{kind}: {answer.status_code} {answer.url.path}"] += 1
            return ""
        return answer.text

    async def look(self, kind: str, path: str) -> None:
        """Open a page and read it for some seconds."""
        if text := await self.get(kind, path):
            self.page = BeautifulSoup(text, "lxml")
        await asyncio.sleep(self.chance.uniform(*READING))

    async def log_in(self) -> None:
        """Fill in the form as a person does."""
        form = BeautifulSoup(await self.get("login page", "/login"), "lxml").select_one("form input[name=token]")
        begun = time.perf_counter()
        token = str(form["value"]) if form else ""
        answer = await self.client.post("/login", data={"token": token, "name": self.name, "password": PASSWORD})
        self.times["log in"].append(time.perf_counter() - begun)
        if answer.status_code != 303:
            self.errors[f"log in: {answer.status_code}"] += 1

    def links(self, pattern: str) -> list[str]:
        """The links of the page that is open whose addresses match."""
        found = (str(link["href"]) for link in self.page.select("a[href]"))
        return [href for href in found if re.search(pattern, href)]

    async def follow(self, kind: str, pattern: str) -> bool:
        """Open one of the links that match; whether there is one."""
        if links := self.links(pattern):
            await self.look(kind, self.chance.choice(links[:30]))
        return bool(links)

    async def search(self) -> None:
        """Type, look, narrow, turn the page, open what was found."""
        words = self.chance.choice(WORDS)
        if self.chance.random() < 0.4:
            words += " " + self.chance.choice(WORDS)
        for end in range(2, min(len(words), 8), 3):
            await self.get("offers while typing", str(httpx.URL("/search/complete", params={"q": words[:end], "at": end})))
            await asyncio.sleep(0.3)
        await self.look("search", str(httpx.URL("/search", params={"q": words})))
        for _ in range(self.chance.choice([0, 1, 1, 2])):
            await self.follow("search with a facet", r"^/search\?.*(topic|sentiment|place|source|critical)=")
        if self.chance.random() < 0.25:
            await self.follow("next page", r"after=")
        results = self.page
        for _ in range(self.chance.choice([1, 1, 2, 3])):
            self.page = results
            if await self.follow("article", r"^/articles/[^/?]+(\?|$)") and self.chance.random() < 0.3:
                await self.follow("story", r"^/stories/[^/?]+$")

    async def work(self, until: float) -> None:
        """Log in and work until then (monotonic seconds)."""
        await asyncio.sleep(self.chance.uniform(0, 10))
        await self.log_in()
        await self.look("overview", "/")
        while time.monotonic() < until:
            deed = self.chance.random()
            if deed < 0.55:
                await self.search()
            elif deed < 0.68:
                await self.look("overview", "/")
            else:
                kind = self.chance.choice(["alerts", "sources", "briefing", "map", "saved", "stories"])
                await self.look(kind, f"/{kind}")
        await self.client.aclose()


async def staff_at_work(address: str, staff: int, minutes: float) -> None:
    until = time.monotonic() + 60 * minutes
    await asyncio.gather(*(Staff(address, f"staff{number}", number).work(until) for number in range(staff)))


async def alone(address: str, searches: int) -> dict[str, list[float]]:
    """Times of one person's searches, none like another; half with a facet chosen."""
    person = Staff(address, "staff0", 1)
    await person.log_in()
    pairs = [(one, other) for one in WORDS for other in WORDS if one != other]
    random.Random(3).shuffle(pairs)
    times: dict[str, list[float]] = {"search with facets": [], "the same with one chosen": [], "the same again": []}
    for one, other in pairs[:searches]:
        for name, extra in (("search with facets", {}), ("the same with one chosen", {"topic": "traffic"}), ("the same again", {})):
            url = str(httpx.URL("/search", params={"q": f"{one} OR {other}" if len(one) % 2 else one + " " + other, **extra}))
            begun = time.perf_counter()
            answer = await person.client.get(url)
            times[name].append(time.perf_counter() - begun)
            if answer.status_code != 200:
                Staff.errors[f"alone: {answer.status_code}"] += 1
    await person.client.aclose()
    Staff.times.clear()
    return times


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, round(share * len(ordered)))]


def row(name: str, values: list[float]) -> str:
    columns = [*(quantile(values, share) for share in (0.5, 0.95, 0.99)), 1000 * max(values)]
    return f"  {name:<28}{len(values):>6}" + "".join(f"{column:>8.0f}" for column in columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--staff", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--alone", type=int, default=200)
    options = parser.parse_args()
    settings = make_office(options.home.resolve(), options.articles, options.corpus, options.staff)
    with served(settings) as address:
        before = os.getloadavg()[0]
        single = asyncio.run(alone(address, options.alone))
        asyncio.run(staff_at_work(address, options.staff, options.minutes))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {before:.1f} before, {os.getloadavg()[0]:.1f} at the end"
    print(f"{machine}; {options.articles} articles, embedded engine; milliseconds")
    print(f"  {'one person alone':<28}{'n':>6}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    for name, values in single.items():
        print(row(name, values))
    everything = [value for values in Staff.times.values() for value in values]
    print(f"  {f'{options.staff} staff, {options.minutes:g} minutes':<28}{'n':>6}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    for name, values in sorted(Staff.times.items(), key=lambda item: -len(item[1])):
        print(row(name, values))
    print(row("all", everything))
    rate, mean = len(everything) / (60 * options.minutes), 1000 * statistics.fmean(everything)
    print(f"{len(everything)} answers, {rate:.1f} a second (mean {mean:.0f} ms); errors: {dict(Staff.errors) or 'none'}")


if __name__ == "__main__":
    main()
