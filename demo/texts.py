"""The bundled texts: articles as their TOML files give them, dated for one press day.

A file `articles/OUTLET.toml` holds the articles of one outlet. A composed article has its place in time as `day` and `time`
(days before the press day, Vietnam time) or as `hours_before` (hours before the anchor); a real one has `published` as it was
printed. `{date:-1}` in a text is the article's own day plus N days, `{event}` the evening on which the event of the jump began.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal

from diembao.clock import VIETNAM

FOLDER = Path(__file__).parent / "articles"

BEFORE_JUMP = timedelta(hours=8)
"""The first stage shows what was published this long before the anchor, or earlier."""

LOOK_ALIKES = str.maketrans("bcghiklmnptu", "ʙᴄցʜᎥᴋʟᴍɴρᴛυ")
"""The letters that a real copy site put in place of Latin ones; letters with an accent it left alone."""

DISGUISED_WORDS = 100

BlockKind = Literal["paragraph", "heading", "caption"]


@dataclass(frozen=True)
class Block:
    """One piece of an article's body: a paragraph, a heading between paragraphs, or a picture with its caption."""

    kind: BlockKind
    text: str


@dataclass(frozen=True)
class Text:
    """One article, dated.

    Attributes:
        key: `OUTLET/SLUG`, unique.
        outlet: id of the outlet.
        slug: the words of its address.
        title: headline as printed.
        lead: sapo, empty when the outlet sets none apart.
        blocks: the body in order; captions stand in it but are not part of the body's text.
        authors: as printed.
        tags: keywords as printed.
        topic: the code of the topic that its writer meant; empty for real articles.
        tone: the tone that its writer meant; empty for real articles.
        published_at: aware UTC, None when the page prints no date.
        precision: `minute`, or `day` when the page prints no time.
        modified_at: aware UTC, None unless the text was changed after publication.
        credit: the credit line as printed, or empty.
        credit_name: who is credited, or empty.
        credit_url: the credited address, or empty.
        copy_of: key of the text that this one reprints, or empty.
        disguised: look-alike letters stand in it.
        real: a real article, not a composed one.
        trouble: what is wrong with its page, empty when nothing is.
        related: titles of the "see also" box that the page prints inside its body.
        edited: the later version of this text, None when there is none.
    """

    key: str
    outlet: str
    slug: str
    title: str
    lead: str
    blocks: tuple[Block, ...]
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    topic: str = ""
    tone: str = ""
    published_at: datetime | None = None
    precision: Literal["minute", "day"] = "minute"
    modified_at: datetime | None = None
    credit: str = ""
    credit_name: str = ""
    credit_url: str = ""
    copy_of: str = ""
    disguised: bool = False
    real: bool = False
    trouble: str = ""
    related: tuple[str, ...] = ()
    edited: Text | None = field(default=None, repr=False)

    @property
    def body(self) -> str:
        """Paragraphs and headings joined by line feeds, without captions."""
        return "\n".join(block.text for block in self.blocks if block.kind != "caption")


def press_day(anchor: datetime) -> datetime:
    """Midnight (Vietnam) of the day that `day = 0` means: every earlier day lies wholly before the jump."""
    return (anchor - BEFORE_JUMP).astimezone(VIETNAM).replace(hour=0, minute=0, second=0, microsecond=0)


def read_texts(anchor: datetime) -> dict[str, Text]:
    """Every bundled text by its key, dated for `anchor` (aware UTC); copies are derived from their origins.

    Raises:
        ValueError: when a file is inconsistent (two texts of one key, a copy without origin, an edit that changes nothing).
    """
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for entry in _entries(path):
            key = f"{path.stem}/{entry['slug']}"
            if key in entries:
                raise ValueError(f"{path}: two articles are called {entry['slug']!r}")
            entries[key] = entry
    texts = {key: _text(key, entry, anchor) for key, entry in entries.items() if "copy_of" not in entry}
    for key, entry in entries.items():
        if "copy_of" in entry:
            texts[key] = _copy(key, entry, texts[entry["copy_of"]], anchor)
    return texts


@cache
def _entries(path: Path) -> tuple[dict[str, Any], ...]:
    return tuple(tomllib.loads(path.read_text(encoding="utf-8"))["article"])


def _text(key: str, entry: dict[str, Any], anchor: datetime) -> Text:
    outlet, _, slug = key.partition("/")
    published_at = _published_at(entry, anchor)
    real = bool(entry.get("real"))

    def render(text: str) -> str:
        return text if real else fill_dates(text.strip(), published_at or anchor, anchor)

    text = Text(
        key=key,
        outlet=outlet,
        slug=slug,
        title=render(entry["title"]),
        lead=render(entry.get("lead", "")),
        blocks=tuple(_block(part) for part in re.split(r"\n\s*\n", render(entry["body"]).strip())),
        authors=tuple(entry.get("authors", ())),
        tags=tuple(entry.get("tags", ())),
        topic=entry.get("topic", ""),
        tone=entry.get("tone", ""),
        published_at=published_at,
        precision=entry.get("precision", "minute"),
        credit=entry.get("credit", ""),
        credit_name=entry.get("credit_name", ""),
        credit_url=entry.get("credit_url", ""),
        disguised=bool(entry.get("disguised")),
        real=real,
        trouble=entry.get("trouble", ""),
        related=tuple(entry.get("related", ())),
    )
    if "edited" not in entry:
        return text
    edit = entry["edited"]
    edited = replace(
        text,
        title=render(edit.get("title", entry["title"])),
        blocks=_replaced(key, text.blocks, [(render(old), render(new)) for old, new in edit["replace"]]),
        modified_at=anchor - timedelta(hours=edit["hours_before"]),
    )
    return replace(text, edited=edited)


def _copy(key: str, entry: dict[str, Any], origin: Text, anchor: datetime) -> Text:
    """The reprint of `origin`: its text with the entry's `replace`, `drop` (block numbers), `keep` (so many blocks), `disguise`."""
    outlet, _, slug = key.partition("/")
    published_at = _published_at(entry, anchor)

    def render(text: str) -> str:
        return fill_dates(text.strip(), published_at or anchor, anchor)

    blocks = _replaced(key, origin.blocks, [(render(old), render(new)) for old, new in entry.get("replace", ())])
    blocks = tuple(block for number, block in enumerate(blocks) if number not in entry.get("drop", ()))[: entry.get("keep")]
    title, lead = render(entry.get("title", origin.title)), render(entry.get("lead", origin.lead))
    if entry.get("disguise"):
        # The headline stays as it is: readers and search engines are to find it.
        lead, *bodies = disguise([lead, *(block.text for block in blocks)], DISGUISED_WORDS)
        blocks = tuple(replace(block, text=text) for block, text in zip(blocks, bodies, strict=True))
    return Text(
        key=key,
        outlet=outlet,
        slug=slug,
        title=title,
        lead=lead,
        blocks=blocks,
        authors=tuple(entry.get("authors", ())),
        tags=tuple(entry.get("tags", ())),
        topic=origin.topic,
        tone=origin.tone,
        published_at=published_at,
        credit=entry["credit"],
        credit_name=entry["credit_name"],
        copy_of=origin.key,
        disguised=bool(entry.get("disguise")),
    )


def _block(part: str) -> Block:
    text = " ".join(part.split())
    for mark, kind in (("## ", "heading"), ("[ảnh] ", "caption")):
        if text.startswith(mark):
            return Block("heading" if kind == "heading" else "caption", text.removeprefix(mark))
    return Block("paragraph", text)


def _replaced(key: str, blocks: tuple[Block, ...], changes: list[tuple[str, str]]) -> tuple[Block, ...]:
    for old, new in changes:
        if not any(old in block.text for block in blocks):
            raise ValueError(f"{key}: the text to replace is not there: {old!r}")
        blocks = tuple(replace(block, text=block.text.replace(old, new)) for block in blocks)
    return blocks


def _published_at(entry: dict[str, Any], anchor: datetime) -> datetime | None:
    if "hours_before" in entry:
        return (anchor - timedelta(hours=entry["hours_before"])).replace(second=0, microsecond=0)
    if "day" in entry:
        hour, minute = map(int, entry.get("time", "00:00").split(":"))
        local = press_day(anchor) + timedelta(days=entry["day"], hours=hour, minutes=minute)
        return local.astimezone(UTC)
    if "published" in entry:
        return datetime.fromisoformat(entry["published"]).replace(tzinfo=VIETNAM).astimezone(UTC)
    return None


def fill_dates(text: str, published_at: datetime, anchor: datetime) -> str:
    """`text` with `{date:N}`, `{year:N}` and `{event}` written out as a newspaper writes them, "21/11" and "2026".

    >>> fill_dates("ngày {date:-1}, năm {year:0}", datetime(2026, 11, 22, 3, tzinfo=UTC), datetime(2026, 11, 22, 9, tzinfo=UTC))
    'ngày 21/11, năm 2026'
    """
    evening = (anchor - timedelta(hours=30)).astimezone(VIETNAM)

    def fill(match: re.Match[str]) -> str:
        name, days = match[1], int(match[2] or 0)
        day = (evening if name == "event" else published_at.astimezone(VIETNAM)) + timedelta(days=days)
        return str(day.year) if name == "year" else f"{day.day}/{day.month}"

    return re.sub(r"\{(date|year|event)(?::([+-]?\d+))?\}", fill, text)


def disguise(parts: list[str], words: int) -> list[str]:
    """`parts` with about `words` of their words put into look-alike letters, spread evenly over all of them.

    >>> disguise(["nước thải"], 2)
    ['ɴướᴄ ᴛʜảᎥ']
    """
    long_words = [(number, match.span()) for number, part in enumerate(parts) for match in re.finditer(r"[^\W\d_]{3,}", part)]
    step = max(1, len(long_words) // max(1, words))
    chosen = long_words[::step][:words]
    result = list(parts)
    for number, (start, end) in reversed(chosen):
        part = result[number]
        result[number] = part[:start] + part[start:end].translate(LOOK_ALIKES) + part[end:]
    return result
