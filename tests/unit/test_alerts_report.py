"""The weekly and the monthly report: its numbers, its comparison with the periods before, and its forms."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path
from random import Random

import docx
import pytest
from sqlalchemy import select

from alerts.report import documents
from alerts.report.figures import FEWEST, FieldRow, Report, read_report
from alerts.report.period import last_complete, period_of
from alerts.report.sending import queue_report
from diembao.article import CriticalOf
from diembao.engine import SearchEngine
from diembao.errors import ConfigError
from diembao.settings import PROJECT, Department, Mail, Office, Person
from diembao.state import AlertGrade, AlertRecord, BriefingItem, BriefingRecord, OutboxMessage, State, StoryResponse
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import article

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
OFFICE = Office(
    name="Văn phòng",
    province="Đồng Tháp",
    mail=Mail(recipients=("a@example.vn",)),
    people=(Person(address="en@example.vn", language="en"), Person(address="none@example.vn", reports=False)),
    departments=(Department(name="Sở Nông nghiệp và Môi trường", name_en="Department of Agriculture", fields=("environment",)),),
)
MONDAY = date(2026, 11, 16)
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)  # Monday, 08:00 in Vietnam
NAMES = {"bao-song-tien": "Báo Sông Tiền"}


def fill(engine: SearchEngine) -> None:
    """Five weeks of 15 articles a day, one in five negative; in the last week the environment is mostly so, and one event is large."""
    rng = Random(3)
    week = period_of("weekly", MONDAY)
    found = []
    number = 0
    for day in range(-28, 7):
        for hour in range(1, 16):
            number += 1
            topic = ("environment", "security", "health")[number % 3]
            share = 0.75 if topic == "environment" and day >= 0 else 0.2
            tone = "negative" if rng.random() < share else "neutral"
            at = week.start + timedelta(days=day, hours=hour)
            found.append(article(number, topic, tone, at, ("bao-song-tien", "bao-dong-bang")[number % 2]))
    for copy in range(8):
        at = week.start + timedelta(days=2, hours=3, minutes=copy)
        found.append(article(90000 + copy, "environment", "negative", at, f"bao-{copy}", "Cá chết trắng sông Ba Rài", story="river"))
    blame = article(91000, "security", "negative", week.start + timedelta(days=3), "bao-0", "Dân chờ hồ sơ đất =1+1")
    found.append(blame.model_copy(update={"critical_of": CriticalOf(label="authority", sentences=["Chưa ai trả lời dân."])}))
    engine.upsert(found)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchEngine]:
    folder = tmp_path_factory.mktemp("report")
    opened = SqliteEngine(folder / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    opened.prepare()
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def make(engine: SearchEngine, state: State, now: datetime = NOW, kind: str = "weekly", day: date = MONDAY) -> Report:
    return read_report(engine, state, OFFICE, TAXONOMY, period_of(kind, day), now, NAMES)  # type: ignore[arg-type]


def test_weeks_and_months_are_vietnams() -> None:
    week = last_complete("weekly", NOW)
    assert (week.first, week.after, week.key) == (MONDAY, date(2026, 11, 23), "2026-W47")
    assert week.start == datetime(2026, 11, 15, 17, tzinfo=UTC)
    assert last_complete("weekly", datetime(2026, 11, 22, 16, 59, tzinfo=UTC)).first == date(2026, 11, 9)
    assert last_complete("monthly", datetime(2026, 2, 28, 17, 0, tzinfo=UTC)).key == "2026-02"
    assert period_of("weekly", date(2027, 1, 1)).key == "2026-W53"


def test_the_numbers_are_those_of_the_engine(engine: SearchEngine, state: State) -> None:
    report = make(engine, state)
    assert report.everything.total == 7 * 15 + 9
    assert [total for total, _ in report.everything.before] == [105] * 4
    assert sum(day.total for day in report.days) == report.everything.total
    assert [day.day for day in report.days] == report.period.days
    by_code = {row.code: row for row in report.fields}
    assert by_code["environment"].total == 35 + 8
    assert sum(row.total for row in report.fields) == report.everything.total
    assert (report.biggest[0].story, report.biggest[0].articles, len(report.biggest[0].outlets)) == ("river", 8, 8)
    assert [story.title for story in report.critical] == ["Dân chờ hồ sơ đất =1+1"]
    first = {row.name: row for row in report.outlets}
    assert first["Báo Sông Tiền"].total + first["bao-dong-bang"].total == 105
    assert report.outlets[0].total >= report.outlets[-1].total


def test_only_what_is_out_of_the_usual_is_called_so(engine: SearchEngine, state: State) -> None:
    verdicts = {row.code: row.verdict for row in make(engine, state).fields}
    assert verdicts["environment"] == "higher"
    assert verdicts["security"] == "usual"
    assert verdicts["trade"] == "unknown"


@pytest.mark.parametrize(
    ("total", "negative", "before", "verdict"),
    [
        (FEWEST - 1, 18, ((100, 10),) * 4, "unknown"),
        (100, 60, ((100, 10),), "unknown"),
        (100, 60, ((5, 0), (3, 0), (100, 10)), "unknown"),
        (100, 60, ((100, 10), (100, 12), (90, 14)), "higher"),
        (100, 1, ((100, 40), (100, 42), (90, 40)), "lower"),
        (100, 14, ((100, 10), (100, 12), (90, 9)), "usual"),
        (100, 30, ((100, 5), (100, 35)), "usual"),
        (100, 0, ((100, 0), (100, 0)), "usual"),
    ],
)  # fmt: skip
def test_a_share_is_compared_with_care(total: int, negative: int, before: tuple[tuple[int, int], ...], verdict: str) -> None:
    assert FieldRow("x", total, negative, before).verdict == verdict


def test_chance_alone_is_seldom_called_higher_or_lower() -> None:
    rng = Random(11)
    called = 0
    for _ in range(2000):
        weeks = [(60, sum(rng.random() < 0.2 for _ in range(60))) for _ in range(5)]
        called += FieldRow("x", *weeks[-1], tuple(weeks[:-1])).verdict != "usual"
    assert called / 2000 < 0.01


def test_weeks_without_collecting_are_not_compared_with(engine: SearchEngine, state: State) -> None:
    report = make(engine, state, day=MONDAY - timedelta(days=21))
    assert report.everything.before == ((105, report.everything.before[0][1]),)
    assert all(len(row.before) == 1 for row in report.fields)
    empty = make(engine, state, day=date(2026, 9, 7))
    assert (empty.everything.total, empty.stories, empty.everything.share) == (0, 0, None)
    assert "Không có bài nào" in documents.as_html(documents.printed(empty, OFFICE, TAXONOMY))
    assert documents.as_docx(documents.printed(empty, OFFICE, TAXONOMY))


def test_a_period_that_goes_on_says_so(engine: SearchEngine, state: State) -> None:
    report = make(engine, state, now=datetime(2026, 11, 18, 5, tzinfo=UTC))
    assert not report.is_over
    assert "Kỳ này chưa hết: số liệu đến 12:00 18/11/2026." in documents.as_text(documents.printed(report, OFFICE, TAXONOMY))
    assert report.everything.total < 60


def logged(name: str, began: datetime) -> AlertRecord:
    return AlertRecord(id=name, rule="r", series="s", state="closed", started_at=began, updated_at=NOW, alert={})


def respond(state: State) -> None:
    start = period_of("weekly", MONDAY).start
    with state.session() as session:
        for number, (status, department, hours) in enumerate(
            [("answered", "Sở X", 4.0), ("answered", "Sở X", 10.0), ("assigned", "", None), ("new", "", None), ("not_needed", "Sở X", None)]
        ):
            story = f"s{number}"
            session.add(
                StoryResponse(
                    story=story, status=status, department=department, briefed_at=start + timedelta(days=1), updated_at=start,
                    assigned_at=start + timedelta(days=1) if status == "assigned" else None,
                    answered_at=start + timedelta(days=1, hours=hours) if hours else None,
                )
            )  # fmt: skip
            compiled = {"story": story, "article": story, "title": f"Việc <b>{number}", "department": "Sở Nông nghiệp và Môi trường"}
            session.add(BriefingItem(day="2026-11-17", key=story, story=story, section="", rank=number, compiled=compiled))
        session.add(BriefingRecord(day="2026-11-17", start=start, end=start + timedelta(days=1), figures={}, sent_at=start))
        session.add(BriefingRecord(day="2026-11-18", start=start, end=start + timedelta(days=1), figures={}))
        for number, verdict in enumerate(("useful", "useful", "noise", "")):
            session.add(logged(f"a{number}", start + timedelta(days=number)))
            if verdict:
                session.add(AlertGrade(alert_id=f"a{number}", recipient="x", rule="r", verdict=verdict, graded_at=NOW))
        session.add(
            AlertRecord(id="old", rule="r", series="s", state="open", started_at=start - timedelta(days=1), updated_at=NOW, alert={})
        )


def test_what_was_answered_and_how_quickly(engine: SearchEngine, state: State) -> None:
    respond(state)
    report = make(engine, state)
    assert [(row.name, row.briefed, row.answered, row.open, row.hours) for row in report.departments] == [
        ("Sở Nông nghiệp và Môi trường", 2, 0, 1, None),
        ("Sở X", 2, 2, 0, 7.0),
    ]
    assert [(row.title, row.department, row.day) for row in report.open] == [("Việc <b>2", "Sở Nông nghiệp và Môi trường", "2026-11-17")]
    assert (report.hours, report.answered, report.briefings) == (7.0, 2, 1)
    assert [(row.rule, row.alerts, row.useful, row.noise, row.precision) for row in report.rules] == [("r", 4, 2, 1, 2 / 3)]


def test_what_was_not_collected_is_said_and_shaded(tmp_path: Path, state: State) -> None:
    holed = SqliteEngine(tmp_path / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    holed.prepare()
    fill(holed)
    start = period_of("weekly", MONDAY).start
    gone = [
        one.id for one in holed.scan() if one.published_at and start + timedelta(days=4) <= one.published_at < start + timedelta(days=6)
    ]
    holed.delete(gone)
    report = make(holed, state)
    holed.close()
    assert [day.missing_hours for day in report.days[:3]] == [0, 0, 0]
    assert [day.missing_hours for day in report.days[4:6]] == [24, 24]
    assert 48 <= report.missing_hours <= 60, "the silence begins with the last article of the evening before"
    text = documents.as_text(documents.printed(report, OFFICE, TAXONOMY, "en"))
    assert f"Nothing was collected in {report.missing_hours} hours of the period." in text
    assert "Hatched days" in text


def test_html_and_docx_show_charts_that_are_told_in_words(engine: SearchEngine, state: State) -> None:
    respond(state)
    printed = documents.printed(make(engine, state), OFFICE, TAXONOMY)
    html = documents.as_html(printed)
    assert html.count('src="data:image/png;base64,') == 2
    assert "<b>2" not in html
    assert "Việc &lt;b&gt;2" in html
    for chart in printed.charts:
        assert struct.unpack(">II", chart.png[16:24])[0] == 1120
    document = docx.Document(BytesIO(documents.as_docx(printed)))
    described = [shape._inline.docPr.get("descr") for shape in document.inline_shapes]
    assert described == [chart.text for chart in printed.charts]
    assert "nhiều nhất" in described[0]
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert "Tài nguyên và môi trường" in cells
    assert "cao hơn hẳn" in cells
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    assert "{" not in text
    assert "{" not in "".join(cells)
    assert "Báo cáo tuần 16/11 – 22/11/2026" in text


def test_it_is_mailed_once_in_each_ones_language(engine: SearchEngine, state: State) -> None:
    report = make(engine, state)
    assert queue_report(state, report, OFFICE, TAXONOMY, NOW) == 2
    assert queue_report(state, report, OFFICE, TAXONOMY, NOW + timedelta(days=1)) == 0
    with state.session() as session:
        rows = {row.recipient: message_from_bytes(row.message, policy=policy.default) for row in session.scalars(select(OutboxMessage))}
    assert {to: str(mail["Subject"]) for to, mail in rows.items()} == {
        "a@example.vn": "Báo cáo tuần 16/11 – 22/11/2026",
        "en@example.vn": "Weekly report 16/11 – 22/11/2026",
    }
    mail = rows["en@example.vn"]
    assert [part.get_filename() for part in mail.iter_attachments()] == ["report-2026-W47.docx"]  # type: ignore[attr-defined]
    html = mail.get_body(("html",)).get_content()  # type: ignore[attr-defined]
    named = {part["Content-ID"].strip("<>") for part in mail.walk() if part["Content-ID"]}
    assert named == {"days@diembao", "shares@diembao"}
    assert all(f"cid:{name}" in html for name in named)
    assert "clearly higher" in html
    assert "cao hơn hẳn" not in html


def test_an_office_brings_its_own_template(engine: SearchEngine, state: State, tmp_path: Path) -> None:
    printed = documents.printed(make(engine, state), OFFICE, TAXONOMY)
    own = tmp_path / "report.docx"
    letter = docx.Document()
    letter.add_paragraph("UBND – {{ report.title }}")
    letter.save(str(own))
    assert documents.template_in(tmp_path) == own
    assert docx.Document(BytesIO(documents.as_docx(printed, own))).paragraphs[0].text == f"UBND – {printed.title}"
    own.write_bytes(b"?")
    with pytest.raises(ConfigError, match=r"report\.docx"):
        documents.as_docx(printed, own)


def test_the_shipped_template_is_what_its_generator_writes(tmp_path: Path) -> None:
    from alerts.report.template import write_template

    write_template(tmp_path / "new.docx")
    texts = []
    for path in (tmp_path / "new.docx", documents.TEMPLATE):
        document = docx.Document(str(path))
        texts.append([p.text for p in document.paragraphs] + [c.text for t in document.tables for r in t.rows for c in r.cells])
    assert texts[0] == texts[1]


def test_a_month(engine: SearchEngine, state: State) -> None:
    report = make(engine, state, kind="monthly", day=date(2026, 11, 3))
    assert (len(report.days), report.period.key) == (30, "2026-11")
    assert documents.printed(report, OFFICE, TAXONOMY, "en").title == "Monthly report 11/2026"
    assert sum(day.total for day in report.days) == report.everything.total
