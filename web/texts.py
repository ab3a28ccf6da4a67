"""The words of the interface, Vietnamese first: read from `words/*.toml`, one entry per text with both languages."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from diembao.clock import VIETNAM, vietnam_day

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = ("vi", "en")


@cache
def read_texts() -> dict[str, dict[str, str]]:
    """Every text of the interface: key → language → text.

    Raises:
        ValueError: when two files have the same key.
    """
    found: dict[str, dict[str, str]] = {}
    for path in sorted((Path(__file__).parent / "words").glob("*.toml")):
        for key, text in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if key in found:
                raise ValueError(f"{path}: {key!r} stands in another file too")
            found[key] = text
    return found


def as_language(value: str | None, default: Language) -> Language:
    """The language that `value` names, or `default`."""
    return next((language for language in LANGUAGES if language == value), default)


@dataclass(frozen=True)
class Texts:
    """Texts, numbers and times in one language.

    Attributes:
        language: "vi" or "en".
        now: the present moment, for "3 hours ago" (aware UTC).
    """

    language: Language
    now: datetime

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with `values` filled in; plain text, to be escaped by who shows it."""
        return read_texts()[key][self.language].format(**values)

    def number(self, value: float, digits: int = 0) -> str:
        """`value` with the language's separators.

        >>> Texts("vi", datetime.now(VIETNAM)).number(12345.67, 1)
        '12.345,7'
        """
        text = f"{value:,.{digits}f}"
        return text if self.language == "en" else text.translate(str.maketrans(",.", ".,"))

    def percent(self, part: float, whole: float = 1) -> str:
        """The share of `part` in `whole`, whole per cent; one decimal below 1 per cent; "–" of nothing.

        >>> Texts("vi", datetime.now(VIETNAM)).percent(3, 400).split()
        ['0,8', '%']
        """
        if not whole:
            return "–"
        share = 100 * part / whole
        return f"{self.number(share, 1 if 0 < share < 1 else 0)}\u00a0%"

    def day(self, moment: datetime) -> str:
        """The day in Vietnam: "20/11/2026"."""
        day = vietnam_day(moment)
        return f"{day.day:02}/{day.month:02}/{day.year}"

    def time(self, moment: datetime, precision: str | None = "minute") -> str:
        """The moment on Vietnam's clock: "07:30 20/11/2026"; only the day when no time is known."""
        local = moment.astimezone(VIETNAM)
        return self.day(moment) if precision == "day" else f"{local:%H:%M} {self.day(moment)}"

    def ago(self, moment: datetime) -> str:
        """How long ago `moment` was, in words; the empty text for more than a week, or for the future."""
        gone = self.now - moment
        if gone < timedelta() or gone >= timedelta(days=7):
            return ""
        if gone < timedelta(hours=1):
            return self("ago.minutes", n=max(1, int(gone.total_seconds() // 60)))
        if gone < timedelta(days=1):
            return self("ago.hours", n=int(gone.total_seconds() // 3600))
        return self("ago.days", n=gone.days)
