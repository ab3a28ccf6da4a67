"""What a page weighs on its first visit, and when a slow telephone shows it: every kind of page, in a real Chromium, nothing cached.

    python -m benchmarks.desk_weight [CORPUS.jsonl.gz] --home FOLDER [--articles 100000] [--visits 5]

The office is that of benchmarks.desk_load. Weight is what came over the wire (headers and compressed bodies of the page, its styles,
scripts and pictures) as Chromium counts it. The telephone: 360 by 740, processor four times slower than here, and two networks: "slow 4G"
as Lighthouse takes it (1.6 Mbit/s, 150 ms there and back) and as Chromium's own tools do (1.44 Mbit/s, 562 ms). First paint is the
browser's first-contentful-paint, which begins with the click.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.desk_load import PASSWORD, make_office, served
from tests.browser.conftest import ARGUMENTS, find_chromium

PROCESSOR = 4
NETWORKS = {
    "none": None,
    "Lighthouse": {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8},
    "DevTools": {"offline": False, "latency": 562.5, "downloadThroughput": 1.44e6 / 8, "uploadThroughput": 675e3 / 8},
}
PAINT = """() => {
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return paint ? paint.startTime : null;
}"""
PAGES = {
    "login": "/login",
    "overview": "/",
    "search": "/search?q=giao+thong",
    "search, everything": "/search",
    "map": "/map?q=giao+thong",
    "compare": "/compare?q=giao+thong&q2=m%C3%B4i+tr%C6%B0%E1%BB%9Dng",
    "article": "",
    "story": "",
    "stories": "/stories",
    "alerts": "/alerts",
    "rules": "/alerts/rules",
    "rule form": "/alerts/rules/new",
    "saved": "/saved",
    "saved form": "/saved/new?q=giao+thong",
    "briefing": "/briefing",
    "sources": "/sources",
    "source": "/sources/bao1",
    "feedback": "/feedback",
    "keys": "/keys",
    "account": "/account",
    "users": "/admin/users",
    "audit": "/admin/audit",
    "office": "/admin/office",
}


def log_in(browser: Browser, address: str) -> Any:
    """The session of an administrator."""
    page = browser.new_page()
    page.goto(f"{address}/login")
    page.fill("input[name=name]", "staff0")
    page.fill("input[name=password]", PASSWORD)
    page.click("main form button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)
    session = page.context.storage_state()
    for name, query in (("article", "/search?q=giao+thong"), ("story", "/stories")):
        page.goto(address + query)
        pattern = "/articles/" if name == "article" else "/stories/"
        if link := page.query_selector(f"main a[href^='{pattern}']"):
            PAGES[name] = str(link.get_attribute("href"))
    page.close()
    return session


def visit(context: BrowserContext, url: str, network: dict[str, Any] | None) -> tuple[int, float, float | None, list[tuple[int, str]]]:
    """(status, kilobytes, first paint in ms, the heaviest parts) of a first visit."""
    page = context.new_page()
    tools = context.new_cdp_session(page)
    sizes: dict[str, int] = {}
    names: dict[str, str] = {}
    tools.on("Network.responseReceived", lambda event: names.__setitem__(event["requestId"], event["response"]["url"]))
    tools.on("Network.loadingFinished", lambda event: sizes.__setitem__(event["requestId"], int(event["encodedDataLength"])))
    tools.send("Network.enable")
    tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    if network is not None:
        tools.send("Network.emulateNetworkConditions", network)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR})
    answer = page.goto(url, wait_until="networkidle")
    paint = page.evaluate(PAINT)
    page.close()
    parts = sorted(((size, names.get(key, "?").rpartition("/")[2]) for key, size in sizes.items()), reverse=True)
    return answer.status if answer else 0, sum(sizes.values()) / 1000, paint, parts[:2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--visits", type=int, default=5)
    options = parser.parse_args()
    settings = make_office(options.home.resolve(), options.articles, options.corpus, 50)
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with served(settings) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        session = log_in(browser, address)
        machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{machine}; {options.articles} articles; {options.visits} visits")
        print(f"{'page':<20}{'kB':>7}  first paint in ms: {'not slowed':>12}{'Lighthouse':>20}{'DevTools':>20}   heaviest parts (bytes)")
        for name, path in PAGES.items():
            if not path:
                print(f"{name:<20} none found")
                continue
            columns, weight, status = [], 0.0, 0
            parts: list[tuple[int, str]] = []
            for network in NETWORKS.values():
                paints = []
                for _ in range(options.visits):
                    context = browser.new_context(
                        viewport={"width": 360, "height": 740},
                        storage_state=None if name == "login" else session,
                        reduced_motion="reduce",
                    )
                    status, size, paint, parts = visit(context, address + path, network)
                    weight = max(weight, size)
                    paints.append(paint if paint is not None else float("inf"))
                    context.close()
                columns.append(f"{statistics.median(paints):.0f} ({max(paints):.0f})")
            heaviest = ", ".join(f"{part[:32] or '(page)'} {size}" for size, part in parts)
            told = "" if status == 200 else f" HTTP {status}"
            print(f"{name:<20}{weight:>7.1f}{'':>21}{columns[0]:>12}{columns[1]:>20}{columns[2]:>20}   {heaviest}{told}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
