"""What is done with a search, in a real Chromium: offers, map, comparison, files, and from the login to a mail that arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from diembao.article import Article
from flows.saved_digest import mail_saved_searches
from tests.browser.axe import serious_findings
from tests.browser.conftest import OpenPage, Troubles
from tests.browser.press import LANDSLIDE, NOW
from tests.mail.test_alerts_outbox import Catcher, serving
from tests.unit.accounts_desk import PASSWORD, Office, office_with_users
from web.serving import served

pytestmark = pytest.mark.browser

DONG_THAP = quote("Đồng Tháp")
PAGES = {
    "map": f"/map?place={DONG_THAP}",
    "map-negative": "/map?by=negative",
    "compare": "/compare?a.q=s%C3%B4ng&a.from=2026-11-11&a.to=2026-11-20&b.q=s%C3%B4ng&b.from=2026-11-01&b.to=2026-11-10",
    "export": "/export?q=s%C3%B4ng",
    "saved": "/saved",
    "saved-form": "/saved/new?q=s%E1%BA%A1t+l%E1%BB%9F&topic=environment&alert=1",
    "search-help": "/search",
}


def overflow(page: Page) -> int:
    """Pixels that stand out to the right of the window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


@pytest.mark.parametrize(("width", "dark", "language"), [(360, True, "vi"), (768, False, "en"), (1280, False, "vi")])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_serious_finding_and_fits(
    open_page: OpenPage, keep_screenshot: Callable[[Page, str], None], name: str, width: int, dark: bool, language: str
) -> None:
    path = PAGES[name]
    page = open_page(f"{path}{'&' if '?' in path else '?'}lang={language}", width=width, dark=dark)
    if name == "search-help":
        page.locator(".help > summary").click()
    assert serious_findings(page) == []
    assert overflow(page) == 0
    keep_screenshot(page, f"{name}-{width}{'-dark' if dark else ''}")


def test_a_province_is_reached_by_keyboard_and_leads_to_its_articles(open_page: OpenPage) -> None:
    page = open_page("/map")
    province = page.locator(".map svg a").first
    province.focus()
    expect(province).to_be_focused()
    assert str(province.get_attribute("aria-label")).startswith("Đồng Tháp: ")
    stroke = page.evaluate("getComputedStyle(document.activeElement.querySelector('path')).strokeWidth")
    assert float(str(stroke).removesuffix("px")) > 20  # the focus can be seen
    page.keyboard.press("Enter")
    expect(page.locator(".chips")).to_contain_text("Đồng Tháp")


def test_fields_and_values_are_offered_and_taken_by_keyboard(open_page: OpenPage, troubles: Troubles) -> None:
    page = open_page("/search")
    box = page.locator("#q")
    box.press_sequentially("top", delay=20)
    offers = page.locator("#offers [role=option]")
    expect(offers.first).to_contain_text("topic:")
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value("topic:")
    box.press_sequentially("mô", delay=20)
    expect(offers).to_have_text(["Tài nguyên và môi trườngenvironment"])
    box.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == "offer-0"
    findings = [""]
    for _ in range(20):  # the results are paler while they are fetched, and each key fetches them again a moment later
        expect(page.locator("#results")).to_have_css("opacity", "1")
        findings = serious_findings(page)
        if not findings:
            break
        page.wait_for_timeout(250)
    assert findings == []
    box.press("Tab")
    expect(box).to_have_value("topic:environment ")
    expect(page.locator("#results .chips, #results .summary h2").first).to_be_visible()
    expect(page.locator(".hits h3").first).to_be_visible()
    box.press_sequentially("pla", delay=20)
    expect(offers.first).to_contain_text("place:")
    box.press("Escape")
    expect(page.locator("#offers")).to_be_hidden()
    # An unfinished field is answered with what is wrong, which the browser notes.
    troubles[:] = [trouble for trouble in troubles if "422" not in trouble]


def test_the_list_of_offers_is_taken_by_pointer_and_closes_behind(open_page: OpenPage, troubles: Troubles) -> None:
    page = open_page("/search", width=360)
    page.locator("#q").press_sequentially("place:dong th"[:10], delay=20)
    page.locator("#offers [role=option]", has_text="Tỉnh Đồng Tháp").first.click()
    expect(page.locator("#q")).to_have_value('place:"Đồng Tháp" ')
    expect(page.locator("#offers")).to_be_hidden()
    troubles[:] = [trouble for trouble in troubles if "422" not in trouble]


def test_everything_is_reached_from_a_search_without_a_script(open_page: OpenPage) -> None:
    page = open_page("/search?q=s%E1%BA%A1t+l%E1%BB%9F", javascript=False)
    page.get_by_role("link", name="Bản đồ").click()
    expect(page.locator(".map svg")).to_be_visible()
    page.get_by_role("link", name="So sánh").click()
    page.locator('input[name="b.q"]').fill("cầu")
    page.get_by_role("button", name="So sánh").click()
    expect(page.locator(".totals")).to_contain_text("cầu")
    page.get_by_role("link", name="Xuất tệp").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert LANDSLIDE in Path(download.value.path()).read_text(encoding="utf-8-sig")
    page.get_by_role("link", name="Lưu, theo dõi").click()
    page.get_by_label("Tên", exact=True).fill("Không cần script")
    assert not page.get_by_label("lúc (giờ Việt Nam)").is_visible()
    page.get_by_label("Cảnh báo qua thư khi có chuyện").check()
    page.get_by_role("button", name="Lưu").click()
    expect(page.locator("#trial")).to_contain_text("90 ngày qua")
    page.get_by_role("button", name="Lưu", exact=True).click()
    row = page.locator(".saved", has_text="Không cần script")
    expect(row).to_contain_text("Cảnh báo")
    row.get_by_role("button", name="Xóa").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Hoàn tác").click()
    expect(row).to_have_count(1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[Office, Catcher]]:
    """A desk with users and a real mail server."""
    catcher = Catcher()
    with serving(catcher) as mail, office_with_users(tmp_path) as office:
        settings = office.app.state.desk.settings
        path = settings.config / "office.toml"
        path.write_text(
            path.read_text(encoding="utf-8")
            + f'\n[mail]\nhost = "127.0.0.1"\nport = {mail.port}\nsender = "d@example.vn"\n'
            + 'recipients = ["lan@example.vn", "nam@example.vn"]\n',
            encoding="utf-8",
        )
        settings.__dict__.pop("office", None)
        yield office, catcher


def test_from_the_login_to_a_mail_that_arrives(
    browser: Browser, office: tuple[Office, Catcher], keep_screenshot: Callable[[Page, str], None]
) -> None:
    desk, catcher = office
    with served(desk.app) as address:
        context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, locale="vi-VN")
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.goto("/search?q=s%E1%BA%A1t+l%E1%BB%9F")
        page.get_by_label("Tên đăng nhập").fill("reader")
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("main button[type=submit]").click()
        expect(page.locator(".hits h3").first).to_be_visible()
        page.get_by_role("link", name="Lưu, theo dõi").click()
        page.get_by_label("Tên", exact=True).fill("Sạt lở mỗi sáng")
        page.get_by_label("Gửi thư những bài mới mỗi ngày").check()
        page.get_by_label("lúc (giờ Việt Nam)").fill("06:30")
        page.get_by_label("lan@example.vn").check()
        page.get_by_label("Có nguồn cấp để đọc bằng trình đọc tin").check()
        keep_screenshot(page, "saved-form-filled-1280")
        page.get_by_role("button", name="Lưu", exact=True).click()
        row = page.locator(".saved", has_text="Sạt lở mỗi sáng")
        expect(row).to_contain_text("Thư hằng ngày lúc 06:30: lan@example.vn")

        seen = NOW + timedelta(hours=3)
        record = {
            "id": "newslide",
            "url": "https://songtien.example/moi",
            "source": "songtien",
            "title": "Sạt lở mới ở cù lao",
            "body": "Bờ sông sụp.",
        }
        new = Article.model_validate({**record, "published_at": seen, "first_seen_at": seen})
        assert desk.app.state.desk.engine.upsert([new]) == {}
        morning = NOW + timedelta(hours=15, minutes=32)  # 06:32 the next day in Vietnam
        done = mail_saved_searches(desk.app.state.desk.settings, desk.state, desk.app.state.desk.engine, morning)
        assert (done["queued"], done["sent"]) == (1, 1)
        (mail,) = [message_from_bytes(content, policy=policy.default) for content in catcher.mails]
        assert (mail["To"], mail["Subject"]) == ("lan@example.vn", "Sạt lở mỗi sáng: 1 bài mới")
        body = mail.get_body(("html",))
        assert body is not None
        html = body.get_content()
        assert "Sạt lở mới ở cù lao" in html

        desk.clock.move(timedelta(hours=4))
        page.goto("/saved")
        expect(row.locator(".badge")).to_have_text("1 bài mới")
        row.get_by_role("link", name="Sạt lở mỗi sáng").first.click()
        expect(page.locator(".hits h3").first).to_contain_text("Sạt lở mới ở cù lao")
        page.goto("/saved")
        expect(row.locator(".badge")).to_have_count(0)
        keep_screenshot(page, "saved-list-1280")

        reading = browser.new_context(viewport={"width": 360, "height": 640}, color_scheme="dark")
        mail_page = reading.new_page()
        mail_page.set_content(html)
        assert overflow(mail_page) == 0
        assert serious_findings(mail_page) == []
        keep_screenshot(mail_page, "saved-mail-360-dark")
        reading.close()
        context.close()
