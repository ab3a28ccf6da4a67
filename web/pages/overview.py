"""The overview: what happened since yesterday, beside what is usual. Each number leads to exactly the articles that it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from alerts.briefing import kept
from alerts.coverage import story_key
from alerts.source_trouble import NOT_COLLECTED, Trouble, read_troubles
from alerts.usual import Expectation, Part, Usual, Verdict
from diembao.article import Article
from diembao.clock import start_of_day, to_utc, vietnam_day
from diembao.engine import CountBucket, Filters, SearchRequest, StorySize
from diembao.state import AlertRecord
from diembao.taxonomy import Taxonomy
from web.alert_log import open_alerts
from web.desk import Desk, desk_of
from web.searching.addresses import SearchAddress, day_parameter
from web.searching.chart import Chart, count_coverage, draw, local_time
from web.stories.lead import lead_of
from web.texts import Texts
from web.usual_now import UsualNow

LONGEST = timedelta(days=14)
"""Further back the overview does not look; the search does."""
CHART_DAYS = 14
GROWING = 6
CRITICAL = 5
ALERTS = 5
TROUBLES = 4
_CANDIDATES = 60
_DAY = timedelta(days=1)
_ALL, _REST, _BLAME = "*", "", "!"

router = APIRouter(include_in_schema=False)

Since = Literal["day", "today", "yesterday", "moment"]


@dataclass(frozen=True)
class Window:
    """What the overview tells of.

    Attributes:
        kind: how it was chosen.
        begin, end: aware UTC, whole minutes; `end` is exclusive.
        problem: key of the text that says why another beginning than the asked one was taken; empty: none.
    """

    kind: Since
    begin: datetime
    end: datetime
    problem: str = ""

    def address(self, **narrowed: object) -> SearchAddress:
        """The search for articles of the window; copies one by one, as they are counted."""
        return SearchAddress(from_=local_time(self.begin), to=local_time(self.end), sort="time", copies=True).changed(**narrowed)


@dataclass(frozen=True)
class Counted:
    """A number, where its articles are, and what was to be expected of it (None: not known)."""

    n: int
    href: str
    usual: Expectation | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether it is out of the ordinary."""
        return self.usual.verdict(self.n) if self.usual else "unknown"


@dataclass(frozen=True)
class Row:
    """The coverage of one field.

    Attributes:
        code: of the field; "*" is everything, "" what is in none of the fields.
        name: for people.
        total, negative: articles and negative ones.
    """

    code: str
    name: str
    total: Counted
    negative: Counted

    @property
    def share(self) -> float | None:
        """Share of negative articles; None without any."""
        return self.negative.n / self.total.n if self.total.n else None

    @property
    def usual_share(self) -> float | None:
        """The usual share; None: not known, or usually there are too few articles for one."""
        total, negative = self.total.usual, self.negative.usual
        return min(1.0, negative.expected / total.expected) if total and negative and total.expected >= 1 else None


@dataclass(frozen=True)
class Growing:
    """A story that more was written about than the day before.

    Attributes:
        size: how much of it there is, split at the beginning of the last 24 hours.
        lead: its first article.
        recent, before: articles of the last 24 hours and of the 24 hours before.
    """

    size: StorySize
    lead: Article
    recent: Counted
    before: Counted


@dataclass(frozen=True)
class Criticism:
    """A story in which an authority was criticised in the window.

    Attributes:
        lead: the latest of its critical articles.
        articles: its critical articles of the window; None: it is in no story.
        is_new: there was no criticism in it before the window.
    """

    lead: Article
    articles: Counted | None
    is_new: bool


@dataclass(frozen=True)
class Briefing:
    """How today's briefing stands: `state` is none, compiled, edited or sent; `at` when that was; `chosen` how many stories."""

    state: Literal["none", "compiled", "edited", "sent"]
    at: datetime | None = None
    chosen: int = 0


@router.get("/")
def overview(request: Request, since: str = "", here: str = "") -> HTMLResponse:
    """What happened since yesterday, since a moment, or today; with `here` in the office's province only."""
    desk = desk_of(request)
    texts = desk.texts(request)
    window = read_window(since, texts.now)
    province = desk.settings.office.province
    narrowed = (province,) if here and province else ()
    parts = parts_of(desk.settings.taxonomy, narrowed)
    counts = {part: _count(desk, asked, window) for part, asked in parts.items()}
    usual = _usual_now(request).ask(desk, parts, LONGEST, texts.now)
    rows = _rows(desk.settings.taxonomy, texts, window, narrowed, counts, usual)
    troubles = read_troubles(desk.state, texts.now, desk.source_names)
    with desk.state.session() as session:
        alerts = session.scalar(select(func.count()).select_from(AlertRecord).where(AlertRecord.state == "open")) or 0
    growing = _growing(desk, window, narrowed)
    critical = _critical(desk, window, narrowed)
    return desk.page(
        request,
        "overview.html",
        window=window,
        here=bool(narrowed),
        province=province,
        choices=_choices(window, texts, here=bool(narrowed)),
        everything=rows[0],
        rows=rows[1:],
        is_known=any(row.total.usual for row in rows),
        learning_since=usual.since if usual.starts else None,
        blame=_blame(window, narrowed, counts[_BLAME], usual),
        blame_here=_blame(window, (province,), _count(desk, _in_province(parts[_BLAME], province), window), None)
        if province and not narrowed
        else None,
        critical=critical,
        growing=growing,
        alerts=open_alerts(desk.state, ALERTS),
        open_alerts=alerts,
        troubles=troubles,
        nothing_collected=next((trouble for trouble in troubles if trouble.source == NOT_COLLECTED), None),
        shown_troubles=_shown(troubles),
        briefing=_briefing(desk, texts.now),
        chart=_chart(desk, narrowed, texts),
        is_empty=not any(count[0] for count in counts.values()) and desk.engine.status().articles == 0,
        now=texts.now,
        local_time=local_time,
        here_href=lambda here: _href(since, here=here),
    )


def read_window(since: str, now: datetime) -> Window:
    """The window that `since` asks for: empty the last 24 hours, "today", "yesterday", or a local moment ("2026-11-19T16:40").

    >>> from datetime import UTC
    >>> read_window("today", datetime(2026, 11, 20, 8, 0, 30, tzinfo=UTC)).begin.isoformat()
    '2026-11-19T17:00:00+00:00'
    """
    end = now.replace(second=0, microsecond=0)
    today = start_of_day(vietnam_day(now))
    day = Window("day", end - _DAY, end)
    if since in ("today", "yesterday"):
        begin = today if since == "today" else start_of_day(vietnam_day(now) - _DAY)
        return Window("today" if since == "today" else "yesterday", begin, end) if begin < end else day
    if not since:
        return day
    try:
        begin = to_utc(datetime.fromisoformat(since)).replace(second=0, microsecond=0)
    except (ValueError, OverflowError):
        return replace(day, problem="overview.problem.moment")
    if begin >= end:
        return replace(day, problem="overview.problem.later")
    if end - begin > LONGEST:
        return Window("moment", end - LONGEST, end, "overview.problem.longest")
    return Window("moment", begin, end)


def parts_of(taxonomy: Taxonomy, places: tuple[str, ...] = ()) -> dict[str, Part]:
    """What is counted: everything, each field, what is in none of them, and criticism of authorities."""
    in_fields = list(dict.fromkeys(topic for entry in taxonomy.fields.values() for topic in entry.topics))
    parts = {_ALL: Part("", Filters(places=places))}
    parts |= {code: Part("", Filters(topics=entry.topics, places=places)) for code, entry in taxonomy.fields.items() if entry.topics}
    if in_fields:
        parts[_REST] = Part(_not_in(in_fields), Filters(places=places))
    parts[_BLAME] = Part("", Filters(critical_of=("authority",), places=places))
    return parts


def _not_in(topics: Sequence[str]) -> str:
    return f"NOT topic:({' OR '.join(topics)})"


def _in_province(part: Part, province: str) -> Part:
    return Part(part.query, replace(part.filters, places=(province,)))


def _count(desk: Desk, part: Part, window: Window) -> tuple[int, int]:
    """Articles and negative ones of the window."""
    filters = replace(part.filters, published_from=window.begin, published_to=window.end)
    buckets: list[CountBucket] = desk.engine.count(part.query, filters, "day")
    return sum(bucket.total for bucket in buckets), sum(bucket.negative for bucket in buckets)


def _usual_now(request: Request) -> UsualNow:
    """What is usual, of the application; made with the first question."""
    state = request.app.state
    if not hasattr(state, "usual_now"):
        state.usual_now = UsualNow()
    found: UsualNow = state.usual_now
    return found


def _rows(
    taxonomy: Taxonomy, texts: Texts, window: Window, places: tuple[str, ...], counts: Mapping[str, tuple[int, int]], usual: Usual
) -> list[Row]:
    """Everything, then each field in the taxonomy's order, then the rest."""
    addresses = {_ALL: (texts("overview.everything"), window.address(place=places))}
    for code, entry in taxonomy.fields.items():
        addresses[code] = entry.name.in_language(texts.language), window.address(topic=entry.topics, place=places)
    if _REST in counts:
        in_fields = list(dict.fromkeys(topic for entry in taxonomy.fields.values() for topic in entry.topics))
        addresses[_REST] = texts("overview.rest"), window.address(q=_not_in(in_fields), place=places)
    rows = []
    for code, (name, address) in addresses.items():
        if code not in counts:
            continue
        total, negative = counts[code]
        rows.append(
            Row(
                code,
                name,
                Counted(total, address.href(), usual.of(code, window.begin, window.end)),
                Counted(
                    negative,
                    address.changed(sentiment=("negative",)).href(),
                    usual.of(code, window.begin, window.end, negative=True),
                ),
            )
        )
    return rows


def _blame(window: Window, places: tuple[str, ...], count: tuple[int, int], usual: Usual | None) -> Counted:
    address = window.address(critical_of=("authority",), place=places)
    return Counted(count[0], address.href(), usual.of(_BLAME, window.begin, window.end) if usual else None)


def _growing(desk: Desk, window: Window, places: tuple[str, ...]) -> list[Growing]:
    """The stories of several outlets of which more was written in the last 24 hours than in those before, the fastest first."""
    end = window.end
    since, begin = end - _DAY, end - 2 * _DAY
    filters = Filters(published_from=begin, published_to=end, places=places)
    sizes = desk.engine.story_sizes("", filters, since, "recent", 2, _CANDIDATES)
    grown = [size for size in sizes if size.recent_outlets > 1 and size.recent > size.articles - size.recent]
    grown.sort(key=lambda size: (size.articles - 2 * size.recent, -size.recent_outlets, size.story))
    found = []
    for size in grown[:GROWING]:
        lead = lead_of(desk.engine, size.story)
        if lead is not None:
            of_story = SearchAddress(story=size.story, place=places, sort="time", copies=True)
            recent = Counted(size.recent, of_story.changed(from_=local_time(since), to=local_time(end)).href())
            before = Counted(size.articles - size.recent, of_story.changed(from_=local_time(begin), to=local_time(since)).href())
            found.append(Growing(size, lead, recent, before))
    return found


def _critical(desk: Desk, window: Window, places: tuple[str, ...]) -> list[Criticism]:
    """The latest stories with criticism of an authority; new is one that had none before the window."""
    filters = Filters(critical_of=("authority",), places=places)
    within = replace(filters, published_from=window.begin, published_to=window.end)
    request = SearchRequest(
        "", within, fold_copies=False, sort="time", limit=CRITICAL, facets=False, highlight=False, group_by="story"
    )  # fmt: skip
    hits = desk.engine.search(request).hits
    stories = [story_key(hit.article) for hit in hits]
    before = desk.engine.seen_before("", filters, window.begin, stories, "stories") if stories else set()
    blamed = window.address(critical_of=("authority",), place=places)
    return [
        Criticism(
            hit.article,
            Counted(hit.articles, blamed.changed(story=hit.article.story_id).href()) if hit.article.story_id else None,
            story not in before,
        )
        for hit, story in zip(hits, stories, strict=True)
    ]


def _shown(troubles: Sequence[Trouble]) -> list[Trouble]:
    return [trouble for trouble in troubles if trouble.source != NOT_COLLECTED][:TROUBLES]


def _briefing(desk: Desk, now: datetime) -> Briefing:
    draft = kept.read(desk.state, vietnam_day(now), desk.settings.office, desk.settings.taxonomy)
    if draft is None:
        return Briefing("none")
    if draft.sent_at is not None:
        return Briefing("sent", draft.sent_at, len(draft.chosen))
    return Briefing("edited" if draft.edited_at else "compiled", draft.edited_at or draft.end, len(draft.chosen))


def _chart(desk: Desk, places: tuple[str, ...], texts: Texts) -> Chart | None:
    """The coverage of two weeks by the day."""
    since = texts.now - (CHART_DAYS - 1) * _DAY
    recent = SearchAddress(from_=day_parameter(since), to=day_parameter(texts.now), place=places, sort="time", copies=True)
    interval, buckets = count_coverage(desk.engine, recent, texts.now)
    return draw(interval, buckets, recent, texts)


@dataclass(frozen=True)
class Choice:
    """Another window: what it is called, its address, whether it is shown now."""

    text: str
    href: str
    chosen: bool


def _choices(window: Window, texts: Texts, *, here: bool) -> list[Choice]:
    known: tuple[tuple[Since, str, str], ...] = (
        ("day", "", "overview.since.day"),
        ("today", "today", "overview.since.today"),
        ("yesterday", "yesterday", "overview.since.yesterday"),
    )
    found = [Choice(texts(key), _href(since, here=here), window.kind == kind) for kind, since, key in known]
    if window.kind == "moment":
        asked = _href(local_time(window.begin), here=here)
        found.append(Choice(texts("overview.since.moment", when=texts.time(window.begin)), asked, chosen=True))
    return found


def _href(since: str, *, here: bool) -> str:
    query = urlencode([*([("since", since)] if since else []), *([("here", "1")] if here else [])])
    return f"/?{query}" if query else "/"
