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
INVISIBLE = st.text(
    "aNệ̛̣ḥ😀👩\u1820\u0e01\u0e02क\u200b\u200c\u200d\u200e\u180e\u180b\u00ad\ufe0f\u2060\u3164\U000e0061\u202e\u05d0 &;#", max_size=40
)
BLOCKS = {
    "Hebrew and Arabic": (0x0591, 0x06FF),
    "Devanagari": (0x0900, 0x097F),
    "Tamil": (0x0B80, 0x0BFF),
    "Thai and Lao": (0x0E01, 0x0EDF),
    "Burmese": (0x1000, 0x104F),
    "Georgian": (0x10A0, 0x10FF),
    "Ethiopic": (0x1200, 0x137C),
    "Cherokee": (0x13A0, 0x13FD),
    "Canadian syllabics": (0x1401, 0x166C),
    "Khmer": (0x1780, 0x17DD),
    "Armenian": (0x0531, 0x0587),
    "Coptic": (0x2C80, 0x2CF1),
    "Tifinagh": (0x2D30, 0x2D67),
    "Japanese": (0x3041, 0x30FF),
    "Chinese": (0x4E00, 0x9FFF),
    "Korean": (0xAC00, 0xD7A3),
    "Lisu": (0xA4D0, 0xA4FF),
    "Deseret": (0x10400, 0x1044F),
    "emoji": (0x1F300, 0x1FAFF),
    "mathematical operators": (0x2200, 0x22FF),
}
ONE_SCRIPT = st.sampled_from(sorted(BLOCKS)).flatmap(
    lambda name: st.text(
        st.characters(min_codepoint=BLOCKS[name][0], max_codepoint=BLOCKS[name][1], exclude_categories=("Cc", "Cf"))
        | st.sampled_from(" ,.\n"),
        max_size=60,
    )
)
HIGHLANDS = st.text("aăâbƀčdđeĕêghiĭjklmnñoŏôơpqrstuŭưwyČƀɃĂ\u0306' ,.\n", max_size=80)
VIETNAMESE = st.lists(
    st.sampled_from(["Công", "an", "tỉnh", "Đồng", "Tháp", "xử", "lý", "nghiêm", "ở", "nơi", "ấy"]), min_size=1, max_size=12
)
LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_categories=("Cc", "Cf")), max_size=120)
OLD_FONTS = st.text(st.characters(min_codepoint=0xA1, max_codepoint=0xFF) | st.sampled_from("aeiouynghtcm NTH-.\n"), max_size=80)
HTML = st.lists(
    st.sampled_from(["&", "amp;", "#", "38;", "x26;", "aacute;", "lt;", "#7879;", "a", ";", " ", "\u200b", "&amp;"]), max_size=12
).map("".join)


@given(ANY | LOOKALIKES | OLD_FONTS | HTML | INVISIBLE)
def test_repair_ends_on_any_text_and_a_second_time_changes_nothing(text: str) -> None:
    once = repair(text)
    assert repair(once.text).text == once.text
    assert unicodedata.is_normalized("NFC", once.text)
    once.text.encode()


@given(CYRILLIC | GREEK | ONE_SCRIPT | HIGHLANDS)
def test_a_text_of_one_foreign_script_stays_as_it_is(text: str) -> None:
    assert repair(text) == (unicodedata.normalize("NFC", text), False)


@given(VIETNAMESE, ONE_SCRIPT)
def test_foreign_words_among_vietnamese_stay(words: list[str], foreign: str) -> None:
    foreign = unicodedata.normalize("NFC", foreign)
    text = f"{' '.join(words)} {foreign}\n{' '.join(words)}"
    assert repair(text) == (unicodedata.normalize("NFC", text), False)


@given(VIETNAMESE, st.data())
def test_invisible_characters_between_letters_change_nothing(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    hidden = st.text("\u200b\u200c\u200d\u00ad\u2060\ufeff\u034f\u180e\u200e\u202c\ufe0f\u3164", max_size=3)
    written = "".join(letter + (data.draw(hidden) if letter.isalpha() else "") for letter in text)
    assert repair(written) == (text, False)


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
