"""Whether a text is Vietnamese, with or without its marks: by how many of its words can be Vietnamese syllables.

Vietnamese writes every syllable as a word of its own and few shapes are possible (`nlp.syllables`), so no trained model and no list of
other languages is needed.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Literal

from nlp.syllables import is_syllable

Language = Literal["vi", "vi-plain", "other", "none"]
"""Vietnamese as it is written; Vietnamese typed without marks; another language; nothing to tell it by."""

_READ = 4000
"""Code points that are looked at."""
_WORDS = 400
"""Words that are looked at."""

_WORD = re.compile(r"[^\W\d_]+")
_ONLY_VIETNAMESE = re.compile("[ăđơưĂĐƠƯ\u1ea0-\u1ef9]")

_MARKED = 0.12
"""Least share of words with marks in Vietnamese text; ordinary is 0.7, and names of foreign things take some away."""
_MARKED_ALONE = 0.3
"""The same where no word has a letter that only Vietnamese has: "Tom có ô tô"."""
_SYLLABLES = 0.5
"""Least share of possible syllables in text with marks: English about Vietnam has names with marks among words that are none."""
_SMALL = 4
"""So many words without a capital have marks among them, in Vietnamese."""
_PLAIN_SYLLABLES = 0.8
"""The same in text without marks, where only the shapes speak."""


def language_of(text: str) -> Language:
    """The language of `text` (NFC), judged by its first 4,000 code points.

    "none" is for a text without words and for one word without marks, which may be anything.

    >>> [language_of(text) for text in ("Khởi tố 3 cán bộ xã", "Khoi to 3 can bo xa", "The president said on Monday", "2026 😀")]
    ['vi', 'vi-plain', 'other', 'none']
    """
    words = [word for word in islice((match.group() for match in _WORD.finditer(text[:_READ])), _WORDS) if not _is_abbreviation(word)]
    if not words:
        return "none"
    possible = [word for word in words if is_syllable(word, toneless=word.isascii())]
    marked = [word for word in possible if not word.isascii()]
    # names of foreign people and things are capitalised: where there are other words, these tell
    small = sum(word[0].islower() for word in words)
    count = len(words) if small < 2 else small + sum(word[0].isupper() for word in possible)
    needed = _MARKED if any(map(_ONLY_VIETNAMESE.search, marked)) else _MARKED_ALONE
    if small >= _SMALL and not any(word[0].islower() for word in marked):
        marked = []  # only names have marks: English about Vietnam
    if marked and len(possible) >= _SYLLABLES * count and len(marked) >= needed * count:
        return "vi"
    if len(words) == 1 and possible:
        return "none"
    if len(possible) >= _PLAIN_SYLLABLES * count:
        return "vi-plain"
    return "other"


def _is_abbreviation(word: str) -> bool:
    """Whether `word` is one of capitals that no syllable is ("TP", "HCM", "UBND"): it says nothing of the language."""
    return len(word) == 1 or (word.isupper() and len(word) <= 6 and not is_syllable(word, toneless=True))
