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
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diembao.article import Article
from diembao.engine import IRRELEVANT, CountBucket, FacetCount, Filters, Hit, Interval, SearchRequest, SearchResult, Unit
from diembao.errors import QueryError
from index import columns
from index.abbreviations import Abbreviations
from index.columns import Numbers
from index.counting import buckets, start_of
from index.document import FACETS, TEXT_COLUMNS, WEIGHTS, moment
from index.highlighting import Highlighter
from index.paging import Cursor, bad_cursor, differences, from_differences, is_number, read_cursor, write_cursor
from index.query import And, Node, Not, Or, leaves, parse_query
from index.ranking import as_of, order_of, recencies, recency_in_sql
from index.sqlite_query import Compiler, Match, Sql, as_sql, behind, filter_conditions
from index.suggestions import FEW, corrected, nearest_of, wider, without_accents

_FTS_WEIGHTS = ", ".join(str(WEIGHTS[field]) for _ in ("x", "f") for field in TEXT_COLUMNS)
_TEXT_SCORE = f"bm25(fts, {_FTS_WEIGHTS})"
_FACET_COLUMNS = "topics, sentiment, critical_of, places, source, kind"
_HOUR = 3_600_000
_UTC_OFFSET = 7 * _HOUR
_SHIFT = 10_000_000
"""Intervals added before and taken off behind a division, which SQLite rounds towards zero, not down."""


@dataclass(frozen=True)
class _Found:
    """The articles that match, ascending by the number of their row.

    Attributes:
        numbers: of their rows.
        entries: what is packed of each; see index.columns.
        keys: minus the score of each article's text.
        surplus: places of the copies that folding does not show.
        kept: for each of these the place of what stands for it: the origin, or the earliest copy.
    """

    numbers: Numbers
    entries: NDArray[Any]
    keys: NDArray[np.float64]
    surplus: Numbers
    kept: Numbers

    def shown(self) -> _Found:
        """What is left by folding."""
        if not len(self.surplus):
            return self
        left = np.ones(len(self.numbers), bool)
        left[self.surplus] = False
        none = self.surplus[:0]
        return _Found(self.numbers[left], self.entries[left], self.keys[left], none, none)


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
        limit = max(0, min(request.limit, 1000))
        if grouped:
            self._collect(query, request.filters)
            total = self._connection.execute("SELECT count(DISTINCT subject) FROM temp.hit JOIN article USING (number)").fetchone()[0]
            page, place = self._stories(query, request, cursor, limit)
            facets = self._story_facets() if request.facets else {}
        else:
            by_time = order_of(request, query) == "time"
            found = self._find(query, request.filters, fold=request.fold_copies, scored=not by_time)
            shown = found.shown()
            total = len(shown.numbers)
            page, place = self._newest(shown, cursor, limit) if by_time else self._most_relevant(shown, cursor, limit)
            facets = self._facets(found) if request.facets else {}
        hits = self._hits(page, request, query)
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
        self._collect(parse_query(request.query, self._abbreviations), request.filters)
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
                    self._collect(parse_query(other, self._abbreviations), request.filters)
                    if self._connection.execute("SELECT count(*) FROM temp.hit").fetchone()[0] > found:
                        offered.append(other)
        return offered

    def _collect(self, query: Node, filters: Filters) -> None:
        """Put the numbers of the matching articles into the temporary table `hit`."""
        statement, parameters = self._selecting(Compiler(self._connection).compile(query), filters)
        self._connection.execute("DELETE FROM temp.hit")
        self._connection.execute(f"INSERT INTO temp.hit {statement}", parameters)
        if filters.hides_irrelevant:
            self._connection.execute(
                "DELETE FROM temp.hit WHERE number IN (SELECT number FROM label WHERE field = 'topic' AND key = ?)", (IRRELEVANT,)
            )

    def _selecting(self, compiled: Match | Sql, filters: Filters) -> tuple[str, Sequence[object]]:
        """The statement that gives the number of each match, and its parameters."""
        narrowed = filter_conditions(filters)
        if isinstance(compiled, Match) and not narrowed:
            return "SELECT rowid AS number FROM fts WHERE fts MATCH ?", (compiled.text,)
        conditions = [as_sql(compiled), *narrowed]
        return (
            f"SELECT a.number FROM article a WHERE {' AND '.join(part.text for part in conditions)}",  # noqa: S608
            [parameter for part in conditions for parameter in part.parameters],
        )

    def _hold(self, numbers: Numbers) -> None:
        """Put `numbers` into the temporary table `hit`."""
        self._connection.execute("DELETE FROM temp.hit")
        self._connection.execute("INSERT INTO temp.hit SELECT value FROM json_each(?)", (json.dumps(numbers.tolist()),))

    def _find(self, query: Node, filters: Filters, *, fold: bool, scored: bool = False) -> _Found:
        """What matches, and what folding leaves out of it."""
        compiler = Compiler(self._connection)
        compiled = compiler.compile(query)
        keys: NDArray[np.float64] | None = None
        if scored and isinstance(compiled, Match) and not filter_conditions(filters) and _scores_itself(query, compiled, compiler):
            rows = self._connection.execute(f"SELECT rowid, {_TEXT_SCORE} FROM fts WHERE fts MATCH ?", (compiled.text,)).fetchall()  # noqa: S608
            pairs = np.fromiter(chain.from_iterable(rows), np.float64, 2 * len(rows)).reshape(-1, 2)
            numbers, keys = pairs[:, 0].astype(np.int64), pairs[:, 1]
        else:
            statement, parameters = self._selecting(compiled, filters)
            # One long text is made and read much faster than a row for each number.
            text = self._connection.execute(f"SELECT group_concat(number) FROM ({statement})", parameters).fetchone()[0]  # noqa: S608
            numbers = np.sort(np.fromstring(text or "", np.int64, sep=","))
        entries = columns.read(self._connection, numbers)
        if filters.hides_irrelevant:
            wanted = (entries["flags"] & columns.IRRELEVANT_FLAG) == 0
            if not wanted.all():
                numbers, entries = numbers[wanted], entries[wanted]
                keys = None if keys is None else keys[wanted]
        if keys is None:
            keys = self._keys(query, numbers) if scored else np.zeros(len(numbers))
        surplus, kept = self._fold(numbers, entries) if fold else (numbers[:0], numbers[:0])
        return _Found(numbers, entries, keys, surplus, kept)

    def _keys(self, query: Node, numbers: Numbers) -> NDArray[np.float64]:
        """Minus the score of the text of each of `numbers`."""
        self._hold(numbers)
        scores = self._scores(query, None)
        keys = np.zeros(len(numbers))
        keys[np.searchsorted(numbers, list(scores))] = list(scores.values())
        return keys

    def _fold(self, numbers: Numbers, entries: NDArray[Any]) -> tuple[Numbers, Numbers]:
        """(surplus, kept) of _Found: of each group of copies stays the origin, or where it does not match, the earliest that does."""
        copies = np.flatnonzero(entries["origin"])
        if not len(copies):
            return copies, copies
        origins = entries["origin"][copies]
        by_id = np.argsort(entries["own"], kind="stable")
        ids = entries["own"][by_id]
        places = np.minimum(np.searchsorted(ids, origins), len(ids) - 1)
        there = ids[places] == origins
        surplus, kept = [copies[there]], [by_id[places[there]]]
        _, group, size = np.unique(origins[~there], return_inverse=True, return_counts=True)
        several = copies[~there][size[group] > 1]
        rows = self._connection.execute(
            "SELECT number, copy_of FROM article WHERE number IN (SELECT value FROM json_each(?))"
            " ORDER BY first_seen IS NOT NULL, first_seen, id",
            (json.dumps(numbers[several].tolist()),),
        )
        earliest: dict[str, int] = {}
        pairs = [(number, first) for number, origin in rows if (first := earliest.setdefault(origin, number)) != number]
        rest = np.searchsorted(numbers, np.array(pairs, np.int64).reshape(-1, 2))
        return np.concatenate([*surplus, rest[:, 0]]), np.concatenate([*kept, rest[:, 1]])

    # -- facets -------------------------------------------------------------------------------------------------------------------

    def _facets(self, found: _Found) -> dict[str, list[FacetCount]]:
        """How many groups have an article with each value: of a folded group also what only its copies have."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        shown = np.ones(len(found.numbers), bool)
        shown[found.surplus] = False
        for name, codes in zip(FACETS, found.entries["values"].T, strict=True):
            numbers = np.bincount(codes[shown])
            used = np.flatnonzero(numbers)
            of_copies, of_kept = codes[found.surplus], codes[found.kept]
            other = of_copies != of_kept
            values = columns.values_of(self._connection, np.unique(np.concatenate([used, of_copies[other]])).tolist())
            for code, number in zip(used.tolist(), numbers[used].tolist(), strict=True):
                for value in _parts(name, values[code]):
                    counts[name][value] += number
            hidden: dict[int, set[str]] = defaultdict(set)
            parts = {code: frozenset(_parts(name, value)) for code, value in values.items()}
            for place, code, kept in zip(found.kept[other].tolist(), of_copies[other].tolist(), of_kept[other].tolist(), strict=True):
                hidden[place] |= parts[code] - parts[kept]
            counts[name].update(chain.from_iterable(hidden.values()))
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

    def _newest(self, found: _Found, cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The page newest first, and the place behind it: (publication, id) of its last article."""
        condition = "1"
        values: tuple[object, ...] = ()
        if cursor.place is not None:
            published, last = _time_place(cursor.place)
            if published is None:
                condition, values = "published IS NULL AND id > ?", (last,)
            else:
                condition, values = "(published IS NULL OR published < ? OR (published = ? AND id > ?))", (published, published, last)
        self._hold(found.numbers)
        rows = self._connection.execute(
            f"SELECT published, id, number FROM temp.hit JOIN article USING (number) WHERE {condition}"  # noqa: S608 - our words
            " ORDER BY published IS NULL, published DESC, id LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
        page = [_Place(0.0, 0.0, article_id, number) for _, article_id, number in rows[:limit]]
        return page, list(rows[limit - 1][:2]) if len(rows) > limit > 0 else None

    def _most_relevant(self, found: _Found, cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The best page of what was not shown yet, and the place behind it.

        Every write shifts the scores of all articles a little, so a score would not say where the page before ended.
        """
        shown = self._shown(cursor)
        numbers, keys = found.numbers, found.keys
        if cursor.now is not None:
            keys = keys * recencies(found.entries["published"], columns.UNDATED, cursor.now)
        if shown:
            left = ~np.isin(numbers, shown)
            numbers, keys = numbers[left], keys[left]
        if not limit or not len(keys):
            return [], None
        last = np.partition(keys, min(limit, len(keys)) - 1)[min(limit, len(keys)) - 1]
        best = np.flatnonzero(keys <= last)
        candidates = self._placed(dict(zip(numbers[best].tolist(), keys[best].tolist(), strict=True)))
        page = sorted(candidates, key=lambda place: place.order)[:limit]
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
        if now is None:
            statement = f"SELECT rowid, {_TEXT_SCORE} FROM fts WHERE fts MATCH ? AND +rowid IN temp.hit"  # noqa: S608 - our numbers
        else:
            statement = (
                f"SELECT fts.rowid, {_TEXT_SCORE} * {recency_in_sql('a.published', now)} FROM fts CROSS JOIN article a"  # noqa: S608
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
        shown = self._find(parse_query(query, self._abbreviations), filters, fold=fold_copies).shown()
        entries = shown.entries
        subjects = {"articles": shown.numbers, "outlets": entries["values"][:, FACETS.index("source")], "stories": entries["subject"]}[unit]
        dated = entries["published"] != columns.UNDATED
        negative = (entries["flags"] & columns.NEGATIVE_FLAG) != 0
        return buckets(
            entries["published"][dated], subjects[dated], negative[dated], interval, filters.published_from, filters.published_to
        )  # fmt: skip

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
        shown = self._find(parse_query(query, self._abbreviations), filters, fold=fold_copies).shown()
        self._hold(shown.numbers)
        total = len(shown.numbers)
        rows = self._connection.execute("SELECT number FROM temp.hit JOIN article USING (number) ORDER BY id LIMIT ?", (limit,))
        return total, articles_of(self._connection, [row[0] for row in rows])

    def numbers(self, query: str, filters: Filters, after: tuple[datetime | None, str] | None) -> list[int]:
        """The numbers of every matching article in order of first_seen_at, then id, from behind `after`."""
        later = behind(*after) if after else Sql("1")
        self._collect(parse_query(query, self._abbreviations), filters)
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


def _scores_itself(query: Node, compiled: Match, compiler: Compiler) -> bool:
    """Whether FTS5 scores the matches of `compiled` as it would score them for the words of `query` one by one.

    It does where these stand in the expression once each, and each is looked for in every match: of the words of an AND under an
    OR it looks at some only where all of them stand.
    """
    if not _is_plain(query):
        return False
    words = [compiler.scoring(leaf) for leaf, _ in leaves(query)]
    rest = compiled.text
    for part in words:
        if part is None:
            return False
        rest = rest.replace(part, "", 1)
    return len(set(words)) == len(words) and set(rest) <= set("() ANDOR")


def _is_plain(node: Node, *, under_or: bool = False) -> bool:
    match node:
        case Not():
            return False
        case And():
            return not under_or and all(map(_is_plain, node.parts))
        case Or():
            return all(_is_plain(part, under_or=True) for part in node.parts)
    return True


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
