"""The form on an article's page by which staff correct what models say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from diembao.article import Article
from diembao.corrections import Correction, as_text, read_value, value_of
from diembao.errors import UsageError
from index.corrections import correct, history, undo
from web.accounts.actor import actor_of
from web.desk import Desk, desk_of

LONGEST = 2_000
"""Characters of one answer in the form."""

_CHOSEN = ("sentiment", "critical_of")
_EMPTY = {"places": "none", "copy_of": "none", "story_id": "apart"}
"""What an emptied line means."""

Text = Annotated[str, Form(max_length=LONGEST)]


@dataclass(frozen=True)
class CorrectionForm:
    """What the form shows.

    Attributes:
        topics: codes that can be chosen.
        values: by field what stands in the form; a field counts as corrected when something else is sent back.
        rows: the history of the article's corrections, the newest first.
        problem: why what was sent could not be kept; empty when nothing was wrong.
    """

    topics: list[str]
    values: dict[str, str]
    rows: list[Correction]
    problem: str


def correction_form(desk: Desk, article: Article, problem: str = "") -> CorrectionForm:
    """The form for an article as it is indexed."""
    with desk.state.session() as session:
        rows = list(reversed(history(session, article.id)))
    return CorrectionForm(list(desk.settings.taxonomy.topics), _values(article), rows, problem)


router = APIRouter(include_in_schema=False)


@router.post("/articles/{article_id}/corrections")
def give(
    request: Request,
    article_id: str,
    sentiment: Text = "",
    critical_of: Text = "",
    topics: Annotated[list[Text] | None, Form()] = None,
    places: Text = "",
    copy_of: Text = "",
    story_id: Text = "",
    irrelevant: Text = "",
    confirm: Text = "",
    seen: Annotated[list[Text] | None, Form()] = None,
    by: Text = "",
    note: Text = "",
) -> Response:
    """Keep what differs from what the form showed (`seen`); with `confirm` that the labels are right as they are."""
    from web.pages.article import show_article

    desk = desk_of(request)
    article = _article(desk, article_id)
    shown = dict(part.partition("=")[::2] for part in seen or [])
    sent = {
        "sentiment": sentiment,
        "critical_of": critical_of,
        "topics": ",".join(topics or []) or "none",
        "places": places.strip(),
        "copy_of": copy_of.strip(),
        "story_id": story_id.strip(),
        "relevant": "no" if irrelevant else "yes",
    }
    try:
        wanted = _confirmed(article) if confirm else _changed(desk, sent, shown)
        for field, value in wanted.items():
            correct(desk.state, desk.engine, article.id, field, value, desk.clock(), _who(request, by), note.strip())
    except UsageError as error:
        return show_article(request, _article(desk, article_id), 422, str(error))
    return _back(article_id)


@router.post("/articles/{article_id}/corrections/undo")
def take_back(request: Request, article_id: str, key: Text = "", by: Text = "") -> Response:
    """Take one correction back."""
    from web.pages.article import show_article

    desk = desk_of(request)
    try:
        undo(desk.state, desk.engine, key, desk.clock(), _who(request, by))
    except UsageError as error:
        return show_article(request, _article(desk, article_id), 422, str(error))
    return _back(article_id)


def _who(request: Request, by: str) -> str:
    """The user who is logged in; only where nobody has to log in, what was typed."""
    return actor_of(request).who or by.strip()


def _values(article: Article) -> dict[str, str]:
    shown = {field: as_text(field, value_of(article, field)) for field in (*_CHOSEN, "topics", "relevant")}
    shown["topics"] = ",".join(topic.code for topic in article.topics) or "none"
    shown["places"] = "; ".join(place.code for place in article.places)
    shown["copy_of"] = article.copy_of or ""
    shown["story_id"] = article.story_id if article.story_id and article.story_id != article.id else ""
    return shown


def _changed(desk: Desk, sent: dict[str, str], shown: dict[str, str]) -> dict[str, Any]:
    """The values of the fields in which something else was sent than shown; in no order the topics."""
    from nlp.place_lookup import place_named

    found = {}
    for field, text in sent.items():
        before = shown.get(field, "")
        is_same = set(text.split(",")) == set(before.split(",")) if field == "topics" else text == before
        if not is_same and (text or field in _EMPTY):
            found[field] = read_value(field, text or _EMPTY[field], desk.settings.taxonomy, place_named)
    return found


def _confirmed(article: Article) -> dict[str, Any]:
    return {
        field: value for field in (*_CHOSEN, "topics") if field not in article.corrected and (value := value_of(article, field)) is not None
    }


def _article(desk: Desk, article_id: str) -> Article:
    found = desk.engine.get(article_id) if len(article_id) <= 512 else None
    if found is None:
        raise HTTPException(404)
    return found


def _back(article_id: str) -> RedirectResponse:
    return RedirectResponse(f"/articles/{quote(article_id, safe='')}#corrections", 303)
