"""One article: its text with the deciding sentences, its tags, its copies, its revisions, the evidence, what the office did and wrote."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from markupsafe import Markup
from sqlalchemy import select
from starlette.background import BackgroundTask

from alerts.briefing.words import Labels
from alerts.coverage import story_key
from crawlers.evidence import pack
from crawlers.revisions import History, KeptText, Piece, history, removal_of, word_diff
from diembao import audit
from diembao.article import Article, CriticalOf, Sentiment
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.errors import InputError
from diembao.state import BriefingItem, FeedbackRecord, State, StoryResponse
from index.feedback import feedback_of
from web.accounts.actor import actor_of
from web.articles.changed_words import LONGEST, changed_words, share_kept
from web.articles.marking import mark_reasons, mark_stretches
from web.articles.notes import may_delete, may_edit, notes_of
from web.desk import Desk, desk_of
from web.pages.corrections import Told, correction_form
from web.security import SECURITY_HEADERS

MOST_COPIES = 200
MOST_OF_STORY = 20
_PARTS = ("title", "lead", "body")
Compare = Callable[[str, str], list[Piece]]
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
class OfficeAnswer:
    """What the office did about the article's story.

    Attributes:
        status: its name in the reader's language.
        code: new, assigned, answered or not_needed; empty: it was in no briefing yet.
        department, link, note: as staff wrote them.
        by, at: the last change.
        days: ISO days of the briefings that the story was in, the newest first.
    """

    status: str
    code: str
    department: str
    link: str
    note: str
    by: str
    at: datetime
    days: list[str]


@dataclass(frozen=True)
class Changes:
    """Two texts side by side, word by word.

    Attributes:
        parts: by part of the text (title, lead, body) the pieces; parts without a change are left out.
        kept: share of both texts that stayed.
        is_cut: only the beginning of a very long text was compared.
    """

    parts: dict[str, list[Piece]]
    kept: float
    is_cut: bool


@dataclass(frozen=True)
class Reason:
    """A sentence that decided a label.

    Attributes:
        text: HTML, with the words that weighed most marked.
        probability: of the label, by the sentence alone.
        words: (words, by how much the probability falls without them), the weightiest first.
    """

    text: Markup
    probability: float
    words: list[tuple[str, float]]


@router.get("/articles/{article_id}")
def article(request: Request, article_id: str) -> HTMLResponse:
    """The article with this id, or 404."""
    return show_article(request, _found(desk_of(request), article_id))


def show_article(
    request: Request,
    found: Article,
    status: int = 200,
    problem: str = "",
    conflicts: Sequence[Told] = (),
    note_problem: str = "",
    unsaved_note: str = "",
) -> HTMLResponse:
    """The page of an article.

    Args:
        request: what is answered.
        found: the article as it is indexed.
        status: of the answer.
        problem: why a correction of it could not be kept.
        conflicts: corrections that would have gone over somebody else's.
        note_problem: why a note could not be kept; `unsaved_note` is its text.
        unsaved_note: see there.
    """
    desk, actor = desk_of(request), actor_of(request)
    reasons = {
        "tone": found.sentiment.sentences if found.sentiment else [],
        "blame": found.critical_of.sentences if found.critical_of else [],
    }
    group = copy_group(desk.engine, found)
    kept = _history(desk.state, found.id)
    return desk.page(
        request,
        "article.html",
        status,
        article=found,
        text=mark_reasons(found.title, found.lead, found.body, reasons),
        group=group,
        story=_rest_of_story(desk.engine, found, {member.id for member in group.members} if group else set()),
        revisions=list(reversed(kept.texts)) if kept else [],
        removal=removal_of(desk.state, found.id),
        has_evidence=kept is not None,
        answer=_answer(desk, request, found),
        notes=[(note, may_edit(note, actor), may_delete(note, actor)) for note in notes_of(desk.state, found.id)],
        note_problem=note_problem,
        unsaved_note=unsaved_note,
        form=correction_form(desk, found, problem, conflicts),
        feedback=_feedback(desk, found),
    )


@router.get("/articles/{article_id}/why")
def why(request: Request, article_id: str) -> HTMLResponse:
    """The sentences that decided the article's labels, with the words that weighed most in each, measured on the office's model."""
    from nlp.models.weights import model_of_office, weigh

    desk = desk_of(request)
    found = _found(desk, article_id)
    model = model_of_office(desk.settings.home)
    reasons: list[tuple[str, str, list[Reason]]] = []
    fields: tuple[tuple[Literal["sentiment", "critical_of"], Sentiment | CriticalOf | None], ...]
    fields = (("sentiment", found.sentiment), ("critical_of", found.critical_of))
    for field, said in fields:
        if said is None or field in found.corrected or not said.sentences:
            continue
        told = []
        for sentence in said.sentences:
            weights = weigh(model, sentence, field, said.label)
            words = [(sentence[one.start : one.end], one.loss) for one in weights.words]
            text = mark_stretches(sentence, [(one.start, one.end) for one in weights.words], "weight")
            told.append(Reason(text, weights.probability, words))
        reasons.append((field, said.label, told))
    return desk.page(request, "why.html", article=found, reasons=reasons)


def _feedback(desk: Desk, found: Article) -> FeedbackRecord | None:
    """What the citizens' system says of a record; None for any other article."""
    if found.kind != "feedback":
        return None
    with desk.state.session() as session:
        record = feedback_of(session, found.id)
        session.expunge_all()
        return record


@router.get("/articles/{article_id}/changes")
def changes(
    request: Request,
    article_id: str,
    of: Annotated[str, Query(alias="with", max_length=512)] = "",
    revision: Annotated[str, Query(max_length=9)] = "",
) -> HTMLResponse:
    """What the article changed of the text `with` (default: its origin), or in its revision `revision` of the one before, word by word."""
    desk = desk_of(request)
    found = _found(desk, article_id)
    if revision:
        kept = _history(desk.state, found.id)
        after = next((text for text in kept.texts if str(text.revision) == revision), None) if kept else None
        before = max((text for text in kept.texts if text.revision < after.revision), key=_number, default=None) if kept and after else None
        if after is None or before is None:
            raise HTTPException(404)
        return desk.page(
            request, "changes.html", article=found, before=before, after=after, other=None, changes=_compared(before, after, word_diff)
        )
    other = desk.engine.get(of or found.copy_of or "") if (of or found.copy_of) else None
    if other is None or other.id == found.id:
        raise HTTPException(404)
    return desk.page(
        request, "changes.html", article=found, before=None, after=None, other=other, changes=_compared(other, found, changed_words)
    )


@router.post("/articles/{article_id}/evidence")
def evidence(request: Request, article_id: str) -> Response:
    """The package that shows what the article said and when, as `diembao evidence` makes it; the audit log tells who took it."""
    desk = desk_of(request)
    found = _found(desk, article_id)
    kept = _history(desk.state, found.id)
    if kept is None:
        raise HTTPException(404)
    folder = tempfile.TemporaryDirectory(prefix="diembao-evidence-")
    try:
        path = Path(folder.name) / "chung-cu.zip"
        package = pack(path, kept, desk.settings.archive_folder, desk.settings.office.name, desk.clock())
        with desk.state.session() as session:
            after = {"files": len(package.files), "missing": package.missing}
            audit.record(session, desk.clock(), actor_of(request).who, "evidence.pack", found.id, None, after)
    except BaseException:
        folder.cleanup()
        raise
    headers = {"Cache-Control": "private, no-store", **SECURITY_HEADERS}
    name = f"chung-cu-{''.join(letter for letter in found.id if letter.isascii() and letter.isalnum())[:32]}.zip"
    return FileResponse(path, media_type="application/zip", filename=name, headers=headers, background=BackgroundTask(folder.cleanup))


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


def _found(desk: Desk, article_id: str) -> Article:
    found = desk.engine.get(article_id) if len(article_id) <= 512 else None
    if found is None:
        raise HTTPException(404)
    return found


def _rest_of_story(engine: SearchEngine, article: Article, shown: set[str]) -> list[Article]:
    if not article.story_id:
        return []
    request = SearchRequest(filters=Filters(story_id=article.story_id), sort="time", limit=MOST_OF_STORY, facets=False, highlight=False)
    return [hit.article for hit in engine.search(request).hits if hit.article.id not in shown | {article.id}]


def _history(state: State, article_id: str) -> History | None:
    """What is kept of the article; None when nothing is, as of one that no crawl fetched."""
    try:
        return history(state, article_id)
    except InputError:
        return None


def _number(text: KeptText) -> int:
    return text.revision


def _answer(desk: Desk, request: Request, article: Article) -> OfficeAnswer | None:
    story = story_key(article)
    with desk.state.session() as session:
        row = session.get(StoryResponse, story)
        days = list(
            session.scalars(select(BriefingItem.day).where(BriefingItem.story == story).order_by(BriefingItem.day.desc()).limit(10))
        )
        if row is None and not days:
            return None
        labels = Labels(desk.texts(request).language)
        if row is None:
            return OfficeAnswer("", "", "", "", "", "", desk.clock(), days)
        return OfficeAnswer(
            labels(f"status.{row.status}"), row.status, row.department, row.link, row.note, row.updated_by, row.updated_at, days
        )


def _compared(before: Article | KeptText, after: Article | KeptText, compare: Compare) -> Changes:
    """Both texts part by part; of very long ones the beginning."""
    texts = {part: (str(getattr(before, part)), str(getattr(after, part))) for part in _PARTS}
    parts = {part: compare(one[:LONGEST], other[:LONGEST]) for part, (one, other) in texts.items()}
    every = [piece for pieces in parts.values() for piece in pieces]
    changed = {part: pieces for part, pieces in parts.items() if any(piece.change != "same" for piece in pieces)}
    return Changes(changed, share_kept(every), any(len(text) > LONGEST for pair in texts.values() for text in pair))
