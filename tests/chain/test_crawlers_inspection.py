"""`diembao sources check` and `add` against outlets on loopback: several designs, and servers that mean no good."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from diembao.source import read_source
from tests.chain.crawlers_press import Answer, Office, Site, article_page, body_of, rss
from tests.chain.test_crawlers_commands import diembao

pytestmark = pytest.mark.xdist_group("crawlers-inspection")


@contextmanager
def site() -> Iterator[Site]:
    made = Site()
    try:
        yield made
    finally:
        made.close()


def vccorp(number: int) -> str:
    """A page of the content system that Tuổi Trẻ and others use."""
    title = f"Huyện số {number} của tỉnh Đồng Tháp gia cố đê bao trước mùa lũ"
    return (
        f"<html lang=vi><head><meta charset=utf-8><title>{title}</title></head><body><h1 class=detail-title data-role=title>{title}</h1>"
        f"<div data-role=publishdate>20/11/2026 07:{number:02}</div><h2 class=detail-sapo>Đoạn đê dài {number} cây số được gia cố "
        f"xong trước khi nước lên.</h2><div class='detail-content afcbc-body'>{body_of(number)}</div></body></html>"
    )


def portal(number: int) -> str:
    """A page of a portal that nobody has described."""
    title = f"Ủy ban nhân dân xã số {number} tiếp công dân định kỳ tháng 11"
    return (
        f"<html><head><meta charset=utf-8><title>Cổng thông tin</title></head><body><div class=logo><a href=/>Trang chủ</a></div>"
        f"<h3 class=tieude>{title}</h3><div class=ngay>Ngày đăng: 20-11-2026</div><div class=noidung>{body_of(number)}</div></body></html>"
    )


def verdicts(office: Office, *arguments: str) -> dict[str, dict[str, Any]]:
    done = diembao(office, "sources", "check", "--json", *arguments)
    return {verdict["source"]: verdict for verdict in map(json.loads, done.stdout.splitlines())}


ENTRY = """# Báo của tỉnh, do văn phòng theo dõi
name = "Báo Thử"   # như bạn đọc gọi
domain = "{domain}"
homepage = "{url}/"
delay = 0.0
province = "Đồng Tháp"
enabled = false  # chưa thấy chạy
evidence = "một nguồn công khai"
{more}
"""


def entry(office: Office, site: Site, more: str = "", name: str = "thu") -> Path:
    path = office.config / f"sources/{name}.toml"
    path.write_text(ENTRY.format(domain=site.domain, url=site.url, more=more), encoding="utf-8")
    return path


def test_an_entry_of_which_only_the_address_is_known_is_completed_verified_and_switched_on(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with site() as outlet:
        outlet.routes["/"] = Answer("<html><head><meta property='og:site_name' content='Báo Thử'></head><a href='/rss.html'>RSS</a></html>")
        outlet.routes["/rss.html"] = Answer(
            f"<a href='{outlet.url}/rss/xa-hoi.rss'>Xã hội</a><a href='/rss/tin-moi.rss'>Tin mới</a><a href='/rss/hong.rss'>Hỏng</a>"
        )
        outlet.routes["/rss/tin-moi.rss"] = rss(f"{outlet.url}/de-bao-so-{n}-a{100 + n}.html" for n in range(6))
        outlet.routes["/rss/xa-hoi.rss"] = rss(f"{outlet.url}/de-bao-so-{n}-a{100 + n}.html" for n in range(2))
        outlet.routes["/rss/hong.rss"] = Answer("<rss><channel><item>", content_type="application/rss+xml")
        outlet.routes["/robots.txt"] = Answer("User-agent: *\nDisallow: /rss/home.rss\n", content_type="text/plain")
        for n in range(6):
            outlet.routes[f"/de-bao-so-{n}-a{100 + n}.html"] = Answer(vccorp(n))
        path = entry(office, outlet, "\n[[layout]]  # giữ lại\nbody = '.khong-co'")
        before = path.read_text(encoding="utf-8")
        found = verdicts(office, "thu", "--enable")["thu"]
        assert found["state"] == "ok", found
        assert found["reasons"][0].endswith("5 of 5 pages read as articles")
        assert "/rss/home.rss" not in outlet.paths()
        assert len(outlet.seen) < 40
        source = read_source(path)
        assert [str(feed) for feed in source.feeds] == [f"{outlet.url}/rss/tin-moi.rss", f"{outlet.url}/rss/xa-hoi.rss"]
        assert (source.enabled, source.article_pattern, source.entrances) == (True, r"-a\d+\.html?$", "verified")
        after = path.read_text(encoding="utf-8")
        changed = {"enabled = false  # chưa thấy chạy"}
        assert set(before.splitlines()) - set(after.splitlines()) == changed
        again = verdicts(office, "thu")["thu"]
        assert again["state"] == "ok"
        assert path.read_text(encoding="utf-8") == after


def test_what_was_never_seen_to_work_is_taken_out_and_what_worked_is_red(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with site() as outlet:
        outlet.routes["/tin.rss"] = rss(f"{outlet.url}/bai-{n}.html" for n in range(4))
        outlet.routes["/muc"] = Answer("".join(f"<a href='/bai-{n}.html'>Đồng Tháp: bài số {n}</a>" for n in range(4)))
        outlet.routes["/"] = Answer("<title>Báo Thử - Tin nhanh</title>")
        for n in range(4):
            outlet.routes[f"/bai-{n}.html"] = Answer(vccorp(n))
        listings = f"\n[[listings]]\nurl = '{outlet.url}/mat'\n\n[[listings]]\nurl = '{outlet.url}/muc'\n"
        path = entry(office, outlet, f"feeds = ['{outlet.url}/cu.rss', '{outlet.url}/tin.rss']\n{listings}")
        assert verdicts(office, "thu")["thu"]["state"] == "ok"
        source = read_source(path)
        assert [str(feed) for feed in source.feeds] == [f"{outlet.url}/tin.rss"]
        assert [str(listing.url) for listing in source.listings] == [f"{outlet.url}/muc"]
        assert not source.enabled
        del outlet.routes["/tin.rss"]
        found = verdicts(office, "thu")["thu"]
        assert found["state"] == "red"
        assert found["reasons"] == [f"the feed {outlet.url}/tin.rss worked on {source.checked}: not_found: HTTP 404"]
        assert [str(feed) for feed in read_source(path).feeds] == [f"{outlet.url}/tin.rss"]


def test_an_outlet_of_another_place_and_one_that_ended_are_red(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with site() as squatter, site() as ended, site() as moved:
        for place, day in ((squatter, "2026-11-20"), (ended, "2025-06-30")):
            place.routes["/tin.rss"] = rss(f"{place.url}/bai-{n}.html" for n in range(4))
            body = place.routes["/tin.rss"].body if isinstance(place.routes["/tin.rss"], Answer) else ""
            if day < "2026":
                place.routes["/tin.rss"] = Answer(str(body).replace("20 Nov 2026", "30 Jun 2025"), content_type="application/rss+xml")
            for n in range(4):
                page = (article_page if place is squatter else vccorp)(n)
                place.routes[f"/bai-{n}.html"] = Answer(page.replace("2026-11-20", day).replace("20/11/2026", "30/06/2025"))
        entry(office, squatter, f"feeds = ['{squatter.url}/tin.rss']", "chiem")
        entry(office, ended, f"feeds = ['{ended.url}/tin.rss']", "het")
        moved.routes["/"] = Answer("", 301, headers={"Location": "https://bao-moi.vn/"})
        entry(office, moved, name="doi")
        found = verdicts(office, "chiem", "het", "doi")
    assert {name: verdict["state"] for name, verdict in found.items()} == {"chiem": "red", "het": "red", "doi": "red"}
    assert "none of 4 articles names Đồng Tháp" in found["chiem"]["reasons"][0]
    assert "nothing newer than 2025-06-30" in found["het"]["reasons"][0]
    assert "another site now: https://bao-moi.vn/" in found["doi"]["reasons"][0]


def test_add_of_a_portal_without_feeds_takes_its_front_page_as_the_listing(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with site() as outlet:
        links = "".join(f"<a href='/tin-tuc/uy-ban-xa-so-{n}-tiep-cong-dan-{1000 + n}.html'>Tin {n}</a>" for n in range(8))
        outlet.routes["/"] = Answer(f"<title>Cổng thông tin điện tử xã | Trang chủ</title><a href='/gioi-thieu'>Giới thiệu</a>{links}")
        for n in range(8):
            outlet.routes[f"/tin-tuc/uy-ban-xa-so-{n}-tiep-cong-dan-{1000 + n}.html"] = Answer(portal(n))
        done = diembao(office, "sources", "add", outlet.url, "--name", "cong", "--delay", "0", "--json")
        assert done.returncode == 0, done.stderr
        source = read_source(office.config / "sources/cong.toml")
        assert (source.name, source.enabled, source.entrances) == ("Cổng thông tin điện tử xã", True, "verified")
        assert [str(listing.url) for listing in source.listings] == [f"{outlet.url}/"]
        assert source.article_pattern == r"-\d+\.html?$"
        tried = diembao(office, "sources", "try", "cong", "--json")
        assert json.loads(tried.stdout)["state"] == "ok", tried.stdout


def test_add_names_the_layout_family(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with site() as outlet:
        outlet.routes["/"] = Answer("<title>Báo Thử</title><link rel=alternate type='application/rss+xml' href='/tin.rss'>")
        outlet.routes["/tin.rss"] = rss(f"{outlet.url}/bai-{n}.html" for n in range(4))
        for n in range(4):
            outlet.routes[f"/bai-{n}.html"] = Answer(vccorp(n))
        done = diembao(office, "sources", "add", outlet.url, "--name", "bao", "--delay", "0", "--province", "Đồng Tháp", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["family"] == "vccorp"
        source = read_source(office.config / "sources/bao.toml")
        assert source.province == "Đồng Tháp"
        assert source.evidence.endswith("layout family vccorp")


def test_add_of_an_outlet_that_gives_nothing_writes_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with site() as outlet:
        outlet.routes["/"] = Answer("<title>Trống</title><p>Đang xây dựng</p>")
        done = diembao(office, "sources", "add", outlet.url, "--name", "trong", "--delay", "0")
    assert done.returncode == 1
    assert "nothing leads to articles" in done.stderr.splitlines()[-1]
    assert list((office.config / "sources").iterdir()) == []


def test_an_address_inside_the_network_is_not_looked_at(tmp_path: Path) -> None:
    office = Office(tmp_path, private=False)
    with site() as outlet:
        outlet.routes["/"] = Answer("<title>Báo Thử</title>")
        done = diembao(office, "sources", "add", outlet.url, "--delay", "0")
        assert outlet.seen == []
    assert done.returncode == 1
    assert "private_address" in done.stderr


def _endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/rss+xml")
    handler.end_headers()
    while True:
        handler.wfile.write(b"<item><link>http://x/</link></item>" * 2000)


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.2)


def test_a_hostile_outlet_costs_bounded_time_and_stops_nobody_else(tmp_path: Path) -> None:
    office = Office(tmp_path)
    bomb = gzip.compress(b"<urlset>" + b" " * 60_000_000)
    deep = b"<div>" * 200_000
    with site() as hostile, site() as good:
        hostile.routes["/robots.txt"] = Answer(
            f"Sitemap: {hostile.url}/bom.xml.gz\nSitemap: http://169.254.169.254/latest/\nSitemap: http://[::1\n", content_type="text/plain"
        )
        feeds = "".join(
            f"<link rel=alternate type='application/rss+xml' href='{href}'>" for href in ("/vo-tan.rss", "/hong.rss", "//[x", "/ra.rss")
        )
        hostile.routes["/"] = Answer(feeds.encode() + b"<a href='/bay-vao-day-nhe-ban-doc.html'>x</a>" + deep)
        hostile.routes["/vo-tan.rss"] = Answer(behaviour=_endless)
        hostile.routes["/hong.rss"] = Answer("\x00<rss><channel><item><link>javascript:alert(1)", content_type="application/rss+xml")
        hostile.routes["/ra.rss"] = Answer("", 302, headers={"Location": "http://10.0.0.1/tin.rss"})
        hostile.routes["/bom.xml.gz"] = Answer(bomb, content_type="application/gzip")
        hostile.routes["/rss"] = Answer("", 302, headers={"Location": "/rss"})
        hostile.routes["/bay-vao-day-nhe-ban-doc.html"] = Answer(behaviour=_drip)
        good.routes["/tin.rss"] = rss(f"{good.url}/bai-{n}.html" for n in range(4))
        for n in range(4):
            good.routes[f"/bai-{n}.html"] = Answer(vccorp(n))
        path = entry(office, hostile, name="ac")
        before = path.read_bytes()
        entry(office, good, f"feeds = ['{good.url}/tin.rss']", "lanh")
        begun = time.monotonic()
        found = verdicts(office, "ac", "lanh", "--minutes", "0.4")
        assert time.monotonic() - begun < 58
    assert (found["ac"]["state"], found["lanh"]["state"]) == ("red", "ok")
    told = {one["url"].removeprefix(hostile.url): one["problem"] for one in found["ac"]["entrances"]}
    assert "too_large" in told["/vo-tan.rss"]
    assert "left_site" in told["/ra.rss"]
    assert path.read_bytes() == before
