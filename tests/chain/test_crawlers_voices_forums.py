"""Forums and feeds without pages, from local servers with XenForo's own markup and Discourse's own JSON (tests/chain/voices.py)."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawlers.runs import read_run
from diembao.article import Article
from tests.chain.crawlers_press import Answer, Office, Site
from tests.chain.test_crawlers_commands import diembao
from tests.chain.test_crawlers_voices_youtube import crawled, everything_in
from tests.chain.voices import DiscourseForum, Reply, Thread, XenForoForum

NOW = datetime.now(UTC).replace(microsecond=0)

pytestmark = pytest.mark.xdist_group("crawlers-voices-forums")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


# --- XenForo ---

_QUOTE = (
    '<blockquote class="bbCodeBlock bbCodeBlock--expandable bbCodeBlock--quote js-expandWatch"><div class="bbCodeBlock-title">'
    '<a href="/goto/post?id=501" class="bbCodeBlock-sourceJump">ThanhVienKin said:</a></div>'
    '<div class="bbCodeBlock-content">Đường này hư ba năm rồi</div></blockquote>'
)


@pytest.fixture
def xenforo() -> Iterator[XenForoForum]:
    forum = XenForoForum()
    forum.threads = [
        Thread(
            41,
            "Đường tỉnh 848 xuống cấp",
            [
                Reply(501, "Đường này hư ba năm rồi.<br />Bao giờ sửa?<br />\n<br />\nGọi 0912345678 là tôi.", NOW - timedelta(hours=30)),
                *(
                    Reply(501 + n, f"{_QUOTE}Đồng ý với bạn, lần thứ {n} tôi đi qua đó", NOW - timedelta(hours=30 - n), f"NguoiLa{n}")
                    for n in range(1, 8)
                ),
            ],
        ),
        Thread(42, "Chợ nổi & du lịch", [Reply(601, "Chợ nổi cuối tuần đông quá anh em ơi", NOW - timedelta(hours=50))]),
    ]
    yield forum
    forum.close()


def forum(office: Office, server: Site, **voice: Any) -> None:
    office.source("dien-dan", server.domain, kind="forum", voice={"url": server.url, **voice})


def test_a_thread_is_an_article_for_each_post(office: Office, xenforo: XenForoForum) -> None:
    forum(office, xenforo, type="xenforo", nodes=[f"{xenforo.url}/forums/dong-thap.5/"])
    summary, articles = crawled(office, "r1")
    assert summary["problems"] == []
    by_url = {article.url.removeprefix(xenforo.url): article for article in articles}
    opening = by_url["/threads/41"]
    assert (opening.title, opening.section, opening.kind) == ("Đường tỉnh 848 xuống cấp", "Đồng Tháp", "forum")
    assert opening.body == "Đường này hư ba năm rồi.\nBao giờ sửa?\nGọi 091xxxxxxx là tôi."
    assert opening.published_at == NOW - timedelta(hours=30)
    reply = by_url["/threads/41/post-507"]  # on the third page of the thread
    assert reply.title == reply.body == "Đồng ý với bạn, lần thứ 6 tôi đi qua đó"
    assert reply.section == "Đường tỉnh 848 xuống cấp"
    assert by_url["/threads/42"].title == "Chợ nổi & du lịch"
    assert len(articles) == 9
    stored = everything_in(office.home)
    assert b"bbWrapper" in stored
    for name in ("ThanhVienKin", "NguoiLa", "kin.7", "avatars/7.jpg", "0912345678", "Chữ ký"):
        assert name.encode() not in stored, name
    assert xenforo.paths()[0] == "/robots.txt"


def test_a_thread_goes_on_at_its_last_page_and_deleted_posts_are_found(office: Office, xenforo: XenForoForum) -> None:
    forum(office, xenforo, type="xenforo", nodes=[f"{xenforo.url}/forums/dong-thap.5/"])
    office.source(
        "dien-dan",
        xenforo.domain,
        kind="forum",
        recrawl_hours=6.0,
        voice={"type": "xenforo", "url": xenforo.url, "nodes": [f"{xenforo.url}/forums/dong-thap.5/"]},
    )
    crawled(office, "r1")
    xenforo.threads[0].posts.append(Reply(520, "Hôm nay đã thấy công nhân ra đo đạc", NOW - timedelta(minutes=3)))
    before = len(xenforo.seen)
    _, articles = crawled(office, "r2")
    assert [article.body for article in articles] == ["Hôm nay đã thấy công nhân ra đo đạc"]
    pages = [path for path in xenforo.paths()[before:] if path.startswith("/threads/chu-de-so.41/")]
    assert pages == ["/threads/chu-de-so.41/page-3"]
    # Every post is due: one page settles its neighbours too.
    forum(office, xenforo, type="xenforo", nodes=[f"{xenforo.url}/forums/dong-thap.5/"])
    del xenforo.threads[0].posts[4]
    _make_due(office)
    before = len(xenforo.seen)
    summary, articles = crawled(office, "r3")
    assert articles == []
    assert summary["dropped"] == {"not_found": 1}
    assert summary["unchanged"] == 9
    assert len([path for path in xenforo.paths()[before:] if "/threads/chu-de-so" in path]) <= 5


def _make_due(office: Office) -> None:
    with sqlite3.connect(office.home / "state.sqlite") as database:
        database.execute("UPDATE fetch_state SET next_fetch_at = '2000-01-01 00:00:00.000000' WHERE role = 'article'")


def test_lists_of_threads_as_rss(office: Office, xenforo: XenForoForum) -> None:
    forum(office, xenforo, type="xenforo", nodes=[f"{xenforo.url}/forums/dong-thap.5/"], rss=True)
    summary, articles = crawled(office, "r1")
    assert summary["problems"] == []
    assert len(articles) == 9
    xenforo.threads[1].posts.append(Reply(602, "Tuần này chợ nổi lại vắng khách rồi", NOW))
    _, articles = crawled(office, "r2")
    assert [article.url for article in articles] == [f"{xenforo.url}/threads/42/post-602"]


def test_of_a_very_long_thread_the_first_and_the_last_pages_are_read(office: Office, xenforo: XenForoForum) -> None:
    posts = [Reply(1000 + n, f"Góp ý số {n} về chuyện cầu đường ở quê", NOW - timedelta(minutes=300 - n)) for n in range(90)]
    xenforo.threads = [Thread(77, "Chuyện cầu đường", posts)]
    forum(office, xenforo, type="xenforo", nodes=[f"{xenforo.url}/forums/dong-thap.5/"], pages_max=3)
    _, articles = crawled(office, "r1")
    numbers = sorted(int(article.body.split()[3]) for article in articles)
    assert numbers == [0, 1, 2, *range(81, 90)]


def test_a_page_that_is_no_thread_deletes_nothing(office: Office, xenforo: XenForoForum) -> None:
    forum(office, xenforo, type="xenforo", nodes=[f"{xenforo.url}/forums/dong-thap.5/"])
    crawled(office, "r1")
    wall = Answer("<html><body>Đang bảo trì, mời quay lại sau</body></html>")
    for path in {seen.path for seen in xenforo.seen if seen.path.startswith("/threads/")}:
        xenforo.routes[path] = wall
    summary, articles = crawled(office, "r2")
    assert (articles, summary["dropped"]) == ([], {})
    assert "not a thread of XenForo 2" in summary["problems"][0]["problem"]


# --- Discourse ---


@pytest.fixture
def discourse() -> Iterator[DiscourseForum]:
    server = DiscourseForum()
    quoted = (
        '<aside class="quote no-group" data-username="ThanhVienKin" data-post="1" data-topic="9"><div class="title">'
        '<img src="/user_avatar/x/kin/24/7.png" class="avatar"> ThanhVienKin:</div><blockquote><p>Trạm thu phí kẹt</p></blockquote></aside>'
    )
    server.threads = [
        Thread(
            9,
            "Trạm thu phí kẹt xe",
            [
                Reply(901, "<p>Trạm thu phí kẹt xe mỗi chiều.</p><p>Ai cũng khổ, gọi 0912 345 678.</p>", NOW - timedelta(hours=20)),
                *(
                    Reply(
                        901 + n,
                        f'{quoted}<p><a class="mention" href="/u/thanhvienkin">@thanhvienkin</a> tôi góp ý lần {n}</p>',
                        NOW - timedelta(hours=20) + timedelta(minutes=n),
                    )
                    for n in range(1, 50)
                ),
            ],
        ),
        Thread(8, "Lịch họp tổ dân phố", [Reply(801, "<p>Tối nay họp tổ dân phố lúc 19 giờ</p>", NOW - timedelta(hours=40))]),
    ]
    yield server
    server.close()


def test_topics_are_articles_for_each_post(office: Office, discourse: DiscourseForum) -> None:
    forum(office, discourse, type="discourse")
    summary, articles = crawled(office, "r1")
    assert summary["problems"] == []
    by_url = {article.url.removeprefix(discourse.url): article for article in articles}
    opening = by_url["/t/9"]
    assert opening.title == "Trạm thu phí kẹt xe"
    assert opening.body == "Trạm thu phí kẹt xe mỗi chiều.\nAi cũng khổ, gọi 091x xxx xxx."
    assert opening.canonical_url == f"{discourse.url}/t/chu-de-9/9"
    assert opening.tags == ["giao-thong"]
    assert by_url["/t/9/50"].body == "@… tôi góp ý lần 49"
    assert len(articles) == 51
    assert sum("/t/9/posts.json" in path for path in discourse.paths()) == 2  # 20 in the first answer, then 20 and 10
    stored = everything_in(office.home)
    assert b"cooked" in stored
    for name in ("ThanhVienKin", "thanhvienkin", "Nguyễn Văn Kín", "user_avatar", "0912 345 678"):
        assert name.encode() not in stored, name


def test_a_second_round_asks_for_new_posts_only(office: Office, discourse: DiscourseForum) -> None:
    entry = {"type": "discourse", "url": discourse.url}
    office.source("dien-dan", discourse.domain, kind="forum", recrawl_hours=6.0, voice=entry)
    crawled(office, "r1")
    before = len(discourse.seen)
    _, articles = crawled(office, "r2")
    assert articles == []
    assert [path for path in discourse.paths()[before:] if path != "/robots.txt"] == ["/latest.json"]
    discourse.threads[1].posts.append(Reply(802, "<p>Tổ trưởng nói mai mới họp nha bà con</p>", NOW))
    before = len(discourse.seen)
    _, articles = crawled(office, "r3")
    assert [article.url for article in articles] == [f"{discourse.url}/t/8/2"]
    assert [path for path in discourse.paths()[before:] if path != "/robots.txt"] == ["/latest.json", "/t/8.json"]
    # All are due; a deleted post is missing among its neighbours, a deleted topic is not found.
    del discourse.threads[0].posts[30]
    del discourse.threads[1]
    _make_due(office)
    before = len(discourse.seen)
    summary, _ = crawled(office, "r4")
    assert summary["dropped"] == {"not_found": 3}
    assert summary["unchanged"] == 49
    assert len(discourse.seen) - before < 15


def test_a_429_is_waited_for_as_its_body_says(office: Office, discourse: DiscourseForum) -> None:
    discourse.limited = 1
    discourse.wait_seconds = 2
    forum(office, discourse, type="discourse")
    summary, articles = crawled(office, "r1")
    first, second = [seen.moment for seen in discourse.seen if seen.path == "/latest.json"]
    assert second - first > 1.9  # DIEMBAO_BACK_OFF alone is 0.1 s in the tests
    assert summary["problems"] == []
    assert len(articles) == 51


def test_a_long_429_leaves_the_host_alone_also_in_the_next_round(office: Office, discourse: DiscourseForum) -> None:
    discourse.limited = 10
    discourse.wait_seconds = 600
    forum(office, discourse, type="discourse")
    summary, _ = crawled(office, "r1")
    asked = sum(path == "/latest.json" for path in discourse.paths())
    assert asked == 1
    assert summary["problems"]
    crawled(office, "r2")
    assert sum(path == "/latest.json" for path in discourse.paths()) == asked


def test_robots_txt_holds_for_forums(office: Office, discourse: DiscourseForum) -> None:
    discourse.routes["/robots.txt"] = Answer("User-agent: *\nDisallow: /\n", content_type="text/plain")
    forum(office, discourse, type="discourse")
    summary, articles = crawled(office, "r1")
    assert articles == []
    assert "robots.txt forbids it" in summary["problems"][0]["problem"]
    assert set(discourse.paths()) == {"/robots.txt"}


def test_kills_lose_nothing_and_make_nothing_double(office: Office, discourse: DiscourseForum) -> None:
    """Killed when the list was answered, when a topic was, and among its further posts; each time a little later than that."""
    entry = {"type": "discourse", "url": discourse.url}
    office.source("dien-dan", discourse.domain, kind="forum", delay=0.15, recrawl_hours=6.0, voice=entry)
    found: list[tuple[str, str]] = []
    kills = ("/latest.json", "/t/9.json", "posts.json")
    for number, path in enumerate(kills):
        before = len(discourse.seen)
        process = subprocess.Popen(
            office.command(f"k{number}"), env=office.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 30
        while not any(path in seen for seen in discourse.paths()[before:]) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(0.01 * number)
        process.kill()
        process.wait()
        found += [(article.id, article.content_hash) for article in read_run(office.home / "runs" / f"k{number}").articles()]
    assert len(found) < 51
    summary, rest = crawled(office, "k9")
    found += [(article.id, article.content_hash) for article in rest]
    assert len({post for post, _ in found}) == 51
    assert len(set(found)) == 51, "no post has two texts"
    # A kill between a post's line and the memory of it: the same line again, which the engine takes for unchanged.
    assert len(found) - 51 <= len(kills)
    assert summary["problems"] == []


@pytest.mark.parametrize("kind", ["discourse", "xenforo"])
def test_check_knows_a_forum_from_another_page(office: Office, discourse: DiscourseForum, xenforo: XenForoForum, kind: str) -> None:
    good = {"discourse": discourse, "xenforo": xenforo}[kind]
    nodes = {"nodes": [f"{good.url}/forums/dong-thap.5/"]} if kind == "xenforo" else {}
    forum(office, good, type=kind, **nodes)
    done = diembao(office, "sources", "check", "dien-dan", "--json")
    assert json.loads(done.stdout)["state"] == "ok", done.stdout
    for path in ("/latest.json", "/forums/dong-thap.5/"):
        good.routes[path] = Answer("<html><body>Chào mừng</body></html>")
    done = diembao(office, "sources", "check", "dien-dan", "--json")
    verdict = json.loads(done.stdout)
    assert verdict["state"] == "red"
    assert "cannot be read: not " in verdict["reasons"][0]


# --- feeds without pages ---


def test_the_entries_of_a_feed_are_the_articles(office: Office) -> None:
    site = Site()
    long_text = "".join(f"<p>Đoạn {n}: nước lũ đang lên nhanh ở đầu nguồn.</p>" for n in range(5))
    entries = (
        "<item><title>Cảnh báo lũ</title><guid isPermaLink='false'>cb-1</guid><pubDate>Fri, 20 Nov 2026 07:00:00 +0700</pubDate>"
        f"<content:encoded><![CDATA[{long_text}<script>alert(1)</script>]]></content:encoded><description>Tóm tắt</description></item>"
        "<item><title>Cảnh báo lũ</title><guid isPermaLink='false'>cb-1</guid><description>trùng</description></item>"
        f"<item><title>Mưa &lt;b&gt;lớn&lt;/b&gt;</title><link>{site.url}/mua</link>"
        "<description>Chiều nay có mưa lớn diện rộng.</description><pubDate>Fri, 20 Nov 2099 07:00:00 +0700</pubDate></item>"
        "<item><title></title><description></description></item>"
    )
    site.routes["/canh-bao.rss"] = Answer(
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"<title>Đài khí tượng</title>{entries}</channel></rss>",
        content_type="application/rss+xml",
    )
    try:
        office.source("kttv", site.domain, kind="portal", voice={"type": "feed", "url": f"{site.url}/canh-bao.rss"})
        summary, articles = crawled(office, "r1")
        assert summary["problems"] == []
        assert [(article.title, article.kind) for article in articles] == [("Cảnh báo lũ", "portal"), ("Mưa lớn", "portal")]
        assert articles[0].body.splitlines()[4] == "Đoạn 4: nước lũ đang lên nhanh ở đầu nguồn."
        assert "alert" not in articles[0].body
        assert articles[0].published_at == datetime(2026, 11, 20, tzinfo=UTC)
        assert articles[1].published_at is None
        assert articles[1].url == f"{site.url}/mua"
        _, again = crawled(office, "r2")
        assert again == []
        assert set(site.paths()) == {"/robots.txt", "/canh-bao.rss"}, "no page behind the feed is asked for"
        done = subprocess.run(
            [sys.executable, "-m", "crawlers.replay", "r1"], env=office.environment, capture_output=True, text=True, timeout=60, check=False
        )
        replayed = [Article.from_record(json.loads(line)) for line in done.stdout.splitlines()]
        assert [one.content_hash for one in replayed] == [one.content_hash for one in articles]
    finally:
        site.close()
