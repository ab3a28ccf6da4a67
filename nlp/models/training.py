"""Fitting a model to labelled headlines.

1. Words and letters in a row become tf-idf features (`nlp.models.ngrams`); the most telling ones are kept.
2. One logistic regression for each raw score; beside it a network on word vectors.
3. What the raw scores are worth is learnt from headlines of outlets that the fit had not seen: a second, small logistic
   regression turns them into calibrated probabilities, and thresholds are chosen on them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from diembao.errors import InputError
from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS, LabelledHeadline
from nlp.models.measures import Decided, best_threshold, label_columns, macro_f1, measure, side_by_side, targets
from nlp.models.model import OUTPUTS, HeadlineModel, Network, Scores, headline, pooled_views
from nlp.models.network import fit_network
from nlp.models.ngrams import Floats, Keys, Vocabulary, lengths_of, letter_keys, word_keys
from nlp.models.splits import outlet_folds
from nlp.models.threads import one_thread
from nlp.models.vectors import shipped_vectors

log = logging.getLogger(__name__)

_THREADS = 2
"""Regressions fitted at a time."""

FEWEST = 100
"""Labelled headlines below which nothing is fitted: thresholds chosen on fewer would be chance."""


@dataclass(frozen=True)
class Recipe:
    """How to fit.

    Attributes:
        features: how many features are kept.
        fewest_headlines: a feature in fewer training headlines is dropped.
        cost: inverse strength of the regularisation of the first stage.
        folds: into how many groups of outlets the training headlines are split for the second stage.
        units: hidden units of each network.
        rounds: how often a network sees all headlines.
        networks: how many networks are averaged.
    """

    features: int = 120_000
    fewest_headlines: int = 3
    cost: float = 4.0
    folds: int = 3
    units: int = 640
    rounds: int = 30
    networks: int = 1


@dataclass(frozen=True)
class _Counts:
    """How often each feature of one kind stands in each headline."""

    keys: Keys
    table: sparse.csr_array

    def vocabulary(self, rows: NDArray[np.intp], fewest: int) -> tuple[Vocabulary, NDArray[np.intp]]:
        spread = np.bincount(self.table[rows].indices, minlength=len(self.keys))
        columns = np.flatnonzero(spread >= fewest)
        rarity = 1 + np.log((1 + len(rows)) / (1 + spread[columns]))
        return Vocabulary(self.keys[columns], rarity.astype(np.float32)), columns


def train(
    headlines: Sequence[LabelledHeadline],
    recipe: Recipe | None = None,
    about: dict[str, Any] | None = None,
    progress: Callable[[str], None] = log.info,
) -> HeadlineModel:
    """A model fitted to `headlines`. The same headlines in the same order give the same model.

    Args:
        headlines: at least `FEWEST`, with every sentiment and every value of critical_of among them.
        recipe: how.
        about: kept in the model.
        progress: gets a line whenever something is done.

    Raises:
        InputError: when there are too few headlines, or a label is missing.
    """
    recipe = recipe or Recipe()
    _check(headlines)
    texts = [headline(item.title, item.lead) for item in headlines]
    joined = [text.joined for text in texts]
    word_rows = [word_keys(text) for text in joined]
    vectors = shipped_vectors()
    views = _Views(
        counts=(_counted(word_rows), _counted([letter_keys(text) for text in joined])),
        pooled=pooled_views(vectors, [word_keys(text.title) for text in texts], word_rows),
    )
    truth = targets(headlines)
    everything = np.arange(len(headlines))
    raw = np.zeros((len(headlines), 2 * OUTPUTS), np.float32)
    fold_of = outlet_folds(headlines, recipe.folds)
    for fold in range(recipe.folds):
        seen, unseen = everything[fold_of != fold], everything[fold_of == fold]
        if not len(unseen) or not len(seen):
            continue
        progress(f"part {fold + 1} of {recipe.folds}")
        raw[unseen] = _fit(views, truth, seen, recipe).raw(unseen)
    progress("all headlines")
    fitted = _fit(views, truth, everything, recipe)
    with one_thread():
        mixing, shift = _mix(raw, truth)
    kept: NDArray[np.bool_] = np.abs(fitted.weights).max(axis=1) > 0
    many_words = len(fitted.vocabularies[0].keys)
    model = HeadlineModel(
        word_features=fitted.vocabularies[0].only(kept[:many_words]),
        letter_features=fitted.vocabularies[1].only(kept[many_words:]),
        weights=fitted.weights[kept],
        bias=fitted.bias,
        network=fitted.network,
        vectors=vectors,
        mixing=mixing,
        shift=shift,
        topic_thresholds=np.full(len(TOPICS), 0.5, np.float32),
        sentiment_weights=np.ones(len(SENTIMENTS), np.float32),
        critical_of_weights=np.ones(len(CRITICAL_OF), np.float32),
        about={"headlines": len(headlines), **(about or {})},
    )
    scores = model.calibrated(raw)
    sentiment, critical_of = label_columns()
    threshold = best_threshold(scores.topics, truth[:, : len(TOPICS)])
    model = replace(
        model,
        topic_thresholds=np.full(len(TOPICS), threshold, np.float32),
        sentiment_weights=_label_weights(scores.sentiment, truth[:, sentiment].argmax(axis=1)),
        critical_of_weights=_label_weights(scores.critical_of, truth[:, critical_of].argmax(axis=1)),
    )
    figures = {name: round(value, 4) for name, value in measure(truth, decide_by(model, scores)).items()}
    return replace(model, about={**model.about, "figures": figures})


def decide_by(model: HeadlineModel, scores: Scores) -> Decided:
    """What `model` decides when it gives `scores`."""
    return Decided(
        scores=side_by_side(scores),
        topics=scores.topics >= model.topic_thresholds,
        sentiment=(scores.sentiment * model.sentiment_weights).argmax(axis=1),
        critical_of=(scores.critical_of * model.critical_of_weights).argmax(axis=1),
    )


def _check(headlines: Sequence[LabelledHeadline]) -> None:
    if len(headlines) < FEWEST:
        raise InputError(f"{len(headlines)} labelled headlines are too few to train", f"Give at least {FEWEST}, better some thousands")
    for names, given in ((SENTIMENTS, {item.sentiment for item in headlines}), (CRITICAL_OF, {item.critical_of for item in headlines})):
        if missing := [name for name in names if name not in given]:
            raise InputError(f"no headline is labelled {', '.join(missing)}", "Give examples of every label")


def _counted(keys: Sequence[Keys]) -> _Counts:
    known, columns = np.unique(np.concatenate(keys), return_inverse=True)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in keys])]).astype(np.int32)
    table = sparse.csr_array((np.ones(len(columns), np.float32), columns.astype(np.int32), starts), shape=(len(keys), len(known)))
    table.sum_duplicates()
    return _Counts(known.astype(np.uint32), table)


@dataclass(frozen=True)
class _Views:
    counts: tuple[_Counts, _Counts]
    pooled: Floats


@dataclass(frozen=True)
class _Fitted:
    vocabularies: Sequence[Vocabulary]
    features: sparse.csr_array
    pooled: Floats
    weights: Floats
    bias: Floats
    network: Network

    def raw(self, rows: NDArray[np.intp]) -> Floats:
        linear = np.asarray(self.features[rows] @ self.weights + self.bias, np.float32)
        return np.concatenate([linear, self.network.raw_scores(self.pooled[rows])], axis=1)


def _fit(views: _Views, truth: Floats, rows: NDArray[np.intp], recipe: Recipe) -> _Fitted:
    vocabularies, columns = zip(*(kind.vocabulary(rows, recipe.fewest_headlines) for kind in views.counts), strict=True)
    features = sparse.hstack([_weighted(*given) for given in zip(views.counts, columns, vocabularies, strict=True)], format="csr")
    features.indices, features.indptr = features.indices.astype(np.int32), features.indptr.astype(np.int32)
    with one_thread(), ThreadPoolExecutor(_THREADS) as threads:
        network = threads.submit(fit_network, views.pooled[rows], truth[rows], recipe.units, recipe.rounds, recipe.networks)
        weights, bias = _regressions(features[rows], truth[rows], recipe, threads)
        _forget_weak(weights, recipe.features)
        return _Fitted(vocabularies, features, views.pooled, weights, bias, network.result())


def _regressions(features: sparse.csr_array, truth: Floats, recipe: Recipe, threads: ThreadPoolExecutor) -> tuple[Floats, Floats]:
    """Weights and bias of one logistic regression for each raw score, fitted side by side."""

    def fit(output: int) -> tuple[Floats | float, float]:
        wanted = truth[:, output] > 0
        if not wanted.any():
            return 0.0, -5.0
        regression = LogisticRegression(C=recipe.cost, solver="liblinear", random_state=0, tol=1e-2)
        regression.fit(features, wanted)
        return regression.coef_[0], float(regression.intercept_[0])

    weights = np.zeros((features.shape[1], OUTPUTS), np.float32)
    bias = np.zeros(OUTPUTS, np.float32)
    for output, (found, shift) in enumerate(threads.map(fit, range(OUTPUTS))):
        weights[:, output], bias[output] = found, shift
    return weights, bias


def _forget_weak(weights: Floats, most: int) -> None:
    """Keep the features with the greatest weights, and set all others' to zero: the file must stay small."""
    size = np.sqrt((weights**2).sum(axis=1))
    if len(size) > most:
        weights[np.argpartition(-size, most)[most:]] = 0


def _weighted(kind: _Counts, columns: NDArray[np.intp], vocabulary: Vocabulary) -> sparse.csr_array:
    table = kind.table[:, columns.astype(np.int32)]
    table.data = (1 + np.log(table.data)) * vocabulary.rarity[table.indices]
    table.data /= np.repeat(lengths_of(kind.table.sum(axis=1)), np.diff(table.indptr))
    return table


def _mix(raw: Floats, truth: Floats) -> tuple[Floats, Floats]:
    """Weights and shift of the second stage: a logistic regression of each target on its own raw scores.

    On all of them it learns chance: 0.01 less topics micro-F1, 0.06 less authority average precision with the shipped labels.
    """
    mixing = np.zeros((raw.shape[1], OUTPUTS), np.float32)
    shift = np.zeros(OUTPUTS, np.float32)
    scale = np.maximum(raw.std(axis=0), 1e-6)
    inputs = raw / scale
    for topic in range(len(TOPICS)):
        wanted = truth[:, topic] > 0
        if not wanted.any():
            shift[topic] = -9.0
            continue
        own = np.array([topic, OUTPUTS + topic])
        fit = LogisticRegression(C=1.0, max_iter=2000, tol=1e-3).fit(inputs[:, own], wanted)
        mixing[own, topic], shift[topic] = fit.coef_[0] / scale[own], fit.intercept_[0]
    for columns in label_columns():
        own = np.concatenate([np.arange(columns.start, columns.stop), OUTPUTS + np.arange(columns.start, columns.stop)])
        fit = LogisticRegression(C=1.0, max_iter=2000, tol=1e-3).fit(inputs[:, own], truth[:, columns].argmax(axis=1))
        mixing[own[:, np.newaxis], np.arange(columns.start, columns.stop)], shift[columns] = (fit.coef_ / scale[own]).T, fit.intercept_
    return mixing, shift


def _label_weights(scores: Floats, truth: NDArray[np.intp]) -> Floats:
    """By what the probabilities are multiplied so that deciding for the greatest gives the best macro-F1."""
    best, result = -1.0, np.ones(3, np.float32)
    for first in np.arange(0.7, 1.61, 0.1):
        for third in np.arange(0.7, 1.61, 0.1):
            weights = np.array([first, 1.0, third], np.float32)
            quality = macro_f1(truth, (scores * weights).argmax(axis=1), 3)
            if quality > best + 1e-9:
                best, result = quality, weights
    return result
