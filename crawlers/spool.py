"""Fetched pages that wait to be read: kept at once, on disk, so that a kill loses none of them and none is fetched twice.

One file per run (another one when it has grown), in DIEMBAO_HOME/spool. A file goes when all its pages have their fates. What a killed
crawl left is read by the next one.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from crawlers.pages import FetchedPage
from diembao.errors import ArchiveError

SPOOL = "spool"
"""Folder of DIEMBAO_HOME; the journals of what a crawl remembered lie there too."""

MAX_BYTES = 64 * 1024 * 1024
"""Size at which the next page begins another file."""

_FRAME = struct.Struct(">4sIIII")
_MARK = b"DBP1"


@dataclass(frozen=True)
class Spooled:
    """Where a page waits: file, and byte at which it begins."""

    file: str
    offset: int


class Spool:
    """The waiting pages of one run.

    Args:
        folder: DIEMBAO_HOME/spool; made when missing.
        run_id: names the files.
        max_bytes: size at which another file begins.
    """

    def __init__(self, folder: Path, run_id: str, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self._run = run_id
        self._max_bytes = max_bytes
        self._number = 0
        self._file: BinaryIO | None = None
        self._path = Path()
        self._waiting: dict[str, int] = {}

    def store(self, asked: str, page: FetchedPage) -> Spooled:
        """Keep `page`, which was asked for at the normalised address `asked`, until `done`.

        Raises:
            ArchiveError: when it cannot be written; nothing of it is left then.
        """
        try:
            if self._file is None or self._file.tell() >= self._max_bytes:
                self._open_next()
            assert self._file is not None
            offset = self._file.tell()
        except OSError as error:
            raise _refused(error) from error
        try:
            view = memoryview(packed_page(asked, page))
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._cut_back(offset)
            raise _refused(error) from error
        self._waiting[str(self._path)] += 1
        return Spooled(str(self._path), offset)

    def done(self, spooled: Spooled) -> None:
        """The page has its fate."""
        if spooled.file in self._waiting:
            self._waiting[spooled.file] -= 1

    def adopt(self, path: Path, pages: int) -> None:
        """Take over the file of an earlier crawl: it goes when `pages` of its pages are done."""
        self._waiting[str(path)] = pages

    def sync(self) -> None:
        """Make sure that what waits survives a power cut. Raises ArchiveError."""
        try:
            if self._file is not None and self._waiting[str(self._path)]:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise _refused(error) from error

    def tidy(self) -> None:
        """Take the files away whose pages all have their fates; called when these are safe."""
        for name in [name for name, waiting in self._waiting.items() if not waiting]:
            if name == str(self._path):
                self._close_file()
            del self._waiting[name]
            Path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close; what still waits is read by the next crawl."""
        self._close_file()

    def _open_next(self) -> None:
        self._close_file()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        self._path = self.folder / f"{self._run}-{self._number:05d}.pages"
        self._file = self._path.open("xb", buffering=0)
        self._waiting[str(self._path)] = 0

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._path = None, Path()

    def _cut_back(self, offset: int) -> None:
        assert self._file is not None
        try:
            self._file.truncate(offset)
            self._file.seek(offset)
        except OSError:
            self._close_file()


def load(spooled: Spooled) -> tuple[str, FetchedPage]:
    """(normalised address that was asked for, page).

    Raises:
        ArchiveError: when it cannot be read.
    """
    for _, asked, page in _read(Path(spooled.file), spooled.offset):
        return asked, page
    raise ArchiveError(f"{spooled.file} has no page at {spooled.offset}", "The page is fetched again")


def left_over(folder: Path) -> Iterator[Path]:
    """The files that earlier runs left, oldest first."""
    yield from sorted(folder.glob("*.pages"))


def waiting_pages(path: Path) -> Iterator[tuple[Spooled, str, FetchedPage]]:
    """(place, address that was asked for, page) of each page of one file; what a kill or a power cut damaged ends it."""
    yield from _read(path, 0)


def packed_page(asked: str, page: FetchedPage) -> bytes:
    """`page`, asked for at `asked`, as it lies in a file of the spool."""
    head = json.dumps(
        {
            "asked": asked,
            "url": page.url,
            "status": page.status,
            "headers": page.headers,
            "fetched_at": page.fetched_at.isoformat(),
            "first_seen_at": page.first_seen_at.isoformat(),
            "source": page.source,
            "request_headers": page.request_headers,
            "ip": page.ip,
            "part_of": page.part_of,
            "part": page.part,
        }
    ).encode()
    return b"".join((_FRAME.pack(_MARK, len(head), len(page.payload), zlib.crc32(head), zlib.crc32(page.payload)), head, page.payload))


def _read(path: Path, offset: int) -> Iterator[tuple[Spooled, str, FetchedPage]]:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while len(frame := file.read(_FRAME.size)) == _FRAME.size:
                mark, head_length, length, head_sum, payload_sum = _FRAME.unpack(frame)
                head, payload = file.read(head_length), file.read(length)
                if mark != _MARK or len(payload) < length or (zlib.crc32(head), zlib.crc32(payload)) != (head_sum, payload_sum):
                    return
                place, offset = Spooled(str(path), offset), file.tell()
                yield place, *_page(json.loads(head), payload)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}", "The page is fetched again") from error


def _page(head: dict[str, object], payload: bytes) -> tuple[str, FetchedPage]:
    return str(head.pop("asked")), FetchedPage(
        **{  # type: ignore[arg-type]
            **head,
            "headers": tuple((name, value) for name, value in head["headers"]),  # type: ignore[attr-defined]
            "request_headers": tuple((name, value) for name, value in head["request_headers"]),  # type: ignore[attr-defined]
            "fetched_at": datetime.fromisoformat(str(head["fetched_at"])),
            "first_seen_at": datetime.fromisoformat(str(head["first_seen_at"])),
        },
        payload=payload,
    )


def _refused(error: OSError) -> ArchiveError:
    return ArchiveError(f"the page cannot be kept: {error.strerror or error}", "Make room on the disk; the page is fetched again")
