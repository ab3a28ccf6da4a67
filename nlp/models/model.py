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
from nlp.models.ngrams import BOUNDARY, Floats, Keys, Vocabulary, letter_keys, pair_keys, title_keys, word_keys, words, write_arrays
from nlp.models.threads import one_thread
from nlp.models.vectors import WordVectors, shipped_vectors

FORMAT = 3
"""Version of the file's layout."""

OUTPUTS = len(TOPICS) + len(SENTIMENTS) + len(CRITICAL_OF)
"""Columns of raw scores: topics, then sentiments, then who is criticised."""

SHIPPED = "headlines.npz"

KINDS = ("words", "letters", "title", "pairs")
"""The kinds of features of the linear view."""

_ARRAYS = (
    "bias", "mixing", "shift", "alone_mixing", "alone_shift", "body_mixing", "body_shift", "topic_thresholds", "sentiment_weights",
    "critical_of_weights", "sure_sentiment", "sure_critical_of",
)  # fmt: skip


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


class TextKeys(NamedTuple):
    """The features of a text: what both views read.

    Attributes:
        title: words of the headline in a row, as the network reads it.
        kinds: the features of each of `KINDS`; the first ones are those that the network reads of headline with lead.
    """

    title: Keys
    kinds: tuple[Keys, Keys, Keys, Keys]


def text_keys(text: Headline) -> TextKeys:
    """The features of a text."""
    joined, title = text.joined, word_keys(text.title)
    return TextKeys(title, (word_keys(joined) if text.lead else title, letter_keys(joined), title_keys(title), pair_keys(*text)))


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
    makes calibrated probabilities of both. Sentences of a body are read by the network alone, which has a second stage of its own; a third
    one tells how much they change what headline and lead say.

    Attributes:
        features: the known features of each of `KINDS`.
        weights: one row for each feature, kind after kind, one column for each raw score.
        bias: one value for each raw score.
        network: the view by word vectors.
        vectors: the word vectors that the network was trained with.
        mixing: from both views' raw scores to log-odds: 2 * OUTPUTS rows, OUTPUTS columns.
        shift: one value for each of the log-odds.
        alone_mixing: the same from the network's raw scores alone: OUTPUTS rows.
        alone_shift: the same.
        body_mixing: from the log-odds of headline and lead, then the mean ones of the body's sentences, to those of the article.
        body_shift: one value for each of the log-odds.
        topic_thresholds: probability from which a topic is asserted.
        sentiment_weights: by which the probabilities are multiplied before the greatest is taken.
        critical_of_weights: the same.
        sure_sentiment: for each label the probability below which the model abstains.
        sure_critical_of: the same.
        about: what it was trained on and how it did, for `diembao models`.
    """

    features: tuple[Vocabulary, ...]
    weights: Floats
    bias: Floats
    network: Network
    vectors: WordVectors
    mixing: Floats
    shift: Floats
    alone_mixing: Floats
    alone_shift: Floats
    body_mixing: Floats
    body_shift: Floats
    topic_thresholds: Floats
    sentiment_weights: Floats
    critical_of_weights: Floats
    sure_sentiment: Floats
    sure_critical_of: Floats
    about: Mapping[str, Any]

    def scores(self, texts: Sequence[Headline]) -> Scores:
        """Calibrated probabilities of each text."""
        with one_thread():
            return self.calibrated(self.raw_scores(texts))

    def raw_scores(self, texts: Sequence[Headline]) -> Floats:
        """One row of 2 * OUTPUTS raw scores for each text: the linear view's, then the network's."""
        keys = [text_keys(text) for text in texts]
        linear = np.tile(self.bias, (len(texts), 1))
        offset = 0
        for kind, vocabulary in enumerate(self.features):
            rows, places, values = vocabulary.vectors([each.kinds[kind] for each in keys])
            table = sparse.csr_array((values, (rows, places + offset)), shape=(len(texts), len(self.weights)))
            linear += table @ self.weights
            offset += len(vocabulary.keys)
        return np.concatenate([linear, self.network.raw_scores(pooled_views(self.vectors, keys))], axis=1)

    def calibrated(self, raw: Floats) -> Scores:
        """Probabilities from rows of raw scores."""
        return probabilities(raw @ self.mixing + self.shift)

    def read(self, text: Headline, sentences: Sequence[str], of_body: Sequence[bool]) -> tuple[Scores, Scores]:
        """What an article says: (probabilities of the article, one row; those of each sentence by itself).

        Args:
            text: headline and lead.
            sentences: of the article.
            of_body: for each whether it stands in the body; without any such, headline and lead speak alone.
        """
        with one_thread():
            odds = self.raw_scores([text]) @ self.mixing + self.shift
            pooled = self.vectors.pooled([word_keys(words(sentence)) for sentence in sentences])
            of_sentences = self.network.raw_scores(np.concatenate([pooled, pooled], axis=1)) @ self.alone_mixing + self.alone_shift
        if any(of_body):
            of_bodies = of_sentences[np.asarray(of_body, np.bool_)].mean(axis=0, keepdims=True)
            odds = np.concatenate([odds, of_bodies], axis=1) @ self.body_mixing + self.body_shift
        return probabilities(odds), probabilities(of_sentences)

    def save(self, path: Path) -> None:
        """Write the model, one byte for each weight; the same model gives the same bytes."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, vocabulary in zip(KINDS, self.features, strict=True):
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


def pooled_views(vectors: WordVectors, texts: Sequence[TextKeys]) -> Floats:
    """What the network reads: pooled vectors of the headlines, then of headlines with leads."""
    return np.concatenate([vectors.pooled([text.title for text in texts]), vectors.pooled([text.kinds[0] for text in texts])], axis=1)


def probabilities(odds: Floats) -> Scores:
    """Probabilities from rows of OUTPUTS log-odds."""
    first, second = len(TOPICS), len(TOPICS) + len(SENTIMENTS)
    return Scores(np.asarray(1 / (1 + np.exp(-odds[:, :first])), np.float32), softmax(odds[:, first:second]), softmax(odds[:, second:]))


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
                features=tuple(Vocabulary(arrays[f"{kind}_keys"], arrays[f"{kind}_rarity"].astype(np.float32)) for kind in KINDS),
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
