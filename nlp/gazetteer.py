"""Administrative units of Vietnam: the 34 provinces and their wards of today, and the provinces, districts and communes before.

Every unit has a code of its own. Today's provinces and wards have their official ones ("82" is Đồng Tháp). The official codes of the
63 provinces were given anew to others ("82" was Tiền Giang), so a province that was merged has its former code with "cu" (cũ: former)
behind it: "82cu". Former districts and communes carry no official code in the data that may be shipped: theirs is made of the code of
the province that they lay in and their names ("82cu/huyen-cai-be/xa-my-loi-a"). Of a commune that ended between 2019 and
2025 the data do not say when: its last day is that of the rest, 30 June 2025.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from diembao.article import Place, PlaceLevel
from nlp.syllables import syllable_key

DATA = Path(__file__).parent / "data" / "units.json.gz"

MERGER = date(2025, 7, 1)
"""From this day on there are 34 provinces and no districts (resolution 202/2025/QH15)."""

_LAST_DAY = date(2025, 6, 30)

FORMER = "cu"
"""Behind the official code of a province that was merged (cũ: former): one word for the search, so that no other code finds it."""

Key = tuple[str, ...]

KINDS = ("thành phố", "thị xã", "thị trấn", "huyện đảo", "tỉnh", "quận", "huyện", "phường", "xã", "đặc khu")


class Unit(NamedTuple):
    """An administrative unit.

    Attributes:
        code: official code, or one made of names (see the module); no two units have the same.
        name: full name ("Huyện Cái Bè").
        kind: its rank in small letters ("huyện").
        short: name without the rank ("Cái Bè").
        level: province, district or ward.
        province: code of today's province in which it lies.
        inside: codes of the former units that it lay in, smallest first; empty for today's units.
        valid_from: first day, or None when it is older than the records.
        valid_to: last day, or None when it exists.
        former: names of the units that were merged into it.
    """

    code: str
    name: str
    kind: str
    short: str
    level: PlaceLevel
    province: str
    inside: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    former: tuple[str, ...]


class Gazetteer(NamedTuple):
    """All units.

    Attributes:
        by_key: units by the key of their short name.
        provinces: today's provinces by code.
        longest: length of the longest key that begins with a syllable.
        unmarked: keys that are names of provinces without their marks ("Da Nang"): for text that is written without marks.
        former_provinces: by code of a smaller unit the merged province in which it lies or lay ("Tiền Giang"); others are left out.
    """

    by_key: dict[Key, list[Unit]]
    provinces: dict[str, Unit]
    longest: dict[str, int]
    unmarked: frozenset[Key]
    former_provinces: dict[str, str]

    def province_name(self, code: str) -> str:
        """Today's province of this code without "Tỉnh"/"Thành phố"."""
        return self.provinces[code].short

    def province_code(self, name: str | None) -> str | None:
        """Code of today's province in which the province called `name` lies, or None."""
        for unit in self.by_key.get(name_key(name), ()) if name else ():
            if unit.level == "province":
                return unit.province
        return None

    def place(self, unit: Unit) -> Place:
        """The unit as it stands in an Article."""
        return Place(
            code=unit.code,
            name=unit.name,
            level=unit.level,
            province=self.province_name(unit.province),
            valid_from=unit.valid_from,
            valid_to=unit.valid_to,
            former=list(unit.former),
            former_province=self.former_provinces.get(unit.code, ""),
        )


_KEY_PARTS = re.compile(r"[^\W_]+")


def name_key(name: str) -> Key:
    """The syllables of a name, comparable: without rank, case, hyphens, apostrophes and place of the tone mark.

    >>> name_key("Tỉnh Thanh Hoá") == name_key("thanh hóa"), name_key("Bà Rịa - Vũng Tàu") == name_key("Bà Rịa–Vũng Tàu")
    (True, True)
    """
    return tuple(syllable_key(part) for part in _KEY_PARTS.findall(split_kind(name)[1].replace("'", "").replace("’", "")))


def split_kind(name: str) -> tuple[str, str]:
    """("huyện", "Cái Bè") of "Huyện Cái Bè"; ("", name) without a rank.

    A number stays with its rank away: ("quận", "1").
    """
    lower = unicodedata.normalize("NFC", name).lower()
    for kind in KINDS:
        if lower.startswith(kind + " "):
            return kind, name[len(kind) + 1 :]
    return "", name


def _slug(name: str) -> str:
    spelt = unicodedata.normalize("NFD", name.lower().replace("đ", "d").replace("’", "'"))
    plain = spelt.encode("ascii", "ignore").decode()
    return "-".join(_KEY_PARTS.findall(plain))


_MERGED_BEFORE = (
    ("28", "Tỉnh Hà Tây", "01", date(2008, 7, 31)),
    ("46", "Tỉnh Thừa Thiên Huế", "46", date(2024, 12, 31)),
)
"""Provinces that ended before the data begin: code, name, today's province, last day."""

_ENDED_DISTRICTS = (
    ("79", date(2020, 12, 31), "Quận 2, Quận 9, Quận Thủ Đức"),
    ("01", date(2014, 3, 31), "Huyện Từ Liêm"),
    ("22", date(2019, 12, 31), "Huyện Hoành Bồ"),
    ("04", date(2020, 2, 29), "Huyện Thông Nông, Huyện Trà Lĩnh, Huyện Phục Hòa"),
    ("36", date(2024, 8, 31), "Huyện Mỹ Lộc"),
    ("40", date(2024, 11, 30), "Thị xã Cửa Lò"),
    ("68", date(2024, 11, 30), "Huyện Đạ Tẻh, Huyện Cát Tiên"),
    ("24", date(2024, 12, 31), "Huyện Yên Dũng"),
    ("37", date(2024, 12, 31), "Huyện Hoa Lư, Thành phố Ninh Bình"),
    ("38", date(2024, 12, 31), "Huyện Đông Sơn"),
    ("42", date(2024, 12, 31), "Huyện Lộc Hà"),
    ("17", date(2019, 12, 31), "Huyện Kỳ Sơn"),
    ("38", date(2020, 5, 31), "Huyện Tĩnh Gia"),
    ("51", date(2020, 1, 31), "Huyện Tây Trà"),
    ("04", date(2020, 2, 29), "Huyện Quảng Uyên"),
    ("46", date(2024, 12, 31), "Huyện Nam Đông, Thành phố Huế"),
    ("49", date(2024, 12, 31), "Huyện Nông Sơn"),
    ("77", date(2024, 12, 31), "Huyện Long Điền, Huyện Đất Đỏ"),
)
"""Districts that ended before the data begin: former province, last day, names."""

OTHER_NAMES = {
    "Sài Gòn": "Thành phố Hồ Chí Minh",
    "HCM": "Thành phố Hồ Chí Minh",
    "TPHCM": "Thành phố Hồ Chí Minh",
    "TP HCM": "Thành phố Hồ Chí Minh",
    "Hồ Chí Minh City": "Thành phố Hồ Chí Minh",
    "TPHN": "Thành phố Hà Nội",
    "Thừa Thiên - Huế": "Tỉnh Thừa Thiên Huế",
    "TT Huế": "Tỉnh Thừa Thiên Huế",
    "BR VT": "Tỉnh Bà Rịa - Vũng Tàu",
    "BRVT": "Tỉnh Bà Rịa - Vũng Tàu",
    "Đắc Lắc": "Tỉnh Đắk Lắk",
    "Đắc Lắk": "Tỉnh Đắk Lắk",
    "Đắk Lắc": "Tỉnh Đắk Lắk",
    "Đăk Lăk": "Tỉnh Đắk Lắk",
    "Đăk Lắk": "Tỉnh Đắk Lắk",
    "Đak Lak": "Tỉnh Đắk Lắk",
    "Daklak": "Tỉnh Đắk Lắk",
    "Dak Lak": "Tỉnh Đắk Lắk",
    "Đắc Nông": "Tỉnh Đắk Nông",
    "Đăk Nông": "Tỉnh Đắk Nông",
    "Đak Nông": "Tỉnh Đắk Nông",
    "Dak Nong": "Tỉnh Đắk Nông",
    "Kontum": "Tỉnh Kon Tum",
    "Bắc Cạn": "Tỉnh Bắc Kạn",
    "Gialai": "Tỉnh Gia Lai",
    "Hanoi": "Thành phố Hà Nội",
    "Ho Chi Minh City": "Thành phố Hồ Chí Minh",
    "HCM City": "Thành phố Hồ Chí Minh",
    "TP Ho Chi Minh": "Thành phố Hồ Chí Minh",
    "Danang": "Thành phố Đà Nẵng",
    "Buôn Mê Thuột": "Thành phố Buôn Ma Thuột",
    "Ban Mê Thuột": "Thành phố Buôn Ma Thuột",
    "Qui Nhơn": "Thành phố Quy Nhơn",
    "Sapa": "Thị xã Sa Pa",
    "Plei Ku": "Thành phố Pleiku",
    "PleiKu": "Thành phố Pleiku",
    "Phan Rang": "Thành phố Phan Rang-Tháp Chàm",
    "Bà Rịa": "Thành phố Bà Rịa",
    "Vũng Tàu": "Thành phố Vũng Tàu",
    "Cát Bà": "Huyện Cát Hải",
}
"""What else units are called in the press."""


_OTHER_WORDS = frozenset({("ha", "nam"), ("hoa", "binh"), ("ho", "chi", "minh")})
"""Provinces' names without marks that mean other things too."""


@cache
def gazetteer() -> Gazetteer:
    """All units, read once."""
    data = json.loads(gzip.decompress(DATA.read_bytes()))
    units: list[Unit] = []
    merged: dict[str, list[str]] = defaultdict(list)
    for _, name, new in data["former_provinces"]:
        merged[new].append(name)
    old = {code: code if len(merged[new]) == 1 else code + FORMER for code, _, new in data["former_provinces"]}
    # the districts of Huế lay in the province until 2024 and in the city that it became
    above = {
        code: (short, *(f"{code}{FORMER}" for same, _, new, _ in _MERGED_BEFORE if same == new == code)) for code, short in old.items()
    }
    districts = [(name, province, f"{old[province]}/{_slug(name)}") for name, province in data["former_districts"]]
    merged_wards: dict[str, list[str]] = defaultdict(list)
    lay_in: dict[str, set[str]] = defaultdict(set)
    for name, district, new in data["former_wards"]:
        if new:
            merged_wards[new].append(f"{name}, {districts[district][0]}")
            lay_in[new].add(old[districts[district][1]])
    provinces: dict[str, Unit] = {}
    for code, name in data["provinces"]:
        kind, short = split_kind(name)
        alone = len(merged[code]) < 2
        since = date(2025, 1, 1) if code == "46" else None if alone else MERGER
        provinces[code] = Unit(code, name, kind, short, "province", code, (), since, None, () if alone else tuple(merged[code]))
    units += provinces.values()
    for code, name, province in data["wards"]:
        kind, short = split_kind(name)
        units.append(Unit(code, name, kind, short, "ward", province, (), MERGER, None, tuple(merged_wards[code])))
    new_of = {code: new for code, _, new in data["former_provinces"]}
    for code, name, new in data["former_provinces"]:
        if len(merged[new]) > 1:
            kind, short = split_kind(name)
            units.append(Unit(old[code], name, kind, short, "province", new, (), None, _LAST_DAY, ()))
    for code, name, new, last in _MERGED_BEFORE:
        kind, short = split_kind(name)
        units.append(Unit(code + FORMER, name, kind, short, "province", new, (), None, last, ()))
    for name, province, code in districts:
        kind, short = split_kind(name)
        units.append(Unit(code, name, kind, short, "district", new_of[province], above[province], None, _LAST_DAY, ()))
    taken: Counter[str] = Counter()

    def code_in(inside: str, name: str) -> str:
        code = f"{inside}/{_slug(name)}"
        taken[code] += 1
        return code if taken[code] == 1 else f"{code}-{taken[code]}"  # "Xã Tam Dân" and "Xã Tam Đàn" of one district

    for name, district, _ in data["former_wards"]:
        kind, short = split_kind(name)
        _, province, inside = districts[district]
        code = code_in(inside, name)
        units.append(Unit(code, name, kind, short, "ward", new_of[province], (inside, *above[province]), None, _LAST_DAY, ()))
    present = {(unit.inside[0], unit.name) for unit in units if unit.level == "district"}
    for province, last, names in _ENDED_DISTRICTS:
        for name in names.split(", "):
            if (old[province], name) not in present:
                kind, short = split_kind(name)
                code = f"{old[province]}/{_slug(name)}"
                units.append(Unit(code, name, kind, short, "district", new_of[province], above[province], None, last, ()))
    codes = set(taken)
    ranked = {unit.code for unit in units if unit.level == "district"}
    by_short = {(unit.inside[0], name_key(unit.short)): unit.code for unit in units if unit.level == "district"}
    for name, district, province in data["ended_wards"]:
        kind, short = split_kind(name)
        inside = f"{old[province]}/{_slug(district)}"
        if inside not in ranked:  # a district that has become a town since
            inside = by_short[old[province], name_key(district)]
        if f"{inside}/{_slug(name)}" not in codes:  # else only another spelling
            units.append(
                Unit(code_in(inside, name), name, kind, short, "ward", new_of[province], (inside, *above[province]), None, _LAST_DAY, ())
            )
    by_key: dict[Key, list[Unit]] = defaultdict(list)
    for unit in units:
        by_key[_short_key(unit.short)].append(unit)
    for other, full in OTHER_NAMES.items():
        found = [unit for unit in by_key[name_key(full)] if name_key(unit.name) == name_key(full) and unit.kind == split_kind(full)[0]]
        by_key[_short_key(other)] += [unit for unit in found if unit not in by_key[_short_key(other)]]
    unmarked = set()
    for unit in units:
        plain = _short_key(_slug(unit.short))
        if unit.level == "province" and len(plain) > 1 and plain not in by_key and plain not in _OTHER_WORDS:
            unmarked.add(plain)
            by_key[plain] = [found for found in by_key[_short_key(unit.short)] if found.level == "province"]
    longest: dict[str, int] = {}
    for key in list(by_key):
        if not key or not by_key[key]:
            del by_key[key]
        else:
            longest[key[0]] = max(longest.get(key[0], 0), len(key))
    merged_names = {unit.code: unit.short for unit in units if unit.level == "province" and unit.code.endswith(FORMER)}
    before = {unit.code: (*unit.inside, *(lay_in[unit.code] if len(lay_in[unit.code]) == 1 else ())) for unit in units}
    former_provinces = {code: merged_names[above] for code, inside in before.items() for above in inside if above in merged_names}
    return Gazetteer(dict(by_key), provinces, longest, frozenset(unmarked), former_provinces)


def _short_key(short: str) -> Key:
    return tuple(syllable_key(part) for part in _KEY_PARTS.findall(short.replace("'", "").replace("’", "")))


def short_names() -> list[str]:
    """Names of all provinces and districts without their rank."""
    return sorted({unit.short for units in gazetteer().by_key.values() for unit in units if unit.level != "ward"})
