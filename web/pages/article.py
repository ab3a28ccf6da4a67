"""One article: its text with the deciding sentences, its tags, its copies, its revisions and the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from diembao.article import Article
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.state import Revision, State
from web.desk import desk_of
from web.marking import mark_reasons
from web.pages.corrections import correction_form

MOST_COPIES = 200
MOST_OF_STORY = 20
_NEVER = datetime.max.replace(tzinfo=UTC)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class CopyGroup:
    """The articles with one text, in the order of publication.

    Attributes:
        members: all of them, the earliest published first.
        first: id of the earliest published one.
    """

    members: Sequence[Article]
    first: str


@dataclass(frozen=True)
class KeptRevision:
    """One text that was seen at the article's address."""

    number: int
    fetched_at: datetime | None
    title: str
    lead: str
    body: str
    content_hash: str
    archive: str


@router.get("/articles/{article_id}")
def article(request: Request, article_id: str) -> HTMLResponse:
    """The article with this id, or 404."""
    found = desk_of(request).engine.get(article_id) if len(article_id) <= 64 else None
    if found is None:
        raise HTTPException(404)
    return show_article(request, found)


def show_article(request: Request, found: Article, status: int = 200, problem: str = "") -> HTMLResponse:
    """The page of an article; `problem` says why a correction of it could not be kept."""
    desk = desk_of(request)
    reasons = {
        "tone": found.sentiment.sentences if found.sentiment else [],
        "blame": found.critical_of.sentences if found.critical_of else [],
    }
    group = copy_group(desk.engine, found)
    return desk.page(
        request,
        "article.html",
        status,
        article=found,
        text=mark_reasons(found.title, found.lead, found.body, reasons),
        group=group,
        story=_rest_of_story(desk.engine, found, {member.id for member in group.members} if group else set()),
        revisions=_revisions(desk.state, found.id),
        form=correction_form(desk, found, problem),
    )


def copy_group(engine: SearchEngine, article: Article) -> CopyGroup | None:
    """The article and its copies; None when there are none."""
    origin_id = article.copy_of or article.id
    origin = engine.get(origin_id) if article.copy_of else article
    request = SearchRequest(
        filters=Filters(copy_of=origin_id), fold_copies=False, sort="time", limit=MOST_COPIES, facets=False, highlight=False
    )
    copies = [hit.article for hit in engine.search(request).hits]
    by_id = {one.id: one for one in ([origin] if origin else []) + copies + [article]}
    if len(by_id) == 1:
        return None
    members = sorted(by_id.values(), key=lambda one: (one.published_at or one.first_seen_at or _NEVER, one.id))
    return CopyGroup(members, members[0].id)


def _rest_of_story(engine: SearchEngine, article: Article, shown: set[str]) -> list[Article]:
    if not article.story_id:
        return []
    request = SearchRequest(filters=Filters(story_id=article.story_id), sort="time", limit=MOST_OF_STORY, facets=False, highlight=False)
    return [hit.article for hit in engine.search(request).hits if hit.article.id not in shown | {article.id}]


def _revisions(state: State, article_id: str) -> list[KeptRevision]:
    query = select(Revision).where(Revision.article_id == article_id).order_by(Revision.revision.desc())
    with state.session() as session:
        return [
            KeptRevision(
                row.revision,
                row.fetched_at,
                row.title,
                row.lead,
                row.body,
                row.content_hash,
                f"{row.archive_file} @ {row.archive_offset}" if row.archive_file else "",
            )
            for row in session.scalars(query)
        ]
