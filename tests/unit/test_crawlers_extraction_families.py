"""A new outlet of a known content system needs no selectors: its class names are enough."""

from __future__ import annotations

import pytest

from crawlers.extraction import extract
from crawlers.extraction.families import FAMILIES
from crawlers.extraction.page import Page

TITLE = "Xã ven sông gia cố đê bao trước mùa nước lên"
LEAD = "Đoạn đê dài hai cây số được gia cố xong trước khi nước sông lên cao, hơn ba trăm hộ dân yên tâm sản xuất."
TEXT = [
    f"Đoạn {number}: người dân và bộ đội đắp thêm {number * 40} mét đê bằng cừ tràm và đất sét lấy từ bãi bồi cách đó không xa."
    for number in range(1, 6)
]
CAPTION = "Bộ đội đắp đê sáng nay ở ấp Mỹ Hòa"
RELATED = "Miền Tây chủ động sống chung với lũ trong những năm tới"
AUTHOR = "Trần Văn Mẫu"


def body(box: str, end: str = "", picture: str = "") -> str:
    parts = [f"<p>{text}</p>" for text in TEXT]
    return "".join([*parts[:2], picture, *parts[2:4], box, *parts[4:], end])


FIGURE = f"<figure><img src=/1.jpg width=800><figcaption>{CAPTION}</figcaption></figure>"
RIGHT = f"<p align=right><strong>{AUTHOR}</strong></p>"

PAGES = {
    "vccorp": f"<h1 class=title>{TITLE}</h1><span class=pdate>20-11-2026 - 07:15 AM</span><p class=sapo>{LEAD}</p>"
    "<div class='detail-content afcbc-body'><div class=chisochungkhoan>VNI 1.700</div>"
    + body(f"<div id=listNewsInContent><a href=/x>{RELATED}</a></div>", RIGHT, FIGURE)
    + "</div>",
    "zce-cms": f"<h1 class='article__title cms-title'>{TITLE}</h1><meta class=cms-date content='2026-11-20T07:15:48+0700'>"
    f"<div class='article__sapo cms-desc'>{LEAD}</div><div class='article__body zce-content-body cms-body' itemprop=articleBody>"
    + body(f"<div class=related-news><article class=story><h2>{RELATED}</h2></article></div>", RIGHT, FIGURE)
    + "</div>",
    "hemera": f"<div class=b-maincontent><div class=sc-longform-header><h1 class='sc-longform-header-title'>{TITLE}</h1>"
    f"<span class=sc-longform-header-date>20/11/2026 - 07:15</span><p class=sc-longform-header-sapo>{LEAD}</p></div><article class=entry>"
    + body(f"<div class=c-box><div>Bài liên quan</div><a href=/x>{RELATED}</a></div>", RIGHT, FIGURE)
    + "</article></div>",
    "mastercms": f"<h1 class=detail-title>{TITLE}</h1><div class=meta><span class=datetime><span class=format_time>07:15</span> | "
    f"<span class=format_date>20/11/2026</span></span></div><p class=detail-sapo>{LEAD}</p>"
    "<div class='category article-content __MASTERCMS_CONTENT __MB_CONTENT_FOR_PRINTER'><div class=item-content>"
    + body("", "", f"<table class=MASTERCMS_TPL_TABLE><tr><td><img src=/1.jpg></td></tr><tr><td>{CAPTION}</td></tr></table>")
    + f"</div>{RIGHT}</div><div class=main-cate><span class=cat-name>Có liên quan</span><ul><li><a href=/x>{RELATED}</a></li></ul></div>",
    "bnews": f"<h1 class=font-42>{TITLE}</h1><div class=time>07:15 20/11/2026</div><div class=lr-ct><div class=lr-summary-post>{LEAD}</div>"
    + body(f"<div class=editor_inpage>{RELATED}</div>", "", f"<div class=insertImage><img src=/1.jpg><p>{CAPTION}</p></div>")
    + f"<div class=lr-author>{AUTHOR}</div></div>",
    "vneconomy": f"<h1 class=article-header__title>{TITLE}</h1><div class=article-meta__author><span>T</span> {AUTHOR} "
    "<time class=article-meta__time>07:15, 20/11/2026</time></div>"
    f"<main id=article-editor><h4 class=article-content__lead>{LEAD}</h4>"
    + body(f"<section><a href=/x>{RELATED}</a></section>", "", FIGURE)
    + "</main>",
    "cms-body": f"<h1 class='article__header cms-title'>{TITLE}</h1><time class=time>20/11/2026 07:15</time>"
    f"<a class=cms-author>{AUTHOR}</a><div class='article__sapo cms-desc'>{LEAD}</div>"
    "<div class='article__body cms-body' itemprop=articleBody>" + body(f"<div class=ads_middle>{RELATED}</div>", "", FIGURE) + "</div>",
    "vietnambiz": f"<h1 class=vnbcb-title>{TITLE}</h1><span class='vnbcba-time time-detail'>07:15 | 20/11/2026</span>"
    f"<div class=vnbcbc-sapo>{LEAD}</div><div class=vnbcbc-body>"
    + body("", "", f"<div class=VnBizPreviewMode><figure><img src=/1.jpg><figcaption>{CAPTION}</figcaption></figure></div>")
    + f"</div><p class=author>{AUTHOR}</p><div class=vnbcbc-relate-box><a href=/x>{RELATED}</a></div>",
    "vietstock": f"<h1 class=article-title>{TITLE}</h1><div class=meta><span class=date>20/11/2026 07:15</span></div><div id=vst_detail>"
    f"<p class=pTitle>{TITLE}</p><p class=pHead>{LEAD}</p>"
    + body("", f"<p class=pAuthor>{AUTHOR}</p><p class=pSource>FILI</p>", f"<table class=img-content><tr><td>{CAPTION}</td></tr></table>")
    + f"<div class=article-sharing>{RELATED}</div></div>",
    "newscontents": f"<h1 class=detail-title>{TITLE}</h1><div class=date>20/11/2026 07:15</div><div class=detail-desc><p>{LEAD}</p></div>"
    "<div id=newscontents><div class=content-fck>"
    + body(f"<div class=tin-lien-quan><a href=/x>{RELATED}</a></div>", RIGHT, FIGURE)
    + "</div></div>",
    "laodong": f"<h1>{TITLE}</h1><span class=time>20/11/2026 07:15</span><div class=chappeau>{LEAD}</div><div id=gallery-ctt>"
    + body(f"<div class=tin-lien-quan><a href=/x>{RELATED}</a></div>", RIGHT, FIGURE)
    + "</div>",
}


@pytest.mark.parametrize("family", sorted(PAGES))
def test_a_page_of_the_family_is_read_by_it(family: str) -> None:
    html = f"<html><head><title>{TITLE} - Báo mới</title></head><body><div class=w>{PAGES[family]}</div></body></html>"
    found = extract(html.encode(), "https://bao-moi.example/xa-hoi/gia-co-de-bao-123.html")
    article = found.article
    assert found.problem is None
    assert f"family {family}" in found.detail
    assert article.title == TITLE
    assert article.lead == LEAD
    assert article.body.split("\n") == TEXT
    assert article.authors == [AUTHOR]
    assert article.published_at is not None
    assert article.published_at.isoformat() == "2026-11-20T00:15:00+00:00"


def test_every_selector_of_every_family_can_be_read() -> None:
    page = Page(b"<html><body><p>x</p></body></html>", "https://bao.example/")
    for family in FAMILIES:
        layout = family.layout
        for selector in (
            layout.title,
            layout.lead,
            layout.body,
            layout.authors,
            layout.published,
            layout.section,
            layout.credit,
            *layout.remove,
        ):
            if selector:
                page.check_selector(selector)
        assert family.evidence
        assert family.layout.body
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_paragraphs_that_are_bare_text_between_empty_ones() -> None:
    # BNews sets every second article so (measured in 2026: twan507/dulieuchungkhoan.vn docs/10-sources/news/article-structure.md).
    text = "<p></p>".join(TEXT)
    html = (
        f"<html><head><title>{TITLE}</title></head><body><time id=currentDate>23/11/2026 09:00</time><h1 class=font-42>{TITLE}</h1>"
        f"<div class=lr-ct><!--lr-ct--><div class=lr-summary-post>BNEWS {LEAD}</div>{text}"
        "<div class=lr-author>Văn Giáp/Bnews/vnanet.vn</div></div></body></html>"
    )
    article = extract(html.encode(), "https://bnews.vn/gia-co-de-bao/435525.html").article
    assert article.body.split("\n") == TEXT
    assert article.authors == ["Văn Giáp"]
    assert article.published_at is None


def test_a_line_that_led_to_another_article_ends_as_a_sentence() -> None:
    more = f"<p>{TEXT[0][:-1]}..>> <a class=cms-relate href=/x>Chi tiết</a></p><p>{TEXT[1]}</p><p>{TEXT[2]}</p>"
    html = (
        f"<html><head><title>{TITLE}</title></head><body><h1 class=article__header>{TITLE}</h1><div class=article__sapo>{LEAD}</div>"
        f"<div class='article__body cms-body'>{more}</div></body></html>"
    )
    assert extract(html.encode(), "https://bao.example/24h-post1.html").article.body.split("\n") == TEXT[:3]
