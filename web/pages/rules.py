"""The rules of alerts: the list, and the form that makes one of a search. Everything works as plain forms, without a script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool

from alerts.delivery import receivers, strange_names
from alerts.grading import Precision, Ticket, mute, mutes_by_rule, precision_by_rule, unmute
from alerts.rules_editing import (
    KeptRule,
    change_rule,
    every_rule,
    find_rule,
    remove_rule,
    removed_rules,
    restore_rule,
)
from diembao.config_file import ConfigConflictError
from diembao.errors import ConfigError, QueryError, UsageError
from diembao.state import AlertRecord
from web.accounts.actor import actor_of
from web.desk import Desk, desk_of
from web.rules.form import KINDS, RuleForm, form_of_rule, form_of_search, read_form
from web.rules.keeping import Prepared, ask_trial, keep, note, prepare, shown
from web.rules.trials import DAYS
from web.searching.addresses import SearchAddress

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=400)]


@dataclass(frozen=True)
class Row:
    """A rule as the list shows it: what became of its alerts in the last DAYS, how they were graded, who wants none."""

    kept: KeptRule
    alerts: int
    precision: Precision | None
    muted: list[str]


@router.get("/alerts/rules")
def rules(request: Request) -> HTMLResponse:
    """Every rule, running or not, and what was taken away."""
    return _list(request)


@router.get("/alerts/rules/new")
def new(request: Request) -> HTMLResponse:
    """The form for a rule of the search that the address says."""
    address, _ = SearchAddress.parse(request.query_params)
    return _form(request, form_of_search(address))


@router.get("/alerts/rules/{file}/edit")
def edit(request: Request, file: str) -> HTMLResponse:
    """The form of a rule that there is."""
    desk = desk_of(request)
    try:
        kept = find_rule(desk.settings.alerts_folder, file)
    except UsageError as error:
        return _list(request, str(error), 404)
    if kept.rule is None or kept.rule.kind not in KINDS:
        return _list(request, kept.problem or desk.texts(request)("rule.by_hand", file=f"{kept.file}.toml"), 422)
    return _form(request, form_of_rule(kept.file, kept.version, kept.rule))


@router.post("/alerts/rules")
async def send(request: Request) -> Any:
    """Try what was sent, or keep it when it was tried as it is."""
    sent = await request.form(max_fields=400)
    form = read_form(sent)
    tried, wanted = str(sent.get("tried", "")), str(sent.get("do", ""))
    return await run_in_threadpool(_take, request, form, tried, wanted)


def _take(request: Request, form: RuleForm, tried: str, wanted: str) -> HTMLResponse | RedirectResponse:
    desk, texts = desk_of(request), desk_of(request).texts(request)
    folder = desk.settings.alerts_folder
    try:
        prepared = prepare(folder, form, texts, tuple(desk.settings.taxonomy.topics))
    except ConfigConflictError:
        return _form(request, form, texts("rule.problem.conflict"), status=409)
    except (UsageError, ConfigError) as error:
        return _form(request, form, error.message, status=422)
    if wanted != "save" or tried != prepared.mark:
        return _tried(request, form, prepared, changed=wanted == "save")
    now, who = desk.clock(), actor_of(request).who
    try:
        kept = keep(folder, prepared, form, texts("rule.made", when=texts.time(now), who=who or texts("rule.staff")))
    except ConfigConflictError:
        return _form(request, form, texts("rule.problem.conflict"), status=409)
    except (UsageError, ConfigError) as error:
        return _form(request, form, str(error), status=422)
    _note(desk, who, now, "rule.change" if prepared.old else "rule.make", kept.file, prepared.old, kept)
    return RedirectResponse(f"/alerts/rules?saved={quote(kept.file, safe='')}", 303)


@router.post("/alerts/rules/{file}/switch")
def switch(request: Request, file: str, version: Text = "", on: Text = "") -> Any:
    """Pause a rule, or let it run again."""
    return _do(request, file, "rule.switch", lambda folder: change_rule(folder, file, version, {"enabled": on == "1"}))


@router.post("/alerts/rules/{file}/remove")
def remove(request: Request, file: str, version: Text = "") -> Any:
    """Take a rule away; the list offers to bring it back."""
    now = desk_of(request).clock()
    return _do(request, file, "rule.remove", lambda folder: remove_rule(folder, file, version, now))


@router.post("/alerts/rules/restore")
def restore(request: Request, key: Text = "") -> Any:
    """Bring back a rule that was taken away."""
    return _do(request, key.partition("-")[2], "rule.restore", lambda folder: restore_rule(folder, key))


@router.post("/alerts/rules/{file}/mute")
def mute_(request: Request, file: str, who: Text = "", on: Text = "") -> Any:
    """No more messages of this rule to one person, or messages again."""
    desk = desk_of(request)
    now = desk.clock()

    def change(_folder: Any) -> None:
        rule = find_rule(desk.settings.alerts_folder, file).rule
        known = [*receivers(desk.settings.office), *mutes_by_rule(desk.state, now).get(rule.name if rule else "", [])]
        if rule is None or who not in known:
            raise UsageError(desk.texts(request)("rule.problem.person"))
        ticket = Ticket("", rule.name, "", who, now)
        if on == "1":
            unmute(desk.state, ticket)
        else:
            mute(desk.state, ticket, now, whole_rule=True)

    return _do(request, file, "rule.unmute" if on == "1" else "rule.mute", change, subject_more=who)


def _do(request: Request, file: str, action: str, change: Any, subject_more: str = "") -> HTMLResponse | RedirectResponse:
    desk = desk_of(request)
    folder = desk.settings.alerts_folder
    before = next((kept for kept in every_rule(folder) if kept.file == file), None)
    try:
        done = change(folder)
    except ConfigConflictError:
        return _list(request, desk.texts(request)("rule.problem.conflict"), 409)
    except (UsageError, ConfigError) as error:
        return _list(request, str(error), 422)
    after = done if isinstance(done, KeptRule) else None
    _note(desk, actor_of(request).who, desk.clock(), action, f"{file} {subject_more}".strip(), before, after)
    query = f"?removed={quote(done.key, safe='')}" if action == "rule.remove" else f"?saved={quote(file, safe='')}"
    return RedirectResponse(f"/alerts/rules{query}", 303)


def _note(desk: Desk, who: str, now: datetime, action: str, subject: str, before: KeptRule | None, after: KeptRule | None) -> None:
    with desk.state.session() as session:
        note(session, who, now, action, subject, before, after)


def _tried(request: Request, form: RuleForm, prepared: Prepared, *, changed: bool) -> HTMLResponse:
    desk, texts = desk_of(request), desk_of(request).texts(request)
    try:
        trial = ask_trial(request, desk, prepared)
    except QueryError as error:
        return _form(request, form, error.message_en if texts.language == "en" else error.message_vi, status=422)
    return _form(request, form, parts=shown(desk, form, prepared.mark, trial, is_slow=trial is None, is_changed=changed))


def _form(request: Request, form: RuleForm, problem: str = "", *, status: int = 200, parts: dict[str, Any] | None = None) -> HTMLResponse:
    desk = desk_of(request)
    topics = list(desk.settings.taxonomy.topics)
    return desk.page(request, "rule_form.html", status, topics=topics, problem=problem, **(parts or shown(desk, form)))


def _list(request: Request, problem: str = "", status: int = 200) -> HTMLResponse:
    desk = desk_of(request)
    folder, now = desk.settings.alerts_folder, desk.clock()
    with desk.state.session() as session:
        lately = select(AlertRecord.rule, func.count()).where(AlertRecord.started_at > now - timedelta(days=DAYS))
        counts: dict[str, int] = dict(session.execute(lately.group_by(AlertRecord.rule)).tuples().all())
    precision, mutes = precision_by_rule(desk.state), mutes_by_rule(desk.state, now)
    rows = []
    for kept in every_rule(folder):
        name = kept.rule.name if kept.rule else kept.file
        rows.append(Row(kept, counts.get(name, 0), precision.get(name), mutes.get(name, [])))
    removed = removed_rules(folder)
    just = request.query_params.get("removed", "")
    return desk.page(
        request,
        "rules.html",
        status,
        rows=rows,
        editable=KINDS,
        people=list(receivers(desk.settings.office)),
        removed=removed,
        just_removed=next((one for one in removed if one.key == just), None),
        saved=next((row.kept for row in rows if row.kept.file == request.query_params.get("saved", "")), None),
        problem=problem,
        strange=strange_names(desk.settings.office, {row.kept.rule.name: row.kept.rule.people for row in rows if row.kept.rule}),
        days=DAYS,
    )
