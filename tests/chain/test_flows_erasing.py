"""Erasing: a mark is planted in every table and every kind of file, and none is left; what belongs to others stays; nothing comes back."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import JSON, Boolean, DateTime, Float, Integer, LargeBinary, Table, event, insert, select
from warcio.archiveiterator import ArchiveIterator

from cli.keeping import erase as erase_command
from crawlers.archive import Archive, read_record, read_run_pages
from crawlers.erasing import filler
from crawlers.locks import at_work
from crawlers.memory import FetchMemory
from crawlers.pages import FetchedPage
from crawlers.runs import PageFate, RunWriter, read_run
from crawlers.spool import Spool
from diembao.article import ArchiveRecord, Article
from diembao.corrections import Correction
from diembao.errors import ArchiveError, StateError
from diembao.fates import Fate
from diembao.settings import PROJECT, Settings
from diembao.state import AuditRecord, Base, CorrectionRecord, Erasure, FetchState, OutboxMessage, State
from diembao.urls import article_id, normalise_url
from flows import stages
from flows.erasing import erase, expired, finish, keep_no_longer
from flows.quarantine import Quarantined, write_quarantine
from index import open_engine
from index.corrections import keep
from index.ingest import ingest
from index.opening import RebuildableEngine
from nlp.tagging import Tagger
from tests.chain.crawlers_press import Answer, Site, article_page, rss
from tests.chain.crawlers_press import Office as Press

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
MARK = "k7q9zx"
URL = f"https://bao.example/xa-hoi/{MARK}-chuyen-cua-mot-nguoi.html"
TITLE = f"Chuyện {MARK} của một người ở phường Cao Lãnh hôm qua"
LEAD = f"Sapo {MARK} kể lại điều mà không ai được giữ nữa."
BODY = f"Đoạn một {MARK} nói về một người. " * 6
ID = article_id(URL)
OTHER_URL = "https://bao.example/xa-hoi/cau-moi.html"
OTHER = article_id(OTHER_URL)
RUN = "20261119T010000Z-aaaaaa"


def article(url: str, title: str, body: str, lead: str = "", **more: Any) -> Article:
    return Article(
        url=url, source="bao", title=title, lead=lead, body=body, published_at=NOW - timedelta(days=1),
        fetched_at=NOW - timedelta(hours=20), first_seen_at=NOW - timedelta(hours=20), **more,
    )  # fmt: skip


def page(url: str, text: str) -> FetchedPage:
    moment = NOW - timedelta(hours=20)
    html = f"<html><title>{text}</title><p>{text}".encode()
    return FetchedPage(url, 200, (("Content-Type", "text/html"), ("X-Page", text[:40].encode("ascii", "replace").decode())), html, moment,
                       moment, "bao", (("Referer", url),))  # fmt: skip


class Office:
    def __init__(self, home: Path) -> None:
        self.settings = Settings(home, PROJECT / "config", "sqlite", f"sqlite:///{home}/state.sqlite")
        self.state = State(self.settings.database)
        self.engine: RebuildableEngine = open_engine(self.settings)
        self.engine.prepare()

    def close(self) -> None:
        self.engine.close()
        self.state.close()

    def crawled(self, run: str = RUN, ended: bool = True) -> dict[str, ArchiveRecord]:
        """A run with the article and a neighbour: folder, archive, summary, quarantine."""
        writer, archive = RunWriter(self.settings.runs_folder / run), Archive(self.settings.archive_folder, run, 10_000_000)
        places = {}
        for url, title, body, lead in ((OTHER_URL, "Khánh thành cầu mới", "Cầu mới dài 300 mét. " * 9, ""), (URL, TITLE, BODY, LEAD)):
            places[url] = archive.store(page(url, f"{title} {body}"))
            writer.write_article(article(url, title, body, lead, archive=places[url]))
            writer.write_fate(PageFate(article_id(url), url, "bao", None))
        writer.write_fate(PageFate("p3", "https://bao.example/p3", "bao", Fate.TOO_SHORT))
        places["last"] = archive.store(page("https://bao.example/last", "sau cùng"))
        archive.close()
        if ended:
            problem = {"source": "bao", "url": URL, "problem": f"the page {URL} was slow"}
            writer.finish({"started_at": NOW.isoformat(), "problems": [problem]})
        writer.close()
        return places

    def ids(self) -> set[str]:
        return {found.id for found in self.engine.scan()}

    def erase(self, *ids: str) -> Any:
        return erase(self.settings, self.state, self.engine, list(ids), NOW, "command:test", "yêu cầu của 0912 345 678")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path)
    yield opened
    opened.close()


def mail(words: str, kind: str = "text") -> bytes:
    """A mail that has `words` only where a person sees them, not in its bytes: in an encoded text, or in the attached document."""
    message = EmailMessage()
    message["Subject"] = "Cảnh báo"
    message["To"] = "a@b.vn"
    if kind == "text":
        message.set_content(f"Xin chào,\n{words}\n", cte="base64")
        return message.as_bytes()
    if kind == "html":
        message.set_content("<p>" + words.replace(" ", " <b>", 1) + "</b></p>", subtype="html", cte="quoted-printable")
        return message.as_bytes()
    message.set_content("Xem tệp đính kèm.")
    docx = io.BytesIO()
    with zipfile.ZipFile(docx, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("word/document.xml", f"<w:p><w:r>{words[:9]}</w:r><w:r>{words[9:]}</w:r></w:p>")
    message.add_attachment(docx.getvalue(), maintype="application", subtype="octet-stream", filename="a.docx")
    return message.as_bytes()


def planted(table: Table, own: bool, number: int) -> dict[str, Any]:
    """A row of `table` in which every column that can hold words has those of the article (`own`) or of its neighbour."""
    title, url, identity = (TITLE, URL, ID) if own else ("Khánh thành cầu mới ở huyện bên kia sông", OTHER_URL, OTHER)
    values: dict[str, Any] = {}
    for column in table.c:
        kind = column.type
        if column.name == "article_id":
            values[column.name] = identity
        elif column.name == "url":
            values[column.name] = normalise_url(url)
        elif isinstance(kind, JSON):
            values[column.name] = {
                "said": [title, {"deep": f"trước {title} sau"}], "evidence": [{"article_id": identity, "title": title}], "ids": [identity],
                "count": 3,
            }  # fmt: skip
        elif isinstance(kind, LargeBinary):
            values[column.name] = mail(title)
        elif column.autoincrement is True:
            continue
        elif isinstance(kind, DateTime) or "DateTime" in type(kind).__name__:
            values[column.name] = NOW
        elif isinstance(kind, Boolean):
            values[column.name] = False
        elif isinstance(kind, Integer | Float):
            values[column.name] = number
        else:
            values[column.name] = f"{title} {number}"
    return values


def words_of(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False, default=str)


def test_no_table_keeps_anything_also_one_that_comes_later(office: Office) -> None:
    tables = [table for table in Base.metadata.sorted_tables if table is not Erasure.__table__]
    # As some builds of SQLite are by themselves: what is deleted would stay in free pages.
    office.state.engine.dispose()
    event.listen(office.state.engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete = OFF"))
    ingest(office.engine, office.state, [article(URL, TITLE, BODY, LEAD)])
    with office.state.session() as session:
        for table in tables:
            session.execute(insert(table).values(**planted(table, True, 11)))
            session.execute(insert(table).values(**planted(table, False, 12)))
        for kind in ("html", "docx"):
            message = mail(TITLE, kind)
            session.add(
                OutboxMessage(
                    key=kind, recipient="a@b.vn", message_id="", message=message, status="waiting", created_at=NOW, next_attempt_at=NOW
                )
            )
    before = bytes_of(office)
    assert MARK.encode() in before["state.sqlite"] + before.get("state.sqlite-wal", b""), "the mark was planted"
    done = office.erase(ID)
    assert done.ids == [ID]
    with office.state.session() as session:
        for table in tables:
            rows = list(session.execute(select(table)))
            assert len(rows) >= 1, table.name
            left = [words_of(value) for row in rows for value in row if MARK in words_of(value)]
            assert not left, f"{table.name}: {left}"
            neighbour = [row for row in rows if any(OTHER in words_of(value) or "Khánh thành" in words_of(value) for value in row)]
            assert neighbour, f"{table.name}: the neighbour's row is gone"
        messages = list(session.scalars(select(OutboxMessage).order_by(OutboxMessage.key)))
        assert [(one.message == b"") for one in messages].count(True) == 3, "the neighbour's mail stays whole"
        assert {one.key: one.status for one in messages if one.key in ("html", "docx")} == {"html": "failed", "docx": "failed"}
        assert session.get_one(Erasure, ID).done_at == NOW
        assert "0912 345 678" not in session.get_one(Erasure, ID).reason
    assert not [name for name, content in bytes_of(office).items() if MARK.encode() in content.lower()]


def bytes_of(office: Office) -> dict[str, bytes]:
    """Every file below the home, gzip members unpacked."""
    found = {}
    for path in office.settings.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found[path.relative_to(office.settings.home).as_posix()] = content + (gzip.decompress(content) if path.suffix == ".gz" else b"")
    return found


def test_no_file_keeps_anything_and_the_rest_stays_readable(office: Office) -> None:
    places = office.crawled()
    tagger = Tagger(office.settings.config)
    stages.index_run(office.settings, office.state, office.engine, tagger, RUN, NOW)
    own = office.engine.get(ID)
    assert own is not None
    assert own.topics or own.copy_keys
    folder = office.settings.runs_folder / RUN
    write_quarantine(folder, [Quarantined(own, Fate.REJECTED, "for the test"), Quarantined(office.engine.get(OTHER), Fate.REJECTED, "x")])  # type: ignore[arg-type]
    spool = Spool(office.settings.home / "spool", "20261119T020000Z-bbbbbb")
    spool.store(normalise_url(OTHER_URL), page(OTHER_URL, "cầu mới"))
    spool.store(normalise_url(URL), page(URL, TITLE))
    spool.close()
    journal = office.settings.home / "spool" / "20261119T020000Z-cccccc.journal"
    journal.write_text(
        json.dumps({"url": normalise_url(URL), "article_id": None}) + "\n" + json.dumps({"url": OTHER_URL, "article_id": OTHER}) + "\n"
    )
    with office.state.session() as session:
        session.add(FetchState(url=normalise_url(URL), address=URL, source="bao", role="article", article_id=ID, first_seen_at=NOW))
        keep(session, Correction(article_id=ID, field="topics", value=["traffic"], given_by="an", given_at=NOW, note=LEAD))
        keep(session, Correction(article_id=OTHER, field="story_id", value={"with": ID}, given_by="an", given_at=NOW))
    found = bytes_of(office)
    holding = {name for name, content in found.items() if MARK.encode() in content.lower()}
    assert {Path(name).suffix for name in holding} >= {".jsonl", ".gz", ".pages", ".journal", ".json"}, holding
    sizes = {path: path.stat().st_size for path in office.settings.archive_folder.rglob("*.gz")}
    done = office.erase(ID)
    assert done.counts["records"] == 2
    assert done.counts["pages"] == 1
    left = [name for name, content in bytes_of(office).items() if MARK.encode() in content.lower()]
    assert not left
    assert office.ids() == {OTHER}
    assert {path: path.stat().st_size for path in sizes} == sizes, "other records keep their offsets"
    assert "Khánh" in read_record(office.settings.archive_folder, places[OTHER_URL]).payload.decode()
    assert [found.url for _, found in read_run_pages(office.settings.archive_folder, RUN)] == [OTHER_URL, "https://bao.example/last"]
    with pytest.raises(ArchiveError):
        read_record(office.settings.archive_folder, places[URL])
    run = read_run(folder)
    assert [one.id for one in run.articles()] == [OTHER]
    assert {(fate.page, fate.fate) for fate in run.fates()} == {(OTHER, None), (ID, Fate.ERASED), ("p3", Fate.TOO_SHORT)}
    assert "0 bytes" not in str(done.counts)
    with office.state.session() as session:
        assert not list(session.scalars(select(CorrectionRecord)))
        assert session.get_one(Erasure, ID).done_at == NOW
    again = office.erase(ID)
    assert office.ids() == {OTHER}
    assert again.ids == [ID]


def test_nothing_brings_it_back(office: Office) -> None:
    office.crawled()
    tagger = Tagger(office.settings.config)
    stages.index_run(office.settings, office.state, office.engine, tagger, RUN, NOW)
    office.erase(ID)
    assert stages.replay_runs(office.settings, office.state, office.engine, tagger) == 1
    office.engine.rebuild()
    # the page is found again in a feed: the crawler does not ask for it, and writes its address nowhere
    memory = FetchMemory(office.state)
    entry = memory.look_up([normalise_url(URL)])[normalise_url(URL)]
    assert (entry.role, entry.next_fetch_at, entry.fate) == ("article", None, "erased")
    memory.commit()
    with office.state.session() as session:
        assert not list(session.scalars(select(FetchState).where(FetchState.url == normalise_url(URL))))
    # a crawl that had it on its way, and records from outside
    office.crawled("20261120T010000Z-dddddd")
    done = stages.index_run(office.settings, office.state, office.engine, tagger, "20261120T010000Z-dddddd", NOW)
    assert done.fates["dropped"] == {"too_short": 1, "erased": 1}
    assert done.quarantined == 0
    report = ingest(office.engine, office.state, [article(URL, TITLE, BODY)])
    assert (report.rejected, report.outcomes) == (1, {ID: Fate.ERASED})
    assert office.ids() == {OTHER}


def test_a_crawl_at_work_keeps_its_run_until_it_has_ended(office: Office) -> None:
    office.crawled(ended=False)
    with at_work(office.settings.home / "spool", RUN):
        done = office.erase(ID)
        assert done.waits_for == [RUN]
        with office.state.session() as session:
            assert session.get_one(Erasure, ID).done_at is None
        assert any(MARK.encode() in content for content in bytes_of(office).values())
    assert finish(office.settings, office.state, office.engine, NOW).waits_for == []
    assert not any(MARK.encode() in content for content in bytes_of(office).values())
    assert finish(office.settings, office.state, office.engine, NOW).ids == [], "done is done"


def test_copies_get_a_new_origin(office: Office) -> None:
    first = article(URL, TITLE, BODY)
    copies = [
        article(f"https://{name}.example/a", TITLE, BODY, copy_of=ID, similarity=0.9).with_fields(published_at=NOW - timedelta(hours=hour))
        for name, hour in (("hai", 3), ("ba", 5), ("bon", 1))
    ]
    ingest(office.engine, office.state, [first, *copies])
    office.erase(ID)
    left = {found.source + found.url: found for found in office.engine.scan()}
    origins = [found for found in left.values() if found.copy_of is None]
    assert [found.url for found in origins] == ["https://ba.example/a"]
    assert {found.copy_of for found in left.values()} == {None, origins[0].id}


def test_the_audit_log_stays_shut_and_tells_of_the_erasure(office: Office) -> None:
    with office.state.session() as session:
        session.add(AuditRecord(at=NOW, who="an", action="correction.give", subject=ID, before={"topics": []}, after={"note": "lời khác"}))
        session.add(AuditRecord(at=NOW, who="an", action="user.role", subject="binh", before="reader", after="editor"))
    office.erase(ID)
    with office.state.session() as session:
        rows = [
            (row.action, row.subject, row.before, row.after) for row in session.scalars(select(AuditRecord).order_by(AuditRecord.number))
        ]
    assert rows[0] == ("correction.give", ID, None, None)
    assert rows[1] == ("user.role", "binh", "reader", "editor")
    assert rows[2][:2] == ("article.erase", ID)
    with pytest.raises(StateError, match="only added"), office.state.session() as session:
        session.execute(AuditRecord.__table__.delete())  # type: ignore[attr-defined]


def test_what_is_over_its_time_goes_by_kind(office: Office, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "office.toml").write_text("[retention]\nfeedback = 30\n")
    settings = Settings(office.settings.home, config, "sqlite", office.settings.database)
    old = NOW - timedelta(days=31)
    kinds = [("feedback", old), ("feedback", NOW - timedelta(days=29)), ("newspaper", old), ("forum", old)]
    records = [
        article(f"https://x.example/{number}", f"Bài {number}", BODY).with_fields(kind=kind, published_at=moment)
        for number, (kind, moment) in enumerate(kinds)
    ]
    ingest(office.engine, office.state, records)
    assert list(expired(settings, office.engine, NOW)) == [records[0].id]
    assert keep_no_longer(settings, office.state, office.engine, NOW).ids == [records[0].id]
    assert office.ids() == {one.id for one in records[1:]}
    assert keep_no_longer(settings, office.state, office.engine, NOW).ids == []


def test_the_command_asks_and_takes_addresses(office: Office) -> None:
    ingest(office.engine, office.state, [article(URL, TITLE, BODY)])
    asked = CliRunner().invoke(erase_command, [URL], obj=office.settings, input="n\n")
    assert asked.exit_code == 1
    assert office.ids() == {ID}
    done = CliRunner().invoke(erase_command, [URL, "--yes", "--json"], obj=office.settings)
    assert json.loads(done.stdout)["erased"] == 1
    assert office.ids() == set()
    assert CliRunner().invoke(erase_command, [], obj=office.settings).exit_code != 0


@pytest.mark.parametrize("length", [140, 300, 70_000, 2_000_000])
def test_an_erased_record_is_read_as_one_of_the_same_length(length: int) -> None:
    following = gzip.compress(b"WARC/1.1\r\nWARC-Type: metadata\r\nContent-Length: 2\r\n\r\nok\r\n\r\n")
    kinds = [(found.rec_type, found.raw_stream.read()) for found in ArchiveIterator(io.BytesIO(filler(length) + following))]
    assert kinds == [("metadata", b""), ("metadata", b"ok")]


@pytest.mark.xdist_group("crawlers")
def test_a_real_crawl_does_not_ask_for_what_was_erased(tmp_path: Path) -> None:
    site = Site()
    try:
        press = Press(tmp_path)
        press.source("bao", site.domain, feeds=[f"{site.url}/rss"])
        site.routes |= {f"/tin-{number}.html": Answer(article_page(number)) for number in range(3)}
        site.routes["/rss"] = rss(f"{site.url}/tin-{number}.html" for number in range(2))
        assert press.crawl("20261120T010000Z-aaaaaa").returncode == 0
        office = Office(press.home)
        tagger = Tagger(office.settings.config)
        done = stages.index_run(office.settings, office.state, office.engine, tagger, "20261120T010000Z-aaaaaa", NOW)
        assert done.fates["indexed"] == 2
        erased = article_id(f"{site.url}/tin-1.html")
        office.erase(erased)
        site.seen.clear()
        site.routes["/rss"] = rss(f"{site.url}/tin-{number}.html" for number in range(3))
        assert press.crawl("20261120T020000Z-bbbbbb").returncode == 0
        assert set(site.paths()) >= {"/rss", "/tin-2.html"}
        assert "/tin-1.html" not in site.paths()
        assert not [name for name, content in bytes_of(office).items() if b"tin-1.html" in content]
        stages.index_run(office.settings, office.state, office.engine, tagger, "20261120T020000Z-bbbbbb", NOW)
        assert office.ids() == {article_id(f"{site.url}/tin-{number}.html") for number in (0, 2)}
        office.close()
    finally:
        site.close()
