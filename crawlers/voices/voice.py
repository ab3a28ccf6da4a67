"""What a voice is: which addresses it asks for, what may be kept of an answer, and the Articles in it.

A voice is one file beside this one, `crawlers/voices/TYPE.py`, with a class derived from `Voice` and `VOICE = ThatClass`. The entry of a
source says `type = "TYPE"`. Everything here is pure: the requests themselves, what was seen before, quota, fates, archive and resuming are
the spider's matter (`crawlers/spiders/voices.py`), the same for all voices.
"""

from __future__ import annotations

import html
import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import crawlers.voices
from crawlers.compression import BadCompression, TooMuch
from crawlers.pages import FetchedPage, ReadPage
from crawlers.voices.texts import VoiceError, opening
from diembao.article import Article, Kind
from diembao.clock import to_utc
from diembao.errors import ConfigError
from diembao.fates import Fate
from diembao.source import Source
from diembao.urls import article_id

Mark = dict[str, Any]
"""How far a list was read, as JSON has it. `state` and `read` belong to the spider, the other keys to the voice."""

NOT_KEPT = ("content-encoding", "content-length", "set-cookie")
"""Headers that do not fit an answer as it is kept."""

OVERLAP = timedelta(days=3)
"""What is that much older than the newest known entry is read again: lists are not always in the order of their dates."""

TITLE_MAX = 300
"""Characters of a headline that are carried from a list to the posts below it."""


class Options(BaseModel):
    """The keys of `[voice]` that every voice has.

    Attributes:
        min_text: characters that a comment or reply must have; shorter ones are dropped as too_short.
        history_days: how far back lists are read the first time.
        comments: whether comments and replies are read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_text: int = Field(default=15, ge=0)
    history_days: int = Field(default=30, ge=1, le=3650)
    comments: bool = True


class ApiOptions(Options):
    """The keys of an official API.

    Attributes:
        key_env: environment variable that holds the key or token.
        api: address of the API; plain http on loopback only, where tests have one.
        units_per_day: calls (or units of quota) that this source may spend a day; None: only the key's own limit.
    """

    key_env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    api: str
    units_per_day: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        step: which part of the voice reads the answer.
        url: without any secret; it stands in the archive.
        walk: the list that the answer is a part of; empty: of none.
        about: id of what is asked about.
        title: headline of what the posts in the answer belong to.
        checks: addresses of known posts that the answer must hold; one that is missing was taken down.
        polled: asked in every round at its own pace, and only if it changed.
        units: what it costs of the API's quota.
    """

    step: str
    url: str
    walk: str = ""
    about: str = ""
    title: str = ""
    checks: tuple[str, ...] = ()
    polled: bool = False
    units: int = 0

    def to_json(self) -> str:
        """What the archive keeps of it, so that the answer can be read again; ASCII."""
        return json.dumps({name: value for name, value in asdict(self).items() if name in ("step", "about", "title") and value})

    @classmethod
    def from_json(cls, text: str, url: str) -> Self:
        """The inverse of `to_json`, as far as reading needs it."""
        return cls(url=url, **json.loads(text))


@dataclass(frozen=True)
class Open:
    """A list below something that was found: the comments of a post, the pages of a thread.

    Attributes:
        walk: its name.
        state: what it looks like from above (a count, a time); another one than last time: there is something to read.
        title: headline of what it belongs to.
        of: address of the post that it belongs to; empty: of none that is in the same answer.
        more: what else its mark gets.
    """

    walk: str
    state: str
    title: str = ""
    of: str = ""
    more: Mark = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What an answer holds.

    Attributes:
        articles: posts, comments, videos; `url` stays the same for ever.
        links: how many entries the answer lists.
        wanted: addresses of posts that are to be had in full, if they are not known.
        opens: lists below what was found.
        asks: what is asked next, whatever is known.
        absent: addresses whose posts the answer says are not there any more.
        mark: the new mark of the ask's walk; None: as it was.
        more: the walk goes on with this; None: it is at its end.
        etag: the answer's ETag, where an API writes it into the body.
    """

    articles: tuple[Article, ...] = ()
    links: int = 0
    wanted: tuple[str, ...] = ()
    opens: tuple[Open, ...] = ()
    asks: tuple[Ask, ...] = ()
    absent: tuple[str, ...] = ()
    mark: Mark | None = None
    more: Ask | None = None
    etag: str = ""


@dataclass(frozen=True)
class Refusal:
    """What an answer that is no success means.

    Attributes:
        kind: `gone`: what was asked for is not there any more; `none`: there is nothing to read (comments are off); `restart`: the place in
            a list is not known any more; `apart`: one of several posts is gone, they are asked for one by one; `wait`: the host or
            the key wants to be left alone; `broken`: nothing of this source works until somebody mends it; `again`: maybe next time.
        reason: one line for a person.
        seconds: with `wait`: how long.
    """

    kind: Literal["gone", "none", "restart", "apart", "wait", "broken", "again"]
    reason: str
    seconds: float = 0.0


OptionsOf = TypeVar("OptionsOf", bound=Options)


class Voice(ABC, Generic[OptionsOf]):
    """One kind of voice, for one source.

    Attributes:
        source: its entry.
        options: the checked keys of `[voice]`.
        since: nothing older is asked for the first time.
        kinds: what `kind` of the entry may be; the first is proposed.
        is_api: an official API with a key of the office's: not asked for robots.txt, which is for web pages, and never redirected.
        units_per_day: the API's usual quota for one key; None: it has none.
    """

    OPTIONS: type[OptionsOf]
    kinds: ClassVar[tuple[Kind, ...]] = ("social",)
    is_api: ClassVar[bool] = False
    units_per_day: ClassVar[int | None] = None

    def __init__(self, source: Source, now: datetime) -> None:
        """Raises ConfigError when the entry's `[voice]` is wrong."""
        assert source.voice is not None
        if source.kind not in self.kinds:
            raise ConfigError(
                f"{source.id}: a voice of type {source.voice.type} cannot be of kind {source.kind}", f'Set kind = "{self.kinds[0]}"'
            )
        try:
            self.options = self.OPTIONS.model_validate(source.voice.options)
        except ValidationError as error:
            first = error.errors()[0]
            field_name = ".".join(str(part) for part in first["loc"]) or "voice"
            raise ConfigError(f"{source.id}: voice.{field_name}: {first['msg']}", "docs/voices.md explains each key") from error
        if isinstance(self.options, ApiOptions) and not _may_carry_a_key(self.options.api):
            raise ConfigError(f"{source.id}: voice.api must be https", "A key is never sent in the clear")
        self.source = source
        self.since = now - timedelta(days=self.options.history_days)

    # --- asking ---

    @abstractmethod
    def ways_in(self, marks: Mapping[str, Mark]) -> list[Ask]:
        """What is asked in every round, with `polled` set. `marks`: of the walks in `remembered`."""

    remembered: ClassVar[tuple[str, ...]] = ()
    """Walks whose marks `ways_in` wants to see."""

    def go_on(self, walk: str, mark: Mark) -> Ask | None:
        """The next request of a list that has more to read; None: there is nothing to ask."""
        return None

    def ask_for(self, addresses: Sequence[str]) -> list[Ask]:
        """Requests that bring the posts at `addresses` anew, each address in `checks` of exactly one; those left out are not checked."""
        return []

    def headers(self, key: str) -> dict[str, str]:
        """Headers that carry the key; they are neither logged nor archived."""
        return {}

    # --- understanding ---

    @abstractmethod
    def kept(self, ask: Ask, body: bytes, content_type: str | None) -> bytes:
        """What may be stored of an answer: without names of private persons, with their numbers masked. Raises VoiceError."""

    @abstractmethod
    def read(self, ask: Ask, page: FetchedPage, mark: Mark) -> Found:
        """What a kept answer holds; the same answer gives the same Articles, now and in a replay. Raises VoiceError."""

    def refusal(self, ask: Ask, status: int, body: bytes) -> Refusal:
        """What an answer with an HTTP status other than 200 and 304 means."""
        if status in (404, 410):
            return Refusal("gone", f"HTTP {status}")
        return Refusal("again", f"HTTP {status}")

    def is_unsure(self, body: bytes) -> Refusal | None:
        """A refusal that comes with HTTP 200; None: it is an answer."""
        return None

    def pause(self, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """A wish to be left alone that comes with a good answer (usage headers); None: none."""
        return None

    def wait_in(self, body: bytes) -> float | None:
        """Seconds that a 429 asks for in its body; None: it says nothing."""
        return None

    def quota_day(self, now: datetime) -> str:
        """The day on which the API counts a call made `now`."""
        return now.astimezone(UTC).date().isoformat()

    # --- Articles ---

    def is_too_short(self, article: Article) -> bool:
        """Whether `article` says nothing, or has no headline of its own and says less than `min_text` asks for."""
        return not article.title or (article.title == opening(article.body) and len(article.body) < self.options.min_text)

    def article(
        self,
        page: FetchedPage,
        url: str,
        title: str,
        body: str,
        published: datetime | None,
        *,
        modified: datetime | None = None,
        section: str = "",
        canonical: str = "",
        tags: Sequence[str] = (),
        images: Sequence[str] = (),
    ) -> Article:
        """An Article of this source. Nobody's name is in it: who runs the channel, page or forum is the source."""
        return Article(
            id=article_id(url),
            url=url,
            canonical_url=canonical,
            source=self.source.id,
            kind=self.source.kind,
            title=title,
            body=body,
            section=section,
            tags=list(tags),
            images=list(images),
            published_at=published,
            published_precision="minute" if published else None,
            modified_at=modified if modified and published and modified > published else None,
            fetched_at=page.fetched_at,
            first_seen_at=page.first_seen_at,
            extractor="profile",
        )


def _may_carry_a_key(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))


def voice_of(source: Source, now: datetime) -> Voice[Any]:
    """The voice of `source`, found by the name of its file.

    Raises:
        ConfigError: when there is no such file, or the entry's `[voice]` is wrong.
    """
    assert source.voice is not None
    files = [path for folder in crawlers.voices.__path__ for path in Path(folder).glob("*.py")]
    known = sorted(path.stem for path in files if "\nVOICE = " in path.read_text(encoding="utf-8"))
    if source.voice.type not in known:
        raise ConfigError(f"{source.id}: no voice is called {source.voice.type}", f"Known: {', '.join(known)}")
    made: Voice[Any] = importlib.import_module(f"crawlers.voices.{source.voice.type}").VOICE(source, now)
    return made


def key_of(voice: Voice[Any], environment: Mapping[str, str]) -> str:
    """The key or token of `voice`; empty when it needs none. Raises ConfigError when its variable is not set."""
    if not isinstance(voice.options, ApiOptions):
        return ""
    name = voice.options.key_env
    key = environment.get(name, "").strip()
    if not key:
        raise ConfigError(f"{voice.source.id}: the environment variable {name} is not set", "docs/voices.md says how to get a key")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"{voice.source.id}: what is in the environment variable {name} is no key", "Set it again, without quotes or spaces"
        )
    return key


@dataclass(frozen=True)
class Answer:
    """An answer as it is kept, and what it holds."""

    page: FetchedPage
    found: Found


def read_answer(source: Source, ask: Ask, page: FetchedPage, mark: Mark, now: datetime) -> Answer:
    """What may be kept of `page` (as it was sent), and what it holds. Importable by name: large answers are read in another process.

    Raises:
        VoiceError: when it is not what was asked for.
    """
    voice = voice_of(source, now)
    try:
        kept = voice.kept(ask, page.body(), page.content_type)
    except (TooMuch, BadCompression) as error:
        raise VoiceError(str(error)) from error
    headers = tuple((name, value) for name, value in page.headers if name.lower() not in NOT_KEPT)
    stored = replace(page, payload=kept, headers=headers, ask=ask.to_json())
    found = _read(voice, ask, stored, mark)
    return Answer(replace(stored, posts=tuple(article.id for article in found.articles)), found)


def without_posts(source: Source, ask: Ask, page: FetchedPage, gone: Sequence[Article], now: datetime) -> FetchedPage:
    """A kept answer without the texts of the posts `gone`; empty where these cannot be told from the rest.

    Somebody asked for them to be erased, and the server goes on sending them.
    """
    text = page.payload.decode("utf-8", "surrogateescape")
    for article in gone:
        for line in sorted({article.title, *article.body.splitlines()}, key=len, reverse=True):
            for form in (line, html.escape(line, quote=False), json.dumps(line, ensure_ascii=False)[1:-1]):
                text = text.replace(form, "…") if len(form) > 1 else text
    ids = {article.id for article in gone}
    left = tuple(post for post in page.posts if post not in ids)
    without = replace(page, payload=text.encode("utf-8", "surrogateescape"), posts=left)
    try:
        again = {article.id: f"{article.title}\n{article.body}" for article in _read(voice_of(source, now), ask, without, {}).articles}
    except VoiceError:
        return replace(page, payload=b"", posts=())
    if any(line in again.get(article.id, "") for article in gone for line in article.body.splitlines() if len(line) > 1):
        return replace(page, payload=b"", posts=())
    return without


def _read(voice: Voice[Any], ask: Ask, page: FetchedPage, mark: Mark) -> Found:
    try:
        return voice.read(ask, page, mark)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        # Somebody sends a number where the documentation has a list.
        raise VoiceError(f"not of the documented form ({type(error).__name__}: {error})"[:200]) from error


def read_kept(source: Source, page: FetchedPage) -> list[ReadPage]:
    """What an answer from the archive holds, each post with the reason why it is not kept, if there is one. Raises ConfigError."""
    voice = voice_of(source, page.fetched_at)
    try:
        found = _read(voice, Ask.from_json(page.ask, page.url), page, {})
    except VoiceError as error:
        return [ReadPage(page, None, Fate.PARSE_ERROR, str(error))]
    return [ReadPage(page, article, Fate.TOO_SHORT if voice.is_too_short(article) else None) for article in found.articles]


def moment(value: object) -> datetime | None:
    """An ISO 8601 time, or seconds since 1970, as aware UTC; None when it is none."""
    try:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return datetime.fromtimestamp(int(value), UTC)
        return to_utc(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(frozen=True)
class Walked:
    """Where a walk stands after a page: its new mark, and the cursor of the next page (None: at its end)."""

    mark: Mark = field(default_factory=dict)
    cursor: str | None = None


def newest_first(mark: Mark, cursor: str, moments: Sequence[datetime], following: str | None, since: datetime) -> Walked:
    """Where a walk through a list with the newest first stands after one of its pages.

    A walk ends where everything is older than what an earlier walk has read to its end. One that was interrupted goes on at its
    cursor; what came meanwhile is read by the next one, so no entry between two walks is lost.

    Args:
        mark: before: `covered` (up to where everything was read), `newest` and `next` of a walk under way.
        cursor: of the page; empty: the first.
        moments: of its entries.
        following: the cursor of the next page; None: it is the last.
        since: nothing older is read the first time.
    """
    covered = moment(mark.get("covered")) or since
    newest = max([*moments, *filter(None, [moment(mark.get("newest")) if cursor else None])], default=covered)
    kept = {name: value for name, value in mark.items() if name not in ("next", "newest")}
    if not following or following == cursor or not moments or max(moments) <= covered - (OVERLAP if "covered" in mark else timedelta()):
        return Walked({**kept, "covered": max(newest, covered).isoformat()})
    if not cursor and "next" in mark and min(moments) <= (moment(mark.get("newest")) or since):
        following = str(mark["next"])  # the page reaches what the interrupted walk began with
    return Walked({**kept, "newest": newest.isoformat(), "next": following}, following)
