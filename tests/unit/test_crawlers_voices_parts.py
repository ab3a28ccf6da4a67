"""The pure parts of other voices: walks through lists, texts, what is kept of an answer, quota, finding a voice by its file."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import crawlers.voices
from crawlers.pages import FetchedPage
from crawlers.voices.facebook import Facebook
from crawlers.voices.marks import Marks, Units
from crawlers.voices.texts import VoiceError, html_text, kept_json, opening, tidy
from crawlers.voices.voice import Ask, newest_first, read_answer, voice_of
from crawlers.voices.youtube import YouTube
from diembao.errors import ConfigError
from diembao.source import Source
from diembao.state import State

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
SINCE = NOW - timedelta(days=30)
_FORUM = {"id": "dd", "name": "Diễn đàn", "domain": "forum.vn", "kind": "forum"}


def source(kind: str, **voice: Any) -> Source:
    return Source.model_validate({"id": "nguon", "name": "Nguồn", "domain": "example.vn", "kind": kind, "voice": voice})


YOUTUBE = source("video", type="youtube", channel="@daithu", key_env="KEY")
FACEBOOK = source("social", type="facebook", page="123456", version="v23.0", key_env="KEY")
XENFORO = source("forum", type="xenforo", url="https://example.vn", nodes=["https://example.vn/forums/a.1/"])
DISCOURSE = source("forum", type="discourse", url="https://example.vn")


def page(body: bytes, url: str = "https://example.vn/", kind: str = "application/json") -> FetchedPage:
    return FetchedPage(url, 200, (("Content-Type", kind),), body, NOW, NOW, "nguon")


# --- walks ---


def _walk(
    entries: list[datetime], mark: dict[str, Any], pages: int, *, polled: bool, size: int = 3
) -> tuple[set[datetime], dict[str, Any], bool]:
    """Read `entries` (newest first) page by page, at most so many: what was seen, the mark, and whether the walk came to its end.

    `polled`: from the first page, whatever is under way.
    """
    seen: set[datetime] = set()
    cursor = "" if polled else str(mark.get("next", ""))
    for _ in range(pages):
        start = int(cursor or 0)
        part = entries[start : start + size]
        following = str(start + size) if start + size < len(entries) else None
        seen.update(part)
        walked = newest_first(mark, cursor, part, following, SINCE)
        mark = json.loads(json.dumps(walked.mark))  # it stands in a database between two rounds
        if walked.cursor is None:
            return seen, mark, True
        cursor = walked.cursor
    return seen, mark, False


@given(
    old=st.lists(st.integers(60, 20_000), max_size=30, unique=True),
    rounds=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 3), st.booleans()), min_size=1, max_size=8),
)
def test_walks_that_are_cut_off_lose_no_entry(old: list[int], rounds: list[tuple[int, int, bool]]) -> None:
    """However often a walk is interrupted, and whatever comes meanwhile, in the end everything of the last days was seen.

    Cursors are places that move when something new comes, as in lists of forums: the worst case.
    """
    entries = sorted((NOW - timedelta(minutes=minutes) for minutes in old), reverse=True)
    seen: set[datetime] = set()
    mark: dict[str, Any] = {}
    clock = NOW
    for arriving, pages, polled in rounds:
        for _ in range(arriving):
            clock += timedelta(days=1)
            entries.insert(0, clock)
        found, mark, _ = _walk(entries, mark, pages, polled=polled)
        seen |= found
    for _ in range(2):  # a walk under way ends; then one that begins at the newest
        found, mark, done = _walk(entries, mark, 1000, polled=False)
        seen |= found
        assert done
    assert {entry for entry in entries if entry > SINCE} <= seen


def test_a_walk_ends_where_everything_is_known() -> None:
    entries = [NOW - timedelta(hours=hour) for hour in range(1, 600)]
    _, mark, done = _walk(entries, {}, 1000, polled=True)
    assert done
    entries.insert(0, NOW)
    seen, _, done = _walk(entries, mark, 1000, polled=True)
    assert done
    # Three days are read again: a list is not always in the order of its dates.
    assert timedelta(days=3) <= NOW - min(seen) < timedelta(days=3, hours=6)


def test_a_list_that_leads_to_itself_ends() -> None:
    assert newest_first({}, "x", [NOW], "x", SINCE).cursor is None


# --- texts ---


def test_html_becomes_paragraphs() -> None:
    markup = '<p>Một&nbsp;dòng<br>hai</p><div>ba <b>bốn</b></div><script>x()</script><blockquote class="q">trích</blockquote>cuối'
    assert html_text(markup, ".//blockquote") == "Một dòng\nhai\nba bốn\ncuối"
    assert html_text("") == html_text("<!-- -->") == ""
    assert html_text("<div>" * 3000 + "sâu") in ("", "sâu")


@given(st.text())
def test_opening_words_are_short_and_from_the_text(text: str) -> None:
    words = opening(tidy(text))
    assert len(words) <= 120
    assert words.removesuffix("…") in tidy(text)


# --- what is kept ---


def test_nothing_is_kept_that_is_not_named() -> None:
    body = json.dumps({"items": [{"id": "1", "author": "Nguyễn Văn A", "text": "số 0912345678", "deep": {"author": "B"}}], "token": "T"})
    kept = json.loads(kept_json(body.encode(), {"items", "id", "text", "deep"}, {"text"}))
    assert kept == {"items": [{"id": "1", "text": "số 091xxxxxxx", "deep": {}}]}


def test_ids_that_look_like_telephone_numbers_stay() -> None:
    """Facebook numbers its objects; only texts are masked."""
    body = {
        "data": [{"id": "84912345678_0912345678", "message": "gọi 0912345678", "from": {"name": "An"}}],
        "paging": {"next": "x?access_token=T"},
    }
    kept = json.loads(Facebook(FACEBOOK, NOW).kept(Ask("posts", ""), json.dumps(body).encode(), None))
    assert kept == {"data": [{"id": "84912345678_0912345678", "message": "gọi 091xxxxxxx"}], "paging": {}}


def test_youtube_keeps_no_author_even_when_the_api_sends_one() -> None:
    comment = {"id": "UgA", "snippet": {"textDisplay": "Hay quá", "authorDisplayName": "An", "authorChannelId": {"value": "UC1"}}}
    kept = YouTube(YOUTUBE, NOW).kept(Ask("comments", ""), json.dumps({"items": [comment]}).encode(), None)
    assert json.loads(kept) == {"items": [{"id": "UgA", "snippet": {"textDisplay": "Hay quá"}}]}


@pytest.mark.parametrize("entry", [YOUTUBE, FACEBOOK, DISCOURSE, XENFORO])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"items":' + b"[" * 100_000,
        b"\x00\xff\xfe<<<",
        b"<div>" * 20_000,
        b'{"data": {"x": 1}, "post_stream": [], "topic_list": 5, "items": 7}',
        b'{"data": [1, null, []], "items": [1, null, {"id": 5}], "post_stream": {"posts": [null, {"id": "x"}]}}',
        b'{"topic_list": {"topics": [1]}, "data": [{"id": {}, "comments": 7}], "items": [{"id": [], "snippet": "x"}]}',
    ],
)
def test_a_hostile_answer_is_unreadable_or_says_nothing(entry: Source, body: bytes) -> None:
    voice = voice_of(entry, NOW)
    ask = voice.ways_in({})[0]
    for step in {ask.step, "videos", "commentThreads", "comments", "post", "comment", "topic", "posts", "thread"}:
        asked = Ask(step, ask.url, ask.walk, "1")
        try:
            answer = read_answer(entry, asked, page(body, ask.url), {}, NOW)
        except VoiceError:
            continue
        assert all(voice.is_too_short(article) for article in answer.found.articles)


# --- quota and marks ---


def test_units_are_shared_and_never_overdrawn(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    State(url).close()

    def spend(_: int) -> int:
        state = State(url)
        units = Units(state, "key K", 25)
        taken = sum(units.spend("2026-11-20", 1) for _ in range(10))
        state.close()
        return taken

    with ThreadPoolExecutor(4) as several:
        assert sum(several.map(spend, range(4))) == 25
    state = State(url)
    units = Units(state, "key K", 25)
    assert units.spent("2026-11-20") == 25
    assert units.spend("2026-11-21", 25), "another day begins anew"
    assert units.spend("2026-11-20", 2, anyway=True)
    assert units.spent("2026-11-20") == 27
    state.close()


def test_youtube_counts_days_in_pacific_time() -> None:
    voice = YouTube(YOUTUBE, NOW)
    assert voice.quota_day(datetime(2026, 11, 20, 7, 59, tzinfo=UTC)) == "2026-11-19"
    assert voice.quota_day(datetime(2026, 11, 20, 8, 1, tzinfo=UTC)) == "2026-11-20"


def test_open_walks_come_back_newest_first(tmp_path: Path) -> None:
    state = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    marks = Marks(state, "a")
    Marks(state, "b").put("other", {}, is_open=True)
    for number in range(4):
        marks.put(f"thread {number}", {"page": number}, is_open=number != 2)
        marks.save(NOW + timedelta(minutes=number))
    again = Marks(state, "a")
    assert [walk for walk, _ in again.open_walks(10, {"thread 1"})] == ["thread 3", "thread 0"]
    assert again.get("thread 2") == {"page": 2}
    assert again.get("none") == {}
    state.close()


# --- entries ---


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (source("newspaper", type="youtube", channel="@daithu", key_env="K"), 'Set kind = "video"'),
        (source("video", type="youtube", channel="@daithu"), "voice.key_env: Field required"),
        (source("video", type="youtube", channel="@daithu", key_env="K", key="AIza"), "voice.key: Extra inputs are not permitted"),
        (source("social", type="facebook", page="123456", key_env="K"), "voice.version: Field required"),
        (source("social", type="facebook", page="123456", version="23", key_env="K"), "voice.version"),
        (source("forum", type="xenforo", url="https://a.vn", nodes=[]), "voice.nodes"),
        (source("forum", type="khongco"), "Known: discourse, facebook, feed, xenforo, youtube"),
        (source("video", type="youtube", channel="@daithu", key_env="K", api="http://10.0.0.1/"), "voice.api must be https"),
        (source("video", type="youtube", channel="@daithu", key_env="K", api="http://127.0.0.1.evil.vn/"), "voice.api must be https"),
    ],
)
def test_a_wrong_entry_is_told(entry: Source, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        voice_of(entry, NOW)


def test_a_voice_is_known_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of docs/voices.md: one file, nothing else."""
    document = (Path(__file__).parents[2] / "docs" / "voices.md").read_text(encoding="utf-8")
    code = document.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "bulletin.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(crawlers.voices, "__path__", [*crawlers.voices.__path__, str(tmp_path)])
    entry = source("social", type="bulletin", url="https://example.vn/bulletin.json")
    ask = voice_of(entry, NOW).ways_in({})[0]
    body = {"notices": [{"id": 7, "text": "Cúp điện phường 1, gọi 0912345678", "at": "2026-11-20T06:00:00Z", "signed": "Nguyễn Văn A"}]}
    answer = read_answer(entry, ask, page(json.dumps(body).encode(), ask.url), {}, NOW)
    (article,) = answer.found.articles
    assert (article.body, article.published_at) == ("Cúp điện phường 1, gọi 091xxxxxxx", NOW - timedelta(hours=1))
    assert "Nguyễn Văn A".encode() not in answer.page.payload
