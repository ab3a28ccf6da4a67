"""Pages per second of a crawl against a bare Scrapy spider that only downloads the same pages, in the same run.

    python -m benchmarks.crawl [--pages 3200] [--sources 8] [--rounds 3]

The pages are composed, served by a process of their own on loopback, one port per source. Ours obeys robots.txt, keeps each page as
WARC, extracts an Article and remembers it; the bare spider throws the bytes away. Both are timed inside their process, from the
start of the engine to the end of the spider, so starting Python is not counted, but starting the processes that read pages is. Ours uses
several processors; where other programs leave it one only, the ratio is lower, so the time on processors is printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess

from tests.chain.crawlers_press import PROJECT, Office, article_page, body_of


class Bare(Spider):
    """Downloads every page of the feeds and does nothing with it; Scrapy's defaults."""

    name = "bare"

    def __init__(self, feeds: list[str]) -> None:
        super().__init__()
        self.feeds = feeds

    async def start(self) -> AsyncIterator[Request]:
        """The feeds."""
        for url in self.feeds:
            yield Request(url, callback=self.parse_feed)

    def parse_feed(self, response: Any) -> Iterator[Request]:
        """The pages of a feed."""
        for link in response.xpath("//item/link/text()").getall():
            yield Request(link, callback=self.parse)

    def parse(self, response: Any) -> None:
        """Nothing."""


def run_bare(ports: list[int]) -> None:
    """Print [seconds, pages] of the bare spider; once per process."""
    process = CrawlerProcess({"LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False, "DOWNLOAD_DELAY": 0})
    crawler = process.create_crawler(Bare)
    process.crawl(crawler, feeds=[f"http://127.0.0.1:{port}/rss" for port in ports])
    process.start()
    stats = crawler.stats.get_stats()
    print(json.dumps([stats["elapsed_time_seconds"], stats["downloader/response_status_count/200"]]))


async def serve(pages: int, sources: int) -> None:
    """Serve the composed outlets and print their addresses."""
    bodies = {f"/bai-{n}.html": article_page(n, body=body_of(n) * 5).encode() for n in range(pages // sources)}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        feed = "".join(f"<item><title>t</title><link>http://127.0.0.1:{port}{path}</link></item>" for path in bodies)
        known = {**bodies, "/rss": f'<rss version="2.0"><channel><title>t</title>{feed}</channel></rss>'.encode()}
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].decode()
                body = known.get(path, b"")
                status = "200 OK" if body else "404 Not Found"
                kind = "application/rss+xml" if path == "/rss" else "text/html; charset=utf-8"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(sources)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


def bare(ports: list[int], pages: int) -> float:
    command = [sys.executable, "-m", "benchmarks.crawl", "--bare", json.dumps(ports)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    seconds, downloaded = json.loads(done.stdout)
    if downloaded != pages + len(ports):
        raise SystemExit(f"the bare spider went wrong: {done.stderr}")
    return float(pages / seconds)


def ours(ports: list[int], pages: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        for port in ports:
            office.source(f"s{port}", f"127.0.0.1:{port}", feeds=[f"http://127.0.0.1:{port}/rss"])
        done = subprocess.run(office.command("run"), env=office.environment, capture_output=True, text=True, check=False)
        if done.returncode or office.summary("run")["extracted"] != pages:
            raise SystemExit(f"the crawl went wrong: {done.stderr}")
        log = (office.home / "runs/run/crawl.log").read_text()
        seconds = re.search(r"'elapsed_time_seconds': ([0-9.]+)", log)
        assert seconds is not None
        return pages / float(seconds.group(1))


def measured(crawl: Callable[[list[int], int], float], ports: list[int], pages: int) -> tuple[float, float]:
    """(pages per second, milliseconds of processor time per page) of one crawl."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate = crawl(ports, pages)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return rate, 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=3200)
    parser.add_argument("--sources", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bare", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        run_bare(options.bare)
        return
    pages = options.pages // options.sources * options.sources
    if options.serve:
        asyncio.run(serve(pages, options.sources))
        return
    command = [sys.executable, "-m", "benchmarks.crawl", "--serve", "--pages", str(pages), "--sources", str(options.sources)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server:
        try:
            assert server.stdout is not None
            ports = json.loads(server.stdout.readline())
            rates = [(*measured(bare, ports, pages), *measured(ours, ports, pages)) for _ in range(options.rounds)]
        finally:
            server.terminate()
    plain, plain_cpu, own, own_cpu = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {pages} pages, {options.sources} sources")
    print(f"bare Scrapy {plain:.0f} pages/s, diembao {own:.0f} pages/s (fetched, archived, extracted), ratio {own / plain:.2f}")
    print(f"processor time with the start of Python: bare {plain_cpu:.1f} ms a page, diembao {own_cpu:.1f} ms a page in all its processes")


if __name__ == "__main__":
    main()
