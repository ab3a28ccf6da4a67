"""Saved searches as mails: what each of them newly found, at the time of day that its owner chose.

What was told is noted in the transaction that queues the mail, so a kill loses nothing and tells nothing twice. An article is known by
when it was first seen, which lies some time before it can be found; so each mail looks back a little behind the last one, and passes
over what that one told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from alerts.briefing.sending import Content, queue_for
from alerts.delivery import receivers
from alerts.grading import signing_key
from alerts.mail import one_line, safe_link, templates
from alerts.wording import local
from diembao.clock import VIETNAM
from diembao.engine import Filters, Hit, SearchEngine, SearchRequest
from diembao.errors import QueryError
from diembao.settings import Office, Person
from diembao.state import SavedSearch, State, UserRecord

LATEST = timedelta(hours=10)
"""A mail that is later than this is left to the next day, which tells what it would have told."""
OVERLAP = timedelta(hours=6)
"""An article is in the engine at most so long after it was first seen."""
MOST_READ = 1000
"""New articles that one mail counts one by one."""
_LISTED = 40
"""Articles that stand in the mail; of the others it has the number and a link."""


@dataclass(frozen=True)
class Digests:
    """What became of the saved searches whose mail was due.

    Attributes:
        due: how many there were.
        queued: mails that wait newly.
        problems: one line for each search that cannot be asked.
    """

    due: int
    queued: int
    problems: tuple[str, ...] = ()


def filters_of(search: Mapping[str, Any]) -> Filters:
    """What a saved search is narrowed to, without its dates: it is asked for what is new."""

    def several(name: str) -> tuple[str, ...]:
        return tuple(str(value) for value in search.get(name) or ())

    return Filters(
        topics=several("topic"),
        sentiments=several("sentiment"),
        critical_of=several("critical_of"),
        places=several("place"),
        sources=several("source"),
        kinds=several("kind"),
        story_id=str(search["story"]) if search.get("story") else None,
    )


def query_since(query: str, since: datetime) -> str:
    """The query that finds what `query` finds and was first seen after `since` (aware).

    >>> from datetime import UTC
    >>> query_since("lũ OR bão", datetime(2026, 11, 20, 1, 0, tzinfo=UTC))
    '(lũ OR bão) AND first_seen_at:>"2026-11-20T01:00:00+00:00"'
    """
    new = f'first_seen_at:>"{since.isoformat()}"'
    return f"({query}) AND {new}" if query.strip() else new


def found_since(engine: SearchEngine, search: Mapping[str, Any], since: datetime, now: datetime, limit: int) -> tuple[int, Sequence[Hit]]:
    """How many articles the search found that were first seen after `since`, and the newest `limit` of them; copies folded.

    Raises:
        QueryError: when the search cannot be understood (any more).
        EngineError: when the engine fails.
    """
    asked = query_since(str(search.get("q", "")), since)
    result = engine.search(SearchRequest(asked, filters_of(search), sort="time", limit=limit, facets=False, highlight=False, now=now))
    return result.total, result.hits


def count_since(engine: SearchEngine, search: Mapping[str, Any], since: datetime) -> int:
    """How many articles `found_since` finds, and nothing else: many saved searches are counted for one page. Raises as that."""
    return engine.sample(query_since(str(search.get("q", "")), since), filters_of(search), 0)[0]


def slot_before(at: str, now: datetime) -> datetime:
    """The last time before `now` at which Vietnam's clock said `at`.

    >>> from datetime import UTC
    >>> str(slot_before("07:00", datetime(2026, 11, 20, 23, 30, tzinfo=UTC)))
    '2026-11-20 07:00:00+07:00'
    """
    local_now = now.astimezone(VIETNAM)
    slot = local_now.replace(hour=int(at[:2]), minute=int(at[3:]), second=0, microsecond=0)
    return slot if slot <= local_now else slot - timedelta(days=1)


def is_due(row: SavedSearch, now: datetime) -> bool:
    """Whether the mail of this saved search should go out."""
    if row.removed_at is not None or not row.digest_at or not row.digest_to or row.digest_since is None:
        return False
    slot = slot_before(row.digest_at, now)
    return now - slot < LATEST and slot > (row.digest_until or row.digest_since)


def queue_digests(state: State, engine: SearchEngine, office: Office, names: Mapping[str, str], now: datetime) -> Digests:
    """Queue the mails that are due, each with what its search found since the last one.

    A search whose owner may no longer log in sends nothing. One that cannot be asked is a line in `problems` and holds up no other.

    Args:
        state: the database.
        engine: what is asked.
        office: sender, address of the pages, who gets mail in which language.
        names: names of the sources by id.
        now: aware UTC.

    Raises:
        StateError, EngineError: when database or engine fails; what was queued before stays queued.
    """
    with state.session() as session:
        rows = session.scalars(select(SavedSearch).where(SavedSearch.digest_at != "", SavedSearch.removed_at.is_(None)))
        due = [row.id for row in rows if is_due(row, now) and not _is_disabled(session.get(UserRecord, row.owner))]
    key = signing_key(state)
    queued = 0
    problems: list[str] = []
    for saved in due:
        with state.session() as session:
            row = session.get(SavedSearch, saved, with_for_update=True)
            if row is None or not is_due(row, now) or row.digest_since is None:
                continue  # another process was quicker
            begin = max(row.digest_since, (row.digest_until or row.digest_since) - OVERLAP)
            try:
                total, hits = found_since(engine, row.search, begin, now, MOST_READ)
            except QueryError as error:
                problems.append(f"saved search {one_line(row.name, 80)!r}: {error.message_en}; change it on the page /saved")
                continue
            told = set(row.digest_told or ())
            new = [hit for hit in hits if hit.article.id not in told]
            count = total - (len(hits) - len(new))
            slot = slot_before(row.digest_at, now)
            if new or row.digest_empty:
                wanting = [_person(office, address) for address in row.digest_to]
                made = _Digest(row.id, row.name, slot, row.digest_until or row.digest_since, count, tuple(new[:_LISTED]))
                queued += queue_for(
                    session,
                    wanting,
                    f"saved:{row.id}:{slot:%Y-%m-%dT%H:%M}",
                    rule_name(row.id),
                    lambda person, made=made: content(made, office, names, person.language or office.language),  # type: ignore[misc]
                    office,
                    now,
                    key,
                )
            row.digest_told = [hit.article.id for hit in hits if (hit.article.first_seen_at or now) > now - OVERLAP]
            row.digest_until = now
    return Digests(len(due), queued, tuple(problems))


def rule_name(saved: str) -> str:
    """Under this name somebody is muted who does not want the mails of a saved search any more."""
    return f"saved-{saved}"


def _is_disabled(user: UserRecord | None) -> bool:
    return user is not None and user.disabled_at is not None


def _person(office: Office, address: str) -> Person:
    known = receivers(office).get(address)
    wishes = known.wishes if known is not None else None
    return wishes if isinstance(wishes, Person) else Person(address=address)


@dataclass(frozen=True)
class _Digest:
    """One mail: which search, its time, since when, how many articles are new, and the newest of them."""

    saved: str
    name: str
    slot: datetime
    since: datetime
    count: int
    hits: tuple[Hit, ...]


_WORDS = {
    "vi": {
        "subject": "{name}: {n} bài mới",
        "nothing": "{name}: không có bài mới",
        "since": "{n} bài mới từ {since} đến {until}.",
        "none": "Không có bài mới từ {since} đến {until}. Tìm kiếm vẫn đang được theo dõi.",
        "more": "và {n} bài khác",
        "all": "Xem tất cả trên Điểm Báo",
        "change": "Đổi giờ, người nhận hoặc ngừng thư này",
        "copies": "+{n} bản sao",
        "untitled": "(không có tiêu đề)",
        "foot": "{office} gửi thư này vì tìm kiếm đã lưu “{name}” có bật thư hằng ngày.",
        "negative": "Tiêu cực",
    },
    "en": {
        "subject": "{name}: {n} new articles",
        "nothing": "{name}: nothing new",
        "since": "{n} new articles between {since} and {until}.",
        "none": "Nothing new between {since} and {until}. The search is still being followed.",
        "more": "and {n} more",
        "all": "See all of them on Điểm Báo",
        "change": "Change the time or the recipients, or stop this mail",
        "copies": "+{n} copies",
        "untitled": "(no headline)",
        "foot": "{office} sends this mail as the saved search “{name}” has daily mails.",
        "negative": "Negative",
    },
}


def content(digest: _Digest, office: Office, names: Mapping[str, str], language: str) -> Content:
    """The mail in one language; what comes from the web is one line each, and escaped in the HTML."""
    words = _WORDS[language]
    base = office.base_url.rstrip("/")
    name = one_line(digest.name, 120)
    span = {"since": local(digest.since, "%H:%M %d/%m"), "until": local(digest.slot, "%H:%M %d/%m/%Y")}
    summary = words["since"].format(n=digest.count, **span) if digest.count else words["none"].format(**span)
    page = f"{base}/saved/{digest.saved}?{urlencode({'since': digest.since.isoformat(timespec='seconds')})}"
    view = {
        "language": language,
        "subject": words["subject"].format(name=name, n=digest.count) if digest.count else words["nothing"].format(name=name),
        "name": name,
        "office": one_line(office.name, 150),
        "summary": summary,
        "articles": [_line(hit, base, names, words) for hit in digest.hits],
        "more": words["more"].format(n=digest.count - len(digest.hits)) if digest.count > len(digest.hits) else "",
        "page": page,
        "all": words["all"],
        "change": words["change"],
        "change_link": f"{base}/saved/{digest.saved}/edit",
        "foot": words["foot"].format(office=one_line(office.name, 100), name=name),
        "negative": words["negative"],
    }
    text = templates().get_template("saved.txt").render(view)
    return Content(str(view["subject"]), text, templates().get_template("saved.html").render(view))


def _line(hit: Hit, base: str, names: Mapping[str, str], words: Mapping[str, str]) -> dict[str, Any]:
    article = hit.article
    form = "%d/%m" if article.published_precision == "day" else "%H:%M %d/%m"
    parts = [one_line(names.get(article.source, article.source), 60), local(article.published_at, form) if article.published_at else ""]
    if hit.copies:
        parts.append(words["copies"].format(n=hit.copies))
    return {
        "title": one_line(article.title, 250) or words["untitled"],
        "link": f"{base}/articles/{article.id}" if article.id.isalnum() else safe_link(article.url),
        "meta": " · ".join(part for part in parts if part),
        "lead": one_line(article.lead, 280),
        "is_negative": bool(article.sentiment and article.sentiment.label == "negative" and article.sentiment.confident),
    }
