"""The examples of docs/api.md run as they stand, against a served desk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from alerts.webhook import signature
from diembao.settings import PROJECT
from tests.unit.accounts_desk import Office, office_with_users
from web.accounts.keys import SCOPES, add_key
from web.serving import served

TEXT = (PROJECT / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = [(kind, code) for kind, code in re.findall(r"^```(bash|python)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, dict[str, str]]]:
    with office_with_users(tmp_path_factory.mktemp("api")) as office, served(office.app) as address:
        key = add_key(office.state, "IOC", SCOPES, timedelta(days=1), office.clock(), "admin", 6000)[1]
        yield office, {"DIEMBAO": address, "KEY": key, "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}


def test_there_are_examples_of_both_kinds() -> None:
    kinds = [kind for kind, _ in EXAMPLES]
    assert kinds.count("bash") >= 4
    assert kinds.count("python") >= 4


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_document_works(desk: tuple[Office, dict[str, str]], number: int) -> None:
    kind, code = EXAMPLES[number]
    if kind == "bash":
        assert shutil.which("curl"), "the examples need curl"
        for line in code.replace("\\\n", " ").splitlines():
            done = subprocess.run(["bash", "-c", line], env=desk[1], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
            assert "error" not in json.loads(done.stdout)
    else:
        done = subprocess.run([sys.executable, "-c", code], env=desk[1], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def test_the_example_for_receivers_takes_our_webhooks_and_no_others() -> None:
    (code,) = [code for kind, code in EXAMPLES if kind == "python" and "def is_ours" in code]
    names: dict[str, object] = {}
    exec(code, names)  # the document's own code
    is_ours = names["is_ours"]
    body = b'{"type":"alert.new"}'
    headers = {"webhook-id": "a", "webhook-timestamp": "1000", "webhook-signature": signature("bí mật", "a", 1000, body)}
    assert is_ours(headers, body, "bí mật".encode(), now=1100)  # type: ignore[operator]
    assert not is_ours(headers, body + b" ", "bí mật".encode(), now=1100)  # type: ignore[operator]
    assert not is_ours(headers, body, b"other", now=1100)  # type: ignore[operator]
    assert not is_ours(headers, body, "bí mật".encode(), now=2000), "too old"  # type: ignore[operator]
