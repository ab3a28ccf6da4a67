"""Exports are written as the articles come, and no cell of them is a formula."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator

import pytest

from diembao.article import Article
from index.export import COLUMNS, WRITERS, harmless

DANGEROUS = ['=HYPERLINK("http://x")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x"]


def many(count: int) -> Iterator[Article]:
    for number in range(count):
        yield Article(id=f"a{number}", title=f"Tin {number}", body=f"{number} đoạn dài " * 1500)


@pytest.mark.parametrize("form", ["csv", "jsonl", "xlsx"])
def test_an_export_does_not_hold_what_it_writes(form: str) -> None:
    with tempfile.TemporaryFile() as stream:
        tracemalloc.start()
        try:
            assert WRITERS[form](many(400), stream) == 400
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 5_000_000  # of some twenty million bytes of text


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_cell_begins_as_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"
    article = Article(id="a", title=text, lead=text, section=text, authors=[text])
    table = io.BytesIO()
    WRITERS["csv"]([article], table)
    rows = list(csv.reader(io.StringIO(table.getvalue().decode("utf-8-sig"), newline="")))
    assert [cell for cell in rows[1] if cell and cell[0] in "=+-@\t\r\n＝＋－＠"] == []
    book = io.BytesIO()
    WRITERS["xlsx"]([article], book)
    with zipfile.ZipFile(book) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")
    lines = io.BytesIO()
    WRITERS["jsonl"]([article], lines)
    assert json.loads(lines.getvalue())["title"] == article.title


def test_an_export_of_nothing_has_its_headings() -> None:
    table = io.BytesIO()
    assert WRITERS["csv"]([], table) == 0
    assert table.getvalue().decode("utf-8-sig").strip() == ",".join(COLUMNS)
