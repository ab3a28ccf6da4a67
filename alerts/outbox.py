"""The outbox: hands queued messages to the mail server, to services and to webhooks, each at most once.

A message is marked `sending` and committed just before the line that ends its text is handed over. If the process dies between that
and the server's answer, nobody can know whether the server took it; such a message becomes `unknown` and is not sent again by itself:
one mail too few is seen in the log, one too many makes people distrust the next. Everything that fails before is tried again with
growing pauses; a permanent refusal of one address fails that message only.
"""

from __future__ import annotations

import http.client
import os
import re
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update

from alerts.mail import Composed
from alerts.service import SERVICE, Push
from alerts.webhook import PREFIX, Post
from diembao.errors import DeliveryError
from diembao.settings import Mail
from diembao.state import OutboxMessage, State

PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720, 1440))
"""Waits before the second, third, … attempt; after the last one a message has failed."""
CLAIM = timedelta(minutes=10)
"""A message that is `sending` for longer belongs to a process that died."""
TIMEOUT = 30.0
_MOST_HANGS = 3

_OTHERS: dict[str, tuple[type[Post] | type[Push], str]] = {PREFIX: (Post, "webhook"), SERVICE: (Push, "service")}
"""By the beginning of their keys the messages that are no mails."""

UNKNOWN = "the process or the connection ended while the server was taking the message: it may have arrived, so it is not sent again"


@dataclass
class SendReport:
    """What became of the due messages.

    Attributes:
        sent: taken by the server in this call.
        failed: given up in this call: refused for good, or tried too often.
        unknown: found or left in doubt in this call; see UNKNOWN.
        waiting: messages that still wait in the outbox, after this call.
        problems: one line for each thing that went wrong, with what to do.
    """

    sent: int = 0
    failed: int = 0
    unknown: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list)

    def raise_problems(self) -> None:
        """Raise DeliveryError with the first problem, if there is one."""
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            raise DeliveryError(f"{self.problems[0]}{more}", f"{self.waiting} messages wait and are kept")


def send_due(
    state: State, mail: Mail, now: datetime, *, timeout: float = TIMEOUT, environment: Mapping[str, str] = os.environ
) -> SendReport:
    """Send what is due at `now`.

    Args:
        state: the database with the outbox.
        mail: the server.
        now: aware UTC; back-off counts from it.
        timeout: seconds that the server may take for each answer.
        environment: where the password is (`mail.password_env`).

    Returns:
        What happened; a server that is away is a line in `problems`, no exception, and the messages stay.

    Raises:
        StateError: when the database fails.
    """
    report = SendReport()
    _give_up_dead_claims(state, now, report)
    with state.session() as session:
        due = select(OutboxMessage.key).where(OutboxMessage.status == "waiting", OutboxMessage.next_attempt_at <= now)
        every = list(session.scalars(due.order_by(OutboxMessage.created_at, OutboxMessage.key)))
    keys = [key for key in every if _kind(key) is None]
    server: smtplib.SMTP | None = None
    hangs = 0
    try:
        for key in keys:
            if server is None:
                try:
                    server = _connect(mail, timeout, environment)
                except (OSError, smtplib.SMTPException) as error:
                    report.problems.append(
                        f"the mail server {mail.host}:{mail.port} cannot be used: {_reason(error)}; check [mail] in office.toml"
                    )
                    _postpone(state, keys[keys.index(key) :], now, _reason(error), report)
                    break
            server, hung = _send_one(state, server, mail, key, now, report)
            hangs = hangs + 1 if hung else 0
            if hangs >= _MOST_HANGS:
                report.problems.append(f"the mail server {mail.host}:{mail.port} does not answer; check it, then: diembao alerts evaluate")
                break
    finally:
        if server is not None:
            _leave(server)
    _send_others(state, [key for key in every if _kind(key) is not None], now, timeout, environment, report)
    with state.session() as session:
        report.waiting = session.scalar(select(func.count()).select_from(OutboxMessage).where(OutboxMessage.status == "waiting")) or 0
    return report


def send_one_now(
    mail: Mail, recipient: str, message: Composed, *, timeout: float = TIMEOUT, environment: Mapping[str, str] = os.environ
) -> None:
    """Hand `message` to the mail server at once, beside the outbox: for a test of the server, which nobody waits for later.

    Raises:
        DeliveryError: when the server is away or refuses.
    """
    try:
        server = _connect(mail, timeout, environment)
        try:
            server.sendmail(mail.sender, [recipient], message.content)
        finally:
            _leave(server)
    except (OSError, smtplib.SMTPException) as error:
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            error = smtplib.SMTPResponseException(*error.recipients[recipient])
        what = f"the mail server {mail.host}:{mail.port} did not take the mail: {_reason(error)}"
        raise DeliveryError(what, "Check [mail] in office.toml") from error


def _give_up_dead_claims(state: State, now: datetime, report: SendReport) -> None:
    with state.session() as session:
        dead = select(OutboxMessage).where(OutboxMessage.status == "sending", OutboxMessage.next_attempt_at <= now)
        for message in session.scalars(dead):
            message.status, message.error = "unknown", UNKNOWN
            report.unknown += 1
            report.problems.append(f"{_what(message.key)} {message.recipient} ({message.key}): {UNKNOWN}")


def _connect(mail: Mail, timeout: float, environment: Mapping[str, str]) -> smtplib.SMTP:
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if mail.security == "tls":
        server = smtplib.SMTP_SSL(mail.host, mail.port, timeout=timeout, context=context)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=timeout)
    try:
        server.ehlo_or_helo_if_needed()
        if mail.security == "starttls":
            server.starttls(context=context)
            server.ehlo()
        if mail.username:
            server.login(mail.username, environment.get(mail.password_env, ""))
    except BaseException:
        server.close()
        raise
    return server


def _send_one(
    state: State, server: smtplib.SMTP, mail: Mail, key: str, now: datetime, report: SendReport
) -> tuple[smtplib.SMTP | None, bool]:
    """Send one message; returns the connection if it can be used again, and whether the server hung."""
    with state.session() as session:
        message = session.get(OutboxMessage, key)
        if message is None or message.status != "waiting":
            return server, False
        recipient, content = message.recipient, message.message
    try:
        _expect(server.mail(mail.sender))
        _expect(server.rcpt(recipient))
    except smtplib.SMTPResponseException as error:
        _refused(state, key, now, error, recipient, report)
        return _again(server), False
    except (OSError, smtplib.SMTPException) as error:
        _postpone(state, [key], now, _reason(error), report)
        report.problems.append(f"mail to {recipient}: {_reason(error)}; it is tried again")
        server.close()
        return None, isinstance(error, TimeoutError)
    try:
        # A server takes a mail only with the line that ends it: until then a death of this process loses nothing.
        _expect(server.docmd("DATA"), 354)
        server.send(_as_data(content))
    except smtplib.SMTPResponseException as error:
        _refused(state, key, now, error, recipient, report)
        return _again(server), False
    except (OSError, smtplib.SMTPException) as error:
        _postpone(state, [key], now, _reason(error), report)
        report.problems.append(f"mail to {recipient}: {_reason(error)}; it is tried again")
        server.close()
        return None, isinstance(error, TimeoutError)
    if not _claim(state, key, now):
        server.close()  # before the end of the text: the server forgets it
        return None, False
    try:
        server.send(b".\r\n")
        _expect(server.getreply())
    except smtplib.SMTPResponseException as error:
        _refused(state, key, now, error, recipient, report)
        return _again(server), False
    except (OSError, smtplib.SMTPException) as error:
        _mark(state, key, status="unknown", error=f"{UNKNOWN} ({_reason(error)})")
        report.unknown += 1
        report.problems.append(f"mail to {recipient} ({key}): {UNKNOWN}")
        server.close()
        return None, True
    _mark(state, key, status="sent", sent_at=now, error=None)
    report.sent += 1
    return server, False


def _claim(state: State, key: str, now: datetime) -> bool:
    """Mark the message as being sent; only one process can. From here on the receiver may have it."""
    with state.session() as session:
        claim = update(OutboxMessage).where(OutboxMessage.key == key, OutboxMessage.status == "waiting")
        values = {"status": "sending", "attempts": OutboxMessage.attempts + 1, "next_attempt_at": now + CLAIM}
        return cast(CursorResult[Any], session.execute(claim.values(**values))).rowcount == 1


def _kind(key: str) -> tuple[type[Post] | type[Push], str] | None:
    """How a message that is no mail is sent, and what it is called."""
    return next((kind for prefix, kind in _OTHERS.items() if key.startswith(prefix)), None)


def _send_others(state: State, keys: list[str], now: datetime, timeout: float, environment: Mapping[str, str], report: SendReport) -> None:
    """Hand over what is due; one receiver that is away or hangs is left for this time and holds up no other."""
    away: set[tuple[str, str]] = set()
    for key in keys:
        kind = _kind(key)
        with state.session() as session:
            message = session.get(OutboxMessage, key)
            if kind is None or message is None or message.status != "waiting" or (kind[1], message.recipient) in away:
                continue
            name, content = message.recipient, message.message
        way, what = kind
        post: Post | Push | None = None
        try:
            try:
                post = way(content, now, timeout, environment)
                post.connect()
            except (DeliveryError, OSError) as error:
                _postpone(state, [key], now, _reason(error), report)
                report.problems.append(f"{what} {name}: {_reason(error)}; it is tried again; check [[{what}s]] in office.toml")
                away.add((what, name))
                continue
            try:
                if not _claim(state, key, now):
                    continue
                answer = post.send()
            except (OSError, http.client.HTTPException) as error:
                _mark(state, key, status="unknown", error=f"{UNKNOWN} ({_reason(error)})")
                report.unknown += 1
                report.problems.append(f"{what} {name} ({key}): {UNKNOWN}")
                away.add((what, name))
                continue
        finally:
            if post is not None:
                post.close()
        if answer.taken:
            _mark(state, key, status="sent", sent_at=now, error=None)
            report.sent += 1
        elif answer.final:
            _mark(state, key, status="failed", error=answer.reason)
            report.failed += 1
            report.problems.append(f"{what} {name} refused the alert: {answer.reason}; correct it in [[{what}s]] of office.toml")
        else:
            _postpone(state, [key], now, answer.reason, report)
            report.problems.append(f"{what} {name} cannot take it now: {answer.reason}; it is tried again")


def _expect(answer: tuple[int, bytes], *codes: int) -> None:
    code, text = answer
    if code not in (codes or (250, 251)):
        raise smtplib.SMTPResponseException(code, text)


def _as_data(content: bytes) -> bytes:
    """The text as it goes behind DATA: whole lines that end with CRLF, a dot at their beginning doubled; without the line that ends it."""
    lines = re.sub(rb"\r\n|\n|\r", b"\r\n", content)
    return re.sub(rb"(?m)^\.", b"..", lines if lines.endswith(b"\r\n") else lines + b"\r\n")


def _again(server: smtplib.SMTP) -> smtplib.SMTP | None:
    """The connection ready for the next message, or None when it is not."""
    try:
        code, _ = server.rset()
    except (OSError, smtplib.SMTPException):
        server.close()
        return None
    return server if code == 250 else None


def _refused(state: State, key: str, now: datetime, error: smtplib.SMTPResponseException, recipient: str, report: SendReport) -> None:
    """A negative answer: the server does not have the message. 5xx is for good, 4xx for now."""
    reason = _reason(error)
    if 500 <= error.smtp_code < 600:
        _mark(state, key, status="failed", error=reason)
        report.failed += 1
        report.problems.append(f"mail to {recipient} was refused: {reason}; correct the address in [mail] of office.toml")
    else:
        _postpone(state, [key], now, reason, report)
        report.problems.append(f"mail to {recipient} was put off by the server: {reason}; it is tried again")


def _postpone(state: State, keys: list[str], now: datetime, reason: str, report: SendReport) -> None:
    with state.session() as session:
        for key in keys:
            message = session.get(OutboxMessage, key)
            if message is None or message.status not in ("waiting", "sending"):
                continue
            if message.status == "waiting":
                message.attempts += 1
            message.error = reason
            if message.attempts > len(PAUSES):
                message.status = "failed"
                report.failed += 1
                report.problems.append(f"{_what(key)} {message.recipient} is given up after {message.attempts} attempts: {reason}")
            else:
                message.status = "waiting"
                message.next_attempt_at = now + PAUSES[message.attempts - 1]


def _what(key: str) -> str:
    kind = _kind(key)
    return "mail to" if kind is None else kind[1]


def _mark(state: State, key: str, **values: Any) -> None:
    with state.session() as session:
        session.execute(update(OutboxMessage).where(OutboxMessage.key == key).values(**values))


def _leave(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        return " ".join(f"{error.smtp_code} {text}".split())[:300]
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return " ".join((getattr(error, "strerror", None) or str(error) or type(error).__name__).split())[:300]
