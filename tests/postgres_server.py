"""A real PostgreSQL server on loopback for one test session: its files in a folder of the test, gone with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_USER = "postgres"


def _program(name: str) -> str:
    """The newest installed `name`. Raises FileNotFoundError: a machine that runs these tests has PostgreSQL (see .ci/run)."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise FileNotFoundError(f"PostgreSQL's {name} is not installed: apt-get install postgresql")
    return program


@contextmanager
def postgres() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database while the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most 107 bytes
    # The server refuses to run as root.
    user = {"user": _USER, "group": pwd.getpwnam(_USER).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, _USER, _USER)
    data = folder / "data"
    try:
        command = [_program("initdb"), "-D", str(data), "-U", "diembao", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(command, cwd="/", check=True, capture_output=True, timeout=60, **user)  # type: ignore[call-overload]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off", "max_connections": 60}
        command = [_program("postgres"), "-D", str(data), "-p", str(port)]
        command += [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **user)  # type: ignore[call-overload]
        try:
            _wait(port, server, folder / "log")
            yield f"postgresql://diembao@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # "fast": ends the connections that are left
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="diembao", dbname="postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
