"""Erasing for good: one function, one list of places; and what a kind of source is kept for, when its time is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from filelock import FileLock, Timeout
from prefect import flow
from sqlalchemy import func, select

from crawlers.erasing import erase_files
from diembao import audit
from diembao.article import Article
from diembao.clock import utc_now
from diembao.engine import Filters, SearchEngine, SearchRequest
from diembao.erasing import erase_in_state, scrub_database, traces_of, without
from diembao.errors import DiembaoError
from diembao.privacy import mask_personal_numbers
from diembao.settings import Settings, read_settings
from diembao.state import Erasure, State
from flows.running import none_of, show, tell_why
from index import open_engine
from index.corrections import forget
from index.ingest import rewrite
from index.opening import RebuildableEngine

PLACES: Final = ("runs", "archive", "waiting pages", "engine", "state")
"""Where an article is kept, in the order in which it is erased: what tells of it (the state) goes last, so a kill loses no trace."""
OUT_OF_REACH: Final = "backups (diembao backup), files that were exported, mails that were sent"
BATCH = 200
"""Articles that are erased together: their traces are looked for in every text of the state."""
_COPIES = 1000
_WAIT = 600.0
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass
class Erased:
    """What became of the articles.

    Attributes:
        ids: that are erased now, also those that nothing was kept of.
        counts: what went or was changed: lines of runs, records of the archive, waiting pages, articles of the engine, rows by table.
        waits_for: runs that a crawl is writing: the erasure stays open, and `finish` ends it.
    """

    ids: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    waits_for: list[str] = field(default_factory=list)


def erase(
    settings: Settings, state: State, engine: RebuildableEngine, ids: Sequence[str], now: datetime, by: str = "", reason: str = ""
) -> Erased:
    """Erase articles from every place for good. Nothing brings them back: no crawl, replay, reindex or import.

    It may be repeated, also after a kill; it waits for a round of `monitor`.

    Args:
        settings: of the installation.
        state: the database.
        engine: the index.
        ids: of the articles; one that nothing is known of is only kept from coming in.
        now: aware UTC.
        by: who wants it, for the audit log.
        reason: why; numbers of private persons are masked in it.

    Raises:
        DiembaoError: when a place cannot be written; what was not reached is erased by the next call.
    """
    wanted = list(dict.fromkeys(ids))
    done = Erased()
    with _no_round(settings):
        is_left = False
        with state.session() as session:
            for article_id in wanted:
                known = session.get(Erasure, article_id)
                is_left |= known is not None and known.done_at is None
                if known is None:
                    session.add(Erasure(article_id=article_id, asked_at=now, asked_by=by[:200], reason=mask_personal_numbers(reason)))
                    audit.record(session, now, by, "article.erase", article_id, None, {"reason": reason} if reason else None)
        rest = iter(wanted)
        while batch := list(islice(rest, BATCH)):
            _erase_batch(settings, state, engine, batch, now, done)
        if (done.counts or is_left) and not all([engine.scrub(), scrub_database(state)]):
            done.waits_for.append("engine or a reader of the database")
            _open_again(state, wanted)
    return done


def finish(settings: Settings, state: State, engine: RebuildableEngine, now: datetime) -> Erased:
    """Erase again what a crawl held when it was to be erased."""
    with state.session() as session:
        waiting = list(session.scalars(select(Erasure.article_id).where(Erasure.done_at.is_(None)).order_by(Erasure.article_id)))
    return erase(settings, state, engine, waiting, now) if waiting else Erased()


def expired(settings: Settings, engine: SearchEngine, now: datetime) -> Iterator[str]:
    """The articles that are older than their kind of source is kept for (`[retention]` of office.toml), by their id."""
    for kind, days in settings.office.retention.days().items():
        before = now - timedelta(days=days)
        for article in engine.scan(filters=Filters(kinds=(kind,), irrelevant=True)):
            if (moment := article.published_at or article.first_seen_at) is not None and moment < before:
                yield article.id


def keep_no_longer(settings: Settings, state: State, engine: RebuildableEngine, now: datetime) -> Erased:
    """Erase what is older than its kind of source is kept for, and what earlier erasures had to leave."""
    finish(settings, state, engine, now)
    found = list(expired(settings, engine, now))
    return erase(settings, state, engine, found, now, "retention", "retention") if found else Erased()


@flow(name="retention", description="xóa những gì đã hết hạn lưu", on_failure=[tell_why], on_crashed=[tell_why])
def retention(at: datetime | None = None) -> dict[str, Any]:
    """Erase what is older than its kind of source is kept for.

    Args:
        at: the moment, aware; default: now.

    Returns:
        `{"erased", "waits_for"}`.
    """
    settings = read_settings()
    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.prepare()
        done = keep_no_longer(settings, state, engine, at or utc_now())
    finally:
        engine.close()
        state.close()
    show("retention", f"{len(done.ids)} articles were erased")
    return {"erased": len(done.ids), "waits_for": done.waits_for}


@contextmanager
def _no_round(settings: Settings) -> Iterator[None]:
    """No round of `monitor` indexes or writes runs in the block."""
    lock = FileLock(settings.home / "monitor.lock", timeout=_WAIT)
    try:
        lock.acquire()
    except Timeout as error:
        raise DiembaoError("a round of monitor is going on", "Repeat the command when it has ended") from error
    try:
        with none_of(settings, "partition", _WAIT):
            yield
    finally:
        lock.release()


def _erase_batch(settings: Settings, state: State, engine: RebuildableEngine, ids: list[str], now: datetime, done: Erased) -> None:
    articles = [article for article_id in ids if (article := engine.get(article_id)) is not None]
    with state.session() as session:
        traces = traces_of(session, ids, articles, _ending_stories(engine, articles))
    try:
        files = erase_files(settings.home, settings.runs_folder, settings.archive_folder, traces.ids, lambda value: without(value, traces))
    except OSError as error:
        raise DiembaoError(
            f"{error.filename or settings.home} cannot be written: {error.strerror}", "Check the disk, then repeat"
        ) from error
    heirs = _heirs(engine, articles)
    erased = engine.delete(ids)
    rewrite(engine, state, heirs)
    counts = Counter({"lines": files.lines, "records": files.records, "pages": files.pages, "articles": erased})
    with state.session() as session:
        counts["corrections"] += forget(session, ids)
        counts.update(erase_in_state(session, traces))
        for row in session.scalars(select(Erasure).where(Erasure.article_id.in_(ids))):
            row.done_at = None if files.at_work else now
        # The other addresses that led to them must not lead to them again.
        known = set(session.scalars(select(Erasure.article_id).where(Erasure.article_id.in_(traces.ids))))
        session.add_all(Erasure(article_id=other, asked_at=now, done_at=now) for other in sorted(traces.ids - known))
    done.ids += ids
    done.counts.update(+counts)
    done.waits_for = sorted({*done.waits_for, *files.at_work})


def _open_again(state: State, ids: list[str]) -> None:
    with state.session() as session:
        for start in range(0, len(ids), BATCH):
            for row in session.scalars(select(Erasure).where(Erasure.article_id.in_(ids[start : start + BATCH]))):
                row.done_at = None


def _ending_stories(engine: SearchEngine, articles: Iterable[Article]) -> set[str]:
    """The stories that have no article besides `articles`."""
    leaving = Counter(article.story_id for article in articles if article.story_id)
    ids = {article.id for article in articles}
    ending = {article.id for article in articles if not article.story_id}
    for story in leaving:
        filters = Filters(story_id=story, irrelevant=True)
        request = SearchRequest(filters=filters, fold_copies=False, limit=min(len(ids) + 1, 1000), facets=False, highlight=False)
        if all(hit.article.id in ids for hit in engine.search(request).hits):
            ending.add(story)
    return ending


def _heirs(engine: SearchEngine, articles: Sequence[Article]) -> list[tuple[Article, Article]]:
    """(before, after) of the copies of articles that go: the earliest of them is the origin of the others."""
    leaving = {article.id for article in articles}
    changes: list[tuple[Article, Article]] = []
    for article in articles:
        filters = Filters(copy_of=article.id, irrelevant=True)
        request = SearchRequest(filters=filters, fold_copies=False, sort="time", limit=_COPIES, facets=False, highlight=False)
        copies = [
            hit.article for hit in engine.search(request).hits if hit.article.id not in leaving and "copy_of" not in hit.article.corrected
        ]
        copies.sort(key=lambda one: (one.published_at or one.first_seen_at or utc_now(), one.id))
        for number, copy in enumerate(copies):
            heir = None if number == 0 else copies[0].id
            changes.append((copy, copy.with_fields(copy_of=heir, similarity=copy.similarity if heir else None)))
    return changes


def erasures(state: State) -> dict[str, int]:
    """`{"erased", "open"}`: how many articles were erased, and how many of them a crawl may still hold. Raises StateError."""
    with state.session() as session:
        every = session.scalar(select(func.count()).select_from(Erasure)) or 0
        left = session.scalar(select(func.count()).select_from(Erasure).where(Erasure.done_at.is_(None))) or 0
    return {"erased": every, "open": left}
