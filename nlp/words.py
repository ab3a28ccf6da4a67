"""Sentences, words, parts of speech, chunks and names by underthesea's models: the same labels, without the waiting.

underthesea rebuilds every column of a sentence for each feature of each word, which makes it quadratic. Here the features of
a sentence are built column by column and shared by the three models; labels are identical per sentence (tested).
"""

from __future__ import annotations

import re
import struct
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from diembao.errors import ConfigError

_LONGEST_MISSPELT = 6
"""underthesea corrects the spelling of syllables up to this length."""

_LONGEST = 2000
"""A sentence is cut behind this many code points: text without any stop must not cost more than its length."""

_STOP = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|\n")
_NO_STOP = frozenset(
    [
        "tp",
        "tx",
        "tt",
        "ts",
        "ths",
        "pgs",
        "gs",
        "bs",
        "ks",
        "ls",
        "cn",
        "nxb",
        "st",
        "tr",
        "mr",
        "mrs",
        "ms",
        "dr",
        "vs",
        "q",
        "p",
        "h",
        "x",
        "tg",
        "đ",
        "v.v",
    ]
)


class TaggedWord(NamedTuple):
    """A word with its labels, as `underthesea.ner` gives them."""

    word: str
    pos: str
    chunk: str
    ner: str


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences of `text` stand: (start, end) in code points, without the white space around them.

    A sentence ends at a line feed, and behind a full stop, question or exclamation mark that white space follows, except behind
    an abbreviation ("TP. Cần Thơ", "PGS. Nguyễn…") and before a small letter.

    >>> [("TP. Cần Thơ mưa. Gió to!"[a:b]) for a, b in sentence_spans("TP. Cần Thơ mưa. Gió to!")]
    ['TP. Cần Thơ mưa.', 'Gió to!']
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for stop in _STOP.finditer(text):
        if stop.group() != "\n" and _runs_on(text, stop):
            continue
        _add(spans, text, start, stop.end())
        start = stop.end()
    _add(spans, text, start, len(text))
    return spans


def _runs_on(text: str, stop: re.Match[str]) -> bool:
    following = text[stop.end() : stop.end() + 3].lstrip(" \t\"'“‘«([")[:1]
    if following.islower():
        return True
    if stop.group() != ".":
        return False
    begin = stop.start()
    while begin > 0 and stop.start() - begin < 8 and (text[begin - 1].isalpha() or text[begin - 1] == "."):
        begin -= 1
    word = text[begin : stop.start()]
    last = word.rpartition(".")[2]
    return last.lower() in _NO_STOP or (len(last) == 1 and last.isupper())


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > _LONGEST:
        cut = text.rfind(" ", start + _LONGEST // 2, start + _LONGEST)
        cut = cut if cut > 0 else start + _LONGEST
        spans.append((start, cut))
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        spans.append((start, end))


class Words(NamedTuple):
    """The words of a sentence and where they stand in it."""

    words: list[str]
    spans: list[tuple[int, int]]


def split_words(sentence: str) -> Words:
    """The words of one sentence, as `underthesea.word_tokenize` gives them, with (start, end) in code points.

    A word of several syllables has single spaces inside, and a misspelt syllable ("nghành") is written as it should be; the
    span covers what the sentence says. `sentence` must be NFC, without lone surrogates.
    """
    segmenter = _segmenter()
    normal = sentence.translate(segmenter.letters)
    matches = [match.span() for match in segmenter.pattern.finditer(normal)]
    if not matches:
        return Words([], [])
    syllables = [segmenter.spelling.get(normal[start:end], normal[start:end]) for start, end in matches]
    tags = segmenter.tagger.tag(segmenter.features.process([[[syllable] for syllable in syllables]])[0])
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for tag, syllable, (start, end) in zip(tags, syllables, matches, strict=True):
        if tag == "I-W" and words:
            words[-1] += " " + syllable
            spans[-1] = (spans[-1][0], end)
        else:
            words.append(syllable)
            spans.append((start, end))
    return Words(words, spans)


def tag_words(words: list[str]) -> list[TaggedWord]:
    """The words of one sentence with part of speech, chunk and name label, as `underthesea.ner` gives them.

    >>> [tuple(row) for row in tag_words(split_words("Ông Putin ca ngợi Liên Xô").words)][1]
    ('Putin', 'Np', 'B-NP', 'B-PER')
    """
    if not words:
        return []
    models = _models()
    pos = models.pos.tag([words])
    chunks = models.chunk.tag([words, pos])
    names = models.ner.tag([words, pos])
    return [TaggedWord(*row) for row in zip(words, pos, chunks, names, strict=True)]


class _Segmenter(NamedTuple):
    pattern: re.Pattern[str]
    letters: dict[int, str]
    spelling: dict[str, str]
    features: Any
    tagger: Any


@cache
def _segmenter() -> _Segmenter:
    import joblib
    from underthesea.pipeline.text_normalize.text_normalizer import character_map, token_map
    from underthesea.pipeline.word_tokenize.regex_tokenize import patterns
    from underthesea_core import CRFFeaturizer, CRFTagger

    folder = _folder("word_tokenize/models/ws_crf_vlsp2013_20230727")
    tagger = CRFTagger()
    tagger.load(str(folder / "models.bin"))
    features = CRFFeaturizer(joblib.load(folder / "features.bin"), joblib.load(folder / "dictionary.bin"))
    spelling = {wrong: right for wrong, right in token_map.items() if len(wrong) <= _LONGEST_MISSPELT}
    return _Segmenter(patterns, str.maketrans(character_map), spelling, features, tagger)


class _Models(NamedTuple):
    pos: _Model
    chunk: _Model
    ner: _Model


@cache
def _models() -> _Models:
    return _Models(
        _Model(_folder("pos_tag/pos_crf_2017_10_11.bin"), unknown=1),
        _Model(_folder("chunking/chunk_crf_2017_10_12.bin"), unknown=2),
        _Model(_folder("ner/ner_crf_2017_10_12.bin"), unknown=3),
    )


def _folder(path: str) -> Path:
    spec = find_spec("underthesea")
    if spec is None or spec.origin is None:
        raise ConfigError("underthesea is not installed", "Run: make setup")
    return Path(spec.origin).parent / "pipeline" / path


_SYNTAX = re.compile(r"T\[(-?\d)(?:,(-?\d))?\](?:\[(\d)\])?(?:\.(\w+))?=(.*)", re.DOTALL)
_REACH = 3
"""A feature looks at most this many words to the left or right."""

_CACHED_WORDS = 50_000

Additions = tuple[tuple[int, tuple[str, ...]], ...]
"""What a word, pair or label adds to the words around it: (offset of it as seen from them, features)."""


class _Model:
    """One of underthesea's CRF models, given only those features of a sentence that it has a weight for.

    A feature that a model does not know changes nothing, and it knows few (names: 2,066). So they are not built and then
    looked up: the model's own list is turned round into what each word, pair or label adds to the words around it.

    Args:
        path: the model, in CRFsuite's format.
        unknown: number of the column that is still to be found; underthesea writes "X" there in each row.
    """

    def __init__(self, path: Path, unknown: int) -> None:
        from underthesea_core import CRFTagger

        self._tagger = CRFTagger()
        self._tagger.load(str(path))
        self._unknown = unknown
        index: dict[tuple[int, int, str], dict[str, dict[int, list[str]]]] = {}
        for feature in _attributes(path):
            match = _SYNTAX.fullmatch(feature)
            if match is None:
                raise ConfigError(f"{path}: feature {feature!r} is not understood", _REINSTALL)
            first, last, column, function, value = match.groups()
            kind = (int(column or 0), 2 if last else 1, function or "")
            index.setdefault(kind, {}).setdefault(value, {}).setdefault(int(first), []).append(feature)
        self._index = {
            kind: {value: tuple((offset, tuple(features)) for offset, features in sorted(at.items())) for value, at in values.items()}
            for kind, values in index.items()
        }
        self._edges = {
            edge: {
                (column, width): sum((self._additions((column, width, f), edge) for f in _FUNCTIONS), ())
                for column in range(4)
                for width in (1, 2)
            }
            for edge in ("BOS", "EOS")
        }
        self._words: dict[str, Additions] = {}

    def tag(self, columns: list[list[str]]) -> list[str]:
        """A label for each row of `columns` (words, and the labels found before)."""
        count = len(columns[0])
        rows: list[list[str]] = [[] for _ in range(count)]
        for number in (*range(len(columns)), self._unknown):
            values = columns[number] if number < len(columns) else ["X"] * count
            if number == 0:
                self._add(rows, [self._word(word) for word in values], 0, 1)
            else:
                singles = self._index.get((number, 1, ""), {})
                self._add(rows, [singles.get(value, ()) for value in values], number, 1)
            pairs = self._index.get((number, 2, ""))
            if pairs:
                self._add(rows, [pairs.get(f"{a} {b}", ()) for a, b in pairwise(values)], number, 2)
        labels: list[str] = self._tagger.tag(rows)
        return labels

    def _add(self, rows: list[list[str]], units: list[Additions], column: int, width: int) -> None:
        count = len(rows)
        begin, end = self._edges["BOS"][column, width], self._edges["EOS"][column, width]
        padded = enumerate([begin] * _REACH + units + [end] * (_REACH + width - 1), start=-_REACH)
        for position, additions in padded:
            for offset, features in additions:
                if 0 <= position - offset < count:
                    rows[position - offset] += features

    def _word(self, word: str) -> Additions:
        found = self._words.get(word)
        if found is None:
            if len(self._words) >= _CACHED_WORDS:
                self._words.clear()
            values = (word, word.lower(), str(_istitle(word)))
            found = self._words[word] = sum((self._additions((0, 1, f), value) for f, value in zip(_FUNCTIONS, values, strict=True)), ())
        return found

    def _additions(self, kind: tuple[int, int, str], value: str) -> Additions:
        return self._index.get(kind, {}).get(value, ())


_FUNCTIONS = ("", "lower", "istitle")
_REINSTALL = "Install the version of underthesea that requirements.lock names (make setup)"


def _istitle(word: str) -> bool:
    return all(syllable[:1].istitle() for syllable in word.split(" "))


def _attributes(path: Path) -> list[str]:
    """The features that a CRFsuite model has weights for: the strings of the constant database (CQDB) inside the file.

    Layout: github.com/chokkan/crfsuite, `lib/crf/src/crf1d_model.c` (header) and `lib/cqdb/src/cqdb.c`.
    """
    data = path.read_bytes()
    try:
        magic, attributes = struct.unpack_from("<4s32xI", data)
        (database,) = struct.unpack_from("<4s", data, attributes)
        count, back = struct.unpack_from("<16xII", data, attributes)
        if magic != b"lCRF" or database != b"CQDB":
            raise ValueError(f"begins with {magic!r}, {database!r}")
        found = []
        for offset in struct.unpack_from(f"<{count}I", data, attributes + back):
            if offset:
                _, size = struct.unpack_from("<II", data, attributes + offset)
                start = attributes + offset + 8
                found.append(data[start : start + size - 1].decode())
    except (struct.error, ValueError) as error:
        raise ConfigError(f"{path} is not a CRFsuite model: {error}", _REINSTALL) from error
    return found
