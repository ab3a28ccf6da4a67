"""Commands that count: coverage over time, and what a period writes about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from cli.indexing import QUERY_SETTINGS, filters_of, narrowing
from cli.output import clean, emit, json_option, say
from diembao.clock import VIETNAM, utc_now
from diembao.engine import Interval, Unit
from diembao.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

_FORMS = {"hour": "%d/%m/%Y %Hh", "day": "%d/%m/%Y", "week": "%d/%m/%Y", "month": "%m/%Y"}


@click.command(context_settings=QUERY_SETTINGS)
@click.argument("query", nargs=-1)
@narrowing
@click.option("--interval", type=click.Choice(get_args(Interval)), default="day", show_default=True, help="Length of an interval.")
@click.option("--unit", type=click.Choice(get_args(Unit)), default="articles", show_default=True, help="What is counted.")
@click.option("--copies", is_flag=True, help="Count copies too, instead of a group of copies once.")
@json_option
@click.pass_obj
def coverage(
    settings: Settings, /, query: tuple[str, ...], interval: Interval, unit: Unit, copies: bool, as_json: bool, **narrowed: Any
) -> None:
    """Coverage over time of what QUERY finds, by Vietnam's clock; empty intervals included.

    Beside each count stands what the same sources published in all (those of --source and --kind, else every one), and which
    sources are missing: nothing of them is indexed for an interval in which they nearly always publish. A week is named by its Monday.
    """
    from index import open_engine
    from index.coverage import coverage as cover

    engine = open_engine(settings)
    try:
        buckets = cover(engine, " ".join(query), filters_of(**narrowed), interval, unit, utc_now(), fold_copies=not copies)
    finally:
        engine.close()
    if as_json:
        emit({"interval": interval, "unit": unit, "buckets": [bucket.to_record() for bucket in buckets]})
        return
    for bucket in buckets:
        start = bucket.start.astimezone(VIETNAM).strftime(_FORMS[interval])
        shares = f"{_percent(bucket.share):>8}  tiêu cực {_percent(bucket.negative_share):>6}"
        missing = f"  thiếu nguồn: {clean(', '.join(bucket.missing))}" if bucket.missing else ""
        click.echo(f"{start:16}{bucket.total:8} / {bucket.published:<8}{shares}{missing}")
    if not buckets:
        say("không có bài nào")


@click.command(context_settings=QUERY_SETTINGS)
@click.argument("query", nargs=-1)
@narrowing
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="Words wanted.")
@json_option
@click.pass_obj
def words(settings: Settings, /, query: tuple[str, ...], limit: int, as_json: bool, **narrowed: Any) -> None:
    """What the found articles of a period write about, against those of the period before.

    The period is --from to --to (now, where it is left out); the one before is as long. Of each at most a thousand articles are read,
    headline, lead and the beginning of the body, a group of copies once; the answer says how many were read of how many.
    """
    from index import open_engine
    from index.significance import significant_words

    engine = open_engine(settings)
    try:
        found = significant_words(engine, " ".join(query), filters_of(**narrowed), utc_now(), limit)
    finally:
        engine.close()
    if as_json:
        emit(
            {
                "from": _iso(found.since),
                "to": _iso(found.until),
                "before_from": _iso(found.before),
                "articles": found.articles,
                "articles_before": found.articles_before,
                "read": found.read,
                "read_before": found.read_before,
                "words": [vars(word) for word in found.words],
            }
        )
        return
    say(f"đã đọc {found.read} trong {found.articles} bài của kỳ này, {found.read_before} trong {found.articles_before} bài của kỳ trước")
    for word in found.words:
        click.echo(f"{word.score:9.1f}  {word.articles:5} bài, trước {word.before:5}  {clean(word.text)}")


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
