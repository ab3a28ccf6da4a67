"""From a page's bytes to its text: the charset that the bytes are in, whatever the page declares."""

from __future__ import annotations

import codecs
import re

import charset_normalizer

_META = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_XML = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{2,40})", re.IGNORECASE)
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_VISCII = "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
_VISCII_LOW = {2: "Ẳ", 5: "Ẵ", 6: "Ẫ", 20: "Ỷ", 25: "Ỹ", 30: "Ỵ"}
"""VISCII 1.1 (RFC 1456), which Python has no codec for: bytes 128–255 and the six below 32."""

_ALIASES = {
    "unicode": "utf-8", "utf8mb4": "utf-8", "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252",
    "x-windows-1258": "cp1258", "windows-1258": "cp1258",
}  # fmt: skip
"""Labels that mean something else on the web (the WHATWG encoding standard reads iso-8859-1 as windows-1252)."""

_TONES = re.compile("[\u0300\u0301\u0303\u0309\u0323]")
_LIKELY = ("utf_8", "cp1258", "cp1252", "cp1251", "gb18030", "big5", "shift_jis", "euc_kr", "utf_16")
"""What detection chooses from: anything else is a wrong guess on a Vietnamese site."""
_SAMPLE = 200_000
"""Bytes that detection looks at: enough for a verdict, and bounded for a 10 MB page."""


def decode(html: bytes, content_type: str | None = None) -> str:
    """The text of a page.

    In order: a byte-order mark; UTF-8 where the bytes are UTF-8 (no other charset yields valid UTF-8 by chance); the charset
    of the HTTP header; the page's own `meta`; detection. A declared charset that the bytes contradict is not believed.
    Never fails: what cannot be decoded becomes U+FFFD. NUL characters are taken out.

    Args:
        html: the page's bytes, without transfer or content encoding.
        content_type: the HTTP header, e.g. `text/html; charset=windows-1258`; None when unknown.
    """
    for mark, name in _BOMS:
        if html.startswith(mark):
            return _clean(html.decode(name, "replace"))
    if _is_utf8(html):
        return _clean(html.decode("utf-8", "replace"))
    for label in _declared(html, content_type):
        text = _try(html, label)
        if text is not None:
            return _clean(text)
    return _clean(html.decode(_detect(html), "replace"))


def _clean(text: str) -> str:
    return text.replace("\x00", "").removeprefix("\ufeff")


def _is_utf8(html: bytes) -> bool:
    """Whether these are UTF-8 bytes, a few damaged ones (cut texts, a foreign widget) allowed."""
    try:
        html.decode("utf-8")
    except UnicodeDecodeError:
        text = html.decode("utf-8", "replace")
        broken = text.count("\ufffd")
        foreign = sum(1 for letter in text[:_SAMPLE] if letter > "\x7f")
        return broken * 50 < foreign
    return b"\x00" not in html[:100]


def _declared(html: bytes, content_type: str | None) -> list[str]:
    labels = []
    if content_type and (found := _HEADER.search(content_type)):
        labels.append(found.group(1))
    head = html[:8192].replace(b"\x00", b"")
    labels += [match.group(1).decode("ascii", "replace") for pattern in (_META, _XML) if (match := pattern.search(head))]
    return [label.lower() for label in labels]


def _try(html: bytes, label: str) -> str | None:
    """`html` in the charset called `label`; None when it is unknown, or the bytes do not fit it."""
    if label.startswith("viscii"):
        return "".join(_VISCII[byte - 128] if byte > 127 else _VISCII_LOW.get(byte, chr(byte)) for byte in html)
    name = _ALIASES.get(label, label)
    try:
        codec = codecs.lookup(name)
        if name.startswith("utf") or not getattr(codec, "_is_text_encoding", True):
            return None
        text = html.decode(name)
    except (LookupError, UnicodeDecodeError, ValueError):
        return None
    if name == "cp1252" and _has_tone_marks(html):
        return html.decode("cp1258", "replace")  # Windows-1258 was often declared as western
    return text


def _has_tone_marks(html: bytes) -> bool:
    """Whether the bytes, read as Windows-1258, are Vietnamese: its combining tone marks are what tells it from its relatives."""
    text = html[:_SAMPLE].decode("cp1258", "replace")
    return len(_TONES.findall(text)) * 100 > len(text)


def _detect(html: bytes) -> str:
    if _has_tone_marks(html):
        return "cp1258"
    best = charset_normalizer.from_bytes(html[:_SAMPLE], cp_isolation=list(_LIKELY)).best()
    return best.encoding if best is not None else "cp1252"
