"""One real crawl over a dozen awkward outlets on loopback, a second one, and what a kill leaves."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crawlers.__main__ import main
from crawlers.archive import read_record, read_run_pages
from crawlers.registry import read_each
from crawlers.replay import replay
from crawlers.runs import CrawlRun, PageFate, read_run
from crawlers.spool import left_over, waiting_pages
from diembao.article import Article
from diembao.errors import DiembaoError
from diembao.fates import Fate
from diembao.urls import article_id
from tests.chain.crawlers_press import Answer, Office, Seen, Site, article_page, body_of, rss

pytestmark = pytest.mark.xdist_group("crawlers")

FAST = ("--set", "DOWNLOAD_TIMEOUT=3", "--set", "RETRY_TIMES=1", "--set", "DIEMBAO_RETRY_AFTER_MAX=5")


class Landscape:
    """The sites by name, the office, and the runs made so far."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(folder)
        self.sites: dict[str, Site] = {}
        self.stderr: dict[str, str] = {}

    def site(self, name: str, **fields: Any) -> Site:
        site = self.sites[name] = Site()
        fields = {
            key: [value.replace("SITE", site.url) for value in values] if key != "listings" else values for key, values in fields.items()
        }
        for listing in fields.get("listings", []):
            listing["url"] = listing["url"].replace("SITE", site.url)
        self.office.source(name, site.domain, **fields)
        return site

    def crawl(self, run: str, *arguments: str) -> CrawlRun:
        done = self.office.crawl(run, *FAST, *arguments)
        assert done.returncode == 0, done.stderr
        self.stderr[run] = done.stderr
        return self.run(run)

    def run(self, name: str) -> CrawlRun:
        return read_run(self.office.home / "runs" / name)


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(b".")
        handler.wfile.flush()
        time.sleep(0.1)


def _hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def _first_then(status: int, headers: dict[str, str], then: Answer) -> Any:
    calls = Counter[str]()

    def answer(seen: Seen) -> Answer:
        calls[seen.path] += 1
        return then if calls[seen.path] > 1 else Answer("later", status, headers=headers)

    return answer


def _conditional(answer: Answer, etag: str) -> Any:
    def conditional(seen: Seen) -> Answer:
        if seen.headers.get("if-none-match") == etag:
            return Answer(b"", 304, headers={"ETag": etag})
        return Answer(answer.body, answer.status, answer.content_type, {**answer.headers, "ETag": etag})

    return conditional


def _build(landscape: Landscape) -> None:
    site = landscape.site("rss", feeds=["SITE/rss"])
    site.routes["/robots.txt"] = Answer("User-agent: *\nDisallow: /cam/\n", content_type="text/plain")
    site.routes["/rss"] = _conditional(
        rss([f"{site.url}/bai-{n}.html?utm_source=rss" for n in range(1, 5)] + [f"{site.url}/cam/a.html"]), '"feed-1"'
    )
    for number in range(1, 5):
        site.routes[f"/bai-{number}.html?utm_source=rss"] = Answer(article_page(number))
    site.routes["/bai-1.html?utm_source=rss"] = _conditional(Answer(article_page(1)), '"bai-1"')
    site.routes["/cam/a.html"] = Answer(article_page(99))

    site = landscape.site("atom", feeds=["SITE/atom"])
    site.routes["/robots.txt"] = Answer("User-agent: DiemBao\nCrawl-delay: 0.4\n", content_type="text/plain")
    entries = "".join(
        f'<entry><id>tag:{n}</id><title>x</title><link href="/tin/{n}.html"/><updated>2026-11-20T0{n}:00:00Z</updated></entry>'
        for n in range(1, 5)
    )
    site.routes["/atom"] = Answer(
        f'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{entries}</feed>', content_type="application/atom+xml"
    )
    for number in range(1, 5):
        site.routes[f"/tin/{number}.html"] = Answer(article_page(10 + number))

    site = landscape.site("newsmap", sitemaps=["SITE/news.xml"])
    urls = "".join(
        f"<url><loc>{site.url}/n{n}.html</loc><n:news><n:publication_date>2026-11-2{n}T08:00:00+07:00</n:publication_date></n:news></url>"
        for n in (0, 1)
    )
    namespace = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"'
    site.routes["/news.xml"] = Answer(f"<urlset {namespace}>{urls}</urlset>", content_type="application/xml")
    site.routes["/n0.html"], site.routes["/n1.html"] = Answer(article_page(20)), Answer(article_page(21))

    site = landscape.site("mapindex", sitemaps=["SITE/index.xml.gz"])
    index = f"<sitemapindex><sitemap><loc>{site.url}/one.xml.gz</loc></sitemap><sitemap><loc>http://elsewhere.invalid/x.xml</loc></sitemap></sitemapindex>"
    site.routes["/index.xml.gz"] = Answer(gzip.compress(index.encode()), content_type="application/gzip")
    one = f"<urlset><url><loc>{site.url}/m1.html</loc></url><url><loc>{site.url}/image.jpg</loc></url></urlset>"
    site.routes["/one.xml.gz"] = Answer(gzip.compress(one.encode()), content_type="application/gzip")
    site.routes["/m1.html"] = Answer(gzip.compress(article_page(30).encode()), headers={"Content-Encoding": "gzip"})

    site = landscape.site("listing", listings=[{"url": "SITE/thoi-su", "links": "h3.tin a"}])
    links = '<h3 class="tin"><a href="/thoi-su/a1.html#anh">1</a></h3><h3 class="tin"><a href="a2.html">2</a></h3>'
    site.routes["/thoi-su"] = Answer(
        f'<base href="/thoi-su/"><nav><a href="/lien-he">Liên hệ</a></nav>{links}<h3 class="tin"><a href="http://other.invalid/x">x</a></h3>'
    )
    site.routes["/thoi-su/a1.html"], site.routes["/thoi-su/a2.html"] = Answer(article_page(40)), Answer(article_page(41))

    _build_trouble(landscape)

    site = landscape.site("norobots", feeds=["SITE/rss"])
    site.routes["/robots.txt"] = Answer("broken", 500)
    site.routes["/rss"] = rss([f"{site.url}/a.html"])
    # Larger than what is read at once: page and feed go through a process of their own.
    site = landscape.site("large", feeds=["SITE/rss"])
    feed = rss([f"{site.url}/lon.html"])
    site.routes["/rss"] = Answer(str(feed.body).replace("<item>", f"<!-- {'x' * 300_000} --><item>", 1), content_type="application/rss+xml")
    site.routes["/lon.html"] = Answer(article_page(60, head=f"<script>{'x' * 600_000}</script>"))
    landscape.site("emptyfeed", feeds=["SITE/rss"]).routes["/rss"] = rss([])
    landscape.site("nofeed", feeds=["SITE/rss"]).routes["/rss"] = Answer("<html><p>Trang chủ</p></html>")
    landscape.site("refused", feeds=["SITE/rss"]).close()
    (landscape.office.config / "sources" / "unreadable.toml").write_text("name = 'a'\ndomain = ")

    site = landscape.site("throttled", feeds=["SITE/rss"])
    site.routes["/rss"] = rss([f"{site.url}/t{n}.html" for n in range(40)])
    for number in range(40):
        site.routes[f"/t{number}.html"] = Answer("slow down", 429, headers={"Retry-After": "3600"})


def _build_trouble(landscape: Landscape) -> None:
    site = landscape.site("trouble", feeds=["SITE/rss"])
    good = Answer(article_page(50))
    routes: dict[str, Any] = {
        "/gone.html": Answer("gone", 410),
        "/forbidden.html": Answer("no", 403),
        "/later.html": _first_then(429, {"Retry-After": "1"}, Answer(article_page(51))),
        "/error.html": Answer("oops", 500),
        "/unavailable.html": Answer("oops", 503),
        "/tarpit.html": Answer(behaviour=_drip),
        "/hangup.html": Answer(behaviour=_hang_up),
        "/loop.html": Answer(b"", 302, headers={"Location": "/loop.html?again"}),
        "/loop.html?again": Answer(b"", 302, headers={"Location": "/loop.html"}),
        "/away.html": Answer(b"", 301, headers={"Location": "http://elsewhere.invalid/a.html"}),
        "/scheme.html": Answer(b"", 301, headers={"Location": "file:///etc/passwd"}),
        "/moved.html": Answer(b"", 301, headers={"Location": "/new.html"}),
        "/new.html": Answer(article_page(52)),
        "/bomb.html": Answer(gzip.compress(b"a" * 50_000_000), headers={"Content-Encoding": "gzip"}),
        "/cut.html": Answer(gzip.compress(article_page(53).encode())[:-200], headers={"Content-Encoding": "gzip"}),
        "/large.html": Answer(b"<html><body>" + b"x" * 10_000_000),
        "/chunks.html": Answer(behaviour=_endless),
        "/charset.html": Answer(article_page(54).encode(), content_type="text/html; charset=iso-8859-1"),
        "/broken.html": Answer("<html><body><div><p>Chưa <b>đóng<table><tr>" + body_of(55).replace("</p>", "") + "<h1>Trang vỡ"),
        "/section.html": Answer("<html><head><title>Chuyên mục</title></head><body><ul><li><a href='/a'>A</a></li></ul></body></html>"),
        "/short.html": Answer(
            article_page(
                56,
                body="<p>Sáng nay mưa lớn làm ngập một đoạn đường vào trung tâm xã, xe cộ đi lại khó khăn.</p><p>Xã đang xử lý.</p>",
            )
        ),
        "/file.html": Answer(b"%PDF-1.7", content_type="application/pdf"),
        "/good.html": good,
        "/good-amp.html": Answer(article_page(50, head=f'<link rel="canonical" href="{site.url}/good.html">')),
    }
    site.routes.update(routes)
    names = [name for name in routes if name not in ("/new.html", "/loop.html?again", "/good-amp.html")]
    site.routes["/rss"] = rss([f"{site.url}{name}" for name in [*names, "/missing.html", "/good-amp.html"]])


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    chunk = b"a" * 1_000_000
    for _ in range(40):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landscape]:
    landscape = Landscape(tmp_path_factory.mktemp("press"))
    _build(landscape)
    landscape.crawl("run-1")
    yield landscape
    for name, site in landscape.sites.items():
        if name != "refused":
            site.close()


@pytest.fixture(scope="module")
def first(landscape: Landscape) -> CrawlRun:
    return landscape.run("run-1")


@pytest.fixture(scope="module")
def fates(first: CrawlRun) -> dict[str, PageFate]:
    return {fate.url.rpartition("/")[2].partition("?")[0]: fate for fate in first.fates() if fate.source == "trouble"}


@pytest.fixture(scope="module")
def second(landscape: Landscape, first: CrawlRun) -> CrawlRun:
    site = landscape.sites["rss"]
    site.routes["/bai-2.html?utm_source=rss"] = Answer(
        article_page(2, body=body_of(2) + "<p>Bổ sung: đê bao đã được hàn khẩu vào chiều cùng ngày.</p>")
    )
    return landscape.crawl("run-2", *(argument for name in ("rss", "newsmap", "mapindex", "listing") for argument in ("--source", name)))


@pytest.mark.parametrize(("source", "articles"), [("rss", 4), ("atom", 4), ("newsmap", 2), ("mapindex", 1), ("listing", 2), ("large", 1)])
def test_every_kind_of_entrance_leads_to_its_articles(first: CrawlRun, source: str, articles: int) -> None:
    found = [article for article in first.articles() if article.source == source]
    assert len(found) == articles
    assert all(article.title.startswith("Xã số") and "huy động" in article.body for article in found)
    assert {article.page_kind for article in found} == {"article"}
    assert all(article.archive and article.fetched_at and article.first_seen_at == article.fetched_at for article in found)


@pytest.mark.parametrize(
    ("page", "fate"),
    [
        ("missing.html", Fate.NOT_FOUND),
        ("gone.html", Fate.GONE),
        ("forbidden.html", Fate.HTTP_ERROR),
        ("later.html", None),
        ("error.html", Fate.SERVER_ERROR),
        ("unavailable.html", Fate.THROTTLED),
        ("tarpit.html", Fate.TIMEOUT),
        ("hangup.html", Fate.NETWORK_ERROR),
        ("loop.html", Fate.REDIRECT_LOOP),
        ("away.html", Fate.LEFT_SITE),
        ("scheme.html", Fate.LEFT_SITE),
        ("new.html", None),
        ("bomb.html", Fate.TOO_LARGE),
        ("cut.html", Fate.PARSE_ERROR),
        ("large.html", Fate.TOO_LARGE),
        ("chunks.html", Fate.TOO_LARGE),
        ("charset.html", None),
        ("section.html", Fate.NOT_ARTICLE),
        ("short.html", Fate.TOO_SHORT),
        ("file.html", Fate.NOT_HTML),
    ],
)
def test_each_kind_of_trouble_has_its_fate(fates: dict[str, PageFate], page: str, fate: Fate | None) -> None:
    assert fates[page].fate is fate, fates[page].detail
    if fate not in (None, Fate.NOT_ARTICLE):
        assert fates[page].detail


def test_one_of_two_addresses_of_an_article_is_a_duplicate(fates: dict[str, PageFate]) -> None:
    assert {fates["good.html"].fate, fates["good-amp.html"].fate} == {None, Fate.DUPLICATE_URL}


def test_broken_html_keeps_its_text(first: CrawlRun, fates: dict[str, PageFate]) -> None:
    assert fates["broken.html"].fate is None
    (article,) = [article for article in first.articles() if article.url.endswith("/broken.html")]
    assert article.title == "Trang vỡ"
    assert article.body.startswith("Sáng 1 tháng 11, mưa lớn trên địa bàn xã số 55")


def test_a_wrong_charset_does_not_break_the_letters(first: CrawlRun) -> None:
    (article,) = [article for article in first.articles() if article.url.endswith("/charset.html")]
    assert article.title == "Xã số 54 khắc phục hậu quả ngập lụt"


def test_every_page_has_exactly_one_fate(first: CrawlRun) -> None:
    fates = list(first.fates())
    assert len({fate.page for fate in fates}) == len(fates)
    extracted = {fate.page for fate in fates if fate.fate is None}
    assert extracted == {article.id for article in first.articles()}
    assert all(fate.page == article_id(fate.url) for fate in fates)
    summary = first.summary
    assert summary["fetched"] == len(fates) == summary["extracted"] + summary["unchanged"] + sum(summary["dropped"].values())
    assert summary["fetched"] == sum(source["fetched"] for source in summary["sources"].values())
    assert not summary["interrupted"]


def test_robots_txt_is_obeyed(landscape: Landscape, first: CrawlRun) -> None:
    assert "/cam/a.html" not in landscape.sites["rss"].paths()
    (fate,) = [fate for fate in first.fates() if fate.url.endswith("/cam/a.html")]
    assert (fate.fate, fate.detail) == (Fate.BLOCKED_BY_ROBOTS, "robots.txt forbids it")


def test_crawl_delay_is_the_least_pause_between_two_requests(landscape: Landscape) -> None:
    moments = [seen.moment for seen in landscape.sites["atom"].seen if seen.path != "/robots.txt"]
    pauses = sorted(later - earlier for earlier, later in itertools.pairwise(moments))
    assert len(pauses) == 4
    # Arrivals are measured, departures are spaced: a late arrival shortens the pause after it.
    assert pauses[1] > 0.3
    assert moments[-1] - moments[0] > 1.3


def test_an_unreachable_robots_txt_means_wait(landscape: Landscape, first: CrawlRun) -> None:
    assert set(landscape.sites["norobots"].paths()) == {"/robots.txt"}
    assert any(problem.startswith("norobots: ") and "robots.txt unreachable: HTTP 500" in problem for problem in first.problems)


def test_the_user_agent_is_one_and_honest(landscape: Landscape) -> None:
    agents = {seen.headers["user-agent"] for site in landscape.sites.values() for seen in site.seen}
    assert agents == {"DiemBao/0.1.0 (press monitoring; +thu@example.vn)"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("emptyfeed", "the feed is empty"),
        ("nofeed", "the feed cannot be read: not a feed"),
        ("refused", "robots.txt unreachable: "),
        ("throttled", "pages in a row without an answer"),
        ("unreadable", "unreadable.toml: Invalid value"),
    ],
)
def test_a_source_that_gives_nothing_is_a_problem(landscape: Landscape, first: CrawlRun, source: str, problem: str) -> None:
    assert any(line.startswith(f"{source}: ") and problem in line for line in first.problems)
    assert any(line.startswith(f"PROBLEM {source}: ") for line in landscape.stderr["run-1"].splitlines())


def test_retry_after_is_waited_for(landscape: Landscape) -> None:
    moments = [seen.moment for seen in landscape.sites["trouble"].seen if seen.path == "/later.html"]
    assert len(moments) == 2
    assert moments[1] - moments[0] >= 0.95


def test_a_host_that_asks_to_be_left_alone_is_left_alone(landscape: Landscape, first: CrawlRun) -> None:
    asked = [path for path in landscape.sites["throttled"].paths() if path.startswith("/t")]
    assert len(asked) <= 3
    counts = first.summary["sources"]["throttled"]
    assert counts["dropped"].keys() == {"throttled"}
    assert counts["waiting"] + counts["fetched"] == 40
    before = len(landscape.sites["throttled"].seen)
    again = landscape.crawl("run-throttled", "--source", "throttled")
    assert len(landscape.sites["throttled"].seen) == before
    assert any("left alone" in problem for problem in again.problems)


def test_pages_are_kept_as_evidence(landscape: Landscape, first: CrawlRun) -> None:
    archive = landscape.office.home / "archive"
    for article in first.articles():
        assert article.archive is not None
        page = read_record(archive, article.archive)
        assert (page.url, page.fetched_at, page.status, page.source) == (article.url, article.fetched_at, 200, article.source)
    gzipped = next(article for article in first.articles() if article.source == "mapindex")
    assert gzipped.archive is not None
    page = read_record(archive, gzipped.archive)
    assert page.payload[:2] == b"\x1f\x8b"
    assert page.body().decode() == article_page(30)
    assert page.ip == "127.0.0.1"


def test_a_replay_from_the_archive_gives_the_same_articles(landscape: Landscape, first: CrawlRun) -> None:
    sources, _ = read_each(landscape.office.config / "sources")
    again = list(replay(landscape.office.home / "archive", "run-1", sources))
    assert [item.article for item in again if item.problem is None] == list(first.articles())
    assert {item.problem for item in again} >= {None, Fate.NOT_ARTICLE, Fate.TOO_SHORT}


def test_a_second_run_finds_everything_unchanged_and_one_edit(landscape: Landscape, first: CrawlRun, second: CrawlRun) -> None:
    before = {article.id: article for article in first.articles()}
    (edited,) = second.articles()
    assert edited.url.endswith("/bai-2.html?utm_source=rss")
    assert edited.content_hash != before[edited.id].content_hash
    assert edited.first_seen_at == before[edited.id].first_seen_at
    assert edited.fetched_at
    assert edited.first_seen_at
    assert edited.fetched_at > edited.first_seen_at
    summary = second.summary
    assert (summary["fetched"], summary["extracted"], summary["unchanged"]) == (10, 1, 8)
    assert summary["dropped"] == {"blocked_by_robots": 1}
    assert len(list(read_run_pages(landscape.office.home / "archive", "run-2"))) == 1


def test_what_did_not_change_is_asked_for_conditionally(landscape: Landscape, second: CrawlRun) -> None:
    site = landscape.sites["rss"]
    assert [seen.headers.get("if-none-match") for seen in site.seen if seen.path == "/rss"] == [None, '"feed-1"']
    assert [seen.headers.get("if-none-match") for seen in site.seen if seen.path.startswith("/bai-1.")] == [None, '"bai-1"']
    (entrance,) = second.summary["sources"]["rss"]["entrances"]
    assert entrance["outcome"] == "unchanged"


def test_a_page_waits_for_robots_txt_and_a_private_address_is_refused(tmp_path: Path) -> None:
    site = Site()
    office = Office(tmp_path)
    site.routes["/rss"] = rss([f"{site.url}/a.html"])
    office.source("inside", site.domain, feeds=[f"{site.url}/rss"])
    site.routes["/a.html"] = Answer(article_page(1))
    assert office.crawl("open").returncode == 0
    asked = len(site.seen)
    site.routes["/robots.txt"] = Answer("later", 503)
    assert office.crawl("waiting", *FAST).returncode == 0
    (fate,) = read_run(office.home / "runs" / "waiting").fates()
    assert (fate.fate, fate.detail) == (Fate.BLOCKED_BY_ROBOTS, "robots.txt unreachable: HTTP 503")
    assert set(site.paths()[asked:]) == {"/robots.txt"}
    asked = len(site.seen)
    (tmp_path / "config/office.toml").write_text("[crawl]\nallow_private_addresses = false\n")
    done = office.crawl("closed")
    site.close()
    assert len(site.seen) == asked
    (fate,) = read_run(office.home / "runs" / "closed").fates()
    assert fate.fate is Fate.PRIVATE_ADDRESS
    assert "127.0.0.1 is 127.0.0.1, an address inside a network" in done.stderr


@pytest.fixture(scope="module")
def slow_site() -> Iterator[Site]:
    site = Site()
    site.routes["/rss"] = _conditional(rss([f"{site.url}/k{n}.html" for n in range(60)]), '"one"')
    for number in range(60):
        site.routes[f"/k{number}.html"] = Answer(article_page(number))
    yield site
    site.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_stopped_is_readable_and_the_next_one_goes_on(tmp_path: Path, slow_site: Site, how: signal.Signals) -> None:
    office = Office(tmp_path)
    office.source("slow", slow_site.domain, feeds=[f"{slow_site.url}/rss"], delay=0.5, recrawl_hours=6.0)
    process = subprocess.Popen(office.command("stopped"), env=office.environment, stderr=subprocess.PIPE, text=True)
    lines = office.home / "runs/stopped/articles.jsonl"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (not lines.exists() or lines.read_bytes().count(b"\n") < 3):
        time.sleep(0.02)
    if how is signal.SIGTERM:
        second = office.crawl("at-the-same-time")
        assert second.returncode == 1
        assert "another crawl is at work" in second.stderr
    os.kill(process.pid, how)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode != 0
    stopped = read_run(lines.parent)
    before = {article.id for article in stopped.articles()}
    assert 3 <= len(before) < 60
    assert {fate.page for fate in stopped.fates() if fate.fate is None} == before
    assert stopped.ended is (how is signal.SIGTERM)
    if how is signal.SIGTERM:
        assert stopped.summary["interrupted"]
        assert "the crawl was interrupted" in stderr

    office.source("slow", slow_site.domain, feeds=[f"{slow_site.url}/rss"], delay=0.0, recrawl_hours=6.0)
    asked = len(slow_site.seen)
    assert office.crawl("next").returncode == 0
    assert before.isdisjoint(article_id(slow_site.url + path) for path in slow_site.paths()[asked:])
    after = [article.id for article in read_run(office.home / "runs/next").articles()]
    assert len(after) == len(set(after))
    assert before | set(after) == {article_id(f"{slow_site.url}/k{n}.html") for n in range(60)}
    assert not before & set(after)
    if how is signal.SIGTERM:
        assert office.crawl("third").returncode == 0
        assert office.summary("third")["fetched"] == 0


@pytest.mark.slow
def test_many_kills_lose_nothing_and_no_page_is_fetched_twice(tmp_path: Path) -> None:
    site = Site()
    site.routes["/rss"] = rss([f"{site.url}/k{n}.html" for n in range(80)])
    for number in range(80):
        site.routes[f"/k{number}.html"] = Answer(article_page(number))
    office = Office(tmp_path)
    office.source("killed", site.domain, feeds=[f"{site.url}/rss"], delay=0.01, recrawl_hours=6.0)
    chance = random.Random(7)
    waited_in_spool = 0
    fetched: set[str] = set()
    for number in range(6):
        asked = len(site.seen)
        process = subprocess.Popen(office.command(f"run-{number}"), env=office.environment, stderr=subprocess.DEVNULL)
        # From the first answer on: while pages are fetched, wait to be read, are read and written.
        while len(site.seen) < asked + 3 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 1.5))
        process.kill()
        process.wait()
        assert fetched.isdisjoint(site.paths()[asked:])
        # What was answered in full lies in the spool, or has its fate; of the two that were on their way nobody can know.
        spooled = {page.url for path in left_over(office.home / "spool") for _, _, page in waiting_pages(path)}
        waited_in_spool += len(spooled)
        runs = [read_run(folder) for folder in (office.home / "runs").iterdir()]
        fetched |= {urlsplit(url).path for url in spooled | {fate.url for run in runs for fate in run.fates()}}
    assert waited_in_spool
    asked = len(site.seen)
    assert office.crawl("last").returncode == 0
    assert fetched.isdisjoint(site.paths()[asked:])
    site.close()
    articles = [article.id for folder in (office.home / "runs").iterdir() for article in read_run(folder).articles()]
    assert sorted(articles) == sorted(article_id(f"{site.url}/k{n}.html") for n in range(80))
    assert not list((office.home / "spool").iterdir())


def test_a_kill_between_the_fate_of_a_page_and_the_memory_of_it_makes_no_second_fetch(tmp_path: Path) -> None:
    site, office = Site(), Office(tmp_path)
    site.routes["/rss"] = rss([f"{site.url}/k{n}.html" for n in range(40)])
    for number in range(40):
        site.routes[f"/k{number}.html"] = Answer(article_page(number))
    office.source("killed", site.domain, feeds=[f"{site.url}/rss"], delay=0.02, recrawl_hours=6.0)
    process = subprocess.Popen(office.command("first"), env=office.environment, stderr=subprocess.DEVNULL)
    lines = office.home / "runs/first/articles.jsonl"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (not lines.exists() or lines.read_bytes().count(b"\n") < 8):
        time.sleep(0.01)
    process.kill()
    process.wait()
    (journal,) = (office.home / "spool").glob("*.journal")
    remembered = journal.read_bytes().splitlines(keepends=True)
    left = [line for line in remembered if b'"fate": "extracted"' not in line]
    assert len(left) < len(remembered)
    journal.write_bytes(b"".join(left))
    before = {urlsplit(article.url).path for article in read_run(lines.parent).articles()}
    asked = len(site.seen)
    assert office.crawl("second").returncode == 0
    again = set(site.paths()[asked:])
    site.close()
    assert before
    assert before.isdisjoint(again)
    assert not list((office.home / "spool").iterdir())


def test_a_full_disk_costs_the_pages_that_it_cannot_hold_and_nothing_else(tmp_path: Path) -> None:
    site = Site()
    office = Office(tmp_path)
    office.source("big", site.domain, feeds=[f"{site.url}/rss"])
    site.routes["/rss"] = rss([f"{site.url}/b{n}.html" for n in range(8)])
    for number in range(8):
        noise = os.urandom(200_000).hex()
        site.routes[f"/b{number}.html"] = Answer(article_page(number, head=f"<!-- {noise} -->"))
    # Files of this process may not grow beyond one megabyte: the archive meets the limit, the small files do not.
    command = " ".join(["ulimit -f 1024;", "exec", *office.command("full", "--set", "LOG_ENABLED=0")])
    done = subprocess.run(["bash", "-c", command], env=office.environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    run = read_run(office.home / "runs/full")
    counts = Counter(fate.fate for fate in run.fates())
    assert counts[None] >= 2
    assert counts[Fate.ARCHIVE_FAILED] >= 2
    assert counts.total() == 8
    assert len(list(read_run_pages(office.home / "archive", "full"))) == counts[None]
    assert office.crawl("again").returncode == 0
    site.close()
    again = {article.id for article in read_run(office.home / "runs/again").articles()}
    assert again == {fate.page for fate in run.fates() if fate.fate is Fate.ARCHIVE_FAILED}


@pytest.mark.parametrize(
    ("prepare", "arguments", "code", "message"),
    [
        ("", ["--source", "la"], 2, "unknown source: la. Known: bao"),
        ("name = 'a'\ndomain = ", ["--source", "hong"], 1, "hong.toml: Invalid value"),
        (
            "name = 'a'\ndomain = 'a.vn'\nfeeds = ['https://a.vn/rss']\narticle_pattern = '('",
            ["--source", "hong"],
            1,
            "hong.toml: article_pattern: ",
        ),
        ("off", [], 1, "no source is enabled"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: str, arguments: list[str], code: int, message: str
) -> None:
    office = Office(tmp_path)
    office.source("bao", "bao.vn", feeds=["https://bao.vn/rss"], enabled=prepare != "off")
    if prepare and prepare != "off":
        (office.config / "sources/hong.toml").write_text(prepare)
    monkeypatch.setenv("DIEMBAO_HOME", str(office.home))
    monkeypatch.setenv("DIEMBAO_CONFIG", str(office.config))
    with pytest.raises(DiembaoError) as raised:
        main.main(["--run", "wrong", *arguments], standalone_mode=False)
    assert raised.value.exit_code == code
    assert message in str(raised.value)
    assert not (office.home / "runs" / "wrong").exists()


def test_articles_are_articles(first: CrawlRun) -> None:
    for line in (first.folder / "articles.jsonl").read_text().splitlines():
        assert Article.from_record(json.loads(line)).content_hash
