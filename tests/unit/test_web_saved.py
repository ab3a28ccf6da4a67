"""Saved searches on the page: one form for list, feed, mails and alert; who may do what; two people; nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from alerts.rules_editing import every_rule
from diembao.article import Article
from diembao.state import SavedSearch, UserRecord
from tests.browser.press import HOSTILE_TITLE, NOW
from tests.unit.accounts_desk import Office, Visitor, office_with_users
from web.accounts.feeds import feed_token
from web.accounts.users import find_user
from web.searching.addresses import SearchAddress
from web.searching.saved import LONGEST_NAME, MOST

MAIL = '\n[mail]\nrecipients = ["a@example.vn", "b@example.vn"]\n'
SEARCH = "/saved/new?q=s%E1%BA%A1t+l%E1%BB%9F&topic=environment"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        settings = office.app.state.desk.settings
        path = settings.config / "office.toml"
        path.write_text(path.read_text(encoding="utf-8") + MAIL, encoding="utf-8")
        settings.__dict__.pop("office", None)
        yield office


def fields(page: BeautifulSoup, selector: str = "form.saved-form") -> dict[str, Any]:
    """What a browser would send of the form when nothing is touched."""
    form = page.select_one(selector)
    assert form is not None, page.get_text()
    sent: dict[str, Any] = {}
    for control in form.select("input, select"):
        name = str(control.get("name") or "")
        if not name or control.has_attr("disabled"):
            continue
        if control.name == "select":
            chosen = control.select_one("option[selected]") or control.select_one("option")
            sent[name] = chosen.get("value") if chosen else ""
        elif control.get("type") in ("checkbox", "radio"):
            if control.has_attr("checked"):
                sent.setdefault(name, []).append(control.get("value"))
        elif name in sent:
            sent[name] = [*([sent[name]] if isinstance(sent[name], str) else sent[name]), control.get("value", "")]
        else:
            sent[name] = control.get("value", "")
    return sent


def send(visitor: Visitor, sent: dict[str, Any], **more: Any) -> Any:
    return visitor.client.post("/saved", data={**sent, "do": "save", **more})


def save(visitor: Visitor, path: str = SEARCH, **more: Any) -> str:
    """Save the search of `path`; the id of what was saved."""
    answer = send(visitor, fields(visitor.soup(path)), **more)
    assert answer.status_code == 303, BeautifulSoup(answer.text, "lxml").get_text()
    return str(answer.headers["location"]).partition("kept=")[2]


def save_alert(visitor: Visitor, path: str = SEARCH, **more: Any) -> str:
    """Save with an alert, as somebody does who presses the button twice: the first time shows what it would have done."""
    first = send(visitor, fields(visitor.soup(path)), wants_rule="1", **more)
    assert first.status_code == 200, BeautifulSoup(first.text, "lxml").get_text()
    page = BeautifulSoup(first.text, "lxml")
    assert "90 ngày qua" in page.select_one("#trial").get_text()  # type: ignore[union-attr]
    answer = send(visitor, fields(page))
    assert answer.status_code == 303, BeautifulSoup(answer.text, "lxml").get_text()
    return str(answer.headers["location"]).partition("kept=")[2]


def row(office: Office, saved: str) -> SavedSearch:
    with office.state.session() as session:
        found = session.get_one(SavedSearch, saved)
        session.expunge(found)
        return found


def rules(office: Office) -> dict[str, Any]:
    return {kept.file: kept.rule for kept in every_rule(office.app.state.desk.settings.alerts_folder)}


def test_a_search_is_saved_listed_opened_and_changed(office: Office) -> None:
    reader = office.of("reader")
    saved = save(reader, name="Sạt lở của tôi")
    page = reader.soup("/saved")
    assert "Đã lưu: Sạt lở của tôi" in page.get_text()[:2000] or "Sạt lở của tôi" in page.get_text()
    assert page.select_one(f"#saved-{saved} code").get_text() == "sạt lở"  # type: ignore[union-attr]
    opened = reader.get(f"/saved/{saved}")
    assert (opened.status_code, opened.headers["location"]) == (303, "/search?q=s%E1%BA%A1t+l%E1%BB%9F&topic=environment&sort=time")
    sent = fields(reader.soup(f"/saved/{saved}/edit"))
    assert (sent["name"], sent["q"], sent["s.topic"]) == ("Sạt lở của tôi", "sạt lở", "environment")
    assert send(reader, sent, name="Tên mới", q="sạt lở OR lún").status_code == 303
    kept = row(office, saved)
    assert (kept.name, kept.search, kept.version, kept.owner) == ("Tên mới", {"q": "sạt lở OR lún", "topic": ["environment"]}, 2, "reader")
    assert [(one.action, one.who) for one in office.log("saved")] == [("saved.make", "reader"), ("saved.change", "reader")]


def test_what_came_since_the_last_look_is_counted(office: Office) -> None:
    reader, other = office.of("reader"), office.of("admin")
    saved = save(reader, "/saved/new?q=h%E1%BA%A1n", name="Hạn")
    shared = save(office.of("editor"), "/saved/new?q=h%E1%BA%A1n", name="Hạn chung", is_shared="1")
    assert reader.soup("/saved").select_one(f"#saved-{saved} .badge") is None
    office.clock.move(timedelta(hours=2))
    record = {"id": "dry", "url": "https://x.example/dry", "source": "songtien", "title": "Hạn đến sớm", "body": "Ruộng khô."}
    seen = office.clock() - timedelta(hours=1)
    office.app.state.desk.engine.upsert([Article.model_validate({**record, "published_at": seen, "first_seen_at": seen})])
    assert reader.soup("/saved").select_one(f"#saved-{saved} .badge").get_text() == "1 bài mới"  # type: ignore[union-attr]
    reader.get(f"/saved/{saved}")
    assert reader.soup("/saved").select_one(f"#saved-{saved} .badge") is None
    # Each person has looked when they looked.
    assert reader.soup("/saved").select_one(f"#saved-{shared} .badge") is not None
    assert other.soup("/saved").select_one(f"#saved-{shared} .badge") is not None
    reader.get(f"/saved/{shared}")
    assert other.soup("/saved").select_one(f"#saved-{shared} .badge") is not None


def test_what_is_mine_is_nobody_elses(office: Office) -> None:
    saved = save(office.of("reader"), name="Riêng", has_feed="1")
    for role in ("editor", "admin"):
        visitor = office.of(role)
        assert "Riêng" not in visitor.get("/saved").text
        for path in ("", "/edit", "/feed.atom"):
            assert visitor.get(f"/saved/{saved}{path}").status_code == 404
        assert visitor.post(f"/saved/{saved}/remove", {"saved_version": "1"}, of="/saved/new?q=x").status_code == 404
        sent = fields(visitor.soup(SEARCH))
        assert send(visitor, sent | {"saved": saved, "saved_version": "1"}, name="Gestohlen").status_code == 409
    assert row(office, saved).name == "Riêng"


def test_what_is_everybodys_an_editor_changes_and_a_reader_sees(office: Office) -> None:
    saved = save(office.of("editor"), name="Chung", is_shared="1")
    reader = office.of("reader")
    assert "Chung" in reader.get("/saved").text
    assert reader.soup("/saved").select_one(f"#saved-{saved} .deeds") is None
    assert reader.get(f"/saved/{saved}/edit").status_code == 403
    assert reader.post(f"/saved/{saved}/remove", {"saved_version": "1"}, of="/saved/new?q=x").status_code == 403
    sent = fields(reader.soup(SEARCH))
    assert send(reader, sent, name="Mới", is_shared="1").status_code == 422
    assert send(reader, sent, name="Mới", wants_rule="1").status_code == 403
    assert rules(office) == {}
    admin = office.of("admin")
    assert send(admin, fields(admin.soup(f"/saved/{saved}/edit")), name="Chung hơn").status_code == 303


def test_who_is_no_editor_any_more_keeps_no_hold_on_an_alert(office: Office) -> None:
    editor = office.of("editor")
    alert, shared, own = save_alert(editor, name="Lún"), save(editor, name="Chung", is_shared="1"), save(editor, name="Riêng")
    with office.state.session() as session:
        session.get_one(UserRecord, "editor").role = "reader"
    for saved, expected in ((alert, 403), (shared, 403), (own, 200)):
        assert editor.get(f"/saved/{saved}/edit").status_code == expected
    sent = fields(editor.soup(SEARCH)) | {"saved": alert, "saved_version": "1", "name": "Khác"}
    assert send(editor, sent).status_code == 422
    assert len(rules(office)) == 1
    assert row(office, alert).rule


def test_an_alert_is_tried_then_kept_renamed_removed_and_brought_back_with_its_search(office: Office) -> None:
    editor = office.of("editor")
    saved = save_alert(editor, name="Sạt lở bờ sông", people=["a@example.vn"])
    (file,) = rules(office)
    rule = rules(office)[file]
    assert (rule.label, rule.query, rule.topics, rule.people) == ("Sạt lở bờ sông", "sạt lở", ("environment",), ("a@example.vn",))
    assert row(office, saved).rule == file
    assert "Cảnh báo" in editor.soup("/saved").select_one(f"#saved-{saved} .uses").get_text()  # type: ignore[union-attr]

    renamed = send(editor, fields(editor.soup(f"/saved/{saved}/edit")), name="Tên khác", q="sạt lở OR lún")
    page = BeautifulSoup(renamed.text, "lxml")
    assert renamed.status_code == 200  # another query: tried again first
    assert send(editor, fields(page)).status_code == 303
    assert list(rules(office)) == [file]
    assert (rules(office)[file].label, rules(office)[file].query) == ("Tên khác", "sạt lở OR lún")

    removed = editor.post(f"/saved/{saved}/remove", {"saved_version": str(row(office, saved).version)}, of="/saved")
    assert removed.status_code == 303
    assert rules(office) == {}
    assert editor.post(f"/saved/{saved}/restore", of="/saved").status_code == 303
    assert rules(office)[file].label == "Tên khác"
    assert row(office, saved).removed_at is None

    without = {name: value for name, value in fields(editor.soup(f"/saved/{saved}/edit")).items() if name != "wants_rule"}
    assert send(editor, without).status_code == 303
    assert rules(office) == {}
    assert row(office, saved).rule == ""
    actions = [one.action for one in office.log() if one.action.startswith(("saved.", "rule."))]
    assert actions == [
        "saved.make", "rule.make", "saved.change", "rule.change", "rule.remove", "saved.remove", "saved.restore", "rule.restore",
        "saved.change", "rule.remove",
    ]  # fmt: skip


def test_a_rule_that_was_taken_away_on_its_own_page_is_told_and_can_be_made_anew(office: Office) -> None:
    editor = office.of("editor")
    saved = save_alert(editor, name="Lún")
    (file,) = rules(office)
    (office.app.state.desk.settings.alerts_folder / f"{file}.toml").unlink()
    assert "Cảnh báo đã bị xóa" in editor.get("/saved").text
    page = editor.soup(f"/saved/{saved}/edit")
    assert "wants_rule" not in fields(page)
    first = send(editor, fields(page), wants_rule="1")
    assert send(editor, fields(BeautifulSoup(first.text, "lxml"))).status_code == 303
    assert len(rules(office)) == 1


def test_of_two_people_who_change_the_same_the_second_is_told(office: Office) -> None:
    editor, admin = office.of("editor"), office.of("admin")
    saved = save(editor, name="Chung", is_shared="1")
    first, second = fields(editor.soup(f"/saved/{saved}/edit")), fields(admin.soup(f"/saved/{saved}/edit"))
    assert send(editor, first, name="Của biên tập").status_code == 303
    answer = send(admin, second, name="Của quản trị")
    assert answer.status_code == 409
    assert "Của quản trị" in answer.text  # what was typed is still there
    assert row(office, saved).name == "Của biên tập"
    assert admin.post(f"/saved/{saved}/remove", {"saved_version": "1"}, of="/saved").status_code == 409
    assert row(office, saved).removed_at is None


def test_the_rule_changed_meanwhile_saves_neither(office: Office) -> None:
    editor = office.of("editor")
    saved = save_alert(editor, name="Lún")
    (file,) = rules(office)
    sent = fields(editor.soup(f"/saved/{saved}/edit"))
    path = office.app.state.desk.settings.alerts_folder / f"{file}.toml"
    path.write_text(path.read_text(encoding="utf-8") + "# by hand\n", encoding="utf-8")
    answer = send(editor, sent, name="Khác")
    assert answer.status_code == 409
    assert row(office, saved).name == "Lún"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "  "}, "đặt tên"),
        ({"wants_digest": "1", "digest_at": "25:00", "digest_to": ["a@example.vn"]}, "Giờ gửi thư"),
        ({"wants_digest": "1", "digest_at": "07:00", "digest_to": []}, "người nhận"),
        ({"wants_digest": "1", "digest_at": "07:00", "digest_to": ["spy@elsewhere.example"]}, "người nhận"),
        ({"q": '"chưa đóng'}, "ngoặc kép"),
        ({"wants_rule": "1", "kind": "nothing"}, "khi nào báo"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_lost(office: Office, changes: dict[str, Any], told: str) -> None:
    editor = office.of("editor")
    answer = send(editor, fields(editor.soup(SEARCH)) | {"name": "Tên dài để giữ lại"} | changes)
    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "lxml")
    assert told in page.select_one(".problem[role=alert]").get_text()  # type: ignore[union-attr]
    if "name" not in changes:
        assert fields(page)["name"] == "Tên dài để giữ lại"
    assert fields(page)["s.topic"] == "environment"
    assert "Chưa có tìm kiếm nào" in editor.get("/saved").text


def test_a_search_for_everything_is_refused(office: Office) -> None:
    reader = office.of("reader")
    assert send(reader, fields(reader.soup("/saved/new")), name="Tất cả").status_code == 422


def test_mails_are_asked_for_with_time_and_people(office: Office) -> None:
    reader = office.of("reader")
    saved = save(reader, wants_digest="1", digest_at="06:45", digest_to=["b@example.vn"], digest_empty="1")
    kept = row(office, saved)
    assert (kept.digest_at, kept.digest_to, kept.digest_empty, kept.digest_since) == ("06:45", ["b@example.vn"], True, NOW)
    assert "06:45: b@example.vn" in reader.get("/saved").text
    office.clock.move(timedelta(hours=1))
    send(reader, fields(reader.soup(f"/saved/{saved}/edit")), name="Chỉ đổi tên")
    assert row(office, saved).digest_since == NOW  # the same question goes on where it was
    send(reader, fields(reader.soup(f"/saved/{saved}/edit")), q="lún")
    assert row(office, saved).digest_since == NOW + timedelta(hours=1)


def test_dates_are_kept_for_the_list_only_and_the_page_says_so(office: Office) -> None:
    reader = office.of("reader")
    page = reader.soup(f"{SEARCH}&from=2026-11-01&to=2026-11-10&sort=time&after=x")
    assert "chỉ giữ khi mở lại danh sách" in page.get_text()
    saved = save(reader, f"{SEARCH}&from=2026-11-01&to=2026-11-10&sort=time", name="Đầu tháng")
    assert row(office, saved).search == {"q": "sạt lở", "from": "2026-11-01", "to": "2026-11-10", "topic": ["environment"]}


def test_hostile_names_queries_and_ids_are_text(office: Office) -> None:
    editor = office.of("editor")
    name = HOSTILE_TITLE[:LONGEST_NAME]
    save(editor, "/saved/new?q=x&place=%3Cscript%3E", name=name, is_shared="1")
    text = editor.get("/saved").text
    assert "<script>window" not in text
    assert "&lt;script&gt;" in text
    for bad in ("../../etc", "x" * 5000, "%00", "1' OR 1=1"):
        assert editor.get(f"/saved/{bad}").status_code == 404
        assert editor.get(f"/saved/{bad}/edit").status_code == 404


def test_there_are_not_too_many(office: Office) -> None:
    reader = office.of("reader")
    with office.state.session() as session:
        for number in range(MOST):
            session.add(
                SavedSearch(
                    id=f"n{number}", owner="reader", name=f"Số {number}", search={"q": "x"}, digest_to=[], digest_told=[], created_at=NOW,
                    updated_at=NOW,
                )
            )  # fmt: skip
    assert send(reader, fields(reader.soup(SEARCH)), name="Thêm").status_code == 422


def test_a_saved_search_is_a_feed_that_follows_its_changes(office: Office) -> None:
    reader = office.of("reader")
    saved = save(reader, "/saved/new?q=s%E1%BA%A1t+l%E1%BB%9F", name="Sạt lở", has_feed="1")
    address = str(reader.soup("/saved").select_one(f"#saved-{saved} input.copy")["value"])  # type: ignore[index]
    path = address.removeprefix(office.app.state.desk.settings.office.base_url)
    program = office.visitor()  # no cookie: a feed reader
    answer = program.get(path)
    assert answer.status_code == 200
    assert "Sạt lở bờ sông Tiền" in answer.text
    assert send(reader, fields(reader.soup(f"/saved/{saved}/edit")), q="cầu vượt").status_code == 303
    assert "Sạt lở bờ sông Tiền" not in program.get(path).text
    assert program.get(path[:-1] + ("0" if path[-1] != "0" else "1")).status_code == 303  # forged: to the login
    other = feed_token(office.state, find_user(office.state, "admin"))
    assert program.get(f"/saved/{saved}/feed.atom?token={other}").status_code == 404
    sent = {name: value for name, value in fields(reader.soup(f"/saved/{saved}/edit")).items() if name != "has_feed"}
    send(reader, sent)
    assert program.get(path).status_code == 404


def test_a_kept_search_survives_the_way_through_the_database() -> None:
    address = SearchAddress(q="a", from_="2026-01-01", topic=("health", "trade"), place=("Đồng Tháp",), story="s", sort="time", copies=True)
    again = SearchAddress.from_record(address.to_record())
    assert again == SearchAddress(q="a", from_="2026-01-01", topic=("health", "trade"), place=("Đồng Tháp",), story="s")
    assert SearchAddress.from_record({"q": "a", "sentiment": ["angry"], "unknown": "x"}) == SearchAddress(q="a")
