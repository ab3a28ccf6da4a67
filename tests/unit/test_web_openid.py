"""Logging in with OpenID Connect, against a provider that runs in the test."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from httpx import Response as Answer
from joserfc import jwt
from joserfc.jwk import RSAKey

from diembao.errors import ConfigError
from diembao.settings import Settings
from diembao.state import UserRecord
from tests.browser.press import NOW, press
from tests.unit.accounts_desk import PASSWORD, QUICK, Clock, Office, Visitor
from web.accounts.users import add_user, find_user, set_disabled
from web.app import create_app
from web.serving import served

CLIENT, SECRET = "diembao", "a-secret-of-the-test"


@dataclass
class Provider:
    """What the provider says; a test makes it say something wrong."""

    address: str = ""
    name: str = "lan"
    subject: str = "subject-1"
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, parameters={"kid": "one"}))
    signs_with: Any = None
    algorithm: str = "RS256"
    description: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    is_broken: bool = False


def by_hand(header: dict[str, str], claims: dict[str, Any], key: bytes) -> str:
    """A token as an attacker makes it, whom no library stops."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)]
    signature = hmac.new(key, ".".join(parts).encode(), hashlib.sha256).digest() if key else b""
    return ".".join([*parts, urlsafe_b64encode(signature).decode().rstrip("=")])


def provider_app(provider: Provider) -> FastAPI:
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    def description() -> Response:
        if provider.is_broken:
            return Response("oops", 500)
        return JSONResponse(
            {
                "issuer": provider.issuer or provider.address,
                "authorization_endpoint": f"{provider.address}/authorize",
                "token_endpoint": f"{provider.address}/token",
                "jwks_uri": f"{provider.address}/keys",
                **provider.description,
            }
        )

    @app.get("/keys")
    def keys() -> JSONResponse:
        return JSONResponse({"keys": [provider.key.as_dict(private=False)]})

    @app.get("/authorize")
    def authorize(request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT, "code", "S256")
        assert "openid" in asked["scope"].split()
        code = f"code-{len(provider.codes)}"
        provider.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 303)

    @app.post("/token")
    def token(request: Request, code: Annotated[str, Form()], code_verifier: Annotated[str, Form()] = "") -> JSONResponse:
        asked = provider.codes.pop(code, None)
        challenge = urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).decode().rstrip("=")
        has_secret = requests.auth._basic_auth_str(CLIENT, SECRET) == request.headers.get("authorization")
        if asked is None or not has_secret or asked["code_challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(NOW.timestamp())
        claims = {
            "iss": provider.address, "aud": CLIENT, "sub": provider.subject, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "preferred_username": provider.name,
        } | provider.claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": provider.algorithm, "kid": "one"}
        if isinstance(provider.signs_with, bytes):
            signed = by_hand(header, claims, provider.signs_with)
        else:
            signed = jwt.encode(header, claims, provider.signs_with or provider.key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": signed})

    return app


@contextmanager
def desk_with(provider: Provider, folder: Path, more: str = "") -> Iterator[Office]:
    clock = Clock()
    with press(folder) as (app, engine, state):
        before: Settings = app.state.desk.settings
        text = (before.config / "office.toml").read_text(encoding="utf-8")
        text += f'\n[web.openid]\nissuer = "{provider.address}"\nclient_id = "{CLIENT}"\nname = "Cổng <b>tỉnh</b>"\n{more}\n'
        (before.config / "office.toml").write_text(text, encoding="utf-8")
        settings = Settings(before.home, before.config, before.index, before.database)
        add_user(state, QUICK, "admin", "admin", PASSWORD, NOW, "command:test")
        add_user(state, QUICK, "lan", "editor", None, NOW, "admin")
        yield Office(create_app(settings, engine, state, clock, QUICK), state, clock)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("DIEMBAO_OPENID_SECRET", SECRET)
    provider = Provider()
    with served(provider_app(provider)) as address:
        provider.address = address
        yield provider


@pytest.fixture
def office(provider: Provider, tmp_path: Path) -> Iterator[Office]:
    with desk_with(provider, tmp_path) as office:
        yield office


def at_provider(visitor: Visitor, wanted: str = "/alerts") -> str:
    """Go to the provider and log in there: the path with which it sends the browser back."""
    sent = visitor.get("/login/openid", params={"next": wanted})
    assert sent.status_code == 303, sent.text
    back = requests.get(sent.headers["location"], allow_redirects=False, timeout=10).headers["location"]
    return back.removeprefix("http://127.0.0.1:8000")


def through(visitor: Visitor, wanted: str = "/alerts") -> Answer:
    return visitor.get(at_provider(visitor, wanted))


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/alerts").status_code == 200


def test_a_user_of_the_provider_comes_in_and_gets_where_she_wanted(office: Office, provider: Provider) -> None:
    visitor = office.visitor()
    page = visitor.soup("/login?next=/search%3Fq%3Da")
    link = page.select_one("a[href^='/login/openid']")
    assert link is not None
    assert link.get_text() == "Đăng nhập bằng Cổng <b>tỉnh</b>"
    answer = through(visitor, "/search?q=a")
    assert (answer.status_code, answer.headers["location"]) == (303, "/search?q=a")
    assert is_in(visitor)
    assert "lan" in visitor.get("/account").text
    assert office.log("user.bind")[0].after == {"subject": f"{provider.address} subject-1"}
    assert office.log("login.done")[-1].who == "lan"
    # Bound for good: the provider may rename her.
    provider.name = "lan.moi"
    again = office.visitor()
    assert through(again).status_code == 303
    assert is_in(again)


def test_nobody_comes_in_as_somebody_else(office: Office, provider: Provider) -> None:
    assert through(office.visitor()).status_code == 303
    for subject, name in (
        ("subject-2", "lan"),  # the name is bound to another subject
        ("subject-3", "admin"),  # has a password: is never bound
        ("subject-4", "unknown"), ("subject-5", ""), ("subject-6", "../admin"), ("x" * 600, "lan"),
    ):  # fmt: skip
        provider.subject, provider.name = subject, name
        visitor = office.visitor()
        answer = through(visitor)
        assert answer.status_code == 403
        assert "chưa được phép" in answer.text
        assert not is_in(visitor)
    provider.subject = "subject-1"
    set_disabled(office.state, "lan", True, NOW, "admin")
    assert through(office.visitor()).status_code == 403


def test_new_people_come_in_only_where_the_office_says_so(provider: Provider, tmp_path: Path) -> None:
    provider.subject, provider.name = "subject-9", "Moi.Den"
    with desk_with(provider, tmp_path, 'new_users = "reader"') as office:
        visitor = office.visitor()
        assert through(visitor).status_code == 303
        assert is_in(visitor)
        assert find_user(office.state, "moi.den").role == "reader"
        assert office.log("user.add")[-1].who == "openid"


def test_an_answer_is_good_once_and_for_the_browser_that_asked(office: Office) -> None:
    attacker, victim = office.visitor(), office.visitor()
    stolen = at_provider(attacker)
    victim.get("/login")
    assert victim.get(stolen).status_code == 403  # somebody else's answer would log the victim in as the attacker
    assert office.visitor().get(stolen).status_code == 403
    assert not is_in(victim)
    assert attacker.get(stolen).status_code == 303
    fresh = office.visitor()
    fresh.client.cookies.update(attacker.client.cookies)
    fresh.client.cookies.delete("diembao-session")
    assert fresh.get(stolen).status_code == 403


@pytest.mark.parametrize("part", ["state", "code"])
@pytest.mark.parametrize("value", ["", "forged", "a.b", "x" * 9_000, "\u1ea5"])
def test_a_forged_answer_is_refused(office: Office, part: str, value: str) -> None:
    visitor = office.visitor()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(at_provider(visitor)).query).items()}
    assert visitor.get("/login/openid/back", params=asked | {part: value}).status_code == 403
    assert not is_in(visitor)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": None}, {"iss": "https://evil.example"}, {"iss": None},
        {"exp": int(NOW.timestamp()) - 120}, {"exp": None}, {"sub": None}, {"iat": int(NOW.timestamp()) + 3_600},
        {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_this_login_is_refused(office: Office, provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims = claims
    visitor = office.visitor()
    assert through(visitor).status_code == 403
    assert not is_in(visitor)


def test_a_token_that_the_provider_has_not_signed_is_refused(office: Office, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "one"})
    assert through(office.visitor()).status_code == 403
    # The public key taken for a shared secret, the client's secret for a key, and no signature at all.
    for key, algorithm in ((provider.key.as_pem(private=False), "HS256"), (SECRET.encode(), "HS256"), (b"", "none")):
        provider.signs_with, provider.algorithm = key, algorithm
        assert through(office.visitor()).status_code == 403
    provider.signs_with, provider.algorithm = None, "RS256"
    assert through(office.visitor()).status_code == 303


def test_a_broken_or_foreign_provider_is_told_and_passwords_still_work(office: Office, provider: Provider) -> None:
    for wrong in (
        {"is_broken": True}, {"issuer": "https://evil.example"}, {"description": {"authorization_endpoint": "http://evil.example/a"}},
        {"description": {"authorization_endpoint": "javascript:alert(1)"}}, {"description": {"authorization_endpoint": None}},
    ):  # fmt: skip
        for name, value in {"is_broken": False, "issuer": "", "description": {}, **wrong}.items():
            setattr(provider, name, value)
        visitor = office.visitor()
        answer = visitor.get("/login/openid")
        assert answer.status_code == 503
        assert "Hãy thử lại" in answer.text
        assert visitor.log_in("admin").status_code == 303


def test_a_user_without_a_password_cannot_log_in_with_one(office: Office) -> None:
    for password in ("", "None", PASSWORD):
        assert office.visitor().log_in("lan", password).status_code == 401
    assert office.visitor().log_in("admin").status_code == 303


def test_an_admin_adds_a_user_without_a_password(office: Office, provider: Provider) -> None:
    admin = office.of("admin")
    answer = admin.post("/admin/users", {"name": "minh", "role": "reader", "openid": "1"}, of="/admin/users")
    assert answer.status_code == 303
    with office.state.session() as session:
        assert session.get_one(UserRecord, "minh").password_hash is None
    provider.name, provider.subject = "minh", "subject-7"
    assert through(office.visitor()).status_code == 303


def test_without_a_provider_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.accounts_desk import office_with_users

    with office_with_users(tmp_path / "a") as office:
        assert office.visitor().get("/login/openid").status_code == 404
        assert office.visitor().get("/login/openid/back").status_code == 404
    monkeypatch.delenv("DIEMBAO_OPENID_SECRET", raising=False)
    provider = Provider(address="http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="DIEMBAO_OPENID_SECRET"), desk_with(provider, tmp_path / "b"):
        pass
    provider.address = "http://dang-nhap.example"
    with pytest.raises(ConfigError, match="https"), desk_with(provider, tmp_path / "c"):
        pass


def test_the_clock_of_the_desk_decides(office: Office) -> None:
    office.clock.move(timedelta(minutes=10))
    assert through(office.visitor()).status_code == 403
