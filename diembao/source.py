"""A source: one newspaper, portal, forum or other outlet, as its TOML file in `config/sources/` describes it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError, field_validator, model_validator

from diembao.article import Kind
from diembao.errors import ConfigError, UsageError

Selector = str
"""A CSS selector; several are separated by commas and tried as one."""

Medium = Literal["newspaper", "magazine", "news site", "agency", "broadcaster", "newspaper and broadcaster", "portal"]
Knowledge = Literal["unknown", "unverified", "verified"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Listing(_Table):
    """A page that lists articles."""

    url: HttpUrl
    links: Selector = Field(default="a[href]", description="selector of the links to articles")


class Archive(_Table):
    """Pages that list older articles, for `crawl --backfill`."""

    url: str = Field(description="address with {page}, or with {day} or {month}, or with both", pattern=r"^https?://[^\s/{}]+/\S*$")
    links: Selector = Field(default="a[href]", description="selector of the links to articles")
    first_page: int = Field(default=1, ge=0, description="number of the newest page")
    date_format: str = Field(default="%Y-%m-%d", description="how {day} or {month} is written (strftime)")

    @field_validator("url")
    @classmethod
    def _has_a_place(cls, value: str) -> str:
        places = re.findall(r"{([^{}]*)}", value)
        if not places or set(places) - {"page", "day", "month"} or {"day", "month"} <= set(places):
            raise ValueError("write {page}, {day} or {month} where the number or the date stands")
        return value


class Layout(_Table):
    """The selectors of one design of the outlet's pages. A redesign adds a layout; the old one stays."""

    valid_from: date | None = Field(default=None, description="first publication day with this design; none: always")
    title: Selector | None = None
    lead: Selector | None = None
    body: Selector | None = Field(default=None, description="the element that holds the paragraphs")
    remove: list[Selector] = Field(default_factory=list, description="elements to cut out of the body")
    authors: Selector | None = None
    published: Selector | None = Field(default=None, description="element whose datetime/content/title attribute or text is the date")
    section: Selector | None = None
    credit: Selector | None = Field(default=None, description="element with the 'Nguồn: …' credit")


class VoiceEntry(BaseModel):
    """What is read through an API or as a forum instead of article pages. Its other keys belong to `crawlers/voices/TYPE.py`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="youtube, facebook, xenforo, discourse, feed, or a file of your own")

    @property
    def options(self) -> dict[str, Any]:
        """The keys that belong to the voice's own file."""
        return dict(self.model_extra or {})


class Source(_Table):
    """One outlet. Its id is the name of its file."""

    id: str
    name: str = Field(description="as readers know it")
    domain: str = Field(description="host without www.; its subdomains belong to it")
    homepage: HttpUrl | None = None
    kind: Kind = "newspaper"
    medium: Medium | None = Field(default=None, description="what the outlet is, for people; `kind` is what the crawler goes by")
    province: str | None = Field(default=None, description="today's province (34) that the outlet is at home in; none: national")
    former_province: str | None = Field(default=None, description="the merged province that it was made for, when that is not `province`")
    organisation: str = Field(default="", description="who publishes it today, when that is called otherwise")
    became: str = Field(default="", description="id of the entry that goes on where this one ended (a merger, a new address)")
    became_on: date | None = Field(default=None, description="when that was")
    enabled: bool = True
    evidence: str = Field(default="", description="where the facts of this entry come from")
    checked: date | None = Field(default=None, description="when `sources check` last found it working; none: never seen live from here")

    feeds: list[HttpUrl] = Field(default_factory=list, description="RSS or Atom")
    sitemaps: list[HttpUrl] = Field(default_factory=list, description="news sitemaps or sitemap indexes")
    listings: list[Listing] = Field(default_factory=list)
    archives: list[Archive] = Field(default_factory=list)
    article_pattern: str = Field(default="", description="regular expression that the path of an article's address matches; empty: any")

    javascript: bool = Field(default=False, description="articles and listings are opened in a browser (needs Playwright and Chromium)")
    delay: float = Field(default=1.0, ge=0, le=120, description="seconds between two requests to a host; robots.txt may ask for more")
    poll_minutes: tuple[float, float] | None = Field(
        default=None, description="shortest and longest time between two polls of an entrance; none: the office's crawl.poll_minutes"
    )
    recrawl_hours: float = Field(default=6.0, ge=0, description="hours until a known article is asked for again; doubles each time")
    min_body: int = Field(default=200, ge=0, description="characters that a body must have")
    articles_per_day: tuple[int, int] | None = Field(default=None, description="expected minimum and maximum a day")
    coverage: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict, description="share of articles that must have a field, e.g. {authors = 0.6}"
    )
    may_be_empty: bool = Field(default=False, description="true: a feed or listing without entries is not reported as a problem")
    layout: list[Layout] = Field(default_factory=list)
    voice: VoiceEntry | None = Field(default=None, description="a YouTube channel, a page, a forum, a feed without pages (docs/voices.md)")

    @field_validator("article_pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _is_reachable(self) -> Self:
        if self.enabled and not self.has_entrances:
            raise ValueError("an enabled source needs a feed, a sitemap or a listing")
        if self.voice is not None and (self.feeds or self.sitemaps or self.listings):
            raise ValueError("a source with [voice] has no feeds, sitemaps or listings of its own; make two entries")
        return self

    @property
    def has_entrances(self) -> bool:
        """Whether a feed, a sitemap or a listing is known, or another voice is."""
        return bool(self.feeds or self.sitemaps or self.listings or self.voice)

    @property
    def entrances(self) -> Knowledge:
        """How far its ways in are known: none at all, from public sources only, or seen to work by `sources check`."""
        if not self.has_entrances:
            return "unknown"
        return "verified" if self.checked else "unverified"

    def layout_for(self, day: date | None) -> Layout | None:
        """The layout that was in use on `day` (Vietnam); the newest one when the day is unknown."""
        known = sorted(self.layout, key=lambda layout: layout.valid_from or date.min)
        in_use = [layout for layout in known if day is None or (layout.valid_from or date.min) <= day]
        return in_use[-1] if in_use else None


def read_source(path: Path) -> Source:
    """The source of one TOML file; its id is the file's name.

    Raises:
        ConfigError: when the file cannot be read or does not describe a source; names the file and the place in it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file or take it away") from error
    try:
        return Source.model_validate({**table, "id": path.stem})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the entry"
        raise ConfigError(f"{path}: {field}: {first['msg']}", "docs/sources.md explains each field") from error


def read_sources(folder: Path) -> dict[str, Source]:
    """Every source of `folder` by id, in the order of their ids.

    Raises:
        ConfigError: when a file is wrong.
    """
    return {path.stem: read_source(path) for path in source_files(folder)}


def source_files(folder: Path) -> Iterator[Path]:
    """The TOML files of `folder`, sorted by name; none when the folder is missing."""
    yield from sorted(folder.glob("*.toml"))


def choose_sources(known: dict[str, Source], names: list[str]) -> list[Source]:
    """The sources called `names`, or every enabled one when no name is given.

    Raises:
        UsageError: for a name that is not known; lists near names.
    """
    if not names:
        return [source for source in known.values() if source.enabled]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"unknown source: {', '.join(unknown)}", f"Known: {', '.join(sorted(known)) or 'none'}")
    return [known[name] for name in names]


def predecessors(known: dict[str, Source]) -> dict[str, list[str]]:
    """For each source that others became: their ids, in order."""
    found: dict[str, list[str]] = {}
    for source in known.values():
        if source.became:
            found.setdefault(source.became, []).append(source.id)
    return found


def source_names(folder: Path) -> dict[str, str]:
    """The names of the sources of `folder` by id, as readers know them; without those whose file is wrong."""
    names: dict[str, str] = {}
    for path in source_files(folder):
        with suppress(ConfigError):
            names[path.stem] = read_source(path).name
    return names
