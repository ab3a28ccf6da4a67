"""What an article is about: the topics that the shipped model asserts (`nlp.models`)."""

from __future__ import annotations

from diembao.article import TopicScore
from nlp.models.reading import read
from nlp.step import Step


def topics(title: str, lead: str, sentences: list[str]) -> list[TopicScore]:
    """The topics, most likely first; empty when none reaches its threshold or the text is not Vietnamese."""
    return read(title, lead, sentences).topics


STEP = Step(topics, version=1, writes="topics")
