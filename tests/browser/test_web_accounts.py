"""Accounts in a real Chromium: from the login to a correction, and what the pages look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from diembao.audit import record
from tests.browser.axe import serious_findings
from tests.browser.conftest import Troubles
from tests.browser.press import LANDSLIDE_ID, NOW
from tests.browser.test_web_desk import CONTRAST
from tests.browser.test_web_desk import PAGES as DESK_PAGES
from tests.unit.accounts_desk import PASSWORD, Office, office_with_users
from web.accounts.keys import add_key
from web.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

OpenDesk = Callable[..., Page]
OFFICE = """
name = "Văn phòng UBND tỉnh"
province = "Đồng Tháp"
[[departments]]
name = "Sở Nông nghiệp và Môi trường"
fields = ["environment"]
topics = ["agriculture"]
[[people]]
address = "truc-ban@example.vn"
quiet = "22:00-06:00"
"""
PAGES = {
    "login": "/login",
    "account": "/account",
    "admin-users": "/admin/users",
    "admin-keys": "/admin/keys",
    "admin-audit": "/admin/audit",
    "admin-office": "/admin/office",
    "admin-departments": "/admin/departments",
    "admin-people": "/admin/people",
    "no-role": "/admin/nothing",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, str]]:
    with office_with_users(tmp_path_factory.mktemp("accounts")) as office, served(office.app) as address:
        for number, name in enumerate(("Trung tâm điều hành (IOC)", "Bảng hiển thị sảnh")):
            add_key(office.state, name, ["search", "alerts"], timedelta(days=30 + number), NOW, "admin")
        office.file.write_text(OFFICE, encoding="utf-8")
        with office.state.session() as session:
            record(session, NOW, "editor", "rule.save", "moi-truong-tieu-cuc", {"threshold": 3}, {"threshold": 4})
            record(session, NOW, "command:root", "user.role", "minh.tam", "reader", "editor")
        yield office, address


@pytest.fixture
def open_desk(browser: Browser, desk: tuple[Office, str], troubles: Troubles) -> Iterator[OpenDesk]:
    """Opens a path in a browser of its own, logged in by the form as `role`."""
    contexts: list[BrowserContext] = []
    _, address = desk

    def open_(path: str, role: str = "", width: int = 1280, height: int = 900, *, javascript: bool = True, **options: object) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            base_url=address,
            locale="vi-VN",
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("console", lambda message: troubles.append(f"console: {message.text}") if message.type in ("error", "warning") else None)
        page.on("request", lambda request: None if request.url.startswith(address) else troubles.append(f"foreign request: {request.url}"))
        page.goto(path)
        if role:
            if not page.url.split("?")[0].endswith("/login"):
                page.goto("/login")
            log_in(page, role)
        return page

    yield open_
    for context in contexts:
        context.close()


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.locator("#name").fill(name)
    page.locator("#password").fill(password)
    page.get_by_role("button", name=re.compile("Đăng nhập|Log in")).click()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_from_login_to_a_correction_and_out_again(
    desk: tuple[Office, str], open_desk: OpenDesk, troubles: Troubles, javascript: bool
) -> None:
    office, _ = desk
    page = open_desk(f"/articles/{LANDSLIDE_ID}", javascript=javascript)
    expect(page.locator("h1")).to_have_text("Đăng nhập")
    expect(page.locator("nav#pages")).to_have_count(0)
    log_in(page, "editor", "sai mật khẩu rồi")
    expect(page.locator("#login-problem")).to_have_text("Tên đăng nhập hoặc mật khẩu không đúng.")
    log_in(page, "editor")
    expect(page).to_have_url(re.compile(f"/articles/{LANDSLIDE_ID}$"))
    expect(page.locator(".account-bar")).to_contain_text("editor")
    expect(page.locator("nav#pages")).not_to_contain_text("Quản trị")
    page.locator("#corrections summary").click()
    expect(page.locator("form.correct input[name=by]")).to_have_count(0)
    wanted = "neutral" if javascript else "positive"
    page.locator("form.correct select[name=sentiment]").select_option(wanted)
    page.get_by_role("button", name="Lưu sửa đổi").click()
    expect(page.locator("#corrections li").first).to_contain_text("editor")
    entry = office.log("correction.give")[-1]
    assert (entry.who, entry.subject, entry.after) == ("editor", LANDSLIDE_ID, {"sentiment": wanted})
    page.get_by_role("button", name="Đăng xuất").click()
    expect(page.locator("h1")).to_have_text("Đăng nhập")
    # The next person at this computer gets nothing back.
    page.go_back()
    expect(page.locator("h1")).to_have_text("Đăng nhập")
    troubles[:] = [trouble for trouble in troubles if "401" not in trouble]  # Chromium itself writes that the login failed


def test_an_admin_adds_somebody_who_then_works(open_desk: OpenDesk) -> None:
    admin = open_desk("/admin/users", "admin")
    admin.locator("#name").fill("hoa.le")
    admin.locator("#role").select_option("reader")
    admin.get_by_role("button", name="Thêm", exact=True).click()
    first = admin.locator(".once code").inner_text()
    page = open_desk("/login")
    log_in(page, "hoa.le", first)
    expect(page).to_have_url(re.compile("/account$"))
    page.locator("#old").fill(first)
    page.locator("#new").fill("bốn chữ của riêng Hoa")
    page.locator("#again").fill("bốn chữ của riêng Hoa")
    page.get_by_role("button", name="Đổi mật khẩu").click()
    expect(page.locator("[role=status]")).to_contain_text("Đã đổi mật khẩu")
    page.goto(f"/articles/{LANDSLIDE_ID}")
    expect(page.locator("form.correct")).to_have_count(0)
    # Shut out while working: the next click leads to the login.
    row = admin.locator(".rows li", has_text="hoa.le")
    row.locator("summary").click()
    row.get_by_role("button", name="Khóa", exact=True).click()
    expect(admin.locator(".rows li", has_text="hoa.le")).to_contain_text("đã khóa")
    page.locator("nav#pages a", has_text="Cảnh báo").click()
    expect(page.locator("h1")).to_have_text("Đăng nhập")


def test_a_key_is_made_and_revoked(open_desk: OpenDesk) -> None:
    page = open_desk("/admin/keys", "admin")
    page.locator("#name").fill("Thử nghiệm")
    page.get_by_role("button", name="Tạo khóa").click()
    text = page.locator(".once code").inner_text()
    headers = {"Authorization": f"Bearer {text}"}
    assert page.request.get("/api/search", headers=headers).status == 200
    row = page.locator(".rows li", has_text="Thử nghiệm")
    row.locator("summary").click()
    row.get_by_role("button").click()
    expect(page.locator(".rows li", has_text="Thử nghiệm")).to_contain_text("đã thu hồi")
    assert page.request.get("/api/search", headers=headers).status == 401


def test_results_as_one_types_end_at_the_login_when_the_session_ends(desk: tuple[Office, str], open_desk: OpenDesk) -> None:
    page = open_desk("/search", "reader")
    page.context.clear_cookies()
    page.locator("#q").press_sequentially("sạt lở")
    expect(page.locator("h1")).to_have_text("Đăng nhập")


@pytest.mark.parametrize("form", ["desktop", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_the_pages_can_be_used_by_everybody_and_their_pictures_are_kept(
    open_desk: OpenDesk, keep_screenshot: Callable[[Page, str], None], troubles: Troubles, name: str, form: str
) -> None:
    size = {"width": 360, "height": 740, "device_scale_factor": 2} if form == "phone" else {}
    page = open_desk(PAGES[name], "" if name == "login" else "admin", **size)
    for summary in page.locator("main details > summary").all()[:2]:
        summary.click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert page.evaluate(CONTRAST) == []
        assert serious_findings(page) == []
        keep_screenshot(page, f"{name}-{form}-{scheme}")
    for width in (320, 360, 768):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    troubles[:] = [trouble for trouble in troubles if "404" not in trouble]


@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_of_the_desk_has_a_serious_finding(open_desk: OpenDesk, width: int) -> None:
    page = open_desk("/", "admin", width=width)
    for path in (*DESK_PAGES.values(), "/briefing", "/alerts/rules"):
        page.goto(path)
        for summary in page.locator("main details > summary").all()[:3]:
            if summary.is_visible():
                summary.click()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert serious_findings(page) == [], path


def test_axe_finds_what_is_wrong(open_desk: OpenDesk) -> None:
    page = open_desk("/login")
    page.evaluate("document.querySelector('label[for=password]').remove()")
    assert [finding.split(":")[0] for finding in serious_findings(page)] == ["label"]


def test_an_admin_adds_a_department_and_another_one_changes_it(open_desk: OpenDesk, desk: tuple[Office, str]) -> None:
    page = open_desk("/admin/departments", "admin")
    form = page.locator("form").last
    form.get_by_label("Tên", exact=True).fill("Sở Y tế")
    form.get_by_label("Y tế", exact=True).check()
    form.get_by_role("button", name="Thêm đơn vị").click()
    expect(page.get_by_role("status")).to_have_text("Đã lưu.")
    row = page.locator(".rows > li", has_text="Sở Y tế")
    expect(row).to_contain_text("Chủ đề: Y tế")
    page.keyboard.press("Escape")
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    row.get_by_label("Tên", exact=True).fill("Sở Y tế tỉnh")
    page.keyboard.press("Enter")
    expect(page.locator(".rows")).to_contain_text("Sở Y tế tỉnh")
    page.locator(".rows > li", has_text="Sở Y tế tỉnh").locator("summary").click()
    page.locator(".rows > li", has_text="Sở Y tế tỉnh").get_by_role("button", name="Bỏ").click()
    expect(page.locator(".rows")).not_to_contain_text("Sở Y tế")
    assert [entry.action for entry in desk[0].log("office")] == ["office.add", "office.change", "office.remove"]
