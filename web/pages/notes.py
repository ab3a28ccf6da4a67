"""Notes of staff on an article."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from diembao.errors import UsageError
from web.accounts.actor import actor_of
from web.articles.notes import LONGEST_NOTE, Note, add_note, delete_note, edit_note, may_delete, may_edit, notes_of
from web.desk import desk_of
from web.pages.article import show_article

Text = Annotated[str, Form(max_length=2 * LONGEST_NOTE)]

router = APIRouter(include_in_schema=False)


@router.post("/articles/{article_id}/notes")
def write(request: Request, article_id: str, text: Text = "") -> Response:
    """Write a note."""
    desk = desk_of(request)
    if len(article_id) > 512 or (article := desk.engine.get(article_id)) is None:
        raise HTTPException(404)
    try:
        add_note(desk.state, article.id, text, actor_of(request).who, desk.clock())
    except UsageError as error:
        return show_article(request, article, 422, note_problem=str(error), unsaved_note=text)
    return _back(article_id)


@router.post("/articles/{article_id}/notes/{number}")
def change(
    request: Request,
    article_id: str,
    number: int,
    version: Annotated[int, Form()] = 0,
    text: Text = "",
    do: Annotated[str, Form(max_length=10)] = "save",
) -> Response:
    """Change one's own note; delete it, or as an admin anybody's."""
    desk, actor = desk_of(request), actor_of(request)
    article = desk.engine.get(article_id) if len(article_id) <= 512 else None
    note = next((one for one in notes_of(desk.state, article_id) if one.number == number), None) if article else None
    if article is None or note is None:
        raise HTTPException(404)
    if not (may_delete(note, actor) if do == "delete" else may_edit(note, actor)):
        raise HTTPException(403)
    if do == "delete":
        delete_note(desk.state, article_id, number, actor.who, desk.clock())
        return _back(article_id)
    try:
        seen = Note(note.number, note.text, note.by, note.at, note.edited_at, version)
        edit_note(desk.state, article_id, seen, text, actor.who, desk.clock())
    except UsageError as error:
        return show_article(request, article, 409, note_problem=str(error), unsaved_note=text)
    return _back(article_id)


def _back(article_id: str) -> RedirectResponse:
    return RedirectResponse(f"/articles/{quote(article_id, safe='')}#notes", 303)
