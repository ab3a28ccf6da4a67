"""Rules that staff make and change on the page, kept as the TOML files that people also write by hand.

A change is whole or not at all, writes over nothing that somebody else wrote meanwhile, and keeps comments where it can; what is taken
away can be brought back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w

from alerts.mail import one_line
from alerts.rule import Rule
from alerts.rules_file import read_rule, rule_of
from diembao.config_file import ConfigConflictError, cannot_write, changing, version_of, with_values, write_whole
from diembao.errors import ConfigError, UsageError

_REMOVED = ".removed"
_LOCK = ".rules.lock"
_LONGEST_NAME = 50


@dataclass(frozen=True)
class KeptRule:
    """A file of the rules' folder.

    Attributes:
        file: name of the file without `.toml`.
        rule: what it says; None when it cannot be read.
        problem: why it cannot be read; empty when it can.
        version: changes with every change of the file.
    """

    file: str
    rule: Rule | None
    problem: str
    version: str


@dataclass(frozen=True)
class RemovedRule:
    """A rule that was taken away: `key` brings it back as `file`."""

    key: str
    file: str
    at: datetime


def every_rule(folder: Path) -> list[KeptRule]:
    """Every rule of `folder`, switched off and unreadable ones too, in the order of their files."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            content = path.read_bytes()
        except OSError as error:
            found.append(KeptRule(path.stem, None, f"{path.name}: {error.strerror}", ""))
            continue
        try:
            found.append(KeptRule(path.stem, read_rule(path), "", version_of(content)))
        except ConfigError as error:
            found.append(KeptRule(path.stem, None, error.message, version_of(content)))
    return found


def find_rule(folder: Path, file: str) -> KeptRule:
    """The rule of this file. Raises UsageError when there is none."""
    for kept in every_rule(folder):
        if kept.file == file:
            return kept
    raise UsageError(f"there is no rule {one_line(file, 60)!r}", "It may have been taken away meanwhile")


def removed_rules(folder: Path, most: int = 20) -> list[RemovedRule]:
    """What was taken away on the page, newest first."""
    found = []
    for path in (folder / _REMOVED).glob("*.toml"):
        stamp, separator, file = path.stem.partition("-")
        if separator and re.fullmatch(r"\d{8}T\d{12}", stamp):
            found.append(RemovedRule(path.stem, file, datetime.strptime(stamp, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)))
    return sorted(found, key=lambda one: one.key, reverse=True)[:most]


def name_for(label: str, taken: Sequence[str]) -> str:
    """An id for a rule that people call `label`: small letters without accents, unlike all of `taken`.

    >>> name_for("Cá chết / ../sông Tiền!", ["ca-chet-song-tien"])
    'ca-chet-song-tien-2'
    """
    letters = unicodedata.normalize("NFD", label.lower().replace("đ", "d")).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9]+", "-", letters)[:_LONGEST_NAME].strip("-") or "rule"
    number, name = 1, stem
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name


def create_rule(folder: Path, table: Mapping[str, Any], comment: str = "") -> KeptRule:
    """Write a new rule into a file called as the rule is.

    Raises:
        ConfigConflictError: when a rule or a file is called so already.
        ConfigError: when the table is no rule, or the folder cannot be written.
    """
    name = str(table["name"])
    with changing(folder, _LOCK):
        if any(name in (kept.file, kept.rule.name if kept.rule else None) for kept in every_rule(folder)):
            raise ConfigConflictError(f"there is a rule {name!r} already", "Choose another name")
        lines = [f"# {one_line(comment, 200)}"] if comment else []
        text = "\n".join([*lines, tomli_w.dumps(dict(table))])
        _write(folder, name, text, is_new=True)
        return find_rule(folder, name)


def change_rule(folder: Path, file: str, version: str, changes: Mapping[str, Any]) -> KeptRule:
    """Set keys of a rule; None takes a key away. Comments and the order of the file stay where the file is plain enough.

    Raises:
        ConfigConflictError: when the file is no longer what `version` says.
        UsageError: when there is no such rule.
        ConfigError: when the result is no rule, or the folder cannot be written.
    """
    with changing(folder, _LOCK):
        _write(folder, file, with_values(_unchanged(folder, file, version), changes))
        return find_rule(folder, file)


def remove_rule(folder: Path, file: str, version: str, now: datetime) -> RemovedRule:
    """Take a rule away; `restore_rule` brings it back. Raises as `change_rule`."""
    with changing(folder, _LOCK):
        _unchanged(folder, file, version, readable=False)
        removed = RemovedRule(f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}-{file}", file, now)
        try:
            (folder / _REMOVED).mkdir(exist_ok=True)
            (folder / f"{file}.toml").rename(folder / _REMOVED / f"{removed.key}.toml")
        except OSError as error:
            raise cannot_write(folder, error) from error
        return removed


def restore_rule(folder: Path, key: str) -> KeptRule:
    """Bring back what was taken away.

    Raises:
        UsageError: when it is not there (any more).
        ConfigConflictError: when there is a rule of that name by now.
        ConfigError: when the folder cannot be written.
    """
    with changing(folder, _LOCK):
        removed = next((one for one in removed_rules(folder, 10_000) if one.key == key), None)
        if removed is None:
            raise UsageError("this rule is not among those that were taken away", "It may have been brought back meanwhile")
        kept_away = folder / _REMOVED / f"{key}.toml"
        try:
            (folder / f"{removed.file}.toml").hardlink_to(kept_away)
            kept_away.unlink()
        except FileExistsError as error:
            raise ConfigConflictError(f"there is a rule {removed.file!r} by now", "Rename or remove that one first") from error
        except OSError as error:
            raise cannot_write(folder, error) from error
        return find_rule(folder, removed.file)


def _unchanged(folder: Path, file: str, version: str, *, readable: bool = True) -> str:
    kept = find_rule(folder, file)
    if kept.version != version:
        raise ConfigConflictError(f"somebody else changed the rule {file!r} meanwhile", "Look at it as it is now, then change it again")
    if readable and kept.rule is None:
        raise ConfigError(kept.problem, "Mend the file by hand")
    return (folder / f"{file}.toml").read_text(encoding="utf-8") if readable else ""


def _write(folder: Path, file: str, text: str, *, is_new: bool = False) -> None:
    """Put the file there whole, or not at all; what is no rule is refused. A new one takes no other one's place."""
    path = folder / f"{file}.toml"
    rule_of(text, path)
    write_whole(path, text, is_new=is_new)
