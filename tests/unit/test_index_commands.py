"""The commands index, search, export, import and reindex."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.coverage import coverage, words
from cli.indexing import export, import_, index, reindex, search
from diembao.errors import DiembaoError, QueryError, UsageError
from diembao.settings import Settings

PROJECT = Path(__file__).parents[2]
ARTICLES: list[dict[str, Any]] = [
    {"id": "a", "title": "Lũ quét ở Lào Cai", "url": "https://bao.example/a", "published_at": "2026-11-20T10:00:00+07:00",
     "topics": [{"code": "environment", "score": 0.9}], "sentiment": {"label": "negative"}, "source": "baolaocai"},
    {"id": "b", "title": "Lũ lịch sử", "published_at": "2026-11-20T23:59:00+07:00", "copy_of": "a", "source": "tin24"},
    {"id": "c", "title": "=HYPERLINK(\"http://x\")", "body": "Đồng Tháp được mùa", "published_at": "2026-11-21T00:00:00+07:00",
     "places": [{"code": "87", "name": "Tỉnh Đồng Tháp", "level": "province", "province": "Đồng Tháp"}], "source": "vnx"},
]  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, PROJECT / "config", "sqlite", f"sqlite:///{tmp_path / 'state.sqlite'}")


def lines(*records: object) -> str:
    return "".join((record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records)


def run(command: Any, settings: Settings, *arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(command, list(arguments), obj=settings, input=text)


def answer(command: Any, settings: Settings, *arguments: str, text: str = "") -> Any:
    result = run(command, settings, *arguments, text=text)
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


@pytest.fixture
def filled(settings: Settings) -> Settings:
    assert answer(index, settings, text=lines(*ARTICLES)) == {"indexed": 3, "unchanged": 0, "revised": 0, "rejected": 0}
    return settings


def test_index_counts_what_became_of_each_line(filled: Settings) -> None:
    assert answer(index, filled, text=lines(*ARTICLES, {**ARTICLES[0], "title": "Lũ ống"})) == {
        "indexed": 0, "unchanged": 3, "revised": 1, "rejected": 0,
    }  # fmt: skip


def test_index_names_a_rejected_line_and_keeps_the_others(settings: Settings) -> None:
    text = lines("no json", ARTICLES[0], "[1]", {"title": "nameless"}, "", {"id": "x"}, {"id": "y", "title": "t", "published_at": "soon"})
    result = run(index, settings, text=text)
    assert json.loads(result.stdout) == {"indexed": 1, "unchanged": 0, "revised": 0, "rejected": 5}
    assert isinstance(result.exception, DiembaoError)
    for number in (1, 3, 4, 6, 7):
        assert f"line {number}" in result.stderr
    assert [hit["id"] for hit in answer(search, settings, "--json")["hits"]] == ["a"]


def test_absurd_input_is_one_line_each_and_nothing_is_lost(settings: Settings) -> None:
    records: list[Any] = [
        {"id": "a", "title": "Lũ", "published_at": "1970-01-01T00:00:00Z"},
        {"id": "b", "title": "Lũ", "published_at": "2099-01-01"},
        {"id": "c", "title": "Lũ"},
        {"id": "d", "title": "Lũ", "body": "mưa " * 250_000},
        {"id": "e", "title": "Lũ", "tags": [f"nhãn {number}" for number in range(10_000)]},
        '{"id": "f", "title": "Lũ \\ud800", "tags": ["\\udfff"]}',
        {"id": "g", "title": "Lũ", "published_at": "hôm qua"},
        '{"id": "h", "title": "Lũ \\ud8',
        {"id": "i", "title": "Lũ", "published_at": "2026-11-20"},
    ]
    result = run(index, settings, text=lines(*records))
    assert isinstance(result.exception, DiembaoError)
    assert json.loads(result.stdout) == {"indexed": 7, "unchanged": 0, "revised": 0, "rejected": 2}
    told = [line.partition(":")[0] for line in result.stderr.splitlines()]
    assert "line 1" in told
    assert "line 2" in told
    assert sum("rejected: line" in line for line in result.stderr.splitlines()) == 2
    assert len(result.stderr.splitlines()) == 4
    found = answer(search, settings, "lũ", "--json", "--limit", "20")
    assert {hit["id"] for hit in found["hits"]} == set("abcdefi")


def test_search_answers_in_json(filled: Settings) -> None:
    found = answer(search, filled, "lu", "--json")
    assert found["total"] == 1
    assert found["took_ms"] > 0
    assert found["facets"]["topic"] == [{"value": "environment", "count": 1}]
    hit = found["hits"][0]
    assert (hit["id"], hit["url"], hit["published_at"], hit["copies"]) == ("a", "https://bao.example/a", "2026-11-20T03:00:00Z", 1)
    assert hit["highlights"]["title"] == "**Lũ** quét ở Lào Cai"
    assert isinstance(hit["score"], float)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["lũ", "--copies"], {"a", "b"}),
        (["--from", "2026-11-21"], {"c"}),
        (["--to", "2026-11-20", "--copies"], {"a", "b"}),
        (["--from", "2026-11-20", "--to", "2026-11-20", "--copies"], {"a", "b"}),
        (["--topic", "environment"], {"a"}),
        (["--sentiment", "negative"], {"a"}),
        (["--place", "Đồng Tháp"], {"c"}),
        (["--source", "tin24", "--source", "vnx"], {"b", "c"}),
        (["-lũ"], {"c"}),
        (["lũ", "lịch", "sử"], {"b"}),
        (["--limit", "0"], set()),
    ],
)
def test_search_options(filled: Settings, arguments: list[str], expected: set[str]) -> None:
    assert {hit["id"] for hit in answer(search, filled, *arguments, "--json")["hits"]} == expected


def test_search_by_time_and_in_pages(filled: Settings) -> None:
    assert [hit["id"] for hit in answer(search, filled, "--sort", "time", "--copies", "--json")["hits"]] == ["c", "b", "a"]
    first = answer(search, filled, "--sort", "time", "--copies", "--limit", "2", "--json")
    rest = answer(search, filled, "--sort", "time", "--copies", "--after", first["cursor"], "--json")
    assert [hit["id"] for hit in rest["hits"]] == ["a"]


def test_search_for_people(filled: Settings) -> None:
    result = run(search, filled, "lũ")
    assert "Lũ quét ở Lào Cai" in result.stdout
    assert "20/11/2026 10:00" in result.stdout
    assert "1 bài" in result.stderr


def test_search_refuses(filled: Settings) -> None:
    assert isinstance(run(search, filled, "(lũ").exception, QueryError)
    assert isinstance(run(search, filled, "--from", "2026-11-21", "--to", "2026-11-20").exception, UsageError)
    assert isinstance(run(search, filled, "--after", "zzz").exception, UsageError)
    assert run(search, filled, "--from", "yesterday").exit_code == 2


def test_export_is_complete_and_holds_no_formula(filled: Settings, tmp_path: Path) -> None:
    table = tmp_path / "out.csv"
    assert answer(export, filled, "-o", str(table), "--json") == {"articles": 3, "file": str(table), "format": "csv"}
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8-sig"), newline="")))
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert rows[2]["title"] == '\'=HYPERLINK("http://x")'
    assert rows[0]["published_at"] == "2026-11-20 10:00"
    sheet = tmp_path / "out.xlsx"
    assert answer(export, filled, "topic:environment", "-o", str(sheet), "--json")["articles"] == 1
    with zipfile.ZipFile(sheet) as parts:
        content = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "Lũ quét" in content
    assert "<f>" not in content
    exported = [json.loads(line) for line in run(export, filled, "--format", "jsonl").stdout.splitlines()]
    assert [record["id"] for record in exported] == ["a", "b", "c"]
    assert not list(tmp_path.glob("*.part"))


def test_reindex(filled: Settings) -> None:
    def hits() -> list[dict[str, Any]]:
        return [{**hit, "score": None} for hit in answer(search, filled, "lũ", "--json")["hits"]]  # the score falls with every second

    before = hits()
    assert answer(reindex, filled, "--json") == {"articles": 3}
    assert hits() == before


CSV = (
    "Mã phản ánh;Họ tên;Điện thoại;Tiêu đề;Nội dung;Ngày gửi;Lĩnh vực;Địa điểm\n"
    "PA-001;Nguyễn Văn X;0912345678;Rác thải;Rác chất đống trên đường Nguyễn Huệ, gọi 0912345678;20/11/2026 07:30;Môi trường;Phường 1\n"
    'PA-002;Y;;;"Cống hỏng\nhai tuần nay";2026-11-19;Hạ tầng;\n'
    ";Z;;;không có mã;;;\n"
    "PA-004;Z;;;sai ngày;32/13/2026;;\n"
)


def test_feedback_comes_in_once_and_without_personal_numbers(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "phan-anh.csv"
    file.write_text(CSV, encoding="utf-8-sig")
    result = run(import_, settings, str(file), "--json")
    assert json.loads(result.stdout) == {"indexed": 2, "unchanged": 0, "revised": 0, "rejected": 2}
    assert "line 5" in result.stderr
    assert "32/13/2026" in result.stderr
    again = run(import_, settings, str(file), "--json")
    assert json.loads(again.stdout) == {"indexed": 0, "unchanged": 2, "revised": 0, "rejected": 2}
    exported = run(export, settings, "kind:feedback", "--format", "jsonl").stdout
    assert "0912345678" not in exported
    assert "Nguyễn Văn X" not in exported
    records = {record["section"]: record for record in map(json.loads, exported.splitlines())}
    assert records["Môi trường"]["published_at"] == "2026-11-20T00:30:00Z"
    assert records["Môi trường"]["lead"] == "Địa điểm: Phường 1"
    assert records["Hạ tầng"]["title"] == "Cống hỏng hai tuần nay"
    assert records["Môi trường"]["steps"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", "Nội dung\nx\n", "number"),
        ("a.csv", "Mã\n1\n", "text"),
        ("a.json", '{"a": 1}', "list"),
        ("a.json", "[", "JSON"),
        ("a.jsonl", "nope\n", "line 1"),
        ("a.ods", "x", "format"),
        ("a.csv", "", "no record"),
    ],
)
def test_a_file_that_cannot_come_in_is_refused(settings: Settings, tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    result = run(import_, settings, str(tmp_path / name))
    assert isinstance(result.exception, DiembaoError)
    assert reason in str(result.exception)


def test_what_persons_write_is_masked_also_when_it_comes_as_articles(settings: Settings) -> None:
    record = {"id": "f1", "title": "Phản ánh", "body": "Gọi 0912345678 giúp tôi", "kind": "feedback"}
    answer(index, settings, text=lines(record))
    assert "0912345678" not in run(export, settings).stdout
    assert "giúp tôi" in run(export, settings).stdout


def test_a_topic_or_kind_that_does_not_exist_is_wrong_usage(filled: Settings) -> None:
    for arguments in (["--topic", "nonsense"], ["--kind", "blog"]):
        assert run(search, filled, "mưa", *arguments).exit_code == 2


def test_search_grouped_by_story(settings: Settings) -> None:
    told = [
        {"id": f"s{number}", "title": "Sập cầu", "source": source, "story_id": "s", "published_at": f"2026-11-1{number}T02:00:00Z"}
        for number, source in enumerate(["a", "b", "b"])
    ]
    answer(index, settings, text=lines(*told, {"id": "other", "title": "Sập cầu khác", "source": "c"}))
    found = answer(search, settings, "sập cầu", "--group-by", "story", "--json")
    assert found["total"] == 2
    assert {(hit["id"], hit["articles"], hit["outlets"]) for hit in found["hits"]} == {("s2", 3, 2), ("other", 1, 1)}
    assert "3 bài của 2 nguồn" in run(search, settings, "sập cầu", "--group-by", "story").stdout


def test_search_shows_articles_with_some_of_the_words_apart(filled: Settings) -> None:
    found = answer(search, filled, "lũ quét Huế", "--json")
    assert (found["total"], found["hits"]) == (0, [])
    assert found["some_words"]["query"] == "(lũ OR quét OR Huế) -(lũ quét Huế)"
    assert [hit["id"] for hit in found["some_words"]["hits"]] == ["a"]
    shown = run(search, filled, "lũ quét Huế").stdout
    assert shown.index("only some of the words") < shown.index("Lũ quét ở Lào Cai")
    assert answer(search, filled, '"lũ quét"', "--json")["some_words"] is None


def test_coverage_and_words(settings: Settings) -> None:
    before = [
        {"id": f"b{number}", "title": "Lễ hội hoa", "source": "a", "published_at": f"2026-11-0{1 + number % 5}T02:00:00Z"}
        for number in range(10)
    ]
    now = [
        {"id": f"n{number}", "title": "Lũ quét lớn", "source": "a", "published_at": f"2026-11-0{6 + number % 2}T02:00:00Z",
         "sentiment": {"label": "negative"}}
        for number in range(10)
    ]  # fmt: skip
    answer(index, settings, text=lines(*before, *now))
    period = ("--from", "2026-11-05", "--to", "2026-11-07")
    found = answer(coverage, settings, "lũ", *period, "--json")
    assert (found["interval"], found["unit"]) == ("day", "articles")
    assert [(bucket["total"], bucket["published"], bucket["share"], bucket["negative_share"]) for bucket in found["buckets"]] == [
        (0, 2, 0.0, None), (5, 5, 1.0, 1.0), (5, 5, 1.0, 1.0),
    ]  # fmt: skip
    assert found["buckets"][0]["start"] == "2026-11-04T17:00:00Z"
    assert "06/11/2026" in run(coverage, settings, "lũ", *period).stdout
    answered = answer(words, settings, "--from", "2026-11-06", "--to", "2026-11-07", "--json")
    assert (answered["articles"], answered["read_before"]) == (10, 4)
    assert [word["text"] for word in answered["words"]] == ["lũ quét lớn"]
    assert "lũ quét lớn" in run(words, settings, "--from", "2026-11-06", "--to", "2026-11-07").stdout
    assert isinstance(run(words, settings, "lũ").exception, UsageError)
    assert isinstance(run(coverage, settings, "(lũ").exception, QueryError)
