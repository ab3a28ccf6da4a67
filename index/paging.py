"""Cursors: where a page of results ended."""

from __future__ import annotations

import base64
import json
import math

from diembao.engine import Sort
from diembao.errors import UsageError


def write_cursor(sort: Sort, key: float, article_id: str) -> str:
    """The cursor behind the article `article_id`, whose sorting key is `key` (ascending)."""
    value = [sort, "inf" if math.isinf(key) else key, article_id]
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def read_cursor(cursor: str, sort: Sort) -> tuple[float, str]:
    """(sorting key, id) of a cursor.

    Raises:
        UsageError: when it is none of ours, or belongs to another order.

    >>> read_cursor(write_cursor("time", -5, "a"), "time")
    (-5, 'a')
    """
    try:
        kind, key, article_id = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        if kind != sort or not isinstance(article_id, str) or isinstance(key, bool) or not (key == "inf" or isinstance(key, int | float)):
            raise ValueError(cursor)
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError("the cursor of the page is not valid", "Begin again with the first page") from error
    return (math.inf if key == "inf" else key), article_id
