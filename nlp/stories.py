"""Stories: which articles are on one concrete event, without being copies.

An article is a vector of its telling terms: single syllables and, at a lower weight, pairs of neighbours of title and lead, by how
rare they are (TF-IDF). How surely two articles are on one event is told by boosted trees from what their vectors, titles, leads, names
and figures have in common, and far less when both titles name a day and not the same one, or parts of a series: "Bản tin trưa 9/10"
and "Bản tin trưa 10/10" are a series, no event. An article joins the story of its nearest neighbour of the last days when they are
near enough and the story as a whole is not far; otherwise it begins a story of its own, so a story's id is the id of its first article.

Sources: `nlp/data/term-frequencies.npz`, document frequencies of hashed terms in headlines and leads of 2017 to 2026 (figures only, no
text), made by `benchmarks/term_frequencies.py`; `nlp/data/story-likeness.json`, the weights of the model, made by
`benchmarks/story_likeness.py`. The other thresholds were chosen by `benchmarks/stories.py` and on the folds of that.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diembao.article import Article

WINDOW = timedelta(days=3)
"""How long a story is continued after its last article, and how far apart two stories may have begun that turn out to be one: a
running topic has many events."""
UNDATED = 2000
"""Articles that stand for `WINDOW` where there is no date."""
NEAR = 0.7
"""Likeness to the nearest article of a story from which an article belongs to it."""
NEAR_ALL = 0.3
"""Mean likeness to all articles of the story that it needs besides."""
MAYBE = 0.15
"""Likeness to an article of a neighbouring story from which the two stories are compared as a whole."""
PAIR = 0.6
"""Weight of a pair of syllables beside a single one."""
TITLE = 3.0
"""How often a term of the title counts."""
BODY = 0.2
"""How much a term counts each time that it stands in the body of an article that has a lead too."""
BODY_LIMIT = 400
"""Syllables of the body that count."""
OTHER_ISSUE = 0.25
"""What is left of the likeness of two articles whose titles name different days, or different parts of a series."""
FARTHEST = 0.06
"""Cosine below which two articles are on different events, whatever else they share."""
ALMOST_SAME = 0.8
"""Cosine from which the same words are one event, however common they are; the labelled pairs have hardly any of these."""
FEW = 6
"""Different syllables that both need for that: "Giá vàng hôm nay" is any day."""
MERGE = 0.37
"""Cosine of the sums of two stories' vectors from which they are one story."""
KEYS = 24
"""Terms of an article by which the index finds its neighbours."""
SAME_KEY = 500
"""The latest articles that are found by one key."""
CANDIDATES = 100
"""Articles with which one is compared: those that share most of its keys."""
LEAD_LIMIT = 60
"""Syllables of the lead (or, without one, of the body) that count."""

FEATURES = (
    "cosine",
    "cosine of single syllables",
    "cosine of pairs",
    "cosine of the titles",
    "cosine of a title and the other's title and opening, the greater",
    "cosine of the openings",
    "logarithm of the rarity that they share",
    "rarest shared syllable",
    "share of the shorter's syllables",
    "share of the names, by rarity",
    "both have figures and none in common",
    "logarithm of the shorter's size",
    "logarithm of the longer's size",
)
"""What `features` gives."""

_FREQUENCIES = Path(__file__).parent / "data" / "term-frequencies.npz"
_LIKENESS = Path(__file__).parent / "data" / "story-likeness.json"
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:\.[^\W\d_]+)*|\d+(?:[.,]\d+)*|[^\w\s]")
_SENTENCE = frozenset(".!?:\"\u201c\u201d\u2018\u2019'\u2026")
"""After what a capital says nothing."""
_ISSUE = re.compile(r"\b(phần|kỳ|số|tập|bài|vòng|chương|tuần)\s+(\d+)\b", re.IGNORECASE)
"""A part of a series by its number: "Phần 20", "thông cáo số 12", "bão số 3"."""
_SYLLABLES = re.compile(r"\d+(?:[.,]\d+)*|\w+")
_CLAUSE_END = re.compile(r"[^\w\s.,/-]+|[.,/-](?!\w)|(?<!\d)[,/-]|(?<=\d)/")
_CREDIT = re.compile(r"^\s*(?:\([^()]{2,30}\)\s*[-\u2013\u2014:]?|[A-ZĐ][\w.]{1,20}(?: [A-Z]{2,5})?\s+[-\u2013\u2014])\s*")
"""The outlet before the first sentence of a lead: "(Dân trí) - ", "TTO - ", "VTV.vn - "."""
_DATE = re.compile(
    r"\b(?:ngày\s+)?(\d{1,2})\s*[/.-]\s*(\d{1,2})(?:\s*[/.-]\s*\d{4})?\b|\bngày\s+\d{1,2}\b|\btháng\s+\d{1,2}\b|\bnăm\s+(?:19|20)\d\d\b",
    re.IGNORECASE,
)
_ONE_SPELLING = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\b(?:tp\.?\s*|thành phố\s+)(?:hcm|hồ chí minh)\b", "tphcm"),
        (r"\b(?:vắc[\s-]?xin|vắcxin|vacxin|vaccin)\b", "vaccine"),
        (r"\b(?:covid|sars-cov)[\s-]*\d+\b", "covid"),
    )
]
"""What newspapers write in several ways, in lower case."""

Vector = dict[str, float]
"""Weight by term; unit length."""


@lru_cache(maxsize=1)
def _frequencies() -> tuple[NDArray[np.uint16], int]:
    with np.load(_FREQUENCIES) as stored:
        return stored["counts"], int(stored["documents"])


def term_slot(term: str, slots: int) -> int:
    """The slot of `term` in a table of hashed frequencies."""
    return zlib.crc32(term.encode("utf-8", "replace")) % slots


@lru_cache(maxsize=200_000)
def rarity(term: str) -> float:
    """Inverse document frequency of `term`, natural logarithm, at least 0."""
    counts, documents = _frequencies()
    return math.log((documents + 1) / (int(counts[term_slot(term, len(counts))]) + 1))


def terms_of(text: str) -> list[str]:
    """Syllables and pairs of neighbouring syllables of `text`, lower case, in order; pairs do not cross punctuation.

    A figure is one term ("780.000"); dates are left out: they tell the day, not the event.

    >>> terms_of("Ngày 4/10, TP.HCM tiêm")
    ['tphcm', 'tiêm', 'tphcm tiêm']
    """
    lower = _DATE.sub(" ; ", unicodedata.normalize("NFC", text)).lower()
    for pattern, word in _ONE_SPELLING:
        lower = pattern.sub(word, lower)
    terms: list[str] = []
    for clause in _CLAUSE_END.split(lower):
        syllables = _SYLLABLES.findall(clause)
        terms += syllables
        terms += [f"{first} {second}" for first, second in pairwise(syllables)]
    return terms


def opening_of(lead: str, body: str = "") -> str:
    """What counts besides the title: the lead without its outlet's name, the first syllables of the body where there is no lead."""
    return " ".join(_CREDIT.sub("", lead or body).split(maxsplit=LEAD_LIMIT)[:LEAD_LIMIT])


def days_of(title: str) -> frozenset[tuple[int, int]]:
    """The days (day, month) that a title names in figures.

    >>> days_of("Giá vàng hôm nay 23/10/2021, tỷ số 40-50")
    frozenset({(23, 10)})
    """
    found = ((int(match[1]), int(match[2])) for match in _DATE.finditer(title) if match[1])
    return frozenset((day, month) for day, month in found if 0 < day <= 31 and 0 < month <= 12)


def vector_of(title: str, lead: str, body: str = "") -> Vector:
    """The vector of an article: terms of the title count most, those of the body little where there is a lead."""
    weights: dict[str, float] = defaultdict(float)
    for term in terms_of(_CREDIT.sub("", title) or title):
        weights[term] += TITLE
    for term in terms_of(opening_of(lead, body)):
        weights[term] += 1.0
    if lead and body:
        for term in terms_of(" ".join(body.split(maxsplit=BODY_LIMIT)[:BODY_LIMIT])):
            weights[term] += BODY
    return _weighed(weights)


def _weighed(weights: dict[str, float]) -> Vector:
    vector: Vector = {}
    for term, weight in weights.items():
        if (rare := rarity(term)) > 0:
            vector[term] = (1 + math.log(weight) if weight > 1 else weight) * rare * (PAIR if " " in term else 1.0)
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {term: weight / length for term, weight in vector.items()} if length else {}


def cosine(a: Vector, b: Vector) -> float:
    """Cosine of two unit vectors, 0 to 1; the same to the last bit in whatever order the common terms come."""
    return math.fsum(a[term] * b[term] for term in a.keys() & b.keys())


def story_keys(vector: Vector) -> list[str]:
    """The heaviest terms of a vector, heaviest first, ties by the term."""
    return sorted(vector, key=lambda term: (-vector[term], term))[:KEYS]


@dataclass(frozen=True)
class Telling:
    """What an article tells of its event.

    Attributes:
        vector: its terms, those of the body too.
        told: terms of title and opening.
        title: terms of the title.
        opening: terms of the opening.
        single: length of the single syllables among `told`.
        rare: rarity of each single syllable of title and opening.
        names: rarity of each syllable that is written with a capital inside a sentence.
        figures: numbers of title and opening without dates.
        days: days that the title names.
        issues: which part of a series the title says it is: ("phần", "20").
    """

    vector: Vector
    told: Vector
    title: Vector
    opening: Vector
    single: float
    rare: dict[str, float]
    names: dict[str, float]
    figures: frozenset[str]
    days: frozenset[tuple[int, int]]
    issues: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, article: Article) -> Telling:
        """What `article` tells."""
        return _told(article.title, article.lead, article.body)


@lru_cache(maxsize=2048)
def _told(title: str, lead: str, body: str) -> Telling:
    """Kept for a while: linking meets the same candidates again and again. A vector is never changed once it is made."""
    opening = opening_of(lead, body)
    whole = vector_of(title, lead, body)
    told = vector_of(title, opening) if lead and body else whole
    title = unicodedata.normalize("NFC", title)
    undated = _DATE.sub(" ", f"{title} {opening}")
    return Telling(
        vector=whole,
        told=told,
        title=vector_of(title, ""),
        opening=_weighed({term: float(count) for term, count in Counter(terms_of(opening)).items()}),
        single=math.sqrt(sum(weight * weight for term, weight in told.items() if " " not in term)),
        rare={term: rarity(term) for term in told if " " not in term},
        names={name: rare for name in _names(title) | _names(opening) if (rare := rarity(name)) > 0},
        figures=frozenset(_FIGURE.findall(undated)),
        days=days_of(title),
        issues=frozenset((word.lower(), number) for word, number in _ISSUE.findall(title)),
    )


def _names(text: str) -> set[str]:
    """Syllables of `text` with a capital that does not begin a sentence, lower case; none where everything is written in capitals."""
    if text.isupper():
        return set()
    found, begins = set(), True
    for word in _WORD.findall(unicodedata.normalize("NFC", text)):
        if not word[0].isalnum():
            begins = word in _SENTENCE
            continue
        if word[0].isupper() and not begins:
            found.add(word.lower())
        begins = False
    return found


def features(a: Telling, b: Telling) -> list[float]:
    """What tells whether two articles are on one event, in the order of `FEATURES`."""
    single, pairs = _shares(a, b)
    shared = [a.rare[term] for term in a.rare.keys() & b.rare.keys()]
    sizes = sorted((len(a.rare), len(b.rare)))
    named = min(math.fsum(a.names.values()), math.fsum(b.names.values()))
    return [
        cosine(a.vector, b.vector),
        single,
        pairs,
        cosine(a.title, b.title),
        max(cosine(a.title, b.told), cosine(b.title, a.told)),
        cosine(a.opening, b.opening),
        math.log1p(math.fsum(shared)),
        max(shared, default=0.0),
        len(shared) / max(1, sizes[0]),
        math.fsum(a.names[name] for name in a.names.keys() & b.names.keys()) / named if named else 0.0,
        float(bool(a.figures) and bool(b.figures) and not a.figures & b.figures),
        math.log1p(sizes[0]),
        math.log1p(sizes[1]),
    ]


def _shares(a: Telling, b: Telling) -> tuple[float, float]:
    """Cosine of the single syllables, of the pairs."""
    common = a.told.keys() & b.told.keys()
    single = math.fsum(a.told[term] * b.told[term] for term in common if " " not in term)
    pairs = math.fsum(a.told[term] * b.told[term] for term in common if " " in term)
    lengths = a.single * b.single
    rest = math.sqrt(max(0.0, 1 - a.single * a.single) * max(0.0, 1 - b.single * b.single))
    return (single / lengths if lengths else 0.0), (pairs / rest if rest else 0.0)


@dataclass(frozen=True)
class Forest:
    """Boosted trees: at each node, of which a leaf is its own follower, a feature is compared with a threshold.

    Attributes:
        constant: to which the values of the leaves are added.
        depth: steps from the root to the deepest leaf.
        roots: the first node of each tree.
    """

    constant: float
    depth: int
    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Forest:
        """The trees as `benchmarks/story_likeness.py` writes them."""
        if stored["features"] != list(FEATURES):
            raise ValueError("The weights were fitted to other features; run benchmarks/story_likeness.py")
        lists = {name: np.array(stored[name]) for name in ("roots", "feature", "threshold", "left", "right", "value")}
        return cls(stored["constant"], stored["depth"], **lists)

    def sure(self, values: NDArray[np.float64]) -> float:
        """The probability that `values` speak for."""
        node = self.roots
        for _ in range(self.depth):
            node = np.where(values[self.feature[node]] <= self.threshold[node], self.left[node], self.right[node])
        return 1 / (1 + math.exp(-self.constant - float(self.value[node].sum())))


@lru_cache(maxsize=1)
def _forest() -> Forest:
    return Forest.of(json.loads(_LIKENESS.read_text(encoding="utf-8")))


def likeness(a: Telling, b: Telling) -> float:
    """How surely two articles are on one event, 0 to 1."""
    alike = cosine(a.vector, b.vector)
    if alike < FARTHEST:
        return 0.0
    sure = _forest().sure(np.array(features(a, b)))
    if alike >= ALMOST_SAME and min(len(a.rare), len(b.rare)) >= FEW:
        sure = max(sure, alike)
    return sure * OTHER_ISSUE if _other_issue(a, b) else sure


def _other_issue(a: Telling | Story, b: Telling | Story) -> bool:
    """Whether two titles name different days, or different parts of a series."""
    if a.days and b.days and not a.days & b.days:
        return True
    words = {word for word, _ in a.issues} & {word for word, _ in b.issues}
    return bool(words) and not a.issues & b.issues


@dataclass(frozen=True)
class Member:
    """One article that has a story."""

    telling: Telling
    story_id: str
    published_at: datetime | None


def choose_story(telling: Telling, members: Iterable[Member]) -> str | None:
    """The story among those of `members` that an article telling `telling` belongs to; None when none is near."""
    return _nearest(_by_story(telling, members))


def _by_story(telling: Telling, members: Iterable[Member]) -> dict[str, list[float]]:
    by_story: dict[str, list[float]] = defaultdict(list)
    for member in members:
        by_story[member.story_id].append(likeness(telling, member.telling))
    return by_story


def _nearest(by_story: dict[str, list[float]]) -> str | None:
    best: tuple[float, str] | None = None
    for story, values in by_story.items():
        nearest = max(values)
        if nearest >= NEAR and sum(values) / len(values) >= NEAR_ALL and (best is None or (nearest, story) > best):
            best = (nearest, story)
    return best[1] if best else None


class Story:
    """The articles of one story taken together."""

    def __init__(self, number: int, telling: Telling, published_at: datetime | None = None) -> None:
        self.numbers = [number]
        self.begun = published_at
        self.vector: Vector = dict(telling.vector)
        self.days, self.issues = telling.days, telling.issues
        self.length = sum(weight * weight for weight in self.vector.values())
        """Of `vector`, squared."""

    def add(self, other: Story) -> None:
        """Take in the articles of `other`."""
        self.numbers = sorted(self.numbers + other.numbers)
        self.begun = min((begun for begun in (self.begun, other.begun) if begun), default=None)
        self.length += other.length + 2 * cosine(self.vector, other.vector)
        for term, weight in other.vector.items():
            self.vector[term] = self.vector.get(term, 0.0) + weight
        self.days |= other.days
        self.issues |= other.issues

    def is_one_with(self, other: Story) -> bool:
        """Whether two stories, of which at least one has several articles, turn out to be one.

        Two first reports may have no word in common; what was written after them has.
        """
        if len(self.numbers) + len(other.numbers) < 3 or not self.length or not other.length:
            return False
        if not _within(self.begun, other.begun, abs(self.numbers[0] - other.numbers[0])):
            return False
        alike = cosine(self.vector, other.vector) / math.sqrt(self.length * other.length)
        return (alike * OTHER_ISSUE if _other_issue(self, other) else alike) >= MERGE


def group_stories(articles: Iterable[Article]) -> Iterator[tuple[str, str]]:
    """(id, story id) of each article, in the order of the input, which is oldest first.

    Where articles have no date their order stands for it: the window is then the last `UNDATED` articles. Stories that turn out to be one
    (`Story.is_one_with`) get the id of the earlier one, so an article is given when its story, and that of all before it, can no
    longer change: when nothing was written on it for two windows. What was given is forgotten, so memory does not grow with the input.
    """
    running = _Running()
    for article in articles:
        running.take(article)
        yield from running.finished()
    yield from running.rest()


class _Running:
    """The stories that may still go on. Articles are known by their number in the input."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._story: dict[int, str] = {}
        self._told: dict[int, Telling] = {}
        self._dates: dict[int, datetime | None] = {}
        self._by_key: dict[str, list[int]] = defaultdict(list)
        self._stories: dict[str, Story] = {}
        self._read = self._oldest = self._given = 0
        self._newest: datetime | None = None

    def take(self, article: Article) -> None:
        """Put `article` into a story, and join the stories that it shows to be one."""
        number, telling, date = self._read, Telling.of(article), article.published_at
        self._read += 1
        self._newest = max(filter(None, (self._newest, date)), default=None)
        self._forget()
        keys = story_keys(telling.vector)
        members = (Member(self._told[other], self._story[other], self._dates[other]) for other in self._near(keys, number, date))
        by_story = _by_story(telling, members)
        story = _nearest(by_story) or article.id
        alone = Story(number, telling, date)
        if story in self._stories:
            self._stories[story].add(alone)
        else:
            self._stories[story] = alone
        self._names[number], self._story[number], self._told[number], self._dates[number] = article.id, story, telling, date
        for key in keys:
            self._by_key[key].append(number)
            if len(self._by_key[key]) > 2 * SAME_KEY:
                del self._by_key[key][:-SAME_KEY]
        for other in [name for name, values in by_story.items() if name != story and max(values) >= MAYBE]:
            if self._stories[story].is_one_with(self._stories[other]):
                kept, gone = sorted((story, other), key=lambda name: self._stories[name].numbers[0])
                for member in self._stories[gone].numbers:
                    self._story[member] = kept
                self._stories[kept].add(self._stories.pop(gone))
                story = kept

    def _near(self, keys: list[str], number: int, date: datetime | None) -> list[int]:
        """The articles of the window that share most of `keys`, oldest first."""
        shared = Counter(other for key in keys for other in self._by_key[key][-SAME_KEY:] if other in self._told)
        there = [other for other in shared if _within(date, self._dates[other], number - other)]
        return sorted(nlargest(CANDIDATES, there, key=lambda other: (shared[other], -other)))

    def _forget(self) -> None:
        """Let go what the articles tell that no later one can be near to."""
        while self._oldest < self._read - 1 and self._is_past(self._oldest):
            del self._told[self._oldest]
            story = self._stories[self._story[self._oldest]]
            if story.numbers[-1] == self._oldest:
                del self._stories[self._story[self._oldest]]
            self._oldest += 1

    def _is_past(self, number: int) -> bool:
        date = self._dates[number]
        if date is None or self._newest is None:
            return self._read - number > UNDATED + 1
        return self._newest - date > 2 * WINDOW

    def finished(self) -> Iterator[tuple[str, str]]:
        """What can be given, in order."""
        while self._given < self._oldest and self._story[self._given] not in self._stories:
            yield self._names.pop(self._given), self._story.pop(self._given)
            del self._dates[self._given]
            self._given += 1

    def rest(self) -> Iterator[tuple[str, str]]:
        """What was not given yet, when nothing follows."""
        return ((self._names[number], self._story[number]) for number in range(self._given, self._read))


def _within(one: datetime | None, other: datetime | None, distance: int) -> bool:
    """Whether two articles, `distance` apart in the input, are of one window."""
    return distance <= UNDATED if one is None or other is None else abs(one - other) <= WINDOW


def story_of(article: Article, candidates: Sequence[Article]) -> str | None:
    """The story that `article` continues, given the indexed articles that may be on the same event; None: a new story."""
    members = [Member(Telling.of(other), other.story_id or other.id, other.published_at) for other in candidates]
    return choose_story(Telling.of(article), members)


def stories_joined(article: Article, story: str, candidates: Sequence[Article]) -> list[str]:
    """The stories of `candidates` that turn out to be the same as `story`, now that `article` belongs to it."""
    telling = Telling.of(article)
    by_story: dict[str, Story] = {}
    near: dict[str, float] = defaultdict(float)
    for number, other in enumerate(candidates, start=1):
        name, told = other.story_id or other.id, Telling.of(other)
        if name != story and near[name] < MAYBE:
            near[name] = max(near[name], likeness(telling, told))
        if name in by_story:
            by_story[name].add(Story(number, told, other.published_at))
        else:
            by_story[name] = Story(number, told, other.published_at)
    whole = Story(0, telling, article.published_at)
    if story in by_story:
        whole.add(by_story.pop(story))
    joined = []
    for name, other_story in by_story.items():
        if near[name] >= MAYBE and whole.is_one_with(other_story):
            whole.add(other_story)
            joined.append(name)
    return joined
