"""Abbreviations that a query may use (`config/abbreviations_search.toml`): UBND also finds "uỷ ban nhân dân"."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from diembao.errors import ConfigError
from index.analysis import Token, analyse

MAX_VARIANTS = 64
"""Ways to read one phrase; more than a few abbreviations in one phrase is not a question anybody asks."""

_THOUSANDS = re.compile(r"\d{1,3}(?:\.\d{3})+")


class Abbreviations:
    """What each abbreviation stands for.

    Args:
        entries: abbreviation in capitals → its long forms.
    """

    def __init__(self, entries: Mapping[str, Sequence[str]]) -> None:
        self._long_forms: dict[tuple[str, ...], list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        for short, long_forms in entries.items():
            tokens = analyse(short)
            key = tuple(token.folded for token in tokens)
            exact = tuple(token.exact for token in tokens)
            for long_form in long_forms:
                self._long_forms.setdefault(key, []).append((exact, tuple(token.exact for token in analyse(long_form))))
        self._longest = max(map(len, self._long_forms), default=0)

    def variants(self, text: str, words: Sequence[Token]) -> list[tuple[str, ...]] | None:
        """Every way to read `words` (of `text`), the written one first; None when there are too many.

        An abbreviation counts only where it is typed in capitals. One typed without its accents (HDND) stands for all that it
        folds to (HĐND). A number with thousands separators and the same without are alternatives.

        >>> Abbreviations({"CA": ["công an"]}).variants("CA xã", analyse("CA xã"))
        [('ca', 'xã'), ('công', 'an', 'xã')]
        """
        readings: list[tuple[str, ...]] = [()]
        position = 0
        while position < len(words):
            size, alternatives = self._at(text, words, position)
            readings = [reading + alternative for reading in readings for alternative in alternatives]
            if len(readings) > MAX_VARIANTS:
                return None
            position += size
        return readings

    def _at(self, text: str, words: Sequence[Token], position: int) -> tuple[int, list[tuple[str, ...]]]:
        for size in range(min(self._longest, len(words) - position), 0, -1):
            span = words[position : position + size]
            written = text[span[0].start : span[-1].end]
            if written != written.upper() or written == written.lower():
                continue
            exact = tuple(word.exact for word in span)
            found = self._long_forms.get(tuple(word.folded for word in span), [])
            typed_plain = all(word.exact == word.folded for word in span)
            long_forms = [long_form for short, long_form in found if typed_plain or short == exact]
            if long_forms:
                return size, [exact, *long_forms]
        word = words[position]
        return 1, [(word.exact,), *((form,) for form in _other_number(text[word.start : word.end]))]


def _other_number(written: str) -> list[str]:
    if _THOUSANDS.fullmatch(written) and not written.startswith("0"):
        return [analyse(written.replace(".", ""))[0].exact]
    if written.isdecimal() and written.isascii() and 4 <= len(written) <= 15 and not written.startswith("0"):
        return [analyse(f"{int(written):,}".replace(",", "."))[0].exact]
    return []


NONE = Abbreviations({})
"""No abbreviations."""


def read_abbreviations(path: Path) -> Abbreviations:
    """The abbreviations of `path`; none when the file is missing.

    Raises:
        ConfigError: when the file is wrong.
    """
    if not path.exists():
        return NONE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file, or copy the shipped one") from error
    entries = table.get("abbreviations", {})
    if table.keys() - {"abbreviations"} or not isinstance(entries, dict):
        raise ConfigError(f"{path}: there must be one table [abbreviations]", "Mend the file, or copy the shipped one")
    for short, long_forms in entries.items():
        if not isinstance(long_forms, list) or not long_forms or not all(isinstance(form, str) and analyse(form) for form in long_forms):
            raise ConfigError(f"{path}: {short} must be a list of long forms", 'Write it like "UBND" = ["uỷ ban nhân dân"]')
        if not analyse(short) or short != short.upper():
            raise ConfigError(f"{path}: {short!r} must be written in capitals", 'Write it like "UBND" = ["uỷ ban nhân dân"]')
    return Abbreviations(entries)
