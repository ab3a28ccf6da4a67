"""Joining two stories and taking articles out of one: as corrections by staff, so no linking, tagging or rebuilding undoes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from sqlalchemy import select

from diembao.article import Article
from diembao.corrections import apart, reference_of
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.errors import UsageError
from diembao.state import CorrectionRecord, Deed, State
from index.corrections import in_force
from index.corrections_together import Wish
from web.articles.deeds import Done

MOST = 1000
"""Articles of a story that a page reads, and that are moved at once."""
_FIELD = "story_id"
_REMEMBERED = 300
_APART = apart("")


def members_of(engine: SearchEngine, story: str, *, irrelevant: bool = False) -> tuple[int, list[Article]]:
    """How many articles the story has, and its newest ones, at most MOST, copies one by one. Raises EngineError.

    Args:
        engine: read only.
        story: its id.
        irrelevant: also what staff marked as not relevant.
    """
    filters = Filters(story_id=story, irrelevant=irrelevant)
    found = engine.search(SearchRequest("", filters, fold_copies=False, sort="time", limit=MOST, facets=False, highlight=False))
    return found.total, [hit.article for hit in found.hits]


def size_of(engine: SearchEngine, story: str) -> int:
    """How many articles the story has. Raises EngineError."""
    return engine.search(SearchRequest("", Filters(story_id=story), fold_copies=False, limit=0, facets=False, highlight=False)).total


def story_now(engine: SearchEngine, story: str) -> str | None:
    """Where the article is now that a story's id stands for: the id of its present story; None: there is no such article.

    A story is named by its first article, so the name of one that was joined with another still leads to it.
    """
    for article_id in (story, story.removesuffix(_APART)):
        article = engine.get(article_id)
        if article is not None:
            return article.story_id or article.id
    return None


def named_in(text: str) -> str:
    """The id in what somebody pasted: an id, or the address of a story's or an article's page.

    >>> named_in(" https://desk.example/stories/ab%20c?lang=en#x "), named_in("abc")
    ('ab c', 'abc')
    """
    text = text.strip()
    if "/" not in text:
        return text
    try:
        path = urlsplit(text).path
    except ValueError:  # not an address: then an id with a slash in it, or nothing that there is
        path = text
    return unquote(path.rstrip("/").rpartition("/")[2])


def wishes_to_join(state: State, into: Sequence[Article], others: Sequence[Article]) -> list[Wish]:
    """What has to be corrected for `others` to be on the event of `into`; both with at least one article, the earliest first."""
    with state.session() as session:
        values = in_force(session, [article.id for article in into])
    anchor = next((article for article in into if reference_of(_FIELD, _value(values, article.id)) is None), into[0])
    return [Wish(article.id, _FIELD, {"with": anchor.id}) for article in others]


def wishes_to_split(state: State, members: Sequence[Article], chosen: Collection[str]) -> list[Wish]:
    """What has to be corrected for the chosen texts, with their copies, to be a story of their own.

    Who stays, and was joined to the story by naming an article that goes, names one that stays instead.

    Args:
        state: knows the corrections in force.
        members: all articles of the story, the earliest first.
        chosen: ids of articles; of a text with copies that of the article that stands for it.

    Raises:
        UsageError: when nothing is chosen, or everything.
    """
    going = [article for article in members if article.id in chosen or (article.copy_of is not None and article.copy_of in chosen)]
    gone = {article.id for article in going}
    staying = [article for article in members if article.id not in gone]
    if not going or not staying:
        raise UsageError("Chọn ít nhất một bài, và để lại ít nhất một bài / choose at least one article and leave at least one")
    first = going[0]
    wishes = [Wish(first.id, _FIELD, None)] + [Wish(article.id, _FIELD, {"with": first.id}) for article in going[1:]]
    with state.session() as session:
        values = in_force(session, [article.id for article in staying])
    hanging = [article for article in staying if reference_of(_FIELD, _value(values, article.id)) in gone]
    if not hanging:
        return wishes
    free = [article for article in staying if article not in hanging]
    anchor = next((article for article in free if reference_of(_FIELD, _value(values, article.id)) is None), None)
    if anchor is None:
        anchor, hanging = hanging[0], hanging[1:]
        wishes.append(Wish(anchor.id, _FIELD, None))
    return wishes + [Wish(article.id, _FIELD, {"with": anchor.id}) for article in hanging]


def _value(values: Mapping[str, Mapping[str, Any]], article_id: str) -> Any:
    return values.get(article_id, {}).get(_FIELD)


@dataclass(frozen=True)
class Change:
    """One deed that changed what belongs to a story.

    Attributes:
        deed: its id.
        kind: articles came in, or went out.
        articles: how many.
        elsewhere: an article that is not in the story now, to lead to where it is; empty: none.
        at, by: when and who.
        undone_at, undone_by: when it was taken back; None: it was not.
    """

    deed: str
    kind: Literal["join", "split"]
    articles: int
    elsewhere: str
    at: datetime
    by: str
    undone_at: datetime | None
    undone_by: str


def changes_of(state: State, story: str, members: Collection[str]) -> list[Change]:
    """The deeds that moved articles into the story or out of it, the newest first. Raises StateError.

    Args:
        state: has the deeds.
        story: its id.
        members: ids of the articles that it has now.
    """
    with state.session() as session:
        latest = select(Deed).where(Deed.kind.in_(("correct", "merge"))).order_by(Deed.at.desc()).limit(_REMEMBERED)
        deeds = [(deed, Done.model_validate(deed.done)) for deed in session.scalars(latest)]
        deeds = [(deed, done) for deed, done in deeds if done.field == _FIELD]
        named = {story, story.removesuffix(_APART), *members}
        first = {done.keys[0]: (deed, done) for deed, done in deeds if done.keys}
        rows = list(
            session.scalars(select(CorrectionRecord).where(CorrectionRecord.key.in_(first)).order_by(CorrectionRecord.number.desc()))
        )
        touching = [first[row.key] for row in rows if _touches(first[row.key][1], row, story, named)]
        return [_change(deed, done, members) for deed, done in touching]


def _touches(done: Done, row: CorrectionRecord, story: str, named: Collection[str]) -> bool:
    """Whether a deed, of which `row` is one correction, moved articles into the story or out of it."""
    was = (row.old_value or {}).get("with") if isinstance(row.old_value, dict) else None
    return was == story or row.reference in named or any(article in named for article in done.articles)


def _change(deed: Deed, done: Done, members: Collection[str]) -> Change:
    is_split = any(value is None for value in done.values.values())
    elsewhere = next((article for article in done.articles if article not in members), "")
    kind: Literal["join", "split"] = "split" if is_split else "join"
    return Change(deed.id, kind, len(done.articles), elsewhere, deed.at, deed.by, deed.undone_at, deed.undone_by)
