"""The Prefect flow `catch-up`: what should have gone out while the machine was off goes out late, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from prefect import flow

from alerts.report.period import KINDS, last_complete
from diembao.clock import VIETNAM, start_of_day, utc_now, vietnam_day
from diembao.errors import DiembaoError
from diembao.settings import Settings, read_settings
from diembao.state import BriefingRecord, Progress, Run, State
from flows import backoff, stages
from flows.briefing import morning_briefing
from flows.report import monthly_report, weekly_report
from flows.running import alone, show, tell_why

GRACE = timedelta(minutes=15)
"""So long after its time something counts as missed: its own run may still be going on."""
DIGEST_LATEST = timedelta(hours=10)
"""A briefing that is later than this is not sent any more; what it would have said is in the next one."""
REPORT_LATEST = {"weekly": timedelta(days=4), "monthly": timedelta(days=10)}
REPORT_TIMES = {"weekly": time(7, 0), "monthly": time(7, 15)}
"""When reports are sent, on Monday and on the first of the month, in Vietnam's time."""


@dataclass(frozen=True)
class Missed:
    """What should have gone out: the name of its flow, and when (aware UTC)."""

    flow: str
    due: datetime


def missed(settings: Settings, state: State, now: datetime) -> list[Missed]:
    """What should have gone out at `now` and did not. An installation that was not there yet missed nothing. Raises StateError."""
    office = settings.office
    found = []
    today = vietnam_day(now)
    with state.session() as session:
        first = session.query(Run.started_at).order_by(Run.started_at).limit(1).scalar()
        if first is None:
            return []
        hour, minute = map(int, office.briefing.at.split(":"))
        due = start_of_day(today) + timedelta(hours=hour, minutes=minute)
        if today.isoweekday() in office.briefing.days and first < due and GRACE <= now - due < DIGEST_LATEST:
            record = session.get(BriefingRecord, today.isoformat())
            if record is None or record.sent_at is None:
                found.append(Missed("digest", due))
        for kind in KINDS:
            period = last_complete(kind, now)
            due = datetime.combine(period.after, REPORT_TIMES[kind], tzinfo=VIETNAM)
            done = session.get(Progress, stages.report_work(kind))
            is_done = done is not None and done.target == period.key
            if not is_done and first < period.end and GRACE <= now - due < REPORT_LATEST[kind]:
                found.append(Missed(f"{kind}-report", due))
    return found


@flow(name="catch-up", description="gửi muộn những gì đã lỡ, một lần", on_failure=[tell_why], on_crashed=[tell_why])
def catch_up(at: datetime | None = None) -> dict[str, Any]:
    """Run the flows that were missed; one that fails again and again is tried less often.

    Args:
        at: the moment, aware; default: now.

    Returns:
        `{"missed": names of the flows, "left_out": why one was not tried}`.

    Raises:
        DiembaoError: the first failure of a flow, after the others were tried.
    """
    settings, now = read_settings(), at or utc_now()
    runs: dict[str, Callable[..., Any]] = {
        "digest": morning_briefing, "weekly-report": weekly_report, "monthly-report": monthly_report,
    }  # fmt: skip
    left_out: list[str] = []
    failures: list[Exception] = []
    with alone(settings, "catch-up"):
        state = State(settings.database)
        try:
            found = missed(settings, state, now)
            for one in found:
                if wait := backoff.waiting(state, one.flow, now):
                    left_out.append(str(wait))
                    continue
                try:
                    runs[one.flow](at=now)
                except DiembaoError as error:
                    backoff.failed(state, one.flow, now, error)
                    failures.append(error)
                else:
                    backoff.worked(state, one.flow)
        finally:
            state.close()
    show("catch-up", "; ".join([*(one.flow for one in found), *left_out]) or "nothing was missed")
    if failures:
        raise failures[0]
    return {"missed": [one.flow for one in found], "left_out": left_out}
