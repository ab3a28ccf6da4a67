"""Sources: how each is doing, pause and resume, look at one now, add one. Everything works as plain forms, without a script."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from alerts.health.kept import status_of
from alerts.health.wording import plain
from crawlers.inspection import Inspection
from crawlers.registry import REGISTRY_LOCK, changes, complete, new_entry, outlet_at, read_each, source_id, verdict_on
from diembao.audit import record
from diembao.clock import vietnam_day
from diembao.config_file import ConfigConflictError, changing, version_of, with_values, write_whole
from diembao.errors import ConfigError, DiembaoError, UsageError
from diembao.source import Source, read_source
from web.accounts.actor import actor_of
from web.desk import desk_of
from web.sources.checks import Check, begin_check, find_check, last_check, mark_applied
from web.sources.listing import BAR_HEIGHT, BAR_WIDTH, STATES, Wanted, bars, counts, find_row, kind_of, read_rows
from web.texts import read_texts

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=2_000)]
_LONGEST_REASON = 200
_LONGEST_NAME = 60


@router.get("/sources")
def sources(request: Request, state: str = "", kind: str = "", province: str = "", q: str = "") -> HTMLResponse:
    """Every source that is asked for, what needs somebody first."""
    return _list(request, Wanted(state if state in (*STATES, "all") else "", kind[:100], province[:100], q[:100]))


@router.post("/sources/add")
def add(request: Request, url: Text = "", province: Text = "") -> Any:
    """Look at an outlet that the registry does not have; what is found is shown before anything is written."""
    desk, texts = desk_of(request), desk_of(request).texts(request)
    known, _ = read_each(desk.settings.sources_folder)
    try:
        outlet = outlet_at(url.strip())
        if province and province not in _provinces(list(known.values())):
            raise UsageError(texts("source.problem.province"))
        same = next((source for source in known.values() if source.domain == outlet.domain), None)
        if same is not None and same.has_entrances:
            return RedirectResponse(f"/sources/{quote(same.id, safe='')}?known=1", 303)
        asked: dict[str, str] = {"source": same.id} if same else {"url": str(outlet.homepage), "province": province}
        check = begin_check(desk.settings, desk.state, desk.clock, actor_of(request).who, **asked)
    except UsageError as error:
        told = texts("source.problem.address") if url.strip() and "address of an outlet" in error.message else error.message
        return _list(request, Wanted(), problem=told if url.strip() else texts("source.problem.address"), typed=url)
    return RedirectResponse(f"/sources/checks/{check.key}", 303)


@router.get("/sources/checks/{key}")
def check_page(request: Request, key: str) -> HTMLResponse:
    """A look at an outlet: what it asks for, and at the end what it found and what would be written."""
    return _check(request, key)


@router.post("/sources/checks/{key}/apply")
def apply(request: Request, key: str, name: Text = "", enable: Text = "") -> Any:
    """Write what was found into the registry."""
    desk, texts = desk_of(request), desk_of(request).texts(request)
    now, who = desk.clock(), actor_of(request).who
    check = find_check(desk.state, key, now)
    seen = check.inspection if check else None
    if check is None or seen is None or check.state != "done":
        return _check(request, key, texts("source.problem.not_done"), 409)
    folder, today = desk.settings.sources_folder, vietnam_day(now)
    try:
        entry = _entry_of(folder, check)
        if verdict_on(entry, seen, today).state != "ok":
            return _check(request, key, texts("source.problem.red"), 409)
        with changing(folder, REGISTRY_LOCK), desk.state.session() as session:
            if check.source:
                path = folder / f"{check.source}.toml"
                done = complete(path, entry, seen, today, enable=bool(enable))
                after: dict[str, Any] = {"changes": done, "enabled": entry.enabled or bool(enable)}
                status_of(session, check.source).paused = {} if enable else dict(status_of(session, check.source).paused)
                record(session, now, who, "source.check", check.source, {"enabled": entry.enabled}, after)
            else:
                path = new_entry(folder, entry, seen, name.strip()[:_LONGEST_NAME] or source_id(entry.domain), today, enable=bool(enable))
                table = tomllib.loads(path.read_text(encoding="utf-8"))
                record(session, now, who, "source.add", path.stem, None, {key: str(value) for key, value in table.items()})
            mark_applied(session, check, path.stem, now)
    except DiembaoError as error:
        return _check(request, key, str(error), 409)
    return RedirectResponse(f"/sources/{quote(path.stem, safe='')}?saved=1", 303)


@router.get("/sources/{name}")
def source(request: Request, name: str) -> HTMLResponse:
    """One source: figures, the last runs, its entry, and what can be done."""
    return _one(request, name)


@router.post("/sources/{name}/check")
def check_now(request: Request, name: str) -> Any:
    """Look at one source now."""
    desk = desk_of(request)
    row = find_row(desk.settings, desk.state, desk.clock(), name)
    if row is None or row.source is None:
        return _one(request, name)
    try:
        check = begin_check(desk.settings, desk.state, desk.clock, actor_of(request).who, source=row.id)
    except UsageError as error:
        return _one(request, name, str(error), 409)
    return RedirectResponse(f"/sources/checks/{check.key}", 303)


@router.post("/sources/{name}/pause")
def pause(request: Request, name: str, version: Text = "", why: Text = "") -> Any:
    """Ask the source for nothing any more, until somebody lets it go on."""
    return _switch(request, name, version, why, enabled=False)


@router.post("/sources/{name}/resume")
def resume(request: Request, name: str, version: Text = "") -> Any:
    """Let the source be crawled (again)."""
    return _switch(request, name, version, "", enabled=True)


def _switch(request: Request, name: str, version: str, why: str, *, enabled: bool) -> Any:
    desk, texts = desk_of(request), desk_of(request).texts(request)
    folder, now, who = desk.settings.sources_folder, desk.clock(), actor_of(request).who
    row = find_row(desk.settings, desk.state, now, name)
    if row is None or row.source is None:
        return _one(request, name)
    if enabled and not row.source.has_entrances:
        return _one(request, name, texts("source.problem.no_entrance"), 409)
    why = " ".join(why.split())[:_LONGEST_REASON]
    path = folder / f"{row.id}.toml"
    try:
        with changing(folder, REGISTRY_LOCK):
            content = path.read_bytes()
            if version != version_of(content):
                raise ConfigConflictError("the file is another one by now")
            text = with_values(content.decode("utf-8"), {"enabled": enabled})
            _checked(text, row.id)
            with desk.state.session() as session:
                # The file is written last: when it cannot be, nothing is noted either.
                paused = {} if enabled else {"who": who, "at": now.isoformat(), "why": why}
                status_of(session, row.id).paused = paused
                after = {"enabled": enabled} | ({"why": why} if why else {})
                record(session, now, who, "source.resume" if enabled else "source.pause", row.id, {"enabled": row.source.enabled}, after)
                session.flush()
                write_whole(path, text)
    except ConfigConflictError:
        return _one(request, name, texts("source.problem.conflict"), 409)
    except (ConfigError, OSError) as error:
        return _one(request, name, str(error), 422)
    return RedirectResponse(f"/sources/{quote(row.id, safe='')}?saved=1", 303)


def _checked(text: str, name: str) -> Source:
    """The source that the file would describe. Raises ConfigError."""
    try:
        return Source.model_validate({**tomllib.loads(text), "id": name})
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the entry would not be valid: {str(error).splitlines()[0]}", "Mend the file by hand") from error


def _entry_of(folder: Path, check: Check) -> Source:
    """The entry that a check is about; of a new outlet one with nothing but its address. Raises ConfigError."""
    if check.source:
        return read_source(folder / f"{check.source}.toml")
    return outlet_at(check.url).model_copy(update={"province": check.province or None})


def _provinces(known: list[Source]) -> list[str]:
    return sorted({source.province for source in known if source.province})


def _list(request: Request, wanted: Wanted, problem: str = "", typed: str = "") -> HTMLResponse:
    desk = desk_of(request)
    rows = read_rows(desk.settings, desk.state, desk.clock())
    entries = [row.source for row in rows if row.source]
    return desk.page(
        request,
        "sources.html",
        422 if problem else 200,
        rows=[row for row in rows if wanted.has(row)],
        counts=counts(rows),
        wanted=wanted,
        kinds=sorted({kind_of(source) for source in entries}),
        provinces=_provinces(entries),
        judged_at=max((row.kept.judged_at for row in rows if row.kept.judged_at), default=None),
        problem=problem,
        typed=typed,
        **_drawing(),
    )


def _one(request: Request, name: str, problem: str = "", status: int = 200) -> HTMLResponse:
    desk, texts = desk_of(request), desk_of(request).texts(request)
    now = desk.clock()
    row = find_row(desk.settings, desk.state, now, name)
    if row is None:
        return desk.page(request, "error.html", 404, kind="missing", detail=name[:100], unsent=[])
    try:
        content = (desk.settings.sources_folder / f"{row.id}.toml").read_bytes()
    except OSError:
        content = b""
    return desk.page(
        request,
        "source.html",
        status,
        row=row,
        text=content.decode("utf-8", "replace"),
        entry_version=version_of(content),
        last=last_check(desk.state, row.id, now),
        problem=problem,
        saved="saved" in request.query_params,
        known="known" in request.query_params,
        moment=datetime.fromisoformat,
        fate_name=lambda fate: texts(f"fate.{fate}") if f"fate.{fate}" in read_texts() else fate,
        **_drawing(),
    )


def _check(request: Request, key: str, problem: str = "", status: int = 200) -> HTMLResponse:
    desk = desk_of(request)
    now = desk.clock()
    check = find_check(desk.state, key, now)
    if check is None:
        return desk.page(request, "error.html", 404, kind="missing", detail=key[:40], unsent=[])
    entry, verdict, told = None, None, []
    seen: Inspection | None = check.inspection
    if seen is not None:
        try:
            entry = _entry_of(desk.settings.sources_folder, check)
            verdict = verdict_on(entry, seen, vietnam_day(now))
            told = changes(entry, seen, vietnam_day(now)) if verdict.state == "ok" else []
        except DiembaoError as error:
            problem = problem or str(error)
    return desk.page(
        request,
        "source_check.html",
        status,
        check=check,
        seen=seen,
        entry=entry,
        verdict=verdict,
        told=told,
        plain=plain,
        proposed=source_id(entry.domain) if entry and not check.source else "",
        problem=problem,
    )


def _drawing() -> dict[str, Any]:
    return {"plain": plain, "bars": bars, "bar_width": BAR_WIDTH, "bar_height": BAR_HEIGHT, "kind_of": kind_of}
