"""How an article reads to a communications officer: negative, neutral or positive (`nlp.models`)."""

from __future__ import annotations

from diembao.article import Sentiment
from nlp.language import Language
from nlp.models.model import HeadlineModel
from nlp.models.reading import read
from nlp.step import Step


def sentiment(title: str, lead: str, sentences: list[str], language: Language, model: HeadlineModel) -> Sentiment:
    """The label with its probabilities and the sentences that decided it; `confident` is false when the model abstains."""
    return read(title, lead, sentences, model, language).sentiment


STEP = Step(sentiment, version=2, writes="sentiment")
