"""The Prefect flows `weekly-report` and `monthly-report`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from alerts.report.period import Kind
from diembao.clock import utc_now
from diembao.settings import read_settings
from flows import stages
from flows.running import alone, opened, show, tell_why


def _send(kind: Kind, at: datetime | None) -> dict[str, Any]:
    settings, now = read_settings(), at or utc_now()
    with alone(settings, "report"), opened(settings) as (state, engine):
        done = stages.report(settings, state, engine, kind, now)
    show(f"{kind}-report", f"{done['period']}: {done['articles']} articles, {done['queued']} mails new, {done['waiting']} wait")
    return done


@flow(name="weekly-report", description="báo cáo tuần", retries=2, retry_delay_seconds=300, on_failure=[tell_why], on_crashed=[tell_why])
def weekly_report(at: datetime | None = None) -> dict[str, Any]:
    """Mail the report of the last complete week; once per week and recipient.

    Args:
        at: the moment, aware; default: now.

    Returns:
        `{"period", "articles", "queued", "sent", "waiting"}`.
    """
    return _send("weekly", at)


@flow(
    name="monthly-report",
    description="báo cáo tháng",
    retries=2,
    retry_delay_seconds=300,
    on_failure=[tell_why],
    on_crashed=[tell_why],
)
def monthly_report(at: datetime | None = None) -> dict[str, Any]:
    """Mail the report of the last complete month; once per month and recipient.

    Args:
        at: the moment, aware; default: now.

    Returns:
        `{"period", "articles", "queued", "sent", "waiting"}`.
    """
    return _send("monthly", at)
