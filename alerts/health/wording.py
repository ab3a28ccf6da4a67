"""What the crawler says of a feed, sitemap or listing, in plain words and both languages."""

from __future__ import annotations

import re
from typing import Literal

_PLAIN: tuple[tuple[str, str, str], ...] = (
    (r"robots\.txt unreachable", "không đọc được robots.txt của báo, nên chờ", "its robots.txt cannot be read, so we wait"),
    (r"robots\.txt", "robots.txt của báo không cho đọc", "its robots.txt does not let us read it"),
    (r"HTTP 40[13]|HTTP 451", "máy chủ từ chối", "the server refuses us"),
    (r"HTTP 429|throttled", "máy chủ bảo hỏi thưa hơn", "the server asks us to come less often"),
    (r"HTTP (404|410)", "địa chỉ không còn", "the address is gone"),
    (r"HTTP 5\d\d", "máy chủ báo lỗi", "the server reports an error"),
    (r"captcha|challenge|cookie", "trang bắt xác nhận không phải máy", "the site asks for proof that nobody is a machine"),
    (r"CannotResolveHost|DNS|lookup", "không tìm thấy tên miền", "the domain is not found"),
    (r"certificate|TLS|SSL", "chứng chỉ bảo mật của trang có lỗi", "the site's certificate is not valid"),
    (r"[Tt]ime(d )?[Oo]?ut|took (longer|more)", "máy chủ không trả lời kịp", "the server does not answer in time"),
    (r"[Rr]efused|ConnectError|ConnectionClosed", "không nối được tới máy chủ", "the server cannot be reached"),
    (r"private", "địa chỉ nằm trong mạng nội bộ", "the address lies inside the network"),
    (r"redirected", "địa chỉ dẫn sang trang khác", "the address leads to another site"),
    (r"is empty|has \d+ links", "không có liên kết nào tới bài của báo", "it has no links to articles of the outlet"),
    (r"cannot be read", "nội dung không đọc được", "what is there cannot be read"),
    (r"pages in a row without an answer", "nhiều trang liên tiếp không trả lời", "many pages in a row gave no answer"),
)


def plain(problem: str, language: Literal["vi", "en"]) -> str:
    """`problem` in plain words, with what was said behind them; as it is when it is none of the usual ones.

    >>> plain("the feed answers HTTP 403 (https://bao.vn/rss)", "en")
    'the server refuses us: the feed answers HTTP 403 (https://bao.vn/rss)'
    """
    for pattern, vietnamese, english in _PLAIN:
        if problem and re.search(pattern, problem):
            return f"{vietnamese if language == 'vi' else english}: {problem}"
    return problem
