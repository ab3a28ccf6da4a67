"""Found articles as CSV, XLSX or JSON lines, written one by one; no cell can be a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import IO

import xlsxwriter

from diembao.article import Article
from diembao.clock import VIETNAM
from diembao.errors import UsageError

COLUMNS = (
    "id", "published_at", "source", "kind", "page_kind", "title", "lead", "url", "authors", "section", "topics", "sentiment", "critical_of",
    "places", "story_id", "copy_of", "revision", "body",
)  # fmt: skip
"""Columns of a table, in order."""
_EXCEL_CELL = 32_767
_EXCEL_ROWS = 1_048_575
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula, also in East Asian width."""


def row_of(article: Article) -> list[str]:
    """The cells of one article as text; times by Vietnam's clock, several values separated by `; `."""
    published = article.published_at
    cells = {
        "published_at": published.astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M") if published else "",
        "authors": "; ".join(article.authors),
        "topics": "; ".join(topic.code for topic in article.topics),
        "sentiment": article.sentiment.label if article.sentiment else "",
        "critical_of": article.critical_of.label if article.critical_of else "",
        "places": "; ".join(dict.fromkeys(place.name for place in article.places)),
    }
    return [cells[name] if name in cells else str(getattr(article, name) or "") for name in COLUMNS]


def harmless(cell: str) -> str:
    """`cell` so that no spreadsheet takes it for a formula: an apostrophe before the first character where needed.

    >>> harmless("=1+1"), harmless("Lũ")
    ("'=1+1", 'Lũ')
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def write_jsonl(articles: Iterable[Article], stream: IO[bytes]) -> int:
    """Write the articles as JSON lines; returns how many there were."""
    count = 0
    for article in articles:
        stream.write(json.dumps(article.to_record(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n")
        count += 1
    return count


def write_csv(articles: Iterable[Article], stream: IO[bytes]) -> int:
    """Write the articles as CSV (UTF-8 with the mark by which spreadsheets know it); returns how many there were."""
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    count = 0
    try:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for article in articles:
            writer.writerow([harmless(cell) for cell in row_of(article)])
            count += 1
    finally:
        text.flush()
        text.detach()
    return count


def write_xlsx(articles: Iterable[Article], stream: IO[bytes]) -> int:
    """Write the articles as one sheet, row by row in bounded memory; returns how many there were.

    A cell holds at most 32,767 characters, so a longer body is cut and ends in `…`.

    Raises:
        UsageError: when there are more articles than a sheet has rows.
    """
    count = 0
    with xlsxwriter.Workbook(stream, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("Điểm báo")
        bold = book.add_format({"bold": True})
        for column, name in enumerate(COLUMNS):
            sheet.write_string(0, column, name, bold)
        sheet.freeze_panes(1, 0)
        for article in articles:
            count += 1
            if count > _EXCEL_ROWS:
                raise UsageError(f"more than {_EXCEL_ROWS} articles do not fit on a sheet", "Use --format csv, or narrow the query")
            for column, cell in enumerate(row_of(article)):
                text = cell.encode("utf-8", "replace").decode()
                sheet.write_string(count, column, text if len(text) <= _EXCEL_CELL else text[: _EXCEL_CELL - 1] + "…")
    return count


WRITERS = {"csv": write_csv, "xlsx": write_xlsx, "jsonl": write_jsonl}
"""What writes each format."""
