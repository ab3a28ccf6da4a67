"""An article that is edited, taken down and put back: what is kept of it, and the package that shows it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from warcio.archiveiterator import ArchiveIterator

from cli.main import diembao
from crawlers.archive import read_record
from crawlers.evidence import captured, pack
from crawlers.replay import replay
from crawlers.revisions import history, removal_of
from crawlers.runs import read_run
from diembao.errors import ArchiveError, InputError
from diembao.settings import read_settings
from diembao.source import read_sources
from diembao.state import State
from diembao.urls import article_id
from index import open_engine
from index.ingest import ingest
from tests.chain.crawlers_press import Answer, Office, Site, article_page, body_of, rss

pytestmark = pytest.mark.xdist_group("crawlers")

ADDED = "<p>Bổ sung: đê bao đã được hàn khẩu vào chiều cùng ngày, <script>alert(1)</script> không còn hộ nào bị cô lập.</p>"


class Watched:
    """One outlet with one article, and what an office keeps of it."""

    def __init__(self, folder: Path) -> None:
        self.site = Site()
        self.office = Office(folder)
        self.office.source("bao", self.site.domain, feeds=[f"{self.site.url}/rss"])
        self.site.routes["/rss"] = rss([f"{self.site.url}/a1.html", f"{self.site.url}/a2.html"])
        self.site.routes["/a2.html"] = Answer(article_page(2))
        self.url = f"{self.site.url}/a1.html"
        self.runs = 0

    def crawl(self, answer: Answer) -> str:
        """Crawl while the article's address gives `answer`, and index what was found; the fate of the article."""
        self.site.routes["/a1.html"] = answer
        self.runs += 1
        done = self.office.crawl(f"run-{self.runs}")
        assert done.returncode == 0, done.stderr
        settings = read_settings(self.office.environment)
        state, engine = State(settings.database), open_engine(settings)
        try:
            run = read_run(settings.runs_folder / f"run-{self.runs}")
            engine.prepare()
            ingest(engine, state, run.articles())
            fates = {fate.url: fate for fate in run.fates()}
            return str(next(fate.fate for url, fate in fates.items() if not url.endswith("/a2.html")))
        finally:
            engine.close()
            state.close()

    def command(self, *words: str) -> Any:
        return CliRunner(env=self.office.environment).invoke(diembao, list(words), obj=read_settings(self.office.environment))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    watched = Watched(tmp_path_factory.mktemp("watched"))
    fates = [
        watched.crawl(Answer(article_page(1))),
        watched.crawl(Answer(article_page(1, title="Xã số 1 đã hàn khẩu đê bao", body=body_of(1) + ADDED))),
        watched.crawl(Answer("<h1>Bài viết đã được gỡ</h1>", 410)),
        watched.crawl(Answer("<h1>Bài viết đã được gỡ</h1>", 410)),
    ]
    assert fates == ["None", "None", "gone", "gone"]
    yield watched
    watched.site.close()


@pytest.fixture(scope="module")
def package(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "chung-cu.zip"
    result = watched.command("evidence", watched.url, "--output", str(path), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["missing"] == []
    folder = path.parent / "unpacked"
    with zipfile.ZipFile(path) as bundle:
        bundle.extractall(folder)
    return folder


def test_revisions_and_the_removal_are_told(watched: Watched) -> None:
    result = watched.command("revisions", watched.url, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["id"] == article_id(watched.url)
    assert [one["revision"] for one in told["revisions"]] == [1, 2]
    (change,) = told["changes"]
    assert {"before", "after", "title", "body"} == set(change)
    assert "".join(text for kind, text in change["title"] if kind != "removed") == "Xã số 1 đã hàn khẩu đê bao"
    assert "".join(text for kind, text in change["title"] if kind != "added") == "Xã số 1 khắc phục hậu quả ngập lụt"
    assert change["title"][0] == ["same", "Xã số 1 "]
    assert "lead" not in change
    (removal,) = told["removals"]
    assert (removal["fate"], removal["detail"], removal["checks"], removal["restored_at"]) == ("gone", "HTTP 410", 2, None)
    assert told["removed_at"] == removal["found_at"]
    # The last time that it was seen lies before the removal, and after the second revision was fetched.
    assert told["revisions"][1]["fetched_at"] <= removal["last_seen_at"] < removal["found_at"] < removal["checked_at"]
    people = watched.command("revisions", told["id"])
    assert "gỡ / removed: gone HTTP 410 (2 ×)" in people.output
    assert "{+" in people.output


def test_a_page_of_the_desk_can_tell_the_removal_and_its_evidence(watched: Watched) -> None:
    settings = read_settings(watched.office.environment)
    state = State(settings.database)
    away = removal_of(state, article_id(watched.url))
    assert removal_of(state, article_id(watched.url.replace("a1", "a2"))) is None
    state.close()
    assert away is not None
    assert (away.fate, away.detail, away.checks, away.is_over) == ("gone", "HTTP 410", 2, False)
    assert away.archive is not None
    answer = captured(settings.archive_folder, away.archive)
    assert (answer.url, answer.status, answer.server_address) == (watched.url, 410, "127.0.0.1")
    assert answer.payload_sha256 == hashlib.sha256("<h1>Bài viết đã được gỡ</h1>".encode()).hexdigest()
    assert abs(answer.captured_at - away.found_at) < timedelta(seconds=1)
    with pytest.raises(ArchiveError):
        captured(settings.archive_folder / "nowhere", away.archive)


def test_the_package_can_be_checked_with_common_tools(package: Path) -> None:
    done = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {line.partition("  ")[2] for line in (package / "SHA256SUMS").read_text().splitlines()}
    there = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert listed == there - {"SHA256SUMS"}
    # A changed byte is noticed.
    text = package / "ban-01" / "text.txt"
    before = text.read_bytes()
    text.write_bytes(before.replace(b"t", b"T", 1))
    assert subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=package, capture_output=True, check=False).returncode == 1
    text.write_bytes(before)


def test_the_records_in_the_package_are_whole(watched: Watched, package: Path) -> None:
    for folder, name, status in (("ban-01", "page", "200"), ("ban-02", "page", "200"), ("go-bo-01", "answer", "410")):
        with (package / folder / f"{name}.warc.gz").open("rb") as file:
            kinds = []
            for record in ArchiveIterator(file, check_digests="raise"):
                kinds.append(record.rec_type)
                if record.rec_type == "response":
                    assert record.rec_headers.get_header("WARC-Target-URI") == watched.url
                    assert record.http_headers.get_statuscode() == status
                    assert record.content_stream().read() == (package / folder / f"{name}.html").read_bytes()
        assert kinds == ["response", "request"]
    timeline = json.loads((package / "timeline.json").read_text())
    assert [event["event"] for event in timeline["timeline"]] == ["revision", "revision", "removed"]
    assert all(len(event["payload_sha256"]) == 64 and event["captured_at"] for event in timeline["timeline"])


def test_a_person_can_read_what_happened(watched: Watched, package: Path) -> None:
    text = (package / "DOC-TRUOC.txt").read_text()
    assert "ĐÃ GỠ, phát hiện lúc" in text
    assert "máy chủ trả lời đã gỡ (HTTP 410)" in text
    assert "Kiểm tra 2 lần" in text
    assert watched.url in text
    assert "sha256sum -c SHA256SUMS" in text
    page = (package / "thay-doi" / "01-02.html").read_text()
    assert "<ins>" in page
    assert "<script" not in page
    assert "hàn khẩu" in (package / "thay-doi" / "01-02.txt").read_text()


def test_a_lost_record_is_named_and_not_passed_over(watched: Watched, tmp_path: Path) -> None:
    state = State(read_settings(watched.office.environment).database)
    found = history(state, watched.url)
    state.close()
    package = pack(tmp_path / "a.zip", found, tmp_path / "no-archive", "Thử", datetime.now(UTC))
    assert len(package.missing) == 3
    with zipfile.ZipFile(package.path) as bundle:
        assert "Restore the file from the last copy" in bundle.read("DOC-TRUOC.txt").decode()
        assert "ban-01/text.txt" in bundle.namelist()


def test_what_is_not_kept_is_said(watched: Watched) -> None:
    result = watched.command("revisions", "0" * 32)
    assert isinstance(result.exception, InputError)
    assert "nothing is kept" in str(result.exception)


def test_an_answer_about_a_removal_is_no_article_in_a_replay(watched: Watched) -> None:
    settings = read_settings(watched.office.environment)
    assert list(replay(settings.archive_folder, "run-3", read_sources(settings.sources_folder))) == []


def test_an_article_that_is_put_back_is_no_longer_away(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.site.routes["/"] = Answer("<h1>Trang chủ</h1>")
    fates = [
        watched.crawl(Answer(article_page(1))),
        watched.crawl(Answer(b"", 302, headers={"Location": "/"})),
        watched.crawl(Answer("<html><head><title>Không tìm thấy trang</title></head><body><p>Trang không tồn tại.</p></body></html>")),
        watched.crawl(Answer(article_page(1))),
        watched.crawl(Answer("", 404)),
    ]
    watched.site.close()
    assert fates == ["None", "not_article", "not_article", "unchanged", "not_found"]
    state = State(read_settings(watched.office.environment).database)
    first, second = history(state, watched.url).away
    assert removal_of(state, article_id(watched.url)) == second
    state.close()
    assert first.is_over
    # The front page instead of the article, then a page without an article: one absence, with the first answer as evidence.
    assert first.restored_at is not None
    assert first.found_at < first.checked_at < first.restored_at < second.found_at
    assert first.detail == "leads to the front page"
    assert first.archive is not None
    assert (first.checks, second.checks, second.fate) == (2, 1, "not_found")
    assert second.archive is not None
    assert second.last_seen_at is not None
    assert abs(second.last_seen_at - first.restored_at) < timedelta(seconds=1)


def test_the_redirect_to_another_site_is_evidence_too(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    away = Answer(b"moved", 302, headers={"Location": "http://elsewhere.invalid/trang-chu"})
    fates = [watched.crawl(Answer(article_page(1))), watched.crawl(away)]
    watched.site.close()
    assert fates == ["None", "left_site"]
    settings = read_settings(watched.office.environment)
    state = State(settings.database)
    removal = removal_of(state, article_id(watched.url))
    state.close()
    assert removal is not None
    assert removal.archive is not None
    answer = captured(settings.archive_folder, removal.archive)
    assert (answer.url, answer.status) == (watched.url, 302)
    assert answer.payload_sha256 == hashlib.sha256(b"moved").hexdigest()
    assert read_record(settings.archive_folder, removal.archive).header("Location") == "http://elsewhere.invalid/trang-chu"


@pytest.mark.browser
def test_a_picture_of_each_page_is_drawn_without_a_network(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "anh.zip"
    asked = len(watched.site.seen)
    result = watched.command("evidence", watched.url, "--output", str(path), "--screenshot", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["missing"] == []
    with zipfile.ZipFile(path) as bundle:
        for name in ("ban-01/page.png", "ban-02/page.png", "go-bo-01/answer.png"):
            assert bundle.read(name).startswith(b"\x89PNG")
        assert bundle.read("ban-01/page.png") != bundle.read("ban-02/page.png")
        assert "ảnh chụp, dựng lại từ HTML đã lưu" in bundle.read("DOC-TRUOC.txt").decode()
    assert len(watched.site.seen) == asked
