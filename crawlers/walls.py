"""Pages that a server sends instead of the one that was asked for, to find out whether a person asks. They are told, never passed."""

from __future__ import annotations

import re

_SMALL = 30_000
"""Bytes that such a page has at most; an ordinary page may have a captcha beside its comments."""
_CHALLENGE = re.compile(
    rb"cdn-cgi/challenge-platform|cf-chl-|_cf_chl_opt|_Incapsula_Resource|px-captcha|g-recaptcha|hcaptcha\.com|geetest|>Just a moment",
    re.IGNORECASE,
)
_COOKIE = re.compile(rb"document\.cookie\s*=.{0,2000}?(location\.(reload|href|replace)|\blocation\s*=)", re.IGNORECASE | re.DOTALL)


def wall(html: bytes) -> str:
    r"""What kind of wall `html` is, for a page that holds no article; empty: none.

    >>> wall(b'<script>document.cookie="D1N=8a1f;path=/";window.location.reload(true);</script>')
    'a cookie wall instead of the page'
    >>> wall(b"<h1>Tin trong ng\xc3\xa0y</h1>")
    ''
    """
    if len(html) > _SMALL:
        return ""
    if _CHALLENGE.search(html):
        return "a captcha or challenge instead of the page"
    return "a cookie wall instead of the page" if _COOKIE.search(html) else ""
