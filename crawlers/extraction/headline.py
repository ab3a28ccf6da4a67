"""Headline, lead, section and date: what stands around the body, and where."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from crawlers.extraction.dates import Printed, all_printed, has_day, is_stamp, read_machine, read_printed
from crawlers.extraction.page import Element, Page, cues, fold, squeeze, text_of
from crawlers.extraction.wording import BOILERPLATE, CAPTION, LEAD_CUE

_HEADINGS = ("h1", "h2", "h3", "h4")
_TITLE_CUE = re.compile(
    r"(?:^|[\s_-])(?:\w*title\w*|headline\w*|tieu-?de\w*|tieude\w*|tit|name|(?:article|news|post|entry)-?head(?:er|ing)?)(?=$|[\s_-])"
)
_DATE_CUE = re.compile(
    r"(?:^|[\s_-])(?:\w*date\w*|\w*time\w*|ngay\w*|\w*publish\w*|pub\w*|posted\w*|created|thoi-?gian|post-?on|meta|info|note|small)(?=$|[\s_-])"
)
_NOW_CUE = re.compile(r"(?:^|[\s_-])(?:timenow|clock|today|current\w*|now|\w*datenow|server-?time|dong-?ho)(?=$|[\s_-])")
"""A clock: it shows the moment at which the page was fetched."""
_CLOCK_CUE = re.compile(r"(?:^|[\s_-])(?:header\w*|top\w*|footer\w*|calendar|lich\w*|weather)(?=$|[\s_-])")
_SUFFIX = re.compile(r"\s+[-–—|»:•]+\s+|\s*[|»•]\s*")
_SITE = re.compile(r"^(?:cổng|trang|báo|tạp chí|diễn đàn|đài|sở|ubnd|ủy ban|website|công ty|blog|chuyên trang|bộ)\b", re.IGNORECASE)
_HOME = re.compile(r"^(?:trang chủ|trang nhất|home|trangchu|diễn đàn|forums?|›|>|»|/|\||tin tức)$", re.IGNORECASE)


@dataclass(frozen=True)
class Headline:
    """The headline as printed, and its element (None when only the head of the page has it)."""

    text: str
    element: Element | None


def find_headline(page: Page, chosen: Element | None = None) -> Headline:
    """The headline: the heading that the page's own title repeats, else its only `h1`, else the title without the site's name.

    Args:
        page: the page.
        chosen: the element that a layout names; None when there is none.
    """
    if chosen is not None and (text := text_of(chosen)):
        return Headline(text, chosen)
    meta = page.metadata
    declared = [
        value
        for value in (
            _string(meta.article_object().get("headline")),
            meta.first("og:title"),
            meta.first("headline"),
            *_title_tags(page),
            meta.first("title", "twitter:title"),
        )
        if value
    ]
    known = [squeeze(value) for value in declared]
    best: tuple[float, Element, str] | None = None
    for element in page.elements:
        tag = element.tag
        named = bool(_TITLE_CUE.search(cues(element))) and tag in ("p", "div", "span", "strong", "td", "a", "h5")
        if tag not in _HEADINGS and not named:
            continue
        if tag == "a" or (tag == "div" and len(element) > 12):
            continue
        text = text_of(element)
        squeezed = squeeze(text)
        if not 6 <= len(text) <= 300 or len(squeezed) < 4:
            continue
        score = {"h1": 3.0, "h2": 1.5, "h3": 1.0, "h4": 0.5}.get(tag, 0.5) + (0.5 if named or _TITLE_CUE.search(cues(element)) else 0.0)
        if any(squeezed == value for value in known):
            score += 6
        elif any(value.startswith(squeezed) and len(squeezed) >= 10 and len(squeezed) * 3 > len(value) for value in known):
            if _is_home_link(element):
                continue
            score += 5 if any(re.match(r"\W*[-–—|»:•(]", value[len(text) :]) for value in declared if value.startswith(text)) else 3
        elif any(squeezed.startswith(value) and len(value) > 20 for value in known):
            score += 3
        elif any(value.endswith(squeezed) for value in known):
            # Behind the headline stands the outlet's name, in a heading around the logo; or the site's name came first.
            if not any(value.endswith(squeezed) and len(squeezed) * 2 > len(value) for value in known) or _SITE.match(text):
                continue
            score += 5
        elif any(_overlap(text, value) > 0.75 for value in declared):
            score += 3
        elif tag != "h1":
            continue
        if element.find(".//a") is not None and tag != "h1":
            score -= 1.5
        if best is None or score > best[0] + 0.01:
            best = (score, element, text)
    if best is not None and (best[0] >= 4 or (not declared and best[0] >= 3) or _only_h1(page, best[1])):
        return Headline(best[2], best[1])
    return Headline(_without_site(declared, page), None)


def nearest_heading(page: Page, body: list[Element]) -> Headline | None:
    """The heading just above the body (or at its beginning), for pages whose `title` names the site only; None when there is none.

    Args:
        page: the page.
        body: the elements of the body, found without knowing the headline.
    """
    if not body or page.metadata.first("og:title") or page.metadata.article_object().get("headline"):
        return None
    start = page.position[body[0]]
    around = [*reversed(page.elements[max(0, start - 40) : start]), *page.elements[start : start + 12]]
    for element in around:
        words = cues(element)
        if element.tag not in _HEADINGS and not (_TITLE_CUE.search(words) and element.tag in ("div", "span", "p", "td", "strong")):
            continue
        text = text_of(element)
        if not 12 <= len(text) <= 250 or (has_day(text) and len(text) < 60) or _is_boilerplate(element, None) or LEAD_CUE.search(words):
            continue
        if element.find(".//a") is not None and element.tag not in ("h1", "h2"):
            continue
        known = [squeeze(title) for title in _title_tags(page)]
        if any(squeeze(text) in title for title in known) and element.tag == "h1" and len(text) < 40:
            continue
        return Headline(text, element)
    return _first_named_title(page) or _line_with_date(page, start)


def _first_named_title(page: Page) -> Headline | None:
    """The first heading or part called a title that running text follows soon, for pages where the body is not clear either."""
    for place, element in enumerate(page.elements):
        words = cues(element)
        if element.tag not in ("h1", "h2", "h3") and not (_TITLE_CUE.search(words) and element.tag in ("div", "span", "p", "td")):
            continue
        text = text_of(element)
        if not 20 <= len(text) <= 250 or (element.tag == "h1" and any(squeeze(text) in squeeze(title) for title in _title_tags(page))):
            continue
        if element.find(".//a") is not None or any(node in page.cards for node in _line(element, 4)) or _is_boilerplate(element, None):
            continue
        for later in page.elements[place + 1 : place + 30]:
            if later.tag in ("p", "div", "span", "font", "td") and len((later.text or "").strip()) > 80 and later not in page.cards:
                return Headline(text, element)
    return None


def _line_with_date(page: Page, start: int) -> Headline | None:
    """The part that stands just before a date at the beginning of the body, as old portals set it: "Headline (12/10/2024, 8 giờ 15)"."""
    for element in page.elements[start : start + 12]:
        before = element.getprevious()
        if before is None or element.tag not in ("i", "em", "span", "font", "small", "b") or (before.tail or "").strip():
            continue
        if not is_stamp(text_of(element).strip("()[] ")) or before.tag in ("a", "table", "img", "br", "ul"):
            continue
        text = text_of(before)
        if 12 <= len(text) <= 250 and not _linked(before) and not has_day(text):
            return Headline(text, before)
    return None


def _only_h1(page: Page, element: Element) -> bool:
    return (
        element.tag == "h1"
        and not any(squeeze(text_of(element)) in squeeze(title)[4:] for title in _title_tags(page))
        and sum(1 for other in page.elements if other.tag == "h1" and text_of(other)) == 1
    )


def _is_home_link(element: Element) -> bool:
    return any((link.get("href") or "").rstrip("/").count("/") < 3 and (link.get("href") or "").endswith("/") for link in element.iter("a"))


def _overlap(one: str, other: str) -> float:
    a, b = set(one.lower().split()), set(other.lower().split())
    return len(a & b) / max(1, min(len(a), len(b))) if min(len(a), len(b)) > 3 else 0.0


def _title_tags(page: Page) -> list[str]:
    return [fold(element.text) for element in page.root.iter("title") if element.text]


def _without_site(declared: list[str], page: Page) -> str:
    """The title of the head without the outlet's name behind (or before) it."""
    if not declared:
        return ""
    site = squeeze(page.metadata.first("og:site_name", "application-name"))
    host = squeeze(page.url.split("/")[2]) if page.url.count("/") > 1 else ""
    title = declared[0]
    parts = [part for part in _SUFFIX.split(title) if part.strip()]
    while len(parts) > 1:
        tail = squeeze(parts[-1])
        if (
            tail and (tail == site or tail in host or (site and site in tail) or (len(parts[-1].split()) <= 4 and title is not declared[0]))
        ) or len(tail) < 3:
            title = title[: title.rfind(parts[-1])].rstrip(" -–—|»:•")
            parts.pop()
        else:
            break
    if title == declared[0] and len(parts) > 1 and len(parts[0]) > 30 and len(declared) == 1:
        return parts[0]
    return title


def find_lead(page: Page, headline: Element | None, body: list[Element]) -> tuple[str, Element | None]:
    """The lead that stands between the headline and the body, set apart by its markup; empty when there is none.

    Args:
        page: the page.
        headline: the element of the headline.
        body: the elements of the body.
    """
    start = page.position.get(headline, -1) if headline is not None else -1
    end = min((page.position[element] for element in body), default=len(page.elements))
    described = [
        squeeze(value)
        for value in page.metadata.meta.get("og:description", []) + page.metadata.meta.get("description", [])
        if len(value) > 30
    ]
    inside = {element for part in body for element in part.iter()} if body else set()
    plain: tuple[str, Element] | None = None
    candidates = page.elements[start + 1 : min(len(page.elements), max(end, start + 120))]
    for element in candidates:
        if element in inside or element.tag in ("a", "html", "head", "body", "meta", "link", "title", "img", "ul", "table"):
            continue
        if any(part is element or _is_inside(part, element) for part in body):
            continue
        named = bool(LEAD_CUE.search(cues(element))) or element.get("data-role") == "sapo" or element.get("itemprop") == "description"
        heading = element.tag in ("h2", "h3", "h4", "strong", "b")
        if not named and not heading and element.tag not in ("p", "div", "span"):
            continue
        text = lead_text(element)
        if not 30 <= len(text) <= 1800 or (start < 0 and not named):
            continue
        if has_day(text) and len(text) < 120 and read_printed(text) is not None:
            continue
        if _linked(element) * 2 > len(text) or _is_boilerplate(element, headline):
            continue
        squeezed = squeeze(text)
        matches = any(
            squeezed.startswith(value[:60]) or value.startswith(squeezed[:60]) or (len(squeezed) > 60 and squeezed[-50:] in value)
            for value in described
        )
        in_reach = start >= 0 and page.position[element] < end
        if matches and (len(element) < 8) and in_reach:
            return text, element
        if named and in_reach and len(text) > 40 and not has_day(text[:40]):
            return text, element
        if heading and in_reach and len(text) > 60 and element.tag != "b":
            return text, element
        leaf = not any(
            child.tag in ("div", "p", "table", "ul", "h1", "h2", "h3", "img") for child in element.iter() if child is not element
        )
        if (
            plain is None
            and leaf
            and in_reach
            and not _is_caption(element)
            and len(text) >= 60
            and element.tag in ("p", "div", "td")
            and text.rstrip()[-1] in '.!?…"”)'
        ):
            plain = text, element
    # Nothing is called a lead: the one block of sentences between the headline and the body is it.
    return plain or ("", None)


def lead_text(element: Element, *, links: bool = False) -> str:
    """The lead's lines without the related links that some designs put below it; lines of a list are kept apart.

    Args:
        element: where they stand.
        links: keep lines that are links, too.
    """
    lines: list[str] = []
    current: list[tuple[str, bool]] = []

    def close() -> None:
        text = fold("".join(piece for piece, _ in current))
        linked = sum(len(piece.strip()) for piece, link in current if link)
        if text and (links or linked * 10 < len(text) * 7) and not re.match(r"^(?:>>|»|xem thêm)", text, re.IGNORECASE):
            lines.append(text)
        current.clear()

    def walk(node: Any, link: bool, depth: int) -> None:
        if node.text:
            current.append((node.text, link))
        for child in node:
            if isinstance(child.tag, str) and child.tag not in ("img", "figure"):
                if child.tag in ("br", "p", "div", "li", "ul", "h2", "h3", "h4", "table"):
                    close()
                if depth < 50:
                    walk(child, link or child.tag == "a", depth + 1)
                if child.tag in ("p", "div", "li", "ul", "h2", "h3", "h4", "table"):
                    close()
            if child.tail:
                current.append((child.tail, link))

    walk(element, False, 0)
    close()
    return "\n".join(lines)


def lines_of(element: Element) -> list[str]:
    """The printed lines of `element`, those of parts with telling names (ratings, sharing) left out."""
    copy = deepcopy(element)
    copy.tail = None
    for part in list(copy.iter()):
        if part is not copy and isinstance(part.tag, str) and BOILERPLATE.search(cues(part)):
            _cut(part)
    return lead_text(copy, links=True).split("\n")


def _is_caption(element: Element) -> bool:
    """Whether `element` stands below a picture in a box of their own, or is called a caption."""
    for node in _line(element, 3):
        if CAPTION.search(cues(node)):
            return True
        if node is not element and node.find(".//img") is not None and len(text_of(node)) < len(text_of(element)) + 40:
            return True
    before = element.getprevious()
    return before is not None and (before.tag == "img" or (before.find(".//img") is not None and not text_of(before)))


def _cut(part: Element) -> None:
    """Take `part` out of its tree; the text behind it stays."""
    parent = part.getparent()
    if parent is None:
        return
    before = part.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (part.tail or "")
    else:
        parent.text = (parent.text or "") + (part.tail or "")
    parent.remove(part)


def _linked(element: Element) -> int:
    return sum(len(fold(text_of(link))) for link in element.iter("a"))


def _is_inside(element: Element, other: Element) -> bool:
    parent: Element | None = element
    while parent is not None:
        if parent is other:
            return True
        parent = parent.getparent()
    return False


def _is_boilerplate(element: Element, headline: Element | None) -> bool:
    node: Element | None = element
    while node is not None and node.tag not in ("body", "html"):
        if node.tag in ("nav", "footer", "aside", "figure", "figcaption"):
            return True
        if (headline is None or not _is_inside(headline, node)) and BOILERPLATE.search(cues(node)):
            return True
        node = node.getparent()
    return False


def find_published(page: Page, headline: Element | None, body: list[Element], chosen: list[Element]) -> Printed | None:
    """When the article was published: as printed beside the headline, else as the head of the page says.

    What is printed is what readers and editors go by; machine-readable dates of Vietnamese pages are sometimes those of the
    draft. A printed "Cập nhật …" gives way to a machine-readable publication time of minutes.

    Args:
        page: the page.
        headline: the element of the headline.
        body: the elements of the body, in which dates are events and not the page's.
        chosen: the elements that a layout names for the date.
    """
    for element in chosen:
        found = _date_of(element)
        if found is not None and found.precision == "minute":
            return found
    declared = declared_date(page)
    printed = _printed(page, headline, body)
    for element in chosen:
        found = _date_of(element)
        if found is not None and printed is None:
            printed = found
    if printed is None:
        return declared
    if declared is None:
        return printed
    apart = abs((printed.moment - declared.moment).total_seconds())
    if printed.precision == "day":
        return declared if declared.precision == "minute" and apart < 3 * 86400 else (printed if apart < 3 * 86400 else declared)
    if printed.updated and declared.precision == "minute":
        return declared
    return printed


def _date_of(element: Element) -> Printed | None:
    for attribute in ("datetime", "content", "title", "data-time"):
        if (value := element.get(attribute)) and (found := read_machine(value)):
            return found
    text = text_of(element)
    return next(all_printed(text), None) if len(text) < 300 else None


def declared_date(page: Page) -> Printed | None:
    """The publication date that the head of the page or JSON-LD declares; one with a time of day before one without."""
    meta = page.metadata
    values = [_string(meta.article_object().get("datePublished"))]
    for name in (
        "article:published_time", "datepublished", "pubdate", "publishdate", "article:published", "og:article:published_time",
        "publish-date",
        "published_time", "dc.date.issued", "dcterms.created", "dc.date", "date", "article.published", "sailthru.date",
        "cxenseparse:recs:publishtime",
    ):  # fmt: skip
        values.extend(meta.meta.get(name, ()))
    values.extend(_string(item.get("datePublished")) for item in meta.objects)
    found = [date for value in values if value and (date := read_machine(value))]
    return next((date for date in found if date.precision == "minute"), found[0] if found else None)


def modified_date(page: Page) -> Printed | None:
    """When the head of the page or JSON-LD says that it was changed."""
    meta = page.metadata
    values = [_string(meta.article_object().get("dateModified"))]
    for name in ("article:modified_time", "og:updated_time", "datemodified", "lastmod", "last-modified", "dcterms.modified"):
        values.extend(meta.meta.get(name, ()))
    return next((date for value in values if value and (date := read_machine(value))), None)


def _printed(page: Page, headline: Element | None, body: list[Element]) -> Printed | None:
    start = page.position.get(headline, -1) if headline is not None else -1
    inside = {element for part in body for element in part.iter()} if body else set()
    best: tuple[float, Printed] | None = None
    seen: set[Element] = set()
    reach = page.elements[max(0, start - 500) : start + 2500] if start >= 0 else page.elements[:20_000]
    for element in reach:
        own = " ".join([element.text or "", *(child.tail or "" for child in element)])
        stamp = element.tag == "time" and bool(element.get("datetime"))
        if not stamp and not has_day(own) and not _DATE_CUE.search(cues(element)):
            title = element.get("title") or ""
            if not (title and len(title) < 40 and has_day(title)):
                continue
        if element.tag in ("html", "head", "body", "title", "meta", "a", "script") or _NOW_CUE.search(cues(element)):
            continue
        box = _box(element)
        if box in seen:
            continue
        seen.add(box)
        text = text_of(box)
        if len(text) > 170:
            continue
        found = _date_of(element) if stamp or element.get("title") else None
        found = found or next(all_printed(text), None)
        if found is None:
            continue
        place = page.position[element]
        score = 0.0
        if found.precision == "minute":
            score += 3
        words = " ".join(cues(node) for node in _line(element, 3))
        score += 2 if _DATE_CUE.search(words) or element.tag == "time" else 0
        score -= 4 if _CLOCK_CUE.search(cues(element)) else 0
        if len(text) > 80:
            score -= 1
        if start >= 0:
            distance = place - start
            score += 3 if 0 < distance <= 40 else 2 if -25 <= distance < 0 else 1 if 0 < distance <= 90 else -min(5.0, abs(distance) / 120)
        if element in inside and element.tag != "time":
            score -= 3 if place - start > 15 else 1
        if any(node.tag in ("a", "li", "footer", "nav", "aside") for node in _line(element, 4)):
            score -= 2
        if any(
            node.tag not in ("body", "html", "form")
            and BOILERPLATE.search(cues(node))
            and not (headline is not None and _is_inside(headline, node))
            for node in _line(element, 5)
        ):
            score -= 1.5
        if score >= 3 and (best is None or score > best[0]):
            best = (score, found)
    return best[1] if best else None


def _line(element: Element, count: int) -> list[Element]:
    found: list[Element] = []
    node: Element | None = element
    while node is not None and len(found) < count:
        found.append(node)
        node = node.getparent()
    return found


def _box(element: Element) -> Element:
    """The largest element around that is still a short line: the time may stand beside the day."""
    node = element
    for _ in range(3):
        parent = node.getparent()
        if parent is None or parent.tag in ("body", "html", "ul", "ol", "table", "tr") or len(text_of(parent)) > 120:
            break
        if (
            parent.tag in ("div", "td", "section", "article", "header")
            and sum(1 for child in parent if child.tag in ("p", "div", "h1", "h2", "h3", "ul")) > 3
        ):
            break
        node = parent
    return node


def find_section(page: Page, chosen: list[Element], title: str) -> str:
    """The section as the breadcrumb prints it (its last entry that is not the headline), else as the head declares it."""
    for element in chosen:
        if names := _crumbs(element, title):
            return names[-1]
    for item in page.metadata.objects:
        if item.get("@type") == "BreadcrumbList":
            entries = item.get("itemListElement")
            names = [_entry_name(entry) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
            names = [name for name in names if name and not _HOME.match(name) and squeeze(name) != squeeze(title)]
            if names:
                return names[-1]
    if value := _string(page.metadata.article_object().get("articleSection")):
        return value
    for mark in (".breadcrumb", ".breadcrumbs", "#breadcrumb", ".breadCrumb", ".bread-crumb", ".path", "#box-path"):
        for element in page.marks.get(mark, [])[:2]:
            if names := _crumbs(element, title):
                return names[-1]
    value = page.metadata.first("article:section")
    return value if value and value.lower() not in ("news", "tin tuc", "article") else ""


def _entry_name(entry: dict[str, Any]) -> str:
    item = entry.get("item")
    return _string(entry.get("name")) or (_string(item.get("name")) if isinstance(item, dict) else "")


def _crumbs(element: Element, title: str) -> list[str]:
    links = [text_of(link) for link in element.iter("a")] or [text_of(element)]
    return [name for name in links if 2 <= len(name) <= 60 and not _HOME.match(name) and squeeze(name) != squeeze(title)]


def _string(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return fold(value) if isinstance(value, str) else ""
