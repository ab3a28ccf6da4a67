"""What became of each page: exactly one counted fate per page.

A page is an address that a crawl took up as a possible article. Feeds, sitemaps, listings and robots.txt are not pages.
The identity `fetched = indexed + unchanged + Σ dropped` holds for every run and is checked (`FateLedger.check`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from diembao.errors import DiembaoError


class Fate(StrEnum):
    """The end of one page. `INDEXED` and `UNCHANGED` are kept; every other fate is a reason for dropping it."""

    INDEXED = "indexed"
    """New or revised; the engine has it."""
    UNCHANGED = "unchanged"
    """Answered 304, or its text is what the engine has already."""

    BLOCKED_BY_ROBOTS = "blocked_by_robots"
    """robots.txt forbids it, or robots.txt cannot be reached (waits for the next run)."""
    PRIVATE_ADDRESS = "private_address"
    """The host resolves to an address inside the network, which is refused unless allowed."""
    NOT_FOUND = "not_found"
    """404."""
    GONE = "gone"
    """410."""
    HTTP_ERROR = "http_error"
    """Any other 4xx."""
    THROTTLED = "throttled"
    """429 or 503 also after the retries."""
    SERVER_ERROR = "server_error"
    """Other 5xx also after the retries."""
    TIMEOUT = "timeout"
    """No complete answer in time, also after the retries."""
    NETWORK_ERROR = "network_error"
    """Refused or broken connection, unknown host, broken TLS chain."""
    REDIRECT_LOOP = "redirect_loop"
    """More redirects than allowed."""
    LEFT_SITE = "left_site"
    """Redirected to a host that is not the source's."""
    TOO_LARGE = "too_large"
    """More bytes than allowed, as sent or after decompression (gzip bomb)."""
    NOT_HTML = "not_html"
    """The content type is not a page's."""
    PARSE_ERROR = "parse_error"
    """The page cannot be read as HTML, or the extraction of it failed."""
    NOT_ARTICLE = "not_article"
    """A page without a headline or a body: section, tag, search or error page."""
    TOO_SHORT = "too_short"
    """The body has fewer characters than the source asks for."""
    DUPLICATE_URL = "duplicate_url"
    """Another page of the same run turned out to be the same article (canonical address)."""
    JOINED = "joined"
    """A later page of an article: its text stands in the article of the first page."""
    ARCHIVE_FAILED = "archive_failed"
    """The page could not be kept as evidence (no disk space), so it is fetched again next time."""
    TAG_FAILED = "tag_failed"
    """A tagging step failed; the article waits in the quarantine of the run."""
    REJECTED = "rejected"
    """The engine refused it; the article waits in the quarantine of the run with the reason."""

    ERASED = "erased"
    """It was erased for good (`diembao erase`) and is not taken up again."""


KEPT = (Fate.INDEXED, Fate.UNCHANGED)


class FateLedger:
    """Counts the fate of each page of one run; a second fate for one page is a defect and raises.

    >>> ledger = FateLedger()
    >>> ledger.take_up("https://bao.vn/a"); ledger.settle("https://bao.vn/a", Fate.TOO_SHORT)
    >>> ledger.summary()
    {'fetched': 1, 'indexed': 0, 'unchanged': 0, 'dropped': {'too_short': 1}}
    """

    def __init__(self) -> None:
        self._fates: dict[str, Fate | None] = {}

    def take_up(self, page: str) -> None:
        """Begin with `page` (any identity that is unique in the run); taking it up twice changes nothing."""
        self._fates.setdefault(page, None)

    def settle(self, page: str, fate: Fate) -> None:
        """Give `page` its fate.

        Raises:
            DiembaoError: when the page was never taken up or has another fate already.
        """
        if page not in self._fates:
            raise DiembaoError(f"a fate ({fate}) for a page that was never taken up: {page}", "This is a defect; please report it")
        known = self._fates[page]
        if known is not None and known is not fate:
            raise DiembaoError(f"two fates ({known}, {fate}) for one page: {page}", "This is a defect; please report it")
        self._fates[page] = fate

    def open_pages(self) -> list[str]:
        """The pages taken up that have no fate yet."""
        return [page for page, fate in self._fates.items() if fate is None]

    def check(self) -> None:
        """Raise DiembaoError unless every page has a fate."""
        if unsettled := self.open_pages():
            raise DiembaoError(f"{len(unsettled)} pages have no fate, the first is {unsettled[0]}", "This is a defect; please report it")

    def summary(self) -> dict[str, int | dict[str, int]]:
        """`{"fetched", "indexed", "unchanged", "dropped": {reason: count}}`, counts of pages."""
        return summarise(Counter(fate for fate in self._fates.values() if fate is not None), len(self._fates))


def summarise(counts: Mapping[Fate, int], fetched: int) -> dict[str, int | dict[str, int]]:
    """The summary of a run from its counts by fate."""
    dropped = {str(fate): counts[fate] for fate in Fate if fate not in KEPT and counts.get(fate)}
    return {"fetched": fetched, "indexed": counts.get(Fate.INDEXED, 0), "unchanged": counts.get(Fate.UNCHANGED, 0), "dropped": dropped}
