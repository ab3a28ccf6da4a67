"""A file of feedback records (CSV, XLSX, JSON) as a table of texts. Hostile and odd files end in one clear message, in bounded memory.

Encodings: UTF-8, UTF-16, UTF-32 (with mark; UTF-16 also without), Windows-1258, and the old fonts TCVN3 (ABC) and VNI.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final

import openpyxl

from diembao.errors import InputError
from diembao.old_fonts import PIECE, tcvn3, vni
from index.feedback_columns import field_of, heading_key

FORMATS: Final = ("csv", "xlsx", "json", "jsonl")
MOST_ROWS: Final = 100_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 100_000
"""Characters."""
MOST_UNPACKED: Final = 200_000_000
"""Bytes of a workbook when it is unpacked."""
_MOST_MEMBERS: Final = 2_000
_LOOKED_AT: Final = 25
"""Rows in which the row of headings is looked for: titles and dates of a report stand above it."""
_EMPTY_IN_A_ROW: Final = 2_000
_SPLIT: Final = f"Chia thành các tệp tối đa {MOST_ROWS:,} bản ghi / split it into files of at most so many records"


@dataclass(frozen=True)
class Row:
    """One record of a table.

    Attributes:
        position: where it stands, for a person: "line 5", "row 5", "record 5".
        cells: by heading; texts, numbers and dates as the file has them; None: empty.
        problem: why it cannot be read; empty: it can.
    """

    position: str
    cells: Mapping[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Attributes:
        headings: each one once, in order.
        rows: the records; rows without any content are left out.
        notes: what a person should know of how it was read, English, one line each.
        heading_row: the row of headings, from 1; 0: the format has none.
    """

    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    heading_row: int = 0


@dataclass
class _Notes:
    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        if line not in self.lines:
            self.lines.append(line)


def form_of(name: str) -> str:
    """The format that a file's ending tells; raises InputError for another one."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    form = {"txt": "csv", "tsv": "csv", "xlsm": "xlsx", "xltx": "xlsx", "ndjson": "jsonl"}.get(ending, ending)
    if form in FORMATS:
        return form
    if ending in ("xls", "xlsb", "ods", "doc", "docx", "pdf"):
        raise InputError(f"a .{ending} file cannot be read: its format is not supported", "Open it and save it as .xlsx or as CSV in UTF-8")
    raise InputError(f"the ending of {name!r} tells no format", "Use a file that ends in .csv, .xlsx, .json or .jsonl")


def read_table(content: bytes, form: str, heading_row: int | None = None) -> Table:
    """The records of a file.

    Args:
        content: of the file.
        form: one of FORMATS.
        heading_row: row of a CSV or XLSX table that has the headings, from 1; None: it is found.

    Raises:
        InputError: when the file as a whole cannot be read; says what to do.
    """
    notes = _Notes()
    if content.startswith(b"PK\x03\x04"):
        form = "xlsx"
    if form == "xlsx":
        table = _laid_out(_best_sheet(content, notes), "row", heading_row, notes)
    elif form == "csv":
        table = _laid_out(list(_csv_rows(_decoded(content, notes))), "line", heading_row, notes)
    else:
        table = _objects(_decoded(content, notes), form)
    return _modernised(table, notes)


# --- text ---


_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SYLLABLE = re.compile(
    r"(?:ngh|ng|nh|ch|gh|gi|kh|ph|th|tr|qu|[bcdđghklmnpqrstvx])?"
    r"[aăâeêioôơuưy]{1,3}(?:ng|nh|ch|[cmnpt])?",
)
_ENOUGH: Final = 0.8
_TRIED: Final = 20_000
_BROKEN: Final = "không nhận ra bảng mã của tệp / the file's encoding is not known"
_SAVE: Final = "Lưu lại dạng “CSV UTF-8” hoặc .xlsx / save it as “CSV UTF-8” or .xlsx"


def _decoded(content: bytes, notes: _Notes) -> str:
    if content.startswith((b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf")):
        raise InputError(
            "tệp Office cũ, có mật khẩu, hoặc tệp nén / no text: an old or locked office file, or a packed one",
            _SAVE,
        )
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            if encoding != "utf-8":
                notes.add(f"đọc theo bảng mã / read as {encoding.upper()}")
            try:
                return _clean(content[len(mark) :].decode(encoding))
            except UnicodeDecodeError as error:
                raise InputError(f"the file begins as {encoding.upper()} and is broken at byte {error.start}", _SAVE) from error
    start = content[:4096]
    if start and start.count(0) > len(start) // 5:
        encoding = "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            raise InputError(_BROKEN, _SAVE) from error
        notes.add(f"đọc theo bảng mã / read as {encoding.upper()}")
        return _clean(text)
    try:
        return _clean(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        if error.end == len(content) and error.reason == "unexpected end of data":
            raise InputError(
                "tệp bị cắt giữa chừng / the file ends in the middle of a letter: it was cut off", "Export it again"
            ) from error
    return _old(content, notes)


def _clean(text: str) -> str:
    return text.replace("\0", "").lstrip("\ufeff")


def _old(content: bytes, notes: _Notes) -> str:
    """Text of before Unicode: the encoding in which its words are Vietnamese."""
    best, name, most = "", "", 0.0
    for label, decode in _OLD:
        try:
            tried = decode(content[:_TRIED])
        except UnicodeDecodeError:
            continue
        if (share := _share(tried)) > most:
            best, name, most = label, label, share
    if most < _ENOUGH:
        raise InputError(_BROKEN, _SAVE)
    notes.add(f"đọc theo bảng mã / read as {name}")
    decode = dict(_OLD)[best]
    try:
        return _clean(decode(content))
    except UnicodeDecodeError as error:
        raise InputError(f"the file begins as {name} and is broken at byte {error.start}", _SAVE) from error


def _windows_1258(content: bytes) -> str:
    return unicodedata.normalize("NFC", content.decode("cp1258"))


_OLD: Final[tuple[tuple[str, Callable[[bytes], str]], ...]] = (
    ("Windows-1258", _windows_1258),
    ("TCVN3 (ABC)", lambda content: tcvn3(content.decode("latin-1"))),
    ("VNI", lambda content: vni(content.decode("latin-1"))),
)


def _share(text: str) -> float:
    """How many of the words with letters beyond ASCII are spelt like Vietnamese syllables, 0 to 1."""
    words = [word.lower() for word in islice((word for word in PIECE.findall(text) if not word.isascii()), 400)]
    return sum(map(_is_syllable, words)) / len(words) if words else 0.0


def _is_syllable(word: str) -> bool:
    if not word.isalpha():
        return False
    letters = unicodedata.normalize("NFD", word)
    tones = sum(letters.count(tone) for tone in "\u0300\u0301\u0303\u0309\u0323")
    plain = unicodedata.normalize("NFC", re.sub("[\u0300\u0301\u0303\u0309\u0323]", "", letters))
    return tones <= 1 and _SYLLABLE.fullmatch(plain) is not None


def _modernised(table: Table, notes: _Notes) -> Table:
    """Texts of a workbook that were typed in an old font look like Latin-1: they are turned as a whole."""
    texts = [*table.headings, *(cell for row in table.rows[:200] for cell in row.cells.values() if isinstance(cell, str))]
    sample = "\n".join(texts)[:_TRIED]
    convert = None
    if not sample.isascii() and _share(sample) < 0.4:
        found = max(((label, _share(turn(sample)), turn) for label, turn in (("TCVN3 (ABC)", tcvn3), ("VNI", vni))), key=lambda one: one[1])
        if found[1] >= _ENOUGH:
            convert = found[2]
            notes.add(f"đọc theo bảng mã / read as {found[0]}")
    headings = table.headings
    rows = table.rows
    if convert is not None:
        headings = _named([convert(heading) for heading in table.headings])
        names = dict(zip(table.headings, headings, strict=True))
        rows = tuple(
            Row(row.position, {names[name]: _turned(cell, convert) for name, cell in row.cells.items()}, row.problem) for row in rows
        )
    return Table(headings, rows, tuple(notes.lines), table.heading_row)


def _turned(cell: Any, convert: Callable[[str], str]) -> Any:
    return convert(cell) if isinstance(cell, str) else cell


# --- rows of cells ---


Cells = Sequence[Any]


def _csv_rows(text: str) -> Iterator[tuple[int, Cells]]:
    """(line where it ends, cells) of each row."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter, before = "", 0
    if match := re.match(r"sep=(.)\n", text, re.IGNORECASE):
        delimiter, text, before = match[1], text[match.end() :], 1
    if not delimiter:
        start = text[:10_000].split("\n")[:_LOOKED_AT]
        # Titles above the table have none, and a text may have many: the lines with most are looked at.
        half = max(1, len(start) // 2)
        delimiter = max(";\t|,", key=lambda one: sum(sorted((line.count(one) for line in start), reverse=True)[:half]))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for number, row in enumerate(reader, start=1):
            if number > MOST_ROWS + _LOOKED_AT:
                raise InputError(f"tệp có hơn {MOST_ROWS:,} dòng / the file has more rows than that", _SPLIT)
            yield before + reader.line_num, row
    except csv.Error as error:
        raise InputError(f"line {reader.line_num} is not CSV: {error}", "Save the table anew as CSV in UTF-8") from error


def _best_sheet(content: bytes, notes: _Notes) -> list[tuple[int, Cells]]:
    """The rows of the sheet whose headings say most."""
    _check_package(content, notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and validations that do not concern us
        try:
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            most, chosen, sheets = -1, "", [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"][:50]
            for sheet in sheets:
                sheet.reset_dimensions()  # what a file says of its own size may be wrong
                start = list(islice(sheet.iter_rows(max_row=_LOOKED_AT, max_col=MOST_COLUMNS, values_only=True), _LOOKED_AT))
                score = max((_score(row) for row in start), default=0)
                if score > most:
                    most, chosen = score, sheet.title
            if not sheets:
                raise InputError("the workbook has no sheet with rows", "Save the table as the only sheet of a workbook")
            if len(sheets) > 1:
                notes.add(f"đọc trang tính / read from the sheet {chosen!r} ({len(sheets)})")
            best = list(_sheet_rows(book[chosen]))
            book.close()
        except InputError:
            raise
        except Exception as error:  # whatever openpyxl meets in a broken file
            what = f"không đọc được bảng tính / the workbook cannot be read: {type(error).__name__}: {error}"[:300]
            raise InputError(what, "Open it and save it anew as .xlsx") from error
    return best


def _sheet_rows(sheet: Any) -> Iterator[tuple[int, Cells]]:
    empty = 0
    for number, row in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), start=1):
        if any(cell is not None and cell != "" for cell in row):
            empty = 0
        else:
            empty += 1
            if empty > _EMPTY_IN_A_ROW:
                return
        if number > MOST_ROWS + _LOOKED_AT + _EMPTY_IN_A_ROW:
            raise InputError(f"trang tính có hơn {MOST_ROWS:,} dòng / the sheet has more rows than that", _SPLIT)
        yield number, row


def _check_package(content: bytes, notes: _Notes) -> None:
    """Refuse what is no workbook, or unpacks into more than a table of records can be."""
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(
            "tệp Excel cũ (.xls) hoặc có mật khẩu / an old Excel file, or one with a password",
            "Lưu lại thành .xlsx, không mật khẩu / save it without password as .xlsx",
        )
    if content[:200].lstrip().lower().startswith((b"<html", b"<table", b"<!doctype", b"<?xml")):
        raise InputError(
            "tệp là trang web mang đuôi bảng tính / the file is a web page with the ending of a workbook",
            "Open it in Excel and save it as .xlsx",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            members = package.infolist()
            if len(members) > _MOST_MEMBERS or sum(member.file_size for member in members) > MOST_UNPACKED:
                raise InputError("bảng tính quá lớn khi giải nén / the workbook is too large when it is unpacked", _SPLIT)
            names = {member.filename for member in members}
            if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
                raise InputError(
                    "tệp nén này không phải bảng tính / the file is a ZIP package, but no workbook",
                    "Save the table as .xlsx or as CSV in UTF-8",
                )
            if any(name.endswith("vbaProject.bin") for name in names):
                notes.add("macro không được chạy / macros in the workbook were not run")
            for member in members:
                if member.filename.endswith((".xml", ".rels")):
                    # Reads no more than is declared, and fails where that was a lie.
                    with package.open(member) as stream:
                        start = stream.read(4096)
                        if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                            raise InputError("the workbook has a document type of its own, as only attacks have", "Save it anew as .xlsx")
                        while stream.read(1 << 20):
                            pass
    except InputError:
        raise
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InputError(
            f"không giải nén được bảng tính / the workbook cannot be unpacked: {error}"[:300], "Open it and save it anew as .xlsx"
        ) from error
    except Exception as error:  # zlib's own
        raise InputError(f"bảng tính bị hỏng / the workbook is damaged: {error}"[:300], "Open it and save it anew as .xlsx") from error


def _score(row: Cells) -> int:
    """How much a row looks like one of headings: fields that it names."""
    return len({found for cell in row if isinstance(cell, str) and len(cell) <= 100 and (found := field_of(cell))})


def _laid_out(numbered: list[tuple[int, Cells]], unit: str, heading_row: int | None, notes: _Notes) -> Table:
    """Rows of cells as a table: the row of headings is found, also where it is two rows with merged cells."""
    rows = [row for _, row in numbered]
    place = _find_headings(rows)
    if heading_row is not None:
        place = next((index for index, (number, _) in enumerate(numbered) if number == heading_row), None)
        if place is None:
            raise InputError(f"there is no {unit} {heading_row}", f"The table has {len(rows)} rows")
    if place is None:
        return Table((), ())
    names = [_heading(cell) for cell in rows[place]]
    first = place + 1
    if first < len(rows) and _is_second_row(names, rows[first]):
        names = _joined(names, rows[first])
        first += 1
    if place:
        notes.add(f"dòng tiêu đề / the headings stand in {unit} {numbered[place][0]}")
    while names and not names[-1]:
        names.pop()
    if len(names) > MOST_COLUMNS:
        raise InputError(f"the table has more than {MOST_COLUMNS} columns", "Take the columns out that are not needed")
    headings = _named(names)
    used = [(number, heading) for number, heading in enumerate(headings) if names[number]]
    found: list[Row] = []
    for number, row in numbered[first:]:
        if not any(_is_filled(cell) for cell in row):
            continue
        position = f"{unit} {number}"
        cells = {heading: row[column] if column < len(row) else None for column, heading in used}
        extra = sum(_is_filled(cell) for cell in row[len(names) :])
        problem = (
            "nhiều ô hơn số cột: nội dung có dấu phân cách phải đặt trong ngoặc kép / more cells than headings: quote texts with separators"
            if extra and unit == "line"
            else ""
        )
        found.append(Row(position, cells, f"{position}: {problem}" if problem else ""))
        if len(found) > MOST_ROWS:
            raise InputError(f"the file has more than {MOST_ROWS:,} records", _SPLIT)
    return Table(tuple(heading for _, heading in used), tuple(found), (), numbered[place][0])


def _find_headings(rows: list[Cells]) -> int | None:
    """The row, from 0, that names most fields; else the first with the most cells."""
    start = rows[:_LOOKED_AT]
    scores = [_score(row) for row in start]
    if scores and max(scores) >= 2:
        return scores.index(max(scores))
    filled: list[int] = [sum(_is_filled(cell) for cell in row) for row in start]
    most = max(filled, default=0)
    return filled.index(most) if most else None


def _is_second_row(names: list[str], row: Cells) -> bool:
    """Whether `row` goes on with the headings: it names parts of a merged heading, and is empty where the record's number would be."""
    below = [_heading(cell) if isinstance(cell, str) or cell is None else "." for cell in row[: len(names)]]
    below += [""] * (len(names) - len(below))
    if not any(below) or any(len(name) > 60 for name in below):
        return False
    fills_gap = any(part and not name for part, name in zip(below, names, strict=True))
    leading = [part for part, name in zip(below, names, strict=True) if name and field_of(name) in ("number", "body", "title")]
    return fills_gap and not any(leading) and any(field_of(name) for name in names if name)


def _joined(names: list[str], row: Cells) -> list[str]:
    below = [_heading(cell) for cell in row[: len(names)]] + [""] * max(0, len(names) - len(row))
    below = below[: len(names)]
    joined, group = [], ""
    for name, part in zip(names, below, strict=True):
        group = name or (group if part else "")
        joined.append(f"{group}: {part}" if group and part else name or part)
    return joined


def _heading(cell: Any) -> str:
    return " ".join(str(cell).split())[:200] if _is_filled(cell) else ""


def _is_filled(cell: Any) -> bool:
    return cell is not None and str(cell).strip() != ""


def _named(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once: a second "Nội dung" is "Nội dung (2)"."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[heading_key(name)] = seen.get(heading_key(name), 0) + 1
        found.append(name if not name or seen[heading_key(name)] == 1 else f"{name} ({seen[heading_key(name)]})")
    return tuple(found)


# --- objects ---


def _objects(text: str, form: str) -> Table:
    records: list[tuple[str, Any]] = []
    if form == "jsonl":
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                try:
                    records.append((f"line {number}", json.loads(line)))
                except (ValueError, RecursionError) as error:
                    raise InputError(f"line {number} is not JSON: {error}", "Each line must be one JSON object") from error
            if len(records) > MOST_ROWS:
                raise InputError(f"the file has more than {MOST_ROWS:,} records", _SPLIT)
    else:
        try:
            found = json.loads(text) if text.strip() else []
        except (ValueError, RecursionError) as error:
            raise InputError(f"the file is not JSON: {error}", "It must be a list of objects; one object per line is .jsonl") from error
        if isinstance(found, dict):
            lists = [value for value in found.values() if isinstance(value, list)]
            found = lists[0] if len(lists) == 1 else found
        if not isinstance(found, list):
            raise InputError("tệp không phải danh sách JSON / the file is not a JSON list", "It must be a list of objects")
        records = [(f"record {number}", record) for number, record in enumerate(found, start=1)]
    return table_of(records)


def table_of(records: Iterable[tuple[str, Any]]) -> Table:
    """The table of decoded JSON records with their positions.

    Raises:
        InputError: when there are too many records, or too many different names in them.
    """
    headings: dict[str, None] = {}
    rows: list[Row] = []
    for position, record in records:
        if len(rows) >= MOST_ROWS:
            raise InputError(f"there are more than {MOST_ROWS:,} records", _SPLIT)
        if not isinstance(record, dict):
            rows.append(Row(position, {}, f"{position} is not a JSON object"))
            continue
        cells = {str(name)[:200]: cell for name, cell in record.items() if isinstance(cell, str | int | float) or cell is None}
        headings |= dict.fromkeys(cells)
        if len(headings) > MOST_COLUMNS:
            raise InputError(f"the records have more than {MOST_COLUMNS} different names", "Send only the columns that are needed")
        rows.append(Row(position, cells))
    return Table(tuple(headings), tuple(rows))


def text_of(cell: Any) -> str:
    """A cell as text: numbers without ".0", moments in ISO 8601.

    >>> text_of(20261120.0), text_of(datetime(2026, 11, 20, 7, 30)), text_of(None), text_of(" a ")
    ('20261120', '2026-11-20T07:30:00', '', 'a')
    """
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell).strip()
