"""Adding up how much of each story was found: the same sums from both engines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from diembao.engine import StoryOrder, StorySize
from index.document import milliseconds, moment


class StoryTally:
    """The sums of one story while its articles, or those of each of its sources, are added up."""

    def __init__(self) -> None:
        self.articles = self.negative = self.recent = self.recent_negative = 0
        self.firsts: dict[str, int] = {}
        self.lasts: dict[str, int] = {}

    def add(self, source: str, articles: int, negative: int, first: int, last: int, recent: tuple[int, int]) -> None:
        """Add articles of one source ("" where it is unknown).

        Args:
            source: its id.
            articles: how many.
            negative: how many of these are negative.
            first: publication of the first of them in milliseconds.
            last: of the last.
            recent: how many of them are recent, and how many of these are negative.
        """
        self.articles += articles
        self.negative += negative
        self.recent += recent[0]
        self.recent_negative += recent[1]
        self.firsts[source] = min(first, self.firsts.get(source, first))
        self.lasts[source] = max(last, self.lasts.get(source, last))


def bound_of(since: datetime) -> int:
    """The moment in milliseconds."""
    found = milliseconds(since)
    assert found is not None
    return found


def sizes_of(tallies: Mapping[str, StoryTally], since: int, by: StoryOrder, least: int, limit: int) -> list[StorySize]:
    """The `limit` largest stories; see SearchEngine.story_sizes. `since` in milliseconds."""
    found = [_size(story, tally, since) for story, tally in tallies.items()]
    counts = [(size.recent if by == "recent" else size.articles, size) for size in found]
    ranked = sorted((entry for entry in counts if entry[0] >= max(least, 1)), key=lambda entry: (-entry[0], entry[1].story))
    return [size for _, size in ranked[:limit]]


def _size(story: str, tally: StoryTally, since: int) -> StorySize:
    named = [source for source in tally.firsts if source]
    return StorySize(
        story=story,
        articles=tally.articles,
        negative=tally.negative,
        outlets=len(named),
        recent=tally.recent,
        recent_negative=tally.recent_negative,
        recent_outlets=sum(tally.lasts[source] >= since for source in named),
        joined=sum(tally.firsts[source] >= since for source in named),
        first=_moment(min(tally.firsts.values())),
        last=_moment(max(tally.lasts.values())),
    )


def _moment(at: int) -> datetime:
    found = moment(at)
    assert found is not None
    return found
