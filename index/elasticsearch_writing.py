"""Bulk writes to Elasticsearch: back-pressure, one document per id across roll-overs, refusals by name.

Every request can be sent again without harm: a document is replaced as a whole, by its id.
"""

from __future__ import annotations

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import ApiError

from diembao.errors import EngineError
from index.elasticsearch_cluster import FLOODED, Cluster, Layout, number_of

CHUNK_BYTES = 4 * 1024 * 1024
CHUNK_DOCUMENTS = 500
_SMALLEST_CHUNK = 64 * 1024
_IN_FLIGHT = 4
"""Bulk requests at a time: the server indexes one while the next ones are being made."""
_FRESH = 1.0
"""Seconds for which what the server said about its indices is taken for true; a write that finds it otherwise asks again."""
_TOO_LARGE, _TOO_MUCH, _UNAVAILABLE, _NOT_FOUND, _CONFLICT = 413, 429, 503, 404, 409


@dataclass(frozen=True)
class Patience:
    """How long a bulk write waits for a server that has too much to do or is away, without any progress meanwhile.

    Attributes:
        busy: seconds for a busy server (429, 503) or a rebuild that is about to end.
        away: seconds for a server that does not answer.
        first: seconds before the second try; doubled with every further one.
        longest: seconds between two tries at most.
    """

    busy: float = 120
    away: float = 15
    first: float = 0.25
    longest: float = 15


@dataclass(frozen=True)
class Item:
    """One document to write; `source` None erases it."""

    id: str
    source: bytes | None

    @property
    def size(self) -> int:
        """Bytes in the request, about."""
        return len(self.source or b"") + 120


def encode(document: Mapping[str, Any]) -> bytes:
    """A document as the JSON that is sent; lone surrogates, which UTF-8 has no form for, become question marks."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class BulkWriter:
    """Writes items to an installation's indices, several requests at a time.

    Args:
        cluster: where.
        patience: with what is busy or away.
        index: everything goes into this physical index; None: an item goes where its id is, a new one into the write index.
        sleep: waits (replaced in tests).
    """

    def __init__(
        self,
        cluster: Cluster,
        patience: Patience = Patience(),
        index: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cluster = cluster
        self._patience = patience
        self._index = index
        self._sleep = sleep
        self._chunk_bytes = CHUNK_BYTES
        self._known: tuple[float, Layout] | None = None
        self._unseen: list[tuple[Layout, list[str]]] = []
        # The waits between tries are ours; one try of the transport is one request.
        self._client = cluster.client.options(max_retries=0, request_timeout=120)

    def write(self, items: Iterable[Item]) -> dict[str, str]:
        """Write `items`; of two with one id the later one stays.

        Returns:
            The reason by id for each item that was refused.

        Raises:
            EngineError: when the server takes nothing; what is written so far stays, and everything can be written again.
        """
        refused: dict[str, str] = {}
        under_way: deque[tuple[set[str], Future[dict[str, str]]]] = deque()
        with ThreadPoolExecutor(_IN_FLIGHT) as pool:
            for chunk in self._chunks(items):
                ids = {item.id for item in chunk}
                while under_way and (len(under_way) >= _IN_FLIGHT or any(ids & others for others, _ in under_way)):
                    refused |= under_way.popleft()[1].result()
                under_way.append((ids, pool.submit(self._deliver, chunk)))
            while under_way:
                refused |= under_way.popleft()[1].result()
        self._look_behind()
        return refused

    def _chunks(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        chunk: dict[str, Item] = {}
        size = 0
        for item in items:
            if chunk and (item.id in chunk or len(chunk) >= CHUNK_DOCUMENTS or size + item.size > self._chunk_bytes):
                yield list(chunk.values())
                chunk, size = {}, 0
            chunk[item.id] = item
            size += item.size
        if chunk:
            yield list(chunk.values())

    # -- one chunk ----------------------------------------------------------------------------------------------------------------

    def _deliver(self, items: Sequence[Item]) -> dict[str, str]:
        refused: dict[str, str] = {}
        waiting = list(items)
        wait = _Wait(self._cluster, self._patience, self._sleep)
        limit = self._chunk_bytes
        layout: Layout | None = None
        while waiting:
            batch, rest = _split(waiting, limit)
            try:
                layout = self._layout() if self._index is None else None
                destinations = self._destinations(batch, layout)
                answer = self._client.bulk(operations=_operations(batch, destinations))
            except ApiError as error:
                if error.status_code == _TOO_LARGE and len(batch) > 1:
                    limit = max(item_bytes(batch) // 2, 1)
                    continue
                if error.status_code == _TOO_LARGE:
                    refused[batch[0].id] = f"it is larger than the server takes ({batch[0].size} bytes)"
                    waiting = rest
                    continue
                if error.status_code not in (_TOO_MUCH, _UNAVAILABLE) or FLOODED in str(error):
                    raise self._cluster.readable(error) from error
                limit = self._smaller(limit)
                wait.busy(error)
                continue
            except (TransportConnectionError, ConnectionTimeout) as error:
                wait.away(error)
                continue
            except TransportError as error:
                raise self._cluster.readable(error) from error
            again: list[Item] = []
            too_much = False
            for item, entry in zip(batch, answer["items"], strict=True):
                outcome = next(iter(entry.values()))
                verdict = self._verdict(outcome, layout)
                if verdict is _AGAIN:
                    again.append(item)
                    too_much = too_much or outcome["status"] == _TOO_MUCH
                elif verdict is not None:
                    refused[item.id] = verdict
            if layout is not None:
                written = [item.id for item in batch if item.id not in refused and item.source is not None]
                if len(layout.read) > 1:
                    self._undouble(written, layout)
                self._unseen.append((layout, written))
            if again:
                self._known = None
            waiting = again + rest
            if len(again) < len(batch):
                wait.progress()
            if too_much:
                limit = self._smaller(limit)
            if again:
                wait.busy(None)
        return refused

    def _smaller(self, limit: int) -> int:
        """A server that has too much to do gets smaller requests, from all threads."""
        self._chunk_bytes = max(_SMALLEST_CHUNK, min(limit, self._chunk_bytes) // 2)
        return self._chunk_bytes

    def _destinations(self, batch: Sequence[Item], layout: Layout | None) -> list[str]:
        if layout is None:
            assert self._index is not None
            return [self._index] * len(batch)
        if layout.write is None:
            raise EngineError(f"the index {self._cluster.write_alias} is missing", "Repeat the command; it is created then")
        homes = self.homes([item.id for item in batch], layout)
        return [homes.get(item.id, [layout.write])[0] for item in batch]

    def homes(self, ids: Sequence[str], layout: Layout) -> dict[str, list[str]]:
        """By id: the physical indices that hold it now (also what no search sees yet), oldest first.

        With one index there is nothing to ask: everything goes there.
        """
        if len(layout.read) < 2:
            return {}
        found: dict[str, list[str]] = {}
        wanted = [{"_index": name, "_id": article_id} for article_id in ids for name in layout.read]
        for start in range(0, len(wanted), 10_000):
            for entry in self._client.mget(docs=wanted[start : start + 10_000], source=False)["docs"]:
                if entry.get("found"):
                    found.setdefault(entry["_id"], []).append(entry["_index"])
        return found

    def _layout(self) -> Layout:
        """The physical indices, as the server said it at most a second ago."""
        if self._known is None or time.monotonic() - self._known[0] > _FRESH:
            self._known = time.monotonic(), self._cluster.layout()
        return self._known[1]

    def _look_behind(self) -> None:
        """Look again for what was written while an index began of which we did not know."""
        written, self._unseen = self._unseen, []
        if not written:
            return
        now = self._cluster.layout()
        for layout, ids in written:
            if layout.read != now.read and len(now.read) > 1:
                self._undouble(ids, now)

    def _undouble(self, ids: Sequence[str], layout: Layout) -> None:
        """Leave one document of each id where somebody else wrote the same new one into another index at the same time.

        That takes a roll-over between their look and ours; each looks again behind its own write, so the later one sees both.
        The document that was written last stays.
        """
        doubled = {article_id: names for article_id, names in self.homes(ids, layout).items() if len(names) > 1}
        for article_id, names in doubled.items():
            docs = self._client.mget(
                docs=[{"_index": name, "_id": article_id, "_source": ["indexed_at"]} for name in names],
            )["docs"]
            kept = [entry for entry in docs if entry.get("found")]
            kept.sort(key=lambda entry: (entry["_source"]["indexed_at"], number_of(entry["_index"])))
            for entry in kept[:-1]:
                self._client.options(ignore_status=(_NOT_FOUND, _CONFLICT)).delete(
                    index=entry["_index"], id=article_id, if_seq_no=entry["_seq_no"], if_primary_term=entry["_primary_term"]
                )

    def _verdict(self, outcome: Mapping[str, Any], layout: Layout | None) -> str | None:
        """None: written; _AGAIN: to be sent once more; else why it is refused."""
        status = outcome["status"]
        error = outcome.get("error")
        if error is None:  # also a delete of what is not there
            return None
        kind = error.get("type", "") if isinstance(error, dict) else ""
        reason = error.get("reason", "") if isinstance(error, dict) else str(error)
        if kind == "cluster_block_exception":
            if layout is not None and layout.building and FLOODED not in reason:
                now = self._cluster.layout()
                if now.building and self._cluster.rebuilder(now.building) is None:
                    self._cluster.abandon(now)  # it was killed
                return _AGAIN  # else a rebuild is about to exchange the indices
            if layout is not None and self._cluster.layout() != layout:
                return _AGAIN
            raise self._cluster.blocked(reason)
        if kind == "index_not_found_exception":
            if layout is None or self._cluster.layout() == layout:
                raise EngineError(f"the index {outcome.get('_index')} is missing", "Repeat the command; it is created then")
            return _AGAIN
        if status in (_TOO_MUCH, _UNAVAILABLE):
            return _AGAIN
        cause = (error.get("caused_by") or {}).get("reason", "") if isinstance(error, dict) else ""
        return " ".join(f"{kind}: {reason} {cause}".split())[:500]


_AGAIN = "\0again"


class _Wait:
    """Waits longer and longer between tries, up to the patience."""

    def __init__(self, cluster: Cluster, patience: Patience, sleep: Callable[[float], None]) -> None:
        self._cluster, self._patience, self._sleep = cluster, patience, sleep
        self.progress()

    def progress(self) -> None:
        self._waited, self._next = 0.0, self._patience.first

    def busy(self, error: ApiError | None) -> None:
        if self._waited >= self._patience.busy:
            if error is not None:
                raise self._cluster.readable(error) from error
            layout = self._cluster.layout()
            if layout.building:
                raise EngineError(
                    f"Elasticsearch at {self._cluster.address} takes no writes while a reindex ends",
                    "Repeat the command; if the reindex was killed, run diembao reindex again",
                )
            raise EngineError(
                f"Elasticsearch at {self._cluster.address} has too much to do", "Repeat the command later; what waits on disk stays there"
            )
        self._pause()

    def away(self, error: TransportError) -> None:
        if self._waited >= self._patience.away:
            raise self._cluster.readable(error) from error
        self._pause()

    def _pause(self) -> None:
        seconds = self._next * random.uniform(0.5, 1)
        self._sleep(seconds)
        self._waited += self._next
        self._next = min(self._next * 2, self._patience.longest)


def item_bytes(items: Sequence[Item]) -> int:
    """Bytes of a request with `items`, about."""
    return sum(item.size for item in items)


def _split(items: list[Item], limit: int) -> tuple[list[Item], list[Item]]:
    """The first items up to `limit` bytes, at least one; and the rest."""
    size = 0
    for count, item in enumerate(items):
        size += item.size
        if count and size > limit:
            return items[:count], items[count:]
    return items, []


def _operations(items: Sequence[Item], destinations: Sequence[str]) -> list[Any]:
    lines = []
    for item, index in zip(items, destinations, strict=True):
        lines.append(encode({"delete" if item.source is None else "index": {"_index": index, "_id": item.id}}))
        if item.source is not None:
            lines.append(item.source)
    return lines
