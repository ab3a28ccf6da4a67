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
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from diembao.errors import InputError
from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS
from nlp.models.ngrams import BOUNDARY, Floats, Keys, Vocabulary, letter_keys, word_keys, words, write_arrays
from nlp.models.threads import one_thread
from nlp.models.vectors import WordVectors, shipped_vectors

FORMAT = 2
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


class Headline(NamedTuple):
    """The words of a headline and of its lead (see `nlp.models.ngrams.words`)."""

    title: Sequence[str]
    lead: Sequence[str]

    @property
    def joined(self) -> list[str]:
        """All words, with a boundary between headline and lead where there is a lead."""
        return [*self.title, BOUNDARY, *self.lead] if self.lead else list(self.title)


def headline(title: str, lead: str = "") -> Headline:
    """A text as the model reads it."""
    return Headline(words(title), words(lead))


@dataclass(frozen=True)
class Network:
    """A network with one hidden layer of rectified units, on pooled word vectors of the headline and of headline with lead.

    Attributes:
        hidden: weights from the pooled vectors to the hidden units.
        hidden_bias: one value for each hidden unit.
        output: weights from the hidden units to the OUTPUTS raw scores.
        output_bias: one value for each raw score.
    """

    hidden: Floats
    hidden_bias: Floats
    output: Floats
    output_bias: Floats

    def raw_scores(self, pooled: Floats) -> Floats:
        """One row of raw scores for each row of pooled vectors."""
        units = np.maximum(pooled @ self.hidden + self.hidden_bias, 0)
        return np.asarray(units @ self.output + self.output_bias, np.float32)


@dataclass(frozen=True, eq=False)  # two are equal when they are one: their arrays are not compared
class HeadlineModel:
    """Topics, sentiment and who is criticised, from headline and lead.

    Two views give raw scores: a linear one of word and letter sequences, and a network on word vectors. A second linear stage
    makes calibrated probabilities of both.

    Attributes:
        word_features: the known sequences of words.
        letter_features: the known sequences of letters.
        weights: one row for each feature (words, then letters), one column for each raw score.
        bias: one value for each raw score.
        network: the view by word vectors.
        vectors: the word vectors that the network was trained with.
        mixing: from both views' raw scores to log-odds: 2 * OUTPUTS rows, OUTPUTS columns.
        shift: one value for each of the log-odds.
        topic_thresholds: probability from which a topic is asserted.
        sentiment_weights: by which the probabilities are multiplied before the greatest is taken.
        critical_of_weights: the same.
        about: what it was trained on and how it did, for `diembao models`.
    """

    word_features: Vocabulary
    letter_features: Vocabulary
    weights: Floats
    bias: Floats
    network: Network
    vectors: WordVectors
    mixing: Floats
    shift: Floats
    topic_thresholds: Floats
    sentiment_weights: Floats
    critical_of_weights: Floats
    about: Mapping[str, Any]

    def scores(self, texts: Sequence[Headline]) -> Scores:
        """Calibrated probabilities of each text."""
        with one_thread():
            return self.calibrated(self.raw_scores(texts))

    def raw_scores(self, texts: Sequence[Headline]) -> Floats:
        """One row of 2 * OUTPUTS raw scores for each text: the linear view's, then the network's."""
        joined = [text.joined for text in texts]
        title_rows = [word_keys(text.title) for text in texts]
        word_rows = [word_keys(words) if text.lead else keys for text, words, keys in zip(texts, joined, title_rows, strict=True)]
        linear = np.tile(self.bias, (len(texts), 1))
        offset = 0
        for vocabulary, keys in ((self.word_features, word_rows), (self.letter_features, [letter_keys(text) for text in joined])):
            rows, places, values = vocabulary.vectors(keys)
            table = sparse.csr_array((values, (rows, places + offset)), shape=(len(texts), len(self.weights)))
            linear += table @ self.weights
            offset += len(vocabulary.keys)
        pooled = pooled_views(self.vectors, title_rows, word_rows)
        return np.concatenate([linear, self.network.raw_scores(pooled)], axis=1)

    def calibrated(self, raw: Floats) -> Scores:
        """Probabilities from rows of raw scores."""
        odds = raw @ self.mixing + self.shift
        first, second = len(TOPICS), len(TOPICS) + len(SENTIMENTS)
        return Scores(1 / (1 + np.exp(-odds[:, :first])), softmax(odds[:, first:second]), softmax(odds[:, second:]))

    def save(self, path: Path) -> None:
        """Write the model, one byte for each weight; the same model gives the same bytes."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, vocabulary in (("words", self.word_features), ("letters", self.letter_features)):
            arrays[f"{name}_keys"] = vocabulary.keys
            arrays[f"{name}_rarity"] = vocabulary.rarity.astype(np.float16)
        for name, table in (("weights", self.weights), ("hidden", self.network.hidden), ("output", self.network.output)):
            step = np.maximum(np.abs(table).max(axis=0), 1e-9) / 127
            arrays[name] = np.rint(table / step).astype(np.int8)
            arrays[f"{name}_step"] = step.astype(np.float32)
        arrays["hidden_bias"], arrays["output_bias"] = self.network.hidden_bias, self.network.output_bias
        for name in _ARRAYS:
            arrays[name] = getattr(self, name).astype(np.float32)
        about = {"format": FORMAT, "vectors": self.vectors.fingerprint, **self.about}
        arrays["about"] = np.frombuffer(json.dumps(about, ensure_ascii=False, sort_keys=True).encode(), np.uint8)
        write_arrays(path, arrays)


def pooled_views(vectors: WordVectors, titles: Sequence[Keys], joined: Sequence[Keys]) -> Floats:
    """What the network reads: pooled vectors of the headlines, then of headlines with leads; both given as word keys."""
    return np.concatenate([vectors.pooled(titles), vectors.pooled(joined)], axis=1)


def load(path: Path) -> HeadlineModel:
    """Read a model that `HeadlineModel.save` wrote.

    Raises:
        InputError: when the file is no such model, or was trained with other word vectors than the shipped ones.
    """
    hint = "Write it anew with `diembao models train`"
    vectors = shipped_vectors()
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(bytes(arrays["about"]))
            if about.pop("format", None) != FORMAT or about.pop("vectors", None) != vectors.fingerprint:
                raise InputError(f"{path.name} belongs to another version of this program", hint)
            return HeadlineModel(
                word_features=Vocabulary(arrays["words_keys"], arrays["words_rarity"].astype(np.float32)),
                letter_features=Vocabulary(arrays["letters_keys"], arrays["letters_rarity"].astype(np.float32)),
                weights=arrays["weights"].astype(np.float32) * arrays["weights_step"],
                network=Network(
                    hidden=arrays["hidden"].astype(np.float32) * arrays["hidden_step"],
                    hidden_bias=arrays["hidden_bias"],
                    output=arrays["output"].astype(np.float32) * arrays["output_step"],
                    output_bias=arrays["output_bias"],
                ),
                vectors=vectors,
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


def softmax(odds: Floats) -> Floats:
    """Rows of log-odds as probabilities that add up to 1."""
    powers = np.exp(odds - odds.max(axis=-1, keepdims=True))
    result: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return result
