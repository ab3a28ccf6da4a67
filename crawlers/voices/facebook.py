"""The office's own Facebook page: its posts and their comments, by the Graph API with a page access token.

From the Graph API's reference: `/{page-id}/posts`, `/{object-id}/comments` (`filter=stream`: replies too;
`order=reverse_chronological`), paging by cursors, errors with `code` and `error_subcode`, the usage headers. Who wrote a comment is not
asked for. `paging.next` holds the token, so only the cursor is taken from the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import Field

from crawlers.pages import FetchedPage
from crawlers.voices.texts import VoiceError, json_of, kept_json, opening, tidy
from crawlers.voices.voice import TITLE_MAX, ApiOptions, Ask, Found, Mark, Open, Refusal, Voice, moment, newest_first
from diembao.article import Article, Kind

_POST = "id,message,story,created_time,permalink_url,full_picture,comments.filter(stream).limit(0).summary(total_count)"
_COMMENT = "id,message,created_time,permalink_url"
_NAMES = frozenset({
    "data", "paging", "cursors", "after", "before", "id", "message", "story", "created_time", "permalink_url", "full_picture",
    "comments", "summary", "total_count", "error", "code", "error_subcode", "type"
})  # fmt: skip
_TEXTS = ("message", "story")
_BATCH = 25
"""Posts or comments that are asked for together when they are looked at again."""

_USAGE = ("x-app-usage", "x-page-usage")
_HIGH = 90.0
"""Per cent of the allowed calls at which we stop by ourselves: what is over 100 is refused, and counts."""
_HOUR = 3600.0


class FacebookOptions(ApiOptions):
    """The keys of `[voice]`.

    Attributes:
        page: the page's id.
        version: of the Graph API, pinned: Meta changes fields from version to version.
    """

    api: str = "https://graph.facebook.com"
    page: str = Field(pattern=r"^\d{5,30}$")
    version: str = Field(pattern=r"^v\d{1,3}\.\d$")


class Facebook(Voice[FacebookOptions]):
    """One page."""

    OPTIONS = FacebookOptions
    kinds: ClassVar[tuple[Kind, ...]] = ("social",)
    is_api: ClassVar[bool] = True

    def headers(self, key: str) -> dict[str, str]:
        """In a header, so that the token is in no address."""
        return {"Authorization": f"Bearer {key}"}

    def ways_in(self, marks: Mapping[str, Mark]) -> list[Ask]:
        """The newest posts."""
        return [self._posts("")]

    def go_on(self, walk: str, mark: Mark) -> Ask | None:
        """The next page of posts or of a post's comments."""
        cursor = str(mark.get("next", ""))
        if walk == "posts":
            return self._posts(cursor)
        kind, _, post = walk.partition(" ")
        if kind != "comments":
            return None
        query = {"fields": _COMMENT, "filter": "stream", "order": "reverse_chronological", "limit": "100"}
        return self._ask("comments", f"{post}/comments", query, cursor, walk=walk, about=post, title=str(mark.get("title", "")))

    def ask_for(self, addresses: Sequence[str]) -> list[Ask]:
        """Posts and comments by their ids, some in a call."""
        posts: dict[str, str] = {}
        comments: dict[str, dict[str, str]] = {}
        for address in addresses:
            parts = urlsplit(address)
            post = parts.path.strip("/")
            if comment := parse_qs(parts.query).get("comment_id", [""])[0]:
                comments.setdefault(post, {})[comment] = address
            else:
                posts[post] = address
        asks = [self._several("post", ids, posts, _POST, "") for ids in _chunks(list(posts))]
        for post, those in comments.items():
            asks += [self._several("comment", ids, those, _COMMENT, post) for ids in _chunks(list(those))]
        return asks

    def _several(self, step: str, ids: list[str], addresses: Mapping[str, str], fields: str, post: str) -> Ask:
        return self._ask(step, "", {"ids": ",".join(ids), "fields": fields}, about=post, checks=tuple(addresses[one] for one in ids))

    def _posts(self, cursor: str) -> Ask:
        return self._ask("posts", f"{self.options.page}/posts", {"fields": _POST, "limit": "50"}, cursor, walk="posts", polled=not cursor)

    def _ask(self, step: str, path: str, query: dict[str, str], cursor: str = "", **more: Any) -> Ask:
        pairs = {**query, **({"after": cursor} if cursor else {})}
        return Ask(step, f"{self.options.api}/{self.options.version}/{path}?{urlencode(pairs, safe='(),')}", units=1, **more)

    def kept(self, ask: Ask, body: bytes, content_type: str | None) -> bytes:
        """What was asked for, with numbers masked; of `paging` the cursors only."""
        if ask.step in ("post", "comment"):
            several = json_of(body)
            ids = {name for name in several if name.replace("_", "").isdigit()}
            return kept_json(body, _NAMES | ids, _TEXTS)
        return kept_json(body, _NAMES, _TEXTS)

    def read(self, ask: Ask, page: FetchedPage, mark: Mark) -> Found:
        """What an answer holds."""
        answer = json_of(page.payload)
        if ask.step in ("post", "comment"):
            return self._items(ask, page, [item for item in answer.values() if isinstance(item, dict)])
        if not isinstance(answer.get("data"), list):
            raise VoiceError("no list of posts")
        items = [item for item in answer["data"] if isinstance(item, dict)]
        found = self._items(ask, page, items)
        moments = [article.published_at for article in found.articles if article.published_at]
        after = ((answer.get("paging") or {}).get("cursors") or {}).get("after") if items else None
        cursor = parse_qs(urlsplit(ask.url).query).get("after", [""])[0]
        walked = newest_first(mark, cursor, moments, str(after) if after else None, self.since)
        more = self.go_on(ask.walk, {**walked.mark, "title": ask.title}) if walked.cursor else None
        return Found(found.articles, len(items), opens=found.opens, mark=walked.mark, more=more)

    def _items(self, ask: Ask, page: FetchedPage, items: list[dict[str, Any]]) -> Found:
        if ask.step in ("comments", "comment"):
            return Found(tuple(filter(None, (self._comment(ask, page, item) for item in items))), len(items))
        articles: list[Article] = []
        opens: list[Open] = []
        for item in items:
            identity, published = str(item.get("id") or ""), moment(item.get("created_time"))
            if not identity:
                continue
            text = tidy(str(item.get("message") or item.get("story") or ""))
            url, title = f"https://www.facebook.com/{identity}", opening(text)
            picture = item.get("full_picture")
            articles.append(
                self.article(
                    page,
                    url,
                    title,
                    text,
                    published,
                    canonical=str(item.get("permalink_url") or ""),
                    images=[str(picture)] if picture else [],
                )
            )
            count = str(((item.get("comments") or {}).get("summary") or {}).get("total_count") or "")
            if count not in ("", "0") and self.options.comments:
                opens.append(Open(f"comments {identity}", count, title[:TITLE_MAX], url))
        return Found(tuple(articles), len(items), opens=tuple(opens))

    def _comment(self, ask: Ask, page: FetchedPage, item: dict[str, Any]) -> Article | None:
        identity, text = str(item.get("id") or ""), tidy(str(item.get("message") or ""))
        if not identity:
            return None
        url = f"https://www.facebook.com/{ask.about}?comment_id={identity}"
        permalink = str(item.get("permalink_url") or "")
        return self.article(page, url, opening(text), text, moment(item.get("created_time")), section=ask.title, canonical=permalink)

    def refusal(self, ask: Ask, status: int, body: bytes) -> Refusal:
        """By the error's code; limits come with HTTP 400 and 403, never with 429 only."""
        code, subcode, message = _error(body)
        told = f"Facebook error {code}{f'/{subcode}' if subcode else ''}: {message}" if code else f"HTTP {status}"
        if code in (4, 17, 32, 613):
            return Refusal("wait", told, _HOUR)
        if code == 190:
            return Refusal("broken", f"the token in {self.options.key_env} is not valid any more; make a new page access token ({told})")
        if code == 10 or 200 <= code <= 299:
            return Refusal("broken", f"the token in {self.options.key_env} lacks a permission ({told})")
        if code == 100 and subcode == 33:
            if len(ask.checks) > 1:
                return Refusal("apart", told)
            return Refusal("broken" if ask.step == "posts" else "gone", told)
        if code == 100 and "cursor" in message.lower():
            return Refusal("restart", told)
        if code == 100:
            return Refusal("broken", f"the Graph API {self.options.version} refuses the call ({told})")
        return Refusal("again", told)

    def is_unsure(self, body: bytes) -> Refusal | None:
        """Of several objects none may be there: an empty object, or `false`, is no proof of that."""
        return Refusal("again", "an answer without content") if body.strip() in (b"false", b"null", b"") else None

    def pause(self, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Stop before the limit: what is used of it stands in the answer's headers, in per cent."""
        for name in _USAGE:
            if (used := _most(headers.get(name, ""), ("call_count", "total_time", "total_cputime"))) >= _HIGH:
                return Refusal("wait", f"{used:g} % of the calls that Facebook allows are used ({name})", _HOUR)
        try:
            cases = json.loads(headers.get("x-business-use-case-usage", "") or "{}")
            rows = [row for several in cases.values() for row in several]
        except (ValueError, AttributeError, TypeError):
            return None
        for row in rows:
            if (used := _most(json.dumps(row), ("call_count", "total_time", "total_cputime"))) >= _HIGH:
                minutes = row.get("estimated_time_to_regain_access") if isinstance(row, dict) else 0
                wait = 60.0 * minutes if isinstance(minutes, int | float) and minutes > 0 else _HOUR
                return Refusal("wait", f"{used:g} % of the calls that Facebook allows are used (x-business-use-case-usage)", wait)
        return None


def _most(header: str, names: tuple[str, ...]) -> float:
    try:
        usage = json.loads(header or "{}")
        return max((float(usage[name]) for name in names if isinstance(usage.get(name), int | float)), default=0.0)
    except (ValueError, AttributeError, TypeError):
        return 0.0


def _chunks(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]


def _error(body: bytes) -> tuple[int, int, str]:
    """(code, subcode, message) of an error answer; 0, 0 and empty when it is none."""
    try:
        error = json.loads(body).get("error") or {}
        return int(error.get("code") or 0), int(error.get("error_subcode") or 0), " ".join(str(error.get("message") or "").split())[:200]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return 0, 0, ""


VOICE = Facebook
