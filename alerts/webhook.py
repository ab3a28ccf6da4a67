"""Alerts for other programs: a signed POST of JSON, in the manner of Standard Webhooks (https://www.standardwebhooks.com/).

The headers `webhook-id`, `webhook-timestamp` (seconds, when it is sent) and `webhook-signature` (`v1,` and the base64 of the
HMAC-SHA256 of `id.timestamp.body`) let the receiver check who sent it, refuse what is old, and pass over what it has had.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from alerts.mail import Cause, alert_links
from diembao import __version__
from diembao.addresses import is_public
from diembao.alert import Alert
from diembao.errors import DeliveryError
from diembao.settings import Office, Webhook

PREFIX = "webhook:"
"""Keys of the outbox that begin so are webhooks."""
REPEAT = (408, 425, 429)
"""Refusals that are for now only."""
_LONGEST_ANSWER = 65_536


@dataclass(frozen=True)
class Answer:
    """What the receiver said: taken, refused for good, or to be tried again; with a line for the log."""

    taken: bool
    final: bool
    reason: str


def envelope(hook: Webhook, key: str, alert: Alert, cause: Cause, office: Office, now: datetime) -> bytes:
    """The message as the outbox keeps it: where it goes, which key signs it (by name), and the body."""
    search, page = alert_links(alert, office)
    body = {
        "type": f"alert.{cause}",
        "timestamp": now.isoformat(),
        "data": {"alert": alert.model_dump(mode="json", exclude={"recipients"}), "page": page, "search": search},
    }
    return json.dumps(
        {
            "url": hook.url,
            "secret_env": hook.secret_env,
            "allow_private": hook.allow_private_addresses,
            "id": hashlib.sha256(key.encode()).hexdigest()[:32],
            "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        },
        ensure_ascii=False,
    ).encode()


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`. A secret that begins with `whsec_` is base64 behind it, any other is taken as UTF-8.

    >>> signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class Post:
    """One message on its way: `connect`, then `send`. What fails before `send` was certainly not taken.

    Args:
        content: see envelope.
        now: the moment of the timestamp, aware UTC.
        timeout: seconds for the whole of each step.
        environment: where the secret is.

    Raises:
        DeliveryError: when the secret is not set or is none; `connect` when the address is refused.
    """

    def __init__(self, content: bytes, now: datetime, timeout: float, environment: Mapping[str, str]) -> None:
        message = json.loads(content)
        self._url = urlsplit(message["url"])
        self._allow_private, self._timeout = bool(message["allow_private"]), timeout
        self._body = message["body"].encode()
        secret = environment.get(message["secret_env"], "")
        if not secret:
            raise DeliveryError(f"the environment variable {message['secret_env']} is not set", "It holds the key that signs the webhook")
        stamp = int(now.timestamp())
        try:
            signed = signature(secret, message["id"], stamp, self._body)
        except ValueError as error:
            raise DeliveryError(f"{message['secret_env']}: what follows whsec_ is not base64", "Copy the secret again") from error
        self._headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"DiemBao/{__version__}",
            "webhook-id": message["id"],
            "webhook-timestamp": str(stamp),
            "webhook-signature": signed,
        }
        self._connection: http.client.HTTPConnection | None = None

    def connect(self) -> None:
        """Open the connection to exactly the address that was checked. Raises DeliveryError or OSError."""
        host = self._url.hostname or ""
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if not allowed:
            raise DeliveryError(
                f"{host} is the private address {addresses[0] if addresses else '?'}",
                "Set allow_private_addresses of this webhook if it is meant",
            )
        reached = socket.create_connection((allowed[0], port), timeout=self._timeout)
        try:
            if self._url.scheme == "https":
                reached = ssl.create_default_context().wrap_socket(reached, server_hostname=host)
        except BaseException:
            reached.close()
            raise
        self._connection = http.client.HTTPConnection(host, port, timeout=self._timeout)
        self._connection.sock = reached

    def send(self) -> Answer:
        """Send the request and read the answer; redirections are not followed. Raises OSError, HTTPException: it may have been taken."""
        if self._connection is None:
            raise DeliveryError("not connected")
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        host = self._url.netloc
        # A receiver that sends a byte now and then must not hold up the others.
        watch = threading.Timer(self._timeout, _cut, [self._connection.sock])
        watch.start()
        try:
            return self._exchange(self._connection, path, host)
        finally:
            watch.cancel()

    def _exchange(self, connection: http.client.HTTPConnection, path: str, host: str) -> Answer:
        connection.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": host, **self._headers, "Content-Length": str(len(self._body)), "Connection": "close"}.items():
            connection.putheader(name, value)
        connection.endheaders(self._body)
        answer = connection.getresponse()
        text = b""
        with suppress(OSError, http.client.HTTPException):  # the status has said it
            while len(text) < _LONGEST_ANSWER and (part := answer.read1(4096)):
                text += part
        line = " ".join(f"{answer.status} {answer.reason} {text[:200].decode('utf-8', 'replace')}".split())[:300]
        if 200 <= answer.status < 300:
            return Answer(True, True, line)
        return Answer(False, answer.status < 500 and answer.status not in REPEAT, line)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
