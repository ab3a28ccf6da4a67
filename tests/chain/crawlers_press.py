"""A small press landscape on loopback for the crawler's tests: real HTTP servers, composed texts."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import tomli_w

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Answer:
    """What a path answers. `behaviour` takes over the connection instead."""

    body: bytes | str = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    behaviour: Callable[[BaseHTTPRequestHandler], None] | None = None


@dataclass
class Seen:
    """One request that arrived."""

    moment: float
    path: str
    headers: dict[str, str]


class Site:
    """One outlet: a server on its own port of 127.0.0.1. `routes` may be changed while it runs."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.routes: dict[str, Answer | Callable[[Seen], Answer]] = {}
        self.seen: list[Seen] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    site._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.domain = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.domain}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        seen = Seen(time.monotonic(), handler.path, {name.lower(): value for name, value in handler.headers.items()})
        self.seen.append(seen)
        route = self.routes.get(handler.path, Answer("<h1>404</h1>", 404))
        answer = route(seen) if callable(route) else route
        if answer.behaviour:
            answer.behaviour(handler)
            return
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        handler.send_response(answer.status)
        for name, value in {"Content-Type": answer.content_type, "Content-Length": str(len(body)), **answer.headers}.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def body_of(number: int, words: str = "mưa lớn") -> str:
    """Composed paragraphs, different for each number."""
    return "".join(
        f"<p>Sáng {day} tháng 11, {words} trên địa bàn xã số {number} làm ngập {number + day} ha lúa của người dân, "
        f"chính quyền địa phương đã huy động {number * 3 + day} người gia cố đê bao và hỗ trợ các hộ bị thiệt hại.</p>"
        for day in range(1, 5)
    )


def article_page(number: int, title: str = "", head: str = "", body: str = "") -> str:
    """A page of a composed newspaper."""
    title = title or f"Xã số {number} khắc phục hậu quả ngập lụt"
    return (
        f'<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>{title} - Báo Thử</title>'
        f'<meta property="og:title" content="{title}"><meta property="og:type" content="article">'
        f'<meta property="article:published_time" content="2026-11-20T07:{number % 60:02d}:00+07:00">{head}</head><body>'
        f'<nav><a href="/">Trang chủ</a></nav><article><h1>{title}</h1>'
        f'<p class="sapo">Bài thử số {number} do dự án tự soạn.</p><div class="noi-dung">{body or body_of(number)}</div>'
        "</article></body></html>"
    )


def rss(links: Iterable[str]) -> Answer:
    items = "".join(
        f"<item><title>Tin {index}</title><link>{link}</link><pubDate>Fri, 20 Nov 2026 0{9 - index % 9}:00:00 +0700</pubDate></item>"
        for index, link in enumerate(links)
    )
    return Answer(
        f'<?xml version="1.0"?><rss version="2.0"><channel><title>Thử</title>{items}</channel></rss>', content_type="application/rss+xml"
    )


@dataclass
class Office:
    """A home and a configuration for the crawler."""

    folder: Path
    private: bool = True

    def __post_init__(self) -> None:
        (self.config / "sources").mkdir(parents=True, exist_ok=True)
        (self.config / "office.toml").write_text(
            f'name = "Thử"\n[crawl]\ncontact = "thu@example.vn"\nallow_private_addresses = {str(self.private).lower()}\n'
        )
        self.home.mkdir(exist_ok=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DIEMBAO_HOME": str(self.home), "DIEMBAO_CONFIG": str(self.config), "PYTHONPATH": str(PROJECT)}

    def source(self, name: str, domain: str, **fields: Any) -> None:
        entry = {"name": name, "domain": domain, "delay": 0.0, "recrawl_hours": 0.0, **fields}
        (self.config / "sources" / f"{name}.toml").write_text(tomli_w.dumps(entry), encoding="utf-8")

    def command(self, run: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "crawlers", "--run", run, *arguments]

    def crawl(self, run: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(run, "--set", "DIEMBAO_BACK_OFF=0.1", *arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=self.folder,
        )

    def summary(self, run: str) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.home / "runs" / run / "summary.json").read_text())
        return summary
