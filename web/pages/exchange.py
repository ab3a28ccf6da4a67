"""What other systems of the province exchange with the desk as JSON: alerts out, citizens' feedback in."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from crawlers.runs import PageFate, RunWriter, new_run_id
from diembao import audit
from diembao.article import Article
from diembao.errors import InputError, UsageError
from index.feedback import columns_for, feedback_article
from web.accounts.actor import actor_of
from web.accounts.key_header import Key
from web.alert_log import MOST_ALERTS, all_alerts
from web.desk import desk_of

router = APIRouter(prefix="/api", tags=["exchange"], dependencies=[Key])

MOST_RECORDS = 1_000
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


class Feedback(BaseModel):
    """Records of the citizens' feedback line.

    Attributes:
        source: id of the source that the records are kept under.
        records: objects with the columns that `diembao import` knows (number, title, body, date, section, address, url, or their
            usual Vietnamese names); every other column, such as the sender's name, is passed over and kept nowhere.
    """

    model_config = ConfigDict(extra="forbid")

    source: str = "hotline"
    records: list[dict[str, Any]]


@router.get("/alerts")
def alerts(
    request: Request,
    state: Annotated[Literal["open", "closed"] | None, Query(description="none: both, the open ones first")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ALERTS)] = 50,
) -> JSONResponse:
    """The alerts with what was observed and expected, and the articles behind them."""
    desk = desk_of(request)
    base = desk.settings.office.base_url.rstrip("/")
    found = [alert for alert in all_alerts(desk.state) if state is None or alert.state == state][:limit]
    return JSONResponse({"alerts": [{**alert.model_dump(mode="json"), "link": f"{base}/alerts/{alert.id}"} for alert in found]})


@router.post("/feedback", status_code=202)
def bring_in(request: Request, sent: Annotated[Feedback, Body()]) -> JSONResponse:
    """Take in citizens' feedback; the next round of `monitor` tags and indexes it. A record's number keeps it one record.

    Records that cannot be read are named in the answer, the others are taken. Telephone, identity-card and bank numbers are masked.
    """
    desk, now = desk_of(request), desk_of(request).clock()
    if not _SOURCE.fullmatch(sent.source):
        raise UsageError(f"{sent.source!r} cannot be the id of a source", "Use small letters a-z, digits, - and _")
    if not 0 < len(sent.records) <= MOST_RECORDS:
        raise UsageError(f"{len(sent.records)} records in one call", f"Send 1 to {MOST_RECORDS}")
    known = columns_for(list(dict.fromkeys(key for record in sent.records for key in record)), {})
    taken: list[Article] = []
    rejected = []
    for number, record in enumerate(sent.records, start=1):
        try:
            taken.append(feedback_article(record, known, sent.source, f"record {number}"))
        except InputError as error:
            rejected.append({"record": number, "problem": str(error)})
    run = ""
    if taken:
        writer = RunWriter(desk.settings.runs_folder / new_run_id(now))
        for article in taken:
            writer.write_article(article)
            writer.write_fate(PageFate(article.id, article.url, article.source, None))
        writer.finish({"started_at": now.isoformat(), "problems": []})
        run = writer.folder.name
        with desk.state.session() as session:
            audit.record(session, now, actor_of(request).who, "feedback.take", sent.source, after={"run": run, "records": len(taken)})
    return JSONResponse({"accepted": len(taken), "rejected": rejected, "run": run}, 202 if taken else 422)
