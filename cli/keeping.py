"""`diembao backup`, `diembao erase` and `diembao quarantine`: what is kept safe, what goes for good, what waits for a second look."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cli.output import clean, emit, json_option, say
from diembao.clock import utc_now
from diembao.errors import InputError, UsageError
from diembao.settings import Settings

MANIFEST = "backup.json"


@click.command()
@click.argument("path", type=click.Path(path_type=Path, file_okay=False))
@json_option
@click.pass_obj
def backup(settings: Settings, path: Path, as_json: bool) -> None:
    """Copy the index and the database into the folder PATH, while the system is at work, and check the copies.

    The embedded engine and a SQLite database are copied whole and consistent. Elasticsearch takes a snapshot into its own
    repository; for PostgreSQL use pg_dump. The archive and the run folders only ever grow: copy these with rsync.
    """
    from diembao.state import State
    from index import open_engine

    if path.exists() and any(path.iterdir()) and not (path / MANIFEST).exists():
        raise UsageError(f"{path} is not empty and holds no backup", "Name a new folder, or one of an earlier backup")
    path.mkdir(parents=True, exist_ok=True)
    now = utc_now()
    state, engine = State(settings.database), open_engine(settings)
    try:
        # The database first: a text that the index has and the history lacks is added again by the next crawl, and none is lost.
        copy = state.backup(path)
        engine.prepare()
        kept = {"index": engine.backup(path, now), "database": copy, "articles": engine.status().articles}
    finally:
        engine.close()
        state.close()
    _write_manifest(path, {"at": now.isoformat(), **kept})
    if as_json:
        emit({"path": str(path), **kept})
        return
    say(f"{kept['articles']} articles: {kept['index']}")
    say(f"database: {copy}" if copy else "database: not copied, it is no SQLite file (PostgreSQL: pg_dump)")


def _write_manifest(path: Path, manifest: dict[str, object]) -> None:
    draft = path / f"{MANIFEST}.tmp"
    draft.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draft.replace(path / MANIFEST)


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--expired", is_flag=True, help="What is older than [retention] of office.toml keeps it; `diembao schedule` does so every night."
)
@click.option("--reason", default="", help="Why, for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def erase(settings: Settings, ids: tuple[str, ...], expired: bool, reason: str, yes: bool, as_json: bool) -> None:
    """Erase articles for good: from the index, the database, run folders, the archive and waiting pages.

    ID is an article's id (it stands in the address of its page) or its web address. No crawl, import or reindex brings it back. Backups,
    exported files and sent mails are out of reach.
    """
    from diembao.state import State
    from diembao.urls import article_id
    from flows import erasing
    from index import open_engine

    if bool(ids) == expired:
        raise UsageError("nothing was named" if not ids else "--expired takes no ids", "Name ids, or give --expired")
    wanted = [article_id(one) if one.startswith(("http://", "https://")) else one for one in ids]
    now = utc_now()
    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.prepare()
        wanted = wanted or list(erasing.expired(settings, engine, now))
        titles = [
            f"{one}  {article.title if (article := engine.get(one)) else '(không có trong chỉ mục / not indexed)'}" for one in wanted[:5]
        ]
        if wanted and not yes:
            more = f"\n… {len(wanted) - 5} more" if len(wanted) > 5 else ""
            click.confirm(clean("; ".join(titles)) + f"{more}\nErase {len(wanted)} for good?", abort=True, err=True)
        by = "retention" if expired else "command:erase"
        done = erasing.erase(settings, state, engine, wanted, now, by, reason or by) if wanted else erasing.Erased()
    finally:
        engine.close()
        state.close()
    if as_json:
        emit({"erased": len(done.ids), "counts": dict(done.counts), "waits_for": done.waits_for})
    else:
        say(f"{len(done.ids)} erased: {', '.join(f'{count} {name}' for name, count in done.counts.items()) or 'nothing was kept of them'}")
        say(f"out of reach: {erasing.OUT_OF_REACH}")
    if done.waits_for:
        say(f"not all yet: {', '.join(done.waits_for)} still at work; repeat the command, or `diembao schedule` ends it tonight")


@click.group()
def quarantine() -> None:
    """Articles that could not be tagged, or that the engine refused: each with its reason, none lost."""


@quarantine.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Show what waits, with its reason."""
    from flows.quarantine import read_quarantine
    from flows.stages import quarantined_runs

    count = 0
    for run in quarantined_runs(settings):
        for entry in read_quarantine(settings.runs_folder / run):
            count += 1
            if as_json:
                emit({"run": run, "id": entry.article.id, "title": entry.article.title, "fate": entry.fate, "reason": entry.reason})
            else:
                click.echo(f"{run}  {clean(entry.article.id)}  {entry.fate}: {clean(entry.reason)}\n    {clean(entry.article.title)}")
    if not count:
        say("Không có bài nào bị cách ly / nothing is in quarantine")


@quarantine.command()
@click.option("--run", "runs", multiple=True, metavar="RUN", help="Only this run; may be repeated.")
@json_option
@click.pass_obj
def retry(settings: Settings, runs: tuple[str, ...], as_json: bool) -> None:
    """Try again what waits; `monitor` does so in every round by itself."""
    from filelock import FileLock, Timeout

    from diembao.state import State
    from flows.stages import quarantined_runs, retry_quarantine
    from index import open_engine
    from nlp.tagging import Tagger

    waiting = quarantined_runs(settings)
    if unknown := sorted(set(runs) - set(waiting)):
        raise UsageError(f"nothing of the run {unknown[0]} is in quarantine", "diembao quarantine list shows the runs")
    done = {"released": 0, "waiting": 0}
    state, engine = State(settings.database), open_engine(settings)
    try:
        with FileLock(settings.home / "monitor.lock", timeout=60):
            engine.prepare()
            tagger = Tagger.of(settings)
            for run in runs or waiting:
                before = _size(settings.runs_folder / run)
                left = retry_quarantine(settings, state, engine, tagger, run).quarantined
                done["released"] += before - left
                done["waiting"] += left
    except Timeout as error:
        raise InputError("a round of monitor is going on", "It tries them itself; or repeat the command when it has ended") from error
    finally:
        engine.close()
        state.close()
    if as_json:
        emit(done)
    else:
        say(f"{done['released']} released, {done['waiting']} still wait (diembao quarantine list)")


def _size(folder: Path) -> int:
    from flows.quarantine import read_quarantine

    return len(read_quarantine(folder))
