"""Articles on several pages, and the other addresses of one page."""

from __future__ import annotations

import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.extraction import Extracted, extract, join
from crawlers.extraction.parts import numbered
from diembao.fates import Fate
from diembao.source import Source

PARAGRAPHS = [
    f"Đoạn {number}: nước lên thêm {number * 3} phân ở trạm thứ {number}, người dân ven sông được báo tin qua loa của ấp."
    for number in range(1, 13)
]
LEAD = "Nước sông Tiền lên nhanh trong ba ngày qua, nhiều địa phương phải gia cố đê và di dời dân khỏi vùng trũng."
URL = "https://bao.example/thoi-su/nuoc-song-tien-len-nhanh-4567.html"


def page(
    number: int, links: str = "", *, url: str = URL, head: str = "", source: Source | None = None, byline: str = "", size: int = 4
) -> Extracted:
    part = "".join(f"<p>{text}</p>" for text in PARAGRAPHS[(number - 1) * size : number * size])
    text = (
        f"<html lang=vi><head><meta charset=utf-8><title>Nước sông Tiền lên nhanh - Báo Mẫu</title>{head}</head><body>"
        f"<h1>Nước sông Tiền lên nhanh</h1><div class=date>12/10/2024 08:15</div><h2 class=sapo>{LEAD}</h2>"
        f"<div class=noidung>{part}{byline}</div>{links}</body></html>"
    )
    return extract(text.encode(), url, source)


@pytest.mark.parametrize(
    ("url", "links", "following"),
    [
        (URL, "<div class=paging><b>1</b> <a href='?page=2'>2</a> <a href='?page=3'>3</a></div>", URL + "?page=2"),
        (URL + "?page=2", "<div class=paging><a href='?page=1'>1</a> <a href='?page=3'>3</a></div>", URL + "?page=3"),
        (URL, f"<a rel=next href='{URL[:-5]}-p2.html'>Đọc tiếp</a>", f"{URL[:-5]}-p2.html"),
        (URL, f"<ul class=pager><li><a href='{URL[:-5]}/trang-2.html'>Trang sau</a></li></ul>", f"{URL[:-5]}/trang-2.html"),
        (URL[:-5] + "/", f"<div>Trang: <a href='{URL[:-5]}/2/'>2</a></div>", URL[:-5] + "/2/"),
        (URL[:-5] + "/2/", f"<div>Trang: <a href='{URL[:-5]}/'>1</a> <a href='{URL[:-5]}/3/'>3</a></div>", URL[:-5] + "/3/"),
    ],
)
def test_where_an_article_goes_on(url: str, links: str, following: str) -> None:
    assert page(1, links, url=url).further_pages[0] == following


def test_all_further_pages_that_are_named_are_known_and_a_later_page_knows_the_first() -> None:
    numbers = "".join(f"<a href='?page={number}'>{number}</a> " for number in (2, 3, 12))
    links = f"<div class=paging><b>1</b> {numbers}<a href='?page=9'>Trang sau</a></div>"
    assert page(1, links).further_pages == tuple(f"{URL}?page={number}" for number in (2, 3, 12))
    assert page(1, links).first_page == ""
    back = f"<div class=paging><a href='{URL}'>1</a> <b>2</b> <a href='?page=3'>3</a></div>"
    second = page(2, back, url=URL + "?page=2")
    assert (second.first_page, second.further_pages) == (URL, (URL + "?page=3",))
    assert page(2, "<a href='?page=1'>Trang trước</a>", url=URL + "?page=2").first_page == URL
    assert page(2, head=f"<link rel=canonical href='{URL}'>", url=URL + "?page=2").first_page == URL
    assert page(2, "<a href='/thoi-su/bai-khac-12.html'>1</a>", url=URL + "?page=2").first_page == ""


def test_a_link_in_the_head_counts() -> None:
    assert page(1, head="<link rel=next href='?trang=2'>").further_pages == (URL + "?trang=2",)


@pytest.mark.parametrize(
    "links",
    [
        "",
        "<a rel=next href='/thoi-su/mot-bai-khac-4568.html'>Bài tiếp theo</a>",
        "<a href='?page=1'>1</a>",
        "<a href='?page=7'>7</a>",
        "<a href='/thoi-su/trang-2'>Trang sau</a>",
        "<a href='https://khac.example/thoi-su/nuoc-song-tien-len-nhanh-4567.html?page=2'>2</a>",
        "<div class=comment-list><a href='?page=2'>2</a></div>",
        "<a href='?cpage=2'>2</a> <a href='#2'>2</a> <a href='javascript:next(2)'>2</a>",
        "<a href='?page=2'>Hai trang tin khác về tình hình lũ ở miền Tây</a>",
        "<a href='//[broken/?page=2'>2</a>",
    ],
)
def test_what_is_no_further_page_of_the_article(links: str) -> None:
    assert page(1, links).further_pages == ()


def test_the_number_of_an_article_is_not_the_number_of_a_page() -> None:
    assert page(1, "<link rel=next href='/tin/13'><a href='/tin/13'>13</a>", url="https://bao.example/tin/12").further_pages == ()


def test_there_is_an_end_to_it_and_threads_have_none() -> None:
    links = "<a href='?page=21'>21</a>"
    assert page(1, links, url=URL + "?page=20").further_pages == ()
    forum = Source(id="f", name="F", domain="bao.example", kind="forum", enabled=False)
    assert page(1, "<a rel=next href='?page=2'>2</a>", source=forum).further_pages == ()


def test_pages_become_one_article() -> None:
    found = join(page(1), [page(2), page(3, byline="<p style='text-align:right'><b>Trần Văn Mẫu</b></p>")])
    assert found.article.body.split("\n") == PARAGRAPHS
    assert found.article.lead == LEAD
    assert found.article.authors == ["Trần Văn Mẫu"]
    assert found.article.url == URL
    assert (found.problem, found.further_pages) == (None, ())


def test_what_every_page_repeats_stands_once() -> None:
    box = "Cảnh báo của cơ quan khí tượng: mực nước còn lên, người dân theo dõi tin báo hằng giờ trên loa."
    first, second = (extract(_boxed(number, box).encode(), f"{URL}?page={number}") for number in (1, 2))
    assert join(first, [second]).article.body.count(box) == 1


def _boxed(number: int, box: str) -> str:
    part = "".join(f"<p>{text}</p>" for text in PARAGRAPHS[(number - 1) * 4 : number * 4])
    title = "Nước sông Tiền lên nhanh"
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1><div class=nd><p>{box}</p>{part}</div></body></html>"


def test_two_short_pages_are_long_enough_together() -> None:
    first, second = page(1, size=1), page(2, size=1)
    assert first.problem is Fate.TOO_SHORT
    whole = join(first, [second])
    assert whole.problem is None
    assert whole.article.content_hash != first.article.content_hash


def test_amp_and_mobile_pages_belong_to_the_article() -> None:
    amp = extract(_with("<html amp>", "").encode(), "https://bao.example/amp/thoi-su/lu-4567.html")
    assert (amp.variant, amp.article.canonical_url) == ("amp", "https://bao.example/thoi-su/lu-4567.html")
    said = extract(_with("<html ⚡>", f"<link rel=canonical href='{URL}'>").encode(), "https://amp.bao.example/x-4567")
    assert (said.variant, said.article.canonical_url) == ("amp", URL)
    mobile = extract(_with("<html>", "").encode(), "https://m.bao.example/thoi-su/lu-4567.html")
    assert (mobile.variant, mobile.article.canonical_url) == ("mobile", "https://bao.example/thoi-su/lu-4567.html")
    plain = extract(_with("<html>", "").encode(), URL)
    assert (plain.variant, plain.article.canonical_url) == ("", "")


def test_a_canonical_address_that_is_the_front_page_is_not_believed() -> None:
    found = extract(_with("<html>", "<link rel=canonical href='https://bao.example/'>").encode(), URL)
    assert found.article.canonical_url == ""


def _with(root: str, head: str) -> str:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS[:5])
    title = "<meta charset=utf-8><title>Nước sông Tiền lên nhanh</title>"
    return f"<!doctype html>{root}<head>{title}{head}</head><body><h1>Nước sông Tiền lên nhanh</h1><div>{text}</div></body></html>"


def test_what_amp_puts_around_an_article_is_not_its_text() -> None:
    around = (
        "<amp-img src=/a.jpg width=800 height=500></amp-img><p class=amp-cap>Bờ sông sáng nay</p>"
        "<amp-list><div fallback>Không tải được tin liên quan</div></amp-list>"
    )
    found = extract(_with("<html amp>", "").replace("<div>", f"<div>{around}").encode(), "https://bao.example/amp/lu-4567.html")
    assert found.article.body.split("\n") == PARAGRAPHS[:5]


def test_a_headline_that_only_the_date_behind_it_tells() -> None:
    text = "<br><br>".join(PARAGRAPHS)
    others = "".join(f"- <a href=/t{n}>Xã số {n} tổ chức hội nghị tiếp xúc cử tri trước kỳ họp</a> (12/10)<br>" for n in range(5))
    portal = (
        "<html><head><title>:: TRANG THÔNG TIN ::</title></head><body><table><tr><td><a href=/>Trang chủ</a></td><td>"
        f"<span class=s1>Nước sông Tiền lên nhanh</span> <i>(Ngày 12/10/2024, 8 giờ 15)</i><br><br><b>{LEAD}</b><br><br>{text}"
        "<div align=right><b>Trần Văn Mẫu</b></div><br>"
        f"[Trở về] [In trang]<hr><b>CÁC TIN KHÁC:</b><br>{others}</td></tr></table></body></html>"
    )
    article = extract(portal.encode(), "https://xa.example/tin.asp?id=5").article
    assert article.title == "Nước sông Tiền lên nhanh"
    assert article.published_at is not None
    assert article.published_at.isoformat() == "2024-10-12T01:15:00+00:00"
    assert article.lead == LEAD
    assert article.authors == ["Trần Văn Mẫu"]
    assert article.body.split("\n") == PARAGRAPHS


ADDRESSES = st.one_of(
    st.text(max_size=40),
    st.from_regex(
        r"(?:https?://(?:[a-z]{1,3}\.)?bao\.example)?/[a-z0-9/-]{0,30}(?:\.html)?(?:\?[a-z]{1,4}=\d{1,3})?(?:#\w)?", fullmatch=True
    ),
)


@settings(deadline=None)
@given(ADDRESSES, ADDRESSES, st.sampled_from(["2", "Trang sau", "›", "Bài khác", ""]))
def test_any_link_is_the_next_page_or_it_is_not(href: str, canonical: str, text: str) -> None:
    links = f"<a rel=next href='{html_text(href)}'>{text}</a><a href='{html_text(href)}'>{text}</a>"
    found = page(1, links, head=f"<link rel=canonical href='{html_text(canonical)}'>")
    assert found.problem is None
    if found.further_pages:
        assert numbered(found.further_pages[0])[1] == 2
        assert all("://bao.example" in address for address in found.further_pages)
    assert join(found, [found]).article.body == found.article.body


def html_text(address: str) -> str:
    return html.escape(address, quote=True)


@pytest.mark.parametrize(
    "line", ["Bởi quantri 12/10/2024 - 08:15", "Đăng vào 12/10/2024 08:15 bởi Trần Văn Mẫu", "Trần Văn Mẫu 12/10/2024, 08:15 3 phút đọc"]
)
def test_the_line_of_name_and_date_is_no_text_and_the_lead_follows_it(line: str) -> None:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS[:5])
    page = (
        "<html><head><title>Nước sông Tiền lên nhanh - Báo Mẫu</title></head><body><div class=x><h1>Nước sông Tiền lên nhanh</h1>"
        f"<div>{line}</div><p><strong>{LEAD}</strong></p>{text}</div></body></html>"
    )
    article = extract(page.encode(), URL).article
    assert article.lead == LEAD
    assert article.body.split("\n") == PARAGRAPHS[:5]
    assert article.authors == (["Trần Văn Mẫu"] if "Mẫu" in line else [])
