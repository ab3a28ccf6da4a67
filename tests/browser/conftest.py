"""A real Chromium, a real server on a free loopback port, the real embedded engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.press import press
from web.serving import served

SCREENSHOTS = Path(__file__).parent.parent / "output" / "screenshots"
ARGUMENTS = [
    "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
    "--disable-dev-shm-usage", "--lang=vi",
]  # fmt: skip

# What is waited for comes at once on a machine that is free; on a busy one nothing is wrong after five seconds yet.
expect.set_options(timeout=20_000)

OpenPage = Callable[..., Page]


def find_chromium() -> str | None:
    """The browser of DIEMBAO_CHROMIUM, else the one on the path."""
    return (
        os.environ.get("DIEMBAO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )


NO_CHROMIUM = "no Chromium on the path (or in DIEMBAO_CHROMIUM): the browser tests cannot run; Debian: apt-get install chromium"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a Chromium one browser test says so in one line for all, except where everything is required (CI=true)."""
    if find_chromium() is not None or os.environ.get("CI") == "true":
        return
    browser_items = [item for item in items if item.get_closest_marker("browser")]
    for item in browser_items[:1]:
        item.add_marker(pytest.mark.skip(reason=NO_CHROMIUM))
    config.hook.pytest_deselected(items=browser_items[1:])
    items[:] = [item for item in items if item not in browser_items[1:]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for the tests of one file: while it is there an event loop runs, in which other tests' libraries behave differently."""
    path = find_chromium()
    if path is None:
        pytest.fail(NO_CHROMIUM)
    # Chromium's sandbox does not work for root.
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the served page over the composed press."""
    with press(tmp_path_factory.mktemp("press")) as (app, _, _), served(app) as address:
        yield address


class Troubles(list[str]):
    """What a page must not do: script errors, messages of the console, requests to other hosts, dialogs."""


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    """Troubles of all pages of a test; a test that expects some takes them out."""
    troubles = Troubles()
    yield troubles
    assert troubles == []


@pytest.fixture
def open_page(browser: Browser, address: str, troubles: Troubles) -> Iterator[OpenPage]:
    """Opens a path in a context of its own: `open_page("/search", width=360, dark=True, javascript=False)`."""
    contexts: list[BrowserContext] = []

    def open_(path: str, width: int = 1280, height: int = 900, *, dark: bool = False, javascript: bool = True, **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            base_url=address,
            locale="vi-VN",
            timezone_id="America/New_York",  # the pages show Vietnam's clock wherever they are read
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("console", lambda message: troubles.append(f"console: {message.text}") if message.type in ("error", "warning") else None)
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: None if request.url.startswith(address) else troubles.append(f"foreign request: {request.url}"))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def keep_screenshot() -> Callable[[Page, str], None]:
    """Keeps a picture of the whole page under tests/output/screenshots/."""

    def keep(page: Page, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        assert path.stat().st_size > 5_000

    return keep
