"""Sources in a real Chromium: from the login to pausing one and adding one from a site on loopback, which the next crawl obeys."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.health.kept import judge_all, note
from crawlers.registry import read_each
from crawlers.runs import read_run
from diembao.settings import PROJECT
from diembao.source_round import SourceRound
from tests.browser.axe import serious_findings
from tests.browser.conftest import Troubles
from tests.browser.press import NOW
from tests.browser.test_web_desk import CONTRAST
from tests.chain.crawlers_press import Answer, Site, article_page, rss
from tests.unit.accounts_desk import PASSWORD, Office, office_with_users
from web.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ENTRY = """
name = "{name}"
domain = "{domain}"
homepage = "http://{domain}/"
province = "Đồng Tháp"
feeds = ["http://{domain}/rss"]
delay = 0.0
"""
OFFICE = 'name = "Văn phòng"\n[crawl]\ncontact = "thu@example.vn"\nallow_private_addresses = true\n'
PAGES = {"sources": "/sources", "sources-off": "/sources?state=off", "source": "/sources/songhau", "source-broken": "/sources/chan"}


@pytest.fixture(scope="module")
def sites() -> Iterator[tuple[Site, Site]]:
    """An outlet that is in the registry, and one that is not yet."""
    known, new = Site(), Site()
    for site in (known, new):
        site.routes["/robots.txt"] = Answer("", 404)
        site.routes["/rss"] = rss(f"{site.url}/de-bao-song-tien-doan-{n}-a{100 + n}.html" for n in range(6))
        links = "".join(f"<a href='/de-bao-song-tien-doan-{n}-a{100 + n}.html'>Đê bao {n}</a>" for n in range(6))
        head = '<link rel="alternate" type="application/rss+xml" href="/rss"><meta property="og:site_name" content="Báo Sông Hậu">'
        site.routes["/"] = Answer(f"<html><head>{head}</head><body>{links}</body></html>")
        for n in range(6):
            page = article_page(n, title=f"Đồng Tháp gia cố đê bao sông Tiền đoạn {n}")
            site.routes[f"/de-bao-song-tien-doan-{n}-a{100 + n}.html"] = Answer(page)
    yield known, new
    known.close()
    new.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, sites: tuple[Site, Site]) -> Iterator[tuple[Office, str]]:
    with office_with_users(tmp_path_factory.mktemp("sources")) as office, served(office.app) as address:
        office.file.write_text(OFFICE, encoding="utf-8")
        folder = office.app.state.desk.settings.sources_folder
        (folder / "songhau.toml").write_text(ENTRY.format(name="Báo Sông Tiền", domain=sites[0].domain), encoding="utf-8")
        (folder / "chan.toml").write_text(ENTRY.format(name="Báo Biên Giới", domain="chan.example"), encoding="utf-8")
        (folder / "moi.toml").write_text(ENTRY.format(name="Báo Vừa Bật", domain="moi.example"), encoding="utf-8")
        _history(office)
        yield office, address


def _history(office: Office) -> None:
    """Twelve days: one source is well, but for a day on which nobody asked; the other refuses since yesterday evening."""
    begin = NOW - timedelta(hours=12 * 24)
    with office.state.session() as session:
        for hour in range(12 * 24 + 1):
            at = begin + timedelta(hours=hour)
            if 100 < hour < 130:
                continue
            count = 3 + hour % 4 if 0 < (at.hour + 7) % 24 < 22 and (at.hour + 7) % 24 > 6 else 0
            new = [at] * count
            seen = SourceRound("songhau", f"r{hour:03}", at, polls=6, unchanged=5, pages=count, articles=count, new=new)
            seen.fates = {"extracted": count, "unchanged": 2} if count else {}
            note(session, [seen])
            if hour < 270:
                note(session, [replace(seen, source="chan")])
            else:
                problem = "the feed answers HTTP 403 (http://chan.example/rss)"
                note(session, [SourceRound("chan", f"r{hour:03}", at, polls=3, refused=3, problem=problem)])
    known, _ = read_each(office.app.state.desk.settings.sources_folder)
    judge_all(office.state, [source for source in known.values() if source.enabled], NOW)


@pytest.fixture
def open_desk(browser: Browser, desk: tuple[Office, str], troubles: Troubles) -> Iterator[Callable[..., Page]]:
    """Opens a path as the user of a role; "" comes without a login."""
    office, address = desk
    contexts = []

    def open_(path: str, role: str = "", width: int = 1280, *, dark: bool = False, javascript: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            base_url=address,
            locale="vi-VN",
        )
        contexts.append(context)
        context.set_default_timeout(30_000)
        if role:
            context.add_cookies([{"name": "diembao-session", "value": office.of(role).session_id, "url": address}])
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("console", lambda message: troubles.append(f"console: {message.text}") if message.type in ("error", "warning") else None)
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (768, False), (360, False), (360, True)])
def test_pages_fit_are_readable_and_have_no_serious_finding(
    open_desk: Callable[..., Page], keep_screenshot: Callable[[Page, str], None], width: int, *, dark: bool
) -> None:
    for name, path in PAGES.items():
        page = open_desk(path, "editor", width, dark=dark)
        keep_screenshot(page, f"{name}-{width}{'-dark' if dark else ''}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        assert page.evaluate(CONTRAST) == [], name
        assert serious_findings(page) == [], name
    english = open_desk("/sources?lang=en", "reader", width, dark=dark)
    expect(english.get_by_role("heading", level=1)).to_have_text("Sources")
    expect(english.get_by_text("Refuses us since")).to_be_visible()


def test_a_bar_for_each_day_and_gaps_shaded(open_desk: Callable[..., Page]) -> None:
    row = open_desk("/sources", "reader").locator("tr#songhau")
    expect(row.locator("svg rect.bar")).to_have_count(12)
    expect(row.locator("svg rect.gap")).to_have_count(1)
    expect(row.locator("svg")).to_have_attribute("aria-label", re.compile(r"^14 ngày: [\d.]+ bài, 1 ngày không đọc được$"))


def test_from_the_login_to_a_paused_source_and_a_new_one_that_the_crawl_obeys(
    open_desk: Callable[..., Page], desk: tuple[Office, str], sites: tuple[Site, Site], keep_screenshot: Callable[[Page, str], None]
) -> None:
    office, _ = desk
    known, new = sites
    settings = office.app.state.desk.settings
    page = open_desk("/sources")
    page.fill("input[name=name]", "editor")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.goto("/sources")
    page.get_by_role("link", name="Báo Sông Tiền").click()
    page.get_by_label("Lý do").fill("tòa soạn bảo trì")
    page.get_by_role("button", name="Tạm dừng").click()
    expect(page.get_by_text("editor tạm dừng nguồn lúc")).to_contain_text("Lý do: tòa soạn bảo trì")
    page.get_by_role("link", name="Nguồn tin").first.click()
    expect(page.locator("tr#songhau")).to_contain_text("Tạm dừng")

    page.get_by_label("Địa chỉ trang chủ").fill(f"{new.url}/muc/xa-hoi.html")
    page.get_by_label("Tỉnh, thành").last.select_option("Đồng Tháp")
    page.get_by_role("button", name="Xem thử").click()
    expect(page.locator("#check")).to_have_attribute("data-state", "done", timeout=60_000)  # the page brings itself up to date
    expect(page.get_by_role("heading", name="Dùng được")).to_be_visible()
    expect(page.get_by_text("Đồng Tháp gia cố đê bao sông Tiền đoạn 1")).to_be_visible()
    keep_screenshot(page, "source-check-1280")
    assert serious_findings(page) == []
    assert not (settings.sources_folder / "bao-moi.toml").exists(), "nothing is written before staff agree"
    page.get_by_label("Mã nguồn").fill("bao-moi")
    page.get_by_role("button", name="Ghi và bật").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Báo Sông Hậu")

    asked = len(known.seen)
    others = ["--source", "bao-moi"]
    for path in settings.sources_folder.glob("*.toml"):
        if path.stem in ("chan", "moi"):
            path.unlink()  # addresses that no network knows
    command = [sys.executable, "-m", "crawlers", "--run", "r1", "--set", "DIEMBAO_BACK_OFF=0.1"]
    done = subprocess.run(command, env={**settings.environment, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {article.source for article in read_run(settings.runs_folder / "r1").articles()} == {others[1]}
    assert len(known.seen) == asked, "the paused outlet is asked for nothing"
    assert [(entry.action, entry.subject) for entry in office.log("source")] == [("source.pause", "songhau"), ("source.add", "bao-moi")]


def test_without_a_script_a_check_is_begun_and_read_by_links(open_desk: Callable[..., Page], desk: tuple[Office, str]) -> None:
    page = open_desk("/sources/songhau", "editor", javascript=False)
    page.get_by_role("button", name="Kiểm tra ngay").click()
    for _ in range(60):
        if page.locator("#check").get_attribute("data-state") != "running":
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Xem tiến độ").click()
    expect(page.get_by_role("heading", name="Dùng được")).to_be_visible()
