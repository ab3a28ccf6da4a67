"""How good the models are on outlets and years that they have not seen, beside plain baselines.

Everything that is learnt (words, weights, calibration, thresholds) is learnt from the training side of each split: within `train` the
second stage and the thresholds are fitted to headlines that the first stage had not seen, all of them of that side.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp.models.baselines import BASELINES, Fitted, Method
from nlp.models.labels import ADDITIONAL_ORIGIN, CRITICAL_OF, OWN_ORIGIN, SENTIMENTS, TOPICS, LabelledHeadline, SecondLabels
from nlp.models.measures import Decided, kappa, label_columns, measure, targets
from nlp.models.model import OUTPUTS, headline
from nlp.models.splits import outlet_folds, outlet_groups
from nlp.models.training import Recipe, Unlabelled, decide_by, train

log = logging.getLogger(__name__)

OURS = "diembao"
"""The name of this project's models among the methods."""

RESAMPLES = 300
"""Bootstrap samples behind a confidence interval."""

FEWEST_LEFT_OUT = 200
"""A period with fewer headlines is not left out: its figures would be noise."""

PERIODS = ((2017, 2017), (2021, 2021), (2024, 2026))
"""First and last year of the periods that are left out, where the labels hold them."""

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % confidence interval.

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


@dataclass(frozen=True)
class Split:
    """What is fitted to, and what is judged.

    Attributes:
        name: how the split is called in the results.
        seen: positions of the headlines that may be learnt from.
        unseen: positions of those that are judged.
    """

    name: str
    seen: Rows
    unseen: Rows


def outlet_splits(headlines: Sequence[LabelledHeadline], folds: int) -> list[Split]:
    """One split for each fold; no outlet (for an aggregator: no story) stands on both sides."""
    fold_of, may = outlet_folds(headlines, folds), judged(headlines)
    return [Split(f"outlets {fold + 1}", np.flatnonzero(fold_of != fold), np.flatnonzero((fold_of == fold) & may)) for fold in range(folds)]


def period_splits(headlines: Sequence[LabelledHeadline], periods: Iterable[tuple[int, int]] = PERIODS) -> list[Split]:
    """One split for each period, judged by what the other years teach; without periods that are too small, or all there is."""
    years = np.array([item.year for item in headlines])
    splits = []
    for first, last in periods:
        inside = (years >= first) & (years <= last)
        if inside.sum() >= FEWEST_LEFT_OUT and (~inside).sum() >= FEWEST_LEFT_OUT:
            name = str(first) if first == last else f"{first}-{last}"
            splits.append(Split(name, np.flatnonzero(~inside), np.flatnonzero(inside & judged(headlines))))
    return splits


def judged(headlines: Sequence[LabelledHeadline]) -> NDArray[np.bool_]:
    """Which headlines may be judged by: not those that were labelled because a model was unsure of them."""
    return np.array([item.origin not in (ADDITIONAL_ORIGIN, OWN_ORIGIN) for item in headlines])


def smaller(headlines: Sequence[LabelledHeadline], splits: Iterable[Split], share: float) -> list[Split]:
    """The splits with only a share of the groups of outlets to learn from, always the same ones first: for the learning curve."""
    groups = outlet_groups(headlines)
    rank = np.random.default_rng(0).permutation(int(groups.max()) + 1)
    return [Split(f"{split.name}, {share:g}", split.seen[rank[groups[split.seen]] < share * len(rank)], split.unseen) for split in splits]


def ours(recipe: Recipe, unlabelled: Unlabelled | None = None) -> Method:
    """The models of this project."""

    def fit(headlines: Sequence[LabelledHeadline]) -> Fitted:
        model = train(headlines, recipe, unlabelled=unlabelled)

        def decide(unseen: Sequence[LabelledHeadline]) -> Decided:
            return decide_by(model, model.scores([headline(item.title, item.lead) for item in unseen]))

        return decide

    return fit


def decisions(
    headlines: Sequence[LabelledHeadline],
    wanted: Sequence[tuple[str, Split]],
    recipe: Recipe | None = None,
    unlabelled: Unlabelled | None = None,
    processes: int = 1,
    progress: Callable[[str], None] = log.info,
) -> list[Decided]:
    """What methods decide for the unseen headlines of splits, in the order asked for.

    Args:
        headlines: all labelled ones.
        wanted: names of methods (of `BASELINES`, or `OURS`) and what they are to be fitted to.
        recipe: how ours are fitted.
        unlabelled: articles that ours may learn from too.
        processes: how many work side by side.
        progress: gets a line whenever one is done.
    """
    tasks = [(name, recipe or Recipe(), split) for name, split in wanted]
    results: list[Decided] = []

    def gather(found: Iterable[Decided]) -> list[Decided]:
        for decided, (name, _, split) in zip(found, tasks, strict=True):
            results.append(decided)
            progress(f"{len(results)} of {len(tasks)}: {name}, {split.name}: {len(split.seen)} seen, {len(split.unseen)} judged")
        return results

    if processes <= 1:
        return gather(_decide(headlines, unlabelled, task) for task in tasks)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start, (list(headlines), unlabelled)) as pool:
        return gather(pool.map(_decide_task, tasks))


def together(splits: Sequence[Split], decided: Sequence[Decided]) -> tuple[Rows, Decided]:
    """The judged headlines of several splits in the order of their positions, and the decisions for them."""
    rows = np.concatenate([split.unseen for split in splits])
    order = np.argsort(rows, kind="stable")
    joined = {field.name: np.concatenate([getattr(part, field.name) for part in decided])[order] for field in fields(Decided)}
    return rows[order], Decided(**joined)


def figures(headlines: Sequence[LabelledHeadline], decided: Decided, resamples: int = RESAMPLES) -> dict[str, Figure]:
    """The figures of `decided` against the labels of `headlines`, by name; intervals by bootstrap over groups of outlets."""
    truth = targets(headlines)
    return _with_intervals(headlines, lambda rows: measure(truth[rows], decided.of(rows)), resamples)


def agreed_figures(
    headlines: Sequence[LabelledHeadline], decided: Decided, second: Mapping[str, SecondLabels], resamples: int = RESAMPLES
) -> dict[str, Figure]:
    """The figures where two labellings agree: as `figures`, on those of `headlines` that a second pass has labelled too.

    Sentiment and who is criticised count where both passes give the same label. A topic that both gave must be found; one that only one
    gave is free.
    """
    rows = np.array([place for place, item in enumerate(headlines) if item.id in second], np.intp)
    if not len(rows):
        return {}
    some = [headlines[place] for place in rows]
    first, decided = targets(some), decided.of(rows)
    other = targets(some, [second[item.id] for item in some])
    topics = slice(0, len(TOPICS))
    agree = [(first[:, columns] == other[:, columns]).all(axis=1) for columns in label_columns()]

    def of(chosen: Rows) -> dict[str, float]:
        found = measure(first[chosen] * other[chosen], decided.of(chosen), (first != other)[chosen, topics])
        for columns, same in zip(("sentiment", "critical_of"), agree, strict=True):
            kept = chosen[same[chosen]]
            other_figures = measure(first[kept], decided.of(kept))
            found |= {name: other_figures[name] for name in found if _is_about(name, columns)}
        return found

    return _with_intervals(some, of, resamples)


def agreement(headlines: Sequence[LabelledHeadline], second: Mapping[str, SecondLabels]) -> dict[str, float]:
    """How far the second pass agrees with the labels: number of items, kappa of both labels, share with the same first topic."""
    some = [item for item in headlines if item.id in second]
    others = [second[item.id] for item in some]
    same = [item.topics[:1] == other.topics[:1] for item, other in zip(some, others, strict=True)]
    return {
        "items": len(some),
        "sentiment kappa": kappa([item.sentiment for item in some], [other.sentiment for other in others]),
        "critical_of kappa": kappa([item.critical_of for item in some], [other.critical_of for other in others]),
        "same first topic": float(np.mean(same)) if same else float("nan"),
    }


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


def abstention(headlines: Sequence[LabelledHeadline], decided: Decided, coverages: Sequence[float]) -> list[dict[str, float]]:
    """Accuracy of sentiment and of critical_of on the surest part of the headlines, for each share of them."""
    truth, rows = targets(headlines), np.arange(len(headlines))
    right, sure = {}, {}
    for name, columns, said in zip(("sentiment", "critical_of"), label_columns(), (decided.sentiment, decided.critical_of), strict=True):
        right[name] = truth[:, columns].argmax(axis=1) == said
        sure[name] = np.argsort(-decided.scores[rows, columns.start + said], kind="stable")
    table = []
    for coverage in coverages:
        many = max(1, round(coverage * len(headlines)))
        table.append({"coverage": coverage} | {name: round(float(right[name][sure[name][:many]].mean()), 3) for name in right})
    return table


def _with_intervals(headlines: Sequence[LabelledHeadline], of: Callable[[Rows], dict[str, float]], resamples: int) -> dict[str, Figure]:
    chance = np.random.default_rng(0)
    groups = outlet_groups(headlines)
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(groups))[:-1])
    values = of(np.arange(len(headlines)))
    samples = [of(np.concatenate([members[place] for place in chance.integers(0, len(members), len(members))])) for _ in range(resamples)]
    found = {}
    for name, value in values.items():
        low, high = np.nanpercentile([sample[name] for sample in samples], [2.5, 97.5]) if samples else (value, value)
        found[name] = Figure(value, float(low), float(high))
    return found


def _is_about(figure: str, label: str) -> bool:
    own = {"sentiment": (*SENTIMENTS, "sentiment"), "critical_of": (*CRITICAL_OF, "critical_of")}
    return figure.split()[0] in own[label]


def _decide(headlines: Sequence[LabelledHeadline], unlabelled: Unlabelled | None, task: tuple[str, Recipe, Split]) -> Decided:
    name, recipe, split = task
    if not len(split.unseen):
        none = np.zeros(0, np.intp)
        return Decided(np.zeros((0, OUTPUTS), np.float32), np.zeros((0, len(TOPICS)), np.bool_), none, none)
    method = ours(recipe, unlabelled) if name == OURS else BASELINES[name]
    return method([headlines[place] for place in split.seen])([headlines[place] for place in split.unseen])


_given: tuple[list[LabelledHeadline], Unlabelled | None]
"""What a working process learns from and judges, given when it starts."""


def _start(headlines: list[LabelledHeadline], unlabelled: Unlabelled | None) -> None:
    global _given
    _given = headlines, unlabelled


def _decide_task(task: tuple[str, Recipe, Split]) -> Decided:
    return _decide(*_given, task)
