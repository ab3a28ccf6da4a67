"""Numbers and probabilities in the words of a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import log10

from diembao.clock import VIETNAM
from diembao.engine import Unit

_UNITS: dict[Unit, tuple[str, str]] = {
    "articles": ("tin tiêu cực", "negative articles"),
    "outlets": ("báo đưa tin tiêu cực", "outlets with negative articles"),
    "stories": ("sự việc tiêu cực", "negative stories"),
}
_HOURS_A_YEAR = 8766.0


def unit_words(unit: Unit, language: str = "vi") -> str:
    """What is counted, in "en" or in Vietnamese."""
    return _UNITS[unit][int(language == "en")]


def count_words(count: int, unit: Unit, language: str = "vi") -> str:
    """The count with its unit.

    >>> count_words(7, "articles"), count_words(7, "articles", "en")
    ('7 tin tiêu cực', '7 negative articles')
    """
    return f"{count} {unit_words(unit, language)}"


def number(value: float, language: str = "vi") -> str:
    """A number as people print it, in Vietnamese with a decimal comma; one digit below ten.

    >>> number(0.31), number(12.4), number(0.004), number(0.31, "en")
    ('0,3', '12', 'dưới 0,1', '0.3')
    """
    if 0 < value < 0.05:
        return "under 0.1" if language == "en" else "dưới 0,1"
    text = f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")
    return text if language == "en" else text.replace(".", ",")


def hours_between(start: datetime, end: datetime) -> int:
    """Whole hours from `start` to `end`, begun ones included; at least 1."""
    return max(1, -int((start - end) / timedelta(hours=1) // 1))


def rarity(probability: float) -> tuple[str, str]:
    """How rare something of this hourly `probability` is by chance, in Vietnamese and in English.

    >>> rarity(1e-3)[0], rarity(2e-5)[0], rarity(1e-9)[1]
    ('khoảng 9 lần mỗi năm', 'khoảng 1 lần trong 6 năm', 'less than once in 1,000 years')
    """
    a_year = probability * _HOURS_A_YEAR
    if a_year > 0.7:
        times = max(1, round(a_year))
        return f"khoảng {times} lần mỗi năm", f"about {times} times a year" if times > 1 else "about once a year"
    years = 1.0 / max(a_year, 1e-12)
    if years >= 1000:
        return "chưa tới 1 lần trong 1.000 năm", "less than once in 1,000 years"
    rounded = round(years) if years < 20 else int(round(years, -int(log10(years))))
    return f"khoảng 1 lần trong {rounded} năm", f"about once in {rounded} years"


def local(moment: datetime, form: str = "%H:%M %d/%m/%Y") -> str:
    """`moment` on Vietnam's clock."""
    return moment.astimezone(VIETNAM).strftime(form)
