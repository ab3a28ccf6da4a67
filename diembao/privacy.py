"""Numbers of private persons: masked before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence

from diembao.article import Article, Kind

VOICES_OF_PERSONS: frozenset[Kind] = frozenset({"forum", "social", "video", "feedback"})
"""Kinds whose texts private persons write, so their telephone, identity-card and bank numbers are masked."""

_MASK = "x"

_PHONE = re.compile(
    r"""(?<![\w.,/+-])(?<!\d\s)
    (?:\(?(?:\+|00)?84\)?[ .-]?(?:\(0\))?|\(?0)                         # 0, +84, 0084, 84
    (?: [35789]\d{8} | 2\d{8,9}                                         # in one piece: mobile, landline
      | [35789]\d{1,2}\)?([ .-]) \d{3}\1\d{3,4}                         # 0912 345 678, 091.234.5678
      | [35789]\d{2,3}([ .-]) \d{2}\2\d{2}\2\d{2,3}                     # 0912 34 56 78
      | [35789]\d{2}[ .-]\d{6} | [35789]\d[ .-]\d{7}                    # 0912 345678, 091 2345678
      | [35789]\d{2}\)\d{3}[ .-]?\d{3}                                 # (0912)345678
      | 2\d{1,2}\)?[ .-]{1,2}                                           # (0273) 3872 777
        (?: \d{7,8} | \d([ .-])\d{3}\3\d{3} | \d{3,4}([ .-])\d{3,4} | \d{2}([ .-])\d{2}\5\d{3} )
    )(?![\w/-]*\d)(?!/[A-ZĐ])(?![ ]?(?:đồng|đ\b|VN[DĐ]|USD|triệu|tỷ|tỉ|%))""",
    re.VERBOSE,
)
_PUBLIC = re.compile(
    r"(?:đường dây nóng|điện thoại nóng|hotline|tổng đài|số trực|trực ban|fax|cứu nạn|khẩn cấp|tiếp nhận (?:thông tin|phản ánh)|tố giác)"
    r"[^.;\n]{0,60}$",
    re.IGNORECASE,
)
_IDENTITY = re.compile(
    r"""(\b(?:CMND|CMT(?:ND)?|CCCD|CMTND|căn\ cước(?:\ công\ dân)?
    |chứng\ minh\ (?:nhân\ dân|thư)|số\ định\ danh(?:\ cá\ nhân)?|thẻ\ căn\ cước|giấy\ tờ\ tùy\ thân)
    [^\d\n.;]{0,25}?)((?<!\d)\d(?:[ .]?\d){11}(?!\d)|(?<!\d)\d(?:[ .]?\d){8}(?!\d))""",
    re.VERBOSE | re.IGNORECASE,
)
_PASSPORT = re.compile(r"(\bhộ chiếu(?: số)?[ :]{1,3})([A-Z]\d{7}\b)", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"""(\b(?:STK|số\ tài\ khoản|tài\ khoản(?:\ (?:ngân\ hàng|số|cá\ nhân|thẻ))*|số\ TK|TK\ số|số\ thẻ|thẻ\ ATM)
    [^\d\n.;]{0,60}?)((?<![\d.,])\d(?:[ -]?\d){5,18}(?![\d]|[.,]\d))(?!\s?(?:đồng|đ\b|VN[DĐ]|USD|euro|triệu|tỷ|tỉ|người|lượt|khách|%))""",
    re.VERBOSE | re.IGNORECASE,
)


def mask_personal_numbers(text: str) -> str:
    """`text` with telephone, identity-card, passport and bank-account numbers of private persons masked by "x".

    Of a telephone number the first three digits stay, as the press prints it; of the others none. Length and everything else stay
    as they are. A telephone number behind words such as "đường dây nóng" or "tổng đài" is an authority's and stays, so do short
    numbers (113, 1022) and 1900/1800; identity-card and account numbers are known by the words before them ("CCCD", "số tài khoản").
    Twice changes nothing more.

    >>> mask_personal_numbers("Liên hệ anh A: 0912.345.678, CCCD 082090001234")
    'Liên hệ anh A: 091x.xxx.xxx, CCCD xxxxxxxxxxxx'
    >>> mask_personal_numbers("Đường dây nóng: 0273.3872.777, tổng đài 1022; năm 2026; 1.234.567.890 đồng")
    'Đường dây nóng: 0273.3872.777, tổng đài 1022; năm 2026; 1.234.567.890 đồng'
    """
    plain, places = _plain(text)
    masked = _mask(plain)
    if masked == plain:
        return text
    letters = list(text)
    for place, before, after in zip(places, plain, masked, strict=True):
        if before != after:
            letters[place] = after
    return "".join(letters)


def _plain(text: str) -> tuple[str, Sequence[int]]:
    """`text` with plain digits, spaces and hyphens, and where in `text` each of its characters stands.

    Pages separate the groups of a number by no-break spaces too, which stand in HTML also as entities.
    """
    plain = text.translate(_LOOK_ALIKES)
    entities = list(_SPACE_ENTITY.finditer(plain))
    if not entities:
        return plain, range(len(plain))
    parts: list[str] = []
    places: list[int] = []
    end = 0
    for entity in entities:
        parts += [plain[end : entity.start()], " "]
        places += range(end, entity.start() + 1)
        end = entity.end()
    return "".join([*parts, plain[end:]]), [*places, *range(end, len(plain))]


def _mask(text: str) -> str:
    if not _SIX_DIGITS.search(text):
        return text
    for pattern in (_IDENTITY, _PASSPORT, _ACCOUNT):
        text = pattern.sub(lambda match: match[1] + _DIGIT.sub(_MASK, match[2]), text)
    return _PHONE.sub(
        lambda match: match.group() if _PUBLIC.search(text, max(0, match.start() - 90), match.start()) else _masked(match), text
    )


_LOOK_ALIKES = str.maketrans(
    {chr(0xFF10 + digit): str(digit) for digit in range(10)}
    | dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000", " ")
    | dict.fromkeys("\u2010\u2011\u2012\u2013", "-")
)
_SPACE_ENTITY = re.compile(r"&(?:nbsp|ensp|emsp|thinsp|#160|#x[aA]0);")
_SIX_DIGITS = re.compile(r"(?:\d[ .()+-]{0,3}){6}")
_DIGIT = re.compile(r"\d")


def _masked(match: re.Match[str]) -> str:
    number = match.group()
    shown = 5 if number.lstrip("(").startswith(("+84", "84")) else 7 if number.startswith("0084") else 3
    positions = [position for position, character in enumerate(number) if character.isdigit()]
    hidden = positions[shown]
    return number[:hidden] + _DIGIT.sub(_MASK, number[hidden:])


def masked(article: Article) -> Article:
    """`article` as it may be stored: where private persons write, their numbers are masked in title, lead and body."""
    if article.kind not in VOICES_OF_PERSONS:
        return article
    return article.with_fields(**{name: mask_personal_numbers(getattr(article, name)) for name in ("title", "lead", "body")})
