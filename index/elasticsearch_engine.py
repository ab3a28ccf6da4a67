"""The engine of an office with millions of articles: Elasticsearch 9."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, NotFoundError

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
from diembao.errors import EngineError, QueryError
from index.abbreviations import NONE, Abbreviations
from index.analysis import keyword
from index.condition import Condition
from index.counting import spread
from index.document import FACETS, TEXT_COLUMNS, WEIGHTS, milliseconds, moment, place_key, refusal
from index.elasticsearch_cluster import Cluster
from index.elasticsearch_lifecycle import LifeCycle
from index.elasticsearch_mapping import ROLLOVER, document_of
from index.elasticsearch_rebuild import Rebuild
from index.elasticsearch_writing import BulkWriter, Item, Patience, encode
from index.highlighting import Highlighter
from index.paging import read_cursor, write_cursor
from index.query import DEFAULT_FIELDS, All, And, Exists, Keyword, Node, Not, Or, Pattern, Phrase, Prefix, Range, Term, parse_query
from index.suggestions import MIN_LENGTH, corrected, nearest_of, without_accents

_PAGE = 1000
_TERMS = 10_000
_FACET_VALUES = 1000
_PREFIX_WORDS = 10_000
_NOT_DATED = -(2**63)
"""What Elasticsearch sorts an article without a date by, newest first."""
_ZONE = "+07:00"
_UNAVAILABLE = 503
_UNTIL_IT_STARTS = (0.02,) * 5 + (0.05,) * 18 + (0.25,) * 16
"""Seconds between tries while an index begins."""

Body = dict[str, Any]


class ElasticsearchEngine:
    """Keeps, finds and counts Articles in Elasticsearch.

    Args:
        address: `http://host:9200` or `https://user:password@host:9200`. A path is the prefix of the index names (default
            `diembao`); `?ca=FILE` names the certificate of the authority that signed the server's.
        abbreviations: what queries may abbreviate.
        patience: how long writing waits for a busy server.
        rollover: when a new physical index is begun.

    Raises:
        ConfigError: when the address cannot be used.
    """

    def __init__(
        self,
        address: str,
        abbreviations: Abbreviations = NONE,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        rollover: Mapping[str, str] = ROLLOVER,
    ) -> None:
        self.cluster = Cluster(address)
        self.life_cycle = LifeCycle(self.cluster, rollover)
        self.client = self.cluster.client
        self.address = self.cluster.address
        self.prefix = self.cluster.prefix
        self.read_alias = self.cluster.read_alias
        self.write_alias = self.cluster.write_alias
        self._patience = patience
        self._abbreviations = abbreviations
        self._prepared = False
        self._errors = self.cluster.errors

    # -- writing ------------------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the template, the index and its aliases; changes nothing the second time.

        Raises:
            EngineError: also when the server or the index is of another version.
        """
        with self._errors():
            self.life_cycle.prepare()
        self._prepared = True

    def _ready(self) -> None:
        if not self._prepared:
            self.prepare()

    def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
        """Write articles as they are, one document per id, also across a roll-over; see SearchEngine."""
        self._ready()
        refused: dict[str, str] = {}
        with self._errors():
            try:
                refused |= BulkWriter(self.cluster, self._patience).write(self._items(articles, refused))
            except BaseException:
                self._prepared = False  # what is missing may be created, and what an interrupted rebuild left be mended, the next time
                with suppress(ApiError, TransportError):
                    self.client.indices.refresh(index=self.read_alias)
                raise
            self.client.indices.refresh(index=self.read_alias)
        return refused

    def _items(self, articles: Iterable[Article], refused: dict[str, str]) -> Iterator[Item]:
        for article in articles:
            if reason := refusal(article):
                refused[article.id] = reason
            else:
                yield Item(article.id, encode(document_of(article, int(time.time() * 1000))))

    def delete(self, ids: Sequence[str]) -> int:
        """Erase articles; returns how many there were. A rebuild that is under way does not bring them back."""
        self._ready()
        with self._errors():
            wanted = list(dict.fromkeys(ids))
            there = self._present(wanted)
            refused = BulkWriter(self.cluster, self._patience).write(Item(article_id, None) for article_id in there)
            if refused:
                article_id, reason = next(iter(refused.items()))
                raise EngineError(f"{article_id} could not be erased: {reason}", "Repeat the command")
            self.client.indices.refresh(index=self.read_alias)
        return len(there)

    def _present(self, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that are indexed, also what no search sees yet."""
        names = self.cluster.layout().read
        found: set[str] = set()
        for start in range(0, len(ids), _PAGE):
            wanted = [{"_index": name, "_id": article_id} for article_id in ids[start : start + _PAGE] for name in names]
            found |= {entry["_id"] for entry in self.client.mget(docs=wanted, source=False)["docs"] if entry.get("found")}
        return [article_id for article_id in ids if article_id in found]

    def rebuild(self, on_progress: Callable[[int], None] = lambda _: None) -> int:
        """Build the index anew from the articles in it; returns how many there are. See index/elasticsearch_rebuild.py."""
        with self._errors():
            count = Rebuild(self.cluster, self.life_cycle, self._patience, on_progress).run()
        self._prepared = True
        return count

    def maintain(self) -> None:
        """Renew template and policies, and begin a new physical index when it is due and the cluster does not do it itself."""
        with self._errors():
            self.life_cycle.maintain()
        self._prepared = True

    def conditions(self) -> list[Condition]:
        """How the parts of the engine are, for `diembao doctor`."""
        with self._errors():
            return list(self.life_cycle.conditions())

    def backup(self, folder: Path, now: datetime) -> str:
        """Take a snapshot into the cluster's own repository, and check it; returns where it is. `folder` is not used."""
        with self._errors():
            return f"snapshot {self.life_cycle.snapshot(now)}"

    # -- single articles ----------------------------------------------------------------------------------------------------------

    def _search(self, **body: Any) -> Any:
        self._ready()
        with self._errors():
            if "pit" not in body:
                body["index"] = self.read_alias
            # The numbers of some of the indices would look like an answer. One that begins (a roll-over, a rebuild) needs a moment.
            client = self.client.options(retry_on_status=(429, 502, 504))
            for pause in _UNTIL_IT_STARTS:
                try:
                    return client.search(**body, allow_partial_search_results=False)
                except ApiError as error:
                    if error.status_code != _UNAVAILABLE:
                        raise
                    time.sleep(pause)
            return client.search(**body, allow_partial_search_results=False)

    def stored(self, ids: Sequence[str]) -> dict[str, StoredVersion]:
        """The stored version of those of `ids` that are indexed."""
        found: dict[str, StoredVersion] = {}
        for start in range(0, len(ids), _PAGE):
            batch = list(ids[start : start + _PAGE])
            fields = ["id", "content_hash", "revision", "first_seen_at", "fetched_at"]
            answer = self._search(query={"terms": {"id": batch}}, size=len(batch), source=fields)
            for hit in answer["hits"]["hits"]:
                entry = hit["_source"]
                found[entry["id"]] = StoredVersion(
                    entry["content_hash"], entry["revision"], moment(entry["first_seen_at"]), moment(entry["fetched_at"])
                )
        return found

    def get(self, article_id: str) -> Article | None:
        """The article, or None."""
        hits = self._search(query={"term": {"id": article_id}}, size=1, source=["record"])["hits"]["hits"]
        return _article(hits[0]) if hits else None

    # -- searching ----------------------------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles; see SearchEngine."""
        began = time.perf_counter()
        tree = parse_query(request.query, self._abbreviations)
        query = self._narrowed(tree, request.filters, fold=request.fold_copies)
        limit = max(0, min(request.limit, 1000))
        body: Body = {
            "query": query,
            "size": limit + 1,
            "source": ["record"],
            "track_total_hits": True,
            "sort": [{"_score": "desc"}, {"id": "asc"}]
            if request.sort == "relevance"
            else [{"published_at": {"order": "desc", "missing": "_last"}}, {"id": "asc"}],
        }
        if request.after:
            key, last = read_cursor(request.after, request.sort)
            body["search_after"] = [_NOT_DATED if math.isinf(key) else -key, last]
        if request.facets:
            order = [{"_count": "desc"}, {"_key": "asc"}]
            body["aggs"] = {name: {"terms": {"field": name, "size": _FACET_VALUES, "order": order}} for name in FACETS}
        answer = self._search(**body)
        found = answer["hits"]["hits"]
        page = found[:limit]
        total = answer["hits"]["total"]["value"]
        articles = [_article(hit) for hit in page]
        copies = self._copies([article.id for article in articles])
        mark = Highlighter(tree) if request.highlight else None
        hits = [
            Hit(article, hit["_score"] or 0.0, mark.of(article) if mark else {}, copies.get(article.id, 0))
            for article, hit in zip(articles, page, strict=True)
        ]
        facets = {
            name: [FacetCount(bucket["key"], bucket["doc_count"]) for bucket in answer["aggregations"][name]["buckets"]]
            for name in (FACETS if request.facets else ())
        }
        cursor = None
        if len(found) > limit and page:
            key = page[-1]["sort"][0]
            cursor = write_cursor(request.sort, math.inf if request.sort == "time" and key == _NOT_DATED else -key, page[-1]["sort"][1])
        suggestions = [] if total else self._suggestions(request)
        return SearchResult(total, (time.perf_counter() - began) * 1000, hits, facets, cursor, suggestions)

    def _suggestions(self, request: SearchRequest) -> list[str]:
        offered = []
        for other in dict.fromkeys((without_accents(request.query), corrected(request.query, self._nearest))):
            with suppress(QueryError):
                if other != request.query:
                    query = self._narrowed(parse_query(other, self._abbreviations), request.filters, fold=False)
                    if self._search(query=query, size=0, terminate_after=1)["hits"]["total"]["value"]:
                        offered.append(other)
        return offered

    def _nearest(self, token: str) -> str | None:
        words: dict[str, int] = {}
        asked: Body = {"prefix_length": 1, "max_edits": 1, "min_word_length": MIN_LENGTH, "size": 50, "suggest_mode": "missing"}
        fields = ("title", "body")
        suggest = {field: {"text": token, "term": {"field": f"words.{field}", **asked}} for field in fields}
        if self._search(query=_compile(Term(DEFAULT_FIELDS, token)), size=0, terminate_after=1)["hits"]["total"]["value"]:
            return None
        answer = self._search(size=0, suggest=suggest)["suggest"]
        for field in fields:
            for option in (option for entry in answer[field] for option in entry["options"]):
                words[option["text"]] = max(words.get(option["text"], 0), option["freq"])
        return nearest_of(token, words.items())

    def _copies(self, ids: Sequence[str]) -> dict[str, int]:
        if not ids:
            return {}
        answer = self._search(
            query={"terms": {"copy_of": list(ids)}}, size=0, aggs={"copies": {"terms": {"field": "copy_of", "size": len(ids)}}}
        )
        return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["copies"]["buckets"]}

    def _narrowed(self, tree: Node, filters: Filters, *, fold: bool) -> Body:
        query: Body = {"bool": {"must": [_compile(tree)], "filter": _filter_conditions(filters)}}
        if filters.hides_irrelevant:
            query["bool"]["must_not"] = [{"term": {"key.topic": IRRELEVANT}}]
        if fold:
            query["bool"]["filter"].append(self._representatives(query))
        return query

    def _representatives(self, query: Body) -> Body:
        """What leaves one article of each group of copies: the origin, or where it does not match, the earliest that does."""
        earliest: dict[str, str] = {}
        after: list[Any] | None = None
        while True:
            body: Body = {
                "query": {"bool": {"filter": [query, {"exists": {"field": "copy_of"}}]}},
                "size": _TERMS,
                "source": False,
                "docvalue_fields": ["copy_of"],
                "sort": [{"copy_of": "asc"}, {"first_seen_at": {"order": "asc", "missing": "_first"}}, {"id": "asc"}],
            }
            hits = self._search(**body, **({"search_after": after} if after else {}))["hits"]["hits"]
            for hit in hits:
                earliest.setdefault(hit["fields"]["copy_of"][0], hit["sort"][2])
            if len(hits) < _TERMS:
                break
            after = hits[-1]["sort"]
        origins = list(earliest)
        for start in range(0, len(origins), _TERMS):
            batch = origins[start : start + _TERMS]
            answer = self._search(
                query={"bool": {"filter": [query, {"terms": {"id": batch}}]}},
                size=len(batch),
                source=False,
                docvalue_fields=["id"],
            )
            for hit in answer["hits"]["hits"]:
                earliest.pop(hit["fields"]["id"][0], None)
        chosen = list(earliest.values())
        alternatives: list[Body] = [{"terms": {"id": chosen[start : start + _TERMS]}} for start in range(0, len(chosen), _TERMS)]
        no_copy = {"bool": {"must_not": [{"exists": {"field": "copy_of"}}]}}
        return {"bool": {"should": [no_copy, *alternatives], "minimum_should_match": 1}} if alternatives else no_copy

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(
        self, query: str, filters: Filters, interval: Interval, unit: Unit = "articles", fold_copies: bool = False
    ) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters, fold=fold_copies)
        negative: Body = {"filter": {"term": {"sentiment": "negative"}}}
        parts: Body = {"negative": negative}
        if unit != "articles":
            distinct = {"cardinality": {"field": {"outlets": "source", "stories": "subject"}[unit], "precision_threshold": _TERMS}}
            negative["aggs"] = {"distinct": distinct}
            parts["distinct"] = distinct
        answer = self._search(
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

    def scan(
        self,
        query: str = "",
        filters: Filters = Filters(),  # noqa: B008 - frozen
        after: tuple[datetime | None, str] | None = None,
    ) -> Iterator[Article]:
        """Every matching article in order of first_seen_at, then id; see SearchEngine."""
        narrowed = self._narrowed(parse_query(query, self._abbreviations), filters, fold=False)
        if after:
            narrowed["bool"]["filter"].append(_behind(*after))
        self._ready()
        return self._pages(narrowed)

    def _pages(self, query: Body) -> Iterator[Article]:
        """The articles of one moment, page by page: what is written meanwhile does not shift them."""
        with self._errors():
            pit = self.client.open_point_in_time(index=self.read_alias, keep_alive="5m")["id"]
        after: list[Any] | None = None
        try:
            while True:
                answer = self._search(
                    query=query,
                    size=500,
                    source=["record"],
                    pit={"id": pit, "keep_alive": "5m"},
                    sort=[{"first_seen_at": {"order": "asc", "missing": "_first"}}, {"id": "asc"}],
                    **({"search_after": after} if after else {}),
                )
                pit = answer["pit_id"]
                hits = answer["hits"]["hits"]
                yield from map(_article, hits)
                if len(hits) < 500:
                    return
                after = hits[-1]["sort"]
        finally:
            with suppress(ApiError, TransportError):
                self.client.close_point_in_time(id=pit)

    # -- linking ------------------------------------------------------------------------------------------------------------------

    def copy_candidates(self, article: Article, limit: int = 50) -> list[Article]:
        """Articles that share a copy key with `article`, without itself; earliest seen first."""
        if not article.copy_keys:
            return []
        return self._candidates(
            {"bool": {"filter": [{"terms": {"copy_keys": article.copy_keys}}], "must_not": [{"term": {"id": article.id}}]}}, [], limit
        )

    def story_candidates(self, article: Article, since: datetime, until: datetime, limit: int = 100) -> list[Article]:
        """Articles published in [since, until) that share story keys with `article`, without itself; most shared first."""
        keys = list(dict.fromkeys(article.story_keys))[:_PAGE]
        if not keys:
            return []
        shared = [{"constant_score": {"filter": {"term": {"story_keys": key}}, "boost": 1.0}} for key in keys]
        query = {
            "bool": {
                "should": shared,
                "minimum_should_match": 1,
                "filter": [_range_condition("published_at", since, until)],
                "must_not": [{"term": {"id": article.id}}],
            }
        }
        return self._candidates(query, [{"_score": "desc"}], limit)

    def _candidates(self, query: Body, first: list[Body], limit: int) -> list[Article]:
        order = [*first, {"first_seen_at": {"order": "asc", "missing": "_first"}}, {"id": "asc"}]
        return [_article(hit) for hit in self._search(query=query, size=limit, source=["record"], sort=order)["hits"]["hits"]]

    # -- health -------------------------------------------------------------------------------------------------------------------

    def status(self) -> EngineStatus:
        """How the engine is."""
        version = "?"
        try:
            with self._errors():
                version = str(self.client.info()["version"]["number"])
                try:
                    return EngineStatus("elasticsearch", version, self.client.count(index=self.read_alias)["count"])
                except NotFoundError:
                    return EngineStatus("elasticsearch", version, 0)
        except EngineError as error:
            return EngineStatus("elasticsearch", version, 0, str(error))

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()


def _article(hit: Mapping[str, Any]) -> Article:
    return Article.model_validate(hit["_source"]["record"])


# -- from our tree to Elasticsearch's queries -------------------------------------------------------------------------------------


def _compile(node: Node) -> Body:
    match node:
        case All():
            return {"constant_score": {"filter": {"match_all": {}}, "boost": 0}}
        case Term():
            return _in_fields(node.fields, lambda field, boost: {"term": {field: {"value": node.token, "boost": boost}}})
        case Prefix():
            return _in_fields(node.fields, lambda field, boost: {"prefix": {field: {"value": node.token, "boost": boost}}})
        case Pattern():
            return _in_fields(node.fields, lambda field, boost: {"wildcard": {field: {"value": node.pattern, "boost": boost}}})
        case Phrase(prefix=True):
            words = " ".join(node.tokens)
            return _in_fields(
                node.fields,
                lambda field, boost: {"match_phrase_prefix": {field: {"query": words, "max_expansions": _PREFIX_WORDS, "boost": boost}}},
            )
        case Phrase():
            words = " ".join(node.tokens)
            return _in_fields(
                node.fields, lambda field, boost: {"match_phrase": {field: {"query": words, "slop": node.slop, "boost": boost}}}
            )
        case Keyword():
            field = {"story": "story_id", "copy_of": "copy_of", "id": "id"}.get(node.field, f"key.{node.field}")
            return _unscored({"term": {field: node.value}})
        case Exists():
            field = "story_id" if node.field == "story" else node.field
            exists = f"words.{field}" if field in TEXT_COLUMNS else f"key.{field}" if field == "url" else field
            return _unscored({"exists": {"field": exists}})
        case Range():
            return _unscored(_range_condition(node.field, node.since, node.until))
        case Not():
            return {"bool": {"must_not": [_compile(node.part)]}}
        case Or():
            return {"bool": {"should": [_compile(part) for part in node.parts], "minimum_should_match": 1}}
        case And():
            return {
                "bool": {
                    "must": [_compile(part) for part in node.parts if not isinstance(part, Not)],
                    "must_not": [_compile(part.part) for part in node.parts if isinstance(part, Not)],
                }
            }


def _in_fields(fields: Sequence[str], query: Any) -> Body:
    found = [query(f"words.{field}", WEIGHTS[field]) for field in fields]
    return found[0] if len(found) == 1 else {"bool": {"should": found, "minimum_should_match": 1}}


def _unscored(condition: Body) -> Body:
    return {"constant_score": {"filter": condition, "boost": 0}}


def _range_condition(field: str, since: datetime | None, until: datetime | None) -> Body:
    if since is None and until is None:
        return {"exists": {"field": field}}
    limits: Body = {"format": "epoch_millis"}
    if since is not None:
        limits["gte"] = milliseconds(since)
    if until is not None:
        limits["lt"] = milliseconds(until)
    return {"range": {field: limits}}


def _behind(first_seen: datetime | None, article_id: str) -> Body:
    """What stands behind an article in the order of a scan."""
    later_id: Body = {"range": {"id": {"gt": article_id}}}
    seen: Body = {"exists": {"field": "first_seen_at"}}
    if first_seen is None:
        same: Body = {"bool": {"must_not": [seen], "filter": [later_id]}}
        return {"bool": {"should": [seen, same], "minimum_should_match": 1}}
    seen_at = milliseconds(first_seen)
    same = {"bool": {"filter": [{"term": {"first_seen_at": seen_at}}, later_id]}}
    return {"bool": {"should": [{"range": {"first_seen_at": {"gt": seen_at}}}, same], "minimum_should_match": 1}}


def _filter_conditions(filters: Filters) -> list[Body]:
    conditions: list[Body] = []
    if filters.published_from is not None or filters.published_to is not None:
        conditions.append(_range_condition("published_at", filters.published_from, filters.published_to))
    for field, values in (
        ("topic", filters.topics), ("sentiment", filters.sentiments), ("critical_of", filters.critical_of),
        ("place_any", filters.places), ("source", filters.sources), ("kind", filters.kinds),
    ):  # fmt: skip
        if values:
            conditions.append({"terms": {f"key.{field}": [(place_key if field == "place_any" else keyword)(value) for value in values]}})
    for field, value in (("story_id", filters.story_id), ("copy_of", filters.copy_of)):
        if value is not None:
            conditions.append({"term": {field: value}})
    return conditions
