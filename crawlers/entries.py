"""Writes entries of the registry: what a person wrote in one, the comments too, stays as it is."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import tomli_w
import tomlkit
from tomlkit.items import AoT

from diembao.source import Source, read_source


def without_listings(text: str, urls: Collection[str]) -> str:
    r"""`text` without the `[[listings]]` tables of these addresses.

    >>> before = 'name = "x"\n\n[[listings]]\nurl = "https://a.vn/1"\n\n[[listings]]\nurl = "https://a.vn/2"\n'
    >>> without_listings(before, {"https://a.vn/1"})
    'name = "x"\n\n[[listings]]\nurl = "https://a.vn/2"\n'
    """
    document = tomlkit.parse(text)
    listings = document.get("listings")
    if not isinstance(listings, AoT):
        return text
    for place in reversed(range(len(listings))):
        if listings[place].get("url") in urls:
            del listings[place]
    if not listings:
        document.remove("listings")
    return tomlkit.dumps(document)


def with_listing(text: str, url: str) -> str:
    """`text` with one more page that lists articles."""
    return text.rstrip("\n") + f"\n\n[[listings]]\n{tomli_w.dumps({'url': url})}"


def write_entry(path: Path, text: str) -> Source:
    """Write `text` as the entry at `path`, when it describes a source; whole or not at all.

    Raises:
        ConfigError: when it does not; the file stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / f".{path.stem}.draft"
    try:
        draft.write_text(text, encoding="utf-8")
        source = read_source(draft).model_copy(update={"id": path.stem})
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return source
