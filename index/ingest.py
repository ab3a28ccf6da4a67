"""Decides for each article whether it is new, known or changed, and writes what must be written. Safe to repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import insert, select

from diembao.article import Article
from diembao.engine import SearchEngine, StoredVersion
from diembao.erasing import erased_ids
from diembao.fates import Fate
from diembao.state import Revision, State
from index.corrections import Corrections, corrected_since, dependants, newest, renew
from index.document import refusal

CHUNK = 2000
"""Articles that are decided and written together."""

_PER_FETCH = {"fetched_at", "first_seen_at", "revision", "archive", "modified_at"}
"""Fields that differ from fetch to fetch without anything being new."""


@dataclass
class IngestReport:
    """What became of the articles.

    Attributes:
        indexed: written for the first time.
        unchanged: the engine had this text already (tags and links that differed were renewed).
        revised: the text had changed; a new revision was written.
        rejected: refused by the engine, or erased for good.
        outcomes: the fate of each id: INDEXED (new or revised), UNCHANGED, REJECTED or ERASED.
        reasons: why each id that was rejected or erased was refused.
    """

    indexed: int = 0
    unchanged: int = 0
    revised: int = 0
    rejected: int = 0
    outcomes: dict[str, Fate] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, other: IngestReport) -> None:
        """Add the counts and outcomes of another batch."""
        self.indexed += other.indexed
        self.unchanged += other.unchanged
        self.revised += other.revised
        self.rejected += other.rejected
        for article_id, fate in other.outcomes.items():
            _settle(self.outcomes, article_id, fate)
        self.reasons |= other.reasons

    def counts(self) -> dict[str, int]:
        """`{"indexed", "unchanged", "revised", "rejected"}`."""
        return {"indexed": self.indexed, "unchanged": self.unchanged, "revised": self.revised, "rejected": self.rejected}


def ingest(engine: SearchEngine, state: State, articles: Iterable[Article]) -> IngestReport:
    """Bring `articles` into the engine, and their texts into the history of revisions.

    An article whose id is not indexed is new. One whose text (content_hash) is indexed is unchanged; its tags and links are
    renewed when they differ. One with another text is a revision, unless it was fetched before the indexed one (a replay of
    an old run), which changes nothing. One that was erased stays away. What staff corrected wins over what an article says. Each
    text is kept in the state, the first too, before the engine is written, so an interruption loses nothing and a repetition ends in
    the same revision numbers.

    Args:
        engine: where they go.
        state: keeps the revisions.
        articles: in the order in which they were fetched; one id may come several times.

    Raises:
        EngineError: when the engine fails as a whole; what is written so far stays, and the same call can be repeated.
        StateError: when the database fails.
    """
    report = IngestReport()
    for chunk in _chunks(articles, CHUNK):
        report.add(_ingest_chunk(engine, state, chunk))
    return report


def _ingest_chunk(engine: SearchEngine, state: State, articles: Sequence[Article]) -> IngestReport:
    with _corrected(engine, state, articles) as corrected:
        return _ingest_corrected(engine, state, corrected)


def _ingest_corrected(engine: SearchEngine, state: State, articles: Sequence[Article]) -> IngestReport:
    known = engine.stored(list(dict.fromkeys(article.id for article in articles)))
    report = IngestReport()
    to_write: dict[str, Article] = {}
    decided: list[tuple[str, str]] = []
    texts: list[Article] = []
    numbers = _RevisionNumbers(state, [article.id for article in articles])
    with state.session() as session:
        erased = erased_ids(session, (article.id for article in articles))
    for article in articles:
        if article.id in erased:
            report.rejected += 1
            report.reasons[article.id] = "it was erased for good (diembao erase)"
            _settle(report.outcomes, article.id, Fate.ERASED)
            continue
        if reason := refusal(article):
            report.rejected += 1
            report.reasons[article.id] = reason
            _settle(report.outcomes, article.id, Fate.REJECTED)
            continue
        stored = known.get(article.id)
        if stored is None:
            entry = article.with_fields(first_seen_at=article.first_seen_at or article.fetched_at)
            outcome = "indexed"
            texts.append(entry)
        elif stored.content_hash == article.content_hash:
            entry = _as_stored(article, stored)
            outcome = "unchanged"
            before = to_write.get(article.id) or engine.get(article.id)
            if _is_older(article, stored) or (before is not None and not _differs(entry, before)):
                decided.append((article.id, outcome))
                continue
            if before is not None:
                entry = entry.with_fields(modified_at=article.modified_at or before.modified_at, archive=before.archive)
        elif _is_older(article, stored):
            decided.append((article.id, "unchanged"))
            continue
        else:
            revision = numbers.next_for(article.id, article.content_hash, stored.revision)
            entry = article.with_fields(revision=revision, first_seen_at=stored.first_seen_at or article.first_seen_at)
            outcome = "revised"
            texts.append(entry)
        numbers.taken(entry)
        decided.append((article.id, outcome))
        to_write[article.id] = entry
        known[article.id] = StoredVersion(entry.content_hash, entry.revision, entry.first_seen_at, entry.fetched_at)
    written_texts = _keep_texts(state, texts)
    refused = engine.upsert(to_write.values()) if to_write else {}
    if refused:
        _forget_texts(state, [key for key in written_texts if key[0] in refused])
        report.reasons |= refused
    counts: Counter[str] = Counter()
    for article_id, outcome in decided:
        if article_id in refused:
            counts["rejected"] += 1
            _settle(report.outcomes, article_id, Fate.REJECTED)
        else:
            counts[outcome] += 1
            _settle(report.outcomes, article_id, Fate.UNCHANGED if outcome == "unchanged" else Fate.INDEXED)
    report.indexed += counts["indexed"]
    report.unchanged += counts["unchanged"]
    report.revised += counts["revised"]
    report.rejected += counts["rejected"]
    return report


def rewrite(engine: SearchEngine, state: State, changes: Sequence[tuple[Article, Article]]) -> list[Article]:
    """Replace indexed articles by the same ones with other tags; also their text may be repaired in another way, which is no revision.

    Corrections by staff win. Call it where nothing else writes these articles between reading and replacing them.

    Args:
        engine: has them.
        state: keeps the texts of revisions, which follow.
        changes: (as it is indexed, as it shall be).

    Returns:
        Those that are not as they should be: another process wrote them meanwhile. They stay as that process left them.
    """
    changes = [change for change in changes if change[0] != change[1]]
    still = [(before, after) for before, after in changes if engine.get(before.id) == before]
    with _corrected(engine, state, [after for _, after in still]) as articles:
        engine.upsert(articles)
    with state.session() as session:
        for before, after in still:
            row = session.get(Revision, (after.id, after.revision))
            if before.content_hash == after.content_hash or row is None or row.content_hash != before.content_hash:
                continue
            same = select(Revision.revision).where(Revision.article_id == after.id, Revision.content_hash == after.content_hash)
            if session.scalar(same) is None:
                row.title, row.lead, row.body, row.content_hash = after.title, after.lead, after.body, after.content_hash
    replaced = {before.id for before, _ in still}
    return [before for before, _ in changes if before.id not in replaced]


@contextmanager
def _corrected(engine: SearchEngine, state: State, articles: Sequence[Article]) -> Iterator[list[Article]]:
    """`articles` with what staff said of them in force (`index.corrections`), to be written in the block.

    Afterwards those are written again that were corrected meanwhile, and those whose corrections name a written one: their copy or
    story follows it.
    """
    with state.session() as session:
        number = newest(session)
        corrections = Corrections(session, engine, articles)
        given = [corrections.applied(article) for article in articles]
    yield given
    ids = list(dict.fromkeys(article.id for article in given))
    with state.session() as session:
        if waiting := (dependants(session, ids) - set(ids)) | corrected_since(session, number, ids):
            renew(session, engine, waiting)


def _settle(outcomes: dict[str, Fate], article_id: str, fate: Fate) -> None:
    """Of several fates of one id, the one that says most: erased, rejected, then indexed, then unchanged."""
    order = (Fate.ERASED, Fate.REJECTED, Fate.INDEXED, Fate.UNCHANGED)
    outcomes[article_id] = min(fate, outcomes.get(article_id, fate), key=order.index)


def _is_older(article: Article, stored: StoredVersion) -> bool:
    return article.fetched_at is not None and stored.fetched_at is not None and article.fetched_at < stored.fetched_at


def _as_stored(article: Article, stored: StoredVersion) -> Article:
    return article.with_fields(
        revision=stored.revision,
        first_seen_at=stored.first_seen_at or article.first_seen_at,
        fetched_at=article.fetched_at or stored.fetched_at,
    )


def _differs(article: Article, before: Article) -> bool:
    return article.model_dump(exclude=_PER_FETCH) != before.model_dump(exclude=_PER_FETCH)


class _RevisionNumbers:
    """Which revision number a text gets: the one that it was given before an interruption, else the next."""

    def __init__(self, state: State, ids: Sequence[str]) -> None:
        self._numbers: dict[str, dict[str, int]] = {}
        wanted = [article_id for article_id in dict.fromkeys(ids) if article_id]
        with state.session() as session:
            for start in range(0, len(wanted), CHUNK):
                query = select(Revision.article_id, Revision.content_hash, Revision.revision).where(
                    Revision.article_id.in_(wanted[start : start + CHUNK])
                )
                for article_id, content_hash, revision in session.execute(query):
                    self._numbers.setdefault(article_id, {})[content_hash] = revision

    def next_for(self, article_id: str, content_hash: str, current: int) -> int:
        kept = self._numbers.get(article_id, {})
        before = kept.get(content_hash, 0)
        return before if before > current else max([current, *kept.values()]) + 1

    def taken(self, article: Article) -> None:
        self._numbers.setdefault(article.id, {}).setdefault(article.content_hash, article.revision)


def _keep_texts(state: State, articles: Sequence[Article]) -> list[tuple[str, int]]:
    """Add the texts that the history lacks; returns their keys."""
    added: list[tuple[str, int]] = []
    rows: list[dict[str, object]] = []
    if not articles:
        return added
    with state.session() as session:
        kept = list(
            session.execute(
                select(Revision.article_id, Revision.revision, Revision.content_hash).where(
                    Revision.article_id.in_({article.id for article in articles})
                )
            )
        )
        hashes = {(row[0], row[2]) for row in kept}
        numbers = {(row[0], row[1]) for row in kept}
        for article in articles:
            if (article.id, article.content_hash) in hashes or (article.id, article.revision) in numbers:
                continue
            hashes.add((article.id, article.content_hash))
            numbers.add((article.id, article.revision))
            added.append((article.id, article.revision))
            rows.append(
                {
                    "article_id": article.id,
                    "revision": article.revision,
                    "content_hash": article.content_hash,
                    "fetched_at": article.fetched_at,
                    "title": article.title,
                    "lead": article.lead,
                    "body": article.body,
                    "archive_file": article.archive.file if article.archive else None,
                    "archive_offset": article.archive.offset if article.archive else None,
                }
            )
        if rows:
            session.execute(insert(Revision), rows)
    return added


def _forget_texts(state: State, keys: Sequence[tuple[str, int]]) -> None:
    with state.session() as session:
        for key in keys:
            if (row := session.get(Revision, key)) is not None:
                session.delete(row)


def _chunks(articles: Iterable[Article], size: int) -> Iterator[list[Article]]:
    rest = iter(articles)
    while chunk := list(islice(rest, size)):
        yield chunk
