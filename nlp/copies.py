"""Copies: which articles carry the same text.

A text becomes a sequence of syllables (Vietnamese writes a space between them), case, punctuation and place of the tone mark
dropped; every run of `SHINGLE` syllables is hashed. One in `SAMPLE` hashes is a *copy key* (in a short text one in four or two, so
that it too has enough): chosen by its value (Broder's "0 mod p" sampling), so two texts that share a passage share its keys,
whichever is longer. Candidates are found by common keys; the decision is by how much of the text stands in common runs of `RUN`
syllables.

Source: A. Broder, "On the resemblance and containment of documents", 1997.
"""

from __future__ import annotations

import multiprocessing
import re
import unicodedata
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from nlp.repair import repair
from nlp.syllables import syllable_key

SHINGLE = 4
"""Syllables in a shingle: long enough that chance matches are rare, short enough to survive an edit in every other line."""
RUN = 3
"""Syllables that must be the same in a row to count as common text; of a text with every fifth changed, 0.7 stands in such runs."""
SAMPLE = 8
"""One shingle in so many is a key: a passage of 50 syllables has about six."""
SAMPLE_SHORT = ((120, 2), (300, 4))
"""The same for texts of up to so many syllables; divisors of `SAMPLE`, so that the keys of a long text are among them."""
SAME_TEXT = 0.5
"""Share of the two texts that must stand in common runs."""
CONTAINED = 0.8
"""Share of the shorter text that must stand in the other, when they differ in length."""
CONTAINED_MINIMUM = 50
"""Syllables that a text must have to be called contained in another; a shorter one is a stock phrase."""
COMMON_MINIMUM = 15
"""Syllables that two texts must have in common to be called the same; fewer, as of two headlines, only count where they are nearly all."""
SERIES_FIGURES = 25
"""Figures that both texts must have for the next rule: temperatures, prices, numbers drawn."""
SERIES_KEPT = 0.5
"""Where the shorter's figures stand in the other less than this share as often as its words, two texts are issues of one series
(weather, gold price, lottery): the words stay, the figures change. Who edits a text changes both alike."""
COMMON_KEY = 200
"""A key that more articles share is boilerplate (an imprint, a standing paragraph) and finds no candidates."""

Hashes = NDArray[np.uint64]

_SYLLABLES = re.compile(r"\w+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_TASK = 64
"""Texts that a process gets at a time."""
_FEW = 1000
"""Fewer texts are not worth the start of other processes."""


@dataclass(frozen=True)
class Text:
    """What is compared of one text.

    Attributes:
        runs: hash of the `RUN` syllables at each position, shape (positions,); one hash of everything for a shorter text.
        keys: the sampled shingles, sorted and distinct; the smallest one when none was sampled; none for an empty text.
        syllables: number of syllables.
        figures: positions of the syllables that begin with a digit.
    """

    runs: NDArray[np.uint32]
    keys: Hashes
    syllables: int
    figures: NDArray[np.uint32]


@dataclass(frozen=True)
class Pair:
    """Two copies, `a` before `b` in the input; similarity 0 to 1 (see `similarity`)."""

    a: str
    b: str
    similarity: float


@lru_cache(maxsize=200_000)
def _syllable_hash(syllable: str) -> int:
    data = syllable_key(syllable).encode("utf-8", "replace")
    return (zlib.crc32(data) << 32) | zlib.adler32(data[::-1])


def shingle(text: str) -> Text:
    """What is compared of `text` (repaired; white space, case, punctuation and the place of a tone mark do not matter).

    >>> shingle("Hoà Bình mưa to").keys.tolist() == shingle("HÒA BÌNH, mưa to!").keys.tolist()
    True
    """
    syllables = _SYLLABLES.findall(unicodedata.normalize("NFC", text).lower())
    if not syllables:
        return Text(np.empty(0, np.uint32), np.empty(0, np.uint64), 0, np.empty(0, np.uint32))
    hashes = np.fromiter(map(_syllable_hash, syllables), np.uint64, len(syllables))
    runs = _mixed(np.zeros(max(1, len(hashes) - RUN + 1), np.uint64), hashes, 0, RUN)
    shingles = _mixed(runs[:-1], hashes, RUN, SHINGLE) if len(hashes) >= SHINGLE else runs
    figures = np.array([place for place, syllable in enumerate(syllables) if syllable[0].isdigit()], np.uint32)
    return Text((runs >> np.uint64(32)).astype(np.uint32), _sampled(shingles, len(syllables)), len(syllables), figures)


def _mixed(state: Hashes, hashes: Hashes, begin: int, end: int) -> Hashes:
    """The hash at each position after taking in its neighbours `begin` to `end`; a text that has fewer syllables takes in all of them."""
    count = len(state)
    with np.errstate(over="ignore"):
        for offset in range(begin, min(end, len(hashes))):
            state = (state ^ hashes[offset : offset + count]) * _MULTIPLIER
            state ^= state >> np.uint64(29)
    return state


def _sampled(shingles: Hashes, syllables: int) -> Hashes:
    sample = next((sample for limit, sample in SAMPLE_SHORT if syllables <= limit), SAMPLE)
    sampled = np.unique(shingles[shingles % np.uint64(sample) == 0])
    return sampled if len(sampled) else shingles.min(keepdims=True)


def copy_keys(text: str) -> list[str]:
    """The copy keys of `text` as hexadecimal strings, for an index."""
    return [f"{key:016x}" for key in shingle(text).keys.tolist()]


def _covered(text: Text, other: Text) -> NDArray[np.bool_]:
    """Which syllables of `text` stand in a run of `other` too."""
    common = np.isin(text.runs, other.runs)
    if not common.any():
        return np.zeros(text.syllables, np.bool_)
    width = text.syllables - len(text.runs) + 1
    marks = np.zeros(text.syllables + 1, np.int32)
    starts = np.flatnonzero(common)
    np.add.at(marks, starts, 1)
    np.add.at(marks, starts + width, -1)
    covered: NDArray[np.bool_] = np.cumsum(marks[:-1]) > 0
    return covered


def similarity(a: Text, b: Text) -> float | None:
    """How alike two copies are, 0 to 1; None when they are not copies.

    Copies share half or more of their text, or the shorter (of at least 50 syllables) stands almost whole in the other; then
    the similarity is the share of the shorter. Two issues of a series, where the words stay and the figures change, are no copies.
    """
    if not a.syllables or not b.syllables:
        return None
    long_enough = min(a.syllables, b.syllables) >= CONTAINED_MINIMUM
    most_a, most_b = _at_most(a, b), _at_most(b, a)
    size, at_most = min((a.syllables, most_a), (b.syllables, most_b))
    if most_a + most_b < SAME_TEXT * (a.syllables + b.syllables) and not (long_enough and at_most >= CONTAINED * size):
        return None
    in_a, in_b = _covered(a, b), _covered(b, a)
    common = int(np.count_nonzero(in_a)) + int(np.count_nonzero(in_b))
    both = common / (a.syllables + b.syllables)
    shorter, in_shorter, longer = (a, in_a, b) if a.syllables <= b.syllables else (b, in_b, a)
    of_shorter = float(in_shorter.mean())
    same = both >= SAME_TEXT and (common >= 2 * COMMON_MINIMUM or both >= CONTAINED)
    contained = of_shorter >= CONTAINED and long_enough
    if not (same or contained) or _series(shorter, in_shorter, longer):
        return None
    return both if same else of_shorter


def _series(text: Text, common: NDArray[np.bool_], other: Text) -> bool:
    """Whether `text`, the shorter, of which `common` stands in `other`, is another issue of the same series."""
    if min(len(text.figures), len(other.figures)) < SERIES_FIGURES or len(text.figures) == text.syllables:
        return False
    kept = int(np.count_nonzero(common[text.figures]))
    words = int(np.count_nonzero(common)) - kept
    return kept / len(text.figures) < SERIES_KEPT * words / (text.syllables - len(text.figures))


def _at_most(text: Text, other: Text) -> int:
    """No fewer syllables than stand in a run of `other`: from fifteen bits of each hash, which is quick."""
    table = np.zeros(1 << 15, np.bool_)
    table[other.runs & 0x7FFF] = True
    return min(text.syllables, RUN * int(np.count_nonzero(table[text.runs & 0x7FFF])))


def find_copies(texts: Iterable[tuple[str, str]], processes: int = 1) -> Iterator[Pair]:
    """Every pair of copies among (id, text), in the order of the input; the text is repaired before it is compared.

    Candidates come from an inverted index of the keys. Memory grows with the number of texts: about 4 kB for one of 600 syllables
    (the texts themselves are not kept), and 16 bytes for each key that two texts share.

    Args:
        texts: id and text of each article.
        processes: 1 works in this process; more repair and hash in as many others.
    """
    ids: list[str] = []
    shingled: list[Text] = []
    for identity, text in _shingle_all(iter(texts), processes):
        ids.append(identity)
        shingled.append(text)
    for first, second in _candidate_pairs([text.keys for text in shingled]):
        score = similarity(shingled[first], shingled[second])
        if score is not None:
            yield Pair(ids[first], ids[second], score)


def _shingle_all(texts: Iterator[tuple[str, str]], processes: int) -> Iterator[tuple[str, Text]]:
    first = list(islice(texts, _FEW))
    if processes <= 1 or len(first) < _FEW:
        yield from ((identity, shingle(repair(text).text)) for identity, text in chain(first, texts))
        return
    texts = chain(first, texts)
    running: deque[tuple[list[str], Future[list[Text]]]] = deque()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        try:
            while True:
                while len(running) < 4 * processes and (task := list(islice(texts, _TASK))):
                    running.append(([identity for identity, _ in task], pool.submit(_shingle_task, [text for _, text in task])))
                if not running:
                    return
                names, done = running.popleft()
                yield from zip(names, done.result(), strict=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _shingle_task(texts: list[str]) -> list[Text]:
    return [shingle(repair(text).text) for text in texts]


_BLOCK = 2_000_000
"""Pairs of one block of candidates: what bounds the memory."""


def _candidate_pairs(keys: list[Hashes]) -> Iterator[tuple[int, int]]:
    """Pairs (first < second) of positions that share enough keys, in order."""
    if not keys:
        return
    lengths = np.array([len(k) for k in keys])
    every = np.concatenate(keys)
    sampled = np.bincount(np.repeat(np.arange(len(keys)), lengths)[every % np.uint64(SAMPLE) == 0], minlength=len(keys))
    order = np.argsort(every, kind="stable")
    owners = np.repeat(np.arange(len(keys), dtype=np.int32), lengths)[order]
    every = every[order]
    edges = np.flatnonzero(np.r_[True, every[1:] != every[:-1], True])
    sizes = np.diff(edges)
    ends = np.repeat(edges[1:], sizes)
    ends[np.repeat(sizes > COMMON_KEY, sizes)] = 0
    del every
    # how many later owners each place has in the group of its key; places in the order of their owner
    places = np.argsort(owners, kind="stable")
    later = np.maximum(ends[places] - places - 1, 0)
    places, later = places[later > 0], later[later > 0]
    if not len(places):
        return
    starts = np.searchsorted(owners[places], np.arange(len(keys) + 1))
    work = np.r_[0, np.cumsum(later)]
    begin = 0
    while begin < len(keys):
        end = max(begin + 1, int(np.searchsorted(work[starts], work[starts[begin]] + _BLOCK, side="right")) - 1)
        chosen = slice(starts[begin], starts[end])
        count = later[chosen]
        behind = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(places[chosen] + 1, count)
        codes = np.repeat(owners[places[chosen]].astype(np.int64), count) * len(keys) + owners[behind]
        pairs, shared = np.unique(codes, return_counts=True)
        first, second = pairs // len(keys), pairs % len(keys)
        enough = shared >= _needed(np.minimum(sampled[first], sampled[second]))
        yield from zip(first[enough].tolist(), second[enough].tolist(), strict=True)
        begin = end


def _needed(sampled: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys that two copies share, when the one with fewer has `sampled`.

    Of a text with every fourth syllable changed three tenths of the shingles remain; less two standard deviations of a sample.
    """
    needed: NDArray[np.int64] = np.maximum(1, 0.3 * sampled - 2 * np.sqrt(0.21 * sampled)).astype(np.int64)
    return needed
