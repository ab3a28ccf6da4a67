"""The API for other systems: the description is valid and true, and no call of it, however wrong, ends in a defect."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from httpx import Response
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from diembao.state import AlertRecord
from tests.browser.press import LANDSLIDE_ID
from tests.unit.accounts_desk import Office, office_with_users
from web.accounts.keys import SCOPES, add_key

VALUES = {"article_id": LANDSLIDE_ID, "alert_id": "a1b2c3", "story_id": "story-landslide"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office_with_users(tmp_path_factory.mktemp("api")) as office:
        yield office


@pytest.fixture(scope="module")
def headers(office: Office) -> dict[str, str]:
    return {"Authorization": f"Bearer {add_key(office.state, 'IOC', SCOPES, timedelta(days=1), office.clock(), 'admin', 6000)[1]}"}


@pytest.fixture(scope="module")
def description(office: Office, headers: dict[str, str]) -> dict[str, Any]:
    described: dict[str, Any] = office.visitor().get("/api/openapi.json", headers=headers).json()
    return described


def is_as_described(description: dict[str, Any], path: str, method: str, answer: Response) -> None:
    """Fail unless the document has this answer, with this form."""
    _DESCRIBED[id(description)] = description
    said = description["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in said, f"{method} {path}: {answer.status_code} is not described: {answer.text[:200]}"
    if answer.status_code == 304:
        assert answer.content == b""
        return
    validator = _validator(id(description), path, method, answer.status_code)
    problems = [f"{list(one.path)}: {one.message}" for one in validator.iter_errors(answer.json())]
    assert not problems, f"{method} {path}: {problems[:3]}"


_DESCRIBED: dict[int, dict[str, Any]] = {}


@cache
def _validator(described: int, path: str, method: str, status: int) -> Any:
    description = _DESCRIBED[described]
    schema = description["paths"][path][method.lower()]["responses"][str(status)]["content"]["application/json"]["schema"]
    registry = Registry().with_resource("urn:description", DRAFT202012.create_resource(description))
    return Draft202012Validator(_absolute(schema), registry=registry)


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: f"urn:description{value}" if name == "$ref" else _absolute(value) for name, value in schema.items()}
    return [_absolute(part) for part in schema] if isinstance(schema, list) else schema


def operations(description: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method.upper(), operation)
        for path, methods in description["paths"].items() if path.startswith("/api/") for method, operation in methods.items()
    ]  # fmt: skip


def test_the_description_is_valid_and_every_answer_has_a_model(description: dict[str, Any]) -> None:
    validate(description)  # type: ignore[arg-type]
    for path, method, operation in operations(description):
        assert operation["description"], path
        for status, said in operation["responses"].items():
            if status != "304":
                assert said["content"]["application/json"]["schema"], f"{method} {path} {status}"
        assert {"401", "403", "422", "429", "503"} <= set(operation["responses"]), path
        assert all(parameter.get("description") or parameter["name"] in VALUES or "limit" in parameter["name"]
                   for parameter in operation.get("parameters", [])), path  # fmt: skip
    assert "webhook-signature" in description["webhooks"]["alert"]["post"]["description"]


@pytest.mark.parametrize(
    "address",
    [
        "/api/search", "/api/search?q=sạt+lở&limit=50&copies=1", "/api/search?q=zzzz", "/api/search?group=story&limit=3",
        "/api/articles/landslide", "/api/articles/nothing", "/api/counts", "/api/counts?by=field",
        "/api/counts?by=place&sentiment=negative",
        "/api/counts?by=source&q=sạt", "/api/counts?by=kind&sentiment=positive", "/api/coverage", "/api/coverage?interval=day&unit=stories",
        "/api/stories", "/api/stories?q=sạt&limit=1", "/api/stories/story-landslide", "/api/stories/nothing", "/api/alerts",
        "/api/alerts?state=open", "/api/alerts/a1b2c3", "/api/alerts/nothing", "/api/search?q=(", "/api/search?after=xyz",
        "/api/coverage?interval=minute", "/api/counts?by=moon", "/api/alerts?after=xyz", "/api/search?from=2026-02-30&limit=-1",
    ],
)  # fmt: skip
def test_an_answer_is_as_described(office: Office, headers: dict[str, str], description: dict[str, Any], address: str) -> None:
    answer = office.visitor().get(address, headers=headers)
    path = address.partition("?")[0]
    template = next(
        one for one in description["paths"] if one == path or (one.endswith("}") and one.rpartition("/")[0] == path.rpartition("/")[0])
    )
    is_as_described(description, template, "GET", answer)
    if answer.status_code == 422:
        assert answer.json()["error"]["problems"], "it says what is wrong"


def test_counts_agree_with_searches(office: Office, headers: dict[str, str]) -> None:
    get = office.visitor().get
    for by in ("topic", "place", "source", "sentiment", "kind"):
        for one in get(f"/api/counts?by={by}", headers=headers).json()["counts"]:
            found = get("/api/search", params={by: one["value"], "limit": 0}, headers=headers).json()
            bad = get("/api/search", params={by: one["value"], "limit": 0, "sentiment": "negative"} if by != "sentiment" else
                      {"sentiment": one["value"], "limit": 0}, headers=headers).json()["total"]  # fmt: skip
            assert one["count"] == found["total"], (by, one)
            assert one["negative"] == (bad if by != "sentiment" or one["value"] == "negative" else 0), (by, one)
    fields = {one["value"]: one for one in get("/api/counts?by=field", headers=headers).json()["counts"]}
    culture = get("/api/search?topic=culture&topic=sport&limit=0", headers=headers).json()["total"]
    assert (fields["culture"]["count"], fields["culture"]["name"]) == (culture, "Văn hóa, thể thao và du lịch")
    assert (
        fields["environment"]["negative"]
        == get("/api/search?topic=environment&sentiment=negative&limit=0", headers=headers).json()["total"]
        > 0
    )


def test_pages_of_a_search_and_of_stories_are_whole(office: Office, headers: dict[str, str]) -> None:
    for address, limit, name in (("/api/search", 4, "hits"), ("/api/stories", 3, "stories")):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            answer = office.visitor().get(address, params={"limit": limit, "after": cursor}, headers=headers).json()
            found += [one["id"] for one in answer[name]]
            cursor = answer["cursor"]
        assert len(found) == len(set(found)) == answer["total"], address


def test_pages_of_alerts_are_whole_and_open_ones_first(tmp_path: Path) -> None:
    with office_with_users(tmp_path) as office:
        key = {"Authorization": f"Bearer {add_key(office.state, 'x', ['alerts'], timedelta(days=1), office.clock(), 'admin')[1]}"}
        with office.state.session() as session:
            (given, *_) = list(session.query(AlertRecord).all())
            for number in range(7):
                alert = {**given.alert, "id": f"more{number}", "state": "open" if number % 2 else "closed"}
                started = given.started_at - timedelta(hours=number // 2)
                session.add(AlertRecord(id=f"more{number}", rule="r", series="s", state=str(alert["state"]), started_at=started,
                                        updated_at=started, ended_at=None, mailed=0, alert=alert))  # fmt: skip
        for state in ("", "&state=open", "&state=closed"):
            found: list[dict[str, Any]] = []
            cursor: str | None = ""
            while cursor is not None:
                answer = office.visitor().get(f"/api/alerts?limit=2&after={cursor}{state}", headers=key).json()
                found += answer["alerts"]
                cursor = answer["cursor"]
            everything = office.visitor().get(f"/api/alerts?limit=200{state}", headers=key).json()["alerts"]
            assert [one["id"] for one in found] == [one["id"] for one in everything]
            assert len(everything) == {"": 9, "&state=open": 4, "&state=closed": 5}[state]
            states = [one["state"] for one in everything]
            assert states == sorted(states, reverse=True), "open ones first"


def test_what_did_not_change_is_not_sent_again(office: Office, headers: dict[str, str]) -> None:
    for address in ("/api/articles/landslide", "/api/counts", "/api/coverage", "/api/stories", "/api/alerts", "/api/alerts/a1b2c3"):
        first = office.visitor().get(address, headers=headers)
        tag = first.headers["etag"]
        again = office.visitor().get(address, headers=headers | {"If-None-Match": f'"x", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), address
        assert office.visitor().get(address, headers=headers | {"If-None-Match": '"x"'}).status_code == 200


def test_who_is_told_of_an_alert_is_the_offices_own_business(office: Office, headers: dict[str, str]) -> None:
    assert all(one["recipients"] == [] for one in office.visitor().get("/api/alerts", headers=headers).json()["alerts"])


def test_a_key_that_asks_too_often_is_told_to_wait(office: Office, description: dict[str, Any]) -> None:
    slow = {"Authorization": f"Bearer {add_key(office.state, 'slow', ['search'], timedelta(days=1), office.clock(), 'admin', 2)[1]}"}
    answers = [office.visitor().get("/api/counts", headers=slow) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    is_as_described(description, "/api/counts", "GET", answers[2])
    for wrong in ({}, {"Authorization": "Bearer nonsense"}):
        is_as_described(description, "/api/counts", "GET", office.visitor().get("/api/counts", headers=wrong))


ODD = [
    "", " ", "0", "-1", "99999999999999999999", "1e309", "null", "\x00", "a" * 3000, "'; DROP TABLE x--", "../../etc/passwd", "%00", "💥",
    "{{7*7}}", "(", '"', "[2026 TO", "a:b:c", "~", "*", "2026-13-45", "NaN", "\u202e", "AND OR NOT", "-", "+", "field:", "\ud7ff",
]  # fmt: skip


def test_no_parameter_however_odd_ends_in_a_defect(office: Office, headers: dict[str, str], description: dict[str, Any]) -> None:
    chance = random.Random(20261120)
    client = office.visitor().client
    tried = 0
    for path, method, operation in operations(description):
        if method != "GET":
            continue
        names = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
        # The routes that search read the same parameters in the same way.
        odd = ODD if path in ("/api/search", "/api/alerts") else chance.sample(ODD, 4)
        calls = [{name: value} for name, value in itertools.product(names, odd)]
        calls += [{name: chance.choice(ODD) for name in chance.sample(names, min(4, len(names)))} for _ in range(15)]
        for parameters in calls:
            answer = client.get(path.format(**VALUES), params=parameters, headers=headers)
            tried += 1
            is_as_described(description, path, "GET", answer)
        for value in ODD[2:]:
            if "{" in path:
                answer = client.get(path[: path.index("{")] + quote(value, safe=""), headers=headers)
                assert answer.status_code in (200, 307, 404, 422), (path, value, answer.status_code)
    assert tried > 500


def bodies() -> Iterator[Any]:
    record: dict[str, Any] = {"Mã phiếu": "1", "Nội dung": "x"}
    yield from (None, [], {}, 0, "x", {"records": None}, {"records": {}}, {"records": [None]}, {"records": [[]]}, {"records": ["x"]})
    for value in (
        None,
        [],
        {},
        0,
        1.5,
        True,
        "",
        "\x00",
        "a" * 300_000,
        {"a": {"b": []}},
        -0.0,
        1e308,
        "0912345678",
        "\ud83d\udca5",
        10**400,
    ):
        for name in ("Mã phiếu", "Nội dung", "Ngày gửi", "Lĩnh vực", "Liên kết", "Ngày trả lời"):
            yield {"records": [{**record, name: value}]}
        yield {"records": [record], "source": value}
        yield {"records": [record], "columns": value}
        yield {"records": [record], "columns": {"number": value}}
        yield {"records": [record], "extra": value}
    yield {"records": [{f"c{number}": number for number in range(300)}]}
    yield {"records": [{"": "x"}]}
    yield {"records": [{**record, "x" * 5000: 1}]}
    yield {"records": [record, {"khác": 1}, {}]}


def test_no_body_however_odd_ends_in_a_defect(tmp_path: Path, description: dict[str, Any]) -> None:
    with office_with_users(tmp_path) as office:
        key = add_key(office.state, "x", ["feedback"], timedelta(days=1), office.clock(), "admin", 6000)[1]
        client = office.visitor().client
        for body in bodies():
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            answer = client.post("/api/feedback", content=json.dumps(body).encode(), headers=headers)
            is_as_described(description, "/api/feedback", "POST", answer)


def test_a_record_is_taken_once_and_its_status_renewed(tmp_path: Path) -> None:
    with office_with_users(tmp_path) as office:
        key = add_key(office.state, "x", ["feedback"], timedelta(days=1), office.clock(), "admin")[1]

        def send(**record: str) -> dict[str, Any]:
            body = {"source": "app", "records": [record], "columns": {"number": "so"}}
            answer: dict[str, Any] = (
                office.visitor().client.post("/api/feedback", json=body, headers={"Authorization": f"Bearer {key}"}).json()
            )
            return {name: answer[name] for name in ("new", "changed", "updated", "unchanged")} | {"run": bool(answer["run"])}

        nothing = {"new": 0, "changed": 0, "updated": 0, "unchanged": 0}
        assert send(so="1", body="Đường ngập") == {**nothing, "new": 1, "run": True}
        assert send(so="1", body="Đường ngập") == {**nothing, "unchanged": 1, "run": False}
        assert send(so="1", body="Đường ngập", status="xong") == {**nothing, "updated": 1, "run": False}
        assert send(so="1", body="Đường ngập sâu", status="xong") == {**nothing, "changed": 1, "run": True}
