"""What every page needs: the engine, the state, the clock, the office's names, and the way to show a template."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from diembao import __version__
from diembao.clock import VIETNAM, Clock
from diembao.corrections import as_text
from diembao.engine import IRRELEVANT, SearchEngine
from diembao.errors import ConfigError
from diembao.settings import Settings
from diembao.source import read_source, source_files
from diembao.state import State
from diembao.taxonomy import Taxonomy
from web.accounts.actor import actor_of
from web.accounts.passwords import Passwords
from web.accounts.sessions import form_token
from web.articles.marking import marked, unmarked, web_link
from web.searching.addresses import SearchAddress
from web.searching.gaps import Gaps
from web.security import SECURITY_HEADERS
from web.texts import LANGUAGES, Language, Texts, as_language

if TYPE_CHECKING:
    from web.accounts.openid import OpenIdConnect

LANGUAGE_COOKIE = "lang"
_YEAR = 365 * 24 * 3600
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """What the pages work with; one for the application.

    Attributes:
        settings: names of the office, its topics and sources.
        engine: finds and counts articles.
        state: revisions and the alert log.
        clock: the present moment.
        form_secret: what the forms are bound to while nobody has to log in. New with every start.
        passwords: hashes and checks them.
        gaps: remembers which sources were missing when.
    """

    settings: Settings
    engine: SearchEngine
    state: State
    clock: Clock
    form_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    passwords: Passwords = field(default_factory=Passwords, repr=False)
    gaps: Gaps = field(default_factory=Gaps, repr=False)

    @cached_property
    def templates(self) -> Environment:
        """The templates; whatever they show is escaped, and a forgotten value is an error."""
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"marked": marked, "unmarked": unmarked, "web_link": web_link}
        environment.filters["corrected_text"] = lambda value, field: as_text(field, value)
        return environment

    @property
    def source_names(self) -> Mapping[str, str]:
        """Names of the sources by id, read anew when a file comes or goes; a broken file costs its own name only."""
        folder = self.settings.sources_folder
        return _read_names(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0)

    def texts(self, request: Request) -> Texts:
        """The texts in the reader's language: `?lang=`, else the cookie, else the office's language."""
        kept = as_language(request.cookies.get(LANGUAGE_COOKIE), self.settings.office.language)
        return Texts(as_language(request.query_params.get("lang"), kept), self.clock())

    @property
    def is_https(self) -> bool:
        """Whether staff reach the page by https."""
        return self.settings.office.base_url.startswith("https:")

    @cached_property
    def openid(self) -> OpenIdConnect | None:
        """The provider that staff log in with besides passwords; None when office.toml names none.

        Raises:
            ConfigError: when the environment lacks its secret.
        """
        settings = self.settings.office.web.openid
        if settings is None:
            return None
        secret = os.environ.get(settings.secret_env, "")
        if not secret:
            raise ConfigError(f"{settings.secret_env} is not set", "Put the secret of [web.openid] into this environment variable")
        from web.accounts.openid import OpenIdConnect

        return OpenIdConnect(settings, self.settings.office.base_url, secret)

    def form_token(self, request: Request) -> str:
        """What a form must send back in its field `token` (or a script in the header X-Form-Token); every page has it as `form_token`.

        The gate refuses everything that changes something without it (web/accounts/gate.py).
        """
        return form_token(actor_of(request).binding)

    def cookie(self, name: str) -> str:
        """The full name of a cookie of ours; under https one that no other host and no insecure page can set."""
        return f"__Host-diembao-{name}" if self.is_https else f"diembao-{name}"

    def set_cookie(self, response: Response, name: str, value: str) -> None:
        """Set a cookie of ours that ends with the browser and that scripts and other sites do not get; the empty value takes it away."""
        response.set_cookie(
            self.cookie(name), value, max_age=None if value else 0, httponly=True, secure=self.is_https, samesite="lax", path="/"
        )

    def page(
        self, request: Request, template: str, status: int = 200, *, place_names: Mapping[str, str] | None = None, **context: Any
    ) -> HTMLResponse:
        """A page in the reader's language; an asked-for language is kept in a cookie.

        Args:
            request: what is answered.
            template: file in templates/.
            status: HTTP status.
            place_names: names of administrative units by code, as far as the page knows them.
            context: what the template shows.
        """
        texts = self.texts(request)
        html = self.templates.get_template(template).render(
            t=texts,
            version=__version__,
            names=Names(self.settings.taxonomy, self.source_names, place_names or {}, texts),
            office=self.settings.office,
            actor=actor_of(request),
            form_token=self.form_token(request),
            path=request.url.path,
            switches=[(language, _switch(request, language)) for language in LANGUAGES if language != texts.language],
            today=texts.now.astimezone(VIETNAM).date(),
            # What the frame of a page shows unless the page says otherwise.
            **{"address": SearchAddress(), "problems": {}, "mistake": None, "query_problem": "", **context},
        )
        # Where a browser does not take "Clear-Site-Data" at the logout (plain http), nothing may be left for the next reader's "back".
        cache = "private, no-store" if actor_of(request).via == "session" and not self.is_https else "private, no-cache"
        response = HTMLResponse(html, status, {"Content-Language": texts.language, "Vary": "Cookie", "Cache-Control": cache})
        response.headers.update(SECURITY_HEADERS)
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE,
                texts.language,
                max_age=_YEAR,
                httponly=True,
                secure=self.is_https,
                samesite="lax",
                path="/",
            )
        return response


@lru_cache(maxsize=8)
def _read_names(folder: Path, _changed: int) -> Mapping[str, str]:
    names = {}
    for path in source_files(folder):
        try:
            names[path.stem] = read_source(path).name
        except ConfigError as error:
            _log.warning("%s", error)
    return names


def _switch(request: Request, language: Language) -> str:
    """This page's address in `language`, relative to the host: the Host header is not trusted."""
    # A path that begins with two slashes would name another host.
    return "/" + request.url.include_query_params(lang=language).replace(scheme="", netloc="")._url.lstrip("/")


def desk_of(request: Request) -> Desk:
    """The desk of the application that answers `request`."""
    return cast(Desk, request.app.state.desk)


@dataclass(frozen=True)
class Names:
    """How codes are shown to people in one language."""

    taxonomy: Taxonomy
    sources: Mapping[str, str]
    places: Mapping[str, str]
    texts: Texts

    def __call__(self, facet: str, value: str) -> str:
        """The name of `value` of `facet` (topic, sentiment, critical_of, place, source, kind)."""
        if facet == "topic":
            return self.texts("topic.irrelevant") if value == IRRELEVANT else self.taxonomy.topic_name(value, self.texts.language)
        if facet == "source":
            return self.sources.get(value, value)
        if facet in ("sentiment", "critical_of", "kind"):
            return self.texts(f"{facet}.{value}")
        return self.places.get(value, value) if facet == "place" else value
