"""`diembao users`: who may log in to the desk, and what they may do there."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cli.output import clean, emit, json_option, say
from diembao.errors import InputError
from diembao.settings import Settings

if TYPE_CHECKING:
    from diembao.state import State
    from web.accounts.users import User

_name = click.argument("name", metavar="NAME")
_LONGEST_LINE = 4_096


@click.group()
def users() -> None:
    """Who may log in, and what they may do: reader (sees), editor (corrects, edits briefings and rules), admin (users, keys, audit log).

    With the first user login is on: from then on every page and the API ask for it. Passwords are asked for, or read from stdin as one
    line; they are never an argument, which other programs of the machine could read.
    """


@users.command()
@_name
@click.option("--role", required=True, type=click.Choice(["reader", "editor", "admin"]), help="What the user may do.")
@click.option("--no-password", is_flag=True, help="The user logs in by OpenID Connect only ([web.openid] of office.toml).")
@json_option
@click.pass_obj
def add(settings: Settings, name: str, role: str, no_password: bool, as_json: bool) -> None:
    """Add a user. The first one must be an admin, and turns login on."""
    from diembao.clock import utc_now
    from web.accounts.passwords import Passwords
    from web.accounts.users import add_user, as_role, checked_name

    wanted = as_role(role)
    with _state(settings) as state:
        user = add_user(state, Passwords(), checked_name(name), wanted, None if no_password else _password(), utc_now(), _who())
    _tell(user, as_json, f"{user.name}: {user.role}. Login: {settings.office.base_url.rstrip('/')}/login")


@users.command(name="list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Every user, also the disabled ones."""
    from web.accounts.users import all_users

    with _state(settings) as state:
        found = all_users(state)
    for user in found:
        if as_json:
            emit(_record(user))
        else:
            click.echo(f"{user.name}  {user.role}  {user.sessions} sessions" + ("  [disabled]" if user.disabled_at else ""))
    if not found and not as_json:
        say("Chưa có người dùng: trang mở cho mọi người trên máy này / No users: the desk is open to everybody on this machine")


@users.command()
@_name
@json_option
@click.pass_obj
def passwd(settings: Settings, name: str, as_json: bool) -> None:
    """Give a user a new password, and log the user out everywhere."""
    from diembao.clock import utc_now
    from web.accounts.passwords import Passwords
    from web.accounts.users import find_user, set_password

    with _state(settings) as state:
        find_user(state, name)  # before anybody types a password
        set_password(state, Passwords(), name, _password(), utc_now(), _who())
        _tell(find_user(state, name), as_json, f"{clean(name)}: new password")


@users.command()
@_name
@click.argument("role", type=click.Choice(["reader", "editor", "admin"]))
@json_option
@click.pass_obj
def role(settings: Settings, name: str, role: str, as_json: bool) -> None:
    """Give a user another role, and log the user out everywhere."""
    from diembao.clock import utc_now
    from web.accounts.users import as_role, find_user, set_role

    with _state(settings) as state:
        set_role(state, name, as_role(role), utc_now(), _who())
        _tell(find_user(state, name), as_json, f"{clean(name)}: {role}")


@users.command()
@_name
@click.option("--undo", is_flag=True, help="Let the user in again.")
@json_option
@click.pass_obj
def disable(settings: Settings, name: str, undo: bool, as_json: bool) -> None:
    """Shut a user out at once. Nobody is deleted: the audit log names them."""
    from diembao.clock import utc_now
    from web.accounts.users import find_user, set_disabled

    with _state(settings) as state:
        set_disabled(state, name, not undo, utc_now(), _who())
        _tell(find_user(state, name), as_json, f"{clean(name)}: {'enabled' if undo else 'disabled'}")


@users.command()
@_name
@click.option("--end", is_flag=True, help="End all of them, and make the user's feed addresses void.")
@json_option
@click.pass_obj
def sessions(settings: Settings, name: str, end: bool, as_json: bool) -> None:
    """The browsers in which a user is logged in."""
    from diembao.clock import VIETNAM, utc_now
    from web.accounts.sessions import sessions_of
    from web.accounts.users import end_sessions, find_user

    with _state(settings) as state:
        user = find_user(state, name)
        if end:
            ended = end_sessions(state, name, utc_now(), _who())
            if as_json:
                emit({"user": user.name, "ended": ended})
            else:
                say(f"{user.name}: {ended} sessions ended")
            return
        for one in sessions_of(state, user.name, utc_now()):
            if as_json:
                times = {"created_at": one.created_at.isoformat(), "seen_at": one.seen_at.isoformat()}
                emit({"session": one.key, **times, "address": one.address, "agent": one.agent})
            else:
                click.echo(clean(f"{one.key}  {one.seen_at.astimezone(VIETNAM):%d/%m/%Y %H:%M}  {one.address}  {one.agent}"))


def _password() -> str:
    """A password: asked for twice on a terminal, otherwise one line of stdin."""
    if sys.stdin.isatty():
        return str(click.prompt("Mật khẩu / Password", hide_input=True, confirmation_prompt=True, err=True))
    line = sys.stdin.readline(_LONGEST_LINE).rstrip("\r\n")
    if not line:
        raise InputError("there is no password on stdin", "Send it as one line, or call the command on a terminal, which asks for it")
    return line


def _who() -> str:
    """Who calls the command, for the audit log."""
    try:
        return f"command:{getpass.getuser()}"
    except (OSError, KeyError):  # an account without a name
        return "command:"


@contextmanager
def _state(settings: Settings) -> Iterator[State]:
    from diembao.state import State

    state = State(settings.database)
    try:
        yield state
    finally:
        state.close()


def _record(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role,
        "created_at": user.created_at.isoformat(),
        "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
        "must_change_password": user.must_change,
        "has_password": user.has_password,
        "sessions": user.sessions,
    }


def _tell(user: User, as_json: bool, message: str) -> None:
    if as_json:
        emit(_record(user))
    else:
        say(message)
