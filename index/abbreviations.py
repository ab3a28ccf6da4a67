"""What words of a query may stand for.

Abbreviations (`config/abbreviations_search.toml`) count where they are typed in capitals: UBND also finds "uỷ ban nhân dân". Synonyms
(`config/synonyms.toml`) count only where the query asks for them: syn:vaccine also finds "vắc xin".
"""

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
    """What each abbreviation stands for, and which words mean the same.

    Args:
        entries: abbreviation in capitals → its long forms.
        synonyms: groups of words or phrases of one meaning.
    """

    def __init__(self, entries: Mapping[str, Sequence[str]], synonyms: Sequence[Sequence[str]] = ()) -> None:
        self._synonyms: dict[tuple[str, ...], list[tuple[tuple[str, ...], list[tuple[str, ...]]]]] = {}
        for group in synonyms:
            members = [tuple(token.exact for token in analyse(member)) for member in group]
            for phrase, member in zip(group, members, strict=True):
                folded = tuple(token.folded for token in analyse(phrase))
                self._synonyms.setdefault(folded, []).append((member, [other for other in members if other != member]))
        self._longest_synonym = max(map(len, self._synonyms), default=0)
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

    def synonyms(self, words: Sequence[Token]) -> list[tuple[str, ...]]:
        """What means the same as the phrase `words`: exact tokens. A word typed without accents stands for all its accented forms.

        >>> Abbreviations({}, [["vaccine", "vắc xin"]]).synonyms(analyse("vac xin"))
        [('vaccine',)]
        """
        found: dict[tuple[str, ...], None] = {}
        for member, others in self._synonyms.get(tuple(word.folded for word in words), []):
            if all(word.exact in (word.folded, token) for word, token in zip(words, member, strict=True)):
                found |= dict.fromkeys(others)
        return list(found)

    def with_synonyms(self, text: str) -> str:
        """`text`, plain words, with `syn:` before each that has synonyms; the longest first.

        >>> Abbreviations({}, [["vaccine", "vắc xin"]]).with_synonyms("tiêm vắc xin")
        'tiêm syn:"vắc xin"'
        """
        words = analyse(text)
        parts: list[str] = []
        behind = place = 0
        while place < len(words):
            for size in range(min(self._longest_synonym, len(words) - place), 0, -1):
                span = words[place : place + size]
                if self.synonyms(span):
                    written = text[span[0].start : span[-1].end]
                    asked = f'syn:"{written}"' if len(span) > 1 else f"syn:{written}"
                    parts += [text[behind : span[0].start], asked]
                    behind = span[-1].end
                    place += size
                    break
            else:
                place += 1
        return "".join([*parts, text[behind:]])

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


def read_abbreviations(path: Path, synonyms: Path | None = None) -> Abbreviations:
    """The abbreviations of `path` and the groups of `synonyms`; none where a file is missing.

    Raises:
        ConfigError: when a file is wrong.
    """
    groups = _read_synonyms(synonyms) if synonyms and synonyms.exists() else []
    if not path.exists():
        return Abbreviations({}, groups)
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
    return Abbreviations(entries, groups)


def _read_synonyms(path: Path) -> list[list[str]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file, or copy the shipped one") from error
    groups = table.get("groups", [])
    if table.keys() - {"groups"} or not isinstance(groups, list):
        raise ConfigError(f"{path}: there must be one list groups = [...]", "Mend the file, or copy the shipped one")
    for group in groups:
        if not isinstance(group, list) or len(group) < 2 or not all(isinstance(word, str) and analyse(word) for word in group):
            raise ConfigError(f"{path}: {group!r} must be a list of two words or more", 'Write it like ["vaccine", "vắc xin"]')
    return groups
