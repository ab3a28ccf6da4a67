"""The alert log as an Atom feed (RFC 4287)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from jinja2 import Environment

from alerts.mail import alert_links, one_line, safe_link
from alerts.wording import local, number
from diembao.alert import Alert
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
