"""People, organisations and locations that the body names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from diembao.article import Entity, EntityType, Place
from nlp.gazetteer import name_key
from nlp.step import Step
from nlp.words import TaggedWord

_TYPES: dict[str, EntityType] = {"PER": "PER", "ORG": "ORG", "LOC": "LOC"}


def entities(
    body: str,
    body_start: int,
    tagged: Sequence[Sequence[TaggedWord]],
    token_spans: Sequence[Sequence[tuple[int, int]]],
    abbreviations: Mapping[str, str],
    places: Sequence[Place],
) -> list[Entity]:
    """The names in the body, in the order of the text: what underthesea's model labels, cut to the names (see `_cut`).

    The labels themselves are underthesea's, word for word; but its model was not trained on news, so a name often comes with the words
    before it ("nữ ca sĩ Maya" as a location) or without a capital at all ("tháng 9"). `body[start:end] == text` always; what
    abbreviations stand for is in `full`.
    """
    known = frozenset(_bare(place.name) for place in places if place.level != "ward")
    found: list[Entity] = []
    for words, spans in zip(tagged, token_spans, strict=True):
        if not spans or spans[-1][1] <= body_start:
            continue
        sentence = [(start - body_start, stop - body_start) for start, stop in spans]
        kind: EntityType | None = None
        first = 0
        for number, word in enumerate(words):
            label, _, name = word.ner.partition("-")
            if kind is not None and (label != "I" or _TYPES.get(name) != kind):
                found += _cut(body, kind, sentence, first, number, known, abbreviations)
                kind = None
            if kind is None and label in ("B", "I") and name in _TYPES:
                kind, first = _TYPES[name], number
        if kind is not None:
            found += _cut(body, kind, sentence, first, len(words), known, abbreviations)
    return [entity for number, entity in enumerate(found) if not number or entity.start >= found[number - 1].end]


def _cut(
    body: str,
    kind: EntityType,
    sentence: Sequence[tuple[int, int]],
    first: int,
    behind: int,
    places: frozenset[str],
    abbreviations: Mapping[str, str],
) -> list[Entity]:
    """The names in the words `first` to `behind` - 1 of a sentence, which the model labels as one.

    Commas and brackets divide; titles, words in small letters before and behind a name, and the sentence's first word where a small
    letter follows it fall away; what has no capital then is no name. What stood behind a title is a person, behind "Sở", "Công ty"
    an organisation, and what `places` names a location.
    """
    found: list[Entity] = []
    part: list[tuple[int, int]] = []
    for number in range(first, behind + 1):
        span = sentence[number] if number < behind else None
        if span is not None and not _DIVIDES.search(body[span[0] : span[1]]):
            part.append(span)
            continue
        if len(part) == 1 and span is None and body[slice(*part[0])] in _TRUNCATED and number < len(sentence):
            following = sentence[number]
            if body[following[0]].isupper() and body[part[0][1] : following[0]] == " ":
                part.append(following)  # "Bộ" of "Bộ Công an"
        if part:
            found += _named(body, kind, part, part[0] == sentence[0], places, abbreviations)
        part = []
    return found


def _named(
    body: str, kind: EntityType, part: list[tuple[int, int]], begins: bool, places: frozenset[str], abbreviations: Mapping[str, str]
) -> list[Entity]:
    words = [body[start:end] for start, end in part]
    if begins and len(words) > 1 and _is_small(words[1]) and words[0].lower() not in _TITLES and not _ORGANISATION.match(body, part[0][0]):
        words, part = words[1:], part[1:]  # only the sentence gives this word its capital
    titled = False
    while words:
        title = next((size for size in (3, 2, 1) if " ".join(words[:size]).lower() in _TITLES), 0)
        if title:
            titled = True
            words, part = words[title:], part[title:]
        elif _is_small(words[0]) and not _heads(words):
            words, part = words[1:], part[1:]
        else:
            break
    shortened = False
    while words and _is_small(words[-1]):
        shortened = True
        words, part = words[:-1], part[:-1]
    if not any(word[0].isupper() for word in words):
        return []
    start, end = part[0][0], part[-1][1]
    name = body[start:end]
    if (before := _TITLE_BEFORE.match(name)) and name[before.end()].isupper():
        titled = True
        start, name = start + before.end(), name[before.end() :]
    if (titled or kind == "PER") and (country := _COUNTRY_BEFORE.match(name)):
        start, name = start + country.end(), name[country.end() :]
    inside = name.rstrip(".…-–:") if not _INITIALS.search(name) else name
    if not inside or inside in _NO_NAMES or (shortened and len(inside.split()) == 1 and inside.istitle() and inside not in _SHORT_NAMES):
        return []
    end = start + len(inside)
    person = _PERSON_BEHIND.search(inside)
    if person and _ends_with_office(inside[: person.start()], places):
        # "Chủ tịch UBND TP Hà Nội Nguyễn Đức Chung": an office, and who holds it
        office = _entity(body, "ORG" if _is_organisation(inside[: person.start()]) else "LOC", start, start + person.start(), abbreviations)
        return [office, _entity(body, "PER", start + person.start(1), end, abbreviations)]
    if _ORGANISATION.match(inside):
        kind = "ORG"
    elif _bare(inside) in places:
        kind = "LOC"
    elif titled:
        kind = "ORG" if len(inside) > 1 and inside.isupper() else "PER"
    elif _VIETNAMESE_PERSON.fullmatch(inside) and not _STREET_BEFORE.search(body, max(0, start - 20), start):
        kind = "PER"
    return [_entity(body, kind, start, end, abbreviations)]


def _ends_with_office(name: str, places: frozenset[str]) -> bool:
    """Whether what stands before a person's name is a place, or an organisation with or without one."""
    words = _bare(name).split()
    known = any(" ".join(words[number:]) in places for number in range(len(words)))
    return known or name in ("Chính phủ", "Quốc hội")


def _is_organisation(name: str) -> bool:
    return _ORGANISATION.match(name) is not None or name in ("Chính phủ", "Quốc hội")


def _is_small(word: str) -> bool:
    return not any(letter.isupper() for letter in word)


def _heads(words: Sequence[str]) -> bool:
    """Whether the first word is the rank of a place or the kind of an organisation, right before its name ("tỉnh Hải Dương")."""
    return len(words) > 1 and words[0].lower() in _HEADS and not _is_small(words[1])


def _bare(name: str) -> str:
    """A place's name without its rank, for comparing."""
    return " ".join(name_key(_RANK.sub("", name)))


_COUNTRIES = (
    "Mỹ", "Nga", "Đức", "Pháp", "Anh", "Ý", "Lào", "Nhật", "Hàn", "Ấn", "Australia", "Canada", "Nhật Bản", "Hàn Quốc", "Trung Quốc",
    "Triều Tiên", "Ấn Độ", "Thái Lan", "Campuchia", "Philippines", "Indonesia", "Malaysia", "Singapore", "Ukraine", "Iran", "Israel",
    "Brazil", "Argentina",
)  # fmt: skip
_COUNTRY_BEFORE = re.compile(rf"(?:{'|'.join(_COUNTRIES)}) (?=[A-Z][a-z'-]+ [A-Z])")
"""Before a foreigner's name: "Tổng thống Mỹ Donald Trump"."""
_SHORT_NAMES = frozenset(_COUNTRIES)
_SURNAMES = (
    "Nguyễn|Trần|Lê|Phạm|Huỳnh|Hoàng|Phan|Vũ|Võ|Đặng|Bùi|Đỗ|Hồ|Ngô|Dương|Lý|Đào|Đoàn|Vương|Trịnh|Trương|Lâm|Đinh|Mai|Tô|Hà|Cao|Lương|Lưu"
    "|Phùng|Quách|Tạ|Thái"
)
_PERSON_BEHIND = re.compile(rf" ((?:{_SURNAMES})(?: [^\W\d_]\w*){{1,3}})$")
_VIETNAMESE_PERSON = re.compile(rf"(?:{_SURNAMES})(?: [^\W\d_]\w*){{2,3}}")
"""A surname and two or three names; two syllables alone are as often a street or a school."""
_STREET_BEFORE = re.compile(r"(?:đường|phố|trường|công viên|cầu|ngõ|phường|xã|học|viện|giải|\d)\s$", re.IGNORECASE)
_TRUNCATED = frozenset(["Bộ", "Sở", "Khoa", "Cục", "Ban"])
_NO_NAMES = frozenset(
    [
        "COVID-19",
        "Covid-19",
        "COVID",
        "Covid",
        "Top",
        "Tết",
        "Bộ",
        "Sở",
        "Khoa",
        "Ban",
        "BV",
        "Thứ",
        "Ngày",
        "Tháng",
        "Năm",
        "Ảnh",
        "Video",
        "Giêng",
        "Công văn",
        "Công điện",
        "Thông tư",
        "Nghị định",
        "Quyết định",
        "Quy định",
        "Đt",
        "Chiến lược",
    ]
)
_DIVIDES = re.compile(r"[,;()\[\]“”\"!?…]|^[:–/-]$|^vs\.?$")
_INITIALS = re.compile(r"(?:^|[.\s])[^\W\d_]\.$")
_RANK = re.compile(r"^(?:TP|T\.P|TX|H|Q|P)[. ]\s?", re.IGNORECASE)
_HEADS = frozenset(
    [
        "tỉnh", "thành phố", "tp", "quận", "huyện", "thị xã", "thị trấn", "phường", "xã", "thôn", "ấp", "bản", "làng", "khu", "đặc khu",
        "sân bay", "sân", "sông", "núi", "hồ", "biển", "đảo", "quần đảo", "bán đảo", "vịnh", "đèo", "cầu", "cảng", "đường", "phố",
        "quốc lộ", "châu", "miền", "vùng", "bang", "công an", "công ty", "tập đoàn", "ngân hàng", "bệnh viện", "trường", "đại học",
        "hãng", "đài", "báo",
    ]
)  # fmt: skip
_TITLES = frozenset(
    [
        "ông", "bà", "anh", "chị", "em", "cô", "chú", "bác", "cậu", "cụ", "thầy", "bé", "đồng chí", "đ/c", "nữ", "nam", "cựu", "cố", "tân",
        "gs", "gs.ts", "pgs", "pgs.ts", "pgs. ts", "ts", "ths", "th.s", "bs", "bác sĩ", "luật sư", "ls", "kỹ sư", "kts", "nsnd", "nsưt",
        "giáo sư", "phó giáo sư", "tiến sĩ", "thạc sĩ", "nghệ sĩ", "ca sĩ", "diễn viên", "nhạc sĩ", "đạo diễn", "nhà báo", "nhà văn",
        "nhà thơ", "hoa hậu", "á hậu", "người mẫu", "hlv", "huấn luyện viên", "tiền đạo", "tiền vệ", "hậu vệ", "trung vệ", "thủ môn",
        "cầu thủ", "trọng tài", "đại tướng", "thượng tướng", "trung tướng", "thiếu tướng", "đại tá", "thượng tá", "trung tá", "thiếu tá",
        "đại úy", "thượng úy", "trung úy", "thiếu úy", "thủ tướng", "phó thủ tướng", "tổng thống", "chủ tịch", "phó chủ tịch",
        "chủ tịch nước", "tổng bí thư", "bí thư", "phó bí thư", "bộ trưởng", "thứ trưởng", "ngoại trưởng", "đại sứ", "giám đốc",
        "phó giám đốc", "tổng giám đốc", "phó tổng giám đốc", "cục trưởng", "phó cục trưởng", "vụ trưởng", "trưởng phòng", "trưởng ban",
        "phó trưởng ban", "hiệu trưởng", "phó hiệu trưởng", "viện trưởng", "chánh văn phòng", "đại biểu", "nghi phạm", "bị cáo", "bị can",
        "đối tượng", "nạn nhân", "tài xế", "thầy thuốc", "tỷ phú", "doanh nhân",
    ]
)  # fmt: skip
"""Before a name: what follows is a person, or the organisation that somebody leads."""
_TITLE_BEFORE = re.compile(rf"(?:{'|'.join(sorted(map(re.escape, _TITLES), key=len, reverse=True))})\.? (?=[^\W\d_])", re.IGNORECASE)
_ORGANISATION = re.compile(
    r"(?:UBND|HĐND|MTTQ|TAND|VKSND|BCĐ|BHXH|CLB|CTCP|ĐH|THPT|THCS|BV|BVĐK|Ủy ban|Uỷ ban|Hội đồng|Công an|CA|Sở|Bộ|Cục|Tổng cục"
    r"|Chi cục|Vụ|Viện|Trường|Đại học|Học viện|Bệnh viện|Công ty|Tổng công ty|Tập đoàn|Ngân hàng|Hội|Hiệp hội|Liên đoàn|Đảng ủy"
    r"|Thành ủy|Tỉnh ủy|Huyện ủy|Quận ủy|Ban|Đoàn|Văn phòng|Phòng|Trung tâm|Tòa án|Toà án|Viện kiểm sát|Thanh tra|Cơ quan|Quân chủng"
    r"|Bộ đội|Đài|Báo|công an|công ty|tập đoàn|ngân hàng|bệnh viện|trường|đại học|hãng)[ .](?=\S*[^\W\d_])"
)


def _entity(body: str, kind: EntityType, start: int, end: int, abbreviations: Mapping[str, str]) -> Entity:
    text = body[start:end]
    return Entity(text=text, type=kind, start=start, end=end, full=written_out(text, abbreviations))


_SHORT = re.compile(r"[^\W\d_]+(?:[.&-][^\W\d_]+)*\.?")


def written_out(name: str, abbreviations: Mapping[str, str]) -> str | None:
    """`name` with its abbreviations written out, or None when it has none that the table knows.

    >>> table = {"UBND": "Ủy ban nhân dân", "TP": "Thành phố", "TT&TT": "Thông tin và Truyền thông", "TPHCM": "Thành phố Hồ Chí Minh"}
    >>> written_out("UBND TP Cao Lãnh", table), written_out("Sở TT&TT", table), written_out("UBND TP.HCM", table), written_out("Huế", table)
    ('Ủy ban nhân dân Thành phố Cao Lãnh', 'Sở Thông tin và Truyền thông', 'Ủy ban nhân dân Thành phố Hồ Chí Minh', None)
    """

    def write(match: re.Match[str]) -> str:
        word = match.group()
        for spelling in (word, word.rstrip("."), word.replace(".", "")):
            if spelling in abbreviations:
                return abbreviations[spelling]
        first, dot, rest = word.partition(".")
        return f"{abbreviations[first]} {rest}".rstrip() if dot and rest and first in abbreviations else word

    full = _SHORT.sub(write, name)
    return full if full != name else None


STEP = Step(entities, version=4, writes="entities")
