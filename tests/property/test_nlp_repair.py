"""Text repair over random text."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from nlp.repair import repair

ANY = st.text(st.characters(exclude_categories=()), max_size=200)
LOOKALIKES = st.text("aáạăâbcdđeêghiklmnoôơpqrstuưvxyAĐNTᴀᴛʜɴᴍᎥցυοепнαάρтсаоᴜʙᴅı./[ɪɡ 𝗯𝗮𝗧\u0301\u0323\u0302\u0336\u200b\n", max_size=80)
CYRILLIC = st.text("абвгдежзийклмнопрстуфхцчшщъыьэюя АБВ.,-\n", max_size=120)
GREEK = st.text("αβγδεζηθικλμνξοπρστυφχψωάέήίόύώ ΑΒΓ.,\n", max_size=120)
LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_categories=("Cc", "Cf")), max_size=120)
OLD_FONTS = st.text(st.characters(min_codepoint=0xA1, max_codepoint=0xFF) | st.sampled_from("aeiouynghtcm NTH-.\n"), max_size=80)
HTML = st.lists(
    st.sampled_from(["&", "amp;", "#", "38;", "x26;", "aacute;", "lt;", "#7879;", "a", ";", " ", "\u200b", "&amp;"]), max_size=12
).map("".join)


@given(ANY | LOOKALIKES | OLD_FONTS | HTML)
def test_repair_ends_on_any_text_and_a_second_time_changes_nothing(text: str) -> None:
    once = repair(text)
    assert repair(once.text).text == once.text
    assert unicodedata.is_normalized("NFC", once.text)
    once.text.encode()


@given(CYRILLIC | GREEK)
def test_a_text_of_one_foreign_script_stays_as_it_is(text: str) -> None:
    assert repair(text) == (unicodedata.normalize("NFC", text), False)


@given(LATIN)
def test_latin_text_is_never_called_disguised(text: str) -> None:
    assert repair(text).obfuscated is False


@settings(max_examples=50)
@given(
    st.lists(
        st.sampled_from(["Hà", "Nội", "chính", "quyền", "tỉnh", "Đồng", "Tháp", "mưa", "UBND", "COVID-19", "12/5", "–", "“đường”"]),
        max_size=40,
    )
)
def test_vietnamese_stays_as_it_is(words: list[str]) -> None:
    text = " ".join(words)
    assert repair(text) == (text, False)
