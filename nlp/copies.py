"""Copies: which articles carry the same text.

A text becomes a sequence of syllables (Vietnamese writes a space between them), case and punctuation dropped; every run of
`SHINGLE` syllables is hashed. One in `SAMPLE` hashes is a *copy key*: chosen by its value (Broder's "0 mod p" sampling), so
two texts that share a passage share its keys, whichever is longer. Candidates are found by common keys; the decision is by
how much of the text stands in common runs, counted over all shingles.

Source: A. Broder, "On the resemblance and containment of documents", 1997.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SHINGLE = 4
"""Syllables in a shingle: long enough that chance runs are rare, short enough to survive an edit in every other line."""
SAMPLE = 8
"""One shingle in so many is a key: a passage of 50 syllables has about six."""
SAME_TEXT = 0.5
"""Share of the two texts that must stand in common runs."""
CONTAINED = 0.85
"""Share of the shorter text that must stand in the other, when they differ in length."""
CONTAINED_MINIMUM = 50
"""Syllables that a text must have to be called contained in another; a shorter one is a stock phrase."""
COMMON_KEY = 200
"""A key that more articles share is boilerplate (an imprint, a standing paragraph) and finds no candidates."""

Hashes = NDArray[np.uint64]

_SYLLABLES = re.compile(r"\w+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Text:
    """The shingles of one text.

    Attributes:
        shingles: hash of the shingle at each position, shape (positions,); one hash of everything for a shorter text.
        syllables: number of syllables.
    """

    shingles: Hashes
    syllables: int

    @property
    def keys(self) -> Hashes:
        """The sampled shingles, sorted and distinct; the smallest one when none was sampled; none for an empty text."""
        distinct = np.unique(self.shingles)
        sampled = distinct[distinct % np.uint64(SAMPLE) == 0]
        return sampled if len(sampled) else distinct[:1]


@dataclass(frozen=True)
class Pair:
    """Two copies, `a` before `b` in the input; similarity 0 to 1 (see `common_text`)."""

    a: str
    b: str
    similarity: float


@lru_cache(maxsize=200_000)
def _syllable_hash(syllable: str) -> int:
    data = syllable.encode("utf-8", "replace")
    return (zlib.crc32(data) << 32) | zlib.adler32(data[::-1])


def shingle(text: str) -> Text:
    """The shingles of `text` (repaired; white space, case and punctuation do not matter).

    >>> shingle("Hà Nội mưa to").keys.tolist() == shingle("HÀ NỘI, mưa to!").keys.tolist()
    True
    """
    syllables = _SYLLABLES.findall(unicodedata.normalize("NFC", text).lower())
    if not syllables:
        return Text(np.empty(0, np.uint64), 0)
    hashes = np.fromiter((_syllable_hash(syllable) for syllable in syllables), np.uint64, len(syllables))
    width = min(SHINGLE, len(hashes))
    count = len(hashes) - width + 1
    mixed = np.zeros(count, np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(width):
            mixed = (mixed ^ hashes[offset : offset + count]) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(29)
    return Text(mixed, len(syllables))


def copy_keys(text: str) -> list[str]:
    """The copy keys of `text` as hexadecimal strings, for an index."""
    return [f"{key:016x}" for key in shingle(text).keys.tolist()]


def _covered(text: Text, other: Text) -> int:
    """Syllables of `text` that stand in a shingle of `other` too."""
    common = np.isin(text.shingles, other.shingles)
    if not common.any():
        return 0
    width = text.syllables - len(text.shingles) + 1
    marks = np.zeros(text.syllables + 1, np.int32)
    starts = np.flatnonzero(common)
    np.add.at(marks, starts, 1)
    np.add.at(marks, starts + width, -1)
    return int(np.count_nonzero(np.cumsum(marks[:-1])))


def common_text(a: Text, b: Text) -> tuple[float, float]:
    """(share of both texts that stands in common runs, the same share of the shorter one); 0 to 1, 0 for an empty text."""
    if not a.syllables or not b.syllables:
        return 0.0, 0.0
    in_a, in_b = _covered(a, b), _covered(b, a)
    shorter = in_a / a.syllables if a.syllables <= b.syllables else in_b / b.syllables
    return (in_a + in_b) / (a.syllables + b.syllables), shorter


def similarity(a: Text, b: Text) -> float | None:
    """How alike two copies are, 0 to 1; None when they are not copies.

    Copies share half or more of their text, or the shorter (of at least 50 syllables) stands almost whole in the other; then
    the similarity is the share of the shorter.
    """
    both, of_shorter = common_text(a, b)
    if both >= SAME_TEXT:
        return both
    if of_shorter >= CONTAINED and min(a.syllables, b.syllables) >= CONTAINED_MINIMUM:
        return of_shorter
    return None


def find_copies(texts: Iterable[tuple[str, str]]) -> Iterator[Pair]:
    """Every pair of copies among (id, text), in the order of the input.

    Candidates come from an inverted index of the keys; memory grows with the text (about 6 kB for an article).
    """
    ids: list[str] = []
    shingled: list[Text] = []
    keys: list[Hashes] = []
    for identity, text in texts:
        ids.append(identity)
        shingled.append(shingle(text))
        keys.append(shingled[-1].keys)
    for first, second in _candidate_pairs(keys):
        score = similarity(shingled[first], shingled[second])
        if score is not None:
            yield Pair(ids[first], ids[second], score)


def _candidate_pairs(keys: list[Hashes]) -> Iterator[tuple[int, int]]:
    """Pairs (first < second) of positions that share enough keys: two, or one where a text has few."""
    if not keys:
        return
    lengths = np.array([len(k) for k in keys])
    every = np.concatenate(keys)
    owners = np.repeat(np.arange(len(keys), dtype=np.int64), lengths)
    order = np.argsort(every, kind="stable")
    every, owners = every[order], owners[order]
    edges = np.flatnonzero(np.r_[True, every[1:] != every[:-1], True])
    sizes = np.diff(edges)
    codes: list[NDArray[np.int64]] = []
    for size in np.unique(sizes[(sizes > 1) & (sizes <= COMMON_KEY)]).tolist():
        starts = edges[:-1][sizes == size]
        groups = owners[starts[:, None] + np.arange(size)]
        left, right = np.triu_indices(size, 1)
        codes.append((groups[:, left] * len(keys) + groups[:, right]).ravel())
    if not codes:
        return
    pairs, shared = np.unique(np.concatenate(codes), return_counts=True)
    first, second = pairs // len(keys), pairs % len(keys)
    enough = shared >= np.maximum(1, np.minimum(lengths[first], lengths[second]) // 4)
    yield from zip(first[enough].tolist(), second[enough].tolist(), strict=True)
