"""The morning briefing: what stands in it and why, its forms, and once per day and recipient."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path

import docx
import pytest
from sqlalchemy import select

from alerts.briefing import documents, kept
from alerts.briefing.content import compile_stories, importance, propose_department
from alerts.briefing.sending import queue_briefing
from alerts.briefing.words import Language
from alerts.health.kept import note
from alerts.source_trouble import read_troubles
from diembao.alert import Alert, Evidence
from diembao.article import CriticalOf
from diembao.engine import SearchEngine
from diembao.errors import ConfigError
from diembao.settings import PROJECT, BriefingTimes, Department, Mail, Office, Person
from diembao.source_round import SourceRound
from diembao.state import AlertMute, AlertRecord, FetchState, OutboxMessage, Run, State, StoryResponse
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import NOW, article, polluted_river, quiet_weeks

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
NAMES = {"bao-song-tien": "Báo Sông Tiền"}
TODAY = date(2026, 11, 21)
OFFICE = Office(
    name="Văn phòng",
    province="Đồng Tháp",
    mail=Mail(recipients=("a@example.vn", "b@example.vn", "không-phải")),
    departments=(Department(name="Sở Nông nghiệp và Môi trường", name_en="Department of Agriculture", fields=("environment",)),),
)


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


def make(engine: SearchEngine, state: State, language: Language = "vi", office: Office = OFFICE) -> documents.Printed:
    draft = kept.compose(state, engine, office, TAXONOMY, NOW, NAMES)
    return documents.printed(draft, office, TAXONOMY, language)


def mails(state: State) -> dict[str, OutboxMessage]:
    with state.session() as session:
        rows = {row.recipient: row for row in session.scalars(select(OutboxMessage))}
        session.expunge_all()
    return rows


def test_stories_stand_once_under_their_field_the_most_important_first(engine: SearchEngine, state: State) -> None:
    briefing = make(engine, state)
    sections = {section.name: section for section in briefing.sections}
    river = sections["Tài nguyên và môi trường"]
    assert river.department == "Sở Nông nghiệp và Môi trường"
    assert (river.items[0].outlets[0], river.items[0].articles, river.items[0].is_negative) == ("Báo Sông Tiền", 7, True)
    assert "doc-bao" in river.items[0].outlets, "the outlet of a reprint carries the story too"
    assert sum("Ba Rài" in item.title or "Cai Lậy" in item.title for item in river.items) == 1
    first = sections["An ninh trật tự và an toàn giao thông"].items[0]
    assert (first.critical, first.link) == ("phê phán cơ quan nhà nước", "")
    assert briefing.critical == 1
    assert briefing.articles >= 8
    assert all(a.weight >= b.weight for section in briefing.sections for a, b in zip(section.items, section.items[1:], strict=False))


def test_local_criticism_comes_before_what_every_national_outlet_has() -> None:
    def weight(critical: str, is_here: bool, outlets: int) -> float:
        reasons = importance(critical=critical, is_negative=True, is_here=is_here, outlets=outlets)
        return sum(reason.points for reason in reasons)

    assert weight("authority", True, 1) > weight("", False, 60)
    assert weight("authority", True, 1) > weight("authority", False, 4)
    assert weight("", True, 8) > weight("", True, 2)
    assert weight("", False, 1000) == weight("", False, 16), "there is a most that outlets can add"


def test_an_open_alert_and_a_missing_answer_make_a_story_more_important(engine: SearchEngine, state: State) -> None:
    before = {item.title: item.weight for section in make(engine, state).sections for item in section.items}
    evidence = Evidence(article_id="a90000", title="", url="", source="", published_at=None)
    alert = Alert(
        id="x", rule="r", kind="k", series="s", title="T", window_start=NOW, window_end=NOW, evaluated_at=NOW, observed=1, expected=0,
        probability=0, evidence=[evidence],
    )  # fmt: skip
    with state.session() as session:
        session.add(
            AlertRecord(id="x", rule="r", series="s", state="open", started_at=NOW, updated_at=NOW, alert=alert.model_dump(mode="json"))
        )
        session.add(StoryResponse(story="river", status="assigned", briefed_at=NOW, updated_at=NOW))
    briefing = make(engine, state)
    after = {item.title: item.weight for section in briefing.sections for item in section.items}
    changed = {title: after[title] - weight for title, weight in before.items() if after[title] != weight}
    assert list(changed.values()) == [4.0]
    assert briefing.alerts == ("T",)


def test_the_closest_department_is_proposed() -> None:
    office = Office(
        departments=(
            Department(name="Sở Y tế", topics=("health",)),
            Department(name="Sở Nông nghiệp và Môi trường", fields=("environment",)),
            Department(name="UBND thành phố Cao Lãnh", places=("Thành phố Cao Lãnh",)),
            Department(name="Đội môi trường Cao Lãnh", fields=("environment",), places=("Thành phố Cao Lãnh",)),
        )
    )

    def proposed(section: str, topic: str, *places: str) -> str:
        return propose_department(office, TAXONOMY, section, topic, places)

    assert proposed("", "health") == "Sở Y tế"
    assert proposed("environment", "environment") == "Sở Nông nghiệp và Môi trường"
    assert proposed("environment", "environment", "Thành phố Cao Lãnh") == "Đội môi trường Cao Lãnh"
    assert proposed("", "sport", "Thành phố Cao Lãnh") == "UBND thành phố Cao Lãnh"
    assert proposed("trade", "trade") == "Sở Công Thương", "the taxonomy's own, where no department is named"
    assert proposed("", "world") == ""


def test_what_was_found_only_now_is_in_it_and_what_the_last_one_had_is_not(engine: SearchEngine) -> None:
    old = article(80000, "trade", "neutral", NOW - timedelta(hours=40), "bao-dong-bang", "Đăng hôm kia, hôm nay mới thấy")
    engine.upsert([old.with_fields(first_seen_at=NOW - timedelta(hours=1))])
    ancient = article(80001, "trade", "neutral", NOW - timedelta(days=9), "bao-dong-bang", "Kho lưu trữ đăng lại")
    engine.upsert([ancient.with_fields(first_seen_at=NOW - timedelta(hours=1))])
    titles = {story.title for story in compile_stories(engine, OFFICE, TAXONOMY, NOW - timedelta(hours=24), NOW).stories}
    assert "Đăng hôm kia, hôm nay mới thấy" in titles
    assert "Kho lưu trữ đăng lại" not in titles
    known = compile_stories(engine, OFFICE, TAXONOMY, NOW - timedelta(minutes=30), NOW).stories
    assert "Đăng hôm kia, hôm nay mới thấy" not in {story.title for story in known}


def test_html_is_escaped(engine: SearchEngine, state: State) -> None:
    html = documents.as_html(make(engine, state))
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<i>Lỗi" not in html
    assert "javascript:" not in html
    assert "Điểm báo ngày 21/11/2026" in html


def test_labels_are_in_the_readers_language(engine: SearchEngine, state: State) -> None:
    briefing = make(engine, state, "en")
    html, text = documents.as_html(briefing), documents.as_text(briefing)
    for wanted in ("Press briefing of 21/11/2026", "What we may have missed", "Negative", "Department of Agriculture"):
        assert wanted in html
    assert "Not assigned" in "\n".join(p.text for p in docx.Document(BytesIO(documents.as_docx(briefing))).paragraphs)
    for vietnamese in ("Điểm báo ngày", "Có thể còn thiếu", "Tiêu cực", "Chưa giao", "bài</div>"):
        assert vietnamese not in html
        assert vietnamese.upper() not in text


def test_docx_has_the_stories_and_survives_hostile_text(engine: SearchEngine, state: State) -> None:
    document = docx.Document(BytesIO(documents.as_docx(make(engine, state))))
    text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    for wanted in ("Điểm báo ngày 21/11/2026", "Đơn vị phụ trách: Sở Nông nghiệp và Môi trường", "<script>", "Có thể còn thiếu",
                   "Tình trạng xử lý: Chưa giao"):  # fmt: skip
        assert wanted in text
    assert "{{" not in text
    assert "{%" not in text
    targets = {relation.target_ref for relation in document.part.rels.values() if relation.is_external}
    assert "https://bao-song-tien.vn/90000.html" in targets
    assert not any(target.startswith("javascript") for target in targets)


def test_xlsx_holds_no_formula(engine: SearchEngine, state: State) -> None:
    with zipfile.ZipFile(BytesIO(documents.as_xlsx(make(engine, state)))) as book:
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
    assert documents.template_in(tmp_path) == own
    assert documents.template_in(tmp_path / "none") == documents.TEMPLATE
    briefing = make(engine, state)
    text = docx.Document(BytesIO(documents.as_docx(briefing, own))).paragraphs[0].text
    assert text == f"UBND TỈNH – {briefing.stories} việc"
    own.write_bytes(b"not a document")
    with pytest.raises(ConfigError, match=r"briefing\.docx"):
        documents.as_docx(briefing, own)


def test_the_shipped_template_is_what_its_generator_writes(tmp_path: Path) -> None:
    from alerts.briefing.template import write_template

    write_template(tmp_path / "new.docx")
    texts = [[p.text for p in docx.Document(str(path)).paragraphs] for path in (tmp_path / "new.docx", documents.TEMPLATE)]
    assert texts[0] == texts[1]


def test_silent_failing_and_missing_are_told_apart(state: State) -> None:
    def seen(source: str, role: str, number: int, days_ago: float, failures: int = 0) -> FetchState:
        at = NOW - timedelta(days=days_ago)
        return FetchState(url=f"https://{source}/{role}/{number}", source=source, role=role, first_seen_at=at, failures=failures)

    with state.session() as session:
        for day in range(1, 7):
            session.add(seen("fell-silent", "article", day, day + 0.5))
            session.add(seen("always-there", "article", day, day - 0.5))
            session.add(seen("broken", "article", day, day + 0.5))
        session.add(seen("rare", "article", 1, 3.5))
        session.add(seen("broken", "feed", 1, 30, failures=5))
        session.add(seen("half", "feed", 1, 30, failures=2))
        session.add(seen("half", "sitemap", 1, 30))
        session.add(
            AlertRecord(id="s", rule="silent", series="rule-says", state="open", started_at=NOW - timedelta(days=2), updated_at=NOW,
                        alert={"kind": "silent_source"})
        )  # fmt: skip
        note(session, [SourceRound("broken", "r", NOW, polls=1, failed=1, problem="the feed cannot be had: 404")])
    found = read_troubles(state, NOW, {"broken": "Báo Hỏng"})
    assert [(one.source, one.kind) for one in found] == [
        ("broken", "broken"),
        ("half", "partly"),
        ("fell-silent", "silent"),
        ("rule-says", "silent"),
    ]
    assert found[0].line() == "Báo Hỏng: không đọc được, 5 lần liên tiếp (the feed cannot be had: 404)."
    assert found[0].since == NOW - timedelta(days=1.5)
    assert "diembao sources check broken" in found[0].advice("en")
    assert found[2].line("en") == "fell-silent: silent since 05:00 20/11/2026, steady before."
    later = read_troubles(state, NOW + timedelta(days=2))
    assert later[0].kind == "not_collected"
    assert "fell-silent" not in [one.source for one in later], "nothing is said of sources that nobody asked"


def test_an_empty_day_has_a_briefing_too(tmp_path: Path, state: State) -> None:
    empty = SqliteEngine(tmp_path / "empty.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml"))
    empty.prepare()
    briefing = make(empty, state)
    assert "Không có bài nào" in documents.as_html(briefing)
    for form in ("html", "docx", "xlsx"):
        assert documents.render(briefing, form)  # type: ignore[arg-type]
    empty.close()


def test_it_is_queued_once_per_day_and_recipient(engine: SearchEngine, state: State) -> None:
    for later, queued in ((timedelta(), 2), (timedelta(hours=1), 0)):
        day = kept.bring_up_to_date(state, engine, OFFICE, TAXONOMY, NOW + later, NAMES).day
        assert queue_briefing(state, OFFICE, TAXONOMY, day, NOW + later) == queued
    rows = mails(state)
    assert {recipient: row.status for recipient, row in rows.items()} == {
        "a@example.vn": "waiting",
        "b@example.vn": "waiting",
        "không-phải": "failed",
    }
    message = message_from_bytes(rows["a@example.vn"].message, policy=policy.default)
    assert [part.get_filename() for part in message.iter_attachments()] == ["diem-bao-2026-11-21.docx", "diem-bao-2026-11-21.xlsx"]  # type: ignore[attr-defined]
    assert str(message["Subject"]).startswith("Điểm báo ngày 21/11/2026: ")
    assert "/unsubscribe" in str(message["List-Unsubscribe"])


def test_everybody_gets_it_in_their_own_way(engine: SearchEngine, state: State) -> None:
    office = OFFICE.model_copy(
        update={
            "mail": Mail(recipients=("a@example.vn",)),
            "people": (
                Person(address="en@example.vn", language="en", fields=("environment",)),
                Person(address="none@example.vn", briefing=False),
                Person(address="asleep@example.vn", quiet="16:00-20:00"),
                Person(address="muted@example.vn"),
            ),
        }
    )
    with state.session() as session:
        session.add(AlertMute(recipient="muted@example.vn", rule="digest", series="", until=None, muted_at=NOW))
    kept.bring_up_to_date(state, engine, office, TAXONOMY, NOW, NAMES)
    assert queue_briefing(state, office, TAXONOMY, TODAY, NOW) == 3
    rows = mails(state)
    assert set(rows) == {"a@example.vn", "en@example.vn", "asleep@example.vn"}
    assert rows["asleep@example.vn"].next_attempt_at == NOW + timedelta(hours=3)
    message = message_from_bytes(rows["en@example.vn"].message, policy=policy.default)
    html = message.get_body(("html",)).get_content()  # type: ignore[attr-defined]
    assert "Press briefing of" in html
    assert "Natural resources and environment" in html
    assert "Public order" not in html


def test_the_next_one_begins_where_the_last_one_that_was_sent_ended(engine: SearchEngine, state: State) -> None:
    first = kept.bring_up_to_date(state, engine, OFFICE, TAXONOMY, NOW, NAMES)
    queue_briefing(state, OFFICE, TAXONOMY, first.day, NOW)
    later = NOW + timedelta(days=2, hours=3)
    engine.upsert(
        [article(91000, "environment", "neutral", NOW + timedelta(hours=20), "doc-bao", "Sông Ba Rài đã trong lại", story="river")]
    )
    second = kept.compose(state, engine, OFFICE, TAXONOMY, later, NAMES)
    assert (second.start, second.end) == (NOW, later)
    (item,) = [item for item in second.items if item.story.story == "river"]
    assert item.story.before == "2026-11-21"
    assert kept.compose(state, engine, OFFICE, TAXONOMY, NOW + timedelta(days=9), NAMES).start == NOW + timedelta(days=8)


def test_at_most_so_many_of_a_field_are_chosen_and_the_others_are_kept_for_choosing(engine: SearchEngine, state: State) -> None:
    office = OFFICE.model_copy(update={"briefing": BriefingTimes(most_per_field=1)})
    more = [article(60000 + n, "environment", "neutral", NOW - timedelta(hours=3), "doc-bao", f"Việc thứ {n}") for n in range(5)]
    engine.upsert(more)
    draft = kept.compose(state, engine, office, TAXONOMY, NOW, NAMES)
    environment = [item for item in draft.items if item.story.section == "environment"]
    assert [item.content.included for item in environment] == [True, False, False]
    (section,) = [one for one in documents.printed(draft, office, TAXONOMY).sections if one.name == "Tài nguyên và môi trường"]
    assert (len(section.items), section.more) == (1, draft.figures.sections["environment"] - 1)
