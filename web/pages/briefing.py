"""The day's briefing as staff edit it before it goes out, and what was done about each story.

Everything works as plain forms; `static/briefing.js` only saves them while one types. Each form carries what it showed, so nobody writes
over a change that they have not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from alerts.briefing import documents, kept
from alerts.briefing.content import section_codes
from alerts.briefing.kept import Answer, ConflictError, Content, Draft, Item
from alerts.briefing.sending import DOCX, XLSX, people, queue_briefing
from alerts.briefing.words import STATUSES, Labels, Status
from diembao.clock import VIETNAM, vietnam_day
from diembao.errors import UsageError
from web.accounts.actor import actor_of
from web.desk import Desk, desk_of
from web.security import SECURITY_HEADERS

WHO_COOKIE = "who"
"""Where nobody has to log in, the name under which a reader's changes are noted; nothing depends on it being true."""
_YEAR = 365 * 24 * 3600
_FILES = {"diem-bao.docx": ("docx", DOCX), "diem-bao.xlsx": ("xlsx", XLSX)}

Text = Annotated[str, Form(max_length=kept.LONGEST_NOTE)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Unsaved:
    """What somebody sent that could not be saved, so that it is not lost.

    Attributes:
        key: of the item; empty: the note.
        problem: why, for a person.
        conflict: who else changed it, and when; None: it was something else.
        content, answer, note: what was sent.
    """

    key: str
    problem: str
    conflict: ConflictError | None = None
    content: Content | None = None
    answer: Answer | None = None
    note: str = ""


@dataclass(frozen=True)
class Group:
    """One field of the page: what goes out, and what may be chosen too."""

    name: str
    department: str
    chosen: Sequence[Item]
    others: Sequence[Item]
    more: int


@router.get("/briefing")
def today(request: Request) -> RedirectResponse:
    """Today's briefing."""
    return RedirectResponse(f"/briefing/{vietnam_day(desk_of(request).clock()).isoformat()}", 307)


@router.get("/briefing/{day}")
def show(request: Request, day: str) -> HTMLResponse:
    """The briefing of a day, or the days that there are."""
    return _page(request, _day(day))


@router.get("/briefing/{day}/{file}")
def download(request: Request, day: str, file: str) -> Response:
    """The briefing as it would go out now, as DOCX or XLSX."""
    desk, when = desk_of(request), _day(day)
    settings = desk.settings
    found = kept.read(desk.state, when, settings.office, settings.taxonomy)
    if found is None or file not in _FILES:
        raise HTTPException(404)
    form, kind = _FILES[file]
    briefing = documents.printed(found, settings.office, settings.taxonomy, desk.texts(request).language)
    content = documents.render(briefing, form, documents.template_in(settings.alerts_folder))  # type: ignore[arg-type]
    headers = {"Content-Disposition": f'attachment; filename="diem-bao-{when.isoformat()}.{form}"', "Cache-Control": "private, no-cache"}
    return Response(content, media_type=kind, headers=headers | dict(SECURITY_HEADERS))


@router.post("/briefing/{day}/compile")
def compile_(request: Request, day: str) -> Response:
    """Compile today's briefing, or take in what came since; edits stay."""
    desk, when = desk_of(request), _day(day)
    now = desk.clock()
    if when != vietnam_day(now):
        raise UsageError("Chỉ soạn được điểm báo hôm nay / only today's briefing can be compiled")
    kept.bring_up_to_date(desk.state, desk.engine, desk.settings.office, desk.settings.taxonomy, now, desk.source_names)
    return _back(when)


@router.post("/briefing/{day}/send")
def send(request: Request, day: str) -> Response:
    """Queue the briefing as it stands; the next round of `monitor` sends what is queued."""
    desk, when = desk_of(request), _day(day)
    settings = desk.settings
    template = documents.template_in(settings.alerts_folder)
    queue_briefing(desk.state, settings.office, settings.taxonomy, when, desk.clock(), template, _name(request))
    return _back(when)


@router.post("/briefing/{day}/who")
def who(request: Request, day: str, by: Annotated[str, Form(max_length=100)] = "") -> Response:
    """Remember the reader's name."""
    answer = _back(_day(day))
    secure = desk_of(request).is_https
    answer.set_cookie(WHO_COOKIE, quote(by.strip()), max_age=_YEAR, httponly=True, secure=secure, samesite="lax", path="/briefing")
    return answer


@router.post("/briefing/{day}/note")
def note(request: Request, day: str, version: Annotated[int, Form()], note: Text = "") -> Response:
    """Keep what stands above the briefing."""
    desk, when = desk_of(request), _day(day)
    try:
        kept.save_note(desk.state, when, version, note, _name(request), desk.clock())
    except UsageError as error:
        return _unsaved(request, when, Unsaved("", str(error), error if isinstance(error, ConflictError) else None, note=note))
    if _wants_json(request):
        draft = _draft(desk, when)
        return JSONResponse({"version": draft.version, "saved": desk.texts(request).time(desk.clock())})
    return _back(when)


@router.post("/briefing/{day}/items/{key}")
def item(
    request: Request,
    day: str,
    key: str,
    version: Annotated[int, Form()],
    answer_version: Annotated[int, Form()],
    seen: Text = "",
    seen_answer: Text = "",
    do: Annotated[str, Form(max_length=10)] = "save",
    included: Text = "",
    title: Text = "",
    text: Text = "",
    department: Text = "",
    status: Text = "new",
    link: Text = "",
    note: Text = "",
) -> Response:
    """Keep what staff made of one story: choose it or leave it out, move it, its wording, the response."""
    desk, when, by = desk_of(request), _day(day), _name(request)
    settings, now = desk.settings, desk.clock()
    content = Content(bool(included), title, text)
    if do in ("choose", "leave"):
        content = Content(do == "choose", title, text)
    named: Status = next((known for known in STATUSES if known == status), "new")
    # A form ends its lines with CR LF; what it showed had LF.
    answer = Answer(named, department, link, note.replace("\r\n", "\n"))
    try:
        if do in ("up", "down"):
            saved = kept.move(
                desk.state, when, key, version, -1 if do == "up" else 1, by, now, settings.office, settings.taxonomy
            )  # fmt: skip
        else:
            saved = kept.save_item(
                desk.state, when, key, (content, seen, version), (answer, seen_answer, answer_version), by, now,
                settings.office, settings.taxonomy,
            )  # fmt: skip
    except UsageError as error:
        return _unsaved(request, when, Unsaved(key, str(error), error if isinstance(error, ConflictError) else None, content, answer))
    return JSONResponse(_record(desk, request, saved)) if _wants_json(request) else _back(when, key)


def _unsaved(request: Request, day: date, unsaved: Unsaved) -> Response:
    """What could not be saved stands in the form again, beside what somebody else made of it."""
    status = 409 if unsaved.conflict else 422
    desk = desk_of(request)
    if not _wants_json(request):
        return _page(request, day, unsaved, status)
    texts = desk.texts(request)
    body: dict[str, Any] = {"problem": unsaved.problem}
    if unsaved.conflict:
        body["problem"] = _who_else(texts, unsaved.conflict)
        draft = _draft(desk, day)
        current = draft.item(unsaved.key)
        body |= _record(desk, request, current) if current else {"version": draft.version, "theirs": {"note": draft.note}}
    return JSONResponse(body, status)


def _record(desk: Desk, request: Request, item: Item) -> dict[str, Any]:
    texts, t = desk.texts(request), Labels(desk.texts(request).language)
    return {
        "version": item.version,
        "answer_version": item.answer_version,
        "seen": item.content.digest,
        "seen_answer": item.answer.digest,
        "saved": texts.time(desk.clock()),
        "theirs": {
            "included": item.content.included, "title": item.content.title, "text": item.content.text,
            "department": item.answer.department, "status": item.answer.status, "link": item.answer.link, "note": item.answer.note,
        },
        "status": t(f"status.{item.answer.status}"),
    }  # fmt: skip


def _page(request: Request, day: date, unsaved: Unsaved | None = None, status: int = 200) -> HTMLResponse:
    desk = desk_of(request)
    office, taxonomy = desk.settings.office, desk.settings.taxonomy
    texts = desk.texts(request)
    now = desk.clock()
    draft = kept.read(desk.state, day, office, taxonomy)
    is_today = day == vietnam_day(now)
    if unsaved and unsaved.conflict:
        unsaved = Unsaved(unsaved.key, _who_else(texts, unsaved.conflict), unsaved.conflict, unsaved.content, unsaved.answer, unsaved.note)
    return desk.page(
        request,
        "briefing.html",
        status,
        day=day,
        draft=draft,
        groups=_groups(desk, draft, texts.language) if draft else [],
        b=Labels(texts.language),
        statuses=STATUSES,
        departments=_departments(desk),
        days=[entry for entry in kept.days_kept(desk.state) if entry[0] != day],
        yesterday=day - timedelta(days=1),
        tomorrow=day + timedelta(days=1) if day < vietnam_day(now) else None,
        is_today=is_today,
        at=office.briefing.at if is_today and day.isoweekday() in office.briefing.days else "",
        is_past=is_today and f"{now.astimezone(VIETNAM):%H:%M}" >= office.briefing.at,
        receivers=sum(person.briefing for person in people(office)),
        gaps=_gaps(draft, texts.language),
        who=_name(request),
        day_of=_in_words,
        unsaved=unsaved,
    )


def _gaps(draft: Draft | None, language: str) -> list[str]:
    return [line[language == "en"] for line in draft.figures.gaps] if draft else []


def _groups(desk: Desk, draft: Draft, language: str) -> list[Group]:
    taxonomy = desk.settings.taxonomy
    found = []
    for code in section_codes(taxonomy):
        mine = [item for item in draft.items if item.story.section == code]
        if not mine:
            continue
        entry = taxonomy.fields.get(code)
        name = entry.name.in_language(language) if entry else Labels("en" if language == "en" else "vi")("other")
        chosen, others = [item for item in mine if item.content.included], [item for item in mine if not item.content.included]
        others.sort(key=lambda item: (not item.late, item.order))
        more = max(0, draft.figures.sections.get(code, 0) - len(mine))
        found.append(Group(name, entry.department if entry else "", chosen, others, more))
    return found


def _departments(desk: Desk) -> list[str]:
    named = [department.name for department in desk.settings.office.departments]
    return list(dict.fromkeys([*named, *(field.department for field in desk.settings.taxonomy.fields.values() if field.department)]))


def _who_else(texts: Any, conflict: ConflictError) -> str:
    when = texts.time(conflict.at) if conflict.at else ""
    return str(texts("briefing.conflict", who=conflict.by or texts("briefing.somebody"), when=when)).replace("  ", " ")


def _draft(desk: Desk, day: date) -> Draft:
    found = kept.read(desk.state, day, desk.settings.office, desk.settings.taxonomy)
    if found is None:
        raise HTTPException(404)
    return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HTTPException(404) from error


def _in_words(day: date | str) -> str:
    """The day as both languages write it: "21/11/2026"."""
    when = date.fromisoformat(day) if isinstance(day, str) else day
    return f"{when.day:02}/{when.month:02}/{when.year}"


def _name(request: Request) -> str:
    """The user who is logged in; only where nobody has to log in, what was typed."""
    return actor_of(request).who or unquote(request.cookies.get(WHO_COOKIE, ""))[:100]


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _back(day: date, key: str = "") -> RedirectResponse:
    return RedirectResponse(f"/briefing/{day.isoformat()}{'#i' + quote(key, safe='') if key else ''}", 303)
