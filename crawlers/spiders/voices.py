"""The spider of the daily crawl: newspapers as `NewspaperSpider` reads them, and every other voice through `crawlers.voices`.

What is the same for all voices stands here: requests and their keys, quota, what is known already, one fate for each post, archive
before Article, marks of how far lists were read, taken-down posts. All of it is safe to repeat: an answer that a kill cut off is asked for
again, and what was taken from it is known then.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from scrapy import Request

from crawlers.apart import TookTooMuch
from crawlers.memory import new_entry
from crawlers.middlewares import hosts_of
from crawlers.outcomes import ABSENT, fate_of_failure
from crawlers.pages import FetchedPage
from crawlers.spiders.newspaper import NewspaperSpider
from crawlers.visits import SourceCrawl, Visit, conditions
from crawlers.voices.marks import WALK_MAX, Marks, Units
from crawlers.voices.rounds import Round, wait_in
from crawlers.voices.texts import VoiceError
from crawlers.voices.voice import NOT_KEPT, Answer, ApiOptions, Ask, Found, Refusal, Voice, key_of, read_answer, voice_of, without_posts
from diembao.article import ArchiveRecord, Article
from diembao.errors import ArchiveError, ConfigError, DiembaoError
from diembao.fates import Fate
from diembao.source import Source
from diembao.state import FetchState, State
from diembao.urls import article_id, normalise_url

if TYPE_CHECKING:
    from scrapy.http import Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

logger = logging.getLogger(__name__)

_IN_FLIGHT = 2
"""Calls of one API at the same time. A forum is asked one page after the other: a page often settles what the next would be asked for."""
_WALKS = 20
"""Lists with more to read that are taken up together."""
_CHECKED = 200
"""Known posts that are looked at again together."""
_REPEATS = 1
"""An API counts each attempt."""


class PressSpider(NewspaperSpider):
    """As NewspaperSpider, with other voices.

    Args:
        *args: as NewspaperSpider.
        state: keeps marks and quota.
        environment: has the keys.
        units_per_day: quota of each key by the name of its variable, where it is not the usual one.
        **kwargs: as NewspaperSpider.
    """

    name = "press"

    def __init__(self, *args: Any, state: State, environment: Mapping[str, str], units_per_day: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._state = state
        self._environment = environment
        self._units_per_day = units_per_day
        self._rounds: dict[str, Round] = {}

    def configure(self, settings: BaseSettings) -> None:
        """Take the limits from the settings."""
        super().configure(settings)
        self._answer_maxsize = settings.getint("DOWNLOAD_MAXSIZE")

    # --- what is asked ---

    def _ways_in(self, crawl: SourceCrawl) -> Iterator[Request]:
        if crawl.source.voice is None:
            yield from super()._ways_in(crawl)
            return
        try:
            begun = self._begin(crawl)
            marks = {walk: begun.marks.get(walk) for walk in begun.voice.remembered}
        except ConfigError as error:
            crawl.report(_place(crawl.source), str(error))
            return
        if hosts_of(self.crawler).is_closed(begun.pauses_as):
            seconds = hosts_of(self.crawler).closed()[begun.pauses_as]
            crawl.report(_place(crawl.source), f"it wants to be left alone for {seconds / 60:.0f} more minutes; then it goes on by itself")
            return
        self._rounds[crawl.source.id] = begun
        for ask in begun.voice.ways_in(marks):
            if self.polling.is_due(self._known_entrance(crawl, "feed", ask.url), crawl.source, self.clock()):
                begun.pending.append(ask)
            else:
                crawl.not_due += 1
        yield from self._next_pages(crawl)

    def _begin(self, crawl: SourceCrawl) -> Round:
        source = crawl.source
        voice = voice_of(source, self.clock())
        key = key_of(voice, self._environment)
        budgets: list[Units] = []
        name = source.id
        if isinstance(voice.options, ApiOptions):
            name = voice.options.key_env
            if voice.options.units_per_day is not None:
                budgets.append(Units(self._state, f"source {source.id}", voice.options.units_per_day))
            per_day = self._units_per_day.get(name, voice.units_per_day)
            if per_day is not None:
                budgets.append(Units(self._state, f"key {name}", per_day))
        return Round(voice, key, Marks(self._state, source.id), budgets, f"voice {name}")

    def _next_pages(self, crawl: SourceCrawl) -> Iterator[Request]:
        if crawl.source.voice is None:
            yield from super()._next_pages(crawl)
            return
        begun = self._rounds.get(crawl.source.id)
        while (
            begun is not None and crawl.in_flight < (_IN_FLIGHT if begun.voice.is_api else 1) and not begun.stopped and self._goes_on(crawl)
        ):
            try:
                ask = self._next_ask(crawl, begun)
                if ask is None or not self._may_spend(crawl, begun, ask):
                    return
            except DiembaoError as error:
                self._stop(error)
                return
            crawl.in_flight += 1
            yield self._ask(crawl, begun, ask)

    def _next_ask(self, crawl: SourceCrawl, begun: Round) -> Ask | None:
        """What is waiting; then lists with more to read; then posts that are due."""
        while True:
            while begun.pending:
                ask = begun.pending.popleft()
                if not ask.checks or any(article_id(address) not in self._taken for address in ask.checks):
                    if ask.walk:
                        begun.tried.add(ask.walk)
                    return ask
            self._make_safe()
            if self.fatal is not None:
                return None
            walks = begun.marks.open_walks(_WALKS, begun.tried)
            for walk, mark in walks:
                begun.tried.add(walk)
                if (ask_ := begun.voice.go_on(walk, mark)) is not None:
                    begun.pending.append(ask_)
                else:
                    begun.marks.put(walk, mark, is_open=False)
            if walks:
                continue
            if crawl.overflowed and not crawl.due:
                self._refill(crawl)
            addresses = [crawl.due.popleft().address for _ in range(min(_CHECKED, len(crawl.due)))]
            if not addresses:
                return None
            begun.pending.extend(begun.voice.ask_for([one for one in addresses if article_id(one) not in self._taken]))

    def _may_spend(self, crawl: SourceCrawl, begun: Round, ask: Ask) -> bool:
        """Count the units of a call, before it is made; False when the day's budget is used up."""
        day = begun.voice.quota_day(self.clock())
        for number, budget in enumerate(begun.budgets):
            if ask.units and not budget.spend(day, ask.units):
                for taken in begun.budgets[:number]:
                    taken.spend(day, -ask.units, anyway=True)
                begun.stopped = True
                crawl.report(
                    _place(crawl.source), f"the {budget.per_day} units a day of {budget.budget} are used up; the rest waits for tomorrow"
                )
                return False
        return True

    def _ask(self, crawl: SourceCrawl, begun: Round, ask: Ask) -> Request:
        entry = self._known_entrance(crawl, "feed", ask.url) if ask.polled else None
        report: dict[str, Any] = {"url": ask.url, "role": "feed", "outcome": "", "links": 0, "new": 0}
        if ask.polled:
            crawl.entrances.append(report)
        meta = {
            "role": "api" if begun.voice.is_api else "voice",
            "source": crawl.source,
            "download_maxsize": self._answer_maxsize,
            "wait_in": wait_in(begun.voice),
            **({"max_retry_times": _REPEATS} if begun.voice.is_api else {}),
        }
        return Request(
            ask.url,
            callback=self.parse_answer,
            errback=self.answer_failed,
            headers={**(conditions(entry) if entry else {}), **(begun.voice.headers(begun.key) if begun.key else {})},
            dont_filter=True,
            priority=10 if ask.polled else 0,
            meta=meta,
            cb_kwargs={"crawl": crawl, "ask": ask, "entry": entry, "report": report},
        )

    # --- what is answered ---

    async def parse_answer(
        self, response: Response, crawl: SourceCrawl, ask: Ask, entry: FetchState | None, report: dict[str, Any]
    ) -> AsyncIterator[Request]:
        """Take what an answer holds."""
        begun = self._rounds[crawl.source.id]
        try:
            self._count_repeats(begun, ask, response.meta.get("retry_times", 0))
            await self._answered(response, crawl, begun, ask, entry, report)
        except (VoiceError, TookTooMuch) as error:
            self._nothing(crawl, begun, ask, entry, report, f"the answer cannot be read: {error}")
        except (OSError, DiembaoError) as error:
            self._stop(error)
        except Exception as error:  # a hostile answer must not end the crawl of the other sources
            logger.exception("reading %s", ask.url)
            self._nothing(crawl, begun, ask, entry, report, f"the answer cannot be read: {type(error).__name__}: {error}"[:300])
        for request in self._page_done(crawl):
            yield request

    def answer_failed(self, failure: Failure) -> Iterator[Request]:
        """An answer that could not be had."""
        request = failure.request  # type: ignore[attr-defined]
        crawl, ask = request.cb_kwargs["crawl"], request.cb_kwargs["ask"]
        begun = self._rounds[crawl.source.id]
        _, detail = fate_of_failure(failure.value)
        crawl.failures += 1
        try:
            self._count_repeats(begun, ask, request.meta.get("retry_times", 0))
            self._nothing(crawl, begun, ask, request.cb_kwargs["entry"], request.cb_kwargs["report"], f"cannot be had: {detail}")
        except DiembaoError as error:
            self._stop(error)
        yield from self._page_done(crawl)

    def _count_repeats(self, begun: Round, ask: Ask, repeats: int) -> None:
        for budget in begun.budgets if ask.units and repeats else []:
            budget.spend(begun.voice.quota_day(self.clock()), ask.units * repeats, anyway=True)

    async def _answered(
        self, response: Response, crawl: SourceCrawl, begun: Round, ask: Ask, entry: FetchState | None, report: dict[str, Any]
    ) -> None:
        body, now = response.body, self.clock()
        crawl.failures = crawl.failures + 1 if response.status == 429 or response.status >= 500 else 0
        digest = hashlib.sha256(body).hexdigest()
        if entry is not None and (response.status == 304 or (response.status == 200 and digest == entry.content_hash)):
            report["outcome"] = "unchanged"
            entry.fetched_at, entry.failures = now, 0
            self.polling.answered(entry, crawl.source, 0, None, now)
            self._remember_entrance(entry)
            if ask.walk and begun.marks.is_open(ask.walk) and (more := begun.voice.go_on(ask.walk, begun.marks.get(ask.walk))):
                begun.pending.append(more)
        elif (refusal := self._refusal_in(begun, ask, response)) is not None:
            self._refused(response, crawl, begun, ask, entry, report, refusal)
        else:
            mark = begun.marks.get(ask.walk) if ask.walk else {}
            arguments = (crawl.source, ask, self._as_page(response, begun), mark, self.started_at)
            answer = await self._apart(len(body) > self._at_once, read_answer, *arguments)
            new = self._take_answer(crawl, begun, ask, answer)
            if entry is not None and new is not None:
                self._polled(response, crawl, entry, report, answer.found, new, digest)
        headers = {name.decode("latin-1").lower(): values[-1].decode("latin-1") for name, values in response.headers.items() if values}
        if (wish := begun.voice.pause(headers, body)) is not None and not begun.stopped:
            self._leave_alone(crawl, begun, wish)

    def _refusal_in(self, begun: Round, ask: Ask, response: Response) -> Refusal | None:
        refusal = (
            begun.voice.is_unsure(response.body) if response.status == 200 else begun.voice.refusal(ask, response.status, response.body)
        )
        if refusal is None or not begun.key:
            return refusal
        # An API may quote the key in its complaint.
        return replace(refusal, reason=refusal.reason.replace(begun.key, "…"))

    def _as_page(self, response: Response, begun: Round, body: bytes | None = None) -> FetchedPage:
        """The answer as it came, without the key; what may be stored of it is decided by the voice."""
        now = self.clock()
        secret = {name.lower() for name in begun.voice.headers("x")}
        asked = response.request.headers if response.request else {}
        return FetchedPage(
            url=urldefrag(response.url)[0],
            status=response.status,
            headers=_without(begun.key, _pairs(response.headers if body is not None else response.meta["payload_headers"])),
            payload=response.meta["payload"] if body is None else body,
            fetched_at=now,
            first_seen_at=now,
            source=begun.voice.source.id,
            request_headers=tuple(pair for pair in _pairs(asked) if pair[0].lower() not in secret),
            ip=str(response.ip_address or ""),
        )

    def _polled(
        self, response: Response, crawl: SourceCrawl, entry: FetchState, report: dict[str, Any], found: Found, new: int, digest: str
    ) -> None:
        """What the poll of a list teaches."""
        report["outcome"], report["links"], report["new"] = "read", found.links, new
        entry.fetched_at = self.clock()
        self.polling.answered(entry, crawl.source, new, None, entry.fetched_at)
        if not found.links and not crawl.source.may_be_empty:
            self._nothing_found(crawl, entry, report, "feed", 0)
        else:
            etag = (response.headers.get("ETag") or b"").decode("latin-1").strip() or found.etag
            modified = (response.headers.get("Last-Modified") or b"").decode("latin-1").strip()
            entry.failures, entry.content_hash = 0, digest
            entry.etag = etag if 0 < len(etag) <= 500 else None
            entry.last_modified = modified if 0 < len(modified) <= 100 else None
            # First the marks of what the list names: it may say "unchanged" from now on.
            self._make_safe()
        self._remember_entrance(entry)

    # --- refusals ---

    def _refused(
        self,
        response: Response,
        crawl: SourceCrawl,
        begun: Round,
        ask: Ask,
        entry: FetchState | None,
        report: dict[str, Any],
        refusal: Refusal,
    ) -> None:
        mark = begun.marks.get(ask.walk) if ask.walk else {}
        if refusal.kind in ("gone", "none") and not ask.polled:
            if refusal.kind == "gone":
                self._all_gone(response, begun, ask, refusal.reason)
            if ask.walk:
                begun.marks.put(ask.walk, {**mark, "read": mark.get("state", "")}, is_open=False)
        elif refusal.kind == "restart":
            begun.marks.put(ask.walk, {name: value for name, value in mark.items() if name not in ("next", "newest", "ids")}, is_open=True)
        elif refusal.kind == "apart":
            for address in ask.checks:
                begun.pending.extend(begun.voice.ask_for([address]))
        elif refusal.kind == "wait":
            self._leave_alone(crawl, begun, refusal)
        else:
            begun.stopped = begun.stopped or refusal.kind == "broken"
            self._nothing(crawl, begun, ask, entry, report, refusal.reason, always=refusal.kind == "broken")

    def _all_gone(self, response: Response, begun: Round, ask: Ask, reason: str) -> None:
        """Everything that was asked for is not there any more."""
        record: ArchiveRecord | None = None
        known = self.memory.look_up(normalise_url(address) for address in ask.checks)
        for address in ask.checks:
            entry = known.get(normalise_url(address))
            if entry is None or article_id(address) in self._taken:
                continue
            if entry.article_id is not None and record is None:
                record = self._store(self._refusal_page(response, begun, ask))
            self._away(begun, entry, reason, record)

    def _refusal_page(self, response: Response, begun: Round, ask: Ask) -> FetchedPage:
        try:
            body = begun.voice.kept(ask, response.body, (response.headers.get("Content-Type") or b"").decode("latin-1") or None)
        except VoiceError:
            body = b""
        page = self._as_page(response, begun, body.replace(begun.key.encode(), b"") if begun.key else body)
        return replace(page, ask=ask.to_json(), headers=tuple(pair for pair in page.headers if pair[0].lower() not in NOT_KEPT))

    def _leave_alone(self, crawl: SourceCrawl, begun: Round, wish: Refusal) -> None:
        begun.stopped = True
        hosts_of(self.crawler).close(begun.pauses_as, wish.seconds)
        crawl.report(_place(crawl.source), f"{wish.reason}; it goes on in {wish.seconds / 60:.0f} minutes")

    def _nothing(
        self,
        crawl: SourceCrawl,
        begun: Round,
        ask: Ask,
        entry: FetchState | None,
        report: dict[str, Any],
        reason: str,
        *,
        always: bool = False,
    ) -> None:
        """An answer that brought nothing: a problem where a list was polled, counted elsewhere."""
        begun.failed += 1
        begun.first_failure = begun.first_failure or f"{reason} ({ask.step})"
        if entry is not None:
            self._entrance_problem(crawl, entry, report, reason)
        elif always:
            crawl.report(_place(crawl.source), reason)

    # --- posts ---

    def _take_answer(self, crawl: SourceCrawl, begun: Round, ask: Ask, answer: Answer) -> int | None:
        """Give every post of an answer its fate; then move the mark.

        Returns:
            How many posts were unknown, and lists below them had grown; None when a trial's limit or a full disk cut the answer short.
        """
        found = answer.found
        known = self.memory.look_up(normalise_url(url) for url in [*(one.url for one in found.articles), *ask.checks, *found.wanted])
        growing = self._open_below(begun, found)
        kept: list[ArchiveRecord] = []
        page = answer.page
        erased = [one for one in found.articles if (entry := known.get(normalise_url(one.url))) is not None and entry.fate == Fate.ERASED]
        if erased:
            page = without_posts(crawl.source, ask, page, erased, self.started_at)

        def record() -> ArchiveRecord:
            # One answer holds many posts: it is archived once, when the first of them needs it.
            if not kept:
                kept.append(self._archived(page))
            return kept[0]

        new = len(growing)
        for article in found.articles:
            if self.page_limit is not None and crawl.taken >= self.page_limit:
                return None
            new += self._take_post(crawl, begun, ask, article, known, record, is_growing=article.url in growing)
            if (entry := known.get(normalise_url(article.url))) is not None and entry.fate == Fate.ARCHIVE_FAILED:
                return None
        here = {article.id for article in found.articles}
        for address in [*ask.checks, *found.absent]:
            entry, identity = known.get(normalise_url(address)), article_id(address)
            if entry is not None and entry.fate != Fate.ERASED and identity not in here and identity not in self._taken:
                self._away(begun, entry, "the answer does not have it any more", self._store(page, kept) if entry.article_id else None)
        new += self._want(crawl, begun, found, known)
        begun.pending.extend(found.asks)
        if ask.walk and found.mark is not None:
            mark = found.mark if found.more is not None else {**found.mark, "read": found.mark.get("state", "")}
            begun.marks.put(ask.walk, mark, is_open=found.more is not None)
        if found.more is not None:
            begun.pending.append(found.more)
        return new

    def _open_below(self, begun: Round, found: Found) -> list[str]:
        """Note which lists have something new; the address of the post that each belongs to."""
        growing = []
        for below in found.opens:
            mark, walk = begun.marks.get(below.walk), below.walk
            if below.state in (mark.get("read"), mark.get("state")) or len(walk) > WALK_MAX:
                continue
            begun.marks.put(walk, {**mark, **below.more, "state": below.state, "title": below.title}, is_open=True)
            growing.append(below.of)
        return growing

    def _want(self, crawl: SourceCrawl, begun: Round, found: Found, known: Mapping[str, FetchState]) -> int:
        """Ask for posts in full that are not known; remembered before, so that no kill loses them."""
        wanted = [url for url in found.wanted if normalise_url(url) not in known]
        for url in wanted:
            self.memory.remember(new_entry(url, crawl.source.id, "article", self.clock()))
        begun.pending.extend(begun.voice.ask_for(wanted))
        return len(wanted)

    def _take_post(
        self,
        crawl: SourceCrawl,
        begun: Round,
        ask: Ask,
        article: Article,
        known: dict[str, FetchState],
        record: Callable[[], ArchiveRecord],
        *,
        is_growing: bool,
    ) -> int:
        """Give one post its fate; 1 when it was unknown."""
        if article.id in self._taken:
            return 0
        now = self.clock()
        entry = known.setdefault(normalise_url(article.url), new_entry(article.url, crawl.source.id, "article", now))
        is_new, is_same = entry.content_hash is None, entry.content_hash == article.content_hash
        is_due = article.url in ask.checks or (entry.next_fetch_at is not None and entry.next_fetch_at <= now)
        if entry.fate == Fate.ERASED or (is_same and not is_due and not is_growing and entry.fate not in ABSENT):
            crawl.known += 1
            return 0
        is_short = entry.article_id is None and begun.voice.is_too_short(article)
        if is_short and article.url not in ask.checks:
            begun.short += 1  # "Chấm.": not taken up, as a link that is no article's
            return 0
        visit = Visit(crawl.source, entry, article.id, article.url)
        self._take(visit, article.id)
        crawl.taken += 1
        if is_same:
            self._settle(visit, Fate.UNCHANGED if entry.article_id else Fate.TOO_SHORT)
        elif is_short:
            entry.content_hash = article.content_hash
            self._settle(visit, Fate.TOO_SHORT, f"{len(article.body)} characters")
        else:
            self._keep(visit, article.with_fields(first_seen_at=now if is_new else entry.first_seen_at), record)
        self._reschedule(begun, entry, is_growing=is_growing)
        return int(is_new)

    def _keep(self, visit: Visit, article: Article, record: Callable[[], ArchiveRecord]) -> None:
        try:
            # Evidence first, as for pages.
            place = record()
            self.run.write_article(article.with_fields(archive=place))
        except ArchiveError as error:
            self._settle(visit, Fate.ARCHIVE_FAILED, str(error))
            return
        except OSError as error:
            self._settle(visit, Fate.ARCHIVE_FAILED, f"the article cannot be written: {error.strerror}")
            return
        entry = visit.entry
        entry.first_seen_at = article.first_seen_at or entry.first_seen_at
        entry.content_hash, entry.article_id = article.content_hash, article.id
        self._settle(visit, None, published=article.published_at)

    def _reschedule(self, begun: Round, entry: FetchState, *, is_growing: bool) -> None:
        """When a post is looked at again, where that is not as for pages."""
        before = entry.next_fetch_at
        if entry.fate == Fate.TOO_SHORT or type(begun.voice).ask_for is Voice.ask_for:
            entry.next_fetch_at = None
        elif is_growing and entry.fate == Fate.UNCHANGED and entry.fetched_at is not None:
            # Its text is the same, but people go on talking below it.
            entry.next_fetch_at = entry.fetched_at + timedelta(hours=begun.voice.source.recrawl_hours)
        if entry.next_fetch_at != before:
            self.memory.remember(entry)

    def _away(self, begun: Round, entry: FetchState, detail: str, record: ArchiveRecord | None) -> None:
        """A known post is not there any more: recorded as a page that was taken down."""
        identity = article_id(entry.address)
        visit = Visit(begun.voice.source, entry, identity, entry.address)
        self._take(visit, identity)
        self._settle(visit, Fate.NOT_FOUND, detail, record)

    def _store(self, page: FetchedPage, kept: list[ArchiveRecord] | None = None) -> ArchiveRecord | None:
        """Archive an answer that says that something is away; None when that cannot be done."""
        if kept:
            return kept[0]
        try:
            record = self._archived(page)
        except ArchiveError as error:
            logger.warning("%s cannot be kept: %s", page.url, error)
            return None
        if kept is not None:
            kept.append(record)
        return record

    def _archived(self, page: FetchedPage) -> ArchiveRecord:
        """Archive an answer. Which posts are in it stands in the run before: whoever erases one finds this run by it."""
        lines = "".join(f'{{"id":"{post}"}}\n' for post in page.posts)
        try:
            with (self.run.folder / "posts.jsonl").open("ab", buffering=0) as file:
                file.write(lines.encode())
        except OSError as error:
            raise ArchiveError(f"the posts of an answer cannot be noted: {error.strerror}", "Make room on the disk") from error
        return self.archive.store(page)

    # --- the end ---

    def checkpoint(self) -> None:
        """Make everything so far safe; then how far lists were read."""
        super().checkpoint()
        for begun in self._rounds.values():
            begun.marks.save(self.clock())

    def summary(self, now: Any, interrupted: bool) -> dict[str, Any]:
        """As NewspaperSpider, with what was spent of budgets and what was asked for in vain."""
        for crawl in self.crawls:
            begun = self._rounds.get(crawl.source.id)
            if begun is not None and begun.failed and not crawl.problems:
                crawl.report(_place(crawl.source), f"{begun.failed} answers brought nothing; the first: {begun.first_failure}")
        summary = super().summary(now, interrupted)
        for name, begun in self._rounds.items():
            day = begun.voice.quota_day(now)
            summary["sources"][name]["short"] = begun.short
            summary["sources"][name]["units"] = {budget.budget: budget.spent(day) for budget in begun.budgets}
        return summary


def _place(source: Source) -> str:
    return str(source.homepage or source.domain)


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values)


def _without(key: str, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value.replace(key, "…")) for name, value in headers) if key else headers
