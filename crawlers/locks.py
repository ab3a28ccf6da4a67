"""Who crawls what: one crawl per source at a time, and which runs are still at work. Locks go with their process, also after a kill."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from crawlers.sites import site_of
from diembao.errors import DiembaoError, UsageError
from diembao.source import Source

_LOCK = "crawl.lock"


@contextmanager
def alone(home: Path, sources: Iterable[Source]) -> Iterator[None]:
    """No other crawl of this home asks any of `sources` in the block: two would ask the same hosts twice as often as agreed.

    Raises:
        DiembaoError: when another crawl is at work on one of them.
    """
    with (home / _LOCK).open("w") as lock:
        for source in sources:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, zlib.crc32(source.id.encode()))
            except OSError as error:
                raise DiembaoError(f"another crawl is at work on {source.id} in {home}", "Wait for its end") from error
        yield


@contextmanager
def at_work(spool: Path, run_id: str) -> Iterator[None]:
    """Others see in the block that the run is at work, and leave its waiting pages and its journal alone."""
    spool.mkdir(parents=True, exist_ok=True)
    path = spool / f"{run_id}.lock"
    with ExitStack() as stack:
        while True:
            lock = stack.enter_context(path.open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another crawl that tidies up may have taken the file away before it was locked.
            if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                break
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_at_work(spool: Path, run_id: str) -> bool:
    """Whether another process is at work on the run."""
    try:
        with (spool / f"{run_id}.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def part_of(sources: list[Source], part: str) -> list[Source]:
    """The sources of one part of several, such as "1/2": every source is in exactly one, and all of one site in the same.

    Which one says a hash of the site, so the parts stay as they are when sources or machines come and go.

    Raises:
        UsageError: when `part` is not two numbers, the first from 1 to the second.
    """
    match = re.fullmatch(r"(\d{1,3})/(\d{1,3})", part)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"{part!r} is not a part", "Write --part 1/2 for the first of two")
    number, parts = int(match[1]), int(match[2])
    return [source for source in sources if int(hashlib.sha256(site_of(source.domain).encode()).hexdigest()[:8], 16) % parts == number - 1]
