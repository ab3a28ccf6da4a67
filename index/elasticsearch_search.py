"""Searching and counting in Elasticsearch: everything that only reads."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError

from diembao.article import Article
from diembao.engine import IRRELEVANT, CountBucket, FacetCount, Filters, Hit, Interval, SearchRequest, SearchResult, Unit
from diembao.errors import EngineError, QueryError, UsageError
from index.abbreviations import Abbreviations
from index.counting import spread, start_of
from index.document import FACETS, milliseconds, moment, subject_of
from index.elasticsearch_cluster import Cluster
from index.elasticsearch_query import Body, behind, compile_query, filter_conditions
from index.highlighting import Highlighter
from index.paging import Cursor, bad_cursor, is_number, read_cursor, write_cursor
from index.query import DEFAULT_FIELDS, Node, Term, parse_query
from index.ranking import as_of, order_of, weighed_by_recency
from index.suggestions import FEW, MIN_LENGTH, corrected, nearest_of, wider, without_accents

_TERMS = 10_000
_FACET_VALUES = 1000
_PAGE = 500
_STORIES = 10_000
"""Stories that can be paged through; the server's window for grouped results."""
_DISTINCT = 40_000
"""Up to so many distinct values Elasticsearch counts practically exactly; beyond, it estimates."""
_NOT_DATED = -(2**63)
"""What Elasticsearch sorts an article without a date by, newest first."""
_ZONE = "+07:00"
_KEPT = "10m"
"""How long the moment that a page shows is kept for the next one."""
_GONE = (400, 404)
_UNAVAILABLE = 503

_NEWEST: list[Body] = [{"published_at": {"order": "desc", "missing": "_last"}}, {"id": "asc"}]
_FIRST_SEEN: list[Body] = [{"first_seen_at": {"order": "asc", "missing": "_first"}}, {"id": "asc"}]


@dataclass
class _Folding:
    """What folding does to a search.

    Attributes:
        condition: what leaves one article of each group of copies.
        hidden: by facet and value, how many groups have it only in articles that are not shown.
    """

    condition: Body
    hidden: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


class Reader:
    """Searches and counts.

    Args:
        ask: sends one search; adds the index where no point in time is named; raises EngineError.
        ready: makes sure that there is an index.
        cluster: for points in time.
        abbreviations: what queries may abbreviate.
    """

    def __init__(self, ask: Callable[..., Any], ready: Callable[[], None], cluster: Cluster, abbreviations: Abbreviations) -> None:
        self._ask = ask
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
            result, following = self._page(request, tree, order, limit, pit, place, cursor)
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
        self, request: SearchRequest, tree: Node, order: str, limit: int, pit: str | None, place: Body | None, cursor: Cursor
    ) -> tuple[SearchResult, Any]:
        grouped = request.group_by == "story"
        everything = self._narrowed(tree, request.filters)
        moment_of: Body = {"pit": {"id": pit, "keep_alive": _KEPT}} if pit else {}
        folding = self._folding(everything, moment_of, facets=request.facets) if request.fold_copies and not grouped else None
        query = _with_filter(everything, folding.condition) if folding else everything
        body: Body = {"size": limit + 1, "source": ["record"], "track_total_hits": True, "track_scores": True, **moment_of}
        body["query"] = weighed_by_recency(query, cursor.now) if order == "relevance" and cursor.now is not None else query
        body["sort"] = [{"_score": "desc"}, *_NEWEST] if order == "relevance" else _NEWEST
        body["aggs"] = _facet_counts(grouped=grouped) if request.facets else {}
        if grouped:
            body["collapse"] = {"field": "subject"}
            body["from"] = place["from"] if place else 0
            body["aggs"]["total"] = _distinct("subject")
            if body["from"] + limit > _STORIES:
                raise UsageError(f"only the first {_STORIES} stories can be paged through", "Narrow the search, for instance to a time")
            body["size"] = min(limit + 1, _STORIES - body["from"])
        elif place:
            body["search_after"] = place["after"]
        elif cursor.place is not None:
            body["search_after"] = _time_place(cursor.place)
        if "from" in body:
            body["from_"] = body.pop("from")
        answer = self._ask(**body)
        found = answer["hits"]["hits"]
        page = found[:limit]
        total = answer["aggregations"]["total"]["value"] if grouped else answer["hits"]["total"]["value"]
        facets = _facets(answer["aggregations"], folding, grouped=grouped) if request.facets else {}
        hits = self._hits(page, request, tree, everything, order, moment_of)
        following: Any = None
        if len(found) > limit and page:
            key = page[-1]["sort"]
            if grouped:
                following = {"pit": answer["pit_id"], "from": body["from_"] + limit}
            elif pit:
                following = {"pit": answer["pit_id"], "after": key}
            else:
                following = [None if key[0] == _NOT_DATED else key[0], key[1]]
        return SearchResult(total, 0, hits, facets), following

    def _hits(
        self, page: Sequence[Mapping[str, Any]], request: SearchRequest, tree: Node, everything: Body, order: str, moment_of: Body
    ) -> list[Hit]:
        articles = [article_of(hit) for hit in page]
        sizes: list[tuple[int, int]] = [(1, 1)] * len(page)
        if request.group_by == "story":
            sizes = self._sizes([hit["fields"]["subject"][0] for hit in page], everything, moment_of)
            if order == "relevance":
                articles = self._origins(articles, everything, moment_of)
        copies = self._copies([article.id for article in articles])
        mark = Highlighter(tree) if request.highlight else None
        return [
            Hit(article, (hit["_score"] or 0.0) if order == "relevance" else 0.0, mark.of(article) if mark else {},
                copies.get(article.id, 0), *size)
            for article, hit, size in zip(articles, page, sizes, strict=True)
        ]  # fmt: skip

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
        if not ids:
            return {}
        answer = self._ask(
            query={"terms": {"copy_of": list(ids)}}, size=0, aggs={"copies": {"terms": {"field": "copy_of", "size": len(ids)}}}
        )
        return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["copies"]["buckets"]}

    def _narrowed(self, tree: Node, filters: Filters) -> Body:
        query: Body = {"bool": {"must": [compile_query(tree)], "filter": filter_conditions(filters)}}
        if filters.hides_irrelevant:
            query["bool"]["must_not"] = [{"term": {"key.topic": IRRELEVANT}}]
        return query

    # -- folding ------------------------------------------------------------------------------------------------------------------

    def _folding(self, query: Body, moment_of: Body, *, facets: bool) -> _Folding:
        """What leaves one article of each group of copies: the origin, or where it does not match, the earliest that does."""
        groups: dict[str, list[str]] = {}
        values: dict[str, set[tuple[str, str]]] = {}
        columns = FACETS if facets else ()
        copies = _with_filter(query, {"exists": {"field": "copy_of"}})
        order = [{"copy_of": "asc"}, *_FIRST_SEEN]
        for hit in self._all(copies, columns, order, moment_of):
            origin, _, article_id = hit["sort"][:3]
            groups.setdefault(origin, []).append(article_id)
            values[article_id] = _labels(hit, columns)
        kept = {origin: ids[0] for origin, ids in groups.items()}
        origins = list(groups)
        for start in range(0, len(origins), _TERMS):
            batch = {"terms": {"id": origins[start : start + _TERMS]}}
            for hit in self._all(_with_filter(query, batch), columns, [{"id": "asc"}], moment_of):
                origin = hit["sort"][0]
                kept[origin] = origin
                values[origin] = _labels(hit, columns)
        chosen = [article_id for origin, article_id in kept.items() if article_id != origin]
        alternatives: list[Body] = [{"terms": {"id": chosen[start : start + _TERMS]}} for start in range(0, len(chosen), _TERMS)]
        no_copy = {"bool": {"must_not": [{"exists": {"field": "copy_of"}}]}}
        folding = _Folding({"bool": {"should": [no_copy, *alternatives], "minimum_should_match": 1}} if alternatives else no_copy)
        for origin, ids in groups.items() if facets else ():
            for name, value in set().union(*(values[article_id] for article_id in ids)) - values[kept[origin]]:
                folding.hidden[name][value] += 1
        return folding

    def _all(self, query: Body, fields: Sequence[str], order: Sequence[Body], moment_of: Body) -> Iterator[Mapping[str, Any]]:
        """What every match is sorted by, and its values of `fields`, page by page. Nothing stored is read, which takes the most time."""
        after: list[Any] | None = None
        body: Body = {"query": {"bool": {"filter": [query]}}, "size": _TERMS, "source": False, "sort": list(order), **moment_of}
        body |= {"stored_fields": "_none_", "docvalue_fields": list(fields), "track_total_hits": False}
        while True:
            hits = self._ask(**body, **({"search_after": after} if after else {}))["hits"]["hits"]
            yield from hits
            if len(hits) < _TERMS:
                return
            after = hits[-1]["sort"]

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(self, query: str, filters: Filters, interval: Interval, unit: Unit, *, fold_copies: bool) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters)
        if fold_copies:
            narrowed = _with_filter(narrowed, self._folding(narrowed, {}, facets=False).condition)
        negative: Body = {"filter": {"term": {"sentiment": "negative"}}}
        parts: Body = {"negative": negative}
        if unit != "articles":
            distinct = _distinct({"outlets": "source", "stories": "subject"}[unit])
            negative["aggs"] = {"distinct": distinct}
            parts["distinct"] = distinct
        answer = self._ask(
            query={"bool": {"filter": [narrowed, {"exists": {"field": "published_at"}}]}},
            size=0,
            aggs={
                "over_time": {
                    "date_histogram": {"field": "published_at", "calendar_interval": interval, "time_zone": _ZONE, "min_doc_count": 1},
                    "aggs": parts,
                }
            },
        )
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
        first = filters.published_from or moment(min(found))
        last = filters.published_to or moment(max(found) + 1)
        assert first is not None
        assert last is not None
        return [CountBucket(start, *found.get(milliseconds(start) or 0, (0, 0))) for start in spread(interval, first, last)]

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

    def sample(self, query: str, filters: Filters, limit: int, *, fold_copies: bool) -> tuple[int, list[Article]]:
        """How many articles match, and those with the smallest ids; see SearchEngine."""
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters)
        if fold_copies:
            narrowed = _with_filter(narrowed, self._folding(narrowed, {}, facets=False).condition)
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
                answer = self._ask(query=query, size=_PAGE, source=["record"], sort=_FIRST_SEEN, **moment_of)
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


def _with_filter(query: Body, condition: Body) -> Body:
    return {"bool": {**query["bool"], "filter": [*query["bool"]["filter"], condition]}}


def _distinct(name: str) -> Body:
    return {"cardinality": {"field": name, "precision_threshold": _DISTINCT}}


def _labels(hit: Mapping[str, Any], columns: Sequence[str]) -> set[tuple[str, str]]:
    found = hit.get("fields", {})
    return {(name, value) for name in columns for value in found.get(name, ())}


def _facet_counts(*, grouped: bool) -> Body:
    if grouped:
        order = [{"stories": "desc"}, {"_key": "asc"}]
        return {
            name: {"terms": {"field": name, "size": _FACET_VALUES, "order": order}, "aggs": {"stories": _distinct("subject")}}
            for name in FACETS
        }
    order = [{"_count": "desc"}, {"_key": "asc"}]
    return {name: {"terms": {"field": name, "size": _FACET_VALUES, "order": order}} for name in FACETS}


def _facets(counted: Mapping[str, Any], folding: _Folding | None, *, grouped: bool) -> dict[str, list[FacetCount]]:
    facets = {}
    for name in FACETS:
        counts = Counter(
            {bucket["key"]: bucket["stories"]["value"] if grouped else bucket["doc_count"] for bucket in counted[name]["buckets"]}
        )
        if folding:
            counts.update(folding.hidden[name])
        facets[name] = [FacetCount(value, count) for value, count in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))]
    return facets


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
