"""The engine of an installation."""

from __future__ import annotations

from typing import Protocol

from diembao.engine import SearchEngine
from diembao.settings import Settings
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine


class RebuildableEngine(SearchEngine, Protocol):
    """A search engine that can build its index anew from the articles in it."""

    def rebuild(self) -> int:
        """Build the index anew; searches go on meanwhile. Returns the number of articles."""
        ...


ABBREVIATIONS_FILE = "abbreviations_search.toml"


def open_engine(settings: Settings) -> RebuildableEngine:
    """The engine that `settings.index` names; nothing is created before it is used.

    Raises:
        ConfigError: when the file of abbreviations or the address is wrong.
    """
    abbreviations = read_abbreviations(settings.config / ABBREVIATIONS_FILE)
    if settings.index == "sqlite":
        return SqliteEngine(settings.home / "index.sqlite", abbreviations)
    from index.elasticsearch_engine import ElasticsearchEngine  # slow to import, and not everybody's engine

    return ElasticsearchEngine(settings.index, abbreviations)
