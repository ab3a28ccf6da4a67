"""Records of the citizens' feedback line → Articles of the kind `feedback`. Who sent one is never read."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from diembao.article import Article
from diembao.clock import to_utc
from diembao.errors import InputError, UsageError
from diembao.privacy import mask_personal_numbers
from diembao.urls import article_id
from index.analysis import keyword, strip_accents

FIELDS = ("number", "title", "body", "date", "section", "address", "url")
"""What is taken from a record; every other column, such as the sender's name or telephone, is passed over."""

_HEADINGS = {
    "number": ("number", "id", "ma", "so", "ma so", "so phieu", "ma phieu", "ma phan anh", "so phan anh", "ma ho so", "ticket"),
    "title": ("title", "tieu de", "ten phan anh", "subject", "chu de"),
    "body": ("body", "content", "text", "noi dung", "noi dung phan anh", "mo ta", "description"),
    "date": ("date", "created_at", "received_at", "published_at", "ngay", "ngay gui", "ngay phan anh", "ngay tiep nhan", "thoi gian"),
    "section": ("section", "category", "field", "linh vuc", "nhom"),
    "address": ("address", "location", "dia chi", "dia diem", "noi xay ra", "khu vuc"),
    "url": ("url", "link", "duong dan", "lien ket"),
}
_TITLE = 90


def read_records(text: str, form: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(position, record) of each record of a file.

    Args:
        text: the file's content.
        form: `csv` (a heading line; comma, semicolon or tab), `json` (a list of objects) or `jsonl`.

    Raises:
        InputError: when the file as a whole cannot be read.
    """
    if form == "jsonl":
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield f"line {number}", _object(line, f"line {number}")
    elif form == "json":
        try:
            records = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"the file is not JSON: {error}", "It must be a list of objects; one object per line is .jsonl") from error
        if not isinstance(records, list):
            raise InputError("the file is not a JSON list", "It must be a list of objects")
        for number, record in enumerate(records, start=1):
            yield f"record {number}", record if isinstance(record, dict) else {}
    else:
        yield from _rows(text)


def _object(line: str, position: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{position} is not JSON: {error}", "Each line must be one JSON object") from error
    return record if isinstance(record, dict) else {}


def _rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    heading = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield f"line {reader.line_num}", {key: value for key, value in row.items() if isinstance(key, str)}
    except csv.Error as error:
        raise InputError(f"line {reader.line_num} is not CSV: {error}", "Save the table anew as CSV in UTF-8") from error


def columns_for(headings: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """By field of FIELDS the column it comes from.

    Args:
        headings: the columns of the records.
        chosen: field → column as the user named them; the others are known by their usual headings, Vietnamese or English.

    Raises:
        UsageError: for a field or column that is not known, or when no column holds the number or the text.
    """
    if unknown := chosen.keys() - set(FIELDS):
        raise UsageError(f"unknown field: {', '.join(sorted(unknown))}", f"Fields: {', '.join(FIELDS)}")
    if missing := [column for column in chosen.values() if column not in headings]:
        raise UsageError(f"there is no column {missing[0]!r}", f"Columns: {', '.join(headings)}")
    plain = {" ".join(re.split(r"[\s]+", keyword(strip_accents(heading)))): heading for heading in reversed(headings)}
    columns = {field: next((plain[name] for name in names if name in plain), "") for field, names in _HEADINGS.items()}
    columns |= chosen
    if not columns["number"]:
        raise UsageError("no column holds the number of a record", "Name it: --column number=COLUMN; it keeps a repeated import single")
    if not columns["body"] and not columns["title"]:
        raise UsageError("no column holds the text of a record", "Name it: --column body=COLUMN")
    return {field: column for field, column in columns.items() if column}


def feedback_article(record: Mapping[str, Any], columns: Mapping[str, str], source: str, position: str) -> Article:
    """The Article of one record; telephone, identity-card and bank numbers are masked.

    Raises:
        InputError: when the record has no number or no text, or a date that cannot be read; names the position.
    """
    cells = {field: _cell(record.get(column)) for field, column in columns.items()}
    number, body = cells.get("number", ""), mask_personal_numbers(cells.get("body", ""))
    title = mask_personal_numbers(" ".join(cells.get("title", "").split()))
    if not number:
        raise InputError(f"{position} has no number (column {columns['number']!r})")
    if not title and not body:
        raise InputError(f"{position} has no text")
    received = _date(cells.get("date", ""), position)
    address = mask_personal_numbers(" ".join(cells.get("address", "").split()))
    return Article(
        id=article_id(f"feedback:{source}:{number}"),
        url=cells.get("url", ""),
        source=source,
        kind="feedback",
        title=title or _first_words(body),
        lead=f"Địa điểm: {address}" if address else "",
        body=body,
        section=cells.get("section", ""),
        published_at=received,
        fetched_at=None,
        first_seen_at=received,
        published_precision="minute" if received else None,
    )


def _cell(value: object) -> str:
    return "" if value is None else str(value).strip()


def _first_words(text: str) -> str:
    line = " ".join(text.split())
    if len(line) <= _TITLE:
        return line
    return line[:_TITLE].rsplit(" ", 1)[0] + "…"


def _date(text: str, position: str) -> datetime | None:
    if not text:
        return None
    if found := re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(?:[ T]+(\d{1,2})[:h](\d{2})(?::(\d{2}))?)?", text):
        day, month, year, hour, minute, second = (int(part or 0) for part in found.groups())
        parts: tuple[int, ...] | None = (year, month, day, hour, minute, second)
    else:
        parts = None
    try:
        return to_utc(datetime(*parts) if parts else datetime.fromisoformat(text))  # type: ignore[arg-type]  # noqa: DTZ001
    except (ValueError, OverflowError) as error:
        raise InputError(f"{position}: {text!r} is not a date", "Write it like 2026-11-20 07:30 or 20/11/2026 07:30") from error
