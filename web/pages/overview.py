"""The overview: what is new since yesterday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from diembao.clock import start_of_day, vietnam_day
from diembao.engine import SearchEngine
from web.addresses import SearchAddress, day_parameter
from web.alert_log import open_alerts
from web.chart import count_coverage, draw
from web.desk import desk_of
from web.texts import Texts

LATEST = 20
DAYS = 14

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(request: Request) -> HTMLResponse:
    """What is new: open alerts, the coverage of two weeks, the latest articles."""
    desk = desk_of(request)
    texts = desk.texts(request)
    since = texts.now - timedelta(days=DAYS - 1)
    recent = SearchAddress(from_=day_parameter(since), to=day_parameter(texts.now), sort="time")
    hits = desk.engine.search(recent.request(LATEST, texts.now, facets=False)).hits
    counted = recent.changed(copies=True)
    interval, buckets = count_coverage(desk.engine, counted, texts.now)
    return desk.page(
        request,
        "overview.html",
        place_names={place.code: place.name for hit in hits for place in hit.article.places},
        alerts=open_alerts(desk.state),
        since_yesterday=_since_yesterday(desk.engine, texts),
        chart=draw(interval, buckets, counted, texts),
        recent=recent,
        hits=hits,
    )


@dataclass(frozen=True)
class Today:
    """Coverage of today so far and of yesterday (Vietnam): articles, negative ones, and the searches that show them."""

    today: int
    today_negative: int
    yesterday: int
    yesterday_negative: int
    today_href: str
    today_negative_href: str
    yesterday_href: str
    yesterday_negative_href: str


def _since_yesterday(engine: SearchEngine, texts: Texts) -> Today:
    today = vietnam_day(texts.now)
    yesterday = today - timedelta(days=1)

    def of(day: str, sentiment: tuple[str, ...] = ()) -> SearchAddress:
        return SearchAddress(from_=day, to=day, sentiment=sentiment, sort="time", copies=True)

    def count(begin: SearchAddress) -> tuple[int, int]:
        buckets = engine.count("", begin.filters(), "day")
        return sum(bucket.total for bucket in buckets), sum(bucket.negative for bucket in buckets)

    now, before = of(today.isoformat()), of(day_parameter(start_of_day(yesterday)))
    (total, negative), (total_before, negative_before) = count(now), count(before)
    return Today(
        total,
        negative,
        total_before,
        negative_before,
        now.href(),
        of(now.from_, ("negative",)).href(),
        before.href(),
        of(before.from_, ("negative",)).href(),
    )
