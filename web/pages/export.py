"""What a search found as files (CSV, XLSX, DOCX) and as feeds (Atom, RSS)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import IO, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from alerts.feed import Channel, articles_as_atom, articles_as_rss
from alerts.listing import listing
from diembao.article import Article
from diembao.clock import VIETNAM
from diembao.engine import SearchEngine
from diembao.errors import QueryError
from index.export import WRITERS
from web.accounts.actor import actor_of
from web.accounts.feeds import feed_token
from web.accounts.users import find_user
from web.articles.marking import mistake_in
from web.desk import Desk, Names, desk_of
from web.searching.addresses import FILTERS, SearchAddress, day_parameter
from web.searching.geography import unit_name
from web.searching.saved import find_saved
from web.texts import Texts

router = APIRouter(include_in_schema=False)

MOST: Final = {"csv": 10_000, "xlsx": 10_000, "docx": 300}
"""Articles of one file: a table for a spreadsheet, a document to be read."""
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_PAGE = 500
_IN_MEMORY = 4_000_000
_IN_FEED = 100
_FEEDS: Final = {"atom": (articles_as_atom, "application/atom+xml"), "rss": (articles_as_rss, "application/rss+xml")}


@router.get("/export")
def ask(request: Request) -> HTMLResponse:
    """What can be had of the search, and how much of it fits."""
    address, problems = SearchAddress.parse(request.query_params)
    return _ask(request, address, problems)


def _ask(request: Request, address: SearchAddress, problems: dict[str, str], too_many: str = "") -> HTMLResponse:
    desk, actor = desk_of(request), actor_of(request)
    texts = desk.texts(request)
    try:
        total = desk.engine.search(replace(address.request(0, texts.now, facets=False), highlight=False, group_by=None)).total
    except QueryError as error:
        message = error.message_en if texts.language == "en" else error.message_vi
        wrong = mistake_in(address.q, error.position)
        return desk.page(request, "export.html", 422, address=address, problems=problems, total=None, query_problem=message, mistake=wrong)
    base = desk.settings.office.base_url.rstrip("/")
    token = ""
    if actor.via == "session":
        token = feed_token(desk.state, find_user(desk.state, actor.name))
    searched = address.changed(sort="", group="", from_="", to="")
    return desk.page(
        request,
        "export.html",
        422 if problems or too_many else 200,
        address=address,
        problems=problems,
        total=total,
        too_many=too_many,
        files=[(form, most, address.href(f"/export.{form}") if total <= most else "") for form, most in MOST.items()],
        feeds=[(form, _with_token(f"{base}{searched.href(f'/feed.{form}')}", token)) for form in _FEEDS],
        narrower=_narrower(address, texts) if total > min(MOST.values()) else [],
        place_names={code: unit_name(code) or code for code in address.place},
    )


def _with_token(href: str, token: str) -> str:
    return f"{href}{'&' if '?' in href else '?'}token={token}" if token else href


def _narrower(address: SearchAddress, texts: Texts) -> list[tuple[int, str]]:
    """Shorter ranges of time that end today: days and the address of this page for them."""
    today = day_parameter(texts.now)
    return [
        (days, address.changed(from_=day_parameter(texts.now - timedelta(days=days - 1)), to=today).href("/export")) for days in (1, 7, 30)
    ]


@router.get("/export.csv")
def as_csv(request: Request) -> Response:
    """A table for a spreadsheet, with the text of each article."""
    return _file(request, "csv")


@router.get("/export.xlsx")
def as_xlsx(request: Request) -> Response:
    """The same as a workbook."""
    return _file(request, "xlsx")


@router.get("/export.docx")
def as_docx(request: Request) -> Response:
    """Headlines, leads and links by field, under the office's heading."""
    return _file(request, "docx")


def _file(request: Request, form: str) -> Response:
    """The file, or the page that says why there is none; nothing is sent before the whole file is made."""
    desk = desk_of(request)
    texts = desk.texts(request)
    address, problems = SearchAddress.parse(request.query_params)
    if problems:
        return _ask(request, address, problems)
    try:
        total = desk.engine.search(replace(address.request(0, texts.now, facets=False), highlight=False, group_by=None)).total
    except QueryError:
        return _ask(request, address, problems)
    if total > MOST[form]:
        return _ask(request, address, problems, too_many=form)
    found = _found(desk.engine, address, texts, MOST[form])
    name = f"diem-bao-{texts.now.astimezone(VIETNAM):%Y%m%d-%H%M}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    if form == "docx":
        content = listing(
            list(found), in_words(desk, address, texts), desk.settings.office, desk.settings.taxonomy, desk.source_names, texts.now,
            texts.language, desk.settings.alerts_folder,
        )  # fmt: skip
        return Response(content, media_type=_TYPES[form], headers=headers)
    # Closed by the answer's end; what is larger than memory allows lies on the disk meanwhile.
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
    try:
        WRITERS[form](found, file)
    except BaseException:
        file.close()
        raise
    headers["Content-Length"] = str(file.tell())
    file.seek(0)
    return StreamingResponse(_chunks(file), media_type=_TYPES[form], headers=headers)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    try:
        while chunk := file.read(65_536):
            yield chunk
    finally:
        file.close()


def _found(engine: SearchEngine, address: SearchAddress, texts: Texts, most: int) -> Iterator[Article]:
    """The articles of the search in its order, page by page; grouped by nothing."""
    wanted = replace(address.request(_PAGE, texts.now, facets=False), highlight=False, group_by=None, after=None)
    given = 0
    while given < most:
        result = engine.search(replace(wanted, limit=min(_PAGE, most - given)))
        yield from (hit.article for hit in result.hits)
        given += len(result.hits)
        if result.cursor is None:
            return
        wanted = replace(wanted, after=result.cursor)


def in_words(desk: Desk, address: SearchAddress, texts: Texts) -> str:
    """What is searched for, as people read it: query, filters by name, time."""
    places = {code: unit_name(code) or code for code in address.place}
    names = Names(desk.settings.taxonomy, desk.source_names, places, texts)
    parts = [address.q] if address.q else []
    parts += [
        f"{texts(f'field.{name}')}: {', '.join(names(name, value) for value in address.values(name))}"
        for name in FILTERS
        if address.values(name)
    ]
    if address.from_ or address.to:
        parts.append(f"{texts('field.time')}: {address.from_ or '…'} – {address.to or '…'}")
    return "; ".join(parts)


@router.get("/feed.atom")
def atom(request: Request) -> Response:
    """The newest articles of the search that the address says."""
    return _feed_of_search(request, "atom")


@router.get("/feed.rss")
def rss(request: Request) -> Response:
    """The same as RSS."""
    return _feed_of_search(request, "rss")


@router.get("/saved/{saved_id}/feed.atom")
def saved_atom(request: Request, saved_id: str) -> Response:
    """The newest articles of a saved search, as it is now."""
    return _feed_of_saved(request, saved_id, "atom")


@router.get("/saved/{saved_id}/feed.rss")
def saved_rss(request: Request, saved_id: str) -> Response:
    """The same as RSS."""
    return _feed_of_saved(request, saved_id, "rss")


def _feed_of_search(request: Request, form: str) -> Response:
    desk = desk_of(request)
    address, problems = SearchAddress.parse(request.query_params)
    if problems:
        raise HTTPException(422)
    address = address.changed(sort="time", group="")
    title = in_words(desk, address, desk.texts(request)) or desk.settings.office.name
    return _feed(
        request, address, title, "search/" + hashlib.sha256(address.href().encode()).hexdigest()[:24], address.href(f"/feed.{form}"), form
    )


def _feed_of_saved(request: Request, saved_id: str, form: str) -> Response:
    desk, actor = desk_of(request), actor_of(request)
    with desk.state.session() as session:
        row = find_saved(session, saved_id, actor)
        if row is None or not row.has_feed:
            raise HTTPException(404)
        address, title = SearchAddress.from_record(row.search), row.name
    address = address.changed(sort="time", from_="", to="")
    return _feed(request, address, title, f"saved/{saved_id}", f"/saved/{saved_id}/feed.{form}", form)


def _feed(request: Request, address: SearchAddress, title: str, key: str, path: str, form: str) -> Response:
    desk = desk_of(request)
    base = desk.settings.office.base_url.rstrip("/")
    wanted = replace(address.request(_IN_FEED, desk.clock(), facets=False), highlight=False)
    articles = [hit.article for hit in desk.engine.search(wanted).hits]
    write, kind = _FEEDS[form]
    content = write(Channel(title, base + path, base + address.href(), key), articles, desk.settings.office, desk.source_names)
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)
