"""The keys by which the index finds copies of an article."""

from __future__ import annotations

from nlp.copies import copy_keys
from nlp.step import Step


def find_copy_keys(title: str, lead: str, body: str) -> list[str]:
    """The copy keys of an article; empty for an article without a word."""
    return copy_keys("\n".join((title, lead, body)))


STEP = Step(find_copy_keys, version=3, writes="copy_keys")
