"""Other queries worth trying when nothing was found. They are offered, never applied."""

from __future__ import annotations

from index.analysis import strip_accents


def without_accents(query: str) -> str:
    """`query` as one would type it without accents; operators and field names have none anyway.

    >>> without_accents("title:hoà AND Đồng")
    'title:hoa AND Dong'
    """
    return strip_accents(query)
