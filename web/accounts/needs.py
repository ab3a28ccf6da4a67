"""Which route needs which role: the one place. A route that does not stand here is shut as soon as there are users.

`tests/unit/test_web_needs.py` walks over all routes of the application and fails for one that is missing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from web.accounts.users import Role

LONGEST_FILE: Final = 12_000_000
"""Bytes of a form with a file of feedback records."""
LONGEST_FORM: Final = 65_536
"""Bytes of what may be sent to a route that does not say otherwise."""


@dataclass(frozen=True)
class Need:
    """What a route asks of whoever asks for it.

    Attributes:
        role: lowest role of a user; None: nobody has to log in.
        scope: scope of an API key that opens it too; empty: no key does.
        ticket: the address carries a signed ticket that the page itself checks, so a sent form needs no token.
        feed: a user's signed feed address opens it too.
        longest: bytes that may be sent to it.
    """

    role: Role | None
    scope: str = ""
    ticket: bool = False
    feed: bool = False
    longest: int = LONGEST_FORM


_ANYBODY, _TICKET = Need(None), Need(None, ticket=True)
_SEE, _EDIT, _ADMIN = Need("reader"), Need("editor"), Need("admin")
_SEARCH = Need("reader", scope="search")
_FEED = Need("reader", feed=True)

NEEDS: Final[dict[str, dict[str, Need]]] = {
    # pages
    "/": {"GET": _SEE},
    "/search": {"GET": _SEE},
    "/search/complete": {"GET": _SEE},
    "/map": {"GET": _SEE},
    "/compare": {"GET": _SEE},
    "/export": {"GET": _SEE},
    "/export.csv": {"GET": _SEE},
    "/export.xlsx": {"GET": _SEE},
    "/export.docx": {"GET": _SEE},
    "/feed.atom": {"GET": _FEED},
    "/feed.rss": {"GET": _FEED},
    "/saved/{saved_id}/feed.atom": {"GET": _FEED},
    "/saved/{saved_id}/feed.rss": {"GET": _FEED},
    "/saved": {"GET": _SEE, "POST": _SEE},
    "/saved/new": {"GET": _SEE},
    "/saved/{saved_id}": {"GET": _SEE},
    "/saved/{saved_id}/edit": {"GET": _SEE},
    "/saved/{saved_id}/remove": {"POST": _SEE},
    "/saved/{saved_id}/restore": {"POST": _SEE},
    "/articles/{article_id}": {"GET": _SEE},
    "/stories": {"GET": _SEE},
    "/stories/{story_id}": {"GET": _SEE},
    "/stories/{story_id}/merge": {"POST": _EDIT},
    "/stories/{story_id}/split": {"POST": _EDIT},
    "/stories/{story_id}/response": {"POST": _EDIT},
    "/articles/{article_id}/corrections": {"POST": _EDIT},
    "/articles/{article_id}/corrections/undo": {"POST": _EDIT},
    "/articles/{article_id}/fix": {"GET": _EDIT, "POST": _EDIT},
    "/articles/{article_id}/changes": {"GET": _SEE},
    "/articles/{article_id}/why": {"GET": _SEE},
    "/articles/{article_id}/notes": {"POST": _EDIT},
    "/articles/{article_id}/notes/{number}": {"POST": _EDIT},
    "/articles/{article_id}/evidence": {"POST": _EDIT},
    "/bulk": {"POST": _EDIT},
    "/bulk/export": {"POST": _EDIT},
    "/deeds/{deed_id}": {"GET": _EDIT},
    "/deeds/{deed_id}/undo": {"POST": _EDIT},
    "/keys": {"GET": _SEE},
    "/briefing": {"GET": _SEE},
    "/briefing/{day}": {"GET": _SEE},
    "/briefing/{day}/{file}": {"GET": _SEE},
    "/briefing/{day}/compile": {"POST": _EDIT},
    "/briefing/{day}/send": {"POST": _EDIT},
    "/briefing/{day}/who": {"POST": _EDIT},
    "/briefing/{day}/note": {"POST": _EDIT},
    "/briefing/{day}/items/{key}": {"POST": _EDIT},
    "/alerts": {"GET": _SEE},
    "/alerts/rules": {"GET": _SEE, "POST": _EDIT},
    "/alerts/rules/new": {"GET": _EDIT},
    "/alerts/rules/restore": {"POST": _EDIT},
    "/alerts/rules/{file}/edit": {"GET": _EDIT},
    "/alerts/rules/{file}/switch": {"POST": _EDIT},
    "/alerts/rules/{file}/remove": {"POST": _EDIT},
    "/alerts/rules/{file}/mute": {"POST": _EDIT},
    "/alerts/{alert_id}": {"GET": _SEE},
    "/alerts.atom": {"GET": Need("reader", scope="alerts", feed=True)},
    # sources
    "/sources": {"GET": _SEE},
    "/sources/add": {"POST": _EDIT},
    "/sources/checks/{key}": {"GET": _SEE},
    "/sources/checks/{key}/apply": {"POST": _EDIT},
    "/sources/{name}": {"GET": _SEE},
    "/sources/{name}/check": {"POST": _EDIT},
    "/sources/{name}/pause": {"POST": _EDIT},
    "/sources/{name}/resume": {"POST": _EDIT},
    "/feedback": {"GET": _EDIT, "POST": Need("editor", longest=LONGEST_FILE)},
    "/feedback/{draft}": {"GET": _EDIT, "POST": _EDIT},
    "/feedback/{draft}/result": {"GET": _EDIT},
    "/feedback/{draft}/rejected.csv": {"GET": _EDIT},
    # links in mails
    "/alerts/answer/{token}": {"GET": _TICKET, "POST": _TICKET},
    "/alerts/answer/{token}/unsubscribe": {"GET": _TICKET, "POST": _TICKET},
    # for programs
    "/api/search": {"GET": _SEARCH},
    "/api/articles/{article_id}": {"GET": _SEARCH},
    "/api/counts": {"GET": _SEARCH},
    "/api/coverage": {"GET": _SEARCH},
    "/api/stories": {"GET": _SEARCH},
    "/api/stories/{story_id}": {"GET": _SEARCH},
    "/api/alerts": {"GET": Need("reader", scope="alerts")},
    "/api/alerts/{alert_id}": {"GET": Need("reader", scope="alerts")},
    "/api/feedback": {"POST": Need("editor", scope="feedback", longest=2_000_000)},
    "/api/openapi.json": {"GET": _SEARCH},
    "/health": {"GET": _ANYBODY},
    # accounts
    "/login": {"GET": _ANYBODY, "POST": _ANYBODY},
    "/login/openid": {"GET": _ANYBODY},
    "/login/openid/back": {"GET": _ANYBODY},
    "/logout": {"POST": _SEE},
    "/account": {"GET": _SEE},
    "/account/password": {"POST": _SEE},
    "/account/sessions": {"POST": _SEE},
    "/admin/users": {"GET": _ADMIN, "POST": _ADMIN},
    "/admin/users/{name}": {"POST": _ADMIN},
    "/admin/keys": {"GET": _ADMIN, "POST": _ADMIN},
    "/admin/keys/{key_id}/revoke": {"POST": _ADMIN},
    "/admin/office": {"GET": _ADMIN},
    "/admin/office/{section}": {"POST": _ADMIN},
    "/admin/mail-test": {"POST": _ADMIN},
    "/admin/departments": {"GET": _ADMIN, "POST": _ADMIN},
    "/admin/departments/{number}": {"POST": _ADMIN},
    "/admin/people": {"GET": _ADMIN, "POST": _ADMIN},
    "/admin/people/{number}": {"POST": _ADMIN},
    "/admin/audit": {"GET": _ADMIN},
    "/admin/audit.csv": {"GET": Need("admin", scope="admin")},
}
"""By path and method of a route. HEAD counts as GET."""

BEFORE_A_NEW_PASSWORD: Final = frozenset({"/account", "/account/password", "/logout", "/login"})
"""Where a user may go whose password an admin has set."""


GIVES_A_VISIT: Final = frozenset({"/login", "/login/openid"})
"""Where a browser that is not logged in gets the cookie that its login is bound to."""


def need_of(path: str, method: str) -> Need | None:
    """What the route asks for; None: it is not declared."""
    return NEEDS.get(path, {}).get("GET" if method == "HEAD" else method)
