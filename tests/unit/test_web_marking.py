from __future__ import annotations

import pytest

from diembao.engine import MARK_END, MARK_START
from web.articles.marking import mark_reasons, marked, mistake_in, web_link


def test_html_in_a_highlight_is_text_and_only_matches_are_marked() -> None:
    text = f"<b>{MARK_START}<i>lũ</i>{MARK_END}</b> & '\""
    assert marked(text) == "&lt;b&gt;<mark>&lt;i&gt;lũ&lt;/i&gt;</mark>&lt;/b&gt; &amp; &#39;&#34;"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (f"a{MARK_END}b", "ab"),
        (f"a{MARK_START}b", "a<mark>b</mark>"),
        (f"{MARK_START}a{MARK_START}b{MARK_END}{MARK_END}c", "<mark>ab</mark>c"),
        ("", ""),
    ],
)
def test_marks_always_come_in_pairs(text: str, html: str) -> None:
    assert marked(text) == html


def test_deciding_sentences_are_found_across_white_space_and_escaped() -> None:
    text = mark_reasons("Tít", "", "Dân  nói <b>không</b>.\nHết.", {"tone": ["Dân nói <b>không</b>."]})
    assert text.paragraphs == ['<mark class="tone">Dân  nói &lt;b&gt;không&lt;/b&gt;.</mark>', "Hết."]
    assert text.missing == {}


def test_a_sentence_that_decided_two_labels_carries_both() -> None:
    text = mark_reasons("", "", "Một hai ba.", {"tone": ["Một hai"], "blame": ["hai ba."]})
    assert text.paragraphs == ['<mark class="tone">Một </mark><mark class="blame tone">hai</mark><mark class="blame"> ba.</mark>']


def test_a_sentence_that_is_not_in_the_text_is_listed() -> None:
    text = mark_reasons("Tít", "Dẫn", "Thân", {"tone": ["Không có ở đây.", "Dẫn", "  "]})
    assert text.lead == '<mark class="tone">Dẫn</mark>'
    assert text.missing == {"tone": ["Không có ở đây."]}


@pytest.mark.parametrize(
    ("position", "parts"), [(2, ("ab", '"', "c")), (None, ('ab"c', " ", "")), (9, ('ab"c', " ", "")), (-1, ('ab"c', " ", ""))]
)
def test_the_place_of_a_mistake(position: int | None, parts: tuple[str, str, str]) -> None:
    mistake = mistake_in('ab"c', position)
    assert (mistake.before, mistake.wrong, mistake.behind) == parts


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", "javascript://bao.example/%0aalert(1)", "ftp://bao.example/",
        "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "//host/x", "/x", "", "http://",
        "https://a b/", "http://a\x00b/", "http://[::1", "http://a:99999999/", "http://a/\u202e", " https://a/",
    ],
)  # fmt: skip
def test_only_web_addresses_become_links(url: str) -> None:
    assert web_link(url) is None


@pytest.mark.parametrize("url", ["https://bao.example/a?b=1#c", "http://127.0.0.1:8080/tin-bài.html"])
def test_web_addresses_become_links(url: str) -> None:
    assert web_link(url) == url
