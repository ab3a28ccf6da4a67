"""The alert log, and the articles of a search, as feeds: Atom (RFC 4287) and RSS 2.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from jinja2 import Environment

from alerts.mail import alert_links, one_line, safe_link
from alerts.wording import local, number
from diembao.alert import Alert
from diembao.article import Article
from diembao.settings import Office

_ATOM = "http://www.w3.org/2005/Atom"
_CONTENT = Environment(autoescape=True).from_string(
    '<p>{{ facts }}</p>{% for story in stories %}<p><strong>{% if story.link %}<a href="{{ story.link }}">{{ story.title }}</a>'
    "{% else %}{{ story.title }}{% endif %}</strong><br>{{ story.outlets }}</p>"
    "{% for sentence in story.sentences %}<blockquote>{{ sentence }}</blockquote>{% endfor %}{% endfor %}"
    '<p><a href="{{ search }}">Xem các tin này / Show the articles</a></p>'
)


@dataclass(frozen=True)
class Entry:
    """An alert of the log, and when it began or ended last (aware UTC)."""

    alert: Alert
    updated: datetime


def atom(entries: Sequence[Entry], office: Office, names: Mapping[str, str]) -> bytes:
    """The feed, in the order of `entries`; what came from the web is shown as text.

    Args:
        entries: see Entry.
        office: its name and the address of its pages.
        names: names of the sources by id.
    """
    base = office.base_url.rstrip("/")
    host = urlsplit(base).hostname or "localhost"
    ET.register_namespace("", _ATOM)
    feed = ET.Element(f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "vi"})
    _add(feed, "id", f"tag:{host},2026:diembao/alerts")
    _add(feed, "title", f"Cảnh báo – {one_line(office.name, 150)}")
    _add(feed, "updated", _time(max((entry.updated for entry in entries), default=datetime(2026, 1, 1, tzinfo=UTC))))
    _link(feed, "self", f"{base}/alerts.atom", "application/atom+xml")
    _link(feed, "alternate", f"{base}/alerts", "text/html")
    _add(_add(feed, "author", ""), "name", one_line(office.name, 150) or "Điểm Báo")
    for entry in entries:
        alert = entry.alert
        search, page = alert_links(alert, office)
        item = _add(feed, "entry", "")
        _add(item, "id", f"tag:{host},2026:diembao/alerts/{one_line(alert.id, 64)}")
        _add(item, "title", ("Đã hết: " if alert.state == "closed" and alert.has_expectation else "") + one_line(alert.title, 300))
        _add(item, "published", _time(alert.window_start))
        _add(item, "updated", _time(entry.updated))
        _link(item, "alternate", page, "text/html")
        ET.SubElement(item, f"{{{_ATOM}}}category", {"term": alert.kind})
        content = _add(item, "content", _html(alert, search, names))
        content.set("type", "html")
    return bytes(ET.tostring(feed, encoding="utf-8", xml_declaration=True))


@dataclass(frozen=True)
class Channel:
    """The feed of a search.

    Attributes:
        title: what readers call it.
        address: of the feed itself, without what opens it.
        page: the search as a page.
        key: what is unlike every other feed of the installation.
    """

    title: str
    address: str
    page: str
    key: str


def articles_as_atom(channel: Channel, articles: Sequence[Article], office: Office, names: Mapping[str, str]) -> bytes:
    """The articles as an Atom feed, in their order: headline, lead, outlet and addresses; what came from the web is shown as text."""
    ET.register_namespace("", _ATOM)
    base = office.base_url.rstrip("/")
    feed = ET.Element(f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "vi"})
    _add(feed, "id", _tag(office, channel.key))
    _add(feed, "title", one_line(channel.title, 150))
    _add(feed, "updated", _time(_newest(articles)))
    _link(feed, "self", channel.address, "application/atom+xml")
    _link(feed, "alternate", channel.page, "text/html")
    _add(_add(feed, "author", ""), "name", one_line(office.name, 150) or "Điểm Báo")
    for article in articles:
        item = _add(feed, "entry", "")
        _add(item, "id", _tag(office, f"articles/{one_line(article.id, 200)}"))
        _add(item, "title", _headline(article))
        _add(item, "updated", _time(article.modified_at or _seen(article)))
        _add(item, "published", _time(_seen(article)))
        _link(item, "alternate", safe_link(article.url) or _page(base, article), "text/html")
        _add(_add(item, "author", ""), "name", one_line(names.get(article.source, article.source), 100) or "?")
        for topic in article.topics:
            ET.SubElement(item, f"{{{_ATOM}}}category", {"term": topic.code})
        _add(item, "content", _article_html(article, base)).set("type", "html")
    return bytes(ET.tostring(feed, encoding="utf-8", xml_declaration=True))


def articles_as_rss(channel: Channel, articles: Sequence[Article], office: Office, names: Mapping[str, str]) -> bytes:
    """The same as RSS 2.0, for programs that know nothing else."""
    base = office.base_url.rstrip("/")
    rss = ET.Element("rss", {"version": "2.0"})
    head = ET.SubElement(rss, "channel")
    for name, text in (
        ("title", one_line(channel.title, 150)),
        ("link", channel.page),
        ("description", one_line(office.name, 150) or "Điểm Báo"),
        ("language", "vi"),
        ("lastBuildDate", format_datetime(_newest(articles))),
    ):
        ET.SubElement(head, name).text = text
    for article in articles:
        item = ET.SubElement(head, "item")
        ET.SubElement(item, "title").text = _headline(article)
        ET.SubElement(item, "link").text = safe_link(article.url) or _page(base, article)
        ET.SubElement(item, "guid", {"isPermaLink": "false"}).text = _tag(office, f"articles/{one_line(article.id, 200)}")
        ET.SubElement(item, "pubDate").text = format_datetime(_seen(article))
        ET.SubElement(item, "category").text = one_line(names.get(article.source, article.source), 100)
        ET.SubElement(item, "description").text = _article_html(article, base)
    return bytes(ET.tostring(rss, encoding="utf-8", xml_declaration=True))


_ARTICLE = Environment(autoescape=True).from_string('{% if lead %}<p>{{ lead }}</p>{% endif %}<p><a href="{{ page }}">Điểm Báo</a></p>')


def _article_html(article: Article, base: str) -> str:
    return _ARTICLE.render(lead=one_line(article.lead, 600), page=_page(base, article))


def _page(base: str, article: Article) -> str:
    return f"{base}/articles/{quote(article.id, safe='')}"


def _headline(article: Article) -> str:
    return one_line(article.title, 300) or "(không có tiêu đề)"


def _seen(article: Article) -> datetime:
    return article.published_at or article.first_seen_at or datetime(2026, 1, 1, tzinfo=UTC)


def _newest(articles: Sequence[Article]) -> datetime:
    return max((article.modified_at or _seen(article) for article in articles), default=datetime(2026, 1, 1, tzinfo=UTC))


def _tag(office: Office, key: str) -> str:
    host = urlsplit(office.base_url).hostname or "localhost"
    return f"tag:{host},2026:diembao/{quote(key)}"


def _html(alert: Alert, search: str, names: Mapping[str, str]) -> str:
    span = f"{local(alert.window_start)} – {local(alert.window_end)}"
    usual = f", bình thường {number(alert.expected)}" if alert.has_expectation else ""
    facts = one_line(alert.reason, 500) or f"{alert.observed}{usual}, {span}."
    stories = [
        {
            "title": one_line(story.title, 250),
            "link": safe_link(story.url),
            "outlets": ", ".join(one_line(names.get(name, name), 60) for name in (story.outlets or [story.source])[:6]),
            "sentences": [one_line(sentence, 320) for sentence in story.sentences[:2]],
        }
        for story in alert.evidence[:6]
    ]
    return _CONTENT.render(facts=facts, stories=stories, search=search)


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, f"{{{_ATOM}}}{name}")
    child.text = text
    return child


def _link(parent: ET.Element, relation: str, address: str, kind: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}link", {"rel": relation, "href": address, "type": kind})


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
