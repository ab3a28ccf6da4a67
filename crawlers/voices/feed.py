"""An RSS or Atom feed whose entries are the articles: there is no page behind them, or none that we should ask for.

Feeds of outlets whose articles have pages of their own stand in `feeds` of an ordinary entry.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, get_args

import feedparser
from pydantic import Field

from crawlers.pages import FetchedPage
from crawlers.voices.texts import VoiceError, html_text, masked_text, opening, tidy
from crawlers.voices.voice import Ask, Found, Mark, Options, Voice
from diembao.article import Article, Kind
from diembao.privacy import VOICES_OF_PERSONS

_ENTRIES_MAX = 1000
_FUTURE = timedelta(hours=12)
"""A clock may be set to another zone; what is further ahead is no date."""
_AUTHORS = re.compile(r"<((?:dc:creator|author|managingEditor|itunes:author))\b[^>]*>.*?</\1>", re.DOTALL)


class FeedOptions(Options):
    """The keys of `[voice]`.

    Attributes:
        url: the feed.
    """

    url: str = Field(pattern=r"^https?://\S+$")


class Feed(Voice[FeedOptions]):
    """One feed."""

    OPTIONS = FeedOptions
    kinds: ClassVar[tuple[Kind, ...]] = tuple(kind for kind in get_args(Kind) if kind != "feedback")

    def ways_in(self, marks: Mapping[str, Mark]) -> list[Ask]:
        """The feed."""
        return [Ask("feed", self.options.url, polled=True)]

    def kept(self, ask: Ask, body: bytes, content_type: str | None) -> bytes:
        """The feed as it came; where private persons write, without authors and with numbers masked."""
        if self.source.kind not in VOICES_OF_PERSONS:
            return body
        text = _AUTHORS.sub("", body.decode("utf-8", "surrogateescape"))
        return masked_text(text).encode("utf-8", "surrogateescape")

    def read(self, ask: Ask, page: FetchedPage, mark: Mark) -> Found:
        """The entries; one that comes twice counts once."""
        headers = {"content-location": page.url, "content-type": page.content_type or "text/xml"}
        parsed = feedparser.parse(page.payload, response_headers=headers)
        if not parsed.get("version") and not parsed.entries:
            raise VoiceError("not a feed")
        found: dict[str, Article] = {}
        for entry in parsed.entries[:_ENTRIES_MAX]:
            article = self._article(page, entry)
            if article is not None:
                found.setdefault(article.id, article)
        return Found(tuple(found.values()), len(parsed.entries))

    def _article(self, page: FetchedPage, entry: Any) -> Article | None:
        contents = [str(part.get("value") or "") for part in entry.get("content") or []]
        text = html_text(max([*contents, str(entry.get("summary") or "")], key=len))
        title = html_text(str(entry.get("title") or "")).replace("\n", " ")
        link = str(entry.get("link") or "")
        if not link.startswith(("http://", "https://")):
            identity = str(entry.get("id") or title)
            link = f"{page.url}{'&' if '?' in page.url else '?'}entry={hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        published = _moment(dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed"))
        if published is not None and published > page.fetched_at + _FUTURE:
            published = None  # a mistake of whoever wrote it; when it was found is known
        modified = _moment(dict.get(entry, "updated_parsed"))
        tags = [str(tag.get("term")) for tag in entry.get("tags") or [] if tag.get("term")]
        heading = tidy(title) or opening(text)
        return self.article(page, link, heading, text, published, modified=modified, tags=tags[:20]) if heading else None


def _moment(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


VOICE = Feed
