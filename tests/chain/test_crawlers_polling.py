"""Polls of feeds: asked when they are due, and an unchanged one costs next to nothing. Two crawls that share the sources."""

from __future__ import annotations

import ipaddress
import itertools
import ssl
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from crawlers.locks import part_of
from crawlers.runs import read_run
from diembao.source import read_sources
from diembao.state import FetchState, State
from tests.chain.crawlers_press import Answer, Office, Seen, Site, article_page, rss

pytestmark = pytest.mark.xdist_group("crawlers")


def _entries(site: Site, count: int) -> str:
    return "".join(f"<item><title>t</title><link>{site.url}/a{n}.html</link></item>" for n in range(count))


def _feed(site: Site, count: int, built: str = "") -> bytes:
    made = f"<lastBuildDate>{built}</lastBuildDate>" if built else ""
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{made}{_entries(site, count)}</channel></rss>'.encode()


def _with_etag(seen: Seen, site: Site) -> Answer:
    same = seen.headers.get("if-none-match") == '"1"'
    return Answer(b"" if same else _feed(site, 2), 304 if same else 200, "application/rss+xml", {"ETag": '"1"'})


def _with_date(seen: Seen, site: Site) -> Answer:
    date = "Fri, 20 Nov 2026 00:00:00 GMT"
    same = seen.headers.get("if-modified-since") == date
    return Answer(b"" if same else _feed(site, 2), 304 if same else 200, "application/rss+xml", {"Last-Modified": date})


def test_unchanged_polls_are_known_as_such(tmp_path: Path) -> None:
    """Servers with ETag, with Last-Modified, without either, with nothing to say, and one that writes the time of making into its feed."""
    office = Office(tmp_path)
    sites: dict[str, Site] = {name: Site() for name in ("etag", "date", "plain", "empty", "built")}
    made = itertools.count()
    answers: dict[str, Any] = {
        "etag": lambda seen: _with_etag(seen, sites["etag"]),
        "date": lambda seen: _with_date(seen, sites["date"]),
        "plain": lambda seen: Answer(_feed(sites["plain"], 2), content_type="application/rss+xml"),
        "empty": lambda seen: Answer(_feed(sites["empty"], 0), content_type="application/rss+xml"),
        "built": lambda seen: Answer(_feed(sites["built"], 2, f"moment {next(made)}"), content_type="application/rss+xml"),
    }
    for name, site in sites.items():
        site.routes["/rss"] = answers[name]
        site.routes["/a0.html"], site.routes["/a1.html"] = Answer(article_page(1)), Answer(article_page(2))
        office.source(name, site.domain, feeds=[f"{site.url}/rss"], recrawl_hours=6.0, may_be_empty=name == "empty")
    outcomes = Counter[tuple[str, str]]()
    for run in ("one", "two", "three"):
        assert office.crawl(run).returncode == 0
        for name, counts in office.summary(run)["sources"].items():
            (entrance,) = counts["entrances"]
            outcomes[name, entrance["outcome"]] += 1
    polls = Counter(name for name, site in sites.items() for seen in site.seen if seen.path == "/rss")
    for site in sites.values():
        site.close()
    assert outcomes == {
        **{(name, "read"): 1 for name in sites},
        **{(name, "unchanged"): 2 for name in ("etag", "date", "plain", "empty")},
        ("built", "same links"): 2,
    }
    assert set(polls.values()) == {3}


def test_a_feed_is_not_asked_before_it_is_due(tmp_path: Path) -> None:
    site, office = Site(), Office(tmp_path)
    with (office.config / "office.toml").open("a") as file:
        file.write("poll_minutes = [5, 20]\n")
    site.routes["/rss"] = rss([f"{site.url}/a{n}.html" for n in range(3)])
    for number in range(3):
        site.routes[f"/a{number}.html"] = Answer(article_page(number))
    office.source("bao", site.domain, feeds=[f"{site.url}/rss"], recrawl_hours=6.0)
    asked = []
    for run in ("one", "two"):
        assert office.crawl(run).returncode == 0
        asked.append(site.paths().count("/rss"))
    assert asked == [1, 1]
    assert office.summary("two")["sources"]["bao"]["not_due"] == 1
    # Named, it is asked at once.
    assert office.crawl("named", "--source", "bao").returncode == 0
    assert site.paths().count("/rss") == 2
    state = State(f"sqlite:///{office.home / 'state.sqlite'}")
    with state.session() as session:
        entry = session.query(FetchState).filter(FetchState.role == "feed").one()
        entry.next_fetch_at = datetime.now(UTC) + timedelta(seconds=40)
    state.close()
    assert office.crawl("three").returncode == 0
    assert site.paths().count("/rss") == 3
    site.close()


def test_a_broken_certificate_chain_is_reported_and_not_ignored(tmp_path: Path) -> None:
    """A certificate that nobody vouches for: the feed is a problem that says why, and nothing of it is taken."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(datetime.now(UTC) - timedelta(days=1)).not_valid_after(datetime.now(UTC) + timedelta(days=9))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "tls.pem").write_bytes(private + certificate)
    site, office = Site(), Office(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    site._server.socket = context.wrap_socket(site._server.socket, server_side=True)
    url = site.url.replace("http://", "https://")
    site.routes["/rss"] = rss([f"{url}/a.html"])
    site.routes["/a.html"] = Answer(article_page(1))
    office.source("tls", site.domain, feeds=[f"{url}/rss"])
    done = office.crawl("run", "--set", "RETRY_TIMES=0")
    assert done.returncode == 0
    assert site.seen == []
    (problem,) = office.summary("run")["problems"]
    assert "certificate" in problem["problem"]
    assert "certificate" in done.stderr
    # The same certificate, vouched for: it was the chain, and nothing else.
    trusting = {**office.environment, "SSL_CERT_FILE": str(tmp_path / "tls.pem")}
    assert subprocess.run(office.command("trusted"), env=trusting, capture_output=True, check=False, timeout=60).returncode == 0
    site.close()
    assert office.summary("trusted")["extracted"] == 1


def test_two_crawls_share_the_sources(tmp_path: Path) -> None:
    office = Office(tmp_path)
    sites = [Site() for _ in range(6)]
    for number, site in enumerate(sites):
        site.routes["/rss"] = rss([f"{site.url}/a{n}.html" for n in range(4)])
        for page in range(4):
            site.routes[f"/a{page}.html"] = Answer(article_page(10 * number + page))
        office.source(f"s{number}", site.domain, feeds=[f"{site.url}/rss"], recrawl_hours=6.0, delay=0.2)
    sources = list(read_sources(office.config / "sources").values())
    parts = {f"run-{k}": {source.id for source in part_of(sources, f"{k}/2")} for k in (1, 2)}
    both = [
        subprocess.Popen(office.command(f"run-{k}", "--part", f"{k}/2"), env=office.environment, stderr=subprocess.PIPE, text=True)
        for k in (1, 2)
    ]
    for process in both:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    for run, wanted in parts.items():
        assert {article.source for article in read_run(office.home / "runs" / run).articles()} == wanted
    pages = Counter((site.port, path) for site in sites for path in site.paths())
    for site in sites:
        site.close()
    assert set(pages.values()) == {1}
    assert len(pages) == 6 * (4 + 2)
    assert not list((office.home / "spool").glob("*.pages"))
    assert not list((office.home / "spool").glob("*.journal"))
