"""DOCX documents from a docxtpl template: the office's own in the folder of its alert rules, or the shipped one."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from docxtpl import DocxTemplate

from alerts.mail import one_line
from diembao.errors import ConfigError

SHIPPED = Path(__file__).parent / "templates"


def template_in(folder: Path, name: str) -> Path:
    """The template `name` in `folder`, or the shipped one of that name."""
    own = folder / name
    return own if own.exists() else SHIPPED / name


def filled(template: Path, fill: Callable[[DocxTemplate], None], title: str, author: str) -> bytes:
    """The document that `fill` makes of `template`.

    Raises:
        ConfigError: when the template cannot be used.
    """
    document = DocxTemplate(template)
    try:
        fill(document)
        document.docx.core_properties.title = title
        document.docx.core_properties.author = author
        buffer = BytesIO()
        document.save(buffer)
    except Exception as error:  # docxtpl, jinja and zipfile raise anything for a broken template
        raise ConfigError(f"{template}: {one_line(str(error), 200)}", f"Copy alerts/templates/{template.name} and edit that") from error
    return buffer.getvalue()
