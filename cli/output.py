"""What commands print: JSON on stdout for programs, text for people, progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from diembao.jsonl import write_line

Item = TypeVar("Item")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value, or JSON lines for many, on stdout.")


def emit(value: object) -> None:
    """Print one JSON value as one line on stdout."""
    write_line(sys.stdout, value)


def say(message: str) -> None:
    """Print a message for a person on stderr; what the web wrote in it cannot control the terminal."""
    click.echo("".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in message), err=True)


def clean(text: str) -> str:
    """`text` on one line without control characters, for a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def with_progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """The items, with a progress bar on stderr when that is a terminal."""
    console = Console(stderr=True)
    columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        for item in items:
            yield item
            progress.advance(task)
