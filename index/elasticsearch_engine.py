"""The engine of an office with millions of articles: Elasticsearch 9."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, NotFoundError
from elasticsearch.exceptions import HTTP_EXCEPTIONS

from diembao.article import Article
from diembao.engine import (
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
from diembao.errors import EngineError
from index.abbreviations import NONE, Abbreviations
from index.condition import Condition
from index.document import moment, refusal
from index.elasticsearch_cluster import Cluster
from index.elasticsearch_lifecycle import LifeCycle
from index.elasticsearch_mapping import ROLLOVER, document_of
from index.elasticsearch_query import Body, range_condition
from index.elasticsearch_rebuild import Rebuild
from index.elasticsearch_search import Reader, article_of
from index.elasticsearch_writing import BulkWriter, Item, Patience, encode

_PAGE = 1000
_EXPUNGE = "index.merge.policy.expunge_deletes_allowed"
_TERMS = 10_000
_FACET_VALUES = 1000
_PREFIX_WORDS = 10_000
_NOT_DATED = -(2**63)
"""What Elasticsearch sorts an article without a date by, newest first."""
_ZONE = "+07:00"
_TOO_MUCH, _UNAVAILABLE = 429, 503
_UNTIL_IT_STARTS = (0.02,) * 5 + (0.05,) * 18 + (0.25,) * 16
"""Seconds between tries while an index begins."""


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
        self._prepared = False
        self._errors = self.cluster.errors
        self._reader = Reader(self._search, self._search_all, self._ready, self.cluster, abbreviations)

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
        found: set[str] = set()
        for start in range(0, len(ids), _PAGE):
            names: tuple[str, ...] = ()
            while names != (names := self.cluster.layout().read):  # a rebuild may exchange the indices between the two requests
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

    def scrub(self) -> bool:
        """Have the cluster merge away what was deleted. False: it still keeps some for shards that recover, for half a minute and more."""
        with self._errors():
            patient = self.client.options(request_timeout=3600)
            try:
                # By default a part of the index with few deleted documents is left as it is.
                patient.indices.put_settings(index=self.read_alias, settings={_EXPUNGE: 0})
                patient.indices.forcemerge(index=self.read_alias, only_expunge_deletes=True, flush=True)
            finally:
                patient.indices.put_settings(index=self.read_alias, settings={_EXPUNGE: None})
            left: int = self.client.indices.stats(index=self.read_alias, metric="docs")["_all"]["primaries"]["docs"]["deleted"]
        return left == 0

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

    def _search_all(self, bodies: Sequence[Body]) -> list[Any]:
        """The answers to several searches, which the server works on at the same time.

        `request_cache` of a body asks the server to remember the answer also where it has hits.
        """
        if not bodies:
            return []
        self._ready()
        whole = {"allow_partial_search_results": False}
        asked: list[Any] = []  # the client sends bytes as they are
        for body in bodies:
            about = {} if "pit" in body else {"index": self.read_alias}
            if "request_cache" in body:
                about["request_cache"] = body["request_cache"]
            asked += [encode({**whole, **about}), encode({name: value for name, value in body.items() if name != "request_cache"})]
        with self._errors():
            client = self.client.options(retry_on_status=(429, 502, 503, 504))
            for pause in (*_UNTIL_IT_STARTS, None):
                answer = client.msearch(searches=asked)
                failed = next((one for one in answer["responses"] if "error" in one), None)
                if failed is None:
                    return list(answer["responses"])
                if failed["status"] not in (_TOO_MUCH, _UNAVAILABLE) or pause is None:
                    meta = replace(answer.meta, status=failed["status"])
                    kind = HTTP_EXCEPTIONS.get(failed["status"], ApiError)
                    raise kind(str(failed["error"].get("type")), meta, {"error": failed["error"]})
                time.sleep(pause)
        raise AssertionError

    def stored(self, ids: Sequence[str]) -> dict[str, StoredVersion]:
        """The stored version of those of `ids` that are indexed."""
        found: dict[str, StoredVersion] = {}
        for start in range(0, len(ids), _PAGE):
            batch = list(ids[start : start + _PAGE])
            # Only columns: to read the record of each is ten times the work.
            times = [{"field": name, "format": "epoch_millis"} for name in ("first_seen_at", "fetched_at")]
            fields = ["id", "content_hash", "revision", *times]
            answer = self._search(query={"terms": {"id": batch}}, size=len(batch), source=False, docvalue_fields=fields)
            for values in (hit["fields"] for hit in answer["hits"]["hits"]):
                first_seen, fetched = (moment(int(values[name][0])) if name in values else None for name in ("first_seen_at", "fetched_at"))
                found[values["id"][0]] = StoredVersion(values["content_hash"][0], values["revision"][0], first_seen, fetched)
        return found

    def get(self, article_id: str) -> Article | None:
        """The article, or None."""
        hits = self._search(query={"term": {"id": article_id}}, size=1, source=["record"])["hits"]["hits"]
        return article_of(hits[0]) if hits else None

    # -- searching ----------------------------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest) -> SearchResult:
        """Find articles; see SearchEngine."""
        return self._reader.search(request)

    # -- counting, scanning -------------------------------------------------------------------------------------------------------

    def count(
        self, query: str, filters: Filters, interval: Interval, unit: Unit = "articles", fold_copies: bool = False
    ) -> list[CountBucket]:
        """Coverage over time; see SearchEngine."""
        return self._reader.count(query, filters, interval, unit, fold_copies=fold_copies)

    def published_by_source(self, filters: Filters, interval: Interval) -> dict[str, dict[datetime, int]]:
        """How many articles each source published in each interval; see SearchEngine."""
        return self._reader.published_by_source(filters, interval)

    def story_outlets(self, query: str, filters: Filters, least: int, limit: int = 500) -> dict[str, dict[str, datetime]]:
        """When each outlet of the widest stories wrote first; see SearchEngine."""
        return self._reader.story_outlets(query, filters, least, limit)

    def story_sizes(
        self, query: str, filters: Filters, since: datetime, by: StoryOrder = "articles", least: int = 2, limit: int = 500
    ) -> list[StorySize]:
        """How much of the largest stories lies before and behind a moment; see SearchEngine."""
        return self._reader.story_sizes(query, filters, since, by, least, limit)

    def appearances(self, query: str, filters: Filters, unit: Unit) -> list[Appearance]:
        """When each outlet (story, article) appeared; see SearchEngine."""
        return self._reader.appearances(query, filters, unit)

    def seen_before(self, query: str, filters: Filters, before: datetime, keys: Sequence[str], group: Grouping) -> set[str]:
        """The groups that were known before; see SearchEngine."""
        return self._reader.seen_before(query, filters, before, keys, group)

    def sample(self, query: str, filters: Filters, limit: int, fold_copies: bool = True) -> tuple[int, list[Article]]:
        """How many articles match, and those with the smallest ids; see SearchEngine."""
        return self._reader.sample(query, filters, limit, fold_copies=fold_copies)

    def scan(
        self,
        query: str = "",
        filters: Filters = Filters(),  # noqa: B008 - frozen
        after: tuple[datetime | None, str] | None = None,
    ) -> Iterator[Article]:
        """Every matching article in order of first_seen_at, then id; see SearchEngine."""
        return self._reader.scan(query, filters, after)

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
                "filter": [range_condition("published_at", since, until)],
                "must_not": [{"term": {"id": article.id}}],
            }
        }
        return self._candidates(query, [{"_score": "desc"}], limit)

    def _candidates(self, query: Body, first: list[Body], limit: int) -> list[Article]:
        order = [*first, {"first_seen_at": {"order": "asc", "missing": "_first"}}, {"id": "asc"}]
        return [article_of(hit) for hit in self._search(query=query, size=limit, source=["record"], sort=order)["hits"]["hits"]]

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
