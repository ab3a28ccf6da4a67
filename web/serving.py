"""Serving the page: blocking for `diembao serve`, in a thread for the demo and the tests."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from diembao.clock import Clock, utc_now
from diembao.engine import SearchEngine
from diembao.errors import ConfigError, DiembaoError
from diembao.settings import Settings
from diembao.state import State
from web.accounts.users import has_users
from web.app import create_app

_log = logging.getLogger(__name__)
_START_SECONDS = 15


def serve(
    settings: Settings,
    *,
    engine: SearchEngine | None = None,
    state: State | None = None,
    clock: Clock = utc_now,
    host: str | None = None,
    port: int | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the page until Ctrl-C or a signal to end.

    Args:
        settings: the office's; `[web]` of office.toml says where to serve.
        engine: the engine to ask; None opens the one of the settings, and closes it afterwards.
        state: the database to read; None opens the one of the settings, and closes it afterwards.
        clock: the present moment.
        host: address to listen at instead of the settings'.
        port: port to listen at instead of the settings'; 0 takes a free one.
        on_ready: called with the address ("http://127.0.0.1:8000") when requests are answered.

    Raises:
        ConfigError: when the port is taken, the address is not this machine's, or others could come in while there are no users.
        EngineError, StateError: when engine or database cannot be opened.
    """
    office = settings.office.web
    listening = listen(office.host if host is None else host, office.port if port is None else port)
    opened: list[SearchEngine | State] = []
    try:
        if engine is None:
            from index import open_engine

            engine = open_engine(settings)
            opened.append(engine)
            engine.prepare()
        if state is None:
            state = State(settings.database)
            opened.append(state)
        _refuse_strangers(state, listening, settings.office.base_url)
        server = _Server(create_app(settings, engine, state, clock), lambda: on_ready and on_ready(address_of(listening)))
        # Ctrl-C is how this ends, not a failure.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    finally:
        listening.close()
        for one in reversed(opened):
            one.close()


@contextmanager
def served(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve `app` in a thread while the block runs; gives its address.

    Raises:
        ConfigError: when the port is taken.
        DiembaoError: when the server does not start.
    """
    listening = listen(host, port)
    is_ready = threading.Event()
    server = _Server(app, is_ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True)
    thread.start()
    try:
        if not is_ready.wait(_START_SECONDS):
            raise DiembaoError("the web server did not start", "See its messages above")
        yield address_of(listening)
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
        listening.close()


class _Server(uvicorn.Server):
    """Uvicorn that says when it answers."""

    def __init__(self, app: FastAPI, ready: Callable[[], object]) -> None:
        # Forwarded headers are not trusted, open connections do not hold up the end, and messages go to our own log.
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=3,
                timeout_keep_alive=75,  # a person reads for longer than uvicorn's 5 s; a request must not meet a connection that is closing
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the real port is known before the server runs.

    Raises:
        ConfigError: when the port is taken, needs rights, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only on sockets that say that they are TCP; without it every answer waits 40 ms for an ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(256)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot serve at {host}:{port}: {error.strerror or error}",
            "Name another host or port in [web] of office.toml, or end what uses it",
        ) from error
    return listening


def _refuse_strangers(state: State, listening: socket.socket, base_url: str) -> None:
    """While there are no users nobody has to log in, so only this machine may come in."""
    if has_users(state):
        return
    host = listening.getsockname()[0]
    if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        raise ConfigError(
            f"without users the desk is not served at {host}: everybody who reaches it could read and change everything",
            "Add an admin first (diembao users add NAME --role admin), or serve at 127.0.0.1",
        )
    name = urlsplit(base_url).hostname or ""
    if name not in ("localhost", "127.0.0.1", "::1"):
        _log.warning(
            "There are no users, so nobody has to log in, but base_url of office.toml is %s: if a proxy leads there, everybody who "
            "reaches it can read and change everything. Add an admin: diembao users add NAME --role admin",
            base_url,
        )


def address_of(listening: socket.socket) -> str:
    """The address that a browser on this machine reaches the socket at."""
    host, port = listening.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
    return f"http://{name}:{port}"
