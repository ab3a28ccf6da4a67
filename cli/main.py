"""The `diembao` command.

Commands are loaded when they are called, so `diembao search` does not wait for the language models. A command is a
click command named in COMMANDS; it gets its Settings through `@click.pass_obj`.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import NoReturn

import click

from diembao import __version__
from diembao.errors import DiembaoError
from diembao.settings import read_settings

COMMANDS = {
    "demo": "cli.demonstration:demo",
    "sources": "cli.crawling:sources",
    "crawl": "cli.crawling:crawl",
    "extract": "cli.extraction:extract",
    "tag": "cli.tagging:tag",
    "duplicates": "cli.linking:duplicates",
    "stories": "cli.linking:stories",
    "index": "cli.indexing:index",
    "search": "cli.indexing:search",
    "reindex": "cli.indexing:reindex",
    "export": "cli.indexing:export",
    "import": "cli.indexing:import_",
    "alerts": "cli.alerting:alerts",
    "digest": "cli.alerting:digest",
    "models": "cli.models:models",
    "dashboards": "cli.dashboards:dashboards",
    "monitor": "cli.running:monitor",
    "schedule": "cli.running:schedule",
    "serve": "cli.running:serve",
    "doctor": "cli.running:doctor",
}
"""Where each command stands, in the order of `diembao --help`."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{COMMANDS[cmd_name]} is not a command")
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="diembao")
@click.pass_context
def diembao(ctx: click.Context) -> None:
    """Điểm Báo: what the press says about your province.

    Every command has --json (one JSON value or JSON lines on stdout); messages and progress go to stderr. Exit code 0: done;
    1: failed, with a line that says what to do; 2: wrong usage.
    """
    if ctx.resilient_parsing or any(flag in sys.argv[1:] for flag in ("-h", "--help")):
        return
    ctx.obj = read_settings()


def main() -> NoReturn:
    """Run the command line; a DiembaoError becomes one line on stderr and its exit code."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape" if stream is sys.stdin else "backslashreplace")  # type: ignore[union-attr]
    try:
        diembao.main(prog_name="diembao", standalone_mode=False)
    except DiembaoError as error:
        click.echo(f"diembao: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("diembao: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    sys.exit(0)
