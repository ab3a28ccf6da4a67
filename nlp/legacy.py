"""Text that came through a font encoding of before Unicode: TCVN3 (ABC) and VNI, read as Latin-1.

A page typed in such a font shows "ViÖt Nam" or "Vieät Nam" once its font is gone. Recognised by what no clean text of any language does:
its words are impossible as they stand, and nearly all become Vietnamese syllables when read in that encoding.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

from diembao.old_fonts import PIECE, tcvn3, vni
from nlp.syllables import is_syllable
from nlp.words import dictionary_syllables

_LEGACY = re.compile("[\u00a1-\u00ff]")
_UNICODE_ONLY = re.compile("[ĂăĐđĨĩŨũƠơƯư\u1ea0-\u1ef9\u0300\u0301\u0303\u0309\u0323]")
"""What a line in an old encoding cannot hold: Vietnamese letters that are not in Latin-1."""

_READ = 400
"""Words that are looked at: more do not change the verdict."""


def undo_legacy(text: str) -> str:
    """`text` with the lines that stand in TCVN3 or VNI in Unicode; everything else as it is.

    Args:
        text: NFC; soft hyphens still in place (TCVN3 has ư there).

    >>> undo_legacy("UBND tØnh TiÒn Giang häp víi n«ng d©n"), undo_legacy("Thò tröôøng nhaø ñaát"), undo_legacy("Le président a été élu")
    ('UBND tỉnh Tiền Giang họp với nông dân', 'Thị trường nhà đất', 'Le président a été élu')
    """
    if text.isascii():
        return text
    lines = text.split("\n")
    suspects = [number for number, line in enumerate(lines) if _LEGACY.search(line) and not _UNICODE_ONLY.search(line)]
    if not suspects:
        return text
    words = list(islice((piece for number in suspects for piece in PIECE.findall(lines[number])), _READ))
    # "10×20" is no "ì", and »s« is no "ằsô"
    marked = [word for word in words if len(core := word.strip("«»")) > 1 and not core.isascii()]
    if len(marked) < 2 or sum(map(_is_right, marked)) > 0.4 * len(marked):
        return text
    best: Callable[[str], str] | None = None
    most = 0.0
    for convert in (tcvn3, vni):
        right = sum(_is_right(convert(word)) for word in marked) / len(marked)
        all_right = sum(_is_right(convert(word)) for word in words) / len(words)
        needed = 1.0 if len(marked) < 4 else 0.85
        if right >= needed and all_right >= 0.7 and right > most:
            best, most = convert, right
    if best is None:
        return text
    mixed = any(map(_UNICODE_ONLY.search, lines))
    for number in suspects:
        converted = best(lines[number])
        if not _stands(lines[number], converted, mixed):
            lines[number] = converted
    return "\n".join(lines)


def _stands(line: str, converted: str, mixed: bool) -> bool:
    """Whether a line among those of an old encoding is right as it stands ("Hôm nay: 38").

    Both ways may give words; then it stands where other lines of the text are in Unicode (`mixed`).
    """
    marked = [piece for piece in PIECE.findall(line) if not piece.isascii()]
    if not all(word.lower() in dictionary_syllables() for word in marked):
        return False
    return mixed or not all(word.lower() in dictionary_syllables() for word in PIECE.findall(converted) if not word.isascii())


def _is_right(word: str) -> bool:
    """Whether `word` is a Vietnamese syllable (or several, hyphens aside), or an abbreviation without marks."""
    if not word.isalpha():
        return False
    return is_syllable(word) or (word.isascii() and word.isupper())
