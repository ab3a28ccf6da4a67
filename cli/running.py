"""`diembao monitor`, `schedule`, `serve`, `doctor`: the running system."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import click

from cli.output import emit, json_option, say
from diembao.errors import DiembaoError, UsageError
from diembao.settings import Settings

prefect_port = click.option(
    "--prefect-port", "port", type=click.IntRange(1, 65535), default=4200, show_default=True, help="Port of the Prefect server and page."
)


@click.command()
@click.option("--once", is_flag=True, help="One round, then end; without it a round every --every seconds.")
@click.option("--every", type=click.IntRange(30, 86400), default=120, show_default=True, help="Seconds between two rounds.")
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@click.option("--partition", metavar="I/N", help="With --once: a round over this part of the sources, without alerts (docs/scaling.md).")
@prefect_port
@json_option
@click.pass_obj
def monitor(settings: Settings, once: bool, every: int, sources: tuple[str, ...], partition: str | None, port: int, as_json: bool) -> None:
    """The whole chain as a Prefect flow: crawl → tag → link → index → alerts."""
    from flows.local_prefect import prepare, server

    if partition and (not once or sources):
        raise UsageError("--partition goes with --once, and without --source", "diembao monitor --once --partition 1/4")
    if not once:
        with server(settings.home, port) as address:
            from flows.schedule import serve_monitor

            say(f"Prefect: {address}  (Ctrl-C)")
            serve_monitor(timedelta(seconds=every), list(sources))
        return
    from diembao.state import State

    State(settings.database).close()  # a full disk or a damaged file is said now; Prefect's server would try for two minutes to start
    prepare(settings.home)
    if partition:
        import flows.partition

        _print_round(flows.partition.partition(partition), as_json)
        return
    import flows.monitor

    say("Một vòng: crawl → tag → link → index → alerts / One round")
    _print_round(flows.monitor.monitor(sources=list(sources)), as_json)


def _print_round(result: dict[str, object], as_json: bool) -> None:
    if as_json:
        emit(result)
        return
    from cli.summary import round_summary

    click.echo(round_summary(result))


@click.command()
@click.option("--every", type=click.IntRange(30, 86400), default=120, show_default=True, help="Seconds between two rounds of monitor.")
@click.option(
    "--partitions", "parts", type=click.IntRange(0, 999), default=0, help="Workers crawl (diembao worker), the sources in so many parts."
)
@prefect_port
@json_option
@click.pass_obj
def schedule(settings: Settings, every: int, parts: int, port: int, as_json: bool) -> None:
    """Serve every scheduled flow until Ctrl-C: monitor, briefing, reports, source-health, retrain, retag.

    What was missed while nothing was served goes out late, once. The times of the briefing stand in office.toml. A Prefect server with its
    page is started beside it, unless PREFECT_API_URL names one.
    """
    from flows.local_prefect import server

    with server(settings.home, port) as address:
        from flows.schedule import deployments, schedule_in_words, serve_all

        if parts:
            say(f"{parts} partitions for `diembao worker`")
        planned = [{"name": one.name, "schedule": schedule_in_words(one)} for one in deployments(timedelta(seconds=every), settings.office)]
        if as_json:
            emit({"prefect": address, "deployments": planned})
        for entry in planned:
            say(f"{entry['name']}: {entry['schedule']}")
        say(f"Prefect: {address}  (Ctrl-C)")
        serve_all(timedelta(seconds=every), settings.office, parts)


@click.command()
@click.option("--name", help="Name on Prefect's page; default: a random one.")
@click.option("--limit", type=click.IntRange(1, 64), default=1, show_default=True, help="Parts that are crawled at a time.")
@json_option
@click.pass_obj
def worker(settings: Settings, name: str | None, limit: int, as_json: bool) -> None:
    """Crawl and index the parts of the sources that `diembao schedule --partitions N` gives out, until Ctrl-C.

    PREFECT_API_URL names the Prefect server, DIEMBAO_DATABASE and DIEMBAO_INDEX what all workers share (docs/scaling.md).
    """
    from flows.local_prefect import prepare
    from flows.partition import worker_command

    command = worker_command(name, limit)
    prepare(settings.home)
    if as_json:
        emit({"worker": name, "limit": limit})
    os.execve(sys.executable, [sys.executable, *command], settings.environment)  # noqa: S606 - our own interpreter


@click.command()
@click.option("--host", help="Address to listen on; default: [web] of office.toml.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one; default: [web] of office.toml.")
@json_option
@click.pass_obj
def serve(settings: Settings, host: str | None, port: int | None, as_json: bool) -> None:
    """Serve the staff page until Ctrl-C."""
    from web.serving import serve as serve_pages

    def ready(address: str) -> None:
        if as_json:
            emit({"url": address})
        say(f"Trang tìm kiếm / Search page: {address}  (Ctrl-C)")

    serve_pages(settings, host=host, port=port, on_ready=ready)


@click.command()
@json_option
@click.pass_obj
def doctor(settings: Settings, as_json: bool) -> None:
    """Check the installation: folders, configuration, database, engine, mail server, models. Exit code 1 when one is broken."""
    from cli.health import examine

    checks = examine(settings)
    if as_json:
        emit([check.to_record() for check in checks])
    else:
        for check in checks:
            mark = {"ok": "✓", "warning": "!", "broken": "✗"}[check.state]
            click.echo(f"{mark} {check.name}: {check.message}" + (f"\n    → {check.hint}" if check.hint else ""))
    broken = [check.name for check in checks if check.state == "broken"]
    if broken:
        raise DiembaoError(f"not in order: {', '.join(broken)}", "Each line above says what to do")
