"""The office's list of abbreviations, the shipped one and wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from diembao.errors import ConfigError, QueryError
from index.abbreviations import read_abbreviations
from index.analysis import analyse
from index.query import parse_query

SHIPPED = Path(__file__).parents[2] / "config" / "abbreviations_search.toml"


@pytest.mark.parametrize(
    ("written", "meaning"),
    [
        ("UBND tỉnh", [("ubnd", "tỉnh"), ("uỷ", "ban", "nhân", "dân", "tỉnh")]),
        ("ubnd tỉnh", [("ubnd", "tỉnh")]),
        ("HDND", [("hdnd",), ("hội", "đồng", "nhân", "dân")]),
        ("GD&ĐT", [("gd", "đt"), ("giáo", "dục", "và", "đào", "tạo")]),
        ("TP.HCM", [("tp", "hcm"), ("thành", "phố", "hồ", "chí", "minh")]),
        ("1.500 tỉ", [("1_2e_500", "tỉ"), ("1500", "tỉ")]),
    ],
)
def test_the_shipped_list_expands_capitals_only(written: str, meaning: list[tuple[str, ...]]) -> None:
    assert read_abbreviations(SHIPPED).variants(written, analyse(written)) == meaning


def test_a_missing_list_is_no_list(tmp_path: Path) -> None:
    assert read_abbreviations(tmp_path / "none.toml").variants("UBND", analyse("UBND")) == [("ubnd",)]


@pytest.mark.parametrize(
    "content",
    ['UBND = "x"', '[abbreviations]\nUBND = "một chuỗi"', '[abbreviations]\nUBND = []', '[abbreviations]\nubnd = ["uỷ ban"]',
     '[abbreviations]\nUBND = ["!!"]', "[abbreviations", "[other]\nA = 1"],
)  # fmt: skip
def test_a_wrong_list_is_one_readable_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "abbreviations_search.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"abbreviations_search\.toml"):
        read_abbreviations(path)


def test_a_phrase_of_many_abbreviations_is_refused() -> None:
    with pytest.raises(QueryError, match="abbreviations"):
        parse_query('"' + "UBND CA TP " * 5 + '"', read_abbreviations(SHIPPED))


def test_the_shipped_synonyms_are_read(tmp_path: Path) -> None:
    known = read_abbreviations(tmp_path / "none.toml", SHIPPED.with_name("synonyms.toml"))
    assert ("vắc", "xin") in known.synonyms(analyse("vaccine"))
    assert known.synonyms(analyse("vac xin")) == known.synonyms(analyse("vắc xin"))
    assert known.synonyms(analyse("váccine")) == []


@pytest.mark.parametrize(
    "text", ["groups = 1", 'groups = [["a"]]', 'groups = [["a", "!"]]', "groups = [[1, 2]]", "[other]", "groups = [", "\x00"]
)
def test_a_wrong_file_of_synonyms_is_one_clear_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "synonyms.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="synonyms.toml"):
        read_abbreviations(tmp_path / "none.toml", file)
