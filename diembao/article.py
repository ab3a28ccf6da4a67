"""The Article: one page of a newspaper, portal, forum or hotline, and what tagging and linking found in it.

Every field is defined here and nowhere else; `docs/fields.md` is generated from these definitions.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

from diembao.clock import to_utc
from diembao.errors import InputError
from diembao.urls import article_id

Kind = Literal["newspaper", "portal", "forum", "social", "video", "feedback"]
SentimentLabel = Literal["negative", "neutral", "positive"]
CriticalOfLabel = Literal["authority", "organisation", "none"]
PageKindLabel = Literal["article", "gallery", "video", "live", "teaser", "listing", ""]
EntityType = Literal["PER", "ORG", "LOC"]
PlaceLevel = Literal["province", "district", "ward"]

_SURROGATE = re.compile("[\ud800-\udfff]")


def _text(value: object) -> object:
    """None is empty text; lone surrogates cannot be stored or sent, so they become U+FFFD."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    return value


def _moment(value: object) -> object:
    if isinstance(value, str) and value.strip():
        try:
            return to_utc(datetime.fromisoformat(value.strip()))
        except (ValueError, OverflowError):
            return value
    if isinstance(value, datetime):
        return to_utc(value)
    return value or None


def _list(value: object) -> object:
    return [] if value is None else value


Text = Annotated[str, BeforeValidator(_text)]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(lambda moment: moment.astimezone(UTC).isoformat().replace("+00:00", "Z"), return_type=str, when_used="json"),
]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CreditedSource(_Value):
    """Where a page says that its text comes from ("Nguồn: …", "Theo …")."""

    name: str
    url: str | None = None


class ArchiveRecord(_Value):
    """Where the fetched page lies in the WARC archive."""

    file: str = Field(description="path below DIEMBAO_HOME/archive")
    offset: int = Field(description="byte offset of the response record in the file", ge=0)


class TopicScore(_Value):
    """One topic that the model asserts, with its probability."""

    code: str
    score: float


class Sentiment(_Value):
    """How the article reads to a communications officer."""

    label: SentimentLabel
    scores: dict[str, float] = Field(default_factory=dict, description="probability of each label")
    confident: bool = True
    sentences: list[str] = Field(default_factory=list, description="the sentences that decided the label, most decisive first")


class CriticalOf(_Value):
    """Who is criticised or shown at fault, if anyone."""

    label: CriticalOfLabel
    scores: dict[str, float] = Field(default_factory=dict, description="probability of each label")
    confident: bool = True
    sentences: list[str] = Field(default_factory=list, description="the sentences that decided the label, most decisive first")


class Entity(_Value):
    """A person, organisation or location named in the body."""

    text: str
    type: EntityType
    start: int = Field(description="offset into the repaired body, code points", ge=0)
    end: int = Field(description="offset behind the last code point", ge=0)
    full: str | None = Field(default=None, description="`text` with the office's abbreviations written out; null when it has none")


class Place(_Value):
    """An administrative unit that the article is about."""

    code: str = Field(description="no other unit has it; official; of a merged province the former one and `cu` (82cu: Tiền Giang)")
    name: str = Field(description="full name of the unit as it was written, e.g. 'Tỉnh Tiền Giang'")
    level: PlaceLevel
    province: str = Field(description="today's province (34) without 'Tỉnh'/'Thành phố', e.g. 'Đồng Tháp'")
    valid_from: date | None = Field(default=None, description="first day on which the unit existed; None: before records began")
    valid_to: date | None = Field(default=None, description="last day on which the unit existed; None: it still does")
    former: list[str] = Field(default_factory=list, description="units that were merged into this one")
    former_province: str = Field(
        default="", description="of a smaller unit: the merged province in which it lies or lay, e.g. 'Tiền Giang'"
    )


class Article(BaseModel):
    """One article. Frozen: a stage that adds something makes a copy (`with_fields`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(default="", description="first 32 hex of SHA-256 of the normalised URL; a given id is kept")
    url: Text = Field(default="", description="address as fetched")
    canonical_url: Text = Field(default="", description="address as the page declares it; empty when it does not")
    source: Text = Field(default="", description="id of the source (the name of its TOML file)")
    kind: Kind = Field(default="newspaper", description="newspaper, portal, forum, social, video or feedback")

    title: Text = Field(description="headline, NFC")
    lead: Text = Field(default="", description="sapo: the summary that the page sets apart; empty when there is none")
    body: Text = Field(default="", description="paragraphs joined by line feeds, NFC, no boilerplate, no related links")
    authors: Annotated[list[str], BeforeValidator(_list)] = Field(default_factory=list, description="as printed")
    section: Text = Field(default="", description="section of the outlet, as printed")
    tags: Annotated[list[str], BeforeValidator(_list)] = Field(default_factory=list, description="keywords, as printed")
    images: Annotated[list[str], BeforeValidator(_list)] = Field(default_factory=list, description="addresses of the article's images")

    published_at: Moment | None = Field(default=None, description="aware UTC; Vietnamese pages without a zone are UTC+7")
    modified_at: Moment | None = Field(default=None, description="aware UTC; when the page says it was changed")
    fetched_at: Moment | None = Field(default=None, description="aware UTC; when this revision was fetched")
    first_seen_at: Moment | None = Field(default=None, description="aware UTC; when the address was first fetched")
    published_precision: Literal["minute", "day"] | None = Field(
        default=None, description="`day`: no time is printed, published_at is 00:00 Vietnam time"
    )
    credited_source: CreditedSource | None = Field(default=None, description="the 'Nguồn: …' / 'Theo …' credit")
    obfuscated: bool = Field(default=False, description="look-alike letters had to be undone")
    revision: int = Field(default=1, ge=1, description="1, 2, …: counts the texts seen at this address")
    content_hash: str = Field(default="", description="SHA-256 of title, lead and body")
    archive: ArchiveRecord | None = Field(default=None, description="WARC file and offset of the fetched page")
    extractor: Literal["profile", "general", ""] = Field(
        default="", description="what found the body: the source's own selectors, or the general extractor"
    )

    page_kind: PageKindLabel = Field(
        default="",
        description="how the page tells its story: running text, pictures, a film, entries under their times (live), or the free beginning "
        "of a paid article (teaser); a listing is dropped by a crawl; empty: unknown",
    )
    missing_pages: Annotated[list[int], BeforeValidator(_list)] = Field(
        default_factory=list, description="of an article on several pages: the numbers of those that could not be had; `body` lacks them"
    )

    topics: Annotated[list[TopicScore], BeforeValidator(_list)] = Field(
        default_factory=list, description="topics that the model asserts, most likely first; may be empty"
    )
    sentiment: Sentiment | None = Field(default=None, description="negative, neutral or positive, with the deciding sentences")
    critical_of: CriticalOf | None = Field(default=None, description="who is criticised: authority, organisation or none")
    entities: Annotated[list[Entity], BeforeValidator(_list)] = Field(default_factory=list, description="people, organisations, locations")
    places: Annotated[list[Place], BeforeValidator(_list)] = Field(default_factory=list, description="administrative units")

    copy_keys: Annotated[list[str], BeforeValidator(_list)] = Field(
        default_factory=list, description="hashes of a sample of the text's shingles; copies share some of them"
    )
    story_keys: Annotated[list[str], BeforeValidator(_list)] = Field(
        default_factory=list, description="the article's most telling terms; articles on one event share several"
    )
    story_id: str | None = Field(default=None, description="id of the group of articles on one event")
    copy_of: str | None = Field(default=None, description="id of the earliest article with the same text; null for an origin")
    similarity: float | None = Field(default=None, description="share of common text with `copy_of`, 0 to 1")
    steps: dict[str, int] = Field(default_factory=dict, description="version of each tagging step that has run")

    relevant: bool = Field(default=True, description="false: staff said that it is none of their business; searches pass over it")
    corrected: Annotated[list[str], BeforeValidator(_list)] = Field(
        default_factory=list, description="fields that staff corrected: they keep that value whatever models and linking say"
    )
    uncorrected: dict[str, Any] = Field(default_factory=dict, description="what models and linking say of the corrected fields")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        data = dict(data)
        if not data.get("id"):
            data["id"] = article_id(str(data["url"])) if data.get("url") else ""
        data["id"] = str(data["id"])
        for name in ("steps", "obfuscated", "revision", "content_hash", "kind", "extractor", "page_kind", "relevant", "uncorrected"):
            if name in data and data[name] is None:
                del data[name]
        if not data.get("content_hash"):
            data["content_hash"] = content_hash(str(data.get("title") or ""), str(data.get("lead") or ""), str(data.get("body") or ""))
        return data

    @classmethod
    def from_record(cls, record: object, position: str = "") -> Self:
        """An Article from one decoded JSON record; only `title` must be there.

        Args:
            record: the decoded JSON value.
            position: where it stands ("line 12"), for the message.

        Raises:
            InputError: when a field cannot be read; names the position, the field and why.
        """
        try:
            return cls.model_validate(record)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "record"
            where = f"{position}: " if position else ""
            raise InputError(
                f"{where}field {field!r}: {first['msg']}", "An Article is a JSON object with at least a 'title'; see docs/fields.md"
            ) from error

    def with_fields(self, **fields: object) -> Self:
        """A copy with `fields` set; `content_hash` follows when the text changes."""
        copy = self.model_copy(update=fields)
        if fields.keys() & {"title", "lead", "body"}:
            copy = copy.model_copy(update={"content_hash": content_hash(copy.title, copy.lead, copy.body)})
        return copy

    def to_record(self) -> dict[str, Any]:
        """The article as a JSON-ready dict, dates as ISO 8601 UTC."""
        return self.model_dump(mode="json")


def content_hash(title: str, lead: str, body: str) -> str:
    """SHA-256 (hex) of the text in NFC with white space folded: what must differ for a new revision."""
    parts = (" ".join(unicodedata.normalize("NFC", part).split()) for part in (title, lead, body))
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()
