"""The parts of office.toml that admins change on the desk: which values, how a form asks for them, and how they are kept.

What belongs to the machine (the mail server and its password, addresses, ports, what may be fetched inside the network) is not among
them: who may log in as an admin need not be who runs the machine, and a changed server would be sent the office's password.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError
from starlette.datastructures import FormData

from alerts.mail import check_address
from diembao.config_file import ConfigConflictError, changing, version_of, with_values, write_whole
from diembao.errors import ConfigError, DeliveryError, UsageError
from diembao.settings import Office

Kind = Literal["line", "lines", "address", "addresses", "number", "numbers", "choice", "choices", "switch"]
Catalogue = Literal["", "province", "language", "weekday", "field", "topic", "rule"]
_LOCK = ".office.lock"
_LONGEST_LINE = 300
_MOST_LINES = 200
_MOST_RECORDS = 200


@dataclass(frozen=True)
class Blank:
    """One value that a form asks for.

    Attributes:
        key: its name in the table of office.toml.
        kind: how it is written.
        catalogue: what the choices are of.
        has_help: whether a sentence stands below it (`office.SECTION.KEY.help`).
    """

    key: str
    kind: Kind
    catalogue: Catalogue = ""
    has_help: bool = False


SECTIONS: Final[Mapping[str, tuple[Blank, ...]]] = {
    "about": (Blank("name", "line"), Blank("province", "choice", "province", has_help=True), Blank("language", "choice", "language")),
    "mail": (
        Blank("sender", "address"),
        Blank("recipients", "addresses", has_help=True),
        Blank("operators", "addresses", has_help=True),
    ),
    "briefing": (
        Blank("draft_at", "line"),
        Blank("at", "line"),
        Blank("days", "choices", "weekday"),
        Blank("most_per_field", "number"),
    ),
    "crawl": (Blank("contact", "line", has_help=True), Blank("poll_minutes", "numbers", has_help=True)),
    "retrain": (Blank("corrections", "number", has_help=True),),
}
"""The single values, by the table of office.toml ("about": those before the first table)."""

RECORDS: Final[Mapping[str, tuple[Blank, ...]]] = {
    "departments": (
        Blank("name", "line"),
        Blank("name_en", "line"),
        Blank("fields", "choices", "field"),
        Blank("topics", "choices", "topic"),
        Blank("places", "lines", has_help=True),
    ),
    "people": (
        Blank("address", "address"),
        Blank("rules", "choices", "rule", has_help=True),
        Blank("quiet", "line", has_help=True),
        Blank("escalations", "switch"),
        Blank("most_per_hour", "number"),
        Blank("language", "choice", "language"),
        Blank("briefing", "switch"),
        Blank("reports", "switch"),
        Blank("fields", "choices", "field", has_help=True),
    ),
}
"""The lists of records, by their name in office.toml. The first blank of each is what the record is called by."""


@dataclass(frozen=True)
class Written:
    """office.toml as it stands.

    Attributes:
        table: what it says; empty when there is no file.
        version: changes with every change of the file.
    """

    text: str
    table: Mapping[str, Any]
    version: str


class FormError(UsageError):
    """A value cannot be kept.

    Args:
        key: the blank that it stands in; empty: the whole form.
        detail: what is wrong, in English.
    """

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(f"{key}: {detail}" if key else detail)
        self.key = key
        self.detail = detail


def read_written(path: Path) -> Written:
    """The office's file. Raises ConfigError when it cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Written("", {}, "")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "Give the process that serves the page the right to read it") from error
    try:
        text = content.decode()
        return Written(text, tomllib.loads(text), version_of(content))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file") from error


def as_sent(sent: FormData, blanks: Sequence[Blank]) -> dict[str, Any]:
    """What somebody wrote, for showing the form again; nothing is judged."""
    return {blank.key: _given(sent, blank) if blank.kind == "choices" else "".join(_given(sent, blank)[:1]) for blank in blanks}


def read_values(sent: FormData, blanks: Sequence[Blank]) -> dict[str, Any]:
    """The values of a sent form, fit for office.toml but not judged yet beyond what kind they are; None: the default holds.

    Raises:
        FormError: when a number is none, a text too long, or an address no mailbox.
    """
    return {blank.key: _value(blank, _given(sent, blank)) for blank in blanks}


def _given(sent: FormData, blank: Blank) -> list[str]:
    return [value.strip() for value in sent.getlist(blank.key) if isinstance(value, str)]


def _value(blank: Blank, given: list[str]) -> Any:
    first = given[0] if given else ""
    match blank.kind:
        case "switch":
            return bool(first)
        case "choices":
            chosen = [value for value in dict.fromkeys(given) if value]
            return [_number(blank.key, one) for one in chosen] if blank.catalogue == "weekday" else chosen
        case "lines" | "addresses" | "numbers":
            parts = [part.strip() for part in re.split(r"[\r\n]+" if blank.kind == "lines" else r"[\s,;]+", first) if part.strip()]
            if len(parts) > _MOST_LINES or any(len(part) > _LONGEST_LINE for part in parts):
                raise FormError(blank.key, f"at most {_MOST_LINES} entries of {_LONGEST_LINE} letters")
            if blank.kind == "numbers":
                return [_number(blank.key, part) for part in parts] or None
            return [_mailbox(blank.key, part) for part in parts] if blank.kind == "addresses" else parts
        case _:
            if len(first) > _LONGEST_LINE or not first.isprintable():
                raise FormError(blank.key, f"one line of at most {_LONGEST_LINE} letters")
            if not first:
                return None
            if blank.kind == "address":
                return _mailbox(blank.key, first)
            return _number(blank.key, first) if blank.kind == "number" else first


def _mailbox(key: str, text: str) -> str:
    try:
        return check_address(text)
    except DeliveryError as error:
        raise FormError(key, error.message) from error


def _number(key: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise FormError(key, f"{text[:40]!r} is no whole number") from error


def keep_section(path: Path, version: str, section: str, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keep the values of one of SECTIONS; returns what stood there and what stands there now.

    Raises:
        ConfigConflictError: when the file is no longer what `version` says.
        FormError: when the office would not be one.
        ConfigError: when the file cannot be read or written.
    """

    def change(table: Mapping[str, Any]) -> Mapping[str, Any]:
        return values if section == "about" else {section: values}

    def part(table: Mapping[str, Any]) -> dict[str, Any]:
        inside = table if section == "about" else table.get(section, {})
        return {key: inside[key] for key in values if key in inside}

    before, after = _keep(path, version, change, len(() if section == "about" else (section,)))
    return part(before), part(after)


def keep_record(
    path: Path, version: str, name: str, number: int | None, values: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Add (`number` is None), change, or take away (`values` is None) one of RECORDS; returns what stood there and what stands there now.

    Raises:
        UsageError: when there is no such record.
        ConfigConflictError, FormError, ConfigError: as keep_section.
    """

    def records(table: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [dict(one) for one in table.get(name, [])]

    def change(table: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = records(table)
        if number is None:
            if len(kept) >= _MOST_RECORDS:
                raise FormError("", f"at most {_MOST_RECORDS} records")
            kept.append({key: value for key, value in (values or {}).items() if value not in (None, [])})
        elif not 0 <= number < len(kept):
            raise UsageError("there is no such record", "Look at the list again")
        elif values is None:
            del kept[number]
        else:
            kept[number] = {key: value for key, value in {**kept[number], **values}.items() if value not in (None, [])}
        return {name: kept or None}

    before, after = _keep(path, version, change, 2)
    place = len(records(before)) if number is None else number
    old = None if number is None else records(before)[place]
    return old, None if values is None else records(after)[place]


def _keep(
    path: Path, version: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]], depth: int
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    with changing(path.parent, _LOCK):
        written = read_written(path)
        if written.version != version:
            raise ConfigConflictError("somebody else changed office.toml meanwhile", "Look at it as it is now, then change it again")
        text = with_values(written.text, change(written.table))
        table = tomllib.loads(text)
        try:
            Office.model_validate(table)
        except ValidationError as error:
            first = error.errors()[0]
            place = [str(step) for step in first["loc"]][depth:]
            raise FormError(place[0] if place else "", first["msg"].removeprefix("Value error, ")) from error
        write_whole(path, text, is_new=not written.version)
    return written.table, table
