"""The Prefect flow `retag`: what an older step, model or topic list tagged is tagged anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import flow

from diembao.clock import utc_now
from diembao.settings import read_settings
from diembao.state import State
from flows import retagging
from flows.running import tell_why
from index import open_engine
from nlp.tagging import Tagger


@flow(name="retag", description="gán nhãn lại những bài do phiên bản cũ gán", on_failure=[tell_why], on_crashed=[tell_why])
def retag(step: str | None = None, limit: int | None = None) -> dict[str, Any]:
    """Tag anew what is old; nothing is read when a run before has looked through everything for the same versions.

    Args:
        step: only this step.
        limit: at most so many articles; the next run goes on behind them.

    Returns:
        `{"seen", "retagged", "relinked", "failed", "complete"}`.
    """
    settings = read_settings()
    state, engine = State(settings.database), open_engine(settings)
    try:
        engine.prepare()
        return asdict(retagging.retag(state, engine, Tagger.of(settings), utc_now, step, limit, again=False))
    finally:
        engine.close()
        state.close()
