"""Logging in: who it is, and how often somebody may guess."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from diembao.audit import record
from diembao.errors import DiembaoError
from diembao.state import LoginFailure, State, UserRecord
from web.accounts.passwords import Passwords
from web.accounts.users import User, user_of

LONGEST_NAME: Final = 200
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=15)
_FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True)
class _Budget:
    """How many failures in a row are free; each one more doubles the wait."""

    free: int

    def wait(self, failures: int) -> timedelta:
        if failures < self.free:
            return timedelta()
        doublings = min(failures - self.free, 20)
        return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


_OF_NAME, _OF_ADDRESS = _Budget(5), _Budget(30)
"""An office shares one address, so an address may fail more often than a name."""


class TooManyTriesError(DiembaoError):
    """This name or address has to wait before the next try; said of names that do not exist too.

    Args:
        wait: how long.
    """

    def __init__(self, wait: timedelta) -> None:
        self.seconds = max(1, int(wait.total_seconds() + 0.999))
        super().__init__(f"too many failed logins; wait {self.seconds} s", "Then try again, or ask an admin for a new password")


def log_in(state: State, passwords: Passwords, name: str, password: str, address: str, now: datetime) -> User | None:
    """`proved_user`, and a row of the audit log. Raises TooManyTriesError."""
    user = proved_user(state, passwords, name, password, address, now)
    if user is not None:
        with state.session() as session:
            record(session, now, user.name, "login.done", user.name, after={"address": address})
    return user


def proved_user(state: State, passwords: Passwords, name: str, password: str, address: str, now: datetime) -> User | None:
    """The user with this name and password, or None: unknown, disabled or wrong, which nobody can tell apart.

    A try is counted before the password is looked at, so tries at the same moment cannot slip through together; a right one is
    taken off again. The counts stand in the database and survive a restart.

    Args:
        state: users and counts.
        passwords: checks them.
        name: as typed.
        password: as typed.
        address: network address of the browser.
        now: aware UTC.

    Raises:
        TooManyTriesError: before the password is looked at.
    """
    name = name[:LONGEST_NAME].strip().lower()
    of_name, of_address = _key("name", name), _key("address", network_of(address))
    with state.session() as session:
        waits = [_count(session, of_name, _OF_NAME, now), _count(session, of_address, _OF_ADDRESS, now)]
        if any(waits):
            raise TooManyTriesError(max(waits))
    with state.session() as session:
        row = session.get(UserRecord, name)
        user = None if row is None or row.disabled_at is not None else user_of(row)
        known = row.password_hash if row is not None and user is not None else None
    verdict = passwords.check(password, known)
    with state.session() as session:
        if user is None or not verdict.is_right:
            _tell_of_a_wait(session, of_name, name if user else "?", now)
            return None
        session.execute(delete(LoginFailure).where(LoginFailure.key == of_name))
        taken_off = {"failures": LoginFailure.failures - 1, "blocked_until": None}
        session.execute(update(LoginFailure).where(LoginFailure.key == of_address, LoginFailure.failures > 0).values(taken_off))
        if verdict.renewed:
            session.execute(
                update(UserRecord)
                .where(UserRecord.name == user.name, UserRecord.password_hash == known)
                .values(password_hash=verdict.renewed)
            )
    return user


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 one, which a single household gets.

    >>> network_of("2001:db8::1") == network_of("2001:db8::2"), network_of("::ffff:10.0.0.1")
    (True, '10.0.0.1')
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


def _key(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\0{value}".encode("utf-8", "replace")).hexdigest()


def _count(session: Session, key: str, budget: _Budget, now: datetime) -> timedelta:
    """Count a try; how long it has to wait instead."""
    connection: Connection = session.connection()
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # Writes first: from here on no other try is counted until this one is.
    session.execute(
        insert(LoginFailure).values(key=key, failures=0, failed_at=now).on_conflict_do_update(index_elements=["key"], set_={"key": key})
    )
    row = session.get_one(LoginFailure, key, populate_existing=True)
    if row.blocked_until is not None and row.blocked_until > now:
        return row.blocked_until - now
    row.failures = 1 if now - row.failed_at > _FORGOTTEN else row.failures + 1
    row.failed_at = now
    wait = budget.wait(row.failures)
    row.blocked_until = now + wait if wait else None
    session.flush()
    session.execute(delete(LoginFailure).where(LoginFailure.failed_at < now - _FORGOTTEN))
    return timedelta()


def _tell_of_a_wait(session: Session, key: str, name: str, now: datetime) -> None:
    """A row of the log when somebody begins to guess; what was typed for a name that nobody has may be a password, so it is not kept."""
    row = session.get(LoginFailure, key)
    if row is not None and row.failures == _OF_NAME.free:
        record(session, now, "", "login.blocked", name, after={"failures": row.failures})
