"""`python -m alerts.service_process`: one message to one service by apprise, with a note of every request that was made.

Reads one JSON line (`url`, `title`, `body`, `is_over`), answers `{"ready": true}` when apprise knows the address, waits for a second line,
sends, and answers `{"sent": …, "exchanges": [[method, status | "unreached" | "lost"], …]}`. "unreached": no byte of the request went out.
The process is its own because apprise has no end of waiting of its own and keeps no note of what a service answered.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import apprise
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

Exchanges = list[tuple[str | None, int | str]]


def watch_requests() -> Exchanges:
    """Note every request of this process from now on."""
    exchanges: Exchanges = []
    send = HTTPAdapter.send

    def watched(self: HTTPAdapter, request: requests.PreparedRequest, *rest: Any, **more: Any) -> requests.Response:
        try:
            answer = send(self, request, *rest, **more)
        except requests.RequestException as error:
            exchanges.append((request.method, "unreached" if _never_left(error) else "lost"))
            raise
        exchanges.append((request.method, answer.status_code))
        return answer

    HTTPAdapter.send = watched  # type: ignore[method-assign]
    return exchanges


def _never_left(error: requests.RequestException) -> bool:
    if isinstance(error, requests.exceptions.SSLError | requests.ConnectTimeout | requests.exceptions.InvalidURL):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError | ConnectTimeoutError)


def main() -> None:
    """Answer one order on stdin."""
    order = json.loads(sys.stdin.readline())
    exchanges = watch_requests()
    # Redirections could lead inside the network; pictures from outside tell who reads.
    asset = apprise.AppriseAsset(
        app_id="DiemBao", app_desc="Điểm Báo", app_url="", image_url_mask="", image_url_logo="", async_mode=False, http_redirects=False,
        pgp_autogen=False, pem_autogen=False,
    )  # fmt: skip
    service = apprise.Apprise.instantiate(order["url"], asset=asset, suppress_exceptions=True)
    _answer({"ready": service is not None})
    if service is None or not sys.stdin.readline():  # who asked is gone
        return
    if "rto=" not in order["url"]:  # apprise's own four seconds are few, and whoever gives up must not know less than who ends it
        service.socket_read_timeout = 0.8 * order["timeout"]
    bundle = apprise.Apprise(asset=asset)
    bundle.add(service)
    kind = apprise.NotifyType.SUCCESS if order["is_over"] else apprise.NotifyType.WARNING
    sent = bundle.notify(title=order["title"], body=order["body"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT)
    _answer({"sent": bool(sent), "exchanges": exchanges})


def _answer(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
