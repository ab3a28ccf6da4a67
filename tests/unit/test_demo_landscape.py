import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from demo.landscape import FATES, STATE_FILE, Landscape
from demo.outlets import OUTLETS
from diembao.errors import ConfigError
from diembao.fates import Fate
from diembao.settings import read_office
from diembao.source import read_sources
from diembao.taxonomy import read_taxonomy

NOW = datetime(2026, 11, 22, 9, 17, 30, tzinfo=UTC)


@pytest.fixture
def landscape(tmp_path: Path) -> Landscape:
    return Landscape.open(tmp_path, NOW, ())


def body_of(landscape: Landscape, outlet: str, path: str) -> bytes:
    return landscape.answer(outlet, path).body


def test_a_later_run_finds_the_same_press_day(landscape: Landscape, tmp_path: Path) -> None:
    landscape.advance()
    again = Landscape.open(tmp_path, NOW + timedelta(days=40), ())
    assert (again.anchor, again.ports, again.stage) == (landscape.anchor, landscape.ports, 2)
    assert again.anchor == NOW.replace(second=0)
    assert len(set(again.ports.values())) == len(OUTLETS)


def test_a_preferred_port_is_taken_when_it_is_free_and_only_then(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        landscape = Landscape.open(tmp_path / "a", NOW, (taken,))
        assert taken not in landscape.ports.values()
    free = landscape.ports["dien-dan"]
    assert Landscape.open(tmp_path / "b", NOW, (free,)).ports["bao-song-tien"] == free


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"anchor": "2026-11-22T09:00:00", "stage": 1, "ports": {}}', "\x00"])
def test_a_damaged_state_says_what_to_do(tmp_path: Path, state: str) -> None:
    (tmp_path / STATE_FILE).write_text(state, encoding="utf-8")
    with pytest.raises(ConfigError, match="Delete the folder"):
        Landscape.open(tmp_path, NOW, ())


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        Landscape.open(tmp_path / "file" / "folder", NOW, ())


def test_the_second_stage_adds_the_jump_edits_one_article_and_takes_one_down(landscape: Landscape) -> None:
    first = {page.url: page for page in landscape.expected()}
    landscape.advance()
    second = {page.url: page for page in landscape.expected(crawled=1)}
    assert first.keys() < second.keys()
    new = [page for url, page in second.items() if url not in first]
    assert all(page.fates == (Fate.INDEXED,) and not page.revised for page in new)
    assert sum(page.text is not None and page.text.tone == "negative" for page in new) >= 8
    assert [page.trouble for page in second.values() if page.fates == (Fate.GONE,) and first[page.url].is_article] == ["taken_down"]
    (edited,) = [page for page in second.values() if page.revised]
    old = first[edited.url].text
    assert old is not None
    assert edited.text is not None
    assert edited.fates == (Fate.INDEXED,)
    assert edited.text.title != old.title
    assert edited.text.body != old.body
    assert edited.text.published_at == old.published_at
    assert {page.fates for page in landscape.expected(crawled=2) if page.is_article} == {(Fate.UNCHANGED,)}


def test_every_kind_of_trouble_occurs(landscape: Landscape) -> None:
    landscape.advance()
    assert {page.trouble for page in landscape.expected()} == set(FATES)


def test_only_the_edited_page_changes_between_the_stages(landscape: Landscape) -> None:
    shown = [text for text in landscape.published() if OUTLETS[text.outlet].validators]
    before = {text.key: body_of(landscape, text.outlet, OUTLETS[text.outlet].path(text)) for text in shown}
    landscape.advance()
    after = {text.key: body_of(landscape, text.outlet, OUTLETS[text.outlet].path(text)) for text in shown}
    changed = [key for key in before if before[key] != after[key]]
    assert sorted(changed) == sorted(text.key for text in shown if text.edited or text.trouble == "taken_down")


def test_no_page_names_an_article_that_is_published_later(landscape: Landscape) -> None:
    landscape.advance()
    for text in landscape.published():
        served = landscape.answer(text.outlet, OUTLETS[text.outlet].path(text)).body.decode()
        later = [
            other
            for other in landscape.published(text.outlet)
            if text.published_at and other.published_at and other.published_at > text.published_at and landscape.url(other) in served
        ]
        assert later == []


def test_the_portals_counter_changes_its_page_each_time(landscape: Landscape) -> None:
    text = landscape.published("cong-thong-tin")[0]
    path = OUTLETS["cong-thong-tin"].path(text)
    assert body_of(landscape, "cong-thong-tin", path) != body_of(landscape, "cong-thong-tin", path)
    assert not {"ETag", "Last-Modified"} & landscape.answer("cong-thong-tin", path).headers.keys()


def test_a_portals_address_answers_in_every_spelling(landscape: Landscape) -> None:
    text = landscape.published("cong-thong-tin")[0]
    path = OUTLETS["cong-thong-tin"].path(text)
    for spelling in (path, path + "=", path.replace("?/", "?%2F").replace(text.slug + "/", text.slug + "%2F") + "="):
        assert landscape.answer("cong-thong-tin", spelling).status == 200


def test_what_must_come_out_stands_on_the_page(landscape: Landscape) -> None:
    landscape.advance()
    for page in landscape.expected():
        if page.text is None:
            continue
        answer = landscape.answer(page.source, page.url.removeprefix(landscape.base(page.source)))
        shown = BeautifulSoup(answer.body.decode(), "lxml").get_text(" ")
        words = " ".join(shown.split())
        for part in (page.text.title, page.text.lead, *page.text.body.split("\n"), page.text.credit):
            assert " ".join(part.split()) in words, page.url
        # The page that breaks off names its author in the metadata alone.
        assert all(author in answer.body.decode() for author in page.text.authors), page.url


def test_a_page_that_breaks_off_ends_with_what_must_come_out(landscape: Landscape) -> None:
    (page,) = [page for page in landscape.expected() if page.trouble == "cut_off"]
    assert page.text is not None
    served = body_of(landscape, page.source, page.url.removeprefix(landscape.base(page.source))).decode()
    assert served.endswith(page.text.body.rpartition("\n")[2])
    assert "</body>" not in served


def test_the_listing_pages_hold_every_article_once(landscape: Landscape) -> None:
    landscape.advance()
    outlet = OUTLETS["dai-cua-tieu"]
    found = []
    for path in ("/tin-moi", "/tin-moi?trang=2"):
        soup = BeautifulSoup(body_of(landscape, outlet.id, path).decode(), "lxml")
        found += [str(link["href"]) for link in soup.select(outlet.links)]
    assert sorted(found) == sorted(landscape.url(text) for text in landscape.published(outlet.id))
    assert landscape.answer(outlet.id, "/tin-moi?trang=3").status == 404


def test_the_forbidden_page_is_listed_and_lies_below_what_robots_txt_forbids(landscape: Landscape) -> None:
    (page,) = [page for page in landscape.expected() if page.trouble == "forbidden"]
    assert page.url.startswith(landscape.base(page.source) + "/noi-bo/")
    assert "Disallow: /noi-bo/" in body_of(landscape, page.source, "/robots.txt").decode()
    assert page.url in body_of(landscape, page.source, "/rss/home.rss").decode()


def test_the_outlet_with_a_crawl_delay_is_small(landscape: Landscape) -> None:
    landscape.advance()
    slow = [outlet for outlet in OUTLETS if b"Crawl-delay: 1" in body_of(landscape, outlet, "/robots.txt")]
    assert slow == ["dien-dan"]
    assert len(landscape.published("dien-dan")) <= 6


def test_the_configuration_is_complete(landscape: Landscape, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    landscape.write_config(folder, 2525)
    landscape.write_config(folder, 2526)
    office = read_office(folder / "office.toml")
    assert (office.province, office.mail.port, office.crawl.allow_private_addresses) == ("Đồng Tháp", 2526, True)
    assert office.mail.recipients
    assert "environment" in read_taxonomy(folder / "taxonomy.toml").topics
    sources = read_sources(folder / "sources")
    assert sources.keys() == OUTLETS.keys()
    landscape.advance()
    for page in landscape.expected():
        path = page.url.removeprefix(landscape.base(page.source)).partition("?")[0]
        assert re.search(sources[page.source].article_pattern, path), page.url
    assert sum(bool(source.layout) for source in sources.values()) not in (0, len(sources))
    assert {len(source.listings) for source in sources.values()} == {0, 1, 2}


@pytest.mark.parametrize(
    ("if_none_match", "if_modified_since", "known"),
    [
        (None, None, False),
        ("{tag}", None, True),
        ('"other", W/{tag}', None, True),
        ("*", None, True),
        ('"other"', "{date}", False),  # If-None-Match decides alone
        (None, "{date}", True),
        (None, "Thu, 01 Jan 1970 00:00:00 GMT", False),
        (None, "yesterday", False),
    ],
)
def test_a_page_that_the_client_knows_is_not_sent_again(
    landscape: Landscape, if_none_match: str | None, if_modified_since: str | None, known: bool
) -> None:
    text = landscape.published("bao-song-tien")[0]
    answer = landscape.answer("bao-song-tien", OUTLETS["bao-song-tien"].path(text))
    values = {"tag": answer.headers["ETag"], "date": answer.headers["Last-Modified"]}
    said = answer.for_request(
        if_none_match.format(**values) if if_none_match else None, if_modified_since.format(**values) if if_modified_since else None, None
    )
    assert (said.status == 304) == known
    assert bool(said.body) != known
