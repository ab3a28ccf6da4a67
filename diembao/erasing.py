"""Erasing articles from the relational state. Every table is walked by its columns, so one that comes later is covered without a line here.

What is of an erased article alone goes whole (rows with its `article_id`, a briefing's item about it). Where it is mentioned beside others
(the evidence of an alert, a mail that went out, the audit log) its part goes: objects with its id, and its addresses and words.
"""

from __future__ import annotations

import email
import email.policy
import html
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import JSON, LargeBinary, String, Table, delete, inspect, select, update
from sqlalchemy.engine import Row
from sqlalchemy.orm import Session

from diembao.article import Article
from diembao.state import AuditRecord, Base, Erasure, FetchState, OutboxMessage, Removal, Revision, State, audit_log_opened
from diembao.urls import article_id

ERASED: Final = "[đã xóa / erased]"
"""Stands where words of an erased article stood."""
GONE: Final = "what it tells of was erased"
"""Why a message that waited is not sent."""
_OWN_KEYS = ("article_id", "article", "id")
_SHORTEST = 20
"""Characters of words that are looked for inside of other texts: shorter ones may stand there by chance."""
_MANY = 500
_LARGEST_MEMBER = 20_000_000


@dataclass(frozen=True)
class Traces:
    """What tells that something is of an erased article.

    Attributes:
        ids: of the articles, and of the other addresses that led to them.
        addresses: of them, as they were written.
        words: their headlines, leads and deciding sentences, white space folded.
        stories: the stories that have no other article.
    """

    ids: frozenset[str]
    addresses: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    stories: frozenset[str] = frozenset()

    @property
    def phrases(self) -> list[str]:
        """What is looked for inside of texts, the longest first."""
        return sorted((one for one in self.addresses | self.words if len(one) >= _SHORTEST), key=lambda one: (-len(one), one))


def erased_ids(session: Session, ids: Iterable[str]) -> set[str]:
    """Those of `ids` that were erased: nothing may take them up again."""
    wanted = list(dict.fromkeys(ids))
    found: set[str] = set()
    for start in range(0, len(wanted), _MANY):
        found.update(session.scalars(select(Erasure.article_id).where(Erasure.article_id.in_(wanted[start : start + _MANY]))))
    return found


def traces_of(session: Session, ids: Iterable[str], articles: Iterable[Article], stories: Iterable[str] = ()) -> Traces:
    """What state and engine know of the articles to be erased.

    Args:
        session: reads the state.
        ids: the articles.
        articles: those of them that are indexed, as they are.
        stories: the stories that have no other article.
    """
    own = list(dict.fromkeys(ids))
    addresses: set[str] = set()
    words: set[str] = set()
    for article in articles:
        addresses |= {article.url, article.canonical_url}
        deciding = [one.sentences for one in (article.sentiment, article.critical_of) if one is not None]
        words |= {article.title, article.lead, *(sentence for sentences in deciding for sentence in sentences)}
    for start in range(0, len(own), _MANY):
        part = own[start : start + _MANY]
        for title, lead in session.execute(select(Revision.title, Revision.lead).where(Revision.article_id.in_(part))):
            words |= {title, lead}
        for normal, found_at in session.execute(select(FetchState.url, FetchState.address).where(FetchState.article_id.in_(part))):
            addresses |= {normal, found_at}
        addresses.update(session.scalars(select(Removal.url).where(Removal.article_id.in_(part))))
    addresses.discard("")
    return Traces(
        ids=frozenset(own) | {article_id(address) for address in addresses},
        addresses=frozenset(addresses),
        words=frozenset(folded for text in words if (folded := " ".join(text.split()))),
        stories=frozenset(stories),
    )


def erase_in_state(session: Session, traces: Traces) -> dict[str, int]:
    """Take everything of the articles out of every table; returns by table how many rows went or were changed."""
    counts: dict[str, int] = {}
    phrases = traces.phrases
    for table in Base.metadata.sorted_tables:
        if table is Erasure.__table__:
            continue
        changed = _erase_own(session, table, traces) + _erase_mentions(session, table, traces, phrases)
        if changed:
            counts[table.name] = changed
    return counts


def _erase_own(session: Session, table: Table, traces: Traces) -> int:
    """Delete the rows that are of an erased article alone."""
    count = 0
    for name, values in (("article_id", traces.ids), ("reference", traces.ids), ("story", traces.stories)):
        if name in table.c:
            wanted = sorted(values)
            for start in range(0, len(wanted), _MANY):
                done = session.execute(delete(table).where(table.c[name].in_(wanted[start : start + _MANY])))
                count += int(getattr(done, "rowcount", 0))
    return count


def _erase_mentions(session: Session, table: Table, traces: Traces, phrases: list[str]) -> int:
    columns = [column for column in table.c if isinstance(column.type, String | JSON | LargeBinary)]
    if not columns:
        return 0
    keys = list(table.primary_key.columns)
    doomed: list[tuple[Any, ...]] = []
    changes: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    for row in session.execute(select(table).execution_options(yield_per=_MANY)):
        after = {column.name: _without(row._mapping[column.name], traces, phrases) for column in columns}
        key = tuple(row._mapping[column.name] for column in keys)
        if any(value is _DROPPED for value in after.values()) and table is not AuditRecord.__table__:
            doomed.append(key)
        elif differing := _differing(table, row, after, traces):
            changes.append((key, differing))
    _write(session, table, doomed, changes)
    return len(doomed) + len(changes)


def _differing(table: Table, row: Row[Any], after: Mapping[str, Any], traces: Traces) -> dict[str, Any]:
    changed = {name: value for name, value in after.items() if value != row._mapping[name]}
    if table is AuditRecord.__table__:
        # Who did what and when stays; what was said of an erased article does not, in whatever words.
        if changed or row._mapping["subject"] in traces.ids | traces.stories:
            said = {name: None for name in ("before", "after") if row._mapping[name] is not None}
            return changed | said
        return {}
    if table is OutboxMessage.__table__ and changed:
        changed |= {"message": b""}
        if row._mapping["status"] in ("waiting", "held", "sending"):
            changed |= {"status": "failed", "error": GONE}
    return changed


def _write(session: Session, table: Table, doomed: list[tuple[Any, ...]], changes: list[tuple[tuple[Any, ...], dict[str, Any]]]) -> None:
    if not doomed and not changes:
        return
    keys = list(table.primary_key.columns)
    connection = session.connection()
    with audit_log_opened(connection, table):
        for key in doomed:
            connection.execute(delete(table).where(*(column == value for column, value in zip(keys, key, strict=True))))
        for key, values in changes:
            connection.execute(update(table).where(*(column == value for column, value in zip(keys, key, strict=True))).values(**values))


def without(value: Any, traces: Traces) -> Any:
    """A JSON `value` without what is of the articles; None when all of it is."""
    after = _without(value, traces, traces.phrases)
    return None if after is _DROPPED else after


_DROPPED: Final = object()
"""The value of what is about an erased article as a whole."""


def _without(value: Any, traces: Traces, phrases: list[str]) -> Any:
    """`value` without what is of the articles."""
    if isinstance(value, str):
        return _scrubbed(value, traces, phrases)
    if isinstance(value, bytes):
        return b"" if value and mentions(value, phrases) else value
    if isinstance(value, dict):
        if any(isinstance(value.get(name), str) and value[name] in traces.ids for name in _OWN_KEYS):
            return _DROPPED
        parts = {name: _without(part, traces, phrases) for name, part in value.items() if name not in traces.ids}
        return {_scrubbed(name, traces, phrases): None if part is _DROPPED else part for name, part in parts.items()}
    if isinstance(value, list):
        left = (_without(part, traces, phrases) for part in value if not (isinstance(part, str) and part in traces.ids))
        return [part for part in left if part is not _DROPPED]
    return value


def _scrubbed(text: str, traces: Traces, phrases: list[str]) -> str:
    folded = " ".join(text.split())
    if folded in traces.words or folded in traces.addresses:
        return ERASED
    if len(folded) < _SHORTEST or not any(phrase in folded for phrase in phrases):
        return text
    for phrase in phrases:
        text = re.sub(r"\s+".join(map(re.escape, phrase.split())), ERASED, text)
    return text


def mentions(content: bytes, phrases: list[str]) -> bool:
    """Whether a kept message (a mail with its attachments, or JSON) has one of `phrases`."""
    if not phrases:
        return False
    return any(phrase in text for text in _texts(content) for phrase in phrases)


def _texts(content: bytes) -> Iterator[str]:
    """What somebody can read in a message, white space folded."""
    if content[:1] in (b"{", b"["):
        try:
            yield from _strings(json.loads(content))
            return
        except ValueError:
            pass
    yield " ".join(content.decode("utf-8", "replace").split())
    message = email.message_from_bytes(content, policy=email.policy.default)
    yield " ".join(str(message.get("Subject", "")).split())
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        if payload.startswith(b"PK"):
            yield from _members(payload)
        elif part.get_content_maintype() == "text":
            yield _plain(payload.decode(part.get_content_charset() or "utf-8", "replace"))
            yield " ".join(payload.decode(part.get_content_charset() or "utf-8", "replace").split())


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
    elif isinstance(value, str):
        if value[:1] in ("{", "["):
            with suppress(ValueError):
                yield from _strings(json.loads(value))
        yield " ".join(value.split())


def _members(payload: bytes) -> Iterator[str]:
    """The texts of a DOCX or XLSX file of ours."""
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as bundle:
            for member in bundle.infolist():
                if member.filename.endswith((".xml", ".rels")) and member.file_size <= _LARGEST_MEMBER:
                    text = bundle.read(member).decode("utf-8", "replace")
                    yield _plain(text)
                    yield html.unescape(text)
    except zipfile.BadZipFile:
        return


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", markup)).split())


def scrub_database(state: State) -> bool:
    """Let nothing of what was deleted stay in the free pages of a SQLite file or in its log; PostgreSQL's autovacuum does it.

    Returns:
        False when a reader kept the log from being emptied: the next call does it.
    """
    if state.engine.dialect.name != "sqlite" or not inspect(state.engine).get_table_names():
        return True
    connection = state.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy or not busy[0]
    finally:
        connection.close()
