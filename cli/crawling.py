"""`diembao sources` and `diembao crawl`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import clean, emit, json_option, say
from diembao.clock import utc_now, vietnam_day
from diembao.errors import DiembaoError, UsageError
from diembao.settings import Settings
from diembao.source import choose_sources, read_source, read_sources

if TYPE_CHECKING:
    from crawlers.runs import CrawlRun

_TRIAL = 3
"""Pages of each source that a trial fetches."""


@click.group()
def sources() -> None:
    """The outlets that are crawled: list, add, check, try."""


@sources.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Every source, with what is known of it."""
    known = read_sources(settings.sources_folder)
    for source in known.values():
        if as_json:
            emit(source.model_dump(mode="json", exclude_defaults=True) | {"id": source.id, "enabled": source.enabled, "kind": source.kind})
            continue
        ways = f"{len(source.feeds)} feeds, {len(source.sitemaps)} sitemaps, {len(source.listings)} listings"
        click.echo(f"{'on ' if source.enabled else 'off'}  {source.id:<20} {clean(source.name)} ({source.domain}): {ways}")
    if not known:
        say(f"No sources in {settings.sources_folder}; diembao sources add URL writes one")


@sources.command()
@click.argument("url")
@click.option("--name", help="Name of the file; default: from the domain.")
@click.option("--delay", type=click.FloatRange(0, 120), default=1.0, help="Seconds between two requests to the outlet (default: 1).")
@json_option
@click.pass_obj
def add(settings: Settings, url: str, name: str | None, delay: float, as_json: bool) -> None:
    """Find the feeds and sitemaps of the outlet at URL and write its TOML file."""
    from crawlers.discovery import outlet_at
    from crawlers.registry import source_id, write_source

    outlet = outlet_at(url, delay)
    say(f"Looking for feeds and sitemaps at {outlet.domain} …")
    done = _python(settings, "crawlers.discovery", str(outlet.homepage), "--delay", str(delay))
    path = write_source(settings.sources_folder, json.loads(done), outlet, name or source_id(outlet.domain), vietnam_day(utc_now()))
    if as_json:
        emit({"file": str(path), **json.loads(done)})
    else:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
    off = "" if read_source(path).enabled else "; it is switched off until you set enabled = true"
    say(f"Written: {path}. See what it gives: diembao sources try {path.stem}{off}")


@sources.command("try")
@click.argument("name")
@json_option
@click.pass_obj
def try_(settings: Settings, name: str, as_json: bool) -> None:
    """Fetch the source's feeds, sitemaps and listings and three pages; print what was found, keep nothing."""
    from crawlers.registry import judge

    (source,) = choose_sources(read_sources(settings.sources_folder), [name])
    with tempfile.TemporaryDirectory(prefix="diembao-try-") as folder:
        run = _trial(settings, [name], Path(folder))
        verdict = judge(source, run)
        report: dict[str, Any] = {
            "source": name,
            "state": verdict.state,
            "reasons": verdict.reasons,
            "entrances": run.summary["sources"][name]["entrances"],
            "fates": [
                {"url": fate.url, "fate": fate.fate or "extracted", "detail": fate.detail} for fate in run.fates() if fate.source == name
            ],
            "articles": [article.to_record() for article in run.articles()],
        }
    if as_json:
        emit(report)
    else:
        _print_trial(report)
    if verdict.state != "ok":
        raise DiembaoError(f"{name}: {'; '.join(verdict.reasons)}", "docs/sources.md says how to mend an entry")


def _print_trial(report: dict[str, Any]) -> None:
    for entrance in report["entrances"]:
        click.echo(f"{entrance['role']} {entrance['url']}: {entrance['outcome']}, {entrance['links']} links")
    for fate in report["fates"]:
        click.echo(f"{fate['fate']} {clean(fate['url'])} {clean(fate['detail'])}".rstrip())
    for article in report["articles"]:
        click.echo("")
        for field in ("title", "published_at", "authors", "section", "lead"):
            click.echo(f"  {field}: {clean(str(article[field] or '—'))}")
        click.echo(f"  body: {len(article['body'])} characters, found by {article['extractor'] or 'nothing'}")
        click.echo(f"  {clean(article['body'][:200])} …")


@sources.command()
@click.argument("names", nargs=-1)
@json_option
@click.pass_obj
def check(settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Check every entry: can it be read, do its feeds answer, are there articles, are its expectations met?"""
    from crawlers.registry import Verdict, judge, read_each

    known, verdicts = read_each(settings.sources_folder)
    broken = {verdict.source for verdict in verdicts}
    if names:
        verdicts = [verdict for verdict in verdicts if verdict.source in names]
        chosen = choose_sources(known, [name for name in names if name not in broken]) if set(names) - broken else []
    else:
        chosen = list(known.values())
    reachable = [source for source in chosen if source.feeds or source.sitemaps or source.listings]
    tried = [source for source in reachable if source.enabled or names]
    for source in chosen:
        if source not in reachable:
            hint = f"no feed, sitemap or listing is known; on a connected machine: diembao sources add https://{source.domain}"
            verdicts.append(Verdict(source.id, "red" if names else "off", [hint]))
        elif source not in tried:
            verdicts.append(Verdict(source.id, "off", ["disabled"]))
    if tried:
        with tempfile.TemporaryDirectory(prefix="diembao-check-") as folder:
            run = _trial(settings, [source.id for source in tried], Path(folder))
            verdicts += [judge(source, run) for source in tried]
    for verdict in sorted(verdicts, key=lambda one: one.source):
        if as_json:
            emit({"source": verdict.source, "state": verdict.state, "reasons": verdict.reasons})
        else:
            click.echo(f"{verdict.state:<3}  {verdict.source:<20} {clean('; '.join(verdict.reasons))}")
    if red := sorted(verdict.source for verdict in verdicts if verdict.state == "red"):
        raise DiembaoError(f"{len(red)} of {len(verdicts)} sources are red: {', '.join(red)}", "docs/sources.md says how to mend an entry")


@click.command()
@click.option("--source", "names", multiple=True, help="Only this source, also a disabled one; may be given again.")
@click.option("--once", is_flag=True, help="Ten minutes a source at most; what is left waits. Without it: until all pages are fetched.")
@json_option
@click.pass_obj
def crawl(settings: Settings, names: tuple[str, ...], once: bool, as_json: bool) -> None:
    """Fetch and extract what the sources published into a run folder."""
    from crawlers.runs import new_run_id, read_run

    run_id = new_run_id(utc_now())
    say(f"Crawling into {settings.runs_folder / run_id}")
    arguments = ["--run", run_id, *_named(names), *([] if once else ["--minutes", "100000"])]
    _python(settings, "crawlers", *arguments)
    run = read_run(settings.runs_folder / run_id)
    if as_json:
        emit({"run": run.id, "folder": str(run.folder), **run.summary})
    else:
        counts = {name: run.summary[name] for name in ("fetched", "extracted", "unchanged")}
        click.echo(f"{run.folder}: {', '.join(f'{number} {name}' for name, number in counts.items())}")
    if run.problems and not run.summary["fetched"] and not any(source["known"] for source in run.summary["sources"].values()):
        raise DiembaoError("no source gave anything", "See the problems above; diembao sources check tries each one")


def _trial(settings: Settings, names: list[str], folder: Path) -> CrawlRun:
    """A crawl of a few pages with a memory, a home and an archive of its own, so nothing of it stays."""
    from crawlers.runs import read_run

    trial = Settings(folder, settings.config, "sqlite", f"sqlite:///{folder / 'state.sqlite'}")
    _python(trial, "crawlers", "--run", "trial", "--limit", str(_TRIAL), *_named(names))
    return read_run(trial.runs_folder / "trial")


def _named(names: Iterable[str]) -> list[str]:
    return [argument for name in names for argument in ("--source", name)]


def _python(settings: Settings, module: str, *arguments: str) -> str:
    """Run a module of ours in its own process (a reactor starts once) and return its stdout; its messages pass through.

    Raises:
        DiembaoError: when it fails; it has said why.
    """
    environment = {
        **os.environ,
        "DIEMBAO_HOME": str(settings.home),
        "DIEMBAO_CONFIG": str(settings.config),
        "DIEMBAO_INDEX": settings.index,
        "DIEMBAO_DATABASE": settings.database,
    }
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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
