"""`diembao retag`: what an older step, model or topic list tagged is tagged anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli.output import clean, emit, json_option, say
from diembao.errors import DiembaoError
from diembao.settings import Settings

if TYPE_CHECKING:
    from flows.retagging import Retagged


@click.command()
@click.option("--step", metavar="NAME", help="Only this step, e.g. topics; `repair` is the repair of the text.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many articles; the next call goes on behind them.")
@json_option
@click.pass_obj
def retag(settings: Settings, step: str | None, limit: int | None, as_json: bool) -> None:
    """Tag indexed articles anew where a step, the model or the office's topics changed since, and only there.

    A call that was interrupted is gone on with by the next one. Corrections by staff stay; copies and stories are looked for again only
    where what tells them changed.
    """
    from diembao.clock import utc_now
    from diembao.state import State
    from flows.retagging import retag as tag_anew
    from index import open_engine
    from nlp.tagging import Tagger

    def progress(done: Retagged) -> None:
        say(f"{done.seen} articles looked at, {done.retagged} tagged anew")

    engine, state = open_engine(settings), State(settings.database)
    try:
        engine.prepare()
        done = tag_anew(state, engine, Tagger.of(settings), utc_now, step, limit, progress=progress)
    finally:
        engine.close()
        state.close()
    if as_json:
        emit(asdict(done))
    else:
        rest = "" if done.complete else "; the next call goes on here"
        say(f"{done.seen} articles looked at, {done.retagged} tagged anew, {done.relinked} linked anew{rest}")
    if done.failed:
        name, reason = next(iter(done.failed.items()))
        raise DiembaoError(f"{len(done.failed)} articles could not be tagged and stay as they are, first {clean(name)}: {clean(reason)}")
