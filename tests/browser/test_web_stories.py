"""The overview and the stories in a real Chromium: numbers lead to their articles, stories are joined, split and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from diembao.article import Article
from diembao.state import State
from index import open_engine
from index.ingest import ingest
from tests.browser.axe import serious_findings
from tests.browser.conftest import OpenPage, Troubles
from tests.browser.press import DONG_THAP, NOW, alert, articles, fill_state, office
from tests.browser.test_web_desk import CONTRAST
from web.app import create_app
from web.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = {
    "overview-day": "/",
    "overview-moment": "/?since=2026-11-14T07:00&here=1",
    "stories": "/stories?days=7",
    "story": "/stories/ferry-1",
    "story-one": "/stories/alone",
}
QUOTED = "Chúng tôi nghe tiếng va mạnh rồi thấy phà nghiêng hẳn sang một bên"


def ferry() -> Iterator[Article]:
    """A story of eleven articles of five outlets, and a second one on the same event that linking kept apart."""
    body = (
        f"Phà Vàm Cống va vào trụ cầu lúc 5 giờ sáng.\nBà Nguyễn Thị Sáu, hành khách, kể: “{QUOTED}”.\n"
        "“Không ai bị thương nặng, chúng tôi đang làm rõ nguyên nhân”, ông Trần Hữu Lộc, giám đốc cảng vụ, cho biết."
    )
    outlets = ("songtien", "baodongthap", "tienphong-mau", "chepbai", "congdongthap")
    for number in range(1, 12):
        at = NOW - timedelta(hours=33) + timedelta(hours=3 * number)
        is_copy = number in (4, 9)
        yield Article.model_validate(
            {
                "id": f"ferry-{number}", "url": f"https://{outlets[number % 5]}.example/pha/{number}", "source": outlets[number % 5],
                "title": "Phà Vàm Cống va trụ cầu, 80 hành khách hoảng loạn" if number < 7 else f"Vụ phà Vàm Cống: kiểm tra lần {number}",
                "lead": "Không ai thiệt mạng.", "body": f"{body} Bài {1 if is_copy else number}.", "published_at": at, "first_seen_at": at,
                "fetched_at": at, "story_id": "ferry-1", "copy_of": "ferry-1" if is_copy else None, "similarity": 0.98 if is_copy else None,
                "topics": [{"code": "traffic", "score": 0.9}], "places": [DONG_THAP.model_dump()],
                "story_keys": ["phà", "vàm cống", "trụ cầu"],
                "sentiment": {"label": "negative" if number % 3 else "neutral"},
                "critical_of": {"label": "authority" if number > 8 else "none"},
            }
        )  # fmt: skip
    for number, source in ((1, "songtien"), (2, "baodongthap")):
        at = NOW - timedelta(hours=20 - number)
        yield Article.model_validate(
            {
                "id": f"harbour-{number}", "source": source, "title": "Cảng vụ tạm dừng bến phà Vàm Cống sau va chạm", "body": body,
                "published_at": at, "first_seen_at": at, "fetched_at": at, "story_id": "harbour-1",
                "story_keys": ["phà", "vàm cống", "bến"], "sentiment": {"label": "neutral"}, "topics": [{"code": "traffic", "score": 0.9}],
            }
        )  # fmt: skip
    yield Article.model_validate(
        {"id": "alone", "source": "songtien", "title": "Một tin đứng riêng", "body": "Ngắn.", "published_at": NOW - timedelta(hours=3),
         "first_seen_at": NOW, "fetched_at": NOW, "story_id": "alone"}
    )  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A desk of its own: these tests change it."""
    settings = office(tmp_path_factory.mktemp("stories"))
    engine, state = open_engine(settings), State(settings.database)
    engine.prepare()
    assert engine.upsert(articles()) == {}
    fill_state(state)
    ingest(engine, state, list(ferry()))
    with served(create_app(settings, engine, state, lambda: NOW)) as address:
        yield address
    engine.close()
    state.close()


def number_in(text: str) -> int:
    return int(text.replace(".", ""))


@pytest.mark.parametrize("path", ["/", "/?since=yesterday&here=1"])
def test_a_click_on_any_number_shows_so_many_articles(open_page: OpenPage, path: str) -> None:
    page = open_page(path)
    links = page.locator("main a.n:not([data-counts])")
    count = links.count()
    assert count >= 16
    numbers = [(number_in(link.locator("b").inner_text()), str(link.get_attribute("href"))) for link in links.all()]
    assert sum(number for number, _ in numbers) > 20
    # By hand the first ones of each kind, the others by their address.
    for place in (0, 1, 4, count - 1):
        page.goto(path)
        expected = numbers[place][0]
        page.locator("main a.n:not([data-counts])").nth(place).click()
        expect(page.locator("#results h2").first).to_have_text(f"{expected} bài")
    for expected, href in dict.fromkeys(numbers):
        page.goto(href)
        expect(page.locator("#results h2").first).to_have_text(f"{expected} bài")


def test_the_overview_leads_to_alerts_stories_and_the_briefing(open_page: OpenPage) -> None:
    page = open_page("/")
    page.get_by_role("link", name=alert().title).click()
    expect(page.locator("h1")).to_have_text(alert().title)
    page.goto("/")
    page.locator('section[aria-labelledby="growing"] a.strong', has_text="Phà Vàm Cống va trụ cầu").click()
    expect(page.locator("h1")).to_have_text("Phà Vàm Cống va trụ cầu, 80 hành khách hoảng loạn")
    expect(page.locator(".said", has_text=QUOTED)).to_contain_text("Bà Nguyễn Thị Sáu, hành khách")
    page.locator("nav a", has_text="Sự việc").click()
    expect(page.locator(".story-list h2").first).to_be_visible()


def test_since_you_last_looked_is_remembered_by_the_browser_alone(browser: Browser, address: str) -> None:
    context = browser.new_context(base_url=address, locale="vi-VN")
    page = context.new_page()
    page.goto("/")
    expect(page.locator("#since a", has_text="lần xem trước")).to_have_count(0)
    # As if the first visit had been in the morning; what follows within half an hour is the same visit.
    page.evaluate("localStorage.setItem('diembao.overview', JSON.stringify({ seen: '2026-11-20T07:15' }))")
    page.goto("/")
    link = page.locator("#since a", has_text="lần xem trước")
    expect(link).to_have_text("Từ lần xem trước (07:15 20/11/2026)")
    link.click()
    expect(page.locator(".overview-head")).to_contain_text("07:15 20/11/2026 – 15:00 20/11/2026")
    expect(page.locator("#since a[aria-current]")).to_have_text("Từ lần xem trước (07:15 20/11/2026)")
    page.evaluate("localStorage.setItem('diembao.overview', '{broken')")
    page.goto("/")
    expect(page.locator("#since a").first).to_be_visible()
    assert context.cookies() == []
    context.close()


def test_a_story_is_joined_and_split_and_each_is_taken_back(open_page: OpenPage) -> None:
    page = open_page("/stories/ferry-1")
    rows = page.locator(".texts > li")
    expect(rows).to_have_count(9)
    # Linking offers the other story.
    page.get_by_role("button", name="Gộp vào đây: Cảng vụ tạm dừng bến phà Vàm Cống sau va chạm").click()
    expect(page.locator(".done")).to_contain_text("Đã gộp 2 bài")
    expect(rows).to_have_count(11)
    old = open_page("/stories/harbour-1")
    assert old.url.endswith("/stories/ferry-1")
    # The keyboard is enough to choose and split off.
    box = rows.filter(has_text="kiểm tra lần 11").locator("input")
    box.focus()
    page.keyboard.press("Space")
    expect(box).to_be_checked()
    page.get_by_role("button", name="Tách các bài đã chọn").click()
    expect(page.locator(".done")).to_contain_text("Đã tách 1 bài")
    expect(rows).to_have_count(10)
    page.get_by_role("link", name="Mở sự việc mới").click()
    expect(page.locator("h1")).to_have_text("Vụ phà Vàm Cống: kiểm tra lần 11")
    # Taken back from the history, the newest first.
    page.goto("/stories/ferry-1")
    history = page.locator('section[aria-labelledby="changes"]')
    expect(history.locator("li")).to_have_count(2)
    history.get_by_role("button", name="Hoàn tác").first.click()
    page.goto("/stories/ferry-1")
    expect(rows).to_have_count(11)
    history.get_by_role("button", name="Hoàn tác").first.click()
    page.goto("/stories/ferry-1")
    expect(rows).to_have_count(9)
    page.goto("/stories/harbour-1")
    expect(page.locator("h1")).to_have_text("Cảng vụ tạm dừng bến phà Vàm Cống sau va chạm")


def test_without_a_script_everything_works_too(open_page: OpenPage) -> None:
    page = open_page("/stories/harbour-1", javascript=False, width=390)
    page.locator("#response summary").click()
    page.locator("#response select").select_option("assigned")
    page.locator("#response input[name=department]").fill("Sở Giao thông")
    page.get_by_role("button", name="Lưu").click()
    expect(page.locator("#response")).to_contain_text("Đã giao")
    page.locator("input[name=other]:not([type=hidden])").fill(page.url.replace("harbour-1", "alone").partition("#")[0])
    page.get_by_role("button", name="Gộp vào đây", exact=True).click()
    expect(page.locator(".done")).to_contain_text("Đã gộp 1 bài")
    page.locator(".done button").click()
    page.goto("/stories/alone")
    expect(page.locator("h1")).to_have_text("Một tin đứng riêng")
    expect(page.locator(".texts > li")).to_have_count(1)


@pytest.mark.parametrize("form", ["desktop", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_the_pages_can_be_used_by_everybody_and_their_pictures_are_kept(
    open_page: OpenPage, keep_screenshot: Callable[[Page, str], None], troubles: Troubles, name: str, form: str
) -> None:
    size = {"width": 360, "height": 740, "device_scale_factor": 2} if form == "phone" else {}
    page = open_page(PAGES[name], **size)
    for language in ("en", "vi"):
        page.goto(f"{PAGES[name]}{'&' if '?' in PAGES[name] else '?'}lang={language}")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert page.evaluate(CONTRAST) == []
            assert serious_findings(page) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        keep_screenshot(page, f"{name}-{form}-{scheme}")
    for width in (320, 360, 768):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 768:
            keep_screenshot(page, f"{name}-tablet")
    assert troubles == []
