"""`diembao reindex` on Elasticsearch: every physical index is built anew beside the old one, then all are exchanged at once.

What happens meanwhile
- Searches ask the old indices until one request to the cluster exchanges all aliases; there is no moment without an answer.
- Writes go to the old indices. What they change is carried over again and again by sequence number (no clock is trusted) until
  little is left. Then writing is blocked for the last rest, seconds; writers wait for it and go on in the new indices. So at the
  exchange both hold the same.
- The old indices go when no search that began before the exchange asks them any more.
- An interruption at any point leaves the old indices as they are. The next command finds what was left, takes it away and lifts the
  block (`Cluster.abandon`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError

from diembao.article import Article
from diembao.errors import EngineError
from index.elasticsearch_cluster import Cluster, Layout
from index.elasticsearch_lifecycle import LifeCycle
from index.elasticsearch_mapping import MAPPING, document_of
from index.elasticsearch_writing import BulkWriter, Item, Patience, encode

_PAGE = 1000
_COMPARED = 10_000
"""Ids in one page of a comparison; the most that a search may return."""
_STRETCHES = 2000
_CLAUSES = 500
_CATCH_UPS = 10
_LITTLE = 200
"""So few changes since the last catch-up are carried over while writing is blocked."""
_KEEP_ALIVE = "10m"
_GRACE = 1
"""Seconds for searches that were on their way at the exchange."""
_LAST_READERS = 30
"""Seconds for scans that were open at the exchange."""
_SIGN_OF_LIFE = 20
"""Seconds between two signs of life."""


@dataclass
class _Pair:
    """An old physical index, the new one that is filled from it, and how far: the sequence number up to which all is carried over."""

    old: str
    new: str
    carried: int = -1


class Rebuild:
    """Builds the physical indices of an installation anew.

    Args:
        cluster: where.
        life_cycle: creates and prepares.
        patience: of the writing.
        on_progress: called with the number of articles copied so far.
    """

    def __init__(
        self, cluster: Cluster, life_cycle: LifeCycle, patience: Patience, on_progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self.cluster = cluster
        self.client = cluster.client
        self.life_cycle = life_cycle
        self.patience = patience
        self.copied = 0
        self._on_progress = on_progress
        self._pairs: dict[str, _Pair] = {}
        self._alive = 0.0

    def run(self) -> int:
        """Rebuild and exchange; returns the number of articles.

        Raises:
            EngineError: when another rebuild is at work, or the new index refuses an article; the old indices stay in use.
        """
        self.life_cycle.check_server()
        layout = self._cleaned()
        if not layout.read:
            self.life_cycle.prepare()
            return 0
        self.life_cycle.put_definitions()
        blocked = False
        try:
            self._catch_up()
            self._compare()
            self._catch_up()
            blocked = True
            self._block()
            self._carry_over()
            self._compare()
            self._exchange()
            blocked = False
        except BaseException:
            with suppress(ApiError, TransportError):
                self._give_up(blocked)
            raise
        self._dismiss()
        return sum(int(self.client.count(index=pair.new)["count"]) for pair in self._pairs.values())

    def _catch_up(self) -> None:
        before = self._carry_over()
        for _ in range(_CATCH_UPS):
            if before <= _LITTLE:
                return
            late = self._carry_over()
            if late > before / 2:
                return  # the writers are as quick as we are
            before = late

    def _give_up(self, blocked: bool) -> None:
        """Take away what this rebuild made, and nothing that another one may have begun."""
        layout = self.cluster.layout()
        own = {pair.new for pair in self._pairs.values()}
        mine = tuple(name for name in layout.building if name in own)
        self.cluster.abandon(replace(layout, building=mine, read=layout.read if blocked else ()))

    def _cleaned(self) -> Layout:
        layout = self.cluster.layout()
        self.cluster.dismiss(layout.leaving)
        if layout.building:
            if (who := self.cluster.rebuilder(layout.building)) is not None:
                raise EngineError(f"another reindex is at work ({who})", "Wait until it has ended")
            self.cluster.abandon(layout)
            layout = self.cluster.layout()
        return layout

    # -- copying ------------------------------------------------------------------------------------------------------------------

    def _carry_over(self) -> int:
        """Carry over what changed since the last time, also from an index that began meanwhile; returns how much it was."""
        layout = self.cluster.layout()
        for old in layout.read:
            if old not in self._pairs:
                self._begin(old)
        return sum(self._carry(pair) for pair in self._pairs.values())

    def _begin(self, old: str) -> _Pair:
        new = self.cluster.physical(self.cluster.layout().next_number)
        aliases: dict[str, Any] = {self.cluster.building_alias: {}}
        settings = {"index.lifecycle.indexing_complete": True} if self.life_cycle.managed() else {}
        mappings = {"_meta": {**MAPPING["_meta"], "rebuild": self.cluster.lease()}}
        self.client.indices.create(index=new, aliases=aliases, settings=settings, mappings=mappings)
        pair = self._pairs[old] = _Pair(old, new)
        others = [name for name in self.cluster.layout().building if name not in {one.new for one in self._pairs.values()}]
        if others:
            raise EngineError("another reindex began at the same time", "Wait until it has ended; if none is at work, repeat the command")
        return pair

    def _carry(self, pair: _Pair) -> int:
        """Copy what has a sequence number behind `pair.carried`; returns how many documents."""
        upto = self._sequence(pair.old)["local_checkpoint"]
        self.client.indices.refresh(index=pair.old)
        query = {"range": {"_seq_no": {"gt": pair.carried}}}
        before = self.copied
        self._write(pair.new, (hit for hits in self._walk(pair.old, query, ["record", "indexed_at"]) for hit in hits))
        pair.carried = max(pair.carried, upto)
        return self.copied - before

    def _write(self, new: str, hits: Iterator[Mapping[str, Any]]) -> None:
        refused = BulkWriter(self.cluster, self.patience, new).write(map(self._copy_of, hits))
        if refused:
            article_id, reason = next(iter(refused.items()))
            raise EngineError(f"the new index refuses {article_id}: {reason}", "The old one stays in use; report this")

    def _copy_of(self, hit: Mapping[str, Any]) -> Item:
        self.copied += 1
        if self.copied % _PAGE == 0:
            self._on_progress(self.copied)
            self._give_sign_of_life()
        article = Article.model_validate(hit["_source"]["record"])
        return Item(article.id, encode(document_of(article, int(hit["_source"]["indexed_at"]))))

    def _give_sign_of_life(self) -> None:
        if time.monotonic() - self._alive > _SIGN_OF_LIFE:
            self._alive = time.monotonic()
            meta = {**MAPPING["_meta"], "rebuild": self.cluster.lease()}
            self.client.indices.put_mapping(index=[pair.new for pair in self._pairs.values()], meta=meta)

    def _sequence(self, index: str) -> dict[str, int]:
        """`{"max_seq_no", "local_checkpoint"}` of the index's only shard: operations up to the checkpoint are all done."""
        shards = self.client.indices.stats(index=index, level="shards")["indices"][index]["shards"]["0"]
        return dict(next(copy["seq_no"] for copy in shards if copy["routing"]["primary"]))

    # -- the end ------------------------------------------------------------------------------------------------------------------

    def _block(self) -> None:
        """Refuse writes from now on; returns when those under way are done."""
        self._alive = 0.0
        self._give_sign_of_life()
        while True:
            read = self.cluster.layout().read
            self.client.indices.add_block(index=list(read), block="write")
            if self.cluster.layout().read == read:  # else a roll-over came in between
                return

    def _compare(self) -> None:
        """Take out of each new index what was erased in its old one: a deletion leaves nothing that a search could find.

        While writing is blocked the result is exact: every write is carried over by its sequence number, so the new index can only
        have too much, and where the numbers of articles written in a stretch of time agree, these are the same. Only the other
        stretches are compared one by one. Earlier, while others write, it merely leaves less to do under the block.
        """
        for pair in self._pairs.values():
            self.client.indices.refresh(index=[pair.old, pair.new])
            if stretches := list(self._unequal(pair)):
                several = {"bool": {"should": stretches, "minimum_should_match": 1}}
                self._compare_where(pair, several if len(stretches) <= _CLAUSES else {"match_all": {}})

    def _unequal(self, pair: _Pair) -> Iterator[dict[str, Any]]:
        """Conditions on `indexed_at`, milliseconds, under which the two indices hold different numbers of documents."""
        times = self.client.search(index=[pair.old, pair.new], size=0, aggs={"times": {"stats": {"field": "indexed_at"}}})
        first, last = (times["aggregations"]["times"][end] for end in ("min", "max"))
        if first is None:
            return
        step = int((last - first) // _STRETCHES) + 1
        over_time = {"date_histogram": {"field": "indexed_at", "fixed_interval": f"{step}ms", "min_doc_count": 1}}
        counts: list[dict[int, int]] = []
        for name in (pair.old, pair.new):
            found = self.client.search(index=name, size=0, aggs={"stretches": over_time})["aggregations"]["stretches"]["buckets"]
            counts.append({int(bucket["key"]): int(bucket["doc_count"]) for bucket in found})
        for start in sorted(counts[0].keys() | counts[1].keys()):
            if counts[0].get(start) != counts[1].get(start):
                yield {"range": {"indexed_at": {"gte": start, "lt": start + step, "format": "epoch_millis"}}}

    def _compare_where(self, pair: _Pair, query: dict[str, Any]) -> None:
        missing: list[str] = []
        gone: list[str] = []
        old, new = self._ids(pair.old, query), self._ids(pair.new, query)
        here, there = next(old, None), next(new, None)
        while here is not None or there is not None:
            if there is None or (here is not None and here[0] < there[0]):
                assert here is not None
                missing.append(here[0])
                here = next(old, None)
            elif here is None or there[0] < here[0]:
                gone.append(there[0])
                there = next(new, None)
            else:
                if here[1] != there[1]:
                    missing.append(here[0])
                here, there = next(old, None), next(new, None)
        BulkWriter(self.cluster, self.patience, pair.new).write(Item(article_id, None) for article_id in gone)
        for start in range(0, len(missing), _PAGE):
            wanted = {"terms": {"id": missing[start : start + _PAGE]}}
            self._write(pair.new, (hit for hits in self._walk(pair.old, wanted, ["record", "indexed_at"]) for hit in hits))

    def _exchange(self) -> None:
        """The new indices take the place of the old ones, in one step of the cluster."""
        names = [pair.new for pair in self._pairs.values()]
        self.client.indices.refresh(index=names)
        actions: list[dict[str, Any]] = []
        for number, name in enumerate(names, start=1):
            actions += [
                {"remove": {"index": name, "alias": self.cluster.building_alias, "must_exist": True}},
                {"add": {"index": name, "alias": self.cluster.read_alias}},
                {"add": {"index": name, "alias": self.cluster.write_alias, "is_write_index": number == len(names)}},
            ]
        for pair in self._pairs.values():
            actions += [
                {"remove": {"index": pair.old, "alias": self.cluster.read_alias}},
                {"remove": {"index": pair.old, "alias": self.cluster.write_alias, "must_exist": False}},
                {"add": {"index": pair.old, "alias": self.cluster.leaving_alias}},
            ]
        self.client.indices.update_aliases(actions=actions)
        # Behind the exchange: without its sign of life an index that is being built counts as left behind.
        self.client.indices.put_mapping(index=names, meta=MAPPING["_meta"])
        if self.life_cycle.managed():
            self.client.indices.put_settings(index=names[-1], settings={"index.lifecycle.indexing_complete": False})

    def _dismiss(self) -> None:
        """Take the old indices away when the searches that began in them are done; else `maintain` does it later."""
        time.sleep(_GRACE)
        for _ in range(_LAST_READERS):
            if self.cluster.dismiss(self.cluster.layout().leaving):
                return
            time.sleep(1)

    # -- reading ------------------------------------------------------------------------------------------------------------------

    def _ids(self, index: str, query: dict[str, Any]) -> Iterator[tuple[str, int]]:
        """(id, indexed_at) of every document that matches, in the order of ids."""
        fields = [{"field": "id"}, {"field": "indexed_at", "format": "epoch_millis"}]
        for hits in self._walk(index, query, None, _COMPARED, fields, [{"id": "asc"}]):
            for hit in hits:
                yield hit["fields"]["id"][0], int(hit["fields"]["indexed_at"][0])

    def _walk(
        self,
        index: str,
        query: dict[str, Any],
        source: list[str] | None,
        size: int = _PAGE,
        fields: Sequence[dict[str, Any]] = (),
        order: Sequence[dict[str, Any]] = ({"_shard_doc": "asc"},),
    ) -> Iterator[list[Any]]:
        """Pages of the documents that match, all of one moment."""
        pit = str(self.client.open_point_in_time(index=index, keep_alive=_KEEP_ALIVE)["id"])
        after: dict[str, Any] = {}
        try:
            while True:
                answer = self.client.search(
                    query=query,
                    size=size,
                    source_includes=source,
                    source=None if source else False,
                    docvalue_fields=fields,
                    track_total_hits=False,
                    pit={"id": pit, "keep_alive": _KEEP_ALIVE},
                    sort=list(order),
                    **after,
                )
                pit = answer["pit_id"]
                hits = answer["hits"]["hits"]
                if hits:
                    yield hits
                if len(hits) < size:
                    return
                after = {"search_after": hits[-1]["sort"]}
        finally:
            with suppress(ApiError, TransportError):
                self.client.close_point_in_time(id=pit)
