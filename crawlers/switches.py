"""A source that staff switch off while it is crawled: what is on its way comes in, nothing else is asked for in the same run."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

from diembao.errors import ConfigError
from diembao.source import Source, read_source

_EVERY = 1.0
"""Seconds after which the file of a source is looked at again."""


class Switches:
    """What the files say by now.

    Args:
        folder: config/sources; None: nothing is looked at.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._looked: dict[str, tuple[float, int, bool]] = {}

    def is_off(self, source: Source) -> bool:
        """Whether `source` was on when the run began and its file switches it off by now. A file that cannot be read switches nothing."""
        if self._folder is None or not source.enabled:
            return False
        at, changed, off = self._looked.get(source.id, (float("-inf"), -1, False))
        now = monotonic()
        if now - at < _EVERY:
            return off
        path = self._folder / f"{source.id}.toml"
        try:
            before, changed = changed, path.stat().st_mtime_ns
            if changed != before:
                off = not read_source(path).enabled
        except (OSError, ConfigError):
            off = False
        self._looked[source.id] = (now, changed, off)
        return off
