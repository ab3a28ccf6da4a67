"""Local servers that answer as the real APIs and forums do, for the tests of other voices.

Where the shapes are from:
- YouTube Data API v3: the reference of channels, playlistItems, videos, commentThreads, comments `.list` (resource representations,
  `fields`, `nextPageToken`, ETag) and its page of errors (`quotaExceeded`, `commentsDisabled`, `videoNotFound`, `invalidPageToken`,
  `keyInvalid`), developers.google.com/youtube/v3/docs; the error envelope as in the tests of public clients of it.
- Graph API: "/{object-id}/comments", "Paginated results" (cursors, `next` with the token in it), "Handling errors" (envelope, codes 190, 4,
  100/33) and "Rate limits" (X-App-Usage, X-Business-Use-Case-Usage) on developers.facebook.com/docs/graph-api.
- XenForo 2: its compiled templates thread_list_macros, post_macros and message_macros (public copies of code_cache/templates).
- Discourse: discourse/discourse, app/assets/javascripts/discourse/tests/fixtures/post.js, topic.js, discovery-fixtures.js; the 429 of
  its application_controller (`error_type: rate_limit`, `extras: {wait_seconds, time_left}`).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.chain.crawlers_press import Answer, Seen, Site


class _Routes(dict[str, Any]):
    """Every path is answered by one function, unless a test has set another answer for it."""

    def __init__(self, respond: Callable[[Seen], Answer]) -> None:
        super().__init__()
        self._respond = respond

    def get(self, path: str, default: Any = None) -> Any:
        return super().get(path) or self._respond


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False), status, "application/json; charset=UTF-8", headers or {})


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- YouTube ---


@dataclass
class Comment:
    id: str
    text: str
    published: datetime
    author: str = "Người Bình Luận"
    replies: list[Comment] = field(default_factory=list)


@dataclass
class Video:
    id: str
    title: str
    published: datetime
    description: str = ""
    comments: list[Comment] = field(default_factory=list)
    comments_enabled: bool = True
    privacy: str = "public"


class YouTubeApi(Site):
    """One channel; `units` counts calls, `quota` is how many there may be."""

    KEY = "AIzaSyTESTKEYwithSecretLetters0123456789"

    def __init__(self, channel: str = "UC" + "a" * 22, uploads: str = "UU" + "a" * 22) -> None:
        super().__init__()
        self.channel, self.uploads = channel, uploads
        self.videos: list[Video] = []
        self.quota = 10_000
        self.units = self.not_modified = 0
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.page_size = 50
        self.routes = _Routes(self._respond)

    def _respond(self, seen: Seen) -> Answer:
        parts = urlsplit(seen.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        method = parts.path.rpartition("/")[2]
        self.calls.append((method, query))
        self.units += 1
        if seen.headers.get("x-goog-api-key") != self.KEY:
            return self._error(400, "badRequest", "API key not valid. Please pass a valid API key.", status="INVALID_ARGUMENT")
        if self.units > self.quota:
            return self._error(
                403, "quotaExceeded", "The request cannot be completed because you have exceeded your quota.", "youtube.quota"
            )
        answer = getattr(self, f"_{method}")(query)
        if isinstance(answer, Answer):
            return answer
        answer = _selected(answer, query["fields"]) if "fields" in query else answer
        # ETags stand in the body; whoever asks for them in `fields` may send them back.
        etag = hashlib.sha256(json.dumps(answer).encode()).hexdigest()[:20]
        if seen.headers.get("if-none-match") == etag:
            self.not_modified += 1
            return Answer(b"", 304, "")
        return _json({**answer, "etag": etag} if "etag" in answer else answer)

    def _error(self, code: int, reason: str, message: str, domain: str = "youtube", status: str = "") -> Answer:
        error: dict[str, Any] = {"code": code, "message": message, "errors": [{"message": message, "domain": domain, "reason": reason}]}
        if status:
            error |= {"status": status, "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]}
        return _json({"error": error}, code)

    def _paged(self, kind: str, items: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any] | Answer:
        size = min(int(query.get("maxResults", 5)), self.page_size)
        try:
            start = int(base64.b64decode(query["pageToken"]).decode()) if "pageToken" in query else 0
        except ValueError:
            return self._error(400, "invalidPageToken", "The request specifies an invalid page token.")
        answer: dict[str, Any] = {"kind": f"youtube#{kind}ListResponse", "etag": "e", "items": items[start : start + size]}
        if start + size < len(items):
            answer["nextPageToken"] = base64.b64encode(str(start + size).encode()).decode()
        answer["pageInfo"] = {"totalResults": len(items), "resultsPerPage": size}
        return answer

    def _channels(self, query: dict[str, str]) -> Any:
        known = query.get("id") == self.channel or query.get("forHandle") == "@daithu"
        item = {
            "kind": "youtube#channel",
            "id": self.channel,
            "snippet": {"title": "Đài Thử"},
            "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": self.uploads}},
        }
        return {"kind": "youtube#channelListResponse", "pageInfo": {"totalResults": int(known)}, **({"items": [item]} if known else {})}

    def _playlistItems(self, query: dict[str, str]) -> Any:  # noqa: N802 - the API's name
        if query.get("playlistId") != self.uploads:
            return self._error(404, "playlistNotFound", "The playlist identified with the request's playlistId cannot be found.")
        newest = sorted(self.videos, key=lambda video: video.published, reverse=True)
        items = [
            {"kind": "youtube#playlistItem", "contentDetails": {"videoId": video.id, "videoPublishedAt": iso(video.published)}}
            for video in newest
        ]
        return self._paged("playlistItem", items, query)

    def _videos(self, query: dict[str, str]) -> Any:
        wanted = query["id"].split(",")
        assert len(wanted) <= 50
        items = [
            {
                "kind": "youtube#video",
                "id": video.id,
                "snippet": {
                    "publishedAt": iso(video.published),
                    "channelId": self.channel,
                    "channelTitle": "Đài Thử",
                    "title": video.title,
                    "description": video.description,
                    "thumbnails": {"high": {"url": f"https://i.ytimg.com/vi/{video.id}/hqdefault.jpg", "width": 480, "height": 360}},
                },
                "status": {"privacyStatus": video.privacy},
                "statistics": {
                    "viewCount": "10",
                    **({"commentCount": str(sum(1 + len(one.replies) for one in video.comments))} if video.comments_enabled else {}),
                },
            }
            for video in self.videos
            if video.id in wanted
        ]
        return {"kind": "youtube#videoListResponse", "items": items, "pageInfo": {"totalResults": len(items)}}

    def _commentThreads(self, query: dict[str, str]) -> Any:  # noqa: N802
        video = next((one for one in self.videos if one.id == query["videoId"]), None)
        if video is None:
            return self._error(
                404, "videoNotFound", "The video identified by the videoId parameter could not be found.", "youtube.commentThread"
            )
        if not video.comments_enabled:
            return self._error(
                403, "commentsDisabled", "The video identified by the videoId parameter has disabled comments.", "youtube.commentThread"
            )
        assert query["order"] == "time"
        newest = sorted(video.comments, key=lambda one: one.published, reverse=True)
        items = [
            {
                "kind": "youtube#commentThread",
                "id": one.id,
                "snippet": {
                    "videoId": video.id,
                    "topLevelComment": self._comment(one, video.id),
                    "canReply": True,
                    "totalReplyCount": len(one.replies),
                    "isPublic": True,
                },
                # The API gives some of the replies only.
                **({"replies": {"comments": [self._comment(reply, video.id) for reply in one.replies[-2:]]}} if one.replies else {}),
            }
            for one in newest
        ]
        return self._paged("commentThread", items, query)

    def _comments(self, query: dict[str, str]) -> Any:
        every = [(video.id, one) for video in self.videos for top in video.comments for one in (top, *top.replies)]
        if "id" in query:
            items = [self._comment(one, None) for _, one in every if one.id in query["id"].split(",")]
            return {"kind": "youtube#commentListResponse", "items": items}
        thread = next(top for video in self.videos for top in video.comments if top.id == query["parentId"])
        return self._paged("comment", [self._comment(one, None, thread.id) for one in thread.replies], query)

    @staticmethod
    def _comment(one: Comment, video: str | None, parent: str = "") -> dict[str, Any]:
        return {
            "kind": "youtube#comment",
            "id": one.id,
            "snippet": {
                "authorDisplayName": one.author,
                "authorProfileImageUrl": "https://yt3.ggpht.com/ytc/secret-face",
                "authorChannelUrl": "http://www.youtube.com/@nguoibinhluan",
                "authorChannelId": {"value": "UCsecretchannelofaperson"},
                "textDisplay": one.text,
                "textOriginal": one.text,
                "publishedAt": iso(one.published),
                "updatedAt": iso(one.published),
                "likeCount": 0,
                **({"videoId": video} if video else {}),
                **({"parentId": parent} if parent else {}),
            },
        }


def _selected(value: Any, fields: str) -> Any:
    """`fields` of Google's APIs: names with commas between, sub-fields in brackets."""
    chosen: dict[str, str] = {}
    depth = start = 0
    for place, letter in enumerate([*fields, ","]):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            name, _, inner = fields[start:place].partition("(")
            chosen[name], start = inner[:-1], place + 1

    def pick(one: Any) -> Any:
        if isinstance(one, list):
            return [pick(item) for item in one]
        return {name: _selected(one[name], inner) if inner else one[name] for name, inner in chosen.items() if name in one}

    return pick(value)


# --- Facebook ---


@dataclass
class Post:
    id: str
    message: str
    created: datetime
    comments: list[Comment] = field(default_factory=list)


class GraphApi(Site):
    """One page; `usage` is what the headers say, `error` is answered instead of anything."""

    TOKEN = "EAAGpageTokenThatNobodyMaySee0123456789"

    def __init__(self, page: str = "100200300400500") -> None:
        super().__init__()
        self.page = page
        self.posts: list[Post] = []
        self.usage: dict[str, str] = {"X-App-Usage": '{"call_count":1,"total_time":1,"total_cputime":1}'}
        self.error: dict[str, Any] | None = None
        self.page_size = 50
        self.calls: list[str] = []
        self.routes = _Routes(self._respond)

    def _respond(self, seen: Seen) -> Answer:
        parts = urlsplit(seen.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.calls.append(seen.path)
        if self.error is not None:
            return _json({"error": self.error}, 403 if self.error["code"] in (4, 17, 32) else 400)
        if seen.headers.get("authorization") != f"Bearer {self.TOKEN}":
            token = seen.headers.get("authorization", "").partition(" ")[2]
            return _json({"error": _graph_error(190, f"Malformed access token {token}", 0)}, 401)
        version, _, path = parts.path.strip("/").partition("/")
        assert re.fullmatch(r"v\d+\.\d", version)
        if "ids" in query:
            wanted = query["ids"].split(",")
            objects = self._objects()
            for one in wanted:
                if one not in objects:
                    return _json({"error": _missing(one)}, 400)
            return _json({one: _chosen(objects[one], query["fields"]) for one in wanted}, headers=self.usage)
        if path == f"{self.page}/posts":
            items = [self._post(post) for post in sorted(self.posts, key=lambda one: one.created, reverse=True)]
        elif path.endswith("/comments"):
            post = next((one for one in self.posts if one.id == path.partition("/")[0]), None)
            if post is None:
                return _json({"error": _missing(path.partition("/")[0])}, 400)
            assert query["filter"] == "stream"
            assert query["order"] == "reverse_chronological"
            items = [_graph_comment(one) for one in sorted(post.comments, key=lambda one: one.published, reverse=True)]
        else:
            return _json({"error": _missing(path)}, 400)
        return self._paged(seen.path, items, query)

    def _paged(self, path: str, items: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        start = int(base64.b64decode(query["after"]).decode()) if "after" in query else 0
        size = min(int(query["limit"]), self.page_size)
        part = [_chosen(item, query["fields"]) for item in items[start : start + size]]
        answer: dict[str, Any] = {"data": part}
        if part:
            after = base64.b64encode(str(start + size).encode()).decode()
            answer["paging"] = {"cursors": {"before": "QVFI", "after": after}}
            if start + size < len(items):
                answer["paging"]["next"] = f"{self.url}{path}&access_token={self.TOKEN}&after={after}"
        return _json(answer, headers=self.usage)

    def _objects(self) -> dict[str, dict[str, Any]]:
        found = {post.id: self._post(post) for post in self.posts}
        return found | {one.id: _graph_comment(one) for post in self.posts for one in post.comments}

    def _post(self, post: Post) -> dict[str, Any]:
        return {
            "id": post.id,
            "message": post.message,
            "created_time": post.created.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "permalink_url": f"https://www.facebook.com/{self.page}/posts/pfbid{post.id[-4:]}",
            "from": {"name": "UBND tỉnh Thử", "id": self.page},
            "comments": {"data": [], "summary": {"order": "ranked", "total_count": len(post.comments), "can_comment": True}},
        }


def _graph_comment(one: Comment) -> dict[str, Any]:
    return {
        "id": one.id,
        "message": one.text,
        "created_time": one.published.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "from": {"name": one.author, "id": "987654321987654"},
        "permalink_url": f"https://www.facebook.com/100/posts/1?comment_id={one.id.partition('_')[2]}",
    }


def _chosen(item: dict[str, Any], fields: str) -> dict[str, Any]:
    names = {part.partition(".")[0].partition("{")[0] for part in re.split(r",(?![^()]*\))", fields)} | {"id"}
    return {name: value for name, value in item.items() if name in names}


def _graph_error(code: int, message: str, subcode: int = 0) -> dict[str, Any]:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "EJplcsCHuLu"}
    return error | ({"error_subcode": subcode} if subcode else {})


def graph_error(code: int, message: str, subcode: int = 0) -> dict[str, Any]:
    return _graph_error(code, message, subcode)


def _missing(identity: str) -> dict[str, Any]:
    told = (
        f"Unsupported get request. Object with ID '{identity}' does not exist, cannot be loaded due to missing permissions, or does not "
        "support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api"
    )
    return _graph_error(100, told, 33) | {"type": "GraphMethodException"}


# --- forums ---


@dataclass
class Reply:
    id: int
    text: str
    published: datetime
    author: str = "ThanhVienKin"
    edited: datetime | None = None


@dataclass
class Thread:
    id: int
    title: str
    posts: list[Reply] = field(default_factory=list)

    @property
    def latest(self) -> datetime:
        return max(post.published for post in self.posts)


class XenForoForum(Site):
    """One node of a forum in XenForo 2's own markup."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[Thread] = []
        self.threads_a_page = 20
        self.posts_a_page = 3
        self.routes = _Routes(self._respond)

    def slug(self, thread: Thread) -> str:
        return f"chu-de-so.{thread.id}"

    def _respond(self, seen: Seen) -> Answer:
        path = urlsplit(seen.path).path
        if path == "/robots.txt":
            return Answer("User-agent: *\nDisallow: /members/\nDisallow: /posts/\n", content_type="text/plain")
        if match := re.fullmatch(r"/forums/dong-thap\.5/(?:page-(\d+))?", path):
            return Answer(self._listing(int(match[1] or 1)))
        if path == "/forums/dong-thap.5/index.rss":
            return Answer(self._rss(), content_type="application/rss+xml; charset=utf-8")
        if match := re.fullmatch(r"/threads/(?:[^/]*\.)?(\d+)(?:/(?:page-(\d+)|post-(\d+))?)?", path):
            thread = next((one for one in self.threads if one.id == int(match[1])), None)
            if thread is None:
                return self._missing()
            if match[3]:
                place = next((place for place, post in enumerate(thread.posts) if post.id == int(match[3])), None)
                if place is None:
                    return self._missing()
                page = place // self.posts_a_page + 1
                where = f"/threads/{self.slug(thread)}/{f'page-{page}' if page > 1 else ''}#post-{match[3]}"
                return Answer(b"", 303, headers={"Location": where})
            if not path.startswith(f"/threads/{self.slug(thread)}/"):
                return Answer(b"", 301, headers={"Location": f"/threads/{self.slug(thread)}/{f'page-{match[2]}' if match[2] else ''}"})
            return Answer(self._thread(thread, int(match[2] or 1)))
        return self._missing()

    def _missing(self) -> Answer:
        told = "The requested page could not be found."
        body = f'<h1 class="p-title-value">Oops! We ran into some problems.</h1><div class="blockMessage">{told}</div>'
        return Answer(self._page("error", body), 404)

    def _page(self, template: str, body: str, title: str = "Diễn đàn Thử") -> str:
        return (
            f'<!DOCTYPE html><html id="XF" lang="vi-VN" data-app="public" data-template="{template}"><head><meta charset="utf-8" />'
            f'<title>{title}</title><script>var visitor = "x";</script></head><body data-template="{template}"><div class="p-pageWrapper">'
            f'<div class="p-body"><div class="p-body-inner">{body}</div></div></div></body></html>'
        )

    def _nav(self, base: str, current: int, last: int) -> str:
        if last < 2:
            return ""
        pages = "".join(
            f'<li class="pageNav-page {"pageNav-page--current " if page == current else ""}"><a href="{base}page-{page}">{page}</a></li>'
            for page in range(1, last + 1)
        )
        return f'<div class="pageNavWrapper"><div class="pageNav"><ul class="pageNav-main">{pages}</ul></div></div>'

    def _listing(self, page: int) -> str:
        newest = sorted(self.threads, key=lambda one: one.latest, reverse=True)
        size = self.threads_a_page
        items = "".join(map(self._item, newest[(page - 1) * size : page * size]))
        nav = self._nav("/forums/dong-thap.5/", page, -(-len(newest) // size))
        body = f'<div class="block-body"><div class="structItemContainer-group js-threadList">{items}</div></div>'
        return self._page("forum_view", nav + body)

    def _item(self, thread: Thread) -> str:
        first, last = thread.posts[0], max(thread.posts, key=lambda post: post.published)
        href = f"/threads/{self.slug(thread)}/"
        return (
            f'<div class="structItem structItem--thread js-inlineModContainer js-threadListItem-{thread.id}" data-author="{first.author}">'
            f'<div class="structItem-cell structItem-cell--icon"><a class="avatar" href="/members/kin.7/"><img alt="{first.author}"></a>'
            "</div>"
            f'<div class="structItem-cell structItem-cell--main"><div class="structItem-title"><a href="/forums/dong-thap.5/?prefix_id=1" '
            f'class="labelLink"><span class="label">Hỏi</span></a> <a href="{href}" class="" data-tp-primary="on">'
            f"{html.escape(thread.title)}</a>"
            f'</div><div class="structItem-minor"><ul class="structItem-parts"><li><a href="/members/kin.7/" class="username" '
            f'data-user-id="7">{first.author}</a></li><li class="structItem-startDate"><a href="{href}">{_time(first.published)}</a></li>'
            f'</ul></div></div><div class="structItem-cell structItem-cell--meta"><dl class="pairs pairs--justified"><dt>Trả lời</dt>'
            f'<dd>{len(thread.posts) - 1}</dd></dl></div><div class="structItem-cell structItem-cell--latest"><a href="{href}latest">'
            f"{_time(last.published, 'structItem-latestDate ')}</a></div></div>"
        )

    def _rss(self) -> str:
        items = "".join(
            f"<item><title>{html.escape(thread.title)}</title><pubDate>{thread.latest:%a, %d %b %Y %H:%M:%S} +0000</pubDate>"
            f"<link>{self.url}/threads/{self.slug(thread)}/</link><guid>{self.url}/threads/{self.slug(thread)}/</guid>"
            f"<author>invalid@example.com ({thread.posts[0].author})</author><dc:creator>{thread.posts[0].author}</dc:creator>"
            f"<slash:comments>{len(thread.posts) - 1}</slash:comments></item>"
            for thread in self.threads
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
            f'xmlns:slash="http://purl.org/rss/1.0/modules/slash/"><channel><title>Đồng Tháp</title>{items}</channel></rss>'
        )

    def _thread(self, thread: Thread, page: int) -> str:
        size = self.posts_a_page
        last = -(-len(thread.posts) // size)
        posts = "".join(self._post(thread, post) for post in thread.posts[(page - 1) * size : page * size])
        crumbs = (
            '<ul class="p-breadcrumbs"><li itemprop="itemListElement"><a href="/"><span itemprop="name">Trang chủ</span></a></li>'
            '<li itemprop="itemListElement"><a href="/forums/dong-thap.5/"><span itemprop="name">Đồng Tháp</span></a></li></ul>'
        )
        label = '<span class="label">Hỏi</span><span class="label-append">&nbsp;</span>'
        head = f'<div class="p-title"><h1 class="p-title-value">{label}{html.escape(thread.title)}</h1></div>'
        nav = self._nav(f"/threads/{self.slug(thread)}/", page, last)
        body = f'{crumbs}{head}{nav}<div class="block-body js-replyNewMessageContainer">{posts}</div>'
        return self._page("thread_view", body, thread.title)

    def _post(self, thread: Thread, post: Reply) -> str:
        edit = f'<div class="message-lastEdit">Sửa lần cuối: {_time(post.edited)}</div>' if post.edited else ""
        return (
            f'<article class="message message--post js-post js-inlineModContainer" data-author="{post.author}" '
            f'data-content="post-{post.id}" id="js-post-{post.id}"><span class="u-anchorTarget" id="post-{post.id}"></span>'
            '<div class="message-inner"><div class="message-cell message-cell--user"><section class="message-user">'
            '<div class="message-avatar">'
            f'<a href="/members/kin.7/" class="avatar"><img src="/data/avatars/7.jpg" alt="{post.author}"></a></div>'
            f'<h4 class="message-name"><a href="/members/kin.7/" class="username" data-user-id="7">{post.author}</a></h4></section></div>'
            f'<div class="message-cell message-cell--main"><header class="message-attribution"><ul class="message-attribution-main">'
            f'<li class="u-concealed"><a href="/threads/{self.slug(thread)}/post-{post.id}">{_time(post.published)}</a></li></ul></header>'
            f'<div class="message-content"><div class="message-userContent" data-lb-id="post-{post.id}" '
            f'data-lb-caption-desc="{post.author}">'
            f'<article class="message-body js-selectToQuote"><div class="bbWrapper">{post.text}</div>'
            f'<div class="js-selectToQuoteEnd">&nbsp;</div></article></div>{edit}<aside class="message-signature"><div class="bbWrapper">'
            f"Chữ ký của {post.author}</div></aside></div></div></div></article>"
        )


def _time(moment: datetime | None, name: str = "") -> str:
    assert moment is not None
    local = moment + timedelta(hours=7)
    return (
        f'<time class="{name}u-dt" dir="auto" datetime="{local:%Y-%m-%dT%H:%M:%S}+0700" data-time="{int(moment.timestamp())}">'
        f"{local:%d/%m/%Y}</time>"
    )


class DiscourseForum(Site):
    """A small Discourse; `limited` answers that many requests with 429 first."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[Thread] = []
        self.topics_a_page = 30
        self.limited = 0
        self.wait_seconds = 1
        self.routes = _Routes(self._respond)

    def _respond(self, seen: Seen) -> Answer:
        parts = urlsplit(seen.path)
        query = parse_qs(parts.query)
        if parts.path == "/robots.txt":
            return Answer("User-agent: *\nDisallow: /u/\nDisallow: /search\n", content_type="text/plain")
        if self.limited:
            self.limited -= 1
            told = "Bạn đã thực hiện thao tác này quá nhiều lần, vui lòng thử lại sau."
            extras = {"wait_seconds": self.wait_seconds, "time_left": f"{self.wait_seconds} giây"}
            return _json({"errors": [told], "error_type": "rate_limit", "extras": extras}, 429)
        if parts.path == "/latest.json":
            return self._latest(int(query.get("page", ["0"])[0]))
        if match := re.fullmatch(r"/t/(\d+)(?:/(\d+))?\.json", parts.path):
            return self._topic(int(match[1]), int(match[2] or 1))
        if match := re.fullmatch(r"/t/(\d+)/posts\.json", parts.path):
            thread = self._find(int(match[1]))
            wanted = {int(one) for one in query["post_ids[]"]}
            assert len(wanted) <= 20
            posts = [self._post(thread, number, post) for number, post in self._numbered(thread) if post.id in wanted] if thread else []
            return _json({"post_stream": {"posts": posts}, "id": int(match[1])}) if thread else self._missing()
        return self._missing()

    def _missing(self) -> Answer:
        return _json({"errors": ["Không tìm thấy URL hoặc tài nguyên bạn yêu cầu."], "error_type": "not_found"}, 404)

    def _find(self, identity: int) -> Thread | None:
        return next((one for one in self.threads if one.id == identity), None)

    def _numbered(self, thread: Thread | None) -> list[tuple[int, Reply]]:
        # A post keeps its number when another one is deleted: here its id is 100 × topic + number.
        return [(post.id % 100, post) for post in thread.posts] if thread else []

    def _latest(self, page: int) -> Answer:
        newest = sorted(self.threads, key=lambda one: one.latest, reverse=True)
        size = self.topics_a_page
        topics = [
            {
                "id": one.id,
                "title": one.title,
                "fancy_title": one.title,
                "slug": f"chu-de-{one.id}",
                "posts_count": len(one.posts),
                "reply_count": len(one.posts) - 1,
                "highest_post_number": max(post.id % 100 for post in one.posts),
                "created_at": _precise(one.posts[0].published),
                "last_posted_at": _precise(one.latest),
                "bumped": True,
                "bumped_at": _precise(one.latest),
                "pinned": False,
                "last_poster_username": one.posts[-1].author,
                "category_id": 5,
                "posters": [{"extras": "latest", "description": "Tác giả gốc", "user_id": 7}],
            }
            for one in newest[page * size : (page + 1) * size]
        ]
        more = {"more_topics_url": f"/latest?no_definitions=true&page={page + 1}"} if (page + 1) * size < len(newest) else {}
        users = [{"id": 7, "username": "ThanhVienKin", "name": "Nguyễn Văn Kín", "avatar_template": "/user_avatar/x/kin/{size}/7.png"}]
        return _json({"users": users, "topic_list": {"can_create_topic": False, **more, "per_page": size, "topics": topics}})

    def _topic(self, identity: int, near: int) -> Answer:
        thread = self._find(identity)
        if thread is None:
            return self._missing()
        numbered = self._numbered(thread)
        start = next((place for place, (number, _) in enumerate(numbered) if number >= near), len(numbered))
        start = 0 if near <= 1 else max(0, min(start, len(numbered)) - 5)
        posts = [self._post(thread, number, post) for number, post in numbered[start : start + 20]]
        return _json(
            {
                "post_stream": {"posts": posts, "stream": [post.id for post in thread.posts]},
                "timeline_lookup": [[1, 3]],
                "id": identity,
                "title": thread.title,
                "fancy_title": thread.title,
                "posts_count": len(thread.posts),
                "created_at": _precise(thread.posts[0].published),
                "slug": f"chu-de-{identity}",
                "category_id": 5,
                "tags": ["giao-thong"],
                "details": {"created_by": {"id": 7, "username": "ThanhVienKin", "name": "Nguyễn Văn Kín"}},
            }
        )

    def _post(self, thread: Thread, number: int, post: Reply) -> dict[str, Any]:
        return {
            "id": post.id,
            "name": "Nguyễn Văn Kín",
            "username": post.author,
            "avatar_template": "/user_avatar/x/kin/{size}/7.png",
            "created_at": _precise(post.published),
            "cooked": post.text,
            "post_number": number,
            "post_type": 1,
            "updated_at": _precise(post.edited or post.published),
            "reply_count": 0,
            "reply_to_post_number": None,
            "quote_count": 0,
            "topic_id": thread.id,
            "topic_slug": f"chu-de-{thread.id}",
            "display_username": "Nguyễn Văn Kín",
            "version": 2 if post.edited else 1,
            "user_id": 7,
            "hidden": False,
            "trust_level": 1,
            "deleted_at": None,
            "user_deleted": False,
            "wiki": False,
        }


def _precise(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
