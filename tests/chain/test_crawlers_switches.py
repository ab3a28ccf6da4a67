"""A source that is switched off while it is crawled."""

from __future__ import annotations

import json
from pathlib import Path

from crawlers.switches import Switches
from diembao.source import read_source
from tests.chain.crawlers_press import Answer, Office, Seen, Site, article_page, rss


def test_what_is_switched_off_while_it_is_crawled_is_asked_for_nothing_more(tmp_path: Path) -> None:
    office, site = Office(tmp_path), Site()
    site.routes["/robots.txt"] = Answer("", 404)
    site.routes["/rss"] = rss(f"{site.url}/bai-{n}.html" for n in range(60))
    path = office.config / "sources" / "bao.toml"

    def page(seen: Seen) -> Answer:
        if len([one for one in site.seen if one.path.startswith("/bai-")]) == 3:
            path.write_text(path.read_text(encoding="utf-8") + "enabled = false\n", encoding="utf-8")
        return Answer(article_page(int(seen.path[5:-5])))

    for n in range(60):
        site.routes[f"/bai-{n}.html"] = page
    try:
        office.source("bao", site.domain, feeds=[f"{site.url}/rss"], delay=0.3)
        done = office.crawl("r1")
        assert done.returncode == 0, done.stderr
        asked = [one for one in site.paths() if one.startswith("/bai-")]
        assert 3 <= len(asked) < 45, "what is on its way comes in"
        assert office.summary("r1")["sources"]["bao"]["waiting"] == 60 - len(asked), "the rest waits until it is switched on again"
    finally:
        site.close()
    fates = [json.loads(line)["fate"] for line in (office.home / "runs/r1/fates.jsonl").read_text().splitlines()]
    assert fates == [None] * len(asked), "what was asked for has its fate"


def test_a_source_that_was_named_although_it_is_off_and_a_broken_file_go_on(tmp_path: Path) -> None:
    path = tmp_path / "bao.toml"
    path.write_text('name = "Báo"\ndomain = "bao.vn"\nenabled = false\n', encoding="utf-8")
    source = read_source(path)
    assert not Switches(tmp_path).is_off(source)
    on = source.model_copy(update={"enabled": True})
    assert Switches(tmp_path).is_off(on)
    path.write_text("name =", encoding="utf-8")
    assert not Switches(tmp_path).is_off(on)
    path.unlink()
    assert not Switches(tmp_path).is_off(on)
    assert not Switches(None).is_off(on)
