"""Logging in with a provider of OpenID Connect: the authorization code flow with PKCE.

State, nonce and the code's verifier are all derived from the cookie of the login page, so nothing has to be kept between the two
requests, and an answer that was meant for another browser fits nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from diembao.errors import DiembaoError
from diembao.settings import OpenId, is_https_or_here

PATH: Final = "/login/openid"
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]
"""Signatures with a key that only the provider has: neither "none" nor a shared secret."""
_SECONDS = 10
_LEEWAY_SECONDS = 60
_LONGEST_STATE = 8_000
_HINT = "Try again; if it stays so, look at [web.openid] of office.toml and at the provider"


class OpenIdError(DiembaoError):
    """The provider cannot be reached, or what came back is not its answer to this browser."""


@dataclass(frozen=True)
class Identity:
    """Who the provider says it is.

    Attributes:
        subject: issuer and subject, which never change.
        name: the claim that is compared with users' names; empty: there is none.
    """

    subject: str
    name: str


class OpenIdConnect:
    """The desk as a client of one provider.

    Args:
        settings: the provider.
        base_url: how browsers reach the desk.
        secret: of the client.
    """

    def __init__(self, settings: OpenId, base_url: str, secret: str) -> None:
        self._settings = settings
        self._session = OAuth2Session(
            settings.client_id,
            secret,
            scope="openid profile email",
            redirect_uri=f"{base_url.rstrip('/')}{PATH}/back",
            code_challenge_method="S256",
        )

    def address(self, visit: str, wanted: str) -> str:
        """Where the browser logs in.

        Args:
            visit: the cookie of the login page.
            wanted: where the reader wants to get afterwards; a path of the desk.

        Raises:
            OpenIdError: when the provider cannot be reached or describes itself wrongly.
        """
        endpoint = self._endpoint(self._description(), "authorization_endpoint")
        found, _ = self._session.create_authorization_url(
            endpoint, state=_state(visit, wanted), code_verifier=_derived(visit, "verifier"), nonce=_derived(visit, "nonce")
        )
        return str(found)

    def identity(self, visit: str, state: str, code: str, now: datetime) -> tuple[Identity, str]:
        """Who came back with `code`, and where the reader wanted to get.

        Args:
            visit: the cookie of the login page.
            state: as it came back.
            code: as it came back.
            now: aware UTC.

        Raises:
            OpenIdError: when the answer was meant for another browser, or the provider refuses it, or its token is not right.
        """
        wanted = _wanted(visit, state)
        if wanted is None or not code:
            raise OpenIdError("this answer of the login provider was not asked for by this browser", "Begin again on the login page")
        description = self._description()
        try:
            answer = self._session.fetch_token(
                self._endpoint(description, "token_endpoint"), code=code, code_verifier=_derived(visit, "verifier"), timeout=_SECONDS
            )
        except (AuthlibBaseError, requests.RequestException, ValueError) as error:
            raise OpenIdError(f"the login provider refuses the answer: {error}", _HINT) from error
        claims = self._claims(str(answer.get("id_token", "")), description, _derived(visit, "nonce"), now)
        name = claims.get(self._settings.claim)
        return Identity(f"{self._settings.issuer} {claims['sub']}", name if isinstance(name, str) else ""), wanted

    def _claims(self, token: str, description: Mapping[str, Any], nonce: str, now: datetime) -> Mapping[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            keys = KeySet.import_key_set(self._fetched(self._endpoint(description, "jwks_uri")))  # type: ignore[arg-type]
            claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
            registry.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise OpenIdError(f"the token of the login provider is not right: {error}", _HINT) from error
        others = claims["aud"] if isinstance(claims["aud"], list) else []
        if len(others) > 1 and claims.get("azp") != self._settings.client_id:
            raise OpenIdError("the token of the login provider was made for another program", _HINT)
        return claims

    def _description(self) -> Mapping[str, Any]:
        found = self._fetched(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._settings.issuer:
            raise OpenIdError(f"the login provider calls itself {found.get('issuer')!r}", "Write exactly that as issuer in [web.openid]")
        return found

    def _fetched(self, url: str) -> Mapping[str, Any]:
        try:
            response = requests.get(url, timeout=_SECONDS, allow_redirects=False)
            found = response.json() if response.status_code == 200 else None
        except (requests.RequestException, ValueError) as error:
            raise OpenIdError(f"the login provider does not answer: {error}", _HINT) from error
        if not isinstance(found, dict):
            raise OpenIdError(f"the login provider answers {response.status_code} at {url}", _HINT)
        return found

    @staticmethod
    def _endpoint(description: Mapping[str, Any], name: str) -> str:
        found = description.get(name)
        if not isinstance(found, str) or not is_https_or_here(found):
            raise OpenIdError(f"the login provider names no safe {name}", _HINT)
        return found


def _derived(visit: str, what: str) -> str:
    made = hmac.new(visit.encode("utf-8", "replace"), f"openid\0{what}".encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _state(visit: str, wanted: str) -> str:
    packed = base64.urlsafe_b64encode(wanted.encode("utf-8", "replace")).decode().rstrip("=")
    return f"{_derived(visit, f'state {packed}')}.{packed}"


def _wanted(visit: str, state: str) -> str | None:
    signature, _, packed = state[:_LONGEST_STATE].partition(".")
    expected = _derived(visit, f"state {packed}")
    if not visit or not hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
        return None
    try:
        return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
