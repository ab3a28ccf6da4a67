"""The pages of the sources: what they show, who may do what, and that what they write is what a crawl reads."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from alerts.health.kept import judge_all, note, status_of
from crawlers.inspection import Entrance, Inspection, Sample
from crawlers.registry import choose, read_each
from diembao.errors import DiembaoError
from diembao.source_round import SourceRound
from tests.browser.press import NOW
from tests.unit.accounts_desk import Office, office_with_users
from web.sources import checks as source_checks

HOSTILE = '<script>alert(1)</script>" onload="x'


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        folder = folder_of(office)
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.toml"):
            path.unlink()
        entry = '# của tòa soạn\nname = "Báo Khỏe"\ndomain = "khoe.vn"\nprovince = "Đồng Tháp"\nfeeds = ["https://khoe.vn/rss"]  # chính\n'
        (folder / "khoe.toml").write_text(entry, encoding="utf-8")
        (folder / "chan.toml").write_text('name = "Báo Chặn"\ndomain = "chan.vn"\nfeeds = ["https://chan.vn/rss"]\n', encoding="utf-8")
        (folder / "tat.toml").write_text('name = "Báo Tắt"\ndomain = "tat.vn"\nenabled = false\nmedium = "portal"\n', encoding="utf-8")
        (folder / "hong.toml").write_text(f"name = '{HOSTILE}'\n", encoding="utf-8")
        yield office


def folder_of(office: Office) -> Path:
    folder: Path = office.app.state.desk.settings.sources_folder
    return folder


def crawled(office: Office) -> None:
    """Ten days of rounds: one source answers, the other refuses since yesterday evening."""
    begin = NOW - timedelta(days=10)
    with office.state.session() as session:
        for hour in range(240):
            at = begin + timedelta(hours=hour)
            well = SourceRound("khoe", f"r{hour}", at, polls=4, unchanged=3, pages=2, articles=2, new=[at, at], fates={"extracted": 2})
            note(session, [well])
            if hour < 222:
                note(session, [replace(well, source="chan")])
            else:
                problem = f"the feed answers HTTP 403 {HOSTILE} (https://chan.vn/rss)"
                note(session, [SourceRound("chan", f"r{hour}", at, polls=2, refused=2, problem=problem)])
    known, _ = read_each(folder_of(office))
    judge_all(office.state, [source for source in known.values() if source.enabled], NOW)


def rows(soup: BeautifulSoup) -> dict[str, str]:
    return {str(row["id"]): " ".join(row.get_text(" ").split()) for row in soup.select("tbody tr")}


def test_the_list_shows_what_needs_somebody_first_and_leaves_out_what_is_off(office: Office) -> None:
    crawled(office)
    soup = office.of("reader").soup("/sources")
    found = rows(soup)
    assert list(found) == ["chan", "hong", "khoe"], "broken, unreadable, healthy"
    assert "Hỏng" in found["chan"]
    assert "Từ chối cho đọc từ 21:00 19/11/2026 (máy chủ từ chối: " in found["chan"]
    assert "HTTP 403" in found["chan"]
    assert "Khỏe" in found["khoe"]
    assert "75" in found["khoe"], "three of four polls were unchanged"
    assert "Tệp lỗi" in found["hong"]
    assert not soup.select("tbody script"), "what a server or a file says is text"
    assert len(soup.select("#chan .gap")) == 1, "today; the days before it was asked for the first time are no gap"
    assert list(rows(office.of("reader").soup("/sources?state=off"))) == ["tat"]
    assert list(rows(office.of("reader").soup("/sources?state=all&kind=portal"))) == ["tat"]
    assert list(rows(office.of("reader").soup("/sources?province=Đồng Tháp"))) == ["khoe"]
    assert list(rows(office.of("reader").soup("/sources?q=bao+chan.vn"))) == []
    assert list(rows(office.of("reader").soup("/sources?q=chan.VN"))) == ["chan"]


def test_one_source_says_what_is_wrong_and_what_to_do_in_both_languages(office: Office) -> None:
    crawled(office)
    page = office.of("reader").get("/sources/chan?lang=en")
    assert "Refuses us since 21:00 19/11/2026" in page.text
    assert "Do not work around it" in page.text
    assert "<script>alert(1)" not in page.text
    assert "domain = &#34;chan.vn&#34;" in page.text, "its configuration"
    assert not BeautifulSoup(page.text, "lxml").select("main form"), "a reader has nothing to press"
    assert office.of("reader").get("/sources/nobody").status_code == 404
    assert office.of("reader").get("/sources/hong").status_code == 200


def test_a_paused_source_is_left_out_by_the_next_crawl_and_its_file_stays_a_persons(office: Office) -> None:
    editor = office.of("editor")
    version = editor.soup("/sources/khoe").select_one("input[name=version]")
    assert version is not None
    done = editor.post("/sources/khoe/pause", {"version": version["value"], "why": "tòa soạn  bảo trì"}, of="/sources/khoe")
    assert done.status_code == 303
    chosen, _ = choose(folder_of(office), [])
    assert [source.id for source in chosen] == ["chan"]
    text = (folder_of(office) / "khoe.toml").read_text(encoding="utf-8")
    assert text.startswith("# của tòa soạn\n")
    assert "# chính" in text
    page = editor.get("/sources/khoe").text
    assert "editor tạm dừng nguồn lúc 15:00 20/11/2026" in page
    assert "Lý do: tòa soạn bảo trì" in page
    assert "Tạm dừng" in rows(editor.soup("/sources"))["khoe"], "what staff paused stays in sight"
    stale = editor.post("/sources/khoe/resume", {"version": version["value"]}, of="/sources/khoe")
    assert stale.status_code == 409
    assert "Người khác vừa sửa" in stale.text
    fresh = editor.soup("/sources/khoe").select_one("input[name=version]")
    assert fresh is not None
    assert editor.post("/sources/khoe/resume", {"version": fresh["value"]}, of="/sources/khoe").status_code == 303
    assert [source.id for source in choose(folder_of(office), [])[0]] == ["chan", "khoe"]
    log = [(entry.action, entry.who, entry.subject, entry.after) for entry in office.log("source")]
    assert log == [
        ("source.pause", "editor", "khoe", {"enabled": False, "why": "tòa soạn bảo trì"}),
        ("source.resume", "editor", "khoe", {"enabled": True}),
    ]
    with office.state.session() as session:
        assert status_of(session, "khoe").paused == {}


def test_nothing_is_noted_when_the_file_cannot_be_written(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("web.pages.sources.write_whole", full)
    editor = office.of("editor")
    version = editor.soup("/sources/khoe").select_one("input[name=version]")
    assert version is not None
    done = editor.post("/sources/khoe/pause", {"version": version["value"]}, of="/sources/khoe")
    assert done.status_code == 422
    assert office.log("source") == []
    with office.state.session() as session:
        assert status_of(session, "khoe").paused == {}


def test_readers_change_nothing_and_no_form_goes_without_its_token(office: Office) -> None:
    before = {path.name: path.read_bytes() for path in folder_of(office).glob("*.toml")}
    reader, editor = office.of("reader"), office.of("editor")
    for path in ("/sources/khoe/pause", "/sources/khoe/resume", "/sources/khoe/check", "/sources/add", "/sources/checks/x/apply"):
        assert reader.post(path, {"version": "x"}, of="/account").status_code == 403, path
        assert editor.client.post(path, data={"version": "x"}).status_code == 403, path
    assert {path.name: path.read_bytes() for path in folder_of(office).glob("*.toml")} == before


@pytest.mark.parametrize("name", ["..%2F..%2Foffice", "%2e%2e", "khoe.toml", "KHOE", "x" * 300])
def test_no_name_leads_out_of_the_folder(office: Office, name: str) -> None:
    editor = office.of("editor")
    assert editor.get(f"/sources/{name}").status_code == 404
    assert editor.post(f"/sources/{name}/pause", {"version": ""}, of="/sources/khoe").status_code == 404


def test_a_source_without_a_way_in_is_not_switched_on(office: Office) -> None:
    editor = office.of("editor")
    version = editor.soup("/sources/tat").select_one("input[name=version]")
    assert version is not None
    done = editor.post("/sources/tat/resume", {"version": version["value"]}, of="/sources/tat")
    assert done.status_code == 409
    assert "Chưa biết đường nào" in done.text


def seen_of(domain: str, *, works: bool = True) -> Inspection:
    samples = [
        Sample(f"https://{domain}/{n}-a10{n}.html", filled=["title"], published="2026-11-20T01:00:00+00:00", body=900, title=HOSTILE)
        for n in range(5)
    ]
    feed = Entrance("feed", f"https://{domain}/rss", known=False, links=20, newest="2026-11-20", problem="" if works else "HTTP 404")
    return Inspection("x", "Báo Mới", entrances=[feed], samples=samples if works else [], problems=[] if works else ["nothing"])


def looked(office: Office, monkeypatch: pytest.MonkeyPatch, answer: Inspection | DiembaoError, path: str, form: dict[str, str]) -> Any:
    """Start a look that ends as `answer` says; (what was asked for, the page of the check when it is over, its address)."""
    asked: list[list[str]] = []

    def look(_settings: Any, arguments: list[str], _seconds: float, asks: Any) -> Inspection:
        asked.append(arguments)
        asks("https://moi.vn/robots.txt")
        if isinstance(answer, DiembaoError):
            raise answer
        return answer

    monkeypatch.setattr(source_checks, "look", look)
    editor = office.of("editor")
    begun = editor.post(path, form, of="/sources")
    assert begun.status_code == 303, begun.text
    address = begun.headers["location"]
    for _ in range(200):
        page = editor.soup(address)
        state = page.select_one("#check")
        assert state is not None
        if state["data-state"] != "running":
            return asked, page, address
        time.sleep(0.02)
    raise AssertionError("the check does not end")


def test_a_new_outlet_is_shown_before_it_is_written(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, page, address = looked(office, monkeypatch, seen_of("moi.vn"), "/sources/add", {"url": "moi.vn", "province": "Đồng Tháp"})
    assert asked == [["--url", "https://moi.vn/", "--province", "Đồng Tháp"]]
    # No article of the sample names the province, so it may not be what it is said to be.
    assert "Chưa dùng được" in page.text
    asked, page, address = looked(office, monkeypatch, seen_of("moi.vn"), "/sources/add", {"url": "https://moi.vn/tin/abc", "province": ""})
    assert "Dùng được" in page.text
    assert not page.select(".sample script")
    assert not (folder_of(office) / "moi.toml").exists(), "nothing is written yet"
    editor = office.of("editor")
    bad = editor.post(f"{address}/apply", {"name": "../../office", "enable": "1"}, of=address)
    assert bad.status_code == 409
    done = editor.post(f"{address}/apply", {"name": "bao-moi"}, of=address)
    assert done.headers["location"] == "/sources/bao-moi?saved=1"
    table = tomllib.loads((folder_of(office) / "bao-moi.toml").read_text(encoding="utf-8"))
    assert (table["enabled"], table["feeds"], table["domain"]) == (False, ["https://moi.vn/rss"], "moi.vn")
    again = editor.post(f"{address}/apply", {"name": "bao-moi-2", "enable": "1"}, of="/sources")
    assert again.status_code == 409, "a result is written once"
    (entry,) = office.log("source")
    assert (entry.action, entry.who, entry.subject) == ("source.add", "editor", "bao-moi")


def test_checking_an_entry_completes_it_when_staff_agree(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, page, address = looked(office, monkeypatch, seen_of("tat.vn"), "/sources/tat/check", {})
    assert asked == [["--source", "tat"]]
    assert "feeds: https://tat.vn/rss" in page.text
    done = office.of("editor").post(f"{address}/apply", {"enable": "1"}, of=address)
    assert done.status_code == 303
    known, _ = read_each(folder_of(office))
    assert (known["tat"].enabled, known["tat"].entrances) == (True, "verified")


def test_what_does_not_work_is_not_written(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder_of(office) / "tat.toml").read_bytes()
    _, page, address = looked(office, monkeypatch, seen_of("tat.vn", works=False), "/sources/tat/check", {})
    assert "Chưa dùng được" in page.text
    assert office.of("editor").post(f"{address}/apply", {"enable": "1"}, of="/sources").status_code == 409
    assert (folder_of(office) / "tat.toml").read_bytes() == before
    _, page, _ = looked(office, monkeypatch, DiembaoError("it took more than 150 s"), "/sources/tat/check", {})
    assert "it took more than 150 s" in page.text


def test_a_known_outlet_is_not_added_twice_and_an_address_must_be_one(office: Office) -> None:
    editor = office.of("editor")
    known = editor.post("/sources/add", {"url": "https://www.khoe.vn/tin"}, of="/sources")
    assert known.headers["location"] == "/sources/khoe?known=1"
    for wrong in ("", "   ", "javascript:alert(1)", "khoe", "ftp://bao.vn", "https://", HOSTILE):
        refused = editor.post("/sources/add", {"url": wrong}, of="/sources")
        assert refused.status_code == 422, wrong
        assert "<script>alert" not in refused.text


def test_a_check_whose_server_was_started_anew_does_not_run_for_ever(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_checks, "_run", lambda *_: None)
    editor = office.of("editor")
    address = editor.post("/sources/khoe/check", of="/sources/khoe").headers["location"]
    assert 'data-state="running"' in editor.get(address).text
    assert editor.post("/sources/khoe/check", of="/sources/khoe").headers["location"] == address, "one at a time for a source"
    office.clock.move(timedelta(minutes=5))
    assert 'data-state="failed"' in editor.get(address).text
