"""What a backfill asks for: the days, which sitemaps and archive pages may hold them, and how far it has come. Imports no Scrapy."""

from __future__ import annotations

import calendar
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from crawlers.entrances import Link
from diembao.clock import start_of_day, utc_now
from diembao.errors import UsageError
from diembao.source import Archive, Source
from diembao.state import Progress, State

_MARGIN = timedelta(days=1)
"""Sitemaps may count their days in another time zone."""

_PERIOD = re.compile(r"(?<!\d)(20\d\d)(?:[-_/.]?(0[1-9]|1[0-2])(?:[-_/.]?(0[1-9]|[12]\d|3[01]))?)?(?!\d)")
_DAY_OF_PAGE = re.compile(r"/(20\d\d)/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])/")


@dataclass(frozen=True)
class Span:
    """The days of a backfill in Vietnam's time, both included.

    Raises:
        UsageError: when they are in the wrong order.
    """

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise UsageError(f"--since {self.since} is after --until {self.until}", "Give the earlier day with --since")

    @property
    def begins(self) -> datetime:
        """The first moment (aware UTC)."""
        return start_of_day(self.since)

    @property
    def ends(self) -> datetime:
        """The first moment after it (aware UTC)."""
        return start_of_day(self.until + timedelta(days=1))

    def meets(self, first: date, last: date) -> bool:
        """Whether the days from `first` to `last` and the span have one in common, a day of margin allowed."""
        return first <= self.until + _MARGIN and last >= self.since - _MARGIN

    def sitemaps(self, links: list[Link]) -> list[Link]:
        """The sitemaps of an index that may name pages of the span: changed since it began, and, where the name has a date, of its time."""
        return [link for link in links if (link.moment is None or link.moment >= self.begins) and self._may_hold(link.url)]

    def _may_hold(self, sitemap: str) -> bool:
        period = period_of(sitemap)
        return period is None or self.meets(*period)

    def pages(self, links: list[Link]) -> list[Link]:
        """The links that may be of the span, those that surely are first.

        One that was last changed before the span began is left out, and one whose address has a day outside of it. One that was changed
        later stays: it may have been published in the span and edited since.
        """
        kept = []
        for link in links:
            day = _day_of_page(link.url)
            if (link.moment is not None and link.moment < self.begins) or (day is not None and not self.meets(day, day)):
                continue
            kept.append(link)
        return sorted(kept, key=lambda link: link.moment is not None and link.moment >= self.ends)

    def months(self) -> Iterator[date]:
        """The first day of each month, newest first."""
        month = self.until.replace(day=1)
        while month >= self.since.replace(day=1):
            yield month
            month = (month - timedelta(days=1)).replace(day=1)

    def days(self) -> Iterator[date]:
        """Each day, newest first."""
        for number in range((self.until - self.since).days + 1):
            yield self.until - timedelta(days=number)


def period_of(address: str) -> tuple[date, date] | None:
    """The first and the last day of the year, month or day in the name of a sitemap; None when there is none.

    >>> period_of("https://bao.vn/sitemap-2026-02.xml")
    (datetime.date(2026, 2, 1), datetime.date(2026, 2, 28))
    """
    found = list(_PERIOD.finditer(urlsplit(address).path))
    if len(found) != 1:
        return None
    year, month, day = (int(part) if part else None for part in found[0].groups())
    assert year is not None
    try:
        if day and month:
            return date(year, month, day), date(year, month, day)
        if month:
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        return date(year, 1, 1), date(year, 12, 31)
    except ValueError:
        return None


def _day_of_page(address: str) -> date | None:
    match = _DAY_OF_PAGE.search(urlsplit(address).path)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None


@dataclass
class Walk:
    """A walk through the pages of one archive: page after page, newest first.

    Attributes:
        archive: its entry.
        day: the day or month that it is about; None: no date is part of the address.
        page: the page that is asked for next.
        seen: addresses that earlier pages of this walk named.
        waiting: addresses of the last page whose articles are still to be fetched.
        dated: of the articles of the last page that have a date: whether each is older than the span.
        paged: whether there are further pages.
    """

    archive: Archive
    day: date | None
    page: int
    seen: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    dated: list[bool] = field(default_factory=list)

    @property
    def paged(self) -> bool:
        """Whether the address has a place for a page's number."""
        return "{page}" in self.archive.url

    @property
    def name(self) -> str:
        """What the walk is called in the memory of how far a backfill has come."""
        return f"{self.archive.url} {self.day or ''}".strip()

    def address(self) -> str:
        """The page that is asked for next."""
        written = self.day.strftime(self.archive.date_format) if self.day else ""
        return self.archive.url.replace("{page}", str(self.page)).replace("{day}", written).replace("{month}", written)

    def is_past(self) -> bool:
        """Whether the last page was older than the span: most of its dated articles are (one pinned on top does not count)."""
        return len(self.dated) >= 2 and sum(self.dated) >= 0.8 * len(self.dated)


def walks(source: Source, span: Span) -> list[Walk]:
    """The walks through the archives of `source`, in the order in which they are made."""
    found = []
    for archive in source.archives:
        days: list[date | None] = [None]
        if "{day}" in archive.url:
            days = list(span.days())
        elif "{month}" in archive.url:
            days = list(span.months())
        found += [Walk(archive, day, archive.first_page) for day in days]
    return found


class BackfillProgress:
    """How far the backfill of one source has come, kept in the state: a second call goes on there.

    Args:
        state: keeps it.
        source: what is filled.
        span: another span, or another entry of the source, begins anew.
    """

    def __init__(self, state: State, source: Source, span: Span) -> None:
        self._state = state
        self._work = f"backfill:{source.id}"
        ways = [str(sitemap) for sitemap in source.sitemaps] + [archive.model_dump_json() for archive in source.archives]
        self._target = hashlib.sha256(json.dumps([str(span.since), str(span.until), ways]).encode()).hexdigest()
        with state.session() as session:
            row = session.get(Progress, self._work)
            cursor: dict[str, Any] = dict(row.cursor) if row is not None and row.target == self._target else {}
        self.done: set[str] = set(cursor.get("done", []))
        """Sitemaps and walks whose links are all remembered."""
        self.pages: dict[str, int] = dict(cursor.get("pages", {}))
        """The page that a walk asks for next, by its name."""

    def save(self) -> None:
        """Keep it. Raises StateError."""
        with self._state.session() as session:
            row = session.get(Progress, self._work) or Progress(work=self._work)
            row.target, row.updated_at = self._target, utc_now()
            row.cursor = {"done": sorted(self.done), "pages": self.pages}
            session.add(row)
