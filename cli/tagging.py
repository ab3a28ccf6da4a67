"""`diembao tag`: Articles in, Articles with what their text tells out."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

import click

from cli.output import emit, say
from diembao.article import Article
from diembao.errors import InputError
from diembao.jsonl import read_records
from diembao.settings import Settings

READ = ("id", "title", "lead", "body")
HINTS = ("url", "source", "published_at")
"""Read where they can be read: they tell which of several places of one name is meant."""


@click.command()
@click.option("--processes", type=click.IntRange(min=1), default=1, show_default=True, help="Work in so many processes.")
@click.option("--json", "as_json", is_flag=True, help="Accepted for uniformity: the output is always JSON lines.")
@click.pass_obj
def tag(settings: Settings, processes: int, as_json: bool) -> None:
    """Tag Articles: JSON lines on stdin, the same with topics, tone, names and places on stdout.

    `id`, `title`, `lead` and `body` are read and only `title` must be there; `url`, `source` and `published_at` help to tell which of
    several places of one name is meant, and are passed over where they cannot be read. Every other field of a line is kept as it is. The
    order is kept. The text is repaired in place. A line that cannot be read ends the work with exit code 1, after those before it.
    """
    from nlp.tagging import Tagger

    tagger = Tagger.of(settings)
    records: deque[dict[str, Any]] = deque()
    unreadable: list[InputError] = []

    def articles() -> Iterator[Article]:
        try:
            for number, record in read_records(sys.stdin):
                article = _article(record, number)
                records.append(record)
                yield article
        except InputError as error:
            unreadable.append(error)

    count = 0
    for article in tagger.tag_all(articles(), processes):
        record, fields = records.popleft(), article.to_record()
        emit(record | {name: fields[name] for name in ("title", "lead", "body", "obfuscated", "content_hash", *tagger.fields, "steps")})
        count += 1
    sys.stdout.flush()
    if unreadable:
        raise unreadable[0]
    say(f"{count} tagged")


def _article(record: dict[str, Any], number: int) -> Article:
    if "title" not in record:
        raise InputError(f"line {number} has no 'title'", "Each line must be a JSON object with at least a 'title'")
    known = {name: record[name] for name in READ if name in record}
    hints = {name: record[name] for name in HINTS if isinstance(record.get(name), str)}
    try:
        return Article.from_record(known | hints, f"line {number}")
    except InputError:
        hints.pop("published_at", None)
    return Article.from_record(known | hints, f"line {number}")
