"""How an article changed, and when it was away: the texts that were kept of it, word by word. Imports no Scrapy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Literal

from sqlalchemy import or_, select

from diembao.article import ArchiveRecord
from diembao.errors import InputError
from diembao.state import FetchState, Removal, Revision, State
from diembao.urls import article_id, normalise_url

PARTS = ("title", "lead", "body")

_WORDS = re.compile(r"\s+|[^\W_]+|[\W_]", re.UNICODE)
_COMPARISONS_MAX = 2_000_000
"""Pairs of words that one text costs at most (a second); what would cost more is shown as replaced whole."""

Change = Literal["same", "removed", "added"]


@dataclass(frozen=True)
class Piece:
    """Some words of a text, and what became of them."""

    change: Change
    text: str


@dataclass(frozen=True)
class KeptText:
    """One revision.

    Attributes:
        revision: 1, 2, …
        fetched_at: when it was fetched (aware UTC); None when it was not crawled.
        title: headline.
        lead: sapo.
        body: paragraphs joined by line feeds.
        content_hash: SHA-256 of the three.
        archive: where the page lies; None when it was not crawled.
    """

    revision: int
    fetched_at: datetime | None
    title: str
    lead: str
    body: str
    content_hash: str
    archive: ArchiveRecord | None


@dataclass(frozen=True)
class Away:
    """A time in which the article was not at its address.

    Attributes:
        last_seen_at: the last attempt before that found it; None: unknown.
        found_at: the first attempt that did not.
        checked_at: the last attempt that did not.
        checks: how many in a row.
        restored_at: when it was there again; None: it is still away.
        fate: gone, not_found, left_site or not_article.
        detail: what was answered.
        archive: where the first answer lies; None when there was none to keep.
    """

    last_seen_at: datetime | None
    found_at: datetime
    checked_at: datetime
    checks: int
    restored_at: datetime | None
    fate: str
    detail: str
    archive: ArchiveRecord | None

    @property
    def is_over(self) -> bool:
        """Whether the article is there again."""
        return self.restored_at is not None


@dataclass(frozen=True)
class History:
    """What is kept of one article.

    Attributes:
        id: its id.
        url: its address; empty when it was not crawled.
        source: id of its source; empty when it was not crawled.
        first_seen_at: when its address was first found; None when it was not crawled.
        texts: its revisions, oldest first.
        away: the times in which it was not there, oldest first.
    """

    id: str
    url: str
    source: str
    first_seen_at: datetime | None
    texts: list[KeptText]
    away: list[Away]

    @property
    def removed_at(self) -> datetime | None:
        """When it was found to be taken down; None: as far as we know it is there."""
        return self.away[-1].found_at if self.away and not self.away[-1].is_over else None

    def changes(self) -> Iterator[tuple[KeptText, KeptText, dict[str, list[Piece]]]]:
        """(before, after, changed parts by name) of each two revisions one after the other."""
        for before, after in zip(self.texts, self.texts[1:], strict=False):
            parts = {name: word_diff(getattr(before, name), getattr(after, name)) for name in PARTS}
            yield before, after, {name: pieces for name, pieces in parts.items() if any(piece.change != "same" for piece in pieces)}


def history(state: State, wanted: str) -> History:
    """What is kept of the article with the id, or at the address, `wanted`.

    Raises:
        InputError: when nothing is.
        StateError: when the database fails.
    """
    wanted = wanted.strip()
    ids, address = {wanted}, None
    if "://" in wanted:
        ids = {article_id(wanted)}
        try:
            address = normalise_url(wanted)
        except ValueError as error:
            raise InputError(str(error), "Give the id of an article, or its address") from error
    with state.session() as session:
        known = FetchState.article_id.in_(ids) if address is None else or_(FetchState.article_id.in_(ids), FetchState.url == address)
        entry = session.scalar(select(FetchState).where(known, FetchState.role == "article").order_by(FetchState.first_seen_at).limit(1))
        identity = entry.article_id if entry is not None and entry.article_id else next(iter(ids))
        texts = session.scalars(select(Revision).where(Revision.article_id == identity).order_by(Revision.revision)).all()
        removals = session.scalars(select(Removal).where(Removal.article_id == identity).order_by(Removal.found_at)).all()
        if not texts:
            raise InputError(f"nothing is kept of {wanted}", "diembao search --json gives ids; an article is kept when it is indexed")
        return History(
            id=identity,
            url=entry.address if entry else "",
            source=entry.source if entry else "",
            first_seen_at=entry.first_seen_at if entry else None,
            texts=[
                KeptText(
                    one.revision,
                    one.fetched_at,
                    one.title,
                    one.lead,
                    one.body,
                    one.content_hash,
                    _archive(one.archive_file, one.archive_offset),
                )
                for one in texts
            ],
            away=[_away(one) for one in removals],
        )


def removal_of(state: State, article_id: str) -> Away | None:
    """The last time that the article was not at its address, over (`is_over`) or not; None: it was always there, or no crawl looks for it.

    `crawlers.evidence.captured` tells what was answered, with its SHA-256.

    Raises:
        StateError: when the database fails.
    """
    with state.session() as session:
        query = select(Removal).where(Removal.article_id == article_id).order_by(Removal.found_at.desc()).limit(1)
        last = session.scalar(query)
        return None if last is None else _away(last)


def _away(row: Removal) -> Away:
    return Away(
        row.last_seen_at,
        row.found_at,
        row.checked_at,
        row.checks,
        row.restored_at,
        row.fate,
        row.detail,
        _archive(row.archive_file, row.archive_offset),
    )


def _archive(file: str | None, offset: int | None) -> ArchiveRecord | None:
    return None if file is None or offset is None else ArchiveRecord(file=file, offset=offset)


def word_diff(before: str, after: str) -> list[Piece]:
    """`before` and `after` word by word: what stayed, what went, what came; joined, they are the two texts.

    First paragraphs are compared, then the words of those that changed, so the cost stays bounded for any text.

    >>> [(piece.change, piece.text) for piece in word_diff("Ba người bị thương", "Hai người bị thương")]
    [('removed', 'Ba'), ('added', 'Hai'), ('same', ' người bị thương')]
    """
    pieces: list[Piece] = []
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    left_over = _COMPARISONS_MAX
    # Without autojunk a thousand equal lines would cost a million comparisons.
    for kind, first, last, start, end in SequenceMatcher(None, old, new).get_opcodes():
        left, right = "".join(old[first:last]), "".join(new[start:end])
        words = _WORDS.findall(left), _WORDS.findall(right)
        cost = len(words[0]) * len(words[1])
        if kind == "equal":
            pieces.append(Piece("same", left))
        elif cost > left_over:
            pieces += [Piece("removed", left), Piece("added", right)]
        else:
            left_over -= cost
            pieces += _words_that_changed(*words)
    return _joined(pieces)


def _words_that_changed(old: list[str], new: list[str]) -> list[Piece]:
    pieces = []
    for kind, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(old[first:last])))
        else:
            pieces += [Piece("removed", "".join(old[first:last])), Piece("added", "".join(new[start:end]))]
    return pieces


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Without empty pieces, with spaces between two changed words counted as changed, so that a phrase reads as one."""
    kept: list[Piece] = []
    for number, piece in enumerate(pieces):
        if not piece.text:
            continue
        between = piece.change == "same" and piece.text.isspace() and kept and kept[-1].change != "same"
        if between and any(later.change != "same" for later in pieces[number + 1 : number + 2]):
            kept += [Piece("removed", piece.text), Piece("added", piece.text)]
            continue
        kept.append(piece)
    merged: list[Piece] = []
    waiting: dict[Change, str] = {"removed": "", "added": ""}

    def flush() -> None:
        for change in waiting:
            if waiting[change]:
                merged.append(Piece(change, waiting[change]))
                waiting[change] = ""

    for piece in kept:
        if piece.change != "same":
            waiting[piece.change] += piece.text
            continue
        flush()
        if merged and merged[-1].change == "same":
            merged[-1] = Piece("same", merged[-1].text + piece.text)
        else:
            merged.append(piece)
    flush()
    return merged
