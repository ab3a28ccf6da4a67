from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from diembao.errors import ConfigError
from diembao.settings import PROJECT
from tests.browser.press import office, press
from web.serving import address_of, listen, serve, served


def get(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.status, response.read()


def test_many_readers_at_once_get_whole_answers(tmp_path: Path) -> None:
    with press(tmp_path) as (app, _, _), served(app) as address, ThreadPoolExecutor(16) as readers:
        paths = ["/", "/search?q=s%E1%BA%A1t", "/articles/landslide", "/api/coverage", "/alerts"] * 16
        answers = list(readers.map(lambda path: get(address + path), paths))
    assert {status for status, _ in answers} == {200}
    # The token of a form is never the same twice.
    pages = [body for (_, body), path in zip(answers, paths, strict=True) if "landslide" in path]
    assert len({re.sub(rb'(name="token" value|data-token)="[^"]+"', b"", page) for page in pages}) == 1


def test_answers_leave_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    told = H11Protocol.connection_made

    def connection_made(self: H11Protocol, transport: Any) -> None:
        told(self, transport)
        kept.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(H11Protocol, "connection_made", connection_made)
    with press(tmp_path) as (app, _, _), served(app) as address:
        assert get(address + "/health")[0] == 200
    assert kept
    assert all(kept)


def test_the_server_ends_with_its_block(tmp_path: Path) -> None:
    with press(tmp_path) as (app, _, _), served(app) as address:
        assert get(address + "/health")[0] == 200
    with pytest.raises(OSError):
        get(address + "/health")


def test_a_taken_port_is_one_readable_error(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigError, match=r"office\.toml"):
        serve(office(tmp_path), port=taken.getsockname()[1])


def test_an_address_of_another_machine_is_one_readable_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot serve at 192"):
        serve(office(tmp_path), host="192.0.2.1", port=0)


def test_serve_tells_the_real_port_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    settings = office(tmp_path)
    script = textwrap.dedent("""
        from diembao.settings import read_settings
        from web.serving import serve
        serve(read_settings(), port=0, on_ready=lambda address: print(address, flush=True))
        print("ended", flush=True)
    """)
    environment = {**os.environ, "DIEMBAO_HOME": str(settings.home), "DIEMBAO_CONFIG": str(settings.config)}
    process = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert json.loads(get(address + "/health")[1])["status"] == "ok"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline().strip() == "ended"
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_all_addresses_of_the_machine_are_shown_as_one_that_opens() -> None:
    with listen("0.0.0.0", 0) as listening:
        assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
