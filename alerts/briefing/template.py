"""Writes the shipped DOCX template of the briefing: `python -m alerts.briefing.template FILE`.

An office copies the file to `config/alerts/briefing.docx` and edits it in a word processor: letterhead, fonts, order. What stands in
`{{ }}` and `{% %}` is filled in by docxtpl.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Cm, Pt, RGBColor


def write_template(path: Path) -> None:
    """Write the template to `path`."""
    document = empty_letter()
    document.add_paragraph("{{ briefing.office }}")
    document.add_paragraph("{{ briefing.title }}", style="Title").alignment = WD_ALIGN_PARAGRAPH.CENTER
    document.add_paragraph("{{ briefing.summary }}")
    document.add_paragraph("{%p for line in note %}")
    document.add_paragraph("{{ line }}").runs[0].bold = True
    document.add_paragraph("{%p endfor %}")
    document.add_paragraph("{%p if briefing.alerts %}")
    document.add_paragraph("{{ t.alerts }}", style="Heading 1")
    document.add_paragraph("{%p for line in briefing.alerts %}")
    document.add_paragraph("{{ line }}", style="List Bullet")
    document.add_paragraph("{%p endfor %}")
    document.add_paragraph("{%p endif %}")
    document.add_paragraph("{%p for section in sections %}")
    document.add_paragraph("{{ section.name }}", style="Heading 1")
    document.add_paragraph("{%p if section.department %}")
    document.add_paragraph().add_run("{{ t.department }}: {{ section.department }}").italic = True
    document.add_paragraph("{%p endif %}")
    document.add_paragraph("{%p for entry in section['items'] %}")
    document.add_paragraph("{{r entry.title }}", style="List Number").paragraph_format.keep_with_next = True
    details = _indented(document)
    details.paragraph_format.keep_with_next = True
    run = details.add_run(
        "{% if entry.item.tone %}{{ entry.item.tone }}{% if entry.item.critical %}, {% endif %}{% endif %}{{ entry.item.critical }}"
        "{% if entry.item.tone or entry.item.critical %} – {% endif %}{{ entry.outlets }}"
        "{% if entry.item.published %}, {{ entry.item.published }}{% endif %}"
        "{% if entry.item.articles > 1 %}, {{ t('articles', n=entry.item.articles) }}{% endif %}"
        "{% if entry.places %} – {{ entry.places }}{% endif %}{% if entry.item.before %} – {{ entry.item.before }}{% endif %}"
    )
    run.font.size, run.font.color.rgb = Pt(11), RGBColor(0x52, 0x63, 0x73)
    _indented(document, "{{ entry.item.text }}")
    status = _indented(document)
    for text, bold in (
        ("{{ t.status }}: ", False),
        ("{{ entry.item.status }}", True),
        ("{% if entry.item.department %} – {{ entry.item.department }}{% endif %}"
        "{% if entry.item.note %} – {{ entry.item.note }}{% endif %}"
         "{% if entry.answer %} – {% endif %}", False),
        ("{{r entry.answer }}", False),
    ):  # fmt: skip
        run = status.add_run(text)
        run.font.size, run.bold = Pt(11), bold
    document.add_paragraph("{%p endfor %}")
    document.add_paragraph("{%p if section.more %}")
    document.add_paragraph("{{ t('more', n=section.more) }}")
    document.add_paragraph("{%p endif %}")
    document.add_paragraph("{%p endfor %}")
    document.add_paragraph("{%p if not sections %}")
    document.add_paragraph("{{ t.nothing if not briefing.stories else t.nothing_chosen }}")
    document.add_paragraph("{%p endif %}")
    document.add_paragraph("{{ t.gaps }}", style="Heading 1")
    document.add_paragraph("{%p for line in gaps %}")
    document.add_paragraph("{{ line }}", style="List Bullet")
    document.add_paragraph("{%p endfor %}")
    document.save(str(path))


def empty_letter() -> Any:
    """An empty document on A4 with the margins and letters that Vietnamese offices use."""
    document = Document()
    page = document.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin, page.right_margin, page.top_margin, page.bottom_margin = Cm(3), Cm(2), Cm(2), Cm(2)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Times New Roman", Pt(13)
    normal.paragraph_format.space_after = Pt(4)
    for name, size in (("Title", 18), ("Heading 1", 14), ("Heading 2", 13)):
        style = document.styles[name]
        style.font.name, style.font.size, style.font.color.rgb = "Times New Roman", Pt(size), RGBColor(0x1F, 0x3F, 0x5F)
        # The default style's theme fonts would win over the name set above.
        fonts = style.element.rPr.rFonts
        for attribute in list(fonts.attrib):
            if "Theme" in attribute:
                del fonts.attrib[attribute]
    return document


def _indented(document: Any, text: str = "") -> Any:
    paragraph = document.add_paragraph(text)
    paragraph.paragraph_format.left_indent = Cm(0.63)
    return paragraph


if __name__ == "__main__":
    write_template(Path(sys.argv[1]))
