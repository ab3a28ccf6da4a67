"""The folder of one crawl run: articles, fates and a summary. Imports no Scrapy, so every room above can read runs.

`articles.jsonl` has one Article a line, `fates.jsonl` one line per page (`{"page", "url", "source", "fate", "detail"}`; fate
null: extracted, waits for the index), `summary.json` appears when the run has ended. A killed run has the first two only;
a last line cut short is ignored. `parts.jsonl` says after how many Articles each part ended that was indexed while the crawl was at
work.
"""

from __future__ import annotations

import json
import os
import secrets
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from diembao.article import Article
from diembao.errors import DiembaoError, InputError
from diembao.fates import Fate

_PARTS = "parts.jsonl"


def new_run_id(now: datetime) -> str:
    """A name for a run that begins `now` (aware): sorts by time, and two at the same second differ.

    >>> new_run_id(datetime(2026, 11, 20, 7, 30, tzinfo=UTC))[:16]
    '20261120T073000Z'
    """
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class PageFate:
    """What the crawl says of one page. `fate` None: its Article is in the run and waits for the index."""

    page: str
    url: str
    source: str
    fate: Fate | None
    detail: str = ""


@dataclass(frozen=True)
class CrawlRun:
    """One run as its folder tells it.

    Attributes:
        id: name of the run.
        folder: where it lies.
        summary: what summary.json says; empty when the run did not end.
    """

    id: str
    folder: Path
    summary: dict[str, Any]

    @property
    def ended(self) -> bool:
        """Whether the run ended by itself (False: it was killed, or is still at work)."""
        return bool(self.summary)

    @property
    def started_at(self) -> datetime | None:
        """When the run began (aware UTC); None when it did not end."""
        text = self.summary.get("started_at")
        return datetime.fromisoformat(text) if text else None

    @property
    def problems(self) -> list[str]:
        """One line for each feed, sitemap, listing or source that gave nothing; `summary["problems"]` has the parts."""
        return [f"{problem['source']}: {problem['problem']} ({problem['url']})" for problem in self.summary.get("problems", [])]

    def articles(self) -> Iterator[Article]:
        """The Articles in the order of fetching. Raises InputError for a damaged line that is not the last."""
        for number, record in _complete_records(self.folder / "articles.jsonl"):
            yield Article.from_record(record, f"{self.folder.name}/articles.jsonl line {number}")

    def parts(self) -> Iterator[Iterator[Article]]:
        """The Articles in the parts in which they were handed on while the crawl was at work (`RunTail`), and the rest.

        What a reprint is linked with depends on what is there already, so a replay that gives the same groups takes the same parts.
        Each part is to be read before the next. Raises InputError as `articles`.
        """
        ends = [record["articles"] for _, record in _complete_records(self.folder / _PARTS)]
        numbered = enumerate(self.articles())
        for _, part in groupby(numbered, key=lambda pair: bisect_right(ends, pair[0])):
            yield (article for _, article in part)

    def fates(self) -> Iterator[PageFate]:
        """One per page. An Article whose fate line a kill cut off gets the fate None here."""
        seen: set[str] = set()
        for _, record in _complete_records(self.folder / "fates.jsonl"):
            fate = record.get("fate")
            seen.add(record["page"])
            yield PageFate(record["page"], record["url"], record["source"], Fate(fate) if fate else None, record.get("detail", ""))
        for article in self.articles():
            if article.id not in seen:
                yield PageFate(article.id, article.url, article.source, None)


def read_run(folder: Path) -> CrawlRun:
    """The run of `folder`.

    Raises:
        InputError: when the folder or its summary cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not the folder of a run", "diembao crawl makes one")
    summary: dict[str, Any] = {}
    path = folder / "summary.json"
    if path.exists():
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read: {error}", "Take the file away; the run's articles can still be read") from error
    return CrawlRun(folder.name, folder, summary)


class RunTail:
    """What a crawl that is still at work has written to its run since it was asked last; the run remembers in which parts it was taken.

    Args:
        folder: of the run; need not exist yet.
        archive: folder of the WARC files.
    """

    def __init__(self, folder: Path, archive: Path) -> None:
        self.folder = folder
        self._archive = archive
        self._lines = self._bytes = 0

    def articles(self) -> list[Article]:
        """The Articles that came since the last call, in the order of fetching; they and their pages survive a power cut.

        Raises:
            InputError: for a damaged line.
            OSError: when a file cannot be made safe.
        """
        path = self.folder / "articles.jsonl"
        found = []
        for number, end, record in _records(path, self._lines, self._bytes):
            found.append(Article.from_record(record, f"{self.folder.name}/articles.jsonl line {number}"))
            self._lines, self._bytes = number, end
        for file in [path, *sorted({self._archive / one.archive.file for one in found if one.archive})] if found else []:
            _make_safe(file)
        if found:
            with (self.folder / _PARTS).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"articles": self._lines}) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        return found


def _make_safe(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _complete_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line that ends in a line feed."""
    for number, _, record in _records(path):
        yield number, record


def _records(path: Path, number: int = 0, position: int = 0) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(line number, byte where it ends, object) of each line that ends in a line feed, after `number` lines and `position` bytes."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(position)
        for line in file:
            if not line.endswith(b"\n"):
                return
            number, position = number + 1, position + len(line)
            try:
                record = json.loads(line)
            except ValueError as error:
                raise InputError(f"{path}: line {number} is not JSON: {error}", "Take the line away") from error
            yield number, position, record


class RunWriter:
    """Writes the folder of a run, line by line, each line at once.

    Args:
        folder: made here; must not exist.

    Raises:
        DiembaoError: when the folder exists or cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True)
            self._articles = (folder / "articles.jsonl").open("xb", buffering=0)
            self._fates = (folder / "fates.jsonl").open("xb", buffering=0)
        except FileExistsError as error:
            raise DiembaoError(f"the run {folder.name} exists already", "Choose another name") from error
        except OSError as error:
            raise DiembaoError(f"{folder} cannot be written: {error.strerror}", "Make room, or check the rights of the folder") from error
        self._counts: dict[str, Counter[Fate | None]] = {}

    def write_article(self, article: Article) -> None:
        """Write `article`. Raises OSError when it cannot be written; nothing of it is left then."""
        _append(self._articles, article.to_record())

    def write_fate(self, fate: PageFate) -> None:
        """Write what became of a page. Raises OSError."""
        record = {"page": fate.page, "url": fate.url, "source": fate.source, "fate": fate.fate, "detail": fate.detail}
        _append(self._fates, record)
        self._counts.setdefault(fate.source, Counter())[fate.fate] += 1

    def counts(self, source: str | None = None) -> dict[str, Any]:
        """`{"fetched", "extracted", "unchanged", "dropped": {reason: pages}}` of one source, or of all."""
        counts: Counter[Fate | None] = Counter()
        for name, fates in self._counts.items():
            if source in (None, name):
                counts.update(fates)
        dropped = {str(fate): counts[fate] for fate in Fate if fate is not Fate.UNCHANGED and counts[fate]}
        return {"fetched": counts.total(), "extracted": counts[None], "unchanged": counts[Fate.UNCHANGED], "dropped": dropped}

    def sync(self) -> None:
        """Make sure that the lines survive a power cut. Raises OSError."""
        os.fsync(self._articles.fileno())
        os.fsync(self._fates.fileno())

    def finish(self, summary: dict[str, Any]) -> None:
        """Write summary.json (whole or not at all) and close. Raises OSError."""
        self.sync()
        path = self.folder / "summary.json"
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        draft.replace(path)
        self.close()

    def close(self) -> None:
        """Close the files; without `finish` before, the run counts as not ended."""
        self._articles.close()
        self._fates.close()


def _append(file: BinaryIO, record: dict[str, Any]) -> None:
    line = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")
    start = file.tell()
    try:
        view = memoryview(line)
        while view:
            view = view[file.write(view) :]
    except OSError:
        file.truncate(start)
        file.seek(start)
        raise
