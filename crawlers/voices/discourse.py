"""Discourse forums: topics and their posts, by the JSON that every public Discourse gives (`latest.json`, `t/ID.json`, `t/ID/posts.json`).

No key is needed: they are the forum's own public addresses, so robots.txt and the source's delay hold as for any web page. A 429 says in
`extras.wait_seconds` how long to wait.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from lxml import html
from lxml.etree import ParserError
from pydantic import Field

from crawlers.pages import FetchedPage
from crawlers.voices.texts import VoiceError, html_text, json_of, kept_json, masked_text, opening, tidy
from crawlers.voices.voice import TITLE_MAX, Ask, Found, Mark, Open, Options, Refusal, Voice, moment, newest_first
from diembao.article import Article, Kind

_AT_ONCE = 20
"""Posts that one answer brings, as Discourse's own pages ask for them."""

_NAMES = frozenset({
    "topic_list", "more_topics_url", "topics", "id", "title", "slug", "highest_post_number", "last_posted_at", "bumped_at",
    "created_at", "updated_at", "posts_count", "post_stream", "posts", "stream", "post_number", "post_type", "cooked", "topic_id",
    "tags", "category_id", "hidden", "user_deleted", "deleted_at", "version", "errors", "error_type", "extras", "wait_seconds"
})  # fmt: skip
_QUOTES = "descendant::aside|descendant::*[contains(concat(' ', @class, ' '), ' meta ')]"
_TOPIC = re.compile(r"/t/(\d+)(?:/(\d+))?$")


class DiscourseOptions(Options):
    """The keys of `[voice]`.

    Attributes:
        url: root of the forum.
        categories: their addresses below the root (`c/NAME/5`); empty: all.
        posts_max: posts of a long topic that are read the first time, the last ones besides the first.
    """

    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    categories: tuple[str, ...] = ()
    posts_max: int = Field(default=200, ge=20, le=10_000)


class Discourse(Voice[DiscourseOptions]):
    """One forum, or some of its categories."""

    OPTIONS = DiscourseOptions
    kinds: ClassVar[tuple[Kind, ...]] = ("forum",)

    @property
    def _root(self) -> str:
        return self.options.url.rstrip("/")

    def ways_in(self, marks: Mapping[str, Mark]) -> list[Ask]:
        """The lists of topics, last answered first."""
        lists = [f"{category.strip('/')}/l/latest" for category in self.options.categories] or ["latest"]
        return [self._list(one, "") for one in lists]

    def _list(self, which: str, cursor: str) -> Ask:
        query = f"?{urlencode({'no_definitions': 'true', 'page': cursor})}" if cursor else ""
        return Ask("list", f"{self._root}/{which}.json{query}", walk=f"list {which}", about=which, polled=not cursor)

    def go_on(self, walk: str, mark: Mark) -> Ask | None:
        """The next page of a list, or the next posts of a topic."""
        kind, _, about = walk.partition(" ")
        if kind == "list":
            return self._list(about, str(mark["next"])) if "next" in mark else None
        if kind != "topic":
            return None
        title = str(mark.get("title", ""))
        if ids := mark.get("ids"):
            query = urlencode([("post_ids[]", one) for one in ids[:_AT_ONCE]])
            return Ask("posts", f"{self._root}/t/{about}/posts.json?{query}", walk=walk, about=about, title=title)
        return Ask("topic", f"{self._root}/t/{about}.json", walk=walk, about=about, title=title)

    def ask_for(self, addresses: Sequence[str]) -> list[Ask]:
        """The posts around each one: its neighbours are settled by the same answer."""
        found = ((address, _TOPIC.search(urlsplit(address).path)) for address in addresses)
        return [Ask("topic", f"{address}.json", about=match[1], checks=(address,)) for address, match in found if match]

    def kept(self, ask: Ask, body: bytes, content_type: str | None) -> bytes:
        """Topics and posts without who wrote, quoted or was named in them; with numbers masked."""
        pruned = json.loads(kept_json(body, _NAMES, ("title",)))
        for post in _posts(pruned):
            post["cooked"] = _without_members(str(post.get("cooked") or ""))
        return json.dumps(pruned, ensure_ascii=False).encode("utf-8", "replace")

    def read(self, ask: Ask, page: FetchedPage, mark: Mark) -> Found:
        """What an answer holds."""
        answer = json_of(page.payload)
        if ask.step == "list":
            return self._topics(ask, answer, mark)
        title = tidy(str(answer.get("title") or "")) or ask.title
        posts = _posts(answer)
        if not posts and not isinstance(answer.get("post_stream"), dict):
            raise VoiceError("no posts")
        articles = tuple(filter(None, (self._article(ask, page, post, title, answer) for post in posts)))
        if not ask.walk:
            return Found(articles, len(posts))
        new = {name: value for name, value in mark.items() if name != "ids"} | {"title": title[:TITLE_MAX]}
        read = [int(post["id"]) for post in posts if isinstance(post.get("id"), int)]
        last = int(mark.get("last") or 0)
        if ask.step == "topic":
            stream = [one for one in (answer.get("post_stream") or {}).get("stream") or [] if isinstance(one, int)]
            waiting = [one for one in stream if one > last and one not in read] if self.options.comments else []
            waiting = waiting if last else waiting[-self.options.posts_max :]
            # What lies before the first waiting post is read: here, in an earlier round, or left out as too old.
            new["last"] = max([last, *(one for one in read if not waiting or one < waiting[0])])
        else:
            waiting = list(mark.get("ids") or [])[_AT_ONCE:]
            new["last"] = max([last, *read])
        if waiting:
            new["ids"] = waiting
        return Found(articles, len(posts), mark=new, more=self.go_on(ask.walk, new) if waiting else None)

    def _topics(self, ask: Ask, answer: dict[str, Any], mark: Mark) -> Found:
        listed = answer.get("topic_list")
        if not isinstance(listed, dict) or not isinstance(listed.get("topics"), list):
            raise VoiceError("not a list of topics of Discourse")
        opens: list[Open] = []
        moments: list[datetime] = []
        for topic in listed["topics"]:
            latest = moment(topic.get("bumped_at") or topic.get("last_posted_at") or topic.get("created_at"))
            if latest is None or not isinstance(topic.get("id"), int):
                continue
            moments.append(latest)
            if latest >= self.since:
                state = f"{topic.get('highest_post_number')} {topic.get('last_posted_at')} {topic.get('bumped_at')}"
                opens.append(Open(f"topic {topic['id']}", state, tidy(str(topic.get("title") or ""))[:TITLE_MAX]))
        following = parse_qs(urlsplit(str(listed.get("more_topics_url") or "")).query).get("page", [""])[0]
        cursor = parse_qs(urlsplit(ask.url).query).get("page", [""])[0]
        walked = newest_first(mark, cursor, moments, following if following.isdigit() else None, self.since)
        more = self.go_on(ask.walk, walked.mark) if walked.cursor else None
        return Found(links=len(listed["topics"]), opens=tuple(opens), mark=walked.mark, more=more)

    def _article(self, ask: Ask, page: FetchedPage, post: dict[str, Any], title: str, topic: dict[str, Any]) -> Article | None:
        number = post.get("post_number")
        if not isinstance(number, int) or post.get("post_type") not in (None, 1, 2):
            return None
        if post.get("hidden") or post.get("user_deleted") or post.get("deleted_at"):
            return None
        text = html_text(str(post.get("cooked") or ""), _QUOTES)
        published, modified = moment(post.get("created_at")), moment(post.get("updated_at"))
        # Every rebuilding of a page touches updated_at; only a further version is an edit.
        modified = modified if int(post.get("version") or 1) > 1 else None
        url = f"{self._root}/t/{ask.about}"
        if number == 1:
            slug = str(topic.get("slug") or "")
            link = urljoin(f"{self._root}/", f"t/{slug}/{ask.about}") if slug else ""
            tags = [str(tag) for tag in topic.get("tags") or [] if isinstance(tag, str)]
            return self.article(page, url, title, text, published, modified=modified, canonical=link, tags=tags)
        if not self.options.comments:
            return None
        return self.article(page, f"{url}/{number}", opening(text), text, published, modified=modified, section=title[:TITLE_MAX])

    def refusal(self, ask: Ask, status: int, body: bytes) -> Refusal:
        """A topic that was made private answers 403 in Discourse's own words; a wall before the forum answers 403 in others."""
        try:
            kind = str(json.loads(body).get("error_type") or "")
        except (ValueError, AttributeError, RecursionError):
            kind = ""
        if status in (403, 404, 410) and ask.step == "list":
            return Refusal("broken", f"the list is not public: HTTP {status} {kind}".strip())
        if status == 403 and kind == "invalid_access":
            return Refusal("gone", "HTTP 403 (invalid_access)")
        return super().refusal(ask, status, body)

    def wait_in(self, body: bytes) -> float | None:
        """`extras.wait_seconds` of a 429."""
        try:
            seconds = json.loads(body)["extras"]["wait_seconds"]
            return float(seconds) if isinstance(seconds, int | float) else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


def _posts(answer: dict[str, Any]) -> list[dict[str, Any]]:
    stream = answer.get("post_stream")
    posts = stream.get("posts") if isinstance(stream, dict) else None
    return [post for post in posts or [] if isinstance(post, dict)]


def _without_members(cooked: str) -> str:
    """`cooked` (HTML) without quotations of others and without links to people; with numbers masked."""
    try:
        root = html.fragment_fromstring(cooked, create_parent="div")
    except (ParserError, ValueError):
        return ""
    for element in root.xpath("descendant::aside[contains(@class, 'quote')]|descendant::img[contains(@class, 'avatar')]"):
        element.drop_tree()
    for element in root.xpath("descendant::a[contains(@class, 'mention') or contains(@href, '/u/')]"):
        for child in list(element):
            child.drop_tree()
        element.text = "@…"
        element.attrib.pop("href", None)
    inner = (root.text or "") + "".join(html.tostring(child, encoding="unicode") for child in root)
    return masked_text(inner)


VOICE = Discourse
