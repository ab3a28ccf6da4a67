"""A mail server for the demonstration: takes every mail on loopback and keeps it as a file."""

from __future__ import annotations

import asyncio
import re
import socket
import unicodedata
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from diembao.errors import DeliveryError

LIMIT = 32 * 1024 * 1024
"""Bytes of the largest mail that is taken."""


class _Keeper:
    """Keeps each mail as `0001-subject.eml`; a mail is never seen half written and never overwrites another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.original_content or b""
        subject = str(message_from_bytes(content, policy=policy.default).get("Subject", ""))
        # Names without accents can be typed in any terminal.
        letters = unicodedata.normalize("NFD", subject.lower().replace("đ", "d")).encode("ascii", "ignore").decode()
        words = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:60].strip("-") or "mail"
        received = b"".join(b"X-Demo-Recipient: %s\r\n" % recipient.encode("utf-8", "replace") for recipient in envelope.rcpt_tos)
        number = len(list(self._folder.glob("*.eml"))) + 1
        draft = self._folder / f".incoming-{id(envelope):x}"
        try:
            draft.write_bytes(received + content)
            while True:
                try:
                    (self._folder / f"{number:04d}-{words}.eml").hardlink_to(draft)
                    break
                except FileExistsError:
                    number += 1
        except OSError:
            return "452 The mail could not be kept"
        finally:
            draft.unlink(missing_ok=True)
        return "250 Kept"


@dataclass(frozen=True)
class Mailbox:
    """A running catcher: `port` on 127.0.0.1, and the folder where its mails lie."""

    folder: Path
    port: int

    def mails(self) -> list[Path]:
        """The kept mails, oldest first; those of earlier runs too."""
        return sorted(self.folder.glob("*.eml"))


class _Controller(Controller):
    """Serves on a socket that is bound already: a port that is only asked for could be taken in between."""

    def __init__(self, keeper: _Keeper, listening: socket.socket) -> None:
        self._listening = listening
        super().__init__(keeper, hostname="127.0.0.1", port=listening.getsockname()[1])

    def factory(self) -> SMTP:
        return SMTP(self.handler, data_size_limit=LIMIT, enable_SMTPUTF8=True, decode_data=False, hostname="localhost", loop=self.loop)

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listening)


@contextmanager
def catch_mail(folder: Path) -> Iterator[Mailbox]:
    """Take mail on a free port of 127.0.0.1 while the context lasts, each kept as an `.eml` file in `folder`.

    Raises:
        DeliveryError: when the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeliveryError(f"{folder} cannot be made: {error.strerror}", "Name a folder that you may write to") from error
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    controller = _Controller(_Keeper(folder), listening)
    controller.start()
    try:
        yield Mailbox(folder, controller.port)
    finally:
        controller.stop()
