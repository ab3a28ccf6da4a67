"""Alerts for messengers and push services, by `apprise`: a short text that is understood on a locked telephone.

apprise answers yes or no; whether a message may have arrived is read from the requests that it made (`alerts/service_process.py`,
a process of its own, which is ended when the service hangs).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from queue import Empty, Queue
from threading import Thread
from typing import Any

from alerts.alert_words import AlertLabels
from alerts.mail import Cause, alert_view, answer_link, one_line
from alerts.webhook import REPEAT, Answer
from diembao.alert import Alert
from diembao.errors import DeliveryError
from diembao.settings import PROJECT, Office, Service
from diembao.taxonomy import Taxonomy

SERVICE = "service:"
"""Keys of the outbox that begin so are messages to services."""
_STORIES = 3
_MOST_ALERTS = 5
_LONGEST = 3000
_START_SECONDS = 60.0
_BEHIND = (502, 504)
"""A gateway says so when it does not know what became of the request behind it."""


def service_message(
    service: Service,
    told: Sequence[tuple[Alert, Cause, str]],
    office: Office,
    taxonomy: Taxonomy,
    names: Mapping[str, str],
    next_step: str = "",
) -> bytes:
    """The message as the outbox keeps it: which variable holds the service's address, and what is said.

    Args:
        service: where it goes.
        told: each alert with why it is told and the ticket for its links; at least one.
        office: name and address of the pages.
        taxonomy: names of the fields.
        names: names of the sources by id.
        next_step: what happens when nobody answers; empty: nothing.
    """
    t = AlertLabels(office.language)
    views = [(alert_view(alert, office, taxonomy, cause, names, t.language), token) for alert, cause, token in told]
    title = views[0][0]["subject"] if len(views) == 1 else f"{t('alerts', n=len(views))}: {one_line(office.name, 100)}"
    parts = [_text(view, answer_link(office, token), alone=len(views) == 1) for view, token in views[:_MOST_ALERTS]]
    if len(views) > _MOST_ALERTS:
        parts.append(f"{t('more_alerts', n=len(views) - _MOST_ALERTS)}: {office.base_url.rstrip('/')}/alerts")
    if next_step:
        parts.append(next_step)
    is_over = all(cause == "ended" for _, cause, _ in told)
    message = {"url_env": service.url_env, "title": one_line(tame(title), 200), "body": "\n\n".join(parts)[:_LONGEST], "is_over": is_over}
    return json.dumps(message, ensure_ascii=False).encode()


def _text(view: Mapping[str, Any], answer: str, *, alone: bool) -> str:
    alert: Alert = view["alert"]
    t: AlertLabels = view["t"]
    lines = [] if alone else [tame(view["subject"])]
    if alone and not alert.reason:
        lines.append(f"{alert.observed} {view['unit_name']} {t('in_hours', n=view['hours'])}; {t.usual_level} {view['expected']}.")
    lines.append(tame(view["explanation"]))
    if alone:
        lines += [f"• {tame(story['title'])} ({tame(story['meta'])})" for story in view["stories"][:_STORIES]]
    lines += [f"{t.look}: {view['alert_link']}", f"{t.reply}: {answer}"]
    return "\n".join(lines)


def tame(text: str) -> str:
    """`text` from the web without what messengers take for a call to everyone, a link or markup.

    >>> tame("@everyone <!channel> [bấm](http://x.vn)")
    '＠everyone ‹!channel› (bấm)(http://x.vn)'
    """
    return text.translate(str.maketrans("@<>[]`", "＠‹›()'"))


class Push:
    """One message on its way: `connect`, then `send`. What fails before `send` was certainly not taken.

    Args:
        content: see service_message.
        now: not used; every kind of message is made with the same four.
        timeout: seconds that the service may take.
        environment: where the service's address is.

    Raises:
        DeliveryError: when the address is not set; `connect` when it is no address of a service that apprise knows.
    """

    def __init__(self, content: bytes, now: datetime, timeout: float, environment: Mapping[str, str]) -> None:
        self._message = json.loads(content)
        self._timeout = timeout
        variable = self._message["url_env"]
        self._url = environment.get(variable, "").strip()
        if not self._url:
            raise DeliveryError(
                f"the environment variable {variable} is not set", "It holds the address of the service, as apprise writes it"
            )
        self._process: subprocess.Popen[str] | None = None
        self._lines: Queue[str] = Queue()

    def connect(self) -> None:
        """Start the process and let it read the address. Raises DeliveryError or OSError."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "alerts.service_process"],
            cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        )  # fmt: skip
        Thread(target=self._read, args=(self._process,), daemon=True).start()
        self._say(json.dumps({**self._message, "url": self._url, "timeout": self._timeout}))
        if not self._hear(_START_SECONDS).get("ready"):
            variable = self._message["url_env"]
            raise DeliveryError(
                f"{variable} holds no address that apprise knows", "Write it as apprise's documentation of the service says"
            )

    def send(self) -> Answer:
        """Let the process send, and read what came of it. Raises OSError: it may have been taken."""
        self._say("send")
        outcome = self._hear(self._timeout)
        answers = [answer for method, answer in outcome["exchanges"] if method != "GET"]
        if outcome["sent"]:
            return Answer(True, True, "taken")
        refused = [answer for answer in answers if isinstance(answer, int) and answer not in _BEHIND and not 200 <= answer < 300]
        unreached = [answer for answer in answers if answer == "unreached"]
        if len(refused) + len(unreached) < len(answers) or not outcome["exchanges"]:
            raise OSError("the service did not say whether it took the message")
        if refused and not unreached and all(answer < 500 and answer not in REPEAT for answer in refused):
            return Answer(False, True, f"the service answered {refused[0]}")
        return Answer(False, False, f"the service answered {refused[0]}" if refused else "the service cannot be reached")

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        with suppress(OSError, ValueError):  # closed meanwhile
            for line in process.stdout or ():
                self._lines.put(line)
        self._lines.put("")

    def _say(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise DeliveryError("not connected")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=seconds)
        except Empty as error:
            raise TimeoutError("no answer in time") from error
        if not line:
            raise OSError("the process that talks to the service ended")
        heard: dict[str, Any] = json.loads(line)
        return heard
