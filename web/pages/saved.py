"""Saved searches: one form decides whether a search stands in a list, is a feed, is mailed daily, is an alert."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from alerts.briefing.sending import people
from alerts.rules_editing import KeptRule, every_rule, find_rule, remove_rule, restore_rule
from diembao.config_file import ConfigConflictError
from diembao.errors import ConfigError, DiembaoError, QueryError, UsageError
from diembao.settings import Office
from diembao.state import SavedSearch
from web.accounts.actor import Actor, actor_of
from web.accounts.feeds import feed_token
from web.accounts.users import find_user
from web.desk import Desk, desk_of
from web.rules import keeping as rule_keeping
from web.rules.form import KINDS, RuleForm, form_of_rule, form_of_search, read_form
from web.searching import saved
from web.searching.addresses import SearchAddress
from web.searching.geography import unit_name
from web.searching.saved import SavedConflictError, SavedForm

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Row:
    """A saved search in the list.

    Attributes:
        saved: as kept.
        address: what it searches.
        new: articles since the reader looked last, or since it was made; None: it cannot be asked any more.
        rule: its alert rule; None: it has none, or the rule is gone.
        may_change: whether the reader may change it.
        feed: address of its feed; empty: it has none.
    """

    saved: SavedSearch
    address: SearchAddress
    new: int | None
    rule: KeptRule | None
    may_change: bool
    feed: str


@router.get("/saved")
def every(request: Request) -> HTMLResponse:
    """The saved searches that the reader sees, and how much is new in each."""
    return _list(request)


@router.get("/saved/new")
def new(request: Request) -> HTMLResponse:
    """The form for the search that the address says."""
    address, _ = SearchAddress.parse(request.query_params)
    kept = SearchAddress.from_record(address.to_record())
    form = SavedForm(name=kept.q[: saved.LONGEST_NAME], search=kept, wants_rule=request.query_params.get("alert") == "1")
    return _form(request, form, form_of_search(kept))


@router.get("/saved/{saved_id}")
def open_(request: Request, saved_id: str) -> RedirectResponse:
    """Lead to the search, and note that the reader has looked."""
    desk, actor = desk_of(request), actor_of(request)
    with desk.state.session() as session:
        row = saved.find_saved(session, saved_id, actor)
        if row is None:
            raise HTTPException(404)
        address = SearchAddress.from_record(row.search).changed(sort="time")
        saved.look(session, row.id, actor, desk.clock())
    return RedirectResponse(address.href(), 303)


@router.get("/saved/{saved_id}/edit")
def edit(request: Request, saved_id: str) -> HTMLResponse:
    """The form of a saved search."""
    desk, actor = desk_of(request), actor_of(request)
    with desk.state.session() as session:
        row = saved.find_saved(session, saved_id, actor)
        if row is None:
            raise HTTPException(404)
        if not saved.may_change(row, actor):
            return _list(request, desk.texts(request)("saved.problem.role"), 403)
        form, file = saved.form_of(row), row.rule
    rule = _rule(desk, file)
    if file and (rule is None or rule.rule is None):  # taken away on the page of the rules, or broken by hand
        form = replace(form, wants_rule=False)
    return _form(request, form, _rule_form(form, rule))


@router.post("/saved")
async def send(request: Request) -> Any:
    """Try what was sent, or keep it; an alert is tried before it is kept."""
    sent = await request.form(max_fields=400)
    form, asked = saved.read_saved_form(sent), read_form(sent)
    tried, wanted = str(sent.get("tried", "")), str(sent.get("do", ""))
    return await run_in_threadpool(_take, request, form, asked, tried, wanted)


def _take(request: Request, form: SavedForm, asked: RuleForm, tried: str, wanted: str) -> HTMLResponse | RedirectResponse:
    desk, actor, texts = desk_of(request), actor_of(request), desk_of(request).texts(request)
    now = desk.clock()
    rule_form = replace(
        form_of_search(form.search), label=form.name, kind=asked.kind, people=asked.people, answers=asked.answers, file=asked.file,
        version=asked.version,
    )  # fmt: skip
    if problem := form.problem(_addresses(desk.settings.office)):
        return _form(request, form, rule_form, texts(problem), status=422)
    try:
        desk.engine.search(form.search.request(0, now, facets=False))
    except QueryError as error:
        return _form(request, form, rule_form, error.message_en if texts.language == "en" else error.message_vi, status=422)
    prepared = None
    if form.wants_rule:
        if not actor.can("editor"):
            return _form(request, form, rule_form, texts("saved.problem.role"), status=403)
        try:
            prepared = rule_keeping.prepare(desk.settings.alerts_folder, rule_form, texts, tuple(desk.settings.taxonomy.topics))
        except ConfigConflictError:
            return _form(request, form, rule_form, texts("rule.problem.conflict"), status=409)
        except (UsageError, ConfigError) as error:
            return _form(request, form, rule_form, error.message, status=422)
        if wanted != "save" or tried != prepared.mark:
            try:
                trial = rule_keeping.ask_trial(request, desk, prepared)
            except QueryError as error:
                return _form(request, form, rule_form, error.message_en if texts.language == "en" else error.message_vi, status=422)
            parts = rule_keeping.shown(
                desk, rule_form, prepared.mark, trial, is_slow=trial is None, is_changed=bool(tried) and wanted == "save"
            )
            return _form(request, form, rule_form, parts=parts)
    try:
        with desk.state.session() as session:
            row = saved.keep(session, form, actor, now)
            kept_id = row.id
            old = row.rule
            # Last in the transaction: what the rule's file refuses, the database forgets.
            if prepared is not None:
                comment = texts("rule.made", when=texts.time(now), who=actor.who or texts("rule.staff"))
                kept = rule_keeping.keep(desk.settings.alerts_folder, prepared, rule_form, comment)
                row.rule = kept.file
                rule_keeping.note(session, actor.who, now, "rule.change" if prepared.old else "rule.make", kept.file, prepared.old, kept)
            elif old:
                row.rule = ""
                _remove_rule(desk, session, actor, old, now)
    except (SavedConflictError, ConfigConflictError):
        return _form(request, form, rule_form, texts("saved.problem.conflict"), status=409)
    except UsageError as error:
        known = error.message.startswith("saved.")
        return _form(request, form, rule_form, texts(error.message) if known else error.message, status=422)
    except ConfigError as error:
        return _form(request, form, rule_form, str(error), status=422)
    return RedirectResponse(f"/saved?kept={quote(kept_id, safe='')}", 303)


@router.post("/saved/{saved_id}/remove")
def remove(request: Request, saved_id: str, saved_version: Annotated[str, Form(max_length=9)] = "") -> Any:
    """Take a saved search away, and its alert; the list offers to bring both back."""
    desk, actor, texts = desk_of(request), actor_of(request), desk_of(request).texts(request)
    now = desk.clock()
    try:
        with desk.state.session() as session:
            row = saved.find_saved(session, saved_id, actor)
            if row is None:
                raise HTTPException(404)
            if not saved.may_change(row, actor):
                raise UsageError(texts("saved.problem.role"))
            if saved_version != str(row.version):
                raise SavedConflictError(texts("saved.problem.conflict"))
            saved.remove(session, row, actor, now, _remove_rule(desk, session, actor, row.rule, now) if row.rule else "")
    except (SavedConflictError, ConfigConflictError):
        return _list(request, texts("saved.problem.conflict"), 409)
    except UsageError as error:
        return _list(request, error.message, 403)
    return RedirectResponse(f"/saved?removed={quote(saved_id, safe='')}", 303)


@router.post("/saved/{saved_id}/restore")
def restore(request: Request, saved_id: str) -> Any:
    """Bring back a saved search, and its alert."""
    desk, actor, texts = desk_of(request), actor_of(request), desk_of(request).texts(request)
    now = desk.clock()
    with desk.state.session() as session:
        row = saved.find_saved(session, saved_id, actor, removed=True)
        if row is None:
            raise HTTPException(404)
        if not saved.may_change(row, actor):
            return _list(request, texts("saved.problem.role"), 403)
        key, file = row.removed_rule, row.rule
        saved.restore(session, row, actor, now)
        if key:
            try:
                back = restore_rule(desk.settings.alerts_folder, key)
                rule_keeping.note(session, actor.who, now, "rule.restore", back.file, None, back)
            except DiembaoError:
                row.rule = ""  # brought back or made anew on the page of the rules
        elif file and _rule(desk, file) is None:
            row.rule = ""
    return RedirectResponse(f"/saved?kept={quote(saved_id, safe='')}", 303)


def _remove_rule(desk: Desk, session: Any, actor: Actor, file: str, now: datetime) -> str:
    """Take the rule of a saved search away; the key that brings it back, empty when it is gone already."""
    rule = _rule(desk, file)
    if rule is None:
        return ""
    removed = remove_rule(desk.settings.alerts_folder, file, rule.version, now)
    rule_keeping.note(session, actor.who, now, "rule.remove", file, rule, None)
    return removed.key


def _rule(desk: Desk, file: str) -> KeptRule | None:
    if not file:
        return None
    with suppress(UsageError):
        return find_rule(desk.settings.alerts_folder, file)
    return None


def _rule_form(form: SavedForm, rule: KeptRule | None) -> RuleForm:
    asked = form_of_search(form.search)
    if rule is None or rule.rule is None or rule.rule.kind not in KINDS:
        return asked
    known = form_of_rule(rule.file, rule.version, rule.rule)
    return replace(asked, file=known.file, version=known.version, kind=known.kind, people=known.people, answers=known.answers)


def _addresses(office: Office) -> list[str]:
    """Who may get the mails: who gets mail from the office anyway."""
    return list(dict.fromkeys([*(person.address for person in people(office)), *office.mail.operators]))


def _form(
    request: Request, form: SavedForm, rule_form: RuleForm, problem: str = "", *, status: int = 200, parts: dict[str, Any] | None = None
) -> HTMLResponse:
    desk = desk_of(request)
    context = parts or rule_keeping.shown(desk, rule_form)
    addresses = _addresses(desk.settings.office)
    return desk.page(
        request,
        "saved_form.html",
        status,
        saved=form,
        address=form.search,
        addresses=list(dict.fromkeys([*addresses, *form.digest_to])),
        place_names=_place_names(form.search),
        problem=problem,
        **context,
    )


def _place_names(address: SearchAddress) -> dict[str, str]:
    return {code: unit_name(code) or code for code in address.place}


def _list(request: Request, problem: str = "", status: int = 200) -> HTMLResponse:
    desk, actor = desk_of(request), actor_of(request)
    with desk.state.session() as session:
        rows = saved.every_saved(session, actor)
        removed = [row for row in saved.every_saved(session, actor, removed=True) if saved.may_change(row, actor)][:20]
        looks = saved.looked_at(session, actor)
        session.expunge_all()
    rules = {kept.file: kept for kept in every_rule(desk.settings.alerts_folder)} if any(row.rule for row in rows) else {}
    base = desk.settings.office.base_url.rstrip("/")
    token = f"?token={feed_token(desk.state, find_user(desk.state, actor.name))}" if actor.via == "session" else ""
    shown = [
        Row(
            row,
            SearchAddress.from_record(row.search),
            saved.new_since(desk.engine, row, looks.get(row.id, row.created_at)),
            rules.get(row.rule),
            saved.may_change(row, actor),
            f"{base}/saved/{row.id}/feed.atom{token}" if row.has_feed else "",
        )
        for row in rows
    ]
    names = {code: name for row in shown for code, name in _place_names(row.address).items()}
    return desk.page(
        request,
        "saved.html",
        status,
        mine=[row for row in shown if not row.saved.is_shared and row.saved.owner],
        office_wide=[row for row in shown if row.saved.is_shared or not row.saved.owner],
        removed=removed,
        kept=next((row for row in shown if row.saved.id == request.query_params.get("kept", "")), None),
        just_removed=next((row for row in removed if row.id == request.query_params.get("removed", "")), None),
        problem=problem,
        place_names=names,
    )
