"""How far decisions agree with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS, LabelledHeadline, SecondLabels
from nlp.models.model import OUTPUTS, Scores
from nlp.models.ngrams import Floats


@dataclass(frozen=True)
class Decided:
    """What a method decides for some headlines, one row for each.

    Attributes:
        scores: probabilities, columns as in `targets`.
        topics: which of TOPICS it asserts.
        sentiment: position in SENTIMENTS.
        critical_of: position in CRITICAL_OF.
    """

    scores: Floats
    topics: NDArray[np.bool_]
    sentiment: NDArray[np.intp]
    critical_of: NDArray[np.intp]

    def of(self, rows: NDArray[np.intp]) -> Decided:
        """The decisions for some of the headlines."""
        return Decided(self.scores[rows], self.topics[rows], self.sentiment[rows], self.critical_of[rows])


def side_by_side(scores: Scores) -> Floats:
    """Scores in one table, columns as in `targets`."""
    return np.concatenate([scores.topics, scores.sentiment, scores.critical_of], axis=1)


def label_columns() -> tuple[slice, slice]:
    """The columns of sentiment and of critical_of in `targets`."""
    middle = len(TOPICS) + len(SENTIMENTS)
    return slice(len(TOPICS), middle), slice(middle, OUTPUTS)


def targets(headlines: Sequence[LabelledHeadline], instead: Sequence[SecondLabels] | None = None) -> Floats:
    """One row for each headline, one column for each raw score: 1 where the label is given, else 0.

    Args:
        headlines: the labelled ones.
        instead: other labels of them, in the same order.
    """
    table = np.zeros((len(headlines), OUTPUTS), np.float32)
    given: Sequence[LabelledHeadline | SecondLabels] = headlines if instead is None else instead
    for row, item in zip(table, given, strict=True):
        for topic in item.topics:
            row[TOPICS.index(topic)] = 1
        row[len(TOPICS) + SENTIMENTS.index(item.sentiment)] = 1
        row[len(TOPICS) + len(SENTIMENTS) + CRITICAL_OF.index(item.critical_of)] = 1
    return table


def measure(truth: Floats, decided: Decided, free: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """The figures of decisions against the labels (`targets`), by name.

    Args:
        truth: the labels.
        decided: the decisions.
        free: topics of each headline that may be asserted or not (None: no topic): those on which labellers disagree.
    """
    scores, topics, sentiment, critical_of = decided.scores, decided.topics, decided.sentiment, decided.critical_of
    wanted = truth[:, : len(TOPICS)] > 0
    right = wanted if free is None else wanted | free
    topics = topics if free is None else topics & ~free
    both, said, given = (topics & wanted).sum(axis=0), topics.sum(axis=0), wanted.sum(axis=0)
    f1 = 2 * both / np.maximum(1, said + given)
    sentiment_columns, critical_columns = label_columns()
    true_sentiment, true_critical = truth[:, sentiment_columns].argmax(axis=1), truth[:, critical_columns].argmax(axis=1)
    negative = true_sentiment == SENTIMENTS.index("negative")
    authority = true_critical == CRITICAL_OF.index("authority")
    of_authority = scores[:, critical_columns.start + CRITICAL_OF.index("authority")]
    return {
        "topics micro-F1": float(2 * both.sum() / max(1, said.sum() + given.sum())),
        "topics macro-F1": float(f1[given > 0].mean()),
        "topics coverage at 90 % precision": coverage_at(scores[:, : len(TOPICS)].max(axis=1), _best_topic_right(scores, right), 0.9),
        "sentiment macro-F1": macro_f1(true_sentiment, sentiment, len(SENTIMENTS)),
        "negative precision at recall 0.80": precision_at(scores[:, sentiment_columns.start + SENTIMENTS.index("negative")], negative, 0.8),
        "sentiment ECE": calibration_error(scores[:, sentiment_columns], true_sentiment),
        "critical_of macro-F1": macro_f1(true_critical, critical_of, len(CRITICAL_OF)),
        "authority average precision": float(average_precision_score(authority, of_authority)) if authority.any() else float("nan"),
        "critical_of ECE": calibration_error(scores[:, critical_columns], true_critical),
    }


def _best_topic_right(scores: Floats, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = wanted[np.arange(len(wanted)), scores[:, : len(TOPICS)].argmax(axis=1)]
    return right


def coverage_at(scores: Floats, right: NDArray[np.bool_], precision: float) -> float:
    """The greatest share of items, surest first, of which at least `precision` are right."""
    order = np.argsort(-scores, kind="stable")
    share_right = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share_right >= precision)
    return float((enough[-1] + 1) / len(order)) if len(enough) else 0.0


def precision_at(scores: Floats, wanted: NDArray[np.bool_], recall: float) -> float:
    """Precision at the highest threshold that finds at least the share `recall` of the wanted; nan when none is wanted."""
    if not wanted.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(wanted[order])
    place = int(np.argmax(found >= recall * wanted.sum()))
    return float(found[place] / (place + 1))


def calibration_error(scores: Floats, truth: NDArray[np.intp], bins: int = 10) -> float:
    """Expected calibration error of the most likely label: mean distance between probability and accuracy, over equal bins."""
    best = scores.max(axis=1)
    right = scores.argmax(axis=1) == truth
    place = np.minimum((best * bins).astype(int), bins - 1)
    return float(
        sum(abs(right[place == each].mean() - best[place == each].mean()) * (place == each).mean() for each in set(place.tolist()))
    )


def macro_f1(truth: NDArray[np.intp], said: NDArray[np.intp], labels: int) -> float:
    """Mean over the labels of the harmonic mean of precision and recall; a label that never occurs counts 0."""
    values = []
    for label in range(labels):
        both = int(((truth == label) & (said == label)).sum())
        total = int((truth == label).sum() + (said == label).sum())
        values.append(2 * both / total if total else 0.0)
    return float(np.mean(values))


def best_threshold(scores: Floats, truth: Floats, free: NDArray[np.bool_] | None = None) -> float:
    """The one probability from which asserting topics gives the best micro-F1; asserting those that are `free` costs nothing."""
    candidates = np.arange(0.15, 0.71, 0.01)
    wanted = truth > 0
    results = []
    for threshold in candidates:
        said = scores >= threshold
        if free is not None:
            said &= ~free
        results.append(2 * (said & wanted).sum() / max(1, said.sum() + wanted.sum()))
    return float(candidates[int(np.argmax(results))])


def topic_thresholds(scores: Floats, truth: Floats, pull: float = 0.5) -> Floats:
    """For each topic the probability from which asserting it gives the best F1, drawn to the one that is best for all (micro-F1).

    Args:
        scores: probabilities of headlines.
        truth: their labels.
        pull: how much F1 a distance from the common threshold must bring, divided by the root of the topic's headlines: on few of them
            the best threshold is chance.
    """
    common = best_threshold(scores, truth)
    candidates = np.arange(0.15, 0.71, 0.01)
    found = np.full(len(TOPICS), common, np.float32)
    for topic in range(len(TOPICS)):
        wanted = truth[:, topic] > 0
        if not wanted.any():
            continue
        said = scores[:, topic, np.newaxis] >= candidates
        values = 2 * (said & wanted[:, np.newaxis]).sum(axis=0) / (said.sum(axis=0) + wanted.sum())
        smooth = np.convolve(np.pad(values, 3, mode="edge"), np.ones(7) / 7, "valid")
        found[topic] = candidates[int(np.argmax(smooth - pull * np.abs(candidates - common) / np.sqrt(wanted.sum())))]
    return found


def surely_right(scores: Floats, said: NDArray[np.intp], truth: NDArray[np.intp], target: float, fewest: int = 30) -> Floats:
    """For each label the lowest probability from which at least the share `target` of those that get the label have it.

    Args:
        scores: probabilities of the labels.
        said: the labels given.
        truth: the right ones.
        target: share that must be right.
        fewest: with fewer headlines than these above it, no probability is taken; then 1, which none reaches, is given.
    """
    found = np.ones(scores.shape[1], np.float32)
    for label in range(scores.shape[1]):
        given = np.flatnonzero(said == label)
        order = given[np.argsort(-scores[given, label], kind="stable")]
        share = np.cumsum(truth[order] == label) / np.arange(1, len(order) + 1)
        enough = np.flatnonzero((share >= target) & (np.arange(1, len(order) + 1) >= fewest))
        if len(enough):
            found[label] = scores[order[enough[-1]], label]
    return found


def kappa(one: Sequence[str], other: Sequence[str]) -> float:
    """Cohen's kappa of two labellings of the same items; 1 where both give all items one same label."""
    names = sorted({*one, *other})
    table = np.zeros((len(names), len(names)))
    for first, second in zip(one, other, strict=True):
        table[names.index(first), names.index(second)] += 1
    table /= max(1, len(one))
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return (float(np.trace(table)) - chance) / (1 - chance) if chance < 1 else 1.0
