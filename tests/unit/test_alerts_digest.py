"""The morning briefing in its three forms, its gaps, and once per day and recipient."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path

import docx
import pytest
from sqlalchemy import select

from alerts import digest
from diembao.article import CriticalOf
from diembao.engine import SearchEngine
from diembao.errors import ConfigError
from diembao.settings import PROJECT, Mail, Office
from diembao.state import FetchState, OutboxMessage, Run, State
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import NOW, article, polluted_river, quiet_weeks

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
OFFICE = Office(name="Văn phòng", province="Đồng Tháp", mail=Mail(recipients=("a@example.vn", "b@example.vn", "không-phải")))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SearchEngine]:
    opened = SqliteEngine(tmp_path / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    opened.prepare()
    opened.upsert(quiet_weeks(days=3))
    opened.upsert(polluted_river(6))
    evil = article(70000, "security", "negative", NOW - timedelta(hours=2), "=1+1", '=HYPERLINK("http://x","y")<script>\x07 & co')
    opened.upsert(
        [
            evil.model_copy(
                update={"url": "javascript:alert(1)", "critical_of": CriticalOf(label="authority", sentences=["<i>Lỗi của sở</i>"])}
            )
        ]
    )
    yield opened
    opened.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    with opened.session() as session:
        session.add(Run(id="r", started_at=NOW - timedelta(hours=1), ended_at=NOW - timedelta(minutes=50), indexed_at=NOW, fates={}))
    yield opened
    opened.close()


def make(engine: SearchEngine, state: State) -> digest.Briefing:
    return digest.brief(engine, state, OFFICE, TAXONOMY, NOW, {"bao-song-tien": "Báo Sông Tiền"})


def test_stories_stand_once_under_their_field_the_most_important_first(engine: SearchEngine, state: State) -> None:
    briefing = make(engine, state)
    sections = {section.name: section for section in briefing.sections}
    river = sections["Tài nguyên và môi trường"]
    assert river.department == "Sở Nông nghiệp và Môi trường"
    assert (river.items[0].outlets[0], river.items[0].articles, river.items[0].is_negative) == ("Báo Sông Tiền", 7, True)
    assert sum("Ba Rài" in item.title or "Cai Lậy" in item.title for item in river.items) == 1
    first = sections["An ninh trật tự và an toàn giao thông"].items[0]
    assert (first.critical, first.link) == ("phê phán cơ quan nhà nước", "")
    assert briefing.critical == 1
    assert briefing.articles >= 8
    assert all(a.weight >= b.weight for section in briefing.sections for a, b in zip(section.items, section.items[1:], strict=False))


def test_html_is_escaped(engine: SearchEngine, state: State) -> None:
    html = digest.as_html(make(engine, state))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<i>Lỗi" not in html
    assert "javascript:" not in html
    assert "Điểm báo ngày 21/11/2026" in html


def test_docx_has_the_stories_and_survives_hostile_text(engine: SearchEngine, state: State) -> None:
    document = docx.Document(BytesIO(digest.as_docx(make(engine, state))))
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    for wanted in ("Điểm báo ngày 21/11/2026", "Đơn vị phụ trách: Sở Nông nghiệp và Môi trường", "<script>", "Có thể còn thiếu"):
        assert wanted in text
    assert "{{" not in text
    assert "{%" not in text
    targets = {relation.target_ref for relation in document.part.rels.values() if relation.is_external}
    assert "https://bao-song-tien.vn/90000.html" in targets
    assert not any(target.startswith("javascript") for target in targets)


def test_xlsx_holds_no_formula(engine: SearchEngine, state: State) -> None:
    with zipfile.ZipFile(BytesIO(digest.as_xlsx(make(engine, state)))) as book:
        sheets = [book.read(name).decode() for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        strings = book.read("xl/sharedStrings.xml").decode()
    assert not any(re.search(r"<f[ >]", sheet) for sheet in sheets)
    assert "=HYPERLINK(" in strings
    assert "dataValidation" in sheets[0]


def test_an_office_brings_its_own_template_and_a_broken_one_is_one_line(engine: SearchEngine, state: State, tmp_path: Path) -> None:
    own = tmp_path / "briefing.docx"
    letter = docx.Document()
    letter.add_paragraph("UBND TỈNH – {{ briefing.stories }} việc")
    letter.save(str(own))
    assert digest.template_in(tmp_path) == own
    assert digest.template_in(tmp_path / "none") == digest.TEMPLATE
    briefing = make(engine, state)
    text = docx.Document(BytesIO(digest.as_docx(briefing, own))).paragraphs[0].text
    assert text == f"UBND TỈNH – {briefing.stories} việc"
    own.write_bytes(b"not a document")
    with pytest.raises(ConfigError, match=r"briefing\.docx"):
        digest.as_docx(briefing, own)


def test_the_shipped_template_is_what_its_generator_writes(tmp_path: Path) -> None:
    from alerts.briefing_template import write_template

    write_template(tmp_path / "new.docx")
    texts = [[p.text for p in docx.Document(str(path)).paragraphs] for path in (tmp_path / "new.docx", digest.TEMPLATE)]
    assert texts[0] == texts[1]


def test_silent_failing_and_missing_are_told_apart(state: State) -> None:
    def seen(source: str, role: str, number: int, days_ago: float, failures: int = 0) -> FetchState:
        at = NOW - timedelta(days=days_ago)
        return FetchState(url=f"https://{source}/{role}/{number}", source=source, role=role, first_seen_at=at, failures=failures)

    with state.session() as session:
        for day in range(1, 7):
            session.add(seen("fell-silent", "article", day, day + 0.5))
            session.add(seen("always-there", "article", day, day - 0.5))
        session.add(seen("rare", "article", 1, 3.5))
        session.add(seen("broken", "feed", 1, 30, failures=5))
        session.add(seen("half", "feed", 1, 30, failures=2))
        session.add(seen("half", "sitemap", 1, 30))
    lines = digest.gaps(state, NOW, {"broken": "Báo Hỏng"})
    assert lines == (
        "Báo Hỏng: không đọc được, 5 lần liên tiếp.",
        "half: một phần không đọc được, 2 lần liên tiếp.",
        "fell-silent: im lặng 24 giờ qua, trước đó gần như ngày nào cũng có bài.",
    )
    assert digest.gaps(state, NOW + timedelta(days=2))[0].startswith("Chưa thu thập từ ")


def test_an_empty_day_has_a_briefing_too(tmp_path: Path, state: State) -> None:
    empty = SqliteEngine(tmp_path / "empty.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    empty.prepare()
    briefing = make(empty, state)
    assert "Không có bài nào" in digest.as_html(briefing)
    for form in ("html", "docx", "xlsx"):
        assert digest.render(briefing, form)  # type: ignore[arg-type]
    empty.close()


def test_it_is_queued_once_per_day_and_recipient(engine: SearchEngine, state: State) -> None:
    briefing = make(engine, state)
    assert digest.queue(state, briefing, OFFICE, NOW) == 2
    assert digest.queue(state, briefing, OFFICE, NOW + timedelta(hours=1)) == 0
    with state.session() as session:
        rows = {row.recipient: (row.status, row.message) for row in session.scalars(select(OutboxMessage))}
    assert {recipient: status for recipient, (status, _) in rows.items()} == {
        "a@example.vn": "waiting",
        "b@example.vn": "waiting",
        "không-phải": "failed",
    }
    message = message_from_bytes(rows["a@example.vn"][1], policy=policy.default)
    assert [part.get_filename() for part in message.iter_attachments()] == ["diem-bao-2026-11-21.docx", "diem-bao-2026-11-21.xlsx"]  # type: ignore[attr-defined]
    assert str(message["Subject"]).startswith("Điểm báo ngày 21/11/2026: ")
