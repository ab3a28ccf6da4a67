"""The outlets of the demonstration: what each is, how its pages are built, and what a crawler is told about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from demo.texts import Text
from diembao.article import Kind
from diembao.clock import VIETNAM

SECTIONS = {
    "environment": ("Môi trường", "moi-truong"),
    "health": ("Sức khỏe", "suc-khoe"),
    "education": ("Giáo dục", "giao-duc"),
    "traffic": ("Giao thông", "giao-thong"),
    "security": ("Pháp luật", "phap-luat"),
    "agriculture": ("Nông nghiệp", "nong-nghiep"),
    "trade": ("Kinh tế", "kinh-te"),
    "culture": ("Văn hóa", "van-hoa"),
    "sport": ("Thể thao", "the-thao"),
    "digital": ("Chuyển đổi số", "chuyen-doi-so"),
    "": ("Thời sự", "thoi-su"),
}
"""Section of each topic: its name and its place in an address."""

WEEKDAYS = ("Thứ hai", "Thứ ba", "Thứ tư", "Thứ năm", "Thứ sáu", "Thứ bảy", "Chủ nhật")
PALETTE = ("#2f6f5e", "#8a5a2b", "#345a8c", "#7a3b52", "#5b6b2a", "#6a4a8c")

PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Outlet:
    """One outlet.

    Attributes:
        id: its id as a source.
        name: as readers know it (invented).
        kind: kind of source.
        template: template of its articles in `templates/`.
        address: format of an article's address; `{section}`, `{slug}`, `{number}`, `{year}`, `{month}` are filled.
        pattern: regular expression for the path of an article's address.
        discovery: what leads to its articles: `feed`, `sitemap` or `listing`.
        listing_size: articles on one listing page.
        links: selector of the links to articles on a listing page.
        robots: text of robots.txt, `{base}` is filled.
        validators: whether its pages carry ETag and Last-Modified.
        layout: selectors for the crawler; empty: the general extractor finds the body.
        content_type: as its server declares it.
        menu: entries of its menu.
    """

    id: str
    name: str
    kind: Kind
    template: str
    address: str
    pattern: str
    discovery: str
    robots: str
    listing_size: int = 0
    links: str = ""
    validators: bool = True
    layout: Mapping[str, Any] = field(default_factory=dict)
    content_type: str = "text/html; charset=utf-8"
    menu: Sequence[str] = ("Thời sự", "Kinh tế", "Môi trường", "Giáo dục", "Sức khỏe", "Văn hóa", "Thể thao", "Bạn đọc")

    def path(self, text: Text) -> str:
        """Path (and query) of the article's address."""
        day = text.published_at.astimezone(VIETNAM) if text.published_at else None
        section = SECTIONS[text.topic][1]
        if text.trouble == "forbidden":
            section = "noi-bo"
        return self.address.format(
            section=section,
            slug=text.slug,
            number=number_of(text.key),
            year=day.year if day else "luu-tru",
            month=f"{day.month:02d}" if day else "00",
        )


OUTLETS: dict[str, Outlet] = {
    outlet.id: outlet
    for outlet in (
        Outlet(
            id="bao-song-tien",
            name="Báo Sông Tiền",
            kind="newspaper",
            template="newspaper.html",
            address="/{section}/{slug}-{number}.htm",
            pattern=r"^/[a-z-]+/.+-\d+\.htm$",
            discovery="feed",
            robots="User-agent: *\nDisallow: /noi-bo/\nDisallow: /tim-kiem\n\nSitemap: {base}/sitemap.xml\n",
            layout={
                "title": "h1.detail-title",
                "lead": "h2.detail-sapo",
                "body": "div.detail-content",
                "remove": ["figure", ".VCSortableInPreviewMode", ".box-ads"],
                "authors": ".author-info .name",
                "section": ".detail-cate a",
                "credit": ".detail-source",
            },
        ),
        Outlet(
            id="mien-tay-moi",
            name="Miền Tây Mới",
            kind="newspaper",
            template="magazine.html",
            address="/{slug}-a{number}.html",
            pattern=r"-a\d+\.html$",
            discovery="sitemap",
            robots="User-agent: *\nAllow: /\nSitemap: {base}/news-sitemap.xml\n",
        ),
        Outlet(
            id="dai-cua-tieu",
            name="Đài Phát thanh và Truyền hình Cửa Tiểu",
            kind="newspaper",
            template="broadcaster.html",
            address="/xem-tin.php?id={number}",
            pattern=r"^/xem-tin\.php$",
            discovery="listing",
            listing_size=9,
            links="table.danhsach a.tieude",
            robots="User-agent: *\nDisallow: /quantri/\n",
            layout={
                "title": "td.tieude-tin",
                "lead": "td.tomtat",
                "body": "td.noidung",
                "remove": ["table.hinh", "p.lienquan", "p.tacgia", "p.nguon"],
                "authors": "p.tacgia",
                "published": "td.ngaydang",
                "credit": "p.nguon",
            },
            menu=("Trang chủ", "Truyền hình", "Phát thanh", "Lịch phát sóng", "Tin trong tỉnh", "Dự báo thời tiết", "Quảng cáo"),
        ),
        Outlet(
            id="cong-thong-tin",
            name="Cổng thông tin điện tử Cửa Tiểu",
            kind="portal",
            template="portal.html",
            address="/chi-tiet-tin?/{slug}/{number}",
            pattern=r"^/chi-tiet-tin$",
            discovery="listing",
            listing_size=30,
            links="div.portlet-body a.asset-title",
            robots="User-agent: *\nDisallow: /c/portal/\nDisallow: /group/\n",
            validators=False,
            layout={
                "title": "div.journal-content-article h3.title",
                "lead": "div.journal-content-article div.summary",
                "body": "div.journal-content-article div.content",
                "remove": ["p.caption", "p.source", "p.author"],
                "authors": "div.journal-content-article p.author",
                "published": "div.journal-content-article span.publish-date",
                "credit": "div.journal-content-article p.source",
            },
            menu=("Giới thiệu", "Tin tức - Sự kiện", "Văn bản", "Thủ tục hành chính", "Công khai ngân sách", "Hỏi đáp", "Sơ đồ cổng"),
        ),
        Outlet(
            id="tin-gop",
            name="Tin Gộp 247",
            kind="newspaper",
            template="copy_site.html",
            address="/{year}/{month}/{slug}/",
            pattern=r"^/[0-9a-z-]+/\d+/[^/]+/$",
            discovery="feed",
            robots="User-agent: *\nDisallow: /wp-admin/\n",
            menu=("Home", "Tin hot", "Đời sống", "Khuyến mãi", "Xổ số", "Liên hệ"),
        ),
        Outlet(
            id="dien-dan",
            name="Diễn đàn Quê Mình",
            kind="forum",
            template="forum.html",
            address="/chu-de/{slug}.{number}/",
            pattern=r"^/chu-de/.+\.\d+/$",
            discovery="listing",
            listing_size=30,
            links="a.thread-title",
            robots="User-agent: *\nCrawl-delay: 1\nDisallow: /thanh-vien/\n",
            layout={
                "title": "h1.p-title",
                "body": "article.first-post .bbWrapper",
                "authors": "article.first-post a.username",
                "published": "article.first-post time",
            },
            menu=("Diễn đàn", "Bài mới", "Thành viên", "Nội quy"),
        ),
    )
}
"""Every outlet by its id."""


def number_of(key: str) -> int:
    """A number for an address, the same for the same key on every machine."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 9_000_000 + 1_000_000


def same_address(path: str) -> str:
    """The form in which two spellings of one path are equal: percent signs undone, no empty value at the end."""
    return unquote(path).removesuffix("=")


def colour(slug: str) -> str:
    """The colour of the picture called `slug`."""
    return PALETTE[number_of(slug) % len(PALETTE)]


def picture(slug: str) -> str:
    """A drawn picture (SVG) for an article: water, sky and a sun, coloured by its slug."""
    shade, sun = colour(slug), 80 + number_of(slug) % 480
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" width="640" height="360">'
        f'<rect width="640" height="360" fill="{shade}" opacity=".28"/><circle cx="{sun}" cy="110" r="42" fill="#f2c14e"/>'
        f'<path d="M0 230 Q80 205 160 230 T320 230 T480 230 T640 230 V360 H0Z" fill="{shade}" opacity=".75"/>'
        f'<path d="M0 275 Q80 250 160 275 T320 275 T480 275 T640 275 V360 H0Z" fill="{shade}"/>'
        '<path d="M230 232 h150 l-26 30 h-98z" fill="#2b2b2b" opacity=".7"/></svg>'
    )


def long_date(moment: datetime | None) -> str:
    """The date in words, as a broadcaster's page prints it."""
    if moment is None:
        return ""
    local = moment.astimezone(VIETNAM)
    return f"{WEEKDAYS[local.weekday()]}, ngày {local.day} tháng {local.month} năm {local.year}, {local.hour:02d}:{local.minute:02d}"


def local_date(moment: datetime | None, pattern: str) -> str:
    """`moment` in Vietnam's time by a strftime pattern; empty without a moment."""
    return moment.astimezone(VIETNAM).strftime(pattern) if moment else ""


def iso_date(moment: datetime | None) -> str:
    """`moment` in ISO 8601 with Vietnam's offset; empty without a moment."""
    return moment.astimezone(VIETNAM).isoformat(timespec="seconds") if moment else ""


PAGES.filters.update(long_date=long_date, date=local_date, iso=iso_date)


def render_article(outlet: Outlet, base: str, text: Text, neighbours: Sequence[Text], visits: int) -> str:
    """The HTML page of an article.

    Args:
        outlet: whose page it is.
        base: the outlet's address without a slash at the end.
        text: the article.
        neighbours: older articles of the outlet, for the boxes of related links.
        visits: what the page's visitor counter shows, where it has one.
    """
    url = base + outlet.path(text)
    section = SECTIONS[text.topic]
    metadata = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": {"@type": "WebPage", "@id": url},
        "headline": text.title,
        "description": text.lead,
        "image": {"@type": "ImageObject", "url": f"{base}/anh/{text.slug}.svg"},
        "datePublished": iso_date(text.published_at),
        "dateModified": iso_date(text.modified_at or text.published_at),
        "author": [{"@type": "Person", "name": author} for author in text.authors],
        "publisher": {"@type": "Organization", "name": outlet.name},
        "articleSection": section[0],
        "keywords": list(text.tags),
    }
    return PAGES.get_template(outlet.template).render(
        outlet=outlet,
        base=base,
        url=url,
        text=text,
        section=section,
        # "</" would end the script element that holds it.
        metadata=json.dumps(metadata, ensure_ascii=False).replace("</", "<\\/"),
        neighbours=[(base + outlet.path(other), other) for other in neighbours],
        visits=visits,
    )


def render_front(outlet: Outlet, base: str, texts: Sequence[tuple[str, Text]], page: int, pages: int, visits: int) -> str:
    """A page that lists articles (`url`, text), newest first; `page` of `pages`, counted from 1."""
    return PAGES.get_template("front.html").render(outlet=outlet, base=base, entries=texts, page=page, pages=pages, visits=visits)


def render_feed(outlet: Outlet, base: str, texts: Sequence[tuple[str, Text]], built: datetime) -> str:
    """The RSS 2.0 feed of (`url`, text)."""
    return PAGES.get_template("feed.xml").render(outlet=outlet, base=base, entries=texts, built=format_datetime(built), rfc=format_datetime)


def render_sitemap(outlet: Outlet, texts: Sequence[tuple[str, Text]]) -> str:
    """The news sitemap of (`url`, text)."""
    return PAGES.get_template("news-sitemap.xml").render(outlet=outlet, entries=texts)


def source_table(outlet: Outlet, base: str, pages: int) -> dict[str, Any]:
    """The outlet's entry for `config/sources/`.

    Args:
        outlet: the outlet.
        base: its address without a slash at the end.
        pages: number of its listing pages.
    """
    table: dict[str, Any] = {
        "name": outlet.name,
        "domain": urlsplit(base).hostname or "",
        "homepage": f"{base}/",
        "kind": outlet.kind,
        "province": "Đồng Tháp",
        "evidence": "an invented outlet of the demonstration, served by this machine",
        "article_pattern": outlet.pattern,
        "delay": 0.05,
        "recrawl_hours": 0,
    }
    if outlet.discovery == "feed":
        table["feeds"] = [f"{base}/rss/home.rss"]
    elif outlet.discovery == "sitemap":
        table["sitemaps"] = [f"{base}/news-sitemap.xml"]
    else:
        table["listings"] = [{"url": base + listing_path(number), "links": outlet.links} for number in range(1, pages + 1)]
    if outlet.layout:
        table["layout"] = [dict(outlet.layout)]
    return table


def listing_path(number: int) -> str:
    """Path of the listing page with this number, counted from 1."""
    return "/tin-moi" if number == 1 else f"/tin-moi?trang={number}"
