import gzip
import http.client
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest
from lxml import etree

from demo.landscape import Landscape
from demo.outlets import OUTLETS
from demo.server import Press, serve
from diembao.errors import DiembaoError
from diembao.fates import Fate

NOW = datetime(2026, 11, 22, 9, 17, tzinfo=UTC)
STATUS = {
    Fate.INDEXED: 200,
    Fate.TOO_SHORT: 200,
    Fate.NOT_ARTICLE: 200,
    Fate.BLOCKED_BY_ROBOTS: 200,
    Fate.NOT_FOUND: 404,
    Fate.GONE: 410,
    Fate.SERVER_ERROR: 500,
    Fate.REDIRECT_LOOP: 302,
}


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    with serve(Landscape.open(tmp_path, NOW, ())) as running:
        yield running


def get(press: Press, outlet: str, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", press.landscape.ports[outlet], timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_every_page_answers_as_its_trouble_says(press: Press) -> None:
    press.landscape.advance()
    for page in press.landscape.expected():
        answer, body = get(press, page.source, page.url.removeprefix(press.landscape.base(page.source)))
        assert answer.status == STATUS[page.fates[0]], page.url
        assert body or answer.status == 302
    assert len(press.requests) == len(press.landscape.expected())


@pytest.mark.parametrize("outlet", [outlet.id for outlet in OUTLETS.values() if outlet.discovery == "feed"])
def test_a_feed_is_well_formed_and_lists_what_is_published(press: Press, outlet: str) -> None:
    answer, body = get(press, outlet, "/rss/home.rss")
    feed = feedparser.parse(body, response_headers={"content-type": answer.headers["Content-Type"]})
    assert not feed.bozo
    texts = press.landscape.published(outlet)
    assert [entry.link for entry in feed.entries] == [press.landscape.url(text) for text in texts]
    assert [entry.title for entry in feed.entries] == [text.title for text in texts]
    for entry, text in zip(feed.entries, texts, strict=True):
        assert ("published_parsed" in entry) == (text.published_at is not None)
        if text.published_at:
            assert datetime(*entry.published_parsed[:6], tzinfo=UTC) == text.published_at


def test_the_news_sitemap_is_well_formed_and_lists_what_is_published(press: Press) -> None:
    root = etree.fromstring(get(press, "mien-tay-moi", "/news-sitemap.xml")[1])
    names = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9", "news": "http://www.google.com/schemas/sitemap-news/0.9"}
    texts = press.landscape.published("mien-tay-moi")
    assert [node.text for node in root.iterfind("s:url/s:loc", names)] == [press.landscape.url(text) for text in texts]
    dates = [datetime.fromisoformat(str(node.text)) for node in root.iterfind(".//news:publication_date", names)]
    assert dates == [text.published_at for text in texts]


def test_a_known_page_is_answered_with_304_until_it_is_edited(press: Press) -> None:
    (text,) = [text for text in press.landscape.published() if text.edited]
    path = OUTLETS[text.outlet].path(text)
    first, _ = get(press, text.outlet, path)
    known = {"If_None_Match": first.headers["ETag"], "If_Modified_Since": first.headers["Last-Modified"]}
    again, body = get(press, text.outlet, path, **known)
    assert (again.status, body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    press.landscape.advance()
    edited, body = get(press, text.outlet, path, **known)
    assert edited.status == 200
    assert text.edited is not None
    assert text.edited.title in body.decode()


def test_a_feed_changes_with_the_stage(press: Press) -> None:
    first, _ = get(press, "bao-song-tien", "/rss/home.rss")
    assert get(press, "bao-song-tien", "/rss/home.rss", If_None_Match=first.headers["ETag"])[0].status == 304
    press.landscape.advance()
    assert get(press, "bao-song-tien", "/rss/home.rss", If_None_Match=first.headers["ETag"])[0].status == 200


def test_who_takes_gzip_gets_gzip(press: Press) -> None:
    plain, body = get(press, "bao-song-tien", "/rss/home.rss")
    packed, compressed = get(press, "bao-song-tien", "/rss/home.rss", Accept_Encoding="br, gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed) == body
    assert len(compressed) < len(body)


def test_head_has_the_headers_alone(press: Press) -> None:
    answer, body = get(press, "bao-song-tien", "/rss/home.rss", method="HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_the_redirect_leads_in_a_circle(press: Press) -> None:
    (page,) = [page for page in press.landscape.expected() if page.trouble == "redirect_loop"]
    path = start = page.url.removeprefix(press.landscape.base(page.source))
    seen = []
    for _ in range(3):
        answer, _ = get(press, page.source, path)
        assert answer.status == 302
        seen.append(path)
        path = answer.headers["Location"]
    assert seen == [start, f"{start}?lan=2", start]


def test_the_wrongly_declared_page_is_utf_8_all_the_same(press: Press) -> None:
    (page,) = [page for page in press.landscape.expected() if page.trouble == "wrong_charset"]
    answer, body = get(press, page.source, page.url.removeprefix(press.landscape.base(page.source)))
    assert "iso-8859-1" in answer.headers["Content-Type"]
    assert page.text is not None
    assert page.text.title in body.decode("utf-8")


def test_every_picture_of_a_page_is_served(press: Press) -> None:
    text = next(text for text in press.landscape.published("bao-song-tien") if any(block.kind == "caption" for block in text.blocks))
    _, body = get(press, text.outlet, OUTLETS[text.outlet].path(text))
    pictures = set(re.findall(r'src="http://127\.0\.0\.1:\d+(/anh/[^"]+)"', body.decode()))
    assert pictures
    for path in pictures:
        answer, drawing = get(press, text.outlet, path)
        assert answer.headers["Content-Type"] == "image/svg+xml"
        assert etree.fromstring(drawing).tag.endswith("svg")


def test_unknown_addresses_are_404(press: Press) -> None:
    for outlet in OUTLETS:
        assert get(press, outlet, "/khong-co.html")[0].status == 404


def test_requests_are_kept_with_who_asked(press: Press) -> None:
    get(press, "dien-dan", "/robots.txt", User_Agent="DiemBao/0.1")
    assert [(request.outlet, request.path, request.status, request.user_agent) for request in press.requests] == [
        ("dien-dan", "/robots.txt", 200, "DiemBao/0.1")
    ]


def test_the_ports_are_free_again_afterwards(tmp_path: Path) -> None:
    landscape = Landscape.open(tmp_path, NOW, ())
    for _ in range(2):
        with serve(landscape) as running:
            assert get(running, "dien-dan", "/robots.txt")[0].status == 200


def test_a_taken_port_says_which_and_what_to_do(tmp_path: Path) -> None:
    landscape = Landscape.open(tmp_path, NOW, ())
    port = landscape.ports["dien-dan"]
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(DiembaoError, match=rf"port {port} of Diễn đàn Quê Mình is taken") as caught,
        serve(landscape),
    ):
        pass
    assert str(tmp_path) in caught.value.hint


def test_a_client_that_goes_away_is_no_noise(press: Press, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", press.landscape.ports["bao-song-tien"])) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        client.sendall(b"GET /rss/home.rss HTTP/1.1\r\nHost: x\r\n")
    assert get(press, "bao-song-tien", "/robots.txt")[0].status == 200
    assert capfd.readouterr().err == ""
