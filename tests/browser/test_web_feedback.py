"""The page of citizens' feedback in a real Chromium: from a workbook to a run, with and without scripts, at three widths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crawlers.runs import read_run
from diembao.settings import Settings
from tests.browser.axe import serious_findings
from tests.browser.conftest import OpenPage, Troubles
from tests.browser.press import press
from tests.unit.test_index_feedback import workbook
from web.serving import served

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

HEADINGS = ["Mã phiếu", "Họ và tên", "SĐT", "Diễn giải sự việc", "Ngày gửi", "Lĩnh vực", "Trạng thái"]
TEXT = "Đường số {0} ngập nước đã ba ngày, xin gọi 0912 345 67{1}"
ROWS = [
    [f"PA-{n}", "Trần Thị Giấu", "0909111222", TEXT.format(n, n % 10), f"{n % 9 + 10}/11/2026 07:30", "Tài nguyên và môi trường", "Mới"]
    for n in range(12)
]
ROWS.append(["PA-13", "Lê Văn Kín", "0909111333", "Đèn hỏng", "32/13/2026", "Khác", "Mới"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    with press(tmp_path_factory.mktemp("feedback")) as (app, _, _), served(app) as address:
        yield app.state.desk.settings, address


@pytest.fixture
def address(home: tuple[Settings, str]) -> str:
    return home[1]


@pytest.fixture(autouse=True)
def refusals(troubles: Troubles) -> Iterator[None]:
    """A form that is refused is a message of the console too."""
    yield
    troubles[:] = [one for one in troubles if "422" not in one]


def send(page: Page, source: str, tmp_path: Path) -> None:
    file = tmp_path / "bao-cao-1022.xlsx"
    file.write_bytes(workbook(["BÁO CÁO TỔNG ĐÀI 1022"], [], HEADINGS, *ROWS, merged=("A1:G1",)))
    page.get_by_label("Tệp", exact=True).set_input_files(file)
    page.get_by_label("Nguồn", exact=True).fill(source)
    page.get_by_role("button", name="Đọc tệp").click()
    page.wait_for_url("**/feedback/*")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
def test_from_a_workbook_to_a_run(open_page: OpenPage, home: tuple[Settings, str], tmp_path: Path, javascript: bool) -> None:
    source = "tong-dai" if javascript else "ung-dung"
    page = open_page("/feedback", javascript=javascript)
    expect(page.get_by_role("navigation", name="Trang").get_by_role("link", name="Phản ánh")).to_have_attribute("aria-current", "page")
    send(page, source, tmp_path)
    assert "Trần Thị Giấu" not in page.content()
    assert "0912 345" not in page.content()
    expect(page.get_by_text("Họ và tên, SĐT")).to_be_visible()
    page.get_by_role("button", name="Nhận").click()
    expect(page.get_by_role("alert")).to_contain_text("text")  # the heading of the text is not a usual one
    page.get_by_label("Nội dung (cần có)").select_option("Diễn giải sự việc")
    page.get_by_role("button", name="Nhận 13 bản ghi").click()
    page.wait_for_url("**/result")
    expect(page.get_by_role("status")).to_contain_text("Mới12")
    expect(page.get_by_text("32/13/2026")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Tải tệp các bản ghi này để sửa").click()
    assert "Đèn hỏng" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    run = max(home[0].runs_folder.iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    articles = list(read_run(run).articles())
    assert {article.source for article in articles} == {source}
    assert "091x xxx xxx" in articles[0].body
    # the next file of this source is understood at once
    page.goto("/feedback")
    expect(page.get_by_role("row", name=source)).to_contain_text("12")
    send(page, source, tmp_path)
    page.get_by_role("button", name="Nhận 13 bản ghi").click()
    expect(page.get_by_role("status")).to_contain_text("Không đổi12")


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_everybody_can_use_it_and_pictures_are_kept(
    open_page: OpenPage, keep_screenshot: Callable[[Page, str], None], tmp_path: Path, width: int
) -> None:
    for dark in (False, True):
        page = open_page("/feedback", width=width, dark=dark)
        for name in ("feedback", "feedback-columns", "feedback-result"):
            if name == "feedback-columns":
                send(page, "hotline", tmp_path)
            elif name == "feedback-result":
                page.get_by_label("Nội dung (cần có)").select_option("Diễn giải sự việc")
                page.get_by_role("button", name="Nhận 13 bản ghi").click()
                page.wait_for_url("**/result")
            assert serious_findings(page) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the screen"
            keep_screenshot(page, f"{name}-{width}{'-dark' if dark else ''}")
    page.goto("/feedback?lang=en")
    expect(page.get_by_role("heading", name="Citizens' feedback")).to_be_visible()


def test_a_file_that_cannot_be_read_says_why_at_its_place(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/feedback")
    for name, content, reason in (
        ("a.xls", b"\xd0\xcf", ".xlsx"),
        ("a.csv", b"", "không có bản ghi"),
        ("a.xlsx", b"PK\x03\x04x", "giải nén"),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        page.get_by_label("Tệp", exact=True).evaluate("field => field.removeAttribute('accept')")
        page.get_by_label("Tệp", exact=True).set_input_files(file)
        page.get_by_role("button", name="Đọc tệp").click()
        expect(page.get_by_role("alert")).to_contain_text(reason)
