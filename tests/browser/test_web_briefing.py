"""The page of the briefing in a real Chromium: saved while one types, two people at once, and every width."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Troubles
from tests.browser.test_web_desk import CONTRAST

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

DAY = "/briefing/2026-11-20"


@pytest.fixture(autouse=True)
def compiled(open_page: OpenPage) -> Iterator[None]:
    """The day's briefing is there."""
    page = open_page("/briefing", javascript=False)
    if page.get_by_role("button", name="Soạn điểm báo").count():
        page.get_by_role("button", name="Soạn điểm báo").click()
    return


def brief(page: Page, number: int) -> str:
    """The id of a chosen story, so that it is found again whatever it is called."""
    return f"#{page.locator('.field > .briefs > .brief').nth(number).get_attribute('id')}"


def test_what_is_typed_is_saved_by_itself(open_page: OpenPage) -> None:
    page = open_page(DAY)
    key = brief(page, 0)
    page.locator(f"{key} details.edit summary").click()
    page.locator(f"{key} [name=title]").fill("Viết lại ngắn gọn")
    page.locator(f"{key} [name=note]").click()
    expect(page.locator(f"{key} .saving [role=status]")).to_contain_text("Đã lưu")
    expect(page.locator(f"{key} h3")).to_have_text("Viết lại ngắn gọn")
    page.locator(f"{key} [name=status]").select_option("assigned")
    expect(page.locator(f"{key} [data-status]")).to_have_text("Đã giao")
    page.locator(f"{key} [name=note]").press_sequentially("Gọi lại trước 9 giờ", delay=20)
    page.wait_for_timeout(1600)
    page.reload()
    page.locator(f"{key} details.edit summary").click()
    expect(page.locator(f"{key} [name=note]")).to_have_value("Gọi lại trước 9 giờ")
    expect(page.locator(f"{key} h3")).to_have_text("Viết lại ngắn gọn")


def test_two_people_see_each_others_change_before_one_wins(open_page: OpenPage, troubles: Troubles) -> None:
    lan, minh = open_page(DAY), open_page(DAY)
    key = brief(lan, 1)
    for page in (lan, minh):
        page.locator(f"{key} details.edit summary").click()
    lan.locator(f"{key} [name=text]").fill("Bản của Lan")
    lan.locator(f"{key} [name=title]").focus()
    expect(lan.locator(f"{key} .saving [role=status]")).to_contain_text("Đã lưu")
    minh.locator(f"{key} [name=text]").fill("Bản của Minh")
    minh.locator(f"{key} [name=title]").focus()
    conflict = minh.locator(f"{key} .problem.live")
    expect(conflict).to_contain_text("đã sửa mục này")
    expect(conflict).to_contain_text("Bản của Lan")
    expect(minh.locator(f"{key} [name=text]")).to_have_value("Bản của Minh")
    conflict.get_by_role("button", name="Giữ bản của tôi").click()
    expect(minh.locator(f"{key} .saving [role=status]")).to_contain_text("Đã lưu")
    lan.reload()
    expect(lan.locator(f"{key} .brief-text")).to_have_text("Bản của Minh")
    troubles[:] = [trouble for trouble in troubles if "409" not in trouble]


def test_without_a_script_the_same_forms_are_saved_by_their_buttons(open_page: OpenPage) -> None:
    page = open_page(DAY, width=390, javascript=False)
    key = brief(page, 0)
    page.locator(f"{key} details.edit summary").click()
    page.locator(f"{key} [name=title]").fill("Không cần script")
    page.locator(f"{key} .saving button").click()
    expect(page).to_have_url(re.compile(rf"{DAY}{key}$"))
    expect(page.locator(f"{key} h3")).to_have_text("Không cần script")
    page.locator(key).get_by_role("button", name="Bỏ ra").click()
    expect(page.locator(".others").locator(key)).to_have_count(1)
    # The address names the story, so the browser opens what it lies in.
    page.locator(key).get_by_role("button", name="Chọn").click()
    expect(page.locator(".field > .briefs").locator(key)).to_have_count(1)
    first = page.locator(".heading-note textarea")
    first.fill("Họp giao ban lúc 8 giờ")
    page.locator(".heading-note button").click()
    expect(page.locator(".heading-note textarea")).to_have_value("Họp giao ban lúc 8 giờ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("phone", 390), ("tablet", 820), ("desktop", 1280)])
def test_it_fits_every_screen(
    open_page: OpenPage, keep_screenshot: Callable[[Page, str], None], name: str, width: int, scheme: str
) -> None:
    page = open_page(DAY, width=width, dark=scheme == "dark")
    page.locator(".field > .briefs details.edit summary").first.click()
    keep_screenshot(page, f"briefing-{name}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing stands beyond the right edge"
    assert page.evaluate(CONTRAST) == []
