"""Pages that are no plain article are recognised and named."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from crawlers.extraction import Extracted, PageKind, extract
from diembao.article import PageKindLabel
from diembao.fates import Fate

SENTENCES = (
    "Sáng nay nước trên sông Tiền dâng nhanh khiến nhiều tuyến đường ven bờ ngập sâu hơn nửa mét.",
    "Chính quyền xã đã huy động hơn một trăm người gia cố đoạn đê xung yếu dài gần hai cây số.",
    "Theo trạm thủy văn, mực nước còn có thể lên thêm hai mươi phân trong ba ngày tới.",
    "Trường học ở vùng trũng cho học sinh nghỉ, phụ huynh được báo tin qua điện thoại từ tối hôm trước.",
    "Ngành điện cắt điện tạm thời ở bốn ấp để bảo đảm an toàn cho người dân.",
    "Đến chiều, đội xung kích đã đưa bốn mươi hộ ra khỏi nơi nguy hiểm và lo chỗ ở tạm.",
)


def read(
    body: str, *, title: str = "Nước sông Tiền dâng nhanh, đê xung yếu được gia cố", head: str = "", path: str = "lu-123.html"
) -> Extracted:
    page = (
        f"<html lang=vi><head><meta charset=utf-8><title>{title} - Báo Mẫu</title>{head}</head><body><div class=m><a href=/>Trang chủ</a>"
        f"</div><h1>{title}</h1><div class=ngay>12/10/2024 08:15</div><div class=noidung>{body}</div></body></html>"
    )
    return extract(page.encode(), f"https://bao.example/{path}")


def ld(**fields: object) -> str:
    return f"<script type='application/ld+json'>{json.dumps(fields)}</script>"


def paragraphs(count: int = 6) -> str:
    return "".join(f"<p>{sentence}</p>" for sentence in SENTENCES[:count])


def stamped() -> str:
    return "".join(
        f"<p>{hour}h{minute:02}: {sentence}</p>" for hour, minute, sentence in zip((6, 7, 9, 10), (5, 30, 0, 45), SENTENCES, strict=False)
    )


def cards(count: int) -> str:
    return "<div class=ds>" + "".join(
        f"<div><h3><a href='/tin-{n}.html'>Tin số {n} về tình hình nước lũ ở các huyện</a></h3><p>{SENTENCES[n % 6]}</p></div>"
        for n in range(count)
    )


def test_running_text_is_an_article() -> None:
    found = read(paragraphs())
    assert (found.page_kind, found.problem) == (PageKind.ARTICLE, None)


@pytest.mark.parametrize(
    "found",
    [
        read(stamped(), title="Trực tiếp: Nước sông Tiền dâng nhanh, hàng trăm hộ phải di dời"),
        read(stamped(), title="Tường thuật trực tiếp lễ khai mạc hội chợ nông sản vùng đồng bằng"),
        read(f"<div class=live-blog>{stamped()}</div>"),
        read(paragraphs(), head=ld(**{"@type": "LiveBlogPosting", "headline": "Nước sông Tiền dâng nhanh, đê xung yếu được gia cố"})),
    ],
    ids=["title", "title-long", "class", "json-ld"],
)
def test_live_blog(found: Extracted) -> None:
    assert found.page_kind is PageKind.LIVE
    assert found.problem is None
    assert SENTENCES[0] in found.article.body


def test_a_report_that_names_two_times_is_no_live_blog() -> None:
    found = read(
        f"<p>8h30: {SENTENCES[0]}</p><p>9h00: {SENTENCES[1]}</p>{paragraphs(4)}", title="Trực tiếp hay gián tiếp đều phải chịu trách nhiệm"
    )
    assert found.page_kind is PageKind.ARTICLE


@pytest.mark.parametrize(
    "invitation",
    [
        "<div class=box>Đăng nhập để đọc tiếp nội dung này</div>",
        "<div class=box>Vui lòng đăng ký gói Premium để đọc toàn bộ bài viết</div>",
        "<p>Bài viết này chỉ dành cho thành viên trả phí.</p>",
        "<p>Bạn đã đọc hết 5 bài viết miễn phí trong tháng.</p>",
        "<div class='premium-lock'><span>Mở khóa</span></div>",
    ],
)
def test_the_free_beginning_of_a_paid_article(invitation: str) -> None:
    found = read(paragraphs(3) + invitation)
    assert found.page_kind is PageKind.TEASER
    assert "Premium" not in found.article.body
    assert "trả phí" not in found.article.body


def test_paid_by_its_own_word() -> None:
    head = ld(**{"@type": "NewsArticle", "headline": "Nước sông Tiền dâng nhanh, đê xung yếu được gia cố", "isAccessibleForFree": False})
    assert read(paragraphs(3), head=head).page_kind is PageKind.TEASER


def test_a_login_for_comments_is_no_paywall_and_neither_is_a_whole_text() -> None:
    comment = "<div class=comment-box><p>Đăng nhập để đọc tiếp toàn bộ bình luận</p></div>"
    assert read(paragraphs() + comment).page_kind is PageKind.ARTICLE
    whole = "".join(f"<p>{number}. {sentence}</p>" for number in range(6) for sentence in SENTENCES)
    assert read(whole + "<div>Đăng nhập để đọc tiếp nội dung này</div>").page_kind is PageKind.ARTICLE


def test_a_film_with_a_few_words() -> None:
    film = "<iframe src='https://www.youtube.com/embed/abc'></iframe>"
    found = read(f"{film}<p>{SENTENCES[0]}</p>", path="video/nuoc-len-nhanh-55.html")
    assert found.page_kind is PageKind.VIDEO
    assert found.problem is Fate.TOO_SHORT
    assert found.detail.startswith("a video page")
    assert read(f"{film}{paragraphs(3)}", head=ld(**{"@type": "VideoObject", "name": "x"})).page_kind is PageKind.VIDEO


def test_a_film_inside_an_article_leaves_it_an_article() -> None:
    assert read(paragraphs() * 3 + "<video src=/a.mp4></video>").page_kind is PageKind.ARTICLE
    advertised = read(paragraphs() + "<iframe src='https://ads.example/banner?id=5'></iframe>")
    assert advertised.page_kind is PageKind.ARTICLE


def test_pictures_with_captions() -> None:
    pictures = "".join(
        f"<figure><img src='/{number}.jpg' width=900><figcaption>{sentence}</figcaption></figure>"
        for number, sentence in enumerate(SENTENCES)
    )
    found = read(pictures, path="photo/nuoc-lu-9.html")
    assert found.page_kind is PageKind.GALLERY
    assert SENTENCES[2] in found.article.body
    assert len(found.article.images) == 6


def test_a_section_page_is_a_listing_and_no_article() -> None:
    found = read(cards(14) + "</div>", title="Thời sự", path="thoi-su")
    assert found.page_kind is PageKind.LISTING
    assert found.problem is Fate.NOT_ARTICLE
    topic = read(
        f"<p>{SENTENCES[0]} {SENTENCES[1]} {SENTENCES[2]}</p>{cards(12)}</div>",
        head=ld(**{"@type": "CollectionPage"}),
        path="chu-de/lu-lut",
    )
    assert (topic.page_kind, topic.problem) == (PageKind.LISTING, Fate.NOT_ARTICLE)


def test_an_article_above_many_cards_stays_one() -> None:
    found = read(paragraphs() + cards(30) + "</div>")
    assert (found.page_kind, found.problem) == (PageKind.ARTICLE, None)


def test_a_short_notice_of_a_portal_without_a_date_is_no_listing() -> None:
    title = "Thông báo lịch tiếp công dân của Chủ tịch Ủy ban nhân dân xã"
    page = (
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1><div class=nd>{paragraphs(6)}{paragraphs(3)}</div>"
        f"{cards(20)}</div></body></html>"
    )
    found = extract(page.encode(), "https://xa.example/thong-bao")
    assert found.article.published_at is None
    assert (found.page_kind, found.problem) == (PageKind.ARTICLE, None)


def test_the_article_says_of_what_kind_its_page_is() -> None:
    """The words of the room for extraction are those that an Article may have."""
    assert {str(kind) for kind in PageKind} | {""} == set(get_args(PageKindLabel))
    live = read(stamped(), title="Trực tiếp: Nước sông Tiền dâng nhanh")
    assert live.article.page_kind == live.article.to_record()["page_kind"] == "live"
    unreadable = extract(b"", "https://bao.example/a.html")
    assert (unreadable.article.page_kind, unreadable.page_kind) == ("", None)
