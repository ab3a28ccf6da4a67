"""The terms by which the index finds other articles on the same event."""

from __future__ import annotations

from nlp.step import Step
from nlp.stories import story_keys, vector_of


def find_story_keys(title: str, lead: str, body: str) -> list[str]:
    """The most telling terms of an article, heaviest first; empty for an article without a word."""
    return story_keys(vector_of(title, lead, body))


STEP = Step(find_story_keys, version=4, writes="story_keys")
