"""Rules on the page: from a search to a rule, tried before it is kept; the list and what can be done there."""

from __future__ import annotations

import json
import threading
import time
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from click.testing import CliRunner
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select

from alerts.grading import mutes_by_rule
from alerts.rules_file import read_rules
from diembao.errors import EngineError
from diembao.settings import Settings
from diembao.state import AuditRecord, State
from tests.browser.press import NOW, press
from web.rules.form import KINDS, form_of_search
from web.rules.trials import Trial, Trials
from web.searching.addresses import SearchAddress

OFFICE = '\n[mail]\nrecipients = ["a@example.vn", "b@example.vn"]\n\n[[services]]\nname = "phone"\nurl_env = "PHONE"\n'


class Staff:
    """Somebody at the page."""

    def __init__(self, client: TestClient, settings: Settings, state: State) -> None:
        self.client, self.state = client, state
        self.settings, self.folder = settings, settings.alerts_folder

    def page(self, path: str) -> BeautifulSoup:
        return BeautifulSoup(self.client.get(path).text, "lxml")

    def fields(self, page: BeautifulSoup, selector: str = "form.rule") -> dict[str, Any]:
        """What a browser would send of the form when nothing is touched."""
        form = page.select_one(selector)
        assert form is not None
        sent: dict[str, Any] = {}
        for control in form.select("input, select"):
            name = str(control.get("name"))
            if control.name == "select":
                chosen = control.select_one("option[selected]") or control.select_one("option")
                assert chosen is not None
                sent[name] = chosen.get("value", chosen.get_text())
            elif control.get("type") in ("checkbox", "radio"):
                if control.has_attr("checked"):
                    sent.setdefault(name, []).append(control.get("value"))
            else:
                sent[name] = control.get("value", "")
        return sent

    def send(self, sent: dict[str, Any], **more: Any) -> Response:
        return self.client.post("/alerts/rules", data=sent | more, follow_redirects=False)

    def make(self, search: str = "/alerts/rules/new?q=s%E1%BA%A1t+l%E1%BB%9F", **changes: Any) -> Response:
        """Try, then keep, as somebody does who presses both buttons."""
        tried = self.send(self.fields(self.page(search)) | changes, do="try")
        assert tried.status_code == 200, tried.text
        return self.send(self.fields(BeautifulSoup(tried.text, "lxml")), do="save")

    def press_button(self, path: str, text: str) -> Response:
        """Press the first button of the page that is called so, outside of the rule's form."""
        for form in self.page(path).select("form"):
            button = form.select_one("button")
            if button is not None and button.get_text(strip=True) == text:
                sent = self.fields(BeautifulSoup(str(form), "lxml"), "form")
                if button.has_attr("name"):
                    sent[str(button["name"])] = button["value"]
                return self.client.post(str(form["action"]), data=sent, follow_redirects=False)
        raise AssertionError(f"no button {text!r}")

    def tables(self) -> dict[str, dict[str, Any]]:
        return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(self.folder.glob("*.toml"))}


@pytest.fixture
def staff(tmp_path: Path) -> Iterator[Staff]:
    with press(tmp_path) as (app, _, state):
        office = tmp_path / "config" / "office.toml"
        office.write_text(office.read_text(encoding="utf-8") + OFFICE, encoding="utf-8")
        settings: Settings = app.state.desk.settings
        settings.__dict__.pop("office", None)  # read before the recipients were added
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            yield Staff(client, settings, state)


def test_a_search_becomes_a_rule_that_is_tried_before_it_is_kept(staff: Staff) -> None:
    link = staff.page("/search?q=s%E1%BA%A1t+l%E1%BB%9F&topic=environment&place=%C4%90%E1%BB%93ng+Th%C3%A1p").select_one(
        'a[href^="/saved/new"][href*="alert=1"]'
    )
    assert isinstance(link, Tag)
    assert "checked" in str(staff.page(str(link["href"])).select_one("input[name=wants_rule]"))  # one form for list, feed, mail, alert
    page = staff.page(str(link["href"]).replace("/saved/new", "/alerts/rules/new"))
    assert page.select_one("button[value=save]") is None
    tried = staff.send(staff.fields(page) | {"label": "Sạt lở", "people": ["a@example.vn", "phone"]}, do="try")
    shown = BeautifulSoup(tried.text, "lxml")
    assert "quy tắc đã báo 1 lần trong 90 ngày qua" in shown.get_text()
    assert "Sạt lở bờ sông Tiền nuốt thêm ba căn nhà trong đêm" in str(shown.select_one("#trial"))
    assert staff.tables() == {}
    kept = staff.send(staff.fields(shown), do="save")
    assert (kept.status_code, kept.headers["location"]) == (303, "/alerts/rules?saved=sat-lo")
    assert staff.tables() == {
        "sat-lo": {"kind": "new_match", "name": "sat-lo", "label": "Sạt lở", "query": "sạt lở", "topics": ["environment"],
                   "places": ["Đồng Tháp"], "people": ["a@example.vn", "phone"], "each": "story", "negative": False},
    }  # fmt: skip
    assert "Đã lưu: Sạt lở." in staff.page(kept.headers["location"]).get_text()
    with staff.state.session() as session:
        [row] = session.scalars(select(AuditRecord).where(AuditRecord.action == "rule.make"))
        assert row.subject == "sat-lo"


def test_the_page_and_the_command_say_the_same(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    from cli.alerting import alerts

    assert (
        staff.make(label="Môi trường", topics=["environment"], query="", kind="story_reach", **{"story_reach.outlets": "2"}).status_code
        == 303
    )
    trial = BeautifulSoup(staff.send(staff.fields(staff.page("/alerts/rules/moi-truong/edit")), do="try").text, "lxml").select("#trial h3")
    monkeypatch.setattr("diembao.clock.utc_now", lambda: NOW)
    answer = json.loads(CliRunner().invoke(alerts, ["try", "moi-truong", "--json"], obj=staff.settings).stdout)
    assert answer["fired"] == 1
    assert [title.get_text() for title in trial] == [alert["title"] for alert in reversed(answer["alerts"])]


def test_what_was_changed_after_the_trial_is_tried_again_first(staff: Staff) -> None:
    tried = staff.fields(BeautifulSoup(staff.send(staff.fields(staff.page("/alerts/rules/new?q=lũ")), do="try").text, "lxml"))
    again = staff.send(tried | {"query": "sạt lở"}, do="save")
    assert again.status_code == 200
    assert "Quy tắc đã khác lúc thử" in again.text
    assert staff.tables() == {}
    renamed = staff.send(staff.fields(BeautifulSoup(again.text, "lxml")) | {"label": "Tên khác"}, do="save")
    assert renamed.status_code == 303  # a name changes nothing of what it does
    assert list(staff.tables()) == ["ten-khac"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_offered_can_be_made_changed_and_read_by_the_evaluation(staff: Staff, kind: str) -> None:
    assert staff.make("/alerts/rules/new?topic=environment", label="Một", kind=kind).status_code == 303
    [rule] = read_rules(staff.folder)
    assert rule.kind == kind
    fields = staff.fields(staff.page("/alerts/rules/mot/edit"))
    tried = staff.fields(BeautifulSoup(staff.send(fields, do="try").text, "lxml"))
    assert staff.send(tried, do="save").status_code == 303
    assert read_rules(staff.folder) == [rule]


def test_a_rule_can_become_one_of_another_kind(staff: Staff) -> None:
    staff.make("/alerts/rules/new?topic=environment", label="Một", kind="negative_spike")
    assert staff.tables()["mot"]["by"] == "nothing"
    fields = staff.fields(staff.page("/alerts/rules/mot/edit")) | {"kind": "story_reach"}
    tried = staff.fields(BeautifulSoup(staff.send(fields, do="try").text, "lxml"))
    assert staff.send(tried, do="save").status_code == 303
    assert staff.tables()["mot"] == {
        "kind": "story_reach", "name": "mot", "label": "Một", "topics": ["environment"],
        "outlets": 8, "within_hours": 48, "negative": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"query": "(lũ"}, ""),
        ({"query": "", "topics": []}, "mọi bài đều thành cảnh báo"),
        ({"label": " "}, "Hãy đặt tên"),
        ({"kind": "silent_source"}, "Hãy chọn khi nào báo"),
        ({"topics": ["money"]}, "Không có chủ đề “money”"),
        ({"kind": "story_reach", "story_reach.outlets": "1"}, "Từ bao nhiêu báo: hãy viết một số từ 2 đến 1000"),
        ({"kind": "story_reach", "story_reach.outlets": "²"}, "hãy viết một số từ 2 đến 1000"),
        ({"kind": "negative_spike", "negative_spike.false_alerts_per_year": "-1"}, "false_alerts_per_year"),
    ],
)
def test_a_wrong_answer_is_told_and_what_was_written_stays(staff: Staff, changes: dict[str, Any], words: str) -> None:
    fields = staff.fields(staff.page("/alerts/rules/new?q=l%C5%A9")) | {"label": "<b>Lũ</b>"}
    answer = staff.send(fields | changes, do="save")
    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "lxml")
    problem = page.select_one(".problem")
    assert problem is not None
    assert words in problem.get_text()
    assert problem.get_text(strip=True)
    assert page.select_one("input[name=label]")["value"] == changes.get("label", "<b>Lũ</b>").strip()  # type: ignore[index]
    assert staff.tables() == {}


def test_the_name_leads_nowhere_and_takes_no_other_ones_place(staff: Staff) -> None:
    staff.folder.mkdir(exist_ok=True)
    (staff.folder / "etc-passwd.toml").write_text('kind = "silent_source"\n', encoding="utf-8")
    assert staff.make(label="../../etc/passwd").headers["location"] == "/alerts/rules?saved=etc-passwd-2"
    assert staff.tables()["etc-passwd"] == {"kind": "silent_source"}
    assert sorted(path.name for path in staff.folder.parent.iterdir() if path.is_dir()) == ["alerts", "sources"]


def test_a_rule_is_paused_run_again_deleted_and_brought_back(staff: Staff) -> None:
    staff.make(label="Lũ")
    assert staff.press_button("/alerts/rules", "Tạm dừng").status_code == 303
    assert read_rules(staff.folder) == []
    assert staff.press_button("/alerts/rules", "Chạy lại").status_code == 303
    assert len(read_rules(staff.folder)) == 1
    before = staff.tables()
    removed = staff.press_button("/alerts/rules", "Xóa")
    assert staff.tables() == {}
    undo = staff.press_button(removed.headers["location"], "Hoàn tác")
    assert undo.headers["location"] == "/alerts/rules?saved=lu"
    assert staff.tables() == before
    staff.press_button("/alerts/rules", "Xóa")
    assert staff.press_button("/alerts/rules", "Lấy lại").status_code == 303
    assert staff.tables() == before
    with staff.state.session() as session:
        deeds = list(session.scalars(select(AuditRecord.action).order_by(AuditRecord.number)))
    assert deeds == ["rule.make", "rule.switch", "rule.switch", "rule.remove", "rule.restore", "rule.remove", "rule.restore"]


def test_a_rule_is_muted_for_one_person_and_told_again(staff: Staff) -> None:
    staff.make(label="Lũ")
    assert staff.press_button("/alerts/rules", "Tắt").status_code == 303
    assert mutes_by_rule(staff.state, NOW) == {"lu": ["a@example.vn"]}
    assert staff.press_button("/alerts/rules", "Gửi lại").status_code == 303
    assert mutes_by_rule(staff.state, NOW) == {}
    token = staff.fields(staff.page("/alerts/rules/lu/edit"))["token"]
    assert staff.client.post("/alerts/rules/lu/mute", data={"token": token, "who": "spy@example.vn"}).status_code == 422


def test_what_another_person_changed_meanwhile_is_not_written_over(staff: Staff) -> None:
    staff.make(label="Lũ")
    tried = staff.fields(BeautifulSoup(staff.send(staff.fields(staff.page("/alerts/rules/lu/edit")), do="try").text, "lxml"))
    path = staff.folder / "lu.toml"
    path.write_text(path.read_text(encoding="utf-8") + "most_per_day = 3\n", encoding="utf-8")
    answer = staff.send(tried, do="save")
    assert answer.status_code == 409
    assert "Người khác vừa sửa quy tắc này" in answer.text
    assert staff.tables()["lu"]["most_per_day"] == 3
    stale = {"token": tried["token"], "version": tried["version"]}
    for deed in ("switch", "remove"):
        assert staff.client.post(f"/alerts/rules/lu/{deed}", data=stale).status_code == 409
    assert staff.tables()["lu"]["most_per_day"] == 3


def test_nothing_is_done_without_the_token_of_our_page_or_on_the_word_of_another_site(staff: Staff) -> None:
    staff.make(label="Lũ")
    fields = staff.fields(staff.page("/alerts/rules/lu/edit"))
    for path in ("/alerts/rules", "/alerts/rules/lu/switch", "/alerts/rules/lu/remove", "/alerts/rules/lu/mute", "/alerts/rules/restore"):
        assert staff.client.post(path, data=fields | {"token": "guessed"}).status_code == 403
        assert staff.client.post(path, data=fields, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert staff.client.get(path, follow_redirects=False).status_code in (200, 404, 405)
    assert list(staff.tables()) == ["lu"]
    assert read_rules(staff.folder)


def test_a_broken_and_a_hand_written_rule_are_shown_and_not_touched(staff: Staff) -> None:
    staff.folder.mkdir(exist_ok=True)
    (staff.folder / "broken.toml").write_text('kind = "new_match"\nfoo = 1', encoding="utf-8")
    (staff.folder / "<i>.toml").write_text('kind = "silent_source"\nname = "quiet"\nlabel = "<b>x</b>"', encoding="utf-8")
    text = staff.client.get("/alerts/rules").text
    assert "there is no such key" in text
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert staff.client.get("/alerts/rules/broken/edit").status_code == 422
    assert "chỉ sửa được trong tệp" in staff.client.get("/alerts/rules/%3Ci%3E/edit").text
    assert staff.client.get("/alerts/rules/..%2f..%2foffice/edit").status_code == 404
    assert staff.client.get("/alerts/rules/none/edit").status_code == 404
    english = staff.client.get("/alerts/rules?lang=en").text
    assert "Alert rules" in english


def test_names_that_lead_nowhere_are_told_on_the_page_and_by_the_command(staff: Staff) -> None:
    from cli.alerting import alerts

    office = staff.folder.parent / "office.toml"
    office.write_text(office.read_text(encoding="utf-8") + '[[people]]\naddress = "c@d.vn"\nrules = ["lu", "lũ-cũ"]\n', encoding="utf-8")
    staff.settings.__dict__.pop("office", None)
    staff.make(label="Lũ")
    path = staff.folder / "lu.toml"
    path.write_text(path.read_text(encoding="utf-8") + 'people = ["phone", "c@d.vn", "fone"]\n', encoding="utf-8")
    told = (
        "office.toml: people c@d.vn: there is no rule 'lũ-cũ'",
        "rule lu: people: 'fone' is neither a mail address nor the name of a service",
    )
    page = [problem.get_text() for problem in staff.page("/alerts/rules").select(".problem")]
    assert page == list(told)
    assert all(line in CliRunner().invoke(alerts, ["list"], obj=staff.settings).stderr for line in told)


def test_a_search_is_kept_as_the_query_language_says_it(staff: Staff) -> None:
    blamed = ("none", "authority")
    address = SearchAddress(
        q="lũ OR bão", topic=("environment",), sentiment=("negative",), critical_of=blamed, source=('a"b', "c"), kind=("portal",),
        story="s1", from_="2026-11-01",
    )  # fmt: skip
    form = form_of_search(address)
    assert form.kind == "negative_spike"
    assert form.notes == ("rule.note.time",)
    assert form.query == (
        '(lũ OR bão) AND source:("a\\"b" OR "c") AND kind:"portal" AND sentiment:"negative"'
        ' AND critical_of:(none OR authority) AND story:"s1"'
    )
    whole = SearchAddress(q="sạt lở OR kênh", sentiment=("negative",), source=("songtien", "baodongthap"), kind=("newspaper",))
    found = staff.client.get("/api/search", params=[*whole.pairs(), ("limit", "100")]).json()["hits"]
    same = staff.client.get("/api/search", params={"q": form_of_search(whole).query, "limit": "100"}).json()["hits"]
    assert found
    assert [hit["id"] for hit in same] == [hit["id"] for hit in found]


# -- trials --------------------------------------------------------------------------------------------------------------------------


def test_a_slow_trial_does_not_hold_up_the_page_and_is_found_later() -> None:
    trials, go = Trials(wait=0.05), threading.Event()
    done = Trial((), 1, None)

    def slow() -> Trial:
        go.wait(10)
        return done

    begun = time.monotonic()
    assert trials.ask("a", slow) is None
    assert trials.ask("a", slow) is None
    for number in range(10):  # more than may wait
        assert trials.ask(f"b{number}", slow) is None
    assert time.monotonic() - begun < 5
    go.set()
    for _ in range(100):
        if (found := trials.ask("a", slow)) is not None:
            break
    assert found is done
    assert trials.ask("b9", lambda: done) is done  # it was not queued behind the others, and may be asked again


def test_a_trial_that_failed_may_be_asked_again() -> None:
    trials = Trials()
    with pytest.raises(EngineError):
        trials.ask("a", lambda: (_ for _ in ()).throw(EngineError("away")))
    assert trials.ask("a", lambda: Trial((), 2, None)) == Trial((), 2, None)


def test_the_page_says_that_it_is_slow_and_can_save_all_the_same(staff: Staff) -> None:
    app = staff.client.app
    assert isinstance(app, FastAPI)
    go = threading.Event()
    app.state.rule_trials = Trials(wait=0.05)
    app.state.rule_trials._pool.submit(go.wait, 20)
    try:
        tried = staff.send(staff.fields(staff.page("/alerts/rules/new?q=l%C5%A9")), do="try")
        assert "Đang tính tiếp ở phía sau" in tried.text
        assert staff.send(staff.fields(BeautifulSoup(tried.text, "lxml")), do="save").status_code == 303
    finally:
        go.set()


def test_a_search_without_articles_and_a_short_past_are_told(staff: Staff) -> None:
    page = staff.send(staff.fields(staff.page("/alerts/rules/new?q=zzzz")), do="try").text
    assert "Không có bài nào khớp trong 90 ngày qua" in page
    assert f"từ {(NOW - timedelta(days=19)):%d/%m/%Y}" in page or "Mới có bài đều đặn từ" in page
