"""From the blocks of the element that holds an article to its paragraphs: what is text stays, what stands around it goes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from crawlers.extraction.blocks import Block, read_blocks
from crawlers.extraction.bylines import Byline, is_name, is_outlet, is_person, read_byline
from crawlers.extraction.dates import has_day, is_stamp
from crawlers.extraction.page import Element, squeeze
from crawlers.extraction.wording import (
    AUTHOR_CUE,
    CLOSING,
    COMMENT_HEADING,
    CONTACT,
    ENDS_AS_SENTENCE,
    IMPRINT,
    INVITATION,
    LEAD_CUE,
    LEAD_IN,
    PAYWALL,
    PHOTO_END,
    TEXT_CREDIT,
)

_BARE_DAY = re.compile(r"\W*\(?\d{1,2}[/-]\d{1,2}(?:[/-]\d{2,4})?\)?\W*")
"""What is left of a line "- Headline (12/10)" without its link."""


@dataclass
class Body:
    """What was read from the article's element.

    Attributes:
        paragraphs: the text, in order.
        lead: the summary that stands inside the element, set apart; empty when there is none.
        byline: names and credits of the lines at its end.
        images: `src` of its images, in order, as written.
        gallery: the captions are the text.
        dropped: what was taken out, for those who want to know why.
    """

    paragraphs: list[str] = field(default_factory=list)
    lead: str = ""
    byline: Byline = field(default_factory=Byline)
    images: list[str] = field(default_factory=list)
    gallery: bool = False
    dropped: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The paragraphs joined by line feeds."""
        return "\n".join(self.paragraphs)


def read_body(
    elements: Sequence[Element],
    *,
    title: str = "",
    lead: str = "",
    remove: Sequence[str] = (),
    site: str = "",
    without: Collection[Element] = (),
    descriptions: Sequence[str] = (),
) -> Body:
    """The text of the elements that hold an article.

    Args:
        elements: the elements, in document order; usually one.
        title: the headline; a block that repeats it is dropped, and with it what stands above it.
        lead: the lead as found elsewhere; the text does not repeat it.
        remove: selectors of the layout for what is to be cut out; one that cannot be read is passed over.
        site: names of the outlet (`bylines.site_names`), which are no authors.
        without: elements to leave out (`Page.cards`).
        descriptions: what the head of the page says as its description: a first paragraph that is the same, and is marked
            up unlike the others, is the lead.
    """
    return _choose(read_blocks(elements, remove=remove, without=without), title, lead, site, descriptions)


def _same(one: str, other: str) -> bool:
    """Whether two texts are the same but for punctuation, case and a cut end."""
    a, b = squeeze(one), squeeze(other)
    if not a or not b:
        return False
    short, long = sorted((a, b), key=len)
    return long.startswith(short) and (len(short) >= 0.85 * len(long) or (len(short) > 60 and one.rstrip().endswith(("...", "…"))))


def _choose(blocks: list[Block], title: str, lead: str, site: str, descriptions: Sequence[str]) -> Body:
    body = Body()
    blocks = _drop_meta_lines(_after_title(blocks, title), body, site)
    body.images = list(dict.fromkeys(block.image for block in blocks if block.image and not block.boilerplate))
    _mark_captions(blocks)
    blocks = _cut_tail(blocks, body)
    blocks = _drop_related(blocks, body, lead)
    blocks = _take_byline(blocks, body, site)
    text = [block for block in blocks if block.text]
    captions = [block for block in text if block.caption]
    paragraphs = [block for block in text if not block.caption]
    if not lead:
        body.lead = _lead_of(paragraphs, descriptions)
        if body.lead:
            paragraphs = paragraphs[body.lead.count("\n") + 1 :]
    size, caption_size = sum(len(b.text) for b in paragraphs), sum(len(b.text) for b in captions)
    if len(captions) >= 3 and caption_size > 2 * size and len(body.images) >= 3:
        body.gallery = True
        chosen = [block for block in text if block.caption or block in paragraphs]
    else:
        chosen = paragraphs
        body.dropped.extend(block.text for block in captions)
    body.paragraphs = [block.text for block in chosen]
    return body


def _after_title(blocks: list[Block], title: str) -> list[Block]:
    """What follows the headline when it stands inside: above it are breadcrumbs, dates and tools."""
    if not title:
        return blocks
    places = [place for place, block in enumerate(blocks) if block.text and len(block.text) < 300 and _is_title(block.text, title)]
    total = sum(len(block.text) for block in blocks)
    for place in reversed(places):
        if sum(len(block.text) for block in blocks[:place]) * 3 < total:
            blocks = blocks[place + 1 :]
            break
    return [block for block in blocks if not (block.text and block.tag in ("h1", "h2", "h3") and _same(block.text, title))]


_META_WORDS = re.compile(
    r"\b(?:đăng(?: lúc| ngày| vào| bởi)?|được đăng|viết bởi|bởi|by|posted|on|vào lúc|vào|lúc|ngày|cập nhật|tác giả|phóng viên|thời gian|"
    r"gmt|phút đọc|phút|giờ|thứ (?:hai|ba|tư|năm|sáu|bảy)|chủ nhật|lượt (?:xem|đọc)|người (?:đã )?xem|bình luận|views?|xem|in|am|pm|sa|"
    r"ch)\b",
    re.IGNORECASE,
)


def _drop_meta_lines(blocks: list[Block], body: Body, site: str) -> list[Block]:
    """Without the line between headline and text that says who wrote it and when ("Bởi … 12/10/2024 - 08:15", "3 phút đọc")."""
    texts = [block for block in blocks if block.text][:3]
    dropped = []
    for block in texts:
        if len(block.text) > 120 or not has_day(block.text) or block.text.endswith((".", "!", "?", "…")):
            continue
        # What is left when dates and the words around them are taken out: at most a name or two.
        rest = " ".join(_META_WORDS.sub(" ", re.sub(r"[\d/:.,|()\[\]+–-]+", " ", block.text)).split())
        line = read_byline(rest, site) if rest else None
        named = line is not None and bool(line.authors) and all(is_person(name) for name in line.authors)
        if len(rest.split()) <= (8 if named else 2):
            if named and line is not None:
                body.byline.add(line)
            dropped.append(block)
    body.dropped.extend(block.text for block in dropped)
    return [block for block in blocks if not any(block is other for other in dropped)] if dropped else blocks


def _is_title(text: str, title: str) -> bool:
    """Whether a line is the headline, alone or with the date behind it."""
    return _same(text, title) or (text.startswith(title) and is_stamp(text[len(title) :].strip("()[] -–|")))


def _mark_captions(blocks: list[Block]) -> None:
    """Captions by their place: the short centred, italic, small or coloured line under a picture."""
    plain_align = _usual_align(blocks)
    for place, block in enumerate(blocks):
        if not block.text or block.caption or TEXT_CREDIT.match(block.text):
            continue
        if (
            len(block.text) < 80
            and not (place and blocks[place - 1].image)
            and (line := read_byline(block.text)) is not None
            and line.authors
        ):
            continue  # "Thanh Tùng - Ảnh: Minh Đức" at the end: the writer and the photographer
        previous = blocks[place - 1] if place else None
        following = blocks[place + 1] if place + 1 < len(blocks) else None
        after_image = previous is not None and bool(previous.image) and not block.boilerplate
        size = len(block.text)
        differs = block.align == "center" and plain_align != "center"
        slanted = block.italic * 10 >= size * 8
        if (
            (after_image and size < 400 and (differs or (block.align == "center" and slanted)))
            or (after_image and size < 250 and (slanted or block.styled) and block.bold * 2 < size)
            or (after_image and size < 300 and PHOTO_END.search(block.text))
            or (after_image and previous is not None and not previous.table and following is not None and _is_label(block))
            or (size < 220 and PHOTO_END.search(block.text) and (after_image or slanted or differs or size < 60))
            or (
                previous is not None
                and previous.caption
                and previous.text
                and size < 200
                and differs
                and (slanted or block.styled)
                and following is not None
                and not previous.table
            )
        ):
            block.caption = True


def _is_label(block: Block) -> bool:
    """A short plain line that is no sentence, no heading and no name: under a picture it says what is on it."""
    size = len(block.text)
    if re.search(r"title|head|tit\b|sub", block.cues.rsplit(" ", 1)[-1]):
        return False
    if not 12 <= size < 150 or ENDS_AS_SENTENCE.search(block.text) or block.bold * 2 >= size or block.align == "right" or block.in_list:
        return False
    return block.tag in ("p", "div", "td", "span", "center") and read_byline(block.text) is None


def _usual_align(blocks: list[Block]) -> str:
    """The alignment that most of the text has."""
    sizes: dict[str, int] = {}
    for block in blocks:
        sizes[block.align] = sizes.get(block.align, 0) + len(block.text)
    return max(sizes, key=lambda key: sizes[key]) if sizes else ""


def _is_links(block: Block) -> bool:
    return block.link * 10 >= len(block.text) * 7


def _drop_related(blocks: list[Block], body: Body, lead: str) -> list[Block]:
    kept: list[Block] = []
    lead_lines = [squeeze(line) for line in lead.split("\n") if line.strip()]
    whole_lead = squeeze(lead)
    in_related = False
    for block in blocks:
        if block.image:
            if not block.boilerplate:
                kept.append(block)
            continue
        size = len(block.text)
        squeezed = squeeze(block.text)
        drop = (
            block.boilerplate
            or not squeezed
            or (_is_links(block) and not TEXT_CREDIT.match(block.text) and size < 300 and not (block.caption and not block.link))
            or (LEAD_IN.match(block.text) and (size < 90 or block.link > 10 or block.text.lstrip().startswith((">>", "»"))))
            or (lead_lines and len(kept) < 12 and (squeezed in lead_lines or (len(squeezed) > 30 and squeezed in whole_lead)))
            or is_stamp(block.text)
            or (size < 25 and _BARE_DAY.fullmatch(block.text) is not None)
            or (size < 300 and INVITATION.match(block.text) is not None)
            or (size < 200 and PAYWALL.search(block.text) is not None)
            or (size < 600 and IMPRINT.search(block.text) is not None and CONTACT.search(block.text) is not None)
            or bool(
                re.fullmatch(
                    r"(?:\d+\s*)?(?:bình luận|like|share|chia sẻ|thích|tweet|in trang|print|email|aa|quay lại|\[quay lại\]"
                    r"|[\d.,]+\s*(?:lượt xem|lượt đọc|người (?:đã )?xem|người đọc|views?)"
                    r"|(?:\[\s*(?:trở về|quay lại|về đầu trang|in trang|in bài|gửi (?:email|bạn bè))\s*\]\s*)+)\W*",
                    block.text,
                    re.IGNORECASE,
                )
            )
        )
        # Plain lines of a list that follows a "Tin liên quan" are related too, though they carry no link of their own.
        if drop and LEAD_IN.match(block.text) and size < 60 and not block.boilerplate:
            in_related = True
        elif in_related and (block.in_list or block.link) and size < 200:
            drop = True
        elif not drop:
            in_related = False
        if drop:
            body.dropped.append(block.text)
        else:
            if block.text.endswith(">>"):  # a link "Chi tiết" stood behind it
                block.text = block.text.rstrip(". >") + "."
            kept.append(block)
    return kept


def _cut_tail(blocks: list[Block], body: Body) -> list[Block]:
    """End at the heading of comments, or of related articles behind which nothing like the text above follows (a box stays)."""
    weights = [0 if block.boilerplate or _is_links(block) else len(block.text) for block in blocks]
    total, above = sum(weights), 0
    usual: dict[tuple[str, str], int] = {}
    for block, weight in zip(blocks, weights, strict=True):
        usual[block.tag, block.cues] = usual.get((block.tag, block.cues), 0) + weight
    text_like = max(usual, key=lambda key: usual[key]) if usual else ("", "")
    for place, block in enumerate(blocks):
        if block.text and len(block.text) < 60 and CLOSING.match(block.text) and not block.text.rstrip().endswith((".", ",")):
            comments = bool(COMMENT_HEADING.match(block.text))
            if above * 10 > total * 4 and (
                comments
                or (
                    (total - above - weights[place]) * 4 < total
                    and not any((b.tag, b.cues) == text_like for b in blocks[place + 1 :] if len(b.text) > 3)
                )
            ):
                body.dropped.extend(later.text for later in blocks[place:] if later.text)
                return blocks[:place]
        above += weights[place]
    return blocks


def _take_byline(blocks: list[Block], body: Body, site: str) -> list[Block]:
    """Take the lines of authors and credits off the end (and those that the markup calls so from anywhere)."""
    removed: set[int] = set()
    texts = [place for place, block in enumerate(blocks) if block.text]
    lines: list[Byline] = []
    for rank, place in enumerate(reversed(texts)):
        block = blocks[place]
        if rank >= 6:
            break
        line = read_byline(block.text, site, block.href)
        marked = bool(AUTHOR_CUE.search(block.cues)) and len(block.text) < 100
        if line is None:
            if block.caption or (len(block.text) < 25 and not ENDS_AS_SENTENCE.search(block.text)):
                continue
            break
        if block.caption and not marked and not (line.credits and not line.authors):
            continue
        certain = (
            marked
            or block.align == "right"
            or bool(line.credits)
            or (block.bold + block.italic) * 10 >= len(block.text) * 6
            or bool(re.match(r"^\s*\(?(?:tin|bài|theo|nguồn|thực hiện|pv|phóng viên|ảnh|tác giả)\b", block.text, re.IGNORECASE))
            or (bool(lines) and len(block.text) < 30)
            or (
                rank == 0
                and not block.text.endswith((".", "!", "?"))
                and (all(is_person(name) for name in line.authors) or len(block.text) < 30)
            )
        )
        if not certain or (block.in_list and not marked) or block.tag in ("h2", "h3", "h4"):
            break
        removed.add(place)
        lines.append(line)
    lines.reverse()
    for place, line in enumerate(lines):
        # "Theo Thu Hằng" above "Trí Thức Trẻ": two lines of one credit, the first is the person.
        following = lines[place + 1] if place + 1 < len(lines) else Byline()
        person = len(line.credits) == 1 and " " in line.credits[0] and is_name(line.credits[0]) and not is_outlet(line.credits[0], site)
        named = person and not line.authors and following.credits and not following.authors
        body.byline.add(Byline(authors=line.credits) if named else line)
    for place in texts:
        block = blocks[place]
        if place in removed or not AUTHOR_CUE.search(block.cues) or len(block.text) > 100 or block.caption:
            continue
        line = read_byline(block.text, site, block.href)
        if line is not None:
            removed.add(place)
            body.byline.add(line)
    for place in texts[:2]:
        block = blocks[place]
        if place in removed or len(block.text) > 90 or block.caption or block.tag in ("h2", "h3", "h4"):
            continue
        line = read_byline(block.text, site, block.href)
        if line is not None and line.authors and (has_day(block.text) or all(is_person(name) for name in line.authors)):
            removed.add(place)
            body.byline.add(line)
    if texts and not removed:
        _cut_inline_byline(blocks[texts[-1]], body, site)
    for place in removed:
        body.dropped.append(blocks[place].text)
    return [block for place, block in enumerate(blocks) if place not in removed]


def _cut_inline_byline(block: Block, body: Body, site: str) -> None:
    """A byline at the end of the last paragraph: "… đến hết năm./. (Theo TTXVN)"."""
    found = re.search(r"(?<=[.!?…/])\s*[\[(]?\s*((?:Theo|Nguồn)\s*:?\s+[^.()]{2,40}(?:\([^)]{2,30}\))?)\s*[\])]?\s*$", block.text)
    if found and len(block.text) - len(found.group(0)) > 60:
        line = read_byline(found.group(1), site, "")
        if line is not None and (line.credits or line.authors):
            body.byline.add(line)
            block.text = block.text[: found.start()].rstrip()


def _lead_of(paragraphs: list[Block], descriptions: Sequence[str]) -> str:
    """The summary at the beginning: a paragraph that is set apart from those after it; empty when none is."""
    if len(paragraphs) < 3:
        return ""
    first, rest = paragraphs[0], paragraphs[1:6]
    size = len(first.text)
    if not 40 <= size <= 900 or first.text.endswith(":"):
        return ""
    if LEAD_CUE.search(first.cues) and not LEAD_CUE.search(rest[0].cues):
        return first.text
    if first.tag in ("h2", "h3", "h4", "h5") and size > 70 and all(block.tag != first.tag or len(block.text) < 70 for block in rest):
        return first.text
    squeezed = squeeze(first.text)
    if any(squeeze(text).startswith(squeezed) for text in descriptions) and all((b.tag, b.cues) != (first.tag, first.cues) for b in rest):
        return first.text
    if first.italic * 10 >= size * 9 and size >= 60 and not any(block.italic * 2 > len(block.text) for block in rest):
        return first.text
    bold = first.bold * 10 >= size * 9
    if bold and size >= 60 and sum(1 for block in rest if block.bold * 10 >= len(block.text) * 9 and len(block.text) > 60) == 0:
        return first.text
    return ""
