"""The audit log: who changed what, when, from what to what. One function writes; nothing changes or deletes a row.

`record` takes the session of the change itself, so a change and its row are kept together or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from diembao.privacy import mask_personal_numbers
from diembao.state import AuditRecord, State

LONGEST_TEXT = 4_000
"""Characters of one text in `before` or `after`; what is longer is cut, with an ellipsis."""
LONGEST_SUBJECT = 600
_PAGE = 500


@dataclass(frozen=True)
class Entry:
    """One row of the log.

    Attributes:
        number: order in which the rows were written.
        at: when, aware UTC.
        who: name of the user, "key:ID" of an API key, "command:NAME" of the command line; empty: nobody had to log in.
        action: kind and deed, such as "user.role".
        subject: what was changed: a user's name, an article's id.
        before, after: JSON values; None: there was nothing, or there is nothing any more.
    """

    number: int
    at: datetime
    who: str
    action: str
    subject: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Wanted:
    """Which rows are asked for; an empty text and None ask for all.

    Attributes:
        who: exactly this person, key or command.
        action: exactly this action, or all of a kind ("user").
        subject: part of the subject.
        since, until: from the one moment to before the other, aware UTC.
        logins: whether rows of logins, which change nothing, are wanted too.
    """

    who: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None
    logins: bool = True


def record(session: Session, at: datetime, who: str, action: str, subject: str, before: Any = None, after: Any = None) -> None:
    """Add a row to the log, in the transaction of what it tells of.

    Args:
        session: of the change.
        at: when, aware UTC.
        who: see `Entry`.
        action: kind and deed with a dot between, lower case.
        subject: what is changed.
        before: JSON value it had; None: nothing. Numbers of private persons are masked in it; never give a secret.
        after: JSON value it has now.
    """
    session.add(
        AuditRecord(at=at, who=who[:200], action=action[:50], subject=subject[:LONGEST_SUBJECT], before=_kept(before), after=_kept(after))
    )


def entries(state: State, wanted: Wanted, limit: int, below: int | None = None) -> list[Entry]:
    """The rows that are asked for, the newest first; only those with a smaller number than `below`. Raises StateError."""
    query = select(AuditRecord).order_by(AuditRecord.number.desc()).limit(limit)
    if below is not None:
        query = query.where(AuditRecord.number < below)
    if wanted.who:
        query = query.where(AuditRecord.who == wanted.who)
    if wanted.action:
        is_kind = AuditRecord.action.startswith(f"{wanted.action}.", autoescape=True)
        query = query.where((AuditRecord.action == wanted.action) | is_kind)
    if wanted.subject:
        query = query.where(AuditRecord.subject.contains(wanted.subject, autoescape=True))
    if not wanted.logins:
        query = query.where(~AuditRecord.action.startswith("login."))
    if wanted.since is not None:
        query = query.where(AuditRecord.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditRecord.at < wanted.until)
    with state.session() as session:
        return [Entry(row.number, row.at, row.who, row.action, row.subject, row.before, row.after) for row in session.scalars(query)]


def all_entries(state: State, wanted: Wanted) -> Iterator[Entry]:
    """Every row that is asked for, the newest first, read in portions. Raises StateError."""
    below: int | None = None
    while page := entries(state, wanted, _PAGE, below):
        yield from page
        below = page[-1].number


def actions(state: State) -> list[str]:
    """The actions that occur, in alphabetical order. Raises StateError."""
    with state.session() as session:
        return sorted(session.scalars(select(AuditRecord.action).distinct()))


def _kept(value: Any) -> Any:
    if isinstance(value, str):
        masked = mask_personal_numbers(value)
        return masked if len(masked) <= LONGEST_TEXT else masked[: LONGEST_TEXT - 1] + "…"
    if isinstance(value, dict):
        return {str(name): _kept(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_kept(part) for part in value]
    return value
