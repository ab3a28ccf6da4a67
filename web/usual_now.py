"""What is usual just now, worked out once an hour for all readers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.coverage import Coverage
from alerts.usual import AHEAD, Part, Usual, usual_coverage
from diembao.errors import DiembaoError
from web.desk import Desk

_FRESH = timedelta(hours=1)
_USABLE = timedelta(hours=AHEAD - 1)

_log = logging.getLogger(__name__)


@dataclass
class UsualNow:
    """The last answers, by what was asked. An answer older than an hour is used once more while the next one is worked out."""

    _known: dict[Hashable, tuple[datetime, Usual]] = field(default_factory=dict)
    _working: set[Hashable] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, desk: Desk, parts: Mapping[str, Part], reach: timedelta, now: datetime) -> Usual:
        """What is usual of `parts`, for the hours of `reach` before now and the present one.

        Raises:
            EngineError: when the engine fails.
        """
        key = tuple(parts.items()), reach
        with self._lock:
            known = self._known.get(key)
            age = now - known[0] if known else None
            if known and age is not None and timedelta() <= age < _USABLE:
                if age >= _FRESH and key not in self._working:
                    self._working.add(key)
                    threading.Thread(target=self._renew, args=(key, desk, parts, reach, now), name="usual", daemon=True).start()
                return known[1]
        return self._work_out(key, desk, parts, reach, now)

    def _work_out(self, key: Hashable, desk: Desk, parts: Mapping[str, Part], reach: timedelta, now: datetime) -> Usual:
        found = usual_coverage(Coverage(desk.engine, now, desk.settings.taxonomy), parts, reach)
        with self._lock:
            usable = {kept: known for kept, known in self._known.items() if timedelta() <= now - known[0] < _USABLE}
            self._known = usable | {key: (now, found)}
        return found

    def _renew(self, key: Hashable, desk: Desk, parts: Mapping[str, Part], reach: timedelta, now: datetime) -> None:
        try:
            self._work_out(key, desk, parts, reach, now)
        except DiembaoError as error:  # the next reader asks again
            _log.warning("what is usual could not be worked out: %s", error)
        finally:
            with self._lock:
                self._working.discard(key)
