"""Articles on several pages, and articles under several addresses: one Article each, every page fetched once, every page one fate."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawlers.evidence import pack
from crawlers.replay import replay
from crawlers.revisions import history
from crawlers.runs import CrawlRun, PageFate, read_run
from diembao.article import Article
from diembao.clock import utc_now
from diembao.fates import Fate
from diembao.settings import read_settings
from diembao.source import read_sources
from diembao.state import State
from index import open_engine
from index.ingest import ingest
from tests.chain.crawlers_press import Answer, Office, Seen, Site, article_page, body_of, rss

pytestmark = pytest.mark.xdist_group("crawlers")


def paragraphs(story: int, number: int) -> list[str]:
    """What page `number` of a story says."""
    return [
        f"Trang {number}, đoạn {line}: ở ấp {story * 100 + number * 10 + line} nước đã rút, người dân dọn nhà, trường học mở cửa trở lại."
        for line in range(1, 4)
    ]


def part(story: int, number: int, last: int, *, path: str = "", head: str = "", extra: str = "", numbers: bool = True) -> str:
    """Page `number` of `last` of a story, with links to the others."""
    links = "".join(
        f"<b>{other}</b> " if other == number else f'<a href="{path}?trang={other}">{other}</a> ' for other in range(1, last + 1)
    )
    if not numbers:
        links = f'<a rel="next" href="{path}?trang={number + 1}">Trang sau</a>' if number < last else ""
    body = "".join(f"<p>{text}</p>" for text in paragraphs(story, number)) + extra
    return article_page(story, body=body, head=head).replace("</article>", f'</article><div class="paging">{links}</div>')


def add_story(site: Site, name: str, story: int, last: int, *, numbers: bool = True) -> None:
    """Pages /bai-name.html, /bai-name.html?trang=2, …"""
    for number in range(1, last + 1):
        path = f"/bai-{name}.html"
        site.routes[path if number == 1 else f"{path}?trang={number}"] = Answer(part(story, number, last, path=path, numbers=numbers))


def _same_for_ever(page: str) -> Callable[[Seen], Answer]:
    """Answers 304 to whoever knows the page, as an outlet does whose first page stays when a later one is edited."""
    return lambda seen: Answer(b"", 304) if "if-none-match" in seen.headers else Answer(page, headers={"ETag": '"1"'})


class Press:
    """An office with one outlet."""

    def __init__(self, folder: Path, links: list[str], **fields: object) -> None:
        self.site = Site()
        self.office = Office(folder)
        self.office.source("bao", self.site.domain, feeds=[f"{self.site.url}/rss"], **fields)
        self.site.routes["/rss"] = rss([self.site.url + link for link in links])

    def crawl(self, run: str, *arguments: str) -> CrawlRun:
        done = self.office.crawl(run, *arguments)
        assert done.returncode == 0, done.stderr
        return read_run(self.office.home / "runs" / run)

    def fates(self, run: CrawlRun) -> dict[str, PageFate]:
        fates = list(run.fates())
        assert len({fate.page for fate in fates}) == len(fates) == run.summary["fetched"]
        summary = run.summary
        assert summary["fetched"] == summary["extracted"] + summary["unchanged"] + sum(summary["dropped"].values())
        return {fate.url.removeprefix(self.site.url): fate for fate in fates}

    def articles(self, run: CrawlRun) -> dict[str, Article]:
        return {article.url.removeprefix(self.site.url): article for article in run.articles()}

    def replayed(self, run: CrawlRun) -> list[Article]:
        settings = read_settings(self.office.environment)
        items = replay(settings.archive_folder, run.id, read_sources(settings.sources_folder))
        return [item.article for item in items if item.article is not None and item.problem is None]


def text_of(story: int, *numbers: int) -> str:
    return "\n".join(itertools.chain.from_iterable(paragraphs(story, number) for number in numbers))


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    names = ["bon", "tiep", "thieu", "cuoi", "mai", "mot", "quay-lai", "khac", "hai.html?trang=2", "hai", "chi-hai.html?trang=2"]
    links = [f"/bai-{name}" if "." in name else f"/bai-{name}.html" for name in names]
    amp = ["/amp/may.html", "/amp/chet.html", "/may-hai.html", "/amp/may-hai.html", "/amp/may-ba.html", "/may-ba.html"]
    press = Press(tmp_path_factory.mktemp("long"), links + amp)
    site = press.site
    for story, (name, last) in enumerate({"bon": 4, "thieu": 4, "cuoi": 3, "quay-lai": 3, "hai": 2, "chi-hai": 3}.items(), start=1):
        add_story(site, name, story, last)
    add_story(site, "tiep", 11, 3, numbers=False)
    site.routes["/bai-bon.html"] = _same_for_ever(part(1, 1, 4, path="/bai-bon.html"))
    site.routes["/bai-thieu.html?trang=2"] = Answer("", 404)
    site.routes["/bai-cuoi.html?trang=3"] = Answer("oops", 500)
    site.routes["/bai-quay-lai.html?trang=2"] = Answer(b"", 302, headers={"Location": "/bai-quay-lai.html"})
    site.routes["/bai-quay-lai.html?trang=3"] = Answer(b"", 302, headers={"Location": "/"})
    site.routes["/"] = Answer("<h1>Trang chủ</h1>")
    # A next page without end, one that says the same under every number, and one on another host.
    site.routes["/bai-mot.html?trang=2"] = site.routes["/bai-mot.html"] = Answer(part(21, 1, 9, path="/bai-mot.html"))
    site.routes["/bai-mai.html"] = Answer(part(22, 1, 99, path="/bai-mai.html", numbers=False))
    for number in range(2, 60):
        site.routes[f"/bai-mai.html?trang={number}"] = Answer(part(22, number, 99, path="/bai-mai.html", numbers=False))
    site.routes["/bai-khac.html"] = Answer(part(23, 1, 2, path=f"http://localhost:{site.port}/bai-khac.html"))
    for name in ("may", "may-hai", "may-ba", "chet"):
        page = article_page(30 + len(name), head=f'<link rel="canonical" href="{site.url}/{name}.html">', body=body_of(30 + len(name)))
        site.routes[f"/amp/{name}.html"] = Answer(page.replace("<html ", "<html amp "))
        site.routes[f"/{name}.html"] = Answer(page)
    site.routes["/chet.html"] = Answer("", 404)
    yield press
    site.close()


@pytest.fixture(scope="module")
def first(press: Press) -> CrawlRun:
    return press.crawl("run-1", "--set", "RETRY_TIMES=0")


def test_the_pages_of_an_article_are_joined_in_their_order(press: Press, first: CrawlRun) -> None:
    articles, fates = press.articles(first), press.fates(first)
    assert articles["/bai-bon.html"].body == text_of(1, 1, 2, 3, 4)
    assert articles["/bai-tiep.html"].body == text_of(11, 1, 2, 3)
    assert articles["/bai-bon.html"].missing_pages == articles["/bai-tiep.html"].missing_pages == []
    assert fates["/bai-bon.html"].fate is None
    assert {fates[f"/bai-bon.html?trang={number}"].fate for number in (2, 3, 4)} == {Fate.JOINED}
    # The second page of "hai" was on its way for itself: joined, or set aside as the double of its article, whichever came first.
    assert first.summary["dropped"]["joined"] - 3 - 2 - 2 - 1 - 19 - 1 in (0, 1)
    assert not any("?trang=" in path for path in articles)


def test_a_page_that_is_not_there_leaves_the_rest_and_is_named(press: Press, first: CrawlRun) -> None:
    articles, fates = press.articles(first), press.fates(first)
    assert articles["/bai-thieu.html"].body == text_of(2, 1, 3, 4)
    assert articles["/bai-thieu.html"].missing_pages == [2]
    assert (fates["/bai-thieu.html"].fate, fates["/bai-thieu.html"].detail) == (None, "without its pages 2")
    assert fates["/bai-thieu.html?trang=2"].fate is Fate.NOT_FOUND
    assert "page 2 of " in fates["/bai-thieu.html?trang=2"].detail
    assert (articles["/bai-cuoi.html"].body, articles["/bai-cuoi.html"].missing_pages) == (text_of(3, 1, 2), [3])
    assert fates["/bai-cuoi.html?trang=3"].fate is Fate.SERVER_ERROR
    assert (articles["/bai-quay-lai.html"].body, articles["/bai-quay-lai.html"].missing_pages) == (text_of(4, 1), [2, 3])
    assert fates["/bai-quay-lai.html?trang=2"].fate is Fate.DUPLICATE_URL
    assert fates["/bai-quay-lai.html?trang=3"].fate is Fate.NOT_ARTICLE


def test_a_next_page_without_end_and_one_that_is_always_the_same_end(press: Press, first: CrawlRun) -> None:
    articles, fates = press.articles(first), press.fates(first)
    assert [path for path in press.site.paths() if path.startswith("/bai-mai")][-1] == "/bai-mai.html?trang=20"
    assert articles["/bai-mai.html"].body.count("\n") == 20 * 3 - 1
    assert [path for path in press.site.paths() if path.startswith("/bai-mot")] == ["/bai-mot.html", "/bai-mot.html?trang=2"]
    assert fates["/bai-mot.html?trang=2"].fate is Fate.DUPLICATE_URL
    assert (articles["/bai-mot.html"].body, articles["/bai-mot.html"].missing_pages) == (text_of(21, 1), [])
    assert articles["/bai-khac.html"].body == text_of(23, 1)


def test_a_later_page_that_a_feed_names_is_no_article_of_its_own(press: Press, first: CrawlRun) -> None:
    articles = press.articles(first)
    assert articles["/bai-hai.html"].body == text_of(5, 1, 2)
    # The feed does not name the first page of this one: the second page does.
    assert articles["/bai-chi-hai.html"].body == text_of(6, 1, 2, 3)
    asked = Counter(press.site.paths())
    assert {path: count for path, count in asked.items() if count > 1} == {"/bai-quay-lai.html": 2}  # by its redirect


def test_amp_and_mobile_pages_are_one_article_with_the_canonical_one(press: Press, first: CrawlRun) -> None:
    articles, fates = press.articles(first), press.fates(first)
    for name in ("may", "may-hai", "may-ba"):
        assert f"/{name}.html" in articles
        assert f"/amp/{name}.html" not in articles
        assert fates[f"/amp/{name}.html"].fate is Fate.DUPLICATE_URL
        assert fates[f"/amp/{name}.html"].detail.startswith("the amp page of ")
    # Where nothing is at the address that the page calls its own, the page is what there is.
    assert (fates["/chet.html"].fate, fates["/amp/chet.html"].fate) == (Fate.NOT_FOUND, None)


def test_a_replay_from_the_archive_gives_the_same_articles(press: Press, first: CrawlRun) -> None:
    assert press.replayed(first) == list(first.articles())


def test_what_did_not_change_is_unchanged_and_nothing_is_an_article_twice(press: Press, first: CrawlRun) -> None:
    again = press.crawl("run-2", "--set", "RETRY_TIMES=0")
    assert list(again.articles()) == []
    fates = press.fates(again)
    assert {
        fates[path].fate for path in ("/bai-bon.html", "/bai-bon.html?trang=2", "/bai-thieu.html", "/bai-cuoi.html", "/bai-mot.html")
    } == {Fate.UNCHANGED}
    assert fates["/amp/may.html"].fate is Fate.DUPLICATE_URL
    assert fates["/amp/chet.html"].fate is Fate.UNCHANGED


def test_an_edit_of_a_later_page_is_a_revision_and_a_page_that_fails_for_now_is_none(press: Press, first: CrawlRun, tmp_path: Path) -> None:
    settings = read_settings(press.office.environment)
    state, engine = State(settings.database), open_engine(settings)
    engine.prepare()
    try:
        ingest(engine, state, first.articles())
        before = press.site.routes["/bai-bon.html?trang=3"]
        press.site.routes["/bai-bon.html?trang=3"] = Answer("later", 503)
        failing = press.crawl("run-3", "--set", "RETRY_TIMES=0")
        fates = press.fates(failing)
        assert fates["/bai-bon.html"].fate is fates["/bai-bon.html?trang=2"].fate is fates["/bai-bon.html?trang=3"].fate is Fate.THROTTLED
        assert list(failing.articles()) == []

        edit = "<p>Bổ sung: đến chiều tối, điện đã có lại ở tất cả các ấp.</p>"
        press.site.routes["/bai-bon.html?trang=3"] = Answer(part(1, 3, 4, path="/bai-bon.html", extra=edit))
        edited = press.crawl("run-4", "--set", "RETRY_TIMES=0")
        (article,) = edited.articles()
        assert article.body == text_of(1, 1, 2, 3) + "\nBổ sung: đến chiều tối, điện đã có lại ở tất cả các ấp.\n" + text_of(1, 4)
        assert press.replayed(edited) == [article]
        ingest(engine, state, [article])

        found = history(state, article.id)
        assert [text.body.count("Bổ sung") for text in found.texts] == [0, 1]
        assert found.away == []
        package = pack(tmp_path / "a.zip", found, settings.archive_folder, "Thử", utc_now())
        assert package.missing == []
        with zipfile.ZipFile(package.path) as bundle:
            names = bundle.namelist()
            assert "Trang 4, đoạn 1" in bundle.read("ban-02/page-04.html").decode()
            timeline = json.loads(bundle.read("timeline.json"))["timeline"]
        assert [name for name in names if name.startswith("ban-01/page-") and name.endswith("warc.gz")] == [
            f"ban-01/page-{number:02d}.warc.gz" for number in (2, 3, 4)
        ]
        assert [len(event["further_pages"]) for event in timeline] == [3, 3]
        lacking = pack(tmp_path / "b.zip", history(state, f"{press.site.url}/bai-thieu.html"), settings.archive_folder, "Thử", utc_now())
        with zipfile.ZipFile(lacking.path) as bundle:
            assert "Không tải được trang 2 của bài" in bundle.read("DOC-TRUOC.txt").decode()
        press.site.routes["/bai-bon.html?trang=3"] = before
    finally:
        engine.close()
        state.close()


def test_a_kill_between_two_pages_loses_nothing_and_no_page_is_fetched_twice(tmp_path: Path) -> None:
    press = Press(tmp_path, ["/bai-dai.html", "/a.html"], recrawl_hours=6.0)
    add_story(press.site, "dai", 1, 6)
    press.site.routes["/a.html"] = Answer(article_page(2))
    held = press.site.routes["/bai-dai.html?trang=4"]

    def waits(_: Seen) -> Answer:
        time.sleep(8)
        return Answer("", 500)

    press.site.routes["/bai-dai.html?trang=4"] = waits
    process = subprocess.Popen(press.office.command("first"), env=press.office.environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and "/bai-dai.html?trang=4" not in press.site.paths():
        time.sleep(0.01)
    process.kill()
    process.wait()
    press.site.routes["/bai-dai.html?trang=4"] = held
    asked = len(press.site.seen)
    run = press.crawl("second")
    press.site.close()
    assert set(press.site.paths()[asked:]) & {"/bai-dai.html", "/bai-dai.html?trang=2", "/bai-dai.html?trang=3"} == set()
    runs = [read_run(folder) for folder in (press.office.home / "runs").iterdir()]
    bodies = {path: article.body for one in runs for path, article in press.articles(one).items()}
    assert bodies["/bai-dai.html"] == text_of(1, 1, 2, 3, 4, 5, 6)
    assert set(bodies) == {"/bai-dai.html", "/a.html"}
    fates = Counter(fate.url for one in runs for fate in one.fates())
    assert set(fates.values()) == {1}
    assert len(fates) == 7
    assert {fate.fate for fate in run.fates() if "trang=" in fate.url} == {Fate.JOINED}
    assert not list((press.office.home / "spool").iterdir())


def test_a_kill_between_the_fates_of_the_pages_of_an_article_gives_each_its_own(tmp_path: Path) -> None:
    press = Press(tmp_path, ["/bai-dai.html"], recrawl_hours=6.0)
    add_story(press.site, "dai", 1, 3)
    waits = press.site.routes["/bai-dai.html?trang=3"]

    def slow(_: Seen) -> Answer:
        time.sleep(8)
        return Answer("", 500)

    press.site.routes["/bai-dai.html?trang=3"] = slow
    process = subprocess.Popen(press.office.command("first"), env=press.office.environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and "/bai-dai.html?trang=3" not in press.site.paths():
        time.sleep(0.01)
    process.kill()
    process.wait()
    press.site.routes["/bai-dai.html?trang=3"] = waits
    # What a kill leaves that comes right behind the fate of the first page.
    fates = press.office.home / "runs/first/fates.jsonl"
    assert fates.read_bytes() == b""
    url = f"{press.site.url}/bai-dai.html"
    fates.write_text(json.dumps({"page": Article(url=url, title="x").id, "url": url, "source": "bao", "fate": "unchanged"}) + "\n")
    asked = len(press.site.seen)
    run = press.crawl("second")
    press.site.close()
    assert [path for path in press.site.paths()[asked:] if path.startswith("/bai-dai")] == []
    assert {fate.url.rpartition("?")[2]: fate.fate for fate in run.fates()} == {"trang=2": Fate.UNCHANGED}
    assert not list((press.office.home / "spool").iterdir())
