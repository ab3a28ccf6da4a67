"""The relational state: what is kept and is not search. SQLite file by default, PostgreSQL by URL.

The tables stand here; each room brings its own queries. The search engine can be rebuilt from the archive and these tables.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from diembao.errors import StateError
from diembao.sqlite_copy import copy_database


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, naive UTC in the database; a naive value is refused."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware to naive UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without zone: {value}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive UTC to aware."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: JSON()}


class FetchState(Base):
    """What is known of one address that is fetched again and again: feeds, sitemaps, listings and article pages."""

    __tablename__ = "fetch_state"

    url: Mapped[str] = mapped_column(String(2048), primary_key=True, doc="normalised address")
    address: Mapped[str] = mapped_column(String(2048), default="", doc="the address as it was found: what is asked for")
    source: Mapped[str] = mapped_column(String(100), index=True)
    role: Mapped[str] = mapped_column(String(10), doc="feed, sitemap, listing, article, or host (one that asked to be left alone)")
    article_id: Mapped[str | None] = mapped_column(String(32), index=True)
    etag: Mapped[str | None] = mapped_column(String(500))
    last_modified: Mapped[str | None] = mapped_column(String(100))
    content_hash: Mapped[str | None] = mapped_column(String(64))
    fate: Mapped[str | None] = mapped_column(String(30))
    first_seen_at: Mapped[datetime]
    fetched_at: Mapped[datetime | None]
    next_fetch_at: Mapped[datetime | None] = mapped_column(index=True)
    failures: Mapped[int] = mapped_column(default=0, doc="failed fetches in a row")


class EntrancePace(Base):
    """How much a feed, sitemap or listing brings by hour of the day, so that it is asked as often as it is worth."""

    __tablename__ = "entrance_paces"

    url: Mapped[str] = mapped_column(String(2048), primary_key=True, doc="normalised address, as in fetch_state")
    links_hash: Mapped[str | None] = mapped_column(String(64), doc="of the links that it named last")
    habit: Mapped[dict[str, Any]] = mapped_column(doc="crawlers.pace.Habit: lists of 24 by hour, and until when it was watched")


class VoiceMark(Base):
    """How far one list of another voice was read: the uploads of a channel, the comments of a post, the pages of a thread."""

    __tablename__ = "voice_marks"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    walk: Mapped[str] = mapped_column(String(300), primary_key=True, doc="which list, in the words of crawlers/voices/TYPE.py")
    is_open: Mapped[bool] = mapped_column(default=False, index=True, doc="there is more to read: the next round goes on here")
    mark: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class ApiUnits(Base):
    """Units of an API's daily quota that were spent."""

    __tablename__ = "api_units"

    budget: Mapped[str] = mapped_column(String(150), primary_key=True, doc="`key NAME` (variable of the key) or `source ID`")
    day: Mapped[str] = mapped_column(String(10), primary_key=True, doc="as the API counts days")
    units: Mapped[int] = mapped_column(default=0)


class SourceDay(Base):
    """What the crawl saw of one source on one day of Vietnam's clock, by hour: what the health of sources is judged by."""

    __tablename__ = "source_days"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True, index=True, doc="in Vietnam, ISO 8601")
    counts: Mapped[dict[str, Any]] = mapped_column(doc="by counter and hour (text): see alerts.health.kept")


class SourceStatus(Base):
    """How one source is doing: what was last seen of it, and what the last judgement said."""

    __tablename__ = "source_status"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    asked_at: Mapped[datetime | None] = mapped_column(doc="the last run that asked it")
    answered_at: Mapped[datetime | None] = mapped_column(doc="the last run in which a feed, sitemap or listing answered")
    article_at: Mapped[datetime | None] = mapped_column(doc="publication, as far as it is known, of its newest article")
    error: Mapped[str] = mapped_column(Text, default="", doc="the last problem of a feed, sitemap or listing")
    error_at: Mapped[datetime | None]
    rounds: Mapped[list[Any]] = mapped_column(JSON, doc="the last runs that did something, newest first")
    health: Mapped[dict[str, Any]] = mapped_column(doc="alerts.health.verdict.Health as JSON; empty: never judged")
    judged_at: Mapped[datetime | None]
    paused: Mapped[dict[str, Any]] = mapped_column(doc="who paused it on the desk, when, and why; empty: nobody")


class Run(Base):
    """One crawl run and the counts of its fates."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    indexed_at: Mapped[datetime | None] = mapped_column(doc="when its articles were all in the engine; None: still to do")
    fates: Mapped[dict[str, Any]]


class Revision(Base):
    """The text of an article at one time; the first and every changed one is kept."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("article_id", "content_hash"),)

    article_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    fetched_at: Mapped[datetime | None]
    title: Mapped[str] = mapped_column(Text)
    lead: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    archive_file: Mapped[str | None] = mapped_column(String(300))
    archive_offset: Mapped[int | None]


class Removal(Base):
    """An article that was there before and was not found at its address any more: from when until when, and the answer that says so."""

    __tablename__ = "removals"

    article_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    found_at: Mapped[datetime] = mapped_column(primary_key=True, doc="the first attempt that did not find it")
    url: Mapped[str] = mapped_column(String(2048), doc="what was asked for")
    source: Mapped[str] = mapped_column(String(100), index=True)
    fate: Mapped[str] = mapped_column(String(30), doc="gone, not_found, left_site, or not_article: an answer without the article")
    detail: Mapped[str] = mapped_column(Text)
    last_seen_at: Mapped[datetime | None] = mapped_column(doc="the last attempt that still found it")
    checked_at: Mapped[datetime] = mapped_column(index=True, doc="the last attempt that did not find it")
    checks: Mapped[int] = mapped_column(default=1, doc="attempts in a row that did not find it")
    restored_at: Mapped[datetime | None] = mapped_column(doc="when it was there again; None: it is still away")
    archive_file: Mapped[str | None] = mapped_column(String(300), doc="WARC file of the first answer; None: there was none to keep")
    archive_offset: Mapped[int | None]


class AlertRecord(Base):
    """The alert log: the last state of each alert."""

    __tablename__ = "alerts"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    rule: Mapped[str] = mapped_column(String(100), index=True)
    series: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10), index=True)
    started_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    mailed: Mapped[int] = mapped_column(default=0, doc="what was observed when the last mail about it was written; 0: no mail")
    alert: Mapped[dict[str, Any]] = mapped_column(doc="the Alert as JSON")


class OutboxMessage(Base):
    """A message to send: written with what caused it in one transaction, sent at most once."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_due", "status", "next_attempt_at"),)

    key: Mapped[str] = mapped_column(String(200), primary_key=True, doc="cause, its state and recipient: unique")
    recipient: Mapped[str] = mapped_column(String(320))
    message_id: Mapped[str] = mapped_column(String(200))
    message: Mapped[bytes] = mapped_column(LargeBinary, doc="the complete RFC 5322 message; of a webhook or service what is sent, as JSON")
    status: Mapped[str] = mapped_column(
        String(10),
        default="waiting",
        doc="waiting, sending, sent, failed or unknown; held (quiet hours, too many at once) or grouped (told in another)",
    )
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)


class AlertGrade(Base):
    """What one recipient thought of one alert; the last word counts."""

    __tablename__ = "alert_grades"

    alert_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    recipient: Mapped[str] = mapped_column(String(320), primary_key=True)
    rule: Mapped[str] = mapped_column(String(100), index=True)
    verdict: Mapped[str] = mapped_column(String(10), doc="useful or noise")
    observed: Mapped[int] = mapped_column(default=0, doc="what the alert had counted when it was graded")
    graded_at: Mapped[datetime] = mapped_column(index=True)


class AlertAnswer(Base):
    """Somebody answered an alert (graded, muted or took it on): it is passed on to nobody else."""

    __tablename__ = "alert_answers"

    alert_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    recipient: Mapped[str] = mapped_column(String(320))
    answered_at: Mapped[datetime]


class AlertMute(Base):
    """A recipient does not want messages of a rule, or of one of its series, until a moment or for good."""

    __tablename__ = "alert_mutes"

    recipient: Mapped[str] = mapped_column(String(320), primary_key=True)
    rule: Mapped[str] = mapped_column(String(100), primary_key=True)
    series: Mapped[str] = mapped_column(String(200), primary_key=True, doc="empty: every series of the rule")
    until: Mapped[datetime | None] = mapped_column(doc="None: for good")
    muted_at: Mapped[datetime]


class BriefingRecord(Base):
    """The morning briefing of one day: what it covers, what staff wrote above it, and when it went out."""

    __tablename__ = "briefings"

    day: Mapped[str] = mapped_column(String(10), primary_key=True, doc="in Vietnam, ISO 8601")
    start: Mapped[datetime] = mapped_column(doc="beginning of what it covers")
    end: Mapped[datetime] = mapped_column(doc="when the coverage was last read")
    figures: Mapped[dict[str, Any]] = mapped_column(doc="counts, alerts and gaps as they were then")
    note: Mapped[str] = mapped_column(Text, default="", doc="what staff wrote above it")
    version: Mapped[int] = mapped_column(default=1, doc="of the note; each change adds one")
    edited_at: Mapped[datetime | None] = mapped_column(doc="the last change by staff of the note or of an item; None: it is automatic")
    edited_by: Mapped[str] = mapped_column(String(200), default="")
    sent_at: Mapped[datetime | None] = mapped_column(doc="when its mails were queued; from then on only responses change")


class BriefingItem(Base):
    """One story of a briefing: what was compiled, and beside it what staff made of it. None: as compiled."""

    __tablename__ = "briefing_items"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    key: Mapped[str] = mapped_column(String(16), primary_key=True, doc="hash of the story")
    story: Mapped[str] = mapped_column(String(512), index=True)
    section: Mapped[str] = mapped_column(String(40), doc="code of the field; empty: none of them")
    rank: Mapped[float] = mapped_column(doc="place in the section by importance, 0 first; may change while the day goes on")
    compiled: Mapped[dict[str, Any]] = mapped_column(doc="the story as it was last read")
    late: Mapped[bool] = mapped_column(default=False, doc="came after staff had begun to edit: left out unless they choose it")
    included: Mapped[bool | None] = mapped_column()
    place: Mapped[float | None] = mapped_column(doc="rank that staff gave it")
    title: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(default=1, doc="each change by staff adds one")
    edited_at: Mapped[datetime | None]
    edited_by: Mapped[str] = mapped_column(String(200), default="")


class StoryResponse(Base):
    """What the office did about a story, whichever briefings it was in."""

    __tablename__ = "story_responses"

    story: Mapped[str] = mapped_column(String(512), primary_key=True)
    status: Mapped[str] = mapped_column(String(12), index=True, doc="new, assigned, answered or not_needed")
    department: Mapped[str] = mapped_column(String(200), default="", doc="empty: as proposed")
    link: Mapped[str] = mapped_column(String(2000), default="", doc="where the answer is")
    note: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)
    briefed_at: Mapped[datetime] = mapped_column(doc="when it was first in a briefing: response times count from here")
    assigned_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None] = mapped_column(index=True)
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(200), default="")


class Secret(Base):
    """A random value that this installation made for itself, such as the key of the links in mails."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)
    value: Mapped[str] = mapped_column(String(200))


class UserRecord(Base):
    """Somebody who may log in. Rows are never deleted, only disabled: the audit log names them."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(64), primary_key=True, doc="what is typed at login, lower case")
    role: Mapped[str] = mapped_column(String(10), doc="reader, editor or admin")
    password_hash: Mapped[str | None] = mapped_column(String(300), doc="argon2; None: logs in by OpenID Connect only")
    must_change: Mapped[bool] = mapped_column(default=False, doc="the password is one that an admin knows")
    subject: Mapped[str | None] = mapped_column(String(500), unique=True, doc="issuer and subject of OpenID Connect")
    epoch: Mapped[int] = mapped_column(default=0, doc="signed into the person's feed addresses: one more and they are void")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class UserSession(Base):
    """One browser that is logged in. The cookie holds the id, the table only its hash: reading the table opens nothing."""

    __tablename__ = "user_sessions"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64), default="", doc="network address at login")
    agent: Mapped[str] = mapped_column(String(300), default="", doc="what the browser called itself at login")


class LoginFailure(Base):
    """Failed logins in a row, of one name or from one address."""

    __tablename__ = "login_failures"

    key: Mapped[str] = mapped_column(String(64), primary_key=True, doc="hash of what failed: a typed name may be a password by mistake")
    failures: Mapped[int] = mapped_column(default=0)
    failed_at: Mapped[datetime] = mapped_column(index=True)
    blocked_until: Mapped[datetime | None]


class ApiKey(Base):
    """A key with which another program asks the API. Only its hash is kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True, doc="the readable beginning of the key")
    name: Mapped[str] = mapped_column(String(100), doc="what it is for")
    key_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[str] = mapped_column(String(100), doc="search, alerts, feedback, admin; with spaces between")
    per_minute: Mapped[int] = mapped_column(doc="requests a minute")
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditRecord(Base):
    """Who changed what. Rows are only added: the database itself refuses to change or delete one."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(String(200), index=True, doc="user, key or command; empty: nobody had to log in")
    action: Mapped[str] = mapped_column(String(50), index=True, doc="kind and deed with a dot between: user.role")
    subject: Mapped[str] = mapped_column(String(600), doc="what was changed")
    before: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    after: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)


_ONLY_ADDED = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS audit_log_no_{deed} BEFORE {deed} ON audit_log "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
        for deed in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_log_only_added() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$",
        "CREATE OR REPLACE TRIGGER audit_log_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_added()",
    ],
}


@event.listens_for(AuditRecord.__table__, "after_create")
def _only_added(_table: Any, connection: Any, **_options: Any) -> None:
    for statement in _ONLY_ADDED.get(connection.dialect.name, []):
        connection.exec_driver_sql(statement)


@contextmanager
def audit_log_opened(connection: Connection, table: Table) -> Iterator[None]:
    """The rows of the audit log may be changed in the block: only erasing does so, in the transaction of the erasure (docs/adr/0017).

    Nothing happens for another `table`. Rolled back with the transaction, so the log is never left open.
    """
    if table is not AuditRecord.__table__:
        yield
        return
    dialect = connection.dialect.name
    # Python's sqlite3 begins a transaction before the first change of rows, not of triggers.
    connection.exec_driver_sql("DELETE FROM audit_log WHERE 1 = 0")
    shut = {"sqlite": [f"DROP TRIGGER IF EXISTS audit_log_no_{deed}" for deed in ("UPDATE", "DELETE")],
            "postgresql": ["DROP TRIGGER IF EXISTS audit_log_only_added ON audit_log"]}  # fmt: skip
    for statement in shut.get(dialect, []):
        connection.exec_driver_sql(statement)
    yield
    for statement in _ONLY_ADDED.get(dialect, []):
        connection.exec_driver_sql(statement)


class CorrectionRecord(Base):
    """What a person said of one field of an article. Rows are only added: taking one back is a row too (`undoes`)."""

    __tablename__ = "corrections"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True, doc="order in which they were given")
    key: Mapped[str] = mapped_column(String(16), unique=True, doc="hash of the content: bringing one in twice keeps it one")
    article_id: Mapped[str] = mapped_column(String(512), index=True)
    field: Mapped[str] = mapped_column(String(20))
    old_value: Mapped[Any] = mapped_column(JSON, doc="what the article said before, in the form of `value`")
    value: Mapped[Any] = mapped_column(JSON, doc="see diembao.corrections")
    reference: Mapped[str | None] = mapped_column(String(512), index=True, doc="id of the other article that the value names")
    given_by: Mapped[str] = mapped_column(String(200), default="")
    given_at: Mapped[datetime] = mapped_column(index=True)
    note: Mapped[str] = mapped_column(Text, default="")
    undoes: Mapped[str | None] = mapped_column(String(16), index=True, doc="key of the correction that this row takes back")


class ArticleNote(Base):
    """What somebody of the office wrote about an article; nobody else gets to see it."""

    __tablename__ = "article_notes"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    article_id: Mapped[str] = mapped_column(String(512), index=True)
    text: Mapped[str] = mapped_column(Text, doc="plain text")
    version: Mapped[int] = mapped_column(default=1, doc="each change adds one")
    written_by: Mapped[str] = mapped_column(String(200), default="", doc="empty: nobody had to log in")
    written_at: Mapped[datetime]
    edited_at: Mapped[datetime | None]


class Deed(Base):
    """What a person did on the desk with one click, to one article or to many at once, so that it can be told and taken back whole."""

    __tablename__ = "deeds"

    id: Mapped[str] = mapped_column(String(24), primary_key=True, doc="random")
    kind: Mapped[str] = mapped_column(String(20), doc="correct, merge, note or briefing")
    at: Mapped[datetime] = mapped_column(index=True)
    by: Mapped[str] = mapped_column(String(200), default="")
    done: Mapped[dict[str, Any]] = mapped_column(doc="see web.articles.deeds.Done: what was done to which articles, and what could not be")
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str] = mapped_column(String(200), default="")


class FeedbackRecord(Base):
    """What the citizens' system says of a record besides its text: its field as given there, its status, what was answered."""

    __tablename__ = "feedback_records"

    article_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(100), index=True)
    number: Mapped[str] = mapped_column(String(200), doc="of the record in that system, masked where it is a person's number")
    field: Mapped[str] = mapped_column(String(300), default="", doc="as given there")
    topics: Mapped[Any] = mapped_column(JSON, doc="list of the codes that the field means here; empty: it names none of ours")
    status: Mapped[str] = mapped_column(String(200), default="", doc="as given there")
    department: Mapped[str] = mapped_column(String(300), default="", doc="who answers, as given there")
    response: Mapped[str] = mapped_column(Text, default="", doc="what was answered, personal numbers masked")
    responded_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None] = mapped_column(index=True)
    content_hash: Mapped[str] = mapped_column(String(64), doc="of the text that was taken in last")
    taken_at: Mapped[datetime] = mapped_column(doc="when it came in first")
    updated_at: Mapped[datetime]


class FeedbackMapping(Base):
    """Which column of a source's feedback files holds which field, as staff set it right last."""

    __tablename__ = "feedback_mappings"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    columns: Mapped[dict[str, Any]] = mapped_column(doc="field -> heading; an empty heading: no column has the field")
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(200), default="")


class Erasure(Base):
    """An article that was erased: only the hash of its address is kept, so that it is not taken up again."""

    __tablename__ = "erasures"

    article_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    done_at: Mapped[datetime | None] = mapped_column(index=True, doc="None: a crawl may still hold it; the next erasing ends it")


class SavedSearch(Base):
    """A search that somebody keeps, and what it does besides standing in a list: feed, mails, alert."""

    __tablename__ = "saved_searches"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True, doc="user; empty: made while nobody had to log in, so everybody's")
    is_shared: Mapped[bool] = mapped_column(default=False, doc="stands in everybody's list")
    name: Mapped[str] = mapped_column(String(200))
    search: Mapped[dict[str, Any]] = mapped_column(doc="q, from, to, story as text; topic, place, … as lists: alerts/saved.py")
    has_feed: Mapped[bool] = mapped_column(default=False)
    digest_at: Mapped[str] = mapped_column(String(5), default="", doc="when its mail goes out, by Vietnam's clock (07:00); empty: no mails")
    digest_to: Mapped[Any] = mapped_column(JSON, doc="mail addresses, a list")
    digest_empty: Mapped[bool] = mapped_column(default=False, doc="a mail also when nothing new was found")
    digest_since: Mapped[datetime | None] = mapped_column(doc="when the mails were asked for: older articles are not told")
    digest_until: Mapped[datetime | None] = mapped_column(doc="when the search was asked last for a mail")
    digest_told: Mapped[Any] = mapped_column(JSON, doc="ids of what was told lately, a list")
    rule: Mapped[str] = mapped_column(String(100), default="", doc="file of its alert rule in config/alerts; empty: none")
    version: Mapped[int] = mapped_column(default=1, doc="each change by a person adds one")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(200), default="")
    removed_at: Mapped[datetime | None] = mapped_column(doc="taken away; it can be brought back")
    removed_rule: Mapped[str] = mapped_column(String(150), default="", doc="what brings its alert rule back")


class SavedLook(Base):
    """When somebody looked at a saved search last: what came since then is new to them."""

    __tablename__ = "saved_looks"

    saved: Mapped[str] = mapped_column(String(16), primary_key=True)
    who: Mapped[str] = mapped_column(String(64), primary_key=True)
    looked_at: Mapped[datetime]


class Progress(Base):
    """How far a long piece of work has come, so that the next call goes on there."""

    __tablename__ = "progress"

    work: Mapped[str] = mapped_column(String(100), primary_key=True)
    target: Mapped[str] = mapped_column(String(64), doc="hash of what is to be reached; another target begins anew")
    cursor: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class Lease(Base):
    """Who does a piece of work that only one may do at a time, among all processes and machines that share this database."""

    __tablename__ = "leases"

    work: Mapped[str] = mapped_column(String(100), primary_key=True)
    holder: Mapped[str] = mapped_column(String(200), doc="machine, process and a random part")
    until: Mapped[datetime] = mapped_column(doc="then it is free, unless the holder says before that it is still at work")


_POSTGRES = re.compile(r"^postgres(?:ql)?://")


class State:
    """The open database.

    Args:
        url: SQLAlchemy URL; `postgresql://…` means the driver that the project brings.

    Raises:
        StateError: when it cannot be opened, or the file is not a database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self.engine: Engine = create_engine(_POSTGRES.sub("postgresql+psycopg://", url))
            if self.engine.dialect.name == "sqlite":
                event.listen(self.engine, "connect", _prepare_sqlite)
            _create_tables(self.engine)
        except (SQLAlchemyError, ImportError) as error:
            raise StateError(f"the database {_without_password(url)} cannot be opened: {_first_line(error)}", _HINT) from error

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StateError: when the database fails.
        """
        try:
            with Session(self.engine) as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            raise StateError(f"the database {_without_password(self.url)} failed: {_first_line(error)}", _HINT) from error

    def secret(self, name: str) -> bytes:
        """32 random bytes of this installation for the use `name`; made the first time, by whichever process is first.

        Raises:
            StateError: when the database fails.
        """
        try:
            with self.session() as session:
                known = session.get(Secret, name)
                if known is None:
                    known = Secret(name=name, value=secrets.token_hex(32))
                    session.add(known)
                return bytes.fromhex(known.value)
        except StateError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
        with self.session() as session:  # another process was quicker
            return bytes.fromhex(session.get_one(Secret, name).value)

    def backup(self, folder: Path) -> str | None:
        """Copy a SQLite file into `folder` while it is in use, and check the copy; None: it is no SQLite file.

        Raises:
            StateError: when the file cannot be read, or the copy is not in order.
            OSError: when the folder cannot be written.
        """
        if self.engine.dialect.name != "sqlite" or not self.engine.url.database:
            return None
        target = folder / Path(self.engine.url.database).name
        try:
            with self.engine.connect() as connection:
                copy_database(connection.connection.driver_connection, target)  # type: ignore[arg-type]
        except (sqlite3.Error, SQLAlchemyError) as error:
            raise StateError(f"the database {self.url} cannot be copied: {_first_line(error)}", _HINT) from error
        return str(target)

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()


_HINT = "Check DIEMBAO_DATABASE and the disk; if a SQLite file is damaged, put it aside and restore the last copy (diembao doctor)"


def _create_tables(engine: Engine) -> None:
    """Create the tables that are missing; another process that does the same at the same time is waited for."""
    if not set(Base.metadata.tables) - set(inspect(engine).get_table_names()):
        return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20261120)")
        Base.metadata.create_all(connection)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Readers beside one writer, and waiting instead of failing while another process writes."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}…@{rest.rpartition('@')[2]}" if "@" in rest else url
