"""B-cubed precision, recall and F1 of `diembao stories` on labelled headlines and leads, beside baselines.

Usage: python -m benchmarks.stories [--file LABELS.jsonl] [--texts ARTICLES.jsonl.gz] [--titles] [--tune] [--test]

`--texts` has the articles of a file that holds labels only (`baomoi-2017-06.jsonl`); items whose label is null are given to
the systems and not scored. `--titles` keeps the leads back. Thresholds (ours and the baselines') are chosen on the development
part, the baselines' of a file that has none on that of DANeS; `--tune` shows the grid. The test part is measured only with `--test`.
The interval is a bootstrap over stories. "Stories only" leaves out the items that are alone by their label: there a system that joins
nothing has no easy points. B-cubed: Bagga and Baldwin, 1998.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nlp.stories
from diembao.article import Article
from nlp.stories import Telling, group_stories, story_keys

FILE = Path(__file__).parent.parent / "tests" / "data" / "stories" / "danes-2021-10.jsonl"
RESAMPLED = 1000


class Scores(NamedTuple):
    """B-cubed."""

    precision: float
    recall: float
    f1: float

    def __str__(self) -> str:
        return f"P {self.precision:.3f} R {self.recall:.3f} F1 {self.f1:.3f}"


class Set(NamedTuple):
    """Labelled articles, in the order of the file, and the story of each that is scored."""

    articles: list[Article]
    gold: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--titles", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--test", action="store_true")
    arguments = parser.parse_args()
    texts = read_texts(arguments.texts) if arguments.texts else {}
    own = read(arguments.file, "development", texts, arguments.titles)
    development = own if own.articles else read(FILE, "development", {}, arguments.titles)
    if arguments.tune:
        tune(development)
    systems: dict[str, Callable[[Sequence[Article]], dict[str, str]]] = {
        "every item alone": lambda articles: {article.id: article.id for article in articles},
        "title words, Jaccard": tuned(development, jaccard),
        "plain TF-IDF cosine": tuned(development, tf_idf),
        "ours": lambda articles: dict(group_stories(articles)),
    }
    parts = [
        *([("development", own)] if own.articles else []),
        *([("test", read(arguments.file, "test", texts, arguments.titles))] if arguments.test else []),
    ]
    for name, part in parts:
        sizes = Counter(part.gold.values())
        many = sum(size > 1 for size in sizes.values())
        print(f"{name}: {len(part.gold)} items, {many} stories of two or more, reach of the keys {reach(part):.3f}")
        for system, group in systems.items():
            found = group(part.articles)
            low, high = interval(part.gold, found)
            inside = {key: story for key, story in part.gold.items() if sizes[story] > 1}
            print(f"  {system:<22}{b_cubed(part.gold, found)} [{low:.3f}, {high:.3f}]; stories only {b_cubed(inside, found)}")


def read_texts(path: Path) -> dict[str, dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return {item["id"]: item for item in map(json.loads, lines)}


def read(path: Path, part: str, texts: dict[str, dict[str, str]], titles: bool = False) -> Set:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [texts.get(row["id"], {}) | row for row in rows if row["part"] == part]
    articles = [
        Article(id=row["id"], title=row["title"], lead="" if titles else row["lead"], published_at=row.get("published_at")) for row in rows
    ]
    return Set(articles, {row["id"]: row["story"] for row in rows if row["story"]})


def _shares(gold: dict[str, str], found: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Precision and recall of each item."""
    true, made, both = Counter(gold.values()), Counter(found[key] for key in gold), Counter((gold[key], found[key]) for key in gold)
    return {key: (both[story, found[key]] / made[found[key]], both[story, found[key]] / true[story]) for key, story in gold.items()}


def _mean(shares: Sequence[tuple[float, float]]) -> Scores:
    precision, recall = (sum(values) / len(shares) for values in zip(*shares, strict=True))
    return Scores(precision, recall, 2 * precision * recall / (precision + recall))


def b_cubed(gold: dict[str, str], found: dict[str, str], only: Collection[str] | None = None) -> Scores:
    """Mean over the items of `gold`, or over those of `only`."""
    return _mean([shares for key, shares in _shares(gold, found).items() if only is None or key in only])


def interval(gold: dict[str, str], found: dict[str, str]) -> tuple[float, float]:
    """95 % interval of F1 when the labelled stories are drawn anew."""
    shares = _shares(gold, found)
    stories: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for key, story in gold.items():
        stories[story].append(shares[key])
    drawn, chance = list(stories.values()), random.Random(1)
    values = sorted(_mean([share for story in chance.choices(drawn, k=len(drawn)) for share in story]).f1 for _ in range(RESAMPLED))
    return values[int(0.025 * RESAMPLED)], values[int(0.975 * RESAMPLED)]


def reach(part: Set) -> float:
    """Share of the pairs on one event that have a story key in common, so that the index can find one by the other."""
    keys = {article.id: set(story_keys(Telling.of(article).vector)) for article in part.articles}
    stories: dict[str, list[str]] = defaultdict(list)
    for key, story in part.gold.items():
        stories[story].append(key)
    pairs = [(a, b) for members in stories.values() for number, a in enumerate(members) for b in members[:number]]
    return sum(bool(keys[a] & keys[b]) for a, b in pairs) / len(pairs)


def tune(part: Set) -> None:
    """F1 on the development part for the constants of `nlp.stories`."""
    for name, values in (("NEAR", (0.6, 0.7, 0.75, 0.8, 0.9)), ("NEAR_ALL", (0.0, 0.15, 0.3, 0.45)), ("MERGE", (0.28, 0.31, 0.34, 0.37))):
        kept = getattr(nlp.stories, name)
        for value in values:
            setattr(nlp.stories, name, value)
            print(f"{name} {value}: {b_cubed(part.gold, dict(group_stories(part.articles)))}")
        setattr(nlp.stories, name, kept)


Likeness = Callable[[Sequence[Article]], list[list[float]]]


def tuned(part: Set, alike: Likeness) -> Callable[[Sequence[Article]], dict[str, str]]:
    """Single link from a threshold, the best on the development part."""

    def group(articles: Sequence[Article], table: list[list[float]], threshold: float) -> dict[str, str]:
        groups = list(range(len(articles)))
        for number in range(len(articles)):
            joined = {groups[before] for before in range(number) if table[number][before] >= threshold} | {number}
            if len(joined) > 1:
                groups = [min(joined) if group in joined else group for group in groups]
        return {article.id: articles[group].id for article, group in zip(articles, groups, strict=True)}

    table = alike(part.articles)
    best = max((step / 50 for step in range(5, 45)), key=lambda threshold: b_cubed(part.gold, group(part.articles, table, threshold)).f1)
    return lambda articles: group(articles, alike(articles), best)


def jaccard(articles: Sequence[Article]) -> list[list[float]]:
    titles = [set(re.findall(r"\w+", article.title.lower())) for article in articles]
    return [[len(a & b) / max(1, len(a | b)) for b in titles[:number]] for number, a in enumerate(titles)]


def tf_idf(articles: Sequence[Article]) -> list[list[float]]:
    """Single syllables and pairs, frequencies of the set itself."""
    texts = []
    for article in articles:
        words = re.findall(r"\w+", f"{article.title} {article.lead}".lower())
        texts.append(Counter([*words, *(f"{a} {b}" for a, b in pairwise(words))]))
    spread = Counter(term for text in texts for term in text)
    vectors = []
    for text in texts:
        vector = {term: (1 + math.log(count)) * math.log(len(texts) / spread[term]) for term, count in text.items()}
        length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        vectors.append({term: value / length for term, value in vector.items()})
    return [[nlp.stories.cosine(a, b) for b in vectors[:number]] for number, a in enumerate(vectors)]


if __name__ == "__main__":
    main()
