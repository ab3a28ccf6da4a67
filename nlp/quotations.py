"""What people are quoted with: words between quotation marks, and who said them where the text says so next to them.

Rules, no model: a quotation is at least SHORTEST syllables between “…”, «…» or an even number of "…" in one paragraph; titles and single
words in quotation marks are shorter. Its speaker is named right before it ("ông Lê Văn A, chủ tịch xã, cho biết: “…”") or right behind
("“…”, bà B nói") together with a verb of saying. Everything that is given stands so in the text; where no rule finds a speaker, nobody is
named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SHORTEST = 6
"""Syllables."""
LONGEST = 700
"""Characters; longer ones are a whole letter or decision, not a quotation."""
_BEFORE, _BEHIND = 260, 200
"""Characters around a quotation in which its speaker is looked for."""
_MARKS = {"“": "”", "«": "»", "„": "”"}

_UPPER = "".join(letter for code in range(0x41, 0x1F00) if (letter := chr(code)).isupper() and (code < 0x250 or code >= 0x1E00))
_NAME = rf"[{_UPPER}][\w.]*(?:[ \u00a0]+[{_UPPER}][\w.]*){{0,5}}"
_HONORIFIC = (
    r"(?:[Ôô]ng|[Bb]à|[Aa]nh|[Cc]hị|[Ee]m|[Cc]ụ|[Cc]ô|[Cc]hú|[Bb]ác sĩ|[Bb]ác|[Ll]uật sư|[Kk]ỹ sư|[Tt]iến sĩ|[Gg]iáo sư|[Kk]iến trúc sư|"
    r"[Đđ]ại tá|[Tt]hượng tá|[Tt]rung tá|[Tt]hiếu tá|[Đđ]ại úy|[Tt]hiếu tướng|[Tt]rung tướng|[Đđ]ồng chí|[Pp]hó [Cc]hủ tịch|[Cc]hủ tịch|"
    r"[Gg]iám đốc|[Pp]hó [Gg]iám đốc|[Bb]í thư|[Bb]ộ trưởng|[Tt]hứ trưởng|[Tt]hủ tướng|"
    r"PGS\.?(?:[- ]?TS\.?)?|GS\.?(?:[- ]?TS\.?)?|TS\.?|ThS\.?|BS\.?)"
)
_SPEAKER = rf"(?:{_HONORIFIC}[ \u00a0]+{_NAME}|[{_UPPER}][\w.]*(?:[ \u00a0]+[{_UPPER}][\w.]*){{1,4}})"
_ROLE = r"(?:\s*[,(–-]\s*[^“”\"«»:.;!?]{2,140}?\)?)?"
_SAYS = (
    r"(?:cho biết|cho hay|cho rằng|chia sẻ|khẳng định|nhấn mạnh|nhận định|nhận xét|thông tin|phát biểu|trả lời|bày tỏ|đề nghị|yêu cầu|"
    r"kiến nghị|chỉ đạo|thừa nhận|giải thích|lý giải|phản ánh|bức xúc|than thở|lo lắng|kể lại|kể|nói thêm|nói rõ|nói|nêu rõ|nêu|hỏi|viết|"
    r"cảnh báo|lưu ý|phân trần|tâm sự|quả quyết|tuyên bố|đánh giá|dẫn chứng|bộc bạch|xác nhận|thuật lại|hứa)"
)
_NAMED_BEFORE = re.compile(rf"(?<!\w)({_SPEAKER}{_ROLE})\s*,?\s*(?:(?:cũng|đã|vừa|từng|còn)\s+)?{_SAYS}[^“”\"«».;!?]{{0,80}}$")
_NAMED_BEHIND = re.compile(
    rf"^\s*[,.]?\s*[–—-]?\s*(?:(?:theo|lời)\s+)*(?:({_SPEAKER}{_ROLE})\s*,?\s*(?:(?:cũng|đã|vừa)\s+)?{_SAYS}|{_SAYS}\s+(?:của\s+)?({_SPEAKER}))(?!\w)"
)
_RUNS_ON = re.compile(r"\s(?:và|rồi|nhưng|khi|mà|thì)\s*$")
"""Then the verb of saying belongs to a sentence that began with somebody else."""
_SENTENCE_END = re.compile(r"[.!?…][”\"»]?\s+(?=[\"“«„–—-]?\s*[{}0-9])".replace("{}", _UPPER))


@dataclass(frozen=True)
class Quotation:
    """Words that somebody is quoted with.

    Attributes:
        text: the words without their quotation marks, as they stand in the text.
        speaker: who said them, as the text names them ("bà Trần Thị B, phó giám đốc sở"); empty where it does not say so next to them.
        start, end: where the words stand in the text, code points.
    """

    text: str
    speaker: str
    start: int
    end: int


def quotations(text: str) -> list[Quotation]:
    """The quotations of a text, in its order.

    >>> [(found.text, found.speaker) for found in quotations("Ông Lê A nói: “Nước đã rút khỏi ba ấp từ đêm qua”.")]
    [('Nước đã rút khỏi ba ấp từ đêm qua', 'Ông Lê A')]
    """
    found = []
    begin = 0
    for paragraph in text.split("\n"):
        for start, end in _quoted(paragraph):
            words = paragraph[start:end]
            stripped = words.strip(" \u00a0,")
            if len(stripped) > LONGEST or len(stripped.split()) < SHORTEST:
                continue
            offset = begin + start + words.index(stripped)
            found.append(Quotation(stripped, _speaker(paragraph, start, end), offset, offset + len(stripped)))
        begin += len(paragraph) + 1
    return found


def _quoted(paragraph: str) -> Iterator[tuple[int, int]]:
    """Where the words between quotation marks begin and end; marks that do not pair are passed over."""
    if paragraph.count('"') % 2 == 0:
        places = [place for place, letter in enumerate(paragraph) if letter == '"']
        plain = list(zip(places[::2], places[1::2], strict=True))
    else:
        plain = []
    spans = [(start + 1, end) for start, end in plain]
    opened: int | None = None
    closing = ""
    for place, letter in enumerate(paragraph):
        if letter in _MARKS and opened is None:
            opened, closing = place + 1, _MARKS[letter]
        elif opened is not None and letter == closing:
            spans.append((opened, place))
            opened = None
    last = 0
    for start, end in sorted(spans):
        if start >= last:
            yield start, end
            last = end


def _speaker(paragraph: str, start: int, end: int) -> str:
    before = paragraph[max(0, start - 1 - _BEFORE) : start - 1]
    breaks = [found.end() for found in _SENTENCE_END.finditer(before)]
    before = before[breaks[-1] if breaks else 0 :].rstrip(" \u00a0:,–—-")
    if (named := _NAMED_BEFORE.search(before)) and not _RUNS_ON.search(named[1]):
        return _tidy(named[1])
    behind = paragraph[end + 1 : end + 1 + _BEHIND]
    if named := _NAMED_BEHIND.search(behind):
        return _tidy(named[1] or named[2])
    return ""


def _tidy(speaker: str) -> str:
    return speaker.strip(" \u00a0,–—-(")
