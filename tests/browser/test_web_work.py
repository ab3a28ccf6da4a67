"""Reading and correcting in a real Chromium: keys, the menu, several at once, notes, changed words, paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from diembao.engine import SearchEngine
from tests.browser.axe import serious_findings
from tests.browser.conftest import Troubles
from tests.browser.press import HOSTILE_ID, LANDSLIDE, LANDSLIDE_ID, NOW
from tests.unit.accounts_desk import COOKIE, Office, office_with_users
from web.articles.notes import add_note
from web.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FOUND = "/search?q=s%E1%BA%A1t+l%E1%BB%9F&copies=1"
PAYLOADS = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "'\"--></style></script><svg onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "{{ constructor.constructor('window.hacked=1')() }}${window.hacked=1}",
    '<iframe srcdoc="<script>parent.hacked=1</script>">',
    "</textarea><script>window.hacked=1</script>",
    '" autofocus onfocus="window.hacked=1" x="',
    "<a href='java\tscript:window.hacked=1'>x</a>\u202e\ue000\ue001\x85",
    "</title><meta http-equiv=refresh content='0;url=javascript:window.hacked=1'>",
)
UNSAFE = r"""() => {
  const lead = ["href", "src", "action", "formaction"];
  const found = [];
  for (const one of document.querySelectorAll("main *, dialog *, .toast *"))
    for (const { name, value } of one.attributes)
      if (name.startsWith("on") || (lead.includes(name) && !/^(\/(?!\/)|#|https?:)/.test(value))) found.push(`${name}=${value}`);
  return found;
}"""
OpenAs = Callable[..., Page]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Office, str]]:
    with office_with_users(tmp_path) as office, served(office.app) as address:
        yield office, address


@pytest.fixture
def open_as(browser: Browser, desk: tuple[Office, str], troubles: Troubles) -> Iterator[OpenAs]:
    office, address = desk
    contexts: list[BrowserContext] = []

    def open_(path: str, role: str = "editor", width: int = 1280, *, dark: bool = False, javascript: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            base_url=address,
            locale="vi-VN",
        )
        contexts.append(context)
        context.add_cookies([{"name": COOKIE, "value": office.of(role).session_id, "url": address}])
        context.set_default_timeout(10_000)
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


def engine_of(desk: tuple[Office, str]) -> SearchEngine:
    engine: SearchEngine = desk[0].app.state.desk.engine
    return engine


def hit(page: Page, article: str) -> Locator:
    return page.locator(f'.hits > li[data-article="{article}"]')


def current(page: Page) -> str | None:
    return page.locator(".hits > li.current").get_attribute("data-article")


def test_a_list_is_read_by_keyboard(open_as: OpenAs) -> None:
    page = open_as(FOUND)
    order = [one.get_attribute("data-article") for one in page.locator(".hits > li").all()]
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        page.keyboard.press(key)
        assert current(page) == order[place]
        expect(page.locator(".hits > li.current h3 a")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("o")
    for key, address in (
        ("j", f"/articles/{order[1]}$"),
        ("k", f"/articles/{order[2]}$"), ("g", f"/articles/{order[1]}$"), ("n", "/search$"), ("p", "after="),
    ):  # fmt: skip
        expect(page).to_have_url(re.compile(address))
        page.wait_for_load_state()  # the scripts of the next page are there
        page.keyboard.press(key)
        if key == "g":
            page.keyboard.press("s")
    expect(page).to_have_url(re.compile("/search$"))
    page.wait_for_load_state()
    for key, path in (("a", "/alerts"), ("b", "/briefing/2026-11-20"), ("t", "/stories"), ("l", "/saved"), ("n", "/sources"), ("o", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"{re.escape(path)}$"))
        page.wait_for_load_state()
    page.goto(f"/articles/{LANDSLIDE_ID}/changes?revision=2")
    page.keyboard.press("/")  # no search box here
    expect(page).to_have_url(re.compile("/search$"))


def test_no_key_acts_while_one_types_composes_or_holds_another(open_as: OpenAs, desk: tuple[Office, str]) -> None:
    page = open_as(FOUND)
    page.keyboard.press("j")
    article = current(page)
    assert article is not None
    before = engine_of(desk).get(article)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("j0?ex1")
    assert page.locator("#q").input_value() == "j0?ex1"
    page.locator("#q").fill("sạt lở")
    page.wait_for_timeout(600)
    page.locator("h3 a").first.focus()
    for key in ("Control+0", "Alt+0", "Meta+0", "Control+e"):
        page.keyboard.press(key)
    for event in ("{key: '0', isComposing: true}", "{key: '0', keyCode: 229}", "{key: 'Process', isComposing: true}"):
        page.evaluate(f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{bubbles: true, ...{event}}}))")
    page.wait_for_timeout(300)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator(".toast")).to_be_hidden()
    assert engine_of(desk).get(article) == before
    # The same key without them does act.
    page.evaluate("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, key: '0'}))")
    expect(page.locator(".toast [role=status]")).to_contain_text("không liên quan")


def test_one_key_corrects_in_the_list_and_another_takes_it_back(open_as: OpenAs, desk: tuple[Office, str]) -> None:
    page = open_as(FOUND)
    page.evaluate("window.stayed = true")
    hit(page, LANDSLIDE_ID).locator("h3 a").focus()
    before = engine_of(desk).get(LANDSLIDE_ID)
    page.keyboard.press("3")
    expect(page.locator(".toast [role=status]")).to_have_text("Sắc thái: Tích cực")
    expect(hit(page, LANDSLIDE_ID).locator(".tag.tone")).to_have_text("Tích cực")
    expect(hit(page, LANDSLIDE_ID)).to_contain_text("cán bộ sửa")
    page.keyboard.press("6")
    expect(page.locator(".toast [role=status]")).to_have_text("Phê phán: Không phê phán")
    page.keyboard.press("u")
    expect(page.locator(".toast [role=status]")).to_have_text("Đã hoàn tác.")
    expect(hit(page, LANDSLIDE_ID).locator(".tag.blame")).to_have_count(1)
    hit(page, LANDSLIDE_ID).locator("h3 a").focus()
    page.keyboard.press("0")
    expect(hit(page, LANDSLIDE_ID)).to_have_class(re.compile("hidden-hit"))
    page.locator(".toast button", has_text="Hoàn tác").click()
    expect(hit(page, LANDSLIDE_ID)).not_to_have_class(re.compile("hidden-hit"))
    hit(page, "copy-2").locator("h3 a").focus()
    page.keyboard.press("c")
    expect(page.locator(".toast [role=status]")).to_have_text("Bản sao: Không phải bản sao")
    page.keyboard.press("u")
    expect(page.locator(".toast [role=status]")).to_have_text("Đã hoàn tác.")
    copy = engine_of(desk).get("copy-2")
    assert copy is not None
    assert copy.copy_of == LANDSLIDE_ID
    now = engine_of(desk).get(LANDSLIDE_ID)
    assert now is not None
    assert before is not None
    assert (now.critical_of, now.relevant, now.corrected) == (before.critical_of, True, ["sentiment"])
    assert page.evaluate("window.stayed") is True


@pytest.mark.parametrize("path", [FOUND, f"/articles/{LANDSLIDE_ID}"], ids=["list", "article"])
def test_the_menu_corrects_each_field_with_one_click_or_key(open_as: OpenAs, desk: tuple[Office, str], path: str) -> None:
    page = open_as(path)
    if path == FOUND:
        hit(page, LANDSLIDE_ID).locator("h3 a").focus()
    steps: list[tuple[str, str, str]] = [
        ("key", "b", "Chủ đề: Tài nguyên và môi trường, Xây dựng, đô thị, Giao thông"),
        ("click", "places=-82-cu", "Địa bàn: Tỉnh Đồng Tháp"),
        ("key", "s", "Sự việc: Sự việc riêng"),
        ("click", "relevant=no", "Liên quan: không liên quan"),
        ("key", "2", "Sắc thái: Trung tính"),
    ]
    for how, what, told in steps:
        page.keyboard.press("e")
        dialog = page.locator("dialog[open]")
        expect(dialog.locator("h1")).to_have_text("Sửa nhãn bằng một lần bấm")
        if how == "key":
            page.keyboard.press(what)
        else:
            dialog.locator(f'button[value="{what}"]').click()
        expect(page.locator(".toast [role=status]")).to_have_text(told)
        expect(dialog).to_have_count(0)
    if path != FOUND:
        expect(page.locator("#corrections li")).to_have_count(5)
        expect(page.locator(".article .tag.tone")).to_have_text("Trung tính")
    article = engine_of(desk).get(LANDSLIDE_ID)
    assert article is not None
    assert sorted(article.corrected) == ["places", "relevant", "sentiment", "story_id", "topics"]


def test_the_menu_keeps_the_focus_and_gives_it_back(open_as: OpenAs) -> None:
    page = open_as(FOUND)
    page.keyboard.press("j")
    page.keyboard.press("j")
    for key, title in (("e", "Sửa nhãn bằng một lần bấm"), ("?", "Phím tắt")):
        page.keyboard.press(key)
        expect(page.locator("dialog[open] h1")).to_have_text(title)
        for _ in range(60):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        expect(page.locator(".hits > li.current h3 a")).to_be_focused()


def test_who_comes_second_is_told_in_the_menu_and_decides(open_as: OpenAs, desk: tuple[Office, str], troubles: Troubles) -> None:
    first, second = open_as(FOUND, "admin"), open_as(FOUND)
    hit(second, LANDSLIDE_ID).locator("h3 a").focus()
    second.keyboard.press("e")
    expect(second.locator("dialog[open]")).to_be_visible()
    hit(first, LANDSLIDE_ID).locator("h3 a").focus()
    first.keyboard.press("3")
    expect(first.locator(".toast [role=status]")).to_have_text("Sắc thái: Tích cực")
    second.keyboard.press("2")
    problem = second.locator("dialog .problem")
    expect(problem).to_contain_text("admin vừa sửa Sắc thái thành “Tích cực”")
    article = engine_of(desk).get(LANDSLIDE_ID)
    assert article is not None
    assert article.sentiment is not None
    assert article.sentiment.label == "positive"
    problem.get_by_role("button", name="Vẫn đặt theo ý tôi").click()
    expect(second.locator("dialog")).to_have_count(0)
    expect(hit(second, LANDSLIDE_ID).locator(".tag.tone")).to_have_text("Trung tính")
    # By one key on a list that is out of date too.
    first.keyboard.press("1")
    expect(first.locator(".toast [role=status]")).to_contain_text("editor vừa sửa Sắc thái thành “Trung tính”")
    expect(hit(first, LANDSLIDE_ID).locator(".tag.tone")).to_have_text("Trung tính")
    troubles[:] = [trouble for trouble in troubles if "409" not in trouble]  # Chromium itself writes so


def test_without_a_script_each_correction_is_a_form_with_its_undo(open_as: OpenAs, desk: tuple[Office, str]) -> None:
    page = open_as(FOUND, width=390, javascript=False)
    hit(page, LANDSLIDE_ID).locator("a.fix-open").click()
    page.locator('button[value="sentiment=neutral"]').click()
    expect(page.locator("h1")).to_have_text("Sắc thái: Trung tính")
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.locator("[role=status]")).to_contain_text("Đã hoàn tác.")
    page.get_by_role("link", name="Quay lại").click()
    expect(page).to_have_url(re.compile("q=s%E1%BA%A1t"))
    hit(page, "copy-1").locator(".pick").check()
    hit(page, "copy-2").locator(".pick").check()
    page.get_by_role("button", name="Không liên quan").click()
    expect(page.locator("h1")).to_have_text("Liên quan: không liên quan · 2 bài")
    page.get_by_role("button", name="Hoàn tác").click()
    expect(page.locator("[role=status]")).to_contain_text("Đã hoàn tác.")
    for article in (LANDSLIDE_ID, "copy-1", "copy-2"):
        found = engine_of(desk).get(article)
        assert found is not None
        assert found.corrected == []
    page.goto("/keys")
    expect(page.locator("main")).to_contain_text("hoàn tác việc vừa làm")


def test_several_are_chosen_by_key_changed_together_and_taken_back(open_as: OpenAs, desk: tuple[Office, str]) -> None:
    page = open_as(FOUND)
    expect(page.locator(".bulk-body")).to_be_hidden()
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator("#bulk-count")).to_have_text("3 bài đã chọn")
    page.keyboard.press("x")
    expect(page.locator("#bulk-count")).to_have_text("2 bài đã chọn")
    chosen = [one.get_attribute("value") or "" for one in page.locator(".pick:checked").all()]
    page.locator(".bulk-more summary").click()
    page.locator("#bulk select[name=tone]").select_option("positive")
    page.locator('#bulk button[value="tone"]').click()
    expect(page.locator(".toast [role=status]")).to_have_text("Sắc thái: Tích cực · 2 bài")
    for article in chosen:
        expect(hit(page, article).locator(".tag.tone")).to_have_text("Tích cực")
    expect(page.locator(".bulk-body")).to_be_hidden()
    page.locator(".toast a").click()
    expect(page.locator(".deed li")).to_have_count(2)
    page.go_back()
    page.keyboard.press("u")
    expect(page.locator(".toast [role=status]")).to_have_text("Đã hoàn tác.")
    for article in chosen:
        found = engine_of(desk).get(article)
        assert found is not None
        assert found.corrected == []


def test_a_note_to_many_by_enter_writes_the_note_and_nothing_else(open_as: OpenAs, desk: tuple[Office, str]) -> None:
    page = open_as(FOUND)
    hit(page, "copy-1").locator(".pick").check()
    page.locator(".bulk-more summary").click()
    page.locator("#bulk input[name=note]").fill("gọi lại")
    page.keyboard.press("Enter")
    expect(page.locator(".toast [role=status]")).to_have_text("Đã ghi chú")
    assert [entry.action for entry in desk[0].log() if not entry.action.startswith("login")][-1] == "bulk.note"
    found = engine_of(desk).get("copy-1")
    assert found is not None
    assert found.relevant


def test_articles_are_taken_into_the_briefing_and_the_selection_is_exported(open_as: OpenAs) -> None:
    page = open_as(FOUND)
    hit(page, LANDSLIDE_ID).locator(".pick").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert LANDSLIDE in Path(download.value.path()).read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="Vào điểm báo hôm nay").click()
    expect(page.locator(".toast [role=status]")).to_have_text("Đã đưa vào điểm báo hôm nay")
    page.goto("/briefing/2026-11-20")
    expect(page.locator("main")).to_contain_text(LANDSLIDE)


def test_a_note_is_written_changed_and_deleted(open_as: OpenAs) -> None:
    page = open_as(f"/articles/{LANDSLIDE_ID}")
    page.get_by_label("Ghi chú mới").fill("Đã gọi xã.\nHẹn 16 giờ.")
    page.get_by_role("button", name="Ghi", exact=True).click()
    expect(page.locator("#notes .note-text")).to_have_text("Đã gọi xã.\nHẹn 16 giờ.")
    page.locator("#notes summary").click()
    page.get_by_label("Nội dung ghi chú").fill("Đã trả lời.")
    page.get_by_role("button", name="Lưu", exact=True).click()
    expect(page.locator("#notes .note-text")).to_have_text("Đã trả lời.")
    expect(open_as(f"/articles/{LANDSLIDE_ID}", "reader").locator("#notes")).to_contain_text("Đã trả lời.")
    page.get_by_role("button", name="Xóa ghi chú").click()
    expect(page.locator("#notes .note-text")).to_have_count(0)


def test_changed_words_and_the_evidence_are_one_click_away(open_as: OpenAs) -> None:
    page = open_as(f"/articles/{LANDSLIDE_ID}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Tải hồ sơ chứng cứ").click()
    assert download.value.suggested_filename == "chung-cu-landslide.zip"
    page.locator("#revisions a", has_text="Chữ đã đổi").click()
    expect(page.locator(".words del").last).to_have_text("hai")
    expect(page.locator(".words ins").last).to_have_text("ba")


def test_nothing_hostile_runs_on_any_of_these_pages(open_as: OpenAs, desk: tuple[Office, str]) -> None:
    office, _ = desk
    engine = engine_of(desk)
    plain = engine.get("copy-2")
    assert plain is not None
    evil = [
        plain.with_fields(
            title=f"sạt lở {payload}",
            lead=payload,
            body=f"{payload}\n{payload}",
            section=payload,
            authors=[payload],
            source=payload[:90],
            url=payload,
            id=f"evil{number}-{payload}".replace("/", "")[:120],
            copy_of=LANDSLIDE_ID,
            published_at=NOW,
        )
        for number, payload in enumerate(PAYLOADS)
    ]
    engine.upsert(evil)
    for article, payload in zip(evil, PAYLOADS, strict=True):
        add_note(office.state, article.id, payload, payload, office.clock())
    page = open_as(FOUND)

    def clean() -> None:
        page.wait_for_load_state()
        assert (
            page.evaluate("[window.hacked, ...Array.from({ length: window.length }, (_, at) => window[at].hacked)].some(Boolean)") is False
        )
        assert page.locator("main script, main img, main iframe, main svg[onload], dialog script, dialog img, .toast img").count() == 0
        assert page.evaluate(UNSAFE) == []

    assert page.locator(".hits > li[data-article^=evil]").count() == len(PAYLOADS)
    clean()
    for article in evil[:3]:
        hit(page, re.sub(r'(["\\])', r"\\\1", article.id)).locator("h3 a").focus()
        page.keyboard.press("e")
        expect(page.locator("dialog[open]")).to_be_visible()
        clean()
        page.keyboard.press("2")
        expect(page.locator(".toast [role=status]")).to_have_text("Sắc thái: Trung tính")
        expect(page.locator("dialog")).to_have_count(0)
        page.keyboard.press("0")
        expect(page.locator(".toast [role=status]")).to_have_text("Liên quan: không liên quan")
        expect(page.locator(".hits > li.current .hidden-note")).to_be_visible()
        clean()
    page.locator(".toast a").click()
    expect(page.locator(".deed")).to_be_visible()
    clean()
    for article, payload in zip(evil, PAYLOADS, strict=True):
        path = f"/articles/{quote(article.id, safe='')}"
        page.goto(path)
        assert page.locator("#notes .note-text").inner_text().split() == payload.split()
        assert page.locator(".body p").first.inner_text().split() == payload.split()
        clean()
        page.goto(f"{path}/why")
        clean()
        page.goto(f"{path}/changes")
        expect(page.locator(".words ins").first).to_be_visible()
        clean()
        page.goto(f"{path}/fix?next={quote(payload)}")
        expect(page.locator("#fix")).to_be_visible()
        clean()
    page.wait_for_load_state("networkidle")
    clean()


STATES = ("article", "menu", "help", "chosen", "toast", "changes", "why", "deed")


@pytest.mark.parametrize("form", ["light", "dark", "phone"])
def test_axe_finds_nothing_serious(open_as: OpenAs, desk: tuple[Office, str], form: str) -> None:
    office, _ = desk
    add_note(office.state, LANDSLIDE_ID, "Đã gọi xã.", "editor", office.clock())
    page = open_as(f"/articles/{LANDSLIDE_ID}", width=360 if form == "phone" else 1280, dark=form == "dark")
    for summary in page.locator("main summary").all():
        summary.click()
    found = {"article": serious_findings(page)}
    page.goto(FOUND)
    page.keyboard.press("j")
    page.keyboard.press("e")
    expect(page.locator("dialog[open] h1")).to_be_visible()
    found["menu"] = serious_findings(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dialog[open] #keys")).to_be_visible()
    found["help"] = serious_findings(page)
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    page.locator(".bulk-more summary").click()
    found["chosen"] = serious_findings(page)
    page.keyboard.press("Tab")
    page.locator('#bulk button[value="irrelevant"]').click()
    expect(page.locator(".toast")).to_be_visible()
    found["toast"] = serious_findings(page)
    page.locator(".toast a").click()
    expect(page.locator(".deed")).to_be_visible()
    found["deed"] = serious_findings(page)
    page.goto(f"/articles/{LANDSLIDE_ID}/changes?revision=2")
    found["changes"] = serious_findings(page)
    page.goto(f"/articles/{LANDSLIDE_ID}/why")
    expect(page.locator("mark.weight").first).to_be_visible()
    found["why"] = serious_findings(page)
    assert found == {state: [] for state in STATES}


@pytest.mark.parametrize(
    "path", [f"/articles/{LANDSLIDE_ID}", FOUND, "/articles/landslide/fix", "/articles/landslide/changes?revision=2", "/keys"]
)
def test_no_page_is_wider_than_a_small_telephone(open_as: OpenAs, path: str) -> None:
    page = open_as(path, width=320)
    for pick in page.locator(".pick").all():
        pick.check()
    for summary in page.locator("main details > summary").all():
        if summary.is_visible():
            summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("path", [f"/articles/{LANDSLIDE_ID}", FOUND])
def test_paper_shows_what_is_read_and_no_navigation(open_as: OpenAs, path: str) -> None:
    page = open_as(path, dark=True)
    page.emulate_media(media="print", color_scheme="dark")
    for unwanted in (
        "nav#pages",
        "form.search",
        ".pick",
        ".fix-open",
        "#bulk",
        "a.language",
        "form.account-bar",
        "#corrections",
        ".note-form",
    ):
        for one in page.locator(unwanted).all():
            expect(one).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    if path != FOUND:
        expect(page.locator(".printed-address")).to_have_text("https://songtien.example/moi-truong/sat-lo.html")
        expect(page.locator(".printed-address")).to_be_visible()
        expect(page.locator(".body")).to_contain_text("Rạng sáng 19/11")
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert HOSTILE_ID not in page.url
