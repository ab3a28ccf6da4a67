"""Servers that mean harm, or are broken, behind the address of a voice: each ends in a line of the summary, and the others go on."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from crawlers.runs import read_run
from tests.chain.crawlers_press import Answer, Office, Seen, Site
from tests.chain.test_crawlers_voices_youtube import NOW, crawled, everything_in
from tests.chain.voices import Comment, Reply, Thread, Video, XenForoForum, YouTubeApi, iso

VARIABLE = "DIEMBAO_TEST_HOSTILE_KEY"

pytestmark = pytest.mark.xdist_group("crawlers-voices-hostile")


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    opened: list[Site] = []
    yield opened
    for site in opened:
        site.close()


def _anything(site: Site, answer: Answer) -> None:
    class Always(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            return answer

    site.routes = Always()


def test_hostile_answers_end_in_time_and_the_others_go_on(tmp_path: Path, sites: list[Site], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, YouTubeApi.KEY)
    office = Office(tmp_path)
    good = YouTubeApi()
    good.videos = [Video("vidTot", "Video bình thường", NOW, "Có mô tả đầy đủ.", [Comment("UgA", "Bình luận bình thường thôi", NOW)])]
    thief = Site()
    _anything(thief, Answer("{}", content_type="application/json"))
    sites += [good, thief]

    def youtube(name: str, answer: Answer | None) -> None:
        site = good if answer is None else Site()
        if answer is not None:
            _anything(site, answer)
            sites.append(site)
        voice = {"type": "youtube", "channel": good.channel, "key_env": VARIABLE, "api": f"{site.url}/youtube/v3"}
        office.source(name, f"{name}.youtube.com", kind="video", voice=voice)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.2)

    bomb = gzip.compress(b" " * (64 << 20), 9)
    youtube("tot", None)
    youtube("sau", Answer(b'{"items":' * 200_000, content_type="application/json"))
    youtube("lon", Answer(b"[" + b"0," * (6 << 20) + b"0]", content_type="application/json"))
    youtube("bom", Answer(bomb, headers={"Content-Encoding": "gzip"}))
    youtube("huong", Answer(b"", 302, headers={"Location": f"{thief.url}/?steal"}))
    youtube("giot", Answer(behaviour=drip))
    youtube("loi", Answer("<html>Bad gateway</html>", 502))
    youtube("khac", Answer("<html>Chào mừng đến với Wi-Fi khách sạn</html>"))
    begun = time.monotonic()
    done = office.crawl("r1", "--set", "DOWNLOAD_TIMEOUT=3", "--set", "RETRY_TIMES=1", timeout=120)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < 60
    articles = list(read_run(office.home / "runs" / "r1").articles())
    assert sorted(article.title for article in articles) == ["Bình luận bình thường thôi", "Video bình thường"]
    problems = {one["source"]: one["problem"] for one in office.summary("r1")["problems"]}
    assert set(problems) == {"sau", "lon", "bom", "huong", "giot", "loi", "khac"}
    assert "more bytes than allowed" in problems["lon"] + problems["bom"]
    assert "a key is sent nowhere else" in problems["huong"]
    assert "HTTP 502" in problems["loi"]
    assert "not JSON" in problems["khac"]
    assert thief.seen == []
    assert YouTubeApi.KEY.encode() not in everything_in(office.home)


def test_a_list_without_end_is_left_when_its_time_is_over(tmp_path: Path, sites: list[Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page names the next one, and each brings comments that nobody has seen."""
    monkeypatch.setenv(VARIABLE, YouTubeApi.KEY)
    office = Office(tmp_path)
    api = YouTubeApi()
    api.videos = [Video("vidVoTan", "Video vô tận", NOW, "Mô tả của video.", [Comment("UgA", "Bình luận đầu tiên ở đây", NOW)])]
    sites.append(api)
    pages = 0

    def endless(_: dict[str, str]) -> dict[str, Any]:
        nonlocal pages
        pages += 1
        items = []
        for number in range(100):
            snippet = {"videoId": "vidVoTan", "textDisplay": f"Bình luận {pages} số {number} không bao giờ hết", "publishedAt": iso(NOW)}
            top = {"id": f"Ug{pages}x{number}", "snippet": snippet}
            items.append({"id": top["id"], "snippet": {"videoId": "vidVoTan", "totalReplyCount": 0, "topLevelComment": top}})
        return {"items": items, "nextPageToken": f"trang{pages}"}

    monkeypatch.setattr(api, "_commentThreads", endless)
    voice = {"type": "youtube", "channel": api.channel, "key_env": VARIABLE, "api": f"{api.url}/youtube/v3"}
    office.source("kenh", "youtube.com", kind="video", delay=0.05, voice=voice)
    _, articles = crawled(office, "r1", "--minutes", "0.05")
    assert len(articles) > 100
    before = pages
    begun = time.monotonic()
    _, more = crawled(office, "r2", "--minutes", "0.03")
    assert time.monotonic() - begun < 40
    assert pages > before, "the next round goes on"
    assert not {article.id for article in articles} & {article.id for article in more}


def test_a_page_full_of_markup_costs_little(tmp_path: Path, sites: list[Site]) -> None:
    office = Office(tmp_path)
    forum = XenForoForum()
    forum.posts_a_page = 400
    posts = [Reply(100 + n, f"Ý kiến số {n} của tôi là {'<b><i>' * 60}như vậy{'</i></b>' * 60}", NOW) for n in range(400)]
    forum.threads = [Thread(1, "Chủ đề nặng", posts)]
    sites.append(forum)
    office.source(
        "dd", forum.domain, kind="forum", voice={"type": "xenforo", "url": forum.url, "nodes": [f"{forum.url}/forums/dong-thap.5/"]}
    )
    begun = time.monotonic()
    summary, articles = crawled(office, "r1")
    assert (summary["fetched"], len(articles)) == (400, 400)
    assert time.monotonic() - begun < 50


def test_a_robots_txt_that_cannot_be_had_means_wait(tmp_path: Path, sites: list[Site]) -> None:
    office = Office(tmp_path)
    forum = XenForoForum()
    sites.append(forum)

    def broken(_: Seen) -> Answer:
        return Answer("", 500)

    forum.routes["/robots.txt"] = broken
    office.source(
        "dd", forum.domain, kind="forum", voice={"type": "xenforo", "url": forum.url, "nodes": [f"{forum.url}/forums/dong-thap.5/"]}
    )
    summary, _ = crawled(office, "r1", "--set", "RETRY_TIMES=0")
    assert "robots.txt unreachable" in summary["problems"][0]["problem"]
    assert set(forum.paths()) == {"/robots.txt"}
