"""Pages saved in files, as a person or a test keeps them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from diembao.errors import InputError

LARGEST = 50_000_000
"""Bytes that a saved page may have, also after decompression: more is a gzip bomb or no page."""


def read_saved_page(path: Path) -> bytes:
    """The bytes of a saved page; one that is gzip-compressed is unpacked.

    Raises:
        InputError: when it cannot be read, is damaged, or is larger than `LARGEST`.
    """
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as file:
            page = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path}: {getattr(error, 'strerror', None) or error}", "Give the file of a saved page (HTML or HTML in gzip)"
        ) from error
    if len(page) > LARGEST:
        raise InputError(f"{path}: larger than {LARGEST // 1_000_000} MB", "Give the page alone, not an archive")
    return page
