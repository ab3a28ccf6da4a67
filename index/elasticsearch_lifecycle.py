"""The life of the physical indices: template, aliases, roll-over, ILM and snapshots. What the cluster offers is asked, never assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import ApiError, AuthorizationException, BadRequestError, NotFoundError

from diembao.errors import EngineError, EngineUnusableError
from index.condition import Condition
from index.elasticsearch_cluster import Cluster, Layout, number_of
from index.elasticsearch_mapping import MAPPING, ROLLOVER, life_cycle, life_cycle_name, snapshot_policy, template

MAJOR_VERSION = "9"
_NOT_OFFERED = (400, 404, 405, 410)
"""What clusters without a feature answer: no handler for the address, or the API is not available."""


@dataclass(frozen=True)
class Offers:
    """What the cluster brings along, as its status says: "RUNNING", "STOPPED", "not permitted", or None where it has none."""

    life_cycle: str | None
    snapshot_life_cycle: str | None


class LifeCycle:
    """Creates and tends what the articles live in.

    Args:
        cluster: where.
        rollover: conditions of Elasticsearch's roll-over, any of which suffices.
    """

    def __init__(self, cluster: Cluster, rollover: Mapping[str, str] = ROLLOVER) -> None:
        self.cluster = cluster
        self.client = cluster.client
        self.rollover = dict(rollover)

    def check_server(self) -> str:
        """The version of the server. Raises EngineUnusableError when it is another than we need."""
        version = str(self.client.info()["version"]["number"])
        if version.split(".")[0] != MAJOR_VERSION:
            raise EngineUnusableError(
                f"Elasticsearch at {self.cluster.address} is version {version}; Điểm Báo needs version {MAJOR_VERSION}",
                "Upgrade the server, or use DIEMBAO_INDEX=sqlite",
            )
        return version

    def prepare(self) -> None:
        """Create what is missing and mend what an interrupted rebuild left; changes nothing the second time.

        Raises:
            EngineUnusableError: when the server or an index is of another version.
        """
        self.check_server()
        layout = self.cluster.layout()
        if layout.building and self.cluster.rebuilder(layout.building) is None:
            self.cluster.abandon(layout)
        if layout.read:
            self._check_mapping(layout)
        else:
            self._create(layout)

    def _check_mapping(self, layout: Layout) -> None:
        for name, found in self.client.indices.get_mapping(index=list(layout.read)).items():
            meta = found["mappings"].get("_meta", {})
            if any(meta.get(key) != value for key, value in MAPPING["_meta"].items()):
                raise EngineUnusableError(f"the index {name} was written by another version of Điểm Báo", "Run diembao reindex")

    def _create(self, layout: Layout) -> None:
        self.put_definitions()
        aliases: Mapping[str, Any] = {self.cluster.read_alias: {}, self.cluster.write_alias: {"is_write_index": True}}
        try:
            self.client.indices.create(index=self.cluster.physical(layout.next_number), aliases=aliases)
        except ApiError as error:
            if "resource_already_exists" not in str(error):
                raise

    def maintain(self) -> None:
        """Bring template and policies up to date, and begin a new physical index when it is due and the cluster does not do it."""
        self.prepare()
        self.cluster.dismiss(self.cluster.layout().leaving)
        offers = self.put_definitions()
        if offers.life_cycle is None:
            self.client.indices.rollover(alias=self.cluster.write_alias, conditions=self.rollover)
        elif offers.life_cycle != _NOT_PERMITTED:
            settings = {"index.lifecycle": {"name": life_cycle_name(self.cluster.prefix), "rollover_alias": self.cluster.write_alias}}
            self.client.indices.put_settings(index=list(self.cluster.layout().read), settings=settings)

    def managed(self) -> bool:
        """Whether the cluster rolls over by itself (ILM)."""
        return self.offers().life_cycle not in (None, _NOT_PERMITTED)

    def put_definitions(self) -> Offers:
        """Bring template and policies up to date; returns what the cluster offers."""
        offers = self.offers()
        prefix = self.cluster.prefix
        managed = offers.life_cycle not in (None, _NOT_PERMITTED)
        if managed:
            self.client.ilm.put_lifecycle(name=life_cycle_name(prefix), policy=life_cycle(self.rollover))
        self.client.indices.put_index_template(name=f"{prefix}-articles", **template(prefix, life_cycle=managed))
        repository = self._repository()
        if repository is not None and offers.snapshot_life_cycle not in (None, _NOT_PERMITTED):
            self.client.slm.put_lifecycle(policy_id=prefix, **snapshot_policy(prefix, self.repository_name))
        return offers

    def offers(self) -> Offers:
        """What the cluster brings along."""
        return Offers(self._status(self.client.ilm.get_status), self._status(self.client.slm.get_status))

    def _status(self, ask: Callable[[], Any]) -> str | None:
        try:
            return str(ask()["operation_mode"])
        except AuthorizationException:
            return _NOT_PERMITTED
        except ApiError as error:
            if error.status_code in _NOT_OFFERED:
                return None
            raise

    # -- snapshots ----------------------------------------------------------------------------------------------------------------

    @property
    def repository_name(self) -> str:
        """The snapshot repository that we use: of the name of our prefix, so that an office can register any kind under it."""
        return self.cluster.prefix

    def _repository(self) -> str | None:
        """The kind of our snapshot repository; created in the server's `path.repo` where it has one. None: there is none."""
        name = self.repository_name
        try:
            return str(self.client.snapshot.get_repository(name=name)[name]["type"])
        except AuthorizationException:
            return None
        except NotFoundError:
            pass
        try:
            self.client.snapshot.create_repository(name=name, repository={"type": "fs", "settings": {"location": name, "compress": True}})
        except (BadRequestError, AuthorizationException, ApiError):
            return None
        return "fs"

    def snapshot(self, now: datetime) -> str:
        """Take a snapshot of the physical indices and check it; returns "repository/snapshot".

        Raises:
            EngineError: when the cluster has no repository, or not every shard could be kept.
        """
        if self._repository() is None:
            raise EngineError(
                f"Elasticsearch at {self.cluster.address} has no snapshot repository {self.repository_name!r}",
                "Set path.repo on the server, or register a repository of that name (docs/production.md)",
            )
        layout = self.cluster.layout()
        name = f"{self.cluster.prefix}-{now:%Y%m%d-%H%M%S}"
        taken = self.client.options(request_timeout=3600).snapshot.create(
            repository=self.repository_name, snapshot=name, indices=list(layout.read), include_global_state=False, wait_for_completion=True
        )
        state = taken["snapshot"]["state"]
        if state != "SUCCESS" or sorted(taken["snapshot"]["indices"]) != sorted(layout.read):
            raise EngineError(f"the snapshot {self.repository_name}/{name} is {state}", "Look into the log of the server")
        return f"{self.repository_name}/{name}"

    # -- for diembao doctor -------------------------------------------------------------------------------------------------------

    def conditions(self) -> Iterator[Condition]:
        """How the parts are; changes nothing."""
        layout = self.cluster.layout()
        offers = self.offers()
        yield from self._indices(layout, offers)
        yield from self._blocks(layout)
        if layout.building:
            who = self.cluster.rebuilder(layout.building)
            if who is None:
                yield Condition("reindex", "warning", "an interrupted reindex left something behind", "Run diembao reindex again")
            else:
                yield Condition("reindex", "ok", f"at work: {who}")
        yield from self._snapshots(offers)

    def _indices(self, layout: Layout, offers: Offers) -> Iterator[Condition]:
        if not layout.read:
            return
        stats = self.client.indices.stats(index=list(layout.read), metric=["docs", "store"])["_all"]["primaries"]
        limits = " or ".join(f"{name.removeprefix('max_').replace('_', ' ')} {value}" for name, value in self.rollover.items())
        by = {None: "by monitor (this cluster has no ILM)", _NOT_PERMITTED: "by nobody"}.get(
            offers.life_cycle, f"by ILM, {str(offers.life_cycle).lower()}"
        )
        message = (
            f"{len(layout.read)} physical, newest {number_of(layout.write or layout.read[-1]):06}, "
            f"{stats['store']['size_in_bytes'] / 1024**3:.2f} GB; rolled over at {limits}, {by}"
        )
        if layout.write is None:
            yield Condition("indices", "broken", f"{message}; none takes new articles", "Run diembao reindex")
        elif offers.life_cycle == _NOT_PERMITTED:
            yield Condition("indices", "warning", message, "Give the user the cluster privilege manage_ilm, or roll over by hand")
        elif offers.life_cycle == "STOPPED":
            yield Condition("indices", "warning", message, "Start ILM: POST _ilm/start")
        else:
            yield Condition("indices", "ok", message)

    def _blocks(self, layout: Layout) -> Iterator[Condition]:
        if not layout.read or layout.building:
            return
        for name, found in self.client.indices.get_settings(index=list(layout.read), name="index.blocks.*", flat_settings=True).items():
            for setting, value in found["settings"].items():
                if value == "true":
                    advice = "Make room on the server's disk" if "allow_delete" in setting else f"Lift {setting}"
                    yield Condition("writing", "broken", f"{name} takes no writes ({setting})", advice)

    def _snapshots(self, offers: Offers) -> Iterator[Condition]:
        name = self.repository_name
        try:
            known = set(self.client.snapshot.get_repository(name="_all").body)
        except AuthorizationException:
            known = set()
        if name not in known:
            yield Condition(
                "snapshots",
                "warning",
                f"there is no snapshot repository {name!r}",
                "Set path.repo on the server, or register one of that name",
            )
            return
        if offers.snapshot_life_cycle in (None, _NOT_PERMITTED):
            what = "has no SLM" if offers.snapshot_life_cycle is None else "does not let this user see SLM"
            yield Condition("snapshots", "ok", f"repository {name!r}; this cluster {what}: diembao backup takes them")
            return
        try:
            policy = self.client.slm.get_lifecycle(policy_id=name)[name]
        except NotFoundError:
            yield Condition("snapshots", "warning", f"repository {name!r}, no SLM policy yet", "The next round of monitor creates it")
            return
        if "last_failure" in policy and policy.get("last_success", {}).get("time", 0) < policy["last_failure"]["time"]:
            yield Condition("snapshots", "broken", "the last nightly snapshot failed", f"GET _slm/policy/{name} says why")
        else:
            last = policy.get("last_success", {}).get("time_string", "none yet")
            state = str(offers.snapshot_life_cycle).lower()
            yield Condition("snapshots", "ok", f"repository {name!r}, nightly by SLM ({state}), last success: {last}")


_NOT_PERMITTED = "not permitted"
