"""Which host and which outlet an address belongs to."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(url: str) -> str:
    """Host and port of `url` in lower case: what robots.txt, delays and pauses belong to."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


_SHARED = frozenset({"ac", "biz", "co", "com", "edu", "gov", "health", "id", "info", "int", "io", "name", "net", "org", "pro"})
"""Second-level names below a country that belong to nobody alone."""


def site_of(domain: str) -> str:
    """The name that somebody registered, with everything below it: hosts of one site stand on the same servers.

    >>> site_of("thethao.bao.vn"), site_of("congbao.hanoi.gov.vn"), site_of("127.0.0.1:8080")
    ('bao.vn', 'hanoi.gov.vn', '127.0.0.1:8080')
    """
    labels = domain.lower().rstrip(".").split(".")
    if labels[-1].partition(":")[0].isdigit():
        return domain.lower()
    return ".".join(labels[-3:] if len(labels[-1]) == 2 and len(labels) > 2 and labels[-2] in _SHARED else labels[-2:])


def is_on_site(url: str, domain: str) -> bool:
    """Whether `url` belongs to the outlet at `domain` (its subdomains included; a port in `domain` must match too).

    >>> is_on_site("https://thethao.bao.vn/a", "bao.vn"), is_on_site("https://xbao.vn/a", "bao.vn")
    (True, False)
    """
    parts = urlsplit(url)
    host = host_of(url) if ":" in domain else (parts.hostname or "")
    wanted = domain.lower().removeprefix("www.")
    return parts.scheme in ("http", "https") and (host == wanted or host.endswith("." + wanted))


def is_front_page(url: str) -> bool:
    """Whether `url` is the start page of a site, which is never an article."""
    parts = urlsplit(url)
    return parts.path.strip("/") in ("", "index.html", "index.php", "index.htm", "default.aspx") and not parts.query
