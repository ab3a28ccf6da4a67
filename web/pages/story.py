"""Stories: the list of a period, and the page of one with everything that is known of how it spread; joining and splitting them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from alerts.briefing import kept
from alerts.briefing.kept import Answer, ConflictError, StoryAnswer
from alerts.briefing.words import STATUSES, Labels, Status
from diembao.alert import Alert
from diembao.article import Article
from diembao.clock import start_of_day, vietnam_day
from diembao.corrections import apart
from diembao.engine import Filters, StoryOrder, StorySize
from diembao.errors import UsageError
from nlp.stories import Telling, likeness
from web.accounts.actor import actor_of
from web.alert_log import all_alerts
from web.articles.deeds import ConflictsError, KeptDeed, give_corrections, read_deed
from web.desk import Desk, desk_of
from web.searching.addresses import SearchAddress, day_parameter
from web.searching.chart import choose_interval, count_coverage, draw, local_time
from web.stories.changes import MOST, changes_of, members_of, named_in, size_of, story_now, wishes_to_join, wishes_to_split
from web.stories.lead import lead_of
from web.stories.view import SPREAD_HOURS, StoryView, moment_of, view_of
from web.texts import Texts

LONGEST_ID = 520
PERIODS = (1, 3, 7, 30)
"""Days that the list can be of."""
USUAL_PERIOD = 3
ROWS = 30
_CANDIDATES = 1000
_FEWEST_FOR_SHARE = 3
_DAY = timedelta(days=1)
_NEAR = timedelta(days=3)
_LIKELY = 0.2
"""From this likeness on a story is offered; linking joins by itself from `nlp.stories.NEAR` on."""
_ALIKE = 60
_OFFERED = 5

Sort = Literal["growth", "size", "negative"]
SORTS: tuple[Sort, ...] = ("growth", "size", "negative")
Text = Annotated[str, Form(max_length=4000)]
Ids = Annotated[list[Annotated[str, Form(max_length=LONGEST_ID)]] | None, Form()]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Row:
    """A story of the list.

    Attributes:
        size: how much of it lies in the period, and of that in the last 24 hours.
        lead: the article that names it.
        href, recent_href, negative_href: the searches for its articles of the period, of the last 24 hours, and the negative ones.
    """

    size: StorySize
    lead: Article
    href: str
    recent_href: str
    negative_href: str


@dataclass(frozen=True)
class Offer:
    """Another story that may be the same event."""

    story: str
    lead: Article


@dataclass(frozen=True)
class Unsaved:
    """What somebody sent that could not be done: the problem, and of the response what was sent."""

    problem: str
    answer: Answer | None = None
    is_conflict: bool = False


@router.get("/stories")
def stories(request: Request, sort: str = "growth", days: str = "", here: str = "", page: str = "") -> HTMLResponse:
    """The stories of a period, by growth, size or negative share."""
    desk = desk_of(request)
    now = desk.clock()
    order: Sort = next((known for known in SORTS if known == sort), "growth")
    period = next((known for known in PERIODS if str(known) == days), USUAL_PERIOD)
    province = desk.settings.office.province
    places = (province,) if here and province else ()
    begin, end = start_of_day(vietnam_day(now) - (period - 1) * _DAY), now.replace(second=0, microsecond=0)
    since = max(begin, end - _DAY)
    filters = Filters(published_from=begin, published_to=end, places=places)
    # Of what grows, a single new article may belong to an older story.
    by: StoryOrder
    by, least = ("recent", 1) if order == "growth" else ("articles", 2)
    sizes = desk.engine.story_sizes("", filters, since, by, least, _CANDIDATES) if begin < end else []
    ranked = ranked_by(order, sizes)
    number = max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 5 else 1
    shown = ranked[(number - 1) * ROWS : number * ROWS]
    rows = [row for size in shown if (row := _row(desk, size, places, (begin, since, end))) is not None]

    def href(**changes: str | int | bool) -> str:
        said = {"sort": order, "days": period, "here": bool(places), "page": 1, **changes}
        query = [(name, "1" if value is True else str(value)) for name, value in said.items() if value and (name, value) != ("page", 1)]
        return f"/stories?{urlencode(query)}"

    return desk.page(
        request,
        "stories.html",
        rows=rows,
        total=len(ranked),
        is_cut=len(sizes) == _CANDIDATES,
        sort=order,
        sorts=[(known, href(sort=known)) for known in SORTS],
        periods=[(known, href(days=known), known == period) for known in PERIODS],
        province=province,
        here=bool(places),
        everywhere_href=href(here=False),
        here_href=href(here=True),
        previous_href=href(page=number - 1) if number > 1 else None,
        next_href=href(page=number + 1) if len(ranked) > number * ROWS else None,
    )


def ranked_by(order: Sort, sizes: Sequence[StorySize]) -> list[StorySize]:
    """The stories in their order; for the negative share only those with enough articles for one."""
    if order == "growth":
        return sorted(
            (size for size in sizes if size.articles > 1), key=lambda size: (-size.joined, -size.recent, -size.articles, size.story)
        )
    if order == "size":
        return sorted(sizes, key=lambda size: (-size.articles, -size.outlets, size.story))
    enough = [size for size in sizes if size.articles >= _FEWEST_FOR_SHARE and size.negative]
    return sorted(enough, key=lambda size: (-size.negative / size.articles, -size.negative, size.story))


def _row(desk: Desk, size: StorySize, places: tuple[str, ...], times: tuple[datetime, datetime, datetime]) -> Row | None:
    """A story's row; None when it went away meanwhile."""
    named = desk.engine.get(size.story)
    lead = named if named is not None and named.story_id == size.story else lead_of(desk.engine, size.story)
    if lead is None:
        return None
    begin, since, end = times
    address = SearchAddress(from_=local_time(begin), to=local_time(end), story=size.story, place=places, sort="time", copies=True)
    recent, negative = address.changed(from_=local_time(since)), address.changed(sentiment=("negative",))
    return Row(size, lead, address.href(), recent.href(), negative.href())


@router.get("/stories/{story_id}")
def story(request: Request, story_id: str, deed: str = "") -> Response:
    """A story; one that was joined with another leads there."""
    desk = desk_of(request)
    found = _found(desk, story_id)
    if isinstance(found, RedirectResponse):
        return found
    return _show(request, found, deed=deed)


@router.post("/stories/{story_id}/merge")
def merge(request: Request, story_id: str, other: Text = "", note: Text = "") -> Response:
    """Take the articles of another story into this one."""
    desk = desk_of(request)
    texts = desk.texts(request)
    found = _found(desk, story_id)
    if isinstance(found, RedirectResponse):
        return _problem(request, found, texts("story.problem.moved"))
    try:
        others = _others(desk, named_in(other), found.id, texts)
        into = _earliest_first(members_of(desk.engine, found.id, irrelevant=True)[1]) or list(found.articles)
        wishes = wishes_to_join(desk.state, into, others)
        deed = give_corrections(desk, wishes, actor_of(request).who, note.strip(), "merge", as_one=True)
    except ConflictsError as error:
        return _show(request, found, Unsaved(texts("story.problem.conflict", who=error.conflicts[0].by)), 409)
    except UsageError as error:
        return _show(request, found, Unsaved(error.message), 422)
    return _back(found.id, deed)


@router.post("/stories/{story_id}/split")
def split(request: Request, story_id: str, article: Ids = None, note: Text = "") -> Response:
    """Make the chosen articles a story of their own."""
    desk = desk_of(request)
    texts = desk.texts(request)
    found = _found(desk, story_id)
    if isinstance(found, RedirectResponse):
        return _problem(request, found, texts("story.problem.moved"))
    chosen = set(article or ())
    members = _earliest_first(members_of(desk.engine, found.id, irrelevant=True)[1])
    if chosen - {one.id for one in members}:
        return _show(request, found, Unsaved(texts("story.problem.gone")), 409)
    try:
        wishes = wishes_to_split(desk.state, members, chosen)
        deed = give_corrections(desk, wishes, actor_of(request).who, note.strip(), as_one=True)
    except ConflictsError as error:
        return _show(request, found, Unsaved(texts("story.problem.conflict", who=error.conflicts[0].by)), 409)
    except UsageError as error:
        return _show(request, found, Unsaved(error.message), 422)
    return _back(found.id, deed)


@router.post("/stories/{story_id}/response")
def respond(
    request: Request,
    story_id: str,
    version: Annotated[int, Form()],
    seen: Text = "",
    status: Text = "new",
    department: Text = "",
    link: Text = "",
    note: Text = "",
) -> Response:
    """Keep what the office did about the story; the briefing shows the same."""
    desk = desk_of(request)
    texts = desk.texts(request)
    found = _found(desk, story_id)
    if isinstance(found, RedirectResponse):
        return _problem(request, found, texts("story.problem.moved"))
    named: Status = next((known for known in STATUSES if known == status), "new")
    answer = Answer(named, department, link, note.replace("\r\n", "\n"))
    try:
        kept.save_answer(desk.state, found.id, (answer, seen, version), actor_of(request).who, desk.clock())
    except ConflictError as error:
        who = error.by or texts("briefing.somebody")
        return _show(request, found, Unsaved(texts("story.problem.conflict", who=who), answer, is_conflict=True), 409)
    except UsageError as error:
        return _show(request, found, Unsaved(error.message, answer), 422)
    return RedirectResponse(f"{_href(found.id)}#response", 303)


def _found(desk: Desk, story_id: str) -> StoryView | RedirectResponse:
    """The story, or where it is now. Raises HTTPException 404."""
    if len(story_id) > LONGEST_ID:
        raise HTTPException(404)
    _, members = members_of(desk.engine, story_id)
    if not members:
        now = story_now(desk.engine, story_id)
        if now is None:
            raise HTTPException(404)
        if now != story_id:
            return RedirectResponse(_href(now), 307)
        _, members = members_of(desk.engine, story_id, irrelevant=True)
        alone = desk.engine.get(story_id)
        members = members or ([alone] if alone else [])
        if not members:
            raise HTTPException(404)
    return view_of(story_id, members)


def _others(desk: Desk, other: str, story_id: str, texts: Texts) -> list[Article]:
    """The articles of the story that is to be joined, the earliest first. Raises UsageError."""
    if not other or len(other) > LONGEST_ID:
        raise UsageError(texts("story.problem.none"))
    total, members = members_of(desk.engine, other, irrelevant=True)
    if not members:
        now = story_now(desk.engine, other)
        if now is None:
            raise UsageError(texts("story.problem.none"))
        total, members = members_of(desk.engine, now, irrelevant=True)
        alone = desk.engine.get(other)
        members = members or ([alone] if alone else [])
        other = now
    if other == story_id or not members:
        raise UsageError(texts("story.problem.same"))
    if total > MOST:
        raise UsageError(texts("story.problem.large", n=texts.number(MOST)))
    return _earliest_first(members)


def _earliest_first(articles: Sequence[Article]) -> list[Article]:
    return list(view_of("", articles).articles) if articles else []


def _show(request: Request, found: StoryView, unsaved: Unsaved | None = None, status: int = 200, deed: str = "") -> HTMLResponse:
    desk = desk_of(request)
    texts = desk.texts(request)
    address = SearchAddress(story=found.id, sort="time", copies=True)
    charted = _charted(found, address)
    interval, buckets = count_coverage(desk.engine, charted, texts.now)
    ids = {article.id for article in found.articles}
    answer = _answer(desk, found)
    total = max(size_of(desk.engine, found.id), len(found.articles))
    return desk.page(
        request,
        "story.html",
        status,
        place_names=found.place_names,
        story=found,
        story_search=address,
        total=total,
        is_cut=total > len(found.articles),
        chart=draw(interval, buckets, charted, texts) if len(buckets) > 1 else None,
        spread_hrefs=_spread_hrefs(found, address),
        alerts=_alerts(desk, found),
        changes=changes_of(desk.state, found.id, ids),
        deed=_deed(desk, deed, ids),
        offers=_offers(desk, found) if actor_of(request).can("editor") else [],
        answer=unsaved.answer if unsaved and unsaved.answer else (answer.answer if answer else Answer()),
        kept_answer=answer,
        seen=answer.answer.digest if answer else Answer().digest,
        answer_version=answer.version if answer and answer.story == found.id else 0,
        statuses=STATUSES,
        b=Labels(texts.language),
        departments=_departments(desk),
        unsaved=unsaved,
        moment_of=moment_of,
    )


def _charted(found: StoryView, address: SearchAddress) -> SearchAddress:
    """The search whose chart is that of the story's own time: by the hour where it is short."""
    dated = [article.published_at for article in found.articles if article.published_at is not None]
    if not dated:
        return address
    begin, end = min(dated).replace(minute=0), max(dated).replace(minute=0) + timedelta(hours=1)
    if choose_interval(begin, end) == "hour":
        return address.changed(from_=local_time(begin), to=local_time(end))
    return address.changed(from_=day_parameter(begin), to=day_parameter(max(dated)))


def _spread_hrefs(found: StoryView, address: SearchAddress) -> dict[int, str]:
    """The searches for what was published within the first hours; to the minute, as addresses are."""
    if found.begin is None:
        return {}
    begin = found.begin.replace(second=0, microsecond=0)
    return {hours: address.changed(from_=local_time(begin), to=local_time(begin + timedelta(hours=hours))).href() for hours in SPREAD_HOURS}


def _answer(desk: Desk, found: StoryView) -> StoryAnswer | None:
    """The response; of a story that was joined into this one where it has none of its own."""
    stories = dict.fromkeys([found.id, *(name for article in found.articles for name in (article.id, apart(article.id)))])
    return kept.answer_to(desk.state, list(stories))


def _alerts(desk: Desk, found: StoryView) -> list[Alert]:
    """The alerts that tell of this story: about it as a whole, or with one of its articles behind them."""
    ids = {article.id for article in found.articles}
    named = {found.id, *ids}
    return [alert for alert in all_alerts(desk.state) if alert.series in named or any(story.article_id in ids for story in alert.evidence)]


def _deed(desk: Desk, deed_id: str, ids: set[str]) -> tuple[KeptDeed, str] | None:
    """What was just done, and an article that it took elsewhere (empty: it brought some here)."""
    deed = read_deed(desk, deed_id)
    if deed is None or deed.done.field != "story_id" or deed.undone_at is not None:
        return None
    return deed, next((article for article in deed.done.articles if article not in ids), "")


def _offers(desk: Desk, found: StoryView) -> list[Offer]:
    """Other stories with an article that may well be on the event of the first or the last one, at most a few days away."""
    if found.begin is None or found.end is None:
        return []
    offers: dict[str, tuple[float, Article]] = {}
    for article in dict.fromkeys((found.articles[0].id, found.articles[-1].id)):
        asked = next(one for one in found.articles if one.id == article)
        for other in desk.engine.story_candidates(asked, found.begin - _NEAR, found.end + _NEAR, _ALIKE):
            if other.story_id and other.story_id != found.id:
                sure = likeness(Telling.of(asked), Telling.of(other))
                if sure >= _LIKELY and sure > offers.get(other.story_id, (0.0,))[0]:
                    offers[other.story_id] = sure, other
    best = sorted(offers.items(), key=lambda offer: (-offer[1][0], offer[0]))
    return [Offer(story, lead) for story, (_, lead) in best[:_OFFERED]]


def _departments(desk: Desk) -> list[str]:
    named = [department.name for department in desk.settings.office.departments]
    return list(dict.fromkeys([*named, *(field.department for field in desk.settings.taxonomy.fields.values() if field.department)]))


def _problem(request: Request, moved: RedirectResponse, problem: str) -> Response:
    """The story was joined with another meanwhile: its page there, and that nothing was done."""
    desk = desk_of(request)
    where = named_in(moved.headers["location"])
    found = _found(desk, where)
    if isinstance(found, RedirectResponse):
        raise HTTPException(404)
    return _show(request, found, Unsaved(problem), 409)


def _href(story_id: str) -> str:
    return f"/stories/{quote(story_id, safe='')}"


def _back(story_id: str, deed: str) -> RedirectResponse:
    return RedirectResponse(f"{_href(story_id)}?deed={quote(deed, safe='')}" if deed else _href(story_id), 303)
