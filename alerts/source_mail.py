"""The mail about sources that are silent or broken, to who runs the system: what is new, what is over, what stays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from alerts.briefing.sending import Content, queue_notice
from alerts.mail import one_line, templates
from alerts.source_trouble import NOT_COLLECTED, Trouble
from alerts.wording import local
from diembao.settings import Office
from diembao.state import Progress, State

WORK = "source-health"
AGAIN = timedelta(days=7)
"""What stays as it is, is told again after so long."""


@dataclass(frozen=True)
class Change:
    """How the troubles differ from what was told last.

    Attributes:
        new: those that began, or became weightier: what was to be watched is broken.
        over: names of the sources whose trouble is over.
        lasting: those that were told already.
        since: by source, when its trouble was noticed first.
        queued: mails that wait newly.
    """

    new: tuple[Trouble, ...]
    over: tuple[str, ...]
    lasting: tuple[Trouble, ...]
    since: Mapping[str, datetime]
    queued: int = 0


def queue_changes(state: State, troubles: tuple[Trouble, ...], office: Office, now: datetime) -> Change:
    """Mail the operators what changed since the last mail, or everything again after AGAIN; nothing when nothing changed.

    What was told is noted in the same transaction as the mails, so a kill loses and doubles nothing.

    Raises:
        StateError: when the database fails.
    """
    with state.session() as session:
        row = session.get(Progress, WORK)
        told: dict[str, dict[str, str]] = dict(row.cursor["told"]) if row else {}
        mailed = datetime.fromisoformat(row.cursor["mailed"]) if row and row.cursor.get("mailed") else None
        new = tuple(one for one in troubles if _is_news(one, told.get(one.source)))
        lasting = tuple(one for one in troubles if one not in new)
        over = tuple(known["name"] for source, known in sorted(told.items()) if source not in {one.source for one in troubles})
        since = {
            one.source: now if one in new else datetime.fromisoformat(told[one.source]["noticed"]) for one in troubles
        }  # fmt: skip
        change = Change(new, over, lasting, since)
        is_due = bool(new or over) or (bool(lasting) and (mailed is None or now - mailed >= AGAIN))
        if is_due:
            change = Change(new, over, lasting, since, queue_notice(session, office, _key(change, now), _content(change, office, now), now))
            mailed = now
        noted = {
            one.source: {
                "kind": one.kind,
                "weight": one.weight,
                "name": one.name or "Thu thập / collecting",
                "noticed": since[one.source].isoformat(),
            }
            for one in troubles
        }
        cursor = {"told": noted, "mailed": mailed.isoformat() if mailed else None}
        session.merge(Progress(work=WORK, target="", cursor=cursor, updated_at=now))
    return change


def _is_news(trouble: Trouble, told: dict[str, str] | None) -> bool:
    """One mail for each trouble: the same source in another way is no news unless it became weightier."""
    if told is None:
        return True
    was = told.get("weight", "watch" if told["kind"] == "partly" else "broken")
    return trouble.weight == "broken" and was == "watch"


def _key(change: Change, now: datetime) -> str:
    state = ";".join(sorted(f"{one.source}:{one.kind}" for one in (*change.new, *change.lasting)))
    return f"source-health:{now:%Y-%m-%dT%H:%M}:{hashlib.sha256(state.encode()).hexdigest()[:12]}"


def _content(change: Change, office: Office, now: datetime) -> Content:
    groups = []
    for vietnamese, english, troubles in (
        ("Mới", "New", change.new),
        ("Vẫn còn", "Still so", change.lasting),
    ):
        if troubles:
            entries = [
                {
                    "line": one.line("vi"),
                    "english": one.line("en"),
                    "since": local(one.since, "%H:%M %d/%m/%Y") if one.since and one.source != NOT_COLLECTED else "",
                    "noticed": local(change.since[one.source], "%H:%M %d/%m/%Y"),
                    "advice": one.advice("vi"),
                    "advice_english": one.advice("en"),
                    "link": f"{office.base_url.rstrip('/')}/sources{'/' + quote(one.source, safe='') if one.source else ''}",
                }
                for one in troubles
            ]
            groups.append({"vi": vietnamese, "en": english, "entries": entries})
    counts = [f"{len(change.new)} mới"] if change.new else []
    counts += [f"{len(change.lasting)} vẫn còn"] if change.lasting else []
    counts += [f"{len(change.over)} đã ổn"] if change.over else []
    subject = f"Nguồn tin: {', '.join(counts)}"
    view = {
        "subject": subject,
        "when": local(now),
        "office": one_line(office.name, 150),
        "groups": groups,
        "over": change.over,
    }
    html = templates().get_template("source_health.html").render(view)
    return Content(subject, templates().get_template("source_health.txt").render(view), html)
