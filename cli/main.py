"""The `diembao` command.

Commands are loaded when they are called, so `diembao search` does not wait for the language models. A command is a
click command named in COMMANDS; it gets its Settings through `@click.pass_obj`.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import NoReturn

import click

from diembao import __version__
from diembao.errors import DiembaoError
from diembao.settings import read_settings

COMMANDS = {
    "demo": "cli.demonstration:demo",
    "sources": "cli.sources:sources",
    "crawl": "cli.crawling:crawl",
    "revisions": "cli.evidence:revisions",
    "evidence": "cli.evidence:evidence",
    "extract": "cli.extraction:extract",
    "tag": "cli.tagging:tag",
    "duplicates": "cli.linking:duplicates",
    "stories": "cli.linking:stories",
    "index": "cli.indexing:index",
    "search": "cli.indexing:search",
    "coverage": "cli.coverage:coverage",
    "words": "cli.coverage:words",
    "reindex": "cli.indexing:reindex",
    "backup": "cli.keeping:backup",
    "erase": "cli.keeping:erase",
    "quarantine": "cli.keeping:quarantine",
    "export": "cli.indexing:export",
    "import": "cli.indexing:import_",
    "alerts": "cli.alerting:alerts",
    "digest": "cli.briefing:digest",
    "report": "cli.briefing:report",
    "retag": "cli.retagging:retag",
    "corrections": "cli.corrections:corrections",
    "models": "cli.models:models",
    "dashboards": "cli.dashboards:dashboards",
    "monitor": "cli.running:monitor",
    "schedule": "cli.running:schedule",
    "worker": "cli.running:worker",
    "serve": "cli.running:serve",
    "users": "cli.users:users",
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
    if ctx.resilient_parsing or _asks_for_help(ctx, sys.argv[1:]):
        return  # help is given also where the settings are wrong
    ctx.obj = read_settings()


def _asks_for_help(ctx: click.Context, words: list[str]) -> bool:
    """Whether `words` ask the command for help; in `diembao search -h` they do not: a query may begin with a minus."""
    command = diembao.get_command(ctx, ctx.invoked_subcommand or "")
    names = (command.context_settings if command else {}).get("help_option_names", ctx.help_option_names)
    options = words[: words.index("--")] if "--" in words else words
    return any(name in options for name in names)


def main() -> NoReturn:
    """Run the command line; a DiembaoError, or an error of the system such as a full disk, becomes one line and an exit code."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    # It logs the traceback of each failed try, and a library may have set up logging; EngineError says the same in one line.
    logging.getLogger("elastic_transport").propagate = False
    _prepare_streams()
    try:
        diembao.main(prog_name="diembao", standalone_mode=False)
        sys.stdout.flush()
    except DiembaoError as error:
        _end(error.exit_code, str(error))
    except click.ClickException as error:
        error.show()
        _end(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _end(130, "stopped")
    except BrokenPipeError:
        _end(1)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        _end(1, f"{error.strerror or error}{place}. Check the disk and the rights; the same command can be given again")
    _end(0)


def _prepare_streams() -> None:
    """UTF-8 on all three; one that the caller closed is replaced, lest a file that is opened later takes its place."""
    sys.stdin = sys.stdin or Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open until the end
    closed = sys.stdout is None
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream, encoding, errors in (
        (sys.stdin, "utf-8-sig", "surrogateescape"),  # a mark of byte order, as Windows writes it, is no text
        (sys.stdout, "utf-8", "backslashreplace"),
        (sys.stderr, "utf-8", "backslashreplace"),
    ):
        stream.reconfigure(encoding=encoding, errors=errors)  # type: ignore[union-attr]
    if closed:
        _end(1, "the standard output is closed. Send it to a file or to /dev/null")


def _end(exit_code: int, message: str = "") -> NoReturn:
    """End with `message` on stderr; what stdout could not take must not raise once more while Python ends."""
    if message:
        click.echo(f"diembao: {' '.join(message.split())}", err=True)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        exit_code = exit_code or 1
    sys.exit(exit_code)
