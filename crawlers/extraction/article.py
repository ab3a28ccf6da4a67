"""From a page's bytes to an Article: what is declared, what a layout names, what the general extractor finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from crawlers.extraction.body import Body, read_body
from crawlers.extraction.bylines import Byline, is_name, is_outlet, is_person, read_byline, site_names
from crawlers.extraction.dates import Printed, has_day
from crawlers.extraction.families import Match, recognise
from crawlers.extraction.general import find_body, read_generally
from crawlers.extraction.headline import (
    Headline,
    declared_date,
    find_headline,
    find_lead,
    find_published,
    find_section,
    lead_text,
    lines_of,
    modified_date,
    nearest_heading,
)
from crawlers.extraction.kinds import PageKind, page_kind
from crawlers.extraction.page import Element, Page, UnreadablePageError, fold, text_of
from crawlers.extraction.parts import Variant, article_address, first_page, further_pages, variant
from diembao.article import Article, CreditedSource
from diembao.clock import vietnam_day
from diembao.fates import Fate
from diembao.privacy import VOICES_OF_PERSONS
from diembao.source import Layout, Source

MIN_BODY = 200
"""Characters that a body must have when no source says otherwise (`Source.min_body`)."""

_SOFT_404 = re.compile(
    r"^\W*404\W*(?:$|not found|error|lỗi|không tìm|page|trang)|^(?:kết quả )?tìm kiếm(?:\s*:| cho\b|\W*$)|"
    r"\b(?:(?:lỗi|error|http) 404\b|404 (?:not found|error)|page not found|không tìm thấy (?:trang|bài|nội dung|kết quả)|"
    r"trang (?:bạn|này|không)[^.]{0,30}(?:không tồn tại|không có)|bài viết (?:này )?(?:không tồn tại|đã bị (?:xóa|xoá|gỡ))|"
    r"đường dẫn (?:không tồn tại|đã hỏng))",
    re.IGNORECASE,
)
"""What the headlines of error and search pages say. News has such words too: 404 households, the result of a search for the missing."""


@dataclass(frozen=True)
class Extracted:
    """What came out of a page.

    Attributes:
        article: filled as far as possible, also when there is a problem; without `fetched_at`.
        problem: NOT_ARTICLE, TOO_SHORT or PARSE_ERROR; None when it is an article.
        detail: one sentence about the problem or about how the article was found.
        further_pages: where the article goes on, as far as this page says it, the next page first; empty on its last or only page. Whoever
            fetches them joins what comes out with `join`.
        first_page: where the article begins, when this is a later page of it.
        variant: "amp" or "mobile" when the article has another address, which is `article.canonical_url`.
    """

    article: Article
    problem: Fate | None = None
    detail: str = ""
    further_pages: tuple[str, ...] = ()
    first_page: str = ""
    variant: Variant = ""

    @property
    def page_kind(self) -> PageKind | None:
        """How the page tells its story; a listing has the problem NOT_ARTICLE. None: it could not be read."""
        return PageKind(self.article.page_kind) if self.article.page_kind else None


class LayoutMismatchError(LookupError):
    """A selector of a layout that has to match exactly one element matches none or several."""


def need(page: Page, selector: str) -> Element:
    """The one element that `selector` matches; copies with the same text (desktop and mobile) count as one.

    Raises:
        LayoutMismatchError: for zero or several matches.
    """
    found = _different(page.select(selector))
    if len(found) != 1:
        raise LayoutMismatchError(f"{selector!r} matches {len(found)} elements instead of one")
    return found[0]


def maybe(page: Page, selector: str | None) -> Element | None:
    """The one element that `selector` matches; None for zero or several matches, and for no selector."""
    if not selector:
        return None
    found = _different(page.select(selector))
    return found[0] if len(found) == 1 else None


def _different(elements: list[Element]) -> list[Element]:
    found: list[Element] = []
    texts: set[str] = set()
    for element in elements:
        text = text_of(element)
        if text and text not in texts:
            texts.add(text)
            found.append(element)
    return found


def extract(
    html: bytes,
    url: str,
    source: Source | None = None,
    content_type: str | None = None,
    *,
    now: datetime | None = None,
    families: bool = True,
) -> Extracted:
    """One page → one Article. Pure: no network, no clock, no environment.

    The source's layout comes first, then the layout families, then the general extractor; `article.extractor` is "profile"
    for the first two and "general" for the last.

    Args:
        html: the page's bytes, without transfer or content encoding.
        url: the address it was fetched from.
        source: the outlet; None when unknown (no selectors of its own, `min_body` 200).
        content_type: the HTTP header, for its charset.
        now: the present moment, aware; a publication date more than a day after it is not believed. None: not checked.
        families: whether the layout families may be used (the benchmark measures without).
    """
    try:
        page = Page(html, url, content_type)
        return _read(page, source, now, families)
    except UnreadablePageError as error:
        return _failed(url, source, str(error))
    except (etree.LxmlError, RecursionError, ValueError, AssertionError) as error:
        return _failed(url, source, f"{type(error).__name__}: {error}")


def join(first: Extracted, further: Sequence[Extracted], min_body: int = MIN_BODY) -> Extracted:
    """The article whose first page is `first` and whose others are `further`, in their order. Pure.

    Headline, lead, date and address are the first page's; paragraphs and pictures follow each other, what a page repeats of the
    ones before (lead, title, a box) is left out; authors and credit are those of the first page that has them, a byline stands at
    the end as a rule. A further page without text adds nothing. Joined pages are no longer too short when together they are not.

    Args:
        first: the first page; its problem is None or TOO_SHORT.
        further: what came out of the addresses in `further_pages`, one after the other.
        min_body: characters that the whole must have (`Source.min_body`).
    """
    article = first.article
    lines = article.body.split("\n") if article.body else []
    seen = {line for line in [*lines, article.title, *article.lead.split("\n")] if len(line) > 40}
    images = list(article.images)
    authors, credit = list(article.authors), article.credited_source
    for part in further:
        other = part.article
        for line in [*other.lead.split("\n"), *other.body.split("\n")]:
            if line and line not in seen and line != article.title:
                lines.append(line)
                if len(line) > 40:
                    seen.add(line)
        images += [image for image in other.images if image not in images]
        authors = authors or list(other.authors)
        credit = credit or other.credited_source
    whole = article.with_fields(body="\n".join(lines), images=images, authors=authors, credited_source=credit)
    long_enough = first.problem is Fate.TOO_SHORT and len(whole.body) >= min_body
    problem, detail = (None, "") if long_enough else (first.problem, first.detail)
    return replace(first, article=whole, problem=problem, detail=detail, further_pages=())


def _failed(url: str, source: Source | None, detail: str) -> Extracted:
    article = Article(url=url, source=source.id if source else "", kind=source.kind if source else "newspaper", title="")
    return Extracted(article, Fate.PARSE_ERROR, detail)


@dataclass
class _Found:
    headline: Headline
    lead: str
    body: Body
    elements: list[Element]
    layout: Layout | None
    profile: bool
    note: str = ""


def _read(page: Page, source: Source | None, now: datetime | None, families: bool) -> Extracted:
    site = site_names(page.url, page.metadata.first("og:site_name"), source.name if source else "", _publisher(page))
    found, match = _find(page, source, site, families)
    body = found.body
    chosen = page.select(found.layout.published)[:3] if found.layout and found.layout.published else []
    published = _believable(find_published(page, found.headline.element, found.elements, chosen), now)
    modified = _believable(modified_date(page), now)
    byline = _byline(page, found, site)
    lead = found.lead or body.lead
    kind = source.kind if source else (match.family.kind if match and match.family.kind else "newspaper")
    article = Article(
        url=page.url,
        canonical_url=article_address(page),
        source=source.id if source else "",
        kind=kind,
        title=found.headline.text,
        lead=lead,
        body=body.text,
        authors=byline.authors,
        section=find_section(
            page, page.select(found.layout.section)[:2] if found.layout and found.layout.section else [], found.headline.text
        ),
        tags=_tags(page),
        images=_images(page, body),
        published_at=published.moment.replace(second=0, microsecond=0) if published else None,
        published_precision=published.precision if published else None,
        modified_at=modified.moment if modified and modified.precision == "minute" else None,
        credited_source=_credit(page, byline),
        extractor="profile" if found.profile else ("general" if body.paragraphs else ""),
    )
    problem, detail = _problem(page, article, source.min_body if source else MIN_BODY)
    told = page_kind(page, article, body, proper=bool(article.title and article.body))
    if told is PageKind.LISTING and problem is None:
        problem, detail = Fate.NOT_ARTICLE, "a listing of other pages"
    elif told is not PageKind.ARTICLE and problem is Fate.TOO_SHORT:
        detail = f"a {told} page: {detail}"
    extracted = Extracted(article.with_fields(page_kind=str(told)), problem, detail or found.note, variant=variant(page))
    if problem not in (None, Fate.TOO_SHORT) or kind in VOICES_OF_PERSONS:
        return extracted
    return replace(extracted, further_pages=further_pages(page), first_page=first_page(page))


PROSE = 80
"""Characters of a paragraph that tells something; menus, imprints and invitations to comment have shorter lines or table rows."""


def _prose(body: Body) -> int:
    return sum(len(paragraph) for paragraph in body.paragraphs if len(paragraph) >= PROSE and not paragraph.startswith("|"))


def _find(page: Page, source: Source | None, site: str, families: bool) -> tuple[_Found, Match | None]:
    """Headline, lead and body by the first way that works."""
    notes: list[str] = []
    if source is not None and source.layout:
        for layout in _layouts(source, page):
            try:
                found = _by_source(page, layout, site)
            except LayoutMismatchError as error:
                notes.append(str(error))
                continue
            if len(found.body.text) >= MIN_BODY:
                return found, None
            other, match = _find_without_source(page, site, families, notes)
            if _prose(other.body) < max(3 * len(found.body.text), MIN_BODY):
                return found, None  # it is a short article; otherwise the selectors hit a part of it only
            return other, match
    return _find_without_source(page, site, families, notes)


def _find_without_source(page: Page, site: str, families: bool, notes: list[str]) -> tuple[_Found, Match | None]:
    match = recognise(page) if families else None
    if match is not None:
        found = _by_family(page, match, site)
        if len(found.body.text) >= 150 or len(found.body.paragraphs) > 1:
            found.note = "; ".join([f"family {match.family.name}", *notes])
            return found, match
    headline = find_headline(page)
    if headline.element is None:
        headline = nearest_heading(page, find_body(page, None)) or headline
    lead = ""
    body, elements = read_generally(page, title_element=headline.element, title=headline.text, lead="", site=site)
    if elements:
        lead, _ = find_lead(page, headline.element, elements)
        if lead:
            body = read_body(elements, title=headline.text, lead=lead, site=site, without=page.cards, descriptions=page.descriptions)
    return _Found(headline, lead, body, elements, None, profile=False, note="; ".join(notes)), None


def _layouts(source: Source, page: Page) -> list[Layout]:
    """The layout of the day of publication first, then the others from new to old (a redesign often changes old pages too)."""
    date = declared_date(page)
    first = source.layout_for(vietnam_day(date.moment) if date else None)
    others = sorted(source.layout, key=lambda layout: str(layout.valid_from or ""), reverse=True)
    return [*([first] if first else []), *(layout for layout in others if layout is not first)]


def _by_source(page: Page, layout: Layout, site: str) -> _Found:
    """Read with a source's own selectors: title and body are needed, the rest may be missing."""
    if layout.body is None:
        raise LayoutMismatchError("the layout has no selector for the body")
    element = need(page, layout.body)
    headline = find_headline(page, need(page, layout.title) if layout.title else None)
    return _assemble(page, layout, headline, [element], site)


def _by_family(page: Page, match: Match, site: str) -> _Found:
    layout = match.family.layout
    titles = [element for element in page.select(layout.title or "h1") if text_of(element)]
    headline = find_headline(page, titles[0] if titles and len(_different(titles)) == 1 else None)
    if headline.element is None:
        headline = nearest_heading(page, match.body) or headline
    return _assemble(page, layout, headline, match.body, site)


def _assemble(page: Page, layout: Layout, headline: Headline, elements: list[Element], site: str) -> _Found:
    lead = ""
    if layout.lead:
        named = _different(page.select(layout.lead))
        lead = lead_text(named[0]) if named else ""
    if not lead:
        lead, _ = find_lead(page, headline.element, elements)
    body = read_body(elements, title=headline.text, lead=lead, remove=layout.remove, site=site, descriptions=page.descriptions)
    return _Found(headline, lead, body, elements, layout, profile=True)


def _byline(page: Page, found: _Found, site: str) -> Byline:
    """Authors and credits: of the layout's elements, of the end of the body, of the page's markup, of the head; in this order."""
    layout = found.layout
    result = Byline()
    if layout:
        for selector in (layout.authors, layout.credit):
            for element in page.select(selector)[:6] if selector else ():
                for text in lines_of(element)[:4]:
                    line = read_byline(text, site, _link(page, element))
                    if line and selector == layout.credit != layout.authors and not line.credits and line.authors:
                        line = Byline(credits=[text], link=line.link)
                    if line:
                        result.add(line)
    result.add(found.body.byline)
    if not result.authors:
        for read in (_following_lines, _leading_lines, _marked_authors, _json_ld_authors, _meta_authors):
            line = read(page, found, site)
            if line.authors:
                result.add(line)
                break
            if line.credits and not result.credits:
                result.add(line)
    result.authors = [name for name in result.authors if not is_outlet(name, site)]
    return result


def _link(page: Page, element: Element) -> str:
    for link in element.iter("a"):
        if address := page.absolute(link.get("href") or ""):
            return address
    return ""


def _following_lines(page: Page, found: _Found, site: str) -> Byline:
    """A byline that the design puts just behind the element of the body: right-aligned, bold, or one that says "Theo …"."""
    result = Byline()
    if not found.elements:
        return result
    last = found.elements[-1]
    start = page.position[last] + sum(1 for node in last.iter() if isinstance(node.tag, str))
    seen = 0
    for element in page.elements[start : start + 40]:
        text = text_of(element)
        if not text or element.tag in ("a", "br", "img") or len(element) > 4:
            continue
        seen += 1
        if seen > 4 or len(text) > 120 or element.tag in ("ul", "ol", "h2", "h3", "h4", "li"):
            break
        style = (element.get("style") or "").replace(" ", "").lower()
        right = "text-align:right" in style or (element.get("align") or "").lower() == "right"
        line = read_byline(text, site, _link(page, element))
        if line and (
            right
            or line.credits
            or element.tag in ("strong", "b", "em", "i")
            or _NAMED_ROLE.match(text)
            or all(map(is_person, line.authors))
        ):
            result.add(line)
    return result


_NAMED_ROLE = re.compile(r"^\W*(?:tác giả|bài viết|bài|tin|thực hiện|người viết|phóng viên|pv|biên tập)\b[^:]{0,20}:", re.IGNORECASE)
"""A line that says itself that it is a byline."""


def _leading_lines(page: Page, found: _Found, site: str) -> Byline:
    """A byline between the headline and the body that no class names: persons only, perhaps with the date beside them."""
    if found.headline.element is None or not found.elements:
        return Byline()
    start, end = page.position[found.headline.element], page.position[found.elements[0]]
    for element in page.elements[start + 1 : min(end, start + 60)]:
        text = text_of(element)
        if not 4 <= len(text) <= 110 or element.tag in ("a", "li", "h1", "h2", "h3", "time") or element in page.cards:
            continue
        line = read_byline(text, site)
        if line and line.authors and (has_day(text) or all(is_person(name) for name in line.authors)):
            return line
    return Byline()


_AUTHOR_MARKS = (
    ".author", ".author-name", ".author_name", ".authorname", ".tac-gia", ".tacgia", ".article-author", ".article__author",
    ".detail-author", ".byline", ".pAuthor", ".post-author", ".author-info", ".name-author", ".news-author", ".nguon-tin", ".nguontin",
    ".nguon", ".source", ".pSource", ".txt-author", ".box-author", ".butdanh", ".but-danh", ".bigusername", ".username",
    ".detail-tacgia", ".entry-author", ".cms-author", ".news_author", ".tac_gia", ".text-author", ".author-detail", ".t-author",
)  # fmt: skip


def _marked_authors(page: Page, found: _Found, site: str) -> Byline:
    """Author elements near the headline or the body, not those of other articles or comments."""
    result = Byline()
    start = page.position.get(found.headline.element, 0) if found.headline.element is not None else 0
    ends = [page.position[element] + sum(1 for _ in element.iter()) for element in found.elements]
    end = max(ends, default=start + 150) + 40
    marked = [element for element in page.marks.get("@author", []) if element.tag != "meta"]
    for mark in _AUTHOR_MARKS:
        marked.extend(page.marks.get(mark, ()))
    marked += [element for element in page.elements[start:end] if "author" in (element.get("rel"), element.get("data-role"))]
    for element in marked:
        if not start - 40 <= page.position[element] <= end:
            continue
        text = lines_of(element)[0] if len(text_of(element)) < 160 else ""
        line = read_byline(text, site, _link(page, element)) if 1 < len(text) < 100 else None
        if line and (line.credits or all(is_name(name) and (" " in name or element.tag != "a" or len(name) > 2) for name in line.authors)):
            result.add(line)
            if result.authors:
                break
    return result


def _json_ld_authors(page: Page, found: _Found, site: str) -> Byline:
    result = Byline()
    value = page.metadata.article_object().get("author")
    for item in value if isinstance(value, list) else [value]:
        name, person = "", True
        if isinstance(item, dict):
            name, person = item.get("name") or "", "organization" not in str(item.get("@type") or "").lower()
            if isinstance(name, list):
                name = ", ".join(part for part in name if isinstance(part, str))
        elif isinstance(item, str):
            name = item
        if isinstance(name, str) and name and person and (line := read_byline(name, site)):
            result.add(line)
    return result


def _meta_authors(page: Page, found: _Found, site: str) -> Byline:
    """`meta` authors only where they are surely persons: content systems put their makers there."""
    result = Byline()
    for name in ("author", "article:author", "dable:author", "dc.creator", "cxenseparse:author"):
        for value in page.metadata.meta.get(name, ()):
            line = read_byline(value, site) if not value.startswith("http") else None
            if line and line.authors and all(is_person(author) or line.credits for author in line.authors):
                result.add(line)
                return result
    return result


def _publisher(page: Page) -> str:
    publisher = page.metadata.article_object().get("publisher")
    name = publisher.get("name") if isinstance(publisher, dict) else None
    return fold(name) if isinstance(name, str) else ""


def _credit(page: Page, byline: Byline) -> CreditedSource | None:
    names = [(urlsplit(name).hostname or name) if name.startswith("http") else name for name in byline.credits if name]
    if not names:
        return None
    return CreditedSource(name=", ".join(dict.fromkeys(names)), url=page.absolute(byline.link) or None if byline.link else None)


def _tags(page: Page) -> list[str]:
    """Keywords as printed below the article, else as JSON-LD or the head lists them."""
    for mark in (".tags", ".tag", ".detail-tab", ".tags-box", ".box-tag", ".article__tag", ".detail-tag-list", ".keyword", ".tag-list"):
        for element in page.marks.get(mark, [])[:2]:
            names = [text_of(link) for link in element.iter("a")]
            names = [name.lstrip("#").strip() for name in names if 1 < len(name) < 60]
            if names:
                return list(dict.fromkeys(names))[:30]
    values: list[str] = []
    words: Any = page.metadata.article_object().get("keywords")
    for word in words if isinstance(words, list) else [words]:
        values.extend(word.split(",") if isinstance(word, str) else ())
    for name in ("article:tag", "news_keywords", "keywords"):
        if not values:
            for value in page.metadata.meta.get(name, ()):
                values.extend(value.split(","))
    return [tag for tag in dict.fromkeys(fold(value) for value in values) if 1 < len(tag) < 80][:30]


def _images(page: Page, body: Body) -> list[str]:
    found = [address for image in body.images if (address := page.absolute(image))]
    if not found and (address := page.absolute(page.metadata.first("og:image"))):
        found = [address]
    return list(dict.fromkeys(found))


def _believable(date: Printed | None, now: datetime | None) -> Printed | None:
    if date is None or now is None:
        return date
    return date if date.moment <= now.astimezone(UTC) + timedelta(days=1) else None


def _problem(page: Page, article: Article, min_body: int) -> tuple[Fate | None, str]:
    size = len(article.body)
    if not article.title:
        return Fate.NOT_ARTICLE, "no headline"
    if not article.body:
        return Fate.NOT_ARTICLE, "no body"
    if urlsplit(page.url).path in ("", "/") and not urlsplit(page.url).query and not page.metadata.article_object():
        return Fate.NOT_ARTICLE, "the home page"
    if _SOFT_404.search(article.title) or (size < 600 and _SOFT_404.search(article.body[:300])):
        return Fate.NOT_ARTICLE, "an error or search page"
    if page.metadata.first("og:type").lower() in ("website", "home") and article.published_at is None and not article.lead and size < 800:
        return Fate.NOT_ARTICLE, "a page of the kind website without a date"
    if size < min_body:
        return Fate.TOO_SHORT, f"the body has {size} characters; {min_body} are asked for"
    return None, ""
