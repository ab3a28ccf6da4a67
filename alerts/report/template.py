"""Writes the shipped DOCX template of the reports: `python -m alerts.report.template FILE`.

An office copies the file to `config/alerts/report.docx` and edits it in a word processor. What stands in `{{ }}` and `{% %}` is filled in
by docxtpl.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt, RGBColor

from alerts.briefing.template import empty_letter


def write_template(path: Path) -> None:
    """Write the template to `path`."""
    document = empty_letter()
    document.add_paragraph("{{ report.office }}")
    document.add_paragraph("{{ report.title }}", style="Title").alignment = WD_ALIGN_PARAGRAPH.CENTER
    document.add_paragraph("{{ report.summary }}")
    _when(document, "report.running", lambda: document.add_paragraph("{{ report.running }}"))
    _when(document, "not report.articles", lambda: document.add_paragraph("{{ t.nothing }}"))
    _heading(document, "{{ t.days }}")
    _when(document, "charts.days", lambda: document.add_paragraph("{{ charts.days }}"))
    _heading(document, "{{ t.fields }}")
    _when(document, "charts.shares", lambda: document.add_paragraph("{{ charts.shares }}"))
    _table(document, "report.fields", 6)
    _small(document, "{{ t.verdict_help }}")
    for heading, stories in (("{{ t.biggest }}", "biggest"), ("{{ report.critical_title }}", "critical")):
        _heading(document, heading)
        document.add_paragraph(f"{{%p for entry in {stories} %}}")
        document.add_paragraph("{{r entry.title }}", style="List Bullet").paragraph_format.keep_with_next = True
        _small(document, "{{ entry.story.articles }} · {{ entry.story.meta }}")
        _when(document, "entry.story.sentence", lambda: document.add_paragraph("{{ entry.story.sentence }}"))
        document.add_paragraph("{%p endfor %}")
        _when(document, f"not {stories}", lambda: document.add_paragraph("{{ t.none }}"))
    _heading(document, "{{ t.who }}")
    _table(document, "report.outlets", 4)
    _heading(document, "{{ t.alerts }}")
    _when(document, "report.rules.rows", lambda: _table(document, "report.rules", 5))
    _when(document, "not report.rules.rows", lambda: document.add_paragraph("{{ t.no_alerts }}"))
    _heading(document, "{{ t.responses }}")
    document.add_paragraph("{{ report.briefings }}")
    _when(document, "report.departments.rows", lambda: _table(document, "report.departments", 5))
    _when(document, "not report.departments.rows", lambda: document.add_paragraph("{{ t.no_responses }}"))
    document.add_paragraph("{%p if report.waiting.rows %}")
    document.add_paragraph("{{ t.waiting }}", style="Heading 2")
    _table(document, "report.waiting", 3)
    document.add_paragraph("{%p endif %}")
    _heading(document, "{{ t.gaps }}")
    document.add_paragraph("{%p for line in report.gaps or (t.no_gaps,) %}")
    document.add_paragraph("{{ line }}", style="List Bullet")
    document.add_paragraph("{%p endfor %}")
    document.save(str(path))


def _heading(document: Any, text: str) -> None:
    document.add_paragraph(text, style="Heading 1")


def _small(document: Any, text: str) -> None:
    run = document.add_paragraph().add_run(text)
    run.font.size, run.font.color.rgb = Pt(11), RGBColor(0x52, 0x63, 0x73)


def _when(document: Any, condition: str, write: Any) -> None:
    document.add_paragraph(f"{{%p if {condition} %}}")
    write()
    document.add_paragraph("{%p endif %}")


def _table(document: Any, name: str, columns: int) -> None:
    """A table with its head, and one row for each of the report's."""
    table = document.add_table(rows=4, cols=columns, style="Light Grid Accent 1")
    table.autofit = True
    table.rows[1].cells[0].text = f"{{%tr for row in {name}.rows %}}"
    table.rows[3].cells[0].text = "{%tr endfor %}"
    for column in range(columns):
        for row, text in ((0, f"{{{{ {name}.head[{column}] }}}}"), (2, f"{{{{ row[{column}] }}}}")):
            cell = table.rows[row].cells[column]
            cell.text = text
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_after = Pt(1)
            paragraph.runs[0].font.size = Pt(11)
            paragraph.runs[0].bold = row == 0
            if column and name != "report.waiting":
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    document.add_paragraph()


if __name__ == "__main__":
    write_template(Path(sys.argv[1]))
