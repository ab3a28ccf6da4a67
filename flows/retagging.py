"""Tagging anew what an older step, model or topic list tagged: exactly that, and resumable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from diembao.article import Article
from diembao.clock import Clock
from diembao.corrections import uncorrected
from diembao.engine import Filters, SearchEngine
from diembao.errors import DiembaoError
from diembao.state import Progress, State
from flows import leases
from index.ingest import ingest, rewrite
from nlp.linking import link
from nlp.tagging import Tagger

WORK = "retag"
BATCH = 100
"""Articles that are tagged, written and noted as done together: what a kill makes to be done twice."""

_LINKED_BY = ("copy_keys", "story_keys", "title", "lead", "body")
"""What linking looks at: an article in which one of these changed is linked anew."""


@dataclass
class Retagged:
    """What a call did.

    Attributes:
        seen: articles looked at.
        retagged: those that were old and are up to date now.
        relinked: those of them whose copy and story were looked for again.
        failed: why each article that could not be tagged stays old, by id.
        complete: everything behind the place where an earlier call stopped was looked at; false when `limit` ended it.
    """

    seen: int = 0
    retagged: int = 0
    relinked: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    complete: bool = False


def retag(
    state: State,
    engine: SearchEngine,
    tagger: Tagger,
    clock: Clock,
    step: str | None = None,
    limit: int | None = None,
    again: bool = True,
    progress: Callable[[Retagged], None] = lambda _: None,
) -> Retagged:
    """Run on every indexed article the steps whose version is not the one it was tagged with.

    Articles are read in the engine's order (first_seen_at, id). After each batch the state knows how far the work has come, so a call
    after a kill goes on there; another version of anything begins anew. What is up to date is left alone, so repeating a batch changes
    nothing. Corrections by staff stay. An article is linked anew only when what linking looks at changed.

    Args:
        state: keeps the progress.
        engine: has the articles.
        tagger: knows the versions.
        clock: the present moment.
        step: only this step.
        limit: at most so many old articles.
        again: look through all articles also when an earlier call has done so for the same versions (records from outside may be old).
        progress: gets what was done after each batch.

    Raises:
        UsageError: when there is no such step.
        DiembaoError: when the engine or the database fails; the same call goes on where it stopped.
    """
    tagger.is_current(Article(title=""), step)  # an unknown step is said before anything is done
    target = hashlib.sha256(json.dumps([sorted(tagger.versions.items()), step]).encode()).hexdigest()
    cursor = _cursor(state, target)
    if cursor == _COMPLETE:
        if not again:
            return Retagged(complete=True)
        cursor = None
    done = Retagged()
    after = (datetime.fromisoformat(cursor["seen"]) if cursor["seen"] else None, cursor["id"]) if cursor else None
    articles = engine.scan(filters=Filters(irrelevant=True), after=after)
    while batch := list(islice(articles, BATCH)):
        rest = None if limit is None else limit - done.retagged - len(done.failed)
        old = [article for article in batch if not tagger.is_current(article, step)][:rest]
        _renew(state, engine, tagger, step, old, done)
        is_cut = rest is not None and len(old) == rest
        last = old[-1] if is_cut and old else batch[-1]
        done.seen += batch.index(last) + 1
        _note(state, target, {"seen": last.first_seen_at.isoformat() if last.first_seen_at else "", "id": last.id}, clock())
        progress(done)
        if is_cut:
            return done
    _note(state, target, _COMPLETE, clock())
    done.complete = True
    return done


_COMPLETE: dict[str, Any] = {"complete": True}


def _renew(state: State, engine: SearchEngine, tagger: Tagger, step: str | None, old: list[Article], done: Retagged) -> None:
    """Tag `old` anew and write them, while nobody else writes; what others changed meanwhile is tagged as they left it."""
    changes = list(_tagged(tagger, step, old, done))
    while changes:
        with leases.alone(state, leases.WRITING):
            unlinked = [change for change in changes if not _links_change(*change)]
            to_link = {before.id: after for before, after in changes if _links_change(before, after)}
            meanwhile = rewrite(engine, state, unlinked)
            for before, after in changes:
                if before.id in to_link and engine.get(before.id) != before:
                    meanwhile.append(before)
                    del to_link[after.id]
            if to_link:
                rewrite(engine, state, [change for change in changes if change[0].id in to_link])
                ingest(engine, state, link(to_link.values(), engine))
            done.relinked += len(to_link)
            done.retagged += len(changes) - len(meanwhile)
            fresh = [article for before in meanwhile if (article := engine.get(before.id)) is not None]
        changes = list(_tagged(tagger, step, [article for article in fresh if not tagger.is_current(article, step)], done))


def _tagged(tagger: Tagger, step: str | None, old: list[Article], done: Retagged) -> Iterator[tuple[Article, Article]]:
    for article in old:
        try:
            yield article, tagger.retag(uncorrected(article), step)
        except DiembaoError as error:
            done.failed[article.id] = str(error)


def _links_change(before: Article, after: Article) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in _LINKED_BY)


def _cursor(state: State, target: str) -> dict[str, Any] | None:
    with state.session() as session:
        known = session.get(Progress, WORK)
        return known.cursor if known is not None and known.target == target else None


def _note(state: State, target: str, cursor: dict[str, Any], now: datetime) -> None:
    with state.session() as session:
        session.merge(Progress(work=WORK, target=target, cursor=cursor, updated_at=now))
