"""A source whose articles are made by JavaScript: opened in a real Chromium that reaches no network by itself."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from crawlers import rendering
from crawlers.archive import read_record
from crawlers.rendering import RENDERED
from crawlers.runs import read_run
from diembao.errors import ConfigError
from diembao.fates import Fate
from diembao.source import Source
from tests.chain.crawlers_press import Answer, Office, Site, article_page, rss

pytestmark = [pytest.mark.xdist_group("crawlers"), pytest.mark.browser]

_SHELL = """<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Đang tải</title></head><body><div id="app">Đang tải …</div>
<img src="/anh.jpg"><script src="/app.js"></script><script src="http://127.0.0.2:%d/gan.js"></script>
<iframe src="/khung.html"></iframe></body></html>"""
_APP = """
document.cookie = "xem=1";
navigator.sendBeacon && navigator.sendBeacon("/dem");
fetch("/cam/bi-mat.json").catch(() => null);
fetch("/gui", {method: "POST", body: "x"}).catch(() => null);
fetch("http://127.0.0.2:PORT/bi-mat.json").catch(() => null);
fetch("/bai.json").then(answer => answer.json()).then(article => {
  document.title = article.title;
  document.body.innerHTML = "<article><h1>" + article.title + "</h1><div class='noi-dung'>" + article.body + "</div></article>";
});
"""


def test_an_article_made_by_javascript_is_read_and_the_browser_reaches_nothing_by_itself(tmp_path: Path) -> None:
    site, office = Site(), Office(tmp_path)
    inside = Site("127.0.0.2")
    inside.routes = {"/gan.js": Answer("document.title = 'inside'"), "/bi-mat.json": Answer("{}")}
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(
        "import diembao.addresses\ndiembao.addresses.is_public = lambda address: address == '127.0.0.1'\n"
    )
    page = article_page(7)
    body = page.partition('<div class="noi-dung">')[2].partition("</div>")[0]
    site.routes = {
        "/robots.txt": Answer("User-agent: *\nDisallow: /cam/\n", content_type="text/plain"),
        "/rss": rss([f"{site.url}/bai.html", f"{site.url}/mat.html"]),
        "/bai.html": Answer(gzip.compress((_SHELL % inside.port).encode()), headers={"Content-Encoding": "gzip"}),
        "/app.js": Answer(_APP.replace("PORT", str(inside.port)), content_type="text/javascript"),
        "/bai.json": Answer(f'{{"title": "Xã số 7 thử trang động", "body": "{body}"}}', content_type="application/json"),
    }
    (office.config / "office.toml").write_text('name = "Thử"\n[crawl]\ncontact = "thu@example.vn"\nallow_private_addresses = false\n')
    office.source("dong", site.domain, feeds=[f"{site.url}/rss"], javascript=True)
    environment = office.environment
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "path"), environment["PYTHONPATH"]])
    done = subprocess.run(office.command("run"), env=environment, capture_output=True, text=True, timeout=90, check=False)
    site.close()
    inside.close()
    assert done.returncode == 0, done.stderr
    run = read_run(office.home / "runs/run")
    (article,) = run.articles()
    assert article.title == "Xã số 7 thử trang động"
    assert "huy động" in article.body
    fates = {fate.url.rpartition("/")[2]: fate.fate for fate in run.fates()}
    assert fates == {"bai.html": None, "mat.html": Fate.NOT_FOUND}
    assert article.archive is not None
    archived = read_record(office.home / "archive", article.archive)
    assert archived.header(RENDERED).startswith("Chromium ")
    assert "thử trang động" in archived.body().decode()
    # No picture, no frame, no POST, nothing that robots.txt forbids, nothing inside the network, no cookie.
    assert sorted(site.paths()) == ["/app.js", "/bai.html", "/bai.json", "/mat.html", "/robots.txt", "/rss"]
    assert inside.seen == []
    assert not any("cookie" in seen.headers for seen in site.seen)
    assert {seen.headers["user-agent"].partition("/")[0] for seen in site.seen} == {"DiemBao"}


def test_a_browser_that_is_not_installed_is_named_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    entry = {"id": "dong", "name": "Báo", "domain": "bao.vn", "feeds": ["https://bao.vn/rss"]}
    rendering.needs_browser([Source.model_validate(entry)])
    with pytest.raises(ConfigError, match="dong wants a browser"):
        rendering.needs_browser([Source.model_validate({**entry, "javascript": True})])
