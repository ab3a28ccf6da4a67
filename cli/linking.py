"""`diembao duplicates` and `diembao stories`: groups among articles that are not indexed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

import click

from cli.output import emit, json_option, with_progress
from diembao.jsonl import read_articles


@click.command()
@json_option
def duplicates(**_: bool) -> None:
    """Articles as JSON lines on stdin: a line for each pair of copies.

    Two articles are copies when half or more of their text is the same, or the shorter (50 syllables or more) stands almost
    whole in the other.
    """
    from nlp.copies import find_copies

    for pair in find_copies(texts_of(with_progress(sys.stdin, "read")), len(os.sched_getaffinity(0))):
        emit({"a": pair.a, "b": pair.b, "similarity": round(pair.similarity, 4)})


def texts_of(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Id and whole text of each Article."""
    return ((article.id, "\n".join((article.title, article.lead, article.body))) for article in read_articles(lines, need_id=True))


@click.command()
@json_option
def stories(**_: bool) -> None:
    """Articles as JSON lines on stdin, oldest first: the story of each; articles on the same event have the same one.

    The lines come in the order of the input, each as soon as nothing that follows can change it: when nothing was written
    on its story, and those before it, for two windows of three days (of 2,000 articles where there are no dates).
    """
    from nlp.repair import repair
    from nlp.stories import group_stories

    repaired = (
        article.with_fields(**{field: repair(getattr(article, field)).text for field in ("title", "lead", "body")})
        for article in with_progress(read_articles(sys.stdin, need_id=True), "read")
    )
    for identity, story in group_stories(repaired):
        emit({"id": identity, "story_id": story})
