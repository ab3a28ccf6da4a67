"""The staff page in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Troubles
from tests.browser.press import HOSTILE_ID, HOSTILE_TITLE, LANDSLIDE, LANDSLIDE_BLAME, LANDSLIDE_ID, LANDSLIDE_TONE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = {
    "overview": "/",
    "search": "/search?q=s%E1%BA%A1t+l%E1%BB%9F",
    "results": "/search?copies=1",
    "filtered": "/search?topic=environment&sentiment=negative&from=2026-11-05&to=2026-11-20",
    "article": f"/articles/{LANDSLIDE_ID}",
    "hostile": f"/articles/{HOSTILE_ID}",
    "alerts": "/alerts",
    "alert": "/alerts/a1b2c3",
}
CONTRAST = """() => {
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => { for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
  const poor = [];
  for (const element of document.querySelectorAll("main *, header *, footer *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility() || element.closest("svg")) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color).slice(0, 3)), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 40)}`);
  }
  return poor;
}"""


def total(page: Page) -> int:
    """The number in the heading of the results."""
    return int(page.locator("#results h2:not(.apart *)").inner_text().split()[0])


def test_staff_correct_and_take_back_without_a_script(open_page: OpenPage) -> None:
    page = open_page(f"/articles/{LANDSLIDE_ID}", width=390, javascript=False)
    page.locator("#corrections summary").click()
    page.locator("form.correct select[name=sentiment]").select_option("neutral")
    page.locator("form.correct input[name=by]").fill("Lan")
    page.get_by_role("button", name="Lưu sửa đổi").click()
    expect(page.locator("#corrections li")).to_contain_text("Sắc thái: Tiêu cực → Trung tính")
    expect(page.locator(".facts h3").first).to_contain_text("cán bộ sửa")
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.locator("#corrections li")).to_have_count(2)
    expect(page.locator(".facts h3").first).to_have_text(re.compile(r"Sắc thái:\s+Tiêu cực\s*$"))


def test_typing_shows_results_with_marks_without_leaving_the_page(
    open_page: OpenPage, keep_screenshot: Callable[[Page, str], None]
) -> None:
    page = open_page("/search")
    page.evaluate("window.stayed = true")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("sat lo")
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("2 bài")
    expect(page.locator(".hits h3", has_text=LANDSLIDE)).to_be_visible()
    assert page.locator(".hits h3 mark").count() >= 2
    assert page.evaluate("window.stayed") is True
    expect(page.locator("nav [aria-current]")).to_have_text("Tìm kiếm")
    expect(page.locator("#announce")).to_have_text("2 bài")
    assert parse_qs(urlsplit(page.url).query)["q"] == ["sat lo"]
    expect(page.locator("#q")).to_be_focused()
    # The address shows the same to whoever gets it.
    shared = open_page(page.url)
    assert shared.locator("#results h2:not(.apart *)").inner_text() == page.locator("#results h2:not(.apart *)").inner_text()
    assert shared.locator("#q").input_value() == "sat lo"
    keep_screenshot(page, "typed-desktop")


def test_filters_narrow_by_a_click_and_widen_by_another(open_page: OpenPage) -> None:
    page = open_page("/search")
    everything = total(page)
    row = page.locator(".facet a", has_text="Tiêu cực")
    count = int(row.locator(".count").inner_text())
    row.click()
    expect(page.locator("#results h2:not(.apart *)")).to_have_text(f"{count} bài")
    assert 0 < count < everything
    assert {tag.inner_text().split(" (")[0] for tag in page.locator(".hits .tag.tone").all()} == {"Tiêu cực"}
    page.locator(".chips a", has_text="Tiêu cực").click()
    expect(page.locator("#results h2:not(.apart *)")).to_have_text(f"{everything} bài")


def test_the_query_keeps_the_filters_and_the_dates(open_page: OpenPage) -> None:
    page = open_page("/search?topic=environment")
    page.locator("input[name=from]").fill("2026-11-19")
    page.locator("input[name=to]").fill("2026-11-20")
    page.locator("#q").fill("sạt lở")
    page.locator("#q").press("Enter")
    page.wait_for_url(re.compile("from=2026-11-19"))
    assert parse_qs(urlsplit(page.url).query) == {"q": ["sạt lở"], "topic": ["environment"], "from": ["2026-11-19"], "to": ["2026-11-20"]}
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("2 bài")


def test_an_unfinished_query_keeps_the_last_results_and_points_at_the_mistake(open_page: OpenPage, troubles: Troubles) -> None:
    page = open_page("/search")
    page.locator("#q").press_sequentially("sạt lở")
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("2 bài")
    page.locator("#q").press_sequentially(' "chưa')
    expect(page.locator("#query-problem .problem")).to_be_visible()
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("2 bài")
    expect(page.locator("#q")).to_have_attribute("aria-invalid", "")
    page.locator("#q").fill("sạt lở")
    expect(page.locator("#query-problem .problem")).to_have_count(0)
    # Chromium itself writes that the server answered 422.
    troubles[:] = [trouble for trouble in troubles if "422" not in trouble]


def test_a_bar_of_the_chart_leads_to_its_day(open_page: OpenPage) -> None:
    page = open_page("/search?from=2026-11-07&to=2026-11-20")
    bar = page.locator("svg.bars a").last
    says = bar.get_attribute("aria-label")
    assert says is not None
    assert says.startswith("20/11/2026: 3 bài")
    bar.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("3 bài")
    assert "from=2026-11-20&to=2026-11-20" in page.url


def test_reading_an_article(open_page: OpenPage) -> None:
    page = open_page("/search?q=s%E1%BA%A1t+l%E1%BB%9F")
    page.locator(".hits h3 a", has_text=LANDSLIDE).click()
    expect(page.locator("h1")).to_have_text(LANDSLIDE)
    expect(page.locator(".body mark.tone")).to_have_text(LANDSLIDE_TONE)
    expect(page.locator(".body mark.blame")).to_have_text(LANDSLIDE_BLAME)
    expect(page.locator("#copies li")).to_have_count(3)
    # Vietnam's clock, though this browser stands in New York.
    expect(page.locator("article header time")).to_have_text("13:00 19/11/2026")
    page.locator("#copies a").first.click()
    expect(page.locator(".note")).to_contain_text("đăng lại")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_the_screen(open_page: OpenPage, name: str) -> None:
    page = open_page(PAGES[name], width=320, height=740)
    for summary in page.locator("details > summary").all():
        if summary.is_visible():
            summary.click()
    for width in (320, 360, 768, 1024):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("form", ["desktop", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_read_in_light_and_dark_and_its_picture_is_kept(
    open_page: OpenPage, keep_screenshot: Callable[[Page, str], None], name: str, form: str
) -> None:
    page = open_page(PAGES[name], **({"width": 360, "height": 740, "device_scale_factor": 2} if form == "phone" else {}))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == []
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (max(ground) < 60) if scheme == "dark" else (min(ground) > 200)
        keep_screenshot(page, f"{name}-{form}-{scheme}")


def test_everything_can_be_read_and_searched_without_javascript(open_page: OpenPage, keep_screenshot: Callable[[Page, str], None]) -> None:
    page = open_page("/", javascript=False, width=360, height=740)
    page.locator("#q").fill("sạt lở")
    page.locator("#q").press("Enter")
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("2 bài")
    page.locator(".filters > summary").click()
    page.locator(".facet a", has_text="Tiêu cực").click()
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("1 bài")
    page.locator(".numbers summary").click()
    expect(page.locator(".numbers tbody tr").first).to_be_visible()
    page.locator(".hits h3 a").click()
    expect(page.locator("h1")).to_have_text(LANDSLIDE)
    expect(page.locator(".body mark.tone")).to_have_text(LANDSLIDE_TONE)
    page.locator("nav a", has_text="Cảnh báo").click()
    expect(page.locator(".alert")).to_have_count(2)
    keep_screenshot(page, "no-javascript-phone")


def test_filters_stand_open_on_a_wide_screen_without_javascript(open_page: OpenPage) -> None:
    page = open_page("/search", javascript=False)
    expect(page.locator("#filters .facet a").first).to_be_visible()
    expect(page.locator(".filters > summary")).to_be_hidden()


@pytest.mark.parametrize(
    "path", ["/", "/search?copies=1", f"/articles/{HOSTILE_ID}", "/search?q=%22%3E%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E"]
)
def test_hostile_headlines_bodies_and_queries_do_nothing(open_page: OpenPage, troubles: Troubles, path: str) -> None:
    page = open_page(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main script, main img, main iframe, main [onload], main [onclick], main [onerror]").count() == 0
    if path.startswith("/articles"):
        assert page.locator("h1").text_content() == HOSTILE_TITLE
        assert page.locator("a[href^='javascript']").count() == 0
    troubles[:] = [trouble for trouble in troubles if "422" not in trouble]


def test_hostile_text_that_arrives_while_typing_does_nothing(open_page: OpenPage) -> None:
    page = open_page("/search")
    page.locator("#q").press_sequentially("bệnh viện onerror")
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("1 bài")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main script, main img").count() == 0


def test_the_policy_stops_inline_scripts_even_if_one_got_in(open_page: OpenPage, troubles: Troubles) -> None:
    page = open_page("/search")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=/static/none onerror=\"window.hacked=1\">')")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in trouble for trouble in troubles)
    troubles.clear()


def test_the_page_is_used_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page("/search")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("a/b")
    assert page.locator("#q").input_value() == "a/b"


def test_a_syllable_under_composition_is_not_searched(open_page: OpenPage) -> None:
    page = open_page("/search")
    searches: list[str] = []
    page.on("request", lambda request: searches.append(request.url) if "/search" in request.url else None)
    page.evaluate(
        """() => { const box = document.getElementById("q"); box.value = "la";
        box.dispatchEvent(new InputEvent("input", { isComposing: true, bubbles: true })); }"""
    )
    page.wait_for_timeout(600)
    assert searches == []
    page.evaluate("() => document.getElementById('q').dispatchEvent(new CompositionEvent('compositionend', { bubbles: true }))")
    page.wait_for_url(re.compile("q=la"))


def test_the_language_is_switched_and_kept(open_page: OpenPage) -> None:
    page = open_page("/search?q=s%E1%BA%A1t+l%E1%BB%9F&sentiment=negative")
    page.locator("a.language").click()
    expect(page.locator("#results h2:not(.apart *)")).to_have_text("1 article")
    assert page.locator("#q").input_value() == "sạt lở"
    page.locator("nav a", has_text="Alerts").click()
    expect(page.locator("h1")).to_have_text("Alerts")
    page.locator("a.language").click()
    expect(page.locator("h1")).to_have_text("Cảnh báo")


def test_the_first_load_is_light(open_page: OpenPage) -> None:
    page = open_page("about:blank")
    sizes: list[int] = []
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert len(sizes) >= 3
    assert sum(sizes) < 200_000
