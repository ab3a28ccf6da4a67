"""The mails of saved searches at a real mail server: what is new, once, at their time, in the reader's language, hostile text as text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from alerts.saved import LATEST, OVERLAP, queue_digests
from diembao.article import Article
from diembao.clock import VIETNAM
from diembao.engine import SearchEngine
from diembao.settings import PROJECT, Mail, Office, Person, Settings
from diembao.state import OutboxMessage, SavedSearch, State, UserRecord
from flows.saved_digest import mail_saved_searches
from index import open_engine
from tests.mail.test_alerts_outbox import Catcher, serving
from web.app import create_app

SEVEN = datetime(2026, 11, 21, 7, 0, tzinfo=VIETNAM)
MADE = SEVEN - timedelta(hours=20)
HOSTILE = '<script>alert("x")</script>\r\nBcc: spy@example.vn'


class Desk:
    """A desk with saved searches, and the mail server that its mails go to."""

    def __init__(self, folder: Path, mail: Mail, catcher: Catcher) -> None:
        config = folder / "config"
        config.mkdir()
        (config / "taxonomy.toml").write_bytes((PROJECT / "config" / "taxonomy.toml").read_bytes())
        self.settings = Settings(folder, config, "sqlite", f"sqlite:///{folder / 'state.sqlite'}")
        (config / "office.toml").write_text(
            f'name = "Văn phòng {HOSTILE[:8]}"\nbase_url = "http://127.0.0.1:8000"\n'
            f'[mail]\nhost = "127.0.0.1"\nport = {mail.port}\nsender = "d@example.vn"\nrecipients = ["a@example.vn"]\n'
            '[[people]]\naddress = "en@example.vn"\nlanguage = "en"\n',
            encoding="utf-8",
        )
        self.state = State(self.settings.database)
        self.engine: SearchEngine = open_engine(self.settings)
        self.engine.prepare()
        self.catcher = catcher

    def write(self, number: int, seen: datetime, title: str = "", topic: str = "") -> None:
        record = {
            "id": f"saved{number}", "url": f"https://songtien.example/{number}", "source": "songtien",
            "title": title or f"Lũ về xã số {number}", "lead": "Nước lên.", "body": "Nước lên nhanh trong đêm.",
            "published_at": seen - timedelta(minutes=5), "first_seen_at": seen,
            "topics": [{"code": topic, "score": 0.9}] if topic else [],
        }  # fmt: skip
        assert self.engine.upsert([Article.model_validate(record)]) == {}

    def save(self, **values: object) -> str:
        with self.state.session() as session:
            row = SavedSearch(
                **{
                    "id": "s1", "owner": "lan", "name": "Lũ lụt", "search": {"q": "lũ"}, "digest_at": "07:00",
                    "digest_to": ["a@example.vn"], "digest_since": MADE, "digest_told": [], "created_at": MADE, "updated_at": MADE,
                    **values,
                }
            )  # fmt: skip
            session.add(row)
            return row.id

    def run(self, now: datetime) -> list[EmailMessage]:
        """The mails that arrive when the flow runs at `now`."""
        before = len(self.catcher.mails)
        mail_saved_searches(self.settings, self.state, self.engine, now)
        return [message_from_bytes(mail, policy=policy.default) for mail in self.catcher.mails[before:]]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    catcher = Catcher()
    with serving(catcher) as mail:
        desk = Desk(tmp_path, mail, catcher)
        yield desk
        desk.engine.close()
        desk.state.close()


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_what_is_new_arrives_once_at_its_time(desk: Desk) -> None:
    desk.write(1, MADE - timedelta(hours=1))  # before anybody asked
    desk.write(2, MADE + timedelta(hours=1))
    desk.write(3, SEVEN - timedelta(minutes=30))
    desk.write(4, SEVEN - timedelta(minutes=30), title="Đội bóng thắng trận")
    desk.save()
    assert desk.run(SEVEN - timedelta(minutes=1)) == []
    (mail,) = desk.run(SEVEN + timedelta(minutes=3))
    assert (mail["To"], mail["Subject"]) == ("a@example.vn", "Lũ lụt: 2 bài mới")
    text = text_of(mail)
    assert "Lũ về xã số 2" in text
    assert "Lũ về xã số 3" in text
    assert "số 1" not in text
    assert "Đội bóng" not in text
    assert "http://127.0.0.1:8000/articles/saved3" in text_of(mail, "html")
    assert desk.run(SEVEN + timedelta(minutes=8)) == []


def test_an_article_that_was_found_late_is_told_the_next_day_and_none_twice(desk: Desk) -> None:
    desk.save()
    desk.write(1, SEVEN - timedelta(minutes=20))
    assert "số 1" in text_of(desk.run(SEVEN)[0])
    desk.write(2, SEVEN - timedelta(minutes=10))  # seen before the mail, indexed behind it
    desk.write(3, SEVEN + timedelta(hours=3))
    (mail,) = desk.run(SEVEN + timedelta(days=1))
    assert mail["Subject"] == "Lũ lụt: 2 bài mới"
    text = text_of(mail)
    assert "số 2" in text
    assert "số 3" in text
    assert "số 1" not in text
    assert timedelta(minutes=10) < OVERLAP


def test_nothing_new_is_told_only_where_it_was_asked_for(desk: Desk) -> None:
    desk.save()
    desk.save(id="s2", name="Hạn mặn", search={"q": "hạn mặn"}, digest_empty=True)
    (mail,) = desk.run(SEVEN)
    assert mail["Subject"] == "Hạn mặn: không có bài mới"
    assert "vẫn đang được theo dõi" in text_of(mail)


def test_filters_hold_and_dates_do_not(desk: Desk) -> None:
    desk.write(1, SEVEN - timedelta(hours=2), topic="health")
    desk.write(2, SEVEN - timedelta(hours=2), topic="traffic")
    desk.save(search={"q": "lũ OR bão", "topic": ["health"], "from": "2020-01-01", "to": "2020-01-02"})
    text = text_of(desk.run(SEVEN)[0])
    assert "số 1" in text
    assert "số 2" not in text


def test_late_mails_go_out_late_and_very_late_ones_the_next_day(desk: Desk) -> None:
    desk.write(1, SEVEN - timedelta(hours=1))
    desk.save()
    assert desk.run(SEVEN + LATEST + timedelta(minutes=1)) == []
    (mail,) = desk.run(SEVEN + timedelta(days=1, hours=2))
    assert "số 1" in text_of(mail)


def test_each_in_their_language_and_hostile_text_as_text(desk: Desk) -> None:
    desk.write(1, SEVEN - timedelta(hours=1), title=f"Lũ {HOSTILE}")
    desk.save(name=f"Lũ {HOSTILE}", digest_to=["a@example.vn", "en@example.vn"])
    mails = {str(mail["To"]): mail for mail in desk.run(SEVEN)}
    assert set(mails) == {"a@example.vn", "en@example.vn"}
    assert "1 new articles" in str(mails["en@example.vn"]["Subject"])
    for mail in mails.values():
        assert mail["Bcc"] is None
        assert "<script" not in text_of(mail, "html")
        assert "&lt;script&gt;" in text_of(mail, "html")


def test_who_may_not_log_in_any_more_gets_nothing_and_neither_does_a_removed_search(desk: Desk) -> None:
    desk.write(1, SEVEN - timedelta(hours=1))
    desk.save()
    desk.save(id="s2", owner="nam", removed_at=MADE)
    with desk.state.session() as session:
        session.add(UserRecord(name="lan", role="reader", created_at=MADE, disabled_at=SEVEN))
    assert desk.run(SEVEN) == []


def test_a_search_that_cannot_be_asked_holds_up_no_other(desk: Desk) -> None:
    desk.write(1, SEVEN - timedelta(hours=1))
    desk.save(id="a", name="Hỏng", search={"q": '"lũ'})
    desk.save(id="b", name="Tốt")
    office = Office(name="V", mail=Mail(sender="d@example.vn", recipients=("a@example.vn",)), people=(Person(address="x@example.vn"),))
    done = queue_digests(desk.state, desk.engine, office, {}, SEVEN)
    assert (done.due, done.queued) == (2, 1)
    assert "'Hỏng'" in done.problems[0]


def test_the_mail_program_can_unsubscribe(desk: Desk) -> None:
    desk.write(1, SEVEN - timedelta(hours=1))
    desk.save()
    (mail,) = desk.run(SEVEN)
    link = str(mail["List-Unsubscribe"]).strip("<>")
    app = create_app(desk.settings, desk.engine, desk.state, lambda: SEVEN)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.post(link.removeprefix("http://127.0.0.1:8000"), data={"List-Unsubscribe": "One-Click"}).status_code == 200
    desk.write(2, SEVEN + timedelta(hours=1))
    assert desk.run(SEVEN + timedelta(days=1)) == []


def test_a_kill_between_queueing_and_sending_tells_nothing_twice(desk: Desk) -> None:
    desk.write(1, SEVEN - timedelta(hours=1))
    desk.save()
    queue_digests(desk.state, desk.engine, desk.settings.office, {}, SEVEN)
    with desk.state.session() as session:
        assert [row.key for row in session.scalars(select(OutboxMessage))] == ["saved:s1:2026-11-21T07:00:a@example.vn"]
    assert len(desk.run(SEVEN + timedelta(minutes=5))) == 1
    assert desk.run(SEVEN + timedelta(minutes=10)) == []
