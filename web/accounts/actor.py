"""Who asks: nobody yet, the open desk's reader, a user who is logged in, or a program with a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fastapi import Request

from web.accounts.users import ROLES, Role


@dataclass(frozen=True)
class Actor:
    """Who a request comes from.

    Attributes:
        via: "nobody": has to log in; "open": there are no users yet, and everybody on this machine may work; "session"; "key";
            "feed": a signed address of a feed.
        name: of the user, or the id of the key; empty for the first two.
        role: what may be done; None: nothing that needs a role.
        scopes: what a key may do.
        binding: secret that the tokens of this actor's forms are bound to; empty: none is valid.
        must_change: has to choose a password first.
    """

    via: Literal["nobody", "open", "session", "key", "feed"] = "nobody"
    name: str = ""
    role: Role | None = None
    scopes: frozenset[str] = frozenset()
    binding: str = ""
    must_change: bool = False

    def can(self, role: Role) -> bool:
        """Whether the actor has this role or a higher one."""
        return self.role is not None and ROLES.index(self.role) >= ROLES.index(role)

    @property
    def who(self) -> str:
        """How the audit log and histories name the actor; empty when nobody had to log in."""
        return f"key:{self.name}" if self.via == "key" else self.name


NOBODY = Actor()


def actor_of(request: Request) -> Actor:
    """Who `request` comes from, as the gate found."""
    found = getattr(request.state, "actor", NOBODY)
    return found if isinstance(found, Actor) else NOBODY
