"""The briefing as HTML, plain text, DOCX and XLSX: what was chosen, as it was edited, in the reader's language."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import xlsxwriter
from docxtpl import DocxTemplate, RichText

from alerts.briefing.content import section_codes
from alerts.briefing.kept import Draft, Item
from alerts.briefing.words import STATUSES, Labels, Language
from alerts.mail import one_line, templates
from alerts.office_template import SHIPPED, filled
from alerts.office_template import template_in as office_template
from alerts.wording import local
from diembao.settings import Office
from diembao.taxonomy import Taxonomy

Format = Literal["html", "docx", "xlsx"]

OFFICE_TEMPLATE = "briefing.docx"
"""Name of the template; see alerts/office_template.py."""
TEMPLATE = SHIPPED / OFFICE_TEMPLATE

_MOST_NAMED = 3


@dataclass(frozen=True)
class Entry:
    """One story as it is printed; every text is in the reader's language or as the press wrote it.

    Attributes:
        title, text, link: `link` is empty when there is no address to go to.
        outlets: the first publisher first.
        published: time of the first article on Vietnam's clock.
        tone, critical: in words; empty: nothing to say.
        is_negative: for its colour.
        articles: how many, reprints included.
        places: at most three.
        department: who is to answer; empty when it is that of the section.
        before: that an earlier briefing had it.
        status, is_open: the response in words; whether somebody still has to answer.
        is_touched: whether staff said anything about the response.
        answer_link, note: where the answer is, and what staff noted about it.
        sentence, lead: what `text` was compiled from, for templates of offices that name them.
        weight: importance in points.
        responsible: the department, also when it is that of the section.
    """

    title: str
    text: str
    link: str
    outlets: tuple[str, ...]
    published: str
    tone: str
    critical: str
    is_negative: bool
    articles: int
    places: tuple[str, ...]
    department: str
    before: str
    status: str
    is_open: bool
    is_touched: bool
    answer_link: str
    note: str
    sentence: str
    lead: str
    weight: float
    responsible: str


@dataclass(frozen=True)
class Section:
    """One field: its name, who answers for it, its stories, and how many more there were."""

    name: str
    department: str
    items: tuple[Entry, ...]
    more: int


@dataclass(frozen=True)
class Printed:
    """The briefing for one language and choice of fields."""

    office: str
    title: str
    subject: str
    summary: str
    note: tuple[str, ...]
    alerts: tuple[str, ...]
    sections: tuple[Section, ...]
    gaps: tuple[str, ...]
    stories: int
    articles: int
    negative: int
    critical: int
    start: datetime
    end: datetime
    base_url: str
    page: str
    language: Language


def printed(draft: Draft, office: Office, taxonomy: Taxonomy, language: Language = "vi", fields: Collection[str] = ()) -> Printed:
    """What goes out of `draft`.

    Args:
        draft: the day's briefing.
        office: name and address of the pages, departments.
        taxonomy: names of the fields.
        language: of the labels.
        fields: codes of the fields that are wanted; empty: all.
    """
    t = Labels(language)
    sections = []
    for code in section_codes(taxonomy):
        if fields and code not in fields:
            continue
        chosen = [item for item in draft.chosen if item.story.section == code]
        entry = taxonomy.fields.get(code)
        more = draft.figures.sections.get(code, 0) - len(chosen)
        if chosen:
            department = _in_language(entry.department, office, language) if entry else ""
            name = entry.name.in_language(language) if entry else t("other")
            sections.append(Section(name, department, tuple(_entry(item, office, t, department) for item in chosen), max(0, more)))
    figures = draft.figures
    day = f"{draft.day.day:02}/{draft.day.month:02}/{draft.day.year}"
    title = t("title", day=day)
    gaps = [english if language == "en" else vietnamese for vietnamese, english in figures.gaps]
    if behind := [item for item in draft.left_behind if not fields or item.story.section in fields]:
        titles = "; ".join(item.content.title or t("no_title") for item in behind[:_MOST_NAMED])
        gaps.append(t("late", n=len(behind), titles=titles + ("…" if len(behind) > _MOST_NAMED else "")))
    base = office.base_url.rstrip("/")
    return Printed(
        office=one_line(office.name, 150),
        title=title,
        subject=t("subject", title=title, stories=figures.stories, negative=figures.negative),
        summary=t("summary", start=local(draft.start, "%H:%M %d/%m"), end=local(draft.end, "%H:%M %d/%m/%Y"), stories=figures.stories,
                  articles=figures.articles, negative=figures.negative, critical=figures.critical),
        note=tuple(draft.note.splitlines()),
        alerts=figures.alerts,
        sections=tuple(sections),
        gaps=tuple(gaps),
        stories=figures.stories,
        articles=figures.articles,
        negative=figures.negative,
        critical=figures.critical,
        start=draft.start,
        end=draft.end,
        base_url=office.base_url,
        page=f"{base}/briefing/{draft.day.isoformat()}",
        language=language,
    )  # fmt: skip


def as_html(briefing: Printed) -> str:
    """The briefing as one HTML page, styles in a block."""
    return templates().get_template("digest.html").render(briefing=briefing, t=Labels(briefing.language))


def as_text(briefing: Printed) -> str:
    """The briefing as plain text."""
    return templates().get_template("digest.txt").render(briefing=briefing, t=Labels(briefing.language))


def as_docx(briefing: Printed, template: Path = TEMPLATE) -> bytes:
    """The briefing as DOCX from a docxtpl template.

    Raises:
        ConfigError: when the template cannot be used.
    """

    def fill(document: DocxTemplate) -> None:
        document.render(_docx_context(document, briefing), autoescape=True)

    return filled(template, fill, briefing.title, briefing.office)


def as_xlsx(briefing: Printed) -> bytes:
    """The briefing as XLSX: one row per story. Text from the web is stored as text, so nothing in it is ever a formula."""
    t = Labels(briefing.language)
    buffer = BytesIO()
    book = xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": briefing.title, "author": briefing.office})
    bold = book.add_format({"bold": True, "font_size": 14})
    plain = {"text_wrap": True, "valign": "top"}
    wrap, red = book.add_format(plain), book.add_format({**plain, "font_color": "#a32020"})
    link = book.add_format({**plain, "font_color": "#1f5f99", "underline": 1})
    head = book.add_format(
        {"bold": True, "bg_color": "#1f5f99", "font_color": "#ffffff", "text_wrap": True, "valign": "vcenter", "border": 1}
    )
    sheet = book.add_worksheet(one_line(briefing.title.split(" ngày ")[0].split(" of ")[0], 31))
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.write_string(0, 0, f"{briefing.title} – {briefing.office}", bold)
    sheet.write_string(1, 0, briefing.summary)
    sheet.write_string(2, 0, " ".join(briefing.note))
    columns = (("field", 22), ("department", 24), ("headline", 52), ("text", 60), ("first", 20), ("outlets", 30), ("time", 16),
               ("tone", 11), ("critical", 22), ("count", 8), ("places", 24), ("status", 18), ("answer", 34), ("note", 34),
               ("importance", 10), ("address", 40))  # fmt: skip
    top = 4
    place = {name: column for column, (name, _) in enumerate(columns)}
    for column, (name, width) in enumerate(columns):
        sheet.set_column(column, column, width)
        sheet.write_string(top, column, t(name), head)
    row = top + 1
    for section in briefing.sections:
        for entry in section.items:
            texts = {"field": section.name, "department": entry.responsible, "headline": entry.title, "text": entry.text,
                     "first": next(iter(entry.outlets), ""), "outlets": ", ".join(entry.outlets), "time": entry.published,
                     "tone": entry.tone, "critical": entry.critical, "places": ", ".join(entry.places), "status": entry.status,
                     "note": entry.note}  # fmt: skip
            for name, text in texts.items():
                sheet.write_string(row, place[name], text, red if name == "tone" and entry.is_negative else wrap)
            sheet.write_number(row, place["count"], entry.articles, wrap)
            sheet.write_number(row, place["importance"], round(entry.weight, 1), wrap)
            for name, address in (("answer", entry.answer_link), ("address", entry.link)):
                if address and len(address) < 2000:
                    sheet.write_url(row, place[name], address, link, address[:250])
            row += 1
    if row > top + 1:
        statuses = [t(f"status.{status}") for status in STATUSES]
        sheet.data_validation(top + 1, place["status"], row - 1, place["status"], {"validate": "list", "source": statuses})
        sheet.autofilter(top, 0, row - 1, len(columns) - 1)
    sheet.freeze_panes(top + 1, 3)
    missed = book.add_worksheet(one_line(t("gaps"), 31))
    missed.set_column(0, 0, 110)
    for index, line in enumerate(briefing.gaps or (t("no_gaps"),)):
        missed.write_string(index, 0, line, wrap)
    book.close()
    return buffer.getvalue()


def render(briefing: Printed, form: Format, template: Path = TEMPLATE) -> bytes:
    """The briefing in one of the formats."""
    if form == "docx":
        return as_docx(briefing, template)
    return as_xlsx(briefing) if form == "xlsx" else as_html(briefing).encode()


def template_in(folder: Path) -> Path:
    """The office's own DOCX template in `folder`, or the shipped one."""
    return office_template(folder, OFFICE_TEMPLATE)


def _entry(item: Item, office: Office, t: Labels, of_section: str) -> Entry:
    story = item.story
    responsible = _in_language(item.answer.department, office, t.language)
    return Entry(
        title=item.content.title or t("no_title"),
        text=item.content.text,
        link=story.link,
        outlets=story.outlets,
        published=local(story.published, "%H:%M %d/%m") if story.published else "",
        tone=t(f"tone.{story.tone}") if story.tone else "",
        critical=t(f"critical.{story.critical}") if story.critical else "",
        is_negative=story.is_negative,
        articles=story.articles,
        places=story.places,
        department=responsible if responsible != of_section else "",
        before=t("before", day="/".join(reversed(story.before[5:].split("-")))) if story.before else "",
        status=t(f"status.{item.answer.status}"),
        is_open=item.answer.status in ("new", "assigned"),
        is_touched=item.answer_version > 0,
        answer_link=item.answer.link,
        note=item.answer.note,
        sentence=story.sentence,
        lead=story.lead,
        weight=story.weight,
        responsible=responsible,
    )


def _in_language(department: str, office: Office, language: Language) -> str:
    """The department's name in the reader's language, as far as the office gave it."""
    named = next((one for one in office.departments if one.name == department), None)
    return (named.name_en or named.name) if named and language == "en" else department


def _docx_context(document: Any, briefing: Printed) -> dict[str, Any]:
    def linked(text: str, address: str, **style: Any) -> RichText:
        rich = RichText()
        rich.add(text, **style, **({"url_id": document.build_url_id(address)} if address else {}))
        return rich

    sections = [
        {
            "name": section.name,
            "department": section.department,
            "more": section.more,
            "items": [
                {
                    "item": entry,
                    "title": linked(entry.title, entry.link, bold=True, color="a32020" if entry.is_negative else "1f3f5f"),
                    "answer": linked(entry.answer_link, entry.answer_link, color="1f5f99", underline=True) if entry.answer_link else "",
                    "outlets": ", ".join(entry.outlets),
                    "places": ", ".join(entry.places),
                }
                for entry in section.items
            ],
        }
        for section in briefing.sections
    ]
    t = Labels(briefing.language)
    return {"briefing": briefing, "t": t, "sections": sections, "note": briefing.note, "gaps": briefing.gaps or (t("no_gaps"),)}
