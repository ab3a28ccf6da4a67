"""From a model of headlines to what a whole article says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from diembao.article import CriticalOf, Sentiment, TopicScore
from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS
from nlp.models.model import HeadlineModel, headline, shipped
from nlp.models.ngrams import Floats

MOST_SENTENCES = 3
"""How many deciding sentences are named at most."""

SURE_SENTIMENT = 0.6
SURE_CRITICAL_OF = 0.7
"""Probabilities of the label below which the model abstains (`confident` is false)."""

_SPEAKS_FOR = 0.5
"""A sentence that gives the label this probability by itself is named among the deciding ones."""

_LEAD = 300
"""Code points of the body that stand in for a missing lead: as long as a lead is."""

_READ = 4000
"""Code points of title, lead and body that are read: news says what it is about at the beginning, and time stays bounded."""

_LONGEST = 600
"""A sentence is read, and named as deciding, up to this many code points."""

_NO_NEW_CASE = re.compile(
    r"\b(?:không còn|(?:không|chưa)(?: có| ghi nhận| phát hiện| phát sinh)+|hết|sạch)(?: thêm| bất kỳ| một)? "
    r"(?:f0\b|ổ dịch|dịch bệnh|(?:ca|bệnh nhân|trường hợp|người)(?: nào)? (?:mắc|nhiễm|dương tính|tử vong|bệnh|lây|f0|mới|covid))",
    re.IGNORECASE,
)
"""That cases of a disease have ended is good news, though each word of it is bad. No labelled headline says it, so none taught it."""

_GOOD_NEWS = np.array([0.1, 1.0, 20.0], np.float32)
"""By what the probabilities of SENTIMENTS are multiplied in a text that says so: enough to turn an unsure one, not a sure one."""

_VIETNAMESE = re.compile(r"[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")


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


def read(title: str, lead: str, sentences: Sequence[str], model: HeadlineModel | None = None) -> Reading:
    """What `model`, or else the shipped one, says of an article. `sentences`: those of title, lead and body, in this order."""
    return _read(model or shipped(), title, lead, tuple(sentences))


@lru_cache(maxsize=4)
def _read(model: HeadlineModel, title: str, lead: str, sentences: tuple[str, ...]) -> Reading:
    return read_with(model, title, lead, sentences)


def read_with(model: HeadlineModel, title: str, lead: str, sentences: Sequence[str]) -> Reading:
    """What `model` says of an article.

    Text that is not Vietnamese (or has no letters) gets no topic and no confident label: the model has learnt nothing on it.

    Args:
        model: what reads.
        title: headline.
        lead: its lead; where there is none the beginning of the body stands in for it.
        sentences: those of title, lead and body, in this order.
    """
    own = _rest(sentences, title, lead)
    beginning = " ".join(own)[:_LEAD]
    read_ones = [sentence[:_LONGEST] for sentence in _until(sentences, _READ)]
    scores = model.scores(
        [headline(title or beginning, lead or (beginning if title else "")), *(headline(sentence) for sentence in read_ones)]
    )
    told = [title or beginning, *read_ones]
    sentiments = np.array([_with_good_news(text, row) for text, row in zip(told, scores.sentiment, strict=True)])
    understood = is_vietnamese(" ".join([title, lead, *read_ones]))
    sentiment = int(np.argmax(sentiments[0] * model.sentiment_weights))
    critical_of = int(np.argmax(scores.critical_of[0] * model.critical_of_weights))
    return Reading(
        topics=_topics(model, scores.topics[0]) if understood else [],
        sentiment=Sentiment(
            label=SENTIMENTS[sentiment],
            scores=_named(SENTIMENTS, sentiments[0]),
            confident=understood and bool(sentiments[0, sentiment] >= SURE_SENTIMENT),
            sentences=_deciding(read_ones, sentiments[1:, sentiment]) if understood else [],
        ),
        critical_of=CriticalOf(
            label=CRITICAL_OF[critical_of],
            scores=_named(CRITICAL_OF, scores.critical_of[0]),
            confident=understood and bool(scores.critical_of[0, critical_of] >= SURE_CRITICAL_OF),
            sentences=_deciding(read_ones, scores.critical_of[1:, critical_of])
            if understood and CRITICAL_OF[critical_of] != "none"
            else [],
        ),
    )


def is_vietnamese(text: str) -> bool:
    """Whether Vietnamese letters with marks are frequent enough (5 % of the letters); false for text without marks.

    >>> is_vietnamese("Khởi tố 3 cán bộ xã"), is_vietnamese("The president said on Monday"), is_vietnamese("2026")
    (True, False, False)
    """
    return len(_VIETNAMESE.findall(text)) >= 0.05 * max(1, len(_LETTER.findall(text)))


def _topics(model: HeadlineModel, scores: Floats) -> list[TopicScore]:
    asserted = [int(place) for place in np.argsort(-scores, kind="stable") if scores[place] >= model.topic_thresholds[place]]
    return [TopicScore(code=TOPICS[place], score=round(float(scores[place]), 4)) for place in asserted]


def _with_good_news(text: str, scores: Floats) -> Floats:
    if not _NO_NEW_CASE.search(text):
        return scores
    changed = scores * _GOOD_NEWS
    return np.asarray(changed / changed.sum(), np.float32)


def _named(names: Sequence[str], scores: Floats) -> dict[str, float]:
    return {name: round(float(score), 4) for name, score in zip(names, scores, strict=True)}


def _deciding(sentences: Sequence[str], scores: Floats) -> list[str]:
    """The sentences that speak most for the label, most decisive first: the best one, and others that speak for it by themselves."""
    order = [int(place) for place in np.argsort(-scores, kind="stable")]
    chosen = [place for rank, place in enumerate(order) if rank == 0 or scores[place] >= _SPEAKS_FOR]
    return list(dict.fromkeys(sentences[place] for place in chosen))[:MOST_SENTENCES]


def _rest(sentences: Sequence[str], title: str, lead: str) -> list[str]:
    """The sentences behind title and lead."""
    return [sentence for sentence in _until(sentences, _READ) if sentence not in title and sentence not in lead]


def _until(sentences: Sequence[str], length: int) -> list[str]:
    """The first sentences, as many as hold `length` code points."""
    total, found = 0, []
    for sentence in sentences:
        found.append(sentence)
        total += len(sentence)
        if total >= length:
            break
    return found
