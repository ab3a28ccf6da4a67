"""What a word is: one analyser for both engines.

Text becomes search tokens, each in two forms: exact (lower case, NFC, one placement of the tone mark) and folded (accents
stripped, đ as d). A word typed with accents is looked up by its exact form, a word typed without any accent by its folded form.
The engines store and match these tokens and never split text by their own idea of a word: a token consists of the letters
a-z, digits, accented Latin letters and `_`, which SQLite's and Lucene's tokenizers both keep whole; anything else is
escaped as `_hex_`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

ANALYSER_VERSION = 2
"""Stored in the index; an index written by another version must be rebuilt (`diembao reindex`)."""

MAX_TOKEN = 40
"""Code points of a token; longer ones are cut, so that an escaped token stays below Lucene's limit of 255."""

_IGNORED = "\u00ad\u200b-\u200d\u2060\ufeff"
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u064b-\u065f\u0900-\u0903\u093a-\u094f"
    "\u0e31\u0e34-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
)
_WORD = re.compile(rf"\d+(?:[.,]\d+)+|[^\W_]+(?:[{_MARKS}{_IGNORED}]+[^\W_]*)*")
_DROPPED = re.compile(rf"[\u0300-\u036f{_IGNORED}]")

_TONES = "\u0300\u0301\u0309\u0303\u0323"
_PLACEMENT = {
    unicodedata.normalize("NFC", first + tone + second): unicodedata.normalize("NFC", first + second + tone)
    for first, second in ("oa", "oe", "uy")
    for tone in _TONES
}
"""The tone of a final oa, oe, uy on the first letter (hòa, thủy) → on the second (hoà, thuỷ), which also begins hoàng, huỳnh."""

_LOOKALIKES = {ord("\u00f0"): "đ", ord("\u0256"): "đ"}
"""Old texts write Đ with the Icelandic or the African letter of the same shape; these are their small forms."""


_NEVER_FOLDED = "ǧ"
"""Lucene folds this one letter to a capital, so it stays as it is in both engines."""


class Token(NamedTuple):
    """One word of a text.

    Attributes:
        exact: its search token with accents.
        folded: its search token without accents; the same string when it has none.
        start: offset of its first code point in the text as given.
        end: offset behind its last one.
    """

    exact: str
    folded: str
    start: int
    end: int


def analyse(text: str) -> list[Token]:
    """The words of `text`, in order.

    >>> [token.exact for token in analyse("TP.HCM: hòa giải 1.500 vụ, tăng 2,5%")]
    ['tp', 'hcm', 'hoà', 'giải', '1_2e_500', 'vụ', 'tăng', '2_2c_5']
    >>> [token.folded for token in analyse("Đồng Tháp")]
    ['dong', 'thap']
    """
    return [Token(*forms(match.group()), match.start(), match.end()) for match in _WORD.finditer(text)]


def exact_words(text: str) -> str:
    """The exact tokens of `text`, joined by spaces: what `analyse` gives, without the places.

    >>> exact_words("Thủy điện Hòa Bình.")
    'thuỷ điện hoà bình'
    """
    # No word reaches over a space, and what stands between two spaces comes again and again.
    return " ".join(filter(None, map(_exact_between_spaces, text.split())))


def word_forms(text: str) -> list[tuple[str, str]]:
    """(exact, folded) of every word of `text`: what `analyse` gives, without the places, in a third of its time.

    >>> word_forms("Hòa Bình")
    [('hoà', 'hoa'), ('bình', 'binh')]
    """
    return list(map(forms, _WORD.findall(text)))


def places_of(text: str, chosen: Iterable[bool]) -> list[tuple[int, int]]:
    """(start, end) of those words of `text` that are chosen; one of `chosen` for each word.

    >>> places_of("Hòa Bình", [False, True])
    [(4, 8)]
    """
    return [match.span() for match in compress(_WORD.finditer(text), chosen)]


def _exact_between_spaces(part: str) -> str:
    return _exact_of_part(part) if len(part) <= MAX_TOKEN else " ".join(map(_exact, _WORD.findall(part)))


@lru_cache(maxsize=200_000)
def _exact_of_part(part: str) -> str:
    return " ".join(map(_exact, _WORD.findall(part)))


@lru_cache(maxsize=200_000)
def _exact(word: str) -> str:
    return forms(word)[0]


@lru_cache(maxsize=200_000)
def forms(word: str) -> tuple[str, str]:
    """(exact, folded) search tokens of one word as it stands in a text."""
    letters = unicodedata.normalize("NFC", word).casefold()
    letters = _DROPPED.sub("", unicodedata.normalize("NFC", letters).translate(_LOOKALIKES))[:MAX_TOKEN]
    letters = letters[:-2] + _PLACEMENT.get(letters[-2:], letters[-2:])
    return "".join(map(_escape, letters)), "".join(_escape(fold_letter(letter)) for letter in letters)


@lru_cache(maxsize=10_000)
def fold_letter(letter: str) -> str:
    """`letter` (lower case, NFC) without its accents when what remains is a-z; đ becomes d; anything else stays.

    >>> fold_letter("ỗ"), fold_letter("đ"), fold_letter("й")
    ('o', 'd', 'й')
    """
    if letter == "đ":
        return "d"
    base = unicodedata.normalize("NFD", letter)[0]
    return base if "a" <= base <= "z" and ord(letter) < 0x1F00 and letter not in _NEVER_FOLDED else letter


@lru_cache(maxsize=10_000)
def _escape(letter: str) -> str:
    return letter if (letter.isascii() and letter.isalnum()) or fold_letter(letter) != letter else f"_{ord(letter):x}_"


def strip_accents(text: str) -> str:
    """`text` with every accented Latin letter replaced by its plain one, capitals kept.

    >>> strip_accents("Đồng Tháp")
    'Dong Thap'
    """
    plain = []
    for letter in unicodedata.normalize("NFC", text):
        small = letter.lower()
        folded = fold_letter(small) if len(small) == 1 else small
        plain.append(letter if folded == small else folded.upper() if letter != small else folded)
    return "".join(plain)


def keyword(value: str) -> str:
    """The form in which identifiers (source, topic, …) are compared: NFC, no outer spaces, case folded."""
    return unicodedata.normalize("NFC", value).strip().casefold()
