"""Searching and counting in Elasticsearch: everything that only reads."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError

from diembao.article import Article
from diembao.engine import (
    IRRELEVANT,
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
from diembao.errors import EngineError, QueryError, UsageError
from index.abbreviations import Abbreviations
from index.counting import MAX_BUCKETS, check_span, spread, start_of
from index.document import FACETS, milliseconds, moment, subject_of
from index.elasticsearch_cluster import Cluster
from index.elasticsearch_folding import FIRST_SEEN, IS_COPY, AskAll, Folder
from index.elasticsearch_marks import Marks, hash_of
from index.elasticsearch_query import Body, behind, compile_query, filter_conditions
from index.highlighting import Highlighter
from index.paging import Cursor, bad_cursor, is_number, read_cursor, write_cursor
from index.query import DEFAULT_FIELDS, Node, Term, parse_query
from index.ranking import as_of, order_of, weighed_by_recency
from index.story_tally import StoryTally, bound_of, sizes_of
from index.suggestions import FEW, MIN_LENGTH, corrected, nearest_of, wider, without_accents

_TERMS = 10_000
_PAIRS = 50_000
"""Buckets of one answer; the server's own limit is 65,536."""
_FACET_VALUES = 1000
_PAGE = 500
_QUICK = 100
"""Articles of a page that is looked for among the best texts first."""
_BEST = 2000
_ROUNDING = 1.00001
"""Scores have seven digits."""
_STORIES = 10_000
"""Stories that can be paged through; the server's window for grouped results."""
_DISTINCT = 40_000
"""Up to so many distinct values Elasticsearch counts practically exactly; beyond, it estimates."""
_NOT_DATED = -(2**63)
"""What Elasticsearch sorts an article without a date by, newest first."""
_ZONE = "+07:00"
_TOO_MANY = "too_many_buckets_exception"
_KEPT = "10m"
"""How long the moment that a page shows is kept for the next one."""
_GONE = (400, 404)
_UNAVAILABLE = 503

_NEWEST: list[Body] = [{"published_at": {"order": "desc", "missing": "_last"}}, {"id": "asc"}]


class Reader:
    """Searches and counts.

    Args:
        ask: sends one search; adds the index where no point in time is named; raises EngineError.
        ask_all: sends several at once.
        ready: makes sure that there is an index.
        cluster: for points in time.
        abbreviations: what queries may abbreviate.
    """

    def __init__(
        self, ask: Callable[..., Any], ask_all: AskAll, ready: Callable[[], None], cluster: Cluster, abbreviations: Abbreviations
    ) -> None:
        self._ask = ask
        self._ask_all = ask_all
        self._folder = Folder(ask_all, Marks())
        self._ready = ready
        self._cluster = cluster
        self._abbreviations = abbreviations

    # -- searching ----------------------------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles; see SearchEngine."""
        began = time.perf_counter()
        tree = parse_query(request.query, self._abbreviations)
        cursor = read_cursor(request.after, request) if request.after else Cursor(as_of(request), None)
        limit = max(0, min(request.limit, 1000))
        order = order_of(request, tree)
        grouped = request.group_by == "story"
        # Scores shift with every write, and grouped results have no place of their own: their pages are of one moment.
        frozen = limit > 0 and (grouped or order == "relevance")
        place = _frozen_place(cursor.place, grouped=grouped) if frozen and cursor.place is not None else None
        pit = (place["pit"] if place else self._freeze()) if frozen else None
        try:
            if grouped:
                result, following = self._stories(request, tree, order, limit, pit, place, cursor)
            elif pit or not request.fold_copies:
                moment_of: Body = {"pit": {"id": pit, "keep_alive": _KEPT}} if pit else {}
                result, following = self._page(request, tree, order, limit, moment_of, place, cursor)
            else:  # folding asks several times, and what is written meanwhile must not stand between
                with self._moment() as moment_of:
                    result, following = self._page(request, tree, order, limit, moment_of, place, cursor)
        except EngineError as error:
            if place and isinstance(error.__cause__, ApiError) and error.__cause__.status_code in _GONE:
                raise UsageError("the page is too old to go on behind it", "Begin again with the first page") from error
            raise
        if pit and following is None:
            self._let_go(pit)
        text = write_cursor(request, Cursor(cursor.now, following)) if following is not None else None
        suggestions = self._suggestions(request, result.total) if result.total < FEW and not request.after else []
        return SearchResult(result.total, (time.perf_counter() - began) * 1000, result.hits, result.facets, text, suggestions)

    def _page(
        self, request: SearchRequest, tree: Node, order: str, limit: int, moment_of: Body, place: Body | None, cursor: Cursor
    ) -> tuple[SearchResult, Any]:
        """One page of articles. What does not depend on another answer is asked at once, so the server's cores share it."""
        everything = self._narrowed(tree, request.filters)
        matching: Body = {"bool": {"filter": [everything]}}
        after = place["after"] if place else None if cursor.place is None else _time_place(cursor.place)
        scored = weighed_by_recency(everything, cursor.now) if cursor.now is not None else everything
        ranking: Body = {"query": scored if order == "relevance" else matching, "_source": ["record"], "docvalue_fields": ["origin"]}
        ranking |= {"track_total_hits": False, **moment_of}
        ranking["sort"] = [{"_score": "desc"}, *_NEWEST] if order == "relevance" else _NEWEST
        counting = {"query": matching, "size": 0, "track_total_hits": True, **moment_of}
        counting["aggs"] = _facet_counts(grouped=False) if request.facets else {}
        size = limit + 1 + (limit // 4 + 4 if request.fold_copies else 0)
        quick = order == "relevance" and after is None and 0 < limit <= _QUICK
        first = [counting]
        if request.fold_copies:
            first.append(self._folder.copies_of(matching, moment_of))
        if quick:
            first += [_among_best(ranking, everything, size), _last_of_best(everything, moment_of)]
        elif limit:
            first.append(_behind(ranking, size, after))
        counted, *others = self._ask_all(first)
        total = counted["hits"]["total"]["value"]
        counts = _counts(counted["aggregations"], "doc_count") if request.facets else {}
        if quick:
            candidates, more = _certain(others[-2]["hits"]["hits"], others[-1]["hits"]["hits"], size)
        else:
            candidates = others[-1]["hits"]["hits"] if limit else []
            more = limit > 0 and len(candidates) == size
        around = self._folder.around(matching, moment_of, candidates) if request.fold_copies else []
        found = candidates
        if request.fold_copies:
            copies = self._folder.copies(matching, moment_of, others[0])
            answers = self._ask_all([*around, *self._folder.origins_of(matching, moment_of, copies)])
            folded = self._folder.folded(copies, answers[len(around) :], moment_of)
            total -= len(folded.surplus)
            counts = folded.without_surplus(counts) if request.facets else {}
            found = self._folder.shown(candidates, answers[: len(around)])
        while more and len(found) <= limit:
            if quick:  # age moved others to the front than text did: look at all of them
                quick, found = False, []
            else:
                after = candidates[-1]["sort"]
                size = min(2 * size, _PAGE)
            candidates = self._ask_all([_behind(ranking, size, after)])[0]["hits"]["hits"]
            more = len(candidates) == size
            if request.fold_copies:
                found += self._folder.shown(candidates, self._ask_all(self._folder.around(matching, moment_of, candidates)))
            else:
                found += candidates
        page = found[:limit]
        hits = self._hits([article_of(hit) for hit in page], [hit["sort"][0] for hit in page], request, tree, order)
        following: Any = None
        if len(found) > limit and page:
            key = page[-1]["sort"]
            by_time = [None if key[0] == _NOT_DATED else key[0], key[1]]
            following = {"pit": moment_of["pit"]["id"], "after": key} if order == "relevance" else by_time
        return SearchResult(total, 0, hits, _facets(counts)), following

    def _stories(
        self, request: SearchRequest, tree: Node, order: str, limit: int, pit: str | None, place: Body | None, cursor: Cursor
    ) -> tuple[SearchResult, Any]:
        """One page of stories."""
        everything = self._narrowed(tree, request.filters)
        moment_of: Body = {"pit": {"id": pit, "keep_alive": _KEPT}} if pit else {}
        start = place["from"] if place else 0
        if start + limit > _STORIES:
            raise UsageError(f"only the first {_STORIES} stories can be paged through", "Narrow the search, for instance to a time")
        size = min(limit + 1, _STORIES - start)
        body: Body = {"size": size, "from_": start, "source": ["record"], "track_scores": True, **moment_of}
        body["query"] = weighed_by_recency(everything, cursor.now) if order == "relevance" and cursor.now is not None else everything
        body["sort"] = [{"_score": "desc"}, *_NEWEST] if order == "relevance" else _NEWEST
        body["collapse"] = {"field": "subject"}
        body["aggs"] = {**(_facet_counts(grouped=True) if request.facets else {}), "total": _distinct("subject")}
        answer = self._ask(**body)
        found = answer["hits"]["hits"]
        page = found[:limit]
        articles = [article_of(hit) for hit in page]
        sizes = self._sizes([hit["fields"]["subject"][0] for hit in page], everything, moment_of)
        if order == "relevance":
            articles = self._origins(articles, everything, moment_of)
        hits = self._hits(articles, [hit["_score"] for hit in page], request, tree, order, sizes)
        following = {"pit": answer["pit_id"], "from": start + limit} if len(found) > limit and page else None
        counts = _counts(answer["aggregations"], "stories") if request.facets else {}
        return SearchResult(answer["aggregations"]["total"]["value"], 0, hits, _facets(counts)), following

    def _hits(
        self,
        articles: Sequence[Article],
        scores: Sequence[float | None],
        request: SearchRequest,
        tree: Node,
        order: str,
        sizes: Sequence[tuple[int, int]] | None = None,
    ) -> list[Hit]:
        copies = self._copies([article.id for article in articles])
        mark = Highlighter(tree) if request.highlight else None
        hits = []
        for article, score, size in zip(articles, scores, sizes or [(1, 1)] * len(articles), strict=True):
            marked = mark.of(article) if mark else {}
            hits.append(Hit(article, (score or 0.0) if order == "relevance" else 0.0, marked, copies.get(article.id, 0), *size))
        return hits

    def _sizes(self, subjects: Sequence[str], everything: Body, moment_of: Body) -> list[tuple[int, int]]:
        """How many articles of each story were found, and from how many sources."""
        if not subjects:
            return []
        terms = {"field": "subject", "include": list(subjects), "size": len(subjects)}
        answer = self._ask(query=everything, size=0, aggs={"of": {"terms": terms, "aggs": {"outlets": _distinct("source")}}}, **moment_of)
        found = {bucket["key"]: (bucket["doc_count"], bucket["outlets"]["value"]) for bucket in answer["aggregations"]["of"]["buckets"]}
        return [found[subject] for subject in subjects]

    def _origins(self, articles: list[Article], everything: Body, moment_of: Body) -> list[Article]:
        """`articles` with each copy whose origin was found in the same story too replaced by that origin."""
        wanted = [article.copy_of for article in articles if article.copy_of]
        if not wanted:
            return articles
        query = _with_filter(everything, {"terms": {"id": wanted}})
        found = self._ask(query=query, size=len(wanted), source=["record"], **moment_of)["hits"]["hits"]
        origins = {origin.id: origin for origin in map(article_of, found)}
        replaced = []
        for article in articles:
            origin = origins.get(article.copy_of or "")
            replaced.append(origin if origin and subject_of(origin) == subject_of(article) else article)
        return replaced

    def _freeze(self) -> str:
        self._ready()
        with self._cluster.errors():
            opening = partial(self._cluster.client.open_point_in_time, index=self._cluster.read_alias, keep_alive=_KEPT)
            try:
                return str(opening()["id"])
            except ApiError as error:
                if error.status_code != _UNAVAILABLE:
                    raise
            self._ask(size=0)  # waits until an index that has just begun answers
            return str(opening()["id"])

    @contextmanager
    def _moment(self) -> Iterator[Body]:
        """What makes several searches see one moment."""
        pit = self._freeze()
        try:
            yield {"pit": {"id": pit, "keep_alive": _KEPT}}
        finally:
            self._let_go(pit)

    def _let_go(self, pit: str) -> None:
        with suppress(ApiError, TransportError):
            self._cluster.client.close_point_in_time(id=pit)

    def _suggestions(self, request: SearchRequest, total: int) -> list[str]:
        offered = []
        found = self._matching(request.query, request.filters)
        mended = [] if total else [without_accents(request.query), corrected(request.query, self._nearest)]
        for other in dict.fromkeys([*mended, *wider(request.query, self._abbreviations)]):
            with suppress(QueryError):
                if other != request.query and self._matching(other, request.filters) > found:
                    offered.append(other)
        return offered

    def _matching(self, query: str, filters: Filters) -> int:
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters)
        return int(self._ask(query=narrowed, size=0, track_total_hits=1000)["hits"]["total"]["value"])

    def _nearest(self, token: str) -> str | None:
        words: dict[str, int] = {}
        asked: Body = {"prefix_length": 1, "max_edits": 1, "min_word_length": MIN_LENGTH, "size": 50, "suggest_mode": "missing"}
        fields = ("title", "body")
        suggest = {field: {"text": token, "term": {"field": f"words.{field}", **asked}} for field in fields}
        if self._ask(query=compile_query(Term(DEFAULT_FIELDS, token)), size=0, terminate_after=1)["hits"]["total"]["value"]:
            return None
        answer = self._ask(size=0, suggest=suggest)["suggest"]
        for name in fields:
            for option in (option for entry in answer[name] for option in entry["options"]):
                words[option["text"]] = max(words.get(option["text"], 0), option["freq"])
        return nearest_of(token, words.items())

    def _copies(self, ids: Sequence[str]) -> dict[str, int]:
        """How many copies of each are indexed."""
        if not ids:
            return {}
        numbers = {hash_of(article_id): article_id for article_id in ids}
        copies: Body = {"terms": {"field": "origin", "size": len(ids)}}
        answer = self._ask(query={"bool": {"filter": [{"terms": {"origin": list(numbers)}}]}}, size=0, aggs={"copies": copies})
        return {numbers[bucket["key"]]: bucket["doc_count"] for bucket in answer["aggregations"]["copies"]["buckets"]}

    def _narrowed(self, tree: Node, filters: Filters) -> Body:
        query: Body = {"bool": {"must": [compile_query(tree)], "filter": filter_conditions(filters)}}
        if filters.hides_irrelevant:
            query["bool"]["must_not"] = [{"term": {"key.topic": IRRELEVANT}}]
        return query

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(self, query: str, filters: Filters, interval: Interval, unit: Unit, *, fold_copies: bool) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        check_span(interval, filters.published_from, filters.published_to)
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters)
        if fold_copies:
            with self._moment() as moment_of:
                narrowed = _with_filter(narrowed, self._folder.condition({"bool": {"filter": [narrowed]}}, moment_of))
        negative: Body = {"filter": {"term": {"sentiment": "negative"}}}
        parts: Body = {"negative": negative}
        if unit != "articles":
            distinct = _distinct({"outlets": "source", "stories": "subject"}[unit])
            negative["aggs"] = {"distinct": distinct}
            parts["distinct"] = distinct
        over_time = {"field": "published_at", "calendar_interval": interval, "time_zone": _ZONE, "min_doc_count": 1}
        dated = {"bool": {"filter": [narrowed, {"exists": {"field": "published_at"}}]}}
        ends: Body = {end: {end: {"field": "published_at"}} for end in ("min", "max")}
        try:
            answer = self._ask(query=dated, size=0, aggs={"over_time": {"date_histogram": over_time, "aggs": parts}, **ends})
        except EngineError as error:
            if isinstance(error.__cause__, ApiError) and _TOO_MANY in str(error.__cause__.body):
                raise UsageError(f"more than {MAX_BUCKETS} intervals", "Name a shorter time, or count by a longer interval") from error
            raise
        found = {}
        for bucket in answer["aggregations"]["over_time"]["buckets"]:
            numbers = (
                (bucket["doc_count"], bucket["negative"]["doc_count"])
                if unit == "articles"
                else (bucket["distinct"]["value"], bucket["negative"]["distinct"]["value"])
            )
            found[bucket["key"]] = numbers
        if not found and (filters.published_from is None or filters.published_to is None):
            return []
        earliest, latest = (answer["aggregations"][end]["value"] for end in ("min", "max"))
        first = filters.published_from or moment(int(earliest))
        last = filters.published_to or moment(int(latest) + 1)
        assert first is not None
        assert last is not None
        return [CountBucket(start, *found.get(number, (0, 0))) for start, number in _starts(interval, first, last)]

    def published_by_source(self, filters: Filters, interval: Interval) -> dict[str, dict[datetime, int]]:
        """How many articles each source published in each interval; see SearchEngine."""
        found: dict[str, dict[datetime, int]] = {}
        part = {"date_histogram": {"field": "published_at", "calendar_interval": interval, "time_zone": _ZONE}}
        pairs: Body = {"size": _TERMS, "sources": [{"source": {"terms": {"field": "source"}}}, {"part": part}]}
        while True:
            answer = self._ask(query=self._narrowed(parse_query(""), filters), size=0, aggs={"pairs": {"composite": pairs}})
            pages = answer["aggregations"]["pairs"]
            for bucket in pages["buckets"]:
                at = moment(bucket["key"]["part"])
                assert at is not None
                found.setdefault(bucket["key"]["source"], {})[start_of(at, interval)] = bucket["doc_count"]
            if len(pages["buckets"]) < _TERMS:
                return found
            pairs["after"] = pages["after_key"]

    def story_outlets(self, query: str, filters: Filters, least: int, limit: int) -> dict[str, dict[str, datetime]]:
        """When each outlet of the widest stories wrote first; see SearchEngine."""
        dated = _with_filter(self._narrowed(parse_query(query, self._abbreviations), filters), {"exists": {"field": "published_at"}})
        # First which stories, then their outlets: buckets within buckets for every story would be the whole index.
        widest = {"terms": {"field": "story_id", "size": limit, "min_doc_count": least, "order": [{"_count": "desc"}, {"_key": "asc"}]}}
        answer = self._ask(query=dated, size=0, aggs={"stories": widest})
        stories = [bucket["key"] for bucket in answer["aggregations"]["stories"]["buckets"]]
        found: dict[str, dict[str, datetime]] = {story: {} for story in stories}
        pairs: Body = {"size": _TERMS, "sources": [{"story": {"terms": {"field": "story_id"}}}, {"source": {"terms": {"field": "source"}}}]}
        first = {"first": {"min": {"field": "published_at"}}}
        while stories:
            answer = self._ask(
                query=_with_filter(dated, {"terms": {"story_id": stories}}), size=0, aggs={"pairs": {"composite": pairs, "aggs": first}}
            )
            page = answer["aggregations"]["pairs"]
            for bucket in page["buckets"]:
                at = moment(int(bucket["first"]["value"]))
                assert at is not None
                found[bucket["key"]["story"]][bucket["key"]["source"]] = at
            if len(page["buckets"]) < _TERMS:
                break
            pairs["after"] = page["after_key"]
        return {story: outlets for story, outlets in found.items() if len(outlets) >= least}

    def story_sizes(self, query: str, filters: Filters, since: datetime, by: StoryOrder, least: int, limit: int) -> list[StorySize]:
        """How much of the largest stories lies before and behind a moment; see SearchEngine."""
        dated = _with_filter(self._narrowed(parse_query(query, self._abbreviations), filters), {"exists": {"field": "published_at"}})
        bound = bound_of(since)
        late: Body = {"range": {"published_at": {"gte": bound}}}
        largest: Body = {"field": "story_id", "size": limit, "shard_size": 10 * limit, "min_doc_count": max(least, 1)}
        largest["order"] = [{"_count": "desc"}, {"_key": "asc"}]
        counted = _with_filter(dated, late) if by == "recent" else dated
        answer = self._ask(query=counted, size=0, aggs={"stories": {"terms": largest}})
        stories = [bucket["key"] for bucket in answer["aggregations"]["stories"]["buckets"]]
        negative: Body = {"term": {"sentiment": "negative"}}
        source: Body = {"terms": {"field": "source", "missing_bucket": True}}
        pairs: Body = {"size": _TERMS, "sources": [{"story": {"terms": {"field": "story_id"}}}, {"source": source}]}
        inside: Body = {
            "first": {"min": {"field": "published_at"}},
            "last": {"max": {"field": "published_at"}},
            "negative": {"filter": negative},
            "recent": {"filter": late, "aggs": {"negative": {"filter": negative}}},
        }
        tallies: dict[str, StoryTally] = defaultdict(StoryTally)
        while stories:
            narrowed = _with_filter(dated, {"terms": {"story_id": stories}})
            page = self._ask(query=narrowed, size=0, aggs={"pairs": {"composite": pairs, "aggs": inside}})["aggregations"]["pairs"]
            for bucket in page["buckets"]:
                recent = bucket["recent"]["doc_count"], bucket["recent"]["negative"]["doc_count"]
                tallies[bucket["key"]["story"]].add(
                    bucket["key"]["source"] or "", bucket["doc_count"], bucket["negative"]["doc_count"],
                    int(bucket["first"]["value"]), int(bucket["last"]["value"]), recent,
                )  # fmt: skip
            if len(page["buckets"]) < _TERMS:
                break
            pairs["after"] = page["after_key"]
        return sizes_of(tallies, bound, by, least, limit)

    def appearances(self, query: str, filters: Filters, unit: Unit) -> list[Appearance]:
        """When each outlet (story, article) appeared; see SearchEngine."""
        dated = _with_filter(self._narrowed(parse_query(query, self._abbreviations), filters), {"exists": {"field": "published_at"}})
        key = {"articles": "id", "outlets": "source", "stories": "subject"}[unit]
        parts: list[Body] = [
            {"at": {"date_histogram": {"field": "published_at", "fixed_interval": "1ms"}}},
            {"key": {"terms": {"field": key, "missing_bucket": True}}},
            {"tone": {"terms": {"field": "sentiment", "missing_bucket": True}}},
        ]
        if only_negative := filters.sentiments == ("negative",):
            parts.pop()
        pairs: Body = {"size": _PAIRS, "sources": parts}
        found: list[Appearance] = []
        while True:
            page = self._ask(query=dated, size=0, track_total_hits=False, aggs={"pairs": {"composite": pairs}})["aggregations"]["pairs"]
            for bucket in page["buckets"]:
                at = moment(bucket["key"]["at"])
                assert at is not None
                found.append(Appearance(at, bucket["key"]["key"] or "", bucket["key"].get("tone", "negative") == "negative"))
            if len(page["buckets"]) < _PAIRS:
                # The server gives them in order, but makes several entries of several other tones.
                return found if only_negative else sorted(set(found))
            pairs["after"] = page["after_key"]

    def seen_before(self, query: str, filters: Filters, before: datetime, keys: Sequence[str], group: Grouping) -> set[str]:
        """The groups that were known before; see SearchEngine."""
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters)
        narrowed["bool"]["filter"].append({"bool": {"must_not": [{"range": {"first_seen_at": {"gte": milliseconds(before)}}}]}})
        names: dict[Any, str] = {(hash_of(key) if group == "copies" else key): key for key in keys}
        no_copy: Body = {"bool": {"must_not": [IS_COPY]}}
        wanted_in = [("own", _with_filter(narrowed, no_copy)), ("origin", narrowed)] if group == "copies" else [("subject", narrowed)]
        found: set[str] = set()
        wanted = list(names)
        for first in range(0, len(wanted), _TERMS):
            part = wanted[first : first + _TERMS]
            bodies = [
                {
                    "query": _with_filter(query_of_field, {"terms": {field: part}}),
                    "size": 0,
                    "track_total_hits": False,
                    "aggs": {"keys": {"terms": {"field": field, "size": len(part)}}},
                }
                for field, query_of_field in wanted_in
            ]
            for answer in self._ask_all(bodies):
                found |= {names[bucket["key"]] for bucket in answer["aggregations"]["keys"]["buckets"]}
        return found

    def sample(self, query: str, filters: Filters, limit: int, *, fold_copies: bool) -> tuple[int, list[Article]]:
        """How many articles match, and those with the smallest ids; see SearchEngine."""
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters)
        if fold_copies:
            with self._moment() as moment_of:
                narrowed = _with_filter(narrowed, self._folder.condition({"bool": {"filter": [narrowed]}}, moment_of))
        hits = self._ask(query=narrowed, size=limit, source=["record"], track_total_hits=True, sort=[{"id": "asc"}])["hits"]
        return hits["total"]["value"], [article_of(hit) for hit in hits["hits"]]

    def scan(self, query: str, filters: Filters, after: tuple[datetime | None, str] | None) -> Iterator[Article]:
        """Every matching article in order of first_seen_at, then id; see SearchEngine."""
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters)
        if after:
            narrowed = _with_filter(narrowed, behind(*after))
        return self._scanned(narrowed)

    def _scanned(self, query: Body) -> Iterator[Article]:
        """The articles of one moment, page by page: what is written meanwhile does not shift them."""
        pit = self._freeze()
        after: list[Any] | None = None
        try:
            while True:
                moment_of = {"pit": {"id": pit, "keep_alive": "5m"}, **({"search_after": after} if after else {})}
                answer = self._ask(query=query, size=_PAGE, source=["record"], sort=FIRST_SEEN, **moment_of)
                pit = answer["pit_id"]
                hits = answer["hits"]["hits"]
                yield from map(article_of, hits)
                if len(hits) < _PAGE:
                    return
                after = hits[-1]["sort"]
        finally:
            self._let_go(pit)


def article_of(hit: Mapping[str, Any]) -> Article:
    """The article of a hit whose `record` was asked for."""
    return Article.model_validate(hit["_source"]["record"])


@lru_cache(maxsize=8)
def _starts(interval: Interval, first: datetime, last: datetime) -> tuple[tuple[datetime, int], ...]:
    """The beginnings of the intervals, in milliseconds too: rules count thousands of hours for one series after the other."""
    return tuple((start, milliseconds(start) or 0) for start in spread(interval, first, last))


def _with_filter(query: Body, condition: Body) -> Body:
    return {"bool": {**query["bool"], "filter": [*query["bool"]["filter"], condition]}}


def _distinct(name: str) -> Body:
    return {"cardinality": {"field": name, "precision_threshold": _DISTINCT}}


def _behind(ranking: Body, size: int, after: list[Any] | None) -> Body:
    return {**ranking, "size": size, **({"search_after": after} if after else {})}


def _facet_counts(*, grouped: bool) -> Body:
    if grouped:
        order = [{"stories": "desc"}, {"_key": "asc"}]
        return {
            name: {"terms": {"field": name, "size": _FACET_VALUES, "order": order}, "aggs": {"stories": _distinct("subject")}}
            for name in FACETS
        }
    order = [{"_count": "desc"}, {"_key": "asc"}]
    return {name: {"terms": {"field": name, "size": _FACET_VALUES, "order": order}} for name in FACETS}


def _among_best(ranking: Body, everything: Body, size: int) -> Body:
    """The first of `ranking` among the articles whose texts fit best whatever their age.

    The server finds these in a third of the time that it takes to weigh the age of all. Each hit has the score of `ranking`.
    """
    rescore = {"window_size": _BEST, "query": {"rescore_query": ranking["query"], "query_weight": 0, "rescore_query_weight": 1}}
    columns = ["origin", {"field": "published_at", "format": "epoch_millis"}]
    body = {**ranking, "query": everything, "rescore": rescore, "docvalue_fields": columns, "size": size}
    del body["sort"]
    return body


def _last_of_best(everything: Body, moment_of: Body) -> Body:
    """The last of these articles. Its score does not depend on the moment, so the server remembers it."""
    last: Body = {"query": everything, "from": _BEST - 1, "size": 1, "_source": False, "track_total_hits": False}
    return {**last, "request_cache": True, **moment_of}


def _certain(hits: Sequence[Any], last: Sequence[Any], size: int) -> tuple[list[Any], bool]:
    """Of `hits` (at most `size`) among the best texts, of which `last` is the last: those that no other article can come before.

    Age makes a score smaller, never larger, so what is not among the best texts scores no more than the last of them. Equal scores
    stand in the order of publication; where they reach over the end of `hits`, none of them is certain.

    Returns:
        The certain ones with what they are sorted by, and whether there may be others behind them.
    """
    least = last[0]["_score"] * _ROUNDING if last else -1.0
    if len(hits) == size:
        least = max(least, hits[-1]["_score"])
    certain = [hit for hit in hits if hit["_score"] > least]
    for hit in certain:
        published = hit.get("fields", {}).get("published_at")
        hit["sort"] = [hit["_score"], int(published[0]) if published else _NOT_DATED, hit["_id"]]
    certain.sort(key=lambda hit: (-hit["sort"][0], -hit["sort"][1], hit["sort"][2]))
    return certain, bool(last) or len(hits) == size


def _counts(counted: Mapping[str, Any], number: str) -> dict[str, Counter[str]]:
    def count(bucket: Mapping[str, Any]) -> int:
        return int(bucket[number] if number == "doc_count" else bucket[number]["value"])

    return {name: Counter({bucket["key"]: count(bucket) for bucket in counted[name]["buckets"]}) for name in FACETS}


def _facets(counts: Mapping[str, Counter[str]]) -> dict[str, list[FacetCount]]:
    return {
        name: [FacetCount(value, count) for value, count in sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))]
        for name, found in counts.items()
    }


def _frozen_place(place: object, *, grouped: bool) -> Body:
    match place:
        case {"pit": str(pit), "from": int(start)} if grouped and is_number(start) and start >= 0:
            return {"pit": pit, "from": start}
        case {"pit": str(pit), "after": [int() | float(), int(), str(), *_] as after} if not grouped:
            return {"pit": pit, "after": after}
    raise bad_cursor()


def _time_place(place: object) -> list[Any]:
    match place:
        case [published, str(last)] if published is None or is_number(published):
            return [_NOT_DATED if published is None else published, last]
    raise bad_cursor()
