"""What may have been missed: no crawl, sources that refuse us, cannot be read or fell silent; since when, and what to do about it.

Sources that were judged (alerts.health) are told of as judged. One that was not yet, after an update or before its first hours are over, is
told of by its failures and by the days on which it had articles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from alerts.health.verdict import Finding, Health
from alerts.health.wording import plain
from alerts.mail import one_line
from alerts.wording import local
from diembao.state import AlertRecord, FetchState, Run, SourceStatus, State

Kind = Literal["not_collected", "broken", "blocked", "layout", "partly", "silent", "fewer", "field"]
Weight = Literal["broken", "watch"]
Language = Literal["vi", "en"]

DAY = timedelta(hours=24)
STEADY_DAYS = 4
"""A source with new articles on so many of the seven days before is missed when it has none for a day."""
JUDGED_FOR = timedelta(hours=30)
"""A verdict that is older says nothing of today."""
NOT_COLLECTED = ""
"""The source of the trouble that concerns all of them."""

_KIND_OF_RULE = "silent_source"
_COLLECTING = "collecting"

_LINES: dict[Kind, tuple[str, str]] = {
    "not_collected": ("Chưa thu thập tin từ {since}; tin sau đó không có ở đây.",
                      "Nothing was collected since {since}; later news is missing."),
    "broken": ("{name}: không đọc được{times}{reason}.", "{name}: cannot be read{times}{reason}."),
    "blocked": ("{name}: từ chối cho đọc từ {since}{reason}.", "{name}: refuses us since {since}{reason}."),
    "layout": ("{name}: từ {since}, {found} trang không đọc được thành bài (bình thường {usual}): có lẽ trang đã đổi giao diện.",
               "{name}: since {since}, {found} of the pages cannot be read as articles (usually {usual}): its layout may have changed."),
    "partly": ("{name}: một phần không đọc được{times}{reason}.", "{name}: a part cannot be read{times}{reason}."),
    "silent": ("{name}: im lặng từ {since}{missing}, trước đó đều đặn có bài.", "{name}: silent since {since}{missing}, steady before."),
    "fewer": ("{name}: từ {since} chỉ còn {found} bài mỗi ngày, bình thường {usual}.",
              "{name}: since {since} only {found} articles a day, usually {usual}."),
    "field": ("{name}: từ {since}, {found} số bài có {what} (bình thường {usual}).",
              "{name}: since {since}, {found} of the articles have {what} (usually {usual})."),
}  # fmt: skip
_NEVER = ("Chưa thu thập lần nào.", "Nothing was ever collected.")
_TIMES = (", {failures} lần liên tiếp", ", {failures} times in a row")
_MISSING = (" (lẽ ra đã có khoảng {usual} bài)", " (about {usual} articles were to be expected)")
FIELD_NAMES = {
    "authors": ("tên tác giả", "an author"),
    "lead": ("sapo", "a lead"),
    "minute": ("giờ đăng", "a time of publication"),
    "section": ("chuyên mục", "a section"),
    "profile": ("nội dung đọc theo bộ chọn riêng", "a body found by the source's own selectors"),
}
_ADVICE: dict[Kind, tuple[str, str]] = {
    "not_collected": ("Chạy `diembao doctor`, rồi xem dịch vụ `diembao schedule` còn chạy không.",
                      "Run `diembao doctor`, then see whether the service `diembao schedule` is running."),
    "broken": ("Chạy `diembao sources check {source}`; mở trang của báo: nếu báo đã đổi địa chỉ, sửa feeds hoặc sitemaps trong "
               "config/sources/{source}.toml; nếu báo chặn, liên hệ tòa soạn.",
               "Run `diembao sources check {source}`; open the outlet's page: if its addresses changed, correct feeds or sitemaps in "
               "config/sources/{source}.toml; if it blocks us, ask the outlet."),
    "blocked": ("Không tìm cách vượt qua. Xem robots.txt của báo, tăng delay trong config/sources/{source}.toml, và liên hệ tòa soạn để "
                "được phép đọc; trong lúc chờ có thể tạm dừng nguồn.",
                "Do not work around it. Read the outlet's robots.txt, raise delay in config/sources/{source}.toml, and ask the outlet for "
                "permission; pause the source meanwhile."),
    "layout": ("Chạy `diembao sources try {source}`; thêm một [[layout]] có valid_from vào config/sources/{source}.toml (docs/sources.md). "
               "Trang đã lưu được đọc lại bằng `python -m crawlers.replay`.",
               "Run `diembao sources try {source}`; add a [[layout]] with valid_from to config/sources/{source}.toml (docs/sources.md). "
               "The kept pages can be read anew with `python -m crawlers.replay`."),
    "partly": ("Chạy `diembao sources check {source}` và bỏ hoặc sửa địa chỉ hỏng trong config/sources/{source}.toml.",
               "Run `diembao sources check {source}` and correct or take out the broken address in config/sources/{source}.toml."),
    "silent": ("Mở trang của báo: nếu vẫn có bài mới, chạy `diembao sources try {source}`; nếu báo nghỉ thật thì không phải làm gì.",
               "Open the outlet's page: if there are new articles, run `diembao sources try {source}`; if it pauses, do nothing."),
    "fewer": ("Mở trang của báo và so với `diembao sources try {source}`: có thể báo đã tách chuyên mục sang nguồn cấp tin khác.",
              "Open the outlet's page and compare with `diembao sources try {source}`: it may have moved sections to other feeds."),
    "field": ("Chạy `diembao sources try {source}`; sửa bộ chọn trong [[layout]] của config/sources/{source}.toml (docs/sources.md).",
              "Run `diembao sources try {source}`; correct the selectors in config/sources/{source}.toml (docs/sources.md)."),
}  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """One source, or the collecting as a whole, from which articles may be missing.

    Attributes:
        source: id; NOT_COLLECTED for the collecting as a whole.
        name: as readers know it.
        kind: nothing collected at all; cannot be reached, refuses us, cannot be read, a part fails, silent, fewer, a lost field.
        since: last sign of life, or when it began, aware UTC; None: unknown, or never.
        failures: failed fetches in a row; 0: not counted.
        reason: what the last fetch said; may be empty.
        found, usual: what is seen and what is usual: articles a day, or shares (layout, field); of a silence, articles that are missing.
        what: the lost field, one of diembao.source_round.WATCHED.
    """

    source: str
    name: str
    kind: Kind
    since: datetime | None = None
    failures: int = 0
    reason: str = ""
    found: float = 0.0
    usual: float = 0.0
    what: str = ""

    @property
    def weight(self) -> Weight:
        """`broken`: articles are missing; `watch`: some are, or they come incomplete."""
        return "watch" if self.kind in ("partly", "fewer", "field") else "broken"

    def line(self, language: Language = "vi") -> str:
        """The trouble in one sentence."""
        english = int(language == "en")
        if self.kind == "not_collected" and self.since is None:
            return _NEVER[english]
        since = local(self.since, "%H:%M %d/%m/%Y") if self.since else ("rất lâu", "long ago")[english]
        found, usual = (f"{value:.0%}" if self.kind in ("layout", "field") else f"{value:.0f}" for value in (self.found, self.usual))
        return _LINES[self.kind][english].format(
            name=self.name,
            times=_TIMES[english].format(failures=self.failures) if self.failures else "",
            since=since,
            reason=f" ({plain(self.reason, language)})" if self.reason else "",
            missing=_MISSING[english].format(usual=usual) if self.usual >= 1 else "",
            found=found,
            usual=usual,
            what=FIELD_NAMES[self.what][english] if self.what else "",
        )

    def line_alone(self, language: Language = "vi") -> str:
        """The same where the name stands beside it already."""
        line = self.line(language).removeprefix(f"{self.name}: ")
        return line[:1].upper() + line[1:]

    def advice(self, language: Language = "vi") -> str:
        """What to do about it."""
        return _ADVICE[self.kind][int(language == "en")].format(source=self.source)


def read_troubles(state: State, now: datetime, names: Mapping[str, str] | None = None) -> tuple[Trouble, ...]:
    """What may have been missed up to `now`; one trouble for each source, its weightiest.

    Args:
        state: what was fetched, the verdicts on sources, and the alert log.
        now: aware UTC.
        names: names of the sources by id.

    Raises:
        StateError: when the database fails.
    """
    names = names or {}
    found: list[Trouble] = []
    with state.session() as session:
        last = session.scalar(select(Run.ended_at).where(Run.ended_at.is_not(None)).order_by(Run.ended_at.desc()).limit(1))
        is_collected = last is not None and now - last <= DAY
        if not is_collected:
            found.append(Trouble(NOT_COLLECTED, "", "not_collected", last))
        statuses = list(session.scalars(select(SourceStatus)))
        errors = {row.source: one_line(row.error, 160) for row in statuses}
        healths = {
            row.source: Health.from_record(row.health)
            for row in statuses
            if row.health and row.judged_at is not None and now - row.judged_at <= JUDGED_FOR
        }
        paused = {row.source for row in statuses if row.paused}
        failing, working = _entrances(session)
        newest = _newest(session, set(failing))
        silent = _fallen_silent(session, now) if is_collected else {}
        said = _said_silent(session)
    told: dict[str, Trouble] = {}

    def name(source: str) -> str:
        return one_line(names.get(source, source), 80)

    for source, health in healths.items():
        if health.findings:
            told[source] = trouble_of(source, name(source), health.findings[0], failing.get(source, 0), errors.get(source, ""))
    for source, failures in failing.items():
        if source not in healths and source not in paused:
            kind: Kind = "partly" if source in working else "broken"
            told[source] = Trouble(source, name(source), kind, newest.get(source), failures, errors.get(source, ""))
    unjudged = {source: since for source, since in silent.items() if source not in healths and source not in paused}
    for source, since in (unjudged | said).items():
        told.setdefault(source, Trouble(source, name(source), "silent", since))
    order: tuple[Kind, ...] = ("blocked", "broken", "layout", "partly", "silent", "fewer", "field")
    return (*found, *sorted(told.values(), key=lambda one: (order.index(one.kind), one.source)))


def trouble_of(source: str, name: str, finding: Finding, failures: int = 0, error: str = "") -> Trouble:
    """A finding about a source in words."""
    is_answerless = finding.kind in ("broken", "blocked", "partly")
    return Trouble(
        source,
        name,
        finding.kind,
        finding.since,
        failures if is_answerless else 0,
        error if is_answerless else "",
        finding.found,
        finding.usual,
        finding.what if finding.kind == "field" else "",
    )


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
