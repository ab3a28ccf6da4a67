"""The connection to one Elasticsearch, the names of our indices in it, and its errors as lines that a person can act on."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from elastic_transport import ConnectionError as TransportConnectionError
from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch, NotFoundError, UnsupportedProductError
from elasticsearch.serializer import JsonSerializer

from diembao.errors import ConfigError, EngineError, EngineUnusableError
from index.elasticsearch_mapping import SCHEMA_VERSION, index_pattern, read_alias, write_alias

LEASE = 300
"""Seconds after which a rebuild that gave no sign of life counts as interrupted."""
FLOODED = "flood-stage watermark"


@dataclass(frozen=True)
class Layout:
    """The physical indices of an installation at one moment.

    Attributes:
        read: those that hold the articles, oldest first; each article is in exactly one of them.
        write: where articles go that are new; None when nothing is created yet.
        building: what a rebuild is filling (or an interrupted one left behind); invisible to searches.
        leaving: what a rebuild has replaced; searches that began before may still ask it.
        unused: what else begins with our name.
    """

    read: tuple[str, ...]
    write: str | None
    building: tuple[str, ...]
    leaving: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def next_number(self) -> int:
        """The number of the next physical index; none is used twice."""
        return max(map(number_of, (*self.read, *self.building, *self.leaving, *self.unused)), default=0) + 1


def number_of(name: str) -> int:
    """The number at the end of the name of a physical index.

    >>> number_of("diembao-articles-v3-000012")
    12
    """
    found = re.search(r"-(\d+)$", name)
    return int(found.group(1)) if found else 0


class _QuickReader(JsonSerializer):
    """The client's JSON, read in a fifth of the time: answers hold tens of thousands of numbers."""

    def json_loads(self, data: bytes) -> Any:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            return json.loads(data)  # which lets half of a pair of UTF-16 pass


class Cluster:
    """One Elasticsearch and our names in it.

    Args:
        address: `http://host:9200` or `https://user:password@host:9200`. A path is the prefix of the index names (default
            `diembao`); `?ca=FILE` names the certificate of the authority that signed the server's.

    Raises:
        ConfigError: when the address cannot be used.
    """

    def __init__(self, address: str) -> None:
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
        self.read_alias = read_alias(prefix)
        self.write_alias = write_alias(prefix)
        self.building_alias = f"{prefix}-articles-building"
        self.leaving_alias = f"{prefix}-articles-leaving"
        self.pattern = index_pattern(prefix)
        options: dict[str, Any] = {"serializers": {"application/json": _QuickReader()}}
        if parts.username:
            # The client encodes a pair as ASCII; passwords may be Vietnamese.
            secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            options["basic_auth"] = base64.b64encode(secret.encode()).decode()
        if authority := parse_qs(parts.query).get("ca"):
            if not Path(authority[0]).is_file():
                raise ConfigError(f"the certificate {authority[0]} of DIEMBAO_INDEX does not exist", "Name the file behind ?ca=")
            options["ca_certs"] = authority[0]
        try:
            self.client = Elasticsearch(self.address, request_timeout=60, max_retries=2, retry_on_timeout=True, **options)
        except (ValueError, OSError) as error:
            raise ConfigError(f"DIEMBAO_INDEX cannot be used: {error}", "Write it like https://user:password@host:9200") from error

    # -- names --------------------------------------------------------------------------------------------------------------------

    def physical(self, number: int) -> str:
        """The name of the physical index `number`."""
        return f"{self.prefix}-articles-v{SCHEMA_VERSION}-{number:06}"

    def layout(self) -> Layout:
        """Which physical indices there are, as the server says it now.

        Completes a roll-over, whoever did it: the new index is read from when it can be, before the first article goes into it.
        """
        layout = self._as_it_is()
        if layout.write is None or layout.write in layout.read:
            return layout
        self.client.cluster.health(index=layout.write, wait_for_active_shards="1", timeout="60s")
        self.client.indices.put_alias(index=layout.write, name=self.read_alias)
        return self._as_it_is()

    def _as_it_is(self) -> Layout:
        found: Mapping[str, Any] = self.client.indices.get_alias(index=self.pattern, allow_no_indices=True).body
        read: list[str] = []
        building: list[str] = []
        leaving: list[str] = []
        unused: list[str] = []
        write = None
        for name in sorted(found, key=number_of):
            aliases = found[name]["aliases"]
            if aliases.get(self.write_alias, {}).get("is_write_index"):
                write = name
            kinds = ((self.building_alias, building), (self.read_alias, read), (self.leaving_alias, leaving))
            next((names for alias, names in kinds if alias in aliases), unused).append(name)
        return Layout(tuple(read), write, tuple(building), tuple(leaving), tuple(unused))

    # -- an interrupted rebuild ---------------------------------------------------------------------------------------------------

    def lease(self) -> dict[str, Any]:
        """What a rebuild writes into the index that it fills, as its sign of life."""
        return {"host": socket.gethostname(), "process": os.getpid(), "at": int(time.time())}

    def rebuilder(self, building: tuple[str, ...]) -> str | None:
        """Who is rebuilding ("process 12 on host"), or None when whoever began it is gone."""
        for found in self.client.indices.get_mapping(index=list(building), ignore_unavailable=True).values():
            lease = found["mappings"].get("_meta", {}).get("rebuild", {})
            here = lease.get("host") == socket.gethostname()
            if here and not _runs(int(lease["process"])):
                continue
            if time.time() - lease.get("at", 0) < LEASE:
                return f"process {lease['process']} on {lease['host']}"
        return None

    def abandon(self, layout: Layout) -> None:
        """Take away what an interrupted rebuild left: its unfinished indices, and its hold on writing.

        `layout` may be of a moment ago: an index that has come into use meanwhile is never taken away, because the request
        that claims it demands that it still is being built, as the exchange does; nor is the hold on writing lifted then.
        """
        actions: list[dict[str, Any]] = []
        for name in layout.building:
            actions += [
                {"remove": {"index": name, "alias": self.building_alias, "must_exist": True}},
                {"add": {"index": name, "alias": self.leaving_alias}},
            ]
        if actions:
            try:
                self.client.indices.update_aliases(actions=actions)
            except NotFoundError:
                return
            self.client.indices.delete(index=list(layout.building), ignore_unavailable=True)
        if layout.read:
            self.client.indices.put_settings(index=list(layout.read), settings={"index.blocks.write": None})

    def dismiss(self, leaving: tuple[str, ...]) -> bool:
        """Take away what a rebuild has replaced, once no search or scan that began before asks it; False: one still does."""
        if not leaving:
            return True
        stats = self.client.indices.stats(index=list(leaving), metric="search")
        if stats["_all"]["total"].get("search", {}).get("open_contexts", 0):
            return False
        self.client.indices.delete(index=list(leaving), ignore_unavailable=True)
        return True

    # -- errors -------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what the client raises into an EngineError."""
        try:
            yield
        except (ApiError, TransportError, UnsupportedProductError) as error:
            raise self.readable(error) from error

    def readable(self, error: Exception) -> EngineError:
        """`error` as one line that says what to do."""
        where = f"Elasticsearch at {self.address}"
        if isinstance(error, UnsupportedProductError):
            return EngineError(f"what answers at {self.address} is not Elasticsearch", "Check DIEMBAO_INDEX")
        if isinstance(error, AuthenticationException):
            return EngineUnusableError(f"{where} refuses the user or the password", "Check DIEMBAO_INDEX (https://user:password@host:9200)")
        if isinstance(error, ApiError) and "cluster_block" in str(error):
            return self.blocked(str(error))
        if isinstance(error, AuthorizationException):
            return EngineUnusableError(f"{where} does not allow this user to do that", "Give the user the rights of docs/production.md")
        if isinstance(error, ConnectionTimeout):
            return EngineError(f"{where} did not answer in time", "Look at the load of the server and repeat the command")
        if isinstance(error, TransportConnectionError):
            return EngineError(f"{where} cannot be reached: {_one_line(error)}", "Start it, or check DIEMBAO_INDEX")
        if isinstance(error, ApiError) and error.status_code == 429:
            return EngineError(f"{where} has too much to do", "Repeat the command later; what waits on disk stays there")
        return EngineError(f"{where} failed: {_one_line(error)}", "Look into the log of the server")

    def blocked(self, reason: str) -> EngineError:
        """The line for an index that takes no writes; `reason` is the server's."""
        where = f"Elasticsearch at {self.address}"
        if FLOODED in reason:
            return EngineError(
                f"{where} takes no writes: its disk is nearly full ({FLOODED})",
                "Free disk space on the server; it lifts the block by itself, and what waits is written then",
            )
        return EngineError(
            f"{where} takes no writes: the index is read-only", "Lift index.blocks.write or index.blocks.read_only (docs/production.md)"
        )


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _one_line(error: Exception) -> str:
    """What went wrong; of a chain of connection errors the last one, which says why."""
    text = " ".join(str(error).split())
    found = re.findall(r"\[Errno -?\d+\] ([^()\[\]]+)", text)
    return found[-1].strip() if found else text[:300]
