"""Who told a story first."""

from __future__ import annotations

from datetime import timedelta

from diembao.article import Article
from diembao.engine import Filters, SearchEngine, SearchRequest

_AT_ONCE = 20


def lead_of(engine: SearchEngine, story: str) -> Article | None:
    """The article of a story that was published first, no copy where several have the same minute; None: none of it has a date.

    Raises:
        EngineError: when the engine fails.
    """
    outlets = engine.story_outlets("", Filters(story_id=story), 1, 1).get(story)
    if not outlets:
        return None
    first = min(outlets.values())
    filters = Filters(story_id=story, published_from=first, published_to=first + timedelta(milliseconds=1))
    request = SearchRequest("", filters, fold_copies=False, sort="time", limit=_AT_ONCE, facets=False, highlight=False)
    found = [hit.article for hit in engine.search(request).hits]
    return min(found, key=lambda article: (article.copy_of is not None, article.id), default=None)
