"""Word vectors: what a word is like, learnt from unlabelled articles.

A headline shares few words with any labelled one; through vectors it profits from words that are used alike. Two kinds stand
side by side for each word: by neighbours (positive pointwise mutual information of words within six words of each other, reduced
by a truncated SVD: Levy and Goldberg 2014) and by articles (latent semantic analysis).

`python -m nlp.models.vectors ARTICLES.jsonl.gz [--without LABELS.jsonl.gz]` writes the shipped file anew.
"""

from __future__ import annotations

import argparse
import gzip
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from diembao.errors import InputError
from nlp.models.ngrams import Floats, Keys, Vocabulary, word_keys, words, write_arrays

SHIPPED = "vectors.npz"

_WINDOW = 6
"""Words within this distance are neighbours."""

_READ = 2500
"""Code points of each body that are read."""

_FEWEST = 15
"""A word in fewer places has no vector."""

_FEWEST_PAIRS = 25
"""A pair of words in a row in fewer places has none."""

_TOGETHER = 1.0
"""A pair has one when it is more frequent than chance by this factor (natural logarithm)."""


@dataclass(frozen=True)
class WordVectors:
    """Vectors of single words and of pairs of words.

    Attributes:
        vocabulary: the words and pairs, by the hashes of `word_keys`.
        kinds: for each kind of vector one row for each of them.
    """

    vocabulary: Vocabulary
    kinds: tuple[Floats, ...]

    @property
    def width(self) -> int:
        """Numbers that a text becomes."""
        return sum(kind.shape[1] for kind in self.kinds)

    @cached_property
    def fingerprint(self) -> int:
        """A number by which a model recognises the vectors that it was trained with."""
        return zlib.crc32(b"".join(np.ascontiguousarray(part).tobytes() for part in (self.vocabulary.keys, *self.kinds)))

    def pooled(self, keys: Sequence[Keys]) -> Floats:
        """One row for each text, given as word keys: the weighted mean of its words' vectors, each kind with length 1."""
        rows, places, values = self.vocabulary.vectors(keys)
        table = sparse.csr_array((values, (rows, places)), shape=(len(keys), len(self.vocabulary.keys)))
        return np.concatenate([_unit(np.asarray(table @ kind, np.float32)) for kind in self.kinds], axis=1)

    def save(self, path: Path) -> None:
        """Write the vectors, one byte for each number; the same vectors give the same bytes."""
        arrays: dict[str, NDArray[Any]] = {"keys": self.vocabulary.keys, "rarity": self.vocabulary.rarity.astype(np.float16)}
        for place, kind in enumerate(self.kinds):
            step = np.maximum(np.abs(kind).max(axis=0), 1e-9) / 127
            arrays[f"kind{place}"] = np.rint(kind / step).astype(np.int8)
            arrays[f"step{place}"] = step.astype(np.float32)
        write_arrays(path, arrays)


def load_vectors(path: Path) -> WordVectors:
    """Read vectors that `WordVectors.save` wrote. Raises InputError when the file holds none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            kinds = [arrays[f"kind{place}"].astype(np.float32) * arrays[f"step{place}"] for place in range(2)]
            return WordVectors(Vocabulary(arrays["keys"], arrays["rarity"].astype(np.float32)), tuple(kinds))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no word vectors ({error})", "Fetch the file of the project anew") from error


@cache
def shipped_vectors() -> WordVectors:
    """The vectors that the project ships, loaded once."""
    return load_vectors(Path(str(files("nlp.models") / SHIPPED)))


def train_vectors(texts: Iterable[str], size: int = 20_000, widths: tuple[int, int] = (192, 112)) -> WordVectors:
    """Vectors learnt from unlabelled texts.

    Args:
        texts: articles.
        size: how many words and pairs get a vector: all frequent words, then the most frequent pairs.
        widths: numbers in a vector by neighbours, and by articles.
    """
    read = [words(text) for text in texts]
    known = _vocabulary(read, size)
    document = np.concatenate([np.full(len(text), place) for place, text in enumerate(read)])
    singles = np.concatenate([np.array([known.get((word,), -1) for word in text], np.int64) for text in read])
    pairs = np.concatenate([np.array([*(known.get(pair, -1) for pair in pairwise(text)), -1][: len(text)]) for text in read])
    by_neighbours = _unit(_reduced(_neighbours(document, singles, pairs, len(known)), widths[0]))
    articles, rarity = _articles(document, singles, pairs, len(known))
    by_articles = _reduced(articles.T.tocsr(), widths[1])
    keys = np.array([word_keys(entry)[-1] for entry in known], np.uint32)
    order = np.argsort(keys)
    return WordVectors(Vocabulary(keys[order], rarity[order]), (by_neighbours[order], by_articles[order]))


def _vocabulary(read: Sequence[Sequence[str]], size: int) -> dict[tuple[str, ...], int]:
    counts: Counter[str] = Counter()
    pair_counts: Counter[tuple[str, str]] = Counter()
    for text in read:
        counts.update(text)
        pair_counts.update(pairwise(text))
    total = sum(counts.values())
    entries: list[tuple[str, ...]] = [(word,) for word, count in counts.most_common() if count >= _FEWEST]
    for (first, second), count in pair_counts.most_common():
        if count < _FEWEST_PAIRS or len(entries) >= size:
            break
        if first[0].isalpha() and second[0].isalpha() and np.log(count * total / (counts[first] * counts[second])) > _TOGETHER:
            entries.append((first, second))
    return {entry: place for place, entry in enumerate(entries[:size])}


def _neighbours(document: NDArray[Any], singles: NDArray[Any], pairs: NDArray[Any], size: int) -> sparse.csr_array:
    """Positive pointwise mutual information of entries within `_WINDOW` words, the context distribution smoothed by 0.75."""
    total = sparse.csr_array((size, size), dtype=np.float32)
    for distance in range(1, _WINDOW + 1):
        together = document[:-distance] == document[distance:]
        for left in (singles, pairs):
            for right in (singles, pairs):
                near = together & (left[:-distance] >= 0) & (right[distance:] >= 0)
                rows, columns = left[:-distance][near], right[distance:][near]
                found = sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(size, size))
                total = total + found + found.T.tocsr()
    sums: Floats = np.asarray(total.sum(axis=1)).ravel() + 1
    contexts = sums**0.75
    table = total.tocoo()
    information = np.log(table.data * contexts.sum() / (sums[table.row] * contexts[table.col]))
    positive = information > 0
    return sparse.csr_array((information[positive].astype(np.float32), (table.row[positive], table.col[positive])), shape=(size, size))


def _articles(document: NDArray[Any], singles: NDArray[Any], pairs: NDArray[Any], size: int) -> tuple[sparse.csr_array, Floats]:
    rows = np.concatenate([document[singles >= 0], document[pairs >= 0]])
    columns = np.concatenate([singles[singles >= 0], pairs[pairs >= 0]])
    many = int(document[-1]) + 1
    table = sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(many, size))
    table.sum_duplicates()
    rarity = (1 + np.log(many / (1 + np.bincount(table.indices, minlength=size)))).astype(np.float32)
    table.data = (1 + np.log(table.data)) * rarity[table.indices]
    lengths = np.sqrt(np.asarray(table.power(2).sum(axis=1)).ravel())
    table.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(table.indptr)).astype(np.float32)
    return table, rarity


def _reduced(table: sparse.csr_array, width: int) -> Floats:
    from sklearn.utils.extmath import randomized_svd

    left, strengths, _ = randomized_svd(table, width, n_iter=3, random_state=0)
    return np.asarray(left * np.sqrt(strengths), np.float32)


def _unit(rows: Floats) -> Floats:
    result: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return result


def _records(path: str) -> Iterable[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def main() -> None:
    """Write the shipped vectors anew."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("articles", help="JSON lines with title, lead and body, .gz")
    parser.add_argument("--without", help="labelled headlines, .gz: articles with one of their titles or addresses are left out")
    given = parser.parse_args()
    titles, ids = set(), set()
    for record in _records(given.without) if given.without else ():
        titles.add(" ".join(words(record["title"])))
        ids.add(str(record.get("url", "")).rpartition(":")[2])
    texts = [
        f"{record['title']} . {record['lead']} . {record['body'][:_READ]}"
        for record in _records(given.articles)
        if str(record["id"]) not in ids and " ".join(words(record["title"])) not in titles
    ]
    train_vectors(texts).save(Path(str(files("nlp.models") / SHIPPED)))


if __name__ == "__main__":
    main()
