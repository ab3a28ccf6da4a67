"""Headers of every answer, and which Host a request may name."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diembao.settings import Office

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Outlets must not learn from a click which query an office searched with.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HTTPS_HEADERS: Final = {"Strict-Transport-Security": "max-age=31536000"}
LONGEST_QUERY_STRING = 16_384
"""Bytes of an address's query string; Vietnamese letters take up to nine of them each."""


class Guard:
    """Refuses foreign hosts and giant addresses, and puts the security headers on every answer.

    A page of an attacker whose name is made to resolve to this machine (DNS rebinding) carries the attacker's name in Host;
    such a name is refused. An address in digits cannot be rebound, so it is always allowed, like the office's own names.

    Args:
        app: the application behind.
        office: its `base_url` and `web.host` name the hosts that staff use.
    """

    def __init__(self, app: ASGIApp, office: Office) -> None:
        self.app = app
        self.headers = SECURITY_HEADERS | (_HTTPS_HEADERS if office.base_url.startswith("https:") else {})
        self.hosts = {"localhost", office.web.host.lower(), (urlsplit(office.base_url).hostname or "localhost").lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if not self._is_known(Headers(scope=scope).get("host", "")):
            refusal = PlainTextResponse(
                "Tên máy chủ này chưa được khai báo: ghi nó vào base_url trong office.toml.\n"
                "This host name is not known: put it into base_url in office.toml.\n",
                status_code=421,
            )
            await refusal(scope, receive, send_with_headers)
        elif len(scope.get("query_string", b"")) > LONGEST_QUERY_STRING:
            refusal = PlainTextResponse("Địa chỉ quá dài.\nThe address is too long.\n", status_code=414)
            await refusal(scope, receive, send_with_headers)
        else:
            await self.app(scope, receive, send_with_headers)

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def client_address(request: Request, proxies: tuple[str, ...]) -> str:
    """The network address that a request comes from.

    Args:
        request: of a reader.
        proxies: addresses of the office's own reverse proxies. What one of them adds to X-Forwarded-For is believed, read from its
            end to the first address that is none of them; what anybody else writes there is not.
    """
    address = request.client.host if request.client else ""
    hops = [hop.strip() for hop in ",".join(request.headers.getlist("x-forwarded-for")).split(",")]
    while address in proxies and hops:
        last = hops.pop()
        try:
            address = str(ipaddress.ip_address(last))
        except ValueError:
            break
    return address


def safe_next(wanted: str) -> str:
    r"""`wanted` when it is an address of ours, a path with or without a query; otherwise "/".

    Browsers take a backslash for a slash and drop tabs and line breaks, so "/\\evil.example" is an address of another host.

    >>> safe_next("/search?q=a"), safe_next("//evil.example"), safe_next("https://evil.example"), safe_next("/\\evil.example")
    ('/search?q=a', '/', '/', '/')
    """
    is_ours = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted
    if not is_ours or len(wanted) > LONGEST_QUERY_STRING or not wanted.isprintable():
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path in ("/login", "/logout") else wanted
