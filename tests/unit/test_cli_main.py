"""What a script meets around every command: closed streams, a full disk, wrong settings. Each is a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
BROKEN_STREAMS = {
    "stdin is closed": ("index --json <&-", 0, ""),
    "stdout is closed": ("sources list >&-", 1, "the standard output is closed"),
    "stderr is closed": ("sources list 2>&-", 0, ""),
    "stdout is full": ("sources list --json >/dev/full", 1, "No space left on device"),
    "stdout is full at the end": ("sources list >/dev/full", 1, "No space left on device"),
    "the reader has gone": ("sources list --json | true", 1, ""),
    "the file is a full device": ("export --format csv -o /dev/full", 1, "/dev/full cannot be written: No space left on device"),
}


def run(home: Path, words: str, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`diembao WORDS`, as a shell runs it from another folder."""
    return subprocess.run(
        ["bash", "-c", f'{before} set -o pipefail; "$0" -c "from cli.main import main; main()" {words}', sys.executable],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "DIEMBAO_HOME": str(home / "kept"), "DIEMBAO_CONFIG": str(PROJECT / "config")}
        | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("case", BROKEN_STREAMS)
def test_a_broken_stream_is_at_most_one_line(case: str, tmp_path: Path) -> None:
    words, exit_code, message = BROKEN_STREAMS[case]
    result = run(tmp_path, words)
    assert result.returncode == exit_code, result.stderr
    assert message in result.stderr
    assert len(result.stderr.splitlines()) <= 1, result.stderr


def test_a_device_is_not_replaced_by_the_exported_file(tmp_path: Path) -> None:
    assert run(tmp_path, "export --format csv -o /dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()


def test_an_export_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "shared.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("shared.csv")
    assert run(tmp_path, "export -o link.csv").returncode == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "shared.csv").read_text(encoding="utf-8-sig").startswith("id,")


@pytest.mark.parametrize("words", ["search -h", "search -- --help", "export -h"])
def test_a_minus_in_a_query_is_no_call_for_help(words: str, tmp_path: Path) -> None:
    result = run(tmp_path, words)
    assert "Traceback" not in result.stderr
    assert "Usage" not in result.stdout


def test_help_is_given_where_the_settings_are_wrong(tmp_path: Path) -> None:
    for words in ("index -h", "alerts list --help", "search --help"):
        result = run(tmp_path, words, DIEMBAO_HOME="/proc/none", DIEMBAO_CONFIG="/none")
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("Usage: diembao")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DIEMBAO_HOME", "/proc/none", "DIEMBAO_HOME /proc/none cannot be created"),
        ("DIEMBAO_CONFIG", "/none", "DIEMBAO_CONFIG /none is not a folder"),
        ("DIEMBAO_INDEX", "mongo", "DIEMBAO_INDEX 'mongo' is not known"),
        ("DIEMBAO_DATABASE", "nonsense", "the database nonsense cannot be opened"),
    ],
)
def test_wrong_settings_are_one_line(name: str, value: str, message: str, tmp_path: Path) -> None:
    result = run(tmp_path, "alerts list" if name == "DIEMBAO_DATABASE" else "search x", **{name: value})
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_json_lines_saved_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "articles.jsonl").write_text('{"id": "a", "title": "Lũ quét"}\r\n', encoding="utf-8-sig")
    result = run(tmp_path, "index < articles.jsonl")
    assert (result.returncode, result.stdout) == (0, '{"indexed":1,"unchanged":0,"revised":0,"rejected":0}\n')


def test_an_elasticsearch_that_is_away_is_one_line_also_when_a_library_has_set_up_logging(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor", DIEMBAO_INDEX="http://127.0.0.1:1")
    assert "✗ engine: Elasticsearch at http://127.0.0.1:1 cannot be reached" in result.stdout
    assert [line for line in result.stderr.splitlines() if not line.startswith("diembao: not in order: engine")] == []


@pytest.mark.parametrize("words", ["index", "search lũ", "alerts list", "alerts evaluate", "monitor --once", "import articles.jsonl"])
def test_a_full_disk_is_one_line_at_once(words: str, tmp_path: Path) -> None:
    (tmp_path / "articles.jsonl").write_text('{"number": "1", "title": "Lũ quét", "body": "Nước lên nhanh."}\n')
    result = run(tmp_path, f"{words} < articles.jsonl", before="ulimit -f 0;")  # no file of this process may grow
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert any(why in result.stderr for why in ("disk I/O error", "is full", "no space left", "File too large"))
