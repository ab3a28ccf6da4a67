"""Reads fetched pages in processes of their own, so that fetching goes on meanwhile and a hostile page costs bounded time and memory."""

from __future__ import annotations

import asyncio
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import warnings
from collections import deque
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection

from crawlers.apart import MEMORY_MAX, TookTooMuch
from crawlers.archive import packed
from crawlers.extraction.parts import Variant, numbered
from crawlers.pages import read_page
from crawlers.spool import Spooled, load
from diembao.article import Article
from diembao.errors import ArchiveError, DiembaoError
from diembao.fates import Fate
from diembao.source import Source

_PROGRAM = "import sys; from crawlers.reading import work; work(int(sys.argv[1]), float(sys.argv[2]))"
_READY = "ready"
_WAITING_FOR_ANOTHER = 4
"""Pages that wait before another process is started: a small crawl needs one."""
_AHEAD = 8
"""Pages that a process has before it: it reads on while this one is busy with the network."""
_STARTS_MAX = 3
"""Processes in a row that die before they can read anything; then something is wrong with the installation."""


@dataclass(frozen=True)
class Reading:
    """What was read from a page.

    Attributes:
        article: the Article as far as it could be filled; None when the page could not be read at all.
        problem: why it is no article that is kept; None when it is one.
        detail: a line about the problem.
        record: the page as the archive keeps it, later pages of the article behind it; empty for one that is not kept: no HTML, the text
            that is known already, or a page alone whose article goes on elsewhere.
        further: addresses of later pages of the article that its pages name.
        first: the address of the article's first page, when this is a later one.
        variant: "amp" or "mobile" when the article has another address, which is `article.canonical_url`.
        parts: of each later page that was read with it: why its text is not in the article (None: it is), and a line about it.
    """

    article: Article | None
    problem: Fate | None
    detail: str
    record: bytes
    further: tuple[str, ...] = ()
    first: str = ""
    variant: Variant = ""
    parts: tuple[tuple[Fate | None, str], ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is to be read: a page, or an article of several.

    Attributes:
        pages: where they wait, the first page first.
        source: id of their source.
        known_hash: content_hash of the text that is known of this address.
        whole: these are all pages that could be had; False: others follow if the page names any.
    """

    pages: tuple[Spooled, ...]
    source: str
    known_hash: str | None = None
    whole: bool = False


def read_spooled(wanted: Wanted, source: Source | None) -> Reading:
    """Read what waits.

    Args:
        wanted: what and where.
        source: its source; None reads it without a profile.

    Raises:
        ArchiveError: when it is not there any more.
    """
    first, *others = (load(spooled)[1] for spooled in wanted.pages)
    further = [replace(page, part_of=first.url, part=numbered(page.url)[1]) for page in others]
    item = read_page(first, source, further)
    known = item.problem is None and item.article is not None and item.article.content_hash == wanted.known_hash
    goes_on = bool(item.further) and not wanted.whole
    record = b"" if known or goes_on or item.problem is Fate.NOT_HTML else b"".join(map(packed, [first, *further]))
    return Reading(item.article, item.problem, item.detail, record, item.further, item.first, item.variant, item.parts)


def work(descriptor: int, seconds: float) -> None:
    """The process of a reader: reads what comes through the socket `descriptor` until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    warnings.simplefilter("ignore")
    connection = Connection(descriptor)
    sources: dict[str, Source] = {}
    try:
        connection.send(_READY)
        while True:
            wanted, profile = connection.recv()
            if profile is not None:
                sources[wanted.source] = pickle.loads(profile)  # noqa: S301 - from the process that started this one
            # Without a parent that would end it, a page that never ends must end by itself.
            signal.alarm(int(seconds) + 5)
            try:
                answer: Reading | ArchiveError = read_spooled(wanted, sources.get(wanted.source))
            except ArchiveError as error:
                answer = error
            signal.alarm(0)
            connection.send(answer)
    except (EOFError, OSError):
        return


@dataclass
class _Job:
    wanted: Wanted
    result: asyncio.Future[Reading]


@dataclass(eq=False)
class _Reader:
    process: subprocess.Popen[bytes]
    connection: Connection
    knows: set[str] = field(default_factory=set)
    ready: bool = False
    jobs: deque[_Job] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None


class Readers:
    """Up to `most` processes that read pages, started as they are needed. Sources take turns, so none holds up the others.

    Args:
        sources: what is crawled.
        most: processes.
        seconds: time for one page.
    """

    def __init__(self, sources: list[Source], most: int, seconds: float) -> None:
        self._profiles = {source.id: pickle.dumps(source) for source in sources}
        self._most = most
        self._seconds = seconds
        self._readers: list[_Reader] = []
        self._waiting: dict[str, deque[_Job]] = {}
        self._turns: deque[str] = deque()
        self._starts = 0

    async def read(self, wanted: Wanted) -> Reading:
        """What is in the page, or the pages of one article.

        Raises:
            TookTooMuch: when it takes more time or memory than a page gets.
            ArchiveError: when a page is not there any more.
            DiembaoError: when no process can be started.
        """
        job = _Job(wanted, asyncio.get_running_loop().create_future())
        if wanted.source not in self._waiting:
            self._waiting[wanted.source] = deque()
            self._turns.append(wanted.source)
        self._waiting[wanted.source].append(job)
        self._dispatch()
        return await job.result

    def close(self) -> None:
        """End the processes."""
        for reader in list(self._readers):
            self._dismiss(reader)

    def _dispatch(self) -> None:
        given = True
        while given:
            # The one with the least before it first, so that all are busy.
            ready = sorted((reader for reader in self._readers if reader.ready), key=lambda reader: len(reader.jobs))
            given = any(len(reader.jobs) < _AHEAD and (job := self._next_job(reader)) and self._give(reader, job) for reader in ready)
        starting = sum(not reader.ready for reader in self._readers)
        waiting = sum(len(jobs) for jobs in self._waiting.values())
        while len(self._readers) < self._most and waiting > starting * _AHEAD + (_WAITING_FOR_ANOTHER if self._readers else 0):
            self._start()
            starting += 1

    def _next_job(self, reader: _Reader) -> _Job | None:
        """The next page for `reader`, source by source; one source never has all the processes."""
        for _ in range(len(self._turns)):
            source = self._turns.popleft()
            others = sum(any(job.wanted.source == source for job in other.jobs) for other in self._readers if other is not reader)
            if self._most > 1 and others >= self._most - 1:
                self._turns.append(source)
                continue
            job = self._waiting[source].popleft()
            if self._waiting[source]:
                self._turns.append(source)
            else:
                del self._waiting[source]
            return job
        return None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(self._seconds)]
            # A module of ours that was found through the path of this process is found there too.
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=environment)
        reader = _Reader(process, Connection(ours.detach()))
        self._readers.append(reader)
        asyncio.get_running_loop().add_reader(reader.connection.fileno(), self._hear, reader)

    def _give(self, reader: _Reader, job: _Job) -> bool:
        source = job.wanted.source
        profile = None if source in reader.knows else self._profiles.get(source)
        reader.knows.add(source)
        reader.jobs.append(job)
        if len(reader.jobs) == 1:
            self._begin(reader)
        try:
            reader.connection.send((job.wanted, profile))
        except OSError:
            self._lost(reader)
        return True

    def _begin(self, reader: _Reader) -> None:
        """Count the time of the page that `reader` reads now."""
        if reader.timer is not None:
            reader.timer.cancel()
        reader.timer = asyncio.get_running_loop().call_later(self._seconds, self._give_up, reader) if reader.jobs else None

    def _hear(self, reader: _Reader) -> None:
        try:
            answer = reader.connection.recv()
        except (EOFError, OSError):
            self._lost(reader)
            return
        if answer == _READY:
            reader.ready, self._starts = True, 0
        elif reader.jobs:
            _answer(reader.jobs.popleft(), answer)
            self._begin(reader)
        self._dispatch()

    def _give_up(self, reader: _Reader) -> None:
        self._dismiss(reader, TookTooMuch(f"reading it takes more than {self._seconds:g} s"))
        self._dispatch()

    def _lost(self, reader: _Reader) -> None:
        """A process died: of the memory that its page wanted, or before it could read anything."""
        if not reader.ready:
            self._starts += 1
        self._dismiss(reader, TookTooMuch(f"reading it takes more than {MEMORY_MAX >> 20} MB, or breaks the reader"))
        if self._starts >= _STARTS_MAX:
            waiting = [job for jobs in self._waiting.values() for job in jobs]
            self._waiting.clear()
            self._turns.clear()
            for job in waiting:
                _answer(job, DiembaoError("the processes that read pages cannot be started", "See the messages above"))
        else:
            self._dispatch()

    def _dismiss(self, reader: _Reader, reason: Exception | None = None) -> None:
        """End a process. The page that it reads ends for `reason`; those that it has before it are read by another one."""
        if reader not in self._readers:
            return
        self._readers.remove(reader)
        if reader.timer is not None:
            reader.timer.cancel()
        asyncio.get_running_loop().remove_reader(reader.connection.fileno())
        reader.connection.close()
        reader.process.kill()
        reader.process.wait()
        if reader.jobs and reason is not None:
            _answer(reader.jobs.popleft(), reason)
        for job in reversed(reader.jobs):
            source = job.wanted.source
            if source not in self._waiting:
                self._waiting[source] = deque()
                self._turns.appendleft(source)
            self._waiting[source].appendleft(job)
        reader.jobs.clear()


def _answer(job: _Job, answer: Reading | Exception) -> None:
    if job.result.done():
        return
    if isinstance(answer, Reading):
        job.result.set_result(answer)
    else:
        job.result.set_exception(answer)
