"""`diembao alerts`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.output import clean, emit, json_option, say
from diembao.errors import ConfigError, InputError, UsageError
from diembao.settings import Settings
from diembao.source import source_names

if TYPE_CHECKING:
    from diembao.engine import SearchEngine
    from diembao.state import State


@click.group()
def alerts() -> None:
    """Rules that watch the coverage, and what they found."""


@alerts.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10000), help="How many alerts of the log.")
@json_option
@click.pass_obj
def list_(settings: Settings, limit: int, as_json: bool) -> None:
    """The rules, and the alert log: open alerts first, then newest first."""
    from sqlalchemy import select

    from alerts.delivery import strange_names
    from alerts.grading import precision_by_rule
    from alerts.rules_editing import every_rule
    from alerts.rules_file import read_rules
    from diembao.state import AlertRecord, OutboxMessage, State

    rules = read_rules(settings.alerts_folder)
    for line in strange_names(
        settings.office, {kept.rule.name: kept.rule.people for kept in every_rule(settings.alerts_folder) if kept.rule}
    ):
        say(line)
    state = State(settings.database)
    order = select(AlertRecord).order_by((AlertRecord.state == "open").desc(), AlertRecord.started_at.desc(), AlertRecord.id).limit(limit)
    with state.session() as session:
        logged = [{**record.alert, "state": record.state} for record in session.scalars(order)]
        trouble = select(OutboxMessage.recipient, OutboxMessage.status, OutboxMessage.error).where(
            OutboxMessage.status.in_(("failed", "unknown"))
        )
        undelivered = [{"recipient": r, "status": s, "error": e} for r, s, e in session.execute(trouble)]
    graded = precision_by_rule(state)
    state.close()
    if as_json:
        precision = {
            name: {"useful": one.useful, "noise": one.noise, "precision": one.share, "weeks": dict(one.weeks), "proposal": one.proposal}
            for name, one in graded.items()
        }
        known = [{**rule.model_dump(mode="json"), "graded": precision.get(rule.name)} for rule in rules]
        emit({"rules": known, "alerts": logged, "undelivered": undelivered})
        return
    for rule in rules:
        budget = f", {rule.budget:g} / năm" if rule.budget is not None else ""
        one = graded.get(rule.name)
        useful = f"  {one.useful}/{one.useful + one.noise} hữu ích / useful" if one else ""
        click.echo(f"quy tắc / rule  {rule.name}  ({rule.kind}{budget}){useful}")
        if one and one.proposal:
            say(f"{rule.name}: {one.proposal[0]} / {one.proposal[1]}")
    for alert in logged:
        click.echo(f"{'mở / open' if alert['state'] == 'open' else 'đã kết thúc / over'}  {alert['window_start']}  {clean(alert['title'])}")
    for message in undelivered:
        say(f"thư / mail {message['recipient']}: {message['status']}: {message['error']}")
    if not logged:
        say("Chưa có cảnh báo nào / no alerts yet")


@alerts.command()
@json_option
@click.pass_obj
def evaluate(settings: Settings, as_json: bool) -> None:
    """Evaluate every rule now, write the alert log, queue the mails and send what is due."""
    from alerts.evaluation import evaluate as evaluate_rules
    from alerts.log import record
    from alerts.outbox import send_due
    from alerts.rules_file import read_rules
    from diembao.clock import utc_now

    rules = read_rules(settings.alerts_folder)
    if not rules:
        say(f"Không có quy tắc nào trong {settings.alerts_folder} / no rules there")
    with opened(settings) as (engine, state):
        now = utc_now()
        problems: dict[str, str] = {}
        found = evaluate_rules(rules, engine, now, settings.taxonomy, state, problems)
        queued = record(state, found, settings.office, settings.taxonomy, now, source_names(settings.sources_folder), problems)
        report = send_due(state, settings.office.mail, now)
    if as_json:
        counts = {"queued": queued, "sent": report.sent, "waiting": report.waiting, "failed": report.failed, "unknown": report.unknown}
        emit({"alerts": [alert.model_dump(mode="json") for alert in found], **counts})
    else:
        for alert in found:
            click.echo(f"{'mở / open' if alert.state == 'open' else 'đã kết thúc / over'}  {clean(alert.title)}")
        say(f"{len(found)} cảnh báo / alerts; thư / mails: {queued} mới / new, {report.sent} đã gửi / sent, {report.waiting} chờ / waiting")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        name, problem = next(iter(problems.items()))
        raise ConfigError(f"rule {name} was not evaluated: {problem}{more}", "Mend its query; the other rules were evaluated")
    report.raise_problems()


@alerts.command("try")
@click.argument("rule")
@click.option("--since", default="90d", show_default=True, help="How far back, in days.")
@json_option
@click.pass_obj
def try_(settings: Settings, rule: str, since: str, as_json: bool) -> None:
    """How often RULE (a name, or a TOML file) would have fired, and on which stories. Nothing is kept or sent."""
    from alerts.evaluation import replay
    from alerts.rules_file import choose_rule, read_rule, read_rules
    from diembao.clock import utc_now

    days = since.strip().lower().removesuffix("d")
    if not days.isdecimal() or not 1 <= int(days) <= 1000:
        raise UsageError(f"--since {since!r} is no number of days", "Write it as 90d")
    chosen = read_rule(Path(rule)) if rule.endswith(".toml") else choose_rule(read_rules(settings.alerts_folder), rule)
    with opened(settings) as (engine, state):
        now = utc_now()
        found = replay(chosen, engine, now, settings.taxonomy, now - timedelta(days=int(days)), state)
    if as_json:
        emit({"rule": chosen.name, "days": int(days), "fired": len(found), "alerts": [alert.model_dump(mode="json") for alert in found]})
        return
    for alert in found:
        click.echo(f"{alert.window_start:%Y-%m-%d %H:%M}Z  {clean(alert.title)}")
        for story in alert.evidence[:3]:
            click.echo(f"    {clean(story.title)} ({clean(', '.join(story.outlets))})")
    say(f"{chosen.name}: {len(found)} lần trong {days} ngày / times in {days} days")


@alerts.command()
@click.option(
    "--series",
    "file",
    required=True,
    type=click.Path(path_type=Path),
    help="CSV: timestamp,value or timestamp,series,value; - reads stdin.",
)
@click.option("--false-alerts-per-year", default=4.0, show_default=True, type=float, help="Budget over all series of the file.")
@json_option
@click.pass_obj
def backtest(settings: Settings, file: Path, false_alerts_per_year: float, as_json: bool) -> None:
    """Judge past series as if they were arriving: one JSON line per row, in the order of the rows.

    Each row is judged on itself and earlier rows only; "alert" is true on the row where a new alert begins.
    """
    from alerts.backtest import backtest as judge
    from alerts.backtest import read_series

    try:
        if str(file) == "-":
            rows = read_series(sys.stdin)
        else:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                rows = read_series(stream)
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text", "Save it as CSV in UTF-8") from error
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", "Name a CSV file") from error
    except InputError as error:
        raise InputError(f"{file}: {error.message}", error.hint) from error
    lines = judge(rows, false_alerts_per_year)
    batch: list[str] = []
    for line in lines:
        batch.append(line)
        if len(batch) >= 20000:
            sys.stdout.write("\n".join(batch) + "\n")
            batch.clear()
    if batch:
        sys.stdout.write("\n".join(batch) + "\n")


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[SearchEngine, State]]:
    """The engine, prepared, and the state while the block runs."""
    from diembao.state import State
    from index import open_engine

    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.prepare()
        yield engine, state
    finally:
        engine.close()
        state.close()
