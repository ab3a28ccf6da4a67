"""Every kind of bad input through `diembao tag`: a defined result for each line, or one line that says what is wrong; never a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.tagging import tag
from diembao.article import Article
from diembao.errors import InputError
from diembao.settings import PROJECT, Settings
from nlp.tagging import Tagger

COMMAND = [sys.executable, "-c", "from cli.main import main; main()", "tag"]
MEGABYTE = 1_000_000
PROSE = "Ông Lê Văn An ở xã Hòa Bình, huyện Cái Bè, tỉnh Tiền Giang nói về nước sạch. "

DEFINED: dict[str, dict[str, Any]] = {
    "empty title": {"title": ""},
    "everything empty": {"title": "", "lead": "", "body": ""},
    "white space": {"title": " \t\n\u00a0\u3000", "body": "\n\n\n"},
    "one word": {"title": "Mưa"},
    "one letter": {"title": "à"},
    "a body alone": {"title": "", "body": "Công an tỉnh Đồng Tháp khởi tố hai cán bộ xã. Họ đã nhận tiền của dân."},
    "a body of 1 MB": {"title": "Dài", "body": PROSE * (MEGABYTE // len(PROSE.encode()) + 1)},
    "1 MB without a space": {"title": "Dài", "body": "x" * MEGABYTE},
    "1 MB of line feeds": {"title": "Dài", "body": "\n" * MEGABYTE},
    "a title of 100 kB": {"title": "mưa lớn ở Hà Nội " * 5000},
    "khong dau": {"title": "Cong an tinh Dong Thap khoi to hai can bo xa", "body": "Ho da nhan tien cua dan trong nhieu nam. " * 20},
    "English": {"title": "Vietnam posts record exports in October", "body": "The ministry said on Monday that trade had grown. " * 20},
    "mixed": {
        "title": "Hà Nội: startup Việt raises 5 million USD",
        "body": "Quỹ đầu tư said the deal was closed. Startup có trụ sở ở Hà Nội. " * 9,
    },
    "other scripts": {"title": "Москва 北京", "body": "العربية עברית ไทย हिन्दी " * 20},
    "emoji": {"title": "😀🎉", "body": "👨\u200d👩\u200d👧 ❤\ufe0f 🇻🇳 " * 50},
    "control characters": {"title": "Lũ\x00 ở\x1b[31m Huế\x07", "body": "\x00\x01\x02\x7f\x85\u2028\u2029" * 50},
    "zero width": {"title": "L\u200bũ ở\u00ad H\u200duế", "body": "\u200b\u200c\u200d\u2060\ufeff" * 200},
    "lone surrogates": {"title": "\ud800 Hà Nội", "lead": "\udc00", "body": "mưa \udfff\ud800 to " * 20},
    "unpaired at the end": {"title": "Hà Nội \ud83d"},
    "not characters": {"title": "\ufffe\uffff Hà Nội \U0010ffff", "body": "\ue000\uf8ff mưa"},
    "marks without letters": {"title": "\u0301\u0300\u0323", "body": "a" + "\u0301" * 5000},
    "right to left": {"title": "\u202eHà Nội\u202c mưa"},
    "numbers only": {"title": "123 456", "lead": "1", "body": "0912345678 1.234,5 12/3/2026 " * 100},
    "punctuation only": {"title": "...", "body": "((((\"'“‘-/\\{}[]<>" * 100},
    "markup": {"title": "<b>Lũ</b> &amp;amp; <script>alert(1)</script>", "body": "&#0;&#xd800;&#99999999;&nbsp;" * 50},
    "null fields": {"title": None, "lead": None, "body": None, "id": None},
    "fields of other types that are not read": {"title": "Mưa", "entities": 5, "places": "x", "steps": [], "published_at": {}, "topics": 1},
    "an id that is no text": {"title": "Mưa", "id": 7},
}
"""What is tagged, by what is bad about it."""

ABSTAINS = (
    "empty title", "everything empty", "white space", "khong dau", "English", "other scripts", "emoji", "numbers only", "punctuation only",
    "null fields",
)  # fmt: skip
"""Where there is no Vietnamese to read, the Vietnamese models abstain."""

REFUSED: dict[str, tuple[str, str]] = {
    "no title": ('{"body": "x"}', "line 2 has no 'title'"),
    "a title that is a number": ('{"title": 5}', "line 2: field 'title'"),
    "a title that is a list": ('{"title": ["a"]}', "line 2: field 'title'"),
    "a lead that is an object": ('{"title": "a", "lead": {}}', "line 2: field 'lead'"),
    "a body that is true": ('{"title": "a", "body": true}', "line 2: field 'body'"),
    "a list": ('["title"]', "line 2 is not a JSON object"),
    "a number": ("5", "line 2 is not a JSON object"),
    "null": ("null", "line 2 is not a JSON object"),
    "text": ('"title"', "line 2 is not a JSON object"),
    "half an object": ('{"title": "a"', "line 2 is not JSON"),
    "two objects": ('{"title": "a"}{"title": "b"}', "line 2 is not JSON"),
    "nested without end": ('{"title": "a", "x": ' + "[" * 200_000, "line 2 is not JSON"),
    "a number without end": ('{"title": "a", "x": ' + "9" * 10_000 + "}", "line 2 is not JSON"),
    "a control character unescaped": ('{"title": "a\x01b"}', "line 2 is not JSON"),
}


def run(tmp_path: Path, given: str) -> tuple[int, list[dict[str, Any]], str]:
    environment = {**os.environ, "DIEMBAO_HOME": str(tmp_path), "DIEMBAO_CONFIG": str(PROJECT / "config"), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([*COMMAND], input=given.encode("utf-8", "surrogatepass"), capture_output=True, env=environment, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.decode().splitlines()], done.stderr.decode()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    lines = "".join(json.dumps(record) + "\n" for record in DEFINED.values())
    code, records, errors = run(tmp_path_factory.mktemp("home"), lines)
    assert code == 0, errors
    assert errors.strip() == f"{len(DEFINED)} tagged"
    return dict(zip(DEFINED, records, strict=True))


@pytest.mark.parametrize("name", DEFINED)
def test_the_result_is_defined(found: dict[str, dict[str, Any]], name: str) -> None:
    record = found[name]
    tagger = Tagger(PROJECT / "config")
    assert record["steps"] == tagger.versions
    assert {"title", "lead", "body", "topics", "sentiment", "critical_of", "entities", "places"} <= record.keys()
    assert record.get("id") == DEFINED[name].get("id")
    assert sum(record["sentiment"]["scores"].values()) == pytest.approx(1, abs=0.01)
    for entity in record["entities"]:
        assert record["body"][entity["start"] : entity["end"]] == entity["text"]
    tagged = Article.from_record({key: value for key, value in record.items() if key not in ("id", "published_at")})
    assert tagged.title == record["title"]
    text = "".join(record[part] for part in ("title", "lead", "body"))
    assert not any("\ud800" <= letter <= "\udfff" for letter in text)


@pytest.mark.parametrize("name", ABSTAINS)
def test_models_abstain_where_there_is_no_vietnamese_to_read(found: dict[str, dict[str, Any]], name: str) -> None:
    record = found[name]
    assert record["topics"] == []
    assert record["sentiment"]["confident"] is False
    assert record["critical_of"]["confident"] is False
    assert record["sentiment"]["sentences"] == record["critical_of"]["sentences"] == []


def test_what_can_be_read_is_read(found: dict[str, dict[str, Any]]) -> None:
    assert found["a body alone"]["sentiment"]["label"] == "negative"
    assert {place["province"] for place in found["a body of 1 MB"]["places"]} == {"Đồng Tháp"}
    assert {place["province"] for place in found["lone surrogates"]["places"]} == {"Hà Nội"}
    assert found["zero width"]["title"] == "Lũ ở Huế"
    assert {place["province"] for place in found["zero width"]["places"]} == {"Huế"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_error_after_those_before_it(tmp_path: Path, name: str) -> None:
    line, message = REFUSED[name]
    settings = Settings(tmp_path, PROJECT / "config", "sqlite", f"sqlite:///{tmp_path}/state.sqlite")
    given = '{"id": "a", "title": "một"}\n' + line + '\n{"id": "c", "title": "ba"}\n'
    result = CliRunner().invoke(tag, [], obj=settings, input=given)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)
    assert [json.loads(printed)["id"] for printed in result.stdout.splitlines()] == ["a"]


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    code, records, errors = run(tmp_path, '{"title": "một"}\n{"title": 5}\n')
    assert (code, len(records), len(errors.strip().splitlines())) == (1, 1, 1)
    assert "line 2: field 'title'" in errors
