"""The report as HTML, plain text and DOCX, with its charts."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from docx.shared import Cm
from docxtpl import DocxTemplate, InlineImage, RichText

from alerts.briefing.content import Story
from alerts.briefing.words import Language
from alerts.mail import one_line, templates
from alerts.office_template import SHIPPED, filled
from alerts.office_template import template_in as office_template
from alerts.report.charts import days_chart, days_text, shares_chart, shares_text
from alerts.report.figures import FieldRow, Report
from alerts.report.words import ReportLabels, title_of
from alerts.wording import local
from diembao.settings import Office
from diembao.taxonomy import Taxonomy

OFFICE_TEMPLATE = "report.docx"
"""Name of the template; see alerts/office_template.py."""
TEMPLATE = SHIPPED / OFFICE_TEMPLATE
_WIDTH = 16.0


@dataclass(frozen=True)
class Chart:
    """A picture and what it shows in words."""

    name: str
    png: bytes
    text: str


@dataclass(frozen=True)
class StoryLine:
    """A story of a list: its link is empty where there is none."""

    title: str
    link: str
    meta: str
    articles: str
    outlets: str
    is_negative: bool
    sentence: str


@dataclass(frozen=True)
class Table:
    """A table: its head and rows, all texts; `loud` are the rows to stand out."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    loud: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Printed:
    """A report in one language, as texts, tables and charts."""

    title: str
    office: str
    summary: str
    running: str
    fields: Table
    biggest: tuple[StoryLine, ...]
    critical: tuple[StoryLine, ...]
    critical_title: str
    outlets: Table
    rules: Table
    departments: Table
    waiting: Table
    briefings: str
    gaps: tuple[str, ...]
    charts: tuple[Chart, ...]
    articles: int
    page: str
    language: Language

    def chart(self, name: str) -> Chart | None:
        """The chart of this name, if there is one."""
        return next((chart for chart in self.charts if chart.name == name), None)


def printed(report: Report, office: Office, taxonomy: Taxonomy, language: Language = "vi") -> Printed:
    """What `report` says, in `language`."""
    t = ReportLabels(language)
    period, everything = report.period, report.everything

    def name(row: FieldRow) -> str:
        entry = taxonomy.fields.get(row.code)
        return entry.name.in_language(language) if entry else t("all") if row.code == "*" else t("other")

    rows = [*report.fields, everything]
    shown = [(name(row), row) for row in report.fields if row.total]
    charts = []
    if everything.total:
        charts.append(Chart("days", days_chart(report.days, t), days_text(report.days, t)))
    if shown:
        charts.append(Chart("shares", shares_chart(shown, t), shares_text(shown, t)))
    hours = t("speed", hours=t.number(report.hours, 1 if report.hours < 10 else 0)) if report.hours is not None else ""
    gaps = [trouble.line(language) for trouble in report.troubles]
    if report.missing_hours:
        gaps.insert(0, t("missing", n=report.missing_hours))
    return Printed(
        title=title_of(period, language),
        office=one_line(office.name, 150),
        summary=t("summary", stories=t.number(report.stories), total=t.number(everything.total), share=t.percent(everything.share),
                  usual=t.percent(everything.usual_share) if everything.usual_share is not None else t("none_before"),
                  critical=report.critical_count, here=t("here") if office.province else "", answered=report.answered, speed=hours,
                  open=report.open_count),
        running="" if report.is_over else t("running", until=local(report.until)),
        fields=Table(
            (t("field"), t("total"), t("usual"), t("share"), t("usual_share"), t("verdict")),
            tuple((name(row), t.number(row.total), "–" if row.usual is None else t.number(row.usual), t.percent(row.share),
                   t.percent(row.usual_share), t(f"verdict.{row.verdict}")) for row in rows),
            frozenset(number for number, row in enumerate(rows) if row.verdict == "higher"),
        ),
        biggest=tuple(_story(story, t) for story in report.biggest),
        critical=tuple(_story(story, t) for story in report.critical),
        critical_title=t("critical_here" if office.province else "critical"),
        outlets=Table(
            (t("outlet"), t("total"), t("share"), t("first")),
            tuple((row.name, t.number(row.total), t.percent(row.negative / row.total), t.number(row.first)) for row in report.outlets),
        ),
        rules=Table(
            (t("rule"), t("begun"), t("useful"), t("noise"), t("precision")),
            tuple((row.rule, t.number(row.alerts), t.number(row.useful), t.number(row.noise), t.percent(row.precision))
                  for row in report.rules),
        ),
        departments=Table(
            (t("department"), t("briefed"), t("answered"), t("open"), t("hours")),
            tuple((_department(row.name, office, language) or t("nobody"), t.number(row.briefed), t.number(row.answered),
                   t.number(row.open), "–" if row.hours is None else t.number(row.hours, 1)) for row in report.departments),
        ),
        waiting=Table(
            (t("story"), t("department"), t("since")),
            tuple((row.title, _department(row.department, office, language) or t("nobody"), local(row.since, "%d/%m/%Y"))
                  for row in report.open),
        ),
        briefings=t("briefings", n=report.briefings, days=sum(day.isoweekday() in office.briefing.days for day in period.days)),
        gaps=tuple(gaps),
        charts=tuple(charts),
        articles=everything.total,
        page=office.base_url.rstrip("/"),
        language=language,
    )  # fmt: skip


def as_html(report: Printed, pictures: Mapping[str, str] | None = None) -> str:
    """The report as one HTML page.

    Args:
        report: what to print.
        pictures: address of each chart by its name, such as `cid:…` in a mail; default: the pictures stand in the page itself.
    """
    inside = {chart.name: f"data:image/png;base64,{base64.b64encode(chart.png).decode()}" for chart in report.charts}
    return templates().get_template("report.html").render(report=report, t=ReportLabels(report.language), pictures=pictures or inside)


def as_text(report: Printed) -> str:
    """The report as plain text."""
    return templates().get_template("report.txt").render(report=report, t=ReportLabels(report.language))


def as_docx(report: Printed, template: Path = TEMPLATE) -> bytes:
    """The report as DOCX from a docxtpl template; each chart says in words what it shows.

    Raises:
        ConfigError: when the template cannot be used.
    """

    def fill(document: DocxTemplate) -> None:
        charts = {chart.name: InlineImage(document, BytesIO(chart.png), width=Cm(_WIDTH)) for chart in report.charts}
        document.render(
            {
                "report": report,
                "t": ReportLabels(report.language),
                "charts": charts,
                "biggest": [_linked(document, story) for story in report.biggest],
                "critical": [_linked(document, story) for story in report.critical],
            },
            autoescape=True,
        )
        texts = {chart.png: chart.text for chart in report.charts}
        for shape in document.docx.inline_shapes:
            part = document.docx.part.related_parts[shape._inline.graphic.graphicData.pic.blipFill.blip.embed]
            if part.blob in texts:
                shape._inline.docPr.set("descr", texts[part.blob])

    return filled(template, fill, report.title, report.office)


def template_in(folder: Path) -> Path:
    """The office's own DOCX template in `folder`, or the shipped one."""
    return office_template(folder, OFFICE_TEMPLATE)


def _department(name: str, office: Office, language: Language) -> str:
    named = next((one for one in office.departments if one.name == name), None)
    return (named.name_en or named.name) if named and language == "en" else name


def _story(story: Story, t: ReportLabels) -> StoryLine:
    first = story.outlets[0] if story.outlets else ""
    parts = [part for part in (first, local(story.published, "%H:%M %d/%m") if story.published else "", ", ".join(story.places)) if part]
    if story.tone:
        parts.append(t(f"tone.{story.tone}"))
    if story.critical:
        parts.append(t(f"critical.{story.critical}"))
    return StoryLine(
        title=story.title or t("no_title"),
        link=story.link,
        meta=" · ".join(parts),
        articles=t("articles", n=t.number(story.articles)) if story.articles > 1 else t("article"),
        outlets=t.number(len(story.outlets)),
        is_negative=story.is_negative,
        sentence=story.sentence if story.sentence != story.title else "",
    )


def _linked(document: Any, story: StoryLine) -> dict[str, Any]:
    title = RichText()
    title.add(story.title, bold=True, color="a32020" if story.is_negative else "1f3f5f",
              **({"url_id": document.build_url_id(story.link)} if story.link else {}))  # fmt: skip
    return {"title": title, "story": story}
