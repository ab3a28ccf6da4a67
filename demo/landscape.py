"""The press landscape of the demonstration: which page answers what, on which day, and what must come out of each."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import tomli_w

from demo.outlets import (
    OUTLETS,
    PAGES,
    Outlet,
    listing_path,
    picture,
    render_article,
    render_feed,
    render_front,
    render_sitemap,
    same_address,
    source_table,
)
from demo.texts import BEFORE_JUMP, Text, read_texts
from diembao.errors import ConfigError
from diembao.fates import Fate
from diembao.settings import PROJECT
from diembao.urls import article_id

PREFERRED_PORTS = range(8711, 8717)
"""Where the outlets are served when these ports are free: fixed, so that addresses are the same on most machines."""

STATE_FILE = "landscape.json"

Stage = Literal[1, 2]
"""1: the evening before the jump. 2: now, with the jump, one article edited and one taken down."""

FATES: dict[str, tuple[Fate, ...]] = {
    "": (Fate.INDEXED,),
    "wrong_charset": (Fate.INDEXED,),
    "cut_off": (Fate.INDEXED,),
    "taken_down": (Fate.INDEXED,),
    "forbidden": (Fate.BLOCKED_BY_ROBOTS,),
    "not_found": (Fate.NOT_FOUND,),
    "gone": (Fate.GONE,),
    "server_error": (Fate.SERVER_ERROR,),
    "redirect_loop": (Fate.REDIRECT_LOOP,),
    "too_short": (Fate.TOO_SHORT,),
    "not_article": (Fate.NOT_ARTICLE,),
    "broken": (Fate.NOT_ARTICLE, Fate.PARSE_ERROR),
}
"""What may become of a page with each kind of trouble, when it is fetched for the first time."""


@dataclass(frozen=True)
class Answer:
    """What a server says: status, headers and the bytes of the body before compression."""

    status: HTTPStatus
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def for_request(self, if_none_match: str | None, if_modified_since: str | None, accept_encoding: str | None) -> Answer:
        """The answer to a request with these headers: 304 when the client has it already, gzip where it takes that."""
        if self.status is HTTPStatus.OK and self._is_known(if_none_match, if_modified_since):
            kept = {name: value for name, value in self.headers.items() if name in ("ETag", "Last-Modified")}
            return Answer(HTTPStatus.NOT_MODIFIED, b"", kept)
        if self.body and "gzip" in (accept_encoding or "").lower():
            return replace(
                self,
                body=gzip.compress(self.body, mtime=0),
                headers={**self.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"},
            )
        return self

    def _is_known(self, if_none_match: str | None, if_modified_since: str | None) -> bool:
        tag = self.headers.get("ETag")
        # If-None-Match decides alone where it is sent (RFC 9110, 13.1.3).
        if if_none_match is not None:
            known = {entry.strip().removeprefix("W/") for entry in if_none_match.split(",")}
            return tag is not None and (tag in known or "*" in known)
        changed = self.headers.get("Last-Modified")
        if if_modified_since is None or changed is None:
            return False
        try:
            return parsedate_to_datetime(changed) <= parsedate_to_datetime(if_modified_since)
        except (TypeError, ValueError):
            return False


@dataclass(frozen=True)
class ExpectedPage:
    """What must come out of one page.

    Attributes:
        url: its address.
        source: id of its source.
        trouble: what is wrong with it, empty when nothing is.
        fates: the fates that are right; most pages have one.
        text: the article as its writer wrote it, None where there is none to be had. A disguised one stands here as it is served.
        copy_of: address of the text that it reprints, empty when it reprints none of the landscape.
        revised: known before with another text, so it is a new revision.
    """

    url: str
    source: str
    trouble: str
    fates: tuple[Fate, ...]
    text: Text | None
    copy_of: str = ""
    revised: bool = False

    @property
    def id(self) -> str:
        """Id of the article."""
        return article_id(self.url)

    @property
    def is_article(self) -> bool:
        """Whether an article must come out."""
        return self.text is not None


class Landscape:
    """The outlets on one press day. What it serves depends on its anchor and its stage only.

    Attributes:
        folder: where `landscape.json` lies.
        anchor: the moment "now" of the press day, aware UTC.
        ports: port of each outlet on 127.0.0.1.
        stage: 1 or 2.
    """

    def __init__(self, folder: Path, anchor: datetime, ports: dict[str, int], stage: Stage) -> None:
        self.folder = folder
        self.anchor = anchor
        self.ports = ports
        self.stage: Stage = stage
        self._visits = itertools.count(1)

    @classmethod
    def open(cls, folder: Path, now: datetime, preferred_ports: Sequence[int] = PREFERRED_PORTS) -> Landscape:
        """The landscape of `folder`; made with `now` as its anchor when there is none yet, so later runs find the same press day.

        Args:
            folder: where its state is kept; created when missing.
            now: anchor of a new landscape, aware.
            preferred_ports: ports for a new landscape, one per outlet in the order of OUTLETS; a taken or missing one is
                replaced by any free one.

        Raises:
            ConfigError: when the folder cannot be written or its state cannot be read.
        """
        path = folder / STATE_FILE
        if path.exists():
            return cls._read(path)
        ports = dict(zip(OUTLETS, _free_ports(len(OUTLETS), preferred_ports), strict=True))
        landscape = cls(folder, now.astimezone(UTC).replace(second=0, microsecond=0), ports, 1)
        landscape._save()
        return landscape

    @classmethod
    def _read(cls, path: Path) -> Landscape:
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            anchor = datetime.fromisoformat(state["anchor"])
            ports = {outlet: int(state["ports"][outlet]) for outlet in OUTLETS}
            stage = state["stage"]
            if stage not in (1, 2) or anchor.tzinfo is None:
                raise ValueError("stage or anchor")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} cannot be used ({error!r})", "Delete the folder of the demonstration and start it again") from error
        return cls(path.parent, anchor, ports, stage)

    def _save(self) -> None:
        state = {"anchor": self.anchor.isoformat(), "stage": self.stage, "ports": self.ports}
        draft = self.folder / f".{STATE_FILE}.{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
            draft.replace(self.folder / STATE_FILE)
        except OSError as error:
            raise ConfigError(f"{self.folder} cannot be written: {error.strerror}", "Name a folder that you may write to") from error

    @property
    def now(self) -> datetime:
        """The present moment of the press day at this stage (aware UTC)."""
        return self.anchor - BEFORE_JUMP if self.stage == 1 else self.anchor

    def advance(self) -> None:
        """Go on to the second stage and keep that; at the second stage nothing happens."""
        if self.stage == 1:
            self.stage = 2
            self._save()

    @cached_property
    def texts(self) -> dict[str, Text]:
        """Every text of both stages by its key, as first published."""
        return read_texts(self.anchor)

    def base(self, outlet: str) -> str:
        """Address of the outlet without a slash at the end."""
        return f"http://127.0.0.1:{self.ports[outlet]}"

    def url(self, text: Text) -> str:
        """Address of the article."""
        return self.base(text.outlet) + OUTLETS[text.outlet].path(text)

    def published(self, outlet: str | None = None, stage: Stage | None = None) -> list[Text]:
        """The texts that are listed at `stage` (default: the present one), newest first; those without a date last."""
        last = self.anchor - BEFORE_JUMP if (stage or self.stage) == 1 else self.anchor
        shown = [
            text
            for text in self.texts.values()
            if outlet in (None, text.outlet) and (text.published_at is None or text.published_at <= last)
        ]
        return sorted(shown, key=lambda text: (text.published_at or datetime.min.replace(tzinfo=UTC), text.key), reverse=True)

    def answer(self, outlet_id: str, path: str) -> Answer:
        """What the outlet answers to a request for `path` (with query) at the present stage.

        Raises:
            KeyError: for an unknown outlet.
        """
        outlet, path = OUTLETS[outlet_id], same_address(path)
        if path == "/robots.txt":
            return Answer(HTTPStatus.OK, outlet.robots.format(base=self.base(outlet_id)).encode(), {"Content-Type": "text/plain"})
        if path.startswith("/anh/") and path.endswith(".svg"):
            return Answer(HTTPStatus.OK, picture(path[5:-4]).encode(), {"Content-Type": "image/svg+xml"})
        shown = self.published(outlet_id)
        if found := self._list(outlet, path, shown):
            return found
        for text in shown:
            address = same_address(outlet.path(text))
            if path == address or (text.trouble == "redirect_loop" and path == f"{address}?lan=2"):
                return self._article(outlet, text, path)
        markup = "<!DOCTYPE html><html><head><title>404</title></head><body><h1>Không tìm thấy trang</h1></body></html>"
        return Answer(HTTPStatus.NOT_FOUND, markup.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _list(self, outlet: Outlet, path: str, shown: list[Text]) -> Answer | None:
        base, entries = self.base(outlet.id), [(self.url(text), self._version(text)) for text in shown]
        changed = max(
            (text.modified_at or text.published_at or self.anchor for _, text in entries if text.published_at), default=self.anchor
        )
        if outlet.discovery == "feed" and path == "/rss/home.rss":
            return _with_validators(render_feed(outlet, base, entries, changed), "application/rss+xml; charset=utf-8", changed)
        if outlet.discovery == "sitemap" and path == "/news-sitemap.xml":
            return _with_validators(render_sitemap(outlet, entries), "application/xml; charset=utf-8", changed)
        pages = self.listing_pages(outlet, len(shown))
        for number in range(1, pages + 1):
            if path == listing_path(number) or (number == 1 and path == "/"):
                size = outlet.listing_size or 20
                part = entries[(number - 1) * size : number * size]
                markup = render_front(outlet, base, part, number, pages, next(self._visits))
                return Answer(HTTPStatus.OK, markup.encode(), {"Content-Type": "text/html; charset=utf-8"})
        return None

    def listing_pages(self, outlet: Outlet, articles: int) -> int:
        """How many listing pages hold so many articles, at least one."""
        return max(1, -(-articles // outlet.listing_size)) if outlet.listing_size else 1

    def _version(self, text: Text) -> Text:
        return text.edited if self.stage == 2 and text.edited else text

    def _article(self, outlet: Outlet, text: Text, path: str) -> Answer:
        html = {"Content-Type": outlet.content_type}
        if text.trouble == "redirect_loop":
            there = outlet.path(text)
            return Answer(HTTPStatus.FOUND, b"", {"Location": there if path.endswith("?lan=2") else f"{there}?lan=2"})
        status = {"not_found": HTTPStatus.NOT_FOUND, "gone": HTTPStatus.GONE, "server_error": HTTPStatus.INTERNAL_SERVER_ERROR}.get(
            text.trouble
        )
        if text.trouble == "taken_down" and self.stage == 2:
            status = HTTPStatus.GONE
        if status:
            markup = f"<!DOCTYPE html><html><head><title>{status.value}</title></head><body><h1>{status.phrase}</h1></body></html>"
            return Answer(status, markup.encode(), html)
        version = self._version(text)
        body = self._markup(outlet, version)
        if text.trouble == "wrong_charset":
            html = {"Content-Type": "text/html; charset=iso-8859-1"}
        if not outlet.validators:
            return Answer(HTTPStatus.OK, body, html)
        return _with_validators(body, html["Content-Type"], version.modified_at or version.published_at)

    def _markup(self, outlet: Outlet, text: Text) -> bytes:
        older = [
            other
            for other in self.published(outlet.id)
            if not other.trouble and other.published_at and text.published_at and other.published_at < text.published_at
        ]
        if text.trouble == "not_article":
            neighbours = [(self.url(other), other) for other in older[:8]]
            page = PAGES.get_template("gallery.html").render(outlet=outlet, base=self.base(outlet.id), neighbours=neighbours)
            return page.encode()
        markup = render_article(outlet, self.base(outlet.id), text, older[:5], next(self._visits) if not outlet.validators else 0)
        if text.trouble == "broken":
            markup = markup[: markup.index("<title>") + 12]
        if text.trouble == "cut_off":
            # The connection of the newsroom's cache broke in the middle of the last paragraph but one.
            kept = _cut_off(text).body.rpartition("\n")[2]
            markup = markup[: markup.index(kept) + len(kept)]
        return markup.encode()

    def expected(self, crawled: Stage | None = None) -> list[ExpectedPage]:
        """What must come out of every page that a crawl takes up at the present stage.

        Args:
            crawled: the stage at which a complete crawl was made before into the same home, None when there was none.
        """
        before = {text.key for text in self.published(stage=crawled)} if crawled else set()
        return [self._expected(text, text.key in before, crawled) for text in self.published()]

    def _expected(self, text: Text, known: bool, crawled: Stage | None) -> ExpectedPage:
        version, fates = self._version(text), FATES[text.trouble]
        revised = known and crawled == 1 and version is not text
        if text.trouble == "taken_down" and self.stage == 2:
            fates = (Fate.GONE,)
        elif fates == (Fate.INDEXED,) and known and not revised:
            fates = (Fate.UNCHANGED,)
        readable = fates[0] in (Fate.INDEXED, Fate.UNCHANGED)
        origin = self.texts.get(text.copy_of)
        return ExpectedPage(
            url=self.url(text),
            source=text.outlet,
            trouble=text.trouble,
            fates=fates,
            text=(_cut_off(version) if text.trouble == "cut_off" else version) if readable else None,
            copy_of=self.url(origin) if origin else "",
            revised=revised,
        )

    def write_config(self, folder: Path, smtp_port: int, base_url: str = "http://127.0.0.1:8000") -> None:
        """Write everything that an office edits: office.toml, taxonomy.toml, sources/, alerts/.

        What is written replaces what the demonstration wrote before; rules and taxonomy are the project's own.

        Args:
            folder: the folder that DIEMBAO_CONFIG is to name; created when missing.
            smtp_port: port of the mail catcher on 127.0.0.1.
            base_url: how the office's pages are reached; links in mails begin with it.

        Raises:
            ConfigError: when the folder cannot be written.
        """
        office = {
            "name": "Văn phòng UBND tỉnh Đồng Tháp (trình diễn)",
            "province": "Đồng Tháp",
            "language": "vi",
            "base_url": base_url,
            "mail": {"host": "127.0.0.1", "port": smtp_port, "sender": "diembao@localhost", "recipients": ["truyen-thong@localhost"]},
            "crawl": {"contact": "diembao@localhost", "allow_private_addresses": True},
        }
        try:
            for part in ("sources", "alerts"):
                (folder / part).mkdir(parents=True, exist_ok=True)
            (folder / "office.toml").write_text(tomli_w.dumps(office), encoding="utf-8")
            shutil.copyfile(PROJECT / "config" / "taxonomy.toml", folder / "taxonomy.toml")
            for rule in sorted((PROJECT / "config" / "alerts").glob("*.toml")):
                shutil.copyfile(rule, folder / "alerts" / rule.name)
            for outlet in OUTLETS.values():
                pages = self.listing_pages(outlet, len(self.published(outlet.id, 2)))
                table = source_table(outlet, self.base(outlet.id), pages)
                (folder / "sources" / f"{outlet.id}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{folder} cannot be written: {error.strerror}", "Name a folder that you may write to") from error


def _cut_off(text: Text) -> Text:
    """What of `text` arrives when its page breaks off in the middle of the last paragraph but one."""
    *whole, broken, _ = text.blocks
    words = broken.text.split()
    return replace(text, blocks=(*whole, replace(broken, text=" ".join(words[: len(words) // 2]))))


def _with_validators(markup: str | bytes, content_type: str, changed: datetime | None) -> Answer:
    body = markup.encode() if isinstance(markup, str) else markup
    headers = {"Content-Type": content_type, "ETag": f'"{hashlib.sha256(body).hexdigest()[:20]}"'}
    if changed:
        headers["Last-Modified"] = format_datetime(changed.astimezone(UTC).replace(microsecond=0), usegmt=True)
    return Answer(HTTPStatus.OK, body, headers)


def _free_ports(count: int, preferred: Iterable[int]) -> Iterator[int]:
    wanted = [*preferred, *itertools.repeat(0, count)][:count]
    taken: set[int] = set()
    for port in wanted:
        chosen = _reserve(port) or _reserve(0)
        while chosen is None or chosen in taken:
            chosen = _reserve(0)
        taken.add(chosen)
        yield chosen


def _reserve(port: int) -> int | None:
    """`port`, or any free one for 0; None when it is taken.

    A connection is made and closed on it: while its end waits (TIME_WAIT) the system gives the port to nobody who asks for any
    free one, but a server that asks for just this port gets it.
    """
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
            server.listen(1)
        except OSError:
            return None
        with socket.create_connection(server.getsockname()) as client:
            accepted, _ = server.accept()
            accepted.close()
            client.recv(1)
        return int(server.getsockname()[1])
