"""Cursors: where a page of results ended, so that the next one holds what was not shown yet, whatever is written between the two."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from diembao.engine import SearchRequest
from diembao.errors import UsageError

_LONGEST = 4_000_000
"""Bytes of a cursor's content; it comes back from the web, so what is packed in it is not trusted."""


@dataclass(frozen=True)
class Cursor:
    """Where a page ended.

    Attributes:
        now: the moment from which age counted on the first page, milliseconds since 1970, or None.
        place: what the engine needs in order to go on; plain JSON.
    """

    now: int | None
    place: Any


def write_cursor(request: SearchRequest, cursor: Cursor) -> str:
    """`cursor` as text for an address; it goes with the order and the grouping of `request`."""
    content = json.dumps([request.sort, request.group_by, cursor.now, cursor.place], separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")


def read_cursor(text: str, request: SearchRequest) -> Cursor:
    """The cursor that `text` is.

    Raises:
        UsageError: when it is none of ours, or belongs to another order or grouping.

    >>> request = SearchRequest(sort="time")
    >>> read_cursor(write_cursor(request, Cursor(7, [-5, "a"])), request)
    Cursor(now=7, place=[-5, 'a'])
    """
    try:
        packed = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        sort, group_by, now, place = json.loads(zlib.decompressobj().decompress(packed, _LONGEST))
    except (ValueError, TypeError, zlib.error, RecursionError) as error:
        raise bad_cursor() from error
    if sort != request.sort or group_by != request.group_by or not (now is None or is_number(now)):
        raise bad_cursor()
    return Cursor(now, place)


def bad_cursor() -> UsageError:
    """What is raised for a cursor that leads nowhere."""
    return UsageError("the cursor of the page is not valid", "Begin again with the first page")


def is_number(value: object) -> bool:
    """Whether `value` is a whole number that an engine can compare with."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62


def differences(numbers: Sequence[int]) -> list[int]:
    """A set of numbers as the steps between them, which take less room.

    >>> differences([9, 4, 5])
    [4, 1, 4]
    """
    ordered = sorted(numbers)
    return ordered[:1] + [after - before for before, after in pairwise(ordered)]


def from_differences(steps: Sequence[int]) -> list[int]:
    """The inverse of `differences`.

    >>> from_differences([4, 1, 4])
    [4, 5, 9]
    """
    return list(accumulate(steps))
