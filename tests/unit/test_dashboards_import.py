"""`diembao dashboards`: against a server that answers as Kibana's documentation of the import says."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from cli.main import diembao
from dashboards.kibana import Kibana, KibanaError, import_objects, kibana_at
from dashboards.saved_objects import saved_objects, to_ndjson
from diembao.errors import DiembaoError, UsageError
from diembao.settings import read_settings

PROJECT = Path(__file__).parents[2]
PASSWORD = "mật:khẩu@1"
OBJECTS = 28
"""Two data views; in two languages: seven dashboards, six of them with a list."""


class FakeKibana(ThreadingHTTPServer):
    """Keeps what is imported; checks what Kibana checks of the call and of the objects."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kept: dict[tuple[str, str], dict[str, Any]] = {}
        self.spaces: dict[str, dict[str, Any]] = {}
        self.roles: dict[str, dict[str, Any]] = {}
        self.instead: tuple[int, dict[str, str], bytes] | None = None
        self.calls = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def signed_in(self) -> str:
        return f"http://diembao:{'m%E1%BA%ADt%3Akh%E1%BA%A9u%401'}@127.0.0.1:{self.server_address[1]}"

    def take(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(handler.path)
        if "kbn-xsrf" not in handler.headers:
            return 400, {"statusCode": 400, "error": "Bad Request", "message": "Request must contain a kbn-xsrf header."}
        wanted = "Basic " + base64.b64encode(f"diembao:{PASSWORD}".encode()).decode()
        if handler.headers.get("Authorization") != wanted:
            return 401, {"statusCode": 401, "error": "Unauthorized", "message": "unable to authenticate user"}
        if (handler.command, parts.path) == ("POST", "/api/spaces/space"):
            return self.make_space(json.loads(body))
        if handler.command == "PUT" and parts.path.startswith("/api/security/role/"):
            return self.put_role(parts.path.rpartition("/")[2], json.loads(body))
        if (handler.command, parts.path.removeprefix("/s/press")) != ("POST", "/api/saved_objects/_import"):
            return 404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"}
        return self.import_objects(handler, parts, body)

    def make_space(self, space: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if space["id"] in self.spaces:
            return 409, {"statusCode": 409, "error": "Conflict", "message": f"A space with the identifier {space['id']} already exists."}
        self.spaces[space["id"]] = space
        return 200, space

    def put_role(self, name: str, role: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        for entry in role["kibana"]:
            if bool(entry["base"]) == bool(entry["feature"]):
                return 400, {"statusCode": 400, "error": "Bad Request", "message": "base and feature exclude each other"}
        self.roles[name] = role
        return 204, {}

    def import_objects(self, handler: BaseHTTPRequestHandler, parts: SplitResult, body: bytes) -> tuple[int, dict[str, Any]]:
        form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + handler.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
        (file,) = form.iter_parts()
        assert file.get_param("name", header="content-disposition") == "file"
        if not str(file.get_filename()).endswith(".ndjson"):
            return 400, {"statusCode": 400, "error": "Bad Request", "message": "Invalid file extension"}
        objects = [json.loads(line) for line in file.get_payload(decode=True).decode("utf-8").splitlines() if line.strip()]
        sent = {(entry["type"], entry["id"]) for entry in objects}
        overwrite = parse_qs(parts.query).get("overwrite") == ["true"]
        errors, taken = [], 0
        for entry in objects:
            key = (entry["type"], entry["id"])
            missing = [ref for ref in entry["references"] if (ref["type"], ref["id"]) not in sent | self.kept.keys()]
            problem: dict[str, Any] | None = None
            if missing:
                problem = {"type": "missing_references", "references": [{"type": ref["type"], "id": ref["id"]} for ref in missing]}
            elif key in self.kept and not overwrite:
                problem = {"type": "conflict"}
            if problem:
                errors.append({"type": key[0], "id": key[1], "meta": {}, "error": problem})
            else:
                self.kept[key] = entry
                taken += 1
        return 200, {"success": not errors, "successCount": taken, "warnings": [], **({"errors": errors} if errors else {})}


class _Handler(BaseHTTPRequestHandler):
    server: FakeKibana

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls += 1
        if self.server.instead:
            status, headers, answer = self.server.instead
        else:
            status, told = self.server.take(self, body)
            headers, answer = {"Content-Type": "application/json"}, json.dumps(told).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status == 204:  # carries nothing
            answer = b""
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST  # noqa: N815 - the name is the standard library's

    def do_GET(self) -> None:
        raise AssertionError("nothing is fetched")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def kibana() -> Iterator[FakeKibana]:
    with FakeKibana() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ndjson(tmp_path: Path) -> str:
    return to_ndjson(saved_objects("diembao-articles", read_settings({"DIEMBAO_HOME": str(tmp_path)}).taxonomy))


def run(home: Path, *words: str) -> Result:
    settings = read_settings({"DIEMBAO_HOME": str(home / "home"), "DIEMBAO_CONFIG": str(PROJECT / "config")})
    command = diembao.get_command(None, "dashboards")  # type: ignore[arg-type]
    assert command is not None
    return CliRunner().invoke(command, words, obj=settings)


def failure(result: Result) -> str:
    """The line that `diembao` ends with."""
    assert isinstance(result.exception, DiembaoError), result.exception
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_import_brings_every_object_and_the_second_one_replaces_them(kibana: FakeKibana, tmp_path: Path, ndjson: str) -> None:
    for _ in range(2):
        result = run(tmp_path, "import", "--kibana", kibana.signed_in, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == {"kibana": kibana.address, "objects": OBJECTS}
    assert list(kibana.kept.values()) == [json.loads(line) for line in ndjson.splitlines()]


def test_import_goes_into_a_space(kibana: FakeKibana, tmp_path: Path) -> None:
    assert run(tmp_path, "import", "--kibana", f"{kibana.signed_in}/s/press/").exit_code == 0
    assert len(kibana.kept) == OBJECTS


def test_the_password_is_never_shown(kibana: FakeKibana, tmp_path: Path) -> None:
    shown = run(tmp_path, "import", "--kibana", kibana.signed_in).output
    line = failure(run(tmp_path, "import", "--kibana", f"http://diembao:secret-word@127.0.0.1:{kibana.server_address[1]}"))
    assert line.startswith(f"Kibana at {kibana.address} refuses user 'diembao' or the password.")
    assert "secret-word" not in line
    assert "%E1" not in shown
    assert PASSWORD not in shown


def test_a_call_without_a_user_is_refused_readably(kibana: FakeKibana, tmp_path: Path) -> None:
    line = failure(run(tmp_path, "import", "--kibana", kibana.address))
    assert "refuses a call without a user" in line
    assert kibana.kept == {}


def test_what_could_not_be_taken_is_named(kibana: FakeKibana, ndjson: str) -> None:
    without_view = "".join(line + "\n" for line in ndjson.splitlines()[1:])
    with pytest.raises(
        KibanaError,
        match=r"took 3 of 27 objects: search .* needs what is not there: index-pattern .*; dashboard .*; and 21 more",
    ):
        import_objects(kibana_at(kibana.signed_in), without_view)


def _not_taken(kind: str, identity: str, **error: object) -> tuple[int, object]:
    return 200, {"success": False, "successCount": OBJECTS - 1, "errors": [{"type": kind, "id": identity, "meta": {}, "error": error}]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (_not_taken("dashboard", "d", type="conflict"), f"took {OBJECTS - 1} of {OBJECTS} objects: dashboard d exists already"),
        (_not_taken("search", "s", type="ambiguous_conflict", destinations=[]), "search s exists several times"),
        (_not_taken("lens", "l", type="unsupported_type"), "lens l is of a kind"),
        (_not_taken("search", "s", type="unknown", message="too\nnew", statusCode=422), "search s: too new"),
        ((200, {"success": True, "successCount": 3}), f"took 3 of {OBJECTS} objects"),
        ((200, {"success": False, "errors": "what"}), f"took 0 of {OBJECTS} objects"),
        ((200, {"status": "ok"}), "is not Kibana"),
        ((200, ["x"]), "is not Kibana"),
        ((400, {"statusCode": 400, "error": "Bad Request", "message": "Invalid\nfile"}), "answered 400: Invalid file"),
        ((403, {"statusCode": 403, "error": "Forbidden", "message": "no"}), "does not allow user 'diembao'"),
        ((404, {"statusCode": 404}), "there is no Kibana API"),
        ((413, {"statusCode": 413}), "refuses a file of this size"),
        ((503, {"message": "Kibana server is not ready yet"}), "is not ready yet"),
        ((500, {"statusCode": 500, "error": "Internal Server Error", "message": "it broke"}), "answered 500: it broke"),
    ],
)
def test_each_refusal_is_one_readable_line(kibana: FakeKibana, ndjson: str, answer: tuple[int, object], expected: str) -> None:
    kibana.instead = (answer[0], {"Content-Type": "application/json"}, json.dumps(answer[1]).encode())
    with pytest.raises(KibanaError) as caught:
        import_objects(kibana_at(kibana.signed_in), ndjson)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_a_web_page_in_its_place_is_not_kibana(kibana: FakeKibana, ndjson: str) -> None:
    kibana.instead = (200, {"Content-Type": "text/html"}, b"<html>hello" + b"x" * 5000)
    with pytest.raises(KibanaError, match="is not Kibana"):
        import_objects(kibana_at(kibana.signed_in), ndjson)


def test_a_redirect_is_not_followed_with_the_password(kibana: FakeKibana, ndjson: str) -> None:
    for status in (302, 307, 308):
        kibana.instead = (status, {"Location": f"{kibana.address}/login"}, b"")
        before = kibana.calls
        with pytest.raises(KibanaError, match="sends us elsewhere"):
            import_objects(kibana_at(kibana.signed_in), ndjson)
        assert kibana.calls == before + 1


def test_nobody_there(tmp_path: Path) -> None:
    with FakeKibana() as gone:
        address = gone.address
    line = failure(run(tmp_path, "import", "--kibana", address))
    assert line.startswith(f"Kibana at {address} cannot be reached: ")
    assert "check the address" in line


def test_an_answer_that_never_comes(ndjson: str) -> None:
    with FakeKibana() as silent, pytest.raises(KibanaError, match="did not answer in time"):
        import_objects(Kibana(silent.address), ndjson, timeout=0.2)


def test_encryption_that_cannot_be_trusted(kibana: FakeKibana, tmp_path: Path) -> None:
    port = kibana.server_address[1]
    assert "cannot be trusted" in failure(run(tmp_path, "import", "--kibana", f"https://127.0.0.1:{port}"))
    assert "cannot be read" in failure(run(tmp_path, "import", "--kibana", f"https://127.0.0.1:{port}?ca={tmp_path / 'none.pem'}"))


@pytest.mark.parametrize("wrong", ["kibana.example.vn", "ftp://kibana", "http://", "http://host:port", "http://[::1"])
def test_a_wrong_address_is_wrong_usage(tmp_path: Path, wrong: str) -> None:
    result = run(tmp_path, "import", "--kibana", wrong)
    assert isinstance(result.exception, UsageError)
    assert "https://user:password@" in failure(result)


def test_build_writes_the_same_objects(tmp_path: Path, ndjson: str) -> None:
    out = tmp_path / "dashboards.ndjson"
    result = run(tmp_path, "build", "--out", str(out), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"file": str(out), "objects": OBJECTS}
    assert out.read_text(encoding="utf-8") == ndjson
    assert "cannot be written" in failure(run(tmp_path, "build", "--out", str(tmp_path / "none" / "x.ndjson")))
    assert run(tmp_path, "build").exit_code == 2


def test_staff_get_a_space_and_a_role_that_reads_there_and_nowhere_else(kibana: FakeKibana, tmp_path: Path) -> None:
    for _ in range(2):
        result = run(tmp_path, "access", "--kibana", kibana.signed_in, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == {"kibana": kibana.address, "space": "diembao", "role": "diembao-articles-reader"}
    assert list(kibana.spaces) == ["diembao"]
    (role,) = kibana.roles.values()
    assert role["elasticsearch"]["indices"] == [{"names": ["diembao-articles"], "privileges": ["read", "view_index_metadata"]}]
    assert role["elasticsearch"]["cluster"] == []
    assert role["kibana"] == [{"base": ["read"], "feature": {}, "spaces": ["diembao"]}]


@pytest.mark.parametrize("words", [("--space", "Tin tức"), ("--kibana", "http://127.0.0.1:1/s/press")])
def test_a_space_that_cannot_be_is_wrong_usage(kibana: FakeKibana, tmp_path: Path, words: tuple[str, ...]) -> None:
    result = run(tmp_path, "access", "--kibana", kibana.signed_in, *words)
    assert isinstance(result.exception, UsageError)
    assert kibana.calls == 0


def test_who_may_not_give_rights_is_told(kibana: FakeKibana, tmp_path: Path) -> None:
    kibana.instead = (403, {"Content-Type": "application/json"}, b'{"statusCode": 403, "message": "Forbidden"}')
    result = run(tmp_path, "access", "--kibana", kibana.signed_in)
    assert "does not allow user 'diembao' to manage spaces and roles" in failure(result)
