"""Topics that an office added to its taxonomy, told by phrases: no model has learnt them.

One entry of `config/taxonomy.toml` is enough: `tourism = { vi = "Du lịch", en = "Tourism", words = ["du lịch", "khách sạn"] }`.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from diembao.article import TopicScore
from diembao.taxonomy import TOPIC_CODES, read_taxonomy
from nlp.syllables import syllable_key

IN_TITLE, IN_LEAD, IN_BODY = 0.9, 0.7, 0.5
"""Score of a topic with a phrase in the title; in the lead; at least ENOUGH times in the body. No probabilities: steps of a rule."""
ENOUGH = 2

_READ = 20_000
"""Code points of the body that are looked at."""

_WORD = re.compile(r"[^\W_]+")

Key = tuple[str, ...]


@dataclass(frozen=True)
class OwnTopics:
    """The office's own topics.

    Attributes:
        phrases: topic codes by the syllables of a phrase as they are compared.
        version: of all of them; 0 when there are none.
    """

    phrases: Mapping[Key, Sequence[str]]
    version: int


def own_topics(path: Path) -> OwnTopics:
    """The topics with phrases of an office's taxonomy; none when the file is missing.

    Raises:
        ConfigError: when the file is wrong.
    """
    if not path.exists():
        return OwnTopics({}, 0)
    phrases: dict[Key, list[str]] = {}
    for code, topic in read_taxonomy(path).topics.items():
        for phrase in topic.words if code not in TOPIC_CODES else ():
            codes = phrases.setdefault(tuple(_syllables(phrase)), [])
            if code not in codes:
                codes.append(code)
    content = repr(sorted((key, sorted(codes)) for key, codes in phrases.items()))
    return OwnTopics(phrases, zlib.crc32(content.encode()) if phrases else 0)


def find_own_topics(topics: OwnTopics, title: str, lead: str, body: str, unmarked: bool = False) -> list[TopicScore]:
    """The topics with a phrase in the title, in the lead, or several times in the body; most certain first.

    Whole syllables are compared, in any case and with either place of the tone mark.

    Args:
        topics: to look for.
        title: headline.
        lead: its lead.
        body: the rest.
        unmarked: the text is typed without marks, so phrases are compared without theirs.
    """
    if not topics.phrases:
        return []
    phrases = topics.phrases
    if unmarked:
        phrases = {tuple(map(_plain, key)): codes for key, codes in phrases.items()}
    lengths: dict[str, set[int]] = {}
    for key in phrases:
        lengths.setdefault(key[0], set()).add(len(key))
    scores = {code: IN_BODY for code, count in _count(body[:_READ], phrases, lengths, unmarked).items() if count >= ENOUGH}
    for text, score in ((lead, IN_LEAD), (title, IN_TITLE)):
        scores |= dict.fromkeys(_count(text[:_READ], phrases, lengths, unmarked), score)
    return [TopicScore(code=code, score=score) for code, score in sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))]


def _count(text: str, phrases: Mapping[Key, Sequence[str]], lengths: Mapping[str, set[int]], unmarked: bool) -> Counter[str]:
    syllables = list(_syllables(text))
    if unmarked:
        syllables = [_plain(syllable) for syllable in syllables]
    found: Counter[str] = Counter()
    for place, first in enumerate(syllables):
        for length in lengths.get(first, ()):
            found.update(phrases.get(tuple(syllables[place : place + length]), ()))
    return found


def _syllables(text: str) -> Iterator[str]:
    return (syllable_key(word) for word in _WORD.findall(unicodedata.normalize("NFC", text)))


@lru_cache(maxsize=65536)
def _plain(syllable: str) -> str:
    parts = unicodedata.normalize("NFD", syllable.replace("đ", "d"))
    return "".join(part for part in parts if not unicodedata.combining(part))
