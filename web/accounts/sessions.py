"""Sessions kept by the server, and the tokens of forms that belong to them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, or_, select

from diembao.state import State, UserRecord, UserSession
from web.accounts.users import User, user_of

IDLE: Final = timedelta(hours=8)
"""A session in which nothing was asked for so long has ended."""
LONGEST: Final = timedelta(days=7)
"""No session lasts longer, however busy."""
_NOTED: Final = timedelta(minutes=1)
_LONGEST_ID = 100
# In this order: each browser also names those behind it.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("coc_coc_browser", "Cốc Cốc"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Version", "Safari"),
)
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux"))
_LONGEST_AGENT = 300


@dataclass(frozen=True)
class OpenSession:
    """A browser that is logged in, as its user sees it.

    Attributes:
        key: beginning of the hash of its id: names it, and opens nothing.
        created_at, seen_at: aware UTC; `seen_at` is exact to a minute.
        address, agent: of the browser at login.
    """

    key: str
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str


def begin_session(state: State, user: User, now: datetime, address: str, agent: str, *, instead_of: str = "") -> str:
    """A new session of `user`; its id for the cookie. Always a new id, whatever the browser brought.

    Args:
        state: keeps it.
        user: who logged in.
        now: aware UTC.
        address: of the browser; shown to the user.
        agent: what the browser calls itself; shown to the user.
        instead_of: id that the browser brought: that session ends.
    """
    session_id = secrets.token_urlsafe(32)
    with state.session() as session:
        session.execute(delete(UserSession).where(or_(UserSession.id_hash == _hash(instead_of), _is_over(now))))
        session.add(
            UserSession(
                id_hash=_hash(session_id),
                user=user.name,
                created_at=now,
                seen_at=now,
                address=address[:64],
                agent="".join(letter if letter.isprintable() else " " for letter in agent[:_LONGEST_AGENT]),
            )
        )
    return session_id


def user_of_session(state: State, session_id: str, now: datetime) -> User | None:
    """Who is logged in with the id of a cookie; None: unknown, ended, or the user is disabled. Raises StateError."""
    if not 0 < len(session_id) <= _LONGEST_ID:
        return None
    wanted = select(UserSession, UserRecord).join(UserRecord, UserRecord.name == UserSession.user)
    with state.session() as session:
        found = session.execute(wanted.where(UserSession.id_hash == _hash(session_id))).tuples().first()
        if found is None:
            return None
        kept, row = found
        if row.disabled_at is not None or now >= kept.seen_at + IDLE or now >= kept.created_at + LONGEST:
            return None
        if now >= kept.seen_at + _NOTED:
            kept.seen_at = now
        return user_of(row)


def end_session(state: State, session_id: str) -> None:
    """Log out the browser with this id. Raises StateError."""
    with state.session() as session:
        session.execute(delete(UserSession).where(UserSession.id_hash == _hash(session_id)))


def end_session_of(state: State, name: str, key: str) -> None:
    """End the session of the user `name` that is shown as `key`; somebody else's stays. Raises StateError."""
    with state.session() as session:
        for row in session.scalars(select(UserSession).where(UserSession.user == name)):
            if session_key(row.id_hash) == key:
                session.delete(row)


def sessions_of(state: State, name: str, now: datetime) -> list[OpenSession]:
    """The sessions of a user, the last used first. Raises StateError."""
    wanted = select(UserSession).where(UserSession.user == name, ~_is_over(now)).order_by(UserSession.seen_at.desc(), UserSession.id_hash)
    with state.session() as session:
        return [
            OpenSession(session_key(row.id_hash), row.created_at, row.seen_at, row.address, row.agent) for row in session.scalars(wanted)
        ]


def browser_name(agent: str) -> str:
    """What people call the browser that calls itself `agent`; its own words when it is none of the well-known ones.

    >>> browser_name("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36")
    'Chrome 140 · Windows'
    """
    for mark, name in _BROWSERS:
        found = re.search(rf"{mark}/(\d+)", agent)
        if found:
            system = next((shown for part, shown in _SYSTEMS if part in agent), "")
            return f"{name} {found[1]}" + (f" · {system}" if system else "")
    return agent


def session_key(id_hash: str) -> str:
    """What names a session to people, from the hash of its id."""
    return id_hash[:12]


def key_of_id(session_id: str) -> str:
    """What names the session with this id to people."""
    return session_key(_hash(session_id))


def form_token(binding: str) -> str:
    """A token for a form, bound to `binding`: the id of a session, which no other site and no other session knows.

    Each one has its own salt: pages are compressed, and a token that stayed the same could be guessed from their lengths (BREACH).
    """
    salt = secrets.token_urlsafe(12)
    return f"{salt}.{_signed(binding, salt)}"


def is_form_token(token: str, binding: str) -> bool:
    """Whether `token` was made for `binding`; nothing was made for the empty one."""
    salt, _, signature = token[:200].partition(".")
    expected = _signed(binding, salt)
    return bool(binding) and hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode())


def _signed(binding: str, salt: str) -> str:
    key = binding.encode("utf-8", "replace")
    return hmac.new(key, b"form\0" + salt.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode("utf-8", "replace")).hexdigest()


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(UserSession.seen_at <= now - IDLE, UserSession.created_at <= now - LONGEST)
