"""The briefing goes out: once for each day and recipient, as staff left it; from then on it is closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from alerts.briefing.documents import TEMPLATE, as_docx, as_html, as_text, as_xlsx, printed
from alerts.briefing.kept import insert_responses, read_in
from alerts.briefing.words import Language
from alerts.delivery import quiet_until, receivers
from alerts.grading import VALID, Ticket, is_muted, signing_key, write_token
from alerts.mail import compose, message_id
from diembao.audit import record as note_in_audit
from diembao.errors import DeliveryError, UsageError
from diembao.settings import Office, Person
from diembao.state import BriefingRecord, OutboxMessage, State
from diembao.taxonomy import Taxonomy

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
RULE = "digest"
"""Under this name a recipient is muted who does not want the briefing any more."""


@dataclass(frozen=True)
class Content:
    """What stands in a mail.

    Attributes:
        subject, text, html: of the mail.
        files: attachments: file name, MIME type, content.
        pictures: name and PNG of what the HTML shows as `cid:NAME@diembao`.
    """

    subject: str
    text: str
    html: str
    files: tuple[tuple[str, str, bytes], ...] = ()
    pictures: tuple[tuple[str, bytes], ...] = ()


def queue_briefing(
    state: State, office: Office, taxonomy: Taxonomy, day: date, now: datetime, template: Path = TEMPLATE, by: str = ""
) -> int:
    """Queue the kept briefing of `day` for everybody who wants it, with DOCX and XLSX, and close it for editing.

    Once per day and recipient: called again it queues only for those who were not recipients before. In quiet hours the mail waits.
    `by` is who sent it by hand, for the audit log; empty: the schedule.

    Returns:
        How many messages wait newly.

    Raises:
        UsageError: when there is no briefing of the day.
        ConfigError: when the template cannot be used; the briefing then stays open.
        StateError: when the database fails.
    """
    key = signing_key(state)
    with state.session() as session:
        claim = update(BriefingRecord).where(BriefingRecord.day == day.isoformat(), BriefingRecord.sent_at.is_(None))
        newly = cast(CursorResult[Any], session.execute(claim.values(sent_at=now))).rowcount
        draft = read_in(session, day, office, taxonomy)
        if draft is None:
            raise UsageError(f"there is no briefing of {day}", "Compile it first: diembao digest draft")
        if newly:
            insert_responses(session, (item.story.story for item in draft.chosen), now)
            note_in_audit(session, now, by, "briefing.send", day.isoformat(), None, {"chosen": len(draft.chosen)})
        made: dict[tuple[Language, tuple[str, ...]], Content] = {}

        def content(person: Person) -> Content:
            wanted = (person.language or office.language, person.fields)
            if wanted not in made:
                briefing = printed(draft, office, taxonomy, *wanted)
                stem = f"{'diem-bao' if wanted[0] == 'vi' else 'briefing'}-{day.isoformat()}"
                files = (f"{stem}.docx", DOCX, as_docx(briefing, template)), (f"{stem}.xlsx", XLSX, as_xlsx(briefing))
                made[wanted] = Content(briefing.subject, as_text(briefing), as_html(briefing), files)
            return made[wanted]

        wanting = [person for person in people(office) if person.briefing]
        return queue_for(session, wanting, f"digest:{day.isoformat()}", RULE, content, office, now, key)


def people(office: Office) -> list[Person]:
    """Everyone who gets mail from the office by their own wishes."""
    subscribed = [one.wishes for one in receivers(office).values() if one.service is None and one.is_subscribed]
    return [wishes for wishes in subscribed if isinstance(wishes, Person)]


def queue_for(
    session: Session,
    wanting: Sequence[Person],
    stem: str,
    rule: str,
    content: Callable[[Person], Content],
    office: Office,
    now: datetime,
    key: bytes,
) -> int:
    """Queue one mail for each of `wanting`, at most once for each `stem`, with a link to unsubscribe; returns how many wait newly.

    Args:
        session: the caller's transaction.
        wanting: who is to get it; who muted `rule` does not.
        stem: what the mail is; with the recipient behind it, the key of the message.
        rule: name under which it can be muted.
        content: gives the Content for a person.
        office: sender and address of the pages.
        now: aware UTC.
        key: signs the links.
    """
    queued = 0
    for person in wanting:
        own_key = f"{stem}:{person.address}"[:200]
        if session.get(OutboxMessage, own_key) is not None or is_muted(session, person.address, rule, "", now):
            continue
        row = OutboxMessage(key=own_key, recipient=person.address[:320], attempts=0, created_at=now, next_attempt_at=now)
        try:
            one = content(person)
            token = write_token(key, Ticket(stem, rule, "", person.address, now + VALID))
            mail = compose(office, person.address, own_key, now, one.subject, one.text, one.html, one.files, token, one.pictures)
            row.message_id, row.message, row.status = mail.message_id, mail.content, "waiting"
            row.next_attempt_at = quiet_until(person, now) or now
            queued += 1
        except DeliveryError as error:
            row.message_id, row.message = message_id(own_key, office.mail.sender)[:200], b""
            row.status, row.error = "failed", str(error)
        session.add(row)
    return queued


def queue_notice(session: Session, office: Office, stem: str, content: Content, now: datetime) -> int:
    """Queue a mail to who runs the system: the operators of office.toml, or all recipients; at most once for each `stem`.

    Returns:
        How many messages wait newly.
    """
    queued = 0
    for address in dict.fromkeys(office.mail.operators or office.mail.recipients):
        key = f"{stem}:{address}"[:200]
        if session.get(OutboxMessage, key) is not None:
            continue
        row = OutboxMessage(key=key, recipient=address[:320], attempts=0, created_at=now, next_attempt_at=now)
        try:
            mail = compose(office, address, key, now, content.subject, content.text, content.html, content.files)
            row.message_id, row.message, row.status = mail.message_id, mail.content, "waiting"
            queued += 1
        except DeliveryError as error:
            row.message_id, row.message, row.status, row.error = message_id(key, office.mail.sender)[:200], b"", "failed", str(error)
        session.add(row)
    return queued
