"""Articles that staff take into today's briefing from wherever they read them, and take out again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from alerts.briefing.content import _Group
from alerts.briefing.kept import _insert_missing, _is_chosen, _item_of, _known, _lock_for_editing, bring_up_to_date, read
from alerts.coverage import story_key
from alerts.mail import one_line
from diembao.article import Article
from diembao.clock import vietnam_day
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.errors import UsageError
from diembao.settings import Office
from diembao.state import BriefingItem, State
from diembao.taxonomy import Taxonomy

_BEHIND = 1e6
"""Rank of a story that was not compiled: behind those that were."""
_MOST_OF_STORY = 500


@dataclass
class Added:
    """What was taken into a briefing.

    Attributes:
        day: of the briefing.
        before: by key of the item, whether it was in before.
        keys: by article, the key of its story's item.
        failed: why not, by article.
    """

    day: date
    before: dict[str, bool] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def open_today(
    state: State, engine: SearchEngine, office: Office, taxonomy: Taxonomy, now: datetime, names: Mapping[str, str] | None = None
) -> date:
    """The day of today's briefing, compiled when there is none yet.

    Raises:
        UsageError: when it went out already.
    """
    day = vietnam_day(now)
    draft = read(state, day, office, taxonomy) or bring_up_to_date(state, engine, office, taxonomy, now, names)
    if draft.sent_at is not None:
        raise UsageError("Điểm báo hôm nay đã gửi / today's briefing was sent", "Wait for tomorrow's")
    return day


def add_articles(
    session: Session, engine: SearchEngine, articles: Sequence[Article], day: date, by: str, now: datetime, office: Office,
    taxonomy: Taxonomy, names: Mapping[str, str],
) -> Added:  # fmt: skip
    """Have the stories of `articles` go out with the briefing of `day`, in the caller's transaction.

    A story that was compiled is chosen; one that was not, because it is older or less important, is told by its articles.

    Raises:
        UsageError: when the briefing is not there, or went out.
    """
    _lock_for_editing(session, day, by, now)
    found = Added(day)
    for article in articles:
        origin = engine.get(article.copy_of) if article.copy_of and not article.story_id else None
        story = story_key(origin or article)  # a reprint without a story of its own is told under that of its origin
        key = hashlib.sha256(story.encode()).hexdigest()[:16]
        if key not in found.before:
            row = session.get(BriefingItem, (day.isoformat(), key), populate_existing=True)
            if row is None and article.published_at is None:
                found.failed[article.id] = "Bài không rõ ngày đăng / its publication day is unknown"
                continue
            found.before[key] = row is not None and (_is_chosen(row, office) if row.included is None else row.included)
            if row is None:
                _insert(session, engine, article, story, day, now, office, taxonomy, names)
            _include(session, day, key, True, by, now)
        found.keys[article.id] = key
    return found


def take_out(session: Session, day: date, before: Mapping[str, bool], by: str, now: datetime) -> None:
    """Have the items of `day` as they were `before` (by key), in the caller's transaction; their wording stays.

    Raises:
        UsageError: when the briefing went out.
    """
    _lock_for_editing(session, day, by, now)
    for key, included in before.items():
        _include(session, day, key, included, by, now)


def _insert(
    session: Session, engine: SearchEngine, article: Article, story: str, day: date, now: datetime, office: Office, taxonomy: Taxonomy,
    names: Mapping[str, str],
) -> None:  # fmt: skip
    group = _Group()
    group.add(article)
    request = SearchRequest(
        filters=Filters(story_id=story), fold_copies=False, sort="time", limit=_MOST_OF_STORY, facets=False, highlight=False
    )
    for hit in engine.search(request).hits:
        if hit.article.id != article.id and hit.article.published_at is not None and hit.article.published_at <= now:
            group.add(hit.article)
    row = _item_of(day, 0, group.story(story, office, taxonomy, names, _known(session, day, now)))
    values = {name: getattr(row, name) for name in ("day", "key", "story", "section", "compiled", "version", "edited_by")}
    _insert_missing(session, BriefingItem, [{**values, "rank": _BEHIND, "late": True}])


def _include(session: Session, day: date, key: str, included: bool, by: str, now: datetime) -> None:
    row = session.get(BriefingItem, (day.isoformat(), key), populate_existing=True)
    if row is None:
        return
    change = update(BriefingItem).where(BriefingItem.day == day.isoformat(), BriefingItem.key == key)
    session.execute(change.values(included=included, version=row.version + 1, edited_at=now, edited_by=one_line(by, 200)))
