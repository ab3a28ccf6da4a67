"""`diembao extract`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import diembao
from diembao.errors import InputError, UsageError

GOLDEN = Path(__file__).parent.parent / "golden"
URL = "https://thtg.vn/tien-giang-chinh-quyen-so/"
SOURCE = 'name = "Đài Thử"\ndomain = "thtg.vn"\nfeeds = ["https://thtg.vn/feed"]\nkind = "portal"\nmin_body = 100000\n'


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "config"
    (config / "sources").mkdir(parents=True)
    monkeypatch.setenv("DIEMBAO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DIEMBAO_CONFIG", str(config))
    monkeypatch.delenv("DIEMBAO_INDEX", raising=False)
    return config


def run(*arguments: str) -> tuple[dict[str, object], str]:
    result = CliRunner().invoke(diembao, ["extract", *arguments], catch_exceptions=False, standalone_mode=False)
    return json.loads(result.stdout), result.stderr


def test_one_page_is_one_article(office: Path) -> None:
    article, _ = run(str(GOLDEN / "thtg/wordpress/page.html.gz"), "--url", URL, "--json")
    case = json.loads((GOLDEN / "thtg/wordpress/case.json").read_text(encoding="utf-8"))
    assert (article["title"], article["body"], article["authors"], article["source"]) == (case["title"], case["body"], case["authors"], "")


def test_the_source_of_the_domain_is_used_and_a_dropped_page_is_printed_too(office: Path) -> None:
    (office / "sources" / "thtg.toml").write_text(SOURCE, encoding="utf-8")
    article, messages = run(str(GOLDEN / "thtg/wordpress/page.html.gz"), "--url", URL, "--json")
    assert (article["source"], article["kind"]) == ("thtg", "portal")
    assert article["body"]
    assert "A crawl would drop this page: too_short" in messages


def test_a_plain_file_and_an_unpacked_one_are_the_same(office: Path, tmp_path: Path) -> None:
    packed = GOLDEN / "composed/amp/page.html.gz"
    plain = tmp_path / "page.html"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    assert run(str(plain), "--url", URL, "--json") == run(str(packed), "--url", URL, "--json")


def test_without_json_it_is_readable(office: Path) -> None:
    result = CliRunner().invoke(diembao, ["extract", str(GOLDEN / "composed/amp/page.html.gz"), "--url", URL], catch_exceptions=False)
    assert "title: Gia cố đê bao" in result.stdout
    assert "authors: Ngọc Trâm" in result.stdout


def test_bad_input_is_one_clear_error(office: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(b"\x1f\x8bnonsense")
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(60_000_000)))
    for path, words in (
        (tmp_path / "missing.html", "missing.html"),
        (damaged, "damaged.gz"),
        (bomb, "larger than 50 MB"),
        (tmp_path, "directory"),
    ):
        with pytest.raises(InputError, match=words):
            run(str(path), "--url", URL, "--json")
    page = str(GOLDEN / "composed/amp/page.html.gz")
    with pytest.raises(UsageError, match="not an absolute http"):
        run(page, "--url", "bao.vn/bai", "--json")
    with pytest.raises(UsageError, match="unknown source"):
        run(page, "--url", URL, "--source", "khong-co", "--json")
