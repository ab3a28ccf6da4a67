"""Searching and counting in the embedded engine: everything that only reads, on one snapshot of the file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from diembao.article import Article
from diembao.engine import (
    Appearance,
    CountBucket,
    FacetCount,
    Filters,
    Grouping,
    Hit,
    Interval,
    SearchRequest,
    SearchResult,
    StoryOrder,
    StorySize,
    Unit,
)
from diembao.errors import QueryError
from index import columns
from index.abbreviations import Abbreviations
from index.columns import UNDATED, Mask, Numbers
from index.counting import buckets, check_span, start_of
from index.document import FACETS, milliseconds, moment
from index.highlighting import Highlighter
from index.paging import Cursor, bad_cursor, differences, from_differences, is_number, read_cursor, write_cursor
from index.query import Node, Pattern, Phrase, Prefix, Term, has_accents, leaves, parse_query
from index.ranking import as_of, order_of, recencies, text_scores
from index.sqlite_memory import Snapshot
from index.sqlite_query import Evaluator, record_in
from index.story_tally import StoryTally, bound_of, sizes_of
from index.suggestions import FEW, corrected, nearest_of, slips, wider, without_accents

_HOUR = 3_600_000
_UTC_OFFSET = 7 * _HOUR
_SEVERAL = ("topic", "place")
"""Facets of which one article may have several values."""


@dataclass(frozen=True)
class _Found:
    """The articles that match, ascending by the number of their row.

    Attributes:
        numbers: of their rows.
        surplus: places in `numbers` of the copies that folding does not show.
        kept: for each of these the place of what stands for it: the origin, or the earliest copy.
    """

    numbers: Numbers
    surplus: Numbers
    kept: Numbers

    def shown(self) -> Numbers:
        """The numbers that are left by folding."""
        return np.delete(self.numbers, self.surplus) if len(self.surplus) else self.numbers


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
        connection: with a transaction begun.
        snapshot: what is remembered of that moment.
        abbreviations: what queries may abbreviate.
    """

    def __init__(self, connection: sqlite3.Connection, snapshot: Snapshot, abbreviations: Abbreviations) -> None:
        self._connection = connection
        self._columns = snapshot.columns
        self._evaluator = Evaluator(connection, snapshot)
        self._abbreviations = abbreviations

    # -- searching ----------------------------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles; see SearchEngine."""
        began = time.perf_counter()
        query = parse_query(request.query, self._abbreviations)
        cursor = read_cursor(request.after, request) if request.after else Cursor(as_of(request), None)
        limit = max(0, min(request.limit, 1000))
        by_time = order_of(request, query) == "time"
        scores = None if by_time else self._scores(query)
        matching = self._matching(query, request.filters)
        if request.group_by == "story":
            numbers = np.flatnonzero(matching)
            total = self._columns.stories_of(numbers)
            page, place = self._stories(numbers, self._keys(numbers, scores, cursor), cursor, limit)
            facets = self._story_facets(numbers) if request.facets else {}
        else:
            found = self._found(matching, fold=request.fold_copies)
            shown = found.shown()
            total = len(shown)
            page, place = self._newest(shown, cursor, limit) if scores is None else self._most_relevant(shown, scores, cursor, limit)
            facets = self._facets(found) if request.facets else {}
        hits = self._hits(page, request, matching, by_time=by_time, query=query)
        suggestions = self._suggestions(request, int(matching.sum()), total) if total < FEW and not request.after else []
        following = write_cursor(request, Cursor(cursor.now, place)) if place is not None else None
        return SearchResult(total, (time.perf_counter() - began) * 1000, hits, facets, following, suggestions)

    def _hits(self, page: Sequence[_Place], request: SearchRequest, matching: Mask, *, by_time: bool, query: Node) -> list[Hit]:
        numbers = [place.number for place in page]
        sizes: dict[int, tuple[int, int]] = {}
        if request.group_by == "story":
            sizes = self._sizes(numbers, matching)
            if not by_time:
                numbers = self._origins(numbers, matching)
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

    def _suggestions(self, request: SearchRequest, found: int, total: int) -> list[str]:
        def nearest(token: str) -> str | None:
            if self._connection.execute("SELECT 1 FROM vocabulary WHERE term = ?", (token,)).fetchone():
                return None
            # Looking for each possible slip takes a tenth of the time of reading all words that begin alike.
            lookup = "SELECT term, doc FROM vocabulary WHERE term = ?"
            near = (
                self._connection.execute(lookup, (word,)).fetchone() for word in slips(token) if has_accents(word) == has_accents(token)
            )
            words = [found for found in near if found]
            return nearest_of(token, words)

        offered = []
        mended = [] if total else [without_accents(request.query), corrected(request.query, nearest)]
        for other in dict.fromkeys([*mended, *wider(request.query, self._abbreviations)]):
            with suppress(QueryError):
                if other != request.query and self._matching(parse_query(other, self._abbreviations), request.filters).sum() > found:
                    offered.append(other)
        return offered

    def _matching(self, query: Node, filters: Filters) -> Mask:
        """Which rows hold an article that `query` finds and `filters` let through."""
        found = self._evaluator.mask(query)
        narrowed = self._evaluator.narrowed(filters)
        return found if narrowed is None else found & narrowed

    def _scores(self, query: Node) -> NDArray[np.float64]:
        """The score of the text of every row."""
        scores = np.zeros(len(self._columns))
        lengths = self._columns.words / self._columns.mean_words
        wanted = [leaf for leaf, negated in leaves(query) if not negated and isinstance(leaf, Term | Prefix | Pattern | Phrase)]
        for leaf in dict.fromkeys(wanted):
            standing = self._evaluator.frequencies(leaf)
            assert standing.counts is not None
            scores[standing.numbers] += text_scores(standing.counts, lengths[standing.numbers], self._columns.articles)
        return scores

    def _keys(self, numbers: Numbers, scores: NDArray[np.float64] | None, cursor: Cursor) -> NDArray[np.float64]:
        """Minus the score of each of `numbers`; nothing by time."""
        if scores is None:
            return np.zeros(len(numbers))
        keys = -scores[numbers]
        return keys if cursor.now is None else keys * recencies(self._columns.published[numbers], UNDATED, cursor.now)

    def _found(self, matching: Mask, *, fold: bool) -> _Found:
        """What matches, and what folding leaves out of it: of each group of copies stays the origin, or the earliest that matches."""
        numbers = np.flatnonzero(matching)
        copies = np.flatnonzero(self._columns.origin[numbers]) if fold else numbers[:0]
        if not len(copies):
            return _Found(numbers, copies, copies)
        origins = self._columns.origin_rows[numbers[copies]]
        there = (origins >= 0) & matching[origins]
        surplus, kept = [copies[there]], [np.searchsorted(numbers, origins[there])]
        others = copies[~there]
        _, group, size = np.unique(self._columns.origin[numbers[others]], return_inverse=True, return_counts=True)
        rows = self._connection.execute(
            "SELECT number, copy_of FROM article WHERE number IN (SELECT value FROM json_each(?))"
            " ORDER BY first_seen IS NOT NULL, first_seen, id",
            (json.dumps(numbers[others[size[group] > 1]].tolist()),),
        )
        earliest: dict[str, int] = {}
        pairs = [(number, first) for number, origin in rows if (first := earliest.setdefault(origin, number)) != number]
        rest = np.searchsorted(numbers, np.array(pairs, np.int64).reshape(-1, 2))
        return _Found(numbers, np.concatenate([*surplus, rest[:, 0]]), np.concatenate([*kept, rest[:, 1]]))

    # -- facets -------------------------------------------------------------------------------------------------------------------

    def _facets(self, found: _Found) -> dict[str, list[FacetCount]]:
        """How many groups have an article with each value: of a folded group also what only its copies have."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        shown = found.shown()
        surplus, kept = found.numbers[found.surplus], found.numbers[found.kept]
        for name, codes in zip(FACETS, self._columns.values, strict=True):
            # What a copy has and what stands for it has not counts once for the group.
            of_copies = codes[surplus].astype(np.int64)
            pairs = np.unique((kept << 32 | of_copies)[of_copies != codes[kept]])
            groups, hidden = pairs >> 32, pairs & 0xFFFFFFFF
            counted = np.concatenate([codes[shown], [] if name in _SEVERAL else hidden]).astype(np.int64)
            numbers = np.bincount(counted)
            used = np.flatnonzero(numbers)
            values = columns.values_of(self._connection, np.unique(np.concatenate([used, hidden])).tolist())
            for code, number in zip(used.tolist(), numbers[used].tolist(), strict=True):
                for value in _parts(name, values[code]):
                    counts[name][value] += number
            if name in _SEVERAL:
                parts = {code: frozenset(_parts(name, value)) for code, value in values.items()}
                more: dict[int, set[str]] = defaultdict(set)
                for group, code, of in zip(groups.tolist(), hidden.tolist(), codes[groups].tolist(), strict=True):
                    more[group] |= parts[code] - parts[of]
                counts[name].update(chain.from_iterable(more.values()))
        return _sorted(counts)

    def _story_facets(self, numbers: Numbers) -> dict[str, list[FacetCount]]:
        """How many stories have an article with each value."""
        counts: dict[str, Counter[str]] = {}
        stories = self._columns.story[numbers]
        # Most articles are alone in their story, and are simply counted; of the others each story counts once for a value.
        alone = np.bincount(stories, minlength=1)[stories] == 1
        single, numbers, stories = numbers[alone], numbers[~alone], stories[~alone]
        for name, codes in zip(FACETS, self._columns.values, strict=True):
            of_single = np.bincount(codes[single])
            pairs = np.unique(codes[numbers].astype(np.int64) << 32 | stories)
            of_code, bounds = np.unique(pairs >> 32, return_index=True)
            used = np.flatnonzero(of_single).tolist()
            values = columns.values_of(self._connection, [*used, *of_code.tolist()])
            counted: Counter[str] = Counter()
            for code in used:
                for value in _parts(name, values[code]):
                    counted[value] += int(of_single[code])
            together: dict[str, list[Numbers]] = defaultdict(list)
            for code, of_it in zip(of_code.tolist(), np.split(pairs & 0xFFFFFFFF, bounds[1:]), strict=False):
                for value in _parts(name, values[code]):
                    together[value].append(of_it)
            counted.update({value: len(np.unique(np.concatenate(found))) for value, found in together.items()})
            counts[name] = counted
        return _sorted(counts)

    # -- pages --------------------------------------------------------------------------------------------------------------------

    def _newest(self, numbers: Numbers, cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The page newest first, and the place behind it: (publication, id) of its last article."""
        less = self._less(numbers)
        if cursor.place is not None:
            published, last = _time_place(cursor.place)
            bound = np.inf if published is None else -float(published)
            at = np.flatnonzero(less == bound)
            ids = self._ids(numbers[at])
            behind = less > bound
            behind[at] = [ids[number] > last for number in numbers[at].tolist()]
            numbers, less = numbers[behind], less[behind]
        page = self._first(numbers, np.zeros(len(numbers)), less, limit)
        if len(numbers) <= limit or not limit:
            return page, None
        return page, [None if np.isinf(page[-1].less) else -int(page[-1].less), page[-1].article_id]

    def _most_relevant(self, numbers: Numbers, scores: NDArray[np.float64], cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The best page of what was not shown yet, and the place behind it.

        Every write shifts the scores of all articles a little, so a score would not say where the page before ended.
        """
        shown = self._shown(cursor)
        if shown:
            numbers = np.setdiff1d(numbers, shown, assume_unique=True)
        page = self._first(numbers, self._keys(numbers, scores, cursor), self._less(numbers), limit)
        return page, self._place_behind(shown, page) if len(numbers) > len(page) > 0 else None

    def _stories(self, numbers: Numbers, keys: NDArray[np.float64], cursor: Cursor, limit: int) -> tuple[list[_Place], object]:
        """The first article of each of the next stories, and the place behind them."""
        shown = self._shown(cursor)
        there = np.array([number for number in shown if number < len(self._columns) and self._columns.live[number]], np.int64)
        left = ~np.isin(self._columns.story[numbers], self._columns.story[there])
        numbers, keys = numbers[left], keys[left]
        stories = self._columns.stories_of(numbers)
        if not limit or not stories:
            return [], None
        less = self._less(numbers)
        wanted, room = min(limit, stories), 4 * limit
        near = _best(keys, less, room)
        while self._columns.stories_of(numbers[near]) < wanted:
            room *= 4
            near = _best(keys, less, room)
        best: dict[int, _Place] = {}
        for place in self._placed(numbers[near], keys[near], less[near]):
            best.setdefault(int(self._columns.story[place.number]), place)
        page = list(best.values())[:limit]
        return page, self._place_behind(shown, page) if stories > len(page) else None

    def _less(self, numbers: Numbers) -> NDArray[np.float64]:
        """Minus the publication of each, infinity without one."""
        published = self._columns.published[numbers]
        return np.where(published == UNDATED, np.inf, -published.astype(np.float64))

    def _first(self, numbers: Numbers, keys: NDArray[np.float64], less: NDArray[np.float64], limit: int) -> list[_Place]:
        """The first `limit` of `numbers`."""
        near = _best(keys, less, limit)
        return self._placed(numbers[near], keys[near], less[near])[:limit]

    def _placed(self, numbers: Numbers, keys: NDArray[np.float64], less: NDArray[np.float64]) -> list[_Place]:
        """Articles in their order."""
        ids = self._ids(numbers)
        entries = zip(keys.tolist(), less.tolist(), numbers.tolist(), strict=True)
        places = [_Place(key, behind, ids[number], number) for key, behind, number in entries]
        return sorted(places, key=lambda place: place.order)

    def _ids(self, numbers: Numbers) -> dict[int, str]:
        wanted = json.dumps(numbers.tolist())
        return dict(self._connection.execute("SELECT number, id FROM article WHERE number IN (SELECT value FROM json_each(?))", (wanted,)))

    def _shown(self, cursor: Cursor) -> list[int]:
        """The numbers of what earlier pages showed; none when the index was built anew since, which gives other numbers."""
        if cursor.place is None:
            return []
        match cursor.place:
            case [list(steps), int(last), str(last_id)] if all(map(is_number, [*steps, last])):
                row = self._connection.execute("SELECT id FROM article WHERE number = ?", (last,)).fetchone()
                if row is not None and row[0] != last_id:
                    raise bad_cursor()
                return [number for number in from_differences(steps) if 0 <= number < 1 << 62]
        raise bad_cursor()

    def _place_behind(self, shown: Sequence[int], page: Sequence[_Place]) -> object:
        return [differences([*shown, *(place.number for place in page)]), page[-1].number, page[-1].article_id]

    def _sizes(self, numbers: Sequence[int], matching: Mask) -> dict[int, tuple[int, int]]:
        """By article: how many of its story were found, and from how many sources."""
        found = np.flatnonzero(matching)
        stories, sources = self._columns.story[found], self._columns.values[FACETS.index("source")][found]
        sizes = {}
        for number in numbers:
            of_story = sources[stories == self._columns.story[number]]
            sizes[number] = (len(of_story), len(np.unique(of_story)))
        return sizes

    def _origins(self, numbers: Sequence[int], matching: Mask) -> list[int]:
        """`numbers` with each copy whose origin was found too, and is of its story, replaced by that origin."""
        rows, stories = self._columns.origin_rows, self._columns.story
        return [
            int(rows[number]) if rows[number] >= 0 and matching[rows[number]] and stories[rows[number]] == stories[number] else number
            for number in numbers
        ]

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(self, query: str, filters: Filters, interval: Interval, unit: Unit, *, fold_copies: bool) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        check_span(interval, filters.published_from, filters.published_to)
        matching = self._matching(parse_query(query, self._abbreviations), filters)
        shown = self._found(matching, fold=fold_copies).shown()
        dated = shown[self._columns.published[shown] != UNDATED]
        subjects = {
            "articles": None,
            "outlets": self._columns.values[FACETS.index("source")][dated],
            "stories": self._columns.subject[dated],
        }
        return buckets(
            self._columns.published[dated], subjects[unit], self._columns.negative[dated], interval, filters.published_from,
            filters.published_to,
        )  # fmt: skip

    def published_by_source(self, filters: Filters, interval: Interval) -> dict[str, dict[datetime, int]]:
        """How many articles each source published in each interval; see SearchEngine."""
        numbers = np.flatnonzero(self._matching(parse_query(""), filters))
        published = self._columns.published[numbers]
        dated = published != UNDATED
        step = _HOUR if interval == "hour" else 24 * _HOUR
        intervals = (published[dated] + _UTC_OFFSET) // step
        codes = self._columns.values[FACETS.index("source")][numbers[dated]]
        first = int(intervals.min()) if len(intervals) else 0
        pairs, counts = np.unique(codes.astype(np.int64) << 32 | (intervals - first), return_counts=True)
        names = columns.values_of(self._connection, np.unique(codes).tolist())
        found: dict[str, dict[datetime, int]] = {}
        starts: dict[int, datetime] = {}
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            part = (pair & 0xFFFFFFFF) + first
            if part not in starts:
                at = moment(part * step - _UTC_OFFSET)
                assert at is not None
                starts[part] = start_of(at, interval)
            start = starts[part]
            by_start = found.setdefault(names[pair >> 32], {})
            by_start[start] = by_start.get(start, 0) + count
        return found

    def story_outlets(self, query: str, filters: Filters, least: int, limit: int) -> dict[str, dict[str, datetime]]:
        """When each outlet of the widest stories wrote first; see SearchEngine."""
        numbers = np.flatnonzero(self._matching(parse_query(query, self._abbreviations), filters))
        numbers = numbers[self._columns.published[numbers] != UNDATED]
        _, first, counts = np.unique(self._columns.subject[numbers], return_index=True, return_counts=True)
        wide = counts >= least
        names = self._story_names(numbers[first[wide]])
        sized = zip(numbers[first[wide]].tolist(), counts[wide].tolist(), strict=True)
        ranked = sorted((-count, names[number], int(self._columns.subject[number])) for number, count in sized if number in names)[:limit]
        by_subject = {subject: name for _, name, subject in ranked}
        members = numbers[np.isin(self._columns.subject[numbers], np.array(list(by_subject), np.int64))]
        codes = self._columns.values[FACETS.index("source")][members]
        sources = columns.values_of(self._connection, np.unique(codes).tolist())
        found: dict[str, dict[str, datetime]] = {name: {} for _, name, _ in ranked}
        order = np.argsort(self._columns.published[members], kind="stable")
        of = zip(
            self._columns.subject[members][order].tolist(),
            codes[order].tolist(),
            self._columns.published[members][order].tolist(),
            strict=True,
        )
        for subject, code, published in of:
            at = moment(published)
            if sources[code] and at is not None:
                found[by_subject[subject]].setdefault(sources[code], at)
        return {story: outlets for story, outlets in found.items() if len(outlets) >= least}

    def story_sizes(self, query: str, filters: Filters, since: datetime, by: StoryOrder, least: int, limit: int) -> list[StorySize]:
        """How much of the largest stories lies before and behind a moment; see SearchEngine."""
        numbers = np.flatnonzero(self._matching(parse_query(query, self._abbreviations), filters))
        numbers = numbers[self._columns.published[numbers] != UNDATED]
        bound = bound_of(since)
        counted = numbers[self._columns.published[numbers] >= bound] if by == "recent" else numbers
        subjects, counts = np.unique(self._columns.subject[counted], return_counts=True)
        enough = counts >= max(least, 1)
        subjects, counts = subjects[enough], counts[enough]
        if len(subjects) > limit > 0:  # ties at the edge go by the id, which is known only below
            edge = counts >= np.partition(counts, -limit)[-limit]
            subjects = subjects[edge]
        members = numbers[np.isin(self._columns.subject[numbers], subjects)]
        rows = self._connection.execute(
            "SELECT story, source, published, sentiment IS 'negative' FROM article"
            " WHERE story IS NOT NULL AND number IN (SELECT value FROM json_each(?)) ORDER BY published",
            (json.dumps(members.tolist()),),
        )
        tallies: dict[str, StoryTally] = defaultdict(StoryTally)
        for story, source, published, negative in rows:
            tallies[story].add(source, 1, negative, published, published, (1, negative) if published >= bound else (0, 0))
        return sizes_of(tallies, bound, by, least, limit)

    def _story_names(self, numbers: Numbers) -> dict[int, str]:
        """The story of each article, of those that have one."""
        wanted = json.dumps(numbers.tolist())
        rows = self._connection.execute(
            "SELECT number, story FROM article WHERE story IS NOT NULL AND number IN (SELECT value FROM json_each(?))", (wanted,)
        )
        return dict(rows.fetchall())

    def appearances(self, query: str, filters: Filters, unit: Unit) -> list[Appearance]:
        """When each outlet (story, article) appeared; see SearchEngine."""
        numbers = np.flatnonzero(self._matching(parse_query(query, self._abbreviations), filters))
        numbers = numbers[self._columns.published[numbers] != UNDATED]
        key = {"articles": "id", "outlets": "source", "stories": "subject"}[unit]
        rows = self._connection.execute(
            f"SELECT DISTINCT published, {key}, sentiment IS 'negative' FROM article"  # noqa: S608 - our words
            " WHERE number IN (SELECT value FROM json_each(?)) ORDER BY 1, 2, 3",
            (json.dumps(numbers.tolist()),),
        )
        return [Appearance(at, name or "", bool(negative)) for published, name, negative in rows if (at := moment(published)) is not None]

    def seen_before(self, query: str, filters: Filters, before: datetime, keys: Sequence[str], group: Grouping) -> set[str]:
        """The groups that were known before; see SearchEngine."""
        matching = self._matching(parse_query(query, self._abbreviations), filters)
        key = "coalesce(nullif(copy_of, ''), id)" if group == "copies" else "subject"
        rows = self._connection.execute(
            f"SELECT DISTINCT {key} FROM article WHERE number IN (SELECT value FROM json_each(?))"  # noqa: S608 - our words
            f" AND {key} IN (SELECT value FROM json_each(?)) AND (first_seen IS NULL OR first_seen < ?)",
            (json.dumps(np.flatnonzero(matching).tolist()), json.dumps(list(keys)), milliseconds(before)),
        )
        return {row[0] for row in rows}

    def sample(self, query: str, filters: Filters, limit: int, *, fold_copies: bool) -> tuple[int, list[Article]]:
        """How many articles match, and those with the smallest ids; see SearchEngine."""
        shown = self._found(self._matching(parse_query(query, self._abbreviations), filters), fold=fold_copies).shown()
        rows = self._connection.execute(
            "SELECT number FROM article WHERE number IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?",
            (json.dumps(shown.tolist()), limit),
        )
        return len(shown), articles_of(self._connection, [row[0] for row in rows])

    def numbers(self, query: str, filters: Filters, after: tuple[datetime | None, str] | None) -> list[int]:
        """The numbers of every matching article in order of first_seen_at, then id, from behind `after`."""
        matching = self._matching(parse_query(query, self._abbreviations), filters)
        condition, values = _behind(*after) if after else ("1", ())
        rows = self._connection.execute(
            f"SELECT number FROM article WHERE number IN (SELECT value FROM json_each(?)) AND {condition}"  # noqa: S608 - our words
            " ORDER BY first_seen IS NOT NULL, first_seen, id",
            (json.dumps(np.flatnonzero(matching).tolist()), *values),
        )
        return [row[0] for row in rows]


def _behind(first_seen: datetime | None, article_id: str) -> tuple[str, tuple[object, ...]]:
    """What stands behind an article in the order of a scan: a condition and its values."""
    if first_seen is None:
        return "(first_seen IS NOT NULL OR id > ?)", (article_id,)
    seen = milliseconds(first_seen)
    return "(first_seen > ? OR (first_seen = ? AND id > ?))", (seen, seen, article_id)


def articles_of(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[Article]:
    """The articles of `numbers` in that order; those that are not there any more are left out."""
    contents = dict(
        connection.execute(
            "SELECT number, content FROM document WHERE number IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)
        )
    )
    return [article_of(contents[number]) for number in numbers if number in contents]


def article_of(content: bytes) -> Article:
    """The article that is stored as `content`."""
    return Article.model_validate(json.loads(record_in(content)))


def _best(keys: NDArray[np.float64], less: NDArray[np.float64], count: int) -> Numbers:
    """Which places hold the `count` smallest (key, less), and all that are equal to the last of them; in no order."""
    if not count or not len(keys):
        return np.zeros(0, np.int64)
    last = min(count, len(keys)) - 1
    bound = np.partition(keys, last)[last]
    better = np.flatnonzero(keys < bound)
    equal = np.flatnonzero(keys == bound)
    latest = np.partition(less[equal], last - len(better))[last - len(better)]
    return np.concatenate([better, equal[less[equal] <= latest]])


def _time_place(place: object) -> tuple[int | None, str]:
    match place:
        case [None, str(last)]:
            return None, last
        case [int(published), str(last)] if is_number(published):
            return published, last
    raise bad_cursor()


def _parts(name: str, values: str) -> Iterable[str]:
    """The values of one column of one article."""
    if name in _SEVERAL:
        return [value for value in values.split("\n") if value]
    return (values,) if values else ()


def _sorted(counts: dict[str, Counter[str]]) -> dict[str, list[FacetCount]]:
    empty: Counter[str] = Counter()
    return {name: [FacetCount(*entry) for entry in sorted(counts.get(name, empty).items(), key=_by_count)] for name in FACETS}


def _by_count(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]
