"""Saved searches in the database: who sees which, keeping, renaming, removing, and what is new in each since somebody looked."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from alerts.saved import count_since
from diembao.audit import record
from diembao.engine import SearchEngine
from diembao.errors import QueryError, UsageError
from diembao.state import SavedLook, SavedSearch
from web.accounts.actor import Actor
from web.searching.addresses import LONGEST_QUERY, LONGEST_VALUE, SearchAddress

LONGEST_NAME = 120
MOST = 200
"""Saved searches of one person, or of the office."""
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
EARLY = "07:00"
"""The time that the form begins with."""


class SavedConflictError(UsageError):
    """Somebody else changed the saved search meanwhile; nothing was kept."""


@dataclass(frozen=True)
class SavedForm:
    """What stands in the form of a saved search.

    Attributes:
        id: of the one that is changed; empty: a new one.
        version: of that one, as the form showed it.
        name: what people call it.
        search: what is searched for.
        is_shared: stands in everybody's list.
        has_feed: has a feed address.
        wants_digest: is mailed daily.
        digest_at: when, by Vietnam's clock.
        digest_to: mail addresses.
        digest_empty: also when nothing is new.
        wants_rule: is an alert too.
    """

    id: str = ""
    version: int = 0
    name: str = ""
    search: SearchAddress = field(default_factory=SearchAddress)
    is_shared: bool = False
    has_feed: bool = False
    wants_digest: bool = False
    digest_at: str = EARLY
    digest_to: tuple[str, ...] = ()
    digest_empty: bool = False
    wants_rule: bool = False

    def problem(self, addresses: Sequence[str]) -> str | None:
        """The key of the text that says what is wrong with it; `addresses` may get mails."""
        if not self.name:
            return "saved.problem.name"
        if not self.search.q and not self.search.is_narrowed:
            return "saved.problem.empty"
        if self.wants_digest and not _TIME.fullmatch(self.digest_at):
            return "saved.problem.time"
        if self.wants_digest and (not self.digest_to or set(self.digest_to) - set(addresses)):
            return "saved.problem.to"
        return None


def read_saved_form(sent: FormData) -> SavedForm:
    """What was sent back; what a browser's form cannot send is left out."""

    def one(name: str, longest: int = LONGEST_VALUE) -> str:
        value = sent.get(name, "")
        return " ".join(value.replace("\x00", "").split())[:longest] if isinstance(value, str) else ""

    # "kind" is also a field of the rule's part of the form, so those of the search have a prefix.
    pairs = [(name[2:], value) for name, value in sent.multi_items() if name.startswith("s.") and isinstance(value, str)]
    search = SearchAddress.from_pairs(pairs)
    version = one("saved_version", 9)
    return SavedForm(
        id=one("saved", 16),
        version=int(version) if version.isascii() and version.isdigit() else 0,
        name=one("name", LONGEST_NAME),
        search=search.changed(q=one("q", LONGEST_QUERY)),
        is_shared=bool(one("is_shared")),
        has_feed=bool(one("has_feed")),
        wants_digest=bool(one("wants_digest")),
        digest_at=one("digest_at", 5),
        digest_to=tuple(dict.fromkeys(value[:320] for value in sent.getlist("digest_to") if isinstance(value, str)))[:50],
        digest_empty=bool(one("digest_empty")),
        wants_rule=bool(one("wants_rule")),
    )


def form_of(row: SavedSearch) -> SavedForm:
    """The form of a saved search that there is."""
    return SavedForm(
        id=row.id,
        version=row.version,
        name=row.name,
        search=SearchAddress.from_record(row.search),
        is_shared=row.is_shared,
        has_feed=row.has_feed,
        wants_digest=bool(row.digest_at),
        digest_at=row.digest_at or EARLY,
        digest_to=tuple(row.digest_to or ()),
        digest_empty=row.digest_empty,
        wants_rule=bool(row.rule),
    )


def may_see(row: SavedSearch, actor: Actor) -> bool:
    """Whether the search stands in the actor's list."""
    return row.is_shared or row.owner in ("", actor.name)


def may_change(row: SavedSearch, actor: Actor) -> bool:
    """Whether the actor may change and remove it: the owner; what is everybody's or an alert, an editor."""
    is_own = bool(row.owner) and row.owner == actor.name and not row.rule and not row.is_shared
    return is_own or (may_see(row, actor) and actor.can("editor"))


def every_saved(session: Session, actor: Actor, *, removed: bool = False) -> list[SavedSearch]:
    """What the actor sees, by name; with `removed` what was taken away, newest first."""
    mine = or_(SavedSearch.is_shared, SavedSearch.owner.in_(["", actor.name]))
    rows = select(SavedSearch).where(mine, SavedSearch.removed_at.is_not(None) if removed else SavedSearch.removed_at.is_(None))
    order = SavedSearch.removed_at.desc() if removed else func.lower(SavedSearch.name)
    return list(session.scalars(rows.order_by(order, SavedSearch.id).limit(2 * MOST)))


def find_saved(session: Session, saved: str, actor: Actor, *, removed: bool = False) -> SavedSearch | None:
    """The saved search, when the actor may see it."""
    row = session.get(SavedSearch, saved[:16])
    if row is None or not may_see(row, actor) or (row.removed_at is not None) != removed:
        return None
    return row


def keep(session: Session, form: SavedForm, actor: Actor, now: datetime) -> SavedSearch:
    """Make the saved search, or change it, within the caller's transaction, and note it in the audit log.

    Raises:
        SavedConflictError: when somebody else changed or removed it meanwhile.
        UsageError: when there are too many, or the actor may not.
    """
    if form.id:
        row = session.get(SavedSearch, form.id, with_for_update=True)
        if row is None or row.removed_at is not None or not may_see(row, actor):
            raise SavedConflictError("the saved search was removed meanwhile")
        if not may_change(row, actor):
            raise UsageError("saved.problem.role")
        if row.version != form.version:
            raise SavedConflictError("somebody else changed the saved search meanwhile")
        before = said(row)
        row.version += 1
    else:
        own = select(func.count()).select_from(SavedSearch).where(SavedSearch.owner == actor.name, SavedSearch.removed_at.is_(None))
        if (session.scalar(own) or 0) >= MOST:
            raise UsageError("saved.problem.many")
        before = None
        row = SavedSearch(id=secrets.token_hex(6), owner=actor.name, version=1, digest_at="", digest_told=[], created_at=now)
        session.add(row)
    if form.is_shared and not actor.can("editor"):
        raise UsageError("saved.problem.role")
    asked_anew = form.search.to_record() != (row.search or {}) or not row.digest_at
    row.name, row.search, row.is_shared, row.has_feed = form.name, form.search.to_record(), form.is_shared, form.has_feed
    row.digest_at = form.digest_at if form.wants_digest else ""
    row.digest_to, row.digest_empty = list(form.digest_to), form.digest_empty
    if form.wants_digest and asked_anew:  # articles that were there before are no news
        row.digest_since, row.digest_until, row.digest_told = now, None, []
    row.updated_at, row.updated_by = now, actor.who
    session.flush()
    record(session, now, actor.who, "saved.change" if before else "saved.make", row.id, before, said(row))
    if before is None:
        look(session, row.id, actor, now)
    return row


def remove(session: Session, row: SavedSearch, actor: Actor, now: datetime, removed_rule: str = "") -> None:
    """Take the saved search away within the caller's transaction; `restore` brings it back."""
    before = said(row)
    row.removed_at, row.removed_rule, row.version = now, removed_rule, row.version + 1
    record(session, now, actor.who, "saved.remove", row.id, before, None)


def restore(session: Session, row: SavedSearch, actor: Actor, now: datetime) -> None:
    """Bring it back; its mails tell only what comes from now on."""
    row.removed_at, row.removed_rule, row.version = None, "", row.version + 1
    if row.digest_at:
        row.digest_since, row.digest_until, row.digest_told = now, None, []
    record(session, now, actor.who, "saved.restore", row.id, None, said(row))


def look(session: Session, saved: str, actor: Actor, now: datetime) -> datetime | None:
    """Note that the actor looks at it now; when that was the last time before, or None."""
    known = session.get(SavedLook, (saved, actor.name))
    if known is None:
        session.add(SavedLook(saved=saved, who=actor.name, looked_at=now))
        return None
    before, known.looked_at = known.looked_at, now
    return before


def looked_at(session: Session, actor: Actor) -> dict[str, datetime]:
    """When the actor looked at each saved search last."""
    return dict(session.execute(select(SavedLook.saved, SavedLook.looked_at).where(SavedLook.who == actor.name)).tuples().all())


def new_since(engine: SearchEngine, row: SavedSearch, since: datetime) -> int | None:
    """How many articles it found that were first seen after `since`; None: it cannot be asked any more. Raises EngineError."""
    try:
        return count_since(engine, row.search, since)
    except QueryError:
        return None


def said(row: SavedSearch) -> dict[str, Any]:
    """What the audit log keeps of it."""
    return {
        "name": row.name,
        "search": dict(row.search),
        "is_shared": row.is_shared,
        "has_feed": row.has_feed,
        "digest_at": row.digest_at,
        "digest_to": list(row.digest_to or ()),
        "digest_empty": row.digest_empty,
        "rule": row.rule,
    }
