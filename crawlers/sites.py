"""Which host and which outlet an address belongs to."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(url: str) -> str:
    """Host and port of `url` in lower case: what robots.txt, delays and pauses belong to."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


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
