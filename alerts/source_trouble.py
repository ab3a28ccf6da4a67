"""What may have been missed: no crawl, sources that cannot be read, sources that fell silent; since when, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.mail import one_line
from alerts.wording import local
from diembao.state import AlertRecord, FetchState, Run, State

Kind = Literal["not_collected", "broken", "partly", "silent"]
Language = Literal["vi", "en"]

DAY = timedelta(hours=24)
STEADY_DAYS = 4
"""A source with new articles on so many of the seven days before is missed when it has none for a day."""
NOT_COLLECTED = ""
"""The source of the trouble that concerns all of them."""

_KIND_OF_RULE = "silent_source"
_COLLECTING = "collecting"

_LINES: dict[Kind, tuple[str, str]] = {
    "not_collected": ("Chưa thu thập tin từ {since}; tin sau đó không có ở đây.",
                      "Nothing was collected since {since}; later news is missing."),
    "broken": ("{name}: không đọc được, {failures} lần liên tiếp{reason}.", "{name}: cannot be read, {failures} times in a row{reason}."),
    "partly": ("{name}: một phần không đọc được, {failures} lần liên tiếp{reason}.",
               "{name}: a part cannot be read, {failures} times in a row{reason}."),
    "silent": ("{name}: im lặng từ {since}, trước đó đều đặn có bài.", "{name}: silent since {since}, steady before."),
}  # fmt: skip
_NEVER = ("Chưa thu thập lần nào.", "Nothing was ever collected.")
_ADVICE: dict[Kind, tuple[str, str]] = {
    "not_collected": ("Chạy `diembao doctor`, rồi xem dịch vụ `diembao schedule` còn chạy không.",
                      "Run `diembao doctor`, then see whether the service `diembao schedule` is running."),
    "broken": ("Chạy `diembao sources check {source}`; mở trang của báo: nếu báo đã đổi địa chỉ, sửa feeds hoặc sitemaps trong "
               "config/sources/{source}.toml; nếu báo chặn, liên hệ tòa soạn.",
               "Run `diembao sources check {source}`; open the outlet's page: if its addresses changed, correct feeds or sitemaps in "
               "config/sources/{source}.toml; if it blocks us, ask the outlet."),
    "partly": ("Chạy `diembao sources check {source}` và bỏ hoặc sửa địa chỉ hỏng trong config/sources/{source}.toml.",
               "Run `diembao sources check {source}` and correct or take out the broken address in config/sources/{source}.toml."),
    "silent": ("Mở trang của báo: nếu vẫn có bài mới, chạy `diembao sources try {source}`; nếu báo nghỉ thật thì không phải làm gì.",
               "Open the outlet's page: if there are new articles, run `diembao sources try {source}`; if it pauses, do nothing."),
}  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """One source, or the collecting as a whole, from which articles may be missing.

    Attributes:
        source: id; NOT_COLLECTED for the collecting as a whole.
        name: as readers know it.
        kind: nothing collected at all, source broken, a part of it broken, source silent.
        since: last sign of life, aware UTC; None: unknown, or never.
        failures: failed fetches in a row.
        reason: what the last fetch said; may be empty.
    """

    source: str
    name: str
    kind: Kind
    since: datetime | None = None
    failures: int = 0
    reason: str = ""

    def line(self, language: Language = "vi") -> str:
        """The trouble in one sentence."""
        english = int(language == "en")
        if self.kind == "not_collected" and self.since is None:
            return _NEVER[english]
        since = local(self.since, "%H:%M %d/%m/%Y") if self.since else ("rất lâu", "long ago")[english]
        reason = f" ({self.reason})" if self.reason else ""
        return _LINES[self.kind][english].format(name=self.name, failures=self.failures, since=since, reason=reason)

    def advice(self, language: Language = "vi") -> str:
        """What to do about it."""
        return _ADVICE[self.kind][int(language == "en")].format(source=self.source)


def read_troubles(
    state: State, now: datetime, names: Mapping[str, str] | None = None, reasons: Mapping[str, str] | None = None
) -> tuple[Trouble, ...]:
    """What may have been missed up to `now`.

    A source is silent when a rule of kind `silent_source` says so, or when it had a new article on STEADY_DAYS of the seven days before
    and has none for a day. Of one that is broken or not asked nothing else is said.

    Args:
        state: what was fetched, and the alert log.
        now: aware UTC.
        names: names of the sources by id.
        reasons: by source, what its last fetch said.

    Raises:
        StateError: when the database fails.
    """
    names, reasons = names or {}, reasons or {}

    def name(source: str) -> str:
        return one_line(names.get(source, source), 80)

    found: list[Trouble] = []
    with state.session() as session:
        last = session.scalar(select(Run.ended_at).where(Run.ended_at.is_not(None)).order_by(Run.ended_at.desc()).limit(1))
        if last is None or now - last > DAY:
            found.append(Trouble(NOT_COLLECTED, "", "not_collected", last))
        failing, working = _entrances(session)
        newest = _newest(session, set(failing))
        for source, failures in sorted(failing.items()):
            kind: Kind = "partly" if source in working else "broken"
            found.append(Trouble(source, name(source), kind, newest.get(source), failures, one_line(reasons.get(source, ""), 160)))
        silent = {} if last is None or now - last > DAY else _fallen_silent(session, now)
        silent |= _said_silent(session)
    found.extend(Trouble(source, name(source), "silent", since) for source, since in sorted(silent.items()) if source not in failing)
    return tuple(found)


def _entrances(session: Session) -> tuple[dict[str, int], set[str]]:
    """(most failures in a row of each source with a feed, sitemap or listing that fails, sources with one that works)."""
    failing: dict[str, int] = {}
    working: set[str] = set()
    rows = select(FetchState.source, FetchState.failures).where(FetchState.role.in_(("feed", "sitemap", "listing")))
    for source, failures in session.execute(rows):
        if failures:
            failing[source] = max(failing.get(source, 0), failures)
        else:
            working.add(source)
    return failing, working


def _newest(session: Session, sources: set[str]) -> dict[str, datetime]:
    """When the newest article of each source was first seen."""
    query = (
        select(FetchState.source, func.max(FetchState.first_seen_at))
        .where(FetchState.role == "article", FetchState.source.in_(sources))
        .group_by(FetchState.source)
    )
    return {source: seen for source, seen in session.execute(query).tuples()} if sources else {}  # noqa: C416 - dict() takes a Result for a mapping


def _fallen_silent(session: Session, now: datetime) -> dict[str, datetime]:
    days: dict[str, set[int]] = {}
    newest: dict[str, datetime] = {}
    recent = select(FetchState.source, FetchState.first_seen_at).where(
        FetchState.role == "article", FetchState.first_seen_at > now - 8 * DAY, FetchState.first_seen_at <= now
    )
    for source, seen in session.execute(recent):
        days.setdefault(source, set()).add((now - seen) // DAY)
        newest[source] = max(newest.get(source, seen), seen)
    return {source: newest[source] for source, seen_on in days.items() if 0 not in seen_on and len(seen_on) >= STEADY_DAYS}


def _said_silent(session: Session) -> dict[str, datetime]:
    """What the rules say, which know the longest silence of each source's own past."""
    records = session.execute(
        select(AlertRecord.series, AlertRecord.started_at, AlertRecord.alert).where(AlertRecord.state == "open")
    ).tuples()
    return {series: since for series, since, alert in records if alert.get("kind") == _KIND_OF_RULE and series != _COLLECTING}
