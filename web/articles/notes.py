"""Notes that staff write about articles: plain text, private to the office, on no export and not in the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from diembao import audit
from diembao.errors import UsageError
from diembao.privacy import mask_personal_numbers
from diembao.state import ArticleNote, State
from web.accounts.actor import Actor

LONGEST_NOTE = 4_000
"""Characters."""


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        number: names it.
        text: plain text; its lines stay.
        by: who wrote it; empty: nobody had to log in.
        at, edited_at: when, aware UTC.
        version: what a change must name.
    """

    number: int
    text: str
    by: str
    at: datetime
    edited_at: datetime | None
    version: int


def notes_of(state: State, article_id: str) -> list[Note]:
    """The notes of an article, the oldest first. Raises StateError."""
    query = select(ArticleNote).where(ArticleNote.article_id == article_id).order_by(ArticleNote.number)
    with state.session() as session:
        return [Note(row.number, row.text, row.written_by, row.written_at, row.edited_at, row.version) for row in session.scalars(query)]


def may_edit(note: Note, actor: Actor) -> bool:
    """Whether the actor wrote it."""
    return actor.can("editor") and note.by == actor.who


def may_delete(note: Note, actor: Actor) -> bool:
    """Whether the actor wrote it, or is an admin."""
    return may_edit(note, actor) or actor.can("admin")


def add_notes(session: Session, articles: Sequence[str], text: str, by: str, now: datetime) -> list[int]:
    """Write a note on each of `articles`, in the caller's transaction; returns their numbers.

    Raises:
        UsageError: when the note is empty or too long.
    """
    kept = _checked(text)
    rows = [ArticleNote(article_id=article_id, text=kept, written_by=by[:200], written_at=now, version=1) for article_id in articles]
    session.add_all(rows)
    session.flush()
    return [row.number for row in rows]


def add_note(state: State, article_id: str, text: str, by: str, now: datetime) -> int:
    """Write one note and tell the audit log; returns its number. Raises UsageError, StateError."""
    with state.session() as session:
        number = add_notes(session, [article_id], text, by, now)[0]
        audit.record(session, now, by, "note.add", article_id, None, _checked(text))
    return number


def edit_note(state: State, article_id: str, note: Note, text: str, by: str, now: datetime) -> None:
    """Change a note's text.

    Raises:
        UsageError: when it was changed or deleted since it was read, or the text cannot be kept.
        StateError: when the database fails.
    """
    kept = _checked(text)
    with state.session() as session:
        row = session.get(ArticleNote, note.number, with_for_update=True)
        if row is None or row.article_id != article_id or row.version != note.version:
            raise UsageError("Ghi chú đã đổi ở nơi khác / the note was changed elsewhere")
        if row.text == kept:
            return
        audit.record(session, now, by, "note.edit", article_id, row.text, kept)
        row.text, row.edited_at, row.version = kept, now, note.version + 1


def delete_note(state: State, article_id: str, number: int, by: str, now: datetime) -> None:
    """Delete a note; the audit log keeps what it said. Raises StateError."""
    with state.session() as session:
        row = session.get(ArticleNote, number)
        if row is not None and row.article_id == article_id:
            audit.record(session, now, by, "note.delete", article_id, row.text, None)
            session.delete(row)


def remove_notes(session: Session, numbers: Sequence[int]) -> None:
    """Delete notes in the caller's transaction, which tells the audit log."""
    session.execute(delete(ArticleNote).where(ArticleNote.number.in_(numbers)))


def _checked(text: str) -> str:
    kept = mask_personal_numbers("\n".join(line.rstrip() for line in text.replace("\x00", "").splitlines()).strip())
    if not kept:
        raise UsageError("Ghi chú còn trống / the note is empty")
    if len(kept) > LONGEST_NOTE:
        raise UsageError(f"Ghi chú dài hơn {LONGEST_NOTE} ký tự / the note is longer than {LONGEST_NOTE} characters")
    return kept
