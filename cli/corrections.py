"""`diembao corrections`: what staff say of an article instead of the models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.output import clean, emit, json_option, say
from diembao.errors import DiembaoError, InputError
from diembao.settings import Settings

if TYPE_CHECKING:
    from diembao.corrections import Correction
    from diembao.state import State
    from index.opening import RebuildableEngine

_by_option = click.option(
    "--by", default=lambda: os.environ.get("USER", ""), show_default="$USER", metavar="NAME", help="Who says so; kept in the history."
)
_note_option = click.option("--note", default="", metavar="TEXT", help="Why; kept in the history.")


@click.group()
def corrections() -> None:
    """What staff say of an article instead of the models: topics, tone, places, copies, stories, relevance.

    A correction wins at once and stays: over a new revision of the page, a newer model, a replay. `diembao models train` learns from it.
    """


@corrections.command()
@click.argument("article_id", metavar="ARTICLE_ID")
@click.option("--field", required=True, help="topics, sentiment, critical_of, places, copy_of, story_id or relevant.")
@click.option(
    "--value",
    required=True,
    help="topics: CODE,CODE or none; sentiment and critical_of: the label; places: NAME; NAME or none; copy_of: ID, not:ID or none; "
    "story_id: ID or apart; relevant: yes or no.",
)
@_by_option
@_note_option
@json_option
@click.pass_obj
def add(settings: Settings, article_id: str, field: str, value: str, by: str, note: str, as_json: bool) -> None:
    """Correct one field of an article, at once and for good."""
    from diembao.clock import utc_now
    from diembao.corrections import read_value
    from index.corrections import correct
    from nlp.place_lookup import place_named

    wanted = read_value(field, value, settings.taxonomy, place_named)
    with _opened(settings) as (engine, state):
        _tell(correct(state, engine, article_id, field, wanted, utc_now(), by, note), as_json)


@corrections.command()
@click.argument("key", metavar="CORRECTION")
@_by_option
@_note_option
@json_option
@click.pass_obj
def undo(settings: Settings, key: str, by: str, note: str, as_json: bool) -> None:
    """Take a correction back: the one before it stands again, or else what the models say. The history keeps both."""
    from diembao.clock import utc_now
    from index.corrections import undo as take_back

    with _opened(settings) as (engine, state):
        _tell(take_back(state, engine, key, utc_now(), by, note), as_json)


@corrections.command(name="list")
@click.option("--article", "article_id", metavar="ID", help="Only those of this article.")
@click.option("--all", "everything", is_flag=True, help="The whole history, also what was taken back or corrected again.")
@json_option
@click.pass_obj
def list_(settings: Settings, article_id: str | None, everything: bool, as_json: bool) -> None:
    """The corrections in force, oldest first."""
    from diembao.clock import VIETNAM
    from diembao.corrections import as_text

    for row in _history(settings, article_id):
        if not row.in_force and not everything:
            continue
        if as_json:
            emit(row.model_dump(mode="json"))
            continue
        when = row.given_at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")
        what = f"{row.field}: {as_text(row.field, row.old_value)} → {as_text(row.field, row.value)}"
        state = "" if row.in_force else f"  [takes back {row.undoes}]" if row.undoes else "  [no longer in force]"
        click.echo(clean(f"{row.key}  {row.article_id}  {what}  {when} {row.given_by} {row.note}") + state)


@corrections.command()
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File to write; without it stdout.")
@json_option
@click.pass_obj
def export(settings: Settings, output: Path | None, as_json: bool) -> None:
    """The whole history as JSON lines, for a backup or another installation."""
    from diembao.jsonl import write_line

    rows = [row.model_dump(mode="json", exclude={"in_force"}) for row in _history(settings, None)]
    if output is None:
        for row in rows:
            emit(row)
        return
    try:
        with output.open("w", encoding="utf-8") as stream:
            for row in rows:
                write_line(stream, row)
    except OSError as error:
        raise DiembaoError(f"{output} cannot be written: {error.strerror}", "Check the folder and the space left") from error
    if as_json:
        emit({"corrections": len(rows), "file": str(output)})
    else:
        say(f"{len(rows)} rows written to {output}")


@corrections.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_obj
def import_(settings: Settings, file: Path, as_json: bool) -> None:
    """Bring in a history that `export` wrote. All lines or, when one is wrong, none.

    A line that is there already is passed over. Corrections of articles that are not indexed wait for these.
    """
    from diembao.corrections import read_correction
    from diembao.jsonl import read_records
    from index.corrections import history, keep, renew

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}", "Give a file that `diembao corrections export` wrote") from error
    given = [read_correction(record, f"line {number}", settings.taxonomy) for number, record in read_records(text.splitlines())]
    with _opened(settings) as (engine, state):
        with state.session() as session:
            before = len(history(session))
            for row in given:
                keep(session, row)
            added = len(history(session)) - before
        with state.session() as session:
            changed = renew(session, engine, {row.article_id for row in given})
    if as_json:
        emit({"rows": len(given), "new": added, "articles": changed})
    else:
        say(f"{len(given)} rows, {added} new; {changed} articles changed")


def _history(settings: Settings, article_id: str | None) -> list[Correction]:
    from diembao.state import State
    from index.corrections import history

    state = State(settings.database)
    try:
        with state.session() as session:
            return history(session, article_id)
    finally:
        state.close()


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[RebuildableEngine, State]]:
    from diembao.state import State
    from index import open_engine

    engine, state = open_engine(settings), State(settings.database)
    try:
        engine.prepare()
        yield engine, state
    finally:
        engine.close()
        state.close()


def _tell(row: Correction, as_json: bool) -> None:
    from diembao.corrections import as_text

    if as_json:
        emit(row.model_dump(mode="json"))
    elif row.undoes:
        say(f"taken back: {row.undoes} ({row.field} of {clean(row.article_id)})")
    else:
        values = f"{as_text(row.field, row.old_value)} → {as_text(row.field, row.value)}"
        say(f"{row.key}: {row.field} of {clean(row.article_id)}: {clean(values)}")
