"""The engine of an office with millions of articles: Elasticsearch 9."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    ConflictError,
    Elasticsearch,
    NotFoundError,
    UnsupportedProductError,
    helpers,
)

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
from diembao.errors import ConfigError, EngineError, QueryError
from index.abbreviations import NONE, Abbreviations
from index.analysis import keyword
from index.counting import spread
from index.document import FACETS, TEXT_COLUMNS, WEIGHTS, milliseconds, moment, place_key, refusal
from index.elasticsearch_mapping import MAPPING, SCHEMA_VERSION, document_of, template
from index.highlighting import Highlighter
from index.paging import read_cursor, write_cursor
from index.query import DEFAULT_FIELDS, All, And, Exists, Keyword, Node, Not, Or, Pattern, Phrase, Prefix, Range, Term, parse_query
from index.suggestions import MIN_LENGTH, corrected, nearest_of, without_accents

MAJOR_VERSION = "9"
_PAGE = 1000
_TERMS = 10_000
_FACET_VALUES = 1000
_PREFIX_WORDS = 10_000
_NOT_DATED = -(2**63)
"""What Elasticsearch sorts an article without a date by, newest first."""
_ZONE = "+07:00"
_CATCH_UPS = 5
_CONFLICT = 409
_KEEP_ALIVE = "10m"
_CLOCK_TOLERANCE = 60_000
"""Milliseconds by which the clocks of two writing machines may differ during a rebuild."""

Body = dict[str, Any]


class ElasticsearchEngine:
    """Keeps, finds and counts Articles in Elasticsearch.

    Args:
        address: `http://host:9200` or `https://user:password@host:9200`. A path is the prefix of the index names (default
            `diembao`); `?ca=FILE` names the certificate of the authority that signed the server's.
        abbreviations: what queries may abbreviate.

    Raises:
        ConfigError: when the address cannot be used.
    """

    def __init__(self, address: str, abbreviations: Abbreviations = NONE) -> None:
        parts = urlsplit(address)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 9200)
        except ValueError as error:
            raise ConfigError("the port in DIEMBAO_INDEX is not a number", "Write it like http://127.0.0.1:9200") from error
        if not parts.hostname:
            raise ConfigError("DIEMBAO_INDEX names no host", "Write it like http://127.0.0.1:9200")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.address = f"{parts.scheme}://{host}:{port}"
        prefix = parts.path.strip("/") or "diembao"
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,100}", prefix):
            raise ConfigError(f"{prefix!r} cannot begin index names", "Use small letters, digits and hyphens in the path of DIEMBAO_INDEX")
        self.prefix = prefix
        self.read_alias = f"{prefix}-articles"
        self.write_alias = f"{prefix}-articles-write"
        self._abbreviations = abbreviations
        self._prepared = False
        options: dict[str, Any] = {}
        if parts.username:
            options["basic_auth"] = (unquote(parts.username), unquote(parts.password or ""))
        if authority := parse_qs(parts.query).get("ca"):
            if not Path(authority[0]).is_file():
                raise ConfigError(f"the certificate {authority[0]} of DIEMBAO_INDEX does not exist", "Name the file behind ?ca=")
            options["ca_certs"] = authority[0]
        try:
            self.client = Elasticsearch(self.address, request_timeout=60, max_retries=2, retry_on_timeout=True, **options)
        except (ValueError, OSError) as error:
            raise ConfigError(f"DIEMBAO_INDEX cannot be used: {error}", "Write it like https://user:password@host:9200") from error

    # -- errors -------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (ApiError, TransportError, UnsupportedProductError) as error:
            raise self._readable(error) from error

    def _readable(self, error: Exception) -> EngineError:
        where = f"Elasticsearch at {self.address}"
        if isinstance(error, UnsupportedProductError):
            return EngineError(f"what answers at {self.address} is not Elasticsearch", "Check DIEMBAO_INDEX")
        if isinstance(error, AuthenticationException):
            return EngineError(f"{where} refuses the user or the password", "Check DIEMBAO_INDEX (https://user:password@host:9200)")
        if isinstance(error, ApiError) and "cluster_block" in str(error):
            return _read_only(where)
        if isinstance(error, AuthorizationException):
            return EngineError(f"{where} does not allow this user to do that", "Give the user the rights of docs/production.md")
        if isinstance(error, ConnectionTimeout):
            return EngineError(f"{where} did not answer in time", "Look at the load of the server and repeat the command")
        if isinstance(error, TransportConnectionError):
            return EngineError(f"{where} cannot be reached: {_one_line(error)}", "Start it, or check DIEMBAO_INDEX")
        if isinstance(error, ApiError) and error.status_code == 429:
            return EngineError(f"{where} has too much to do", "Repeat the command later")
        return EngineError(f"{where} failed: {_one_line(error)}", "Look into the log of the server")

    # -- writing ------------------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the template, the index and its aliases; changes nothing the second time.

        Raises:
            EngineError: also when the server or the index is of another version.
        """
        with self._errors():
            version = str(self.client.info()["version"]["number"])
            if version.split(".")[0] != MAJOR_VERSION:
                raise EngineError(
                    f"Elasticsearch at {self.address} is version {version}; Điểm Báo needs version {MAJOR_VERSION}",
                    "Upgrade the server, or use DIEMBAO_INDEX=sqlite",
                )
            if self.client.indices.exists_alias(name=self.read_alias):
                self._check_version()
            else:
                self.client.indices.put_index_template(name=f"{self.prefix}-articles", **template(self.prefix))
                aliases: Mapping[str, Any] = {self.read_alias: {}, self.write_alias: {"is_write_index": True}}
                try:
                    self.client.indices.create(index=self._physical(1), aliases=aliases)
                except ApiError as error:
                    if "resource_already_exists" not in str(error):
                        raise
        self._prepared = True

    def _physical(self, number: int) -> str:
        return f"{self.prefix}-articles-v{SCHEMA_VERSION}-{number:06}"

    def _check_version(self) -> None:
        for name, found in self.client.indices.get_mapping(index=self.read_alias).items():
            meta = found["mappings"].get("_meta", {})
            if meta != MAPPING["_meta"]:
                raise EngineError(f"the index {name} was written by another version of Điểm Báo", "Run diembao reindex")

    def _ready(self) -> None:
        if not self._prepared:
            self.prepare()

    def upsert(self, articles: Iterable[Article]) -> dict[str, str]:
        """Write articles as they are, one document per id; see SearchEngine."""
        self._ready()
        refused: dict[str, str] = {}
        with self._errors():
            for ok, result in helpers.streaming_bulk(
                self.client,
                self._actions(articles, refused),
                chunk_size=500,
                max_chunk_bytes=20 * 1024 * 1024,
                raise_on_error=False,
                max_retries=5,
                require_alias=True,
            ):
                if not ok:
                    entry = next(iter(result.values()))
                    refused[str(entry.get("_id"))] = self._item_error(entry)
            self.client.indices.refresh(index=self.read_alias)
        return refused

    def _actions(self, articles: Iterable[Article], refused: dict[str, str]) -> Iterator[dict[str, Any]]:
        for article in articles:
            if reason := refusal(article):
                refused[article.id] = reason
            else:
                yield {
                    "_op_type": "index",
                    "_index": self.write_alias,
                    "_id": article.id,
                    "_source": document_of(article, int(time.time() * 1000)),
                }

    def _item_error(self, entry: Mapping[str, Any]) -> str:
        error = entry.get("error") or {}
        kind = error.get("type", "") if isinstance(error, dict) else ""
        if kind == "cluster_block_exception":
            raise _read_only(f"Elasticsearch at {self.address}")
        if kind == "index_not_found_exception":
            self._prepared = False
            raise EngineError(f"the index {self.write_alias} is missing", "Repeat the command; it is created then")
        reason = error.get("reason", "") if isinstance(error, dict) else str(error)
        cause = (error.get("caused_by") or {}).get("reason", "") if isinstance(error, dict) else ""
        return " ".join(f"{kind}: {reason} {cause}".split())[:500]

    def delete(self, ids: Sequence[str]) -> int:
        """Erase articles; returns how many there were."""
        self._ready()
        erased: set[str] = set()
        with self._errors():
            # Also from an index that a rebuild is filling or leaving, or the rebuild would bring the article back.
            physical = list(self.client.indices.get(index=f"{self.prefix}-articles-v*", features=["aliases"]))
            actions = ({"_op_type": "delete", "_index": name, "_id": article_id} for article_id in dict.fromkeys(ids) for name in physical)
            for ok, result in helpers.streaming_bulk(self.client, actions, raise_on_error=False, max_retries=5):
                entry = result["delete"]
                if ok and entry["result"] == "deleted":
                    erased.add(entry["_id"])
                elif not ok and entry["status"] != 404:
                    raise EngineError(f"{entry['_id']} could not be erased: {self._item_error(entry)}", "Repeat the command")
            self.client.indices.refresh(index=self.read_alias)
        return len(erased)

    def rebuild(self) -> int:
        """Build a new index from the articles of the present one and exchange the two; returns how many there are.

        Searches go on in the old index until the new one is complete, writes are never refused. What is written or erased
        meanwhile is carried over: once before the aliases change (atomically), and once behind it.
        """
        with self._errors():
            if not self.client.indices.exists_alias(name=self.read_alias):
                self.prepare()
                return 0
            old = sorted(self.client.indices.get_alias(name=self.read_alias))
            # An interrupted rebuild leaves an index without aliases behind; its number is not used again.
            number = max(int(name.rsplit("-", 1)[1]) for name in self.client.indices.get(index=f"{self.prefix}-articles-v*")) + 1
            new = self._physical(number)
            self.client.indices.put_index_template(name=f"{self.prefix}-articles", **template(self.prefix))
            self.client.indices.create(index=new)
            since = 0
            for _ in range(_CATCH_UPS):
                began = int(time.time() * 1000)
                copied = len(self._copy(old, new, since))
                since = began - _CLOCK_TOLERANCE
                if copied < _PAGE:
                    break
            exchange: list[Body] = []
            for name in old:
                exchange += [{"remove": {"index": name, "alias": alias}} for alias in (self.read_alias, self.write_alias)]
            exchange += [
                {"add": {"index": new, "alias": self.read_alias}},
                {"add": {"index": new, "alias": self.write_alias, "is_write_index": True}},
            ]
            self.client.indices.refresh(index=new)
            before = self.client.open_point_in_time(index=new, keep_alive=_KEEP_ALIVE)["id"]
            self.client.indices.update_aliases(actions=exchange)
            late = self._copy(old, new, since, newer_only=True)
            self.client.indices.refresh(index=[*old, new])
            for hits in self._walk(before, {"match_all": {}}, ["id"]):
                self._erase_what_is_gone(old, new, hits)
            for start in range(0, len(late), _PAGE):
                self._erase_what_is_gone(old, new, [{"_id": article_id} for article_id in late[start : start + _PAGE]])
            self.client.indices.delete(index=old)
            self.client.indices.refresh(index=new)
            return int(self.client.count(index=new)["count"])

    def _copy(self, old: Sequence[str], new: str, since: int, *, newer_only: bool = False) -> list[str]:
        """Write what was indexed at or after `since` into `new`; with `newer_only` nothing that is newer there is touched.

        Returns the ids.
        """
        copied: list[str] = []
        query = {"range": {"indexed_at": {"gte": since, "format": "epoch_millis"}}}
        for hits in self._walk(self._open(old), query, ["record", "indexed_at"]):
            actions = [self._copying(hit, new) for hit in hits]
            if newer_only:
                actions = self._where_newer(actions, new)
            for ok, result in helpers.streaming_bulk(self.client, actions, chunk_size=500, raise_on_error=False, max_retries=5):
                entry = next(iter(result.values()))
                if not ok and not (newer_only and entry["status"] == _CONFLICT):
                    raise EngineError(f"the new index refuses {entry['_id']}: {self._item_error(entry)}", "The old one stays; report this")
            copied += [action["_id"] for action in actions]
        return copied

    def _copying(self, hit: Mapping[str, Any], new: str) -> Body:
        article = _article(hit)
        document = document_of(article, int(hit["_source"]["indexed_at"]))
        return {"_op_type": "index", "_index": new, "_id": article.id, "_source": document}

    def _where_newer(self, actions: Sequence[Body], new: str) -> list[Body]:
        """Those of `actions` whose document is newer than the one in `new`; each fails if somebody writes that one first."""
        answer = self.client.mget(index=new, ids=[action["_id"] for action in actions], source_includes=["indexed_at"])
        known = {entry["_id"]: entry for entry in answer["docs"] if entry.get("found")}
        wanted: list[Body] = []
        for action in actions:
            entry = known.get(action["_id"])
            if entry is None:
                wanted.append({**action, "_op_type": "create"})
            elif entry["_source"]["indexed_at"] < action["_source"]["indexed_at"]:
                wanted.append({**action, "if_seq_no": entry["_seq_no"], "if_primary_term": entry["_primary_term"]})
        return wanted

    def _erase_what_is_gone(self, old: Sequence[str], new: str, hits: Sequence[Mapping[str, Any]]) -> None:
        """Erase from `new` what was copied there and is no longer in `old`, unless somebody has written it since."""
        ids = [hit["_id"] for hit in hits]
        answer = self.client.search(index=list(old), query={"terms": {"id": ids}}, size=len(ids), source_includes=["id"])
        kept = {hit["_source"]["id"] for hit in answer["hits"]["hits"]}
        for hit in hits:
            if hit["_id"] not in kept:
                unchanged = {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]} if "_seq_no" in hit else {}
                with suppress(NotFoundError, ConflictError):
                    self.client.delete(index=new, id=hit["_id"], **unchanged)

    def _open(self, indices: Sequence[str]) -> str:
        """A point in time of the documents as they are now."""
        self.client.indices.refresh(index=list(indices))
        return str(self.client.open_point_in_time(index=list(indices), keep_alive=_KEEP_ALIVE)["id"])

    def _walk(self, pit: str, query: Body, fields: list[str]) -> Iterator[list[Any]]:
        """Pages of the documents of a point in time that match; closes it."""
        after: Body = {}
        try:
            while True:
                answer = self.client.search(
                    query=query,
                    size=_PAGE,
                    source_includes=fields,
                    seq_no_primary_term=True,
                    pit={"id": pit, "keep_alive": _KEEP_ALIVE},
                    sort=[{"id": "asc"}],
                    **after,
                )
                pit = answer["pit_id"]
                hits = answer["hits"]["hits"]
                if hits:
                    yield hits
                if len(hits) < _PAGE:
                    return
                after = {"search_after": hits[-1]["sort"]}
        finally:
            with suppress(ApiError, TransportError):
                self.client.close_point_in_time(id=pit)

    # -- single articles ----------------------------------------------------------------------------------------------------------

    def _search(self, **body: Any) -> Any:
        self._ready()
        with self._errors():
            if "pit" not in body:
                body["index"] = self.read_alias
            return self.client.search(**body)

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


def _one_line(error: Exception) -> str:
    """What went wrong; of a chain of connection errors the last one, which says why."""
    text = " ".join(str(error).split())
    found = re.findall(r"\[Errno -?\d+\] ([^()\[\]]+)", text)
    return found[-1].strip() if found else text[:300]


def _read_only(where: str) -> EngineError:
    return EngineError(
        f"{where} takes no writes: the index is read-only or the disk is nearly full",
        "Free disk space, then lift the block (docs/production.md)",
    )


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
