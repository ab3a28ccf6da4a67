"""One Prefect worker against two: the same outlets crawled, tagged and indexed in partitions, with a real PostgreSQL between them.

    python -m benchmarks.partition ARTICLES.jsonl[.gz] [--outlets 40] [--articles 30] [--partitions 4] [--workers 1 2]

Each number of workers begins with an empty home, database and index. A turn of every partition is given to Prefect at once; the time runs
from then until every article is searchable, with the starts of Python that every turn costs. Nothing delays requests to a host, so the
processors are the limit, as on a machine that is too small; the workers are on one machine here, so two of them find at most its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from benchmarks.chain import page_around
from benchmarks.memory import records
from diembao.settings import read_settings
from diembao.state import Run, State
from flows import local_prefect
from flows.partition import deploy, partitions
from index import open_engine
from tests.chain.crawlers_press import PROJECT, Office
from tests.postgres_server import postgres


async def serve(options: argparse.Namespace) -> None:
    """Print the ports and answer until killed."""
    source = itertools.cycle(records(options.file))
    pages = [[page_around(next(source)) for _ in range(options.articles)] for _ in range(options.outlets)]

    async def handle(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("sockname")[1]
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].decode()
                status, kind, body = "200 OK", "text/html; charset=utf-8", b""
                if path == "/rss":
                    links = "".join(
                        f"<item><title>t</title><link>http://127.0.0.1:{port}/bai-{place}.html</link></item>"
                        for place in range(options.articles)
                    )
                    kind, body = "application/rss+xml", f'<rss version="2.0"><channel><title>t</title>{links}</channel></rss>'.encode()
                elif path.startswith("/bai-"):
                    body = pages[number][int(path[5:-5])]
                else:
                    status = "404 Not Found"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    servers = [await asyncio.start_server(partial(handle, number), "127.0.0.1", 0) for number in range(options.outlets)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


def measure(options: argparse.Namespace, ports: list[int], workers: int) -> tuple[float, int]:
    """(seconds until everything is searchable, runs) with so many workers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        office = Office(folder)
        for port in ports:
            office.source(f"s{port}", f"127.0.0.1:{port}", feeds=[f"http://127.0.0.1:{port}/rss"], recrawl_hours=6.0)
        for name in ("taxonomy.toml", "abbreviations.toml"):
            shutil.copy(PROJECT / "config" / name, office.config / name)
        os.environ["PREFECT_HOME"] = str(folder / "prefect")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        database = stack.enter_context(postgres())
        api = stack.enter_context(local_prefect.server(folder, port)) + "/api"
        stack.enter_context(temporary_settings({PREFECT_API_URL: api}))
        environment = {
            **office.environment,
            "DIEMBAO_DATABASE": database,
            "PREFECT_API_URL": api,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        settings = read_settings(environment)
        engine = open_engine(settings)
        engine.prepare()
        deploy(partitions(timedelta(days=300), options.partitions))
        command = [sys.executable, "-m", "cli", "worker", "--name"]
        for number in range(workers):
            worker = subprocess.Popen([*command, f"w{number}"], env=environment, cwd=PROJECT, stdout=subprocess.DEVNULL)
            stack.callback(worker.wait)
            stack.callback(worker.send_signal, signal.SIGTERM)
        with get_client(sync_client=True) as client:
            time.sleep(10)  # until every worker asks for work
            runs = [client.create_flow_run_from_deployment(one.id) for one in client.read_deployments()]
            started = time.monotonic()
            while engine.status().articles < options.outlets * options.articles:
                if time.monotonic() - started > 1200:
                    raise SystemExit(f"{engine.status().articles} articles after 20 minutes")
                time.sleep(0.2)
            seconds = time.monotonic() - started
            while not all((state := client.read_flow_run(run.id).state) is not None and state.is_final() for run in runs):
                time.sleep(0.5)
        state_of_all = State(settings.database)
        with state_of_all.session() as session:
            kept = sum(run.fates["indexed"] for run in session.query(Run))
        state_of_all.close()
        engine.close()
        if kept != options.outlets * options.articles:
            raise SystemExit(f"{kept} articles were indexed, not {options.outlets * options.articles}: some twice or never")
        return seconds, len(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--outlets", type=int, default=40)
    parser.add_argument("--articles", type=int, default=30, help="of each outlet")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options))
        return
    command = [sys.executable, "-m", "benchmarks.partition", str(options.file), "--serve"]
    command += ["--outlets", str(options.outlets), "--articles", str(options.articles)]
    total = options.outlets * options.articles
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server:
        try:
            assert server.stdout is not None
            ports = json.loads(server.stdout.readline())
            first = 0.0
            for workers in options.workers:
                seconds, runs = measure(options, ports, workers)
                first = first or seconds
                machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
                print(f"{machine}; {total} articles of {options.outlets} outlets, {runs} partitions, {workers} worker(s): {seconds:.1f} s, "
                      f"{total / seconds:.1f} articles/s, {first / seconds:.2f} times the first", flush=True)  # fmt: skip
        finally:
            server.kill()


if __name__ == "__main__":
    main()
