"""XenForo 2 forums: threads and their posts from the public pages, lists of threads as pages or as RSS.

The class names and attributes are those of XenForo's own templates (thread_list_macros, post_macros, message_macros, thread_view).
Pages are asked for as any web page: robots.txt, delay. Names, pictures and profiles of members are taken out before a page is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urldefrag, urljoin, urlsplit

import feedparser
from lxml import etree, html
from pydantic import Field

from crawlers.extraction.decoding import decode
from crawlers.pages import FetchedPage
from crawlers.sites import is_on_site
from crawlers.voices.texts import VoiceError, element_text, masked_text, opening, tidy
from crawlers.voices.voice import TITLE_MAX, Ask, Found, Mark, Open, Options, Voice, moment, newest_first
from diembao.article import Article, Kind

_THREAD = re.compile(r"(?:^|/)threads/(?:[^/]*\.)?(\d+)(?:/|$)")
_POST = re.compile(r"/threads/(\d+)/post-(\d+)$")
_PAGE = re.compile(r"/page-(\d+)")
_ITEM = re.compile(r"\bjs-threadListItem-(\d+)\b")


def _has(name: str) -> str:
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"


_QUOTES = f".//*[{_has('bbCodeBlock--quote')} or {_has('bbCodeBlock--unfurl')} or {_has('js-selectToQuoteEnd')}]"
_OF_MEMBERS = "|".join(
    f"//*[{_has(name)}]"
    for name in (
        "message-cell--user", "message-user", "message-signature", "avatar", "reactionsBar", "likesBar", "reactions-bar", "p-nav-opposite",
        "p-body-sidebar", "message-avatar", "structItem-cell--icon", "memberTooltip",
    )
)  # fmt: skip
_NAMES = f"//*[{_has('username')}]|//*[{_has('bbCodeBlock-sourceJump')}]|//*[contains(@href, '/members/')]|//*[@data-user-id]"
_ATTRIBUTES = ("data-author", "data-user-id", "data-lb-caption-desc", "data-lb-caption-extra-html", "data-lb-caption-title")


class XenForoOptions(Options):
    """The keys of `[voice]`.

    Attributes:
        url: root of the forum; friendly addresses (`threads/NAME.123/`) are needed.
        nodes: addresses of the lists of threads that are read (`https://…/forums/NAME.12/`).
        rss: read the lists as RSS (`index.rss`) instead of pages: less to load, but only the newest threads.
        pages_max: pages of a long thread that are read the first time, the last ones besides the first.
    """

    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    nodes: tuple[str, ...] = Field(min_length=1)
    rss: bool = False
    pages_max: int = Field(default=10, ge=1, le=1000)


class XenForo(Voice[XenForoOptions]):
    """One forum, or some of its nodes."""

    OPTIONS = XenForoOptions
    kinds: ClassVar[tuple[Kind, ...]] = ("forum",)

    @property
    def _root(self) -> str:
        return self.options.url.rstrip("/")

    def ways_in(self, marks: Mapping[str, Mark]) -> list[Ask]:
        """The lists of threads, last answered first."""
        nodes = [node.rstrip("/") + "/" for node in self.options.nodes]
        if self.options.rss:
            return [Ask("rss", f"{node}index.rss", polled=True) for node in nodes]
        return [Ask("list", node, walk=f"list {node}", about=node, polled=True) for node in nodes]

    def go_on(self, walk: str, mark: Mark) -> Ask | None:
        """The next page of a list, or of a thread."""
        kind, _, about = walk.partition(" ")
        if kind == "list":
            return Ask("list", f"{about}page-{mark['next']}", walk=walk, about=about) if "next" in mark else None
        if kind != "thread":
            return None
        number = int(mark.get("next") or mark.get("page") or 1)
        base = str(mark.get("url") or f"{self._root}/threads/{about}/")
        return Ask("thread", base if number == 1 else f"{base}page-{number}", walk=walk, about=about)

    def ask_for(self, addresses: Sequence[str]) -> list[Ask]:
        """The pages on which the posts stand: XenForo leads from a post to its page, which settles its neighbours too."""
        asks = []
        for address in addresses:
            if match := _POST.search(address):
                asks.append(Ask("thread", address, about=match[1], checks=(address,)))
            elif match := _THREAD.search(urlsplit(address).path):
                asks.append(Ask("thread", f"{self._root}/threads/{match[1]}/", about=match[1], checks=(address,)))
        return asks

    def kept(self, ask: Ask, body: bytes, content_type: str | None) -> bytes:
        """The page without members: their names, pictures, signatures, profiles; with numbers masked."""
        if ask.step == "rss":
            plain = re.sub(rb"<(dc:creator|author|content:encoded)\b.*?</\1>", b"", body, flags=re.DOTALL)
            return masked_text(plain.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        root = _parsed(decode(body, content_type))
        for element in root.xpath(f"//script|//style|//noscript|{_OF_MEMBERS}"):
            if element.getparent() is not None:
                element.drop_tree()
        for element in root.xpath(_NAMES):
            for child in list(element):
                child.drop_tree()
            element.text = "…"
            for name in ("href", "title", "data-user-id"):
                element.attrib.pop(name, None)
        for element in root.iter(etree.Element):
            for name in _ATTRIBUTES:
                element.attrib.pop(name, None)
        for element in root.xpath("//head/link[contains(@href, '/members/')]|//head/meta[not(@property='og:title')]"):
            element.drop_tree()
        for head in root.xpath("//head[1]"):
            head.insert(0, html.Element("meta", charset="utf-8"))
        return masked_text(html.tostring(root, encoding="unicode", doctype="<!DOCTYPE html>")).encode("utf-8", "replace")

    def read(self, ask: Ask, page: FetchedPage, mark: Mark) -> Found:
        """What a page holds."""
        if ask.step == "rss":
            return self._rss(page)
        root = _parsed(page.payload.decode("utf-8", "replace"))
        return self._list(ask, page, root, mark) if ask.step == "list" else self._thread(ask, page, root, mark)

    def _rss(self, page: FetchedPage) -> Found:
        parsed = feedparser.parse(page.payload, response_headers={"content-type": "text/xml; charset=utf-8"})
        if not parsed.get("version"):
            raise VoiceError("not a feed")
        opens = []
        for entry in parsed.entries:
            match = _THREAD.search(urlsplit(str(entry.get("link") or "")).path)
            if match:
                state = f"{dict.get(entry, 'published') or ''} {entry.get('slash_comments') or ''}"
                opens.append(Open(f"thread {match[1]}", state.strip()[:200], tidy(str(entry.get("title") or ""))[:TITLE_MAX]))
        return Found(links=len(opens), opens=tuple(opens))

    def _list(self, ask: Ask, page: FetchedPage, root: Any, mark: Mark) -> Found:
        items = root.xpath(f"//*[{_has('structItem--thread')}]")
        if not items and not root.xpath(f"//*[{_has('p-body')}]|//*[{_has('block-body')}]"):
            raise VoiceError("not a list of threads of XenForo 2")
        opens: list[Open] = []
        moments: list[datetime] = []
        for item in items:
            number = _ITEM.search(item.get("class") or "")
            latest = _moment_of(item.xpath(f".//time[{_has('structItem-latestDate')}]"))
            anchors = item.xpath(f".//*[{_has('structItem-title')}]//a[contains(@href, 'threads/')]")
            links = [urljoin(page.url, anchor.get("href")) for anchor in anchors]
            if not number or not links or latest is None:
                continue  # a redirect to another node has no date of its own
            moments.append(latest)
            if latest < self.since or not is_on_site(links[-1], self.source.domain):
                continue
            base = re.sub(r"(?:unread|latest|page-\d+)?$", "", urldefrag(links[-1])[0])
            replies = "".join(item.xpath(f".//*[{_has('structItem-cell--meta')}]//dd[1]//text()")[:1]).strip()
            title = tidy(anchors[-1].text_content())
            state = f"{latest.isoformat()} {replies}"
            opens.append(Open(f"thread {number[1]}", state, title[:TITLE_MAX], more={"url": base.rstrip("/") + "/"}))
        number_ = _number(ask.url)
        last = _last_page(root, number_)
        following = str(number_ + 1) if number_ < last else None
        walked = newest_first(mark, "" if number_ == 1 else str(number_), moments, following, self.since)
        more = self.go_on(ask.walk, walked.mark) if walked.cursor else None
        return Found(links=len(items), opens=tuple(opens), mark=walked.mark, more=more)

    def _thread(self, ask: Ask, page: FetchedPage, root: Any, mark: Mark) -> Found:
        heads = root.xpath(f"//h1[{_has('p-title-value')}]")
        posts = root.xpath(f"//*[{_has('message')} and starts-with(@data-content, 'post-') and not({_has('message--deleted')})]")
        if not heads or not posts:
            raise VoiceError("not a thread of XenForo 2")
        title = element_text(heads[0], f".//*[{_has('label')} or {_has('label-append')}]")
        number = _number(page.url)
        crumbs = root.xpath(f"//*[{_has('p-breadcrumbs')}]//li//*[@itemprop='name']") or root.xpath(f"//*[{_has('p-breadcrumbs')}]//li//a")
        section = element_text(crumbs[-1]) if crumbs else ""
        canonical = "".join(root.xpath("//link[@rel='canonical']/@href")[:1])
        articles: list[Article] = []
        for place, post in enumerate(posts):
            bodies = post.xpath(f".//*[{_has('message-body')}]//*[{_has('bbWrapper')}]") or post.xpath(f".//*[{_has('message-body')}]")
            if not bodies:
                continue
            published = _moment_of(post.xpath(f".//*[{_has('message-attribution-main')}]//time") or post.xpath(".//time"))
            modified = _moment_of(post.xpath(f".//*[{_has('message-lastEdit')}]//time"))
            text = element_text(bodies[0], _QUOTES)
            identity = post.get("data-content").removeprefix("post-")
            url = f"{self._root}/threads/{ask.about}"
            if number == 1 and place == 0:
                link = urljoin(page.url, canonical) if canonical else ""
                articles.append(self.article(page, url, title, text, published, modified=modified, section=section, canonical=link))
            elif self.options.comments:
                url = f"{url}/post-{identity}"
                articles.append(self.article(page, url, opening(text), text, published, modified=modified, section=title[:TITLE_MAX]))
        if not ask.walk:
            return Found(tuple(articles), len(posts))
        last = _last_page(root, number)
        following = number + 1 if number < last and self.options.comments else None
        if following and "page" not in mark and last - number > self.options.pages_max:
            following = last - self.options.pages_max + 1
        base = _PAGE.sub("/", urldefrag(page.url)[0]).rstrip("/") + "/"
        new = {**{name: value for name, value in mark.items() if name != "next"}, "page": number, "url": base}
        if following:
            new["next"] = following
        return Found(tuple(articles), len(posts), mark=new, more=self.go_on(ask.walk, new) if following else None)


def _parsed(text: str) -> Any:
    try:
        return html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text) or "<html></html>")
    except (etree.ParserError, ValueError) as error:
        raise VoiceError(f"not HTML: {error}"[:200]) from error


def _number(url: str) -> int:
    match = _PAGE.search(urlsplit(url).path)
    return min(int(match[1][:7]), 1_000_000) if match else 1


def _last_page(root: Any, current: int) -> int:
    numbers = [text.strip() for text in root.xpath(f"//*[{_has('pageNav-page')}]//a//text()")]
    return max([current, *(int(text) for text in numbers if text.isascii() and text.isdigit() and len(text) < 7)])


def _moment_of(times: Sequence[Any]) -> datetime | None:
    for element in times:
        for name in ("data-time", "data-timestamp", "datetime"):
            if found := moment(element.get(name) or ""):
                return found
    return None


VOICE = XenForo
