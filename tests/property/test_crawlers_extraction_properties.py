"""What holds for every page, however broken."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawlers.extraction import extract
from crawlers.extraction.bylines import read_byline
from crawlers.extraction.dates import EARLIEST, LATEST, all_printed, read_machine
from crawlers.extraction.decoding import decode
from crawlers.extraction.page import fold
from diembao.fates import Fate

URL = "https://bao.example/bai.html"
PIECES = st.sampled_from(
    [
        "<h1>",
        "</h1>",
        "<p>",
        "</p>",
        "<div class=noidung>",
        "<div class='related'>",
        "</div>",
        "<table><tr><td>",
        "</td></tr></table>",
        "<br>",
        "<b>",
        "</b>",
        "<a href='/x'>",
        "</a>",
        "<img src=a.jpg>",
        "<ul><li>",
        "</li></ul>",
        "<script type='application/ld+json'>{",
        "</script>",
        "&nbsp;",
        "&#0;",
        "<",
        "<article class='fck_detail '>",
        "</article>",
        "<title>",
        "</title>",
        "<meta property='og:title' content='",
        "'>",
        "Xem thêm",
        ">> ",
        "Theo TTXVN",
        "15/10/2024 08:05",
        "Nguyễn Văn A",
        "Nước dâng nhanh từ nửa đêm, bà con phải dùng bao cát chặn tạm con đê bao. ",
        "\u0323\u0302",
        "\x00",
        "\u200b",
    ]
)
PAGES = st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=60).map("".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PAGES)
def test_any_markup_ends_in_an_article_of_folded_nfc_text(markup: str) -> None:
    found = extract(markup.encode("utf-8", "replace"), URL)
    article = found.article
    assert found.problem in (None, Fate.NOT_ARTICLE, Fate.TOO_SHORT, Fate.PARSE_ERROR)
    for text in (article.title, article.section, *article.authors, *article.lead.split("\n"), *article.body.split("\n")):
        assert text == " ".join(text.split())
        assert unicodedata.is_normalized("NFC", text)
        assert "\x00" not in text
    assert all(address.startswith(("http://", "https://")) for address in article.images)
    json.dumps(article.to_record())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.one_of(st.none(), st.text(max_size=40)))
def test_any_bytes_are_decoded_and_extracted(raw: bytes, content_type: str | None) -> None:
    assert "\x00" not in decode(raw, content_type)
    assert extract(raw, URL, None, content_type).article.url == URL


@given(st.text(alphabet="0123456789/:-. hgAPMSC,ngàytháng|()", max_size=60))
def test_dates_are_within_reason(text: str) -> None:
    for found in all_printed(text):
        assert EARLIEST < found.moment < LATEST
    machine = read_machine(text)
    assert machine is None or EARLIEST < machine.moment < LATEST


@given(st.text(max_size=200))
def test_bylines_name_what_is_in_the_line(line: str) -> None:
    found = read_byline(line)
    assert found is None or all(name in fold(line) for name in found.authors)
