"""What a period writes about that the period before did not: words and word groups by a log-likelihood test (G²).

Both engines give the same articles to read (the matching ones with the smallest ids, which are hashes), and the counting is done
here, so the answer is the same from both. T. Dunning, Accurate Methods for the Statistics of Surprise and Coincidence,
Computational Linguistics 19(1), 1993.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from diembao.article import Article
from diembao.engine import Filters, SearchEngine
from diembao.errors import UsageError
from index.analysis import analyse

SAMPLE = 1000
"""Articles read of each period."""
BODY = 1000
"""Code points of each body that are read: what an article is about stands at its beginning."""
LONGEST = 3
"""Syllables of a word group."""
LEAST_ARTICLES = 3
LEAST_SCORE = 10.83
"""G² that chance exceeds once in a thousand words."""
_NEARLY = 0.8


@dataclass(frozen=True)
class SignificantWord:
    """A word or word group that became more frequent.

    Attributes:
        text: in small letters.
        articles: read articles of the period in which it stands.
        before: read articles of the period before in which it stands.
        score: G²; the higher, the less it can be chance.
    """

    text: str
    articles: int
    before: int
    score: float


@dataclass(frozen=True)
class Significance:
    """What became more frequent.

    Attributes:
        since, until: the period, aware UTC, end exclusive.
        before: beginning of the period before, which is as long and ends at `since`.
        articles: matching articles of the period, copies counted once.
        articles_before: those of the period before.
        read: how many of the first were read (the rest was left out when they were more than SAMPLE).
        read_before: how many of the second.
        words: most significant first.
    """

    since: datetime
    until: datetime
    before: datetime
    articles: int
    articles_before: int
    read: int
    read_before: int
    words: tuple[SignificantWord, ...]


def significant_words(engine: SearchEngine, query: str, filters: Filters, now: datetime, limit: int = 30) -> Significance:
    """The words of what `query` finds in a period, against what it finds in the period before.

    Args:
        engine: what is asked.
        query: in the query language.
        filters: with the beginning of the period; without its end it lasts until now.
        now: aware.
        limit: words wanted.

    Raises:
        QueryError: for a query that cannot be understood.
        UsageError: when the period has no beginning, or none can lie before it.
    """
    since, until = filters.published_from, filters.published_to or now
    if since is None or since >= until:
        raise UsageError("a period needs a beginning that lies before its end", "Name its first day, such as --from 2026-11-01")
    try:
        before = since - (until - since)
    except OverflowError as error:
        raise UsageError("the period is too long to have one before it", "Name a shorter time") from error
    articles, read = engine.sample(query, replace(filters, published_from=since, published_to=until), SAMPLE)
    articles_before, read_before = engine.sample(query, replace(filters, published_from=before, published_to=since), SAMPLE)
    words = compare(read, read_before)[:limit]
    return Significance(since, until, before, articles, articles_before, len(read), len(read_before), tuple(words))


def compare(now: Collection[Article], before: Collection[Article]) -> list[SignificantWord]:
    """The words that stand in significantly more of the articles `now` than of those `before`, most significant first."""
    counts: Counter[str] = Counter()
    for article in now:
        counts.update(set(_terms(article)))
    common = {term: count for term, count in counts.items() if count >= LEAST_ARTICLES}
    earlier: Counter[str] = Counter()
    for article in before:
        earlier.update(common.keys() & set(_terms(article)))
    found = {}
    for term, count in common.items():
        score = log_likelihood(count, len(now), earlier[term], len(before))
        if score >= LEAST_SCORE:
            found[term] = SignificantWord(term, count, earlier[term], round(score, 3))
    return sorted(_told_apart(found), key=lambda word: (-word.score, word.text))


def log_likelihood(count: int, size: int, other: int, other_size: int) -> float:
    """G² of a word that stands in `count` of `size` articles and in `other` of `other_size`; negative when it became rarer.

    >>> log_likelihood(10, 100, 10, 100)
    0.0
    >>> round(log_likelihood(30, 100, 10, 100), 2)
    12.97
    """
    whole = size + other_size
    if not size or not other_size:
        return 0.0
    score = 0.0
    for observed, row, column in (
        (count, size, count + other), (size - count, size, whole - count - other),
        (other, other_size, count + other), (other_size - other, other_size, whole - count - other),
    ):  # fmt: skip
        if observed:
            score += observed * math.log(observed * whole / (row * column))
    return (2 * score if count * other_size >= other * size else -2 * score) + 0.0


def _terms(article: Article) -> Iterator[str]:
    """Words and word groups; a group stands within one stretch without punctuation."""
    for text in (article.title, article.lead, article.body[:BODY]):
        for stretch in _stretches(text):
            for size in range(1, LONGEST + 1):
                for start in range(len(stretch) - size + 1):
                    term = " ".join(stretch[start : start + size])
                    if size > 1 or len(term) > 1:
                        yield term


def _stretches(text: str) -> Iterator[list[str]]:
    stretch: list[str] = []
    end = 0
    for token in analyse(text):
        if not token.exact.isalpha() or not (text[end : token.start].isspace() or end == token.start):
            yield stretch
            stretch = []
        if token.exact.isalpha():
            stretch.append(token.exact)
        end = token.end
    yield stretch


def _told_apart(found: dict[str, SignificantWord]) -> Iterable[SignificantWord]:
    """`found` without parts of a group that is nearly always meant ("lũ quét", not "quét"), and without what only surrounds a word."""
    dropped = set()
    for text, word in found.items():
        for part in _parts(text):
            if part not in found:
                continue
            if word.articles >= _NEARLY * found[part].articles:
                dropped.add(part)
            elif word.score <= found[part].score:
                dropped.add(text)
    return [word for text, word in found.items() if text not in dropped]


def _parts(text: str) -> Iterator[str]:
    words = text.split()
    for size in range(1, len(words)):
        for start in range(len(words) - size + 1):
            yield " ".join(words[start : start + size])
