"""From the form of a rule to its file: what both the page of the rules and that of saved searches do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w
from fastapi import Request
from sqlalchemy.orm import Session

from alerts.delivery import receivers
from alerts.rule import Rule
from alerts.rules_editing import KeptRule, change_rule, create_rule, every_rule, find_rule, name_for
from alerts.rules_file import rule_of
from diembao.audit import record
from diembao.config_file import ConfigConflictError
from diembao.errors import ConfigError, UsageError
from web.alert_log import search_of
from web.desk import Desk
from web.rules.form import KINDS, RuleForm
from web.rules.trials import DAYS, Trial, Trials, fingerprint, try_rule
from web.texts import Texts

_SHOWN_ALERTS = 12


@dataclass(frozen=True)
class Prepared:
    """A form that makes a rule.

    Attributes:
        old: the rule that is changed; None: a new one.
        table: the keys that the form sets; None for those that are to go.
        rule: what they make.
        mark: the same for rules that fire alike: what was tried is known by it.
    """

    old: KeptRule | None
    table: dict[str, Any]
    rule: Rule
    mark: str


def prepare(folder: Path, form: RuleForm, texts: Texts, topics: Sequence[str]) -> Prepared:
    """What `form` makes of the rules in `folder`; nothing is written.

    Raises:
        UsageError, ConfigError: with what is wrong, in the reader's language.
        ConfigConflictError: when somebody else changed the rule since the form was shown.
    """
    old = find_rule(folder, form.file) if form.file else None
    taken = [name for kept in every_rule(folder) for name in (kept.file, kept.rule.name if kept.rule else "")]
    name = old.rule.name if old and old.rule else name_for(form.label, taken)
    table = form.table(name, texts, topics, old.rule if old else None)
    rule = _rule_of(table, old.rule if old else None)
    if old is not None and old.version != form.version:
        raise ConfigConflictError("the file is another one by now")
    return Prepared(old, table, rule, fingerprint(rule.model_dump(mode="json")))


def keep(folder: Path, prepared: Prepared, form: RuleForm, comment: str) -> KeptRule:
    """Write what was prepared; `comment` stands above a new rule. Raises as alerts.rules_editing."""
    if prepared.old is None:
        return create_rule(folder, {key: value for key, value in prepared.table.items() if value is not None}, comment)
    return change_rule(folder, form.file, form.version, prepared.table)


def ask_trial(request: Request, desk: Desk, prepared: Prepared) -> Trial | None:
    """What the rule would have done; None: it is still being worked out. Raises QueryError."""
    now = desk.clock()
    work = lambda: try_rule(prepared.rule, desk.engine, desk.state, desk.settings.taxonomy, now)  # noqa: E731
    return _trials_of(request).ask(f"{prepared.mark} {now:%Y%m%d%H}", work)


def shown(
    desk: Desk, form: RuleForm, mark: str = "", trial: Trial | None = None, *, is_slow: bool = False, is_changed: bool = False
) -> dict[str, Any]:
    """What the parts of a rule's form in `_rule_parts.html` show."""
    people = [receiver.name for receiver in receivers(desk.settings.office).values()]
    return {
        "form": form,
        "kinds": KINDS,
        "people": list(dict.fromkeys([*people, *form.people])),
        "tried": mark,
        "trial": trial,
        "shown": [(alert, search_of(alert).href()) for alert in (trial.alerts[:_SHOWN_ALERTS] if trial else ())],
        "days": DAYS,
        "is_slow": is_slow,
        "is_changed": is_changed,
    }


def note(session: Session, who: str, now: datetime, action: str, subject: str, before: KeptRule | None, after: KeptRule | None) -> None:
    """Add to the audit log what became of a rule."""

    def said(kept: KeptRule | None) -> Any:
        return kept.rule.model_dump(mode="json", exclude_defaults=True) if kept and kept.rule else None

    record(session, now, who, action, subject, said(before), said(after))


def _rule_of(table: dict[str, Any], old: Rule | None) -> Rule:
    """The rule that the table makes of the old one; checked as a file is."""
    kept = old.model_dump(mode="json", exclude_unset=True) if old is not None else {}
    whole = {key: value for key, value in {**kept, **table}.items() if value is not None}
    try:
        return rule_of(tomli_w.dumps(whole), Path(f"{table['name']}.toml"))
    except ConfigError as error:
        raise UsageError(error.message.partition(": ")[2] or error.message) from error


def _trials_of(request: Request) -> Trials:
    """The trials of the application; made with the first one."""
    state = request.app.state
    if not hasattr(state, "rule_trials"):
        state.rule_trials = Trials()
    found: Trials = state.rule_trials
    return found
