"""Web addresses: their normal form, and the article id made from it."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_TRACKING = re.compile(r"^(utm_.*|fbclid|gclid|zarsrc|ref|cmpid|gidzl|_ga|mc_[ce]id)$", re.IGNORECASE)
_SESSION = re.compile(r"^(phpsessid|jsessionid|aspsessionid\w*|session_?id|cfid|cftoken)$", re.IGNORECASE)
_SESSION_IN_PATH = re.compile(r";jsessionid=[^/;]*|/\(S\([0-9a-z]{16,}\)\)", re.IGNORECASE)
"""As Java and ASP.NET servers write the session into the path for readers without cookies."""
_LONG_KEY = re.compile(r"^[0-9a-f]{16,}$", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def normalise_url(url: str) -> str:
    """The normal form of `url`: what must be equal for two addresses to be one article.

    Scheme http and https count as one, host in lower case without `www.`, default port, fragment, tracking parameters and
    session ids dropped, other parameters sorted, no trailing slash.

    Raises:
        ValueError: when `url` is not an absolute http(s) address.

    >>> normalise_url("HTTP://www.Bao.vn:80/a/?b=2&utm_source=x&a=1#c")
    'https://bao.vn/a?a=1&b=2'
    >>> normalise_url("https://bao.vn/tin;jsessionid=1F2E?id=7&PHPSESSID=abc&sid=0123456789abcdef")
    'https://bao.vn/tin?id=7'
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").removeprefix("www.")
    if parts.scheme.lower() not in _DEFAULT_PORTS or not host:
        raise ValueError(f"not an absolute http(s) address: {url!r}")
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    netloc = host if port in (None, 80, 443) else f"{host}:{port}"
    query = sorted((k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(k) and not _is_session(k, v))
    return urlunsplit(("https", netloc, _SESSION_IN_PATH.sub("", parts.path).rstrip("/"), urlencode(query), ""))


def _is_session(name: str, value: str) -> bool:
    # "sid" may also be the number of a story.
    return bool(_SESSION.match(name)) or (name.lower() in ("sid", "s") and bool(_LONG_KEY.match(value)))


def article_id(url: str) -> str:
    """The first 32 hex digits of SHA-256 of the normalised `url`; an address without normal form is hashed as it is."""
    try:
        normal = normalise_url(url)
    except ValueError:
        normal = url.strip()
    return hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()[:32]
