"""The embedded engine: one SQLite file with FTS5. For an office that starts today, up to some 200,000 articles."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from diembao.article import Article
from diembao.engine import (
    IRRELEVANT,
    Appearance,
    CountBucket,
    EngineStatus,
    Filters,
    Grouping,
    Interval,
    SearchRequest,
    SearchResult,
    StoredVersion,
    StoryOrder,
    StorySize,
    Unit,
)
from diembao.errors import EngineError, EngineUnusableError
from diembao.sqlite_copy import copy_database
from index import columns
from index.abbreviations import NONE, Abbreviations
from index.analysis import ANALYSER_VERSION
from index.condition import Condition
from index.document import (
    FACETS,
    TEXT_COLUMNS,
    fold_words,
    joined,
    keys_of,
    milliseconds,
    moment,
    refusal,
    subject_of,
    words_of,
)
from index.sqlite_memory import Memory
from index.sqlite_query import packed_content, words_in
from index.sqlite_search import Reader, article_of, articles_of

SCHEMA_VERSION = 5
_VERSIONS = {"schema": str(SCHEMA_VERSION), "analyser": str(ANALYSER_VERSION)}
_RESTORE = "Put the file aside and restore the last copy of it, or index the run folders again (docs/production.md)"
_BATCH = 500

_COLUMNS = [f"{field}_{form}" for form in ("x", "f") for field in TEXT_COLUMNS]

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS article (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, content_hash TEXT NOT NULL, revision INTEGER NOT NULL,
    published INTEGER, modified INTEGER, fetched INTEGER, first_seen INTEGER,
    source TEXT NOT NULL, kind TEXT NOT NULL, sentiment TEXT NOT NULL, critical_of TEXT NOT NULL, topics TEXT NOT NULL,
    places TEXT NOT NULL, story TEXT, copy_of TEXT, subject TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS article_published ON article (published);
CREATE INDEX IF NOT EXISTS article_story ON article (story) WHERE story IS NOT NULL;
CREATE INDEX IF NOT EXISTS article_copy ON article (copy_of) WHERE copy_of IS NOT NULL;
CREATE TABLE IF NOT EXISTS document (number INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS label (
    field TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (field, key, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS label_number ON label (number);
CREATE TABLE IF NOT EXISTS link_key (
    kind TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (kind, key, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS link_key_number ON link_key (number);
CREATE VIRTUAL TABLE IF NOT EXISTS fts USING fts5 (
    {", ".join(_COLUMNS)}, content='', columnsize=0, tokenize="unicode61 remove_diacritics 0 tokenchars '_'");
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (fts, 'row');
"""

_INSERT_FTS = f"INSERT INTO fts (rowid, {', '.join(_COLUMNS)}) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"  # noqa: S608 - our names
_DELETE_FTS = f"INSERT INTO fts (fts, rowid, {', '.join(_COLUMNS)}) VALUES ('delete', {', '.join('?' * (len(_COLUMNS) + 1))})"  # noqa: S608


class SqliteEngine:
    """Keeps, finds and counts Articles in one SQLite file (WAL: readers go on while one process writes).

    Args:
        path: the file; created when missing.
        abbreviations: what queries may abbreviate.
    """

    def __init__(self, path: Path, abbreviations: Abbreviations = NONE) -> None:
        self.path = path
        self._abbreviations = abbreviations
        self._local = threading.local()
        self._lock = threading.Lock()
        self._memory = Memory()

    # -- connections --------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._readable(error) from error

    def _readable(self, error: sqlite3.Error) -> EngineError:
        text = " ".join(str(error).split())
        if "not a database" in text or "malformed" in text or "corrupt" in text:
            return EngineUnusableError(f"the index {self.path} is damaged ({text}); nothing was written", _RESTORE)
        if "full" in text:
            return EngineError(f"there is no space left for the index {self.path}", "Free some disk space and repeat the command")
        if "locked" in text or "busy" in text:
            return EngineError(f"the index {self.path} is being written by another process", "Wait until it is done and repeat the command")
        if "readonly" in text or "unable to open" in text:
            return EngineError(f"the index {self.path} cannot be opened or written ({text})", "Check the folder and its permissions")
        return EngineError(f"the index {self.path} failed: {text}", "Run diembao doctor")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._lock:
                connection = self._open()
            self._local.connection = connection
        return connection

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            self._check_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"the folder of the index {self.path} cannot be made: {error.strerror}", "Check its permissions") from error
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False, cached_statements=400)
        try:
            connection.execute("PRAGMA busy_timeout = 30000")
            # Of a new file: an article takes some 3,000 bytes, of which most would be wasted in pages of 4,096.
            connection.execute("PRAGMA page_size = 16384")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            # A backup or a long search makes the log grow; it gives its room back afterwards.
            connection.execute("PRAGMA journal_size_limit = 67108864")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA cache_size = -65536")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        found = _versions(connection)
        if not found:
            connection.execute("BEGIN IMMEDIATE")
            self._create(connection)
            connection.execute("COMMIT")
        elif found != _VERSIONS:
            raise EngineUnusableError(f"the index {self.path} was written by another version of Điểm Báo", "Run diembao reindex")

    def _create(self, connection: sqlite3.Connection) -> None:
        for statement in (*_SCHEMA.split(";\n"), *columns.SCHEMA.split(";\n")):
            connection.execute(statement)
        connection.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", _VERSIONS.items())
        connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('epoch', ?)", (uuid.uuid4().hex,))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot for all statements of a search."""
        with self._errors():
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    # -- writing ------------------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the file and its tables; changes nothing the second time."""
        with self._errors():
            self._connection()

    def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
        """Write articles as they are, one document per id; see SearchEngine."""
        refused: dict[str, str] = {}
        batch: list[Article] = []
        for article in articles:
            if reason := refusal(article):
                refused[article.id] = reason
                continue
            batch.append(article)
            if len(batch) == _BATCH:
                self._write(batch)
                batch = []
        if batch:
            self._write(batch)
        return refused

    def _write(self, articles: Sequence[Article]) -> None:
        with self._writing() as connection:
            self._write_all(connection, articles)

    def _write_all(self, connection: sqlite3.Connection, articles: Iterable[Article]) -> None:
        columns.write(connection, dict(self._write_one(connection, article) for article in articles))

    def _write_one(self, connection: sqlite3.Connection, article: Article) -> tuple[int, columns.Entry]:
        """Write all of `article` but its packed entry; returns the number of its row and that entry."""
        keys = keys_of(article)
        by_field = words_of(article)
        words = "\n".join(map(joined, by_field.values()))
        record = json.dumps(article.to_record(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        row = (
            article.content_hash, article.revision, milliseconds(article.published_at), milliseconds(article.modified_at),
            milliseconds(article.fetched_at), milliseconds(article.first_seen_at), article.source, article.kind,
            *("".join(keys[field].values()) for field in ("sentiment", "critical_of")),
            *("\n".join(keys[field].values()) for field in ("topic", "place")),
            article.story_id, article.copy_of, subject_of(article),
        )  # fmt: skip
        known = connection.execute(
            "SELECT number, content FROM article JOIN document USING (number) WHERE id = ?", (article.id,)
        ).fetchone()
        if known is None:
            number = connection.execute(
                "INSERT INTO article (id, content_hash, revision, published, modified, fetched, first_seen, source, kind, sentiment,"
                " critical_of, topics, places, story, copy_of, subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (article.id, *row),
            ).lastrowid
        else:
            number = known[0]
            connection.execute(
                "UPDATE article SET content_hash = ?, revision = ?, published = ?, modified = ?, fetched = ?, first_seen = ?, source = ?,"
                " kind = ?, sentiment = ?, critical_of = ?, topics = ?, places = ?, story = ?, copy_of = ?, subject = ? WHERE number = ?",
                (*row, number),
            )
            connection.execute("DELETE FROM label WHERE number = ?", (number,))
            connection.execute("DELETE FROM link_key WHERE number = ?", (number,))
        connection.execute("INSERT OR REPLACE INTO document (number, content) VALUES (?, ?)", (number, packed_content(record, words)))
        before = None if known is None else words_in(known[1])
        if before != words:
            if before is not None:
                connection.execute(_DELETE_FTS, (number, *_fts_values(before)))
            connection.execute(_INSERT_FTS, (number, *_fts_values(words)))
        connection.executemany(
            "INSERT INTO label (field, key, number) VALUES (?, ?, ?)",
            [(field, key, number) for field, entries in keys.items() for key in entries],
        )
        connection.executemany(
            "INSERT OR IGNORE INTO link_key (kind, key, number) VALUES (?, ?, ?)",
            [("copy", key, number) for key in article.copy_keys] + [("story", key, number) for key in article.story_keys],
        )
        assert number is not None
        return number, columns.Entry(
            published=milliseconds(article.published_at),
            article_id=article.id,
            copy_of=article.copy_of,
            subject=subject_of(article),
            values=["\n".join(keys[field].values()) for field in FACETS],
            irrelevant=IRRELEVANT in keys["topic"],
            negative="negative" in keys["sentiment"].values(),
            words={field: sum(value.count(" ") + 1 for value in values) for field, values in by_field.items()},
        )

    def delete(self, ids: Sequence[str]) -> int:
        """Erase articles; returns how many there were."""
        erased = 0
        with self._writing() as connection:
            for article_id in dict.fromkeys(ids):
                known = connection.execute(
                    "SELECT number, content FROM article JOIN document USING (number) WHERE id = ?", (article_id,)
                ).fetchone()
                if known is None:
                    continue
                connection.execute(_DELETE_FTS, (known[0], *_fts_values(words_in(known[1]))))
                for table in ("label", "link_key", "document", "article"):
                    connection.execute(f"DELETE FROM {table} WHERE number = ?", (known[0],))  # noqa: S608 - our names
                columns.forget(connection, [known[0]])
                erased += 1
        return erased

    def rebuild(self) -> int:
        """Build every table anew from the stored articles, in one transaction; returns how many there are.

        Readers see the old index until the new one is complete; writers wait. An interruption leaves the old one.
        """
        with self._errors():
            connection = self._connect()
            try:
                connection.execute("BEGIN IMMEDIATE")
                tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                if "document" not in tables:
                    connection.execute("ROLLBACK")
                    self.prepare()
                    return 0
                connection.execute("ALTER TABLE document RENAME TO document_before")
                for table in ("vocabulary", "fts", "label", "link_key", "article", "meta", *columns.TABLES):
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                self._create(connection)
                # Up to schema 2 the articles stood in a column of another name.
                names = [row[1] for row in connection.execute("PRAGMA table_info (document_before)")]
                column = "content" if "content" in names else "record"
                rows = connection.execute(f"SELECT {column} FROM document_before ORDER BY number")  # noqa: S608 - our names
                count = 0
                while batch := rows.fetchmany(_BATCH):
                    self._write_all(connection, (article_of(row[0]) for row in batch))
                    count += len(batch)
                connection.execute("DROP TABLE document_before")
                connection.execute("INSERT INTO fts (fts) VALUES ('optimize')")
                connection.execute("COMMIT")
            finally:
                connection.close()
        return count

    def maintain(self) -> None:
        """Let SQLite renew what its planner knows, and take the write-ahead log back into the file."""
        with self._errors():
            connection = self._connection()
            connection.execute("PRAGMA optimize")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def scrub(self) -> bool:
        """Let nothing of deleted articles stay in the file: its index of words, its free pages, its log. False: the log is still read."""
        with self._errors():
            connection = self._connection()
            connection.execute("INSERT INTO fts (fts) VALUES ('optimize')")
            connection.execute("VACUUM")
            return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def conditions(self) -> list[Condition]:
        """How the file is, for `diembao doctor`."""
        if not self.path.exists():
            return []
        with self._errors():
            log = self.path.with_name(self.path.name + "-wal")
            megabytes = [path.stat().st_size / 1024**2 if path.exists() else 0.0 for path in (self.path, log)]
            verdict = self._connection().execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            return [Condition("index file", "broken", f"{self.path} is damaged: {' '.join(verdict.split())}", _RESTORE)]
        return [Condition("index file", "ok", f"{megabytes[0]:.1f} MB, write-ahead log {megabytes[1]:.1f} MB")]

    def backup(self, folder: Path, now: datetime) -> str:
        """Copy the file into `folder` while it is in use (SQLite's online backup), and check the copy; returns its path."""
        target = folder / self.path.name
        with self._errors():
            copy_database(self._connection(), target)
        return str(target)

    # -- single articles ----------------------------------------------------------------------------------------------------------

    def stored(self, ids: Sequence[str]) -> dict[str, StoredVersion]:
        """The stored version of those of `ids` that are indexed."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, content_hash, revision, first_seen, fetched FROM article WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(ids)),),
            )
            return {row[0]: StoredVersion(row[1], row[2], moment(row[3]), moment(row[4])) for row in rows}

    def get(self, article_id: str) -> Article | None:
        """The article, or None."""
        with self._reading() as connection:
            row = connection.execute("SELECT content FROM article JOIN document USING (number) WHERE id = ?", (article_id,)).fetchone()
        return article_of(row[0]) if row else None

    # -- searching ----------------------------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles; see SearchEngine."""
        with self._reading() as connection:
            return Reader(connection, self._memory.snapshot(connection), self._abbreviations).search(request)

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(
        self, query: str, filters: Filters, interval: Interval, unit: Unit = "articles", fold_copies: bool = False
    ) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        with self._reading() as connection:
            return Reader(connection, self._memory.snapshot(connection), self._abbreviations).count(
                query, filters, interval, unit, fold_copies=fold_copies
            )

    def published_by_source(self, filters: Filters, interval: Interval) -> dict[str, dict[datetime, int]]:
        """How many articles each source published in each interval; see SearchEngine."""
        with self._reading() as connection:
            return Reader(connection, self._memory.snapshot(connection), self._abbreviations).published_by_source(filters, interval)

    def story_outlets(self, query: str, filters: Filters, least: int, limit: int = 500) -> dict[str, dict[str, datetime]]:
        """When each outlet of the widest stories wrote first; see SearchEngine."""
        with self._reading() as connection:
            reader = Reader(connection, self._memory.snapshot(connection), self._abbreviations)
            return reader.story_outlets(query, filters, least, limit)

    def story_sizes(
        self, query: str, filters: Filters, since: datetime, by: StoryOrder = "articles", least: int = 2, limit: int = 500
    ) -> list[StorySize]:
        """How much of the largest stories lies before and behind a moment; see SearchEngine."""
        with self._reading() as connection:
            reader = Reader(connection, self._memory.snapshot(connection), self._abbreviations)
            return reader.story_sizes(query, filters, since, by, least, limit)

    def appearances(self, query: str, filters: Filters, unit: Unit) -> list[Appearance]:
        """When each outlet (story, article) appeared; see SearchEngine."""
        with self._reading() as connection:
            return Reader(connection, self._memory.snapshot(connection), self._abbreviations).appearances(query, filters, unit)

    def seen_before(self, query: str, filters: Filters, before: datetime, keys: Sequence[str], group: Grouping) -> set[str]:
        """The groups that were known before; see SearchEngine."""
        with self._reading() as connection:
            reader = Reader(connection, self._memory.snapshot(connection), self._abbreviations)
            return reader.seen_before(query, filters, before, keys, group)

    def sample(self, query: str, filters: Filters, limit: int, fold_copies: bool = True) -> tuple[int, list[Article]]:
        """How many articles match, and those with the smallest ids; see SearchEngine."""
        with self._reading() as connection:
            return Reader(connection, self._memory.snapshot(connection), self._abbreviations).sample(
                query, filters, limit, fold_copies=fold_copies
            )

    def scan(
        self,
        query: str = "",
        filters: Filters = Filters(),  # noqa: B008 - frozen
        after: tuple[datetime | None, str] | None = None,
    ) -> Iterator[Article]:
        """Every matching article in order of first_seen_at, then id; see SearchEngine."""
        with self._reading() as connection:
            numbers = Reader(connection, self._memory.snapshot(connection), self._abbreviations).numbers(query, filters, after)
        return self._read_all(numbers)

    def _read_all(self, numbers: Sequence[int]) -> Iterator[Article]:
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            yield from self._articles(batch)

    def _articles(self, numbers: Sequence[int]) -> list[Article]:
        """The articles of `numbers` in that order; those erased meanwhile are left out."""
        with self._reading() as connection:
            return articles_of(connection, numbers)

    # -- linking ------------------------------------------------------------------------------------------------------------------

    def copy_candidates(self, article: Article, limit: int = 50) -> list[Article]:
        """Articles that share a copy key with `article`, without itself; earliest seen first."""
        with self._reading() as connection:
            numbers = [
                row[0]
                for row in connection.execute(
                    "SELECT number FROM article WHERE number IN (SELECT number FROM link_key WHERE kind = 'copy' AND key IN"
                    " (SELECT value FROM json_each(?))) AND id <> ? ORDER BY first_seen IS NOT NULL, first_seen, id LIMIT ?",
                    (json.dumps(article.copy_keys), article.id, limit),
                )
            ]
        return self._articles(numbers)

    def story_candidates(self, article: Article, since: datetime, until: datetime, limit: int = 100) -> list[Article]:
        """Articles published in [since, until) that share story keys with `article`, without itself; most shared first."""
        with self._reading() as connection:
            numbers = [
                row[0]
                for row in connection.execute(
                    "SELECT a.number FROM link_key k JOIN article a ON a.number = k.number WHERE k.kind = 'story' AND k.key IN"
                    " (SELECT value FROM json_each(?)) AND a.id <> ? AND a.published >= ? AND a.published < ?"
                    " GROUP BY a.number ORDER BY count(*) DESC, a.first_seen IS NOT NULL, a.first_seen, a.id LIMIT ?",
                    (json.dumps(article.story_keys), article.id, milliseconds(since), milliseconds(until), limit),
                )
            ]
        return self._articles(numbers)

    # -- health -------------------------------------------------------------------------------------------------------------------

    def status(self) -> EngineStatus:
        """How the engine is."""
        name, version = "sqlite", sqlite3.sqlite_version
        try:
            with self._reading() as connection:
                return EngineStatus(name, version, connection.execute("SELECT count(*) FROM article").fetchone()[0])
        except EngineError as error:
            return EngineStatus(name, version, 0, str(error))

    def close(self) -> None:
        """Let go of the file. Another thread's connection closes with its last user: none is closed under a thread that reads from it."""
        own: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if own is not None:
            with suppress(sqlite3.Error):
                own.close()
        with self._lock:
            self._local = threading.local()
            self._memory = Memory()


def _versions(connection: sqlite3.Connection) -> dict[str, str]:
    exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    return dict(connection.execute("SELECT name, value FROM meta WHERE name <> 'epoch'")) if exists else {}


def _fts_values(words: str) -> list[str]:
    exact = words.split("\n")
    return exact + [fold_words(value) for value in exact]
