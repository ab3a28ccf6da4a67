"""Walls where an article was expected: a captcha, a challenge, a cookie that a script sets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crawlers.pages import FetchedPage, read_page
from diembao.fates import Fate
from tests.chain.crawlers_press import article_page

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def read(html: str) -> tuple[Fate | None, str]:
    headers = (("Content-Type", "text/html; charset=utf-8"),)
    page = FetchedPage("https://bao.vn/tin-1.html", 200, headers, html.encode(), AT, AT, "bao")
    found = read_page(page, None)
    return found.problem, found.detail


@pytest.mark.parametrize(
    ("html", "what"),
    [
        ('<html><head><title>Just a moment...</title></head><body><script src="/cdn-cgi/challenge-platform/h/b.js"></script>', "challenge"),
        ('<form><div class="g-recaptcha" data-sitekey="x"></div></form>', "captcha"),
        ('<html><body><script>document.cookie="D1N=8a1f"+"; path=/";window.location.reload(true);</script></body></html>', "cookie wall"),
    ],
)
def test_a_wall_is_named(html: str, what: str) -> None:
    fate, detail = read(html)
    assert fate in (Fate.NOT_ARTICLE, Fate.TOO_SHORT)
    assert what in detail


def test_an_article_with_a_captcha_beside_its_comments_is_an_article_and_a_list_is_no_wall() -> None:
    assert read(article_page(1).replace("</body>", '<div class="g-recaptcha"></div></body>'))[0] is None
    links = "".join(f"<a href='/bai-{n}.html'>Bài {n}</a> " for n in range(5))
    assert "instead of the page" not in read(f"<html><body>{links}</body></html>")[1]
