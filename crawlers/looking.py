"""Looks at one outlet in a process of its own (Scrapy's reactor starts once), told step by step, within a time. Imports no Scrapy."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable

from crawlers.inspection import Inspection
from diembao.errors import DiembaoError
from diembao.settings import Settings

_GRACE = 20.0
"""Seconds beyond the given time after which the process is ended: it starts, and writes what it found."""
_LONGEST_LINE = 500


def look(settings: Settings, arguments: list[str], seconds: float, asks: Callable[[str], None]) -> Inspection:
    """What `crawlers.inspector` says of one outlet.

    Args:
        settings: of the office: user agent, and whether private addresses are refused.
        arguments: `--source NAME`, or `--url ADDRESS` with `--province` and `--delay`.
        seconds: for the outlet.
        asks: gets each address that is asked for; called in another thread.

    Raises:
        DiembaoError: when it could not be looked at, with the reason.
    """
    command = [sys.executable, "-m", "crawlers.inspector", *arguments, "--seconds", str(seconds), "--progress"]
    with subprocess.Popen(command, env=settings.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        last = ""

        def listen() -> None:
            nonlocal last
            assert process.stderr is not None
            for line in process.stderr:
                last = "".join(letter if letter.isprintable() else " " for letter in line.strip())[:_LONGEST_LINE]
                if last.startswith(("http://", "https://")):
                    asks(last)

        listener = threading.Thread(target=listen, name="inspection", daemon=True)
        listener.start()
        killer = threading.Timer(seconds + _GRACE, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            output = process.stdout.read()
            process.wait()
        finally:
            killer.cancel()
            listener.join(5)
    if process.returncode:
        why = last.removeprefix("inspector: ") if not last.startswith("http") else f"it took more than {seconds:g} s"
        raise DiembaoError(why or f"the inspection ended with exit code {process.returncode}", "Try again, or: diembao sources check")
    try:
        return Inspection.from_record(json.loads(output.splitlines()[0]))
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise DiembaoError("the inspection said nothing", "Try again, or: diembao sources check") from error
