"""What stands in a briefing: the stories of a stretch of time, each once, with how important it is and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from alerts.coverage import story_key
from alerts.mail import one_line, safe_link
from diembao.article import Article, Moment
from diembao.engine import Filters, SearchEngine
from diembao.settings import Office
from diembao.taxonomy import Taxonomy

LATE = timedelta(hours=48)
"""An article that was found only now belongs to this briefing when it is not older than this at its beginning."""
OTHER = ""
"""The section of what is in no field."""

_MOST_PLACES = 3
_CRITICS = ("authority", "organisation")

POINTS = {
    "authority": 4.0,
    "organisation": 1.0,
    "negative": 2.0,
    "here": 4.0,
    "alert": 2.0,
    "open": 2.0,
}
"""What each fact about a story adds to its importance. Criticism of an authority elsewhere counts a quarter."""
_PER_DOUBLING = 1.5
_MOST_FOR_OUTLETS = 6.0


class Reason(BaseModel):
    """One thing that makes a story important: its code, the points, and for outlets how many."""

    model_config = ConfigDict(frozen=True)

    code: str
    points: float
    n: int = 0


class Story(BaseModel):
    """One story, told by its first article; every text is one line without control characters.

    Attributes:
        story: id of the story.
        article: id of the first article.
        section: code of its field; OTHER: none.
        title, lead, link: of the first article; `link` is empty when its address is not http(s).
        outlets: names of the outlets that carry it, the first publisher first; those of reprints too.
        published: when the first article was published, aware UTC.
        tone: negative when at least half of the articles are, else that of the first article; empty when the model abstains.
        critical: `authority` or `organisation`; empty when nobody is criticised.
        articles: how many articles, reprints included.
        places: at most three.
        sentence: the sentence that made it negative or critical; empty otherwise.
        department: who is proposed to answer.
        reasons: what makes it important; `weight` is their sum.
        before: day (ISO) of the last briefing that had it; empty: none.
    """

    model_config = ConfigDict(frozen=True)

    story: str
    article: str
    section: str = OTHER
    title: str = ""
    lead: str = ""
    link: str = ""
    outlets: tuple[str, ...] = ()
    published: Moment | None = None
    tone: str = ""
    critical: str = ""
    articles: int = 1
    places: tuple[str, ...] = ()
    sentence: str = ""
    department: str = ""
    reasons: tuple[Reason, ...] = ()
    before: str = ""

    @property
    def weight(self) -> float:
        """How important it is: the sum of its reasons."""
        return sum(reason.points for reason in self.reasons)

    @property
    def is_negative(self) -> bool:
        """Whether its tone is negative."""
        return self.tone == "negative"

    @property
    def said(self) -> str:
        """What tells most of it: the sentence that made it negative, else the lead."""
        return self.sentence if self.sentence and self.sentence != self.title else self.lead


def importance(
    *, critical: str, is_negative: bool, is_here: bool, outlets: int, in_alert: bool = False, is_open: bool = False
) -> tuple[Reason, ...]:
    """Why a story is important, in points; the most important reason first.

    In the office's province +4. Critical of an authority +4 (elsewhere +1), of an organisation +1, negative +2. 1.5 for each doubling of
    the outlets that carry it, at most 6: what one local paper reports of the office comes before what every national one has. Part of an
    open alert +2, assigned and not answered yet +2.

    >>> [(reason.code, reason.points) for reason in importance(critical="authority", is_negative=True, is_here=True, outlets=4)]
    [('authority', 4.0), ('here', 4.0), ('outlets', 3.0), ('negative', 2.0)]
    """
    found = []
    if critical in POINTS:
        found.append(Reason(code=critical, points=POINTS[critical] / (1 if is_here or critical != "authority" else 4)))
    for holds, code in ((is_negative, "negative"), (is_here, "here"), (in_alert, "alert"), (is_open, "open")):
        if holds:
            found.append(Reason(code=code, points=POINTS[code]))
    if outlets > 1:
        points = round(min(_PER_DOUBLING * math.log2(outlets), _MOST_FOR_OUTLETS), 2)
        found.append(Reason(code="outlets", points=points, n=outlets))
    return tuple(sorted(found, key=lambda reason: (-reason.points, reason.code)))


@dataclass(frozen=True)
class Known:
    """What the state knows of stories that helps to order them.

    Attributes:
        alerting: ids of articles behind open alerts.
        unanswered: ids of stories that were assigned and are not answered.
        before: day of the last briefing by story.
    """

    alerting: Collection[str] = frozenset()
    unanswered: Collection[str] = frozenset()
    before: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Compiled:
    """The stories of [start, end), the most important first, and how many articles they were read from."""

    start: datetime
    end: datetime
    stories: tuple[Story, ...]
    articles: int

    @property
    def negative(self) -> int:
        """How many stories are negative."""
        return sum(story.is_negative for story in self.stories)

    @property
    def critical(self) -> int:
        """How many stories criticise an authority."""
        return sum(story.critical == "authority" for story in self.stories)


def compile_stories(
    engine: SearchEngine,
    office: Office,
    taxonomy: Taxonomy,
    start: datetime,
    end: datetime,
    names: Mapping[str, str] | None = None,
    known: Known | None = None,
    late: timedelta = LATE,
) -> Compiled:
    """Read the coverage of [start, end) and put it together by stories.

    Also what was published at most `late` before and found only since `start`: no briefing had it. What staff marked as irrelevant is
    passed over.

    Args:
        engine: read only.
        office: its province and its departments.
        taxonomy: which topics make which field.
        start: beginning, aware UTC.
        end: end, exclusive.
        names: names of the sources by id.
        known: what the state knows of stories.
        late: how old an article that was found late may be.

    Raises:
        EngineError: when the engine fails.
    """
    groups: dict[str, _Group] = {}
    count = 0
    for article in engine.scan("", Filters(published_from=start - late, published_to=end)):
        published, seen = article.published_at, article.first_seen_at or article.published_at
        if published is None or (published < start and (seen is None or seen < start)):
            continue
        count += 1
        groups.setdefault(story_key(article), _Group()).add(article)
    _join_copies(groups)
    stories = [group.story(key, office, taxonomy, names or {}, known or Known()) for key, group in groups.items()]
    stories.sort(key=lambda story: (-story.weight, story.published or end, story.title, story.story))
    return Compiled(start, end, tuple(stories), count)


def section_codes(taxonomy: Taxonomy) -> list[str]:
    """The sections in their order: the fields, then what is in none."""
    return [*taxonomy.fields, OTHER]


def propose_department(office: Office, taxonomy: Taxonomy, section: str, topic: str, places: Iterable[str]) -> str:
    """Who answers for a story: the department that names its topic, field and places most closely, else that of its field.

    >>> from diembao.settings import Department
    >>> office = Office(departments=[Department(name="Sở Y tế", topics=["health"])])
    >>> propose_department(office, Taxonomy(topics={}, fields={}), "", "health", [])
    'Sở Y tế'
    """
    here = set(places)
    best, name = 0, ""
    for department in office.departments:
        score = 2 * (bool(topic) and topic in department.topics) + (bool(section) and section in department.fields)
        if department.places:
            if not here & set(department.places):
                continue
            # A department of a place that names no field answers for everything there.
            score = score + 2 if score else 2 * (not department.topics and not department.fields)
        if score > best:
            best, name = score, department.name
    entry = taxonomy.fields.get(section)
    return name or (entry.department if entry else "")


class _Told(NamedTuple):
    """What is kept of the article that tells a story."""

    id: str
    title: str
    lead: str
    link: str
    published: datetime
    tone: str


class _Group:
    """What is kept of the articles of one story while they are read: not their bodies."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.articles = self.negative = 0
        self.first: tuple[datetime, bool, str] | None = None
        self.told: _Told | None = None
        self.outlets: dict[str, datetime] = {}
        self.topics: Counter[str] = Counter()
        self.critics: Counter[str] = Counter()
        self.places: dict[str, None] = {}
        self.provinces: set[str] = set()
        self.critical_sentence = self.negative_sentence = ""

    def add(self, article: Article) -> None:
        at = article.published_at
        if at is None:
            raise ValueError(f"article {article.id} has no date")
        self.ids.add(article.id)
        self.articles += 1
        if article.source:
            self.outlets[article.source] = min(at, self.outlets.get(article.source, at))
        if article.topics:
            self.topics[article.topics[0].code] += 1
        for place in article.places:
            self.places.setdefault(one_line(place.name, 60))
            self.provinces.add(place.province)
        if article.sentiment and article.sentiment.label == "negative":
            self.negative += 1
            self.negative_sentence = self.negative_sentence or next(iter(article.sentiment.sentences), "")
        critical = article.critical_of
        if critical and critical.label in _CRITICS and critical.confident:
            self.critics[critical.label] += 1
            self.critical_sentence = self.critical_sentence or next(iter(critical.sentences), "")
        place_in_order = (at, article.copy_of is not None, article.id)
        if self.first is None or place_in_order < self.first:
            self.first = place_in_order
            tone = article.sentiment.label if article.sentiment and article.sentiment.confident else ""
            lead = one_line(article.lead or article.body[:600], 350)
            self.told = _Told(article.id, one_line(article.title, 250), lead, safe_link(article.url), at, tone)

    def take(self, other: _Group) -> None:
        """The articles of a group that turned out to be of the same story."""
        self.ids |= other.ids
        self.articles += other.articles
        self.negative += other.negative
        for source, at in other.outlets.items():
            self.outlets[source] = min(at, self.outlets.get(source, at))
        self.topics += other.topics
        self.critics += other.critics
        self.places |= other.places
        self.provinces |= other.provinces
        self.critical_sentence = self.critical_sentence or other.critical_sentence
        self.negative_sentence = self.negative_sentence or other.negative_sentence
        if self.first is None or (other.first is not None and other.first < self.first):
            self.first, self.told = other.first, other.told

    def story(self, key: str, office: Office, taxonomy: Taxonomy, names: Mapping[str, str], known: Known) -> Story:
        told = self.told
        if told is None:
            raise ValueError(f"story {key} has no article")
        topic = next((code for code, _ in self.topics.most_common(1)), "")
        section = next(iter(taxonomy.fields_of(topic)), OTHER) if topic else OTHER
        is_negative = 2 * self.negative >= self.articles
        critical = next((label for label, _ in self.critics.most_common(1)), "")
        outlets = sorted(self.outlets, key=lambda source: (self.outlets[source], source))
        tone = "negative" if is_negative else ""
        if told.tone != "negative":
            tone = tone or told.tone
        return Story(
            story=key,
            article=told.id,
            section=section,
            title=told.title,
            lead=told.lead,
            link=told.link,
            outlets=tuple(dict.fromkeys(one_line(names.get(source, source), 60) for source in outlets)),
            published=told.published,
            tone=tone,
            critical=critical,
            articles=self.articles,
            places=tuple(self.places)[:_MOST_PLACES],
            sentence=one_line(self.critical_sentence or self.negative_sentence, 320),
            department=propose_department(office, taxonomy, section, topic, {*self.places, *self.provinces}),
            reasons=importance(
                critical=critical,
                is_negative=is_negative,
                is_here=office.province is not None and office.province in self.provinces,
                outlets=len(outlets),
                in_alert=not self.ids.isdisjoint(known.alerting),
                is_open=key in known.unanswered,
            ),
            before=known.before.get(key, ""),
        )


def _join_copies(groups: dict[str, _Group]) -> None:
    """A reprint without a story of its own stands under the id of its origin: both are one story."""
    home = {article: key for key, group in groups.items() for article in group.ids}
    for key in list(groups):
        other = home.get(key)
        if other is not None and other != key and other in groups:
            groups[other].take(groups.pop(key))
