"""Files of the configuration that the pages change as well as people: one change at a time, whole or not at all, over nobody else's.

The files stay a person's: comments and the order of what is not changed are kept.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w
import tomlkit
from filelock import FileLock, Timeout
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, InlineTable, Table

from diembao.errors import ConfigError, UsageError

_WAIT_SECONDS = 5
_FOLDER_HINT = "Give the process that serves the page the right to write there"


class ConfigConflictError(UsageError):
    """Somebody else changed or made the same file meanwhile; nothing was written."""


def version_of(content: bytes) -> str:
    """What changes with every change of a file's `content`."""
    return hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def changing(folder: Path, lock: str) -> Iterator[None]:
    """One change of `folder` at a time, whichever process makes it.

    Args:
        folder: made when it is missing.
        lock: name of the file in it that says that a change is going on.

    Raises:
        ConfigError: when the folder cannot be written, or another change does not end.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(folder / lock, timeout=_WAIT_SECONDS)
        held.acquire()
    except Timeout as error:
        raise ConfigError(f"another change in {folder} is going on", "Try again in a moment") from error
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        held.release()


def write_whole(path: Path, text: str, *, is_new: bool = False) -> None:
    """Put `text` at `path` whole, or not at all; a new file takes no other one's place. To be called within `changing`.

    Raises:
        ConfigConflictError: when there is a file already that should be new.
        ConfigError: when the folder cannot be written.
    """
    draft = path.with_name(f".{path.stem}.new")
    try:
        try:
            with draft.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if is_new:
                path.hardlink_to(draft)
            else:
                if path.exists():
                    draft.chmod(path.stat().st_mode & 0o777)
                draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError as error:
        raise ConfigConflictError(f"there is a file {path.name!r} already", "Choose another name") from error
    except OSError as error:
        raise cannot_write(path.parent, error) from error


def cannot_write(folder: Path, error: OSError) -> ConfigError:
    """The error of a folder of the configuration that this process may not write."""
    return ConfigError(f"{folder} cannot be written: {error.strerror}", _FOLDER_HINT)


def with_values(text: str, changes: Mapping[str, Any]) -> str:
    r"""`text`, a TOML document, with `changes` in it; comments and the order of everything else stay.

    Args:
        text: a valid document.
        changes: by key a value, a table (only its keys are changed), a list of tables (stands there instead of the old one), or None:
            the key is taken away.

    >>> with_values("kind = 'x'\nminimum = 4   # few\n", {"minimum": 9, "enabled": False})
    "kind = 'x'\nminimum = 9   # few\nenabled = false\n"
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigError(f"the file cannot be changed: {error}", "Mend it by hand") from error
    _put(document, changes)
    changed = tomlkit.dumps(document)
    changed += "" if changed.endswith("\n") else "\n"
    wanted = _merged(tomllib.loads(text), changes)
    try:
        if tomllib.loads(changed) == wanted:
            return changed
    except tomllib.TOMLDecodeError:
        pass
    # A file in which the values stand so unusually that they cannot be changed in their places is written anew.
    return tomli_w.dumps(wanted)


def _put(table: Container | Table | InlineTable, changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        old = table.get(key)
        if value is None:
            if old is not None:
                table.remove(key)
        elif isinstance(value, Mapping):
            if not isinstance(old, Table | InlineTable):
                table[key] = tomlkit.table()
            _put(table[key], value)
        elif isinstance(value, list) and value and isinstance(old, AoT) and all(isinstance(one, Mapping) for one in value):
            del old[len(value) :]
            for number, one in enumerate(value):
                if number < len(old):
                    _put(old[number], {**dict.fromkeys(old[number]), **one})
                else:
                    old.append(tomlkit.item(dict(one)))
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            if old is not None:
                table.remove(key)
            tables = tomlkit.aot()
            for one in value:
                tables.append(tomlkit.item(dict(one)))
            table.append(key, tables)
        elif old != value:
            new = tomlkit.item(value)
            if isinstance(new, Array) and isinstance(old, Array) and "\n" in old.as_string():
                new.multiline(True)
            table[key] = new


def _merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(table)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _merged(merged.get(key) or {}, value)
        else:
            merged[key] = value
    return merged
