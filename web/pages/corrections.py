"""How staff correct what models say: the form on an article's page, and a menu in which each correction is one click or one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy.orm import Session
from starlette.datastructures import QueryParams

from diembao.article import Article, Place
from diembao.corrections import FIELDS, Correction, as_text, read_value, value_of
from diembao.errors import UsageError
from index.corrections import history, undo
from index.corrections_together import Conflict, Together, Wish, correct_together, shown_text
from web.accounts.actor import actor_of
from web.articles.deeds import ConflictsError, deed_in_words, give_corrections, note_each, read_deed, value_in_words
from web.desk import Desk, Names, desk_of
from web.searching.addresses import SearchAddress
from web.security import SECURITY_HEADERS, safe_next

LONGEST = 2_000
"""Characters of one answer in the form."""
OFFERED = 4
"""Articles that are offered as the origin, or as one of the same story."""
_NEAR = timedelta(days=7)
"""Articles on one event are looked for so long before and after."""

_CHOSEN = ("sentiment", "critical_of")
_EMPTY = {"places": "none", "copy_of": "none", "story_id": "apart"}
"""What an emptied line means."""

Text = Annotated[str, Form(max_length=LONGEST)]
Texts_ = Annotated[list[Text] | None, Form()]
Address = Annotated[str, Form(max_length=16_384)]


@dataclass(frozen=True)
class Told:
    """A correction that would have gone over somebody else's, as the page shows it.

    Attributes:
        field: of the article.
        theirs, by, at: what it is now, who said so (may be empty) and when.
        mine: what was sent, in words; `wish` the same as a form sends it.
    """

    field: str
    theirs: str
    by: str
    at: str
    mine: str
    wish: str


@dataclass(frozen=True)
class CorrectionForm:
    """What the form shows.

    Attributes:
        topics: codes that can be chosen.
        values: by field what stands in the form; a field counts as corrected when something else is sent back.
        was: by field `shown_text` of what the article said when the form was made: nothing is written over what is not shown.
        rows: the history of the article's corrections, the newest first.
        problem: why what was sent could not be kept; empty when nothing was wrong.
        conflicts: what was sent and would have gone over somebody else's correction.
    """

    topics: list[str]
    values: dict[str, str]
    was: dict[str, str]
    rows: list[Correction]
    problem: str
    conflicts: Sequence[Told] = ()


def correction_form(desk: Desk, article: Article, problem: str = "", conflicts: Sequence[Told] = ()) -> CorrectionForm:
    """The form for an article as it is indexed."""
    with desk.state.session() as session:
        rows = list(reversed(history(session, article.id)))
    return CorrectionForm(list(desk.settings.taxonomy.topics), _values(article), shown(article), rows, problem, conflicts)


def shown(article: Article) -> dict[str, str]:
    """What a page of the article shows, by field, in the form in which it comes back."""
    return {field: shown_text(field, value_of(article, field)) for field in FIELDS}


router = APIRouter(include_in_schema=False)


@router.post("/articles/{article_id}/corrections")
def give(
    request: Request,
    article_id: str,
    sentiment: Text = "",
    critical_of: Text = "",
    topics: Texts_ = None,
    places: Text = "",
    copy_of: Text = "",
    story_id: Text = "",
    irrelevant: Text = "",
    confirm: Text = "",
    seen: Texts_ = None,
    was: Texts_ = None,
    by: Text = "",
    note: Text = "",
) -> Response:
    """Keep what differs from what the form showed (`seen`); with `confirm` that the labels are right as they are."""
    desk = desk_of(request)
    article = _article(desk, article_id)
    showed, who, now = _by_field(seen), _who(request, by), desk.clock()
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
        wanted = _confirmed(article) if confirm else _changed(desk, sent, showed)
        saw = _by_field(was)
        wishes = [Wish(article.id, field, value, saw.get(field)) for field, value in wanted.items()]

        def tell(session: Session, found: Together) -> None:
            note_each(session, found, now, who)

        found = correct_together(desk.state, desk.engine, wishes, now, who, note.strip(), tell)
        if found.failed:
            raise UsageError(next(iter(found.failed.values())))
        if found.conflicts:
            return _conflicting(request, desk, article_id, found.conflicts, wanted)
    except UsageError as error:
        return _show(request, _article(desk, article_id), 422, str(error))
    return _back(article_id)


@router.post("/articles/{article_id}/corrections/undo")
def take_back(request: Request, article_id: str, key: Text = "", by: Text = "") -> Response:
    """Take one correction back."""
    desk = desk_of(request)
    try:
        undo(desk.state, desk.engine, key, desk.clock(), _who(request, by))
    except UsageError as error:
        return _show(request, _article(desk, article_id), 422, str(error))
    return _back(article_id)


@router.get("/articles/{article_id}/fix")
def menu(request: Request, article_id: str, next: Annotated[str, Query(max_length=16_384)] = "") -> HTMLResponse:  # noqa: A002
    """Every correction of an article as one button each: a page of its own, and for scripts the menu over a list of results."""
    desk = desk_of(request)
    return _menu(request, desk, _article(desk, article_id), safe_next(next) if next else "")


@router.post("/articles/{article_id}/fix")
def fix(
    request: Request,
    article_id: str,
    wish: Annotated[str, Form(alias="set", max_length=LONGEST)],
    place: Text = "",
    other: Text = "",
    was: Texts_ = None,
    next: Address = "",  # noqa: A002
) -> Response:
    """Give one correction: `set` is `field=value`, with `+` or `-` before one topic or place that is added or taken away.

    Answers where to take it back: as a page, or as JSON for scripts.
    """
    desk = desk_of(request)
    article = _article(desk, article_id)
    field, _, text = wish.partition("=")
    text = text.replace("{place}", place.strip()).replace("{other}", other.strip())
    texts = desk.texts(request)
    back = safe_next(next) if next else ""
    try:
        value = _wanted(desk, article, field, text)
        saw = _by_field(was).get(field)
        deed_id = give_corrections(desk, [Wish(article.id, field, value, saw)], actor_of(request).who)
    except ConflictsError as error:
        told = _told(request, desk, error.conflicts, {field: value})
        if _wants_json(request):
            return _json(_state(request, desk, article_id, back) | {"problem": _in_one_line(texts, told[0])}, 409)
        return _menu(request, desk, _article(desk, article_id), back, told, status=409)
    except UsageError as error:
        if _wants_json(request):
            return _json({"problem": str(error)}, 422)
        return _menu(request, desk, article, back, problem=str(error), status=422)
    deed = read_deed(desk, deed_id)
    if _wants_json(request):
        answer = _state(request, desk, article_id, back)
        if deed is None:
            return _json(answer | {"text": texts("fix.same")})
        return _json(answer | {"text": deed_in_words(deed, texts, names_for(desk, request)), "deed": deed.id})
    if deed is None:
        return RedirectResponse(back or f"/articles/{quote(article_id, safe='')}", 303)
    return RedirectResponse(f"/deeds/{deed.id}" + (f"?next={quote(back, safe='')}" if back else ""), 303)


def names_for(desk: Desk, request: Request) -> Names:
    """How codes are shown to whoever asks."""
    return Names(desk.settings.taxonomy, desk.source_names, {}, desk.texts(request))


def _wanted(desk: Desk, article: Article, field: str, text: str) -> Any:
    """The value that a button means."""
    from nlp.place_lookup import place_named

    if field == "topics" and text[:1] in ("+", "-"):
        codes = [topic.code for topic in article.topics if topic.code != text[1:]]
        text = ",".join([*codes, text[1:]] if text[0] == "+" else codes) or "none"
    if field == "places" and text[:1] in ("+", "-"):
        kept: list[Place] = [place for place in article.places if place.code != text[1:]]
        if text[0] == "+":
            if not text[1:].strip():
                raise UsageError("no place was named", "Write its name or code")
            added = [place_named(name.strip()) for name in text[1:].split(";") if name.strip()]
            kept += [place for place in added if place.code not in {one.code for one in kept}]
        return [place.model_dump(mode="json") for place in kept]
    return read_value(field, text, desk.settings.taxonomy, place_named)


def _menu(
    request: Request, desk: Desk, article: Article, back: str, conflicts: Sequence[Told] = (), problem: str = "", status: int = 200
) -> HTMLResponse:
    near = article.published_at or article.first_seen_at or desk.clock()
    story = desk.engine.story_candidates(article, near - _NEAR, near + _NEAR, limit=3 * OFFERED)
    copies = desk.engine.copy_candidates(article, limit=3 * OFFERED)
    return desk.page(
        request,
        "fix.html",
        status,
        article=article,
        form=correction_form(desk, article, problem, conflicts),
        next=back,
        origins=[one for one in copies if one.id != article.copy_of][:OFFERED],
        others=[one for one in story if not article.story_id or one.story_id != article.story_id][:OFFERED],
        place_names={place.code: place.name for place in article.places},
    )


def _state(request: Request, desk: Desk, article_id: str, back: str) -> dict[str, Any]:
    """What a list shows of the article now."""
    article = _article(desk, article_id)
    address, _ = SearchAddress.parse(QueryParams(urlsplit(back).query))
    page = desk.page(request, "_fixed.html", article=article, address=address)
    return {"tags": bytes(page.body).decode(), "was": shown(article), "relevant": article.relevant}


def _show(request: Request, article: Article, status: int, problem: str, conflicts: Sequence[Told] = ()) -> Response:
    from web.pages.article import show_article

    return show_article(request, article, status, problem, conflicts)


def _conflicting(request: Request, desk: Desk, article_id: str, conflicts: Sequence[Conflict], wanted: dict[str, Any]) -> Response:
    return _show(request, _article(desk, article_id), 409, "", _told(request, desk, conflicts, wanted))


def _told(request: Request, desk: Desk, conflicts: Sequence[Conflict], wanted: dict[str, Any]) -> list[Told]:
    texts, names = desk.texts(request), names_for(desk, request)
    return [
        Told(
            one.field,
            value_in_words(one.field, one.value, texts, names),
            one.by,
            texts.time(one.at),
            value_in_words(one.field, wanted[one.field], texts, names),
            f"{one.field}={_as_sent(one.field, wanted[one.field])}",
        )
        for one in conflicts
    ]


def _as_sent(field: str, value: Any) -> str:
    return ";".join(place["code"] for place in value) or "none" if field == "places" else as_text(field, value)


def _in_one_line(texts: Any, told: Told) -> str:
    who = told.by or texts("briefing.somebody")
    return str(texts("fix.conflict", who=who, when=told.at, field=texts(f"corrected.{told.field}"), theirs=told.theirs, mine=told.mine))


def _who(request: Request, by: str) -> str:
    """The user who is logged in; only where nobody has to log in, what was typed."""
    return actor_of(request).who or by.strip()


def _by_field(lines: Sequence[str] | None) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in lines or [])


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


def _wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def _json(body: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, {"Cache-Control": "no-store", **SECURITY_HEADERS})


def _back(article_id: str) -> RedirectResponse:
    return RedirectResponse(f"/articles/{quote(article_id, safe='')}#corrections", 303)
