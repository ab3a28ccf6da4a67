"""A fitted model: how it is kept in a file, and from headline and lead to calibrated scores.

Only numpy is needed to use it, and the file holds plain arrays: nothing in it can run.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from diembao.errors import InputError
from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS
from nlp.models.ngrams import BOUNDARY, Keys, letter_keys, word_keys, words

Floats = NDArray[np.float32]

FORMAT = 1
"""Version of the file's layout."""

OUTPUTS = len(TOPICS) + len(SENTIMENTS) + len(CRITICAL_OF)
"""Columns of raw scores: topics, then sentiments, then who is criticised."""

SHIPPED = "headlines.npz"

_ARRAYS = ("bias", "mixing", "shift", "topic_thresholds", "sentiment_weights", "critical_of_weights")


@dataclass(frozen=True)
class Scores:
    """What the model says of some texts: one row for each.

    Attributes:
        topics: probability of each of `TOPICS`; they do not add up to 1, a text may have several.
        sentiment: probability of each of `SENTIMENTS`; adds up to 1.
        critical_of: probability of each of `CRITICAL_OF`; adds up to 1.
    """

    topics: Floats
    sentiment: Floats
    critical_of: Floats


@dataclass(frozen=True)
class Vocabulary:
    """The features of one kind that the model knows.

    Attributes:
        keys: their hashes, ascending.
        rarity: weight of each: the logarithm of how few training headlines have it.
    """

    keys: Keys
    rarity: Floats

    def vectors(self, keys: Sequence[Keys]) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """Texts as tf-idf values of length 1: (text, position of the feature, value) of each known feature.

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
        lengths = np.sqrt(np.bincount(row, values * values, minlength=len(keys)))
        return row, place, (values / lengths[row]).astype(np.float32)


@dataclass(frozen=True)
class HeadlineModel:
    """Topics, sentiment and who is criticised, from headline and lead.

    Attributes:
        word_features: the known sequences of words.
        letter_features: the known sequences of letters.
        weights: one row for each feature (words, then letters), one column for each raw score.
        bias: one value for each raw score.
        mixing: from raw scores to calibrated log-odds: OUTPUTS × OUTPUTS.
        shift: one value for each calibrated log-odds.
        topic_thresholds: probability from which a topic is asserted.
        sentiment_weights: by which the probabilities are multiplied before the greatest is taken.
        critical_of_weights: the same.
        about: what it was trained on and how it did, for `diembao models`.
    """

    word_features: Vocabulary
    letter_features: Vocabulary
    weights: Floats
    bias: Floats
    mixing: Floats
    shift: Floats
    topic_thresholds: Floats
    sentiment_weights: Floats
    critical_of_weights: Floats
    about: Mapping[str, Any]

    def raw_scores(self, texts: Sequence[Sequence[str]]) -> Floats:
        """One row of OUTPUTS raw scores for each text, given as words (see `joined`)."""
        total = np.tile(self.bias, (len(texts), 1))
        offset = 0
        for vocabulary, keys_of in ((self.word_features, word_keys), (self.letter_features, letter_keys)):
            rows, places, values = vocabulary.vectors([keys_of(text) for text in texts])
            table = sparse.csr_array((values, (rows, places + offset)), shape=(len(texts), len(self.weights)))
            total += table @ self.weights
            offset += len(vocabulary.keys)
        return total

    def scores(self, texts: Sequence[Sequence[str]]) -> Scores:
        """Calibrated probabilities of each text, given as words (see `joined`)."""
        return self.calibrated(self.raw_scores(texts))

    def calibrated(self, raw: Floats) -> Scores:
        """Probabilities from rows of raw scores."""
        odds = raw @ self.mixing + self.shift
        first, second = len(TOPICS), len(TOPICS) + len(SENTIMENTS)
        return Scores(1 / (1 + np.exp(-odds[:, :first])), _softmax(odds[:, first:second]), _softmax(odds[:, second:]))

    def save(self, path: Path) -> None:
        """Write the model; the same model gives the same bytes."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, vocabulary in (("words", self.word_features), ("letters", self.letter_features)):
            arrays[f"{name}_keys"] = vocabulary.keys
            arrays[f"{name}_rarity"] = vocabulary.rarity.astype(np.float16)
        step = np.maximum(np.abs(self.weights).max(axis=0), 1e-9) / 127
        arrays["weights"] = np.rint(self.weights / step).astype(np.int8)
        arrays["weight_step"] = step.astype(np.float32)
        for name in _ARRAYS:
            arrays[name] = getattr(self, name).astype(np.float32)
        about = {"format": FORMAT, **self.about}
        arrays["about"] = np.frombuffer(json.dumps(about, ensure_ascii=False, sort_keys=True).encode(), np.uint8)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for name, array in arrays.items():
                with packed.open(zipfile.ZipInfo(f"{name}.npy", (2020, 1, 1, 0, 0, 0)), "w") as stream:
                    np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def joined(title: str, lead: str) -> list[str]:
    """The words of headline and lead with a boundary between them."""
    return [*words(title), BOUNDARY, *words(lead)]


def load(path: Path) -> HeadlineModel:
    """Read a model that `HeadlineModel.save` wrote.

    Raises:
        InputError: when the file is no such model.
    """
    hint = "Write it anew with `diembao models train`"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(bytes(arrays["about"]))
            if about.pop("format", None) != FORMAT:
                raise InputError(f"{path.name} has another layout than this program reads", hint)
            return HeadlineModel(
                word_features=Vocabulary(arrays["words_keys"], arrays["words_rarity"].astype(np.float32)),
                letter_features=Vocabulary(arrays["letters_keys"], arrays["letters_rarity"].astype(np.float32)),
                weights=arrays["weights"].astype(np.float32) * arrays["weight_step"],
                **{name: arrays[name] for name in _ARRAYS},
                about=about,
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path}: not a model of headlines ({error})", hint) from error


@cache
def shipped() -> HeadlineModel:
    """The model that the project ships, loaded once."""
    return load(shipped_path())


def shipped_path() -> Path:
    """Where the shipped model stands."""
    return Path(str(files("nlp.models") / SHIPPED))


def _softmax(odds: Floats) -> Floats:
    powers = np.exp(odds - odds.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result
