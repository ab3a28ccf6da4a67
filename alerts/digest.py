"""The morning briefing (điểm báo): by field and responsible department, copies folded, the most important first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import xlsxwriter
from docxtpl import DocxTemplate, RichText
from sqlalchemy import select

from alerts.mail import compose, message_id, one_line, safe_link, templates
from alerts.wording import local
from diembao.alert import Alert
from diembao.article import Article
from diembao.clock import vietnam_day
from diembao.engine import Filters, Hit, SearchEngine, SearchRequest
from diembao.errors import ConfigError, DeliveryError
from diembao.settings import Office
from diembao.state import AlertRecord, FetchState, OutboxMessage, Run, State
from diembao.taxonomy import Taxonomy

Format = Literal["html", "docx", "xlsx"]

SPAN = timedelta(hours=24)
TEMPLATE = Path(__file__).parent / "templates" / "briefing.docx"
OFFICE_TEMPLATE = "briefing.docx"
"""Name of the office's own template, in the folder of its alert rules; the shipped one is used where there is none."""
STATUSES = ("Chưa giao", "Đã giao", "Đã trả lời", "Không cần trả lời")
_ITEMS = 12
_MOST_ARTICLES = 5000
_TONES = {"negative": "Tiêu cực", "neutral": "Trung tính", "positive": "Tích cực"}
_CRITICAL = {"authority": "phê phán cơ quan nhà nước", "organisation": "phê phán tổ chức, doanh nghiệp"}


@dataclass(frozen=True)
class Item:
    """One story of the briefing, told by its first article; every text is one line without control characters.

    Attributes:
        title, lead, link: of the first article; `link` is empty when its address is not http(s).
        outlets: names of the outlets that carry it, the first publisher first.
        published: time of the first article on Vietnam's clock.
        tone: in Vietnamese; empty when the model abstains.
        critical: whom it criticises, in Vietnamese; empty when nobody.
        is_negative: for its colour.
        articles: how many articles, copies included.
        places: at most three.
        sentence: the sentence that made it negative or critical; empty otherwise.
        weight: its importance, for the order.
    """

    title: str
    lead: str
    link: str
    outlets: tuple[str, ...]
    published: str
    tone: str
    critical: str
    is_negative: bool
    articles: int
    places: tuple[str, ...]
    sentence: str
    weight: float


@dataclass(frozen=True)
class Section:
    """One field: its name, who answers for it, its stories, and how many more there were."""

    name: str
    department: str
    items: tuple[Item, ...]
    more: int
    negative: int


@dataclass(frozen=True)
class Briefing:
    """What the press said in [start, end), aware UTC."""

    office: str
    start: datetime
    end: datetime
    stories: int
    articles: int
    negative: int
    critical: int
    sections: tuple[Section, ...]
    alerts: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    base_url: str = ""

    @property
    def title(self) -> str:
        """'Điểm báo ngày 21/11/2026'."""
        return f"Điểm báo ngày {local(self.end, '%d/%m/%Y')}"

    @property
    def summary(self) -> str:
        """One sentence with the numbers."""
        return (
            f"Từ {local(self.start, '%H:%M %d/%m')} đến {local(self.end, '%H:%M %d/%m/%Y')}: "
            f"{self.stories} sự việc trong {self.articles} bài, "
            f"{self.negative} sự việc tiêu cực, {self.critical} sự việc phê phán cơ quan nhà nước."
        )


def brief(
    engine: SearchEngine, state: State, office: Office, taxonomy: Taxonomy, now: datetime, names: Mapping[str, str] | None = None
) -> Briefing:
    """The briefing of the 24 hours before `now`.

    Args:
        engine: read only.
        state: what was fetched, for the gaps, and the alert log.
        office: its name, its province (stories about it come first) and the address of its pages.
        taxonomy: fields in their order, with departments.
        now: aware UTC.
        names: names of the sources by id.

    Raises:
        EngineError: when the engine fails.
        StateError: when the database fails.
    """
    names = names or {}
    start = now - SPAN
    stories: dict[str, list[Hit]] = {}
    articles = 0
    for hit in _read(engine, Filters(published_from=start, published_to=now)):
        stories.setdefault(hit.article.story_id or hit.article.id, []).append(hit)
        articles += 1 + hit.copies
    by_field: dict[str, list[Item]] = {code: [] for code in [*taxonomy.fields, ""]}
    critical = 0
    for hits in stories.values():
        item, topic, of_authority = _item(hits, office.province, names)
        fields = taxonomy.fields_of(topic) if topic else []
        by_field[fields[0] if fields else ""].append(item)
        critical += of_authority
    sections = []
    for code, items in by_field.items():
        if not items:
            continue
        items.sort(key=lambda item: (-item.weight, item.published, item.title))
        entry = taxonomy.fields.get(code)
        name, department = (entry.name.vi, entry.department) if entry else ("Lĩnh vực khác", "")
        shown = tuple(items[:_ITEMS])
        sections.append(Section(name, department, shown, len(items) - len(shown), sum(item.is_negative for item in items)))
    return Briefing(
        office=one_line(office.name, 150),
        start=start,
        end=now,
        stories=len(stories),
        articles=articles,
        negative=sum(section.negative for section in sections),
        critical=critical,
        sections=tuple(sections),
        alerts=_open_alerts(state),
        gaps=gaps(state, now, names),
        base_url=office.base_url,
    )


def gaps(state: State, now: datetime, names: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What may have been missed in the last 24 hours, one Vietnamese line each: no crawl, sources that fail, sources that fell silent.

    A source is silent when it had a new article on at least four of the seven days before and has none now.
    """
    names = names or {}
    lines = []
    with state.session() as session:
        last = session.scalar(select(Run.ended_at).where(Run.ended_at.is_not(None)).order_by(Run.ended_at.desc()).limit(1))
        if last is None or now - last > SPAN:
            lines.append(
                f"Chưa thu thập từ {local(last, '%H:%M %d/%m/%Y')}; tin sau đó không có ở đây." if last else "Chưa thu thập lần nào."
            )
        failing: Counter[str] = Counter()
        working: set[str] = set()
        for source, failures in session.execute(select(FetchState.source, FetchState.failures).where(FetchState.role != "article")):
            if failures:
                failing[source] = max(failing[source], failures)
            else:
                working.add(source)
        for source, failures in sorted(failing.items()):
            part = "một phần " if source in working else ""
            lines.append(f"{one_line(names.get(source, source), 80)}: {part}không đọc được, {failures} lần liên tiếp.")
        days: dict[str, set[int]] = {}
        recent = select(FetchState.source, FetchState.first_seen_at).where(
            FetchState.role == "article", FetchState.first_seen_at > now - 8 * SPAN
        )
        for source, seen in session.execute(recent):
            if seen <= now:
                days.setdefault(source, set()).add((now - seen) // SPAN)
    for source, seen_on in sorted(days.items()):
        if 0 not in seen_on and len(seen_on) >= 4 and source not in failing:
            lines.append(f"{one_line(names.get(source, source), 80)}: im lặng 24 giờ qua, trước đó gần như ngày nào cũng có bài.")
    return tuple(lines)


def as_html(briefing: Briefing) -> str:
    """The briefing as one HTML page, styles in a block."""
    return templates().get_template("digest.html").render(briefing=briefing)


def as_text(briefing: Briefing) -> str:
    """The briefing as plain text."""
    return templates().get_template("digest.txt").render(briefing=briefing)


def as_docx(briefing: Briefing, template: Path = TEMPLATE) -> bytes:
    """The briefing as DOCX from a docxtpl template.

    Raises:
        ConfigError: when the template cannot be used.
    """
    document = DocxTemplate(template)
    try:
        document.render(_docx_context(document, briefing), autoescape=True)
        buffer = BytesIO()
        document.save(buffer)
    except Exception as error:  # docxtpl, jinja and zipfile raise anything for a broken template
        raise ConfigError(f"{template}: {one_line(str(error), 200)}", "Copy alerts/templates/briefing.docx and edit that") from error
    return buffer.getvalue()


def as_xlsx(briefing: Briefing) -> bytes:
    """The briefing as XLSX: one row per story. Text from the web is stored as text, so nothing in it is ever a formula."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": briefing.title, "author": briefing.office})
    bold, wrap, head = (
        book.add_format({"bold": True, "font_size": 14}),
        book.add_format({"text_wrap": True, "valign": "top"}),
        book.add_format(
            {"bold": True, "bg_color": "#1f5f99", "font_color": "#ffffff", "text_wrap": True, "valign": "vcenter", "border": 1}
        ),
    )
    red = book.add_format({"text_wrap": True, "valign": "top", "font_color": "#a32020"})
    link = book.add_format({"text_wrap": True, "valign": "top", "font_color": "#1f5f99", "underline": 1})
    sheet = book.add_worksheet("Điểm báo")
    sheet.write_string(0, 0, f"{briefing.title} – {briefing.office}", bold)
    sheet.write_string(1, 0, briefing.summary)
    columns = (("Lĩnh vực", 22), ("Đơn vị phụ trách", 24), ("Tiêu đề", 52), ("Tóm tắt", 60), ("Đăng đầu tiên", 20), ("Các báo", 30),
               ("Thời gian", 16), ("Sắc thái", 11), ("Phê phán", 22), ("Số bài", 8), ("Địa bàn", 24),
               ("Tình trạng xử lý", 18), ("Địa chỉ", 40))  # fmt: skip
    for column, (name, width) in enumerate(columns):
        sheet.set_column(column, column, width)
        sheet.write_string(3, column, name, head)
    row = 4
    for section in briefing.sections:
        for item in section.items:
            texts = (section.name, section.department, item.title, item.lead, next(iter(item.outlets), ""), ", ".join(item.outlets),
                     item.published, item.tone, item.critical)  # fmt: skip
            for column, text in enumerate(texts):
                sheet.write_string(row, column, text, red if column == 7 and item.is_negative else wrap)
            sheet.write_number(row, 9, item.articles, wrap)
            sheet.write_string(row, 10, ", ".join(item.places), wrap)
            sheet.write_string(row, 11, STATUSES[0], wrap)
            if item.link and len(item.link) < 2000:
                sheet.write_url(row, 12, item.link, link, item.link[:250])
            row += 1
    if row > 4:
        sheet.data_validation(4, 11, row - 1, 11, {"validate": "list", "source": list(STATUSES)})
        sheet.autofilter(3, 0, row - 1, len(columns) - 1)
    sheet.freeze_panes(4, 3)
    missed = book.add_worksheet("Có thể còn thiếu")
    missed.set_column(0, 0, 110)
    for index, line in enumerate(briefing.gaps or ("Không thấy nguồn nào im lặng hay hỏng.",)):
        missed.write_string(index, 0, line, wrap)
    book.close()
    return buffer.getvalue()


def render(briefing: Briefing, form: Format, template: Path = TEMPLATE) -> bytes:
    """The briefing in one of the formats."""
    if form == "docx":
        return as_docx(briefing, template)
    return as_xlsx(briefing) if form == "xlsx" else as_html(briefing).encode()


def template_in(folder: Path) -> Path:
    """The office's own DOCX template in `folder`, or the shipped one."""
    own = folder / OFFICE_TEMPLATE
    return own if own.exists() else TEMPLATE


def queue(state: State, briefing: Briefing, office: Office, now: datetime, template: Path = TEMPLATE) -> int:
    """Queue the briefing for every recipient, with DOCX and XLSX; once per day (Vietnam) and recipient.

    Returns:
        How many messages were queued: 0 the second time on a day.

    Raises:
        ConfigError: when the template cannot be used.
        StateError: when the database fails.
    """
    day = vietnam_day(briefing.end)
    with state.session() as session:
        keys = {recipient: f"digest:{day.isoformat()}:{recipient}"[:200] for recipient in dict.fromkeys(office.mail.recipients)}
        keys = {recipient: key for recipient, key in keys.items() if session.get(OutboxMessage, key) is None}
        if not keys:
            return 0
        html, text = as_html(briefing), as_text(briefing)
        stem = f"diem-bao-{day.isoformat()}"
        attachments: Sequence[tuple[str, str, bytes]] = (
            (f"{stem}.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", as_docx(briefing, template)),
            (f"{stem}.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", as_xlsx(briefing)),
        )
        subject = f"{briefing.title}: {briefing.stories} sự việc, {briefing.negative} tiêu cực"
        queued = 0
        for recipient, key in keys.items():
            row = OutboxMessage(key=key, recipient=recipient[:320], attempts=0, created_at=now, next_attempt_at=now)
            try:
                mail = compose(office, recipient, key, now, subject, text, html, attachments)
                row.message_id, row.message = mail.message_id, mail.content
                queued += 1
            except DeliveryError as error:
                row.message_id, row.message, row.status, row.error = message_id(key, office.mail.sender)[:200], b"", "failed", str(error)
            session.add(row)
        return queued


def _read(engine: SearchEngine, filters: Filters) -> list[Hit]:
    hits: list[Hit] = []
    cursor: str | None = None
    while len(hits) < _MOST_ARTICLES:
        result = engine.search(SearchRequest(filters=filters, sort="time", limit=500, after=cursor, facets=False, highlight=False))
        hits.extend(result.hits)
        cursor = result.cursor
        if cursor is None or not result.hits:
            break
    return hits


def _item(hits: Sequence[Hit], province: str | None, names: Mapping[str, str]) -> tuple[Item, str, bool]:
    """(the item, its main topic, whether an authority is criticised)."""
    ordered = sorted(hits, key=lambda hit: (hit.article.published_at is None, hit.article.published_at, hit.article.id))
    articles = [hit.article for hit in ordered]
    first = articles[0]
    negative = [a for a in articles if a.sentiment and a.sentiment.label == "negative"]
    is_negative = 2 * len(negative) >= len(articles)
    critics = [a for a in articles if a.critical_of and a.critical_of.label in _CRITICAL and a.critical_of.confident]
    whom = Counter(a.critical_of.label for a in critics if a.critical_of).most_common(1)
    topics = Counter(a.topics[0].code for a in articles if a.topics)
    here = province is not None and any(place.province == province for a in articles for place in a.places)
    outlets = tuple(dict.fromkeys(one_line(names.get(a.source, a.source), 60) for a in articles if a.source))
    count = len(articles) + sum(hit.copies for hit in hits)
    of_authority = bool(whom and whom[0][0] == "authority")
    item = Item(
        title=one_line(first.title, 250) or "(không có tiêu đề)",
        lead=one_line(first.lead or first.body, 350),
        link=safe_link(first.url),
        outlets=outlets,
        published=local(first.published_at, "%H:%M %d/%m") if first.published_at else "",
        tone=_tone(first, is_negative),
        critical=_CRITICAL[whom[0][0]] if whom else "",
        is_negative=is_negative,
        articles=count,
        places=tuple(dict.fromkeys(one_line(place.name, 60) for a in articles for place in a.places))[:3],
        sentence=_sentence(negative, critics),
        weight=3.0 * of_authority + 2.0 * is_negative + 2.0 * here + min(len(outlets), 10) + 0.1 * min(count, 50),
    )
    return item, topics.most_common(1)[0][0] if topics else "", of_authority


def _tone(first: Article, is_negative: bool) -> str:
    if is_negative:
        return _TONES["negative"]
    return _TONES[first.sentiment.label] if first.sentiment and first.sentiment.confident else ""


def _sentence(negative: Sequence[Article], critics: Sequence[Article]) -> str:
    told = [a.critical_of.sentences for a in critics if a.critical_of] + [a.sentiment.sentences for a in negative if a.sentiment]
    return next((one_line(sentences[0], 320) for sentences in told if sentences), "")


def _open_alerts(state: State) -> tuple[str, ...]:
    with state.session() as session:
        records = session.scalars(select(AlertRecord).where(AlertRecord.state == "open").order_by(AlertRecord.started_at))
        return tuple(one_line(Alert.model_validate(record.alert).title) for record in records)


def _docx_context(document: Any, briefing: Briefing) -> dict[str, Any]:
    def linked(item: Item) -> RichText:
        text = RichText()
        text.add(item.title, bold=True, color="a32020" if item.is_negative else "1f3f5f",
                 **({"url_id": document.build_url_id(item.link)} if item.link else {}))  # fmt: skip
        return text

    sections = [
        {
            "name": section.name,
            "department": section.department,
            "more": section.more,
            "items": [
                {"item": item, "title": linked(item), "outlets": ", ".join(item.outlets), "places": ", ".join(item.places)}
                for item in section.items
            ],
        }
        for section in briefing.sections
    ]
    return {"briefing": briefing, "sections": sections, "gaps": briefing.gaps or ("Không thấy nguồn nào im lặng hay hỏng.",)}
