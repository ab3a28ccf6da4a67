"""`diembao tag` as a script outside calls it: lines in, lines out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-c", "from cli.main import main; main()", "tag"]


def run(tmp_path: Path, given: bytes, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    environment = {
        **os.environ,
        "DIEMBAO_HOME": str(tmp_path / "home"),
        "DIEMBAO_CONFIG": str(PROJECT / "config"),
        "PYTHONPATH": str(PROJECT),
    }
    done = subprocess.run([*COMMAND, *options], input=given, capture_output=True, cwd=tmp_path, env=environment, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


def lines(*records: object) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


@pytest.mark.parametrize("options", [(), ("--processes", "2"), ("--json",)])
def test_records_come_back_in_order_with_their_ids_and_unknown_fields(tmp_path: Path, options: tuple[str, ...]) -> None:
    records = [
        {"id": 7, "title": "Tiền Giang: ᴄʜíɴʜ qυʏềɴ số", "lead": None, "body": "Ông Lê Văn Hưởng ở Mỹ Tho.", "own": {"x": [1]}},
        {"title": "", "body": ""},
        {"id": "b", "title": "hoà bình và hòa bình", "published_at": "not a date", "entities": "nothing of ours"},
    ]
    code, found, errors = run(tmp_path, lines(*records), *options)
    assert code == 0, errors
    assert [record.get("id") for record in found] == [7, None, "b"]
    first = found[0]
    assert (first["title"], first["lead"], first["own"]) == ("Tiền Giang: chính quyền số", "", {"x": [1]})
    assert first["obfuscated"] is True
    assert {place["province"] for place in first["places"]} == {"Đồng Tháp"}
    assert all(first["body"][entity["start"] : entity["end"]] == entity["text"] for entity in first["entities"])
    assert first["steps"]["places"] >= 1
    assert found[1]["title"] == ""
    assert (found[2]["title"], found[2]["published_at"], found[2]["entities"]) == ("hoà bình và hòa bình", "not a date", [])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"{broken\n", "line 2 is not JSON"),
        (b"[1]\n", "line 2 is not a JSON object"),
        (b'{"lead": "x"}\n', "line 2 has no 'title'"),
        (b'{"title": {"a": 1}}\n', "line 2: field 'title'"),
        (b'{"title": "a", "body": 5}\n', "line 2: field 'body'"),
    ],
)
def test_an_unreadable_line_is_named_after_those_before_it(tmp_path: Path, bad: bytes, message: str) -> None:
    code, found, errors = run(tmp_path, lines({"id": "a", "title": "một"}) + bad + lines({"id": "c", "title": "ba"}))
    assert code == 1
    assert [record["id"] for record in found] == ["a"]
    assert message in errors
    assert len(errors.strip().splitlines()) == 1


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    assert run(tmp_path, b"\n\n")[:2] == (0, [])


def test_bytes_that_are_no_text_and_lone_surrogates_pass(tmp_path: Path) -> None:
    code, found, errors = run(tmp_path, b'{"id": "a", "title": "x\xff\xfe", "own": "\\ud800"}\n')
    assert code == 0, errors
    assert found[0]["id"] == "a"
    assert found[0]["own"] == "\ud800"


def test_address_source_and_day_settle_names_and_wrong_ones_do_no_harm(tmp_path: Path) -> None:
    title = "Cháy chợ ở huyện Châu Thành"
    records = [
        {"title": title},
        {"title": title, "url": "https://baolongan.vn/a"},
        {"title": title, "url": "https://[broken", "source": ["x"], "published_at": {"a": 1}},
        {"title": title, "url": 5, "source": None, "published_at": "9999-12-31T23:59:59Z"},
        {"title": "Đồng Tháp mưa", "published_at": "2020-05-01"},
        {"title": "Đồng Tháp mưa", "published_at": "2026-05-01T07:00:00+07:00"},
        {"title": "Đồng Tháp mưa", "published_at": "hôm qua"},
    ]
    code, found, errors = run(tmp_path, lines(*records))
    assert code == 0, errors
    assert [{place["province"] for place in record["places"]} for record in found[1:2]] == [{"Tây Ninh"}]
    assert found[0]["places"] == found[2]["places"] == found[3]["places"]
    assert [[place["code"] for place in record["places"]] for record in found[4:]] == [["87cu"], ["82"], ["82"]]
    for given, record in zip(records, found, strict=True):
        assert all(record[name] == given[name] for name in given)
