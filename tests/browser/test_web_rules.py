"""Making a rule in a real Chromium, with and without JavaScript; and the alert mail at the width of a telephone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.mail import Cause, compose_alert, compose_group
from diembao.alert import Alert
from diembao.settings import PROJECT, Mail, Office
from diembao.taxonomy import read_taxonomy
from tests.browser.conftest import OpenPage
from tests.browser.press import LANDSLIDE, NOW
from tests.browser.press import alert as landslide_alert

pytestmark = pytest.mark.browser

OFFICE = Office(name="Văn phòng UBND tỉnh Đồng Tháp", base_url="https://diembao.example.vn", mail=Mail(sender="d@example.vn"))
TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")


STEP_NEXT = "Nếu 30 phút nữa chưa ai trả lời, cảnh báo được chuyển cho người tiếp theo."


def overflow(page: Page) -> int:
    """Pixels that stand out to the right of the window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


@pytest.mark.parametrize(("width", "dark", "javascript"), [(360, True, False), (1280, False, True)])
def test_a_search_becomes_a_rule(
    open_page: OpenPage, keep_screenshot: Callable[[Page, str], None], width: int, dark: bool, javascript: bool
) -> None:
    page = open_page("/alerts/rules/new?q=s%E1%BA%A1t+l%E1%BB%9F&topic=environment", width=width, dark=dark, javascript=javascript)
    page.get_by_label("Một sự việc lan ra nhiều báo").check()
    page.get_by_label("Từ bao nhiêu báo").fill("2")
    label = f"Sạt lở {width}"
    page.get_by_label("Tên quy tắc").fill(label)
    assert overflow(page) == 0
    page.get_by_role("button", name="Thử với 90 ngày qua").click()
    expect(page.locator("#trial")).to_contain_text("quy tắc đã báo 1 lần")
    assert LANDSLIDE in page.locator("#trial").inner_text()
    assert overflow(page) == 0
    keep_screenshot(page, f"rule-{width}{'-dark' if dark else ''}")
    page.get_by_role("button", name="Lưu quy tắc").click()
    row = page.locator(".rules > li", has_text=label)
    expect(row).to_contain_text("Đang chạy")
    assert overflow(page) == 0
    row.get_by_role("button", name="Tạm dừng").click()
    expect(row.locator(".state")).to_contain_text("Tạm dừng")
    row.get_by_role("button", name="Xóa").click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Hoàn tác").click()
    expect(row).to_have_count(1)
    keep_screenshot(page, f"rules-{width}{'-dark' if dark else ''}")


def test_thresholds_of_the_other_kinds_are_put_away(open_page: OpenPage) -> None:
    page = open_page("/alerts/rules/new?q=l%C5%A9", javascript=False)
    assert page.get_by_label("Báo theo").is_visible()
    assert not page.get_by_label("Từ bao nhiêu báo").is_visible()
    page.get_by_label("Một sự việc lan ra nhiều báo").check()
    assert page.get_by_label("Từ bao nhiêu báo").is_visible()
    assert not page.get_by_label("Báo theo").is_visible()


def told() -> list[tuple[Alert, Cause, str]]:
    match = landslide_alert().model_copy(
        update={
            "id": "m1",
            "title": f"Sạt lở: {LANDSLIDE}",
            "has_expectation": False,
            "points": [],
            "reason": "Tin mới khớp câu tìm đã lưu.",
        }
    )
    spike = landslide_alert().model_copy(update={"window_start": NOW - timedelta(hours=20), "series": "environment"})
    return [(spike, "new", "t.x"), (match, "new", "t.y")]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["alert", "group"])
def test_the_mail_is_read_on_a_telephone(browser: Browser, keep_screenshot: Callable[[Page, str], None], name: str, dark: bool) -> None:
    (spike, cause, token), _ = both = told()
    if name == "alert":
        mail = compose_alert(spike, OFFICE, TAXONOMY, "a@b.vn", "k", NOW, cause=cause, token=token, next_step=STEP_NEXT)
    else:
        mail = compose_group(both, OFFICE, TAXONOMY, "a@b.vn", "k", NOW)
    message = message_from_bytes(mail.content, policy=policy.default)
    html = message.get_body(("html",)).get_content()  # type: ignore[attr-defined]
    for part in message.walk():
        if part.get_content_type() == "image/png":
            picture = base64.b64encode(part.get_content()).decode()  # type: ignore[attr-defined]
            html = html.replace(f"cid:{str(part['Content-ID']).strip('<>')}", f"data:image/png;base64,{picture}")
    context = browser.new_context(viewport={"width": 360, "height": 640}, color_scheme="dark" if dark else "light")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(html)
    assert [url for url in asked if not url.startswith("data:")] == []  # nothing is loaded from outside
    assert overflow(page) == 0
    assert page.locator("h1").first.is_visible()
    assert not page.locator(".preview").is_visible()
    background, ink = page.evaluate(
        "(() => { const cell = document.querySelector('.sheet'), head = document.querySelector('h1');"
        " return [getComputedStyle(cell).backgroundColor, getComputedStyle(head).color]; })()"
    )
    assert contrast(background, ink) > 7
    if name == "alert":
        # The first screen of a small telephone: what, how many, and which story.
        for wanted in (page.locator("h1"), page.locator(".figures .now b"), page.locator("p.lead")):
            box = wanted.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 640
        image = page.locator("img.chart")
        assert str(image.get_attribute("alt")).startswith("Biểu đồ")
        assert image.evaluate("one => one.complete && one.naturalWidth > 0")
        assert "Khi số bài tiêu cực trong 24 giờ trở lại dưới 3." in page.inner_text("body")
    keep_screenshot(page, f"mail-{name}{'-dark' if dark else ''}")
    context.close()


def contrast(*colours: str) -> float:
    """The contrast of two opaque colours, `rgb(r, g, b)`, by WCAG 2."""
    lights = []
    for colour in colours:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)
