"""Names of administrative units in a text, and which unit each means.

A name alone proves little: "Hòa Bình" is a province, a dozen communes, a company and many people. So a name of a province counts unless
its surroundings say that it is a person, a club, a street, a newspaper or a dish; a city or district that everybody knows counts in
the same way; any other unit counts only behind its rank ("phường Hòa Bình", "H. Cái Bè"), and where several units bear the name, the
provinces named beside it, in the text, or that of the office decide. What they leave undecided is not reported.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from diembao.article import PlaceLevel
from nlp.gazetteer import MERGER, Gazetteer, Key, Unit, gazetteer, name_key
from nlp.syllables import syllable_key


class Mention(NamedTuple):
    """A unit named in a text: text[start:end] is the name with its rank."""

    unit: Unit
    start: int
    end: int


def find_places(
    text: str, office_province: str | None = None, published: date | None = None, outlet_province: str | None = None
) -> list[Mention]:
    """The administrative units that `text` names, in the order of the text.

    Args:
        text: NFC.
        office_province: today's province of the office; it decides between units of one name when the text does not.
        published: day of publication; before the merger of 1 July 2025 a name means the former unit where there are both. None: the
            unit of today, and a former one where there is none.
        outlet_province: today's province that the outlet is at home in; it comes before the office's. None: a national outlet.

    >>> [(m.unit.name, m.unit.code) for m in find_places("Sạt lở ở huyện Cái Bè (Tiền Giang)")]
    [('Huyện Cái Bè', '82cu/huyen-cai-be'), ('Tỉnh Tiền Giang', '82cu')]
    """
    known = gazetteer()
    candidates = _introduced(_candidates(text, known))
    if published is not None:
        candidates = [_at(candidate, published) for candidate in candidates]
    return _resolve(candidates, text, known.province_code(outlet_province), known.province_code(office_province), published)


class _Token(NamedTuple):
    text: str
    start: int
    end: int
    key: str


class _Candidate(NamedTuple):
    start: int
    end: int
    rank: str
    """The rank written before it, in small letters; "" for none."""
    units: tuple[Unit, ...]
    bare: bool
    """Acceptable as it stands; without this only next to an accepted place of the same province."""
    key: Key
    local: bool = False
    """A name without a rank that is no well-known one: it needs its rank elsewhere in the text, or `placed`."""
    placed: bool = False
    """Behind "ở", "tại", "dân"."""
    home: str | None = None
    """Province of the district of that name, where nothing in the text points to a commune's."""
    introduced: bool = False
    """Its rank stands with it elsewhere in the text."""


_TOKEN = re.compile(r"[^\W_]+(?:['’&][^\W_]+)*")
_INSIDE_GAP = re.compile(r"[ \u00a0]{1,2}|[ \u00a0]?[-–—][ \u00a0]?|[.][ \u00a0]?")

_RANKS: dict[str, str] = {
    **{rank: rank for rank in ("tỉnh", "thành phố", "quận", "huyện", "thị xã", "phường", "xã", "thị trấn", "đặc khu")},
    **dict.fromkeys(("tp", "t.p", "thành"), "thành phố"),
    "q": "quận",
    "h": "huyện",
    "huyện đảo": "huyện",
    "tx": "thị xã",
    "p": "phường",
    "f": "phường",
    "x": "xã",
    "tt": "thị trấn",
}
_RANK_ABBREVIATIONS = frozenset(["tp", "t.p", "q", "h", "tx", "p", "x", "tt", "f"])
_FORMER_RANKS = frozenset(["quận", "huyện", "thị xã", "thị trấn"])


@cache
def _lists() -> dict[str, frozenset[str]]:
    path = Path(__file__).parent / "data" / "toponyms.toml"
    return {name: frozenset(words) for name, words in tomllib.loads(path.read_text(encoding="utf-8")).items()}


@cache
def _keys(name: str) -> frozenset[Key]:
    return frozenset(name_key(place) for place in _lists()[name])


_MAGAZINE = re.compile(r"[Tt]ạp chí(?: [^\s,.;:()]+){1,2} $")
_FIRM_HEADS = re.compile(r"\b(?:tập đoàn|công ty|ctcp|tnhh|cty|ông chủ|cổ phiếu|đại gia|chủ tịch hđqt|ceo)\b", re.IGNORECASE)
_CLUB_AFTER = re.compile(r"[ \u00a0]*(?:FC|F\.C|T&T|T & T|TT\b|ACB|United|Club|Watabe|Buffaloes|Heat|Dragons|Phượng Hoàng)")
_NAME_AFTER = re.compile(
    r"[ \u00a0](?:Mới|Giải Phóng|Giải phóng|Tiếp Thị|Tiếp thị|Co\.?op|Coop|Times|Tourist|Tourism|Bank|Land|Telecom|Food|Bus"
    r"|Petrol|Radio|Star|Pearl|Securities|TV|Plaza|Metropole|Opera|Ford|Toyota|Water|Port|Paper|Milk|Pharma|Fashion|Beer"
    r"|Green|Garden|Tower|Center|Centre|Complex|Riverside|Homes|Thương Tín)\b"
    r"|-?Tourist\b"
)
_CHINESE = re.compile(r"[^.\n;]{0,30}\b(?:Trung Quốc|TQ|Đài Loan|Triều Tiên)\b")
_CHINESE_NAMES = frozenset(name_key(name) for name in ("Hà Nam", "Sơn Tây", "Hà Bắc", "An Huy", "Hải Nam", "Tây Ninh", "Hải Dương"))
_FOOTBALL = re.compile(
    r"V[.\- ]?League|HLV|hạng Nhất|C[úu]p Quốc gia|C[úu]p QG|[Cc]ầu thủ|bàn thắng|ghi bàn|[Tt]iền đạo|[Tt]hủ môn|[Tt]rung vệ"
    r"|[Tt]iền vệ|[Hh]ậu vệ|AFC Cup|SLNA|HAGL|[Ll]ượt trận|[Ll]àm khách|\bFC\b|VCK"
    r"|(?:[Tt]rực tiếp|[Vv]ideo|[Nn]hận định) bóng đá|[Cc]úp C\d|[Nn]goại binh|VPF|VBA"
    r"|bóng chuyền|bóng rổ|penal?ty|luân lưu|trụ hạng"
)
_SPORT = re.compile(
    r"CLB|[Vv]òng \d+|[Vv]òng đấu|[Tt]rận đấu|CĐV|[Đđ]ội khách|[Đđ]ội chủ nhà|[Tt]rọng tài|Viettel|[Tt]ân binh|[Bb]óng đá"
    r"|U\.?\d\d|[Ss]ân cỏ|[Đđ]ội bóng|VFF|FIFA|toàn đội|[Bb]án kết|[Cc]hung kết|[Áá] quân|đụng độ"
)


def _candidates(text: str, known: Gazetteer) -> Iterator[_Candidate]:
    unmarked = not _VIETNAMESE_LETTER.search(text)
    for begin, end in _lines(text):
        line = text[begin:end]
        tokens = _tokens(line)
        capitals = sum(token.text.isupper() for token in tokens)
        shouting = capitals > 3 and capitals > 0.7 * len(tokens)
        index = 0
        row: tuple[int, str] | None = None
        while index < len(tokens):
            found = _longest(line, tokens, index, known, unmarked)
            if found is None:
                index += 1
                continue
            count, units = found
            if tokens[index].key in _DIRECTIONS and units[0].level != "province" and _is_province(line, tokens, index, known, unmarked):
                index += 1  # "phía Bắc Hà Nội" is no "Bắc Hà"
                continue
            candidate = _judge(line, tokens, index, count, units, shouting, text)
            if candidate is None or (not candidate.rank and not candidate.bare):
                candidate = _in_a_row(line, tokens, index, count, units, row) or candidate
            row = (candidate.end, candidate.rank) if candidate and candidate.rank else None
            if candidate is None:
                # "Thái Bình Dương" is no place, and neither is what stands inside it
                index += count
                continue
            yield candidate._replace(start=candidate.start + begin, end=candidate.end + begin)
            index += count


_DIRECTIONS = frozenset(syllable_key(word) for word in ("Bắc", "Nam", "Đông", "Tây"))


def _is_province(line: str, tokens: Sequence[_Token], index: int, known: Gazetteer, unmarked: bool) -> bool:
    """Whether a province's name begins at the next word and reaches over the end of the name at `index`."""
    if index + 2 >= len(tokens):
        return False
    here, behind = _longest(line, tokens, index, known, unmarked), _longest(line, tokens, index + 1, known, unmarked)
    return here is not None and behind is not None and behind[0] >= here[0] and any(unit.level == "province" for unit in behind[1])


_ROW_GAP = re.compile(r"(,|;| và| hoặc|, và) ")
_ROW_HEAD = re.compile(r"\b([Xx]ã|[Pp]hường|[Hh]uyện|[Qq]uận|[Tt]hị trấn)\b[^.;()\n]{0,60}(?: là| gồm| như|:) $")


def _in_a_row(
    line: str, tokens: Sequence[_Token], index: int, count: int, units: tuple[Unit, ...], row: tuple[int, str] | None
) -> _Candidate | None:
    """A name that shares the rank of the one before it: "huyện Thoại Sơn và Châu Thành", "các xã bị hại là Hàng Vịnh, Hiệp Tùng"."""
    start, end = tokens[index].start, tokens[index + count - 1].end
    if row and (gap := _ROW_GAP.fullmatch(line[row[0] : start])):
        rank, comma = row[1], gap[1] in ",;"
    elif head := _ROW_HEAD.search(line, max(0, start - 80), start):
        rank, comma = head[1].lower(), False
    else:
        return None
    fitting = tuple(unit for unit in units if _rank_fits(unit, rank))
    if not fitting or rank == "tỉnh" or (comma and fitting[0].level == "ward" and any(unit.level != "ward" for unit in units)):
        return None  # behind a comma a larger unit follows: "xã Thanh Mỹ, Thanh Chương"
    return _Candidate(start, end, rank, fitting, False, tuple(token.key for token in tokens[index : index + count]))


def _introduced(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """The candidates; a name without a rank takes the units of the same name that has its rank elsewhere in the text."""
    found = list(candidates)
    ranked: dict[Key, _Candidate] = {}
    for candidate in found:
        if candidate.rank and candidate.bare:
            ranked.setdefault(candidate.key, candidate)
    return [
        candidate._replace(units=ranked[candidate.key].units, introduced=True)
        if not candidate.rank and not candidate.bare and candidate.key in ranked
        else candidate
        for candidate in found
        if not candidate.local or candidate.key in ranked or candidate.placed
    ]


def _at(candidate: _Candidate, day: date) -> _Candidate:
    """The candidate without units that did not exist on that day, if one did or only the name speaks for it."""
    there = tuple(unit for unit in candidate.units if (unit.valid_from or day) <= day <= (unit.valid_to or day))
    return candidate._replace(units=there) if there or candidate.local else candidate


def _tokens(line: str) -> list[_Token]:
    """The words of a line. Leads often begin with a place without a space behind it ("Hà NộiCông an bắt…"): that ends a word too."""
    tokens = []
    for match in _TOKEN.finditer(line):
        word, start = match.group(), match.start()
        if not (word.islower() or word.isupper() or word.istitle()):
            for cut in range(2, len(word) - 1):
                if word[cut].isupper() and (
                    (word[cut - 1].islower() and word[cut:] not in ("TV", "FM"))
                    or (word[cut + 1].islower() and word[:cut] in ("HCM", "TPHCM"))
                ):
                    tokens.append(_Token(word[:cut], start, start + cut, syllable_key(_plain(word[:cut]))))
                    word, start = word[cut:], start + cut
                    break
        tokens.append(_Token(word, start, match.end(), syllable_key(_plain(word))))
    return tokens


def _plain(token: str) -> str:
    return token.replace("'", "").replace("’", "").replace("&", "")


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = end + 1


def _longest(line: str, tokens: Sequence[_Token], index: int, known: Gazetteer, unmarked: bool) -> tuple[int, tuple[Unit, ...]] | None:
    first = tokens[index]
    reach = known.longest.get(first.key, 0)
    if not reach or not (first.text[0].isupper() or first.text[0].isdigit()):
        return None
    key = [first.key]
    best: tuple[int, tuple[Unit, ...]] | None = None
    for count in range(1, reach + 1):
        if count > 1:
            if index + count > len(tokens):
                break
            token, before = tokens[index + count - 1], tokens[index + count - 2]
            if not token.text[0].isupper() or not _INSIDE_GAP.fullmatch(line[before.end : token.start]):
                break
            key.append(token.key)
        units = known.by_key.get(tuple(key))
        if units and (unmarked or tuple(key) not in known.unmarked):
            best = count, tuple(units)
    return best


def _judge(
    line: str, tokens: Sequence[_Token], index: int, count: int, units: tuple[Unit, ...], shouting: bool, text: str
) -> _Candidate | None:
    key: Key = tuple(token.key for token in tokens[index : index + count])
    rank, width = _rank_before(line, tokens, index)
    start, end = tokens[index - width].start, tokens[index + count - 1].end
    before = index - width
    words = [token.text.lower() for token in tokens[max(0, before - 3) : before] if _adjoins(line, tokens, token, start)]
    after = line[end : end + 40]
    if _CLUB_AFTER.match(after) and not rank.startswith(("tỉnh", "phường", "xã", "quận", "huyện")):
        return None
    if rank in ("", "thành phố") and _behind_club_word(line, start, tokens, before, words):
        return None
    if rank in ("", "tỉnh") and key in _CHINESE_NAMES and _CHINESE.match(after):
        return None
    if rank:
        wanted = tuple(unit for unit in units if _rank_fits(unit, rank)) or tuple(unit for unit in units if _level_fits(unit, rank))
        if wanted:
            return _Candidate(start, end, rank, wanted, True, key)
        provinces = tuple(unit for unit in units if unit.level == "province")
        if provinces and rank in ("quận", "huyện", "phường", "xã") and tokens[index - 1].text.lower() == rank:
            # "các quận, huyện Hà Nội", "phố phường Hà Nội": there is no such district or commune
            return _Candidate(tokens[index].start, end, "", provinces, True, key)
        return None
    if tokens[index].text[0].isdigit():
        return None
    if (english := _ENGLISH_RANK.match(after)) and (
        meant := tuple(unit for unit in units if unit.level == _ENGLISH_LEVELS[english[1].lower()])
    ):
        return _Candidate(start, end, "", meant, True, key)
    provinces = tuple(unit for unit in units if unit.level == "province")
    famous = key in _keys("famous")
    cities = (tuple(unit for unit in units if unit.level == "district") or units) if famous else ()
    chosen = provinces or cities
    if not chosen:
        weak = tuple(unit for unit in units if unit.level == "district") if count > 1 else ()
        if (
            key == ("vinh",)
            and index
            and tokens[index - 1].text[0].isupper()
            and line[tokens[index - 1].end : start].strip() in (",", "-", "–")
        ):
            # alone it is a name of people; in a row of places it is the city
            return _Candidate(start, end, "", tuple(unit for unit in units if unit.kind == "thành phố"), True, key)
        if _is_other(line, tokens, index, count, words, key, shouting, text):
            return None
        alone = count > 1 and _stands_alone(line, tokens, index, count, words)
        homes = {unit.province for unit in weak}
        if len(homes) == 1 and key not in _keys("given_names") and _is_shown(line, tokens, index, words, after):
            meant = tuple(unit for unit in units if unit.province in homes and (unit.level == "district" or unit.valid_to is None))
            if alone and words and words[-1] in _PLACING and {unit.province for unit in units} != homes:
                return _Candidate(start, end, "", units, False, key, local=True, placed=True, home=weak[0].province)
            return _Candidate(start, end, "", meant, True, key)
        if alone and words and words[-1] in _PLACING:
            return _Candidate(start, end, "", units, False, key, local=True, placed=True)
        if weak:
            return _Candidate(start, end, "", weak, False, key if alone else ())
        return _Candidate(start, end, "", units, False, key, local=True) if alone else None
    if key == ("ho", "chi", "minh") or key == name_key("Hồ Chí Minh"):
        gap = line[tokens[index - 1].end : start] if index else ""
        if not (gap.strip() in ("-", "–") and index and tokens[index - 1].text[0].isupper()) and not after.startswith(" City"):
            return None
    if _is_other(line, tokens, index, count, words, key, shouting, text):
        return None
    bare = key not in _keys("doubtful_alone") or _is_placed(line, tokens, index, words, after)
    return _Candidate(start, end, "", chosen, bare, key)


_ENGLISH_RANK = re.compile(r" (province|district|commune|ward)\b", re.IGNORECASE)
_ENGLISH_LEVELS: dict[str, PlaceLevel] = {"province": "province", "district": "district", "commune": "ward", "ward": "ward"}
_PLACING = frozenset(["ở", "tại", "dân"])


_ROUTE_BEFORE = re.compile(
    r"(?:đường sắt|cao tốc|tuyến|đoạn|tàu|\bga\b|đường ray|Cát Linh|metro)[^;\n]{0,40}[^\W\d_][ \u00a0]?[-–][ \u00a0]?$", re.IGNORECASE
)
_ADDRESS_BEFORE = re.compile(
    r"\b(?:phố|đường|ngõ|ngách|số nhà|KĐT|khu đô thị|chung cư|ga|chợ|bệnh viện|trường|phường|xã|P\.)[^.;\n]{2,40}, $", re.IGNORECASE
)


def _is_placed(line: str, tokens: Sequence[_Token], index: int, words: list[str], after: str) -> bool:
    """Whether a name that others bear too stands where places do: "từ Hà Đông", "cao tốc TP.HCM - Long Thành", "phố X, Đống Đa"."""
    locative = _lists()["locative"]
    if any(" ".join(words[-size:]) in locative for size in (1, 2, 3) if len(words) >= size):
        return True
    begin, start = max(0, tokens[index].start - 80), tokens[index].start
    if line.endswith("(", 0, start) and after.startswith(")"):
        return True
    return _ROUTE_BEFORE.search(line, begin, start) is not None or _ADDRESS_BEFORE.search(line, begin, start) is not None


_NEAR_START = 20
_HEADING = re.compile(r" ?: (?![\"'“‘])")


def _is_shown(line: str, tokens: Sequence[_Token], index: int, words: list[str], after: str) -> bool:
    """Whether a district's name without its rank stands where one does: "tại Hàm Tân", "Huyện ủy Chư Sê", "(Đô Lương)", "Nho Quan:"."""
    placing = _lists()["placing"]
    if (words[-1:] and words[-1] in placing) or " ".join(words[-2:]) in placing:
        return True
    start = tokens[index].start
    return (line.endswith("(", 0, start) and after.startswith(")")) or (
        start < _NEAR_START and not line[:start].strip() and _HEADING.match(after) is not None
    )


def _stands_alone(line: str, tokens: Sequence[_Token], index: int, count: int, words: list[str]) -> bool:
    """Whether a commune's name without a rank is no part of a longer name ("Nguyễn Kim Sơn", "Kim Sơn Group") and no person's."""
    if words:
        before = tokens[index - 1]
        if before.text[0].isupper() and not _begins_sentence(line, before):
            return False
        lists = _lists()
        if {words[-1], " ".join(words[-2:])} & (lists["titles"] | lists["streets"] | lists["firms"]):
            return False
    behind = tokens[index + count] if index + count < len(tokens) else None
    return not (behind and behind.text[0].isupper() and line[tokens[index + count - 1].end : behind.start] == " ")


def _rank_before(line: str, tokens: Sequence[_Token], index: int) -> tuple[str, int]:
    """(rank, how many tokens it takes) written directly before tokens[index]; ("", 0) without."""
    for width in (2, 1):
        if index < width:
            continue
        first, last = tokens[index - width], tokens[index - 1]
        gap = line[last.end : tokens[index].start]
        if width == 2 and line[first.end : last.start] not in (" ", "\u00a0", "."):
            continue
        words = " ".join(token.text.lower() for token in tokens[index - width : index])
        words = "tp" if words == "t p" else words
        rank = _RANKS.get(words)
        if rank is None:
            continue
        if words in _RANK_ABBREVIATIONS:
            if gap.strip(" \u00a0") not in ("", ".") or not (last.text[0].isupper() or gap.startswith(".")) or (gap == "" and width == 1):
                continue
        elif gap not in (" ", "\u00a0"):
            continue
        if words == "xã" and index >= 2 and tokens[index - 2].text.lower() in ("tác", "ông", "bà"):
            continue  # hợp tác xã; "ông xã", "bà xã" are spouses
        if words == "phường" and index >= 2 and tokens[index - 2].text.lower() == "phố":
            continue
        if words == "thành" and (index < 2 or not line[max(0, last.start - 20) : last.start].rstrip().lower().endswith(("tỉnh", "tỉnh,"))):
            continue
        if words in ("tt", "x", "h", "p", "f", "q") and gap.strip() != "." and not tokens[index].text[0].isdigit():
            continue
        return rank, width
    return "", 0


def _rank_fits(unit: Unit, rank: str) -> bool:
    return unit.level == "province" if rank == "tỉnh" else unit.kind == rank


def _level_fits(unit: Unit, rank: str) -> bool:
    """Whether a unit had this rank at some time, as far as one can tell: districts became towns, communes wards."""
    if rank in ("quận", "huyện", "thị xã"):
        return unit.level == "district"
    if rank == "thành phố":
        return unit.level == "district" and unit.kind == "thị xã"
    return rank in ("phường", "xã", "thị trấn") and unit.level == "ward"


def _adjoins(line: str, tokens: Sequence[_Token], token: _Token, start: int) -> bool:
    """Only spaces and letters between `token` and `start`: no comma, stop, bracket or dash."""
    return not _BREAK.search(line, token.end, start)


@lru_cache(maxsize=8)
def _is_about_clubs(text: str) -> bool:
    """Whether a text reports on matches, where the name of a province is mostly that of its club."""
    strong = len(_FOOTBALL.findall(text))
    return strong > 0 and strong + len(_SPORT.findall(text)) > 1


_VIETNAMESE_LETTER = re.compile("[ăâđêôơưĂÂĐÊÔƠƯ\u1ea0-\u1ef9]")
_BREAK = re.compile(r"[,;:!?()\[\]\"“”'‘’|/–—-]|[.]\s")


_YOUTH_TEAM = re.compile(r"\bU[.-]\d\d $")


def _behind_club_word(line: str, start: int, tokens: Sequence[_Token], before: int, words: list[str]) -> bool:
    if _YOUTH_TEAM.search(line, max(0, start - 8), start):
        return True
    if words[-1:] == ["than"]:
        return tokens[before - 1].text == "Than"
    return any(" ".join(words[-size:]) in _lists()["clubs"] for size in (1, 2, 3) if len(words) >= size)


class _Surroundings(NamedTuple):
    """A name without a rank, and what stands around it.

    Attributes:
        key: key of the name.
        line: the line of text.
        start: where the name begins in the line.
        after: the next 40 characters.
        words: up to three words directly before it, in small letters; nothing but spaces between.
        previous: the last of them as it is written, or None.
        begins: that word begins a sentence, or the line is all in capitals: its own capital says nothing.
    """

    key: Key
    line: str
    start: int
    after: str
    words: list[str]
    previous: _Token | None
    begins: bool

    @property
    def last(self) -> str:
        """The word directly before the name."""
        return self.words[-1] if self.words else ""

    @property
    def two(self) -> str:
        """The two words directly before the name."""
        return " ".join(self.words[-2:])

    def behind(self, name: str) -> bool:
        """Whether one of the list's phrases of one or two words stands directly before the name."""
        words = _lists()[name]
        return self.last in words or self.two in words

    @property
    def capital_before(self) -> bool:
        """The word before has a capital of its own, as in a longer name; abbreviations do not count."""
        return self.previous is not None and self.previous.text[0].isupper() and not self.previous.text.isupper() and not self.begins


def _is_other(line: str, tokens: Sequence[_Token], index: int, count: int, words: list[str], key: Key, shouting: bool, text: str) -> bool:
    """Whether the surroundings say that the name is of a person, club, street, paper, dish or firm."""
    end = tokens[index + count - 1].end
    after = line[end : end + 40]
    if after[:1].isalpha():
        return False  # "Hà NộiCông an…": where the report comes from
    previous = tokens[index - 1] if index and words else None
    begins = shouting or (previous is not None and _begins_sentence(line, previous))
    around = _Surroundings(key, line, tokens[index].start, after, words, previous, begins)
    if _is_part(around) or _is_paper(around) or _is_street(around) or _is_dish(around):
        return True
    if _is_person(around) or _is_firm(around):
        return True
    if around.two == "công an" or not around.behind("locative"):
        return not _after_place_comma(line, tokens, index) and _is_about_clubs(text[:3000])
    return False


_BANK = re.compile(r"(?:TMCP|[Nn]gân hàng|SHB) \(?Sài Gòn ?[-–] ?$")


def _is_part(around: _Surroundings) -> bool:
    """The name is part of a longer one ("Thái Bình Dương", "Hà Nội Mới"), or tells a time zone."""
    if _NAME_AFTER.match(around.after):
        return True
    for name, continuation in (("Thái Bình", " Dương"), ("Điện Biên", " Phủ")):
        if around.key == name_key(name) and around.after.lower().startswith(continuation.lower()):
            return True
    if around.key == name_key("Hòa Bình") and around.last == "nobel":
        return True
    if around.key != name_key("Hà Nội"):
        return False
    return around.last == "giờ" or _BANK.search(around.line, max(0, around.start - 30), around.start) is not None


def _is_paper(around: _Surroundings) -> bool:
    papers = _lists()["papers"]
    if around.two in papers or (around.last in papers and around.two not in _lists()["not_papers"]):
        return True
    return _MAGAZINE.search(around.line, max(0, around.start - 40), around.start) is not None


_HOUSE_NUMBER = re.compile(r"\b(?:số nhà|nhà số|ở số|tại số|ngõ|ngách|hẻm) \d[\d/]* $", re.IGNORECASE)


def _is_street(around: _Surroundings) -> bool:
    """A street, bridge or river that bears the name; not a route ("đường Hà Nội - Vinh") and not the streets of a city."""
    if _HOUSE_NUMBER.search(around.line, max(0, around.start - 20), around.start):
        return True
    if around.last not in _lists()["streets"] or around.two in _lists()["not_streets"]:
        return False
    if around.last in ("sông", "cầu") and around.key in (name_key("Cần Thơ"), name_key("Sài Gòn")):
        return False
    if around.last == "phố" and around.key in (name_key("Hà Nội"), name_key("Sài Gòn")):
        return False
    return not (around.last == "đường" and _ROUTE.match(around.after))


def _is_dish(around: _Surroundings) -> bool:
    if "lễ hội" in around.line[max(0, around.start - 20) : around.start].lower():
        return False
    return around.behind("dishes") and around.words[0] not in ("quán", "tiệm", "chuỗi", "hàng", "giống")


def _is_person(around: _Surroundings) -> bool:
    if around.previous is None or around.key not in _keys("personal"):
        return False
    lists = _lists()
    if around.last in lists["titles"] and around.two not in lists["not_titles"]:
        # "ca sĩ Hà Giang" is one, "chiến sĩ Hà Giang" are many
        return around.last not in ("viên", "sĩ", "nhân", "hậu") or around.two in lists["person_words"]
    if not around.capital_before:
        return around.previous.text[0].isupper() and not around.previous.text.isupper() and around.last in lists["surnames"]
    if around.last in lists["middle_names"] or around.last in lists["surnames"]:
        return True
    if around.words[-2:-1] and around.words[-2] in lists["titles"] and around.words[-2] not in ("viên", "nhân"):
        return True  # "ông Phí Thái Bình"
    return around.key == name_key("Huế")


def _is_firm(around: _Surroundings) -> bool:
    if around.key == name_key("Sài Gòn"):
        return around.behind("firms") or around.two in ("dự án", "căn hộ", "đô thị")
    if around.key == name_key("Hòa Bình") and _FIRM_HEADS.search(around.line, max(0, around.start - 40), around.start):
        return True
    if around.key not in _keys("personal") or not around.behind("firms"):
        return False
    return not _lists()["offices"].intersection(around.words[:-2])  # "Sở Xây dựng Hòa Bình"


_ROUTE = re.compile(r"[ \u00a0]?[-–][ \u00a0]?[^\W\d_]")


def _after_place_comma(line: str, tokens: Sequence[_Token], index: int) -> bool:
    """Whether the name stands behind "…, " or "(" as the end of an address does."""
    return bool(index and tokens[index - 1].text[0].isupper() and line[tokens[index - 1].end : tokens[index].start].strip() in (",", "("))


def _begins_sentence(line: str, token: _Token) -> bool:
    begin = max(0, token.start - 40)  # a part of the line: copying all of it for each name would take the square of its length
    before = line[begin : token.start].rstrip(" \u00a0\"'“‘(*-–")
    return before[-1] in ".!?:…|" if before else begin == 0


def _resolve(candidates: list[_Candidate], text: str, outlet: str | None, office: str | None, published: date | None) -> list[Mention]:
    former_first = published is not None and published < MERGER
    settled: list[str | None] = []
    for candidate in candidates:
        provinces = {unit.province for unit in candidate.units}
        settled.append(next(iter(provinces)) if candidate.bare and len(provinces) == 1 else None)
    _drop_strangers(candidates, settled, text)
    counts = Counter(province for province in settled if province)
    upper = {settled[number] for number, candidate in enumerate(candidates) if settled[number] and _level(candidate) > 0}
    mentions: list[Mention] = []
    decided: dict[Key, Unit] = {}
    # the title says "Kim Sơn" before the lead says "xã Kim Sơn": what is introduced elsewhere comes last
    for number in sorted(range(len(candidates)), key=lambda number: candidates[number].introduced):
        candidate = candidates[number]
        if candidate.introduced:
            if candidate.key in decided:
                mentions.append(Mention(decided[candidate.key], candidate.start, candidate.end))
            continue
        options = {unit.province for unit in candidate.units}
        if not options:
            continue
        province = settled[number] or _nearby(candidates, settled, number, options, text)
        if province is None:
            province = _from_context(candidate, options, counts, outlet, office)
        if province is None:
            continue
        if _level(candidate) == 0 and upper and province not in upper:
            continue  # "xã Tiên Hải (thành phố Phủ Lý)": a commune that is gone, and another province's one of that name
        settled[number] = province
        fitting = [unit for unit in candidate.units if unit.province == province]
        unit = _of_its_time(fitting, former_first, candidate, candidates, settled, number)
        if candidate.rank:
            decided.setdefault(candidate.key, unit)
        mentions.append(Mention(unit, candidate.start, candidate.end))
    return sorted(mentions, key=lambda mention: mention.start)


def _from_context(candidate: _Candidate, options: set[str], counts: Counter[str], outlet: str | None, office: str | None) -> str | None:
    """The province of a name that several bear, or that no rank shows to be one: from the text, then from outlet and office."""
    named = [code for code, _ in counts.most_common() if code in options]
    if named and (candidate.bare or candidate.rank or candidate.local or len(options) == 1):
        return named[0]
    if (candidate.bare and candidate.rank) or (candidate.local and not counts):
        if outlet in options:
            return outlet
        if office not in options and candidate.rank and (namesake := _of_a_district(candidate)):
            return namesake
        if office in options and not candidate.key[0].isdigit():  # "phường 7" is mostly one of a big city
            return office
        return candidate.home
    if candidate.home:
        return candidate.home
    # a district's name without its rank: at home one writes so
    return outlet if options == {outlet} and not counts else None


def _of_a_district(candidate: _Candidate) -> str | None:
    """The province of the one commune of today that bears the name of its former district ("phường Ba Đình")."""
    today = {unit.province for unit in candidate.units if unit.level == "ward" and unit.valid_to is None}
    districts = {unit.province for unit in gazetteer().by_key.get(candidate.key, ()) if unit.level == "district"}
    return today.pop() if len(today) == 1 and today <= districts and not candidate.key[0].isdigit() else None


def _drop_strangers(candidates: list[_Candidate], settled: list[str | None], text: str) -> None:
    """Unsettle a commune or district that bears the name of another province's one: "phường Hòa Hiệp, Liên Chiểu, Đà Nẵng"."""
    for number in range(len(candidates) - 2, -1, -1):
        here, above = candidates[number], settled[number + 1]
        gap = text[here.end : candidates[number + 1].start]
        if above is None or settled[number] == above or not _ADDRESS_GAP.fullmatch(gap) or _level(here) >= _level(candidates[number + 1]):
            continue
        if above in {unit.province for unit in here.units}:
            settled[number] = above
        elif settled[number] is not None and (_level(here) == 0 or here.rank):
            candidates[number] = here._replace(units=())
            settled[number] = None


_ADDRESS_GAP = re.compile(r"\s?[,(–-]\s?|\s?\(\s?")


def _level(candidate: _Candidate) -> int:
    """0 for a commune, 1 for a district, 2 for a province."""
    return max((("ward", "district", "province").index(unit.level) for unit in candidate.units), default=0)


def _nearby(candidates: list[_Candidate], settled: list[str | None], number: int, options: set[str], text: str) -> str | None:
    """The province of the next larger unit in an address ("xã A, huyện B, tỉnh C", "phường A (Hà Nội)") that fits."""
    position = candidates[number].end
    for other in range(number + 1, min(number + 4, len(candidates))):
        gap = text[position : candidates[other].start]
        if len(gap) > 12 or "\n" in gap or "." in gap.replace("TP.", "").replace("tp.", ""):
            break
        if settled[other] in options:
            return settled[other]
        position = candidates[other].end
    return None


_NEAR = 12
"""How many names around one are asked which district or province it lies in."""


def _of_its_time(
    units: list[Unit], former_first: bool, candidate: _Candidate, candidates: list[_Candidate], settled: list[str | None], number: int
) -> Unit:
    """Of units with one name in one province, the one that existed at the time; among former communes, that of the district beside it."""
    today = [unit for unit in units if unit.valid_to is None]
    former = [unit for unit in units if unit.valid_to is not None]
    if candidate.rank in _FORMER_RANKS:
        today = []
    pool = (former or today) if former_first else (today or former)
    pool = pool or units
    if candidate.rank == "":
        pool = sorted(pool, key=lambda unit: ("province", "district", "ward").index(unit.level))
    if pool[0].valid_to is not None and len(pool) > 1:
        pool = sorted(pool, key=lambda unit: (unit.level != "province", -(unit.valid_to or MERGER).toordinal()))
        near = candidates[max(0, number - _NEAR) : number][::-1] + candidates[number + 2 : number + _NEAR]
        others = candidates[number + 1 : number + 2] + near
        for other in others:
            for unit in pool:
                if any(above.code in unit.inside for above in other.units):
                    return unit
    return pool[0]
