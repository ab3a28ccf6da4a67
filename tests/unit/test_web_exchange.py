"""The API for other systems: the examples of docs/accounts.md, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from crawlers.runs import read_run
from tests.unit.accounts_desk import Office, office_with_users
from web.accounts.keys import add_key

RECORD = {"Mã phiếu": "PA-1", "Nội dung": "Đường ngập, gọi 0912 345 678", "Ngày gửi": "20/11/2026 07:30", "Họ tên": "Trần Văn Kín"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_with_users(tmp_path) as office:
        yield office


def key(office: Office, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {add_key(office.state, 'IOC', scopes, timedelta(days=1), office.clock(), 'admin')[1]}"}


def send(office: Office, records: Any, **more: Any) -> Response:
    return office.visitor().client.post("/api/feedback", json={"records": records, **more}, headers=key(office, "feedback"))


def runs(office: Office) -> list[Path]:
    return sorted(office.app.state.desk.settings.runs_folder.glob("*"))


def test_alerts_are_read_with_a_key(office: Office) -> None:
    headers = key(office, "alerts")
    found = office.visitor().get("/api/alerts", headers=headers).json()["alerts"]
    assert [(alert["id"], alert["state"]) for alert in found] == [("a1b2c3", "open"), ("closed1", "closed")]
    assert found[0]["link"] == "http://127.0.0.1:8000/alerts/a1b2c3"
    assert found[0]["observed"] == 5
    closed = office.visitor().get("/api/alerts?state=closed&limit=1", headers=headers).json()["alerts"]
    assert [alert["id"] for alert in closed] == ["closed1"]
    assert office.visitor().get("/api/alerts?state=any", headers=headers).status_code == 422


def test_feedback_waits_for_the_next_round_without_the_sender(office: Office) -> None:
    answer = send(office, [RECORD, {"Mã phiếu": "", "Nội dung": "không có mã"}, RECORD | {"Mã phiếu": "PA-2"}])
    assert answer.status_code == 202
    body = answer.json()
    assert body["accepted"] == 2
    assert [one["record"] for one in body["rejected"]] == [2]
    (folder,) = runs(office)
    assert folder.name == body["run"]
    articles = list(read_run(folder).articles())
    assert [article.kind for article in articles] == ["feedback", "feedback"]
    assert len({article.id for article in articles}) == 2
    kept = "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    assert "0912 345 678" not in kept
    assert "Trần Văn Kín" not in kept
    entry = office.log("feedback.take")[0]
    assert entry.who.startswith("key:")
    assert entry.after == {"run": folder.name, "records": 2}


@pytest.mark.parametrize(
    ("records", "more"),
    [
        ([], {}), ([RECORD] * 1_001, {}), ([{"a": "b"}], {}), ("text", {}), ([1], {}), ([RECORD], {"source": "../../etc"}),
        ([RECORD], {"source": "A B"}), ([RECORD], {"extra": 1}), ([{"Mã phiếu": "1", "Nội dung": ""}], {}),
        ([{"Mã phiếu": "1", "Nội dung": "x", "Ngày": "hôm qua"}], {}),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_and_nothing_is_written(office: Office, records: Any, more: dict[str, Any]) -> None:
    answer = send(office, records, **more)
    assert answer.status_code == 422
    assert runs(office) == []


def test_giant_and_broken_bodies_are_refused(office: Office) -> None:
    headers = key(office, "feedback") | {"Content-Type": "application/json"}
    client = office.visitor().client
    assert client.post("/api/feedback", content=b" " * 2_000_001, headers=headers).status_code == 413
    for content in (b"", b"{", b"[" * 100_000, b"\xff", b"null"):
        assert client.post("/api/feedback", content=content, headers=headers).status_code in (400, 422)
    assert runs(office) == []


def test_a_users_session_needs_the_token_here_too(office: Office) -> None:
    editor = office.of("editor")
    body = {"records": [RECORD]}
    assert editor.client.post("/api/feedback", json=body).status_code == 403
    token = editor.token("/account")
    assert editor.client.post("/api/feedback", json=body, headers={"X-Form-Token": token}).status_code == 202
    assert office.of("reader").client.post("/api/feedback", json=body, headers={"X-Form-Token": token}).status_code == 403


def test_the_description_says_that_a_key_is_needed(office: Office) -> None:
    described = office.of("reader").get("/api/openapi.json").json()
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert bool(operation.get("security")) == path.startswith("/api/"), path
