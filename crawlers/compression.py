"""Decompression with a limit: a few bytes on the wire may stand for gigabytes."""

from __future__ import annotations

import zlib

import brotli  # type: ignore[import-untyped]

_CHUNK = 65536


class TooMuch(Exception):  # noqa: N818 - it is the size that is named
    """More bytes than allowed came out."""


class BadCompression(Exception):  # noqa: N818
    """The bytes are not what their encoding says, or the encoding is not known."""


def decompress(data: bytes, encodings: str, limit: int) -> bytes:
    """`data` with its Content-Encoding undone.

    Args:
        data: the bytes as sent.
        encodings: the header's value: "gzip", "deflate", "br", "identity" or several with commas, the last applied first undone.
        limit: bytes that may come out at each stage.

    Raises:
        TooMuch: when more than `limit` bytes come out.
        BadCompression: when the bytes are broken or cut short, or an encoding is not known.

    >>> import gzip
    >>> decompress(gzip.compress(b"tin"), "gzip", 100)
    b'tin'
    """
    names = [name.strip().lower() for name in encodings.split(",") if name.strip()]
    if len(names) > 3:
        raise BadCompression(f"{len(names)} encodings, one over the other")
    for name in reversed(names):
        if name in ("gzip", "x-gzip"):
            data = gunzip(data, limit)
        elif name == "deflate":
            data = _inflate(data, limit)
        elif name == "br":
            data = _unbrotli(data, limit)
        elif name != "identity":
            raise BadCompression(f"Content-Encoding {name!r} is not known")
    return data


def gunzip(data: bytes, limit: int) -> bytes:
    """All members of the gzip `data`; what follows the last one is ignored. Raises TooMuch, BadCompression."""
    output = bytearray()
    while data[:2] == b"\x1f\x8b":
        machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
        _pump(machine, data, output, limit)
        data = machine.unused_data
    if not output and data:
        raise BadCompression("not gzip")
    return bytes(output)


def _inflate(data: bytes, limit: int) -> bytes:
    output = bytearray()
    try:
        _pump(zlib.decompressobj(), data, output, limit)
    except BadCompression:
        # Some servers send the stream without its zlib header.
        output.clear()
        _pump(zlib.decompressobj(-zlib.MAX_WBITS), data, output, limit)
    return bytes(output)


def _pump(machine: zlib._Decompress, data: bytes, output: bytearray, limit: int) -> None:
    try:
        while not machine.eof:
            chunk = machine.decompress(data, _CHUNK)
            output += chunk
            if len(output) > limit:
                raise TooMuch(f"more than {limit} bytes after decompression")
            data = machine.unconsumed_tail
            if not chunk and not data:
                break
    except zlib.error as error:
        raise BadCompression(f"broken compression: {error}") from error
    if not machine.eof:
        raise BadCompression("the compressed data are cut short")


def _unbrotli(data: bytes, limit: int) -> bytes:
    machine = brotli.Decompressor()
    output = bytearray()
    try:
        chunk = machine.process(data, output_buffer_limit=_CHUNK)
        output += chunk
        while not machine.is_finished() and chunk:
            if len(output) > limit:
                break
            chunk = machine.process(b"", output_buffer_limit=_CHUNK)
            output += chunk
    except brotli.error as error:
        raise BadCompression(f"broken compression: {error}") from error
    if len(output) > limit:
        raise TooMuch(f"more than {limit} bytes after decompression")
    if not machine.is_finished():
        raise BadCompression("the compressed data are cut short")
    return bytes(output)
