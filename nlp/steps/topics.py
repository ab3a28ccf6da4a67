"""What an article is about: the topics that the model asserts (`nlp.models`), and those that the office added (`nlp.own_topics`)."""

from __future__ import annotations

from diembao.article import TopicScore
from nlp.language import Language
from nlp.models.model import HeadlineModel
from nlp.models.reading import read
from nlp.own_topics import OwnTopics, find_own_topics
from nlp.step import Step


def topics(
    title: str, lead: str, body: str, sentences: list[str], language: Language, model: HeadlineModel, own_topics: OwnTopics
) -> list[TopicScore]:
    """The topics, most likely first; empty when none reaches its threshold or the text is not Vietnamese."""
    found = [*read(title, lead, sentences, model, language).topics]
    if own_topics.phrases:
        found += find_own_topics(own_topics, title, lead, body, unmarked=language == "vi-plain")
    return sorted(found, key=lambda topic: -topic.score)


STEP = Step(topics, version=2, writes="topics")
