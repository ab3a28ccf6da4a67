"""Citizens' feedback by file: choose it, look at the columns, correct them, take it in, mend what was rejected."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartParser

from diembao.errors import InputError, UsageError
from diembao.state import FeedbackMapping, FeedbackRecord
from index import feedback
from index.feedback_columns import FIELDS, proposed
from index.feedback_file import form_of, read_table
from web.accounts.actor import actor_of
from web.accounts.needs import LONGEST_FILE
from web.desk import Desk, desk_of
from web.feedback.drafts import Draft, Drafts
from web.feedback.intake import take
from web.security import SECURITY_HEADERS

router = APIRouter(include_in_schema=False)

MOST_REJECTED = 200
"""Rejected records that the page lists; the file has all."""
MultiPartParser.spool_max_size = LONGEST_FILE
"""A file that is not masked yet stays in memory; the gate refuses what is longer."""


@router.get("/feedback")
def choose(request: Request) -> HTMLResponse:
    """The form to send a file, and what was taken in so far."""
    return _form(request)


@router.post("/feedback")
def upload(
    request: Request,
    file: Annotated[UploadFile | None, File()] = None,
    source: Annotated[str, Form(max_length=100)] = "hotline",
    heading_row: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Read a file; its columns are looked at on the next page."""
    desk = desk_of(request)
    source = source.strip().lower()
    if not feedback.SOURCE.fullmatch(source):
        return _form(request, desk.texts(request)("feedback.wrong_source"), source)
    row = int(heading_row) if heading_row.isascii() and heading_row.isdigit() else None
    if file is None or not file.filename:
        return _form(request, desk.texts(request)("feedback.no_file"), source)
    try:
        table = read_table(file.file.read(), form_of(file.filename), row)
        if not table.rows:
            raise InputError(desk.texts(request)("feedback.empty"))
    except InputError as error:
        return _form(request, str(error), source)
    draft = _drafts(request).add(actor_of(request).who, file.filename, source, table, desk.clock())
    return RedirectResponse(f"/feedback/{draft.id}", 303)


@router.get("/feedback/{draft}")
def look(request: Request, draft: str) -> Response:
    """The first rows, masked, and which column holds what."""
    found = _draft(request, draft)
    if found.table is None:
        return RedirectResponse(f"/feedback/{found.id}/result", 303)
    with desk_of(request).state.session() as session:
        known = feedback.remembered(session, found.source)
    return _columns(request, found, proposed(found.table.headings, known))


@router.post("/feedback/{draft}")
async def bring_in(request: Request, draft: str) -> Response:
    """Take the records in with the columns as staff chose them, and remember these for the source."""
    found = _draft(request, draft)
    desk = desk_of(request)
    if found.table is None:
        return RedirectResponse(f"/feedback/{found.id}/result", 303)
    form = await request.form()
    chosen = {name: value for name in FIELDS if isinstance(value := form.get(name, ""), str)}
    return await run_in_threadpool(_take, request, desk, found, chosen)


def _take(request: Request, desk: Desk, found: Draft, chosen: dict[str, str]) -> Response:
    assert found.table is not None
    who = actor_of(request).who
    try:
        done = take(desk, found.table, found.source, chosen, who)
    except UsageError as error:
        return _columns(request, found, {name: column for name, column in chosen.items() if column}, error.message)
    with desk.state.session() as session:
        feedback.remember(session, found.source, done.columns, who, desk.clock())
    _drafts(request).keep(
        replace(
            found, table=None, counts=done.sorted.counts(), run=done.run, rejected=tuple(done.sorted.rejected), columns=dict(done.columns)
        )
    )
    return RedirectResponse(f"/feedback/{found.id}/result", 303)


@router.get("/feedback/{draft}/result")
def result(request: Request, draft: str) -> HTMLResponse:
    """What became of the records."""
    found = _draft(request, draft)
    if found.counts is None:
        raise HTTPException(404)
    page = desk_of(request).page(request, "feedback_result.html", draft=found, rejected=found.rejected[:MOST_REJECTED])
    page.headers["Cache-Control"] = "no-store"
    return page


@router.get("/feedback/{draft}/rejected.csv")
def rejected(request: Request, draft: str) -> Response:
    """The records that were not taken, masked, as a file to be mended."""
    found = _draft(request, draft)
    if found.counts is None:
        raise HTTPException(404)
    name = quote(f"{found.source}-can-sua.csv")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-store", **SECURITY_HEADERS}
    return Response(feedback.rejected_csv(found.rejected, found.columns), media_type="text/csv; charset=utf-8", headers=headers)


def _drafts(request: Request) -> Drafts:
    drafts = request.app.state.feedback_drafts
    assert isinstance(drafts, Drafts)
    return drafts


def _draft(request: Request, draft: str) -> Draft:
    found = _drafts(request).get(draft, actor_of(request).who, desk_of(request).clock())
    if found is None:
        raise HTTPException(404)
    return found


def _form(request: Request, problem: str = "", source: str = "hotline") -> HTMLResponse:
    desk = desk_of(request)
    with desk.state.session() as session:
        columns = func.count(), func.max(FeedbackRecord.updated_at), func.count(FeedbackRecord.responded_at)
        taken = list(
            session.execute(select(FeedbackRecord.source, *columns).group_by(FeedbackRecord.source).order_by(FeedbackRecord.source))
        )
        sources = sorted({*session.scalars(select(FeedbackMapping.source)), *(row[0] for row in taken), "hotline"})
    return desk.page(
        request, "feedback.html", 422 if problem else 200, problem=problem, source=source, taken=taken, sources=sources,
        most=LONGEST_FILE // 1_000_000,
    )  # fmt: skip


def _columns(request: Request, found: Draft, chosen: dict[str, str], problem: str = "") -> HTMLResponse:
    assert found.table is not None
    page = desk_of(request).page(
        request,
        "feedback_columns.html",
        422 if problem else 200,
        problem=problem,
        draft=found,
        table=found.table,
        rows=feedback.preview(found.table),
        fields=FIELDS,
        chosen=chosen,
        used={column: name for name, column in chosen.items()},
    )
    page.headers["Cache-Control"] = "no-store"
    return page
