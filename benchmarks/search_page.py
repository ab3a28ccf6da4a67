"""How long the server takes for the pages of a search, and how much it sends, over N composed articles in the embedded engine.

    python -m benchmarks.search_page --articles 100000 [--home FOLDER]

The articles are those of benchmarks/search.py. Each page is asked for through the whole application (gate, engine, template, compression)
for every query and every range below; the first round fills the memory of the process and is told apart, as in benchmarks/search.py. The
processor's time is what the process itself used, whatever else the machine did. The size is what travels: compressed, with the style
sheets and scripts that a first visit loads.
"""

from __future__ import annotations

import argparse
import gzip
import os
import platform
import re
import sqlite3
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from fastapi.testclient import TestClient

from benchmarks.search import NOW, QUERIES, SENTENCES, articles, quantiles
from diembao.settings import PROJECT, read_settings
from diembao.state import State
from index import open_engine
from web.app import create_app
from web.searching.addresses import SearchAddress, day_parameter

RANGES = {"all": None, "month": 30, "two days": 2}


def addresses() -> list[tuple[str, SearchAddress]]:
    """Every query in every range, and each with a filter."""
    today = day_parameter(NOW)
    found = []
    for query in QUERIES:
        for name, days in RANGES.items():
            begin = day_parameter(NOW - timedelta(days=days - 1)) if days else ""
            address = SearchAddress(q=query, from_=begin, to=today if days else "")
            found += [(name, address), (name, address.changed(topic=("health",), sentiment=("negative",)))]
    return found


def weight(client: TestClient, path: str) -> int:
    """Bytes that a first visit of the page loads, compressed as the server sends them."""
    page = client.get(path, headers={"Accept-Encoding": "identity"}).text
    links = dict.fromkeys(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    parts = [page.encode(), *(client.get(link).content for link in links)]
    return sum(len(gzip.compress(part)) if len(part) > 1024 else len(part) for part in parts)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--articles", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--home", type=Path, help="folder that keeps the index for the next time; default: a temporary one")
    chosen = options.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory() as name:
        home = chosen.home or Path(name)
        settings = read_settings({"DIEMBAO_HOME": str(home), "DIEMBAO_CONFIG": str(PROJECT / "config")})
        engine, state = open_engine(settings), State(settings.database)
        engine.prepare()
        batch = []
        for article in articles(0 if engine.status().articles else chosen.articles, SENTENCES):
            batch.append(article)
            if len(batch) == 1000:
                engine.upsert(batch)
                batch = []
        engine.upsert(batch)
        client = TestClient(create_app(settings, engine, state, lambda: NOW), base_url="http://127.0.0.1")
        print(f"{engine.status().articles} articles; {len(addresses())} searches a round")
        for path in ("/search", "/map", "/export"):
            first: list[float] = []
            times: dict[str, list[float]] = {}
            work: list[float] = []
            for turn in range(chosen.rounds + 1):
                for span, address in addresses():
                    begin, worked = time.perf_counter(), time.process_time()
                    answer = client.get(address.href(path))
                    gone = time.perf_counter() - begin
                    if turn:
                        work.append(time.process_time() - worked)
                    assert answer.status_code == 200, answer.text
                    (times.setdefault(span, []) if turn else first).append(gone)
            everything = [one for span in times.values() for one in span]
            print(f"{path}: {quantiles(everything)}; processor {quantiles(work)}; first time {quantiles(first)}")
            print(f"    first load {weight(client, path + '?q=' + quote('lũ'))} bytes")
            for span, ones in times.items():
                print(f"    {span}: {quantiles(ones)}")
        engine.close()
        state.close()


if __name__ == "__main__":
    main()
