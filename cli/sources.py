"""`diembao sources`: the registry of outlets."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.crawling import named, run_module
from cli.output import clean, emit, json_option, say
from diembao.clock import utc_now, vietnam_day
from diembao.errors import DiembaoError
from diembao.settings import Settings
from diembao.source import Source, choose_sources, predecessors, read_source, read_sources

if TYPE_CHECKING:
    from crawlers.inspection import Inspection
    from crawlers.registry import Verdict
    from crawlers.runs import CrawlRun

_TRIAL = 3
"""Pages of each source that a trial fetches."""

_MINUTES = 3.0
"""Minutes that `check` and `add` take for an outlet at most; all are looked at at the same time."""

minutes_option = click.option(
    "--minutes", type=click.FloatRange(min=0.05, max=60), default=_MINUTES, help=f"Time for each outlet (default: {_MINUTES:g})."
)


@click.group()
def sources() -> None:
    """The outlets that are crawled: list, add, check, try."""


@sources.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Every source, with what is known of it; with --json also its health as it was last judged."""
    known = read_sources(settings.sources_folder)
    before = predecessors(known)
    health = _health(settings) if as_json else {}
    for source in known.values():
        if as_json:
            record = source.model_dump(mode="json", exclude_defaults=True)
            emit(
                record
                | {"id": source.id, "enabled": source.enabled, "kind": source.kind, "entrances": source.entrances}
                | {"predecessors": before.get(source.id, []), "health": health.get(source.id)}
            )
            continue
        ways = f"{len(source.feeds)} feeds, {len(source.sitemaps)} sitemaps, {len(source.listings)} listings, {source.entrances}"
        went = f"; became {source.became}" if source.became else ""
        click.echo(f"{'on ' if source.enabled else 'off'}  {source.id:<20} {clean(source.name)} ({source.domain}): {ways}{went}")
    if not known:
        say(f"No sources in {settings.sources_folder}; diembao sources add URL writes one")


@sources.command()
@click.argument("url")
@click.option("--name", help="Name of the file; default: from the domain.")
@click.option("--province", help="Today's province that the outlet is at home in; its articles should name it.")
@click.option("--delay", type=click.FloatRange(0, 120), default=1.0, help="Seconds between two requests to the outlet (default: 1).")
@minutes_option
@json_option
@click.pass_obj
def add(settings: Settings, url: str, name: str | None, province: str | None, delay: float, minutes: float, as_json: bool) -> None:
    """Find the feeds and sitemaps of the outlet at URL, read some articles, and write its TOML file.

    An outlet that the registry knows without a feed, sitemap or listing is completed.
    """
    from crawlers.inspection import Inspection, problems_of
    from crawlers.registry import REGISTRY_LOCK, complete, new_entry, outlet_at, read_each, source_id
    from diembao.config_file import changing

    outlet = outlet_at(url, delay).model_copy(update={"province": province})
    known, _ = read_each(settings.sources_folder)
    same = next((source for source in known.values() if source.domain == outlet.domain), None)
    if same is not None and same.has_entrances:
        path = settings.sources_folder / f"{same.id}.toml"
        raise DiembaoError(f"{outlet.domain} is there already: {path}", f"See whether it works: diembao sources check {same.id}")
    say(f"Looking for feeds and sitemaps at {outlet.domain} …")
    asked = ["--source", same.id] if same else ["--url", str(outlet.homepage), "--delay", str(delay)]
    asked += ["--province", province] if province and not same else []
    output = run_module(settings, "crawlers.inspector", *asked, "--seconds", str(60 * minutes))
    seen = Inspection.from_record(json.loads(output))
    today = vietnam_day(utc_now())
    if problems := problems_of(same or outlet, seen, today):
        raise DiembaoError(f"{outlet.domain}: {'; '.join(clean(problem) for problem in problems)}", "docs/sources.md: an entry by hand")
    if same is not None:
        path = settings.sources_folder / f"{same.id}.toml"
        with changing(settings.sources_folder, REGISTRY_LOCK):
            complete(path, same, seen, today, enable=True)
    else:
        with changing(settings.sources_folder, REGISTRY_LOCK):
            path = new_entry(settings.sources_folder, outlet, seen, name or source_id(outlet.domain), today)
    if as_json:
        emit({"file": str(path), "family": seen.family(), **seen.to_record()})
    else:
        click.echo(path.read_text(encoding="utf-8"), nl=False)
    off = "" if read_source(path).enabled else "; it is switched off until you set enabled = true"
    say(f"Written: {path}, {len(seen.articles)} of {len(seen.samples)} pages read. See what it gives: diembao sources try {path.stem}{off}")


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


def _health(settings: Settings) -> dict[str, dict[str, Any]]:
    """By source: the last verdict, and when which article and answer were last seen."""
    from alerts.health.kept import read_kept
    from diembao.state import State

    state = State(settings.database)
    try:
        kept = read_kept(state, utc_now())
    finally:
        state.close()
    return {
        name: {
            **(one.health.to_record() if one.health else {"level": None}),
            "judged_at": one.judged_at.isoformat() if one.judged_at else None,
            "article_at": one.article_at.isoformat() if one.article_at else None,
            "answered_at": one.answered_at.isoformat() if one.answered_at else None,
            "polls": one.polls,
            "unchanged_polls": one.unchanged,
            "error": one.error,
            "paused": one.paused or None,
        }
        for name, one in kept.items()
    }


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
@click.option("--all", "everything", is_flag=True, help="Also entries that are switched off.")
@click.option("--enable", is_flag=True, help="Switch on what works.")
@click.option("--keep", is_flag=True, help="Change no file.")
@minutes_option
@json_option
@click.pass_obj
def check(settings: Settings, names: tuple[str, ...], everything: bool, enable: bool, keep: bool, minutes: float, as_json: bool) -> None:
    """Look at each outlet: can its entry be read, do its feeds answer, are there articles, are its expectations met?

    What an entry lacks is completed (feeds, sitemaps, the form of its addresses) and the day is written down as `checked`. Without
    NAMES: every entry that is switched on.
    """
    from crawlers.registry import Verdict, read_each

    known, verdicts = read_each(settings.sources_folder)
    broken = {verdict.source for verdict in verdicts}
    if names:
        verdicts = [verdict for verdict in verdicts if verdict.source in names]
        chosen = choose_sources(known, [name for name in names if name not in broken]) if set(names) - broken else []
    else:
        chosen = list(known.values())
    tried = [source for source in chosen if source.enabled or names or everything]
    for source in chosen:
        if source not in tried:
            told = f"worked on {source.checked}" if source.checked else f"its ways in are {source.entrances}"
            verdicts.append(Verdict(source.id, "off", [f"{told}; diembao sources check {source.id} --enable"]))
    seen = _look(settings, tried, minutes)
    rows: list[tuple[Verdict, Inspection | None]] = [(verdict, None) for verdict in verdicts]
    rows += [(_judge(settings, source, seen.get(source.id), enable=enable, keep=keep), seen.get(source.id)) for source in tried]
    rows.sort(key=lambda row: row[0].source)
    for verdict, inspection in rows:
        if as_json:
            record: dict[str, Any] = {"source": verdict.source, "state": verdict.state, "reasons": verdict.reasons}
            if inspection:
                record |= {name: value for name, value in inspection.to_record().items() if name in ("name", "entrances", "samples")}
            emit(record)
        else:
            click.echo(f"{verdict.state:<3}  {verdict.source:<20} {clean('; '.join(verdict.reasons))}")
    if red := [verdict.source for verdict, _ in rows if verdict.state == "red"]:
        raise DiembaoError(f"{len(red)} of {len(rows)} sources are red: {', '.join(red)}", "docs/sources.md says how to mend an entry")


def _look(settings: Settings, tried: list[Source], minutes: float) -> dict[str, Inspection]:
    from crawlers.inspection import Inspection

    if not tried:
        return {}
    say(f"Looking at {len(tried)} outlets, {minutes:g} minutes each at most, all at the same time …")
    output = run_module(settings, "crawlers.inspector", *named(source.id for source in tried), "--seconds", str(60 * minutes))
    found = [Inspection.from_record(json.loads(line)) for line in output.splitlines()]
    return {inspection.source: inspection for inspection in found}


def _judge(settings: Settings, source: Source, seen: Inspection | None, *, enable: bool, keep: bool) -> Verdict:
    """The verdict on one entry, which is completed when it is right."""
    from crawlers.registry import REGISTRY_LOCK, Verdict, complete, verdict_on
    from diembao.config_file import changing

    today = vietnam_day(utc_now())
    verdict = verdict_on(source, seen, today)
    if verdict.state == "red" or seen is None:
        return verdict
    told = list(verdict.reasons)
    if not keep:
        with changing(settings.sources_folder, REGISTRY_LOCK):
            told += complete(settings.sources_folder / f"{source.id}.toml", source, seen, today, enable=enable)
    if not source.enabled and not enable:
        told.append("switched off: --enable switches it on")
    return Verdict(source.id, "ok", told)


def _trial(settings: Settings, names: Iterable[str], folder: Path) -> CrawlRun:
    """A crawl of a few pages with a memory, a home and an archive of its own, so nothing of it stays."""
    from crawlers.runs import read_run

    trial = Settings(folder, settings.config, "sqlite", f"sqlite:///{folder / 'state.sqlite'}")
    run_module(trial, "crawlers", "--run", "trial", "--limit", str(_TRIAL), *named(names))
    return read_run(trial.runs_folder / "trial")
