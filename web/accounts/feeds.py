"""Signed addresses of feeds: a feed reader cannot log in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from diembao.state import State, UserRecord
from web.accounts.users import User, user_of

_SECRET = "feeds"  # noqa: S105 - the name of a row
_LONGEST = 300


def feed_token(state: State, user: User) -> str:
    """What opens the feeds in the name of `user` until all of the user's sessions are ended. Raises StateError."""
    name = base64.urlsafe_b64encode(user.name.encode()).decode().rstrip("=")
    return f"{name}.{_signature(state, user.name, user.epoch)}"


def user_of_feed(state: State, token: str) -> User | None:
    """Whose address a feed was asked for with; None: forged, void, or the user is disabled. Raises StateError."""
    encoded, _, signature = token[:_LONGEST].partition(".")
    try:
        name = base64.urlsafe_b64decode(encoded.encode() + b"=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    with state.session() as session:
        row = session.get(UserRecord, name)
        user = None if row is None or row.disabled_at is not None else user_of(row)
    if user is None or not hmac.compare_digest(signature.encode("utf-8", "replace"), _signature(state, user.name, user.epoch).encode()):
        return None
    return user


def _signature(state: State, name: str, epoch: int) -> str:
    return hmac.new(state.secret(_SECRET), f"{name}\0{epoch}".encode(), hashlib.sha256).hexdigest()
