"""What a mail server gets about the health of sources: one mail for each trouble, one when it is over, nothing in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from alerts.health.kept import note
from diembao.clock import VIETNAM
from diembao.settings import Settings
from diembao.source_round import SourceRound
from diembao.state import Run, State
from flows.stages import source_health
from tests.mail.test_alerts_outbox import Catcher, serving

BEGIN = datetime(2026, 11, 6, 0, 0, tzinfo=VIETNAM).astimezone(UTC)
HOSTILE = "<script>alert(1)</script>\r\nBcc: spy@example.vn"


class Press:
    """Three sources and the rounds that ask them each hour; the flow is run after each."""

    def __init__(self, folder: Path, state: State, port: int) -> None:
        config = folder / "config"
        (config / "sources").mkdir(parents=True)
        mail = f'host = "127.0.0.1"\nport = {port}\nsender = "diembao@example.vn"\noperators = ["it@example.vn"]\n'
        (config / "office.toml").write_text(f'name = "Sở Thử"\nbase_url = "http://desk.example.vn"\n[mail]\n{mail}', encoding="utf-8")
        for name in ("khoe", "im", "chan"):
            text = f"name = 'Báo {name}'\ndomain = '{name}.vn'\nfeeds = ['https://{name}.vn/rss']\n"
            (config / "sources" / f"{name}.toml").write_text(text, encoding="utf-8")
        self.settings = Settings(folder, config, "sqlite", state.url)
        self.state = state
        self.at = BEGIN

    def go(self, hours: int, *, silent: tuple[str, ...] = (), refusing: tuple[str, ...] = (), every: int = 1) -> None:
        for number in range(hours):
            is_day = 7 <= self.at.astimezone(VIETNAM).hour <= 20
            with self.state.session() as session:
                session.merge(Run(id="last", started_at=self.at, ended_at=self.at, fates={}))
                for name in ("khoe", "im", "chan"):
                    new = 4 if is_day and name not in silent and name not in refusing else 0
                    seen = SourceRound(name, f"{self.at:%m%d%H}", self.at, polls=4, pages=new, articles=new, new=[self.at] * new)
                    if name in refusing:
                        seen.refused, seen.problem = 4, f"the feed answers HTTP 403 {HOSTILE} (https://{name}.vn/rss)"
                    note(session, [seen])
            self.at += timedelta(hours=1)
            if every and number % every == 0:
                source_health(self.settings, self.state, self.at + timedelta(minutes=25))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened = State(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield opened
    opened.close()


def read(catcher: Catcher) -> list[EmailMessage]:
    return [message_from_bytes(mail, policy=policy.default) for mail in catcher.mails]  # type: ignore[misc]


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_one_mail_for_each_trouble_and_one_when_it_is_over(tmp_path: Path, state: State) -> None:
    catcher = Catcher()
    with serving(catcher) as mail:
        press = Press(tmp_path, state, mail.port)
        press.go(14 * 24 + 9, every=0)
        press.go(2)
        assert catcher.mails == [], "nothing is wrong"
        press.go(9, silent=("im",), refusing=("chan",))
        told = read(catcher)
        assert [one["Subject"] for one in told] == ["Nguồn tin: 1 mới", "Nguồn tin: 1 mới, 1 vẫn còn"]
        assert [one["To"] for one in told] == ["it@example.vn"] * 2
        assert "Báo chan: từ chối cho đọc từ 11:00 20/11/2026" in body(told[0])
        assert "refuses us since 11:00 20/11/2026" in body(told[0])
        assert "Không tìm cách vượt qua" in body(told[0])
        assert "http://desk.example.vn/sources/chan" in body(told[0])
        assert "Báo im: im lặng từ 11:00 20/11/2026" in body(told[1])
        html = told[0].get_body(("html",))
        assert html is not None
        assert "<script>alert" not in html.get_content()
        assert all(one["Bcc"] is None for one in told)
        press.go(20, silent=("im",), refusing=("chan",), every=4)
        assert len(catcher.mails) == 2, "not each round anew, also over a night"
        press.go(6)
        told = read(catcher)[2:]
        assert 1 <= len(told) <= 2
        over = "".join(body(one).partition("ĐÃ ỔN / OVER:")[2] for one in told)
        assert over.count("Báo im") == over.count("Báo chan") == 1, "each recovery is told once"
        press.go(24, every=6)
        assert len(catcher.mails) == 2 + len(told)
