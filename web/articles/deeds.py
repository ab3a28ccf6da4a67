"""What one click did to one article or to many: kept so that it can be told, shared by its address, and taken back whole."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict
from sqlalchemy import update
from sqlalchemy.orm import Session

from alerts.briefing.adding import Added, add_articles, open_today, take_out
from diembao import audit
from diembao.article import Article
from diembao.clock import VIETNAM
from diembao.corrections import as_text
from diembao.errors import UsageError
from diembao.state import Deed
from index.corrections_together import Conflict, Together, Wish, correct_together, undo_together
from web.articles.notes import add_notes, remove_notes
from web.desk import Desk, Names
from web.texts import Texts

Kind = Literal["correct", "merge", "note", "briefing"]
LONGEST_ID = 24


class Done(BaseModel):
    """What a deed did, as it is kept.

    Attributes:
        field: of corrections; empty: it was something else.
        values: of corrections, by article, the value that was given (`diembao.corrections`).
        articles: ids of those that it was done to.
        failed: why it could not be done, by id of the article.
        keys: of the corrections that it gave.
        notes: numbers of the notes that it wrote.
        day, items: of the briefing that it changed, and by key of the item whether that was in before.
    """

    model_config = ConfigDict(frozen=True)

    field: str = ""
    values: dict[str, Any] = {}
    articles: list[str] = []
    failed: dict[str, str] = {}
    keys: list[str] = []
    notes: list[int] = []
    day: str = ""
    items: dict[str, bool] = {}


@dataclass(frozen=True)
class KeptDeed:
    """A deed: `id` names it in its address."""

    id: str
    kind: Kind
    at: datetime
    by: str
    done: Done
    undone_at: datetime | None
    undone_by: str


class ConflictsError(UsageError):
    """Somebody else corrected the same meanwhile; nothing was written over that."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        super().__init__("; ".join(dict.fromkeys(_who_else(one) for one in conflicts)), "Look at it and decide")
        self.conflicts = list(conflicts)


def read_deed(desk: Desk, deed_id: str) -> KeptDeed | None:
    """The deed with this id, or None. Raises StateError."""
    if not deed_id or len(deed_id) > LONGEST_ID:
        return None
    with desk.state.session() as session:
        row = session.get(Deed, deed_id)
        if row is None:
            return None
        kind: Kind = next(known for known in get_args(Kind) if known == row.kind)
        return KeptDeed(row.id, kind, row.at, row.by, Done.model_validate(row.done), row.undone_at, row.undone_by)


def give_corrections(desk: Desk, wishes: Sequence[Wish], by: str, note: str = "", kind: Kind = "correct", *, as_one: bool = False) -> str:
    """Keep corrections of one field as a deed.

    Args:
        desk: what the page works with.
        wishes: one for each article.
        by: who.
        note: why.
        kind: "correct" or "merge".
        as_one: the audit log has one row for all of them; else one for each.

    Returns:
        The id of the deed; empty when everything was so already.

    Raises:
        ConflictsError: when others corrected the same meanwhile and nothing else could be done.
        UsageError: when nothing could be kept.
        EngineError: when the engine fails; nothing is kept.
    """
    now, made = desk.clock(), ""

    def tell(session: Session, found: Together) -> None:
        nonlocal made
        fresh = [row for row in found.given if row.key in found.fresh]
        failed = found.failed | {conflict.article_id: _who_else(conflict) for conflict in found.conflicts}
        values = {row.article_id: row.value for row in fresh}
        done = Done(field=fresh[0].field, values=values, articles=list(values), failed=failed, keys=[row.key for row in fresh])
        made = _keep(session, kind, now, by, done)
        if as_one:
            before = {row.article_id: row.old_value for row in fresh}
            after = {"field": done.field, "articles": len(values), "values": values, "failed": failed}
            audit.record(session, now, by, f"bulk.{kind}", _subject(made, values), {"values": before}, after)
        else:
            note_each(session, found, now, by)

    found = correct_together(desk.state, desk.engine, wishes, now, by, note, tell)
    if not made:
        if found.conflicts:
            raise ConflictsError(found.conflicts)
        if found.failed:
            raise UsageError(next(iter(found.failed.values())))
    return made


def note_each(session: Session, found: Together, now: datetime, by: str) -> None:
    """A row of the audit log for each correction that was given."""
    for row in found.given:
        if row.key in found.fresh:
            audit.record(session, now, by, "correction.give", row.article_id, {row.field: row.old_value}, {row.field: row.value})


def give_notes(desk: Desk, articles: Sequence[str], text: str, by: str) -> str:
    """Write the same note on several articles as a deed; returns its id. Raises UsageError when the note is empty."""
    now = desk.clock()
    with desk.state.session() as session:
        numbers = add_notes(session, articles, text, by, now)
        deed = _keep(session, "note", now, by, Done(articles=list(articles), notes=numbers))
        audit.record(session, now, by, "bulk.note", _subject(deed, articles), None, {"articles": list(articles), "text": text})
    return deed


def give_to_briefing(desk: Desk, articles: Sequence[Article], by: str) -> str:
    """Take the stories of several articles into today's briefing as a deed; returns its id.

    Raises:
        UsageError: when the briefing went out, or nothing could be taken in.
    """
    now, settings = desk.clock(), desk.settings
    office, taxonomy = settings.office, settings.taxonomy
    day = open_today(desk.state, desk.engine, office, taxonomy, now, desk.source_names)
    with desk.state.session() as session:
        added: Added = add_articles(session, desk.engine, articles, day, by, now, office, taxonomy, desk.source_names)
        if not added.keys:
            raise UsageError(next(iter(added.failed.values()), "no article"))
        done = Done(articles=list(added.keys), failed=added.failed, day=day.isoformat(), items=added.before)
        deed = _keep(session, "briefing", now, by, done)
        after = {"day": done.day, "articles": done.articles, "failed": done.failed}
        audit.record(session, now, by, "bulk.briefing", _subject(deed, done.articles), None, after)
    return deed


def undo_deed(desk: Desk, deed: KeptDeed, by: str) -> dict[str, str]:
    """Take a deed back whole; returns by article why a part of it could not be.

    Raises:
        UsageError: when it was taken back before, or nothing of it can be.
        EngineError: when the engine fails; nothing is changed.
    """
    now, done = desk.clock(), deed.done
    if deed.undone_at is not None:
        raise UsageError("Đã hoàn tác rồi / it was taken back before")
    if done.keys:

        def tell(session: Session, found: Together) -> None:
            _end(session, deed, by, now)
            if len(done.keys) > 1:
                _note_undo(session, deed, by, now, len(found.fresh))
                return
            for row in found.given:
                audit.record(session, now, by, "correction.undo", row.article_id, {row.field: row.value}, {row.field: None})

        found = undo_together(desk.state, desk.engine, done.keys, now, by, tell)
        if not found.fresh:
            raise UsageError("Đã hoàn tác rồi / it was taken back before")
        return found.failed
    with desk.state.session() as session:
        if not _end(session, deed, by, now):
            raise UsageError("Đã hoàn tác rồi / it was taken back before")
        if done.notes:
            remove_notes(session, done.notes)
        if done.items:
            take_out(session, date.fromisoformat(done.day), done.items, by, now)
        _note_undo(session, deed, by, now, len(done.articles))
    return {}


def value_in_words(field: str, value: Any, texts: Texts, names: Names) -> str:
    """The value of a correction as people read it."""
    if field in ("sentiment", "critical_of"):
        return names(field, value) if value else "–"
    if field == "topics":
        return ", ".join(names("topic", code) for code in value or []) or "–"
    if field == "places":
        return "; ".join(place["name"] for place in value or []) or "–"
    if field == "relevant":
        return texts("corrections.yes") if value else texts("corrections.no")
    if not value or "not" in value:
        return texts("fix.no_copy") if field == "copy_of" else texts("fix.own_story")
    return as_text(field, value)


def deed_in_words(deed: KeptDeed, texts: Texts, names: Names) -> str:
    """What a deed did, in one line."""
    done, n = deed.done, len(deed.done.articles)
    if deed.kind == "correct":
        different = {value_in_words(done.field, value, texts, names) for value in done.values.values()}
        what = f"{texts(f'corrected.{done.field}')}: {different.pop() if len(different) == 1 else '…'}"
    elif deed.kind == "merge":
        what = texts("deed.merge")
    elif deed.kind == "note":
        what = texts("deed.note")
    else:
        what = texts("deed.briefing")
    return what if n == 1 else f"{what} · {texts('deed.articles', n=texts.number(n))}"


def _who_else(conflict: Conflict) -> str:
    when = f"{conflict.at.astimezone(VIETNAM):%H:%M %d/%m/%Y}"
    return f"{conflict.by} đã sửa lúc {when} / {conflict.by} corrected it meanwhile".strip()


def _keep(session: Session, kind: Kind, now: datetime, by: str, done: Done) -> str:
    deed = secrets.token_urlsafe(12)
    session.add(Deed(id=deed, kind=kind, at=now, by=by[:200], done=done.model_dump(mode="json")))
    return deed


def _end(session: Session, deed: KeptDeed, by: str, now: datetime) -> bool:
    """Mark a deed as taken back; False when somebody else was quicker."""
    change = update(Deed).where(Deed.id == deed.id, Deed.undone_at.is_(None)).values(undone_at=now, undone_by=by[:200])
    return bool(session.execute(change).rowcount)  # type: ignore[attr-defined]


def _note_undo(session: Session, deed: KeptDeed, by: str, now: datetime, n: int) -> None:
    before = {"deed": deed.kind, "articles": deed.done.articles}
    audit.record(session, now, by, "bulk.undo", _subject(deed.id, deed.done.articles), before, {"articles": n})


def _subject(deed: str, articles: Sequence[str] | Mapping[str, Any]) -> str:
    return f"{deed}: {', '.join(articles)}"
