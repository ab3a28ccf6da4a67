"""The Prefect flow `retrain`: learns from corrections when there are enough new ones. Only `diembao models train` decides what is used."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from html import escape
from typing import Any

from prefect import flow

from alerts.briefing.sending import Content, queue_notice
from alerts.outbox import send_due
from diembao.clock import utc_now
from diembao.errors import DiembaoError
from diembao.settings import Settings, read_settings
from diembao.state import Progress, State
from flows.running import alone, show, tell_why
from index.corrections import history
from index.feedback import BY_SOURCE
from nlp.models.promotion import LABELS

WORK = "retrain"


@flow(name="retrain", description="học từ sửa đổi của cán bộ, qua cổng kiểm tra", on_failure=[tell_why], on_crashed=[tell_why])
def retrain(at: datetime | None = None) -> dict[str, Any]:
    """Train when enough corrections came since the last time; the gate of `diembao models train` keeps the present model unless beaten.

    Args:
        at: the moment, aware; default: now.

    Returns:
        `{"new", "needed", "trained", "promoted", "told"}`; `told` is one line for a person.
    """
    settings, now = read_settings(), at or utc_now()
    with alone(settings, "retrain"):
        state = State(settings.database)
        try:
            result = learn_if_worth_it(settings, state, now)
        finally:
            state.close()
    show("retrain", result["told"])
    return result


def learn_if_worth_it(settings: Settings, state: State, now: datetime) -> dict[str, Any]:
    """The same without Prefect.

    Raises:
        DiembaoError: when the training failed; the next run tries again.
    """
    needed = settings.office.retrain.corrections
    with state.session() as session:
        last = session.get(Progress, WORK)
        since = datetime.fromisoformat(last.cursor["at"]) if last else None
        new = sum(
            row.in_force and row.field in LABELS and (since is None or row.given_at > since) and row.given_at <= now
            for row in history(session)
            if not row.given_by.startswith(BY_SOURCE)
        )
    if new < needed:
        told = f"{new} new corrections, {needed} are needed: the present model stays"
        return {"new": new, "needed": needed, "trained": False, "promoted": False, "told": told}
    answer = train(settings)
    promoted = bool(answer.get("promoted"))
    deed = "a new model is in use, run `diembao retag`" if promoted else "the present model stays"
    told = f"{new} new corrections were learnt from, {deed}: {answer.get('why') or 'no reason given'}"
    vietnamese = f"Đã học từ {new} sửa đổi mới; " + ("mô hình mới được dùng." if promoted else "vẫn dùng mô hình cũ.")
    with state.session() as session:
        cursor = {"at": now.isoformat(), "promoted": promoted, "told": told}
        session.merge(Progress(work=WORK, target="", cursor=cursor, updated_at=now))
        html = f"<!DOCTYPE html><html lang=vi><meta charset=utf-8><p>{escape(vietnamese)}</p><p>{escape(told)}</p></html>"
        notice = Content(vietnamese, f"{vietnamese}\n\n{told}\n", html)
        queue_notice(session, settings.office, f"retrain:{now:%Y-%m-%dT%H:%M}", notice, now)
    send_due(state, settings.office.mail, now)
    return {"new": new, "needed": needed, "trained": True, "promoted": promoted, "told": told}


def train(settings: Settings) -> dict[str, Any]:
    """`diembao models train` in a process of its own: what it learns with does not stay in the memory of this one.

    Raises:
        DiembaoError: when it failed; carries its last line.
    """
    command = [sys.executable, "-m", "cli", "models", "train", "--json"]
    done = subprocess.run(command, env=settings.environment, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise DiembaoError(f"training failed with exit code {done.returncode}: {said[-1]}", "Try it by hand: diembao models train")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer
