"""Writes the documents that are made from the code: docs/fields.md and docs/fates.md. `make docs`; a test compares them."""

from __future__ import annotations

import ast
import inspect
import itertools
import types
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from diembao import article, fates
from diembao.article import Article
from diembao.fates import KEPT, Fate

DOCS = Path(__file__).parent
PARTS = (
    article.CreditedSource,
    article.ArchiveRecord,
    article.TopicScore,
    article.Sentiment,
    article.CriticalOf,
    article.Entity,
    article.Place,
)


def type_name(annotation: object) -> str:
    """How a reader of JSON sees the type."""
    origin = typing.get_origin(annotation)
    arguments = [argument for argument in typing.get_args(annotation) if argument is not type(None)]
    if origin is typing.Literal:
        return " \\| ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " \\| ".join(type_name(argument) for argument in arguments) + " or null"
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"object of {type_name(arguments[1])}"
    names = {"str": "text", "int": "integer", "float": "number", "bool": "true/false", "datetime": "time (ISO 8601, UTC)", "date": "date"}
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, f"[{name}](#{name.lower()})")


def field_row(name: str, field: FieldInfo) -> str:
    """One row of a table of fields."""
    return f"| `{name}` | {type_name(field.annotation)} | {field.description or ''} |"


def table_of(model: type[BaseModel]) -> str:
    """The table of a model's fields."""
    rows = [field_row(name, field) for name, field in model.model_fields.items()]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *rows])


def fields_document() -> str:
    """docs/fields.md."""
    sections = [
        "# Fields of an Article",
        "<!-- Generated from diembao/article.py by `make docs`; change it there. -->",
        "An Article travels as one JSON object (JSON lines for many). Only `title` must be there when one is read; what is missing gets "
        "the default. Times without a zone are Vietnam's (UTC+7); lengths and offsets count code points.",
        table_of(Article),
    ]
    for part in PARTS:
        sections += [f"## {part.__name__}", inspect.getdoc(part) or "", table_of(part)]
    return "\n\n".join(sections) + "\n"


def fates_document() -> str:
    """docs/fates.md: every fate with the text that stands below it in the code."""
    tree = ast.parse(inspect.getsource(fates))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Fate")
    meaning: dict[str, str] = {}
    for node, following in itertools.pairwise(body):
        if isinstance(node, ast.Assign) and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            meaning[typing.cast(ast.Name, node.targets[0]).id] = " ".join(str(following.value.value).split())
    rows = [f"| `{fate}` | {'kept' if fate in KEPT else 'dropped'} | {meaning[fate.name]} |" for fate in Fate]
    return "\n\n".join(
        [
            "# Fates of pages",
            "<!-- Generated from diembao/fates.py by `make docs`; change it there. -->",
            "Every page that a crawl takes up ends in exactly one of these, and `fetched = indexed + unchanged + Σ dropped` is checked in "
            "every run.",
            "\n".join(["| fate | | meaning |", "|---|---|---|", *rows]),
        ]
    ) + "\n"  # fmt: skip


DOCUMENTS = {"fields.md": fields_document, "fates.md": fates_document}

if __name__ == "__main__":
    for name, document in DOCUMENTS.items():
        (DOCS / name).write_text(document(), encoding="utf-8")
