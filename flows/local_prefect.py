"""Where Prefect keeps its things, and what it may do: set before prefect is imported, because it reads its settings then."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diembao.errors import DiembaoError

PORT = 4200
"""Prefect's own default."""
_START_SECONDS = 120


def prepare(home: Path) -> None:
    """Let Prefect keep its database below `home`, send no statistics and leave the terminal to us.

    What the environment sets already stays: an office with a Prefect server of its own sets PREFECT_API_URL.
    """
    defaults = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # Prefect's page keeps the traceback of a failure; the terminal gets one line from us (`flows.monitor.tell_why`).
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(_START_SECONDS),  # a busy machine takes longer than the default 20
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_CLI_PROMPT": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


@contextmanager
def server(home: Path, port: int = PORT) -> Iterator[str]:
    """A Prefect server with its scheduler and page while the block runs; gives the address of the page.

    The server that a flow starts for itself has no scheduler, so schedules need this one. Where PREFECT_API_URL names a
    server already, that one is used and nothing is started.

    Args:
        home: DIEMBAO_HOME; the server's log goes to `prefect/server.log` there.
        port: on 127.0.0.1.

    Raises:
        DiembaoError: when the server does not answer in time; names its log.
    """
    prepare(home)
    if given := os.environ.get("PREFECT_API_URL"):
        yield given.removesuffix("/api")
        return
    address = f"http://127.0.0.1:{port}"
    if _answers(address):
        raise DiembaoError(
            f"port {port} is taken by another server", "End it, name another --prefect-port, or set PREFECT_API_URL to use it"
        )
    log = Path(os.environ["PREFECT_HOME"]) / "server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(process, address, log)
        os.environ["PREFECT_API_URL"] = f"{address}/api"
        yield address
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DiembaoError(f"the Prefect server at {address} did not start", f"Its messages are in {log}")
        time.sleep(0.3)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/health", timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
