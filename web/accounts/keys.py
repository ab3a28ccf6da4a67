"""API keys: what another program shows instead of logging in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from diembao.audit import record
from diembao.state import ApiKey, State
from web.accounts.problems import AccountError

SCOPES: Final = ("search", "alerts", "feedback", "admin")
"""Find and count articles; read alerts; bring in citizens' feedback; read users, keys and the audit log."""
LONGEST_LIFE: Final = timedelta(days=730)
MOST_PER_MINUTE: Final = 6000
_PREFIX = "diembao"
_NOTED = timedelta(minutes=1)
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Key:
    """A key as it is shown: never the key itself.

    Attributes:
        id: its readable beginning.
        name: what it is for.
        scopes: what it may do.
        per_minute: requests a minute.
        created_by, created_at: who made it and when.
        expires_at: from then on it is refused.
        last_used_at: exact to a minute; None: never.
        revoked_at: since when it is refused; None: it is not.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    per_minute: int
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def add_key(
    state: State, name: str, scopes: Iterable[str], life: timedelta, now: datetime, by: str, per_minute: int = 120
) -> tuple[Key, str]:
    """A new key, and its text, which is shown this once and kept nowhere.

    Raises:
        AccountError: when the name is empty, a scope is not known, or life or rate are out of bounds.
    """
    name = " ".join(name.split())[:_LONGEST_NAME]
    wanted = tuple(dict.fromkeys(scopes))
    if not name:
        raise AccountError("key_name", "the key needs a name", "Name the program that will use it")
    if not wanted or (unknown := [scope for scope in wanted if scope not in SCOPES]):
        raise AccountError(
            "key_scope", f"{unknown[0]!r} is no scope" if wanted else "the key needs a scope", f"Scopes: {', '.join(SCOPES)}"
        )
    if not timedelta() < life <= LONGEST_LIFE:
        raise AccountError("key_life", "that life of a key is not possible", f"Choose 1 to {LONGEST_LIFE.days} days")
    if not 1 <= per_minute <= MOST_PER_MINUTE:
        raise AccountError("key_rate", "that number of requests a minute is not possible", f"Choose 1 to {MOST_PER_MINUTE}")
    key_id = secrets.token_hex(6)
    text = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    row = ApiKey(
        id=key_id,
        name=name,
        key_hash=_hash(text),
        scopes=" ".join(wanted),
        per_minute=per_minute,
        created_by=by,
        created_at=now,
        expires_at=now + life,
    )
    with state.session() as session:
        session.add(row)
        session.flush()
        key = _key_of(row)
        after = {"name": name, "scopes": list(wanted), "per_minute": per_minute, "expires_at": key.expires_at.isoformat()}
        record(session, now, by, "key.add", key_id, after=after)
    return key, text


def revoke_key(state: State, key_id: str, now: datetime, by: str) -> None:
    """Refuse a key from now on.

    Raises:
        AccountError: when there is no such key.
    """
    with state.session() as session:
        row = session.get(ApiKey, key_id[:16])
        if row is None:
            raise AccountError("no_key", f"there is no key {key_id!r}", "The page of keys shows them")
        if row.revoked_at is None:
            row.revoked_at = now
            record(session, now, by, "key.revoke", row.id, before={"name": row.name})


def all_keys(state: State) -> list[Key]:
    """Every key, the newest first, also those that are refused. Raises StateError."""
    with state.session() as session:
        return [_key_of(row) for row in session.scalars(select(ApiKey).order_by(ApiKey.created_at.desc(), ApiKey.id))]


def find_key(state: State, text: str, now: datetime) -> Key | None:
    """The key with this text; None: unknown, expired or revoked. Raises StateError."""
    prefix, _, rest = text[:200].partition("_")
    key_id, separator, _ = rest.partition("_")
    if prefix != _PREFIX or not separator:
        return None
    with state.session() as session:
        row = session.get(ApiKey, key_id)
        if row is None or not hmac.compare_digest(row.key_hash, _hash(text)):
            return None
        if row.revoked_at is not None or row.expires_at <= now:
            return None
        if row.last_used_at is None or now >= row.last_used_at + _NOTED:
            row.last_used_at = now
        return _key_of(row)


class Rates:
    """Counts the requests of each key in each minute; for one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, int]] = {}

    def wait(self, key: Key, now: datetime) -> int:
        """Count a request; 0, or the seconds until the next one is answered."""
        minute, second = divmod(int(now.timestamp()), 60)
        with self._lock:
            last, count = self._counts.get(key.id, (minute, 0))
            count = count + 1 if last == minute else 1
            self._counts[key.id] = (minute, count)
        return 0 if count <= key.per_minute else 60 - second


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _key_of(row: ApiKey) -> Key:
    return Key(
        row.id,
        row.name,
        tuple(row.scopes.split()),
        row.per_minute,
        row.created_by,
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
    )
