"""The crawler's parts one by one: addresses, compression, feeds, schedule, archive, run folder."""

from __future__ import annotations

import asyncio
import errno
import gzip
import sys
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
from scrapy.exceptions import DownloadCancelledError, DownloadTimeoutError

from crawlers.addresses import GuardedResolver
from crawlers.apart import MEMORY_MAX, TookTooMuch, read_apart
from crawlers.archive import Archive, read_record, read_run_pages
from crawlers.compression import BadCompression, TooMuch, decompress
from crawlers.entrances import EntranceError, Link, candidates, read_entrance, read_feed, read_listing, read_sitemap
from crawlers.memory import EXTRACTED, FetchMemory, new_entry, schedule
from crawlers.outcomes import PageFailure, fate_of_failure
from crawlers.pages import FetchedPage, read_page, without_personal_numbers
from crawlers.reading import Readers, Reading, Wanted
from crawlers.runs import PageFate, RunWriter, new_run_id, read_run
from crawlers.spool import Spool, left_over, load, waiting_pages
from diembao.addresses import is_public
from diembao.article import ArchiveRecord, Article
from diembao.errors import ArchiveError, DiembaoError, InputError
from diembao.fates import Fate
from diembao.source import Source
from diembao.state import FetchState, State
from tests.chain.crawlers_press import article_page

NOW = datetime(2026, 11, 20, 0, 30, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("203.162.4.191", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("không phải", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


class _Reactor:
    """Resolves each name to what its turn says, as a name server that changes its mind does."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.nameResolver = self

    def installNameResolver(self, resolver: Any) -> None:  # noqa: N802
        self.nameResolver = resolver

    def resolveHostName(self, receiver: Any, *_: Any) -> None:  # noqa: N802
        receiver.resolutionBegan(None)
        for address in self.answers.pop(0):
            receiver.addressResolved(SimpleNamespace(host=address))
        receiver.resolutionComplete()


def _resolve(resolver: GuardedResolver) -> list[str]:
    found: list[str] = []
    receiver = SimpleNamespace(
        resolutionBegan=lambda _: None, addressResolved=lambda one: found.append(one.host), resolutionComplete=lambda: None
    )
    resolver.resolveHostName(receiver, "bao.vn")
    return found


def test_a_name_that_turns_private_is_refused_at_the_next_connection() -> None:
    resolver = GuardedResolver(_Reactor(["203.162.4.191"], ["127.0.0.1"], ["10.0.0.1", "203.162.4.191"]), allow_private=False)
    assert _resolve(resolver) == ["203.162.4.191"]
    assert not resolver.refused
    assert _resolve(resolver) == []
    assert resolver.refused == {"bao.vn": "127.0.0.1"}
    assert _resolve(resolver) == ["203.162.4.191"]
    assert not resolver.refused


def test_private_addresses_pass_when_the_office_allows_them() -> None:
    assert _resolve(GuardedResolver(_Reactor(["127.0.0.1"]), allow_private=True)) == ["127.0.0.1"]


RAW_DEFLATE = zlib.compressobj(wbits=-15)
PAYLOAD = "Đồng Tháp ".encode() * 1000


@pytest.mark.parametrize(
    ("data", "encodings"),
    [
        (gzip.compress(PAYLOAD), "gzip"),
        (gzip.compress(PAYLOAD[:500]) + gzip.compress(PAYLOAD[500:]), "x-gzip"),
        (gzip.compress(PAYLOAD) + b"rubbish", "gzip"),
        (zlib.compress(PAYLOAD), "deflate"),
        (RAW_DEFLATE.compress(PAYLOAD) + RAW_DEFLATE.flush(), "deflate"),
        (brotli.compress(PAYLOAD), "br"),
        (brotli.compress(gzip.compress(PAYLOAD)), "gzip, br"),
        (PAYLOAD, "identity"),
    ],
    ids=["gzip", "two members", "rubbish behind", "deflate", "raw deflate", "brotli", "two encodings", "identity"],
)
def test_each_encoding_is_undone(data: bytes, encodings: str) -> None:
    assert decompress(data, encodings, len(PAYLOAD)) == PAYLOAD


@pytest.mark.parametrize(
    ("pack", "encoding"), [(gzip.compress, "gzip"), (zlib.compress, "deflate"), (brotli.compress, "br")], ids=["gzip", "deflate", "br"]
)
def test_a_bomb_is_stopped_and_a_cut_is_named(pack: Any, encoding: str) -> None:
    with pytest.raises(TooMuch):
        decompress(pack(b"a" * 2_000_000), encoding, 100_000)
    with pytest.raises(BadCompression):
        decompress(pack(PAYLOAD)[:-9], encoding, 1_000_000)
    with pytest.raises(BadCompression):
        decompress(b"<html>", encoding, 1_000_000)


@pytest.mark.parametrize("encodings", ["zstd", "gzip,gzip,gzip,gzip"])
def test_an_encoding_that_we_do_not_read_is_named(encodings: str) -> None:
    with pytest.raises(BadCompression):
        decompress(b"x", encodings, 10)


def test_a_large_document_is_read_apart_within_its_time() -> None:
    assert read_apart(60, read_entrance, "listing", b"<a href=/a-a1.html>1</a>", "https://bao.vn/", "", "a", 1000).pages == [
        Link("https://bao.vn/a-a1.html")
    ]
    with pytest.raises(EntranceError, match="not a sitemap"):
        read_apart(60, read_entrance, "sitemap", b"<a/>", "https://bao.vn/", "", "", 1000)
    started = time.monotonic()
    with pytest.raises(TookTooMuch, match="more than 1 s"):
        read_apart(1, time.sleep, 60)
    assert time.monotonic() - started < 30


def test_a_document_that_wants_all_the_memory_does_not_get_it() -> None:
    with pytest.raises(TookTooMuch, match="MB"):
        read_apart(60, bytes, 8 * MEMORY_MAX)


SOURCE = Source.model_validate({"id": "bao", "name": "Báo", "domain": "bao.vn", "enabled": False, "article_pattern": r"-a\d+\.html$"})


def test_a_feed_gives_links_newest_first_and_survives_nonsense() -> None:
    feed = """<?xml version="1.0"?><rss version="2.0"><channel>
      <item><link>https://bao.vn/cu-a1.html#x</link><pubDate>Thu, 19 Nov 2026 07:00:00 +0700</pubDate></item>
      <item><link>/moi-a2.html</link><pubDate>Fri, 20 Nov 2026 07:00:00 +0700</pubDate></item>
      <item><guid>https://bao.vn/guid-a3.html</guid><pubDate>hôm qua</pubDate></item>
      <item><link>javascript:alert(1)</link></item><item><title>không có</title></item>
      <item><link>http://[bad/</link></item><item><link>http://user:pw@bao.vn/x-a4.html</link></item>
    </channel></rss>"""
    links = read_feed(feed.encode(), "https://bao.vn/rss")
    assert [link.url for link in links] == ["https://bao.vn/moi-a2.html", "https://bao.vn/cu-a1.html", "https://bao.vn/guid-a3.html"]
    assert links[0].moment == datetime(2026, 11, 20, tzinfo=UTC)


def test_an_empty_feed_is_a_feed_and_a_page_is_none() -> None:
    assert read_feed(b'<rss version="2.0"><channel></channel></rss>', "https://bao.vn/rss") == []
    with pytest.raises(EntranceError, match="not a feed"):
        read_feed(b"<html><body>404</body></html>", "https://bao.vn/rss")


def test_entities_are_not_expanded_in_a_sitemap() -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    bomb = f'<!DOCTYPE urlset [<!ENTITY l0 "lol">{lol}]><urlset><url><loc>https://bao.vn/&l8;</loc></url></urlset>'
    try:
        urls = [link.url for link in read_sitemap(bomb.encode(), "https://bao.vn/s.xml").pages]
    except EntranceError:
        urls = []
    assert all(len(url) < 100 for url in urls)


def test_a_sitemap_reads_no_file_of_ours(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("mat-khau")
    entities = f'<!DOCTYPE urlset [<!ENTITY file SYSTEM "{secret.as_uri()}"><!ENTITY near "gan">]>'
    sitemap = f"{entities}<urlset><url><loc>https://bao.vn/a-&file;-&near;</loc></url></urlset>"
    assert "mat-khau" not in str(read_sitemap(sitemap.encode(), "https://bao.vn/s.xml"))


@pytest.mark.parametrize(
    "body", [b"", b"\x00\x01", b"<html></html>", b"not xml", b'<?xml version="1.0"?>'], ids=["empty", "binary", "page", "text", "no root"]
)
def test_what_is_no_sitemap_is_named(body: bytes) -> None:
    with pytest.raises(EntranceError):
        read_sitemap(body, "https://bao.vn/s.xml")


def test_a_listing_gives_the_chosen_links_once() -> None:
    page = '<div class=t><a href="/a-a1.html">1</a><a href="/a-a1.html#c">1</a></div><a class=u href="b-a2.html">2</a><a href="/khac">x</a>'
    links = read_listing(page.encode(), "https://bao.vn/muc/", "div.t, a.u")
    assert [link.url for link in links] == ["https://bao.vn/a-a1.html", "https://bao.vn/muc/b-a2.html"]
    with pytest.raises(EntranceError, match="selector"):
        read_listing(page.encode(), "https://bao.vn/", "div[")


def test_candidates_are_on_the_site_and_match_the_pattern() -> None:
    urls = [
        "https://bao.vn/x-a1.html",
        "https://m.bao.vn/x-a1.html?p=2",
        "https://xbao.vn/x-a1.html",
        "https://bao.vn/lien-he",
        "https://bao.vn/",
        "https://bao.vn/x-a1.jpg",
    ]
    assert [link.url for link in candidates(map(Link, urls), SOURCE)] == urls[:2]


def _known(**fields: Any) -> FetchState:
    entry = new_entry("https://bao.vn/x-a1.html", "bao", "article", NOW)
    for name, value in fields.items():
        setattr(entry, name, value)
    return entry


def test_an_unchanged_article_is_asked_for_half_as_often_each_time() -> None:
    entry = _known()
    plan = schedule(entry, None, 6.0, NOW)
    pauses = []
    now = NOW
    while plan.next_fetch_at is not None:
        pauses.append((plan.next_fetch_at - now) / timedelta(hours=1))
        entry = _known(fetched_at=now, next_fetch_at=plan.next_fetch_at)
        now = plan.next_fetch_at
        plan = schedule(entry, Fate.UNCHANGED, 6.0, now)
    assert pauses == [6, 12, 24, 48, 96, 192, 384]


def test_a_changed_article_is_watched_closely_again() -> None:
    entry = _known(fetched_at=NOW - timedelta(days=9), next_fetch_at=NOW - timedelta(days=1), failures=2)
    plan = schedule(entry, None, 6.0, NOW)
    assert (plan.next_fetch_at, plan.failures) == (NOW + timedelta(hours=6), 0)


def test_a_passing_failure_is_tried_in_the_next_run_and_a_lasting_one_seldom() -> None:
    entry = _known()
    for failures in range(1, 4):
        plan = schedule(entry, Fate.TIMEOUT, 6.0, NOW)
        assert (plan.next_fetch_at, plan.failures) == (NOW, failures)
        entry = _known(fetched_at=NOW, next_fetch_at=NOW, failures=failures)
    assert schedule(entry, Fate.TIMEOUT, 6.0, NOW).next_fetch_at == NOW + timedelta(hours=6)
    assert schedule(_known(failures=30), Fate.TIMEOUT, 6.0, NOW).next_fetch_at is None
    assert schedule(_known(), Fate.NOT_FOUND, 6.0, NOW).next_fetch_at == NOW + timedelta(hours=6)


def test_an_old_article_is_not_watched_like_one_of_today() -> None:
    today, old, ancient = NOW - timedelta(hours=2), NOW - timedelta(days=16), NOW - timedelta(days=3000)
    assert schedule(_known(), None, 6.0, NOW, today).next_fetch_at == NOW + timedelta(hours=6)
    assert schedule(_known(), None, 6.0, NOW, old).next_fetch_at == NOW + timedelta(days=2)
    assert schedule(_known(), None, 6.0, NOW, ancient).next_fetch_at == NOW + timedelta(days=30)


def test_an_address_that_became_known_twice_is_remembered_once(tmp_path: Path) -> None:
    state = State(f"sqlite:///{tmp_path}/state.sqlite")
    memory = FetchMemory(state)
    one, other = new_entry("https://bao.vn/a", "bao", "article", NOW), new_entry("https://www.bao.vn/a/", "bao", "part", NOW)
    memory.remember(one)
    memory.commit()
    other.failures = 3
    memory.remember(other)
    memory.commit()
    other.failures = 4
    memory.remember(other)
    memory.commit()
    known = memory.look_up([one.url])[one.url]
    assert (known.role, known.failures) == ("part", 4)
    state.close()


def test_memory_keeps_nothing_before_commit(tmp_path: Path) -> None:
    state = State(f"sqlite:///{tmp_path / 's.sqlite'}")
    memory = FetchMemory(state)
    memory.remember(_known())
    assert FetchMemory(state).due("bao", NOW, 10) == []
    memory.commit()
    (due,) = FetchMemory(state).due("bao", NOW, 10)
    assert due.address == "https://bao.vn/x-a1.html"
    assert FetchMemory(state).due("bao", NOW - timedelta(seconds=1), 10) == []
    memory.close_host("bao.vn", 3600, NOW)
    memory.commit()
    assert FetchMemory(state).closed_hosts(NOW + timedelta(minutes=10)) == {"bao.vn": 3000.0}
    assert FetchMemory(state).closed_hosts(NOW + timedelta(hours=2)) == {}
    state.close()


def _page(number: int, payload: bytes = b"", **headers: str) -> FetchedPage:
    return FetchedPage(
        url=f"https://bao.vn/x-a{number}.html?b=1",
        status=200,
        headers=(("Content-Type", "text/html; charset=utf-8"), *headers.items()),
        payload=payload or article_page(number).encode(),
        fetched_at=NOW,
        first_seen_at=NOW - timedelta(days=1),
        source="bao",
        request_headers=(("User-Agent", "DiemBao"),),
        ip="203.162.4.191",
    )


def test_a_page_comes_back_from_the_archive_as_it_was(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "20261120T003000Z-abcdef", 10_000_000)
    pages = [_page(1), _page(2, gzip.compress(article_page(2).encode()), **{"Content-Encoding": "gzip"}), _page(3, b"\r\n\r\nWARC/1.0\r\n")]
    records = [archive.store(page) for page in pages]
    archive.close()
    for page, record in zip(pages, records, strict=True):
        again = read_record(tmp_path, record)
        assert (again.url, again.headers, again.payload, again.fetched_at) == (page.url, page.headers, page.payload, page.fetched_at)
        assert (again.first_seen_at, again.source, again.ip) == (page.first_seen_at, "bao", page.ip)
    assert [record for record, _ in read_run_pages(tmp_path, "20261120T003000Z-abcdef")] == records
    text = gzip.decompress((tmp_path / records[0].file).read_bytes())
    assert b"GET /x-a1.html?b=1 HTTP/1.1\r\nHost: bao.vn\r\nUser-Agent: DiemBao" in text
    assert text.count(b"WARC-Payload-Digest: sha256:") >= 3


def test_a_large_archive_is_spread_over_files(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "20261120T003000Z-abcdef", 1500)
    records = [archive.store(_page(number)) for number in range(5)]
    archive.close()
    assert len({record.file for record in records}) > 1
    assert [page.url for _, page in read_run_pages(tmp_path, "20261120T003000Z-abcdef")] == [_page(number).url for number in range(5)]


def test_a_kill_in_the_middle_of_a_record_costs_that_record_only(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "run-kill", 10_000_000)
    records = [archive.store(_page(number)) for number in range(3)]
    archive.close()
    path = tmp_path / records[2].file
    whole = path.read_bytes()
    for cut in (records[2].offset + 1, records[2].offset + 300, records[2].offset + 600):
        path.write_bytes(whole[:cut])
        assert [record for record, _ in read_run_pages(tmp_path, "run-kill")] == records[:2]


def test_a_changed_record_is_noticed(tmp_path: Path) -> None:
    archive = Archive(tmp_path, "run-bad", 10_000_000)
    records = [archive.store(_page(number)) for number in range(2)]
    archive.close()
    path = tmp_path / records[0].file
    data = bytearray(path.read_bytes())
    data[records[0].offset + 400] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ArchiveError):
        read_record(tmp_path, records[0])
    with pytest.raises(ArchiveError):
        list(read_run_pages(tmp_path, "run-bad"))
    assert read_record(tmp_path, records[1]).url == _page(1).url
    with pytest.raises(ArchiveError):
        read_record(tmp_path, ArchiveRecord(file="../../etc/passwd", offset=0))
    with pytest.raises(ArchiveError):
        read_record(tmp_path, ArchiveRecord(file="none.warc.gz", offset=0))


class Full:
    """A file on a disk that has room for a hundred bytes."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.room = 100

    def write(self, data: bytes) -> int:
        if len(data) > self.room:
            self.real.write(data[: self.room])
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(data)
        return int(self.real.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_no_disk_space_gives_the_page_up_and_goes_on_when_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(tmp_path, "run-full", 10_000_000)
    archive.store(_page(1))
    real = archive._file
    monkeypatch.setattr(archive, "_file", Full(real))
    with pytest.raises(ArchiveError, match="No space left on device"):
        archive.store(_page(2))
    monkeypatch.setattr(archive, "_file", real)
    archive.store(_page(3))
    archive.close()
    assert [page.url for _, page in read_run_pages(tmp_path, "run-full")] == [_page(1).url, _page(3).url]


def test_what_waits_to_be_read_is_kept_until_it_has_its_fate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "run-1", max_bytes=1)
    first, second = (spool.store(f"https://bao.vn/x-a{number}.html", _page(number)) for number in (1, 2))
    assert first.file != second.file
    assert load(second) == ("https://bao.vn/x-a2.html", _page(2))
    spool.done(first)
    spool.tidy()
    assert [path.name for path in left_over(tmp_path)] == ["run-1-00002.pages"]
    monkeypatch.setattr(spool, "_max_bytes", 10_000_000)
    real = spool._file
    monkeypatch.setattr(spool, "_file", Full(real))
    with pytest.raises(ArchiveError, match="No space left on device"):
        spool.store("https://bao.vn/x-a3.html", _page(3))
    monkeypatch.setattr(spool, "_file", real)
    spool.store("https://bao.vn/x-a4.html", _page(4))
    spool.close()
    (path,) = left_over(tmp_path)
    assert [page for _, _, page in waiting_pages(path)] == [_page(2), _page(4)]
    # A power cut in the middle of the last page, and a damaged one, cost that page only.
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert [page for _, _, page in waiting_pages(path)] == [_page(2)]
    path.write_bytes(whole[:-10] + b"0123456789")
    assert [page for _, _, page in waiting_pages(path)] == [_page(2)]
    with pytest.raises(ArchiveError):
        load(first)


def test_a_killed_crawl_is_remembered_by_its_journal(tmp_path: Path) -> None:
    state = State(f"sqlite:///{tmp_path / 's.sqlite'}")
    journal = tmp_path / "spool" / "run-1.journal"
    memory = FetchMemory(state, journal)
    found, kept, lost, gone = (
        new_entry(f"https://bao.vn/{name}.html", "bao", "article", NOW) for name in ("found", "kept", "lost", "gone")
    )
    for entry in (found, kept, lost, gone):
        memory.remember(entry)
    memory.commit()
    assert journal.read_bytes() == b""
    for entry, fate in ((kept, EXTRACTED), (lost, EXTRACTED), (gone, Fate.GONE)):
        entry.fate, entry.fetched_at, entry.article_id = str(fate), NOW + timedelta(seconds=1), entry.address
        memory.remember(entry)
    journal.write_bytes(journal.read_bytes() + b'{"url": "cut sho')

    later = FetchMemory(state)
    # After a power cut the run may lack an article of which the journal knows.
    later.recover(journal, lambda article: article == kept.address)
    later.commit()
    by_url = FetchMemory(state).look_up([entry.url for entry in (found, kept, lost, gone)])
    assert {entry.address.rpartition("/")[2]: entry.fate for entry in by_url.values()} == {
        "found.html": None,
        "kept.html": EXTRACTED,
        "lost.html": None,
        "gone.html": "gone",
    }
    assert by_url[kept.url].fetched_at == NOW + timedelta(seconds=1)
    memory.commit()
    memory.close()
    assert not journal.exists()
    state.close()


def _readers(tmp_path: Path, pages: list[FetchedPage], most: int, seconds: float) -> list[Reading | Exception]:
    """What readers say of `pages`, each asked for at once."""
    spool = Spool(tmp_path, "run")
    source = Source.model_validate({"id": "bao", "name": "Báo", "domain": "bao.vn", "enabled": False})

    async def read() -> list[Any]:
        readers = Readers([source], most, seconds)
        waiting = [readers.read(Wanted((spool.store(page.url, page),), page.source)) for page in pages]
        try:
            return await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            readers.close()

    try:
        return asyncio.run(read())
    finally:
        spool.close()


def test_pages_are_read_in_processes_of_their_own(tmp_path: Path) -> None:
    pages = [_page(number) for number in range(1, 30)]
    readings = _readers(tmp_path, pages, 2, 60)
    for page, reading in zip(pages, readings, strict=True):
        assert isinstance(reading, Reading)
        expected = read_page(page, None)
        assert expected.article is not None
        assert reading.article is not None
        assert (reading.article.title, reading.article.body) == (expected.article.title, expected.article.body)
        assert reading.record.startswith(b"\x1f\x8b")


def test_a_page_that_takes_too_long_costs_itself_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    # The processes import what stands first on the path: a reader that sleeps over one page, and dies over another.
    (folder / "sitecustomize.py").write_text(
        "import crawlers.pages, os, time\n"
        "whole = crawlers.pages.read_page\n"
        "def read_page(page, source, further):\n"
        "    if 'a2' in page.url: time.sleep(60)\n"
        "    if 'a4' in page.url: os.abort()\n"
        "    return whole(page, source, further)\n"
        "crawlers.pages.read_page = read_page\n"
    )
    monkeypatch.setattr("sys.path", [str(folder), *sys.path])
    readings = _readers(tmp_path, [_page(number) for number in range(1, 7)], 1, 3)
    assert [type(reading).__name__ for reading in readings] == ["Reading", "TookTooMuch", "Reading", "TookTooMuch", "Reading", "Reading"]


def test_processes_that_cannot_start_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawlers.reading._PROGRAM", "raise SystemExit(3)")
    (reading,) = _readers(tmp_path, [_page(1)], 2, 60)
    assert isinstance(reading, DiembaoError)
    assert "cannot be started" in str(reading)


def test_a_run_is_readable_whatever_a_kill_cut_off(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    articles = [Article(title=f"Tin {number}", url=f"https://bao.vn/{number}", source="bao") for number in range(3)]
    for article in articles[:2]:
        writer.write_article(article)
        writer.write_fate(PageFate(article.id, article.url, "bao", None))
    writer.write_fate(PageFate("x", "https://bao.vn/x", "bao", Fate.GONE, "HTTP 410"))
    writer.write_article(articles[2])
    writer.close()
    for name in ("articles.jsonl", "fates.jsonl"):
        with (tmp_path / "run" / name).open("a") as file:
            file.write('{"title": "nửa')
    run = read_run(tmp_path / "run")
    assert not run.ended
    assert list(run.articles()) == articles
    assert [(fate.page, fate.fate) for fate in run.fates()] == [
        (articles[0].id, None),
        (articles[1].id, None),
        ("x", Fate.GONE),
        (articles[2].id, None),
    ]
    assert writer.counts() == {"fetched": 3, "extracted": 2, "unchanged": 0, "dropped": {"gone": 1}}


def test_a_run_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_run(tmp_path / "none")
    RunWriter(tmp_path / "one").close()
    with pytest.raises(DiembaoError, match="exists already"):
        RunWriter(tmp_path / "one")
    (tmp_path / "one" / "articles.jsonl").write_text("{broken}\n")
    with pytest.raises(InputError, match="line 1"):
        list(read_run(tmp_path / "one").articles())


def test_run_ids_sort_by_time_and_differ() -> None:
    ids = [new_run_id(NOW + timedelta(seconds=seconds)) for seconds in (0, 0, 1)]
    assert len(set(ids)) == 3
    assert sorted(ids)[2] == ids[2]


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (PageFailure(Fate.LEFT_SITE, "x"), Fate.LEFT_SITE),
        (DownloadTimeoutError("slow"), Fate.TIMEOUT),
        (DownloadCancelledError("large"), Fate.TOO_LARGE),
        (RuntimeError("unknown"), Fate.NETWORK_ERROR),
        (None, Fate.NETWORK_ERROR),
    ],
    ids=["ours", "timeout", "cancelled", "unknown", "none"],
)
def test_every_failure_has_a_fate_and_a_reason(error: Exception | None, fate: Fate) -> None:
    found, detail = fate_of_failure(error)
    assert found is fate
    assert detail


def test_reading_a_page_is_a_pure_function_of_it() -> None:
    page = _page(7)
    item = read_page(page, SOURCE)
    assert item.problem is None
    assert item == read_page(page, SOURCE)
    assert item.article is not None
    assert (item.article.source, item.article.fetched_at, item.article.first_seen_at) == ("bao", page.fetched_at, page.first_seen_at)


def test_numbers_of_private_persons_are_masked_where_they_write() -> None:
    body = "<p>Tôi tên Nguyễn Văn A, số điện thoại 0912345678, phản ánh đường ngập nước nhiều ngày, đề nghị chính quyền xử lý.</p>" * 3
    page = _page(8, article_page(8, body=body).encode())
    forum = SOURCE.model_copy(update={"kind": "forum"})
    said, printed = read_page(page, forum).article, read_page(page, SOURCE).article
    assert said is not None
    assert printed is not None
    assert "0912345678" in printed.body
    assert "0912345678" not in said.body
    assert "phản ánh đường ngập" in said.body
    kept, body_kept = without_personal_numbers(_page(8, gzip.compress(page.payload), **{"Content-Encoding": "gzip"}), forum, page.payload)
    assert b"0912345678" not in kept.payload
    assert (kept.body(), len(body_kept)) == (body_kept, len(page.payload))
    assert without_personal_numbers(page, SOURCE, page.payload) == (page, page.payload)
    odd = b"<html>\xff 0912345678 \xe0"
    assert without_personal_numbers(page, forum, odd)[1] == b"<html>\xff 091xxxxxxx \xe0"
