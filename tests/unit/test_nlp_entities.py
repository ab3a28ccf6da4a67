"""Names of people, organisations and locations, and where they stand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diembao.article import Article
from nlp.step import discover
from nlp.steps.entities import written_out
from nlp.tagging import Tagger

CONFIG = Path(__file__).parent.parent.parent / "config"
TAGGER = Tagger(CONFIG, steps=[step for step in discover() if step.name in ("places", "entities")])


def names(body: str, title: str = "", lead: str = "") -> list[tuple[str, str]]:
    tagged = TAGGER.tag(Article(title=title, lead=lead, body=body))
    for entity in tagged.entities:
        assert tagged.body[entity.start : entity.end] == entity.text
        assert entity.text == entity.text.strip()
    return [(entity.text, entity.type) for entity in tagged.entities]


def test_names_of_a_sentence() -> None:
    found = names("Ông Lê Văn Hưởng, Chủ tịch UBND tỉnh Tiền Giang, nói tại Hà Nội.")
    assert ("Lê Văn Hưởng", "PER") in found
    assert ("Hà Nội", "LOC") in found


def test_title_and_lead_are_read_but_not_counted() -> None:
    assert names("", title="Ông Putin ở Hà Nội") == []
    assert names("Bà An về.", title="Ông Putin ở Hà Nội", lead="Ông Trump đến.") == names("Bà An về.")


def test_offsets_hold_behind_emoji_disguises_and_odd_spaces() -> None:
    found = names("😀😀 Ông  Nguyễn\u00a0Văn Ba ở ʜà ɴội.\n\n\u200bBà Trần Thị Tư ở TP.HCM.")
    assert ("Hà Nội", "LOC") in found or ("hà nội", "LOC") not in found
    assert any(text.startswith("Trần Thị Tư") for text, kind in found if kind == "PER")


PIECES = ["Ông ", "Nguyễn ", "Văn", "Hà Nội", "UBND ", "tỉnh ", ". ", "\n", "  ", "😀", "nghành ", "ð", "\u0301", "…", "Putin ", ", "]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60))
def test_offsets_hold_in_any_text(body: str) -> None:
    names(body)


def test_abbreviations_are_written_out_beside_the_text() -> None:
    body = "CA tỉnh Đồng Tháp bắt ba người tại TP Cao Lãnh. Ông An, Chủ tịch UBND TP.HCM, đến Sở GD&ĐT tỉnh Bến Tre và TP.Mỹ Tho."
    found = TAGGER.tag(Article(title="", body=body)).entities
    assert all(body[entity.start : entity.end] == entity.text for entity in found)
    full = {entity.text: entity.full for entity in found}
    assert full["CA tỉnh Đồng Tháp"] == "Công an tỉnh Đồng Tháp"
    assert full["TP Cao Lãnh"] == "Thành phố Cao Lãnh"
    assert full["UBND TP.HCM"] == "Ủy ban nhân dân Thành phố Hồ Chí Minh"
    assert full["An"] is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("nữ ca sĩ Maya chia sẻ về quyết định sang Hàn Quốc dao kéo.", [("Maya", "PER"), ("Hàn Quốc", "LOC")]),
        ("Đại tướng Ngô Xuân Lịch , ủy viên Bộ Chính trị, đến thăm.", [("Ngô Xuân Lịch", "PER")]),
        ("Các nghệ sĩ như: NSND Như Quỳnh, Ánh Tuyết, Kim Xuân cùng góp mặt.", ["Như Quỳnh", "Ánh Tuyết", "Kim Xuân"]),
        ("Liên đoàn bóng đá Việt Nam (VFF) đã ký hợp đồng với Instat (Nga).", ["Việt Nam", "VFF"]),
        ("UBND tỉnh Tiền Giang không thành lập Hội đồng kiểm tra.", [("Tiền Giang", "LOC")]),
        ("Từ năm 2016 đến năm 2020, vòng 3 có tháng 9 và ngày 16/5.", []),
        ("Tổng thống Nga Vladimir Putin cho rằng tình hình tại Syria tốt lên.", [("Vladimir Putin", "PER"), ("Syria", "LOC")]),
        ("Ông Lại Xuân Thanh, Cục trưởng Cục Hàng không Việt Nam.", [("Lại Xuân Thanh", "PER"), ("Cục Hàng không Việt Nam", "ORG")]),
        ("Công an đã chuyển hồ sơ sang Bộ Công an xử lý.", [("Bộ Công an", "ORG")]),
    ],
)
def test_names_are_cut_to_the_name(body: str, expected: list[object]) -> None:
    found = names(body)
    texts = [text for text, _ in found]
    for name in expected:
        assert name in (found if isinstance(name, tuple) else texts), found
    if not expected:
        assert found == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "(", ")", "NSND ", "Bộ ", "tháng 9 ", "Mỹ ", "HLV ", "tỉnh ", "VFF"]), max_size=30).map("".join))
def test_a_name_has_a_capital_and_no_bracket_or_comma_and_overlaps_no_other(body: str) -> None:
    found = TAGGER.tag(Article(title="", body=body)).entities
    for entity in found:
        assert any(letter.isupper() for letter in entity.text)
        assert not set(entity.text) & set(",;()\n")
    assert all(one.end <= other.start for one, other in pairwise(found))


@pytest.mark.parametrize("name", ["", "Hà Nội", "TTX", "ubnd", "A.B.C", "..", "TP-X"])
def test_what_the_table_does_not_know_stays(name: str) -> None:
    assert written_out(name, {"TP": "Thành phố", "UBND": "Ủy ban nhân dân"}) is None
