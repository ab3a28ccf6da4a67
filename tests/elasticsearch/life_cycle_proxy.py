"""A real node with ILM and SLM played before it, which no published jar has.

Everything goes to the node, except `_ilm` and `_slm`: these are answered from what was put, in the form of Elastic's reference. What a
node without ILM refuses (`index.lifecycle` in settings and templates) is written down and taken out.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LifeCycleProxy:
    """Listens on a port of its own until `close`.

    Attributes:
        policies: what was put, by path ("/_ilm/policy/NAME").
        lifecycle: the `index.lifecycle` settings that came, by path.
        status: what `_ilm/status` and `_slm/status` say; a number is an HTTP error.
    """

    def __init__(self, node: str) -> None:
        self.policies: dict[str, Any] = {}
        self.lifecycle: dict[str, Any] = {}
        self.status: dict[str, str | int] = {"_ilm": "RUNNING", "_slm": "RUNNING"}
        self.rollovers = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = proxy.answer(
                    node, self.command, self.path, body, {name.lower(): value for name, value in self.headers.items()}
                )
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
                self.send_header("X-Elastic-Product", "Elasticsearch")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, node: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        kind, _, rest = path.partition("?")[0].strip("/").partition("/")
        if kind in self.status:
            return self._played(kind, rest, method, body)
        self.rollovers += "_rollover" in path
        if method == "PUT" and body and (rest.endswith("_settings") or kind == "_index_template" or kind[0] != "_"):
            body = self._without_lifecycle(path, json.loads(body))
            if body == b"{}" and rest.endswith("_settings"):
                return 200, b'{"acknowledged":true}'
        request = urllib.request.Request(f"{node}{path}", data=body or None, method=method)
        for name in ("content-type", "accept"):
            if name in headers:
                request.add_header(name, headers[name])
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _played(self, kind: str, rest: str, method: str, body: bytes) -> tuple[int, bytes]:
        state = self.status[kind]
        if isinstance(state, int):
            error = {"type": "security_exception", "reason": f"action [cluster:admin/{kind[1:]}] is unauthorized"}
            return state, json.dumps({"error": {**error, "root_cause": [error]}, "status": state}).encode()
        if rest == "status":
            return 200, json.dumps({"operation_mode": state}).encode()
        path = f"/{kind}/{rest}"
        if method == "PUT":
            self.policies[path] = json.loads(body)
            return 200, b'{"acknowledged":true}'
        name = rest.rpartition("/")[2]
        if path in self.policies:
            return 200, json.dumps({name: {"version": 1, "modified_date_millis": 1, "policy": self.policies[path]}}).encode()
        return 404, json.dumps({"error": {"type": "resource_not_found_exception", "reason": "no such policy"}, "status": 404}).encode()

    def _without_lifecycle(self, path: str, record: dict[str, Any]) -> bytes:
        for settings in (record, record.get("settings", {}), record.get("template", {}).get("settings", {})):
            for name in [name for name in settings if name.startswith("index.lifecycle")]:
                self.lifecycle.setdefault(path.partition("?")[0], {})[name] = settings.pop(name)
        return json.dumps(record).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
