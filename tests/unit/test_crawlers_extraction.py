"""Extraction, part by part, and what must not break it."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, date, datetime

import pytest

from crawlers.extraction import extract
from crawlers.extraction.article import LayoutMismatchError, maybe, need
from crawlers.extraction.bylines import read_byline
from crawlers.extraction.dates import read_machine, read_printed
from crawlers.extraction.decoding import decode
from crawlers.extraction.families import FAMILIES
from crawlers.extraction.general import find_body
from crawlers.extraction.page import Page
from diembao.fates import Fate
from diembao.source import Layout, Source

URL = "https://bao.example/xa-hoi/bai-1.html"
PARAGRAPHS = (
    "Sáng nay, đoàn kiểm tra của huyện đến xem con đê bao ở ấp Phú Hòa và ghi nhận ba đoạn bị sạt lở.",
    "Ông Trần Văn Bảy, người dân sống gần bờ kênh, cho biết nước dâng nhanh từ nửa đêm, bà con phải dùng bao cát.",
    "Theo phòng nông nghiệp, khoảng hai mươi héc-ta vườn cây có nguy cơ ngập nếu không gia cố kịp thời.",
)
BODY = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)


def page(inner: str, head: str = "") -> bytes:
    return f"<html><head><meta charset=utf-8>{head}</head><body>{inner}</body></html>".encode()


def source(**fields: object) -> Source:
    return Source.model_validate({"id": "thu", "name": "Báo Thử", "domain": "bao.example", "feeds": ["https://bao.example/rss"], **fields})


@pytest.mark.parametrize(
    ("text", "utc", "precision"),
    [
        ("Thứ năm, 27/08/2020 09:31", "2020-08-27T02:31", "minute"),
        ("26-12-2012", "2012-12-25T17:00", "day"),
        ("3:05 PM, 24.12.2012", "2012-12-24T08:05", "minute"),
        ("Ngày 10-01-2021", "2021-01-09T17:00", "day"),
        ("Thứ tư, 22/10/2025, 19:25 (GMT+7)", "2025-10-22T12:25", "minute"),
        ("Cập nhật thứ hai, ngày 24/12/12 11:05 tối", "2012-12-24T16:05", "minute"),
        ("15:20 PM | 21/12/2012", "2012-12-21T08:20", "minute"),
        ("14/12/12 at 16:18", "2012-12-14T09:18", "minute"),
        ("Thứ Hai, 24/12/2012, 03:04 AM (GMT+7)", "2012-12-23T20:04", "minute"),
        ("Ngày 5 tháng 3 năm 2019, 7 giờ 30", "2019-03-05T00:30", "minute"),
        ("08h15' ngày 01/02/2018", "2018-02-01T01:15", "minute"),
        ("12:30 SA 01/02/2018", "2018-01-31T17:30", "minute"),
        ("Tháng Mười Hai 26, 2012 8:05 sáng", "2012-12-26T01:05", "minute"),
        ("26 Tháng Tư, 2017", "2017-04-25T17:00", "day"),
        ("26 Th12 2012 - 18:20", "2012-12-26T11:20", "minute"),
        ("2020-08-27 09:31:22", "2020-08-27T02:31", "minute"),
    ],
)
def test_printed_dates(text: str, utc: str, precision: str) -> None:
    found = read_printed(text)
    assert found is not None
    assert (found.moment.strftime("%Y-%m-%dT%H:%M"), found.precision) == (utc, precision)


@pytest.mark.parametrize(
    "text", ["", "không có ngày", "31/02/2020", "tỷ số 2-1", "điện thoại 0909.123.456", "00/00/0000", "01/01/1970", "5/5/3020"]
)
def test_what_is_no_date(text: str) -> None:
    assert read_printed(text) is None


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("2025-10-22T19:25:52+07:00", "2025-10-22T12:25"),
        ("2025-10-22T12:25:52Z", "2025-10-22T12:25"),
        ("2025-10-22T12:25:52.123+0000", "2025-10-22T12:25"),
        ("2025-10-22T19:25", "2025-10-22T12:25"),
        ("1761135952", "2025-10-22T12:25"),
        ("1761135952000", "2025-10-22T12:25"),
    ],
)
def test_machine_dates(value: str, utc: str) -> None:
    found = read_machine(value)
    assert found is not None
    assert found.moment.strftime("%Y-%m-%dT%H:%M") == utc


@pytest.mark.parametrize("value", ["", "gần đây", "0001-01-01T00:00:00", "1970-01-01T00:00:00Z", "2025-13-40", "9999-12-31T23:59:59-23:59"])
def test_what_is_no_machine_date(value: str) -> None:
    assert read_machine(value) is None


@pytest.mark.parametrize(
    ("line", "authors", "credits"),
    [
        ("Quang Phong - Tùng Nguyên", ["Quang Phong", "Tùng Nguyên"], []),
        ("Lan Anh, Minh Đức", ["Lan Anh", "Minh Đức"], []),
        ("Theo Sầm Hoa (Vietnamnet/Reuters)", ["Sầm Hoa"], ["Vietnamnet/Reuters"]),
        ("Theo Minh Nguyễn/Vcamp.vn", ["Minh Nguyễn"], ["Vcamp.vn"]),
        ("Theo Infonet", [], ["Infonet"]),
        ("Nguồn: Báo Hậu Giang", [], ["Báo Hậu Giang"]),
        ("(Theo Dân trí)", [], ["Dân trí"]),
        ("Hà Anh (Theo Telegraph)", ["Hà Anh"], ["Telegraph"]),
        ("Tin, ảnh: Vũ Phương Thảo", ["Vũ Phương Thảo"], []),
        ("Bài và ảnh: K. Miên", ["K. Miên"], []),
        ("Bài: Hoài Nam - Ảnh: Đức Minh", ["Hoài Nam"], []),
        ("Ảnh: Đức Minh", [], []),
        ("Nhóm PV", ["Nhóm PV"], []),
        ("TTXVN", [], ["TTXVN"]),
        ("Thu Hằng (tổng hợp)", ["Thu Hằng"], []),
    ],
)
def test_bylines(line: str, authors: list[str], credits: list[str]) -> None:  # noqa: A002 - the word of the field
    found = read_byline(line)
    assert found is not None
    assert (found.authors, found.credits) == (authors, credits)


@pytest.mark.parametrize(
    "line",
    [
        "Huyện đã huy động năm mươi người.",
        "Theo ông Bảy, nước dâng nhanh từ nửa đêm và bà con phải dùng bao cát chặn tạm",
        "",
        "Vì sao?",
        "1.200 đồng",
    ],
)
def test_what_is_no_byline(line: str) -> None:
    assert read_byline(line) is None


@pytest.mark.parametrize(
    ("end", "authors", "credited"),
    [
        ("<p>Nguyễn Hường</p>", ["Nguyễn Hường"], None),
        ('<p style="text-align:right">PV</p>', ["PV"], None),
        ("<p>(Theo Vnmedia)</p>", [], "Vnmedia"),
        ("<p><b>Hà Anh</b> (<i>Theo Telegraph</i>)</p>", ["Hà Anh"], "Telegraph"),
        ("<p align=right><b>Lê Nguyễn</b>/ Theo Infonet</p>", ["Lê Nguyễn"], "Infonet"),
        ("<p>Ảnh: Minh Đức</p><p>Thanh Tùng</p>", ["Thanh Tùng"], None),
        ("<p><strong>Thanh Tùng - Ảnh: Minh Đức</strong></p>", ["Thanh Tùng"], None),
        ("<p>Mời độc giả xem video:</p><p><strong>Hoàng Lan</strong></p>", ["Hoàng Lan"], None),
        ("<p><strong>Hoàng Lan</strong></p><p>&gt;&gt; <a href=/x>Đê biển được nâng cấp</a></p>", ["Hoàng Lan"], None),
        ('<p>Nguồn: <a href="https://baochinhphu.vn/x.htm">https://baochinhphu.vn/x.htm</a></p>', [], "baochinhphu.vn"),
        ('<p style="text-align: right;">TTXVN/Vietnam+</p>', [], "TTXVN, Vietnam+"),
        ('<p class="source">Theo <a href="http://dantri.com.vn">Dân trí</a></p>', [], "Dân trí"),
        ("<p>Trần Phương (Dịch từ Telegraph)</p>", ["Trần Phương"], None),
        ("<p><b>T.N.Đ.</b></p>", ["T.N.Đ."], None),
        ("<p><b>Phóng viên Nguyễn Lan - Trần Hải</b></p>", ["Nguyễn Lan", "Trần Hải"], None),
        ("<p>CTV Nguyễn Lan/VOV-ĐBSCL</p>", ["Nguyễn Lan"], "VOV"),
        ("<p><em>Theo </em><b>Thu Hằng</b><br>Trí Thức Trẻ</p>", ["Thu Hằng"], "Trí Thức Trẻ"),
        ("<p><i>Mọi thông tin xin gửi về email: bandoc@bao.example hoặc điện thoại 0000 000 000.</i></p>", [], None),
    ],
)
def test_how_articles_end(end: str, authors: list[str], credited: str | None) -> None:
    article = extract(page(f"<h1>{HEADLINE}</h1><div class=noidung>{BODY}{end}</div>"), URL).article
    assert article.authors == authors
    assert (article.credited_source.name if article.credited_source else None) == credited
    assert article.body == "\n".join(PARAGRAPHS)


@pytest.mark.parametrize(
    "picture",
    [
        "<p><img src=a.jpg></p><p>Bà con đắp đê giữa đêm</p>",
        "<p><img src=a.jpg><br><em>Bà con đắp đê giữa đêm. Ảnh: CTV</em></p>",
        "<p align=center><img src=a.jpg></p><p align=center>Bà con đắp đê giữa đêm.</p>",
        "<div class=hinh><img src=a.jpg><p>Bà con đắp đê giữa đêm.</p></div>",
        "<figure><img src=a.jpg><figcaption>Bà con đắp đê giữa đêm.</figcaption></figure>",
        "<table><tr><td><img src=a.jpg></td></tr><tr><td>Bà con đắp đê giữa đêm.</td></tr></table>",
        "<div><img src=a.jpg></div><div style='font-style: italic'>Bà con đắp đê giữa đêm.</div>",
    ],
)
def test_captions_are_not_text(picture: str) -> None:
    article = extract(page(f"<h1>{HEADLINE}</h1><div class=noidung><p>{PARAGRAPHS[0]}</p>{picture}{BODY}</div>"), URL).article
    assert article.body == "\n".join([PARAGRAPHS[0], *PARAGRAPHS])
    assert article.images == ["https://bao.example/xa-hoi/a.jpg"]


def test_a_paragraph_or_heading_below_a_picture_stays() -> None:
    below = f"<p><img src=a.jpg></p><p>{PARAGRAPHS[1]}</p><p><img src=b.jpg></p><p><strong>Cần làm sớm</strong></p><p>{PARAGRAPHS[2]}</p>"
    article = extract(page(f"<h1>{HEADLINE}</h1><div class=noidung><p>{PARAGRAPHS[0]}</p>{below}</div>"), URL).article
    assert article.body.split("\n") == [PARAGRAPHS[0], PARAGRAPHS[1], "Cần làm sớm", PARAGRAPHS[2]]


def test_a_last_line_that_is_a_sentence_stays() -> None:
    end = "<p><strong>Cần làm sớm</strong></p><p>Các xã ven kênh được yêu cầu trực ban suốt đêm.</p>"
    article = extract(page(f"<h1>{HEADLINE}</h1><div class=noidung>{BODY}{end}</div>"), URL).article
    assert article.body.split("\n")[-2:] == ["Cần làm sớm", "Các xã ven kênh được yêu cầu trực ban suốt đêm."]
    assert article.authors == []


def test_a_site_is_not_its_own_author() -> None:
    found = extract(page(f"<h1>Gia cố đê bao trước mùa lũ</h1>{BODY}<p align=right><b>Báo Thử</b></p>"), URL, source())
    assert found.article.authors == []


def windows_1258(text: str) -> bytes:
    raw = bytearray()
    for letter in text:
        parts = unicodedata.normalize("NFD", letter)
        tones = [part for part in parts if part in "\u0300\u0301\u0303\u0309\u0323"]
        rest = unicodedata.normalize("NFC", "".join(part for part in parts if part not in tones))
        raw += (rest + "".join(tones)).encode("cp1258")
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        ("Đê bao ở ấp Phú Hòa bị sạt lở".encode(), None),
        ("Đê bao ở ấp Phú Hòa bị sạt lở".encode(), "text/html; charset=iso-8859-1"),
        ("\ufeffĐê bao ở ấp Phú Hòa bị sạt lở".encode("utf-16"), None),
        ("Đê bao ở ấp Phú Hòa bị sạt lở".encode("utf-8-sig"), "text/html; charset=windows-1258"),
        (windows_1258("Đê bao ở ấp Phú Hòa bị sạt lở"), "text/html; charset=windows-1258"),
        (windows_1258("Đê bao ở ấp Phú Hòa bị sạt lở"), "text/html; charset=utf-8"),
        (windows_1258("Đê bao ở ấp Phú Hòa bị sạt lở"), "text/html; charset=iso-8859-1"),
        (windows_1258("Đê bao ở ấp Phú Hòa bị sạt lở"), None),
    ],
)
def test_charsets(raw: bytes, content_type: str | None) -> None:
    assert unicodedata.normalize("NFC", decode(raw, content_type)).strip("\ufeff") == "Đê bao ở ấp Phú Hòa bị sạt lở"


def test_viscii_is_read() -> None:
    assert decode(b"<meta charset=viscii>Vi\xaet Nam", None).endswith("Việt Nam")


@pytest.mark.parametrize("label", ["x-unknown", "base64", "utf-7", "idna", "undefined", ""])
def test_an_unusable_charset_label_is_passed_over(label: str) -> None:
    assert "caf" in decode(b"caf\xe9", f"text/html; charset={label}")


HEADLINE = "Gia cố đê bao ở ấp Phú Hòa trước đợt triều cường"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00\x00",
        b"<",
        b"<!-- only a comment -->",
        b"\xff\xfe\xfd" * 50,
        b"not html at all",
        b"<html><body>" + b"<div>" * 30,
        b"<?xml version='1.0' encoding='utf-16'?><html><body><p>x</p></body></html>",
        b"<html><head><script type='application/ld+json'>" + b"[" * 60_000 + b"</script></head><body>x</body></html>",
        b"<meta property='og:url' content='http://[broken'><base href='http://[x'><a href='http://[y'>z</a>",
    ],
)
def test_no_bytes_raise(raw: bytes) -> None:
    found = extract(raw, URL)
    assert found.problem in (Fate.PARSE_ERROR, Fate.NOT_ARTICLE, Fate.TOO_SHORT)
    assert found.article.url == URL
    json.dumps(found.article.to_record())


def test_deep_nesting() -> None:
    raw = page(f"<h1>{HEADLINE}</h1>" + "<div>" * 1_500 + BODY + "</div>" * 1_500)
    assert extract(raw, URL).article.body == "\n".join(PARAGRAPHS)


def test_nesting_deeper_than_the_parser_goes_has_a_named_end() -> None:
    raw = page(f"<h1>{HEADLINE}</h1>" + "<div>" * 50_000 + BODY)
    found = extract(raw, URL)
    assert (found.problem, found.article.title) == (Fate.NOT_ARTICLE, HEADLINE)


def test_a_page_of_ten_megabytes() -> None:
    rest = "<div class=x><a href=/y>Một liên kết trong chân trang dài dằng dặc</a></div>" * 120_000
    found = extract(page(f"<h1>{HEADLINE}</h1><div class=noidung>{BODY}</div>{rest}"), URL)
    assert found.article.title == HEADLINE
    assert PARAGRAPHS[0] in found.article.body


def test_nul_bytes_and_control_characters_are_gone() -> None:
    raw = page(f"<h1>{HEADLINE}</h1>{BODY}").replace("nửa".encode(), "nửa\x00\x0b".encode())
    article = extract(raw, URL).article
    assert not any(ord(letter) < 32 and letter != "\n" for letter in article.body + article.title)


def test_a_source_layout_is_used_and_says_so() -> None:
    layout = Layout(title=".tt", lead=".sp", body=".nd", remove=[".rac"], authors=".tg", published=".ng", section=".cm")
    inner = (
        f"<h1>Báo Thử</h1><div class=cm>Môi trường</div><div class=tt>{HEADLINE}</div><i class=ng>15/10/2024 08:05</i>"
        f"<div class=sp>Tóm tắt ngắn.</div>"
        f"<div class=nd>{BODY}<p class=rac>Nghe đọc bài báo này bằng giọng máy của chúng tôi ở đây.</p></div><u class=tg>Lê Mai</u>"
    )
    article = extract(page(inner), URL, source(layout=[layout])).article
    assert (article.title, article.lead, article.authors, article.section) == (HEADLINE, "Tóm tắt ngắn.", ["Lê Mai"], "Môi trường")
    assert article.body == "\n".join(PARAGRAPHS)
    assert article.published_at == datetime(2024, 10, 15, 1, 5, tzinfo=UTC)
    assert (article.extractor, article.source, article.published_precision) == ("profile", "thu", "minute")


def test_a_layout_that_does_not_fit_falls_back_and_says_so() -> None:
    found = extract(page(f"<h1>{HEADLINE}</h1><div class=noidung>{BODY}</div>"), URL, source(layout=[Layout(body=".nd")]))
    assert found.article.extractor == "general"
    assert found.article.body == "\n".join(PARAGRAPHS)
    assert "'.nd' matches 0 elements" in found.detail


def test_an_old_page_in_the_new_design_is_read_with_the_new_layout() -> None:
    layouts = [Layout(body=".cu"), Layout(valid_from=date(2023, 1, 1), body=".moi")]
    head = '<meta property="article:published_time" content="2020-05-01T08:00:00+07:00">'
    found = extract(page(f"<h1>{HEADLINE}</h1><div class=moi>{BODY}</div>", head), URL, source(layout=layouts))
    assert (found.article.extractor, found.article.body) == ("profile", "\n".join(PARAGRAPHS))


def test_selectors_that_hit_a_part_of_the_text_only_give_way() -> None:
    inner = f"<h1>{HEADLINE}</h1><div class=noidung><p class=dau>Một câu mở đầu ngắn.</p>{BODY}{BODY}</div>"
    found = extract(page(inner), URL, source(layout=[Layout(body=".dau")])).article
    assert (found.extractor, found.body.split("\n")[0]) == ("general", "Một câu mở đầu ngắn.")


def test_need_and_maybe() -> None:
    parsed = Page(page("<p class=a>một</p><p class=b>hai</p><p class=b>ba</p><p class=c>bốn</p><p class=c>bốn</p>"), URL)
    assert need(parsed, ".a").text == "một"
    assert need(parsed, ".c").text == "bốn"
    for selector in (".b", ".none", "p[["):
        with pytest.raises(LayoutMismatchError):
            need(parsed, selector)
        assert maybe(parsed, selector) is None
    assert maybe(parsed, None) is None


def test_a_date_in_the_future_is_not_believed() -> None:
    head = '<meta property="article:published_time" content="2031-05-01T08:00:00+07:00">'
    raw = page(f"<h1>{HEADLINE}</h1>{BODY}", head)
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert extract(raw, URL, now=now).article.published_at is None
    assert extract(raw, URL).article.published_at == datetime(2031, 5, 1, 1, 0, tzinfo=UTC)


def test_the_date_of_an_event_is_not_the_date_of_the_page() -> None:
    inner = f"<h1>{HEADLINE}</h1><div class=noidung><p>Ngày 17/08/2019, đoàn kiểm tra đến xem con đê.</p>{BODY}</div>"
    assert extract(page(inner), URL).article.published_at is None


def test_broken_json_ld_is_mended_and_other_json_ld_survives_it() -> None:
    head = (
        '<script type="application/ld+json">{"@type": "NewsArticle", "headline": </script>'
        '<script type="application/ld+json">/*<![CDATA[*/ nonsense</script>'
        '<script type="application/ld+json">{"@graph": [{"@type": "NewsArticle", "headline": "' + HEADLINE + '", '
        '"datePublished": "2024-10-15T08:05+07:00", "author": [{"name": "Lê Mai"}, {"name": ["Vũ An"]}], "keywords": "đê, lũ",},]}</script>'
    )
    article = extract(page(f"<h2>{HEADLINE}</h2>{BODY}", head), URL).article
    assert (article.authors, article.tags) == (["Lê Mai", "Vũ An"], ["đê", "lũ"])
    assert article.published_at == datetime(2024, 10, 15, 1, 5, tzinfo=UTC)


def test_addresses_become_absolute_and_hostile_ones_are_left_out() -> None:
    pictures = "<img src='javascript:alert(1)'><img data-src=/a.jpg src=data:x><img src=//cdn.example/b.png>"
    inner = f"<h1>{HEADLINE}</h1><div class=noidung>{BODY}{pictures}</div>"
    head = "<link rel=canonical href='/bai-1.html?x=1'>"
    article = extract(page(inner, head), URL).article
    assert article.images == ["https://bao.example/a.jpg", "https://cdn.example/b.png"]
    assert article.canonical_url == "https://bao.example/bai-1.html?x=1"


def test_a_page_without_pictures_is_not_its_own_picture() -> None:
    assert extract(page(f"<h1>{HEADLINE}</h1><img src=' '>{BODY}"), URL).article.images == []


def test_markup_in_the_headline_is_text() -> None:
    article = extract(page(f"<h1>Đê &lt;b&gt;bao&lt;/b&gt; ở ấp <em>Phú Hòa</em></h1>{BODY}"), URL).article
    assert article.title == "Đê <b>bao</b> ở ấp Phú Hòa"


def test_a_source_decides_how_short_is_too_short() -> None:
    raw = page(f"<h1>{HEADLINE}</h1><div class=noidung><p>{PARAGRAPHS[0]}</p></div>")
    assert extract(raw, URL).problem is Fate.TOO_SHORT
    assert extract(raw, URL, source(min_body=50)).problem is None


def test_extraction_is_pure() -> None:
    raw = page(f"<h1>{HEADLINE}</h1><div class=noidung>{BODY}</div>")
    assert extract(raw, URL) == extract(raw, URL)


def test_every_family_names_its_evidence_and_its_selectors_can_be_read() -> None:
    empty = Page(b"<html><body><p>x</p></body></html>", URL)
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    for family in FAMILIES:
        assert family.evidence
        assert family.marks
        assert family.layout.body
        for selector in (
            family.layout.title,
            family.layout.lead,
            family.layout.body,
            family.layout.published,
            family.layout.authors,
            *family.layout.remove,
        ):
            if selector:
                empty.check_selector(selector)


@pytest.mark.parametrize(
    "item",
    [
        "<li><a href=/{n}><img src=a.jpg></a><h3><a href=/{n}>{title}</a></h3><p>{text}</p></li>",
        "<div class=tin><span class=gio>08:05 12/10/2024</span><h3><a href=/{n}>{title}</a></h3><div>{text}</div></div>",
        "<div><a href=/{n}>{title}</a></div><div>{text}</div>",
        "<tr><td><b><a href=/{n}>{title}</a></b><br>{text}</td></tr>",
        "<a class=card href=/{n}><h3>{title}</h3><p>{text}</p></a>",
    ],
)
def test_a_list_of_articles_is_no_article(item: str) -> None:
    items = "".join(item.format(n=n, title=f"Tiêu đề của một bài viết khác số {n}", text=PARAGRAPHS[n % 3]) for n in range(10))
    opening = "<table>" if item.startswith("<tr") else "<div>"
    found = extract(
        page(f"<div class=top>Báo Thử</div><h1>Xã hội</h1>{opening}{items}{opening.replace('<', '</')}", "<title>Xã hội - Báo Thử</title>"),
        URL,
    )
    assert found.problem is Fate.NOT_ARTICLE


def test_the_home_page_is_no_article() -> None:
    assert extract(page(f"<h1>{HEADLINE}</h1>{BODY}"), "https://bao.example/").problem is Fate.NOT_ARTICLE


def test_teasers_of_other_articles_do_not_pull_the_body_up() -> None:
    cards = "".join(
        f"<div><h4><a href=/{n}>Tiêu đề của một bài viết khác số {n}</a></h4><p>{PARAGRAPHS[n % 3]}</p></div>" for n in range(8)
    )
    parsed = Page(page(f"<div><div id=bai><h1>{HEADLINE}</h1>{BODY}</div><div id=khac>{cards}</div></div>"), URL)
    assert [element.get("id") for element in find_body(parsed, None)] == ["bai"]


@pytest.mark.parametrize(
    ("title", "is_article"),
    [
        ("404 hộ dân được cấp nước sạch", True),
        ("Xã số 404 không còn trên bản đồ", True),
        ("Nghị định 404: ba điểm người dân cần biết", True),
        ("Kết quả tìm kiếm nạn nhân vụ lật tàu", True),
        ("404", False),
        ("404 - Không tìm thấy", False),
        ("Lỗi 404", False),
        ("Page not found", False),
        ("Kết quả tìm kiếm cho nước thải", False),
        ("Không tìm thấy trang", False),
    ],
)
def test_an_error_page_is_told_from_news_with_its_words(title: str, is_article: bool) -> None:
    found = extract(page(f"<h1>{title}</h1>{BODY}"), URL)
    assert (found.problem is not Fate.NOT_ARTICLE) is is_article
