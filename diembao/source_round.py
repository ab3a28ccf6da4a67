"""What one crawl run saw of one source: the crawler tells it, the health of sources is judged by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

WATCHED = ("authors", "lead", "minute", "section", "profile")
"""What articles of a source may lack. `minute`: publication to the minute; `profile`: the body was found by the source's own selectors or
those of its layout family, not by the general extractor."""


@dataclass
class SourceRound:
    """One run and one source; counts unless it says otherwise.

    Attributes:
        source: its id.
        run: id of the run.
        at: when the run began, aware UTC.
        polls: answers (or none) of feeds, sitemaps and listings.
        refused: polls that were refused: 401, 403, 429, robots.txt, a wall.
        failed: polls that failed otherwise.
        unchanged: polls that brought the same as the last time (304, or the same bytes or links).
        pages: pages that were answered and read, or could not be.
        unread: those without a headline or enough of a body.
        walls: pages that were refused.
        articles: articles that were read.
        lacking: articles that lack each of WATCHED.
        new: when each article that was not known was published, as far as the page says it credibly, else when it was seen; aware UTC.
        fates: pages by fate; "extracted" is an article.
        problem: what was wrong with a feed, sitemap or listing; empty: nothing.
    """

    source: str
    run: str
    at: datetime
    polls: int = 0
    refused: int = 0
    failed: int = 0
    unchanged: int = 0
    pages: int = 0
    unread: int = 0
    walls: int = 0
    articles: int = 0
    lacking: dict[str, int] = field(default_factory=dict)
    new: list[datetime] = field(default_factory=list)
    fates: dict[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def did_something(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.polls or self.fates)
