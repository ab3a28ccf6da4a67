"""Several corrections as one deed: kept together, applied together, and none of them over a change that its giver has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from diembao.article import Article
from diembao.corrections import Correction, reference_of, value_of
from diembao.engine import SearchEngine
from diembao.errors import EngineError, UsageError
from diembao.state import CorrectionRecord, State
from index.corrections import _referred, _rows, keep, newest, renew

_LOCK = 20261123


@dataclass(frozen=True)
class Wish:
    """One correction that is to be given.

    Attributes:
        article_id, field, value: as in `index.corrections.correct`.
        seen: `shown_text` of what its giver saw; None: it counts whatever the article says now.
        since: when its giver saw the article (aware); what others corrected later is not written over. None: it counts all the same.
    """

    article_id: str
    field: str
    value: Any
    seen: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Conflict:
    """Somebody else corrected the same field meanwhile: nothing was written over it.

    Attributes:
        article_id, field: what.
        value: what it is now.
        by, at: who said so, and when.
    """

    article_id: str
    field: str
    value: Any
    by: str
    at: datetime


@dataclass
class Together:
    """What became of several corrections.

    Attributes:
        given: rows that were kept, or of what was in force already the row that says so.
        fresh: keys of those that were kept now.
        failed: why not, by article.
        conflicts: those that would have gone over somebody else's correction.
    """

    given: list[Correction] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


Tell = Callable[[Session, Together], None]
"""Writes what has to be kept of it (audit log, deed), in the transaction that ends it; not called when nothing changed."""


def shown_text(field: str, value: Any) -> str:
    """A value in the form in which a page remembers what it showed; in no order what has none.

    >>> shown_text("topics", ["traffic", "health"]), shown_text("relevant", True), shown_text("copy_of", {"is": "a"})
    ('health,traffic', 'yes', 'a')
    """
    if field == "topics":
        return ",".join(sorted(value or []))
    if field == "places":
        return ";".join(sorted(place["code"] for place in value or []))
    if field == "relevant":
        return "yes" if value else "no"
    if field in ("copy_of", "story_id"):
        return "" if "not" in (value or {}) else reference_of(field, value) or ""
    return str(value or "")


def correct_together(state: State, engine: SearchEngine, wishes: Sequence[Wish], now: datetime, by: str, note: str, tell: Tell) -> Together:
    """Keep several corrections and write the articles at once. What cannot be kept is named by article, the others are kept.

    Args:
        state: keeps them.
        engine: has the articles.
        wishes: at most one for a field of an article.
        now: aware UTC.
        by: who.
        note: why.
        tell: see Tell.

    Raises:
        EngineError: when the engine fails; then nothing is kept.
    """
    found = Together()
    ready: list[tuple[Wish, Article]] = []
    for wish in wishes:
        try:
            ready.append(_ready(state, engine, wish))
        except UsageError as error:
            found.failed[wish.article_id] = str(error)
    with state.session() as session:
        _one_after_another(session)
        before = newest(session)
        rows = _rows(session, CorrectionRecord.article_id.in_({wish.article_id for wish, _ in ready}))
        for wish, article in ready:
            mine = [row for row in rows if (row.article_id, row.field) == (wish.article_id, wish.field)]
            valid = next((row for row in reversed(mine) if row.in_force), None)
            present = _present(article, valid, wish.field)
            if valid and valid.value == wish.value:
                found.given.append(valid)
                continue
            is_late = valid is not None and wish.field not in article.corrected  # kept, and not in the engine yet
            is_unseen = wish.seen is not None and (is_late or shown_text(wish.field, present) != wish.seen)
            is_newer = wish.since is not None and any(row.given_at > wish.since and row.given_by != by for row in mine)
            # What the machine changed meanwhile is nobody's word that could be lost.
            if mine and (is_unseen or is_newer):
                found.conflicts.append(Conflict(wish.article_id, wish.field, present, mine[-1].given_by, mine[-1].given_at))
                continue
            given = Correction(
                article_id=wish.article_id, field=wish.field, value=wish.value, old_value=present, given_by=by, given_at=now, note=note
            )
            found.fresh.append(keep(session, given, before))
    _in_force(state, engine, found, before, now, tell)
    return found


def undo_together(state: State, engine: SearchEngine, keys: Sequence[str], now: datetime, by: str, tell: Tell) -> Together:
    """Take several corrections back at once; those that were taken back before, or are not there, are named in `failed` by their key.

    Raises:
        EngineError: when the engine fails; then nothing is kept.
    """
    found = Together()
    with state.session() as session:
        _one_after_another(session)
        before = newest(session)
        records = {record.key: record for record in session.scalars(select(CorrectionRecord).where(CorrectionRecord.key.in_(keys)))}
        gone = set(session.scalars(select(CorrectionRecord.undoes).where(CorrectionRecord.undoes.in_(keys))))
        for key in keys:
            record = records.get(key)
            if record is None or record.undoes is not None or key in gone:
                found.failed[record.article_id if record else key] = "taken back before"
                continue
            taken_back = Correction(
                article_id=record.article_id, field=record.field, value=record.value, old_value=record.old_value, given_by=by,
                given_at=now, undoes=key,
            )  # fmt: skip
            found.fresh.append(keep(session, taken_back, before))
    _in_force(state, engine, found, before, now, tell)
    return found


def _ready(state: State, engine: SearchEngine, wish: Wish) -> tuple[Wish, Article]:
    """The wish with the id of the article that it names, and the article as it is indexed."""
    article = engine.get(wish.article_id)
    if article is None:
        raise UsageError(f"there is no article {wish.article_id!r}", "Its id stands in the address of its page")
    value = wish.value
    if (other := reference_of(wish.field, value)) is not None:
        with state.session() as session:
            value = {next(iter(value)): _referred(session, engine, article.id, wish.field, other)}
    return replace(wish, value=value), article


def _present(article: Article, valid: Correction | None, field: str) -> Any:
    """What is said of the field now. A link names an article, and the page shows the group that this one is in."""
    return value_of(article, field) if valid is None or field in ("copy_of", "story_id") else valid.value


def _one_after_another(session: Session) -> None:
    """Whoever else corrects at the same moment waits until this transaction ends, so nobody decides on rows that are about to change."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    else:  # SQLite takes its lock with the first statement that writes, whether it finds a row or not
        session.execute(update(CorrectionRecord).where(CorrectionRecord.number < 0).values(note=""))


def _in_force(state: State, engine: SearchEngine, found: Together, before: int, now: datetime, tell: Tell) -> None:
    """Write the engine by the rows that were kept; what the engine refuses is not kept."""
    if not found.fresh:
        return
    try:
        with state.session() as session:
            ours = {row.key: row for row in session.scalars(select(CorrectionRecord).where(CorrectionRecord.key.in_(found.fresh)))}
            ids = list(dict.fromkeys(row.article_id for row in ours.values()))
            renew(session, engine, ids)
            for key, row in list(ours.items()):
                written = engine.get(row.article_id)
                if row.undoes is None and (written is None or row.field not in written.corrected):
                    found.failed[row.article_id] = "the search engine refused it"
                    found.fresh.remove(key)
                    session.delete(row)
            session.flush()
            kept = {row.key: row for row in _rows(session, CorrectionRecord.article_id.in_(ids))}
            found.given += [kept[key] for key in found.fresh]
            if found.fresh:
                tell(session, found)
    except EngineError:
        with state.session() as session:
            session.execute(delete(CorrectionRecord).where(CorrectionRecord.key.in_(found.fresh), CorrectionRecord.number > before))
        raise
