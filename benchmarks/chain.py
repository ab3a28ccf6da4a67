"""Articles a second for the whole chain on one core, and each stage's share of the time.

Usage: python benchmarks/chain.py [ARTICLES.jsonl[.gz]] [--count 1000]

Without a file the pages of the bundled landscape are used (short texts). A file has one article a line (title, lead, body); a page is
made around each so that extraction works on HTML as well. Crawling is measured as the CPU time of the crawl process over the
bundled landscape without delays, and counted per page.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from crawlers.extraction import extract
from demo.landscape import Landscape
from demo.server import serve
from diembao.article import Article
from diembao.settings import Settings, read_settings
from diembao.state import State
from index import open_engine
from index.ingest import ingest
from nlp.linking import link
from nlp.tagging import Tagger

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        landscape = Landscape.open(Path(folder), NOW, preferred_ports=[])
        landscape.advance()
        landscape.write_config(Path(folder) / "config", 25)
        settings = read_settings({"DIEMBAO_HOME": f"{folder}/home", "DIEMBAO_CONFIG": f"{folder}/config"})
        per_page = {"crawl": crawl_seconds(landscape, settings)}
        pages = pages_of(arguments.file, arguments.count) if arguments.file else landscape_pages(landscape)
        per_page |= stage_seconds(pages, settings)
    whole = sum(per_page.values())
    print(f"{len(pages)} pages, one core, mean body {sum(len(page) for _, page in pages) / len(pages):.0f} characters of HTML")
    for stage, seconds in per_page.items():
        print(f"  {stage:<8}{seconds * 1000:8.2f} ms a page {seconds / whole:7.1%}")
    print(f"whole chain: {1 / whole:.1f} articles/s; without the crawl process: {1 / (whole - per_page['crawl']):.1f} articles/s")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def crawl_seconds(landscape: Landscape, settings: Settings) -> float:
    """CPU seconds a page of a crawl process over the landscape (start of the process included), extraction included."""
    for path in settings.sources_folder.glob("*.toml"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("delay")]
        path.write_text("\n".join(["delay = 0.0", *lines]), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with serve(landscape):
        subprocess.run([sys.executable, "-m", "crawlers", "--run", "bench"], env=settings.environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / len(landscape.published())


def landscape_pages(landscape: Landscape) -> list[tuple[str, bytes]]:
    shown = [text for text in landscape.published() if not text.trouble]
    return [
        (landscape.url(text), landscape.answer(text.outlet, landscape.url(text).removeprefix(landscape.base(text.outlet))).body)
        for text in shown
    ]


def pages_of(path: Path, count: int) -> list[tuple[str, bytes]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in islice(lines, count)]
    return [(f"https://bao{number % 40}.example/bai-{number}.html", page_around(record)) for number, record in enumerate(records)]


def page_around(record: dict[str, str]) -> bytes:
    sentences = record["body"].split(". ")
    paragraphs = "".join(f"<p>{html.escape('. '.join(sentences[at : at + 4]))}.</p>\n" for at in range(0, len(sentences), 4))
    menu = "".join(f'<li><a href="/muc-{number}">Chuyên mục {number}</a></li>' for number in range(40))
    title, lead = html.escape(record["title"]), html.escape(record["lead"])
    return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title} - Báo Thử</title>
<meta property="og:title" content="{title}"><meta property="article:published_time" content="2026-11-19T08:00:00+07:00">
</head><body><nav><ul>{menu}</ul></nav><main><h1>{title}</h1><h2 class="sapo">{lead}</h2>
<article class="detail-content">{paragraphs}</article></main><footer>Báo Thử, giấy phép số 1</footer></body></html>""".encode()


def stage_seconds(pages: list[tuple[str, bytes]], settings: Settings) -> dict[str, float]:
    """CPU seconds a page of each stage, in this process."""
    tagger = Tagger.of(settings)
    tagger.tag(Article(title="Làm nóng máy", body="Hà Nội mưa to."))  # reads the models
    started = time.process_time()
    articles = [extract(page, url).article for url, page in pages]
    extracted = time.process_time()
    seen = [article.with_fields(first_seen_at=NOW + timedelta(seconds=number), fetched_at=NOW) for number, article in enumerate(articles)]
    tagged = [tagger.tag(article) for article in seen]
    done_tagging = time.process_time()
    state, engine = State(settings.database), open_engine(settings)
    engine.prepare()
    linking = indexing = 0.0
    for at in range(0, len(tagged), 500):
        begun = time.process_time()
        linked = link(tagged[at : at + 500], engine)
        between = time.process_time()
        ingest(engine, state, linked)
        linking += between - begun
        indexing += time.process_time() - between
    engine.close()
    state.close()
    seconds = {"extract": extracted - started, "tag": done_tagging - extracted, "link": linking, "index": indexing}
    return {stage: value / len(pages) for stage, value in seconds.items()}


if __name__ == "__main__":
    main()
