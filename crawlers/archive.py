"""The WARC archive: each fetched page as it came, the evidence behind every Article.

A record is a response (with our request beside it), gzipped on its own, so that file and offset are enough to read one.
SHA-256 digests of the payload and the block; times with microseconds (WARC 1.1).
"""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from crawlers.pages import FetchedPage
from diembao.article import ArchiveRecord
from diembao.errors import ArchiveError

_SOURCE = "WARC-Diembao-Source"
_FIRST_SEEN = "WARC-Diembao-First-Seen"
_ASK = "WARC-Diembao-Ask"
POSTS = "WARC-Diembao-Posts"
"""Header with the ids of the posts in an answer to another voice."""
_PART_OF = "WARC-Diembao-Part-Of"
_PART = "WARC-Diembao-Part"
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


class _Writer(WARCWriter):  # type: ignore[misc]
    """warcio's writer with SHA-256 instead of SHA-1."""

    @staticmethod
    def _create_digester() -> Any:
        return _Sha256()


class _Sha256(Digester):  # type: ignore[misc]
    """A digest as WARC headers write it: algorithm and Base32."""

    def __init__(self) -> None:
        super().__init__("sha256")

    def __str__(self) -> str:
        return sha256_label(self.digester.digest())


def sha256_label(digest: bytes) -> str:
    """`digest` as the archive writes it.

    >>> sha256_label(hashlib.sha256(b"").digest())
    'sha256:4OYMIQUY7QOBJGX36TEJS35ZEQT24QPEMSNZGTFESWMRW6CSXBKQ===='
    """
    return "sha256:" + base64.b32encode(digest).decode("ascii")


class Archive:
    """Writes the pages of one run: one file, and another one when it has grown to `max_bytes`.

    Args:
        folder: the archive's folder (DIEMBAO_HOME/archive).
        run_id: names the files.
        max_bytes: size at which a new file begins.
        software: what stands in the file's first record, e.g. the user agent.
    """

    def __init__(self, folder: Path, run_id: str, max_bytes: int, software: str = "diembao") -> None:
        self._folder = folder
        self._run = run_id
        self._max_bytes = max_bytes
        self._software = software
        self._number = 0
        self._name = ""
        self._file: Any = None

    def store(self, page: FetchedPage) -> ArchiveRecord:
        """Write `page`. Raises ArchiveError as `append`."""
        return self.append(packed(page))

    def append(self, record: bytes) -> ArchiveRecord:
        """Write a page that was made ready by `packed`.

        Raises:
            ArchiveError: when it cannot be written (no disk space); what was written before stays readable.
        """
        try:
            if self._file is None or self._file.tell() >= self._max_bytes:
                self._open_next()
            offset: int = self._file.tell()
        except OSError as error:
            self._file = None
            raise _refused(error) from error
        try:
            view = memoryview(record)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self._cut_back(offset)
            raise _refused(error) from error
        return ArchiveRecord(file=self._name, offset=offset)

    def sync(self) -> None:
        """Make sure that what was stored survives a power cut. Raises ArchiveError."""
        try:
            if self._file is not None:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise _refused(error) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_next(self) -> None:
        self.close()
        folder = self._folder / self._run[:6]
        folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        path = folder / f"{self._run}-{self._number:05d}.warc.gz"
        self._name = path.relative_to(self._folder).as_posix()
        # Unbuffered: a full disk is noticed by the write that meets it.
        self._file = path.open("xb", buffering=0)
        writer = _Writer(self._file, gzip=True, warc_version="WARC/1.1")
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": self._software, "format": "WARC File Format 1.1"}))

    def _cut_back(self, offset: int) -> None:
        """Drop the half-written record; where even that fails, the file is left as it is and a new one begins."""
        try:
            self._file.truncate(offset)
            self._file.seek(offset)
        except OSError:
            self._file.close()
            self._file = None


def packed(page: FetchedPage) -> bytes:
    """`page` as the archive keeps it: the response and our request, each gzipped on its own. Can be done in any process."""
    buffer = BytesIO()
    writer = _Writer(buffer, gzip=True, warc_version="WARC/1.1")
    writer.write_request_response_pair(*_records(writer, page))
    return buffer.getvalue()


def _refused(error: OSError) -> ArchiveError:
    return ArchiveError(f"the archive cannot be written: {error.strerror or error}", "Make room on its disk; the pages are fetched again")


def _records(writer: _Writer, page: FetchedPage) -> tuple[ArcWarcRecord, ArcWarcRecord]:
    """(request, response) of `page`."""
    try:
        reason = HTTPStatus(page.status).phrase
    except ValueError:
        reason = ""
    headers = {"WARC-Date": page.fetched_at.astimezone(UTC).strftime(_MOMENT), _SOURCE: page.source}
    headers[_FIRST_SEEN] = page.first_seen_at.astimezone(UTC).strftime(_MOMENT)
    if page.ip:
        headers["WARC-IP-Address"] = page.ip
    if page.ask:
        headers[_ASK] = page.ask
    if page.posts:
        headers[POSTS] = " ".join(page.posts)
    if page.part_of:
        headers |= {_PART_OF: page.part_of, _PART: str(page.part)}
    response = writer.create_warc_record(
        page.url,
        "response",
        payload=BytesIO(page.payload),
        length=len(page.payload),
        http_headers=StatusAndHeaders(f"{page.status} {reason}".strip(), list(page.headers), protocol="HTTP/1.1"),
        warc_headers_dict=headers,
    )
    parts = urlsplit(page.url)
    target = parts.path or "/"
    request = writer.create_warc_record(
        page.url,
        "request",
        payload=BytesIO(),
        length=0,
        http_headers=StatusAndHeaders(
            f"GET {target}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            [("Host", parts.netloc), *page.request_headers],
            is_http_request=True,
        ),
    )
    return request, response


def read_record(folder: Path, record: ArchiveRecord) -> FetchedPage:
    """The page at `record` in the archive of `folder`.

    Raises:
        ArchiveError: when the file is missing, the record is damaged, or its SHA-256 digest does not match.
    """
    path = (folder / record.file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ArchiveError(f"{record.file} is not in the archive", "The article's record is damaged")
    try:
        with path.open("rb") as file:
            file.seek(record.offset)
            for found in ArchiveIterator(file):
                return _page(found, f"{record.file}:{record.offset}")
    except (OSError, ArchiveLoadFailed, EOFError, ValueError) as error:
        raise ArchiveError(f"{record.file}:{record.offset} cannot be read: {error}", "Restore the file from the last copy") from error
    raise ArchiveError(f"{record.file} ends before {record.offset}", "Restore the file from the last copy")


def read_further(folder: Path, record: ArchiveRecord) -> list[tuple[ArchiveRecord, FetchedPage]]:
    """The later pages of the article whose first page lies at `record`: they were written right behind it. Raises ArchiveError."""
    first = read_record(folder, record)
    found: list[tuple[ArchiveRecord, FetchedPage]] = []
    for behind, page in _responses(folder / record.file, record.file, record.offset):
        if behind.offset == record.offset:
            continue
        if page.part_of != first.url:
            break
        found.append((behind, page))
    return found


def record_bytes(folder: Path, record: ArchiveRecord) -> bytes:
    """The response at `record` and our request behind it, byte for byte as they lie in the archive: a WARC file of its own.

    Raises:
        ArchiveError: when the file is missing, the record is damaged, or its SHA-256 digest does not match.
    """
    read_record(folder, record)
    found = b""
    try:
        with (folder / record.file).open("rb") as file:
            file.seek(record.offset)
            for _ in range(2):
                machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
                while not machine.eof and (data := file.read(65536)):
                    found += data
                    machine.decompress(data)
                if unused := len(machine.unused_data):
                    found = found[:-unused]
                    file.seek(-unused, os.SEEK_CUR)
    except (OSError, zlib.error) as error:
        raise ArchiveError(f"{record.file}:{record.offset} cannot be read: {error}", "Restore the file from the last copy") from error
    return found


def read_run_pages(folder: Path, run_id: str) -> Iterator[tuple[ArchiveRecord, FetchedPage]]:
    """The pages of one run in the order of fetching; a last record that a kill cut short is ignored.

    Raises:
        ArchiveError: when a record is damaged.
    """
    for path in sorted((folder / run_id[:6]).glob(f"{run_id}-*.warc.gz")):
        yield from _responses(path, path.relative_to(folder).as_posix(), 0)


def _responses(path: Path, name: str, start: int) -> Iterator[tuple[ArchiveRecord, FetchedPage]]:
    """The pages of one file from the record at `start` on; a last record that a kill cut short is ignored."""
    with path.open("rb") as file:
        file.seek(start)
        records = ArchiveIterator(file)
        try:
            for found in records:
                # Asking for the offset reads the record to its end, so the page comes first.
                page = _page(found, f"{name}:{start}") if found.rec_type == "response" else None
                offset = records.get_record_offset()
                start = offset + records.get_record_length()
                if page is not None:
                    yield ArchiveRecord(file=name, offset=offset), page
        except (ArchiveLoadFailed, EOFError, ArchiveError) as error:
            if not _is_cut_short(path, start):
                raise ArchiveError(f"{name}:{start} cannot be read: {error}", "Restore the file from the last copy") from error


def _is_cut_short(path: Path, offset: int) -> bool:
    """Whether the file ends within the record at `offset`: it was being written when the run was killed."""
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    with path.open("rb") as file:
        file.seek(offset)
        try:
            while not machine.eof and (data := file.read(65536)):
                machine.decompress(data)
        except zlib.error:
            return False
    return not machine.eof


def _page(found: ArcWarcRecord, place: str) -> FetchedPage:
    payload = found.raw_stream.read()
    headers = found.rec_headers
    digest = headers.get_header("WARC-Payload-Digest")
    if found.rec_type != "response" or digest != sha256_label(hashlib.sha256(payload).digest()):
        raise ArchiveError(f"{place} is damaged: its digest does not match", "Restore the file from the last copy")
    return FetchedPage(
        url=headers.get_header("WARC-Target-URI"),
        status=int(found.http_headers.get_statuscode()),
        headers=tuple(found.http_headers.headers),
        payload=payload,
        fetched_at=_moment(headers.get_header("WARC-Date")),
        first_seen_at=_moment(headers.get_header(_FIRST_SEEN)),
        source=headers.get_header(_SOURCE),
        ip=headers.get_header("WARC-IP-Address") or "",
        part_of=headers.get_header(_PART_OF) or "",
        part=int(headers.get_header(_PART) or 1),
        ask=headers.get_header(_ASK) or "",
    )


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
