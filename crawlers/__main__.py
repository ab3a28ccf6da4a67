"""`python -m crawlers --run RUN_ID [--source NAME]…`: one crawl in a process of its own (a reactor starts once)."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from threading import Thread
from typing import Any

import click
from scrapy.crawler import CrawlerProcess
from scrapy.settings import Settings as ScrapySettings

from crawlers.archive import Archive
from crawlers.backfill import BackfillProgress, Span
from crawlers.locks import alone, at_work, is_at_work, part_of
from crawlers.memory import FetchMemory
from crawlers.polling import Polling
from crawlers.registry import choose
from crawlers.rendering import needs_browser
from crawlers.runs import RunWriter, read_run
from crawlers.spiders.backfill import BackfillSpider
from crawlers.spiders.newspaper import NewspaperSpider
from crawlers.spiders.voices import PressSpider
from crawlers.spool import SPOOL, Spool
from diembao.clock import VIETNAM, Clock, utc_now
from diembao.errors import DiembaoError, UsageError
from diembao.settings import Settings, read_settings
from diembao.source import Source
from diembao.state import State


def project_settings(settings: Settings, overrides: dict[str, str] | None = None) -> ScrapySettings:
    """Scrapy's settings: the project's, the office's, and `overrides` over both."""
    chosen = ScrapySettings()
    chosen.setmodule("crawlers.settings", priority="project")
    chosen.set("USER_AGENT", settings.office.crawl.user_agent, priority="project")
    chosen.set("DIEMBAO_ALLOW_PRIVATE", settings.office.crawl.allow_private_addresses, priority="project")
    chosen.set("DIEMBAO_SOURCES", str(settings.sources_folder), priority="project")
    for name, value in (overrides or {}).items():
        chosen.set(name, value, priority="cmdline")
    return chosen


def crawl(
    settings: Settings,
    run_id: str,
    sources: list[Source],
    *,
    problems: list[dict[str, str]] | None = None,
    overrides: dict[str, str] | None = None,
    page_limit: int | None = None,
    minutes: float | None = None,
    span: Span | None = None,
    is_paced: bool = True,
    clock: Clock = utc_now,
) -> dict[str, Any]:
    """Crawl `sources` into the run folder `run_id`; blocks until the end, once per process.

    Args:
        settings: where everything is kept.
        run_id: names the run folder.
        sources: what to crawl.
        problems: what is wrong with other sources, for the summary.
        overrides: Scrapy settings by name.
        page_limit: pages per source.
        minutes: time per source.
        span: the days of a backfill; None: what is new.
        clock: gives the present moment; a simulation passes one that runs faster.
        is_paced: feeds, sitemaps and listings are asked as often as they are worth; False: all of them, now.

    Returns:
        What summary.json says.

    Raises:
        DiembaoError: when another crawl runs with this home, or the run cannot be written.
    """
    scrapy_settings = project_settings(settings, overrides)
    needs_browser(sources)
    with alone(settings.home, sources), at_work(settings.home / SPOOL, run_id):
        state = State(settings.database)
        try:
            run = RunWriter(settings.runs_folder / run_id)
            scrapy_settings.set("LOG_FILE", str(run.folder / "crawl.log"), priority="project")
            archive = Archive(
                settings.archive_folder,
                run_id,
                scrapy_settings.getint("DIEMBAO_WARC_MAXSIZE"),
                settings.office.crawl.user_agent,
            )
            process = CrawlerProcess(scrapy_settings)
            memory = _memory(settings, state, run_id)
            crawler = process.create_crawler(PressSpider if span is None else BackfillSpider)
            more: dict[str, Any] = {"state": state, "environment": os.environ, "units_per_day": settings.office.crawl.units_per_day}
            if span is not None:
                more = {"span": span, "progress_of": {source.id: BackfillProgress(state, source, span) for source in sources}}
            process.crawl(
                crawler,
                **more,
                sources=sources,
                memory=memory,
                run=run,
                archive=archive,
                spool=Spool(settings.home / SPOOL, run_id),
                clock=clock,
                problems=problems or [],
                progress=_say,
                page_limit=page_limit,
                minutes=minutes,
                polling=Polling(memory, settings.office.crawl.poll_minutes, is_paced and span is None),
            )
            process.start()
            spider = crawler.spider
            if not isinstance(spider, NewspaperSpider):
                raise DiembaoError("the crawl did not start", f"See {run.folder / 'crawl.log'}")
            if isinstance(spider.fatal, DiembaoError):
                raise spider.fatal
            if spider.fatal is not None:
                raise DiembaoError(f"the crawl stopped: {spider.fatal}", "Make room on the disk of DIEMBAO_HOME and crawl again")
            if not spider.result or spider.result["interrupted"]:
                raise DiembaoError("the crawl was interrupted", f"What it fetched is in {run.folder}; crawl again and it goes on")
            return spider.result
        finally:
            state.close()


def _memory(settings: Settings, state: State, run_id: str) -> FetchMemory:
    """What earlier crawls know, also those that were killed."""
    memory = FetchMemory(state, settings.home / SPOOL / f"{run_id}.journal")
    for journal in sorted((settings.home / SPOOL).glob("*.journal")):
        if is_at_work(settings.home / SPOOL, journal.stem):
            continue
        run = settings.runs_folder / journal.stem
        kept = {article.id for article in read_run(run).articles()} if run.is_dir() else set()
        memory.recover(journal, kept.__contains__)
        memory.commit()
        journal.unlink()
    for lock in (settings.home / SPOOL).glob("*.lock"):
        if lock.stem != run_id and not is_at_work(settings.home / SPOOL, lock.stem):
            lock.unlink(missing_ok=True)
    return memory


def describe(summary: dict[str, Any]) -> Iterator[str]:
    """The lines that a person reads at the end of a crawl."""
    for name, counts in summary["sources"].items():
        dropped = ", ".join(f"{fate} {number}" for fate, number in counts["dropped"].items())
        line = f"{name}: {counts['extracted']} articles, {counts['unchanged']} unchanged, {counts['known']} known"
        yield line + (f", dropped: {dropped}" if dropped else "") + (f", {counts['waiting']} wait" if counts["waiting"] else "")
    for problem in summary["problems"]:
        yield f"PROBLEM {problem['source']}: {problem['problem']} ({problem['url']})"


def _end_with(parent: int) -> None:
    """End the crawl as Ctrl-C does when nobody waits for it any more: another worker may take up its sources."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGINT)


def _say(line: str) -> None:
    """Print a line for a person; what the web wrote in it cannot control the terminal."""
    click.echo("".join(letter if letter.isprintable() else " " for letter in line), err=True)


@click.command()
@click.option("--run", "run_id", required=True, help="Name of the run (crawlers.runs.new_run_id).")
@click.option("--source", "names", multiple=True, help="Only this source; may be given again.")
@click.option("--part", help="Only a part of the sources, such as 1/2: several crawls share them.")
@click.option("--limit", type=click.IntRange(min=1), help="Pages per source.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Minutes per source.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Backfill: the first day.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Backfill: the last day.")
@click.option("--parent", type=int, help="End when the process with this number does.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Override a Scrapy setting.")
def main(
    run_id: str,
    names: tuple[str, ...],
    part: str | None,
    limit: int | None,
    minutes: float | None,
    since: datetime | None,
    until: datetime | None,
    parent: int | None,
    pairs: tuple[str, ...],
) -> None:
    """Crawl once into DIEMBAO_HOME/runs/RUN_ID."""
    if parent is not None:
        Thread(target=_end_with, args=(parent,), daemon=True).start()
    span = Span(since.date(), (until or datetime.now(VIETNAM)).date()) if since is not None else None
    settings = read_settings()
    sources, broken = choose(settings.sources_folder, list(names))
    sources = part_of(sources, part) if part else sources
    if span is not None:
        if names and (voices := [source.id for source in sources if source.voice]):
            raise UsageError(f"{voices[0]} has no archive to go through", "It reads back by itself, voice.history_days far: docs/voices.md")
        sources = [source for source in sources if source.voice is None]
    overrides = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    # Reported with every run until the file is mended.
    problems = [] if names else [{"source": one.source, "url": f"{one.source}.toml", "problem": one.reasons[0]} for one in broken]
    summary = crawl(
        settings, run_id, sources, problems=problems, overrides=overrides, page_limit=limit, minutes=minutes, span=span, is_paced=not names
    )
    for line in describe(summary):
        _say(line)


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except DiembaoError as error:
        click.echo(f"crawl: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
