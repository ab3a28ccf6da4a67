"""`diembao crawl`, and how a command runs a module that needs a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime

import click

from cli.output import clean, emit, json_option, say
from diembao.clock import utc_now
from diembao.errors import DiembaoError, UsageError
from diembao.settings import Settings


@click.command()
@click.option("--source", "names", multiple=True, help="Only this source, also a disabled one; may be given again.")
@click.option("--part", help="Only a part of the sources, such as 1/2: two machines or processes share them.")
@click.option("--once", is_flag=True, help="Three minutes a source at most; what is left waits. Without it: until all pages are fetched.")
@click.option(
    "--backfill", is_flag=True, help="What was published from --since to --until, through sitemaps and archives; goes on where it stopped."
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day of a backfill, such as 2026-01-31 (Vietnam's time).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day of a backfill (default: today).")
@json_option
@click.pass_obj
def crawl(
    settings: Settings,
    names: tuple[str, ...],
    part: str | None,
    once: bool,
    backfill: bool,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    """Fetch and extract what the sources published into a run folder."""
    if backfill != (since is not None) or (until is not None and not backfill):
        raise UsageError("--backfill needs --since, and only it takes --since and --until", "diembao crawl --backfill --since 2026-01-01")
    from crawlers.runs import new_run_id, read_run

    run_id = new_run_id(utc_now())
    say(f"Crawling into {settings.runs_folder / run_id}")
    arguments = ["--run", run_id, *named(names), *([] if once else ["--minutes", "100000"])]
    arguments += ["--part", part] if part else []
    for name, day in (("--since", since), ("--until", until)):
        arguments += [name, f"{day:%Y-%m-%d}"] if day is not None else []
    run_module(settings, "crawlers", *arguments)
    run = read_run(settings.runs_folder / run_id)
    if as_json:
        emit({"run": run.id, "folder": str(run.folder), **run.summary})
    else:
        counts = {name: run.summary[name] for name in ("fetched", "extracted", "unchanged")}
        click.echo(f"{run.folder}: {', '.join(f'{number} {name}' for name, number in counts.items())}")
    if run.problems and not run.summary["fetched"] and not any(source["known"] for source in run.summary["sources"].values()):
        raise DiembaoError("no source gave anything", "See the problems above; diembao sources check tries each one")


def named(names: Iterable[str]) -> list[str]:
    """The names as options of a module: --source NAME each."""
    return [argument for name in names for argument in ("--source", name)]


def run_module(settings: Settings, module: str, *arguments: str) -> str:
    """Run a module of ours in its own process (a reactor starts once) and return its stdout; its messages pass through.

    Raises:
        DiembaoError: when it fails; it has said why.
    """
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], env=settings.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        # Progress is passed on as it comes; the last line is kept back, for it is the reason when the process fails.
        last = ""
        for line in process.stderr:
            if last:
                say(last)
            last = clean(line)
        output = process.stdout.read()
    if process.returncode:
        error = UsageError if process.returncode == 2 else DiembaoError
        raise error(last.partition(": ")[2] or last or f"{module} failed with exit code {process.returncode}")
    if last:
        say(last)
    return output
