"""What we ask of a Kibana through its API: take the saved objects, and let staff read them in a space of their own.

`POST /api/saved_objects/_import`, `POST /api/spaces/space`, `PUT /api/security/role/NAME`.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

from diembao.errors import DiembaoError, UsageError

_TIMEOUT_SECONDS = 60.0
_LONGEST_ANSWER = 10 * 1024 * 1024


class KibanaError(DiembaoError):
    """Kibana cannot be reached, refuses, or could not take every object."""


@dataclass(frozen=True)
class Kibana:
    """Where a Kibana is.

    Attributes:
        address: `https://host:5601`, with the path under which it is served and of the space (`/s/press`), without a slash behind.
        user: who imports; empty: nobody signs in.
        password: of `user`.
        authority: file with the certificate that signed the server's; None: the system's.
    """

    address: str
    user: str = ""
    password: str = ""
    authority: str | None = None


def kibana_at(url: str) -> Kibana:
    """The Kibana that `url` names: `https://user:password@host:5601/s/SPACE?ca=FILE`.

    Raises:
        UsageError: when it is not such an address.

    >>> kibana_at("http://an:b%40c@127.0.0.1:5601/s/press/").address
    'http://127.0.0.1:5601/s/press'
    """
    example = "Write it like https://user:password@kibana.example.vn:5601"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError("the address of Kibana cannot be read", example) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("the address of Kibana must begin with http:// or https:// and name a host", example)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    authority = parse_qs(parts.query).get("ca", [None])[0]
    return Kibana(place + parts.path.rstrip("/"), unquote(parts.username or ""), unquote(parts.password or ""), authority)


def import_objects(kibana: Kibana, ndjson: str, timeout: float = _TIMEOUT_SECONDS) -> int:
    """Import the lines of `ndjson`, replacing objects with the same ids; returns how many Kibana took.

    Raises:
        KibanaError: when not all of them were taken; says why in one line.
    """
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="diembao.ndjson"\r\n'
        f"Content-Type: application/ndjson\r\n\r\n{ndjson}\r\n--{boundary}--\r\n"
    ).encode()
    request = _request(kibana, "POST", "/api/saved_objects/_import?overwrite=true", body, f"multipart/form-data; boundary={boundary}")
    return _taken(kibana, *_send(kibana, request, timeout), sent=ndjson.count("\n"))


@dataclass(frozen=True)
class Access:
    """What staff were given: a space of Kibana, and a role that reads there and nowhere else."""

    space: str
    role: str


def give_access(kibana: Kibana, read_alias: str, space: str = "diembao", timeout: float = _TIMEOUT_SECONDS) -> Access:
    """Make a space for staff and the role that may read dashboards there and articles in Elasticsearch; the second time changes nothing.

    The role reads through `read_alias` only and writes nothing. Nobody has it yet: an administrator gives it to people.

    Args:
        kibana: of the cluster's default space, signed in as somebody who may manage spaces and roles.
        read_alias: what the data views read.
        space: id of the space.
        timeout: seconds for each answer.

    Raises:
        UsageError: when the address is that of a space, or `space` cannot be the id of one.
        KibanaError: when Kibana refuses.
    """
    if "/s/" in kibana.address:
        raise UsageError("a space cannot hold another one", "Name the address of Kibana without /s/…")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", space):
        raise UsageError(f"{space!r} cannot be the id of a space", "Use small letters, digits, - and _")
    role = f"{read_alias}-reader"
    made = {"id": space, "name": "Điểm Báo", "description": "Bảng theo dõi báo chí / press monitoring"}
    rights = {
        "description": "Đọc bảng theo dõi Điểm Báo / reads the dashboards of Điểm Báo",
        "elasticsearch": {"cluster": [], "run_as": [], "indices": [{"names": [read_alias], "privileges": ["read", "view_index_metadata"]}]},
        "kibana": [{"base": ["read"], "feature": {}, "spaces": [space]}],
    }
    for method, path, record, accepted in (
        ("POST", "/api/spaces/space", made, (200, 409)),  # 409: it is there already
        ("PUT", f"/api/security/role/{role}", rights, (200, 204)),
    ):
        status, answer = _send(kibana, _request(kibana, method, path, json.dumps(record).encode(), "application/json"), timeout)
        if status not in accepted:
            raise _refused(kibana, status, answer, "manage spaces and roles")
    return Access(space, role)


def _request(kibana: Kibana, method: str, path: str, body: bytes, content_type: str) -> urllib.request.Request:
    headers = {"kbn-xsrf": "true", "Content-Type": content_type, "Accept": "application/json"}
    if kibana.user:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{kibana.user}:{kibana.password}".encode()).decode("ascii")
    return urllib.request.Request(  # noqa: S310 - the scheme was checked
        f"{kibana.address}{path}", data=body, headers=headers, method=method
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        """Following one would send the password to another place, and turn the POST into a GET."""


def _send(kibana: Kibana, request: urllib.request.Request, timeout: float) -> tuple[int, bytes]:
    # Kibana stands in the office's own network: a proxy for the web would only get to see the password.
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect(), urllib.request.ProxyHandler({})]
    if kibana.address.startswith("https:"):
        try:
            context = ssl.create_default_context(cafile=kibana.authority)
        except OSError as error:
            raise KibanaError(f"the certificate {kibana.authority} cannot be read: {_line(error)}", "Check ?ca=FILE") from error
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            return answer.status, answer.read(_LONGEST_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_LONGEST_ANSWER)
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _silent(kibana) from error
        if isinstance(error.reason, ssl.SSLError):
            raise KibanaError(
                f"Kibana at {kibana.address} cannot be trusted: {_line(error.reason)}",
                "Name the certificate of its authority: ?ca=FILE; if it has none, the address begins with http://",
            ) from error
        raise KibanaError(
            f"Kibana at {kibana.address} cannot be reached: {_line(error.reason)}", "Start it, or check the address"
        ) from error
    except TimeoutError as error:
        raise _silent(kibana) from error
    except (OSError, HTTPException) as error:
        raise KibanaError(f"Kibana at {kibana.address} broke off: {_line(error)}", "Look into its log and repeat the command") from error


def _silent(kibana: Kibana) -> KibanaError:
    return KibanaError(f"Kibana at {kibana.address} did not answer in time", "Look at its load and repeat the command")


def _told(answer: bytes) -> Mapping[str, Any]:
    try:
        told: Any = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _refused(kibana: Kibana, status: int, answer: bytes, right: str) -> KibanaError:
    """Why Kibana did not do it, in one line; `right` is what the user must be allowed."""
    where = f"Kibana at {kibana.address}"
    record = _told(answer)
    reason = _line(record.get("message") or record.get("error") or "")
    if status == 401:
        who = f"user {kibana.user!r} or the password" if kibana.user else "a call without a user"
        return KibanaError(f"{where} refuses {who}", "Write the address like https://user:password@host:5601")
    if status == 403:
        return KibanaError(f"{where} does not allow user {kibana.user!r} to {right}", f"Give the user the right to {right}")
    if 300 <= status < 400:
        return KibanaError(f"what answers at {kibana.address} sends us elsewhere", "Name the address of Kibana itself, with its path")
    if status == 404:
        return KibanaError(f"there is no Kibana API at {kibana.address}", "Check the address, its path and the name of the space")
    if status == 413:
        return KibanaError(f"{where} or a proxy before it refuses a file of this size", "Raise the limit of the proxy")
    if status == 503:
        return KibanaError(f"{where} is not ready yet", "Wait until its page opens and repeat the command")
    return KibanaError(f"{where} answered {status}{f': {reason}' if reason else ''}", "Look into its log")


def _taken(kibana: Kibana, status: int, answer: bytes, sent: int) -> int:
    where = f"Kibana at {kibana.address}"
    if status != 200:
        raise _refused(kibana, status, answer, "manage saved objects in this space")
    record = _told(answer)
    if "success" not in record:
        raise KibanaError(f"what answers at {kibana.address} is not Kibana", "Check the address")
    count = record.get("successCount")
    errors = record.get("errors")
    problems = [_problem(entry) for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    if record["success"] is not True or problems or count != sent:
        shown = "; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")
        raise KibanaError(
            f"{where} took {count or 0} of {sent} objects{f': {shown}' if shown else ''}", "Nothing is lost: mend this and repeat"
        )
    return sent


def _problem(entry: Mapping[str, Any]) -> str:
    error = entry.get("error")
    error = error if isinstance(error, dict) else {}
    kind = str(error.get("type", "unknown"))
    named = f"{_line(entry.get('type', '?'))} {_line(entry.get('id', '?'))}"
    if kind == "conflict":
        return f"{named} exists already"
    if kind == "ambiguous_conflict":
        return f"{named} exists several times in other spaces"
    if kind == "missing_references":
        missing = error.get("references")
        entries = missing if isinstance(missing, list) else []
        names = dict.fromkeys(f"{entry.get('type')} {entry.get('id')}" for entry in entries if isinstance(entry, dict))
        return f"{named} needs what is not there: {_line(', '.join(names)) or '?'}"
    if kind == "unsupported_type":
        return f"{named} is of a kind that this Kibana does not know"
    return f"{named}: {_line(error.get('message') or kind)}"


def _line(value: object) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(value)).split())[:300]
