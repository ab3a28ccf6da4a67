"""Which sources are missing in the intervals of a chart: found once in a while, shown with every search of the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from diembao.clock import start_of_day, vietnam_day
from diembao.engine import CountBucket, Filters, Interval, SearchEngine
from index.coverage import missing_between
from web.searching.chart import MOST_BARS, interval_end

FRESH = timedelta(minutes=5)
"""How old an answer may be: a gap is a matter of hours."""
_KEPT = 200

_Key = tuple[Interval, datetime, datetime, tuple[str, ...], tuple[str, ...]]


class Gaps:
    """Gaps by range and sources; used from several threads at once."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, tuple[datetime, Mapping[datetime, Sequence[str]]]] = OrderedDict()
        self._lock = threading.Lock()

    def of(
        self, engine: SearchEngine, buckets: Sequence[CountBucket], interval: Interval, filters: Filters, now: datetime
    ) -> Mapping[datetime, Sequence[str]]:
        """By the beginning of an interval the ids of the sources that are missing in it.

        A source counts as missing in every hour of a day without an article of it: few publish in every hour.

        Raises:
            EngineError: when the engine fails.
        """
        shown = list(buckets)[-MOST_BARS:]
        if not shown:
            return {}
        begin, end = shown[0].start, interval_end(shown[-1].start, interval)
        if interval == "hour":
            days = self._asked(
                engine, "day", start_of_day(vietnam_day(begin)), start_of_day(vietnam_day(end) + timedelta(days=1)), filters, now
            )
            return {bucket.start: days.get(start_of_day(vietnam_day(bucket.start)), ()) for bucket in shown}
        return self._asked(engine, interval, begin, end, filters, now)

    def _asked(
        self, engine: SearchEngine, interval: Interval, begin: datetime, end: datetime, filters: Filters, now: datetime
    ) -> Mapping[datetime, Sequence[str]]:
        key = (interval, begin, end, tuple(sorted(filters.sources)), tuple(sorted(filters.kinds)))
        with self._lock:
            known = self._known.get(key)
            if known is not None and timedelta() <= now - known[0] < FRESH:
                self._known.move_to_end(key)
                return known[1]
        found = missing_between(engine, begin, end, filters, interval, now)
        with self._lock:
            self._known[key] = now, found
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found
