"""Looks at outlets that staff asked for on the desk: in a process of its own each, kept in the state with its progress and its result."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crawlers.inspection import Inspection
from crawlers.looking import look
from diembao.clock import Clock
from diembao.errors import DiembaoError, UsageError
from diembao.settings import Settings
from diembao.state import Progress, State

SECONDS = 150.0
"""For one outlet; a check without a sign of life for longer was ended with its server."""
_LOST_AFTER = timedelta(seconds=SECONDS + 60)
AT_ONCE = 3
_KEPT = timedelta(days=30)
_MOST_LINES = 60
_WORK = "source-check:"
_log = logging.getLogger(__name__)

CheckState = Literal["running", "done", "failed", "applied"]


@dataclass(frozen=True)
class Check:
    """One look at an outlet.

    Attributes:
        key: names it in addresses.
        source: id of the entry; empty for an outlet that has none yet.
        url: address that was given for a new outlet.
        province: that a new outlet is said to be at home in.
        by: who asked.
        state: `applied`: its result was written into the registry.
        asked: addresses that were asked for so far.
        result: the Inspection as JSON; empty until it is done.
        error: why it failed.
        begun_at, changed_at: aware UTC.
    """

    key: str
    source: str
    url: str
    province: str
    by: str
    state: CheckState
    begun_at: datetime
    changed_at: datetime
    asked: tuple[str, ...] = ()
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def inspection(self) -> Inspection | None:
        """What was seen; None until it is done."""
        return Inspection.from_record(self.result) if self.result else None


def begin_check(settings: Settings, state: State, clock: Clock, by: str, *, source: str = "", url: str = "", province: str = "") -> Check:
    """Begin to look at an entry, or at an outlet that has none; a check of the same that goes on is given instead.

    Raises:
        UsageError: when AT_ONCE checks go on already.
        StateError: when the database fails.
    """
    now = clock()
    with state.session() as session:
        session.execute(delete(Progress).where(Progress.work.startswith(_WORK), Progress.updated_at < now - _KEPT))
        going = [one for one in _all(session, now) if one.state == "running"]
        if same := next((one for one in going if (one.source, one.url) == (source, url)), None):
            return same
        if len(going) >= AT_ONCE:
            raise UsageError(f"{len(going)} outlets are being looked at", "Wait until one is done")
        check = Check(secrets.token_hex(8), source, url, province, by, "running", now, now)
        _keep(session, check)
    arguments = ["--source", source] if source else ["--url", url, *(["--province", province] if province else [])]
    thread = threading.Thread(target=_run, args=(settings, state, clock, check, arguments), name=f"check-{check.key}", daemon=True)
    thread.start()
    return check


def find_check(state: State, key: str, now: datetime) -> Check | None:
    """The check called `key`; None when there is none. Raises StateError."""
    with state.session() as session:
        row = session.get(Progress, _WORK + key)
        return _of(row, now) if row is not None else None


def last_check(state: State, source: str, now: datetime) -> Check | None:
    """The last check of the entry `source`. Raises StateError."""
    with state.session() as session:
        return next((one for one in _all(session, now) if one.source == source), None)


def mark_applied(session: Session, check: Check, source: str, now: datetime) -> None:
    """Note that the result was written into the entry `source`."""
    _keep(session, replace(check, state="applied", source=source, changed_at=now))


def _run(settings: Settings, state: State, clock: Clock, check: Check, arguments: list[str]) -> None:
    asked: list[str] = []

    def keep(**changes: Any) -> None:
        with state.session() as session:
            _keep(session, replace(check, asked=tuple(asked[-_MOST_LINES:]), changed_at=clock(), **changes))

    def asks(address: str) -> None:
        asked.append(address)
        _quietly(keep)

    try:
        seen = look(settings, arguments, SECONDS, asks)
    except DiembaoError as error:
        end: dict[str, Any] = {"state": "failed", "error": str(error)}
    except Exception as error:  # noqa: BLE001 - a thread that dies silently would leave the page waiting
        _log.exception("checking %s", check.source or check.url)
        end = {"state": "failed", "error": f"{type(error).__name__}: {error}"[:300]}
    else:
        end = {"state": "done", "result": seen.to_record()}
    _quietly(lambda: keep(**end))


def _quietly(keep: Callable[[], None]) -> None:
    """The database may be away or closed while a check runs; the page then says that it was lost."""
    try:
        keep()
    except DiembaoError as error:
        _log.warning("a check cannot be kept: %s", error)


def _all(session: Session, now: datetime) -> list[Check]:
    rows = session.scalars(select(Progress).where(Progress.work.startswith(_WORK)))
    return sorted((_of(row, now) for row in rows), key=lambda one: one.begun_at, reverse=True)


def _keep(session: Session, check: Check) -> None:
    record = asdict(check) | {"begun_at": check.begun_at.isoformat(), "changed_at": check.changed_at.isoformat()}
    session.merge(Progress(work=_WORK + check.key, target=check.source[:64], cursor=record, updated_at=check.changed_at))


def _of(row: Progress, now: datetime) -> Check:
    moments = {name: datetime.fromisoformat(row.cursor[name]) for name in ("begun_at", "changed_at")}
    check = Check(**{**row.cursor, **moments, "asked": tuple(row.cursor["asked"])})
    if check.state == "running" and now - check.begun_at > _LOST_AFTER:
        return replace(check, state="failed", error="the server was started anew meanwhile")
    return check
