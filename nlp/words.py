"""Sentences, words, parts of speech, chunks and names by underthesea's models: the same labels, without the waiting.

underthesea rebuilds every column of a sentence for each feature of each word, which makes it quadratic. Here the features of
a sentence are built column by column and shared by the three models; labels are identical per sentence (tested).
"""

from __future__ import annotations

import ast
import pickle
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
    inside = segmenter.model.inside(syllables)
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for continues, syllable, (start, end) in zip(inside, syllables, matches, strict=True):
        if continues and words:
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
    return tag_sentences([words])[0]


def tag_sentences(sentences: Sequence[list[str]]) -> list[list[TaggedWord]]:
    """What `tag_words` gives for each of several sentences, at once: several times quicker than one by one."""
    tagged: list[list[TaggedWord]] = []
    for batch in _batches(sentences):
        filled = [words for words in batch if words]
        if not filled:
            tagged += [[] for _ in batch]
            continue
        models = _models()
        pos = models.pos.tag([filled])
        chunks = models.chunk.tag([filled, pos])
        names = models.ner.tag([filled, pos])
        rows = iter([list(map(TaggedWord, *columns)) for columns in zip(filled, pos, chunks, names, strict=True)])
        tagged += [next(rows) if words else [] for words in batch]
    return tagged


def _batches(sentences: Sequence[list[str]]) -> Iterator[Sequence[list[str]]]:
    """The sentences in groups of about _BATCH words: a long text must not need more memory than that."""
    begin = count = 0
    for number, words in enumerate(sentences):
        count += len(words)
        if count >= _BATCH:
            yield sentences[begin : number + 1]
            begin, count = number + 1, 0
    if begin < len(sentences):
        yield sentences[begin:]


@cache
def dictionary_syllables() -> frozenset[str]:
    """The syllables, in small letters, of the words in underthesea's dictionary (NFC)."""
    return frozenset(syllable for word in _dictionary() for syllable in word.lower().split())


@cache
def _dictionary() -> frozenset[str]:
    # joblib, which wrote it, reads such files in Python: four times slower
    return frozenset(pickle.loads((_folder(_SEGMENTATION) / "dictionary.bin").read_bytes()))  # noqa: S301 - a package's own file


_SEGMENTATION = "word_tokenize/models/ws_crf_vlsp2013_20230727"


class _Segmenter(NamedTuple):
    pattern: re.Pattern[str]
    letters: dict[int, str]
    spelling: dict[str, str]
    model: _SegmentationModel


@cache
def _segmenter() -> _Segmenter:
    rules = pickle.loads(_folder("text_normalize/tn_rules_2023_07_14.bin").read_bytes())  # noqa: S301 - a package's own file
    spelling = {wrong: right for wrong, right in rules["token"].items() if len(wrong) <= _LONGEST_MISSPELT}
    return _Segmenter(
        _token_pattern(_folder("word_tokenize/regex_tokenize.py")),
        str.maketrans(rules["character"]),
        spelling,
        _SegmentationModel(_folder(_SEGMENTATION)),
    )


def _token_pattern(path: Path) -> re.Pattern[str]:
    """What underthesea takes for a token: the `patterns` of its module, read without importing the package.

    The import alone would take longer than loading all its models: it brings an HTTP client and agents. So only the assignments of
    the module are carried out; they need nothing but `re`.
    """
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
        module.body = [node for node in module.body if isinstance(node, ast.Assign)]
        names: dict[str, object] = {"re": re}
        exec(compile(module, str(path), "exec"), names)  # noqa: S102 - a package's own file
        pattern = names["patterns"]
    except (OSError, SyntaxError, NameError, KeyError) as error:
        raise ConfigError(f"{path}: the pattern of a token is not found: {error}", _REINSTALL) from error
    if not isinstance(pattern, re.Pattern):
        raise ConfigError(f"{path}: the pattern of a token is a {type(pattern).__name__}", _REINSTALL)
    return pattern


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


_TEMPLATE = re.compile(r"T\[(-?\d)(?:,(-?\d))?\](?:\[(\d)\])?(?:\.(\w+))?")


class _Template(NamedTuple):
    """What a feature speaks of: `T[-1,0][1].lower=…` of the word before, two words wide, column 1, in small letters."""

    first: int
    width: int
    column: int
    function: str


def _by_template(path: Path, features: Iterable[str]) -> dict[_Template, list[tuple[str, str]]]:
    """(value, feature) of all features of a model by their template. Raises ConfigError for one that is not understood."""
    written: dict[str, list[tuple[str, str]]] = {}
    for feature in features:
        name, _, value = feature.partition("=")
        written.setdefault(name, []).append((value, feature))
    found = {}
    for name, values in written.items():
        match = _TEMPLATE.fullmatch(name)
        if match is None:
            raise ConfigError(f"{path}: feature {values[0][1]!r} is not understood", _REINSTALL)
        first, last, column, function = match.groups()
        width = int(last) - int(first) + 1 if last else 1
        found[_Template(int(first), width, int(column or 0), function or "")] = values
    return found


_REACH = 3
"""A feature looks at most this many words to the left or right."""

_BATCH = 4000
"""So many words are tagged at once."""

_CACHED_WORDS = 8192
"""Words whose numbers a model of parts of speech, chunks or names keeps; more than a batch has."""

_CACHED_SYLLABLES = 50_000

Floats = npt.NDArray[np.float64]

_NOTHING, _BEGIN, _END = 0, 1, 2
"""Rows of `_Units`: a value that the model does not know, what stands before a sentence, what stands behind it."""


class _Units:
    """What the values of one column, or pairs of neighbours in it, add to the scores of the words around them.

    Attributes:
        rows: the row of each known value.
        numbers: (row, place, label); the unit stands `place - _REACH` to the right of the word that it speaks about.
        places: the places where any unit of the table says something.
    """

    def __init__(self, weights: Floats, known: Mapping[str, list[tuple[int, int]]], size: int = 0) -> None:
        self._weights = weights
        self.rows: dict[str, int] = {}
        self.numbers = np.zeros((3 + max(size, len(known)), 2 * _REACH + 1, weights.shape[1]))
        for row, edge in ((_BEGIN, "BOS"), (_END, "EOS")):
            self._fill(row, known.get(edge, ()))
        self.places = sorted({first + _REACH for additions in known.values() for first, _ in additions})
        if not size:
            for value, additions in known.items():
                self.add(value, additions)

    def add(self, value: str, additions: Iterable[tuple[int, int]]) -> int:
        """The new row of `value`, of which the features are given as (first, number of the feature)."""
        row = self.rows[value] = 3 + len(self.rows)
        if row >= len(self.numbers):
            self.numbers = np.concatenate([self.numbers, np.zeros_like(self.numbers)])
        self._fill(row, additions)
        return row

    def _fill(self, row: int, additions: Iterable[tuple[int, int]]) -> None:
        self.numbers[row] = 0.0
        for first, feature in additions:
            self.numbers[row, first + _REACH] += self._weights[feature]


class _Model:
    """One of underthesea's CRF models, evaluated here for many sentences at once.

    underthesea gives a model dozens of features of each word, written out as text, and most of them have no weight. Here the model's
    own list is turned round into what each word, pair or label adds to the words around it (`_Units`); these numbers are added up
    for all sentences together, and the best labels are found for all of them step by step (Viterbi).

    Args:
        path: the model, in CRFsuite's format.
        unknown: number of the column that is still to be found; underthesea writes "X" there in each row.
    """

    def __init__(self, path: Path, unknown: int) -> None:
        self._labels, features, weights, self._transitions = _weights(path)
        numbers = {feature: number for number, feature in features.items()}
        self._unknown = unknown
        known: dict[tuple[int, int], dict[str, list[tuple[int, int]]]] = {}
        self._of_words: dict[str, dict[str, list[tuple[int, int]]]] = {}
        for template, written in _by_template(path, numbers).items():
            unit = (template.column, template.width)
            if (template.function and unit != (0, 1)) or template.function not in _FUNCTIONS or template.column > unknown:
                raise ConfigError(f"{path}: feature {written[0][1]!r} is not understood", _REINSTALL)
            values = known.setdefault(unit, {})
            function = self._of_words.setdefault(template.function, {})
            for value, feature in written:
                addition = (template.first, numbers[feature])
                values.setdefault(value, []).append(addition)
                if unit == (0, 1):
                    function.setdefault(value, []).append(addition)
        self._tables = {unit: _Units(weights, values, _CACHED_WORDS if unit == (0, 1) else 0) for unit, values in known.items()}

    def tag(self, columns: Sequence[Sequence[list[str]]]) -> list[list[str]]:
        """The labels of each sentence.

        Args:
            columns: words, and the labels found before; of each the sentences, none of which is empty.
        """
        sentences = columns[0]
        # in one row, with room on both sides of each sentence for what stands before and behind it
        lengths = [len(words) for words in sentences]
        starts = np.cumsum([_REACH, *(length + 2 * _REACH + 1 for length in lengths)])[:-1]
        size = sum(lengths) + len(lengths) * (2 * _REACH + 1)
        scores = np.zeros((size, len(self._labels)))
        for (column, width), units in self._tables.items():
            known = units.rows.get
            if column >= len(columns):
                unknown = known(" ".join(["X"] * width), _NOTHING)
                rows = [[unknown] * (length + 1 - width) for length in lengths]
            elif (column, width) == (0, 1):
                rows = self._word_rows(units, sentences)
            elif width == 1:
                rows = [[known(value, _NOTHING) for value in values] for values in columns[column]]
            else:
                rows = [[known(f"{a} {b}", _NOTHING) for a, b in pairwise(values)] for values in columns[column]]
            flat: list[int] = []
            for sentence in rows:
                flat += [_BEGIN] * _REACH
                flat += sentence
                flat += [_END] * (_REACH + width)
            numbers = units.numbers[flat]
            for place in units.places:
                shift = place - _REACH
                scores[max(0, -shift) : size - max(0, shift)] += numbers[max(0, shift) : size + min(0, shift), place]
        return self._best(scores, starts, np.array(lengths))

    def _word_rows(self, units: _Units, sentences: Sequence[list[str]]) -> list[list[int]]:
        new = set[str]().union(*sentences) - units.rows.keys()
        if len(units.rows) + len(new) > _CACHED_WORDS:
            units.rows.clear()
            new = set[str]().union(*sentences)
        for word in new:
            values = (word, word.lower(), str(_istitle(word)))
            units.add(word, [a for f, value in zip(_FUNCTIONS, values, strict=True) for a in self._of_words.get(f, {}).get(value, ())])
        return [[units.rows[word] for word in sentence] for sentence in sentences]

    def _best(self, scores: Floats, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> list[list[str]]:
        """Viterbi for all sentences at once, the longest first; those that are at their end wait."""
        order = np.argsort(-lengths, kind="stable")
        begins, ends = starts[order], lengths[order] - 1
        counts = [int(count) for count in np.searchsorted(ends[::-1], np.arange(ends[0] + 1), side="left")]
        counts = [len(lengths) - count for count in counts]  # how many sentences have a word at each place
        behind = np.cumsum([0, *counts])
        # all first words, all second words, …: what one step reads lies together
        at = np.concatenate([begins[:count] + place for place, count in enumerate(counts)])
        best = scores[at]
        to_from = np.ascontiguousarray(self._transitions.T)
        paths = np.empty((len(lengths), *to_from.shape))
        for count, before, here in zip(counts[1:], behind.tolist(), behind[1:].tolist(), strict=False):
            np.add(best[before : before + count, None, :], to_from, out=paths[:count])
            best[here : here + count] += paths[:count].max(2)
        label = best[behind[ends] + np.arange(len(ends))].argmax(1)
        labels = np.empty(len(at), np.int64)
        for place in range(len(counts) - 1, 0, -1):
            count, here, before = counts[place], behind[place], behind[place - 1]
            labels[here : here + count] = label[:count]
            label[:count] = (best[before : before + count] + to_from[label[:count]]).argmax(1)
        labels[: len(label)] = label
        found = np.zeros(len(scores), np.int64)
        found[at] = labels
        names = [self._labels[number] for number in found.tolist()]
        return [names[start : start + length] for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)]


_Weights = tuple[float, ...]


class _SegmentationModel:
    """underthesea's model of word segmentation, evaluated here.

    It has two labels, so of each feature only one number matters: how much it speaks for going on with the word rather than beginning
    one. For a syllable, a pair or a triple the numbers of all its features are added up once, per place from which it is seen.
    Which syllables are titles, numbers or in the dictionary is asked of underthesea's own featurizer, once per syllable.

    Args:
        folder: models.bin and features.bin.
    """

    def __init__(self, folder: Path) -> None:
        from underthesea_core import CRFFeaturizer

        self._dictionary = _dictionary()
        self._featurizer = CRFFeaturizer(pickle.loads((folder / "features.bin").read_bytes()), set(self._dictionary))  # noqa: S301
        path = folder / "models.bin"
        labels, attributes, weights, transitions = _weights(path)
        if sorted(labels) != ["B-W", "I-W"]:
            raise ConfigError(f"{path}: labels {labels} are not understood", _REINSTALL)
        begin, go_on = labels.index("B-W"), labels.index("I-W")
        self._transitions = tuple(float(transitions[a, b]) for a in (begin, go_on) for b in (begin, go_on))
        differences = (weights[:, go_on] - weights[:, begin]).tolist()
        features = {feature: differences[number] for number, feature in attributes.items()}
        self._table: dict[tuple[int, str], dict[str, list[float]]] = {}
        for template, written in _by_template(path, features).items():
            values = self._table.setdefault((template.width, template.function), {})
            zeros = [0.0] * len(_PLACES[template.width])
            place = template.first + 2
            for value, feature in written:
                numbers = values.get(value)
                if numbers is None:
                    numbers = values[value] = zeros.copy()
                numbers[place] += features[feature]
        self._edges = {edge: {width: self._sum(width, dict.fromkeys(_ASKED, edge)) for width in _PLACES} for edge in ("BOS", "EOS")}
        self._flags = {
            (width, title, known): self._sum(width, {"istitle": str(title), "is_in_dict": str(known)})
            for width in (2, 3)
            for title in (True, False)
            for known in (True, False)
        }
        self._syllables: dict[str, tuple[str, bool, _Weights]] = {}

    def inside(self, syllables: list[str]) -> list[bool]:
        """For each syllable of a sentence whether it goes on with the word before it."""
        count = len(syllables)
        known = [self._syllable(syllable) for syllable in syllables]
        scores = [0.0] * (count + 6)  # two places before the sentence, four behind: what falls there is not read
        for position, (_, _, (a, b, c, d, e)) in enumerate(known):
            # a is what this syllable says when it stands two to the left of the place, e two to the right
            scores[position + 4] += a
            scores[position + 3] += b
            scores[position + 2] += c
            scores[position + 1] += d
            scores[position] += e
        in_dictionary, flags, nothing2, nothing3 = self._dictionary, self._flags, [0.0] * 4, [0.0] * 3
        pairs, lower_pairs = self._table.get((2, ""), {}), self._table.get((2, "lower"), {})
        triples, lower_triples = self._table.get((3, ""), {}), self._table.get((3, "lower"), {})
        for position in range(count - 1):
            first, second = known[position], known[position + 1]
            written, lower, title = f"{syllables[position]} {syllables[position + 1]}", f"{first[0]} {second[0]}", first[1] and second[1]
            p, q, r = pairs.get(written, nothing2), lower_pairs.get(lower, nothing2), flags[2, title, lower in in_dictionary]
            scores[position + 4] += p[0] + q[0] + r[0]
            scores[position + 3] += p[1] + q[1] + r[1]
            scores[position + 2] += p[2] + q[2] + r[2]
            scores[position + 1] += p[3] + q[3] + r[3]
            if position + 2 < count:
                third = known[position + 2]
                written, lower = f"{written} {syllables[position + 2]}", f"{lower} {third[0]}"
                p, q = triples.get(written, nothing3), lower_triples.get(lower, nothing3)
                r = flags[3, title and third[1], lower in in_dictionary]
                scores[position + 4] += p[0] + q[0] + r[0]
                scores[position + 3] += p[1] + q[1] + r[1]
                scores[position + 2] += p[2] + q[2] + r[2]
        scores = scores[2 : count + 2]
        for width, places in _PLACES.items():
            for number, place in enumerate(places):
                for position in range(min(count, -place)):
                    scores[position] += self._edges["BOS"][width][number]
                for position in range(max(0, -place, count - place - width + 1), count):
                    scores[position] += self._edges["EOS"][width][number]
        return self._best(scores)

    def _best(self, scores: list[float]) -> list[bool]:
        """Viterbi over two labels; a score speaks for going on, the other label has 0."""
        begin_begin, begin_on, on_begin, on_on = self._transitions
        begin, on = 0.0, scores[0]
        back: list[tuple[bool, bool]] = []
        for score in scores[1:]:
            from_on_to_begin, from_on_to_on = on + on_begin > begin + begin_begin, on + on_on > begin + begin_on
            back.append((from_on_to_begin, from_on_to_on))
            begin, on = (
                on + on_begin if from_on_to_begin else begin + begin_begin,
                (on + on_on if from_on_to_on else begin + begin_on) + score,
            )
        label = on > begin
        labels = [label]
        for step in reversed(back):
            label = step[label]
            labels.append(label)
        return labels[::-1]

    def _syllable(self, syllable: str) -> tuple[str, bool, _Weights]:
        """(small letters, is it a title, weights) of a syllable."""
        found = self._syllables.get(syllable)
        if found is None:
            if len(self._syllables) >= _CACHED_SYLLABLES:
                self._syllables.clear()
            values: dict[str, str] = {}
            for feature in self._featurizer.process([[[syllable]]])[0][0]:
                if feature.startswith("T[0]"):
                    name, _, value = feature.partition("=")
                    values[name[5:]] = value
            found = self._syllables[syllable] = (values["lower"], values["istitle"] == "True", self._sum(1, values))
        return found

    def _sum(self, width: int, values: dict[str, str]) -> _Weights:
        """The weights of the features with these values, by function, added up per place."""
        total = [0.0] * len(_PLACES[width])
        for function, value in values.items():
            for number, weight in enumerate(self._table.get((width, function), {}).get(value, ())):
                total[number] += weight
        return tuple(total)


_PLACES = {1: (-2, -1, 0, 1, 2), 2: (-2, -1, 0, 1), 3: (-2, -1, 0)}
"""Where a feature of one, two or three syllables begins, as seen from the place that it speaks about."""

_ASKED = ("", "lower", "isdigit", "istitle", "is_in_dict")
_FUNCTIONS = ("", "lower", "istitle")
_REINSTALL = "Install the version of underthesea that requirements.lock names (make setup)"


def _istitle(word: str) -> bool:
    return all(syllable[:1].istitle() for syllable in word.split(" "))


_FEATURE = np.dtype([("kind", "<u4"), ("source", "<u4"), ("target", "<u4"), ("weight", "<f8")])


def _weights(path: Path) -> tuple[list[str], dict[int, str], Floats, Floats]:
    """Labels, features by number, weights (feature, label) and transitions (label, next label) of a CRFsuite model.

    Raises ConfigError when the file is none.
    """
    with _reading(path):
        data = path.read_bytes()
        at_features, at_labels, at_attributes = _header(data)
        labels, attributes = _strings(data, at_labels), _strings(data, at_attributes)
        chunk, count = struct.unpack_from("<4s4xI", data, at_features)
        if chunk != b"FEAT":
            raise ValueError(f"features begin with {chunk!r}")
        table = np.frombuffer(data, _FEATURE, count, at_features + 12)
        states, edges = table[table["kind"] == 0], table[table["kind"] != 0]
        weights, transitions = np.zeros((max(attributes) + 1, len(labels))), np.zeros((len(labels), len(labels)))
        weights[states["source"], states["target"]] = states["weight"]
        transitions[edges["source"], edges["target"]] = edges["weight"]
        return [labels[number] for number in range(len(labels))], attributes, weights, transitions


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (struct.error, ValueError, LookupError) as error:
        raise ConfigError(f"{path} is not a CRFsuite model: {error}", _REINSTALL) from error


def _header(data: bytes) -> tuple[int, int, int]:
    """Where features, labels and attributes begin (github.com/chokkan/crfsuite, `lib/crf/src/crf1d_model.c`)."""
    magic, features, labels, attributes = struct.unpack_from("<4s24xIII", data)
    if magic != b"lCRF":
        raise ValueError(f"begins with {magic!r}")
    return features, labels, attributes


def _strings(data: bytes, start: int) -> dict[int, str]:
    """The strings of a constant database by number (`lib/cqdb/src/cqdb.c` there)."""
    magic, count, back = struct.unpack_from("<4s12xII", data, start)
    if magic != b"CQDB":
        raise ValueError(f"a table begins with {magic!r}")
    begins = [start + offset + 8 if offset else 0 for offset in struct.unpack_from(f"<{count}I", data, start + back)]
    return {number: data[begin : data.index(0, begin)].decode() for number, begin in enumerate(begins) if begin}
