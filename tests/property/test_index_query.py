"""Whatever is typed: the parser answers or says what is wrong. And the meaning of phrases against its definition."""

from __future__ import annotations

import itertools
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from diembao.article import Article
from diembao.engine import MARK_END, MARK_START
from diembao.errors import QueryError
from index.abbreviations import Abbreviations
from index.analysis import MAX_TOKEN, analyse, exact_words, forms, strip_accents
from index.document import fold_words
from index.highlighting import Highlighter
from index.proximity import within_slop
from index.query import And, Node, Not, Or, fold_token, leaves, parse_query

ABBREVIATIONS = Abbreviations({"CA": ["công an"], "TP.HCM": ["thành phố hồ chí minh"], "TP": ["thành phố"]})
PIECES = [
    "lũ", "Hà Nội", '"',
    "(", ")", "AND", "OR", "NOT", "-", "+", "~", "~2", "~1.5", "^1.2.3", "^3", ":", "title:", "published_at:", "[", "]", "{", "}", "TO",
    "*",
    "?",
    "2026-11-20", "/", "\\", "'", "“", "<", ">=", "CA", "TP.HCM", "!", "&&", "||", " ", "  ", "\n", "topic:health", "1.500", "\u00a0", "_",
]  # fmt: skip
LISTS = st.lists(st.sampled_from(PIECES), max_size=25)
QUERIES = st.one_of(st.text(max_size=60), LISTS.map(" ".join), LISTS.map("".join))


def depth(node: Node) -> int:
    if isinstance(node, And | Or):
        return 1 + max(map(depth, node.parts))
    return 1 + depth(node.part) if isinstance(node, Not) else 1


@given(QUERIES)
@settings(max_examples=600, deadline=None)
def test_a_query_is_understood_or_refused(query: str) -> None:
    refusal: QueryError | None = None
    try:
        tree = parse_query(query, ABBREVIATIONS)
    except QueryError as error:
        refusal = error
    if refusal is None:
        assert list(leaves(tree))
        assert depth(tree) <= 20
        Highlighter(tree).of(Article(id="x", title="Lũ ở Hà Nội", body="lũ " * 200))
        return
    assert refusal.message_vi
    assert refusal.message_en
    assert refusal.position is None or 0 <= refusal.position <= len(query)


@given(QUERIES)
@settings(max_examples=200, deadline=None)
def test_parsing_is_a_function(query: str) -> None:
    def outcome() -> object:
        try:
            return parse_query(query, ABBREVIATIONS)
        except QueryError as error:
            return str(error)

    assert outcome() == outcome()


@given(st.text())
def test_tokens_are_safe_and_lie_in_the_text(text: str) -> None:
    assert exact_words(text) == " ".join(token.exact for token in analyse(text))
    position = 0
    for token in analyse(text):
        assert position <= token.start < token.end <= len(text)
        position = token.end
        assert token.exact
        assert not any(letter.isspace() for letter in token.exact)
        assert len(token.exact) <= MAX_TOKEN * 8
        assert fold_token(token.exact) == token.folded == fold_words(token.exact)


@given(st.text(alphabet="aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạấầẩẫậớờởỡợíìỉĩịýỳỷỹỵ ", max_size=40))
def test_forms_of_unicode_do_not_matter(text: str) -> None:
    composed = [token[:2] for token in analyse(unicodedata.normalize("NFC", text))]
    assert [token[:2] for token in analyse(unicodedata.normalize("NFD", text))] == composed
    assert [token[:2] for token in analyse(text.upper())] == composed
    assert [token.exact for token in analyse(strip_accents(text))] == [folded for _, folded in composed]


@given(st.sampled_from(["oa", "oe", "uy"]), st.sampled_from("\u0300\u0301\u0309\u0303\u0323"), st.sampled_from(["h", "th", "q", "kh", ""]))
def test_the_place_of_the_tone_mark_does_not_matter(vowels: str, tone: str, onset: str) -> None:
    assert forms(onset + vowels[0] + tone + vowels[1]) == forms(onset + vowels + tone)


WORDS = st.sampled_from(["an", "ba", "co", "di"])


@given(st.lists(WORDS, max_size=9), st.lists(WORDS, min_size=1, max_size=4), st.integers(0, 6))
@settings(max_examples=400)
def test_slop_by_trying_every_placement(text: list[str], phrase: list[str], slop: int) -> None:
    places = [[at for at, word in enumerate(text) if word == wanted] for wanted in phrase]
    possible = any(
        len(set(chosen)) == len(chosen) and max(shifts) - min(shifts) <= slop
        for chosen in itertools.product(*places)
        for shifts in [[at - offset for offset, at in enumerate(chosen)]]
    )
    assert within_slop(text, text, phrase, [False] * len(phrase), slop) == possible


@given(st.text(alphabet=st.sampled_from(list("Lũlu Hànội.,\n" + MARK_START)), max_size=400))
@settings(deadline=None)
def test_highlights_only_add_marks(text: str) -> None:
    found = Highlighter(parse_query('lũ OR "hà nội"')).of(Article(id="x", title=text, body=text))
    plain = text.replace(MARK_START, "")
    if "title" in found:
        assert found["title"].replace(MARK_START, "").replace(MARK_END, "") == plain
        assert found["title"].count(MARK_START) == found["title"].count(MARK_END) > 0
    if "body" in found:
        excerpt = found["body"].replace(MARK_START, "").replace(MARK_END, "")
        assert excerpt.removeprefix("… ").removesuffix(" …") in plain
        assert MARK_START in found["body"]
