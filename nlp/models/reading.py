"""From a model of headlines to what a whole article says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from diembao.article import CriticalOf, Sentiment, TopicScore
from nlp.language import Language, language_of
from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS
from nlp.models.model import HeadlineModel, headline, shipped
from nlp.models.ngrams import Floats
from nlp.words import sentence_spans

MOST_SENTENCES = 3
"""How many deciding sentences are named at most."""

FEWEST_SENTENCES = 3
"""A body of fewer sentences says nothing beyond headline and lead: the mean of two is chance."""

_SPEAKS_FOR = 0.5
"""A sentence that gives the label this probability by itself is named among the deciding ones."""

_LEAD = 300
"""Code points of the body that stand in for a missing lead: as long as a lead is."""

_READ = 4000
"""Code points of title, lead and body that are read: news says what it is about at the beginning, and time stays bounded."""

_LONGEST = 600
"""A sentence is read, and named as deciding, up to this many code points."""


@dataclass(frozen=True)
class Reading:
    """What the model says of an article.

    Attributes:
        topics: those that it asserts, most likely first.
        sentiment: label, probabilities, deciding sentences.
        critical_of: the same for who is criticised.
    """

    topics: list[TopicScore]
    sentiment: Sentiment
    critical_of: CriticalOf


def read(title: str, lead: str, sentences: Sequence[str], model: HeadlineModel | None = None, language: Language | None = None) -> Reading:
    """What `model`, or else the shipped one, says of an article; the other arguments as in `read_with`."""
    return _read(model or shipped(), title, lead, tuple(sentences), language)


@lru_cache(maxsize=4)
def _read(model: HeadlineModel, title: str, lead: str, sentences: tuple[str, ...], language: Language | None) -> Reading:
    return read_with(model, title, lead, sentences, language)


def read_with(model: HeadlineModel, title: str, lead: str, sentences: Sequence[str], language: Language | None = None) -> Reading:
    """What `model` says of an article.

    Text that is not Vietnamese with its marks gets no topic and no confident label: the model has learnt nothing on it.

    Args:
        model: what reads.
        title: headline.
        lead: its lead; where there is none the beginning of the body stands in for it.
        sentences: those of title, lead and body, in this order.
        language: of the whole text (`nlp.language`); None: found out here.
    """
    read_ones = [sentence[:_LONGEST] for sentence in _until(sentences, _READ)]
    own = body_sentences(title, lead, read_ones)
    beginning = " ".join(own)[:_LEAD]
    of_body = _stand_in(own, read_ones) if len(own) >= FEWEST_SENTENCES else []
    text = headline(title or beginning, lead or (beginning if title else ""))
    article, by_sentence = model.read(text, read_ones, of_body)
    understood = (language or language_of("\n".join([title, lead, *read_ones]))) == "vi"
    sentiment = int(np.argmax(article.sentiment[0] * model.sentiment_weights))
    critical_of = int(np.argmax(article.critical_of[0] * model.critical_of_weights))
    return Reading(
        topics=_topics(model, article.topics[0]) if understood else [],
        sentiment=Sentiment(
            label=SENTIMENTS[sentiment],
            scores=_named(SENTIMENTS, article.sentiment[0]),
            confident=understood and bool(article.sentiment[0, sentiment] >= model.sure_sentiment[sentiment]),
            sentences=_deciding(read_ones, by_sentence.sentiment[:, sentiment]) if understood else [],
        ),
        critical_of=CriticalOf(
            label=CRITICAL_OF[critical_of],
            scores=_named(CRITICAL_OF, article.critical_of[0]),
            confident=understood and bool(article.critical_of[0, critical_of] >= model.sure_critical_of[critical_of]),
            sentences=_deciding(read_ones, by_sentence.critical_of[:, critical_of])
            if understood and CRITICAL_OF[critical_of] != "none"
            else [],
        ),
    )


def split_sentences(text: str) -> list[str]:
    """The sentences of `text`."""
    return [text[start:end] for start, end in sentence_spans(text)]


def body_sentences(title: str, lead: str, sentences: Sequence[str]) -> list[str]:
    """The sentences that stand in neither title nor lead, as far as they are read."""
    return [sentence for sentence in _until(sentences, _READ) if sentence not in title and sentence not in lead]


def _topics(model: HeadlineModel, scores: Floats) -> list[TopicScore]:
    asserted = [int(place) for place in np.argsort(-scores, kind="stable") if scores[place] >= model.topic_thresholds[place]]
    return [TopicScore(code=TOPICS[place], score=round(float(scores[place]), 4)) for place in asserted]


def _named(names: Sequence[str], scores: Floats) -> dict[str, float]:
    return {name: round(float(score), 4) for name, score in zip(names, scores, strict=True)}


def _deciding(sentences: Sequence[str], scores: Floats) -> list[str]:
    """The sentences that speak most for the label, most decisive first: the best one, and others that speak for it by themselves."""
    order = [int(place) for place in np.argsort(-scores, kind="stable")]
    chosen = [place for rank, place in enumerate(order) if rank == 0 or scores[place] >= _SPEAKS_FOR]
    return list(dict.fromkeys(sentences[place] for place in chosen))[:MOST_SENTENCES]


def _stand_in(some: Sequence[str], sentences: Sequence[str]) -> list[bool]:
    known = set(some)
    return [sentence in known for sentence in sentences]


def _until(sentences: Sequence[str], length: int) -> list[str]:
    """The first sentences, as many as hold `length` code points."""
    total, found = 0, []
    for sentence in sentences:
        found.append(sentence)
        total += len(sentence)
        if total >= length:
            break
    return found
