"""Searching and counting in the embedded engine: everything that only reads, on one snapshot of the file."""

from __future__ import annotations

import heapq
import json
import sqlite3
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from diembao.article import Article
from diembao.engine import IRRELEVANT, CountBucket, FacetCount, Filters, Hit, Interval, SearchRequest, SearchResult, Unit
from diembao.errors import QueryError
from index.abbreviations import Abbreviations
from index.counting import buckets, start_of
from index.document import FACETS, TEXT_COLUMNS, WEIGHTS, moment
from index.highlighting import Highlighter
from index.paging import Cursor, bad_cursor, differences, from_differences, is_number, read_cursor, write_cursor
from index.query import Node, leaves, parse_query
from index.ranking import as_of, order_of, recency_in_sql
from index.sqlite_query import Compiler, Match, Sql, as_sql, behind, filter_conditions
from index.suggestions import FEW, corrected, nearest_of, wider, without_accents

_FTS_WEIGHTS = ", ".join(str(WEIGHTS[field]) for _ in ("x", "f") for field in TEXT_COLUMNS)
_FACET_COLUMNS = "topics, sentiment, critical_of, places, source, kind"
_HOUR = 3_600_000
_UTC_OFFSET = 7 * _HOUR
_SHIFT = 10_000_000
"""Intervals added before and taken off behind a division, which SQLite rounds towards zero, not down."""


@dataclass(frozen=True)
class _Copies:
    """The matching copies of one origin that are not shown: `kept` stands for them (the origin, or the earliest copy)."""

    kept: int
    surplus: list[int]


@dataclass(frozen=True)
class _Place:
    """Where one article stands on the page: best first by (key, less, id).

    Attributes:
        key: minus the score; 0 by time.
        less: minus the publication in milliseconds, infinity without one.
        article_id: decides between equals.
        number: of its row.
    """

    key: float
    less: float
    article_id: str
    number: int

    @property
    def order(self) -> tuple[float, float, str]:
        return self.key, self.less, self.article_id


class Reader:
    """Answers one question on one snapshot.

    Args:
        connection: with a transaction begun, and the temporary table `hit`.
        abbreviations: what queries may abbreviate.
    """

    def __init__(self, connection: sqlite3.Connection, abbreviations: Abbreviations) -> None:
        self._connection = connection
        self._abbreviations = abbreviations

    # -- searching ----------------------------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles; see SearchEngine."""
        began = time.perf_counter()
        query = parse_query(request.query, self._abbreviations)
        cursor = read_cursor(request.after, request) if request.after else Cursor(as_of(request), None)
        grouped = request.group_by == "story"
        copies = self._collect(query, request.filters, fold=request.fold_copies and not grouped)
        limit = max(0, min(request.limit, 1000))
        counted = "count(DISTINCT subject) FROM temp.hit JOIN article USING (number)" if grouped else "count(*) FROM temp.hit"
        total = self._connection.execute(f"SELECT {counted}").fetchone()[0]
        if grouped:
            page, place = self._stories(query, request, cursor, limit)
        elif order_of(request, query) == "time":
            page, place = self._newest(cursor, limit)
        else:
            page, place = self._most_relevant(query, cursor, limit)
        hits = self._hits(page, request, query)
        facets = {} if not request.facets else self._story_facets() if grouped else self._facets(copies)
        suggestions = self._suggestions(request, total) if total < FEW and not request.after else []
        following = write_cursor(request, Cursor(cursor.now, place)) if place is not None else None
        return SearchResult(total, (time.perf_counter() - began) * 1000, hits, facets, following, suggestions)

    def _hits(self, page: Sequence[_Place], request: SearchRequest, query: Node) -> list[Hit]:
        numbers = [place.number for place in page]
        sizes: dict[int, tuple[int, int]] = {}
        if request.group_by == "story":
            sizes = self._sizes(numbers)
            if order_of(request, query) == "relevance":
                numbers = self._origins(numbers)
        articles = articles_of(self._connection, numbers)
        copies = dict(
            self._connection.execute(
                "SELECT copy_of, count(*) FROM article WHERE copy_of IN (SELECT value FROM json_each(?)) GROUP BY copy_of",
                (json.dumps([article.id for article in articles]),),
            )
        )
        mark = Highlighter(query) if request.highlight else None
        return [
            Hit(
                article, -place.key or 0.0, mark.of(article) if mark else {}, copies.get(article.id, 0), *sizes.get(place.number, (1, 1))
            )
            for article, place in zip(articles, page, strict=True)
        ]  # fmt: skip

    def _suggestions(self, request: SearchRequest, total: int) -> list[str]:
        self._collect(parse_query(request.query, self._abbreviations), request.filters, fold=False)
        found = self._connection.execute("SELECT count(*) FROM temp.hit").fetchone()[0]

        def nearest(token: str) -> str | None:
            if self._connection.execute("SELECT 1 FROM vocabulary WHERE term = ?", (token,)).fetchone():
                return None
            words = self._connection.execute(
                "SELECT term, doc FROM vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?",
                (token[0], token[0] + "\U0010ffff", len(token) - 1, len(token) + 1),
            )
            return nearest_of(token, words)

        offered = []
        mended = [] if total else [without_accents(request.query), corrected(request.query, nearest)]
        for other in dict.fromkeys([*mended, *wider(request.query, self._abbreviations)]):
            with suppress(QueryError):
                if other != request.query:
                    self._collect(parse_query(other, self._abbreviations), request.filters, fold=False)
                    if self._connection.execute("SELECT count(*) FROM temp.hit").fetchone()[0] > found:
                        offered.append(other)
        return offered

    def _collect(self, query: Node, filters: Filters, *, fold: bool) -> list[_Copies]:
        """Put the numbers of the matching articles into the temporary table `hit`; returns what folding left out."""
        connection = self._connection
        connection.execute("DELETE FROM temp.hit")
        compiled = Compiler(connection).compile(query)
        narrowed = filter_conditions(filters)
        if isinstance(compiled, Match) and not narrowed:
            connection.execute("INSERT INTO temp.hit SELECT rowid FROM fts WHERE fts MATCH ?", (compiled.text,))
        else:
            conditions = [as_sql(compiled), *narrowed]
            connection.execute(
                f"INSERT INTO temp.hit SELECT a.number FROM article a WHERE {' AND '.join(part.text for part in conditions)}",  # noqa: S608
                [parameter for part in conditions for parameter in part.parameters],
            )
        if filters.hides_irrelevant:
            connection.execute(
                "DELETE FROM temp.hit WHERE number IN (SELECT number FROM label WHERE field = 'topic' AND key = ?)", (IRRELEVANT,)
            )
        return self._fold() if fold else []

    def _fold(self) -> list[_Copies]:
        """Leave one article of each group of copies: the origin, or where it does not match, the earliest that does."""
        rows = self._connection.execute(
            "SELECT a.number, a.copy_of, (SELECT number FROM temp.hit WHERE number = o.number)"
            " FROM article a INDEXED BY article_copy LEFT JOIN article o ON o.id = a.copy_of"
            " WHERE a.copy_of IS NOT NULL AND a.number IN temp.hit"
            " ORDER BY a.copy_of, a.first_seen IS NOT NULL, a.first_seen, a.id"
        ).fetchall()
        groups: dict[str, _Copies] = {}
        for number, origin, origin_number in rows:
            if origin in groups:
                groups[origin].surplus.append(number)
            elif origin_number is not None:
                groups[origin] = _Copies(origin_number, [number])
            else:
                groups[origin] = _Copies(number, [])
        folded = [group for group in groups.values() if group.surplus]
        self._connection.executemany(
            "DELETE FROM temp.hit WHERE number = ?", [(number,) for group in folded for number in group.surplus]
        )  # fmt: skip
        return folded

    # -- facets -------------------------------------------------------------------------------------------------------------------

    def _facets(self, folded: Sequence[_Copies]) -> dict[str, list[FacetCount]]:
        """How many groups have an article with each value: of a folded group also what only its copies have."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        rows = self._connection.execute(f"SELECT {_FACET_COLUMNS} FROM temp.hit JOIN article USING (number)")  # noqa: S608 - our names
        # Column by column: few values are distinct there, so little is left to do outside of SQLite and Counter.
        for name, column in zip(FACETS, zip(*rows, strict=True), strict=False):
            for values, count in Counter(column).items():
                for value in _parts(name, values):
                    counts[name][value] += count
        involved = [number for group in folded for number in (group.kept, *group.surplus)]
        known = {
            row[0]: row[1:]
            for row in self._connection.execute(
                f"SELECT number, {_FACET_COLUMNS} FROM article WHERE number IN (SELECT value FROM json_each(?))",  # noqa: S608
                (json.dumps(involved),),
            )
        }
        for group in folded:
            shown = known[group.kept]
            rest = [known[number] for number in group.surplus]
            for place, name in enumerate(FACETS):
                others = {values[place] for values in rest if values[place] != shown[place]}
                if others:
                    for value in {value for values in others for value in _parts(name, values)}.difference(_parts(name, shown[place])):
                        counts[name][value] += 1
        return _sorted(counts)

    def _story_facets(self) -> dict[str, list[FacetCount]]:
        stories: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        rows = self._connection.execute(f"SELECT subject, {_FACET_COLUMNS} FROM temp.hit JOIN article USING (number)")  # noqa: S608
        subjects, *columns = [*zip(*rows, strict=True)] or [()]
        for name, column in zip(FACETS, columns, strict=False):
            together: dict[str, set[str]] = defaultdict(set)
            for values, subject in zip(column, subjects, strict=True):
                together[values].add(subject)
            for values, found in together.items():
                for value in _parts(name, values):
                    stories[name][value] |= found
        return _sorted({name: Counter({value: len(found) for value, found in values.items()}) for name, values in stories.items()})

    # -- pages --------------------------------------------------------------------------------------------------------------------

    def _newest(self, cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The page newest first, and the place behind it: (publication, id) of its last article."""
        condition = "1"
        values: tuple[object, ...] = ()
        if cursor.place is not None:
            published, last = _time_place(cursor.place)
            if published is None:
                condition, values = "published IS NULL AND id > ?", (last,)
            else:
                condition, values = "(published IS NULL OR published < ? OR (published = ? AND id > ?))", (published, published, last)
        rows = self._connection.execute(
            f"SELECT published, id, number FROM temp.hit JOIN article USING (number) WHERE {condition}"  # noqa: S608 - our words
            " ORDER BY published IS NULL, published DESC, id LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        page = [_Place(0.0, 0.0, article_id, number) for _, article_id, number in rows[:limit]]
        return page, list(rows[limit - 1][:2]) if len(rows) > limit > 0 else None

    def _most_relevant(self, query: Node, cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The best page of what was not shown yet, and the place behind it.

        Every write shifts the scores of all articles a little, so a score would not say where the page before ended.
        """
        shown = self._shown(cursor)
        keys = self._scores(query, cursor.now)
        total = self._connection.execute("SELECT count(*) FROM temp.hit").fetchone()[0]
        if len(keys) < total:
            keys = {row[0]: 0.0 for row in self._connection.execute("SELECT number FROM temp.hit")} | keys
        for number in shown:
            keys.pop(number, None)
        best = heapq.nsmallest(limit, keys.values())
        if not best:
            return [], None
        found = self._placed({number: key for number, key in keys.items() if key <= best[-1]})
        page = sorted(found, key=lambda place: place.order)[:limit]
        return page, self._place_behind(shown, page) if len(keys) > len(page) else None

    def _stories(self, query: Node, request: SearchRequest, cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The first article of each of the next stories, and the place behind them."""
        shown = self._shown(cursor)
        keys = self._scores(query, cursor.now) if order_of(request, query) == "relevance" else {}
        first: dict[str, tuple[float, float, str, int]] = {}
        rows = self._connection.execute("SELECT number, subject, published, id FROM temp.hit JOIN article USING (number)")
        for number, subject, published, article_id in rows:
            place = (keys.get(number, 0.0), _less(published), article_id, number)
            known = first.get(subject)
            if known is None or place < known:
                first[subject] = place
        for (subject,) in self._connection.execute(
            "SELECT DISTINCT subject FROM article WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(shown),)
        ):
            first.pop(subject, None)
        page = [_Place(*place) for place in heapq.nsmallest(limit, first.values())]
        return page, self._place_behind(shown, page) if len(first) > len(page) > 0 else None

    def _placed(self, keys: dict[int, float]) -> list[_Place]:
        rows = self._connection.execute(
            "SELECT number, published, id FROM article WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(keys)),)
        )
        return [_Place(keys[number], _less(published), article_id, number) for number, published, article_id in rows]

    def _shown(self, cursor: Cursor) -> list[int]:
        """The numbers of what earlier pages showed; none when the index was built anew since, which gives other numbers."""
        if cursor.place is None:
            return []
        match cursor.place:
            case [list(steps), int(last), str(last_id)] if all(map(is_number, [*steps, last])):
                row = self._connection.execute("SELECT id FROM article WHERE number = ?", (last,)).fetchone()
                if row is not None and row[0] != last_id:
                    raise bad_cursor()
                return from_differences(steps)
        raise bad_cursor()

    def _place_behind(self, shown: Sequence[int], page: Sequence[_Place]) -> object:
        return [differences([*shown, *(place.number for place in page)]), page[-1].number, page[-1].article_id]

    def _scores(self, query: Node, now: int | None) -> dict[int, float]:
        """Minus the score of each found article in which a word of the query stands."""
        compiler = Compiler(self._connection)
        wanted = [compiler.scoring(leaf) for leaf, negated in leaves(query) if not negated]
        expression = " OR ".join(dict.fromkeys(part for part in wanted if part))
        if not expression:
            return {}
        score = f"bm25(fts, {_FTS_WEIGHTS})"
        if now is None:
            statement = f"SELECT rowid, {score} FROM fts WHERE fts MATCH ? AND +rowid IN temp.hit"  # noqa: S608 - our numbers
        else:
            statement = (
                f"SELECT fts.rowid, {score} * {recency_in_sql('a.published', now)} FROM fts CROSS JOIN article a"  # noqa: S608
                " WHERE fts MATCH ? AND a.number = fts.rowid AND +fts.rowid IN temp.hit"
            )
        return dict(self._connection.execute(statement, (expression,)))

    def _sizes(self, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
        """By article: how many of its story were found, and from how many sources."""
        rows = self._connection.execute(
            "SELECT shown.number, count(*), count(DISTINCT a.source) FROM article shown JOIN article a ON a.subject = shown.subject"
            " WHERE shown.number IN (SELECT value FROM json_each(?)) AND a.number IN temp.hit GROUP BY shown.number",
            (json.dumps(list(numbers)),),
        )
        return {number: (articles, outlets) for number, articles, outlets in rows}

    def _origins(self, numbers: Sequence[int]) -> list[int]:
        """`numbers` with each copy whose origin was found too replaced by that origin."""
        origin = dict(
            self._connection.execute(
                "SELECT a.number, o.number FROM article a JOIN article o ON o.id = a.copy_of AND o.subject = a.subject"
                " WHERE a.number IN (SELECT value FROM json_each(?)) AND o.number IN temp.hit",
                (json.dumps(list(numbers)),),
            )
        )
        return [origin.get(number, number) for number in numbers]

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(self, query: str, filters: Filters, interval: Interval, unit: Unit, *, fold_copies: bool) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        subject = {"articles": "number", "outlets": "source", "stories": "subject"}[unit]
        self._collect(parse_query(query, self._abbreviations), filters, fold=fold_copies)
        rows = self._connection.execute(
            f"SELECT published, {subject}, sentiment = 'negative' FROM temp.hit JOIN article USING (number) WHERE published IS NOT NULL"  # noqa: S608
        ).fetchall()
        return buckets(rows, interval, filters.published_from, filters.published_to)

    def published_by_source(self, filters: Filters, interval: Interval) -> dict[str, dict[datetime, int]]:
        """How many articles each source published in each interval; see SearchEngine."""
        conditions = filter_conditions(filters)
        if filters.hides_irrelevant:
            hidden = Sql("a.number NOT IN (SELECT number FROM label WHERE field = 'topic' AND key = ?)", (IRRELEVANT,))
            conditions.append(hidden)
        step = _HOUR if interval == "hour" else 24 * _HOUR
        rows = self._connection.execute(
            f"SELECT a.source, (a.published + {_UTC_OFFSET} + {_SHIFT} * {step}) / {step} - {_SHIFT} AS part, count(*) FROM article a"  # noqa: S608
            f" WHERE a.published IS NOT NULL{''.join(f' AND {part.text}' for part in conditions)} GROUP BY 1, 2",
            [parameter for part in conditions for parameter in part.parameters],
        )
        found: dict[str, dict[datetime, int]] = {}
        for source, part, count in rows:
            at = moment(part * step - _UTC_OFFSET)
            assert at is not None
            start = start_of(at, interval)
            by_start = found.setdefault(source, {})
            by_start[start] = by_start.get(start, 0) + count
        return found

    def sample(self, query: str, filters: Filters, limit: int, *, fold_copies: bool) -> tuple[int, list[Article]]:
        """How many articles match, and those with the smallest ids; see SearchEngine."""
        self._collect(parse_query(query, self._abbreviations), filters, fold=fold_copies)
        total = self._connection.execute("SELECT count(*) FROM temp.hit").fetchone()[0]
        rows = self._connection.execute("SELECT number FROM temp.hit JOIN article USING (number) ORDER BY id LIMIT ?", (limit,))
        return total, articles_of(self._connection, [row[0] for row in rows])

    def numbers(self, query: str, filters: Filters, after: tuple[datetime | None, str] | None) -> list[int]:
        """The numbers of every matching article in order of first_seen_at, then id, from behind `after`."""
        later = behind(*after) if after else Sql("1")
        self._collect(parse_query(query, self._abbreviations), filters, fold=False)
        rows = self._connection.execute(
            f"SELECT a.number FROM temp.hit JOIN article a USING (number) WHERE {later.text}"  # noqa: S608 - our words
            " ORDER BY a.first_seen IS NOT NULL, a.first_seen, a.id",
            later.parameters,
        )
        return [row[0] for row in rows]


def articles_of(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[Article]:
    """The articles of `numbers` in that order; those that are not there any more are left out."""
    records = dict(
        connection.execute(
            "SELECT number, record FROM document WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)
        )
    )
    return [article_of(records[number]) for number in numbers if number in records]


def article_of(record: bytes) -> Article:
    """The article that is stored as `record`."""
    return Article.model_validate(json.loads(zlib.decompress(record)))


def _time_place(place: object) -> tuple[int | None, str]:
    match place:
        case [None, str(last)]:
            return None, last
        case [int(published), str(last)] if is_number(published):
            return published, last
    raise bad_cursor()


def _less(published: int | None) -> float:
    return float("inf") if published is None else -published


def _parts(name: str, values: str) -> Iterable[str]:
    """The values of one column of one article."""
    if name in ("topic", "place"):
        return [value for value in values.split("\n") if value]
    return (values,) if values else ()


def _sorted(counts: dict[str, Counter[str]]) -> dict[str, list[FacetCount]]:
    empty: Counter[str] = Counter()
    return {name: [FacetCount(*entry) for entry in sorted(counts.get(name, empty).items(), key=_by_count)] for name in FACETS}


def _by_count(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]
