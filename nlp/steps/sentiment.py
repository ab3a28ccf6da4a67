"""How an article reads to a communications officer: negative, neutral or positive (`nlp.models`)."""

from __future__ import annotations

from diembao.article import Sentiment
from nlp.models.model import HeadlineModel
from nlp.models.reading import read
from nlp.step import Step


def sentiment(title: str, lead: str, sentences: list[str], model: HeadlineModel) -> Sentiment:
    """The label with its probabilities and the sentences that decided it; `confident` is false when the model abstains."""
    return read(title, lead, sentences, model).sentiment


STEP = Step(sentiment, version=1, writes="sentiment")
