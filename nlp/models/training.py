"""Fitting a model to labelled headlines.

1. Words and letters in a row become tf-idf features (`nlp.models.ngrams`); the most telling ones are kept.
2. One logistic regression for each raw score; beside it a network on word vectors. Where there are unlabelled articles, a first network,
   which also reads bodies, tells what it thinks of them, and a second one, which does not, learns from that too.
3. What the raw scores are worth is learnt from headlines of outlets that the fit had not seen: a second, small logistic
   regression turns them into calibrated probabilities, and thresholds are chosen on them.
4. How much the body's sentences say beyond headline and lead is learnt from labelled headlines whose body is known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import fmin
from sklearn.linear_model import LogisticRegression

from diembao.errors import InputError
from nlp.models.labels import CRITICAL_OF, SELECTED, SENTIMENTS, TOPICS, LabelledHeadline, UnlabelledArticle, own_headlines
from nlp.models.measures import Decided, label_columns, macro_f1, measure, side_by_side, surely_right, targets, topic_thresholds
from nlp.models.model import KINDS, OUTPUTS, HeadlineModel, Network, Scores, headline, pooled_views, probabilities, text_keys
from nlp.models.network import fit_network, network_probabilities
from nlp.models.ngrams import Floats, Keys, Vocabulary, lengths_of, word_keys, words
from nlp.models.reading import FEWEST_SENTENCES, body_sentences, split_sentences
from nlp.models.splits import outlet_folds
from nlp.models.threads import one_thread
from nlp.models.vectors import WordVectors, shipped_vectors

log = logging.getLogger(__name__)

_THREADS = 2
"""Regressions fitted at a time."""

_BEGINNING = 1200
"""Code points of a body that the teaching network reads."""

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
        networks: how many are averaged.
        teacher_rounds: how often the network that also reads bodies sees all headlines.
        taught_rounds: how often the network that also learns from unlabelled articles sees everything.
        own: how often each of the project's own headlines counts: there are some hundred among tens of thousands.
        selected: weight in the second stage of headlines that were chosen for what they say, so that probabilities are those of news.
        sure: share of its decisions that must be right where the model does not abstain.
    """

    features: int = 160_000
    fewest_headlines: int = 4
    cost: float = 4.0
    folds: int = 3
    units: int = 640
    rounds: int = 30
    networks: int = 1
    teacher_rounds: int = 15
    taught_rounds: int = 10
    own: int = 6
    selected: float = 0.3
    sure: float = 0.9


@dataclass(frozen=True)
class Unlabelled:
    """Articles without labels, as the networks read them; kept, because many fits read the same ones."""

    articles: tuple[UnlabelledArticle, ...]

    @cached_property
    def pooled(self) -> Floats:
        """Headline with lead of each article."""
        return pooled_views(shipped_vectors(), [text_keys(headline(article.title, article.lead)) for article in self.articles])

    @cached_property
    def bodies(self) -> Floats:
        """The beginning of the body of each article."""
        return _pooled_bodies([article.body for article in self.articles], shipped_vectors())


@dataclass(frozen=True)
class _Counts:
    """How often each feature of one kind stands in each headline."""

    keys: Keys
    table: sparse.csr_array

    def vocabulary(self, rows: NDArray[np.intp], fewest: int) -> tuple[Vocabulary, NDArray[np.intp]]:
        rows = np.unique(rows)
        spread = np.bincount(self.table[rows].indices, minlength=len(self.keys))
        columns = np.flatnonzero(spread >= fewest)
        rarity = 1 + np.log((1 + len(rows)) / (1 + spread[columns]))
        return Vocabulary(self.keys[columns], rarity.astype(np.float32)), columns


def train(
    headlines: Sequence[LabelledHeadline],
    recipe: Recipe | None = None,
    about: dict[str, Any] | None = None,
    progress: Callable[[str], None] = log.info,
    unlabelled: Unlabelled | None = None,
) -> HeadlineModel:
    """A model fitted to `headlines` and to the project's own ones. The same headlines in the same order give the same model.

    Args:
        headlines: at least `FEWEST`, with every sentiment and every value of critical_of among them.
        recipe: how.
        about: kept in the model.
        progress: gets a line whenever something is done.
        unlabelled: articles that share no headline with the labelled ones, nor with those that the model will be judged by.

    Raises:
        InputError: when there are too few headlines, or a label is missing.
    """
    recipe = recipe or Recipe()
    _check(headlines)
    own = own_headlines()
    texts = [text_keys(headline(item.title, item.lead)) for item in (*headlines, *own)]
    vectors = shipped_vectors()
    views = _Views(
        counts=tuple(_counted([text.kinds[kind] for text in texts]) for kind in range(len(KINDS))),
        pooled=pooled_views(vectors, texts),
        truth=targets([*headlines, *own]),
        unlabelled=unlabelled if unlabelled and unlabelled.articles else None,
        beginnings=_pooled_bodies([item.body for item in (*headlines, *own)], vectors) if unlabelled else None,
        bodies=_bodies(headlines, vectors),
    )
    truth = views.truth[: len(headlines)]
    everything, taught = np.arange(len(headlines)), np.repeat(np.arange(len(headlines), len(texts)), recipe.own)
    raw = np.zeros((len(headlines), 2 * OUTPUTS), np.float32)
    raw_bodies = np.zeros((len(headlines), OUTPUTS), np.float32)
    fold_of = outlet_folds(headlines, recipe.folds)
    for fold in range(recipe.folds):
        seen, unseen = everything[fold_of != fold], everything[fold_of == fold]
        if not len(unseen) or not len(seen):
            continue
        progress(f"part {fold + 1} of {recipe.folds}")
        fitted = _fit(views, np.concatenate([seen, taught]), recipe)
        raw[unseen] = fitted.raw(views, unseen)
        raw_bodies[unseen] = views.bodies.raw(fitted.network, unseen)
    progress("all headlines")
    fitted = _fit(views, np.concatenate([everything, taught]), recipe)
    natural = np.where([item.origin in SELECTED for item in headlines], recipe.selected, 1.0)
    with one_thread():
        mixing, shift = _mix(raw, truth, natural)
        alone_mixing, alone_shift = _mix(raw[:, OUTPUTS:], truth, natural)
        known = views.bodies.known
        body_odds = raw_bodies[known] @ alone_mixing + alone_shift
        body_mixing, body_shift, of_bodies = _body_mix((raw @ mixing + shift)[known], body_odds, truth[known])
    kept: NDArray[np.bool_] = np.abs(fitted.weights).max(axis=1) > 0
    ends = np.cumsum([len(vocabulary.keys) for vocabulary in fitted.vocabularies])
    scores = probabilities(raw @ mixing + shift)
    sentiment, critical_of = (truth[:, columns].argmax(axis=1) for columns in label_columns())
    sentiment_weights, critical_of_weights = _label_weights(scores.sentiment, sentiment), _label_weights(scores.critical_of, critical_of)
    common = natural == 1
    said = [
        (table * weights).argmax(axis=1)
        for table, weights in ((scores.sentiment, sentiment_weights), (scores.critical_of, critical_of_weights))
    ]
    model = HeadlineModel(
        features=tuple(
            vocabulary.only(part) for vocabulary, part in zip(fitted.vocabularies, np.split(kept, ends[:-1]), strict=True)
        ),
        weights=fitted.weights[kept],
        bias=fitted.bias,
        network=fitted.network,
        vectors=vectors,
        mixing=mixing,
        shift=shift,
        alone_mixing=alone_mixing,
        alone_shift=alone_shift,
        body_mixing=body_mixing,
        body_shift=body_shift,
        topic_thresholds=topic_thresholds(scores.topics, truth[:, : len(TOPICS)]),
        sentiment_weights=sentiment_weights,
        critical_of_weights=critical_of_weights,
        sure_sentiment=surely_right(scores.sentiment[common], said[0][common], sentiment[common], recipe.sure),
        sure_critical_of=surely_right(scores.critical_of[common], said[1][common], critical_of[common], recipe.sure),
        about={"headlines": len(headlines), "own": len(own), "unlabelled": len(unlabelled.articles) if unlabelled else 0, **(about or {})},
    )  # fmt: skip
    figures = {name: round(value, 4) for name, value in measure(truth, decide_by(model, scores)).items()}
    return replace(model, about={**model.about, "figures": figures | of_bodies})


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
class _Bodies:
    """The sentences of the bodies that are known.

    Attributes:
        known: positions of the headlines whose body is known.
        starts: where the sentences of each of them begin in `pooled`, and the end.
        pooled: what the network reads of each sentence.
    """

    known: NDArray[np.intp]
    starts: NDArray[np.intp]
    pooled: Floats

    def raw(self, network: Network, rows: NDArray[np.intp]) -> Floats:
        """Mean raw scores of the sentences of the bodies of `rows`; 0 where there is none."""
        found = np.zeros((len(rows), OUTPUTS), np.float32)
        place_of = {int(known): place for place, known in enumerate(self.known)}
        for row, given in zip(found, rows, strict=True):
            place = place_of.get(int(given))
            if place is not None:
                sentences = self.pooled[self.starts[place] : self.starts[place + 1]]
                row += network.raw_scores(np.concatenate([sentences, sentences], axis=1)).mean(axis=0)
        return found


def _bodies(headlines: Sequence[LabelledHeadline], vectors: WordVectors) -> _Bodies:
    known, lengths, keys = [], [], []
    for place, item in enumerate(headlines):
        read = body_sentences(item.title, item.lead, split_sentences(item.body)) if item.body else []
        if len(read) >= FEWEST_SENTENCES:
            known.append(place)
            lengths.append(len(read))
            keys += [word_keys(words(sentence)) for sentence in read]
    pooled = [vectors.pooled(keys[begin : begin + 4096]) for begin in range(0, len(keys), 4096)]
    together = np.concatenate(pooled) if pooled else np.zeros((0, vectors.width), np.float32)
    return _Bodies(np.array(known, np.intp), np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp), together)


@dataclass(frozen=True)
class _Views:
    counts: tuple[_Counts, ...]
    pooled: Floats
    truth: Floats
    unlabelled: Unlabelled | None
    beginnings: Floats | None
    bodies: _Bodies


@dataclass(frozen=True)
class _Fitted:
    vocabularies: Sequence[Vocabulary]
    features: sparse.csr_array
    weights: Floats
    bias: Floats
    network: Network

    def raw(self, views: _Views, rows: NDArray[np.intp]) -> Floats:
        linear = np.asarray(self.features[rows] @ self.weights + self.bias, np.float32)
        return np.concatenate([linear, self.network.raw_scores(views.pooled[rows])], axis=1)


def _fit(views: _Views, rows: NDArray[np.intp], recipe: Recipe) -> _Fitted:
    vocabularies, columns = zip(*(kind.vocabulary(rows, recipe.fewest_headlines) for kind in views.counts), strict=True)
    features = sparse.hstack([_weighted(*given) for given in zip(views.counts, columns, vocabularies, strict=True)], format="csr")
    features.indices, features.indptr = features.indices.astype(np.int32), features.indptr.astype(np.int32)
    with one_thread(), ThreadPoolExecutor(_THREADS) as threads:
        network = threads.submit(_network, views, rows, recipe)
        weights, bias = _regressions(features[rows], views.truth[rows], recipe, threads)
        _forget_weak(weights, recipe.features)
        return _Fitted(vocabularies, features, weights, bias, network.result())


def _network(views: _Views, rows: NDArray[np.intp], recipe: Recipe) -> Network:
    pooled, truth = views.pooled[rows], views.truth[rows]
    if views.unlabelled is None or views.beginnings is None:
        return fit_network(pooled, truth, recipe.units, recipe.rounds, recipe.networks)
    read = np.concatenate([pooled, views.beginnings[rows]], axis=1)
    known = views.beginnings[rows].any(axis=1)
    unread = np.concatenate([pooled[known], np.zeros_like(views.beginnings[rows][known])], axis=1)
    teacher = fit_network(
        np.concatenate([read, unread]), np.concatenate([truth, truth[known]]), recipe.units, recipe.teacher_rounds, recipe.networks
    )
    both = views.unlabelled.pooled
    thought = network_probabilities(teacher.raw_scores(np.concatenate([both, views.unlabelled.bodies], axis=1)))
    title = both[:, : both.shape[1] // 2]
    return fit_network(
        np.concatenate([pooled, pooled, both, np.concatenate([title, title], axis=1)]),
        np.concatenate([truth, truth, thought, thought]),
        recipe.units,
        recipe.taught_rounds,
        recipe.networks,
    )


def _pooled_bodies(bodies: Sequence[str], vectors: WordVectors) -> Floats:
    """The beginnings of bodies, as word vectors; zeros where there is none."""
    parts = [bodies[begin : begin + 2048] for begin in range(0, len(bodies), 2048)]
    return np.concatenate([vectors.pooled([word_keys(words(body[:_BEGINNING])) for body in part]) for part in parts])


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


def _mix(raw: Floats, truth: Floats, weight: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Weights and shift of the second stage: a logistic regression of each target on its own raw scores of each view.

    On all of them it learns chance: 0.01 less topics micro-F1, 0.06 less authority average precision with the shipped labels.
    """
    views = np.arange(0, raw.shape[1], OUTPUTS)
    mixing = np.zeros((raw.shape[1], OUTPUTS), np.float32)
    shift = np.zeros(OUTPUTS, np.float32)
    scale = np.maximum(raw.std(axis=0), 1e-6)
    inputs = raw / scale
    for topic in range(len(TOPICS)):
        wanted = truth[:, topic] > 0
        if not wanted.any():
            shift[topic] = -9.0
            continue
        own = views + topic
        fit = LogisticRegression(C=1.0, max_iter=2000, tol=1e-3).fit(inputs[:, own], wanted, weight)
        mixing[own, topic], shift[topic] = fit.coef_[0] / scale[own], fit.intercept_[0]
    for columns in label_columns():
        own = (views[:, np.newaxis] + np.arange(columns.start, columns.stop)).ravel()
        fit = LogisticRegression(C=1.0, max_iter=2000, tol=1e-3).fit(inputs[:, own], truth[:, columns].argmax(axis=1), weight)
        mixing[own[:, np.newaxis], np.arange(columns.start, columns.stop)], shift[columns] = (fit.coef_ / scale[own]).T, fit.intercept_
    return mixing, shift


def _body_mix(odds: Floats, body_odds: Floats, truth: Floats) -> tuple[Floats, Floats, dict[str, float]]:
    """How headline and body make the article's log-odds: (mixing, shift, figures).

    For topics, sentiment and criticism alike: what both say beyond what is usual, each times a number. Labels are of headline and lead, so
    the numbers are what a body tells of these. The figures are those of each half with the numbers of the other one. Where these are not
    better, and with too few bodies, headline and lead speak alone.
    """
    parts = [slice(0, len(TOPICS)), *label_columns()]
    mixing, shift = np.concatenate([np.eye(OUTPUTS), np.zeros((OUTPUTS, OUTPUTS))]).astype(np.float32), np.zeros(OUTPUTS, np.float32)
    if len(odds) < FEWEST:
        return mixing, shift, {}
    usual, usual_body = odds.mean(axis=0), body_odds.mean(axis=0)

    def mixed(rows: slice, part: slice, numbers: Sequence[float] | NDArray[np.float64]) -> Floats:
        own, of_body = (odds - usual)[rows, part], (body_odds - usual_body)[rows, part]
        return np.asarray(usual[part] + numbers[0] * own + numbers[1] * of_body, np.float32)

    def loss(numbers: Sequence[float] | NDArray[np.float64], rows: slice, part: slice) -> float:
        given, wanted = mixed(rows, part, numbers), truth[rows, part]
        if part.start == 0:
            return float(np.mean(np.logaddexp(0, given) - wanted * given))
        return float(np.mean(np.log(np.exp(given).sum(axis=1)) - (wanted * given).sum(axis=1)))

    def best(rows: slice, part: slice) -> list[float]:
        found = fmin(loss, np.array([1.0, 0.1]), (rows, part), maxiter=80, disp=False)
        return [float(number) for number in found]

    figures: dict[str, float] = {}
    halves = (slice(0, None, 2), slice(1, None, 2))
    for name, part in zip(("topics", "sentiment", "critical_of"), parts, strict=True):
        without = loss([1.0, 0.0], slice(None), part)
        with_body = float(np.mean([loss(best(halves[1 - half], part), halves[half], part) for half in (0, 1)]))
        figures |= {f"{name} log-loss without body": round(without, 4), f"{name} log-loss with body": round(with_body, 4)}
        if with_body < without:
            own, of_body = best(slice(None), part)
            columns = np.arange(part.start, part.stop)
            mixing[columns, columns], mixing[OUTPUTS + columns, columns] = own, of_body
            shift[part] = usual[part] * (1 - own) - usual_body[part] * of_body
    return mixing, shift, figures


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
