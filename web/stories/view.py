"""What a story's page shows, put together from the story's articles: pure, no engine and no database."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from diembao.article import Article
from diembao.clock import VIETNAM, start_of_day, vietnam_day
from nlp.quotations import quotations

SPREAD_HOURS = (1, 6, 24)
MOST_QUOTES = 8
MOST_NAMED = 8
_READ_FOR_QUOTES, _MOST_SAYINGS = 150, 600
DRAWN = 24
"""Outlets that the drawing has; the table has all."""
ROW = 34
"""Pixels of one outlet in the drawing."""
_DOT = 24
_MOST_TICKS = 6
_STEPS = tuple(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 2160))
_LATEST = datetime.max.replace(tzinfo=UTC)
_DAY = timedelta(days=1)
_LETTERS = re.compile(r"\W+")


@dataclass(frozen=True)
class Told:
    """One text of the story: who had it first, and its reprints.

    Attributes:
        first: the article that shows it.
        copies: the others with the same text, the earliest first.
    """

    first: Article
    copies: tuple[Article, ...] = ()


@dataclass(frozen=True)
class Outlet:
    """What one outlet wrote.

    Attributes:
        source: its id; empty: unknown.
        first: its first article.
        at: when that was.
        behind: how long after the first of all.
        articles, negative: how many it had, and how many of these were negative.
        own: whether any of them is a text of its own.
    """

    source: str
    first: Article
    at: datetime | None
    behind: timedelta
    articles: int
    negative: int
    own: bool


@dataclass(frozen=True)
class Dot:
    """One article in the drawing: per cent from the left, pixels from the top."""

    x: float
    y: int
    tone: str
    is_copy: bool


@dataclass(frozen=True)
class Line:
    """One outlet of the drawing: `y` of its name, `begin` and `end` of what it wrote in per cent."""

    source: str
    y: int
    begin: float
    end: float


@dataclass(frozen=True)
class Drawing:
    """Articles over time, a line for each outlet.

    Attributes:
        lines, dots: see there.
        ticks: (per cent, text) of the times below.
        height: pixels of the lines.
        left_out: outlets that only the table has.
    """

    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    height: int
    left_out: int = 0


@dataclass(frozen=True)
class Quote:
    """What somebody is quoted with.

    Attributes:
        text: the words.
        speaker: as the text names them; empty where it does not.
        article: the first article that has it.
        outlets: how many outlets have it.
    """

    text: str
    speaker: str
    article: Article
    outlets: int


@dataclass(frozen=True)
class Spread:
    """How far the story had come `hours` after its first article: outlets and articles."""

    hours: int
    outlets: int
    articles: int


@dataclass(frozen=True)
class StoryView:
    """A story.

    Attributes:
        id: of the story.
        articles: all of them, the first published first.
        texts: the same, copies under what they are copies of.
        outlets: who wrote, the first first.
        begin, end: when the first and the last were published; None: none of them has a date.
        is_sure_who: whether the first one prints a time, so that it can be told who was first.
        negative: how many are negative.
        topics, places: (code, articles) of the most frequent ones; of places with the name.
        critical: how many criticise an authority.
        spread: after 1, 6 and 24 hours.
        quotes: what is quoted most.
        drawing: None: there is nothing to draw.
    """

    id: str
    articles: tuple[Article, ...]
    texts: tuple[Told, ...]
    outlets: tuple[Outlet, ...]
    begin: datetime | None
    end: datetime | None
    is_sure_who: bool
    negative: int
    critical: int
    topics: tuple[tuple[str, int], ...] = ()
    places: tuple[tuple[str, str, int], ...] = ()
    spread: tuple[Spread, ...] = ()
    quotes: tuple[Quote, ...] = ()
    drawing: Drawing | None = None
    place_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def lead(self) -> Article:
        """The article that names the story: the first published one."""
        return self.texts[0].first


def moment_of(article: Article) -> datetime | None:
    """When the article appeared. One that prints only its day: when it was first seen, if that was on the same day."""
    published, seen = article.published_at, article.first_seen_at
    if published is None:
        return seen
    if article.published_precision == "day" and seen is not None and vietnam_day(seen) == vietnam_day(published):
        return seen
    return published


def view_of(story: str, articles: Sequence[Article]) -> StoryView:
    """The story of `articles`, at least one."""
    ordered = tuple(sorted(articles, key=lambda one: (moment_of(one) or _LATEST, one.copy_of is not None, one.id)))
    dated = [at for one in ordered if (at := moment_of(one)) is not None]
    begin, end = (dated[0], max(dated)) if dated else (None, None)
    outlets, texts = _outlets(ordered, begin), _texts(ordered)
    topics = Counter(topic.code for one in ordered for topic in one.topics)
    names = {place.code: place.name for one in ordered for place in one.places}
    places = Counter(place.code for one in ordered for place in {place.code: place for place in one.places}.values())
    return StoryView(
        id=story,
        articles=ordered,
        texts=texts,
        outlets=outlets,
        begin=begin,
        end=end,
        is_sure_who=ordered[0].published_at is not None and ordered[0].published_precision != "day",
        negative=sum(_tone(one) == "negative" for one in ordered),
        critical=sum(one.critical_of is not None and one.critical_of.label == "authority" for one in ordered),
        topics=tuple(topics.most_common(MOST_NAMED)),
        places=tuple((code, names[code], count) for code, count in places.most_common(MOST_NAMED)),
        spread=tuple(_spread(ordered, begin, hours) for hours in SPREAD_HOURS) if begin else (),
        quotes=key_quotes(texts),
        drawing=_drawing(ordered, outlets, begin, end) if begin and end else None,
        place_names=names,
    )


def _tone(article: Article) -> str:
    return article.sentiment.label if article.sentiment else ""


def _texts(ordered: Sequence[Article]) -> tuple[Told, ...]:
    """Copies under their origin; copies of what is not in the story under the earliest of them."""
    heads: dict[str, Article] = {one.id: one for one in ordered if one.copy_of is None}
    for one in ordered:
        if one.copy_of is not None and one.copy_of not in heads:
            heads[one.copy_of] = one
    copies: dict[str, list[Article]] = {}
    for one in ordered:
        head = heads[one.copy_of or one.id]
        if head.id != one.id:
            copies.setdefault(head.id, []).append(one)
    places = {one.id: number for number, one in enumerate(ordered)}
    firsts = sorted({head.id: head for head in heads.values()}.values(), key=lambda head: places[head.id])
    return tuple(Told(head, tuple(copies.get(head.id, ()))) for head in firsts)


def _outlets(ordered: Sequence[Article], begin: datetime | None) -> tuple[Outlet, ...]:
    groups: dict[str, list[Article]] = {}
    for one in ordered:
        groups.setdefault(one.source, []).append(one)
    found = []
    for source, mine in groups.items():
        at = moment_of(mine[0])
        found.append(
            Outlet(
                source=source,
                first=mine[0],
                at=at,
                behind=at - begin if at and begin else timedelta(),
                articles=len(mine),
                negative=sum(_tone(one) == "negative" for one in mine),
                own=any(one.copy_of is None for one in mine),
            )
        )
    return tuple(found)


def _spread(ordered: Sequence[Article], begin: datetime, hours: int) -> Spread:
    inside = [one for one in ordered if (at := moment_of(one)) is not None and at < begin + timedelta(hours=hours)]
    return Spread(hours, len({one.source for one in inside if one.source}), len(inside))


def key_quotes(texts: Sequence[Told]) -> tuple[Quote, ...]:
    """What is quoted by most outlets; of equals what has a speaker, then what was published first.

    One saying may be quoted in several lengths: what is contained in a longer one stands for the same. A reprint counts where it has the
    words too. Of a story of very many texts the first ones are read.
    """
    found: dict[str, Quote] = {}
    outlets: dict[str, set[str]] = {}
    for told in texts[:_READ_FOR_QUOTES]:
        article = told.first
        for text in dict.fromkeys((article.lead, article.body)):
            for quotation in quotations(text):
                key = _LETTERS.sub(" ", quotation.text).strip().casefold()
                known = key if key in found else next((other for other in found if key in other or other in key), key)
                having = [one.source for one in told.copies if quotation.text in one.body or quotation.text in one.lead]
                outlets.setdefault(known, set()).update([article.source, *having])
                if known not in found or (quotation.speaker and not found[known].speaker):
                    found[known] = Quote(quotation.text, quotation.speaker, article, 1)
        if len(found) > _MOST_SAYINGS:
            break
    order = {key: number for number, key in enumerate(found)}
    ranked = sorted(found, key=lambda key: (-len(outlets[key]), not found[key].speaker, order[key]))
    return tuple(replace(found[key], outlets=max(1, len(outlets[key] - {""}))) for key in ranked[:MOST_QUOTES])


def _drawing(ordered: Sequence[Article], outlets: Sequence[Outlet], begin: datetime, end: datetime) -> Drawing | None:
    shown = [outlet for outlet in outlets if outlet.at is not None][:DRAWN]
    if not shown:
        return None
    span = max(end - begin, timedelta(hours=1))

    def place(at: datetime) -> float:
        return round(1 + 97.5 * ((at - begin) / span), 2)

    rows = {outlet.source: number for number, outlet in enumerate(shown)}
    dots = []
    times: dict[str, list[float]] = {}
    for one in ordered:
        at = moment_of(one)
        if at is not None and one.source in rows:
            x = place(at)
            times.setdefault(one.source, []).append(x)
            dots.append(Dot(x, rows[one.source] * ROW + _DOT, _tone(one), one.copy_of is not None))
    lines = [Line(source, row * ROW + _DOT, min(times[source]), max(times[source])) for source, row in rows.items()]
    dated = sum(outlet.at is not None for outlet in outlets)
    return Drawing(tuple(lines), tuple(dots), _ticks(begin, span, place), len(shown) * ROW + 4, dated - len(shown))


def _ticks(begin: datetime, span: timedelta, place: Callable[[datetime], float]) -> tuple[tuple[float, str], ...]:
    step = next((step for step in _STEPS if span / step <= _MOST_TICKS), _STEPS[-1] * max(1, round(span / _STEPS[-1] / _MOST_TICKS)))
    midnight = start_of_day(vietnam_day(begin))
    at = midnight + step * (-(-(begin - midnight) // step))
    ticks = []
    while at <= begin + span:
        local = at.astimezone(VIETNAM)
        whole_day = local.hour == 0 and local.minute == 0
        ticks.append((place(at), f"{local.day}/{local.month}" if whole_day or step >= _DAY else f"{local.hour}h"))
        at += step
    return tuple(ticks)
