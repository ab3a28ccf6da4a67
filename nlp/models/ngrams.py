"""Text as numbers: hashed word and letter sequences.

A feature is the 32-bit hash of one to three words in a row, of two to five letters in a row (across words, because a
Vietnamese word often has a space inside), of one to three words in a row of the headline alone, or of two words that stand near each
other ("khởi tố … cán bộ"). Hashes need no table of strings, so training and use cannot drift apart.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint32]
Floats = NDArray[np.float32]

WORD_LENGTHS = (1, 3)
"""Fewest and most words in one feature."""

LETTER_LENGTHS = (2, 5)
"""Fewest and most letters in one feature."""

NEAR = (2, 5)
"""Least and greatest distance of the words of a pair."""

BOUNDARY = "|"
"""Stands between headline and lead, so that no sequence reaches over the gap unseen."""

_WORD = re.compile(r"\d+(?:[.,:/-]\d+)*|\w+|[?!%…:\"“”'‘’]")
_DIGIT = re.compile(r"\d")
_OLD_TONES = {
    unicodedata.normalize("NFC", pair[0] + tone + pair[1]): unicodedata.normalize("NFC", pair + tone)
    for pair in ("oa", "oe", "uy")
    for tone in "\u0300\u0301\u0303\u0309\u0323"
}
_OLD_TONE = re.compile(f"(?:{'|'.join(_OLD_TONES)})(?!\\w)")

_USUAL_RARITY = 4.0
"""So that a text's values have a length of about 1."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STAFFORD = np.uint64(0xBF58476D1CE4E5B9)
_WORD_STEP = np.uint64(1000003)
_LETTER_STEP = np.uint64(0x100000001B3)
_LETTER_SALT = 50
_PAIR_SALT = 90
_TITLE_SALT = np.uint32(0x5BD1E995)


def words(text: str) -> list[str]:
    """The syllables, numbers and telling marks of `text`: lower case, one tone placement, each digit as 0.

    >>> words("Hòa Bình: hoà 1-1, khởi tố 3 cán bộ?")
    ['hoà', 'bình', ':', 'hoà', '0-0', 'khởi', 'tố', '0', 'cán', 'bộ', '?']
    """
    lower = unicodedata.normalize("NFC", text).lower()
    lower = _OLD_TONE.sub(lambda match: _OLD_TONES[match.group()], lower)
    return [_DIGIT.sub("0", word) if word[0].isdigit() else word for word in _WORD.findall(lower)]


def word_keys(found: Sequence[str]) -> Keys:
    """Hashes of all sequences of `WORD_LENGTHS` words, in any order, repeated as often as they occur."""
    shortest, longest = WORD_LENGTHS
    return _sequences(_hashes(found), _WORD_STEP, shortest, longest, 0)


def title_keys(keys: Keys) -> Keys:
    """The `word_keys` of a headline as features of their own: a word weighs otherwise in a headline than in a lead."""
    return keys ^ _TITLE_SALT


def pair_keys(*parts: Sequence[str]) -> Keys:
    """Hashes of all pairs of words of one part (headline, lead) that stand `NEAR` each other, in their order."""
    found = []
    for part in parts:
        hashes = _hashes(part)
        distances = range(NEAR[0], min(NEAR[1], len(hashes) - 1) + 1)
        found += [_mixed(hashes[:-distance] * _WORD_STEP + hashes[distance:], _PAIR_SALT) for distance in distances]
    return np.concatenate(found) if found else np.zeros(0, np.uint32)


def letter_keys(found: Sequence[str]) -> Keys:
    """Hashes of all sequences of `LETTER_LENGTHS` letters of the words joined by spaces."""
    shortest, longest = LETTER_LENGTHS
    if not found:
        return np.zeros(0, np.uint32)
    letters = np.frombuffer(f" {' '.join(found)} ".encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    return _sequences(letters, _LETTER_STEP, shortest, longest, _LETTER_SALT)


def _hashes(found: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([zlib.crc32(word.encode("utf-8", "replace")) for word in found], np.uint64) * _GOLDEN


def _sequences(items: NDArray[np.uint64], step: np.uint64, shortest: int, longest: int, salt: int) -> Keys:
    found = []
    rolling = items
    for length in range(1, longest + 1):
        if len(items) < length:
            break
        if length > 1:
            rolling = rolling[:-1] * step + items[length - 1 :]
        if length >= shortest:
            found.append(_mixed(rolling, length + salt))
    return np.concatenate(found) if found else np.zeros(0, np.uint32)


def _mixed(hashes: NDArray[np.uint64], salt: int) -> Keys:
    hashes = (hashes + np.uint64(salt)) * _GOLDEN
    hashes = (hashes ^ (hashes >> np.uint64(29))) * _STAFFORD
    return (hashes >> np.uint64(32)).astype(np.uint32)


@dataclass(frozen=True)
class Vocabulary:
    """The features of one kind that the model knows.

    Attributes:
        keys: their hashes, ascending.
        rarity: weight of each: the logarithm of how few training headlines have it.
    """

    keys: Keys
    rarity: Floats

    def only(self, kept: NDArray[np.bool_]) -> Vocabulary:
        """The features that `kept` marks. The values that texts get for them stay as they are."""
        return Vocabulary(self.keys[kept], self.rarity[kept])

    def vectors(self, keys: Sequence[Keys]) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """Texts as tf-idf values: (text, position of the feature, value) of each known feature.

        Values are divided by the square root of how many features the text has, known or not, so they do not depend on what else
        the vocabulary holds.

        Args:
            keys: the hashes of each text.
        """
        row = np.repeat(np.arange(len(keys)), [len(found) for found in keys])
        flat = np.concatenate(keys) if keys else np.zeros(0, np.uint32)
        if not len(self.keys):
            return row[:0], row[:0], np.zeros(0, np.float32)
        place = np.minimum(np.searchsorted(self.keys, flat), len(self.keys) - 1)
        known = self.keys[place] == flat
        cells, counts = np.unique(row[known] * len(self.keys) + place[known], return_counts=True)
        row, place = np.divmod(cells, len(self.keys))
        values = (1 + np.log(counts)) * self.rarity[place]
        return row, place, (values / lengths_of([len(found) for found in keys])[row]).astype(np.float32)


def lengths_of(features: Sequence[int] | NDArray[Any]) -> Floats:
    """By what tf-idf values are divided, from the number of features of each text (repeated ones counted as often as they occur)."""
    return np.asarray(_USUAL_RARITY * np.sqrt(np.maximum(features, 1)), np.float32)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as `numpy.load` reads them; the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w") as packed:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(entry, "w") as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
