"""Filling a gap in the past: through sitemaps by month, archives by page and by day, robots.txt; after a kill it goes on."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from crawlers.runs import read_run
from diembao.source import Source
from diembao.state import Progress, State
from tests.chain.crawlers_press import Answer, Office, Site, article_page

pytestmark = pytest.mark.xdist_group("crawlers")

LAST = date(2026, 11, 20)


def _page_of(day: date, number: int) -> Answer:
    return Answer(article_page(number, title=f"Tin số {number} ngày {day:%d-%m}").replace("2026-11-20T07", f"{day}T07"))


def _urlset(entries: list[tuple[str, date]]) -> Answer:
    urls = "".join(f"<url><loc>{url}</loc><lastmod>{day}</lastmod></url>" for url, day in entries)
    return Answer(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>', content_type="application/xml")


def _by_month(site: Site, months: int, a_month: int) -> None:
    """A sitemap index with one sitemap a month of 2026, `a_month` pages in each."""
    index = ""
    for month in range(1, months + 1):
        name = f"/sitemap-2026-{month:02d}.xml"
        entries = []
        for number in range(a_month):
            day = date(2026, month, 2 + number)
            path = f"/m{month}-{number}.html"
            site.routes[path] = _page_of(day, month * 10 + number)
            entries.append((site.url + path, day))
        site.routes[name] = _urlset(entries)
        index += f"<sitemap><loc>{site.url}{name}</loc></sitemap>"
    index += f"<sitemap><loc>{site.url}/image-sitemap.xml</loc></sitemap>"
    site.routes["/sitemap.xml"] = Answer(f"<sitemapindex>{index}</sitemapindex>", content_type="application/xml")


def _dates(office: Office, run: str) -> list[str]:
    return sorted(str(article.published_at)[:10] for article in read_run(office.home / "runs" / run).articles())


def test_only_the_sitemaps_and_pages_of_the_days_are_asked_for(tmp_path: Path) -> None:
    site, office = Site(), Office(tmp_path)
    _by_month(site, 11, 4)
    # Not in the entry: robots.txt names it.
    site.routes["/robots.txt"] = Answer(f"User-agent: *\nDisallow:\nSitemap: {site.url}/maps/index.xml\n", content_type="text/plain")
    site.routes["/maps/index.xml"] = site.routes.pop("/sitemap.xml")
    office.source("bao", site.domain, feeds=[f"{site.url}/rss"], homepage=f"{site.url}/")
    # So few wait in memory that most have to come back from the database.
    done = office.crawl("fill", "--since", "2026-02-03", "--until", "2026-03-03", "--set", "DIEMBAO_QUEUE_MAX=2")
    assert done.returncode == 0, done.stderr
    assert _dates(office, "fill") == ["2026-02-03", "2026-02-04", "2026-02-05", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"]
    asked = Counter(site.paths())
    site.close()
    assert {path for path in asked if path.endswith(".xml")} == {
        "/sitemap.xml",  # the usual place, tried first
        "/maps/index.xml",
        "/sitemap-2026-02.xml",
        "/sitemap-2026-03.xml",
    }
    assert "/m2-0.html" not in asked  # changed before the first day
    assert asked["/rss"] == 0
    assert {count for path, count in asked.items() if path.endswith(".html")} == {1}
    assert office.summary("fill")["problems"] == []


def test_an_archive_is_walked_until_its_pages_are_too_old(tmp_path: Path) -> None:
    site, office = Site(), Office(tmp_path)
    for number in range(60):
        site.routes[f"/tin-{number}.html"] = _page_of(LAST - timedelta(days=number), number)

    def listing(page: int) -> Answer:
        # Five a page; behind the last one the site repeats it for ever. The oldest of all is pinned on top.
        first = min(page - 1, 11) * 5
        numbers = [59, *range(first, first + 5)]
        return Answer("".join(f'<h3><a href="/tin-{number}.html">tin</a></h3>' for number in numbers))

    for page in range(1, 40):
        site.routes[f"/thoi-su/trang-{page}.html"] = listing(page)
    office.source(
        "bao", site.domain, feeds=[f"{site.url}/rss"], archives=[{"url": f"{site.url}/thoi-su/trang-{{page}}.html", "links": "h3 a"}]
    )
    done = office.crawl("fill", "--since", str(LAST - timedelta(days=12)), "--until", str(LAST))
    assert done.returncode == 0, done.stderr
    walked = [path for path in site.paths() if path.startswith("/thoi-su")]
    assert walked == [f"/thoi-su/trang-{page}.html" for page in range(1, 5)]
    days = _dates(office, "fill")
    assert {str(LAST - timedelta(days=number)) for number in range(13)} <= set(days)

    # Everything: the walk ends where the site has nothing new to say.
    asked = len(site.seen)
    assert office.crawl("all", "--since", "2020-01-01", "--until", str(LAST)).returncode == 0
    again = site.paths()[asked:]
    site.close()
    assert [path for path in again if path.startswith("/thoi-su")] == [f"/thoi-su/trang-{page}.html" for page in range(1, 14)]
    assert len(_dates(office, "all")) + len(days) == 60


def test_an_archive_by_day_is_asked_for_each_day_once(tmp_path: Path) -> None:
    site, office = Site(), Office(tmp_path)
    for number in range(6):
        day = LAST - timedelta(days=number)
        site.routes[f"/tin-{number}.html"] = _page_of(day, number)
        site.routes[f"/luu-tru/{day:%d-%m-%Y}/1"] = Answer(f'<h3><a href="/tin-{number}.html">tin</a></h3>')
        site.routes[f"/luu-tru/{day:%d-%m-%Y}/2"] = Answer("<p>Không có tin.</p>")
    archive = {"url": f"{site.url}/luu-tru/{{day}}/{{page}}", "links": "h3 a", "date_format": "%d-%m-%Y"}
    office.source("bao", site.domain, feeds=[f"{site.url}/rss"], archives=[archive], recrawl_hours=6.0)
    for run in ("fill", "again"):
        assert office.crawl(run, "--since", str(LAST - timedelta(days=3)), "--until", str(LAST - timedelta(days=1))).returncode == 0
    asked = Counter(path for path in site.paths() if path != "/robots.txt")
    site.close()
    assert _dates(office, "fill") == ["2026-11-17", "2026-11-18", "2026-11-19"]
    assert set(asked.values()) == {1}
    assert len(asked) == 9
    assert office.summary("again")["fetched"] == 0


def test_a_killed_backfill_goes_on_and_fetches_nothing_twice(tmp_path: Path) -> None:
    site, office = Site(), Office(tmp_path)
    _by_month(site, 6, 8)
    office.source("bao", site.domain, sitemaps=[f"{site.url}/sitemap.xml"], delay=0.02, recrawl_hours=6.0)
    arguments = ("--since", "2026-01-01", "--until", "2026-06-30")
    process = subprocess.Popen(office.command("killed", *arguments), env=office.environment, stderr=subprocess.DEVNULL)
    lines = office.home / "runs/killed/articles.jsonl"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and (not lines.exists() or lines.read_bytes().count(b"\n") < 10):
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = {article.url for article in read_run(lines.parent).articles()}
    assert 10 <= len(before) < 48
    asked = len(site.seen)
    done = office.crawl("next", *arguments)
    assert done.returncode == 0, done.stderr
    again = {site.url + path for path in site.paths()[asked:]}
    site.close()
    assert not before & again
    after = [article.url for article in read_run(office.home / "runs/next").articles()]
    assert len(after) + len(before) == 48
    assert not before & set(after)
    state = State(f"sqlite:///{office.home / 'state.sqlite'}")
    with state.session() as session:
        row = session.get_one(Progress, "backfill:bao")
        assert len(row.cursor["done"]) == 6
    state.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--backfill"], "--backfill needs --since"),
        (["--since", "2026-01-01"], "--backfill needs --since"),
        (["--backfill", "--since", "2026-02-01", "--until", "2026-01-01"], "is after --until"),
        (["--backfill", "--since", "1/2/2026"], "does not match the format"),
    ],
)
def test_a_wrong_call_says_what_to_do(tmp_path: Path, arguments: list[str], message: str) -> None:
    office = Office(tmp_path)
    office.source("bao", "bao.vn", sitemaps=["https://bao.vn/sitemap.xml"])
    command = [office.command("x")[0], "-m", "cli", "crawl", *arguments]
    done = subprocess.run(command, env=office.environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize("url", ["https://bao.vn/tin", "https://bao.vn/{nam}", "https://bao.vn/{day}/{month}", "ftp://bao.vn/{page}"])
def test_an_archive_without_a_place_for_the_page_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Source.model_validate({"id": "bao", "name": "Báo", "domain": "bao.vn", "feeds": ["https://bao.vn/rss"], "archives": [{"url": url}]})
