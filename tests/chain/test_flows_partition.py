"""Sources in parts, crawled and indexed by two real Prefect workers; one of them is killed in the middle of its work."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from crawlers.locks import part_of
from crawlers.sites import site_of
from diembao.article import Article
from diembao.clock import utc_now
from diembao.settings import PROJECT, read_settings
from diembao.source import Source, read_sources
from diembao.state import Lease, Progress, Revision, Run, State
from flows import leases, local_prefect
from flows import partition as partitioning
from flows.partition import deploy, partition, partitions
from index import open_engine
from tests.chain.crawlers_press import Answer, Office, Seen, Site, article_page, rss
from tests.postgres_server import postgres

ARTICLES = 8
PARTS = 2


def test_all_sources_of_a_site_are_in_one_part_and_stay_there() -> None:
    domains = [f"{name}bao{number}.vn" for number in range(200) for name in ("", "www.", "video.")]
    sources = [Source(id=domain.replace(".", "-"), name=domain, domain=domain, enabled=False) for domain in domains]
    part: dict[str, int] = {}
    for number in range(1, 5):
        for source in part_of(sources, f"{number}/4"):
            assert part.setdefault(site_of(source.domain), number) == number
    assert len(part) == 200
    assert all(30 < count < 70 for count in Counter(part.values()).values()), "about as many in each"
    few = sources[::7]
    for number in range(1, 5):
        assert {source.id for source in part_of(few, f"{number}/4")} == {
            source.id for source in part_of(list(reversed(sources)), f"{number}/4")
        } & {source.id for source in few}


def test_a_part_that_another_one_does_or_did_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path)
    office.source("bao", "127.0.0.1:9", feeds=["http://127.0.0.1:9/rss"])
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    state = State(read_settings().database)
    with leases.alone(state, "partition:1/1"):
        assert partition.fn("1/1")["left_out"] == ["another worker is busy with 1/1"]
    with state.session() as session:
        session.add(Progress(work="partition:1/1", target="", cursor={}, updated_at=utc_now()))
    monkeypatch.setattr(partitioning, "_planned", lambda: utc_now() - timedelta(minutes=1))
    assert partition.fn("1/1")["left_out"] == ["a later turn of 1/1 did the work of this one"]
    assert not (office.home / "runs").exists()
    assert read(state) == []
    state.close()


@contextmanager
def prefect_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with local_prefect.server(home, port) as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
        yield f"{address}/api"


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def tree(process: int) -> list[int]:
    """The numbers of a process and of all below it."""
    below = []
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            below += [int(child) for child in (thread / "children").read_text().split()]
    return [process, *(number for child in below for number in tree(child))]


def answer_after(happened: Event, answer: Answer, _: Seen) -> Answer:
    happened.wait(25)
    return answer


def answer_together(asked: set[int], place: int, sites: list[Site], answer: Answer, _: Seen) -> Answer:
    """The answer when every site was asked: both workers crawl at the same time, whichever was started sooner."""
    asked.add(place)
    end = time.monotonic() + 25
    while len(asked) < len(sites) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def kill(process: int) -> None:
    """As a machine that loses its power: a process and all below it, at once."""
    for number in tree(process):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


@pytest.mark.slow
def test_two_workers_share_the_sources_and_one_takes_up_what_the_other_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path)
    sites: dict[str, list[Site]] = {"1/2": [], "2/2": []}
    while any(len(some) < 2 for some in sites.values()):
        site = Site()
        office.source(f"s{site.port}", site.domain, feeds=[f"{site.url}/rss"], delay=0.5, recrawl_hours=6.0)
        sources = list(read_sources(office.config / "sources").values())
        for part, some in sites.items():
            if any(source.domain == site.domain for source in part_of(sources, part)):
                some.append(site)
        site.routes["/rss"] = rss([f"{site.url}/a{number}.html" for number in range(ARTICLES)])
    every = [site for some in sites.values() for site in some]
    killed, asked_for = Event(), set[int]()
    for place, site in enumerate(every):
        for number in range(ARTICLES):
            title = f"Xã số {place * 100 + number} khắc phục hậu quả ngập lụt"
            page = Answer(article_page(place * 100 + number, title))
            # The last ones wait until the kill is over, so that it comes in the middle however busy the machine is.
            site.routes[f"/a{number}.html"] = page if number < ARTICLES - 3 else partial(answer_after, killed, page)

        feed = site.routes["/rss"]
        assert isinstance(feed, Answer)
        site.routes["/rss"] = partial(answer_together, asked_for, place, every, feed)

    def pages(some: list[Site]) -> Counter[str]:
        return Counter(site.url + path for site in some for path in site.paths() if path.startswith("/a"))

    with postgres() as database, prefect_server(tmp_path, monkeypatch) as api:
        environment = {
            **office.environment,
            "DIEMBAO_DATABASE": database,
            "PREFECT_API_URL": api,
            "PREFECT_WORKER_QUERY_SECONDS": "0.5",
            "PREFECT_WORKER_PREFETCH_SECONDS": "1",
        }
        settings = read_settings(environment)
        state, engine = State(settings.database), open_engine(settings)
        engine.prepare()
        deploy(partitions(timedelta(days=300), PARTS + 1))
        deploy(partitions(timedelta(days=300), PARTS))
        with get_client(sync_client=True) as client:
            made = {one.parameters["part"]: one.id for one in client.read_deployments()}
            assert set(made) == set(sites), "those of another number of parts are gone"

            first = {part: client.create_flow_run_from_deployment(identity) for part, identity in made.items()}

            def has_ended(run: FlowRun) -> bool:
                state = client.read_flow_run(run.id).state
                return state is not None and state.is_final()

            command = [sys.executable, "-m", "cli", "worker"]
            workers = [subprocess.Popen([*command, "--name", name], env=environment, cwd=PROJECT) for name in ("a", "b")]
            try:
                wait_until(lambda: all(len(pages(some)) >= 3 for some in sites.values()), "both parts are crawled at the same time")
                assert all(0 < sum(pages(some).values()) < ARTICLES * len(some) for some in sites.values())
                kill(workers[0].pid)
                workers[0].wait()
                killed.set()
                left = [row.work for row in read(state) if leases.is_killed(state, row.work)]
                (dead,) = [work.removeprefix("partition:") for work in left if work.startswith("partition:")]
                (alive,) = first.keys() - {dead}
                second = client.create_flow_run_from_deployment(made[dead])
                wait_until(lambda: engine.status().articles == ARTICLES * len(every), "everything is indexed")
                wait_until(lambda: has_ended(first[alive]) and has_ended(second), "both turns end")
                assert [client.read_flow_run(run.id).state_name for run in (first[alive], second)] == ["Completed"] * 2
            finally:
                for worker in workers:
                    kill(worker.pid)
                    worker.wait()
        for site in every:
            site.close()
        articles: list[Article] = list(engine.scan())
        assert sorted(article.url for article in articles) == sorted(pages(every)), "nothing lost"
        assert {article.revision for article in articles} == {1}
        with state.session() as session:
            assert session.query(Revision).count() == len(articles)
            fates = [run.fates for run in session.query(Run)]
            assert not [row.work for row in session.query(Lease) if row.work.startswith("run:")], "nothing waits"
        assert sum(one["indexed"] + one["unchanged"] for one in fates) == len(articles), "each article is in one run"
        # Only a page whose answer had not arrived at the kill is asked for a second time: two a host at most.
        asked = pages(every)
        assert max(asked.values()) <= 2
        again = Counter(url.rpartition("/")[0] for url, times in asked.items() if times == 2)
        assert all(times <= 2 for times in again.values())
        assert not any(site.url in again for site in sites[alive])
        engine.close()
        state.close()


def read(state: State) -> list[Lease]:
    with state.session() as session:
        rows = list(session.query(Lease))
        session.expunge_all()
        return rows
