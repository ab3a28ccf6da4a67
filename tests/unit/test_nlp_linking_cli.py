"""`diembao duplicates` and `diembao stories`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cli.linking import duplicates, stories

FLOOD = (
    "Sáng 14/11, triều cường dâng cao kết hợp mưa lớn khiến hàng chục tuyến đường tại thành phố Mỹ Tho ngập sâu. Nước tràn vào nhà "
    "dân ở khu vực ven sông Tiền, nhiều hộ phải kê đồ đạc lên cao từ nửa đêm. Đại diện Công ty cấp thoát nước cho biết ba trạm bơm đã "
    "hoạt động hết công suất nhưng cống thoát bị rác bịt kín."
)
HEADLINES = {
    "1": "Triều cường gây ngập nhiều tuyến đường ở Mỹ Tho",
    "2": "Thư viện xanh ở Trường tiểu học Tân Thuận thu hút học sinh",
    "3": "Mỹ Tho: triều cường dâng, nhiều tuyến đường ngập sâu",
}


def lines(*rows: dict[str, str | None]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_pairs_of_copies_are_lines() -> None:
    given = lines(
        {"id": "goc", "title": "Mỹ Tho ngập", "body": FLOOD},
        {"id": "khac", "title": "Thư viện xanh", "body": "Trường tiểu học Tân Thuận khai giảng thư viện xanh."},
        {"id": "chep", "title": "Ngập ở Mỹ Tho", "body": FLOOD.replace("hàng chục", "nhiều") + " Theo Báo Sông Tiền."},
    )
    result = CliRunner().invoke(duplicates, ["--json"], input=given, catch_exceptions=False)
    (pair,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (pair["a"], pair["b"]) == ("goc", "chep")
    assert 0.8 < pair["similarity"] <= 1


@pytest.mark.parametrize("dated", ["none", "all", "some"])
@pytest.mark.parametrize("disguised", [False, True])
def test_headlines_alone_have_stories(dated: str, disguised: bool) -> None:
    rows: list[dict[str, str | None]] = []
    for number, title in HEADLINES.items():
        row: dict[str, str | None] = {"id": number, "title": title.replace("n", "\u0578") if disguised and number == "3" else title}
        if dated == "all" or (dated == "some" and number == "3"):
            row["published_at"] = f"2026-11-14T0{number}:00:00+07:00"
        rows.append(row)
    result = CliRunner().invoke(stories, ["--json"], input=lines(*rows), catch_exceptions=False)
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"id": "1", "story_id": "1"},
        {"id": "2", "story_id": "2"},
        {"id": "3", "story_id": "1"},
    ]


@pytest.mark.parametrize("command", [duplicates, stories])
@pytest.mark.parametrize("title", ["", "…", "12345", "\u200b", "a", "😀 😀"])
def test_titles_without_words_are_alone(command: object, title: str) -> None:
    given = lines({"id": "a", "title": title}, {"id": "b", "title": "Mưa lớn ở Mỹ Tho"}, {"id": "c", "title": "", "body": ""})
    result = CliRunner().invoke(command, ["--json"], input=given, catch_exceptions=False)  # type: ignore[arg-type]
    assert result.exit_code == 0
    if command is stories:
        assert [json.loads(line)["story_id"] for line in result.stdout.splitlines()] == ["a", "b", "c"]
    else:
        assert result.stdout == ""
