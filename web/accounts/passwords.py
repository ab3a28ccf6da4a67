"""Passwords: argon2id, hashed anew when the parameters rise; which ones are good enough."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from web.accounts.problems import AccountError

SHORTEST, LONGEST = 12, 256
"""Characters of a password."""
_MOST_AT_ONCE = 4
_FEWEST_DIFFERENT = 5
_HINT = "Take four words that do not belong together, or let a password manager make one"


@dataclass(frozen=True)
class Verdict:
    """Whether a password is right, and its hash with today's parameters when the kept one has older ones."""

    is_right: bool
    renewed: str | None = None


class Passwords:
    """Hashes and checks passwords; used from several threads at once.

    Args:
        hasher: argon2id with its parameters; by default those of RFC 9106 for little memory (64 MiB, 3 passes).
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # Each hash takes 64 MiB: a flood of logins waits instead of filling the memory.
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)

    @cached_property
    def _of_nobody(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """The hash to keep; two of the same password differ."""
        with self._places:
            return self._hasher.hash(_normal(password))

    def check(self, password: str, known: str | None) -> Verdict:
        """Whether `password` is the one that was hashed to `known`.

        Where there is none (an unknown name) a password that nobody has is checked: the answer takes as long as for a wrong one.
        """
        given = _normal(password[:LONGEST])
        with self._places:
            try:
                self._hasher.verify(known or self._of_nobody, given)
            except (VerificationError, InvalidHashError):
                return Verdict(False)
            if known is None or len(password) > LONGEST:
                return Verdict(False)
            return Verdict(True, self._hasher.hash(given) if self._hasher.check_needs_rehash(known) else None)


def checked_password(password: str, name: str) -> str:
    """`password` when it is good enough for the user `name`. Length is what counts; nobody has to think of special characters.

    Raises:
        AccountError: when it is too short, too long, holds the name, or is a few characters repeated.
    """
    plain = _normal(password)
    if len(plain) < SHORTEST:
        raise AccountError("short", f"the password is shorter than {SHORTEST} characters", _HINT)
    if len(password) > LONGEST:
        raise AccountError("long", f"the password is longer than {LONGEST} characters", "Take a shorter one")
    if name.casefold() in plain.casefold() and len(plain) - len(name) < SHORTEST:
        raise AccountError("of_name", "the password is made of the user's name", _HINT)
    if len(set(plain.casefold())) < _FEWEST_DIFFERENT:
        raise AccountError("few", "the password is made of a few characters only", _HINT)
    return password


def _normal(password: str) -> str:
    # A keyboard may send ẫ as one character or as three; surrogates cannot be encoded.
    return unicodedata.normalize("NFKC", password.encode("utf-8", "replace").decode())
