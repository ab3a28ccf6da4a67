"""What the crawler remembers of addresses from run to run, and when each is asked for again.

Nothing is remembered as fetched before its Article is safely in the run's folder: `commit` is called after that. What was remembered
since the last `commit` stands in a journal, line by line: the crawl after a kill reads it, and fetches no page a second time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import inspect, or_, select
from sqlalchemy.orm import Session

from crawlers.outcomes import TRANSIENT
from diembao.article import ArchiveRecord
from diembao.erasing import erased_ids
from diembao.fates import Fate
from diembao.state import EntrancePace, FetchState, Removal, State
from diembao.urls import article_id, normalise_url

EXTRACTED = "extracted"
"""`FetchState.fate` of an address whose Article is in a run."""

LONGEST = timedelta(days=30)
"""An address whose next turn would be further away than this is not asked for again."""

ADDRESS_MAX = 2000
"""Characters that an address may have."""

_CHUNK = 400
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Schedule:
    """When an address is asked for again, and how many failures in a row it has."""

    next_fetch_at: datetime | None
    failures: int


def schedule(known: FetchState, fate: Fate | None, recrawl_hours: float, now: datetime, published: datetime | None = None) -> Schedule:
    """When the page `known` is due again after an attempt `now` that ended in `fate` (None: extracted).

    New text: after `recrawl_hours`, and not before an eighth of its age since `published` has passed: an old article that a backfill
    brought is not watched like one of today (unless `recrawl_hours` is 0). The same text, or a lasting reason for dropping it: after twice
    the last interval. A passing failure: in the next run, from the fourth in a row on after `recrawl_hours`, doubled each time. Never
    again when that would be more than 30 days away.
    """
    first = timedelta(hours=recrawl_hours)
    if fate is None:
        age = (now - published) / 8 if published is not None and first else timedelta()
        return Schedule(now + max(first, min(age, LONGEST)), 0)
    failures = 0 if fate is Fate.UNCHANGED else known.failures + 1
    if fate in TRANSIENT:
        interval = first * 2 ** min(failures - 4, 20) if failures >= 4 else timedelta()
    elif known.fetched_at is not None and known.next_fetch_at is not None and known.next_fetch_at > known.fetched_at:
        interval = (known.next_fetch_at - known.fetched_at) * 2
    else:
        interval = first
    return Schedule(now + interval if interval <= LONGEST else None, failures)


class FetchMemory:
    """The table `fetch_state`, with writes collected until `commit`.

    Args:
        state: has the table.
        journal: file of what was remembered since the last `commit`; None: a kill loses that.
    """

    def __init__(self, state: State, journal: Path | None = None) -> None:
        self._state = state
        self._changed: dict[str, FetchState] = {}
        self._away: dict[str, Removal] = {}
        self._paces: dict[str, EntrancePace] = {}
        self._path = journal
        self._journal: BinaryIO | None = None

    def look_up(self, urls: Iterable[str]) -> dict[str, FetchState]:
        """What is known of the normalised `urls`; unknown ones are missing. One whose article was erased is never due again."""
        wanted = list(dict.fromkeys(urls))
        found = {url: self._changed[url] for url in wanted if url in self._changed}
        rest = [url for url in wanted if url not in found]
        with self._state.session() as session:
            for start in range(0, len(rest), _CHUNK):
                for entry in session.scalars(select(FetchState).where(FetchState.url.in_(rest[start : start + _CHUNK]))):
                    found[entry.url] = entry
            ids = {article_id(url): url for url in rest if url not in found}
            for identity in erased_ids(session, ids):
                # Nothing of it is kept but that hash: not remembered, so the address is written nowhere.
                found[ids[identity]] = FetchState(
                    url=ids[identity], address="", source="", role="article", fate=str(Fate.ERASED), first_seen_at=_NEVER, failures=0
                )
            session.expunge_all()
        return found

    def due(self, source: str, now: datetime, limit: int) -> list[FetchState]:
        """Pages of `source` that are due `now`: never fetched ones first, then the longest waiting."""
        query = (
            select(FetchState)
            .where(FetchState.source == source, FetchState.role == "article", FetchState.next_fetch_at <= now, FetchState.address != "")
            .where(or_(FetchState.fetched_at.is_(None), FetchState.fetched_at < now))
            .order_by(FetchState.fetched_at.is_not(None), FetchState.next_fetch_at, FetchState.url)
            .limit(limit)
        )
        with self._state.session() as session:
            entries = list(session.scalars(query))
            session.expunge_all()
        return entries

    def closed_hosts(self, now: datetime) -> dict[str, float]:
        """The hosts that asked in an earlier run to be left alone, with the seconds that are left."""
        query = select(FetchState).where(FetchState.role == "host", FetchState.next_fetch_at > now)
        with self._state.session() as session:
            return {entry.address: (entry.next_fetch_at - now).total_seconds() for entry in session.scalars(query) if entry.next_fetch_at}

    def close_host(self, host: str, seconds: float, now: datetime) -> None:
        """Keep with the next `commit` that `host` wants to be left alone for `seconds`."""
        until = now + timedelta(seconds=min(seconds, LONGEST.total_seconds()))
        known = self.look_up([f"host:{host}"]).get(f"host:{host}")
        if known is not None:
            known.fetched_at, known.next_fetch_at, known.failures = now, until, known.failures + 1
            self.remember(known)
            return
        self.remember(
            FetchState(
                url=f"host:{host}", address=host, source="", role="host", first_seen_at=now, fetched_at=now, next_fetch_at=until, failures=1
            )
        )

    def pace_of(self, url: str) -> EntrancePace:
        """What is known of the pace of the entrance at the normalised `url`; a new row when nothing is."""
        if url in self._paces:
            return self._paces[url]
        with self._state.session() as session:
            row = session.get(EntrancePace, url)
            session.expunge_all()
        return row or EntrancePace(url=url, links_hash=None, habit={})

    def remember_pace(self, pace: EntrancePace) -> None:
        """Keep `pace` with the next `commit`."""
        self._paces[pace.url] = pace

    def is_away(self, known: FetchState, fate: Fate, detail: str, answer: ArchiveRecord | None, now: datetime) -> None:
        """Keep with the next `commit` that the article at `known` was not found `now`.

        Args:
            known: its address as it was remembered before this attempt.
            fate: one of ABSENT.
            detail: what was answered.
            answer: where the answer is archived; None when there was none to keep.
            now: when.
        """
        assert known.article_id is not None
        removal = self._away.get(known.article_id) or self._last_removal(known.article_id)
        if removal is not None and removal.restored_at is None:
            removal.checked_at, removal.checks = now, removal.checks + 1
        else:
            removal = Removal(
                article_id=known.article_id,
                found_at=now,
                url=known.address,
                source=known.source,
                fate=str(fate),
                detail=detail,
                last_seen_at=known.fetched_at,
                checked_at=now,
                checks=1,
                archive_file=answer.file if answer else None,
                archive_offset=answer.offset if answer else None,
            )
        self._away[known.article_id] = removal

    def is_back(self, article: str, now: datetime) -> None:
        """Keep with the next `commit` that an article that was away is there again."""
        removal = self._away.get(article) or self._last_removal(article)
        if removal is not None and removal.restored_at is None:
            removal.restored_at = now
            self._away[article] = removal

    def _last_removal(self, article: str) -> Removal | None:
        with self._state.session() as session:
            query = select(Removal).where(Removal.article_id == article).order_by(Removal.found_at.desc()).limit(1)
            removal = session.scalar(query)
            session.expunge_all()
        return removal

    def remember(self, entry: FetchState) -> None:
        """Keep `entry` with the next `commit`. Raises OSError when the journal cannot be written."""
        self._changed[entry.url] = entry
        if self._path is not None:
            if self._journal is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._journal = self._path.open("ab", buffering=0)
            record = {name: getattr(entry, name) for name in _COLUMNS}
            self._journal.write((json.dumps(record, default=datetime.isoformat) + "\n").encode())

    def recover(self, journal: Path, is_kept: Callable[[str], bool]) -> int:
        """Take over what a killed crawl remembered and could not commit.

        Args:
            journal: its file; a last line cut short is ignored.
            is_kept: whether the article with this id is in that crawl's run. After a power cut the journal may know more than the run.

        Returns:
            How many addresses.

        Raises:
            OSError: when the file cannot be read.
        """
        found: dict[str, FetchState] = {}
        with journal.open("rb") as lines:
            for line in lines:
                try:
                    entry = _entry(json.loads(line))
                except (ValueError, KeyError, TypeError):
                    continue
                if entry.fate != EXTRACTED or (entry.article_id is not None and is_kept(entry.article_id)):
                    found[entry.url] = entry
        known = self.look_up(found)
        for url, entry in found.items():
            before = known.get(url)
            if before is None:
                self._changed[url] = entry
            elif entry.fetched_at is not None and (before.fetched_at is None or before.fetched_at < entry.fetched_at):
                for name in _COLUMNS:
                    setattr(before, name, getattr(entry, name))
                self._changed[url] = before
        return len(found)

    def close(self) -> None:
        """Take the journal away when everything in it is committed."""
        if self._journal is not None and self._path is not None:
            self._journal.close()
            self._journal = None
            if not self._changed:
                self._path.unlink(missing_ok=True)

    def commit(self) -> None:
        """Write what was remembered. Raises StateError, and OSError when the journal cannot be emptied."""
        if not self._changed:
            return
        with self._state.session() as session:
            self._write(session)
            session.add_all(self._away.values())
            session.add_all(self._paces.values())
            session.flush()
            # Detached before the end of the transaction, which would empty them: they are used on.
            session.expunge_all()
        self._changed.clear()
        self._away.clear()
        self._paces.clear()
        if self._journal is not None:
            self._journal.truncate(0)

    def _write(self, session: Session) -> None:
        """One row for each address, also where it became known twice before it was written: a sitemap may name itself."""
        new = [entry.url for entry in self._changed.values() if inspect(entry).transient]
        there: set[str] = set()
        for start in range(0, len(new), _CHUNK):
            there.update(session.scalars(select(FetchState.url).where(FetchState.url.in_(new[start : start + _CHUNK]))))
        for entry in self._changed.values():
            if entry.url in there:
                session.merge(entry)
            else:
                session.add(entry)


def new_entry(address: str, source: str, role: str, now: datetime) -> FetchState:
    """An address that was found `now` and is due at once. Raises ValueError for one that is not http(s)."""
    return FetchState(
        url=normalise_url(address),
        address=address,
        source=source,
        role=role,
        first_seen_at=now,
        next_fetch_at=now,
        failures=0,
    )


_COLUMNS = tuple(column.key for column in FetchState.__table__.columns)
_MOMENTS = ("first_seen_at", "fetched_at", "next_fetch_at")


def _entry(record: dict[str, Any]) -> FetchState:
    moments = {name: datetime.fromisoformat(record[name]) for name in _MOMENTS if record[name]}
    return FetchState(**{name: record[name] for name in _COLUMNS} | moments)
