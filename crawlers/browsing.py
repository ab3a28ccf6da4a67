"""A real browser (Chromium through Playwright), for pictures of stored pages. An extra: `pip install diembao[browser]`.

The browser itself never reaches a network.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from diembao.errors import ArchiveError, ConfigError

NO_NETWORK = ("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=http://127.0.0.1:9", "--disable-dev-shm-usage")
"""Arguments of a browser that finds no host, should anything get past the interception of its requests."""
BROWSER_VARIABLE = "DIEMBAO_CHROMIUM"
_WIDTH, _HEIGHT = 1280, 1600
_SECONDS = 30


def browser_program() -> str | None:
    """The Chromium to start: DIEMBAO_CHROMIUM, else the system's; None: Playwright's own."""
    return os.environ.get(BROWSER_VARIABLE) or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def launch_options() -> dict[str, Any]:
    """How Playwright starts the browser."""
    return {"executable_path": browser_program(), "args": [*NO_NETWORK, "--no-sandbox"] if os.geteuid() == 0 else list(NO_NETWORK)}


def photograph_of(user_agent: str) -> Callable[[bytes], bytes]:
    """A function that draws a stored page's HTML and returns the PNG, without scripts and without a network.

    Raises:
        ConfigError: when Playwright is not installed.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise ConfigError("pictures need the browser extra", "Install it: pip install playwright, and Chromium from your system") from error

    def drawn(page: bytes) -> bytes:
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(**launch_options())
                try:
                    context = browser.new_context(
                        java_script_enabled=False, offline=True, user_agent=user_agent, viewport={"width": _WIDTH, "height": _HEIGHT}
                    )
                    tab = context.new_page()
                    tab.set_default_timeout(_SECONDS * 1000)
                    tab.route("**/*", lambda route: route.abort())
                    tab.set_content(page.decode("utf-8", "replace"), wait_until="domcontentloaded")
                    return tab.screenshot(clip={"x": 0, "y": 0, "width": _WIDTH, "height": _HEIGHT})
                finally:
                    browser.close()
        except Error as error:
            raise ArchiveError(
                f"the page cannot be drawn: {str(error).splitlines()[0]}", f"Set {BROWSER_VARIABLE} to a Chromium"
            ) from error

    def photograph(page: bytes) -> bytes:
        """Raises ArchiveError when the browser fails."""
        # In a thread of its own: Playwright refuses one that runs an event loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(drawn, page).result()

    return photograph
