"""The real Elasticsearch node of a test run: built once, started once, shared by all workers.

The node ends with the test run, also when that is killed (STOP_WITH_PROCESS). Each module gets its own index prefix, and only
what begins with that prefix is deleted.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

_FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "elasticsearch-node"
_START_SECONDS = 120


@pytest.fixture(scope="session")
def elasticsearch_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`http://127.0.0.1:PORT` of the node."""
    _require()
    in_worker = "PYTEST_XDIST_WORKER" in os.environ
    shared = tmp_path_factory.getbasetemp().parent if in_worker else tmp_path_factory.getbasetemp()
    known = shared / "elasticsearch-node.json"
    with (shared / "elasticsearch-node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            owner = os.getppid() if in_worker else os.getpid()
            known.write_text(json.dumps({"address": _start(shared / "elasticsearch-node", owner)}))
        address: str = json.loads(known.read_text())["address"]
    return address


@pytest.fixture(scope="module")
def elasticsearch_index(elasticsearch_address: str) -> Iterator[str]:
    """The node's address with a random index prefix, as DIEMBAO_INDEX takes it; the prefix is wiped afterwards."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    yield f"{elasticsearch_address}/{prefix}"
    with Elasticsearch(elasticsearch_address, request_timeout=60) as client:
        names = list(client.indices.get(index=f"{prefix}-*", allow_no_indices=True))
        if names:
            client.indices.delete(index=names)
        for found in client.indices.get_index_template(name=f"{prefix}-*")["index_templates"]:
            client.indices.delete_index_template(name=found["name"])


def _require() -> None:
    if (missing := _missing()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"the Elasticsearch tests are required here, but {missing}")
        pytest.skip(f"no Elasticsearch node: {missing}")


def _missing() -> str | None:
    if shutil.which("mvn") is None:
        return "Maven (mvn) is not installed"
    if _jdk() is None:
        return "there is no JDK of 21 or newer in JAVA_HOME or below /usr/lib/jvm"
    return None


def _jdk() -> Path | None:
    folders = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    folders += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    for folder in folders:
        compiler = folder / "bin" / "javac"
        if not compiler.exists():
            continue
        answer = subprocess.run([compiler, "-version"], capture_output=True, text=True, check=False)
        if (found := re.search(r"javac (\d+)", answer.stdout + answer.stderr)) and int(found.group(1)) >= 21:
            return folder
    return None


def _start(home: Path, owner: int) -> str:
    _build()
    home.mkdir()
    for _ in range(3):
        node = Node(home, free_port(), owner)
        if node.start():
            # The node outlives this worker on purpose; it ends with the test run.
            node.let_go()
            return node.address
        node.kill()
    pytest.fail(f"the Elasticsearch node did not start: {node.log()[-3000:]}")


def _build() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "diembao"
    cache.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "JAVA_HOME": str(_jdk())}
    with (cache / "elasticsearch-node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = subprocess.run([_FOLDER / "run.sh", "--build"], env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.fail(f"the Elasticsearch node could not be built: {built.stdout[-2000:]}{built.stderr[-2000:]}")


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Node:
    """One Elasticsearch node; it ends with the process `owner`.

    Args:
        home: keeps its data, so that it can be started again.
        port: of its HTTP interface; the same again after a restart.
        owner: number of the process with which it ends.
        variables: further environment, as deploy/elasticsearch-node/run.sh takes it.
    """

    def __init__(self, home: Path, port: int, owner: int, **variables: str) -> None:
        self.home = home
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self._environment = {**os.environ, "JAVA_HOME": str(_jdk()), "STOP_WITH_PROCESS": str(owner), **variables}
        self._log = home / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it and wait until it answers."""
        with self._log.open("a") as output:
            self._process = subprocess.Popen(
                [_FOLDER / "run.sh", str(self.home), str(self.port)],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return _answers(self.address, self._process)

    def kill(self) -> None:
        """SIGKILL: what it had not written is lost, as in a power cut."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def let_go(self) -> None:
        """Nobody waits for the process any more."""
        assert self._process is not None
        self._process.returncode = 0

    def log(self) -> str:
        """What it said."""
        return self._log.read_text()


@pytest.fixture(scope="module")
def own_node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that only this module's tests use, so that they may kill it or change its settings.

    A module may set `NODE_VARIABLES`.
    """
    _require()
    _build()
    node = Node(tmp_path_factory.mktemp("own-node"), free_port(), os.getpid(), **getattr(request.module, "NODE_VARIABLES", {}))
    assert node.start(), node.log()[-3000:]
    yield node
    node.kill()


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_cluster/health?wait_for_status=yellow&timeout=5s", timeout=10) as answer:
                if answer.status == 200:
                    return True
        except urllib.error.HTTPError as error:
            if error.code == 401:  # it asks for a password
                return True
            time.sleep(0.3)
        except OSError:
            time.sleep(0.3)
    return False
