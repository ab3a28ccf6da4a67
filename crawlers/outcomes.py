"""Every way in which a page can fail, and the named fate of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.error import TimeoutError as TwistedTimeoutError

from diembao.fates import Fate

if TYPE_CHECKING:
    from scrapy.http import Response


class PageFailure(IgnoreRequest):
    """A middleware's reason for giving a page up.

    Args:
        fate: what becomes of the page.
        detail: why, for a person.
        answer: what the server said, when that is the reason.
    """

    def __init__(self, fate: Fate, detail: str, answer: Response | None = None) -> None:
        super().__init__(detail)
        self.fate = fate
        self.detail = detail
        self.answer = answer


_OF_EXCEPTION: tuple[tuple[type[BaseException], Fate], ...] = (
    (DownloadTimeoutError, Fate.TIMEOUT),
    (TwistedTimeoutError, Fate.TIMEOUT),
    # Scrapy cancels a download only when it is larger than allowed.
    (DownloadCancelledError, Fate.TOO_LARGE),
    (CannotResolveHostError, Fate.NETWORK_ERROR),
    (DownloadConnectionRefusedError, Fate.NETWORK_ERROR),
    (DownloadFailedError, Fate.NETWORK_ERROR),
    (ResponseDataLossError, Fate.NETWORK_ERROR),
    (ConnectError, Fate.NETWORK_ERROR),
    (ConnectionClosed, Fate.NETWORK_ERROR),
)

TRANSIENT = frozenset(
    {
        Fate.THROTTLED,
        Fate.SERVER_ERROR,
        Fate.TIMEOUT,
        Fate.NETWORK_ERROR,
        Fate.ARCHIVE_FAILED,
        Fate.BLOCKED_BY_ROBOTS,
    }
)
"""Fates that may be another one at the next attempt, so the page is asked for again in the next run."""

ABSENT = frozenset({Fate.GONE, Fate.NOT_FOUND, Fate.NOT_ARTICLE, Fate.LEFT_SITE})
"""Fates that say of an article that we have: it is not there any more."""

NO_ANSWER = frozenset({Fate.TIMEOUT, Fate.NETWORK_ERROR, Fate.THROTTLED})
"""Fates that say something about the host rather than about the page."""


def fate_of_failure(error: BaseException | None) -> tuple[Fate, str]:
    """The fate of a page whose request ended in `error`, and a line that says why.

    An error that is not known here counts as network_error: the page could not be had, and the type says what to look for.
    """
    if error is None:
        return Fate.NETWORK_ERROR, "no reason given"
    if isinstance(error, PageFailure):
        return error.fate, error.detail
    for kind, fate in _OF_EXCEPTION:
        if isinstance(error, kind):
            return fate, "more bytes than allowed" if fate is Fate.TOO_LARGE else _reason(error)
    return Fate.NETWORK_ERROR, f"{type(error).__name__}: {_reason(error)}"


def fate_of_status(status: int) -> Fate | None:
    """The fate that an HTTP status stands for; None when the body is to be read.

    >>> fate_of_status(200), fate_of_status(410), fate_of_status(502), fate_of_status(418)
    (None, <Fate.GONE: 'gone'>, <Fate.SERVER_ERROR: 'server_error'>, <Fate.HTTP_ERROR: 'http_error'>)
    """
    named = {200: None, 304: Fate.UNCHANGED, 404: Fate.NOT_FOUND, 410: Fate.GONE, 429: Fate.THROTTLED, 503: Fate.THROTTLED}
    if status in named:
        return named[status]
    return Fate.SERVER_ERROR if status >= 500 else Fate.HTTP_ERROR


def _reason(error: BaseException) -> str:
    """The innermost text of `error`: Twisted wraps what happened in lists of failures."""
    seen = 0
    while seen < 5:
        seen += 1
        reasons = getattr(error, "reasons", None)
        if reasons:
            error = getattr(reasons[0], "value", error)
        elif error.__cause__ is not None:
            error = error.__cause__
        else:
            break
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
