"""Mails that explain themselves: HTML and plain text, Vietnamese first, with a chart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from alerts.alert_words import AlertLabels, Language
from alerts.charts import chart_text, series_chart
from alerts.wording import hours_between, local, number, rarity
from diembao.alert import Alert, Evidence
from diembao.errors import DeliveryError
from diembao.settings import Office
from diembao.taxonomy import Field, Taxonomy

Cause = Literal["new", "escalated", "grown", "ended"]
"""Why a message is written: the alert began, nobody answered it, it doubled since the last message, or it is over."""

_STORIES = 6
_STORIES_IN_GROUP = 2
_TOLD_IN_GROUP = 12
"""Alerts of a mail that are told at length; of the others it has a line with a link."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


_LONGEST_LINE = 998
"""Bytes of a line of a mail (RFC 5322)."""


class _Policy(EmailPolicy):
    """Python would fold a long address into encoded words, which no mail program reads in List-Unsubscribe."""

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The header as it goes to the server."""
        if name == "List-Unsubscribe":
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_POLICY = _Policy(linesep="\r\n")


@dataclass(frozen=True)
class Composed:
    """A finished mail: its Message-ID and the whole message as it goes to the server."""

    message_id: str
    content: bytes


def check_address(address: str) -> str:
    """`address`, when it is one plain mailbox.

    Raises:
        DeliveryError: for anything else: line breaks, several addresses, a display name, letters outside ASCII.
    """
    if not _ADDRESS.fullmatch(address) or ".." in address:
        raise DeliveryError(f"{address!r} is no mail address", "Write it as name@example.vn in [mail] of office.toml")
    return address


def message_id(key: str, sender: str) -> str:
    """The Message-ID of the mail with this outbox key; always the same for one key."""
    domain = sender.rpartition("@")[2] or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def one_line(text: str, longest: int = 300) -> str:
    r"""`text` without line breaks and control characters, cut at `longest` letters.

    >>> one_line("a\r\nBcc: x@y.z")
    'a Bcc: x@y.z'
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def safe_link(url: str) -> str:
    """`url` when it is an http(s) address, else nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc and not re.search(r"[\s<>\"]", url) else ""


def compose_alert(
    alert: Alert,
    office: Office,
    taxonomy: Taxonomy,
    recipient: str,
    key: str,
    now: datetime,
    *,
    cause: Cause = "new",
    reply_to: str | None = None,
    names: Mapping[str, str] | None = None,
    token: str | None = None,
    next_step: str = "",
    language: Language = "vi",
) -> Composed:
    """The mail about `alert` for one recipient.

    Args:
        alert: what was found.
        office: sender, name and the address of the pages.
        taxonomy: names and departments of the fields.
        recipient: one plain mailbox.
        key: outbox key; the Message-ID is made from it.
        now: date of the mail, aware UTC.
        cause: see Cause.
        reply_to: Message-ID of the mail that began the thread.
        names: names of the sources by id; an id without a name stands for itself.
        token: the recipient's ticket (alerts.grading.write_token); None: no links to grade or to unsubscribe.
        next_step: what happens when nobody answers; empty: nothing.
        language: of the mail.

    Raises:
        DeliveryError: when an address is none.
    """
    view = alert_view(alert, office, taxonomy, cause, names or {}, language)
    view["next_step"] = next_step
    view["answer_link"] = answer_link(office, token) if token else ""
    message = _message(office, recipient, key, now, view["subject"])
    if reply_to:
        message["In-Reply-To"] = message["References"] = reply_to
    if token:
        _unsubscribable(message, office, token)
    message.set_content(templates().get_template("alert.txt").render(view), cte="quoted-printable")
    chart = series_chart(alert.points, alert.window_start, alert.window_end, language) if alert.points else None
    view["chart"] = f"chart-{alert.id}@diembao" if chart else ""
    html = inline(templates().get_template("alert.html").render(view))
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    if chart:
        part = list(message.iter_parts())[-1]
        part.add_related(chart, "image", "png", cid=f"<chart-{alert.id}@diembao>", disposition="inline", filename="bieu-do.png")
    return Composed(str(message["Message-ID"]), message.as_bytes())


def compose_group(
    told: Sequence[tuple[Alert, Cause, str]],
    office: Office,
    taxonomy: Taxonomy,
    recipient: str,
    key: str,
    now: datetime,
    *,
    names: Mapping[str, str] | None = None,
    next_step: str = "",
    language: Language = "vi",
) -> Composed:
    """One mail about several alerts, each with why it is told and the recipient's ticket for it; the gravest first.

    `next_step` says what happens when nobody answers; empty: nothing.

    Raises:
        DeliveryError: when an address is none.
    """
    order = {"grown": 0, "escalated": 1, "new": 2, "ended": 3}
    ordered = sorted(told, key=lambda one: (order[one[1]], one[0].probability, one[0].window_start, one[0].id))
    views = [
        {**alert_view(alert, office, taxonomy, cause, names or {}, language), "answer_link": answer_link(office, token)}
        for alert, cause, token in ordered
    ]
    for view in views:
        view["stories"] = view["stories"][:_STORIES_IN_GROUP]
    open_now = sum(cause != "ended" for _, cause, _ in ordered)
    ended = len(ordered) - open_now
    t = AlertLabels(language)
    counts = ", ".join([*([t("alerts", n=open_now)] if open_now else []), *([t("over", n=ended)] if ended else [])])
    view = {
        "subject": f"{counts}: {'; '.join(dict.fromkeys(view['name'] for view in views))}",
        "headline": counts[0].upper() + counts[1:],
        "views": views[:_TOLD_IN_GROUP],
        "others": views[_TOLD_IN_GROUP:],
        "next_step": next_step,
        "foot": t("foot_group", office=one_line(office.name, 100)),
        "t": t,
        "base_url": office.base_url,
    }
    message = _message(office, recipient, key, now, str(view["subject"]))
    _unsubscribable(message, office, ordered[0][2])
    message.set_content(templates().get_template("group.txt").render(view), cte="quoted-printable")
    message.add_alternative(inline(templates().get_template("group.html").render(view)), subtype="html", cte="quoted-printable")
    return Composed(str(message["Message-ID"]), message.as_bytes())


def answer_link(office: Office, token: str) -> str:
    """The page where a recipient grades or mutes an alert."""
    return f"{office.base_url.rstrip('/')}/alerts/answer/{token}"


def _unsubscribable(message: EmailMessage, office: Office, token: str) -> None:
    """One click in the mail program (RFC 8058): only a POST acts, so what opens links in advance unsubscribes nobody."""
    value = f"<{answer_link(office, token)}/unsubscribe>"
    if len(f"List-Unsubscribe: {value}".encode()) > _LONGEST_LINE or not value.isascii():
        return  # the link in the text stays
    message["List-Unsubscribe"] = value
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def compose(
    office: Office,
    recipient: str,
    key: str,
    now: datetime,
    subject: str,
    text: str,
    html: str,
    attachments: Sequence[tuple[str, str, bytes]] = (),
    token: str | None = None,
    pictures: Sequence[tuple[str, bytes]] = (),
) -> Composed:
    """A mail of text, HTML and attachments (file name, MIME type, content).

    With `token` (alerts.grading.write_token) the mail program can unsubscribe its recipient. The HTML shows each of `pictures` (name, PNG)
    as `cid:NAME@diembao`.

    Raises:
        DeliveryError: when an address is none.
    """
    message = _message(office, recipient, key, now, subject)
    if token:
        _unsubscribable(message, office, token)
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(inline(html), subtype="html", cte="quoted-printable")
    part = list(message.iter_parts())[-1]
    for name, png in pictures:
        part.add_related(png, "image", "png", cid=f"<{name}@diembao>", disposition="inline", filename=f"{name}.png")
    for name, kind, content in attachments:
        main, _, sub = kind.partition("/")
        message.add_attachment(content, main, sub, filename=one_line(name, 100))
    return Composed(str(message["Message-ID"]), message.as_bytes())


def inline(html: str) -> str:
    """`html` with its styles at the elements, as mail programs want them; the style block stays for dark mode."""
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False).inline(html)


def alert_links(alert: Alert, office: Office) -> tuple[str, str]:
    """(search that shows the articles, page of the alert)."""
    base = office.base_url.rstrip("/")
    span = {"from": local(alert.window_start, "%Y-%m-%dT%H:%M"), "to": local(alert.window_end, "%Y-%m-%dT%H:%M")}
    return f"{base}/search?{urlencode({'q': alert.query, **span, 'sort': 'time'})}", f"{base}/alerts/{alert.id}"


def _message(office: Office, recipient: str, key: str, now: datetime, subject: str) -> EmailMessage:
    check_address(recipient)
    user, _, domain = check_address(office.mail.sender).rpartition("@")
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(one_line(office.name, 100), user, domain)
    message["To"] = recipient
    message["Subject"] = one_line(subject, 200)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(key, office.mail.sender)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    return message


def alert_view(
    alert: Alert, office: Office, taxonomy: Taxonomy, cause: Cause, names: Mapping[str, str], language: Language = "vi"
) -> dict[str, Any]:
    """What messages about `alert` show, in words and numbers; text from the web is one line each and not escaped yet."""
    t = AlertLabels(language)
    hours = hours_between(alert.window_start, alert.window_end)
    title = one_line(alert.title_in(language), 250)
    name, _, what = title.partition(": ")
    expected = number(alert.expected, language)
    unit = alert.unit_in(language) or t.unit
    field = taxonomy.fields.get(alert.series.split(" × ")[0])
    search_link, alert_link = alert_links(alert, office)
    prefix = t(f"cause.{cause}")
    figures = {"observed": alert.observed, "unit": unit, "hours": hours, "expected": expected}
    if alert.reason:
        subject, headline, explanation = f"{prefix}: {title}", title, one_line(alert.reason_in(language), 500)
    else:
        subject = t("subject", prefix=prefix, name=name, **figures)
        headline = f"{name}: {t(f'happened.{cause}', unit=unit)}"
        explanation = t("counted", start=local(alert.window_start, "%H:%M %d/%m"), end=local(alert.window_end, "%H:%M %d/%m"))
    lead = _lead(alert, headline, names, t)
    numbers = "" if alert.reason else t("numbers", **figures)
    if alert.has_expectation:
        explanation += " " + t("chance", rarity=rarity(alert.probability)[int(language == "en")])
    return {
        "t": t,
        "alert": alert,
        "cause": cause,
        "name": name if what else title,
        "subject": subject,
        "banner": f"{prefix} · {local(alert.evaluated_at, '%H:%M %d/%m/%Y')}",
        "where": t("department", name=field.department) if field and field.department else t("rule", name=alert.rule),
        "headline": headline,
        "unit_name": unit,
        "hours": hours,
        "expected": expected,
        "explanation": explanation,
        "lead": lead,
        "preview": " ".join(part for part in (numbers or explanation, lead) if part),
        "chart": "",
        "column": _column(alert, t),
        "chart_text": chart_text(alert, t) if alert.points else "",
        "search_link": search_link,
        "alert_link": alert_link,
        "answer_link": "",
        "next_step": "",
        "stories_heading": t("stories", n=len(alert.evidence)) if len(alert.evidence) > 1 else t.one_story,
        "stories": [_story(story, names, t) for story in alert.evidence[:_STORIES]],
        "more": t("more", n=len(alert.evidence) - _STORIES) if len(alert.evidence) > _STORIES else "",
        "end_heading": t.when_over if cause != "ended" else t.why_over,
        "ending": one_line(alert.ends_when_in(language)),
        "english": _in_english(alert, field, hours) if language == "vi" else "",
        "foot": t("foot", office=one_line(office.name, 100), rule=alert.rule),
        "base_url": office.base_url,
    }


def _in_english(alert: Alert, field: Field | None, hours: int) -> str:
    """One sentence for who does not read Vietnamese, below a Vietnamese text."""
    said = one_line(alert.reason_en, 500)
    if not alert.reason:
        name, unit = field.name.en if field else alert.series, alert.unit_en or AlertLabels("en").unit
        said = f"{name}: {alert.observed} {unit} in {hours} hours, {number(alert.expected, 'en')} expected;"
    if not alert.has_expectation:
        return said
    return f"{said} {'by' if said.endswith(';') else 'By'} chance {rarity(alert.probability)[1]}."


def _column(alert: Alert, t: AlertLabels) -> str:
    """How long one column of the chart is."""
    hours = hours_between(alert.points[0].start, alert.points[1].start) if len(alert.points) > 1 else 1
    return t("days", n=hours // 24) if hours % 24 == 0 else t("hours", n=hours)


def _lead(alert: Alert, headline: str, names: Mapping[str, str], t: AlertLabels) -> str:
    """The story that matters most, in one sentence for who reads no further; empty when the headline tells it already."""
    if not alert.evidence:
        return ""
    story = alert.evidence[0]
    title = one_line(story.title, 160)
    if not title or title in headline:
        return ""
    outlets = story.outlets or [story.source]
    told = t("lead_told", n=len(outlets)) if len(outlets) > 1 else ""
    return t("lead", title=title, told=told, first=one_line(names.get(outlets[0], outlets[0]), 60))


def _story(story: Evidence, names: Mapping[str, str], t: AlertLabels) -> dict[str, Any]:
    outlets = [one_line(names.get(name, name), 60) for name in (story.outlets or [story.source]) if name]
    first = outlets[0] if outlets else t.no_source
    when = f", {local(story.published_at, '%H:%M %d/%m')}" if story.published_at else ""
    meta = [t("first", first=first, when=when) if len(outlets) > 1 or story.copies else f"{first}{when}"]
    if len(outlets) > 1:
        meta.append(t("others", n=len(outlets) - 1, names=", ".join(outlets[1:5]), dots="…" if len(outlets) > 5 else ""))
    if story.copies:
        meta.append(t("copies", n=story.copies + 1))
    return {
        "title": one_line(story.title, 250) or t.no_title,
        "link": safe_link(story.url),
        "meta": " · ".join(meta),
        "places": t("places", names=", ".join(one_line(place, 60) for place in story.places[:4])) if story.places else "",
        "sentences": [one_line(sentence, 320) for sentence in story.sentences[:2] if one_line(sentence) != one_line(story.title)],
    }


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The templates of mails and briefings; HTML is escaped."""
    return Environment(
        loader=PackageLoader("alerts", "templates"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
    )
