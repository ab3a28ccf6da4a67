"""Makes nlp/data/story-likeness.json: how surely two articles are on one event, given what `nlp.stories.features` compares.

Usage: python -m benchmarks.story_likeness LABELS.jsonl[:ARTICLES.jsonl.gz]… [--folds 5]

Boosted trees that may only become surer with what is shared, fitted to the pairs of the development parts of the label files
(format: tests/data/stories/README.md), each as it is, by titles alone, with every second lead missing, and with bodies where there
are any. Pairs of large stories count less. `--folds` writes nothing: it measures `group_stories` on stories that were kept from the fit.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

import nlp.stories
from benchmarks.stories import Set, b_cubed, read, read_texts
from diembao.article import Article
from nlp.stories import FARTHEST, FEATURES, Forest, Telling, cosine, features, group_stories

TARGET = Path(nlp.stories.__file__).parent / "data" / "story-likeness.json"
TREES, LEAVES, STEP = 150, 6, 0.06
SURER = (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, 0, 0)
"""Whether more of a feature may only make surer (1) or less sure (-1)."""
OTHER = 0.25
"""Weight of a pair on two events; one on the same event has 1 divided by the others of its story."""


class Pairs(NamedTuple):
    """Pairs of one set: features, whether they are on one event, weight, fold of either."""

    features: NDArray[np.float64]
    same: NDArray[np.bool_]
    weight: NDArray[np.float64]
    folds: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--folds", type=int, default=0)
    arguments = parser.parse_args()
    variants: dict[str, Set] = {}
    for name in arguments.files:
        labels, _, articles = name.partition(":")
        texts = read_texts(Path(articles)) if articles else {}
        part = read(Path(labels), "development", texts)
        for kind, make in KINDS.items():
            variants[f"{Path(labels).stem}, {kind}"] = Set([make(article) for article in part.articles], part.gold)
        if texts:
            whole = [article.with_fields(body=texts[article.id]["body"]) for article in part.articles]
            variants[f"{Path(labels).stem}, with bodies"] = Set(whole, part.gold)
    pairs = {name: pairs_of(part, arguments.folds or 1) for name, part in variants.items()}
    if not arguments.folds:
        TARGET.write_text(json.dumps(fitted([*pairs.values()]), separators=(",", ":")) + "\n", encoding="utf-8")
        print(f"{sum(len(part.same) for part in pairs.values())} pairs; {TARGET}")
        return
    found: dict[str, dict[str, dict[str, str]]] = {name: {} for name in variants}
    for fold in range(arguments.folds):
        weights = fitted([Pairs(*(column[(part.folds != fold).all(axis=1)] for column in part)) for part in pairs.values()])
        with_weights(weights)
        for name, part in variants.items():
            found[name][str(fold)] = dict(group_stories(part.articles))
    for name, part in variants.items():
        print(f"{name:<40}{kept_apart(part, found[name], arguments.folds)}")


KINDS: dict[str, Callable[[Article], Article]] = {
    "as it is": lambda article: article,
    "titles alone": lambda article: article.with_fields(lead=""),
    "half the leads": lambda article: article.with_fields(lead=article.lead if _hash(article.id) % 2 else ""),
}


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


def pairs_of(part: Set, folds: int) -> Pairs:
    told = [Telling.of(article) for article in part.articles]
    stories = [part.gold.get(article.id) for article in part.articles]
    sizes = Counter(part.gold.values())
    rows, same, weight, fold = [], [], [], []
    for a, story in enumerate(stories):
        for b, other in enumerate(stories[:a]):
            if story is None or other is None or (story != other and cosine(told[a].vector, told[b].vector) < FARTHEST):
                continue
            rows.append(features(told[a], told[b]))
            same.append(story == other)
            weight.append(1 / (sizes[story] - 1) if story == other else OTHER)
            fold.append((_hash(story) % folds, _hash(other) % folds))
    return Pairs(np.array(rows), np.array(same), np.array(weight), np.array(fold))


def fitted(parts: Sequence[Pairs]) -> dict[str, Any]:
    rows, same, weight = (np.concatenate([part[column] for part in parts]) for column in range(3))
    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=STEP,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=40,
        l2_regularization=5,
        monotonic_cst=SURER,
        early_stopping=False,
    ).fit(rows, same, sample_weight=weight)
    nodes: list[list[float]] = []
    roots: list[int] = []
    for (tree,) in model._predictors:
        begin = len(nodes)
        roots.append(begin)
        for number, node in enumerate(tree.nodes, start=begin):
            if node["is_leaf"]:
                nodes.append([0, 0.0, number, number, round(float(node["value"]), 5)])
            else:
                threshold = round(float(node["num_threshold"]), 5)
                nodes.append([int(node["feature_idx"]), threshold, begin + int(node["left"]), begin + int(node["right"]), 0.0])
    feature, threshold, left, right, value = (list(column) for column in zip(*nodes, strict=True))
    depth = max(int(node["depth"]) for (tree,) in model._predictors for node in tree.nodes)
    constant = round(float(model._baseline_prediction[0, 0]), 5)
    return {
        "features": list(FEATURES), "constant": constant, "depth": depth, "roots": roots,
        "feature": feature, "threshold": threshold, "left": left, "right": right, "value": value,
    }  # fmt: skip


def with_weights(weights: dict[str, Any]) -> None:
    """Let `likeness` use `weights` in this process."""
    forest = Forest.of(weights)
    nlp.stories._forest = lambda: forest  # type: ignore[assignment]


def kept_apart(part: Set, found: dict[str, dict[str, str]], folds: int) -> str:
    """B-cubed of each story by the groups of the fit that did not see it, mean over the folds weighted by their items."""
    totals = np.zeros(4)
    sizes = Counter(part.gold.values())
    for fold in range(folds):
        gold = {key: story for key, story in part.gold.items() if _hash(story) % folds == fold}
        inside = {key: story for key, story in gold.items() if sizes[story] > 1}
        scores, within = b_cubed(part.gold, found[str(fold)], gold), b_cubed(part.gold, found[str(fold)], inside)
        totals += [len(gold) * scores.precision, len(gold) * scores.recall, len(inside) * within.precision, len(inside) * within.recall]
    many = sum(size for size in sizes.values() if size > 1)
    precision, recall, inner, outer = totals / np.array([len(part.gold)] * 2 + [many] * 2)
    f1 = 2 * precision * recall / (precision + recall)
    return f"P {precision:.3f} R {recall:.3f} F1 {f1:.3f}; items in stories P {inner:.3f} R {outer:.3f}"


if __name__ == "__main__":
    main()
