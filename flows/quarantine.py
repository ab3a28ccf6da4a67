"""The quarantine of a run: articles that could not be tagged or were refused, each with its reason, waiting for the next try."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diembao.article import Article
from diembao.errors import InputError
from diembao.fates import Fate
from diembao.jsonl import read_records, write_line

QUARANTINE = "quarantine.jsonl"


@dataclass(frozen=True)
class Quarantined:
    """An article as it was crawled (or tagged), the fate that it has meanwhile, and why."""

    article: Article
    fate: Fate
    reason: str


def write_quarantine(folder: Path, entries: list[Quarantined]) -> None:
    """Replace the quarantine of the run in `folder`, whole or not at all; no file when nothing waits."""
    path = folder / QUARANTINE
    if not entries:
        path.unlink(missing_ok=True)
        return
    draft = path.with_suffix(".tmp")
    with draft.open("w", encoding="utf-8") as stream:
        for entry in entries:
            write_line(stream, {"reason": entry.reason, "fate": entry.fate, "article": entry.article.to_record()})
    draft.replace(path)


def read_quarantine(folder: Path) -> list[Quarantined]:
    """What waits in the quarantine of the run in `folder`.

    Raises:
        InputError: when a line cannot be read; names the file and the line.
    """
    path = folder / QUARANTINE
    entries = []
    with path.open(encoding="utf-8") as lines:
        for number, record in read_records(lines):
            position = f"{path}: line {number}"
            try:
                entries.append(Quarantined(Article.from_record(record["article"], position), Fate(record["fate"]), str(record["reason"])))
            except (KeyError, ValueError) as error:
                raise InputError(f"{position}: {error!r}", "Mend the line, or put the file aside") from error
    return entries
