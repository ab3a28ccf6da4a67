"""What a Vietnamese syllable may be: onset, rime and tone.

Tables after the phonology in Đoàn Thiện Thuật, "Ngữ âm tiếng Việt" (1977), in today's spelling; both places of the tone mark
(`hoà`, `hòa`) are right.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TONES = "\u0300\u0301\u0303\u0309\u0323"
"""Huyền, sắc, ngã, hỏi, nặng as combining marks."""

QUALITIES = "\u0302\u0306\u031b"
"""Circumflex, breve, horn as combining marks."""


def _words(text: str) -> list[str]:
    return text.split()


_BACK = _words(
    """
    a ac ach ai am an ang anh ao ap at au ay ăc ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây o oc oi om on ong op ot oa oac oach oai
    oam oan oang oanh oao oap oat oay oăc oăm oăn oăng oăt oe oen oeo oet oong ooc ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt u uc
    ui um un ung up ut ua uôc uôi uôm uôn uông uôt uân uâng uât uây uê uêch uênh uơ uy uya uych uynh uyt uyp uyu uyên uyêt ư ưc
    ưi ưm ưn ưng ưt ưu ưa ươc ươi ươm ươn ương ươp ươt ươu
    """
)
_FRONT = _words(
    """
    e ec em en eng eo ep et ê êch êm ên ênh êp êt êu i ich im in inh ip it iu ia iêc iêm iên iêng iêp iêt iêu y
    """
)
_AFTER_Q = _words(
    """
    ua uac uach uai uan uang uanh uao uat uau uay uăc uăm uăn uăng uăp uăt uân uâng uât uây ue uen ueo uet uê uên uêch uênh uêt
    ui uit uich uy uych uynh uyt uyên uyêt uơ uơn uơt uôc
    """
)
_ALONE = _words(
    """
    y yêm yên yêng yêt yêu
    """
)

_RIMES: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ["b", "ch", "d", "đ", "h", "kh", "l", "m", "n", "nh", "p", "ph", "r", "s", "t", "th", "tr", "v", "x"], frozenset(_BACK + _FRONT)
    ),
    **dict.fromkeys(["c", "ng"], frozenset(_BACK)),
    **dict.fromkeys(["k", "gh", "ngh"], frozenset(_FRONT)),
    "g": frozenset(_BACK + [rime for rime in _FRONT if rime.startswith("i")]),
    "gi": frozenset(_BACK + [rime for rime in _FRONT if rime.startswith(("e", "ê"))]),
    "q": frozenset(_AFTER_Q),
    "": frozenset(_BACK + _FRONT + _ALONE),
}
_ONSET = re.compile(r"ngh|ng|nh|ch|gh|gi|kh|ph|th|tr|[bcdđghklmnpqrstvx]|")
_STOPPED = ("c", "ch", "p", "t")


@lru_cache(maxsize=65536)
def syllable_key(syllable: str) -> str:
    """`syllable` without case and place of the tone mark, for comparing; not for reading.

    >>> syllable_key("Hoà") == syllable_key("hòa"), syllable_key("hoa") == syllable_key("hoá")
    (True, False)
    """
    parts = unicodedata.normalize("NFD", syllable.lower())
    return "".join(mark for mark in parts if mark not in TONES) + "".join(mark for mark in parts if mark in TONES)


@lru_cache(maxsize=65536)
def is_syllable(word: str, *, toneless: bool = False) -> bool:
    """Whether `word` is a possible Vietnamese syllable, in any case.

    Args:
        word: letters only, NFC or NFD.
        toneless: also take text typed without marks ("muc" for "mục").

    >>> is_syllable("nghiêng"), is_syllable("Quốc"), is_syllable("giặt"), is_syllable("toyota"), is_syllable("quôc")
    (True, True, True, False, False)
    """
    if not 0 < len(word) <= 16:
        return False
    plain, tones = "", ""
    for character in unicodedata.normalize("NFD", word.lower()):
        if character in TONES:
            tones += character
            if plain[-1:] not in "aeiouy" + QUALITIES:
                return False
        else:
            plain += character
    plain = unicodedata.normalize("NFC", plain)
    if len(tones) > 1:
        return False
    match = _ONSET.match(plain)
    onset = match.group() if match else ""
    for begin in dict.fromkeys((onset, onset[:1])):
        rime = plain[len(begin) :]
        if begin in _RIMES and (rime in _RIMES[begin] or (toneless and rime in _toneless(begin))):
            return toneless or not rime.endswith(_STOPPED) or tones in ("\u0301", "\u0323")
    return False


@lru_cache(maxsize=64)
def _toneless(onset: str) -> frozenset[str]:
    return frozenset("".join(c for c in unicodedata.normalize("NFD", rime) if c not in QUALITIES) for rime in _RIMES[onset])
