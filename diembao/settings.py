"""Settings: read once in `main`, passed down, never read at import."""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from diembao import __version__
from diembao.errors import ConfigError
from diembao.taxonomy import Taxonomy, read_taxonomy

_log = logging.getLogger(__name__)
PROJECT = Path(__file__).resolve().parent.parent


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mail(_Table):
    """The office's mail server and who gets mail."""

    host: str = "127.0.0.1"
    port: int = Field(default=25, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password_env: str = "DIEMBAO_SMTP_PASSWORD"  # noqa: S105 - the name of a variable, not a password
    sender: str = "diembao@localhost"
    recipients: tuple[str, ...] = ()
    operators: tuple[str, ...] = Field(default=(), description="who is told of broken sources and flows; empty: the recipients")


class Subscriber(_Table):
    """Which alerts somebody gets, and when.

    Attributes:
        rules: names of the rules that are wanted; empty: all.
        quiet: hours without messages in Vietnam's time, such as "22:00-06:00"; empty: none.
        escalations: an alert that has doubled, or that nobody answered, is told in quiet hours too.
        most_per_hour: more messages about alerts than this in an hour are told together in the next one.
    """

    rules: tuple[str, ...] = ()
    quiet: str = ""
    escalations: bool = True
    most_per_hour: int = Field(default=10, ge=1, le=1000)

    @field_validator("quiet")
    @classmethod
    def _is_span(cls, value: str) -> str:
        match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", value)
        if value and (not match or match.groups()[:2] == match.groups()[2:]):
            raise ValueError("write the quiet hours as 22:00-06:00")
        return value


class Person(Subscriber):
    """Who gets alerts, briefing and reports by mail in a way of their own; one who is only in `mail.recipients` gets everything.

    Attributes:
        address: one plain mailbox.
        language: of the mails; None: the office's.
        briefing: gets the morning briefing.
        reports: gets the weekly and the monthly report.
        fields: codes of the fields of the briefing that are wanted; empty: all.
    """

    address: str
    language: Literal["vi", "en"] | None = None
    briefing: bool = True
    reports: bool = True
    fields: tuple[str, ...] = ()


_NAME = r"^[a-z0-9][a-z0-9_-]{0,40}$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"


class Service(Subscriber):
    """A messenger or push service that `apprise` knows (docs/alerts.md).

    Attributes:
        name: id in the outbox.
        url_env: name of the environment variable that holds the service's address, which is a secret.
    """

    name: str = Field(pattern=_NAME)
    url_env: str = Field(pattern=_VARIABLE)


class Escalation(_Table):
    """Who is told when nobody answers: the first of `chain` at once, each next one after so many minutes, or when the alert doubles.

    Attributes:
        chain: mail addresses and names of services, at least two.
        after_minutes: how long the others wait for an answer (a button of the message).
        rules: names of the rules that this holds for; empty: all.
    """

    chain: tuple[str, ...] = Field(min_length=2, max_length=20)
    after_minutes: int = Field(default=30, ge=5, le=1440)
    rules: tuple[str, ...] = ()

    @field_validator("chain")
    @classmethod
    def _is_a_chain(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("name each one once")
        return value


class Webhook(_Table):
    """A program that is told of alerts by a signed POST (docs/alerts.md).

    Attributes:
        name: id in the outbox.
        url: http or https, without a user name.
        secret_env: name of the environment variable that holds the key of the signature.
        rules: names of the rules that are wanted; empty: all.
        allow_private_addresses: it may be inside the office's own network.
    """

    name: str = Field(pattern=_NAME)
    url: str = Field(max_length=2000)
    secret_env: str = Field(pattern=_VARIABLE)
    rules: tuple[str, ...] = ()
    allow_private_addresses: bool = False

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            port_is_fine = parts.port is None or parts.port > 0
        except ValueError as error:
            raise ValueError(f"not a web address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine or re.search(r"[^!-~]", value):
            raise ValueError("write an address that begins with https:// or http://")
        if parts.username is not None or parts.fragment:
            raise ValueError("write the address without user name and fragment")
        return value


class Department(_Table):
    """Who answers for stories of these fields, topics or places; the one that matches most closely is proposed.

    Attributes:
        name: as the briefing prints it.
        name_en: the same in English; empty: `name`.
        fields, topics: codes of taxonomy.toml.
        places: names of administrative units ("Thành phố Cao Lãnh") or today's provinces; a story in none of them is not proposed to it.
    """

    name: str = Field(min_length=1, max_length=200)
    name_en: str = ""
    fields: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


class BriefingTimes(_Table):
    """When the morning briefing is written and sent, by Vietnam's clock.

    Attributes:
        draft_at: when the draft is written that staff may edit.
        at: when what is then on the page is sent.
        days: weekdays on which there is one, Monday is 1; what the press said on the other days is in the next one.
        most_per_field: stories of a field that are chosen by themselves.
    """

    draft_at: str = "05:30"
    at: str = "06:30"
    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    most_per_field: int = Field(default=12, ge=1, le=100)

    @field_validator("draft_at", "at")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError("write the time as 06:30")
        return value

    @field_validator("days")
    @classmethod
    def _are_weekdays(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or set(value) - set(range(1, 8)):
            raise ValueError("write weekdays as numbers, Monday is 1: [1, 2, 3, 4, 5]")
        return tuple(sorted(set(value)))


class Retrain(_Table):
    """When the models learn anew by themselves: so many corrections after the last time."""

    corrections: int = Field(default=50, ge=1, le=100_000)


class Crawl(_Table):
    """How the crawler introduces itself, and whether it may look inside the network."""

    contact: str = ""
    allow_private_addresses: bool = False
    poll_minutes: tuple[float, float] | None = Field(
        default=None, description="shortest and longest time between two polls of a feed, sitemap or listing; none: in every round"
    )

    units_per_day: dict[str, int] = Field(
        default_factory=dict,
        description="quota of each API key by the name of its variable, where it is not the usual one (docs/voices.md)",
    )

    @field_validator("poll_minutes")
    @classmethod
    def _is_a_range(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 1 <= value[0] <= value[1] <= 1440:
            raise ValueError("write the shortest and the longest time in minutes, such as [2, 15]")
        return value

    @property
    def user_agent(self) -> str:
        """One honest user agent with a contact address."""
        return f"DiemBao/{__version__} (press monitoring; +{self.contact or 'contact not set'})"


class Retention(_Table):
    """For how many days what each kind of source says is kept; None: for good. Then it is erased from every place (docs/production.md)."""

    newspaper: int | None = Field(default=None, ge=1)
    portal: int | None = Field(default=None, ge=1)
    forum: int | None = Field(default=None, ge=1)
    social: int | None = Field(default=None, ge=1)
    video: int | None = Field(default=None, ge=1)
    feedback: int | None = Field(default=None, ge=1)

    def days(self) -> dict[str, int]:
        """Days by kind, of the kinds that are not kept for good."""
        return {kind: days for kind, days in self.model_dump().items() if days is not None}


class OpenId(_Table):
    """A provider of OpenID Connect that staff log in with, besides passwords (docs/accounts.md).

    Attributes:
        issuer: its address, exactly as it names itself; https, except on this machine.
        client_id: what it knows the desk by.
        secret_env: name of the environment variable that holds the client's secret.
        name: what stands on the button.
        claim: claim that is compared with the names of users at the first login; the provider must not let people choose it.
        new_users: role of somebody who is not a user yet; empty: may not come in.
    """

    issuer: str
    client_id: str = Field(min_length=1)
    secret_env: str = Field(default="DIEMBAO_OPENID_SECRET", pattern=_VARIABLE)
    name: str = "OpenID Connect"
    claim: str = "preferred_username"
    new_users: Literal["", "reader", "editor"] = ""

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        parts = urlsplit(value)
        if not parts.hostname or parts.query or parts.fragment or not is_https_or_here(value):
            raise ValueError("write the provider's address, beginning with https://")
        return value


def is_https_or_here(url: str) -> bool:
    """Whether `url` is https, or stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))


class Web(_Table):
    """Where the page is served.

    Attributes:
        host: address to listen at; another than this machine's own needs users (docs/accounts.md).
        port: 0 takes a free one.
        proxies: addresses of the office's own reverse proxies, whose X-Forwarded-For is believed.
        openid: None: users log in with a password only.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    proxies: tuple[str, ...] = ()
    openid: OpenId | None = None


class Office(_Table):
    """`office.toml`."""

    name: str = "Điểm Báo"
    province: str | None = Field(default=None, description="today's province (34) that the office serves")
    language: Literal["vi", "en"] = "vi"
    base_url: str = "http://127.0.0.1:8000"
    mail: Mail = Mail()
    people: tuple[Person, ...] = ()
    services: tuple[Service, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    escalation: tuple[Escalation, ...] = ()
    departments: tuple[Department, ...] = ()
    briefing: BriefingTimes = BriefingTimes()
    retrain: Retrain = Retrain()
    crawl: Crawl = Crawl()
    retention: Retention = Retention()
    web: Web = Web()

    @model_validator(mode="after")
    def _names_are_clear(self) -> Self:
        for what, names in (
            ("people: address", [person.address for person in self.people]),
            ("services: name", [service.name for service in self.services]),
            ("webhooks: name", [hook.name for hook in self.webhooks]),
        ):
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"{what}: {twice!r} stands there twice")
        known = {service.name for service in self.services}
        for chain in self.escalation:
            if strange := next((one for one in chain.chain if "@" not in one and one not in known), None):
                raise ValueError(f"escalation: chain: {strange!r} is neither a mail address nor the name of a service")
        return self


class _OfficeWatch:
    """The office as a file says, read anew when the file is another one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, ...], Office] | None = None

    def read(self) -> Office:
        """The office. Raises ConfigError for a file that was wrong from the beginning."""
        try:
            status = self._path.stat()
            mark: tuple[int, ...] = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            mark = ()
        known = self._read
        if known is not None and known[0] == mark:
            return known[1]
        try:
            office = read_office(self._path)
        except ConfigError as error:
            if known is None:
                raise
            _log.error("%s: the office stays as it was", error)
            office = known[1]
        self._read = (mark, office)  # one assignment: safe among threads
        return office


@dataclass(frozen=True)
class Settings:
    """Where things are kept (`home`), what the office edits (`config`), the engine and the database.

    Attributes:
        home: folder of everything that is kept; created when missing.
        config: folder of office.toml, taxonomy.toml, sources/ and alerts/.
        index: "sqlite" or the address of an Elasticsearch.
        database: SQLAlchemy URL of the relational state.
    """

    home: Path
    config: Path
    index: str
    database: str

    @property
    def office_file(self) -> Path:
        """The file of the office."""
        return self.config / "office.toml"

    @property
    def office(self) -> Office:
        """The office as its file says now; defaults when office.toml is missing.

        What changes while a process runs (the page of the administration, somebody's editor) is known to it at once. A file that becomes
        unreadable meanwhile changes nothing and is told in the log; read for the first time it is an error.

        Raises:
            ConfigError: when the file is wrong.
        """
        return self._office_watch.read()

    @cached_property
    def _office_watch(self) -> _OfficeWatch:
        return _OfficeWatch(self.office_file)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """Topics and fields. Raises ConfigError."""
        return read_taxonomy(self.config / "taxonomy.toml")

    @property
    def sources_folder(self) -> Path:
        """Folder of the sources' TOML files."""
        return self.config / "sources"

    @property
    def alerts_folder(self) -> Path:
        """Folder of the alert rules' TOML files."""
        return self.config / "alerts"

    @property
    def archive_folder(self) -> Path:
        """Folder of the WARC files."""
        return self.home / "archive"

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the variables that give another process the same settings."""
        return {
            **os.environ,
            "DIEMBAO_HOME": str(self.home),
            "DIEMBAO_CONFIG": str(self.config),
            "DIEMBAO_INDEX": self.index,
            "DIEMBAO_DATABASE": self.database,
        }

    @property
    def runs_folder(self) -> Path:
        """Folder with one folder per crawl run."""
        return self.home / "runs"


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process.

    `DIEMBAO_HOME` (default `data/` in the project's folder), `DIEMBAO_CONFIG` (`config/` there), `DIEMBAO_INDEX`
    ("sqlite"), `DIEMBAO_DATABASE` (a SQLite file in the home).

    Raises:
        ConfigError: when the home cannot be created or written, the configuration folder is missing, or the index address
            is neither "sqlite" nor http(s).
    """
    home = Path(environment.get("DIEMBAO_HOME") or PROJECT / "data").expanduser().resolve()
    config = Path(environment.get("DIEMBAO_CONFIG") or PROJECT / "config").expanduser().resolve()
    index = environment.get("DIEMBAO_INDEX") or "sqlite"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"DIEMBAO_HOME {home} cannot be created: {error.strerror}", "Name a folder that you may write to") from error
    if not os.access(home, os.W_OK):
        raise ConfigError(f"DIEMBAO_HOME {home} cannot be written", "Name a folder that you may write to")
    if not config.is_dir():
        raise ConfigError(f"DIEMBAO_CONFIG {config} is not a folder", "Name the folder that holds office.toml and sources/")
    if index != "sqlite" and not index.startswith(("http://", "https://")):
        raise ConfigError(f"DIEMBAO_INDEX {index!r} is not known", "Use sqlite or an address such as http://127.0.0.1:9200")
    return Settings(home, config, index, environment.get("DIEMBAO_DATABASE") or f"sqlite:///{home / 'state.sqlite'}")


def read_office(path: Path) -> Office:
    """The office of `path`; all defaults when the file is missing.

    Raises:
        ConfigError: when the file is wrong; names the file and the place in it.
    """
    if not path.exists():
        return Office()
    try:
        return Office.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{'.'.join(map(str, first['loc']))}: " if first["loc"] else ""
        raise ConfigError(f"{path}: {where}{first['msg'].removeprefix('Value error, ')}", "Mend the entry") from error
