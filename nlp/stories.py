"""Stories: which articles are on one concrete event, without being copies.

An article is a vector of its telling terms: single syllables and pairs of neighbours of title and lead, weighted by how rare
they are (TF-IDF). An article joins the story of its nearest neighbour of the last days when they are near enough and the
story as a whole is not far; otherwise it begins a story of its own, so a story's id is the id of its first article.

Source of the frequencies: `nlp/data/term-frequencies.npz`, document frequencies of hashed terms in 30,000 headlines and leads of
2017 (figures only, no text), made by `benchmarks/term_frequencies.py`.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diembao.article import Article

WINDOW = timedelta(days=3)
"""How long a story is continued after its last article."""
NEAR = 0.30
"""Cosine to the nearest article of a story from which an article belongs to it."""
NEAR_ALL = 0.16
"""Mean cosine to all articles of the story that it needs besides."""
KEYS = 16
"""Terms of an article by which the index finds its neighbours."""
LEAD_LIMIT = 60
"""Syllables of the lead (or, without one, of the body) that count."""

_FREQUENCIES = Path(__file__).parent / "data" / "term-frequencies.npz"
_SYLLABLES = re.compile(r"\w+")

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
    """Syllables and pairs of neighbouring syllables of `text`, lower case, in order; pairs do not cross punctuation."""
    terms: list[str] = []
    for clause in re.split(r"[^\w\s]+(?:\s|$)", unicodedata.normalize("NFC", text).lower()):
        syllables = _SYLLABLES.findall(clause)
        terms += syllables
        terms += [f"{first} {second}" for first, second in pairwise(syllables)]
    return terms


def vector_of(title: str, lead: str, body: str = "") -> Vector:
    """The vector of an article: terms of the title count double; the body counts only where there is no lead."""
    weights: dict[str, float] = defaultdict(float)
    for term in terms_of(title):
        weights[term] += 2.0
    for term in terms_of(" ".join((lead or body).split()[:LEAD_LIMIT])):
        weights[term] += 1.0
    vector = {term: (1 + math.log(weight)) * rarity(term) for term, weight in weights.items() if rarity(term) > 0}
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


@dataclass
class Member:
    """One article that has a story."""

    vector: Vector
    story_id: str
    published_at: datetime | None


def choose_story(vector: Vector, members: Iterable[Member]) -> str | None:
    """The story among those of `members` that an article with `vector` belongs to; None when none is near."""
    likeness: dict[str, list[float]] = defaultdict(list)
    for member in members:
        likeness[member.story_id].append(cosine(vector, member.vector))
    best: tuple[float, str] | None = None
    for story, values in likeness.items():
        nearest = max(values)
        if nearest >= NEAR and sum(values) / len(values) >= NEAR_ALL and (best is None or (nearest, story) > best):
            best = (nearest, story)
    return best[1] if best else None


def group_stories(articles: Iterable[Article]) -> Iterator[tuple[str, str]]:
    """(id, story id) of each article, in the order of the input, which is oldest first.

    Where articles have no date their order stands for it: the window is then the last 2,000 articles.
    """
    recent: list[Member] = []
    by_key: dict[str, list[int]] = defaultdict(list)
    for article in articles:
        vector = vector_of(article.title, article.lead, article.body)
        keys = story_keys(vector)
        positions = sorted({position for key in keys for position in by_key[key][-500:]})
        near = [recent[position] for position in positions if _in_window(article, recent[position], len(recent) - position)]
        story = choose_story(vector, near) or article.id
        for key in keys:
            by_key[key].append(len(recent))
        recent.append(Member(vector, story, article.published_at))
        yield article.id, story


def _in_window(article: Article, member: Member, distance: int) -> bool:
    if article.published_at is None or member.published_at is None:
        return distance <= 2000
    return abs(article.published_at - member.published_at) <= WINDOW


def story_of(article: Article, candidates: Sequence[Article]) -> str | None:
    """The story that `article` continues, given the indexed articles that may be on the same event; None: a new story."""
    members = [
        Member(vector_of(other.title, other.lead, other.body), other.story_id or other.id, other.published_at) for other in candidates
    ]
    return choose_story(vector_of(article.title, article.lead, article.body), members)
