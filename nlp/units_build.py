"""Makes `nlp/data/units.json.gz`: administrative units of today and before 1 July 2025, and how they hang together.

Run it when units change: `python -m nlp.units_build UNITS.json`, where UNITS.json is the units of today as github.com/thanglequoc/
vietnamese-provinces-database publishes them (MIT, see `nlp/data/units-LICENSE`). The former units and what became of them come from
underthesea's address data (Apache-2.0; from the package vietnamadminunits, MIT).
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


def main(units_file: Path) -> None:
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
    data = {
        "provinces": provinces,
        "wards": wards,
        "former_provinces": former_provinces,
        "former_districts": [[name, province] for province, name in districts],
        "former_wards": list(former_wards.values()),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    DATA.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
