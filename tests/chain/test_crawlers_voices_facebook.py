"""The office's own Facebook page, from a local server that answers as the Graph API documents it (tests/chain/voices.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.chain.crawlers_press import Office
from tests.chain.test_crawlers_commands import diembao
from tests.chain.test_crawlers_voices_youtube import crawled, everything_in
from tests.chain.voices import Comment, GraphApi, Post, graph_error

NOW = datetime.now(UTC).replace(microsecond=0)
VARIABLE = "DIEMBAO_TEST_PAGE_TOKEN"

pytestmark = pytest.mark.xdist_group("crawlers-voices-facebook")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[GraphApi]:
    server = GraphApi()
    monkeypatch.setenv(VARIABLE, server.TOKEN)
    post = f"{server.page}_111"
    server.posts = [
        Post(
            post,
            "Thông báo cúp nước khu vực phường Mỹ Phú.\nThời gian: 8 giờ đến 16 giờ.",
            NOW - timedelta(hours=6),
            [
                Comment("111_1", "Cúp nước hoài mà không báo trước cho dân!", NOW - timedelta(hours=5)),
                Comment("111_2", "Gọi số 0912345678 giúp tôi với, nhà có người bệnh", NOW - timedelta(hours=4)),
            ],
        ),
        Post(f"{server.page}_222", "Lịch tiếp công dân tháng này của Ủy ban", NOW - timedelta(days=2)),
    ]
    yield server
    server.close()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def page(office: Office, server: GraphApi, **voice: Any) -> None:
    table = {"type": "facebook", "page": server.page, "version": "v23.0", "key_env": VARIABLE, "api": server.url, **voice}
    office.source("trang", "facebook.com", kind="social", voice=table)


def test_posts_and_comments_are_articles_and_nothing_secret_is_kept(office: Office, api: GraphApi) -> None:
    page(office, api)
    summary, articles = crawled(office, "r1")
    assert summary["problems"] == []
    by_url = {article.url: article for article in articles}
    post = by_url[f"https://www.facebook.com/{api.page}_111"]
    assert post.title == "Thông báo cúp nước khu vực phường Mỹ Phú."
    assert post.body.endswith("Thời gian: 8 giờ đến 16 giờ.")
    assert (post.kind, post.published_at) == ("social", NOW - timedelta(hours=6))
    assert post.canonical_url.startswith("https://www.facebook.com/100200300400500/posts/pfbid")
    comment = by_url[f"https://www.facebook.com/{api.page}_111?comment_id=111_2"]
    assert comment.body == "Gọi số 091xxxxxxx giúp tôi với, nhà có người bệnh"
    assert comment.section == post.title
    assert len(articles) == 4
    stored = everything_in(office.home)
    assert b"total_count" in stored
    for secret in (api.TOKEN, "Người Bình Luận", "987654321987654", "0912345678", "access_token"):
        assert secret.encode() not in stored, secret
    assert all(call.startswith("/v23.0/") for call in api.calls)


def test_cursors_lead_to_every_comment_once(office: Office, api: GraphApi) -> None:
    api.page_size = 3
    api.posts[0].comments = [Comment(f"111_{n}", f"Người dân góp ý lần thứ {n} về cúp nước", NOW - timedelta(minutes=n)) for n in range(10)]
    page(office, api)
    _, articles = crawled(office, "r1")
    assert sum("góp ý" in article.body for article in articles) == 10
    calls = len(api.calls)
    summary, articles = crawled(office, "r2")
    assert articles == []
    # The posts' list, posts and comments that are due; the comments are not walked again.
    assert not any("/comments?" in call for call in api.calls[calls:])
    assert summary["unchanged"] == 12


def test_deleted_comments_are_found_among_others(office: Office, api: GraphApi) -> None:
    page(office, api)
    crawled(office, "r1")
    del api.posts[0].comments[0]
    summary, _ = crawled(office, "r2")
    # Together the call is refused; one by one only the deleted one is.
    assert summary["dropped"] == {"not_found": 1}
    assert summary["unchanged"] == 3


@pytest.mark.parametrize("code", [4, 17, 32])
def test_limits_leave_the_page_alone(office: Office, api: GraphApi, code: int) -> None:
    page(office, api)
    api.error = graph_error(code, "Application request limit reached")
    summary, _ = crawled(office, "r1")
    assert f"Facebook error {code}: Application request limit reached; it goes on in 60 minutes" in summary["problems"][0]["problem"]
    calls = len(api.calls)
    crawled(office, "r2")
    assert len(api.calls) == calls


@pytest.mark.parametrize(
    "usage",
    [
        {"X-App-Usage": '{"call_count":95,"total_time":10,"total_cputime":10}'},
        {"X-Page-Usage": '{"call_count":10,"total_time":91,"total_cputime":10}'},
        {
            "X-Business-Use-Case-Usage": '{"112130216863063":[{"type":"pages","call_count":97,"total_cputime":1,"total_time":1,'
            '"estimated_time_to_regain_access":25}]}'
        },
    ],
)
def test_usage_headers_stop_us_before_the_limit(office: Office, api: GraphApi, usage: dict[str, str]) -> None:
    page(office, api)
    api.usage = usage
    summary, articles = crawled(office, "r1")
    assert len(articles) == 2  # the answer that came with the headers is taken
    assert len(api.calls) == 1
    minutes = 25 if "X-Business-Use-Case-Usage" in usage else 60
    assert f"it goes on in {minutes} minutes" in summary["problems"][0]["problem"]
    api.usage = {}
    crawled(office, "r2")
    assert len(api.calls) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            graph_error(190, "Error validating access token: Session has expired", 463),
            "the token in DIEMBAO_TEST_PAGE_TOKEN is not valid any more",
        ),
        (graph_error(10, "This endpoint requires the 'pages_read_engagement' permission"), "lacks a permission"),
        (graph_error(100, "Tried accessing nonexisting field (story)"), "the Graph API v23.0 refuses the call"),
    ],
)
def test_what_a_person_must_mend_is_said_once(office: Office, api: GraphApi, error: dict[str, Any], told: str) -> None:
    page(office, api)
    api.error = error
    summary, _ = crawled(office, "r1")
    assert len(api.calls) == 1
    assert [told in one["problem"] for one in summary["problems"]] == [True]


def test_check_does_not_repeat_the_token(office: Office, api: GraphApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "EAAGthisIsAnotherTokenThatIsWrong")
    page(office, api)
    done = diembao(office, "sources", "check", "trang", "--json")
    verdict = json.loads(done.stdout)
    assert verdict["state"] == "red"
    assert "Malformed access token …" in verdict["reasons"][0]
    assert "EAAG" not in done.stdout + done.stderr
    crawled(office, "r1")
    assert b"EAAG" not in everything_in(office.home)


def test_erasing_a_comment_reaches_every_answer_that_has_it(office: Office, api: GraphApi) -> None:
    """The answer of a later run has the comment too, though nothing of it was new there."""
    page(office, api)
    _, articles = crawled(office, "20261120T000000Z-r1")
    comment = next(article for article in articles if "nhà có người bệnh" in article.body)
    office.source(
        "trang",
        "facebook.com",
        kind="social",
        recrawl_hours=6.0,
        voice={"type": "facebook", "page": api.page, "version": "v23.0", "key_env": VARIABLE, "api": api.url},
    )
    api.posts[0].comments.append(Comment("111_3", "Đã có nước lại rồi, cảm ơn nhà máy", NOW))
    crawled(office, "20261120T000000Z-r2")
    words = "nhà có người bệnh".encode()
    assert everything_in(office.home / "archive").count(words) == 2
    lines = "\n".join(json.dumps(article.to_record(), ensure_ascii=False) for article in articles)
    program = [sys.executable, "-c", "from cli.main import main; main()"]
    subprocess.run([*program, "index"], input=lines, env=office.environment, capture_output=True, text=True, timeout=60, check=True)
    done = diembao(office, "erase", comment.id, "--reason", "người viết yêu cầu", "--yes")
    assert done.returncode == 0, done.stderr
    left = everything_in(office.home / "archive") + everything_in(office.home / "runs")
    assert words not in left
    assert b"comment_id=111_2" not in left
    assert "Lịch tiếp công dân".encode() in left
    # Facebook goes on sending it, next to a new one.
    api.posts[0].comments.append(Comment("111_4", "Tối nay lại cúp nước nữa rồi bà con", NOW))
    summary, articles = crawled(office, "20261120T000000Z-r3")
    assert [article.body for article in articles] == ["Tối nay lại cúp nước nữa rồi bà con"]
    stored = everything_in(office.home / "archive") + everything_in(office.home / "runs")
    assert words not in stored
    assert b"comment_id=111_2" not in stored
    assert "cảm ơn nhà máy".encode() in stored
    assert summary["problems"] == []
