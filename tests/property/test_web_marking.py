"""Whatever the web writes, a page shows it as text."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from starlette.datastructures import QueryParams

from diembao.engine import MARK_END, MARK_START
from web.articles.marking import mark_reasons, marked, unmarked
from web.searching.addresses import SearchAddress

LETTERS = st.text(alphabet=st.sampled_from([*"<>&\"'/abc ạ\n", MARK_START, MARK_END, "\u202e"]), max_size=40)
TAG = re.compile(r"</?mark(?: class=\"(?:tone|blame|blame tone)\")?>")


def text_of(html: Markup) -> str:
    """What a reader sees; fails when there is any tag besides the marks."""
    without_marks = TAG.sub("", html)
    assert not {"<", ">", '"'} & set(without_marks)
    opened = 0
    for tag in TAG.findall(html):
        opened += -1 if tag.startswith("</") else 1
        assert opened in (0, 1)
    assert opened == 0
    return unescape(without_marks)


@given(LETTERS)
def test_a_highlight_shows_exactly_its_text(text: str) -> None:
    assert text_of(marked(text)) == unmarked(text)


@given(LETTERS, st.lists(LETTERS, max_size=3), st.lists(LETTERS, max_size=3))
def test_marked_sentences_leave_the_text_as_it_is(body: str, tone: list[str], blame: list[str]) -> None:
    shown = mark_reasons("", "", body, {"tone": tone, "blame": blame})
    assert [text_of(paragraph) for paragraph in shown.paragraphs] == [line for line in body.split("\n") if line.strip()]


@given(
    st.lists(
        st.tuples(st.sampled_from(["q", "from", "to", "topic", "place", "sort", "after", "kind", "copies", "x"]), st.text(max_size=30))
    )
)
def test_any_address_can_be_read_and_shared(pairs: list[tuple[str, str]]) -> None:
    address, _ = SearchAddress.parse(QueryParams(pairs))
    again, problems = SearchAddress.parse(QueryParams(address.pairs()))
    assert again == address
    assert problems == {}
