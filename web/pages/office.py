"""What admins set for the whole office: its name and province, who gets mail and when, the departments that answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import escape
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from alerts.mail import compose
from alerts.outbox import send_one_now
from alerts.rules_editing import every_rule
from diembao.audit import record
from diembao.config_file import ConfigConflictError
from diembao.errors import ConfigError, DeliveryError, UsageError
from nlp.gazetteer import gazetteer
from web.accounts.actor import actor_of
from web.desk import Desk, desk_of
from web.office_form import RECORDS, SECTIONS, Blank, Catalogue, FormError, as_sent, keep_record, keep_section, read_values, read_written
from web.texts import LANGUAGES, Texts

router = APIRouter(include_in_schema=False)

Records = Literal["departments", "people"]


@router.get("/admin/office")
def office(request: Request) -> HTMLResponse:
    """Every section of single values, each with a form of its own."""
    return _office(request)


@router.post("/admin/office/{section}")
async def keep(request: Request, section: str) -> Response:
    """Keep the values of one section."""
    if section not in SECTIONS:
        raise HTTPException(404)
    sent = await request.form(max_fields=100)
    return await run_in_threadpool(_keep, request, section, sent)


def _keep(request: Request, section: str, sent: FormData) -> Response:
    desk = desk_of(request)
    blanks = SECTIONS[section]
    try:
        before, after = keep_section(desk.settings.office_file, str(sent.get("version", "")), section, read_values(sent, blanks))
    except UsageError as error:
        return _office(request, _status(error), section, as_sent(sent, blanks), error)
    _note(request, "office.change", section, before, after)
    return RedirectResponse(f"/admin/office?saved={section}#{section}", 303)


@router.post("/admin/mail-test")
def try_mail(request: Request, address: Annotated[str, Form(max_length=320)] = "") -> HTMLResponse:
    """Send one mail at once, so that an admin sees whether the mail server takes it."""
    desk, texts = desk_of(request), desk_of(request).texts(request)
    settings, now = desk.settings.office, desk.clock()
    subject = texts("office.test.subject", office=settings.name)
    text = texts("office.test.text", when=texts.time(now), who=actor_of(request).name or texts("rule.staff"))
    html = f'<!doctype html><html lang="{texts.language}"><body><p>{escape(text)}</p></body></html>'
    try:
        mail = compose(settings, address.strip(), f"test:{now.isoformat()}", now, subject, text + "\n", html)
        send_one_now(settings.mail, address.strip(), mail)
    except DeliveryError as error:
        return _office(request, 422, "mail", tested=(False, str(error)))
    _note(request, "office.send", address.strip(), None, None)
    return _office(request, tested=(True, address.strip()))


@router.get("/admin/departments")
@router.get("/admin/people")
def records(request: Request) -> HTMLResponse:
    """A list of the office, with the forms to change and to add."""
    return _records(request, _name(request))


@router.post("/admin/departments")
@router.post("/admin/people")
async def add(request: Request) -> Response:
    """A new record."""
    return await run_in_threadpool(_change, request, _name(request), None, await request.form(max_fields=400))


@router.post("/admin/departments/{number}")
@router.post("/admin/people/{number}")
async def change(request: Request, number: int) -> Response:
    """Change a record, or take it away."""
    return await run_in_threadpool(_change, request, _name(request), number, await request.form(max_fields=400))


def _name(request: Request) -> Records:
    return "departments" if request.url.path.startswith("/admin/departments") else "people"


def _change(request: Request, name: Records, number: int | None, sent: FormData) -> Response:
    desk = desk_of(request)
    is_removal = number is not None and sent.get("do") == "remove"
    try:
        values = None if is_removal else read_values(sent, RECORDS[name])
        before, after = keep_record(desk.settings.office_file, str(sent.get("version", "")), name, number, values)
    except UsageError as error:
        return _records(request, name, _status(error), number, {} if is_removal else as_sent(sent, RECORDS[name]), error)
    called = RECORDS[name][0].key
    deed = "office.remove" if after is None else "office.change" if before is not None else "office.add"
    _note(request, deed, f"{name}: {(after or before or {}).get(called, '')}", before, after)
    return RedirectResponse(f"/admin/{name}?saved={1 if after is not None else 0}", 303)


def _status(error: UsageError) -> int:
    return 409 if isinstance(error, ConfigConflictError) else 422


def _note(request: Request, action: str, subject: str, before: Any, after: Any) -> None:
    desk = desk_of(request)
    with desk.state.session() as session:
        record(session, desk.clock(), actor_of(request).who, action, subject, before, after)


def _office(
    request: Request,
    status: int = 200,
    section: str = "",
    shown: Mapping[str, Any] | None = None,
    problem: UsageError | None = None,
    tested: tuple[bool, str] | None = None,
) -> HTMLResponse:
    desk = desk_of(request)
    settings = desk.settings.office
    tables = {name: settings if name == "about" else getattr(settings, name) for name in SECTIONS}
    values = {name: {blank.key: getattr(tables[name], blank.key) for blank in blanks} for name, blanks in SECTIONS.items()}
    if shown is not None:
        values[section] = {**values[section], **shown}
    return desk.page(
        request,
        "admin_office.html",
        status,
        sections=SECTIONS,
        values=values,
        catalogues=_catalogues(desk, desk.texts(request)),
        file_version=_version(desk),
        wrong=section if problem else "",
        problem=problem,
        wrong_key=problem.key if isinstance(problem, FormError) else "",
        is_conflict=isinstance(problem, ConfigConflictError),
        saved=request.query_params.get("saved", ""),
        tested=tested,
        settings_file=desk.settings.office_file.name,
    )


def _records(
    request: Request,
    name: Records,
    status: int = 200,
    number: int | None = None,
    shown: Mapping[str, Any] | None = None,
    problem: UsageError | None = None,
) -> HTMLResponse:
    desk = desk_of(request)
    blanks: Sequence[Blank] = RECORDS[name]
    rows = [{blank.key: getattr(one, blank.key) for blank in blanks} for one in getattr(desk.settings.office, name)]
    empty = {blank.key: _default(name, blank) for blank in blanks}
    if shown is not None and number is None:
        empty = {**empty, **shown}
    elif shown and number is not None and 0 <= number < len(rows):
        rows[number] = {**rows[number], **shown}
    return desk.page(
        request,
        "admin_records.html",
        status,
        name=name,
        called=blanks[0].key,
        blanks=blanks,
        rows=rows,
        empty=empty,
        catalogues=_catalogues(desk, desk.texts(request)),
        file_version=_version(desk),
        problem=problem,
        wrong_key=problem.key if isinstance(problem, FormError) else "",
        wrong_number=number,
        is_conflict=isinstance(problem, ConfigConflictError),
        saved=request.query_params.get("saved", ""),
    )


def _default(name: Records, blank: Blank) -> Any:
    """What a new record has where nothing is written."""
    if blank.kind == "switch":
        return True
    if blank.kind == "number":
        return 10 if name == "people" else ""
    return [] if blank.kind in ("choices", "lines") else ""


def _version(desk: Desk) -> str:
    try:
        return read_written(desk.settings.office_file).version
    except ConfigError:
        return "unreadable"


def _catalogues(desk: Desk, texts: Texts) -> dict[Catalogue, list[tuple[str, str]]]:
    """What can be chosen: (value, name)."""
    taxonomy, language = desk.settings.taxonomy, texts.language
    rules = [kept.rule for kept in every_rule(desk.settings.alerts_folder) if kept.rule]
    return {
        "province": sorted((unit.short, unit.short) for unit in gazetteer().provinces.values()),
        "language": [(one, texts(f"office.language.{one}")) for one in LANGUAGES],
        "weekday": [(str(day), texts(f"office.day.{day}")) for day in range(1, 8)],
        "field": [(code, entry.name.in_language(language)) for code, entry in taxonomy.fields.items()],
        "topic": [(code, taxonomy.topic_name(code, language)) for code in taxonomy.topics],
        "rule": [(rule.name, rule.title) for rule in rules],
    }
