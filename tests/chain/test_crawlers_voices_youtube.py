"""YouTube channels and their comments, from a local server that answers as the Data API v3 documents it (tests/chain/voices.py)."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crawlers.archive import read_record
from crawlers.runs import read_run
from diembao.article import ArchiveRecord, Article
from diembao.fates import Fate
from diembao.settings import read_settings
from diembao.state import Removal, State
from tests.chain.crawlers_press import Answer, Office, Site, article_page, rss
from tests.chain.test_crawlers_commands import diembao
from tests.chain.voices import Comment, Video, YouTubeApi

NOW = datetime.now(UTC).replace(microsecond=0)
VARIABLE = "DIEMBAO_TEST_YOUTUBE_KEY"

pytestmark = pytest.mark.xdist_group("crawlers-voices-youtube")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[YouTubeApi]:
    server = YouTubeApi()
    monkeypatch.setenv(VARIABLE, server.KEY)
    server.videos = [
        Video(
            "vidGiaoThong",
            "Cầu Mỹ Thuận kẹt xe kéo dài",
            NOW - timedelta(hours=5),
            "Phóng sự của đài.\n\nLiên hệ: 0912 345 678",
            [
                Comment("UgA", "Ngày nào cũng kẹt, không thấy ai điều tiết cả!", NOW - timedelta(hours=4)),
                Comment(
                    "UgB",
                    "Nhà tôi ở gần đó, số của tôi 0987654321, khổ lắm",
                    NOW - timedelta(hours=3),
                    replies=[
                        Comment(
                            f"UgB.{number}", f"@NguoiBinhLuan trả lời thứ {number} cho bạn đây", NOW - timedelta(hours=2, minutes=-number)
                        )
                        for number in range(5)
                    ],
                ),
                Comment("UgC", "Chấm.", NOW - timedelta(hours=1)),
            ],
        ),
        Video("vidTat", "Bản tin sáng không có bình luận", NOW - timedelta(days=1), "Bản tin.", [], comments_enabled=False),
    ]
    yield server
    server.close()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def channel(office: Office, server: YouTubeApi, **voice: Any) -> None:
    table = {"type": "youtube", "channel": server.channel, "key_env": VARIABLE, "api": f"{server.url}/youtube/v3", **voice}
    office.source("kenh", "youtube.com", kind="video", voice=table)


def crawled(office: Office, run: str, *arguments: str) -> tuple[dict[str, Any], list[Article]]:
    done = office.crawl(run, *arguments)
    assert done.returncode == 0, done.stderr
    summary = office.summary(run)
    assert summary["fetched"] == summary["extracted"] + summary["unchanged"] + sum(summary["dropped"].values())
    return summary, list(read_run(office.home / "runs" / run).articles())


def everything_in(home: Path) -> bytes:
    """Each byte of each file, and of what is packed in it."""
    found = b""
    for path in home.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        found += data
        while path.suffix == ".gz" and data:
            machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
            found += machine.decompress(data)
            data = machine.unused_data
    return found


def test_videos_comments_and_replies_are_articles(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    summary, articles = crawled(office, "r1")
    assert summary["problems"] == []
    by_url = {article.url: article for article in articles}
    video = by_url["https://www.youtube.com/watch?v=vidGiaoThong"]
    assert (video.title, video.kind, video.source, video.authors) == ("Cầu Mỹ Thuận kẹt xe kéo dài", "video", "kenh", [])
    assert video.body == "Phóng sự của đài.\nLiên hệ: 091x xxx xxx"
    assert (video.published_at, video.published_precision) == (NOW - timedelta(hours=5), "minute")
    comment = by_url["https://www.youtube.com/watch?v=vidGiaoThong&lc=UgB"]
    assert comment.title == comment.body == "Nhà tôi ở gần đó, số của tôi 098xxxxxxx, khổ lắm"
    assert comment.section == "Cầu Mỹ Thuận kẹt xe kéo dài"
    replies = [article for url, article in by_url.items() if "lc=UgB." in url]
    assert sorted(article.body for article in replies) == [f"@… trả lời thứ {number} cho bạn đây" for number in range(5)]
    # Two videos, two comments, five replies; "Chấm." is too short to say anything.
    assert len(articles) == 9
    assert (summary["dropped"], summary["sources"]["kenh"]["short"]) == ({}, 1)
    page = read_record(office.home / "archive", comment.archive)  # type: ignore[arg-type]
    assert page.url.startswith(f"{api.url}/youtube/v3/commentThreads?")
    assert "Nhà tôi ở gần đó".encode() in page.payload


def test_neither_the_key_nor_a_commenter_is_stored_or_logged(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    crawled(office, "r1")
    stored = everything_in(office.home)
    assert b"commentThreads" in stored  # the archive was unpacked
    for secret in (
        api.KEY,
        "Người Bình Luận",
        "NguoiBinhLuan",
        "nguoibinhluan",
        "secret-face",
        "UCsecretchannel",
        "0987654321",
        "0912 345 678",
    ):
        assert secret.encode() not in stored, secret


def test_a_second_round_takes_only_what_is_new(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    crawled(office, "r1")
    _, unchanged = crawled(office, "r2")
    assert unchanged == []
    uploads = [report for report in office.summary("r2")["sources"]["kenh"]["entrances"] if "playlistItems" in report["url"]]
    assert [report["outcome"] for report in uploads] == ["unchanged"]
    assert api.not_modified == 1
    api.videos[0].comments.append(Comment("UgD", "Sáng nay vẫn còn kẹt xe nha mọi người", NOW - timedelta(minutes=5)))
    api.videos[0].comments[0].text = "Ngày nào cũng kẹt, giờ đã có người điều tiết rồi!"
    api.videos.append(Video("vidMoi", "Khánh thành cầu mới", NOW - timedelta(minutes=20), "Tin mới trong ngày."))
    _, articles = crawled(office, "r3")
    assert sorted(article.title for article in articles) == [
        "Khánh thành cầu mới",
        "Ngày nào cũng kẹt, giờ đã có người điều tiết rồi!",
        "Sáng nay vẫn còn kẹt xe nha mọi người",
    ]


def test_what_was_deleted_is_recorded_with_the_answer_that_says_so(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    _, articles = crawled(office, "r1")
    comment = next(article for article in articles if article.url.endswith("lc=UgA"))
    video = next(article for article in articles if article.url.endswith("v=vidTat"))
    del api.videos[0].comments[0]
    api.videos[1].privacy = "private"
    summary, _ = crawled(office, "r2")
    assert summary["dropped"]["not_found"] == 2
    settings = read_settings(office.environment)
    state = State(settings.database)
    try:
        with state.session() as session:
            removals = {row.article_id: (row.fate, row.archive_file, row.archive_offset) for row in session.scalars(select(Removal))}
    finally:
        state.close()
    assert set(removals) == {comment.id, video.id}
    fate, file, offset = removals[comment.id]
    assert fate == Fate.NOT_FOUND
    assert file is not None
    answer = json.loads(read_record(office.home / "archive", ArchiveRecord(file=file, offset=offset)).payload)
    assert "UgA" not in [item["id"] for item in answer["items"]]
    api.videos[1].privacy = "public"
    summary, _ = crawled(office, "r3")
    assert summary["dropped"]["not_found"] == 1  # the comment, still


def test_a_long_list_goes_on_where_the_budget_ended(office: Office, api: YouTubeApi) -> None:
    api.page_size = 4
    api.videos = [
        Video(
            "vidDai",
            "Phiên chất vấn trực tiếp",
            NOW - timedelta(hours=9),
            "Trực tiếp.",
            [Comment(f"Ug{n:03}", f"Ý kiến thứ {n} của người dân gửi đến", NOW - timedelta(minutes=n + 1)) for n in range(30)],
        )
    ]
    channel(office, api, units_per_day=5)
    summary, first = crawled(office, "r1")
    assert api.units == 5  # channels, playlistItems, videos, two pages of comments
    assert "the 5 units a day of source kenh are used up" in summary["problems"][0]["problem"]
    assert summary["sources"]["kenh"]["units"]["source kenh"] == 5
    crawled(office, "r2")
    assert api.units == 5, "the day's budget holds for later runs of the day too"
    channel(office, api, units_per_day=500)
    before = len(api.calls)
    _, second = crawled(office, "r3")
    bodies = [article.body for article in (*first, *second) if "Ý kiến" in article.body]
    assert sorted(bodies) == sorted(f"Ý kiến thứ {n} của người dân gửi đến" for n in range(30))
    pages = [query.get("pageToken") for method, query in api.calls[before:] if method == "commentThreads"]
    assert None not in pages, "what was read is not read again"


def test_quota_exceeded_stops_the_key_and_is_told(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    api.quota = 3
    summary, articles = crawled(office, "r1")
    assert len(articles) == 2
    assert any("quota of the key in DIEMBAO_TEST_YOUTUBE_KEY is used up (quotaExceeded)" in one["problem"] for one in summary["problems"])
    calls = len(api.calls)
    summary, _ = crawled(office, "r2")
    assert len(api.calls) == calls
    assert "left alone for" in summary["problems"][0]["problem"]


def test_a_missing_key_is_one_error_and_the_others_go_on(office: Office, api: YouTubeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    channel(office, api)
    site = Site()
    try:
        site.routes["/bai-1.html"] = Answer(article_page(1))
        site.routes["/tin.rss"] = rss([f"{site.url}/bai-1.html"])
        office.source("bao", site.domain, feeds=[f"{site.url}/tin.rss"])
        summary, articles = crawled(office, "r1")
    finally:
        site.close()
    assert [article.source for article in articles] == ["bao"]
    (problem,) = summary["problems"]
    assert problem["source"] == "kenh"
    assert "the environment variable DIEMBAO_TEST_YOUTUBE_KEY is not set" in problem["problem"]
    assert api.calls == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"key": "AIzaWrongKeyWrongKeyWrongKey"}, "the key is not valid (DIEMBAO_TEST_YOUTUBE_KEY)"),
        ({"channel": "@khongco"}, "is empty"),
        ({"channel": "khong phai"}, "voice.channel"),
        ({"api": "http://example.vn/youtube/v3"}, "voice.api must be https"),
    ],
)
def test_check_says_what_is_wrong_after_one_call(
    office: Office, api: YouTubeApi, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], told: str
) -> None:
    if key := change.pop("key", ""):
        monkeypatch.setenv(VARIABLE, key)
    channel(office, api, **change)
    done = diembao(office, "sources", "check", "kenh", "--json")
    verdict = json.loads(done.stdout)
    assert verdict["state"] == ("red" if told else "ok"), verdict
    assert told in " ".join(verdict["reasons"])
    assert "AIza" not in done.stdout + done.stderr
    assert len(api.calls) <= 1
    entry = (office.config / "sources" / "kenh.toml").read_text()
    assert ("checked" in entry) is not bool(told)


def test_an_unknown_voice_is_told_with_those_that_there_are(office: Office) -> None:
    office.source("la", "la.vn", voice={"type": "zalo"})
    done = office.crawl("r1")
    assert done.returncode == 0
    problem = office.summary("r1")["problems"][0]["problem"]
    assert "no voice is called zalo" in problem
    assert "discourse, facebook, feed, xenforo, youtube" in problem


def test_the_archive_gives_the_same_articles_again(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    _, articles = crawled(office, "r1")
    done = subprocess.run(
        [sys.executable, "-m", "crawlers.replay", "r1"], env=office.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    again = [Article.from_record(json.loads(line)) for line in done.stdout.splitlines()]
    # A reply may stand in two answers: below its comment, and in the list of replies.
    by_place = {(article.id, article.archive): article for article in again}
    assert {article.id for article in again} == {article.id for article in articles}
    for article in articles:
        twin = by_place[article.id, article.archive]
        same = twin.with_fields(fetched_at=article.fetched_at, first_seen_at=article.first_seen_at)
        assert same == article


def test_try_shows_three_posts_and_keeps_nothing(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    done = diembao(office, "sources", "try", "kenh", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["state"] == "ok"
    assert sorted(fate["fate"] for fate in report["fates"]) == ["extracted", "extracted", "extracted"]
    assert not (office.home / "runs").exists()


def test_comments_are_tagged_indexed_and_found_below_their_video(office: Office, api: YouTubeApi) -> None:
    channel(office, api)
    crawled(office, "r1")
    lines = (office.home / "runs" / "r1" / "articles.jsonl").read_text(encoding="utf-8")
    program = [sys.executable, "-c", "from cli.main import main; main()"]
    tagged = subprocess.run([*program, "tag"], input=lines, env=office.environment, capture_output=True, text=True, timeout=100, check=True)
    subprocess.run([*program, "index"], input=tagged.stdout, env=office.environment, capture_output=True, text=True, timeout=60, check=True)
    done = diembao(office, "search", 'section:"Cầu Mỹ Thuận" AND điều tiết', "--json")
    (hit,) = json.loads(done.stdout)["hits"]
    assert hit["url"] == "https://www.youtube.com/watch?v=vidGiaoThong&lc=UgA"
    package = office.folder / "goi.zip"
    done = diembao(office, "evidence", hit["id"], "--output", str(package))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(package) as bundle:
        (name,) = [name for name in bundle.namelist() if name.endswith("page.json")]
        answer = json.loads(bundle.read(name))
    assert "UgA" in [item["id"] for item in answer["items"]]
