"""Which column of a feedback table holds what: known by its usual headings, Vietnamese or English, or as staff say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from diembao.errors import UsageError
from index.analysis import keyword, strip_accents

FIELDS: Final = ("number", "title", "body", "date", "section", "address", "url", "status", "department", "response", "responded")
"""What is taken from a record; every other column, such as the sender's name or telephone, is passed over and kept nowhere."""

_HEADINGS: Final = {
    "number": (
        "number", "id", "ma", "so", "ma so", "so phieu", "ma phieu", "ma phan anh", "so phan anh", "ma ho so", "ticket",
        "ma pa", "ma tiep nhan", "ma yeu cau", "so ho so", "ticket id", "code",
    ),
    "title": ("title", "tieu de", "ten phan anh", "subject", "chu de", "trich yeu"),
    "body": (
        "body", "content", "text", "noi dung", "noi dung phan anh", "mo ta", "description", "noi dung kien nghi",
        "noi dung phan anh kien nghi", "noi dung yeu cau", "chi tiet",
    ),
    "date": (
        "date", "created_at", "received_at", "published_at", "ngay", "ngay gui", "ngay phan anh", "ngay tiep nhan", "thoi gian", "ngay tao",
        "thoi gian gui", "thoi gian tiep nhan", "thoi gian phan anh", "ngay nhan", "created", "received",
    ),
    "section": ("section", "category", "field", "linh vuc", "nhom", "linh vuc phan anh", "chuyen muc", "nhom linh vuc", "loai phan anh"),
    "address": (
        "address", "location", "dia chi", "dia diem", "noi xay ra", "khu vuc", "dia diem phan anh", "dia chi phan anh", "dia diem xay ra",
        "vi tri", "dia chi su viec",
    ),
    "url": ("url", "link", "duong dan", "lien ket"),
    "status": ("status", "trang thai", "tinh trang", "trang thai xu ly", "tinh trang xu ly", "ket qua xu ly"),
    "department": (
        "department", "don vi xu ly", "co quan xu ly", "don vi tiep nhan", "co quan giai quyet", "don vi phu trach", "don vi",
        "don vi tra loi", "co quan tra loi",
    ),
    "response": (
        "response", "answer", "reply", "tra loi", "noi dung tra loi", "phan hoi", "noi dung phan hoi", "y kien xu ly", "noi dung xu ly",
        "noi dung giai quyet",
    ),
    "responded": ("responded_at", "answered_at", "ngay tra loi", "ngay phan hoi", "ngay hoan thanh", "ngay xu ly", "thoi gian tra loi"),
}  # fmt: skip
_AMBIGUOUS_ADDRESS: Final = "dia chi"
"""Beside the sender's name or telephone this is where the sender lives."""
_PERSONAL = re.compile(
    r"\b(?:ho ten|ho va ten|ten nguoi|nguoi gui|nguoi phan anh|nguoi dan|nguoi yeu cau|nguoi lien he|cong dan|ten kh|khach hang"
    r"|dien thoai|sdt|so dt|dt|phone|mobile|tel|di dong|lien he|email|e mail|thu dien tu|cmnd|cmt|cccd|can cuoc|dinh danh|ho chieu|passport"
    r"|dia chi (?:nguoi|cong dan|thuong tru|tam tru|lien he|nha)|thuong tru|tam tru|noi o|noi cu tru|ngay sinh|nam sinh|gioi tinh|tuoi"
    r"|tai khoan|stk|so the|zalo|facebook|ip|sender|reporter|citizen|fullname|full name|customer|name of|birthday|gender)\b"
)
_NAMES = frozenset({"ten", "name", "username", "user", "nguoi tao", "nguoi nhap"})


@lru_cache(maxsize=4096)
def heading_key(heading: str) -> str:
    """The form in which headings are compared: no accents, small letters, no signs.

    >>> heading_key(" Mã  Phiếu* "), heading_key("NỘI DUNG (phản ánh)"), heading_key("created_at")
    ('ma phieu', 'noi dung phan anh', 'created_at')
    """
    return " ".join(re.sub(r"[^\w]+", " ", keyword(strip_accents(heading))).split())


def is_personal(heading: str) -> bool:
    """Whether a column with this heading says who sent a record: it is never read.

    >>> is_personal("Họ và tên"), is_personal("Số ĐT"), is_personal("Địa chỉ người gửi"), is_personal("Địa điểm")
    (True, True, True, False)
    """
    key = heading_key(heading)
    return key in _NAMES or _PERSONAL.search(key.replace("_", " ")) is not None


def field_of(heading: str) -> str | None:
    """The field that a heading usually means, or None."""
    key = heading_key(heading)
    return next((field for field, names in _HEADINGS.items() if key in names), None) if not is_personal(heading) else None


def columns_for(headings: Sequence[str], chosen: Mapping[str, str], remembered: Mapping[str, str] | None = None) -> dict[str, str]:
    """By field of FIELDS the column it comes from.

    Args:
        headings: the columns of the records.
        chosen: field → column as the user named them now; an empty column: no column holds the field.
        remembered: the same as staff said for this source before; what the table does not have is passed over.

    Raises:
        UsageError: for a field or column that is not known or says who sent a record, one column for two fields, or when no column
            holds the number or the text.
    """
    if unknown := chosen.keys() - set(FIELDS):
        raise UsageError(f"unknown field: {', '.join(sorted(unknown))}", f"Fields: {', '.join(FIELDS)}")
    if missing := [column for column in chosen.values() if column and column not in headings]:
        raise UsageError(f"there is no column {missing[0]!r}", f"Columns: {', '.join(headings)}")
    if personal := [column for column in chosen.values() if column and is_personal(column)]:
        raise UsageError(
            f"cột {personal[0]!r} nói về người gửi, không được đọc / it says who sent a record and is never read", "Choose another column"
        )
    named = [column for column in chosen.values() if column]
    if twice := next((column for column in named if named.count(column) > 1), None):
        raise UsageError(f"cột {twice!r} được chọn hai lần / the column cannot hold two fields", "Choose one column for each field")
    known = {field: column for field, column in (remembered or {}).items() if field in FIELDS and (not column or column in headings)}
    columns = {**_usual(headings), **known, **chosen}
    taken = {column for field, column in columns.items() if field in chosen}
    columns = {field: column for field, column in columns.items() if column and (field in chosen or column not in taken)}
    if not columns.get("number"):
        raise UsageError(
            "chưa có cột nào chứa mã phiếu / no column holds the number of a record",
            "Name it: --column number=COLUMN; it keeps a repeated import single",
        )
    if not columns.get("body") and not columns.get("title"):
        raise UsageError("chưa có cột nào chứa nội dung / no column holds the text of a record", "Name it: --column body=COLUMN")
    return columns


def proposed(headings: Sequence[str], remembered: Mapping[str, str] | None = None) -> dict[str, str]:
    """The same as a proposal: what is not known is left out instead of raised."""
    columns = _usual(headings) | {field: column for field, column in (remembered or {}).items() if not column or column in headings}
    return {field: column for field, column in columns.items() if column and field in FIELDS and not is_personal(column)}


def _usual(headings: Iterable[str]) -> dict[str, str]:
    usable: dict[str, str] = {}
    tells_who = False
    for heading in headings:
        if is_personal(heading):
            tells_who = True
        else:
            usable.setdefault(heading_key(heading), heading)
    if tells_who:
        usable.pop(_AMBIGUOUS_ADDRESS, None)
    return {field: column for field, names in _HEADINGS.items() if (column := next((usable[name] for name in names if name in usable), ""))}
