"""Records of the citizens' feedback line → Articles of the kind `feedback`, and what their own system says of them beside.

Who sent one is never read, and numbers of persons are masked before anything is stored. The way of a file:
`read_table` → `columns_for` → `read_records` → `sort_out` → (a run folder) → `keep_records`. Repeating all of it changes nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any, Final

from sqlalchemy.orm import Session

from diembao.article import Article
from diembao.clock import to_utc
from diembao.corrections import Correction
from diembao.erasing import erased_ids
from diembao.errors import InputError
from diembao.privacy import mask_senders_numbers
from diembao.state import FeedbackMapping, FeedbackRecord
from diembao.taxonomy import Taxonomy
from diembao.urls import article_id
from index.corrections import history, keep
from index.export import harmless
from index.feedback_columns import FIELDS, heading_key
from index.feedback_file import LONGEST_CELL, Row, Table, text_of

SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
"""What the id of a source of records may be."""
_TITLE: Final = 90
_LONGEST: Final = {"number": 200, "title": 500, "section": 300, "address": 500, "status": 200, "department": 300, "url": 2000}
_FIRST_YEAR: Final = 2000
_AHEAD: Final = timedelta(days=1)
_FORMULA: Final = ("'=", "'+", "'-", "'@")


@dataclass(frozen=True)
class Record:
    """One record as it may be stored.

    Attributes:
        article: its text, an Article of the kind `feedback`.
        position: where it stands in what was sent.
        number: in the citizens' system, masked where it is a number of a person.
        topics: codes that its field means here; empty: it names none of ours.
        status, department, response, responded_at: what that system says of its treatment.
    """

    article: Article
    position: str
    number: str
    topics: tuple[str, ...] = ()
    status: str = ""
    department: str = ""
    response: str = ""
    responded_at: datetime | None = None


@dataclass(frozen=True)
class Rejected:
    """One record that cannot be taken.

    Attributes:
        position: where it stands: "line 5".
        problem: why, English; what to do where it is not plain.
        cells: its texts by field, masked, so that it can be mended.
    """

    position: str
    problem: str
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Sorted:
    """Records by what becomes of them.

    Attributes:
        new: that were never taken.
        changed: whose text changed: a revision.
        updated: whose text is known, but not their status, answer or field.
        unchanged: that are known as they are.
        rejected: that cannot be taken.
    """

    new: list[Record] = field(default_factory=list)
    changed: list[Record] = field(default_factory=list)
    updated: list[Record] = field(default_factory=list)
    unchanged: list[Record] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def taken(self) -> list[Record]:
        """All that are taken, in their order by what becomes of them."""
        return [*self.new, *self.changed, *self.updated, *self.unchanged]

    @property
    def texts(self) -> list[Article]:
        """What has to go to the engine."""
        return [record.article for record in (*self.new, *self.changed)]

    def counts(self) -> dict[str, int]:
        """`{"new", "changed", "updated", "unchanged", "rejected"}`."""
        return {name: len(getattr(self, name)) for name in ("new", "changed", "updated", "unchanged", "rejected")}


def read_records(
    table: Table, columns: Mapping[str, str], source: str, taxonomy: Taxonomy, now: datetime, oldest: datetime | None = None
) -> tuple[list[Record], list[Rejected]]:
    """The records of `table`, and those that cannot be taken.

    Args:
        table: as the file has it.
        columns: field → column (`columns_for`).
        source: id of the source.
        taxonomy: the office's topics and fields.
        now: aware UTC; a record from the future is rejected.
        oldest: what is older is not kept (retention); None: everything is.
    """
    is_month_first = _is_month_first(row.cells.get(column) for row in table.rows for column in _date_columns(columns))
    records: list[Record] = []
    rejected: list[Rejected] = []
    first: dict[str, Record] = {}
    for row in table.rows:
        cells = {name: _cell(row.cells.get(column)) for name, column in columns.items()}
        masked = {name: mask_senders_numbers(cell) for name, cell in cells.items()} | {"number": number_to_keep(cells.get("number", ""))}
        try:
            record = _record(row, cells, masked, columns, source, taxonomy, now, is_month_first=is_month_first)
            moment = record.article.published_at
            if oldest is not None and moment is not None and moment < oldest:
                raise InputError(f"{row.position}: quá thời hạn lưu / older than feedback is kept for ([retention] in office.toml)")
            known = first.get(record.article.id)
            if known is not None:
                if known.article.content_hash == record.article.content_hash:
                    continue  # the same twice
                what = f"mã {record.number!r} đã có ở {known.position} với nội dung khác / the number stands there with another text"
                raise InputError(f"{row.position}: {what}")
        except InputError as error:
            cells_to_mend = {name: cell[:LONGEST_CELL] for name, cell in masked.items()}
            rejected.append(Rejected(row.position, mask_senders_numbers(str(error)), cells_to_mend))
            continue
        first[record.article.id] = record
        records.append(record)
    return records, rejected


def sort_out(session: Session, records: Sequence[Record], rejected: Sequence[Rejected] = ()) -> Sorted:
    """What becomes of `records`; nothing is written."""
    found = Sorted(rejected=list(rejected))
    erased = erased_ids(session, (record.article.id for record in records))
    for record in records:
        if record.article.id in erased:
            found.rejected.append(Rejected(record.position, f"{record.position}: đã bị xóa hẳn, không nhận lại / it was erased for good"))
            continue
        known = session.get(FeedbackRecord, record.article.id)
        if known is None:
            found.new.append(record)
        elif known.content_hash != record.article.content_hash:
            found.changed.append(record)
        elif _beside(record) != {name: getattr(known, name) for name in _beside(record)}:
            found.updated.append(record)
        else:
            found.unchanged.append(record)
    return found


def keep_records(session: Session, records: Iterable[Record], now: datetime) -> list[str]:
    """Keep what the citizens' system says beside the texts; call it when the texts are safe in a run.

    The field that was given there counts as a correction of the topics by that source, so the model's label stands beside it; what staff
    said of an article wins.

    Returns:
        Ids of the articles whose topics are others now: `index.corrections.renew` writes those that are indexed.
    """
    changed = []
    for record in records:
        article = record.article
        known = session.get(FeedbackRecord, article.id)
        before = list(known.topics) if known is not None else []
        if known is None:
            known = FeedbackRecord(article_id=article.id, source=article.source, number=record.number, taken_at=now, topics=[])
            session.add(known)
        for name, value in _beside(record).items():
            setattr(known, name, value)
        known.received_at, known.content_hash, known.updated_at = article.published_at, article.content_hash, now
        if record.topics and list(record.topics) != before and _is_open_to_sources(session, article.id):
            given = Correction(
                article_id=article.id, field="topics", value=list(record.topics), old_value=before,
                given_by=f"{BY_SOURCE}{article.source}", given_at=now,
            )  # fmt: skip
            keep(session, given)
            changed.append(article.id)
    session.flush()
    return changed


BY_SOURCE: Final = "source:"
"""Beginning of `given_by` where not a person but the record's own system named the topics: nothing is learnt from it."""


def _is_open_to_sources(session: Session, article: str) -> bool:
    said = [row for row in history(session, article) if row.field == "topics" and not row.given_by.startswith(BY_SOURCE)]
    return not any(row.in_force for row in said)


def remembered(session: Session, source: str) -> dict[str, str]:
    """The mapping of columns that staff set right for `source` last; empty: none."""
    known = session.get(FeedbackMapping, source)
    return {str(name): str(column) for name, column in known.columns.items()} if known else {}


def remember(session: Session, source: str, columns: Mapping[str, str], by: str, now: datetime) -> None:
    """Keep a mapping for the next file of `source`. Fields without a column are kept as such."""
    said = {name: columns.get(name, "") for name in FIELDS}
    session.merge(FeedbackMapping(source=source, columns=said, updated_at=now, updated_by=by[:200]))


def feedback_of(session: Session, article: str) -> FeedbackRecord | None:
    """What the citizens' system says of an article; None: it is no record of one."""
    return session.get(FeedbackRecord, article)


def write_rejected(rejected: Sequence[Rejected], columns: Mapping[str, str], stream: IO[str]) -> None:
    """Write rejected records as CSV with their problems, masked, to be mended and brought in again."""
    names = [name for name in FIELDS if name in columns]
    writer = csv.writer(stream)
    writer.writerow([*(columns[name] for name in names), "vị trí / position", "lý do / problem"])
    for one in rejected:
        cells = [one.cells.get(name, "") for name in names]
        writer.writerow([harmless(cell) for cell in (*cells, one.position, one.problem)])


def rejected_csv(rejected: Sequence[Rejected], columns: Mapping[str, str]) -> bytes:
    """The same as a file that spreadsheets open."""
    text = io.StringIO(newline="")
    write_rejected(rejected, columns, text)
    return text.getvalue().encode("utf-8-sig")


def preview(table: Table, limit: int = 8) -> list[list[str]]:
    """The first rows of `table` with every number masked: what a page may show before staff have said which columns are read."""
    return [[mask_senders_numbers(text_of(row.cells.get(heading)))[:200] for heading in table.headings] for row in table.rows[:limit]]


def topics_of(section: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """The topics that a field of a citizens' system means: a topic by name or code, or a field of ours; none when it names neither."""
    key = heading_key(section)
    if not key:
        return ()
    for code, topic in taxonomy.topics.items():
        if key in (heading_key(code), heading_key(topic.vi), heading_key(topic.en)):
            return (code,)
    for code, group in taxonomy.fields.items():
        if key in (heading_key(code), heading_key(group.name.vi), heading_key(group.name.en)):
            return group.topics
    return ()


def number_to_keep(number: str) -> str:
    """The number of a record as it may be stored: in systems that number by telephone or identity card it is a person's.

    >>> number_to_keep("20261120000123"), number_to_keep("0912 345 678"), number_to_keep("082090001234")
    ('20261120000123', '091x xxx xxx', 'xxxxxxxxxxxx')
    """
    digits = re.sub(r"[ .()+-]", "", number)
    return mask_senders_numbers(number) if re.fullmatch(r"(?:0|84)\d{8,11}", digits) else number


def _record(
    row: Row,
    cells: Mapping[str, str],
    masked: Mapping[str, str],
    columns: Mapping[str, str],
    source: str,
    taxonomy: Taxonomy,
    now: datetime,
    *,
    is_month_first: bool,
) -> Record:
    position = row.position
    if row.problem:
        raise InputError(row.problem)
    number = cells.get("number", "")
    if not number:
        raise InputError(f"{position}: không có mã phiếu / no number (column {columns['number']!r})")
    for name, cell in cells.items():
        if len(cell) > (longest := _LONGEST.get(name, LONGEST_CELL)):
            what = f"{columns[name]!r} dài quá {longest:,} ký tự / has more characters than that ({len(cell):,})"
            raise InputError(f"{position}: {what}")
    body, title = masked.get("body", ""), " ".join(masked.get("title", "").split())
    if not title and not body:
        raise InputError(f"{position}: không có nội dung / no text")
    received, precision = _date(row.cells.get(columns.get("date", "")), position, now, is_month_first=is_month_first)
    responded, _ = _date(row.cells.get(columns.get("responded", "")), position, now, is_month_first=is_month_first)
    address = " ".join(masked.get("address", "").split())
    url = cells.get("url", "")
    article = Article(
        id=article_id(f"feedback:{source}:{number}"),
        url=url if url.startswith(("http://", "https://")) and mask_senders_numbers(url) == url else "",
        source=source,
        kind="feedback",
        title=title or _first_words(body),
        lead=f"Địa điểm: {address}" if address else "",
        body=body,
        section=masked.get("section", ""),
        published_at=received,
        fetched_at=now,
        first_seen_at=now,
        published_precision=precision,
    )
    return Record(
        article=article,
        position=position,
        number=masked["number"],
        topics=topics_of(masked.get("section", ""), taxonomy),
        status=masked.get("status", ""),
        department=masked.get("department", ""),
        response=masked.get("response", ""),
        responded_at=responded,
    )


def _beside(record: Record) -> dict[str, Any]:
    return {
        "field": record.article.section[:300],
        "topics": list(record.topics),
        "status": record.status,
        "department": record.department,
        "response": record.response,
        "responded_at": record.responded_at,
    }


def _cell(value: object) -> str:
    text = text_of(value)
    return text[1:] if text.startswith(_FORMULA) else text  # as our own file of rejected records writes it


def _first_words(text: str) -> str:
    line = " ".join(text.split())
    if len(line) <= _TITLE:
        return line
    return line[:_TITLE].rsplit(" ", 1)[0] + "…"


# --- dates ---

_DAY = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})")
_DAY_FIRST = re.compile(
    r"(?:ngày\s*)?(?P<a>\d{1,2})[/. -](?P<b>\d{1,2})[/. -](?P<year>\d{4}|\d{2})"
    r"(?:[ T,]+(?:lúc\s*)?(?P<hour>\d{1,2})(?:[:hg](?P<minute>\d{2})?)(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>AM|PM|SA|CH)?)?",
    re.IGNORECASE,
)
_TIME_FIRST = re.compile(
    r"(?:lúc\s*)?(?P<hour>\d{1,2})[:hg](?P<minute>\d{2})?(?::(?P<second>\d{2}))?\s*(?P<half>AM|PM|SA|CH)?[ ,-]+"
    r"(?:ngày\s*)?(?P<a>\d{1,2})[/.-](?P<b>\d{1,2})[/.-](?P<year>\d{4}|\d{2})",
    re.IGNORECASE,
)
_SERIAL = re.compile(r"\d{5}(?:[.,]\d+)?")
_SERIAL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's clock has no zone


def _date_columns(columns: Mapping[str, str]) -> list[str]:
    return [columns[name] for name in ("date", "responded") if name in columns]


def _is_month_first(cells: Iterable[Any]) -> bool:
    """Whether the dates of a table can only be read with the month first, as American systems write them."""
    american = False
    for cell in cells:
        if isinstance(cell, str) and (found := _DAY.search(cell)):
            first, second = int(found[1]), int(found[2])
            if first > 12:
                return False
            american |= second > 12
    return american


def _date(value: Any, position: str, now: datetime, *, is_month_first: bool) -> tuple[datetime | None, Any]:
    """(moment, precision) of a cell; (None, None) when it is empty. Times without zone are Vietnam's."""
    text = text_of(value)
    if not text:
        return None, None
    try:
        moment, has_time = _read_date(text, is_month_first=is_month_first)
    except (ValueError, OverflowError) as error:
        what = f"{text[:60]!r} không phải ngày giờ / is not a date"
        raise InputError(f"{position}: {what}", "20/11/2026 07:30; 2026-11-20 07:30") from error
    if moment > now + _AHEAD:
        raise InputError(
            f"{position}: {text[:60]!r} ở tương lai, có thể ngày và tháng bị đổi chỗ / lies in the future: day and month may be exchanged"
        )
    if moment.year < _FIRST_YEAR:
        raise InputError(f"{position}: {text[:60]!r} trước năm {_FIRST_YEAR} / is before {_FIRST_YEAR}")
    return moment, "minute" if has_time else "day"


def _read_date(text: str, *, is_month_first: bool) -> tuple[datetime, bool]:
    if _SERIAL.fullmatch(text):
        days = float(text.replace(",", "."))
        return to_utc(_SERIAL_EPOCH + timedelta(seconds=round(days * 86_400))), not days.is_integer()
    found = _DAY_FIRST.fullmatch(text) or _TIME_FIRST.fullmatch(text)
    if found is None:
        plain = text.replace("/", "-") if re.match(r"\d{4}/", text) else text
        moment = datetime.fromisoformat(plain)
        return to_utc(moment), len(plain) > 10 and (moment.hour, moment.minute, moment.second) != (0, 0, 0)
    day, month = (int(found["b"]), int(found["a"])) if is_month_first else (int(found["a"]), int(found["b"]))
    year = int(found["year"]) + (2000 if len(found["year"]) == 2 else 0)
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    half = (found["half"] or "").upper()
    if half in ("PM", "CH") and hour < 12:
        hour += 12
    elif half in ("AM", "SA") and hour == 12:
        hour = 0
    return to_utc(datetime(year, month, day, hour, minute, second)), found["hour"] is not None  # noqa: DTZ001 - to_utc says whose it is
