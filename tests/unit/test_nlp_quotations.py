"""Quotations and their speakers: everything stands so in the text, nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp.quotations import LONGEST, SHORTEST, quotations

WORDS = "Chúng tôi đã báo vết nứt từ tháng trước"


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        (f"Ông Nguyễn Văn Ba, chủ tịch xã Bình Thành, cho biết: “{WORDS}”.", "Ông Nguyễn Văn Ba, chủ tịch xã Bình Thành"),
        (f"Sáng 20/11, bà Trần Thị Út nói với phóng viên: “{WORDS}.”", "bà Trần Thị Út"),
        (f"“{WORDS}”, anh Lê Hoàng kể.", "anh Lê Hoàng"),
        (f"“{WORDS}”, chị Đặng Thị Ý (35 tuổi, ngụ ấp 3) bức xúc.", "chị Đặng Thị Ý (35 tuổi, ngụ ấp 3)"),
        (f'"{WORDS}" - ông Phạm Thiện Nghĩa nhấn mạnh.', "ông Phạm Thiện Nghĩa"),
        (f"“{WORDS}”, theo lời ông Út Mười kể.", "ông Út Mười"),
        (f"Đại tá Huỳnh Văn Tư khẳng định: «{WORDS}».", "Đại tá Huỳnh Văn Tư"),
        (f"PGS.TS Lê Anh Tuấn cho rằng “{WORDS}”.", "PGS.TS Lê Anh Tuấn"),
        (f"UBND tỉnh họp hôm qua. Người dân nói: “{WORDS}”.", ""),
        (f"Ông Ba đi họp về. Ở cuối xóm có người nói: “{WORDS}”.", ""),
        (f"Ông Ba cho biết nước đã rút. “{WORDS}”", ""),
        (f"Ông Ba, người đứng cạnh, gạt tay tài xế ra và nói: “{WORDS}”.", ""),
        (f"Biển báo ghi “{WORDS}” đặt cạnh nhà ông Ba.", ""),
        (f"“{WORDS}”. Bà Hai đứng cạnh, không nói gì.", ""),
    ],
)
def test_the_speaker_is_who_the_text_names_beside_the_quotation(text: str, speaker: str) -> None:
    (found,) = quotations(text)
    assert found.text.rstrip(".") == WORDS
    assert text[found.start : found.end] == found.text
    assert found.speaker == speaker


@pytest.mark.parametrize(
    "text",
    [
        "Phim “Mùa len trâu” được chiếu lại.",
        f"Một dấu mở “{WORDS} không bao giờ đóng.",
        f'Số lẻ dấu " {WORDS} và " còn " nữa.',
        f"“{'dài ' * LONGEST}”",
        "“”",
        "",
        f"“{WORDS}\nsang đoạn khác”",
    ],
)
def test_what_is_no_quotation(text: str) -> None:
    assert quotations(text) == []


def test_several_in_their_order_and_across_paragraphs() -> None:
    text = f"Ông An nói: “{WORDS}”.\nTheo người dân, “{WORDS} mà không ai đến”, còn 'ngoặc đơn' thì không."
    first, second = quotations(text)
    assert (first.speaker, second.speaker) == ("Ông An", "")
    assert text[second.start : second.end] == f"{WORDS} mà không ai đến"


@given(st.text(alphabet=st.sampled_from(list('“”"«»ABông nói:,.\nêđĐ <>')), max_size=400))
def test_whatever_stands_there_every_quotation_is_in_the_text(text: str) -> None:
    for found in quotations(text):
        assert text[found.start : found.end] == found.text
        assert found.speaker in text
        assert len(found.text.split()) >= SHORTEST
        assert "\n" not in found.text


def test_a_hostile_text_takes_no_long_time() -> None:
    text = ("Ông A, " * 30 + "“" + "nói bà Lê " * 12 + "”, " + "ông Lê, " * 30) * 200
    assert isinstance(quotations(text), list)
