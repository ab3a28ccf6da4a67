"""Work that only one process may do at a time, also among machines: a row of the shared database says who does it, and until when.

A holder says every quarter of SPAN that it is still at work. One that was killed is replaced when SPAN is over, and at once where it ran
on the machine of who comes next. The clocks of the machines may differ by some seconds, not by a minute.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from diembao.clock import Clock, utc_now
from diembao.errors import DiembaoError, StateError
from diembao.state import Lease, State

WRITING = "engine"
"""Work: looking in the engine for copies and stories and writing what depends on them."""
SPAN = timedelta(seconds=60)
_LOOK_SECONDS = 0.2


class LostLeaseError(DiembaoError):
    """Somebody else does the work by now."""


class Held:
    """A piece of work that this process does.

    Args:
        state: the shared database.
        work: its name.
        holder: who this is.
        clock: the present moment.
    """

    def __init__(self, state: State, work: str, holder: str, clock: Clock) -> None:
        self.work = work
        self._state = state
        self._holder = holder
        self._clock = clock
        self._until = clock() + SPAN
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._say_so, name=f"lease {work}", daemon=True)
        self._thread.start()

    @property
    def is_lost(self) -> bool:
        """Whether somebody else may do the work by now: this process was stopped, or could not reach the database, for too long."""
        return self._clock() >= self._until

    def check(self) -> None:
        """Raise LostLeaseError when `is_lost`."""
        if self.is_lost:
            raise LostLeaseError(f"{self.work}: this process stood still or had no database for a minute", "Another one does the work")

    def release(self) -> None:
        """End it. Raises StateError."""
        self._is_over.set()
        self._thread.join()
        with self._state.session() as session:
            session.execute(delete(Lease).where(Lease.work == self.work, Lease.holder == self._holder))

    def _say_so(self) -> None:
        while not self._is_over.wait(SPAN.total_seconds() / 4):
            until = self._clock() + SPAN
            try:
                with self._state.session() as session:
                    mine = (Lease.work == self.work, Lease.holder == self._holder)
                    session.execute(update(Lease).where(*mine).values(until=until))
                    still = session.scalar(select(Lease.holder).where(*mine)) is not None
            except StateError:
                continue
            if not still:
                self._until = self._clock()
                return
            self._until = until


def take(state: State, work: str, clock: Clock = utc_now) -> Held | None:
    """Begin `work`; None when somebody else does it. Raises StateError."""
    holder, now = _new_holder(), clock()
    with state.session() as session:
        before = session.scalar(select(Lease.holder).where(Lease.work == work))
    with state.session() as session:
        # One statement, so that of two who find it free only one gets it.
        free = or_(Lease.until <= now, Lease.holder.in_(_dead_here(before)))
        session.execute(update(Lease).where(Lease.work == work, free).values(holder=holder, until=now + SPAN))
        is_mine = session.scalar(select(Lease.holder).where(Lease.work == work)) == holder
        exists = is_mine or session.scalar(select(Lease.work).where(Lease.work == work)) is not None
    if not exists:
        try:
            with state.session() as session:
                session.add(Lease(work=work, holder=holder, until=now + SPAN))
            is_mine = True
        except StateError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
    return Held(state, work, holder, clock) if is_mine else None


@contextmanager
def alone(state: State, work: str, wait_seconds: float = 600.0, clock: Clock = utc_now) -> Iterator[Held]:
    """Nobody else does `work` while the block runs.

    Raises:
        DiembaoError: when somebody else still does it after `wait_seconds`.
        StateError: when the database fails.
    """
    begun = time.monotonic()
    while (held := take(state, work, clock)) is None:
        if time.monotonic() - begun > wait_seconds:
            raise DiembaoError(f"another process has been busy with {work} for {wait_seconds:g} s", "Wait until it has ended")
        time.sleep(_LOOK_SECONDS)
    try:
        yield held
    finally:
        held.release()


def is_killed(state: State, work: str, clock: Clock = utc_now) -> bool:
    """Whether somebody began `work`, did not end it, and does not do it any more. Raises StateError."""
    with state.session() as session:
        row = session.get(Lease, work)
        return row is not None and (row.until <= clock() or bool(_dead_here(row.holder)))


def _new_holder() -> str:
    return f"{_machine()} {os.getpid()} {_started(os.getpid())} {secrets.token_hex(4)}"


def _dead_here(holder: str | None) -> list[str]:
    """`holder` in a list when it ran on this machine and is dead; else nothing."""
    if holder is None:
        return []
    machine, _, rest = holder.rpartition(" ")[0].partition(" ")
    process, _, started = rest.partition(" ")
    is_dead = machine == _machine() and process.isdigit() and _started(int(process)) != started
    return [holder] if is_dead else []


def _machine() -> str:
    """This machine since it was started: the same name in two containers is not the same machine."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        space = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        boot = space = "unknown"
    return f"{socket.gethostname()[:80]}/{boot}/{space}"


def _started(process: int) -> str:
    """When a process began, in ticks since the machine did; empty when there is none: its number may be given again."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
