"""What both engines store of an Article: its words, the values it is narrowed to, its times. One definition for both."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from diembao.article import Article, Place
from diembao.engine import IRRELEVANT
from diembao.urls import normalise_url
from index.analysis import exact_words, fold_letter, keyword
from index.proximity import GAP, GAP_TOKEN

TEXT_COLUMNS = ("title", "lead", "body", "author", "section", "tag", "place")
"""Fields that are stored word by word."""
WEIGHTS = {"title": 4.0, "lead": 2.0, "body": 1.0, "author": 1.0, "section": 1.0, "tag": 1.0, "place": 1.0}
"""How much a match in each field counts for relevance: a headline says what an article is about."""
FACETS = ("topic", "sentiment", "critical_of", "place", "source", "kind")
MAX_ID_BYTES = 512
"""Elasticsearch's limit; the embedded engine keeps to it, so that every index can move."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOLDED = {code: fold_letter(chr(code)) for code in range(0x80, 0x1F00) if fold_letter(chr(code)) != chr(code)}
_BETWEEN = " " + " ".join([GAP_TOKEN] * GAP) + " "


def words_of(article: Article) -> dict[str, list[str]]:
    """The exact tokens of each value of each text field, joined by spaces; one value for most fields."""
    places: list[str] = []
    for place in article.places:
        # Of "Xã Vĩnh Ninh, Huyện Quảng Ninh" the commune alone: its former district is not what the article is about.
        former = (name.partition(",")[0] for name in place.former)
        places += [
            exact_words(part) for part in dict.fromkeys((place.name, place.province, place.former_province, place.code, *former)) if part
        ]
    values: dict[str, Iterable[str]] = {
        "title": (exact_words(article.title),),
        "lead": (exact_words(article.lead),),
        "body": (exact_words(article.body),),
        "author": map(exact_words, article.authors),
        "section": (exact_words(article.section),),
        "tag": map(exact_words, article.tags),
        "place": dict.fromkeys(places),
    }
    return {field: [value for value in values[field] if value] for field in TEXT_COLUMNS}


def joined(values: list[str]) -> str:
    """The values of one field as one string of tokens, fillers between them."""
    return _BETWEEN.join(values)


def fold_words(words: str) -> str:
    """A string of exact tokens as the string of their folded ones.

    >>> fold_words("đồng tháp")
    'dong thap'
    """
    return " ".join(map(_fold_word, words.split(" ")))


@lru_cache(maxsize=200_000)
def _fold_word(word: str) -> str:
    return word.translate(FOLDED)


def keys_of(article: Article) -> dict[str, dict[str, str]]:
    """By field: the keys that a query or filter may name, each with the value as a facet shows it ("" when it shows none)."""
    place = {keyword(entry.province): entry.province for entry in article.places if entry.province}
    aliases: dict[str, str] = {}
    for entry in article.places:
        for name in (entry.province, entry.name, entry.code, *_province_names(entry)):
            if name:
                aliases |= {place_key(name): "", fold_words(place_key(name)): ""}
    labels = {
        "source": article.source,
        "kind": article.kind,
        "page_kind": article.page_kind,
        "sentiment": article.sentiment.label if article.sentiment else "",
        "critical_of": article.critical_of.label if article.critical_of else "",
    }
    return {
        **{field: {keyword(label): label} if label else {} for field, label in labels.items()},
        "topic": {keyword(topic.code): topic.code for topic in article.topics if topic.code} if article.relevant else {IRRELEVANT: ""},
        "place": place,
        "place_any": aliases,
        "url": dict.fromkeys((url_key(url) for url in (article.url, article.canonical_url) if url), ""),
    }


_RANK = re.compile(r"^(?:tỉnh|thành phố)\s+", re.IGNORECASE)


def _province_names(place: Place) -> list[str]:
    """The names of a province and of those merged into it, as written and without the rank; of a smaller unit the merged province's.

    A smaller unit may be called like a province that it is not in ("Xã Quảng Ninh" in Thanh Hoá), so its bare name is no key.
    """
    if place.level != "province":
        return [place.former_province]
    names = [unicodedata.normalize("NFC", name) for name in (place.name, *place.former)]
    return [*names, *(_RANK.sub("", name, count=1) for name in names)]


def place_key(name: str) -> str:
    """The form in which names and codes of places are compared: Hoà Bình and Hòa Bình are one."""
    return exact_words(name) or keyword(name)


def url_key(url: str) -> str:
    """The form in which addresses are compared."""
    try:
        return normalise_url(url)
    except ValueError:
        return unicodedata.normalize("NFC", url).strip()


def milliseconds(moment: datetime | None) -> int | None:
    """Milliseconds since 1970-01-01 UTC, rounded down; the resolution in which both engines compare times."""
    return None if moment is None else (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(value: int | None) -> datetime | None:
    """The inverse of `milliseconds`, aware UTC."""
    return None if value is None else _EPOCH + timedelta(milliseconds=value)


def group_of(article: Article) -> str:
    """The id that an article and its copies share."""
    return article.copy_of or article.id


def subject_of(article: Article) -> str:
    """The id of what an article is about as coverage counts it: its story, or else its group of copies."""
    return article.story_id or group_of(article)


def refusal(article: Article) -> str | None:
    """Why an engine cannot take `article`; None when it can."""
    if not article.id:
        return "it has neither an id nor a url"
    if len(article.id.encode("utf-8", "replace")) > MAX_ID_BYTES:
        return f"its id is longer than {MAX_ID_BYTES} bytes"
    if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in article.id):
        return "its id holds characters that cannot be stored"
    return None
