"""The alert mail: explained, escaped, stable, and no way to smuggle a header in."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO

import matplotlib.image
import pytest

from alerts.charts import series_chart
from alerts.mail import check_address, compose_alert, compose_group, safe_link
from alerts.wording import rarity
from diembao.alert import Alert, Evidence, SeriesPoint
from diembao.errors import DeliveryError
from diembao.settings import PROJECT, Mail, Office
from diembao.taxonomy import read_taxonomy
from tests.mail.landscape import NOW

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
OFFICE = Office(name="Văn phòng\r\nBcc: spy@example.vn", base_url="http://127.0.0.1:8000", mail=Mail(sender="diembao@example.vn"))
HOSTILE = '<script>alert("x")</script>\r\nBcc: spy@example.vn'


def alert(**changes: object) -> Alert:
    points = [SeriesPoint(start=NOW - timedelta(hours=6 * (27 - i)), observed=i % 3, expected=0.6, upper=4) for i in range(28)]
    story = Evidence(
        article_id="a1", title="Cá chết trắng sông Ba Rài", url="https://bao.vn/1", source="bao-mot", published_at=NOW - timedelta(hours=5),
        sentences=["Nước thải đen ngòm."], copies=2, outlets=["bao-mot", "bao-hai"], places=["Tỉnh Tiền Giang"],
    )  # fmt: skip
    values: dict[str, object] = {
        "id": "0123456789abcdef01234567", "rule": "negative-by-field", "kind": "negative_spike", "series": "environment",
        "title": "Tài nguyên và môi trường: 7 tin tiêu cực trong 6 giờ, bình thường 0,3",
        "query": "topic:environment AND sentiment:negative",
        "window_start": NOW - timedelta(hours=6), "window_end": NOW, "evaluated_at": NOW, "observed": 7, "expected": 0.31,
        "probability": 1e-6, "points": points, "evidence": [story], "ends_when": "Khi sáu giờ liền không còn bất thường.",
    }  # fmt: skip
    return Alert.model_validate({**values, **changes})


def mail_of(found: Alert, **options: object) -> EmailMessage:
    office = options.pop("office", OFFICE)
    composed = compose_alert(found, office, TAXONOMY, "to@example.vn", "alert:1:new:to@example.vn", NOW, **options)  # type: ignore[arg-type]
    return message_from_bytes(composed.content, policy=policy.default)  # type: ignore[return-value]


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_it_says_what_how_unusual_and_where_to_look() -> None:
    message = mail_of(alert(), names={"bao-mot": "Báo Một"})
    assert message["Subject"] == "Cảnh báo: Tài nguyên và môi trường – 7 tin tiêu cực trong 6 giờ (bình thường 0,3)"
    for text in (body(message, "plain"), body(message, "html")):
        for wanted in ("Sở Nông nghiệp và Môi trường", "0,3", "khoảng 1 lần trong", "Cá chết trắng sông Ba Rài", "Đăng đầu tiên: Báo Một",
                       "Nước thải đen ngòm.", "Tỉnh Tiền Giang", "Khi sáu giờ liền", "7 negative articles in 6 hours", "https://bao.vn/1",
                       "/alerts/0123456789abcdef01234567", "topic%3Aenvironment+AND+sentiment%3Anegative"):  # fmt: skip
            assert wanted in text, wanted


PLAIN = Office(name="Office", base_url="http://127.0.0.1:8000", mail=Mail(sender="diembao@example.vn"))
VIETNAMESE = re.compile("[ăâđêôơưàáảãạèéẻẽẹìíỉĩịòóỏõọùúủũụỳýỷỹỵằắẳẵặầấẩẫậềếểễệồốổỗộờớởỡợừứửữự]", re.IGNORECASE)


def in_english(**changes: object) -> Alert:
    stories = [
        Evidence(article_id=f"a{n}", title=f"Fish died {n}", url="https://bao.vn/1", source="one", published_at=NOW, copies=n,
                 outlets=["one", "two", "three"][: n + 1], places=["Cao Lanh"])
        for n in range(9)
    ]  # fmt: skip
    english = {
        "title_en": "Environment: 7 negative articles",
        "unit_en": "negative articles",
        "ends_when_en": "When calm.",
        "evidence": stories,
    }
    return alert(**{**english, **changes})


@pytest.mark.parametrize("cause", ["new", "escalated", "grown", "ended"])
@pytest.mark.parametrize(
    "changes", [{}, {"reason": "Tin tăng.", "reason_en": "More articles.", "has_expectation": False}, {"series": "x", "evidence": []}]
)
def test_who_reads_english_gets_english(cause: str, changes: dict[str, object]) -> None:
    found = in_english(**{"series": "none", **changes})
    message = mail_of(found, cause=cause, token="t", language="en", office=PLAIN, next_step="If nobody answers")
    told = [(found, cause, "t"), (in_english(id="b" * 24, series="none"), "new", "t")]
    group = compose_group(told, PLAIN, TAXONOMY, "to@example.vn", "k", NOW, language="en")  # type: ignore[arg-type]
    messages = [message, message_from_bytes(group.content, policy=policy.default)]
    for one in messages:
        for text in (str(one["Subject"]), body(one, "plain"), body(one, "html")):  # type: ignore[arg-type]
            assert VIETNAMESE.search(text) is None, text[max(0, VIETNAMESE.search(text).start() - 40) :][:80]  # type: ignore[union-attr]
        assert 'lang="en"' in body(one, "html")  # type: ignore[arg-type]


def test_an_alert_of_an_older_version_is_told_in_the_words_it_has() -> None:
    message = mail_of(alert(), language="en")
    assert "Tài nguyên và môi trường" in message["Subject"]
    assert "usually 0.3" in message["Subject"]


def test_the_chart_is_in_the_mail_with_its_text() -> None:
    message = mail_of(alert())
    [picture] = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<chart-0123456789abcdef01234567@diembao>"
    html = body(message, "html")
    assert "cid:chart-0123456789abcdef01234567@diembao" in html
    assert "Biểu đồ 7 ngày" in html
    assert matplotlib.image.imread(BytesIO(picture.get_content())).shape[:2] == (480, 1120)


def test_the_first_lines_and_the_preview_tell_the_story_that_matters_most() -> None:
    message = mail_of(alert(), names={"bao-mot": "Báo Một"})
    lead = "Việc chính: “Cá chết trắng sông Ba Rài” (2 báo đưa, đầu tiên là Báo Một)."
    html = body(message, "html")
    assert '<div class="preview"' in html
    shown = html[html.index("<body") :]
    assert shown.index("7 tin tiêu cực trong 6 giờ, bình thường 0,3. Việc chính: ") < shown.index("<h1")
    assert shown.index(f">{lead}<") < shown.index("<img")
    assert lead in body(message, "plain")
    told = mail_of(alert(title="Sông: Cá chết trắng sông Ba Rài", reason="Tin mới khớp câu tìm.", has_expectation=False, points=[]))
    assert "Việc chính" not in body(told, "html")  # the headline says it


def test_the_chart_says_how_long_a_column_is() -> None:
    days = [SeriesPoint(start=NOW - timedelta(days=7 - i), observed=i, expected=1.0, upper=4) for i in range(7)]
    assert "Mỗi cột là 6 giờ" in body(mail_of(alert()), "html")
    assert "Mỗi cột là 1 ngày" in body(mail_of(alert(points=days)), "html")


def test_who_is_to_answer_is_told_what_happens_otherwise() -> None:
    step = "Nếu 30 phút nữa chưa ai trả lời, cảnh báo được chuyển cho người tiếp theo."
    html = body(mail_of(alert(), token="t.x", next_step=step), "html")
    assert step in html
    assert html.count("/alerts/answer/t.x?v=taken") == 2
    assert body(mail_of(alert(), token="t.x"), "html").count("?v=taken") == 1


def test_styles_are_at_the_elements_and_dark_mode_stays() -> None:
    html = body(mail_of(alert()), "html")
    assert 'class="button"' in html
    assert html.count("style=") > 20
    assert "prefers-color-scheme: dark" in html
    assert "http-equiv" not in html
    assert 'src="http' not in html


def test_hostile_text_is_shown_as_text() -> None:
    story = Evidence(
        article_id="a",
        title=HOSTILE,
        url="javascript:alert(1)",
        source=HOSTILE,
        published_at=None,
        sentences=[HOSTILE, "<b>x</b>"],
        places=[HOSTILE],
    )
    message = mail_of(alert(title=HOSTILE + ": 7 tin", evidence=[story], ends_when=HOSTILE))
    html = body(message, "html")
    assert "<script" not in html
    assert "<b>x</b>" not in html
    assert "&lt;script&gt;" in html
    assert "javascript:" not in html
    assert message["Bcc"] is None
    assert "\n" not in message["Subject"]
    assert [name for name in message if name.lower() in ("to", "from", "bcc", "cc")] == ["From", "To"]


@pytest.mark.parametrize(
    "address",
    ["a@b.vn\r\nBcc: c@d.vn", "a@b.vn\n", "a b@c.vn", "a@b.vn,c@d.vn", "Tên <a@b.vn>", "a", "", "@b.vn", "a@b..vn", "ă@b.vn", "a@-b.vn"],
)
def test_an_address_is_one_plain_mailbox(address: str) -> None:
    with pytest.raises(DeliveryError, match="is no mail address"):
        check_address(address)
    with pytest.raises(DeliveryError):
        compose_alert(alert(), OFFICE, TAXONOMY, address, "key", NOW)


def test_the_same_cause_has_the_same_message_id_and_updates_answer_it() -> None:
    first = mail_of(alert())
    assert first["Message-ID"] == mail_of(alert(observed=9))["Message-ID"]
    update = mail_of(alert(), cause="grown", reply_to=str(first["Message-ID"]))
    assert update["In-Reply-To"] == update["References"] == first["Message-ID"]
    assert update["Subject"].startswith("Cảnh báo tăng: ")
    assert mail_of(alert(state="closed"), cause="ended")["Subject"].startswith("Đã hết cảnh báo: ")


def test_an_alert_without_points_or_stories_has_a_mail_too() -> None:
    message = mail_of(alert(points=[], evidence=[], series="mine × Đồng Tháp"))
    assert "<img" not in body(message, "html")
    assert "Quy tắc negative-by-field" in body(message, "plain")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//bao.vn", "http://", "https://a b", 'https://a"b', "http://[x", "", "ftp://a.vn/"]
)
def test_only_web_addresses_become_links(url: str) -> None:
    assert safe_link(url) == ""
    assert safe_link("https://bao.vn/a?b=1") == "https://bao.vn/a?b=1"


def test_a_chart_of_nothing_is_refused_and_of_little_drawn() -> None:
    with pytest.raises(ValueError, match="at least one"):
        series_chart([], NOW, NOW)
    for points in ([SeriesPoint(start=NOW, observed=0)], [SeriesPoint(start=NOW, observed=10**6, expected=1.0, upper=3.0)]):
        assert series_chart(points, NOW, NOW + timedelta(hours=1)).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("probability", "words"), [(0.5, "lần mỗi năm"), (1.2e-4, "1 lần mỗi năm"), (1e-5, "1 lần trong 11 năm"), (0.0, "chưa tới 1 lần")]
)
def test_a_probability_is_said_in_plain_words(probability: float, words: str) -> None:
    assert words in rarity(probability)[0]
