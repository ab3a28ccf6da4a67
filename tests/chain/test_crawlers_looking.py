"""A look at an outlet that somebody named on the desk: no address inside the network, bounded time, told step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from crawlers.looking import look
from diembao.errors import DiembaoError
from diembao.settings import Settings, read_settings
from tests.chain.crawlers_press import Answer, Office, Site


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.routes["/robots.txt"] = Answer("", 404)
    yield site
    site.close()


def settings_of(office: Office) -> Settings:
    return read_settings({"DIEMBAO_HOME": str(office.home), "DIEMBAO_CONFIG": str(office.config)})


def test_an_address_inside_the_network_is_refused_before_anything_is_sent(tmp_path: Path, site: Site) -> None:
    asked: list[str] = []
    office = Office(tmp_path, private=False)
    seen = look(settings_of(office), ["--url", site.url], 20, asked.append)
    assert site.seen == []
    assert asked[0] == f"{site.url}/"
    assert any("private_address" in problem for problem in seen.problems)
    assert seen.samples == []


def test_a_server_that_never_ends_is_left_after_the_time(tmp_path: Path, site: Site) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.1)

    site.routes["/"] = Answer(behaviour=drip)
    begun = time.monotonic()
    seen = look(settings_of(Office(tmp_path)), ["--url", site.url], 2, lambda _: None)
    assert time.monotonic() - begun < 25
    assert any("stopped after 2 s" in problem for problem in seen.problems)


def test_what_went_wrong_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DiembaoError, match="unknown source"):
        look(settings_of(Office(tmp_path)), ["--source", "khong-co"], 5, lambda _: None)
