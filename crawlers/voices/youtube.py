"""YouTube channels: videos and their comments, by the YouTube Data API v3.

The API's own reference is the source of every name here: channels, playlistItems, videos, commentThreads and comments `.list` (one
unit of quota each), `fields` (partial answers), ETags, error reasons. The playlist of a channel's uploads leads to its videos; a video's
comment count says whether its comments are worth a call. Names and pictures of commenters are not even asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field

from crawlers.pages import FetchedPage
from crawlers.voices.texts import json_of, kept_json, opening, tidy
from crawlers.voices.voice import TITLE_MAX, ApiOptions, Ask, Found, Mark, Open, Refusal, Voice, moment, newest_first
from diembao.article import Article, Kind

_BATCH = 50
"""Ids that one call takes."""

_PACIFIC = ZoneInfo("America/Los_Angeles")
"""Quotas begin anew at midnight Pacific time."""

_COMMENT = "id,snippet(videoId,parentId,textDisplay,publishedAt,updatedAt)"
_FIELDS = {
    "channels": "etag,items(id,snippet(title),contentDetails(relatedPlaylists(uploads)))",
    "playlistItems": "etag,nextPageToken,items(contentDetails(videoId,videoPublishedAt))",
    "videos": "items(id,snippet(publishedAt,title,description,tags,thumbnails(high(url))),status(privacyStatus),statistics(commentCount))",
    "commentThreads": f"nextPageToken,items(id,snippet(videoId,totalReplyCount,topLevelComment({_COMMENT})),replies(comments({_COMMENT})))",
    "comments": f"nextPageToken,items({_COMMENT})",
}
_NAMES = frozenset({
    "kind", "etag", "items", "id", "snippet", "title", "contentDetails", "relatedPlaylists", "uploads", "nextPageToken", "videoId",
    "videoPublishedAt", "publishedAt", "updatedAt", "description", "tags", "thumbnails", "high", "url", "status", "privacyStatus",
    "statistics", "commentCount", "totalReplyCount", "topLevelComment", "textDisplay", "parentId", "replies", "comments", "error",
    "errors", "code", "message", "reason", "domain"
})  # fmt: skip
_TEXTS = ("title", "description", "textDisplay", "message")

_BROKEN = {
    "keyInvalid": "the key is not valid",
    "keyExpired": "the key has expired",
    "accessNotConfigured": "the project of the key has not enabled the YouTube Data API",
    "ipRefererBlocked": "the key may not be used from this machine",
    "forbidden": "the key may not do this",
    "playlistNotFound": "the channel has no uploads",
    "channelNotFound": "there is no such channel",
}
_UP = ("quotaExceeded", "dailyLimitExceeded")
_SLOWER = ("rateLimitExceeded", "userRateLimitExceeded")


class YouTubeOptions(ApiOptions):
    """The keys of `[voice]`.

    Attributes:
        channel: the channel's id (UC…) or its handle (@…).
    """

    api: str = "https://www.googleapis.com/youtube/v3"
    channel: str = Field(pattern=r"^(UC[\w-]{22}|@[\w.·-]{3,60})$")


class YouTube(Voice[YouTubeOptions]):
    """One channel."""

    OPTIONS = YouTubeOptions
    kinds: ClassVar[tuple[Kind, ...]] = ("video",)
    is_api: ClassVar[bool] = True
    units_per_day: ClassVar[int | None] = 10_000
    remembered: ClassVar[tuple[str, ...]] = ("channel", "uploads")

    def headers(self, key: str) -> dict[str, str]:
        """In a header, so that the key is in no address."""
        return {"X-Goog-Api-Key": key}

    def quota_day(self, now: datetime) -> str:
        """The day in Pacific time."""
        return now.astimezone(_PACIFIC).date().isoformat()

    def ways_in(self, marks: Mapping[str, Mark]) -> list[Ask]:
        """The uploads; the first time the channel, which names their playlist."""
        uploads = marks.get("channel", {}).get("uploads")
        if uploads:
            return [self._uploads(uploads, "")]
        by = {"id": self.options.channel} if self.options.channel.startswith("UC") else {"forHandle": self.options.channel}
        return [self._ask("channels", {"part": "snippet,contentDetails", **by}, walk="channel", polled=True)]

    def go_on(self, walk: str, mark: Mark) -> Ask | None:
        """The next page of uploads, comments or replies."""
        cursor, title = str(mark.get("next", "")), str(mark.get("title", ""))
        kind, _, about = walk.partition(" ")
        if kind == "uploads":
            return self._uploads(str(mark["playlist"]), cursor) if "playlist" in mark else None
        if kind == "comments":
            query = {"part": "snippet,replies", "videoId": about, "order": "time", "maxResults": "100", "textFormat": "plainText"}
            return self._ask("commentThreads", query, cursor, walk=walk, about=about, title=title)
        if kind == "replies":
            video, _, thread = about.partition("/")
            query = {"part": "snippet", "parentId": thread, "maxResults": "100", "textFormat": "plainText"}
            return self._ask("comments", query, cursor, walk=walk, about=video, title=title)
        return None

    def ask_for(self, addresses: Sequence[str]) -> list[Ask]:
        """Videos and comments by their ids, fifty in a call."""
        videos: dict[str, str] = {}
        comments: dict[str, dict[str, str]] = {}
        for address in addresses:
            query = parse_qs(urlsplit(address).query)
            video = query.get("v", [""])[0]
            if comment := query.get("lc", [""])[0]:
                comments.setdefault(video, {})[comment] = address
            elif video:
                videos[video] = address
        asks = []
        for ids in _chunks(list(videos)):
            query_ = {"part": "snippet,status,statistics", "id": ",".join(ids)}
            asks.append(self._ask("videos", query_, checks=tuple(videos[one] for one in ids)))
        # A reply that is asked for by its id does not say its video; comments of one video are asked for together.
        for video, those in comments.items():
            for ids in _chunks(list(those)):
                query_ = {"part": "snippet", "id": ",".join(ids), "textFormat": "plainText"}
                asks.append(self._ask("comments", query_, about=video, checks=tuple(those[one] for one in ids)))
        return asks

    def _uploads(self, playlist: str, cursor: str) -> Ask:
        query = {"part": "contentDetails", "playlistId": playlist, "maxResults": str(_BATCH)}
        return self._ask("playlistItems", query, cursor, walk="uploads", about=playlist, polled=not cursor)

    def _ask(self, method: str, query: dict[str, str], cursor: str = "", **more: Any) -> Ask:
        pairs = {**query, "fields": _FIELDS[method], **({"pageToken": cursor} if cursor else {})}
        return Ask(method, f"{self.options.api}/{method}?{urlencode(pairs, safe='(),')}", units=1, **more)

    def kept(self, ask: Ask, body: bytes, content_type: str | None) -> bytes:
        """What was asked for, with numbers masked."""
        return kept_json(body, _NAMES, _TEXTS)

    def read(self, ask: Ask, page: FetchedPage, mark: Mark) -> Found:
        """What an answer holds."""
        answer = json_of(page.payload)
        items = [item for item in answer.get("items") or [] if isinstance(item, dict)]
        following = answer.get("nextPageToken") or None
        if ask.step == "channels":
            return self._channel(items)
        if ask.step == "playlistItems":
            return replace(self._list_of_uploads(ask, items, following, mark), etag=str(answer.get("etag") or ""))
        if ask.step == "videos":
            return self._videos(page, items)
        if ask.step == "commentThreads":
            return self._threads(ask, page, items, following, mark)
        found = tuple(filter(None, (self._comment(ask, page, item) for item in items)))
        more_mark = {**{name: value for name, value in mark.items() if name != "next"}, **({"next": following} if following else {})}
        return Found(found, len(items), mark=more_mark, more=self.go_on(ask.walk, more_mark) if following and ask.walk else None)

    def _channel(self, items: list[dict[str, Any]]) -> Found:
        for item in items:
            if uploads := ((item.get("contentDetails") or {}).get("relatedPlaylists") or {}).get("uploads"):
                return Found(links=1, mark={"uploads": uploads}, asks=(self._uploads(str(uploads), ""),))
        return Found()

    def _list_of_uploads(self, ask: Ask, items: list[dict[str, Any]], following: str | None, mark: Mark) -> Found:
        details = [item.get("contentDetails") or {} for item in items]
        moments = [one for one in (moment(detail.get("videoPublishedAt")) for detail in details) if one]
        cursor = parse_qs(urlsplit(ask.url).query).get("pageToken", [""])[0]
        walked = newest_first({**mark, "playlist": ask.about}, cursor, moments, following, self.since)
        wanted = [
            video_url(str(detail["videoId"]))
            for detail in details
            # Nothing before the first day, so a channel of many years does not cost its whole quota on the first evening.
            if detail.get("videoId") and (moment(detail.get("videoPublishedAt")) or self.since) >= self.since
        ]
        more = self._uploads(ask.about, walked.cursor) if walked.cursor else None
        return Found(links=len(items), wanted=tuple(wanted), mark=walked.mark, more=more)

    def _videos(self, page: FetchedPage, items: list[dict[str, Any]]) -> Found:
        articles: list[Article] = []
        opens: list[Open] = []
        for item in items:
            snippet = item.get("snippet") or {}
            identity, published = str(item.get("id") or ""), moment(snippet.get("publishedAt"))
            if not identity or (item.get("status") or {}).get("privacyStatus") == "private":
                continue
            title, url = tidy(str(snippet.get("title") or "")), video_url(identity)
            picture = ((snippet.get("thumbnails") or {}).get("high") or {}).get("url")
            tags = [str(tag) for tag in snippet.get("tags") or []]
            body = tidy(str(snippet.get("description") or ""))
            articles.append(self.article(page, url, title, body, published, tags=tags, images=[picture] if picture else []))
            count = str((item.get("statistics") or {}).get("commentCount") or "")
            if count not in ("", "0") and self.options.comments:
                opens.append(Open(f"comments {identity}", count, title[:TITLE_MAX], url))
        return Found(tuple(articles), len(items), opens=tuple(opens))

    def _threads(self, ask: Ask, page: FetchedPage, items: list[dict[str, Any]], following: str | None, mark: Mark) -> Found:
        articles: list[Article] = []
        opens: list[Open] = []
        moments: list[datetime] = []
        for item in items:
            snippet = item.get("snippet") or {}
            top = self._comment(ask, page, snippet.get("topLevelComment") or {})
            if top is None:
                continue
            inline = [reply for reply in (item.get("replies") or {}).get("comments") or [] if isinstance(reply, dict)]
            articles += [top, *filter(None, (self._comment(ask, page, reply) for reply in inline))]
            moments += [top.published_at] if top.published_at else []
            total = int(snippet.get("totalReplyCount") or 0)
            if total > len(inline):
                opens.append(Open(f"replies {ask.about}/{item.get('id')}", str(total), ask.title))
        cursor = parse_qs(urlsplit(ask.url).query).get("pageToken", [""])[0]
        walked = newest_first(mark, cursor, moments, following, self.since)
        more = self.go_on(ask.walk, {**walked.mark, "title": ask.title}) if walked.cursor else None
        return Found(tuple(articles), len(items), opens=tuple(opens), mark=walked.mark, more=more)

    def _comment(self, ask: Ask, page: FetchedPage, item: dict[str, Any]) -> Article | None:
        snippet, identity = item.get("snippet") or {}, str(item.get("id") or "")
        video = ask.about or str(snippet.get("videoId") or "")
        text = tidy(str(snippet.get("textDisplay") or ""))
        if not identity or not video:
            return None
        published, modified = moment(snippet.get("publishedAt")), moment(snippet.get("updatedAt"))
        return self.article(page, comment_url(video, identity), opening(text), text, published, modified=modified, section=ask.title)

    def refusal(self, ask: Ask, status: int, body: bytes) -> Refusal:
        """By the `reason` of the API's error."""
        reason, message = _error(body)
        told = f"{reason or f'HTTP {status}'}: {message}" if message else reason or f"HTTP {status}"
        if reason in _UP:
            # Until midnight Pacific time at most; asked again every hour, so a raised quota is noticed.
            return Refusal("wait", f"YouTube's daily quota of the key in {self.options.key_env} is used up ({reason})", 3600)
        if reason in _SLOWER:
            return Refusal("wait", f"YouTube wants fewer calls ({reason})", 300)
        if reason == "commentsDisabled":
            return Refusal("none", told)
        if reason in ("videoNotFound", "commentThreadNotFound", "commentNotFound", "parentCommentNotFound"):
            return Refusal("gone", told)
        if reason == "invalidPageToken":
            return Refusal("restart", told)
        if reason in _BROKEN or status in (400, 401, 403):
            where = f" ({self.options.key_env})" if "key" in reason.lower() or not reason else ""
            return Refusal("broken", f"{_BROKEN.get(reason, told)}{where}: {message}" if message else f"{_BROKEN.get(reason, told)}{where}")
        return super().refusal(ask, status, body)


def video_url(video: str) -> str:
    """The address of a video."""
    return f"https://www.youtube.com/watch?v={video}"


def comment_url(video: str, comment: str) -> str:
    """The address that shows a comment below its video."""
    return f"https://www.youtube.com/watch?v={video}&lc={comment}"


def _chunks(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]


def _error(body: bytes) -> tuple[str, str]:
    """(reason, message) of an error answer; both empty when it is none."""
    try:
        error = json.loads(body).get("error") or {}
        errors = error.get("errors") or []
        details = [str(one.get("reason") or "") for one in error.get("details") or [] if isinstance(one, dict)]
        reason = str(errors[0].get("reason") or "") if errors else ""
        if "API_KEY_INVALID" in details:
            reason = "keyInvalid"
        return reason, " ".join(str(error.get("message") or "").split())[:200]
    except (ValueError, AttributeError, IndexError, TypeError, RecursionError):
        return "", ""


VOICE = YouTube
