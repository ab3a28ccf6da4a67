"""`diembao demo`: the whole chain on the bundled newspapers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import emit, json_option, say
from cli.summary import round_summary
from diembao.clock import VIETNAM, utc_now
from diembao.errors import ConfigError
from diembao.settings import Settings, read_settings

if TYPE_CHECKING:
    from demo.landscape import Landscape


@click.command()
@click.option("--no-serve", is_flag=True, help="End instead of leaving the page open.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port of the page; a free one when it is taken."
)
@json_option
@click.pass_obj
def demo(settings: Settings, no_serve: bool, port: int, as_json: bool) -> None:
    """The whole chain on the bundled newspapers, served on loopback.

    Crawl, extract, tag, link, index, find the jump, write the alert e-mail; then the page stays open until Ctrl-C. Everything is
    kept in DIEMBAO_HOME/demo; delete that folder to begin anew. A second run serves the same press day and doubles nothing.
    """
    from demo.landscape import Landscape
    from demo.mailbox import catch_mail
    from demo.server import serve as serve_landscape
    from flows.local_prefect import prepare

    folder = settings.home / "demo"
    landscape = Landscape.open(folder, utc_now())
    with serve_landscape(landscape), catch_mail(folder / "mail") as mailbox:
        port = _free_port(port)
        landscape.write_config(folder / "config", mailbox.port, f"http://127.0.0.1:{port}")
        office = _office_of(folder, settings)
        prepare(office.home)
        rounds = _run_rounds(landscape, office)
        mails = mailbox.mails()
        if as_json:
            emit({"rounds": rounds, "mails": [str(path) for path in mails], "home": str(office.home), "config": str(office.config)})
        else:
            _tell(rounds, mails, office)
        if not no_serve:
            _leave_open(office, landscape, port)


def _office_of(folder: Path, settings: Settings) -> Settings:
    """The demo office's settings, also in the environment, where flows and the crawl process read them."""
    os.environ.update(DIEMBAO_HOME=str(folder / "office"), DIEMBAO_CONFIG=str(folder / "config"), DIEMBAO_INDEX=settings.index)
    os.environ.pop("DIEMBAO_DATABASE", None)
    return read_settings()


def _free_port(port: int) -> int:
    """`port`, or a free one when it is taken; the mails must name it before the page is served there."""
    from web.serving import listen

    try:
        listening = listen("127.0.0.1", port)
    except ConfigError:
        listening = listen("127.0.0.1", 0)
    with listening:
        return int(listening.getsockname()[1])


def _run_rounds(landscape: Landscape, office: Settings) -> list[dict[str, Any]]:
    say(f"Báo chí mẫu / press landscape: {', '.join(landscape.base(outlet) for outlet in landscape.ports)}")
    import flows.monitor

    rounds = []
    if landscape.stage == 1:
        say("Vòng 1/2: ba tuần báo cũ / round 1 of 2: three weeks of press (crawl → tag → link → index → alerts)")
        rounds.append(flows.monitor.monitor(at=landscape.now))
        landscape.advance()
        say("Vòng 2/2: ngày hôm nay / round 2 of 2: today's press, an edited article, a page taken down")
    else:
        say("Một vòng nữa trên cùng ngày báo / one more round on the same press day")
    rounds.append(flows.monitor.monitor(at=landscape.now))
    return rounds


def _tell(rounds: list[dict[str, Any]], mails: list[Path], office: Settings) -> None:
    for number, result in enumerate(rounds, start=1):
        click.echo(f"\n— {number}/{len(rounds)} —\n{round_summary(result)}")
    click.echo("")
    for path in mails:
        click.echo(f"Thư cảnh báo / alert e-mail: {path}")
    click.echo(f"\nTìm tiếp / search on:\n  DIEMBAO_HOME={office.home} DIEMBAO_CONFIG={office.config} .venv/bin/diembao search 'nước thải'")


def _leave_open(office: Settings, landscape: Landscape, port: int) -> None:
    from web.serving import serve

    def ready(address: str) -> None:
        day = landscape.now.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")
        click.echo(f"\nTrang tìm kiếm / search page: {address}\n  (ngày báo / press day {day}; Ctrl-C để dừng / to stop)")

    serve(office, host="127.0.0.1", port=port, clock=lambda: landscape.now, on_ready=ready)
