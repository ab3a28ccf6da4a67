"""Font encodings of before Unicode, read as Latin-1, in Unicode: TCVN3 (ABC) and VNI. Files of old office systems still come in them.

Tables: TCVN 5712:1993 VN3 (https://vi.wikipedia.org/wiki/TCVN3) and VNI for Windows (https://vi.wikipedia.org/wiki/VNI).
"""

from __future__ import annotations

import re
import unicodedata

TCVN3_LETTERS = str.maketrans(
    "¡¢£¤¥¦§¨©ª«¬\u00ad®µ¶·¸¹»¼½¾ÆÇÈÉÊËÌÎÏÐÑÒÓÔÕÖ×ØÜÝÞßáâãäåæçèéêëìíîïñòóôõö÷øùúûüýþ",
    "ĂÂÊÔƠƯĐăâêôơưđàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ",
)
VNI_MARKS = {
    "ù": "\u0301",
    "ø": "\u0300",
    "û": "\u0309",
    "õ": "\u0303",
    "ï": "\u0323",
    "â": "\u0302",
    "á": "\u0302\u0301",
    "à": "\u0302\u0300",
    "å": "\u0302\u0309",
    "ã": "\u0302\u0303",
    "ä": "\u0302\u0323",
    "ê": "\u0306",
    "é": "\u0306\u0301",
    "è": "\u0306\u0300",
    "ú": "\u0306\u0309",
    "ü": "\u0306\u0303",
    "ë": "\u0306\u0323",
}
VNI_LETTERS = str.maketrans("ñöôíìæóòîÑÖÔÍÌÆÓÒÎ", "đươíìỉĩịỵĐƯƠÍÌỈĨỊỴ")
_VNI_PAIR = re.compile(f"([aeouyöô])([{''.join(VNI_MARKS)}])", re.IGNORECASE)

PIECE = re.compile(r"[^\s.,;:!?()\[\]{}\"'“”‘’…/\\|–—+*=<>&%@#$0-9_-]+")
"""A word, whatever its letters mean."""


def tcvn3(text: str) -> str:
    """`text`, TCVN3 read as Latin-1, in Unicode. The fonts for capitals have the same codes: case is taken from the plain letters."""
    return PIECE.sub(_tcvn3_word, text)


def _tcvn3_word(match: re.Match[str]) -> str:
    word = match.group()
    plain = [letter for letter in word if letter.isascii()]
    result = word.translate(TCVN3_LETTERS)
    return result.upper() if len(plain) > 1 and all(letter.isupper() for letter in plain) else result


def vni(text: str) -> str:
    """`text`, VNI read as Latin-1, in Unicode."""
    paired = _VNI_PAIR.sub(lambda match: match[1].translate(VNI_LETTERS) + VNI_MARKS[match[2].lower()], text)
    # a mark that has found its vowel is no Latin-1 letter any more; the rest stand for themselves
    return unicodedata.normalize("NFC", paired.translate(VNI_LETTERS))
