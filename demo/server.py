"""The servers of the demonstration: one per outlet on 127.0.0.1, each in its own threads."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo.landscape import STATE_FILE, Landscape
from demo.outlets import OUTLETS
from diembao.errors import DiembaoError


@dataclass(frozen=True)
class Request:
    """One request that was answered."""

    outlet: str
    path: str
    status: int
    user_agent: str


@dataclass
class Press:
    """The running servers: what they were asked, in the order of the answers."""

    landscape: Landscape
    requests: list[Request] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Six outlets on one machine: a crawler opens many connections at once.
    request_queue_size = 128

    def __init__(self, press: Press, outlet: str) -> None:
        self.press = press
        self.outlet = outlet
        super().__init__(("127.0.0.1", press.landscape.ports[outlet]), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle of an answer is no error; everything else is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        press, asked = self.server.press, self.headers
        answer = press.landscape.answer(self.server.outlet, self.path).for_request(
            asked.get("If-None-Match"), asked.get("If-Modified-Since"), asked.get("Accept-Encoding")
        )
        press.requests.append(Request(self.server.outlet, self.path, answer.status.value, asked.get("User-Agent") or ""))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        # No connection outlives its answer, so the servers stop at once.
        self.send_header("Connection", "close")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: the terminal belongs to the command that serves."""


@contextmanager
def serve(landscape: Landscape) -> Iterator[Press]:
    """Serve every outlet of `landscape` while the context lasts.

    Raises:
        DiembaoError: when a port is taken; says which, and what to do.
    """
    press = Press(landscape)
    with ExitStack() as stack:
        servers = []
        for outlet in OUTLETS:
            server = _bind(press, outlet)
            stack.callback(server.server_close)
            servers.append(server)
        for server in servers:
            # The default half second between two looks for the end would make every stop that slow.
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield press


def _bind(press: Press, outlet: str) -> _Server:
    try:
        return _Server(press, outlet)
    except OSError as error:
        port, state = press.landscape.ports[outlet], press.landscape.folder / STATE_FILE
        if error.errno != errno.EADDRINUSE:
            raise DiembaoError(
                f"{OUTLETS[outlet].name} cannot be served on port {port}: {error.strerror}", "Allow servers on 127.0.0.1"
            ) from error
        raise DiembaoError(
            f"port {port} of {OUTLETS[outlet].name} is taken by another program",
            f"End that program (perhaps another `diembao demo` is running), or delete {state.parent} to begin a new press day",
        ) from error
