"""The page of the briefing: compiled, edited, sent, and two people who edit the same thing, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import docx
import pytest
from bs4 import BeautifulSoup, Tag
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select

from diembao.settings import Settings
from diembao.state import AlertMute, BriefingRecord, OutboxMessage, State
from tests.browser.press import HOSTILE_ID, LANDSLIDE, NOW, articles, press

DAY = "/briefing/2026-11-20"


class Desk:
    """The application, and forms as a browser sends them."""

    def __init__(self, app: FastAPI, state: State, client: TestClient) -> None:
        self.app, self.state, self.client = app, state, client

    def page(self, path: str = DAY, **parameters: str) -> BeautifulSoup:
        response = self.client.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return BeautifulSoup(response.text, "lxml")

    def form(self, page: BeautifulSoup, title: str) -> Tag:
        return next(form for form in page.select(".brief form") if title in form.select_one("h3").get_text())  # type: ignore[union-attr]

    def send(self, form: Tag, json: bool = False, **changes: str) -> Response:
        """What the browser sends of a form, with `changes`."""
        fields: dict[str, str] = {}
        for control in form.select("input[name], textarea[name], select[name]"):
            if control.get("type") == "checkbox" and not control.has_attr("checked"):
                continue
            chosen = control.select_one("option[selected]")
            value = chosen.get("value") if chosen else control.get("value") if control.name == "input" else control.get_text()
            fields[str(control["name"])] = str(value or "")
        headers = {"Accept": "application/json"} if json else {}
        fields |= changes
        return self.client.post(str(form["action"]), data=fields, headers=headers, follow_redirects=False)

    def compile(self) -> None:
        assert self.send(self.page().select_one("form[action$=compile]")).status_code == 303  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with press(tmp_path) as (app, engine, state):
        settings: Settings = app.state.desk.settings
        text = (settings.config / "office.toml").read_text(encoding="utf-8")
        (settings.config / "office.toml").write_text(text + '\n[mail]\nrecipients = ["a@example.vn"]\n', encoding="utf-8")
        settings.__dict__.pop("office", None)  # read again
        hostile = next(one for one in articles() if one.id == HOSTILE_ID).with_fields(published_at=NOW - timedelta(hours=3))
        engine.upsert([hostile])
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            yield Desk(app, state, client)


def test_a_day_without_a_briefing_offers_to_compile_it(desk: Desk) -> None:
    assert desk.client.get("/briefing", follow_redirects=False).headers["location"] == DAY
    assert not desk.page().select(".brief")
    desk.compile()
    page = desk.page()
    assert [LANDSLIDE in title.get_text() for title in page.select(".field h3")].count(True) == 1
    assert LANDSLIDE in page.get_text()
    assert "Sẽ gửi" in page.get_text() or "Đã quá giờ gửi" in page.get_text()
    assert not desk.page("/briefing/2026-11-18").select("form[action$=compile]")
    for path in ("/briefing/yesterday", "/briefing/2026-13-01", f"{DAY}/other.txt", "/briefing/2026-11-18/diem-bao.docx"):
        assert desk.client.get(path).status_code == 404


def test_edits_without_a_script(desk: Desk) -> None:
    desk.compile()
    form = desk.form(desk.page(), LANDSLIDE)
    changed = desk.send(form, title="Hỗ trợ 40 triệu", text="Ngắn gọn.", status="assigned", department="Sở X", note="Gọi\r\nlại")
    assert (changed.status_code, changed.headers["location"]) == (303, f"{DAY}#{form.parent['id']}")  # type: ignore[index]
    again = desk.form(desk.page(), "Hỗ trợ 40 triệu")
    assert "Ngắn gọn." in again.get_text()
    assert "Đã giao" in again.get_text()
    assert again.select_one("textarea[name=note]").get_text() == "Gọi\nlại"  # type: ignore[union-attr]
    assert desk.send(again).status_code == 303
    assert desk.form(desk.page(), "Hỗ trợ 40 triệu").select_one("[name=version]")["value"] == "2"  # type: ignore[index]
    document = docx.Document(BytesIO(desk.client.get(f"{DAY}/diem-bao.docx").content))
    assert "Hỗ trợ 40 triệu" in "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert desk.client.get(f"{DAY}/diem-bao.xlsx").content.startswith(b"PK")


def test_a_story_is_left_out_and_chosen_again(desk: Desk) -> None:
    desk.compile()
    assert desk.send(desk.form(desk.page(), LANDSLIDE), do="leave").status_code == 303
    page = desk.page()
    assert LANDSLIDE not in " ".join(one.get_text() for one in page.select(".field > .briefs"))
    assert LANDSLIDE in page.select_one(".others").get_text()  # type: ignore[union-attr]
    assert desk.send(desk.form(page, LANDSLIDE), do="choose").status_code == 303
    assert LANDSLIDE in " ".join(one.get_text() for one in desk.page().select(".field > .briefs"))


def test_a_conflict_shows_both_and_loses_neither(desk: Desk) -> None:
    desk.compile()
    mine = theirs = desk.form(desk.page(), LANDSLIDE)
    desk.client.post(f"{DAY}/who", data={"token": mine.select_one("[name=token]")["value"], "by": "Lan Anh"})  # type: ignore[index]
    desk.send(theirs, title="Của Lan")
    refused = desk.send(mine, title="Của Minh")
    assert refused.status_code == 409
    page = BeautifulSoup(refused.text, "lxml")
    form = desk.form(page, "Của Lan")
    assert "Lan Anh đã sửa mục này" in form.select_one("[role=alert]").get_text()  # type: ignore[union-attr]
    assert form.select_one("[name=title]")["value"] == "Của Minh"  # type: ignore[index]
    assert desk.send(form).status_code == 303, "saving once more is a decision"
    assert desk.form(desk.page(), "Của Minh")


def test_a_script_is_told_of_a_conflict_too(desk: Desk) -> None:
    desk.compile()
    form = desk.form(desk.page(), LANDSLIDE)
    saved = desk.send(form, json=True, title="Một").json()
    assert saved["theirs"]["title"] == "Một"
    refused = desk.send(form, json=True, title="Hai")
    assert refused.status_code == 409
    assert (refused.json()["version"], refused.json()["theirs"]["title"]) == (saved["version"], "Một")
    note = desk.page().select_one(".heading-note")
    assert note is not None
    assert desk.send(note, json=True, note="A").json()["version"] == 2
    assert desk.send(note, json=True, note="B").json()["theirs"] == {"note": "A"}


def test_a_wrong_link_keeps_what_was_typed(desk: Desk) -> None:
    desk.compile()
    refused = desk.send(desk.form(desk.page(), LANDSLIDE), link="javascript:alert(1)", note="Dòng dài")
    assert refused.status_code == 422
    form = desk.form(BeautifulSoup(refused.text, "lxml"), LANDSLIDE)
    assert form.select_one("textarea[name=note]").get_text() == "Dòng dài"  # type: ignore[union-attr]
    assert "https://" in form.select_one("[role=alert]").get_text()  # type: ignore[union-attr]


def test_sending_closes_it_and_responses_stay_open(desk: Desk) -> None:
    desk.compile()
    desk.send(desk.form(desk.page(), LANDSLIDE), title="Đã sửa")
    stale = desk.form(desk.page(), "Đã sửa")
    for _ in range(2):
        page = desk.page()
        form = page.select_one("form[action$=send]") or stale
        desk.client.post(f"{DAY}/send", data={"token": form.select_one("[name=token]")["value"]})  # type: ignore[index]
    with desk.state.session() as session:
        (mail,) = session.scalars(select(OutboxMessage))
        assert b"=C4=90=C3=A3 s=E1=BB=ADa" in mail.message
    assert desk.send(stale, title="Muộn rồi").status_code == 422
    assert not desk.page().select("form[action$=send], input[name=title][type=text], button[value=up]")
    assert desk.send(desk.form(desk.page(), "Đã sửa"), status="answered", link="https://tinh.vn/1").status_code == 303
    assert "Đã trả lời" in desk.form(desk.page(), "Đã sửa").get_text()


def test_what_the_web_wrote_is_shown_as_text(desk: Desk) -> None:
    desk.compile()
    page = desk.page()
    form = desk.form(page, "Tin lạ về bệnh viện")
    assert not page.select("main img, main iframe, main svg")
    assert not form.select("h3 a"), "an address that is none is no link"
    assert not any(str(link.get("href", "")).startswith("javascript") for link in page.select("a"))


def test_another_site_cannot_change_anything(desk: Desk) -> None:
    desk.compile()
    form = desk.form(desk.page(), LANDSLIDE)
    assert desk.send(form, token="x", title="Lạ").status_code == 403
    assert desk.client.post(f"{DAY}/send").status_code in (403, 413, 422)
    with desk.state.session() as session:
        assert session.get_one(BriefingRecord, "2026-11-20").sent_at is None


def test_in_english(desk: Desk) -> None:
    desk.compile()
    text = desk.page(lang="en").get_text()
    for wanted in ("Press briefing of 20/11/2026", "What we may have missed", "Not assigned", "Heading note"):
        assert wanted in text


def test_a_recipient_unsubscribes_from_the_mail(desk: Desk) -> None:
    desk.compile()
    token = desk.page().select_one("[name=token]")["value"]  # type: ignore[index]
    desk.client.post(f"{DAY}/send", data={"token": token})
    with desk.state.session() as session:
        (mail,) = session.scalars(select(OutboxMessage))
        message = message_from_bytes(mail.message, policy=policy.default)
    link = urlsplit(str(message["List-Unsubscribe"]).strip("<>")).path
    assert desk.client.get(link).status_code == 200
    with desk.state.session() as session:
        assert not list(session.scalars(select(AlertMute))), "mail scanners open every link"
    assert desk.client.post(link, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    with desk.state.session() as session:
        (mute,) = session.scalars(select(AlertMute))
        assert (mute.rule, mute.recipient, mute.until) == ("digest", "a@example.vn", None)
