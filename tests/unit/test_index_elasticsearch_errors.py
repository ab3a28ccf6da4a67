"""What the engine says when the server is missing, is another one, or refuses: played by a server in the test."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from diembao.engine import SearchRequest
from diembao.errors import ConfigError, EngineError
from index.elasticsearch_engine import ElasticsearchEngine

Play = Callable[[int, object, bool], str]


@pytest.fixture
def play() -> Iterator[Play]:
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: object, is_elasticsearch: bool = True) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                if is_elasticsearch:
                    self.send_header("X-Elastic-Product", "Elasticsearch")
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PUT = do_GET  # noqa: N815 - the names that the base class calls

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://user:secret-word@127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refusal(address: str) -> EngineError:
    engine = ElasticsearchEngine(address)
    try:
        with pytest.raises(EngineError) as caught:
            engine.search(SearchRequest("lũ"))
        assert engine.status().problem
    finally:
        engine.close()
    assert "secret-word" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def test_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert "cannot be reached" in str(refusal(f"http://127.0.0.1:{port}"))


def test_wrong_password(play: Play) -> None:
    error = refusal(play(401, {"error": {"type": "security_exception", "reason": "unable to authenticate"}, "status": 401}, True))
    assert "user or the password" in str(error)


def test_a_password_may_be_vietnamese() -> None:
    engine = ElasticsearchEngine("http://elastic:m%E1%BA%ADt%20kh%E1%BA%A9u:1@127.0.0.1:9")
    kept = str(engine.client._headers["authorization"])
    assert base64.b64decode(kept.removeprefix("Basic ")).decode() == "elastic:mật khẩu:1"
    engine.close()


def test_not_allowed(play: Play) -> None:
    error = refusal(play(403, {"error": {"type": "security_exception", "reason": "action is unauthorized"}, "status": 403}, True))
    assert "does not allow" in str(error)


def test_another_version(play: Play) -> None:
    address = play(200, {"version": {"number": "8.15.0"}}, True)
    engine = ElasticsearchEngine(address)
    with pytest.raises(EngineError, match=r"version 8\.15\.0; Điểm Báo needs version 9"):
        engine.prepare()
    engine.close()


def test_another_product(play: Play) -> None:
    assert "not Elasticsearch" in str(refusal(play(200, {"version": {"number": "2.0"}}, False)))


def test_too_busy(play: Play) -> None:
    error = refusal(play(429, {"error": {"type": "circuit_breaking_exception", "reason": "data too large"}, "status": 429}, True))
    assert "too much to do" in str(error)


@pytest.mark.parametrize("address", ["http://", "http://host:port", "http://h:9200/Big", "http://h:9200/a/b", "https://h:9200?ca=/no/such"])
def test_an_address_that_cannot_be_used(address: str) -> None:
    with pytest.raises(ConfigError):
        ElasticsearchEngine(address)
