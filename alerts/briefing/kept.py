"""The briefing of a day as it is kept: compiled, edited by staff, closed when it goes out.

What was compiled and what staff made of it stand in columns of their own, so compiling again overwrites no edit. As soon as somebody has
edited the day's briefing, what they saw stays as it is: stories that come later are added as `late` and left out unless they are chosen.
Each item carries a version; whoever saves over a change that they have not seen gets a ConflictError.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, cast

from pydantic import BaseModel, ConfigDict
from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from alerts.briefing.content import Compiled, Known, Story, compile_stories, section_codes
from alerts.briefing.words import STATUSES, Status
from alerts.mail import one_line, safe_link
from alerts.source_trouble import read_troubles
from diembao.alert import Alert
from diembao.audit import record as note_in_audit
from diembao.clock import vietnam_day
from diembao.engine import SearchEngine
from diembao.errors import UsageError
from diembao.settings import Office
from diembao.state import AlertRecord, Base, BriefingItem, BriefingRecord, State, StoryResponse
from diembao.taxonomy import Taxonomy

SPAN = timedelta(hours=24)
"""What a briefing covers when there was none before it."""
LONGEST = timedelta(days=4)
"""A briefing begins where the last one ended, but not longer ago than this: weekends and holidays are in the next one."""
KEPT = 3
"""So many times the stories that are chosen by themselves are kept for choosing."""
LONGEST_TITLE, LONGEST_TEXT, LONGEST_NOTE = 300, 2000, 4000
_REMEMBERED = timedelta(days=30)


class Figures(BaseModel):
    """What was counted when the coverage was last read.

    Attributes:
        stories, articles, negative, critical: over everything that was read, not only what is kept.
        sections: stories of each section.
        alerts: titles of the open alerts.
        gaps: what may have been missed: (Vietnamese, English) lines.
    """

    model_config = ConfigDict(frozen=True)

    stories: int = 0
    articles: int = 0
    negative: int = 0
    critical: int = 0
    sections: dict[str, int] = {}
    alerts: tuple[str, ...] = ()
    gaps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Content:
    """What staff may change of an item before it goes out."""

    included: bool
    title: str
    text: str

    @property
    def digest(self) -> str:
        """What a form carries to tell whether somebody changed it."""
        return _digest(self.included, self.title, self.text)


@dataclass(frozen=True)
class Answer:
    """What the office did about a story, and who is to; at any time, also after the briefing went out."""

    status: Status = "new"
    department: str = ""
    link: str = ""
    note: str = ""

    @property
    def digest(self) -> str:
        """What a form carries to tell whether somebody changed it."""
        return _digest(self.status, self.department, self.link, self.note)


@dataclass(frozen=True)
class Item:
    """One story of the day's briefing as it stands now.

    Attributes:
        key: id within the day.
        story: as it was compiled.
        content: what goes out.
        answer: the response; `department` is the proposed one until staff name another.
        order: place in its section, smallest first.
        late: it came after staff had begun to edit.
        version, answer_version: what a change must name.
        edited_at, edited_by: the last change of the content by staff; None: as compiled.
        answered_by: who changed the response last.
    """

    key: str
    story: Story
    content: Content
    answer: Answer
    order: float
    late: bool = False
    version: int = 1
    answer_version: int = 0
    edited_at: datetime | None = None
    edited_by: str = ""
    answered_by: str = ""


@dataclass(frozen=True)
class Draft:
    """The briefing of a day: everything that may be chosen, in its order."""

    day: date
    start: datetime
    end: datetime
    figures: Figures
    items: tuple[Item, ...]
    note: str = ""
    version: int = 1
    edited_at: datetime | None = None
    edited_by: str = ""
    sent_at: datetime | None = None

    @property
    def chosen(self) -> tuple[Item, ...]:
        """What goes out."""
        return tuple(item for item in self.items if item.content.included)

    @property
    def left_behind(self) -> tuple[Item, ...]:
        """What came after staff had begun to edit and was not chosen."""
        return tuple(item for item in self.items if item.late and not item.content.included)

    def item(self, key: str) -> Item | None:
        """The item with this key."""
        return next((item for item in self.items if item.key == key), None)


@dataclass(frozen=True)
class StoryAnswer:
    """The response to a story as it is kept: `version` is what a change must name."""

    story: str
    answer: Answer
    version: int
    by: str
    at: datetime


class ConflictError(UsageError):
    """Somebody else changed the same thing meanwhile; nothing was saved.

    Args:
        by: who; may be empty.
        at: when, aware UTC.
    """

    def __init__(self, by: str, at: datetime | None) -> None:
        super().__init__(f"{by or 'somebody else'} changed this meanwhile", "Look at both and save again")
        self.by, self.at = by, at


def compose(
    state: State, engine: SearchEngine, office: Office, taxonomy: Taxonomy, now: datetime, names: Mapping[str, str] | None = None
) -> Draft:
    """The automatic briefing of the day of `now`, from the end of the last one up to `now`; nothing is kept.

    Raises:
        EngineError: when the engine fails.
        StateError: when the database fails.
    """
    day = vietnam_day(now)
    with state.session() as session:
        known, start = _known(session, day, now), _start(session, day, now)
    compiled = compile_stories(engine, office, taxonomy, start, now, names, known)
    rows = [_item_of(day, rank, story) for rank, story in _chosen_to_keep(compiled, office)]
    with state.session() as session:
        items = _items(rows, _answers(session, [row.story for row in rows]), office, taxonomy)
    return Draft(day, start, now, _figures(state, compiled, now, names), items)


def bring_up_to_date(
    state: State, engine: SearchEngine, office: Office, taxonomy: Taxonomy, now: datetime, names: Mapping[str, str] | None = None
) -> Draft:
    """Compile the briefing of the day of `now` and keep it; edits of staff stay, and one that went out stays as it is.

    Raises:
        EngineError: when the engine fails.
        StateError: when the database fails.
    """
    day = vietnam_day(now)
    kept = read(state, day, office, taxonomy)
    if kept is not None and kept.sent_at is not None:
        return kept
    with state.session() as session:
        known = _known(session, day, now)
        start = kept.start if kept else _start(session, day, now)
    compiled = compile_stories(engine, office, taxonomy, start, now, names, known)
    figures = _figures(state, compiled, now, names).model_dump(mode="json")
    rows = [_item_of(day, rank, story) for rank, story in _chosen_to_keep(compiled, office)]
    with state.session() as session:
        _insert_missing(session, BriefingRecord, [{"day": day.isoformat(), "start": start, "end": now, "figures": figures, "note": "",
                                                   "version": 1, "edited_by": ""}])  # fmt: skip
        still_open = update(BriefingRecord).where(BriefingRecord.day == day.isoformat(), BriefingRecord.sent_at.is_(None))
        if _rows(session, still_open.values(end=now, figures=figures)):
            record = session.get_one(BriefingRecord, day.isoformat())
            _merge(session, day, rows, is_edited=record.edited_at is not None)
    found = read(state, day, office, taxonomy)
    if found is None:
        raise UsageError(f"the briefing of {day} went away while it was compiled", "Compile it again")
    return found


def read(state: State, day: date, office: Office, taxonomy: Taxonomy) -> Draft | None:
    """The kept briefing of `day`, or None. Raises StateError."""
    with state.session() as session:
        return read_in(session, day, office, taxonomy)


def read_in(session: Session, day: date, office: Office, taxonomy: Taxonomy) -> Draft | None:
    """The same within a transaction."""
    record = session.get(BriefingRecord, day.isoformat(), populate_existing=True)
    if record is None:
        return None
    rows = list(session.scalars(select(BriefingItem).where(BriefingItem.day == record.day).execution_options(populate_existing=True)))
    items = _items(rows, _answers(session, [row.story for row in rows]), office, taxonomy)
    return Draft(
        day=day,
        start=record.start,
        end=record.end,
        figures=Figures.model_validate(record.figures),
        items=items,
        note=record.note,
        version=record.version,
        edited_at=record.edited_at,
        edited_by=record.edited_by,
        sent_at=record.sent_at,
    )


def days_kept(state: State, limit: int = 60) -> list[tuple[date, datetime | None, datetime | None]]:
    """(day, when it was edited last, when it went out) of the latest briefings, newest first. Raises StateError."""
    rows = select(BriefingRecord.day, BriefingRecord.edited_at, BriefingRecord.sent_at).order_by(BriefingRecord.day.desc()).limit(limit)
    with state.session() as session:
        return [(date.fromisoformat(day), edited, sent) for day, edited, sent in session.execute(rows).tuples()]


def save_note(state: State, day: date, version: int, note: str, by: str, now: datetime) -> None:
    """Keep what staff wrote above the briefing.

    Raises:
        ConflictError: when somebody else changed it since `version`.
        UsageError: when the briefing is not there or went out already.
        StateError: when the database fails.
    """
    note = clean_lines(note, LONGEST_NOTE)
    with state.session() as session:
        _lock_for_editing(session, day, by, now)
        record = session.get_one(BriefingRecord, day.isoformat(), populate_existing=True)
        if record.note == note:
            return
        change = update(BriefingRecord).where(BriefingRecord.day == record.day, BriefingRecord.version == version)
        before = record.note
        if not _rows(session, change.values(note=note, version=version + 1)):
            raise ConflictError("", None)
        note_in_audit(session, now, by, "briefing.note", day.isoformat(), before, note)


def save_item(
    state: State,
    day: date,
    key: str,
    content: tuple[Content, str, int],
    answer: tuple[Answer, str, int],
    by: str,
    now: datetime,
    office: Office,
    taxonomy: Taxonomy,
) -> Item:
    """Keep what staff made of one item, and the response to its story.

    Args:
        state: the database.
        day: of the briefing.
        key: of the item.
        content: what it is to be, the digest of what the form showed, and the version that it showed. What was not touched is not saved.
        answer: the same of the response.
        by: who.
        now: aware UTC.
        office: for what is returned.
        taxonomy: the same.

    Returns:
        The item as it stands now.

    Raises:
        ConflictError: when somebody else changed what is to be changed meanwhile; nothing is saved.
        UsageError: when there is no such item, the content of one that went out is to be changed, or a value cannot be.
        StateError: when the database fails.
    """
    wanted, seen, version = content
    wanted = Content(wanted.included, one_line(wanted.title, LONGEST_TITLE), one_line(wanted.text, LONGEST_TEXT))
    if wanted.digest != seen and not wanted.title:
        raise UsageError("Tiêu đề không được để trống / the headline must not be empty", "Write one, or leave the item out")
    done, seen_answer, answer_version = answer
    done = _checked(done)
    with state.session() as session:
        row = session.get(BriefingItem, (day.isoformat(), key))
        if row is None:
            raise UsageError("Không còn sự việc này trong điểm báo / the briefing does not have this story any more", "Load the page again")
        if wanted.digest != seen:
            _lock_for_editing(session, day, by, now)
            _save_content(session, day, key, wanted, version, by, now, office)
        if done.digest != seen_answer:
            _save_answer(session, row.story, done, answer_version, by, now)
    return _read_item(state, day, key, office, taxonomy)


def answer_to(state: State, stories: Sequence[str]) -> StoryAnswer | None:
    """The response to the first of these stories that has one; None: none has. Raises StateError."""
    with state.session() as session:
        rows = _answers(session, list(stories))
        row = next((rows[story] for story in stories if story in rows), None)
        if row is None:
            return None
        answer = Answer(cast(Status, row.status), row.department, row.link, row.note)
        return StoryAnswer(row.story, answer, row.version, row.updated_by, row.updated_at)


def save_answer(state: State, story: str, answer: tuple[Answer, str, int], by: str, now: datetime) -> None:
    """Keep the response to a story, whether it was in a briefing or not.

    Args:
        state: the database.
        story: its id.
        answer: what it is to be, the digest of what the form showed, and the version that it showed (0: there was none).
        by: who.
        now: aware UTC.

    Raises:
        ConflictError: when somebody else changed it meanwhile; nothing is saved.
        UsageError: when a value cannot be.
        StateError: when the database fails.
    """
    wanted, seen, version = answer
    wanted = _checked(wanted)
    if wanted.digest == seen:
        return
    with state.session() as session:
        _save_answer(session, story[:512], wanted, version, by, now)


def move(state: State, day: date, key: str, version: int, step: int, by: str, now: datetime, office: Office, taxonomy: Taxonomy) -> Item:
    """Put an item one place up (`step` -1) or down (+1) among the chosen ones of its section.

    Raises:
        ConflictError, UsageError, StateError: as `save_item`.
    """
    with state.session() as session:
        _lock_for_editing(session, day, by, now)
        draft = read_in(session, day, office, taxonomy)
        item = draft.item(key) if draft else None
        if draft is None or item is None:
            raise UsageError("Không còn sự việc này trong điểm báo / the briefing does not have this story any more", "Load the page again")
        orders = [other.order for other in draft.chosen if other.story.section == item.story.section and other.key != key]
        above = [order for order in orders if order < item.order]
        below = [order for order in orders if order > item.order]
        if not (above if step < 0 else below):
            return item
        if step < 0:
            place = (above[-1] + above[-2]) / 2 if len(above) > 1 else above[-1] - 1
        else:
            place = (below[0] + below[1]) / 2 if len(below) > 1 else below[0] + 1
        _change_item(session, day, key, version, by, now, place=place)
    return _read_item(state, day, key, office, taxonomy)


def clean_lines(text: str, longest: int) -> str:
    """`text` without control characters; its lines stay, empty ones at the ends do not."""
    return "\n".join(one_line(line, longest) for line in text.splitlines()).strip()[:longest]


def _checked(answer: Answer) -> Answer:
    if answer.status not in STATUSES:
        raise UsageError(f"{answer.status!r} is no status", f"Choose one of {', '.join(STATUSES)}")
    link = answer.link.strip()
    if link and (not safe_link(link) or len(link) > 2000):
        raise UsageError("Liên kết phải bắt đầu bằng https:// hoặc http:// / the link must begin with https:// or http://", "Correct it")
    return Answer(answer.status, one_line(answer.department, 200), link, clean_lines(answer.note, LONGEST_NOTE))


def _lock_for_editing(session: Session, day: date, by: str, now: datetime) -> None:
    """Note that staff edit; the briefing cannot go out before this transaction ends, and what went out cannot be edited."""
    claim = update(BriefingRecord).where(BriefingRecord.day == day.isoformat(), BriefingRecord.sent_at.is_(None))
    if not _rows(session, claim.values(edited_at=now, edited_by=one_line(by, 200))):
        if session.get(BriefingRecord, day.isoformat()) is None:
            raise UsageError("Chưa có điểm báo của ngày này / there is no briefing of this day", "Compile it first")
        raise UsageError(
            "Điểm báo đã gửi, chỉ còn sửa được tình trạng xử lý / it was sent: only responses can be changed", "Load the page again"
        )


def _save_content(session: Session, day: date, key: str, wanted: Content, version: int, by: str, now: datetime, office: Office) -> None:
    row = session.get_one(BriefingItem, (day.isoformat(), key), populate_existing=True)
    before = _content(row, office)
    if before == wanted:
        return  # somebody else did the same
    story = Story.model_validate(row.compiled)
    changed = [name for name in ("included", "title", "text") if getattr(before, name) != getattr(wanted, name)]
    _change_item(
        session, day, key, version, by, now,
        included=None if row.included is None and wanted.included == _is_chosen(row, office) else wanted.included,
        title=None if wanted.title == story.title else wanted.title,
        text=None if wanted.text == story.said else wanted.text,
    )  # fmt: skip
    subject = f"{day.isoformat()}: {story.title}"
    note_in_audit(session, now, by, "briefing.item", subject, *({name: getattr(one, name) for name in changed} for one in (before, wanted)))


def _change_item(session: Session, day: date, key: str, version: int, by: str, now: datetime, **values: Any) -> None:
    change = update(BriefingItem).where(BriefingItem.day == day.isoformat(), BriefingItem.key == key, BriefingItem.version == version)
    if not _rows(session, change.values(version=version + 1, edited_at=now, edited_by=one_line(by, 200), **values)):
        row = session.get_one(BriefingItem, (day.isoformat(), key), populate_existing=True)
        raise ConflictError(row.edited_by, row.edited_at)


def _save_answer(session: Session, story: str, answer: Answer, version: int, by: str, now: datetime) -> None:
    _insert_missing(session, StoryResponse, [new_response(story, now)])
    row = session.get_one(StoryResponse, story, populate_existing=True)
    if (row.status, row.department, row.link, row.note) == (answer.status, answer.department, answer.link, answer.note):
        return
    values: dict[str, Any] = {"status": answer.status, "department": answer.department, "link": answer.link, "note": answer.note}
    if answer.status == "assigned":
        values["assigned_at"] = row.assigned_at or now
    if answer.status == "new":
        values["assigned_at"] = None
    values["answered_at"] = (row.answered_at or now) if answer.status == "answered" else None
    change = update(StoryResponse).where(StoryResponse.story == story, StoryResponse.version == version)
    before = {name: getattr(row, name) for name in ("status", "department", "link", "note") if getattr(row, name) != values[name]}
    if not _rows(session, change.values(version=version + 1, updated_at=now, updated_by=one_line(by, 200), **values)):
        raise ConflictError(row.updated_by, row.updated_at)
    note_in_audit(session, now, by, "briefing.answer", story, before, {name: values[name] for name in before})


def new_response(story: str, now: datetime) -> dict[str, Any]:
    """The row of a story that nobody did anything about yet."""
    return {"story": story, "status": "new", "department": "", "link": "", "note": "", "version": 0, "briefed_at": now, "updated_at": now,
            "updated_by": ""}  # fmt: skip


def insert_responses(session: Session, stories: Iterable[str], now: datetime) -> None:
    """Note when these stories were first in a briefing."""
    _insert_missing(session, StoryResponse, [new_response(story, now) for story in dict.fromkeys(stories)])


def _read_item(state: State, day: date, key: str, office: Office, taxonomy: Taxonomy) -> Item:
    draft = read(state, day, office, taxonomy)
    item = draft.item(key) if draft else None
    if item is None:
        raise UsageError("Không còn sự việc này trong điểm báo / the briefing does not have this story any more", "Load the page again")
    return item


def _merge(session: Session, day: date, rows: list[BriefingItem], *, is_edited: bool) -> None:
    """Bring the kept items up to date: all of them, or only what is new once staff have begun to edit."""
    known = {row.key: row for row in session.scalars(select(BriefingItem).where(BriefingItem.day == day.isoformat()))}
    fresh = []
    for row in rows:
        old = known.get(row.key)
        if old is None:
            fresh.append(
                {"day": row.day, "key": row.key, "story": row.story, "section": row.section, "rank": row.rank + (1e6 if is_edited else 0),
                 "compiled": row.compiled, "late": is_edited, "version": 1, "edited_by": ""}
            )  # fmt: skip
        elif not is_edited:
            before, after = Story.model_validate(old.compiled), Story.model_validate(row.compiled)
            shown = (before.title, before.said) != (after.title, after.said)
            # Whoever has the page open sees an older text: saving it must not pass for their own wording.
            same = update(BriefingItem).where(BriefingItem.day == row.day, BriefingItem.key == row.key)
            session.execute(same.values(section=row.section, rank=row.rank, compiled=row.compiled, version=old.version + shown))
    _insert_missing(session, BriefingItem, fresh)
    if not is_edited and (gone := known.keys() - {row.key for row in rows}):
        session.execute(delete(BriefingItem).where(BriefingItem.day == day.isoformat(), BriefingItem.key.in_(gone)))


def _chosen_to_keep(compiled: Compiled, office: Office) -> list[tuple[int, Story]]:
    ranks: dict[str, int] = {}
    kept = []
    for story in compiled.stories:
        rank = ranks.get(story.section, 0)
        ranks[story.section] = rank + 1
        if rank < KEPT * office.briefing.most_per_field:
            kept.append((rank, story))
    return kept


def _item_of(day: date, rank: int, story: Story) -> BriefingItem:
    key = hashlib.sha256(story.story.encode()).hexdigest()[:16]
    return BriefingItem(day=day.isoformat(), key=key, story=story.story[:512], section=story.section, rank=float(rank),
                        compiled=story.model_dump(mode="json"), late=False, version=1, edited_by="")  # fmt: skip


def _items(rows: Iterable[BriefingItem], answers: Mapping[str, StoryResponse], office: Office, taxonomy: Taxonomy) -> tuple[Item, ...]:
    order = {code: number for number, code in enumerate(section_codes(taxonomy))}
    items = []
    for row in rows:
        story = Story.model_validate(row.compiled)
        answer = answers.get(row.story)
        items.append(
            Item(
                key=row.key,
                story=story,
                content=_content(row, office),
                answer=Answer(cast(Status, answer.status), answer.department or story.department, answer.link, answer.note)
                if answer
                else Answer(department=story.department),
                order=row.rank if row.place is None else row.place,
                late=row.late,
                version=row.version,
                answer_version=answer.version if answer else 0,
                edited_at=row.edited_at,
                edited_by=row.edited_by,
                answered_by=answer.updated_by if answer else "",
            )
        )
    last = len(order)
    # A field that the office took out of its taxonomy meanwhile: its stories stand among the others.
    items = [item if item.story.section in order else replace(item, story=item.story.model_copy(update={"section": ""})) for item in items]
    return tuple(sorted(items, key=lambda item: (order.get(item.story.section, last), item.order, item.key)))


def _content(row: BriefingItem, office: Office) -> Content:
    story = Story.model_validate(row.compiled)
    return Content(
        included=_is_chosen(row, office) if row.included is None else row.included,
        title=story.title if row.title is None else row.title,
        text=story.said if row.text is None else row.text,
    )


def _is_chosen(row: BriefingItem, office: Office) -> bool:
    return not row.late and row.rank < office.briefing.most_per_field


def _known(session: Session, day: date, now: datetime) -> Known:
    alerting: set[str] = set()
    for alert in session.scalars(select(AlertRecord.alert).where(AlertRecord.state == "open")):
        alerting |= {str(story.get("article_id", "")) for story in alert.get("evidence", [])}
    unanswered = set(session.scalars(select(StoryResponse.story).where(StoryResponse.status == "assigned")))
    since = (vietnam_day(now) - _REMEMBERED).isoformat()
    earlier = (
        select(BriefingItem.story, func.max(BriefingItem.day))
        .join(BriefingRecord, BriefingRecord.day == BriefingItem.day)
        .where(BriefingItem.day < day.isoformat(), BriefingItem.day > since, BriefingRecord.sent_at.is_not(None))
        .where(BriefingItem.story.in_(select(StoryResponse.story)))  # those that went out; the others were only kept for choosing
        .group_by(BriefingItem.story)
    )
    before = {story: last for story, last in session.execute(earlier).tuples()}  # noqa: C416 - dict() takes a Result for a mapping
    return Known(alerting, unanswered, before)


def _start(session: Session, day: date, now: datetime) -> datetime:
    last = session.scalar(
        select(func.max(BriefingRecord.end)).where(BriefingRecord.sent_at.is_not(None), BriefingRecord.day < day.isoformat())
    )
    return last if last is not None and now - LONGEST <= last < now else now - SPAN


def _figures(state: State, compiled: Compiled, now: datetime, names: Mapping[str, str] | None) -> Figures:
    sections: dict[str, int] = {}
    for story in compiled.stories:
        sections[story.section] = sections.get(story.section, 0) + 1
    with state.session() as session:
        records = session.scalars(select(AlertRecord).where(AlertRecord.state == "open").order_by(AlertRecord.started_at))
        alerts = tuple(one_line(Alert.model_validate(record.alert).title) for record in records)
    return Figures(
        stories=len(compiled.stories),
        articles=compiled.articles,
        negative=compiled.negative,
        critical=compiled.critical,
        sections=sections,
        alerts=alerts,
        gaps=tuple((trouble.line("vi"), trouble.line("en")) for trouble in read_troubles(state, now, names)),
    )


def _answers(session: Session, stories: list[str]) -> dict[str, StoryResponse]:
    query = select(StoryResponse).where(StoryResponse.story.in_(stories)).execution_options(populate_existing=True)
    return {row.story: row for row in session.scalars(query)}


def _rows(session: Session, statement: Any) -> int:
    return cast(CursorResult[Any], session.execute(statement.execution_options(synchronize_session=False))).rowcount


def _insert_missing(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert those of `rows` whose primary key is not there: another process may be inserting the same ones."""
    if not rows:
        return
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert if is_sqlite else postgresql.insert
    for row in rows:
        session.execute(insert(table).values(**row).on_conflict_do_nothing())


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()[:24]
