"""What one crawl keeps in mind of a voice while it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crawlers.compression import BadCompression, TooMuch, decompress
from crawlers.voices.marks import Marks, Units
from crawlers.voices.voice import Ask, Voice

if TYPE_CHECKING:
    from scrapy.http import Response

_WAIT_BODY = 64 * 1024
"""Bytes of a 429 that are looked at."""


@dataclass
class Round:
    """What happens to one voice in this run.

    Attributes:
        voice: what it is.
        key: its secret; empty: it has none.
        marks: how far its lists were read.
        budgets: what it may spend.
        pauses_as: under this name it is left alone (all sources with one key together).
        pending: what is asked next.
        tried: lists that were taken up in this run.
        stopped: no more requests in this run.
        short: posts that say too little to be taken up.
        failed: requests that brought nothing.
        first_failure: why the first of these did not.
    """

    voice: Voice[Any]
    key: str
    marks: Marks
    budgets: list[Units]
    pauses_as: str
    pending: deque[Ask] = field(default_factory=deque)
    tried: set[str] = field(default_factory=set)
    stopped: bool = False
    short: int = 0
    failed: int = 0
    first_failure: str = ""


def wait_in(voice: Voice[Any]) -> Callable[[Response], float | None]:
    """Reads from a raw answer how long its body asks to wait."""

    def says(response: Response) -> float | None:
        encodings = b",".join(response.headers.getlist("Content-Encoding")).decode("latin-1")
        try:
            return voice.wait_in(decompress(response.body, encodings, _WAIT_BODY) if encodings else response.body[:_WAIT_BODY])
        except (TooMuch, BadCompression):
            return None

    return says
