"""Dates as Vietnamese pages print them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

from diembao.clock import VIETNAM, to_utc

Precision = Literal["minute", "day"]

_DAY = re.compile(
    r"(?<![\d/.:-])(?:"
    r"(?P<iso_year>(?:19|20)\d{2})\s?[-/.]\s?(?P<iso_month>\d{1,2})\s?[-/.]\s?(?P<iso_day>\d{1,2})"
    r"|(?P<day>\d{1,2})\s?(?P<mark>[-/.])\s?(?P<month>\d{1,2})\s?(?P=mark)\s?(?P<year>(?:19|20)\d{2}|\d{2})"
    r"|(?P<long_day>\d{1,2})\s+tháng\s+(?P<long_month>\d{1,2})\s*(?:,|năm|/|-)?\s*(?:năm\s*)?(?P<long_year>(?:19|20)\d{2})"
    r")(?!\d)(?![/-]\d)",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?<![\d/.-])(?P<hour>[01]?\d|2[0-4])\s?(?P<mark>:|h|g|giờ)\s?(?P<minute>[0-5]\d)(?!\d)(?:\s?[:'’]\s?(?P<second>[0-5]\d)?(?!\d))?"
    r"\s*(?P<half>[ap]\.?m\b\.?|sáng|chiều|tối|trưa|đêm|SA\b|CH\b)?",
    re.IGNORECASE,
)
_ISO = re.compile(r"^\s*(\d{4}-\d{2}-\d{2})(?:[T ]\s?(\d{2}:\d{2})(?::(\d{2}))?(?:[.,]\d+)?\s*(Z|[+-]\d{2}:?\d{2})?)?\s*$", re.IGNORECASE)
_UPDATED = re.compile(r"cập nhật|update|sửa lần cuối|chỉnh sửa", re.IGNORECASE)
EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
"""No Vietnamese news page is older; an earlier date is a placeholder such as 1970-01-01 or 0001-01-01."""
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Printed:
    """A date that stands on a page.

    Attributes:
        moment: aware UTC; 00:00 Vietnam time when only the day is printed.
        precision: whether the time of day is printed.
        updated: it is called the time of an update ("Cập nhật …").
    """

    moment: datetime
    precision: Precision
    updated: bool = False


def read_machine(value: str) -> Printed | None:
    """A date from an attribute or JSON-LD: ISO 8601 as pages write it, or seconds or milliseconds since 1970.

    A zone that is given counts (also `Z`); without one it is Vietnam time. None when it is no date, or one that is out of
    any reasonable range.

    >>> read_machine("2012-12-23T14:02+07:00").moment.isoformat()
    '2012-12-23T07:02:00+00:00'
    >>> read_machine("2021-01-10").precision
    'day'
    """
    value = value.strip()
    if value.isdigit() and len(value) in (10, 13):
        moment = datetime.fromtimestamp(int(value[:10]), tz=UTC)
        return Printed(moment, "minute") if EARLIEST < moment < LATEST else None
    match = _ISO.match(value)
    if not match:
        return read_printed(value) if len(value) < 60 else None
    day, clock, seconds, zone = match.groups()
    zone = (zone or "").upper().replace("Z", "+00:00")
    if zone and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    try:
        moment = to_utc(datetime.fromisoformat(f"{day}T{clock or '00:00'}:{seconds or '00'}{zone}"))
    except (ValueError, OverflowError):
        return None
    if not EARLIEST < moment < LATEST:
        return None
    return Printed(moment, "minute" if clock else "day")


_MONTHS = ("một", "hai", "ba", "tư", "năm", "sáu", "bảy", "tám", "chín", "mười", "mười một", "mười hai")
_MONTH_WORD = re.compile(
    r"(?:(?P<before>\d{1,2})\s+)?(?:tháng\s+(?P<word>mười một|mười hai|mười|một|hai|ba|tư|năm|sáu|bảy|tám|chín)|th(?P<short>\d{1,2}))"
    r"(?:\s+(?P<after>\d{1,2}))?\s*,?\s+(?P<year>(?:19|20)\d{2})",
    re.IGNORECASE,
)


def _with_numbers(text: str) -> str:
    """Months in words ("Tháng Mười Hai 26, 2012", "26 Th12 2012", as content systems print them) as numbers."""

    def number(match: re.Match[str]) -> str:
        month = match["short"] or _MONTHS.index(match["word"].lower()) + 1
        day = match["before"] or match["after"]
        return f"{day}/{month}/{match['year']}" if day else match[0]

    return _MONTH_WORD.sub(number, text) if "th" in text.lower() else text


def read_printed(text: str) -> Printed | None:
    """The first date in a short text, with the time of day that stands beside it.

    Day before month, as Vietnam writes; `GMT+7` and the like count when they differ from Vietnam's zone.

    >>> read_printed("Thứ năm, 27/08/2020 09:31").moment.isoformat()
    '2020-08-27T02:31:00+00:00'
    >>> read_printed("3:05 PM, 24.12.2012").moment.isoformat()
    '2012-12-24T08:05:00+00:00'
    >>> read_printed("Ngày 10-01-2021").precision
    'day'
    """
    return next(all_printed(text), None)


def all_printed(text: str) -> Iterator[Printed]:
    """Every date in a short text, in order; see `read_printed`."""
    text = _with_numbers(text)
    days = list(_DAY.finditer(text))
    times = list(_TIME.finditer(text))
    for match in days:
        year, month, day = _parts(match)
        clock = _nearest(match, times, days)
        try:
            if clock:
                times.remove(clock)
                hour, minute = _clock(clock)
                moment = to_utc(datetime(year, month, day, tzinfo=_zone(text)) + timedelta(hours=hour, minutes=minute))
            else:
                moment = to_utc(datetime(year, month, day, tzinfo=VIETNAM))
        except (ValueError, OverflowError):
            continue
        if EARLIEST < moment < LATEST:
            yield Printed(moment, "minute" if clock else "day", bool(_UPDATED.search(text[max(0, match.start() - 45) : match.start()])))


def has_day(text: str) -> bool:
    """Whether something that looks like a date stands in `text`."""
    return _DAY.search(text) is not None or ("th" in text.lower() and _MONTH_WORD.search(text) is not None)


_STAMP_WORDS = re.compile(
    r"thứ\s+(?:hai|ba|tư|năm|sáu|bảy|[2-7])|chủ nhật|cập nhật|đăng|ngày|tháng|năm|lúc|vào|giờ|phút|gmt|utc|"
    r"[ap]\.?m\b|sáng|chiều|tối|\bsa\b|\bch\b|xuất bản|"
    r"\bposted\b|\bon\b|\bat\b|\bh\b",
    re.IGNORECASE,
)


def is_stamp(text: str) -> bool:
    """Whether a line is nothing but a date, with or without the time of day.

    >>> is_stamp("Cập nhật: Thứ Hai, 15/10/2024, 8:05 SA (GMT+7)"), is_stamp("Chiều 15/10/2024, đê vỡ")
    (True, False)
    """
    if len(text) > 90 or not has_day(text):
        return False
    rest = _STAMP_WORDS.sub(" ", _TIME.sub(" ", _DAY.sub(" ", text)))
    return sum(letter.isalpha() for letter in rest) <= 1


def _parts(match: re.Match[str]) -> tuple[int, int, int]:
    found = match.groupdict()
    if found["iso_year"]:
        return int(found["iso_year"]), int(found["iso_month"]), int(found["iso_day"])
    if found["long_year"]:
        return int(found["long_year"]), int(found["long_month"]), int(found["long_day"])
    year = int(found["year"])
    if year < 100:
        year += 2000
    return year, int(found["month"]), int(found["day"])


def _nearest(day: re.Match[str], times: list[re.Match[str]], days: list[re.Match[str]]) -> re.Match[str] | None:
    """The time of day that belongs to `day`: at most 30 characters away, with no other date between."""
    best: tuple[int, re.Match[str]] | None = None
    for time in times:
        if time.start() < day.end() and day.start() < time.end():
            continue
        low, high = (day.end(), time.start()) if time.start() >= day.end() else (time.end(), day.start())
        if high - low > 30 or any(other is not day and low <= other.start() < high for other in days):
            continue
        if best is None or high - low < best[0]:
            best = (high - low, time)
    return best[1] if best else None


def _clock(match: re.Match[str]) -> tuple[int, int]:
    hour, minute = int(match.group("hour")), int(match.group("minute"))
    half = (match.group("half") or "").lower().replace(".", "")
    if half in ("pm", "chiều", "tối", "ch", "đêm") and hour < 12 and not (half == "đêm" and hour < 6):
        hour += 12
    elif half in ("am", "sa", "sáng", "đêm") and hour == 12:
        hour = 0
    elif half == "trưa" and hour < 4:
        hour += 12
    return (0 if hour == 24 else hour), minute


def _zone(text: str) -> timezone:
    found = re.search(r"(?:GMT|UTC)\s?([+-])\s?(\d{1,2})", text)
    hours = int(found.group(2)) * (1 if found.group(1) == "+" else -1) if found else 7
    return timezone(timedelta(hours=hours)) if abs(hours) <= 14 else timezone(timedelta(hours=7))
