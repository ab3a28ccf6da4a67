"""`diembao sources` and `diembao crawl`, as a person calls them, against an outlet on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from diembao.source import read_source
from tests.chain.crawlers_press import Answer, Office, Site, article_page, rss

pytestmark = pytest.mark.xdist_group("crawlers-commands")


def diembao(office: Office, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "from cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=office.environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def outlet() -> Iterator[Site]:
    site = Site()
    for number in range(6):
        site.routes[f"/bai-{number}.html"] = Answer(article_page(number))
    site.routes["/"] = Answer('<title>Báo Thử</title><link rel="alternate" type="application/rss+xml" href="/tin.rss">')
    site.routes["/tin.rss"] = rss(f"{site.url}/bai-{number}.html" for number in range(6))
    site.routes["/rss"] = Answer("<html>Các kênh RSS</html>")
    site.routes["/robots.txt"] = Answer(
        f"User-agent: *\nDisallow: /feed\nSitemap: {site.url}/tin-tuc-news.xml\n", content_type="text/plain"
    )
    site.routes["/tin-tuc-news.xml"] = Answer(f"<urlset><url><loc>{site.url}/bai-1.html</loc></url></urlset>", content_type="text/xml")
    yield site
    site.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, outlet: Site) -> Office:
    office = Office(tmp_path_factory.mktemp("office"))
    done = diembao(office, "sources", "add", outlet.url, "--name", "thu", "--delay", "0")
    assert done.returncode == 0, done.stderr
    return office


def test_add_finds_what_the_page_and_robots_txt_name(office: Office, outlet: Site) -> None:
    path = office.config / "sources/thu.toml"
    entry = tomllib.loads(path.read_text(encoding="utf-8"))
    assert entry["name"] == "Báo Thử"
    assert entry["feeds"] == [f"{outlet.url}/tin.rss"]
    assert entry["sitemaps"] == [f"{outlet.url}/tin-tuc-news.xml"]
    assert read_source(path).enabled
    assert "/feed" not in outlet.paths()


def test_add_refuses_to_overwrite(office: Office, outlet: Site) -> None:
    before = (office.config / "sources/thu.toml").read_bytes()
    done = diembao(office, "sources", "add", outlet.url, "--name", "khac", "--delay", "0")
    assert done.returncode == 1
    assert "is there already" in done.stderr.splitlines()[-1]
    assert (office.config / "sources/thu.toml").read_bytes() == before
    assert not (office.config / "sources/khac.toml").exists()


def test_add_of_an_address_that_is_none(office: Office) -> None:
    done = diembao(office, "sources", "add", "khong phai")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_try_shows_articles_and_keeps_nothing(office: Office) -> None:
    done = diembao(office, "sources", "try", "thu", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["state"] == "ok"
    assert len(report["articles"]) == 3
    assert [entrance["links"] for entrance in report["entrances"]] == [6, 1]
    assert not (office.home / "runs").exists()
    assert not (office.home / "archive").exists()
    assert not (office.home / "state.sqlite").exists()


def test_check_names_each_source_and_fails_when_one_is_red(tmp_path: Path, outlet: Site) -> None:
    office = Office(tmp_path)
    outlet.routes["/mot.rss"] = rss(f"{outlet.url}/bai-{number}.html" for number in range(3))
    outlet.routes["/hai.rss"] = rss(f"{outlet.url}/bai-{number}.html" for number in range(3, 6))
    office.source("tot", outlet.domain, feeds=[f"{outlet.url}/mot.rss"])
    office.source("thieu", outlet.domain, feeds=[f"{outlet.url}/hai.rss"], coverage={"authors": 0.9, "title": 0.9})
    office.source("chet", "127.0.0.1:9", feeds=["http://127.0.0.1:9/rss"])
    office.source("tat", "tat.vn", enabled=False)
    (office.config / "sources/hong.toml").write_text("name = ")
    done = diembao(office, "sources", "check", "--json")
    verdicts = {verdict["source"]: verdict for verdict in map(json.loads, done.stdout.splitlines())}
    assert {name: verdict["state"] for name, verdict in verdicts.items()} == {
        "tot": "ok",
        "thieu": "red",
        "chet": "red",
        "tat": "off",
        "hong": "red",
    }
    assert verdicts["thieu"]["reasons"] == ["authors is filled in 0% of 4 articles, expected 90%"]
    assert "robots.txt unreachable" in verdicts["chet"]["reasons"][0]
    assert "diembao sources check tat --enable" in verdicts["tat"]["reasons"][0]
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("diembao: 3 of 5 sources are red: chet, hong, thieu")


def test_crawl_prints_one_json_value_and_the_run_can_be_listed(office: Office) -> None:
    done = diembao(office, "crawl", "--once", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["fetched"], report["extracted"], report["dropped"]) == (6, 6, {})
    assert Path(report["folder"]).is_relative_to(office.home)
    listed = [json.loads(line) for line in diembao(office, "sources", "list", "--json").stdout.splitlines()]
    assert [source["id"] for source in listed] == ["thu"]


def test_a_crawl_that_gives_nothing_fails(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.source("chet", "127.0.0.1:9", feeds=["http://127.0.0.1:9/rss"])
    done = diembao(office, "crawl", "--once")
    assert done.returncode == 1
    assert "no source gave anything" in done.stderr
    assert "PROBLEM chet: the feed cannot be had: robots.txt unreachable: " in done.stderr


def test_an_unknown_source_is_wrong_usage(office: Office) -> None:
    done = diembao(office, "sources", "try", "la")
    assert done.returncode == 2
    assert done.stderr == "diembao: unknown source: la. Known: thu\n"
