import re
import unicodedata
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from demo.outlets import OUTLETS, SECTIONS, number_of
from demo.texts import FOLDER, Text, disguise, fill_dates, read_texts

ANCHOR = datetime(2026, 11, 22, 9, 17, tzinfo=UTC)
TEXTS = read_texts(ANCHOR)
READABLE = [text for text in TEXTS.values() if text.blocks]

# What each look-alike letter stands for, written down apart from the code that puts them in.
PLAIN = {"ʙ": "b", "ᴄ": "c", "ց": "g", "ʜ": "h", "Ꭵ": "i", "ᴋ": "k", "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ρ": "p", "ᴛ": "t", "υ": "u"}


def shingles(text: Text) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", f"{text.title} {text.lead} {text.body}".lower())
    return set(zip(*(words[start:] for start in range(5)), strict=False))


def group(text: Text) -> str:
    return text.copy_of or text.key


def everything(text: Text) -> str:
    parts = [text.title, text.lead, *(block.text for block in text.blocks), *text.authors, *text.tags, text.credit]
    return "\n".join(parts + ([everything(text.edited)] if text.edited else []))


@pytest.mark.parametrize("text", TEXTS.values(), ids=lambda text: text.key)
def test_a_text_is_nfc_and_has_look_alike_letters_only_where_it_says_so(text: Text) -> None:
    written = everything(text)
    assert written == unicodedata.normalize("NFC", written)
    foreign = {letter for letter in written if letter.isalpha() and not unicodedata.name(letter).startswith("LATIN ")} | (
        set(written) & set(PLAIN)
    )
    assert bool(foreign) == text.disguised


@pytest.mark.parametrize("text", TEXTS.values(), ids=lambda text: text.key)
def test_every_placeholder_is_filled_and_every_name_is_known(text: Text) -> None:
    assert "{" not in everything(text)
    assert text.outlet in OUTLETS
    assert text.topic in SECTIONS
    assert text.real or text.tone in ("negative", "neutral", "positive")


def test_addresses_are_different() -> None:
    assert len({(text.outlet, OUTLETS[text.outlet].path(text)) for text in TEXTS.values()}) == len(TEXTS)
    assert len({number_of(key) for key in TEXTS}) == len(TEXTS)


def test_no_two_texts_are_alike_unless_one_reprints_the_other() -> None:
    known = {text.key: shingles(text) for text in READABLE}
    alike = {}
    for one, other in combinations(READABLE, 2):
        share = len(known[one.key] & known[other.key]) / max(1, len(known[one.key] | known[other.key]))
        if share >= 0.3:
            alike[one.key, other.key] = share
    unwanted = [pair for pair in alike if group(TEXTS[pair[0]]) != group(TEXTS[pair[1]])]
    assert unwanted == []


def test_a_reprint_holds_most_of_its_origin_and_comes_later() -> None:
    copies = [text for text in READABLE if text.copy_of]
    assert len(copies) >= 5
    for copy in copies:
        origin = TEXTS[copy.copy_of]
        clean = Text(**{**vars(copy), "lead": plain(copy.lead), "blocks": tuple(type(b)(b.kind, plain(b.text)) for b in copy.blocks)})
        common = shingles(clean) & shingles(origin)
        assert len(common) / min(len(shingles(clean)), len(shingles(origin))) > 0.75, copy.key
        assert copy.published_at is not None
        assert origin.published_at is not None
        assert copy.published_at > origin.published_at
        assert copy.credit.endswith(copy.credit_name)


def plain(text: str) -> str:
    return "".join(PLAIN.get(letter, letter) for letter in text)


def test_the_disguised_reprint_has_a_hundred_altered_words_and_can_be_undone() -> None:
    copy = next(text for text in READABLE if text.copy_of and text.disguised)
    origin = TEXTS[copy.copy_of]
    words = re.findall(r"\w+", f"{copy.lead} {' '.join(block.text for block in copy.blocks)}")
    assert 85 <= sum(any(letter in PLAIN for letter in word) for word in words) <= 100
    assert plain(copy.lead) == origin.lead
    assert [plain(block.text) for block in copy.blocks] == [block.text for block in origin.blocks]


def test_disguise_of_nothing_is_nothing() -> None:
    assert disguise(["", "12 34"], 100) == ["", "12 34"]


@pytest.mark.parametrize("hour", range(24))
def test_the_jump_happens_within_six_hours_whatever_the_hour(hour: int) -> None:
    anchor = datetime(2026, 12, 31, hour, 41, tzinfo=UTC)
    texts = read_texts(anchor)
    negative = [text for text in texts.values() if text.topic == "environment" and text.tone == "negative" and text.published_at]
    jump = [text for text in negative if text.published_at and text.published_at > anchor - timedelta(hours=6)]
    before = [text for text in negative if text not in jump]
    assert 8 <= len(jump) <= 11
    assert len({text.outlet for text in jump}) >= 4
    assert 2 <= len(before) <= 5
    assert all(text.published_at is None or text.published_at <= anchor for text in texts.values())
    assert all(text.published_at and text.published_at <= anchor - timedelta(hours=8) for text in before)
    assert len({text.published_at.date() for text in texts.values() if text.published_at and not text.real}) >= 19


def recent(anchor: datetime) -> set[str]:
    return {text.key for text in read_texts(anchor).values() if text.published_at and text.published_at > anchor - timedelta(hours=8)}


@pytest.mark.parametrize("hour", range(24))
def test_the_same_articles_are_of_the_last_eight_hours_whatever_the_hour(hour: int) -> None:
    assert recent(datetime(2026, 12, 31, hour, 41, tzinfo=UTC)) == recent(ANCHOR)


def test_dates_in_a_text_follow_its_own_day() -> None:
    published = datetime(2026, 12, 31, 18, tzinfo=UTC)  # 1 January in Vietnam
    assert fill_dates("{date:-1} {date:0} {date:+30} {year:-1} {year:0}", published, published) == "31/12 1/1 31/1 2026 2027"


def test_the_event_began_on_an_evening_before_the_first_report() -> None:
    for hour in range(24):
        anchor = datetime(2026, 11, 22, hour, tzinfo=UTC)
        day, month = map(int, fill_dates("{event}", anchor, anchor).split("/"))
        evening = datetime(2026, month, day, 13, tzinfo=UTC)  # 20:00 in Vietnam
        assert timedelta(0) < (anchor - timedelta(hours=6)) - evening < timedelta(hours=30)


def test_the_readme_names_every_real_article() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    real = [text for text in TEXTS.values() if text.real]
    assert len(real) == 5
    assert [text.title for text in real if text.title not in readme] == []
