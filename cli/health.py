"""What `diembao doctor` examines: one function for each part, each with what to do when it is not in order."""

from __future__ import annotations

import os
import shutil
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from diembao.clock import utc_now
from diembao.errors import DiembaoError
from diembao.settings import Settings

LOW_DISK = 2 * 1024**3
"""Free bytes below which the archive may soon have no room."""


@dataclass(frozen=True)
class Check:
    """The result of one check: `warning` means that the system runs but something is missing."""

    name: str
    state: Literal["ok", "warning", "broken"]
    message: str
    hint: str = ""

    def to_record(self) -> dict[str, Any]:
        """The check as a JSON object."""
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Every check, in order; a broken part never hides the others."""
    parts: dict[str, Callable[[Settings], Iterator[Check]]] = {
        "home": _home,
        "office": _office,
        "sources": _sources,
        "alert rules": _rules,
        "models": _models,
        "database": _database,
        "accounts": _accounts,
        "engine": _engine,
        "backlog": _backlog,
        "source health": _source_health,
        "mail": _mail,
    }
    checks: list[Check] = []
    for name, part in parts.items():
        try:
            checks += part(settings)
        except DiembaoError as error:
            checks.append(Check(name, "broken", error.message, error.hint))
    return checks


def _home(settings: Settings) -> Iterator[Check]:
    free = shutil.disk_usage(settings.home).free
    message = f"{settings.home}, {free / 1024**3:.1f} GB free"
    if free < LOW_DISK:
        yield Check("home", "warning", message, "Make room: the archive keeps every fetched page")
    else:
        yield Check("home", "ok", message)


def _office(settings: Settings) -> Iterator[Check]:
    office = settings.office
    fields = len(settings.taxonomy.fields)
    yield Check("office", "ok", f"{office.name}, {office.province or 'no province'}, {fields} fields")
    if not office.crawl.contact:
        yield Check("office", "warning", "webmasters cannot reach you", "Set [crawl] contact in office.toml to an e-mail or an address")


def _sources(settings: Settings) -> Iterator[Check]:
    from diembao.source import read_source, source_files

    good = enabled = 0
    for path in source_files(settings.sources_folder):
        try:
            enabled += read_source(path).enabled
            good += 1
        except DiembaoError as error:
            yield Check("sources", "broken", error.message, error.hint)
    if enabled:
        yield Check("sources", "ok", f"{good} sources, {enabled} enabled")
    else:
        yield Check("sources", "warning", f"{good} sources, none enabled", "Enable one in config/sources/, or: diembao sources add URL")


def _rules(settings: Settings) -> Iterator[Check]:
    from alerts.rules_file import read_rules

    yield Check("alert rules", "ok", f"{len(read_rules(settings.alerts_folder))} rules")


def _models(settings: Settings) -> Iterator[Check]:
    from diembao.article import Article
    from nlp.models.office import office_path
    from nlp.tagging import Tagger

    tagger = Tagger.of(settings)
    tagged = tagger.tag(Article(title="Khởi tố ba cán bộ địa chính xã ở Đồng Tháp"))
    label = tagged.sentiment.label if tagged.sentiment else "none"
    whose = "the office's own model" if tagger.model.path == office_path(settings.home) else "the shipped model"
    yield Check("models", "ok", f"{len(tagger.steps)} tagging steps, {whose}; a trial headline reads as {label}")
    if tagger.model.problem:
        yield Check("models", "warning", tagger.model.problem, "Run `diembao models train`; the shipped model is used meanwhile")


def _database(settings: Settings) -> Iterator[Check]:
    from sqlalchemy import text

    from diembao.state import State

    state = State(settings.database)
    try:
        with state.session() as session:
            if state.engine.dialect.name == "sqlite":
                verdict = session.execute(text("PRAGMA quick_check")).scalar_one()
                if verdict != "ok":
                    yield Check("database", "broken", f"the file is damaged: {verdict}", "Restore the last copy of state.sqlite")
                    return
        yield Check("database", "ok", f"{state.engine.dialect.name}, every table is there")
    finally:
        state.close()


def _accounts(settings: Settings) -> Iterator[Check]:
    from urllib.parse import urlsplit

    from diembao.state import State
    from web.accounts.users import all_users

    office = settings.office
    state = State(settings.database)
    try:
        users = [user for user in all_users(state) if user.disabled_at is None]
    finally:
        state.close()
    provider = office.web.openid
    if provider is not None and not os.environ.get(provider.secret_env):
        yield Check(
            "accounts", "broken", f"{provider.secret_env} is not set", "Put the secret of [web.openid] into this environment variable"
        )
    if users:
        admins = sum(user.role == "admin" for user in users)
        yield Check("accounts", "ok", f"{len(users)} users, {admins} of them admins; everybody has to log in")
    elif urlsplit(office.base_url).hostname in ("127.0.0.1", "localhost", "::1"):
        yield Check("accounts", "ok", "no users: nobody has to log in, and the desk is served on this machine only")
    else:
        yield Check(
            "accounts",
            "warning",
            f"no users, but staff reach the desk at {office.base_url}: a proxy that leads there lets everybody in",
            "Add an admin: diembao users add NAME --role admin",
        )


def _engine(settings: Settings) -> Iterator[Check]:
    from index import open_engine

    engine = open_engine(settings)
    try:
        engine.prepare()
        status = engine.status()
        if status.problem:
            yield Check("engine", "broken", status.problem, "See docs/production.md")
            return
        yield Check("engine", "ok", f"{status.name} {status.version}, {status.articles} articles")
        for part in engine.conditions():
            yield Check(part.name, part.state, part.message, part.hint)
    finally:
        engine.close()


def _backlog(settings: Settings) -> Iterator[Check]:
    from diembao.state import State
    from flows.quarantine import read_quarantine
    from flows.stages import backlog, quarantined_runs

    state = State(settings.database)
    try:
        waiting = backlog(settings, state, utc_now())
    finally:
        state.close()
    if waiting.runs:
        yield Check("backlog", "warning", str(waiting), "The next round of monitor takes it up, in this order; is the engine there?")
    else:
        yield Check("backlog", "ok", str(waiting))
    runs = quarantined_runs(settings)
    if held := sum(len(read_quarantine(settings.runs_folder / run)) for run in runs):
        yield Check("quarantine", "warning", f"{held} articles of {len(runs)} runs", "diembao quarantine list shows the reasons")


def _source_health(settings: Settings) -> Iterator[Check]:
    from alerts.source_trouble import read_troubles
    from diembao.source import source_names
    from diembao.state import State

    state = State(settings.database)
    try:
        troubles = read_troubles(state, utc_now(), source_names(settings.sources_folder))
    finally:
        state.close()
    for trouble in troubles:
        yield Check("source health", "warning", trouble.line("en"), trouble.advice("en"))
    if not troubles:
        yield Check("source health", "ok", "no source is silent, broken or incomplete")


def _mail(settings: Settings) -> Iterator[Check]:
    mail = settings.office.mail
    if not mail.recipients:
        yield Check("mail", "warning", "nobody gets alerts", "Name [mail] recipients in office.toml")
        return
    connect = smtplib.SMTP_SSL if mail.security == "tls" else smtplib.SMTP
    try:
        with connect(mail.host, mail.port, timeout=10) as server:
            server.noop()
        yield Check("mail", "ok", f"{mail.host}:{mail.port} answers; {len(mail.recipients)} recipients")
    except (OSError, smtplib.SMTPException) as error:
        yield Check(
            "mail", "broken", f"{mail.host}:{mail.port} does not answer: {error}", "Check [mail] in office.toml; mails wait meanwhile"
        )
