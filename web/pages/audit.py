"""The audit log: who changed what, for admins."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from diembao.audit import Entry, Wanted, actions, all_entries, entries
from diembao.clock import VIETNAM, start_of_day
from index.export import harmless
from web.desk import desk_of
from web.texts import Texts, read_texts

router = APIRouter(include_in_schema=False)

ON_A_PAGE = 50
Text = Annotated[str, Query(max_length=600)]


@router.get("/admin/audit")
def audit(
    request: Request,
    who: Text = "",
    action: Text = "",
    subject: Text = "",
    since: Text = "",
    until: Text = "",
    logins: Text = "",
    below: Text = "",
) -> HTMLResponse:
    """What was changed, the newest first."""
    desk = desk_of(request)
    asked = {"who": who.strip(), "action": action.strip(), "subject": subject.strip(), "since": since, "until": until, "logins": logins}
    wanted, problem = _wanted(asked)
    found = entries(desk.state, wanted, ON_A_PAGE + 1, _number(below)) if not problem else []
    chosen = {name: value for name, value in asked.items() if value}
    older = urlencode({**chosen, "below": found[ON_A_PAGE - 1].number}) if len(found) > ON_A_PAGE else ""
    known = actions(desk.state)
    page = desk.page(
        request,
        "audit.html",
        422 if problem else 200,
        entries=found[:ON_A_PAGE],
        asked=asked,
        actions=sorted({*known, *(name.partition(".")[0] for name in known)}),
        older=older,
        csv=urlencode(chosen),
        problem=problem,
        action_name=lambda code: action_name(code, desk.texts(request)),
        as_text=value_for_people,
    )
    page.headers["Cache-Control"] = "no-store"
    return page


@router.get("/admin/audit.csv")
def export(
    request: Request, who: Text = "", action: Text = "", subject: Text = "", since: Text = "", until: Text = "", logins: Text = ""
) -> StreamingResponse:
    """The same rows, all of them, as CSV; no cell can be a formula."""
    asked = {"who": who.strip(), "action": action.strip(), "subject": subject.strip(), "since": since, "until": until, "logins": logins}
    wanted, _ = _wanted(asked)
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(_csv(all_entries(desk_of(request).state, wanted)), media_type="text/csv; charset=utf-8", headers=headers)


def value_as_text(value: Any) -> str:
    """A value of the log in one line; the empty text for none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def value_for_people(value: Any) -> str:
    """A value of the log as the page shows it: an object by its parts.

    >>> value_for_people({"role": "reader", "scopes": ["search"]})
    'role: reader; scopes: ["search"]'
    """
    if isinstance(value, dict):
        return "; ".join(f"{name}: {value_as_text(part) or '–'}" for name, part in value.items())
    return value_as_text(value)


def action_name(code: str, texts: Texts) -> str:
    """The words for an action; the code itself for one that has none.

    >>> from diembao.clock import utc_now
    >>> action_name("user.role", Texts("en", utc_now())), action_name("new.thing", Texts("en", utc_now()))
    ('user: role', 'new.thing')
    """
    kind, _, deed = code.partition(".")
    known = read_texts()
    if f"audit.kind.{kind}" not in known or (deed and f"audit.deed.{deed}" not in known):
        return code
    return f"{texts(f'audit.kind.{kind}')}: {texts(f'audit.deed.{deed}')}" if deed else texts(f"audit.kind.{kind}")


def _csv(found: Iterator[Entry]) -> Iterator[bytes]:
    yield codecs.BOM_UTF8  # without it spreadsheets take the letters for another alphabet's
    yield _line(["number", "at", "who", "action", "subject", "before", "after"])
    for entry in found:
        when = entry.at.astimezone(VIETNAM).isoformat(timespec="seconds")
        values = value_as_text(entry.before), value_as_text(entry.after)
        yield _line([str(entry.number), when, entry.who, entry.action, entry.subject, *values])


def _line(cells: list[str]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
    return stream.getvalue().encode("utf-8", "replace")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _wanted(asked: dict[str, str]) -> tuple[Wanted, str]:
    """What is asked for, and the key of the text that says what is wrong with it."""
    problem = ""

    def midnight(name: str, later: int) -> datetime | None:
        nonlocal problem
        if not asked[name]:
            return None
        try:
            return start_of_day(date.fromisoformat(asked[name]) + timedelta(days=later))
        except (ValueError, OverflowError):
            problem = "audit.bad_day"
            return None

    since, until = midnight("since", 0), midnight("until", 1)
    # Logins are many and change nothing: shown when they are asked for.
    logins = bool(asked["logins"]) or asked["action"].partition(".")[0] == "login"
    return Wanted(asked["who"], asked["action"], asked["subject"], since, until, logins), problem
