"""What other systems of the province exchange with the desk as JSON: alerts out, citizens' feedback in, webhooks described."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from sqlalchemy import and_, or_, select

from diembao.alert import Alert
from diembao.errors import InputError, UsageError
from diembao.state import AlertRecord
from index.feedback_file import table_of
from web.accounts.actor import actor_of
from web.accounts.key_header import Key
from web.alert_log import MOST_ALERTS, find_alert
from web.api.answers import missing, refusal, tagged
from web.api.models import MISSING, REFUSALS, UNCHANGED, AlertsAnswer, ApiAlert, Feedback, FeedbackAnswer, WebhookBody
from web.desk import Desk, desk_of
from web.feedback.intake import take

router = APIRouter(prefix="/api", tags=["exchange"], dependencies=[Key], responses=REFUSALS)

LONGEST_CURSOR = 300


@router.get("/alerts", response_model=AlertsAnswer, responses=UNCHANGED)
def alerts(
    request: Request,
    state: Annotated[Literal["open", "closed"] | None, Query(description="none: both, the open ones first")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ALERTS)] = 50,
    after: Annotated[str, Query(max_length=LONGEST_CURSOR, description="cursor of the page before")] = "",
) -> Response:
    """The alerts with what was observed and expected, and the articles behind them: open ones first, then newest first."""
    desk = desk_of(request)
    query = select(AlertRecord).order_by((AlertRecord.state == "open").desc(), AlertRecord.started_at.desc(), AlertRecord.id)
    if state is not None:
        query = query.where(AlertRecord.state == state)
    if after:
        place = _place(after)
        if place is None:
            return refusal(request, {"after": desk.texts(request)("problem.cursor")})
        is_open, started, alert_id = place
        later = or_(AlertRecord.started_at < started, and_(AlertRecord.started_at == started, AlertRecord.id > alert_id))
        same = and_(AlertRecord.state == "open" if is_open else AlertRecord.state != "open", later)
        query = query.where(or_(same, AlertRecord.state != "open") if is_open else same)
    with desk.state.session() as session:
        rows = list(session.scalars(query.limit(limit + 1)))
        found = [shown for row in rows[:limit] if (shown := _shown(desk, row)) is not None]
        cursor = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return tagged(request, {"alerts": found, "cursor": cursor})


@router.get("/alerts/{alert_id}", response_model=ApiAlert, responses={**MISSING, **UNCHANGED})
def alert(request: Request, alert_id: Annotated[str, Path(max_length=64)]) -> Response:
    """One alert as it is now, or 404."""
    desk = desk_of(request)
    found = find_alert(desk.state, alert_id)
    return missing(request) if found is None else tagged(request, _record(desk, found))


def _shown(desk: Desk, row: AlertRecord) -> dict[str, Any] | None:
    try:
        return _record(desk, Alert.model_validate({**row.alert, "state": row.state}))
    except ValidationError:  # told in the log by the page of alerts
        return None


def _record(desk: Desk, one: Alert) -> dict[str, Any]:
    # Who is told is the office's own business.
    return {**one.model_dump(mode="json"), "recipients": [], "link": f"{desk.settings.office.base_url.rstrip('/')}/alerts/{one.id}"}


def _cursor(row: AlertRecord) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.state == "open", row.started_at.isoformat(), row.id]).encode()).decode()


def _place(cursor: str) -> tuple[bool, datetime, str] | None:
    try:
        is_open, started, alert_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        moment = datetime.fromisoformat(started)
    except (binascii.Error, UnicodeError, ValueError, TypeError, RecursionError):
        return None
    if not isinstance(is_open, bool) or not isinstance(alert_id, str) or moment.tzinfo is None:
        return None
    return is_open, moment, alert_id


@router.post(
    "/feedback",
    status_code=202,
    response_model=FeedbackAnswer,
    responses={
        422: {"model": FeedbackAnswer | REFUSALS[422]["model"], "description": "no record could be taken, or the call is not right"},
    },
)
def bring_in(request: Request, sent: Annotated[Feedback, Body()]) -> JSONResponse:
    """Take in citizens' feedback; the next round of `monitor` tags and indexes it. A record's number keeps it one record.

    Sending the same again changes nothing; another text under the same number is a revision. Records that cannot be read are named in the
    answer, the others are taken. The sender is not read; telephone, identity-card and bank numbers are masked before anything is stored.
    """
    desk = desk_of(request)
    try:
        table = table_of((f"record {number}", record) for number, record in enumerate(sent.records, start=1))
        done = take(desk, table, sent.source, sent.columns, actor_of(request).who)
    except (InputError, UsageError) as error:
        return refusal(request, {"records": str(error)})
    counts = done.sorted.counts()
    rejected = [{"record": int(one.position.rpartition(" ")[2]), "problem": one.problem} for one in done.sorted.rejected]
    accepted = len(done.sorted.taken)
    body = {"accepted": accepted, **{name: counts[name] for name in ("new", "changed", "updated", "unchanged")}, "rejected": rejected}
    return JSONResponse({**body, "run": done.run}, 202 if accepted else 422)


def describe_webhooks(app: FastAPI) -> None:
    """Put what is posted to other systems into the description of the API."""

    def told(body: Annotated[WebhookBody, Body()]) -> None:
        """An alert began, doubled, was passed on or ended; `[[webhooks]]` of office.toml names the addresses (docs/alerts.md).

        Signed after Standard Webhooks: `webhook-id`, `webhook-timestamp` and `webhook-signature`. An answer of 2xx takes it, 408, 425, 429
        and 5xx have it sent again later with the same `webhook-id`, anything else ends it.
        """

    app.webhooks.post("alert")(told)
