"""Numbers of private persons: masked before anything is stored."""

from __future__ import annotations

import re
import unicodedata
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


_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_GAP = r"[ .,_()*·-]{0,3}"
_LEADS = re.compile(rf"(?<!\d)(?:(?:\+|00)?84|[0oO]){_GAP}(?:[\doO]{_GAP}){{7,17}}(?<=[\doO])(?!\d)(?!/\s?[A-ZĐ])")
_LONG = re.compile(
    r"(?<![\w.,-])\d(?:[ -]?\d){8,18}(?!\w|[.,]\d)(?!/\s?[A-ZĐ])"
    r"(?!\s?(?:đồng|đ\b|VN[DĐ]|USD|triệu|tỷ|tỉ|người|lượt|%|m2|m²|ha\b))",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?<=[^\W\d_])(?:84|0)\d{8,10}(?!\d)")
_MAILBOX = re.compile(r"[\w.+-]{1,64}(?=@[\w-]{1,63}\.[\w.-]{2,63})")
_PASSPORT_ALONE = re.compile(r"\b[A-Z]\d{7}\b")
_DATE = re.compile(r"(?:\d{1,2}[./ -]\d{1,2}[./ -]\d{4}|\d{4}[./ -]\d{1,2}[./ -]\d{1,2})\b")
_YEARS = re.compile(r"(?:(?:19|20)\d\d[ -]*)+")
_SPOKEN = re.compile(
    r"\b(?:(?:không|một|mốt|hai|ba|bốn|tư|năm|lăm|sáu|bảy|bẩy|tám|chín)[\s,.-]+){8,}"
    r"(?:không|một|mốt|hai|ba|bốn|tư|năm|lăm|sáu|bảy|bẩy|tám|chín)\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"[^\W_]")


def mask_senders_numbers(text: str) -> str:
    """The same for what citizens send to the authority, where hiding a number too much costs nothing and one too few does.

    Beside what `mask_personal_numbers` finds: numbers of 9 to 19 digits in one piece or in groups, telephone numbers with anything
    between their digits, with the letter O for zero, behind a word without a space or spelt out, passports, and the names of
    mailboxes. Signs that cannot be seen are taken out and digits of other scripts written plainly, so that neither hides a number.
    Dates, amounts of money and short numbers (113, 1022, 1900 …) stay.

    >>> mask_senders_numbers("sđt0912345678, O9.12-34 56 78, CC 082090001234, a.b@x.vn")
    'sđt091xxxxxxx, O9.1x-xx xx xx, CC xxxxxxxxxxxx, x.x@x.vn'
    >>> mask_senders_numbers("Ngày 20/11/2026 07:30 thu 1.250.000.000 đồng, gọi 1022 hoặc 1900 1009")
    'Ngày 20/11/2026 07:30 thu 1.250.000.000 đồng, gọi 1022 hoặc 1900 1009'
    """
    text = _HIDDEN.sub("", text)
    if not text.isascii():
        text = "".join(_plain_digit(letter) for letter in text)
    plain, places = _plain(text)
    covered = _SPOKEN.sub(lambda match: _LETTER.sub(_MASK, match.group()), plain)
    covered = _MAILBOX.sub(lambda match: _LETTER.sub(_MASK, match.group()), covered)
    covered = _PASSPORT_ALONE.sub(lambda match: _LETTER.sub(_MASK, match.group()), covered)
    covered = _GLUED.sub(_all_but_three, covered)
    covered = _LEADS.sub(lambda match: match.group() if _stays(covered, match) else _all_but_three(match), covered)
    covered = _LONG.sub(lambda match: match.group() if _stays(covered, match) else _DIGIT.sub(_MASK, match.group()), covered)
    letters = list(text)
    for place, before, after in zip(places, plain, covered, strict=True):
        if before != after:
            letters[place] = after
    return mask_personal_numbers("".join(letters))


def _plain_digit(letter: str) -> str:
    if letter.isascii() or letter.isalpha():
        return letter
    digit = unicodedata.digit(letter, None)
    return letter if digit is None else str(digit)


def _stays(text: str, match: re.Match[str]) -> bool:
    """Whether a long number is a date, a row of years, or an authority's telephone number."""
    number = match.group()
    if _DATE.match(number) or _YEARS.fullmatch(number.rstrip(" .,-")):
        return True
    return _PUBLIC.search(text, max(0, match.start() - 90), match.start()) is not None


def _all_but_three(match: re.Match[str]) -> str:
    """Of a telephone number the first three digits stay; of what is longer, none."""
    number = match.group()
    positions = [position for position, character in enumerate(number) if character.isdigit() or character in "oO"]
    shown = 0 if len(positions) > 12 or (len(positions) == 12 and number[0] in "0oO") else 3
    return "".join(_MASK if position in positions[shown:] else character for position, character in enumerate(number))


def masked(article: Article) -> Article:
    """`article` as it may be stored: where private persons write, their numbers are masked in title, lead and body."""
    if article.kind not in VOICES_OF_PERSONS:
        return article
    mask = mask_senders_numbers if article.kind == "feedback" else mask_personal_numbers
    return article.with_fields(**{name: mask(getattr(article, name)) for name in ("title", "lead", "body")})
