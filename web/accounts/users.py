"""Users and their roles. Nobody is ever deleted, so that the audit log goes on naming somebody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from diembao.audit import record
from diembao.state import State, UserRecord, UserSession
from web.accounts.passwords import Passwords, checked_password
from web.accounts.problems import AccountError

Role = Literal["reader", "editor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""What one may do, each more than the one before: see; correct, edit briefings and rules; users, keys and the audit log."""

_LONGEST_SUBJECT = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class User:
    """Somebody who may log in.

    Attributes:
        name: what is typed at login.
        role: what the user may do.
        must_change: the password was set by an admin and has to be changed before anything else.
        epoch: part of what the user's feed addresses are signed with.
        created_at: aware UTC.
        disabled_at: since when the user may no longer log in; None: may.
        has_password: False: logs in by OpenID Connect only.
        sessions: browsers that are logged in.
    """

    name: str
    role: Role
    must_change: bool
    epoch: int
    created_at: datetime
    disabled_at: datetime | None
    has_password: bool
    sessions: int = 0


def as_role(text: str) -> Role:
    """The role with this name. Raises AccountError."""
    role = next((role for role in ROLES if role == text), None)
    if role is None:
        raise AccountError("role", f"{text!r} is no role", f"Roles: {', '.join(ROLES)}")
    return role


def checked_name(text: str) -> str:
    """The name of a user in its one form (lower case). Raises AccountError."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise AccountError("name", f"{text!r} cannot be a user's name", "Use up to 64 letters a-z, digits and . _ - @, such as lan.nguyen")
    return name


def has_users(state: State) -> bool:
    """Whether anybody can log in: from the first user on everybody must. Raises StateError."""
    with state.session() as session:
        return session.scalar(select(UserRecord.name).limit(1)) is not None


def all_users(state: State) -> list[User]:
    """Every user by name, the disabled ones too. Raises StateError."""
    with state.session() as session:
        counts = dict(session.execute(select(UserSession.user, func.count()).group_by(UserSession.user)).tuples().all())
        return [user_of(row, counts.get(row.name, 0)) for row in session.scalars(select(UserRecord).order_by(UserRecord.name))]


def find_user(state: State, name: str) -> User:
    """The user with this name. Raises AccountError when there is none."""
    with state.session() as session:
        row = _found(session, name)
        count = session.scalar(select(func.count()).select_from(UserSession).where(UserSession.user == row.name))
        return user_of(row, count or 0)


def user_of(row: UserRecord, sessions: int = 0) -> User:
    """A row of the table as a User."""
    return User(
        row.name, as_role(row.role), row.must_change, row.epoch, row.created_at, row.disabled_at, row.password_hash is not None, sessions
    )


def add_user(
    state: State, passwords: Passwords, name: str, role: Role, password: str | None, now: datetime, by: str, *, must_change: bool = False
) -> User:
    """A new user. From the first one on every page asks for a login.

    Args:
        state: keeps the user.
        passwords: hashes the password.
        name: what is typed at login.
        role: what the user may do.
        password: None: logs in by OpenID Connect only.
        now: aware UTC.
        by: who adds the user.
        must_change: the password has to be changed at the first login.

    Raises:
        AccountError: when the name is taken or cannot be one, or the password is too weak.
    """
    name = checked_name(name)
    hashed = None if password is None else passwords.hash(checked_password(password, name))
    with state.session() as session:
        if session.get(UserRecord, name) is not None:
            raise AccountError("taken", f"there is a user {name} already", "Choose another name; `diembao users list` shows them")
        if not role == "admin" and session.scalar(select(UserRecord.name).limit(1)) is None:
            raise AccountError(
                "first_admin", "the first user must be an admin", "Give --role admin: somebody has to be able to add the others"
            )
        row = UserRecord(name=name, role=role, password_hash=hashed, must_change=must_change, epoch=0, created_at=now)
        session.add(row)
        record(session, now, by, "user.add", name, after={"role": role})
        return user_of(row)


def user_by_openid(state: State, subject: str, name: str, new_users: str, now: datetime) -> User | None:
    """The user whom a provider of OpenID Connect has let in, or None.

    At the first login a user without a password whose name is `name` is bound to `subject` for good. Users with a password are never
    bound: a provider in which people choose their names could otherwise take over an admin.

    Args:
        state: users.
        subject: issuer and subject.
        name: what the provider calls the user; may be empty.
        new_users: role of somebody who is not a user yet; empty: nobody is added.
        now: aware UTC.

    Raises:
        StateError: when the database fails.
    """
    if len(subject) > _LONGEST_SUBJECT:
        return None
    with state.session() as session:
        row = session.scalar(select(UserRecord).where(UserRecord.subject == subject))
        if row is not None:
            return None if row.disabled_at is not None else user_of(row)
        wanted = name.strip().lower()
        if not _NAME.fullmatch(wanted):
            return None
        row = session.get(UserRecord, wanted)
        if row is None:
            if not new_users:
                return None
            row = UserRecord(name=wanted, role=as_role(new_users), must_change=False, epoch=0, created_at=now, subject=subject)
            session.add(row)
            record(session, now, "openid", "user.add", wanted, after={"role": new_users, "subject": subject})
        elif row.password_hash is not None or row.subject is not None or row.disabled_at is not None:
            return None
        else:
            row.subject = subject
            record(session, now, "openid", "user.bind", wanted, after={"subject": subject})
        return user_of(row)


def set_role(state: State, name: str, role: Role, now: datetime, by: str) -> None:
    """Give `name` another role and end the user's sessions.

    Raises:
        AccountError: when there is no such user, or nobody would be an admin any more.
    """
    with state.session() as session:
        row = _found(session, name)
        if row.role == role:
            return
        before, row.role = row.role, role
        _need_admin(session)
        _end_sessions(session, row)
        record(session, now, by, "user.role", row.name, before, role)


def set_disabled(state: State, name: str, disabled: bool, now: datetime, by: str) -> None:
    """Shut `name` out, or let in again; ends the user's sessions and makes feed addresses void.

    Raises:
        AccountError: when there is no such user, or no admin would be left.
    """
    with state.session() as session:
        row = _found(session, name)
        if (row.disabled_at is not None) == disabled:
            return
        row.disabled_at = now if disabled else None
        _need_admin(session)
        _end_sessions(session, row)
        record(session, now, by, "user.disable" if disabled else "user.enable", row.name)


def set_password(
    state: State, passwords: Passwords, name: str, password: str, now: datetime, by: str, *, must_change: bool = False
) -> None:
    """Give `name` a new password and end all of the user's sessions.

    Raises:
        AccountError: when there is no such user, or the password is too weak.
    """
    hashed = passwords.hash(checked_password(password, checked_name(name)))
    with state.session() as session:
        row = _found(session, name)
        row.password_hash, row.must_change = hashed, must_change
        _end_sessions(session, row)
        record(session, now, by, "user.password", row.name)


def end_sessions(state: State, name: str, now: datetime, by: str) -> int:
    """Log `name` out everywhere and make the user's feed addresses void; the number of sessions that ended.

    Raises:
        AccountError: when there is no such user.
    """
    with state.session() as session:
        row = _found(session, name)
        ended = _end_sessions(session, row)
        record(session, now, by, "user.sessions", row.name, ended, 0)
        return ended


def _found(session: Session, name: str) -> UserRecord:
    row = session.get(UserRecord, checked_name(name))
    if row is None:
        raise AccountError("no_user", f"there is no user {name!r}", "`diembao users list` shows them")
    return row


def _need_admin(session: Session) -> None:
    session.flush()
    admins = select(UserRecord.name).where(UserRecord.role == "admin", UserRecord.disabled_at.is_(None)).limit(1)
    if session.scalar(admins) is None:
        raise AccountError("last_admin", "no admin would be left", "Make somebody else an admin first")


def _end_sessions(session: Session, row: UserRecord) -> int:
    row.epoch += 1
    ended = len(session.scalars(select(UserSession.id_hash).where(UserSession.user == row.name)).all())
    session.execute(delete(UserSession).where(UserSession.user == row.name))
    return ended
