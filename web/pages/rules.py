"""The rules of alerts: the list, and the form that makes one of a search. Everything works as plain forms, without a script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import tomli_w
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool

from alerts.delivery import receivers, strange_names
from alerts.grading import Precision, Ticket, mute, mutes_by_rule, precision_by_rule, unmute
from alerts.rule import Rule
from alerts.rules_editing import (
    KeptRule,
    change_rule,
    create_rule,
    every_rule,
    find_rule,
    name_for,
    remove_rule,
    removed_rules,
    restore_rule,
)
from alerts.rules_file import rule_of
from diembao.audit import record
from diembao.config_file import ConfigConflictError
from diembao.errors import ConfigError, QueryError, UsageError
from diembao.state import AlertRecord
from web.accounts.actor import actor_of
from web.addresses import SearchAddress
from web.alert_log import search_of
from web.desk import Desk, desk_of
from web.rule_form import KINDS, RuleForm, form_of_rule, form_of_search, read_form
from web.rule_trials import DAYS, Trial, Trials, fingerprint, try_rule

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=400)]
_SHOWN_ALERTS = 12


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
        old = find_rule(folder, form.file) if form.file else None
        taken = [name for kept in every_rule(folder) for name in (kept.file, kept.rule.name if kept.rule else "")]
        name = old.rule.name if old and old.rule else name_for(form.label, taken)
        table = form.table(name, texts, tuple(desk.settings.taxonomy.topics), old.rule if old else None)
        rule = _rule_of(table, old.rule if old else None)
        if old is not None and old.version != form.version:
            raise ConfigConflictError("the file is another one by now")
    except ConfigConflictError:
        return _form(request, form, texts("rule.problem.conflict"), status=409)
    except (UsageError, ConfigError) as error:
        return _form(request, form, error.message, status=422)
    mark = fingerprint(rule.model_dump(mode="json"))
    if wanted != "save" or tried != mark:
        return _tried(request, form, rule, mark, changed=wanted == "save")
    now, who = desk.clock(), actor_of(request).who
    try:
        if old is None:
            table = {key: value for key, value in table.items() if value is not None}
            kept = create_rule(folder, table, texts("rule.made", when=texts.time(now), who=who or texts("rule.staff")))
        else:
            kept = change_rule(folder, form.file, form.version, table)
    except ConfigConflictError:
        return _form(request, form, texts("rule.problem.conflict"), status=409)
    except (UsageError, ConfigError) as error:
        return _form(request, form, str(error), status=422)
    _note(desk, who, now, "rule.change" if old else "rule.make", kept.file, old, kept)
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
    def said(kept: KeptRule | None) -> Any:
        return kept.rule.model_dump(mode="json", exclude_defaults=True) if kept and kept.rule else None

    with desk.state.session() as session:
        record(session, now, who, action, subject, said(before), said(after))


def _rule_of(table: dict[str, Any], old: Rule | None) -> Rule:
    """The rule that the table makes of the old one; checked as a file is."""
    kept = old.model_dump(mode="json", exclude_unset=True) if old is not None else {}
    whole = {key: value for key, value in {**kept, **table}.items() if value is not None}
    try:
        return rule_of(tomli_w.dumps(whole), Path(f"{table['name']}.toml"))
    except ConfigError as error:
        raise UsageError(error.message.partition(": ")[2] or error.message) from error


def _tried(request: Request, form: RuleForm, rule: Rule, mark: str, *, changed: bool) -> HTMLResponse:
    desk, texts = desk_of(request), desk_of(request).texts(request)
    now = desk.clock()
    trials = _trials_of(request)
    try:
        trial = trials.ask(f"{mark} {now:%Y%m%d%H}", lambda: try_rule(rule, desk.engine, desk.state, desk.settings.taxonomy, now))
    except QueryError as error:
        return _form(request, form, error.message_en if texts.language == "en" else error.message_vi, status=422)
    return _form(request, form, tried=mark, trial=trial, is_slow=trial is None, is_changed=changed)


def _trials_of(request: Request) -> Trials:
    """The trials of the application; made with the first one."""
    state = request.app.state
    if not hasattr(state, "rule_trials"):
        state.rule_trials = Trials()
    found: Trials = state.rule_trials
    return found


def _form(
    request: Request,
    form: RuleForm,
    problem: str = "",
    *,
    status: int = 200,
    tried: str = "",
    trial: Trial | None = None,
    is_slow: bool = False,
    is_changed: bool = False,
) -> HTMLResponse:
    desk = desk_of(request)
    shown = [(alert, search_of(alert).href()) for alert in (trial.alerts[:_SHOWN_ALERTS] if trial else ())]
    people = [receiver.name for receiver in receivers(desk.settings.office).values()]
    return desk.page(
        request,
        "rule_form.html",
        status,
        form=form,
        kinds=KINDS,
        topics=list(desk.settings.taxonomy.topics),
        people=list(dict.fromkeys([*people, *form.people])),
        problem=problem,
        tried=tried,
        trial=trial,
        shown=shown,
        days=DAYS,
        is_slow=is_slow,
        is_changed=is_changed,
    )


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
