"""The generated documents are what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
assert _spec
assert _spec.loader
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", sorted(generate.DOCUMENTS))
def test_document_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == generate.DOCUMENTS[name](), "run: make docs"


def test_every_field_of_an_article_is_explained() -> None:
    from diembao.article import Article

    unexplained = [name for name, field in Article.model_fields.items() if not field.description]
    assert unexplained == []
