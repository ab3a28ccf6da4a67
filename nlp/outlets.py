"""Where an outlet is at home: what its articles leave unsaid ("xã Tân Bình") is said of that province."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from diembao.errors import ConfigError
from diembao.source import read_source, source_files
from nlp.gazetteer import gazetteer

_NO_PLACE = re.compile("saigon|hanoimoi")
"""Papers of a big city that write about the whole country."""


def province_of_host(url: str) -> str | None:
    """Today's province that the host of `url` names, as those of provincial papers, broadcasters and portals do; None without one.

    >>> province_of_host("https://baothanhhoa.vn/a"), province_of_host("http://thuongtin.hanoi.gov.vn/b"), province_of_host("https://vtv.vn/c")
    ('Thanh Hoá', 'Hà Nội', None)
    """
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return None
    if not host.isascii() or _NO_PLACE.search(host):
        return None
    letters = host.replace("-", "")
    found = {province for name, province in _names().items() if name in letters}
    return found.pop() if len(found) == 1 else None


def provinces_of_sources(folder: Path) -> dict[str, str]:
    """Today's province of each source of `folder` that has one, by its id; without those whose file is wrong."""
    provinces = {}
    for path in source_files(folder):
        with suppress(ConfigError):
            if province := read_source(path).province:
                provinces[path.stem] = province
    return provinces


@cache
def _names() -> dict[str, str]:
    """Names of provinces, of today and before, as hosts write them; "hue" is too short to stand for itself."""
    known = gazetteer()
    names = {"baohue": "Huế", "hue.gov": "Huế", "dongkhoi": known.province_name("86"), "apbac": known.province_name("82")}
    for units in known.by_key.values():
        for unit in units:
            plain = "".join(c for c in unicodedata.normalize("NFD", unit.short.lower().replace("đ", "d")) if c.isascii() and c.isalpha())
            if unit.level == "province" and len(plain) >= 5:
                names[plain] = known.province_name(unit.province)
    return names
