"""Corrections by staff: kept in the state, applied to every article on its way to an engine.

`index.ingest` is the only way to an engine and calls `Corrections.applied`, so neither a crawl nor a new model, a replay or records from
outside can undo what a person said. Of the rows that name one field of one article the last one that was not taken back counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from diembao import audit
from diembao.article import Article
from diembao.corrections import Correction, corrected, reference_of, uncorrected, value_of
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.errors import EngineError, UsageError
from diembao.privacy import mask_personal_numbers
from diembao.state import CorrectionRecord, State

_MANY = 500
"""Ids in one question to the database."""
_COPIES = 1000


class Corrections:
    """The corrections in force that concern some articles.

    Args:
        session: reads the state.
        engine: finds the articles that corrections name.
        articles: about to be written; of one id the last counts when another correction names it.
    """

    def __init__(self, session: Session, engine: SearchEngine, articles: Sequence[Article]) -> None:
        self._engine = engine
        self._session = session
        self._batch = {article.id: article for article in articles}
        self._found: dict[str, Article | None] = {}
        origins = (origin for article in articles if (origin := article.uncorrected.get("copy_of") or article.copy_of))
        self._values = in_force(session, [*self._batch, *origins])

    def applied(self, article: Article) -> Article:
        """`article` as it is to be written."""
        return self._applied(article, frozenset())

    def _applied(self, article: Article, asking: frozenset[str]) -> Article:
        values = self._values.get(article.id, {})
        origin = article.uncorrected.get("copy_of") or article.copy_of
        if "copy_of" not in values and origin and "is" in (self._values.get(origin, {}).get("copy_of") or {}):
            values = {**values, "copy_of": {"is": origin}}  # what it is a copy of is itself one of another article
        return corrected(article, values, lambda other: self._refer(other, asking | {article.id}))

    def _refer(self, article_id: str, asking: frozenset[str]) -> Article | None:
        if article_id in self._batch:
            article = self._batch[article_id]
            return article if article_id in asking else self._applied(article, asking)
        if article_id not in self._found:
            self._found[article_id] = self._engine.get(article_id)
        return self._found[article_id]


def in_force(session: Session, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """By article of `ids` and field: the value in force. Articles without corrections are left out."""
    wanted = list(dict.fromkeys(ids))
    values: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), _MANY):
        rows = _rows(session, CorrectionRecord.article_id.in_(wanted[start : start + _MANY]))
        for row in rows:
            if row.in_force:
                values.setdefault(row.article_id, {})[row.field] = row.value
    return values


def history(session: Session, article_id: str | None = None) -> list[Correction]:
    """Every row, of one article or of all, in the order in which they were given."""
    return _rows(session, *([CorrectionRecord.article_id == article_id] if article_id is not None else []))


def _rows(session: Session, *conditions: Any) -> list[Correction]:
    """Rows with `in_force`: the conditions must leave all or none of an article's rows."""
    records = list(session.scalars(select(CorrectionRecord).where(*conditions).order_by(CorrectionRecord.number)))
    undone = {record.undoes for record in records if record.undoes}
    deciding: dict[tuple[str, str], str] = {}
    for record in records:
        if record.undoes is None and record.key not in undone:
            deciding[record.article_id, record.field] = record.key
    names = ("key", "article_id", "field", "value", "old_value", "given_by", "given_at", "note", "undoes")
    return [
        Correction(
            **{name: getattr(record, name) for name in names}, in_force=deciding.get((record.article_id, record.field)) == record.key
        )
        for record in records
    ]


def correct(
    state: State, engine: SearchEngine, article_id: str, field: str, value: Any, now: datetime, by: str = "", note: str = ""
) -> Correction:
    """Keep one correction and write the article, and those that hang on it, at once. When the engine fails nothing is kept.

    What is in force already is given only once.

    Args:
        state: keeps it.
        engine: has the article.
        article_id: which.
        field: one of FIELDS.
        value: `diembao.corrections.checked`.
        now: aware UTC.
        by: who says so.
        note: why; numbers of private persons are masked in it.

    Raises:
        UsageError: when the article, or the one that the value names, is not indexed, or both name each other.
        EngineError: when the engine fails.
    """
    article = engine.get(article_id)
    if article is None:
        raise UsageError(f"there is no article {article_id!r}", "Its id stands in the address of its page")
    if (other := reference_of(field, value)) is not None:
        with state.session() as session:
            value = {next(iter(value)): _referred(session, engine, article_id, field, other)}
    with state.session() as session:
        same = [row for row in history(session, article_id) if row.in_force and (row.field, row.value) == (field, value)]
    if same:
        return same[0]
    given = Correction(
        article_id=article_id, field=field, value=value, old_value=value_of(article, field), given_by=by, given_at=now, note=note
    )
    return _in_force_at_once(state, engine, given)


def undo(state: State, engine: SearchEngine, key: str, now: datetime, by: str = "", note: str = "") -> Correction:
    """Take the correction `key` back: what was in force before it, or else what the models say, stands again at once.

    Raises:
        UsageError: when there is no such correction, or it was taken back before.
        EngineError: when the engine fails; then nothing is kept.
    """
    with state.session() as session:
        record = session.scalar(select(CorrectionRecord).where(CorrectionRecord.key == key))
        if record is None or record.undoes is not None:
            raise UsageError(f"there is no correction {key!r}", "`diembao corrections list` names them")
        if session.scalar(select(CorrectionRecord.key).where(CorrectionRecord.undoes == key)):
            raise UsageError(f"the correction {key} was taken back before", "Give it again to have it in force")
        taken_back = Correction(
            article_id=record.article_id,
            field=record.field,
            value=record.value,
            old_value=record.old_value,
            given_by=by,
            given_at=now,
            note=note,
            undoes=key,
        )
    return _in_force_at_once(state, engine, taken_back)


def _in_force_at_once(state: State, engine: SearchEngine, given: Correction) -> Correction:
    """Keep a row, then write the engine: whoever writes the article between the two sees the row (`index.ingest`)."""
    with state.session() as session:
        before = newest(session)
        key = keep(session, given, before)
    try:
        with state.session() as session:
            renew(session, engine, [given.article_id])
            action, before_it, after_it = ("undo", given.value, None) if given.undoes else ("give", given.old_value, given.value)
            audit.record(
                session,
                given.given_at,
                given.given_by,
                f"correction.{action}",
                given.article_id,
                {given.field: before_it},
                {given.field: after_it},
            )
    except EngineError:
        with state.session() as session:
            session.execute(delete(CorrectionRecord).where(CorrectionRecord.key == key, CorrectionRecord.number > before))
        raise
    with state.session() as session:
        return next(row for row in history(session, given.article_id) if row.key == key)


def newest(session: Session) -> int:
    """The number of the last row; 0 when there is none."""
    return session.scalar(select(func.max(CorrectionRecord.number))) or 0


def corrected_since(session: Session, number: int, ids: Sequence[str]) -> set[str]:
    """Those of `ids` with a row behind `number`."""
    rows = session.scalars(select(CorrectionRecord.article_id).where(CorrectionRecord.number > number))
    return set(rows).intersection(ids)


def keep(session: Session, given: Correction, behind: int | None = None) -> str:
    """Add a row and return its key; the engine is not written.

    Args:
        session: a transaction.
        given: a row of another history is passed over when it is there.
        behind: the last row: what is given now is a row of its own, also when the same was given and taken back in the same moment.
    """
    content = json.dumps([given.article_id, given.field, given.value, given.given_by, given.given_at.isoformat(), given.undoes, behind])
    key = given.key or hashlib.sha256(content.encode()).hexdigest()[:12]
    if session.scalar(select(CorrectionRecord.number).where(CorrectionRecord.key == key)) is not None:
        return key
    record = CorrectionRecord(
        key=key,
        article_id=given.article_id,
        field=given.field,
        value=given.value,
        old_value=given.old_value,
        reference=None if given.undoes else reference_of(given.field, given.value),
        given_by=mask_personal_numbers(given.given_by)[:200],
        given_at=given.given_at,
        note=mask_personal_numbers(given.note),
        undoes=given.undoes,
    )
    session.add(record)
    session.flush()
    return key


def renew(session: Session, engine: SearchEngine, ids: Iterable[str]) -> int:
    """Write the indexed articles of `ids` by the corrections in force, and those that hang on them; returns how many changed."""
    waiting, done, changed = set(ids), set[str](), 0
    while waiting:
        before = [article for article_id in sorted(waiting) if (article := engine.get(article_id)) is not None]
        plain = [uncorrected(article) for article in before]
        book = Corrections(session, engine, plain)
        written = [after for article, indexed in zip(plain, before, strict=True) if (after := book.applied(article)) != indexed]
        engine.upsert(written)
        changed += len(written)
        done |= waiting
        waiting = (dependants(session, [article.id for article in written]) | _copies(engine, before, written)) - done
    return changed


def dependants(session: Session, ids: Sequence[str]) -> set[str]:
    """The articles with a correction that names one of `ids`."""
    found: set[str] = set()
    for start in range(0, len(ids), _MANY):
        query = select(CorrectionRecord.article_id).where(CorrectionRecord.reference.in_(ids[start : start + _MANY]))
        found.update(session.scalars(query))
    return found


def forget(session: Session, ids: Sequence[str]) -> int:
    """Remove the corrections of erased articles, and those that name one; returns how many there were."""
    rows = session.scalars(
        select(CorrectionRecord.number).where(or_(CorrectionRecord.article_id.in_(ids), CorrectionRecord.reference.in_(ids)))
    ).all()
    session.execute(delete(CorrectionRecord).where(CorrectionRecord.number.in_(rows)))
    return len(rows)


def _copies(engine: SearchEngine, before: Sequence[Article], written: Sequence[Article]) -> set[str]:
    """The copies of articles that became copies of another one, or are so no longer."""
    were = {article.id: article.copy_of for article in before}
    found: set[str] = set()
    for article in written:
        if article.copy_of == were[article.id]:
            continue
        for origin in filter(None, (article.id, article.copy_of, were[article.id])):
            filters = Filters(copy_of=origin, irrelevant=True)
            request = SearchRequest(filters=filters, fold_copies=False, limit=_COPIES, facets=False, highlight=False)
            copies = (hit.article for hit in engine.search(request).hits)
            found.update(copy.id for copy in copies if article.id in (copy.copy_of, copy.uncorrected.get("copy_of")))
    return found


def _referred(session: Session, engine: SearchEngine, article_id: str, field: str, other: str) -> str:
    """The id of the article that a value names; a story's id stands for an article of it."""
    named = engine.get(other)
    if named is None and field == "story_id":
        filters = Filters(story_id=other, irrelevant=True)
        request = SearchRequest(filters=filters, fold_copies=False, sort="time", limit=10, facets=False, highlight=False)
        named = next((hit.article for hit in engine.search(request).hits if hit.article.id != article_id), None)
    if named is None:
        raise UsageError(f"there is no article {other!r}", "An id stands in the address of an article's page")
    if named.id == article_id:
        raise UsageError(f"{field} names the article itself", "Name another one, or set it apart")
    asked = {article_id}
    place: str | None = named.id
    while place is not None and place not in asked:
        asked.add(place)
        value = in_force(session, [place]).get(place, {}).get(field)
        place = None if value and "not" in value else reference_of(field, value)
    if place == article_id:
        raise UsageError(f"the correction of {named.id} names this article already", "Take that one back first, or leave it at that")
    return named.id
