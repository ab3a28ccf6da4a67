"""Labelled headlines: what the models learn from."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from diembao.article import CriticalOfLabel, SentimentLabel
from diembao.errors import InputError
from diembao.jsonl import read_records

TOPICS = (
    "security", "traffic", "digital", "environment", "trade", "culture", "sport", "politics", "health", "education", "agriculture",
    "urban", "finance", "social", "world", "lifestyle", "science",
)  # fmt: skip
"""The codes of `config/taxonomy.toml` that the models know."""

SENTIMENTS: tuple[SentimentLabel, ...] = get_args(SentimentLabel)
CRITICAL_OF: tuple[CriticalOfLabel, ...] = get_args(CriticalOfLabel)

SHIPPED = "labels/danes.jsonl.gz"


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
    )


def _labels(record: dict[str, Any], position: str) -> SecondLabels:
    topics = record.get("topics")
    if not isinstance(topics, list) or not all(topic in TOPICS for topic in topics):
        raise InputError(f"{position}: 'topics' {topics!r} must be a list of codes", f"Codes: {', '.join(TOPICS)}")
    for field, allowed in (("sentiment", SENTIMENTS), ("critical_of", CRITICAL_OF)):
        if record.get(field) not in allowed:
            raise InputError(f"{position}: {field!r} is {record.get(field)!r}", f"Allowed: {', '.join(allowed)}")
    return SecondLabels(str(record["sentiment"]), str(record["critical_of"]), tuple(topics))
