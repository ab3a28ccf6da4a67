"""Writes entries of the registry: what a person wrote in one, the comments too, stays as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from diembao.errors import ConfigError
from diembao.source import Source, read_source


def with_values(text: str, values: Mapping[str, Any]) -> str:
    r"""`text` (TOML) with the top-level `values`: known keys get theirs in place, new ones stand before the first table.

    Everything else stays byte for byte; a comment behind a value that is replaced goes with it.

    >>> before = 'name = "Báo"  # như bạn đọc gọi\nenabled = false\n'
    >>> print(with_values(before, {"enabled": True, "feeds": ["https://bao.vn/rss"]}), end="")
    name = "Báo"  # như bạn đọc gọi
    enabled = true
    feeds = [
        "https://bao.vn/rss",
    ]

    Raises:
        ConfigError: when `text` is no TOML.
    """
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the entry cannot be changed: {error}", "Mend the file or take it away") from error
    head, tables = _split(text)
    waiting = dict(values)
    written: list[str] = []
    for key, statement in _statements(head):
        if key in waiting:
            written.append(tomli_w.dumps({key: waiting.pop(key)}))
        else:
            written.append(statement)
    tail: list[str] = []
    while written and not written[-1].strip():
        tail.insert(0, written.pop())
    if written and not written[-1].endswith("\n"):
        written.append("\n")
    written.extend(tomli_w.dumps({key: value}) for key, value in waiting.items())
    result = "".join([*written, *(tail or (["\n"] if tables and waiting else [])), tables])
    if tomllib.loads(result) != {**before, **values}:
        raise ConfigError("the entry cannot be changed without losing something", "Change it by hand")
    return result


def without_listings(text: str, urls: Collection[str]) -> str:
    r"""`text` without the `[[listings]]` tables of these addresses.

    >>> before = 'name = "x"\n\n[[listings]]\nurl = "https://a.vn/1"\n\n[[listings]]\nurl = "https://a.vn/2"\n'
    >>> without_listings(before, {"https://a.vn/1"})
    'name = "x"\n\n[[listings]]\nurl = "https://a.vn/2"\n'
    """
    head, tables = _split(text)
    kept: list[str] = []
    for table in _tables(tables):
        listing = tomllib.loads(table).get("listings") if table.lstrip().startswith("[[listings]]") else None
        if not (listing and listing[0].get("url") in urls):
            kept.append(table)
    return head + "".join(kept)


def with_listing(text: str, url: str) -> str:
    """`text` with one more page that lists articles."""
    return text.rstrip("\n") + f"\n\n[[listings]]\n{tomli_w.dumps({'url': url})}"


def _split(text: str) -> tuple[str, str]:
    """What stands before the first table, and the rest."""
    place = 0
    for key, statement in _statements(text):
        if key is None and statement.lstrip().startswith("["):
            return text[:place], text[place:]
        place += len(statement)
    return text, ""


def _tables(text: str) -> Iterator[str]:
    """Each table of `text` with the lines up to the next."""
    current = ""
    for key, statement in _statements(text):
        if key is None and statement.lstrip().startswith("[") and current.strip():
            yield current
            current = ""
        current += statement
    if current:
        yield current


def _statements(text: str) -> Iterator[tuple[str | None, str]]:
    """The statements of `text` with their keys; comments, blank lines and headers of tables have None. All together they are `text`."""
    lines = text.splitlines(keepends=True)
    place = 0
    while place < len(lines):
        line = lines[place].strip()
        end = place + 1
        key = None
        if line and not line.startswith(("#", "[")):
            while end <= len(lines):
                try:
                    (key,) = tomllib.loads("".join(lines[place:end]))
                    break
                except tomllib.TOMLDecodeError:
                    end += 1
        yield key, "".join(lines[place:end])
        place = end


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
