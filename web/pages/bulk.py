"""Several articles at once: what is done to a selection of results is one deed, told in one place and taken back whole."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.datastructures import QueryParams

from diembao.article import Article
from diembao.clock import VIETNAM
from diembao.corrections import read_value, value_of
from diembao.errors import UsageError
from index.corrections_together import Wish
from index.export import write_csv, write_xlsx
from web.accounts.actor import actor_of
from web.articles.deeds import KeptDeed, deed_in_words, give_corrections, give_notes, give_to_briefing, read_deed, undo_deed
from web.articles.notes import LONGEST_NOTE
from web.desk import Desk, desk_of
from web.pages.article import copy_group
from web.pages.corrections import names_for
from web.searching.addresses import SearchAddress
from web.security import SECURITY_HEADERS, safe_next
from web.stories.changes import wishes_to_join

MOST = 300
"""Articles that one deed may be done to."""
_LONGEST_ID = 512

_FILES: dict[str, tuple[Callable[[Sequence[Article], IO[bytes]], int], str]] = {
    "csv": (write_csv, "text/csv; charset=utf-8"),
    "xlsx": (write_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
_CORRECTS = ("irrelevant", "relevant", "tone", "topic", "topic_too")

Ids = Annotated[list[Annotated[str, Form(max_length=_LONGEST_ID)]] | None, Form()]
Short = Annotated[str, Form(max_length=200)]
Address = Annotated[str, Form(max_length=16_384)]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Row:
    """An article of a deed: its headline as it is indexed now (its id when it is not any more), and what went wrong with it."""

    id: str
    title: str
    problem: str = ""


@router.post("/bulk")
def act(
    request: Request,
    do: Short = "",
    article: Ids = None,
    every: Short = "",
    tone: Short = "",
    topic: Short = "",
    note: Annotated[str, Form(max_length=2 * LONGEST_NOTE)] = "",
    since: Short = "",
    next: Address = "",  # noqa: A002
) -> Response:
    """Do something to the selected articles, or with `every` to all that the search at `next` finds.

    Answers where to take it back: as a page, or as JSON for scripts.
    """
    desk = desk_of(request)
    back = safe_next(next) if next else "/search"
    by = actor_of(request).who
    try:
        ids = list(dict.fromkeys(article or []))
        if every:
            ids = _found_by(desk, back)
        if not ids:
            raise UsageError(desk.texts(request)("bulk.none"))
        if len(ids) > MOST:
            raise UsageError(desk.texts(request)("bulk.many", n=MOST))
        found = {one: indexed for one in ids if (indexed := desk.engine.get(one)) is not None}
        if not found:
            raise UsageError(desk.texts(request)("bulk.gone"))
        if do == "note":
            deed = give_notes(desk, list(found), note, by)
        elif do == "briefing":
            deed = give_to_briefing(desk, list(found.values()), by)
        elif do == "merge":
            deed = _merge(desk, list(found.values()), by, desk.texts(request)("bulk.two"))
        elif do in _CORRECTS:
            deed = give_corrections(desk, _wishes(desk, do, ids, found, tone, topic, _moment(since)), by, as_one=True)
        else:
            raise UsageError(desk.texts(request)("bulk.choose"))
    except UsageError as error:  # also when others corrected all of them since the list was shown
        return _problem(request, back, error.message)
    if not deed:
        return _problem(request, back, desk.texts(request)("fix.same"), 200)
    kept = read_deed(desk, deed)
    if kept is not None and _wants_json(request):
        texts = desk.texts(request)
        hidden = kept.done.articles if do == "irrelevant" else []
        failed = len(kept.done.failed)
        told = deed_in_words(kept, texts, names_for(desk, request))
        told += f" · {texts('deed.failed', n=texts.number(failed))}" if failed else ""
        return _json({"deed": kept.id, "text": told, "hidden": hidden, "failed": failed, "href": _deed_href(kept.id, back)})
    return RedirectResponse(_deed_href(deed, back), 303)


@router.post("/bulk/export")
def export(request: Request, do: Short = "csv", article: Ids = None, every: Short = "", next: Address = "") -> Response:  # noqa: A002
    """The selected articles as a table; no cell can be a formula."""
    desk = desk_of(request)
    back = safe_next(next) if next else "/search"
    try:
        ids = _found_by(desk, back) if every else list(dict.fromkeys(article or []))
        if not ids or do not in _FILES:
            raise UsageError(desk.texts(request)("bulk.none"))
        if len(ids) > MOST:
            raise UsageError(desk.texts(request)("bulk.many", n=MOST))
    except UsageError as error:
        return _problem(request, back, error.message)
    write, kind = _FILES[do]
    stream = io.BytesIO()
    write([found for one in ids if (found := desk.engine.get(one)) is not None], stream)
    name = f"tin-bai-{desk.clock().astimezone(VIETNAM):%Y-%m-%d}.{do}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store", **SECURITY_HEADERS}
    return Response(stream.getvalue(), media_type=kind, headers=headers)


@router.get("/deeds/{deed_id}")
def deed(request: Request, deed_id: str, next: Annotated[str, Query(max_length=16_384)] = "") -> HTMLResponse:  # noqa: A002
    """What a deed did, article by article, and the button that takes it back."""
    desk = desk_of(request)
    found = read_deed(desk, deed_id)
    if found is None:
        raise HTTPException(404)
    return _deed_page(request, desk, found, safe_next(next) if next else "")


@router.post("/deeds/{deed_id}/undo")
def undo(request: Request, deed_id: str, next: Address = "") -> Response:  # noqa: A002
    """Take a deed back whole."""
    desk = desk_of(request)
    found = read_deed(desk, deed_id)
    if found is None:
        raise HTTPException(404)
    back = safe_next(next) if next else ""
    texts = desk.texts(request)
    try:
        failed = undo_deed(desk, found, actor_of(request).who)
    except UsageError as error:
        if _wants_json(request):
            return _json({"problem": error.message}, 422)
        return _deed_page(request, desk, found, back, error.message, 422)
    if _wants_json(request):
        return _json({"text": texts("deed.undone"), "articles": found.done.articles, "failed": len(failed)})
    return RedirectResponse(_deed_href(found.id, back), 303)


@router.get("/keys")
def keys(request: Request) -> HTMLResponse:
    """What each key does: a page of its own, and for scripts the help over any page."""
    return desk_of(request).page(request, "keys.html")


def _found_by(desk: Desk, back: str) -> list[str]:
    """The ids that the search at the address `back` finds, from its first page on; one more than may be, so that too many are told."""
    address, _ = SearchAddress.parse(QueryParams(back.partition("?")[2]))
    wanted = address.changed(group="").request(MOST + 1, desk.clock(), facets=False)
    return [hit.article.id for hit in desk.engine.search(wanted).hits]


def _wishes(
    desk: Desk, do: str, ids: Sequence[str], found: dict[str, Article], tone: str, topic: str, since: datetime | None
) -> list[Wish]:
    """One correction for each article; for one that is not there too, so that it is told."""
    taxonomy = desk.settings.taxonomy

    def place(_name: str) -> Any:
        raise UsageError("no places here")

    def wish(one: str) -> Wish:
        if do in ("irrelevant", "relevant"):
            return Wish(one, "relevant", do == "relevant", since=since)
        if do == "tone":
            return Wish(one, "sentiment", read_value("sentiment", tone, taxonomy, place), since=since)
        before = value_of(found[one], "topics") if do == "topic_too" and one in found else []
        codes = [code for code in before if code != topic] + [topic]
        return Wish(one, "topics", read_value("topics", ",".join(codes), taxonomy, place), since=since)

    return [wish(one) for one in ids]


def _moment(text: str) -> datetime | None:
    """When the list was shown; None: it does not say."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _merge(desk: Desk, articles: Sequence[Article], by: str, too_few: str) -> str:
    """All of them, with their copies, on the event of the one that was published first."""
    if len(articles) < 2:
        raise UsageError(too_few)
    dated = sorted(articles, key=lambda one: (one.published_at is None, one.published_at or desk.clock(), one.id))
    first, *others = ([one, *_copies(desk, one)] for one in dated)
    stays = {one.id for one in first}
    going = {one.id: one for group in others for one in group if one.id not in stays}
    if not going:
        raise UsageError(too_few)
    return give_corrections(desk, wishes_to_join(desk.state, first, list(going.values())), by, kind="merge", as_one=True)


def _copies(desk: Desk, article: Article) -> list[Article]:
    """The other articles with the same text: a copy is on the event that its origin is on."""
    group = copy_group(desk.engine, article)
    return [one for one in group.members if one.id != article.id] if group else []


def _deed_page(request: Request, desk: Desk, found: KeptDeed, back: str, problem: str = "", status: int = 200) -> HTMLResponse:
    done = found.done

    def row(one: str, why: str = "") -> Row:
        article = desk.engine.get(one)
        return Row(one, article.title if article else one, why)

    return desk.page(
        request,
        "deed.html",
        status,
        deed=found,
        said=deed_in_words(found, desk.texts(request), names_for(desk, request)),
        rows=[row(one) for one in done.articles],
        failed=[row(one, why) for one, why in done.failed.items()],
        back=back,
        problem=problem,
    )


def _problem(request: Request, back: str, problem: str, status: int = 422) -> Response:
    """What could not be done, and the way back: nothing was changed."""
    if _wants_json(request):
        return _json({"problem": problem}, status)
    return desk_of(request).page(request, "deed_problem.html", status, problem=problem, back=back)


def _deed_href(deed_id: str, back: str) -> str:
    return f"/deeds/{quote(deed_id, safe='')}?{urlencode({'next': back})}" if back else f"/deeds/{quote(deed_id, safe='')}"


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _json(body: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, {"Cache-Control": "no-store", **SECURITY_HEADERS})
