"""Stories: which articles are on one concrete event, without being copies.

An article is a vector of its telling terms: single syllables and, at a lower weight, pairs of neighbours of title and lead, by how
rare they are (TF-IDF). Two articles are as alike as their vectors are (cosine), and far less when both titles name a day and not the
same one: "Bản tin trưa 9/10" and "Bản tin trưa 10/10" are a series, no event. An article joins the story of its nearest neighbour
of the last days when they are near enough and the story as a whole is not far; otherwise it begins a story of its own, so a
story's id is the id of its first article.

Source of the frequencies: `nlp/data/term-frequencies.npz`, document frequencies of hashed terms in headlines and leads of 2017 to 2026
(figures only, no text), made by `benchmarks/term_frequencies.py`. The thresholds were chosen by `benchmarks/stories.py`.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import nlargest
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diembao.article import Article

WINDOW = timedelta(days=3)
"""How long a story is continued after its last article."""
NEAR = 0.32
"""Cosine to the nearest article of a story from which an article belongs to it."""
NEAR_ALL = 0.16
"""Mean cosine to all articles of the story that it needs besides."""
PAIR = 0.6
"""Weight of a pair of syllables beside a single one."""
TITLE = 3.0
"""How often a term of the title counts."""
BODY = 0.2
"""How much a term counts each time that it stands in the body of an article that has a lead too."""
BODY_LIMIT = 400
"""Syllables of the body that count."""
OTHER_DAY = 0.25
"""What is left of the likeness of two articles whose titles name different days."""
MERGE = 0.34
"""Cosine of the sums of two stories' vectors from which they are one story."""
KEYS = 24
"""Terms of an article by which the index finds its neighbours."""
CANDIDATES = 100
"""Articles with which one is compared: those that share most of its keys."""
LEAD_LIMIT = 60
"""Syllables of the lead (or, without one, of the body) that count."""

_FREQUENCIES = Path(__file__).parent / "data" / "term-frequencies.npz"
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
    vector: Vector = {}
    for term, weight in weights.items():
        if (rare := rarity(term)) > 0:
            vector[term] = (1 + math.log(weight) if weight > 1 else weight) * rare * (PAIR if " " in term else 1.0)
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {term: weight / length for term, weight in vector.items()} if length else {}


def cosine(a: Vector, b: Vector) -> float:
    """Cosine of two unit vectors, 0 to 1."""
    if len(b) < len(a):
        a, b = b, a
    return sum(weight * b[term] for term, weight in a.items() if term in b)


def story_keys(vector: Vector) -> list[str]:
    """The heaviest terms of a vector, heaviest first, ties by the term."""
    return sorted(vector, key=lambda term: (-vector[term], term))[:KEYS]


@dataclass(frozen=True)
class Telling:
    """What an article tells of its event: the vector of its terms and the days that its title names."""

    vector: Vector
    days: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, article: Article) -> Telling:
        """What `article` tells."""
        return _told(article.title, article.lead, article.body)


@lru_cache(maxsize=4096)
def _told(title: str, lead: str, body: str) -> Telling:
    """Kept for a while: linking meets the same candidates again and again. A vector is never changed once it is made."""
    return Telling(vector_of(title, lead, body), days_of(title))


def likeness(a: Telling, b: Telling) -> float:
    """How surely two articles are on one event, 0 to 1."""
    alike = cosine(a.vector, b.vector)
    return alike * OTHER_DAY if a.days and b.days and not a.days & b.days else alike


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

    def __init__(self, number: int, telling: Telling) -> None:
        self.numbers = [number]
        self.vector: Vector = dict(telling.vector)
        self.days = telling.days
        self.length = sum(weight * weight for weight in self.vector.values())
        """Of `vector`, squared."""

    def add(self, other: Story) -> None:
        """Take in the articles of `other`."""
        self.numbers = sorted(self.numbers + other.numbers)
        self.length += other.length + 2 * cosine(self.vector, other.vector)
        for term, weight in other.vector.items():
            self.vector[term] = self.vector.get(term, 0.0) + weight
        self.days |= other.days

    def is_one_with(self, other: Story) -> bool:
        """Whether two stories, of which at least one has several articles, turn out to be one.

        Two first reports may have no word in common; what was written after them has.
        """
        if len(self.numbers) + len(other.numbers) < 3 or not self.length or not other.length:
            return False
        alike = cosine(self.vector, other.vector) / math.sqrt(self.length * other.length)
        return (alike * OTHER_DAY if self.days and other.days and not self.days & other.days else alike) >= MERGE


def group_stories(articles: Iterable[Article]) -> Iterator[tuple[str, str]]:
    """(id, story id) of each article, in the order of the input, which is oldest first.

    Where articles have no date their order stands for it: the window is then the last 2,000 articles. Stories that turn out to be one
    (`Story.is_one_with`) get the id of the earlier one, so nothing is given before all articles are read.
    """
    recent: list[Member] = []
    names: list[str] = []
    by_key: dict[str, list[int]] = defaultdict(list)
    stories: dict[str, Story] = {}
    for number, article in enumerate(articles):
        telling = Telling.of(article)
        keys = story_keys(telling.vector)
        shared = Counter(position for key in keys for position in by_key[key][-500:])
        positions = [position for position in shared if _in_window(article, recent[position], number - position)]
        near = [
            recent[position] for position in sorted(nlargest(CANDIDATES, positions, key=lambda position: (shared[position], -position)))
        ]
        by_story = _by_story(telling, near)
        story = _nearest(by_story) or article.id
        if story in stories:
            stories[story].add(Story(number, telling))
        else:
            stories[story] = Story(number, telling)
        recent.append(Member(telling, story, article.published_at))
        names.append(article.id)
        for key in keys:
            by_key[key].append(number)
        for other in [name for name, values in by_story.items() if name != story and max(values) >= MERGE / 2]:
            if stories[story].is_one_with(stories[other]):
                kept, gone = sorted((story, other), key=lambda name: stories[name].numbers[0])
                for position in stories[gone].numbers:
                    recent[position] = replace(recent[position], story_id=kept)
                stories[kept].add(stories.pop(gone))
                story = kept
    yield from zip(names, (member.story_id for member in recent), strict=True)


def _in_window(article: Article, member: Member, distance: int) -> bool:
    if article.published_at is None or member.published_at is None:
        return distance <= 2000
    return abs(article.published_at - member.published_at) <= WINDOW


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
        near[name] = max(near[name], likeness(telling, told))
        if name in by_story:
            by_story[name].add(Story(number, told))
        else:
            by_story[name] = Story(number, told)
    whole = Story(0, telling)
    if story in by_story:
        whole.add(by_story.pop(story))
    joined = []
    for name, other_story in by_story.items():
        if near[name] >= MERGE / 2 and whole.is_one_with(other_story):
            whole.add(other_story)
            joined.append(name)
    return joined
