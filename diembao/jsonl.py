"""JSON lines: how Articles travel between commands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from diembao.article import Article
from diembao.errors import InputError


def read_records(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, JSON object) of each line that is not blank.

    Raises:
        InputError: for a line that is not a JSON object; names the line.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"line {number} is not JSON: {error}", "Each line must be one JSON object") from error
        if not isinstance(record, dict):
            raise InputError(f"line {number} is not a JSON object", "Each line must be one JSON object")
        yield number, record


def read_articles(lines: Iterable[str], need_id: bool = False) -> Iterator[Article]:
    """The Articles of JSON lines.

    Args:
        lines: one JSON object each; blank ones are passed over.
        need_id: refuse a line with neither `id` nor `url`, where groups are told by ids.

    Raises:
        InputError: for a line that is no Article, or has no id where one is needed; names the line.
    """
    for number, record in read_records(lines):
        article = Article.from_record(record, f"line {number}")
        if need_id and not article.id:
            raise InputError(f"line {number} has neither id nor url", "Give each article an id: groups are told by ids")
        yield article


def write_line(stream: TextIO, record: object) -> None:
    """Write `record` as one JSON line in UTF-8 letters; lone surrogates, which UTF-8 has no form for, are escaped."""
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(record, ensure_ascii=True, separators=(",", ":"))
    stream.write(text + "\n")
