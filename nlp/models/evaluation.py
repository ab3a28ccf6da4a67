"""How good the models are on outlets and years that they have not seen, beside plain baselines.

Everything that is learnt (words, weights, calibration, thresholds) is learnt from the training side of each split.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from nlp.models.labels import TOPICS, LabelledHeadline
from nlp.models.measures import Decided, label_columns, measure, targets
from nlp.models.model import OUTPUTS, headline
from nlp.models.splits import outlet_folds
from nlp.models.training import Recipe, decide_by, train

log = logging.getLogger(__name__)

RESAMPLES = 300
"""Bootstrap samples behind a confidence interval."""

FEWEST_OF_A_YEAR = 200
"""A year with fewer headlines is not left out: its figures would be noise."""

Fitted = Callable[[Sequence[LabelledHeadline]], Decided]
Method = Callable[[Sequence[LabelledHeadline]], Fitted]


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % confidence interval (bootstrap over headlines).

    Attributes:
        value: the figure on all headlines.
        low: 2.5th percentile over resamples.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ours(recipe: Recipe) -> Method:
    """The models of this project."""

    def fit(headlines: Sequence[LabelledHeadline]) -> Fitted:
        model = train(headlines, recipe)

        def decide(unseen: Sequence[LabelledHeadline]) -> Decided:
            return decide_by(model, model.scores([headline(item.title, item.lead) for item in unseen]))

        return decide

    return fit


def majority(headlines: Sequence[LabelledHeadline]) -> Fitted:
    """Baseline: every headline gets the most frequent label and topic, with the shares as probabilities."""
    shares = targets(headlines).mean(axis=0)
    topics = np.arange(len(TOPICS)) == shares[: len(TOPICS)].argmax()
    sentiment, critical_of = (int(shares[columns].argmax()) for columns in label_columns())

    def decide(unseen: Sequence[LabelledHeadline]) -> Decided:
        many = len(unseen)
        return Decided(np.tile(shares, (many, 1)), np.tile(topics, (many, 1)), np.full(many, sentiment), np.full(many, critical_of))

    return decide


def plain(headlines: Sequence[LabelledHeadline]) -> Fitted:
    """Baseline: TF-IDF of words 1-3 and letters 2-5 of title and lead, balanced logistic regression."""
    vectors = make_union(
        TfidfVectorizer(ngram_range=(1, 3), min_df=2, sublinear_tf=True, dtype=np.float32),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, dtype=np.float32),
    )
    features = vectors.fit_transform([f"{item.title} {item.lead}" for item in headlines])
    truth = targets(headlines)
    fits = [
        LogisticRegression(C=2, class_weight="balanced", solver="liblinear", tol=1e-2).fit(features, truth[:, output])
        if 0 < truth[:, output].sum() < len(truth)
        else None
        for output in range(OUTPUTS)
    ]

    def decide(unseen: Sequence[LabelledHeadline]) -> Decided:
        table = vectors.transform([f"{item.title} {item.lead}" for item in unseen])
        scores = np.array([np.zeros(len(unseen)) if fit is None else fit.predict_proba(table)[:, 1] for fit in fits], np.float32).T
        labels = []
        for columns in label_columns():
            scores[:, columns] /= scores[:, columns].sum(axis=1, keepdims=True)
            labels.append(scores[:, columns].argmax(axis=1))
        return Decided(scores, scores[:, : len(TOPICS)] >= 0.5, labels[0], labels[1])

    return decide


METHODS: dict[str, Method] = {"majority": majority, "plain TF-IDF": plain}
"""The baselines by name."""


def by_outlet(headlines: Sequence[LabelledHeadline], method: Method, folds: int = 4) -> Decided:
    """What `method` decides for each headline, fitted without the headline's outlet."""
    fold_of = outlet_folds(headlines, folds)
    return _gathered(headlines, method, [np.flatnonzero(fold_of == fold) for fold in range(folds)])


def by_year(headlines: Sequence[LabelledHeadline], method: Method) -> Iterator[tuple[int, list[LabelledHeadline], Decided]]:
    """(year, its headlines, what `method` decides for them fitted on the other years) of each year with enough headlines."""
    years = np.array([item.year for item in headlines])
    for year in sorted(set(years.tolist())):
        left_out = [item for item in headlines if item.year == year]
        rest = [item for item in headlines if item.year != year]
        if len(left_out) >= FEWEST_OF_A_YEAR and len(rest) >= FEWEST_OF_A_YEAR:
            log.info("without %d", year)
            yield year, left_out, method(rest)(left_out)


def figures(headlines: Sequence[LabelledHeadline], decided: Decided, resamples: int = RESAMPLES) -> dict[str, Figure]:
    """The figures of `decided` against the labels of `headlines`, by name, with confidence intervals."""
    truth = targets(headlines)
    chance = np.random.default_rng(0)
    rows = np.arange(len(headlines))
    values = measure(truth, decided)
    samples = []
    for _ in range(resamples):
        some = chance.choice(rows, len(rows))
        samples.append(measure(truth[some], decided.of(some)))
    found = {}
    for name, value in values.items():
        low, high = np.nanpercentile([sample[name] for sample in samples], [2.5, 97.5]) if samples else (value, value)
        found[name] = Figure(value, float(low), float(high))
    return found


def topic_table(headlines: Sequence[LabelledHeadline], decided: Decided) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of headlines of each topic."""
    truth = targets(headlines)[:, : len(TOPICS)] > 0
    table = []
    for place, code in enumerate(TOPICS):
        said, wanted = decided.topics[:, place], truth[:, place]
        both = int((said & wanted).sum())
        precision, recall = both / max(1, int(said.sum())), both / max(1, int(wanted.sum()))
        table.append({
            "topic": code,
            "headlines": int(wanted.sum()),
            "precision": round(precision, 3),
            "recall": round(recall, 3),
            "f1": round(2 * both / max(1, int(said.sum()) + int(wanted.sum())), 3),
        })  # fmt: skip
    return table


def abstention(headlines: Sequence[LabelledHeadline], decided: Decided, thresholds: Sequence[float]) -> list[dict[str, float]]:
    """Sentiment: share of headlines decided, and accuracy on them, when the model abstains below each threshold."""
    sentiment, _ = label_columns()
    truth = targets(headlines)[:, sentiment].argmax(axis=1)
    score = decided.scores[np.arange(len(headlines)), len(TOPICS) + decided.sentiment]
    rows = []
    for threshold in thresholds:
        sure = score >= threshold
        accuracy = float((truth == decided.sentiment)[sure].mean()) if sure.any() else float("nan")
        rows.append({"threshold": threshold, "coverage": round(float(sure.mean()), 3), "accuracy": round(accuracy, 3)})
    return rows


def _gathered(headlines: Sequence[LabelledHeadline], method: Method, parts: Sequence[NDArray[np.intp]]) -> Decided:
    many = len(headlines)
    gathered = Decided(
        np.zeros((many, OUTPUTS), np.float32), np.zeros((many, len(TOPICS)), np.bool_), np.zeros(many, np.intp), np.zeros(many, np.intp)
    )
    for part in parts:
        if not len(part):
            continue
        log.info("%d headlines of other outlets", len(part))
        unseen = set(part.tolist())
        decided = method([item for place, item in enumerate(headlines) if place not in unseen])([headlines[place] for place in part])
        for field in fields(Decided):
            getattr(gathered, field.name)[part] = getattr(decided, field.name)
    return gathered
