"""The second part of a page: articles with some of the words, where few have all of them.

Several words mean all of them, and that is not changed behind anybody's back. But a page that is not full leaves room, and most of
what answers a question of four words lacks one of them. So there is a second search for it, whose results stand apart: below those of
the first, under a heading that says what they are, with the query that finds them, and in no count of the first. It is made of the
query language and the interface of the engines, so it is the same from both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from diembao.engine import SearchEngine, SearchRequest, SearchResult
from index.suggestions import MOST_WORDS, plain_words

ENOUGH = 10
"""So many results with all of the words need no second part."""


@dataclass(frozen=True)
class SomeWords:
    """The second part.

    Attributes:
        query: finds what is in it: any of the words, but not all of them.
        result: its first results, as many as ENOUGH leaves room for; no facets, no further page.
    """

    query: str
    result: SearchResult


def some_of_the_words(engine: SearchEngine, request: SearchRequest, found: SearchResult) -> SomeWords | None:
    """The second part of the first page of `request`.

    Args:
        engine: what was asked.
        request: what it was asked. Only a query of nothing but words has a second part: whoever writes AND or a phrase means it.
        found: what it answered.

    Returns:
        None when there is none: enough was found, the query is not of that kind, this is not the first page, or nothing has any of
        the words.

    Raises:
        EngineError: when the engine fails.
    """
    query = any_but_not_all(request.query)
    room = min(ENOUGH, request.limit) - found.total
    if query is None or request.after is not None or room <= 0:
        return None
    result = engine.search(replace(request, query=query, limit=room, facets=False))
    return SomeWords(query, replace(result, cursor=None, suggestions=())) if result.hits else None


def any_but_not_all(query: str) -> str | None:
    """The query for articles with some of the words of `query`; None when it is not two words or more and nothing else.

    >>> any_but_not_all("ngập lụt  Huế"), any_but_not_all("ngập"), any_but_not_all("ngập AND lụt")
    ('(ngập OR lụt OR Huế) -(ngập lụt Huế)', None, None)
    """
    words = query.split()
    if not 2 <= len(words) <= MOST_WORDS or not plain_words(query):
        return None
    return f"({' OR '.join(words)}) -({' '.join(words)})"
