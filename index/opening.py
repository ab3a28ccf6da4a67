"""The engine of an installation."""

from __future__ import annotations

from diembao.engine import SearchEngine
from diembao.settings import Settings
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine

ABBREVIATIONS_FILE = "abbreviations_search.toml"


def open_engine(settings: Settings) -> SearchEngine:
    """The engine that `settings.index` names; nothing is created before it is used.

    Raises:
        ConfigError: when the file of abbreviations or the address is wrong.
    """
    abbreviations = read_abbreviations(settings.config / ABBREVIATIONS_FILE)
    if settings.index == "sqlite":
        return SqliteEngine(settings.home / "index.sqlite", abbreviations)
    from index.elasticsearch_engine import ElasticsearchEngine  # slow to import, and not everybody's engine

    return ElasticsearchEngine(settings.index, abbreviations)
