"""Who is criticised or shown at fault, if anyone: an authority, another organisation or person, none (`nlp.models`)."""

from __future__ import annotations

from diembao.article import CriticalOf
from nlp.language import Language
from nlp.models.model import HeadlineModel
from nlp.models.reading import read
from nlp.step import Step


def critical_of(title: str, lead: str, sentences: list[str], language: Language, model: HeadlineModel) -> CriticalOf:
    """The label with its probabilities and the sentences that decided it (none for `none`); not `confident`: it abstains."""
    return read(title, lead, sentences, model, language).critical_of


STEP = Step(critical_of, version=2, writes="critical_of")
