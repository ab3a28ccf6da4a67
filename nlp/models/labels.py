"""Labelled headlines: what the models learn from."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from diembao.article import CriticalOfLabel, SentimentLabel
from diembao.errors import InputError
from diembao.jsonl import read_records
from nlp.models.ngrams import words

TOPICS = (
    "security", "traffic", "digital", "environment", "trade", "culture", "sport", "politics", "health", "education", "agriculture",
    "urban", "finance", "social", "world", "lifestyle", "science",
)  # fmt: skip
"""The codes of `config/taxonomy.toml` that the models know."""

SENTIMENTS: tuple[SentimentLabel, ...] = get_args(SentimentLabel)
CRITICAL_OF: tuple[CriticalOfLabel, ...] = get_args(CriticalOfLabel)

SHIPPED = "labels/danes.jsonl.gz"
OWN = "labels/own.jsonl"
ADDITIONAL = "labels/additional.jsonl"

OWN_ORIGIN = "own"
"""Origin of headlines that were written for training: they are learnt from and never judged."""

ADDITIONAL_ORIGIN = "baomoi-2017-additional"
"""Origin of further articles of the aggregator, labelled by id: learnt from and never judged."""

SELECTED = frozenset({"baomoi-2017-selected", ADDITIONAL_ORIGIN, OWN_ORIGIN})
"""Origins that were chosen for what they say: their shares of labels are not those of news."""


@dataclass(frozen=True)
class LabelledHeadline:
    """A headline with its labels.

    Attributes:
        id: the item's id in its data set.
        title: the headline.
        lead: the lead; may be empty.
        site: host name of the outlet: items of one outlet never stand on both sides of a split.
        year: year of publication.
        origin: the data set that it comes from.
        sentiment: negative, neutral or positive.
        critical_of: authority, organisation or none.
        topics: one to three codes of `TOPICS`, most important first.
        body: the article's body; empty when it is not known. Labels are of title and lead alone.
    """

    id: str
    title: str
    lead: str
    site: str
    year: int
    origin: str
    sentiment: str
    critical_of: str
    topics: tuple[str, ...]
    body: str = ""


@dataclass(frozen=True)
class UnlabelledArticle:
    """An article that has no labels.

    Attributes:
        id: the aggregator's number.
        title: headline.
        lead: lead; may be empty.
        body: body; may be empty.
    """

    id: str
    title: str
    lead: str
    body: str


@dataclass(frozen=True)
class SecondLabels:
    """What another labelling gives an item.

    Attributes:
        sentiment: negative, neutral or positive.
        critical_of: authority, organisation or none.
        topics: codes of `TOPICS`.
    """

    sentiment: str
    critical_of: str
    topics: tuple[str, ...]


def shipped_headlines() -> list[LabelledHeadline]:
    """The labelled headlines that the project ships (see `labels/README.md` for source and licence)."""
    with files("nlp.models").joinpath(SHIPPED).open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8") as lines:
        return _read(lines, SHIPPED)


def own_headlines() -> list[LabelledHeadline]:
    """Headlines that this project wrote, with labels, for what news says and no labelled headline shows (see `labels/README.md`)."""
    with files("nlp.models").joinpath(OWN).open(encoding="utf-8") as lines:
        return _read(lines, OWN)


def read_articles(path: Path) -> list[UnlabelledArticle]:
    """The articles of a file of JSON lines with id, title, lead and body (`.gz`: compressed).

    Raises:
        InputError: when the file cannot be read, or a line has no title.
    """
    found = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, record in read_records(lines):
                texts = [record.get(name) or "" for name in ("title", "lead", "body")]
                if not all(isinstance(text, str) for text in texts) or not texts[0]:
                    raise InputError(f"{path.name}, line {number}: 'title', 'lead' and 'body' must be text", "Mend the line")
                found.append(UnlabelledArticle(str(record.get("id", "")), *texts))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", "Give a file of JSON lines in UTF-8, plain or .gz") from error
    return found


def with_articles(
    headlines: Sequence[LabelledHeadline], articles: Sequence[UnlabelledArticle]
) -> tuple[list[LabelledHeadline], list[UnlabelledArticle]]:
    """Labelled headlines with what articles tell beside them.

    Returns:
        The headlines, with the body of the article that has their title; then those of `articles` whose labels the project ships by id.
        And the articles that share no title with either.
    """
    by_title = {_plain(article.title): article for article in articles}
    own = {_plain(item.title) for item in headlines}
    joined = [replace(item, body=by_title[_plain(item.title)].body) if _plain(item.title) in by_title else item for item in headlines]
    with files("nlp.models").joinpath(ADDITIONAL).open(encoding="utf-8") as lines:
        labels = {str(record["id"]): _labels(record, f"{ADDITIONAL}, line {number}") for number, record in read_records(lines)}
    rest = []
    for article in articles:
        if _plain(article.title) in own:
            continue
        if article.id not in labels:
            rest.append(article)
            continue
        given = labels[article.id]
        joined.append(
            LabelledHeadline(
                id=article.id,
                title=article.title,
                lead=article.lead,
                site="baomoi.com",
                year=2017,
                origin=ADDITIONAL_ORIGIN,
                sentiment=given.sentiment,
                critical_of=given.critical_of,
                topics=given.topics,
                body=article.body,
            )
        )
    return joined, rest


def _plain(title: str) -> str:
    return " ".join(words(title))


def read_headlines(path: Path) -> list[LabelledHeadline]:
    """The labelled headlines of a file of JSON lines (`.gz`: compressed).

    Raises:
        InputError: when the file cannot be read or a line is no labelled headline; names the line and the field.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            return _read(lines, path.name)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", "Give a file of JSON lines in UTF-8, plain or .gz") from error


def _read(lines: Iterable[str], name: str) -> list[LabelledHeadline]:
    headlines = [_headline(record, f"{name}, line {number}") for number, record in read_records(lines)]
    if not headlines:
        raise InputError(f"{name} holds no labelled headline", "Give some hundreds: title, sentiment, critical_of, topics")
    return headlines


def read_second_pass(path: Path) -> dict[str, SecondLabels]:
    """The labels that another pass gave, by the item's id.

    Raises:
        InputError: when the file cannot be read or a line holds no labels; names the line and the field.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return {str(record.get("id", "")): _labels(record, f"{path.name}, line {number}") for number, record in read_records(lines)}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", "Give a file of JSON lines in UTF-8") from error


def _headline(record: dict[str, Any], position: str) -> LabelledHeadline:
    title, lead = record.get("title"), record.get("lead") or ""
    if not isinstance(title, str) or not isinstance(lead, str):
        raise InputError(f"{position}: 'title' and 'lead' must be text", "Mend the line")
    labels = _labels(record, position)
    year = record.get("year", 0)
    if not isinstance(year, int):
        raise InputError(f"{position}: 'year' {year!r} must be a number", "Mend the line")
    return LabelledHeadline(
        id=str(record.get("id", "")),
        title=title,
        lead=lead,
        site=str(record.get("site", "")),
        year=year,
        origin=str(record.get("origin", "")),
        sentiment=labels.sentiment,
        critical_of=labels.critical_of,
        topics=labels.topics,
        body=record["body"] if isinstance(record.get("body"), str) else "",
    )


def _labels(record: dict[str, Any], position: str) -> SecondLabels:
    topics = record.get("topics")
    if not isinstance(topics, list) or not all(topic in TOPICS for topic in topics):
        raise InputError(f"{position}: 'topics' {topics!r} must be a list of codes", f"Codes: {', '.join(TOPICS)}")
    for field, allowed in (("sentiment", SENTIMENTS), ("critical_of", CRITICAL_OF)):
        if record.get(field) not in allowed:
            raise InputError(f"{position}: {field!r} is {record.get(field)!r}", f"Allowed: {', '.join(allowed)}")
    return SecondLabels(str(record["sentiment"]), str(record["critical_of"]), tuple(topics))
