"""What a reprint changed: nothing is lost, and time is bounded for any text."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from web.articles.changed_words import LONGEST, changed_words, share_kept

WORDS = st.lists(st.sampled_from(["ba", "căn", "nhà", "trôi", "sông", "Tiền,", "đêm.", "84", "điểm", "xã"]), max_size=60)


def squeezed(text: str) -> str:
    return " ".join(text.split())


@given(WORDS, WORDS, st.sampled_from([" ", "\n", "  \n"]))
def test_joined_the_pieces_are_the_two_texts(old: list[str], new: list[str], between: str) -> None:
    before, after = " ".join(old), between.join(new)
    pieces = changed_words(before, after)
    assert squeezed("".join(piece.text for piece in pieces if piece.change != "added")) == squeezed(before)
    assert squeezed("".join(piece.text for piece in pieces if piece.change != "removed")) == squeezed(after)
    assert all(one.change != other.change for one, other in itertools.pairwise(pieces))


@given(WORDS)
def test_the_same_words_in_other_paragraphs_are_no_change(words: list[str]) -> None:
    pieces = changed_words(" ".join(words), "\n".join(words))
    assert share_kept(pieces) == 1


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_compared(before: str, after: str) -> None:
    pieces = changed_words(before, after)
    assert 0 <= share_kept(pieces) <= 1


def test_one_changed_word_of_a_long_text_is_found_in_whatever_paragraphs() -> None:
    chance = random.Random(7)
    words = [f"từ{chance.randrange(2000)}" for _ in range(9000)]
    other = [*words[:4000], "MỚI", *words[4001:]]
    pieces = changed_words(" ".join(words), "".join(f"{word}\n" if number % 40 == 0 else f"{word} " for number, word in enumerate(other)))
    assert [piece.text.strip() for piece in pieces if piece.change != "same"] == [words[4000], "MỚI"]


def test_the_worst_texts_cost_a_bounded_number_of_comparisons() -> None:
    chance = random.Random(3)
    before, after = (" ".join(chance.choice("abcdef") for _ in range(LONGEST // 2)) for _ in range(2))
    pieces = changed_words(before, after)  # no sequence is unique, so nothing holds the two together: replaced whole
    assert [piece.change for piece in pieces] == ["removed", "added"]


def test_many_changed_stretches_cost_no_more_than_one() -> None:
    chance = random.Random(5)

    def text() -> str:
        stretches = (" ".join(chance.choice("abcdef") for _ in range(500)) for _ in range(12))
        return " ".join(f"{stretch} mốc{number} giữ{number} chỗ{number} này{number}" for number, stretch in enumerate(stretches))

    pieces = changed_words(text(), text())
    # The first stretches are compared word by word; when the comparisons are used up the others are replaced whole.
    whole = [piece for piece in pieces if piece.change == "removed" and len(piece.text.split()) >= 500]
    assert len(whole) >= 9
    assert len(pieces) > 50
    assert sum("mốc" in piece.text for piece in pieces if piece.change == "same") == 12
