"""Other queries worth trying when nothing was found, or little. They are offered, never applied."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator

from index.abbreviations import Abbreviations
from index.analysis import analyse, strip_accents
from index.query import fold_token

_OPERATORS = ("AND", "OR", "NOT", "TO")
MOST_WORDS = 12
_LETTERS = string.ascii_lowercase + string.digits + "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ"
MIN_LENGTH = 3
"""Letters of a word that is worth correcting."""


def without_accents(query: str) -> str:
    """`query` as one would type it without accents; operators and field names have none anyway.

    >>> without_accents("title:hoà AND Đồng")
    'title:hoa AND Dong'
    """
    return strip_accents(query)


FEW = 5
"""Below so many results a wider query is offered beside them."""


def wider(query: str, abbreviations: Abbreviations) -> list[str]:
    """What finds more than `query`, when that is nothing but words: with their synonyms, and any of the words.

    >>> from index.abbreviations import NONE
    >>> wider("ngập lụt Quảng Ngãi", NONE), wider("ngập AND lụt", NONE)
    (['ngập OR lụt OR Quảng OR Ngãi'], [])
    """
    if not plain_words(query):
        return []
    same = abbreviations.with_synonyms(query)
    offered = [same] if same != query else []
    words = query.split()
    return [*offered, " OR ".join(words)] if 1 < len(words) <= MOST_WORDS else offered


def plain_words(query: str) -> bool:
    """Whether `query` is nothing but words: no operator, phrase, field, wildcard or parenthesis.

    >>> plain_words("ngập lụt TP.HCM"), plain_words("ngập OR lụt"), plain_words("ngập -lụt"), plain_words("title:lụt")
    (True, False, False, False)
    """
    return not any(word in _OPERATORS or not re.fullmatch(r"[\w.,/-]*\w", word) or word.startswith(("-", "/")) for word in query.split())


def corrected(query: str, nearest: Callable[[str], str | None]) -> str:
    """`query` with each unknown word replaced by its nearest known one.

    Args:
        query: as typed.
        nearest: for a search token that is not in the index the nearest one that is; None when it is known or nothing is near.

    >>> corrected("giao thôgn OR title:lũ", {"thôgn": "thông"}.get)
    'giao thông OR title:lũ'
    """
    parts: list[str] = []
    position = 0
    for token in analyse(query):
        written = query[token.start : token.end]
        if written in _OPERATORS or query[token.end : token.end + 1] == ":" or len(written) < MIN_LENGTH or not written.isalpha():
            continue
        known = nearest(token.exact)
        if known is not None and known.isalpha():
            parts += [query[position : token.start], known]
            position = token.end
    return "".join([*parts, query[position:]])


def nearest_of(token: str, words: Iterable[tuple[str, int]]) -> str | None:
    """The most frequent of `words` (token, articles) that is one slip of the finger away from `token`.

    >>> nearest_of("thôgn", [("thông", 9), ("không", 99)])
    'thông'
    """
    accented = fold_token(token) != token
    near = [(count, word) for word, count in words if (fold_token(word) != word) == accented and one_slip(token, word)]
    return max(near)[1] if near else None


def slips(token: str) -> set[str]:
    """The words of Vietnamese letters and digits that are one slip away from `token` and begin like it.

    >>> "thông" in slips("thôgn"), "thôn" in slips("thông"), "không" in slips("thông")
    (True, True, False)
    """
    places = range(1, len(token) + 1)
    found = {token[:at] + letter + token[at + kept :] for at in places for kept in (0, 1) for letter in _LETTERS}
    found |= {token[:at] + token[at + 1 :] for at in places}
    found |= {token[:at] + token[at + 1 : at + 2] + token[at] + token[at + 2 :] for at in places[:-1]}
    return found - {token}


def one_slip(one: str, other: str) -> bool:
    """Whether the two words differ by one letter more, less or exchanged, or by two neighbours in the wrong order."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    return other in set(_slips(one)) if len(one) > len(other) else _same_but_one(one, other)


def _slips(word: str) -> Iterator[str]:
    for place in range(len(word)):
        yield word[:place] + word[place + 1 :]


def _same_but_one(one: str, other: str) -> bool:
    if len(one) < len(other):
        return one in set(_slips(other))
    wrong = [place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(wrong) == 2:
        first, second = wrong
        return second == first + 1 and one[first] == other[second] and one[second] == other[first]
    return len(wrong) == 1
