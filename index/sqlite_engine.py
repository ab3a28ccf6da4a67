"""The embedded engine: one SQLite file with FTS5. For an office that starts today, up to some 200,000 articles."""

from __future__ import annotations

import heapq
import json
import math
import sqlite3
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from diembao.article import Article
from diembao.engine import (
    IRRELEVANT,
    CountBucket,
    EngineStatus,
    FacetCount,
    Filters,
    Hit,
    Interval,
    SearchRequest,
    SearchResult,
    StoredVersion,
    Unit,
)
from diembao.errors import EngineError, EngineUnusableError, QueryError
from diembao.sqlite_copy import copy_database
from index.abbreviations import NONE, Abbreviations
from index.analysis import ANALYSER_VERSION, keyword
from index.condition import Condition
from index.counting import buckets
from index.document import (
    FACETS,
    TEXT_COLUMNS,
    WEIGHTS,
    fold_words,
    group_of,
    joined,
    keys_of,
    milliseconds,
    moment,
    place_key,
    refusal,
    words_of,
)
from index.highlighting import Highlighter
from index.paging import read_cursor, write_cursor
from index.proximity import phrase_occurs, within_slop
from index.query import (
    All,
    And,
    Exists,
    Keyword,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Prefix,
    Range,
    Term,
    fold_token,
    has_accents,
    leaves,
    parse_query,
)
from index.suggestions import corrected, nearest_of, without_accents

SCHEMA_VERSION = 1
_VERSIONS = {"schema": str(SCHEMA_VERSION), "analyser": str(ANALYSER_VERSION)}
_RESTORE = "Put the file aside and restore the last copy of it, or index the run folders again (docs/production.md)"
MAX_PATTERN_WORDS = 2000
_BATCH = 500

_COLUMNS = [f"{field}_{form}" for form in ("x", "f") for field in TEXT_COLUMNS]
_FTS_WEIGHTS = ", ".join(str(WEIGHTS[field]) for _ in ("x", "f") for field in TEXT_COLUMNS)

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
CREATE TABLE IF NOT EXISTS document (number INTEGER PRIMARY KEY, record BLOB NOT NULL, words TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS label (
    field TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (field, key, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS label_number ON label (number);
CREATE TABLE IF NOT EXISTS link_key (
    kind TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (kind, key, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS link_key_number ON link_key (number);
CREATE VIRTUAL TABLE IF NOT EXISTS fts USING fts5 (
    {", ".join(_COLUMNS)}, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_'");
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (fts, 'row');
"""

_DATE_COLUMNS = {"published_at": "published", "modified_at": "modified", "fetched_at": "fetched", "first_seen_at": "first_seen"}
_INSERT_FTS = f"INSERT INTO fts (rowid, {', '.join(_COLUMNS)}) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"  # noqa: S608 - our names
_DELETE_FTS = f"INSERT INTO fts (fts, rowid, {', '.join(_COLUMNS)}) VALUES ('delete', {', '.join('?' * (len(_COLUMNS) + 1))})"  # noqa: S608


@dataclass(frozen=True)
class _Sql:
    """A condition on `a` (article), with its parameters."""

    text: str
    parameters: tuple[object, ...] = ()


@dataclass(frozen=True)
class _Match:
    """A condition that FTS5 can decide alone: a MATCH expression."""

    text: str


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
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

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
                self._connections.append(connection)
            self._local.connection = connection
        return connection

    def _open(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            self._check_schema(connection)
            connection.execute("CREATE TEMP TABLE hit (number INTEGER PRIMARY KEY)")
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
            connection.create_function("has_words", 2, _has_words, deterministic=True)
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
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
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", _VERSIONS.items())

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
            for article in articles:
                self._write_one(connection, article)

    def _write_one(self, connection: sqlite3.Connection, article: Article) -> None:
        keys = keys_of(article)
        words = "\n".join(joined(values) for values in words_of(article).values())
        record = json.dumps(article.to_record(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        row = (
            article.content_hash, article.revision, milliseconds(article.published_at), milliseconds(article.modified_at),
            milliseconds(article.fetched_at), milliseconds(article.first_seen_at), article.source, article.kind,
            *("".join(keys[field].values()) for field in ("sentiment", "critical_of")),
            *("\n".join(keys[field].values()) for field in ("topic", "place")),
            article.story_id, article.copy_of, article.story_id or group_of(article),
        )  # fmt: skip
        known = connection.execute("SELECT number, words FROM article JOIN document USING (number) WHERE id = ?", (article.id,)).fetchone()
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
        connection.execute(
            "INSERT OR REPLACE INTO document (number, record, words) VALUES (?, ?, ?)", (number, zlib.compress(record, 1), words)
        )
        if known is None or known[1] != words:
            if known is not None:
                connection.execute(_DELETE_FTS, (number, *_fts_values(known[1])))
            connection.execute(_INSERT_FTS, (number, *_fts_values(words)))
        connection.executemany(
            "INSERT INTO label (field, key, number) VALUES (?, ?, ?)",
            [(field, key, number) for field, entries in keys.items() for key in entries],
        )
        connection.executemany(
            "INSERT OR IGNORE INTO link_key (kind, key, number) VALUES (?, ?, ?)",
            [("copy", key, number) for key in article.copy_keys] + [("story", key, number) for key in article.story_keys],
        )

    def delete(self, ids: Sequence[str]) -> int:
        """Erase articles; returns how many there were."""
        erased = 0
        with self._writing() as connection:
            for article_id in dict.fromkeys(ids):
                known = connection.execute(
                    "SELECT number, words FROM article JOIN document USING (number) WHERE id = ?", (article_id,)
                ).fetchone()
                if known is None:
                    continue
                connection.execute(_DELETE_FTS, (known[0], *_fts_values(known[1])))
                for table in ("label", "link_key", "document", "article"):
                    connection.execute(f"DELETE FROM {table} WHERE number = ?", (known[0],))  # noqa: S608 - our names
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
                for table in ("vocabulary", "fts", "label", "link_key", "article", "meta"):
                    connection.execute(f"DROP TABLE IF EXISTS {table}")
                self._create(connection)
                rows = connection.execute("SELECT record FROM document_before ORDER BY number")
                count = 0
                while batch := rows.fetchmany(_BATCH):
                    for row in batch:
                        self._write_one(connection, _article(row[0]))
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
            row = connection.execute("SELECT record FROM article JOIN document USING (number) WHERE id = ?", (article_id,)).fetchone()
        return _article(row[0]) if row else None

    # -- searching ----------------------------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles; see SearchEngine."""
        began = time.perf_counter()
        query = parse_query(request.query, self._abbreviations)
        with self._reading() as connection:
            self._collect(connection, query, request.filters, fold=request.fold_copies)
            total = connection.execute("SELECT count(*) FROM hit").fetchone()[0]
            page, cursor = self._page(connection, query, request)
            records = dict(
                connection.execute(
                    "SELECT number, record FROM document WHERE number IN (SELECT value FROM json_each(?))",
                    (json.dumps([number for _, number, _ in page]),),
                )
            )
            articles = [(_article(records[number]), score) for _, number, score in page]
            copies = dict(
                connection.execute(
                    "SELECT copy_of, count(*) FROM article WHERE copy_of IN (SELECT value FROM json_each(?)) GROUP BY copy_of",
                    (json.dumps([article.id for article, _ in articles]),),
                )
            )
            facets = _facets(connection) if request.facets else {}
            suggestions = self._suggestions(connection, request) if not total else []
        mark = Highlighter(query) if request.highlight else None
        hits = [Hit(article, score, mark.of(article) if mark else {}, copies.get(article.id, 0)) for article, score in articles]
        return SearchResult(total, (time.perf_counter() - began) * 1000, hits, facets, cursor, suggestions)

    def _suggestions(self, connection: sqlite3.Connection, request: SearchRequest) -> list[str]:
        def nearest(token: str) -> str | None:
            if connection.execute("SELECT 1 FROM vocabulary WHERE term = ?", (token,)).fetchone():
                return None
            words = connection.execute(
                "SELECT term, doc FROM vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?",
                (token[0], token[0] + "\U0010ffff", len(token) - 1, len(token) + 1),
            )
            return nearest_of(token, words)

        offered = []
        for other in dict.fromkeys((without_accents(request.query), corrected(request.query, nearest))):
            with suppress(QueryError):
                if other != request.query:
                    self._collect(connection, parse_query(other, self._abbreviations), request.filters, fold=False)
                    if connection.execute("SELECT 1 FROM temp.hit LIMIT 1").fetchone():
                        offered.append(other)
        return offered

    def _collect(self, connection: sqlite3.Connection, query: Node, filters: Filters, *, fold: bool) -> None:
        """Put the numbers of the matching articles into the temporary table `hit`."""
        connection.execute("DELETE FROM temp.hit")
        compiled = _Compiler(connection).compile(query)
        narrowed = _filter_conditions(filters)
        if isinstance(compiled, _Match) and not narrowed:
            connection.execute("INSERT INTO temp.hit SELECT rowid FROM fts WHERE fts MATCH ?", (compiled.text,))
        else:
            conditions = [_as_sql(compiled), *narrowed]
            connection.execute(
                f"INSERT INTO temp.hit SELECT a.number FROM article a WHERE {' AND '.join(part.text for part in conditions)}",  # noqa: S608
                [parameter for part in conditions for parameter in part.parameters],
            )
        if filters.hides_irrelevant:
            connection.execute(
                "DELETE FROM temp.hit WHERE number IN (SELECT number FROM label WHERE field = 'topic' AND key = ?)", (IRRELEVANT,)
            )
        if fold:
            self._fold(connection)

    def _fold(self, connection: sqlite3.Connection) -> None:
        """Leave one article of each group of copies: the origin, or where it does not match, the earliest that does."""
        rows = connection.execute(
            "SELECT a.number, a.copy_of, o.number IS NOT NULL AND EXISTS (SELECT 1 FROM temp.hit WHERE number = o.number)"
            " FROM article a INDEXED BY article_copy LEFT JOIN article o ON o.id = a.copy_of"
            " WHERE a.copy_of IS NOT NULL AND a.number IN temp.hit"
            " ORDER BY a.copy_of, a.first_seen IS NOT NULL, a.first_seen, a.id"
        ).fetchall()
        represented: set[str] = set()
        surplus = []
        for number, origin, origin_matches in rows:
            if origin_matches or origin in represented:
                surplus.append((number,))
            represented.add(origin)
        connection.executemany("DELETE FROM temp.hit WHERE number = ?", surplus)

    def _page(self, connection: sqlite3.Connection, query: Node, request: SearchRequest) -> tuple[list[tuple[str, int, float]], str | None]:
        """The page of (id, number, score), and the cursor behind it. Sorted by time nothing is scored."""
        limit = max(0, min(request.limit, 1000))
        after = read_cursor(request.after, request.sort) if request.after else None
        if request.sort == "time":
            rows = self._newest(connection, limit + 1, after)
        else:
            rows = self._most_relevant(connection, query, limit + 1, after)
        more, page = len(rows) > limit, rows[:limit]
        cursor = write_cursor(request.sort, page[-1][0], page[-1][1]) if more and page else None
        relevance = request.sort == "relevance"
        return [(article_id, number, -key if relevance else 0.0) for key, article_id, number in page], cursor

    def _newest(self, connection: sqlite3.Connection, limit: int, after: tuple[float, str] | None) -> list[tuple[float, str, int]]:
        """(minus the publication or infinity, id, number), newest first."""
        condition = "1"
        values: tuple[object, ...] = ()
        if after is not None and math.isinf(after[0]):
            condition, values = "published IS NULL AND id > ?", (after[1],)
        elif after is not None:
            condition, values = "(published IS NULL OR published < ? OR (published = ? AND id > ?))", (-after[0], -after[0], after[1])
        rows = connection.execute(
            f"SELECT published, id, number FROM temp.hit JOIN article USING (number) WHERE {condition}"  # noqa: S608 - our words
            " ORDER BY published IS NULL, published DESC, id LIMIT ?",
            (*values, limit),
        )
        return [(math.inf if published is None else -published, article_id, number) for published, article_id, number in rows]

    def _most_relevant(
        self, connection: sqlite3.Connection, query: Node, limit: int, after: tuple[float, str] | None
    ) -> list[tuple[float, str, int]]:
        """(minus the score, id, number), best first. The ids, by which ties are ordered, are read only where they may matter."""
        keys = self._scores(connection, query)
        total = connection.execute("SELECT count(*) FROM temp.hit").fetchone()[0]
        if len(keys) < total:
            keys = {row[0]: 0.0 for row in connection.execute("SELECT number FROM temp.hit")} | keys
        if after is not None:
            keys = {number: key for number, key in keys.items() if key >= after[0]}
            ties = sum(1 for key in keys.values() if key == after[0])
        else:
            ties = 0
        best = heapq.nsmallest(limit + ties, keys.values())
        if not best:
            return []
        wanted = [number for number, key in keys.items() if key <= best[-1]]
        found = connection.execute("SELECT number, id FROM article WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(wanted),))
        rows = sorted((keys[number], article_id, number) for number, article_id in found)
        return [row for row in rows if after is None or (row[0], row[1]) > after][:limit]

    def _scores(self, connection: sqlite3.Connection, query: Node) -> dict[int, float]:
        compiler = _Compiler(connection)
        wanted = [compiler.scoring(leaf) for leaf, negated in leaves(query) if not negated]
        expression = " OR ".join(dict.fromkeys(part for part in wanted if part))
        if not expression:
            return {}
        return dict(
            connection.execute(
                f"SELECT rowid, bm25(fts, {_FTS_WEIGHTS}) FROM fts WHERE fts MATCH ? AND +rowid IN temp.hit",  # noqa: S608 - our numbers
                (expression,),
            )
        )

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(
        self, query: str, filters: Filters, interval: Interval, unit: Unit = "articles", fold_copies: bool = False
    ) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        subject = {"articles": "number", "outlets": "source", "stories": "subject"}[unit]
        tree = parse_query(query, self._abbreviations)
        with self._reading() as connection:
            self._collect(connection, tree, filters, fold=fold_copies)
            rows = connection.execute(
                f"SELECT published, {subject}, sentiment = 'negative' FROM temp.hit JOIN article USING (number) WHERE published IS NOT NULL"  # noqa: S608
            ).fetchall()
        return buckets(rows, interval, filters.published_from, filters.published_to)

    def scan(
        self,
        query: str = "",
        filters: Filters = Filters(),  # noqa: B008 - frozen
        after: tuple[datetime | None, str] | None = None,
    ) -> Iterator[Article]:
        """Every matching article in order of first_seen_at, then id; see SearchEngine."""
        tree = parse_query(query, self._abbreviations)
        behind = _behind(*after) if after else _Sql("1")
        with self._reading() as connection:
            self._collect(connection, tree, filters, fold=False)
            numbers = [
                row[0]
                for row in connection.execute(
                    f"SELECT a.number FROM temp.hit JOIN article a USING (number) WHERE {behind.text}"  # noqa: S608 - our words
                    " ORDER BY a.first_seen IS NOT NULL, a.first_seen, a.id",
                    behind.parameters,
                )
            ]
        return self._read_all(numbers)

    def _read_all(self, numbers: Sequence[int]) -> Iterator[Article]:
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            yield from self._articles(batch)

    def _articles(self, numbers: Sequence[int]) -> list[Article]:
        """The articles of `numbers` in that order; those erased meanwhile are left out."""
        with self._reading() as connection:
            records = dict(
                connection.execute(
                    "SELECT number, record FROM document WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)
                )
            )
        return [_article(records[number]) for number in numbers if number in records]

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
        """Let go of the file."""
        with self._lock:
            for connection in self._connections:
                with suppress(sqlite3.Error):
                    connection.close()
            self._connections.clear()
            self._local = threading.local()


def _versions(connection: sqlite3.Connection) -> dict[str, str]:
    exists = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    return dict(connection.execute("SELECT name, value FROM meta")) if exists else {}


class _Compiler:
    """Translates a query tree: into one MATCH expression where FTS5 can decide it, into SQL around several where not."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def compile(self, node: Node) -> _Match | _Sql:
        match node:
            case All():
                return _Sql("1")
            case Term() | Prefix() | Pattern():
                return self._words(node)
            case Phrase():
                return self._phrase(node)
            case Keyword():
                return _keyword_condition(node)
            case Exists():
                return _exists_condition(node)
            case Range():
                return _range_condition(_DATE_COLUMNS[node.field], node.since, node.until)
            case Not():
                part = _as_sql(self.compile(node.part))
                return _Sql(f"NOT ({part.text})", part.parameters)
            case Or():
                return _any_of([self.compile(part) for part in node.parts])
            case And():
                wanted = [self.compile(part) for part in node.parts if not isinstance(part, Not)]
                unwanted = [self.compile(part.part) for part in node.parts if isinstance(part, Not)]
                return _all_of(wanted, unwanted)

    def scoring(self, leaf: Node) -> str | None:
        """The MATCH expression that scores `leaf`; None when it has no words."""
        if isinstance(leaf, Term | Prefix | Pattern):
            found = self._words(leaf)
            return found.text if isinstance(found, _Match) else None
        if isinstance(leaf, Phrase):
            return _phrase_match(leaf.fields, leaf.tokens, prefix=leaf.prefix) if not leaf.slop else _near(leaf)
        return None

    def _words(self, node: Term | Prefix | Pattern) -> _Match | _Sql:
        if isinstance(node, Term):
            return _Match(_phrase_match(node.fields, (node.token,), prefix=False))
        if isinstance(node, Prefix):
            return _Match(_phrase_match(node.fields, (node.token,), prefix=True))
        start = node.pattern[: min(node.pattern.find(mark) for mark in "*?" if mark in node.pattern)]
        accented = has_accents(node.pattern)
        rows = self._connection.execute(
            "SELECT term FROM vocabulary WHERE term >= ? AND term < ? AND term GLOB ? LIMIT ?",
            (start, start + "\U0010ffff", node.pattern, MAX_PATTERN_WORDS + 1),
        ).fetchall()
        words = [row[0] for row in rows if accented or not has_accents(row[0])]
        if len(rows) > MAX_PATTERN_WORDS:
            raise QueryError(
                f"Quá nhiều từ khớp với {node.pattern!r}; hãy thêm chữ", f"Too many words match {node.pattern!r}; add some letters", None
            )
        if not words:
            return _Sql("0")
        alternatives = " OR ".join(f'"{word}"' for word in words)
        return _Match(f"{{{_columns(node.fields, 'x' if accented else 'f')}}} : ({alternatives})")

    def _phrase(self, node: Phrase) -> _Match | _Sql:
        accented = [has_accents(token) for token in node.tokens]
        sure = _phrase_match(node.fields, node.tokens, prefix=node.prefix, form="f" if not any(accented) else "x")
        if not node.slop and (all(accented) or not any(accented)):
            return _Match(sure)
        # Of a phrase with accented and plain words, the literal one is sure; only what else folds to it must be looked at.
        candidates = _near(node) if node.slop else _phrase_match(
            node.fields, tuple(map(fold_token, node.tokens)), prefix=node.prefix, form="f"
        )  # fmt: skip
        rows = self._connection.execute(
            "SELECT number, words FROM document WHERE number IN (SELECT rowid FROM fts WHERE fts MATCH ?)",
            (f"({candidates}) NOT ({sure})",),
        )
        places = [TEXT_COLUMNS.index(field) for field in node.fields]
        numbers = [number for number, words in rows if _phrase_in(words, places, node, accented)]
        if not numbers:
            return _Match(sure)
        return _any_of([_Match(sure), _Sql("a.number IN (SELECT value FROM json_each(?))", (json.dumps(numbers),))])


def _phrase_in(words: str, places: Sequence[int], node: Phrase, accented: Sequence[bool]) -> bool:
    fields = words.split("\n")
    for place in places:
        exact = fields[place].split()
        folded = fold_words(fields[place]).split()
        if node.slop:
            if within_slop(exact, folded, node.tokens, accented, node.slop):
                return True
        elif phrase_occurs(exact, folded, node.tokens, accented, prefix=node.prefix):
            return True
    return False


def _has_words(words: str, place: int) -> bool:
    return bool(words.split("\n")[place])


def _columns(fields: Sequence[str], form: str) -> str:
    return " ".join(f"{field}_{form}" for field in fields)


def _phrase_match(fields: Sequence[str], tokens: Sequence[str], *, prefix: bool, form: str = "") -> str:
    form = form or ("x" if any(map(has_accents, tokens)) else "f")
    return f'{{{_columns(fields, form)}}} : "{" ".join(tokens)}"{" *" if prefix else ""}'


def _near(node: Phrase) -> str:
    """What contains every sloppy match of `node`, and little else; decided on folded words."""
    words = " ".join(f'"{fold_token(token)}"' for token in node.tokens)
    return f"{{{_columns(node.fields, 'f')}}} : NEAR({words}, {node.slop + len(node.tokens)})"


def _as_sql(condition: _Match | _Sql) -> _Sql:
    if isinstance(condition, _Sql):
        return condition
    return _Sql("a.number IN (SELECT rowid FROM fts WHERE fts MATCH ?)", (condition.text,))


def _any_of(parts: Sequence[_Match | _Sql]) -> _Match | _Sql:
    matches = [part for part in parts if isinstance(part, _Match)]
    others = [part for part in parts if isinstance(part, _Sql)]
    if matches:
        merged = matches[0] if len(matches) == 1 else _Match(" OR ".join(f"({part.text})" for part in matches))
        if not others:
            return merged
        others.append(_as_sql(merged))
    return _Sql("(" + " OR ".join(part.text for part in others) + ")", tuple(value for part in others for value in part.parameters))


def _all_of(wanted: Sequence[_Match | _Sql], unwanted: Sequence[_Match | _Sql]) -> _Match | _Sql:
    matches = [part for part in wanted if isinstance(part, _Match)]
    others = [part for part in wanted if isinstance(part, _Sql)]
    excluded = [part for part in unwanted if isinstance(part, _Match)]
    if matches:
        text = " AND ".join(f"({part.text})" for part in matches)
        for part in excluded:
            text = f"({text}) NOT ({part.text})"
        merged = _Match(text)
        if not others and len(excluded) == len(unwanted):
            return merged
        others.append(_as_sql(merged))
        excluded = []
    for rejected in unwanted:
        if isinstance(rejected, _Sql) or rejected in excluded:
            condition = _as_sql(rejected)
            others.append(_Sql(f"NOT ({condition.text})", condition.parameters))
    return _Sql("(" + " AND ".join(part.text for part in others) + ")", tuple(value for part in others for value in part.parameters))


def _label_condition(field: str, keys: Sequence[str]) -> _Sql:
    if len(keys) == 1:
        return _Sql("a.number IN (SELECT number FROM label WHERE field = ? AND key = ?)", (field, keys[0]))
    return _Sql(
        "a.number IN (SELECT number FROM label WHERE field = ? AND key IN (SELECT value FROM json_each(?)))", (field, json.dumps(keys))
    )


def _keyword_condition(node: Keyword) -> _Sql:
    column = {"story": "story", "copy_of": "copy_of", "id": "id"}.get(node.field)
    if column:
        return _Sql(f"coalesce(a.{column} = ?, 0)", (node.value,))
    return _label_condition(node.field, [node.value])


def _exists_condition(node: Exists) -> _Match | _Sql:
    if node.field in TEXT_COLUMNS:
        place = TEXT_COLUMNS.index(node.field)
        return _Sql("a.number IN (SELECT number FROM document WHERE has_words(words, ?))", (place,))
    if node.field in _DATE_COLUMNS:
        return _Sql(f"a.{_DATE_COLUMNS[node.field]} IS NOT NULL")
    if node.field in ("story", "copy_of", "id"):
        return _Sql(f"a.{node.field} IS NOT NULL")
    return _Sql("a.number IN (SELECT number FROM label WHERE field = ?)", (node.field,))  # fmt: skip


def _range_condition(column: str, since: datetime | None, until: datetime | None) -> _Sql:
    parts = [f"a.{column} IS NOT NULL"]
    values: list[object] = []
    if since is not None:
        parts.append(f"a.{column} >= ?")
        values.append(milliseconds(since))
    if until is not None:
        parts.append(f"a.{column} < ?")
        values.append(milliseconds(until))
    return _Sql("(" + " AND ".join(parts) + ")", tuple(values))


def _behind(first_seen: datetime | None, article_id: str) -> _Sql:
    """What stands behind an article in the order of a scan."""
    if first_seen is None:
        return _Sql("(a.first_seen IS NOT NULL OR a.id > ?)", (article_id,))
    seen = milliseconds(first_seen)
    return _Sql("(a.first_seen > ? OR (a.first_seen = ? AND a.id > ?))", (seen, seen, article_id))


def _filter_conditions(filters: Filters) -> list[_Sql]:
    conditions: list[_Sql] = []
    if filters.published_from is not None or filters.published_to is not None:
        conditions.append(_range_condition("published", filters.published_from, filters.published_to))
    for field, values in (
        ("topic", filters.topics), ("sentiment", filters.sentiments), ("critical_of", filters.critical_of),
        ("place_any", filters.places), ("source", filters.sources), ("kind", filters.kinds),
    ):  # fmt: skip
        if values:
            conditions.append(_label_condition(field, [(place_key if field == "place_any" else keyword)(value) for value in values]))
    for column, value in (("story", filters.story_id), ("copy_of", filters.copy_of)):
        if value is not None:
            conditions.append(_Sql(f"coalesce(a.{column} = ?, 0)", (value,)))
    return conditions


def _facets(connection: sqlite3.Connection) -> dict[str, list[FacetCount]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    rows = connection.execute("SELECT topics, sentiment, critical_of, places, source, kind FROM temp.hit JOIN article USING (number)")
    for values, count in Counter(rows).items():
        for name, value in zip(FACETS, values, strict=True):
            for part in value.split("\n") if name in ("topic", "place") else (value,):
                if part:
                    counts[name][part] += count
    return {name: [FacetCount(value, count) for value, count in sorted(counts[name].items(), key=_by_count)] for name in FACETS}


def _by_count(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _fts_values(words: str) -> list[str]:
    exact = words.split("\n")
    return exact + [fold_words(value) for value in exact]


def _article(record: bytes) -> Article:
    return Article.model_validate(json.loads(zlib.decompress(record)))
