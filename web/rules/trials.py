"""Trying a rule on the past without holding up the page: one trial at a time, a few that wait, an answer when it is there."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from alerts.coverage import Coverage
from alerts.evaluation import replay
from alerts.rule import Rule
from diembao.alert import Alert
from diembao.engine import SearchEngine, SearchRequest
from diembao.state import State
from diembao.taxonomy import Taxonomy

DAYS = 90
WAIT = 6.0
"""Seconds that the page waits for a trial; it goes on behind, and the next look finds its answer."""
_MOST_WAITING = 4
_KEPT = 20
_UNTOLD = ("name", "label", "people", "enabled")
"""What changes nothing about when a rule fires."""


@dataclass(frozen=True)
class Trial:
    """What a rule would have done in the last DAYS.

    Attributes:
        alerts: what it would have told, newest first.
        articles: how many articles match what it watches at all.
        since: from when on articles were collected, aware UTC; None: during all of the time.
    """

    alerts: tuple[Alert, ...]
    articles: int
    since: datetime | None

    @property
    def a_month(self) -> float:
        """Alerts in thirty days."""
        return len(self.alerts) * 30 / DAYS


def fingerprint(table: Mapping[str, Any]) -> str:
    """The same for tables that fire alike."""
    told = {key: value for key, value in table.items() if key not in _UNTOLD and value is not None}
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]


def try_rule(rule: Rule, engine: SearchEngine, state: State, taxonomy: Taxonomy, now: datetime) -> Trial:
    """What `diembao alerts try` says of `rule`. Raises QueryError, EngineError, StateError."""
    since = now - timedelta(days=DAYS)
    span = replace(rule.filters, published_from=since, published_to=now)
    articles = engine.search(SearchRequest(rule.query, span, limit=0, facets=False, highlight=False)).total
    found = replay(rule, engine, now, taxonomy, since, state)
    coverage = Coverage(engine, now, taxonomy)
    begun = coverage.collecting_since(coverage.first_day(since))
    return Trial(tuple(reversed(found)), articles, begun if begun > since + timedelta(days=1) else None)


class Trials:
    """Trials by what is tried. Answers are kept for a while, so that looking again costs nothing."""

    def __init__(self, wait: float = WAIT) -> None:
        self._wait = wait
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rule-trial")
        self._known: OrderedDict[str, Future[Trial]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, key: str, work: Callable[[], Trial]) -> Trial | None:
        """The trial called `key`, begun now if it is not known; None: it is still going on, or too many wait. Raises what `work` raises."""
        with self._lock:
            future = self._known.get(key)
            if future is None:
                if sum(not one.done() for one in self._known.values()) >= _MOST_WAITING:
                    return None
                future = self._known[key] = self._pool.submit(work)
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        try:
            return future.result(timeout=self._wait)
        except NotYetError:
            return None
        except BaseException:
            with self._lock:
                self._known.pop(key, None)
            raise
