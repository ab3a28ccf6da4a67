"""Erasing pages from what a crawl keeps in files: run folders, the WARC archive, waiting pages, journals. Imports no Scrapy.

Other records of a WARC file keep their offsets: an erased one is overwritten by a gzip member of the same length that says so.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from crawlers.archive import POSTS
from crawlers.locks import is_at_work
from crawlers.spool import SPOOL, packed_page, waiting_pages
from diembao.errors import ArchiveError
from diembao.urls import article_id

_IDENTITY = re.compile(rb'"(?:id|page|article_id)":\s?"([^"\\]{1,512})"')
_ERASED_RECORD = b"WARC/1.1\r\nWARC-Type: metadata\r\nX-Diembao: erased\r\nContent-Length: 0\r\n\r\n\r\n\r\n"
_HEAD = struct.Struct("<BBBBIBB")
_COMMENT = 16
"""Flag of a gzip member with a comment, which ends in a zero byte: what fills it up to any length."""


@dataclass
class FilesErased:
    """What was found and erased.

    Attributes:
        lines: lines of run folders and journals.
        records: records of the archive, requests too.
        pages: pages that waited to be read.
        at_work: runs that a crawl is writing now: they have to be done again.
    """

    lines: int = 0
    records: int = 0
    pages: int = 0
    at_work: list[str] = field(default_factory=list)


def erase_files(home: Path, runs: Path, archive: Path, ids: frozenset[str], scrub: Callable[[Any], Any]) -> FilesErased:
    """Erase the pages and articles `ids` from the files of every crawl. Repeating it changes nothing.

    Args:
        home: DIEMBAO_HOME.
        runs: folder of the run folders.
        archive: folder of the WARC files.
        ids: of the articles, and the hashes of all addresses that led to them.
        scrub: gives a decoded JSON value without what is of the articles.

    Raises:
        ArchiveError: when a WARC file is damaged before its end.
        OSError: when a file cannot be written.
    """
    done = FilesErased()
    spool = home / SPOOL
    for folder in sorted(runs.glob("*")):
        if not folder.is_dir():
            continue
        if is_at_work(spool, folder.name):
            done.at_work.append(folder.name)
            continue
        lines = sum(_erase_lines(path, ids) for path in sorted(folder.glob("*.jsonl")))
        if lines:
            done.lines += lines
            _scrub_summary(folder / "summary.json", scrub)
            for path in sorted((archive / folder.name[:6]).glob(f"{folder.name}-*.warc.gz")):
                done.records += erase_records(path, ids)
    for path in sorted(spool.glob("*.pages")):
        run = path.name.rpartition("-")[0]
        if is_at_work(spool, run):
            done.at_work.append(run)
        else:
            done.pages += _erase_waiting(path, ids)
    for path in sorted(spool.glob("*.journal")):
        if not is_at_work(spool, path.stem):
            done.lines += _erase_journal(path, ids)
    done.at_work = sorted(set(done.at_work))
    return done


def _erase_lines(path: Path, ids: frozenset[str]) -> int:
    """Take the lines of the articles out; of a fate, which is counted, only the address goes. Returns how many lines were changed."""
    wanted = {identity.encode() for identity in ids}
    count = 0
    with path.open("rb") as lines:
        if not any((match := _IDENTITY.search(line)) and match[1] in wanted for line in lines):
            return 0
    draft = path.with_suffix(".erasing")
    with path.open("rb") as lines, draft.open("wb") as stream:
        for line in lines:
            match = _IDENTITY.search(line)
            if match is None or match[1] not in wanted:
                stream.write(line)
                continue
            if path.name == "fates.jsonl" and line.endswith(b"\n"):
                record = json.loads(line)
                after = {**record, "url": "", "detail": "", "fate": record.get("fate") or "erased"}
                line_after = (json.dumps(after, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
                stream.write(line_after)
                count += line_after != line
            else:
                count += 1
        os.fsync(stream.fileno())
    draft.replace(path)
    # A fate that was blanked before still tells that this run had the page: its archive is looked through once more after a kill.
    return max(count, 1)


def _scrub_summary(path: Path, scrub: Callable[[Any], Any]) -> None:
    if not path.exists():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    if (after := scrub(before)) != before:
        draft = path.with_suffix(".erasing")
        draft.write_text(json.dumps(after, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        draft.replace(path)


def _erase_journal(path: Path, ids: frozenset[str]) -> int:
    kept, count = [], 0
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            record = json.loads(line)
        except ValueError:
            record = {}
        if record.get("article_id") in ids or ("url" in record and article_id(str(record["url"])) in ids):
            count += 1
        else:
            kept.append(line)
    if count:
        draft = path.with_suffix(".erasing")
        draft.write_bytes(b"".join(kept))
        draft.replace(path)
    return count


def _erase_waiting(path: Path, ids: frozenset[str]) -> int:
    kept, count = [], 0
    for _, asked, page in waiting_pages(path):
        if article_id(asked) in ids or article_id(page.url) in ids:
            count += 1
        else:
            kept.append(packed_page(asked, page))
    if count:
        draft = path.with_suffix(".erasing")
        draft.write_bytes(b"".join(kept))
        draft.replace(path)
    return count


def erase_records(path: Path, ids: frozenset[str]) -> int:
    """Overwrite the records of the addresses `ids` (hashes) in one WARC file, and answers that hold one of the posts; returns how many.

    Raises:
        ArchiveError: when the file is damaged before its end.
    """
    found = ((start, length, ids.intersection([article_id(url), *posts])) for start, length, url, posts in _records(path) if url)
    places = [(start, length) for start, length, of_those in found if of_those]
    if places:
        with path.open("r+b") as file:
            for start, length in places:
                file.seek(start)
                file.write(filler(length))
            file.flush()
            os.fsync(file.fileno())
    return len(places)


def _records(path: Path) -> Iterator[tuple[int, int, str, list[str]]]:
    """(offset, length in bytes, address, posts in it) of each complete record."""
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        start = 0
        try:
            for found in records:
                url = found.rec_headers.get_header("WARC-Target-URI") or ""
                posts = (found.rec_headers.get_header(POSTS) or "").split()
                offset, length = records.get_record_offset(), records.get_record_length()
                start = offset + length
                yield offset, length, url, posts
        except (ArchiveLoadFailed, EOFError) as error:
            if start + 2 < path.stat().st_size and not _ends_cut_short(path, start):
                raise ArchiveError(f"{path.name}:{start} cannot be read: {error}", "Restore the file from the last copy") from error


def _ends_cut_short(path: Path, offset: int) -> bool:
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    with path.open("rb") as file:
        file.seek(offset)
        try:
            while not machine.eof and (data := file.read(65536)):
                machine.decompress(data)
        except zlib.error:
            return False
    return not machine.eof


def filler(length: int) -> bytes:
    """A gzip member of exactly `length` bytes with a WARC record that says that something was erased here.

    Raises:
        ValueError: for fewer bytes than that takes.

    >>> len(filler(300)), gzip.decompress(filler(300))[:8]
    (300, b'WARC/1.1')
    """
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = deflate.compress(_ERASED_RECORD) + deflate.flush()
    tail = struct.pack("<II", zlib.crc32(_ERASED_RECORD), len(_ERASED_RECORD))
    room = length - _HEAD.size - 1 - len(content) - len(tail)
    if room < 0:
        raise ValueError(f"{length} bytes are too few")
    member = _HEAD.pack(0x1F, 0x8B, 8, _COMMENT, 0, 0, 255) + b" " * room + b"\0" + content + tail
    assert len(member) == length
    assert gzip.decompress(member) == _ERASED_RECORD
    return member
