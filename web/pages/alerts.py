"""The alert log: every alert with what was observed and what was to be expected."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from diembao.alert import Alert
from diembao.clock import VIETNAM
from web.alert_log import all_alerts, find_alert, search_of
from web.chart import HEIGHT, MOST_BARS, Bar, Chart, pixels
from web.desk import desk_of
from web.texts import Texts

router = APIRouter(include_in_schema=False)


@router.get("/alerts")
def alerts(request: Request) -> HTMLResponse:
    """All alerts, the open ones first."""
    desk = desk_of(request)
    return desk.page(request, "alerts.html", alerts=[(alert, search_of(alert).href()) for alert in all_alerts(desk.state)])


@router.get("/alerts/{alert_id}")
def alert(request: Request, alert_id: str) -> HTMLResponse:
    """One alert with its series and the stories behind it, or 404."""
    desk = desk_of(request)
    found = find_alert(desk.state, alert_id) if len(alert_id) <= 64 else None
    if found is None:
        raise HTTPException(404)
    texts = desk.texts(request)
    return desk.page(request, "alert.html", alert=found, search_href=search_of(found).href(), chart=draw_series(found, texts))


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
