"""The alert log: every alert with what was observed and what was to be expected."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from alerts.feed import atom
from alerts.grading import VERDICTS, grade, mute, precision_by_rule, read_token, said_so_far, signing_key, take_on, unmute
from diembao.alert import Alert
from diembao.clock import VIETNAM
from diembao.errors import UsageError
from web.alert_log import all_alerts, answer_to, feed_entries, find_alert, search_of
from web.desk import desk_of
from web.searching.chart import HEIGHT, MOST_BARS, Bar, Chart, pixels
from web.texts import Texts

router = APIRouter(include_in_schema=False)


@router.get("/alerts")
def alerts(request: Request) -> HTMLResponse:
    """All alerts, the open ones first."""
    desk = desk_of(request)
    shown = [(alert, search_of(alert).href()) for alert in all_alerts(desk.state)]
    return desk.page(request, "alerts.html", alerts=shown, precision=precision_by_rule(desk.state))


@router.get("/alerts.atom")
def feed(request: Request) -> Response:
    """The alerts that began or ended last, as an Atom feed."""
    desk = desk_of(request)
    content = atom(feed_entries(desk.state), desk.settings.office, desk.source_names)
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/atom+xml; charset=utf-8", headers=headers)


@router.get("/alerts/answer/{token}")
@router.get("/alerts/answer/{token}/unsubscribe")
def ask(request: Request, token: str) -> HTMLResponse:
    """What a recipient may say of an alert. Opening the link changes nothing: mail scanners open every link."""
    wanted = "mute_rule" if request.url.path.endswith("/unsubscribe") else request.query_params.get("v", "")
    return _answer_page(request, token, wanted)


@router.post("/alerts/answer/{token}")
def answer(request: Request, token: str, say: Annotated[str, Form(max_length=20)] = "") -> Response:
    """Keep what the recipient said, and show it. The ticket in the address is what another site cannot know."""
    desk = desk_of(request)
    now = desk.clock()
    try:
        ticket = read_token(signing_key(desk.state), token, now)
    except UsageError:
        return _answer_page(request, token)
    if say in VERDICTS:
        grade(desk.state, ticket, VERDICTS[say], now)
    elif say == "taken":
        take_on(desk.state, ticket, now)
    elif say in ("mute", "mute_rule"):
        mute(desk.state, ticket, now, whole_rule=say == "mute_rule")
    elif say == "unmute":
        unmute(desk.state, ticket)
    else:
        raise HTTPException(422)
    return RedirectResponse(f"/alerts/answer/{quote(token, safe='')}", 303)


@router.post("/alerts/answer/{token}/unsubscribe")
def unsubscribe(request: Request, token: str) -> HTMLResponse:
    """What mail programs do for their button "unsubscribe" (RFC 8058): no more mails of the rule."""
    desk = desk_of(request)
    now = desk.clock()
    try:
        mute(desk.state, read_token(signing_key(desk.state), token, now), now, whole_rule=True)
    except UsageError:
        return _answer_page(request, token)
    return _answer_page(request, token)


def _answer_page(request: Request, token: str, wanted: str = "") -> HTMLResponse:
    desk = desk_of(request)
    now = desk.clock()
    try:
        ticket = read_token(signing_key(desk.state), token, now)
    except UsageError as error:
        page = desk.page(request, "alert_answer.html", 410, ticket=None, alert=None, said=None, wanted="", token="", problem=str(error))
    else:
        page = desk.page(
            request,
            "alert_answer.html",
            ticket=ticket,
            alert=find_alert(desk.state, ticket.alert_id),
            said=said_so_far(desk.state, ticket, now),
            wanted=wanted,
            token=token,
            problem="",
        )
    page.headers["Cache-Control"] = "no-store"
    return page


@router.get("/alerts/{alert_id}")
def alert(request: Request, alert_id: str) -> HTMLResponse:
    """One alert with its series and the stories behind it, or 404."""
    desk = desk_of(request)
    found = find_alert(desk.state, alert_id) if len(alert_id) <= 64 else None
    if found is None:
        raise HTTPException(404)
    texts = desk.texts(request)
    return desk.page(
        request,
        "alert.html",
        alert=found,
        answer=answer_to(desk.state, found.id),
        search_href=search_of(found).href(),
        chart=draw_series(found, texts),
    )


def draw_series(alert: Alert, texts: Texts) -> Chart | None:
    """The series that the alert's rule watches, with the expectation; the alert's window is marked.

    The rule chooses the length of its intervals, so each bar is named by its beginning.
    """
    points = alert.points[-MOST_BARS:]
    if not points:
        return None
    highest = max([1.0, *(point.observed for point in points), *(point.expected or 0 for point in points)])
    step = points[1].start - points[0].start if len(points) > 1 else alert.window_end - alert.window_start
    is_daily = step >= timedelta(days=1)
    names_days = is_daily or step * len(points) > timedelta(days=2)
    bars = []
    for point in points:
        local = point.start.astimezone(VIETNAM)
        bars.append(
            Bar(
                label=f"{local.day}/{local.month}" if names_days else f"{local.hour}h",
                name=texts.day(point.start) if is_daily else texts.time(point.start),
                total=point.observed,
                negative=0,
                height=pixels(point.observed, highest),
                negative_height=0,
                expected=point.expected,
                expected_height=None if point.expected is None else round(HEIGHT * point.expected / highest),
                marked=point.start < alert.window_end and point.start + step > alert.window_start,
            )
        )
    total = sum(bar.total for bar in bars)
    return Chart(bars, "day" if is_daily else "hour", total, 0, max(bar.total for bar in bars), cut=len(points) < len(alert.points))
