"""Writing and searching N articles, against plain FTS5 of the same text.

    python -m benchmarks.search --articles 20000 [--corpus FILE.jsonl.gz] [--elasticsearch http://127.0.0.1:9200]

The articles are made by mixing sentences: of the corpus where one is given (JSON lines with `title` and `body`), else of
the composed sentences below. Each has a fresh id, date and tags; one in ten is a copy of an earlier original. Ten queries run with
facets and a histogram by day; the figures are the median and the 95th percentile over all of them, after one warm-up round. Of the
embedded engine also without one: in a process that asks for the first time, and when an article has been written before each query.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import os
import platform
import random
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from diembao.article import Article
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.taxonomy import TOPIC_CODES
from index.elasticsearch_engine import ElasticsearchEngine
from index.sqlite_engine import SqliteEngine

SENTENCES = [
    f"{who} {did} {what} tại {where}, {why}."
    for who in ("Công an tỉnh", "UBND huyện", "Người dân", "Sở Y tế", "Doanh nghiệp", "CSGT", "Ban quản lý dự án")
    for did in ("phát hiện", "phản ánh", "xử lý", "kiểm tra", "khởi công", "công bố", "đề nghị khắc phục")
    for what in (
        "ô nhiễm môi trường",
        "tuyến đường xuống cấp",
        "dịch bệnh",
        "vụ tai nạn",
        "dự án chậm tiến độ",
        "lũ quét",
        "trường học mới",
    )
    for where in ("Hà Nội", "Đà Nẵng", "Đồng Tháp", "Cần Thơ", "Lào Cai", "TP.HCM", "Hòa Bình")
    for why in ("gây bức xúc dư luận", "theo kế hoạch năm nay", "sau nhiều ngày mưa lớn", "nhằm phục vụ người dân")
]
QUERIES = [
    "lũ", "Hà Nội", '"công an"', "giao thong", '"an toàn giao thông"', "bệnh* AND viện", "ô nhiễm OR rác thải -bệnh", "title:(dự án)",
    '"ô nhiễm môi trường"~3', "UBND",
]  # fmt: skip
PLAIN = [
    "lũ", "hà nội", '"công an"', "giao thông", '"an toàn giao thông"', "bệnh* viện", "(ô nhiễm) OR ((rác thải) NOT bệnh)", "title: dự án",
    "NEAR(ô nhiễm môi trường, 5)", "ubnd",
]  # fmt: skip
SOURCES = [f"bao{number}" for number in range(150)]
PROVINCES = ["Hà Nội", "Đà Nẵng", "Đồng Tháp", "Cần Thơ", "Lào Cai", "Hồ Chí Minh", "Phú Thọ", "An Giang"]
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
NOW = _FIRST + timedelta(days=320)


def sentences(corpus: Path | None) -> list[str]:
    if corpus is None:
        return SENTENCES
    found: list[str] = []
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            text = " ".join(str(record.get(name) or "") for name in ("title", "lead", "description", "body", "content", "text"))
            found += [part for part in re.split(r"(?<=[.!?])\s+", text) if 20 < len(part) < 400]
    return found


def articles(count: int, parts: list[str], seed: int = 1) -> Iterator[Article]:
    return (article_of(number, parts, seed) for number in range(count))


def article_of(number: int, parts: list[str], seed: int = 1) -> Article:
    """Article `number`, whatever others are made. One in ten is a reprint: an earlier article's text with a few sentences changed."""
    chance = random.Random(f"{seed} {number}")
    origin = _origin(number, chance, seed)
    if origin is None:
        text, tags = _text(chance, parts), _tags(chance)
        published = _FIRST + timedelta(minutes=chance.randrange(60 * 24 * 320))
    else:
        of_origin = random.Random(f"{seed} {origin}")
        _origin(origin, of_origin, seed)
        text, tags = _text(of_origin, parts), _tags(of_origin)
        published = _FIRST + timedelta(minutes=of_origin.randrange(60 * 24 * 320) + chance.randint(5, 60 * 48))
        for place in chance.sample(range(2, len(text)), k=chance.randint(0, 4)):
            text[place] = chance.choice(parts)
        if chance.random() < 0.2:
            tags = _tags(chance)
    return Article.model_validate(
        {
            "id": f"{number:032x}", "url": f"https://bao.example/{number}", "source": chance.choice(SOURCES),
            "title": text[0][:110], "lead": text[1], "body": "\n".join(text[2:]),
            "published_at": published, "fetched_at": published, "first_seen_at": published,
            "copy_of": None if origin is None else f"{origin:032x}",
            **tags,
        }
    )  # fmt: skip


def _origin(number: int, chance: random.Random, seed: int) -> int | None:
    """What article `number` is a copy of, an original; None when it is one itself. The first that is drawn from its `chance`."""
    if chance.random() >= 0.1:
        return None
    candidates = (chance.randrange(number) for _ in range(20) if number)
    return next((one for one in candidates if random.Random(f"{seed} {one}").random() >= 0.1), None)


def _text(chance: random.Random, parts: list[str]) -> list[str]:
    return chance.choices(parts, k=20)


def _tags(chance: random.Random) -> dict[str, object]:
    province = chance.choice(PROVINCES)
    return {
        "topics": [{"code": code, "score": 0.8} for code in chance.sample(TOPIC_CODES, k=chance.randint(1, 2))],
        "sentiment": {"label": chance.choices(["negative", "neutral", "positive"], [2, 5, 3])[0]},
        "places": [{"code": str(PROVINCES.index(province)), "name": f"Tỉnh {province}", "level": "province", "province": province}],
    }


def quantiles(times: list[float]) -> str:
    ordered = sorted(times)
    return f"median {statistics.median(ordered) * 1000:.0f} ms, p95 {ordered[int(len(ordered) * 0.95)] * 1000:.0f} ms"


def measure(name: str, engine: SearchEngine, count: int, parts: list[str], rounds: int) -> None:
    began = time.perf_counter()
    batch: list[Article] = []
    writing = 0.0
    for article in articles(count, parts):
        batch.append(article)
        if len(batch) == 500:
            start = time.perf_counter()
            engine.upsert(batch)
            writing += time.perf_counter() - start
            batch = []
    engine.upsert(batch)
    print(f"{name}: {count / writing:.0f} articles/s written ({time.perf_counter() - began:.0f} s with making them)")
    ask(name, engine, rounds)


def ask(name: str, engine: SearchEngine, rounds: int) -> None:
    searching: list[float] = []
    counting: list[float] = []
    together: list[float] = []
    slowest: dict[str, float] = {}
    found = {}
    for turn in range(rounds + 1):
        for query in QUERIES:
            start = time.perf_counter()
            result = engine.search(SearchRequest(query, now=NOW))
            middle = time.perf_counter()
            engine.count(query, Filters(), "day")
            if turn:
                searching.append(middle - start)
                counting.append(time.perf_counter() - middle)
                together.append(time.perf_counter() - start)
                slowest[query] = max(slowest.get(query, 0), middle - start)
                found[query] = result.total
    print(f"{name}: search with facets {quantiles(searching)}; histogram {quantiles(counting)}; both {quantiles(together)}")
    for query, seconds in slowest.items():
        print(f"    {seconds * 1000:6.0f} ms  {found[query]:7}  {query}")


def ask_first(path: Path, rounds: int) -> None:
    """What the embedded engine takes when its memory knows nothing of a query yet, and when all it knows has just been outdated."""
    first: list[float] = []
    for _ in range(rounds):
        for query in QUERIES:
            engine = SqliteEngine(path)
            engine.prepare()
            start = time.perf_counter()
            engine.search(SearchRequest(query, now=NOW))
            first.append(time.perf_counter() - start)
            engine.close()
    print(f"embedded: search with facets in a new process {quantiles(first)}")
    reader, writer = SqliteEngine(path), SqliteEngine(path)
    behind: list[float] = []
    changed = itertools.cycle(list(itertools.islice(writer.scan(), len(QUERIES) * (rounds + 1))))
    for turn in range(rounds + 1):
        for query in QUERIES:
            known = next(changed)
            writer.upsert([known.model_copy(update={"revision": turn + 2})])
            start = time.perf_counter()
            reader.search(SearchRequest(query, now=NOW))
            if turn:
                behind.append(time.perf_counter() - start)
    print(f"embedded: search with facets after another process wrote {quantiles(behind)}")
    reader.close()
    writer.close()


def measure_plain(folder: Path, count: int, parts: list[str], rounds: int) -> None:
    connection = sqlite3.connect(folder / "plain.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE VIRTUAL TABLE plain USING fts5 (title, lead, body)")
    writing = 0.0
    batch: list[tuple[str, str, str]] = []
    for article in articles(count, parts):
        batch.append((article.title, article.lead, article.body))
        if len(batch) == 500:
            start = time.perf_counter()
            with connection:
                connection.executemany("INSERT INTO plain VALUES (?, ?, ?)", batch)
            writing += time.perf_counter() - start
            batch = []
    print(f"plain FTS5: {count / writing:.0f} articles/s written, {(folder / 'plain.sqlite').stat().st_size / count:.0f} bytes/article")
    times: list[float] = []
    for turn in range(rounds + 1):
        for query in PLAIN:
            start = time.perf_counter()
            connection.execute("SELECT count(*) FROM plain WHERE plain MATCH ?", (query,)).fetchone()
            connection.execute("SELECT rowid, title, lead, body FROM plain WHERE plain MATCH ? ORDER BY rank LIMIT 20", (query,)).fetchall()
            if turn:
                times.append(time.perf_counter() - start)
    print(f"plain FTS5: search without facets {quantiles(times)}")
    connection.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--articles", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--corpus", type=Path)
    options.add_argument("--elasticsearch", help="address; a random index prefix is used and erased")
    options.add_argument("--skip-embedded", action="store_true")
    chosen = options.parse_args()
    parts = sentences(chosen.corpus)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, SQLite {sqlite3.sqlite_version}")
    print(f"{chosen.articles} articles of {len(parts)} sentences")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not chosen.skip_embedded:
            measure_plain(folder, chosen.articles, parts, chosen.rounds)
            engine = SqliteEngine(folder / "index.sqlite")
            measure("embedded", engine, chosen.articles, parts, chosen.rounds)
            engine.close()
            ask_first(folder / "index.sqlite", chosen.rounds)
            print(f"embedded: {(folder / 'index.sqlite').stat().st_size / chosen.articles:.0f} bytes/article")
        if chosen.elasticsearch:
            elastic = ElasticsearchEngine(f"{chosen.elasticsearch}/bench-{random.SystemRandom().randrange(10**9)}")
            try:
                measure("elasticsearch", elastic, chosen.articles, parts, chosen.rounds)
                size = elastic.client.indices.stats(index=elastic.read_alias)["_all"]["primaries"]["store"]["size_in_bytes"]
                print(f"elasticsearch: {size / chosen.articles:.0f} bytes/article")
            finally:
                for index in list(elastic.client.indices.get_alias(name=elastic.read_alias)):
                    elastic.client.indices.delete(index=index)
                elastic.client.indices.delete_index_template(name=f"{elastic.prefix}-articles")
                elastic.close()


if __name__ == "__main__":
    main()
