"""`diembao users`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.users import users
from diembao.audit import Wanted, entries
from diembao.errors import ConfigError, DiembaoError, InputError
from diembao.settings import PROJECT, Settings
from diembao.state import State
from tests.browser.press import office
from web.accounts.problems import AccountError
from web.serving import serve

PASSWORD = "ngựa pin đúng ghim giấy"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return office(tmp_path)


def run(settings: Settings, *words: str, given: str = "") -> Result:
    result = CliRunner().invoke(users, list(words), obj=settings, input=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit | DiembaoError):
        raise result.exception
    return result


def listed(settings: Settings) -> list[dict[str, object]]:
    return [json.loads(line) for line in run(settings, "list", "--json").stdout.splitlines()]


def test_a_life_of_a_user(settings: Settings) -> None:
    assert listed(settings) == []
    added = run(settings, "add", "Lan", "--role", "admin", "--json", given=PASSWORD + "\n")
    assert json.loads(added.stdout)["role"] == "admin"
    assert PASSWORD not in added.output
    assert run(settings, "add", "minh", "--role", "reader", given=PASSWORD).exit_code == 0
    assert run(settings, "role", "minh", "editor").exit_code == 0
    assert run(settings, "passwd", "minh", given="một câu khác hẳn\n").exit_code == 0
    assert json.loads(run(settings, "sessions", "minh", "--end", "--json").stdout) == {"user": "minh", "ended": 0}
    assert run(settings, "disable", "minh").exit_code == 0
    assert [(user["name"], user["role"], user["disabled_at"] is not None) for user in listed(settings)] == [
        ("lan", "admin", False), ("minh", "editor", True),
    ]  # fmt: skip
    assert run(settings, "disable", "minh", "--undo").exit_code == 0
    state = State(settings.database)
    told = [entry.action for entry in entries(state, Wanted(), 100)]
    assert told == ["user.enable", "user.disable", "user.sessions", "user.password", "user.role", "user.add", "user.add"]
    assert all(entry.who.startswith("command:") for entry in entries(state, Wanted(), 100))
    state.close()


@pytest.mark.parametrize(
    ("words", "given", "message"),
    [
        (["add", "lan", "--role", "reader"], PASSWORD, "first user must be an admin"),
        (["add", "lan", "--role", "admin"], "", "no password on stdin"),
        (["add", "lan", "--role", "admin"], "ngắn", "shorter than 12"),
        (["add", "lan", "--role", "admin"], "aaaaaaaaaaaaaaaa", "few characters"),
        (["add", "nguyenthilan", "--role", "admin"], "NguyenThiLan2026", "user's name"),
        (["add", "lan", "--role", "admin"], "x" * 300 + "abcdef", "longer than 256"),
        (["add", "lan lan", "--role", "admin"], PASSWORD, "cannot be a user's name"),
        (["passwd", "lan"], PASSWORD, "there is no user"),
        (["role", "lan", "admin"], "", "there is no user"),
        (["disable", "lan"], "", "there is no user"),
        (["sessions", "lan"], "", "there is no user"),
    ],
)
def test_what_cannot_be_is_one_readable_error(settings: Settings, words: list[str], given: str, message: str) -> None:
    result = run(settings, *words, given=given)
    assert isinstance(result.exception, AccountError | InputError)
    assert message in str(result.exception)
    assert listed(settings) == []


def test_a_password_is_never_an_argument(settings: Settings) -> None:
    assert run(settings, "add", "lan", PASSWORD, "--role", "admin").exit_code == 2
    assert run(settings, "add", "lan", "--role", "admin", "--password", PASSWORD).exit_code == 2


def test_the_real_command_reads_the_password_from_a_pipe(settings: Settings) -> None:
    environment = {**os.environ, "DIEMBAO_HOME": str(settings.home), "DIEMBAO_CONFIG": str(settings.config)}
    command = [sys.executable, "-m", "cli", "users", "add", "lan", "--role", "admin"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, input=PASSWORD + "\n", capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "")
    assert "lan: admin" in done.stderr
    again = subprocess.run(command, cwd=PROJECT, env=environment, input=PASSWORD + "\n", capture_output=True, text=True, timeout=120)
    assert again.returncode == 2
    assert "there is a user lan already" in again.stderr


def test_doctor_says_who_has_to_log_in(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from cli.health import _accounts

    def said(**web: str) -> list[tuple[str, str]]:
        lines = [f'{name} = "{value}"' for name, value in web.items()]
        (settings.config / "office.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        fresh = Settings(settings.home, settings.config, settings.index, settings.database)
        return [(check.state, check.message) for check in _accounts(fresh)]

    assert said() == [("ok", "no users: nobody has to log in, and the desk is served on this machine only")]
    assert said(base_url="https://diembao.example")[0][0] == "warning"
    run(settings, "add", "lan", "--role", "admin", given=PASSWORD)
    run(settings, "add", "minh", "--role", "reader", given=PASSWORD)
    assert said(base_url="https://diembao.example") == [("ok", "2 users, 1 of them admins; everybody has to log in")]
    monkeypatch.delenv("DIEMBAO_OPENID_SECRET", raising=False)
    with (settings.config / "office.toml").open("a", encoding="utf-8") as stream:
        stream.write('[web.openid]\nissuer = "https://dang-nhap.example"\nclient_id = "diembao"\n')
    fresh = Settings(settings.home, settings.config, settings.index, settings.database)
    assert [check.state for check in _accounts(fresh)] == ["broken", "ok"]


def test_without_users_the_desk_is_served_on_this_machine_only(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigError, match="diembao users add"):
        serve(settings, host="0.0.0.0", port=0)
    # A proxy before it would let everybody in: said, not refused, because the proxy may have a login of its own.
    (settings.config / "office.toml").write_text('base_url = "https://diembao.example"\n', encoding="utf-8")
    fresh = Settings(settings.home, settings.config, settings.index, settings.database)

    class StopError(Exception):
        pass

    def stop(_address: str) -> None:
        raise StopError

    with pytest.raises(StopError):
        serve(fresh, port=0, on_ready=stop)
    assert "everybody who reaches it" in caplog.text
