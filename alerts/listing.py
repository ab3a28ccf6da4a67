"""What a search found as a Word document: headlines, leads and links by field, under the office's heading.

Run as `python -m alerts.listing FILE` it writes the shipped template; an office copies that to `config/alerts/listing.docx` and edits it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from docx.shared import Cm, Pt, RGBColor
from docxtpl import DocxTemplate, RichText

from alerts.briefing.template import empty_letter
from alerts.mail import one_line, safe_link
from alerts.office_template import filled, template_in
from alerts.wording import local
from diembao.article import Article
from diembao.settings import Office
from diembao.taxonomy import Taxonomy

TEMPLATE = "listing.docx"
"""Name of the template; see alerts/office_template.py."""
_OTHER = {"vi": "Lĩnh vực khác", "en": "Other fields"}
_WORDS = {
    "vi": {"title": "Tổng hợp tin bài", "found": "{n} bài, xuất lúc {when}", "query": "Tìm kiếm", "untitled": "(không có tiêu đề)"},
    "en": {"title": "Articles found", "found": "{n} articles, written at {when}", "query": "Search", "untitled": "(no headline)"},
}
_TONES = {
    "vi": {"negative": "tiêu cực", "neutral": "trung tính", "positive": "tích cực"},
    "en": {"negative": "negative", "neutral": "neutral", "positive": "positive"},
}


@dataclass(frozen=True)
class Section:
    """A field of the office and its articles, in their order."""

    name: str
    articles: tuple[Article, ...]


def by_field(articles: Sequence[Article], taxonomy: Taxonomy, language: str) -> list[Section]:
    """The articles under the fields of their most likely topic, fields in the office's order, then what is in none.

    A topic that several fields share counts for the first of them: each article stands once.
    """
    found: dict[str, list[Article]] = {}
    for article in articles:
        fields = [field for topic in article.topics for field in taxonomy.fields_of(topic.code)]
        found.setdefault(fields[0] if fields else "", []).append(article)
    named = [(entry.name.in_language(language), found[code]) for code, entry in taxonomy.fields.items() if code in found]
    rest = [(_OTHER[language], found[""])] if "" in found else []
    return [Section(name, tuple(entries)) for name, entries in [*named, *rest]]


def listing(
    articles: Sequence[Article],
    search: str,
    office: Office,
    taxonomy: Taxonomy,
    names: Mapping[str, str],
    now: datetime,
    language: str,
    folder: Path,
) -> bytes:
    """The document; text from the web is one line each, only http(s) addresses become links.

    Args:
        articles: in their order.
        search: what was searched for, in words.
        office: the heading.
        taxonomy: names of the fields.
        names: names of the sources by id.
        now: when it is written, aware.
        language: "vi" or "en".
        folder: where the office's own template may be.

    Raises:
        ConfigError: when the office's template cannot be used.
    """
    words = _WORDS[language]

    def fill(document: DocxTemplate) -> None:
        sections = [
            {"name": section.name, "entries": [_entry(document, article, names, language) for article in section.articles]}
            for section in by_field(articles, taxonomy, language)
        ]
        document.render(
            {
                "office": one_line(office.name, 150),
                "title": words["title"],
                "summary": words["found"].format(n=len(articles), when=local(now)),
                "search": f"{words['query']}: {one_line(search, 1000)}" if search else "",
                "sections": sections,
            },
            autoescape=True,
        )

    return filled(template_in(folder, TEMPLATE), fill, words["title"], one_line(office.name, 150))


def _entry(document: Any, article: Article, names: Mapping[str, str], language: str) -> dict[str, Any]:
    form = "%d/%m/%Y" if article.published_precision == "day" else "%H:%M %d/%m/%Y"
    tone = article.sentiment.label if article.sentiment and article.sentiment.confident else ""
    parts = [
        one_line(names.get(article.source, article.source), 80),
        local(article.published_at, form) if article.published_at else "",
        ", ".join(dict.fromkeys(one_line(place.name, 60) for place in article.places[:4])),
        _TONES[language].get(tone, ""),
    ]
    address = safe_link(article.url)
    title, link = RichText(), RichText()
    target = {"url_id": document.build_url_id(address)} if address else {}
    title.add(
        one_line(article.title, 300) or _WORDS[language]["untitled"],
        bold=True,
        color="a32020" if tone == "negative" else "1f3f5f",
        **target,
    )
    link.add(one_line(address, 300), color="1f5f99", underline=True, **target)
    return {
        "title": title,
        "meta": " – ".join(part for part in parts if part),
        "lead": one_line(article.lead, 800),
        "link": link if address else "",
    }


def write_template(path: Path) -> None:
    """Write the shipped template to `path`."""
    document = empty_letter()
    document.add_paragraph("{{ office }}")
    document.add_paragraph("{{ title }}", style="Title")
    document.add_paragraph("{{ summary }}")
    document.add_paragraph("{%p if search %}")
    document.add_paragraph("{{ search }}")
    document.add_paragraph("{%p endif %}")
    document.add_paragraph("{%p for section in sections %}")
    document.add_paragraph("{{ section.name }}", style="Heading 1")
    document.add_paragraph("{%p for entry in section.entries %}")
    document.add_paragraph("{{r entry.title }}", style="List Number").paragraph_format.keep_with_next = True
    meta = document.add_paragraph()
    meta.paragraph_format.left_indent = Cm(0.63)
    run = meta.add_run("{{ entry.meta }}")
    run.font.size, run.font.color.rgb = Pt(11), RGBColor(0x52, 0x63, 0x73)
    for text in ("{%p if entry.lead %}", "{{ entry.lead }}", "{%p endif %}", "{%p if entry.link %}", "{{r entry.link }}", "{%p endif %}"):
        document.add_paragraph(text).paragraph_format.left_indent = Cm(0.63)
    document.add_paragraph("{%p endfor %}")
    document.add_paragraph("{%p endfor %}")
    document.save(str(path))


if __name__ == "__main__":
    write_template(Path(sys.argv[1]))
